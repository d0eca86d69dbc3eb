"""A component file pushed to a registry or a layout: looked at first, so that nothing is published that nobody could load."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from wassette_py.control import watched
from wassette_py.dataclass import dataclass
from wassette_py.errors import InvalidReference
from wassette_py.fetch import fetch
from wassette_py.reference import FileReference, LayoutReference, OciReference, Reference

if TYPE_CHECKING:
    from wassette_py.control import Control
    from wassette_py.host.component_host import ComponentHost
    from wassette_py.oci.publishing import Artifact
    from wassette_py.reference import Digest


@dataclass(frozen=True)
class Published:
    """What was pushed: its reference with the digest of the manifest, and the component's own digest and size."""

    reference: OciReference | LayoutReference
    wasm: Digest
    size: int


def push(host: ComponentHost, reference: Reference, file: Reference, *, policy: str | None, control: Control) -> Published:
    """Pushes `file` (and the policy text) as `reference`, which needs a tag. Raises InvalidReference, InvalidComponent, FetchError, …"""
    from wassette_py.oci.publishing import make_artifact

    if not isinstance(reference, OciReference | LayoutReference) or reference.tag is None or reference.digest is not None:
        raise InvalidReference(f"{reference}: a component is pushed to a tag of a registry or a layout", "oci://REGISTRY/REPOSITORY:TAG")
    if not isinstance(file, FileReference):
        raise InvalidReference(f"{file}: only a file can be pushed", "fetch it first, or name a path")
    if policy is not None:
        host.policies.parse(policy, "policy")
    fetched = fetch(file, host.settings, control)
    component, _ = host.loader.compiled(fetched, "", control, keep=False)
    exports = dict.fromkeys(function.interface or function.name for function in component.type.exports)
    artifact = make_artifact(
        fetched.wasm,
        title=file.path.name,
        policy=policy,
        imports=component.type.imports,
        exports=tuple(exports),
        created=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )
    with host.recorder.operation("push", None, reference=str(reference), digest=str(fetched.digest)) as learnt:
        pushed = _put(host, artifact, reference, control)
        learnt["reference"] = str(pushed)
    return Published(pushed, fetched.digest, len(fetched.wasm))


def _put(
    host: ComponentHost, artifact: Artifact, reference: OciReference | LayoutReference, control: Control
) -> OciReference | LayoutReference:
    from wassette_py.oci.layout_target import LayoutTarget
    from wassette_py.oci.publishing import publish
    from wassette_py.oci.reading import Patience

    if isinstance(reference, LayoutReference):
        return publish(artifact, reference, LayoutTarget(reference), control)
    from wassette_py.oci.registry_target import RegistryTarget

    rule = host.verifier.trust().rule_for(reference)
    plain = rule is not None and rule.insecure_http

    def put(inner: Control) -> OciReference | LayoutReference:
        target = RegistryTarget(reference, host.settings, inner, insecure_http=plain, patience=Patience())
        with target.session:
            return publish(artifact, reference, target, inner)

    return watched(put, control, "push")
