"""``routing.proxy``: the routing sidecar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from modelservice import facts
from modelservice.values.base import Closed
from modelservice.values.containers import Resources
from modelservice.values.kubernetes import EnvVar, SecurityContext, VolumeMount
from modelservice.values.route import ParentReference
from modelservice.values.scalars import AbsolutePath, Image, ImagePullPolicy, Port, Version, json_form

if TYPE_CHECKING:
    Connector = str
else:
    Connector = Literal[tuple(connector.name for connector in facts.routing_proxy().connectors)]


class Proxy(Closed):
    """The routing sidecar (https://github.com/llm-d/llm-d-router) in front of the decode engine: it sends the
    prompt to a prefill pod first and then forwards the request to the engine."""

    enabled: bool | None = True
    """Adds the sidecar to decode pods. Without it, the engine listens on `routing.servicePort`."""
    image: Image = "ghcr.io/llm-d/llm-d-routing-sidecar:latest"
    """Image of the sidecar. The chart derives the version from the tag, and the flags from the version."""
    version: Version | None = None
    """Version of the sidecar if the image's tag is not a version, e.g. `0.10`."""
    imagePullPolicy: ImagePullPolicy = "Always"
    """Image pull policy."""
    targetPort: Port = 8200
    """First port of the decode engine."""
    connector: Connector = "nixlv2"
    """KV connector between prefill and decode. The engines must use the same one."""
    secure: bool | None = False
    """Serves TLS (`--secure-proxy`)."""
    prefillerUseTLS: bool | None = None
    """Uses TLS to prefill pods."""
    certPath: AbsolutePath | None = None
    """Directory with `tls.crt` and `tls.key`, mounted by `volumeMounts`."""
    zapEncoder: Literal["json", "console"] | None = "json"
    """Log encoding."""
    zapLogLevel: (
        Annotated[
            str | int,
            json_form(
                "debug, info, error, panic or a number from 1 to 99",
                "^(debug|info|error|panic|[1-9][0-9]?)$",
                type=["string", "integer"],
                minimum=1,
                maximum=99,
            ),
        ]
        | None
    ) = None
    """Log level: `debug`, `info`, `error`, `panic` or a number. Default: `debugLevel`, or `debug`."""
    zapDevel: bool | None = None
    """Development logging."""
    zapStacktraceLevel: Literal["info", "error", "panic"] | None = None
    """Minimum level of messages with a stack trace."""
    zapTimeEncoding: Literal["epoch", "millis", "nano", "iso8601", "rfc3339", "rfc3339nano"] | None = None
    """Time format of the log."""
    debugLevel: Annotated[int, Field(ge=0, le=99)] | None = None
    """Log verbosity as a number: `-v` before version 0.4, `--zap-log-level` since, unless `zapLogLevel` is set."""
    resources: Resources = Resources()
    """Compute resources of the sidecar."""
    env: list[EnvVar] = []
    """Environment variables of the sidecar."""
    args: list[str] = []
    """Further flags of the sidecar. A flag set here is not derived."""
    volumeMounts: list[VolumeMount] = []
    """Volume mounts of the sidecar, e.g. its certificate."""
    securityContext: SecurityContext = {"allowPrivilegeEscalation": False, "runAsNonRoot": True}
    """Security context of the sidecar."""
    parentRefs: list[ParentReference] | None = Field(default=None, deprecated=True)
    """Former key of `routing.parentRefs`."""
