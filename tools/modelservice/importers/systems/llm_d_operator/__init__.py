"""The llm-d ModelService operator: ModelService (llm-d.ai/v1alpha1) with or without its base ConfigMap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from modelservice.errors import ModelserviceError
from modelservice.importers import commandline
from modelservice.importers.source.documents import Document, Path, dotted
from modelservice.importers.source.fields import Outcome, Field, ConversionReport
from modelservice.importers.source.kubernetes_fields import OBJECT
from modelservice.importers.source.secrets import SecretCollector
from modelservice.importers.systems.llm_d_operator.baseconfig import KEYS, Names, Operator, children
from modelservice.importers.systems.system import Source, System
from modelservice.importers.workload import RoleSource, ServedModel

PRIORITIES = {"Critical": 1, "Standard": 0, "Sheddable": -1}
"""Priorities of InferenceObjectives in place of an InferenceModel's criticality."""

OBJECTIVE_API = "llm-d.ai/v1alpha2"
"""API version of InferenceObjectives that the chart's endpoint picker reads."""

POOL_GROUP = "inference.networking.k8s.io"


def _container(path: str, values: str) -> tuple[Field, ...]:
    extra = "" if "initContainers" in values or "(" in values else ".extraConfig"
    return (
        Field(f"{path}.name", f"{values}.name", type="string"),
        Field(f"{path}.image", f"{values}.image", type="string"),
        Field(f"{path}.command", f"{values}.command", type="strings"),
        Field(f"{path}.args", f"{values}.args", type="strings"),
        Field(f"{path}.env", f"{values}.env", type="core.v1.EnvVar[]"),
        Field(f"{path}.envFrom", f"{values}{extra}.envFrom", type="core.v1.EnvFromSource[]"),
        Field(f"{path}.resources", f"{values}.resources", type="core.v1.ResourceRequirements"),
        Field(
            f"{path}.mountModelVolume", f"{values}.{'mountModelVolume' if extra else 'volumeMounts'}", type="boolean"
        ),
    )


def _role(role: str) -> tuple[Field, ...]:
    return (
        Field(f"spec.{role}", f"{role}.create", type="section"),
        Field(f"spec.{role}.replicas", f"{role}.replicas", type="integer"),
        Field(
            f"spec.{role}.parallelism.tensor",
            f"{role}.parallelism.tensor",
            Outcome.changed,
            "the operator does not read it; arguments and accelerators of the containers count, as they did there",
            type="integer",
            when=lambda value: value != 1,
        ),
        Field(f"spec.{role}.acceleratorTypes.labelKey", f"{role}.acceleratorTypes.labelKey", type="string"),
        Field(f"spec.{role}.acceleratorTypes.labelValues", f"{role}.acceleratorTypes.labelValues", type="strings"),
        *_container(f"spec.{role}.containers[]", f"{role}.containers[]"),
        *_container(f"spec.{role}.initContainers[]", f"{role}.initContainers[]"),
    )


def _picker_fields(path: str) -> tuple[Field, ...]:
    return tuple(replace(field, values="routing.epp", outcome=Outcome.changed, why=_PICKER) for field in _container(path, ""))


_PICKER = "the endpoint picker is the chart's, of a version that knows today's InferencePool, with its own flags"

FIELDS = (
    *OBJECT,
    Field("metadata.name", "fullnameOverride", type="string"),
    Field("metadata.labels", "", Outcome.lost, "the operator does not pass them on", type="map", quiet=True),
    Field("metadata.annotations", "", Outcome.lost, "the operator does not pass them on", type="map", quiet=True),
    *(
        Field(
            f"spec.baseConfigMapRef.{name}",
            "",
            Outcome.changed,
            "the base is merged into the values",
            type="string",
            quiet=True,
        )
        for name in ("apiVersion", "fieldPath", "kind", "name", "namespace", "resourceVersion", "uid")
    ),
    Field(
        "spec.decoupleScaling",
        "{role}.autoscaling.enabled",
        Outcome.changed,
        "the operator sets replicas once, at creation; the chart never prints them, so a new workload begins with one",
        type="boolean",
        when=bool,
    ),
    Field("spec.routing.modelName", "modelArtifacts.name", type="string"),
    Field(
        "spec.routing.ports[].name",
        "routing.servicePort",
        Outcome.changed,
        "named ports exist in templates only; the numbers are in the result",
        type="string",
        quiet=True,
    ),
    Field("spec.routing.ports[].port", "routing.servicePort", type="integer"),
    Field("spec.routing.gatewayRefs", "routing.parentRefs", type="sections"),
    *(
        Field(
            f"spec.routing.gatewayRefs[].{name}",
            f"routing.parentRefs[].{name}",
            type="integer" if name == "port" else "string",
        )
        for name in ("group", "kind", "name", "namespace", "port", "sectionName")
    ),
    Field("spec.modelArtifacts.uri", "modelArtifacts.uri", type="string"),
    Field("spec.modelArtifacts.authSecretName", "modelArtifacts.authSecretName", type="string"),
    Field("spec.modelArtifacts.size", "modelArtifacts.size", type="scalar"),
    *_role("decode"),
    *_role("prefill"),
    Field("spec.endpointPicker", "routing.epp.create", type="section"),
    Field("spec.endpointPicker.replicas", "routing.epp.replicas", type="integer"),
    *_picker_fields("spec.endpointPicker.containers[]"),
    *_picker_fields("spec.endpointPicker.initContainers[]"),
)

BASE_FIELDS = (
    *OBJECT,
    Field("metadata.labels", "", Outcome.lost, "they are the ConfigMap's own", quiet=True),
    Field("metadata.annotations", "", Outcome.lost, "they are the ConfigMap's own", quiet=True),
    Field("immutable", "", Outcome.lost, "the base is merged into the values", quiet=True),
    Field("data.configMaps", "extraObjects (ConfigMap)", type="string"),
    Field("data.decodeDeployment", "decode", type="string"),
    Field("data.prefillDeployment", "prefill", type="string"),
    Field("data.decodeService", "decode.service", type="string"),
    Field("data.prefillService", "prefill.service", type="string"),
    Field(
        "data.httpRoute",
        "routing.httpRoute",
        Outcome.changed,
        f"backends of kind InferencePool are of the group {POOL_GROUP}; the older group was removed",
        type="string",
    ),
    Field(
        "data.inferencePool",
        "routing.inferencePool",
        Outcome.changed,
        f"InferencePool {POOL_GROUP}/v1; v1alpha2 was removed",
        type="string",
    ),
    Field(
        "data.inferenceModel",
        "routing.inferenceObjective",
        Outcome.changed,
        "InferenceModel was removed; an InferenceObjective has its priority (Critical 1, Standard 0, Sheddable -1)",
        type="string",
    ),
    Field(
        "data.eppDeployment",
        "routing.epp",
        Outcome.changed,
        _PICKER,
        type="string",
    ),
    Field("data.eppService", "routing.epp.service", type="string"),
)


def _is_base(document: Document) -> bool:
    data = document.data.get("data")
    return document.kind == "ConfigMap" and isinstance(data, dict) and any(key in data for key in KEYS)


def _need(service: dict[str, Any], path: Path, document: Document) -> None:
    """Refuses a ModelService without something that the operator's definition requires."""
    value: Any = service
    for part in path:
        if isinstance(value, list) and isinstance(part, int):
            value = value[part]
        else:
            value = value.get(part) if isinstance(value, dict) else None
    if not value:
        raise ModelserviceError("it is missing, and the operator needs it", file=document.where(path), key=dotted(path))


def read(document: Document, report: ConversionReport) -> dict[str, Any]:
    """A ModelService, checked.

    Raises:
        ModelserviceError: something that the operator needs is missing or of the wrong type.
    """
    service = read_fields(document, FIELDS)
    for path in (("metadata", "name"), ("spec", "routing", "modelName"), ("spec", "modelArtifacts", "uri")):
        _need(service, path, document)
    for kind, keys in (("ports", ("name", "port")), ("gatewayRefs", ("name",))):
        for index, _ in enumerate(service["spec"]["routing"].get(kind, [])):
            for key in keys:
                _need(service, ("spec", "routing", kind, index, key), document)
    for role in ("decode", "prefill"):
        if "acceleratorTypes" in service["spec"].get(role, {}):
            for key in ("labelKey", "labelValues"):
                _need(service, ("spec", role, "acceleratorTypes", key), document)
    for role in ("decode", "prefill"):
        for kind in ("containers", "initContainers"):
            for index, container in enumerate(service["spec"].get(role, {}).get(kind, [])):
                if not container.get("name"):
                    where = ("spec", role, kind, index)
                    raise ModelserviceError(
                        "the container has no name", file=document.where(where), key=f"spec.{role}.{kind}[{index}].name"
                    )
    for index, port in enumerate(service["spec"]["routing"].get("ports", [])):
        if "name" not in port or "port" not in port:
            raise ModelserviceError(
                "a port has a name and a port",
                file=document.where(("spec", "routing", "ports", index)),
                key=f"spec.routing.ports[{index}]",
            )
    return service


def base_of(
    service: Mapping[str, Any], document: Document, source: Source, report: ConversionReport
) -> tuple[dict[str, Any], Document] | None:
    """The base ConfigMap that a ModelService names, among the documents, or the only one there is."""
    bases = [item for item in source.documents if _is_base(item)]
    reference = service["spec"].get("baseConfigMapRef")
    if reference is None:
        return None
    name = reference.get("name", "")
    found = next((item for item in bases if item.name == name), bases[0] if len(bases) == 1 else None)
    if found is None:
        report.lost(("spec", "baseConfigMapRef", "name"),
            f"the base ConfigMap {name} is not among the files; give what kubectl get configmap {name} -o yaml prints",
            document=document,
        )
        return None
    if found.name != name:
        why = f"the base ConfigMap {found.name} is taken, as {name} is not among the files"
        report.changed(("spec", "baseConfigMapRef", "name"), why, document=document)
    return read_fields(source.use(found), BASE_FIELDS), found


def _convert(document: Document, source: Source, report: ConversionReport, secrets: SecretCollector) -> ServedModel:
    service = read(document, report)
    for role in ("decode", "prefill", "endpointPicker"):
        if role in service["spec"]:
            service["spec"][role].setdefault("replicas", 1)  # the API server's default
    base = base_of(service, document, source, report)
    operator = Operator(source.options.namespace)
    made = children(service, document, base[0] if base else None, base[1] if base else None, operator, report)
    result = served(service, made, report, secrets, source.options.namespace)
    result.objects = objects_of({key: value for key, value in made.items() if not key.startswith("epp")}, secrets)
    if "eppDeployment" in made:
        for item in result.objects:
            if item["kind"] == "InferenceObjective":
                item["apiVersion"] = OBJECTIVE_API
        result.settings["routing"] = _picker(made, report)
    return result


def _picker(made: Mapping[str, Any], report: ConversionReport) -> dict[str, Any]:
    """The chart's endpoint picker in place of the operator's, which speaks with an InferencePool that was removed."""
    deployment = made["eppDeployment"]
    service = made.get("eppService", {})
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
                why = "it belongs to the operator's picker; write what is wanted of it into routing.epp"
                report.lost(f"eppDeployment.containers[{container['name']}].{key}", why)
    ports = service.get("spec", {}).get("ports", [])
    if ports and ports[0]["port"] != 9002:
        epp["service"] = {"port": ports[0]["port"]}
    routing: dict[str, Any] = {"epp": epp}
    if "inferencePool" in made:
        routing["inferencePool"] = {"name": made["inferencePool"]["metadata"]["name"]}
    else:
        routing["inferencePool"] = {"create": True}
    return routing


def served(
    service: Mapping[str, Any], made: Mapping[str, Any], report: ConversionReport, secrets: SecretCollector, namespace: str = ""
) -> ServedModel:
    """The pods that the operator makes of a ModelService.

    Raises:
        ModelserviceError: it makes neither decode nor prefill pods.
    """
    spec = service["spec"]
    names = Names(service["metadata"]["name"])
    roles = {
        role: _pods(role, made[f"{role}Deployment"], spec, report)
        for role in ("decode", "prefill")
        if f"{role}Deployment" in made
    }
    if not roles:
        raise ModelserviceError("it has neither decode nor prefill, so nothing would serve", key="spec.decode")
    return ServedModel(
        names.decode.removesuffix("-decode"),
        report,
        secrets,
        roles.get("decode"),
        roles.get("prefill"),
        namespace=service["metadata"].get("namespace") or namespace,
        uri=spec["modelArtifacts"]["uri"],
        model=spec["routing"]["modelName"],
    )


def _pods(role: str, deployment: Mapping[str, Any], spec: Mapping[str, Any], report: ConversionReport) -> RoleSource:
    template = deployment["spec"]["template"]
    types = spec.get(role, {}).get("acceleratorTypes")
    pod = dict(template["spec"])
    settings: dict[str, Any] = {}
    if types and set(pod.get("affinity", {})) == {"nodeAffinity"}:
        required = pod["affinity"]["nodeAffinity"].get("requiredDuringSchedulingIgnoredDuringExecution", {})
        if (
            set(pod["affinity"]["nodeAffinity"]) == {"requiredDuringSchedulingIgnoredDuringExecution"}
            and len(required["nodeSelectorTerms"]) == 1
        ):
            pod.pop("affinity")
            settings["acceleratorTypes"] = {"labelKey": types["labelKey"], "labelValues": types["labelValues"]}
    if not pod["containers"]:
        raise ModelserviceError("no container, neither here nor in the base", key=f"spec.{role}.containers")
    for container in pod["containers"]:
        if not container.get("image"):
            raise ModelserviceError(
                f"the container {container['name']} has no image, neither here nor in the base",
                key=f"spec.{role}.containers",
            )
    return RoleSource(
        pod,
        f"spec.{role}",
        replicas=deployment["spec"].get("replicas", 1),
        labels=dict(template["metadata"].get("labels", {})),
        pod_annotations=template["metadata"].get("annotations", {}),
        annotations=deployment["metadata"].get("annotations", {}),
        strategy=deployment["spec"].get("strategy"),
        autoscaled=bool(spec.get("decoupleScaling")),
        settings=settings,
        engine=_engine(pod, spec.get(role, {})),
    )


def _engine(pod: Mapping[str, Any], spec: Mapping[str, Any]) -> str | None:
    """Name of the container that has the model, where no command tells which one serves."""
    if any(commandline.parse(container).engine for container in pod["containers"]):
        return None
    return next((item["name"] for item in spec.get("containers", []) if item.get("mountModelVolume")), None)


def objects_of(made: Mapping[str, Any], secrets: SecretCollector) -> list[dict[str, Any]]:
    """Everything beside the workloads, in the API versions that are served today."""
    objects = list(made.get("configMaps", []))
    for role in ("decode", "prefill"):
        if f"{role}Service" in made and f"{role}Deployment" in made:
            objects.append(made[f"{role}Service"])
    if "pdServiceAccount" in made:
        objects.append(made["pdServiceAccount"])
    if "httpRoute" in made:
        objects.append(current_route(made["httpRoute"]))
    if "inferencePool" in made:
        objects.append(current_pool(made["inferencePool"], made.get("eppService")))
    if "inferenceModel" in made:
        objects.append(current_objective(made["inferenceModel"]))
    if "eppDeployment" in made:
        deployment = made["eppDeployment"]
        for kind in ("containers", "initContainers"):
            for container in deployment["spec"]["template"]["spec"].get(kind, []):
                if container.get("env"):
                    container["env"] = secrets.environment(
                        container["env"], f"spec.endpointPicker.{kind}[{container['name']}].env"
                    )
        objects.append(deployment)
        objects += [made[key] for key in ("eppService", "eppServiceAccount", "eppRoleBinding") if key in made]
    return objects


def current_route(route: Mapping[str, Any]) -> dict[str, Any]:
    """An HTTPRoute whose pools are of the group that is served."""
    rules = []
    for rule in route.get("spec", {}).get("rules", []):
        backends = [
            {**{key: value for key, value in backend.items() if key != "port"}, "group": POOL_GROUP}
            if backend.get("kind") == "InferencePool"
            else backend
            for backend in rule.get("backendRefs", [])
        ]
        rules.append({**rule, **({"backendRefs": backends} if backends else {})})
    spec = {**route.get("spec", {}), **({"rules": rules} if rules else {})}
    return {**route, "spec": spec}


def current_pool(pool: Mapping[str, Any], service: Mapping[str, Any] | None) -> dict[str, Any]:
    """An InferencePool as v1 says it."""
    old = pool["spec"]
    extension = old.get("extensionRef", {})
    ports = (service or {}).get("spec", {}).get("ports", [])
    picker: dict[str, Any] = {"name": extension["name"]}
    picker["port"] = {"number": extension.get("portNumber") or (ports[0]["port"] if ports else 9002)}
    if extension.get("failureMode"):
        picker["failureMode"] = extension["failureMode"]
    spec: dict[str, Any] = {"selector": {"matchLabels": old["selector"]}}
    if old.get("targetPortNumber"):
        spec["targetPorts"] = [{"number": old["targetPortNumber"]}]
    return {**pool, "apiVersion": f"{POOL_GROUP}/v1", "spec": {**spec, "endpointPickerRef": picker}}


def current_objective(model: Mapping[str, Any]) -> dict[str, Any]:
    """The InferenceObjective that takes an InferenceModel's place."""
    spec = model["spec"]
    return {
        **model,
        "apiVersion": "inference.networking.x-k8s.io/v1alpha2",
        "kind": "InferenceObjective",
        "spec": {
            "priority": PRIORITIES.get(spec.get("criticality", "Standard"), 0),
            "poolRef": {"group": POOL_GROUP, "name": spec["poolRef"]["name"]},
        },
    }


SYSTEM = System(
    name="llm-d-operator",
    title="llm-d's ModelService (llm-d.ai)",
    recognises=lambda document: document.kind == "ModelService" and document.group == "llm-d.ai",
    parts=_is_base,
    fields={"ModelService": FIELDS, "base ConfigMap": BASE_FIELDS},
    convert=_convert,
)
