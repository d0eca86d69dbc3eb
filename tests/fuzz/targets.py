"""What is fuzzed: each reader of untrusted bytes, with what it may raise, what must hold when it does not, and inputs to start from.

A target that raises anything else has crashed. Time and memory are the runner's business.
"""

from __future__ import annotations

import base64
import io
import json
import tarfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.every_type import DOCS, custom_section
from tests.layout_writer import artifact
from tests.policy.vectors import decided
from tests.server.corehost import ENVELOPE, INITIALIZE, FunctionHost, handshaken, returns
from tests.stored import make_record
from wassette_py.audit.reading import event_of
from wassette_py.control import Control
from wassette_py.errors import FetchError, InvalidArguments, InvalidPolicy, InvalidProject, InvalidReference, InvalidTrustPolicy, StoreError
from wassette_py.host.bundle import members
from wassette_py.host.project import Locked, lock_bytes, parse_lock, parse_project
from wassette_py.names import Digest
from wassette_py.oci.documents import Index, component_entry, component_layers, parse_document
from wassette_py.policy.document import NetworkHost, PolicyDocument, document_json, parse_policy
from wassette_py.policy.editing import grant_text, revoke_text
from wassette_py.policy.network import Unenforceable
from wassette_py.policy.targets import parse_target
from wassette_py.reference import parse_reference
from wassette_py.sandbox.columns import Kept
from wassette_py.sandbox.layout import MEMORY, VAL_SIZE
from wassette_py.sandbox.lifting import lifting
from wassette_py.sandbox.lowering import lowering
from wassette_py.sandbox.output import Room
from wassette_py.sandbox.sizing import largest_memory
from wassette_py.server import messages
from wassette_py.store.records import read_record
from wassette_py.trust.document import parse_trust_policy
from wassette_py.trust.evidence import BUNDLES, DSSE_LAYER, SIMPLE_SIGNING, SignatureObject, read_signed
from wassette_py.trust.kept import from_bytes
from wassette_py.trust.private_keys import from_der, read_private_key
from wassette_py.wit.assignments import read_assignments
from wassette_py.wit.docs import read_docs
from wassette_py.wit.types import (
    BoolType,
    CharType,
    EnumType,
    FlagsType,
    FloatType,
    FunctionType,
    IntegerType,
    ListType,
    OptionType,
    RecordType,
    ResultType,
    StringType,
    TupleType,
    VariantType,
    WitType,
)
from wassette_py.wit.values import read_arguments, write_result

HEADER = b"\0asm\x0d\0\1\0"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True)
class Target:
    """`run` takes any bytes and returns, or has found something."""

    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape") if data[:1] == b"\xff" else data.decode("utf-8", "replace")


def _policy(data: bytes) -> None:
    text = _text(data)
    try:
        policy = parse_policy(text, "p.yaml", home=Path("/home/me"))
    except InvalidPolicy:
        return
    decided(policy, "GET", "https://a.example.com/x")
    written = json.dumps({"version": policy.version, "permissions": document_json(policy)}, ensure_ascii=False)  # YAML has no surrogates
    again = parse_policy(written, "p.yaml", home=None)
    assert (again.storage, again.allow, again.deny, again.variables) == (policy.storage, policy.allow, policy.deny, policy.variables)
    host = NetworkHost("fuzz.example")
    with suppress(InvalidPolicy):  # a text that cannot be edited safely is left to a person
        granted = grant_text(text, "p.yaml", host, home=Path("/home/me"))
        if host not in policy.allow:
            revoke_text(granted, "p.yaml", host, home=Path("/home/me"))


def _reference(data: bytes) -> None:
    try:
        reference = parse_reference(_text(data), base=Path("/base"))
    except InvalidReference:
        return
    assert parse_reference(str(reference)) == reference


def _url(data: bytes) -> None:
    policy = PolicyDocument(allow=(NetworkHost("*.example.com", paths=("/a/**",)),), deny=(NetworkHost("x.example.com"),))
    with suppress(Unenforceable):
        assert decided(policy, "GET", _text(data)).reason


def _target(data: bytes) -> None:
    with suppress(ValueError):
        parse_target(_text(data), home=Path("/home/me"))


def _trust(data: bytes) -> None:
    try:
        policy = parse_trust_policy(_text(data), "t.yaml")
    except InvalidTrustPolicy:
        return
    policy.rule_for(parse_reference("oci://ghcr.io/acme/fetch:1"))


def _json_rpc(data: bytes) -> None:
    message = messages.decode(data)
    if isinstance(message, messages.Request):
        messages.result(message.id, {})


_SESSION = handshaken(FunctionHost(add=returns(5)))


def _session(data: bytes) -> None:
    for line in data.split(b"\n", 300):
        _SESSION.raw(line)
    _SESSION.toolbox.idle(5)
    _SESSION.sent.clear()


def _sizing(data: bytes) -> None:
    assert largest_memory(data) >= 0
    assert largest_memory(HEADER + b"\1\x7f\0asm\1\0\0\0" + data) >= 0


def _docs(data: bytes) -> None:
    for wasm in (data, HEADER + data, HEADER + custom_section(b"package-docs", data)):
        docs = read_docs(wasm)
        docs.of(FunctionType(None, "answer", (), None))
        docs.of(FunctionType("acme:every/types", "u8", (), None))


_TYPES: dict[str, WitType] = {
    "bool": BoolType(),
    "u8": IntegerType(8, False),
    "s64": IntegerType(64, True),
    "u64": IntegerType(64, False),
    "f32": FloatType(32),
    "f64": FloatType(64),
    "char": CharType(),
    "text": StringType(),
    "bytes": ListType(IntegerType(8, False)),
    "list": ListType(TupleType((StringType(), OptionType(BoolType())))),
    "deep": OptionType(OptionType(ResultType(StringType(), None))),
    "record": RecordType((("a", OptionType(StringType())), ("b", ListType(ListType(FloatType(64)))))),
    "variant": VariantType((("none", None), ("some", RecordType((("x", IntegerType(32, True)),))))),
    "enum": EnumType(("red", "green")),
    "flags": FlagsType(("r", "w", "x")),
}
_FUNCTIONS = {name: FunctionType(None, "f", ((name, kind),), kind) for name, kind in _TYPES.items()}


def _arguments(data: bytes) -> None:
    try:
        given = json.loads(_text(data))
    except (ValueError, RecursionError):
        given = {name: _text(data) for name in _TYPES}
    for name, function in _FUNCTIONS.items():
        arguments: Mapping[str, Any] = {name: given[name]} if isinstance(given, dict) and name in given else {name: given}
        try:
            (value,) = read_arguments(function, arguments)
        except InvalidArguments:
            continue
        _, written = write_result(function, value)
        json.loads(written, parse_constant=_no_constant)
        _there_and_back(_TYPES[name], value)


def _no_constant(name: str) -> None:
    raise AssertionError(name)


def _there_and_back(type: WitType, value: object) -> None:
    """As wasmtime's C values, and as they are read again."""
    kept: Kept = []
    address = lowering(type).block([value, value], kept)
    assert repr(lifting(type).block(MEMORY[address : address + 2 * VAL_SIZE], Room())) == repr([value, value])


def _assignments(data: bytes) -> None:
    words = _text(data).split("\n")
    for function in _FUNCTIONS.values():
        with suppress(InvalidArguments):
            read_arguments(function, read_assignments(function, words))


def _record(data: bytes) -> None:
    try:
        record = read_record("x", data)
    except StoreError:
        return
    assert read_record("x", record.to_bytes()) == record


def _manifest(data: bytes) -> None:
    with suppress(FetchError):
        document = parse_document(data, None, "it")
        if isinstance(document, Index):
            component_entry(document, "it")
        else:
            component_layers(document, "it")


def _signature(data: bytes) -> None:
    for media_type in (SIMPLE_SIGNING, DSSE_LAYER, *BUNDLES):
        with suppress(ValueError):
            read_signed(SignatureObject("there", media_type, data, {"dev.cosignproject.cosign/signature": "AAAA"}))
    with suppress(ValueError):
        from_bytes(data)


def _lock(data: bytes) -> None:
    try:
        locked = parse_lock(_text(data), "wassette.lock")
    except InvalidProject:
        return
    assert parse_lock(lock_bytes(locked).decode(), "wassette.lock") == locked


def _project(data: bytes) -> None:
    with suppress(InvalidProject):
        parse_project(_text(data), Path("/nowhere/wassette.yaml"))


def _bundle(data: bytes) -> None:
    for tried in (data, _summed(data)):
        with suppress(FetchError):
            for name, content in members(io.BytesIO(tried), "it", Control()):
                assert name.startswith(("project/", "cache/"))
                assert ".." not in name.split("/")
                assert len(content) <= len(tried)


def _summed(data: bytes) -> bytes:
    """A tar whose headers have the checksums of what they hold: else no change of one would be read."""
    blocks = [data[at : at + tarfile.BLOCKSIZE] for at in range(0, len(data), tarfile.BLOCKSIZE)]
    for number, block in enumerate(blocks):
        if block[257:262] == b"ustar" and len(block) == tarfile.BLOCKSIZE:
            total = sum(block[:148]) + 8 * ord(" ") + sum(block[156:])
            blocks[number] = block[:148] + b"%06o\0 " % total + block[156:]
    return b"".join(blocks)


def _tar(**files: bytes) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.pax_headers = len(data), {"comment": "x"} if name == "project/wassette.yaml" else {}
            archive.addfile(member, io.BytesIO(data))
    return written.getvalue()


_PEM = "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n{}\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n"


def _private_key(data: bytes) -> None:
    for body in (_text(data), base64.b64encode(data).decode()):
        with suppress(InvalidArguments):
            read_private_key(
                f"-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n{body}\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n", b"x"
            )
    with suppress(InvalidArguments):
        read_private_key(_text(data), b"x")
    with suppress(InvalidArguments):
        from_der(data)


def _audit(data: bytes) -> None:
    event_of(data)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


_POLICY = b"""version: "1.0"
description: text
permissions:
  storage:
    allow:
      - {uri: "fs:///home/me/notes/**", access: [read, write], guest: /n} # why
  network:
    allow:
      - host: "https://*.example.org:8443"
      - {host: api.example.com, methods: [GET], paths: ["/a/**"]}
      - cidr: 10.0.0.0/8
    deny: [{host: x.example.com}]
  environment: {allow: [{key: LANG}]}
  tools: {allow: ["get-*"]}
  resources: {limits: {memory: 512Mi, cpu: 500m, timeout: 30s, output: 4Mi}}
"""
_TRUST = b"""version: 1
default: deny
scopes:
  - match: ghcr.io/acme/*
    digests: ["sha256:%s"]
  - {match: "localhost:5000/dev", unsigned: allow, reason: mine, insecure_http: true}
""" % (b"0" * 64)
_CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "add", "arguments": {"a": 1}, "_meta": {"progressToken": 1}}}
_LIST = {"jsonrpc": "2.0", "id": "x", "method": "tools/list", "params": {"_meta": ENVELOPE}}
_EVERYTHING = {
    "bool": True, "u8": 255, "s64": -(1 << 63), "u64": "18446744073709551615", "f32": 1e300, "f64": "NaN", "char": "é",
    "text": "\ud83d\ude00", "bytes": "AAEC", "list": [["a", None]], "deep": {"some": {"ok": "x"}}, "record": {"a": None, "b": [[1.5]]},
    "variant": {"some": {"x": 1}}, "enum": "red", "flags": ["r", "x"],
}  # fmt: skip
_STATEMENT = {
    "_type": "https://in-toto.io/Statement/v1",
    "predicateType": "x",
    "subject": [{"digest": {"sha256": "0" * 64}}],
    "predicate": {},
}

_LOCKED = Locked(
    reference="oci://ghcr.io/acme/fetch:1",
    manifest=Digest("0" * 64),
    digest=Digest.of(HEADER),
    size=len(HEADER),
    signer="keys",
    signers=("release",),
    imports=("wasi:http/types@0.2.3",),
    tools="sha256:x",
    policy=None,
    prefix="web",
)
_PROJECT = b"""version: 1
components:
  fetch: {reference: "oci://ghcr.io/acme/fetch:1", policy: fetch.yaml, prefix: web}
  notes:
    reference: ./notes.wasm
"""
_NOTE = f"oci://ghcr.io/acme/fetch@sha256:{'0' * 64}"
_BUNDLED = {
    "project/wassette.yaml": _PROJECT,
    "project/wassette.lock": lock_bytes({"fetch": _LOCKED}),
    f"cache/sha256/{Digest.of(HEADER).hex}": HEADER,
    f"cache/notes/{Digest.of(_NOTE.encode()).hex}.json": _json({"name": _NOTE}),
}
_KEY_FILE = {
    "kdf": {"name": "scrypt", "params": {"N": 1, "r": 8, "p": 1}, "salt": "AAAA"},
    "cipher": {"name": "nacl/secretbox", "nonce": base64.b64encode(bytes(24)).decode()},
    "ciphertext": "AAAA",
}
"""Of no cost that is accepted: with one, each would take scrypt's tenth of a second."""
_DER = base64.b64decode("MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f")  # of Ed25519
_CUT = _DER.replace(b"\x2b\x65\x70", b"\x2b\x65\x71")  # of Ed448, and too short

TARGETS: dict[str, Target] = {
    "policy": Target(_policy, (_POLICY, b'version: "1.0"\npermissions: null\n', b"- a\n? b\n", b'{"version": "1.0"}')),
    "reference": Target(
        _reference,
        (b"oci://ghcr.io/a/b:1@sha256:" + b"0" * 64, b"https://[::1]:8/a%20b?x#sha256=" + b"1" * 64, b"oci-layout:///a%3A:t", b"../x.wasm"),
    ),
    "url": Target(
        _url, (b"https://a.example.com:443/a/b/../c?x#y", b"http://[::ffff:127.0.0.1]/%2e%2e/", b"https://u@\xc3\xbc.example.com")
    ),
    "target": Target(_target, (b"GET https://x/y", b"read ~/p", b"write /p", b"env K")),
    "trust": Target(_trust, (_TRUST, b"version: 1\nscopes: []\n")),
    "json-rpc": Target(_json_rpc, (_json(_CALL), _json(_LIST), b"[" * 300, b'{"jsonrpc":"2.0","id":null,"result":{}}')),
    "session": Target(
        _session, (_json(_CALL), _json(_LIST), _json({"jsonrpc": "2.0", "id": 2, "method": "initialize", "params": INITIALIZE}))
    ),
    "docs": Target(_docs, (b"\1" + _json(DOCS), custom_section(b"package-docs", b"\1{}"), b"\0\xff\xff\xff\xff\x7f")),
    "sizing": Target(_sizing, (HEADER + b"\1\x0d\0asm\1\0\0\0\5\3\1\0\1", b"\5\4\1\1\1\2", b"\5\xff\xff\xff\xff\x0f\xff")),
    "arguments": Target(_arguments, (_json(_EVERYTHING), b'{"u8": 1.0}', b"[[[[]]]]", b"1e999")),
    "assignments": Target(_assignments, (b"text=a\nu8=5", b"record={}\nflags=[]", b"bool=true")),
    "record": Target(_record, (make_record("x", HEADER).to_bytes(), b"{}")),
    "manifest": Target(_manifest, (artifact(HEADER).manifest, _json({"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "layers": []}))),
    "signature": Target(_signature, (_json({"payload": "e30=", "payloadType": "x", "signatures": [{"sig": "AAAA"}]}), _json(_STATEMENT))),
    "lock": Target(
        _lock,
        (lock_bytes({"fetch": _LOCKED}), lock_bytes({"a": _LOCKED}).replace(b'"web"', b'"\\ud800"'), b'{"version": 1, "components": {}}'),
    ),
    "project": Target(_project, (_PROJECT, b"version: 1\ncomponents:\n")),
    "bundle": Target(_bundle, (_tar(**_BUNDLED), _tar(**{"project/wassette.lock": b""}))),
    "private-key": Target(_private_key, (_json(_KEY_FILE), _json({**_KEY_FILE, "cipher": {"name": "none"}}), _DER, _CUT)),
    "audit": Target(_audit, (_json({"time": "2026-01-01T00:00:00Z", "event": "call", "previous": "0" * 64}), b"{}")),
}
