"""Values go to a real guest and come back the same, every type, and nothing stays behind in memory."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.echo import PADDING_VALUE, component, echo_component, echo_function
from tests.every_type import EXAMPLES, Example
from tests.patience import grows_by
from tests.sandbox.bare import Bare, bare_engine, compiled
from tests.strategies import fitting_json, values, wit_types
from wassette_py.sandbox.codec import FunctionCodec
from wassette_py.sandbox.columns import Kept
from wassette_py.sandbox.component_type import read_component_type
from wassette_py.sandbox.layout import MEMORY, VAL_SIZE
from wassette_py.sandbox.lifting import lifting
from wassette_py.sandbox.lowering import lowering
from wassette_py.sandbox.native import RawEngine, RawLinker, WasmtimeError
from wassette_py.sandbox.output import Room, TooLarge
from wassette_py.wit.types import (
    BYTES,
    EnumType,
    FlagsType,
    FunctionType,
    IntegerType,
    ListType,
    OptionType,
    RecordType,
    ResultType,
    StringType,
    TupleType,
    UnsupportedType,
    VariantType,
    WitType,
)
from wassette_py.wit.values import read_arguments, write_result

U8, U32 = IntegerType(8, False), IntegerType(32, False)


@pytest.fixture(scope="module")
def engine() -> RawEngine:
    return bare_engine()


class Guest:
    """One instance of an echo component of one type."""

    def __init__(self, engine: RawEngine, type: WitType) -> None:
        wasm = compiled(engine, echo_component(type))
        (self.function,) = read_component_type(wasm, engine).exports
        self.codec = FunctionCodec(self.function)
        self.instance = Bare(engine, wasm)
        self.exported = self.instance.function("echo")

    def echo(self, value: object) -> Any:
        result = self.codec.call(self.exported, self.instance.context, [(value, PADDING_VALUE)])
        assert isinstance(result, tuple)
        assert result[1] == PADDING_VALUE
        return result[0]


bounded = settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@bounded
@given(st.data())
def test_every_value_of_every_type_comes_back_from_a_guest(engine: RawEngine, data: st.DataObject) -> None:
    type = data.draw(wit_types(12))
    guest = Guest(engine, type)
    assert guest.function == echo_function(type)  # and the type itself was read as it was written
    for _ in range(3):
        value = data.draw(values(type))
        assert repr(guest.echo(value)) == repr(value)


@settings(bounded, max_examples=60)
@given(st.data())
def test_json_goes_through_a_guest_unchanged(engine: RawEngine, data: st.DataObject) -> None:
    type = data.draw(wit_types())
    f = FunctionType(None, "echo", (("x", type),), TupleType((type,)))
    (value,) = read_arguments(f, {"x": data.draw(fitting_json(type))})
    echoed = Guest(engine, type).echo(value)
    assert write_result(f, (echoed,)) == write_result(f, (value,))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_of_every_type_comes_back_from_a_guest(engine: RawEngine, example: Example) -> None:
    assert repr(Guest(engine, example.type).echo(example.value)) == repr(example.value)


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 70_000])
def test_bytes_are_copied_whole(engine: RawEngine, size: int) -> None:
    data = os.urandom(size)
    assert Guest(engine, BYTES).echo(data) == data


@pytest.mark.parametrize("text", ["", "a\0b", "é€🎉", "x" * 200_000])
def test_strings_are_copied_whole(engine: RawEngine, text: str) -> None:
    assert Guest(engine, StringType()).echo(text) == text


def test_flags_come_back_in_the_order_of_their_type(engine: RawEngine) -> None:
    flags = FlagsType(tuple(f"f{n}" for n in range(20)))
    assert Guest(engine, flags).echo(("f19", "f3", "f0")) == ("f0", "f3", "f19")


def test_a_nested_option_says_which_of_its_levels_is_none(engine: RawEngine) -> None:
    guest = Guest(engine, OptionType(OptionType(U8)))
    assert [guest.echo(value) for value in (None, (None,), ((5,),))] == [None, (None,), ((5,),)]


def test_variants_with_different_payloads_keep_their_case(engine: RawEngine) -> None:
    guest = Guest(engine, VariantType((("number", U8), ("text", StringType()), ("same", StringType()), ("bare", None))))
    for value in (("number", 1), ("text", "1"), ("same", "1"), ("bare", None)):
        assert guest.echo(value) == value


FLAT = """
(component
  (core module $m
    (func (export "nothing"))
    (func (export "not") (param i32) (result i32) (i32.eqz (local.get 0)))
    (func (export "sub") (param i32 i32) (result i32) (i32.sub (local.get 0) (local.get 1)))
    (func (export "trap") unreachable))
  (core instance $i (instantiate $m))
  (func (export "nothing") (canon lift (core func $i "nothing")))
  (func (export "not") (param "x" bool) (result bool) (canon lift (core func $i "not")))
  (func (export "sub") (param "a" u32) (param "b" s8) (result s32) (canon lift (core func $i "sub")))
  (func (export "trap") (canon lift (core func $i "trap"))))
"""


def call(engine: RawEngine, name: str, *arguments: object) -> object:
    wasm = compiled(engine, FLAT)
    instance = Bare(engine, wasm)
    f = next(f for f in read_component_type(wasm, engine).exports if f.name == name)
    return FunctionCodec(f).call(instance.function(name), instance.context, arguments)


def test_functions_may_have_no_parameters_and_no_result(engine: RawEngine) -> None:
    assert call(engine, "nothing") is None


def test_arguments_keep_their_order_and_sign(engine: RawEngine) -> None:
    assert (call(engine, "not", True), call(engine, "not", False)) == (False, True)
    assert call(engine, "sub", 5, -3) == 8


def test_a_trap_is_the_error_of_wasmtime(engine: RawEngine) -> None:
    with pytest.raises(WasmtimeError, match="unreachable"):
        call(engine, "trap")


def test_thousands_of_conversions_leave_nothing_behind() -> None:
    nested = RecordType((("name", StringType()), ("tags", ListType(StringType())), ("how", VariantType((("by", BYTES), ("no", None))))))
    type = ListType(ResultType(OptionType(nested), EnumType(("bad", "worse"))))
    value = [("ok", (("n" * 500, ["t"] * 20, ("by", b"x" * 500)),)), ("err", "worse"), ("ok", None)] * 5
    lower, lift = lowering(type), lifting(type)

    def round_trips(count: int) -> None:
        for _ in range(count):
            kept: Kept = []
            address = lower.block([value], kept)
            assert lift.block(MEMORY[address : address + VAL_SIZE], Room()) == [value]

    round_trips(100)
    assert grows_by(lambda: round_trips(1000), enough=2_000_000) < 2_000_000


def test_calls_of_a_guest_leave_nothing_behind(engine: RawEngine) -> None:
    wasm = compiled(engine, echo_component(ListType(StringType())))
    codec = FunctionCodec(echo_function(ListType(StringType())))
    linker = RawLinker(engine)

    def calls(count: int) -> None:
        for _ in range(count):
            instance = Bare(engine, wasm, linker)
            codec.call(instance.function("echo"), instance.context, [(["x" * 1000] * 30, PADDING_VALUE)])

    calls(50)
    assert grows_by(lambda: calls(500), enough=4_000_000) < 4_000_000


def test_a_value_that_cannot_be_lowered_leaves_nothing_behind() -> None:
    lower = lowering(TupleType((StringType(), U8)))

    def fail() -> None:
        for _ in range(200):
            with pytest.raises(OverflowError, match="unsigned byte integer is greater than maximum"):
                lower.block([("x" * 100_000, 300)], [])

    assert grows_by(fail, enough=5_000_000) < 5_000_000


@pytest.mark.parametrize("convert", [lowering, lifting])
def test_a_type_without_values_has_no_codec(convert: Any) -> None:
    with pytest.raises(TypeError, match="no value can be a resource"):
        convert(ListType(UnsupportedType("resource")))


def test_interface_exports_are_called_like_world_exports(engine: RawEngine) -> None:
    wasm = compiled(engine, component({}, {"acme:all/things@1.0.0": {"echo-it": StringType()}}))
    (f,) = read_component_type(wasm, engine).exports
    instance = Bare(engine, wasm)
    echoed = FunctionCodec(f).call(instance.function(f.name, f.interface), instance.context, [("hi", PADDING_VALUE)])
    assert echoed == ("hi", PADDING_VALUE)


@settings(bounded, max_examples=60)
@given(st.data())
def test_values_that_stand_in_one_column_stay_apart(engine: RawEngine, data: st.DataObject) -> None:
    type = data.draw(wit_types(6).filter(lambda type: ListType(type) != BYTES))
    column = data.draw(st.lists(values(type), max_size=8))
    assert repr(Guest(engine, ListType(ListType(type))).echo([column, [], column[:1]])) == repr([column, [], column[:1]])


def test_a_value_of_another_case_or_shape_is_not_lowered() -> None:
    for type, wrong in (
        (EnumType(("a", "b")), "c"),
        (VariantType((("a", U8), ("b", None))), ("c", None)),
        (FlagsType(("a",)), ("b",)),
        (TupleType((U8, U8)), (1,)),
        (U8, -1),
        (BYTES, "text"),
    ):
        with pytest.raises((LookupError, TypeError, ValueError, OverflowError)):
            lowering(type).block([wrong], [])


def there_and_back(type: WitType, values: list[Any], room: float) -> Any:
    kept: Kept = []
    address = lowering(type).block(values, kept)
    return lifting(type).block(MEMORY[address : address + len(values) * VAL_SIZE], Room(room))


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_column_is_read_as_it_was_written_in_the_room_its_json_takes(data: st.DataObject) -> None:
    type = data.draw(wit_types())
    column = data.draw(st.lists(values(type), min_size=1, max_size=6))
    _, text = write_result(FunctionType(None, "f", (), ListType(type)), bytes(column) if type == U8 else column)
    assert repr(list(there_and_back(type, column, len(text.encode())))) == repr(column)


@pytest.mark.parametrize(
    ("type", "value", "least"),
    [
        (StringType(), "abc", 5),
        (BYTES, b"abcdef", 8),
        (ListType(U32), [1, 2], 5),
        (ListType(StringType()), [], 1),
        (FlagsType(("a", "b")), ("a", "b"), 9),
        (ListType(OptionType(StringType())), [None, ("x",)], 8),
        (ResultType(None, None), ("ok", None), 1),
        (TupleType((StringType(), StringType())), ("abc", "def"), 10),
    ],
)
def test_what_is_plainly_too_large_is_not_copied(type: WitType, value: Any, least: int) -> None:
    assert there_and_back(type, [value], least) == [value]
    with pytest.raises(TooLarge):
        there_and_back(type, [value], least - 1)
