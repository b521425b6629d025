"""The project file ``.modelservice.yaml``: what holds for the values files in its folder and below it.

ignore: [{rule: image-latest, reason: nightly builds, files: [dev/*.yaml]}]
stacks: {prod: {values: [base.yaml, prod.yaml], pool: pool.yaml, nodes: nodes.yaml}}
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelservice.documents import documents, read_source
from modelservice.errors import ModelserviceError, UsageError
from modelservice.presets import PREFIX, preset
from modelservice.suggest import nearest

PROJECT_FILE = ".modelservice.yaml"

_SECTIONS = ("ignore", "stacks")
_EXAMPLE = "write stacks: {NAME: {values: [FILE], pool: FILE, nodes: FILE}}"


@dataclass(frozen=True)
class Stack:
    """Files that belong together: the layers of a deployment, its pool and its cluster.

    Args:
        name: its name in the project file.
        values: values files and presets (``preset:NAME``), the last wins.
        pools: files with InferencePools, as for `--pool`.
        nodes: file of the cluster, as for `--nodes`; None without one.
    """

    name: str
    values: tuple[str, ...]
    pools: tuple[str, ...] = ()
    nodes: str | None = None

    @property
    def files(self) -> list[str]:
        """Every file of it, presets left out."""
        parts = [*self.values, *(part for pool in self.pools for part in pool.split(",")), self.nodes]
        return [part for part in parts if part and not part.startswith(PREFIX)]


def project_file(folder: Path) -> Path | None:
    """Return the project file of a folder, which may be in a folder above it; None without one."""
    depth = len(folder.resolve().parts)
    candidates = (folder.joinpath(*[".."] * level, PROJECT_FILE) for level in range(depth))
    return next((path for path in candidates if path.is_file()), None)


def section(file: Path, name: str) -> Any:
    """Return a section of a project file; None where the file does not have it.

    Raises:
        ModelserviceError: the file is not a map of the known sections.
    """
    content: Any = next(iter(documents(read_source(str(file)))), {})
    if not isinstance(content, dict):
        raise ModelserviceError("not a map", file=str(file), fix=f"use the keys {' and '.join(_SECTIONS)}")
    unknown = next((key for key in content if key not in _SECTIONS), None)
    if unknown is not None:
        raise ModelserviceError("unknown key", file=str(file), key=unknown, fix=f"use {' or '.join(_SECTIONS)}")
    return content.get(name)


def stacks(file: Path) -> dict[str, Stack]:
    """Return the stacks of a project file by name; paths in it are relative to its folder.

    Raises:
        ModelserviceError: the section is not of this form.
    """
    entries = section(file, "stacks")
    if entries is None:
        return {}
    if not isinstance(entries, dict):
        raise ModelserviceError("not a map of stacks", file=str(file), key="stacks", fix=_EXAMPLE)
    return {name: _stack(file, name, entry) for name, entry in entries.items()}


def stack(name: str, folder: Path) -> Stack:
    """Return a stack of the project that a folder belongs to.

    Raises:
        UsageError: there is no project file, no stack of this name, or one of its files does not exist.
        ModelserviceError: the project file is malformed.
    """
    file = project_file(folder)
    if file is None:
        problem = f"--stack {name}: there is no {PROJECT_FILE} in this folder or above it"
        raise UsageError(problem, fix=f"create one; {_EXAMPLE}")
    known = stacks(file)
    if name not in known:
        close = nearest(name, known)
        names = ", ".join(known)
        fix = f"did you mean {close}?" if close else f"use one of {names}" if names else _EXAMPLE
        raise UsageError(f"there is no stack {name!r}", file=str(file), fix=fix)
    _require_files(file, known[name])
    return known[name]


def _stack(file: Path, name: str, entry: Any) -> Stack:
    def malformed(key: str, problem: str) -> ModelserviceError:
        return ModelserviceError(problem, file=str(file), key=f"stacks.{name}{key}", fix=_EXAMPLE)

    def path(text: str) -> str:
        return text if text.startswith(PREFIX) else ",".join(str(file.parent / part) for part in text.split(","))

    if not isinstance(entry, dict):
        raise malformed("", "not a map")
    unknown = next((key for key in entry if key not in ("values", "pool", "nodes")), None)
    if unknown is not None:
        raise malformed(f".{unknown}", "unknown key")
    values, pools, nodes = _listed(entry.get("values")), _listed(entry.get("pool", [])), entry.get("nodes")
    if not values:
        raise malformed(".values", "not a list of files")
    if pools is None:
        raise malformed(".pool", "not a file or a list of files")
    if nodes is not None and not isinstance(nodes, str):
        raise malformed(".nodes", "not a file")
    return Stack(name, tuple(map(path, values)), tuple(map(path, pools)), path(nodes) if nodes else None)


def _listed(given: Any) -> list[str] | None:
    """Return the files that are given as a list or as a single one; None for anything else."""
    listed = [given] if isinstance(given, str) else given
    return listed if isinstance(listed, list) and all(isinstance(item, str) and item for item in listed) else None


def _require_files(file: Path, found: Stack) -> None:
    """Reject a stack whose files do not exist, with the stack's name, which the file's own error does not have."""
    for path in found.files:
        if not Path(path).is_file():
            raise UsageError(f"the stack {found.name} has {path}, which does not exist", file=str(file))
    for layer in found.values:
        if layer.startswith(PREFIX):
            preset(layer.removeprefix(PREFIX))
