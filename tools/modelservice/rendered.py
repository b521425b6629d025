"""What a chart renders to: objects in Helm's order, and their YAML."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from modelservice.errors import ModelserviceError
from modelservice.inputs import FastLoader

INSTALL_ORDER = (
    "PriorityClass", "Namespace", "NetworkPolicy", "ResourceQuota", "LimitRange", "PodDisruptionBudget",
    "ServiceAccount", "Secret", "ConfigMap", "StorageClass", "PersistentVolume", "PersistentVolumeClaim",
    "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Service", "DaemonSet",
    "Pod", "ReplicationController", "ReplicaSet", "Deployment", "HorizontalPodAutoscaler", "StatefulSet", "Job",
    "CronJob", "IngressClass", "Ingress", "APIService",
)  # fmt: skip
"""Kinds in the order Helm installs them; others follow, by name
(https://helm.sh/docs/intro/using_helm/#helm-install-installing-a-package)."""


class _UniqueKeys(FastLoader):  # type: ignore[misc]
    """A loader that rejects a mapping with a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise ModelserviceError(
                    f"the rendered object has the key {key} twice (line {node.start_mark.line + 1})"
                )
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


@dataclass(frozen=True)
class Rendered:
    """What a chart renders to: text by template path."""

    templates: Mapping[str, str]

    @property
    def notes(self) -> str:
        """NOTES.txt; empty where the renderer does not give it."""
        return next((text for path, text in self.templates.items() if path.endswith("/NOTES.txt")), "").strip()

    @functools.cached_property
    def _sources(self) -> list[tuple[str, dict[str, Any]]]:
        found = [(path, obj) for path in self.templates for obj in self.objects_of(path)]
        rank = {kind: index for index, kind in enumerate(INSTALL_ORDER)}
        return sorted(found, key=lambda item: (rank.get(_kind(item[1]), len(rank)), _kind(item[1]), _name(item[1])))

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The objects in the order Helm installs them."""
        return [obj for _, obj in self._sources]

    def objects_of(self, template: str) -> list[dict[str, Any]]:
        """Return the objects that one template printed, in its order."""
        return [] if template.endswith("NOTES.txt") else _parsed(template, self.templates.get(template, ""))

    def template_of(self, obj: Mapping[str, Any]) -> str:
        """Return the path of the template that printed an object.

        Raises:
            KeyError: the object is not from this render.
        """
        for path, other in self._sources:
            if other is obj:
                return path
        raise KeyError(_name(obj))

    @property
    def manifests(self) -> str:
        """The objects as one stream of YAML, each with the template it comes from."""
        return "".join(f"---\n# Source: {path}\n{dump(obj)}" for path, obj in self._sources)


def _parsed(path: str, text: str) -> list[dict[str, Any]]:
    """Return the objects in the text that a template rendered to.

    Raises:
        ModelserviceError: the text is not YAML, or not Kubernetes objects.
    """
    try:
        documents = [document for document in yaml.load_all(text, Loader=_UniqueKeys) if document]
    except yaml.YAMLError as error:
        place = " ".join(str(error).split())
        raise ModelserviceError(f"the template renders to invalid YAML: {place}", file=path) from None
    for document in documents:
        if not isinstance(document, dict) or not isinstance(document.get("metadata", {}), dict):
            raise ModelserviceError("the template renders to something that is not a Kubernetes object", file=path)
        if not document.get("kind"):
            raise ModelserviceError("the template renders to an object without a kind", file=path)
    return documents


def _kind(obj: Mapping[str, Any]) -> str:
    return str(obj.get("kind", ""))


def _name(obj: Mapping[str, Any]) -> str:
    return str(obj.get("metadata", {}).get("name", ""))


class _Dumper(yaml.SafeDumper):
    """Prints text of several lines, such as a file in a ConfigMap, as lines."""


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


def dump(obj: Mapping[str, Any]) -> str:
    """Return an object as YAML, keys in their order, lines unwrapped."""
    text: str = yaml.dump(dict(obj), Dumper=_Dumper, sort_keys=False, width=10_000, allow_unicode=True)
    return text
