"""Engines by type: command, arguments, variables, port and probes of each."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from modelservice import facts
from modelservice.helm import EmbeddedHelm, Release
from modelservice.paths import chart_dir
from modelservice.values import Values
from support.engines import IMAGES, single
from support.patience import PATIENCE
from support.refusal import refusal
from support.render import Render, shared

ARGUMENTS = facts.DIRECTORY / "engines" / "arguments"
MODEL = {
    "ollama": {"uri": "ollama://qwen3:0.6b"},
    "fasterWhisper": {"uri": "hf://org/model", "name": "org/model"},
}


def served(engine: str, **more: Any) -> dict[str, Any]:
    return {**single(engine, **MODEL.get(engine, {"uri": "hf://org/model"})), **more}


START = {
    "vllm": (["vllm", "serve"], "org/model"),
    "sglang": (["python3", "-m", "sglang.launch_server"], "--model-path"),
    "simulator": (None, "--model"),
    "ollama": (None, "serve"),
    "infinity": (None, "v2"),
    "huggingface": (None, "--model_name"),
    "fasterWhisper": (None, None),
}
HEALTH = {"simulator": "/health/ready", "ollama": "/", "huggingface": "/v2/health/ready"}


@pytest.mark.parametrize("engine", START)
def test_how_it_starts(render: Render, engine: str) -> None:
    container = render(served(engine)).engine()
    command, first = START[engine]
    assert container.get("command") == command
    assert container.get("args", [None])[0] == first


def test_sglang_has_metrics_as_the_others_do(render: Render) -> None:
    assert "--enable-metrics" in render(served("sglang")).engine()["args"]
    without = served("sglang")
    without["engine"] = {**without["engine"], "args": {"enable-metrics": None}}
    assert "--enable-metrics" not in render(without).engine()["args"]


@pytest.mark.parametrize("engine", IMAGES)
def test_it_listens_on_the_service_port(render: Render, engine: str) -> None:
    objects = render(served(engine, routing={"servicePort": 9000, "proxy": {"enabled": False}}))
    container = objects.engine()
    said = {
        "ollama": "OLLAMA_HOST",
        "infinity": "INFINITY_PORT",
        "fasterWhisper": "UVICORN_PORT",
    }
    if engine in said:
        assert objects.env()[said[engine]].split(":")[-1] == "9000"
    else:
        option = "--http_port" if engine == "huggingface" else "--port"
        assert container["args"][container["args"].index(option) + 1] == "9000"
    assert container["ports"][0] == {"name": "http", "containerPort": 9000, "protocol": "TCP"}


@pytest.mark.parametrize("engine", IMAGES)
def test_probes_ask_the_engine_where_it_answers(render: Render, engine: str) -> None:
    container = render(served(engine)).engine()
    for probe in ("startupProbe", "readinessProbe"):
        assert container[probe]["httpGet"] == {"path": HEALTH.get(engine, "/health"), "port": 8000}
    assert container["livenessProbe"]["httpGet"]["port"] == 8000


@pytest.mark.parametrize("engine", IMAGES)
def test_loading_may_take_an_hour(render: Render, engine: str) -> None:
    probe = render(served(engine)).engine()["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] == 3600


def test_a_probe_of_the_user_stays(render: Render) -> None:
    values = served("vllm")
    values["engine"]["startupProbe"] = {"tcpSocket": {"port": 8000}}
    container = render(values).engine()
    assert container["startupProbe"]["tcpSocket"] == {"port": 8000}
    assert "httpGet" not in container["startupProbe"]
    assert "httpGet" in container["readinessProbe"]


def test_a_probe_of_extra_config_replaces_the_derived_one(render: Render) -> None:
    values = served("vllm")
    values["engine"]["extraConfig"] = {"startupProbe": {"exec": {"command": ["true"]}}, "livenessProbe": None}
    container = render(values).engine()
    assert container["startupProbe"]["exec"] == {"command": ["true"]}
    assert "httpGet" not in container["startupProbe"]
    assert "livenessProbe" not in container
    assert "httpGet" in container["readinessProbe"]


def test_a_port_of_the_user_is_not_repeated(render: Render) -> None:
    values = served("vllm")
    values["engine"]["ports"] = [{"containerPort": 8000, "name": "api"}]
    assert render(values).engine()["ports"] == [{"containerPort": 8000, "name": "api"}]


def test_a_pod_monitor_names_the_port(render: Render) -> None:
    values = served("vllm", decode={"monitoring": {"podmonitor": {"enabled": True}}})
    assert render(values).engine()["ports"] == [{"name": "metrics", "containerPort": 8000, "protocol": "TCP"}]


def test_the_engine_behind_the_proxy_is_probed_itself(render: Render) -> None:
    container = render(served("vllm", routing={"proxy": {"targetPort": 8200}})).engine()
    assert container["startupProbe"]["httpGet"]["port"] == 8200
    assert container["ports"][0]["containerPort"] == 8200


def test_a_pod_with_a_port_a_rank_is_probed_at_its_supervisor(render: Render) -> None:
    layout = {"parallelism": {"data": 4, "dataMode": "multiPort"}}
    container = render(served("vllm", decode=layout)).engine()
    assert container["readinessProbe"]["httpGet"]["port"] == 8004
    assert [port["containerPort"] for port in container["ports"]] == [8000, 8001, 8002, 8003]


def test_without_a_type_no_port_and_no_probe_is_derived(render: Render) -> None:
    values = served("vllm")
    values["engine"] = {"image": IMAGES["vllm"], "modelCommand": "vllmServe"}
    assert not {"ports", "startupProbe", "readinessProbe", "livenessProbe"} & render(values).engine().keys()


def test_a_role_may_have_a_type_of_its_own(render: Render) -> None:
    values = served("vllm", decode={"engine": {"type": "sglang", "image": IMAGES["sglang"]}})
    assert render(values).engine()["command"][-1] == "sglang.launch_server"


def test_the_type_holds_for_a_listed_container(render: Render) -> None:
    values = served("vllm", decode={"containers": [{"name": "server", "args": ["--seed", "1"]}]})
    container = render(values).engine()
    assert container["name"] == "server"
    assert container["command"] == ["vllm", "serve"]
    assert container["args"][-2:] == ["--seed", "1"]


def test_a_command_of_a_listed_container_stays_custom(render: Render) -> None:
    values = served("vllm", decode={"containers": [{"name": "server", "command": ["run"], "args": ["x"]}]})
    assert render(values).engine()["command"] == ["run"]


@pytest.mark.parametrize("engine", ["ollama", "infinity", "fasterWhisper", "huggingface"])
def test_an_engine_that_stands_alone_has_nothing_of_vllm(render: Render, engine: str) -> None:
    objects = render(served(engine))
    assert not {"DP_SIZE", "TP_SIZE", "DP_SIZE_LOCAL"} & objects.env().keys()
    assert objects.engine()["name"] != "vllm"
    assert objects.engine()["resources"]["limits"] == {"nvidia.com/gpu": "1"}


def test_more_accelerators_for_an_engine_without_parallelism(render: Render) -> None:
    values = served("ollama", accelerator={"count": 2})
    assert render(values).engine()["resources"]["limits"] == {"nvidia.com/gpu": "2"}


# --- Ollama ------------------------------------------------------------------------------------


def test_ollama_pulls_before_it_serves(render: Render) -> None:
    objects = render(served("ollama"))
    (container,) = objects.pod()["initContainers"]
    assert container["image"] == IMAGES["ollama"]
    assert container["command"][-2:] == ["qwen3:0.6b", "served"]
    assert objects.env()["OLLAMA_MODELS"] == "/model-cache"
    assert objects.env()["OLLAMA_KEEP_ALIVE"] == "-1"


def test_ollama_loads_the_model_before_it_is_ready(render: Render) -> None:
    values = served("ollama")
    values["modelArtifacts"]["features"] = ["TextGeneration"]
    assert render(values).engine()["startupProbe"]["exec"]["command"] == ["ollama", "run", "served", "hi"]


def test_ollama_with_a_store_on_a_claim(render: Render) -> None:
    values = served("ollama")
    values["modelArtifacts"] = {"name": "qwen3:0.6b", "uri": "pvc://claim/store"}
    values["engine"]["ollama"] = {"model": "qwen3:0.6b"}
    objects = render(values)
    assert objects.env()["OLLAMA_MODELS"] == "/model-cache/store"
    assert "initContainers" not in objects.pod()


def test_ollama_gives_the_model_of_a_claim_a_name(render: Render) -> None:
    values = served("ollama")
    values["modelArtifacts"] = {"name": "qwen", "uri": "pvc://claim", "readOnly": False}
    values["engine"]["ollama"] = {"model": "qwen3:0.6b"}
    (container,) = render(values).pod()["initContainers"]
    assert "pull" not in container["command"][2]
    assert container["command"][-2:] == ["qwen3:0.6b", "qwen"]


OLLAMA = """#!/bin/sh
echo "$@" >> "$LOG"
[ "$1" = serve ] && exec sleep 60
[ "$1" = "$FAILS" ] && exit 3
exit 0
"""


@pytest.mark.skipif(not shutil.which("sh"), reason="there is no shell")
@pytest.mark.parametrize(("fails", "code"), [("", 0), ("pull", 3), ("cp", 1)])
def test_the_script_that_pulls_ends_with_its_result(render: Render, tmp_path: Path, fails: str, code: int) -> None:
    """The script in a real shell, with a program of that name that writes down how it was called."""
    values = served("ollama")
    values["modelArtifacts"]["aliases"] = ["with space".replace(" ", "-")]
    values["engine"]["ollama"] = {"insecure": True}
    (container,) = render(values).pod()["initContainers"]
    program = tmp_path / "ollama"
    program.write_text(OLLAMA)
    program.chmod(0o755)
    log = tmp_path / "log"
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "LOG": str(log), "FAILS": fails}
    done = subprocess.run(container["command"], env=env, timeout=PATIENCE, check=False)
    assert done.returncode == code
    calls = [line for line in log.read_text().splitlines() if line not in ("serve", "list")]
    expected = ["pull --insecure qwen3:0.6b", "cp qwen3:0.6b served", "cp qwen3:0.6b with-space"]
    assert calls == expected[: {"": 3, "pull": 1, "cp": 2}[fails]]


# --- Infinity, faster-whisper, KServe's Hugging Face server --------------------------------------


def test_infinity(render: Render) -> None:
    env = render(served("infinity")).env()
    assert env["INFINITY_MODEL_ID"] == "org/model"
    assert env["INFINITY_SERVED_MODEL_NAME"] == "served"
    assert env["INFINITY_URL_PREFIX"] == "/v1"


def test_infinitys_flags(render: Render) -> None:
    values = served("infinity")
    values["engine"]["args"] = {"batch-size": 16}
    assert render(values).engine()["args"] == ["v2", "--batch-size", "16"]


def test_faster_whisper_loads_before_the_first_request(render: Render) -> None:
    env = render(served("fasterWhisper")).env()
    assert env["WHISPER__MODEL"] == "org/model"
    assert env["PRELOAD_MODELS"] == '["org/model"]'
    assert env["ENABLE_UI"] == "false"
    assert env["WHISPER__TTL"] == "-1"


def test_options_of_the_hugging_face_server(render: Render) -> None:
    values = served("huggingface")
    values["engine"]["huggingface"] = {
        "backend": "huggingface", "task": "fill_mask", "dtype": "float32", "maxModelLen": 512,
        "tokenizerRevision": "v2", "tensorInputNames": ["input_ids", "attention_mask"], "maxLogLen": 100,
        "disableLowerCase": True, "returnProbabilities": True, "trustRemoteCode": False, "enableDocs": True,
    }  # fmt: skip
    args = render(values).engine()["args"]
    given = " ".join(args)
    for part in (
        "--model_name served", "--model_id org/model", "--backend huggingface", "--task fill_mask", "--dtype float32",
        "--max_model_len 512", "--tokenizer_revision v2", "--tensor_input_names input_ids,attention_mask",
        "--max_log_len 100", "--disable_lower_case", "--return_probabilities", "--enable_docs_url true",
    ):  # fmt: skip
        assert part in given
    assert "trust_remote_code" not in given, "a switch that is given is on, whatever follows it"


def test_the_hugging_face_server_loads_a_directory(render: Render) -> None:
    values = served("huggingface")
    values["modelArtifacts"]["uri"] = "pvc://claim/bert"
    args = render(values).engine()["args"]
    assert args[args.index("--model_dir") + 1] == "/model-cache/bert"
    assert "--model_id" not in args


def test_the_hugging_face_server_over_several_accelerators(render: Render) -> None:
    values = served("huggingface", decode={"parallelism": {"tensor": 2}})
    container = render(values).engine()
    assert container["args"][container["args"].index("--tensor-parallel-size") + 1] == "2"
    assert container["resources"]["limits"] == {"nvidia.com/gpu": "2"}


# --- KV cache on processors ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("memory", "ranks", "cache"),
    [
        ("24Gi", 1, "12"),
        ("24Gi", 2, "6"),
        ("34359738368", 1, "16"),
        ("10G", 1, "4"),
        ("1Gi", 1, "1"),
        (17179869184, 1, "8"),
    ],
)
def test_the_kv_cache_is_half_of_the_memory(render: Render, memory: Any, ranks: int, cache: str) -> None:
    values = served("vllm", accelerator={"type": "cpu"}, decode={"parallelism": {"tensor": ranks}})
    values["engine"]["resources"] = {"limits": {"memory": memory}}
    assert render(values).env()["VLLM_CPU_KVCACHE_SPACE"] == cache


def test_the_kv_cache_of_the_user_wins(render: Render) -> None:
    values = served("vllm", accelerator={"type": "cpu"})
    values["engine"] |= {"resources": {"requests": {"memory": "24Gi"}}, "env": {"VLLM_CPU_KVCACHE_SPACE": 4}}
    assert render(values).env()["VLLM_CPU_KVCACHE_SPACE"] == "4"


@pytest.mark.parametrize("change", [{"accelerator": {"type": "nvidia"}}, {"engine": {"resources": {}}}])
def test_no_kv_cache_is_guessed(render: Render, change: dict[str, Any]) -> None:
    values = served("vllm", accelerator={"type": "cpu"})
    values["engine"]["resources"] = {"limits": {"memory": "24Gi"}}
    for key, fields in change.items():
        values[key] = {**values[key], **fields}
    assert "VLLM_CPU_KVCACHE_SPACE" not in render(values).env()


# --- What an engine cannot do ----------------------------------------------------------------------

FEATURES = ["TextGeneration", "TextEmbedding", "Reranking", "Scoring", "Classification", "SpeechToText"]


@pytest.mark.parametrize("engine", IMAGES)
@pytest.mark.parametrize("feature", FEATURES)
def test_a_feature_has_a_path_or_is_rejected(embedded: EmbeddedHelm, engine: str, feature: str) -> None:
    known = facts.engine(engine)
    assert known is not None
    values = served(engine, endpoints={"create": True})
    values["modelArtifacts"]["features"] = [feature]
    if known.api.paths.get(feature):
        (told,) = [item for item in embedded.render(values, Release("test")).objects if item["kind"] == "ConfigMap"]
        assert known.api.paths[feature].keys() <= json.loads(told["data"]["endpoints.json"])["endpoints"].keys()
    else:
        said = refusal(embedded, values)
        assert said.startswith(f"modelArtifacts.features: {known.title} does not serve {feature}, only ")


@pytest.mark.parametrize("engine", ["vllm", "sglang", "simulator"])
def test_only_an_engine_with_a_port_for_each_rank_takes_multi_port(embedded: EmbeddedHelm, engine: str) -> None:
    values = served(engine, decode={"parallelism": {"data": 2, "dataMode": "multiPort"}})
    if engine == "sglang":
        assert refusal(embedded, values) == "decode.parallelism.dataMode: SGLang has no multiPort mode; remove it"
    else:
        assert embedded.render(values, Release("test")).objects


def test_ranks_of_the_simulator_listen_on_the_ports_that_the_pod_names(render: Render) -> None:
    container = render(served("simulator", decode={"parallelism": {"data": 2, "dataMode": "multiPort"}})).engine()
    assert container["args"][container["args"].index("--data-parallel-size") + 1] == "2"
    assert [port["containerPort"] for port in container["ports"]] == [8000, 8001]
    assert container["readinessProbe"]["httpGet"] == {"path": "/health/ready", "port": 8000}


@pytest.mark.parametrize(
    "sizes",
    [
        {"tensor": 2}, {"pipeline": 2}, {"tensor": 2, "dataLocal": 2, "expert": True}, {"data": 16},
        {"workers": 2, "dataLocal": 2}, {"workers": 2, "tensor": 4, "data": 1}, {"workers": 2, "dataMode": "external"},
    ],
)  # fmt: skip
def test_the_simulator_gets_no_size_that_it_exits_on(render: Render, sizes: dict[str, Any]) -> None:
    objects = render(served("simulator", multinode="workers" in sizes, decode={"parallelism": sizes}))
    given = {arg for arg in objects.engine()["args"] if arg.startswith("--")}
    assert given - {"--data-parallel-rank"} == {"--model", "--port", "--served-model-name"}
    assert ("--data-parallel-rank" in given) == (sizes.get("dataMode") == "external")


def test_the_simulator_runs_at_most_eight_ranks(embedded: EmbeddedHelm) -> None:
    values = served("simulator", decode={"parallelism": {"data": 9, "dataMode": "multiPort"}})
    assert "runs at most 8 data parallel ranks, but the layout has 9" in refusal(embedded, values)


@pytest.mark.parametrize(("engine", "size"), [("infinity", "expert"), ("ollama", "data"), ("sglang", "")])
def test_a_size_that_an_engine_does_not_have_is_rejected(embedded: EmbeddedHelm, engine: str, size: str) -> None:
    if size:
        values = served(engine, decode={"parallelism": {size: True if size == "expert" else 2}})
        assert f"decode.parallelism.{size}: " in refusal(embedded, values)
    else:
        sizes = {"tensor": 2, "pipeline": 2, "data": 2, "expert": True}
        assert embedded.render(served(engine, decode={"parallelism": sizes}), Release("test")).objects


def test_vllm_is_not_started_in_the_simulators_image(embedded: EmbeddedHelm) -> None:
    said = refusal(embedded, {"engine": {"modelCommand": "vllmServe"}})
    assert said.startswith("engine.image: modelCommand: vllmServe does not start llm-d's inference simulator")


# --- Spellings of flags ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "derived", "values"),
    [
        (["-tp", "2"], "--tensor-parallel-size", {"decode": {"parallelism": {"tensor": 2}}}),
        (["-pp", "2"], "--pipeline-parallel-size", {"decode": {"parallelism": {"pipeline": 2}}}),
        (["-dpm"], "--data-parallel-multi-port-external-lb", {"decode": {"parallelism": {"data": 2, "dataMode": "multiPort"}}}),
        (["-dp", "2"], "--data-parallel-size", {"decode": {"parallelism": {"data": 2}}}),
        (["-ep"], "--enable-expert-parallel", {"decode": {"parallelism": {"tensor": 2, "expert": True}}}),
        (["--served_model_name", "other"], "--served-model-name", {}),
    ],
)  # fmt: skip
def test_a_flag_that_the_user_spells_otherwise_is_not_given_twice(
    render: Render, given: list[str], derived: str, values: dict[str, Any]
) -> None:
    assert derived in render(served("vllm", **values)).engine()["args"]
    role = {**values.get("decode", {}), "containers": [{"args": given, "image": IMAGES["vllm"]}]}
    assert derived not in render(served("vllm", decode=role)).engine()["args"]


def test_the_chart_knows_every_short_flag_of_vllm() -> None:
    table = json.loads((ARGUMENTS / "vllm.json").read_text(encoding="utf-8"))["arguments"]
    short = {flag.lstrip("-") for argument in table for flag in argument["flags"] if not flag.startswith("--")}
    known = json.loads((chart_dir() / "facts.json").read_text(encoding="utf-8"))["aliases"]
    assert short - {"h"} <= known.keys()


# --- vLLM's own list of arguments ----------------------------------------------------------------

LORA = {
    "adapters": [{"name": f"a{i}", "uri": f"hf://o/{i}"} for i in range(2)],
    "lora": {"maxRank": 64, "maxCpuLoras": 4},
}


@pytest.mark.parametrize("version", ["0.11.0", "0.20.0", "0.32.0"])
@pytest.mark.parametrize(
    "artifacts",
    [
        {"uri": "hf://o/m", "revision": "v1", "aliases": ["a", "b"], "features": ["TextEmbedding"], **LORA},
        {"uri": "s3://b/m", "features": ["TextGeneration"]},
    ],
)
def test_vllm_knows_every_derived_flag(render: Render, artifacts: dict[str, Any], version: str) -> None:
    listed = json.loads(shared(f"reference/vllm-serve-arguments/{version}.json").read_text())["arguments"]
    known = {flag: argument for argument in listed for flag in argument["flags"]}
    args = render(single("vllm", **artifacts)).engine()["args"]
    for position, flag in enumerate(args):
        if flag.startswith("--"):
            assert flag in known
            choices = known[flag]["choices"]
            assert not choices or args[position + 1] in choices, flag


def test_ranks_are_those_of_vllm() -> None:
    listed = json.loads(shared("reference/vllm-serve-arguments/0.32.0.json").read_text())["arguments"]
    (rank,) = (argument for argument in listed if "--max-lora-rank" in argument["flags"])
    field = Values.model_json_schema()["$defs"]["Lora"]["properties"]["maxRank"]
    assert [str(value) for value in field["anyOf"][0]["enum"]] == rank["choices"]
