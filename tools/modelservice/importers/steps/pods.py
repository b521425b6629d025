"""A role's pod as values: engine, containers beside it, volumes, and what the workers of a group do otherwise."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from modelservice.importers.commandline import CommandLine
from modelservice.importers.source.fields import Outcome
from modelservice.importers.steps import model
from modelservice.importers.steps.accelerators import drop_accelerators, take_accelerators
from modelservice.importers.steps.probes import take_probes
from modelservice.importers.workload import ValuesBuilder, RoleSource, escaped
from modelservice.kubernetes.merge import merged

SHARED = "/dev/shm"  # noqa: S108  # the path that the C library uses

_CONTAINER_KEYS = (
    "image",
    "imagePullPolicy",
    "ports",
    "resources",
    "volumeMounts",
    "securityContext",
    "startupProbe",
    "livenessProbe",
    "readinessProbe",
    "lifecycle",
    "workingDir",
    "stdin",
    "tty",
)
_POD_KEYS = {
    "nodeSelector": "nodeSelector",
    "tolerations": "tolerations",
    "affinity": "affinity",
    "schedulerName": "schedulerName",
    "priorityClassName": "priorityClassName",
    "terminationGracePeriodSeconds": "terminationGracePeriodSeconds",
    "enableServiceLinks": "enableServiceLinks",
    "hostIPC": "hostIPC",
    "hostPID": "hostPID",
    "imagePullSecrets": "imagePullSecrets",
    "securityContext": "podSecurityContext",
    "runtimeClassName": "runtimeClassName",
    "resourceClaims": "resourceClaims",
    "initContainers": "initContainers",
}
"""Fields of a pod that a role has a key for."""

_POD_DEFAULTS = {
    "dnsPolicy": "ClusterFirst",
    "restartPolicy": "Always",
    "schedulerName": "default-scheduler",
    "securityContext": {},
    "terminationGracePeriodSeconds": 30,
    "enableServiceLinks": True,
    "affinity": {},
    "preemptionPolicy": "PreemptLowerPriority",
    "priority": 0,
    "hostIPC": False,
    "hostPID": False,
    "hostNetwork": False,
    "volumes": [],
    "initContainers": [],
    "tolerations": [],
    "nodeSelector": {},
    "serviceAccount": None,
}
_CONTAINER_DEFAULTS: dict[str, Any] = {
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "resources": {},
    "securityContext": {},
    "stdin": False,
    "tty": False,
}
"""What the API server fills in: saying it again would only make the values long."""


def role_values(builder: ValuesBuilder, name: str, role: RoleSource) -> dict[str, Any]:
    """The values of one role."""
    line = builder.lines[name]
    result: dict[str, Any] = {}
    if role.autoscaled:
        result["autoscaling"] = {"enabled": True}
    elif role.replicas is not None or name == "prefill":
        result["replicas"] = 1 if role.replicas is None else role.replicas
    if role.size > 1 or role.group:
        result["multinode"] = True
    parallelism = {**_parallelism(builder, line), **role.parallelism}
    if role.size > 1 and not role.native:
        parallelism["workers"] = role.size
    if parallelism:
        result["parallelism"] = parallelism
    pod = copy.deepcopy(role.pod)
    absorbed = model.absorb(builder, name, pod, role)
    containers = pod.pop("containers")
    engine = _engine(builder, name, role, containers[0], line, parallelism, result)
    if absorbed:
        engine["mountModelVolume"] = True
    _checks(builder, name, role, engine, result)
    others = [container_values(builder, item, f"{role.place}.containers[{item['name']}]") for item in containers[1:]]
    shared = _shared_memory(pod, engine, others)
    if shared is not None:
        result["sharedMemory"] = shared
    result["containers"] = [engine, *others]
    volumes = pod.pop("volumes", [])
    result["volumes"] = [volume for volume in volumes if not (absorbed and volume["name"] == absorbed)]
    for item in pod.get("initContainers", []):
        _secret_words(builder, item, f"{role.place}.initContainers[{item['name']}]")
        if item.get("env"):
            item["env"] = builder.secrets.environment(item["env"], f"{role.place}.initContainers[{item['name']}].env")
    for key, target in _POD_KEYS.items():
        if key in pod:
            result[target] = pod.pop(key)
    # Without a selector the chart gives a constraint its own, and workers of a group have none.
    if role.size == 1 and all(item.get("labelSelector") for item in pod.get("topologySpreadConstraints", [])):
        result["topologySpreadConstraints"] = pod.pop("topologySpreadConstraints", [])
    if role.worker is not None and role.size > 1:
        _worker(builder, role, result)
    result = {key: value for key, value in result.items() if key == "volumes" or value not in ([], {})}
    if pod:
        result["extraConfig"] = escaped(pod)
    if role.strategy:
        result["rolloutStrategy" if role.size > 1 or role.group else "strategy"] = role.strategy
    if role.annotations:
        result["annotations"] = role.annotations
    if role.pod_annotations:
        result["podAnnotations"] = role.pod_annotations
    return merged(result, role.settings)


def _parallelism(builder: ValuesBuilder, line: CommandLine) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if not line.derived:
        return found
    for flag, key in (
        ("tensor-parallel-size", "tensor"),
        ("pipeline-parallel-size", "pipeline"),
        ("data-parallel-size", "data"),
        ("data-parallel-size-local", "dataLocal"),
    ):
        option = line.get(flag)
        if option and len(option.values) == 1 and option.values[0].isdigit() and int(option.values[0]) > 0:
            line.take(flag)
            if int(option.values[0]) > 1:
                found[key] = int(option.values[0])
    option = line.get("enable-expert-parallel")
    if option and not option.values and option.tokens == ["--enable-expert-parallel"]:
        line.take("enable-expert-parallel")
        found["expert"] = True
    return found


def _engine(
    builder: ValuesBuilder,
    name: str,
    role: RoleSource,
    container: dict[str, Any],
    line: CommandLine,
    parallelism: Mapping[str, Any],
    result: dict[str, Any],
) -> dict[str, Any]:
    place = f"{role.place}.containers[{container['name']}]"
    secrets = _secret_options(builder, line, place)
    if line.derived and not role.type:
        container |= {"command": [], "args": line.arguments}
    _secret_words(builder, container, place)
    command, args = container.pop("command", []), container.pop("args", [])
    model.take_token(builder, container)
    count = take_accelerators(builder, name, container, parallelism, role)
    if count is not None:
        result["accelerator"] = merged(result.get("accelerator", {}), {"count": count})
    engine = container_values(builder, container, place)
    if secrets:
        engine["env"] = [*engine.get("env", []), *secrets]
    head: dict[str, Any] = {"name": engine.pop("name"), "image": engine.pop("image", "")}
    if role.type:
        head["type"] = role.type
        if args:
            head["args"] = args
    elif line.derived:
        head["modelCommand"] = line.start
        if args:
            head["args"] = args
    elif command:
        head |= {"modelCommand": "custom", "command": command}
        if args:
            head["args"] = args
    else:
        head["modelCommand"] = "imageDefault"
        engine["extraConfig"] = {**engine.get("extraConfig", {}), "args": escaped(args) or None}
        builder.report.changed(f"{place}.args",
            "the chart does not know this engine, so its arguments replace the ones that the chart derives",
            values="engine.extraConfig.args",
        )
    if "env" in engine:
        head["env"] = engine.pop("env")
    return head | engine


_MORE_PORTS = {"huggingface": [{"containerPort": 8081, "name": "grpc"}]}
"""Ports that the chart derives for an engine beside the one that serves."""


def _checks(builder: ValuesBuilder, name: str, role: RoleSource, engine: dict[str, Any], result: dict[str, Any]) -> None:
    """Probes and port as the chart derives them, where it does; an engine of a stated type has them unasked."""
    line = builder.lines[name]
    proxy = builder.routing["proxy"]
    port = proxy["targetPort"] if name == "decode" and proxy.get("enabled") else builder.routing["servicePort"]
    probes = take_probes(engine, port, role.type or "") if line.derived or role.type else None
    named = engine.get("ports") == [{"containerPort": port, "name": "http"}, *_MORE_PORTS.get(role.type or "", [])]
    if probes is not None:
        result["probes"] = probes
        if line.start == "vllmServe" and named:
            del engine["modelCommand"], engine["ports"]
            engine["type"] = "vllm"
        elif not role.type:
            probes["enabled"] = True
    elif role.type:
        result["probes"] = {"enabled": False}
    if role.type and named:
        del engine["ports"]
    if "type" in engine and not engine.get("mountModelVolume"):
        engine["mountModelVolume"] = False


def _secret_options(builder: ValuesBuilder, line: CommandLine, place: str) -> list[dict[str, Any]]:
    """Options whose value is a secret, as environment variables that refer to one."""
    option = line.get("api-key")
    if option is None or not option.values or any("$(" in value for value in option.values):
        return []
    value = line.take("api-key") or ""
    source = builder.secrets.reference("VLLM_API_KEY", value, f"{place}.args (--api-key)")
    builder.report.changed(f"{place}.args",
        "--api-key was in plain text; the engine reads VLLM_API_KEY from a Secret",
        values="engine.env",
    )
    return [{"name": "VLLM_API_KEY", "valueFrom": source}]


def _secret_words(builder: ValuesBuilder, container: dict[str, Any], place: str) -> None:
    """Takes secrets out of the command of a container, which then refers to variables."""
    env = list(container.get("env") or [])
    for key in ("command", "args"):
        words = container.get(key) or []
        hidden = builder.secrets.words(words, env)
        if hidden != words:
            container |= {key: hidden, "env": env}
            builder.report.changed(f"{place}.{key}",
                "a secret was in plain text; the container reads it from a Secret, as a variable",
            )


def container_values(builder: ValuesBuilder, container: Mapping[str, Any], place: str) -> dict[str, Any]:
    """A container in the chart's form."""
    rest = dict(container)
    _secret_words(builder, rest, place)
    result: dict[str, Any] = {"name": rest.pop("name")}
    for key in _CONTAINER_KEYS:
        if rest.get(key) not in (None, {}, []):
            result[key] = rest[key]
        rest.pop(key, None)
    if "ports" in result:
        result["ports"] = [_port(port) for port in result["ports"]]
    env = rest.pop("env", None)
    if env:
        result["env"] = escaped(builder.secrets.environment(env, f"{place}.env"))
    for key in ("command", "args"):
        if rest.get(key):
            result[key] = rest[key]
        rest.pop(key, None)
    if rest:
        result["extraConfig"] = escaped(rest)
    return result


def _shared_memory(pod: dict[str, Any], engine: dict[str, Any], others: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Shared memory, as the chart's own key, where only the engine has it."""
    for mount in engine.get("volumeMounts", []):
        if mount["mountPath"].rstrip("/") != SHARED or set(mount) != {"name", "mountPath"}:
            continue
        volume: dict[str, Any] = next((v for v in pod.get("volumes", []) if v["name"] == mount["name"]), {})
        used = [m for c in [*others, *pod.get("initContainers", [])] for m in c.get("volumeMounts", [])]
        if volume.get("emptyDir", {}).get("medium") != "Memory" or any(m["name"] == mount["name"] for m in used):
            continue
        engine["volumeMounts"].remove(mount)
        if not engine["volumeMounts"]:
            del engine["volumeMounts"]
        pod["volumes"].remove(volume)
        size = volume["emptyDir"].get("sizeLimit")
        return {"enabled": True, **({"sizeLimit": size} if size is not None else {})}
    return None


def _worker(builder: ValuesBuilder, role: RoleSource, result: dict[str, Any]) -> None:
    """What the workers of a group do differently, by container."""
    worker = role.worker or {}
    containers = copy.deepcopy(worker.get("containers", []))
    accelerators = drop_accelerators(copy.deepcopy(role.pod["containers"][0]))
    leaders = {item["name"] for item in result["containers"]}
    if containers and containers[0]["name"] not in leaders and len(containers) == 1:
        containers[0]["name"] = result["containers"][0]["name"]
    overrides = []
    for container in containers:
        if container["name"] not in leaders:
            builder.report.lost(f"{role.place} (worker).containers[{container['name']}]",
                "workers of the chart have the leader's containers; write it as a container of both",
            )
            continue
        leader = next(item for item in result["containers"] if item["name"] == container["name"])
        if drop_accelerators(container) != accelerators:
            builder.report.lost(f"{role.place} (worker).containers[{container['name']}].resources",
                "the pods of a group have the leader's accelerators",
            )
        if "sharedMemory" in result:
            shared = [item for item in container.get("volumeMounts", []) if item["mountPath"].rstrip("/") != SHARED]
            container["volumeMounts"] = shared
        converted = container_values(builder, container, f"{role.place} (worker).containers[{container['name']}]")
        own = {key: value for key, value in converted.items() if key == "name" or value != leader.get(key)}
        for key in ("env", "volumeMounts"):
            if key in own:
                own[key] = [item for item in own[key] if item not in leader.get(key, [])]
                if not own[key]:
                    del own[key]
        if "extraConfig" in own and not own["extraConfig"]:
            del own["extraConfig"]
        if own.keys() - {"name"}:
            overrides.append(own)
    if overrides:
        result["workerTemplate"] = {"containers": overrides}
    leader = {key: value for key, value in role.pod.items() if key != "containers"}
    for key, value in sorted(worker.items()):
        same = all(item in leader.get(key, []) for item in value) if isinstance(value, list) else False
        if key != "containers" and not same and value != leader.get(key):
            why = "the pods of a group share it; the leader's is taken"
            builder.report.lost(f"{role.place} (worker).{key}", why)


def _port(port: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in port.items() if (key, value) != ("protocol", "TCP")}


def without_defaults(pod: Mapping[str, Any]) -> dict[str, Any]:
    """A pod spec without what the API server would fill in."""
    result = {key: value for key, value in copy.deepcopy(dict(pod)).items() if _POD_DEFAULTS.get(key, _ABSENT) != value}
    for kind in ("containers", "initContainers"):
        for container in result.get(kind, []):
            for key in [key for key, value in container.items() if _CONTAINER_DEFAULTS.get(key, _ABSENT) == value]:
                del container[key]
    return result


_ABSENT = object()
