"""Every field that a workload can have, one at a time: an import keeps it, reports it, or refuses it in words.

The fields are those of Kubernetes' own schemas and of LeaderWorkerSet's definition, of the oldest version that the chart
supports, whose fields every render may have.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelservice.errors import ModelserviceError
from modelservice.importers import import_files
from modelservice.importers.imported import Imported
from support.equivalence import installed
from support.kubernetes_schemas import SUPPORTED_VERSIONS, custom_schemas, kubernetes_schema

Schema = dict[str, Any]

KINDS = {"Deployment": "apps/v1", "StatefulSet": "apps/v1", "LeaderWorkerSet": "leaderworkerset.x-k8s.io/v1"}

_POD = {
    "Deployment": "spec.template.spec",
    "StatefulSet": "spec.template.spec",
    "LeaderWorkerSet": "spec.leaderWorkerTemplate.workerTemplate.spec",
}

OF_A_SERVER = {
    "metadata.creationTimestamp", "metadata.deletionGracePeriodSeconds", "metadata.deletionTimestamp",
    "metadata.finalizers", "metadata.generateName", "metadata.generation", "metadata.managedFields",
    "metadata.ownerReferences", "metadata.resourceVersion", "metadata.selfLink", "metadata.uid", "status",
}  # fmt: skip
"""Fields that a server or another controller writes."""

OTHERWISE = {
    "apiVersion": "the chart's",
    "kind": "the chart's",
    "metadata.name": "fullnameOverride",
    "metadata.namespace": "the release's",
    "spec.selector": "the chart's own",
    "serviceAccount": "serviceAccountName, which took its place",
    "ephemeralContainers": "no template can have them",
    "schedulingGroup": "of pods that a workload makes",
}
"""Fields of the object, and of its pods, that mean the same in another place."""


@cache
def schema(kind: str) -> Schema:
    """The schema of a kind, with its definitions."""
    if KINDS[kind] == "apps/v1":
        found = kubernetes_schema(SUPPORTED_VERSIONS[0], "apps/v1", kind)
    else:
        found = next(item for version, name, item in custom_schemas() if (version, name) == (KINDS[kind], kind))
    assert found is not None
    return found


def resolved(node: Schema, root: Schema) -> Schema:
    while "$ref" in node:
        target: Any = root
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def below(kind: str, path: str) -> tuple[Schema, Schema]:
    """The schema of the field at a path, ``[]`` being any item, and that of the kind."""
    root = schema(kind)
    node = resolved(root, root)
    for part in path.replace("[]", ".[]").split("."):
        node = resolved(node["items"] if part == "[]" else node["properties"][part], root)
    return node, root


def sample(node: Schema, root: Schema, name: str) -> Any:
    """A value of a schema: the required fields, and the first one where none is."""
    node = resolved(node, root)
    if "enum" in node:
        return [item for item in node["enum"] if item][-1]
    types = node.get("type", "object")
    kind = next(item for item in ([types] if isinstance(types, str) else types) if item != "null")
    if kind == "boolean":
        return True
    if kind == "integer":
        return 7
    if kind == "string":
        return SPECIAL.get(name, f"x-{name.lower()}")
    if kind == "array":
        return [sample(node["items"], root, name)]
    if kind == "number":
        return 7
    properties = node.get("properties", {})
    if not properties:
        return {"x-key": SPECIAL.get(name, "x-value")}
    wanted = node.get("required") or [next(iter(properties))]
    return {key: sample(properties[key], root, key) for key in wanted}


SPECIAL = {
    "imagePullPolicy": "Never", "terminationMessagePolicy": "FallbackToLogsOnError", "dnsPolicy": "Default",
    "preemptionPolicy": "Never", "restartPolicy": "None", "path": "/x", "mountPath": "/x", "devicePath": "/dev/x",
    "workingDir": "/x", "ip": "10.0.0.9", "serviceAccountName": "x-account", "protocol": "TCP", "storage": "1Gi",
    "whenUnsatisfiable": "DoNotSchedule", "podManagementPolicy": "Parallel", "limits": "1", "requests": "1",
}  # fmt: skip
"""Texts that have to have a form."""

BY_HAND: dict[str, Any] = {
    "resourceClaims": [{"name": "x", "resourceClaimTemplateName": "t"}],
    "resources": {"limits": {"cpu": "3"}},
    "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 7, "podAffinityTerm": {"topologyKey": "zone"}}]}},
    "envFrom": [{"configMapRef": {"name": "x"}}],
    "env": [{"name": "X_VARIABLE", "value": "x"}],
    "volumeMounts": [{"name": "x", "mountPath": "/x-mount"}],
    "volumeDevices": [{"name": "x", "devicePath": "/dev/x"}],
    "volumes": [{"name": "x-volume", "emptyDir": {"sizeLimit": "1Gi"}}],
    "volumeClaimTemplates": [{"metadata": {"name": "x"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}],
    "args": ["--seed", "7"],
    "enableServiceLinks": False,
    "ports": [{"name": "extra", "containerPort": 9999}],
    "lifecycle": {"preStop": {"sleep": {"seconds": 7}}},
    "strategy": {"type": "Recreate"},
    "updateStrategy": {"type": "OnDelete"},
    "rolloutStrategy": {"type": "RollingUpdate", "rollingUpdateConfiguration": {"maxUnavailable": 7}},
    "os": {"name": "linux"},
    "dnsConfig": {"nameservers": ["10.0.0.9"]},
    "hostAliases": [{"ip": "10.0.0.9", "hostnames": ["x-host"]}],
    "initContainers": [{"name": "x-init", "image": "i:1"}],
    "containers": [{"name": "x-side", "image": "i:1"}],
    "networkConfig": {"subdomainPolicy": "UniquePerReplica"},
    "startupPolicy": "LeaderReady",
    "subGroupPolicy": {"subGroupSize": 1},
    "securityContext": {"runAsUser": 7},
    "topologySpreadConstraints": [{"maxSkew": 7, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {"matchLabels": {"app": "m"}}}],
    "readinessProbe": {"tcpSocket": {"port": 8000}}, "livenessProbe": {"tcpSocket": {"port": 8000}}, "startupProbe": {"tcpSocket": {"port": 8000}},
    "ordinals": {"start": 7},
    "overhead": {"cpu": "7m"},
    "tolerations": [{"key": "x-taint", "operator": "Exists"}],
    "restartPolicyRules": [{"action": "Restart", "exitCodes": {"operator": "In", "values": [7]}}],
    "size": 2,
    "command": ["vllm", "serve", "o/m", "--enforce-eager"],
    "image": "vllm/vllm-openai:v0.27.0",
    "name": "x-name",
    "labels": {"x-label": "x"},
}  # fmt: skip
"""Values that have to fit to others."""

LEVELS = {
    "Deployment": ("metadata", "spec"),
    "StatefulSet": ("spec",),
    "LeaderWorkerSet": ("spec", "spec.leaderWorkerTemplate"),
}


def fields() -> Iterator[tuple[str, str]]:
    """Each kind with the path of a field: of the object, and once of pods, containers and init containers."""
    for kind, levels in LEVELS.items():
        for level in levels:
            for name in below(kind, level)[0]["properties"]:
                yield kind, f"{level}.{name}"
    for place in (_POD["Deployment"], f"{_POD['Deployment']}.containers[]", f"{_POD['Deployment']}.initContainers[]"):
        for name in below("Deployment", place)[0]["properties"]:
            yield "Deployment", f"{place}.{name}"
    for place in (f"{_POD['LeaderWorkerSet']}", f"{_POD['LeaderWorkerSet']}.containers[]"):
        for name in below("LeaderWorkerSet", place)[0]["properties"]:
            yield "LeaderWorkerSet", f"{place}.{name}"


def document(kind: str) -> dict[str, Any]:
    """A workload of vLLM."""
    labels = {"app": "m"}
    engine = {"name": "engine", "image": "vllm/vllm-openai:v0.28.0", "command": ["vllm", "serve", "o/m"]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [engine]}}
    spec: dict[str, Any] = {"selector": {"matchLabels": labels}, "template": template}
    if kind == "LeaderWorkerSet":
        spec = {"leaderWorkerTemplate": {"size": 1, "workerTemplate": template}}
    if kind == "StatefulSet":
        spec["serviceName"] = "m"
    return {"apiVersion": KINDS[kind], "kind": kind, "metadata": {"name": "m"}, "spec": spec}


def set_at(obj: Any, path: list[str], value: Any) -> None:
    """Set a field; items are added to a list that has some."""
    *parents, last = path
    for part in parents:
        obj = (
            obj[0]
            if part == "[]"
            else obj.setdefault(part, [{"name": "x", "image": "i:1"}] if part == "initContainers" else {})
        )
    obj[last] = (
        [*obj[last], *value]
        if isinstance(value, list) and isinstance(obj.get(last), list) and last == "containers"
        else value
    )


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "path"), list(fields()))
def test_a_field_is_kept_reported_or_refused(kind: str, path: str, tmp_path: Path) -> None:
    name = path.rpartition(".")[2]
    in_pod = path.startswith(_POD[kind] + ".")
    if path in OF_A_SERVER or path in OTHERWISE or (in_pod and name in OTHERWISE):
        pytest.skip("it has no meaning in a release")
    node, root = below(kind, path)
    value = BY_HAND[name] if name in BY_HAND else sample(node, root, name)
    source = document(kind)
    set_at(source, path.replace("[]", ".[]").split("."), value)
    file = tmp_path / "source.yaml"
    file.write_text(yaml.safe_dump(source))
    found = imported(file)
    if isinstance(found, ModelserviceError):
        assert all(problem.message and (problem.file or problem.key) for problem in found.problems)
        return
    workload = installed(found.values).workload()
    shown = json.dumps(workload)
    leaves = [json.dumps(leaf)[:60] for leaf in scalars(value)]
    kept = f'"{name}"' in shown and all(leaf in shown or f'"{leaf}"' in shown for leaf in leaves)
    reported = any(name in note.path for note in found.notes if note.outcome != "kept")
    assert kept or reported, f"{path}: {value}"


def imported(file: Path) -> Imported | ModelserviceError:
    """The import of a file, or the refusal."""
    try:
        return import_files("manifests", [str(file)])[0]
    except ModelserviceError as refused:
        return refused


def scalars(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for item in value.values():
            yield from scalars(item)
    elif isinstance(value, list):
        for item in value:
            yield from scalars(item)
    else:
        yield value
