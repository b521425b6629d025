"""KV transfer: do prefill and decode hand over the cache?"""

from __future__ import annotations

from collections.abc import Iterator

from modelservice import facts
from modelservice.check.cures import certain, offered, put, put_variable
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.facts.models import KvTransfer, SidecarConnector
from modelservice.facts.versions import holds, number
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup
from modelservice.model.routing_proxy import CONNECTOR

_NIXL = "https://docs.vllm.ai/en/latest/features/nixl_connector_usage/"


@rule(
    Severity.error,
    reason="Without a KV connector, the engines do not hand over the cache: every prompt is computed twice.",
    link="https://docs.vllm.ai/en/latest/features/disagg_prefill/",
    failing=Example("prefill: {engine: {args: {kv-transfer-config: null}}}", base="pd"),
    passing=Example("", base="pd"),
)
def kv_transfer_missing(deployment: Deployment) -> Iterator[Violation]:
    """Prefill and decode engines have a KV connector."""
    prefill, decode = deployment.prefill_and_decode
    with_proxy = any(group.proxy is not None for group in decode)
    for group in (*prefill, *decode) if prefill and decode and with_proxy else ():
        transfer = group.kv_transfer_facts
        if transfer is None or group.requester:
            continue
        if transfer.mode and group.lacks(transfer.mode) and not group.headless:
            yield Violation(
                f"{group.role} has no --{transfer.mode}, so nothing hands over the cache",
                group.engine.flag(transfer.mode).otherwise(*group.engine.at("args").keys),
                f"set {group.role}.engine.args.{transfer.mode}: {group.role}",
            )
        if transfer.flag and group.lacks(transfer.flag) and not group.kv_transfer:
            yield Violation(
                f"{group.role} has no --{transfer.flag}, so nothing hands over the cache",
                group.engine.flag(transfer.flag).otherwise(*group.engine.at("args").keys),
                f"set engine.args.{transfer.flag}: {{kv_connector: NixlConnector}}"
                if deployment.sources
                else f"set --{transfer.flag} with kv_connector: NixlConnector and kv_role: {group.transfer_part}",
                cures=offered(put(f"{group.role}.engine.args.{transfer.flag}", {"kv_connector": "NixlConnector"})),
            )


@rule(
    Severity.error,
    reason="The sidecar asks the engines to hand over the cache in the protocol of one connector; an engine with "
    "another one ignores that and computes the prompt again.",
    link=_NIXL,
    failing=Example("routing: {proxy: {connector: mooncake}}", base="pd"),
    passing=Example(
        "{routing: {proxy: {connector: mooncake}}, engine: {args: {kv-transfer-config: "
        "{kv_connector: MooncakeConnector}}}}",
        base="pd",
    ),
)
def connector_mismatch(deployment: Deployment) -> Iterator[Violation]:
    """Sidecar and engines use the same KV connector."""
    prefill, decode = deployment.prefill_and_decode
    for group in decode if prefill else ():
        transfer, name = group.kv_transfer_facts, group.proxy_connector
        connectors = facts.routing_proxy().connectors
        known = next((item for item in connectors if item.name == name), None)
        if group.proxy is None or known is None or transfer is None:
            continue
        if not _work_together(known, group):
            version = deployment.proxy_version(group)
            fitting = [
                item.name
                for item in connectors
                if _work_together(item, group) and (version is None or holds(item, version))
            ]
            title = group.facts.title if group.facts else "the engine"
            engine = f"the engine's is {', '.join(group.kv_connectors)}" if transfer.flag else f"the engine is {title}"
            fixes = [f"set {' or '.join(fitting)} for the sidecar"] if fitting else []
            if transfer.flag and known.engine_connectors:
                fixes.append(f"set kv_connector: {known.engine_connectors[0]} for both engines")
            yield Violation(
                f"the sidecar's connector is {name}, but {engine}",
                group.proxy.flag(*CONNECTOR).otherwise(*group.engine.flag(transfer.flag or transfer.mode).keys),
                ", or ".join(fixes) or "use an engine that the sidecar supports",
                cures=offered(put("routing.proxy.connector", fitting[0])) if len(fitting) == 1 else (),
            )
        yield from _different_connectors(group, transfer, prefill)


def _work_together(known: SidecarConnector, group: PodGroup) -> bool:
    """Return whether a connector of the sidecar works with the engine's, as far as both are known."""
    connectors = facts.routing_proxy().connectors
    engine = group.command.engine
    if known.engine or any(item.engine == engine for item in connectors):
        return known.engine == engine
    given = set(group.kv_connectors)
    paired = {name for item in connectors for name in item.engine_connectors}
    return not given or not given <= paired or bool(given & set(known.engine_connectors))


def _different_connectors(group: PodGroup, transfer: KvTransfer, others: list[PodGroup]) -> Iterator[Violation]:
    """Yield the pods whose connectors share none with those of a group, where all of them are known.

    Connectors of one library are left to the rule ``roles-differ``.
    """
    own = set(group.kv_connectors)
    for other in others:
        theirs = set(other.kv_connectors)
        one_library = group.peers is not None and other.peers is not None
        if own and theirs and own | theirs <= set(transfer.connectors) and not own & theirs and not one_library:
            first = group.kv_connectors[0]
            yield Violation(
                f"the KV connector of {group.role} is {first}, that of {other.role} {other.kv_connectors[0]}",
                other.engine.flag(transfer.flag).otherwise(*group.engine.flag(transfer.flag).keys),
                f"set {first} for both",
            )


@rule(
    Severity.error,
    reason="NIXL gives each tensor rank of one role the cache of whole ranks of the other, so one size must divide the "
    "other; before vLLM 0.14 decode cannot have the smaller one. The engines start, and every transfer fails.",
    link="https://github.com/vllm-project/vllm/pull/27274",
    failing=Example("prefill: {parallelism: {tensor: 2}}\ndecode: {parallelism: {tensor: 3}}", base="pd"),
    passing=Example("prefill: {parallelism: {tensor: 2}}\ndecode: {parallelism: {tensor: 4}}", base="pd"),
)
def transfer_tensor(deployment: Deployment) -> Iterator[Violation]:
    """NIXL can hand the cache of prefill's tensor ranks to decode's."""
    prefill, decode = (
        [group for group in groups if group.peers and not group.headless] for groups in deployment.prefill_and_decode
    )
    for first, second in ((first, second) for first in prefill for second in decode):
        sizes = first.tensor, second.tensor
        problem = _uneven(deployment, first, second)
        if problem:
            why, fix, severity = problem
            at = first.engine.flag("tensor-parallel-size")
            yield Violation(
                f"prefill has tensor parallel size {sizes[0]}, decode {sizes[1]}: {why}",
                at.otherwise(*second.engine.flag("tensor-parallel-size").keys, *at.keys[-1:]),
                fix,
                severity,
            )


def _uneven(deployment: Deployment, first: PodGroup, second: PodGroup) -> tuple[str, str, Severity | None] | None:
    """Return why the cache of prefill's tensor ranks does not fit decode's, the fix and the severity."""
    prefill, decode = first.tensor, second.tensor
    if not prefill or not decode or prefill == decode:
        return None
    if max(prefill, decode) % min(prefill, decode):
        return "neither divides the other", f"set e.g. tensor: {min(prefill, decode)} for both", None
    transfer = first.kv_transfer_facts
    since = transfer.uneven_tensor_since if transfer else ""
    if prefill < decode or not since:
        return None
    title = first.facts.title if first.facts else "the engine"
    versions = [deployment.engine_version(group) for group in (first, second)]
    old = next((version for version in versions if version and version < number(since)), None)
    if old:
        why = f"{title} {old} cannot give the cache of a prefill rank to less than one decode rank"
        return why, f"set at most tensor: {decode} for prefill, or use {title} {since} or newer", None
    if not all(versions):
        why = f"{title} before {since} cannot do that, and the image's tag does not tell the version"
        fix = f"set at most tensor: {decode} for prefill, or tell the version with --vllm-version"
        return why, fix, Severity.warning
    return None


@rule(
    Severity.error,
    reason="A decode rank of a pipeline holds only some of the layers, and NIXL has no transfers into such ranks: the "
    "engine exits when it starts, or never hears that a transfer is complete.",
    link=_NIXL,
    failing=Example("decode: {parallelism: {tensor: 1, pipeline: 2}}", base="pd"),
    passing=Example("decode: {parallelism: {tensor: 2}}", base="pd"),
)
def transfer_pipeline(deployment: Deployment) -> Iterator[Violation]:
    """Decode receives its cache by NIXL without a pipeline."""
    prefill, decode = deployment.prefill_and_decode
    for group in decode if prefill else ():
        size = group.pipeline
        if group.peers and size and size > 1:
            yield Violation(
                f"decode has pipeline parallel size {size}, but {group.peers.title} transfers only into pods without a "
                "pipeline",
                group.engine.flag("pipeline-parallel-size"),
                "set pipeline: 1 and a larger tensor parallel size, or use data parallelism",
                cures=offered(put(f"{group.role}.parallelism.pipeline", 1)),
            )


@rule(
    Severity.error,
    reason="NIXL tells its peers where to fetch the cache. Its default is localhost, which in another pod is that pod.",
    link=_NIXL,
    failing=Example("decode: {engine: {env: {VLLM_NIXL_SIDE_CHANNEL_HOST: 0.0.0.0}}}", base="pd"),
    passing=Example("", base="pd"),
)
def nixl_host(deployment: Deployment) -> Iterator[Violation]:
    """The NIXL side channel is announced under the pod's address."""
    prefill, decode = deployment.prefill_and_decode
    for group in (*prefill, *decode) if prefill and decode else ():
        if group.peers is None:
            continue
        name = group.peers.host
        host = group.engine.env.get(name)
        if _is_pod_address(host, group) or (host is None and group.command.script):
            continue
        state = "is not set" if host is None else f"is {host!r}" if isinstance(host, str) else "is not the pod's IP"
        at = group.engine.at(f"env[{name}]").otherwise(*group.engine.at("env").keys)
        yield Violation(
            f"{name} of {group.role} {state}, so the other role asks itself for the cache",
            at,
            f"set {name}: {{valueFrom: {{fieldRef: {{fieldPath: status.podIP}}}}}}",
            cures=certain(put_variable(at, name, {"valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}})),
        )


def _is_pod_address(host: object, group: PodGroup) -> bool:
    if isinstance(host, str) and host.startswith("$(") and host.endswith(")"):
        host = group.engine.env.get(host[2:-1])
    if isinstance(host, dict):
        return str((host.get("fieldRef") or {}).get("fieldPath", "")).startswith("status.podIP")
    return False


@rule(
    Severity.info,
    reason="UCX, which carries NIXL's transfers, takes every device that it finds; a wrong one among them makes "
    "transfers slow, or garbles answers without an error.",
    link="https://github.com/ai-dynamo/dynamo/issues/12463",
    failing=Example("engine: {resources: {limits: {rdma/ib: 1}}}", base="pd"),
    passing=Example("engine: {resources: {limits: {rdma/ib: 1}}, env: {UCX_NET_DEVICES: 'mlx5_0:1'}}", base="pd"),
)
def transfer_devices(deployment: Deployment) -> Iterator[Violation]:
    """An engine with RDMA adapters says which of them carry the KV cache."""
    for group in (*deployment.role("prefill"), *deployment.role("decode")):
        if group.peers is None or group.command.script:
            continue
        names = group.peers.devices
        adapters = [name for name in group.engine.limits if name.startswith("rdma/")]
        if adapters and not set(names) & set(group.engine.env):
            yield Violation(
                f"{group.role} has {adapters[0]}, but neither {' nor '.join(names)} chooses the devices for transfers",
                group.engine.at("env"),
                f"set {' and '.join(names)}; examples/presets/network has them",
            )
