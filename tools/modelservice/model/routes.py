"""HTTPRoutes: which requests of which Gateways they take, and what is in front of a deployment.

https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Match:
    """One match of a rule, at one Gateway."""

    route: Object
    rule: int
    gateway: str
    """``namespace/name`` of the Gateway, with the listener where the route names one."""
    hosts: frozenset[str]
    """Empty for every host."""
    requests: str
    """What it asks of path, headers, query and method, as JSON in one form."""
    backends: str
    """Where the requests go, as JSON in one form."""

    def hides(self, other: Match) -> bool:
        """Return whether both take the same requests of a Gateway to different backends."""
        same = self.gateway == other.gateway and self.requests == other.requests and self.backends != other.backends
        return same and (self.hosts == other.hosts or bool(self.hosts & other.hosts))

    @property
    def path(self) -> str:
        """Path that it takes, or the beginning of it."""
        return str(json.loads(self.requests)["path"][1])

    @property
    def headers(self) -> dict[str, str]:
        """Headers that it asks for."""
        return {name: value for name, _, value in json.loads(self.requests)["headers"]}

    @property
    def description(self) -> str:
        """The match for a sentence: ``Gateway gateways/inference, path /``."""
        headers = "".join(f", header {name}: {value}" for name, value in self.headers.items())
        hosts = f", host {' or '.join(sorted(self.hosts))}" if self.hosts else ""
        return f"Gateway {self.gateway}, path {self.path}{headers}{hosts}"


def gateways(route: Object) -> list[str]:
    """Return ``namespace/name`` of the Gateways of a route; only the name of those in the route's own namespace."""
    found = []
    for parent in (route.get("spec") or {}).get("parentRefs") or []:
        if isinstance(parent, Mapping) and parent.get("name") and parent.get("kind", "Gateway") == "Gateway":
            space = parent.get("namespace")
            found.append(f"{space}/{parent['name']}" if space else str(parent["name"]))
    return found


def pools_behind(route: Object) -> set[str]:
    """Return the names of the InferencePools that a route sends to."""
    rules = (route.get("spec") or {}).get("rules") or []
    backends = [backend for rule in rules for backend in rule.get("backendRefs") or []]
    return {str(item.get("name")) for item in backends if item.get("kind") == "InferencePool"}


def matches(routes: Sequence[Object], namespace: str) -> Iterator[Match]:
    """Yield the matches of HTTPRoutes, those of each Gateway apart.

    Args:
        routes: any objects; only HTTPRoutes count.
        namespace: namespace of those that name none.
    """
    for route in routes:
        if route.get("kind") != "HTTPRoute":
            continue
        spec = route.get("spec") or {}
        own = str((route.get("metadata") or {}).get("namespace") or namespace)
        hosts = frozenset(str(host).lower() for host in spec.get("hostnames") or [])
        for parent in spec.get("parentRefs") or []:
            if not isinstance(parent, Mapping) or not parent.get("name"):
                continue
            listener = "".join(f", {key} {parent[key]}" for key in ("sectionName", "port") if parent.get(key))
            gateway = f"{parent.get('namespace') or own}/{parent['name']}{listener}"
            for index, rule in enumerate(spec.get("rules") or []):
                backends = json.dumps([own, rule.get("backendRefs") or []], sort_keys=True)
                for match in rule.get("matches") or [{}]:
                    yield Match(route, index, gateway, hosts, _requests(match), backends)


def hidden(found: Sequence[Match]) -> Iterator[tuple[Match, Match]]:
    """Yield pairs of matches that take the same requests: the one that gets them, and the one that gets none.

    Of routes of one age the first by namespace and name gets them, of the rules of a route the first.
    """
    ranked = sorted(found, key=lambda match: (*_name(match.route), match.rule))
    for index, later in enumerate(ranked):
        first = next((item for item in ranked[:index] if item.hides(later)), None)
        if first:
            yield first, later


def _name(route: Object) -> tuple[str, str]:
    metadata = route.get("metadata") or {}
    return str(metadata.get("namespace") or ""), str(metadata.get("name"))


def _requests(match: Object) -> str:
    path = match.get("path") or {}
    value = str(path.get("value") or "/")
    kind = path.get("type") or "PathPrefix"
    if kind == "PathPrefix":
        value = value.rstrip("/") or "/"
    asked: dict[str, Any] = {"path": [kind, value], "method": match.get("method")}
    for key in ("headers", "queryParams"):
        listed = match.get(key) or []
        asked[key] = sorted(
            [str(item.get("name")).lower(), item.get("type") or "Exact", str(item.get("value"))] for item in listed
        )
    return json.dumps(asked, sort_keys=True)
