from __future__ import annotations

import os
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wassette_py.errors import InvalidReference
from wassette_py.names import is_loopback, parse_host, parse_repository
from wassette_py.reference import (
    Digest,
    FileReference,
    HttpsReference,
    LayoutReference,
    OciReference,
    Reference,
    parse_reference,
    valid_id,
    without_root,
)

HEX = "ab" * 32
DIGEST = Digest(HEX)

_lower = string.ascii_lowercase + string.digits
_component = st.from_regex(r"[a-z0-9]{1,8}((\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}", fullmatch=True)
_hosts = st.sampled_from(
    ["ghcr.io", "localhost", "localhost:5000", "registry.example.com:8443", "127.0.0.1:5001", "[::1]:5000", "a-b.c.dev"]
)
_tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True)
_digests = st.text("0123456789abcdef", min_size=64, max_size=64).map(Digest)
_segments = st.text(min_size=1, max_size=12).filter(
    lambda name: (name not in (".", "..") and not set("/\0") & set(name) and name.isprintable()) or name in ("ü x", "a%b:c@d#e?f")
)
_paths = st.lists(_segments, min_size=1, max_size=4).map(lambda names: Path("/", *names))
_url_segments = st.text(_lower + string.ascii_uppercase + "-._~!$&'()*+,;=:@", min_size=1, max_size=8).filter(
    lambda name: name not in (".", "..")
)
_urls = st.builds(
    lambda host, path, query: f"https://{host}/{'/'.join(path)}{query}",
    _hosts,
    st.lists(_url_segments, min_size=1, max_size=4),
    st.sampled_from(["", "?a=b&c=/d?", "?x=%2F"]),
)
_references: st.SearchStrategy[Reference] = st.one_of(
    st.builds(FileReference, _paths),
    st.builds(HttpsReference, _urls, st.none() | _digests),
    st.builds(
        lambda host, parts, tag: OciReference(host, "/".join(parts), tag), _hosts, st.lists(_component, min_size=2, max_size=4), _tags
    ),
    st.builds(
        lambda host, parts, tag, digest: OciReference(host, "/".join(parts), tag, digest),
        _hosts,
        st.lists(_component, min_size=1, max_size=4),
        st.none() | _tags,
        _digests,
    ),
    st.builds(LayoutReference, _paths, st.none() | _tags, st.none() | _digests),
)


@given(_references)
def test_what_a_reference_prints_is_read_as_the_same_reference(reference: Reference) -> None:
    assert parse_reference(str(reference)) == reference


@given(_references)
def test_the_source_of_a_reference_begins_it(reference: Reference) -> None:
    assert str(reference).startswith(reference.source)


def _read(text: str) -> Reference | str | None:
    """The reference, or the hint of the refusal."""
    try:
        return parse_reference(text)
    except InvalidReference as error:
        return error.hint


@given(st.text(max_size=60))
def test_any_text_is_a_reference_or_an_error_with_a_hint(text: str) -> None:
    read = _read(text)
    assert read
    assert isinstance(read, str) or parse_reference(str(read)) == read


@given(st.sampled_from(["oci://", "https://", "file://", "oci-layout://"]), st.text("ab./:@#?%-_*~1\\ A", max_size=40))
def test_whatever_follows_a_scheme_is_read_one_way_or_refused(scheme: str, rest: str) -> None:
    read = _read(scheme + rest)
    assert read
    assert isinstance(read, str) or (parse_reference(str(read)) == read and str(read).startswith(scheme))


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("oci://ghcr.io/acme/fetch:1.2", OciReference("ghcr.io", "acme/fetch", "1.2")),
        (f"oci://GHCR.io:443/acme/fetch@sha256:{HEX}", OciReference("ghcr.io", "acme/fetch", None, DIGEST)),
        ("oci://localhost:443/acme/fetch:1", OciReference("localhost:443", "acme/fetch", "1")),
        (f"oci://docker.io/redis:7@sha256:{HEX}", OciReference("docker.io", "library/redis", "7", DIGEST)),
        ("oci://index.docker.io/acme/x:7", OciReference("docker.io", "acme/x", "7")),
        (f"https://Example.com:443/a/b.wasm#sha256={HEX}", HttpsReference("https://example.com/a/b.wasm", DIGEST)),
        ("https://example.com/%61%2a/b.wasm?x=1", HttpsReference("https://example.com/a%2A/b.wasm?x=1")),
        ("file:///tmp/a%20b/../c.wasm", FileReference(Path("/tmp/c.wasm"))),
        ("file:////tmp/c.wasm", FileReference(Path("/tmp/c.wasm"))),
        ("/tmp/x.wasm", FileReference(Path("/tmp/x.wasm"))),
        ("//tmp/x.wasm", FileReference(Path("/tmp/x.wasm"))),
        ("oci-layout:///srv/l:notes", LayoutReference(Path("/srv/l"), "notes")),
        (f"oci-layout:///srv/l@sha256:{HEX}", LayoutReference(Path("/srv/l"), None, DIGEST)),
        ("oci-layout:///srv/l", LayoutReference(Path("/srv/l"))),
    ],
)
def test_each_form_is_read_into_its_canonical_value(text: str, reference: Reference) -> None:
    assert parse_reference(text) == reference


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "one line of text"),
        ("a\nb", "one line of text"),
        ("x" * 5000, "one line of text"),
        ("oci://ghcr.io/acme/fetch", "names no tag and no digest"),
        ("oci://ghcr.io/acme/Fetch:1", "is not a repository"),
        ("oci://ghcr.io/acme//fetch:1", "is not a repository"),
        (f"oci://ghcr.io/{'a' * 256}:1", "is not a repository"),
        ("oci://ghcr.io/acme/fetch:1:2", "not a registry reference"),
        ("oci://evil.com@ghcr.io/acme/fetch:1", "not a registry reference"),
        ("oci://ghcr/acme/fetch:1", "does not name a registry"),
        ("oci://ghcr.io:70000/acme/fetch:1", "does not name a registry"),
        (f"oci://{'a.' * 200}io/x:1", "does not name a registry"),
        ("oci://ghcr.io/acme/fetch@sha256:AB", "not a registry reference"),
        ("oci:ghcr.io/acme/fetch:1", "followed by ://"),
        ("OCI://ghcr.io/acme/fetch:1", "in lower case"),
        ("http://example.com/x.wasm", "http://"),
        ("ftp://example.com/x.wasm", "no scheme of a reference"),
        ("://x", "no scheme of a reference"),
        ("https://user:pw@example.com/x.wasm", "not an https reference"),
        ("https://example.com", "not an https reference"),
        ("https://example.com//x.wasm", "not an https reference"),
        ("https://example.com/a/../x.wasm", "dot segments"),
        ("https://example.com/a/%2e%2E/x.wasm", "dot segments"),
        ("https://example.com/a%2Fb/x.wasm", "dot segments"),
        ("https://example.com/x.wasm#sha256=12", "64 lower-case"),
        ("https://example.com/x.wasm#", "64 lower-case"),
        ("https://exa_mple.com/x.wasm", "not an https reference"),
        ("file://host/x.wasm", "absolute path"),
        ("file:///x.wasm#a", "absolute path"),
        ("file:///x%00.wasm", "NUL"),
        ("oci-layout://dir:tag", "absolute path"),
    ],
)
def test_what_does_not_parse_says_why_and_what_would(text: str, says: str) -> None:
    with pytest.raises(InvalidReference, match=says) as caught:
        parse_reference(text)
    assert caught.value.hint


def test_a_bare_path_is_relative_to_its_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse_reference("x.wasm", base=tmp_path) == FileReference(tmp_path / "x.wasm")
    monkeypatch.chdir(tmp_path)
    assert parse_reference("a/../b:1.wasm") == FileReference(tmp_path / "b:1.wasm")


def test_a_path_that_is_no_text_survives_the_round_trip() -> None:
    reference = FileReference(Path(os.fsdecode(b"/tmp/\xff.wasm")))
    assert parse_reference(str(reference)) == reference


@pytest.mark.parametrize(
    ("text", "component_id"),
    [
        ("oci://ghcr.io/acme/fetch:1.2", "fetch"),
        ("file:///tmp/Time-Tools.wasm", "time-tools"),
        ("/tmp/über.wasm", None),
        (f"/tmp/{'a' * 64}.wasm", None),
        ("https://example.com/a/notes.wasm?x=/y.wasm", "notes"),
        ("https://example.com/a/notes", "notes"),
        ("https://example.com/a/.wasm", None),
        ("oci-layout:///srv/examples:Notes", "notes"),
        ("oci-layout:///srv/notes:latest", "notes"),
        ("oci-layout:///srv/notes:v1.2", "notes"),
        ("oci-layout:///srv/notes", "notes"),
    ],
)
def test_an_id_comes_from_the_last_name_or_has_to_be_given(text: str, component_id: str | None) -> None:
    assert parse_reference(text).default_id == component_id


@pytest.mark.parametrize("text", ["", ".a", "-a", "A", "a/b", "../a", "a\n", "ä", "a" * 64])
def test_an_id_that_could_leave_its_directory_is_none(text: str) -> None:
    assert not valid_id(text)


def test_an_id_is_short_and_lower_case() -> None:
    assert valid_id("a" * 63)
    assert valid_id("0.a_b-c")


def test_a_digest_is_read_and_made_and_never_anything_else() -> None:
    assert Digest.parse(f"sha256:{HEX}") == DIGEST
    assert str(Digest.of(b"")) == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    for text in ("sha256:../../x", f"sha256:{HEX.upper()}", f"sha512:{HEX}", f"sha256:{HEX}\n"):
        with pytest.raises(InvalidReference, match="not a digest"):
            Digest.parse(text)
    with pytest.raises(ValueError, match="hexadecimal"):
        Digest("../x")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("localhost:5000", True),
        ("127.0.0.1:5000", True),
        ("127.8.8.8", True),
        ("[::1]:5000", True),
        ("127.1", False),
        ("localhost.example.com", False),
        ("10.0.0.1", False),
        ("example.com:80", False),
    ],
)
def test_only_this_machine_is_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_a_host_has_a_dot_or_a_port() -> None:
    assert parse_host("acme") is None
    assert parse_host("acme:80") == "acme:80"
    assert parse_host("acme.io:080") is None
    assert parse_repository("ghcr.io") is None


def test_a_path_in_a_url_is_written_as_the_system_does() -> None:
    assert without_root("/C:/x", windows=True) == "C:/x"
    assert without_root("/x", windows=True) == "/x"
    assert without_root("//x", windows=False) == "/x"


@pytest.mark.parametrize("text", ["{}", "file:///{}", "oci-layout:///{}:tag"])
def test_a_path_that_no_reference_could_hold_is_refused(text: str) -> None:
    with pytest.raises(InvalidReference, match="a path this long cannot be written as a reference"):
        parse_reference(text.format("ü" * 2000))
