"""Volumes of a run, as DigitalHub gives them to the pod."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelservice.importers.systems.digitalhub.documents import Function
from modelservice.kubernetes.names import dns_label

SHARED = "/shared"
"""Where the platform mounts the run's own volume."""

SIZE = "10Gi"
"""Size of a volume where the source does not state one."""

Spec = Mapping[str, str]


class Volumes:
    """Volumes of the pod.

    Attributes:
        volumes: volumes of the pod.
        claims: claims that the chart makes and mounts, as ``volumeClaims``.
    """

    def __init__(self, function: Function, container: dict[str, Any]) -> None:
        self.volumes: list[dict[str, Any]] = []
        self.claims: dict[str, Any] = {}
        self._function = function
        self._container = container
        self._paths: dict[str, str] = {}

    def add_all(self, default_size: str | None) -> None:
        """Add the run's own volume and those that it states.

        Raises:
            ModelserviceError: a volume has an unknown kind or no absolute path, or two have one name or path.
        """
        size = self._function.run.get("resources", {}).get("disk") or default_size or SIZE
        self._add("shared-dir", SHARED, _ephemeral({"size": size}), {})
        for index, item in enumerate(self._function.run.get("volumes", [])):
            name, spec = dns_label(item.get("name", "")) or f"volume-{index + 1}", item.get("spec", {})
            path = item.get("mount_path", "")
            if not path.startswith("/"):
                message = f"{path!r} is not an absolute path"
                raise self._function.error(message, key=f"volumes[{index}].mount_path")
            if item.get("volume_type") == "persistent_volume_claim":
                self._claim(name, path, spec)
            else:
                self._add(name, path, self._volume(index, item, spec), spec)

    def _volume(self, index: int, item: Mapping[str, Any], spec: Spec) -> dict[str, Any]:
        """Return the volume of a kind that the chart does not make itself."""
        kind = item.get("volume_type")
        if kind == "shared_volume":
            claim = spec.get("claimName") or spec.get("claim_name") or item.get("name", "")
            return {"persistentVolumeClaim": {"claimName": claim}}
        if kind == "ephemeral":
            return _ephemeral(spec)
        if kind == "empty_dir":
            limit = spec.get("sizeLimit") or spec.get("size_limit") or spec.get("size")
            given = {"sizeLimit": limit, "medium": spec.get("medium")}
            return {"emptyDir": {key: value for key, value in given.items() if value}}
        if kind == "image":
            return {"image": {"reference": spec.get("image") or spec.get("reference", "")}}
        raise self._function.error(f"no kind of volume {kind!r}", key=f"volumes[{index}].volume_type")

    def _claim(self, name: str, path: str, spec: Spec) -> None:
        """Add a claim that the chart makes; it mounts the whole of it too."""
        inside = _sub_path(spec)
        self.claims[name] = {"spec": _claim_spec(spec), "retain": True, **({} if inside else {"mountPath": path})}
        self._reserve(name, path)
        if inside:
            self._mount(name, path, spec)

    def _add(self, name: str, path: str, volume: Mapping[str, Any], spec: Spec) -> None:
        self._reserve(name, path)
        self._mount(name, path, spec)
        self.volumes.append({"name": name, **volume})

    def _reserve(self, name: str, path: str) -> None:
        if name in self._paths or path in self._paths.values():
            raise self._function.error(f"the pod has two volumes {name} or at {path}", key="volumes")
        self._paths[name] = path

    def _mount(self, name: str, path: str, spec: Spec) -> None:
        inside = _sub_path(spec)
        mount = {"name": name, "mountPath": path, **({"subPath": inside} if inside else {})}
        self._container["volumeMounts"].append(mount)


def _claim_spec(spec: Spec) -> dict[str, Any]:
    storage_class = spec.get("storageClass") or spec.get("storage_class") or spec.get("storageClassName")
    return {
        "accessModes": [spec.get("accessMode", "ReadWriteOnce")],
        "resources": {"requests": {"storage": spec.get("size", SIZE)}},
        **({"storageClassName": storage_class} if storage_class else {}),
    }


def _ephemeral(spec: Spec) -> dict[str, Any]:
    return {"ephemeral": {"volumeClaimTemplate": {"spec": _claim_spec(spec)}}}


def _sub_path(spec: Spec) -> str | None:
    return spec.get("subPath") or spec.get("sub_path")
