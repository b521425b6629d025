"""Build a node image for kind without a registry: what ``make kind-image`` does.

The root file system is of Debian's packages, kind's own files are of its Go module, and Kubernetes is the programs that
the tests build, so that its nodes run what the local control plane runs. It takes the place of ``kindest/node``, from
which it differs in containerd's version and in the network of pods (``tools/node-image``). The image is a file in the
cache, under a digest of all that this project decides about it; the packages are those of the day it was made.
"""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

from localcluster.binaries import KUBERNETES, MODULES, PROGRAMS, alone, binary, cache_dir, module_file
from localcluster.images import Image, write_archive
from modelservice.errors import ModelserviceError, UsageError

RECIPE = MODULES.parent / "node-image"
"""Files of the image that are neither of a package nor of a module."""

DEBIAN = "bookworm"
"""The newest release whose systemd runs on both versions of control groups."""

CONFIGURATION = ('ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]', "ENV container=docker")
"""What kind's base image sets, as Docker's and Podman's ``import --change`` take it."""

VERSION = next(iter(KUBERNETES.values()))

PACKAGES = (
    "systemd", "containerd", "runc", "containernetworking-plugins", "conntrack", "iptables", "nftables", "iproute2",
    "ethtool", "kmod", "mount", "util-linux", "e2fsprogs", "pigz", "libseccomp2", "bash", "ca-certificates", "curl",
    "jq", "procps",
)  # fmt: skip
"""What kind's base image installs and what it builds from source."""

ON_NODES = ("kubeadm", "kubelet", "kubectl")
STATIC_PODS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
PROGRAMS_OF_IMAGE = (*ON_NODES, *STATIC_PODS, "kube-proxy", "etcd", "coredns")

PACKET_FILTER = ("iptables", "ip6tables")
"""Programs of kube-proxy; links that Debian's packages make when they are installed and not just unpacked."""


def path() -> Path:
    """Return where the image is, or will be, in the cache."""
    content = hashlib.sha256(repr((DEBIAN, PACKAGES, [PROGRAMS[name] for name in PROGRAMS_OF_IMAGE])).encode())
    modules = {PROGRAMS[name].module or name for name in PROGRAMS_OF_IMAGE} | {"kind"}
    folders = [RECIPE, *(MODULES / name for name in sorted(modules))]
    for file in [Path(__file__), *(file for folder in folders for file in sorted(folder.iterdir()))]:
        content.update(file.read_bytes())
    return cache_dir() / "node-image" / content.hexdigest()[:16] / "node.tar"


def build() -> Path:
    """Return the path of the image's root file system as a tar file; make it if it is not in the cache.

    Raises:
        UsageError: mmdebstrap is not installed.
        ModelserviceError: a program cannot be built, or Debian's packages cannot be had.
    """
    target = path()
    if target.is_file():
        return target
    if shutil.which("mmdebstrap") is None:
        raise UsageError("a node image is made by mmdebstrap", fix="apt-get install --yes mmdebstrap")
    target.parent.mkdir(parents=True, exist_ok=True)
    with alone(target.parent), tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        if target.is_file():
            return target  # another process made it meanwhile
        folder = Path(scratch)
        _write_files(folder)
        _debian(
            folder / "node.tar", "--variant=minbase", f"--include={','.join(PACKAGES)}", "--skip=output/dev",
            *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale")),
            f"--customize-hook=tar-in {folder / 'files.tar'} /",
            '--customize-hook=chroot "$1" sh /kind/prepare.sh',
        )  # fmt: skip
        (folder / "node.tar").replace(target)
    for older in target.parent.parent.iterdir():  # each takes more than a gigabyte
        if older != target.parent:
            shutil.rmtree(older, ignore_errors=True)
    return target


def _debian(target: Path, *options: str) -> None:
    """Write a tar file of Debian packages and what they depend on."""
    command = ["mmdebstrap", "--quiet", "--components=main", *options, DEBIAN, str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tail = "\n".join(done.stderr.strip().splitlines()[-10:])
        raise ModelserviceError(f"the packages of the node image cannot be installed:\n{tail}")


def _write_files(folder: Path) -> None:
    """Write ``files.tar`` with all that is added to the packages."""
    base = module_file("kind", "sigs.k8s.io/kind", "images/base/files")
    files = {str(file.relative_to(base)): file for file in sorted(base.rglob("*")) if file.is_file()}
    files |= {f"usr/bin/{name}": binary(name) for name in ON_NODES}
    for number, image in enumerate(_images(folder, pause=_pause(files["etc/containerd/config.toml"]))):
        archive = folder / f"{number}.tar"
        write_archive(image, archive)
        files[f"kind/images/{archive.name}"] = archive
    files["kind/manifests/default-cni.yaml"] = RECIPE / "network.yaml"
    files["kind/prepare.sh"] = RECIPE / "prepare.sh"
    with tarfile.open(folder / "files.tar", "w") as tar:
        for name, file in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = file.stat().st_size, 0o755 if _is_program(name) else 0o644
            with file.open("rb") as content:
                tar.addfile(entry, content)
        version = VERSION.encode()
        entry = tarfile.TarInfo("kind/version")
        entry.size, entry.mode = len(version), 0o644
        tar.addfile(entry, io.BytesIO(version))


def _is_program(name: str) -> bool:
    return Path(name).parent.name in ("bin", "sbin")


def _pause(configuration: Path) -> str:
    """Return the image of pause containers that kind's configuration of containerd names."""
    named = re.search(r'sandbox_image = "(\S+)"', configuration.read_text(encoding="utf-8"))
    if named is None:
        raise ModelserviceError("no sandbox_image", file=str(configuration))
    return named[1]


def _images(folder: Path, pause: str) -> list[Image]:
    """Return the images of the control plane under the names that kubeadm asks for."""
    listed = subprocess.run(
        [str(binary("kubeadm")), "config", "images", "list", f"--kubernetes-version={VERSION}"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    names = {re.sub(r".*/|:.*", "", name): name for name in listed}
    tools = folder / "packet-filter.tar"
    _debian(tools, "--variant=extract", "--include=iptables,conntrack,kmod", "--skip=output/dev")
    links = {
        f"usr/sbin/{name}{suffix}": "xtables-nft-multi"
        for name in PACKET_FILTER
        for suffix in ("", "-save", "-restore")
    }
    root = "0:0"
    plain = [
        Image((names[name],), (f"/usr/local/bin/{name}",), {f"usr/local/bin/{name}": binary(name)}, user=root)
        for name in (*STATIC_PODS, "etcd")
    ]
    proxy = {"usr/local/bin/kube-proxy": binary("kube-proxy")}
    network = {"usr/local/bin/kubectl": binary("kubectl"), "configuration": RECIPE / "pods.conflist"}
    return [
        *plain,
        Image((names["kube-proxy"],), ("/usr/local/bin/kube-proxy",), proxy, links, tools, root),
        Image((names["coredns"],), ("/coredns",), {"coredns": binary("coredns")}, user=root),
        Image((pause,), ("/bin/sleep", "2147483647")),
        Image(("docker.io/local/pod-network:1",), ("/bin/sh",), network, user=root),
    ]


def main() -> int:
    """Make the image and print its path."""
    started = time.monotonic()
    try:
        sys.stdout.write(f"{build()}\n")
    except ModelserviceError as error:
        sys.stderr.write(f"kind-image: {error}\n")
        return error.exit_code
    sys.stderr.write(f"kind-image: Kubernetes {VERSION}, in {time.monotonic() - started:.0f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
