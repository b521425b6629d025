"""What is known of the world outside: engines, accelerators, llm-d's programs, Kubernetes.

The facts are YAML files beside this module, each fact with the URL that says so, and the records of
:mod:`modelservice.facts.models`. There is no logic here: loading and lookup only. A file is read when the first of its
facts is asked for, and once in a process.

    >>> from modelservice import facts
    >>> facts.engine("sglang").port.default
    30000

The chart reads the same facts from ``facts.json``, which ``modelservice schema`` writes; see
:mod:`modelservice.docs.facts`.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelservice.facts.memory import EngineMemory
    from modelservice.facts.model_shapes import Completions, ModelFamilies
    from modelservice.facts.models import (
        Accelerator,
        Accelerators,
        Certificates,
        DisaggregatedSet,
        Dynamo,
        EndpointPicker,
        Engine,
        FastModelActuation,
        Kubernetes,
        KubernetesDefaults,
        KubernetesFields,
        Kueue,
        ModelsByName,
        OriginalChart,
        RoutingProxy,
        Variables,
    )

DIRECTORY = Path(__file__).parent


@functools.cache
def engines() -> tuple[Engine, ...]:
    """Return all engines, in the order in which their types are listed to people."""
    from modelservice.facts.load import read
    from modelservice.facts.models import Engine

    found = [read(Engine, path) for path in (DIRECTORY / "engines").glob("*.yaml")]
    return tuple(sorted(found, key=lambda item: (_ORDER.index(item.type) if item.type in _ORDER else 99, item.type)))


_ORDER = (
    "vllm",
    "sglang",
    "tensorrtLLM",
    "llamaCpp",
    "ollama",
    "infinity",
    "fasterWhisper",
    "huggingface",
    "simulator",
)


def engine(kind: str) -> Engine | None:
    """Return the engine of a type; None for an unknown one."""
    return next((item for item in engines() if item.type == kind), None)


@functools.cache
def accelerators() -> Accelerators:
    """Return what is known of accelerators."""
    from modelservice.facts.load import read
    from modelservice.facts.models import Accelerators

    return read(Accelerators, DIRECTORY / "accelerators.yaml")


def accelerator(kind: str) -> Accelerator | None:
    """Return the accelerator of a type; None for an unknown one."""
    return accelerators().get(kind)


@functools.cache
def engine_memory() -> EngineMemory:
    """Return how vLLM uses the memory of an accelerator."""
    from modelservice.facts.load import read
    from modelservice.facts.memory import EngineMemory

    return read(EngineMemory, DIRECTORY / "engine-memory.yaml")


@functools.cache
def routing_proxy() -> RoutingProxy:
    """Return what is known of llm-d's routing sidecar."""
    from modelservice.facts.load import read
    from modelservice.facts.models import RoutingProxy

    return read(RoutingProxy, DIRECTORY / "routing-proxy.yaml")


@functools.cache
def endpoint_picker() -> EndpointPicker:
    """Return what is known of the endpoint picker."""
    from modelservice.facts.load import read
    from modelservice.facts.models import EndpointPicker

    return read(EndpointPicker, DIRECTORY / "endpoint-picker.yaml")


@functools.cache
def disaggregated_set() -> DisaggregatedSet:
    """Return what is known of the workload with several roles."""
    from modelservice.facts.load import read
    from modelservice.facts.models import DisaggregatedSet

    return read(DisaggregatedSet, DIRECTORY / "disaggregated-set.yaml")


@functools.cache
def dynamo() -> Dynamo:
    """Return what is known of NVIDIA Dynamo."""
    from modelservice.facts.load import read
    from modelservice.facts.models import Dynamo

    return read(Dynamo, DIRECTORY / "dynamo.yaml")


@functools.cache
def fast_model_actuation() -> FastModelActuation:
    """Return what the controller of dual pods reads."""
    from modelservice.facts.load import read
    from modelservice.facts.models import FastModelActuation

    return read(FastModelActuation, DIRECTORY / "fast-model-actuation.yaml")


@functools.cache
def kubernetes() -> Kubernetes:
    """Return what is known of Kubernetes."""
    from modelservice.facts.load import read
    from modelservice.facts.models import Kubernetes

    return read(Kubernetes, DIRECTORY / "kubernetes.yaml")


@functools.cache
def certificates() -> Certificates:
    """Return how programs are told which certificate authorities to trust."""
    from modelservice.facts.load import read
    from modelservice.facts.models import Certificates

    return read(Certificates, DIRECTORY / "certificates.yaml")


@functools.cache
def kueue() -> Kueue:
    """Return what is known of Kueue."""
    from modelservice.facts.load import read
    from modelservice.facts.models import Kueue

    return read(Kueue, DIRECTORY / "kueue.yaml")


@functools.cache
def original_chart() -> OriginalChart:
    """Return what was otherwise in the versions of the original chart."""
    from modelservice.facts.load import read
    from modelservice.facts.models import OriginalChart

    return read(OriginalChart, DIRECTORY / "original-chart.yaml")


@functools.cache
def variables() -> Variables:
    """Return what forms variables must have."""
    from modelservice.facts.load import read
    from modelservice.facts.models import Variables

    return read(Variables, DIRECTORY / "variables.yaml")


@functools.cache
def kubernetes_defaults() -> KubernetesDefaults:
    """Return the values that the API server fills in."""
    from modelservice.facts.load import read
    from modelservice.facts.models import KubernetesDefaults

    return read(KubernetesDefaults, DIRECTORY / "kubernetes-defaults.yaml")


@functools.cache
def kubernetes_fields() -> KubernetesFields:
    """Return what the API server requires of fields beyond their type."""
    from modelservice.facts.load import read
    from modelservice.facts.models import KubernetesFields

    return read(KubernetesFields, DIRECTORY / "kubernetes-fields.yaml")


@functools.cache
def models_by_name() -> ModelsByName:
    """Return what the names of models tell."""
    from modelservice.facts.load import read
    from modelservice.facts.models import ModelsByName

    return read(ModelsByName, DIRECTORY / "models-by-name.yaml")


# --- configurations of models -------------------------------------------------------------------------------------

CONFIGURATIONS = DIRECTORY / "configurations"
CATALOGUES = ("aiconfigurator", "kaito")
"""Tables with the configurations of models, the one with the whole configurations first."""


@functools.cache
def model_families() -> ModelFamilies:
    """Return how the configurations of families of models are read."""
    from modelservice.facts.load import read
    from modelservice.facts.model_shapes import ModelFamilies

    return read(ModelFamilies, CONFIGURATIONS / "families.yaml")


@functools.cache
def completions() -> Completions:
    """Return the numbers that catalogues leave out of configurations."""
    from modelservice.facts.load import read
    from modelservice.facts.model_shapes import Completions

    return read(Completions, CONFIGURATIONS / "completions.json")


@functools.cache
def catalogue(name: str) -> dict[str, Any]:
    """Return one of :data:`CATALOGUES`: its ``source``, ``version``, and the configurations of ``models``."""
    found: dict[str, Any] = json.loads((CONFIGURATIONS / f"{name}.json").read_text(encoding="utf-8"))
    return found


@functools.cache
def pipeline() -> dict[str, Any]:
    """Return the architectures that vLLM runs with pipeline parallelism, and those that it does not."""
    found: dict[str, Any] = json.loads((CONFIGURATIONS / "pipeline.json").read_text(encoding="utf-8"))
    return found


def supports_pipeline(architecture: str) -> bool | None:
    """Return whether vLLM runs an architecture with pipeline parallelism; None for one that is not known."""
    table = pipeline()
    return True if architecture in table["supported"] else False if architecture in table["refused"] else None
