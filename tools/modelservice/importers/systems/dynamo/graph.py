"""The components of a DynamoGraphDeployment in one form, that of v1beta1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelservice import facts
from modelservice.importers.source.documents import Document, Path, dotted
from modelservice.importers.workload import Pod
from modelservice.kubernetes import merge

Values = dict[str, Any]


def is_graph(document: Document) -> bool:
    """Return whether a document is a graph of Dynamo."""
    known = facts.dynamo()
    return (document.group, document.kind) == (known.group, known.kind)


def why_not(document: Document) -> str:
    """Return why another object of Dynamo is no deployment; empty for objects that are not Dynamo's."""
    known = facts.dynamo()
    if document.group != known.group or not document.kind.startswith("Dynamo") or is_graph(document):
        return ""
    return f"{document.title} says no pods of a whole model; import the {known.kind} that it belongs to"


def is_beta(document: Document) -> bool:
    """Return whether a graph lists its components; the older version has them by name."""
    return not str(document.data.get("apiVersion")).endswith("/v1alpha1")


@dataclass
class Component:
    """One component of a graph.

    Args:
        name: its name in the graph.
        path: its path in the document.
        at: path of its pod, for notes.
        data: its fields but for the pod.
        pod: pod spec of its own; the container that the operator completes has its name.
        metadata: labels and annotations of the pods.
    """

    name: str
    path: Path
    at: str
    data: Mapping[str, Any]
    pod: Pod
    metadata: Mapping[str, Any]

    @property
    def place(self) -> str:
        """Path for notes."""
        return dotted(self.path)

    @property
    def main(self) -> Values:
        """The container that the operator completes; an empty one where there is none."""
        name = facts.dynamo().container
        found: Values = next((item for item in self.pod.get("containers", []) if item.get("name") == name), {})
        return found

    @property
    def nodes(self) -> int:
        """Pods of one replica."""
        multinode = self.data.get("multinode")
        return int(multinode.get("nodeCount", 2)) if multinode is not None else 1


def components(spec: Mapping[str, Any], beta: bool) -> list[Component]:
    """Return the components of a graph's spec, of the declared types."""
    if beta:
        return [_listed(index, item) for index, item in enumerate(spec.get("components", []))]
    return [_named(name, item, spec) for name, item in spec.get("services", {}).items()]


def _listed(index: int, data: Mapping[str, Any]) -> Component:
    path: Path = ("spec", "components", index)
    template = data.get("podTemplate", {})
    metadata, pod = template.get("metadata", {}), dict(template.get("spec", {}))
    name = str(data.get("name", index))
    return Component(name, path, f"{dotted(path)}.podTemplate.spec", data, pod, metadata)


def _named(name: str, data: Mapping[str, Any], spec: Mapping[str, Any]) -> Component:
    """Return a component of v1alpha1, as the operator's conversion makes it."""
    path: Path = ("spec", "services", name)
    extra = dict(data.get("extraPodSpec", {}))
    container = {**extra.pop("mainContainer", {}), "name": facts.dynamo().container}
    _complete(container, data)
    more = data.get("extraPodMetadata", {})
    metadata = {key: {**data.get(key, {}), **more.get(key, {})} for key in ("labels", "annotations")}
    own: Values = {
        "type": data.get("subComponentType") or data.get("componentType", ""),
        "replicas": data.get("replicas"),
        "multinode": data.get("multinode"),
        "sharedMemorySize": _shared_memory_size(data.get("sharedMemory", {})),
    }
    pod: Pod = {**extra, "containers": [container, *extra.get("containers", [])]}
    _mount_claims(own, pod, container, data)
    known = {key: value for key, value in own.items() if value is not None}
    return Component(name, path, f"{dotted(path)}.extraPodSpec", known, pod, metadata)


def _complete(container: Values, data: Mapping[str, Any]) -> None:
    """Set what the component states beside its container."""
    resources = _resources(data.get("resources", {}))
    if resources:
        container["resources"] = merge.helm(container.get("resources", {}), resources)
    own = container.get("env", [])
    names = {item["name"] for item in own}
    env = [*(item for item in data.get("envs", []) if item["name"] not in names), *own]
    if env:
        container["env"] = env
    if data.get("envFromSecret"):
        reference = {"secretRef": {"name": data["envFromSecret"]}}
        container["envFrom"] = [*container.get("envFrom", []), reference]
    for kind in ("livenessProbe", "readinessProbe"):
        if data.get(kind):
            container[kind] = data[kind]


def _resources(given: Mapping[str, Any]) -> Values:
    """Return resources as Kubernetes has them."""
    found: Values = {}
    for part in ("requests", "limits"):
        item = given.get(part, {})
        values = {key: item[key] for key in ("cpu", "memory") if item.get(key)}
        if item.get("gpu"):
            values[item.get("gpuType") or "nvidia.com/gpu"] = item["gpu"]
        values |= item.get("custom", {})
        if values:
            found[part] = values
    if given.get("claims"):
        found["claims"] = given["claims"]
    return found


def _shared_memory_size(given: Mapping[str, Any]) -> Any:
    return "0" if given.get("disabled") else given.get("size")


def _mount_claims(own: Values, pod: Pod, container: Values, data: Mapping[str, Any]) -> None:
    """Mount the claims that a component names; one may be its compilation cache."""
    for mount in data.get("volumeMounts", []):
        claim = mount.get("name", "")
        if mount.get("useAsCompilationCache"):
            own["compilationCache"] = {"pvcName": claim, "mountPath": mount.get("mountPoint", "")}
        elif claim and mount.get("mountPoint"):
            mount_claim(pod, container, claim, mount["mountPoint"])


def mount_claim(pod: Pod, container: Values, claim: str, path: str) -> None:
    """Mount a claim into a container, as a volume of its name."""
    volume = {"name": claim, "persistentVolumeClaim": {"claimName": claim}}
    if volume not in pod.get("volumes", []):
        pod["volumes"] = [*pod.get("volumes", []), volume]
    container["volumeMounts"] = [*container.get("volumeMounts", []), {"name": claim, "mountPath": path}]
