"""What an importer is: a name, the documents it recognises, the fields it declares, and a conversion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelservice.errors import ModelserviceError
from modelservice.importers.report import ConversionReport
from modelservice.importers.source.documents import Document, dotted
from modelservice.importers.source.fields import Field
from modelservice.importers.source.reader import read_fields
from modelservice.importers.source.secrets import SecretCollector
from modelservice.importers.workload import ServedModel


@dataclass(frozen=True)
class Options:
    """Options of the command line.

    Args:
        namespace: namespace where the source does not state one.
        stores: what a registry's own references (``store://…``) mean, as URIs.
    """

    namespace: str = ""
    stores: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Source:
    """The documents of one import.

    Args:
        documents: all of them.
        options: options of the command line.
        used: documents that a conversion read; the others are reported.
        left: reasons why documents stay outside of the release, by their place in the list.
    """

    documents: Sequence[Document]
    options: Options
    used: list[Document] = field(default_factory=list)
    left: dict[int, str] = field(default_factory=dict)

    def use(self, document: Document) -> Document:
        """Mark a document as used, and return it."""
        if document not in self.used:
            self.used.append(document)
        return document

    def leave(self, document: Document, why: str) -> None:
        """Leave a document outside of the release, with the reason."""
        self.used = [item for item in self.used if item is not document]
        self.left[self._place(document)] = why

    def reason(self, document: Document) -> str | None:
        """Return why a document stays outside of the release; None where no conversion said so."""
        return self.left.get(self._place(document))

    def _place(self, document: Document) -> int:
        return next(place for place, item in enumerate(self.documents) if item is document)


class Conversion:
    """The conversion of one document.

    Attributes:
        document: the document that describes the model.
        source: all documents.
        report: what became of each field.
        secrets: secrets that were taken out.
    """

    def __init__(self, document: Document, source: Source) -> None:
        self.document = source.use(document)
        self.source = source
        self.report = ConversionReport()
        self.secrets = SecretCollector(f"{document.name or 'imported'}-secrets")

    def read(self, fields: Sequence[Field], document: Document | None = None) -> dict[str, Any]:
        """Return the document, or another one of the source, checked against declarations.

        Raises:
            ValuesError: a field has another type.
        """
        return read_fields(self.source.use(document) if document else self.document, fields, self.report)

    def namespace(self, data: Mapping[str, Any]) -> str:
        """Return the namespace of an object, else that of the command line."""
        return str(data.get("metadata", {}).get("namespace") or self.source.options.namespace)

    def error(
        self, message: str, path: Sequence[str | int] = (), *, key: str | None = None, fix: str | None = None
    ) -> ModelserviceError:
        """Return an error about a part of the document.

        Args:
            message: the problem.
            path: path in the document, of which the line is named.
            key: name of the key; the path where None.
            fix: what to set instead.
        """
        where = self.document.where(path)
        return ModelserviceError(message, file=where, key=key or dotted(path) or None, fix=fix)


@dataclass(frozen=True)
class System:
    """A system that deployments come from.

    Args:
        name: name on the command line.
        title: name for people.
        recognises: whether the system makes a deployment of a document.
        parts: whether a document belongs to the system in another way, e.g. as a preset or a profile.
        fields: what becomes of each field, by kind of document.
        convert: returns what the system's controller would run for a recognised document; None where the conversion
            of another document covers it.
        why_not: returns why it makes no deployment of a document of a kind that it takes; empty for other documents.
    """

    name: str
    title: str
    recognises: Callable[[Document], bool]
    parts: Callable[[Document], bool]
    fields: Mapping[str, Sequence[Field]]
    convert: Callable[[Conversion], ServedModel | None]
    why_not: Callable[[Document], str] = lambda _: ""
