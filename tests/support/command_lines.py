"""Command lines of vLLM that the chart renders, and what vLLM itself says of them."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from localengine import environment
from modelservice.check.finding import Severity
from modelservice.check.runner import run
from modelservice.engines.version import vllm_version
from modelservice.errors import ModelserviceError
from modelservice.helm import EmbeddedHelm, Release
from modelservice.importers import import_files
from modelservice.importers.chart import chart
from modelservice.inputs import read_values
from modelservice.model.deployment import Deployment
from support.presets import layers, sensible
from support.real_engine import OFFLINE, SCRIPTS, models, pods_of
from support.render import ROOT, Render, shared
from support.samples import files_of, real_values, samples
from support.vllm_sources import archived_sources

REJECTED = {"engine-flag-unknown", "engine-flag-value"}
"""Rules about arguments that a version of vLLM rejects."""

NEWEST_IMAGE = f"vllm/vllm-openai:v{environment.VERSIONS['vllm']}"


@dataclass(frozen=True)
class CommandLine:
    """Arguments of ``vllm serve`` in a container."""

    words: list[str]
    env: Mapping[str, str]
    image: str

    @property
    def version(self) -> str | None:
        """Version of vLLM in the image; None where the image does not tell."""
        found = vllm_version(self.image)
        return str(found) if found else None

    @property
    def model(self) -> str:
        """Name of a tiny model that can be served with them."""
        if "pooling" in self.words:
            return "embed"
        return "wide-moe" if "--enable-expert-parallel" in self.words else "wide-dense"


CommandLines = dict[str, CommandLine]

_UNKNOWN = re.compile(r"\$\(\(.*?\)\)|\$\{.*?\}|\$\(\w+\)|\$\w+")
"""What only a pod or its shell knows; mostly numbers."""


def of_examples(folder: Path) -> CommandLines:
    """Command lines of examples/output."""
    found: CommandLines = {}
    for path in sorted((ROOT / "examples" / "output").glob("*.yaml")):
        objects = [document for document in yaml.safe_load_all(path.read_text()) if document]
        found |= of_pods(path.stem, objects, folder / path.stem)
    return found


def of_presets(render: Render, folder: Path) -> CommandLines:
    """Command lines of every sensible combination of presets."""
    found: CommandLines = {}
    for number, names in enumerate(sensible()):
        if "engine/vllm" in names:
            found |= of_pods(" + ".join(names), render(layers(*names)).items, folder / str(number))
    return found


def of_version(version: str, embedded: EmbeddedHelm, folder: Path) -> tuple[CommandLines, set[str]]:
    """Command lines of the examples and of the presets for NVIDIA with the image of another version of vLLM, by
    deployment and pod, and the deployments in which ``check`` finds arguments that this version rejects.

    What the chart refuses to render for a version is left out.
    """
    image = f"vllm/vllm-openai:v{version}"
    given = {path.stem: path.read_text() for path in sorted((ROOT / "examples").glob("values-*.yaml"))}
    combinations = [names for names in sensible() if {"hardware/nvidia", "engine/vllm"} <= set(names)]
    given |= {" + ".join(names): yaml.safe_dump(layers(*names)) for names in combinations}
    values = {name: yaml.safe_load(text.replace(NEWEST_IMAGE, image)) for name, text in given.items()}
    found: CommandLines = {}
    warned = set()
    for number, (name, settings) in enumerate(values.items()):
        try:
            objects = embedded.render(settings, Release("test")).objects
        except ModelserviceError:
            continue
        lines = of_pods(name, objects, folder / str(number))
        found |= {pod: line for pod, line in lines.items() if line.version == version}
        findings = run([Deployment(name, objects)])
        if any(item.rule in REJECTED and item.severity is Severity.error for item in findings):
            warned.add(name)
    return found, warned


def of_samples() -> CommandLines:
    """Command lines of imported samples of other systems; skips the test where there are none."""
    shared("samples")
    found: CommandLines = {}
    for sample in samples():
        for number, imported in enumerate(import_files(None, files_of(sample))):
            namespace = imported.namespace or "default"
            objects = chart().render(imported.values, Release("test", namespace)).objects
            found |= dict(_read(f"{sample} {number}", objects))
    return found


def of_real_values(embedded: EmbeddedHelm) -> CommandLines:
    """Command lines of values files that people use, where the chart renders them; skips without them."""
    found: CommandLines = {}
    for file in real_values():
        path = shared(f"upstream/real-values/{file}")
        try:
            objects = embedded.render(read_values(str(path)), Release("real")).objects
        except ModelserviceError:
            continue
        found |= dict(_read(file, objects))
    return found


def of_pods(name: str, objects: Iterable[Mapping[str, Any]], folder: Path) -> CommandLines:
    """Command lines that the containers' commands, which run for real, pass to vLLM."""
    return {
        f"{name}: {pod.folder.name}": CommandLine(pod.arguments, pod.env, pod.group.engine.image)
        for pod in pods_of(name, objects, folder)
        if pod.arguments is not None
    }


def _read(name: str, objects: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, CommandLine]]:
    """Command lines as the tool reads them: scripts of other people do not run here."""
    for group in Deployment(name, list(objects)).servers:
        if group.command.engine == "vllm":
            words = [word for option in group.command.options for word in (option.spelling, *option.values) if word]
            yield (
                f"{name}: {group.name}",
                CommandLine([_UNKNOWN.sub("1", word) for word in words], {}, group.engine.image),
            )


@dataclass(frozen=True)
class Answer:
    """What vLLM says of a command line."""

    error: str | None
    deprecations: list[str]
    parallel: Mapping[str, Any]
    """Fields of the parallel configuration."""


def configure(lines: CommandLines) -> dict[str, Answer]:
    """Return the real vLLM's answers: it parses command lines and builds the engine's configuration of a tiny model."""
    asked: dict[str, str] = {}
    for name, line in lines.items():
        env = {key: value for key, value in line.env.items() if key.startswith("VLLM_")}
        case: dict[str, Any] = {"words": line.words, "env": env, "model": str(models() / line.model)}
        asked[name] = json.dumps(case, sort_keys=True)
    cases = list(dict.fromkeys(asked.values()))
    done = subprocess.run(
        [str(environment.python()), str(SCRIPTS / "configure.py")], input=f"[{','.join(cases)}]", text=True,
        capture_output=True, env={**os.environ, **OFFLINE, "VLLM_LOGGING_LEVEL": "WARNING"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    answers = dict(zip(cases, json.loads(done.stdout), strict=True))
    return {name: Answer(**answers[case]) for name, case in asked.items()}


def parse(lines: CommandLines, version: str) -> dict[str, str]:
    """Return why the parser of a version of vLLM rejects command lines, by the names of those that it rejects."""
    from dev.extract_vllm_arguments import ask

    answers = ask(archived_sources(version), [line.words for line in lines.values()])
    return {name: answer for name, answer in zip(lines, answers, strict=True) if answer is not None}


def rejections(lines: CommandLines) -> dict[str, str]:
    """Return why vLLM rejects command lines, by name: the parser of the version that the image names, or without one the
    whole vLLM that runs here.
    """
    found: dict[str, str] = {}
    of_versions: dict[str, CommandLines] = {}
    for name, line in lines.items():
        of_versions.setdefault(line.version or environment.VERSIONS["vllm"], {})[name] = line
    configured = of_versions.pop(environment.VERSIONS["vllm"], {})
    for version, some in of_versions.items():
        found |= parse(some, version)
    return found | {name: answer.error for name, answer in configure(configured).items() if answer.error}
