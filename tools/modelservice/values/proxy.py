"""``routing.proxy``: the routing sidecar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from modelservice import facts
from modelservice.docs.jsontype import json_type
from modelservice.values.base import Closed
from modelservice.values.containers import Resources
from modelservice.values.kubernetes import EnvVar, SecurityContext, VolumeMount
from modelservice.values.route import ParentReference
from modelservice.values.scalars import AbsolutePath, ImagePullPolicy, Port

if TYPE_CHECKING:
    Connector = str
else:
    Connector = Literal[tuple(connector.name for connector in facts.routing_proxy().connectors)]


class Proxy(Closed):
    """The routing sidecar (https://github.com/llm-d/llm-d-router) in front of decode: it runs the prefill
    step elsewhere and forwards to the engine."""

    enabled: bool | None = True
    """Adds the sidecar to decode pods. Without it the engine itself listens on `routing.servicePort`."""
    image: Annotated[str, Field(max_length=512)] = "ghcr.io/llm-d/llm-d-routing-sidecar:latest"
    """Image of the sidecar. Its flags differ by version, which is read from the tag."""
    version: Annotated[str, Field(max_length=64, pattern=r"^v?[0-9]+\.[0-9]+(\.[0-9]+)?([-+].*)?$")] | None = None
    """Version of the sidecar, where the image's tag does not tell it, for instance `0.10`."""
    imagePullPolicy: ImagePullPolicy = "Always"
    """When the image is pulled."""
    targetPort: Port = 8200
    """First port the decode engine listens on."""
    connector: Connector = "nixlv2"
    """How the KV cache travels from prefill to decode."""
    secure: bool | None = False
    """Serves TLS (`--secure-proxy`)."""
    prefillerUseTLS: bool | None = None
    """Speaks TLS to prefill pods."""
    certPath: AbsolutePath | None = None
    """Directory with `tls.crt` and `tls.key`; mount it with `volumeMounts`."""
    zapEncoder: Literal["json", "console"] | None = "json"
    """Log encoding."""
    zapLogLevel: (
        Annotated[
            str | int,
            json_type(
                type=["string", "integer"], pattern="^(debug|info|error|panic|[1-9][0-9]?)$", minimum=1, maximum=99
            ),
        ]
        | None
    ) = None
    """Log level: `debug`, `info`, `error`, `panic` or a number; `debug` when neither this nor `debugLevel` is set."""
    zapDevel: bool | None = None
    """Development logging."""
    zapStacktraceLevel: Literal["info", "error", "panic"] | None = None
    """Level from which stack traces are logged."""
    zapTimeEncoding: Literal["epoch", "millis", "nano", "iso8601", "rfc3339", "rfc3339nano"] | None = None
    """Time format of the log."""
    debugLevel: Annotated[int, Field(ge=0, le=99)] | None = None
    """Log verbosity as a number: `-v` of the sidecars before 0.4, `--zap-log-level` when `zapLogLevel` is unset."""
    resources: Resources = Resources()
    """Compute resources of the sidecar."""
    env: list[EnvVar] = []
    """Environment variables of the sidecar."""
    args: list[str] = []
    """Further flags of the sidecar. A flag given here is not derived."""
    volumeMounts: list[VolumeMount] = []
    """Volume mounts of the sidecar, for instance its certificate."""
    securityContext: SecurityContext = {"allowPrivilegeEscalation": False, "runAsNonRoot": True}
    """Security context of the sidecar."""
    parentRefs: list[ParentReference] | None = Field(default=None, deprecated=True)
    """Old place of `routing.parentRefs`."""
