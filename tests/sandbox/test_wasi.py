"""What a guest gets of the machine: granted directories, granted variables, captured streams, and nothing that is this process's."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from tests.patience import FOREVER, LONG
from tests.sandbox import guests as text
from tests.sandbox import guests_io as io
from tests.sandbox.conftest import Guests, both_tiers
from wassette_py.errors import GuestError, InvalidPolicy, LimitExceeded
from wassette_py.limits import Limits
from wassette_py.policy.document import PolicyDocument, StorageGrant, Variable
from wassette_py.sandbox import folders
from wassette_py.sandbox.call import Denial
from wassette_py.sandbox.wasi import preopens

NO_ENTRY, NOT_PERMITTED, READ_ONLY = (-1 - io.FILE_ERRORS.index(name) for name in ("no-entry", "not-permitted", "read-only"))
VARIABLES = PolicyDocument(variables=(Variable("LANG"), Variable("UNSET")))


def storage(*grants: StorageGrant) -> PolicyDocument:
    return PolicyDocument(storage=grants, source="notes.policy.yaml")


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.txt").write_text("hello")
    (tmp_path / "secret.txt").write_text("not yours")
    (folder / "link").symlink_to(tmp_path / "secret.txt")
    return folder


@both_tiers
def test_without_a_grant_a_guest_has_no_directory_and_it_is_seen_that_it_asked(guests: Guests) -> None:
    report = guests.call(io.FILES, "directories")
    assert (report.value, report.asked_for_directories) == (0, True)


def test_a_guest_that_does_not_ask_is_not_said_to_have_asked(guests: Guests) -> None:
    report = guests.call(text.PRINT, "say", "hi")
    assert (report.asked_for_directories, report.asked_for_variables) == (False, False)


@both_tiers
def test_a_granted_directory_can_be_read_and_not_written(guests: Guests, notes: Path) -> None:
    policy = storage(StorageGrant(str(notes)))
    assert guests.call(io.FILES, "read", 0, "a.txt", policy=policy).value == 5
    assert guests.call(io.FILES, "read", 0, "b.txt", policy=policy).value == NO_ENTRY
    assert guests.call(io.FILES, "write", 0, "b.txt", "text", policy=policy).value == NOT_PERMITTED
    assert guests.call(io.FILES, "write", 0, "a.txt", "text", policy=policy).value == NOT_PERMITTED
    assert (notes / "a.txt").read_text() == "hello"
    assert not (notes / "b.txt").exists()


def test_a_directory_granted_for_writing_can_be_written(guests: Guests, notes: Path) -> None:
    policy = storage(StorageGrant(str(notes), write=True))
    assert guests.call(io.FILES, "write", 0, "b.txt", "text", policy=policy).value == 4
    assert (notes / "b.txt").read_text() == "text"


def test_a_guest_path_is_what_the_guest_sees(guests: Guests, notes: Path) -> None:
    assert guests.call(io.FILES, "name", 0, policy=storage(StorageGrant(str(notes)))).value == str(notes)
    assert guests.call(io.FILES, "name", 0, policy=storage(StorageGrant(str(notes), guest="/notes"))).value == "/notes"


@both_tiers
@pytest.mark.parametrize("path", ["../secret.txt", "link", "/etc/passwd", "x/../../secret.txt"])
def test_nothing_outside_a_granted_directory_can_be_reached(guests: Guests, notes: Path, path: str) -> None:
    value = guests.call(io.FILES, "read", 0, path, policy=storage(StorageGrant(str(notes)))).value
    assert value in {NOT_PERMITTED, NO_ENTRY}


def test_a_granted_directory_that_is_gone_is_named_with_the_line_that_grants_it(guests: Guests, notes: Path) -> None:
    report = guests.call(io.FILES, "directories", policy=storage(StorageGrant(str(notes / "gone"), line=7)))
    assert isinstance(report.error, InvalidPolicy)
    assert str(report.error) == f"notes.policy.yaml:7: granted directory {notes}/gone does not exist"
    assert report.error.hint == f"mkdir -p {notes}/gone"
    report = guests.call(io.FILES, "directories", policy=storage(StorageGrant(str(notes / "a.txt"))))
    assert "a.txt is not a directory" in str(report.error)


def test_a_granted_directory_that_cannot_be_opened_is_named(guests: Guests, notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # NOTE: as if it could not be read; root, who may run this, opens any directory that is there.
    monkeypatch.setattr(folders, "opened", lambda path, _: contextlib.nullcontext(f"{path}/gone"))
    report = guests.call(io.FILES, "directories", policy=storage(StorageGrant(str(notes))))
    assert "cannot be opened" in str(report.error)


def test_a_component_that_has_no_use_for_files_does_not_care_whether_granted_directories_exist(guests: Guests) -> None:
    assert guests.call(text.PRINT, "say", "hi", policy=storage(StorageGrant("/no/such/directory"))).error is None


def test_access_is_the_union_of_the_grants_above_a_path() -> None:
    grants = (
        StorageGrant("/a"),
        StorageGrant("/a", write=True),
        StorageGrant("/a/b"),
        StorageGrant("/ab"),
        StorageGrant("/a", guest="/g"),
    )
    opened = [(guest, grant.path, write) for guest, grant, write in preopens(grants)]
    assert opened == [("/a", "/a", True), ("/a/b", "/a/b", True), ("/ab", "/ab", False), ("/g", "/a", True)]


@both_tiers
def test_standard_input_is_closed(guests: Guests) -> None:
    assert guests.call(text.STDIN, "read").value == -2


def test_there_are_no_arguments_and_no_working_directory(guests: Guests) -> None:
    assert guests.call(text.ENVIRONMENT, "arguments").value == []
    assert guests.call(text.ENVIRONMENT, "directory").value is None


@both_tiers
def test_only_granted_variables_are_seen_even_of_what_the_caller_hands_in(guests: Guests, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "of the process")
    report = guests.call(text.ENVIRONMENT, "variables", policy=VARIABLES, environment={"LANG": "C", "SECRET": "x"})
    assert report.value == [("LANG", "C")]
    assert report.asked_for_variables
    assert guests.call(text.ENVIRONMENT, "variables", environment={"LANG": "C"}).value == []


@both_tiers
@pytest.mark.parametrize("number", range(3), ids=text.CONFIG_NAMES)
def test_configuration_is_the_granted_variables(guests: Guests, number: int) -> None:
    environment = {"LANG": "C", "SECRET": "x"}

    def ask(name: str, *values: object) -> object:
        report = guests.call(text.CONFIG, f"{name}{number}", *values, policy=VARIABLES, environment=environment)
        return report.value, report.denied, report.asked_for_variables

    refused = Denial("environment", "env SECRET", "not in environment.allow")
    assert ask("get", "LANG") == (("ok", ("C",)), (), True)
    assert ask("get", "UNSET") == (("ok", None), (), True)
    assert ask("get", "SECRET") == (("ok", None), (refused,), True)
    assert ask("all") == (("ok", [("LANG", "C")]), (), True)


def test_what_a_guest_asks_for_is_made_harmless_before_it_is_shown(guests: Guests) -> None:
    report = guests.call(text.CONFIG, "get0", "\x1b[31mA\nB" + "C" * 1000)
    assert [denial.target for denial in report.denied] == ["env \ufffd[31mA\ufffdB" + "C" * 288]


def test_what_a_guest_logs_is_captured_with_what_it_writes(guests: Guests) -> None:
    assert guests.call(text.LOGGING, "warn", "net", "slow").stderr == b"warn net: slow\n"
    assert guests.call(text.LOGGING, "warn", "", "slow").stderr == b"warn: slow\n"


@both_tiers
def test_output_is_captured_and_none_of_it_reaches_this_process(guests: Guests, capfd: pytest.CaptureFixture[str]) -> None:
    report = guests.call(text.PRINT, "say", "hé")
    assert (report.stdout, report.stderr) == ("hé".encode(), b"")
    assert guests.call(text.PRINT, "complain-and-trap", "oh").stderr == b"oh"
    assert tuple(capfd.readouterr()) == ("", "")


@both_tiers
@pytest.mark.parametrize("name", ["flood", "flood-and-return"])
def test_a_guest_that_writes_more_than_it_may_is_ended_and_what_is_kept_is_bounded(guests: Guests, name: str) -> None:
    report = guests.call(text.PRINT, name, limits=Limits(output=10_000, timeout=FOREVER))
    assert isinstance(report.error, LimitExceeded)
    assert report.error.limit == "output"
    assert len(report.stdout) == 10_000
    assert report.seconds < LONG


def test_logging_counts_as_output(guests: Guests) -> None:
    report = guests.call(text.LOGGING, "warn", "net", "x" * 1000, limits=Limits(output=100))
    assert isinstance(report.error, LimitExceeded)
    assert len(report.stderr) == 100


@pytest.mark.claim("limits:bounded")
@pytest.mark.parametrize("kind", ["secure", "insecure"])
def test_random_bytes_are_bounded_at_once_and_count_against_memory(guests: Guests, kind: str) -> None:
    assert guests.call(io.RANDOM, kind, 1 << 20).value == 1 << 20
    for size in (200 << 20, 1 << 40, (1 << 64) - 1):
        report = guests.call(io.RANDOM, kind, size)
        assert isinstance(report.error, GuestError)
        assert f"requested len {size} exceeds limit" in str(report.error)
    assert guests.call(io.RANDOM, kind, 32 << 20, limits=Limits(memory=16 << 20)).error is not None
