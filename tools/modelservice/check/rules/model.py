"""Model: can the engine download it, and does the volume hold it?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from modelservice.check.cures import drop_variable, offered
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import rule
from modelservice.engines.command import Option
from modelservice.kubernetes.quantity import GIB, quantity, shown
from modelservice.model.deployment import Deployment, default_value
from modelservice.model.pods import PodGroup
from modelservice.model.provenance import Place
from modelservice.model.weights import weights
from modelservice.models.names import is_gated

Object = Mapping[str, Any]

_VOLUME = "model-storage"
_TOKENS = {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_ENDPOINT", "HF_HUB_OFFLINE"}
"""Variables with which a gated model is downloaded, or not downloaded from Hugging Face at all."""
_REMOTE = ("hf://", "ms://", "s3://", "gs://", "oss://", "ollama://")
"""Locations outside the cluster."""


@rule(
    Severity.warning,
    reason="Hugging Face serves a gated model only to those who accepted its licence, by their token. Without one the "
    "download fails with 401, and the pod crash-loops.",
    link="https://huggingface.co/docs/hub/models-gated",
    failing="modelArtifacts: {name: meta-llama/Llama-3.1-8B-Instruct, uri: hf://meta-llama/Llama-3.1-8B-Instruct}",
    passing="""\
modelArtifacts:
  name: meta-llama/Llama-3.1-8B-Instruct
  uri: hf://meta-llama/Llama-3.1-8B-Instruct
  authSecretName: llm-d-hf-token
""",
)
def gated_model_without_token(deployment: Deployment) -> Iterator[Violation]:
    """A gated model comes with a token."""
    for group in deployment.servers:
        model = group.command.model or ""
        if not is_gated(model) or not group.loads_model or group.command.script:
            continue
        containers = group.all_containers
        given = _TOKENS & {name for container in containers for name in container.env}
        if (
            not given
            and not _may_have_the_model(group)
            and not any(container.fields.get("envFrom") for container in containers)
        ):
            yield Violation(
                f"{model} is a gated model, and the engine has no HF_TOKEN",
                group.engine.at("env[HF_TOKEN]").otherwise(
                    *group.engine.flag("model").keys, "modelArtifacts.authSecretName"
                ),
                "set modelArtifacts.authSecretName: the Secret with the key HF_TOKEN"
                if deployment.sources is not None
                else "set the variable HF_TOKEN with a secretKeyRef",
            )


@rule(
    Severity.error,
    reason="The default of modelArtifacts.name is for the simulator. A real engine looks for it on Hugging Face and "
    "exits, or serves another model under this name.",
    link="https://github.com/llm-d/llm-d-inference-sim",
    failing="modelArtifacts: {name: random/model, uri: 'hf://{{ .Values.modelArtifacts.name }}'}",
    passing="modelArtifacts: {name: Qwen/Qwen3-8B}",
)
def model_missing(deployment: Deployment) -> Iterator[Violation]:
    """An engine that loads a model is told which."""
    demo = default_value("modelArtifacts.name")
    for group in deployment.servers:
        named = group.command.get("served-model-name")
        if not group.loads_model or group.facts is None or demo not in (group.command.model, *_values(named)):
            continue
        loaded = group.command.model == demo
        yield Violation(
            f"{group.facts.title} {'loads' if loaded else 'serves its model as'} {demo}, the default for the simulator",
            group.engine.flag("model").preferring("modelArtifacts.name").otherwise("modelArtifacts.name"),
            "set modelArtifacts.name to the model",
            None if loaded else Severity.warning,
        )


def _values(flag: Option | None) -> tuple[str, ...]:
    return flag.values if flag else ()


@rule(
    Severity.error,
    reason="Without an engine's image or type the chart deploys the simulator, which answers with random text under "
    "the model's name.",
    link="https://github.com/llm-d/llm-d-inference-sim",
    failing="engine: {image: null, modelCommand: null}",
    passing="engine: {image: 'vllm/vllm-openai:v0.32.0'}",
)
def answers_simulated(deployment: Deployment) -> Iterator[Violation]:
    """A model that is named is served by a real engine, unless the simulator is asked for."""
    named = ("modelArtifacts.name", "modelArtifacts.uri", "routing.modelName")
    key = next((name for name in named if deployment.value(name) not in (None, default_value(name))), None)
    if key is None:
        return
    for group in deployment.servers:
        asked = ("engine.image", "engine.type", f"{group.role}.engine.image", f"{group.role}.engine.type")
        stated = any(deployment.value(name) for name in asked) or deployment.value(f"{group.role}.containers")
        if group.command.engine == "simulator" and not stated:
            yield Violation(
                f"{group.role} runs the simulator, the default engine, so answers under the name of the model are "
                "random text",
                group.engine.at("image").preferring(key),
                "set engine.type and engine.image, or engine.type: simulator if that is meant",
            )
            return


@rule(
    Severity.error,
    reason="With HF_HUB_OFFLINE nothing is downloaded, and the volume of the model starts empty, so the engine exits.",
    link="https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables#hfhuboffline",
    failing="engine: {env: {HF_HUB_OFFLINE: '1'}}",
    passing="{engine: {env: {HF_HUB_OFFLINE: '1'}}, modelArtifacts: {uri: pvc://models/qwen3-8b, size: null}}",
)
def offline_without_model(deployment: Deployment) -> Iterator[Violation]:
    """An engine that must not download finds its model on a volume or in its image."""
    for group in deployment.servers:
        variable = next((name for name in _OFFLINE if _is_true(group.engine.env.get(name))), None)
        model = group.command.model or ""
        if variable is None or not group.loads_model or not re.fullmatch(r"[\w.-]+/[\w.-]+", model):
            continue
        fills = any(item.listed == "initContainers" and item is not group.proxy for item in group.all_containers)
        own_image = group.facts is not None and not any(
            repository in group.engine.image for repository in group.facts.images.repositories
        )
        if not _may_have_the_model(group) and not fills and not group.command.script:
            yield Violation(
                f"{variable} forbids the download of {model}, and no volume of the pod holds it",
                group.engine.at(f"env[{variable}]"),
                f"remove {variable}, or set modelArtifacts.uri: pvc://<claim>/<path>",
                Severity.info if own_image else None,
                cures=offered(drop_variable(group.engine.at(f"env[{variable}]"), variable)),
            )


_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


def _is_true(value: object) -> bool:
    return str(value).lower() in ("1", "true", "yes", "on")


def _may_have_the_model(group: PodGroup) -> bool:
    """Return whether the engine has a volume that may hold a model that was downloaded before."""
    names = {mount.get("name") for mount in group.engine.mounts}
    volumes = [volume for volume in group.spec.get("volumes") or [] if volume.get("name") in names]
    return any(not volume.keys() & {"emptyDir", "configMap", "ephemeral"} for volume in volumes)


@rule(
    Severity.error,
    reason="With an egress list, pods reach nothing but the release, DNS and what the list allows. The download of the "
    "model times out, and the pod crash-loops.",
    link="https://kubernetes.io/docs/concepts/services-networking/network-policies/",
    failing="networkPolicy: {enabled: true, egress: []}",
    passing="networkPolicy: {enabled: true, egress: [{ports: [{port: 443}]}]}",
)
def download_blocked(deployment: Deployment) -> Iterator[Violation]:
    """The network policy lets pods download their model."""
    uri = str(deployment.value("modelArtifacts.uri") or "")
    for group in deployment.servers:
        policies = [policy for policy in deployment.kind("NetworkPolicy") if _limits_egress(policy, group)]
        rules = [item for policy in policies for item in policy["spec"].get("egress") or []]
        if not uri.startswith(_REMOTE) or not group.loads_model or _may_have_the_model(group):
            continue
        if policies and all(map(_stays_inside, rules)):
            yield Violation(
                f"the pods download {uri}, but the network policy lets them reach only pods and DNS",
                deployment.at(policies[0], "spec.egress"),
                "allow the model hub in networkPolicy.egress, e.g. - ports: [{port: 443}]",
            )


def _limits_egress(policy: Object, group: PodGroup) -> bool:
    """Return whether a network policy certainly selects the pods, and not only for ingress."""
    spec = policy.get("spec") or {}
    selector = spec.get("podSelector") or {}
    wanted = (selector.get("matchLabels") or {}).items()
    selected = not selector.get("matchExpressions") and wanted <= dict(group.labels).items()
    return selected and "Egress" in (spec.get("policyTypes") or [])


def _stays_inside(egress: Object) -> bool:
    """Return whether a rule allows only pods, or only DNS."""
    ports = [port.get("port") for port in egress.get("ports") or []]
    peers = egress.get("to") or []
    return (bool(ports) and set(ports) == {53}) or (
        bool(peers) and all(peer.keys() == {"podSelector"} for peer in peers)
    )


@rule(
    Severity.warning,  # the size is an estimate
    reason="The kubelet evicts a pod whose download outgrows its volume, and the next one starts from nothing.",
    link="https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/",
    failing="modelArtifacts: {name: Qwen/Qwen3-32B, uri: hf://Qwen/Qwen3-32B, size: 40Gi}",
    passing="modelArtifacts: {name: Qwen/Qwen3-32B, uri: hf://Qwen/Qwen3-32B, size: 100Gi}",
)
def model_volume(deployment: Deployment) -> Iterator[Violation]:
    """The model fits onto the volume that it is downloaded to."""
    for group in deployment.servers:
        size, volume = weights(deployment, group), _model_storage(deployment, group)
        if size and volume and group.loads_model and volume[0] < size:
            yield Violation(
                f"the weights take about {shown(size)}, but the volume holds {shown(volume[0])}",
                volume[1],
                f"set a size of {int(size * Decimal('1.2') / GIB) + 1}Gi",
            )


def _model_storage(deployment: Deployment, group: PodGroup) -> tuple[Decimal, Place] | None:
    """Return the size of the volume that the model is downloaded to, and its place; None where it is not known."""
    for volume in group.spec.get("volumes") or []:
        if volume.get("name") == _VOLUME:
            size = quantity((volume.get("emptyDir") or {}).get("sizeLimit") or _claimed(deployment, volume))
            claimed = () if "emptyDir" in volume else ("modelArtifacts.persistence.size",)
            at = group.at(f"spec.volumes[{_VOLUME}]").preferring(*claimed, "modelArtifacts.size")
            return (size, at) if size else None
    for claim in (group.workload.get("spec") or {}).get("volumeClaimTemplates") or []:
        size = quantity(_storage(claim.get("spec")))
        if (claim.get("metadata") or {}).get("name") == _VOLUME and size:
            return size, group.workload_at(f"spec.volumeClaimTemplates[{_VOLUME}]")
    return None


def _claimed(deployment: Deployment, volume: Object) -> Any:
    """Return the storage that the claim of a volume requests; None where the claim is not among the objects."""
    name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
    specs = [obj.get("spec") for obj in deployment.kind("PersistentVolumeClaim") if obj["metadata"]["name"] == name]
    specs.append(((volume.get("ephemeral") or {}).get("volumeClaimTemplate") or {}).get("spec"))
    return next((_storage(spec) for spec in specs if spec), None)


def _storage(claim: Object | None) -> Any:
    return (((claim or {}).get("resources") or {}).get("requests") or {}).get("storage")
