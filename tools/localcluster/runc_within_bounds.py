#!/usr/bin/env python3
"""runc on a machine that is itself a container: privileges that the machine lacks are not asked for.

``docker run --privileged`` asks for every capability that the kernel has, and runc refuses to start a container for
which it cannot have one of them. This is given to Docker in runc's place. Docker's shim runs it often: it imports
little.
"""

import itertools
import json
import os
import sys
from pathlib import Path

CAPABILITIES = {"CAP_SYS_RESOURCE": 24}
"""The capabilities that hosts of containers commonly withhold, with their bits of linux/capability.h."""


def lacking() -> set[str]:
    """Return the names of the capabilities outside of the bounding set of this process."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    bounds = int(status.split("CapBnd:")[1].split()[0], 16)
    return {name for name, bit in CAPABILITIES.items() if not bounds >> bit & 1}


def reduce(file: Path, missing: set[str]) -> None:
    """Take capabilities out of a bundle's configuration, or out of the description of a process."""
    content = json.loads(file.read_text(encoding="utf-8"))
    process = content.get("process", content)
    sets = process.get("capabilities") or {}
    process["capabilities"] = {name: [item for item in held if item not in missing] for name, held in sets.items()}
    file.write_text(json.dumps(content), encoding="utf-8")


def files(arguments: list[str]) -> list[Path]:
    """Return the files with capabilities among the arguments of runc."""
    following = list(itertools.pairwise(arguments))
    bundles = [Path(value) / "config.json" for option, value in following if option in ("--bundle", "-b")]
    processes = [Path(value) for option, value in following if option in ("--process", "-p")]
    return [file for file in bundles + processes if file.is_file()]


if __name__ == "__main__":
    if missing := lacking():
        for found in files(sys.argv[1:]):
            reduce(found, missing)
    os.execvp("runc", ["runc", *sys.argv[1:]])  # noqa: S606, S607
