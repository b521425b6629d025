"""The request tests run on any cluster that a kubeconfig names and whose pods the machine reaches."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from live import Cluster
from modelservice.binaries import binary, cache_dir
from modelservice.cluster.images import images, write_archive
from rendered import ROOT

pytestmark = pytest.mark.usefixtures("own_nodes")


@pytest.fixture
def loader(cluster: Cluster, tmp_path: Path) -> tuple[dict[str, str], list[str]]:
    """Environment and command of `modelservice cluster load` for the cluster of the tests."""
    (tmp_path / "modelservice" / "clusters").mkdir(parents=True)
    (tmp_path / "modelservice" / "bin").symlink_to(cache_dir() / "bin")
    (tmp_path / "modelservice" / "clusters" / "given").symlink_to(cluster.plane.folder)
    command = [sys.executable, "-m", "modelservice", "cluster", "load", "--name", "given"]
    return os.environ | {"XDG_CACHE_HOME": str(tmp_path), "PYTEST_ADDOPTS": ""}, command


def test_a_given_cluster_gets_the_images_and_answers(
    cluster: Cluster, loader: tuple[dict[str, str], list[str]], tmp_path: Path
) -> None:
    environment, command = loader
    (tmp_path / "kubectl").symlink_to(binary("kubectl"))  # for pytest-helm-charts
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider",
            "--kubeconfig", str(cluster.client.kubeconfig), "--chart-path", "charts/llm-d-modelservice",
            "--image-loader", shlex.join(command), "tests/requests", "-k", "single_pod_answers or reach_services",
        ],
        cwd=ROOT, env=environment | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed, 1 skipped" in done.stdout


def test_an_image_is_loaded_into_every_node(loader: tuple[dict[str, str], list[str]], tmp_path: Path) -> None:
    environment, command = loader
    archive = tmp_path / "image.tar"
    write_archive(images()[0], archive)

    def load(file: Path) -> tuple[int, str]:
        done = subprocess.run([*command, str(file)], env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stderr

    assert load(archive) == (0, "loaded into real-0, real-1\n")
    code, said = load(tmp_path / "none.tar")
    assert (code, "none.tar: no such file" in said) == (2, True), said
    archive.write_text("not an image")
    code, said = load(archive)
    assert (code, "Traceback" in said) == (1, False), said
