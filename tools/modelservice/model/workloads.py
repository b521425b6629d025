"""Workloads: which pods each kind of them makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from modelservice.kubernetes import decode
from modelservice.model.containers import SERVER_PATCH
from modelservice.model.devices import DeviceRequest, device_requests
from modelservice.model.pods import PodGroup

Object = Mapping[str, Any]


def pod_groups(obj: Object, claim_templates: Mapping[str, Object] | None = None) -> Iterator[PodGroup]:
    """Yield the pods that a workload makes, whatever its kind; nothing for another object.

    Args:
        obj: the workload.
        claim_templates: ResourceClaimTemplates by name.
    """
    spec = obj.get("spec") or {}

    def group(part: str, size: int, template: Object, path: str) -> PodGroup:
        pod = template.get("spec") or {}
        claims = _claims(pod, claim_templates or {})
        return PodGroup(obj, part, size, template.get("metadata") or {}, pod, path, claims=claims)

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
        patch = ((template.get("metadata") or {}).get("annotations") or {}).get(SERVER_PATCH)
        yield group("pod", 1, template, "spec.template") if patch is None else _dual_pod(obj, template, patch)
    elif isinstance(spec.get("jobTemplate"), Mapping):
        template = (spec["jobTemplate"].get("spec") or {}).get("template") or {}
        yield group("pod", 1, template, "spec.jobTemplate.spec.template")


def _is_pod_template(obj: Object, template: Object) -> bool:
    """Return whether a template is one of pods; in a kind of another project only if it has containers."""
    pod = template.get("spec")
    has_containers = isinstance(pod, Mapping) and isinstance(pod.get("containers"), list)
    return has_containers or ("spec" in template and decode.is_known(obj))


def _dual_pod(obj: Object, template: Object, patch: str) -> PodGroup:
    """Return the server of a requester: it runs on the requester's node and accelerators."""
    spec = template["spec"] or {}
    server = yaml.safe_load(patch)
    placing = {key: spec[key] for key in ("affinity", "nodeSelector", "tolerations") if key in spec}
    own = server.get("metadata") or {}
    # A null in a patch removes the label.
    labels = {key: value for key, value in (own.get("labels") or {}).items() if value is not None}
    pod = {**placing, **server["spec"]}
    return PodGroup(obj, "pod", 1, {**own, "labels": labels}, pod, "spec.template", requester=spec)


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
    except (AttributeError, TypeError, yaml.YAMLError):
        return f"metadata.annotations: {SERVER_PATCH} holds no pod"
    return None
