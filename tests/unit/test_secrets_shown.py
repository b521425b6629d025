"""No command shows a secret that is in the values or in the objects: each is planted once, every command runs.

``render`` and ``generate`` print manifests, which have what the values have: that is what the API server gets.
``check`` reports such a secret as an error.
"""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelservice.assignments import Assignments
from modelservice.cli import main
from modelservice.concealed import Concealer
from modelservice.errors import UsageError

Values = dict[str, Any]

_NUMBERS = itertools.count(10)


def secret() -> str:
    """A text that no form tells from others."""
    return f"zq{next(_NUMBERS)}Xplanted{next(_NUMBERS)}w"


VALUES: Values = {
    "modelArtifacts": {"uri": "hf://o/m", "name": "o/m", "endpoint": f"https://user:{secret()}@hub.example.com"},
    "accelerator": {"type": "nvidia"},
    "engine": {
        "type": "vllm", "image": "vllm/vllm-openai:v0.32.0",
        "args": {
            "api-key": [secret(), secret()], "hf-token": secret(),
            "otlp-traces-endpoint": f"http://user:{secret()}@collector:4317",
            "model-loader-extra-config": {"aws_secret_access_key": secret()},
            "additional-config": f'{{"password": "{secret()}"}}',
        },
        "env": {
            "AWS_SECRET_ACCESS_KEY": secret(), "HTTPS_PROXY": f"http://user:{secret()}@proxy:3128",
            "ANY": f"hf_{secret()}abcdefghijklmnop", "CALLED": secret(), "OTHER_TOKEN": "$(CALLED)",
        },
    },
    "decode": {
        "engine": {"env": {"MY_PASSWORD": secret()}},
        "podAnnotations": {"example.com/api-key": secret()},
        "containers": [
            {"name": "server", "env": [{"name": "MY_API_KEY", "value": secret()}]},
            {"name": "side", "image": "side:1", "args": ["--token", secret()], "env": [{"name": "A_TOKEN", "value": secret()}]},
        ],
        "initContainers": [
            {"name": "first", "image": "first:1",
             "command": ["sh", "-c", f"export HF_TOKEN={secret()}; curl -u user:{secret()} http://h; x --api-key {secret()}"],
             "env": [{"name": "DB_PASSWORD", "value": secret()}]},
        ],
        "autoscaling": {
            "enabled": True, "type": "keda", "maxReplicas": 2,
            "triggers": [{"type": "prometheus", "metadata": {"serverAddress": "http://p", "query": "x", "threshold": "1",
                                                              "password": secret()}}],
        },
    },
    "prefill": {"create": False},
    "routing": {"proxy": {"enabled": False}},
    "files": {"/etc/settings": f"API_KEY={secret()}\npassword: {secret()}\n"},
    "extraObjects": [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "own"}, "stringData": {"any": secret()}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "more"}, "data": {"HF_TOKEN": secret()}},
    ],
}  # fmt: skip

REJECTED: dict[str, Values] = {
    "not a scheme": {"modelArtifacts": {"uri": f"https://user:{secret()}@example.com/m.gguf"}},
    "the key as the name of a Secret": {"auth": {"apiKeySecret": {"name": f"{secret()}_"}}},
    "the token as the name of a Secret": {"modelArtifacts": {"authSecretName": f"{secret()}_"}},
    "a list": {"engine": {"env": {"HF_TOKEN": [secret()]}}},
    "an unknown key": {"modelArtifacts": {"hfToken": secret()}},
    "a text for a map": {"auth": {"apiKeySecret": secret()}},
    "two keys": {"engine": {"args": {"api-key": secret()}}, "auth": {"apiKeySecret": {"name": "clients"}}},
    "an engine without flags": {"engine": {"type": "ollama", "args": {"api-key": secret()}}},
}
"""Values that schema or chart reject."""


def planted(value: Any) -> list[str]:
    """The secrets in values."""
    return re.findall(r"zq\d+Xplanted\d+w", json.dumps(value))


FORMATS = {
    "check": ("text", "json", "sarif", "junit", "github"),
    "plan": ("text", "json", "svg"),
    "endpoints": ("text", "json"),
}

LINES = (
    "Deployment", "Deployment.spec.template.spec.containers[0].args", "Deployment.spec.template.spec.containers[0].env",
    "Deployment.spec.template.spec.initContainers", "Deployment.spec.template.metadata.annotations", "ScaledObject",
    "Secret", "ConfigMap/more",
)  # fmt: skip

COMMANDS = [
    *([command, "-f", "VALUES", "--format", each] for command, formats in FORMATS.items() for each in formats),
    ["render", "-f", "VALUES", "--summary"],
    ["render", "-f", "VALUES", "--summary", "--format", "json"],
    ["render", "-f", "VALUES", "--notes"],
    *(["explain", "-f", "VALUES", line] for line in LINES),
    ["explain", "-f", "VALUES", "--all", "Deployment.spec.template.spec.containers"],
    ["explain", "-f", "VALUES", "--format", "json", "Deployment.spec.template.spec.containers"],
    ["explain", "-f", "VALUES", "--what-if", "engine.args.seed=7"],
    ["explain", "-f", "VALUES", "--what-if", "decode.engine.env=null", "--format", "json"],
    ["explain", "-f", "VALUES", "--what-if", "engine.args.hf-token=zq0Xplanted0w"],
    ["diff", "-f", "VALUES", "--set", "engine.args.hf-token=zq0Xplanted0w"],
    ["diff", "-f", "VALUES", "--set", "decode.engine.env=null", "--format", "json"],
    ["diff", "-f", "VALUES", "--set", "decode.engine.env=null", "--format", "markdown"],
    *(["check", "--manifests", "MANIFESTS", "--format", each] for each in FORMATS["check"]),
    ["import", "MANIFESTS"],
    ["import", "MANIFESTS", "--format", "json"],
    ["import", "MANIFESTS", "--strict"],
]  # fmt: skip


def run(*arguments: str) -> None:
    with pytest.raises(SystemExit):
        main(list(arguments))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("planted")
    (folder / "values.yaml").write_text(yaml.safe_dump(VALUES))
    run("render", "-f", str(folder / "values.yaml"), "-o", str(folder / "objects"), "--format", "json")
    objects = [json.loads(file.read_text()) for file in sorted((folder / "objects").glob("*.json"))]
    (folder / "manifests.yaml").write_text(yaml.safe_dump_all(objects))
    return {"VALUES": str(folder / "values.yaml"), "MANIFESTS": str(folder / "manifests.yaml")}


def test_every_secret_reaches_the_manifests(files: dict[str, str]) -> None:
    text = Path(files["MANIFESTS"]).read_text()
    assert len(set(planted(VALUES))) == 25
    assert [each for each in planted(VALUES) if each not in text] == []


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_shows_a_secret(
    command: list[str], files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    run(*(files.get(word, word) for word in command))
    shown = "".join(capsys.readouterr())
    assert "a bug in this program" not in shown
    assert shown and "Xplanted" not in shown


@pytest.mark.parametrize("command", ["check", "plan", "endpoints", "explain"])
@pytest.mark.parametrize("values", REJECTED)
def test_no_message_shows_a_secret(
    values: str, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(REJECTED[values]))
    for more in ([], ["--format", "json"]):
        run(command, "-f", str(file), *more, *(["Deployment"] if command == "explain" else []))
        shown = "".join(capsys.readouterr())
        assert "error" in shown and "Xplanted" not in shown


@pytest.mark.parametrize(
    "given",
    [
        {"sets": ["engine.env.HF_TOKEN.x=zq0Xplanted0w"]},
        {"sets": ["engine.env.HF_TOKEN[0].x=zq0Xplanted0w"]},
        {"jsons": ["engine.env.HF_TOKEN={zq0Xplanted0w"]},
        {"jsons": ["a=1,engine.args.api-key=1 zq0Xplanted0w"]},
        {"strings": ["clientSecret.x=zq0Xplanted0w"]},
    ],
)
def test_no_message_about_an_option_shows_its_secret(given: dict[str, list[str]]) -> None:
    base = {"engine": {"env": {"HF_TOKEN": "zq1Xplanted1w"}}, "clientSecret": "zq1Xplanted1w"}
    with pytest.raises(UsageError) as error:
        Assignments(**given).apply(base)
    assert "***" in str(error.value) and "Xplanted" not in str(error.value)


def test_that_a_secret_changes_is_shown(files: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    run("explain", "-f", files["VALUES"], "--what-if", "engine.args.hf-token=zq0Xplanted0w")
    shown = capsys.readouterr().out.splitlines()
    assert [line.split() for line in shown if line.startswith(("-  ", "+  "))] == [
        ["-", "-", "'***'"],
        ["+", "-", "'***", "(another)'"],
    ]


@pytest.mark.parametrize(
    "value",
    [
        {"authSecretName": "hf-token", "authSecretKey": "HF_TOKEN"},
        {"valueFrom": {"secretKeyRef": {"name": "clients", "key": "api-key"}}},
        {"name": "HF_TOKEN", "value": "$(OTHER)"},
        {"args": ["--api-key", "$(KEY)", "--port", "8000"]},
        {
            "args": {
                "max-num-batched-tokens": 8192,
                "tokenizer": "o/m",
                "long-prefill-token-threshold": 2048,
                "speculative-token-map": "o/map",
            }
        },
        {
            "annotations": {
                "nginx.ingress.kubernetes.io/auth-url": "http://auth",
                "example.com/token-file": "/run/token",
            }
        },
        {"automountServiceAccountToken": False, "secretName": "own", "imagePullSecrets": [{"name": "registry"}]},
    ],
)
def test_what_is_no_secret_is_shown(value: Values) -> None:
    assert Concealer(value)(value) == value
