"""Where the engine of an InferenceService gets its model from, without KServe's webhook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelservice.importers.engine import engine_of
from modelservice.importers.systems.kserve import storage
from modelservice.importers.systems.kserve.inference_service.runtime import CONTAINER
from modelservice.importers.systems.kserve.inference_service.server import server_option
from modelservice.importers.systems.system import Conversion
from modelservice.importers.workload import Pod, ServedModel

_STORAGE_URI = ("spec", "predictor", "model", "storageUri")


def place_model(
    conversion: Conversion, served: ServedModel, pod: Pod, model: Mapping[str, Any], *, grouped: bool
) -> None:
    """Set where the model is, and mount or download it where the chart does not.

    Args:
        conversion: the conversion.
        served: gets the model's place and name.
        pod: the pod; changed in place.
        model: the predictor's model.
        grouped: several nodes serve it.

    Raises:
        ModelserviceError: the chart cannot load the model.
    """
    container = next((item for item in pod["containers"] if item["name"] == CONTAINER), pod["containers"][0])
    starts_engine = engine_of(container).engine is not None
    uri = _take_uri(conversion, container, model)
    served.model = server_option(container, "model-name") or (None if starts_engine else served.name)
    scheme, _, rest = uri.partition("://")
    if not uri:
        repository = server_option(container, "model-id")
        if repository and not starts_engine:
            served.uri = f"hf://{repository}"
    elif scheme == "hf":
        repository, _, revision = rest.partition(":")
        served.uri = f"hf://{repository}"
        if starts_engine:
            _load_from_hub(conversion, container, repository, revision)
        else:
            container["args"] = [*container.get("args", []), f"--model_id={repository}"]
            container["args"] += [f"--model_revision={revision}"] if revision else []
    elif scheme == "pvc":
        claim, _, path = rest.strip("/").partition("/")
        if starts_engine or grouped:
            storage.mount_claim(pod, container["name"], claim, path)
            _name_model(container, storage.MOUNT_PATH)
        else:
            served.uri = f"pvc://{claim}/{path or '.'}"
            served.mount_path, served.mounted = storage.MOUNT_PATH, True
    elif scheme in storage.IMAGES and rest:
        storage.mount_image(pod, container["name"], rest)
        _name_model(container, storage.MOUNT_PATH)
        if not starts_engine:
            served.uri = f"file://{storage.MOUNT_PATH}"
    elif scheme in storage.SCHEMES:
        storage.initialise(pod, container["name"], uri)
    else:
        raise conversion.error(f"the chart cannot load {uri}", _STORAGE_URI)


def _take_uri(conversion: Conversion, container: Mapping[str, Any], model: Mapping[str, Any]) -> str:
    """Return where the model is; the container's variable for it gets the path, as KServe's webhook changes it."""
    variable: dict[str, Any] = next((item for item in container.get("env", []) if item["name"] == "STORAGE_URI"), {})
    uri = model.get("storageUri") or variable.get("value") or (model.get("storageUris") or [{}])[0].get("uri", "")
    if not uri and model.get("storage"):
        path = ("spec", "predictor", "model", "storage")
        raise conversion.error("the store is in a Secret of the cluster", path, fix="set storageUri")
    if variable:
        variable["value"] = storage.MOUNT_PATH
    return str(uri)


def _load_from_hub(conversion: Conversion, container: dict[str, Any], repository: str, revision: str) -> None:
    """Let an engine download the model itself, which it expects where KServe puts it."""
    if storage.name_in_place(container, repository):
        why = f"it names {repository} in place of {storage.MOUNT_PATH}, which a storage initializer would fill"
        conversion.report.changed(f"container {container['name']}", why, values="engine")
    _name_model(container, repository)
    if revision and engine_of(container).derived:
        container["args"] = [*container.get("args", []), f"--revision={revision}"]


def _name_model(container: dict[str, Any], model: str) -> None:
    """Give an engine the model, unless its command line names one."""
    engine = engine_of(container)
    if engine.derived and engine.model is None:
        container["args"] = [*container.get("args", []), f"--model={model}"]
