"""Write the table of vLLM's arguments: which flags each release has, and what they take.

    python -m dev.extract_vllm_arguments            read every release since 0.11 and write the table
    python -m dev.extract_vllm_arguments --check    compare the newest release in the table with its wheel

A release costs about 10 MB of its wheel, see :mod:`dev.wheels`; its own parser is asked, see ``vllm_parser.py``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dev.wheels import UNREACHABLE, Index, index

TABLE = Path(__file__).parents[1] / "modelservice" / "facts" / "engines" / "arguments" / "vllm.json"
FIRST = "0.11.0"
"""The first release of the table."""
BEFORE = "0.6.0"
"""The first release whose arguments are listed as removed where the table has none of them."""

Arguments = list[dict[str, Any]]


def read(source: Index, version: str) -> tuple[str, Arguments]:
    """Return the file name of a release's wheel and the arguments that its parser defines."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "vllm.zip")
        wheel = write_sources(source, version, archive)
        arguments: Arguments = ask(archive)
    return wheel, arguments


def write_sources(source: Index, version: str, archive: Path) -> str:
    """Write the Python files of a release into a zip file; return the file name of its wheel."""
    wheel = source.wheel("vllm", version)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path, content in source.sources(wheel, "vllm").items():
            file.writestr(path, content)
    return wheel.filename


def ask(archive: Path, command_lines: Sequence[Sequence[str]] | None = None, *, describe: bool = False) -> Any:
    """Return what the parser in a zip file of sources says, see ``vllm_parser.py``: its arguments, or their help, or of
    command lines why it rejects each.
    """
    command = [sys.executable, str(Path(__file__).with_name("vllm_parser.py")), str(archive)]
    if command_lines is not None:
        command.append("--parse")
    elif describe:
        command.append("--describe")
    environment = {**os.environ, "VLLM_CONFIGURE_LOGGING": "0"}
    given = json.dumps(command_lines)
    done = subprocess.run(command, env=environment, input=given, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def merge(releases: Mapping[str, Arguments]) -> Arguments:
    """Return each form that an argument had, with the first and the last release of that form.

    Args:
        releases: the arguments by release, oldest first. ``since`` is left out for the first, ``until`` for the last.
    """
    versions = list(releases)
    forms: dict[str, list[int]] = {}
    for number, arguments in enumerate(releases.values()):
        for argument in arguments:
            forms.setdefault(json.dumps(argument), []).append(number)
    merged = []
    for form, numbers in forms.items():
        for first, last in _runs(numbers):
            entry = json.loads(form)
            if first > 0:
                entry["since"] = versions[first]
            if last < len(versions) - 1:
                entry["until"] = versions[last]
            merged.append((entry["flags"][0], first, entry))
    return [entry for *_, entry in sorted(merged, key=lambda item: item[:2])]


def removed(releases: Mapping[str, Arguments], table: Arguments) -> dict[str, str]:
    """Return the flags of older releases that the table lacks, with the last release that has them."""
    known = set(_flags(table))
    last = {flag: version for version, arguments in releases.items() for flag in _flags(arguments)}
    return {flag: version for flag, version in sorted(last.items()) if flag not in known}


def differences(before: Arguments, after: Arguments) -> list[str]:
    """Return the arguments that two lists have in different forms, as lines of JSON with a sign."""
    old, new = ({json.dumps(argument, sort_keys=True) for argument in arguments} for arguments in (before, after))
    return [f"- {line}" for line in sorted(old - new)] + [f"+ {line}" for line in sorted(new - old)]


def of_release(table: Mapping[str, Any], version: str) -> Arguments:
    """Return the arguments of one release from the table."""
    versions = list(table["wheels"])
    number = versions.index(version)
    found = []
    for entry in table["arguments"]:
        form = dict(entry)
        first, last = form.pop("since", versions[0]), form.pop("until", versions[-1])
        if versions.index(first) <= number <= versions.index(last):
            found.append(form)
    return found


def text(wheels: Mapping[str, str], gone: Mapping[str, str], arguments: Arguments) -> str:
    """Return the table as JSON with one argument on a line."""
    return "\n".join(
        [
            '{"wheels": {',
            ",\n".join(f"{json.dumps(version)}: {json.dumps(wheel)}" for version, wheel in wheels.items()),
            '},\n"removed": {',
            ",\n".join(f"{json.dumps(flag)}: {json.dumps(version)}" for flag, version in gone.items()),
            '},\n"arguments": [',
            ",\n".join(json.dumps(argument) for argument in arguments),
            "]}\n",
        ]
    )


def _flags(arguments: Arguments) -> list[str]:
    return [flag for argument in arguments for flag in (*argument["flags"], *argument.get("negations", []))]


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first and last of neighbouring numbers: ``[0, 1, 3]`` as ``[(0, 1), (3, 3)]``."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def write() -> int:
    """Read every release and write the table; return 0."""
    wheels, tables, older = {}, {}, {}
    with index() as source:
        known = source.releases("vllm", FIRST)
        for version in source.releases("vllm", BEFORE):
            wheel, arguments = read(source, version)
            if version in known:
                wheels[version], tables[version] = wheel, arguments
            else:
                older[version] = arguments
            print(f"{wheel}: {len(arguments)} arguments", file=sys.stderr)  # noqa: T201
    merged = merge(tables)
    TABLE.write_text(text(wheels, removed(older, merged), merged), encoding="utf-8")
    return 0


def check() -> int:
    """Compare the newest release in the table with its wheel; return 1 where they differ, 2 without an index."""
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    version = list(table["wheels"])[-1]
    try:
        with index() as source:
            wheel, arguments = read(source, version)
    except UNREACHABLE as error:
        print(f"the wheel of vLLM {version} is out of reach: {error}")  # noqa: T201
        return 2
    found = differences(of_release(table, version), arguments)
    if wheel != table["wheels"][version]:
        found.append(f"wheel {wheel}, not {table['wheels'][version]}")
    print("\n".join([f"vLLM {version}: {len(found)} differences", *found]))  # noqa: T201
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(check() if sys.argv[1:] == ["--check"] else write())
