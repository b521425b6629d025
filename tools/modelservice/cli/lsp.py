"""``modelservice lsp``."""

from __future__ import annotations

from modelservice.errors import UsageError


def command() -> None:
    """Run the language server for values files, on standard input and output."""
    try:
        from modelservice.lsp.server import server
    except ModuleNotFoundError as error:
        problem = f"the language server needs the Python package {error.name}"
        raise UsageError(problem, fix="pip install 'llm-d-modelservice[lsp]'") from None
    server().start_io()
