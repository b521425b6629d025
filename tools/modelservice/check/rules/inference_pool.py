"""Gateway API Inference Extension: does the pool select the pods that serve, on the ports they serve on?

https://gateway-api-inference-extension.sigs.k8s.io/api-types/inferencepool/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelservice.check.finding import Found, Severity
from modelservice.check.rule import Example, rule
from modelservice.model.deployment import ROLE, Deployment, Pods, reference
from modelservice.model.pool import V1, V1ALPHA2, Pool, pools_of

_POOL = "https://gateway-api-inference-extension.sigs.k8s.io/api-types/inferencepool/"
_ACTIVE_PORTS = ("llm-d.ai/active-ports", "inference.networking.k8s.io/active-ports")

_MATCHING = """\
inferencePool:
  targetPorts: [{number: 8000}]
  modelServers: {matchLabels: {llm-d.ai/model: qwen3-8b}}
"""


def _pools(deployment: Deployment) -> list[Pool]:
    return [*deployment.pools, *pools_of(deployment.objects, deployment.name)]


def _serving(deployment: Deployment) -> list[Pods]:
    return [pods for pods in deployment.servers if not pods.headless and pods.replicas != 0 and pods.served_ports()]


def _name(pool: Pool) -> str:
    return f"InferencePool/{pool.name}" if pool.name else f"InferencePool of {pool.file}"


def _selects(pool: Pool, pods: Pods) -> bool:
    # An empty selector matches nothing here: the API refuses it.
    return bool(pool.selector) and pool.selector.items() <= pods.labels.items()


@rule(
    Severity.error,
    reason="The endpoint picker sends requests only to pods with all labels of the pool's selector. A pod without one "
    "of them holds accelerators and gets nothing.",
    link=_POOL,
    failing=Example(pool=_MATCHING.replace("qwen3-8b", "qwen3-32b")),
    passing=Example(pool=_MATCHING),
)
def pool_selector(deployment: Deployment) -> Iterator[Found]:
    """The pool selects every pod that serves."""
    for pool in _pools(deployment):
        if not pool.selector:
            yield Found(
                "the pool selects no labels",
                None,
                _name(pool),
                f"write {pool.where(pool.selector_key)}: {_labels(deployment.value('modelArtifacts.labels') or {})}",
                pool.selector_key,
            )
            continue
        missed = [pods for pods in _serving(deployment) if not _selects(pool, pods)]
        for pods in missed:
            wrong = {key: value for key, value in pool.selector.items() if pods.labels.get(key) != value}
            key, value = next(iter(wrong.items()))
            has = pods.labels.get(key)
            own = ROLE in wrong
            if own and len(missed) < len(_serving(deployment)) and len(wrong) == 1:
                continue  # a pool of one role, as llm-d's guides also have them
            yield Found(
                f"the pool selects {key}: {value}, but the pods of {pods.role} have "
                + (f"{key}: {has}" if has else "no such label"),
                deployment.with_key(
                    f"{pods.role}.podLabels.{key}", f"modelArtifacts.labels.{key}", "modelArtifacts.labels"
                ),
                pods.object,
                f"write modelArtifacts.labels: {{{key}: {value}}}, or correct {pool.where(pool.selector_key)}",
                "spec.template.metadata.labels",
            )


@rule(
    Severity.error,
    reason="A pod that answers no requests, such as a headless worker of a group, is an endpoint like any other to the "
    "picker once it has the pool's labels.",
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
def pool_headless(deployment: Deployment) -> Iterator[Found]:
    """The pool selects no pod that answers no requests."""
    serving = _serving(deployment)
    for pool in _pools(deployment):
        for pods in deployment.pods:
            if not _selects(pool, pods) or pods in serving or pods.replicas == 0:
                continue
            if not pods.headless and (not pods.command.flags_known or pods.engine_port() is None):
                continue  # what it runs is not known
            if pods.part == "pod" and pods.command.script and not pods.headless:
                continue
            yield Found(
                f"the pool selects the {pods.part}s of {pods.object}, which answer no requests",
                deployment.with_key(f"{pods.role}.podLabels", "modelArtifacts.labels"),
                pods.object,
                "take the pool's labels off these pods",
                "workerTemplate.metadata.labels",
            )


@rule(
    Severity.error,
    reason="Each pair of a selected pod and a target port is an endpoint. Where nobody listens, requests and metrics "
    "scrapes fail.",
    link=_POOL,
    failing=Example("routing: {servicePort: 8080}", pool=_MATCHING),
    passing=Example(pool=_MATCHING),
)
def pool_port(deployment: Deployment) -> Iterator[Found]:
    """Every pod of the pool serves on every target port."""
    for pool in _pools(deployment):
        for pods in _serving(deployment):
            active = _active_ports(pods)
            served = set(pods.served_ports())
            wanted = [port for port in pool.ports if active is None or port in active]
            lacking = [port for port in wanted if port not in served]
            if lacking and _known(deployment, pods):
                single = len(pool.ports) == 1
                yield Found(
                    f"the pool sends requests to port {lacking[0]}, but the pods of {pods.role} serve on "
                    f"{', '.join(str(port) for port in sorted(served))}",
                    (deployment.flag_key(pods, "port") if pods.proxy is None else None)
                    or deployment.with_key("routing.servicePort", "routing.proxy.args"),
                    pods.object,
                    f"write routing.servicePort: {pool.ports[0]}, or correct {pool.where(pool.ports_key)}"
                    if single
                    else f"serve it, name the served ones in the pod annotation {_ACTIVE_PORTS[0]}, or correct "
                    f"{pool.where(pool.ports_key)}",
                    "containers[].ports",
                )
            if active is not None and not set(active) <= set(pool.ports) & served:
                odd = sorted(set(active) - (set(pool.ports) & served))
                yield Found(
                    f"the annotation of the active ports names {odd[0]}, which is no target port that the pods "
                    "serve on",
                    deployment.with_key(f"{pods.role}.podAnnotations"),
                    pods.object,
                    "name target ports that they serve on",
                    "spec.template.metadata.annotations",
                )


@rule(
    Severity.error,
    reason="A data parallel rank whose port is no target port of the pool gets no request, while its accelerators are "
    "paid for.",
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
def pool_port_missing(deployment: Deployment) -> Iterator[Found]:
    """Every port that pods serve on is a target port of the pool."""
    for pool in _pools(deployment):
        for pods in _serving(deployment):
            lacking = [port for port in pods.served_ports() if port not in pool.ports]
            if lacking and len(lacking) < len(pods.served_ports()):
                yield Found(
                    f"the pods of {pods.role} serve on {', '.join(map(str, pods.served_ports()))}, but the pool does "
                    f"not send to {', '.join(map(str, lacking))}",
                    deployment.with_key(f"{pods.role}.parallelism.dataLocal", f"{pods.role}.parallelism"),
                    pods.object,
                    f"add them to {pool.where(pool.ports_key)}",
                    "containers[].ports",
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
def pool_ports(deployment: Deployment) -> Iterator[Found]:
    """The pool's target ports have the form and number that its API takes."""
    for pool in _pools(deployment):
        for key, reason in pool.refusals:
            yield Found(f"{pool.where(key)}: {reason}", None, _name(pool), f"correct {key}")
        if len(pool.ports) > 8:
            yield Found(
                f"the pool has {len(pool.ports)} target ports, and eight are the most",
                None,
                _name(pool),
                f"shorten {pool.where(pool.ports_key)}; spread the ranks over more pods",
            )
        elif not pool.ports:
            yield Found("the pool has no target port", None, _name(pool), f"write {pool.where(pool.ports_key)}")
        for port in sorted({port for port in pool.ports if pool.ports.count(port) > 1 or not 0 < port < 65536}):
            yield Found(
                f"target port {port} is given twice, or is no port",
                None,
                _name(pool),
                f"correct {pool.where(pool.ports_key)}",
            )


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
def pool_namespace(deployment: Deployment) -> Iterator[Found]:
    """The pool is in the namespace of the pods."""
    for pool in _pools(deployment):
        for pods in _serving(deployment):
            namespace = pods.namespace or (deployment.namespace if pool in deployment.pools else "")
            if pool.namespace and namespace and pool.namespace != namespace:
                yield Found(
                    f"the pods are in the namespace {namespace}, the pool is in {pool.namespace}",
                    None,
                    pods.object,
                    f"write namespace: {pool.namespace} for both"
                    if pods.namespace
                    else f"install with --namespace {pool.namespace}",
                    "metadata.namespace",
                )


@rule(
    Severity.error,
    reason="A gateway drops a route to a pool that does not exist under this group, kind and name, and answers 500.",
    link="https://gateway-api-inference-extension.sigs.k8s.io/guides/",
    failing=Example(
        """\
extraObjects:
- apiVersion: gateway.networking.k8s.io/v1
  kind: HTTPRoute
  metadata: {name: qwen}
  spec:
    parentRefs: [{name: inference-gateway}]
    rules: [{backendRefs: [{group: inference.networking.x-k8s.io, kind: InferencePool, name: qwen}]}]
""",
        pool="""\
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: qwen}
spec: {selector: {matchLabels: {llm-d.ai/model: qwen3-8b}}, targetPorts: [{number: 8000}]}
""",
    ),
    passing=Example(
        """\
extraObjects:
- apiVersion: gateway.networking.k8s.io/v1
  kind: HTTPRoute
  metadata: {name: qwen}
  spec:
    parentRefs: [{name: inference-gateway}]
    rules: [{backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: qwen}]}]
""",
        pool="""\
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: qwen}
spec: {selector: {matchLabels: {llm-d.ai/model: qwen3-8b}}, targetPorts: [{number: 8000}]}
""",
    ),
)
def route_backend(deployment: Deployment) -> Iterator[Found]:
    """An HTTPRoute has a gateway, and backends that exist."""
    routes = [obj for obj in (*deployment.objects, *deployment.neighbours) if obj.get("kind") == "HTTPRoute"]
    pools = _pools(deployment)
    for route in routes:
        spec = route.get("spec") or {}
        key = deployment.with_key("routing.httpRoute", "extraObjects") if route in deployment.objects else None
        parents = spec.get("parentRefs") or []
        if not parents or not all(isinstance(item, Mapping) and item.get("name") for item in parents):
            yield Found(
                "the route names no Gateway in parentRefs, so no gateway reads it",
                key,
                reference(route),
                "write parentRefs: [{name: <Gateway>}]",
                "spec.parentRefs",
            )
        for entry in spec.get("rules") or []:
            for backend in entry.get("backendRefs") or []:
                yield from _backend(deployment, route, backend, pools, key)


def _backend(
    deployment: Deployment, route: Any, backend: Mapping[str, Any], pools: list[Pool], key: str | None
) -> Iterator[Found]:
    kind, group, name = backend.get("kind", "Service"), backend.get("group") or "", str(backend.get("name", ""))
    if kind == "Service":
        services = {obj["metadata"]["name"]: obj for obj in deployment.kind("Service")}
        if name in services:
            ports = [port.get("port") for port in (services[name].get("spec") or {}).get("ports") or []]
            if backend.get("port") not in ports:
                yield Found(
                    f"the route sends to port {backend.get('port')} of Service {name}, which has {ports}",
                    key,
                    reference(route),
                    f"write port: {ports[0] if ports else ''}",
                    "spec.rules",
                )
        elif any(pool.name == name for pool in pools):
            yield Found(
                f"the backend {name} is read as a Service, but it is an InferencePool",
                key,
                reference(route),
                f"write group: {V1}, kind: InferencePool",
                "spec.rules",
            )
        return
    if kind != "InferencePool":
        return
    if not name:
        yield Found(
            "a backend of the route has no name", key, reference(route), "write the name of the pool", "spec.rules"
        )
        return
    if group not in (V1, V1ALPHA2):
        yield Found(
            f"InferencePool is of the group {V1}, not {group or '(core)'}",
            key,
            reference(route),
            f"write group: {V1}",
            "spec.rules",
        )
        return
    named = [pool for pool in pools if pool.name]
    namespace = str(backend.get("namespace") or (route.get("metadata") or {}).get("namespace") or "")
    match = next((pool for pool in named if pool.name == name), None)
    if named and match is None:
        yield Found(
            f"the route sends to InferencePool {name}, but the pool is {', '.join(pool.name for pool in named)}",
            key,
            reference(route),
            f"write name: {named[0].name}",
            "spec.rules",
        )
    elif match and match.group != group:
        yield Found(
            f"the route sends to {group}, but InferencePool {name} is of {match.group}",
            key,
            reference(route),
            f"write group: {match.group}",
            "spec.rules",
        )
    elif match and match.namespace and namespace and match.namespace != namespace:
        yield Found(
            f"the route looks for InferencePool {name} in the namespace {namespace}, but it is in {match.namespace}",
            key,
            reference(route),
            f"write namespace: {match.namespace} for the route, or for its backend with a ReferenceGrant",
            "spec.rules",
        )
    elif not named and any(pool.group != group for pool in pools):
        yield Found(
            f"the route sends to {group}, but the pool's chart makes {pools[0].group}",
            key,
            reference(route),
            f"write group: {pools[0].group}",
            "spec.rules",
        )


def _active_ports(pods: Pods) -> list[int] | None:
    for name in _ACTIVE_PORTS:
        if name in pods.annotations:
            return [int(port) for port in str(pods.annotations[name]).replace(" ", "").split(",") if port.isdigit()]
    return None


def _known(deployment: Deployment, pods: Pods) -> bool:
    if pods.proxy is not None or pods.command.flags_known:
        return True
    # The chart declares the port of an engine of a stated type itself.
    return bool(deployment.value(f"{pods.role}.engine.type") or deployment.value("engine.type"))


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in labels.items()) + "}"
