"""An editor with the language server of values files: a real process, driven over its standard streams."""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from lsprotocol import types
from pygls.lsp.client import LanguageClient

from support.patience import PATIENCE
from support.render import ROOT

Answer = TypeVar("Answer")

MARKED = "# yaml-language-server: $schema=https://example.com/llm-d-modelservice/values.schema.json\n"
"""The line that marks a values file."""

CAPABILITIES = types.ClientCapabilities(
    general=types.GeneralClientCapabilities(position_encodings=[types.PositionEncodingKind.Utf16]),
    window=types.WindowClientCapabilities(show_document=types.ShowDocumentClientCapabilities(support=True)),
    workspace=types.WorkspaceClientCapabilities(apply_edit=True),
)


class ValuesEditor:
    """An editor with some files open.

    Args:
        folder: its working folder.
    """

    def __init__(self, folder: Path, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._folder = loop, folder
        self._client = LanguageClient("editor", "1")
        self._versions: dict[str, int] = {}
        self.published: dict[str, types.PublishDiagnosticsParams] = {}
        self.complaints: list[str] = []
        """What the server shows and logs: its own errors."""
        self.shown: list[str] = []
        """Documents that the server asks the editor to show."""
        self._listen()

    def start(self) -> types.InitializeResult:
        """Start the server."""
        program = [sys.executable, "-m", "modelservice", "lsp"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "tools")}
        self.wait(self._client.start_io(program[0], *program[1:], cwd=self._folder, env=environment))
        parameters = types.InitializeParams(CAPABILITIES, root_uri=self._folder.as_uri())
        result = self.wait(self._client.initialize_async(parameters))
        self._client.initialized(types.InitializedParams())
        return result

    def stop(self) -> None:
        """Stop the server, which exits by itself."""
        self.wait(self._client.shutdown_async(None))
        self._client.exit(None)
        self.wait(self._client.stop())

    def wait(self, question: Coroutine[Any, Any, Answer]) -> Answer:
        """Return the answer to a question."""
        return asyncio.run_coroutine_threadsafe(question, self._loop).result(PATIENCE)

    def type(self, path: Path | str, text: str) -> None:
        """Open a file with a text, or replace its text."""
        uri = uri_of(path)
        version = self._versions[uri] = self._versions.get(uri, 0) + 1
        if version == 1:
            self.published.pop(uri, None)
            item = types.TextDocumentItem(uri, "yaml", version, text)
            self._tell(self._client.text_document_did_open, types.DidOpenTextDocumentParams(item))
            return
        identifier = types.VersionedTextDocumentIdentifier(version=version, uri=uri)
        changes: list[types.TextDocumentContentChangeEvent] = [types.TextDocumentContentChangeWholeDocument(text)]
        self._tell(self._client.text_document_did_change, types.DidChangeTextDocumentParams(identifier, changes))

    def close(self, path: Path | str) -> None:
        """Close a file."""
        identifier = types.TextDocumentIdentifier(uri_of(path))
        self._versions.pop(uri_of(path), None)
        self._tell(self._client.text_document_did_close, types.DidCloseTextDocumentParams(identifier))

    def changed_on_disk(self, path: Path) -> None:
        """Say that another program has changed a file."""
        event = types.FileEvent(uri_of(path), types.FileChangeType.Changed)
        self._tell(self._client.workspace_did_change_watched_files, types.DidChangeWatchedFilesParams([event]))

    def diagnostics(self, path: Path | str) -> list[types.Diagnostic]:
        """Return the diagnostics of a file's present text."""
        uri = uri_of(path)
        self.until(lambda: uri in self.published and self.published[uri].version == self._versions.get(uri))
        return list(self.published[uri].diagnostics)

    def until(self, happened: Callable[[], bool]) -> None:
        """Wait for something that the server does."""
        end = time.monotonic() + PATIENCE
        while not happened():
            assert time.monotonic() < end, self.complaints
            time.sleep(0.01)

    def ask(self, method: str, parameters: Any) -> Any:
        """Return the answer to a request."""

        async def answer() -> Any:
            return await self._client.protocol.send_request_async(method, parameters)

        return self.wait(answer())

    def _tell(self, notification: Callable[[Any], None], parameters: Any) -> None:
        self._loop.call_soon_threadsafe(notification, parameters)

    def _listen(self) -> None:
        def publish(parameters: types.PublishDiagnosticsParams) -> None:
            self.published[parameters.uri] = parameters

        def complain(parameters: types.ShowMessageParams | types.LogMessageParams) -> None:
            self.complaints.append(parameters.message)

        def show(parameters: types.ShowDocumentParams) -> types.ShowDocumentResult:
            self.shown.append(parameters.uri)
            return types.ShowDocumentResult(success=True)

        for method, handler in (
            (types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, publish),
            (types.WINDOW_SHOW_MESSAGE, complain),
            (types.WINDOW_LOG_MESSAGE, complain),
            (types.WINDOW_SHOW_DOCUMENT, show),
        ):
            self._client.feature(method)(handler)


def uri_of(path: Path | str) -> str:
    """Return what an editor calls a file; a text in no file has a name of another scheme."""
    return path if isinstance(path, str) else path.as_uri()


@contextmanager
def values_editor(folder: Path) -> Iterator[ValuesEditor]:
    """Start an editor with the server in a folder; the server must not complain about itself."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    editor = ValuesEditor(folder, loop)
    try:
        editor.start()
        yield editor
        editor.stop()
        assert editor.complaints == []
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def lines(text: str, found: types.Range) -> str:
    """Return the text in a range, counted in UTF-16 as the editor does."""
    rows = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")

    def part(line: int, start: int, end: int | None) -> str:
        units = rows[line].encode("utf-16-le")
        return units[2 * start : None if end is None else 2 * end].decode("utf-16-le")

    first, last = found.start, found.end
    if first.line == last.line:
        return part(first.line, first.character, last.character)
    middle = rows[first.line + 1 : last.line]
    return "\n".join([part(first.line, first.character, None), *middle, part(last.line, 0, last.character)])
