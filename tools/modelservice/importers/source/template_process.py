"""A process of its own that renders templates of a source, which a template cannot take longer or larger than allowed.

Helm's engine cannot be stopped inside of a process, and Go ends the process that has no memory left. Run as a module,
this reads what :func:`render_apart` is given as JSON on standard input, and prints the texts, or the error.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from modelservice.errors import ModelserviceError

SECONDS = 20
MEMORY = 4 * 2**30
"""Bytes of address space; Go reserves one of them before it begins."""
LARGEST = 16 * 2**20
"""Characters of all rendered texts."""


def render_apart(
    texts: Mapping[str, tuple[str, str]], variables: Mapping[str, Any], named: Mapping[str, str]
) -> dict[str, str]:
    """Return templates by key, rendered in another process.

    Args:
        texts: by key the template, and its place for messages.
        variables: what ``.`` is in a template.
        named: named templates by name.

    Raises:
        ModelserviceError: a template fails, or takes too long or too much memory.
    """
    given = json.dumps({"texts": texts, "variables": variables, "named": named})
    command = [sys.executable, "-m", __name__]
    answer: dict[str, Any] | None = None
    with contextlib.suppress(subprocess.TimeoutExpired, ValueError):
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=SECONDS, check=False)
        answer = json.loads(done.stdout) if done.returncode == 0 and len(done.stdout) <= LARGEST else None
    if answer is None:
        raise ModelserviceError(
            f"the templates take more than {SECONDS} seconds, or render to more than is allowed",
            file=next(place for _, place in texts.values()),
            fix="remove loops over large numbers, or render the templates yourself",
        )
    if "error" in answer:
        raise ModelserviceError(answer["error"], file=answer["file"])
    rendered: dict[str, str] = answer["texts"]
    return rendered


def _limit() -> None:
    """Limit time and memory of this process, where the system can."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _main() -> None:
    from modelservice.importers.source.go_templates import render_here

    _limit()
    given = json.load(sys.stdin)
    texts = {key: (text, place) for key, (text, place) in given["texts"].items()}
    try:
        answer: dict[str, Any] = {"texts": render_here(texts, given["variables"], given["named"])}
    except ModelserviceError as error:
        problem = error.problems[0]
        answer = {"error": problem.message, "file": problem.file}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    _main()
