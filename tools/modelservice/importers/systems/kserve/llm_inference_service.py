"""KServe's LLMInferenceService (serving.kserve.io) with its base configurations and presets."""

from __future__ import annotations

import copy
import re
import shlex
from collections.abc import Mapping
from typing import Any

from modelservice.errors import ModelserviceError
from modelservice.importers.source.documents import Document
from modelservice.importers.source.fields import Outcome, ConversionReport
from modelservice.importers.source.go_templates import Templates
from modelservice.importers.source.secrets import SecretCollector
from modelservice.importers.steps.model import model_argument
from modelservice.importers.systems.kserve import presets, router, storage
from modelservice.importers.systems.kserve.fields import DRA, FIELDS
from modelservice.importers.systems.system import Source
from modelservice.importers.workload import MOUNT_PATH, RoleSource, ServedModel, json_text
from modelservice.kubernetes.merge import patched


def _is(document: Document, kind: str) -> bool:
    return document.kind == kind and document.group == "serving.kserve.io"


def is_service(document: Document) -> bool:
    """Whether a document is an LLMInferenceService."""
    return _is(document, "LLMInferenceService")


def is_config(document: Document) -> bool:
    """Whether a document is a base configuration or a preset."""
    return _is(document, "LLMInferenceServiceConfig")


def is_model_config(document: Document) -> bool:
    """Whether a configuration names a model itself, so that it could be a service."""
    spec = document.data.get("spec")
    return (
        is_config(document)
        and isinstance(spec, dict)
        and "model" in spec
        and not document.name.startswith(presets.PREFIX)
    )


def convert(document: Document, source: Source, report: ConversionReport, secrets: SecretCollector) -> ServedModel:
    """What KServe would run for an LLMInferenceService."""
    data = read_fields(document, FIELDS)
    name = document.name
    if not name:
        raise ModelserviceError("it has no name", file=document.where(), key="metadata.name")
    namespace = data["metadata"].get("namespace") or source.options.namespace
    spec = _with_bases(data.get("spec", {}), document, source, report)
    model = spec.get("model", {})
    if not model.get("uri"):
        raise ModelserviceError("it names no model", file=document.where(("spec", "model")), key="spec.model.uri")
    spec = _evaluated(spec, name, namespace or "default", document)
    served = model.get("name") or name
    served = ServedModel(name, report, secrets, namespace=namespace, model=served_name, mount_path=storage.MOUNT_PATH)
    _source(served, model["uri"], document)
    disaggregated = "prefill" in spec
    served.decode = _role("decode", spec, served, disaggregated, document)
    if disaggregated:
        served.prefill = _role("prefill", {**spec["prefill"], "model": model}, served, disaggregated, document)
    own_command = False
    for role in ("decode", "prefill"):
        current = getattr(served, role)
        if current is not None:
            aliases = (
                [served_name] if role == "prefill" else [served_name, f"publishers/{namespace or 'default'}/models/{served_name}"]
            )
            own_command = _engine(current, served, spec, aliases) or own_command
    if not own_command:
        _adapters(model.get("lora", {}), served, document)
    elif model.get("lora"):
        report.lost(("spec", "model", "lora"), "the container has a command of its own", document=document)
    if served.decode is not None:
        for key, value in data["metadata"].get("annotations", {}).items():
            if key in ("k8s.v1.cni.cncf.io/networks", "kueue.x-k8s.io/queue-name"):
                for _, each in served.roles:
                    each.pod_annotations = {**each.pod_annotations, key: value}
    _devices(served, data["metadata"].get("annotations", {}), document)
    router.route(served, spec.get("router", {}), namespace or "default")
    if "tracing" in spec:
        given = spec["tracing"]
        sampling = {key: str(given[key]) for key in ("sampler", "samplerArg") if key in given}
        served.settings["tracing"] = {
            "enabled": True,
            **({"otlpEndpoint": given["exporterEndpoint"]} if "exporterEndpoint" in given else {}),
            "sampling": {"samplerArg": "0.05", **sampling},
        }
    report.changed("spec.template",
        "KServe serves TLS with a certificate of its own and wraps vLLM in a script (RoCE discovery, log and shutdown "
        "options by version); the chart serves HTTP and starts vLLM itself",
        values="engine",
    )
    return served


def _with_bases(spec: Mapping[str, Any], document: Document, source: Source, report: ConversionReport) -> dict[str, Any]:
    """The spec over its base configurations, the last one first."""
    merged: dict[str, Any] = {}
    for index, reference in enumerate(spec.get("baseRefs", [])):
        found = next(
            (item for item in source.documents if is_config(item) and item.name == reference.get("name")), None
        )
        if found is None:
            report.lost(("spec", "baseRefs", index, "name"),
                f"the LLMInferenceServiceConfig {reference.get('name')} is not among the files; give what kubectl get "
                f"llminferenceserviceconfig {reference.get('name')} -o yaml prints",
                document=document,
            )
            continue
        merged = patched(merged, read_fields(source.use(found), FIELDS).get("spec", {}))
    for other in source.documents:
        if is_config(other) and other.name.startswith(presets.PREFIX):
            source.use(other)
            report.kept(other.title, "KServe's presets are known; what counts of them is in the values")
    return patched(merged, {key: value for key, value in spec.items() if key != "baseRefs"})


def _evaluated(spec: dict[str, Any], name: str, namespace: str, document: Document) -> dict[str, Any]:
    """The spec with KServe's templates evaluated."""
    variables = {
        "ObjectMeta": {"Name": name, "Namespace": namespace},
        "Spec": {"Model": {"Name": spec.get("model", {}).get("name") or name}},
        "GlobalConfig": {
            "EnableTLS": False,
            "IngressGatewayName": "kserve-ingress-gateway",
            "IngressGatewayNamespace": "kserve",
        },
    }
    templates = Templates(variables, {"ChildName": '{{- printf "%s%s" .a .b -}}'})
    texts: dict[str, tuple[str, str]] = {}
    slots: dict[str, tuple[Any, Any]] = {}

    def collect(value: Any, holder: Any, key: Any) -> None:
        if isinstance(value, str) and "{{" in value:
            number = str(len(texts))
            texts[number] = (_child_names(value), document.where())
            slots[number] = (holder, key)
        elif isinstance(value, dict):
            for inner, item in value.items():
                collect(item, value, inner)
        elif isinstance(value, list):
            for inner, item in enumerate(value):
                collect(item, value, inner)

    result = copy.deepcopy(spec)
    collect(result, None, None)
    for number, text in templates.render(texts).items():
        holder, key = slots[number]
        holder[key] = text
    return result


def _child_names(text: str) -> str:
    """KServe's ChildName joins a name and a suffix; long names, which it hashes, are not cut here."""
    return re.sub(r"\bChildName\s+(\S+)\s+(`[^`]*`|\"[^\"]*\")", r'printf "%s%s" \1 \2', text)


def _source(served: ServedModel, uri: str, document: Document) -> None:
    scheme, _, rest = uri.partition("://")
    if scheme == "pvc" and rest:
        served.uri = f"pvc://{rest}" if "/" in rest.strip("/") else f"pvc://{rest.strip('/')}/."
        served.mounted = True
    elif scheme in storage.IMAGES and rest:
        served.uri, served.mount_path = f"file://{storage.MOUNT_PATH}", MOUNT_PATH
        served.report.changed(("spec", "model", "uri"),
            "an image volume, in place of KServe's modelcar",
            document=document,
            values="modelArtifacts.uri",
        )
    elif scheme == "hf":
        served.uri, served.mount_path = uri, MOUNT_PATH
    elif scheme in storage.SCHEMES:
        served.report.changed(("spec", "model", "uri"),
            "an init container of KServe's own image downloads the model; give it the store's credentials",
            document=document,
            values="decode.initContainers",
        )
    else:
        raise ModelserviceError(
            f"the chart cannot load {uri}",
            file=document.where(("spec", "model", "uri")),
            key="spec.model.uri",
            fix="copy the model to a claim and write pvc://claim/path",
        )


def _role(name: str, spec: Mapping[str, Any], served: ServedModel, disaggregated: bool, document: Document) -> RoleSource:
    sizes = spec.get("parallelism", {})
    grouped = "worker" in spec or bool(
        sizes.get("data") and sizes.get("data", 1) > sizes.get("dataLocal", sizes.get("data", 1))
    )
    sidecar = disaggregated and name == "decode"
    port = presets.BEHIND_SIDECAR if sidecar else presets.SERVICE_PORT
    preset = presets.pod(port, sidecar=sidecar, grouped=grouped)
    pod = patched(preset, spec.get("template", {}))
    at = "spec.template" if name == "decode" else "spec.prefill.template"
    if not any(item["name"] == "main" and item.get("image") for item in pod["containers"]):
        raise ModelserviceError("no container main with an image", file=document.where(), key=f"{at}.containers")
    _plain_http(pod, served.report, at)
    role = RoleSource(
        pod,
        at,
        replicas=spec.get("replicas", 1),
        labels={**_labels(served.name), **spec.get("labels", {})},
        pod_annotations=dict(spec.get("annotations", {})),
        engine="main",
        port=port,
    )
    role.parallelism = {
        key: sizes[key] for key in ("tensor", "pipeline", "data", "dataLocal") if sizes.get(key, 1) != 1
    }
    if sizes.get("expert"):
        role.parallelism["expert"] = True
    if grouped:
        _group(role, sizes, spec, served)
    rollout = spec.get("rolloutStrategy")
    if rollout and not grouped:
        role.strategy = {"type": "RollingUpdate", "rollingUpdate": rollout.get("rollingUpdate", rollout)}
    if "scaling" in spec:
        _scaling(role, spec["scaling"])
    return role


def _labels(name: str) -> dict[str, str]:
    """The labels by which KServe's InferencePool selects pods."""
    return {
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/part-of": "llminferenceservice",
        "kserve.io/component": "workload",
    }


def _group(role: RoleSource, sizes: Mapping[str, Any], spec: Mapping[str, Any], served: ServedModel) -> None:
    """A group of pods, by the chart's own parallelism."""
    data, local = sizes.get("data", 1), sizes.get("dataLocal", 1)
    role.group = role.native = True
    if data > 1:
        role.size = max(1, -(-data // max(1, local)))
        role.parallelism |= {"data": data, "dataLocal": local, "dataMode": "internal"}
    else:
        role.size = max(1, sizes.get("pipeline", 1))
        role.parallelism |= {"data": 1}
    role.parallelism["workers"] = role.size
    if role.size == 1:
        role.parallelism.pop("workers")
        role.parallelism.pop("dataMode", None)
    if "worker" in spec:
        worker = patched(presets.pod(presets.SERVICE_PORT, sidecar=False, grouped=True, worker=True), spec["worker"])
        _plain_http(worker, served.report, role.place)
        role.worker = worker
        for container in worker["containers"]:
            _additional_arguments(container, [])


def _engine(role: RoleSource, served: ServedModel, spec: Mapping[str, Any], served_name: list[str]) -> bool:
    """The engine's command: vLLM as the preset starts it, or the one that the spec gives; whether it gives one."""
    container = next(item for item in role.pod["containers"] if item["name"] == "main")
    extra: list[str] = []
    _additional_arguments(container, extra)
    for worker in (role.worker or {}).get("containers", []):
        if worker["name"] == "main" and worker.get("command"):
            _own_command(worker, served, f"{role.place} (worker)")
    own = spec if role is served.decode else spec.get("prefill", {})
    offload = own.get("kvCacheOffloading") or own.get("workload", {}).get("kvCacheOffloading")
    _bring(role.pod, spec["model"]["uri"], served)
    if container.get("command"):
        _own_command(container, served, role.place)
        return True
    args = [*container.get("args", []), *extra]
    if args[:1] == ["--"]:
        args = args[1:]
    model = model_argument(served.uri, served.mount_path) if served.uri else None
    container["command"] = ["vllm", "serve"]
    container["args"] = [model or storage.MOUNT_PATH, "--served-model-name", *served_name, "--port", str(role.port)]
    rpc = own.get("parallelism", {}).get("dataRPCPort")
    if rpc:
        container["args"] += ["--data-parallel-rpc-port", str(rpc)]
    if role.parallelism.get("dataMode") == "internal":
        count = next((item["value"] for item in container["env"] if item["name"] == "VLLM_API_SERVER_COUNT"), "8")
        container["args"] += ["--api-server-count", count]
    if offload and not any(item.replace("_", "-").startswith("--kv-transfer-config") for item in args):
        container["args"] += ["--kv-transfer-config", _offloading(offload, role, container)]
    container["args"] += args
    return False


def _bring(pod: dict[str, Any], uri: str, served: ServedModel) -> None:
    """Brings the model into a pod where the chart does not."""
    scheme, _, rest = uri.partition("://")
    if scheme in storage.IMAGES:
        storage.mount_image(pod, "main", rest)
    elif served.uri is None:
        storage.initialise(pod, "main", uri)


_TLS = re.compile(
    r"--enable-ssl-refresh(?![\w-])|--ssl-[a-z-]+[= ]+[\"']?/var/run/kserve/tls/[\w.-]+[\"']?",
)
"""Options for the certificate that KServe makes."""


def _without_tls(words: list[str]) -> list[str]:
    """Words of a command without the options for KServe's certificate, which the chart does not have."""
    kept: list[str] = []
    for index, word in enumerate(words):
        if index and words[index - 1].startswith("--ssl-") and word.startswith("/var/run/kserve/tls/"):
            kept.pop()
            continue
        plain = _TLS.sub("", word)
        if plain or not word:
            kept.append(plain)
    return kept


def _own_command(container: dict[str, Any], served: ServedModel, at: str) -> None:
    """A command of the user's: it expects the model where KServe puts it."""
    for key in ("command", "args"):
        if key in container:
            container[key] = _without_tls(container[key])
    if served.uri is None or not served.uri.startswith("hf://"):
        return
    argument = model_argument(served.uri, served.mount_path) or ""
    for key in ("command", "args"):
        container[key] = [re.sub(r"/mnt/models(?![\w/])", argument, item) for item in container.get(key, [])]
        if not container[key]:
            del container[key]
    served.report.changed(f"{at}.containers[main]",
        f"its command names {argument} in place of /mnt/models, which a storage initializer would fill",
        values="engine",
    )


def _additional_arguments(container: dict[str, Any], extra: list[str]) -> None:
    """Takes VLLM_ADDITIONAL_ARGS, which only the preset's script reads, apart into arguments."""
    kept = []
    for variable in container.get("env", []):
        scripted = not container.get("command") or "VLLM_ADDITIONAL_ARGS" not in " ".join(
            [*container.get("command", []), *container.get("args", [])]
        )
        if variable["name"] == "VLLM_ADDITIONAL_ARGS" and scripted:
            text = re.sub(r"\$\{?([A-Za-z_]\w*)\}?", r"$(\1)", variable.get("value", ""))
            try:
                extra += shlex.split(text)
            except ValueError:
                extra += text.split()
        elif variable["name"] != "KSERVE_INFER_ROCE":
            kept.append(variable)
    container["env"] = kept


def _plain_http(pod: dict[str, Any], report: ConversionReport, at: str) -> None:
    """Probes ask by HTTP, as the chart's engine answers."""
    for container in pod["containers"]:
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            action = container.get(kind, {}).get("httpGet", {})
            action.pop("scheme", None)
        if any(
            item["name"] == "KSERVE_INFER_ROCE" and item.get("value") == "true" for item in container.get("env", [])
        ):
            report.lost(f"{at}.containers[{container['name']}].env.KSERVE_INFER_ROCE",
                "KServe's script finds the RoCE devices at start; write NCCL_IB_HCA, UCX_NET_DEVICES and "
                "NCCL_IB_GID_INDEX for your nodes",
            )


def _adapters(lora: Mapping[str, Any], served: ServedModel, document: Document) -> None:
    """LoRA adapters, with KServe's sizes."""
    schemes = ("hf", "pvc", "s3", "gs", "oci")
    for index, adapter in enumerate(lora.get("adapters", [])):
        uri = str(adapter.get("uri", ""))
        if uri.partition("://")[0] in schemes:
            served.adapters.append({"name": adapter.get("name") or f"adapter-{index + 1}", "uri": uri})
        else:
            served.report.lost(("spec", "model", "lora", "adapters", index, "uri"),
                f"the chart loads adapters from {', '.join(schemes)}; copy it to a claim and write pvc://claim/path",
                document=document,
            )
    if served.adapters:
        number = len(served.adapters)
        batch = lora.get("maxAdapters", number)
        served.lora = {"maxRank": lora.get("maxRank", 64), "maxCpuLoras": lora.get("maxCpuAdapters", number)}
        if batch != number:
            served.lora["maxLoras"] = batch


_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def _offloading(offload: Mapping[str, Any], role: RoleSource, container: dict[str, Any]) -> str:
    """Options of vLLM's OffloadingConnector; disk tiers get volumes."""
    size = str(offload.get("cpuBytesToUse") or offload.get("cpu") or "0")
    number = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", size)
    if number is None or number[2] not in _UNITS:
        raise ModelserviceError(f"{size!r} is no size", key="spec.kvCacheOffloading.cpu", fix="write for instance 10Gi")
    config: dict[str, Any] = {
        "cpu_bytes_to_use": int(float(number[1]) * _UNITS[number[2]]),
        "eviction_policy": offload.get("evictionPolicy", "lru"),
    }
    tiers = [dict(tier) for tier in offload.get("secondaryTiers", []) if isinstance(tier, dict)]
    for index, tier in enumerate(offload.get("secondary", [])):
        system = tier.get("fileSystem", {})
        path, volume = f"/kv-cache/{index}", f"kv-cache-{index}"
        mount: dict[str, Any] = {"name": volume, "mountPath": path}
        claim = system.get("pvc", {})
        if "ref" in claim:
            source: dict[str, Any] = {"persistentVolumeClaim": {"claimName": claim["ref"].get("name", "")}}
            if claim["ref"].get("path"):
                mount["subPath"] = claim["ref"]["path"].strip("/")
        elif "spec" in claim:
            source = {"ephemeral": {"volumeClaimTemplate": {"spec": claim["spec"]}}}
        else:
            limit = system.get("emptyDir", {}).get("size")
            source = {"emptyDir": {"sizeLimit": limit} if limit else {}}
        role.pod["volumes"].append({"name": volume, **source})
        container["volumeMounts"].append(mount)
        tiers.append({"type": "fs", "path": path})
    if tiers:
        config |= {"spec_name": "TieringOffloadingSpec", "secondary_tiers": tiers}
    return json_text({"kv_connector": "OffloadingConnector", "kv_role": "kv_both", "kv_connector_extra_config": config})


def _scaling(role: RoleSource, scaling: Mapping[str, Any]) -> None:
    """The autoscaler that KServe would make."""
    role.autoscaled = True
    keda = scaling.get("keda") or scaling.get("wva", {}).get("keda") or {}
    said: dict[str, Any] = {"enabled": True, "type": "keda" if keda.get("triggers") else "wva"}
    said |= {key: scaling[key] for key in ("minReplicas", "maxReplicas") if key in scaling}
    said.setdefault("maxReplicas", 1)
    behavior = scaling.get("wva", {}).get("hpa", {}).get("behavior")
    if said["type"] == "keda":
        behavior = keda.get("advanced", {}).get("horizontalPodAutoscalerConfig", {}).get("behavior")
        keys = {"triggers": "triggers", "pollingInterval": "pollingInterval", "idleReplicaCount": "idleReplicas"}
        said |= {
            name: keda[key] for key, name in {**keys, "cooldownPeriod": "scaleDownDelaySeconds"}.items() if key in keda
        }
    else:
        said["minReplicas"] = max(1, said.get("minReplicas", 1))
    if behavior:
        said["behavior"] = behavior
    if "variantCost" in scaling.get("wva", {}):
        cost = str(scaling["wva"]["variantCost"])
        said["variantCost"] = float(cost) if "." in cost else int(cost)
    role.settings["autoscaling"] = said


def _devices(served: ServedModel, annotations: Mapping[str, str], document: Document) -> None:
    """Managed dynamic resource allocation as the chart's own claims."""
    device_class = annotations.get(f"{DRA}device-class")
    if not device_class:
        return
    kind = re.sub(r"^(gpu|device|npu)\.", "", device_class).split(".")[0]
    count = annotations.get(f"{DRA}device-count", "1")
    if not count.isdigit():
        raise ModelserviceError(
            f"{count!r} is no number",
            file=document.where(("metadata", "annotations", f"{DRA}device-count")),
            key=f"metadata.annotations.{DRA}device-count",
        )
    template: dict[str, Any] = {"class": device_class, "count": int(count)}
    selectors = [line.strip() for line in annotations.get(f"{DRA}cel-selector", "").splitlines() if line.strip()]
    if selectors:
        template["selectors"] = [{"cel": {"expression": line}} for line in selectors]
    served.settings["accelerator"] = {"type": kind, "dra": True, "resourceClaimTemplates": {kind: template}}
