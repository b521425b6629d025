"""What the llm-d ModelService operator makes of a ModelService and its base ConfigMap.

The templates are evaluated by Helm's engine, the same text/template and sprig that the operator uses. The merge
follows the operator's order (https://github.com/llm-d/llm-d-model-service, internal/controller): the base is changed
by the ModelService, containers by name, the ModelService's arguments before the base's, environment by name, other
lists appended.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from modelservice.errors import ModelserviceError
from modelservice.importers.source.documents import Document
from modelservice.importers.source.fields import Outcome, Field, ConversionReport
from modelservice.importers.source.go_templates import Templates
from modelservice.importers.source.kubernetes_fields import DEPLOYMENT, OBJECT

KEYS = (
    "configMaps",
    "prefillDeployment",
    "decodeDeployment",
    "prefillService",
    "decodeService",
    "httpRoute",
    "inferencePool",
    "inferenceModel",
    "eppDeployment",
    "eppService",
)
"""Keys of the base ConfigMap that the operator reads."""

VOLUME = "model-storage"
ROOT = "/model-cache"

_ANY_OBJECT = (
    *OBJECT,
    Field("metadata", ""),
    Field("spec", "", type="object"),
    Field("data", ""),
    Field("binaryData", ""),
    Field("immutable", ""),
)
_FIELDS: dict[str, tuple[Field, ...]] = {
    "prefillDeployment": DEPLOYMENT,
    "decodeDeployment": DEPLOYMENT,
    "eppDeployment": DEPLOYMENT,
    **dict.fromkeys(
        ("prefillService", "decodeService", "eppService", "httpRoute", "inferencePool", "inferenceModel"), _ANY_OBJECT
    ),
}


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


def children(
    service: Mapping[str, Any],
    document: Document,
    base: Mapping[str, Any] | None,
    base_document: Document | None,
    operator: Operator,
    report: ConversionReport,
) -> dict[str, Any]:
    """The objects that the operator makes, by key of its base ConfigMap; without zero values.

    Args:
        service: the ModelService.
        document: where it is from.
        base: the base ConfigMap, None for none.
        base_document: where that is from.
        operator: the operator's options.
        report: takes notes.

    Raises:
        ModelserviceError: a template fails, or what it renders to is no YAML.
    """
    namespace = service["metadata"].get("namespace") or operator.namespace
    names = Names(service["metadata"]["name"])
    variables = _variables(service, namespace, names, document)
    templates = _OperatorTemplates(
        variables, {item["name"]: item["port"] for item in service["spec"]["routing"].get("ports", [])}
    )
    if not namespace and base is not None and "ModelServiceNamespace" in str(base.get("data")):
        why = "the base asks for the namespace, and the source does not say one; give it with --namespace"
        report.lost(("metadata", "namespace"), why, document=document)
    service = _rendered_arguments(service, document, templates)
    found = _rendered_base(base, base_document, templates, report) if base is not None and base_document else {}
    return _Merge(service, namespace, names, operator, report).merged(found)


class Names:
    """Names that the operator gives."""

    def __init__(self, name: str) -> None:
        self.model = name
        self.decode, self.prefill = sanitised(f"{name}-decode"), sanitised(f"{name}-prefill")
        self.decode_service, self.prefill_service = (
            sanitised(f"{name}-service-decode"),
            sanitised(f"{name}-service-prefill"),
        )
        self.pool, self.epp = sanitised(f"{name}-inference-pool"), sanitised(f"{name}-epp")
        self.epp_service, self.account = sanitised(f"{name}-epp-service"), sanitised(f"{name}-sa")
        self.epp_account, self.epp_binding = sanitised(f"{name}-epp-sa"), sanitised(f"{name}-epp-rolebinding")
        self.route = sanitised(f"{name}-http-route")


def sanitised(text: str) -> str:
    """A name or label value as the operator makes it of any text."""
    return re.sub(r"[^a-z0-9-]+", "-", text.strip().lower()).strip("-._")[:63]


def _variables(service: Mapping[str, Any], namespace: str, names: Names, document: Document) -> dict[str, str]:
    """The operator's template variables."""
    spec = service["spec"]
    uri = spec["modelArtifacts"]["uri"]
    scheme, _, rest = uri.partition("://")
    where = document.where(("spec", "modelArtifacts", "uri"))
    key = "spec.modelArtifacts.uri"
    if scheme == "hf":
        if len(rest.split("/")) != 2 or not all(rest.split("/")):
            raise ModelserviceError(f"{uri!r} is not hf://organisation/model", file=where, key=key)
        path, mounted, hf = rest, ROOT, rest
    elif scheme == "pvc":
        if not rest.partition("/")[0] or not rest.partition("/")[2]:
            raise ModelserviceError(f"{uri!r} is not pvc://claim/path", file=where, key=key)
        path = rest.partition("/")[2]
        mounted, hf = f"{ROOT}/{path}", ""
    else:
        raise ModelserviceError(
            f"the operator has no support for {uri!r}", file=where, key=key, fix="write hf:// or pvc://"
        )
    return {
        "ModelServiceName": names.model,
        "ModelServiceNamespace": namespace,
        "ModelName": spec["routing"]["modelName"],
        "HFModelName": hf,
        "SanitizedModelName": sanitised(spec["routing"]["modelName"]),
        "ModelPath": path,
        "MountedModelPath": mounted,
        "AuthSecretName": spec["modelArtifacts"].get("authSecretName", ""),
        "EPPServiceName": names.epp_service,
        "EPPDeploymentName": names.epp,
        "PrefillDeploymentName": names.prefill,
        "DecodeDeploymentName": names.decode,
        "PrefillServiceName": names.prefill_service,
        "DecodeServiceName": names.decode_service,
        "InferencePoolName": names.pool,
        "InferenceModelName": names.model,
    }


class _OperatorTemplates(Templates):
    """Templates with the operator's variables and its ``getPort``."""

    def __init__(self, variables: Mapping[str, str], ports: Mapping[str, int]) -> None:
        numbers = {name: str(port) for name, port in ports.items()}
        super().__init__({**variables, _PORTS_KEY: numbers}, {"getPort": _PORTS})

    def render(self, texts: Mapping[str, tuple[str, str]]) -> dict[str, str]:
        """As Templates does.

        Raises:
            ModelserviceError: a template names a variable that the operator does not have.
        """
        for text, where in texts.values():
            self._check_variables(text, where)
        return super().render({key: (_with_ports(text), where) for key, (text, where) in texts.items()})

    def _check_variables(self, text: str, where: str) -> None:
        if re.search(r"\b(range|with)\b", text):
            return  # the dot is something else there
        known = sorted(set(self.variables) - {_PORTS_KEY})
        for action in _ACTION.findall(text):
            bare = re.sub(r'"(?:[^"\\]|\\.)*"|`[^`]*`', "", action)
            for name in re.findall(r"(?:(?<=[\s({|,])|^|\$)\.([A-Z]\w*)", bare):
                if name not in known:
                    fix = f"write one of {', '.join(known)}"
                    raise ModelserviceError(f"the operator has no variable .{name}", file=where, fix=fix)


_ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_PORTS_KEY = "modelserviceNamedPorts"
_PORTS = '{{ index .ports .name | default "-1" }}'
_ARGUMENT = r'("(?:[^"\\]|\\.)*"|`[^`]*`|\$?\.?[A-Za-z_][\w.]*|\$[\w.]*)'


def _with_ports(text: str) -> str:
    """The text with calls of ``getPort``, which Helm does not have, as calls of a named template."""
    call = f'(include "getPort" (dict "ports" $.{_PORTS_KEY} "name" {{}}) | int)'

    def action(match: re.Match[str]) -> str:
        piped = re.sub(_ARGUMENT + r"\s*\|\s*getPort\b", lambda found: call.format(found[1]), match[0])
        return re.sub(r"\bgetPort\s+" + _ARGUMENT, lambda found: call.format(found[1]), piped)

    return _ACTION.sub(action, text)


def _rendered_arguments(service: Mapping[str, Any], document: Document, templates: Templates) -> dict[str, Any]:
    """The ModelService with the arguments of its prefill and decode containers rendered."""
    result = copy.deepcopy(dict(service))
    texts: dict[str, tuple[str, str]] = {}
    slots: dict[str, tuple[list[str], int]] = {}
    for role in ("prefill", "decode"):
        for kind in ("initContainers", "containers"):
            for index, container in enumerate(result["spec"].get(role, {}).get(kind, [])):
                for number, argument in enumerate(container.get("args", [])):
                    path = ("spec", role, kind, index, "args", number)
                    key = "/".join(map(str, path))
                    texts[key] = (argument, document.where(path))
                    slots[key] = (container["args"], number)
    for key, text in templates.render(texts).items():
        arguments, number = slots[key]
        arguments[number] = text
    return result


def _rendered_base(base: Mapping[str, Any], document: Document, templates: Templates, report: ConversionReport) -> dict[str, Any]:
    """The objects in the base ConfigMap, their templates rendered."""
    data = base.get("data", {})
    texts = {key: (data[key], document.where(("data", key))) for key in KEYS if data.get(key, "").strip()}
    found: dict[str, Any] = {}
    for key, text in templates.render(texts).items():
        place = texts[key][1]
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            parsed = yaml.load(text, Loader=_Plain)  # noqa: S506  # a safe loader without dates
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            line = f", line {mark.line + 1} of it" if mark else ""
            raise ModelserviceError(f"{key} renders to invalid YAML: {error.problem}{line}", file=place) from None
        if parsed is None or node is None:
            continue
        if not isinstance(parsed, list if key == "configMaps" else dict):
            raise ModelserviceError(f"{key} is not {'a list' if key == 'configMaps' else 'a mapping'}", file=place)
        if isinstance(parsed, list):
            found[key] = parsed
            continue
        inner = ConversionReport()
        found[key] = inner.read(Document(parsed, f"{place} ({key})", node), _FIELDS[key])
        for note in inner.notes:
            if note.outcome is Outcome.lost:
                report.add(note.outcome, f"data.{key}.{note.path}", note.why, unknown=note.unknown)
    return found


class _Plain(yaml.SafeLoader):
    """YAML as Kubernetes reads it: dates are text."""


_Plain.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _Merge:
    """The operator's merge of a ModelService into its base."""

    def __init__(
        self, service: Mapping[str, Any], namespace: str, names: Names, operator: Operator, report: ConversionReport
    ) -> None:
        self.service = service
        self.spec = service["spec"]
        self.namespace = namespace
        self.names = names
        self.operator = operator
        self.report = report
        self.common = {
            "llm-d.ai/inferenceServing": "true",
            "llm-d.ai/model": sanitised(self.spec["routing"]["modelName"]),
        }

    def merged(self, base: dict[str, Any]) -> dict[str, Any]:
        result = dict(base)
        if "configMaps" in result:
            result["configMaps"] = [
                _merge({"apiVersion": "v1", "kind": "ConfigMap", "metadata": self._namespace()}, item)
                for item in result["configMaps"]
            ]
        for role, workload, service in (
            ("prefill", self.names.prefill, self.names.prefill_service),
            ("decode", self.names.decode, self.names.decode_service),
        ):
            key = f"{role}Deployment"
            if role in self.spec or key in result:
                result[key] = self._deployment(role, workload, result.get(key, {}))
                if f"{role}Service" in result:
                    labels = {**self.common, "llm-d.ai/role": role}
                    result[f"{role}Service"] = self._service(result[f"{role}Service"], service, labels, {})
        if any(f"{role}Deployment" in result for role in ("prefill", "decode")):
            result["pdServiceAccount"] = self._account(self.names.account, self.operator.pd_pull_secrets)
        self._routing(result)
        return result

    def _namespace(self) -> dict[str, str]:
        return {"namespace": self.namespace} if self.namespace else {}

    def _meta(self, name: str, **labels: str) -> dict[str, Any]:
        return {"name": name, **self._namespace(), **({"labels": labels} if labels else {})}

    def _account(self, name: str, secrets: tuple[str, ...]) -> dict[str, Any]:
        account: dict[str, Any] = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": self._meta(name)}
        if secrets:
            account["imagePullSecrets"] = [{"name": secret} for secret in secrets]
        return account

    def _deployment(self, role: str, name: str, base: dict[str, Any]) -> dict[str, Any]:
        spec = self.spec.get(role, {})
        labels = {**self.common, "llm-d.ai/role": role}
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
        source: dict[str, Any] = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {**self._meta(name), "labels": labels},
            "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
        }
        if "replicas" in spec:
            source["spec"]["replicas"] = spec["replicas"]
        merged = _merge_workload(base, source)
        self._deduplicate(merged["spec"]["template"]["spec"], role)
        return merged

    def _container(self, container: Mapping[str, Any], role: str) -> dict[str, Any]:
        """A container of the ModelService as Kubernetes knows it, with the model mounted where it asks for it."""
        result = {key: value for key, value in container.items() if key != "mountModelVolume"}
        if not container.get("mountModelVolume"):
            return result
        if container.get("env"):
            self.report.lost(f"spec.{role}.containers[{container['name']}].env",
                "the operator replaces the environment of "
                "a container with mountModelVolume, so these variables never reached it; write them into the values if "
                "they are wanted",
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
        """Keeps the first of volumes with one name and of mounts with one path: no API server accepts both."""
        for holder, field, identity in [
            (pod, "volumes", "name"),
            *(
                (item, "volumeMounts", "mountPath")
                for kind in ("containers", "initContainers")
                for item in pod.get(kind, [])
            ),
        ]:
            items = holder.get(field, [])
            kept = list({item[identity].rstrip("/"): item for item in reversed(items)}.values())[::-1]
            kept = [
                item
                for index, item in enumerate(items)
                if item[identity].rstrip("/") not in {i[identity].rstrip("/") for i in items[:index]}
            ]
            if len(kept) != len(items):
                holder[field] = kept
                self.report.changed(f"spec.{role}",
                    f"the operator makes two {field} of one {identity}, which no API server "
                    "accepts; the base's is kept",
                    values=f"{role}.volumes",
                )

    def _service(
        self, base: dict[str, Any], name: str, selector: Mapping[str, str], labels: Mapping[str, str]
    ) -> dict[str, Any]:
        source = {"metadata": {**self._meta(name), "labels": dict(labels)}, "spec": {"selector": dict(selector)}}
        return _merge({**base, "apiVersion": "v1", "kind": "Service"}, source)

    def _routing(self, result: dict[str, Any]) -> None:
        references = self.spec["routing"].get("gatewayRefs", [])
        if references or "httpRoute" in result:
            source = {
                "apiVersion": "gateway.networking.k8s.io/v1",
                "kind": "HTTPRoute",
                "metadata": self._meta(self.names.route),
            }
            route = _merge(result.get("httpRoute", {}), source)
            spec = route.setdefault("spec", {})
            spec["parentRefs"] = _by_name(spec.get("parentRefs", []), references, _merge)
            result["httpRoute"] = route
        if "inferencePool" in result:
            result["inferencePool"] = _merge(
                result["inferencePool"],
                {
                    "apiVersion": "inference.networking.x-k8s.io/v1alpha2",
                    "kind": "InferencePool",
                    "metadata": self._meta(self.names.pool),
                    "spec": {"selector": self.common, "extensionRef": {"name": self.names.epp_service}},
                },
            )
        if "inferenceModel" in result:
            result["inferenceModel"] = _merge(
                result["inferenceModel"],
                {
                    "apiVersion": "inference.networking.x-k8s.io/v1alpha2",
                    "kind": "InferenceModel",
                    "metadata": {**self._meta(self.names.model), "labels": self.common},
                    "spec": {"modelName": self.spec["routing"]["modelName"], "poolRef": {"name": self.names.pool}},
                },
            )
        if "eppDeployment" in result:
            self._picker(result)

    def _picker(self, result: dict[str, Any]) -> None:
        picker = self.spec.get("endpointPicker", {})
        labels = {"llm-d.ai/epp": self.names.epp}
        source: dict[str, Any] = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {**self._meta(self.names.epp), "labels": labels},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {
                        "containers": [_without_mount(item) for item in picker.get("containers", [])],
                        "initContainers": [_without_mount(item) for item in picker.get("initContainers", [])],
                        "serviceAccountName": self.names.epp_account,
                    },
                },
            },
        }
        if "replicas" in picker:
            source["spec"]["replicas"] = picker["replicas"]
        result["eppDeployment"] = _merge_workload(result["eppDeployment"], source)
        if "eppService" in result:
            result["eppService"] = self._service(result["eppService"], self.names.epp_service, labels, labels)
        result["eppServiceAccount"] = self._account(self.names.epp_account, self.operator.epp_pull_secrets)
        if self.operator.epp_cluster_role:
            result["eppRoleBinding"] = {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "metadata": self._meta(self.names.epp_binding),
                "subjects": [{"kind": "ServiceAccount", "name": self.names.epp_account, **self._namespace()}],
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "ClusterRole",
                    "name": self.operator.epp_cluster_role,
                },
            }


def _without_mount(container: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in container.items() if key != "mountModelVolume"}


def _zero(value: Any) -> bool:
    return value is None or value in ("", [], {}) or value is False


def _merge(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """Go's mergo with override: maps key by key, a value that is not zero replaces."""
    result = copy.deepcopy(dict(lower))
    for key, value in upper.items():
        if _zero(value):
            continue
        present = result.get(key)
        result[key] = (
            _merge(present, value) if isinstance(present, dict) and isinstance(value, dict) else copy.deepcopy(value)
        )
    return result


def _merge_appending(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """As :func:`_merge`, but lists are appended."""
    result = copy.deepcopy(dict(lower))
    for key, value in upper.items():
        if _zero(value):
            continue
        present = result.get(key)
        if key in ("containers", "initContainers"):
            result[key] = _by_name(present or [], value, _merge_container)
        elif isinstance(present, dict) and isinstance(value, dict):
            result[key] = _merge_appending(present, value)
        elif isinstance(present, list) and isinstance(value, list):
            result[key] = copy.deepcopy([*present, *value])
        else:
            result[key] = copy.deepcopy(value)
    return result


def _merge_workload(base: Mapping[str, Any], source: Mapping[str, Any]) -> dict[str, Any]:
    merged = _merge_appending(base, source)
    merged["spec"].setdefault("template", {}).setdefault("spec", {}).setdefault("containers", [])
    return merged


def _merge_container(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """Command replaced, the upper's arguments first, environment by name, other lists appended."""
    special = ("command", "args", "env")
    result = _merge_appending(lower, {key: value for key, value in upper.items() if key not in special})
    if upper.get("command"):
        result["command"] = list(upper["command"])
    if upper.get("args"):
        result["args"] = [*upper["args"], *lower.get("args", [])]
    if upper.get("env"):
        result["env"] = _by_name(lower.get("env", []), upper["env"], _merge_variable)
    return result


def _merge_variable(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """One variable; a value and a reference at once, which the operator would print, is valid nowhere."""
    result = _merge(lower, upper)
    if "value" in result and "valueFrom" in result:
        del result["value" if "valueFrom" in upper else "valueFrom"]
    return result


def _by_name(lower: list[dict[str, Any]], upper: list[dict[str, Any]], merge: Any) -> list[dict[str, Any]]:
    """Merges lists of named things: the lower's order, then what only the upper has."""
    last = {item.get("name"): item for item in upper}
    known = {item.get("name") for item in lower}
    merged = [
        merge(item, last[item.get("name")]) if item.get("name") in last else copy.deepcopy(item) for item in lower
    ]
    return merged + [copy.deepcopy(item) for item in upper if item.get("name") not in known]
