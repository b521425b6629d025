"""From what a controller would run, as pods, to values of the chart.

What is the same for all importers, how a pod is said in values, is here and in the modules it calls.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from modelservice.importers import commandline
from modelservice.importers.commandline import CommandLine, Option
from modelservice.importers.source.fields import LAST_APPLIED, Outcome
from modelservice.importers.steps import model, pods, routing_proxy
from modelservice.importers.steps.accelerators import take_virtual
from modelservice.importers.steps.engine_layers import layered, shortened
from modelservice.importers.steps.related_objects import taken_over
from modelservice.importers.workload import ValuesBuilder, RoleSource, ServedModel
from modelservice.kubernetes.merge import merged

PORTS = {"vllm": 8000, "sglang": 30000}
"""Ports that engines listen on when no option says otherwise."""


def to_values(served: ServedModel, *, objects_as_keys: bool = True) -> dict[str, Any]:
    """The values under which the chart runs the same.

    Args:
        served: what a controller would run.
        objects_as_keys: says further objects by the chart's own keys, where it has them; else they stay as they are.
    """
    builder = ValuesBuilder(served)
    _named(builder)
    builder.labels = {name: dict(role.labels) for name, role in served.roles}
    for _, role in served.roles:
        role.pod = pods.without_defaults(role.pod)
        if role.worker is not None:
            role.worker = pods.without_defaults(role.worker)
    builder.lines = {name: _command_line(builder, role) for name, role in served.roles}
    model.place(builder)
    take_virtual(builder)
    _labels(builder)
    _accounts(builder)
    has_proxy = served.decode is not None and routing_proxy.take_proxy(builder, served.decode)
    _ports(builder, has_proxy)
    roles = {name: pods.role_values(builder, name, role) for name, role in served.roles}
    for name in ("decode", "prefill"):
        roles.setdefault(name, {"create": False})
    result: dict[str, Any] = {"fullnameOverride": served.name}
    if "nameOverride" in builder.top:
        result["nameOverride"] = builder.top.pop("nameOverride")
    if all(role.size > 1 or role.group for _, role in served.roles):
        result["multinode"] = True
        for role_values in roles.values():
            role_values.pop("multinode", None)
    result |= {
        "modelArtifacts": builder.artifacts,
        "accelerator": builder.accelerator,
        "routing": builder.routing,
        **builder.top,
        "decode": roles["decode"],
        "prefill": roles["prefill"],
    }
    result = merged(result, served.settings)
    if served.objects:
        result["extraObjects"] = [_portable(item, served.namespace) for item in served.objects]
    result = layered(result)
    if objects_as_keys and served.objects:
        result = taken_over(result, builder)
    return shortened(result)


def _named(builder: ValuesBuilder) -> None:
    """A name that Services and LeaderWorkerSets may have: a DNS label of at most 55 characters."""
    served = builder.served
    plain = re.sub(r"[^a-z0-9]+", "-", served.name.lower()).strip("-")[:55].strip("-") or "model"
    if plain != served.name:
        why = f"the workloads are named {plain}-<role>: names are DNS labels of at most 63 characters"
        builder.report.changed("metadata.name", why, values="fullnameOverride")
        for item in served.objects:
            target = item.get("spec", {}).get("scaleTargetRef", {}) if isinstance(item.get("spec"), dict) else {}
            if str(target.get("name", "")).startswith(f"{served.name}-"):
                target["name"] = plain + target["name"].removeprefix(served.name)
        served.name = plain


def _command_line(builder: ValuesBuilder, role: RoleSource) -> CommandLine:
    """The engine's command line; its container becomes the first one."""
    containers = role.pod["containers"]
    parsed = [commandline.parse(container) for container in containers]
    index = next((i for i, container in enumerate(containers) if container["name"] == role.engine), None)
    if index is None:
        index = next((i for i, line in enumerate(parsed) if line.derived), None)
    if index is None:
        index = next((i for i, line in enumerate(parsed) if line.engine), 0)
    if index:
        builder.report.changed(f"{role.place}.containers",
            f"{containers[index]['name']} is the first container: the chart gives model, port and accelerators to it",
        )
        containers.insert(0, containers.pop(index))
    line = parsed[index]
    if role.vllm and line.start == "custom" and not containers[0].get("command"):
        line = CommandLine("vllm", "imageDefault", list(commandline.options(containers[0].get("args", []))))
    if role.type:
        return CommandLine(None, "typed", list(commandline.options(containers[0].get("args", []))))
    groups = role.size > 1 and not role.native
    if groups and line.derived:
        role.parallelism |= _data(line, role.size)
        line = CommandLine(line.engine, "custom", why="")
    if role.size > 1 and not role.native:
        role.parallelism.setdefault("data", 1)
    if line.why:
        builder.report.changed(f"{role.place}.containers[{containers[0]['name']}].command",
            line.why,
            values="engine.modelCommand",
        )
    return line


def _data(line: CommandLine, size: int) -> dict[str, int]:
    """Data parallelism of a group that keeps its own commands: they have to agree with the values."""
    option = line.get("data-parallel-size")
    if option is None or len(option.values) != 1 or not option.values[0].isdigit():
        return {}
    data = int(option.values[0])
    return {"data": data} if data and data % size == 0 else {}


def _ports(builder: ValuesBuilder, has_proxy: bool) -> None:
    """One service port for both roles; a role that listens elsewhere keeps its option."""
    ports: dict[str, int] = {}
    for name, role in builder.served.roles:
        line = builder.lines[name]
        literal = line.take("port") if line.derived else None
        if literal is not None and not (literal.isdigit() and 0 < int(literal) < 65536):
            line.options.append(Option("port", [literal], ["--port", literal]))
            literal = None
        declared = [port["containerPort"] for port in role.pod["containers"][0].get("ports", [])]
        default = PORTS.get(line.engine or "", 8000) if line.derived else (declared or [8000])[0]
        ports[name] = int(literal) if literal else role.port or default
    if has_proxy:
        builder.routing["proxy"]["targetPort"] = ports["decode"]
    else:
        builder.routing.setdefault("proxy", {"enabled": False})
        builder.routing["servicePort"] = next(iter(ports.values()))
    expected = {"decode": builder.routing["proxy"].get("targetPort") if has_proxy else builder.routing["servicePort"]}
    expected["prefill"] = builder.routing["servicePort"]
    for name, port in ports.items():
        if port != expected[name] and builder.lines[name].derived:
            builder.lines[name].options.append(Option("port", [], ["--port", str(port)]))
            builder.report.changed(f"{getattr(builder.served, name).place}.containers",
                f"it listens on {port}, the pods of a release on {expected[name]}: a pool reaches only one of the two",
                values="routing.servicePort",
            )


def _labels(builder: ValuesBuilder) -> None:
    roles = builder.served.roles
    for name, role in roles:
        role.labels = {key: value for key, value in role.labels.items() if key != "llm-d.ai/role" or value != name}
    _own_labels(builder)
    common = {
        key: value for key, value in roles[0][1].labels.items() if all(r.labels.get(key) == value for _, r in roles)
    }
    if common:
        builder.artifacts["labels"] = common
    for _, role in roles:
        own = {key: value for key, value in role.labels.items() if key not in common}
        if own:
            role.settings["podLabels"] = own


def _own_labels(builder: ValuesBuilder) -> None:
    """The labels that the chart's selectors have: they are said by the name of chart and release."""
    for name, role in builder.served.roles:
        called = role.labels.pop("app.kubernetes.io/name", None)
        if called and builder.top.setdefault("nameOverride", called) != called:
            builder.report.lost(f"{role.place}: label app.kubernetes.io/name", f"{name} has the other role's")
        instance = role.labels.pop("app.kubernetes.io/instance", None)
        if instance:
            builder.report.changed(f"{role.place}: label app.kubernetes.io/instance",
                f"it is the name of the release; install it as {instance}",
            )
        for key in (
            "app.kubernetes.io/managed-by",
            "app.kubernetes.io/version",
            "helm.sh/chart",
            "pod-template-hash",
        ):
            role.labels.pop(key, None)


def _accounts(builder: ValuesBuilder) -> None:
    """ServiceAccounts: one for the release, unless the roles differ."""
    accounts = {}
    for name, role in builder.served.roles:
        for pod in (role.pod, role.worker or {}):
            account = pod.pop("serviceAccountName", None) or pod.pop("serviceAccount", None)
            pod.pop("serviceAccount", None)
            if account and name not in accounts:
                accounts[name] = account
    roles = dict(builder.served.roles)
    shared = accounts.get("decode") if accounts.keys() == roles.keys() else None
    if shared is None and len(roles) == 1:
        shared = next(iter(accounts.values()), None)
    if shared:
        builder.top["serviceAccountOverride"] = shared
    for name, account in accounts.items():
        if account != shared:
            roles[name].pod["serviceAccountName"] = account


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
