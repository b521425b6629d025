"""``modelservice generate``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from modelservice.cli.notes import report_note
from modelservice.importers.report import Outcome
from modelservice.importers.systems.llm_d_operator.children import Operator
from modelservice.importers.systems.llm_d_operator.generate import Shape, dry_run
from modelservice.rendered import dump


def command(
    model_service: Annotated[
        str, typer.Option("--modelservice", "-m", metavar="FILE", help="The ModelService; - for standard input.")
    ],
    base: Annotated[str | None, typer.Option("--baseconfig", "-b", metavar="FILE", help="Its base ConfigMap.")] = None,
    namespace: Annotated[str, typer.Option("--namespace", help="Namespace where the ModelService has none.")] = "",
    epp_cluster_role: Annotated[
        str, typer.Option("--epp-cluster-role", help="ClusterRole of the endpoint picker.")
    ] = "",
    epp_pull_secrets: Annotated[
        list[str], typer.Option("--epp-pull-secrets", help="Image pull secrets of the endpoint picker.")
    ] = [],  # noqa: B006
    pd_pull_secrets: Annotated[
        list[str], typer.Option("--pd-pull-secrets", help="Image pull secrets of prefill and decode.")
    ] = [],  # noqa: B006
    output_format: Annotated[
        Shape, typer.Option("--format", help="Manifests from this chart, or the operator's own shape.")
    ] = Shape.manifests,
) -> None:
    """Print what the llm-d ModelService operator would create."""
    operator = Operator(namespace, epp_cluster_role, _names(epp_pull_secrets), _names(pd_pull_secrets))
    result = dry_run(model_service, base, operator)
    if output_format is Shape.manifests:
        sys.stdout.write(result.manifests)
    else:
        sys.stdout.write(dump(result.children))
    for note in result.notes:
        if note.outcome is Outcome.lost:
            report_note(note)


def _names(given: Sequence[str]) -> tuple[str, ...]:
    """Return the names given with repeated options or with commas, as the operator's program takes them."""
    return tuple(name.strip() for item in given for name in item.split(",") if name.strip())
