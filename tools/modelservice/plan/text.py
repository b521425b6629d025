"""The plan as a tree for the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from modelservice.plan import memory_text
from modelservice.plan.model import Plan, Pod, Role
from modelservice.summary import counted

_SHOWN = 4
"""Replicas shown one by one; the rest are counted."""


def tree(plan: Plan) -> RenderableType:
    """Return the plan as something rich prints."""
    total = ", ".join(f"{count} {name}" for name, count in sorted(plan.accelerators.items())) or "no accelerators"
    root = Tree(Text.assemble((plan.name, "bold"), f"  {plan.model}  {counted(plan.pods, 'pod')}, {total}"))
    for role in plan.roles:
        _add_role(root, role)
    calls = root.add("calls")
    for call in plan.calls:
        calls.add(Text(f"{call.source} -> {call.target}: {call.label}"))
    return Group(root)


def _add_role(root: Tree, role: Role) -> None:
    sizes = " x ".join(
        f"{name} {size}"
        for name, size in (("tensor", role.tensor), ("pipeline", role.pipeline), ("data", role.data))
        if size > 1
    )
    each = ", ".join(f"{count} {name}" for name, count in role.accelerators.items()) or "no accelerators"
    shown = f" ({counted(role.pods, 'pod')} counted)" if role.autoscaled else ""
    style = "bold blue" if role.role == "decode" else "bold dark_orange3"
    about = f"  {role.object}, {role.scale}{shown}" + (f", {sizes}" if sizes else "")
    branch = root.add(Text.assemble((role.role, style), about))
    on = f", {role.product}" if role.product else ""
    branch.add(Text(f"{role.engine}: {role.image}, {each} a pod{on}"))
    ports = [
        f"{purpose} {role.port(purpose)}"
        for purpose in ("proxy", "engine", "supervisor", "side channel")
        if role.port(purpose)
    ]
    branch.add(Text("ports: " + ", ".join(ports or ["none that is known"])))
    branch.add(Text(f"model: {role.model}"))
    branch.add(Text("probes: " + (", ".join(role.probes) or "none")))
    for line in memory_text.lines(role.memory):
        branch.add(line)
    for replica in role.replicas[:_SHOWN]:
        parent = branch
        if len(replica.pods) > 1:
            parent = branch.add(f"group {replica.index}")
        for pod in replica.pods:
            parent.add(_pod(pod))
    if len(role.replicas) > _SHOWN:
        branch.add(f"and {len(role.replicas) - _SHOWN} more like these")


def _pod(pod: Pod) -> Text:
    line = Text(pod.title)
    if pod.ranks:
        line.append(f"  ranks {pod.ranks[0]}" + (f"-{pod.ranks[-1]}" if pod.ranks[-1] != pod.ranks[0] else ""))
    if not pod.serves:
        line.append("  answers no requests", "dim")
    if pod.node:
        line.append(f"  on {pod.node}", "green")
    elif pod.unplaced:
        line.append("  fits on no node", "bold red")
    return line
