"""What pods mean, whoever made them: the measure by which an import equals its original.

Two pods are equal when their containers run the same image with the same command line, environment, resources,
mounts of the same volumes, ports, probes and security, on the same nodes. What the chart adds to everything it serves
is listed here and nowhere else.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from modelservice.engines.version import vllm_version
from modelservice.helm import EmbeddedHelm, Release
from modelservice.paths import chart_dir
from support.argument_parser import parsed
from support.kubernetes_schemas import problems
from support.render import Objects

ADDED_ENV = {"DP_SIZE", "TP_SIZE", "DP_SIZE_LOCAL"}
"""Variables that the chart tells every engine."""

ADDED_OPTIONS = {"port", "served-model-name"}
"""Options that the chart always says, where the original leaves them to the engine's default."""

Pod = dict[str, Any]


def command_line(container: Pod) -> dict[str, Any]:
    """A container's command line without what only words differ in: ``vllm serve M`` is ``… api_server --model M``.

    vLLM's options are read by a real parser, so that a fault of the tool's own one is seen.
    """
    words = [*container.get("command", []), *container.get("args", [])]
    starts = re.match(r"(?:\S*/)?vllm serve(?: |$)|(?:\S*/)?python3? -m vllm\.entrypoints\S+(?: |$)", " ".join(words))
    if starts:
        words = words[len(starts[0].split()) :]
    elif container.get("command") or "vllm" not in container.get("image", ""):
        return {"words": words}
    found = parsed(words, vllm_version(container.get("image", "")))
    if found is None or found.rest:
        return {"words": words}  # of another program
    options = dict(found.flags)
    if found.model is not None:
        options["model"] = (found.model,)
    if options.get("max-loras") == ("1",):
        del options["max-loras"]  # vLLM's default
    return {"program": "vllm", "options": {key: _meant(key, value) for key, value in options.items()}}


def _meant(name: str, values: Sequence[str]) -> tuple[str, ...]:
    """An option's values without what only words differ in: adapters as name=path, JSON in one spelling."""
    found = []
    for value in values:
        if value.startswith("{"):
            given = json.loads(value)
            adapter = name == "lora-modules" and set(given) == {"name", "path"}
            value = f"{given['name']}={given['path']}" if adapter else json.dumps(given, sort_keys=True)
        found.append(value)
    return tuple(found)


def environment(container: Pod) -> dict[str, Any]:
    """Environment by name; of a name given twice the last, as Kubernetes takes it."""
    return {item["name"]: item.get("value", item.get("valueFrom", "")) for item in container.get("env", [])}


def mounts(container: Pod, pod: Pod) -> dict[str, Any]:
    """What is mounted where, by path: the volume's source, the path in it, and whether it is read-only; of a claim the
    volume or the mount may say so."""
    volumes = {volume["name"]: {k: v for k, v in volume.items() if k != "name"} for volume in pod.get("volumes", [])}
    found = {}
    for mount in container.get("volumeMounts", []):
        assert mount["name"] in volumes, f"no volume {mount['name']}"
        source = _plain(volumes[mount["name"]]) or {"emptyDir": {}}
        claim = dict(source.get("persistentVolumeClaim", {}))
        read_only = bool(claim.pop("readOnly", False) or mount.get("readOnly"))
        if claim:
            source = {"persistentVolumeClaim": claim}
        found[mount["mountPath"].rstrip("/")] = (source, mount.get("subPath", ""), read_only)
    return found


def with_claims(pod: Pod, workload: Mapping[str, Any]) -> Pod:
    """A pod with the claims that its StatefulSet gives it, as volumes."""
    claims = [
        {"name": item["metadata"]["name"], "persistentVolumeClaim": {"claimName": item["metadata"]["name"]}}
        for item in workload["spec"].get("volumeClaimTemplates", [])
    ]
    return {**pod, "volumes": [*pod.get("volumes", []), *claims]} if claims else pod


def resources(container: Pod) -> dict[str, dict[str, str]]:
    """Limits and requests as text; requests of an extended resource are its limits."""
    given = container.get("resources", {})
    found = {part: {k: str(v) for k, v in given.get(part, {}).items()} for part in ("limits", "requests")}
    for name in {**found["limits"], **found["requests"]}:
        if "/" in name:
            value = found["limits"].get(name) or found["requests"][name]
            found["limits"][name] = found["requests"][name] = value
    return found


PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
PROBE_DEFAULTS = {
    "initialDelaySeconds": 0, "periodSeconds": 10, "timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 3,
}  # fmt: skip


def probes(container: Pod) -> dict[str, Any]:
    """Probes with what Kubernetes fills in; a port by its number."""
    names = {port["name"]: port["containerPort"] for port in container.get("ports", []) if "name" in port}
    found = {}
    for kind in PROBES:
        if container.get(kind):
            probe = {**PROBE_DEFAULTS, **copy.deepcopy(container[kind])}
            for action in ("httpGet", "tcpSocket", "grpc"):
                if action in probe:
                    probe[action]["port"] = names.get(probe[action]["port"], probe[action]["port"])
            if probe.get("httpGet", {}).get("scheme") == "HTTP":
                del probe["httpGet"]["scheme"]
            found[kind] = _plain(probe)
    return found


def _plain(value: Any) -> Any:
    """Without zero values, quantities as text."""
    if isinstance(value, dict):
        return {
            key: item
            for key, item in ((k, _plain(v)) for k, v in value.items())
            if item not in (None, {}, [], "", False)
        }
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


OTHER_FIELDS = (
    "imagePullPolicy", "workingDir", "envFrom", "lifecycle",
    "securityContext", "terminationMessagePolicy", "restartPolicy",
)  # fmt: skip
POD_FIELDS = (
    "nodeSelector", "tolerations", "affinity", "schedulerName", "priorityClassName", "runtimeClassName",
    "terminationGracePeriodSeconds", "serviceAccountName", "imagePullSecrets", "securityContext", "hostIPC", "hostNetwork",
    "resourceClaims",
)  # fmt: skip


def differences(original: Pod, ours: Pod, *, engine: str | None = None) -> list[str]:
    """Where a pod of ours means something else than the original's.

    Args:
        original: pod spec as the original controller makes it.
        ours: pod spec that the chart renders.
        engine: name of the original's engine container; the first one where None.
    """
    found: list[str] = []
    for kind in ("containers", "initContainers"):
        theirs = {container["name"]: container for container in original.get(kind, [])}
        present = {container["name"]: container for container in ours.get(kind, [])}
        if theirs.keys() != present.keys():
            found.append(f"{kind}: {sorted(theirs)} but {sorted(present)}")
        for name in theirs.keys() & present.keys():
            is_engine = kind == "containers" and name == (engine or original["containers"][0]["name"])
            found += _container_differences(f"{kind}[{name}]", theirs[name], original, present[name], ours, is_engine)
    defaults = {"terminationGracePeriodSeconds": 30, "schedulerName": "default-scheduler"}
    for field in POD_FIELDS:
        if field == "serviceAccountName" and field not in original:
            continue
        left, right = original.get(field), ours.get(field)
        if _plain(left) != _plain(right) and _plain(left) not in (
            None,
            {},
            [],
            "",
            False,
            str(defaults.get(field)),
            defaults.get(field),
        ):
            found.append(f"{field}: {left} but {right}")
    return found


def _container_differences(
    place: str, original: Pod, their_pod: Pod, ours: Pod, our_pod: Pod, is_engine: bool
) -> list[str]:  # fmt: skip
    found = []
    if original.get("image") != ours.get("image"):
        found.append(f"{place}.image: {original.get('image')} but {ours.get('image')}")
    left, right = command_line(original), command_line(ours)
    if is_engine and "options" in left and "options" in right:
        for name in ADDED_OPTIONS - left["options"].keys():
            right["options"].pop(name, None)
        model = right["options"].get("model")
        if model and model[0].endswith("/."):
            right["options"]["model"] = (model[0][:-2],)
    if left != right:
        found.append(f"{place} command line: {left} but {right}")
    their_env, our_env = environment(original), environment(ours)
    if is_engine:
        our_env = {key: value for key, value in our_env.items() if key in their_env or key not in ADDED_ENV}
    if _plain(their_env) != _plain(our_env):
        found.append(f"{place}.env: {their_env} but {our_env}")
    if resources(original) != resources(ours):
        found.append(f"{place}.resources: {resources(original)} but {resources(ours)}")
    if mounts(original, their_pod) != mounts(ours, our_pod):
        found.append(f"{place}.volumeMounts: {mounts(original, their_pod)} but {mounts(ours, our_pod)}")
    ports = [
        {(p["containerPort"], p.get("name"), p.get("protocol", "TCP")) for p in c.get("ports", [])}
        for c in (original, ours)
    ]
    if ports[0] != ports[1]:
        found.append(f"{place}.ports: {ports[0]} but {ports[1]}")
    if probes(original) != probes(ours):
        found.append(f"{place} probes: {probes(original)} but {probes(ours)}")
    for field in OTHER_FIELDS:
        if _plain(original.get(field)) != _plain(ours.get(field)):
            found.append(f"{place}.{field}: {original.get(field)} but {ours.get(field)}")
    return found


def labels_kept(original: dict[str, str], ours: dict[str, str]) -> bool:
    """Whether everything that selected the original's pods selects ours."""
    return original.items() <= ours.items()


@cache
def _chart() -> EmbeddedHelm:
    return EmbeddedHelm(chart_dir())


def installed(values: Mapping[str, Any], namespace: str = "default") -> Objects:
    """What a release of imported values installs, valid for Kubernetes; extra objects may be of any kind."""
    objects = _chart().render(dict(values), Release("test", namespace)).objects
    found = [problem for problem in problems(objects) if "no supported Kubernetes version knows" not in problem]
    assert not found, "\n".join(found)
    return Objects(objects, "")
