from __future__ import annotations

import pytest

from tests.cli.guests import ONE_TOOL
from tests.host.conftest import Load
from wassette_py.errors import Refused
from wassette_py.host import ComponentHost
from wassette_py.host.overlay import Lasting
from wassette_py.host.wanting import NOS, Wanted, Wanting
from wassette_py.policy.document import EMPTY, NetworkHost
from wassette_py.policy.network import parse_url
from wassette_py.policy.targets import Request


def wanting(host: ComponentHost, answer: Lasting | None, asked: list[Wanted]) -> Wanting:
    def decide(wanted: Wanted) -> Lasting | None:
        asked.append(wanted)
        return answer

    return Wanting(host.policies, host.recorder, "one", "sha256:00", decide)


def get(url: str, method: str = "GET") -> Request:
    return Request(method, parse_url(url))


def test_the_narrowest_permission_is_asked_for(host: ComponentHost, load: Load) -> None:
    load("one", ONE_TOOL)
    asked: list[Wanted] = []
    policy = wanting(host, "once", asked)(get("https://api.example.com/a?b", "POST"), EMPTY)
    assert policy is not None
    (entry,) = policy.allow
    assert isinstance(entry, NetworkHost)
    assert (entry.host, entry.scheme, entry.methods) == ("api.example.com", "https", ("POST",))
    assert asked[0].request == "POST https://api.example.com:443"
    assert host.policies.of("one") == EMPTY


def test_a_no_is_kept_for_the_call_and_few_are_asked_for(host: ComponentHost, load: Load) -> None:
    load("one", ONE_TOOL)
    asked: list[Wanted] = []
    ask = wanting(host, None, asked)
    for number in range(NOS + 2):
        for _ in range(2):
            assert ask(get(f"https://{number}.example.com"), EMPTY) is None
    assert len(asked) == NOS


def test_a_refusal_of_whoever_decides_is_a_no(host: ComponentHost, load: Load) -> None:
    load("one", ONE_TOOL)

    def decide(wanted: Wanted) -> Lasting | None:
        raise Refused("no")

    assert Wanting(host.policies, host.recorder, "one", "", decide)(get("https://a.example"), EMPTY) is None


@pytest.mark.parametrize("method", ["", "A B", "G\u00c9T"])
def test_what_no_policy_can_say_is_not_asked_for(method: str, host: ComponentHost) -> None:
    asked: list[Wanted] = []
    assert wanting(host, "always", asked)(Request(method, parse_url("https://a.example")), EMPTY) is None
    assert asked == []
