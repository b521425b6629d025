"""What KServe runs for an LLMInferenceService."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from modelservice.importers.chart import MOUNT_PATH
from modelservice.importers.systems.kserve import storage
from modelservice.importers.systems.kserve.llm_inference_service import router
from modelservice.importers.systems.kserve.llm_inference_service.fields import DRA, FIELDS
from modelservice.importers.systems.kserve.llm_inference_service.pods import Workload
from modelservice.importers.systems.kserve.llm_inference_service.spec import is_config, is_service, read_spec
from modelservice.importers.systems.system import Conversion
from modelservice.importers.workload import ServedModel

_ON_PODS = ("k8s.v1.cni.cncf.io/networks", "kueue.x-k8s.io/queue-name")
"""Labels and annotations that KServe copies to the pods."""

_ADAPTER_SCHEMES = ("hf", "pvc", "s3", "gs", "oci")
"""Stores that the chart loads adapters from."""


def convert(conversion: Conversion) -> ServedModel | None:
    """Return what KServe would run; None for a configuration whose service is among the documents."""
    document = conversion.document
    if is_config(document) and any(map(is_service, conversion.source.documents)):
        return None
    data = conversion.read(FIELDS)
    if not document.name:
        raise conversion.error("it has no name", key="metadata.name")
    spec = read_spec(conversion, data)
    namespace = conversion.namespace(data)
    served = ServedModel(document.name, namespace=namespace, mount_path=storage.MOUNT_PATH)
    served.model = spec["model"].get("name") or document.name
    _place_model(conversion, served, spec["model"]["uri"])
    publisher = f"publishers/{namespace or 'default'}/models/{served.model}"
    decode = Workload(conversion, served, spec, [served.model, publisher], sidecar="prefill" in spec)
    prefill = None
    if "prefill" in spec:
        own = {**spec["prefill"], "model": spec["model"]}
        prefill = Workload(conversion, served, own, [served.model], place="spec.prefill.template")
    annotations = data["metadata"].get("annotations", {})
    on_pods = {key: value for key, value in annotations.items() if key in _ON_PODS}
    labels = {key: value for key, value in data["metadata"].get("labels", {}).items() if key in _ON_PODS}
    served.decode = decode.role(labels, on_pods)
    served.prefill = prefill.role(labels, on_pods) if prefill else None
    for _, role in served.roles:
        if labels:
            role.settings["labels"] = dict(labels)
    _load_adapters(conversion, served, spec, own_command=decode.own_command or bool(prefill and prefill.own_command))
    _claim_devices(conversion, served, annotations)
    router.route(served, spec.get("router", {}), namespace or "default")
    if "tracing" in spec:
        _trace(served, spec["tracing"])
    conversion.report.changed(
        "spec.template",
        "KServe serves TLS with its own certificate and wraps vLLM in a script (RoCE discovery, log and shutdown "
        "options by version); the chart serves HTTP and starts vLLM itself",
        values="engine",
    )
    return served


def _place_model(conversion: Conversion, served: ServedModel, uri: str) -> None:
    """Set where the model is, unless KServe's storage initializer downloads it."""
    report, at = conversion.report, ("spec", "model", "uri")
    scheme, _, rest = uri.partition("://")
    if scheme == "pvc" and rest:
        served.uri = f"pvc://{rest}" if "/" in rest.strip("/") else f"pvc://{rest.strip('/')}/."
        served.mounted = True
    elif scheme in storage.IMAGES and rest:
        served.uri, served.mount_path = f"file://{storage.MOUNT_PATH}", MOUNT_PATH
        why = "an image volume, in place of KServe's modelcar"
        report.changed(at, why, document=conversion.document, values="modelArtifacts.uri")
    elif scheme == "hf":
        served.uri, served.mount_path = uri, MOUNT_PATH
    elif scheme in storage.SCHEMES:
        why = "an init container of KServe's own image downloads the model; give it the store's credentials"
        report.changed(at, why, document=conversion.document, values="decode.initContainers")
    else:
        fix = "copy the model to a claim and use pvc://claim/path"
        raise conversion.error(f"the chart cannot load {uri}", at, fix=fix)


def _load_adapters(conversion: Conversion, served: ServedModel, spec: Mapping[str, Any], *, own_command: bool) -> None:
    """Set the LoRA adapters, with KServe's sizes."""
    report, lora = conversion.report, spec["model"].get("lora", {})
    if own_command:
        if lora:
            why = "the container has a command of the source's own"
            report.lost(("spec", "model", "lora"), why, document=conversion.document)
        return
    for index, adapter in enumerate(lora.get("adapters", [])):
        uri = str(adapter.get("uri", ""))
        if uri.partition("://")[0] in _ADAPTER_SCHEMES:
            served.adapters.append({"name": adapter.get("name") or f"adapter-{index + 1}", "uri": uri})
        else:
            schemes = ", ".join(_ADAPTER_SCHEMES)
            why = f"the chart loads adapters from {schemes}; copy it to a claim and use pvc://claim/path"
            path = ("spec", "model", "lora", "adapters", index, "uri")
            report.lost(path, why, document=conversion.document)
    if served.adapters:
        number = len(served.adapters)
        batch = lora.get("maxAdapters", number)
        served.lora = {"maxRank": lora.get("maxRank", 64), "maxCpuLoras": lora.get("maxCpuAdapters", number)}
        if batch != number:
            served.lora["maxLoras"] = batch


def _claim_devices(conversion: Conversion, served: ServedModel, annotations: Mapping[str, str]) -> None:
    """Set managed dynamic resource allocation as the chart's own claims."""
    device_class = annotations.get(f"{DRA}device-class")
    if not device_class:
        return
    kind = re.sub(r"^(gpu|device|npu)\.", "", device_class).split(".")[0]
    count = annotations.get(f"{DRA}device-count", "1")
    if not count.isdigit():
        path = ("metadata", "annotations", f"{DRA}device-count")
        raise conversion.error(f"{count!r} is not a number", path)
    template: dict[str, Any] = {"class": device_class, "count": int(count)}
    selectors = [line.strip() for line in annotations.get(f"{DRA}cel-selector", "").splitlines() if line.strip()]
    if selectors:
        template["selectors"] = [{"cel": {"expression": line}} for line in selectors]
    served.settings["accelerator"] = {"type": kind, "dra": True, "resourceClaimTemplates": {kind: template}}


def _trace(served: ServedModel, given: Mapping[str, Any]) -> None:
    endpoint = {"otlpEndpoint": given["exporterEndpoint"]} if "exporterEndpoint" in given else {}
    sampling = {key: str(given[key]) for key in ("sampler", "samplerArg") if key in given}
    served.settings["tracing"] = {"enabled": True, **endpoint, "sampling": {"samplerArg": "0.05", **sampling}}
