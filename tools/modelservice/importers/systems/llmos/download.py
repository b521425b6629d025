"""The download that LLMOS runs before the engine starts, to the volume of the cache."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from modelservice.importers.source.secrets import SecretCollector
from modelservice.importers.steps.engine_layers import value_of
from modelservice.importers.steps.model_volume import VOLUME
from modelservice.importers.systems.system import Conversion
from modelservice.importers.workload import RoleSource, ServedModel

CACHE = "/root/.cache/huggingface"
"""Where LLMOS expects the cache volume."""

MODELSCOPE = "/root/.cache/modelscope"
"""Where ModelScope's library keeps models."""

_VARIABLES = re.compile(
    r"(HF_(?!HOME$|ENDPOINT$)|HUGGING_?FACE|MODELSCOPE|.*_PROXY$|.*CA_BUNDLE$|SSL_CERT)", re.IGNORECASE
)
"""Variables that what downloads a model reads: the container's environment is the download's too."""

_PLACE = "spec.template.spec.containers[0]"


def download(conversion: Conversion, served: ServedModel, role: RoleSource, registry: str, model: str) -> None:
    """Download a model before the engine starts, where a volume for it is mounted; else the engine downloads it."""
    hub = registry == "huggingface"
    home = CACHE if hub else MODELSCOPE
    served.uri = f"{'hf' if hub else 'ms'}://{model}"
    container = role.pod["containers"][0]
    mount = next((item for item in container.get("volumeMounts", []) if item["mountPath"].rstrip("/") == home), None)
    if mount is None or any(mount.get(key) for key in ("subPath", "subPathExpr", "readOnly")):
        why = (
            f"no volume is mounted at {home}, so what LLMOS downloads before the engine starts is gone when it does; "
            "the engine downloads the model itself"
            if mount is None
            else f"the engine downloads the model itself: the chart's download needs the whole volume at {home}"
        )
        conversion.report.changed("spec.modelRegistry", why, values="modelArtifacts.uri")
        return
    container["volumeMounts"].remove(mount)
    artifacts: dict[str, Any] = {"mountPath": home, "download": {"enabled": True}}
    env = _environment(container.get("env", []), conversion.secrets, hub=hub)
    if env:
        artifacts["download"]["env"] = env
    if container.get("envFrom"):
        why = "only the engine gets it, not the download; set what that needs in modelArtifacts.download.env"
        conversion.report.lost(f"{_PLACE}.envFrom", why)
    artifacts |= _give_volume(role, mount["name"])
    served.settings["modelArtifacts"] = artifacts
    served.settings["engine"] = {"mountModelVolume": True}


def _give_volume(role: RoleSource, name: str) -> dict[str, Any]:
    """Make a role's volume the one that the chart downloads to; return what is set of it in ``modelArtifacts``."""
    template = _named(name, role.settings.get("volumeClaimTemplates", []))
    volume = _named(name, role.pod.get("volumes", []))
    claim = volume.get("persistentVolumeClaim", {})
    artifacts: dict[str, Any] = {}
    if template:
        template["name"] = VOLUME
    elif set(claim) == {"claimName"}:
        artifacts["persistence"] = {"enabled": True, "existingClaim": claim["claimName"]}
    elif "sizeLimit" in volume.get("emptyDir", {}) and "medium" not in volume["emptyDir"]:
        artifacts["size"] = volume["emptyDir"]["sizeLimit"]
    elif volume and volume.get("emptyDir") != {}:
        volume["name"] = VOLUME
    for other in (item for each in role.pod["containers"] for item in each.get("volumeMounts", [])):
        if other["name"] == name:
            other["name"] = VOLUME
    role.pod["volumes"] = [item for item in role.pod.get("volumes", []) if item is not volume or item["name"] == VOLUME]
    return artifacts


def _environment(given: list[dict[str, Any]], secrets: SecretCollector, *, hub: bool) -> dict[str, Any]:
    """Return variables of the download, besides those that the chart gives to engine and download alike."""
    result: dict[str, Any] = {}
    for before, item in zip(given, secrets.environment(given, f"{_PLACE}.env"), strict=True):
        reference = before.get("valueFrom", {}).get("secretKeyRef", {})
        if hub and before["name"] == "HF_TOKEN" and set(reference) == {"name", "key"}:
            continue  # modelArtifacts.authSecretName
        if _VARIABLES.match(item["name"]) and "$(" not in item.get("value", ""):
            result[item["name"]] = value_of(item)
    if hub:
        result["HF_HUB_ENABLE_HF_TRANSFER"] = "1"
    return result


def _named(name: str, items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return next((item for item in items if item["name"] == name), {})
