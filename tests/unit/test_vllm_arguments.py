"""The table of vLLM's arguments decides as the real parsers do."""

import argparse
import contextlib
import functools
import io
import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from modelservice.engines.arguments import (
    Argument,
    aliases,
    arguments,
    arity,
    canonical,
    help_of,
    history,
    negations,
    removed,
    replacement,
    table,
    versions,
)
from modelservice.engines.command import EngineCommand
from modelservice.engines.version import Version, vllm_version
from modelservice.facts.image_versions import ImageVersions, image_versions
from support.render import ROOT, shared

FACTS = ROOT / "tools/modelservice/facts"
VERSIONS = versions()
NEWEST = VERSIONS[-1]
REAL = [Version.parse(version) for version in ("0.11.0", "0.16.0", "0.20.0", "0.24.0", "0.28.0", "0.32.0")]
"""Versions whose parser was asked in an installed vLLM."""
MACHINE = {"--mm-processor-device"}
"""Flags with choices that depend on the accelerator."""


def real(version: Version | None) -> list[dict[str, Any]]:
    """The arguments that an installed vLLM of this version accepts."""
    text = shared(f"reference/vllm-serve-arguments/{version}.json").read_text()
    return [item for item in json.loads(text)["arguments"] if item["flags"]]


@functools.cache
def real_parser(version: Version) -> argparse.ArgumentParser:
    """A parser with the arguments that an installed vLLM of this version has."""
    found = argparse.ArgumentParser(add_help=False)
    found.add_argument("model_tag", nargs="?")
    for item in real(version):
        options: dict[str, Any] = {"action": "store_true"} if item["nargs"] == 0 else {"nargs": item["nargs"]}
        if item["nargs"] != 0 and item["type"] in ("int", "float"):
            options["type"] = {"int": int, "float": float}[item["type"]]
        if item["choices"] and item["type"] in ("str", None):
            options["choices"] = item["choices"]
        found.add_argument(*item["flags"], dest=item["dest"], **options)
    return found


@functools.cache
def table_parser(version: Version) -> argparse.ArgumentParser:
    """A parser with the arguments that the table has for this version."""
    found = argparse.ArgumentParser(add_help=False)
    found.add_argument("model_tag", nargs="?")
    for argument in dict.fromkeys(table(version).by_flag.values()):
        options: dict[str, Any] = {"action": "store_true"}
        if argument.arity != 0:
            options = {"nargs": None if argument.arity == 1 else argument.arity}
            options["type"] = {"int": int, "float": float}.get(argument.type, str)
            options["choices"] = argument.choices if argument.choices and options["type"] is str else None
        found.add_argument(*argument.flags, *argument.negations, dest=argument.name, **options)
    return found


def refused_by(parser: argparse.ArgumentParser, words: list[str]) -> bool:
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            parser.parse_args(words)
        except SystemExit:
            return True
    return False


def refused_by_table(version: Version, words: list[str]) -> bool:
    known = table(version)
    for flag in EngineCommand.parse({"command": ["vllm", "serve"], "args": words}).flags:
        argument = known.find(flag.spelling)
        if argument is None or (argument.arity in (1, "+") and not flag.values):
            return True
        if argument.arity == 0 and flag.values:
            return True
        if any(argument.refusal(value) for value in flag.values):
            return True
    return False


LINES = [
    ["m", "--tensor-parallel-size", "4"], ["m", "-tp", "4"], ["m", "--tensor-parallel-size=four"], ["m", "--dtype", "float13"],
    ["m", "--enable-prefix-caching"], ["m", "--no-enable-prefix-caching"], ["m", "--enable-prefix-caching=true"],
    ["m", "--max-num-seqs"], ["m", "--max-modle-len", "1"], ["m", "--gpu-memory-util", "0.9"], ["m", "--swap-space", "4"],
    ["m", "--served-model-name", "a", "b"], ["m", "--shutdown-timeout", "5"], ["m", "--disable-log-requests"],
    ["m", "--gpu-memory-utilization", "high"], ["m", "--data-parallel-hybrid-lb", "-dpl", "2"], ["m", "--seed", "x"],
    ["m", "-n4"], ["m", "--disable-expert-parallel"], ["m", "--enable-log-requests"], ["m", "--device", "cpu"],
]  # fmt: skip


@pytest.mark.parametrize("words", LINES, ids=" ".join)
def test_the_table_refuses_what_the_parser_refuses(words: list[str]) -> None:
    for version in VERSIONS:
        assert refused_by_table(version, words) == refused_by(table_parser(version), words), version


@pytest.mark.parametrize("version", REAL, ids=str)
def test_the_table_refuses_what_the_installed_parser_refuses(version: Version) -> None:
    for words in LINES:
        if "--seed" not in words:  # its type is hidden in an optional one
            assert refused_by_table(version, words) == refused_by(real_parser(version), words), words


@pytest.mark.parametrize("version", REAL, ids=str)
def test_the_table_has_the_arguments_of_the_installed_parser(version: Version) -> None:
    known = table(version)
    stated = {flag: item for item in real(version) for flag in item["flags"]}
    assert set(known.by_flag) == set(stated)
    for flag, item in stated.items():
        assert known.by_flag[flag].arity == (1 if item["nargs"] is None else item["nargs"]), flag
        if flag not in MACHINE:
            assert sorted(known.by_flag[flag].choices) == sorted(map(str, item["choices"] or [])), flag


def test_forms_of_an_argument_do_not_overlap() -> None:
    for version in VERSIONS:
        here = [argument for argument in arguments() if argument.first <= version <= argument.last]
        flags = [flag for argument in here for flag in (*argument.flags, *argument.negations)]
        assert len(flags) == len(set(flags)), version
        assert len({argument.name for argument in here}) == len(here), version


def test_every_default_is_a_value_that_the_argument_takes() -> None:
    for argument in arguments():
        assert argument.first <= argument.last
        if argument.arity == 1 and argument.default != "" and isinstance(argument.default, (int, float, str)):
            assert argument.refusal(str(argument.default)) is None, argument
        if argument.arity == 0:
            assert argument.default in (None, False, True), argument


def test_a_canonical_name_is_the_same_in_all_versions() -> None:
    names = {argument.name for argument in arguments()}
    assert not names & {spelling.lstrip("-") for spelling in aliases()}
    assert aliases()["-tp"] == "tensor-parallel-size"
    assert aliases()["--device-memory-utilization"] == "gpu-memory-utilization"
    assert "--device-memory-utilization" not in aliases(Version(0, 20))
    assert negations()["--no-enable-prefix-caching"] == "enable-prefix-caching"
    assert negations(NEWEST)["--disable-expert-parallel"] == "enable-expert-parallel"
    assert "--disable-expert-parallel" not in negations(Version(0, 32))


def test_arity_is_known_by_name_and_by_flag() -> None:
    assert arity("served-model-name") == "+"
    assert arity("-tp") == arity("--tensor_parallel_size") == arity("tensor-parallel-size", Version(0, 11)) == 1
    assert arity("no-enable-prefix-caching") == 0
    assert arity("swap-space") == 1 and arity("swap-space", NEWEST) is None
    assert arity("no-such-flag") is None


def found(version: Version, spelling: str) -> Argument:
    argument = table(version).find(spelling)
    assert argument, spelling
    return argument


def test_spellings_that_vllm_rewrites_are_found() -> None:
    assert canonical("--max_num_seqs") == "--max-num-seqs" and canonical("--a_b.c_d") == "--a-b.c_d"
    assert found(NEWEST, "--compilation-config.mode").arity == 1
    assert found(NEWEST, "-O3").name == "optimization-level" and found(NEWEST, "-O3").arity == 0
    assert found(Version(0, 11), "-O3").name == "compilation-config"
    assert table(NEWEST).find("--enforce-eager.x") is None


def test_history_tells_when_a_flag_was_there() -> None:
    assert history("--tensor-parallel-size") == ((VERSIONS[0], NEWEST),)
    assert history("--disable-log-requests") == ((VERSIONS[0], (0, 16, 0)), ((0, 33, 0), NEWEST))
    assert history("--swap-space") == ((VERSIONS[0], (0, 17, 1)),)
    assert history("--no-such-flag") == ()
    assert removed("--worker-use-ray") == (0, 6, 6) and removed("--swap-space") is None


def test_defaults_differ_by_version() -> None:
    assert found(Version(0, 19), "--gpu-memory-utilization").default == 0.9
    assert found(Version(0, 20), "--gpu-memory-utilization").default == 0.92
    assert found(Version(0, 11), "--api-server-count").default == 1


@pytest.mark.parametrize(
    ("version", "used", "exact", "older", "newer"),
    [
        ("0.11.0", "0.11.0", True, False, False), ("0.11.1", "0.11.1", True, False, False),
        ("0.10.2", "0.11.0", False, True, False), ("0.16.4", "0.16.0", False, False, False),
        (f"{NEWEST.major}.{NEWEST.minor}.{NEWEST.patch + 1}", str(NEWEST), False, False, True),
        ("99.0.0", str(NEWEST), False, False, True),
    ],
)  # fmt: skip
def test_a_version_is_exact_or_older_or_newer_than_known(
    version: str, used: str, exact: bool, older: bool, newer: bool
) -> None:
    known = table(Version.parse(version))
    assert (str(known.version), known.exact, known.older, known.newer) == (used, exact, older, newer)


def test_without_a_version_the_newest_is_taken() -> None:
    assert table(None).version == NEWEST and not table(None).exact


def test_the_wheels_are_those_of_the_versions() -> None:
    wheels = json.loads((FACTS / "engines/arguments/vllm.json").read_text())["wheels"]
    assert all(wheel.startswith(f"vllm-{version}-") for version, wheel in wheels.items())
    assert list(VERSIONS) == sorted(VERSIONS)
    minors = {version.minor for version in VERSIONS}
    assert minors == set(range(11, NEWEST.minor + 1))


def test_what_is_replaced_is_gone() -> None:
    entries = yaml.safe_load((FACTS / "engines/arguments/vllm-replacements.yaml").read_text())
    for flag in (flag for entry in entries for flag in entry["flags"]):
        assert replacement(f"--{flag}")
        gone = any(last < NEWEST for _, last in history(f"--{flag}"))
        assert gone or removed(f"--{flag}"), flag
    for name in re.findall(r"--([a-z-]+)", " ".join(entry["instead"] for entry in entries)):
        assert arity(name, NEWEST) is not None, name


def test_forms_are_merged_over_releases() -> None:
    pytest.importorskip("pip", reason="pip reads the wheels")
    from dev.extract_vllm_arguments import differences, merge, of_release, removed

    size: dict[str, Any] = {"flags": ["--size", "-s"], "type": "int"}
    fast: dict[str, Any] = {"flags": ["--fast"], "negations": ["--no-fast"], "arity": 0}
    releases = {"0.9.0": [size], "0.10.0": [{**size, "default": 1}, fast], "0.11.0": [size, fast]}
    merged = merge(releases)
    assert merged == [
        {**fast, "since": "0.10.0"},
        {**size, "until": "0.9.0"},
        {**size, "default": 1, "since": "0.10.0", "until": "0.10.0"},
        {**size, "since": "0.11.0"},
    ]
    written = {"wheels": dict.fromkeys(releases, ""), "arguments": merged}
    for version, stated in releases.items():
        assert differences(of_release(written, version), stated) == []
    assert differences([size], [fast]) == [
        f"- {json.dumps(size, sort_keys=True)}",
        f"+ {json.dumps(fast, sort_keys=True)}",
    ]
    older = {"0.7.0": [{"flags": ["--old"]}, size], "0.8.0": [size]}
    assert removed(older, merged) == {"--old": "0.7.0"}


@pytest.mark.slow
def test_the_table_is_what_the_newest_wheel_says() -> None:
    pytest.importorskip("pip", reason="pip reads the wheel")
    done = subprocess.run(
        [sys.executable, "-m", "dev.extract_vllm_arguments", "--check"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "tools")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode == 2 and os.environ.get("CI") != "true":
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("vllm/vllm-openai:v0.32.0", "0.32.0"),
        ("docker.io/vllm/vllm-openai:v0.11.2-aarch64", "0.11.2"),
        ("mirror.example.com/vllm/vllm-openai:v0.18.0-cu129@sha256:" + "a" * 64, "0.18.0"),
        ("vllm/vllm-openai-rocm:v0.20.1", "0.20.1"),
        ("vllm/vllm-openai:latest", None),
        ("vllm/vllm-openai:kimi-k3", None),
        ("vllm/vllm-openai@sha256:" + "a" * 64, None),
        ("localhost:5000/vllm/vllm-openai", None),
        ("localhost:5000/team/vllm:v0.32.0", "0.32.0"),
        ("public.ecr.aws/q9t5s3a7/vllm-cpu-release-repo:v0.11.0", "0.11.0"),
        ("ghcr.io/llm-d/llm-d:v0.2.0", "0.10.0"),
        ("ghcr.io/llm-d/llm-d-cuda:v0.4.0", "0.11.2"),
        ("ghcr.io/llm-d/llm-d-cuda:v0.9.0", "0.26.0"),
        ("mirror.example.com/llm-d/llm-d-cpu:v0.5.1", "0.15.1"),
        ("ghcr.io/llm-d/llm-d-cuda:v0.99.0", None),
        ("ghcr.io/llm-d/llm-d-xpu:v0.9.0", None),
        ("ghcr.io/llm-d/llm-d-inference-sim:v0.19.0", None),
        ("rocm/vllm:rocm7.0.0_vllm_0.11.2_20251210", "0.11.2"),
        ("rocm/vllm:latest", None),
        ("lmcache/vllm-openai:v0.3.9", None),
        ("quay.io/ascend/vllm-ascend:v0.11.0rc0-openeuler", "0.11.0"),
        ("opea/vllm-gaudi:1.22.0", None),
        ("intel/vllm:0.10.0-xpu", "0.10.0"),
        ("nvcr.io/nvidia/vllm:25.10-py3", "0.10.2"),
        ("nvcr.io/nvidia/vllm:99.01-py3", None),
        ("registry.redhat.io/rhaiis/vllm-cuda-rhel9:3.2.0", None),
        ("vllm/vllm-tpu:v0.12.0", "0.12.0"),
        ("lmsysorg/sglang:v0.5.5", None),
    ],
)
def test_the_image_tells_the_version_of_vllm(image: str, version: str | None) -> None:
    assert str(vllm_version(image)) == str(version)


def test_the_rules_for_images_are_sound() -> None:
    text = (FACTS / "image-versions.yaml").read_text()
    rules = TypeAdapter(tuple[ImageVersions, ...]).validate_python(yaml.safe_load(text), extra="forbid")
    assert rules == image_versions()
    for rule in rules:
        sources = [rule.source] if isinstance(rule.source, str) else rule.source
        assert sources and all(source.startswith("https://") for source in sources)
        re.compile(rule.images)
        assert rule.tag is None or re.compile(rule.tag).groups == 1
        assert rule.tag or not rule.releases
        assert all(Version.parse(version) for version in rule.releases.values())


@pytest.mark.parametrize(
    ("container", "port", "flags"),
    [
        ({"command": ["vllm", "serve", "m"], "args": ["--port=9"]}, 9, ["port"]),
        ({"command": ["/bin/sh", "-c", 'exec vllm serve "$@" --seed "$((X * 2))"', "v"], "args": ["m", "--port", "9"]}, 9, ["port", "seed"]),
        ({"command": ["bash", "-c"], "args": ["set -e\n# vllm serve no\nvllm serve m \\\n  --port $P \\\n  --enforce-eager && echo x"],
          "env": [{"name": "P", "value": "7"}]}, 7, ["port", "enforce-eager"]),
        ({"command": ["python3", "-m", "vllm.entrypoints.openai.api_server", "--port", "$(P)"]}, None, ["port"]),
        ({"image": "vllm/vllm-openai:v0.32.0", "args": ["--model", "m"]}, 8000, ["model"]),
        ({"command": ["bash", "-c"], "args": ["vllm serve m --kv-transfer-config '{\"a\": 1}' > log; sleep 1"]}, 8000, ["kv-transfer-config"]),
    ],
)  # fmt: skip
def test_command_lines_are_read_from_every_form(container: dict[str, Any], port: int | None, flags: list[str]) -> None:
    line = EngineCommand.parse(container)
    assert line.engine == "vllm"
    assert [flag.name for flag in line.flags] == flags
    assert line.number("port", 8000) == port


def test_almost_every_flag_has_a_line_of_the_engines_own_help() -> None:
    known = {argument.flags[0] for argument in arguments()}
    without = {flag for flag in known if not help_of(flag)}
    assert len(without) < len(known) / 20, sorted(without)
    assert help_of("--max-model-len").startswith("Model context length")
