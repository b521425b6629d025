"""Pages for people: their files, their commands and what these print."""

from __future__ import annotations

import re
from collections.abc import Iterator

RUN_IN_ORDER = ("docs/upgrade-prefill-decode.md",)
"""Pages whose commands build on each other and need a cluster: tests/cluster/test_tutorials.py runs all of them."""


def files(text: str) -> dict[str, str]:
    """Return the YAML blocks of a page that begin with a comment of a file's name, by that name."""
    blocks = re.findall(r"^```yaml\n(# .*?)^```", text, re.MULTILINE | re.DOTALL)
    return {block.partition("\n")[0].removeprefix("# "): block for block in blocks}


def commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the commands of a page's console blocks, each with the lines that it prints there."""
    for block in re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for entry in re.split(r"^\$ ", block.replace("\\\n", ""), flags=re.MULTILINE)[1:]:
            command, *output = entry.rstrip("\n").splitlines()
            yield re.sub(r"\s+#.*$", "", command), output


def shows(page: list[str], printed: list[str]) -> bool:
    """Return whether a page shows what is printed; ``…`` in a line stands for its rest, and as a line for others."""
    if not page:
        return not printed
    line, *rest = page
    if line == "…":
        return any(shows(rest, printed[start:]) for start in range(len(printed) + 1))
    same = printed and (printed[0].startswith(line.partition("…")[0]) if "…" in line else printed[0] == line)
    return bool(same) and shows(rest, printed[1:])
