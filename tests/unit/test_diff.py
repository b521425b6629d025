"""What an upgrade changes, with the values keys behind it, in every format."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelservice.cli import main
from modelservice.diff.causes import differing, with_value
from modelservice.diff.fields import field_changes
from modelservice.kubernetes.defaults import without_defaults
from modelservice.kubernetes.dotted import MISSING
from support.render import ROOT, VLLM

Values = dict[str, Any]

BASE: Values = {
    "modelArtifacts": {"name": "m", "uri": "hf://m/m", "size": "1Gi"},
    "engine": VLLM,
    "routing": {"proxy": {"enabled": False}},
    "prefill": {"create": False},
    "decode": {"replicas": 2, "parallelism": {"tensor": 2}},
}


def over(base: Any, change: Any) -> Any:
    """Values with others over them; None removes a key."""
    if not isinstance(base, dict) or not isinstance(change, dict):
        return change
    merged = {key: over(base.get(key), change[key]) if key in change else value for key, value in base.items()}
    return {key: value for key, value in {**change, **merged}.items() if value is not None}


Diff = Callable[..., tuple[int, Any]]


@pytest.fixture
def diff(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Diff:
    """Runs ``diff`` on values before and after; returns the exit code and the report."""

    def run(before: Values, after: Values, *options: str) -> tuple[int, Any]:
        for name, values in (("old.yaml", before), ("new.yaml", after)):
            (tmp_path / name).write_text(yaml.safe_dump(values))
        formats = () if any(option.startswith("--format") for option in options) else ("--format", "json")
        with pytest.raises(SystemExit) as end:
            main(["diff", "-f", str(tmp_path / "old.yaml"), "--to", str(tmp_path / "new.yaml"), *formats, *options])
        captured = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return end.value.code, captured.out if formats == () else json.loads(captured.out)

    return run


def fields(report: Any) -> dict[str, list[str]]:
    """Changed fields with the keys behind them, without the release's name."""
    return {
        f"{item['object'].partition('/')[0]} {field['path']}": [cause["key"] for cause in field["values"]]
        for item in report["objects"]
        for field in item["fields"]
    }


POD = "spec.template.spec"

CHANGES: list[tuple[Values, dict[str, list[str]]]] = [
    ({"decode": {"replicas": 3}}, {"Deployment spec.replicas": ["decode.replicas"]}),
    (
        {"engine": {"image": "vllm/vllm-openai:v0.33.0"}},
        {f"Deployment {POD}.containers[vllm].image": ["engine.image"]},
    ),
    (
        {"decode": {"parallelism": {"tensor": 4}}},
        {
            f"Deployment {POD}.containers[vllm].args": ["decode.parallelism.tensor"],
            f"Deployment {POD}.containers[vllm].env[TP_SIZE].value": ["decode.parallelism.tensor"],
            f"Deployment {POD}.containers[vllm].resources.limits[nvidia.com/gpu]": ["decode.parallelism.tensor"],
            f"Deployment {POD}.containers[vllm].resources.requests[nvidia.com/gpu]": ["decode.parallelism.tensor"],
        },
    ),
    (
        {"decode": {"nodeSelector": {"pool": "a"}}},
        {f"Deployment {POD}.nodeSelector": ["decode.nodeSelector.pool"]},
    ),
    (
        {"engine": {"env": {"A": "1"}}, "decode": {"engine": {"env": {"B": "2"}}}},
        {
            f"Deployment {POD}.containers[vllm].env[A]": ["engine.env.A"],
            f"Deployment {POD}.containers[vllm].env[B]": ["decode.engine.env.B"],
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize(("change", "expected"), CHANGES)
def test_each_change_has_the_keys_behind_it(diff: Diff, change: Values, expected: dict[str, list[str]]) -> None:
    code, report = diff(BASE, over(BASE, change))
    assert (code, report["verdict"]) == (0, "safe")
    assert fields(report) == expected


def test_a_key_that_is_gone_is_a_cause_at_its_old_place(diff: Diff, tmp_path: Path) -> None:
    _, report = diff(over(BASE, {"decode": {"nodeSelector": {"pool": "a"}}}), BASE)
    (item,) = report["objects"]
    (field,) = item["fields"]
    assert field["before"] == {"pool": "a"}
    assert "after" not in field
    (cause,) = field["values"]
    assert cause["key"] == "decode.nodeSelector.pool"
    assert cause["place"].startswith(f"{tmp_path}/old.yaml:")


def test_two_keys_of_which_either_would_do_are_both_named(diff: Diff) -> None:
    """Each by itself changes the line of the old values, though taking one back leaves it."""
    change = {"schedulerName": "a", "decode": {"schedulerName": "a"}}
    _, report = diff(BASE, over(BASE, change))
    keys = fields(report)[f"Deployment {POD}.schedulerName"]
    assert keys == ["decode.schedulerName"] or set(keys) == {"schedulerName", "decode.schedulerName"}


def test_objects_that_come_and_go_have_the_keys_behind_them(diff: Diff) -> None:
    monitored = over(BASE, {"decode": {"monitoring": {"podmonitor": {"enabled": True}}}})
    for before, after, action in ((BASE, monitored, "added"), (monitored, BASE, "removed")):
        _, report = diff(before, after)
        (item,) = [item for item in report["objects"] if item["action"] != "changed"]
        assert (item["object"].partition("/")[0], item["action"]) == ("PodMonitor", action)
        assert [cause["key"] for cause in item["values"]] == ["decode.monitoring.podmonitor.enabled"]


def test_nothing_changes_between_the_same_values(diff: Diff) -> None:
    assert diff(BASE, BASE, "--format", "text") == (0, diff(BASE, BASE, "--format", "text")[1])
    assert "nothing would change" in diff(BASE, BASE, "--format", "text")[1].splitlines()[0]


def test_set_is_after_the_upgrade(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(BASE))
    with pytest.raises(SystemExit) as end:
        main(["diff", "-f", str(file), "--set", "decode.replicas=5", "--format=json"])
    (item,) = json.loads(capsys.readouterr().out)["objects"]
    assert end.value.code == 0
    (field,) = item["fields"]
    assert field == {
        "path": "spec.replicas", "before": 2, "after": 5, "values": [{"key": "decode.replicas", "place": "--set"}],
    }  # fmt: skip


def test_installed_objects_are_compared_with_their_defaults_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What ``kubectl get -o yaml`` prints has more than what was rendered."""
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(BASE))
    with pytest.raises(SystemExit):
        main(["render", "-f", str(file), "--format=json"])
    listed = json.loads(capsys.readouterr().out)
    (deployment,) = [item for item in listed["items"] if item["kind"] == "Deployment"]
    deployment["metadata"] |= {"uid": "1", "generation": 3, "namespace": "default"}
    deployment["status"] = {"replicas": 2}
    deployment["spec"]["progressDeadlineSeconds"] = 600
    deployment["spec"]["template"]["spec"] |= {"dnsPolicy": "ClusterFirst", "restartPolicy": "Always"}
    deployment["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "IfNotPresent"
    objects = tmp_path / "objects.json"
    objects.write_text(json.dumps(listed))
    arguments = ["diff", "--from-manifests", str(objects), "--to", str(file), "--format=json"]
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert (end.value.code, json.loads(capsys.readouterr().out)["objects"]) == (0, [])
    with pytest.raises(SystemExit):
        main([*arguments, "--set", "decode.replicas=7"])
    (item,) = json.loads(capsys.readouterr().out)["objects"]
    assert [cause["key"] for cause in item["fields"][0]["values"]] == ["decode.replicas"]


BAD_INPUT = [
    ([], "nothing to compare with"),
    (["-f", "OLD"], "no new values"),
    (["--from-release", "x"], "no new values"),
    (["--from-manifests", "OLD", "--from-release", "x", "--to", "OLD"], "exclude each other"),
    (["--from-manifests", "OLD", "-f", "OLD", "--to", "OLD"], "all values are new"),
    (["-f", "OLD", "--to", "none.yaml"], "none.yaml"),
    (["-f", "OLD", "--to", "OLD", "--nodes", "x", "--cluster"], "exclude each other"),
    (["--from-release", "x", "--to", "OLD", "--helm", "no-such-helm"], "no program no-such-helm"),
    (["-f", "-", "--to", "-"], "standard input can be read once"),
]


@pytest.mark.parametrize(("options", "message"), BAD_INPUT, ids=lambda item: " ".join(item)[:40] if item else "-")
def test_wrong_usage_is_exit_code_2(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "old.yaml"
    file.write_text(yaml.safe_dump(BASE))
    with pytest.raises(SystemExit) as end:
        main(["diff", *(str(file) if option == "OLD" else option for option in options)])
    assert end.value.code == 2
    assert message in capsys.readouterr().err


def test_rejected_values_are_exit_code_1_with_their_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(yaml.safe_dump(BASE))
    new.write_text("decode: {replicsa: 3}\n")
    with pytest.raises(SystemExit) as end:
        main(["diff", "-f", str(old), "--to", str(new)])
    assert end.value.code == 1
    assert f"{new}:1: decode.replicsa" in capsys.readouterr().err


SECRETS = ("hf_OldOldOldOldOldOldOld", "hf_NewNewNewNewNewNewNew")


@pytest.mark.parametrize("format_", ["text", "json", "markdown"])
def test_secrets_are_told_apart_and_not_shown(diff: Diff, format_: str) -> None:
    before, after = (over(BASE, {"engine": {"env": {"HF_TOKEN": secret}}}) for secret in SECRETS)
    code, output = diff(before, after, "--format", format_)
    assert code == 0
    assert not any(secret in output for secret in SECRETS)
    assert "***" in output
    assert "*** (2)" in output
    assert "restart" in output


def test_markdown_is_a_comment_for_a_pull_request(diff: Diff) -> None:
    _, output = diff(BASE, over(BASE, {"decode": {"replicas": 0, "parallelism": {"tensor": 4}}}), "--format=markdown")
    assert output.startswith("### Upgrade of `")
    assert "- **loses requests** `Deployment/modelservice-llm-d-modelservice-decode`: its replicas become 0" in output
    assert "| Workload | Pods | Because of |" in output
    assert output.count("```") == 2
    assert "- spec.replicas: 2\n+ spec.replicas: 0  # decode.replicas (" in output


def test_a_list_of_named_things_is_compared_by_name() -> None:
    before = {"containers": [{"name": "a", "image": "x"}, {"name": "b", "args": ["1"]}]}
    after = {"containers": [{"name": "b", "args": ["2"]}, {"name": "a", "image": "y"}, {"name": "c"}]}
    found = {change.path: (change.before, change.after) for change in field_changes(before, after)}
    assert found == {
        "containers[a].image": ("x", "y"),
        "containers[b].args": (["1"], ["2"]),
        "containers[c]": (MISSING, {"name": "c"}),
    }


@pytest.mark.parametrize(
    ("one", "other"), [("1", 1), ("1000m", "1"), ("1Gi", "1024Mi"), ("0.5", "500m"), ("2000Gi", "2000Gi")]
)
def test_forms_of_one_quantity_are_no_change(one: object, other: object) -> None:
    assert list(field_changes({"limits": {"cpu": one}}, {"limits": {"cpu": other}})) == []
    assert one == other or list(field_changes({"value": one}, {"value": other})) != []


def test_values_with_a_key_as_it_was() -> None:
    old: Values = {"a": {"b": 1}, "list": [{"x": 1}, {"y": 2}], "gone": {"deep": {"er": 1}}}
    new: Values = {"a": {"b": 2, "c": 3}, "list": [{"x": 1}, {"y": 3}]}
    paths = list(differing(old, new))
    assert paths == [("a", "b"), ("a", "c"), ("list", 1, "y"), ("gone", "deep", "er")]
    assert with_value(new, ("a", "c"), MISSING) == {"a": {"b": 2}, "list": [{"x": 1}, {"y": 3}]}
    assert with_value(new, ("gone", "deep", "er"), 1)["gone"] == {"deep": {"er": 1}}
    assert "gone" not in with_value(old, ("gone", "deep", "er"), MISSING)
    assert new["list"][1] == {"y": 3}


def test_the_defaults_of_a_pod_template_are_those_of_its_kind() -> None:
    """A LeaderWorkerSet keeps its templates as they are given."""
    spec = {"dnsPolicy": "ClusterFirst", "containers": [{"name": "c", "image": "i:v1", "tty": False}]}
    plain = {"containers": [{"name": "c", "image": "i:v1"}]}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec": spec}}}
    assert without_defaults(deployment)["spec"]["template"]["spec"] == plain
    group = {
        "apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet",
        "spec": {"leaderWorkerTemplate": {"workerTemplate": {"spec": spec}}},
    }  # fmt: skip
    kept = without_defaults(group)["spec"]["leaderWorkerTemplate"]["workerTemplate"]["spec"]
    assert kept == {"dnsPolicy": "ClusterFirst", **plain}


def test_every_example_can_be_compared_with_itself(capsys: pytest.CaptureFixture[str]) -> None:
    for path in sorted((ROOT / "examples").glob("values-*.yaml")):
        with pytest.raises(SystemExit) as end:
            main(["diff", "-f", str(path), "--to", str(path), "--format=json"])
        report = json.loads(capsys.readouterr().out)
        assert (end.value.code, report["objects"], report["problems"]) == (0, [], []), path
