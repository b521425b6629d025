"""The node image of kind without a registry: what its digest covers, and whose files it takes."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from localcluster import node_image
from localcluster.binaries import KUBERNETES, module_file, module_version
from modelservice.errors import UsageError


def test_kubeadm_is_of_the_same_release_as_the_programs_it_starts() -> None:
    assert module_version("kubeadm", "k8s.io/kubernetes") == module_version("kubernetes", "k8s.io/kubernetes")
    assert module_version("kubeadm", "k8s.io/kubernetes") == node_image.VERSION == next(iter(KUBERNETES.values()))


def test_a_change_of_a_file_is_another_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in node_image.RECIPE.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(node_image, "RECIPE", tmp_path)
    before = node_image.path()
    assert node_image.path() == before
    (tmp_path / "network.yaml").write_text("---\n")
    assert node_image.path() != before


def test_without_mmdebstrap_the_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(UsageError, match="apt-get install --yes mmdebstrap"):
        node_image.build()


@pytest.mark.executable
def test_what_is_changed_in_kinds_files_is_there() -> None:
    """``prepare.sh`` changes lines of kind's pinned module: a newer one that has others must not pass in silence."""
    base = module_file("kind", "sigs.k8s.io/kind", "images/base/files")
    containerd = tomllib.loads((base / "etc/containerd/config.toml").read_text())
    assert containerd["plugins"]["io.containerd.grpc.v1.cri"]["restrict_oom_score_adj"] is False
    assert re.search(r"^KUBELET_EXTRA_ARGS=", (base / "etc/default/kubelet").read_text(), re.MULTILINE)
    for unit in ("kubelet.service", "containerd.service", "undo-mount-hacks.service"):
        assert (base / "etc/systemd/system" / unit).is_file()


def test_the_shell_takes_the_script() -> None:
    command = ["sh", "-n", str(node_image.RECIPE / "prepare.sh")]
    subprocess.run(command, check=True)
