"""The HTTP gate as text: it reads a request, and sends it elsewhere than it was meant to go.

`request` is all that is judged of one: method, scheme, authority, path, and the guest's own timeout for connecting. WASI puts them where
the canonical ABI has a tuple of those. The same bytes are read as `REQUEST`, the least to look at for Python: of a variant or an option the
number of its case, and 0 or nothing where it carries nothing.
`forward` sets scheme, authority and path, and bounds the guest's three timeouts by `limit` (nanoseconds), before it hands the request
to WASI: the net below the proxy's cut. A GET goes to the proxy as a POST: of a GET, WASI's client drops the body as soon as it sends the
head, and a guest that is just about to end it, as the standard asks, would find it closed. The proxy knows what it was.
"""

from __future__ import annotations

from wassette_py.sandbox.gates.gate import MEMORY
from wassette_py.sandbox.layout import STRING, U8, U32, U64

METHODS = ("get", "head", "post", "put", "delete", "connect", "options", "trace", "patch")
EXPORTS: tuple[str, ...] = ("request", "forward")

REQUEST = (U8, STRING, U8, U32, STRING, U8, STRING, U8, STRING, U64, U64)
"""Method, its name if it is `other`; scheme: whether there is one, which, its name; whether, and which authority; path; timeout."""

_NAMES = {U8: "u8", U32: "u32", U64: "u64", STRING: "string"}
_WIT = {"method": "$method", "scheme": "(option $scheme)", "authority": "(option string)", "path": "(option string)"}
_GETTERS = {"method": "method", "scheme": "scheme", "authority": "authority", "path": "path-with-query"}
_PLACES = {"method": 0, "scheme": 12, "authority": 28, "path": 40}
_CONNECT = 56
_TIMEOUTS = ("connect", "first-byte", "between-bytes")
_ERRORS = """
  DNS-timeout DNS-error:$dns destination-not-found destination-unavailable destination-IP-prohibited destination-IP-unroutable
  connection-refused connection-terminated connection-timeout connection-read-timeout connection-write-timeout
  connection-limit-reached TLS-protocol-error TLS-certificate-error TLS-alert-received:$tls HTTP-request-denied
  HTTP-request-length-required HTTP-request-body-size:u64 HTTP-request-method-invalid HTTP-request-URI-invalid
  HTTP-request-URI-too-long HTTP-request-header-section-size:u32 HTTP-request-header-size:field
  HTTP-request-trailer-section-size:u32 HTTP-request-trailer-size:$field HTTP-response-incomplete
  HTTP-response-header-section-size:u32 HTTP-response-header-size:$field HTTP-response-body-size:u64
  HTTP-response-trailer-section-size:u32 HTTP-response-trailer-size:$field HTTP-response-transfer-coding:string
  HTTP-response-content-coding:string HTTP-response-timeout HTTP-upgrade-failed HTTP-protocol-error loop-detected
  configuration-error internal-error:string
"""
"""The cases of `error-code` in order; a payload that is no `$name` is an option."""


def _case(text: str) -> str:
    name, _, payload = text.partition(":")
    if payload and not payload.startswith("$"):
        payload = f"(option {'$field' if payload == 'field' else payload})"
    return f'(case "{name}" {payload})'


def _each(template: str) -> str:
    return "\n".join(
        template.replace("NAME", name).replace("GETTER", _GETTERS[name]).replace("RESULT", result).replace("PLACE", str(_PLACES[name]))
        for name, result in _WIT.items()
    )


def _each_timeout(template: str) -> str:
    return "\n".join(template.replace("NAME", name) for name in _TIMEOUTS)


_GET, _POST = METHODS.index("get"), METHODS.index("post")
_CASES = " ".join(f'(case "{name}")' for name in METHODS)
_ERROR_CASES = " ".join(_case(text) for text in _ERRORS.split())
_OPTIONS = '(memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))'
_GIVEN = """(export "set-method" (func $set-method)) (export "set-scheme" (func $set-scheme))
    (export "set-authority" (func $set-authority)) (export "set-path" (func $set-path))
    (export "options" (func $new-options)) (export "handle" (func $handle)) (export "drop" (func $drop))
    (export "drop-options" (func $drop-options))"""

TEXT = f"""
(component
  (import "wasi:http/types@0.2.3" (instance $types
    (export "outgoing-request" (type $request (sub resource)))
    (export "request-options" (type $options (sub resource)))
    (export "future-incoming-response" (type $future (sub resource)))
    (type $m (variant {_CASES} (case "other" string))) (export "method" (type $method (eq $m)))
    (type $s (variant (case "HTTP") (case "HTTPS") (case "other" string))) (export "scheme" (type $scheme (eq $s)))
    (type $d (record (field "rcode" (option string)) (field "info-code" (option u16)))) (export "DNS-error-payload" (type $dns (eq $d)))
    (type $t (record (field "alert-id" (option u8)) (field "alert-message" (option string))))
    (export "TLS-alert-received-payload" (type $tls (eq $t)))
    (type $f (record (field "field-name" (option string)) (field "field-size" (option u32))))
    (export "field-size-payload" (type $field (eq $f)))
    (type $e (variant {_ERROR_CASES})) (export "error-code" (type $error (eq $e)))
    {_each('(export "[method]outgoing-request.GETTER" (func (param "self" (borrow $request)) (result RESULT)))')}
    (export "[method]outgoing-request.set-method"
      (func (param "self" (borrow $request)) (param "method" $method) (result (result))))
    (export "[method]outgoing-request.set-scheme"
      (func (param "self" (borrow $request)) (param "scheme" (option $scheme)) (result (result))))
    (export "[method]outgoing-request.set-authority"
      (func (param "self" (borrow $request)) (param "authority" (option string)) (result (result))))
    (export "[method]outgoing-request.set-path-with-query"
      (func (param "self" (borrow $request)) (param "path-with-query" (option string)) (result (result))))
    (export "[constructor]request-options" (func (result (own $options))))
    {_each_timeout('(export "[method]request-options.NAME-timeout" (func (param "self" (borrow $options)) (result (option u64))))')}
    {
    _each_timeout(
        '''(export "[method]request-options.set-NAME-timeout"
      (func (param "self" (borrow $options)) (param "duration" (option u64)) (result (result))))'''
    )
}))
  (alias export $types "outgoing-request" (type $request))
  (alias export $types "request-options" (type $options))
  (alias export $types "future-incoming-response" (type $future))
  (alias export $types "error-code" (type $error))
  (alias export $types "method" (type $method))
  (alias export $types "scheme" (type $scheme))
  (import "wasi:http/outgoing-handler@0.2.3" (instance $handler
    (alias outer 1 $request (type $r0)) (export "outgoing-request" (type $r (eq $r0)))
    (alias outer 1 $options (type $o0)) (export "request-options" (type $o (eq $o0)))
    (alias outer 1 $future (type $f0)) (export "future-incoming-response" (type $f (eq $f0)))
    (alias outer 1 $error (type $e0)) (export "error-code" (type $e (eq $e0)))
    (export "handle" (func (param "request" (own $r)) (param "options" (option (own $o))) (result (result (own $f) (error $e)))))))
  {MEMORY}
  {_each(f'(core func $NAME (canon lower (func $types "[method]outgoing-request.GETTER") {_OPTIONS}))')}
  (core func $set-method (canon lower (func $types "[method]outgoing-request.set-method") {_OPTIONS}))
  (core func $set-scheme (canon lower (func $types "[method]outgoing-request.set-scheme") {_OPTIONS}))
  (core func $set-authority (canon lower (func $types "[method]outgoing-request.set-authority") {_OPTIONS}))
  (core func $set-path (canon lower (func $types "[method]outgoing-request.set-path-with-query") {_OPTIONS}))
  (core func $new-options (canon lower (func $types "[constructor]request-options")))
  {_each_timeout(f'(core func $NAME-timeout (canon lower (func $types "[method]request-options.NAME-timeout") {_OPTIONS}))')}
  {_each_timeout('(core func $set-NAME-timeout (canon lower (func $types "[method]request-options.set-NAME-timeout")))')}
  (core func $handle (canon lower (func $handler "handle") {_OPTIONS}))
  (core func $drop (canon resource.drop $request))
  (core func $drop-options (canon resource.drop $options))
  (core module $code
    (import "memory" "memory" (memory 1))
    (import "memory" "forget" (func $forget))
    (import "" "drop" (func $drop (param i32)))
    (import "" "drop-options" (func $drop-options (param i32)))
    (import "" "set-method" (func $set-method (param i32 i32 i32 i32) (result i32)))
    (import "" "set-scheme" (func $set-scheme (param i32 i32 i32 i32 i32) (result i32)))
    (import "" "set-authority" (func $set-authority (param i32 i32 i32 i32) (result i32)))
    (import "" "set-path" (func $set-path (param i32 i32 i32 i32) (result i32)))
    (import "" "options" (func $options (result i32)))
    (import "" "handle" (func $handle (param i32 i32 i32 i32)))
    {_each('(import "" "NAME" (func $NAME (param i32 i32)))')}
    {_each_timeout('(import "" "NAME-timeout" (func $NAME-timeout (param i32 i32)))')}
    {_each_timeout('(import "" "set-NAME-timeout" (func $set-NAME-timeout (param i32 i32 i64) (result i32)))')}
    (func $must (param i32) (if (local.get 0) (then (unreachable))))
    (func (export "request") (param $request i32) (param $some i32) (param $options i32) (result i32)
      (call $forget)
      (memory.fill (i32.const 0) (i32.const 0) (i32.const 128))
      {_each("(call $NAME (local.get $request) (i32.const PLACE))")}
      (call $drop (local.get $request))
      (if (local.get $some)
        (then (call $connect-timeout (local.get $options) (i32.const {_CONNECT})) (call $drop-options (local.get $options))))
      (i32.const 0))
    (func (export "forward") (param $request i32) (param $some i32) (param $options i32)
      (param $authority i32) (param $authority-size i32) (param $path i32) (param $path-size i32) (param $limit i64) (result i32)
      (call $forget)
      (call $method (local.get $request) (i32.const 0))
      (if (i32.eq (i32.load8_u (i32.const 0)) (i32.const {_GET}))
        (then (call $must (call $set-method (local.get $request) (i32.const {_POST}) (i32.const 0) (i32.const 0)))))
      (call $must (call $set-scheme (local.get $request) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
      (call $must (call $set-authority (local.get $request) (i32.const 1) (local.get $authority) (local.get $authority-size)))
      (call $must (call $set-path (local.get $request) (i32.const 1) (local.get $path) (local.get $path-size)))
      (if (i32.eqz (local.get $some)) (then (local.set $options (call $options))))
      {
    _each_timeout(
        '''(call $NAME-timeout (local.get $options) (i32.const 0))
      (if (i32.or (i32.eqz (i32.load8_u (i32.const 0))) (i64.gt_u (i64.load (i32.const 8)) (local.get $limit)))
        (then (call $must (call $set-NAME-timeout (local.get $options) (i32.const 1) (local.get $limit)))))'''
    )
}
      (call $handle (local.get $request) (i32.const 1) (local.get $options) (i32.const 0))
      (i32.const 0)))
  (core instance $code (instantiate $code (with "memory" (instance $memory)) (with "" (instance {_GIVEN}
    {_each('(export "NAME" (func $NAME))')}
    {_each_timeout('(export "NAME-timeout" (func $NAME-timeout)) (export "set-NAME-timeout" (func $set-NAME-timeout))')}))))
  (func (export "request") (param "request" (borrow $request)) (param "options" (option (borrow $options)))
    (result (tuple {" ".join(_NAMES[kind] for kind in REQUEST)}))
    (canon lift (core func $code "request") (memory (core memory $memory "memory"))))
  (func (export "forward") (param "request" (own $request)) (param "options" (option (own $options)))
    (param "authority" string) (param "path" string) (param "limit" u64) (result (result (own $future) (error $error)))
    (canon lift (core func $code "forward") {_OPTIONS})))
"""
