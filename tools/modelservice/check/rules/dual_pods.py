"""Dual pods: does the controller of fast model actuation find what it looks for?

https://github.com/llm-d-incubation/llm-d-fast-model-actuation/blob/main/docs/dual-pods.md
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelservice import facts
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup

_LINK = "https://github.com/llm-d-incubation/llm-d-fast-model-actuation/blob/v0.6.4/pkg/api/interface.go"


def _requester(container: str, prefix: str = "dual-pods.llm-d.ai") -> Example:
    """Return a requester whose server has a container."""
    return Example(
        manifests=f"""\
apiVersion: apps/v1
kind: ReplicaSet
metadata: {{name: r}}
spec:
  selector: {{matchLabels: {{app: r}}}}
  template:
    metadata:
      labels: {{app: r}}
      annotations:
        {prefix}/server-patch: |
          spec:
            containers:
            - {container}
    spec:
      containers:
      - name: inference-server
        image: ghcr.io/llm-d-incubation/llm-d-fast-model-actuation/requester:v0.6.4
        resources: {{limits: {{nvidia.com/gpu: 1}}}}
"""
    )


_ENGINE = (
    "{name: inference-server, image: 'vllm/vllm-openai:v0.32.0', args: [--model=Qwen/Qwen3-8B%s], "
    "readinessProbe: {httpGet: {path: /health, port: 8000}}%s}"
)
_SLEEPS = _ENGINE % (", --enable-sleep-mode", ", env: [{name: VLLM_SERVER_DEV_MODE, value: '1'}]")


@rule(
    Severity.error,
    reason="The controller ignores pods without its annotation, and finds the server by the name of its container and "
    "the port of its readiness probe. The requesters hold their accelerators and never become ready.",
    link=_LINK,
    failing=_requester(_SLEEPS, prefix="dual-pod.llm-d.ai"),
    passing=_requester(_SLEEPS),
)
def dual_pods_contract(deployment: Deployment) -> Iterator[Violation]:
    """A requester has the annotation, and its server the container and the probe, that the controller looks for."""
    known = facts.fast_model_actuation()
    for group in deployment.groups:
        if group.requester is None:
            continue
        former = [name for name in _annotations(group) if name.startswith(known.annotations.former_prefix)]
        if former:
            yield Violation(
                f"the annotation {former[0]} is of a contract that no release of the controller reads",
                group.workload_at("spec.template.metadata.annotations"),
                f"name it {former[0].replace(known.annotations.former_prefix, known.annotations.prefix)}",
            )
        server = next((item for item in group.containers if item.name == known.container), None)
        if server is None:
            names = ", ".join(item.name for item in group.containers)
            yield Violation(
                f"the server's pod has no container {known.container}, which the controller looks for; it has {names}",
                group.engine.at("name"),
                f"name the engine's container {known.container}",
            )
        elif not isinstance(_probed_port(server.fields), int):
            yield Violation(
                "the controller takes the server's port from its readiness probe, which is not an HTTP request to a "
                "port number",
                server.at("readinessProbe"),
                "set readinessProbe.httpGet with a number as port",
            )


@rule(
    Severity.warning,
    reason="When a requester is deleted, the controller sends its server to sleep, and asks whether it sleeps, through "
    "an API that vLLM has with sleep mode and in development mode only.",
    link="https://docs.vllm.ai/en/latest/features/sleep_mode/",
    failing=_requester(_ENGINE % ("", "")),
    passing=_requester(_SLEEPS),
)
def dual_pods_sleep(deployment: Deployment) -> Iterator[Violation]:
    """Servers of dual pods can sleep."""
    for group in deployment.servers:
        sleep = group.facts.sleep if group.facts else None
        if group.requester is None or sleep is None or group.command.start == "custom":
            continue
        missing = [f"{name}={value}" for name, value in sleep.env.items() if name not in group.engine.env]
        if not group.command.has(sleep.flag):
            missing.append(f"--{sleep.flag}")
        if missing:
            yield Violation(
                f"the server cannot sleep without {' and '.join(missing)}",
                group.engine.at("args"),
                "add " + ("both" if len(missing) > 1 else "it"),
            )


def _annotations(group: PodGroup) -> list[str]:
    template = (group.workload.get("spec") or {}).get("template") or {}
    return [str(name) for name in (template.get("metadata") or {}).get("annotations") or {}]


def _probed_port(container: Mapping[str, Any]) -> object:
    return ((container.get("readinessProbe") or {}).get("httpGet") or {}).get("port")
