"""Where the configuration of a model comes from: a file, the catalogue, or Hugging Face when asked for."""

import http.server
import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from typer.testing import CliRunner

from modelservice.cli.app import app
from modelservice.errors import UsageError
from modelservice.models.lookup import Models
from support.model_configs import LLAMA
from support.render import ROOT

runner = CliRunner()
VALUES = """\
modelArtifacts: {name: mine/model, uri: hf://mine/model, size: 1Gi}
engine: {type: vllm, image: "vllm/vllm-openai:v0.32.0"}
"""
TOKEN = "hf_thisIsASecretToken"
installed = pytest.mark.skipif(importlib.util.find_spec("huggingface_hub") is None, reason="needs huggingface_hub")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration of a small model."""
    file = tmp_path / "own" / "config.json"
    file.parent.mkdir()
    file.write_text(json.dumps(LLAMA | {"num_hidden_layers": 2}))
    return file


def test_a_file_holds_for_all_models_or_for_one(config: Path) -> None:
    everywhere, one = Models([str(config)]), Models([f"mine/model={config}"])
    assert layers(everywhere, "mine/model") == layers(everywhere, "Qwen/Qwen3-32B") == 2
    assert layers(one, "mine/model") == 2
    assert layers(one, "Qwen/Qwen3-32B") == 64
    assert one.find("mine/other") is None


def test_the_file_of_one_model_goes_before_that_of_all(config: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(json.dumps(LLAMA))
    models = Models([str(other), f"mine/model={config}"])
    assert (layers(models, "mine/model"), layers(models, "mine/else")) == (2, 32)


def test_a_path_with_an_equals_sign_is_a_path(config: Path, tmp_path: Path) -> None:
    directory = tmp_path / "a=b"
    config.parent.rename(directory)
    assert layers(Models([str(directory)]), "mine/model") == 2


def test_a_missing_file_is_an_error_in_one_line(config: Path) -> None:
    values = config.with_name("values.yaml")
    values.write_text(VALUES)
    result = runner.invoke(app, ["check", str(values), "--model-config", "/nowhere"])
    assert isinstance(result.exception, UsageError)
    assert str(result.exception) == "/nowhere: No such file or directory; give a model's directory or its config.json"


@pytest.mark.parametrize("given", ["", "mine/model="])
def test_an_option_without_a_path_is_an_error(given: str) -> None:
    with pytest.raises(UsageError, match=f"--model-config {given}: no path; set PATH or MODEL=PATH"):
        Models([given])


def test_check_sizes_a_model_by_the_configuration_that_is_given(config: Path) -> None:
    values = config.with_name("values.yaml")
    values.write_text(VALUES)
    without, given = (
        json.loads(runner.invoke(app, ["check", str(values), "--format", "json", *more]).stdout)["findings"]
        for more in ([], ["--model-config", f"mine/model={config}"])
    )
    assert not [item for item in without if item["rule"] == "model-volume"]
    assert {item["message"] for item in given if item["rule"] == "model-volume"} == {
        "the weights take about 3 GiB, but the volume holds 1 GiB"
    }


@pytest.mark.parametrize(
    ("command", "given", "noted"),
    [
        (["check"], "mine/modle", True), (["check"], "mine/model", False),
        (["plan", "-f"], "mine/modle", True), (["plan", "-f"], "mine/model", False),
        (["size", "Qwen/Qwen3-8B", "--nodes"], "mine/model", True),
    ],
)  # fmt: skip
def test_a_configuration_that_nothing_asks_for_is_noted(
    command: list[str], given: str, noted: bool, config: Path
) -> None:
    file = config.with_name("values.yaml")
    file.write_text("pools: [{name: a, resources: {nvidia.com/gpu: '8'}, labels: {nvidia.com/gpu.product: NVIDIA-L4}}]"
                    if "--nodes" in command else VALUES)  # fmt: skip
    done = runner.invoke(app, [*command, str(file), "--model-config", f"{given}={config}"])
    assert (f"not used: --model-config {given}=…" in done.stderr) == noted, done.output


def layers(models: Models, name: str) -> int:
    """Number of layers of a model."""
    found = models.find(name)
    assert found is not None
    return found.shape.layer_count


# ---------------------------------------------------------------------------------------------
# Hugging Face
# ---------------------------------------------------------------------------------------------


ERRORS = {
    "gated": (HTTPStatus.FORBIDDEN, "GatedRepo"),
    "missing": (HTTPStatus.NOT_FOUND, "RepoNotFound"),
    "empty": (HTTPStatus.NOT_FOUND, "EntryNotFound"),
    "broken": (HTTPStatus.INTERNAL_SERVER_ERROR, ""),
}


class Hub(http.server.BaseHTTPRequestHandler):
    """Answers as the Hub does, see huggingface_hub's ``hf_raise_for_status``."""

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        name, file = self.path.split("/")[2], self.path.rsplit("/", 1)[-1].split("?")[0]
        status, code = ERRORS.get(name, (HTTPStatus.OK, ""))
        if status == HTTPStatus.OK and file != "config.json":
            status, code = HTTPStatus.NOT_FOUND, "EntryNotFound"
        content = json.dumps(LLAMA).encode() if status == HTTPStatus.OK else b""
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def hub() -> Iterator[str]:
    """The address of a Hub."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


FETCH = """
import sys
from modelservice.errors import UsageError
from modelservice.models.lookup import Models
try:
    found = Models(fetch=True).find(sys.argv[1])
    print(found and (found.name, found.exact, found.shape.layer_count))
except UsageError as error:
    print(error)
"""


def fetch(name: str, home: Path, **env: str) -> str:
    """What is printed when a model is fetched."""
    settings = {"HF_HOME": str(home), "HF_TOKEN": TOKEN, "PYTHONPATH": os.pathsep.join(sys.path), **env}
    result = subprocess.run(
        [sys.executable, "-c", FETCH, name], capture_output=True, text=True, cwd=ROOT, env={**os.environ, **settings}
    )
    assert TOKEN not in result.stdout + result.stderr
    assert "Traceback" not in result.stderr, result.stderr
    return result.stdout.strip()


@installed
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mine/model", "('mine/model', True, 32)"),
        ("Qwen/Qwen3-32B", "('Qwen/Qwen3-32B', True, 64)"),  # known: nothing is fetched
        ("mine/gated", "mine/gated is gated on Hugging Face; set HF_TOKEN to a token that may read it, or give its "
         "config.json with --model-config"),
        ("mine/missing", "Hugging Face has no model mine/missing; write OWNER/NAME, or give its config.json with "
         "--model-config"),
        ("mine/empty", "mine/empty on Hugging Face has no config.json; give its config.json with --model-config"),
        ("/models/mine", "None"),  # no repository
        ("hf://mine/model", "('mine/model', True, 32)"),
        ("mine/broken", "the configuration of mine/broken cannot be fetched: Hugging Face cannot be reached; give its "
         "config.json with --model-config"),
    ],
)  # fmt: skip
def test_a_configuration_is_fetched_or_it_is_said_why_not(hub: str, tmp_path: Path, name: str, expected: str) -> None:
    assert fetch(name, tmp_path, HF_ENDPOINT=hub) == expected


@installed
@pytest.mark.parametrize("env", [{"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:9"}])
def test_offline_one_line_says_so(tmp_path: Path, env: dict[str, str]) -> None:
    assert fetch("mine/model", tmp_path, **env) == (
        "the configuration of mine/model cannot be fetched: Hugging Face cannot be reached; give its config.json with "
        "--model-config"
    )


@installed
def test_what_was_fetched_once_is_there_offline(hub: str, tmp_path: Path) -> None:
    found = fetch("mine/model", tmp_path, HF_ENDPOINT=hub)
    assert fetch("mine/model", tmp_path, HF_ENDPOINT="http://127.0.0.1:9") == found


def test_without_the_library_the_extra_is_named(tmp_path: Path) -> None:
    (tmp_path / "huggingface_hub.py").write_text("raise ImportError('not installed')")
    path = os.pathsep.join([str(tmp_path), *sys.path])
    assert "pip install huggingface_hub" in fetch("mine/model", tmp_path, PYTHONPATH=path)
