"""The volume with the model, where the chart makes the same one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelservice.importers.chart import MOUNT_PATH
from modelservice.importers.values_builder import RoleBuilder, ValuesBuilder

VOLUME = "model-storage"
"""The chart's name of the volume."""


def mount_model(builder: ValuesBuilder) -> None:
    """Take the volume with the model, its mount and ``HF_HOME``; give ``mountModelVolume``, and the volume's keys."""
    shared = False
    for role in builder.roles:
        engine = role.container
        for mount in engine.get("volumeMounts", []):
            volume = next((item for item in role.pod.get("volumes", []) if item["name"] == mount["name"]), None)
            if volume is None or mount.get("subPathExpr") or not _same(builder, role, mount, volume, shared):
                continue
            _take_volume(role, volume["name"], mount, hub=_from_hub(builder))
            role.model_volume = VOLUME
            shared = True
            break
        else:
            if builder.mounted and builder.uri and not _from_hub(builder):
                role.model_volume = VOLUME
        if role.model_volume:
            role.engine_values["mountModelVolume"] = True


def _from_hub(builder: ValuesBuilder) -> bool:
    return (builder.uri or "").startswith("hf://")


def _same(
    builder: ValuesBuilder, role: RoleBuilder, mount: Mapping[str, Any], volume: Mapping[str, Any], shared: bool
) -> bool:
    """Return whether a mounted volume is the one that the chart makes."""
    if _from_hub(builder):
        return _is_cache(role, mount, volume, len(builder.roles)) and _set_cache(builder, mount, volume, shared)
    scheme, _, place = (builder.uri or "").partition("://")
    holder = {
        "pvc": (volume.get("persistentVolumeClaim", {}).get("claimName"), place.split("/")[0]),
        "oci": (volume.get("image", {}).get("reference"), place),
    }.get(scheme)
    path: str = mount["mountPath"].rstrip("/")
    return bool(holder is not None and holder[0] == holder[1] and path == builder.mount_path)


def _is_cache(role: RoleBuilder, mount: Mapping[str, Any], volume: Mapping[str, Any], roles: int) -> bool:
    """Return whether a volume is the cache of the Hugging Face Hub, in a form that the chart makes too."""
    claim = volume.get("persistentVolumeClaim", {})
    if set(volume) != {"name", "emptyDir"} and not (set(claim) == {"claimName"} and roles == 1):
        return False
    if set(volume.get("emptyDir", {})) - {"sizeLimit"} or mount.get("readOnly") or mount.get("subPath"):
        return False
    variables = {item["name"]: item.get("value", "") for item in role.container.get("env", [])}
    home: str = variables.get("HF_HOME", "")
    return bool(home.rstrip("/") == mount["mountPath"].rstrip("/"))


def _set_cache(builder: ValuesBuilder, mount: Mapping[str, Any], volume: Mapping[str, Any], shared: bool) -> bool:
    """Set path, size and claim of the cache; return whether they agree with those of the other role."""
    artifacts = builder.section("modelArtifacts")
    path, size = mount["mountPath"].rstrip("/"), volume.get("emptyDir", {}).get("sizeLimit")
    if shared and (builder.mount_path != path or artifacts.get("size") != size):
        return False
    builder.mount_path = path
    if path != MOUNT_PATH:
        artifacts["mountPath"] = path
    if size is not None:
        artifacts["size"] = size
    if "persistentVolumeClaim" in volume:
        claim = volume["persistentVolumeClaim"]["claimName"]
        artifacts["persistence"] = {"enabled": True, "existingClaim": claim}
    return True


def _take_volume(role: RoleBuilder, name: str, mount: Mapping[str, Any], *, hub: bool) -> None:
    """Take a volume and the engine's mount of it; what else mounts it mounts the chart's."""
    engine = role.container
    engine["volumeMounts"] = [item for item in engine["volumeMounts"] if item is not mount]
    if hub:
        engine["env"] = [item for item in engine["env"] if item["name"] != "HF_HOME"]
    for kind in ("containers", "initContainers"):
        for container in role.pod.get(kind, []):
            for other in container.get("volumeMounts", []):
                if other["name"] == name:
                    other["name"] = VOLUME
    role.pod["volumes"] = [item for item in role.pod["volumes"] if item["name"] != name]
