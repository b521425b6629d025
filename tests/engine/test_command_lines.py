"""vLLM accepts every command line that the chart renders, and calls nothing in it deprecated."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modelservice.helm import EmbeddedHelm
from modelservice.inputs import InputWarning
from support import command_lines
from support.command_lines import Answer
from support.render import Render


@pytest.fixture(scope="module")
def answers(models: Path, render: Render, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    folder = tmp_path_factory.mktemp("pods")
    return command_lines.configure(
        command_lines.of_examples(folder / "examples") | command_lines.of_presets(render, folder / "presets")
    )


def test_vllm_accepts_them(answers: dict[str, Answer]) -> None:
    assert len(answers) > 100
    assert not {name: answer.error for name, answer in answers.items() if answer.error}


def test_nothing_is_deprecated(answers: dict[str, Answer]) -> None:
    assert not {name: answer.deprecations for name, answer in answers.items() if answer.deprecations}


def test_vllm_accepts_imported_samples(models: Path) -> None:
    lines = command_lines.of_samples()
    assert len(lines) > 20
    assert command_lines.rejections(lines) == {}


FROM_THE_SOURCE = {
    "unrecognized arguments: --disable-log-requests": "gone in newer versions; the image does not tell its version",
    "unrecognized arguments: --max-seq-len-to-capture": "the same",
    "No module named 'ray'": "the images have it, and the environment here has not",
}
"""What vLLM rejects in values that people use, and why it is not the chart's."""


@pytest.mark.filterwarnings(f"ignore::{InputWarning.__module__}.{InputWarning.__qualname__}")
def test_vllm_accepts_values_that_people_use(models: Path, embedded: EmbeddedHelm) -> None:
    lines = command_lines.of_real_values(embedded)
    assert len(lines) > 20
    rejected = command_lines.rejections(lines)
    known = "|".join(map(re.escape, FROM_THE_SOURCE))
    assert {found[0] if (found := re.search(known, why)) else why for why in rejected.values()} == set(FROM_THE_SOURCE)
