"""CustomResourceDefinitions that a deployment needs, from the pinned Go modules of their projects.

``python -m localcluster.definitions`` prints them, to install them in a cluster:
``… | kubectl apply --server-side -f -``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from localcluster.binaries import generated_definitions, module_file
from modelservice.errors import ModelserviceError

_GATEWAY_API = ("gatewayclasses", "gateways", "httproutes", "referencegrants")
_INFERENCE = (
    "inference.networking.k8s.io_inferencepools",
    "inference.networking.x-k8s.io_inferenceobjectives",
    "inference.networking.x-k8s.io_inferencemodelrewrites",
    "inference.networking.x-k8s.io_inferencepoolimports",
)
_KEDA = ("scaledobjects", "triggerauthentications")
_MONITORING = ("podmonitors", "servicemonitors", "prometheusrules")
_PROMETHEUS_OPERATOR = "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"


def leader_worker_set() -> dict[str, Any]:
    """Return the definition of LeaderWorkerSet v1 (https://lws.sigs.k8s.io)."""
    return _document(
        module_file("lws", "sigs.k8s.io/lws", "config/crd/bases/leaderworkerset.x-k8s.io_leaderworkersets.yaml")
    )


def disaggregated_set() -> dict[str, Any]:
    """Return the definition of DisaggregatedSet v1, of the same module."""
    return _document(
        module_file("lws", "sigs.k8s.io/lws", "config/crd/bases/disaggregatedset.x-k8s.io_disaggregatedsets.yaml")
    )


def definitions() -> Iterator[dict[str, Any]]:
    """Yield all definitions.

    They are LeaderWorkerSet, DisaggregatedSet, Gateway API Inference Extension (InferencePool v1 and v1alpha2,
    InferenceObjective, InferenceModelRewrite), Gateway API, KEDA and the Prometheus Operator.

    Raises:
        UsageError: no Go toolchain is found or installable.
        ModelserviceError: a module cannot be downloaded.
    """
    yield leader_worker_set()
    yield disaggregated_set()
    for name in _INFERENCE:
        yield _document(
            module_file("gaie", "sigs.k8s.io/gateway-api-inference-extension", f"config/crd/bases/{name}.yaml")
        )
    # The last release with the v1alpha2 InferencePool. Its API group differs, so both can be installed.
    old = "config/crd/bases/inference.networking.x-k8s.io_inferencepools.yaml"
    yield _document(module_file("gaie-1.2", "sigs.k8s.io/gateway-api-inference-extension", old))
    for name in _GATEWAY_API:
        # The experimental channel has all fields of the standard channel and more.
        relative = f"config/crd/experimental/gateway.networking.k8s.io_{name}.yaml"
        yield _document(module_file("definitions", "sigs.k8s.io/gateway-api", relative))
    for name in _KEDA:
        relative = f"config/crd/bases/keda.sh_{name}.yaml"
        yield _document(module_file("definitions", "github.com/kedacore/keda/v2", relative))
    for name in _MONITORING:
        yield _document(generated_definitions(_PROMETHEUS_OPERATOR) / f"monitoring.coreos.com_{name}.yaml")


def _document(path: Path) -> dict[str, Any]:
    document = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 # a safe loader
    if not isinstance(document, dict):
        raise ModelserviceError("not one YAML object", file=str(path))
    return document


# The C loader: some files have a million characters.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def main() -> None:
    """Print all definitions, or none: what reads them would apply the part that came before an error."""
    try:
        documents = list(definitions())
    except ModelserviceError as error:
        sys.stderr.write(f"definitions: {error}\n")
        sys.exit(error.exit_code)
    yaml.dump_all(documents, sys.stdout, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False)


if __name__ == "__main__":
    main()
