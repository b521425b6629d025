"""Tests on the real vLLM for processors: skipped with the reason where its environment cannot be built, not in CI."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modelservice.errors import UsageError
from support import real_engine


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of the real engine share one worker: a server takes 3 GB of memory."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("engine"))


@pytest.fixture(scope="session")
def models() -> Path:
    """The folder of the tiny models."""
    try:
        return real_engine.models()
    except UsageError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
