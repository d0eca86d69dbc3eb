"""What TLS trusts: the system's certificates, `SSL_CERT_FILE`, and the operator's `network.ca_file`, all of them together."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

from wassette_py.files import StrPath
from wassette_py.sandbox.egress.route import NotSent


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
