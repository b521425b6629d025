"""vLLM accepts every command line that the chart renders, and calls nothing in it deprecated."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelservice.helm import EmbeddedHelm
from support import command_lines
from support.command_lines import Answer, CommandLines
from support.render import Render


def rejected(answers: dict[str, Answer]) -> dict[str, str]:
    """Why vLLM rejects command lines, by name."""
    return {name: answer.error for name, answer in answers.items() if answer.error}


@pytest.fixture(scope="module")
def answers(models: Path, render: Render, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    folder = tmp_path_factory.mktemp("pods")
    return command_lines.configure(
        command_lines.of_examples(folder / "examples") | command_lines.of_presets(render, folder / "presets")
    )


def test_vllm_accepts_them(answers: dict[str, Answer]) -> None:
    assert len(answers) > 100
    assert not rejected(answers)


def test_nothing_is_deprecated(answers: dict[str, Answer]) -> None:
    assert not {name: answer.deprecations for name, answer in answers.items() if answer.deprecations}


def of_this_version(lines: CommandLines) -> CommandLines:
    """Those whose image does not name another version of vLLM than the one that runs here."""
    return {name: line for name, line in lines.items() if line.version in (None, "0.32.0")}


def test_vllm_accepts_imported_samples(models: Path) -> None:
    lines = command_lines.of_samples()
    print(len(lines), {n: l.version for n, l in lines.items()})
    a = command_lines.configure(lines)
    print({n: (x, lines[n].words) for n, x in a.items() if x.error or x.deprecations})
    assert not rejected(a)


@pytest.mark.filterwarnings("ignore::modelservice.inputs.InputWarning")
def test_vllm_accepts_values_that_people_use(models: Path, embedded: EmbeddedHelm) -> None:
    lines = command_lines.of_real_values(embedded)
    print(len(lines), {n: l.version for n, l in lines.items()})
    a = command_lines.configure(lines)
    print({n: (x, lines[n].words) for n, x in a.items() if x.error or x.deprecations})
    assert not rejected(a)
