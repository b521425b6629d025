"""Which prefill and decode engines can hand over the KV cache: what vLLM compares by version, and what it does not."""

import json
from typing import Any

import pytest

from modelservice import facts
from modelservice.check.runner import run, sound
from modelservice.facts.models import Handshake
from modelservice.facts.versions import holds, number
from modelservice.model.deployment import Deployment
from support.package_index import package_index

Object = dict[str, Any]

NEW, OLD, BEFORE = "v0.32.0", "v0.27.0", "v0.11.0"
EAGLE = json.dumps({"method": "eagle3", "model": "org/draft", "num_speculative_tokens": 3})
MORE = json.dumps({"method": "eagle3", "model": "org/draft", "num_speculative_tokens": 5})
OTHER = json.dumps({"method": "eagle3", "model": "org/other", "num_speculative_tokens": 3})
NGRAM = json.dumps({"method": "ngram", "num_speculative_tokens": 3})
UNSAID = json.dumps({"model": "org/draft", "num_speculative_tokens": 3})
HYBRID = "disable-hybrid-kv-cache-manager"


def pods(
    role: str,
    *flags: str,
    image: str = f"vllm/vllm-openai:{NEW}",
    model: str = "org/model",
    env: dict[str, str] | None = None,
    **transfer: Any,
) -> Object:
    """A Deployment of a role that hands over with NIXL."""
    labels = {"llm-d.ai/role": role}
    part = {"prefill": "kv_producer", "decode": "kv_consumer"}[role]
    config = {"kv_connector": "NixlConnector", "kv_role": part, **transfer}
    container = {
        "name": "engine", "image": image, "command": ["vllm", "serve", model],
        "args": ["--kv-transfer-config", json.dumps(config), *flags],
        "env": [{"name": name, "value": value} for name, value in (env or {}).items()],
        "resources": {"limits": {"nvidia.com/gpu": 1}},
    }  # fmt: skip
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": role}, "spec": spec}


def found(prefill: Object, decode: Object) -> list[tuple[str, str]]:
    """Severity and message of what check says about the two roles."""
    objects, _ = sound([prefill, decode], "stream")
    rules = ("roles-differ", "roles-with-other-weights", "connector-mismatch")
    return [(item.severity.value, item.message) for item in run([Deployment("stream", objects)]) if item.rule in rules]


def of(role: str, flags: tuple[str, ...] = (), **more: Any) -> Object:
    """The Deployment of a role as a row of a table has it, with the sidecar in front of decode."""
    workload = pods(role, *flags, **more)
    if role == "decode":
        sidecar = {
            "name": "routing-proxy",
            "image": "ghcr.io/llm-d/llm-d-routing-sidecar:v0.7.0",
            "args": ["--port=8000"],
        }
        workload["spec"]["template"]["spec"]["containers"].append(sidecar)
    return workload


def image(tag: str) -> str:
    return f"vllm/vllm-openai:{tag}"


def at(tag: str, *flags: str, **more: Any) -> dict[str, Any]:
    return {"flags": flags, "image": image(tag), **more}


DIFFERENCES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    # Compared by every version that compares.
    ("version", at(NEW), at("v0.33.0"), "error"),
    ("release candidate", at(NEW), at("v0.32.0rc1"), "error"),
    ("patch of a patch", at("v0.19.1"), at("v0.19.1.1"), "error"),
    ("build for another CUDA", at(NEW), at("v0.32.0-cu129"), "warning"),
    ("version and patch", at("v0.25.0"), at("v0.25.1"), "error"),
    ("images of unknown versions", {"image": "org/vllm:prod"}, {"image": "org/vllm:canary"}, "warning"),
    ("model", at(NEW, model="/models/model"), at(NEW), "error"),
    ("cache", at(NEW, "--kv-cache-dtype=fp8"), at(NEW), "error"),
    ("cache in the type that may be the default", at(NEW, "--kv-cache-dtype=bfloat16"), at(NEW), "warning"),
    ("type", at(NEW, "--dtype=float16"), at(NEW, "--dtype=bfloat16"), "error"),
    ("type that may be the default", at(NEW, "--dtype=bfloat16"), at(NEW), "warning"),
    ("backend", at(NEW, "--attention-backend=FLASHINFER"), at(NEW, "--attention-backend=FLASH_ATTN"), "error"),
    ("backend that may be the default", at(NEW, "--attention-backend=FLASH_ATTN"), at(NEW), "warning"),
    ("backend by variable", at("v0.14.0", env={"VLLM_ATTENTION_BACKEND": "FLASHINFER"}),
     at("v0.14.0", env={"VLLM_ATTENTION_BACKEND": "FLASH_ATTN"}), "error"),
    # Compared since or until some version.
    ("hybrid manager", at(NEW, f"--{HYBRID}"), at(NEW, f"--no-{HYBRID}"), "error"),
    ("hybrid manager, one side's default", at(NEW, f"--{HYBRID}"), at(NEW), "warning"),
    ("draft", at(NEW, "--speculative-config", EAGLE), at(NEW), "error"),
    ("another draft", at(NEW, "--speculative-config", EAGLE), at(NEW, "--speculative-config", OTHER), "error"),
    ("layers", at("v0.20.0", kv_connector_extra_config={"enable_cross_layers_blocks": "True"}), at("v0.20.0"),
     "error"),
    ("direction", at(NEW, kv_connector="NixlPushConnector"), at(NEW, kv_connector="NixlPullConnector"), "error"),
    # Not compared, but it does not fit.
    ("block sizes before they may differ", at(BEFORE, "--block-size=16"), at(BEFORE, "--block-size=32"), "error"),
    ("decode's blocks no multiple", at(NEW, "--block-size=64"), at(NEW, "--block-size=16"), "error"),
    ("block sizes through a buffer", at("v0.33.0", "--block-size=16", kv_buffer_device="cpu"),
     at("v0.33.0", "--block-size=32", kv_buffer_device="cpu"), "error"),
    ("cache before there was a comparison", at(BEFORE, "--kv-cache-dtype=fp8"), at(BEFORE), "error"),
    # Other weights.
    ("revision", at(NEW, "--revision=v1"), at(NEW, "--revision=v2"), "warning"),
    ("quantisation", at(NEW, "--quantization=fp8"), at(NEW), "warning"),
]  # fmt: skip


@pytest.mark.parametrize(("prefill", "decode", "severity"), [row[1:] for row in DIFFERENCES],
                         ids=[row[0] for row in DIFFERENCES])  # fmt: skip
def test_what_differs_is_found(prefill: dict[str, Any], decode: dict[str, Any], severity: str) -> None:
    findings = found(of("prefill", **prefill), of("decode", **decode))
    assert {level for level, _ in findings} == {severity}, findings


ALLOWED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("nothing", at(NEW), at(NEW)),
    ("the default in words", at(NEW, "--kv-cache-dtype=auto", "--dtype=auto"), at(NEW)),
    ("a digest of the same tag", at(NEW), {"image": f"{image(NEW)}@sha256:{'0' * 64}"}),
    ("a mirror", at(NEW), {"image": f"registry.example.com/{image(NEW)}"}),
    ("tokens of a draft", at(NEW, "--speculative-config", EAGLE), at(NEW, "--speculative-config", MORE)),
    ("speculation without hidden states", at(NEW, "--speculative-config", NGRAM), at(NEW)),
    ("a draft before drafts were compared", at(OLD, "--speculative-config", EAGLE), at(OLD)),
    ("a method that vLLM finds out", at(NEW, "--speculative-config", EAGLE), at(NEW, "--speculative-config", UNSAID)),
    ("the manager before it was compared", at("v0.17.0", f"--{HYBRID}"), at("v0.17.0", f"--no-{HYBRID}")),
    ("layers after they were", at(NEW, kv_connector_extra_config={"enable_cross_layers_blocks": "True"}), at(NEW)),
    ("the variable that is gone", at(NEW, env={"VLLM_ATTENTION_BACKEND": "A"}), at(NEW)),
    ("two names of one direction", at(NEW, kv_connector="NixlPullConnector"), at(NEW)),
    ("decode's blocks a multiple", at(NEW, "--block-size=16"), at(NEW, "--block-size=64")),
    ("architectures of an image", at("v0.32.0-x86_64"), at("v0.32.0-aarch64")),
    ("any blocks", at("v0.33.0", "--block-size=64"), at("v0.33.0", "--block-size=16")),
    ("a model that only the container knows", at(NEW, model="$(MODEL)"), at(NEW)),
    ("a switched-off comparison", at(NEW, "--kv-cache-dtype=fp8", kv_connector_extra_config=(
        off := {"enforce_handshake_compat": False})), at(NEW, kv_connector_extra_config=off)),
]  # fmt: skip


@pytest.mark.parametrize(("prefill", "decode"), [row[1:] for row in ALLOWED], ids=[row[0] for row in ALLOWED])
def test_what_may_differ_is_no_finding(prefill: dict[str, Any], decode: dict[str, Any]) -> None:
    assert not found(of("prefill", **prefill), of("decode", **decode))


def handshake() -> Handshake:
    vllm = facts.engine("vllm")
    assert vllm and vllm.kv_transfer and vllm.kv_transfer.peers and vllm.kv_transfer.peers.handshake
    return vllm.kv_transfer.peers.handshake


# The release before each change and the one with it, and the newest.
@pytest.mark.parametrize(
    "version", ["0.12.0", "0.13.0", "0.15.1", "0.16.0", "0.17.1", "0.18.0", "0.27.1", "0.28.0", "0.29.0", "0.33.0"]
)
def test_the_factors_are_those_of_the_wheel(version: str) -> None:
    with package_index():
        from dev import nixl_handshake, wheels

        with wheels.index() as index:
            compared = nixl_handshake.read(index, version)
    known = handshake()
    given = number(version)
    if given < number(known.since):
        assert not compared
    else:
        assert compared == {factor.name for factor in known.factors if holds(factor, given)}
