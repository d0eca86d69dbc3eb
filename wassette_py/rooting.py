"""Trust roots as their owners publish them: the one that comes with sigstore, and those published by TUF, the framework sigstore uses.

What is returned is verified by the chain of its publisher (https://theupdateframework.io); whether it is a root, and trusted, is said
elsewhere.
"""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path
from urllib.parse import quote

from wassette_py.errors import FetchError
from wassette_py.files import private_folder, read_regular
from wassette_py.trust.identities import INSTALL
from wassette_py.trust.roots import SIGSTORE_TUF

TRUSTED_ROOT, TUF_ROOT = "trusted_root.json", "root.json"
MAX_ROOT = 64 << 10
"""What the trust policy reads of one file."""


def embedded(name: str) -> bytes:
    """A file about Sigstore's public instance as the installed sigstore has it. Raises FetchError when there is none."""
    spec = importlib.util.find_spec("sigstore")  # finds, does not import
    if spec is None:
        raise FetchError("Sigstore's trust root comes with the package sigstore, which is not installed", INSTALL)
    path = Path(*(spec.submodule_search_locations or ()), "_store", quote(SIGSTORE_TUF, safe=""), name)
    try:
        return read_regular(path, limit=MAX_ROOT)
    except OSError as error:
        raise FetchError(f"sigstore has no {name} for its public instance: {error}", "--root FILE") from None


def published(url: str, bootstrap: bytes, folder: Path) -> bytes:
    """The trusted root that is published at `url` now, by the chain that begins with `bootstrap`; `folder` keeps what was seen, so that
    nothing older is taken later. Raises FetchError."""
    try:
        from tuf.api.exceptions import DownloadError, RepositoryError
        from tuf.ngclient import Updater, UpdaterConfig
    except ImportError:
        raise FetchError("updating a trust root needs the package sigstore, which is not installed", INSTALL) from None
    private_folder(folder)
    try:
        with tempfile.TemporaryDirectory(prefix="wassette-root-") as targets:
            updater = Updater(
                str(folder), url, targets, f"{url}/targets/", config=UpdaterConfig(app_user_agent="wassette"), bootstrap=bootstrap
            )
            updater.refresh()
            target = updater.get_targetinfo(TRUSTED_ROOT)
            if target is None or target.length > MAX_ROOT:
                raise FetchError(f"{url} publishes no {TRUSTED_ROOT} of a usual size")
            return Path(updater.download_target(target)).read_bytes()
    except DownloadError as error:
        words = f"{type(error).__name__}: {error}" if str(error) else "no answer in time"  # of which alone tuf says nothing but its name
        raise FetchError(f"{url} cannot be asked for its trust root: {words}", "check the address and the network") from None
    except (RepositoryError, OSError, ValueError) as error:
        raise FetchError(f"{url}: no trust root that its publisher vouches for: {type(error).__name__}: {error}") from None
