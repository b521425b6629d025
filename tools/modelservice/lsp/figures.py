"""Numbers that follow from the values: accelerators of pods, groups and roles, and the tokens of their KV cache."""

from __future__ import annotations

from collections import Counter

from modelservice.lsp.analysis import Analysis
from modelservice.plan.model import Role
from modelservice.summary import counted


def role_of(name: str, analysis: Analysis | None) -> Role | None:
    """Return the plan of a role; None where it is not known, or has no pods."""
    plan = analysis.plan if analysis else None
    return next((role for role in plan.roles if role.role == name), None) if plan else None


def accelerators(role: Role) -> str:
    """Return the accelerators of a role as a product: ``2 pods × 8 = 16 GPUs``; empty without any."""
    pods = [pod for replica in role.replicas for pod in replica.pods]
    kinds = {tuple(sorted(pod.accelerators.items())) for pod in pods if pod.accelerators}
    if len(kinds) != 1 or len(next(iter(kinds))) != 1:
        return ""
    ((resource, each),) = next(iter(kinds))
    total = sum(pod.accelerators.get(resource, 0) for pod in pods)
    groups, size = len(role.replicas), len(role.replicas[0].pods)
    scale = counted(groups, "pod") if size == 1 else f"{counted(groups, 'group')} × {counted(size, 'pod')}"
    return f"{scale} × {each} = {total} {unit(resource, total)}"


def spread(role: Role) -> list[str]:
    """Return the accelerators of a pod, a group and the role, a line each."""
    if not role.replicas:
        return []
    first = role.replicas[0].pods
    lines = [("of a pod", first[:1]), ("of a group", first if len(first) > 1 else ())]
    lines.append(("in total", tuple(pod for replica in role.replicas for pod in replica.pods)))
    found = []
    for title, pods in lines:
        held: Counter[str] = Counter()
        for pod in pods:
            held.update(pod.accelerators)
        if held:
            found.append(f"{title}: {', '.join(f'{number} {unit(name, number)}' for name, number in held.items())}")
    return found


def cache(role: Role) -> str:
    """Return the tokens that the KV cache holds: ``KV: 410k tokens``; empty where they are not known."""
    tokens = role.memory.decides.tokens if role.memory.decides and not role.memory.trouble else None
    if tokens is None or tokens.most <= 0:
        return ""
    least, most = _short(tokens.least), _short(tokens.most)
    return f"KV: {least if least == most else f'{least} to {most}'} tokens"


def unit(resource: str, number: int) -> str:
    """Return an extended resource in a word."""
    if resource.rpartition("/")[2] != "gpu":
        return resource
    return "GPU" if number == 1 else "GPUs"


def _short(tokens: float) -> str:
    return f"{tokens / 1e6:.1f}M" if tokens >= 1e6 else f"{tokens / 1000:.0f}k" if tokens >= 1000 else f"{tokens:.0f}"
