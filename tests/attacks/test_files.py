"""A guest built to leave its directories, or to write where it may only read, tries every operation of `wasi:filesystem` on every
path that has ever led somewhere: dot segments, absolute paths, symlinks (relative, absolute, chained, dangling, to /proc), hard links,
renames, and trailing slashes, by which wassette 0.6 and 0.7 let guests out (RUSTSEC-2026-0268, RUSTSEC-2026-0269).

Not here: a hard link that a person made into a granted directory. It is a file of that directory, for every program.
"""

from __future__ import annotations

import os
import shutil
import socket
import stat
import threading
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.guests import ESCAPER
from tests.patience import FOREVER, LONG
from tests.sandbox.conftest import Guests
from wassette_py.errors import LimitExceeded
from wassette_py.limits import Limits
from wassette_py.policy.document import PolicyDocument, StorageGrant
from wassette_py.sandbox.call import CallReport

SECRET = "secret " * 100
LINKS = {
    "out-file": "../secret.txt",
    "out-folder": "..",
    "out-folder-slash": "../",
    "deeper/out": "../../secret.txt",
    "absolute-file": "{outside}/secret.txt",
    "absolute-folder": "{outside}",
    "absolute-root": "/",
    "chain": "chain-2",
    "chain-2": "sub/../out-file",
    "sub/up": "..",
    "dangling": "../made",
    "dangling-absolute": "{outside}/made",
    "dangling-chain": "dangling",
    "loop": "loop",
    "proc": "/proc/self",
    "proc-root": "/proc/self/root",
    "proc-cwd": "/proc/self/cwd",
    "proc-fd": "/proc/self/fd",
    "environ": "/proc/self/environ",
}
_WAYS = [
    "../secret.txt",
    "./../secret.txt",
    "sub/../../secret.txt",
    "sub/.././../secret.txt",
    ".//..//secret.txt",
    "../granted/../secret.txt",
    "a.txt/../../secret.txt",
    "a.txt/../../../secret.txt",
    "missing/../../secret.txt",
    "sub/../" * 300 + "../secret.txt",
    "../" * 40 + "etc/passwd",
    "{outside}/secret.txt",
    "/{outside}/secret.txt",
    "{outside}/granted/../secret.txt",
    "/etc/passwd",
    "/proc/self/environ",
    "..",
    "sub/../..",
    "sub/up/up/../secret.txt",
    "sub/up/../secret.txt",
    "out-file",
    "out-folder",
    "out-folder/secret.txt",
    "out-folder//secret.txt",
    "out-folder/./secret.txt",
    "out-folder/outside/../secret.txt",
    "out-folder-slash/secret.txt",
    "deeper/out",
    "absolute-file",
    "absolute-folder",
    "absolute-folder/secret.txt",
    "absolute-root/etc/passwd",
    "chain",
    "dangling",
    "dangling-absolute",
    "dangling-chain",
    "loop",
    "loop/secret.txt",
    "proc/environ",
    "proc-root/etc/passwd",
    "proc-cwd/pyproject.toml",
    "proc-fd/0",
    "proc-fd/1",
    "environ",
]
PATHS = [*_WAYS, *(f"{way}/" for way in _WAYS), *(f"{way}/." for way in _WAYS), *(f"{way}/.." for way in _WAYS)]
"""As they are, and with each ending that has made a resolver follow, or not follow, the last name."""


class World:
    """A granted directory full of ways out, and what lies outside."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.granted = self.root / "granted"
        (self.root / "outside").mkdir()
        (self.root / "secret.txt").write_text(SECRET)
        (self.root / "outside" / "victim.txt").write_text("victim")
        self.fill()

    def fill(self) -> None:
        """Makes the directory anew: what an attack does inside it is allowed."""
        shutil.rmtree(self.granted, ignore_errors=True)
        for name in ("sub", "deeper"):
            (self.granted / name).mkdir(parents=True)
        for name in ("a.txt", "sub/b.txt"):
            (self.granted / name).write_text("harmless")
        for name, target in LINKS.items():
            (self.granted / name).symlink_to(self.path(target))

    def path(self, text: str) -> str:
        return text.replace("{outside}", str(self.root))

    def outside(self) -> dict[str, object]:
        """Everything outside: names, contents, times, modes and link counts."""
        return {str(path): _seen(path) for path in _walk(self.root) if self.granted not in (path, *path.parents)}

    def inside(self) -> dict[str, object]:
        return {str(path): _seen(path) for path in [self.granted, *_walk(self.granted)]}


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)


def _seen(path: Path) -> object:
    status = path.lstat()
    content = os.readlink(path) if path.is_symlink() else path.read_bytes() if stat.S_ISREG(status.st_mode) else ""
    return content, status.st_mtime_ns, status.st_mode, status.st_nlink if path.is_file() else 0


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def told(report: CallReport) -> tuple[str, Any]:
    """("ok", what it got) or ("err", the error code's name)."""
    assert report.error is None
    assert isinstance(report.value, tuple)
    return report.value


def granting(*folders: Path, write: bool = False) -> PolicyDocument:
    return PolicyDocument(storage=tuple(StorageGrant(str(folder), write) for folder in folders))


READING: list[tuple[str, tuple[object, ...]]] = [
    ("read", (1,)),
    ("list", (1,)),
    ("size", (1,)),
    ("read", (0,)),
    ("list", (0,)),
]


@pytest.mark.claim("storage:granted-only")
@pytest.mark.parametrize("write", [False, True], ids=["read-only", "writable"])
@pytest.mark.parametrize(("operation", "follow"), READING, ids=[f"{name}-{'follow' if how[0] else 'nofollow'}" for name, how in READING])
def test_no_path_reads_anything_outside_a_granted_directory(
    guests: Guests, world: World, operation: str, follow: tuple[object, ...], write: bool
) -> None:
    policy = granting(world.granted, write=write)
    inside = {name for path in [world.granted, *_walk(world.granted)] if path.is_dir() for name in os.listdir(path)}
    for path in PATHS:
        side, got = told(guests.call(ESCAPER, operation, 0, *follow, world.path(path), policy=policy))
        if side == "ok" and operation == "list":  # `sub/up/..` and the like end where they began
            assert set(got) <= inside, path
        elif side == "ok" and operation == "size":
            assert got != len(SECRET), path
        else:
            assert side == "err" or got == b"harmless", path


WRITING: dict[str, tuple[str, list[object]]] = {
    "create": ("write", [0, 1, "PATH", 2]),
    "create-exclusive": ("write", [0, 5, "PATH", 2]),
    "write": ("write", [0, 0, "PATH", 2]),
    "truncate-by-opening": ("write", [0, 8, "PATH", 2]),
    "truncate": ("truncate", [0, "PATH"]),
    "touch": ("touch", [0, 1, "PATH"]),
    "touch-unfollowed": ("touch", [0, 0, "PATH"]),
    "mkdir": ("mkdir", [0, "PATH"]),
    "rmdir": ("rmdir", [0, "PATH"]),
    "unlink": ("unlink", [0, "PATH"]),
    "symlink-there": ("symlink", [0, "a.txt", "PATH"]),
    "rename-there": ("rename", [0, "a.txt", 0, "PATH"]),
    "rename-a-folder-there": ("rename", [0, "sub", 0, "PATH"]),
    "rename-from-there": ("rename", [0, "PATH", 0, "got"]),
    "link-there": ("link", [0, "a.txt", 0, "PATH", 0]),
    "link-from-there": ("link", [0, "PATH", 0, "got", 0]),
    "link-from-there-followed": ("link", [0, "PATH", 0, "got", 1]),
}


@pytest.mark.claim("storage:granted-only")
@pytest.mark.parametrize("attack", WRITING)
def test_no_path_changes_anything_outside_a_granted_directory(guests: Guests, world: World, attack: str) -> None:
    operation, arguments = WRITING[attack]
    policy = granting(world.granted, write=True)
    before = world.outside()
    for path in PATHS:
        values = [world.path(path) if value == "PATH" else value for value in arguments]
        side, _ = told(guests.call(ESCAPER, operation, *values, policy=policy))
        assert world.outside() == before, path
        if side == "ok":
            assert not any(path.samefile(world.root / "secret.txt") for path in _walk(world.granted) if not path.is_symlink())
            world.fill()


@pytest.mark.claim("storage:granted-only")
def test_a_symlink_that_a_guest_makes_leads_it_nowhere(guests: Guests, world: World) -> None:
    policy = granting(world.granted, write=True)
    before = world.outside()
    for target in ("..", "../..", "../secret.txt", str(world.root), f"{world.root}/secret.txt", "/", "/proc/self/root", "sub/../.."):
        guests.call(ESCAPER, "symlink", 0, target, "made", policy=policy)
        for path in ("made", "made/", "made/secret.txt", "made/.", f"made{world.root}/secret.txt", "made/etc/passwd"):
            for operation in ("read", "list", "size"):
                side, got = told(guests.call(ESCAPER, operation, 0, 1, path, policy=policy))
                assert side == "err", (target, path, operation, got)
            guests.call(ESCAPER, "write", 0, 1, path, 2, policy=policy)
        (world.granted / "made").unlink(missing_ok=True)
    assert world.outside() == before


@pytest.mark.claim("storage:granted-only")
def test_an_absolute_symlink_cannot_be_made(guests: Guests, world: World) -> None:
    assert told(guests.call(ESCAPER, "symlink", 0, "/etc", "made", policy=granting(world.granted, write=True)))[0] == "err"
    assert not (world.granted / "made").is_symlink()


@pytest.mark.claim("storage:granted-only")
@pytest.mark.parametrize("attack", [name for name in WRITING if "there" not in name])
def test_a_read_only_grant_cannot_create_write_truncate_touch_or_unlink(guests: Guests, world: World, attack: str) -> None:
    operation, arguments = WRITING[attack]
    before = world.inside()
    for path in ["a.txt", "sub", "sub/b.txt", "new", "sub/new", "out-file", "dangling", "./a.txt", "a.txt/", "sub/", "new/"]:
        values = [path if value == "PATH" else value for value in arguments]
        side, _ = told(guests.call(ESCAPER, operation, *values, policy=granting(world.granted)))
        assert side == "err", path
    assert world.inside() == before


@pytest.mark.claim("storage:granted-only")
@pytest.mark.parametrize("path", ["a.txt", "new"])
def test_no_combination_of_flags_opens_a_read_only_directory_for_writing(guests: Guests, world: World, path: str) -> None:
    before = world.inside()
    for create, flags in product(range(16), range(64)):
        assert guests.call(ESCAPER, "open", 0, 1, path, create, flags, policy=granting(world.granted)).error is None
    assert world.inside() == before


@pytest.mark.claim("storage:granted-only")
def test_a_read_only_grant_cannot_rename_or_link_or_symlink(guests: Guests, world: World) -> None:
    policy = granting(world.granted)
    before = world.inside()
    for operation, values in (
        ("rename", ("a.txt", 0, "b.txt")),
        ("rename", ("sub", 0, "sub2")),
        ("rename", ("a.txt", 0, "sub/b.txt")),
        ("link", ("a.txt", 0, "hard", 0)),
        ("link", ("out-file", 0, "hard", 1)),
        ("symlink", ("a.txt", "soft")),
        ("touch-opened", ("a.txt",)),
    ):
        assert told(guests.call(ESCAPER, operation, 0, *values, policy=policy))[0] == "err", operation
    assert world.inside() == before


@pytest.mark.claim("storage:granted-only")
def test_a_file_of_a_read_only_grant_cannot_be_moved_or_linked_into_a_writable_one(guests: Guests, world: World) -> None:
    writable = world.root / "outside"
    policy = PolicyDocument(storage=(StorageGrant(str(world.granted)), StorageGrant(str(writable), write=True)))
    before = world.inside()
    for operation, values in (
        ("link", (0, "a.txt", 1, "stolen", 0)),
        ("link", (0, "a.txt", 1, "stolen", 1)),
        ("rename", (0, "a.txt", 1, "stolen")),
        ("rename", (1, "victim.txt", 0, "planted")),
        ("rename", (1, "victim.txt", 0, "a.txt")),
        ("link", (1, "victim.txt", 0, "planted", 0)),
    ):
        assert told(guests.call(ESCAPER, operation, *values, policy=policy))[0] == "err", (operation, values)
    assert world.inside() == before
    assert not (writable / "stolen").exists()
    assert (writable / "victim.txt").read_text() == "victim"


@pytest.mark.claim("storage:granted-only")
def test_a_directory_that_turns_into_a_symlink_while_it_is_walked_leads_nowhere(guests: Guests, world: World) -> None:
    (world.root / "outside" / "f").write_text("secret")
    (world.granted / "real").mkdir()
    (world.granted / "real" / "f").write_text("harmless")
    (world.granted / "way-out").symlink_to(world.root / "outside")
    over = threading.Event()

    def swap() -> None:
        real, out, turn = (world.granted / name for name in ("real", "way-out", "turn"))
        while not over.is_set():
            real.rename(turn)
            out.rename(real)
            real.rename(out)
            turn.rename(real)

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        for path in ("real/f", "real/../real/f"):
            report = guests.call(ESCAPER, "read-often", 0, path, 20_000, policy=granting(world.granted), limits=Limits(timeout=FOREVER))
            assert (report.value, report.error) == (False, None)
    finally:
        over.set()
        swapper.join()


@pytest.mark.claim("storage:granted-only")
def test_without_a_grant_there_is_no_directory_to_begin_with(guests: Guests) -> None:
    report = guests.call(ESCAPER, "read", 0, 1, "/etc/passwd")
    assert report.value is None
    assert report.error is not None


def test_a_socket_or_a_fifo_in_a_granted_directory_does_no_more_than_fail_or_end_at_the_deadline(guests: Guests, world: World) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(world.granted / "socket"))
        assert told(guests.call(ESCAPER, "read", 0, 1, "socket", policy=granting(world.granted)))[0] == "err"
    os.mkfifo(world.granted / "fifo")
    report = guests.call(ESCAPER, "read", 0, 1, "fifo", policy=granting(world.granted), limits=Limits(timeout=2))
    assert isinstance(report.error, LimitExceeded)
    assert report.seconds < LONG
    os.close(os.open(world.granted / "fifo", os.O_WRONLY | os.O_NONBLOCK))
    assert guests.call(ESCAPER, "size", 0, 1, "fifo", policy=granting(world.granted)).value == ("ok", 0)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can make a device")
def test_a_device_in_a_granted_directory_gives_what_was_asked_for_and_no_more(guests: Guests, world: World) -> None:
    try:
        os.mknod(world.granted / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
        (world.granted / "zero").open("rb").close()
    except OSError:
        pytest.skip("no device can be made in here")
    side, got = told(guests.call(ESCAPER, "read", 0, 1, "zero", policy=granting(world.granted)))
    assert side == "err" or got == bytes(1000)
