"""Pages for people: short, with links that lead somewhere and values that render."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelservice.cli import main
from modelservice.helm import EmbeddedHelm, Release
from modelservice.values import Values
from support.pages import RUN_IN_ORDER, commands, shows
from support.render import ROOT

README = ROOT / "README.md"
PAGES = [
    README,
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "charts" / "llm-d-modelservice" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """Anchors of the headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def value_blocks(page: Path) -> list[dict[str, Any]]:
    """The values in a page: YAML blocks whose top-level keys are the chart's."""
    known = {field.alias or key for key, field in Values.model_fields.items()}
    blocks = re.findall(r"^```yaml\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    documents = [document for block in blocks for document in yaml.safe_load_all(block)]
    return [document for document in documents if isinstance(document, dict) and document.keys() <= known]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text()):
        path, _, anchor = target.partition("#")
        linked = (page.parent / path) if path else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


@pytest.mark.parametrize("page", [page for page in PAGES if value_blocks(page)], ids=name)
def test_values_in_a_page_are_valid(page: Path) -> None:
    for values in value_blocks(page):
        Values.model_validate(values)


def test_the_readme_is_read_in_a_minute() -> None:
    assert len(README.read_text().splitlines()) <= 150


@pytest.mark.parametrize("values", value_blocks(README), ids=["single", "prefill-decode", "multi-node"])
def test_values_files_of_the_readme_render(embedded: EmbeddedHelm, values: dict[str, Any]) -> None:
    assert embedded.render(values, Release("readme")).objects


def samples() -> Iterator[tuple[str, str, list[str]]]:
    """Yield every command of the tool whose output a page shows, with the page and the output."""
    for page in PAGES:
        for command, output in commands(page.read_text()):
            if output and command.startswith("modelservice ") and name(page) not in RUN_IN_ORDER:
                yield name(page), command, output


OF_A_CLUSTER = "modelservice cluster"
"""What it prints has times and places in it; tests/cluster starts it."""

SAMPLES = [sample for sample in samples() if not sample[1].startswith(OF_A_CLUSTER)]


@pytest.mark.parametrize(("page", "command", "output"), SAMPLES, ids=[sample[1] for sample in SAMPLES])
def test_a_page_shows_what_is_printed(
    page: str,
    command: str,
    output: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    deployed = (ROOT / "examples/values-pd.yaml").read_text()
    (tmp_path / "values.yaml").write_text(deployed.replace("  args:\n", "  args:\n    max-modle-len: 8192\n", 1))
    (tmp_path / "pool.yaml").write_text((ROOT / "examples/pool-pd.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(shlex.split(command)[1:])
    printed = capsys.readouterr().out.splitlines()
    assert shows(output, printed), "\n".join(printed)


def test_the_samples_are_found() -> None:
    pages = {"README.md", "docs/check.md", "docs/diff.md", "docs/model-memory.md", "docs/size.md"}
    assert {page for page, _, _ in SAMPLES} == pages
