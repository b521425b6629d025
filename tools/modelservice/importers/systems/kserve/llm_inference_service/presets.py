"""The presets that KServe's controller puts under every LLMInferenceService.

The parts of https://github.com/kserve/kserve/tree/master/config/llmisvcconfig that matter for a pod, without the
scripts, because the chart starts vLLM itself.
"""

from __future__ import annotations

from typing import Any

PREFIX = "kserve-config-"
"""Names of the presets in a cluster begin with it."""

IMAGE = "ghcr.io/llm-d/llm-d-cuda:v0.9.0"
SIDECAR_IMAGE = "ghcr.io/llm-d/llm-d-router-disagg-sidecar:v0.10.0"
SERVICE_PORT = 8000
BEHIND_SIDECAR = 8001


def pod(port: int, *, sidecar: bool, grouped: bool, worker: bool = False) -> dict[str, Any]:
    """The pod of a preset.

    Args:
        port: port that the engine listens on.
        sidecar: the routing sidecar runs in front of it.
        grouped: pods of data parallel groups have more shared memory and capabilities.
        worker: a pod of a group that does not lead it.
    """
    probe = {"httpGet": {"path": "/health", "port": port, "scheme": "HTTP"}}
    env = [
        {"name": "HOME", "value": "/home"},
        {"name": "VLLM_LOGGING_LEVEL", "value": "INFO"},
        {"name": "HF_HUB_CACHE", "value": "/models"},
    ]
    if worker:
        env.append({"name": "VLLM_RANDOMIZE_DP_DUMMY_INPUTS", "value": "1"})
    capabilities: dict[str, Any] = {"drop": ["ALL"]}
    if grouped:
        capabilities["add"] = ["IPC_LOCK", "SYS_RAWIO", "NET_RAW"]
    container: dict[str, Any] = {
        "name": "main",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "env": env,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": False,
            "runAsNonRoot": True,
            "capabilities": capabilities,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "lifecycle": {"preStop": {"exec": {"command": ["/bin/sleep", "15"]}}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"mountPath": "/home", "name": "home"},
            {"mountPath": "/tmp", "name": "tmp-dir"},  # noqa: S108
            {"mountPath": "/dev/shm", "name": "dshm"},  # noqa: S108
            {"mountPath": "/models", "name": "model-cache"},
        ],
    }
    if not worker:
        container |= {
            "ports": [{"containerPort": port, "protocol": "TCP"}],
            "livenessProbe": {**probe, "periodSeconds": 10, "timeoutSeconds": 1, "failureThreshold": 10},
            "readinessProbe": {**probe, "periodSeconds": 1, "timeoutSeconds": 1, "failureThreshold": 2},
            "startupProbe": {**probe, "failureThreshold": 60, "periodSeconds": 10},
        }
    spec: dict[str, Any] = {
        "containers": [container],
        "terminationGracePeriodSeconds": 60,
        "volumes": [
            {"emptyDir": {}, "name": "home"},
            {"emptyDir": {}, "name": "tmp-dir"},
            {"emptyDir": {"medium": "Memory", "sizeLimit": "8Gi" if grouped else "1Gi"}, "name": "dshm"},
            {"emptyDir": {}, "name": "model-cache"},
        ],
    }
    if sidecar:
        spec["initContainers"] = [
            {
                "name": "llm-d-routing-sidecar",
                "image": SIDECAR_IMAGE,
                "imagePullPolicy": "IfNotPresent",
                "restartPolicy": "Always",
                "ports": [{"containerPort": SERVICE_PORT}],
                "args": [
                    f"--port={SERVICE_PORT}",
                    f"--vllm-port={port}",
                    "--kv-connector=nixlv2",
                    "--secure-proxy=false",
                ],
            }
        ]
    return spec
