"""The secrets a policy grants, with their values: variables for the guest, headers for its requests. Made for one call and kept nowhere."""

from __future__ import annotations

from collections.abc import Mapping

from wassette_py.dataclass import dataclass, field
from wassette_py.errors import SecretError
from wassette_py.policy.document import PolicyDocument, SecretVariable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wassette_py.secrets import SecretStore

HTTPS = 443


@dataclass(frozen=True)
class Granted:
    """`headers`: canonical host and port -> names and values."""

    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[tuple[str, int], tuple[tuple[str, str], ...]] = field(default_factory=dict, repr=False)


NOTHING = Granted()


def granted_secrets(policy: PolicyDocument, store: SecretStore) -> Granted:
    """What a call under `policy` gets. Raises MissingSecret with all that have no value, SecretError."""
    if not policy.secrets:
        return NOTHING
    values = store.values(secret.name for secret in policy.secrets)
    variables: dict[str, str] = {}
    headers: dict[tuple[str, int], tuple[tuple[str, str], ...]] = {}
    for secret in policy.secrets:
        value = values[secret.name]
        if isinstance(secret, SecretVariable):
            variables[secret.key] = value
        else:
            if not value.isascii() or not value.isprintable() or value != value.strip():
                what = "it is no printable ASCII on one line, without blanks around it"
                raise SecretError(f"the value of {secret.name} cannot stand in a header: {what}")
            place = (secret.host, secret.port or HTTPS)
            headers[place] = (*headers.get(place, ()), (secret.header, secret.format.replace("{}", value)))
    return Granted(variables, headers)
