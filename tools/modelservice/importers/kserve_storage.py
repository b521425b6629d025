"""How KServe brings a model into a pod: an init container that downloads it."""

from __future__ import annotations

from typing import Any

MOUNT_PATH = "/mnt/models"
"""Where KServe puts the model (https://kserve.github.io/website/docs/model-serving/storage/overview)."""

SCHEMES = frozenset({"s3", "gs", "http", "https", "abfs", "abfss", "hdfs", "webhdfs", "git"})
"""Stores that the storage initializer knows and the chart does not."""

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
