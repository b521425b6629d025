"""The server: what editors ask, and when files are analysed.

Everything that renders runs in one other thread, so that typing is never held up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from lsprotocol import types
from pygls.capabilities import get_capability
from pygls.lsp.server import LanguageServer

from modelservice import version
from modelservice.lsp.analysis import analyse
from modelservice.lsp.completion import completions
from modelservice.lsp.hints import hints
from modelservice.lsp.hover import hover
from modelservice.lsp.layers import Setting, settings
from modelservice.lsp.manifests import Manifests
from modelservice.lsp.positions import Text
from modelservice.lsp.shown import shown
from modelservice.lsp.symbols import symbols
from modelservice.lsp.workspace import Workspace, assess, path_of
from modelservice.project import Stack

DELAY = 0.1
"""Seconds without a key stroke before files are analysed."""

SHOW_MANIFESTS = "modelservice.showManifests"
"""Command that opens the rendered manifests of a file, which is its argument."""

Result = TypeVar("Result")


class Server(LanguageServer):
    """The language server of values files."""

    def __init__(self) -> None:
        super().__init__(
            "modelservice", version(), text_document_sync_kind=types.TextDocumentSyncKind.Full, max_workers=1
        )
        self.files = Workspace()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="analysis")
        self._waiting: asyncio.TimerHandle | None = None
        self._running: asyncio.Task[None] | None = None
        self.manifests = Manifests()
        self._sent: dict[Path, types.PublishDiagnosticsParams] = {}

    async def away(self, work: Callable[[], Result]) -> Result:
        """Run something that renders in the other thread, after what is there already."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    def warm_up(self) -> None:
        """Load what the first analyses would wait for, while nothing is open yet."""
        stack = Stack("", ("preset:topology/pd",))
        for _ in range(2):  # from the second render on, the schema is compiled
            self._worker.submit(analyse, stack, {})

    def changed(self, delay: float = DELAY) -> None:
        """Analyse all files when nothing changes any more."""
        if self._waiting:
            self._waiting.cancel()
        self._waiting = asyncio.get_running_loop().call_later(delay, self._start)

    def _start(self) -> None:
        self._running = asyncio.ensure_future(self._analyse())

    def location(self, setting: Setting) -> types.Location:
        """Return the place of a key in a layer, in the editor's units."""
        path = setting.file.resolve()
        document = self.files.documents.get(path)
        text = Text(setting.text.content, self.files.codec)
        return types.Location(document.uri if document else path.as_uri(), text.range(setting.entry.key))

    async def _analyse(self) -> None:
        texts, before, versions = self.files.readable(), self.files.analyses, self.files.versions
        self.files.analyses = await self.away(lambda: assess(texts, before))
        if versions == self.files.versions:  # else the next analysis waits already
            self._publish()
        await self.away(self._refresh_manifests)

    def _refresh_manifests(self) -> None:
        for document in list(self.files.documents.values()):
            if analysis := self.files.analysis_of(document):
                self.manifests.refresh(document.path, analysis)

    async def show_manifests(self, uri: str) -> str | None:
        """Show the rendered manifests of a values file, and return the file that has them."""
        document = self.files.document(uri)
        analysis = document and self.files.analysis_of(document)
        file = await self.away(lambda: self.manifests.open(path_of(uri), analysis)) if analysis else None
        if file is None:
            self._warn("The manifests cannot be shown: the values are rejected, or are not those of this chart.")
            return None
        if get_capability(self.client_capabilities, "window.show_document.support", False):
            await self.window_show_document_async(types.ShowDocumentParams(file.as_uri(), take_focus=False))
        return file.as_uri()

    def _warn(self, message: str) -> None:
        self.window_show_message(types.ShowMessageParams(types.MessageType.Warning, message))

    def _publish(self) -> None:
        """Send the diagnostics of every file whose text or diagnostics are not those that were sent last."""
        current = {path: self._parameters(path, found) for path, found in shown(self.files).items()}
        for path, sent in self._sent.items():
            current.setdefault(path, types.PublishDiagnosticsParams(sent.uri, []))
        for path, parameters in current.items():
            if self._sent.get(path) != parameters:
                self.text_document_publish_diagnostics(parameters)
        self._sent = {path: item for path, item in current.items() if item.diagnostics or path in self.files.documents}

    def _parameters(self, path: Path, found: list[types.Diagnostic]) -> types.PublishDiagnosticsParams:
        document = self.files.documents.get(path)
        if document is None:
            return types.PublishDiagnosticsParams(path.as_uri(), found)
        return types.PublishDiagnosticsParams(document.uri, found, document.version)


def server() -> Server:
    """Return a server with everything that it answers."""
    found = Server()
    _follow_files(found)
    _answer(found)
    _run_commands(found)
    return found


def _follow_files(server: Server) -> None:
    """Keep the open files."""

    @server.feature(types.INITIALIZED)
    def initialized(_: types.InitializedParams) -> None:
        server.files.codec = server.workspace.position_codec
        server.warm_up()

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    async def opened(params: types.DidOpenTextDocumentParams) -> None:
        server.files.open(params.text_document.uri, params.text_document.text, params.text_document.version)
        server.changed(delay=0)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    async def typed(params: types.DidChangeTextDocumentParams) -> None:
        change = params.content_changes[-1]  # the whole text
        server.files.open(params.text_document.uri, change.text, params.text_document.version)
        server.changed()

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    async def closed(params: types.DidCloseTextDocumentParams) -> None:
        server.files.close(params.text_document.uri)
        server.changed(delay=0)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    async def saved(_: types.DidSaveTextDocumentParams) -> None:
        server.changed(delay=0)

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    async def changed_on_disk(_: types.DidChangeWatchedFilesParams) -> None:
        server.changed(delay=0)


def _answer(server: Server) -> None:
    """Answer what editors ask about a place in a file."""

    @server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=["-", "=", " ", "/"]))
    def complete(params: types.CompletionParams) -> types.CompletionList | None:
        document = server.files.values_file(params.text_document.uri)
        return completions(document.text, params.position, server.files.analysis_of(document)) if document else None

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    async def explain(params: types.HoverParams) -> types.Hover | None:
        known = server.files.known(params.text_document.uri)
        return await server.away(lambda: hover(known, params.position)) if known else None

    @server.feature(types.TEXT_DOCUMENT_INLAY_HINT)
    async def hint(params: types.InlayHintParams) -> list[types.InlayHint] | None:
        known = server.files.known(params.text_document.uri)
        return await server.away(lambda: hints(known, params.range)) if known else None

    @server.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def outline(params: types.DocumentSymbolParams) -> list[types.DocumentSymbol] | None:
        document = server.files.values_file(params.text_document.uri)
        return symbols(document.text, document.tree) if document and document.tree else None

    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    def define(params: types.DefinitionParams) -> list[types.Location] | None:
        known = server.files.known(params.text_document.uri)
        entry = known.tree.at(known.text.offset(params.position)) if known else None
        if known is None or entry is None:
            return None
        return [server.location(item) for item in settings(entry.path, known.analysis)]


def _run_commands(server: Server) -> None:
    """Run what editors offer as commands."""

    @server.command(SHOW_MANIFESTS)
    async def show_manifests(uri: str) -> str | None:
        return await server.show_manifests(uri)

    @server.feature(types.SHUTDOWN)
    def shut_down(_: None) -> None:
        server.manifests.close()
