"""What Dynamo's operator runs for a graph, as engines without Dynamo's runtime
(https://github.com/ai-dynamo/dynamo, deploy/operator/internal/dynamo)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelservice import facts
from modelservice.engines.command import EngineCommand
from modelservice.importers.systems.dynamo.command import Started, started
from modelservice.importers.systems.dynamo.fields import ALPHA, BETA
from modelservice.importers.systems.dynamo.frontend import leave_out, route, router_mode
from modelservice.importers.systems.dynamo.graph import Component, components, is_beta
from modelservice.importers.systems.dynamo.worker import Worker
from modelservice.importers.systems.handover import BEHIND_SIDECAR, PORT, add_sidecar
from modelservice.importers.systems.system import Conversion
from modelservice.importers.workload import ROLES, RoleSource, ServedModel, release_name

_ROLE_OF = {"agg": "decode", "": "decode"}
"""Roles of workers that serve whole requests."""

_PICKER = "epp"
_PLANNER = "planner"
_FRONTEND = "frontend"


def convert(conversion: Conversion) -> ServedModel:
    """Return what Dynamo would run for the document.

    Raises:
        ModelserviceError: the operator would reject it, or the chart has no place for its workers.
    """
    if not conversion.document.name:
        raise conversion.error("it has no name", key="metadata.name")
    beta = is_beta(conversion.document)
    data = conversion.read(BETA if beta else ALPHA)
    graph = _Graph(conversion, data, beta)
    return graph.served()


class _Graph:
    """One graph."""

    def __init__(self, conversion: Conversion, data: Mapping[str, Any], beta: bool) -> None:
        self.conversion, self.data = conversion, data
        self.spec: Mapping[str, Any] = data.get("spec", {})
        self.variables = self.spec.get("env" if beta else "envs", [])
        self.mode = ""
        self.picked = False
        self.workers = self._workers(components(self.spec, beta))

    def served(self) -> ServedModel:
        """Return the graph as a model of the chart."""
        both = len(self.workers) > 1
        roles = {name: self._role(name, worker, both) for name, worker in self.workers.items()}
        served = ServedModel(
            release_name(self.conversion.document.name),
            roles.get("decode"),
            roles.get("prefill"),
            namespace=self.conversion.namespace(self.data),
        )
        route(served, self.conversion, self.mode, picked=both or self.picked)
        served.objects += [self._claim(item) for item in self.spec.get("pvcs", []) if item.get("create")]
        return served

    def _workers(self, found: list[Component]) -> dict[str, Worker]:
        """Return the workers by role, and note the other components.

        Raises:
            ModelserviceError: there is none, or several have one role.
        """
        workers: dict[str, Worker] = {}
        for component in found:
            start = started(component.main)
            if self._is_other(component, start):
                continue
            worker = Worker(self.conversion, component, start, self.variables)
            role = _ROLE_OF.get(worker.mode, worker.mode)
            if role not in ROLES:
                why = f"its role is {role}, and the chart has decode and prefill only; keep it next to the release"
                leave_out(self.conversion, component, why, lost=True)
            elif role in workers:
                raise self._twice(role, workers[role].component, component)
            else:
                self._check(component)
                workers[role] = worker
        if not workers:
            raise self.conversion.error(
                "no component runs vLLM, SGLang or TensorRT-LLM",
                ("spec",),
                fix="import a graph with a worker that starts dynamo.vllm, dynamo.sglang or dynamo.trtllm",
            )
        self._check_pair(workers)
        return workers

    def _is_other(self, component: Component, start: Started) -> bool:
        """Note a component that is no worker; return whether it is none."""
        known, kind = facts.dynamo(), component.data.get("type", "")
        if start.module == known.frontend.module or (not start.module and kind in (_FRONTEND, "main")):
            leave_out(self.conversion, component, "clients ask the release's pods in place of it", lost=False)
            self.mode = router_mode(self.conversion, component, start)
            return True
        if kind == _PICKER:
            leave_out(self.conversion, component, "the chart makes the endpoint picker", lost=False)
            self.picked = True
            return True
        if start.module == known.planner or kind == _PLANNER:
            why = "no planner scales the workers; set {role}.autoscaling, e.g. with type wva"
            leave_out(self.conversion, component, why, lost=True)
            return True
        if start.worker or EngineCommand.parse(component.main).flags_known:
            return False
        why = "it runs none of the engines that an import reads; keep it next to the release"
        leave_out(self.conversion, component, why, lost=True)
        return True

    def _twice(self, role: str, first: Component, second: Component) -> Exception:
        return self.conversion.error(
            f"{first.name} and {second.name} are both {role}, and a release has one set of pods for each role",
            second.path,
            fix="import the graph once with each of them, and remove the other from the file",
        )

    def _check(self, component: Component) -> None:
        if component.data.get("roles"):
            raise self.conversion.error(
                "leader and worker have pods of their own, which an import does not read",
                (*component.path, "roles"),
                fix="leave roles out, with which the operator makes both of podTemplate",
            )

    def _check_pair(self, workers: Mapping[str, Worker]) -> None:
        """Refuse two roles of an engine that the chart cannot separate.

        Raises:
            ModelserviceError: the engine computes prompts and tokens in one place only.
        """
        for role, worker in workers.items():
            engine = facts.engine(worker.started.engine or "")
            alone = len(workers) == 1 and worker.mode not in ("prefill", "decode")
            if engine is not None and not engine.disaggregates and not alone:
                raise self.conversion.error(
                    f"{worker.component.name} is {role} only, and a release has one role of {engine.title}",
                    worker.component.path,
                    fix="import a graph whose workers serve whole requests",
                )

    def _role(self, name: str, worker: Worker, both: bool) -> RoleSource:
        behind = both and name == "decode"
        labels, annotations = self.spec.get("labels", {}), self.spec.get("annotations", {})
        role = worker.role(BEHIND_SIDECAR if behind else PORT, labels, annotations, both)
        if behind:
            add_sidecar(role)
        metadata = self.data.get("metadata", {})
        if self.spec.get("priorityClassName"):
            role.pod.setdefault("priorityClassName", self.spec["priorityClassName"])
        if metadata.get("labels"):
            role.settings["labels"] = metadata["labels"]
        role.annotations = self._annotations(metadata.get("annotations", {}))
        return role

    def _annotations(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return the graph's annotations but for the operator's switches."""
        prefix = f"{facts.dynamo().group}/"
        for key in given:
            if key.startswith(prefix):
                self.conversion.report.lost(f"metadata.annotations.{key}", "a switch of Dynamo's operator")
        return {key: value for key, value in given.items() if not key.startswith(prefix)}

    def _claim(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return a claim that the operator would make."""
        name = str(given.get("name", ""))
        why = f"the graph's claim goes with the graph: copy its data, or take {name} out of it first"
        self.conversion.report.changed(f"spec.pvcs[{name}]", why, values="extraObjects")
        spec: dict[str, Any] = {
            "accessModes": [given.get("volumeAccessMode") or "ReadWriteOnce"],
            "resources": {"requests": {"storage": str(given.get("size") or "1Gi")}},
        }
        if given.get("storageClass"):
            spec["storageClassName"] = given["storageClass"]
        return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}
