"""Built-in tools about components: load, unload, list, search. Result objects are Wassette 0.8's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wassette_py import catalog
from wassette_py.control import Control, Progress
from wassette_py.server.builtin.bench import Matter
from wassette_py.server.builtin.consent import Consent
from wassette_py.server.results import listed

if TYPE_CHECKING:
    from wassette_py.server.builtin.bench import Bench
    from wassette_py.server.seam import CallContext

_STAGES = {"resolve": (0, 5), "fetch": (5, 60), "verify": (60, 65), "compile": (65, 95), "install": (95, 99)}
"""Which part of a load each stage is, in percent."""
_MIB = 1 << 20
_UNLOAD = {"yes": "it is removed from this machine's components"}


def load(bench: Bench, arguments: Mapping[str, Any], context: CallContext) -> dict[str, Any]:
    """load-component: at once when a trust scope names it, else for a person to decide."""
    from wassette_py.reference import parse_reference

    host = bench.host
    reference = parse_reference(arguments["path"])
    consent = None
    if host.settings.grants != "allow" and host.verifier.trust().rule_for(reference) is None:
        consent = Consent(bench, reference, context)
        consent.before()
    before = reference.default_id and host.store.entry(reference.default_id)
    loaded = host.load(reference, control=Control(context.cancel, lambda progress: _tell(context, progress)), consent=consent)
    context.progress(100, 100, "loaded")
    record = loaded.record
    if bench.only:
        bench.only.add(record.id)
    status = "component reloaded successfully" if before else "component loaded successfully"
    return {"status": status, "id": record.id, "tools": [tool.name for tool in record.tools]}


def _tell(context: CallContext, progress: Progress) -> None:
    start, end = _STAGES[progress.stage]
    total = progress.total or 0
    share = min(progress.done / total, 1) if total else 0
    size = f": {progress.done / _MIB:.1f} of {total / _MIB:.1f} MiB" if progress.stage == "fetch" and total else ""
    context.progress(start + int((end - start) * share), 100, f"{progress.stage}{size}")


def unload(bench: Bench, arguments: Mapping[str, Any], context: CallContext) -> dict[str, Any]:
    """unload-component: component, record and policy."""
    component_id = arguments["id"]
    bench.need(component_id)
    shown = {**bench.component(component_id), "with it": "its policy"}
    bench.decide(Matter(f"unloading {component_id!r}", ("component", "unload", component_id), shown, _UNLOAD), context)
    bench.host.unload(component_id)
    return {"status": "component unloaded successfully", "id": component_id}


def list_all(bench: Bench, arguments: Mapping[str, Any], context: CallContext) -> dict[str, Any]:
    """list-components: what this server serves, and what of it cannot be called and why."""
    tools = bench.host.tools()
    components = []
    for entry in bench.host.listed():
        if bench.only and entry.id not in bench.only:
            continue
        served = [_schema(listed(tool)) for tool in tools if tool.component == entry.id]
        problem = {} if entry.status == "ready" else {"status": entry.status, "problem": entry.problem}
        components.append({"id": entry.id, "tools_count": len(served), "schema": {"tools": served}, **problem})
    return {"components": components, "total": len(components)}


def _schema(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: entry[key] for key in ("name", "description", "inputSchema", "outputSchema") if key in entry}


def search(bench: Bench, arguments: Mapping[str, Any], context: CallContext) -> dict[str, Any]:
    """search-components: the catalogue, best matches first."""
    components = catalog.read_catalog(bench.host.settings.catalog_file)
    return {"status": "Component list found", "components": catalog.search(components, arguments.get("query", ""))}
