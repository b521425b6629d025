"""Pods that run vLLM."""

from collections.abc import Mapping
from typing import Any

from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup

IMAGE = "vllm/vllm-openai:v0.33.0"


def group(
    words: list[str],
    image: str = IMAGE,
    env: Mapping[str, str] | None = None,
    limits: Mapping[str, Any] | None = None,
    spec: Mapping[str, Any] | None = None,
) -> PodGroup:
    """The pods of a Deployment that runs vLLM with these arguments."""
    container = {
        "name": "vllm", "image": image, "args": ["--model", "m", *words],
        "env": [{"name": name, "value": value} for name, value in (env or {}).items()],
        "resources": {"limits": {"nvidia.com/gpu": 1} if limits is None else dict(limits)},
    }  # fmt: skip
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container], **(spec or {})}}
    workload = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "decode"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": template},
    }  # fmt: skip
    return next(iter(Deployment("test", [workload]).groups))
