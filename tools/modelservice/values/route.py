"""``routing.httpRoute``: the way from Gateways to the InferencePool."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelservice.values.base import Closed
from modelservice.values.scalars import (
    AbsolutePath,
    Annotations,
    DnsLabel,
    DnsSubdomain,
    Hostname,
    NameOrTemplate,
    Port,
    RouteDuration,
    UrlPath,
    form,
)

HeaderName = Annotated[
    str, form("the name of an HTTP header", r"^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$", min_length=1, max_length=256)
]
HeaderValue = Annotated[str, form("text of one line", r"^[^\x00-\x08\x0a-\x1f\x7f]+$", min_length=1, max_length=4096)]


class ParentReference(Closed):
    """A Gateway (https://gateway-api.sigs.k8s.io/reference/spec/#parentreference)."""

    name: NameOrTemplate | None = None
    """Name of the Gateway."""
    namespace: NameOrTemplate | None = None
    """Namespace of the Gateway."""
    group: str | None = None
    """API group. Default: `gateway.networking.k8s.io`."""
    kind: str | None = None
    """Kind. Default: `Gateway`."""
    sectionName: NameOrTemplate | None = None
    """Name of one listener. Default: all listeners."""
    port: Port | None = None
    """Port of the listener. Default: all ports."""


class PathMatch(Closed):
    """Path of a request."""

    type: Literal["Exact", "PathPrefix", "RegularExpression"] | None = None
    """Type of the match. Default: `PathPrefix`."""
    value: AbsolutePath | None = None
    """Path. Default: `/`."""


class ValueMatch(Closed):
    """A match of a header or query parameter."""

    type: Literal["Exact", "RegularExpression"] | None = None
    """Type of the match. Default: `Exact`."""
    name: HeaderName
    """Name."""
    value: HeaderValue
    """Value, rendered as a template."""


class RouteMatch(Closed):
    """Conditions of a request, all of which must be true
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
    """A header."""

    name: HeaderName
    """Name."""
    value: HeaderValue
    """Value, rendered as a template."""


class HeaderModifier(Closed):
    """Changes of headers."""

    set: list[Header] | None = None
    """Headers to set, replacing headers of the same name."""
    add: list[Header] | None = None
    """Headers to add."""
    remove: list[HeaderName] | None = None
    """Names of headers to remove."""


class PathModifier(Closed):
    """Replacement of the path before the request reaches the engine."""

    type: Literal["ReplaceFullPath", "ReplacePrefixMatch"]
    """Type of the replacement."""
    replaceFullPath: AbsolutePath | None = None
    """New path."""
    replacePrefixMatch: AbsolutePath | None = None
    """Replacement of the matched prefix."""


class UrlRewrite(Closed):
    """Rewrite of the URL before the request reaches the engine."""

    hostname: Hostname | None = None
    """Host name."""
    path: PathModifier | None = None
    """Path."""


class ExtensionReference(Closed):
    """A filter of the Gateway implementation."""

    group: Annotated[str, Field(max_length=253)]
    """API group."""
    kind: Annotated[str, Field(min_length=1, max_length=63)]
    """Kind."""
    name: DnsSubdomain
    """Name."""


class RouteFilter(Closed):
    """A filter of an HTTPRoute rule (https://gateway-api.sigs.k8s.io/reference/spec/#httproutefilter)."""

    type: Literal["RequestHeaderModifier", "ResponseHeaderModifier", "URLRewrite", "ExtensionRef"]
    """Type of the filter."""
    requestHeaderModifier: HeaderModifier | None = None
    """Changes of the request headers."""
    responseHeaderModifier: HeaderModifier | None = None
    """Changes of the response headers."""
    urlRewrite: UrlRewrite | None = None
    """Rewrite of the URL."""
    extensionRef: ExtensionReference | None = None
    """Reference to a filter of the Gateway implementation."""


class BackendReference(Closed):
    """A backend of an HTTPRoute rule."""

    group: Annotated[str, Field(max_length=253)] | None = None
    """API group, e.g. `inference.networking.k8s.io` for an InferencePool."""
    kind: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    """Kind. Default: `Service`."""
    name: DnsSubdomain
    """Name."""
    namespace: DnsLabel | None = None
    """Namespace. Default: the release's namespace."""
    port: Port | None = None
    """Port of a Service; not allowed for an InferencePool."""
    weight: Annotated[int, Field(ge=0, le=1000000)] | None = None
    """Weight of the backend, in proportion to the others."""


class RouteTimeouts(Closed):
    """Timeouts of requests. Default: none, because answers of a language model take long. `null` leaves the field
    out, because some implementations reject it."""

    request: RouteDuration | None = "0s"
    """Timeout of a request until the end of the answer; `0s` for no timeout."""
    backendRequest: RouteDuration | None = "0s"
    """Timeout of one attempt at a backend; `0s` for no timeout."""


class RouteRuleTimeouts(Closed):
    """Timeouts of a rule."""

    request: RouteDuration | None = None
    """Timeout of a request until the end of the answer."""
    backendRequest: RouteDuration | None = None
    """Timeout of one attempt at a backend."""


class RouteRetry(Closed):
    """Retries of a request."""

    codes: list[Annotated[int, Field(ge=400, le=599)]] | None = None
    """Status codes to retry."""
    attempts: Annotated[int, Field(ge=0, le=100)] | None = None
    """Maximum number of retries."""
    backoff: RouteDuration | None = None
    """Minimum time between attempts."""


class RouteRule(Closed):
    """A rule of an HTTPRoute (https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule)."""

    name: DnsSubdomain | None = None
    """Name of the rule."""
    matches: list[RouteMatch] | None = Field(default=None, max_length=64)
    """Matches, one of which must be true."""
    filters: list[RouteFilter] | None = Field(default=None, max_length=16)
    """Filters, applied to matching requests."""
    backendRefs: list[BackendReference] | None = Field(default=None, max_length=16)
    """Backends. Default: the InferencePool."""
    timeouts: RouteRuleTimeouts | None = None
    """Timeouts."""
    retry: RouteRetry | None = None
    """Retries (experimental channel of Gateway API)."""


class HttpRoute(Closed):
    """An HTTPRoute from Gateways to the InferencePool."""

    create: bool = False
    """Creates the HTTPRoute."""
    name: DnsSubdomain | None = None
    """Name of the object. Default: the prefix of all object names."""
    annotations: Annotations = {}
    """Annotations of the object."""
    parentRefs: list[ParentReference] = []
    """Gateways of the route. Default: `routing.parentRefs`. Strings are rendered as templates."""
    hostnames: list[Hostname] = Field(default=[], max_length=16)
    """Host names of the route. Default: those of the Gateway's listeners."""
    pathPrefix: UrlPath = "/"
    """Path prefix of the route, removed before the request reaches the engine."""
    modelHeader: HeaderName | None = None
    """Header that must contain the model's name, for several models behind one Gateway; a body-based router sets
    it, e.g. `X-Gateway-Base-Model-Name`."""
    matches: list[RouteMatch] = Field(default=[], max_length=64)
    """Matches in full, instead of `pathPrefix` and `modelHeader`. Strings are rendered as templates."""
    timeouts: RouteTimeouts = RouteTimeouts()
    """Timeouts."""
    rules: list[RouteRule] = Field(default=[], max_length=16)
    """Rules in full, instead of `pathPrefix`, `modelHeader`, `matches` and `timeouts`. Strings are rendered as
    templates."""
