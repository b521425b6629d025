"""RDMA: do engines with network adapters use them, and may they?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup

_ADAPTER = "engine: {resources: {limits: {rdma/ib: 1}}, securityContext: {capabilities: {add: [IPC_LOCK]}}, env: {%s}}"


def _adapter(group: PodGroup) -> str:
    """Return the first RDMA resource of an engine; empty without one."""
    return next((name for name in group.engine.limits if name.startswith("rdma/")), "")


@rule(
    Severity.warning,
    reason="UCX, which carries NIXL's transfers, uses only the transports in its list. Without one for RDMA, KV caches "
    "travel by TCP, much slower, and the adapters sit idle.",
    link="https://openucx.readthedocs.io/en/master/faq.html",
    failing=Example(_ADAPTER % "UCX_TLS: 'tcp,cuda_copy'", base="pd"),
    passing=Example(_ADAPTER % "UCX_TLS: 'rc,cuda_copy,cuda_ipc,tcp'", base="pd"),
)
def rdma_unused(deployment: Deployment) -> Iterator[Violation]:
    """An engine with RDMA adapters transfers the KV cache by RDMA."""
    for group in deployment.servers:
        known = group.peers.transports if group.peers else None
        value = group.engine.env.get(known.variable) if known else None
        if known is None or not isinstance(value, str) or not _adapter(group):
            continue
        listed = [item for item in re.split(r"[,\s]+", value) if item]
        if listed and set(listed) <= set(known.without_rdma):
            yield Violation(
                f"{group.role} has {_adapter(group)}, but {known.variable} is {value}, which uses no RDMA",
                group.engine.at(f"env[{known.variable}]"),
                f"set {known.variable}: rc,sm,self,cuda_copy,cuda_ipc,tcp, or remove {_adapter(group)}",
            )


@rule(
    Severity.warning,
    reason="RDMA registers memory that stays locked. Without the capability IPC_LOCK, registering fails at the limit "
    "of locked memory that the container runtime sets.",
    link="https://github.com/Mellanox/k8s-rdma-shared-dev-plugin",
    failing=Example("engine: {resources: {limits: {rdma/ib: 1}}}", base="pd"),
    passing=Example("engine: {resources: {limits: {rdma/ib: 1}}, securityContext: {privileged: true}}", base="pd"),
)
def rdma_without_ipc_lock(deployment: Deployment) -> Iterator[Violation]:
    """An engine with RDMA adapters may lock memory."""
    for group in deployment.servers:
        context = group.engine.security
        added = {str(item).removeprefix("CAP_") for item in (context.get("capabilities") or {}).get("add") or []}
        if _adapter(group) and not context.get("privileged") and not added & {"IPC_LOCK", "ALL"}:
            yield Violation(
                f"{group.role} has {_adapter(group)}, but not the capability IPC_LOCK",
                group.engine.at("securityContext"),
                "set securityContext.capabilities.add: [IPC_LOCK], or ignore this rule where the nodes set no limit of "
                "locked memory",
            )
