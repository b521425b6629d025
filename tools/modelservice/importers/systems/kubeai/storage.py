"""How KubeAI brings a model to its engine: credentials, claims and caches
(https://github.com/substratusai/kubeai, internal/modelcontroller)."""

from __future__ import annotations

import re
from typing import Any

from modelservice.importers.steps.engine_layers import value_of
from modelservice.importers.systems.kubeai.model import Model

CACHE_SIZE = "10Gi"
"""Size of the claim that KubeAI makes for a cache profile."""

OSS_ENDPOINT = "https://oss-cn-hangzhou.aliyuncs.com"
"""Address of a region of Alibaba Cloud's store, used where a Model does not state one."""

_STORE_VARIABLES = ("HF_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
"""Variables with the credentials of the stores."""

_NOT_OF_STORES = re.compile(r"(VLLM|CUDA|NCCL|TORCH|OMP|PYTORCH)_")
"""Variables of engines and devices, which no loader reads; KubeAI gives its loaders the others too."""

_ENDPOINTS = {"s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"), "hf": ("HF_ENDPOINT",)}
"""Variables with the address of another store, by scheme; the first that is given counts."""

_SECRETS = {
    "hf": ("huggingface", (("HF_TOKEN", "token"),)),
    "s3": ("aws", (("AWS_ACCESS_KEY_ID", "accessKeyID"), ("AWS_SECRET_ACCESS_KEY", "secretAccessKey"))),
}
"""Secrets of KubeAI's chart by scheme: their name in its values, and variables with their keys."""


def give_credentials(model: Model) -> None:
    """Give the engine the keys of the model's store, from the Secrets of KubeAI's chart; all of them optional."""
    scheme = model.url.scheme
    if scheme == "gs":
        model.artifacts()["credentials"] = {"gcp": {"name": _secret(model, "gcp")}}
    store, variables = _SECRETS.get(scheme, ("", ()))
    for variable, key in variables:
        if variable not in model.spec.get("env", {}):
            reference = {"name": _secret(model, store), "key": key, "optional": True}
            model.container["env"].append({"name": variable, "valueFrom": {"secretKeyRef": reference}})


def _secret(model: Model, store: str) -> str:
    name: str = model.chart.get("secrets", {}).get(store, {}).get("name") or f"kubeai-{store}"
    return name


def _take_endpoint(model: Model) -> tuple[str, ...]:
    """Set the address of the model's store where a Model states one; return the variables that it is in."""
    names = _ENDPOINTS.get(model.url.scheme, ())
    address = next((model.spec["env"][name] for name in names if model.spec.get("env", {}).get(name)), "")
    if not re.fullmatch(r"https?://[^\s{}$@]+", address):
        return ()
    model.artifacts()["endpoint"] = address
    return names


def mount_claim(model: Model, path: str) -> None:
    """Mount the model's claim at a path, as KubeAI does."""
    claim, _, inside = model.reference.partition("/")
    model.pod["volumes"].append({"name": "model", "persistentVolumeClaim": {"claimName": claim, "readOnly": True}})
    mounted: dict[str, Any] = {"name": "model", "mountPath": path, "readOnly": True}
    model.container["volumeMounts"].append({**mounted, **({"subPath": inside} if inside else {})})


def read_alibaba(model: Model) -> str:
    """Read the model from a bucket of Alibaba Cloud, which only a cache profile loads; return the engine's argument."""
    if not model.spec.get("cacheProfile"):
        raise model.url_error("vLLM cannot load it, and without a cache nothing does", "set spec.cacheProfile")
    env = model.spec.get("env", {})
    endpoint = env.get("OSS_ENDPOINT") or (
        f"https://oss-{env['OSS_REGION']}.aliyuncs.com" if env.get("OSS_REGION") else ""
    )
    if not endpoint:
        endpoint = OSS_ENDPOINT
        model.conversion.report.lost(
            "spec.url",
            f"a Model does not state the region of its bucket, so {endpoint} is assumed; set modelArtifacts.endpoint "
            "to the bucket's own",
        )
    model.served.uri = f"oss://{model.reference}"
    model.artifacts().update(
        {
            "endpoint": endpoint if "://" in endpoint else f"https://{endpoint}",
            "credentials": {"alibaba": {"name": _secret(model, "alibaba")}},
        }
    )
    return model.served.uri


def fill_cache(model: Model) -> None:
    """Put the model on the shared volume of its cache profile, by a Job."""
    profile = model.spec.get("cacheProfile")
    if not profile or model.url.scheme == "pvc":
        return
    shared = model.chart.get("cacheProfiles", {}).get(profile, {}).get("sharedFilesystem", {})
    keys = {"storageClassName": "storageClassName", "persistentVolumeName": "volumeName"}
    given = model.spec.get("env", {})
    own = {name for name in given if not _NOT_OF_STORES.match(name)} - set(_take_endpoint(model))
    read = [item for item in model.container["env"] if item["name"] in (*_STORE_VARIABLES, *own)]
    variables = model.conversion.secrets.environment(read, "spec.env")
    env = {item["name"]: value_of(item) for item in variables}
    model.artifacts().update(
        {
            "size": CACHE_SIZE,
            "download": {"job": True, **({"env": env} if env else {})},
            "persistence": {
                "enabled": True,
                **{name: shared[key] for key, name in keys.items() if shared.get(key)},
                "accessModes": ["ReadWriteMany"],
            },
        }
    )
    model.served.settings["engine"] = {"mountModelVolume": True}
    if not shared:
        model.conversion.report.lost(
            "spec.cacheProfile",
            f"the profile {profile} is not among the files, so the claim gets the cluster's default class; import the "
            "values of KubeAI's chart too",
        )
