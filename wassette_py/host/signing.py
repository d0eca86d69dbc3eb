"""An artifact signed where it is: resolved once, signed by digest, and looked at again as anybody would who verifies it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from wassette_py.control import watched
from wassette_py.dataclass import dataclass, replace
from wassette_py.errors import FetchError, InvalidReference
from wassette_py.reference import LayoutReference, OciReference, Reference

if TYPE_CHECKING:
    from wassette_py.control import Control
    from wassette_py.host.component_host import ComponentHost
    from wassette_py.oci.attaching import LayoutPlace, RegistryPlace
    from wassette_py.oci.layout_target import LayoutTarget
    from wassette_py.oci.registry_target import RegistryTarget
    from wassette_py.trust.evidence import Format
    from wassette_py.trust.private_keys import PrivateKey


@dataclass(frozen=True)
class SignedReference:
    """What was signed, by digest, and where the signature is."""

    reference: OciReference | LayoutReference
    where: str


def sign(host: ComponentHost, reference: Reference, key: PrivateKey, *, form: Format, control: Control) -> SignedReference:
    """Signs what `reference` names. Raises InvalidReference, FetchError, Cancelled."""
    if not isinstance(reference, OciReference | LayoutReference):
        raise InvalidReference(f"{reference}: signatures are kept in registries and OCI layouts", "wassette registry push REF FILE")
    with host.recorder.operation("sign", None, reference=str(reference), key=f"sha256:{key.public.fingerprint}") as learnt:
        signed = _signed(host, reference, key, form, control)
        learnt["reference"] = str(signed.reference)
    return signed


def _signed(
    host: ComponentHost, reference: OciReference | LayoutReference, key: PrivateKey, form: Format, control: Control
) -> SignedReference:
    if isinstance(reference, LayoutReference):
        if form == "cosign-legacy":
            raise InvalidReference(f"{reference}: cosign's older format names a repository, and a layout is none", "--format bundle")
        from wassette_py.oci.attaching import LayoutPlace
        from wassette_py.oci.layout_target import LayoutTarget

        target = LayoutTarget(reference)
        return _sign(target, LayoutPlace(target), key, form, control)
    from wassette_py.oci.reading import Patience
    from wassette_py.oci.registry_target import RegistryTarget

    rule = host.verifier.trust().rule_for(reference)
    plain = rule is not None and rule.insecure_http

    def there(inner: Control) -> SignedReference:
        from wassette_py.oci.attaching import RegistryPlace

        target = RegistryTarget(reference, host.settings, inner, insecure_http=plain, patience=Patience())
        with target.session:
            return _sign(target, RegistryPlace(target), key, form, inner)

    return watched(there, control, "push")


def _sign(
    target: RegistryTarget | LayoutTarget, place: RegistryPlace | LayoutPlace, key: PrivateKey, form: Format, control: Control
) -> SignedReference:
    from wassette_py.oci.attaching import Subject, attach_bundle, attach_simple
    from wassette_py.oci.documents import parse_document, parse_object
    from wassette_py.oci.referrers import discover
    from wassette_py.trust.findings import findings
    from wassette_py.trust.rules import SignatureRule
    from wassette_py.trust.signing import sign_bundle, sign_simple

    reference = target.reference
    # 1. What the reference means now; from here on, its digest.
    data, media_type, digest = target.resolve(control)
    parse_document(data, media_type, f"manifest of {reference}")
    subject = Subject(data, media_type or str(parse_object(data, f"manifest of {reference}")["mediaType"]))
    # 2. Signed, and put beside it.
    if form == "bundle":
        where = f"referrer {attach_bundle(place, subject, sign_bundle(key, digest), control)}"
    else:
        assert isinstance(reference, OciReference)
        payload, signature = sign_simple(key, digest, f"{reference.registry}/{reference.repository}")
        where = f"tag {attach_simple(place, subject, payload, signature, control)}"
    # 3. Found and verified as everybody else will.
    by_digest = replace(reference, digest=digest)
    rule = SignatureRule(every=(key.public,), formats=(form,))
    found = findings(discover(place, data, control), digest, by_digest, rule, (), now=time.time())
    if not any(one.counts and one.signers for one in found):
        raise FetchError(f"{by_digest} was signed, and the signature is not found beside it", "try again")
    return SignedReference(by_digest, where)
