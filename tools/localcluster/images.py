"""Build container images from static programs, without a container builder or registry.

An image is a docker-archive file with one layer: the program, a shell and a temporary folder. It can have any name, so
pods with the chart's default images run the programs built from the pinned Go modules.
https://github.com/moby/docker-image-spec
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import shutil
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from localcluster.binaries import binary
from modelservice.errors import UsageError

PAUSE = "local/pause:1"
"""Image of the pause container."""

NOBODY = "65532:65532"
"""User and group of the images, equal to the published ones: `runAsNonRoot` needs a numeric user."""

SHELL = ("sh", "cat", "cut", "env", "grep", "kill", "ls", "nslookup", "sed", "sleep")
"""Commands of the images besides their program."""

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""Architecture in the image configuration by machine name of the kernel."""


@dataclass(frozen=True)
class Image:
    """An image to build."""

    names: tuple[str, ...]
    """Full names with tags, at least one."""
    entrypoint: tuple[str, ...]
    """Program and its arguments."""
    files: Mapping[str, Path | str] = field(default_factory=dict)
    """Executable files by path in the image: a file to copy, or its content."""
    links: Mapping[str, str] = field(default_factory=dict)
    """Symbolic links by path in the image."""
    base: Path | None = None
    """A tar file of packages that are beneath the files."""
    user: str = NOBODY
    """User and group of the program."""


def images() -> list[Image]:
    """Return the images for pods of the chart: simulated engine, routing sidecar, endpoint pickers, pause.

    Raises:
        ModelserviceError: a program cannot be built.
    """
    return [
        Image((f"docker.io/{PAUSE}",), ("/bin/sleep", "2147483647")),
        Image(
            ("ghcr.io/llm-d/llm-d-inference-sim:v0.10.2", "ghcr.io/llm-d/llm-d-inference-sim:latest"),
            ("/app/llm-d-inference-sim",),
            {"app/llm-d-inference-sim": binary("llm-d-inference-sim")},
        ),
        Image(
            ("ghcr.io/llm-d/llm-d-routing-sidecar:v0.7.1", "ghcr.io/llm-d/llm-d-routing-sidecar:latest"),
            ("/app/pd-sidecar",),
            {"app/pd-sidecar": binary("pd-sidecar")},
        ),
        Image(
            ("ghcr.io/llm-d/llm-d-inference-scheduler:v0.7.1",), ("/app/epp",), {"app/epp": binary("epp")},
        ),
        Image(
            ("registry.k8s.io/gateway-api-inference-extension/epp:v1.5.0",), ("/epp",), {"epp": binary("epp-gaie")},
        ),
    ]  # fmt: skip


def write_archive(image: Image, path: Path) -> None:
    """Write an image as a docker-archive file, for `ctr images import` and `kind load image-archive`.

    Raises:
        UsageError: busybox, the shell of the image, is not installed.
    """
    layer = path.with_suffix(".layer")
    _write_layer(image, layer)
    layers = {"base.tar": image.base, "layer.tar": layer} if image.base else {"layer.tar": layer}
    config = json.dumps(
        {
            "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": {"Entrypoint": image.entrypoint, "User": image.user, "Env": [f"PATH={SEARCH_PATH}"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{_sha256(file)}" for file in layers.values()]},
        }
    ).encode()
    manifest = [{"Config": "config.json", "RepoTags": image.names, "Layers": list(layers)}]
    with tarfile.open(path, "w") as archive:
        _add(archive, "config.json", config)
        _add(archive, "manifest.json", json.dumps(manifest).encode())
        for name, file in layers.items():
            archive.add(file, name)
    layer.unlink()


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _write_layer(image: Image, path: Path) -> None:
    busybox = shutil.which("busybox")
    if busybox is None:
        raise UsageError("images need busybox", fix="apt-get install --yes busybox-static")
    with tarfile.open(path, "w") as layer:
        for folder, mode in (("bin", 0o755), ("tmp", 0o1777), ("app", 0o755), ("etc", 0o755), ("usr/local/bin", 0o755)):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            layer.addfile(entry)
        _add(layer, "bin/busybox", Path(busybox).read_bytes())
        for name, link in ({f"bin/{name}": "busybox" for name in SHELL} | dict(image.links)).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, link
            layer.addfile(entry)
        _add(layer, "etc/passwd", b"nonroot:x:65532:65532::/tmp:/bin/sh\n")
        for name, content in image.files.items():
            _add(layer, name, content.encode() if isinstance(content, str) else content.read_bytes())


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o755
    archive.addfile(entry, io.BytesIO(content))
