"""Sources of Go modules, as the module proxy serves them."""

import functools
import json
import os
import subprocess
from pathlib import Path

import pytest

from localcluster.binaries import go
from modelservice.errors import ModelserviceError


@functools.cache
def source(module: str, version: str) -> Path:
    """Return the directory of a module's source; skips with the reason where it cannot be had, not in CI."""
    try:
        done = subprocess.run(
            [go(), "mod", "download", "-json", f"{module}@{version}"], capture_output=True, text=True, check=False
        )
        answer = json.loads(done.stdout or "{}")
        reason = answer.get("Error", done.stderr)
    except ModelserviceError as error:
        answer, reason = {}, str(error)
    if "Dir" in answer:
        return Path(answer["Dir"])
    if os.environ.get("CI") == "true":
        pytest.fail(f"{module}@{version} cannot be read: {reason}")
    pytest.skip(f"{module}@{version} cannot be read: {reason}")
