"""HTTPRoutes: does each one have a gateway, and backends that exist?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.model.deployment import Deployment
from modelservice.model.pool import V1, V1ALPHA2, Pool

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
