"""Imports convert the specs of other systems to values of this chart and report what becomes of each field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from modelservice.errors import ModelserviceError, Problem, UsageError, ValuesError
from modelservice.importers.chart import check_renders
from modelservice.importers.imported import Imported
from modelservice.importers.source.documents import Document, read_documents
from modelservice.importers.steps import to_values
from modelservice.importers.systems import SYSTEMS
from modelservice.importers.systems.system import Conversion, Options, Source, System
from modelservice.importers.workload import ServedModel


def import_files(system: str | None, files: Sequence[str], options: Options | None = None) -> list[Imported]:
    """Import every deployment that the files describe.

    Args:
        system: name of the system; recognised by the documents where None.
        files: files, ``-`` for standard input.
        options: options of the command line.

    Raises:
        UsageError: a file cannot be read, or the system is unknown.
        ModelserviceError: a document has an error, or nothing in the files can be imported.
        ValuesError: the chart rejects what the source asks for.
    """
    documents = read_documents(files)
    chosen = _system(system, documents)
    primary = [document for document in documents if chosen.recognises(document)]
    if not primary:
        raise _nothing_of(chosen, documents)
    source = Source(documents, options or Options())
    found = []
    for document in primary:
        conversion = Conversion(document, source)
        model = chosen.convert(conversion)
        if model is not None:
            found.append((conversion, model))
    return [_finish(chosen, conversion, model, index == 0) for index, (conversion, model) in enumerate(found)]


def _system(name: str | None, documents: Sequence[Document]) -> System:
    if name is not None:
        if name not in SYSTEMS:
            raise UsageError(f"no system {name}", fix=f"use one of {', '.join(SYSTEMS)}")
        return SYSTEMS[name]
    for system in SYSTEMS.values():
        if any(system.recognises(document) for document in documents):
            return system
    raise _values_given(documents) or _unknown(documents)


def _unknown(documents: Sequence[Document]) -> ModelserviceError:
    kinds = ", ".join(sorted({document.title for document in documents}))
    takes = ", ".join(system.title for system in SYSTEMS.values())
    reason = _reason(documents) or f"no importer takes {kinds}"
    return ModelserviceError(reason, file=documents[0].where(), fix=f"import one of these: {takes}")


def _reason(documents: Sequence[Document]) -> str:
    """Return why documents of kinds that an importer takes are no deployments; empty where there are none."""
    found = [system.why_not(document) for system in SYSTEMS.values() for document in documents]
    return "; ".join(filter(None, found))


def _values_given(documents: Sequence[Document]) -> ModelserviceError | None:
    """Return the error about values of this chart or of the original one; None for anything else."""
    for document in documents:
        data = document.data
        if document.kind or not isinstance(data, dict):
            continue
        inner = next((value for value in data.values() if isinstance(value, dict) and _are_values(value)), None)
        if _are_values(data):
            fix = "use the file with -f, as the keys of the original chart work too: modelservice check -f FILE"
            return ModelserviceError("these are values of this chart already", file=document.where(), fix=fix)
        if inner is not None:
            fix = "give the parent chart with --chart, and --subchart"
            return ModelserviceError("values of a chart over this one, not of a system", file=document.where(), fix=fix)
    return None


def _are_values(data: Mapping[str, Any]) -> bool:
    """Return whether a map has sections that values of this chart have, and no other chart's."""
    return "modelArtifacts" in data or {"decode", "prefill"} & data.keys() != set()


def _nothing_of(system: System, documents: Sequence[Document]) -> ModelserviceError:
    kinds = ", ".join(sorted({document.kind or "an object without a kind" for document in documents}))
    other = next((item for item in SYSTEMS.values() if any(map(item.recognises, documents))), None)
    return (not other and _values_given(documents)) or ModelserviceError(
        (not other and _reason(documents)) or f"nothing of {system.title} to import, only {kinds}",
        file=", ".join(dict.fromkeys(document.file for document in documents)),
        fix=f"this is {other.title}: import it as {other.name}" if other else "add the file with the model",
    )


def _finish(system: System, conversion: Conversion, model: ServedModel, first: bool) -> Imported:
    """Return the import of a converted model; the first one reports the documents that none used."""
    source, report, secrets = conversion.source, conversion.report, conversion.secrets
    if not conversion.document.name:
        secrets.secret = f"{model.name}-secrets"
    if not model.namespace:
        model.namespace = source.options.namespace
    values = to_values(model, report, secrets)
    if first:
        _report_unused(system, conversion)
    cleaned, leaked = secrets.cleaned(values)
    if leaked:
        why = "a secret in plain text was removed; set a reference in its place"
        report.changed(conversion.document.title, why)
    _check(cleaned, conversion.document, model)
    notes = [
        replace(note, path=secrets.cleaned(note.path)[0], why=secrets.cleaned(note.why)[0]) for note in report.notes
    ]
    files = list(dict.fromkeys(PurePath(document.file).name for document in source.documents))
    name = str(values["fullnameOverride"])
    return Imported(system.name, name, model.namespace, cleaned, notes, secrets.all_needed(), files)


def _report_unused(system: System, conversion: Conversion) -> None:
    """Report every document that no conversion used; Secrets become commands."""
    report, secrets, source = conversion.report, conversion.secrets, conversion.source
    for document in source.documents:
        if document in source.used:
            continue
        if document.kind == "Secret":
            secrets.remember_secret(document.data)
            parts = [document.data.get(part) for part in ("data", "stringData")]
            keys = [key for part in parts if isinstance(part, dict) for key in part]
            secrets.need(document.name or "unnamed", keys, PurePath(document.where()).name)
            report.changed(document.title, "Secrets are not copied; the header has the command that creates it")
        else:
            why = source.reason(document) or "not part of the model's spec; apply it next to the release"
            why = f"{why} ({document.where()})"
            report.lost(document.title, why, unknown=not system.parts(document))


def _check(values: dict[str, Any], document: Document, model: ServedModel) -> None:
    """Check that the chart accepts values.

    Raises:
        ValuesError: one problem for each thing that the chart rejects.
    """
    try:
        check_renders(values, model.namespace)
    except ModelserviceError as error:
        title = document.title if document.kind else model.name
        raise ValuesError(
            [
                Problem(
                    f"the chart rejects what {title} asks for: {problem.message}",
                    document.where(),
                    problem.key,
                    problem.fix,
                )
                for problem in error.problems
            ]
        ) from None
