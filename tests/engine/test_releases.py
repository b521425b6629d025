"""The parser of every release of vLLM accepts what the chart renders for an image of that release, or ``check`` warns."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelservice.engines.arguments import versions
from modelservice.helm import EmbeddedHelm
from support import command_lines

VERSIONS = [str(version) for version in versions()]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_parser_rejects_what_check_says(version: str, models: Path, embedded: EmbeddedHelm, tmp_path: Path) -> None:
    lines, warned = command_lines.of_version(version, embedded, tmp_path)
    assert len(lines) > 20
    rejected = command_lines.parse(lines, version)
    assert {name.partition(": ")[0] for name in rejected} == warned, rejected
