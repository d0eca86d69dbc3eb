"""Policies that are refused, each with the place, the reason and the hint; shared by the parser's and the JSON Schema's tests.

And how a request is judged, shared by all that judge one.
"""

from __future__ import annotations

from typing import NamedTuple

from wassette_py.policy.document import PolicyDocument
from wassette_py.policy.matching import Decision, match_target
from wassette_py.policy.network import Unenforceable, parse_url


class Refused(NamedTuple):
    """`lines` stand under `permissions:` (indented by two), so the first of them is line 3."""

    lines: str
    where: str
    reason: str
    hint: str | None
    schema: bool = True
    """Whether a JSON Schema can know it too."""


def decided(policy: PolicyDocument, method: str, url: str) -> Decision:
    """What is decided of a request, as the HTTP gate does it. Raises Unenforceable for a URL that is denied because it does not parse."""
    return match_target(policy, method, parse_url(url))


def may_reach(policy: PolicyDocument, url: str, method: str = "GET") -> bool:
    """Whether a request is sent."""
    try:
        return decided(policy, method, url).allowed
    except Unenforceable:
        return False


def document(lines: str) -> str:
    body = "".join(f"  {line}\n" for line in lines.splitlines())
    return f'version: "1.0"\npermissions:\n{body}'


STORAGE, HOST = "permissions.storage.allow[0]", "permissions.network.allow[0]"


def storage(uri: str, where: str, reason: str, hint: str | None, schema: bool = True) -> Refused:
    return Refused(f'storage:\n  allow:\n  - {{uri: "{uri}", access: [read]}}', f"5: {STORAGE}.{where}", reason, hint, schema)


def network(entry: str, where: str, reason: str, hint: str | None, schema: bool = True) -> Refused:
    return Refused(f"network:\n  allow:\n  - {entry}", f"5: {HOST}{where}", reason, hint, schema)


def limits(text: str, key: str, reason: str, hint: str | None, schema: bool = True) -> Refused:
    return Refused(f"resources: {text}", f"3: permissions.resources{key}", reason, hint, schema)


REFUSED = [
    # sections that are not there
    Refused("ipc: {allow: [{uri: x}]}", "3: permissions.ipc", "a component cannot reach other processes", "leave ipc out"),
    Refused(
        "runtime: {docker: {security: {privileged: false}}}", "3: permissions.runtime", "do not run in containers", "leave runtime out"
    ),
    # secrets
    Refused("secrets: {name: A, env: A}", "3: permissions.secrets", "expected a list", None),
    Refused("secrets: [A]", "3: permissions.secrets[0]", "expected name: …", "name: A"),
    Refused("secrets: [{env: A}]", "3: permissions.secrets[0]", "name is missing", None),
    Refused("secrets: [{name: A}]", "3: permissions.secrets[0]", "expected either env or inject", "env: A"),
    Refused("secrets: [{name: A, env: A, inject: {host: a.com}}]", "3: permissions.secrets[0]", "expected either env or inject", "env: A"),
    Refused("secrets: [{name: 1A, env: A}]", "3: permissions.secrets[0].name", "'1A' is not the name of a secret", None),
    Refused("secrets: [{name: A, env: 'A*'}]", "3: permissions.secrets[0].env", "not by a pattern", None),
    Refused(
        "secrets: [{name: A, inject: {host: api.example.com}}]",
        "3: permissions.secrets[0].inject",
        "the secret A is for api.example.com, to which no request is granted",
        "network: api.example.com",
        schema=False,
    ),
    Refused("secrets: [{name: A, inject: a.com}]", "3: permissions.secrets[0].inject", "expected host: …", "host: a.com"),
    Refused("secrets: [{name: A, inject: {header: X}}]", "3: permissions.secrets[0].inject", "host is missing", None),
    Refused("secrets: [{name: A, inject: {host: 'http://a.com'}}]", "3: permissions.secrets[0].inject.host", "over https only", "a.com"),
    Refused("secrets: [{name: A, inject: {host: '*.a.com'}}]", "3: permissions.secrets[0].inject.host", "exactly one host", "api.a.com"),
    Refused(
        "secrets: [{name: A, inject: {host: a.com, header: 'a b'}}]",
        "3: permissions.secrets[0].inject.header",
        "not the name of a header",
        "Authorization",
    ),
    Refused(
        "secrets: [{name: A, inject: {host: a.com, format: Bearer}}]",
        "3: permissions.secrets[0].inject.format",
        "expected {} once",
        "Bearer {}",
    ),
    Refused(
        "network: {allow: [{host: a.com}]}\nsecrets: [{name: A, inject: {host: a.com}}, {name: B, inject: {host: a.com}}]",
        "4: permissions.secrets[1].inject",
        "the header Authorization for a.com is given twice, from different places",
        "keep one of the two",
        schema=False,
    ),
    Refused(
        "secrets: [{name: A, env: X}, {name: B, env: X}]",
        "3: permissions.secrets[1].env",
        "the variable X is given twice, from different places",
        "keep one of the two",
        schema=False,
    ),
    Refused(
        "environment: {allow: [{key: X}]}\nsecrets: [{name: A, env: X}]",
        "4: permissions.secrets[0].env",
        "the variable X is given twice",
        "keep one of the two",
        schema=False,
    ),
    Refused("netwerk: {}", "3: permissions.netwerk", "this key is not known here", "did you mean network"),
    Refused(
        "$schema: x",
        "3: permissions.$schema",
        "this key is not known here",
        "known are storage, network, environment, secrets, tools, resources, ipc, runtime",
    ),
    Refused("network: {}\nnetwork: {}", "4: permissions", "the key 'network' stands here twice", "keep one of the two", schema=False),
    Refused("network: [x]", "3: permissions.network", "expected keys (allow, deny)", None),
    Refused("network: {allow: api.example.com}", "3: permissions.network.allow", "expected a list", "[api.example.com]"),
    Refused("network: {allow: {host: api.example.com}}", "3: permissions.network.allow", "expected a list", None),
    Refused(f"environment: {{allow: [{'{key: A}, ' * 1001}]}}", "3: permissions.environment.allow", "more than 1000 entries", None),
    # storage
    Refused(
        "storage: {deny: [{uri: 'fs:///a', access: [read]}]}",
        "3: permissions.storage.deny",
        "a granted directory has no holes",
        "grant only the directories below it that are meant",
    ),
    Refused("storage: {allow: [{uri: 'fs:///a'}]}", f"3: {STORAGE}", "access is missing", "access: [read]"),
    Refused("storage: {allow: [{access: [read]}]}", f"3: {STORAGE}", "uri is missing", None),
    Refused("storage: {allow: ['fs:///a']}", f"3: {STORAGE}", "expected uri: …", "uri: fs:///a"),
    Refused("storage: {allow: [[]]}", f"3: {STORAGE}", "expected uri: …", None),
    Refused(
        "storage: {allow: [{uri: 'fs:///a', access: []}]}", f"3: {STORAGE}.access", "expected read, or read and write", "access: [read]"
    ),
    Refused(
        "storage: {allow: [{uri: 'fs:///a', access: [read, read]}]}",
        f"3: {STORAGE}.access",
        "expected read, or read and write",
        "access: [read]",
    ),
    Refused(
        "storage: {allow: [{uri: 'fs:///a', access: [write]}]}",
        f"3: {STORAGE}.access",
        "cannot be written without being read",
        "access: [read, write]",
    ),
    Refused(
        "storage: {allow: [{uri: 'fs:///a', access: [execute]}]}",
        f"3: {STORAGE}.access[0]",
        "access is read or write, not 'execute'",
        "access: [read]",
    ),
    Refused("storage: {allow: [{uri: 'fs:///a', access: read}]}", f"3: {STORAGE}.access", "expected a list", "[read]"),
    Refused("storage: {allow: [{uri: 7, access: [read]}]}", f"3: {STORAGE}.uri", "expected text", '"7"'),
    Refused("storage: {allow: [{uri: [], access: [read]}]}", f"3: {STORAGE}.uri", "expected text", None),
    Refused(
        "storage: {allow: [{uri: 'fs:///a', acces: [read]}]}", f"3: {STORAGE}.acces", "this key is not known here", "did you mean access"
    ),
    storage("fs:///a/*", "uri", "one level alone cannot be granted", "fs:///a"),
    storage("fs:///*", "uri", "one level alone cannot be granted", "fs:///"),
    storage("fs:///a/**/b", "uri", "a pattern cannot be granted", "fs:///a"),
    storage("fs:///a/x*", "uri", "a pattern cannot be granted", "fs:///a"),
    storage("file:///a", "uri", "only directories can be granted, as fs://, not file://", "fs:///a"),
    storage("/a", "uri", "a storage uri starts with fs://", "fs:///a"),
    storage("fs://notes", "uri", "a path must be absolute", "fs:///absolute/path/notes"),
    storage("fs://./notes", "uri", "a path must be absolute", "fs:///absolute/path/notes"),
    storage("fs://", "uri", "a path must be absolute", "fs:///absolute/path"),
    storage("fs:///a/../b", "uri", "a path must not hold ..", "fs:///b", schema=False),
    storage("fs:///../b", "uri", "a path must not hold ..", "fs:///b", schema=False),
    storage("fs:///a\\nb", "uri", "a path holds a control character", None, schema=False),
    Refused(
        "storage: {allow: [{uri: 'fs:///a', access: [read], guest: out}]}",
        f"3: {STORAGE}.guest",
        "a path must be absolute",
        "/absolute/path/out",
    ),
    Refused(
        "storage: {allow: [{uri: 'fs:///a', access: [read], guest: ~/out}]}",
        f"3: {STORAGE}.guest",
        "the guest has no home directory",
        "/home",
    ),
    Refused(
        "storage: {allow: [{uri: 'fs:///a', access: [read], guest: '/x*'}]}", f"3: {STORAGE}.guest", "a pattern cannot be granted", "/"
    ),
    Refused(
        "storage:\n  allow:\n  - {uri: 'fs:///a', access: [read, write]}\n  - {uri: 'fs:///a/b', access: [read]}",
        "6: permissions.storage.allow[1]",
        "read access to /a/b is narrower than the write access to /a above it, which reaches inside",
        "grant read and write for /a/b, or only read for /a",
        schema=False,
    ),
    Refused(
        "storage:\n  allow:\n  - {uri: 'fs:///a/b', access: [read], guest: /x}\n  - {uri: 'fs:///', access: [read, write]}",
        "6: permissions.storage.allow[1]",
        "read access to /a/b is narrower than the write access to / above it",
        "grant read and write for /a/b, or only read for /",
        schema=False,
    ),
    Refused(
        "storage:\n  allow:\n  - {uri: 'fs:///a', access: [read]}\n  - {uri: 'fs:///b', access: [read], guest: /a}",
        "6: permissions.storage.allow[1]",
        "the guest would see both /a and /b at /a",
        "choose another guest path",
        schema=False,
    ),
    # network
    network("{}", "", "expected either host or cidr", "host: api.example.com"),
    network("{host: a.com, cidr: 10.0.0.0/8}", "", "expected either host or cidr", "host: api.example.com"),
    network("api.example.com", "", "expected host: …", "host: api.example.com"),
    network("{cidr: 10.0.0.0/8, methods: [GET]}", ".methods", "methods cannot be combined with cidr", "name the host beside the methods"),
    network("{cidr: 10.0.0.0/8, paths: [/a]}", ".paths", "paths cannot be combined with cidr", "name the host beside the paths"),
    network(
        "{host: '*'}", ".host", "every host cannot be granted at once", "name the hosts one by one, or the names below one: *.example.com"
    ),
    network("{host: '*com'}", ".host", "a * can only stand for whole labels in front", "*.com"),
    network("{host: 'a*b.com'}", ".host", "a * can only stand for whole labels in front", "*.b.com"),
    network("{host: '*.*.com'}", ".host", "a * can only stand for whole labels in front", "*.com"),
    network("{host: 'a.*'}", ".host", "a * can only stand for whole labels in front", None),
    network(
        "{host: '*.10.0.0.1'}", ".host", "an address has no names below it", "write a range of addresses as cidr: 10.1.0.0/16", schema=False
    ),
    network("{host: ''}", ".host", "expected a host such as api.example.com", None),
    network("{host: 'a b'}", ".host", "expected a host such as api.example.com", None),
    network("{host: a.com/x/}", ".host", "a path cannot be part of a host", '{host: "a.com", paths: ["/x"]}'),
    network("{host: 'https://a.com/'}", ".host", "a path cannot be part of a host", 'host: "https://a.com"'),
    network("{host: 'a.com?q'}", ".host", "a path cannot be part of a host", 'host: "a.com"'),
    network("{host: 'a.com\\x'}", ".host", "a path cannot be part of a host", '{host: "a.com", paths: ["/x"]}'),
    network("{host: 'ftp://a.com'}", ".host", "only https and http can be granted, not ftp", "https://a.com"),
    network("{host: '://a.com'}", ".host", "only https and http can be granted", "https://a.com"),
    network("{host: 'u:p@a.com'}", ".host", "a user name or password cannot be part of a host", "a.com"),
    network("{host: 'u@'}", ".host", "a user name or password cannot be part of a host", None),
    network("{host: 'a.com:'}", ".host", "'' is not a port", "a.com"),
    network("{host: 'a.com:0'}", ".host", "'0' is not a port", "a.com"),
    network("{host: 'a.com:080'}", ".host", "'080' is not a port", "a.com"),
    network("{host: 'a.com:65536'}", ".host", "'65536' is not a port", "a.com", schema=False),
    network("{host: ':80'}", ".host", "'' is not a host name", None),
    network("{host: '::1'}", ".host", "not host[:port]", "[::1]"),
    network("{host: '[::1'}", ".host", "not host[:port]", "[::1]"),
    network("{host: 'a]b'}", ".host", "not host[:port]", None),
    network("{host: '[10.0.0.1]'}", ".host", "is not an IPv6 address in brackets", "10.0.0.1"),
    network("{host: '[x]'}", ".host", "is not an IPv6 address in brackets", None),
    network("{host: '[fe80::1%eth0]'}", ".host", "is not an IPv6 address in brackets", None),
    network("{host: '[::ffff:10.0.0.1]'}", ".host", "is an IPv4 address in disguise", "10.0.0.1", schema=False),
    network(
        "{host: 0x7f.1}",
        ".host",
        "is a number that not everybody reads as the same address",
        "write it as four decimal numbers",
        schema=False,
    ),
    network("{host: 127.1}", ".host", "expected text", '"127.1"'),
    network("{host: '127.1'}", ".host", "is a number that not everybody reads", "write it as four decimal numbers", schema=False),
    network("{host: '2130706433'}", ".host", "is a number that not everybody reads", "write it as four decimal numbers", schema=False),
    network("{host: 0177.0.0.1}", ".host", "is a number that not everybody reads", "write it as four decimal numbers", schema=False),
    network("{host: １２7.1}", ".host", "is a number that not everybody reads", "write it as four decimal numbers", schema=False),
    network("{host: straße.de}", ".host", "two versions of IDNA read differently", "write the name in its xn-- form", schema=False),
    network("{host: ü..de}", ".host", "'ü..de' is not a host name", None, schema=False),
    network("{host: a..com}", ".host", "'a..com' is not a host name", None),
    network("{host: -a.com}", ".host", "'-a.com' is not a host name", None),
    network("{host: a%62.com}", ".host", "'a%62.com' is not a host name", None),
    network(f"{{host: {'a' * 64}.com}}", ".host", "is not a host name", None, schema=False),
    network(f"{{host: {'a.' * 130}com}}", ".host", "is not a host name", None, schema=False),
    network(f"{{host: {'a.' * 600}com}}", ".host", "a host name has at most 253 characters", None, schema=False),
    network(
        "{host: a.com, methods: []}",
        ".methods",
        "an empty list reads as none and as all",
        "leave it out for all, or take the whole entry out for none",
    ),
    network("{host: a.com, methods: [GET, GET]}", ".methods", "one of them stands here twice", "keep one of the two"),
    network("{host: a.com, methods: [CONNECT]}", ".methods[0]", "CONNECT is never sent for a component", None),
    network("{host: a.com, methods: [GET, TRACE]}", ".methods[1]", "TRACE is never sent for a component", None),
    network("{host: a.com, methods: [get]}", ".methods[0]", "'get' is not an HTTP method in upper case", "GET"),
    network("{host: a.com, methods: ['*']}", ".methods[0]", "'*' is not an HTTP method in upper case", None),
    network(
        "{host: a.com, paths: []}",
        ".paths",
        "an empty list reads as none and as all",
        "leave it out for all, or take the whole entry out for none",
    ),
    network("{host: a.com, paths: [x]}", ".paths[0]", "a path starts with /", "/x"),
    network("{host: a.com, paths: ['/x?y']}", ".paths[0]", "query and fragment are not part of a path", "/x"),
    network("{host: a.com, paths: ['/a%2fb']}", ".paths[0]", "a path is written decoded", None),
    network("{host: a.com, paths: ['/a\\b']}", ".paths[0]", "a path is written decoded", None),
    network("{host: a.com, paths: ['/a/../b']}", ".paths[0]", "dot segments are removed before a path is compared", None, schema=False),
    network("{host: a.com, paths: ['/a/..;x/b']}", ".paths[0]", "dot segments are removed before a path is compared", None, schema=False),
    network("{host: a.com, paths: ['/a**/b']}", ".paths[0]", "** stands for whole segments", "/a*/b", schema=False),
    network("{host: a.com, paths: ['/a//b']}", ".paths[0]", "an empty segment never matches", "/a/b", schema=False),
    network("{cidr: 10.1.0.1/16}", ".cidr", "bits are set behind its length", "10.1.0.0/16", schema=False),
    network("{cidr: 10.1.0.0/255.255.0.0}", ".cidr", "not written as usual", "10.1.0.0/16"),
    network("{cidr: 10.1.0.1}", ".cidr", "a range needs its length", "10.1.0.1/32"),
    network("{cidr: example.com/8}", ".cidr", "'example.com/8' is not a range of addresses", "10.1.0.0/16"),
    network("{cidr: 'fe80::%eth0/64'}", ".cidr", "is not a range of addresses", "10.1.0.0/16"),
    network("{cidr: '::ffff:10.0.0.0/104'}", ".cidr", "an IPv4 address in IPv6 disguise is never reached", "10.0.0.0/8", schema=False),
    # environment
    Refused("environment: {allow: [{key: 'A*'}]}", "3: permissions.environment.allow[0].key", "variables are granted one by one", None),
    Refused("environment: {allow: [{key: ''}]}", "3: permissions.environment.allow[0].key", "'' is not the name of a variable", None),
    Refused("environment: {allow: [{key: A=b}]}", "3: permissions.environment.allow[0].key", "'A=b' is not the name of a variable", "A"),
    Refused("environment: {allow: [{key: -x}]}", "3: permissions.environment.allow[0].key", "'-x' is not the name of a variable", None),
    Refused("environment: {allow: [LANG]}", "3: permissions.environment.allow[0]", "expected key: …", "key: LANG"),
    Refused("environment: {deny: [{key: A}]}", "3: permissions.environment.deny", "this key is not known here", "known are allow"),
    # tools
    Refused(
        "tools: {}",
        "3: permissions.tools",
        "no list reads as none and as all",
        "leave tools out for all, or write tools: {allow: []} for none",
    ),
    Refused(
        "tools: {allow: null}",
        "3: permissions.tools",
        "no list reads as none and as all",
        "leave tools out for all, or write tools: {allow: []} for none",
    ),
    Refused("tools: {allow: ['get *']}", "3: permissions.tools.allow[0]", "'get *' is not a tool's name or a pattern", None),
    # limits
    limits("{io: 5}", ".io", "input and output cannot be limited", "limits: {output: 4Mi} bounds what a call returns"),
    limits("{limits: {io: 5}}", ".limits.io", "input and output cannot be limited", "limits: {output: 4Mi} bounds what a call returns"),
    limits("{limits: {memory: 512}}", ".limits.memory", "512 may mean bytes or megabytes", "memory: 512Mi"),
    limits("{limits: {memory: 536870912}}", ".limits.memory", "536870912 may mean bytes or megabytes", "memory: 512Mi"),
    limits("{limits: {memory: 512MB}}", ".limits.memory", "expected a number of bytes such as 512Mi", None),
    limits("{limits: {memory: true}}", ".limits.memory", "expected a number of bytes such as 512Mi", None),
    limits("{limits: {memory: 0}}", ".limits.memory", "expected a number of bytes such as 512Mi", None),
    limits("{limits: {cpu: 0}}", ".limits.cpu", "expected a share of one core", None),
    limits("{limits: {cpu: 0.5m1}}", ".limits.cpu", "expected a share of one core", None),
    limits("{limits: {timeout: 30}}", ".limits.timeout", "expected a time such as 30s", None),
    limits("{limits: {output: {}}}", ".limits.output", "expected text", None),
    limits("{limits: {fuel: 5}}", ".limits.fuel", "this key is not known here", "known are memory, cpu, timeout, output, io"),
    limits(
        "{memory: 512Mi}", ".memory", "expected a number, as Wassette wrote memory here before there was limits", "limits: {memory: 512Mi}"
    ),
    limits("{memory: 0.5}", ".memory", "expected a number", "limits: {memory: 0.5}"),
    limits("{cpu: true}", ".cpu", "expected a number", "limits: {cpu: true}"),
    limits("{cpu: -1}", ".cpu", "expected a share of one core", None),
    limits("{cpu: 1, limits: {cpu: 500m}}", ".cpu", "cpu stands here and under limits", "keep the one under limits", schema=False),
]
