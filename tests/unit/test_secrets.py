"""What a secret in plain text is, and that import, check and summary have the same notion of it."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelservice.cli import main
from modelservice.importers import import_files
from modelservice.secrets import holds_secret, masked, names_secret, secrets_in, variable_is_secret


@pytest.mark.parametrize(
    "name", ["HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY", "DB_PASSWORD", "api-key", "GITHUB_TOKEN"]
)
def test_names_of_secrets(name: str) -> None:
    assert names_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "TOKENIZERS_PARALLELISM", "MAX_TOKENS", "HF_TOKEN_PATH", "SECRET_NAME", "KEY", "VLLM_LOGGING_LEVEL", "EOS_TOKEN",
        "THINKING_TOKEN_BUDGET",
    ],
)  # fmt: skip
def test_names_of_no_secrets(name: str) -> None:
    assert not names_secret(name)


SECRETS = {
    "hf_ABCDEFGHIJKLMNOPQRSTUV": "hf_ABCDEFGHIJKLMNOPQRSTUV",
    "vllm serve m --api-key s3cr3t --seed 1": "s3cr3t",
    "llama-server --api-key=s3cr3t": "s3cr3t",
    "infinity_emb v2 --api-key 's3cr3t'": "s3cr3t",
    "sglang --admin-api-key s3cr3t": "s3cr3t",
    "hf download m --token abcd1234": "abcd1234",
    "git clone https://oauth2:abcd1234@example.com/o/a": "oauth2:abcd1234",
    "redis://:abcd1234@cache:6379": ":abcd1234",
    "curl -u user:password http://example.com": "user:password",
    "curl -s --user 'user:password' http://example.com": "user:password",
    "Authorization: Basic dXNlcjpwYXNzd29yZA==": "dXNlcjpwYXNzd29yZA==",
    "curl -H 'Authorization: Bearer abc123def456'": "abc123def456",
    "export HF_TOKEN=abcd1234; vllm serve m": "abcd1234",
    '{"api_key": "abcd1234"}': "abcd1234",
}
"""A secret by each form, in a text."""

NONE = [
    "git clone https://oauth2:$HF@huggingface.co/o/a",
    "git clone https://oauth2:${HF}@huggingface.co/o/a",
    "git clone https://oauth2:$(HF)@huggingface.co/o/a",
    "curl -u $USER:$PASSWORD http://example.com",
    "curl -H 'Authorization: Bearer $TOKEN'",
    "vllm serve m --api-key $(KEY)",
    "vllm serve m --api-key-file /etc/keys",
    "vllm serve m --max-token 4096 --token-ids abcd",
    "export HF_TOKEN=$TOKEN VLLM_API_KEY=EMPTY",
    '{"pad_token": "[PAD]", "eos_token": "<end>"}',
    "http://host:8000/@path",
    "basic authentication1",
]


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_is_known_by_its_form_and_not_shown(text: str) -> None:
    assert list(secrets_in(text)) == [SECRETS[text]]
    assert masked(text) == text.replace(SECRETS[text], "***")


@pytest.mark.parametrize("text", NONE)
def test_variables_files_and_tokens_of_a_text_are_no_secrets(text: str) -> None:
    assert not holds_secret(text)


@pytest.mark.parametrize("value", ["$(TOKEN)", "$TOKEN", "/run/token", "<token>", "EMPTY", "true", "1024", "abc"])
def test_references_and_placeholders_are_no_secrets(value: str) -> None:
    assert not variable_is_secret("HF_TOKEN", value)


@pytest.mark.parametrize("text", ["${", "curl -u ", "x://a:", "--a-", "eyJa.", "a_=", "Basic ", "'a_", "--api-key "])
def test_long_texts_take_linear_time(text: str) -> None:
    assert not list(secrets_in(text * 20_000))


def _container(text: str) -> dict[str, Any]:
    container = {"name": "server", "image": "vllm/vllm-openai:v0.32.0", "command": ["vllm", "serve", "o/m"]}
    return {**container, "lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", text]}}}}


PLACES: dict[str, Any] = {
    "words": lambda text: {"containers": [{**_container(""), "command": ["sh", "-c", f"vllm serve o/m; {text}"]}]},
    "init": lambda text: {"containers": [_container("")], "initContainers": [{"name": "i", "image": "i:1", "args": [text]}]},
    "variable": lambda text: {"containers": [{**_container(""), "env": [{"name": "OTHER", "value": text}]}]},
    "hook": lambda text: {"containers": [_container(text)]},
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", [*SECRETS, *NONE])
def test_check_reports_what_import_takes_out(
    text: str, place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = {"app": "m"}
    document = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "m"},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": PLACES[place](text)}},
    }  # fmt: skip
    file = tmp_path / "source.yaml"
    file.write_text(yaml.safe_dump(document))
    (found,) = import_files("manifests", [str(file)])
    with pytest.raises(SystemExit):
        main(["check", "--manifests", str(file), "--format", "json"])
    shown = capsys.readouterr().out
    rules = [item["rule"] for item in json.loads(shown)["findings"]]
    secret = SECRETS.get(text)
    assert ("secret-in-clear" in rules) == (secret is not None)
    if secret:
        assert secret not in found.text + shown
    else:
        assert not found.secrets


def test_a_summary_does_not_show_secrets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "values.yaml"
    args = {"api-key": "s3cr3t99", "hf-token": "abcd1234"}
    file.write_text(
        yaml.safe_dump(
            {
                "engine": {"image": "vllm/vllm-openai:v0.32.0", "type": "vllm", "args": args},
                "prefill": {"create": False},
            }
        )
    )
    with pytest.raises(SystemExit):
        main(["render", "-f", str(file), "--summary"])
    shown = "".join(capsys.readouterr())
    assert "--api-key" in shown and "s3cr3t99" not in shown and "abcd1234" not in shown
