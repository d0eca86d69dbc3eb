"""The classes of `wassette_py.dataclass` behave as the standard library's do; each case is tried on both."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
from collections.abc import Mapping
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import pytest

from wassette_py import dataclass as own

BOTH = pytest.mark.parametrize("kit", [own, dataclasses], ids=["own", "standard"])


def classes(kit: Any) -> Any:
    """A few classes made with `kit`."""

    @kit.dataclass(frozen=True)
    class Place:
        path: str
        line: int = kit.field(default=0, compare=False)

    @kit.dataclass(frozen=True)
    class Grant(Place):
        """Its fields come after its base's."""

        write: bool = False
        seen: Mapping[str, int] = kit.field(default_factory=dict, compare=False, repr=False)

        def __post_init__(self) -> None:
            if not self.path:
                raise ValueError("no path")

        @cached_property
        def parts(self) -> list[str]:
            return self.path.split("/")

        @property
        def words(self) -> str:
            return f"{self.path}:{self.line}"

    @kit.dataclass(frozen=True, order=True)
    class Version:
        major: int
        minor: int = 0

    @kit.dataclass
    class Counter:
        name: str
        counts: list[int] = kit.field(default_factory=list)

    @kit.dataclass(frozen=True)
    class Secret:  # noqa: PLW1641 - the decorator gives it one
        value: str

        def __repr__(self) -> str:
            return "Secret"

        def __eq__(self, other: object) -> bool:
            return other is self

    return SimpleNamespace(Place=Place, Grant=Grant, Version=Version, Counter=Counter, Secret=Secret)


@BOTH
def test_values_are_given_by_place_by_name_or_by_default(kit: Any) -> None:
    made = classes(kit)
    grant = made.Grant("/a", write=True)
    assert (grant.path, grant.line, grant.write, grant.seen) == ("/a", 0, True, {})
    assert list(vars(grant)) == ["path", "line", "write", "seen"]
    assert vars(made.Grant("/b", 3, False, {"x": 1})) == {"path": "/b", "line": 3, "write": False, "seen": {"x": 1}}
    assert made.Grant(path="/a", line=1, write=True, seen={}) == made.Grant("/a", 1, True, {})  # all of them, in their order
    assert list(vars(made.Grant(line=1, write=True, seen={}, path="/a"))) == ["path", "line", "write", "seen"]
    assert made.Grant("/a").seen is not made.Grant("/a").seen
    assert (made.Grant("/a/b").parts, made.Grant("/a", 2).words, made.Place.line) == (["", "a", "b"], "/a:2", 0)
    with pytest.raises(ValueError, match="no path"):
        made.Grant("")


@BOTH
@pytest.mark.parametrize(
    ("values", "named"),
    [((), {}), (("/a", 1, 2), {}), (("/a",), {"wrong": 1}), (("/a",), {"path": "/b"}), (("/a",), {"path": "/b", "line": 1})],
)
def test_too_few_and_too_many_values_are_refused(kit: Any, values: tuple[object, ...], named: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        classes(kit).Place(*values, **named)


@BOTH
def test_equal_fields_are_equal_values_of_one_class(kit: Any) -> None:
    made = classes(kit)
    assert made.Grant("/a", 1) == made.Grant("/a", 2)
    assert hash(made.Grant("/a", 1)) == hash(made.Grant("/a", 2))
    assert made.Grant("/a") != made.Grant("/b")
    assert made.Place("/a") != made.Grant("/a")
    assert made.Place("/a") != "/a"
    secret = made.Secret("x")
    assert secret == secret  # noqa: PLR0124 - its own comparison is kept
    assert secret != made.Secret("x")
    assert hash(secret) == hash(made.Secret("x"))
    with pytest.raises(TypeError, match="unhashable"):
        hash(made.Counter("a"))
    assert made.Counter("a", [1]) == made.Counter("a", [1])


@BOTH
def test_what_is_frozen_does_not_change_and_what_is_not_does(kit: Any) -> None:
    made = classes(kit)
    place, counter = made.Place("/a"), made.Counter("a")
    with pytest.raises(dataclasses.FrozenInstanceError):
        place.path = "/b"
    with pytest.raises(dataclasses.FrozenInstanceError):
        del place.path
    counter.counts.append(1)
    counter.name = "b"
    assert counter == made.Counter("b", [1])


@BOTH
def test_a_value_is_shown_with_its_fields(kit: Any) -> None:
    made = classes(kit)
    assert repr(made.Grant("/a", 1)) == "classes.<locals>.Grant(path='/a', line=1, write=False)"
    assert repr(made.Secret("x")) == "Secret"


@BOTH
def test_some_classes_have_an_order(kit: Any) -> None:
    version = classes(kit).Version
    assert sorted([version(1, 2), version(0, 9), version(1)]) == [version(0, 9), version(1), version(1, 2)]
    assert version(1) <= version(1) < version(2) >= version(2) > version(1)
    with pytest.raises(TypeError):
        _ = version(1) < (2, 0)


@BOTH
def test_replacing_gives_another_value(kit: Any) -> None:
    grant = classes(kit).Grant("/a", 1, True)
    _ = grant.parts
    for replace in (kit.replace, dataclasses.replace):
        other = replace(grant, path="/b")
        assert (other.path, other.line, other.write, other.parts) == ("/b", 1, True, ["", "b"])
        with pytest.raises(TypeError):
            replace(grant, wrong=1)
        with pytest.raises(ValueError, match="no path"):
            replace(grant, path="")


@BOTH
def test_values_are_matched_copied_and_told_as_a_dictionary(kit: Any) -> None:
    made = classes(kit)
    match made.Grant("/a", 1, True):
        case made.Grant(path, line, True):
            assert (path, line) == ("/a", 1)
        case _:
            pytest.fail("it does not match")
    grant = made.Grant("/a", 1, True, {"x": 1})
    assert copy.deepcopy(grant) == grant
    assert copy.copy(grant).seen is grant.seen
    assert dataclasses.asdict(grant) == {"path": "/a", "line": 1, "write": True, "seen": {"x": 1}}
    fields = {one.name: one for one in dataclasses.fields(grant)}
    assert (fields["line"].default, fields["line"].compare, fields["seen"].repr) == (0, False, False)
    assert (fields["seen"].default_factory, fields["write"].type) == (dict, "bool")


@own.dataclass(frozen=True)
class Pickled:
    name: str


def test_a_value_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(Pickled("a"))) == Pickled("a")


def test_the_standard_librarys_is_not_imported() -> None:
    modules = "wassette_py.limits, wassette_py.policy.document, wassette_py.wit.types, wassette_py.store.records"
    program = f"import sys; before = set(sys.modules); import {modules}; sys.exit('dataclasses' in set(sys.modules) - before)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
