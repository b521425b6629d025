"""The real engine in the pods of a cluster: vLLM, on processors, from the environment of the machine.

The environment is 3 GB, so it is not copied into an image. The image has a program `vllm` that starts the one of the
environment, which the pods mount read-only at its own path, with the Python that it was built with and the machine's
libraries. vLLM asks `lscpu` for the processors, so the image has the machine's.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from localcluster.images import Image
from localengine import environment
from modelservice.errors import UsageError
from modelservice.inputs import merge, read_values
from support.cluster import claim
from support.real_engine import OFFLINE, START, TINY, models
from support.release import DISAGGREGATED, SIMULATOR, Serving
from support.render import ROOT

IMAGE = "vllm/vllm-openai-cpu:v0.32.0"


def image() -> Image:
    """The image.

    Raises:
        UsageError: the environment cannot be built here, or the machine has no lscpu.
    """
    lscpu = shutil.which("lscpu")
    if lscpu is None:
        raise UsageError("lscpu is not installed, which vLLM runs", fix="install the package util-linux")
    program = environment.environment() / "bin" / "vllm"
    files: dict[str, Path | str] = {"bin/vllm": f'#!/bin/sh\nexec {program} "$@"\n', "bin/lscpu": Path(lscpu)}
    return Image((f"docker.io/{IMAGE}",), ("vllm", "serve"), files)


def install(serving: Serving, release: str) -> str:
    """Installs the prefill/decode example with the tiny model in the model's place, and waits until its pods serve.

    Returns:
        Name of the model.

    Raises:
        UsageError: the environment cannot be built here.
    """
    folder, over = models(), values()
    serving.cluster.import_image(image())
    serving.cluster.client.apply(claim("models", serving.namespace, folder), namespace=serving.namespace)
    any_node: dict[str, Any] = {"labelKey": "", "labelValues": []}
    role = {
        "monitoring": {"podmonitor": {"enabled": False}}, "acceleratorTypes": any_node, "probes": {"enabled": True},
    }  # fmt: skip
    tiny = {
        "modelArtifacts": {"uri": "pvc://models/dense", "authSecretName": None},
        "routing": {"proxy": SIMULATOR["routing"]["proxy"]},
        "decode": role,
        "prefill": role,
    }
    example = read_values(str(ROOT / "examples" / "values-pd.yaml"))
    serving.install(release, merge([over, tiny]), base=example, picker=DISAGGREGATED)
    for each in ("prefill", "decode"):
        serving.wait_for_pods(release, 1, each, START)
    return str(example["modelArtifacts"]["name"])


def values() -> dict[str, Any]:
    """Values, over those of any deployment, for one process per pod that computes on a processor.

    Raises:
        UsageError: the environment cannot be built here.
    """
    folders = {str(environment.environment()), str(Path(sys.base_prefix).resolve()), "/lib", "/lib64"}
    names = {f"machine-{index}": folder for index, folder in enumerate(sorted(folders)) if Path(folder).is_dir()}
    role = {
        "replicas": 1,
        "parallelism": {"tensor": 1},
        "volumes": [{"name": name, "hostPath": {"path": folder}} for name, folder in names.items()],
    }
    return {
        "accelerator": {"type": "cpu"},
        "engine": {
            "image": IMAGE,
            "imagePullPolicy": "IfNotPresent",
            "modelCommand": "vllmServe",
            "args": TINY["engine"]["args"],
            "env": {**TINY["engine"]["env"], **OFFLINE},
            "volumeMounts": [{"name": name, "mountPath": folder, "readOnly": True} for name, folder in names.items()],
        },
        "decode": role,
        "prefill": role,
    }
