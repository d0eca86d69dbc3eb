"""The example `fetch`: pages become text, from granted hosts and no others."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.installed import Installed
from tests.sandbox.egress.origin import Origin, Visit, origin
from wassette_py.host import CallResult
from wassette_py.policy.document import NetworkHost

PAGE = """<!doctype html>
<html><head><title>Hello &amp; welcome</title><style>p { color: red }</style><script>if (1 < 2) document.write("</p>")</script></head>
<body><nav><a href="/menu">menu</a></nav><!-- <p>not this -->
<h1>A  title</h1><p>First <b>bold</b> words<br>and &eacute;, &#228;, &#x1F600;, &unknown; <a href="../a?b=1#c">a link</a>.
<ul><li>one<li>two <img alt="a picture" src=x></ul>
<table><tr><th>a<th>b</tr><tr><td>1</td><td>2</td></tr></table><a href="javascript:alert(1)">nothing</a> grün
"""
TEXT = """# A title

First bold words
and é, ä, 😀, &unknown; a link ({0}/a?b=1).

- one
- two a picture

a | b
1 | 2

nothing grün"""
ANSWERS: dict[str, tuple[bytes, str, str]] = {
    "/deep/page": (PAGE.encode(), "200 OK", "content-type: text/html; charset=utf-8\r\n"),
    "/moved": (b"", "301 Moved Permanently", "location: deep/./x/../page\r\n"),
    "/loop": (b"", "302 Found", "location: /loop\r\n"),
    "/inside": (b"", "302 Found", "location: http://169.254.169.254/latest/meta-data/\r\n"),
    "/json": (b'{"a": [1]}', "200 OK", "content-type: application/json\r\n"),
    "/latin": ("<p>café".encode("latin-1"), "200 OK", "content-type: text/html; charset=ISO-8859-1\r\n"),
    "/untyped": (b"<html><p>typed by looks", "200 OK", ""),
    "/unfinished": (b"<html><title>Open<p>x", "200 OK", "content-type: text/html\r\n"),
    "/large": (b"x" * (1 << 20) + b"x", "200 OK", "content-type: text/plain\r\n"),
    "/picture": (b"\x89PNG\0", "200 OK", "content-type: image/png\r\n"),
    "/gone": (b"no", "404 Not Found", ""),
}


@pytest.fixture(scope="module")
def site() -> Iterator[Origin]:
    def answer(visit: Visit) -> None:
        visit.answer(*ANSWERS[visit.line.split()[1]])

    with origin(answer) as server:
        yield server


@pytest.fixture(scope="module")
def installed(load_example: Callable[[str], Installed], site: Origin) -> Installed:
    made = load_example("fetch")
    made.host.policies.grant("fetch", NetworkHost("localhost", "http", site.port, methods=("GET",)))
    return made


@pytest.fixture
def get(installed: Installed, site: Origin) -> Callable[[str], CallResult]:
    return lambda path: installed.call("fetch_text", url=f"http://localhost:{site.port}{path}")


@pytest.mark.parametrize("path", ["/deep/page", "/moved", "/deep/page#part"])
def test_a_page_becomes_text(get: Callable[[str], CallResult], site: Origin, path: str) -> None:
    result = get(path)
    here = f"http://localhost:{site.port}"
    assert result.value == {"url": f"{here}/deep/page", "title": "Hello & welcome", "text": TEXT.format(here)}


@pytest.mark.parametrize(
    ("path", "text"),
    [("/json", '{"a": [1]}'), ("/latin", "café"), ("/untyped", "typed by looks"), ("/unfinished", "")],
)
def test_other_texts_come_as_they_are(get: Callable[[str], CallResult], path: str, text: str) -> None:
    value = get(path).value
    assert isinstance(value, dict)
    assert value["text"] == text


def test_the_source_of_a_page_is_untouched(installed: Installed, site: Origin) -> None:
    assert installed.value("fetch_source", url=f"http://localhost:{site.port}/deep/page") == PAGE


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/loop", "more than 5 redirects from http://localhost:{0}/loop"),
        ("/large", "http://localhost:{0} sends more than 1048576 bytes"),
        ("/picture", "http://localhost:{0}/picture is no text (image/png)"),
        ("/gone", "http://localhost:{0}/gone answered with status 404"),
    ],
)
def test_what_cannot_be_read_is_told(get: Callable[[str], CallResult], site: Origin, path: str, error: str) -> None:
    result = get(path)
    assert (result.kind, result.error) == ("tool-error", error.format(site.port))


def test_a_redirect_into_the_network_is_denied_and_nobody_is_told_to_grant_it(get: Callable[[str], CallResult]) -> None:
    result = get("/inside")
    assert result.kind == "denied"
    assert result.lines == (
        "cannot fetch http://169.254.169.254: HTTP-request-denied",
        "denied: GET http://169.254.169.254:80 (not in network.allow)",
    )


def test_a_host_that_is_not_granted_is_denied_with_the_command_that_grants_it(installed: Installed) -> None:
    result = installed.call("fetch_text", url="https://example.com/")
    assert result.lines[1:] == (
        "denied: GET https://example.com:443 (not in network.allow)",
        "hint: wassette policy grant fetch network example.com",
    )


@pytest.mark.parametrize("url", ["", "example.com", "ftp://example.com/", "file:///etc/passwd", "http://", "javascript:alert(1)"])
def test_what_is_no_url_is_told(installed: Installed, url: str) -> None:
    result = installed.call("fetch_text", url=url)
    assert (result.kind, result.denied) == ("tool-error", ())
    assert str(result.error).startswith("not a URL such as https://example.com/page")
