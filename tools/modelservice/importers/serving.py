"""From what a controller would run, as pods, to values of the chart.

An importer says what its controller makes of a spec: pod specs, replicas, labels. What is the same for all of them,
how a pod is said in values, is here.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from modelservice.importers import commandline
from modelservice.importers.commandline import CommandLine, Option
from modelservice.importers.fields import LAST_APPLIED, Fate, Ledger
from modelservice.importers.secrets import Vault
from modelservice.values import Values

PORTS = {"vllm": 8000, "sglang": 30000}
"""Ports that engines listen on when no option says otherwise."""

MOUNT_PATH = "/model-cache"
"""Where the chart mounts the model."""

SHARED = "/dev/shm"  # noqa: S108  # the path that the C library uses
_ACCELERATORS = {resource: kind for kind, resource in Values().accelerator.resources.items()}
_OTHER_ACCELERATOR = re.compile(
    r"(^nvidia\.com/mig-|/(v?gpu|vgpu-number|npu|neuron|neuroncore|neurondevice|mlu|dcu|xpu|tpu|Ascend\w+)$)",
    re.IGNORECASE,
)
"""Extended resources of vendors that the chart has no type for."""

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


@dataclass
class Role:
    """What a controller would run for decode or prefill.

    Args:
        pod: the pod spec.
        place: path of the pod in the source, for notes.
        replicas: pods or groups; None for one.
        labels: labels of the pods that a user or a pool selects.
        pod_annotations: annotations of the pods.
        annotations: annotations of the workload.
        strategy: update strategy of the Deployment, or rollout of the LeaderWorkerSet.
        autoscaled: something else owns the replicas.
        size: pods of a group; more than one makes a LeaderWorkerSet.
        worker: pod spec of the other pods of a group, where it differs.
        parallelism: sizes that the source says outside of the command line.
        engine: name of the container that serves; recognised by its command where None.
        port: port that the engine listens on, where its command does not tell.
        accelerators: the accelerators are counted elsewhere (a claim, a profile), none are derived.
        settings: further keys of the role.
        native: the chart makes the group itself, by its own parallelism.
    """

    pod: dict[str, Any]
    place: str
    replicas: int | None = None
    labels: dict[str, str] = field(default_factory=dict)
    pod_annotations: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    strategy: dict[str, Any] | None = None
    autoscaled: bool = False
    group: bool = False
    size: int = 1
    worker: dict[str, Any] | None = None
    parallelism: dict[str, Any] = field(default_factory=dict)
    engine: str | None = None
    port: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    native: bool = False


@dataclass
class Serving:
    """What a controller would run for one model.

    Args:
        name: prefix of the workloads' names.
        ledger: what became of the source.
        decode: the role that serves.
        prefill: the role that computes prompts for it.
        namespace: where it is; empty where the source does not say.
        uri: where the model is, in the chart's form; taken from the command line where None.
        model: name of the model in requests, where the command line does not tell.
        objects: further objects to install.
        settings: further values, by top-level key.
        account: the pods' ServiceAccount as the source says it.
    """

    name: str
    ledger: Ledger
    vault: Vault
    decode: Role | None = None
    prefill: Role | None = None
    namespace: str = ""
    uri: str | None = None
    model: str | None = None
    objects: list[dict[str, Any]] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    mounted: bool = False
    mount_path: str = MOUNT_PATH
    size: str | None = None
    auth_secret: str | None = None

    @property
    def roles(self) -> list[tuple[str, Role]]:
        """The roles that there are."""
        return [(name, role) for name, role in (("decode", self.decode), ("prefill", self.prefill)) if role]


def escaped(value: Any) -> Any:
    """A value that the chart renders as a template, so that it comes out as it is."""
    if isinstance(value, str):
        return value.replace("{{", "{{ `{{` }}")
    if isinstance(value, dict):
        return {key: escaped(item) for key, item in value.items()}
    return [escaped(item) for item in value] if isinstance(value, list) else value


def to_values(serving: Serving) -> dict[str, Any]:
    """The values under which the chart runs the same."""
    return _Conversion(serving).values()


class _Conversion:
    """One serving on its way to values."""

    def __init__(self, serving: Serving) -> None:
        self.serving = serving
        self.ledger = serving.ledger
        self.vault = serving.vault
        self.artifacts: dict[str, Any] = {}
        self.routing: dict[str, Any] = {}
        self.accelerator: dict[str, Any] = {}
        self.top: dict[str, Any] = {}
        self.model_volume: str | None = None

    def values(self) -> dict[str, Any]:
        serving = self.serving
        self._name()
        for _, role in serving.roles:
            role.pod = _without_defaults(role.pod)
            if role.worker is not None:
                role.worker = _without_defaults(role.worker)
        lines = {name: self._line(role) for name, role in serving.roles}
        self._model(lines)
        self._labels()
        self._accounts()
        has_proxy = serving.decode is not None and self._proxy(serving.decode)
        self._ports(lines, has_proxy)
        roles = {name: self._role(name, role, lines[name]) for name, role in serving.roles}
        if serving.decode is None:
            roles["decode"] = {"create": False}
        if serving.prefill is None:
            roles["prefill"] = {"create": False}
        result: dict[str, Any] = {"fullnameOverride": serving.name}
        if "nameOverride" in self.top:
            result["nameOverride"] = self.top.pop("nameOverride")
        if all(role.size > 1 or role.group for _, role in serving.roles):
            result["multinode"] = True
            for role_values in roles.values():
                role_values.pop("multinode", None)
        result |= {
            "modelArtifacts": self.artifacts,
            "accelerator": self.accelerator,
            "routing": self.routing,
            **self.top,
            "decode": roles["decode"],
            "prefill": roles["prefill"],
        }
        for key, value in serving.settings.items():
            result[key] = _deep_merge(result.get(key, {}), value) if isinstance(value, dict) else value
        if serving.objects:
            result["extraObjects"] = [_portable(item, serving.namespace) for item in serving.objects]
        return {key: value for key, value in result.items() if value not in ({}, [], None)}

    def _name(self) -> None:
        """A name that Services and LeaderWorkerSets may have: a DNS label of at most 55 characters."""
        serving = self.serving
        plain = re.sub(r"[^a-z0-9]+", "-", serving.name.lower()).strip("-")[:55].strip("-") or "model"
        if plain != serving.name:
            why = f"the workloads are named {plain}-<role>: names are DNS labels of at most 63 characters"
            self.ledger.add(Fate.changed, "metadata.name", why, values="fullnameOverride")
            for item in serving.objects:
                target = item.get("spec", {}).get("scaleTargetRef", {}) if isinstance(item.get("spec"), dict) else {}
                if str(target.get("name", "")).startswith(f"{serving.name}-"):
                    target["name"] = plain + target["name"].removeprefix(serving.name)
            serving.name = plain

    # --- the engine ------------------------------------------------------------------------------

    def _line(self, role: Role) -> CommandLine:
        """The engine's command line; its container becomes the first one."""
        containers = role.pod["containers"]
        parsed = [commandline.parse(container) for container in containers]
        index = next((i for i, container in enumerate(containers) if container["name"] == role.engine), None)
        if index is None:
            index = next((i for i, line in enumerate(parsed) if line.start != "custom"), None)
        if index is None:
            index = next((i for i, line in enumerate(parsed) if line.engine), 0)
        if index:
            self.ledger.add(
                Fate.changed,
                f"{role.place}.containers",
                f"{containers[index]['name']} is the first container: the "
                "chart gives model, port and accelerators to it",
            )
            containers.insert(0, containers.pop(index))
        line = parsed[index]
        groups = role.size > 1 and not role.native
        if groups and line.start != "custom":
            line = CommandLine(line.engine, "custom", why="")
        if role.size > 1 and not role.native:
            role.parallelism.setdefault("data", 1)
        if line.why:
            self.ledger.add(
                Fate.changed,
                f"{role.place}.containers[{containers[0]['name']}].command",
                line.why,
                values="containers[].modelCommand",
            )
        return line

    def _model(self, lines: Mapping[str, CommandLine]) -> None:
        """Where the model is and what it is called: one answer for both roles, from decode's command line first."""
        serving = self.serving
        options = {name: self._model_option(line) for name, line in lines.items()}
        if not any(options.values()) and serving.uri is None:
            self._mentioned_model(lines)
        first = next((option.values[0] for option in options.values() if option), None)
        role = serving.decode or serving.prefill
        if serving.uri is None and first and role:
            self._infer_uri(first, role)
            inferred = serving.uri is not None
        else:
            inferred = False
        if serving.uri:
            self.artifacts["uri"] = escaped(serving.uri)
        derived = model_argument(serving.uri, serving.mount_path) if serving.uri else None
        for name, option in options.items():
            if option and not (_same_model(option.values[0], derived) or (inferred and option.values[0] == first)):
                lines[name].options.insert(0, option)
        self._served_name(lines, first or derived)
        if serving.mount_path != MOUNT_PATH and (
            serving.mounted or (serving.uri and not serving.uri.startswith("hf://"))
        ):
            self.artifacts["mountPath"] = serving.mount_path
        if serving.size:
            self.artifacts["size"] = serving.size
        if serving.auth_secret:
            self.artifacts["authSecretName"] = serving.auth_secret

    def _served_name(self, lines: Mapping[str, CommandLine], argument: str | None) -> None:
        names: dict[str, str] = {}
        for role, line in lines.items():
            option = line.get("served-model-name")
            if option and option.values:
                names[role] = option.values[0]
                if len(option.values) == 1:
                    line.take("served-model-name")
        served = names.get("decode") or self.serving.model or next(iter(names.values()), None)
        name = served or argument or self.serving.name
        self.artifacts["name"] = name
        for role, line in lines.items():
            if names.get(role, name) != name and line.get("served-model-name") is None:
                line.options.append(Option("served-model-name", [], ["--served-model-name", names[role]]))

    @staticmethod
    def _model_option(line: CommandLine) -> Option | None:
        """Takes the model out of the engine's options; a positional one is said as an option."""
        if line.start == "custom":
            return None
        option = line.get("model")
        if option and option.values:
            line.take("model")
            return option
        positional = next((item for item in line.options if not item.name), None)
        if positional is None:
            return None
        line.options.remove(positional)
        return Option("model", positional.values, ["--model", positional.values[0]])

    def _mentioned_model(self, lines: Mapping[str, CommandLine]) -> None:
        """The model that a script names, which the chart does not start itself."""
        serving = self.serving
        for name, role in serving.roles:
            if not lines[name].engine:
                continue
            container = role.pod["containers"][0]
            text = " ".join([*container.get("command", []), *container.get("args", [])])
            model = re.search(r"(?:--model(?:-path)?[= ]|vllm serve )['\"]?([\w.-]+/[\w.-]+)['\"]?(?=[\s;]|$)", text)
            served = re.search(r"--served-model-name[= ]['\"]?([\w./-]+)", text)
            if model:
                serving.uri = f"hf://{model[1]}"
            if served or model:
                serving.model = serving.model or (served or model)[1]  # type: ignore[index]
                return

    def _infer_uri(self, argument: str, role: Role) -> None:
        """The model's place from the engine's model argument and what is mounted there."""
        serving = self.serving
        if "$(" in argument or "://" in argument:
            return
        if not argument.startswith("/"):
            if re.fullmatch(r"[\w.-]+(/[\w.-]+)?", argument):
                serving.uri = f"hf://{argument}"
            return
        found = mounted_at(role.pod, argument)
        if found is None:
            return
        mount, volume = found
        inside = argument.rstrip("/").removeprefix(mount["mountPath"].rstrip("/")).strip("/")
        claim = volume.get("persistentVolumeClaim")
        if claim and "subPathExpr" not in mount:
            path = "/".join(part for part in (mount.get("subPath", "").strip("/"), inside) if part) or "."
            serving.uri = f"pvc://{claim['claimName']}/{path}"
            if mount.get("subPath"):
                self.ledger.add(
                    Fate.changed,
                    f"{role.place}.containers[{role.pod['containers'][0]['name']}].volumeMounts",
                    "the chart mounts the whole claim, and the model's path names the directory",
                    values="modelArtifacts.uri",
                )
            read_only = bool(claim.get("readOnly") or mount.get("readOnly"))
            if not read_only:
                self.artifacts["readOnly"] = False
        elif "image" in volume and not inside and volume["image"].get("reference"):
            serving.uri = f"oci://{volume['image']['reference']}"
            if volume["image"].get("pullPolicy", "Always") != "Always":
                self.artifacts["imagePullPolicy"] = volume["image"]["pullPolicy"]
        else:
            return
        serving.mount_path = mount["mountPath"].rstrip("/") or "/"
        serving.mounted = True

    def _ports(self, lines: Mapping[str, CommandLine], has_proxy: bool) -> None:
        """One service port for both roles; a role that listens elsewhere keeps its option."""
        ports: dict[str, int] = {}
        for name, role in self.serving.roles:
            line = lines[name]
            literal = line.take("port") if line.start != "custom" else None
            if literal is not None and not (literal.isdigit() and 0 < int(literal) < 65536):
                line.options.append(Option("port", [literal], ["--port", literal]))
                literal = None
            declared = [port["containerPort"] for port in role.pod["containers"][0].get("ports", [])]
            default = PORTS.get(line.engine or "", 8000) if line.start != "custom" else (declared or [8000])[0]
            ports[name] = int(literal) if literal else role.port or default
        if has_proxy:
            self.routing["proxy"]["targetPort"] = ports["decode"]
        else:
            self.routing.setdefault("proxy", {"enabled": False})
            self.routing["servicePort"] = next(iter(ports.values()))
        expected = {"decode": self.routing["proxy"].get("targetPort") if has_proxy else self.routing["servicePort"]}
        expected["prefill"] = self.routing["servicePort"]
        for name, port in ports.items():
            if port != expected[name] and lines[name].start != "custom":
                lines[name].options.append(Option("port", [], ["--port", str(port)]))
                self.ledger.add(
                    Fate.changed,
                    f"{getattr(self.serving, name).place}.containers",
                    f"it listens on {port}, the pods "
                    f"of a release on {expected[name]}: a pool reaches only one of the two",
                    values="routing.servicePort",
                )

    def _proxy(self, role: Role) -> bool:
        """The routing sidecar, recognised by its image or name, as routing.proxy; whether there was one."""
        for kind in ("initContainers", "containers"):
            for container in list(role.pod.get(kind, [])):
                image = container.get("image", "")
                if (
                    "routing-sidecar" not in image
                    and "disagg-sidecar" not in image
                    and container["name"] != "routing-proxy"
                ):
                    continue
                role.pod[kind].remove(container)
                self._proxy_values(container, f"{role.place}.{kind}[{container['name']}]")
                return True
        return False

    def _proxy_values(self, container: Mapping[str, Any], place: str) -> None:
        tokens = [token for token in [*container.get("command", []), *container.get("args", [])] if token]
        line = CommandLine(None, "custom", [item for item in commandline.options(tokens) if item.name])
        proxy: dict[str, Any] = {"enabled": True, "image": container.get("image", ""), "targetPort": 0}
        self.routing["servicePort"] = _number(line.take("port")) or 8000
        line.take("vllm-port", "model-server-port")
        for names, key in (
            (("connector", "kv-connector"), "connector"),
            (("cert-path",), "certPath"),
            (("zap-encoder",), "zapEncoder"),
            (("zap-log-level",), "zapLogLevel"),
        ):
            value = line.take(*names)
            if value:
                proxy[key] = value
        verbosity = _number(line.take("v"))
        if verbosity is not None:
            proxy["debugLevel"] = verbosity
        for option, key in (("secure-proxy", "secure"), ("prefiller-use-tls", "prefillerUseTLS")):
            value = line.take(option)
            if value is not None:
                proxy[key] = value in ("", "true")
        for key in ("imagePullPolicy", "resources", "securityContext", "volumeMounts"):
            if container.get(key):
                proxy[key] = container[key]
        if container.get("env"):
            proxy["env"] = self.vault.environment(container["env"], f"{place}.env")
        if line.arguments:
            proxy["args"] = line.arguments
        known = {
            "name",
            "image",
            "command",
            "args",
            "restartPolicy",
            "ports",
            "env",
            "imagePullPolicy",
            "resources",
            "securityContext",
            "volumeMounts",
        }
        for key in sorted(set(container) - known):
            self.ledger.add(Fate.lost, f"{place}.{key}", "the chart makes the routing sidecar itself")
        why = "the chart makes the sidecar, with the flags of its version"
        self.ledger.add(Fate.changed, place, why, values="routing.proxy")
        self.routing["proxy"] = proxy

    # --- what both roles share -------------------------------------------------------------------

    def _labels(self) -> None:
        roles = self.serving.roles
        for name, role in roles:
            role.labels = {key: value for key, value in role.labels.items() if key != "llm-d.ai/role" or value != name}
        self._own_labels()
        common = {
            key: value for key, value in roles[0][1].labels.items() if all(r.labels.get(key) == value for _, r in roles)
        }
        if common:
            self.artifacts["labels"] = common
        for _, role in roles:
            own = {key: value for key, value in role.labels.items() if key not in common}
            if own:
                role.settings["podLabels"] = own

    def _own_labels(self) -> None:
        """The labels that the chart's selectors have: they are said by the name of chart and release."""
        for name, role in self.serving.roles:
            called = role.labels.pop("app.kubernetes.io/name", None)
            if called and self.top.setdefault("nameOverride", called) != called:
                self.ledger.add(
                    Fate.lost, f"{role.place}: label app.kubernetes.io/name", f"{name} has the other role's"
                )
            instance = role.labels.pop("app.kubernetes.io/instance", None)
            if instance:
                self.ledger.add(
                    Fate.changed,
                    f"{role.place}: label app.kubernetes.io/instance",
                    f"it is the name of the release; install it as {instance}",
                )
            for key in (
                "app.kubernetes.io/managed-by",
                "app.kubernetes.io/version",
                "helm.sh/chart",
                "pod-template-hash",
            ):
                role.labels.pop(key, None)

    def _accounts(self) -> None:
        """One ServiceAccount for both roles; prefill's own goes to its extraConfig."""
        accounts = {}
        for name, role in self.serving.roles:
            for pod in (role.pod, role.worker or {}):
                account = pod.pop("serviceAccountName", None) or pod.pop("serviceAccount", None)
                pod.pop("serviceAccount", None)
                if account and name not in accounts:
                    accounts[name] = account
        if not accounts:
            return
        first = accounts.get("decode") or next(iter(accounts.values()))
        self.top["serviceAccountOverride"] = first
        for name, role in self.serving.roles:
            if accounts.get(name, first) != first:
                role.pod["serviceAccountName"] = accounts[name]

    # --- one role --------------------------------------------------------------------------------

    def _role(self, name: str, role: Role, line: CommandLine) -> dict[str, Any]:
        result: dict[str, Any] = {}
        if role.autoscaled:
            result["autoscaling"] = {"enabled": True}
        elif role.replicas is not None or name == "prefill":
            result["replicas"] = 1 if role.replicas is None else role.replicas
        if role.size > 1 or role.group:
            result["multinode"] = True
        parallelism = {**self._parallelism(line), **role.parallelism}
        if role.size > 1 and not role.native:
            parallelism["workers"] = role.size
        if parallelism:
            result["parallelism"] = parallelism
        pod = copy.deepcopy(role.pod)
        absorbed = self._absorb(name, pod, role)
        containers = pod.pop("containers")
        engine = self._engine(name, role, containers[0], line, parallelism, result)
        if absorbed:
            engine["mountModelVolume"] = True
        others = [self._container(item, f"{role.place}.containers[{item['name']}]") for item in containers[1:]]
        shared = self._shared_memory(pod, engine, others)
        if shared is not None:
            result["sharedMemory"] = shared
        result["containers"] = [engine, *others]
        volumes = pod.pop("volumes", [])
        result["volumes"] = [volume for volume in volumes if not (absorbed and volume["name"] == absorbed)]
        for item in pod.get("initContainers", []):
            if item.get("env"):
                item["env"] = self.vault.environment(item["env"], f"{role.place}.initContainers[{item['name']}].env")
        for key, target in _POD_KEYS.items():
            if key in pod:
                result[target] = pod.pop(key)
        if role.worker is not None and role.size > 1:
            self._worker(role, result)
        result = {key: value for key, value in result.items() if key == "volumes" or value not in ([], {})}
        if pod:
            result["extraConfig"] = escaped(pod)
        if role.strategy:
            result["rolloutStrategy" if role.size > 1 or role.group else "strategy"] = role.strategy
        if role.annotations:
            result["annotations"] = role.annotations
        if role.pod_annotations:
            result["podAnnotations"] = role.pod_annotations
        return _deep_merge(result, role.settings)

    def _parallelism(self, line: CommandLine) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if line.start == "custom":
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
        self,
        name: str,
        role: Role,
        container: dict[str, Any],
        line: CommandLine,
        parallelism: Mapping[str, Any],
        result: dict[str, Any],
    ) -> dict[str, Any]:
        place = f"{role.place}.containers[{container['name']}]"
        command, args = container.pop("command", []), container.pop("args", [])
        self._token(container, role)
        secrets = self._secret_options(line, place)
        count = self._accelerators(name, container, parallelism, role)
        if count is not None:
            result["accelerator"] = _deep_merge(result.get("accelerator", {}), {"count": count})
        engine = self._container(container, place)
        if secrets:
            engine["env"] = [*engine.get("env", []), *secrets]
        head: dict[str, Any] = {"name": engine.pop("name"), "image": engine.pop("image", "")}
        if line.start != "custom":
            head["modelCommand"] = line.start
            if line.arguments:
                head["args"] = line.arguments
        elif command:
            head |= {"modelCommand": "custom", "command": command}
            if args:
                head["args"] = args
        else:
            head["modelCommand"] = "imageDefault"
            engine["extraConfig"] = {**engine.get("extraConfig", {}), "args": escaped(args) or None}
            self.ledger.add(
                Fate.changed,
                f"{place}.args",
                "the chart does not know this engine, so its arguments replace the ones that the chart derives",
                values="containers[].extraConfig.args",
            )
        if "env" in engine:
            head["env"] = engine.pop("env")
        return head | engine

    def _secret_options(self, line: CommandLine, place: str) -> list[dict[str, Any]]:
        """Options whose value is a secret, as environment variables that refer to one."""
        option = line.get("api-key")
        if option is None or not option.values or any("$(" in value for value in option.values):
            return []
        value = line.take("api-key") or ""
        source = self.vault.reference("VLLM_API_KEY", value, f"{place}.args (--api-key)")
        self.ledger.add(
            Fate.changed,
            f"{place}.args",
            "--api-key was in plain text; the engine reads VLLM_API_KEY from a Secret",
            values="containers[].env",
        )
        return [{"name": "VLLM_API_KEY", "valueFrom": source}]

    def _token(self, container: dict[str, Any], role: Role) -> None:
        """The Hugging Face token from the Secret that the chart refers to anyway."""
        for variable in list(container.get("env", [])):
            reference = variable.get("valueFrom", {}).get("secretKeyRef", {})
            if variable["name"] != "HF_TOKEN" or reference.get("key") != "HF_TOKEN" or "optional" in reference:
                continue
            if self.artifacts.setdefault("authSecretName", reference["name"]) == reference["name"]:
                container["env"].remove(variable)

    def _container(self, container: Mapping[str, Any], place: str) -> dict[str, Any]:
        """A container in the chart's form."""
        rest = dict(container)
        result: dict[str, Any] = {"name": rest.pop("name")}
        for key in _CONTAINER_KEYS:
            if rest.get(key) not in (None, {}, []):
                result[key] = rest[key]
            rest.pop(key, None)
        if "ports" in result:
            result["ports"] = [_port(port) for port in result["ports"]]
        env = rest.pop("env", None)
        if env:
            result["env"] = escaped(self.vault.environment(env, f"{place}.env"))
        for key in ("command", "args"):
            if rest.get(key):
                result[key] = rest[key]
            rest.pop(key, None)
        if rest:
            result["extraConfig"] = escaped(rest)
        return result

    def _accelerators(
        self, name: str, container: dict[str, Any], parallelism: Mapping[str, Any], role: Role
    ) -> int | None:
        """Takes the accelerators out of a container's resources; the number, where the chart would derive another."""
        resources = container.get("resources", {})
        limits, requests = resources.get("limits", {}), resources.get("requests", {})
        found = [key for key in {**limits, **requests} if key in _ACCELERATORS]
        found += [key for key in {**limits, **requests} if key not in found and _OTHER_ACCELERATOR.search(key)]
        kind = "cpu"
        count: int | None = None
        if found and not role.pod.get("resourceClaims") and "accelerator" not in role.settings:
            resource = found[0]
            number = _number(str(limits.get(resource, requests.get(resource))))
            kind = _ACCELERATORS.get(resource) or re.sub(r"[^a-z0-9]+", "-", resource.lower()).strip("-")
            if resource not in _ACCELERATORS:
                self.accelerator.setdefault("resources", {})[kind] = resource
            if number is not None:
                limits.pop(resource, None)
                requests.pop(resource, None)
                for key in ("limits", "requests"):
                    if key in resources and not resources[key]:
                        del resources[key]
                if number != self._derived(parallelism, role):
                    count = number
        if "accelerator" in role.settings or "accelerator" in self.serving.settings:
            return count
        if self.accelerator.setdefault("type", kind) != kind:
            role.settings["accelerator"] = {"type": kind}
        return count

    @staticmethod
    def _derived(parallelism: Mapping[str, Any], role: Role) -> int:
        """Accelerators of a pod as the chart derives them."""
        group = parallelism.get("tensor", 1) * parallelism.get("pipeline", 1)
        workers = parallelism.get("workers", 1)
        data = parallelism.get("data")
        local = parallelism.get("dataLocal") or (max(1, data // workers) if data else 1)
        return int(group * local) if role.size == 1 or not role.native or data != 1 else max(1, int(group // workers))

    def _absorb(self, name: str, pod: dict[str, Any], role: Role) -> str | None:
        """Leaves the model's volume to the chart where it makes the same one; the volume's name."""
        serving = self.serving
        uri = serving.uri or ""
        engine = pod["containers"][0]
        path = serving.mount_path
        for mount in engine.get("volumeMounts", []):
            volume = next((item for item in pod.get("volumes", []) if item["name"] == mount["name"]), None)
            if volume is None or mount.get("subPathExpr"):
                continue
            if uri.startswith("hf://"):
                env = {item["name"]: item.get("value") for item in engine.get("env", [])}
                if set(volume) != {"name", "emptyDir"} or set(volume["emptyDir"]) - {"sizeLimit"}:
                    continue
                if (
                    mount.get("readOnly")
                    or mount.get("subPath")
                    or env.get("HF_HOME", "").rstrip("/") != mount["mountPath"].rstrip("/")
                ):
                    continue
                size = volume["emptyDir"].get("sizeLimit")
                wanted = mount["mountPath"].rstrip("/")
                if self.model_volume and (path != wanted or self.artifacts.get("size") != size):
                    continue
                serving.mount_path = path = wanted
                if path != MOUNT_PATH:
                    self.artifacts["mountPath"] = path
                if size is not None:
                    self.artifacts["size"] = size
            elif uri.startswith("pvc://"):
                claim = volume.get("persistentVolumeClaim", {})
                if (
                    claim.get("claimName") != uri.removeprefix("pvc://").split("/")[0]
                    or mount["mountPath"].rstrip("/") != path
                ):
                    continue
            elif uri.startswith("oci://"):
                if (
                    volume.get("image", {}).get("reference") != uri.removeprefix("oci://")
                    or mount["mountPath"].rstrip("/") != path
                ):
                    continue
            else:
                continue
            self._take_volume(pod, volume["name"], mount, path, uri.startswith("hf://"))
            self.model_volume = "model-storage"
            return "model-storage"
        if serving.mounted and uri and not uri.startswith("hf://"):
            return "model-storage"
        return None

    @staticmethod
    def _take_volume(pod: dict[str, Any], name: str, mount: Mapping[str, Any], path: str, home: bool) -> None:
        """Renames the model's volume to the chart's name; the engine's own mount and HF_HOME are the chart's."""
        engine = pod["containers"][0]
        engine["volumeMounts"] = [item for item in engine["volumeMounts"] if item is not mount]
        if home:
            engine["env"] = [item for item in engine["env"] if item["name"] != "HF_HOME"]
        for kind in ("containers", "initContainers"):
            for container in pod.get(kind, []):
                for other in container.get("volumeMounts", []):
                    if other["name"] == name:
                        other["name"] = "model-storage"
        pod["volumes"] = [item for item in pod["volumes"] if item["name"] != name]

    @staticmethod
    def _shared_memory(
        pod: dict[str, Any], engine: dict[str, Any], others: list[dict[str, Any]]
    ) -> dict[str, Any] | None:
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

    def _worker(self, role: Role, result: dict[str, Any]) -> None:
        """What the workers of a group do differently, by container."""
        worker = role.worker or {}
        containers = copy.deepcopy(worker.get("containers", []))
        leaders = {item["name"] for item in result["containers"]}
        if containers and containers[0]["name"] not in leaders and len(containers) == 1:
            containers[0]["name"] = result["containers"][0]["name"]
        overrides = []
        for container in containers:
            if container["name"] not in leaders:
                self.ledger.add(
                    Fate.lost,
                    f"{role.place} (worker).containers[{container['name']}]",
                    "workers of the chart have the leader's containers; write it as a container of both",
                )
                continue
            leader = next(item for item in result["containers"] if item["name"] == container["name"])
            self._accelerators_of_worker(container)
            if "sharedMemory" in result:
                shared = [item for item in container.get("volumeMounts", []) if item["mountPath"].rstrip("/") != SHARED]
                container["volumeMounts"] = shared
            converted = self._container(container, f"{role.place} (worker).containers[{container['name']}]")
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
                self.ledger.add(Fate.lost, f"{role.place} (worker).{key}", why)

    @staticmethod
    def _accelerators_of_worker(container: dict[str, Any]) -> None:
        for part in container.get("resources", {}).values():
            for key in [key for key in part if key in _ACCELERATORS]:
                del part[key]


def model_argument(uri: str, mount_path: str) -> str | None:
    """What the chart gives to the engine as its model."""
    scheme, _, rest = uri.partition("://")
    if scheme == "hf":
        return rest
    if scheme == "oci":
        return mount_path
    if scheme == "pvc":
        return f"{mount_path.rstrip('/')}/{rest.partition('/')[2]}"
    return "/".join(rest.split("/")[-2:]) if scheme == "pvc+hf" else None


def mounted_at(pod: Mapping[str, Any], path: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The engine's mount that holds a path, and its volume."""
    mounts = [
        mount
        for mount in pod["containers"][0].get("volumeMounts", [])
        if path == mount["mountPath"].rstrip("/") or path.startswith(mount["mountPath"].rstrip("/") + "/")
    ]
    for mount in sorted(mounts, key=lambda item: -len(item["mountPath"])):
        for volume in pod.get("volumes", []):
            if volume["name"] == mount["name"]:
                return mount, volume
    return None


def _same_model(argument: str, derived: str | None) -> bool:
    return derived is not None and argument.rstrip("/") == derived.removesuffix("/.").rstrip("/")


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"\d{1,9}", text) else None


def _port(port: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in port.items() if (key, value) != ("protocol", "TCP")}


def _without_defaults(pod: Mapping[str, Any]) -> dict[str, Any]:
    """A pod spec without what the API server would fill in."""
    result = {key: value for key, value in copy.deepcopy(dict(pod)).items() if _POD_DEFAULTS.get(key, _ABSENT) != value}
    for kind in ("containers", "initContainers"):
        for container in result.get(kind, []):
            for key in [key for key, value in container.items() if _CONTAINER_DEFAULTS.get(key, _ABSENT) == value]:
                del container[key]
    return result


_ABSENT = object()


def _deep_merge(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(lower)
    for key, value in upper.items():
        present = result.get(key)
        result[key] = _deep_merge(present, value) if isinstance(present, dict) and isinstance(value, dict) else value
    return result


def _portable(item: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    """An object as a release can install it: without what a server wrote, in the release's namespace."""
    result = {key: value for key, value in item.items() if key != "status"}
    metadata = dict(result.get("metadata", {}))
    for key in (
        "creationTimestamp",
        "generation",
        "managedFields",
        "ownerReferences",
        "resourceVersion",
        "selfLink",
        "uid",
    ):
        metadata.pop(key, None)
    if metadata.get("namespace") in ("", namespace):
        metadata.pop("namespace", None)
    annotations = dict(metadata.get("annotations", {}))
    annotations.pop(LAST_APPLIED, None)
    metadata.pop("annotations", None)
    if not metadata.get("labels"):
        metadata.pop("labels", None)
    result["metadata"] = metadata | ({"annotations": annotations} if annotations else {})
    first = {key: result[key] for key in ("apiVersion", "kind", "metadata") if key in result}
    return first | result


def references(value: Any, key: str) -> Iterator[str]:
    """All strings under a key, at any depth."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name == key and isinstance(item, str):
                yield item
            yield from references(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from references(item, key)


def json_text(value: Any) -> str:
    """A value as one line of JSON, for options that take it."""
    return json.dumps(value, separators=(",", ":"))
