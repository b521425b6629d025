"""InferencePool: does it select the pods that serve, on the ports that they serve on?

https://gateway-api-inference-extension.sigs.k8s.io/api-types/inferencepool/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.model.deployment import Deployment
from modelservice.model.pods import ROLE, PodGroup

_POOL = "https://gateway-api-inference-extension.sigs.k8s.io/api-types/inferencepool/"
_ACTIVE_PORTS = ("llm-d.ai/active-ports", "inference.networking.k8s.io/active-ports")

_MATCHING = """\
inferencePool:
  targetPorts: [{number: 8000}]
  modelServers: {matchLabels: {llm-d.ai/model: qwen3-8b}}
"""


def _serving(deployment: Deployment) -> list[PodGroup]:
    return [group for group in deployment.serving if group.served_ports]


@rule(
    Severity.error,
    reason="The endpoint picker sends requests only to pods with all labels of the pool's selector. A pod without one "
    "of them holds accelerators and gets no requests.",
    link=_POOL,
    failing=Example(pool=_MATCHING.replace("qwen3-8b", "qwen3-32b")),
    passing=Example(pool=_MATCHING),
)
def pool_selector(deployment: Deployment) -> Iterator[Violation]:
    """The pool selects every pod that serves."""
    serving = _serving(deployment)
    for pool in deployment.pools:
        if not pool.selector:
            labels = _labels(deployment.value("modelArtifacts.labels") or {})
            where = pool.selector_at.describe(deployment.sources)
            yield Violation("the pool has no selector", pool.selector_at, f"set {where}: {labels}")
            continue
        missed = [group for group in serving if not pool.selects(group)]
        for group in missed:
            wrong = {key: value for key, value in pool.selector.items() if group.labels.get(key) != value}
            key, value = next(iter(wrong.items()))
            if ROLE in wrong and len(wrong) == 1 and len(missed) < len(serving):
                continue  # a pool for one role, as in some of llm-d's guides
            has = group.labels.get(key)
            yield Violation(
                f"the pool selects {key}: {value}, but the pods of {group.role} have "
                + (f"{key}: {has}" if has else "no such label"),
                group.at(f"metadata.labels[{key}]").otherwise("modelArtifacts.labels"),
                f"set modelArtifacts.labels: {{{key}: {value}}}, or correct "
                f"{pool.selector_at.describe(deployment.sources)}",
            )


@rule(
    Severity.error,
    reason="To the endpoint picker, any pod with the pool's labels is an endpoint, even one that answers no requests, "
    "such as a headless worker of a group.",
    link="https://github.com/kubernetes-sigs/gateway-api-inference-extension/tree/main/pkg/epp/datastore",
    failing=Example(
        pool=_MATCHING,
        manifests="""\
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {name: decode}
spec:
  leaderWorkerTemplate:
    size: 2
    leaderTemplate:
      metadata: {labels: {llm-d.ai/model: qwen3-8b, llm-d.ai/role: decode}}
      spec:
        containers:
        - {name: vllm, image: "vllm/vllm-openai:v0.32.0", args: [--model, m, --nnodes, "2", --master-addr, leader]}
    workerTemplate:
      metadata: {labels: {llm-d.ai/model: qwen3-8b}}
      spec:
        containers:
        - name: vllm
          image: vllm/vllm-openai:v0.32.0
          args: [--model, m, --nnodes, "2", --headless, --master-addr, leader]
""",
    ),
    passing=Example(
        "{multinode: true, decode: {parallelism: {tensor: 8, pipeline: 2, workers: 2}, sharedMemory: {enabled: true}}}",
        pool=_MATCHING,
    ),
)
def pool_headless(deployment: Deployment) -> Iterator[Violation]:
    """The pool selects no pod that answers no requests."""
    serving = _serving(deployment)
    for pool in deployment.pools:
        for group in deployment.groups:
            if not pool.selects(group) or group in serving or group.replicas == 0:
                continue
            if not group.headless and (group.facts is None or group.engine_port is None):
                continue  # what it runs is not known
            if group.part == "pod" and group.command.script and not group.headless:
                continue
            yield Violation(
                f"the pool selects the {group.part}s of {group.object}, which answer no requests",
                group.at("metadata.labels"),
                "remove the pool's labels from these pods",
            )


@rule(
    Severity.error,
    reason="Each pair of a selected pod and a target port is an endpoint. Where nothing listens, requests and metrics "
    "scrapes fail.",
    link=_POOL,
    failing=Example("routing: {servicePort: 8080}", pool=_MATCHING),
    passing=Example(pool=_MATCHING),
)
def pool_port(deployment: Deployment) -> Iterator[Violation]:
    """Every pod of the pool serves on every target port."""
    for pool in deployment.pools:
        correct = f"correct {pool.ports_at.describe(deployment.sources)}"
        for group in _serving(deployment):
            active = _active_ports(group)
            served = set(group.served_ports)
            wanted = [port for port in pool.ports if active is None or port in active]
            lacking = [port for port in wanted if port not in served]
            if lacking and _ports_known(deployment, group):
                yield Violation(
                    f"the pool sends requests to port {lacking[0]}, but the pods of {group.role} serve on "
                    f"{', '.join(str(port) for port in sorted(served))}",
                    (group.proxy or group.engine).flag("port"),
                    f"{_port_fix(deployment, group, pool.ports)}, or {correct}",
                )
            if active is not None and not set(active) <= set(pool.ports) & served:
                odd = sorted(set(active) - (set(pool.ports) & served))
                name = next(item for item in _ACTIVE_PORTS if item in group.annotations)
                yield Violation(
                    f"the annotation of the active ports lists {odd[0]}, which is not a target port that the pods "
                    "serve on",
                    group.at(f"metadata.annotations[{name}]").otherwise(f"{group.role}.podAnnotations"),
                    "list target ports that they serve on",
                )


def _port_fix(deployment: Deployment, group: PodGroup, wanted: Sequence[int]) -> str:
    """Return how pods come to serve on the target ports of a pool."""
    if len(wanted) > 1:
        return f"serve it, list the served ones in the pod annotation {_ACTIVE_PORTS[0]}"
    if group.proxy is None and deployment.value("routing.servicePort") == wanted[0]:
        return f"remove the --port of the {group.role} engine"
    return f"set routing.servicePort: {wanted[0]}"


@rule(
    Severity.error,
    reason="A data parallel rank whose port is not a target port of the pool gets no requests, and its accelerators "
    "sit idle.",
    link="https://github.com/llm-d/llm-d/tree/main/guides/wide-ep-lws",
    failing=Example(
        "{multinode: true, decode: {parallelism: {dataLocal: 2, dataMode: multiPort}}}",
        pool=_MATCHING,
    ),
    passing=Example(
        "{multinode: true, decode: {parallelism: {dataLocal: 2, dataMode: multiPort}}}",
        pool=_MATCHING.replace("[{number: 8000}]", "[{number: 8000}, {number: 8001}]"),
    ),
)
def pool_port_missing(deployment: Deployment) -> Iterator[Violation]:
    """Every port that pods serve on is a target port of the pool."""
    for pool in deployment.pools:
        for group in _serving(deployment):
            lacking = [port for port in group.served_ports if port not in pool.ports]
            if lacking and len(lacking) < len(group.served_ports):
                yield Violation(
                    f"the pods of {group.role} serve on {', '.join(map(str, group.served_ports))}, but the pool does "
                    f"not send to {', '.join(map(str, lacking))}",
                    group.engine.flag("data-parallel-size-local", "data-parallel-size"),
                    f"add them to {pool.ports_at.describe(deployment.sources)}",
                )


@rule(
    Severity.error,
    reason="An InferencePool has one to eight different target ports; versions 1.0 of the API had exactly one.",
    link=_POOL,
    failing=Example(
        pool="inferencePool: {targetPorts: [8000], modelServers: {matchLabels: {llm-d.ai/model: qwen3-8b}}}"
    ),
    passing=Example(pool=_MATCHING),
)
def pool_ports(deployment: Deployment) -> Iterator[Violation]:
    """The pool's target ports have the form and number that its API accepts."""
    for pool in deployment.pools:
        where = pool.ports_at.describe(deployment.sources)
        for at, reason in pool.refusals:
            yield Violation(reason, at, f"correct {at.describe(deployment.sources)}")
        if len(pool.ports) > 8:
            message = f"the pool has {len(pool.ports)} target ports, and at most eight are allowed"
            yield Violation(message, pool.ports_at, f"shorten {where}; spread the ranks over more pods")
        elif not pool.ports:
            yield Violation("the pool has no target port", pool.ports_at, f"set {where}")
        for port in sorted({port for port in pool.ports if pool.ports.count(port) > 1 or not 0 < port < 65536}):
            yield Violation(f"target port {port} is repeated, or is not a port", pool.ports_at, f"correct {where}")


@rule(
    Severity.error,
    reason="A pool looks for pods in its own namespace only.",
    link=_POOL,
    failing=Example(
        pool="""\
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: qwen, namespace: gateways}
spec:
  selector: {matchLabels: {llm-d.ai/model: qwen3-8b}}
  targetPorts: [{number: 8000}]
"""
    ),
    passing=Example(
        pool="""\
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: qwen, namespace: default}
spec:
  selector: {matchLabels: {llm-d.ai/model: qwen3-8b}}
  targetPorts: [{number: 8000}]
"""
    ),
)
def pool_namespace(deployment: Deployment) -> Iterator[Violation]:
    """The pool is in the namespace of the pods."""
    for pool in deployment.pools:
        for group in _serving(deployment):
            namespace = group.namespace or (deployment.namespace if pool in deployment.given_pools else "")
            if pool.namespace and namespace and pool.namespace != namespace:
                yield Violation(
                    f"the pods are in the namespace {namespace}, the pool is in {pool.namespace}",
                    group.workload_at("metadata.namespace"),
                    f"set namespace: {pool.namespace} for both"
                    if group.namespace
                    else f"install with --namespace {pool.namespace}",
                )


def _active_ports(group: PodGroup) -> list[int] | None:
    """Return the ports that the pods' annotation lists for the picker; None without the annotation."""
    for name in _ACTIVE_PORTS:
        if name in group.annotations:
            return [int(port) for port in str(group.annotations[name]).replace(" ", "").split(",") if port.isdigit()]
    return None


def _ports_known(deployment: Deployment, group: PodGroup) -> bool:
    if group.proxy is not None or group.facts is not None:
        return True
    # The chart declares the port of an engine of a stated type itself.
    return bool(deployment.value(f"{group.role}.engine.type") or deployment.value("engine.type"))


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in labels.items()) + "}"


@rule(
    Severity.warning,
    reason="A gateway sends requests to the pods of a pool in plain HTTP unless a policy of it says otherwise, and "
    "an engine with a certificate answers TLS only.",
    link="https://gateway-api.sigs.k8s.io/api-types/backendtlspolicy/",
    failing=Example("engine: {args: {ssl-certfile: /tls/tls.crt, ssl-keyfile: /tls/tls.key}}", pool=_MATCHING),
    passing=Example(pool=_MATCHING),
)
def pool_tls(deployment: Deployment) -> Iterator[Violation]:
    """The gateway uses TLS for the pods of a pool that serve it."""
    if deployment.kind(*_TLS_POLICIES) or not deployment.pools:
        return
    for group in _serving(deployment):
        if group.proxy is None and group.serves_tls:
            yield Violation(
                f"the pods of {group.role} serve TLS, and nothing tells the gateway of the pool to use it",
                group.engine.flag("ssl-certfile"),
                "create a BackendTLSPolicy, or your gateway's own policy, or let the gateway end TLS",
            )


_TLS_POLICIES = ("BackendTLSPolicy", "DestinationRule", "Backend", "GCPBackendPolicy")
"""Kinds by which a gateway is told to use TLS for its backends."""
