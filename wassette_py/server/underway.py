"""The requests of one connection that are being worked on: each is answered at most once, whoever ends it first."""

from __future__ import annotations

import threading

TYPE_CHECKING = False  # the first reply waits for this module
if TYPE_CHECKING:
    from wassette_py.server.messages import RequestId
    from wassette_py.server.seam import Entry


class Underway:
    """Requests by their id, and who works on each. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._entries: dict[RequestId, Entry] = {}
        self._awaited = False

    def __contains__(self, request_id: RequestId) -> bool:
        return request_id in self._entries

    def has(self, request_id: RequestId, entry: Entry) -> bool:
        """Whether `entry` still works on it, and may send."""
        return self._entries.get(request_id) is entry

    def begin(self, request_id: RequestId, entry: Entry) -> None:
        """Notes that `entry` works on a request."""
        with self._lock:
            self._entries[request_id] = entry

    def end(self, request_id: RequestId, entry: Entry) -> bool:
        """Notes that `entry` does no longer; False when that was known, and nothing may be answered."""
        with self._lock:
            if self._entries.get(request_id) is not entry:
                return False
            del self._entries[request_id]
            self._tell()
            return True

    def cancel(self, request_id: object) -> bool:
        """Stops the work on a request, which is not answered then; whether there was any."""
        if type(request_id) not in (int, str):
            return False
        with self._lock:
            # Some clients write the id of the request they cancel as text.
            known = request_id if request_id in self._entries else next((id for id in self._entries if str(id) == str(request_id)), None)
            entry = self._entries.pop(known, None)  # type: ignore[arg-type]  # None is no id, and so none of these
            self._tell()
        if entry is not None:
            entry.stop()
        return entry is not None

    def _tell(self) -> None:
        if self._awaited:
            self._changed.notify_all()

    def wait_for_calls(self, seconds: float) -> bool:
        """Waits until every call has been answered; False when it took longer."""
        with self._changed:
            self._awaited = True
            return self._changed.wait_for(lambda: not any(entry.is_call for entry in self._entries.values()), seconds)

    def close(self) -> None:
        """Ends and answers everything."""
        with self._lock:
            entries, self._entries = list(self._entries.values()), {}
        for entry in entries:
            entry.close()
