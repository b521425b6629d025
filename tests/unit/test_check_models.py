"""What check says of a model by its configuration: certain where it is the model's own, else a warning, else nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelservice.check.examples import BASES, findings
from modelservice.check.finding import Finding, Severity
from modelservice.check.rule import Example, rules
from modelservice.check.runner import load, run
from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import merge
from modelservice.models.catalogue import find
from modelservice.models.lookup import Models
from support.model_configs import LLAMA

ERROR, WARNING, INFO = Severity.error, Severity.warning, Severity.info
OWN = "Qwen/Qwen3-32B"
UNREAD = "Qwen/Qwen2.5-72B-Instruct"
"""A model in the catalogue whose numbers were not read."""
TAKEN = "RedHatAI/Qwen3-32B-FP8-dynamic"
L4, H100 = "NVIDIA-L4", "NVIDIA-H100-80GB-HBM3"
HUGE = "nvidia/Qwen3.5-122B-A10B-NVFP4"
EXPERTS = "Qwen/Qwen3-235B-A22B-FP8"
TENSOR, WEIGHTS, CONTEXT, FIT, LONG = (
    "heads-not-divisible", "weights-not-divisible", "context-longer-than-model", "weights-do-not-fit", "context-does-not-fit",
)  # fmt: skip


def values(model: str = OWN, card: str = "", args: dict[str, Any] | None = None, **more: Any) -> str:
    """Values of a model that is downloaded, on a kind of accelerator."""
    artifacts = {"name": model, "uri": f"hf://{model}", "size": "1Ti"}
    decode = {"nodeSelector": {"nvidia.com/gpu.product": card}} if card else {}
    engine = {"args": args} if args else {}
    return yaml.safe_dump(merge([{"modelArtifacts": artifacts, "decode": decode, "engine": engine}, more]))


def sizes(**given: int) -> dict[str, Any]:
    return {"parallelism": given, "sharedMemory": {"enabled": True}}


def image(tag: str) -> dict[str, Any]:
    return {"image": f"vllm/vllm-openai:{tag}"}


def speculating(draft: str, **more: Any) -> dict[str, Any]:
    return {"speculative-config": {"method": "draft_model", "model": draft, "num_speculative_tokens": 4, **more}}


def env(value: Any) -> dict[str, Any]:
    return {"env": {"VLLM_ALLOW_LONG_MAX_MODEL_LEN": value}}


@pytest.mark.parametrize(
    ("rule", "given", "severities"),
    [
        (TENSOR, values(decode=sizes(tensor=3)), [ERROR]),
        (TENSOR, values(decode=sizes(tensor=8)), []),
        (TENSOR, values(TAKEN, decode=sizes(tensor=3)), [WARNING]),
        (TENSOR, values(UNREAD, decode=sizes(tensor=3)), [WARNING]),
        (TENSOR, values("meta-llama/Llama-3.3-70B-Instruct", decode=sizes(tensor=3)), [ERROR]),
        (TENSOR, values(args={"revision": "0123abc"}, decode=sizes(tensor=3)), [WARNING]),
        (TENSOR, values(args={"revision": "main"}, decode=sizes(tensor=3)), [ERROR]),
        (TENSOR, values(args={"revision": "$(REVISION)"}, decode=sizes(tensor=3)), [WARNING]),
        # 40 heads, but 10 of keys and values.
        (TENSOR, values("microsoft/phi-4", decode=sizes(tensor=4)), [ERROR]),
        (TENSOR, values("microsoft/phi-4", decode=sizes(tensor=2)), []),
        (TENSOR, values("Qwen/Qwen3-30B-A3B", decode=sizes(tensor=8)), []),  # copies of 4 heads
        (WEIGHTS, values(decode=sizes(tensor=3)), []),  # said once: the heads are not divisible either
        (WEIGHTS, values("Qwen/Qwen3-32B-FP8", decode=sizes(tensor=16)), [ERROR]),
        (WEIGHTS, values("Qwen/Qwen3-32B-FP8", decode=sizes(tensor=8)), []),
        (WEIGHTS, values(decode=sizes(tensor=16)), []),
        # The scales of experts of 1536 elements are refined to blocks of 64 since vLLM 0.29.
        (WEIGHTS, values(EXPERTS, engine=image("v0.33.0"), decode=sizes(tensor=8)), []),
        (WEIGHTS, values(EXPERTS, engine=image("v0.28.0"), decode=sizes(tensor=8)), [ERROR]),
        (WEIGHTS, values(EXPERTS, engine=image("latest"), decode=sizes(tensor=8)), [WARNING]),
        (WEIGHTS, values(EXPERTS, engine=image("v0.28.0"), decode=sizes(tensor=4)), []),
        (WEIGHTS, values(EXPERTS, engine=image("v0.28.0"), decode=sizes(tensor=8) | {"parallelism": {
            "tensor": 8, "expert": True}}), []),
        (TENSOR, values("example/own", decode=sizes(tensor=3)), []),
        (TENSOR, values(args={"hf-overrides": {"num_attention_heads": 48}}, decode=sizes(tensor=3)), []),
        (TENSOR, values(modelArtifacts={"uri": f"pvc://models/{OWN}"}, decode=sizes(tensor=3)), [WARNING]),
        (TENSOR, values(engine={"image": "lmsysorg/sglang:v0.5.5", "modelCommand": "sglangServe"},
                        decode=sizes(tensor=3)), []),
        (TENSOR, values(multinode=True, decode=sizes(tensor=6, data=1, workers=2)), [ERROR]),
        ("context-parallel-without-copies", values("deepseek-ai/DeepSeek-R1", args={"decode-context-parallel-size": 8},
                                                   decode=sizes(tensor=8)), []),
        ("context-parallel-without-copies", values("example/Qwen3-32B-FP8", args={"decode-context-parallel-size": 2},
                                                   decode=sizes(tensor=8)), [WARNING]),
        (CONTEXT, values(args={"max-model-len": 40961}), [ERROR]),
        (CONTEXT, values(args={"max-model-len": 40960}), []),
        (CONTEXT, values(args={"max-model-len": "41k"}), [ERROR]),
        (CONTEXT, values(args={"max-model-len": "40K"}), []),
        (CONTEXT, values(args={"max-model-len": "auto"}), []),
        (CONTEXT, values(TAKEN, args={"max-model-len": 131072}), [WARNING]),
        (CONTEXT, values(UNREAD, args={"max-model-len": 32769}), [WARNING]),
        # A tuned model is often made for another length.
        (CONTEXT, values("example/Qwen3-32B-Instruct", args={"max-model-len": 131072}), []),
        (CONTEXT, values(args={"max-model-len": 131072}, engine=env("1")), []),
        (CONTEXT, values(args={"max-model-len": 131072}, engine=env("0")), [WARNING]),
        (CONTEXT, values(args={"max-model-len": 131072}, engine={"extraConfig": {"envFrom": [{"configMapRef": {
            "name": "engine"}}]}}), [WARNING]),
        (CONTEXT, values(args={"max-model-len": 131072, "hf-overrides": {"rope_parameters": {"rope_type": "yarn"}}}), []),
        (FIT, values(card=L4), [ERROR]),
        (FIT, values(card=H100), []),
        (FIT, values(), []),
        (FIT, values(card=L4, decode=sizes(tensor=4)), []),
        (FIT, values("Qwen3-32B", L4), [WARNING]),
        (FIT, values(UNREAD, L4), [WARNING]),
        (FIT, values(card=L4, args={"cpu-offload-gb": 48}), []),
        (FIT, values(card=L4, args={"quantization": "bitsandbytes"}), []),
        (FIT, values(card=L4, args={"hf-overrides": {"num_hidden_layers": 2}}), []),
        (FIT, values(card=L4, decode=sizes(tensor=2) | {"create": True}, prefill={"create": False}), [ERROR]),
        # A bare name stands for 80 and for 94 GB: weights of 76 GiB may fit the larger.
        (FIT, values(HUGE, "H100"), []),
        (FIT, values(HUGE, H100), [ERROR]),
        (FIT, values("Qwen/Qwen3-235B-A22B-FP8", "NVIDIA-H100"), [ERROR]),
        (LONG, values(card=L4), []),  # said once: not even the weights fit
        (LONG, values("Qwen/Qwen3-8B", L4, {"gpu-memory-utilization": 0.8}), [WARNING]),
        (LONG, values("Qwen/Qwen3-8B", L4, {"max-model-len": 8192}), [INFO]),
        (LONG, values("Qwen/Qwen3-8B", H100), []),
        (LONG, values("Qwen/Qwen3-8B", L4, {"max-model-len": "auto", "gpu-memory-utilization": 0.95}), []),
        ("memory-not-known", values("example/own"), []),
        ("memory-not-known", values("example/own", H100), [INFO]),
        ("memory-not-known", values("example/own", H100, prefill={"create": True, "replicas": 1, "nodeSelector": {
            "nvidia.com/gpu.product": H100}}), [INFO]),
        ("memory-not-known", values(card=L4, args={"quantization": "bitsandbytes"}), [INFO]),
        ("dense-model", values(decode=sizes(tensor=2) | {"parallelism": {"tensor": 2, "expert": True}}), [ERROR]),
        ("dense-model", values("example/Phi-4-FP8", decode={"parallelism": {"tensor": 2, "expert": True}}), [WARNING]),
        ("draft-of-other-vocabulary", values(args=speculating("Qwen/Qwen3-0.6B")), []),
        ("draft-of-other-vocabulary", values(args=speculating("meta-llama/Llama-3.2-1B")), [ERROR]),
        ("draft-of-other-vocabulary", values(args=speculating("example/Llama-3.2-1B-FP8")), [WARNING]),
        ("draft-of-other-vocabulary", values(args=speculating("example/own")), []),
        ("draft-of-other-vocabulary", values(args=speculating("meta-llama/Llama-3.2-1B", method="eagle3")), []),
        ("draft-of-other-vocabulary", values(args=speculating("meta-llama/Llama-3.2-1B",
                                                              use_heterogeneous_vocab=True)), []),
        ("draft-of-other-vocabulary", values(args=speculating("meta-llama/Llama-3.2-1B"), engine=image("v0.14.0")), []),
        ("draft-of-other-vocabulary", values(args=speculating("meta-llama/Llama-3.2-1B"), engine=image("latest")),
         [WARNING]),
        ("draft-not-divisible", values("Qwen/Qwen2.5-Coder-32B-Instruct", decode=sizes(tensor=4),
                                       args=speculating("Qwen/Qwen2.5-0.5B-Instruct")), [ERROR]),
        ("draft-not-divisible", values("Qwen/Qwen2.5-Coder-32B-Instruct", decode=sizes(tensor=4),
                                       args=speculating("Qwen/Qwen2.5-0.5B-Instruct", draft_tensor_parallel_size=1)), []),
        ("draft-not-divisible", values("Qwen/Qwen2.5-Coder-32B-Instruct", decode=sizes(tensor=2),
                                       args=speculating("Qwen/Qwen2.5-0.5B-Instruct")), []),
        ("draft-of-other-tensor-size", values(decode=sizes(tensor=4), args={"speculative-config": {
            "method": "ngram", "num_speculative_tokens": 4}}), []),
    ],
)  # fmt: skip
def test_what_the_configuration_of_the_model_says(
    embedded: EmbeddedHelm, rule: str, given: str, severities: list[Severity]
) -> None:
    found = findings(rules()[rule], Example(given), embedded)
    assert [item.severity for item in found] == severities, found


def test_a_model_that_is_taken_for_another_is_said_to_be(embedded: EmbeddedHelm) -> None:
    cases = {
        TENSOR: values(TAKEN, decode=sizes(tensor=3)),
        CONTEXT: values(TAKEN, args={"max-model-len": 131072}),
        FIT: values("Qwen3-32B", L4),
        "dense-model": values("example/Phi-4-FP8", decode={"parallelism": {"tensor": 2, "expert": True}}),
    }
    for rule, given in cases.items():
        (found,) = findings(rules()[rule], Example(given), embedded)
        assert "taken as the shape of" in found.message, rule


@pytest.mark.parametrize(
    ("name", "certain"),
    [
        (OWN, True),
        ("qwen/qwen3-32b", True),
        (f"hf://{OWN}", False),
        (f"/models/{OWN}", False),
        ("Qwen3-32B", False),
        (TAKEN, False),
        (UNREAD, False),
    ],
)
def test_only_what_was_read_for_the_repository_itself_is_certain(name: str, certain: bool) -> None:
    known = find(name)
    assert known and known.certain is certain


def test_the_weights_need_as_many_ranks_as_the_finding_says(embedded: EmbeddedHelm) -> None:
    (found,) = findings(rules()[FIT], Example(values(card=L4)), embedded)
    assert found.fix and "decode.parallelism.tensor: 4" in found.fix
    assert "61.0 GiB" in found.message and "product NVIDIA-L4" in found.message


def checked(embedded: EmbeddedHelm, folder: Path, given: str, config: dict[str, Any]) -> list[Finding]:
    """Return what check finds with a configuration that is given."""
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "values.yaml").write_text(yaml.safe_dump(merge([yaml.safe_load(BASES["single"]), yaml.safe_load(given)])))
    deployment, refused = load([str(folder / "values.yaml")], embedded, Release("models"))
    assert deployment, refused
    deployment.models = Models([str(folder / "config.json")])
    return [item for item in run([deployment]) if rules()[item.rule].family == "model_shape"]


@pytest.mark.parametrize(
    ("image", "severity"),
    [("v0.32.0", ERROR), ("v0.33.0", ERROR), ("v0.20.0", WARNING)],
)
def test_pipelines_are_certain_for_the_versions_that_were_read(
    embedded: EmbeddedHelm, tmp_path: Path, image: str, severity: Severity
) -> None:
    given = values("mine/model", engine={"image": f"vllm/vllm-openai:{image}"}, decode=sizes(pipeline=2))
    config = LLAMA | {"architectures": ["NemotronH_Nano_VL_V2"]}
    found = checked(embedded, tmp_path, given, config)
    assert [(item.rule, item.severity) for item in found] == [("pipeline-not-supported", severity)]


def test_a_configuration_that_is_given_is_certain(embedded: EmbeddedHelm, tmp_path: Path) -> None:
    given = values("mine/model", args={"max-model-len": 4096}, decode=sizes(tensor=3))
    found = checked(embedded, tmp_path, given, LLAMA | {"max_position_embeddings": 2048})
    assert {(item.rule, item.severity) for item in found} == {(CONTEXT, ERROR), (TENSOR, ERROR)}
