"""The objects that the operator makes of a ModelService and its base ConfigMap
(https://github.com/llm-d/llm-d-model-service, internal/controller)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelservice.importers.report import ConversionReport
from modelservice.importers.systems.llm_d_operator.documents import Checked
from modelservice.importers.systems.llm_d_operator.merge import merge_by_name, merge_workload
from modelservice.importers.systems.llm_d_operator.names import Names
from modelservice.importers.systems.llm_d_operator.templates import (
    ROOT,
    OperatorTemplates,
    render_arguments,
    render_base,
)
from modelservice.kubernetes.merge import mergo
from modelservice.kubernetes.names import dns_label

VOLUME = "model-storage"
"""The operator's name of the model's volume."""

OLD_GROUP = "inference.networking.x-k8s.io/v1alpha2"
"""API version of the operator's InferencePool and InferenceModel."""


@dataclass(frozen=True)
class Operator:
    """Options of the operator's program.

    Args:
        namespace: namespace of the ModelService where it has none.
        epp_cluster_role: ClusterRole of the endpoint picker.
        epp_pull_secrets: image pull secrets of the endpoint picker.
        pd_pull_secrets: image pull secrets of prefill and decode.
    """

    namespace: str = ""
    epp_cluster_role: str = ""
    epp_pull_secrets: tuple[str, ...] = ()
    pd_pull_secrets: tuple[str, ...] = ()


def make_children(
    service: Checked, base: Checked | None, operator: Operator, report: ConversionReport
) -> dict[str, Any]:
    """Return the objects that the operator makes, by key of its base ConfigMap; without zero values.

    Args:
        service: the ModelService.
        base: the base ConfigMap, None for none.
        operator: the operator's options.
        report: gets notes.

    Raises:
        ModelserviceError: a template fails, or what it renders to is not an object.
    """
    namespace = service.namespace or operator.namespace
    templates = OperatorTemplates(service, namespace)
    if not namespace and base is not None and "ModelServiceNamespace" in str(base.data.get("data")):
        why = "the base asks for the namespace, and the source does not state one; set it with --namespace"
        report.lost(("metadata", "namespace"), why, document=service.document)
    service = render_arguments(service, templates)
    objects = render_base(base, templates, report) if base is not None else {}
    report.note_changing(templates.changing)
    return _Children(service, namespace, operator, report, objects).made()


class _Children:
    """The base's objects, changed by a ModelService."""

    def __init__(
        self, service: Checked, namespace: str, operator: Operator, report: ConversionReport, base: dict[str, Any]
    ) -> None:
        self.spec = service.spec
        self.names = Names(service.name)
        self.operator = operator
        self.report = report
        self.objects = base
        self.namespace = {"namespace": namespace} if namespace else {}
        self.labels = {
            "llm-d.ai/inferenceServing": "true",
            "llm-d.ai/model": dns_label(self.spec["routing"]["modelName"]),
        }

    def made(self) -> dict[str, Any]:
        """Return all objects."""
        if "configMaps" in self.objects:
            bare = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": self.namespace}
            self.objects["configMaps"] = [mergo(bare, item) for item in self.objects["configMaps"]]
        for role, workload, service in (
            ("prefill", self.names.prefill, self.names.prefill_service),
            ("decode", self.names.decode, self.names.decode_service),
        ):
            if role in self.spec or f"{role}Deployment" in self.objects:
                self._make_role(role, workload, service)
        if any(f"{role}Deployment" in self.objects for role in ("prefill", "decode")):
            self._make_account("pdServiceAccount", self.names.account, self.operator.pd_pull_secrets)
        if self.spec["routing"].get("gatewayRefs") or "httpRoute" in self.objects:
            self._make_route()
        self._make_pool()
        if "eppDeployment" in self.objects:
            self._make_picker()
        return self.objects

    def _metadata(self, name: str, labels: Mapping[str, str] | None = None) -> dict[str, Any]:
        return {"name": name, **self.namespace, **({"labels": dict(labels)} if labels else {})}

    def _make_account(self, key: str, name: str, secrets: tuple[str, ...]) -> None:
        account: dict[str, Any] = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": self._metadata(name)}
        if secrets:
            account["imagePullSecrets"] = [{"name": secret} for secret in secrets]
        self.objects[key] = account

    def _make_service(
        self, key: str, name: str, selector: Mapping[str, str], labels: Mapping[str, str] | None = None
    ) -> None:
        source = {"metadata": self._metadata(name, labels), "spec": {"selector": dict(selector)}}
        self.objects[key] = mergo({**self.objects[key], "apiVersion": "v1", "kind": "Service"}, source)

    def _make_workload(self, key: str, name: str, labels: Mapping[str, str], replicas: int | None, pod: Any) -> None:
        source: dict[str, Any] = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": self._metadata(name, labels),
            "spec": {
                "selector": {"matchLabels": dict(labels)},
                "template": {"metadata": {"labels": dict(labels)}, "spec": pod},
            },
        }
        if replicas is not None:
            source["spec"]["replicas"] = replicas
        self.objects[key] = merge_workload(self.objects.get(key, {}), source)

    def _make_role(self, role: str, workload: str, service: str) -> None:
        spec = self.spec.get(role, {})
        labels = {**self.labels, "llm-d.ai/role": role}
        pod: dict[str, Any] = {
            "containers": [self._container(item, role) for item in spec.get("containers", [])],
            "initContainers": [self._container(item, role) for item in spec.get("initContainers", [])],
            "serviceAccountName": self.names.account,
            "volumes": [self._volume()],
        }
        types = spec.get("acceleratorTypes")
        if types:
            expression = {"key": types["labelKey"], "operator": "In", "values": types["labelValues"]}
            terms = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
            pod["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
        key = f"{role}Deployment"
        self._make_workload(key, workload, labels, spec.get("replicas"), pod)
        self._deduplicate(self.objects[key]["spec"]["template"]["spec"], role)
        if f"{role}Service" in self.objects:
            self._make_service(f"{role}Service", service, labels)

    def _container(self, container: Mapping[str, Any], role: str) -> dict[str, Any]:
        """Return a container of the ModelService in Kubernetes' form, with the model mounted if it asks for it."""
        result = _without_mount(container)
        if not container.get("mountModelVolume"):
            return result
        if container.get("env"):
            self.report.lost(
                f"spec.{role}.containers[{container['name']}].env",
                "the operator replaces the environment of a container with mountModelVolume, so these variables never "
                "reached it; set them in the values if they are wanted",
            )
        artifacts = self.spec["modelArtifacts"]
        mount: dict[str, Any] = {"name": VOLUME, "mountPath": ROOT}
        result["env"] = []
        if artifacts["uri"].startswith("hf://"):
            secret = artifacts.get("authSecretName")
            if secret:
                reference = {"secretKeyRef": {"name": secret, "key": "HF_TOKEN"}}
                result["env"].append({"name": "HF_TOKEN", "valueFrom": reference})
            result["env"].append({"name": "HF_HOME", "value": ROOT})
        else:
            mount["readOnly"] = True
        result["volumeMounts"] = [mount]
        return result

    def _volume(self) -> dict[str, Any]:
        artifacts = self.spec["modelArtifacts"]
        if artifacts["uri"].startswith("hf://"):
            size = artifacts.get("size")
            return {"name": VOLUME, "emptyDir": {"sizeLimit": size} if size is not None else {}}
        claim = artifacts["uri"].removeprefix("pvc://").partition("/")[0]
        return {"name": VOLUME, "persistentVolumeClaim": {"claimName": claim, "readOnly": True}}

    def _deduplicate(self, pod: dict[str, Any], role: str) -> None:
        """Keep the first of volumes with one name and of mounts with one path: no API server accepts both."""
        containers = [item for kind in ("containers", "initContainers") for item in pod.get(kind, [])]
        for holder, field, identity in [
            (pod, "volumes", "name"),
            *((container, "volumeMounts", "mountPath") for container in containers),
        ]:
            items = holder.get(field, [])
            kept: dict[str, Any] = {}
            for item in items:
                kept.setdefault(item[identity].rstrip("/"), item)
            if len(kept) != len(items):
                holder[field] = list(kept.values())
                self.report.changed(
                    f"spec.{role}",
                    f"the operator makes two {field} with the same {identity}, which no API server accepts; the base's "
                    "is kept",
                    values=f"{role}.volumes",
                )

    def _make_route(self) -> None:
        source = {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": self._metadata(self.names.route),
        }
        route = mergo(self.objects.get("httpRoute", {}), source)
        spec = route.setdefault("spec", {})
        spec["parentRefs"] = merge_by_name(
            spec.get("parentRefs", []), self.spec["routing"].get("gatewayRefs", []), mergo
        )
        self.objects["httpRoute"] = route

    def _make_pool(self) -> None:
        for key, kind, name, labels, spec in (
            (
                "inferencePool", "InferencePool", self.names.pool, {},
                {"selector": self.labels, "extensionRef": {"name": self.names.epp_service}},
            ),
            (
                "inferenceModel", "InferenceModel", self.names.model, self.labels,
                {"modelName": self.spec["routing"]["modelName"], "poolRef": {"name": self.names.pool}},
            ),
        ):  # fmt: skip
            if key in self.objects:
                metadata = self._metadata(name, labels)
                source = {"apiVersion": OLD_GROUP, "kind": kind, "metadata": metadata, "spec": spec}
                self.objects[key] = mergo(self.objects[key], source)

    def _make_picker(self) -> None:
        picker = self.spec.get("endpointPicker", {})
        labels = {"llm-d.ai/epp": self.names.epp}
        pod = {
            "containers": [_without_mount(item) for item in picker.get("containers", [])],
            "initContainers": [_without_mount(item) for item in picker.get("initContainers", [])],
            "serviceAccountName": self.names.epp_account,
        }
        self._make_workload("eppDeployment", self.names.epp, labels, picker.get("replicas"), pod)
        if "eppService" in self.objects:
            self._make_service("eppService", self.names.epp_service, labels, labels)
        self._make_account("eppServiceAccount", self.names.epp_account, self.operator.epp_pull_secrets)
        if self.operator.epp_cluster_role:
            self.objects["eppRoleBinding"] = {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "metadata": self._metadata(self.names.epp_binding),
                "subjects": [{"kind": "ServiceAccount", "name": self.names.epp_account, **self.namespace}],
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "ClusterRole",
                    "name": self.operator.epp_cluster_role,
                },
            }


def _without_mount(container: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in container.items() if key != "mountModelVolume"}
