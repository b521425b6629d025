"""Serving practice: what works in a demonstration and fails under load, or at the first update."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from modelservice.check.finding import Found, Severity
from modelservice.check.rule import rule
from modelservice.kubernetes.quantity import quantity, shown
from modelservice.model.containers import Container
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup, reference

Object = Mapping[str, Any]

_PROBES = "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-probes"
_LIFECYCLE = "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination"

_DOWNLOAD = Decimal(300) * 1024**2
"""Bytes a second that a model is taken to be downloaded with."""
_DISK = Decimal(1024) ** 3
"""Bytes a second that a model is taken to be read with."""


def model_bytes(deployment: Deployment, group: PodGroup) -> Decimal | None:
    """What the model's weights take, estimated by the number of parameters in its name; None without one.

    Two bytes a parameter, one for FP8 and half of one for four bits.
    """
    name = str(deployment.value("modelArtifacts.uri") or "")
    if not name or "{{" in name:
        name = str(deployment.value("modelArtifacts.name") or "")
    if not name:
        name = group.command.model or ""
    match = re.findall(
        r"(?<![A-Za-z0-9.])(?:(\d+)x)?(\d+(?:\.\d+)?)B(?![A-Za-z0-9])", name.rsplit("/", 1)[-1], re.IGNORECASE
    )
    if not match:
        return None
    experts, number = max(match, key=lambda item: float(item[1]))
    parameters = Decimal(number) * (int(experts) if experts else 1) * 10**9
    lowered = name.lower()
    four = any(word in lowered for word in ("awq", "gptq", "int4", "w4a16", "4bit", "fp4"))
    eight = any(word in lowered for word in ("fp8", "int8", "w8a8", "8bit"))
    return parameters * (Decimal("0.55") if four else 1 if eight else 2)


def _budget(probe: Object | None) -> int:
    """Seconds after which the kubelet gives up."""
    if not probe:
        return 0
    return int(probe.get("initialDelaySeconds") or 0) + int(probe.get("periodSeconds") or 10) * int(
        probe.get("failureThreshold") or 3
    )


def _real(group: PodGroup) -> bool:
    """Whether the engine loads a model."""
    return group.command.engine in ("vllm", "sglang") and group.requester is None


@rule(
    Severity.error,
    reason="Until the startup probe succeeds a failing one is expected, and then the container is restarted: a model "
    "that takes longer to load never gets ready.",
    link=_PROBES,
    failing="""\
modelArtifacts: {name: Qwen/Qwen3-32B, uri: hf://Qwen/Qwen3-32B, size: 100Gi}
engine: {startupProbe: {httpGet: {path: /health, port: 8000}, periodSeconds: 5, failureThreshold: 6}}
""",
    passing="""\
modelArtifacts: {name: Qwen/Qwen3-32B, uri: hf://Qwen/Qwen3-32B, size: 100Gi}
engine: {startupProbe: {httpGet: {path: /health, port: 8000}, periodSeconds: 10, failureThreshold: 180}}
""",
)
def startup_budget(deployment: Deployment) -> Iterator[Found]:
    """The startup probe gives the model the time that it takes to load."""
    for group in deployment.servers:
        probe = group.engine.fields.get("startupProbe")
        size = model_bytes(deployment, group)
        if not probe or not size or not _real(group):
            continue
        local = str(deployment.value("modelArtifacts.uri") or "").startswith(("pvc", "oci", "file"))
        needed = int(size / (_DISK if local else _DOWNLOAD)) + 30
        if _budget(probe) < needed:
            yield Found(
                f"the startup probe gives up after {_budget(probe)} s, but {shown(size)} of weights take about "
                f"{needed} s to {'read' if local else 'download'}",
                deployment.engine_key(group, "startupProbe"),
                group.object,
                f"write failureThreshold: {needed // 10 * 2} with periodSeconds: 10",
                "containers[].startupProbe",
            )


@rule(
    Severity.error,
    reason="The kubelet restarts a container whose liveness probe fails, and an engine that loads its model answers "
    "nothing: it is restarted for ever.",
    link=_PROBES,
    failing="engine: {livenessProbe: {httpGet: {path: /health, port: 8000}}}",
    passing="""\
engine:
  startupProbe: {httpGet: {path: /health, port: 8000}, periodSeconds: 10, failureThreshold: 120}
  livenessProbe: {httpGet: {path: /health, port: 8000}}
""",
)
def liveness_cold(deployment: Deployment) -> Iterator[Found]:
    """A liveness probe waits for the model to be loaded."""
    for group in deployment.servers:
        probe = group.engine.fields.get("livenessProbe")
        size = model_bytes(deployment, group)
        needed = 60 + int((size or Decimal(0)) / _DISK)
        if probe and not group.engine.fields.get("startupProbe") and _real(group) and _budget(probe) < needed:
            yield Found(
                f"the liveness probe restarts the engine after {_budget(probe)} s, while it still loads the model",
                deployment.engine_key(group, "livenessProbe"),
                group.object,
                f"write {group.role}.probes.enabled: true, which adds a startup probe"
                if deployment.sources is not None
                else "write a startupProbe too: {httpGet: {path: /health, port: ...}, periodSeconds: 10, "
                "failureThreshold: 120}",
                "containers[].livenessProbe",
                None if _budget(probe) < 60 else Severity.warning,
            )


@rule(
    Severity.info,
    reason="Without a readiness or startup probe a pod is ready as soon as its process runs, and gets requests that "
    "fail until the model is loaded.",
    link=_PROBES,
    failing="",
    passing="engine: {readinessProbe: {httpGet: {path: /v1/models, port: 8000}}}",
)
def readiness_missing(deployment: Deployment) -> Iterator[Found]:
    """The engine has a readiness or startup probe."""
    for group in deployment.servers:
        if (
            _real(group)
            and not group.headless
            and not group.engine.fields.get("readinessProbe")
            and not group.engine.fields.get("startupProbe")
        ):
            yield Found(
                "the engine has neither readiness nor startup probe, so requests come before the model is loaded",
                deployment.with_key("engine", f"{group.role}.engine", f"{group.role}.containers[0]"),
                group.object,
                f"write {group.role}.probes.enabled: true"
                if deployment.sources is not None
                else "write readinessProbe: {httpGet: {path: /health, port: ...}}",
                "containers[]",
            )


@rule(
    Severity.error,
    reason="The grace period counts preStop and shutdown together. When it ends the kubelet kills the engine with the "
    "requests that it still answers.",
    link=_LIFECYCLE,
    failing="""\
engine:
  args: {shutdown-timeout: 60}
  lifecycle: {preStop: {sleep: {seconds: 15}}}
decode: {terminationGracePeriodSeconds: 60}
""",
    passing="""\
engine:
  args: {shutdown-timeout: 60}
  lifecycle: {preStop: {sleep: {seconds: 15}}}
decode: {terminationGracePeriodSeconds: 90}
""",
)
def drain_time(deployment: Deployment) -> Iterator[Found]:
    """preStop and shutdown timeout end before the grace period."""
    for group in deployment.servers:
        grace = group.spec.get("terminationGracePeriodSeconds")
        pause, timeout = _sleep(group.engine), group.command.number("shutdown-timeout", 0) or 0
        needed = pause + timeout
        limit = 30 if grace is None else int(grace)
        if needed and needed >= limit:
            yield Found(
                f"preStop ({pause} s) and shutdown timeout ({timeout} s) take {needed} s, but the grace period is "
                f"{limit} s" + (" (Kubernetes' default)" if grace is None else ""),
                deployment.with_key(f"{group.role}.terminationGracePeriodSeconds")
                if grace is not None
                else deployment.engine_key(group, "lifecycle"),
                group.object,
                f"write {group.role}.terminationGracePeriodSeconds: {needed + 15}",
                "spec.template.spec.terminationGracePeriodSeconds",
            )


def _sleep(container: Container) -> int:
    hook = (container.fields.get("lifecycle") or {}).get("preStop") or {}
    if "sleep" in hook:
        return int(hook["sleep"].get("seconds") or 0)
    text = " ".join(str(word) for word in (hook.get("exec") or {}).get("command") or [])
    match = re.search(r"\bsleep\s+(\d+)", text)
    return int(match[1]) if match else 0


@rule(
    Severity.warning,
    reason="Tensor parallel workers exchange tensors through /dev/shm, which is 64 MiB in a container: NCCL fails or "
    "hangs.",
    link="https://docs.vllm.ai/en/latest/deployment/docker/",
    failing="decode: {parallelism: {tensor: 2}}",
    passing="decode: {parallelism: {tensor: 2}, sharedMemory: {enabled: true}}",
)
def shared_memory(deployment: Deployment) -> Iterator[Found]:
    """An engine with tensor parallelism has a large /dev/shm."""
    for group in deployment.servers:
        tensor = group.tensor or 1
        mounted = any(mount.get("mountPath") == "/dev/shm" for mount in group.engine.fields.get("volumeMounts") or [])  # noqa: S108
        if tensor > 1 and _real(group) and not mounted and not group.spec.get("hostIPC"):
            yield Found(
                f"{tensor} tensor parallel workers share the 64 MiB /dev/shm of a container",
                deployment.with_key(f"{group.role}.sharedMemory.enabled", f"{group.role}.parallelism.tensor"),
                group.object,
                f"write {group.role}.sharedMemory.enabled: true",
                "containers[].volumeMounts",
            )


@rule(
    Severity.error,
    reason="A volume in memory counts against the container's memory limit: an engine that fills it is killed.",
    link="https://kubernetes.io/docs/concepts/storage/volumes/#emptydir",
    failing="""\
decode:
  parallelism: {tensor: 2}
  sharedMemory: {enabled: true, sizeLimit: 32Gi}
  engine: {resources: {limits: {memory: 16Gi}}}
""",
    passing="""\
decode:
  parallelism: {tensor: 2}
  sharedMemory: {enabled: true, sizeLimit: 16Gi}
  engine: {resources: {limits: {memory: 64Gi}}}
""",
)
def shared_memory_limit(deployment: Deployment) -> Iterator[Found]:
    """Volumes in memory fit into the memory limit."""
    for group in deployment.groups:
        volumes = {volume.get("name"): volume.get("emptyDir") or {} for volume in group.spec.get("volumes") or []}
        limit = quantity(((group.engine.fields.get("resources") or {}).get("limits") or {}).get("memory"))
        for mount in group.engine.fields.get("volumeMounts") or []:
            volume = volumes.get(mount.get("name")) or {}
            size = quantity(volume.get("sizeLimit"))
            if volume.get("medium") == "Memory" and size and limit and size >= limit:
                yield Found(
                    f"the memory volume {mount.get('name')} takes up to {shown(size)}, but the container's memory "
                    f"limit is {shown(limit)}",
                    deployment.with_key(f"{group.role}.sharedMemory.sizeLimit", f"{group.role}.volumes"),
                    group.object,
                    "raise the memory limit, or lower the size",
                    "spec.template.spec.volumes",
                    None if _real(group) else Severity.info,
                )


@rule(
    Severity.error,
    reason="Weights on processors, and caches that the engine keeps in the host's memory, count against the memory "
    "limit: an engine that outgrows it is killed while it starts.",
    link="https://docs.vllm.ai/en/latest/getting_started/installation/cpu/",
    failing="""\
accelerator: {type: cpu}
engine:
  image: vllm/vllm-openai-cpu:v0.32.0
  env: {VLLM_CPU_KVCACHE_SPACE: 40}
  resources: {limits: {memory: 48Gi}}
""",
    passing="""\
accelerator: {type: cpu}
engine:
  image: vllm/vllm-openai-cpu:v0.32.0
  env: {VLLM_CPU_KVCACHE_SPACE: 24}
  resources: {limits: {memory: 48Gi}}
""",
)
def host_memory(deployment: Deployment) -> Iterator[Found]:
    """Weights on processors and caches in the host's memory fit into the memory limit."""
    for group in deployment.servers:
        limit = quantity(((group.engine.fields.get("resources") or {}).get("limits") or {}).get("memory"))
        if not limit or not _real(group):
            continue
        parts = dict(_host_caches(group))
        on_processors = deployment.value("accelerator.type") == "cpu" or "cpu" in str(
            group.engine.fields.get("image", "")
        )
        size = model_bytes(deployment, group) if on_processors and not group.accelerators else None
        if size:
            parts["the weights"] = size
        needed = sum(parts.values(), Decimal(0))
        if needed >= limit:
            listed = ", ".join(f"{name} {shown(amount)}" for name, amount in parts.items())
            yield Found(
                f"the engine takes more than the {shown(limit)} of its memory limit: {listed}",
                deployment.engine_key(group, "resources"),
                group.object,
                f"write a memory limit of {int(needed * Decimal('1.2') / 1024**3) + 1}Gi, or smaller caches",
                group.engine.at("resources").path,
            )


def _host_caches(group: PodGroup) -> Iterator[tuple[str, Decimal]]:
    """Caches in the host's memory, by what sets their size, each of one rank."""
    variables = group.engine.env
    in_gib = {name: variables.get(name) for name in ("VLLM_CPU_KVCACHE_SPACE", "LMCACHE_MAX_LOCAL_CPU_SIZE")}
    in_gib |= {f"--{name}": group.command.value(name) for name in ("kv-offloading-size", "cpu-offload-gb")}
    for name, given in in_gib.items():
        amount = quantity(given)
        if amount:
            yield name, amount * 1024**3
    amount = quantity((group.kv_transfer.get("kv_connector_extra_config") or {}).get("cpu_bytes_to_use"))
    if amount:
        yield "cpu_bytes_to_use", amount


_GATED = re.compile(r"meta-llama/|google/(code|pali)?gemma-(?!4)", re.IGNORECASE)
"""Organisations whose models are downloaded only with a token: https://huggingface.co/docs/hub/models-gated."""


@rule(
    Severity.warning,
    reason="Hugging Face gives a gated model only to those who accepted its licence, by their token. Without one the "
    "download ends with 401 and the pod restarts for ever.",
    link="https://huggingface.co/docs/hub/models-gated",
    failing="modelArtifacts: {name: meta-llama/Llama-3.1-8B-Instruct, uri: hf://meta-llama/Llama-3.1-8B-Instruct}",
    passing="""\
modelArtifacts:
  name: meta-llama/Llama-3.1-8B-Instruct
  uri: hf://meta-llama/Llama-3.1-8B-Instruct
  authSecretName: llm-d-hf-token
""",
)
def gated_model(deployment: Deployment) -> Iterator[Found]:
    """A gated model comes with a token."""
    for group in deployment.servers:
        model = group.command.model or ""
        if not _real(group) or not _GATED.match(model) or group.command.script:
            continue
        variables = {name for container in group.all_containers for name in container.env}
        given = variables & {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_ENDPOINT", "HF_HUB_OFFLINE"}
        kept = any(not volume.keys() & {"emptyDir", "configMap", "ephemeral"} for volume in _mounted(group))
        if not given and not kept and not any(container.fields.get("envFrom") for container in group.all_containers):
            yield Found(
                f"{model} is a gated model, and the engine has no HF_TOKEN",
                deployment.with_key("modelArtifacts.authSecretName", "modelArtifacts.uri"),
                group.object,
                "write modelArtifacts.authSecretName: the Secret with the key HF_TOKEN"
                if deployment.sources is not None
                else "write the variable HF_TOKEN with a secretKeyRef",
                group.engine.at("env").path,
            )


def _mounted(group: PodGroup) -> list[Object]:
    """Volumes of the engine, which may hold a model that was downloaded before."""
    names = {mount.get("name") for mount in group.engine.fields.get("volumeMounts") or []}
    return [volume for volume in group.spec.get("volumes") or [] if volume.get("name") in names]


@rule(
    Severity.error,
    reason="A download that outgrows its volume evicts the pod, which starts again from nothing.",
    link="https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/",
    failing="modelArtifacts: {name: Qwen/Qwen3-32B, uri: hf://Qwen/Qwen3-32B, size: 40Gi}",
    passing="modelArtifacts: {name: Qwen/Qwen3-32B, uri: hf://Qwen/Qwen3-32B, size: 100Gi}",
)
def model_volume(deployment: Deployment) -> Iterator[Found]:
    """The model fits onto the volume that it is downloaded to."""
    for group in deployment.servers:
        size = model_bytes(deployment, group)
        limit = _model_storage(deployment, group)
        if size and limit and _real(group) and limit < size:
            yield Found(
                f"the weights take about {shown(size)}, but the volume holds {shown(limit)}",
                deployment.with_key(
                    f"{group.role}.volumeClaimTemplates", "modelArtifacts.persistence.size", "modelArtifacts.size"
                )
                if group.workload["spec"].get("volumeClaimTemplates")
                else deployment.with_key("modelArtifacts.persistence.size", "modelArtifacts.size"),
                group.object,
                f"write a size of {int(size * Decimal('1.2') / 1024**3) + 1}Gi",
                "spec.template.spec.volumes",
            )


def _model_storage(deployment: Deployment, group: PodGroup) -> Decimal | None:
    """What the volume that the model is downloaded to holds; None where it is not known."""
    for volume in group.spec.get("volumes") or []:
        if volume.get("name") == "model-storage":
            return quantity((volume.get("emptyDir") or {}).get("sizeLimit") or _claimed(deployment, volume))
    for claim in group.workload["spec"].get("volumeClaimTemplates") or []:
        if (claim.get("metadata") or {}).get("name") == "model-storage":
            return quantity(_storage(claim.get("spec")))
    return None


def _claimed(deployment: Deployment, volume: Mapping[str, Any]) -> Any:
    """Storage that the claim of a volume asks for, where the claim is at hand."""
    name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
    specs = [obj.get("spec") for obj in deployment.kind("PersistentVolumeClaim") if obj["metadata"]["name"] == name]
    specs.append(((volume.get("ephemeral") or {}).get("volumeClaimTemplate") or {}).get("spec"))
    return next((_storage(spec) for spec in specs if spec), None)


def _storage(claim: Object | None) -> Any:
    return (((claim or {}).get("resources") or {}).get("requests") or {}).get("storage")


@rule(
    Severity.warning,
    reason="vLLM, Hugging Face, Triton and FlashInfer write caches below HOME. A user without a writable one gets a "
    "permission error while the model loads.",
    link="https://docs.vllm.ai/en/latest/configuration/env_vars/",
    failing="engine: {securityContext: {runAsNonRoot: true, runAsUser: 1000}}",
    passing="""\
engine:
  securityContext: {runAsNonRoot: true, runAsUser: 1000}
  env: {HOME: /model-cache}
""",
)
def cache_writable(deployment: Deployment) -> Iterator[Found]:
    """A user other than root has a writable home or cache directory."""
    for group in deployment.servers:
        context = {**(group.spec.get("securityContext") or {}), **(group.engine.fields.get("securityContext") or {})}
        user = context.get("runAsUser")
        if not _real(group) or not (user or context.get("readOnlyRootFilesystem")):
            continue
        variables = group.engine.env
        writable = [
            str(mount.get("mountPath"))
            for mount in group.engine.fields.get("volumeMounts") or []
            if not mount.get("readOnly") and mount.get("mountPath") != "/dev/shm"  # noqa: S108
        ] + ([] if context.get("readOnlyRootFilesystem") else ["/tmp"])  # noqa: S108
        homes = [variables.get(name) for name in ("HOME", "VLLM_CACHE_ROOT", "XDG_CACHE_HOME")]
        if not any(isinstance(home, str) and _below(home, writable) for home in homes):
            yield Found(
                "the engine runs as "
                + (f"user {user}" if user else "root on a read-only file system")
                + ", but neither HOME nor VLLM_CACHE_ROOT is on a writable volume",
                deployment.engine_key(group, "securityContext"),
                group.object,
                "write HOME and VLLM_CACHE_ROOT under engine.env, on a volume of the pod",
                "containers[].securityContext",
            )


def _below(path: str, folders: list[str]) -> bool:
    return any(path == folder or path.startswith(folder.rstrip("/") + "/") for folder in folders)


@rule(
    Severity.error,
    reason="Values and manifests are stored in Git and in the release; a token in them is known to everybody who can "
    "read either.",
    link="https://kubernetes.io/docs/concepts/configuration/secret/",
    failing="engine: {env: {HF_TOKEN: hf_0123456789}}",
    passing="modelArtifacts: {authSecretName: llm-d-hf-token}",
)
def secret_in_clear(deployment: Deployment) -> Iterator[Found]:
    """Tokens and keys come from Secrets."""
    for group in deployment.groups:
        for container in group.all_containers:
            for name, value in container.env.items():
                secret = re.search(r"(TOKEN|PASSWORD|SECRET|API_KEY|ACCESS_KEY)$", name)
                if secret and isinstance(value, str) and len(value) > 3 and not value.startswith(("$", "/")):
                    if value.lower() in ("true", "false", "none", "null", "dummy", "empty"):
                        continue
                    yield Found(
                        f"{name} of container {container.name} is written in the clear",
                        deployment.env_key(group, name),
                        group.object,
                        "put it into a Secret and write valueFrom: {secretKeyRef: {name: ..., key: ...}}",
                        f"containers[{container.name}].env",
                    )
        if group.command.value("api-key") and group.command.engine in ("vllm", "sglang"):
            yield Found(
                "--api-key of the engine is written in the clear",
                deployment.flag_key(group, "api-key"),
                group.object,
                "write the variable VLLM_API_KEY with a secretKeyRef",
                "containers[].args",
            )


@rule(
    Severity.warning,
    reason="`latest` is another image after the next push: pods of one Deployment differ, and a rollback changes "
    "nothing.",
    link="https://kubernetes.io/docs/concepts/containers/images/#image-names",
    failing="engine: {image: 'vllm/vllm-openai:latest'}",
    passing="engine: {image: 'vllm/vllm-openai:v0.32.0'}",
)
def image_latest(deployment: Deployment) -> Iterator[Found]:
    """Images have a version."""
    for group in deployment.groups:
        for container in group.containers:
            image = str(container.fields.get("image", ""))
            tag = image.rpartition("/")[2].partition(":")[2]
            if not image and group.requester is None:
                yield Found(
                    f"container {container.name} has no image, and the API server refuses the pods",
                    deployment.engine_key(group, "image"),
                    group.object,
                    "write one with a version or a digest",
                    f"containers[{container.name}].image",
                    Severity.error,
                )
            if image and "@" not in image and tag in ("", "latest"):
                engine, proxy = container is group.engine, container is group.proxy
                yield Found(
                    f"container {container.name} runs {image}, which changes with every push",
                    deployment.engine_key(group, "image")
                    if engine
                    else deployment.with_key("routing.proxy.image" if proxy else f"{group.role}.containers"),
                    group.object,
                    "write a version or a digest",
                    f"containers[{container.name}].image",
                )


@rule(
    Severity.warning,
    reason="A privileged container, or one in the node's namespaces, can change the node and see what runs beside it; "
    "RDMA needs the capability IPC_LOCK alone.",
    link="https://kubernetes.io/docs/concepts/security/pod-security-standards/",
    failing="engine: {securityContext: {privileged: true}}",
    passing="engine: {securityContext: {capabilities: {add: [IPC_LOCK]}}}",
)
def privileged(deployment: Deployment) -> Iterator[Found]:
    """Containers are not privileged, and pods not in the node's namespaces."""
    for group in deployment.groups:
        for container in group.containers:
            if (container.fields.get("securityContext") or {}).get("privileged"):
                yield Found(
                    f"container {container.name} is privileged",
                    deployment.engine_key(group, "securityContext"),
                    group.object,
                    "write the capabilities that it needs",
                    "containers[].securityContext",
                )
        for name in ("hostNetwork", "hostPID"):
            if group.spec.get(name):
                yield Found(
                    f"the pods use the node's namespace ({name})",
                    deployment.with_key(
                        f"{group.role}.{name}", f"{group.role}.extraConfig.{name}", f"{group.role}.extraConfig"
                    ),
                    group.object,
                    f"remove {name}, or suppress this rule with the reason",
                    f"spec.template.spec.{name}",
                )


@rule(
    Severity.info,
    reason="Without a PodDisruptionBudget, draining nodes may end all replicas at once, and each takes minutes to load "
    "its model again.",
    link="https://kubernetes.io/docs/tasks/run-application/configure-pdb/",
    failing="decode: {replicas: 3}",
    passing="decode: {replicas: 1}",
)
def disruption_budget(deployment: Deployment) -> Iterator[Found]:
    """Several replicas have a PodDisruptionBudget."""
    budgets = [
        (obj.get("spec") or {}).get("selector", {}).get("matchLabels") or {}
        for obj in deployment.kind("PodDisruptionBudget")
    ]
    for group in deployment.servers:
        protected = any(labels.items() <= group.labels.items() for labels in budgets if labels)
        if (group.replicas or 0) > 1 and not protected and group.part != "worker":
            yield Found(
                f"{group.replicas} replicas without a PodDisruptionBudget",
                deployment.with_key(f"{group.role}.replicas"),
                group.object,
                f"write {group.role}.podDisruptionBudget.enabled: true"
                if deployment.sources is not None
                else "add a PodDisruptionBudget with maxUnavailable: 1",
                "spec.replicas",
            )


@rule(
    Severity.error,
    reason="An autoscaler and the workload both set the number of replicas, and each update of the release undoes the "
    "other's; one that names no workload here scales nothing.",
    link="https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/",
    failing="""\
extraObjects:
- apiVersion: autoscaling/v2
  kind: HorizontalPodAutoscaler
  metadata: {name: decode}
  spec:
    scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: decode}
    maxReplicas: 4
""",
    passing="""\
decode: {autoscaling: {enabled: true}}
extraObjects:
- apiVersion: autoscaling/v2
  kind: HorizontalPodAutoscaler
  metadata: {name: decode}
  spec:
    scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: example-llm-d-modelservice-decode}
    maxReplicas: 4
""",
)
def autoscaler_target(deployment: Deployment) -> Iterator[Found]:
    """An autoscaler's target exists and leaves the replicas to it."""
    workloads = {(group.kind, str(group.workload["metadata"]["name"])): group for group in deployment.groups}
    for scaler in deployment.kind("HorizontalPodAutoscaler", "ScaledObject", "VariantAutoscaling"):
        target = (scaler.get("spec") or {}).get("scaleTargetRef") or {}
        group = workloads.get((str(target.get("kind", "Deployment")), str(target.get("name"))))
        key = deployment.with_key("decode.autoscaling", "extraObjects")
        spec = scaler.get("spec") or {}
        least, most = (spec.get(f"{side}Replicas", spec.get(f"{side}ReplicaCount")) for side in ("min", "max"))
        if isinstance(least, int) and isinstance(most, int) and least > most:
            yield Found(
                f"the autoscaler runs at least {least} and at most {most} replicas",
                key,
                reference(scaler),
                f"write a minimum of at most {most}",
                "spec",
            )
        if group is None:
            if workloads:
                yield Found(
                    f"the autoscaler's target {target.get('kind', 'Deployment')}/{target.get('name')} is not here",
                    key,
                    reference(scaler),
                    f"write one of {', '.join('/'.join(item) for item in workloads)}",
                    "spec.scaleTargetRef",
                )
        elif group.replicas is not None:
            yield Found(
                f"the workload prints {group.replicas} replicas, which each update of the release sets again",
                deployment.with_key(f"{group.role}.autoscaling.enabled", f"{group.role}.replicas"),
                group.object,
                f"write {group.role}.autoscaling.enabled: true",
                "spec.replicas",
            )


@rule(
    Severity.error,
    reason="A mount of a volume that the pod does not have is refused by the API server.",
    link="https://kubernetes.io/docs/concepts/storage/volumes/",
    failing="engine: {volumeMounts: [{name: cache, mountPath: /root/.cache}]}",
    passing="""\
engine: {volumeMounts: [{name: cache, mountPath: /root/.cache}]}
decode: {volumes: [{name: cache, emptyDir: {}}]}
""",
)
def volume_missing(deployment: Deployment) -> Iterator[Found]:
    """Every mounted volume is one of the pod."""
    for group in deployment.groups:
        volumes = {volume.get("name") for volume in group.spec.get("volumes") or []}
        claims = (group.workload.get("spec") or {}).get("volumeClaimTemplates") or []
        volumes |= {(claim.get("metadata") or {}).get("name") for claim in claims}
        shared = (group.workload.get("spec") or {}).get("leaderWorkerTemplate") or {}
        volumes |= {(claim.get("metadata") or {}).get("name") for claim in shared.get("volumeClaimTemplates") or []}
        if group.requester is not None:
            continue
        for container in group.all_containers:
            for mount in container.fields.get("volumeMounts") or []:
                if mount.get("name") not in volumes:
                    proxy = container is group.proxy
                    yield Found(
                        f"container {container.name} mounts the volume {mount.get('name')}, which the pod does "
                        "not have",
                        deployment.with_key("routing.proxy.volumeMounts")
                        if proxy
                        else deployment.engine_key(group, "volumeMounts"),
                        group.object,
                        f"add it to {group.role}.volumes, or mount one of "
                        f"{', '.join(sorted(map(str, volumes))) or 'none'}",
                        f"containers[{container.name}].volumeMounts",
                    )
