"""Roles of the KV transfer: does each side do its part with the cache?"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from modelservice.check.cures import certain, drop, likely, offered, put, put_flag
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.facts.versions import number
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup

_NIXL = "https://docs.vllm.ai/en/latest/features/nixl_connector_usage/"


@rule(
    Severity.error,
    reason="vLLM rejects a KV connector without a role, and each role must do its part: prefill produces, decode "
    "consumes.",
    link=_NIXL,
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
        transfer = group.kv_transfer_facts
        if transfer is None:
            continue
        mode = group.command.value(transfer.mode) if transfer.mode else None
        if mode in ("prefill", "decode") and mode != group.role:
            yield Violation(
                f"--{transfer.mode} of {group.role} is {mode}, the other role's part",
                group.engine.flag(transfer.mode),
                f"set {group.role}",
                cures=offered(put_flag(group.engine.flag(transfer.mode), transfer.mode, group.role)),
            )
        if not transfer.flag or not group.kv_transfer:
            continue
        at = group.engine.flag(transfer.flag)
        for name, near in _unknown_connectors(group, transfer.connectors):
            yield Violation(f"vLLM has no KV connector {name}", at, f"did you mean {near}?")
        problem = _role_problem(group, with_prefill=bool(deployment.role("prefill")))
        if problem:
            message, field, value = problem
            own = (at.key(deployment.sources) or "").startswith(f"{group.role}.")
            cures = likely(own and field == "kv_role", put(at, value, (field,)))
            yield Violation(message, at, f"set {field}: {value}", cures=cures)


def _role_problem(group: PodGroup, *, with_prefill: bool) -> tuple[str, str, str] | None:
    """Return what is wrong with the role of a KV transfer, and the field with the value that it needs."""
    role = group.kv_transfer.get("kv_role")
    part = group.transfer_part
    own = part if group.peers and with_prefill else "kv_both"
    if not group.kv_transfer.get("kv_connector"):
        return "the KV transfer has no kv_connector", "kv_connector", "NixlConnector"
    if role not in ("kv_producer", "kv_consumer", "kv_both"):
        message = f"kv_role is {role!r}, which vLLM rejects" if role else "the KV transfer has no kv_role"
        return message, "kv_role", own
    if role not in (part, "kv_both") and with_prefill:
        return f"kv_role of {group.role} is {role}, the other role's part", "kv_role", own
    return None


@rule(
    Severity.warning,
    reason="vLLM logs that NIXL's role kv_both is deprecated and will be removed. Prefill produces the cache, decode "
    "consumes it.",
    link="https://github.com/vllm-project/vllm/blob/v0.23.0/vllm/distributed/kv_transfer/kv_connector/v1/nixl/connector.py",
    failing=Example("engine: {args: {kv-transfer-config: {kv_role: kv_both}}}", base="pd"),
    passing=Example("", base="pd"),
)
def kv_role_deprecated(deployment: Deployment) -> Iterator[Violation]:
    """NIXL's engines are the producer or the consumer of the cache."""
    prefill, decode = deployment.prefill_and_decode
    for group in (*prefill, *decode) if prefill and decode else ():
        transfer, version = group.kv_transfer_facts, deployment.engine_version(group)
        if transfer is None or group.peers is None or version is None or "kv_both" not in _roles_of_peers(group):
            continue
        if transfer.both_deprecated_since and version >= number(transfer.both_deprecated_since):
            yield Violation(
                f"kv_role: kv_both of {group.role} is deprecated with {group.peers.title}",
                group.engine.flag(transfer.flag),
                f"set kv_role: {group.transfer_part}"
                + (", or remove it: the chart sets that of each role" if deployment.sources else ""),
                cures=certain(drop(group.engine.flag(transfer.flag), ("kv_role",))),
            )


def _roles_of_peers(group: PodGroup) -> set[str]:
    """Return the KV roles of the connectors that fetch from other pods, those inside a MultiConnector too."""
    config = group.kv_transfer
    inner = group.kv_connector_settings.get("connectors") or []
    fetching = group.peers.connectors if group.peers else ()
    configs = [item for item in (config, *inner) if isinstance(item, Mapping)]
    return {str(item.get("kv_role")) for item in configs if item.get("kv_connector") in fetching}


def _unknown_connectors(group: PodGroup, known: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield names that are almost a known connector, with that one; any other may be a plugin's."""
    if group.kv_transfer.get("kv_connector_module_path"):
        return
    folded = {name.lower(): name for name in known}
    for name in group.kv_connectors:
        near = difflib.get_close_matches(name.lower(), list(folded), n=1, cutoff=0.85)
        if near and name not in known:
            yield name, folded[near[0]]
