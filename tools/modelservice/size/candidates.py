"""The ways to serve a model that have room for requests: every accelerator with every parallelism, the best of them.

A tensor group stays within a node. Where that takes fewer accelerators, or no node is large enough, several nodes are
the stages of a pipeline, or experts are spread over the data parallel ranks of several nodes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from modelservice.models.engine_settings import EngineSettings
from modelservice.models.overhead import batch_size
from modelservice.models.rank_memory import RankMemory, rank_memory
from modelservice.models.shape import ModelShape
from modelservice.models.tensor_sizes import tensor_sizes
from modelservice.size.engine import engine_settings
from modelservice.size.hardware import Hardware
from modelservice.size.request import Need

_NODES = 16
"""Nodes of an instance at the most."""


@dataclass(frozen=True, order=True)
class Layout:
    """Parallel sizes of one instance.

    Args:
        tensor, pipeline, data: parallel sizes.
        expert: whether experts are spread over the ranks.
        workers: nodes with data parallel ranks of one instance.
    """

    tensor: int
    pipeline: int = 1
    data: int = 1
    expert: bool = False
    workers: int = 1

    @property
    def nodes(self) -> int:
        """Nodes of an instance; every stage of a pipeline is one."""
        return self.pipeline * self.workers

    @property
    def per_node(self) -> int:
        """Accelerators on each node."""
        return self.accelerators // self.nodes

    @property
    def accelerators(self) -> int:
        """Accelerators of an instance."""
        return self.tensor * self.data * self.pipeline

    def __str__(self) -> str:
        sizes = (("TP", self.tensor, True), ("PP", self.pipeline, False), ("DP", self.data, False))
        shown = [f"{name} {size}" for name, size, always in sizes if always or size > 1]
        over = f" over {self.workers} nodes" if self.workers > 1 else ""
        return " × ".join(shown) + (" + EP" if self.expert else "") + over


@dataclass(frozen=True)
class Candidate:
    """A way to serve a model with room for the requests.

    Args:
        hardware: the accelerators.
        layout: parallel sizes of an instance.
        replicas: instances.
        rank: memory of an instance's fullest rank.
        least, most: requests that all instances run at once, for certain and at best.
        certain: the requests fit wherever the overhead is in its range; otherwise only at its low end.
    """

    hardware: Hardware
    layout: Layout
    replicas: int
    rank: RankMemory
    least: int
    most: int
    certain: bool

    @property
    def accelerators(self) -> int:
        """Accelerators of all instances."""
        return self.replicas * self.layout.accelerators

    def dominates(self, other: Candidate) -> bool:
        """Return whether it is at least as good as another one with the same accelerators.

        It needs no more of them, each of them runs as many requests, they fit as certainly, and it is as simple: no
        instance needs more nodes, and so a fast network between them.
        """
        if self.hardware != other.hardware or self.certain < other.certain or self.layout.nodes > other.layout.nodes:
            return False
        fewer, runs, others = self.accelerators <= other.accelerators, self.least, other.least
        if not other.certain:
            runs, others = self.most, other.most
        return fewer and runs * other.accelerators >= others * self.accelerators and self.order < other.order

    @property
    def order(self) -> tuple[bool, int, int, int, int, Layout]:
        """What it is listed by: certain first, then the fewest accelerators, the least memory, the simplest layout."""
        layout = self.layout
        memory = self.accelerators * self.hardware.memory.most
        return (not self.certain, self.accelerators, memory, layout.pipeline * layout.data, -self.least, layout)


@dataclass(frozen=True)
class Sizing:
    """What a model fits on.

    Args:
        candidates: the best first.
        dominated: how many were left out, because another one is as good in every way.
        unfit: why accelerators are not among them, by name.
    """

    candidates: tuple[Candidate, ...]
    dominated: int
    unfit: dict[str, str]


def sizing(shape: ModelShape, offered: Sequence[Hardware], need: Need) -> Sizing:
    """Return what a model fits on.

    Args:
        shape: shape of the model, with layers.
        offered: the accelerators that there are.
        need: what has to be served.
    """
    found: list[Candidate] = []
    unfit: dict[str, str] = {}
    for hardware in offered:
        of_hardware = list(_on(shape, hardware, need))
        placed = [item for item in of_hardware if _placed(item)]
        found += placed
        if not placed:
            unfit[hardware.name] = _why_not(shape, hardware, of_hardware)
    kept = [item for item in found if not any(other.dominates(item) for other in found)]
    return Sizing(tuple(sorted(kept, key=lambda item: item.order)), len(found) - len(kept), unfit)


def _on(shape: ModelShape, hardware: Hardware, need: Need) -> Iterator[Candidate]:
    """Yield the candidates of one kind of accelerator."""
    within = [item for layout in _layouts(shape, hardware.per_node) for item in _tried(shape, hardware, layout, need)]
    yield from within
    fewest = min((item.accelerators for item in within if item.certain), default=math.inf)
    for layouts in (_pipelines(shape, hardware, need), _wide(shape, hardware)):
        yield from _of_fewer(shape, hardware, need, layouts, fewest)


def _of_fewer(
    shape: ModelShape, hardware: Hardware, need: Need, layouts: Iterable[Layout], fewest: float
) -> Iterator[Candidate]:
    """Yield the candidates that take fewer accelerators than some number and each other, of layouts in rising order."""
    for layout in layouts:
        if layout.accelerators >= fewest:
            return
        found = [item for item in _tried(shape, hardware, layout, need) if item.accelerators < fewest]
        yield from found
        fewest = min([fewest, *(item.accelerators for item in found if item.certain)])


def _pipelines(shape: ModelShape, hardware: Hardware, need: Need) -> Iterator[Layout]:
    """Yield pipelines over several nodes, each with the largest tensor group."""
    tensor = max(tensor_sizes(shape, hardware.per_node), default=0)
    if tensor and shape.supports_pipeline is not False:
        most = min(_nodes(hardware), shape.layer_count)
        for stages in range(_fewest_stages(shape, hardware, tensor, need), most + 1):
            yield Layout(tensor, stages)


def _wide(shape: ModelShape, hardware: Hardware) -> Iterator[Layout]:
    """Yield wide expert parallelism: a data parallel rank on every accelerator of several nodes."""
    experts = shape.experts.count if shape.experts else 0
    for workers in _powers(_nodes(hardware))[1:]:
        ranks = hardware.per_node * workers
        if experts and not experts % ranks:
            yield Layout(1, data=ranks, expert=True, workers=workers)


def _nodes(hardware: Hardware) -> int:
    """Nodes that an instance may have."""
    return _NODES if hardware.free is None else min(len(hardware.free), _NODES)


def _fewest_stages(shape: ModelShape, hardware: Hardware, tensor: int, need: Need) -> int:
    """The fewest stages of a pipeline whose memory is as large as the weights."""
    rank = rank_memory(shape, settings_for(hardware, Layout(tensor), need), hardware.memory)
    room = rank.budget.most if rank.budget else 0
    return max(2, math.ceil((rank.weights or 0) / room)) if room else 2


def _layouts(shape: ModelShape, per_node: int) -> Iterator[Layout]:
    """Yield the layouts within a node."""
    for tensor in tensor_sizes(shape, per_node):
        yield Layout(tensor)
    if shape.experts is None:
        return
    for tensor in tensor_sizes(shape, per_node, expert=True):
        for data in _powers(per_node // tensor):
            if tensor * data > 1 and not shape.experts.count % (tensor * data):
                yield Layout(tensor, data=data, expert=True)


def _powers(largest: int) -> list[int]:
    return [2**power for power in range(largest.bit_length())]


def _tried(shape: ModelShape, hardware: Hardware, layout: Layout, need: Need) -> Iterator[Candidate]:
    """Yield the candidates of one layout: as many instances as it takes for certain, and fewer that may do."""
    settings = settings_for(hardware, layout, need)
    rank = rank_memory(shape, settings, hardware.memory)
    band = rank.concurrency(need.context)
    if rank.fits is False or band is None:
        return
    # Each rank of a data parallel instance runs as many requests as vLLM takes by default.
    limit = batch_size(hardware.memory, most=False).sequences
    least, most = (int(min(limit, number)) * layout.data for number in (band.least, band.most))
    sure = math.ceil(need.concurrent / least) if rank.fits and least else None
    best = math.ceil(need.concurrent / most) if most else None
    if sure is not None:
        yield Candidate(hardware, layout, sure, rank, sure * least, sure * most, certain=True)
    if best is not None and (sure is None or best < sure):
        low = best * least if rank.fits else 0
        yield Candidate(hardware, layout, best, rank, low, best * most, certain=False)


def settings_for(hardware: Hardware, layout: Layout, need: Need) -> EngineSettings:
    """Return the settings of an engine as the values of a candidate make them."""
    return replace(
        engine_settings(hardware.type),
        tensor=layout.tensor,
        pipeline=layout.pipeline,
        data=layout.data,
        expert_parallel=layout.expert,
        longest=need.context,
    )


def _placed(candidate: Candidate) -> bool:
    """Whether there are nodes for all instances."""
    room = candidate.hardware.groups(candidate.layout.per_node, candidate.layout.nodes)
    return room is None or candidate.replicas <= room


def _why_not(shape: ModelShape, hardware: Hardware, tried: Sequence[Candidate]) -> str:
    """Return why a model cannot be served on some accelerators."""
    if tried:
        fewest = min(item.accelerators for item in tried)
        return f"needs {fewest} accelerators, more than the nodes have free"
    if not tensor_sizes(shape, hardware.per_node):
        return "no tensor parallel size of a node divides the model"
    if shape.supports_pipeline is False:
        return f"does not fit on a node of {hardware.per_node}, and {shape.architecture} has no pipeline parallelism"
    nodes = _nodes(hardware)
    return f"does not fit on {nodes} {'node' if nodes == 1 else 'nodes'} of {hardware.per_node}"
