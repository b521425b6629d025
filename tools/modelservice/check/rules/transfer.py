"""KV transfer: do prefill and decode hand over the cache?"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup


@rule(
    Severity.error,
    reason="vLLM rejects a KV connector without a role, and each role must do its part: prefill produces, decode "
    "consumes.",
    link="https://docs.vllm.ai/en/latest/features/nixl_connector_usage/",
    failing=Example(
        "prefill: {engine: {args: {kv-transfer-config: {kv_connector: NixlConnector, kv_role: kv_consumer}}}}",
        base="pd",
    ),
    passing=Example(
        "prefill: {engine: {args: {kv-transfer-config: {kv_connector: NixlConnector, kv_role: kv_producer}}}}",
        base="pd",
    ),
)
def kv_role(deployment: Deployment) -> Iterator[Violation]:
    """The KV transfer role is set and fits the pod's role."""
    for group in deployment.servers:
        transfer = group.facts.kv_transfer if group.facts else None
        if transfer is None:
            continue
        mode = group.command.value(transfer.mode) if transfer.mode else None
        if mode in ("prefill", "decode") and mode != group.role:
            yield Violation(
                f"--{transfer.mode} of {group.role} is {mode}, the other role's part",
                group.engine.flag(transfer.mode),
                f"set {group.role}",
            )
        if not transfer.flag or not group.kv_transfer:
            continue
        at = group.engine.flag(transfer.flag)
        for name, near in _unknown_connectors(group, transfer.connectors):
            yield Violation(f"vLLM has no KV connector {name}", at, f"did you mean {near}?")
        problem = _role_problem(group, with_prefill=bool(deployment.role("prefill")))
        if problem:
            yield Violation(problem[0], at, problem[1])


def _role_problem(group: PodGroup, *, with_prefill: bool) -> tuple[str, str] | None:
    """Return what is wrong with the role of a KV transfer, and the fix."""
    role = group.kv_transfer.get("kv_role")
    wrong = {"prefill": "kv_consumer", "decode": "kv_producer"}[group.role]
    if not group.kv_transfer.get("kv_connector"):
        return "the KV transfer has no kv_connector", "set kv_connector: NixlConnector"
    if role not in ("kv_producer", "kv_consumer", "kv_both"):
        message = f"kv_role is {role!r}, which vLLM rejects" if role else "the KV transfer has no kv_role"
        return message, "set kv_role: kv_both"
    if role == wrong and with_prefill:
        return f"kv_role of {group.role} is {role}, the other role's part", "set kv_both"
    return None


def _unknown_connectors(group: PodGroup, known: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield names that are almost a known connector, with that one; any other may be a plugin's."""
    if group.kv_transfer.get("kv_connector_module_path"):
        return
    folded = {name.lower(): name for name in known}
    for name in group.kv_connectors:
        near = difflib.get_close_matches(name.lower(), list(folded), n=1, cutoff=0.85)
        if near and name not in known:
            yield name, folded[near[0]]
