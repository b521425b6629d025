"""What KubeAI runs for a Model (https://github.com/substratusai/kubeai, internal/modelcontroller)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from modelservice.errors import ModelserviceError
from modelservice.importers.source.documents import Path
from modelservice.importers.systems.kubeai import engines
from modelservice.importers.systems.kubeai.fields import FIELDS
from modelservice.importers.systems.kubeai.model import Model, chart_values, check
from modelservice.importers.systems.system import Conversion
from modelservice.importers.workload import RoleSource, ServedModel

PORT = 8000
"""Port of every engine."""

PROMETHEUS = "http://prometheus-operated.monitoring:9090"
"""Address of the Prometheus Operator's Service in many clusters."""


def convert(conversion: Conversion) -> ServedModel:
    """Return what KubeAI would run for the document."""
    return convert_model(conversion, conversion.read(FIELDS))


def convert_model(conversion: Conversion, data: Mapping[str, Any], at: Path = ("spec",)) -> ServedModel:
    """Return what KubeAI would run for a Model.

    Args:
        conversion: the conversion.
        data: the Model, of the declared types.
        at: path of the spec in the document.

    Raises:
        ModelserviceError: KubeAI would reject it, or the chart cannot load the model.
    """
    check(conversion, data, at)
    metadata, spec = data["metadata"], data["spec"]
    served = ServedModel(metadata["name"], namespace=conversion.namespace(data), model=metadata["name"])
    model = Model(conversion, metadata, spec, at, chart_values(conversion), served)
    features = spec.get("features", [])
    if features and (spec["engine"] != "VLLM" or {"TextGeneration", "SpeechToText"} & set(features)):
        # For the others the chart writes --runner, which the versions of KubeAI's images do not know.
        served.settings["modelArtifacts"] = {"features": features}
    _begin_pod(model)
    engine = engines.start(model)
    settings: dict[str, Any] = {}
    image = _apply_profile(model, settings)
    _finish_pod(model, image)
    files = {item["path"]: item.get("content", "") for item in spec.get("files", []) if item.get("path")}
    if files:
        served.settings["files"] = files
    annotations = metadata.get("annotations", {})
    served.decode = RoleSource(
        model.pod,
        engine,
        "spec",
        replicas=_replicas(spec),
        labels={"model": served.name, **metadata.get("labels", {})},
        pod_annotations={key: value for key, value in annotations.items() if not key.startswith("model-pod-")},
        settings=settings,
    )
    _scale(model, served.decode)
    _balance(model)
    return served


def _begin_pod(model: Model) -> None:
    """Set what the pods of all engines have."""
    spec = model.spec
    model.container |= {
        "name": "server",
        "ports": [{"containerPort": PORT, "name": "http", "protocol": "TCP"}],
        "volumeMounts": [{"name": "dshm", "mountPath": "/dev/shm"}],  # noqa: S108
        "env": [{"name": key, "value": value} for key, value in sorted(spec.get("env", {}).items())],
    }
    if spec.get("envFrom"):
        model.container["envFrom"] = spec["envFrom"]
    model.pod |= {
        "containers": [model.container],
        "volumes": [{"name": "dshm", "emptyDir": {"medium": "Memory"}}],
    }


def _finish_pod(model: Model, image_name: str) -> None:
    """Set image, security and priority, by the Model or the values of KubeAI's chart."""
    spec, chart = model.spec, model.chart
    images = chart.get("modelServers", {}).get(spec["engine"], {}).get("images", {})
    default = images.get(image_name) or images.get("default") or engines.ENGINES[spec["engine"]].image
    model.container["image"] = spec.get("image") or default
    pods = chart.get("modelServerPods", {})
    if pods.get("securityContext"):
        model.container["securityContext"] = pods["securityContext"]
    for key, value in (
        ("securityContext", pods.get("podSecurityContext")),
        ("serviceAccountName", pods.get("serviceAccountName") or pods.get("serviceAccount", {}).get("name")),
        ("imagePullSecrets", [*chart.get("imagePullSecrets", []), *pods.get("imagePullSecrets", [])]),
        ("priorityClassName", spec.get("priorityClassName")),
    ):
        if value:
            model.pod[key] = value


def _apply_profile(model: Model, settings: dict[str, Any]) -> str:
    """Set a resource profile as the chart's; its accelerators are the container's. Return the name of its image."""
    text = model.spec.get("resourceProfile", "")
    if not text:
        return ""
    name, _, number = text.partition(":")
    if not re.fullmatch(r"\d*", number):
        raise ModelserviceError(f"{text!r} is not name:number", key="spec.resourceProfile")
    profile = model.chart.get("resourceProfiles", {}).get(name)
    if profile is None:
        model.conversion.report.lost(
            "spec.resourceProfile",
            f"the profile {name} is not among the files: resources, image and placement are missing; import the values "
            "of KubeAI's chart too",
        )
        return "cpu" if name == "cpu" else ""
    values = {key: value for key, value in profile.items() if key != "imageName" and value}
    accelerators = {
        key: str(int(value) * int(number or 1))
        for key, value in {**values.get("requests", {}), **values.get("limits", {})}.items()
        if "/" in key and str(value).isdigit()
    }
    for part in ("limits", "requests"):
        if part in values:
            values[part] = {key: value for key, value in values[part].items() if key not in accelerators}
    values = {key: value for key, value in values.items() if value}
    if accelerators:
        model.container["resources"] = {"limits": accelerators}
    if values:
        model.served.settings["resourceProfiles"] = {name: values}
        settings["resourceProfile"] = f"{name}:{number}" if int(number or 1) != 1 else name
    return str(profile.get("imageName", ""))


def _replicas(spec: Mapping[str, Any]) -> int:
    least = int(spec.get("minReplicas", 0))
    if "replicas" in spec:
        return max(int(spec["replicas"]), least)
    return least or (0 if spec.get("autoscalingDisabled") else 1)


def _scale(model: Model, role: RoleSource) -> None:
    """Scale by active requests with KEDA, where there is an upper bound and the engine has metrics."""
    spec, report = model.spec, model.conversion.report
    least, most = spec.get("minReplicas", 0), spec.get("maxReplicas")
    if spec.get("autoscalingDisabled"):
        return
    if spec["engine"] != "VLLM":
        why = "KubeAI scales by requests in its proxy; this engine has no such metric"
        report.changed("spec.minReplicas", f"{why}: {role.replicas} replica(s) are kept", values="decode.replicas")
        return
    if most is None:
        why = (
            "KubeAI scales without an upper bound where none is set, and from zero by holding requests; "
            f"{role.replicas} replica(s) are kept. Set maxReplicas to get an autoscaler"
        )
        report.changed("spec.minReplicas", why, values="decode.replicas")
        return
    role.settings["autoscaling"] = {
        "enabled": True,
        "type": "keda",
        "minReplicas": max(1, least),
        "maxReplicas": most,
        "targetActiveRequests": spec.get("targetRequests", 100),
        "scaleDownDelaySeconds": spec.get("scaleDownDelaySeconds", 30),
        "prometheus": {"serverAddress": PROMETHEUS},
    }
    role.autoscaled = True
    zero = ", and zero replicas, which KubeAI's proxy wakes, become one" if least == 0 else ""
    why = f"a ScaledObject of KEDA scales; set the address of your Prometheus{zero}"
    report.changed("spec.maxReplicas", why, values="decode.autoscaling")


def _balance(model: Model) -> None:
    """Use an endpoint picker in place of KubeAI's proxy, where the spec asks for more than the least load."""
    balancing = model.spec.get("loadBalancing", {})
    if balancing.get("strategy", "LeastLoad") == "LeastLoad":
        return
    length = balancing.get("prefixHash", {}).get("prefixCharLength", 100)
    model.served.settings["routing"] = {
        "inferencePool": {"create": True},
        "epp": {"create": True},
        "loadBalancing": {"strategy": "PrefixHash", "prefixHash": {"prefixCharLength": length}},
    }
