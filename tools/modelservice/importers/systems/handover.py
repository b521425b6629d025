"""llm-d's routing sidecar, for systems whose own router hands prompts from prefill to decode."""

from __future__ import annotations

from modelservice import facts
from modelservice.importers.workload import RoleSource

PORT = facts.routing_proxy().listen_port
"""Port on which the pods of a release serve."""

BEHIND_SIDECAR = 8200
"""Port of decode's engine, behind the sidecar."""


def add_sidecar(role: RoleSource) -> None:
    """Add the sidecar to the pods of decode, where another router did its work."""
    known = facts.routing_proxy()
    image = next(item for item in known.images if item.default_version and not item.until)
    container = {
        "name": known.container,
        "image": f"ghcr.io/llm-d/{image.name}:v{image.default_version}",
        "imagePullPolicy": "IfNotPresent",
        "restartPolicy": "Always",
        "ports": [{"containerPort": PORT}],
        "args": [
            f"--port={PORT}",
            f"--vllm-port={BEHIND_SIDECAR}",
            f"--kv-connector={'sglang' if role.engine.engine == 'sglang' else 'nixlv2'}",
            "--secure-proxy=false",
        ],
    }
    role.pod["initContainers"] = [container, *role.pod.get("initContainers", [])]
