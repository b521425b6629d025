"""Where a field of a rendered object comes from: the values keys that can set it.

:data:`FIELDS` is the one table of this knowledge. A test renders each entry and holds it to what ``explain`` finds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from modelservice.model.engine_flags import name_in_vllm
from modelservice.sources import Sources, resolve

_CONTAINER = (
    "{role}.containers[0].extraConfig.{field}", "{role}.containers[0].{field}",
    "{role}.engine.extraConfig.{field}", "{role}.engine.{field}",
    "engine.extraConfig.{field}", "engine.{field}",
)  # fmt: skip
_POD = ("{role}.extraConfig.{field}", "{role}.{field}")

FIELDS: Mapping[str, tuple[str, ...]] = {
    # The engine's container. A flag or a variable that the user writes wins over a derived one.
    "engine": ("{role}.containers[0]", "{role}.engine", "engine"),
    "engine.*": _CONTAINER,
    "engine.args": ("{role}.containers[0].args", "{role}.engine.args", "engine.args"),
    "engine.args[*]": (
        "{role}.containers[0].args[?{name}]", "{role}.containers[0].command[?{name}]",
        "{role}.engine.command[?{name}]", "engine.command[?{name}]",
        "{role}.engine.args.{name}", "engine.args.{name}",
    ),
    "engine.args[--tensor-parallel-size]": ("{role}.parallelism.tensor",),
    "engine.args[--pipeline-parallel-size]": ("{role}.parallelism.pipeline",),
    "engine.args[--data-parallel-size]": ("{role}.parallelism.data", "{role}.parallelism.dataLocal"),
    "engine.args[--data-parallel-size-local]": ("{role}.parallelism.dataLocal",),
    "engine.args[--data-parallel-hybrid-lb]": ("{role}.parallelism.dataMode",),
    "engine.args[--data-parallel-multi-port-external-lb]": ("{role}.parallelism.dataMode",),
    "engine.args[--data-parallel-rank]": ("{role}.parallelism.dataMode",),
    "engine.args[--data-parallel-start-rank]": ("{role}.parallelism.dataMode",),
    "engine.args[--enable-expert-parallel]": ("{role}.parallelism.expert",),
    "engine.args[--nnodes]": ("{role}.parallelism.workers",),
    "engine.args[--node-rank]": ("{role}.parallelism.workers",),
    "engine.args[--data-parallel-address]": ("{role}.parallelism.workers",),
    "engine.args[--master-addr]": ("{role}.parallelism.workers",),
    "engine.args[--headless]": ("{role}.parallelism.dataMode", "{role}.parallelism.workers"),
    "engine.args[--port]": ("routing.proxy.targetPort", "routing.servicePort"),
    "engine.args[--model]": ("modelArtifacts.uri", "modelArtifacts.name"),
    "engine.args[--served-model-name]": (
        "modelArtifacts.aliases", "modelArtifacts.name", "routing.modelName", "modelArtifacts.name",
    ),
    "engine.args[--shutdown-timeout]": ("{role}.drain.timeoutSeconds",),
    "engine.args[--lora-modules]": ("modelArtifacts.adapters",),
    "engine.args[--enable-lora]": ("modelArtifacts.adapters",),
    "engine.args[--max-lora-rank]": ("modelArtifacts.lora.maxRank",),
    "engine.args[--max-loras]": ("modelArtifacts.lora.maxLoras", "modelArtifacts.adapters"),
    "engine.args[--otlp-traces-endpoint]": ("tracing.otlpEndpoint",),
    "engine.command": (
        "{role}.containers[0].command", "{role}.containers[0].modelCommand", "{role}.engine.command",
        "{role}.engine.modelCommand", "{role}.engine.type", "engine.command", "engine.type", "engine.modelCommand",
    ),
    "engine.env": ("{role}.containers[0].env", "{role}.engine.env", "engine.env"),
    "engine.env[*]": ("{role}.containers[0].env[?{name}]", "{role}.engine.env.{name}", "engine.env.{name}"),
    "engine.env[HF_TOKEN]": ("modelArtifacts.authSecretName",),
    "engine.env[VLLM_API_KEY]": ("auth.apiKeySecret.name",),
    "engine.resources": (
        "{role}.containers[0].extraConfig.resources", "{role}.containers[0].resources",
        "{role}.engine.extraConfig.resources", "{role}.engine.resources",
        "engine.extraConfig.resources", "engine.resources",
        "{role}.accelerator.count", "accelerator.count", "{role}.accelerator.type", "accelerator.type",
        "{role}.parallelism.tensor",
    ),
    "engine.volumeMounts[*]": (
        "{role}.containers[0].volumeMounts[?{name}]", "{role}.engine.volumeMounts[?{name}]",
        "engine.volumeMounts[?{name}]",
    ),
    "engine.volumeMounts[/dev/shm]": ("{role}.sharedMemory.enabled",),
    "engine.ports": (*_CONTAINER, "routing.servicePort"),
    "engine.startupProbe": (*_CONTAINER, "{role}.probes.loadSeconds", "{role}.probes.enabled"),
    "engine.readinessProbe": (*_CONTAINER, "{role}.probes.enabled"),
    "engine.livenessProbe": (*_CONTAINER, "{role}.probes.enabled"),
    "engine.lifecycle": (*_CONTAINER, "{role}.drain.preStopSeconds", "{role}.drain.enabled"),
    # The routing sidecar.
    "proxy": ("routing.proxy.enabled",),
    "proxy.*": ("routing.proxy.{field}",),
    "proxy.args": ("routing.proxy.args",),
    "proxy.args[*]": ("routing.proxy.args[?{name}]",),
    "proxy.args[--connector]": ("routing.proxy.connector",),
    "proxy.args[--kv-connector]": ("routing.proxy.connector",),
    "proxy.args[--secure-proxy]": ("routing.proxy.secure",),
    "proxy.args[--enable-tls]": ("routing.proxy.prefillerUseTLS",),
    "proxy.args[--prefiller-use-tls]": ("routing.proxy.prefillerUseTLS",),
    "proxy.args[--vllm-port]": ("routing.proxy.targetPort",),
    "proxy.args[--model-server-port]": ("routing.proxy.targetPort",),
    "proxy.args[--port]": ("routing.servicePort",),
    "proxy.args[--data-parallel-size]": ("{role}.parallelism.dataLocal",),
    # Other containers of the pod.
    "container": ("{role}.containers[{position}]",),
    "container.*": ("{role}.containers[{position}].extraConfig.{field}", "{role}.containers[{position}].{field}"),
    "container.args[*]": ("{role}.containers[{position}].args[?{name}]",),
    "container.env[*]": ("{role}.containers[{position}].env[?{name}]",),
    "container.volumeMounts[*]": ("{role}.containers[{position}].volumeMounts[?{name}]",),
    "init": ("{role}.initContainers[?{container}]", "{role}.initContainers"),
    "init.*": ("{role}.initContainers[?{container}].{field}",),
    "init.env[*]": ("{role}.initContainers[?{container}].env[?{name}]",),
    # The pod.
    "pod": ("{role}",),
    "pod.spec.*": _POD,
    "pod.spec.affinity": (
        "{role}.extraConfig.affinity", "{role}.affinity", "{role}.acceleratorTypes.labelKey",
    ),
    "pod.spec.nodeSelector": ("{role}.extraConfig.nodeSelector", "{role}.nodeSelector"),
    "pod.spec.resourceClaims": ("{role}.extraConfig.resourceClaims", "{role}.resourceClaims", "accelerator.dra"),
    "pod.spec.resourceClaims[*]": ("{role}.resourceClaims[?{name}]",),
    "pod.spec.securityContext": ("{role}.extraConfig.securityContext", "{role}.podSecurityContext"),
    "pod.spec.serviceAccountName": ("{role}.extraConfig.serviceAccountName", "serviceAccountOverride"),
    "pod.spec.imagePullSecrets": ("{role}.imagePullSecrets", "global.imagePullSecrets", "imagePullSecrets"),
    "pod.spec.terminationGracePeriodSeconds": (
        "{role}.extraConfig.terminationGracePeriodSeconds", "{role}.drain.timeoutSeconds", "{role}.drain.enabled",
        "{role}.terminationGracePeriodSeconds",
    ),
    "pod.spec.volumes[*]": ("{role}.extraConfig.volumes[?{name}]", "{role}.volumes[?{name}]"),
    "pod.spec.volumes[model-storage]": ("modelArtifacts.uri", "modelArtifacts.size"),
    "pod.spec.volumes[dshm]": ("{role}.sharedMemory.sizeLimit", "{role}.sharedMemory.enabled"),
    "pod.metadata.labels": ("{role}.podLabels", "modelArtifacts.labels"),
    "pod.metadata.labels[*]": ("{role}.podLabels.{name}", "modelArtifacts.labels.{name}"),
    "pod.metadata.annotations": ("{role}.podAnnotations",),
    "pod.metadata.annotations[*]": ("{role}.podAnnotations.{name}",),
    # The workload.
    "workload": ("{role}.create", "{role}"),
    "workload.spec.*": ("{role}.{field}",),
    "workload.spec.replicas": ("{role}.replicas", "{role}.autoscaling.enabled", "suspend", "{role}.replicas"),
    "workload.spec.selector": ("nameOverride", "deploymentSelector"),
    "workload.spec.volumeClaimTemplates[*]": ("{role}.volumeClaimTemplates[?{name}]",),
    "workload.metadata.annotations": ("{role}.annotations",),
    "workload.metadata.namespace": (),
    "workload.metadata.name": ("fullnameOverride", "nameOverride"),
    "workload.apiVersion": ("multinode",),
    # Objects that the chart makes beside the workloads. Any object may be one of `extraObjects`.
    "Service": ("{role}.service", "service"),
    "Service.spec.ports[*]": ("{role}.service.ports[?{name}]", "service.ports[?{name}]"),
    "Service.metadata.name": ("{role}.service.name", "service.name", "fullnameOverride"),
    "PodMonitor": ("{role}.monitoring.podmonitor.enabled", "{role}.monitoring.podmonitor"),
    "PodMonitor.spec.podMetricsEndpoints": ("{role}.monitoring.podmonitor.portName",),
    "PodMonitor.apiVersion": ("{role}.monitoring.podmonitor.enabled",),
    "ServiceMonitor": ("{role}.monitoring.servicemonitor.enabled",),
    "PrometheusRule": ("monitoring.prometheusrule.enabled",),
    "InferenceObjective": ("routing.inferenceObjective.create",),
    "PodDisruptionBudget": ("{role}.podDisruptionBudget",),
    "PodDisruptionBudget.spec.maxUnavailable": ("{role}.podDisruptionBudget.maxUnavailable",),
    "PodDisruptionBudget.spec.minAvailable": ("{role}.podDisruptionBudget.minAvailable",),
    "HorizontalPodAutoscaler": ("{role}.autoscaling",),
    "HorizontalPodAutoscaler.spec.behavior": ("{role}.autoscaling.behavior",),
    "HorizontalPodAutoscaler.spec.metrics": ("{role}.autoscaling.metrics", "{role}.autoscaling"),
    "ScaledObject": ("{role}.autoscaling",),
    "ResourceClaimTemplate": ("accelerator.resourceClaimTemplates", "{role}.accelerator.dra", "accelerator.dra"),
    "HTTPRoute": ("routing.httpRoute", "routing.httpRoute.create"),
    "HTTPRoute.spec.parentRefs": ("routing.httpRoute.parentRefs", "routing.parentRefs"),
    "HTTPRoute.spec.rules": ("routing.httpRoute.rules", "routing.inferencePool.name", "routing.httpRoute"),
    "InferencePool": ("routing.inferencePool",),
    "InferencePool.spec.selector": ("routing.inferencePool.matchLabels", "modelArtifacts.labels"),
    "InferencePool.spec.targetPorts": ("routing.servicePort",),
    "PersistentVolumeClaim": ("volumeClaims",),
    "NetworkPolicy": ("networkPolicy.enabled",),
    "NetworkPolicy.metadata.annotations": ("networkPolicy.annotations",),
    "NetworkPolicy.spec.egress": ("networkPolicy.egress",),
    "NetworkPolicy.spec.ingress": ("networkPolicy.ingress", "networkPolicy.from"),
    "ServiceAccount.metadata.annotations": ("serviceAccount.annotations",),
    # Pods of the chart beside the roles.
    "test": ("test.enabled",),
    "test.image": ("test.image",),
    "test.*": ("test.{field}",),
    "download": ("modelArtifacts.download",),
    "download.image": ("modelArtifacts.download.image",),
    # The endpoint picker.
    "picker": ("routing.epp",),
    "picker.image": ("routing.epp.image",),
    "picker.args": ("routing.epp.args", "routing.epp.pluginsConfigFile"),
    "picker.config": ("routing.epp.pluginsConfig",),
    "picker.config[*]": ("routing.epp.pluginsCustomConfig.{name}", "routing.epp.pluginsConfig"),
}  # fmt: skip
"""Values keys by object field, those that win first; the last one is where it is usually written.

A field is named by what it belongs to (``engine``, ``proxy``, ``container``, ``init``, ``pod``, ``workload``,
``picker`` or a kind) and its path there. ``[*]`` stands for any item of a list; an entry for one item adds to it.
``[?NAME]`` in a key is the item of that name or ``Kind/name``, or the word of a command with that flag.
"""


@dataclass(frozen=True)
class Place:
    """A field of an object, and the values keys that can set it."""

    object: str
    """``Kind/name``."""
    path: str
    """Address inside the object, as ``explain`` takes it; empty for the whole object."""
    keys: tuple[str, ...] = ()
    """Candidates, those that win first; the last one is where it is usually written."""
    sources: Sources | None = None
    """The values that the keys belong to, where those are not the deployment's."""

    def describe(self, sources: Sources | None) -> str:
        """Return the place for a sentence: its key with file and line, else the path and the object."""
        key = self.key(sources)
        values = self.sources or sources
        if key and values:
            line = values.place(key) or next((layer.name for layer in values.layers[-1:]), None)
            return f"{values.full(key)} ({line})" if line else values.full(key)
        return f"{self.path} of {self.object}" if self.path else self.object

    def key(self, sources: Sources | None) -> str | None:
        """Return the first key that the user wrote, else the usual one; None where the values are not known."""
        values = self.sources or sources
        if values is None or not self.keys:
            return None
        for candidate in self.keys:
            found = written(values, candidate)
            if found:
                return found
        return re.sub(r"\[\?.*", "", self.keys[-1])

    def preferring(self, *keys: str) -> Place:
        """Return the place with these candidates before its own."""
        return replace(self, keys=(*keys, *self.keys))

    def otherwise(self, *keys: str) -> Place:
        """Return the place with these candidates after its own; the last is where it is usually written."""
        return replace(self, keys=(*self.keys, *keys))


def keys_of(owner: str, path: str, **names: str) -> tuple[str, ...]:
    """Return the candidate keys of a field, e.g. of ``engine`` and ``args[--port]``.

    Args:
        owner: what the field belongs to, as in :data:`FIELDS`.
        path: path of the field there.
        names: what stands for the names in braces, e.g. ``role``.
    """
    field = re.split(r"[.\[]", path.removeprefix("spec."), maxsplit=1)[0] if path else ""
    listed = re.search(r"\[([^\]]*)\]", path)
    name = listed[1].lstrip("-") if listed else ""
    known = {"field": field, "name": name, **names}
    for part in _shortened(f"{owner}.{path}" if path else owner):
        entries = dict.fromkeys((_any_item(part), re.sub(r"(?<=\[--)[^\]]*", _name_in_vllm, part)))
        if any(entry in FIELDS for entry in entries):
            return tuple(key.format_map(known) for entry in entries for key in FIELDS.get(entry, ()))
    return ()


def among_extra(reference: str) -> str:
    """Return the candidate key of an object, ``Kind/name``, that the user wrote in full."""
    return f"extraObjects[?{reference}]"


def _shortened(field: str) -> Iterator[str]:
    """Yield a field and what it is part of, the general entries last: ``a.b.c``, ``a.b``, ``a.b.*``, ``a.*``, ``a``."""
    yield field
    parts = re.findall(r"\[[^\]]*\]|\.?[^.\[]+", field)
    for length in range(len(parts) - 1, 1, -1):
        yield "".join(parts[:length])
    for length in range(len(parts) - 1, 0, -1):
        yield "".join(parts[:length]) + ".*"
    yield parts[0]


def _name_in_vllm(flag: re.Match[str]) -> str:
    return name_in_vllm(flag[0].replace("_", "-"))


def _any_item(field: str) -> str:
    return re.sub(r"\[[^\]]*\]", "[*]", field)


def written(sources: Sources, key: str) -> str | None:
    """Return the key as it stands in the values, its items by number; None where the user did not write it."""
    above, selector, rest = key.partition("[?")
    if not selector:
        return key if sources.has(key) else None
    name, _, below = rest.partition("]")
    path = resolve(sources.values, above)
    items: Any = sources.values
    for part in path or ():
        items = items[part]
    if path is None or not isinstance(items, list):
        return None
    for index, item in enumerate(items):
        if _is_named(item, name):
            return written(sources, f"{above}[{index}]{below}")
    return None


def _is_named(item: Any, name: str) -> bool:
    """Return whether an item of a list has a name: a map by its fields, a word of a command by the flag in it."""
    if isinstance(item, Mapping):
        metadata = item.get("metadata")
        names = [
            item.get("name"),
            item.get("mountPath"),
            f"{item.get('kind')}/{metadata.get('name')}" if isinstance(metadata, Mapping) else None,
        ]
        return name in names
    word = str(item)
    return word.lstrip("-").partition("=")[0] == name or bool(re.search(rf"(^|\s)--?{re.escape(name)}\b", word))
