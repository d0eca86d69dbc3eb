"""The cases that both programs are put through, each a short story and one observation in a few words.

`ours` is what this program must come to; where the other one differs on purpose of ours, `because` says why. Guests are the same bytes.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.attacks.guests import ESCAPER
from tests.cli.guests import ONE_TOOL, TEXT_TOOLS
from tests.conformance.programs import Client, Result, World
from tests.patience import LONG
from tests.sandbox import guests as text
from tests.sandbox import guests_io as io


@dataclass(frozen=True)
class Case:
    """One case: what happens, what it must come to here, and why."""

    title: str
    ours: str
    because: str
    observe: Callable[[World], str]


CASES: list[Case] = []
OTHER_TOOL = ONE_TOOL.replace("i32.const 42", "i32.const 13")


def case(title: str, ours: str, because: str = "") -> Callable[[Callable[[World], str]], Callable[[World], str]]:
    def add(observe: Callable[[World], str]) -> Callable[[World], str]:
        CASES.append(Case(title, ours, because, observe))
        return observe

    return add


# Network: whether the guest's request goes out, as the guest sees it.


def _request(world: World, permissions: str, host: str, scheme: int = 1, method: int = 0) -> str:
    world.load("http", io.HTTP)
    world.policy("http", permissions)
    with world.serving() as client:
        result = client.call("send", method=method, scheme=scheme, host=host)
    if result.value is None:
        return "policy refused" if "http.policy.yaml" in result.text else "fails"
    return "denied" if result.value == io.HTTP_ERRORS.index("HTTP-request-denied") and "not served yet" not in result.text else "allowed"


def _network(
    title: str, allow: str, host: str, ours: str, because: str = "", *, scheme: int = 1, method: int = 0, deny: str = "[]"
) -> None:
    permissions = f"{{network: {{allow: {allow}, deny: {deny}}}}}"
    case(title, ours, because)(lambda world: _request(world, permissions, host, scheme, method))


_network("a request without any grant", "[]", "example.com", "denied")
_network("a host that is granted", "[{host: example.com}]", "example.com", "allowed")
_network("another host than the granted one", "[{host: example.com}]", "example.org", "denied")
_network("the granted host in upper case", "[{host: example.com}]", "EXAMPLE.com", "allowed")
_network("`https://h` granted, http asked for", "[{host: 'https://example.com'}]", "example.com", "denied", scheme=0)
_network("`*.example.com`, a name below", "[{host: '*.example.com'}]", "a.example.com", "allowed", "documented wildcards must match")
_network("`*.example.com`, the name itself", "[{host: '*.example.com'}]", "example.com", "denied")
_network(
    "`*` as a host", "[{host: '*'}]", "example.com", "policy refused", "what cannot match, or means everything, is refused with its line"
)
_network("`localhost:8080`, that port", "[{host: 'localhost:8080'}]", "localhost:8080", "allowed", "documented, so it must match", scheme=0)
_network("a granted host on port 8443", "[{host: example.com}]", "example.com:8443", "denied", "a host means 443 and 80")
_network("a host both allowed and denied", "[{host: example.com}]", "example.com", "denied", "deny wins", deny="[{host: example.com}]")
_network("`cidr: 10.0.0.0/8`, an address in it", "[{cidr: 10.0.0.0/8}]", "10.1.2.3", "allowed", "what is granted is enforced", scheme=0)
_network(
    "a granted host with a denied range", "[{host: 10.1.2.3}]", "10.1.2.3", "denied", "deny wins", scheme=0, deny="[{cidr: 10.0.0.0/8}]"
)
_network(
    "`methods: [GET]`, a POST", "[{host: example.com, methods: [GET]}]", "example.com", "denied", "keys are enforced or refused", method=2
)
_network("an unknown key beside `host`", "[{host: example.com, prot: 443}]", "example.com", "policy refused", "typing errors are told")


# Files.


def _files(world: World, permissions: str, tool: str, **arguments: object) -> str:
    world.load("files", ESCAPER)
    world.policy("files", permissions)
    with world.serving() as client:
        result = client.call(tool, **arguments)
    return _outcome(result)


def _outcome(result: Result) -> str:
    if result.answer is None:
        return "no answer"
    told = json.dumps(result.result)
    if "files.policy.yaml" in result.text:
        return "policy refused"
    inner = result.result.get("structuredContent", {}).get("result")
    if isinstance(inner, dict) and ("ok" in inner or "err" in inner):
        return "done" if "ok" in inner else "refused"
    if not result.failed:
        return "done"
    return "every call fails" if "os error" in told else "refused"


def _folder(world: World) -> Path:
    folder = world.folder / "granted"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("harmless")
    (folder / "out").symlink_to("..")
    (world.folder / "secret.txt").write_text("secret")
    return folder


def _storage(title: str, uri: str, access: str, tool: str, ours: str, because: str = "", **arguments: object) -> None:  # noqa: PLR0917 - a row of a table
    def observe(world: World) -> str:
        folder = _folder(world)
        return _files(world, f"{{storage: {{allow: [{{uri: '{uri.format(d=folder)}', access: [{access}]}}]}}}}", tool, nth=0, **arguments)

    case(title, ours, because)(observe)


_storage("reading in a granted directory", "fs://{d}", "read", "read", "done", follow=1, path="a.txt")
_storage("writing in one granted for reading", "fs://{d}", "read", "write", "refused", create=1, path="b.txt", flags=2)
_storage("`../secret.txt`", "fs://{d}", "read", "read", "refused", follow=1, path="../secret.txt")
_storage("a symlink out, with a trailing slash", "fs://{d}", "read", "list", "refused", follow=1, path="out/")
_storage(
    "`fs://D/**` (documented)", "fs://{d}/**", "read", "read", "done", "documented, and what a directory means", follow=1, path="a.txt"
)
_storage(
    "`fs://D/*` (documented)", "fs://{d}/*", "read", "read", "policy refused", "a preopen cannot hold one level", follow=1, path="a.txt"
)
_storage(
    "a single file granted", "fs://{d}/a.txt", "read", "read", "policy refused", "told with the line and the reason", follow=1, path="a.txt"
)
_storage("a directory that is not there", "fs://{d}/gone", "read", "read", "policy refused", "told with the line", follow=1, path="a.txt")
_storage("`file://D`", "file://{d}", "read", "read", "policy refused", "never ignored", follow=1, path="a.txt")
_storage(
    "`access: [write]` alone", "fs://{d}", "write", "list", "policy refused", "writing without reading cannot be held", follow=1, path="."
)


@case("reading below a writable directory, then writing there", "policy refused", "the outer grant reaches inside: it cannot be held")
def _narrower(world: World) -> str:
    folder = _folder(world)
    allow = f"[{{uri: 'fs://{folder}', access: [read, write]}}, {{uri: 'fs://{folder}/sub', access: [read]}}]"
    return _files(world, f"{{storage: {{allow: {allow}}}}}", "write", nth=0, create=1, path="sub/new", flags=2)


@case("`storage.deny`", "policy refused", "a granted directory has no holes; it is not pretended")
def _denied_storage(world: World) -> str:
    folder = _folder(world)
    entry = f"[{{uri: 'fs://{folder}', access: [read]}}]"
    return _files(world, f"{{storage: {{allow: {entry}, deny: {entry}}}}}", "read", nth=0, follow=1, path="a.txt")


@case("a guest turns a directory that another was granted into a link", "refused", "links that a guest could have made do not count")
def _turned(world: World) -> str:
    folder = _folder(world)
    (folder / "inner").mkdir()
    world.load("files", ESCAPER)
    world.policy("files", f"{{storage: {{allow: [{{uri: 'fs://{folder}', access: [read, write]}}]}}}}")
    with world.serving() as client:
        client.call("rmdir", nth=0, path="inner")
        client.call("symlink", nth=0, old="..", new="inner")
    world.policy("files", f"{{storage: {{allow: [{{uri: 'fs://{folder}/inner', access: [read]}}]}}}}")
    with world.serving() as client:
        result = client.call("size", nth=0, follow=1, path="secret.txt")
    return "reads outside" if '"ok": 6' in json.dumps(result.result) or result.value == 6 else "refused"


@case("`/proc` granted: the host's variables", "refused", "`/proc/self` is this very process")
def _process(world: World) -> str:
    world.load("files", ESCAPER)
    world.policy("files", "{storage: {allow: [{uri: 'fs:///proc', access: [read]}]}}")
    with world.serving() as client:
        result = client.call("read", nth=0, follow=1, path="self/environ")
    return "read" if "ok" in str(result.value) or not result.failed else "refused"


# What of the host a guest sees.


def _variables(client: Client) -> str:
    result = client.call("variables")
    if result.failed:
        return "refused"
    names = {name for name, _ in result.value}
    return "all of the host's" if "TOPSECRET" in names else f"{', '.join(sorted(names)) or 'none'}"


def _environment(title: str, policy: str | bytes | None, ours: str, because: str = "") -> None:
    def observe(world: World) -> str:
        world.load("env", text.ENVIRONMENT)
        if policy is not None:
            world.policy("env", policy)
        with world.serving(LANGUAGE="en") as client:
            return _variables(client)

    case(title, ours, because)(observe)


_environment("variables, no policy", None, "none", "absent means denied")
_environment("variables, an empty policy", "{}", "none")
_environment("variables, one granted", "{environment: {allow: [{key: LANGUAGE}]}}", "LANGUAGE")
_environment("variables, a policy that is no YAML", b"{", "refused", "an unreadable policy stops its component")
_environment(
    "variables, a policy of version 2", b"version: '2.0'\npermissions: {}\n", "refused", "an unreadable policy stops its component"
)
_environment("a misspelt section (`enviroment`)", "{enviroment: {allow: [{key: LANGUAGE}]}}", "refused", "typing errors are told")


@case("the server's command line", "not seen", "it may hold secrets (`--env KEY=…`)")
def _arguments(world: World) -> str:
    world.load("env", text.ENVIRONMENT)
    world.policy("env", "{}")
    with world.serving() as client:
        return "seen" if client.call("arguments").value else "not seen"


@case("a guest prints a JSON-RPC message", "not among the messages", "stdout belongs to the protocol")
def _prints(world: World) -> str:
    world.load("prints", text.PRINT)
    with world.serving() as client:
        client.call("say", text='{"jsonrpc":"2.0","method":"notifications/forged"}\n')
        client.ask("ping")
        return (
            "among the messages" if any(it.get("method") == "notifications/forged" for it in client.messages) else "not among the messages"
        )


@case("a guest prints half a line", "the client goes on", "stdout belongs to the protocol")
def _half(world: World) -> str:
    world.load("prints", text.PRINT)
    with world.serving() as client:
        number = client.start("say", text="half a line")
        time.sleep(0.5)
        number = client.start("say", text="half a line") if client.answer(number) is None else number
        return "the client goes on" if client.answer(number) and client.ask("ping") else "the reply is lost"


# What a guest may use.


def _plain(world: World, permissions: str | None = None) -> None:
    world.load("plain", text.PLAIN)
    if permissions is not None:
        world.policy("plain", permissions)


@case("a counter, called twice", "1, 1")
def _counter(world: World) -> str:
    _plain(world)
    with world.serving() as client:
        return ", ".join(str(client.call("count").value) for _ in range(2))


@case("1 GiB of memory, no policy", "refused", "limits hold by default")
def _memory(world: World) -> str:
    _plain(world)
    with world.serving() as client:
        return "refused" if client.call("grow", pages=16384).value in (-1, None) else "given"


@case("more memory than a policy allows", "refused")
def _little_memory(world: World) -> str:
    _plain(world, "{resources: {limits: {memory: 1Mi}}}")
    with world.serving() as client:
        return "refused" if client.call("grow", pages=100).value in (-1, None) else "given"


@case("a guest that spins, with `timeout: 1s`", "ended", "an unknown limit would be a promise nobody keeps")
def _timeout(world: World) -> str:
    _plain(world, "{resources: {limits: {timeout: 1s}}}")
    with world.serving(**world.patient) as client:
        return "ended" if client.answer(client.start("spin")) else "spins on"


@case("ping while as many guests spin as there are cores, and two more", "answered", "guests run beside the server, never in its place")
def _spinning(world: World) -> str:
    _plain(world)
    with world.serving(**world.patient) as client:
        client.call("count")
        for _ in range((os.cpu_count() or 1) + 2):
            client.start("spin")
        time.sleep(0.5)
        return "answered" if client.ask("ping") else "not answered"


@case("a cancelled guest", "stops", "cancelling means stopping")
def _cancelled(world: World) -> str:
    _plain(world)
    with world.serving(**world.patient) as client:
        client.call("count")
        number = client.start("spin")
        time.sleep(0.5)
        client.send({"method": "notifications/cancelled", "params": {"requestId": number}})
        for _ in range(30):
            before = client.processor_seconds()
            time.sleep(1)
            if client.processor_seconds() - before < 0.1:
                return "stops"
        return "spins on"


@case("a guest that traps", "an error, and the next call works")
def _trap(world: World) -> str:
    _plain(world)
    with world.serving() as client:
        failed = client.call("unreachable").failed
        return "an error, and the next call works" if failed and client.call("add", a=1, b=2).value == 3 else "otherwise"


@case("an endless recursion", "an error, and the next call works")
def _recursion(world: World) -> str:
    _plain(world)
    with world.serving() as client:
        failed = client.call("recurse").failed
        return "an error, and the next call works" if failed and client.call("add", a=1, b=2).value == 3 else "otherwise"


@case("a WIT `err`", "isError", "a failed tool must be seen as failed")
def _error(world: World) -> str:
    world.load("text", TEXT_TOOLS)
    with world.serving() as client:
        return "isError" if client.call("refuse", reason="no").failed else "a success"


# Identity.


@case("`component unload ../victim`", "refused", "an id is a name, not a path")
def _traversal(world: World) -> str:
    victim = world.components.parent / "victim.wasm"
    victim.write_bytes(b"x")
    world.run("component", "unload", "../victim")
    return "refused" if victim.exists() else "deletes it"


@case("unloading what is not there", "an error", "scripts can tell")
def _unknown(world: World) -> str:
    return "an error" if world.run("component", "unload", "nonexistent").returncode else "a success"


@case("two components with one tool name", "the second load is refused", "`--prefix` makes both reachable")
def _collision(world: World) -> str:
    world.load("one", ONE_TOOL)
    if world.load("two", OTHER_TOOL).returncode:
        return "the second load is refused"
    with world.serving() as client:
        return "every call fails" if client.call("answer").failed else "one of them is called"


@case("the installed `.wasm` exchanged on disk", "not run", "bytes run only if they match their digest")
def _exchanged(world: World) -> str:
    world.load("one", ONE_TOOL)
    other = world.write("other", OTHER_TOOL).read_bytes()
    for path in [*world.components.rglob("one.wasm")]:
        path.write_bytes(other)
    for path in world.folder.rglob("*.cwasm"):
        path.unlink()
    with world.serving() as client:
        return "run" if client.call("answer").value == 13 else "not run"


@case("the compiled code exchanged on disk", "not run", "native code is bound to the digest by a MAC")
def _native(world: World) -> str:
    world.load("one", ONE_TOOL)
    ours = {path: path.read_bytes() for path in world.folder.rglob("*.cwasm")}
    world.load("two", OTHER_TOOL.replace('"answer"', '"replay"'))
    (two,) = set(world.folder.rglob("*.cwasm")) - set(ours)
    for path in ours:
        path.write_bytes(two.read_bytes().replace(b"replay", b"answer"))
    with world.serving() as client:
        value = client.call("answer").value
    return "not run" if value == 42 else f"run ({value})" if value is not None else "every call fails"


@case("a reload that fails", "the old one stays", "installed is replaced only by what is verified and compiled")
def _reload(world: World) -> str:
    world.load("one", ONE_TOOL)
    (world.folder / "one.wasm").write_bytes(b"\0asm\x0d\0\1\0 not a component")
    world.run("component", "load", f"file://{world.folder / 'one.wasm'}")
    with world.serving() as client:
        return "the old one stays" if client.call("answer").value == 42 else "the tool is gone"


# Who grants.


@case("a model grants itself a host over MCP", "a person is asked", "`grants: allow` does what the other does")
def _self_grant(world: World) -> str:
    world.load("http", io.HTTP)
    with world.serving() as client:
        client.call("grant-network-permission", component_id="http", details={"host": "example.com"})
    return "granted" if any("example.com" in path.read_text() for path in world.components.rglob("*.policy.yaml")) else "a person is asked"


@case("a grant from the command line, seen by a running server", "at the next call", "no restart")
def _seen(world: World) -> str:
    world.load("env", text.ENVIRONMENT)
    world.policy("env", "{}")
    with world.serving(LANGUAGE="en") as client:
        client.call("variables")
        world.run("permission", "grant", "environment-variable", "env", "LANGUAGE")
        return "at the next call" if _variables(client) == "LANGUAGE" else "after a restart"


@case("granting `a*b.com`", "refused", "a policy stays valid")
def _bad_grant(world: World) -> str:
    world.load("one", ONE_TOOL)
    return "refused" if world.run("permission", "grant", "network", "one", "a*b.com").returncode else "accepted"


@case("revoking what is not granted", "an error", "a typing error is told")
def _bad_revoke(world: World) -> str:
    world.load("one", ONE_TOOL)
    world.policy("one", "{network: {allow: [{host: a.com}]}}")
    return "an error" if world.run("permission", "revoke", "network", "one", "b.com").returncode else "a success"


# The other program's own published integration cases, where the two can be compared.


def _words(title: str, *words: str, ours: str, because: str = "", first: Callable[[World], None] | None = None) -> None:
    def observe(world: World) -> str:
        if first is not None:
            first(world)
        return "an error" if world.run(*(word.format(d=world.folder) for word in words)).returncode else "a success"

    case(title, ours, because)(observe)


def _one(world: World) -> None:
    world.load("one", ONE_TOOL)


def _one_and_folder(world: World) -> None:
    _one(world)
    (world.home / "x").mkdir()


_words("cli: list of nothing", "component", "list", ours="a success")
_words("cli: load a path that is not there", "component", "load", "file:///nope.wasm", ours="an error")
_words("cli: load `ftp://`", "component", "load", "ftp://x/y.wasm", ours="an error")
_words("cli: load `not_a_valid_reference`", "component", "load", "not_a_valid_reference", ours="an error")
_words("cli: load and unload", "component", "unload", "one", ours="a success", first=_one)
_words("cli: inspect what is not there", "inspect", "nope", ours="an error")
_words("cli: an unknown command", "no-such-command", ours="an error")
_words("cli: grant to what is not there", "permission", "grant", "network", "nope", "a.com", ours="an error")
_words(
    "cli: grant storage",
    "permission",
    "grant",
    "storage",
    "one",
    "fs://{d}/home/x",
    "--access",
    "read",
    ours="a success",
    first=_one_and_folder,
)
_words("cli: grant network", "permission", "grant", "network", "one", "a.com", ours="a success", first=_one)
_words("cli: grant a variable", "permission", "grant", "environment-variable", "one", "LANG", ours="a success", first=_one)
_words("cli: grant memory", "permission", "grant", "memory", "one", "512Mi", ours="a success", first=_one)
_words("cli: grant an empty host", "permission", "grant", "network", "one", "", ours="an error", first=_one)
_words("cli: reset", "permission", "reset", "one", ours="a success", first=_one)


def _granted(world: World, *grants: tuple[str, ...]) -> str:
    _one(world)
    for words in grants:
        world.run("permission", "grant", *words)
    return (world.components / "one.policy.yaml").read_text()


@case("grants: the same host twice", "one entry")
def _twice(world: World) -> str:
    return "one entry" if _granted(world, ("network", "one", "a.com"), ("network", "one", "a.com")).count("a.com") == 1 else "two entries"


@case("grants: another kind keeps what was granted", "both")
def _both(world: World) -> str:
    written = _granted(world, ("network", "one", "a.com"), ("environment-variable", "one", "LANG"))
    return "both" if "a.com" in written and "LANG" in written else "the last one"


@case("grants: a comment in the policy", "kept", "people write policies, too")
def _comment(world: World) -> str:
    _one(world)
    world.policy("one", b"# why\nversion: '1.0'\npermissions:\n  network:\n    allow:\n      - host: b.com\n")
    world.run("permission", "grant", "network", "one", "a.com")
    return "kept" if "# why" in (world.components / "one.policy.yaml").read_text() else "lost"


def _tools(world: World, *words: str) -> Iterator[str]:
    with world.serving(*words) as client:
        for _ in range(20):
            names = [tool["name"] for tool in (client.ask("tools/list") or {})["result"]["tools"]]
            if "answer" in names:
                break
            time.sleep(0.05)
    yield from names


@case("stdio: tools of a loaded component and built-in ones are listed", "both")
def _listed(world: World) -> str:
    _one(world)
    return "both" if {"answer", "load-component", "grant-network-permission"} <= set(_tools(world)) else "not both"


@case("stdio: `--disable-builtin-tools`", "the component's only")
def _disabled(world: World) -> str:
    _one(world)
    return "the component's only" if list(_tools(world, "--disable-builtin-tools")) == ["answer"] else "others, too"


@case("stdio: a load is announced before its answer", "announced", "")
def _announced(world: World) -> str:
    path = world.write("one", ONE_TOOL)
    with world.serving() as client:
        client.ask("tools/list")
        world.run("component", "load", f"file://{path}") if world.program.is_ours else client.call("load-component", path=f"file://{path}")
        until = time.monotonic() + LONG
        while time.monotonic() < until:
            if any(it.get("method") == "notifications/tools/list_changed" for it in client.messages):
                return "announced"
            time.sleep(0.05)
    return "not announced"
