"""The YAML language server that editors run, driven as an editor does.

https://github.com/redhat-developer/yaml-language-server, from npm, installed once into the cache.
"""

import itertools
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.node_packages import node_modules

VERSION = "2.0.0"
"""https://www.npmjs.com/package/yaml-language-server"""


def executable() -> Path:
    """Return the server's path; skip where it cannot be installed."""
    packages = node_modules(f"yaml-language-server-{VERSION}", "install", f"yaml-language-server@{VERSION}")
    return packages / "yaml-language-server" / "bin" / "yaml-language-server"


class Editor:
    """One document in an editor whose text is replaced for each question."""

    def __init__(self, process: "subprocess.Popen[bytes]", schema: Path) -> None:
        self._process, self._ids, self._versions = process, itertools.count(1), itertools.count(1)
        self._first_line = f"# yaml-language-server: $schema={schema.as_uri()}\n"
        self._uri = (schema.parent / "edited.yaml").as_uri()
        formats = {"contentFormat": ["markdown"], "completionItem": {"documentationFormat": ["markdown"]}}
        capabilities = {"textDocument": {"hover": formats, "completion": formats}}
        self._ask("initialize", processId=os.getpid(), rootUri=None, capabilities=capabilities)
        self._tell("initialized")
        document = {"uri": self._uri, "languageId": "yaml", "version": 0, "text": self._first_line}
        self._tell("textDocument/didOpen", textDocument=document)

    def completions(self, text: str) -> dict[str, str]:
        """Return what is offered at the end of a text: the text that each label inserts."""
        answer = self._ask("textDocument/completion", **self._at_the_end_of(text))
        items = answer["items"] if isinstance(answer, dict) else answer or []
        return {item["label"]: item.get("insertText") or item["textEdit"]["newText"] for item in items}

    def hover(self, text: str) -> str:
        """Return what is shown about the word at the end of a text."""
        answer = self._ask("textDocument/hover", **self._at_the_end_of(text)) or {"contents": {"value": ""}}
        return str(answer["contents"]["value"])

    def problems(self, text: str) -> list[str]:
        """Return the messages that are shown for a text."""
        version = self._replace(text)
        while True:
            message = self._receive()
            if message.get("method") == "textDocument/publishDiagnostics" and self._is_current(message, version):
                return [item["message"] for item in message["params"]["diagnostics"]]

    def _is_current(self, message: dict[str, Any], version: int) -> bool:
        return bool(message["params"].get("version", version) == version)

    def _at_the_end_of(self, text: str) -> dict[str, Any]:
        self._replace(text)
        *above, last = text.split("\n")
        return {
            "textDocument": {"uri": self._uri},
            "position": {"line": len(above) + 1, "character": len(last)},
        }

    def _replace(self, text: str) -> int:
        version = next(self._versions)
        document = {"uri": self._uri, "version": version}
        changes = [{"text": self._first_line + text}]
        self._tell("textDocument/didChange", textDocument=document, contentChanges=changes)
        return version

    def _ask(self, method: str, **parameters: Any) -> Any:
        number = next(self._ids)
        self._send({"id": number, "method": method, "params": parameters})
        while True:
            message = self._receive()
            if message.get("id") == number and "method" not in message:
                assert "error" not in message, message
                return message["result"]

    def _tell(self, method: str, **parameters: Any) -> None:
        self._send({"method": method, "params": parameters})

    def _receive(self) -> dict[str, Any]:
        """Return the next message; the server's own questions get an empty answer."""
        output = self._process.stdout
        assert output is not None
        length = 0
        while line := output.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        assert length, "the server exited"
        message: dict[str, Any] = json.loads(output.read(length))
        if "id" in message and "method" in message:
            asked = len(message["params"].get("items", [])) if message["method"] == "workspace/configuration" else 0
            self._send({"id": message["id"], "result": [{}] * asked or None})
        return message

    def _send(self, message: dict[str, Any]) -> None:
        content = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(content), content))
        self._process.stdin.flush()


@contextmanager
def editor(schema: Path) -> Iterator[Editor]:
    """Open an editor whose document has a schema."""
    command = ["node", str(executable()), "--stdio"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            yield Editor(process, schema)
        finally:
            process.kill()
