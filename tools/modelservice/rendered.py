"""What a chart renders to: objects in Helm's order, and their YAML."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from modelservice.documents import FastLoader, Source, documents, duplicates
from modelservice.errors import ModelserviceError

INSTALL_ORDER = (
    "PriorityClass", "Namespace", "NetworkPolicy", "ResourceQuota", "LimitRange", "PodDisruptionBudget",
    "ServiceAccount", "Secret", "ConfigMap", "StorageClass", "PersistentVolume", "PersistentVolumeClaim",
    "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Service", "DaemonSet",
    "Pod", "ReplicationController", "ReplicaSet", "Deployment", "HorizontalPodAutoscaler", "StatefulSet", "Job",
    "CronJob", "IngressClass", "Ingress", "APIService",
)  # fmt: skip
"""Kinds in the order Helm installs them; others follow, by name
(https://helm.sh/docs/intro/using_helm/#helm-install-installing-a-package)."""


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
        found = documents(Source(path, text))
    except ModelserviceError as error:
        raise ModelserviceError(f"the template renders to {error.problems[0].message}", file=path) from None
    _reject_duplicates(text)
    for document in found:
        if not isinstance(document, dict) or not isinstance(document.get("metadata", {}), dict):
            raise ModelserviceError("the template renders to something that is not a Kubernetes object", file=path)
        if not document.get("kind"):
            raise ModelserviceError("the template renders to an object without a kind", file=path)
    return found


def _reject_duplicates(text: str) -> None:
    """Reject a mapping with a key given twice."""
    with contextlib.suppress(yaml.YAMLError):
        for node in yaml.compose_all(text, Loader=FastLoader):
            for key, line, _ in duplicates(node) if node else ():
                raise ModelserviceError(f"the rendered object has the key {key} twice (line {line})")


def _kind(obj: Mapping[str, Any]) -> str:
    return str(obj.get("kind", ""))


def _name(obj: Mapping[str, Any]) -> str:
    return str(obj.get("metadata", {}).get("name", ""))


class ValuesDumper(yaml.SafeDumper):
    """Prints text of several lines, such as a file in a ConfigMap, as lines, and text as Kubernetes reads it.

    PyYAML only quotes what it would itself read as something else than text. Kubernetes reads more: ``y`` is true, and
    ``1e3`` is a number.
    """


_NOT_TEXT = re.compile(
    r"[yYnN]|[-+]?(0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(\.[0-9_]+|[0-9_]+(\.[0-9_]*)?)([eE][-+]?[0-9_]+)?)"
)
"""Plain scalars that Go's reader takes for a boolean or a number
(https://github.com/kubernetes-sigs/yaml/blob/v1.6.0/goyaml.v2/resolve.go)."""


_BREAKS = re.compile("[\x85\u2028\u2029\ufeff]")
"""Line breaks of YAML 1.1 that would be folded, and the byte order mark; double quotes escape them."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if _BREAKS.search(text) else "|" if "\n" in text else "'" if _NOT_TEXT.fullmatch(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


ValuesDumper.add_representer(str, _text)


def dump(obj: Mapping[str, Any]) -> str:
    """Return an object as YAML, keys in their order, lines unwrapped."""
    text: str = yaml.dump(dict(obj), Dumper=ValuesDumper, sort_keys=False, width=10_000, allow_unicode=True)
    return text
