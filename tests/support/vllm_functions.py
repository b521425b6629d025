"""Single functions and classes of vLLM, run without the rest of it."""

from __future__ import annotations

import ast
import functools
import zipfile
from typing import Any

from support.vllm_sources import vllm_sources


def vllm_function(version: str, path: str, name: str, /, **names: Any) -> Any:
    """Return a function, method or class of a release.

    Args:
        version: the release.
        path: module in the wheel, e.g. ``vllm/config/model.py``.
        name: its name; the first with that name counts.
        names: what it uses of its module. What it imports itself has to be among them too.
    """
    found = _definition(version, path, name)
    module = ast.Module([*ast.parse("from __future__ import annotations").body, found], type_ignores=[])
    space = dict(names)
    exec(compile(ast.fix_missing_locations(module), f"{path} of vLLM {version}", "exec"), space)  # noqa: S102
    return space[name]


@functools.cache
def _definition(version: str, path: str, name: str) -> Any:
    """The definition without its decorators and imports."""
    with zipfile.ZipFile(vllm_sources(version)) as archive:
        tree = ast.parse(archive.read(path))
    kinds = (ast.FunctionDef, ast.ClassDef)
    found = next(node for node in ast.walk(tree) if isinstance(node, kinds) and node.name == name)
    found.decorator_list = []
    found.body = [node for node in found.body if not isinstance(node, ast.ImportFrom)]
    return found
