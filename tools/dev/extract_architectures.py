"""Write which architectures vLLM runs with pipeline parallelism, in all of the releases that are read.

    python -m dev.extract_architectures 0.32.0 0.33.0

The sources come from the wheels on the package index and are read, not run. An architecture whose class cannot be
followed to its bases is left out, and so is one on which the releases differ.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from dev.wheels import index

TABLE = Path(__file__).parents[1] / "modelservice" / "facts" / "configurations" / "pipeline.json"
_REGISTRY = "vllm/model_executor/models/registry.py"
_PACKAGE = "vllm.model_executor.models"
_INTERFACE = "SupportsPP"
_OUTSIDE = {"nn.Module", "Module", "Protocol", "ABC", "object", "Generic"}


class Sources:
    """Python files of vLLM, and the classes in them.

    Args:
        files: their content by path.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files
        self._trees: dict[str, ast.Module] = {}

    def registered(self) -> dict[str, tuple[str, str]]:
        """Return the module and class of each architecture."""
        found: dict[str, tuple[str, str]] = {}
        for node in self._tree(_REGISTRY).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
                for key, value in zip(node.value.keys, node.value.values, strict=True):
                    if isinstance(key, ast.Constant) and isinstance(value, ast.Tuple) and len(value.elts) == 2:
                        module, name = (ast.literal_eval(item) for item in value.elts)
                        module = module if module.startswith("vllm.") else f"{_PACKAGE}.{module}"
                        found[str(key.value)] = (module, name)
        return found

    def supports(self, module: str, name: str) -> bool | None:
        """Return whether a class is derived from the interface; None where a base cannot be found."""
        if name == _INTERFACE:
            return True
        path = self._path(module)
        if path is None:
            return None
        tree = self._tree(path)
        defined = next((node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name), None)
        if defined is None:
            imported = self._imported(path, module, name)
            return self.supports(*imported) if imported else None
        bases = [ast.unparse(base).split("[")[0] for base in defined.bases]
        found = [self.supports(module, base) for base in bases if base not in _OUTSIDE]
        return True if True in found else None if None in found else False

    def _imported(self, path: str, module: str, name: str) -> tuple[str, str] | None:
        """The module and name that a name was imported from."""
        package = module if path.endswith("__init__.py") else module.rpartition(".")[0]
        origins = set()
        for node in ast.walk(self._tree(path)):
            if isinstance(node, ast.ImportFrom):
                around = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
                source = ".".join([*around, *([node.module] if node.module else [])])
                origins |= {(source, item.name) for item in node.names if (item.asname or item.name) == name}
        return origins.pop() if len(origins) == 1 else None

    def _path(self, module: str) -> str | None:
        path = module.replace(".", "/")
        return next((item for item in (f"{path}.py", f"{path}/__init__.py") if item in self._files), None)

    def _tree(self, path: str) -> ast.Module:
        if path not in self._trees:
            self._trees[path] = ast.parse(self._files[path])
        return self._trees[path]


def read(files: Mapping[str, bytes]) -> dict[str, bool | None]:
    """Return for each architecture of a release whether it runs with pipeline parallelism."""
    sources = Sources(files)
    return {name: sources.supports(*place) for name, place in sorted(sources.registered().items())}


def agreements(versions: Sequence[str]) -> dict[str, bool | None]:
    """Return for each architecture of the last version what all of them say."""
    with index() as packages:
        releases = [read(packages.sources(packages.wheel("vllm", version), "vllm")) for version in versions]
    return {name: value for name, value in releases[-1].items() if all(r.get(name) is value for r in releases)}


def main(versions: Sequence[str]) -> None:
    """Write the table from the wheels of some versions."""
    agreed = agreements(versions)
    about = {"source": "https://github.com/vllm-project/vllm/releases", "versions": list(versions)}
    table = about | {
        "supported": [name for name, value in agreed.items() if value is True],
        "refused": [name for name, value in agreed.items() if value is False],
    }
    rows = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in table.items()]
    TABLE.write_text("{" + ",\n".join(rows) + "}\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
