"""Workloads: which pods each kind of them makes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from modelservice import facts
from modelservice.documents import Source, documents
from modelservice.errors import ModelserviceError
from modelservice.kubernetes import decode
from modelservice.kubernetes.variables import NO_CONFIG_MAPS, ConfigMaps
from modelservice.model.devices import DeviceRequest, device_requests
from modelservice.model.pods import PodGroup

Object = Mapping[str, Any]


def pod_groups(
    obj: Object,
    claim_templates: Mapping[str, Object] | None = None,
    config_maps: ConfigMaps = NO_CONFIG_MAPS,
) -> Iterator[PodGroup]:
    """Yield the pods that a workload makes, whatever its kind; nothing for another object.

    Args:
        obj: the workload.
        claim_templates: ResourceClaimTemplates by name.
        config_maps: ConfigMaps by name, from which containers may have variables.
    """
    if obj.get("kind") == facts.disaggregated_set().kind:
        for role in roles_of(obj):
            for group in _pod_groups(role, claim_templates or {}, config_maps):
                yield replace(group, whole=obj)
    else:
        yield from _pod_groups(obj, claim_templates or {}, config_maps)


def _pod_groups(obj: Object, claim_templates: Mapping[str, Object], config_maps: ConfigMaps) -> Iterator[PodGroup]:
    spec = obj.get("spec") or {}

    def group(part: str, size: int, template: Object, path: str) -> PodGroup:
        pod = template.get("spec") or {}
        claims = _claims(pod, claim_templates)
        metadata = template.get("metadata") or {}
        return PodGroup(obj, part, size, metadata, pod, path, claims=claims, config_maps=config_maps)

    if obj.get("kind") == "Pod":
        yield group("pod", 1, obj, "")
    elif isinstance(spec.get("leaderWorkerTemplate"), Mapping):
        shared = spec["leaderWorkerTemplate"]
        size, above = shared.get("size", 1), "spec.leaderWorkerTemplate"
        worker = shared.get("workerTemplate") or {}
        if "leaderTemplate" in shared:
            yield group("leader", 1, shared["leaderTemplate"] or {}, f"{above}.leaderTemplate")
            if size > 1:
                yield group("worker", size - 1, worker, f"{above}.workerTemplate")
        else:
            yield group("pod", size, worker, f"{above}.workerTemplate")
    elif isinstance(spec.get("template"), Mapping) and _is_pod_template(obj, spec["template"]):
        template = spec["template"]
        patch = server_patch((template.get("metadata") or {}).get("annotations") or {})
        yield group("pod", 1, template, "spec.template") if patch is None else _dual_pod(obj, template, patch)
    elif isinstance(spec.get("jobTemplate"), Mapping):
        template = (spec["jobTemplate"].get("spec") or {}).get("template") or {}
        yield group("pod", 1, template, "spec.jobTemplate.spec.template")


def roles_of(obj: Object) -> Iterator[Object]:
    """Yield the roles of a DisaggregatedSet, each as if it were a workload of its own with the name of the set."""
    metadata = obj.get("metadata") or {}
    for role in (obj.get("spec") or {}).get("roles") or []:
        external = (role.get("scaling") or {}).get("mode") == "External"
        spec = {"replicas": 1, **(role.get("spec") or {})}
        yield {
            **role,
            "apiVersion": obj.get("apiVersion"),
            "kind": obj["kind"],
            "metadata": {**(role.get("metadata") or {}), **{key: metadata[key] for key in _OF_SET if key in metadata}},
            "spec": {key: value for key, value in spec.items() if key != "replicas" or not external},
        }


_OF_SET = ("name", "namespace")
"""Metadata that a role has from its set."""


def server_patch(annotations: Object) -> str | None:
    """Return the pod that fast model actuation starts for a requester, as a patch; None for another pod."""
    if not any(str(name).startswith("dual-pod") for name in annotations):
        return None
    names = facts.fast_model_actuation().annotations
    former = names.server_patch.replace(names.prefix, names.former_prefix)
    return next((str(annotations[name]) for name in (names.server_patch, former) if name in annotations), None)


def _is_pod_template(obj: Object, template: Object) -> bool:
    """Return whether a template is one of pods; in a kind of another project only if it has containers."""
    pod = template.get("spec")
    has_containers = isinstance(pod, Mapping) and isinstance(pod.get("containers"), list)
    return has_containers or ("spec" in template and decode.is_known(obj))


def _dual_pod(obj: Object, template: Object, patch: str) -> PodGroup:
    """Return the server of a requester: it runs on the requester's node and accelerators."""
    spec = template["spec"] or {}
    name = facts.fast_model_actuation().annotations.server_patch
    (patched,) = documents(Source(name, _text(patch)))
    server = _without_nulls(patched)
    placing = {key: spec[key] for key in ("affinity", "nodeSelector", "tolerations") if key in spec}
    return PodGroup(
        obj, "pod", 1, server.get("metadata") or {}, {**placing, **server["spec"]}, "spec.template", requester=spec
    )


def _text(patch: str) -> str:
    """Return what the Go template of a server's patch gives: quoted text, and a word for what only the node tells."""
    return re.sub(r"\{\{(?:`([^`]*)`|.*?)\}\}", lambda match: "of-the-node" if match[1] is None else match[1], patch)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _claims(pod: Object, templates: Mapping[str, Object]) -> tuple[DeviceRequest, ...]:
    named = (templates.get(claim.get("resourceClaimTemplateName", "")) for claim in pod.get("resourceClaims") or [])
    return tuple(request for template in named if template for request in device_requests(template))


def object_problem(obj: Object) -> str | None:
    """Return the first field with the wrong type, e.g. ``spec.ports[0]: it is 7, not a map``; None if all match."""
    found = decode.object_problem(obj)
    if found:
        return found
    try:
        for group in pod_groups(obj):
            found = decode.pods_problem(group.spec, group.metadata)
            if found:
                return f"pods: {found}"
    except (AttributeError, TypeError, ValueError, KeyError, ModelserviceError):
        return f"metadata.annotations: {facts.fast_model_actuation().annotations.server_patch} holds no pod"
    return None
