"""The feature lists name tests that exist."""

import re
from pathlib import Path

import pytest

from rendered import ROOT

PAGES = sorted([*(ROOT / "docs").glob("features.md"), *(ROOT / "docs" / "features").glob("*.md")])
TESTS = ROOT / "tests"


def named(page: Path) -> list[tuple[str, str]]:
    """Files of tests that a page names, and the test where it names one."""
    found: list[tuple[str, str]] = re.findall(r"`((?:[\w-]+/)*test_\w+\.py)(?:::(\w+))?", page.read_text())
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_named_test_exists(page: Path) -> None:
    assert named(page), "the page names no test"
    for file, test in named(page):
        candidates = [folder / file for folder in (TESTS / "unit", TESTS, ROOT) if (folder / file).exists()]
        assert candidates, f"{page.name} names {file}, which does not exist"
        assert not test or f"def {test}(" in candidates[0].read_text(), f"{file} has no {test}"
