"""Workloads whose pods an upgrade restarts, and why; and those whose pods keep what has changed around them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from modelservice import facts
from modelservice.diff.objects import Action, Field, ObjectChange
from modelservice.diff.side import Identity, Object, Side, identity
from modelservice.model.pods import PodGroup
from modelservice.model.rollouts import Limits, limits

PODS_OF = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "LeaderWorkerSet")
"""Kinds whose pods run until they are replaced."""


class Effect(StrEnum):
    """What happens to the pods of a workload."""

    restart = "restart"
    """They are replaced, a few at a time."""
    by_hand = "by hand"
    """They keep the old template until somebody deletes them."""
    start = "start"
    """The workload is new."""
    end = "end"
    """The workload goes, and its pods with it."""
    scale = "scale"
    """Their number changes, and the others run on."""
    keep = "keep"
    """They run on."""


@dataclass(frozen=True)
class WorkloadEffect:
    """What an upgrade does to the pods of a workload.

    Args:
        name: ``Kind/name``.
        effect: what happens to the pods.
        before: the pods before the upgrade, those of each template; none for a new workload.
        after: the pods after it.
        reasons: fields of the pod template that change.
        stale: objects that change and that the pods read only when they start, though they run on.
    """

    key: Identity
    name: str
    effect: Effect
    before: tuple[PodGroup, ...]
    after: tuple[PodGroup, ...]
    reasons: tuple[Field, ...] = ()
    stale: tuple[str, ...] = ()

    @property
    def role(self) -> str:
        """Role of the pods."""
        return (self.after or self.before)[0].role

    @property
    def unit(self) -> str:
        """What a replica is: a group of a LeaderWorkerSet, or a pod."""
        return "group" if (self.after or self.before)[0].kind == "LeaderWorkerSet" else "pod"

    @property
    def serves(self) -> bool:
        """Whether the pods answer requests: before the upgrade, or after it for a new workload."""
        return any(group.serves for group in self.before or self.after)

    @property
    def replicas(self) -> tuple[int, int]:
        """Replicas before and after; 0 where there is no workload, the least of an autoscaler where one owns them."""
        old, new = (groups[0].placed_replicas if groups else 0 for groups in (self.before, self.after))
        return old, 1 if self.handed_over else new

    @property
    def handed_over(self) -> bool:
        """Whether an autoscaler takes the replicas over: Helm removes their number, and the API server sets 1."""
        if not self.before or not self.after:
            return False
        return self.before[0].replicas is not None and self.after[0].workload["spec"].get("replicas") is None

    @property
    def limits(self) -> Limits:
        """Limits of the roll-out, which are those of the new workload."""
        workload = (self.after or self.before)[0].workload
        return limits(workload, self.replicas[1]) or Limits(0, self.replicas[1])


def workload_effects(before: Side, after: Side, changes: Sequence[ObjectChange]) -> list[WorkloadEffect]:
    """Return what happens to the pods of each workload, in the order in which Helm installs them."""
    old, new = _groups(before), _groups(after)
    by_key = {change.key: change for change in changes}
    found = [
        _effect(key, by_key.get(key), old.get(key, ()), new.get(key, ()), changes)
        for key in dict.fromkeys([*new, *old])
    ]
    return [item for item in found if item is not None]


def _groups(side: Side) -> dict[Identity, tuple[PodGroup, ...]]:
    """Return the pods of each workload that Helm upgrades and whose pods run on."""
    found: dict[Identity, tuple[PodGroup, ...]] = {}
    for group in side.deployment.groups:
        key = identity(group.workload, side.deployment.namespace)
        if group.kind in PODS_OF and key in side.objects:
            found[key] = (*found.get(key, ()), group)
    return found


def _effect(
    key: Identity,
    change: ObjectChange | None,
    old: tuple[PodGroup, ...],
    new: tuple[PodGroup, ...],
    changes: Sequence[ObjectChange],
) -> WorkloadEffect | None:
    name = change.name if change else (new or old)[0].object
    if not old or not new:
        if change is not None and change.action is Action.kept:
            return None
        return WorkloadEffect(key, name, Effect.end if old else Effect.start, old, new)
    reasons = _reasons(change) if change else ()
    effect = WorkloadEffect(key, name, Effect.keep, old, new, reasons)
    if reasons and effect.replicas[0]:
        return replace(effect, effect=Effect.by_hand if effect.limits.by_hand else Effect.restart)
    scaled = effect.replicas[0] != effect.replicas[1]
    return replace(effect, effect=Effect.scale if scaled else Effect.keep, stale=tuple(_stale(old, changes)))


def _reasons(change: ObjectChange) -> tuple[Field, ...]:
    """Return the changed fields that make other pods."""
    known = facts.kubernetes().rollouts.get(change.kind)
    return tuple(field for path in known.restarted_by for field in change.under(path)) if known else ()


def _stale(groups: Sequence[PodGroup], changes: Sequence[ObjectChange]) -> Iterator[str]:
    """Yield the changed objects that the pods read when they start."""
    read = {name for group in groups for name in _read_at_start(group.spec)}
    for change in changes:
        if change.action is Action.changed and (change.kind, change.key[3]) in read:
            yield change.name


def _read_at_start(spec: Object) -> Iterator[tuple[str, str]]:
    """Yield the ConfigMaps and Secrets that containers read into variables or mount as single files, by kind and name.

    A mounted folder is updated while the pods run, but engines read their files when they start.
    """
    for volume in spec.get("volumes") or []:
        yield from _named(volume, "configMap", "name", "ConfigMap")
        yield from _named(volume, "secret", "secretName", "Secret")
        for source in (volume.get("projected") or {}).get("sources") or []:
            yield from _named(source, "configMap", "name", "ConfigMap")
            yield from _named(source, "secret", "name", "Secret")
    for container in [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]:
        for source in container.get("envFrom") or []:
            yield from _named(source, "configMapRef", "name", "ConfigMap")
            yield from _named(source, "secretRef", "name", "Secret")
        for variable in container.get("env") or []:
            value: Any = variable.get("valueFrom") or {}
            yield from _named(value, "configMapKeyRef", "name", "ConfigMap")
            yield from _named(value, "secretKeyRef", "name", "Secret")


def _named(holder: Object, field: str, key: str, kind: str) -> Iterator[tuple[str, str]]:
    if isinstance(holder.get(field), dict) and holder[field].get(key):
        yield kind, str(holder[field][key])
