"""How long an editor waits for the language server, against one `check` and the YAML language server in the same run."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lsprotocol import types
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from modelservice.lsp.server import DELAY
from support.language_server import editor as yaml_editor
from support.values_editor import ValuesEditor, values_editor

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "charts" / "llm-d-modelservice" / "values.schema.json"
VALUES = (ROOT / "examples" / "values-pd.yaml").read_text(encoding="utf-8")
TIMES = 10
COMPLETED, HOVERED = "decode:\n  par", "decode:\n  parallelism:\n    tensor"
"""Texts at whose ends both servers are asked."""


def median(action: Callable[[int], object]) -> float:
    """Return the median of the seconds that an action takes; the first times, which load things, do not count."""
    taken = []
    for number in range(TIMES + 3):
        start = time.perf_counter()
        action(number)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[3:])


def check(path: Path) -> None:
    command = [sys.executable, "-m", "modelservice", "check", "-f", str(path)]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def ask(editor: ValuesEditor, path: Path, text: str, method: str, parameters: type) -> object:
    """Ask about the end of a text."""
    line = f"# yaml-language-server: $schema={SCHEMA.as_uri()}\n"
    editor.type(path, line + text)
    rows = text.split("\n")
    position = types.Position(len(rows), len(rows[-1]))
    return editor.ask(method, parameters(types.TextDocumentIdentifier(path.as_uri()), position))


def main() -> None:
    """Print the times, and fail where the server is slower than it has to be."""
    console = Console()
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "values.yaml")
        path.write_text(VALUES, encoding="utf-8")
        one_check = median(lambda _: check(path))
        with values_editor(Path(scratch)) as editor:

            def type_a_key(number: int) -> None:
                editor.type(path, VALUES.replace("  replicas: 2", f"  replicas: {number + 3}"))
                editor.diagnostics(path)

            typed = median(type_a_key)
            completion, hover = types.TEXT_DOCUMENT_COMPLETION, types.TEXT_DOCUMENT_HOVER
            ours = {
                "completion": median(lambda _: ask(editor, path, COMPLETED, completion, types.CompletionParams)),
                "hover": median(lambda _: ask(editor, path, HOVERED, hover, types.HoverParams)),
            }
        with yaml_editor(SCHEMA) as other:
            theirs = {
                "completion": median(lambda _: other.completions(COMPLETED)),
                "hover": median(lambda _: other.hover(HOVERED)),
            }
    ratio = typed / one_check
    console.print(f"key stroke to diagnostics: {typed * 1000:.0f} ms, of which {DELAY * 1000:.0f} ms are the pause")
    console.print(f"one check: {one_check * 1000:.0f} ms; diagnostics take {ratio:.2f} of it")
    for name, seconds in ours.items():
        console.print(f"{name}: {seconds * 1000:.1f} ms, YAML language server: {theirs[name] * 1000:.1f} ms")
    slower = [name for name, seconds in ours.items() if seconds > theirs[name]]
    sys.exit(1 if ratio > 1 or slower else 0)


if __name__ == "__main__":
    main()
