"""What an engine does with its settings after it has parsed them: rejects, replaces, or is not given a model at all."""

import functools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from modelservice import facts
from modelservice.check.examples import findings
from modelservice.check.finding import Severity
from modelservice.check.rule import Example, rules
from modelservice.engines.arguments import table
from modelservice.engines.version import Version
from modelservice.facts.models import Conflict, Flags, Override
from modelservice.helm import EmbeddedHelm
from support.package_index import package_index
from support.render import VLLM, Render

IMAGE = "vllm/vllm-openai:v0.33.0"


def flags() -> Flags:
    """What is known of vLLM's flags."""
    engine = facts.engine("vllm")
    assert engine and engine.flags
    return engine.flags


def last(conflict: Conflict) -> str:
    """Return an image of a version that rejects the settings."""
    return "vllm/vllm-openai:v0.32.0" if conflict.until else IMAGE


def pods(words: list[str], image: str = IMAGE, env: dict[str, str] | None = None) -> Example:
    """A Deployment that runs vLLM with these arguments."""
    variables = [{"name": name, "value": value} for name, value in (env or {}).items()]
    container = {"name": "vllm", "image": image, "args": words, "env": variables}
    labels = {"llm-d.ai/role": "decode"}
    spec = {
        "replicas": 1,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
    }
    return Example(manifests=json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "decode"},
                                         "spec": spec}))  # fmt: skip


def found(embedded: EmbeddedHelm, name: str, example: Example) -> list[tuple[Severity, str]]:
    return [(item.severity, item.message) for item in findings(rules()[name], example, embedded)]


SAMPLES = ("ray", "2", "x")
"""Values of which one matches each pattern of the facts."""


def words(name: str, pattern: str) -> list[str]:
    """Return a flag with a value that matches."""
    flag, _, key = name.partition(".")
    argument = table(Version.parse("0.33.0")).find(f"--{flag}")
    assert argument, flag
    value = next(sample for sample in SAMPLES if not pattern or re.fullmatch(pattern, sample))
    if key:
        return [f"--{flag}", json.dumps({key: value})]
    return [f"--{flag}", *([value] if argument.arity else [])]


@pytest.mark.parametrize("conflict", flags().conflicts, ids=lambda item: " ".join(item.given))
def test_each_pair_that_the_engine_rejects_is_an_error(embedded: EmbeddedHelm, conflict: Conflict) -> None:
    each = [words(*item) for item in conflict.given.items()]
    together = ["--model", "m", *(word for part in each for word in part)]
    reported = found(embedded, "engine-flag-conflict", pods(together, last(conflict)))
    assert [severity for severity, _ in reported] == [Severity.error]
    if conflict.until:
        assert found(embedded, "engine-flag-conflict", pods(together)) == []
    for part in each:
        assert found(embedded, "engine-flag-conflict", pods(["--model", "m", *part], last(conflict))) == []


@pytest.mark.parametrize("conflict", [item for item in flags().conflicts if item.since], ids=lambda item: item.since)
def test_a_pair_is_left_to_versions_that_accept_it(embedded: EmbeddedHelm, conflict: Conflict) -> None:
    together = ["--model", "m", *(word for item in conflict.given.items() for word in words(*item))]
    assert found(embedded, "engine-flag-conflict", pods(together, "vllm/vllm-openai:v0.20.0")) == []
    unknown = found(embedded, "engine-flag-conflict", pods(together, "registry.example.com/vllm:main"))
    assert [severity for severity, _ in unknown] == [Severity.warning]


@pytest.mark.parametrize("override", flags().overrides, ids=lambda item: item.flag)
def test_each_flag_that_replaces_another_is_found(embedded: EmbeddedHelm, override: Override) -> None:
    for replaced in override.replaces:
        given = ["--model", "m", *words(override.flag, ""), *words(replaced, "")]
        reported = found(embedded, "engine-flag-overridden", pods(given))
        assert len(reported) == 1 and f"--{override.flag} replaces" in reported[0][1]
    assert found(embedded, "engine-flag-overridden", pods(["--model", "m", *words(override.flag, "")])) == []


def test_offloading_that_the_configuration_says_itself_is_left_alone(embedded: EmbeddedHelm) -> None:
    config = json.dumps({"kv_connector": "OffloadingConnector", "kv_role": "kv_both"})
    given = ["--model", "m", "--kv-offloading-size", "8", "--kv-transfer-config", config]
    assert found(embedded, "engine-flag-overridden", pods(given)) == []


EXPERTS = [
    "Qwen/Qwen3-30B-A3B", "Qwen/Qwen3-Next-80B-A3B-Instruct", "mistralai/Mixtral-8x7B-Instruct-v0.1",
    "deepseek-ai/DeepSeek-R1-0528", "deepseek-ai/DeepSeek-V3.1", "openai/gpt-oss-120b",
    "meta-llama/Llama-4-Scout-17B-16E-Instruct", "moonshotai/Kimi-K2-Instruct", "/models/DeepSeek-R1-0528",
]  # fmt: skip
DENSE = [
    "meta-llama/Llama-3.1-8B-Instruct", "meta-llama/Llama-3.3-70B-Instruct", "Qwen/Qwen3-32B", "Qwen/Qwen2.5-72B-Instruct",
    "deepseek-ai/DeepSeek-R1-Distill-Llama-70B", "mistralai/Mistral-7B-Instruct-v0.3", "google/gemma-3-27b-it",
]  # fmt: skip
UNKNOWN = ["org/model", "Qwen/Qwen3-Coder-480B", "/model-cache"]
OUTSIDE = ["--data-parallel-multi-port-external-lb", "--data-parallel-size", "2", "--data-parallel-size-local", "2"]


def dense() -> Iterator[tuple[str, list[str], str, list[Severity]]]:
    for models, severity in ((EXPERTS, []), (DENSE, [Severity.error]), (UNKNOWN, [Severity.warning])):
        for model in models:
            yield model, OUTSIDE, IMAGE, severity
            yield model, OUTSIDE, "vllm/vllm-openai:v0.20.0", []
            yield model, ["--enable-expert-parallel"], IMAGE, [] if models is UNKNOWN else severity
    yield UNKNOWN[0], [*OUTSIDE, "--enable-expert-parallel"], IMAGE, []
    for flag in (["--data-parallel-rank", "0"], ["--data-parallel-external-lb"]):
        yield DENSE[0], [*flag, "--data-parallel-size", "2"], IMAGE, [Severity.error]
        yield DENSE[0], [*flag, "--data-parallel-size", "1"], IMAGE, []
    yield DENSE[0], ["--data-parallel-hybrid-lb", "--data-parallel-size-local", "2"], IMAGE, []


@pytest.mark.parametrize(("model", "given", "image", "severities"), list(dense()))
def test_what_only_mixtures_of_experts_do(
    embedded: EmbeddedHelm, model: str, given: list[str], image: str, severities: list[Severity]
) -> None:
    reported = found(embedded, "dense-model", pods(["--model", model, *given], image))
    assert [severity for severity, _ in reported] == severities


LORA = {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"}


@pytest.mark.parametrize(
    ("given", "image", "servers"),
    [
        ("--api-server-count 2", IMAGE, 2),
        ("--data-parallel-size 4", IMAGE, 4),
        ("--data-parallel-size 4 --api-server-count 1", IMAGE, None),
        ("--data-parallel-size 4", "vllm/vllm-openai:v0.14.0", None),
        ("--data-parallel-size 8 --data-parallel-size-local 4 --data-parallel-hybrid-lb", IMAGE, 4),
        ("--data-parallel-size 8 --data-parallel-size-local 1 --data-parallel-start-rank 1", IMAGE, None),
        ("--data-parallel-size 2 --data-parallel-rank 0", IMAGE, None),
        ("--data-parallel-size 8 --headless", IMAGE, None),
        (" ".join(OUTSIDE), IMAGE, None),
    ],
)
def test_adapters_at_run_time_need_one_api_server(
    embedded: EmbeddedHelm, given: str, image: str, servers: int | None
) -> None:
    reported = found(embedded, "adapters-several-servers", pods(["--model", "m", *given.split()], image, LORA))
    assert [f"run {servers} API servers" in message for _, message in reported] == ([True] if servers else [])
    assert found(embedded, "adapters-several-servers", pods(["--model", "m", *given.split()], image)) == []


REAL = "{type: vllm, image: 'vllm/vllm-openai:v0.32.0', modelCommand: null}"


@pytest.mark.parametrize(
    ("rule", "values", "severities"),
    [
        ("model-missing", "modelArtifacts: {name: random/model, uri: 'hf://Qwen/Qwen3-8B'}", [Severity.warning]),
        ("model-missing", "{modelArtifacts: {name: random/model}, routing: {modelName: Qwen/Qwen3-8B}}", []),
        ("model-missing", "{modelArtifacts: {name: random/model}, engine: {image: null, modelCommand: null}}", []),
        ("answers-simulated", "{modelArtifacts: {name: random/model}, engine: {image: null, modelCommand: null}}",
         [Severity.error]),  # the URI of the base names a model
        ("answers-simulated", "engine: {type: simulator, image: null, modelCommand: null}", []),
        ("answers-simulated", "engine: {image: 'ghcr.io/llm-d/llm-d-inference-sim:v0.10.2', modelCommand: null}", []),
        ("answers-simulated", f"engine: {REAL}", []),
        ("offline-without-model", "engine: {env: {TRANSFORMERS_OFFLINE: 'true'}}", [Severity.error]),
        ("offline-without-model", "engine: {env: {HF_HUB_OFFLINE: '0'}}", []),
        ("offline-without-model", "engine: {image: 'registry.example.com/vllm-with-model:1', env: {HF_HUB_OFFLINE: '1'}}",
         [Severity.info]),
        ("offline-without-model", "{engine: {env: {HF_HUB_OFFLINE: '1'}}, modelArtifacts: {download: {enabled: true}}}",
         []),
        ("offline-without-model", "{engine: {env: {HF_HUB_OFFLINE: '1'}}, modelArtifacts: {persistence: {enabled: true}}}",
         []),
        ("tensor-wider-than-node", "{multinode: true, decode: {parallelism: {tensor: 8, workers: 2}}}", []),
        ("engine-on-localhost", "engine: {args: {host: localhost}}", [Severity.error]),
        ("requests-cut-off", "decode: {replicas: 1}", []),
        ("requests-cut-off", "decode: {autoscaling: {enabled: true, type: hpa, maxReplicas: 4, targetActiveRequests: 8}}",
         [Severity.info]),
        ("api-key-guards-part",
         "{auth: {apiKeySecret: {name: k}}, networkPolicy: {enabled: true, from: [{podSelector: {}}]}, routing: "
         "{parentRefs: [{name: g}], httpRoute: {create: true}, inferencePool: {create: true}, epp: {create: true}}}",
         [Severity.warning]),
        ("api-key-guards-part",
         "{auth: {apiKeySecret: {name: k}}, networkPolicy: {enabled: true, from: [{podSelector: {}}]}, routing: "
         "{parentRefs: [{name: g}], httpRoute: {create: true, pathPrefix: /v1}, inferencePool: {create: true}, epp: "
         "{create: true}}}",
         []),
    ],
)  # fmt: skip
def test_what_depends_on_the_values(embedded: EmbeddedHelm, rule: str, values: str, severities: list[Severity]) -> None:
    assert [severity for severity, _ in found(embedded, rule, Example(values))] == severities


def transfer(render: Render, role: str, config: Any) -> Any:
    values = {"engine": {**VLLM, "args": {"kv-transfer-config": config}}, "prefill": {"replicas": 1}}
    args = render(values).engine(role)["args"]
    return json.loads(args[args.index("--kv-transfer-config") + 1])


@pytest.mark.parametrize(("role", "part"), [("prefill", "kv_producer"), ("decode", "kv_consumer")])
def test_each_role_has_its_part_of_the_transfer(render: Render, role: str, part: str) -> None:
    engine = facts.engine("vllm")
    assert engine and engine.kv_transfer and engine.kv_transfer.peers
    for connector in engine.kv_transfer.peers.connectors:
        assert transfer(render, role, {"kv_connector": connector}) == {"kv_connector": connector, "kv_role": part}
    for given in (
        {"kv_connector": "NixlConnector", "kv_role": "kv_both"},
        {"kv_connector": "LMCacheConnectorV1"},
        {"kv_connector": "MultiConnector", "kv_role": "kv_both"},
    ):
        assert transfer(render, role, given) == given
    assert transfer(render, role, '{"kv_connector": "NixlConnector"}') == {"kv_connector": "NixlConnector"}


BOTH = "{kv_connector: NixlConnector, kv_role: kv_both}"
NESTED = f"{{kv_connector: MultiConnector, kv_role: kv_both, kv_connector_extra_config: {{connectors: [{BOTH}]}}}}"


@pytest.mark.parametrize(
    ("image", "config", "number"),
    [
        ("vllm/vllm-openai:v0.22.1", BOTH, 0),
        ("vllm/vllm-openai:v0.23.0", BOTH, 2),
        ("ghcr.io/llm-d/llm-d-cuda:v0.8.0", BOTH, 2),
        ("ghcr.io/llm-d/llm-d-cuda:v0.7.0", BOTH, 0),
        ("vllm/vllm-openai:v0.32.0", NESTED, 2),
        ("vllm/vllm-openai:v0.32.0", "{kv_connector: LMCacheConnectorV1, kv_role: kv_both}", 0),
        ("registry.example.com/vllm:main", BOTH, 0),
    ],
)
def test_one_part_for_both_roles_is_deprecated(embedded: EmbeddedHelm, image: str, config: str, number: int) -> None:
    values = f"engine: {{image: '{image}', args: {{kv-transfer-config: {config}}}}}"
    assert len(found(embedded, "kv-role-deprecated", Example(values, base="pd"))) == number


def test_the_notes_say_that_answers_are_simulated(render: Render) -> None:
    assert "Answers are simulated" in render({}).notes
    assert "Answers are simulated" in render({"modelArtifacts": {"name": "Qwen/Qwen3-8B"}}).notes
    real = {"engine": VLLM, "modelArtifacts": {"name": "Qwen/Qwen3-8B"}}
    assert "simulat" not in render(real).notes
    assert "modelArtifacts.name is random/model" in render({"engine": VLLM}).notes


NIXL = "vllm/distributed/kv_transfer/kv_connector/v1/nixl"
SOURCES = [
    ("0.22.1", NIXL, "Using kv_role='kv_both' with NixlConnector is deprecated", False),
    ("0.23.0", NIXL, "Using kv_role='kv_both' with NixlConnector is deprecated", True),
    ("0.20.2", "vllm/engine", "Non-MoE models do not support external data parallel mode.", False),
    ("0.21.0", "vllm/engine", "Non-MoE models do not support external data parallel mode.", True),
    ("0.26.0", "vllm/engine", "`--data-parallel-backend mp`", False),
    ("0.27.0", "vllm/engine", "`--data-parallel-backend mp`", True),
    ("0.33.0", "vllm/config", "nnodes > 1 can only be set when", True),
    ("0.33.0", "vllm/config", "Elastic EP is not compatible with data_parallel_hybrid_lb", True),
    ("0.33.0", "vllm/config", "Elastic EP is not compatible with data_parallel_external_lb", False),
    ("0.32.0", "vllm/config", "Elastic EP is not compatible with data_parallel_external_lb", True),
    ("0.33.0", "vllm/config", "Elastic EP is not supported with pipeline parallelism", True),
    ("0.33.0", "vllm/config", "Elastic EP is only supported with enable_eplb=True", True),
    ("0.33.0", "vllm/config", "self.kv_transfer_config.kv_connector = config_connector", True),
    ("0.33.0", "vllm/config", "self.compilation_config.cudagraph_mode = CUDAGraphMode.NONE", True),
    ("0.33.0", "vllm/entrypoints/cli", "VLLM_ALLOW_RUNTIME_LORA_UPDATING cannot be used with api_server_count > 1", True),
    ("0.14.0", "vllm/entrypoints/cli", "Defaulting api_server_count to data_parallel_size", False),
    ("0.15.1", "vllm/entrypoints/cli", "Defaulting api_server_count to data_parallel_size", True),
]  # fmt: skip
"""Texts of vLLM's source by version, each with whether they are in it."""


@functools.cache
def source(version: str, package: str) -> str:
    """Return the code of a package of vLLM from its wheel, with the parts of each message joined."""
    with package_index():
        from dev import wheels

        with wheels.index() as index:
            files = index.sources(index.wheel("vllm", version), package)
    return re.sub(r'"\s*\n\s*f?"', "", "".join(text.decode() for text in files.values()))


@pytest.mark.parametrize(("version", "package", "text", "there"), SOURCES)
def test_the_source_says_what_the_facts_say(version: str, package: str, text: str, there: bool) -> None:
    assert (text in source(version, package)) is there
