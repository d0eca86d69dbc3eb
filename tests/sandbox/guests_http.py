"""A client of `wasi:http` as text: sends a request with a header, a body and timeouts, and reads the answer as it comes."""

from __future__ import annotations

from tests.sandbox.guests import component
from tests.sandbox.guests_io import ERROR_CODE, METHODS

_STREAM_ERROR = (
    '(type $x (variant (case "last-operation-failed" (own $failure)) (case "closed"))) (export "stream-error" (type $e (eq $x)))'
)
_TIMEOUT = """(export "[method]request-options.set-{}-timeout"
      (func (param "self" (borrow $options)) (param "duration" (option u64)) (result (result))))"""
_SETTER = """(export "[method]outgoing-request.set-{0}"
      (func (param "self" (borrow $request)) (param "{1}" (option {2})) (result (result))))"""


def client(version: str) -> str:
    """The client, for a version of WASI."""
    return component(
        imports=f"""
  (import "wasi:io/error@{version}" (instance $errors (export "error" (type (sub resource)))))
  (alias export $errors "error" (type $io-error))
  (import "wasi:io/poll@{version}" (instance $poll (export "pollable" (type $p (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $p))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:io/streams@{version}" (instance $streams
    (alias outer 1 $io-error (type $f0)) (export "error" (type $failure (eq $f0)))
    {_STREAM_ERROR}
    (export "input-stream" (type $in (sub resource))) (export "output-stream" (type $out (sub resource)))
    (export "[method]input-stream.blocking-read"
      (func (param "self" (borrow $in)) (param "len" u64) (result (result (list u8) (error $e)))))
    (export "[method]output-stream.blocking-write-and-flush"
      (func (param "self" (borrow $out)) (param "contents" (list u8)) (result (result (error $e)))))))
  (alias export $streams "input-stream" (type $input))
  (alias export $streams "output-stream" (type $output))
  (import "wasi:http/types@{version}" (instance $types
    (alias outer 1 $pollable (type $pollable0)) (export "pollable" (type $pollable (eq $pollable0)))
    (alias outer 1 $input (type $input0)) (export "input-stream" (type $input (eq $input0)))
    (alias outer 1 $output (type $output0)) (export "output-stream" (type $output (eq $output0)))
    (export "fields" (type $fields (sub resource)))
    (export "request-options" (type $options (sub resource)))
    (export "future-incoming-response" (type $future (sub resource)))
    (export "outgoing-request" (type $request (sub resource)))
    (export "outgoing-body" (type $outgoing-body (sub resource)))
    (export "incoming-response" (type $response (sub resource)))
    (export "incoming-body" (type $incoming-body (sub resource)))
    (type $h (variant (case "invalid-syntax") (case "forbidden") (case "immutable"))) (export "header-error" (type $header-error (eq $h)))
    (type $d (record (field "rcode" (option string)) (field "info-code" (option u16)))) (export "DNS-error-payload" (type $dns (eq $d)))
    (type $t (record (field "alert-id" (option u8)) (field "alert-message" (option string))))
    (export "TLS-alert-received-payload" (type $tls (eq $t)))
    (type $f (record (field "field-name" (option string)) (field "field-size" (option u32))))
    (export "field-size-payload" (type $field (eq $f)))
    (type $e (variant {ERROR_CODE})) (export "error-code" (type $error (eq $e)))
    (type $m (variant {" ".join(f'(case "{name}")' for name in METHODS)} (case "other" string)))
    (export "method" (type $method (eq $m)))
    (type $s (variant (case "HTTP") (case "HTTPS") (case "other" string))) (export "scheme" (type $scheme (eq $s)))
    (export "[constructor]fields" (func (result (own $fields))))
    (export "[method]fields.append" (func (param "self" (borrow $fields)) (param "name" string) (param "value" (list u8))
      (result (result (error $header-error)))))
    (export "[constructor]request-options" (func (result (own $options))))
    {_TIMEOUT.format("connect")} {_TIMEOUT.format("first-byte")}
    (export "[constructor]outgoing-request" (func (param "headers" (own $fields)) (result (own $request))))
    (export "[method]outgoing-request.set-method" (func (param "self" (borrow $request)) (param "method" $method) (result (result))))
    {_SETTER.format("scheme", "scheme", "$scheme")} {_SETTER.format("authority", "authority", "string")}
    {_SETTER.format("path-with-query", "path-with-query", "string")}
    (export "[method]outgoing-request.body" (func (param "self" (borrow $request)) (result (result (own $outgoing-body)))))
    (export "[method]outgoing-body.write" (func (param "self" (borrow $outgoing-body)) (result (result (own $output)))))
    (export "[static]outgoing-body.finish"
      (func (param "this" (own $outgoing-body)) (param "trailers" (option (own $fields))) (result (result (error $error)))))
    (export "[method]future-incoming-response.subscribe" (func (param "self" (borrow $future)) (result (own $pollable))))
    (export "[method]future-incoming-response.get"
      (func (param "self" (borrow $future)) (result (option (result (result (own $response) (error $error)))))))
    (export "[method]incoming-response.status" (func (param "self" (borrow $response)) (result u16)))
    (export "[method]incoming-response.consume" (func (param "self" (borrow $response)) (result (result (own $incoming-body)))))
    (export "[method]incoming-body.stream" (func (param "self" (borrow $incoming-body)) (result (result (own $input)))))))
  (alias export $types "outgoing-request" (type $request))
  (alias export $types "request-options" (type $options))
  (alias export $types "future-incoming-response" (type $future))
  (alias export $types "error-code" (type $error))
  (import "wasi:http/outgoing-handler@{version}" (instance $handler
    (alias outer 1 $request (type $r0)) (export "outgoing-request" (type $r (eq $r0)))
    (alias outer 1 $options (type $o0)) (export "request-options" (type $o (eq $o0)))
    (alias outer 1 $future (type $f0)) (export "future-incoming-response" (type $f (eq $f0)))
    (alias outer 1 $error (type $e0)) (export "error-code" (type $e (eq $e0)))
    (export "handle" (func (param "request" (own $r)) (param "options" (option (own $o))) (result (result (own $f) (error $e)))))))""",
        lowers={
            "fields": ('$types "[constructor]fields"', "(result i32)"),
            "append": ('$types "[method]fields.append"', "(param i32 i32 i32 i32 i32 i32)"),
            "options": ('$types "[constructor]request-options"', "(result i32)"),
            "connect": ('$types "[method]request-options.set-connect-timeout"', "(param i32 i32 i64) (result i32)"),
            "first": ('$types "[method]request-options.set-first-byte-timeout"', "(param i32 i32 i64) (result i32)"),
            "request": ('$types "[constructor]outgoing-request"', "(param i32) (result i32)"),
            "method": ('$types "[method]outgoing-request.set-method"', "(param i32 i32 i32 i32) (result i32)"),
            "scheme": ('$types "[method]outgoing-request.set-scheme"', "(param i32 i32 i32 i32 i32) (result i32)"),
            "authority": ('$types "[method]outgoing-request.set-authority"', "(param i32 i32 i32 i32) (result i32)"),
            "path": ('$types "[method]outgoing-request.set-path-with-query"', "(param i32 i32 i32 i32) (result i32)"),
            "body": ('$types "[method]outgoing-request.body"', "(param i32 i32)"),
            "write": ('$types "[method]outgoing-body.write"', "(param i32 i32)"),
            "finish": ('$types "[static]outgoing-body.finish"', "(param i32 i32 i32 i32)"),
            "flush": ('$streams "[method]output-stream.blocking-write-and-flush"', "(param i32 i32 i32 i32)"),
            "drop-output": ("resource.drop $output", "(param i32)"),
            "handle": ('$handler "handle"', "(param i32 i32 i32 i32)"),
            "subscribe": ('$types "[method]future-incoming-response.subscribe"', "(param i32) (result i32)"),
            "block": ('$poll "[method]pollable.block"', "(param i32)"),
            "get": ('$types "[method]future-incoming-response.get"', "(param i32 i32)"),
            "status": ('$types "[method]incoming-response.status"', "(param i32) (result i32)"),
            "consume": ('$types "[method]incoming-response.consume"', "(param i32 i32)"),
            "stream": ('$types "[method]incoming-body.stream"', "(param i32 i32)"),
            "read": ('$streams "[method]input-stream.blocking-read"', "(param i32 i64 i32)"),
        },
        code="""
    (import "fill" "reset" (func $reset (param i32)))
    (func $error (param $at i32) (result i32) (i32.sub (i32.const -1) (i32.load8_u (local.get $at))))
    (func $answer (param $code i32) (param $size i64) (param $kept i32) (param $kept-size i32) (result i32)
      (i32.store (i32.const 0) (local.get $code)) (i64.store (i32.const 8) (local.get $size))
      (i32.store (i32.const 16) (local.get $kept)) (i32.store (i32.const 20) (local.get $kept-size)) (i32.const 0))
    (func $made (param $method i32) (param $scheme i32) (param $host i32) (param $host-size i32) (param $path i32) (param $path-size i32)
      (param $name i32) (param $name-size i32) (param $value i32) (param $value-size i32) (result i32) (local $it i32)
      (local.set $it (call $fields))
      (if (local.get $name-size) (then (call $append (local.get $it)
        (local.get $name) (local.get $name-size) (local.get $value) (local.get $value-size) (i32.const 0))))
      (local.set $it (call $request (local.get $it)))
      (drop (call $method (local.get $it) (local.get $method) (i32.const 0) (i32.const 0)))
      (drop (call $scheme (local.get $it) (i32.const 1) (local.get $scheme) (i32.const 0) (i32.const 0)))
      (if (call $authority (local.get $it) (i32.const 1) (local.get $host) (local.get $host-size)) (then (unreachable)))
      (if (call $path (local.get $it) (i32.const 1) (local.get $path) (local.get $path-size)) (then (unreachable)))
      (local.get $it))
    (func $sent (param $body i32) (param $data i32) (param $data-size i32) (param $filler i64) (local $out i32)
      (call $write (local.get $body) (i32.const 0))
      (local.set $out (i32.load (i32.const 4)))
      (if (local.get $data-size) (then
        (call $flush (local.get $out) (local.get $data) (local.get $data-size) (i32.const 0))))
      (block $refused (loop $more
        (br_if $refused (i64.eqz (local.get $filler)))
        (call $flush (local.get $out) (i32.const 4096) (i32.const 4096) (i32.const 0))
        (br_if $refused (i32.load8_u (i32.const 0)))
        (local.set $filler (i64.sub (local.get $filler) (i64.const 1))) (br $more)))
      (call $drop-output (local.get $out))
      (call $finish (local.get $body) (i32.const 0) (i32.const 0) (i32.const 0)))
    (func (export "send") (param $method i32) (param $scheme i32) (param $host i32) (param $host-size i32)
      (param $path i32) (param $path-size i32) (param $name i32) (param $name-size i32) (param $value i32) (param $value-size i32)
      (param $data i32) (param $data-size i32) (param $filler i64) (param $connect i64) (param $first i64) (result i32)
      (local $it i32) (local $body i32) (local $options i32) (local $buffer i32) (local $mark i32) (local $kept i32) (local $size i64)
      (local.set $buffer (call $realloc (i32.const 0) (i32.const 0) (i32.const 8) (i32.const 65536)))
      (local.set $mark (call $realloc (i32.const 0) (i32.const 0) (i32.const 8) (i32.const 0)))
      (local.set $it (call $made (local.get $method) (local.get $scheme) (local.get $host) (local.get $host-size)
        (local.get $path) (local.get $path-size) (local.get $name) (local.get $name-size) (local.get $value) (local.get $value-size)))
      (if (i64.ne (i64.const 0) (i64.or (local.get $connect) (local.get $first))) (then
        (local.set $options (call $options))
        (if (i64.ne (i64.const 0) (local.get $connect)) (then
          (drop (call $connect (local.get $options) (i32.const 1) (local.get $connect)))))
        (if (i64.ne (i64.const 0) (local.get $first)) (then
          (drop (call $first (local.get $options) (i32.const 1) (local.get $first)))))))
      (if (i32.or (local.get $data-size) (i64.ne (i64.const 0) (local.get $filler))) (then
        (call $body (local.get $it) (i32.const 0)) (local.set $body (i32.load (i32.const 4)))))
      (call $handle (local.get $it) (i32.ne (i32.const 0) (local.get $options)) (local.get $options) (i32.const 0))
      (if (i32.load8_u (i32.const 0)) (then
        (return (call $answer (call $error (i32.const 8)) (i64.const 0) (i32.const 0) (i32.const 0)))))
      (local.set $it (i32.load (i32.const 8)))
      (if (local.get $body) (then (call $sent (local.get $body) (local.get $data) (local.get $data-size) (local.get $filler))))
      (call $block (call $subscribe (local.get $it)))
      (call $get (local.get $it) (i32.const 0))
      (if (i32.load8_u (i32.const 16)) (then
        (return (call $answer (call $error (i32.const 24)) (i64.const 0) (i32.const 0) (i32.const 0)))))
      (local.set $it (i32.load (i32.const 24)))
      (local.set $method (call $status (local.get $it)))
      (call $consume (local.get $it) (i32.const 0))
      (call $stream (i32.load (i32.const 4)) (i32.const 0))
      (local.set $it (i32.load (i32.const 4)))
      (loop $more
        (call $reset (local.get $mark))
        (call $read (local.get $it) (i64.const 65536) (i32.const 0))
        (if (i32.eqz (i32.load8_u (i32.const 0))) (then
          (local.set $size (i64.add (local.get $size) (i64.extend_i32_u (i32.load (i32.const 8)))))
          (if (i32.le_u (i32.add (local.get $kept) (i32.load (i32.const 8))) (i32.const 65536)) (then
            (memory.copy (i32.add (local.get $buffer) (local.get $kept)) (i32.load (i32.const 4)) (i32.load (i32.const 8)))
            (local.set $kept (i32.add (local.get $kept) (i32.load (i32.const 8))))))
          (br $more))))
      (call $answer (if (result i32) (i32.load8_u (i32.const 4)) (then (local.get $method)) (else (i32.const -1000)))
        (local.get $size) (local.get $buffer) (local.get $kept)))
    """,
        exports={
            "send": """(param "method" u32) (param "scheme" u32) (param "authority" string) (param "path" string)
      (param "header" string) (param "value" string) (param "body" string) (param "filler" u64) (param "connect" u64) (param "first" u64)
      (result (tuple s32 u64 string))"""
        },
    )


BROKEN = -1000
CLIENT = client("0.2.0")
"""`send`: (status, bytes of the body, the first 64 KiB of it). The status is -1 - the number of the error code when there is no answer,
BROKEN when the body broke off. `filler` counts blocks of 4096 bytes sent behind `body` (at most 4096 bytes); timeouts are in ns, 0: none.
"""
