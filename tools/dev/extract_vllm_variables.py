"""Write the table of the environment variables that each release of vLLM reads.

    python -m dev.extract_vllm_variables [VERSION...]    read releases; by default all of the table of arguments

A variable counts as read where a Python file of the release names it: most are declared in ``vllm/envs.py``, a few are
read where they are used. Variables of other programs, and those of plugins, are not in the table.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from dev.extract_vllm_arguments import TABLE as ARGUMENTS
from dev.wheels import Index, index

TABLE = Path(__file__).parents[1] / "modelservice" / "facts" / "engines" / "arguments" / "vllm-variables.json"

_NAMED = re.compile(rb"""["'](VLLM_[A-Z0-9_]+)["']|\benvs\.(VLLM_[A-Z0-9_]+)""")


def variables(sources: Iterable[bytes]) -> frozenset[str]:
    """Return the variables that Python files name, as a string of its own or as an attribute of ``envs``."""
    return frozenset(
        (quoted or attribute).decode() for source in sources for quoted, attribute in _NAMED.findall(source)
    )


def read(source: Index, version: str) -> frozenset[str]:
    """Return the variables that a release reads, from its wheel."""
    return variables(source.sources(source.wheel("vllm", version), "vllm").values())


def runs(releases: Mapping[str, frozenset[str]]) -> dict[str, list[list[str]]]:
    """Return the first and last release of each run of neighbouring releases that read a variable, by variable.

    Args:
        releases: the variables by release, oldest first.
    """
    found: dict[str, list[list[str]]] = {}
    before: frozenset[str] = frozenset()
    for version, names in releases.items():
        for name in names:
            known = found.setdefault(name, [])
            if name in before:
                known[-1][1] = version
            else:
                known.append([version, version])
        before = names
    return dict(sorted(found.items()))


def text(versions: Sequence[str], found: Mapping[str, Sequence[Sequence[str]]]) -> str:
    """Return the table as JSON with one variable on a line."""
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(known)}" for name, known in found.items())
    return f'{{"releases": {json.dumps(list(versions))},\n"variables": {{\n{lines}\n}}}}\n'


def main() -> None:
    """Read every release and write the table."""
    releases = {}
    with index() as source:
        for version in sys.argv[1:] or list(json.loads(ARGUMENTS.read_text(encoding="utf-8"))["wheels"]):
            releases[version] = read(source, version)
            print(f"vLLM {version}: {len(releases[version])} variables", file=sys.stderr)  # noqa: T201
    TABLE.write_text(text(list(releases), runs(releases)), encoding="utf-8")


if __name__ == "__main__":
    main()
