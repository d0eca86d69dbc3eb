"""A component's types are read as it declares them, whatever it declares."""

from __future__ import annotations

import ctypes
import time

import pytest

from tests.echo import echo_function
from tests.every_type import EXAMPLES, INTERFACE, every_type_component
from tests.patience import grows_by
from tests.sandbox.bare import compiled
from wassette_py.errors import InvalidComponent
from wassette_py.sandbox import binding
from wassette_py.sandbox.component_type import MAX_FUNCTIONS, MAX_PARTS_TOGETHER, read_component_type, read_imports
from wassette_py.sandbox.native import RawEngine
from wassette_py.wit.types import (
    ComponentType,
    EnumType,
    FunctionType,
    IntegerType,
    RecordType,
    StringType,
    UnsupportedType,
    WitType,
    parts,
)

CORE = """
(core module $m
  (memory (export "memory") 1)
  (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
  (func (export "none"))
  (func (export "one") (param i32) (result i32) unreachable)
  (func (export "three") (param i32 i32 i32) (result i32) unreachable)
  (func (export "two") (param i32 i32) unreachable))
(core instance $i (instantiate $m))
"""
MEMORY = '(memory (core memory $i "memory")) (realloc (core func $i "realloc"))'
TOO_LARGE = UnsupportedType("type too large to be described")


@pytest.fixture(scope="module")
def engine() -> RawEngine:
    """An engine that also takes what not every component may use yet."""
    config = binding.config_new()
    for feature in ("async", "map"):
        switch = ctypes.CDLL(binding.LIBRARY)[f"wasmtime_config_wasm_component_model_{feature}_set"]
        switch(ctypes.c_void_p(config), ctypes.c_bool(True))
    return RawEngine(config)


def read(engine: RawEngine, body: str) -> ComponentType:
    return read_component_type(compiled(engine, f"(component {CORE} {body})"), engine)


def test_every_type_is_read_as_it_was_written(engine: RawEngine) -> None:
    functions = read_component_type(compiled(engine, every_type_component()), engine).exports
    expected = [echo_function(example.type, example.name, INTERFACE) for example in EXAMPLES]
    assert [f for f in functions if f.interface == INTERFACE] == expected


def test_functions_of_the_world_and_of_instances_are_read_in_order(engine: RawEngine) -> None:
    functions = read_component_type(compiled(engine, every_type_component()), engine).exports
    others = [f.export for f in functions if f.interface != INTERFACE]
    assert others == [
        *("text", "numbers", "open", "[method]file.size", "exports#init", "wasi:cli/run@0.2.0#init", "mine#init", "nothing", "trap")
    ]


def test_resources_are_types_without_values(engine: RawEngine) -> None:
    functions = {f.name: f for f in read_component_type(compiled(engine, every_type_component()), engine).exports}
    assert functions["open"] == FunctionType(None, "open", (), UnsupportedType("resource"))
    assert functions["[method]file.size"].params == (("self", UnsupportedType("resource")),)


def test_streams_and_futures_are_types_without_values(engine: RawEngine) -> None:
    (f,) = read(engine, '(func (export "f") (param "x" (stream u8)) (result (future u8)) (canon lift (core func $i "one")))').exports
    assert f == FunctionType(None, "f", (("x", UnsupportedType("stream")),), UnsupportedType("future"))


def test_an_async_function_says_so(engine: RawEngine) -> None:
    (f,) = read(engine, '(func (export "f") async (canon lift (core func $i "none")))').exports
    assert f.is_async


def test_a_type_that_is_not_known_makes_only_its_function_unreadable(engine: RawEngine) -> None:
    map_function = f'(func (export "f") (param "x" (map string u32)) (canon lift (core func $i "two") {MEMORY}))'
    f, g = read(
        engine, f'(type $m (map string u32)) (export "m" (type $m)) {map_function} (func (export "g") (canon lift (core func $i "none")))'
    ).exports
    assert f == FunctionType(None, "f", (), UnsupportedType("type of a kind that is not known"))
    assert g == FunctionType(None, "g", (), None)


def test_only_interfaces_and_functions_count_as_imports(engine: RawEngine) -> None:
    used = '(import "f" (func)) (import "a:b/c@1.0.0" (instance))'
    imports = f'(import "t" (type (sub resource))) {used} (import "m" (core module))'
    assert read(engine, imports).imports == ("f", "a:b/c@1.0.0")


def test_a_type_that_stands_for_an_enormous_tree_is_not_walked(engine: RawEngine) -> None:
    types = "(type $t0 u8)" + "".join([f"(type $t{n} (tuple $t{n - 1} $t{n - 1}))" for n in range(1, 19)])
    start = time.thread_time()
    (f,) = read(engine, f'{types} (func (export "f") (param "x" (list $t18)) (canon lift (core func $i "two") {MEMORY}))').exports
    assert (f.params, f.result) == ((), TOO_LARGE)
    assert time.thread_time() - start < 2


def test_a_type_that_is_too_deep_is_not_walked(engine: RawEngine) -> None:
    types = "(type $t0 u8)" + "".join([f"(type $t{n} (list $t{n - 1}))" for n in range(1, 60)])
    (f,) = read(engine, f'{types} (func (export "f") (param "x" $t59) (canon lift (core func $i "two") {MEMORY}))').exports
    assert f.result == TOO_LARGE


def test_many_large_functions_are_bounded_together(engine: RawEngine) -> None:
    names = " ".join([f'"n{n}"' for n in range(900)])
    functions = "".join([f'(func (export "f{n}") (param "x" $e) (result $e) (canon lift (core func $i "one")))' for n in range(60)])
    read_functions = read(engine, f'(type $t (enum {names})) (export $e "e" (type $t)) {functions}').exports
    large = [f for f in read_functions if f.result == TOO_LARGE]
    assert len(read_functions) == 60
    assert len(large) == 60 - MAX_PARTS_TOGETHER // (2 * 901)


def test_a_long_name_counts_each_time_it_is_used(engine: RawEngine) -> None:
    name = "n" * 60_000
    enum = f'(type $t (enum "{name}")) (export $e "e" (type $t))'
    (f, g) = read(
        engine,
        f"""{enum}
      (func (export "f") (param "x" $e) (param "y" $e) (canon lift (core func $i "two")))
      (func (export "g") (param "x" (tuple $e $e $e)) (result u32) (canon lift (core func $i "three")))""",
    ).exports
    assert f.params == (("x", EnumType((name,))), ("y", EnumType((name,))))
    assert g.result == TOO_LARGE


def test_a_component_with_very_many_functions_is_refused(engine: RawEngine) -> None:
    def functions(count: int) -> str:
        return "".join([f'(func (export "f{n}") (canon lift (core func $i "none")))' for n in range(count)])

    assert len(read(engine, functions(MAX_FUNCTIONS)).exports) == MAX_FUNCTIONS
    with pytest.raises(InvalidComponent, match="exports more than 2048 functions"):
        read(engine, functions(MAX_FUNCTIONS + 1))


def test_the_parts_of_a_type_are_itself_and_everything_inside() -> None:
    u8 = IntegerType(8, False)
    record: WitType = RecordType((("a", u8), ("b", RecordType((("c", StringType()),)))))
    assert list(parts(record)) == [record, u8, RecordType((("c", StringType()),)), StringType()]
    for example in EXAMPLES:
        assert example.type in list(parts(example.type))


TYPES_ONLY = """(component
  (import "acme:shop/types" (instance $types
    (type $p (record (field "name" string) (field "price" u32))) (export "product" (type (eq $p)))))
  (alias export $types "product" (type $product))
  (core module $m (func (export "price") (param i32 i32 i32) (result i32) (local.get 2)) (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64)))
  (core instance $i (instantiate $m))
  (func (export "price") (param "of" $product) (result u32)
    (canon lift (core func $i "price") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))"""


def test_an_interface_of_types_alone_is_no_import(engine: RawEngine) -> None:
    component = compiled(engine, TYPES_ONLY)
    assert read_component_type(component, engine).imports == ()
    with_function = TYPES_ONLY.replace('(export "product" (type (eq $p)))', '(export "product" (type (eq $p))) (export "f" (func))')
    assert read_component_type(compiled(engine, with_function), engine).imports == ("acme:shop/types",)


def test_of_imports_even_types_are_named_and_what_is_inside_where_asked_for(engine: RawEngine) -> None:
    clock = '(import "wasi:clocks/monotonic-clock@0.2.0" (instance (export "now" (func (result u64))) (export "resolution" (func))))'
    others = '(import "t" (type (sub resource))) (import "a:b/c" (instance (export "f" (func))))'
    component = compiled(engine, f"(component {CORE} {clock} {others})")
    assert read_imports(component, engine, inside="wasi:clocks/") == {
        "wasi:clocks/monotonic-clock@0.2.0": ["now", "resolution"],
        "t": [],
        "a:b/c": [],
    }


def test_reading_types_leaves_nothing_behind(engine: RawEngine) -> None:
    names = " ".join([f'"{"n" * 1000}{n}"' for n in range(50)])
    large = f"""(type $t (enum {names})) (export $e "e" (type $t))
      (import "i" (instance (export "f" (func)) (export "t" (type (sub resource)))))
      (func (export "f") (param "x" (tuple $e $e $e)) (result (result $e (error (option $e))))
        (canon lift (core func $i "three") {MEMORY}))"""
    components = [compiled(engine, every_type_component()), compiled(engine, f"(component {CORE} {large})")]

    def read_again() -> None:
        for _ in range(100):
            for component in components:
                read_component_type(component, engine)
                read_imports(component, engine, inside="i")

    read_again()
    assert grows_by(read_again, enough=2_000_000) < 2_000_000
