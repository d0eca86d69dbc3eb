"""TLS: what it trusts (the system's certificates, `SSL_CERT_FILE`, and the operator's `network.ca_file`, all together), and a
connection with it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence

from wassette_py.files import StrPath
from wassette_py.sandbox.egress.route import NotSent
from wassette_py.sandbox.egress.streams import Stream
from wassette_py.sandbox.egress.waiting import READ, SEND, Waits

RECORD = 1 << 14
"""Bytes that TLS gives at once, at most."""


def client_context(ca_files: Sequence[StrPath]) -> ssl.SSLContext:
    """A context that verifies chain and name. Raises NotSent for a file that cannot be read: trust is never other than what was set."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    for file in ca_files:
        try:
            context.load_verify_locations(file)
        except (OSError, ssl.SSLError) as error:
            reason = error.strerror if isinstance(error, FileNotFoundError | PermissionError) else "it holds no certificates"
            raise NotSent(f"the certificates in {file} cannot be read: {reason}") from None
    return context


class Secured(Stream):
    """A connection with TLS on it. Not one that two threads may use."""

    def __init__(self, sock: ssl.SSLSocket) -> None:
        super().__init__(sock)
        self._secured = sock

    def shake_hands(self, waits: Waits, until: float) -> None:
        """Returns when the other side is who it should be. Raises OSError, Late, CallOver."""
        while True:
            try:
                self._secured.do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
                waits.wait({self.number: _wanted(error)}, until)
            else:
                return

    def read(self) -> bytes | None:
        try:
            return self._secured.recv(RECORD)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
            self.to_read = _wanted(error)
            return None

    def send(self, data: memoryview) -> int:
        try:
            return self._secured.send(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
            self.to_send = _wanted(error)
            return 0


def secured(sock: socket.socket, context: ssl.SSLContext, host: str, waits: Waits, until: float) -> Secured:
    """`sock` with TLS, to a server that has a certificate for `host`; closed where that fails. Raises NotSent, Late, CallOver."""
    try:
        sock = wrapped = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
        stream = Secured(wrapped)
        stream.shake_hands(waits, until)
    except BaseException as error:
        sock.close()
        if isinstance(error, ssl.SSLCertVerificationError):
            raise NotSent(f"its certificate is not accepted: {error.verify_message.rstrip('.')}") from None
        if isinstance(error, OSError):
            raise NotSent(f"TLS failed: {_reason(error)}") from None
        raise
    return stream


def _reason(error: OSError) -> str:
    """What went wrong, in a few words."""
    return (getattr(error, "reason", None) or error.strerror or "protocol error").lower().replace("_", " ")


def _wanted(error: OSError) -> int:
    return READ if isinstance(error, ssl.SSLWantReadError) else SEND
