"""KServe's router: pool, endpoint picker and route, as the chart's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelservice.errors import ModelserviceError
from modelservice.helm_library import helm_python
from modelservice.importers.source.go_templates import escaped
from modelservice.importers.systems.kserve.llm_inference_service import presets
from modelservice.importers.workload import ServedModel

_INLINE = "spec.router.scheduler.config.inline"

GATEWAY = {
    "group": "gateway.networking.k8s.io",
    "kind": "Gateway",
    "name": "kserve-ingress-gateway",
    "namespace": "kserve",
}
"""The Gateway of KServe's presets."""


def route(served: ServedModel, router: Mapping[str, Any], namespace: str) -> None:
    """Set pool, endpoint picker and route, as KServe derives them or as they are written out."""
    routing: dict[str, Any] = {}
    scheduler = router.get("scheduler")
    if scheduler is not None:
        routing |= _pool_and_picker(scheduler)
    route = router.get("route")
    if route is not None and "refs" not in route.get("http", {}):
        spec = route.get("http", {}).get("spec", {})
        parents = [GATEWAY | reference for reference in router.get("gateway", {}).get("refs", [])]
        routing["parentRefs"] = spec.get("parentRefs") or parents or [GATEWAY]
        values: dict[str, Any] = {"create": True}
        if spec.get("hostnames"):
            values["hostnames"] = spec["hostnames"]
        if spec.get("rules"):
            values["rules"] = [_to_pool(rule, served.name) for rule in spec["rules"]]
        elif scheduler is not None:
            values["pathPrefix"] = f"/{namespace}/{served.name}"
        else:
            values["rules"] = [_to_service(served, namespace)]
            served.settings["service"] = {"enabled": True}
        routing["httpRoute"] = escaped(values)
    if routing:
        served.settings["routing"] = routing


def _pool_and_picker(scheduler: Mapping[str, Any]) -> dict[str, Any]:
    pool = scheduler.get("pool", {})
    if pool.get("ref", {}).get("name"):
        return {"inferencePool": {"name": pool["ref"]["name"]}}
    own: dict[str, Any] = {"create": True}
    if pool.get("spec", {}).get("selector"):
        selector = pool["spec"]["selector"]
        own["matchLabels"] = selector.get("matchLabels", selector)
    picker: dict[str, Any] = {"create": True}
    inline = scheduler.get("config", {}).get("inline")
    if inline:
        picker["pluginsConfig"] = _configuration(inline)
    if scheduler.get("replicas", 1) != 1:
        picker["replicas"] = scheduler["replicas"]
    return {"inferencePool": own, "epp": picker}


def _configuration(inline: Any) -> dict[str, Any]:
    """Return the picker's configuration, which is an object or the text of one.

    Raises:
        ModelserviceError: the text is no object.
    """
    config = inline
    if isinstance(inline, str):
        try:
            config = helm_python.values_from_yaml(inline)
        except helm_python.HelmError as error:
            raise ModelserviceError(f"not YAML: {error.detail}", key=_INLINE) from None
    if not isinstance(config, dict) or not config:
        raise ModelserviceError("an object is expected, or the text of one", key=_INLINE)
    return config


def _to_pool(rule: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a rule for the chart's pool where its backend is KServe's."""
    backends = [
        str(backend.get("name")) for backend in rule.get("backendRefs", []) if backend.get("kind") == "InferencePool"
    ]
    own = {key: value for key, value in rule.items() if key not in ("backendRefs", "name")}
    return own if backends == [f"{name}-inference-pool"] else {key: rule[key] for key in rule if key != "name"}


def _to_service(served: ServedModel, namespace: str) -> dict[str, Any]:
    """Return the rule without a scheduler: requests go to the Service."""
    path = {"type": "PathPrefix", "value": f"/{namespace}/{served.name}"}
    rewrite = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}
    return {
        "matches": [{"path": path}],
        "filters": [{"type": "URLRewrite", "urlRewrite": rewrite}],
        "backendRefs": [{"name": served.name, "port": presets.SERVICE_PORT}],
    }
