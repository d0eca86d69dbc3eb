"""Host functions give and take every kind of value, and what fails in one stays there."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.sandbox.bare import Bare, bare_engine, compiled
from wassette_py.sandbox import calling, layout, packing
from wassette_py.sandbox.codec import FunctionCodec
from wassette_py.sandbox.component_type import read_component_type
from wassette_py.sandbox.native import RawComponent, RawEngine, RawLinker, WasmtimeError

# A guest that asks the host with its string argument, through wasi:config's signature, and gives back what it got.
GUEST = """
(component
  (type $error' (variant (case "upstream" string) (case "io" string)))
  (import "config" (instance $config
    (type $e (variant (case "upstream" string) (case "io" string)))
    (export "error" (type $error (eq $e)))
    (export "get" (func (param "key" string) (result (result (option string) (error $error)))))
    (export "add" (func (param "a" u64) (result u64)))))
  (core module $memory
    (memory (export "memory") 16)
    (global $top (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.set $top (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
      (global.get $top)
      (global.set $top (i32.add (global.get $top) (local.get 3)))))
  (core instance $m (instantiate $memory))
  (alias export $config "error" (type $error))
  (alias export $config "get" (func $get))
  (alias export $config "add" (func $add))
  (core func $get' (canon lower (func $get) (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
  (core func $add' (canon lower (func $add)))
  (core module $main
    (import "host" "get" (func $get (param i32 i32 i32)))
    (import "host" "add" (func $add (param i64) (result i64)))
    (func (export "ask") (param i32 i32) (result i32) (call $get (local.get 0) (local.get 1) (i32.const 64)) (i32.const 64))
    (func (export "sum") (param i64) (result i64) (call $add (local.get 0))))
  (core instance $main (instantiate $main (with "host" (instance (export "get" (func $get')) (export "add" (func $add'))))))
  (export $error'' "error" (type $error))
  (func $ask (param "key" string) (result (result (option string) (error $error'')))
    (canon lift (core func $main "ask") (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
  (func $sum (param "a" u64) (result u64) (canon lift (core func $main "sum")))
  (export "ask" (func $ask))
  (export "sum" (func $sum)))
"""


@pytest.fixture(scope="module")
def engine() -> RawEngine:
    return bare_engine()


@pytest.fixture(scope="module")
def guest(engine: RawEngine) -> RawComponent:
    return compiled(engine, GUEST)


def _get(_context: int, args: Any, results: Any) -> None:
    key = layout.read_string(args[0])
    if key == "fail":
        packing.put(results[0], packing.pack_result(False, packing.pack_variant("io", packing.pack_string("disk on fire"))))
    elif key == "none":
        packing.put(results[0], packing.pack_result(True, packing.pack_option(None)))
    elif key == "trap":
        raise WasmtimeError("said no")
    elif key == "bug":
        raise ZeroDivisionError
    else:
        packing.put(results[0], packing.pack_result(True, packing.pack_option(packing.pack_string(f"<{key}>"))))


CONTEXTS: list[int] = []


def _add(context: int, args: Any, results: Any) -> None:
    CONTEXTS.append(context)
    packing.put(results[0], packing.scalar_packer(layout.U64)(layout.read_integer(args[0]) + 1))


GET, ADD = calling.host_function(_get), calling.host_function(_add)


def linked(engine: RawEngine) -> RawLinker:
    linker = RawLinker(engine)
    linker.define("config", {"get": GET, "add": ADD})
    return linker


def ask(engine: RawEngine, guest: RawComponent, linker: RawLinker, key: str) -> Any:
    f = next(f for f in read_component_type(guest, engine).exports if f.name == "ask")
    instance = Bare(engine, guest, linker)
    return FunctionCodec(f).call(instance.function("ask"), instance.context, [key])


@pytest.mark.parametrize(
    ("key", "answer"), [("k", ("ok", ("<k>",))), ("none", ("ok", None)), ("fail", ("err", ("io", "disk on fire"))), ("", ("ok", ("<>",)))]
)
def test_a_host_function_can_return_every_side_of_a_result(engine: RawEngine, guest: RawComponent, key: str, answer: object) -> None:
    assert ask(engine, guest, linked(engine), key) == answer


def test_a_wasmtime_error_of_a_host_function_ends_the_call_with_its_text(engine: RawEngine, guest: RawComponent) -> None:
    with pytest.raises(WasmtimeError, match="said no"):
        ask(engine, guest, linked(engine), "trap")


def test_another_exception_of_a_host_function_ends_the_call_without_leaving_the_callback(engine: RawEngine, guest: RawComponent) -> None:
    with pytest.raises(WasmtimeError, match="host function failed"):
        ask(engine, guest, linked(engine), "bug")


def test_a_host_function_knows_the_store_that_calls_it(engine: RawEngine, guest: RawComponent) -> None:
    instance = Bare(engine, guest, linked(engine))
    f = next(f for f in read_component_type(guest, engine).exports if f.name == "sum")
    CONTEXTS.clear()
    assert FunctionCodec(f).call(instance.function("sum"), instance.context, [41]) == 42
    assert [instance.context] == CONTEXTS


def test_errors_stay_on_the_thread_whose_call_failed(engine: RawEngine, guest: RawComponent) -> None:
    linker, wrong = linked(engine), []

    def work(key: str, expected: str) -> None:
        for _ in range(100):
            try:
                ask(engine, guest, linker, key)
            except WasmtimeError as error:
                if expected not in str(error):
                    wrong.append((key, str(error)))

    threads = [threading.Thread(target=work, args=pair) for pair in [("trap", "said no"), ("bug", "host function failed"), ("k", "-")] * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_later_definition_takes_the_place_of_an_earlier_one(engine: RawEngine, guest: RawComponent) -> None:
    linker = RawLinker(engine)
    linker.define("config", {"get": ADD, "add": GET})
    linker.define("config", {"get": GET, "add": ADD})
    assert ask(engine, guest, linker, "k") == ("ok", ("<k>",))
