"""Imports: another system's spec becomes values of this chart, with a word on every field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from modelservice.errors import ModelserviceError, Problem, UsageError, ValuesError
from modelservice.helm import Release
from modelservice.importers.chart import chart
from modelservice.importers.source.documents import Document, read_documents
from modelservice.importers.source.fields import Outcome, ConversionReport, Note
from modelservice.importers.source.secrets import NeededSecret, SecretCollector
from modelservice.importers.steps.conversion import to_values
from modelservice.importers.systems import (
    digitalhub,
    kserve,
    kubeai,
    llm_d_operator,
    llmos,
    manifests,
)
from modelservice.importers.systems.system import Options as Options
from modelservice.importers.systems.system import Source, System
from modelservice.importers.values_file import values_file
from modelservice.importers.workload import ServedModel

SYSTEMS: dict[str, System] = {
    module.SYSTEM.name: module.SYSTEM
    for module in (
        llm_d_operator,
        kserve,
        kubeai,
        digitalhub,
        llmos,
        manifests,
    )
}
"""The systems that can be imported, the ones with kinds of their own before plain manifests."""


@dataclass(frozen=True)
class Imported:
    """One release's values and what became of its source.

    Args:
        system: name of the system.
        name: name of the model's workloads in the source.
        namespace: its namespace; empty where the source does not say.
        values: values that the chart accepts.
        notes: what was kept, changed and lost.
        secrets: Secrets that the values refer to and that were not copied.
        sources: names of the files.
    """

    system: str
    name: str
    namespace: str
    values: dict[str, Any]
    notes: Sequence[Note]
    secrets: Sequence[NeededSecret]
    sources: Sequence[str]

    @property
    def text(self) -> str:
        """The values file."""
        return values_file(
            self.values,
            system=self.system,
            sources=self.sources,
            notes=self.notes,
            secrets=self.secrets,
            namespace=self.namespace,
        )

    @property
    def losses(self) -> list[Note]:
        """What the chart has nothing for, and what nobody knows."""
        return [note for note in self.notes if note.outcome is Outcome.lost]

    def to_json(self) -> dict[str, Any]:
        """The import for machines."""
        return {
            "system": self.system,
            "name": self.name,
            "namespace": self.namespace,
            "values": self.values,
            "notes": [
                {
                    "outcome": note.outcome,
                    "path": note.path,
                    "values": note.values,
                    "why": note.why,
                    "file": note.file,
                    "unknown": note.unknown,
                }
                for note in self.notes
            ],
            "secrets": [
                {"name": needed.name, "keys": list(needed.keys), "command": needed.command(self.namespace)}
                for needed in self.secrets
            ],
        }


def import_files(system: str | None, files: Sequence[str], options: Options | None = None) -> list[Imported]:
    """Imports every deployment that the files describe.

    Args:
        system: name of the system; recognised by the documents where None.
        files: files, ``-`` for the standard input.
        options: what the command line says beside them.

    Raises:
        UsageError: a file cannot be read, or the system is unknown.
        ModelserviceError: a document has an error, or nothing in the files can be imported.
        ValuesError: the chart refuses what the source asks for.
    """
    documents = read_documents(files)
    chosen = _system(system, documents)
    source = Source(documents, options or Options())
    primary = [document for document in documents if chosen.recognises(document)]
    if not primary:
        kinds = ", ".join(sorted({document.kind or "an object without a kind" for document in documents}))
        other = next((name for name, each in SYSTEMS.items() if any(map(each.recognises, documents))), None)
        raise ModelserviceError(
            f"nothing of {chosen.title} to import, only {kinds}",
            file=", ".join(dict.fromkeys(d.file for d in documents)),
            fix=f"this is {SYSTEMS[other].title}: import it as {other}"
            if other
            else "give the file with the model too",
        )
    drafts = []
    for document in primary:
        report, secrets = ConversionReport(), SecretCollector(f"{document.name or 'imported'}-secrets")
        served = chosen.convert(source.use(document), source, report, secrets)
        if served is not None:
            if not document.name:
                secrets.secret = f"{served.name}-secrets"
            drafts.append((served, document))
    return [_finished(chosen, served, document, source, drafts[0][0] is served) for served, document in drafts]


def _system(name: str | None, documents: Sequence[Document]) -> System:
    if name is not None:
        if name not in SYSTEMS:
            raise UsageError(f"no system {name}", fix=f"write {', '.join(SYSTEMS)}")
        return SYSTEMS[name]
    for system in SYSTEMS.values():
        if any(system.recognises(document) for document in documents):
            return system
    kinds = ", ".join(sorted({document.title for document in documents}))
    raise ModelserviceError(
        f"no system recognised in {kinds}",
        file=documents[0].where(),
        fix=f"name it before the file: {', '.join(SYSTEMS)}",
    )


def _finished(system: System, served: ServedModel, document: Document, source: Source, first: bool) -> Imported:
    if not served.namespace:
        served.namespace = source.options.namespace
    values = to_values(served)
    report = served.report
    if first:
        _unused(system, source, report, served.secrets)
    cleaned, leaked = served.secrets.cleaned(values)
    if leaked:
        report.changed(document.title, "a secret in plain text was removed; put a reference in its place")
    notes = [_clean_note(note, served.secrets) for note in report.notes]
    _accepted(cleaned, served, document)
    return Imported(
        system.name,
        served.name,
        served.namespace,
        cleaned,
        notes,
        served.secrets.all_needed(),
        list(dict.fromkeys(PurePath(item.file).name for item in source.documents)),
    )


def _clean_note(note: Note, secrets: SecretCollector) -> Note:
    return replace(note, path=secrets.cleaned(note.path)[0], why=secrets.cleaned(note.why)[0])


def _unused(system: System, source: Source, report: ConversionReport, secrets: SecretCollector) -> None:
    """Says of every document that nothing was made of it; Secrets become commands."""
    for document in source.documents:
        if document in source.used:
            continue
        if document.kind == "Secret":
            secrets.remember_secret(document.data)
            parts = [document.data.get(part) for part in ("data", "stringData")]
            keys = [key for part in parts if isinstance(part, dict) for key in part]
            secrets.need(document.name or "unnamed", keys, PurePath(document.where()).name)
            why = "Secrets are not copied; the command that creates it is in the header"
            report.changed(document.title, why)
        else:
            why = "not part of the model's spec; apply it beside the release"
            report.lost(document.title, f"{why} ({document.where()})", unknown=not system.parts(document))


def _accepted(values: dict[str, Any], served: ServedModel, document: Document) -> None:
    """Refuses values that the chart refuses: what the source asks for cannot be installed.

    Raises:
        ValuesError: one problem for each thing that the chart refuses.
    """
    try:
        chart().render(values, Release("imported", served.namespace or "default")).objects  # noqa: B018
    except ModelserviceError as error:
        title = document.title if document.kind else served.name
        raise ValuesError(
            [
                Problem(
                    f"the chart refuses what {title} asks for: {problem.message}",
                    document.where(),
                    problem.key,
                    problem.fix,
                )
                for problem in error.problems
            ]
        ) from None
