"""What an importer is: a name, what it recognises, what it declares of the source's fields, and a conversion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from modelservice.importers.source.documents import Document
from modelservice.importers.source.fields import Field, Ledger
from modelservice.importers.source.secrets import Vault
from modelservice.importers.workload import Serving


@dataclass(frozen=True)
class Options:
    """What the command line says beside the files.

    Args:
        namespace: namespace where the source does not say one.
        stores: what a registry's own references (``store://…``) mean, as URIs.
        default_replicas: fills in what the original API server would.
    """

    namespace: str = ""
    stores: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Source:
    """The documents of one import.

    Args:
        documents: all of them.
        options: the command line's.
        used: what a conversion made something of; the others are reported.
    """

    documents: Sequence[Document]
    options: Options
    used: list[Document] = field(default_factory=list)

    def use(self, document: Document) -> Document:
        """Marks a document as used."""
        if document not in self.used:
            self.used.append(document)
        return document


@dataclass(frozen=True)
class System:
    """A system that deployments come from.

    Args:
        name: what the command line calls it.
        title: what people call it.
        recognises: whether a document is one that the system makes a deployment of.
        parts: whether a document belongs to the system in another way (a preset, a profile).
        fields: what becomes of each field, by kind of document.
        convert: what the system's controller would run for one recognised document; None where another one's
            conversion has it.
    """

    name: str
    title: str
    recognises: Callable[[Document], bool]
    parts: Callable[[Document], bool]
    fields: Mapping[str, Sequence[Field]]
    convert: Callable[[Document, Source, Ledger, Vault], Serving | None]
