"""Write the table of SGLang's arguments: how many values each flag takes, in any of the releases that are read.

    python -m dev.extract_sglang_arguments WHEEL...

The wheels are those of PyPI, e.g. from ``pip download --no-deps sglang==0.5.5``. Their sources are read, not run: newer
releases declare an argument as an annotated field, older ones call ``add_argument``.
"""

from __future__ import annotations

import ast
import json
import re
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

TABLE = Path(__file__).parents[1] / "modelservice" / "facts" / "engines" / "arguments" / "sglang.json"
_SOURCES = re.compile(r"sglang/srt/(server_args|arg_groups/fields/\w+)\.py")
_SWITCHES = {"store_true", "store_false", "DeprecatedAction", "DeprecatedStoreTrueAction"}
_BOTH_WAYS = "argparse.BooleanOptionalAction"

Argument = tuple[tuple[str, ...], int | str]
"""Flags, and the number of values as :mod:`argparse` has it."""


def read(wheel: Path) -> Iterator[Argument]:
    """Yield the arguments of ``python -m sglang.launch_server`` in a release."""
    with zipfile.ZipFile(wheel) as archive:
        for name in filter(_SOURCES.fullmatch, archive.namelist()):
            for node in ast.walk(ast.parse(archive.read(name))):
                match node:
                    case ast.Call(func=ast.Attribute(attr="add_argument"), args=flags, keywords=keywords):
                        yield _argument([ast.literal_eval(flag) for flag in flags], "", keywords)
                    case ast.AnnAssign(
                        target=ast.Name(id=field),
                        annotation=ast.Subscript(value=ast.Name(id="A"), slice=ast.Tuple(elts=[kind, *about])),
                    ):
                        calls = [item for item in about if isinstance(item, ast.Call)]
                        yield from _field(field, ast.unparse(kind), calls[0].keywords if calls else [])


def _field(field: str, kind: str, keywords: Sequence[ast.keyword]) -> Iterator[Argument]:
    given = {keyword.arg: keyword.value for keyword in keywords}
    if "no_cli" in given:
        return
    name = ast.literal_eval(given["cli_name"]) if "cli_name" in given else f"--{field.replace('_', '-')}"
    aliases = ast.literal_eval(given["aliases"]) if "aliases" in given else []
    inner = re.sub(r"^Optional\[(.*)\]$", r"\1", kind)
    yield _argument([name, *aliases], "one" if "type_parser" in given else inner, keywords)


def _argument(flags: Sequence[str], kind: str, keywords: Sequence[ast.keyword]) -> Argument:
    given: dict[str | None, ast.expr] = {keyword.arg: keyword.value for keyword in keywords}
    action = ast.unparse(given["action"]).strip("'\"") if "action" in given else ""
    if isinstance(more := given.get("action_kwargs"), ast.Dict):
        given |= {ast.literal_eval(key): value for key, value in zip(more.keys, more.values, strict=True) if key}
    nargs = ast.literal_eval(given["nargs"]) if "nargs" in given else None
    if action == _BOTH_WAYS:
        flags = [*flags, *(f"--no-{flag.removeprefix('--')}" for flag in flags if flag.startswith("--"))]
    if action in _SWITCHES or action == _BOTH_WAYS or (kind == "bool" and not action):
        return _ordered(flags), 0
    return _ordered(flags), nargs or ("+" if kind.startswith("List[") else 1)


def _ordered(flags: Sequence[str]) -> tuple[str, ...]:
    """The flags of an argument, its full name first: ``--model``, ``--tensor-parallel-size``."""
    return tuple(sorted(flags, key=lambda flag: (flag != "--model", flag.startswith("--no-"), -len(flag))))


def main(wheels: Sequence[str]) -> None:
    """Write the table from the wheels, of which a later one has the last word."""
    found: dict[str, Argument] = {}
    releases = sorted((Path(wheel) for wheel in wheels), key=_version)
    for wheel in releases:
        found.update({argument[0][0]: argument for argument in read(wheel)})
    rows = [json.dumps({"flags": flags, "values": values}) for _, (flags, values) in sorted(found.items())]
    versions = json.dumps([".".join(map(str, _version(wheel))) for wheel in releases])
    source = json.dumps("https://github.com/sgl-project/sglang/releases")
    TABLE.write_text(f'{{"source": {source},\n"versions": {versions},\n"arguments": [\n' + ",\n".join(rows) + "\n]}\n")


def _version(wheel: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in wheel.name.split("-")[1].split("."))


if __name__ == "__main__":
    main(sys.argv[1:])
