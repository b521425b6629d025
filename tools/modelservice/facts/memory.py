"""Shape of the facts on how an engine uses the memory of an accelerator; see :mod:`modelservice.facts.models`."""

from collections.abc import Mapping

from modelservice.facts.models import Record, Source, Version

Band = tuple[float, ...]
"""The least and the most."""


class CacheBlocks(Record):
    """Tokens of a block of the KV cache where no flag says them."""

    source: Source
    tokens: int
    several_steps_since: Version
    """First version in which windows hold the tokens of all steps that may run at once."""
    latent_tokens: int
    """Of a latent cache (MLA)."""
    latent_tokens_with_states: int
    """Multiple of which a block is where a latent cache stands next to the states of other layers."""


class CacheFormat(Record):
    """Bytes of a token in the KV cache, for some values of ``--kv-cache-dtype``."""

    source: Source
    names: tuple[str, ...]
    key_bits: int = 0
    value_bits: int = 0
    key_scale: int = 0
    """Bytes beside the key of each head."""
    value_scale: int = 0
    scaled_group: int = 0
    """Elements that share a scale of one byte; 0 without."""
    value_as_key: bool = False
    """A value takes the room of as many elements as a key has."""
    symmetric: bool = False
    """Key and value must have the same number of elements."""
    even: bool = False
    """Key and value of a head together are rounded up to an even number of bytes."""
    plain_layers: int = 0
    """Layers at each end of the model that keep the model's type."""
    latent: bool = True
    """Whether latent caches (MLA) take it."""
    latent_bytes: int = 0
    """Bytes of a token of a latent cache, where they do not follow from its width."""


class SparseCache(Record):
    """The latent cache of sparse attention, as far as it is not that of other attention."""

    source: Source
    formats: Mapping[str, str]
    """Format in place of one of ``--kv-cache-dtype``."""
    plain_on: str
    """Regular expression of the products where it is not replaced."""
    defaults_there: Mapping[str, str]
    """What ``auto`` stands for on those products, by type of the model."""


class IndexerCache(Record):
    """Keys by which sparse attention over a latent cache chooses tokens; an element is a byte."""

    source: Source
    scaled_group: int
    """Elements that share a scale."""
    scale: int
    """Bytes of a scale."""


class HybridManager(Record):
    """When layers of different kinds share blocks, so that a window costs no more than itself."""

    source: Source
    connectors: Mapping[str, Version]
    """First version in which a KV connector works with it."""
    automatic_since: Version
    """First version that asks the connector; before it any connector switched the manager off."""
    chunked_variable: str
    """Variable without which models with chunked attention switch it off."""


class ProcessorCache(Record):
    """KV cache in the memory of processors."""

    source: Source
    gib_variable: str
    """Variable with its size in GiB."""
    block_tokens: int
    """Tokens of a block where no flag says them."""


class Pipeline(Record):
    """How layers are split over pipeline stages."""

    source: Source
    partition_variable: str
    """Variable with the layers of each stage, separated by commas."""


class Cache(Record):
    """The KV cache."""

    blocks: CacheBlocks
    formats: tuple[CacheFormat, ...]
    sparse: SparseCache
    indexer: IndexerCache
    hybrid_manager: HybridManager
    processors: ProcessorCache
    pipeline: Pipeline

    def format(self, name: str) -> CacheFormat | None:
        """Return the format of a value of ``--kv-cache-dtype``; None for an unknown one."""
        return next((item for item in self.formats if name in item.names), None)


class BatchSize(Record):
    """Size of a step on accelerators with some memory."""

    from_gib: int
    tokens: int
    sequences: int
    excluded: str = ""
    """Regular expression of products that do not count, in spite of their memory."""


class Batches(Record):
    """Sizes of a step where no flag says them, largest accelerator first."""

    source: Source
    sizes: tuple[BatchSize, ...]


class Overhead(Record):
    """What an accelerator holds besides weights and cache, in some versions; GiB, from the least to the most."""

    source: Source
    since: Version = ""
    until: Version = ""
    logits: Band
    """Factor of the logits of a full batch, of which the activations peak."""
    floor: Band
    """What the activations are at the least, for each end of the band."""
    context: Band
    """Driver and libraries of one rank."""
    collectives: Band
    """Libraries and buffers of a rank that computes with others."""
    graphs: Band
    """CUDA graphs, as far as they are subtracted."""


class OnlineQuantization(Record):
    """Weights that the engine quantises while it loads them."""

    source: Source
    bits: Mapping[str, float]
    """Bits of a weight, by value of ``--quantization``."""
    excluded: tuple[str, ...]
    """Modules that stay as they are."""


class Shards(Record):
    """How the ranks of a tensor group share weights."""

    source: Source
    vocabulary_padding: int
    """Multiple to which the vocabulary is padded before it is divided."""
    refined_since: Version
    """First version that refines the scales of experts whose quantised blocks the ranks would cut."""
    refined_block: int
    """Elements of the smallest block that it makes."""


class Drafts(Record):
    """Draft models of speculative decoding."""

    source: Source
    same_vocabulary_since: Version
    """First version that exits if the draft model has another vocabulary, unless it is told to map them."""


class EngineMemory(Record):
    """How an engine uses the memory of an accelerator."""

    engine: str
    """Type of the engine."""
    cache: Cache
    shards: Shards
    drafts: Drafts
    online_quantization: OnlineQuantization
    batches: Batches
    overheads: tuple[Overhead, ...]
