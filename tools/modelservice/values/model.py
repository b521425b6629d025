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
    DnsSubdomain,
    EndpointUrl,
    EnvName,
    ImagePullPolicy,
    LabelKey,
    LabelValue,
    ModelName,
    OptionalName,
    Quantity,
    SecretKey,
)


class AwsCredentials(Closed):
    """Credentials of `s3://`."""

    name: DnsSubdomain | None = None
    """Secret. Without one the pod's identity is used."""
    accessKeyID: SecretKey = "accessKeyID"
    """Key of the Secret that holds the access key's id."""
    secretAccessKey: SecretKey = "secretAccessKey"
    """Key of the Secret that holds the access key."""


class GcpCredentials(Closed):
    """Credentials of `gs://`."""

    name: DnsSubdomain | None = None
    """Secret. Without one the pod's identity is used."""
    jsonKeyfile: SecretKey = "jsonKeyfile"
    """Key of the Secret that holds the key file of a service account."""


class AlibabaCredentials(Closed):
    """Credentials of `oss://`."""

    name: DnsSubdomain | None = None
    """Secret."""
    accessKeyID: SecretKey = "accessKeyID"
    """Key of the Secret that holds the access key's id."""
    accessKeySecret: SecretKey = "accessKeySecret"
    """Key of the Secret that holds the access key."""


class Credentials(Closed):
    """Secrets of object stores. One that neither the model nor an adapter needs is left out. Hugging Face and
    ModelScope: `modelArtifacts.authSecretName`."""

    aws: AwsCredentials = AwsCredentials()
    """Credentials of `s3://`."""
    gcp: GcpCredentials = GcpCredentials()
    """Credentials of `gs://`."""
    alibaba: AlibabaCredentials = AlibabaCredentials()
    """Credentials of `oss://`."""


class Download(Closed):
    """Downloading before the engine starts, instead of by the engine."""

    enabled: bool | None = None
    """Downloads the model in an init container. When unset: only where the engine cannot load from the store itself.
    `false` streams, or is refused where that is not possible."""
    job: bool = False
    """Downloads once for all pods, in a Job that fills the claim of `persistence`; the pods wait for it."""
    image: Annotated[str, Field(max_length=512)] | None = None
    """Image that downloads. When unset: the engine's own for `hf://`, `ms://` and `ollama://`, rclone for
    object stores."""
    command: list[str] | None = None
    """Command that downloads, in place of the derived one. Strings are rendered as templates."""
    env: dict[EnvName, EngineEnvValue] = Field(default={}, examples=[{"HTTPS_PROXY": "http://proxy:3128"}])
    """Environment variables of the download, beside those of store and mirror."""
    resources: Resources | None = None
    """Compute resources of the download."""


AccessMode = Literal["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]


class Persistence(Closed):
    """A claim that keeps the downloaded model over restarts and, with `ReadWriteMany`, shares it between pods."""

    enabled: bool = False
    """Uses a claim in place of a volume that ends with the pod."""
    existingClaim: DnsSubdomain | None = None
    """An existing claim; the chart then creates none."""
    size: Quantity | None = None
    """Size of the claim; `modelArtifacts.size` when unset."""
    storageClassName: OptionalName | None = None
    """Storage class; the cluster's default when unset."""
    accessModes: list[AccessMode] = ["ReadWriteOnce"]
    """Access modes. One claim serves all pods, so several pods need `ReadWriteMany`."""
    volumeName: DnsSubdomain | None = None
    """An existing PersistentVolume."""
    dataSource: TypedLocalObjectReference | None = None
    """What the claim is filled with, for instance a VolumeSnapshot."""
    retain: bool = False
    """Keeps the claim when the release is uninstalled (`helm.sh/resource-policy: keep`)."""
    annotations: dict[str, str] = {}
    """Annotations of the claim."""


class ModelVolume(Closed):
    """The volume of a model that is not on a claim."""

    type: Literal["emptyDir", "ephemeral"] = "emptyDir"
    """`emptyDir` is on the node's disk; `ephemeral` is a claim of each pod that ends with the pod."""
    storageClassName: DnsSubdomain | None = None
    """Storage class of an ephemeral volume; the cluster's default when unset."""


class Adapter(Closed):
    """A LoRA adapter."""

    name: Annotated[str, Field(max_length=63, pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$")]
    """Name of the adapter in requests."""
    uri: Annotated[str, Field(min_length=1, max_length=1024)]
    """Where it is: `hf://`, `ms://`, `s3://`, `gs://`, `oss://`, `pvc://claim/path`, `oci://image:tag` or `file://`.
    Rendered as a template."""


class Lora(Closed):
    """Limits of LoRA adapters, and loading them at run time."""

    maxRank: (
        Annotated[int, json_type(type="integer", enum=[1, 8, 16, 32, 64, 128, 256, 320, 512], minimum=1, maximum=512)]
        | None
    ) = None
    """Largest rank of an adapter; the engine's default when unset (vLLM: 16)."""
    maxLoras: Annotated[int, Field(ge=1, le=4096)] | None = None
    """Adapters in one batch; the number of `adapters` when unset."""
    maxCpuLoras: Annotated[int, Field(ge=1, le=65536)] | None = None
    """Adapters kept in the memory of the host."""
    dynamic: bool = False
    """Lets clients load and unload adapters while the engine runs (`/v1/load_lora_adapter`). Whoever reaches the
    engine may do so."""


Feature = Literal["TextGeneration", "TextEmbedding", "SpeechToText", "Reranking", "Scoring", "Classification"]


class ModelArtifacts(Closed):
    """The model: where it comes from and how clients call it."""

    name: Annotated[str, Field(min_length=1, max_length=253)] = "random/model"
    """Name of the model in requests (`--served-model-name`)."""
    aliases: list[ModelName] = Field(default=[], examples=[["llama", "default"]])
    """Further names of the model in requests."""
    uri: Annotated[str, Field(min_length=1, max_length=1024)] = "hf://{{ .Values.modelArtifacts.name }}"
    """Where the model is: `hf://organisation/model`, `ms://organisation/model` (ModelScope),
    `s3://bucket/path`, `gs://bucket/path`, `oss://bucket/path`, `ollama://model:tag`, `pvc://claim/path`,
    `pvc+hf://claim/[directory/]organisation/model` (a Hugging Face cache on a claim), `oci://image:tag` (an image
    volume) or `file:///path` (in the image or in a volume of your own). Rendered as a template."""
    revision: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^ ]+$")] | None = None
    """Branch, tag or commit of an `hf://`, `pvc+hf://` or `ms://` model."""
    endpoint: EndpointUrl | None = None
    """Mirror or own installation of the store, for the engine and for downloads: `HF_ENDPOINT` for `hf://`,
    `MODELSCOPE_ENDPOINT` for `ms://`, `AWS_ENDPOINT_URL` for `s3://`, the region's address for `oss://`."""
    features: list[Feature] = Field(default=[], examples=[["TextEmbedding"]])
    """What the model does. Without text generation or speech vLLM runs it as a pooling model (`--runner pooling`)."""
    labels: dict[LabelKey, LabelValue] = {"llm-d.ai/inference-serving": "true"}
    """Labels of the serving pods. An InferencePool selects these; `llm-d.ai/role` is added to them."""
    size: Quantity | None = None
    """Size of the volume that a model is downloaded to: the limit of an `emptyDir`, where a pod whose model is larger
    is evicted, or the size of a claim. No limit when unset."""
    mountPath: AbsolutePath = "/model-cache"
    """Where the model volume is mounted."""
    authSecretName: OptionalName = ""
    """Secret with the token of Hugging Face, or of ModelScope for `ms://`."""
    authSecretKey: SecretKey = "HF_TOKEN"
    """Key of the Secret that holds the token."""
    credentials: Credentials = Credentials()
    """Secrets of object stores."""
    readOnly: bool = True
    """Mounts the claim of a `pvc://` or `pvc+hf://` model read-only."""
    imagePullPolicy: ImagePullPolicy = "Always"
    """Pull policy of an `oci://` model."""
    download: Download = Download()
    """Downloading before the engine starts."""
    persistence: Persistence = Persistence()
    """A claim that keeps the downloaded model."""
    volume: ModelVolume = ModelVolume()
    """The volume of a model that is not on a claim."""
    adapters: list[Adapter] = Field(default=[], examples=[[{"name": "sql", "uri": "hf://organisation/sql-lora"}]])
    """LoRA adapters that the engine loads when it starts."""
    lora: Lora = Lora()
    """Limits of LoRA adapters."""
