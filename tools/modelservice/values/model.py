"""``modelArtifacts``: where the model comes from and how clients call it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelservice.docs.jsontype import json_type
from modelservice.values.base import Closed
from modelservice.values.containers import Resources
from modelservice.values.engine import EngineEnvValue
from modelservice.values.kubernetes import TypedLocalObjectReference
from modelservice.values.scalars import (
    AbsolutePath,
    Annotations,
    DnsSubdomain,
    EndpointUrl,
    EnvName,
    Image,
    ImagePullPolicy,
    LabelKey,
    LabelValue,
    ModelAlias,
    ModelName,
    ModelUri,
    OptionalName,
    Quantity,
    Revision,
    SecretKey,
    form,
)


class AwsCredentials(Closed):
    """Credentials of `s3://`."""

    name: DnsSubdomain | None = None
    """Name of the Secret. Default: no Secret; the pod's identity is used."""
    accessKeyID: SecretKey = "accessKeyID"
    """Key of the Secret with the access key ID."""
    secretAccessKey: SecretKey = "secretAccessKey"
    """Key of the Secret with the secret access key."""


class GcpCredentials(Closed):
    """Credentials of `gs://`."""

    name: DnsSubdomain | None = None
    """Name of the Secret. Default: no Secret; the pod's identity is used."""
    jsonKeyfile: SecretKey = "jsonKeyfile"
    """Key of the Secret with the service account key file."""


class AlibabaCredentials(Closed):
    """Credentials of `oss://`."""

    name: DnsSubdomain | None = None
    """Name of the Secret."""
    accessKeyID: SecretKey = "accessKeyID"
    """Key of the Secret with the access key ID."""
    accessKeySecret: SecretKey = "accessKeySecret"
    """Key of the Secret with the secret access key."""


class Credentials(Closed):
    """Secrets of object stores; only those that the model or an adapter needs are used. For Hugging Face and
    ModelScope, use `modelArtifacts.authSecretName`."""

    aws: AwsCredentials = AwsCredentials()
    """Credentials of `s3://`."""
    gcp: GcpCredentials = GcpCredentials()
    """Credentials of `gs://`."""
    alibaba: AlibabaCredentials = AlibabaCredentials()
    """Credentials of `oss://`."""


class Download(Closed):
    """Download of the model before the engine starts."""

    enabled: bool | None = None
    """Downloads the model in an init container. `false` lets the engine load from the store, and is rejected if the
    engine cannot. Default: `true` only if the engine cannot load from the store."""
    job: bool = False
    """Downloads once for all pods, in a Job that fills the claim of `persistence`; the pods wait for the Job."""
    image: Image | None = None
    """Image of the download. Default: the engine's image for `hf://`, `ms://` and `ollama://`, rclone for object
    stores."""
    command: list[str] | None = None
    """Command of the download, in place of the derived one. Strings are rendered as templates."""
    env: dict[EnvName, EngineEnvValue] = Field(default={}, examples=[{"HTTPS_PROXY": "http://proxy:3128"}])
    """Environment variables of the download, in addition to those of store and mirror. Strings are rendered as
    templates."""
    resources: Resources | None = None
    """Compute resources of the download."""


AccessMode = Literal["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]


class Persistence(Closed):
    """A PersistentVolumeClaim that keeps the downloaded model across restarts and, with `ReadWriteMany`, shares it
    between pods."""

    enabled: bool = False
    """Stores the model on a claim instead of a volume that is deleted with the pod."""
    existingClaim: DnsSubdomain | None = None
    """Name of an existing claim. Default: the chart creates one."""
    size: Quantity | None = None
    """Size of the claim. Default: `modelArtifacts.size`."""
    storageClassName: OptionalName | None = None
    """Storage class. Default: the cluster's default class."""
    accessModes: list[AccessMode] = ["ReadWriteOnce"]
    """Access modes. All pods share the claim, so several pods need `ReadWriteMany`."""
    volumeName: DnsSubdomain | None = None
    """Name of an existing PersistentVolume."""
    dataSource: TypedLocalObjectReference | None = None
    """Data source of the claim, e.g. a VolumeSnapshot."""
    retain: bool = False
    """Keeps the claim when the release is uninstalled (`helm.sh/resource-policy: keep`)."""
    annotations: Annotations = {}
    """Annotations of the claim."""


class ModelVolume(Closed):
    """Volume of a downloaded model without `persistence`."""

    type: Literal["emptyDir", "ephemeral"] = "emptyDir"
    """`emptyDir` uses the node's disk; `ephemeral` is a claim per pod that is deleted with the pod."""
    storageClassName: DnsSubdomain | None = None
    """Storage class of an ephemeral volume. Default: the cluster's default class."""


class Adapter(Closed):
    """A LoRA adapter."""

    name: Annotated[
        str,
        form(
            "the name of an adapter: letters, digits, dashes, dots and underscores",
            r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
            max_length=63,
        ),
    ]
    """Name of the adapter in requests."""
    uri: ModelUri
    """Location of the adapter: `hf://`, `ms://`, `s3://`, `gs://`, `oss://`, `pvc://claim/path`, `oci://image:tag`
    or `file://`. Rendered as a template."""


class Lora(Closed):
    """Limits of LoRA adapters, and loading at run time."""

    maxRank: (
        Annotated[int, json_type(type="integer", enum=[1, 8, 16, 32, 64, 128, 256, 320, 512], minimum=1, maximum=512)]
        | None
    ) = None
    """Maximum rank of an adapter. Default: the engine's (vLLM: 16)."""
    maxLoras: Annotated[int, Field(ge=1, le=4096)] | None = None
    """Maximum number of adapters in one batch. Default: the number of `adapters`."""
    maxCpuLoras: Annotated[int, Field(ge=1, le=65536)] | None = None
    """Maximum number of adapters in the host's memory."""
    dynamic: bool = False
    """Lets every client of the engine load and unload adapters at run time (`/v1/load_lora_adapter`)."""


Feature = Literal["TextGeneration", "TextEmbedding", "SpeechToText", "Reranking", "Scoring", "Classification"]


class ModelArtifacts(Closed):
    """The model: its location and its name in requests."""

    name: ModelName = "random/model"
    """Name of the model in requests (`--served-model-name`)."""
    aliases: list[ModelAlias] = Field(default=[], examples=[["llama", "default"]])
    """Additional names of the model in requests."""
    uri: ModelUri = "hf://{{ .Values.modelArtifacts.name }}"
    """Location of the model: `hf://organization/model`, `ms://organization/model` (ModelScope), `s3://bucket/path`,
    `gs://bucket/path`, `oss://bucket/path`, `ollama://model:tag`, `pvc://claim/path`,
    `pvc+hf://claim/[directory/]organization/model` (a Hugging Face cache on a claim), `oci://image:tag` (an image
    volume) or `file:///path` (in the image or in a volume that you mount). Rendered as a template."""
    revision: Revision | None = None
    """Branch, tag or commit of an `hf://`, `pvc+hf://` or `ms://` model."""
    endpoint: EndpointUrl | None = None
    """URL of a mirror or of a private store, for the engine and for downloads: `HF_ENDPOINT` for `hf://`,
    `MODELSCOPE_ENDPOINT` for `ms://`, `AWS_ENDPOINT_URL` for `s3://`, the region's address for `oss://`."""
    features: list[Feature] = Field(default=[], examples=[["TextEmbedding"]])
    """Features of the model. vLLM runs a model without `TextGeneration` or `SpeechToText` as a pooling model
    (`--runner pooling`)."""
    labels: dict[LabelKey, LabelValue] = {"llm-d.ai/inference-serving": "true"}
    """Labels of the serving pods, by which an InferencePool selects them; the chart adds `llm-d.ai/role`."""
    size: Quantity | None = None
    """Size of the volume of a downloaded model: the limit of an `emptyDir`, above which the pod is evicted, or the
    size of a claim. Default: no limit."""
    mountPath: AbsolutePath = "/model-cache"
    """Mount path of the model volume."""
    authSecretName: OptionalName = ""
    """Name of the Secret with the token for Hugging Face, or for ModelScope with `ms://`."""
    authSecretKey: SecretKey = "HF_TOKEN"
    """Key of the Secret with the token."""
    credentials: Credentials = Credentials()
    """Secrets of object stores."""
    readOnly: bool = True
    """Mounts the claim of a `pvc://` or `pvc+hf://` model read-only."""
    imagePullPolicy: ImagePullPolicy = "Always"
    """Image pull policy of an `oci://` model."""
    download: Download = Download()
    """Download of the model before the engine starts."""
    persistence: Persistence = Persistence()
    """A PersistentVolumeClaim that keeps the downloaded model."""
    volume: ModelVolume = ModelVolume()
    """Volume of a downloaded model without `persistence`."""
    adapters: list[Adapter] = Field(default=[], examples=[[{"name": "sql", "uri": "hf://organisation/sql-lora"}]])
    """LoRA adapters that the engine loads at startup."""
    lora: Lora = Lora()
    """Limits of LoRA adapters, and loading at run time."""
