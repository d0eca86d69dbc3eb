"""The writing half of a repository: blobs and manifests go up, to the registry that was named and nowhere else.

Protocol: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#push. Whoever calls reads back what was sent.
"""

from __future__ import annotations

from urllib.parse import quote, urljoin, urlsplit

from wassette_py.control import Control
from wassette_py.errors import FetchError
from wassette_py.names import Digest
from wassette_py.oci.registry import RegistrySource
from wassette_py.oci.transport import host_of


class RegistryTarget(RegistrySource):
    """A repository that is written to."""

    def put_blob(self, data: bytes, control: Control) -> None:
        """Uploads `data` unless the repository has it. Raises FetchError, Cancelled."""
        digest = Digest.of(data)
        control.step("push", 0, len(data))
        if not self.web.retried(lambda: self._has(digest)):
            # A try that failed leaves its upload to the registry's own housekeeping; the next one begins anew.
            self.web.retried(lambda: self._upload(data, digest))
        control.step("push", len(data), len(data))

    def put_manifest(self, data: bytes, media_type: str, tag: str, control: Control) -> None:
        """Uploads a manifest or an index under `tag` (a tag or a digest). Raises FetchError, Cancelled."""
        control.step("push", 0, len(data))
        url, what = f"{self.root}/manifests/{tag}", f"manifest {tag} of {self.reference.source}"

        def put() -> None:
            headers = {"Content-Type": media_type}
            self.ask(url, what, headers=headers, good=(201,), method="PUT", action="pull,push", data=data).close()

        self.web.retried(put)

    def _has(self, digest: Digest) -> bool:
        what = f"blob {digest} of {self.reference.source}"
        answer = self.ask(f"{self.root}/blobs/{digest}", what, headers={"Accept": "*/*"}, good=(200, 404), method="HEAD")
        answer.close()
        return answer.status_code == 200

    def _upload(self, data: bytes, digest: Digest) -> None:
        begin, what = f"{self.root}/blobs/uploads/", f"blob {digest} of {self.reference.source}"
        with self.ask(begin, what, headers={"Content-Length": "0"}, good=(202,), method="POST", action="pull,push", data=b"") as answer:
            place = urljoin(begin, answer.headers.get("Location", ""))
        # A Location elsewhere would take the bytes and the authorization with it.
        if urlsplit(place)[:2] != urlsplit(begin)[:2]:
            shown = f"{urlsplit(place).scheme}://{host_of(place)}"
            raise FetchError(f"{what}: refused to upload to {shown}, where {self.reference.registry} sends us")
        url = f"{place}{'&' if '?' in place else '?'}digest={quote(str(digest))}"
        headers = {"Content-Type": "application/octet-stream"}
        self.ask(url, what, headers=headers, good=(201,), method="PUT", action="pull,push", data=data).close()
