"""The operator's dry run: what it would create, in its own shape or as manifests from the chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from modelservice.errors import ModelserviceError, UsageError
from modelservice.helm import Release
from modelservice.importers.chart import chart
from modelservice.importers.report import ConversionReport, Note
from modelservice.importers.source.documents import Document, read_documents
from modelservice.importers.source.secrets import SecretCollector
from modelservice.importers.steps import STEPS, to_values
from modelservice.importers.steps.related_objects import adopt_objects
from modelservice.importers.systems.llm_d_operator.children import Operator, make_children
from modelservice.importers.systems.llm_d_operator.convert import objects_of, served_model
from modelservice.importers.systems.llm_d_operator.current import current
from modelservice.importers.systems.llm_d_operator.documents import is_service, read_base, read_service


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
    """Run the operator dry on a file with a ModelService and one with its base ConfigMap.

    Raises:
        UsageError: a file cannot be read.
        ModelserviceError: a file is not what its option says, or the operator cannot make anything of it.
    """
    if model_service == base == "-":
        raise UsageError("standard input can be read once", fix="use - for one of -m and -b")
    report = ConversionReport()
    found = [item for item in read_documents([model_service]) if is_service(item)]
    document = _only(found, "ModelServices of llm-d.ai", model_service)
    secrets = SecretCollector(f"{document.name or 'imported'}-secrets")
    service = read_service(document, report)
    config = read_base(_base_document(base), report) if base is not None else None
    children = make_children(service, config, operator, report)
    model = served_model(service, children, report, operator.namespace)
    model.objects = objects_of(children, secrets)
    if "eppDeployment" in children and "eppRoleBinding" not in children:
        why = "the operator binds the endpoint picker to the ClusterRole of this option; bind its ServiceAccount to one"
        report.lost("--epp-cluster-role", why)
    steps = [step for step in STEPS if step is not adopt_objects]  # the operator's objects stay as they are
    values, _ = secrets.cleaned(to_values(model, report, secrets, steps))
    manifests = chart().render(values, Release("modelservice", model.namespace or "default")).manifests
    shown, _ = secrets.cleaned(current(children))
    return DryRun(dict(sorted(shown.items())), values, manifests, report.notes)


def _base_document(file: str) -> Document:
    return _only([item for item in read_documents([file]) if item.kind == "ConfigMap"], "ConfigMaps", file)


def _only(found: Sequence[Document], words: str, file: str) -> Document:
    if len(found) != 1:
        raise ModelserviceError(f"{len(found)} {words}, but one is expected", file=file)
    return found[0]
