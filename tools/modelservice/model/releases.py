"""Releases: which pods of a stream of objects belong together, so that they are compared with each other.

A stream may hold several models, each with its roles and its pool. Pods belong together when one pool selects them, or
when they are of one release and of one model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from modelservice.model.pods import ROLE, PodGroup
from modelservice.model.pool import Pool

INSTANCE = "app.kubernetes.io/instance"

Workload = list[PodGroup]
"""Pods of one workload: one group of a Deployment, leaders and workers of a LeaderWorkerSet or of a set's role."""


@dataclass(eq=False)
class Release:
    """Workloads that serve together, and the pools that they are in."""

    workloads: list[Workload]
    pools: list[Pool]

    @property
    def groups(self) -> list[PodGroup]:
        """All pods."""
        return [group for workload in self.workloads for group in workload]

    def serves_as(self, role: str) -> bool:
        """Return whether there are pods of a role."""
        return any(group.role == role for group in self.groups)

    @property
    def models(self) -> set[str]:
        """Models of the engines, and the names that they are served by, as far as they are known."""
        names = {name for group in self.groups for name in _names(group)}
        return {name for name in names if "$" not in name}


def releases(workloads: Iterable[Workload], pools: Sequence[Pool]) -> list[Release]:
    """Return the workloads that serve, those together that belong together, each with its pools."""
    by_namespace: dict[str, tuple[list[Workload], list[Pool]]] = {}
    for workload in workloads:
        by_namespace.setdefault(workload[0].namespace, ([], []))[0].append(workload)
    stated = "" not in by_namespace
    if not stated:
        # Whatever states no namespace may be in any of the others.
        by_namespace = {"": ([workload for there, _ in by_namespace.values() for workload in there], [])}
    for pool in pools if by_namespace else ():
        namespace = pool.namespace if stated and pool.namespace in by_namespace else next(iter(by_namespace))
        by_namespace[namespace][1].append(pool)
    return [release for there, pools in by_namespace.values() for release in _of_namespace(there, pools)]


def _of_namespace(workloads: list[Workload], pools: list[Pool]) -> list[Release]:
    index = Selection(group for workload in workloads for group in workload)
    found = [Release([workload], []) for workload in workloads]
    for pool in pools:
        selected = {id(group.workload) for group in index.of(pool.selector) if _is_in(pool, group)}
        found = _joined(found, selected)
    found = _by_model(found)
    found = [part for item in _with_prefill(found) for part in _told_apart(item)]
    of_workload = {id(group.workload): item for item in found for group in item.groups}
    for pool in pools:
        selected_group = next((group for group in index.of(pool.selector) if _is_in(pool, group)), None)
        likely = selected_group or max(index.groups, key=lambda group, pool=pool: _common(pool, group))  # type: ignore[misc]
        of_workload[id(likely.workload)].pools.append(pool)
    return found


class Selection:
    """Pods by their labels, so that a selector finds those that it selects without looking at all of them."""

    def __init__(self, groups: Iterable[PodGroup]) -> None:
        self.groups = list(groups)
        self._by_label: dict[tuple[str, str], list[PodGroup]] = {}
        for group in self.groups:
            for label in group.running_labels.items():
                self._by_label.setdefault(label, []).append(group)

    def of(self, labels: Mapping[str, str]) -> list[PodGroup]:
        """Return the pods that have all of some labels; none for no labels."""
        rarest = min((self._by_label.get(label, []) for label in labels.items()), key=len, default=[])
        return [group for group in rarest if labels.items() <= group.running_labels.items()]


def _names(group: PodGroup) -> list[str]:
    served = group.command.get("served-model-name")
    return [*([group.command.model] if group.command.model else []), *(served.values if served else ())]


def _is_in(pool: Pool, group: PodGroup) -> bool:
    elsewhere = pool.namespace and group.namespace and pool.namespace != group.namespace
    return not elsewhere and pool.selects(group)


def _joined(found: list[Release], workloads: set[int]) -> list[Release]:
    """Return releases with those as one that have some of these workloads."""
    if len(workloads) < 2:
        return found
    same = [item for item in found if any(id(group.workload) in workloads for group in item.groups)]
    return _merged(found, same) if len(same) > 1 else found


def _merged(found: list[Release], same: list[Release]) -> list[Release]:
    """Return releases with some of them as one, in the place of the first."""
    first, *others = same
    first.workloads += [workload for item in others for workload in item.workloads]
    gone = {id(item) for item in others}
    return [item for item in found if id(item) not in gone]


def _key(item: Release) -> tuple[str, str]:
    """Return the namespace of a release, and its name where its pods have the label for it."""
    first = item.groups[0]
    return first.namespace, first.labels.get(INSTANCE, "")


def _by_model(found: list[Release]) -> list[Release]:
    """Return releases with those of one name and one model as one; an unknown model goes to the most similar pods."""
    for known in (True, False):
        by_key: dict[tuple[str, str], list[Release]] = {}
        for item in found:
            by_key.setdefault(_key(item), []).append(item)
        for items in by_key.values():
            found = _merge_models(found, items) if known else _merge_unknown(found, items)
    return found


def _merge_models(found: list[Release], items: list[Release]) -> list[Release]:
    first_with: dict[str, Release] = {}
    for item in items:
        same = {id(first_with[name]): first_with[name] for name in item.models if name in first_with}
        target = next(iter(same.values()), item)
        if same:
            found = _merged(found, [*same.values(), item])
        first_with |= dict.fromkeys(target.models, target)
    return found


def _merge_unknown(found: list[Release], items: list[Release]) -> list[Release]:
    known = [item for item in items if item.models]
    for item in (item for item in items if not item.models):
        target = max(known or [other for other in items if other is not item], key=_likeness(item), default=None)
        if target is not None and item in found and target in found:
            found = _merged(found, [target, item])
    return found


def _likeness(item: Release) -> Callable[[Release], int]:
    labels = item.groups[0].labels.items()
    return lambda other: len(labels & other.groups[0].labels.items())


def _with_prefill(found: list[Release]) -> list[Release]:
    """Return releases with prefill that stands alone joined to the decode pods that it can only be meant for."""
    for alone in [item for item in found if item.serves_as("prefill") and not item.serves_as("decode")]:
        decoding = [item for item in found if item.serves_as("decode") and _key(item)[0] == _key(alone)[0]]
        same = [item for item in decoding if item.models & alone.models]
        meant = same or [item for item in decoding if not item.serves_as("prefill")]
        if len(meant) == 1:
            found = _merged(found, [meant[0], alone])
    return found


def _told_apart(item: Release) -> Iterator[Release]:
    """Yield the pairs of roles in a release whose pods have the same labels but for the role; else the release."""
    by_labels: dict[frozenset[tuple[str, str]], list[Workload]] = {}
    for workload in item.workloads:
        labels = frozenset((key, value) for key, value in workload[0].labels.items() if key != ROLE)
        by_labels.setdefault(labels, []).append(workload)
    parts = [Release(workloads, []) for workloads in by_labels.values()]
    if len(parts) > 1 and all(part.serves_as("prefill") and part.serves_as("decode") for part in parts):
        yield from parts
    else:
        yield item


def _common(pool: Pool, group: PodGroup) -> int:
    """Return how many labels of a pool's selector pods have."""
    return len(pool.selector.items() & group.labels.items())
