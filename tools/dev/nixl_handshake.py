"""What vLLM's NIXL connector compares before a hand-over, read from the wheels of its releases.

    python -m dev.nixl_handshake [VERSION...]    print the factors of each release; by default of all since 0.12

The facts are ``kvTransfer.peers.handshake`` in ``facts/engines/vllm.yaml``, written by hand; a test compares them.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping

from dev.wheels import Index, index

_PACKAGE = "vllm/distributed/kv_transfer/kv_connector/v1"
_FUNCTION = "compute_nixl_compatibility_hash"
FIRST = "0.12.0"
"""The last release without a comparison."""


def factors(sources: Mapping[str, bytes]) -> frozenset[str]:
    """Return the names of what a release compares; none for one that does not compare.

    Args:
        sources: Python files of the package of KV connectors, by path.
    """
    for path, source in sources.items():
        if "nixl" not in path:
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef) and node.name == _FUNCTION:
                dictionary = next(each for each in ast.walk(node) if isinstance(each, ast.Dict))
                return frozenset(str(ast.literal_eval(key)) for key in dictionary.keys if key)
    return frozenset()


def read(source: Index, version: str) -> frozenset[str]:
    """Return the names of what a release compares, from its wheel."""
    return factors(source.sources(source.wheel("vllm", version), _PACKAGE))


def main() -> None:
    """Print the factors of releases."""
    with index() as source:
        for version in sys.argv[1:] or source.releases("vllm", FIRST):
            print(version, *sorted(read(source, version)))  # noqa: T201


if __name__ == "__main__":
    main()
