"""``routing.httpRoute``: the way from Gateways to the InferencePool."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelservice.values.base import Closed
from modelservice.values.scalars import DnsLabel, DnsSubdomain, Hostname, Port, RouteDuration

HeaderName = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$")]
HeaderValue = Annotated[str, Field(min_length=1, max_length=4096)]
RoutePath = Annotated[str, Field(max_length=1024, pattern=r"^/")]


class ParentReference(Closed):
    """A Gateway (https://gateway-api.sigs.k8s.io/reference/spec/#parentreference)."""

    name: str | None = None
    """Name of the Gateway."""
    namespace: str | None = None
    """Its namespace."""
    group: str | None = None
    """Its API group."""
    kind: str | None = None
    """Its kind."""
    sectionName: str | None = None
    """One listener of it."""
    port: Port | None = None
    """One port of it."""


class PathMatch(Closed):
    """Path of a request."""

    type: Literal["Exact", "PathPrefix", "RegularExpression"] | None = None
    """How the value is compared; `PathPrefix` when unset."""
    value: RoutePath | None = None
    """The path; `/` when unset."""


class ValueMatch(Closed):
    """A header or query parameter of a request."""

    type: Literal["Exact", "RegularExpression"] | None = None
    """How the value is compared; `Exact` when unset."""
    name: HeaderName
    """Its name."""
    value: HeaderValue
    """Its value, rendered as a template."""


class RouteMatch(Closed):
    """Requests that a rule takes: all conditions hold
    (https://gateway-api.sigs.k8s.io/reference/spec/#httproutematch)."""

    path: PathMatch | None = None
    """Path."""
    headers: list[ValueMatch] | None = Field(default=None, max_length=16)
    """Headers."""
    queryParams: list[ValueMatch] | None = Field(default=None, max_length=16)
    """Query parameters."""
    method: Literal["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"] | None = None
    """Method."""


class Header(Closed):
    """A header with its value."""

    name: HeaderName
    """Its name."""
    value: HeaderValue
    """Its value."""


class HeaderModifier(Closed):
    """Changes of headers."""

    set: list[Header] | None = None
    """Headers that replace those of the same name."""
    add: list[Header] | None = None
    """Headers that are added."""
    remove: list[str] | None = None
    """Headers that are removed."""


class PathModifier(Closed):
    """A path as the engine gets it."""

    type: Literal["ReplaceFullPath", "ReplacePrefixMatch"]
    """What is replaced."""
    replaceFullPath: RoutePath | None = None
    """The whole path."""
    replacePrefixMatch: RoutePath | None = None
    """What the matched prefix becomes."""


class UrlRewrite(Closed):
    """A URL as the engine gets it."""

    hostname: Hostname | None = None
    """Host name."""
    path: PathModifier | None = None
    """Path."""


class ExtensionReference(Closed):
    """A filter that the Gateway's implementation brings."""

    group: Annotated[str, Field(max_length=253)]
    """API group."""
    kind: Annotated[str, Field(min_length=1, max_length=63)]
    """Kind."""
    name: DnsSubdomain
    """Name."""


class RouteFilter(Closed):
    """What happens to a request on its way
    (https://gateway-api.sigs.k8s.io/reference/spec/#httproutefilter)."""

    type: Literal["RequestHeaderModifier", "ResponseHeaderModifier", "URLRewrite", "ExtensionRef"]
    """Kind of the filter."""
    requestHeaderModifier: HeaderModifier | None = None
    """Changes of the request's headers."""
    responseHeaderModifier: HeaderModifier | None = None
    """Changes of the response's headers."""
    urlRewrite: UrlRewrite | None = None
    """Change of the URL."""
    extensionRef: ExtensionReference | None = None
    """A filter of the implementation."""


class BackendReference(Closed):
    """Where a rule sends requests."""

    group: Annotated[str, Field(max_length=253)] | None = None
    """API group; that of InferencePools is `inference.networking.k8s.io`."""
    kind: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    """Kind; Service when unset."""
    name: DnsSubdomain
    """Name."""
    namespace: DnsLabel | None = None
    """Namespace; the release's own when unset."""
    port: Port | None = None
    """Port of a Service; an InferencePool has none."""
    weight: Annotated[int, Field(ge=0, le=1000000)] | None = None
    """Share of the requests."""


class RouteTimeouts(Closed):
    """Time limits of requests. Answers of a language model take long, so there are none by default; null leaves a limit
    to the Gateway, as some implementations refuse the field."""

    request: RouteDuration | None = "0s"
    """From the request to the end of the answer; `0s` for no limit."""
    backendRequest: RouteDuration | None = "0s"
    """One attempt at an endpoint; `0s` for no limit."""


class RouteRuleTimeouts(Closed):
    """Time limits of a rule."""

    request: RouteDuration | None = None
    """From the request to the end of the answer."""
    backendRequest: RouteDuration | None = None
    """One attempt at an endpoint."""


class RouteRetry(Closed):
    """When a request is tried again."""

    codes: list[Annotated[int, Field(ge=400, le=599)]] | None = None
    """Status codes that are tried again."""
    attempts: Annotated[int, Field(ge=0, le=100)] | None = None
    """How often."""
    backoff: RouteDuration | None = None
    """Time between attempts."""


class RouteRule(Closed):
    """A rule of an HTTPRoute (https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule)."""

    name: DnsSubdomain | None = None
    """Name of the rule."""
    matches: list[RouteMatch] | None = Field(default=None, max_length=64)
    """Requests that the rule takes: one of these."""
    filters: list[RouteFilter] | None = Field(default=None, max_length=16)
    """What happens to them."""
    backendRefs: list[BackendReference] | None = Field(default=None, max_length=16)
    """Where they go; the InferencePool when unset."""
    timeouts: RouteRuleTimeouts | None = None
    """Time limits."""
    retry: RouteRetry | None = None
    """When a request is tried again (experimental channel of Gateway API)."""


class HttpRoute(Closed):
    """An HTTPRoute from Gateways to the InferencePool."""

    create: bool = False
    """Creates the HTTPRoute."""
    name: DnsSubdomain | None = None
    """Name of the object; the prefix of all object names when unset."""
    annotations: dict[str, str] = {}
    """Annotations of the object."""
    parentRefs: list[ParentReference] = []
    """Gateways of the route; `routing.parentRefs` when unset."""
    hostnames: list[Hostname] = Field(default=[], max_length=16)
    """Host names that the route takes; those of the Gateway's listeners when unset."""
    pathPrefix: RoutePath = "/"
    """Prefix of the paths that the route takes. It is removed before the engine sees the request."""
    modelHeader: HeaderName | None = None
    """Header that must hold the model's name, for several models behind one Gateway; a body based router sets it, for
    instance `X-Gateway-Base-Model-Name`."""
    matches: list[RouteMatch] = Field(default=[], max_length=64)
    """Conditions in full, instead of `pathPrefix` and `modelHeader`."""
    timeouts: RouteTimeouts = RouteTimeouts()
    """Time limits."""
    rules: list[RouteRule] = Field(default=[], max_length=16)
    """Rules in full, instead of `pathPrefix`, `modelHeader`, `matches` and `timeouts`."""
