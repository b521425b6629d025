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
from support.real_engine import OFFLINE, TINY

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
    files = {"bin/vllm": f'#!/bin/sh\nexec {program} "$@"\n', "bin/lscpu": Path(lscpu)}
    return Image((f"docker.io/{IMAGE}",), ("vllm", "serve"), files)


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
