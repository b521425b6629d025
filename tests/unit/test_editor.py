"""Editors complete and explain the values by the schema, through the YAML language server."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from support.language_server import Editor, editor
from support.render import ROOT

FILE = ROOT / "charts" / "llm-d-modelservice" / "values.schema.json"
SCHEMA: dict[str, Any] = json.loads(FILE.read_text())


@pytest.fixture(scope="module")
def values() -> Iterator[Editor]:
    with editor(FILE) as opened:
        yield opened


def sections() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the text above a key of each of the chart's own objects, where it appears first, and the object's schema."""
    yield "", SCHEMA
    seen: set[str] = set()
    waiting = [("", SCHEMA)]
    while waiting:
        above, section = waiting.pop(0)
        for name, field in section["properties"].items():
            lead, target = f"{above}{name}:\n", field
            if "items" in referred(target):
                lead, target = f"{lead}{indentation(lead)}- ", referred(target)["items"]
            definition = target.get("$ref", "").removeprefix("#/definitions/")
            if "." in definition or definition in ("", *seen):
                continue
            seen.add(definition)
            text = lead if lead.endswith("- ") else lead + indentation(lead)
            yield text, SCHEMA["definitions"][definition]
            waiting.append((text, SCHEMA["definitions"][definition]))


def referred(field: dict[str, Any]) -> dict[str, Any]:
    name = field.get("$ref", "").removeprefix("#/definitions/")
    return SCHEMA["definitions"][name] if name.startswith("shared.") else field


def indentation(text: str) -> str:
    """Return the spaces of a line below the last one, one level deeper."""
    last = text.rstrip("\n").split("\n")[-1]
    return " " * (len(last) - len(last.lstrip(" -")) + 2)


SECTIONS = list(sections())


@pytest.mark.parametrize(("above", "section"), SECTIONS, ids=[above.strip() or "root" for above, _ in SECTIONS])
def test_every_key_of_a_section_is_offered_and_inserts_values_only(
    values: Editor, above: str, section: dict[str, Any]
) -> None:
    offered = values.completions(above)
    wanted = {name for name, field in section["properties"].items() if "deprecationMessage" not in field}
    assert wanted - set(offered) == set()
    assert [text for text in offered.values() if "null" in text or "[object" in text] == []


def test_the_types_of_accelerators_are_offered(values: Editor) -> None:
    types = values.completions("accelerator:\n  type: ")
    assert {"nvidia", "amd", "google", "cpu"} <= set(types)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nameOverride: A_", "It is not empty or a DNS label: lowercase letters, digits and dashes."),
        ("engine:\n  resources:\n    limits:\n      memory: 1 GB", "It is not a quantity, e.g. 500m, 16Gi or 4."),
        ("multinodeEnableLeader: true", "No effect: leader and workers always get separate templates if they differ."),
        ("decode:\n  replica: 1", "Property replica is not allowed."),
    ],
)
def test_messages_are_in_words(values: Editor, text: str, message: str) -> None:
    assert values.problems(text) == [message]


def test_a_key_is_explained_in_one_paragraph(values: Editor) -> None:
    description = SCHEMA["definitions"]["ModelArtifacts"]["properties"]["uri"]["description"]
    shown = values.hover("modelArtifacts:\n  uri: x").partition("\n\n")[0]
    assert shown.replace("\\", "") == description
