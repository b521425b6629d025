"""Objects that go with a workload (Services, autoscalers, budgets, routes) as the chart's own keys.

Each function returns one kind of object as values, or None where the chart has no key for a part of it. Those stay in
``extraObjects``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from modelservice import facts
from modelservice.importers.chart import renders
from modelservice.importers.source.go_templates import escaped
from modelservice.importers.steps.engine_start import without_protocol
from modelservice.importers.values_builder import Values, ValuesBuilder
from modelservice.importers.workload import ROLE_LABEL
from modelservice.kubernetes import merge

Object = Mapping[str, Any]

POOL_GROUP = "inference.networking.k8s.io"


def adopt_objects(builder: ValuesBuilder) -> None:
    """Take ``extraObjects`` that the chart makes itself, where it renders them; give their keys."""
    rest = []
    for item in sorted(builder.values.pop("extraObjects", []), key=_order):
        as_values = _AS_VALUES.get(str(item.get("kind")))
        keys = as_values(item, builder) if as_values and isinstance(item.get("spec"), dict) else None
        changed = merge.helm(builder.values, keys) if keys else None
        if changed is None or not renders(changed, builder.model.namespace):
            rest.append(item)
        else:
            builder.values = changed
    if rest:
        builder.values["extraObjects"] = rest


def _order(item: Object) -> int:
    """Sort pools before what refers to them."""
    return 0 if item.get("kind") == "InferencePool" else 1


def _only(value: Mapping[str, Any], *keys: str) -> bool:
    return set(value) <= set(keys)


def _selected(selector: Any, builder: ValuesBuilder) -> list[str]:
    """Return the roles whose pods have the labels."""
    if not isinstance(selector, dict) or not selector:
        return []
    labels = {role.name: {ROLE_LABEL: role.name, **role.source.labels} for role in builder.roles}
    return [name for name, own in labels.items() if all(own.get(key) == value for key, value in selector.items())]


def _service(item: Object, builder: ValuesBuilder) -> Values | None:
    spec, metadata = dict(item["spec"]), item["metadata"]
    roles = _selected(spec.pop("selector", None), builder)
    if len(roles) != 1 or not all(isinstance(port, dict) and "port" in port for port in spec.get("ports") or [0]):
        return None
    (name,) = roles
    entry = builder.served_by.name
    address = spec.pop("clusterIP", "")
    for key in ("clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy", "sessionAffinity"):
        if spec.get(key) in (None, "Cluster", "None", "SingleStack") or key in ("clusterIPs", "ipFamilies"):
            spec.pop(key, None)
    kind = spec.pop("type", "ClusterIP")
    ports = _service_ports(spec.pop("ports"), name, builder)
    result: dict[str, Any] = {"name": metadata["name"]}
    if kind != "ClusterIP":
        result["type"] = kind
    if address == "None":
        result["clusterIP"] = address
    if ports:
        result["ports"] = ports
    for key in ("labels", "annotations"):
        if metadata.get(key):
            result[key] = metadata[key]
    if spec:
        result["extraConfig"] = spec
    own = builder.values.get(name, {})
    governing = own.get("service", {}).get("name", result["name"]) == result["name"]
    if own.get("workload") == "StatefulSet" and governing and set(own.get("service", {})) <= {"name"}:
        if address == "None":
            result.pop("clusterIP")  # as the Service of a StatefulSet is
        else:
            result["type"] = kind
        return {name: {"service": result}}
    release = builder.values.get("service")
    if name == entry and release is None:
        if result["name"] == builder.name:
            del result["name"]
        return {"service": {"enabled": True, **result}}
    if name == entry and release:
        present = {key: value for key, value in release.items() if key not in ("enabled", "name", "extraNames")}
        if present == {key: value for key, value in result.items() if key != "name"}:
            return {"service": {"extraNames": [*release.get("extraNames", []), result["name"]]}}
    return None if "service" in own else {name: {"service": {"create": True, **result}}}


def _service_ports(ports: Sequence[Mapping[str, Any]], role: str, builder: ValuesBuilder) -> list[dict[str, Any]]:
    """Return the ports of a Service by number; none where they are those that the chart derives."""
    pod = next(item.source.pod for item in builder.roles if item.name == role)
    numbers = {
        port["name"]: port["containerPort"]
        for container in [*pod["containers"], *pod.get("initContainers", [])]
        for port in container.get("ports", [])
        if "name" in port
    }
    numbered = []
    for port in ports:
        result = without_protocol(port)
        target = result.get("targetPort", result["port"])
        result["targetPort"] = numbers.get(target, target)
        numbered.append(result)
    number = builder.section("routing")["servicePort"]
    derived = {"port": number, "targetPort": number}
    return [] if numbered in ([{"name": "http", **derived}], [derived]) else numbered


def _scaled(spec: Mapping[str, Any], builder: ValuesBuilder) -> str | None:
    """Return the role that an autoscaler scales."""
    target = spec.get("scaleTargetRef", {})
    names = {f"{builder.name}-{role.name}": role.name for role in builder.roles}
    return names.get(str(target.get("name"))) if isinstance(target, dict) else None


def _horizontal(item: Object, builder: ValuesBuilder) -> Values | None:
    spec = dict(item["spec"])
    role = _scaled(spec, builder)
    percentage = spec.pop("targetCPUUtilizationPercentage", None)
    metrics = list(spec.get("metrics", []))
    if percentage is not None:
        target = {"type": "Utilization", "averageUtilization": percentage}
        metrics.append({"type": "Resource", "resource": {"name": "cpu", "target": target}})
    if role is None or not metrics or item["metadata"].get("annotations"):
        return None
    if not _only(spec, "scaleTargetRef", "minReplicas", "maxReplicas", "metrics", "behavior"):
        return None
    result = {"enabled": True, "type": "hpa", "metrics": metrics}
    result |= {key: spec[key] for key in ("minReplicas", "maxReplicas", "behavior") if key in spec}
    return {role: {"autoscaling": result}}


def _event_driven(item: Object, builder: ValuesBuilder) -> Values | None:
    spec = item["spec"]
    role = _scaled(spec, builder)
    behavior = dict(spec.get("advanced", {}).get("horizontalPodAutoscalerConfig", {}).get("behavior", {}))
    advanced = {"horizontalPodAutoscalerConfig": {"behavior": behavior}} if behavior else {}
    if role is None or spec.get("advanced", {}) != advanced or item["metadata"].get("annotations"):
        return None
    keys = {"minReplicaCount": "minReplicas", "maxReplicaCount": "maxReplicas", "idleReplicaCount": "idleReplicas"}
    keys |= {"pollingInterval": "pollingInterval", "triggers": "triggers"}
    if not _only(spec, "scaleTargetRef", "cooldownPeriod", "advanced", *keys):
        return None
    result = {"enabled": True, "type": "keda", "minReplicas": 0, "maxReplicas": 100}  # KEDA's defaults
    result |= {name: spec[key] for key, name in keys.items() if key in spec}
    if "cooldownPeriod" in spec:
        result["scaleDownDelaySeconds"] = spec["cooldownPeriod"]
        down = {"stabilizationWindowSeconds": 300, **behavior.get("scaleDown", {})}
        behavior |= {"scaleDown": down} if down["stabilizationWindowSeconds"] != spec["cooldownPeriod"] else {}
    if behavior:
        result["behavior"] = behavior
    return {role: {"autoscaling": result}}


def _budget(item: Object, builder: ValuesBuilder) -> Values | None:
    spec = item["spec"]
    selector = spec.get("selector", {})
    roles = _selected(selector.get("matchLabels"), builder) if _only(selector, "matchLabels") else []
    if len(roles) != 1 or not _only(spec, "selector", "minAvailable", "maxUnavailable", "unhealthyPodEvictionPolicy"):
        return None
    result = {"enabled": True, **{key: value for key, value in spec.items() if key != "selector"}}
    if item["metadata"].get("annotations"):
        result["annotations"] = item["metadata"]["annotations"]
    if "podDisruptionBudget" in builder.values.get(roles[0], {}):
        return None
    return {roles[0]: {"podDisruptionBudget": result}}


def _named(item: Object, builder: ValuesBuilder) -> dict[str, Any]:
    metadata = item["metadata"]
    own = {"name": metadata["name"]} if metadata["name"] != builder.name else {}
    return own | ({"annotations": metadata["annotations"]} if metadata.get("annotations") else {})


def _pool(item: Object, builder: ValuesBuilder) -> Values | None:
    spec = item["spec"]
    routing = builder.values.get("routing", {})
    picker = spec.get("endpointPickerRef", {})
    port = builder.section("routing")["servicePort"]
    if not str(item.get("apiVersion")).startswith(POOL_GROUP):
        return None
    if routing.get("inferencePool", {}) not in ({}, {"name": item["metadata"]["name"]}):
        return None
    if not _only(picker, "group", "kind", "name", "port", "failureMode") or spec.get("targetPorts") != [
        {"number": port}
    ]:
        return None
    labels = spec.get("selector", {}).get("matchLabels", {})
    result = {"create": True, **_named(item, builder), "matchLabels": labels}
    if picker.get("failureMode"):
        result["failureMode"] = picker["failureMode"]
    epp = routing.get("epp", {})
    if not epp.get("create"):
        number = picker.get("port", {}).get("number", facts.endpoint_picker().ports.ext_proc)
        result["endpointPickerRef"] = {"name": picker.get("name"), "port": number}
    return {"routing": {"inferencePool": result}}


def _pool_name(builder: ValuesBuilder) -> str | None:
    """Return the name of the pool in the values."""
    pool = builder.values.get("routing", {}).get("inferencePool")
    return str(pool.get("name", builder.name)) if pool else None


def _objective(item: Object, builder: ValuesBuilder) -> Values | None:
    spec = item["spec"]
    if "inferenceObjective" in builder.values.get("routing", {}) or not _only(spec, "priority", "poolRef"):
        return None
    if spec.get("poolRef", {}).get("name") != _pool_name(builder) or item["metadata"].get("annotations"):
        return None
    result = {"create": True, **_named(item, builder)}
    return {
        "routing": {"inferenceObjective": {**result, **({"priority": spec["priority"]} if "priority" in spec else {})}}
    }


def _route(item: Object, builder: ValuesBuilder) -> Values | None:
    spec = item["spec"]
    if "httpRoute" in builder.values.get("routing", {}) or not _only(spec, "parentRefs", "hostnames", "rules"):
        return None
    pool = {"group": POOL_GROUP, "kind": "InferencePool", "name": _pool_name(builder)}
    rules = []
    for rule in spec.get("rules", []):
        backends = [{k: v for k, v in ref.items() if (k, v) != ("weight", 1)} for ref in rule.get("backendRefs", [])]
        own = {key: value for key, value in rule.items() if key != "backendRefs"}
        rules.append(own if backends == [pool] else rule)
    result: dict[str, Any] = {"create": True, **_named(item, builder)}
    if spec.get("hostnames"):
        result["hostnames"] = spec["hostnames"]
    if rules not in ([], [{}], [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}]):
        result["rules"] = rules
    return {"routing": {"parentRefs": spec.get("parentRefs", []), "httpRoute": escaped(result)}}


_AS_VALUES: dict[str, Callable[[Object, ValuesBuilder], Values | None]] = {
    "Service": _service,
    "HorizontalPodAutoscaler": _horizontal,
    "ScaledObject": _event_driven,
    "PodDisruptionBudget": _budget,
    "InferencePool": _pool,
    "InferenceObjective": _objective,
    "HTTPRoute": _route,
}
