"""The control plane itself: side by side, nothing left behind, faults with a clear error."""

import os
import re
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from localcluster import process
from localcluster.binaries import KUBERNETES, binary
from localcluster.control_plane import PROGRAMS, ControlPlane
from modelservice.errors import ModelserviceError, UsageError
from modelservice.model.node_pools import POOLS, NodePool, read_pools
from support.cluster import Cluster, Helm, values

pytestmark = pytest.mark.usefixtures("local_plane")


def test_tests_of_one_cluster_share_one_worker(request: pytest.FixtureRequest) -> None:
    """Else each worker starts clusters of its own, and nobody notices but the clock."""
    assert request.node.nodeid.endswith("@plain") or not getattr(request.config.option, "loadgroup", False)


@pytest.fixture(scope="module")
def predecessor(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[int]]:
    """A folder whose process was killed while it started a control plane, so that nothing was cleaned up, and the
    programs that it left.
    """
    folder = tmp_path_factory.mktemp("second") / "plane"
    script = f"""
import os
from pathlib import Path
from localcluster.control_plane import ControlPlane
class Killed(ControlPlane):
    def _start_api_server(self, *arguments):
        os._exit(9)
Killed(Path({str(folder)!r})).up()
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 9
    left = process.running(folder)
    assert set(left) == {"etcd"}
    (folder / "kwok.pid").write_text("999999")
    (folder / "old").write_text("x")
    return folder, set(left.values())


@pytest.fixture(scope="module")
def second(predecessor: tuple[Path, set[int]]) -> Iterator[ControlPlane]:
    """A control plane beside that of the tests."""
    with ControlPlane(predecessor[0], [NodePool(name="small")]) as plane:
        yield plane


def test_a_folder_whose_process_was_killed_is_replaced_and_its_programs_are_ended(
    second: ControlPlane, predecessor: tuple[Path, set[int]]
) -> None:
    folder, before = predecessor
    assert not (folder / "old").exists()
    assert not before & set(process.running(folder).values())
    for program in before:
        assert not Path(f"/proc/{program}/cwd").exists()


def test_several_run_side_by_side(cluster: Cluster, second: ControlPlane) -> None:
    nodes = second.client.resource("v1", "Node").get().to_dict()["items"]
    assert [node["metadata"]["name"] for node in nodes] == ["small-0"]
    assert set(process.running(second.folder)) == set(PROGRAMS)
    cluster.plane.check()


def test_a_missing_definition_is_named_by_helm_and_by_the_tests(second: ControlPlane, chart: Path) -> None:
    second.client.resource("apiextensions.k8s.io/v1", "CustomResourceDefinition").delete(
        name="podmonitors.monitoring.coreos.com"
    )
    other = Cluster(second.client)
    api_version, kind = "monitoring.coreos.com/v1", "PodMonitor"

    def gone() -> bool:
        second.client.dynamic.resources.invalidate_cache()
        return not second.client.knows(api_version, kind)

    other.wait("the kind is gone", gone)
    with pytest.raises(pytest.skip.Exception, match=f"the cluster has no {kind} of {api_version}"):
        other.require(api_version, kind)
    monitored = values(decode={"monitoring": {"podmonitor": {"enabled": True}}})
    with pytest.raises(AssertionError, match=r'no matches for kind "PodMonitor"'):
        Helm(binary("helm4"), other, chart, "default").install("missing", monitored)


def test_a_program_that_dies_is_reported_with_its_log_and_nothing_is_left(
    cluster: Cluster, second: ControlPlane
) -> None:
    """The last test of this control plane."""
    os.kill(process.running(second.folder)["etcd"], signal.SIGKILL)

    def missed() -> bool:
        second.check()
        return False

    with pytest.raises(ModelserviceError, match="etcd exited with code -9; its log ends"):
        cluster.wait("etcd is missed", missed)
    second.down()
    assert process.running(second.folder) == {}
    assert not second.folder.exists()
    cluster.plane.check()


def test_secrets_are_readable_by_their_owner_alone(cluster: Cluster) -> None:
    for name in (
        "kubeconfig",
        "tokens.csv",
        *(f"pki/{key.name}" for key in (cluster.plane.folder / "pki").glob("*.key")),
    ):
        assert (cluster.plane.folder / name).stat().st_mode & 0o077 == 0, name


def test_no_program_answers_who_has_no_key(cluster: Cluster) -> None:
    """Every local user reaches the ports: what listens asks for a certificate or a token, or tells nothing."""
    folder = cluster.plane.folder
    trust = ssl.create_default_context(cafile=str(folder / "pki" / "ca.crt"))
    arguments = (Path("/proc") / str(process.running(folder)["etcd"]) / "cmdline").read_text().split("\0")
    urls = [item.partition("=")[2] for item in arguments if re.match(r"--listen-(client|peer)-urls=", item)]
    assert len(urls) == 2 and all(url.startswith("https://") for url in urls)
    for url in urls:
        with pytest.raises(OSError, match=r"certificate required|closed|EOF|reset"):
            urllib.request.urlopen(  # noqa: S310
                f"{url}/v3/kv/range", data=b'{"key": "Lw=="}', context=trust
            )
    server = yaml.safe_load(cluster.plane.kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{server}/api/v1/secrets", context=trust)  # noqa: S310


def test_the_server_reports_its_version(cluster: Cluster, pytestconfig: pytest.Config) -> None:
    version = cluster.client.version
    assert version == KUBERNETES[pytestconfig.getoption("--kubernetes")]


def test_pools_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "pools.yaml"
    file.write_text("pools:\n- name: big\n  count: 3\n  resources: {cpu: '8', memory: 64Gi, nvidia.com/gpu: '8'}\n")
    (pool,) = read_pools(str(file))
    assert (pool.name, pool.count) == ("big", 3)


@pytest.mark.parametrize(
    ("text", "words"),
    [("pools: [{nam: x}]", "pools.0"), ("pools: [{name: x, count: 0}]", "pools.0.count"), ("pool: []", "pool")],
)
def test_a_wrong_pool_file_names_its_key(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "pools.yaml"
    file.write_text(text)
    with pytest.raises(ModelserviceError, match=words):
        read_pools(str(file))


def test_a_missing_pool_file_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no such file"):
        read_pools("/no/such/pools.yaml")


@pytest.mark.parametrize("name", POOLS)
def test_every_ready_made_pool_has_two_nodes(name: str) -> None:
    assert POOLS[name].count == 2
