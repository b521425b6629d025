"""What fills the accelerators of a role: each kind of rank with its sections, and how many requests it has room for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modelservice.model import devices
from modelservice.model.cluster import Inventory
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup
from modelservice.model.served_model import draft_shape, known_model, names
from modelservice.models.engine_settings import EngineSettings, settings_of
from modelservice.models.group_memory import group_memory
from modelservice.models.lookup import GIVE_CONFIG
from modelservice.models.overhead import Band, batch_size, gibibytes
from modelservice.models.rank_memory import RankMemory

_REQUEST = 8192
"""Tokens of a request where nothing tells the longest."""


@dataclass(frozen=True)
class Section:
    """A part of a rank's memory.

    Args:
        kind: ``weights``, ``overhead``, ``open`` (overhead, or else what follows), ``cache`` or ``unused``.
        size: its bytes.
        text: what it is, for people.
    """

    kind: str
    size: int
    text: str


@dataclass(frozen=True)
class Kind:
    """Ranks whose memory is alike.

    Args:
        title: which ones: ``each rank``, or ``pipeline stages 1 to 3``.
        rank: the memory of the last one.
    """

    title: str
    rank: RankMemory

    @property
    def total(self) -> int | None:
        """Bytes of the accelerator at the most; None where they are not known."""
        return self.rank.device.most if self.rank.device else None

    @property
    def of(self) -> str:
        """The accelerator for people: ``140.4 GiB (product NVIDIA-H200)``; empty where it is not known."""
        device = self.rank.device
        return f"{gibibytes(Band(device.least, device.most))} ({device.source})" if device else ""

    @property
    def overflows(self) -> bool:
        """Whether the sections are more than the accelerator has."""
        return self.total is not None and sum(section.size for section in self.sections) > self.total

    @property
    def sections(self) -> list[Section]:
        """The parts of the memory from the first to the last byte, without empty ones; none without known weights.

        Up to ``open`` is what overhead may take at the least, from there on what the cache has for certain.
        """
        rank = self.rank
        if rank.weights is None:
            return []
        least, most = int(rank.overhead.least), int(rank.overhead.most)
        found = [
            Section("weights", rank.weights, f"weights {gibibytes(rank.weights)}"),
            Section("overhead", least, f"overhead {gibibytes(rank.overhead)}"),
        ]
        if rank.room is None or rank.device is None:
            return found
        cache = max(0, int(rank.room.least))
        open_ = most - least if rank.given is not None else max(0, int(rank.room.most) - cache)
        unused = max(0, rank.device.most - rank.weights - least - open_ - cache)
        room = Band(cache, max(0, rank.room.most))
        rest = "KV cache" if rank.given is None else "not used"
        found += [
            Section("open", open_, f"overhead or {rest} {gibibytes(open_)}"),
            Section("cache", cache, f"KV cache {gibibytes(room)}"),
            Section("unused", unused, f"not used {gibibytes(unused)}"),
        ]
        return [section for section in found if section.size or section.kind == "cache"]


@dataclass(frozen=True)
class Memory:
    """What fills the accelerators of a role.

    Args:
        model: name of the model; empty where none is known.
        taken_as: name of the model whose shape was taken for it; empty where the shape is its own.
        kinds: kinds of ranks; empty where the model or the engine is not known.
        decides: the rank with the smallest cache, on which all figures depend; None without any.
        request: tokens of a request, to count how many run at once; None where that is not known.
        sequences: how many requests the engine runs at once at the most; None where that is not known.
        per: what has a cache of its own: ``replica``, or ``data parallel rank``.
        notes: what else is to be known, a line each: what is not known and why, what was taken for what.
    """

    model: str
    taken_as: str
    kinds: tuple[Kind, ...]
    decides: RankMemory | None
    request: int | None
    sequences: Band | None
    per: str
    notes: tuple[str, ...]

    @property
    def concurrent(self) -> Band | None:
        """How many requests run at once; None where that is not known."""
        rank = self.decides
        if rank is None or self.request is None or (rank.longest is not None and self.request > rank.longest):
            return None
        found = rank.concurrency(self.request)
        if found is None:
            return None
        limit = self.sequences or Band(math.inf, math.inf)
        ends = (min(found.least, limit.least), min(found.most, limit.most))
        return Band(*(math.floor(end) for end in ends)) if math.isfinite(ends[1]) else None

    @property
    def trouble(self) -> str:
        """Why the engine does not start, or may not; empty where it starts."""
        rank = self.decides
        if rank is None or rank.weights is None or rank.room is None:
            return ""
        if rank.overfull:
            most = f", {gibibytes(int(rank.budget.most))}" if rank.budget else ""
            return f"does not start: the weights alone, {gibibytes(rank.weights)}, exceed what the engine may use{most}"
        if rank.fits is None and not rank.unsure and rank.needed is not None:
            return f"may not start: the longest request needs {gibibytes(rank.needed)} of KV cache"
        if rank.fits is False and rank.needed is not None:
            there = gibibytes(max(0, int(rank.room.most)))
            return f"does not start: the longest request needs {gibibytes(rank.needed)} of KV cache, {there} at best"
        return ""

    @property
    def figures(self) -> list[tuple[str, str]]:
        """The figures that the memory allows, each with what it is."""
        rank, found = self.decides, []
        if rank and rank.overfull:
            return []
        if rank and rank.longest_request and rank.longest:
            longest = rank.longest_request
            allowed = "" if longest.least == rank.longest else f" of {rank.longest:,}"
            found.append(("longest request", f"{amount(longest)}{allowed} tokens"))
        if rank and rank.tokens:
            found.append(("KV cache", f"{amount(rank.tokens)} tokens"))
        if self.concurrent and self.request:
            each = "" if self.per == "replica" else " per DP rank"
            found.append((f"requests of {self.request:,} tokens at once", amount(self.concurrent) + each))
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the memory for programs: bytes, tokens and requests."""
        rank = self.decides
        return {
            "model": self.model or None,
            "takenAs": self.taken_as or None,
            "ranks": [_to_json(kind) for kind in self.kinds],
            "fits": rank.fits if rank else None,
            "longestAllowed": rank.longest if rank else None,
            "longestRequest": _ends(rank.longest_request) if rank else None,
            "tokens": _ends(rank.tokens) if rank else None,
            "requestLength": self.request,
            "concurrent": _ends(self.concurrent),
            "per": self.per,
            "notes": [*self.notes, *filter(None, [self.trouble])],
        }


def memory_of(
    deployment: Deployment, group: PodGroup, nodes: Sequence[str | None], request: int | None = None
) -> Memory:
    """Return what fills the accelerators of pods.

    Args:
        deployment: the deployment, with what is known of models and its cluster.
        group: the pods with the engine.
        nodes: nodes of the pods; the accelerators are those of all nodes that admit them where a pod has none.
        request: tokens of a request; None for the longest that the engine accepts, or 8192 where that is not known.
    """
    settings = settings_of(group)
    if settings is None:
        return _unknown(f"known for vLLM only, not for {group.command.engine or 'this engine'}")
    known = known_model(deployment, group)
    if known is None:
        name = next(names(deployment, group), "")
        return _unknown(f"model {name or 'without a name'} is not known: {GIVE_CONFIG}")
    inventory = _narrowed(deployment.cluster, nodes)
    draft = draft_shape(deployment, settings)
    ranks = [
        group_memory(group, known.shape, inventory=inventory, draft=draft, stage=stage)
        for stage in (None, *range(settings.pipeline))
    ]
    decides, *stages = (rank for rank in ranks if rank)
    length = request or decides.longest or _REQUEST
    notes = [*([f"model {known.note}"] if known.note else []), *_notes(decides, length)]
    if decides.device is None:
        notes.append(f"accelerator not known: {_why_unknown(deployment, group, settings)}")
    per = "data parallel rank" if settings.data > 1 else "replica"
    return Memory(
        known.name, known.taken_as, tuple(_kinds(stages)), decides, length, _sequences(settings, decides), per,
        tuple(notes),
    )  # fmt: skip


def amount(band: Band) -> str:
    """Return a number of tokens or requests for people: ``8 to 9``, ``0.96 to 1.16 million``.

    A range is rounded: what is not known exactly needs no more digits.
    """
    least, most = int(band.least), int(band.most)
    if least == most:
        return f"{least:,}"
    _, unit, digits, name = next(item for item in _UNITS if most >= item[0])
    ends = dict.fromkeys(f"{end / unit:,.{digits}f}" for end in (least, most))
    return f"{' to '.join(ends)} {name}".rstrip()


_UNITS = ((1_000_000, 1_000_000, 2, "million"), (100_000, 1_000, 0, "thousand"), (0, 1, 0, ""))
"""From which number on a unit counts, the unit, its digits and its name."""


def _unknown(why: str) -> Memory:
    return Memory("", "", (), None, None, None, "replica", (why,))


def _narrowed(inventory: Inventory | None, nodes: Sequence[str | None]) -> Inventory | None:
    """The cluster with only the nodes that the pods go to, where all of them are known."""
    if inventory is None or not nodes or None in nodes:
        return inventory
    kept = [obj for obj in inventory.objects if obj.get("kind") != "Node" or obj["metadata"]["name"] in nodes]
    return replace(inventory, objects=tuple(kept))


def _kinds(stages: Sequence[RankMemory]) -> Iterator[Kind]:
    """Yield the kinds of ranks: pipeline stages that follow each other and look alike."""
    first = 0
    for index, rank in enumerate(stages):
        following = stages[index + 1] if index + 1 < len(stages) else None
        if following is not None and _looks(following) == _looks(rank):
            continue
        whole = len(stages) == 1 or index - first + 1 == len(stages)
        title = f"pipeline stage {first}" if first == index else f"pipeline stages {first} to {index}"
        yield Kind("each rank" if whole else title, rank)
        first = index + 1


def _looks(rank: RankMemory) -> list[str]:
    """What is shown of a rank, which leaves out the last bytes."""
    return [section.text for section in Kind("", rank).sections]


def _sequences(settings: EngineSettings, rank: RankMemory) -> Band | None:
    """How many requests the engine runs at once at the most; its default depends on the accelerator."""
    if settings.sequences:
        return Band(settings.sequences, settings.sequences)
    if settings.processors:
        return None
    return Band(*(batch_size(rank.device, most=most).sequences for most in (False, True)))


def _why_unknown(deployment: Deployment, group: PodGroup, settings: EngineSettings) -> str:
    """Why the memory of the accelerator is not known, and what tells it."""
    if settings.processors:
        return "the container has no memory limit"
    if any(kind and kind.counts_cores for kind in map(devices.kind_of, group.accelerators)):
        return "it depends on the engine's plugin which cores of a device a rank gets"
    if not group.accelerators:
        return "the pods ask for none"
    if deployment.cluster:
        return "no label or ResourceSlice of the nodes tells it"
    return "give --nodes or --cluster, or require a product in nodeSelector"


def _notes(rank: RankMemory, request: int) -> Iterator[str]:
    for what, why in rank.unknown.items():
        if what != "device":
            yield f"{_NAMES.get(what, what)} not known: {why}"
    if rank.longest is None:
        yield "longest request not known: set --max-model-len"
    elif request > rank.longest:
        yield f"a request of {request:,} tokens is rejected: the longest is {rank.longest:,}"
    if rank.unsure:
        yield f"{', '.join(rank.unsure)} may change all of this"
    if rank.offloaded:
        yield f"{gibibytes(rank.offloaded)} of the weights stay in the memory of processors"


_NAMES = {"cache": "KV cache", "draft": "speculative decoding"}


def _to_json(kind: Kind) -> dict[str, Any]:
    rank = kind.rank
    device, cache = rank.device, rank.cache
    return {
        "rank": kind.title,
        "accelerator": {"least": device.least, "most": device.most, "source": device.source} if device else None,
        "budget": _ends(rank.budget),
        "weights": rank.weights,
        "parts": dict(rank.parts) if rank.parts is not None else None,
        "overhead": _ends(rank.overhead),
        "cache": _ends(rank.room),
        "cacheBytesPerToken": round(cache.token_bytes) if cache else None,
        "unused": next((section.size for section in kind.sections if section.kind == "unused"), None),
        "unknown": dict(rank.unknown),
    }


def _ends(band: Band | None) -> Mapping[str, int] | None:
    return {"least": math.floor(band.least), "most": math.floor(band.most)} if band else None
