"""The catalogue that `registry search` and search-components search: names, descriptions and references of components one may load.

A JSON file, `{"components": [{"name", "description", "uri"}]}`: the operator's (`<config-dir>/catalog.json`) if there is one, else the one
beside this program, which lists the examples. Being listed grants nothing: loading is decided by the trust policy.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from urllib.parse import quote

from wassette_py.errors import WassetteError
from wassette_py.files import read_regular

PACKAGE = Path(__file__).resolve().parent
BUILT_IN = PACKAGE / "catalog.json"
EXAMPLES = "{examples}"
"""In a `uri`: the folder of the examples, wherever this program was installed."""
MAX_FILE = 16 << 20
FIELDS = ("name", "description", "uri")

Component = dict[str, str]


def read_catalog(operators: Path) -> list[Component]:
    """The components of the operator's catalogue file, or of ours. Raises WassetteError for a file that is none."""
    path = operators if operators.exists() else BUILT_IN
    try:
        document = json.loads(read_regular(path, limit=MAX_FILE).decode())
        components = [{field: _text(entry[field]) for field in FIELDS} for entry in document["components"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
        raise WassetteError(f"{path} is no catalogue: {reason}", 'expected {"components": [{"name", "description", "uri"}]}') from error
    # A checkout has them beside the package; install.sh puts them beside the virtual environment.
    return placed(components, (PACKAGE.parent / "examples", Path(sys.prefix).parent / "examples"))


def placed(components: list[Component], folders: tuple[Path, ...]) -> list[Component]:
    """`components` with the examples' folder in their references; without that folder, only those that need none."""
    folder = next((str(folder) for folder in folders if (folder / "oci-layout").is_dir()), None)
    if folder is None:
        return [component for component in components if EXAMPLES not in component["uri"]]
    quoted = quote(Path(folder).as_posix(), safe="/!$&'()*+,;=~")
    return [{**component, "uri": component["uri"].replace(EXAMPLES, quoted)} for component in components]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {value!r}")
    return value


def search(components: list[Component], query: str) -> list[Component]:
    """The components that match any word of `query`, best first; all of them for an empty query."""
    terms = query.lower().split()
    if not terms:
        return components
    scored = [(sum(_score(component, term) for term in terms), component) for component in components]
    return [component for score, component in sorted(scored, key=lambda pair: -pair[0]) if score > 0]


def _score(component: Component, term: str) -> int:
    """Wassette's weights: the name counts most, its beginning more than its middle."""
    name, description, uri = (component[field].lower() for field in FIELDS)
    score = 100 if name == term else 50 if name.startswith(term) else 20 if term in name else 0
    score += 15 if description.startswith(term) else 10 if term in description else 0
    return score + (5 if term in uri else 0)
