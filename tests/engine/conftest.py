"""Tests on real engines for processors: skipped with the reason where an environment cannot be built.

With ``REQUIRE_ENGINES`` in the environment they fail there instead; continuous integration sets it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from support.real_engine import models_or_skip


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of real engines share one worker: a server takes 3 GB of memory."""
    folder = Path(__file__).parent
    for item in items:
        if item.path.parent == folder:
            item.add_marker(pytest.mark.xdist_group("engine"))


@pytest.fixture(scope="session")
def models() -> Path:
    """The folder of the tiny models of vLLM."""
    return models_or_skip("vllm")


@pytest.fixture(scope="session")
def infinity_models() -> Path:
    """The folder of the tiny models of Infinity."""
    return models_or_skip("infinity")
