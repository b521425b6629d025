"""What the operator runs for a ModelService, with the chart's endpoint picker in place of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelservice import facts
from modelservice.errors import ModelserviceError
from modelservice.importers.engine import engine_of, find_engine
from modelservice.importers.report import ConversionReport
from modelservice.importers.source.secrets import SecretCollector
from modelservice.importers.systems.llm_d_operator.children import Operator, make_children
from modelservice.importers.systems.llm_d_operator.current import current
from modelservice.importers.systems.llm_d_operator.documents import (
    ROLES,
    Checked,
    find_base,
    read_base,
    read_service,
)
from modelservice.importers.systems.llm_d_operator.names import Names
from modelservice.importers.systems.system import Conversion
from modelservice.importers.workload import Pod, RoleSource, ServedModel

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def convert(conversion: Conversion) -> ServedModel:
    """Return what the operator would run for the document."""
    source, report = conversion.source, conversion.report
    service = read_service(conversion.document, report)
    for role in (*ROLES, "endpointPicker"):
        if role in service.spec:
            service.spec[role].setdefault("replicas", 1)  # the API server's default
    found = find_base(service, source.documents, report)
    base = read_base(source.use(found), report) if found else None
    children = make_children(service, base, Operator(source.options.namespace), report)
    served = served_model(service, children, report, source.options.namespace)
    own = {key: value for key, value in children.items() if not key.startswith("epp")}
    served.objects = objects_of(own, conversion.secrets)
    if "eppDeployment" in children:
        for item in served.objects:
            if item["kind"] == "InferenceObjective":
                item["apiVersion"] = facts.endpoint_picker().objective_api[-1].value  # what the chart's picker reads
        served.settings["routing"] = _picker(children, report)
    return served


def served_model(
    service: Checked, children: Mapping[str, Any], report: ConversionReport, namespace: str = ""
) -> ServedModel:
    """Return the pods that the operator makes of a ModelService.

    Raises:
        ModelserviceError: it makes neither decode nor prefill pods.
    """
    roles = {
        role: _role(role, children[f"{role}Deployment"], service.spec, report)
        for role in ROLES
        if f"{role}Deployment" in children
    }
    if not roles:
        raise ModelserviceError("it has neither decode nor prefill, so nothing would serve", key="spec.decode")
    return ServedModel(
        Names(service.name).decode.removesuffix("-decode"),
        roles.get("decode"),
        roles.get("prefill"),
        namespace=service.namespace or namespace,
        uri=service.spec["modelArtifacts"]["uri"],
        model=service.spec["routing"]["modelName"],
    )


def _role(name: str, deployment: Mapping[str, Any], spec: Mapping[str, Any], report: ConversionReport) -> RoleSource:
    template = deployment["spec"]["template"]
    pod = dict(template["spec"])
    place = f"spec.{name}"
    if not pod["containers"]:
        raise ModelserviceError("no container, neither here nor in the base", key=f"{place}.containers")
    for container in pod["containers"]:
        if not container.get("image"):
            message = f"the container {container['name']} has no image, neither here nor in the base"
            raise ModelserviceError(message, key=f"{place}.containers")
    own = spec.get(name, {})
    return RoleSource(
        pod,
        find_engine(pod, place, report, _with_model(pod, own)),
        place,
        replicas=deployment["spec"].get("replicas", 1),
        labels=dict(template["metadata"].get("labels", {})),
        pod_annotations=template["metadata"].get("annotations", {}),
        annotations=deployment["metadata"].get("annotations", {}),
        strategy=deployment["spec"].get("strategy"),
        autoscaled=bool(spec.get("decoupleScaling")),
        settings=_take_accelerator_types(pod, own),
    )


def _take_accelerator_types(pod: Pod, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Take the affinity that the operator makes of acceleratorTypes, where nothing was merged into it."""
    types = spec.get("acceleratorTypes")
    affinity = pod.get("affinity", {})
    if not types or set(affinity) != {"nodeAffinity"} or set(affinity["nodeAffinity"]) != {_REQUIRED}:
        return {}
    if len(affinity["nodeAffinity"][_REQUIRED]["nodeSelectorTerms"]) != 1:
        return {}
    pod.pop("affinity")
    return {"acceleratorTypes": {"labelKey": types["labelKey"], "labelValues": types["labelValues"]}}


def _with_model(pod: Pod, spec: Mapping[str, Any]) -> str | None:
    """Return the name of the container that mounts the model, where no command starts an engine."""
    if any(engine_of(container).engine for container in pod["containers"]):
        return None
    return next((item["name"] for item in spec.get("containers", []) if item.get("mountModelVolume")), None)


def _picker(children: Mapping[str, Any], report: ConversionReport) -> dict[str, Any]:
    """Return the chart's picker in place of the operator's, which uses an InferencePool that was removed."""
    deployment = children["eppDeployment"]
    service = children.get("eppService", {})
    epp: dict[str, Any] = {"create": True, "name": service.get("metadata", deployment["metadata"])["name"]}
    if deployment["spec"].get("replicas", 1) != 1:
        epp["replicas"] = deployment["spec"]["replicas"]
    pod = deployment["spec"]["template"]["spec"]
    for key in ("nodeSelector", "tolerations", "affinity"):
        if pod.get(key):
            epp[key] = pod[key]
    for container in pod.get("containers", []):
        if container.get("resources"):
            epp["resources"] = container["resources"]
        for key in ("image", "args", "env"):
            if container.get(key):
                why = "it belongs to the operator's picker; set what is wanted of it in routing.epp"
                report.lost(f"eppDeployment.containers[{container['name']}].{key}", why)
    ports = service.get("spec", {}).get("ports", [])
    if ports and ports[0]["port"] != facts.endpoint_picker().ports.ext_proc:
        epp["service"] = {"port": ports[0]["port"]}
    pool = children.get("inferencePool")
    return {"epp": epp, "inferencePool": {"name": pool["metadata"]["name"]} if pool else {"create": True}}


def objects_of(children: Mapping[str, Any], secrets: SecretCollector) -> list[dict[str, Any]]:
    """Return everything but the workloads, in the API versions that are served today."""
    made = current(children)
    objects = list(made.get("configMaps", []))
    objects += [made[f"{role}Service"] for role in ROLES if f"{role}Service" in made and f"{role}Deployment" in made]
    objects += [
        made[key] for key in ("pdServiceAccount", "httpRoute", "inferencePool", "inferenceModel") if key in made
    ]
    if "eppDeployment" in made:
        deployment = made["eppDeployment"]
        for kind in ("containers", "initContainers"):
            for container in deployment["spec"]["template"]["spec"].get(kind, []):
                if container.get("env"):
                    place = f"spec.endpointPicker.{kind}[{container['name']}].env"
                    container["env"] = secrets.environment(container["env"], place)
        keys = ("eppDeployment", "eppService", "eppServiceAccount", "eppRoleBinding")
        objects += [made[key] for key in keys if key in made]
    return objects
