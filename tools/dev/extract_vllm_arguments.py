"""The arguments of an installed vLLM, and the compact table made of several of them.

In an environment with vLLM, ``python extract.py > 0.32.0.json`` prints what its real parser accepts; this file needs
nothing else of the project there. ``python -m modelservice.check.vllm.extract VERSION.json... `` then writes
``arguments.json`` beside this file: one entry for each form a flag had, with the first and last version that has it.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("arguments.json")

INTEGERS = frozenset(
    [
        "api-server-count",
        "data-parallel-rank",
        "data-parallel-size-local",
        "data-parallel-start-rank",
        "data-parallel-rpc-port",
        "max-logprobs",
        "max-lora-rank",
        "max-cpu-loras",
        "max-num-batched-tokens",
        "max-num-seqs",
        "max-parallel-loading-workers",
        "num-gpu-blocks-override",
        "seed",
        "kv-cache-memory-bytes",
    ]
)
"""Integers that vLLM wraps into a type of its own, whose name says only that None is possible too."""


def accepted(parser: argparse.ArgumentParser) -> list[dict[str, Any]]:
    """The arguments of a parser: flags, number and type of values, choices."""
    found = []
    for action in parser._actions:
        choices = None if action.choices is None else sorted(str(choice) for choice in action.choices)
        found.append(
            {
                "flags": list(action.option_strings),
                "nargs": action.nargs,
                "type": getattr(action.type, "__name__", None),
                "choices": choices,
            }
        )
    return found


def installed() -> dict[str, Any]:
    """What the vLLM of this environment accepts.

    Raises:
        ImportError: vLLM is not installed, or its parser has moved.
    """
    arguments = importlib.import_module("vllm.entrypoints.openai.cli_args")
    for name in ("vllm.utils.argparse_utils", "vllm.utils"):  # the parser moved between versions
        module = importlib.import_module(name)
        if hasattr(module, "FlexibleArgumentParser"):
            parser = arguments.make_arg_parser(module.FlexibleArgumentParser())
            return {"version": importlib.import_module("vllm").__version__, "arguments": accepted(parser)}
    raise ImportError("no FlexibleArgumentParser in this vLLM")


def compact(versions: list[dict[str, Any]]) -> dict[str, Any]:
    """The table of several versions.

    Args:
        versions: what :func:`installed` gives for each.
    """
    versions = sorted(versions, key=lambda item: [int(part) for part in item["version"].split(".")])
    forms: dict[str, list[int]] = {}
    for index, version in enumerate(versions):
        for argument in version["arguments"]:
            if argument["flags"]:
                forms.setdefault(json.dumps(_form(argument), sort_keys=True), []).append(index)
    entries = []
    for form, indexes in forms.items():
        for first, last in _runs(indexes):
            entries.append({**json.loads(form), "versions": [first, last]})
    entries.sort(key=lambda entry: (entry["flags"], entry["versions"]))
    return {"versions": [version["version"] for version in versions], "arguments": entries}


def _form(argument: dict[str, Any]) -> dict[str, Any]:
    flags = sorted(argument["flags"], key=lambda flag: (flag.startswith("--no-"), -len(flag), flag))
    name = flags[0].lstrip("-")
    form: dict[str, Any] = {"flags": flags}
    if argument["nargs"] is not None:
        form["values"] = argument["nargs"]
    kind = "int" if name in INTEGERS else _KINDS.get(argument["type"] or "", "")
    if not kind and argument["type"] and name.endswith("-config") and name != "config":
        kind = "json"
    if kind:
        form["type"] = kind
    if argument["choices"]:
        form["choices"] = argument["choices"]
    return form


_KINDS = {
    "int": "int",
    "float": "float",
    "human_readable_int": "size",
    "human_readable_int_or_auto": "size",
    "loads": "json",
    "parse_dataclass": "json",
}


def _runs(indexes: list[int]) -> list[tuple[int, int]]:
    """Neighbouring numbers as first and last: ``[0, 1, 3]`` as ``[(0, 1), (3, 3)]``."""
    runs: list[tuple[int, int]] = []
    for index in indexes:
        if runs and runs[-1][1] == index - 1:
            runs[-1] = (runs[-1][0], index)
        else:
            runs.append((index, index))
    return runs


def main() -> None:
    """Prints the arguments of the installed vLLM, or writes the table of the versions in the named files."""
    files = sys.argv[1:]
    if not files:
        json.dump(installed(), sys.stdout, indent=1)
        return
    table = compact([json.loads(Path(file).read_text(encoding="utf-8")) for file in files])
    lines = ",\n".join(json.dumps(entry, sort_keys=True) for entry in table["arguments"])
    TABLE.write_text(
        f'{{"versions": {json.dumps(table["versions"])},\n"arguments": [\n{lines}\n]}}\n', encoding="utf-8"
    )


if __name__ == "__main__":
    main()
