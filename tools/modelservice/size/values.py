"""A way to serve a model as a values file."""

from __future__ import annotations

from typing import Any

from modelservice.models.catalogue import KnownModel
from modelservice.models.names import is_gated
from modelservice.rendered import dump
from modelservice.size.candidates import Candidate
from modelservice.size.engine import hardware_preset
from modelservice.size.request import Need

_REPOSITORY = "https://raw.githubusercontent.com/llm-d/llm-d-modelservice/main"
MODELINE = f"yaml-language-server: $schema={_REPOSITORY}/charts/llm-d-modelservice/values.schema.json"
"""The line by which editors find the schema, wherever the file is."""

TOKEN_SECRET = "llm-d-hf-token"  # noqa: S105  # its name
"""Secret with the token for a gated model, as llm-d's guides name it."""


def values(model: KnownModel, need: Need, item: Candidate) -> dict[str, Any]:
    """Return the values that deploy a candidate."""
    preset = hardware_preset(item.hardware.type)
    engine = {"type": "vllm", **preset["engine"]}
    engine["args"] = {**engine.get("args", {}), "max-model-len": need.context}
    pods: dict[str, Any] = {"replicas": item.replicas, "parallelism": _parallelism(item)}
    if item.layout.accelerators > 1:
        pods["sharedMemory"] = {"enabled": True}
    if item.hardware.selector:
        pods["nodeSelector"] = dict(item.hardware.selector)
    if item.hardware.taints:
        pods["tolerations"] = [{"key": key, "operator": "Exists"} for key in item.hardware.taints]
    gated = {"authSecretName": TOKEN_SECRET} if is_gated(model.name) else {}
    several = {"multinode": True} if item.layout.nodes > 1 else {}
    return {
        **several,
        "modelArtifacts": {"name": model.name, "uri": f"hf://{model.name}", **gated},
        "accelerator": {**preset["accelerator"], **_claim(item)},
        "engine": engine,
        "routing": {"proxy": {"enabled": False}},
        "decode": pods,
        "prefill": {"create": False},
    }


def _claim(item: Candidate) -> dict[str, Any]:
    """What requests accelerators by a claim; empty for those of a device plugin."""
    hardware = item.hardware
    if not hardware.claimed:
        return {}
    selectors = [{"cel": {"expression": hardware.expression}}] if hardware.expression else []
    template = {"resourceClaimTemplates": {hardware.type: {"selectors": selectors}}} if selectors else {}
    return {"dra": True, **template}


def values_file(model: KnownModel, need: Need, item: Candidate) -> str:
    """Return the values file that deploys a candidate."""
    certain = "" if item.certain else ", if the overhead is at the low end of its range"
    lines = [
        MODELINE,
        f"{model.name} for {need.text} at once{certain}:",
        f"replicas: {item.replicas}, each {item.layout} on {item.hardware.name}; accelerators: {item.accelerators}.",
    ]
    if model.note:
        lines.append(f"The model was {model.note}.")
    if item.hardware.selector and item.hardware.free is None:
        label = item.hardware.selector[0][0]
        lines.append(f"Nodes of other makes have other labels: kubectl get nodes -L {label}")
    if is_gated(model.name):
        lines.append(f"The model is gated: create the Secret {TOKEN_SECRET} with your token under HF_TOKEN.")
    if hardware_preset(item.hardware.type)["engine"]["image"].endswith(":latest"):
        lines.append("Set a version of the image that you have tested.")
    return "".join(f"# {line}\n" for line in lines) + dump(values(model, need, item))


def _parallelism(item: Candidate) -> dict[str, Any]:
    layout = item.layout
    sizes: dict[str, Any] = {"tensor": layout.tensor}
    if layout.pipeline > 1:
        sizes |= {"pipeline": layout.pipeline, "workers": layout.pipeline}
    if layout.workers > 1:
        sizes |= {"dataLocal": layout.data // layout.workers, "workers": layout.workers}
    elif layout.data > 1:
        sizes["data"] = layout.data
    return sizes | ({"expert": True} if layout.expert else {})
