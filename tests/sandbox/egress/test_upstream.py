"""The operator's proxy: which requests go through it is a table."""

from __future__ import annotations

import pytest

from wassette_py.policy.network import parse_url
from wassette_py.sandbox.egress.route import NotSent
from wassette_py.sandbox.egress.upstream import Upstream, upstream_for

PROXY = Upstream("proxy.corp", 3128)


def used(environ: dict[str, str], url: str) -> Upstream | None:
    return upstream_for(environ, parse_url(url))


def test_without_variables_there_is_no_proxy() -> None:
    assert used({}, "https://api.test/") is None
    assert used({"https_proxy": "", "HTTPS_PROXY": " "}, "https://api.test/") is None


def test_each_scheme_has_its_variable_and_all_has_the_rest() -> None:
    environ = {"HTTPS_PROXY": "http://proxy.corp:3128"}
    assert used(environ, "https://api.test/") == PROXY
    assert used(environ, "http://api.test/") is None
    assert used({"http_proxy": "proxy.corp:3128"}, "http://api.test/") == PROXY
    assert used({"ALL_PROXY": "http://proxy.corp:3128/"}, "http://api.test/") == PROXY
    assert used({"https_proxy": "http://proxy.corp:3128", "HTTPS_PROXY": "http://other"}, "https://api.test/") == PROXY
    assert used({"https_proxy": "http://proxy.corp"}, "https://api.test/") == Upstream("proxy.corp", 80)


def test_credentials_are_handed_over() -> None:
    assert used({"https_proxy": "http://me:p%40ss@proxy.corp:3128"}, "https://api.test/") == Upstream(
        "proxy.corp", 3128, "Basic bWU6cEBzcw=="
    )
    assert used({"https_proxy": "http://me@proxy.corp:3128"}, "https://api.test/") == Upstream("proxy.corp", 3128, "Basic bWU6")


@pytest.mark.parametrize("value", ["socks5://me:secret@proxy:1080", "https://proxy:443", "http://", "http://proxy:x", "http://[::1"])
def test_a_proxy_that_cannot_be_used_is_an_error_that_keeps_its_password(value: str) -> None:
    with pytest.raises(NotSent, match=r"^HTTPS_PROXY is not the http:// URL of a proxy, and no other kind is supported$") as caught:
        used({"HTTPS_PROXY": value}, "https://api.test/")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://localhost/", "https://127.0.0.1/", "https://127.9.9.9/", "https://[::1]/"])
def test_loopback_is_never_asked_of_a_proxy(url: str) -> None:
    assert used({"HTTPS_PROXY": "http://proxy.corp:3128"}, url) is None


@pytest.mark.parametrize(
    ("excluded", "url"),
    [
        ("*", "https://api.test/"),
        ("other, api.test", "https://api.test/"),
        ("API.test", "https://api.test/"),
        ("test", "https://api.test/"),
        (".test", "https://api.test/"),
        ("*.test", "https://api.test/"),
        ("api.test:443", "https://api.test/"),
        ("10.0.0.0/8", "https://10.1.2.3/"),
        ("10.1.2.3", "https://10.1.2.3/"),
        ("10.1.2.3:443", "https://10.1.2.3/"),
        ("[fd00::1]:443", "https://[fd00::1]/"),
        ("fd00::1", "https://[fd00::1]/"),
        ("[fd00::1]", "https://[fd00::1]/"),
    ],
)
def test_excluded_hosts_are_reached_straight(excluded: str, url: str) -> None:
    assert used({"HTTPS_PROXY": "http://proxy.corp:3128", "NO_PROXY": excluded}, url) is None


@pytest.mark.parametrize(
    ("excluded", "url"),
    [
        ("", "https://api.test/"),
        (",", "https://api.test/"),
        (".", "https://api.test/"),
        ("pi.test", "https://api.test/"),
        ("api.test:8443", "https://api.test/"),
        ("api.test.org", "https://api.test/"),
        ("10.0.0.0/8", "https://11.1.2.3/"),
        ("10.0.0.0/8", "https://api.test/"),
        ("10.1.2.4", "https://10.1.2.3/"),
        ("10.1.2.3:80", "https://10.1.2.3/"),
        ("0.1.2.3", "https://10.1.2.3/"),
        ("api.test", "https://10.1.2.3/"),
    ],
)
def test_others_are_not(excluded: str, url: str) -> None:
    assert used({"HTTPS_PROXY": "http://proxy.corp:3128", "no_proxy": excluded}, url) == PROXY
