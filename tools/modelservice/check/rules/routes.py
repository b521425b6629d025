"""HTTPRoutes: does each one have a gateway, and backends that exist?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.model.deployment import Deployment
from modelservice.model.pods import reference
from modelservice.model.pool import V1, V1ALPHA2, Pool
from modelservice.model.routes import Match, hidden, matches

_ROUTE = """\
extraObjects:
- apiVersion: gateway.networking.k8s.io/v1
  kind: HTTPRoute
  metadata: {name: qwen}
  spec:
    parentRefs: [{name: inference-gateway}]
    rules: [{backendRefs: [{group: inference.networking.x-k8s.io, kind: InferencePool, name: qwen}]}]
"""
_POOL = """\
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: qwen}
spec: {selector: {matchLabels: {llm-d.ai/model: qwen3-8b}}, targetPorts: [{number: 8000}]}
"""


@rule(
    Severity.error,
    reason="A gateway drops a route to a pool that does not exist under this group, kind and name, and answers 500.",
    link="https://gateway-api-inference-extension.sigs.k8s.io/guides/",
    failing=Example(_ROUTE, pool=_POOL),
    passing=Example(_ROUTE.replace(".x-k8s.io, kind", ".k8s.io, kind"), pool=_POOL),
)
def route_backend(deployment: Deployment) -> Iterator[Violation]:
    """An HTTPRoute has a gateway, and backends that exist."""
    for route in (*deployment.objects, *deployment.neighbours):
        if route.get("kind") != "HTTPRoute":
            continue
        spec = route.get("spec") or {}
        parents = spec.get("parentRefs") or []
        if not parents or not all(isinstance(item, Mapping) and item.get("name") for item in parents):
            yield Violation(
                "the route names no Gateway in parentRefs, so no gateway reads it",
                deployment.at(route, "spec.parentRefs"),
                "set parentRefs: [{name: <Gateway>}]",
            )
        for entry in spec.get("rules") or []:
            for backend in entry.get("backendRefs") or []:
                problem = _problem(deployment, route, backend)
                if problem:
                    yield Violation(problem[0], deployment.at(route, "spec.rules"), problem[1])


def _problem(deployment: Deployment, route: Mapping[str, Any], backend: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return what is wrong with a backend and what to set; None when nothing is."""
    kind, name = backend.get("kind", "Service"), str(backend.get("name", ""))
    pools = deployment.pools
    if kind == "Service":
        return _service_problem(deployment, backend, name)
    if kind != "InferencePool":
        return None
    if not name:
        return "a backend of the route has no name", "set the name of the pool"
    group = backend.get("group") or ""
    if group not in (V1, V1ALPHA2):
        return f"InferencePool is of the group {V1}, not {group or '(core)'}", f"set group: {V1}"
    named = [pool for pool in pools if pool.name]
    match = next((pool for pool in named if pool.name == name), None)
    if match:
        namespace = str(backend.get("namespace") or (route.get("metadata") or {}).get("namespace") or "")
        return _pool_problem(match, group, namespace)
    if named:
        listed = ", ".join(pool.name for pool in named)
        return f"the route sends to InferencePool {name}, but the pool is {listed}", f"set name: {named[0].name}"
    if any(pool.group != group for pool in pools):
        made = pools[0].group
        return f"the route sends to {group}, but the pool's chart makes {made}", f"set group: {made}"
    return None


def _service_problem(deployment: Deployment, backend: Mapping[str, Any], name: str) -> tuple[str, str] | None:
    services = {obj["metadata"]["name"]: obj for obj in deployment.kind("Service")}
    if name not in services:
        if any(pool.name == name for pool in deployment.pools):
            message = f"the backend {name} is read as a Service, but it is an InferencePool"
            return message, f"set group: {V1}, kind: InferencePool"
        return None
    ports = [port.get("port") for port in (services[name].get("spec") or {}).get("ports") or []]
    if backend.get("port") in ports:
        return None
    message = f"the route sends to port {backend.get('port')} of Service {name}, which has {ports}"
    return message, f"set port: {ports[0] if ports else ''}"


def _pool_problem(pool: Pool, group: str, namespace: str) -> tuple[str, str] | None:
    if pool.group != group:
        return (
            f"the route sends to {group}, but InferencePool {pool.name} is of {pool.group}",
            f"set group: {pool.group}",
        )
    if pool.namespace and namespace and pool.namespace != namespace:
        return (
            f"the route looks for InferencePool {pool.name} in the namespace {namespace}, but it is in "
            f"{pool.namespace}",
            f"set namespace: {pool.namespace} for the route, or for its backend with a ReferenceGrant",
        )
    return None


_TWO_ROUTES = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: llama}
spec:
  parentRefs: [{name: inference-gateway}]
  rules: [{backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: llama}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: qwen}
spec:
  parentRefs: [{name: inference-gateway}]
  rules: [{backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: qwen}]}]
"""

DISTINGUISH = "set routing.httpRoute.pathPrefix, modelHeader or hostnames, so that each takes requests of its own"
"""How routes of several models share a Gateway."""


@rule(
    Severity.error,
    reason="Of routes with the same match, a Gateway uses the oldest, then the first by name; the other gets no "
    "request, so its model is unreachable.",
    link="https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule",
    failing=Example(manifests=_TWO_ROUTES),
    passing=Example(
        manifests=_TWO_ROUTES.replace(
            "rules: [{backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: qwen",
            "rules: [{matches: [{path: {type: PathPrefix, value: /qwen}}], backendRefs: [{group: "
            "inference.networking.k8s.io, kind: InferencePool, name: qwen",
        )
    ),
)
def route_hidden(deployment: Deployment) -> Iterator[Violation]:
    """No other HTTPRoute of a Gateway has the same match."""
    own = list(matches([*deployment.objects, *deployment.neighbours], deployment.namespace))
    for first, later in hidden(own):
        same = first.route is later.route
        other = f"rule {first.rule} of the route" if same else reference(first.route)
        yield Violation(
            f"{other} takes the same requests ({later.description}), so rule {later.rule} of "
            f"{reference(later.route)} gets none",
            deployment.at(later.route, "spec.rules"),
            "remove one of the two rules" if same else DISTINGUISH,
        )
    for match in own:
        taken = next((other for other in _installed(deployment) if other.hides(match)), None)
        if taken:
            yield Violation(
                f"{reference(taken.route)} in the cluster takes the same requests ({match.description}), and the older "
                "route wins",
                deployment.at(match.route, "spec.rules"),
                f"{DISTINGUISH}, or delete the other",
                severity=Severity.warning,
            )


def _installed(deployment: Deployment) -> Iterator[Match]:
    """Yield the matches of the cluster's routes, without those that an upgrade of the release replaces or deletes."""
    named = {(obj["metadata"].get("name"), _space(obj, deployment)) for obj in deployment.kind("HTTPRoute")}
    for route in deployment.cluster.of("HTTPRoute") if deployment.cluster else ():
        metadata = route.get("metadata") or {}
        release = (metadata.get("annotations") or {}).get("meta.helm.sh/release-name")
        space = _space(route, deployment)
        own = release == deployment.name and space == deployment.namespace
        if not own and (metadata.get("name"), space) not in named:
            yield from matches([route], deployment.namespace)


def _space(obj: Mapping[str, Any], deployment: Deployment) -> str:
    return str((obj.get("metadata") or {}).get("namespace") or deployment.namespace)
