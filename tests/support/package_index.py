"""Wheels that tests read again, to see that facts have not gone stale."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest


@contextlib.contextmanager
def package_index() -> Iterator[None]:
    """For a block that reads wheels: skips the test where no index serves them, but fails it in CI."""
    wheels = pytest.importorskip("dev.wheels", reason="pip reads the wheels")
    try:
        yield
    except wheels.UNREACHABLE as error:
        reason = f"no package index: {error}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
