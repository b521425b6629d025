"""Command lines of engines: engine, model and flags, whichever way a container starts."""

from typing import Any

import pytest

from modelservice.engines.command import EngineCommand, Option

VLLM = "vllm/vllm-openai:v0.32.0"
SGLANG = "lmsysorg/sglang:v0.5.9"
SIMULATOR = "ghcr.io/llm-d/llm-d-inference-sim:v0.10.2"


def serve(*args: str, image: str = VLLM, **env: str) -> EngineCommand:
    """A container that runs `vllm serve`."""
    variables = [{"name": name, "value": value} for name, value in env.items()]
    return EngineCommand.parse({"image": image, "command": ["vllm", "serve"], "args": list(args), "env": variables})


@pytest.mark.parametrize(
    ("container", "engine", "start"),
    [
        ({"image": VLLM, "command": ["vllm", "serve", "m"]}, "vllm", "command"),
        ({"image": VLLM, "command": ["/opt/venv/bin/vllm", "serve", "m"]}, "vllm", "command"),
        ({"image": VLLM, "args": ["vllm", "serve", "m"]}, "vllm", "command"),
        ({"image": VLLM, "args": ["--model", "m"]}, "vllm", "image"),
        ({"image": VLLM}, "vllm", "image"),
        ({"command": ["python3", "-m", "vllm.entrypoints.openai.api_server"]}, "vllm", "command"),
        ({"command": ["/usr/bin/python3.12", "-u", "-m", "vllm.entrypoints.cli.main", "serve", "m"]}, "vllm", "command"),
        ({"command": ["numactl", "-N", "0", "vllm", "serve", "m"]}, "vllm", "custom"),
        ({"command": ["sh", "-c", "exec vllm serve m"]}, "vllm", "command"),
        ({"command": ["sh", "-c", "sleep 1; vllm serve m"]}, "vllm", "custom"),
        ({"image": SGLANG, "command": ["python3", "-m", "sglang.launch_server"]}, "sglang", "command"),
        ({"image": SGLANG, "args": ["python3", "-m", "sglang.launch_server"]}, "sglang", "command"),
        ({"image": SGLANG, "args": ["--model-path", "m"]}, "sglang", "custom"),
        ({"image": SIMULATOR, "args": ["--model", "m"]}, "simulator", "image"),
        ({"image": SIMULATOR, "command": ["/app/llm-d-inference-sim"], "args": ["--model", "m"]}, "simulator", "command"),
        ({"image": "ollama/ollama:0.31.2", "command": ["ollama", "serve"]}, "ollama", "command"),
        ({"image": "michaelf34/infinity:0.0.77", "args": ["v2", "--model-id", "m"]}, "infinity", "image"),
        ({"image": "fedirz/faster-whisper-server:0.6.0-rc.3-cpu"}, "fasterWhisper", "image"),
        ({"image": "kserve/huggingfaceserver:v0.16.0", "args": ["--model_id", "m"]}, "huggingface", "image"),
        ({"image": VLLM, "command": ["python3", "server.py"]}, None, "custom"),
        ({"image": VLLM, "command": ["sh", "-c", "echo vllm serve m"]}, None, "custom"),
        ({"image": "nginx:1.29"}, None, "custom"),
    ],
)  # fmt: skip
def test_the_engine_and_how_it_starts(container: dict[str, Any], engine: str | None, start: str) -> None:
    line = EngineCommand.parse(container)
    assert (line.engine, line.start) == (engine, start)


@pytest.mark.parametrize(
    ("args", "model"),
    [
        (["--log-config-file", "/etc/vllm/log.json", "Qwen/Qwen3-8B", "--port", "8000"], "Qwen/Qwen3-8B"),
        (["--language-model-only", "Qwen/Qwen3-VL-8B"], "Qwen/Qwen3-VL-8B"),
        (["--fully-sharded-loras", "Qwen/Qwen3-8B"], "Qwen/Qwen3-8B"),
        (["--numa-bind", "Qwen/Qwen3-8B"], "Qwen/Qwen3-8B"),
        (["--model", "Qwen/Qwen3-8B", "--numa-bind"], "Qwen/Qwen3-8B"),
        (["--model=a/b", "--port=1"], "a/b"),
        (["--hf-token", "token", "a/b"], "a/b"),
        (["-O3", "a/b"], "a/b"),
        (["--compilation-config.level", "3", "a/b"], "a/b"),
        (["--served-model-name", "x", "y", "--", "a/b"], "a/b"),
        (["--served-model-name", "x", "a/b"], None),  # as vLLM: the second name
        (["--enable-something-new", "a/b"], "a/b"),
        (["$(OPTIONS)", "a/b"], "a/b"),
        (["$(MODEL)"], "$(MODEL)"),
        ([], None),
    ],
)  # fmt: skip
def test_the_model_is_no_flags_value(args: list[str], model: str | None) -> None:
    assert serve(*args).model == model


SHORT = {
    "-O": "optimization-level", "-ac": "attention-config", "-asc": "api-server-count", "-cc": "compilation-config",
    "-dc": "diffusion-config", "-dcp": "decode-context-parallel-size", "-dp": "data-parallel-size",
    "-dpa": "data-parallel-address", "-dpb": "data-parallel-backend", "-dpe": "data-parallel-external-lb",
    "-dph": "data-parallel-hybrid-lb", "-dpl": "data-parallel-size-local",
    "-dpm": "data-parallel-multi-port-external-lb", "-dpn": "data-parallel-rank", "-dpp": "data-parallel-rpc-port",
    "-dpr": "data-parallel-start-rank", "-ep": "enable-expert-parallel", "-h": "help", "-n": "nnodes",
    "-pcp": "prefill-context-parallel-size", "-pp": "pipeline-parallel-size", "-q": "quantization", "-r": "node-rank",
    "-sc": "speculative-config", "-tp": "tensor-parallel-size",
}  # fmt: skip


@pytest.mark.parametrize(("short", "name"), SHORT.items())
def test_short_flags_have_the_name_of_their_long_form(short: str, name: str) -> None:
    line = serve(f"{short}=1" if name not in ("help",) else short)
    assert [flag.name for flag in line.flags] == [name]
    assert line.flags[0].spelling == short


@pytest.mark.parametrize(
    ("words", "name", "values", "spelling"),
    [
        (["-tp=2"], "tensor-parallel-size", ("2",), "-tp"),
        (["-O3"], "optimization-level", ("3",), "-O"),
        (["-qfp8"], "quantization", ("fp8",), "-q"),
        (["--tensor_parallel_size", "2"], "tensor-parallel-size", ("2",), "--tensor_parallel_size"),
        (["--gpu-memory-util", "0.9"], "gpu-memory-utilization", ("0.9",), "--gpu-memory-util"),
        (["--no-enable-prefix-caching"], "no-enable-prefix-caching", (), "--no-enable-prefix-caching"),
        (["--enable-prefix-caching=true"], "enable-prefix-caching", ("true",), "--enable-prefix-caching"),
        (["--kv-transfer-config.kv_role", "-x"], "kv-transfer-config.kv_role", (), "--kv-transfer-config.kv_role"),
        (["-cc.cudagraph_mode=NONE"], "compilation-config.cudagraph_mode", ("NONE",), "-cc.cudagraph_mode"),
        (["--seed", "-1"], "seed", ("-1",), "--seed"),
        (["--served-model-name=a", "b"], "served-model-name", ("a",), "--served-model-name"),
        (["--max-modle-len", "1"], "max-modle-len", ("1",), "--max-modle-len"),
        (["--hf-token"], "hf-token", (), "--hf-token"),
    ],
)  # fmt: skip
def test_every_spelling_of_a_flag(words: list[str], name: str, values: tuple[str, ...], spelling: str) -> None:
    flag = serve("m", *words).flags[0]
    assert (flag.name, flag.values, flag.spelling) == (name, values, spelling)


def test_the_version_of_the_image_decides_how_many_values_a_flag_has() -> None:
    words = ["--collect-detailed-traces", "all", "--swap-space", "4", "m"]
    assert serve(*words, image="vllm/vllm-openai:v0.11.0").model == "m"
    assert serve(*words, image="registry.example/vllm:mine").model == "m"  # --swap-space is one of older versions
    assert serve("-O3", image="vllm/vllm-openai:v0.11.0").flags[0].name == "compilation-config"


@pytest.mark.parametrize(
    ("args", "flags"),
    [
        (["--tp", "2", "--trust-remote-code", "--model-path", "m"], {"tensor-parallel-size": ("2",), "trust-remote-code": (), "model": ("m",)}),
        (["--dp-size=2", "--lora-paths", "a=b", "c=d", "--port", "1"], {"data-parallel-size": ("2",), "lora-paths": ("a=b", "c=d"), "port": ("1",)}),
        (["--disable-radix-cache", "--mem-fraction-static", "0.8"], {"disable-radix-cache": (), "mem-fraction-static": ("0.8",)}),
    ],
)  # fmt: skip
def test_flags_of_sglang(args: list[str], flags: dict[str, tuple[str, ...]]) -> None:
    line = EngineCommand.parse({"image": SGLANG, "command": ["python3", "-m", "sglang.launch_server"], "args": args})
    assert {flag.name: flag.values for flag in line.flags} == flags
    assert line.positionals == []


def test_a_flag_is_found_by_any_long_name_of_it() -> None:
    line = EngineCommand.parse({"command": ["python3", "-m", "sglang.launch_server", "--tp", "2", "--model-path", "m"]})
    assert line.number("tp-size") == line.number("tensor-parallel-size") == 2
    assert line.value("model-path") == line.value("model") == "m"


def test_unknown_programs_have_flags_with_one_value() -> None:
    line = EngineCommand.of(
        ["--port=8000", "--enable-ssrf-protection", "--connector", "nixlv2", "-v", "5", "--secure-proxy"]
    )
    assert {flag.name: flag.values for flag in line.flags} == {
        "port": ("8000",), "enable-ssrf-protection": (), "connector": ("nixlv2",), "v": ("5",), "secure-proxy": (),
    }  # fmt: skip
    assert line.engine is None


def test_values_have_the_containers_variables_and_tokens_are_as_written() -> None:
    line = serve("--model=$(MODEL)", "--port", "$(PORT)", "--host", "$(POD_IP)", MODEL="o/$(NAME)", PORT="8080")
    assert line.model == "o/$(NAME)"
    assert line.number("port") == 8080
    assert line.value("host") is None
    assert line.arguments == ["--model=$(MODEL)", "--port", "$(PORT)", "--host", "$(POD_IP)"]


def test_variables_that_the_platform_sets_are_known() -> None:
    container = {"command": ["sh", "-c", "vllm serve m -dpr $((LWS_WORKER_INDEX * DP_SIZE_LOCAL))"],
                 "env": [{"name": "DP_SIZE_LOCAL", "value": "8"}]}  # fmt: skip
    assert EngineCommand.parse(container).number("data-parallel-start-rank", 0) is None
    assert EngineCommand.parse(container, {"LWS_WORKER_INDEX": "2"}).number("data-parallel-start-rank") == 16


def test_the_last_value_of_a_flag_counts() -> None:
    line = serve("m", "--port", "1", "--port", "2", "--seed", "x")
    assert line.number("port") == 2
    assert len(line.all("port")) == 2
    assert line.number("seed", 5) is None
    assert line.number("nnodes", 5) == 5
    assert line.value("dtype") is None
    assert line.has("port") and not line.has("dtype")


def test_taken_flags_are_gone() -> None:
    line = serve("m", "-tp", "1", "--enforce-eager", "--tensor-parallel-size", "2", "--dtype", "auto")
    assert line.take("tensor-parallel-size") == "2"
    assert line.take("enforce-eager") == ""
    assert line.take("tensor-parallel-size") is None
    line.options.append(Option.of("--port", "80"))
    assert line.arguments == ["m", "--dtype", "auto", "--port", "80"]
    assert line.number("port") == 80


def test_json_flags_with_dotted_keys() -> None:
    line = serve("m", "--kv-transfer-config", '{"kv_connector": "A", "x": {"y": 1}}', "--kv-transfer-config.kv_role", "kv_both",
                 "--kv-transfer-config.x.z=2")  # fmt: skip
    assert line.json("kv-transfer-config") == {"kv_connector": "A", "kv_role": "kv_both", "x": {"y": 1, "z": 2}}
    assert serve("m").json("kv-transfer-config") == {}
    assert serve("m", "--kv-transfer-config", "no json").json("kv-transfer-config") == {}


def test_a_flag_given_in_two_spellings_is_given_twice() -> None:
    line = serve("m", "-sc", '{"a": 1}', "--speculative-config", '{"b": 1}')
    assert len(line.all("speculative-config")) == 2
