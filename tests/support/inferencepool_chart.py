"""The InferencePool chart of Gateway API Inference Extension, which is installed beside ours."""

import shutil
from pathlib import Path

from localcluster.binaries import module_file

RELEASES = {"1.2": "gaie-1.2", "1.5": "gaie"}
"""Releases of the chart and the Go modules they are in."""


def inference_pool_chart(folder: Path, release: str = "1.5") -> Path:
    """Makes the chart, with its library chart where it has one, in a folder that does not exist."""
    charts = module_file(RELEASES[release], "sigs.k8s.io/gateway-api-inference-extension", "config/charts")
    shutil.copytree(charts, folder)
    for path in [folder, *folder.rglob("*")]:  # the Go module cache is read-only
        path.chmod(0o755)
    if (folder / "epplib").is_dir():
        shutil.copytree(folder / "epplib", folder / "inferencepool" / "charts" / "epplib")
    return folder / "inferencepool"
