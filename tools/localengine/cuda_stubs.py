"""Compile empty stand-ins for the CUDA libraries that PyTorch links against.

``python cuda_stubs.py FOLDER`` adds them to PyTorch's library folder. Every function returns 100, the CUDA runtime's
``cudaErrorNoDevice``, so PyTorch finds no GPU and computes on processors.
https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__TYPES.html
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

NO_DEVICE = 100

SYSTEM = re.compile(r"lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+|gomp|cuda)\.so|ld-linux")
"""Libraries of the operating system, and that of the driver, which PyTorch opens only when it needs it."""

CUDA = re.compile(r"(cu|nv|nccl|__cuda)[A-Za-z_]*[A-Z_]")
"""Names of functions of CUDA libraries, where the linker does not say which library a function is of."""


@dataclass
class Linked:
    """What shared objects need from others, read from their dynamic sections."""

    libraries: set[str] = field(default_factory=set)
    """File names of libraries that are linked."""
    versions: dict[str, set[str]] = field(default_factory=dict)
    """Symbol versions by the library that must define them."""
    undefined: set[tuple[str, str]] = field(default_factory=set)
    """Symbols without a definition, with their version or an empty string."""
    defined: set[str] = field(default_factory=set)
    """Symbols with a definition."""


def inspect(objects: Iterable[Path]) -> Linked:
    """Return what shared objects need and define.

    Raises:
        subprocess.CalledProcessError: a file is not a shared object.
    """
    found = Linked()
    for path in objects:
        found.libraries |= set(re.findall(r"\(NEEDED\).*\[(.+)\]", _readelf("--dynamic", path)))
        library = ""
        for line in _readelf("--version-info", path).splitlines():
            if match := re.search(r"Version: \d+ +File: (\S+)", line):
                library = match[1]
            elif library and (match := re.search(r"Name: (\S+) +Flags", line)):
                found.versions.setdefault(library, set()).add(match[1])
        for line in _readelf("--dyn-syms", path).splitlines():
            fields = line.split()
            if len(fields) < 8 or not fields[0].endswith(":"):
                continue
            name, _, version = fields[7].partition("@")
            if fields[6] == "UND":
                found.undefined.add((name, version.lstrip("@")))
            else:
                found.defined.add(name)
    return found


def write_stubs(folder: Path) -> list[str]:
    """Compile a stub of every missing library into a folder of shared objects; return their file names.

    Raises:
        subprocess.CalledProcessError: the compiler fails.
    """
    objects = sorted(folder.glob("*.so*"))
    linked = inspect(objects)
    present = {path.name for path in objects}
    missing = sorted(name for name in linked.libraries - present if not SYSTEM.match(name))
    # The loader searches all libraries for a symbol without a version, so each stub can define all of them, weakly.
    plain = sorted(
        name for name, version in linked.undefined if not version and name not in linked.defined and CUDA.match(name)
    )
    for library in missing:
        versions = {
            version: sorted(name for name, wanted in linked.undefined if wanted == version)
            for version in sorted(linked.versions.get(library, ()))
        }
        _compile(folder / library, plain if not versions else [], versions)
    return missing


def _compile(target: Path, plain: list[str], versions: dict[str, list[str]]) -> None:
    """Compile a library with functions without a version and functions by version."""
    names = [name for version in versions.values() for name in version]
    source = [f"int {name}(void) {{ return {NO_DEVICE}; }}" for name in names]
    source += [f"__attribute__((weak)) int {name}(void) {{ return {NO_DEVICE}; }}" for name in plain]
    script = [f"{version} {{ global: {'; '.join(names)}; }};" for version, names in versions.items() if names]
    with tempfile.TemporaryDirectory() as scratch:
        code, map_file = Path(scratch, "stub.c"), Path(scratch, "versions.map")
        code.write_text("\n".join(source) + "\n")
        map_file.write_text("\n".join(script) + "\n")
        command = ["gcc", "-w", "-shared", "-fPIC", "-fno-builtin", "-o", str(target), str(code)]
        command += [f"-Wl,-soname,{target.name}", *([f"-Wl,--version-script={map_file}"] if script else [])]
        subprocess.run(command, check=True)


def _readelf(option: str, path: Path) -> str:
    command = ["readelf", "--wide", option, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    sys.stdout.write(f"{' '.join(write_stubs(Path(sys.argv[1])))}\n")
