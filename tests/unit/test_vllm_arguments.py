"""The table of vLLM's arguments decides as the real parsers do."""

import argparse
import contextlib
import io
import json
from typing import Any

import pytest

from modelservice.engines.arguments import arguments, history, table, versions
from modelservice.engines.command import EngineCommand
from modelservice.engines.version import vllm_version
from support.render import SHARED, shared

VERSIONS = versions()


def parser(version: str) -> argparse.ArgumentParser:
    """A parser with the arguments that vLLM of this version has."""
    found = argparse.ArgumentParser(add_help=False)
    found.add_argument("model_tag", nargs="?")
    text = shared(f"reference/vllm-serve-arguments/{version}.json").read_text()
    for item in json.loads(text)["arguments"]:
        if not item["flags"]:
            continue
        options: dict[str, Any] = {"action": "store_true"} if item["nargs"] == 0 else {"nargs": item["nargs"]}
        if item["nargs"] != 0 and item["type"] in ("int", "float"):
            options["type"] = {"int": int, "float": float}[item["type"]]
        if item["choices"] and item["type"] in ("str", None):
            options["choices"] = item["choices"]
        found.add_argument(*item["flags"], dest=item["dest"], **options)
    return found


def refused_by_parser(version: str, words: list[str]) -> bool:
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            parser(version).parse_args(words)
        except SystemExit:
            return True
    return False


def refused_by_table(version: str, words: list[str]) -> bool:
    known = table(version)
    for flag in EngineCommand.parse({"command": ["vllm", "serve"], "args": words}).flags:
        argument = known.find(flag.spelling)
        if argument is None or (argument.values in (1, "+") and not flag.values):
            return True
        if argument.values == 0 and flag.values:
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
]  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("words", LINES, ids=" ".join)
def test_the_table_refuses_what_the_parser_refuses(version: str, words: list[str]) -> None:
    if "--seed" in words:  # its type is hidden in an optional one in some versions
        assert refused_by_table(version, words)
        return
    assert refused_by_table(version, words) == refused_by_parser(version, words)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_flag_of_the_parser_is_known(version: str) -> None:
    text = shared(f"reference/vllm-serve-arguments/{version}.json").read_text()
    flags = {flag for item in json.loads(text)["arguments"] for flag in item["flags"]}
    assert {flag for flag in flags if table(version).find(flag) is None} == set()


def test_a_flag_has_a_first_and_a_last_version() -> None:
    assert history("--tensor-parallel-size") == (VERSIONS[0], VERSIONS[-1])
    assert history("--no-such-flag") is None
    assert all(argument.first <= argument.last for argument in arguments())


def test_the_table_is_what_the_script_makes_of_parsers() -> None:
    found = argparse.ArgumentParser(add_help=False)
    found.add_argument("--size", "-s", type=int, choices=[1, 2])
    found.add_argument("--fast", action="store_true")
    made = compact([{"version": version, "arguments": accepted(found)} for version in ("0.9.0", "0.10.0")])
    assert made["versions"] == ["0.9.0", "0.10.0"]
    assert made["arguments"] == [
        {"flags": ["--fast"], "values": 0, "versions": [0, 1]},
        {"flags": ["--size", "-s"], "type": "int", "choices": ["1", "2"], "versions": [0, 1]},
    ]


@pytest.mark.skipif(not SHARED.is_dir(), reason="real parsers are not beside the repository")
def test_the_table_is_current() -> None:
    files = sorted(shared("reference/vllm-serve-arguments").glob("*.json"))
    made = compact([json.loads(file.read_text()) for file in files])
    assert made["versions"] == versions()
    assert len(made["arguments"]) == len(arguments())


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("vllm/vllm-openai:v0.32.0", "0.32.0"), ("docker.io/vllm/vllm-openai:v0.11.2-aarch64", "0.11.2"),
        ("vllm/vllm-openai:latest", None), ("ghcr.io/llm-d/llm-d:v0.2.0", None), ("opea/vllm-gaudi:1.22.0", None),
        ("localhost:5000/vllm/vllm-openai", None),
    ],
)  # fmt: skip
def test_the_version_of_vllm_is_read_from_its_own_images_only(image: str, version: str | None) -> None:
    assert vllm_version(image) == version


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
