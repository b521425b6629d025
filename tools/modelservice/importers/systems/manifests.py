"""Plain manifests: a Deployment, StatefulSet or LeaderWorkerSet that runs vLLM or SGLang, and what goes with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from modelservice.errors import ModelserviceError
from modelservice.importers import commandline
from modelservice.importers.source import claims
from modelservice.importers.source.documents import Document
from modelservice.importers.source.fields import Outcome, Field, ConversionReport, without_nulls
from modelservice.importers.source.kubernetes_fields import DEPLOYMENT, OBJECT, pod_template
from modelservice.importers.source.secrets import SecretCollector
from modelservice.importers.systems.system import Source, System
from modelservice.importers.workload import RoleSource, ServedModel, references

ROLE_LABEL = "llm-d.ai/role"

GROUP_LABEL = "leaderworkerset.sigs.k8s.io/name"
"""Label with the name of the LeaderWorkerSet, which its controller gives to all pods
(https://lws.sigs.k8s.io/docs/reference/labels-annotations-and-environment-variables/)."""

_ENGINE_IMAGE = re.compile(r"vllm|sglang|llm-d", re.IGNORECASE)

STATEFUL_SET = (
    *(item for item in DEPLOYMENT if item.path not in ("spec.strategy", "spec.paused", "spec.progressDeadlineSeconds")),
    Field("spec.serviceName", "{role}.service.name", type="string"),
    Field("spec.updateStrategy", "{role}.updateStrategy", type="apps.v1.StatefulSetUpdateStrategy"),
    Field("spec.podManagementPolicy", "{role}.podManagementPolicy", type="string"),
    Field("spec.ordinals", "", Outcome.lost, "the chart numbers the pods from 0", type="object"),
    Field(
        "spec.persistentVolumeClaimRetentionPolicy",
        "{role}.persistentVolumeClaimRetentionPolicy",
        type="apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy",
    ),
    *claims.fields("spec.volumeClaimTemplates"),
)
"""Fields of a StatefulSet."""

LEADER_WORKER_SET = (
    *OBJECT,
    Field("metadata.labels", "", Outcome.lost, "the chart labels its objects itself; pods keep theirs", quiet=True),
    Field("metadata.annotations", "{role}.annotations", type="map"),
    Field("spec.replicas", "{role}.replicas", type="integer"),
    Field("spec.leaderWorkerTemplate.size", "{role}.parallelism.workers", type="integer"),
    *pod_template("spec.leaderWorkerTemplate.workerTemplate"),
    *pod_template("spec.leaderWorkerTemplate.leaderTemplate"),
    Field(
        "spec.leaderWorkerTemplate.restartPolicy",
        "",
        Outcome.lost,
        "the chart leaves it to LeaderWorkerSet, which restarts the whole group",
        type="string",
        when=lambda value: value not in ("RecreateGroupOnPodRestart", "Default"),
    ),
    Field("spec.leaderWorkerTemplate.subGroupPolicy", "{role}.subGroupPolicy", type="object"),
    Field(
        "spec.leaderWorkerTemplate.volumeClaimTemplates",
        "",
        Outcome.lost,
        "the chart has no claim templates; write an ephemeral volume",
        type="list",
    ),
    Field("spec.rolloutStrategy", "{role}.rolloutStrategy", type="object"),
    Field(
        "spec.startupPolicy",
        "",
        Outcome.lost,
        "the chart leaves it to LeaderWorkerSet: all pods start together",
        type="string",
        when=lambda value: value != "LeaderCreated",
    ),
    Field(
        "spec.networkConfig",
        "",
        Outcome.lost,
        "the chart leaves it to LeaderWorkerSet: one subdomain for all groups",
        type="object",
        when=lambda value: value.get("subdomainPolicy", "Shared") != "Shared",
    ),
)
"""Fields of a LeaderWorkerSet (https://lws.sigs.k8s.io/docs/reference/leaderworkerset.v1/)."""

_FIELDS = {"Deployment": DEPLOYMENT, "StatefulSet": STATEFUL_SET, "LeaderWorkerSet": LEADER_WORKER_SET}

_STAYS = {
    "PersistentVolumeClaim": "the values refer to it by name; it stays, as its data does",
    "ServiceAccount": "the values refer to it by name; it stays",
    "Namespace": "a release is installed into it; helm install --create-namespace makes it",
}
"""Kinds that are not taken into the release."""

_TARGETS = {"HorizontalPodAutoscaler", "ScaledObject", "VerticalPodAutoscaler", "VariantAutoscaling"}
"""Kinds that scale the workload."""


_COMPANION = (
    Field("metadata", "", type="object"),
    Field("metadata.labels", "", type="map"),
    Field("metadata.annotations", "", type="map"),
    Field("spec", "", type="object"),
)
"""What every object has that comes along."""

_COMPANIONS = {
    "Service": (Field("spec", "", type="core.v1.ServiceSpec?"),),
    "PodDisruptionBudget": (Field("spec.selector.matchLabels", "", type="map"),),
    "HorizontalPodAutoscaler": (
        Field("spec.scaleTargetRef", "", type="object"),
        Field("spec.metrics", "", type="list"),
    ),
    "ScaledObject": (
        Field("spec.scaleTargetRef", "", type="object"),
        Field("spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown", "", type="object"),
    ),
    "InferencePool": (
        Field("spec.selector.matchLabels", "", type="map"),
        Field("spec.endpointPickerRef.port", "", type="object"),
    ),
    "InferenceObjective": (Field("spec.poolRef", "", type="object"),),
    "HTTPRoute": (
        Field("spec.parentRefs", "", type="list"),
        Field("spec.rules[]", "", type="object"),
        Field("spec.rules[].backendRefs[]", "", type="object"),
    ),
}
"""What is read of the kinds that the chart has keys for."""


def _templates(document: Document) -> Iterator[Any]:
    spec = document.data.get("spec")
    if not isinstance(spec, dict):
        return
    group = spec.get("leaderWorkerTemplate")
    if isinstance(group, dict):
        yield from (group[key] for key in ("leaderTemplate", "workerTemplate") if key in group)
    elif "template" in spec:
        yield spec["template"]


def _containers(document: Document) -> Iterator[dict[str, Any]]:
    for template in _templates(document):
        spec = template.get("spec") if isinstance(template, dict) else None
        containers = spec.get("containers") if isinstance(spec, dict) else None
        for container in containers if isinstance(containers, list) else []:
            if isinstance(container, dict):
                yield container


def _serves(document: Document) -> bool:
    """Whether a workload runs an engine, or holds accelerators under an image that sounds like one."""
    if document.kind not in _FIELDS:
        return False
    for container in _containers(document):
        try:
            line = commandline.parse(container)
        except (TypeError, AttributeError, KeyError):
            continue  # of a wrong type; what is wrong is said when the document is read
        if line.engine:
            return True
        resources = container.get("resources")
        limits = resources.get("limits") if isinstance(resources, dict) else None
        if (
            isinstance(limits, dict)
            and any("/" in key for key in limits)
            and _ENGINE_IMAGE.search(str(container.get("image")))
        ):
            return True
    return False


def _role_of(document: Document) -> str:
    for template in _templates(document):
        metadata = template.get("metadata") if isinstance(template, dict) else None
        labels = metadata.get("labels") if isinstance(metadata, dict) else None
        if isinstance(labels, dict) and labels.get(ROLE_LABEL) in ("prefill", "decode"):
            return str(labels[ROLE_LABEL])
    return ""


def _partner(document: Document, source: Source, role: str) -> Document | None:
    """The workload of the other role, where there is just one of each."""
    workloads = [item for item in source.documents if _serves(item)]
    found = [item for item in workloads if _role_of(item) == role]
    same = [item for item in workloads if _role_of(item) == _role_of(document)]
    return found[0] if len(found) == 1 and len(same) == 1 else None


def _convert(document: Document, source: Source, report: ConversionReport, secrets: SecretCollector) -> ServedModel | None:
    own = _role_of(document)
    if own == "prefill" and _partner(document, source, "decode"):
        return None
    role = _role(document, report)
    other = _partner(document, source, "prefill") if own == "decode" else None
    prefill = _role(source.use(other), report) if other else None
    name = document.name.removesuffix(f"-{own}") if own else document.name.removesuffix("-decode")
    if f"{name}-decode" != document.name:
        report.changed(("metadata", "name"),
            f"the chart names the workload {name}-decode",
            values="fullnameOverride",
            document=document,
        )
    namespace = document.data.get("metadata", {}).get("namespace", "")
    served = ServedModel(name, report, secrets, role, prefill, namespace=namespace)
    alone = sum(1 for item in source.documents if _serves(item)) - bool(other) == 1
    groups = {item.name: part for item, part in ((document, "decode"), (other, "prefill")) if item}
    _companions(document, served, source, alone, groups)
    return served


def _role(document: Document, report: ConversionReport) -> RoleSource:
    data = read_fields(document, _FIELDS[document.kind])
    if not document.name:
        raise ModelserviceError("it has no name", file=document.where(), key="metadata.name")
    spec = data.get("spec", {})
    group = spec.get("leaderWorkerTemplate")
    template = (
        spec.get("template", {}) if group is None else group.get("leaderTemplate") or group.get("workerTemplate", {})
    )
    prefix: tuple[str, ...] = ("spec", "template")
    if group is not None:
        prefix = ("spec", "leaderWorkerTemplate", "leaderTemplate" if "leaderTemplate" in group else "workerTemplate")
    pod = template.get("spec", {})
    for kind in ("containers", "initContainers"):
        for index, container in enumerate(pod.get(kind, [])):
            if not container.get("image"):
                raise ModelserviceError(
                    "the container has no image",
                    file=document.where((*prefix, "spec", kind, index)),
                    key=f"{'.'.join(prefix)}.spec.{kind}[{index}].image",
                )
    if not pod.get("containers"):
        raise ModelserviceError(
            "it has no container", file=document.where(prefix), key=f"{'.'.join(prefix)}.spec.containers"
        )
    role = RoleSource(
        dict(pod),
        f"{document.kind} {document.name}: {'.'.join(prefix)}.spec",
        replicas=spec.get("replicas", 1),
        labels=dict(template.get("metadata", {}).get("labels", {})),
        pod_annotations=template.get("metadata", {}).get("annotations", {}),
        annotations=_own_annotations(data.get("metadata", {}).get("annotations", {})),
    )
    if group is None:
        strategy = spec.get("strategy")
        if strategy and strategy != {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
        }:
            role.strategy = strategy
        if document.kind == "StatefulSet":
            _stateful(role, spec, document, report)
        return role
    role.group = True
    role.size = group.get("size", 1)
    if role.size > 1 and "leaderTemplate" in group:
        role.worker = dict(group.get("workerTemplate", {}).get("spec", {}))
        metadata = group.get("workerTemplate", {}).get("metadata", {})
        for key, known, why in (
            ("labels", {}, f"workers have the chart's labels only; what has to find them can use {GROUP_LABEL}"),
            ("annotations", role.pod_annotations, "workers have the leader's annotations"),
        ):
            if not metadata.get(key, {}).items() <= known.items():
                path = ("spec", "leaderWorkerTemplate", "workerTemplate", "metadata", key)
                report.lost(path, why, document=document)
    if group.get("subGroupPolicy"):
        role.settings["subGroupPolicy"] = group["subGroupPolicy"]
    rollout = spec.get("rolloutStrategy", {})
    if rollout.get("rollingUpdateConfiguration"):
        role.strategy = rollout
    return role


def _stateful(role: RoleSource, spec: Mapping[str, Any], document: Document, report: ConversionReport) -> None:
    """What a StatefulSet has beside a Deployment."""
    name = f"{document.name.removesuffix('-decode')}-decode"
    claims.add_claims(role, spec.get("volumeClaimTemplates", []), document.name, name, report)
    role.settings["podManagementPolicy"] = spec.get("podManagementPolicy", "OrderedReady")
    for key in ("updateStrategy", "persistentVolumeClaimRetentionPolicy"):
        if spec.get(key):
            role.settings[key] = spec[key]
    if spec.get("serviceName"):
        role.settings["service"] = {"name": spec["serviceName"]}


def _own_annotations(annotations: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in annotations.items() if key != "deployment.kubernetes.io/revision"}


def _companions(
    document: Document, served: ServedModel, source: Source, alone: bool, workloads: Mapping[str, str]
) -> None:
    """Takes what belongs to the workload into the release.

    Args:
        document: the workload.
        served: what is made of it.
        source: all documents.
        alone: no other workload serves.
        workloads: names of the workloads in the source, and the role of each.
    """
    for other in source.documents:
        if other is document or other in source.used or _serves(other) or other.kind == "Secret" or not other.kind:
            continue
        if not alone and not _belongs(other, document, served):
            continue
        source.use(other)
        if other.kind in _STAYS:
            served.report.kept(other.title, _STAYS[other.kind], document=None)
            continue
        if not other.name:
            raise ModelserviceError("it has no name", file=other.where(), key="metadata.name")
        special = _COMPANIONS.get(other.kind, ())
        own = {field.path for field in special}
        ConversionReport().read(other, (*(field for field in _COMPANION if field.path not in own), *special))
        item = without_nulls(dict(other.data))
        if other.kind in _TARGETS:
            _retarget(item, document, served)
        _reselect(item, served, workloads)
        served.objects.append(item)
        _check_selector(item, other, served)


def _belongs(other: Document, document: Document, served: ServedModel) -> bool:
    role = served.decode
    if role is None:
        return False
    selector = _selector(other.data)
    if selector and selector.items() <= {**role.labels, GROUP_LABEL: document.name}.items():
        return True
    target = other.data.get("spec", {}).get("scaleTargetRef", {}) if isinstance(other.data.get("spec"), dict) else {}
    if isinstance(target, dict) and target.get("name") == document.name:
        return True
    named = {*references(role.pod, "name"), *references(role.pod, "claimName"), role.pod.get("serviceAccountName", "")}
    return other.kind in ("ConfigMap", *_STAYS) and other.name in named


def _selector(data: Mapping[str, Any]) -> dict[str, str]:
    spec = data.get("spec")
    selector = spec.get("selector") if isinstance(spec, dict) else None
    if not isinstance(selector, dict):
        return {}
    labels = selector.get("matchLabels", selector)
    return {k: v for k, v in labels.items() if isinstance(v, str)} if isinstance(labels, dict) else {}


def _retarget(item: dict[str, Any], document: Document, served: ServedModel) -> None:
    """Makes an autoscaler scale the chart's workload."""
    spec = item.get("spec")
    target = spec.get("scaleTargetRef") if isinstance(spec, dict) else None
    if not isinstance(spec, dict) or not isinstance(target, dict):
        return
    for name, role in served.roles:
        if target.get("name") == document.name and name == "decode":
            role.autoscaled = True
            new = {**target, "name": f"{served.name}-{name}"}
            item["spec"] = {**spec, "scaleTargetRef": new}
            served.report.changed(f"{item['kind']} {item.get('metadata', {}).get('name', '')}",
                f"it scales {served.name}-{name}, and the chart leaves the replicas to it",
                values="{role}.autoscaling.enabled",
            )


def _reselect(item: dict[str, Any], served: ServedModel, workloads: Mapping[str, str]) -> None:
    """Makes what selects a group's pods by the group's name select those of the chart's."""
    role = workloads.get(_selector(item).get(GROUP_LABEL, ""))
    if role is None:
        return
    spec = item["spec"]
    name = {GROUP_LABEL: f"{served.name}-{role}"}
    selector = spec["selector"]
    own = {"matchLabels": {**selector["matchLabels"], **name}} if "matchLabels" in selector else name
    item["spec"] = {**spec, "selector": {**selector, **own}}
    served.report.changed(f"{item['kind']} {item.get('metadata', {}).get('name', '')}",
        f"it selects the pods of {name[GROUP_LABEL]}, as the group is named now",
        values="extraObjects",
    )


def _check_selector(item: Mapping[str, Any], document: Document, served: ServedModel) -> None:
    """Says when a Service selects nothing any more."""
    selector = _selector(item)
    if document.kind != "Service" or not selector or not served.decode:
        return
    given = {**served.decode.labels, GROUP_LABEL: f"{served.name}-decode"}
    if not selector.items() <= given.items():
        served.report.kept(document.title, "it selects other pods than this model's", values="extraObjects", document=None
        )


SYSTEM = System(
    name="manifests",
    title="a Deployment, StatefulSet or LeaderWorkerSet that runs vLLM or SGLang",
    recognises=_serves,
    parts=lambda document: bool(document.kind),
    fields=_FIELDS,
    convert=_convert,
)
