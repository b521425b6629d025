"""The two sides of an upgrade: the objects before it and after it, as people may see them."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelservice.concealed import Concealer
from modelservice.kubernetes.defaults import without_defaults
from modelservice.model.deployment import Deployment
from modelservice.secrets import MASK

Object = Mapping[str, Any]
Identity = tuple[str, str, str, str]
"""Group of the API, kind, namespace and name."""

_HOOK = "helm.sh/hook"
"""Annotation of objects that Helm does not upgrade but makes when the hook runs."""


@dataclass(frozen=True)
class Side:
    """One side of an upgrade.

    Args:
        deployment: the objects that are installed, and what is known of them.
        name: what people call it, e.g. ``old.yaml``.
    """

    deployment: Deployment
    name: str

    @functools.cached_property
    def objects(self) -> dict[Identity, Object]:
        """The objects that Helm upgrades, by identity."""
        namespace = self.deployment.namespace
        return {identity(obj, namespace): obj for obj in self.deployment.objects if not is_hook(obj)}


def is_hook(obj: Object) -> bool:
    """Return whether Helm makes an object only when a hook runs."""
    return _HOOK in ((obj.get("metadata") or {}).get("annotations") or {})


def identity(obj: Object, namespace: str) -> Identity:
    """Return what makes an object the same one in two versions of a release."""
    metadata = obj.get("metadata") or {}
    group = str(obj.get("apiVersion", "")).rpartition("/")[0]
    return group, str(obj.get("kind")), str(metadata.get("namespace") or namespace), str(metadata.get("name"))


def label(key: Identity, several: bool) -> str:
    """Return the name of an object for people; with its namespace where there are several."""
    return f"{key[1]}/{key[3]}" + (f" in {key[2]}" if several else "")


class Shown:
    """Objects without secrets: each secret has a mark that tells it from the others, the same on both sides."""

    def __init__(self, before: Sequence[Object], after: Sequence[Object]) -> None:
        self._marks: dict[str, str] = {}
        self._conceal = Concealer(before, after, put=self._mark)

    def __call__(self, obj: Object) -> dict[str, Any]:
        """Return an object without its secrets and defaults, and without its namespace, which its identity has."""
        shown = without_defaults(self._conceal(obj))
        shown.get("metadata", {}).pop("namespace", None)
        return shown

    def _mark(self, secret: str) -> str:
        number = len(self._marks) + 1
        return self._marks.setdefault(secret, MASK if number == 1 else f"{MASK} ({number})")
