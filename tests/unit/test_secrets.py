"""What a secret in plain text is, and that import, check and summary have the same notion of it."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelservice import facts
from modelservice.cli import main
from modelservice.engines.command import EngineCommand
from modelservice.facts.models import Engine
from modelservice.importers import import_files
from modelservice.importers.source.secrets import SecretCollector
from modelservice.secrets import filled_from, holds_secret, masked, names_secret, secrets_in, variable_is_secret
from support.equivalence import installed


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


# --- what an import makes of an engine's secrets ---------------------------------------------------

KEY = "s3cr3tword99"

STARTED: dict[str, tuple[str, list[str], list[str]]] = {
    "vllm": ("vllm/vllm-openai:v0.32.0", ["vllm", "serve"], ["o/m"]),
    "sglang": ("lmsysorg/sglang:v0.5.5", ["python3", "-m", "sglang.launch_server"], ["--model-path", "o/m"]),
    "llamaCpp": ("ghcr.io/ggml-org/llama.cpp:server", ["/app/llama-server"], ["--hf-repo", "o/m"]),
}
"""Image, program and arguments of each engine that an import knows and that checks a key."""

GIVEN: dict[str, Any] = {
    "a flag": lambda key: {"more": ["--api-key", KEY]},
    "a flag with its value": lambda key: {"more": [f"--api-key={KEY}"]},
    "a flag with underscores": lambda key: {"more": ["--api_key", KEY]},
    "a flag given twice": lambda key: {"more": ["--api-key", "0ther-w0rd", "--api-key", KEY]},
    "a flag over a variable": lambda key: {"more": ["--api-key", KEY], "env": {key.env: "0ther-w0rd"}},
    "a flag over a reference": lambda key: {"more": ["--api-key", KEY], "env": {key.env: {"name": "have", "key": "k"}}},
    "a plain script": lambda key: {"script": f"exec {{line}} --api-key {KEY}"},
    "a script": lambda key: {"script": f"pip list; exec {{line}} --api-key {KEY}"},
    "a script with a variable": lambda key: {"script": '{line} --api-key "${{PASS}}"', "env": {"PASS": KEY}},
    "a variable": lambda key: {"env": {key.env: KEY}},
    "a variable of any name": lambda key: {"more": ["--api-key", "$(PASS)"], "env": {"PASS": KEY}},
    "a reference": lambda key: {"more": ["--api-key", "$(PASS)"], "env": {"PASS": {"name": "have", "key": "k"}}},
    "no key": lambda key: {},
}  # fmt: skip
"""How a container gets its API key."""


def _given_key(engine: str, way: str) -> dict[str, Any]:
    """A container of an engine that gets its API key in some way."""
    known = facts.engine(engine)
    assert known and known.api_key
    image, program, arguments = STARTED[engine]
    given = GIVEN[way](known.api_key)
    env = [
        {"name": name, "value": value}
        if isinstance(value, str)
        else {"name": name, "valueFrom": {"secretKeyRef": value}}
        for name, value in given.get("env", {}).items()
    ]
    words = {"command": program, "args": [*arguments, *given.get("more", [])]}
    if "script" in given:
        words = {"command": ["sh", "-c", given["script"].format(line=" ".join([*program, *arguments]))]}
    return {"name": "server", "image": image, "ports": [{"containerPort": 8000}], "env": env, **words}


def _key_of(container: dict[str, Any], engine: str, secrets: dict[str, str]) -> set[str]:
    """The keys that an engine asks its clients for, by what it reads: the flag, or else the variable if it does."""
    known = facts.engine(engine)
    assert known and known.api_key
    env = {}
    for item in container.get("env", []):
        reference = item.get("valueFrom", {}).get("secretKeyRef")
        env[item["name"]] = secrets[f"{reference['name']}/{reference['key']}"] if reference else item.get("value", "")
    filled = [{"name": name, "value": value} for name, value in env.items()]
    option = EngineCommand.parse({**container, "env": filled}).get(known.api_key.flag)
    if option:
        return {env.get(value.strip('${}"'), value) for value in option.values}
    return {env[known.api_key.env]} if known.api_key.env in env and not known.api_key.through_flag else set()


def _deployment(container: dict[str, Any]) -> dict[str, Any]:
    labels = {"app": "m"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "m"},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }  # fmt: skip


def test_every_engine_that_an_import_starts_and_that_checks_a_key_is_tried() -> None:
    checked = {engine.type for engine in facts.engines() if engine.api_key and engine.api_key.flag}
    assert checked - set(STARTED) == {"infinity"}, "an import does not read its command line"


@pytest.mark.parametrize("way", GIVEN)
@pytest.mark.parametrize("engine", STARTED)
def test_an_imported_engine_asks_for_the_same_key(engine: str, way: str, tmp_path: Path) -> None:
    original = _given_key(engine, way)
    secrets = {"have/k": "of the cluster"}
    file = tmp_path / "source.yaml"
    file.write_text(yaml.safe_dump(_deployment(original)))
    (found,) = import_files("manifests", [str(file)])
    assert KEY not in found.text and "0ther-w0rd" not in found.text
    for needed in found.secrets:
        assert len(needed.keys) == 1, "a variable that a flag overrides needs no Secret"
        secrets[f"{needed.name}/{needed.keys[0]}"] = KEY
    expected = _key_of(original, engine, secrets)
    assert _key_of(installed(found.values).engine(), engine, secrets) == expected
    known = facts.engine(engine)
    unread = way == "a variable" and known is not None and known.api_key is not None and known.api_key.through_flag
    assert bool(expected) == (way != "no key" and not unread)


@pytest.mark.parametrize(
    "engine", [item for item in facts.engines() if item.api_key and item.api_key.env], ids=lambda item: item.type
)
def test_the_chart_gives_each_engine_its_key_where_it_reads_it(engine: Engine) -> None:
    assert engine.api_key
    values: dict[str, Any] = {
        "engine": {"type": engine.type, "image": "registry.example.com/engine:1"},
        "modelArtifacts": {"uri": "hf://o/m", "name": "o/m"},
        "routing": {"proxy": {"enabled": False}},
        "auth": {"apiKeySecret": {"name": "clients", "key": "k"}},
        "prefill": {"create": False},
    }
    container = installed(values).engine()
    key = engine.api_key
    (variable,) = [item for item in container["env"] if item["name"] == key.env]
    assert variable["valueFrom"] == {"secretKeyRef": {"name": "clients", "key": "k"}}
    passed = [container["args"][at + 1] for at, word in enumerate(container["args"]) if word == f"--{key.flag}"]
    assert passed == ([f"$({key.env})"] if key.through_flag else [])


@pytest.mark.parametrize("engine", STARTED)
def test_what_the_chart_rendered_is_imported_with_its_key(engine: str, tmp_path: Path) -> None:
    image, _, _ = STARTED[engine]
    values: dict[str, Any] = {
        "engine": {"type": engine, "image": image},
        "modelArtifacts": {"uri": "hf://o/m", "name": "o/m"},
        "routing": {"proxy": {"enabled": False}},
        "auth": {"apiKeySecret": {"name": "clients", "key": "k"}},
        "prefill": {"create": False},
    }
    rendered = installed(values)
    file = tmp_path / "rendered.yaml"
    file.write_text(yaml.safe_dump(rendered.workload()))
    (found,) = import_files("manifests", [str(file)])
    secrets = {"clients/k": KEY}
    assert not found.secrets
    assert (
        _key_of(installed(found.values).engine(), engine, secrets)
        == _key_of(rendered.engine(), engine, secrets)
        == {KEY}
    )


def test_every_one_of_several_keys_is_kept(tmp_path: Path) -> None:
    image, program, arguments = STARTED["vllm"]
    words = {"command": program, "args": [*arguments, "--api-key", KEY, "0ther-w0rd"]}
    file = tmp_path / "source.yaml"
    file.write_text(yaml.safe_dump(_deployment({"name": "server", "image": image, **words})))
    (found,) = import_files("manifests", [str(file)])
    assert KEY not in found.text and "0ther-w0rd" not in found.text
    args = installed(found.values).engine()["args"]
    assert args[args.index("--api-key") + 1 :] == ["$(COMMAND_SECRET)", "$(COMMAND_SECRET_2)"]
    assert [needed.keys for needed in found.secrets] == [("COMMAND_SECRET", "COMMAND_SECRET_2")]


def test_different_secrets_of_one_name_have_different_keys() -> None:
    collector = SecretCollector("m-secrets")
    keys = [collector.reference("HF_TOKEN", value, value)["secretKeyRef"]["key"] for value in ("one1", "two2", "one1")]
    assert keys == ["HF_TOKEN", "HF_TOKEN_2", "HF_TOKEN"]


SECRET_OPTIONS = [
    ("sglang", "--admin-api-key"), ("sglang", "--ssl-keyfile-password"), ("vllm", "--hf-token"), ("vllm", "--api_key"),
    ("llamaCpp", "--hf-token"), ("llamaCpp", "-hft"),
]  # fmt: skip


@pytest.mark.parametrize(("engine", "option"), SECRET_OPTIONS)
def test_every_option_of_a_secret_keeps_its_meaning(engine: str, option: str, tmp_path: Path) -> None:
    image, program, arguments = STARTED[engine]
    container = {"name": "server", "image": image, "command": program, "args": [*arguments, option, KEY]}
    file = tmp_path / "source.yaml"
    file.write_text(yaml.safe_dump(_deployment(container)))
    (found,) = import_files("manifests", [str(file)])
    assert KEY not in found.text
    rendered = installed(found.values).engine()
    references = [item["name"] for item in rendered["env"] if "valueFrom" in item]
    assert len(references) == 1
    read = option == "--api_key" or f"$({references[0]})" in rendered["args"]
    assert read


@pytest.mark.parametrize(
    ("words", "env", "expected"),
    [
        (["--api-key", "$(PASS)"], {}, {"PASS"}),
        (["-hft", "$(PASS)"], {}, {"PASS"}),
        (["sh", "-c", "vllm serve m --api-key=$PASS"], {}, {"PASS"}),
        (["sh", "-c", 'curl -H "Authorization: Bearer ${PASS}"'], {}, {"PASS"}),
        (["git", "clone", "https://user:$(PASS)@example.com/a"], {}, {"PASS"}),
        ([], {"HF_TOKEN": "$(PASS)"}, {"PASS"}),
        (["--api-key-file", "$(PASS)", "--port", "$(PORT)"], {"MODEL": "$(NAME)"}, set()),
    ],
)
def test_a_variable_that_fills_a_secret_is_one(words: list[str], env: dict[str, str], expected: set[str]) -> None:
    assert filled_from(words, env) == expected
