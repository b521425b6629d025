"""The llm-d operator's dry run: what it would create, in its own shape or as manifests from the chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from modelservice.errors import ModelserviceError, UsageError
from modelservice.helm import Release
from modelservice.importers.chart import chart
from modelservice.importers.source.documents import read_documents
from modelservice.importers.source.fields import Outcome, ConversionReport, Note
from modelservice.importers.source.secrets import SecretCollector
from modelservice.importers.steps.conversion import to_values
from modelservice.importers.systems import llm_d_operator
from modelservice.importers.systems.llm_d_operator.baseconfig import Operator, children


class Shape(StrEnum):
    """Output formats of the dry run."""

    manifests = "manifests"
    baseconfig = "baseconfig"


@dataclass(frozen=True)
class DryRun:
    """What the operator would create.

    Args:
        children: its objects by key of the base ConfigMap, sorted, in the API versions that are served today.
        values: the values that give the same from the chart.
        manifests: what the chart renders from them.
        notes: what became of the source.
    """

    children: Mapping[str, Any]
    values: Mapping[str, Any]
    manifests: str
    notes: Sequence[Note]


def dry_run(model_service: str, base: str | None, operator: Operator) -> DryRun:
    """Runs the operator dry on a file with a ModelService and one with its base ConfigMap.

    Raises:
        UsageError: a file cannot be read.
        ModelserviceError: a file is not what its option says, or the operator could make nothing of it.
    """
    if model_service == base == "-":
        raise UsageError("the standard input can be read once", fix="give - to one of -m and -b")
    documents = [item for item in read_documents([model_service]) if llm_d_operator.SYSTEM.recognises(item)]
    if len(documents) != 1:
        raise ModelserviceError(f"{len(documents)} ModelServices of llm-d.ai, but one is expected", file=model_service)
    report, secrets = ConversionReport(), SecretCollector(f"{documents[0].name or 'imported'}-secrets")
    service = read_fields(documents[0], report)
    config, config_document = None, None
    if base is not None:
        found = [item for item in read_documents([base]) if item.kind == "ConfigMap"]
        if len(found) != 1:
            raise ModelserviceError(f"{len(found)} ConfigMaps, but one is expected", file=base)
        config_document = found[0]
        config = read_fields(config_document, llm_d_operator.BASE_FIELDS)
    made = children(service, documents[0], config, config_document, operator, report)
    served = llm_d_operator.served(service, made, report, secrets, operator.namespace)
    served.objects = llm_d_operator.objects_of(made, secrets)
    if "eppDeployment" in made and "eppRoleBinding" not in made:
        report.lost("--epp-cluster-role",
            "the operator binds the endpoint picker to the ClusterRole of this option; bind its ServiceAccount to one",
        )
    values, _ = secrets.cleaned(to_values(served, objects_as_keys=False))
    release = Release("modelservice", served.namespace or "default")
    manifests = chart().render(values, release).manifests
    shown, _ = secrets.cleaned(_today(made))
    return DryRun(dict(sorted(shown.items())), values, manifests, report.notes)


def _today(made: Mapping[str, Any]) -> dict[str, Any]:
    """The operator's objects in the API versions that are served today."""
    result = dict(made)
    if "httpRoute" in result:
        result["httpRoute"] = llm_d_operator.current_route(result["httpRoute"])
    if "inferencePool" in result:
        result["inferencePool"] = llm_d_operator.current_pool(result["inferencePool"], result.get("eppService"))
    if "inferenceModel" in result:
        result["inferenceModel"] = llm_d_operator.current_objective(result["inferenceModel"])
    return result
