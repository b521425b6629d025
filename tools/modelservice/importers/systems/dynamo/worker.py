"""The pods of a worker, as Dynamo's operator completes them and without what only Dynamo's runtime needs."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from modelservice import facts
from modelservice.engines.command import EngineCommand, Option
from modelservice.importers.engine import find_engine
from modelservice.importers.systems.dynamo.command import Started, WorkerCommand
from modelservice.importers.systems.dynamo.graph import Component, mount_claim
from modelservice.importers.systems.system import Conversion
from modelservice.importers.workload import Group, Pod, RoleSource

SHARED_MEMORY = "shared-memory"

_PROBES = {
    "startupProbe": {"periodSeconds": 10, "timeoutSeconds": 5},
    "readinessProbe": {"periodSeconds": 10, "timeoutSeconds": 4, "failureThreshold": 3},
    "livenessProbe": {"periodSeconds": 30, "timeoutSeconds": 10, "failureThreshold": 3},
}
"""Numbers of the operator's probes. Its liveness probe asks the runtime, which answers while an engine is busy, and one
failure is enough; an engine gets the chart's numbers."""

_ASKS = ("httpGet", "tcpSocket", "exec", "grpc")


class Worker:
    """A worker of a graph.

    Args:
        conversion: the conversion.
        component: the component.
        start: what its container starts.
        shared: variables of all components.
    """

    def __init__(
        self, conversion: Conversion, component: Component, start: Started, shared: Sequence[Mapping[str, Any]]
    ) -> None:
        self.conversion, self.component = conversion, component
        self.report = conversion.report
        self.pod: Pod = copy.deepcopy(component.pod)
        self.container: dict[str, Any] = self._main()
        self.place = f"{component.at}.containers[{self.container['name']}]"
        self._set_variables(shared)
        self.command = WorkerCommand(self.container, start, self.place, self.report) if start.worker else None
        self.started = EngineCommand.parse(self.container)

    @property
    def mode(self) -> str:
        """What the worker does: ``agg``, ``prefill``, ``decode``, ``encode`` and so on."""
        given = str(self.component.data.get("type", ""))
        stated = self.command.mode if self.command else "agg"
        return given if stated == "agg" and given in ("prefill", "decode") else stated

    def _main(self) -> dict[str, Any]:
        name = facts.dynamo().container
        containers = self.pod.get("containers", [])
        found: dict[str, Any] = next((item for item in containers if item.get("name") == name), {})
        if not found.get("image"):
            raise self.conversion.error(
                f"component {self.component.name} has no container {name} with an image",
                self.component.path,
                fix="set the image of the worker",
            )
        return found

    def _set_variables(self, shared: Sequence[Mapping[str, Any]]) -> None:
        """Put the graph's variables before the container's own, without those of Dynamo's runtime."""
        own = self.container.get("env", [])
        names = {item["name"] for item in own}
        kept = []
        for item in [*(item for item in shared if item["name"] not in names), *own]:
            if item["name"].startswith(facts.dynamo().variables):
                self.report.lost(f"{self.place}.env[{item['name']}]", "a setting of Dynamo's runtime")
            else:
                kept.append(copy.deepcopy(item))
        self.container["env"] = kept

    def role(
        self, port: int, labels: Mapping[str, str], annotations: Mapping[str, str], disaggregated: bool
    ) -> RoleSource:
        """Return the worker as a role.

        Args:
            port: port that the engine listens on.
            labels: labels of all components.
            annotations: annotations of all components.
            disaggregated: another role computes prompts, or decodes.

        Raises:
            ModelserviceError: the chart cannot start its group.
        """
        self._drop_sidecars()
        if self.command:
            if disaggregated:
                self.command.transfer()
            self.command.listen(port)
            self.command.finish()
        engine = find_engine(self.pod, self.component.at, self.report, facts.dynamo().container)
        if self.command:
            self._derive(port, engine)
        elif disaggregated:
            self._move(port, engine)
        self._mount_shared_memory()
        self._mount_cache(engine)
        self.pod.setdefault("terminationGracePeriodSeconds", facts.dynamo().grace_period_seconds)
        role = RoleSource(
            self.pod,
            engine,
            self.component.at,
            replicas=self.component.data.get("replicas", 1),
            labels={**labels, **self.component.metadata.get("labels", {})},
            pod_annotations=self._own(annotations),
        )
        if self.component.nodes > 1:
            self._form_group(role)
        return role

    def _own(self, annotations: Mapping[str, str]) -> dict[str, str]:
        """Return annotations but for the operator's switches."""
        prefix = f"{facts.dynamo().group}/"
        given = {**annotations, **self.component.metadata.get("annotations", {})}
        for key in [key for key in given if key.startswith(prefix)]:
            self.report.lost(f"{self.component.place}: annotation {key}", "a switch of Dynamo's operator")
        return {key: value for key, value in given.items() if not key.startswith(prefix)}

    def _drop_sidecars(self) -> None:
        """Leave out the containers that run Dynamo's own frontend or runtime; the fields' notes say so."""
        for key, kind in (("frontendSidecar", "containers"), ("dynamoSidecar", "initContainers")):
            name = self.component.data.get(key)
            if name and isinstance(name, str):
                self.pod[kind] = [item for item in self.pod.get(kind, []) if item.get("name") != name]

    def _move(self, port: int, engine: EngineCommand) -> None:
        """Let an engine that the graph starts by itself listen where the roles of a release do.

        Raises:
            ModelserviceError: its command cannot be changed.
        """
        if not engine.derived:
            raise self.conversion.error(
                f"the command of {self.component.name} does not tell its port, and decode needs another one",
                self.component.path,
                fix="start the engine by a plain command, e.g. vllm serve",
            )
        engine.take("port")
        engine.options.append(Option.of("--port", str(port)))
        self._derive(port, engine)

    def _derive(self, port: int, engine: EngineCommand) -> None:
        """Set the ports and probes of an engine in place of those of Dynamo's runtime."""
        known = facts.engine(engine.engine or "")
        health = known.health if known else None
        assert known is not None  # noqa: S101  # workers run known engines
        assert health is not None  # noqa: S101
        own = [item for item in self.container.get("ports", []) if item["containerPort"] not in facts.dynamo().ports]
        more = [{"containerPort": item.container_port, "name": item.name} for item in known.port.more]
        taken = {port, *(item["containerPort"] for item in more)}
        kept = [item for item in own if item["containerPort"] not in taken and item.get("name") != "http"]
        self.container["ports"] = [{"containerPort": port, "name": "http"}, *more, *kept]
        for kind, numbers in _PROBES.items():
            given = {key: value for key, value in self.container.get(kind, {}).items() if key not in _ASKS}
            path = health.live if kind == "livenessProbe" else health.ready
            self.container[kind] = {**numbers, **given, "httpGet": {"path": path, "port": port}}
        startup = self.container["startupProbe"]
        startup.setdefault("failureThreshold", facts.dynamo().startup_seconds // startup["periodSeconds"])
        why = "they ask the engine, not Dynamo's runtime"
        self.report.changed(f"{self.place}: probes", why, values="{role}.probes")

    def _mount_shared_memory(self) -> None:
        size = self.component.data.get("sharedMemorySize")
        size = facts.dynamo().shared_memory if size in (None, "") else str(size)
        mounts = self.container.get("volumeMounts", [])
        if size == "0" or any(item.get("mountPath") == "/dev/shm" for item in mounts):  # noqa: S108
            return
        self.container["volumeMounts"] = [*mounts, {"name": SHARED_MEMORY, "mountPath": "/dev/shm"}]  # noqa: S108
        volume = {"name": SHARED_MEMORY, "emptyDir": {"medium": "Memory", "sizeLimit": size}}
        self.pod["volumes"] = [*self.pod.get("volumes", []), volume]

    def _mount_cache(self, engine: EngineCommand) -> None:
        """Mount the compilation cache, where the operator does."""
        given = self.component.data.get("compilationCache")
        if not given:
            return
        known = facts.dynamo().compilation_cache.get(engine.engine or "")
        path = given.get("mountPath") or (known.path if known else "")
        if not path:
            raise self.conversion.error(
                "the compilation cache names no path",
                (*self.component.path, "compilationCache"),
                fix="set mountPath",
            )
        mount_claim(self.pod, self.container, given.get("pvcName", ""), path)
        if known:
            self.container["env"] = [*self.container.get("env", []), {"name": known.variable, "value": path}]

    def _form_group(self, role: RoleSource) -> None:
        """Make a group of the worker's pods, which the chart starts as one engine.

        Raises:
            ModelserviceError: the chart cannot start the engine over several pods, or its sizes fit into one.
        """
        nodes, engine = self.component.nodes, role.engine
        known = facts.engine(engine.engine or "")
        path = (*self.component.path, "multinode")
        if not engine.derived or known is None or known.groups is None:
            title = known.title if known else "its command"
            raise self.conversion.error(
                f"{nodes} nodes run one engine, and the chart starts {title} in one pod only",
                path,
                fix="serve the model with vLLM or SGLang, or keep this component next to the release",
            )
        flags = known.parallelism
        sizes = (flags.tensor, flags.pipeline, flags.data)
        tensor, pipeline, data = (engine.number(flag, 1) if flag else 1 for flag in sizes)
        if tensor is None or pipeline is None or data is None or tensor * pipeline * data < nodes:
            raise self.conversion.error(
                f"{nodes} nodes run one engine, and its parallel sizes do not tell how",
                path,
                fix="state the tensor, pipeline and data parallel sizes of the whole engine as numbers in args",
            )
        role.group = Group(nodes)
        role.parallelism = {"data": data if flags.data and data > 1 else 1, "workers": nodes}
        why = "a LeaderWorkerSet starts the engine over its pods, with the chart's flags for leader and workers"
        self.report.changed(path, why, values="{role}.parallelism.workers", document=self.conversion.document)
