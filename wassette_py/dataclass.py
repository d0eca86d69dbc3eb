"""`dataclass`, `field` and `replace` as the standard library has them, without what makes those slow to import.

A class of the standard library's is written as source text and compiled, a third of a millisecond each, and importing it costs five more:
for the classes between a start and its first call that was a third of all the time. These have the same methods as closures. What else
is done with data classes (`asdict`, a subclass by the other decorator, tools that look at fields) goes by `__dataclass_fields__`, which is
the standard library's own, made when somebody asks for it.
"""

from __future__ import annotations

import operator

__all__ = ["dataclass", "field", "replace"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dataclasses import dataclass, field, replace
else:
    _MISSING = object()

    class _Field:
        """What `field` was told."""

        def __init__(self, default, factory, *, compare, repr):
            self.default = default
            self.factory = factory
            self.compare = compare
            self.repr = repr

    def field(*, default=_MISSING, default_factory=_MISSING, compare=True, repr=True):
        """How a field differs from others."""
        return _Field(default, default_factory, compare=compare, repr=repr)

    def replace(value, /, **changes):
        """`value` with other values in some fields."""
        known = vars(value)
        return type(value)(
            **{name: changes.pop(name) if name in changes else known[name] for name in type(value).__match_args__}, **changes
        )

    def dataclass(cls=None, /, *, frozen=False, order=False):
        """Gives a class with annotated fields its methods; those it has stay."""
        if cls is None:
            return lambda cls: dataclass(cls, frozen=frozen, order=order)
        fields = {}
        for base in cls.__mro__[:0:-1]:
            fields.update(base.__dict__.get("__own_fields__", {}))
        for name in cls.__annotations__:
            given = cls.__dict__.get(name, _MISSING)
            if not isinstance(given, _Field):
                fields[name] = _Field(given, _MISSING, compare=True, repr=True)
                continue
            fields[name] = given
            if given.default is _MISSING:
                delattr(cls, name)
            else:
                setattr(cls, name, given.default)
        cls.__own_fields__ = fields
        cls.__match_args__ = tuple(fields)
        cls.__dataclass_fields__ = _StandardFields()
        methods = _methods(fields, hasattr(cls, "__post_init__"))
        for wanted, names in ((True, _ALWAYS), (frozen, _FROZEN), (order, _ORDERED)):
            for name in names if wanted else ():
                if cls.__dict__.get(name) is None:
                    setattr(cls, name, methods[name])
        if not frozen:
            cls.__hash__ = None
        return cls

    _ALWAYS = ("__init__", "__repr__", "__eq__")
    _FROZEN = ("__hash__", "__setattr__", "__delattr__")
    _ORDERED = ("__lt__", "__le__", "__gt__", "__ge__")

    def _methods(fields, has_post_init):
        names = tuple(fields)
        compared = [name for name, one in fields.items() if one.compare]
        shown = [name for name, one in fields.items() if one.repr]

        def key(value):
            known = value.__dict__
            return tuple([known[name] for name in compared])

        def init(self, *values, **named):
            known = self.__dict__
            if not values and tuple(named) == names:  # as what is made for every call is made
                known.update(named)
                values, named = names, {}
            else:
                known.update(zip(names, values, strict=False))
            if named or len(values) != len(names):
                for name in names[len(values) :]:
                    one = fields[name]
                    if name in named:
                        known[name] = named.pop(name)
                    elif one.default is not _MISSING:
                        known[name] = one.default
                    elif one.factory is not _MISSING:
                        known[name] = one.factory()
                    else:
                        raise TypeError(f"{type(self).__name__}() misses {name!r}")
                if named or len(values) > len(names):
                    raise TypeError(f"{type(self).__name__}() was given too much: {len(values)} values, {', '.join(named)}")
            if has_post_init:
                self.__post_init__()

        def compares(operation):
            return lambda self, other: operation(key(self), key(other)) if type(other) is type(self) else NotImplemented

        def refuse(self, name, *_):
            from dataclasses import FrozenInstanceError

            raise FrozenInstanceError(f"cannot change field {name!r}")

        return {
            "__init__": init,
            "__repr__": lambda self: f"{type(self).__qualname__}({', '.join([f'{name}={self.__dict__[name]!r}' for name in shown])})",
            "__eq__": compares(operator.eq),
            "__hash__": lambda self: hash(key(self)),
            "__setattr__": refuse,
            "__delattr__": refuse,
            "__lt__": compares(operator.lt),
            "__le__": compares(operator.le),
            "__gt__": compares(operator.gt),
            "__ge__": compares(operator.ge),
        }

    class _StandardFields:
        """`__dataclass_fields__`, made when it is asked for."""

        def __get__(self, value, owner):
            import dataclasses

            found = {}
            for name, one in owner.__own_fields__.items():
                known = {"default": one.default} if one.default is not _MISSING else {}
                known |= {"default_factory": one.factory} if one.factory is not _MISSING else {}
                found[name] = made = dataclasses.field(**known, compare=one.compare, repr=one.repr)
                made.name, made.type, made._field_type = name, owner.__annotations__.get(name), dataclasses._FIELD
            return found
