"""Objects without what the API server would fill in anyway, so that writing a default is no change."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from modelservice import facts
from modelservice.kubernetes.images import pull_policy

Object = Mapping[str, Any]

_OF_THE_SERVER = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink")
"""Metadata that no manifest sets."""
_OF_CONTROLLERS = (
    "kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/revision",
    "meta.helm.sh/release-name", "meta.helm.sh/release-namespace",
)  # fmt: skip
"""Annotations that no manifest sets."""
_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
_NO_EMPTY_MAP = (
    "labels", "annotations", "nodeSelector", "limits", "requests", "data", "rollingUpdate", "strategy",
    "updateStrategy", "rolloutStrategy", "rollingUpdateConfiguration", "networkConfig",
    "persistentVolumeClaimRetentionPolicy", "resources", "status", "metadata",
)  # fmt: skip
"""Maps that are nothing when they are empty; other empty maps say something, such as ``emptyDir: {}``."""
_TEMPLATES = (
    ("spec", "template"), ("spec", "leaderWorkerTemplate", "leaderTemplate"),
    ("spec", "leaderWorkerTemplate", "workerTemplate"), ("spec", "jobTemplate", "spec", "template"),
)  # fmt: skip


def without_defaults(obj: Object) -> dict[str, Any]:
    """Return a copy of an object without its status, its server's metadata, and fields that have their defaults."""
    found: dict[str, Any] = copy.deepcopy(dict(obj))
    found.pop("status", None)
    metadata = found.get("metadata")
    if isinstance(metadata, dict):
        for name in _OF_THE_SERVER:
            metadata.pop(name, None)
        for name in _OF_CONTROLLERS:
            (metadata.get("annotations") or {}).pop(name, None)
    known = facts.kubernetes_defaults()
    own = str(obj.get("apiVersion", "")).partition("/")[0] in ("apps", "batch", "v1")
    for template in _templates(found):
        _drop_template(template, own=own)
    _drop(found, known.kinds.get(str(obj.get("kind")), {}))
    if (obj.get("metadata") or {}).get("uid"):
        _drop_assigned(found, known.assigned.get(str(obj.get("kind")), ()))
    _drop_empty(found)
    return found


def _drop_assigned(obj: dict[str, Any], paths: Iterable[str]) -> None:
    """Remove what the API server chose for an object that it has; a manifest that says the same says nothing new."""
    for path in paths:
        above, _, last = path.rpartition(".")
        for parent in _reached(obj, above.split(".")):
            if isinstance(parent, dict) and parent.get(last) != "None":
                parent.pop(last, None)


def _templates(obj: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if obj.get("kind") == "Pod":
        yield obj
    for path in _TEMPLATES:
        node: Any = obj
        for name in path:
            node = node.get(name) if isinstance(node, dict) else None
        if isinstance(node, dict):
            yield node


def _drop_template(template: dict[str, Any], *, own: bool) -> None:
    """Remove the defaults of a pod template.

    Args:
        template: the template.
        own: whether the API server completes it, as in Kubernetes' own kinds.
    """
    known = facts.kubernetes_defaults()
    layers = (known, known.everywhere) if own else (known.everywhere,)
    spec = template.get("spec")
    if not isinstance(spec, dict):
        return
    for container in [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]:
        if not isinstance(container, dict):
            continue
        if own and container.get("imagePullPolicy") == pull_policy(str(container.get("image", ""))):
            del container["imagePullPolicy"]
        for layer in layers:
            _drop(container, layer.containers)
            for probe in (container.get(name) for name in _PROBES):
                _drop(probe, layer.probes)
    for layer in layers:
        _drop(template, layer.pods)
    if own and spec.get("serviceAccount") == spec.get("serviceAccountName"):
        spec.pop("serviceAccount", None)  # the former name of the field, which the API server keeps equal


def _drop(node: Any, defaults: Mapping[str, Any]) -> None:
    for path, default in defaults.items():
        *above, last = re.findall(r"[^.\[\]]+|\[\]", path)
        for parent in _reached(node, above):
            if isinstance(parent, dict) and last in parent and _equal(parent[last], default):
                del parent[last]


def _reached(node: Any, steps: list[str]) -> Iterator[Any]:
    """Yield what is at a path; every item of a list for ``[]``."""
    if not steps:
        yield node
        return
    first, *rest = steps
    if first == "[]":
        for item in node if isinstance(node, list) else ():
            yield from _reached(item, rest)
    elif isinstance(node, dict) and first in node:
        yield from _reached(node[first], rest)


def _equal(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)


def _drop_empty(node: Any) -> None:
    """Remove nulls, empty lists, and empty maps that say nothing, the innermost first."""
    if isinstance(node, list):
        for item in node:
            _drop_empty(item)
    if not isinstance(node, dict):
        return
    for key, value in list(node.items()):
        _drop_empty(value)
        if value is None or value == [] or (value == {} and key in _NO_EMPTY_MAP):
            del node[key]
