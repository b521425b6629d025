"""The request tests run on any cluster that a kubeconfig names and whose pods the machine reaches."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from localcluster.images import images, write_archive
from support.cluster import Cluster, own_cache, run_tests_on

pytestmark = pytest.mark.usefixtures("own_nodes")


@pytest.fixture
def loader(cluster: Cluster, tmp_path: Path) -> tuple[dict[str, str], list[str]]:
    """Environment and command of `modelservice cluster load` for the cluster of the tests."""
    environment = own_cache(tmp_path)
    (tmp_path / "modelservice" / "clusters").mkdir()
    (tmp_path / "modelservice" / "clusters" / "given").symlink_to(cluster.plane.folder)
    command = [sys.executable, "-m", "modelservice", "cluster", "load", "--name", "given"]
    return environment, command


def test_a_given_cluster_gets_the_images_and_answers(
    cluster: Cluster, loader: tuple[dict[str, str], list[str]], tmp_path: Path
) -> None:
    environment, command = loader
    selected = ["tests/requests", "-k", "single_pod_answers or reach_services"]
    done = run_tests_on(cluster, tmp_path, "--image-loader", shlex.join(command), *selected, environment=environment)
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
