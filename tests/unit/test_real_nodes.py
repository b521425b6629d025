"""Real nodes: what is refused before anything is started, and what their images and networks are."""

import json
import math
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from localcluster import real_node
from localcluster.binaries import go, module_file
from localcluster.gateway import Route, routes
from localcluster.images import Image, write_archive
from localcluster.real_node import KUBELET_TUNABLES, NETWORKS, Network
from modelservice.errors import ModelserviceError, UsageError


def test_missing_packages_are_named_with_the_command_that_installs_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(real_node, "PACKAGES", {"sh": "dash", "no-such-runtime": "containerd"})
    monkeypatch.setattr(real_node, "CNI_FOLDERS", (tmp_path,))
    real_node._cni_folder.cache_clear()
    with pytest.raises(UsageError, match=r"apt-get install --yes containerd containernetworking-plugins$"):
        real_node.require()
    real_node._cni_folder.cache_clear()


def test_real_pods_are_refused_without_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(UsageError, match="need root"):
        real_node.require()


def test_addresses_of_a_network_do_not_overlap() -> None:
    network = Network(NETWORKS[7])
    taken = {network.machine, *(network.node(index) for index in range(real_node.MOST))}
    assert len(taken) == real_node.MOST + 1
    ranges = [network.range_of(index) for index in range(real_node.MOST)]
    numbers = [range(int(first.rpartition(".")[2]), int(last.rpartition(".")[2]) + 1) for first, last in ranges]
    pods = [number for part in numbers for number in part]
    assert len(pods) == len(set(pods))
    assert taken.isdisjoint(f"10.213.7.{number}" for number in pods)
    assert (network.link, str(network.services)) == ("modelservice7", "10.214.7.0/24")
    assert max(len(Network(pods).link) for pods in NETWORKS) <= 15  # the kernel's limit


def test_an_image_has_its_program_its_names_and_a_user_that_is_not_root(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF")
    image = Image(("example.com/a:1", "example.com/a:2"), ("/app/a", "--flag"), {"app/a": program, "etc/a": "text"})
    try:
        write_archive(image, tmp_path / "image.tar")
    except UsageError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    with tarfile.open(tmp_path / "image.tar") as archive:
        (manifest,) = json.load(archive.extractfile("manifest.json"))  # type: ignore[arg-type]
        config = json.load(archive.extractfile(manifest["Config"]))  # type: ignore[arg-type]
        archive.extract("layer.tar", tmp_path, filter="data")
    assert manifest["RepoTags"] == ["example.com/a:1", "example.com/a:2"]
    assert config["config"]["Entrypoint"] == ["/app/a", "--flag"]
    assert config["config"]["User"] == "65532:65532"
    with tarfile.open(tmp_path / "layer.tar") as layer:
        assert layer.extractfile("app/a").read() == b"\x7fELF"  # type: ignore[union-attr]
        assert layer.getmember("app/a").mode & 0o111
        assert layer.getmember("tmp").mode == 0o1777
    assert sorted(path.name for path in tmp_path.iterdir()) == ["image.tar", "layer.tar", "program"]


def rule(pool: str, **match: object) -> dict[str, object]:
    return {"matches": [match] if match else [], "backendRefs": [{"kind": "InferencePool", "name": pool}]}


def test_the_more_exact_rule_of_http_routes_comes_first() -> None:
    header = {"headers": [{"name": "X-Model", "value": "a"}]}
    http_route = {
        "metadata": {"name": "all"},
        "spec": {"rules": [rule("b"), rule("b", path={"value": "/v1"}), rule("a", **header)]},
    }
    found = routes([http_route], {"a": "10.0.0.1:9002", "b": "10.0.0.2:9002"})
    assert found == [
        Route("a", "10.0.0.1:9002", {"x-model": "a"}), Route("b", "10.0.0.2:9002", {}, "/v1"),
        Route("b", "10.0.0.2:9002"),
    ]  # fmt: skip


def test_weights_of_an_http_route_are_shares_of_what_is_left() -> None:
    """https://gateway-api.sigs.k8s.io/reference/spec/#httpbackendref: no weight is 1, and 0 gets nothing."""
    weights: dict[str, dict[str, int]] = {"a": {"weight": 3}, "off": {"weight": 0}, "b": {}, "c": {"weight": 4}}
    backends = [{"kind": "InferencePool", "name": name, **weight} for name, weight in weights.items()]
    http_route = {"metadata": {"name": "split"}, "spec": {"rules": [{"backendRefs": backends}]}}
    found = routes([http_route], dict.fromkeys(weights, "10.0.0.1:9002"))
    assert [(route.pool, route.share) for route in found] == [("a", 3 / 8), ("b", 1 / 5), ("c", 1)]


def test_an_http_route_without_a_pool_is_refused() -> None:
    http_route = {"metadata": {"name": "lost"}, "spec": {"rules": [rule("c")]}}
    with pytest.raises(ModelserviceError, match="HTTPRoute lost: the backends of a rule must be among a, b"):
        routes([http_route], {"a": "10.0.0.1:9002", "b": "10.0.0.2:9002"})


@pytest.mark.executable
def test_every_setting_of_the_machine_that_kubelet_writes_is_the_nodes_own() -> None:
    """From kubelet's source: what its container manager sets up."""
    manager = module_file("kubernetes", "k8s.io/kubernetes", "pkg/kubelet/cm/container_manager_linux.go").read_text()
    body = manager.split("func setupKernelTunables(", 1)[1].split("\n}\n", 1)[0]
    wanted = re.findall(r"utilsysctl\.(\w+):\s+utilsysctl\.(\w+)", body)
    source = module_file("kubernetes", "k8s.io/component-helpers", "node/util/sysctl/sysctl.go").read_text()
    constants = dict(re.findall(r"^\s+(\w+) += (.+)$", source, re.MULTILINE))

    def number(name: str) -> int:
        return math.prod(int(part) if part.isdigit() else number(part) for part in constants[name].split(" * "))

    assert {constants[name].strip('"'): str(number(value)) for name, value in wanted} == KUBELET_TUNABLES


@pytest.mark.executable
def test_definitions_that_cannot_be_had_are_a_sentence_with_the_reason_and_none_is_printed(tmp_path: Path) -> None:
    path = f"{Path(go()).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "localcluster.definitions"], capture_output=True, text=True, check=False,
        env=os.environ | {"GOMODCACHE": str(tmp_path), "GOPROXY": "off", "PATH": path},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("definitions: go mod download failed in lws:")
    assert "module lookup disabled by GOPROXY=off" in done.stderr
    assert "Traceback" not in done.stderr
