"""KV cache offloading, as vLLM's OffloadingConnector (https://docs.vllm.ai/en/latest/features/kv_offloading_usage/)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from modelservice.errors import ModelserviceError
from modelservice.importers.workload import Pod
from modelservice.kubernetes.quantity import quantity


def offload_flag(offload: Mapping[str, Any], pod: Pod, container: dict[str, Any]) -> str:
    """Return the value of ``--kv-transfer-config``; disk tiers get volumes in the pod.

    Args:
        offload: ``kvCacheOffloading`` of the source.
        pod: the pod; gets the volumes.
        container: the engine's container; gets the mounts.

    Raises:
        ModelserviceError: the size is not a quantity.
    """
    size = str(offload.get("cpuBytesToUse") or offload.get("cpu") or "0")
    number = quantity(size)
    if number is None or number < 0:
        raise ModelserviceError(f"{size!r} is not a size", key="spec.kvCacheOffloading.cpu", fix="set e.g. 10Gi")
    config: dict[str, Any] = {
        "cpu_bytes_to_use": int(number),
        "eviction_policy": offload.get("evictionPolicy", "lru"),
    }
    tiers = [dict(tier) for tier in offload.get("secondaryTiers", []) if isinstance(tier, dict)]
    for index, tier in enumerate(offload.get("secondary", [])):
        path, name = f"/kv-cache/{index}", f"kv-cache-{index}"
        volume, mount = _disk(tier.get("fileSystem", {}))
        pod["volumes"].append({"name": name, **volume})
        container["volumeMounts"].append({"name": name, "mountPath": path, **mount})
        tiers.append({"type": "fs", "path": path})
    if tiers:
        config |= {"spec_name": "TieringOffloadingSpec", "secondary_tiers": tiers}
    transfer = {"kv_connector": "OffloadingConnector", "kv_role": "kv_both", "kv_connector_extra_config": config}
    return json.dumps(transfer, separators=(",", ":"))


def _disk(system: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the volume of a disk tier, and what its mount states."""
    claim = system.get("pvc", {})
    if "ref" in claim:
        path = claim["ref"].get("path", "").strip("/")
        volume = {"persistentVolumeClaim": {"claimName": claim["ref"].get("name", "")}}
        return volume, {"subPath": path} if path else {}
    if "spec" in claim:
        return {"ephemeral": {"volumeClaimTemplate": {"spec": claim["spec"]}}}, {}
    limit = system.get("emptyDir", {}).get("size")
    return {"emptyDir": {"sizeLimit": limit} if limit else {}}, {}
