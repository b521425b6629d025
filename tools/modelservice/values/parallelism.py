"""``parallelism``: how a model instance is spread over accelerators and pods."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelservice.values.base import Closed


class Parallelism(Closed):
    """How one model instance is spread over accelerators and pods. Unset sizes are derived: data = dataLocal ×
    workers. Contradictions are rejected."""

    tensor: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Tensor parallel size (`--tensor-parallel-size`). Default: 1."""
    pipeline: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Pipeline parallel size (`--pipeline-parallel-size`). Default: 1."""
    data: Annotated[int, Field(ge=1, le=4096)] | None = None
    """Data parallel size over all pods of a group (`--data-parallel-size`). `1` together with several `workers`
    spreads one tensor/pipeline group over the pods. Default: `dataLocal` × `workers`."""
    dataLocal: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Data parallel ranks in each pod (`--data-parallel-size-local`). Default: `data` / `workers`."""
    workers: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Pods of a group (`size` of the LeaderWorkerSet). More than 1 requires `multinode`. Default: 1."""
    expert: bool | None = None
    """Expert parallelism for mixture-of-experts models (`--enable-expert-parallel`). Default: `false`."""
    dataMode: Literal["hybrid", "external", "multiPort", "internal"] | None = None
    """How requests reach data parallel ranks: `hybrid` (every pod serves and balances over its own ranks),
    `external` (one rank per pod, every pod serves), `multiPort` (every rank of a pod serves on a separate port) or
    `internal` (the leader serves and balances over all ranks). vLLM runs `external` and `multiPort` for mixtures of
    experts only; a dense model has `replicas` instead. Default over several pods: `hybrid`."""
