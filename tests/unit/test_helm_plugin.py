"""The program as a Helm plugin, run by real helm executables: Helm keeps its own options from the program's arguments."""

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from modelservice.helm_executable import HelmExecutable
from modelservice.helm_plugin import Caller, caller
from support.render import ROOT

COMPLETE = str(ROOT / "examples" / "values-complete.yaml")


class Helm:
    """A helm executable with the plugin installed in a home of its own."""

    def __init__(self, executable: str, home: Path) -> None:
        program = home / "bin" / "modelservice"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT / "tools"} exec {sys.executable} -m modelservice "$@"\n')
        program.chmod(0o755)
        self.executable = executable
        self.environment = {
            "HOME": str(home), "HELM_DATA_HOME": str(home / "data"), "HELM_CONFIG_HOME": str(home / "config"),
            "HELM_CACHE_HOME": str(home / "cache"), "PATH": f"{program.parent}:{os.environ['PATH']}",
        }  # fmt: skip
        self.run("plugin", "install", str(ROOT / "tools" / "helm-plugin"))

    def run(self, *arguments: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run helm."""
        return subprocess.run(
            [self.executable, *arguments], env=self.environment | environment, capture_output=True, text=True,
            check=check,
        )  # fmt: skip


@pytest.fixture(scope="module")
def helm(executable: HelmExecutable, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(executable.executable, tmp_path_factory.mktemp("helm"))


def namespace(text: str) -> str:
    """The namespace that the endpoint picker is told."""
    arguments = [word for obj in yaml.safe_load_all(text) if obj["kind"] == "Deployment" for word in words(obj)]
    (found,) = {word.partition("=")[2] for word in arguments if word.startswith("--pool-namespace=")}
    return str(found)


def words(obj: dict[str, Any]) -> list[str]:
    return [str(word) for item in obj["spec"]["template"]["spec"]["containers"] for word in item.get("args", [])]


@pytest.mark.executable
@pytest.mark.parametrize(
    "arguments",
    [
        ["modelservice", "render", "-f", COMPLETE, "--namespace", "prod"],
        ["modelservice", "render", "-f", COMPLETE, "--namespace=prod"],
        ["modelservice", "render", "-n", "prod", "-f", COMPLETE],
        ["-n", "prod", "modelservice", "render", "-f", COMPLETE],
        ["--namespace", "prod", "modelservice", "render", "-f", COMPLETE],
    ],
    ids=lambda arguments: " ".join(argument for argument in arguments if argument != COMPLETE),
)
def test_helms_namespace_is_that_of_the_release(helm: Helm, arguments: list[str]) -> None:
    assert namespace(helm.run(*arguments).stdout) == "prod"


@pytest.mark.executable
def test_the_namespace_of_the_environment_is_heeded(helm: Helm) -> None:
    assert namespace(helm.run("modelservice", "render", "-f", COMPLETE, HELM_NAMESPACE="prod").stdout) == "prod"


@pytest.mark.executable
def test_commands_without_a_namespace_work_too(helm: Helm) -> None:
    assert "topology/pd" in helm.run("-n", "prod", "modelservice", "presets").stdout


class ApiServer(http.server.BaseHTTPRequestHandler):
    """Answers nothing, and keeps what it is asked with."""

    seen: ClassVar[list[dict[str, str]]] = []

    def do_GET(self) -> None:
        self.seen.append({name.title(): value for name, value in self.headers.items()})
        self.send_error(403)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    ApiServer.seen.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), ApiServer) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


def kubeconfig(path: Path, server: str) -> str:
    """A kubeconfig whose current context leads nowhere, and whose other one leads to the server."""
    content = {
        "apiVersion": "v1", "kind": "Config", "current-context": "nowhere",
        "contexts": [{"name": name, "context": {"cluster": name, "user": "me"}} for name in ("nowhere", "here")],
        "clusters": [
            {"name": "nowhere", "cluster": {"server": "http://127.0.0.1:1"}},
            {"name": "here", "cluster": {"server": server}},
        ],
        "users": [{"name": "me", "user": {"token": "from-the-file"}}],
    }  # fmt: skip
    path.write_text(json.dumps(content))
    return str(path)


@pytest.mark.executable
@pytest.mark.parametrize(
    ("options", "token"),
    [
        (["--kube-context", "here"], "Bearer from-the-file"),
        (["--kube-context", "here", "--kube-token", "given"], "Bearer given"),
        (["--kube-apiserver", "SERVER"], "Bearer from-the-file"),
    ],
    ids=["context", "token", "server"],
)
def test_helms_cluster_is_the_one_that_is_read(
    helm: Helm, server: str, tmp_path: Path, options: list[str], token: str
) -> None:
    given = [server if option == "SERVER" else option for option in options]
    file = kubeconfig(tmp_path / "config", server)
    done = helm.run(
        "modelservice", "check", "--cluster", "-f", COMPLETE, "--kubeconfig", file, *given, "--kube-as-user", "jo",
        check=False,
    )  # fmt: skip
    assert "the cluster" in done.stderr
    assert {request["Authorization"] for request in ApiServer.seen} == {token}
    assert {request["Impersonate-User"] for request in ApiServer.seen} == {"jo"}


def test_outside_helm_its_variables_say_nothing() -> None:
    assert caller({"HELM_NAMESPACE": "prod", "HELM_DEBUG": "true", "HELM_KUBECONTEXT": "x"}) == Caller()
    assert caller({"HELM_PLUGIN_NAME": "modelservice", "HELM_DEBUG": "true"}).debug


def test_helms_default_namespace_is_not_one_of_an_imported_source() -> None:
    inside = {"HELM_PLUGIN_NAME": "modelservice", "HELM_NAMESPACE": "default"}
    assert caller(inside).default_options.keys().isdisjoint({"import", "generate"})
    assert "import" in caller({**inside, "HELM_NAMESPACE": "prod"}).default_options
