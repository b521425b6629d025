"""Packages from npm, installed once into the cache."""

import contextlib
import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from localcluster.binaries import cache_dir


@functools.cache
def node_modules(name: str, *install: str, files: tuple[Path, ...] = ()) -> Path:
    """Return a folder of packages; skip without Node, and where they cannot be installed, but not in CI.

    Args:
        name: folder in the cache, which is another for other versions.
        install: command of npm with its arguments. No package runs a script.
        files: what it reads: the manifest and the lock.
    """
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("Node and npm are not on PATH")
    installed = cache_dir() / name / "node_modules"
    if installed.is_dir():
        return installed
    installed.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_dir()) as scratch:
        for file in files:
            shutil.copy(file, scratch)
        command = [npm, *install, "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            with contextlib.suppress(OSError):  # another worker was quicker
                Path(scratch, "node_modules").rename(installed)
    if not installed.is_dir():
        reason = f"{name} cannot be installed: {done.stderr}"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    return installed
