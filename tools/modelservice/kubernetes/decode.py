"""What form objects and files must have to be read: the types of the fields that this package looks at.

Whatever is checked here was not made by this chart: other people's manifests, pools and clusters. What has another form
is said in a sentence, and nothing behind this has to reckon with it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jsonschema_rs

from modelservice.errors import ModelserviceError
from modelservice.kubernetes.types import pod_problem

Schema = dict[str, Any]

ANY: Schema = {}
TEXT: Schema = {"type": ["string", "null"]}
NUMBER: Schema = {"type": ["integer", "null"]}
AMOUNT: Schema = {"type": ["string", "number", "null"]}


def _map(**fields: Schema) -> Schema:
    return {"type": ["object", "null"], "properties": fields}


def _map_of(values: Schema) -> Schema:
    return {"type": ["object", "null"], "additionalProperties": values}


def _list_of(items: Schema) -> Schema:
    return {"type": ["array", "null"], "items": items}


def _one(fields: Schema) -> Schema:
    """A list's entry, which is never null."""
    return {**fields, "type": "object"}


TEXTS = _map_of({"type": "string"})
AMOUNTS = _map_of({"type": ["string", "number"]})
METADATA = _map(name=TEXT, namespace=TEXT, labels=TEXTS, annotations=TEXTS)
_SELECTOR = _map(matchLabels=TEXTS, matchExpressions=_list_of(_one(_map(values=_list_of(ANY)))))
_CONTAINERS = _list_of(_one(_map(args=_list_of(TEXT), resources=_map(requests=AMOUNTS, limits=AMOUNTS))))
_PODS = _map(metadata=METADATA, spec=_map(containers=_CONTAINERS))
_REFERENCE = _map(kind=TEXT, name=TEXT, group=TEXT)
_CHOICE = {"deviceClassName": TEXT, "count": NUMBER, "allocationMode": TEXT}
_DEVICES = _map(
    requests=_list_of(_one(_map(**_CHOICE, exactly=_map(**_CHOICE), firstAvailable=_list_of(_one(_map(**_CHOICE))))))
)
_SCALER = _map(scaleTargetRef=_REFERENCE, minReplicas=NUMBER, maxReplicas=NUMBER, minReplicaCount=NUMBER)
_MONITOR = _map(
    selector=_SELECTOR,
    podMetricsEndpoints=_list_of(_one(_map(port=TEXT, path=TEXT, scheme=TEXT))),
    endpoints=_list_of(_one(_map(port=TEXT, path=TEXT, scheme=TEXT))),
)

_GROUPS_OF_PODS = _map(
    replicas=NUMBER, leaderWorkerTemplate=_map(size=NUMBER, leaderTemplate=_PODS, workerTemplate=_PODS)
)

_SPECS: Mapping[str, Schema] = {
    "Service": _map(selector=TEXTS, ports=_list_of(_one(_map(name=TEXT, port=NUMBER)))),
    "InferencePool": _map(
        selector=_map(matchLabels=TEXTS),
        endpointPickerRef=_REFERENCE,
        extensionRef=_REFERENCE,
        targetPorts=_list_of(_one(_map(number=NUMBER))),
        targetPortNumber=NUMBER,
    ),
    "HTTPRoute": _map(
        parentRefs=_list_of(_one(_map(name=TEXT))), rules=_list_of(_one(_map(backendRefs=_list_of(_one(_REFERENCE)))))
    ),
    "PodMonitor": _MONITOR,
    "ServiceMonitor": _MONITOR,
    "HorizontalPodAutoscaler": _SCALER,
    "ScaledObject": _SCALER,
    "VariantAutoscaling": _SCALER,
    "PodDisruptionBudget": _map(selector=_SELECTOR),
    "PersistentVolumeClaim": _map(resources=_map(requests=AMOUNTS), accessModes=_list_of(TEXT)),
    "ResourceClaimTemplate": _map(spec=_map(devices=_DEVICES)),
    "ResourceClaim": _map(devices=_DEVICES),
    "LeaderWorkerSet": _GROUPS_OF_PODS,
    "DisaggregatedSet": _map(
        slices=NUMBER,
        roles=_list_of(_one(_map(name=TEXT, metadata=METADATA, scaling=_map(mode=TEXT), spec=_GROUPS_OF_PODS))),
    ),
    "CronJob": _map(jobTemplate=_map(spec=_map(template=_PODS))),
    "Node": _map(taints=_list_of(_one(TEXTS))),
    "Pod": _map(nodeName=TEXT, containers=_CONTAINERS),
    "ResourceQuota": _map(hard=AMOUNTS),
    "ResourceSlice": _map(driver=TEXT, nodeName=TEXT, devices=_list_of(ANY)),
    "DeviceClass": _map(selectors=_list_of(_one(_map(cel=_map(expression=TEXT))))),
    "CustomResourceDefinition": _map(versions=_list_of(_one(_map(name=TEXT)))),
}
_CLAIM = _map(resources=_map(requests=AMOUNTS))
_WORKLOAD = _map(
    replicas=NUMBER,
    selector=_SELECTOR,
    template=_PODS,
    volumeClaimTemplates=_list_of(_one(_map(metadata=METADATA, spec=_CLAIM))),
)

_FIELDS: Mapping[str, Schema] = {
    "ConfigMap": {"data": TEXTS},
    "Secret": {"data": _map_of(ANY), "stringData": _map_of(ANY)},
    "Node": {"status": _map(allocatable=AMOUNTS, capacity=AMOUNTS)},
    "Pod": {"status": _map(phase=TEXT)},
    "ResourceQuota": {"status": _map(used=AMOUNTS)},
}
"""Fields beside ``spec``."""

POOL_VALUES = _map(
    router=_map(
        modelServers=_map(matchLabels=_map_of(AMOUNT)), epp=_map(image=_map(), pluginsCustomConfig=_map_of(TEXT))
    ),
    inferencePool=_map(apiVersion=TEXT, modelServers=_map(matchLabels=_map_of(AMOUNT))),
    inferenceExtension=_map(image=_map(), pluginsCustomConfig=_map_of(TEXT), endpointsServer=_map()),
)
"""Values of the charts that make a pool."""

_PLUGIN_REFERENCE = _map(pluginRef=TEXT)
_WEIGHT: Schema = {"type": ["number", "null"]}
_PLUGIN_REFERENCES = _list_of(_one(_PLUGIN_REFERENCE))
_BAND = _map(fairnessPolicyRef=TEXT, orderingPolicyRef=TEXT)
PICKER_CONFIG = _map(
    apiVersion=TEXT,
    featureGates=_list_of({"type": "string"}),
    plugins=_list_of(_one(_map(name=TEXT, type=TEXT, parameters=_map(deciders=TEXTS)))),
    schedulingProfiles=_list_of(_one(_map(name=TEXT, plugins=_list_of(_one(_map(pluginRef=TEXT, weight=_WEIGHT)))))),
    requestHandler=_map(parsers=_PLUGIN_REFERENCES),
    flowControl=_map(
        saturationDetector=_PLUGIN_REFERENCE,
        usageLimitPolicyPluginRef=TEXT,
        defaultPriorityBand=_BAND,
        defaultNegativePriorityBand=_BAND,
        priorityBands=_list_of(_one(_BAND)),
    ),
    dataLayer=_map(
        crossReplicaSyncerPluginRef=TEXT,
        discovery=_PLUGIN_REFERENCE,
        sources=_list_of(_one(_map(pluginRef=TEXT, extractors=_PLUGIN_REFERENCES))),
    ),
)
"""The endpoint picker's configuration."""

_WORDS = {"object": "a map", "array": "a list", "string": "text", "integer": "a whole number", "number": "a number"}


def problem(schema: Schema, value: Any) -> str | None:
    """What has not the form, as ``spec.rules[0]: it is 7, not a map``; None when all has."""
    key = _other_key(value)
    if key is not None:
        return f"{key}: its key {key.rpartition('.')[2]} is not text"
    for error in jsonschema_rs.Draft7Validator(schema).iter_errors(value):
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path)
        types = getattr(error.kind, "types", None) or []
        wanted = " or ".join(_WORDS[name] for name in types if name in _WORDS)
        return f"{path.lstrip('.')}: it is {_shown(error.instance)}, not {wanted}"
    return None


def _other_key(value: Any, path: str = "") -> str | None:
    """Path of a key that is a number, a truth value or nothing, which Kubernetes does not have."""
    for name, below in (
        value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    ):
        here = f"{path}[{name}]" if isinstance(value, list) else f"{path}.{name}".lstrip(".")
        if isinstance(value, Mapping) and not isinstance(name, str):
            return here
        found = _other_key(below, here)
        if found is not None:
            return found
    return None


_GROUPS = (
    "", "admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "apps",
    "authentication.k8s.io", "authorization.k8s.io", "autoscaling", "batch", "certificates.k8s.io",
    "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io", "flowcontrol.apiserver.k8s.io", "networking.k8s.io",
    "node.k8s.io", "policy", "rbac.authorization.k8s.io", "resource.k8s.io", "scheduling.k8s.io", "storage.k8s.io",
)  # fmt: skip
"""Groups of Kubernetes' own API (https://kubernetes.io/docs/reference/using-api/#api-groups)."""
_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job")


def is_built_in(obj: Mapping[str, Any]) -> bool:
    """Whether every cluster knows the API of an object."""
    version = obj.get("apiVersion")
    return isinstance(version, str) and bool(version) and version.rpartition("/")[0] in _GROUPS


def is_known(obj: Mapping[str, Any]) -> bool:
    """Whether the form of an object's kind is known; of any other kind it cannot be said what is wrong."""
    stated = bool(obj.get("apiVersion"))
    return is_built_in(obj) or obj.get("kind") in _SPECS or (not stated and obj.get("kind") in _WORKLOADS)


def object_problem(obj: Mapping[str, Any]) -> str | None:
    """What keeps an object from being read; None when nothing does."""
    kind = str(obj.get("kind"))
    name = (obj.get("metadata") or {}).get("name") if isinstance(obj.get("metadata"), Mapping) else None
    if not isinstance(name, str):
        return f"metadata.name: it is {_shown(name)}, not text"
    return problem(_schema(kind), obj) or _without_content(obj.get("spec"))


def readable(objects: Sequence[Mapping[str, Any]], file: str) -> Sequence[Mapping[str, Any]]:
    """Objects whose form can be read.

    Raises:
        ModelserviceError: one cannot be read.
    """
    for obj in objects:
        found = object_problem(obj)
        if found:
            metadata = obj.get("metadata")
            name = metadata.get("name") if isinstance(metadata, Mapping) else None
            raise ModelserviceError(found, file=file, key=f"{obj.get('kind')}/{name or ''}")
    return objects


def pods_problem(spec: Any, metadata: Any) -> str | None:
    """What keeps pods of a workload from being read; None when nothing does."""
    if not isinstance(spec, Mapping) or not spec.get("containers"):
        return "spec.containers: it is nothing, and a pod has at least one"
    found = problem(_map(metadata=METADATA), {"metadata": metadata})
    if found:
        return found
    found = pod_problem(spec)
    return f"spec{found}" if found else _without_content(spec)


@functools.cache
def _schema(kind: str) -> Schema:
    fields = {"apiVersion": TEXT, "kind": {"type": "string"}, "metadata": METADATA}
    return _map(**fields, spec=_SPECS.get(kind, _WORKLOAD), **_FIELDS.get(kind, {}))


def _without_content(spec: Any) -> str | None:
    empty = _empty_item(spec, "spec")
    return f"{empty}: a list item without content" if empty else None


def _empty_item(value: Any, path: str) -> str | None:
    entries = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, below in entries:
        where = f"{path}[{key}]" if isinstance(value, list) else f"{path}.{key}"
        found = where if below is None and isinstance(value, list) else _empty_item(below, where)
        if found:
            return found
    return None


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a map"
    return "a list" if isinstance(value, list) else repr(value)
