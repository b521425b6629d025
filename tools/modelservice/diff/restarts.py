"""Workloads whose pods an upgrade restarts, and why; and those whose pods keep what has changed around them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from modelservice import facts
from modelservice.diff.fields import under
from modelservice.diff.objects import Action, Field, ObjectChange
from modelservice.diff.side import Identity, Object, Side, identity
from modelservice.model.pods import PodGroup
from modelservice.model.rollouts import Limits, limits
from modelservice.model.set_rollouts import SetRollout

PODS_OF = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "LeaderWorkerSet", "DisaggregatedSet")
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
    """What an upgrade does to the pods of a workload, or of a role of a DisaggregatedSet.

    Args:
        key: identity of the workload.
        name: ``Kind/name``, with the role of a DisaggregatedSet.
        effect: what happens to the pods.
        before: the pods before the upgrade, those of each template; none for a new workload.
        after: the pods after it.
        reasons: fields of the pod template that change.
        stale: objects that change and that the pods read only when they start, though they run on.
        unread: fields of the workload that change and that reach the pods only with another revision.
        together: roll-out of all roles of a DisaggregatedSet whose groups are replaced.
        position: position of the role in it.
    """

    key: Identity
    name: str
    effect: Effect
    before: tuple[PodGroup, ...]
    after: tuple[PodGroup, ...]
    reasons: tuple[Field, ...] = ()
    stale: tuple[str, ...] = ()
    unread: tuple[Field, ...] = ()
    together: SetRollout | None = None
    position: int = 0

    @property
    def object(self) -> str:
        """``Kind/name`` of the workload."""
        return (self.after or self.before)[0].object

    @property
    def role(self) -> str:
        """Role of the pods."""
        return (self.after or self.before)[0].role

    @property
    def unit(self) -> str:
        """What a replica is: a group of a LeaderWorkerSet, or a pod."""
        return "group" if (self.after or self.before)[0].is_grouped else "pod"

    @property
    def serves(self) -> bool:
        """Whether the pods answer requests: before the upgrade, or after it for a new workload."""
        return any(group.serves for group in self.before or self.after)

    @property
    def is_picker(self) -> bool:
        """Whether the pods are endpoint pickers."""
        return (self.after or self.before)[0].is_picker

    @property
    def replicas(self) -> tuple[int, int]:
        """Replicas before and after; 0 where there is no workload, the least of an autoscaler where one owns them."""
        old, new = (groups[0].placed_replicas if groups else 0 for groups in (self.before, self.after))
        if self._is_taken_over:  # the controller of a set starts its scaler with the number of groups that run
            return old, 1 if self.handed_over else old
        return old, new

    @property
    def handed_over(self) -> bool:
        """Whether an autoscaler takes the replicas over: Helm removes their number, and the API server sets 1."""
        return self._is_taken_over and self.after[0].whole is None

    @property
    def _is_taken_over(self) -> bool:
        if not self.before or not self.after:
            return False
        return self.before[0].replicas is not None and self.after[0].workload["spec"].get("replicas") is None

    @property
    def slices(self) -> int:
        """Copies of the workload, each of which is rolled by itself."""
        return (self.after or self.before)[0].slices

    @property
    def limits(self) -> Limits:
        """Limits of the roll-out, which are those of the new workload."""
        workload, replicas = (self.after or self.before)[0].workload, self.replicas[1] // self.slices
        return limits(workload, replicas) or Limits(0, replicas)

    @property
    def least(self) -> int:
        """Replicas that are ready at the least during a roll-out."""
        if self.together is not None:
            ready = [step.old[self.position] + step.new[self.position] for step in self.together.ready]
            return min(ready, default=0) * self.slices
        was, will = self.replicas
        return max(min(was, will - self.limits.unavailable), 0)


def workload_effects(before: Side, after: Side, changes: Sequence[ObjectChange]) -> list[WorkloadEffect]:
    """Return what happens to the pods of each workload, in the order in which Helm installs them."""
    old, new = _groups(before), _groups(after)
    by_key = {change.key: change for change in changes}
    found = [
        _effect(key, by_key.get(key[0]), old.get(key, ()), new.get(key, ()), changes)
        for key in dict.fromkeys([*new, *old])
    ]
    return _together([item for item in found if item is not None])


def _groups(side: Side) -> dict[tuple[Identity, str], tuple[PodGroup, ...]]:
    """Return the pods of each workload that Helm upgrades and whose pods run on, by its identity and role of a set."""
    found: dict[tuple[Identity, str], tuple[PodGroup, ...]] = {}
    for group in side.deployment.groups:
        key = identity(group.workload, side.deployment.namespace), group.role_of_set
        if group.kind in PODS_OF and key[0] in side.objects:
            found[key] = (*found.get(key, ()), group)
    return found


def _together(effects: list[WorkloadEffect]) -> list[WorkloadEffect]:
    """Return the effects with the roll-out of the DisaggregatedSet whose roles they are about."""
    roles: dict[Identity, list[WorkloadEffect]] = {}
    for item in effects:
        if item.effect is Effect.restart and item.after[0].whole is not None:
            roles.setdefault(item.key, []).append(item)
    rollouts = {key: _rollout(items) for key, items in roles.items()}
    return [
        replace(item, together=rollouts[item.key], position=roles[item.key].index(item))
        if item in roles.get(item.key, ())
        else item
        for item in effects
    ]


def _rollout(roles: Sequence[WorkloadEffect]) -> SetRollout:
    """Return the roll-out of a DisaggregatedSet, or of each of its slices."""
    numbers = [(item.replicas[0] // item.before[0].slices, item.replicas[1] // item.slices) for item in roles]
    before, after = zip(*numbers, strict=True)
    return SetRollout(before, after, tuple(item.limits for item in roles))


def _effect(
    key: tuple[Identity, str],
    change: ObjectChange | None,
    old: tuple[PodGroup, ...],
    new: tuple[PodGroup, ...],
    changes: Sequence[ObjectChange],
) -> WorkloadEffect | None:
    name = change.name if change else (new or old)[0].object
    name = f"{name} ({key[1]})" if key[1] else name
    if not old or not new:
        if change is not None and change.action is Action.kept:
            return None
        return WorkloadEffect(key[0], name, Effect.end if old else Effect.start, old, new)
    reasons, unread = _reasons(change) if change else ((), ())
    effect = WorkloadEffect(key[0], name, Effect.keep, old, new, reasons)
    if reasons and effect.replicas[0]:
        return replace(effect, effect=Effect.by_hand if effect.limits.by_hand else Effect.restart)
    scaled = effect.replicas[0] != effect.replicas[1]
    stale = tuple(_stale(old, changes))
    return replace(effect, effect=Effect.scale if scaled else Effect.keep, stale=stale, unread=unread)


def _reasons(change: ObjectChange) -> tuple[tuple[Field, ...], tuple[Field, ...]]:
    """Return the changed fields that make other pods, and those that reach pods only when others do so."""
    known = facts.kubernetes().rollouts.get(change.kind)
    if known is None:
        return (), ()
    found = tuple(
        tuple(field for field in change.fields if any(_is_within(field.path, path) for path in paths))
        for paths in (known.restarted_by, known.read_at_restart)
    )
    return found[0], found[1]


def _is_within(path: str, known: str) -> bool:
    """Return whether a field is, holds or is below one of the facts, where ``[]`` is any item of a list."""
    general = re.sub(r"\[[^]]*\]", "[]", path)
    return under(general, known) or under(known, general)


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
