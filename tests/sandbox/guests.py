"""Components for the sandbox's tests, as text: each does one thing a guest may do, a hostile one included.

`component` puts a core module between lowered imports and lifted exports; `FILL` is its memory with a `realloc` that never frees.
"""

from __future__ import annotations

from collections.abc import Mapping

from wasmtime import wat2wasm

FILL = """
  (core module $fill
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 4096))
    (func (export "reset") (param i32) (global.set $next (local.get 0)))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (block $fits
        (br_if $fits (i32.le_u (global.get $next) (i32.shl (memory.size) (i32.const 16))))
        (br_if $fits (i32.ne (i32.const -1) (memory.grow (i32.add (i32.const 1) (i32.shr_u (local.get 3) (i32.const 16))))))
        (unreachable))
      (local.get $at)))
  (core instance $fill (instantiate $fill))
"""
OPTIONS = '(memory (core memory $fill "memory")) (realloc (core func $fill "realloc"))'


def component(*, imports: str = "", lowers: Mapping[str, tuple[str, str]] | None = None, code: str, exports: Mapping[str, str]) -> str:
    """`lowers`: core name -> (what to lower, core signature); `exports`: name -> component function type."""
    lowered = lowers or {}
    canons = "\n".join(
        f"(core func ${name} (canon {what if what.startswith('resource.drop') else f'lower (func {what}) {OPTIONS}'}))"
        for name, (what, _) in lowered.items()
    )
    needs = "\n".join(f'(import "" "{name}" (func ${name} {signature}))' for name, (_, signature) in lowered.items())
    given = " ".join(f'(export "{name}" (func ${name}))' for name in lowered)
    lifts = "\n".join(
        f'(func (export "{name}") {kind} (canon lift (core func $code "{name}") {OPTIONS}))' for name, kind in exports.items()
    )
    return f"""(component {imports} {FILL} {canons}
  (core module $code (import "fill" "memory" (memory 1)) (import "fill" "realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
    {needs} {code})
  (core instance $code (instantiate $code (with "fill" (instance $fill)) (with "" (instance {given}))))
  {lifts})"""


_TRAPS = {
    "unreachable": "unreachable",
    "out-of-bounds": "(drop (i32.load (i32.const -4)))",
    "divide-by-zero": "(drop (i32.div_u (i32.const 1) (i32.const 0)))",
    "overflow": "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))",
    "not-a-number": "(drop (i32.trunc_f32_s (f32.const nan)))",
    "no-such-element": "(call_indirect (type $none) (i32.const 99))",
    "empty-element": "(call_indirect (type $none) (i32.const 0))",
    "other-signature": "(call_indirect (type $one) (i32.const 5) (i32.const 1))",
    "recurse": "(call $recurse)",
    "spin": "(loop (br 0))",
}

PLAIN = component(
    code="""
    (type $none (func)) (type $one (func (param i32))) (table 4 funcref) (elem (i32.const 1) $nothing) (func $nothing)
    (global $count (mut i32) (i32.const 0))
    (func (export "count") (result i32) (global.set $count (i32.add (global.get $count) (i32.const 1))) (global.get $count))
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "echo") (param i32 i32) (result i32)
      (i32.store (i32.const 0) (local.get 0)) (i32.store (i32.const 4) (local.get 1)) (i32.const 0))
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func $large (param i32) (result i32)
      (if (i32.eq (i32.const -1) (memory.grow (i32.add (i32.const 1) (i32.shr_u (local.get 0) (i32.const 16))))) (then (unreachable)))
      (i32.store (i32.const 0) (i32.const 4096)) (i32.store (i32.const 4) (local.get 0)) (i32.const 0))
    (export "text" (func $large)) (export "bytes" (func $large))
    (func (export "work") (param i32) (result i32)
      (loop $more (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br_if $more (local.get 0))) (local.get 0))
    """
    + "\n".join(f'(func ${name} (export "{name}") {body})' for name, body in _TRAPS.items()),
    exports={
        "count": "(result u32)",
        "add": '(param "a" u32) (param "b" u32) (result u32)',
        "echo": '(param "text" string) (result string)',
        "grow": '(param "pages" u32) (result s32)',
        "text": '(param "size" u32) (result string)',
        "bytes": '(param "size" u32) (result (list u8))',
        "work": '(param "turns" u32) (result u32)',
        **dict.fromkeys(_TRAPS, ""),
    },
)
"""Imports nothing: a counter, arithmetic, growing, large results, and a function for each kind of trap."""

IN_INTERFACE = """(component
  (core module $code (func (export "f") (result i32) (i32.const 7)))
  (core instance $code (instantiate $code))
  (func $f (result u32) (canon lift (core func $code "f")))
  (instance $tools (export "seven" (func $f)))
  (export "acme:numbers/tools@1.0.0" (instance $tools)))"""

SPINS_AT_START = """(component
  (core module $code (func $spin (loop (br 0))) (start $spin) (func (export "f")))
  (core instance $code (instantiate $code))
  (func (export "f") (canon lift (core func $code "f"))))"""

_CODE_ALONE = """(core module $last (func (export "f"))) (core instance $last (instantiate $last))
  (func (export "f") (canon lift (core func $last "f")))"""


def many(module: str, times: int) -> str:
    """A component with `times` instances of the core `module`."""
    return f"(component (core module $it {module}) {'(core instance (instantiate $it))' * times} {_CODE_ALONE})"


def importing(name: str) -> str:
    """A component that imports an interface without anything in it."""
    return f'(component (import "{name}" (instance)) {_CODE_ALONE})'


POLLABLE = """
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $p (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $p))))))
  (alias export $poll "pollable" (type $pollable))
"""

SLEEP = component(
    imports=f"""{POLLABLE}
  (import "wasi:clocks/monotonic-clock@0.2.3" (instance $clock
    (alias outer 1 $pollable (type $outer))
    (export "pollable" (type $p (eq $outer)))
    (export "now" (func (result u64)))
    (export "resolution" (func (result u64)))
    (export "subscribe-instant" (func (param "when" u64) (result (own $p))))
    (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))""",
    lowers={
        "now": ('$clock "now"', "(result i64)"),
        "resolution": ('$clock "resolution"', "(result i64)"),
        "duration": ('$clock "subscribe-duration"', "(param i64) (result i32)"),
        "instant": ('$clock "subscribe-instant"', "(param i64) (result i32)"),
        "block": ('$poll "[method]pollable.block"', "(param i32)"),
        "drop": ("resource.drop $pollable", "(param i32)"),
    },
    code="""
    (func $wait (param i32) (call $block (local.get 0)) (call $drop (local.get 0)))
    (func (export "sleep") (param i64) (call $wait (call $duration (local.get 0))))
    (func (export "sleep-until-after") (param i64) (call $wait (call $instant (i64.add (call $now) (local.get 0)))))
    (func (export "sleep-until-before") (call $wait (call $instant (i64.const 1))))
    (func (export "clock") (result i64) (call $now))
    (func (export "precision") (result i64) (call $resolution))
    """,
    exports={
        "sleep": '(param "nanoseconds" u64)',
        "sleep-until-after": '(param "nanoseconds" u64)',
        "sleep-until-before": "",
        "clock": "(result u64)",
        "precision": "(result u64)",
    },
)

CLOCK_ONLY = component(
    imports='(import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock (export "now" (func (result u64)))))',
    lowers={"now": ('$clock "now"', "(result i64)")},
    code='(func (export "clock") (result i64) (call $now))',
    exports={"clock": "(result u64)"},
)

_STREAM_ERROR = """
    (alias outer 1 $error (type $outer-error))
    (export "error" (type $e (eq $outer-error)))
    (type $failure (variant (case "last-operation-failed" (own $e)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $failure)))
"""
_ERROR = (
    '(import "wasi:io/error@0.2.0" (instance $errors (export "error" (type (sub resource)))))(alias export $errors "error" (type $error))'
)


def _get_stream(name: str, resource: str) -> str:
    return f"""(import "wasi:cli/{name}@0.2.0" (instance ${name}
    (alias outer 1 ${resource} (type $outer))
    (export "{resource}" (type $s (eq $outer)))
    (export "get-{name}" (func (result (own $s))))))"""


PRINT = component(
    imports=f"""{_ERROR}
  (import "wasi:io/streams@0.2.0" (instance $streams {_STREAM_ERROR}
    (export "output-stream" (type $s (sub resource)))
    (export "[method]output-stream.blocking-write-and-flush"
      (func (param "self" (borrow $s)) (param "contents" (list u8)) (result (result (error $stream-error)))))))
  (alias export $streams "output-stream" (type $output-stream))
  {_get_stream("stdout", "output-stream")} {_get_stream("stderr", "output-stream")}""",
    lowers={
        "stdout": ('$stdout "get-stdout"', "(result i32)"),
        "stderr": ('$stderr "get-stderr"', "(result i32)"),
        "write": ('$streams "[method]output-stream.blocking-write-and-flush"', "(param i32 i32 i32 i32)"),
    },
    code="""
    (func $say (param i32 i32 i32) (call $write (local.get 0) (local.get 1) (local.get 2) (i32.const 0)))
    (func (export "say") (param i32 i32) (call $say (call $stdout) (local.get 0) (local.get 1)))
    (func (export "complain-and-trap") (param i32 i32) (call $say (call $stderr) (local.get 0) (local.get 1)) unreachable)
    (func (export "flood") (local $to i32) (local.set $to (call $stdout))
      (loop $more (call $say (local.get $to) (i32.const 8192) (i32.const 4096)) (br $more)))
    (func (export "flood-and-return") (local $to i32) (local $times i32) (local.set $to (call $stdout)) (local.set $times (i32.const 20))
      (loop $more (call $say (local.get $to) (i32.const 8192) (i32.const 4096))
        (local.set $times (i32.sub (local.get $times) (i32.const 1))) (br_if $more (local.get $times))))
    """,
    exports={
        "say": '(param "text" string)',
        "complain-and-trap": '(param "text" string)',
        "flood": "",
        "flood-and-return": "",
    },
)

STDIN = component(
    imports=f"""{_ERROR}
  (import "wasi:io/streams@0.2.0" (instance $streams {_STREAM_ERROR}
    (export "input-stream" (type $s (sub resource)))
    (export "[method]input-stream.blocking-read"
      (func (param "self" (borrow $s)) (param "len" u64) (result (result (list u8) (error $stream-error)))))))
  (alias export $streams "input-stream" (type $input-stream))
  {_get_stream("stdin", "input-stream")}""",
    lowers={
        "stdin": ('$stdin "get-stdin"', "(result i32)"),
        "read": ('$streams "[method]input-stream.blocking-read"', "(param i32 i64 i32)"),
    },
    code="""
    (func (export "read") (result i32)
      (call $read (call $stdin) (i64.const 100) (i32.const 0))
      (if (result i32) (i32.load8_u (i32.const 0))
        (then (i32.sub (i32.const -1) (i32.load8_u (i32.const 4)))) (else (i32.load (i32.const 8)))))
    """,
    exports={"read": "(result s32)"},
)
"""`read`: how many bytes there were, or -1 for an error, -2 for a closed stream."""

ENVIRONMENT = component(
    imports="""(import "wasi:cli/environment@0.2.3" (instance $environment
    (export "get-environment" (func (result (list (tuple string string)))))
    (export "get-arguments" (func (result (list string))))
    (export "initial-cwd" (func (result (option string))))))""",
    lowers={
        "get-environment": ('$environment "get-environment"', "(param i32)"),
        "get-arguments": ('$environment "get-arguments"', "(param i32)"),
        "initial-cwd": ('$environment "initial-cwd"', "(param i32)"),
    },
    code="""
    (func (export "variables") (result i32) (call $get-environment (i32.const 0)) (i32.const 0))
    (func (export "arguments") (result i32) (call $get-arguments (i32.const 0)) (i32.const 0))
    (func (export "directory") (result i32) (call $initial-cwd (i32.const 0)) (i32.const 0))
    """,
    exports={
        "variables": "(result (list (tuple string string)))",
        "arguments": "(result (list string))",
        "directory": "(result (option string))",
    },
)

CONFIG_NAMES = ("wasi:config/store@0.2.0-draft", "wasi:config/store@0.2.0-rc.1", "wasi:config/runtime@0.2.0-draft")
_CONFIG = "".join(
    f"""(import "{name}" (instance $config{number}
    (type $failure (variant (case "upstream" string) (case "io" string)))
    (export "{"config-error" if "runtime" in name else "error"}" (type $e (eq $failure)))
    (export "get" (func (param "key" string) (result (result (option string) (error $e)))))
    (export "get-all" (func (result (result (list (tuple string string)) (error $e)))))))"""
    for number, name in enumerate(CONFIG_NAMES)
)
_CONFIG_ERROR = '(alias export $config0 "error" (type $config-error))'

CONFIG = component(
    imports=_CONFIG + _CONFIG_ERROR,
    lowers={f"get{n}": (f'$config{n} "get"', "(param i32 i32 i32)") for n in range(3)}
    | {f"all{n}": (f'$config{n} "get-all"', "(param i32)") for n in range(3)},
    code="".join(
        f"""(func (export "get{n}") (param i32 i32) (result i32) (call $get{n} (local.get 0) (local.get 1) (i32.const 0)) (i32.const 0))
    (func (export "all{n}") (result i32) (call $all{n} (i32.const 0)) (i32.const 0))"""
        for n in range(3)
    ),
    exports={f"get{n}": '(param "key" string) (result (result (option string) (error $config-error)))' for n in range(3)}
    | {f"all{n}": "(result (result (list (tuple string string)) (error $config-error)))" for n in range(3)},
)

LOGGING = component(
    imports="""(import "wasi:logging/logging@0.1.0-draft" (instance $logging
    (type $l (enum "trace" "debug" "info" "warn" "error" "critical"))
    (export "level" (type $level (eq $l)))
    (export "log" (func (param "level" $level) (param "context" string) (param "message" string)))))""",
    lowers={"log": ('$logging "log"', "(param i32 i32 i32 i32 i32)")},
    code="""(func (export "warn") (param i32 i32 i32 i32)
      (call $log (i32.const 3) (local.get 0) (local.get 1) (local.get 2) (local.get 3)))""",
    exports={"warn": '(param "context" string) (param "message" string)'},
)

EXIT = component(
    imports='(import "wasi:cli/exit@0.2.0" (instance $exit (export "exit" (func (param "status" (result))))))',
    lowers={"exit": ('$exit "exit"', "(param i32)")},
    code='(func (export "leave") (param i32) (call $exit (local.get 0)))',
    exports={"leave": '(param "fail" bool)'},
)

UNKNOWN_FUNCTION = f"""(component
  (import "wasi:random/random@0.2.0" (instance (export "no-such-function" (func))))
  {_CODE_ALONE})"""
"""An interface this program knows, with a function nobody does."""

ASYNC_LIFTED = """(component
  (core module $code
    (func (export "later") (result i32) (i32.const 0))
    (func (export "callback") (param i32 i32 i32) (result i32) (i32.const 0))
    (func (export "now") (result i32) (i32.const 5)))
  (core instance $code (instantiate $code))
  (func (export "later") async (result u32) (canon lift (core func $code "later") async (callback (core func $code "callback"))))
  (func (export "now") (result u32) (canon lift (core func $code "now"))))"""


def large(data: int, pages: int = 64) -> str:
    """A component with `data` bytes of data, in a memory of so many pages."""
    return f"""(component
  (core module $code (memory {pages}) (data (i32.const 0) "{"a" * data}") (func (export "f")))
  (core instance $code (instantiate $code))
  (func (export "f") (canon lift (core func $code "f"))))"""


def heavy(functions: int) -> bytes:
    """A component with as many functions of 790 bytes, put together here: parsing their text would take as long as compiling them."""
    step = bytes.fromhex("2000 2001 2001 280200 6c 6a 2101")  # $1 = $0 + $1 * load($1)
    body = b"\1\1\x7f" + step * 60 + b"\x20\1\x0b"
    types, kinds = b"\2\x60\1\x7f\1\x7f\x60\0\0", _leb(functions + 1) + b"\0" * functions + b"\1"
    code = _leb(functions + 1) + (_leb(len(body)) + body) * functions + b"\2\0\x0b"
    sections = {1: types, 3: kinds, 5: b"\1\0\1", 7: b"\1\1f\0" + _leb(functions), 10: code}
    module = b"\0asm\1\0\0\0" + b"".join(_section(*section) for section in sections.items())
    shell = bytes(wat2wasm(large(0)))  # its first section is a module with the same export
    return shell[:8] + _section(1, module) + shell[10 + shell[9] :]


def _section(id: int, content: bytes) -> bytes:
    return bytes([id]) + _leb(len(content)) + content


def _leb(number: int) -> bytes:
    """Unsigned LEB128."""
    return bytes([number & 127 | 128]) + _leb(number >> 7) if number > 127 else bytes([number])
