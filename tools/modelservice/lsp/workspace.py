"""The open files of an editor, and the stacks that they belong to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from pygls.uris import to_fs_path, urlparse
from pygls.workspace import PositionCodec

from modelservice.check.finding import Finding
from modelservice.check.runner import unreadable
from modelservice.documents import Source, documents
from modelservice.errors import ModelserviceError
from modelservice.lsp.analysis import Analysis, analyse
from modelservice.lsp.positions import Text
from modelservice.lsp.recognise import is_values_file
from modelservice.lsp.tree import Tree
from modelservice.project import PROJECT_FILE, Stack, project_file, stacks

_SURROGATE = re.compile("[\ud800-\udfff]")
"""Half of a character, which no file can hold."""


class Document:
    """An open file.

    Args:
        uri: what the editor calls it.
        content: its text.
        version: the editor's number of the text.
        codec: the code units in which the editor counts.
    """

    def __init__(self, uri: str, content: str, version: int | None, codec: PositionCodec) -> None:
        self.uri = uri
        self.path = path_of(uri)
        self._codec = codec
        self.good: Text | None = None
        """The last text that could be read."""
        self.update(content, version)

    def update(self, content: str, version: int | None) -> None:
        """Replace the text."""
        self.version = version
        self.text = Text(_SURROGATE.sub("\ufffd", content), self._codec)
        self.tree: Tree | None = None
        self.error: Finding | None = None
        try:
            self.tree = Tree(self.text.content)
            documents(Source(str(self.path), self.text.content))
            self.good = self.text
        except yaml.YAMLError as error:
            self.error = self._unreadable(error)
        except ModelserviceError as error:
            self.error = next(iter(unreadable(error)))

    def _unreadable(self, error: yaml.YAMLError) -> Finding:
        """Return what is wrong in Go's words where Go says so too, since Helm decides."""
        try:
            documents(Source(str(self.path), self.text.content))
        except ModelserviceError as rejected:
            return next(iter(unreadable(rejected)))
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        problem = (error.problem if isinstance(error, yaml.MarkedYAMLError) else None) or str(error)
        file = f"{self.path}:{mark.line + 1}" if mark else str(self.path)
        return next(iter(unreadable(ModelserviceError(f"invalid YAML: {problem}", file=file))))


@dataclass(frozen=True)
class Known:
    """A values file that can be parsed.

    Args:
        text: its text.
        tree: its keys.
        analysis: what is known of the first stack that it is a layer of.
    """

    text: Text
    tree: Tree
    analysis: Analysis


@dataclass
class Workspace:
    """The open files, and what was last found about each stack."""

    codec: PositionCodec = field(default_factory=PositionCodec)
    documents: dict[Path, Document] = field(default_factory=dict)
    analyses: Mapping[tuple[str, str], Analysis] = field(default_factory=dict)
    """By project file and name of the stack; a file in no stack is one of its own."""

    def open(self, uri: str, content: str, version: int | None = None) -> Document:
        """Add a file, or replace its text."""
        path = path_of(uri)
        if path in self.documents:
            self.documents[path].update(content, version)
        else:
            self.documents[path] = Document(uri, content, version, self.codec)
        return self.documents[path]

    def close(self, uri: str) -> None:
        """Remove a file."""
        self.documents.pop(path_of(uri), None)

    def document(self, uri: str) -> Document | None:
        """Return an open file."""
        return self.documents.get(path_of(uri))

    def values_file(self, uri: str) -> Document | None:
        """Return an open file with values: a layer of a stack, or one that looks so while it cannot be read yet."""
        found = self.document(uri)
        if found is None or not (self.analysis_of(found) or is_values_file(found.path, found.text.content)):
            return None
        return found

    def known(self, uri: str) -> Known | None:
        """Return a values file with what is known of its stack; None while it cannot be parsed."""
        document = self.document(uri)
        analysis = self.analysis_of(document) if document else None
        if document is None or document.tree is None or analysis is None:
            return None
        return Known(document.text, document.tree, analysis)

    def current(self, path: Path, content: str) -> tuple[str, Text]:
        """Return what the editor calls a file, and its text as it is now.

        Args:
            path: the file.
            content: its text where it is not open.
        """
        document = self.documents.get(path)
        return (document.uri, document.text) if document else (path.as_uri(), Text(content, self.codec))

    def readable(self) -> dict[Path, str]:
        """Return the texts of the open files: of one that is broken while it is typed, the last good text."""
        return {path: (item.good or item.text).content for path, item in self.documents.items()}

    @property
    def versions(self) -> dict[Path, int | None]:
        """The editor's numbers of the texts of the open files."""
        return {path: item.version for path, item in self.documents.items()}

    def analyses_of(self, document: Document) -> list[Analysis]:
        """Return what is known of the stacks that a file belongs to, as one of their layers first."""
        found = [item for item in self.analyses.values() if name_in(item, document.path)]
        return sorted(found, key=lambda item: name_in(item, document.path) not in item.stack.values)

    def analysis_of(self, document: Document) -> Analysis | None:
        """Return what is known of the first stack that a file is a layer of."""
        return next(
            (item for item in self.analyses_of(document) if name_in(item, document.path) in item.stack.values), None
        )


def assess(texts: Mapping[Path, str], before: Mapping[tuple[str, str], Analysis]) -> dict[tuple[str, str], Analysis]:
    """Return what is known of the stacks of all files.

    Args:
        texts: the texts of the open files, by absolute path.
        before: what was known; a stack whose files are the same is not read again.
    """
    found = {}
    for project, stack in _stacks_of(texts):
        key = (str(project or ""), stack.name or stack.values[0])
        known = before.get(key)
        unchanged = known is not None and known.stack == stack and _same(known, texts)
        found[key] = known if known is not None and unchanged else analyse(stack, texts, project)
    return found


def _same(known: Analysis, texts: Mapping[Path, str]) -> bool:
    """Return whether every file of a stack is open, and has the text that was read."""
    return all(texts.get(Path(name).resolve()) == text.content for name, text in known.texts.items())


def _stacks_of(texts: Mapping[Path, str]) -> Iterator[tuple[Path | None, Stack]]:
    """Yield the stacks of the files, each with its project file; a values file in no stack is one of its own."""
    seen: set[tuple[Path | None, str]] = set()
    for path, text in texts.items():
        if path.name == PROJECT_FILE:
            continue
        project, known = _project(path)
        containing = [item for item in known.values() if path in {Path(file).resolve() for file in item.files}]
        alone = [] if containing or not is_values_file(path, text) else [Stack("", (str(path),))]
        for stack in [*containing, *alone]:
            key = (project, stack.name or str(path))
            if key not in seen:
                seen.add(key)
                yield project, stack


def _project(path: Path) -> tuple[Path | None, dict[str, Stack]]:
    """Return the project file of a file, and its stacks; none where it is malformed, which `check` reports."""
    above = project_file(path.parent) if path.parent.is_dir() else None
    project = above.resolve() if above else None
    try:
        return project, stacks(project) if project else {}
    except ModelserviceError:
        return project, {}


def name_in(analysis: Analysis, path: Path) -> str | None:
    """Return what a stack calls a file; None for a file that is not one of it."""
    return next((name for name in analysis.texts if Path(name).resolve() == path), None)


def path_of(uri: str) -> Path:
    """Return the path of a file; of a text that is in no file yet, one that no file has."""
    path = to_fs_path(uri)
    return Path(path).resolve() if path else Path("/untitled", urlparse(uri)[2].lstrip("/"))
