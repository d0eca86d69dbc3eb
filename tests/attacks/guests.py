"""A guest built to get out of its directories: one export for each thing `wasi:filesystem` lets a component ask for.

Each takes the number of a preopened directory (renames and links take two) and gives what it got, or the error code's name.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.sandbox.guests import component
from tests.sandbox.guests_io import FILE_ERRORS

_KINDS = ["unknown", "block-device", "character-device", "directory", "fifo", "symbolic-link", "regular-file", "socket"]
_ERROR = "(enum " + " ".join(f'"{name}"' for name in FILE_ERRORS) + ")"


def _method(name: str, parameters: str, result: str = "") -> str:
    return f'(export "[method]{name}" (func {parameters} (result (result {result} (error $error)))))'


_D = '(param "self" (borrow $d))'
_PATH = '(param "path" string)'
_FLAGS = '(param "path-flags" $path-flags)'
_TIMES = '(param "data-access-timestamp" $new-time) (param "data-modification-timestamp" $new-time)'
_OLD_NEW = '(param "old-path" string) (param "new-descriptor" (borrow $d)) (param "new-path" string)'
_TYPES = f"""
  (import "wasi:filesystem/types@0.2.3" (instance $types
    (export "descriptor" (type $d (sub resource)))
    (export "directory-entry-stream" (type $entries (sub resource)))
    (type $code {_ERROR}) (export "error-code" (type $error (eq $code)))
    (type $k (enum {" ".join(f'"{kind}"' for kind in _KINDS)})) (export "descriptor-type" (type $kind (eq $k)))
    (type $p (flags "symlink-follow")) (export "path-flags" (type $path-flags (eq $p)))
    (type $o (flags "create" "directory" "exclusive" "truncate")) (export "open-flags" (type $open-flags (eq $o)))
    (type $f (flags "read" "write" "file-integrity-sync" "data-integrity-sync" "requested-write-sync" "mutate-directory"))
    (export "descriptor-flags" (type $flags (eq $f)))
    (type $t (record (field "seconds" u64) (field "nanoseconds" u32))) (export "datetime" (type $time (eq $t)))
    (type $n (variant (case "no-change") (case "now") (case "timestamp" $time))) (export "new-timestamp" (type $new-time (eq $n)))
    (type $e (record (field "type" $kind) (field "name" string))) (export "directory-entry" (type $entry (eq $e)))
    (type $s (record (field "type" $kind) (field "link-count" u64) (field "size" u64) (field "data-access-timestamp" (option $time))
      (field "data-modification-timestamp" (option $time)) (field "status-change-timestamp" (option $time))))
    (export "descriptor-stat" (type $stat (eq $s)))
    {_method("descriptor.open-at", f'{_D} {_FLAGS} {_PATH} (param "open-flags" $open-flags) (param "flags" $flags)', "(own $d)")}
    {_method("descriptor.read", f'{_D} (param "length" u64) (param "offset" u64)', "(tuple (list u8) bool)")}
    {_method("descriptor.write", f'{_D} (param "buffer" (list u8)) (param "offset" u64)', "u64")}
    {_method("descriptor.set-size", f'{_D} (param "size" u64)')}
    {_method("descriptor.set-times", f"{_D} {_TIMES}")}
    {_method("descriptor.set-times-at", f"{_D} {_FLAGS} {_PATH} {_TIMES}")}
    {_method("descriptor.stat-at", f"{_D} {_FLAGS} {_PATH}", "$stat")}
    {_method("descriptor.readlink-at", f"{_D} {_PATH}", "string")}
    {_method("descriptor.create-directory-at", f"{_D} {_PATH}")}
    {_method("descriptor.remove-directory-at", f"{_D} {_PATH}")}
    {_method("descriptor.unlink-file-at", f"{_D} {_PATH}")}
    {_method("descriptor.symlink-at", f'{_D} (param "old-path" string) (param "new-path" string)')}
    {_method("descriptor.rename-at", f"{_D} {_OLD_NEW}")}
    {_method("descriptor.link-at", f'{_D} (param "old-path-flags" $path-flags) {_OLD_NEW}')}
    {_method("descriptor.read-directory", _D, "(own $entries)")}
    {_method("directory-entry-stream.read-directory-entry", '(param "self" (borrow $entries))', "(option $entry)")}))
  (alias export $types "descriptor" (type $descriptor))
  (alias export $types "error-code" (type $error))
  (import "wasi:filesystem/preopens@0.2.3" (instance $preopens
    (alias outer 1 $descriptor (type $outer))
    (export "descriptor" (type $d (eq $outer)))
    (export "get-directories" (func (result (list (tuple (own $d) string)))))))"""

_CORE: Mapping[str, str] = {
    "open-at": "i32 i32 i32 i32 i32 i32 i32",
    "read": "i32 i64 i64 i32",
    "write": "i32 i32 i32 i64 i32",
    "set-size": "i32 i64 i32",
    "set-times": "i32 i32 i64 i32 i32 i64 i32 i32",
    "set-times-at": "i32 i32 i32 i32 i32 i64 i32 i32 i64 i32 i32",
    "stat-at": "i32 i32 i32 i32 i32",
    "readlink-at": "i32 i32 i32 i32",
    "create-directory-at": "i32 i32 i32 i32",
    "remove-directory-at": "i32 i32 i32 i32",
    "unlink-file-at": "i32 i32 i32 i32",
    "symlink-at": "i32 i32 i32 i32 i32 i32",
    "rename-at": "i32 i32 i32 i32 i32 i32 i32",
    "link-at": "i32 i32 i32 i32 i32 i32 i32 i32",
    "read-directory": "i32 i32",
}

# The answer of every call stands at 0: a byte for ok or error, then the payload at 4, or at 1 or 8 where its alignment asks for that.
_CODE = """
    (func $directory (param $nth i32) (result i32)
      (call $directories (i32.const 0))
      (if (i32.ge_u (local.get $nth) (i32.load (i32.const 4))) (then (unreachable)))
      (i32.load (i32.add (i32.load (i32.const 0)) (i32.mul (local.get $nth) (i32.const 12)))))
    (func $open (param $nth i32) (param $follow i32) (param $path i32) (param $size i32) (param $create i32) (param $flags i32) (result i32)
      (call $open-at (call $directory (local.get $nth)) (local.get $follow) (local.get $path) (local.get $size)
        (local.get $create) (local.get $flags) (i32.const 0))
      (i32.load (i32.const 4)))
    (func $failed (result i32) (i32.load8_u (i32.const 0)))
    (func $nothing (result i32) (i32.store8 (i32.const 4) (i32.load8_u (i32.const 1))) (i32.const 0))
    (func $eight (result i32) (i32.store8 (i32.const 4) (i32.load8_u (i32.const 8))) (i32.const 0))
    (func (export "open") (param i32 i32 i32 i32 i32 i32) (result i32)
      (drop (call $open (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5)))
      (i32.store8 (i32.const 1) (i32.load8_u (i32.const 4))) (call $nothing))
    (func $reads (export "read") (param i32 i32 i32 i32) (result i32) (local $file i32)
      (local.set $file (call $open (local.get 0) (local.get 1) (local.get 2) (local.get 3) (i32.const 0) (i32.const 1)))
      (if (i32.eqz (call $failed)) (then (call $read (local.get $file) (i64.const 1000) (i64.const 0) (i32.const 0))))
      (i32.const 0))
    (func (export "read-often") (param i32 i32 i32 i32) (result i32) (local $file i32)
      (loop $more
        (drop (call $reads (local.get 0) (i32.const 1) (local.get 1) (local.get 2)))
        (if (i32.eqz (call $failed)) (then
          (if (i32.eq (i32.load8_u (i32.load (i32.const 4))) (i32.const 115)) (then (return (i32.const 1)))))) ;; "s" of secret
        (local.set 3 (i32.sub (local.get 3) (i32.const 1))) (br_if $more (local.get 3)))
      (i32.const 0))
    (func (export "write") (param i32 i32 i32 i32 i32) (result i32) (local $file i32)
      (local.set $file (call $open (local.get 0) (i32.const 1) (local.get 2) (local.get 3) (local.get 1) (local.get 4)))
      (if (call $failed) (then (return (i32.const 0))))
      (call $write (local.get $file) (local.get 2) (local.get 3) (i64.const 0) (i32.const 0))
      (call $eight))
    (func (export "truncate") (param i32 i32 i32) (result i32) (local $file i32)
      (local.set $file (call $open (local.get 0) (i32.const 1) (local.get 1) (local.get 2) (i32.const 0) (i32.const 1)))
      (if (call $failed) (then (return (i32.const 0))))
      (call $set-size (local.get $file) (i64.const 0) (i32.const 0)) (call $nothing))
    (func (export "touch-opened") (param i32 i32 i32) (result i32) (local $file i32)
      (local.set $file (call $open (local.get 0) (i32.const 1) (local.get 1) (local.get 2) (i32.const 0) (i32.const 1)))
      (if (call $failed) (then (return (i32.const 0))))
      (call $set-times (local.get $file) (i32.const 2) (i64.const 1) (i32.const 0) (i32.const 2) (i64.const 1) (i32.const 0) (i32.const 0))
      (call $nothing))
    (func (export "touch") (param i32 i32 i32 i32) (result i32)
      (call $set-times-at (call $directory (local.get 0)) (local.get 1) (local.get 2) (local.get 3)
        (i32.const 2) (i64.const 1) (i32.const 0) (i32.const 2) (i64.const 1) (i32.const 0) (i32.const 0)) (call $nothing))
    (func (export "size") (param i32 i32 i32 i32) (result i32)
      (call $stat-at (call $directory (local.get 0)) (local.get 1) (local.get 2) (local.get 3) (i32.const 0))
      (if (call $failed) (then (return (call $eight))))
      (i32.store (i32.const 4) (i32.load (i32.const 24))) (i32.const 0))
    (func (export "readlink") (param i32 i32 i32) (result i32)
      (call $readlink-at (call $directory (local.get 0)) (local.get 1) (local.get 2) (i32.const 0)) (i32.const 0))
    (func (export "mkdir") (param i32 i32 i32) (result i32)
      (call $create-directory-at (call $directory (local.get 0)) (local.get 1) (local.get 2) (i32.const 0)) (call $nothing))
    (func (export "rmdir") (param i32 i32 i32) (result i32)
      (call $remove-directory-at (call $directory (local.get 0)) (local.get 1) (local.get 2) (i32.const 0)) (call $nothing))
    (func (export "unlink") (param i32 i32 i32) (result i32)
      (call $unlink-file-at (call $directory (local.get 0)) (local.get 1) (local.get 2) (i32.const 0)) (call $nothing))
    (func (export "symlink") (param i32 i32 i32 i32 i32) (result i32)
      (call $symlink-at (call $directory (local.get 0)) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (i32.const 0))
      (call $nothing))
    (func (export "rename") (param i32 i32 i32 i32 i32 i32) (result i32)
      (call $rename-at (call $directory (local.get 0)) (local.get 1) (local.get 2) (call $directory (local.get 3))
        (local.get 4) (local.get 5) (i32.const 0)) (call $nothing))
    (func (export "link") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
      (call $link-at (call $directory (local.get 0)) (local.get 6) (local.get 1) (local.get 2) (call $directory (local.get 3))
        (local.get 4) (local.get 5) (i32.const 0)) (call $nothing))
    (func (export "list") (param i32 i32 i32 i32) (result i32) (local $folder i32)
      (local.set $folder (call $open (local.get 0) (local.get 1) (local.get 2) (local.get 3) (i32.const 2) (i32.const 1)))
      (if (call $failed) (then (return (call $list-error))))
      (call $read-directory (local.get $folder) (i32.const 0))
      (if (call $failed) (then (return (call $list-error))))
      (local.set $folder (i32.load (i32.const 4)))
      (i32.store (i32.const 1028) (i32.const 0))
      (loop $more
        (call $next (local.get $folder) (i32.const 0))
        (if (call $failed) (then (return (call $list-error))))
        (if (i32.load8_u (i32.const 4)) (then
          (i32.store (i32.add (i32.const 1032) (i32.mul (i32.load (i32.const 1028)) (i32.const 8))) (i32.load (i32.const 12)))
          (i32.store (i32.add (i32.const 1036) (i32.mul (i32.load (i32.const 1028)) (i32.const 8))) (i32.load (i32.const 16)))
          (i32.store (i32.const 1028) (i32.add (i32.load (i32.const 1028)) (i32.const 1)))
          (br $more))))
      (i32.store8 (i32.const 0) (i32.const 0))
      (i32.store (i32.const 4) (i32.const 1032)) (i32.store (i32.const 8) (i32.load (i32.const 1028)))
      (i32.const 0))
    (func $list-error (result i32) (i32.const 0))
    """

_NTH, _OLD, _NEW = '(param "nth" u32)', '(param "old" string)', '(param "new" string)'
_FOLLOW = '(param "follow" u32)'
_DONE, _TEXT = "(result (result (error $error)))", "(result (result (list u8) (error $error)))"

ESCAPER = component(
    imports=_TYPES,
    lowers={
        "directories": ('$preopens "get-directories"', "(param i32)"),
        **{name: (f'$types "[method]descriptor.{name}"', f"(param {core})") for name, core in _CORE.items()},
        "next": ('$types "[method]directory-entry-stream.read-directory-entry"', "(param i32 i32)"),
    },
    code=_CODE,
    exports={
        "open": f'{_NTH} {_FOLLOW} {_PATH} (param "create" u32) (param "flags" u32) {_DONE}',
        "read": f"{_NTH} {_FOLLOW} {_PATH} {_TEXT}",
        "read-often": f'{_NTH} {_PATH} (param "times" u32) (result bool)',
        "write": f'{_NTH} (param "create" u32) {_PATH} (param "flags" u32) {_DONE}',
        "truncate": f"{_NTH} {_PATH} {_DONE}",
        "touch-opened": f"{_NTH} {_PATH} {_DONE}",
        "touch": f"{_NTH} {_FOLLOW} {_PATH} {_DONE}",
        "size": f"{_NTH} {_FOLLOW} {_PATH} (result (result u32 (error $error)))",
        "readlink": f"{_NTH} {_PATH} {_TEXT}",
        "mkdir": f"{_NTH} {_PATH} {_DONE}",
        "rmdir": f"{_NTH} {_PATH} {_DONE}",
        "unlink": f"{_NTH} {_PATH} {_DONE}",
        "symlink": f"{_NTH} {_OLD} {_NEW} {_DONE}",
        "rename": f'{_NTH} {_OLD} (param "to" u32) {_NEW} {_DONE}',
        "link": f'{_NTH} {_OLD} (param "to" u32) {_NEW} {_FOLLOW} {_DONE}',
        "list": f"{_NTH} {_FOLLOW} {_PATH} (result (result (list string) (error $error)))",
    },
)
"""`follow` 1 follows a last symlink. `write` writes the path itself into the file. `list` takes at most 300 entries."""
