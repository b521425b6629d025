"""What `check --engine-upgrade` says of another version of vLLM."""

import contextlib
import io
import itertools
import json
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelservice import facts
from modelservice.check.finding import Finding, Severity
from modelservice.check.runner import load, sound
from modelservice.check.upgrade import run_with_upgrade
from modelservice.cli import main
from modelservice.engines import arguments, variables
from modelservice.engines.argument_changes import default_changes, versions_taking
from modelservice.engines.version import Version
from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import InputWarning
from modelservice.model.deployment import Deployment
from modelservice.models.engine_settings import settings_of
from support.package_index import package_index
from support.render import ROOT, shared
from support.samples import real_values

PAIRS = [("0.11.0", "0.33.0"), ("0.15.1", "0.24.0"), ("0.32.0", "0.33.0"), ("0.33.0", "0.19.1"),
         ("0.30.0", "0.99.0"), ("0.32.0", "0.6.3"), ("0.9.2", "0.20.0")]  # fmt: skip
"""Versions before and after: over all known ones, a few, downgrades, and versions that are not known."""
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("values-*.yaml"))


def version(text: str) -> Version:
    found = Version.parse(text)
    assert found is not None
    return found


def pod(*flags: str, image: str = "vllm/vllm-openai:v0.15.1", role: str = "decode", **env: str) -> dict[str, Any]:
    container = {
        "name": "vllm", "image": image, "command": ["vllm", "serve", "org/model"], "args": list(flags),
        "env": [{"name": name, "value": value} for name, value in env.items()],
    }  # fmt: skip
    labels = {"llm-d.ai/role": role}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": role},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }  # fmt: skip


def changes(*objects: dict[str, Any], to: str, now: str | None = None) -> list[Finding]:
    """What is found with an upgrade, and not without."""
    kept, rejected = sound(objects, "d")
    assert rejected == []
    deployment = Deployment("d", kept, vllm_version=version(now) if now else None)
    before = run_with_upgrade([deployment])
    found = run_with_upgrade([replace(deployment, engine_upgrade=version(to))])
    assert set(before) <= set(found)
    return [item for item in found if item not in before]


def told(found: list[Finding], rule: str) -> list[str]:
    return [item.message for item in found if item.rule == rule]


TRANSFER = ["--kv-transfer-config", json.dumps({"kv_connector": "NixlConnector", "kv_role": "kv_both"})]
CASES: list[tuple[list[str], dict[str, str], str, str, str, str]] = [
    # flags, variables, from, to, rule, words
    (["--swap-space", "4"], {}, "0.15.1", "0.33.0", "engine-flag-unknown", "does not know --swap-space, which was removed after 0.17.1"),
    (["--shutdown-timeout", "5"], {}, "0.24.0", "0.16.0", "engine-flag-unknown", "which appeared in 0.18.0"),
    (["--convert", "reward"], {}, "0.11.0", "0.33.0", "engine-flag-value", "which vLLM .* was the last to take"),
    (["--kv-cache-dtype", "nvfp4"], {}, "0.24.0", "0.16.0", "engine-flag-value", "which vLLM takes since"),
    ([], {}, "0.19.1", "0.20.0", "engine-upgrade-default", "--gpu-memory-utilization .* in vLLM 0.20.0: from 0.9 to 0.92"),
    ([], {}, "0.20.0", "0.19.1", "engine-upgrade-default", "--gpu-memory-utilization .* in vLLM 0.20.0: from 0.92 to 0.9"),
    (["--mamba-cache-mode", "align"], {}, "0.32.0", "0.33.0", "engine-upgrade-deprecated", "deprecated in vLLM 0.33.0"),
    ([], {"VLLM_ATTENTION_BACKEND": "FLASH_ATTN"}, "0.13.0", "0.33.0", "engine-upgrade-variable", "0.33.0 does not read VLLM_ATTENTION_BACKEND, which 0.13.0 reads"),
    ([], {"VLLM_NIXL_EP_MAX_NUM_RANKS": "8"}, "0.11.0", "0.20.0", "engine-upgrade-variable", "0.20.0 reads VLLM_NIXL_EP_MAX_NUM_RANKS"),
    ([], {}, "0.19.1", "0.20.0", "engine-upgrade-behavior", "memory: since vLLM 0.20"),
    ([], {}, "0.24.0", "0.25.0", "engine-upgrade-behavior", "model runner: since vLLM 0.25"),
    ([], {"VLLM_API_KEY": "k"}, "0.21.0", "0.22.0", "engine-upgrade-behavior", "API key: since vLLM 0.22"),
    ([], {"VLLM_API_KEY": "k"}, "0.22.0", "0.21.0", "engine-upgrade-behavior", "API key: no longer"),
    (TRANSFER, {}, "0.21.0", "0.22.0", "engine-upgrade-behavior", "NixlConnector switches the hybrid KV cache manager off in vLLM 0.21.0, and not in 0.22.0"),
    ([], {}, "0.32.0", "0.24.0", "engine-upgrade-version", "a downgrade"),
    ([], {}, "0.32.0", "0.99.0", "engine-version", "the arguments of vLLM 0.99.0 are not known"),
]  # fmt: skip


@pytest.mark.parametrize(("flags", "env", "now", "to", "rule", "words"), CASES)
def test_a_change_is_told_with_its_version(
    flags: list[str], env: dict[str, str], now: str, to: str, rule: str, words: str
) -> None:
    found = told(changes(pod(*flags, image=f"vllm/vllm-openai:v{now}", **env), to=to), rule)
    assert any(re.search(words, message) for message in found), found


QUIET: list[tuple[list[str], dict[str, str], str, str, str, str]] = [
    # What is set, or decided, or not used, does not change.
    (["--gpu-memory-utilization", "0.9"], {}, "0.19.1", "0.20.0", "engine-upgrade-default", "gpu-memory"),
    (["--no-async-scheduling"], {}, "0.11.0", "0.33.0", "engine-upgrade-default", "async-scheduling"),
    (["--config", "/etc/vllm.yaml"], {}, "0.19.1", "0.20.0", "engine-upgrade-default", ""),
    (["--enforce-eager"], {}, "0.19.1", "0.20.0", "engine-upgrade-behavior", "memory"),
    ([], {"VLLM_USE_V2_MODEL_RUNNER": "0"}, "0.24.0", "0.33.0", "engine-upgrade-behavior", "model runner"),
    ([], {}, "0.21.0", "0.22.0", "engine-upgrade-behavior", "API key"),
    (TRANSFER, {}, "0.22.0", "0.33.0", "engine-upgrade-behavior", "hybrid"),
    ([*TRANSFER, "--disable-hybrid-kv-cache-manager"], {}, "0.21.0", "0.22.0", "engine-upgrade-behavior", "hybrid"),
    ([], {"HF_TOKEN": "x", "VLLM_ASCEND_ENABLE_NZ": "1"}, "0.11.0", "0.33.0", "engine-upgrade-variable", ""),
    (["--max-modle-len", "1"], {}, "0.32.0", "0.33.0", "engine-flag-unknown", ""),  # wrong before as well
    # The table of a version older than all known ones says nothing of defaults.
    ([], {}, "0.9.2", "0.33.0", "engine-upgrade-default", ""),
]  # fmt: skip


@pytest.mark.parametrize(("flags", "env", "now", "to", "rule", "words"), QUIET)
def test_what_does_not_change_is_not_told(
    flags: list[str], env: dict[str, str], now: str, to: str, rule: str, words: str
) -> None:
    found = told(changes(pod(*flags, image=f"vllm/vllm-openai:v{now}", **env), to=to), rule)
    assert not any(re.search(words, message) for message in found), found


@pytest.mark.parametrize(
    ("transfer", "now", "to", "words"),
    [
        ({}, "0.32.0", "0.33.0", "a request that meets both fails"),
        ({}, "0.27.1", "0.28.0", "0.28.0 compares speculative_config, transfer_mode too"),
        ({"kv_load_failure_policy": "recompute"}, "0.32.0", "0.33.0", "is computed again"),
        ({"kv_connector_extra_config": {"enforce_handshake_compat": False}}, "0.32.0", "0.33.0", None),
        ({}, "0.11.0", "0.12.0", None),
        ({"kv_connector": "LMCacheConnectorV1"}, "0.32.0", "0.33.0", None),
    ],
)
def test_old_and_new_pods_of_two_roles_refuse_each_other(
    transfer: dict[str, Any], now: str, to: str, words: str | None
) -> None:
    config = ["--kv-transfer-config", json.dumps({"kv_connector": "NixlConnector", "kv_role": "kv_both", **transfer})]
    image = f"vllm/vllm-openai:v{now}"
    found = changes(*(pod(*config, image=image, role=role) for role in ("prefill", "decode")), to=to)
    messages = told(found, "engine-upgrade-handover")
    assert messages == [] if words is None else (len(messages) == 1 and words in messages[0])
    assert told(changes(pod(*config, image=image), to=to), "engine-upgrade-handover") == []


def test_an_image_of_unknown_version_needs_the_version_in_use() -> None:
    nightly = pod("--swap-space", "4", image="vllm/vllm-openai:nightly")
    assert "does not tell the version" in told(changes(nightly, to="0.33.0"), "engine-upgrade-version")[0]
    stated = changes(nightly, to="0.33.0", now="0.16.0")
    assert told(stated, "engine-upgrade-version") == []
    assert told(stated, "engine-flag-unknown")


def test_an_image_of_changed_sources_is_not_certain() -> None:
    (found,) = [
        item
        for item in changes(pod("--swap-space", "4", image="ghcr.io/llm-d/llm-d-cuda:v0.4.0"), to="0.33.0")
        if item.rule == "engine-flag-unknown"
    ]
    assert found.severity is Severity.warning


def test_another_engine_is_left_alone() -> None:
    sglang = pod(image="lmsysorg/sglang:v0.5.4")
    sglang["spec"]["template"]["spec"]["containers"][0]["command"] = ["python3", "-m", "sglang.launch_server"]
    found = changes(sglang, to="0.33.0")
    assert [item.rule for item in found] == ["engine-upgrade-version"]
    assert "SGLang is not known" in found[0].message


def test_a_stated_version_decides_on_memory() -> None:
    def utilization(stated: str) -> float | None:
        deployment = Deployment("d", [pod(image="registry.example.com/vllm:ours")], vllm_version=version(stated))
        settings = settings_of(deployment.servers[0])
        return settings.utilization if settings else None

    assert (utilization("0.19.1"), utilization("0.20.0")) == (0.9, 0.92)


def deployments(embedded: EmbeddedHelm, file: Path) -> Iterator[Deployment]:
    """The deployment of a values file, where the chart renders it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        deployment, _ = load([str(file)], embedded, Release("upgrade"))
    if deployment is not None:
        yield deployment


def judge(deployment: Deployment, now: str, to: str) -> None:
    """Upgrades a deployment: no rule breaks, and every flag that is told gone is gone."""
    found = run_with_upgrade([replace(deployment, vllm_version=version(now), engine_upgrade=version(to))])
    assert [item.message for item in found if item.rule == "object-invalid"] == []
    target = arguments.table(version(to))
    for item in found:
        gone = re.match(rf"with vLLM {to}: .* does not know (\S+?),? which (was removed|appeared)", item.message)
        if gone:
            assert target.find(gone[1]) is None, item.message
            assert arguments.history(gone[1]), item.message
            assert item.severity is not Severity.error or target.exact
        if item.rule.startswith("engine-upgrade-"):
            assert item.severity is not Severity.error, item.message


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_can_be_upgraded(embedded: EmbeddedHelm, name: str) -> None:
    for deployment in deployments(embedded, ROOT / "examples" / name):
        for now, to in PAIRS:
            judge(deployment, now, to)


@pytest.mark.parametrize("name", real_values())
def test_values_of_others_can_be_upgraded(embedded: EmbeddedHelm, name: str) -> None:
    for deployment in deployments(embedded, shared(f"upstream/real-values/{name}")):
        for now, to in (PAIRS[0], PAIRS[3]):
            judge(deployment, now, to)


def test_every_pair_of_neighbours_is_compared() -> None:
    known = arguments.versions()
    for before, after in itertools.pairwise(known):
        for change in default_changes(before, after):
            assert change.changed == after
        back = {(change.argument.name, change.changed) for change in default_changes(after, before)}
        assert back == {(change.argument.name, change.changed) for change in default_changes(before, after)}
    assert versions_taking("--swap-space", ["4"])[-1] == version("0.17.1")


def run(*words: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main(["check", *words])
    except SystemExit as end:
        code = int(end.code or 0)
    return code, out.getvalue(), err.getvalue()


def test_the_command_reports_changes_as_other_findings(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("engine:\n  image: vllm/vllm-openai:v0.15.1\n  args:\n    swap-space: 4\n")
    given = ("-f", str(ROOT / "examples/values-single.yaml"), "-f", str(file), "--engine-upgrade")
    code, out, _ = run(*given, "0.33.0")
    assert code == 1
    assert f"{file}:4: error: engine.args.swap-space: with vLLM 0.33.0: " in out
    code, out, _ = run(*given, "v0.33.0", "--format", "json")
    found = {item["rule"] for item in json.loads(out)["findings"]}
    assert code == 1
    assert {"engine-flag-unknown", "engine-upgrade-default", "engine-upgrade-behavior"} <= found


def test_what_is_not_a_version_is_refused() -> None:
    code, _, error = run("-f", str(ROOT / "examples/values-pd.yaml"), "--engine-upgrade", "newest")
    assert (code, "--engine-upgrade newest: not a version" in error) == (2, True)


def test_the_variables_are_those_of_the_versions_of_arguments() -> None:
    table = json.loads((facts.DIRECTORY / "engines/arguments/vllm-variables.json").read_text())
    assert [version(release) for release in table["releases"]] == list(arguments.versions())
    for name, runs in table["variables"].items():
        assert runs == sorted(runs)
        assert variables.history(name) == tuple((version(first), version(last)) for first, last in runs)
    assert variables.reads("VLLM_USE_V1", version("0.11.0"))
    assert not variables.reads("VLLM_USE_V1", arguments.versions()[-1])
    assert variables.history("VLLM_NEVER") == ()


def test_the_variables_are_what_the_newest_wheel_names() -> None:
    with package_index():
        from dev.extract_vllm_variables import read, runs, text
        from dev.wheels import index

        newest = arguments.versions()[-1]
        with index() as source:
            found = read(source, str(newest))
    known = json.loads((facts.DIRECTORY / "engines/arguments/vllm-variables.json").read_text())["variables"]
    assert found == {name for name in known if variables.reads(name, newest)}
    assert runs({"1.0": frozenset("ab"), "1.1": frozenset("a"), "1.2": frozenset("ab")}) == {
        "a": [["1.0", "1.2"]], "b": [["1.0", "1.0"], ["1.2", "1.2"]],
    }  # fmt: skip
    assert json.loads(text(["1.0"], {"a": [["1.0", "1.0"]]}))["variables"] == {"a": [["1.0", "1.0"]]}
