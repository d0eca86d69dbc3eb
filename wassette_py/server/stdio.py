"""Serves one client on stdin and stdout, in threads: workers that take turns at reading and calling, a writer, a watch on the store.

No protocol is known here, and nothing heavy imported: the list of tools comes before wasmtime does. The main thread only waits for the end,
which is the end of the input, SIGINT, SIGTERM or a client that reads no more; guests never run on it, since a signal would wait for them.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import threading
from _signal import SIGINT, SIGTERM, signal  # type: ignore[import-not-found]  # without the enums that `signal` makes of them
from collections.abc import Callable

from wassette_py.audit import flush
from wassette_py.errors import UnknownComponent, WassetteError
from wassette_py.files import look_afresh, read_regular
from wassette_py.server.listing import Listing
from wassette_py.server.messages import TOO_LONG
from wassette_py.server.protocol import Session
from wassette_py.server.turns import Turns
from wassette_py.server.writer import Writer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wassette_py.server.opening import Connection
    from wassette_py.server.tools import Toolbox
    from wassette_py.settings import Settings

DRAIN = 0.7
"""Seconds that running calls may still take after the end of the input."""
GRACE = 0.2
"""Seconds for guests to stop, and for the last bytes to be read."""
PATIENCE = 0.1
"""Seconds that the engine is not imported for, so that a client which asks for the tools at once does not wait for it."""
MAX_POLICY = 4 << 20
LOOK = 0.5
"""Seconds between two looks at the store, for what other processes load, unload and grant."""


def serve_stdio(connection: Connection, settings: Settings, *, only: tuple[str, ...], builtin_tools: bool) -> int:
    """Serves the components `only` (all, when empty) until the client is gone; the exit code. Raises WassetteError before it begins."""
    ended, reasons = threading.Lock(), list[str]()
    ended.acquire()

    def end(reason: str) -> None:
        reasons.append(reason)
        with contextlib.suppress(RuntimeError):  # it has ended
            ended.release()

    for number in (SIGINT, SIGTERM):
        signal(number, lambda *_: end("signal"))
    if only:
        _check(settings, only)
    if _wants_secrets(settings.places["component_dir"]):
        _check_secrets(settings, only)
    if settings.grants == "allow":
        _warn("grants: allow lets the model change permissions and load components without asking a person")

    watching = threading.Event()
    listing = Listing(settings.places["component_dir"], builtin_tools=builtin_tools)

    def begin() -> None:
        _start(lambda: _prepare(session, None if only or not settings.is_usual else listing))

    writer = Writer(connection.sink, begun=None if connection.introduction else begin, broken=lambda: end("end"))

    def receive(line: bytes | None) -> None:
        look_afresh(at_once=False)
        if line is None:
            session.fault(TOO_LONG)
        elif line.strip():
            session.receive(line)

    connection.pipe.arrived = look_afresh
    turns = Turns(connection.lines, receive, lambda: end("end"), more=connection.pipe.more, outlet=writer)
    session = Session(lambda: _toolbox(settings, turns, set(only), builtin_tools), writer.write, ready=watching.set)
    session.reads_here = turns.reads_here
    if connection.introduction:
        session.welcomed(connection.introduction, listed=connection.listed is not None)
        begin()
    _start(lambda: _watch(session, watching, connection.listed))
    _start(turns.read)
    ended.acquire()
    if reasons[0] == "end":
        session.drain(DRAIN)
    writer.hurry()
    session.close()
    stopped = session.idle(GRACE)
    writer.flush(GRACE)
    if not stopped:  # a guest that cannot be stopped would hold the interpreter's end
        flush()
        sys.stderr.flush()
        os._exit(0)
    return 0


def _start(task: Callable[[], None]) -> None:
    threading.Thread(target=task, daemon=True).start()


def _check(settings: Settings, only: tuple[str, ...]) -> None:
    from wassette_py.host import ComponentHost

    installed = {entry.id for entry in ComponentHost(settings).entries()}
    for component_id in only:
        if component_id not in installed:
            raise UnknownComponent(component_id)


def _wants_secrets(folder: str) -> bool:
    """Whether a policy there may name a secret: without one, the first reply need not wait for a reader of policies."""
    try:
        policies = [name for name in os.listdir(folder) if name.endswith(".policy.yaml")]
    except OSError:
        return False
    for name in policies:
        with contextlib.suppress(OSError):  # each call of that component says what is wrong with it
            if b"secrets" in read_regular(os.path.join(folder, name), limit=MAX_POLICY):
                return True
    return False


def _check_secrets(settings: Settings, only: tuple[str, ...]) -> None:
    from wassette_py.host import ComponentHost

    ComponentHost(settings).check_secrets(only)


def _toolbox(settings: Settings, turns: Turns, only: set[str], builtin_tools: bool) -> Toolbox:
    """What is served; made when it is first needed, since the first reply needs none of it."""
    from wassette_py.host import ComponentHost
    from wassette_py.sandbox.workers import Workers
    from wassette_py.server.tools import Toolbox

    host, builtins = ComponentHost(settings), None
    if builtin_tools:
        from wassette_py.server.builtin import Builtins

        builtins = Builtins(host, only=only)
    submit = turns.use(Workers(settings.in_flight + 1))  # one reads
    return Toolbox(host, submit=submit, in_flight=settings.in_flight, only=only, builtins=builtins)


def _prepare(session: Session, listing: Listing | None) -> None:
    """Makes the tools, then the engine, while the client reads. What fails here fails again at the first call, where it can be said."""
    with contextlib.suppress(Exception):
        toolbox = session.toolbox
        session.listed.wait(PATIENCE)
        toolbox.prepare()
        # NOTE: a large list makes so many objects that the collector goes through all there are. What is here now stays anyway.
        gc.freeze()
        if listing is not None:
            toolbox.subscribe(lambda: listing.keep(toolbox.lasting_listing))
            listing.keep(toolbox.lasting_listing)
        from wassette_py.sandbox.memory import trim

        trim()  # a large list has passed through several buffers


def _watch(session: Session, watching: threading.Event, sent: int | None) -> None:
    """Tells the client when the list changes; `sent` is the hash of one it was sent before anybody watched."""
    import time

    watching.wait()
    told = ""
    while True:
        time.sleep(LOOK)
        try:
            session.toolbox.refresh()
            if sent is not None and hash(session.toolbox.listing()) != sent:
                session.list_changed()
            problem, sent = "", None
        except (OSError, WassetteError) as error:
            problem = f"cannot look at the components: {error}"
        if problem and problem != told:
            _warn(problem)
        told = problem


def _warn(text: str) -> None:
    with contextlib.suppress(OSError):  # nobody reads it any more
        print(f"warning: {text}", file=sys.stderr, flush=True)
