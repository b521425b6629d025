"""What clients of the release use: ``endpoints``, ``auth`` and ``test``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from modelservice.values.base import Closed
from modelservice.values.containers import Resources
from modelservice.values.engine import FlagValue
from modelservice.values.kubernetes import SecurityContext
from modelservice.values.scalars import AbsolutePath, ImagePullPolicy, LabelKey, LabelValue, OptionalName, RequestField


class Endpoints(Closed):
    """What clients need to know, for other programs to read."""

    create: bool = False
    """Creates a ConfigMap with the base URL, the paths of the engine, and the names of model and adapters, and with
    `OPENAI_BASE_URL` and `OPENAI_MODEL` for a client's `envFrom`."""
    labels: dict[LabelKey, LabelValue] = {}
    """Labels of the ConfigMap."""
    annotations: dict[str, str] = {}
    """Annotations of the ConfigMap."""


class Question(Closed):
    """What `helm test` asks. What is unset follows from the model's features."""

    path: AbsolutePath | None = None
    """Path of the request, for instance `/v1/completions`."""
    body: dict[RequestField, FlagValue] | None = Field(
        default=None, examples=[{"prompt": "The capital of France is", "max_tokens": 8}]
    )
    """Body of the request; `model` is added. Without one the path is only read."""
    expect: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    """Extended regular expression that the answer must match."""


class Test(Closed):
    """The Pod of `helm test`: it looks for the model's name and asks the model a question, role by role."""

    enabled: bool = False
    """Creates the Pod and its Service when `helm test` runs."""
    image: Annotated[str, Field(max_length=512)] = "docker.io/curlimages/curl:8.17.0"
    """Image with `sh`, `grep` and `curl`."""
    imagePullPolicy: ImagePullPolicy = ""
    """When the image is pulled."""
    timeoutSeconds: Annotated[int, Field(ge=1, le=86400)] = 120
    """Seconds each request may take, with its repetitions."""
    question: Question = Question()
    """What is asked."""
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
    """Security context of the container; it fits the restricted pod security standard."""


class ApiKeySecret(Closed):
    """Where the API key is."""

    name: OptionalName = ""
    """Secret with the key."""
    key: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")] = "api-key"
    """Entry of the Secret."""


class Auth(Closed):
    """What clients have to show."""

    apiKeySecret: ApiKeySecret = ApiKeySecret()
    """Key that requests carry as `Authorization: Bearer`. The engine reads it from the Secret."""
