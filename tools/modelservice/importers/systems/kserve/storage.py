"""How KServe brings a model into a pod: an init container that downloads it."""

from __future__ import annotations

import re
from typing import Any

MOUNT_PATH = "/mnt/models"
"""Where KServe puts the model (https://kserve.github.io/website/docs/model-serving/storage/overview)."""

SCHEMES = frozenset({"s3", "gs", "http", "https", "abfs", "abfss", "hdfs", "webhdfs", "git"})
"""Stores that the storage initializer knows and the chart does not."""

IMAGES = frozenset({"oci", "oci+native"})
"""Schemes of images that hold a model."""

IMAGE = "kserve/storage-initializer:latest"
VOLUME = "kserve-provision-location"


def initialise(pod: dict[str, Any], container: str, uri: str) -> None:
    """Adds the storage initializer to a pod, as KServe's webhook does.

    Args:
        pod: the pod; changed in place.
        container: name of the container that gets the model.
        uri: where the model is.
    """
    pod["volumes"] = [*pod.get("volumes", []), {"name": VOLUME, "emptyDir": {}}]
    pod["initContainers"] = [
        *pod.get("initContainers", []),
        {
            "name": "storage-initializer",
            "image": IMAGE,
            "args": [uri, MOUNT_PATH],
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "volumeMounts": [{"name": VOLUME, "mountPath": MOUNT_PATH}],
        },
    ]
    for item in pod["containers"]:
        if item["name"] == container:
            mount = {"name": VOLUME, "mountPath": MOUNT_PATH, "readOnly": True}
            item["volumeMounts"] = [*item.get("volumeMounts", []), mount]


def name_in_place(container: dict[str, Any], argument: str) -> bool:
    """Name a model in place of the path where KServe would put it, in command, arguments and variables.

    Args:
        container: the container; changed in place.
        argument: what the engine loads itself, e.g. a repository.

    Returns:
        Whether the path was named.
    """
    path = re.compile(rf"{re.escape(MOUNT_PATH)}/?(?![\w/.-])")
    before = repr(container)
    for key in ("command", "args"):
        if container.get(key):
            container[key] = [path.sub(argument, word) for word in container[key]]
    for variable in container.get("env", []):
        if isinstance(variable.get("value"), str):
            variable["value"] = path.sub(argument, variable["value"])
    return repr(container) != before


def mount_claim(pod: dict[str, Any], container: str, claim: str, path: str) -> None:
    """Mounts a directory of a claim where the model is, as KServe does for ``pvc://``.

    Args:
        pod: the pod; changed in place.
        container: name of the container that gets the model.
        claim: name of the claim.
        path: the directory; empty for the whole claim.
    """
    source = {"persistentVolumeClaim": {"claimName": claim, "readOnly": True}}
    _mount(pod, container, {"name": "kserve-pvc-source", **source}, path)


def mount_image(pod: dict[str, Any], container: str, image: str) -> None:
    """Mounts an image whose directory ``/models`` holds the model, as KServe's modelcars do
    (https://kserve.github.io/website/docs/model-serving/storage/providers/oci).

    Args:
        pod: the pod; changed in place.
        container: name of the container that gets the model.
        image: the image.
    """
    _mount(pod, container, {"name": "kserve-modelcar", "image": {"reference": image}}, "models")


def _mount(pod: dict[str, Any], container: str, volume: dict[str, Any], path: str) -> None:
    """Adds a volume, and mounts a directory of it where the model is."""
    pod["volumes"] = [*pod.get("volumes", []), volume]
    mount = {"name": volume["name"], "mountPath": MOUNT_PATH, "readOnly": True, **({"subPath": path} if path else {})}
    for item in pod["containers"]:
        if item["name"] == container:
            item["volumeMounts"] = [*item.get("volumeMounts", []), mount]
