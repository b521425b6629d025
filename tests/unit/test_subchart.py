"""The chart inside a parent chart: every command sees one subchart, with the keys that its people write."""

import contextlib
import io
import json
import shutil
import tarfile
from pathlib import Path

import pytest
import yaml

from modelservice.cli import main
from modelservice.inputs import merge

pytestmark = pytest.mark.slow

CHART_YAML = """\
apiVersion: v2
name: platform
version: 1.0.0
dependencies:
- {name: llm-d-modelservice, version: ">=0.0.0", alias: chat}
- {name: llm-d-modelservice, version: ">=0.0.0", alias: embed, condition: embed.create}
"""
VALUES_YAML = """\
global: {imageRegistry: mirror.example}
chat:
  modelArtifacts: {name: Qwen/Qwen3-8B, uri: "hf://Qwen/Qwen3-8B", size: 40Gi}
  engine: {type: vllm, image: "vllm/vllm-openai:v0.32.0"}
  routing: {proxy: {enabled: false}}
  prefill: {create: false}
embed:
  modelArtifacts: {name: BAAI/bge-m3, uri: "hf://BAAI/bge-m3", size: 10Gi}
  engine: {type: vllm, image: "vllm/vllm-openai:v0.32.0", args: {max-modle-len: 512}}
  routing: {proxy: {enabled: false}}
  prefill: {create: false}
"""


@pytest.fixture(scope="module")
def parent(chart: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chart that has this one twice, under two names; values of its own for both."""
    folder = tmp_path_factory.mktemp("parent") / "platform"
    shutil.copytree(chart, folder / "charts" / chart.name)
    (folder / "Chart.yaml").write_text(CHART_YAML)
    (folder / "values.yaml").write_text(VALUES_YAML)
    (folder / "templates").mkdir()
    return folder


def run(*arguments: str | Path) -> tuple[int, str]:
    """Runs a command; gives its exit code and what it prints."""
    text, code = io.StringIO(), 0
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = int(end.code or 0)
    return code, text.getvalue()


def values(folder: Path, text: str) -> Path:
    file = folder / "values.yaml"
    file.write_text(text)
    return file


@pytest.mark.parametrize("subchart", [[], ["--subchart", "chat"]])
@pytest.mark.parametrize("command", ["render", "check", "plan", "endpoints", "explain"])
def test_dependencies_that_are_not_there_yet_are_named(
    parent: Path, tmp_path: Path, command: str, subchart: list[str]
) -> None:
    unbuilt = tmp_path / "platform"
    shutil.copytree(parent, unbuilt, ignore=shutil.ignore_patterns("charts"))
    line = ["Deployment"] if command == "explain" else []
    code, text = run(command, *line, "--chart", unbuilt, *subchart, "-f", values(tmp_path, "{}"))
    assert code == 2
    assert f"dependencies are not there yet: llm-d-modelservice; run helm dependency build {unbuilt}" in " ".join(
        text.split()
    )


@pytest.mark.parametrize("command", ["check", "plan", "endpoints"])
@pytest.mark.parametrize(
    ("dependency", "values_of_parent", "message"),
    [
        ("condition: chat.enabled", "chat: {enabled: false}", "does not enable its subchart chat; set chat.enabled: true"),
        ("condition: 'chat.other,chat.enabled'", "chat: {enabled: false}", "set chat.enabled: true"),
        ("tags: [models]", "tags: {models: false}", "does not enable its subchart chat; set tags.models: true"),
        ("condition: chat.enabled, tags: [models]", "{chat: {enabled: false}, tags: {models: true}}", "chat.enabled: true"),
        ("version: 99.0.0", "{}", "asks for llm-d-modelservice 99.0.0, and its folder charts has another version; "
         "run helm dependency update PARENT"),
    ],
)  # fmt: skip
def test_why_the_parent_renders_without_the_subchart(
    chart: Path, tmp_path: Path, command: str, dependency: str, values_of_parent: str, message: str
) -> None:
    folder = tmp_path / "platform"
    shutil.copytree(chart, folder / "charts" / chart.name)
    version = "" if "version" in dependency else 'version: ">=0.0.0", '
    entry = f"{{name: llm-d-modelservice, {version}alias: chat, {dependency}}}"
    (folder / "Chart.yaml").write_text(f"{CHART_YAML.partition('dependencies')[0]}dependencies: [{entry}]\n")
    own = merge([{"chat": yaml.safe_load(VALUES_YAML)["chat"]}, yaml.safe_load(values_of_parent)])
    (folder / "values.yaml").write_text(yaml.safe_dump(own))
    code, text = run(command, "--chart", folder, "--subchart", "chat")
    assert code == 2
    assert message.replace("PARENT", str(folder)) in " ".join(text.split())


@pytest.mark.parametrize("command", ["check", "plan", "endpoints", "explain"])
def test_without_a_name_the_parents_subcharts_are_listed(parent: Path, tmp_path: Path, command: str) -> None:
    line = ["Deployment"] if command == "explain" else []
    code, text = run(command, *line, "--chart", parent, "-f", values(tmp_path, "{}"))
    assert code == 2
    assert "a parent chart, which has llm-d-modelservice as chat or embed; add --subchart chat or embed" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--subchart", "chat"], "add --chart PARENT"),
        (["--chart", "PARENT", "--subchart", "caht"], "set --subchart chat or embed"),
        (["--chart", "CHART", "--subchart", "chat"], "leave --subchart out"),
        (["--chart", "PARENT", "--subchart", "embed", "--set", "embed.create=false"], "does not enable"),
    ],
)
def test_a_name_that_leads_nowhere_is_a_usage_error(
    parent: Path, chart: Path, arguments: list[str], message: str
) -> None:
    places = {"PARENT": str(parent), "CHART": str(chart)}
    code, text = run("endpoints", *[places.get(argument, argument) for argument in arguments])
    assert code in (1, 2) and message in text, text


@pytest.mark.parametrize(
    ("given", "key", "fix"),
    [
        ("chat: {decode: {replicsa: 3}}", "chat.decode.replicsa", "replicas"),  # the schema
        ("chat: {modelArtifacts: {uri: ftp://x}}", "chat.modelArtifacts.uri", ""),  # the chart
        ("chat: {engine: {args: {max-modle-len: 3}}}", "chat.engine.args.max-modle-len", "max-model-len"),  # a rule
        ("embed: {decode: {replicsa: 3}}", "embed.decode.replicsa", "replicas"),  # another subchart
    ],
)
def test_findings_name_the_key_below_the_subchart_and_its_line(
    parent: Path, tmp_path: Path, given: str, key: str, fix: str
) -> None:
    file = values(tmp_path, f"# of the platform\n{given}\n")
    code, text = run("check", "--chart", parent, "--subchart", "chat", "-f", file, "--format", "json")
    assert code == 1
    (finding,) = [item for item in json.loads(text)["findings"] if item["severity"] == "error"]
    assert (finding["values"], finding["file"], finding["line"]) == (key, str(file), 2)
    assert fix in (finding["fix"] or "")


def test_what_the_parent_sets_itself_has_its_file_and_line(parent: Path) -> None:
    code, text = run("check", "--chart", parent, "--subchart", "embed", "--format", "json")
    assert code == 1
    (finding,) = [item for item in json.loads(text)["findings"] if item["severity"] == "error"]
    line = VALUES_YAML[: VALUES_YAML.index("max-modle-len")].count("\n") + 1
    place = (str(parent / "values.yaml"), line)
    assert (finding["values"], finding["file"], finding["line"]) == ("embed.engine.args.max-modle-len", *place)


def test_what_all_subcharts_share_keeps_its_key(parent: Path, tmp_path: Path) -> None:
    file = values(tmp_path, "global: {imageRegistry: 7}\n")
    code, text = run("check", "--chart", parent, "--subchart", "chat", "-f", file)
    assert code == 1 and "global.imageRegistry" in text


@pytest.mark.parametrize("packaged", [False, True], ids=["folder", "archive"])
def test_plan_endpoints_and_render_are_those_of_the_subchart(parent: Path, tmp_path: Path, packaged: bool) -> None:
    where = parent
    if packaged:
        where = tmp_path / "platform-1.0.0.tgz"
        with tarfile.open(where, "w:gz") as archive:
            archive.add(parent, "platform")
    chosen: list[str | Path] = [
        "--chart",
        where,
        "--subchart",
        "chat",
        "--name",
        "r",
        "--set",
        "chat.decode.replicas=2",
    ]
    plan = json.loads(run("plan", *chosen, "--format", "json")[1])
    assert (plan["model"], plan["pods"]) == ("Qwen/Qwen3-8B", 2)
    assert [role["object"] for role in plan["roles"]] == ["Deployment/r-chat-decode"]
    assert plan["roles"][0]["image"] == "mirror.example/vllm/vllm-openai:v0.32.0"
    assert plan["roles"][0]["model"] == "hf://Qwen/Qwen3-8B on emptyDir 40Gi"
    served = json.loads(run("endpoints", *chosen, "--format", "json")[1])
    assert served["model"] == "Qwen/Qwen3-8B"
    own = list(yaml.safe_load_all(run("render", *chosen)[1]))
    assert {obj["metadata"]["name"] for obj in own} == {"r-chat", "r-chat-decode"}
    whole = list(yaml.safe_load_all(run("render", "--chart", where, "--name", "r")[1]))
    assert {obj["metadata"]["name"] for obj in whole} > {obj["metadata"]["name"] for obj in own}


def packaged_dependency(parent: Path, folder: Path) -> Path:
    """The parent as `helm dependency build` leaves it: with an archive of this chart."""
    shutil.copytree(parent, folder, ignore=lambda _, names: {"charts"} & set(names))
    (folder / "charts").mkdir()
    (own,) = (parent / "charts").iterdir()
    with tarfile.open(folder / "charts" / f"{own.name}-1.0.0.tgz", "w:gz") as archive:
        archive.add(own, own.name)
    return folder


@pytest.mark.parametrize("packaged", ["folder", "archive", "dependency"])
def test_explain_names_the_key_below_the_subchart_and_its_line(parent: Path, tmp_path: Path, packaged: str) -> None:
    where = parent
    if packaged == "archive":
        where = tmp_path / "platform-1.0.0.tgz"
        with tarfile.open(where, "w:gz") as archive:
            archive.add(parent, "platform")
    elif packaged == "dependency":
        where = packaged_dependency(parent, tmp_path / "platform")
    file = values(tmp_path, "chat: {engine: {args: {seed: 7}}}\n")
    chosen: list[str | Path] = ["--chart", where, "--subchart", "chat", "-f", file, "--name", "r"]
    line = "Deployment/r-chat-decode.spec.template.spec.containers[0].args"
    code, text = run("explain", *chosen, "--format", "json", line)
    assert code == 0, text
    found = json.loads(text)
    assert found["value"][-2:] == ["--seed", "7"]
    given = {item["key"]: item["places"] for item in found["values"] if item["given"]}
    assert given["chat.engine.args.seed"] == [f"{file}:1"]
    assert "chat.modelArtifacts.uri" in given and all(key.startswith("chat.") for key in given)
    code, text = run("explain", *chosen, "--what-if", "chat.engine.args.seed=8")
    assert code == 0 and "+        - '8'" in text and "r-embed" not in text


def test_explain_finds_the_same_keys_inside_a_parent(parent: Path, chart: Path, tmp_path: Path) -> None:
    own = yaml.safe_load(VALUES_YAML)["chat"]
    file = tmp_path / "own.yaml"
    file.write_text(yaml.safe_dump(own))
    line = "Deployment.spec.template.spec.containers[0].args"
    alone = json.loads(run("explain", "--chart", chart, "-f", file, "--format", "json", line)[1])
    inside = json.loads(run("explain", "--chart", parent, "--subchart", "chat", "--format", "json", line)[1])
    assert {item["key"] for item in inside["values"]} == {f"chat.{item['key']}" for item in alone["values"]}


def test_values_of_a_parent_chart_are_recognised_without_it(tmp_path: Path) -> None:
    code, text = run("check", "-f", values(tmp_path, VALUES_YAML))
    assert code == 1
    assert "values of a parent chart" in text and "--chart PARENT --subchart chat" in text
    code, text = run("check", "-f", values(tmp_path, "chat: {hot: true}\n"))
    assert code == 1 and "parent chart" not in text


def test_a_chart_of_its_own_needs_no_name(chart: Path, tmp_path: Path) -> None:
    assert run("check", "--chart", chart, "-f", values(tmp_path, "{}"))[0] == 0


@pytest.mark.parametrize("command", ["render", "check", "plan", "endpoints", "explain"])
@pytest.mark.parametrize("given", ["planted", "[planted]", "7", "false"])
def test_what_is_given_for_a_subchart_and_is_no_map_is_an_error(
    parent: Path, tmp_path: Path, given: str, command: str
) -> None:
    file = values(tmp_path, f"# of the platform\nchat: {given}\n")
    more = ["Deployment.spec.replicas"] if command == "explain" else []
    code, text = run(command, "--chart", parent, "--subchart", "chat", "-f", file, *more)
    assert code == 1 and "planted" not in text
    assert f"error: {file}:2: chat: the values of a subchart must be a map" in text


@pytest.mark.parametrize("given", ["planted", "[planted]", "7"])
def test_a_whole_parent_chart_rejects_it_in_the_same_words(parent: Path, tmp_path: Path, given: str) -> None:
    file = values(tmp_path, f"chat: {given}\n")
    code, text = run("render", "--chart", parent, "-f", file)
    assert code == 1 and "planted" not in text
    assert f"error: {file}:1: chat: the values of a subchart must be a map" in text


def test_a_line_depends_on_what_all_subcharts_share(parent: Path, tmp_path: Path) -> None:
    file = values(tmp_path, "global: {imageRegistry: other.example}\n")
    line = "Deployment.spec.template.spec.containers[vllm].image"
    code, text = run("explain", "--chart", parent, "--subchart", "chat", "-f", file, line)
    assert code == 0, text
    place = f"({file}:1, over {parent / 'values.yaml'}:1)"
    assert f'  global.imageRegistry = "other.example"  {place}' in text.splitlines()
