"""The feature pages name tests and keys that exist."""

import re
from pathlib import Path

import pytest

from modelservice.docs.keys import leaves
from modelservice.values import Values
from support.render import ROOT

PAGES = [ROOT / "docs" / "features.md", *sorted((ROOT / "docs" / "features").glob("*.md"))]
TESTS: dict[str, str] = {}
"""Text of the test files by name; a name may be in several folders."""
for _path in sorted((ROOT / "tests").rglob("test_*.py")):
    TESTS[_path.name] = TESTS.get(_path.name, "") + _path.read_text()
EVERYTHING = "\n".join(TESTS.values())


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_named_tests_exist(page: Path) -> None:
    text = page.read_text()
    for name, function in re.findall(r"(test_\w+\.py)(?:::(\w+))?", text):
        assert name in TESTS, name
        assert not function or f"def {function}(" in TESTS[name], f"{name}::{function}"
    for function in re.findall(r"`::(\w+)`", text):
        assert f"def {function}(" in EVERYTHING, function


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_named_files_exist(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target
    for path in re.findall(r"`(examples/[^`]+)`", page.read_text()):
        assert (ROOT / path).exists(), path


def test_every_key_of_the_model_is_explained() -> None:
    """A new key of ``modelArtifacts`` or of an engine's options gets a line in the page about them."""
    page = (ROOT / "docs" / "features" / "models.md").read_text()
    keys = {leaf.path for leaf in leaves(Values) if leaf.path.startswith(("modelArtifacts.", "engine.type"))}
    words = set(re.findall(r"\w+", page))
    assert {key for key in keys if re.split(r"\W+", key)[-1] not in words} <= {
        "modelArtifacts.imagePullPolicy",
        "modelArtifacts.download.resources.claims",
        "modelArtifacts.download.resources.claims[].name",
        "modelArtifacts.download.resources.claims[].request",
        "modelArtifacts.download.resources.limits",
        "modelArtifacts.download.resources.requests",
    }
