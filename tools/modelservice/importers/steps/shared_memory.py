"""Shared memory of the engines."""

from __future__ import annotations

from typing import Any

from modelservice.importers.values_builder import RoleBuilder, ValuesBuilder

PATH = "/dev/shm"  # noqa: S108  # the path that the C library uses


def size_shared_memory(builder: ValuesBuilder) -> None:
    """Take a memory volume at ``/dev/shm`` that only the engine mounts; give ``sharedMemory``."""
    for role in builder.roles:
        size = _take(role)
        if size is not None:
            role.values["sharedMemory"] = {"enabled": True, **size}


def _take(role: RoleBuilder) -> dict[str, Any] | None:
    engine = role.container
    others = [*role.pod["containers"][1:], *role.pod.get("initContainers", [])]
    elsewhere = {mount["name"] for container in others for mount in container.get("volumeMounts", [])}
    for mount in engine.get("volumeMounts", []):
        if not is_shared_memory(mount) or set(mount) != {"name", "mountPath"} or mount["name"] in elsewhere:
            continue
        volume: dict[str, Any] = next((v for v in role.pod.get("volumes", []) if v["name"] == mount["name"]), {})
        if volume.get("emptyDir", {}).get("medium") != "Memory":
            continue
        engine["volumeMounts"].remove(mount)
        role.pod["volumes"].remove(volume)
        size = volume["emptyDir"].get("sizeLimit")
        return {"sizeLimit": size} if size is not None else {}
    return None


def is_shared_memory(mount: dict[str, Any]) -> bool:
    """Return whether a mount is at the path of shared memory."""
    return bool(mount["mountPath"].rstrip("/") == PATH)
