"""The pods that KServe makes for decode or prefill: its presets, changed by the spec."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from modelservice.engines.command import EngineCommand
from modelservice.importers.engine import find_engine
from modelservice.importers.steps.model import model_argument
from modelservice.importers.systems.kserve import storage
from modelservice.importers.systems.kserve.llm_inference_service import presets
from modelservice.importers.systems.kserve.llm_inference_service.commands import (
    adapt_own_command,
    take_additional_arguments,
)
from modelservice.importers.systems.kserve.llm_inference_service.offloading import offload_flag
from modelservice.importers.systems.kserve.llm_inference_service.scaling import autoscaling
from modelservice.importers.systems.system import Conversion
from modelservice.importers.workload import Group, Pod, RoleSource, ServedModel
from modelservice.kubernetes import merge

ENGINE = "main"
"""Name of the engine's container."""


class Workload:
    """Decode or prefill.

    Args:
        conversion: the conversion.
        served: the model, whose place is known.
        spec: spec of the workload.
        names: names of the model in requests.
        sidecar: the routing sidecar runs in front of the engine.
        place: path of the pod in the source.

    Attributes:
        own_command: the spec has a command that starts the engine.
    """

    def __init__(
        self,
        conversion: Conversion,
        served: ServedModel,
        spec: Mapping[str, Any],
        names: Sequence[str],
        *,
        sidecar: bool = False,
        place: str = "spec.template",
    ) -> None:
        self.conversion = conversion
        self.served = served
        self.spec = spec
        self.place = place
        self.sizes = spec.get("parallelism", {})
        data = self.sizes.get("data", 1)
        self.grouped = "worker" in spec or data > self.sizes.get("dataLocal", data)
        self.port = presets.BEHIND_SIDECAR if sidecar else presets.SERVICE_PORT
        preset = presets.pod(self.port, sidecar=sidecar, grouped=self.grouped)
        self.pod: Pod = merge.strategic(preset, spec.get("template", {}))
        if not any(item["name"] == ENGINE and item.get("image") for item in self.pod["containers"]):
            message = f"no container {ENGINE} with an image"
            raise conversion.error(message, key=f"{place}.containers")
        self._use_plain_http(self.pod)
        self.parallelism = self._parallelism()
        self.group = self._group() if self.grouped else None
        self.own_command = self._start_engine(names)

    def role(self, labels: Mapping[str, str], annotations: Mapping[str, str]) -> RoleSource:
        """Return the workload as a role, with further labels and annotations of its pods."""
        role = RoleSource(
            self.pod,
            find_engine(self.pod, self.place, self.conversion.report, ENGINE),
            self.place,
            replicas=self.spec.get("replicas", 1),
            labels={**_labels(self.served.name), **labels, **self.spec.get("labels", {})},
            pod_annotations={**self.spec.get("annotations", {}), **annotations},
            group=self.group,
            parallelism=self.parallelism,
        )
        rollout = self.spec.get("rolloutStrategy")
        if rollout and not self.grouped:
            role.strategy = {"type": "RollingUpdate", "rollingUpdate": rollout.get("rollingUpdate", rollout)}
        if "scaling" in self.spec:
            role.autoscaled = True
            role.settings["autoscaling"] = autoscaling(self.spec["scaling"])
        return role

    @property
    def container(self) -> dict[str, Any]:
        """The engine's container."""
        return next(item for item in self.pod["containers"] if item["name"] == ENGINE)

    def _parallelism(self) -> dict[str, Any]:
        keys = ("tensor", "pipeline", "data", "dataLocal")
        sizes: dict[str, Any] = {key: self.sizes[key] for key in keys if self.sizes.get(key, 1) != 1}
        if self.sizes.get("expert"):
            sizes["expert"] = True
        if not self.grouped:
            return sizes
        data, local = self.sizes.get("data", 1), self.sizes.get("dataLocal", 1)
        pods = self._group_size()
        sizes |= {"data": data, "dataLocal": local} if data > 1 else {"data": 1}
        if pods > 1:
            sizes |= {"dataMode": "internal", "workers": pods} if data > 1 else {"workers": pods}
        return sizes

    def _group_size(self) -> int:
        """Return the pods of a group: those that hold the data parallel ranks, else the pipeline's."""
        data, local = self.sizes.get("data", 1), self.sizes.get("dataLocal", 1)
        pods: int = -(-data // max(1, local)) if data > 1 else self.sizes.get("pipeline", 1)
        return max(1, pods)

    def _group(self) -> Group:
        worker = None
        if "worker" in self.spec:
            preset = presets.pod(presets.SERVICE_PORT, sidecar=False, grouped=True, worker=True)
            worker = merge.strategic(preset, self.spec["worker"])
            self._use_plain_http(worker)
            for container in worker["containers"]:
                take_additional_arguments(container)
        return Group(self._group_size(), worker)

    def _use_plain_http(self, pod: Pod) -> None:
        """Let probes ask by HTTP, as the chart's engine answers."""
        for container in pod["containers"]:
            for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
                container.get(kind, {}).get("httpGet", {}).pop("scheme", None)
            variables = {item["name"]: item.get("value") for item in container.get("env", [])}
            if variables.get("KSERVE_INFER_ROCE") == "true":
                self.conversion.report.lost(
                    f"{self.place}.containers[{container['name']}].env.KSERVE_INFER_ROCE",
                    "KServe's script finds the RoCE devices at start; set NCCL_IB_HCA, UCX_NET_DEVICES and "
                    "NCCL_IB_GID_INDEX for your nodes",
                )

    def _start_engine(self, names: Sequence[str]) -> bool:
        """Start vLLM as the preset does, unless the spec has a command; return whether it has one."""
        report = self.conversion.report
        container = self.container
        extra = take_additional_arguments(container)
        worker = self.group.worker if self.group else None
        for other in worker["containers"] if worker else []:
            if other["name"] == ENGINE and other.get("command"):
                adapt_own_command(other, self.served, f"{self.place} (worker)", report)
        self._bring_model()
        if container.get("command"):
            adapt_own_command(container, self.served, self.place, report)
            return True
        args = [*container.get("args", []), *extra]
        if args[:1] == ["--"]:
            args = args[1:]
        if self._is_script(args):
            container |= {"command": ["/bin/sh", "-c"], "args": args}
            report.changed(f"{self.place}.containers[{ENGINE}].args", "their only word is a script, which a shell runs")
            adapt_own_command(container, self.served, self.place, report)
            return True
        self._check_words(args)
        uri = self.served.uri
        model = model_argument(uri, self.served.mount_path) if uri else None
        container["command"] = ["vllm", "serve"]
        container["args"] = [
            model or storage.MOUNT_PATH, "--served-model-name", *names, "--port", str(self.port),
            *self._group_arguments(container), *self._offload_arguments(container, args), *args,
        ]  # fmt: skip
        return False

    @staticmethod
    def _is_script(args: Sequence[str]) -> bool:
        """Return whether arguments are a script that starts an engine, as older presets gave it to a shell."""
        command = {"command": ["/bin/sh", "-c"], "args": list(args)}
        return len(args) == 1 and bool(re.search(r"\s", args[0])) and EngineCommand.parse(command).engine is not None

    def _check_words(self, args: Sequence[str]) -> None:
        """Check that all arguments are flags with their values: the model is the only word that is none.

        Raises:
            ModelserviceError: one is not, which vLLM would take for a value of the flag before it, or reject.
        """
        words = EngineCommand.of(args, engine="vllm").positionals
        if words:
            raise self.conversion.error(
                f"the word {words[0]!r} belongs to no flag, and KServe gives vLLM the model already",
                key=f"{self.place}.containers[{ENGINE}].args",
                fix="remove it; a script needs a command, e.g. command: [/bin/sh, -c]",
            )

    def _group_arguments(self, container: Mapping[str, Any]) -> list[str]:
        """Return the arguments of a group that the chart does not derive."""
        rpc = self.sizes.get("dataRPCPort")
        arguments = ["--data-parallel-rpc-port", str(rpc)] if rpc else []
        if self.parallelism.get("dataMode") == "internal":
            variables = {item["name"]: item.get("value", "") for item in container.get("env", [])}
            arguments += ["--api-server-count", variables.get("VLLM_API_SERVER_COUNT", "8")]
        return arguments

    def _offload_arguments(self, container: dict[str, Any], args: Sequence[str]) -> list[str]:
        given = self.spec.get("kvCacheOffloading") or self.spec.get("workload", {}).get("kvCacheOffloading")
        if not given or any(item.replace("_", "-").startswith("--kv-transfer-config") for item in args):
            return []
        return ["--kv-transfer-config", offload_flag(given, self.pod, container)]

    def _bring_model(self) -> None:
        """Bring the model into the pod where the chart does not."""
        uri = self.spec["model"]["uri"]
        scheme, _, rest = uri.partition("://")
        if scheme in storage.IMAGES:
            storage.mount_image(self.pod, ENGINE, rest)
        elif self.served.uri is None:
            storage.initialise(self.pod, ENGINE, uri)


def _labels(name: str) -> dict[str, str]:
    """Return the labels by which KServe's InferencePool selects pods."""
    return {
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/part-of": "llminferenceservice",
        "kserve.io/component": "workload",
    }
