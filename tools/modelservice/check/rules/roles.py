"""Roles: do prefill and decode serve the same model under the same name?"""

from __future__ import annotations

from collections.abc import Iterator

from modelservice.check.cures import drop_flag, offered, put, put_flag
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.model.deployment import Deployment
from modelservice.model.handover import Difference, Side, differences, weights
from modelservice.model.pods import PodGroup
from modelservice.model.provenance import Place


@rule(
    Severity.error,
    reason="Clients request the model by its served name. Under another one vLLM answers 404, and prefill and decode "
    "of one pool are interchangeable only under the same name.",
    link="https://docs.vllm.ai/en/latest/cli/serve/#-served-model-name",
    failing=Example("prefill: {engine: {args: {served-model-name: qwen3}}}", base="pd"),
    passing=Example("engine: {args: {served-model-name: Qwen/Qwen3-8B}}", base="pd"),
)
def served_model_name(deployment: Deployment) -> Iterator[Violation]:
    """All pods serve the model under the name that clients use."""
    expected = _name_of_clients(deployment)
    names: dict[PodGroup, frozenset[str]] = {}
    for group in deployment.serving:
        given = group.command.get("served-model-name")
        values = frozenset(given.values) if given else frozenset()
        if not values or any("$" in value for value in values):
            continue
        names[group] = values
        if expected and expected not in values:
            yield Violation(
                f"the engine serves {', '.join(sorted(values))}, but clients request modelArtifacts.name {expected}",
                group.engine.flag("served-model-name"),
                f"set {expected} in both places, or several names with it among them",
                # It may be meant: in the values the flag is an alias of the model.
                None if deployment.role("prefill") else Severity.warning,
            )
    if deployment.sources or len(set(names.values())) < 2 or not deployment.role("prefill"):
        return
    if deployment.role("decode"):
        shown = "; ".join(f"{group.object}: {', '.join(sorted(item))}" for group, item in names.items())
        at = next(iter(names)).engine.flag("served-model-name")
        yield Violation(f"prefill and decode serve different names: {shown}", at, "serve one name")


def _name_of_clients(deployment: Deployment) -> str | None:
    """Return the model's name in requests; ``routing.modelName`` is the former place of ``modelArtifacts.name``."""
    if deployment.sources is None:
        return None
    name, former = deployment.value("modelArtifacts.name"), deployment.value("routing.modelName")
    return str(name if deployment.sources.has("modelArtifacts.name") or not former else former)


@rule(
    Severity.error,
    reason="Two engines compare what decides the form of the cache, from the version and the model to the backend of "
    "attention, and refuse every hand-over where one differs. Requests fail, or decode computes each prompt again.",
    link="https://github.com/vllm-project/vllm/blob/v0.33.0/vllm/distributed/kv_transfer/kv_connector/v1/nixl/metadata.py",
    failing=Example("prefill: {engine: {args: {kv-cache-dtype: fp8}}}", base="pd"),
    passing=Example("engine: {args: {kv-cache-dtype: fp8}}", base="pd"),
)
def roles_differ(deployment: Deployment) -> Iterator[Violation]:
    """Prefill and decode agree on what travels between them."""
    for first, second in _pair(deployment):
        for found in differences(first, second):
            yield Violation(
                _differ(
                    found, "so the cache of one is useless to the other" if found.certain else "which may be refused"
                ),
                _place(first, second, found),
                f"set the same {found.name} for both roles"
                + (", under engine.args" if found.flag else ": engine.image" if deployment.sources else ""),
                None if found.certain else Severity.warning,
            )


@rule(
    Severity.warning,
    reason="Other weights make another cache for the same prompt, and no engine compares them: decode answers worse, "
    "without an error.",
    link="https://docs.vllm.ai/en/latest/features/disagg_prefill/",
    failing=Example("prefill: {engine: {args: {revision: v1}}}\ndecode: {engine: {args: {revision: v2}}}", base="pd"),
    passing=Example("engine: {args: {revision: v1}}", base="pd"),
)
def roles_with_other_weights(deployment: Deployment) -> Iterator[Violation]:
    """Prefill and decode load the same weights."""
    for first, second in _pair(deployment):
        for found in weights(first, second):
            yield Violation(
                _differ(found, "so they may compute with different weights"),
                _place(first, second, found),
                f"set the same {found.name} for both roles, under engine.args",
            )


def _pair(deployment: Deployment) -> Iterator[tuple[Side, Side]]:
    """Yield prefill and decode where both are known to hand over: one pair at the most."""
    prefill, decode = (
        next((group for group in deployment.role(role) if not group.headless and group.kv_transfer_facts), None)
        for role in ("prefill", "decode")
    )
    if prefill and decode:
        yield Side(prefill, deployment.engine_version(prefill)), Side(decode, deployment.engine_version(decode))


def _place(first: Side, second: Side, found: Difference) -> Place:
    """Return the place of a setting in which two sides differ."""
    one, other = (
        (side.group.engine.flag(found.flag) if found.flag else side.group.engine.at("image"))
        for side in (first, second)
    )
    return one.otherwise(*other.keys)


def _differ(found: Difference, why: str) -> str:
    """Return how the roles differ, in a sentence."""
    first, second = found.values
    return f"prefill runs with {found.name} {first}, decode with {second}, {why}"


@rule(
    Severity.warning,
    reason="Decode takes over a sequence that prefill has read in whole, so it must not allow longer ones.",
    link="https://docs.vllm.ai/en/latest/features/disagg_prefill/",
    failing=Example(
        "prefill: {engine: {args: {max-model-len: 4096}}}\nengine: {args: {max-model-len: 8192}}", base="pd"
    ),
    passing=Example("engine: {args: {max-model-len: 8192}}", base="pd"),
)
def prefill_length(deployment: Deployment) -> Iterator[Violation]:
    """Prefill takes prompts as long as decode's sequences."""
    for first, second in _pair(deployment):
        lengths = [side.group.command.number("max-model-len") for side in (first, second)]
        if lengths[0] and lengths[1] and lengths[0] < lengths[1]:
            yield Violation(
                f"prefill takes prompts of {lengths[0]} tokens, but decode sequences of {lengths[1]}: longer prompts "
                "fail",
                first.group.engine.flag("max-model-len"),
                f"set {lengths[1]} for prefill",
                cures=offered(put_flag(first.group.engine.flag("max-model-len"), "max-model-len", lengths[1])),
            )


@rule(
    Severity.warning,
    reason="The endpoint picker hands the address of a prefill pod to the sidecar with the target port of the pool, "
    "which is one for both roles.",
    link="https://github.com/llm-d/llm-d-router/blob/main/docs/disaggregation.md",
    failing=Example("prefill: {engine: {args: {port: 8200}}}", base="pd"),
    passing=Example("", base="pd"),
)
def prefill_port(deployment: Deployment) -> Iterator[Violation]:
    """Prefill pods serve on the port of decode pods."""
    decode = next((group for group in deployment.role("decode") if group.proxy and group.served_ports), None)
    for group in deployment.role("prefill") if decode and not deployment.pools else ():
        ports = group.served_ports
        if decode and ports and group.facts and ports[0] != decode.served_ports[0]:
            yield Violation(
                f"prefill pods serve on {ports[0]}, decode pods on {decode.served_ports[0]}",
                group.engine.flag("port"),
                f"remove --port of prefill, or set {decode.served_ports[0]}",
                cures=offered(drop_flag(group.engine.flag("port"), "port")),
            )


@rule(
    Severity.warning,
    reason="Prefill has no pods unless its replicas are set, as in the original chart, so decode serves alone.",
    link="https://github.com/llm-d/llm-d/tree/main/guides/pd-disaggregation",
    failing="prefill: {create: true}",
    passing="prefill: {create: true, replicas: 0}",
)
def prefill_without_pods(deployment: Deployment) -> Iterator[Violation]:
    """Prefill that is configured has pods, or says that it has none."""
    sources = deployment.sources
    if sources is None or deployment.value("suspend") or sources.values.get("prefill", {}).get("replicas") is not None:
        return
    configured = [key for key in _PREFILL if sources.has(key) and deployment.value(key)]
    for group in deployment.servers:
        if group.role == "prefill" and group.replicas == 0 and configured:
            yield Violation(
                f"{configured[0]} is set, but prefill has no pods: prefill.replicas is not set, and 0 by default",
                group.workload_at("spec.replicas").preferring(configured[0]),
                "set prefill.replicas: 1, or prefill.create: false",
                cures=offered(put("prefill.create", False)),
            )


_PREFILL = ("prefill.engine", "prefill.containers", "prefill.parallelism", "prefill.create")
"""Keys that nobody sets for a role without pods."""
