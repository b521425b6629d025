"""Objects that go with a workload (Services, autoscalers, budgets, routes) as the chart's own keys.

Each function says one kind of object as values, or None where the chart has no key for all of it. What is left stays in
``extraObjects``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from modelservice.errors import ModelserviceError
from modelservice.helm import Release
from modelservice.importers.chart import chart
from modelservice.importers.workload import ValuesBuilder, escaped
from modelservice.kubernetes.merge import merged

Said = Callable[[Mapping[str, Any], Mapping[str, Any], ValuesBuilder], dict[str, Any] | None]

POOL_GROUP = "inference.networking.k8s.io"


def taken_over(values: dict[str, Any], builder: ValuesBuilder) -> dict[str, Any]:
    """Values that have as keys what they have as ``extraObjects``, where the chart makes the same of it."""
    result = {key: value for key, value in values.items() if key != "extraObjects"}
    rest = []
    for item in sorted(values.get("extraObjects", []), key=_order):
        spec = item.get("spec")
        said = _SAID.get(str(item.get("kind")))
        keys = said(item, result, builder) if said and isinstance(spec, dict) else None
        changed = merged(result, keys) if keys else None
        if changed is None or not _accepted(changed, builder):
            rest.append(item)
        else:
            result = changed
    if rest:
        result["extraObjects"] = rest
    return result


def _order(item: Mapping[str, Any]) -> int:
    """Pools before what refers to them."""
    return 0 if item.get("kind") == "InferencePool" else 1


def _accepted(values: dict[str, Any], builder: ValuesBuilder) -> bool:
    try:
        chart().render(values, Release("imported", builder.served.namespace or "default")).objects  # noqa: B018
    except ModelserviceError:
        return False
    return True


def _only(value: Mapping[str, Any], *keys: str) -> bool:
    return set(value) <= set(keys)


def _selected(selector: Any, builder: ValuesBuilder) -> list[str]:
    """The roles whose pods have the labels."""
    if not isinstance(selector, dict) or not selector:
        return []
    return [
        name
        for name, labels in builder.labels.items()
        if all({"llm-d.ai/role": name, **labels}.get(key) == value for key, value in selector.items())
    ]


def _service(item: Mapping[str, Any], values: Mapping[str, Any], builder: ValuesBuilder) -> dict[str, Any] | None:
    spec, metadata = dict(item["spec"]), item["metadata"]
    roles = _selected(spec.pop("selector", None), builder)
    if len(roles) != 1 or not all(isinstance(port, dict) and "port" in port for port in spec.get("ports") or [0]):
        return None
    (name,) = roles
    entry = "decode" if builder.served.decode else "prefill"
    address = spec.pop("clusterIP", "")
    for key in ("clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy", "sessionAffinity"):
        if spec.get(key) in (None, "Cluster", "None", "SingleStack") or key in ("clusterIPs", "ipFamilies"):
            spec.pop(key, None)
    kind = spec.pop("type", "ClusterIP")
    ports = _service_ports(spec.pop("ports"), name, builder)
    said: dict[str, Any] = {"name": metadata["name"]}
    if kind != "ClusterIP":
        said["type"] = kind
    if address == "None":
        said["clusterIP"] = address
    if ports:
        said["ports"] = ports
    for key in ("labels", "annotations"):
        if metadata.get(key):
            said[key] = metadata[key]
    if spec:
        said["extraConfig"] = spec
    own = values.get(name, {})
    governing = own.get("service", {}).get("name", said["name"]) == said["name"]
    if own.get("workload") == "StatefulSet" and governing and set(own.get("service", {})) <= {"name"}:
        if address == "None":
            said.pop("clusterIP")  # as the Service of a StatefulSet is
        else:
            said["type"] = kind
        return {name: {"service": said}}
    release = values.get("service")
    if name == entry and release is None:
        if said["name"] == builder.served.name:
            del said["name"]
        return {"service": {"enabled": True, **said}}
    if name == entry and release:
        present = {key: value for key, value in release.items() if key not in ("enabled", "name", "extraNames")}
        if present == {key: value for key, value in said.items() if key != "name"}:
            return {"service": {"extraNames": [*release.get("extraNames", []), said["name"]]}}
    return None if "service" in own else {name: {"service": {"create": True, **said}}}


def _service_ports(ports: Sequence[Mapping[str, Any]], role: str, builder: ValuesBuilder) -> list[dict[str, Any]]:
    """Ports of a Service by number; none where they are what the chart derives."""
    pod = getattr(builder.served, role).pod
    numbers = {
        port["name"]: port["containerPort"]
        for container in [*pod["containers"], *pod.get("initContainers", [])]
        for port in container.get("ports", [])
        if "name" in port
    }
    result = []
    for port in ports:
        said = {key: value for key, value in port.items() if (key, value) != ("protocol", "TCP")}
        target = said.get("targetPort", said["port"])
        said["targetPort"] = numbers.get(target, target)
        result.append(said)
    number = builder.routing["servicePort"]
    if result in ([{"name": "http", "port": number, "targetPort": number}], [{"port": number, "targetPort": number}]):
        return []
    return result


def _scaled(spec: Mapping[str, Any], builder: ValuesBuilder) -> str | None:
    """The role that an autoscaler scales."""
    target = spec.get("scaleTargetRef", {})
    names = {f"{builder.served.name}-{name}": name for name, _ in builder.served.roles}
    return names.get(str(target.get("name"))) if isinstance(target, dict) else None


def _horizontal(item: Mapping[str, Any], values: Mapping[str, Any], builder: ValuesBuilder) -> dict[str, Any] | None:
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
    said = {"enabled": True, "type": "hpa", "metrics": metrics}
    said |= {key: spec[key] for key in ("minReplicas", "maxReplicas", "behavior") if key in spec}
    return {role: {"autoscaling": said}}


def _event_driven(item: Mapping[str, Any], values: Mapping[str, Any], builder: ValuesBuilder) -> dict[str, Any] | None:
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
    said = {"enabled": True, "type": "keda", "minReplicas": 0, "maxReplicas": 100}  # KEDA's defaults
    said |= {name: spec[key] for key, name in keys.items() if key in spec}
    if "cooldownPeriod" in spec:
        said["scaleDownDelaySeconds"] = spec["cooldownPeriod"]
        down = {"stabilizationWindowSeconds": 300, **behavior.get("scaleDown", {})}
        behavior |= {"scaleDown": down} if down["stabilizationWindowSeconds"] != spec["cooldownPeriod"] else {}
    if behavior:
        said["behavior"] = behavior
    return {role: {"autoscaling": said}}


def _budget(item: Mapping[str, Any], values: Mapping[str, Any], builder: ValuesBuilder) -> dict[str, Any] | None:
    spec = item["spec"]
    selector = spec.get("selector", {})
    roles = _selected(selector.get("matchLabels"), builder) if _only(selector, "matchLabels") else []
    if len(roles) != 1 or not _only(spec, "selector", "minAvailable", "maxUnavailable", "unhealthyPodEvictionPolicy"):
        return None
    said = {"enabled": True, **{key: value for key, value in spec.items() if key != "selector"}}
    if item["metadata"].get("annotations"):
        said["annotations"] = item["metadata"]["annotations"]
    if "podDisruptionBudget" in values.get(roles[0], {}):
        return None
    return {roles[0]: {"podDisruptionBudget": said}}


def _named(item: Mapping[str, Any], builder: ValuesBuilder) -> dict[str, Any]:
    metadata = item["metadata"]
    own = {"name": metadata["name"]} if metadata["name"] != builder.served.name else {}
    return own | ({"annotations": metadata["annotations"]} if metadata.get("annotations") else {})


def _pool(item: Mapping[str, Any], values: Mapping[str, Any], builder: ValuesBuilder) -> dict[str, Any] | None:
    spec = item["spec"]
    routing = values.get("routing", {})
    picker = spec.get("endpointPickerRef", {})
    port = routing.get("servicePort", 8000)
    if not str(item.get("apiVersion")).startswith(POOL_GROUP):
        return None
    if routing.get("inferencePool", {}) not in ({}, {"name": item["metadata"]["name"]}):
        return None
    if not _only(picker, "group", "kind", "name", "port", "failureMode") or spec.get("targetPorts") != [
        {"number": port}
    ]:
        return None
    labels = spec.get("selector", {}).get("matchLabels", {})
    said = {"create": True, **_named(item, builder), "matchLabels": labels}
    if picker.get("failureMode"):
        said["failureMode"] = picker["failureMode"]
    epp = routing.get("epp", {})
    if not epp.get("create"):
        said["endpointPickerRef"] = {"name": picker.get("name"), "port": picker.get("port", {}).get("number", 9002)}
    return {"routing": {"inferencePool": said}}


def _pool_name(values: Mapping[str, Any], builder: ValuesBuilder) -> str | None:
    """Name of the pool that the values have."""
    pool = values.get("routing", {}).get("inferencePool")
    return str(pool.get("name", builder.served.name)) if pool else None


def _objective(item: Mapping[str, Any], values: Mapping[str, Any], builder: ValuesBuilder) -> dict[str, Any] | None:
    spec = item["spec"]
    if "inferenceObjective" in values.get("routing", {}) or not _only(spec, "priority", "poolRef"):
        return None
    if spec.get("poolRef", {}).get("name") != _pool_name(values, builder) or item["metadata"].get("annotations"):
        return None
    said = {"create": True, **_named(item, builder)}
    return {
        "routing": {"inferenceObjective": {**said, **({"priority": spec["priority"]} if "priority" in spec else {})}}
    }


def _route(item: Mapping[str, Any], values: Mapping[str, Any], builder: ValuesBuilder) -> dict[str, Any] | None:
    spec = item["spec"]
    if "httpRoute" in values.get("routing", {}) or not _only(spec, "parentRefs", "hostnames", "rules"):
        return None
    pool = {"group": POOL_GROUP, "kind": "InferencePool", "name": _pool_name(values, builder)}
    rules = []
    for rule in spec.get("rules", []):
        backends = [{k: v for k, v in ref.items() if (k, v) != ("weight", 1)} for ref in rule.get("backendRefs", [])]
        own = {key: value for key, value in rule.items() if key != "backendRefs"}
        rules.append(own if backends == [pool] else rule)
    said: dict[str, Any] = {"create": True, **_named(item, builder)}
    if spec.get("hostnames"):
        said["hostnames"] = spec["hostnames"]
    if rules not in ([], [{}], [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}]):
        said["rules"] = rules
    return {"routing": {"parentRefs": spec.get("parentRefs", []), "httpRoute": escaped(said)}}


_SAID: dict[str, Said] = {
    "Service": _service,
    "HorizontalPodAutoscaler": _horizontal,
    "ScaledObject": _event_driven,
    "PodDisruptionBudget": _budget,
    "InferencePool": _pool,
    "InferenceObjective": _objective,
    "HTTPRoute": _route,
}
