"""Shape of the facts: a frozen record for each kind of fact.

Keys of the YAML are the attribute names in camelCase. A ``source`` is the URL, or the URLs, that say so.

A record is a plain class: a command that looks up one fact pays neither for pydantic (70 ms) nor for the code that
dataclasses generate (35 ms for all of these). :mod:`modelservice.facts.validation` makes pydantic models of the same
annotations, with which the tests and ``modelservice schema`` validate the YAML.
"""

import re
import types
from collections.abc import Mapping
from typing import Any, Literal, NewType, dataclass_transform

Url = NewType("Url", str)
Source = tuple[Url, ...]
"""URLs of what says so; in the YAML one URL may stand without a list."""
Version = str
"""``0.10`` or ``0.10.1``; quoted in the YAML."""

NONE: Mapping[str, Any] = types.MappingProxyType({})


@dataclass_transform(frozen_default=True, kw_only_default=True, eq_default=False)
class Record:
    """Values by annotated name, which never change; those left out have the class's default."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__}.{name}: facts do not change")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__dict__.items())})"


def key(attribute: str) -> str:
    """Return the camelCase key of an attribute."""
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), attribute)


class Note(Record):
    """What a person should know who writes a preset or an example."""

    source: Source
    text: str
    variables: Mapping[str, str] = NONE
    """Environment variables that the text is about."""


# ---------------------------------------------------------------------------------------------
# Engines
# ---------------------------------------------------------------------------------------------

ModelCommand = Literal["vllmServe", "sglangServe", "imageDefault"]


class Start(Record):
    """How an engine is started."""

    source: Source
    model_command: ModelCommand
    """``modelCommand`` of an engine whose type is stated."""
    command: tuple[str, ...] = ()
    """Command that the chart writes for it; empty where the image's entry point starts the engine."""
    programs: tuple[tuple[str, ...], ...] = ()
    """Words that start it, in every spelling; the interpreter of a Python module is left out."""
    entrypoint: bool = False
    """The image's entry point starts the server: arguments without a command are the server's."""
    arguments: tuple[str, ...] = ()
    """First arguments after the entry point, e.g. a subcommand."""
    underscores: bool = False
    """It knows its flags with underscores only; here and in the values they have dashes."""
    env: Mapping[str, str] = NONE
    """Variables without which it does not start in a pod."""
    flags_like: str = ""
    """Type of the engine whose flags it shares: the chart derives the same ones."""
    settings: Literal["flags", "environment"] = "flags"
    """What it is configured with."""
    options: str = ""
    """Key of the values section that only this engine has, below ``engine``."""
    container: str = "vllm"
    """Default name of its container."""
    templates: tuple[Literal["flags", "environment", "model", "download"], ...] = ()
    """Templates of its own in the chart's ``engines/_<type>.tpl``; the rest is derived from these facts."""


class Images(Record):
    """How an image of the engine is recognised."""

    source: Source
    pattern: str
    """Regular expression (RE2 and Python) that finds the engine's images in a reference."""
    repositories: tuple[str, ...] = ()
    """Known repositories, the usual one first; without docker.io."""
    versioned: str = ""
    """Regular expression that finds images whose tag is a version of the engine; empty where the tag is none."""
    build: str = ""
    """Regular expression for the part of such a tag with the full version, e.g. ``0.33.0rc1``."""
    variant: str = ""
    """Regular expression for the part that may become a part of what the engine calls its version."""
    example: str = ""
    """An image with a version that its publisher documents."""
    default: str = ""
    """Image that the chart uses where none is given."""


class NamedPort(Record):
    """A further port that an engine listens on."""

    name: str
    container_port: int


class Port(Record):
    """Where an engine listens."""

    source: Source
    default: int
    """Port without any setting; 0 where versions differ."""
    flag: str = ""
    """Flag of the port, without dashes."""
    env: str = ""
    """Environment variable of the port, for an engine without such a flag or in place of it."""
    address: str = ""
    """Flag that makes it listen on all addresses, where its default is localhost only."""
    more: tuple[NamedPort, ...] = ()
    """Ports it opens besides."""


class FirstPrompt(Record):
    """A command that loads the model, for an engine that loads it with the first request."""

    features: tuple[str, ...]
    """Features of a model that can be loaded so."""
    command: tuple[str, ...]
    """Command inside the container; ``{model}`` is the model's name."""


class Health(Record):
    """Paths that say whether an engine works."""

    source: Source
    ready: str
    """Answers once the model is loaded."""
    live: str
    """Answers while the process lives."""
    first_prompt: FirstPrompt | None = None
    takes_seconds: float = 0
    """How long an answer may take on a healthy engine; 0 for no time to speak of."""


class Metrics(Record):
    """Prometheus metrics of an engine."""

    source: Source
    path: str = ""
    """Path of the metrics; empty for an engine without any."""
    enable: str = ""
    """Flag that turns them on, without dashes."""
    only_with: str = ""
    """Flag, without dashes, of the configuration file that turns them on: without it there are none."""
    since: Version = ""
    """First version that counts running and waiting requests."""
    family: str = ""
    """Type of the engine under whose names it reports: the dashboards and alerts of that engine hold for it."""
    running: str = ""
    """Metric of the running requests; empty where requests are not counted."""
    waiting: str = ""
    """Metric of the waiting requests."""
    cache: str = ""
    """Metric of the used share of the KV cache."""
    picker: str = ""
    """Name of the engine in the endpoint picker's metrics extractor; empty where the picker cannot read them."""


class Api(Record):
    """What an engine serves, by feature of the model."""

    source: Source
    root: str
    """What an OpenAI client needs after the address."""
    paths: Mapping[str, Mapping[str, str]]
    """Paths by name, by feature; ``any`` holds for every feature. ``{model}`` is the model's name."""

    @property
    def features(self) -> tuple[str, ...]:
        """Features of models that the engine serves."""
        return tuple(feature for feature in self.paths if feature != "any")


class ApiKey(Record):
    """How an engine checks an API key."""

    source: Source
    env: str = ""
    """Environment variable it reads the key from."""
    flag: str = ""
    """Flag of the key, without dashes."""
    through_flag: bool = False
    """It reads no variable, so the chart passes the variable to the flag."""
    guards: tuple[str, ...] = ()
    """Path prefixes it answers only with the key; ``/`` is everything."""
    unguarded: tuple[str, ...] = ()
    """Path prefixes among those that it answers without a key."""
    open: tuple[str, ...] = ()
    """Paths outside of those that run the model without a key."""
    refused: str = ""
    """Why the chart does not set a key: the predicate of a sentence about the engine. Empty where it does."""


class Parallelism(Record):
    """Flags of the parallel sizes, without dashes; a size without a flag is not supported."""

    source: Source
    tensor: str = ""
    pipeline: str = ""
    data: str = ""
    data_local: str = ""
    expert: str = ""
    expert_value: Literal["switch", "tensor"] = "switch"
    """What follows the expert flag: nothing, or the tensor size."""
    data_inside_tensor: str = ""
    """Flag under which data parallel ranks share the tensor group instead of multiplying it."""
    max_data: int = 0
    """Most data parallel ranks; 0 for no bound of its own."""
    rank_ports: bool = False
    """Every data parallel rank of a pod serves on a port of its own, whatever the data mode."""
    data_modes: Mapping[str, str] = NONE
    """Data modes of several pods or ports, with the flag of each; empty for a mode without one."""
    supervisor: "Supervisor | None" = None
    rpc: "FlagPort | None" = None
    """Port on which the first rank waits for those of other pods and processes."""


class Transports(Record):
    """How the network devices carry the KV cache."""

    source: Source
    variable: str
    """Variable with a list of transports."""
    without_rdma: tuple[str, ...]
    """Transports that use no RDMA device."""


class FlagPort(Record):
    """A port that a flag sets."""

    flag: str
    default: int
    """Port without the flag."""


class Supervisor(Record):
    """What answers for all ranks of a pod with ``dataMode: multiPort``."""

    flag: str
    default: int
    """Port without the flag."""
    ready: str
    """Path that answers once every rank is ready."""


class Groups(Record):
    """How one engine runs over the pods of a group."""

    source: Source
    nodes: str
    """Flag of the number of nodes, without dashes."""
    rank: str
    """Flag of the rank of a node."""
    address: str
    """Flag of the first node's address."""
    address_port: int = 0
    """Port that belongs into the address; 0 for an address without one."""
    master_port: "FlagPort | None" = None
    """Port of the first node, where it is not in the address."""
    headless: str = ""
    """Flag of a node that answers no requests."""
    data_over_pods: bool = True
    """Data parallel ranks may run in several pods of a group."""


class AdapterFlags(Record):
    """Flags of LoRA adapters, without dashes; empty for what cannot be set."""

    enable: str = ""
    list: str = ""
    form: Literal["json", "pairs"] = "json"
    """How an adapter is written: as a JSON object, or as ``name=path``."""
    max_rank: str = ""
    max_active: str = ""
    """Adapters of one batch."""
    max_loaded: str = ""
    """Adapters in the host's memory."""


class OneServer(Record):
    """The flag of the number of API servers of a pod."""

    source: Source
    flag: str
    by_ranks_since: Version
    """First version that starts one for each data parallel rank where it is not given."""


class Adapters(Record):
    """How an engine loads LoRA adapters."""

    source: Source
    flags: AdapterFlags
    dynamic_env: Mapping[str, str] = NONE
    """Variables that allow loading at run time."""
    dynamic_needs: tuple[str, ...] = ()
    """Flags that loading at run time needs where no adapter is given at the start."""
    paths: Mapping[str, str] = NONE
    """Paths that load and unload adapters at run time, by their name in the endpoints."""
    one_server: "OneServer | None" = None
    """Set where adapters can be loaded at run time by one API server only."""
    one_by_default: bool = False
    """Without a flag one adapter fits in a batch, and requests for another one wait."""
    in_metrics: bool = False
    """The metrics say which adapters a pod has, which the endpoint picker's affinity needs."""


class Model(Record):
    """How an engine is told its model."""

    source: Source
    flag: str = ""
    """Flag of the model, without dashes."""
    positional: bool = False
    """The model is the argument after the command instead."""
    env: str = ""
    """Variable of the model, for an engine configured by its environment."""
    revision: str = ""
    """Flag or variable of the revision; empty where only the newest can be loaded."""
    name: str = ""
    """Flag or variable of the name that clients use; empty where that is the model's own."""
    aliases: bool = False
    """It serves a model under several names."""
    alias_separator: str = ""
    """What joins the names in one value; empty where each name is a value of its own."""
    any_name: bool = False
    """It answers whatever model a request names."""
    repository: str = ""
    """Flag of a repository of the Hub, without dashes, where it is not that of a path."""
    file_suffix: str = ""
    """Suffix of the one file that it loads, e.g. ``.gguf``; empty where a model is a directory."""
    cache: Mapping[str, str] = NONE
    """Variables of the directory that it downloads to; ``{path}`` is the mounted volume."""
    flags_by_feature: Mapping[str, str] = NONE
    """Flags, without dashes, of models that do not generate text, by feature."""
    schemes: tuple[str, ...] = ()
    """The only URI schemes it loads; empty for all but those that belong to one engine."""
    streams: str = ""
    """``--load-format`` that reads a model from an object store; empty where it is downloaded first."""
    object_stores: bool = False
    """It takes an address in an object store as the model."""
    modelscope: Mapping[str, str] = NONE
    """Variables with which it loads from ModelScope itself."""
    caches: tuple[str, ...] = ()
    """Stores whose own cache layout it reads (``hf``, ``ms``), so a download may go there."""
    downloads: tuple[str, ...] = ()
    """Stores that a command in its image downloads from."""


class Shutdown(Record):
    """How an engine lets running requests finish."""

    source: Source
    flag: str
    since: Version


class Sleep(Record):
    """How an engine is made to give its accelerator's memory back on request, and to take it again."""

    source: Source
    flag: str
    env: Mapping[str, str]
    """Variables without which its API has no such requests."""


class Tracing(Record):
    """Flags of OpenTelemetry traces, without dashes."""

    source: Source
    endpoint: str
    detail: str = ""


class CpuCache(Record):
    """KV cache of an engine that runs on processors."""

    source: Source
    env: str
    """Variable of its size in GiB."""


class Backend(Record):
    """Another engine that runs the model inside this one."""

    source: Source
    runs: str
    """Type of the other engine: its metrics and its variables hold."""
    unless: str
    """Value of ``backend`` in the engine's options with which it does not."""


class Peers(Record):
    """How pods fetch the KV cache from each other with one of these connectors."""

    source: Source
    title: str
    """Name of the library in sentences."""
    connectors: tuple[str, ...]
    host: str
    """Variable of the address that a pod tells the others; its default is no address of the pod."""
    port: str
    """Variable of the port there."""
    default_port: int = 0
    """Port without the variable, of the first data parallel rank; each further rank has the next one."""
    devices: tuple[str, ...] = ()
    """Variables that choose the network devices."""
    transports: "Transports | None" = None
    connector_key: str = ""
    """Key of the connector in the configuration of the KV transfer."""
    role_key: str = ""
    """Key of what a pod does with the cache, in the same place."""
    roles: Mapping[str, str] = NONE
    """Its value by role of the pod."""
    recompute: Mapping[str, str] = NONE
    """Settings of the KV transfer with which decode computes a prompt again that it cannot take over; by default the
    request fails."""
    handshake: "Handshake | None" = None
    blocks: "BlockSizes | None" = None


class Handshake(Record):
    """What two engines compare before one fetches from the other; where it differs, every hand-over fails."""

    source: Source
    since: Version
    """First version that compares."""
    switch: str
    """Key of ``kv_connector_extra_config`` that turns the comparison off with ``false``."""
    factors: "tuple[HandshakeFactor, ...]"


class HandshakeFactor(Record):
    """One thing that is compared, and the setting that decides it."""

    name: str
    """Its name in the engine's source."""
    since: Version = ""
    """First version that compares it, where the comparison is older."""
    until: Version = ""
    image: bool = False
    """Whether the image decides it."""
    flag: str = ""
    variable: str = ""
    """Environment variable with the flag's meaning."""
    variable_until: Version = ""
    extra: str = ""
    """Key of ``kv_connector_extra_config``."""
    connectors: Mapping[str, str] = NONE
    """Its value by connector."""
    methods: tuple[str, ...] = ()
    """For a flag with a JSON object: values of its key ``method`` without which nothing of it is compared."""
    keys: tuple[str, ...] = ()
    """For a flag with a JSON object: the keys that are compared."""
    default: str = ""
    """The value that means the same as none."""
    may_be_default: str = ""
    """Regular expression of values that the engine may choose itself where none is given."""


class BlockSizes(Record):
    """Which sizes of cache blocks two sides may have."""

    source: Source
    flag: str
    multiple_since: Version
    """First version that lets decode's size be a multiple of prefill's."""
    any_since: Version
    """First version that lets both be any size."""


class Bootstrap(FlagPort):
    """A server by which engines of one role find those of the other."""

    role: str
    """Role that runs it."""


class KvEvents(Record):
    """How an engine publishes what its KV cache holds."""

    source: Source
    flag: str
    """Flag of its configuration, a JSON object."""
    enabled: Mapping[str, Any]
    """Keys and values with which it listens."""
    endpoints: Mapping[str, str]
    """Keys of addresses by their defaults. It listens on those with ``*`` for a host, one port for each rank."""


class OffloadingServer(Record):
    """A server next to the engine that keeps offloaded KV cache."""

    source: Source
    flag: str
    value: str
    """Value of the flag with which the engine asks it."""
    since: Version
    port: int
    """Port of localhost where it is asked."""


class KvTransfer(Record):
    """How prefill and decode engines hand over the KV cache."""

    source: Source
    flag: str = ""
    """Flag of the connector's configuration, a JSON object."""
    mode: str = ""
    """Flag of the role, for an engine without connectors: its value is ``prefill`` or ``decode``."""
    connectors: tuple[str, ...] = ()
    """Connectors that the engine registers."""
    equal: tuple[str, ...] = ()
    """Flags that must be equal on both sides, for the caches to fit, where the engines do not compare themselves."""
    weights: tuple[str, ...] = ()
    """Flags that decide which weights are loaded, which no engine compares."""
    both_deprecated_since: Version = ""
    """First version that warns of one KV role for both sides where pods fetch from each other."""
    uneven_tensor_since: Version = ""
    """First version that hands over from more tensor ranks to fewer."""
    peers: "Peers | None" = None
    offloading_server: OffloadingServer | None = None
    bootstrap: "Bootstrap | None" = None


class Conflict(Record):
    """Settings that an engine rejects together."""

    source: Source
    given: Mapping[str, str]
    """Flags, without dashes, by a regular expression for the whole value of each, the one to change first. An empty
    one is for a flag that is given at all; ``flag.key`` is a key of a flag's JSON object."""
    since: Version = ""
    """First version that rejects them, where the flags are older."""
    until: Version = ""
    """First version that accepts them again; empty for none."""
    fix: str
    """What to do, as an imperative."""


class Override(Record):
    """A flag that silently replaces what other flags say."""

    source: Source
    flag: str
    replaces: tuple[str, ...]
    """Flags, without dashes, or ``flag.key`` for a key of a flag's JSON object."""
    unless: Mapping[str, str] = NONE
    """Flags or keys by a regular expression for a value that agrees with the replacement."""
    since: Version = ""
    effect: str
    """What happens instead, after "so"."""
    fix: str
    severe: bool = False
    """The deployment does not work as it is meant."""


class ExpertsOnly(Record):
    """A flag that an engine rejects for a dense model."""

    source: Source
    flags: tuple[str, ...]
    since: Version = ""
    """First version that rejects it."""
    tempting: bool = False
    """It also looks useful for a dense model, so it is worth a warning where the model is not known."""


class Flags(Record):
    """What is known of an engine's flags besides its table of arguments."""

    source: Source
    aliases: Mapping[str, str] = NONE
    """Other spellings, and vLLM's long form of each."""
    foreign: Mapping[str, str] = NONE
    """Flags of vLLM that it rejects, and its own flag of the same meaning; empty where it has none."""
    needs: Mapping[str, str] = NONE
    """Flags that work only with another one."""
    conflicts: tuple[Conflict, ...] = ()
    overrides: tuple[Override, ...] = ()
    experts_only: tuple[ExpertsOnly, ...] = ()
    switches: tuple[str, ...] = ()
    """Flags without a value, for an engine without a table of arguments: with them its command lines are read."""
    repeatable: tuple[str, ...] = ()
    """Flags whose repetition adds values."""
    variables: tuple[str, ...] = ()
    """Flags with an environment variable of the same name."""
    file: str = ""
    """Flag, without dashes, of a file that holds more flags."""


class VersionChange(Record):
    """Something that an engine does otherwise since a version, without a flag that goes away."""

    source: Source
    since: Version
    subject: str
    """What changes, as a noun."""
    effect: str
    """What newer versions do, as a sentence without a full stop."""
    only_with: tuple[str, ...] = ()
    """Flags, without dashes, and variables of which it needs at least one; empty for all deployments."""
    unless: tuple[str, ...] = ()
    """Flags, without dashes, and variables with any of which nothing changes."""
    fix: str
    """What to do, as an imperative."""


class Engine(Record):
    """A model server."""

    type: str
    """Value of ``engine.type``."""
    title: str
    """Its name in sentences."""
    source: Source
    """Its documentation."""
    start: Start
    images: Images
    port: Port
    health: Health
    metrics: Metrics
    api: Api
    api_key: ApiKey
    parallelism: Parallelism
    model: Model
    disaggregates: bool = False
    """It separates prefill from decode under llm-d's routing sidecar."""
    needs_accelerator: bool = True
    """It runs on accelerators; false for one that simulates."""
    runs_on: tuple[str, ...] = ()
    """The only types of accelerators that it has images for; empty for one of several vendors."""
    groups: Groups | None = None
    """None for an engine that runs in one pod."""
    adapters: Adapters | None = None
    shutdown: Shutdown | None = None
    sleep: Sleep | None = None
    """None for an engine that cannot sleep."""
    tracing: Tracing | None = None
    cpu_cache: CpuCache | None = None
    backend: Backend | None = None
    kv_transfer: KvTransfer | None = None
    kv_events: KvEvents | None = None
    flags: Flags | None = None
    changes: tuple[VersionChange, ...] = ()
    notes: Mapping[str, Note] = NONE
    """What authors of presets and examples need besides, by subject."""


# ---------------------------------------------------------------------------------------------
# Accelerators
# ---------------------------------------------------------------------------------------------


class Shares(Record):
    """Extended resources of parts of an accelerator, by provider."""

    source: Source
    count: str
    memory: str
    """Memory of each part in MiB."""
    percentage: str
    """Memory of each part as a percentage."""
    cores: str
    """Compute share of each part in percent."""
    scheduler: str = ""
    """Scheduler that gives them out, where it is not the pod's."""


class NodeLabels(Record):
    """Labels that a vendor's software gives to nodes."""

    source: Source
    prefixes: tuple[str, ...] = ()
    """Beginnings of the labels that only nodes of this vendor have."""
    product: str = ""
    """Label with the product."""
    products: tuple[str, ...] = ()
    """Values of it that are documented."""
    more_products: tuple[str, ...] = ()
    """Labels with the product that clouds and autoscalers give."""
    memory: str = ""
    """Label with the memory of one accelerator in MiB."""
    more_memory: tuple[str, ...] = ()
    """Labels with it that clouds and autoscalers give."""


class Slices(Record):
    """How accelerators are joined over hosts by their own network."""

    source: Source
    label: str
    """Label of a node with the shape of its slice, e.g. ``2x4``."""
    one_host: int
    """Most accelerators of a slice on one host."""
    host_of_several: int
    """Accelerators of each host of a larger slice."""


class Environment(Record):
    """A variable that the engine needs on an accelerator."""

    source: Source
    name: str
    value: str


class Product(Record):
    """A product of a vendor."""

    source: Source
    pattern: str
    """Regular expression that finds it in the value of the product label."""
    memory_gb: int
    """Memory of one device as its maker states it, in GB."""
    memory_mib: int = 0
    """Memory that the driver reports, in MiB; 0 where that is not known."""
    least_gb: int = 0
    """Memory of the smallest device, in GB, where the label stands for several products; 0 where for one."""
    name: str = ""
    """What people call it, in small letters; empty where its usual label is not known."""
    label: str = ""
    """Value of the product label on its usual nodes."""
    per_node: int = 0
    """Devices of the largest usual node, where that is not the number of the type."""


class Reserved(Record):
    """Memory that programs do not get."""

    source: Source
    gib: float
    """At the most, of one device."""


class Partitions(Record):
    """Parts of a device with memory of their own."""

    source: Source
    pattern: str
    """Regular expression of resources and products; its group is the nominal memory in GB."""
    least_share: float
    """Least memory of a part, of its nominal memory."""


class Accelerator(Record):
    """A kind of accelerator."""

    type: str
    """Value of ``accelerator.type``."""
    title: str
    source: Source
    vendor: str
    """Types of one vendor share an engine image."""
    resource: str = ""
    """Extended resource of one device; empty for a type that is only claimed."""
    more_resources: tuple[str, ...] = ()
    """Regular expressions of the vendor's other resources of whole or divided devices."""
    device_class: str = ""
    """DeviceClass of Dynamic Resource Allocation; empty where the vendor has none."""
    claim_template: str = ""
    """Base name of the claim template, where it is not ``<type>-claim-template``."""
    counts_cores: bool = False
    """A device has several cores, each of which may hold a rank: the number need not equal the ranks."""
    per_node: int = 0
    """Devices of the largest usual node; 0 where that is not known."""
    one_process: bool = False
    """One process of the engine drives all devices of a pod, so its ranks share no memory."""
    image_words: tuple[str, ...] = ()
    """Words in an image's name or tag that say it is built for these accelerators."""
    visible_devices: tuple[str, ...] = ()
    """Variables that restrict the devices a process sees."""
    node_labels: NodeLabels | None = None
    slices: Slices | None = None
    env: tuple[Environment, ...] = ()
    products: tuple[Product, ...] = ()
    reserved: Reserved | None = None
    partitions: Partitions | None = None
    shares: Mapping[str, Shares] = NONE
    """Parts of an accelerator, by provider."""
    notes: Mapping[str, Note] = NONE
    """What authors of presets and examples need besides, by subject."""


class NotAccelerators(Record):
    """Extended resources and device classes that are no accelerators."""

    source: Source
    resources: tuple[str, ...]
    """Regular expressions of extended resources."""
    device_classes: tuple[str, ...] = ()
    """Regular expressions of device classes."""


class ComputeDomain(Record):
    """The object by which pods of several nodes share NVLink memory."""

    source: Source
    kind: str
    template: tuple[str, ...]
    """Path of the name of the ResourceClaimTemplate that its controller makes."""
    nodes: tuple[str, ...]
    """Path of the number of nodes, which should be 0: as many as there are pods."""


class Accelerators(Record):
    """What is known of accelerators, and of what only looks like one."""

    types: tuple[Accelerator, ...]
    compute_domain: ComputeDomain
    networks: NotAccelerators
    amounts: NotAccelerators
    """Memory and cores of shared accelerators, and other amounts."""
    unknown: NotAccelerators
    """Resources that look like an accelerator of a vendor without a type here."""

    def get(self, kind: str) -> Accelerator | None:
        """Return the facts of a type; None for an unknown one."""
        return next((item for item in self.types if item.type == kind), None)


# ---------------------------------------------------------------------------------------------
# Versioned programs of llm-d: routing sidecar and endpoint picker
# ---------------------------------------------------------------------------------------------


class Release(Record):
    """A release whose facts were read at the source."""

    source: Source
    version: Version
    read: str
    """What was read."""


class ProgramImage(Record):
    """An image name of a program, and what its tag leaves open."""

    source: Source
    name: str
    """Last part of the repository."""
    since: Version = ""
    until: Version = ""
    """First version that is not published under this name."""
    default_version: Version = ""
    """Version that a tag without one is taken for; empty for not known."""


class VersionedFlag(Record):
    """A flag, and the versions that accept it."""

    name: str
    since: Version = ""
    """First version with it; empty for all that are known."""
    until: Version = ""
    """First version without it; empty where it is still accepted."""
    deprecated: Version = ""
    """First version that warns about it."""
    instead: str = ""
    """What to write in versions without it, or once it is deprecated."""
    default: str = ""
    source: Source = ()
    """Where it is not the source of the release's options."""


class SidecarConnector(Record):
    """A KV connector of the routing sidecar, and the engines' connectors it works with."""

    name: str
    source: Source
    since: Version = ""
    until: Version = ""
    instead: str = ""
    engine: str = ""
    """Type of the engine that it belongs to; empty for vLLM's connectors."""
    engine_connectors: tuple[str, ...] = ()
    """Connectors of the engine of which at least one is needed."""
    bootstrap: "BootstrapPort | None" = None


class BootstrapPort(Record):
    """The port of a prefill engine where decode engines ask for the cache, which the sidecar tells them."""

    source: Source
    default: int
    """Port without any setting, of the engine and of the sidecar."""
    engine_flag: str = ""
    engine_env: str = ""
    flag: str = ""
    """Flag of the sidecar."""
    env: str = ""
    """Variable of the sidecar, where it has no flag."""


class VersionedPort(Record):
    """The default of a port, from a version on."""

    default: int
    since: Version = ""


class RoutingProxy(Record):
    """llm-d's routing sidecar."""

    source: Source
    assumed: Version
    """Version whose flags an image gets that neither its name nor its tag tells."""
    container: str
    """Name of its container in this chart and in llm-d's guides."""
    images: tuple[ProgramImage, ...]
    releases: tuple[Release, ...]
    listen_port: int
    engine_port: tuple[VersionedPort, ...]
    """Port of the engine that it forwards to where no flag says another, by version, oldest first."""
    flags: tuple[VersionedFlag, ...]
    connectors: tuple[SidecarConnector, ...]
    encoder_connectors: tuple[SidecarConnector, ...]
    tls_stages: tuple[str, ...]

    def flag(self, name: str) -> VersionedFlag | None:
        """Return what is known of a flag; None for an unknown one."""
        return next((item for item in self.flags if item.name == name), None)


class PluginParameter(Record):
    """A parameter of a plugin of the endpoint picker."""

    name: str
    type: Literal["boolean", "integer", "number", "text", "texts"]
    since: Version = ""
    until: Version = ""


class VersionedBehavior(Record):
    """Something that the endpoint picker does since a version."""

    since: Version
    source: Source


class Plugin(Record):
    """A plugin of the endpoint picker."""

    type: str
    kind: Literal[
        "filter", "scorer", "picker", "profile handler", "decider", "request handler", "data producer", "data source",
        "extractor", "flow control", "admission", "parser", "other",
    ]  # fmt: skip
    since: Version = ""
    until: Version = ""
    deprecated: Version = ""
    instead: str = ""
    role: Literal["", "prefill", "decode", "encode", "disaggregation"] = ""
    """Which role of disaggregated serving it is about; ``disaggregation`` for prefill apart from decode, empty for one
    that any role may have."""
    experimental: Version = ""
    """First version that loads it with ``--allow-experimental-plugins`` only."""
    gaie: Version = ""
    """First version of Gateway API Inference Extension's own picker with it; empty for none."""
    parameters: tuple[PluginParameter, ...] = ()
    """All that it has in any version; empty where they are not known."""
    source: Source = ()


class VersionedText(Record):
    """A name that holds from a version on."""

    value: str
    since: Version = ""


class PickerFeature(Record):
    """Something that the endpoint picker has since a version."""

    title: str
    """What it is, as a noun phrase."""
    since: Version


class FeatureGate(Record):
    """A feature gate of the endpoint picker."""

    name: str
    since: Version = ""
    until: Version = ""


class ImpliedPlugins(Record):
    """Plugins that the picker adds itself, so that a configuration may refer to them without declaring them."""

    source: Source
    plugins: tuple[str, ...]


class ChartConfigs(Record):
    """Configuration files that the charts of the pickers write."""

    source: Source
    names: tuple[str, ...]


class PickerPorts(Record):
    """Ports of the endpoint picker."""

    ext_proc: int
    health: int
    metrics: int


class RolloutScreener(Record):
    """The plugin that keeps a request within one revision of prefill and decode."""

    source: Source
    plugin: str
    """Its type."""
    since: Version
    read: Version
    """Newest version whose parameters were read; they changed after it."""
    allowed_by: str
    """Flag of the picker without which it is not loaded, without dashes."""
    label: str
    """Label of the revision that this chart sets; the plugin takes any."""


class EndpointPicker(Record):
    """llm-d's endpoint picker, and the one of Gateway API Inference Extension before it."""

    source: Source
    images: tuple[ProgramImage, ...]
    releases: tuple[Release, ...]
    oldest: Version
    """First version whose pools, flags and plugins the chart writes."""
    extension: "PickerOfExtension"
    ports: PickerPorts
    config_api: tuple[VersionedText, ...]
    objective_api: tuple[VersionedText, ...]
    objective_groups: tuple[VersionedText, ...]
    """API groups that its role must read objectives and rewrites of, added one by one."""
    queue_metric: tuple[VersionedText, ...]
    engine_label: tuple[VersionedText, ...]
    """Label of a pod that names its engine."""
    features: Mapping[str, "PickerFeature"]
    """What the chart depends on."""
    rollout_screener: RolloutScreener
    feature_gates: tuple[FeatureGate, ...]
    implied: ImpliedPlugins
    chart_configs: "ChartConfigs"
    flags: tuple[VersionedFlag, ...]
    strict_parameters: VersionedBehavior
    """A plugin rejects a parameter that it does not have; before, it ignores it."""
    fractional_weights: VersionedBehavior
    plugins: tuple[Plugin, ...]


class PickerOfExtension(Record):
    """The picker of Gateway API Inference Extension, which left that project after 1.5."""

    source: Source
    name: str
    """Last part of its repository."""
    default_version: Version
    equivalent: Mapping[Version, Version]
    """Version of llm-d's picker with the same plugins and flags, by minor version."""


class DualPodsAnnotations(Record):
    """Annotations of a requester's pod."""

    prefix: str
    former_prefix: str
    """Prefix that no release of the controller reads."""
    admin_port: str
    """Port of the requester that the controller asks for the accelerators."""
    server_patch: str
    """The server's pod as a strategic merge patch of the requester's, written as a Go template."""
    inference_server_config: str
    """Name of an InferenceServerConfig, in place of the patch."""


class FastModelActuation(Record):
    """The contract of dual pods: what the controller of llm-d fast model actuation reads."""

    source: Source
    annotations: DualPodsAnnotations
    container: str
    """Name of the engine's container. Its readiness probe must be an HTTP request to a port number."""


class DisaggregatedSetLabels(Record):
    """Labels that the controller gives to what it makes."""

    name: str
    """Key of the label with the name of the set."""
    role: str
    """Key of the label with the role."""
    revision: str
    """Key of the label with the revision, which changes with the pods of any role."""


class DisaggregatedSet(Record):
    """The workload of LeaderWorkerSet with several roles, and what its controller makes of it."""

    source: Source
    api: str
    kind: str
    scaler: str
    """Kind of the object through which an autoscaler scales a role, named after set and role."""
    scaler_since: Version
    """First version of LeaderWorkerSet with it, slices and the placement policy."""
    labels: DisaggregatedSetLabels
    own_labels: tuple[str, ...]
    """Keys of labels that the controller sets on the pods, whatever their templates say."""
    infix: str
    """What stands between the names of set and role in the name of a LeaderWorkerSet, as a regular expression."""
    revision_length: int
    """Number of characters of the revision in it."""


# ---------------------------------------------------------------------------------------------
# Kubernetes
# ---------------------------------------------------------------------------------------------


class Feature(Record):
    """Something the chart may use, and the first version of Kubernetes with it on by default."""

    source: Source
    title: str
    """What it is, as a noun phrase."""
    since: Version
    until: Version = ""
    """First version without it; empty for all newer ones."""


class ImmutableFields(Record):
    """Fields of a kind that an update must not change; a path of names joined by dots stands for all below it."""

    source: Source
    fields: tuple[str, ...]
    """Fields that the API server returns as they were given, so that an installed object can be compared."""
    way: str
    """What to do instead; ``{object}`` stands for the object."""
    structures: tuple[str, ...] = ()
    """Further fields, which the API server completes."""
    assigned: tuple[str, ...] = ()
    """Fields that get a value from the cluster where the object had none, so that it is not known."""
    kept: tuple[str, ...] = ()
    """Fields that stay as they are where the new object has none."""
    when: str = ""
    """Field that must be true in the old object for the structures to be immutable; empty where they always are."""


class Leftover(Record):
    """A section of one kind of update that stays, as far as the API server filled it in, when the kind changes."""

    source: Source
    update: str
    """Field with the kind of update and the section."""
    type: str
    """The kind of update that has the section, which is the default."""
    section: str
    filled: tuple[str, ...]
    """Fields of the section that the API server fills in."""


class DefinedValue(Record):
    """A value of a field in a definition, by which a version of its controller is told from the ones before it."""

    definition: str
    """Name of the CustomResourceDefinition."""
    field: str
    """Path of names joined by dots."""
    value: str


class Rollout(Record):
    """How the controller of a kind of workload replaces pods."""

    source: Source
    restarted_by: tuple[str, ...]
    """Fields whose change replaces the pods; ``[]`` stands for an item of a list."""
    read_at_restart: tuple[str, ...] = ()
    """Fields whose change reaches the pods only when something else replaces them."""
    max_surge: str
    """Pods or groups above the wanted number where the workload states nothing: a number or a percentage."""
    max_unavailable: str
    """Pods or groups below it."""
    limits: str = ""
    """Field with both; empty for a kind without."""
    filled: Mapping[str, str] = {}
    """What the API server fills in where that field states only one of both, if it is something else."""
    neither: str = ""
    """Which of both is 1 where both are 0; empty where neither is."""
    type: str = ""
    """Field with the kind of update."""
    all_at_once: str = ""
    """Kind of update that ends all pods first."""
    by_hand: str = ""
    """Kind of update that leaves the pods until somebody deletes them; ``always`` where there is no other."""
    partition: str = ""
    """Field with the number of the first pod or group that is replaced; those before it stay."""
    surges_for_one_since: Version = ""
    """First version of the controller that starts a surge group where there is one replica; empty for all."""
    surges_for_one_with: DefinedValue | None = None
    """What the cluster has with that version."""


class PodSecurity(Record):
    """Pod Security Standards."""

    source: Source
    label: str
    """Label of a namespace with the standard that it enforces."""
    capabilities: Mapping[str, tuple[str, ...]]
    """Capabilities that a standard lets a container add."""


class Architectures(Record):
    """Architectures of nodes."""

    source: Source
    label: str
    """Label of a node."""
    words: Mapping[str, tuple[str, ...]]
    """Its values, with the words for each in names of images."""


class Kubernetes(Record):
    """Versions of Kubernetes."""

    source: Source
    oldest: Version
    """Oldest version the chart installs on."""
    definitions: Version
    """Version whose OpenAPI definitions the values schema embeds."""
    rendered: tuple[Version, ...]
    """Versions whose API definitions rendered objects are validated against."""
    control_planes: tuple[Version, ...]
    """Versions of the control planes that the cluster tests run, the usual one first."""
    features: Mapping[str, Feature]
    pod_security: PodSecurity
    architectures: Architectures
    immutable: Mapping[str, ImmutableFields]
    """Immutable fields by kind."""
    leftovers: Mapping[str, Leftover]
    """Sections that keep an update from changing its kind, by kind of workload."""
    rollouts: Mapping[str, Rollout]
    """How pods are replaced, by kind of workload."""


class CertificateVariable(Record):
    """An environment variable with the path of a file of certificate authorities."""

    name: str
    source: Source


class Certificates(Record):
    """How programs are told which certificate authorities to trust."""

    variables: tuple[CertificateVariable, ...]


class DynamoWorker(Record):
    """A module of Dynamo that runs an engine."""

    module: str
    engine: str
    """Type of the engine."""
    start: tuple[str, ...]
    """Words that start the engine by itself."""
    renamed: Mapping[str, str] = NONE
    """Options of the engine by those of the worker that have another name, or that only some options keep."""
    options: tuple[str, ...]
    """Options of its own, as its parser declares them."""
    shared: tuple[str, ...] = ()
    """Those of them that the engine has too."""
    older: tuple[str, ...] = ()
    """Options of older versions."""


class DynamoFrontend(Record):
    """The component of Dynamo that takes requests."""

    module: str
    port: int
    suffix: str
    """End of the name of its Service, behind the deployment's."""


class CompilationCache(Record):
    """Where an engine keeps what it compiles."""

    path: str
    variable: str


class Dynamo(Record):
    """What Dynamo's operator makes of a graph, and what its workers add to an engine."""

    source: Source
    group: str
    kind: str
    package: str
    """Name of the wheel with the workers."""
    version: Version
    container: str
    """Name of the container that the operator completes."""
    frontend: DynamoFrontend
    planner: str
    """Module that scales the workers."""
    ports: tuple[int, ...]
    """Ports of its runtime."""
    variables: tuple[str, ...]
    """Beginnings of the names of variables that its runtime reads."""
    shared_memory: str
    grace_period_seconds: int
    startup_seconds: int
    """How long a worker may take to load its model."""
    compilation_cache: Mapping[str, CompilationCache]
    """By type of engine."""
    workers: tuple[DynamoWorker, ...]
    options: tuple[str, ...]
    """Options of every worker."""
    older: tuple[str, ...]
    """Options of every worker in older versions."""


class Kueue(Record):
    """What Kueue looks for, and its limits."""

    source: Source
    queue_label: str
    """Label of a workload with the name of its queue."""
    longest_group_name: int
    """Longest name of a LeaderWorkerSet, whose name labels of its pods are made of."""


class FormerKey(Record):
    """A key of the original chart that has another place now, or none."""

    key: str
    versions: str
    """The first and the last version that had it."""
    why: str
    """Why it is elsewhere, for the end of a sentence."""
    to: str = ""
    """The key now; empty where nothing takes its place."""
    type: Literal["", "boolean"] = ""
    """Type that it had, where another one is meant as something else."""
    when: str = ""
    """Switch without which it had no effect."""
    keyed_by: str = ""
    """Field of the items of a list by which they are a map now."""
    also_set: Mapping[str, Any] = NONE
    """Keys that state what the key alone meant."""


class OriginalChart(Record):
    """What was otherwise in the versions of the original chart."""

    source: Source
    keys: tuple[FormerKey, ...]
    unset_by_zero: tuple[str, ...]
    """Keys for which 0 meant that they are not set."""


class VariableForm(Record):
    """What a variable must look like for what reads it."""

    source: Source
    names: tuple[str, ...]
    form: str
    """Regular expression for the whole value."""
    meaning: str
    """What the value is, for a sentence."""
    instead: str
    """What to do, as an imperative."""
    engine: str = ""
    """Type of the engine that reads it; empty for a library that all have."""
    certain: bool = False
    """An engine that loads a model always reads it, and exits on another form."""


class Variables(Record):
    """Forms of variables."""

    forms: tuple[VariableForm, ...]


class Form(Record):
    """How the strings of some fields are written."""

    words: str
    """The form in words, for ``"x" is not …``."""
    pattern: str
    """Regular expression of the whole string."""
    longest: int
    fields: tuple[str, ...]
    """Fields, each after its type and a dot."""


class Alternatives(Record):
    """Fields of a type of which one at most is set."""

    type: str
    fields: tuple[str, ...] = ()
    """The fields; all of the type where none are listed."""
    besides: tuple[str, ...] = ()
    """Fields that are none of them."""


class Excluded(Record):
    """Values of a type's fields that exclude each other."""

    type: str
    fields: Mapping[str, str]
    """Value by field; ``any`` for each that is not empty."""


class Needed(Record):
    """Fields of a type of which one at least is set."""

    type: str
    fields: tuple[str, ...]
    when: Mapping[str, str] = {}
    """Values by field for which this holds; always without one."""


class Ordered(Record):
    """A field of a type that must not be less than another one, nor stand without it."""

    type: str
    first: str
    last: str


class Within(Record):
    """A list of address ranges in a type that must be parts of another range."""

    type: str
    inner: str
    outer: str


class KubernetesFields(Record):
    """What the API server requires of fields beyond their type."""

    source: Source
    choices: Mapping[str, tuple[str, ...]]
    """The only values of a field, by type and field."""
    forms: tuple[Form, ...]
    least: Mapping[str, int]
    """Least value of a number, by type and field."""
    most: Mapping[str, int]
    """Largest value of a number, by type and field."""
    quantities: tuple[str, ...]
    """Fields that are quantities or maps of them, each after its type and a dot."""
    ordered: "tuple[Ordered, ...]"
    within: "tuple[Within, ...]"
    alternatives: tuple[Alternatives, ...]
    excluded: tuple[Excluded, ...]
    needed: tuple[Needed, ...]


class TemplateDefaults(Record):
    """Values that pod templates have where nothing is written, by path; ``[]`` stands for any item of a list."""

    pods: Mapping[str, Any]
    containers: Mapping[str, Any]
    probes: Mapping[str, Any]


class KubernetesDefaults(Record):
    """Values that the API server fills in, so that writing them changes nothing."""

    source: Source
    kinds: Mapping[str, Mapping[str, Any]]
    """Defaults of a kind's fields, by path."""
    assigned: Mapping[str, tuple[str, ...]]
    """Fields of a kind whose values the API server chooses."""
    pods: Mapping[str, Any]
    containers: Mapping[str, Any]
    probes: Mapping[str, Any]
    everywhere: TemplateDefaults
    """What also the pod templates of kinds of other projects take for nothing."""


# ---------------------------------------------------------------------------------------------
# Models
# ---------------------------------------------------------------------------------------------


class GatedModels(Record):
    """Models that are downloaded only with the token of somebody who accepted their licence."""

    source: Source
    pattern: str
    """Regular expression that finds them by repository."""


class WeightFormat(Record):
    """How large a parameter is in models of these names."""

    source: Source
    pattern: str
    """Regular expression that finds them by the last part of the repository."""
    bytes_per_parameter: float


class ModelsOfKind(Record):
    """Models of one kind."""

    source: Source
    pattern: str
    """Regular expression that finds them by the last part of the repository."""


class ModelsByName(Record):
    """What the name of a model tells."""

    gated: tuple[GatedModels, ...]
    experts: tuple[ModelsOfKind, ...]
    """Mixtures of experts."""
    dense: tuple[ModelsOfKind, ...]
    """Models without experts."""
    weights: tuple[WeightFormat, ...]
    """The first that matches holds."""
