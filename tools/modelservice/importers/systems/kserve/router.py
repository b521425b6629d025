"""KServe's router: pool, endpoint picker and route, as the chart's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelservice.importers.systems.kserve import presets
from modelservice.importers.workload import ServedModel, escaped

GATEWAY = {
    "group": "gateway.networking.k8s.io",
    "kind": "Gateway",
    "name": "kserve-ingress-gateway",
    "namespace": "kserve",
}
"""The Gateway of KServe's presets."""


def route(served: ServedModel, router: Mapping[str, Any], namespace: str) -> None:
    """Pool, endpoint picker and route, as KServe derives them or as they are written out."""
    routing: dict[str, Any] = {}
    scheduler = router.get("scheduler")
    if scheduler is not None:
        routing["inferencePool"] = {"create": True}
        epp: dict[str, Any] = {"create": True}
        pool = scheduler.get("pool", {})
        if pool.get("ref", {}).get("name"):
            routing["inferencePool"] = {"name": pool["ref"]["name"]}
            epp = {}
        elif pool.get("spec", {}).get("selector"):
            selector = pool["spec"]["selector"]
            routing["inferencePool"]["matchLabels"] = selector.get("matchLabels", selector)
        inline = scheduler.get("config", {}).get("inline")
        if inline and epp:
            epp["pluginsConfig"] = inline
        if scheduler.get("replicas", 1) != 1 and epp:
            epp["replicas"] = scheduler["replicas"]
        if epp:
            routing["epp"] = epp
    route = router.get("route")
    if route is not None and "refs" not in route.get("http", {}):
        spec = route.get("http", {}).get("spec", {})
        parents = [GATEWAY | reference for reference in router.get("gateway", {}).get("refs", [])]
        routing["parentRefs"] = spec.get("parentRefs") or parents or [GATEWAY]
        said: dict[str, Any] = {"create": True}
        if spec.get("hostnames"):
            said["hostnames"] = spec["hostnames"]
        if spec.get("rules"):
            said["rules"] = [_to_pool(rule, served.name) for rule in spec["rules"]]
        elif scheduler is not None:
            said["pathPrefix"] = f"/{namespace}/{served.name}"
        else:
            said["rules"] = [_to_service(served, namespace)]
            served.settings["service"] = {"enabled": True}
        routing["httpRoute"] = escaped(said)
    if routing:
        served.settings["routing"] = routing


def _to_pool(rule: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A rule whose backend is KServe's pool goes to the chart's."""
    backends = [
        str(backend.get("name")) for backend in rule.get("backendRefs", []) if backend.get("kind") == "InferencePool"
    ]
    own = {key: value for key, value in rule.items() if key not in ("backendRefs", "name")}
    return own if backends == [f"{name}-inference-pool"] else {key: rule[key] for key in rule if key != "name"}


def _to_service(served: ServedModel, namespace: str) -> dict[str, Any]:
    """Without a scheduler requests go to the Service."""
    path = {"type": "PathPrefix", "value": f"/{namespace}/{served.name}"}
    rewrite = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}
    return {
        "matches": [{"path": path}],
        "filters": [{"type": "URLRewrite", "urlRewrite": rewrite}],
        "backendRefs": [{"name": served.name, "port": presets.SERVICE_PORT}],
    }
