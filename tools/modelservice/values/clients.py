"""Clients of the release: ``endpoints``, ``auth`` and ``test``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from modelservice.values.base import Closed
from modelservice.values.containers import Resources
from modelservice.values.engine import FlagValue
from modelservice.values.kubernetes import SecurityContext
from modelservice.values.scalars import (
    AbsolutePath,
    Annotations,
    Image,
    ImagePullPolicy,
    LabelKey,
    LabelValue,
    OptionalName,
    RequestField,
    SecretKey,
)


class Endpoints(Closed):
    """Connection details for clients."""

    create: bool = False
    """Creates a ConfigMap with the base URL, the engine's paths and the names of model and adapters, and with
    `OPENAI_BASE_URL` and `OPENAI_MODEL` for a client's `envFrom`."""
    labels: dict[LabelKey, LabelValue] = {}
    """Labels of the ConfigMap."""
    annotations: Annotations = {}
    """Annotations of the ConfigMap."""


class Question(Closed):
    """Request of `helm test`. Default: derived from the model's features."""

    path: AbsolutePath | None = None
    """Path of the request, e.g. `/v1/completions`."""
    body: dict[RequestField, FlagValue] | None = Field(
        default=None, examples=[{"prompt": "The capital of France is", "max_tokens": 8}]
    )
    """Body of a POST request, to which `model` is added. Default: a GET request."""
    expect: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    """Extended regular expression that the answer must match."""


class Test(Closed):
    """Test Pod of `helm test`: for each role, it looks up the model's name and sends one request."""

    enabled: bool = False
    """Creates the Pod and its Service when `helm test` runs."""
    image: Image = "docker.io/curlimages/curl:8.17.0"
    """Image with `sh`, `grep` and `curl`."""
    imagePullPolicy: ImagePullPolicy = ""
    """Image pull policy."""
    timeoutSeconds: Annotated[int, Field(ge=1, le=86400)] = 120
    """Timeout of each request in seconds, including retries."""
    question: Question = Question()
    """Request of the test."""
    resources: Resources = Resources(
        limits={"cpu": "100m", "memory": "64Mi"}, requests={"cpu": "10m", "memory": "16Mi"}
    )
    """Compute resources of the Pod."""
    securityContext: SecurityContext = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    """Security context of the container. The default meets the restricted pod security standard."""


class ApiKeySecret(Closed):
    """The Secret with the API key."""

    name: OptionalName = ""
    """Name of the Secret; empty for no API key."""
    key: SecretKey = "api-key"
    """Key of the Secret."""


class Auth(Closed):
    """Authentication of clients."""

    apiKeySecret: ApiKeySecret = ApiKeySecret()
    """Secret with the API key that clients send as `Authorization: Bearer`. The engine reads it from the Secret. vLLM
    asks for it below `/v1` and a few other prefixes only: `/invocations`, `/score`, `/tokenize` and others stay open,
    so limit the paths of the HTTPRoute (`routing.httpRoute.pathPrefix`) and who may connect (`networkPolicy`)."""
