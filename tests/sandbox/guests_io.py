"""Components that reach for files, HTTP and sockets; the rest is in `guests.py`."""

from __future__ import annotations

from collections.abc import Sequence

from tests.sandbox.guests import component


def _words(text: str) -> list[str]:
    return text.split()


FILE_ERRORS = _words(
    "access would-block already bad-descriptor busy deadlock quota exist file-too-large illegal-byte-sequence in-progress interrupted "
    "invalid io is-directory loop too-many-links message-size name-too-long no-device no-entry no-lock insufficient-memory "
    "insufficient-space not-directory not-empty not-recoverable unsupported no-tty no-such-device overflow not-permitted pipe read-only "
    "invalid-seek text-file-busy cross-device"
)
SOCKET_ERRORS = _words(
    "unknown access-denied not-supported invalid-argument out-of-memory timeout concurrency-conflict not-in-progress would-block "
    "invalid-state new-socket-limit address-not-bindable address-in-use remote-unreachable connection-refused connection-reset "
    "connection-aborted datagram-too-large name-unresolvable temporary-resolver-failure permanent-resolver-failure"
)


def _enum(names: Sequence[str]) -> str:
    return "(enum " + " ".join('"' + name + '"' for name in names) + ")"


FILES = component(
    imports=f"""
  (import "wasi:filesystem/types@0.2.3" (instance $types
    (export "descriptor" (type $d (sub resource)))
    (type $code {_enum(FILE_ERRORS)})
    (export "error-code" (type $error (eq $code)))
    (type $p (flags "symlink-follow")) (export "path-flags" (type $path-flags (eq $p)))
    (type $o (flags "create" "directory" "exclusive" "truncate")) (export "open-flags" (type $open-flags (eq $o)))
    (type $f (flags "read" "write" "file-integrity-sync" "data-integrity-sync" "requested-write-sync" "mutate-directory"))
    (export "descriptor-flags" (type $flags (eq $f)))
    (export "[method]descriptor.open-at" (func (param "self" (borrow $d)) (param "path-flags" $path-flags) (param "path" string)
      (param "open-flags" $open-flags) (param "flags" $flags) (result (result (own $d) (error $error)))))
    (export "[method]descriptor.read" (func (param "self" (borrow $d)) (param "length" u64) (param "offset" u64)
      (result (result (tuple (list u8) bool) (error $error)))))
    (export "[method]descriptor.write" (func (param "self" (borrow $d)) (param "buffer" (list u8)) (param "offset" u64)
      (result (result u64 (error $error)))))))
  (alias export $types "descriptor" (type $descriptor))
  (import "wasi:filesystem/preopens@0.2.3" (instance $preopens
    (alias outer 1 $descriptor (type $outer))
    (export "descriptor" (type $d (eq $outer)))
    (export "get-directories" (func (result (list (tuple (own $d) string)))))))""",
    lowers={
        "directories": ('$preopens "get-directories"', "(param i32)"),
        "open": ('$types "[method]descriptor.open-at"', "(param i32 i32 i32 i32 i32 i32 i32)"),
        "read": ('$types "[method]descriptor.read"', "(param i32 i64 i64 i32)"),
        "write": ('$types "[method]descriptor.write"', "(param i32 i32 i32 i64 i32)"),
    },
    code="""
    (func $failed (result i32) (i32.sub (i32.const -1) (i32.load8_u (i32.const 4))))
    (func $opened (param $nth i32) (param $path i32) (param $size i32) (param $open i32) (param $flags i32) (result i32)
      (call $directories (i32.const 0))
      (if (i32.ge_u (local.get $nth) (i32.load (i32.const 4))) (then (i32.store8 (i32.const 0) (i32.const 1))
        (i32.store8 (i32.const 4) (i32.const 99)) (return (i32.const -1))))
      (call $open (i32.load (i32.add (i32.load (i32.const 0)) (i32.mul (local.get $nth) (i32.const 12))))
        (i32.const 1) (local.get $path) (local.get $size) (local.get $open) (local.get $flags) (i32.const 0))
      (i32.load (i32.const 4)))
    (func (export "directories") (result i32) (call $directories (i32.const 0)) (i32.load (i32.const 4)))
    (func (export "name") (param i32) (result i32) (local $at i32)
      (call $directories (i32.const 0))
      (local.set $at (i32.add (i32.load (i32.const 0)) (i32.mul (local.get 0) (i32.const 12))))
      (i32.add (local.get $at) (i32.const 4)))
    (func (export "read") (param i32 i32 i32) (result i32) (local $file i32)
      (local.set $file (call $opened (local.get 0) (local.get 1) (local.get 2) (i32.const 0) (i32.const 1)))
      (if (i32.load8_u (i32.const 0)) (then (return (call $failed))))
      (call $read (local.get $file) (i64.const 1000) (i64.const 0) (i32.const 0))
      (if (result i32) (i32.load8_u (i32.const 0)) (then (call $failed)) (else (i32.load (i32.const 8)))))
    (func (export "write") (param i32 i32 i32 i32 i32) (result i32) (local $file i32)
      (local.set $file (call $opened (local.get 0) (local.get 1) (local.get 2) (i32.const 1) (i32.const 2)))
      (if (i32.load8_u (i32.const 0)) (then (return (call $failed))))
      (call $write (local.get $file) (local.get 3) (local.get 4) (i64.const 0) (i32.const 0))
      (if (result i32) (i32.load8_u (i32.const 0)) (then (call $failed)) (else (i32.load (i32.const 8)))))
    """,
    exports={
        "directories": "(result u32)",
        "name": '(param "nth" u32) (result string)',
        "read": '(param "nth" u32) (param "path" string) (result s32)',
        "write": '(param "nth" u32) (param "path" string) (param "text" string) (result s32)',
    },
)
"""Files of the nth directory. `read`, `write`: how many bytes, or -1 - error code (-100: no such directory)."""

_TEXT = "(option string)"
_PAYLOADS = {
    "DNS-error": "$dns",
    "TLS-alert-received": "$tls",
    "HTTP-request-body-size": "(option u64)",
    "HTTP-request-header-section-size": "(option u32)",
    "HTTP-request-header-size": "(option $field)",
    "HTTP-request-trailer-section-size": "(option u32)",
    "HTTP-request-trailer-size": "$field",
    "HTTP-response-header-section-size": "(option u32)",
    "HTTP-response-header-size": "$field",
    "HTTP-response-body-size": "(option u64)",
    "HTTP-response-trailer-section-size": "(option u32)",
    "HTTP-response-trailer-size": "$field",
    "HTTP-response-transfer-coding": _TEXT,
    "HTTP-response-content-coding": _TEXT,
    "internal-error": _TEXT,
}
HTTP_ERRORS = _words(
    "DNS-timeout DNS-error destination-not-found destination-unavailable destination-IP-prohibited destination-IP-unroutable "
    "connection-refused connection-terminated connection-timeout connection-read-timeout connection-write-timeout "
    "connection-limit-reached TLS-protocol-error TLS-certificate-error TLS-alert-received HTTP-request-denied "
    "HTTP-request-length-required HTTP-request-body-size HTTP-request-method-invalid HTTP-request-URI-invalid HTTP-request-URI-too-long "
    "HTTP-request-header-section-size HTTP-request-header-size HTTP-request-trailer-section-size HTTP-request-trailer-size "
    "HTTP-response-incomplete HTTP-response-header-section-size HTTP-response-header-size HTTP-response-body-size "
    "HTTP-response-trailer-section-size HTTP-response-trailer-size HTTP-response-transfer-coding HTTP-response-content-coding "
    "HTTP-response-timeout HTTP-upgrade-failed HTTP-protocol-error loop-detected configuration-error internal-error"
)
METHODS = _words("get head post put delete connect options trace patch")
ERROR_CODE = " ".join(f'(case "{name}" {_PAYLOADS.get(name, "")})' for name in HTTP_ERRORS)
_FIELDS = """
    (export "fields" (type $fields (sub resource)))
    (export "[constructor]fields" (func (result (own $fields))))"""

HTTP = component(
    imports=f"""
  (import "wasi:http/types@0.2.0" (instance $types {_FIELDS}
    (export "request-options" (type $options (sub resource)))
    (export "future-incoming-response" (type $future (sub resource)))
    (export "outgoing-request" (type $request (sub resource)))
    (type $d (record (field "rcode" (option string)) (field "info-code" (option u16)))) (export "DNS-error-payload" (type $dns (eq $d)))
    (type $t (record (field "alert-id" (option u8)) (field "alert-message" (option string))))
    (export "TLS-alert-received-payload" (type $tls (eq $t)))
    (type $f (record (field "field-name" (option string)) (field "field-size" (option u32))))
    (export "field-size-payload" (type $field (eq $f)))
    (type $e (variant {ERROR_CODE})) (export "error-code" (type $error (eq $e)))
    (type $m (variant {" ".join(f'(case "{name}")' for name in METHODS)} (case "other" string)))
    (export "method" (type $method (eq $m)))
    (type $s (variant (case "HTTP") (case "HTTPS") (case "other" string))) (export "scheme" (type $scheme (eq $s)))
    (export "[constructor]outgoing-request" (func (param "headers" (own $fields)) (result (own $request))))
    (export "[method]outgoing-request.set-method" (func (param "self" (borrow $request)) (param "method" $method) (result (result))))
    (export "[method]outgoing-request.set-scheme"
      (func (param "self" (borrow $request)) (param "scheme" (option $scheme)) (result (result))))
    (export "[method]outgoing-request.set-authority"
      (func (param "self" (borrow $request)) (param "authority" (option string)) (result (result))))
    (export "[method]outgoing-request.set-path-with-query"
      (func (param "self" (borrow $request)) (param "path-with-query" (option string)) (result (result))))))
  (alias export $types "outgoing-request" (type $request))
  (alias export $types "request-options" (type $options))
  (alias export $types "future-incoming-response" (type $future))
  (alias export $types "error-code" (type $error))
  (import "wasi:http/outgoing-handler@0.2.0" (instance $handler
    (alias outer 1 $request (type $r0)) (export "outgoing-request" (type $r (eq $r0)))
    (alias outer 1 $options (type $o0)) (export "request-options" (type $o (eq $o0)))
    (alias outer 1 $future (type $f0)) (export "future-incoming-response" (type $f (eq $f0)))
    (alias outer 1 $error (type $e0)) (export "error-code" (type $e (eq $e0)))
    (export "handle" (func (param "request" (own $r)) (param "options" (option (own $o))) (result (result (own $f) (error $e)))))))""",
    lowers={
        "fields": ('$types "[constructor]fields"', "(result i32)"),
        "request": ('$types "[constructor]outgoing-request"', "(param i32) (result i32)"),
        "method": ('$types "[method]outgoing-request.set-method"', "(param i32 i32 i32 i32) (result i32)"),
        "scheme": ('$types "[method]outgoing-request.set-scheme"', "(param i32 i32 i32 i32 i32) (result i32)"),
        "authority": ('$types "[method]outgoing-request.set-authority"', "(param i32 i32 i32 i32) (result i32)"),
        "path": ('$types "[method]outgoing-request.set-path-with-query"', "(param i32 i32 i32 i32) (result i32)"),
        "handle": ('$handler "handle"', "(param i32 i32 i32 i32)"),
    },
    code="""
    (func $send (param $method i32) (param $scheme i32) (param $host i32) (param $size i32) (result i32) (local $request i32)
      (local.set $request (call $request (call $fields)))
      (drop (call $method (local.get $request) (local.get $method) (i32.const 0) (i32.const 0)))
      (if (i32.ne (local.get $scheme) (i32.const 9)) (then
        (drop (call $scheme (local.get $request) (i32.const 1) (local.get $scheme) (local.get $host) (local.get $size)))))
      (if (local.get $size) (then (drop (call $authority (local.get $request) (i32.const 1) (local.get $host) (local.get $size)))))
      (i32.store8 (i32.const 512) (i32.const 63)) ;; "?"
      (if (i32.ne (local.get $scheme) (i32.const 9)) (then
        (drop (call $path (local.get $request) (i32.const 1) (i32.const 512) (i32.const 1)))))
      (call $handle (local.get $request) (i32.const 0) (i32.const 0) (i32.const 0))
      (if (result i32) (i32.load8_u (i32.const 0)) (then (i32.load8_u (i32.const 8))) (else (i32.const 1000))))
    (func (export "send") (param i32 i32 i32 i32) (result i32)
      (call $send (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
    (func (export "send-and-trap") (param i32 i32) (drop (call $send (i32.const 0) (i32.const 1) (local.get 0) (local.get 1))) unreachable)
    (func (export "send-often") (param i32 i32) (local $times i32) (local.set $times (i32.const 300))
      (loop $more (i32.store8 (i32.const 4096) (i32.add (i32.const 97) (i32.rem_u (local.get $times) (i32.const 26))))
        (i32.store8 (i32.const 4097) (i32.add (i32.const 97) (i32.rem_u (i32.div_u (local.get $times) (i32.const 26)) (i32.const 26))))
        (drop (call $send (i32.const 0) (i32.const 1) (i32.const 4096) (i32.const 2)))
        (local.set $times (i32.sub (local.get $times) (i32.const 1))) (br_if $more (local.get $times))))
    """,
    exports={
        "send": '(param "method" u32) (param "scheme" u32) (param "host" string) (result u32)',
        "send-and-trap": '(param "host" string)',
        "send-often": '(param "host" string)',
    },
)
"""`send`: the number of the error code, or 1000. Scheme 0 http, 1 https, 2 the host's name itself, 9 none."""

HOST_MEMORY = component(
    imports=f"""
  (import "wasi:http/types@0.2.0" (instance $types {_FIELDS}
    (type $h (variant (case "invalid-syntax") (case "forbidden") (case "immutable"))) (export "header-error" (type $error (eq $h)))
    (export "[method]fields.append" (func (param "self" (borrow $fields)) (param "name" string) (param "value" (list u8))
      (result (result (error $error)))))))""",
    lowers={
        "fields": ('$types "[constructor]fields"', "(result i32)"),
        "append": ('$types "[method]fields.append"', "(param i32 i32 i32 i32 i32 i32)"),
    },
    code="""
    (func (export "hoard") (param i32)
      (drop (memory.grow (i32.const 2)))
      (memory.fill (i32.const 4096) (i32.const 97) (i32.const 120000))
      (loop $more
        (call $append (call $fields) (i32.const 4096) (i32.const 1) (i32.const 4096) (i32.const 100000) (i32.const 0))
        (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br_if $more (local.get 0))))
    """,
    exports={"hoard": '(param "times" u32)'},
)

_NETWORK = f"""
  (import "wasi:sockets/network@0.2.0" (instance $network
    (export "network" (type (sub resource)))
    (type $e {_enum(SOCKET_ERRORS)}) (export "error-code" (type $error (eq $e)))
    (type $f (enum "ipv4" "ipv6")) (export "ip-address-family" (type (eq $f)))
    (type $v4 (tuple u8 u8 u8 u8)) (export "ipv4-address" (type $four (eq $v4)))
    (type $v6 (tuple u16 u16 u16 u16 u16 u16 u16 u16)) (export "ipv6-address" (type $six (eq $v6)))
    (type $a (variant (case "ipv4" $four) (case "ipv6" $six))) (export "ip-address" (type (eq $a)))))
  (alias export $network "network" (type $net))
  (alias export $network "error-code" (type $error))
  (alias export $network "ip-address-family" (type $family))
  (alias export $network "ip-address" (type $address))"""


def _create(kind: str) -> str:
    return f"""
  (import "wasi:sockets/{kind}@0.2.0" (instance ${kind} (export "{kind}-socket" (type (sub resource)))))
  (alias export ${kind} "{kind}-socket" (type ${kind}-socket))
  (import "wasi:sockets/{kind}-create-socket@0.2.0" (instance $create-{kind}
    (alias outer 1 $error (type $e0)) (export "error-code" (type $e (eq $e0)))
    (alias outer 1 $family (type $f0)) (export "ip-address-family" (type $f (eq $f0)))
    (alias outer 1 ${kind}-socket (type $s0)) (export "{kind}-socket" (type $s (eq $s0)))
    (export "create-{kind}-socket" (func (param "address-family" $f) (result (result (own $s) (error $e)))))))"""


SOCKETS = component(
    imports=f"""{_NETWORK} {_create("tcp")} {_create("udp")}
  (import "wasi:sockets/instance-network@0.2.0" (instance $default
    (alias outer 1 $net (type $n0)) (export "network" (type $n (eq $n0)))
    (export "instance-network" (func (result (own $n))))))
  (import "wasi:sockets/ip-name-lookup@0.2.0" (instance $lookup
    (alias outer 1 $net (type $n0)) (export "network" (type $n (eq $n0)))
    (alias outer 1 $error (type $e0)) (export "error-code" (type $e (eq $e0)))
    (alias outer 1 $address (type $a0)) (export "ip-address" (type $a (eq $a0)))
    (export "resolve-address-stream" (type $stream (sub resource)))
    (export "[method]resolve-address-stream.resolve-next-address"
      (func (param "self" (borrow $stream)) (result (result (option $a) (error $e)))))
    (export "resolve-addresses" (func (param "network" (borrow $n)) (param "name" string) (result (result (own $stream) (error $e)))))))""",
    lowers={
        "tcp": ('$create-tcp "create-tcp-socket"', "(param i32 i32)"),
        "udp": ('$create-udp "create-udp-socket"', "(param i32 i32)"),
        "network": ('$default "instance-network"', "(result i32)"),
        "resolve": ('$lookup "resolve-addresses"', "(param i32 i32 i32 i32)"),
        "next": ('$lookup "[method]resolve-address-stream.resolve-next-address"', "(param i32 i32)"),
    },
    code="""
    (func $code (param $at i32) (result i32)
      (if (result i32) (i32.load8_u (i32.const 0)) (then (i32.load8_u (local.get $at))) (else (i32.const 1000))))
    (func (export "tcp") (result i32) (call $tcp (i32.const 0) (i32.const 0)) (call $code (i32.const 4)))
    (func (export "udp") (result i32) (call $udp (i32.const 0) (i32.const 0)) (call $code (i32.const 4)))
    (func (export "look-up") (param i32 i32) (result i32)
      (call $resolve (call $network) (local.get 0) (local.get 1) (i32.const 0))
      (if (i32.load8_u (i32.const 0)) (then (return (i32.load8_u (i32.const 4)))))
      (call $next (i32.load (i32.const 4)) (i32.const 0))
      (call $code (i32.const 2)))
    """,
    exports={"tcp": "(result u32)", "udp": "(result u32)", "look-up": '(param "name" string) (result u32)'},
)
"""Each: the number of the error code, or 1000."""

RANDOM = component(
    imports="""
  (import "wasi:random/random@0.2.3" (instance $random
    (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
  (import "wasi:random/insecure@0.2.3" (instance $insecure
    (export "get-insecure-random-bytes" (func (param "len" u64) (result (list u8))))))""",
    lowers={
        "secure": ('$random "get-random-bytes"', "(param i64 i32)"),
        "insecure": ('$insecure "get-insecure-random-bytes"', "(param i64 i32)"),
    },
    code="""
    (func (export "secure") (param i64) (result i32) (call $secure (local.get 0) (i32.const 0)) (i32.load (i32.const 4)))
    (func (export "insecure") (param i64) (result i32) (call $insecure (local.get 0) (i32.const 0)) (i32.load (i32.const 4)))
    """,
    exports=dict.fromkeys(("secure", "insecure"), '(param "len" u64) (result u32)'),
)
"""How many random bytes a guest is given when it asks for so many at once."""
