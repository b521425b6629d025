"""The table of values keys by object field, held to what rendering shows: changing a key changes the field."""

import copy
import functools
import json
from typing import Any

import jsonschema_rs

from modelservice.errors import ModelserviceError
from modelservice.explain.address import MISSING, at
from modelservice.explain.alternatives import alternatives
from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import read_values
from modelservice.model.deployment import Deployment, overlaid
from modelservice.model.pods import PodGroup
from modelservice.model.provenance import FIELDS, keys_of, written
from modelservice.paths import chart_dir
from modelservice.sources import Layer, Path, Sources, split

Values = dict[str, Any]

BASE: Values = {
    "modelArtifacts": {"name": "org/model", "uri": "hf://org/model", "size": "10Gi", "labels": {"team": "a"}},
    "engine": {"image": "vllm/vllm-openai:v0.32.0", "modelCommand": "vllmServe"},
    "routing": {
        "proxy": {"image": "ghcr.io/llm-d/llm-d-router-disagg-sidecar:v0.10.0", "targetPort": 8200},
        "inferencePool": {"create": True},
        "httpRoute": {"create": True},
        "parentRefs": [{"name": "gateway"}],
        "epp": {"create": True, "image": "ghcr.io/llm-d/llm-d-router-endpoint-picker:v0.10.0"},
    },
    "decode": {
        "replicas": 2,
        "monitoring": {"podmonitor": {"enabled": True}},
        "podDisruptionBudget": {"enabled": True, "minAvailable": 1},
        "service": {"create": True},
    },
    "prefill": {"create": False},
}
"""A release with the objects that the table names."""
MOUNT = {"name": "data", "mountPath": "/data"}
VARIABLE = {"name": "NAME", "value": "value"}
WRITTEN: Values = {
    "engine": {"args": {"max-model-len": 4096}, "env": {"NAME": "value"}, "volumeMounts": [MOUNT]},
    "routing": {"proxy": {"args": ["--tracing=true"]}},
    "decode": {
        "podLabels": {"team": "a"},
        "podAnnotations": {"team": "a"},
        "volumes": [{"name": "data", "emptyDir": {}}],
        "resourceClaims": [{"name": "mine", "resourceClaimTemplateName": "mine"}],
        "acceleratorTypes": {"labelKey": "nvidia.com/gpu.product", "labelValues": ["H100"]},
        "tolerations": [{"key": "gpu"}],
    },
}
"""What a user writes in sections."""
LISTED: Values = {
    "decode": {
        "containers": [
            {"name": "vllm", "modelCommand": "vllmServe", "args": ["--max-model-len", "4096"], "env": [VARIABLE],
             "volumeMounts": [MOUNT]},
            {"name": "log", "image": "fluent/fluent-bit:4.0", "args": ["--verbose"], "env": [VARIABLE],
             "volumeMounts": [MOUNT]},
        ],
        "initContainers": [{"name": "setup", "image": "busybox:1.37", "env": [VARIABLE]}],
        "extraConfig": {"volumes": [{"name": "data", "emptyDir": {}}]},
    }
}  # fmt: skip
"""What a user writes in lists of containers."""
GROUP: Values = {"multinode": True, "decode": {"parallelism": {"workers": 2, "dataLocal": 2}}}
PODS: Values = {"multinode": True, "decode": {"parallelism": {"workers": 2}}}
SPANNING: Values = {"multinode": True, "decode": {"parallelism": {"workers": 2, "tensor": 8, "pipeline": 2}}}
PORTS: Values = {"multinode": True, "decode": {"parallelism": {"dataLocal": 2, "dataMode": "multiPort"}}}
SIZES: Values = {"decode": {"parallelism": {"tensor": 2, "pipeline": 2, "dataLocal": 2, "expert": True}}}
TYPED: Values = {"engine": {"type": "vllm"}, "decode": {"probes": {"enabled": True}, "drain": {"enabled": True}}}
SHARED: Values = {"decode": {"sharedMemory": {"enabled": True, "sizeLimit": "1Gi"}}}
CUSTOM: Values = {
    "decode": {"containers": [{"name": "vllm", "modelCommand": "custom", "image": "vllm/vllm-openai:v0.32.0",
               "command": ["vllm", "serve", "org/model", "--max-model-len", "4096"]}]}
}  # fmt: skip
CUSTOM_ROLE: Values = {
    "decode": {"engine": {"modelCommand": "custom", "command": ["vllm", "serve", "m", "--max-model-len", "4096"]}}
}
CUSTOM_BOTH: Values = {"engine": CUSTOM_ROLE["decode"]["engine"]}
DRA: Values = {"accelerator": {"dra": True}}
STATEFUL: Values = {
    "decode": {"workload": "StatefulSet", "volumeClaimTemplates": [
        {"name": name, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "9Gi"}}}}
        for name in ("data", "model-storage")
    ]}
}  # fmt: skip
SCALED: Values = {
    "decode": {"replicas": None, "autoscaling": {"enabled": True, "type": "hpa", "minReplicas": 2, "maxReplicas": 3,
               "targetActiveRequests": 9}}
}  # fmt: skip
LORA: Values = {"modelArtifacts": {"adapters": [{"name": "a", "uri": "pvc://claim/a"}], "lora": {"maxRank": 8}}}
SECRETS: Values = {"modelArtifacts": {"authSecretName": "hf"}, "auth": {"apiKeySecret": {"name": "key"}}}
TRACED: Values = {"tracing": {"enabled": True}}
WATCHED: Values = {
    "decode": {"monitoring": {"podmonitor": {"enabled": False}, "servicemonitor": {"enabled": True}}},
    "monitoring": {"prometheusrule": {"enabled": True}},
    "routing": {"inferenceObjective": {"create": True}},
}
FILES: Values = {
    "routing": {
        "epp": {"pluginsConfigFile": "mine.yaml", "pluginsCustomConfig": {"mine.yaml": "kind: EndpointPickerConfig\n"}}
    }
}
PLAIN: Values = {"routing": {"proxy": {"enabled": False}}}
RELEASE_SERVICE: Values = {"service": {"enabled": True}, "decode": {"service": {"create": False}}}
OLD: Values = {"routing": {"proxy": {"image": "ghcr.io/llm-d/llm-d-routing-sidecar:v0.6.0", "prefillerUseTLS": True}}}

VARIANTS: list[Values] = [
    {}, WRITTEN, LISTED, CUSTOM_ROLE, CUSTOM_BOTH, SIZES, GROUP, PODS, SPANNING, PORTS, TYPED, SHARED, CUSTOM, DRA, STATEFUL, SCALED, LORA, SECRETS,
    TRACED, WATCHED, FILES, OLD, PLAIN, RELEASE_SERVICE,
]  # fmt: skip

FIELD = {
    "engine.*": "workingDir", "engine.args[*]": "args[--max-model-len]", "engine.env[*]": "env[NAME]",
    "engine.volumeMounts[*]": "volumeMounts[/data]", "proxy.*": "imagePullPolicy", "proxy.args[*]": "args[--tracing]",
    "container.*": "workingDir", "container.args[*]": "args[--verbose]", "container.env[*]": "env[NAME]",
    "container.volumeMounts[*]": "volumeMounts[/data]", "init.*": "workingDir", "init.env[*]": "env[NAME]",
    "pod.spec.*": "spec.priorityClassName", "pod.spec.resourceClaims[*]": "spec.resourceClaims[mine]",
    "pod.spec.volumes[*]": "spec.volumes[data]", "pod.metadata.labels[*]": "metadata.labels[team]",
    "pod.metadata.annotations[*]": "metadata.annotations[team]", "workload.spec.*": "spec.strategy",
    "workload.spec.volumeClaimTemplates[*]": "spec.volumeClaimTemplates[data]", "picker.config[*]": "config[mine.yaml]",
}  # fmt: skip
"""The field by which an entry for any item or field is tried."""


def path_of(entry: str) -> tuple[str, str]:
    """What an entry's field belongs to, and the path of the field."""
    owner, _, path = entry.partition(".")
    return owner, FIELD.get(entry, path)


def keys(entry: str) -> tuple[str, ...]:
    """The entry's own candidate keys."""
    owner, path = path_of(entry)
    found = keys_of(owner, path, role="decode", position="1", container="setup")
    return tuple(dict.fromkeys(found[-len(FIELDS[entry]) :] if FIELDS[entry] else ()))


def field(deployment: Deployment, owner: str, path: str) -> Any:
    """What is at a field of the decode pods, leaders and workers alike, or of an object."""
    if owner in ("engine", "proxy", "container", "init", "pod", "workload"):
        return [field_of(group, owner, path) for group in deployment.role("decode")]
    if owner == "picker":
        return field_of_picker(deployment, path)
    objects = deployment.kind(owner)
    return at(objects[0], path) if objects else MISSING


def field_of(group: PodGroup, owner: str, path: str) -> Any:
    """What is at a field of pods."""
    if owner == "workload":
        return at(group.workload, path.partition("[")[0])
    if owner == "pod":
        return at({"spec": group.spec, "metadata": group.metadata}, path)
    known = {"engine": group.engine, "proxy": group.proxy}
    known |= {item.owner: item for item in group.all_containers if item.name in ("log", "setup")}
    container = known.get(owner)
    if container is None:
        return MISSING
    if path == "args[--model]":
        return container.program.model
    if path.startswith("args[--"):
        return [option.values for option in container.program.all(path[7:-1])]
    return at(container.fields, path)


def field_of_picker(deployment: Deployment, path: str) -> Any:
    """What is at a field of the release's endpoint picker."""
    picker = deployment.pools[0].picker
    if path.startswith("config"):
        return picker.configs if picker else MISSING
    names = [obj for obj in deployment.kind("Deployment") if obj["metadata"]["name"].endswith("-epp")]
    spec = names[0]["spec"]["template"]["spec"]
    return at(spec["containers"][0], path) if path else spec


def with_value(values: Values, path: Path, other: Any) -> Values:
    """Values with another one under a path; a list item that becomes nothing goes."""
    changed = copy.deepcopy(values)
    node: Any = changed
    for part in path[:-1]:
        node = node[part] if isinstance(node, list) else node.setdefault(part, {})
    if isinstance(node, list) and other is None:
        del node[path[-1]]
    else:
        node[path[-1]] = other
    return changed


@functools.cache
def schema() -> Any:
    return json.loads((chart_dir() / "values.schema.json").read_text(encoding="utf-8"))


@functools.cache
def validator() -> jsonschema_rs.Draft7Validator:
    return jsonschema_rs.Draft7Validator(schema())


@functools.cache
def defaults() -> Values:
    return read_values(str(chart_dir() / "values.yaml"))


def deployed(embedded: EmbeddedHelm, values: Values) -> Deployment | None:
    """What values deploy; None where they are rejected."""
    try:
        rendered = embedded.render(values, Release("x"))
    except ModelserviceError:
        return None
    return Deployment("x", rendered.objects, "default", Sources([Layer("values.yaml", values, None)]))


def located(values: Values, key: str) -> Path | None:
    """The path of a key whose items are among the values; None without them."""
    above, selector, rest = key.partition("[?")
    if selector:
        name, _, below = rest.partition("]")
        found = written(Sources([], values), f"{above}[?{name}]")
        return split(values, f"{found}{below}") if found else None
    path = split(values, key)
    node: Any = values
    for part in path:
        if isinstance(part, int) and not (isinstance(node, list) and part < len(node)):
            return None
        node = node[part] if isinstance(node, list) else node.get(part) if isinstance(node, dict) else None
    return path


def changes(embedded: EmbeddedHelm, values: Values, entry: str, key: str) -> bool:
    """Whether another value under a key changes the entry's field."""
    owner, path = path_of(entry)
    where = located(values, key)
    if where is None:
        return False
    before = deployed(embedded, values)
    assert before is not None, values
    current: Any = overlaid(defaults(), values)
    for part in where:
        items = current if isinstance(current, dict) else dict(enumerate(current)) if isinstance(current, list) else {}
        current = items.get(part, MISSING)

    def valid(other: Any) -> bool:
        return validator().is_valid(overlaid(defaults(), with_value(values, where, other)))

    line = [*path.split("."), "image", "name", "mountPath"]
    for other in alternatives(current, where, schema(), line, valid):
        after = deployed(embedded, with_value(values, where, other))
        if after is not None and field(before, owner, path) != field(after, owner, path):
            return True
    return False
