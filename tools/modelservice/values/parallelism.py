"""``parallelism``: how a model instance is spread over accelerators and pods."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelservice.values.base import Closed


class Parallelism(Closed):
    """How one model instance is spread over accelerators and pods. What is not set is derived:
    data = dataLocal × workers. Contradictions are refused."""

    tensor: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Tensor parallel size (`--tensor-parallel-size`); 1 when unset."""
    pipeline: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Pipeline parallel size (`--pipeline-parallel-size`); 1 when unset."""
    data: Annotated[int, Field(ge=1, le=4096)] | None = None
    """Data parallel size over all pods of a group (`--data-parallel-size`). `1` beside several `workers`
    spreads one tensor/pipeline group over the pods."""
    dataLocal: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Data parallel ranks in each pod (`--data-parallel-size-local`)."""
    workers: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Pods of a group (the size of the LeaderWorkerSet). More than 1 needs `multinode`."""
    expert: bool | None = None
    """Expert parallelism for mixture-of-experts models (`--enable-expert-parallel`)."""
    dataMode: Literal["hybrid", "external", "multiPort", "internal"] | None = None
    """How data parallel ranks are reached: `hybrid` (the default over several pods: every pod serves and
    balances over its own ranks), `external` (one rank a pod, each serves), `multiPort` (every rank of a
    pod serves on a port of its own) or `internal` (the leader serves and balances over all)."""
