"""Real vLLM accepts every command line that the chart renders, and calls nothing in it deprecated."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from support.presets import layers, sensible
from support.real_engine import Answer, Pod, pods_of, read
from support.render import ROOT, Render

OUTPUT = ROOT / "examples" / "output"


def model_for(pod: Pod) -> str:
    """Name of a tiny model that the pod can serve."""
    words = pod.arguments or []
    if "pooling" in words:
        return "embed"
    return "wide-moe" if "--enable-expert-parallel" in words else "wide-dense"


@pytest.fixture(scope="module")
def answers(models: Path, render: Render, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    folder = tmp_path_factory.mktemp("pods")
    pods = {}
    for path in sorted(OUTPUT.glob("*.yaml")):
        objects = [document for document in yaml.safe_load_all(path.read_text()) if document]
        for pod in pods_of(path.stem, objects, folder / path.stem):
            pods[f"{path.stem}: {pod.folder.name}"] = pod
    for number, names in enumerate(sensible()):
        if "engine/vllm" in names:
            for pod in pods_of("presets", render(layers(*names)).items, folder / str(number)):
                pods[f"{' + '.join(names)}: {pod.folder.name}"] = pod
    return read({name: (pod, model_for(pod)) for name, pod in pods.items() if pod.arguments is not None})


def test_vllm_accepts_them(answers: dict[str, Answer]) -> None:
    assert len(answers) > 100
    assert not {name: answer.error for name, answer in answers.items() if answer.error}


def test_nothing_is_deprecated(answers: dict[str, Answer]) -> None:
    assert not {name: answer.deprecations for name, answer in answers.items() if answer.deprecations}
