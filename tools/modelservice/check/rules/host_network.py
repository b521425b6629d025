"""Pods in the network of their node: do they find names, and do their ports differ?"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from modelservice.check.cures import certain, put
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup

_GROUP = """\
multinode: true
decode:
  parallelism: {data: 1, tensor: 8, pipeline: 2, workers: 2}
  sharedMemory: {enabled: true}
  extraConfig: {hostNetwork: true%s}
"""


@rule(
    Severity.error,
    reason="A pod in the network of its node resolves names as the node does, and does not find Services and pods of "
    "the cluster by name, such as the leader of its group.",
    link="https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pod-s-dns-policy",
    failing=_GROUP % "",
    passing=_GROUP % ", dnsPolicy: ClusterFirstWithHostNet",
)
def host_network_dns(deployment: Deployment) -> Iterator[Violation]:
    """Pods in the network of their node use the cluster's name server."""
    for group in deployment.servers:
        policy = group.spec.get("dnsPolicy") or "ClusterFirst"
        needs = group.group_size > 1 and any("LWS_LEADER_ADDRESS" in word for word in group.engine.words)
        wrong = ("ClusterFirst", "Default") if needs else ("ClusterFirst",)
        if not group.spec.get("hostNetwork") or policy not in wrong or group.spec.get("dnsConfig"):
            continue
        why = "so they do not find the leader of their group" if needs else "so they find no Service by its name"
        yield Violation(
            f"the pods use the node's network with dnsPolicy {policy}, {why}",
            group.at("spec.dnsPolicy").otherwise(*group.at("spec.hostNetwork").keys),
            "set dnsPolicy: ClusterFirstWithHostNet next to hostNetwork",
            None if needs else Severity.warning,
            certain(put(f"{group.role}.extraConfig.dnsPolicy", "ClusterFirstWithHostNet")) if group.is_server else (),
        )


@rule(
    Severity.warning,
    reason="Pods in the network of their node share its ports. The scheduler keeps pods apart whose declared ports are "
    "equal, but knows nothing of ports that an engine opens besides; the second pod on a node fails to start.",
    link="https://kubernetes.io/docs/concepts/workloads/pods/#pod-networking",
    failing=Example(
        "{decode: {extraConfig: {hostNetwork: true, dnsPolicy: ClusterFirstWithHostNet}}, "
        "prefill: {extraConfig: {hostNetwork: true, dnsPolicy: ClusterFirstWithHostNet}, "
        "engine: {args: {port: 8100}, ports: [{name: http, containerPort: 8100}]}}}",
        base="pd",
    ),
    passing=Example(
        "{decode: {extraConfig: {hostNetwork: true, dnsPolicy: ClusterFirstWithHostNet}}, "
        "prefill: {extraConfig: {hostNetwork: true, dnsPolicy: ClusterFirstWithHostNet}, "
        "engine: {args: {port: 8100}, ports: [{name: http, containerPort: 8100}], "
        "env: {VLLM_NIXL_SIDE_CHANNEL_PORT: '5700'}}}}",
        base="pd",
    ),
)
def host_network_ports(deployment: Deployment) -> Iterator[Violation]:
    """Pods in the network of their node have ports of their own there."""
    on_node = [group for group in deployment.servers if group.spec.get("hostNetwork") and group.replicas != 0]
    for one, other in itertools.combinations(on_node, 2):
        if _declared(one) & _declared(other) or _apart(one) or _apart(other):
            continue
        taken = {listener.port: listener for listener in other.listeners}
        shared = next((listener for listener in one.listeners if listener.port in taken), None)
        if shared:
            where = one.engine.at(f"env[{shared.setting}]") if shared.setting else one.at("spec.hostNetwork")
            yield Violation(
                f"{one.role} and {other.role} both listen on {shared.port} ({shared.purpose}) of a node that has both",
                where.otherwise(*one.at("spec.hostNetwork").keys),
                f"give one of them other ports{f' by {shared.setting}' if shared.setting else ''}, "
                "or keep the pods on different nodes",
            )


def _declared(group: PodGroup) -> set[int]:
    """Return the ports of which the scheduler knows."""
    return {port["containerPort"] for item in group.containers for port in item.ports if port.get("containerPort")}


def _apart(group: PodGroup) -> bool:
    """Return whether pods say something about which nodes they take, which may keep them apart."""
    return bool((group.spec.get("affinity") or {}).get("podAntiAffinity"))
