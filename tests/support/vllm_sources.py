"""vLLM's Python files, as the wheels on the package index have them."""

import functools
import os
import zipfile
from pathlib import Path

import pytest

from localcluster.binaries import cache_dir


@functools.cache
def vllm_sources(version: str) -> Path:
    """Return a zip of a release's Python files; skips with the reason where the wheel cannot be read, not in CI."""
    path = cache_dir() / "wheels" / f"vllm-{version}.zip"
    if path.exists():
        return path
    wheels = pytest.importorskip("dev.wheels", reason="pip reads the wheel")
    try:
        with wheels.index() as index:
            files = index.sources(index.wheel("vllm", version), "vllm")
    except wheels.UNREACHABLE as error:
        reason = f"the wheel of vLLM {version} is out of reach: {error}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    partial.replace(path)  # several workers may read the wheel at once
    return path
