"""vLLM's Python files, as the wheels on the package index have them."""

import functools
import os
from pathlib import Path

from localcluster.binaries import cache_dir
from support.package_index import package_index


@functools.cache
def vllm_sources(version: str) -> Path:
    """Return a zip of a release's Python files; skips with the reason where the wheel cannot be read, not in CI."""
    with package_index():
        return archived_sources(version)


def archived_sources(version: str) -> Path:
    """Return a zip of a release's Python files, which is fetched once.

    Raises:
        NoWheelError, OSError: the wheel cannot be read; see ``dev.wheels.UNREACHABLE``.
    """
    from dev.extract_vllm_arguments import write_sources
    from dev.wheels import index

    path = cache_dir() / "wheels" / f"vllm-{version}.zip"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}")
        with index() as source:
            write_sources(source, version, partial)
        partial.replace(path)  # several workers may read the wheel at once
    return path
