"""The alerts fire when they should and are silent when all is well: Prometheus' own tool evaluates them."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from localcluster.binaries import binary
from modelservice.errors import UsageError
from support.render import Render

VALUES = {
    "engine": {"image": "vllm/vllm-openai:v0.32.0", "modelCommand": "vllmServe"},
    "prefill": {"replicas": 1},
    "monitoring": {"prometheusrule": {"enabled": True}},
}
POD = "test-llm-d-modelservice-decode-7d4b9c-x2x4z"


def series(name: str, values: str, pod: str = POD, **labels: str) -> dict[str, str]:
    given = {"namespace": "models", "pod": pod, **labels}
    return {
        "series": f"{name}{{{', '.join(f'{key}={value!r}' for key, value in given.items())}}}".replace("'", '"'),
        "values": values,
    }


def histogram(name: str, counts: dict[str, int]) -> list[dict[str, str]]:
    return [series(f"{name}_bucket", f"0+{count}x60", le=bound) for bound, count in counts.items()]


HEALTHY = [
    *[series("up", "1x60", pod=POD.replace("decode", role)) for role in ("decode", "prefill")],
    series("http_requests_total", "0+60x60", handler="/v1/completions", status="2xx"),
    series("http_requests_total", "0+1x60", handler="/v1/completions", status="5xx"),
    series("vllm:request_success_total", "0+95x60", finished_reason="stop"),
    series("vllm:request_success_total", "0+5x60", finished_reason="abort"),
    *histogram("vllm:time_to_first_token_seconds", {"1.0": 96, "10.0": 100, "+Inf": 100}),
    *histogram("vllm:inter_token_latency_seconds", {"0.1": 96, "0.2": 100, "+Inf": 100}),
    series("vllm:num_requests_waiting", "3x60", engine="0"),
    series("vllm:kv_cache_usage_perc", "0.9x60", engine="0"),
    series("vllm:num_preemptions_total", "1x60", engine="0"),
    series("vllm:nixl_num_failed_transfers_total", "0x60", engine="0"),
    series("kube_pod_container_status_restarts_total", "1x60", container="vllm"),
]

SICK: dict[str, tuple[list[dict[str, str]], dict[str, str], str]] = {
    "ModelServerDown": ([series("up", "0x60")], {}, "No decode pod of test-llm-d-modelservice answers Prometheus"),
    "ModelServerErrors": (
        [
            series("http_requests_total", "0+54x60", handler="/v1/completions", status="2xx"),
            series("http_requests_total", "0+6x60", handler="/v1/completions", status="5xx"),
            # Readiness probes that succeed do not hide failures.
            series("http_requests_total", "0+900x60", handler="/v1/models", status="2xx"),
        ],
        {},
        "10% of the requests fail",
    ),
    "RequestsAborted": (
        [
            series("vllm:request_success_total", "0+60x60", finished_reason="stop"),
            series("vllm:request_success_total", "0+40x60", finished_reason="abort"),
        ],
        {},
        "40% of the requests are aborted",
    ),
    "TimeToFirstTokenHigh": (
        histogram("vllm:time_to_first_token_seconds", {"10.0": 50, "20.0": 100, "+Inf": 100}),
        {},
        "5% of the requests wait longer than 19s for the first token",
    ),
    "InterTokenLatencyHigh": (
        histogram("vllm:inter_token_latency_seconds", {"0.2": 50, "0.4": 100, "+Inf": 100}),
        {},
        "5% of the tokens take longer than 380ms",
    ),
    "RequestsWaiting": (
        # Both ranks of a pod count.
        [series("vllm:num_requests_waiting", "8x60", engine=rank) for rank in ("0", "1")],
        {},
        "16 requests wait in each decode pod",
    ),
    "KVCacheFull": (
        [series("vllm:kv_cache_usage_perc", "0.97x60", engine="0")],
        {"pod": POD},
        f"The KV cache of {POD} is 97% full",
    ),
    "RequestsPreempted": (
        [series("vllm:num_preemptions_total", "0+5x60", engine="0")],
        {"pod": POD},
        f"{POD} interrupts 5 requests a minute",
    ),
    "KVTransfersFailing": (
        [series("vllm:nixl_num_failed_transfers_total", "0+5x60", engine="0")],
        {"pod": POD},
        f"5 KV cache transfers of {POD} fail in a minute",
    ),
    "ModelServerRestarting": (
        [series("kube_pod_container_status_restarts_total", "0+0.1x60", container="vllm")],
        {"pod": POD, "container": "vllm"},
        f"vllm of {POD} restarted 3 times",
    ),
}
"""What is measured, the labels that the alert takes from it, and its summary."""


@pytest.fixture(scope="module")
def promtool() -> Path:
    """Prometheus' tool, built from its pinned module; skips with the reason where it cannot be built, not in CI."""
    try:
        return binary("promtool")
    except UsageError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"promtool: {error}")


def rules(render: Render, **changes: Any) -> list[dict[str, Any]]:
    values = {**VALUES, "monitoring": {"prometheusrule": {"enabled": True, **changes}}}
    (group,) = render(values, namespace="models").one("PrometheusRule")["spec"]["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def names(found: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(rule["alert"], rule["labels"]["role"]) for rule in found}


def expected(rule: dict[str, Any], labels: dict[str, str], summary: str) -> dict[str, Any]:
    return {
        "exp_labels": {**rule["labels"], **labels},
        "exp_annotations": {**rule["annotations"], "summary": summary},
    }


def check(promtool: Path, folder: Path, found: list[dict[str, Any]], tests: list[dict[str, Any]]) -> str:
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": found}]}))
    (folder / "tests.yaml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests})
    )
    command = [str(promtool), "test", "rules", "tests.yaml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.executable
def test_each_alert_fires_on_its_own_symptom(render: Render, promtool: Path, tmp_path: Path) -> None:
    found = rules(render)
    of_decode = {rule["alert"]: rule for rule in found if rule["labels"]["role"] == "decode"}
    assert of_decode.keys() == SICK.keys()
    tests = []
    for name, (measured, labels, summary) in SICK.items():
        broken = {item["series"].partition("{")[0] for item in measured}
        healthy = [
            item for item in HEALTHY if item["series"].partition("{")[0] not in broken or "prefill" in item["series"]
        ]
        alerts = [
            {
                "alertname": other,
                "eval_time": "40m",
                "exp_alerts": [expected(of_decode[name], labels, summary)] if other == name else [],
            }
            for other in SICK
        ]
        tests.append({"name": name, "interval": "1m", "input_series": [*healthy, *measured], "alert_rule_test": alerts})
    assert check(promtool, tmp_path, found, tests) == ""


@pytest.mark.executable
def test_nothing_fires_when_all_is_well(render: Render, promtool: Path, tmp_path: Path) -> None:
    found = rules(render)
    silent = [{"alertname": name, "eval_time": "40m", "exp_alerts": []} for name in SICK]
    test = {"interval": "1m", "input_series": HEALTHY, "alert_rule_test": silent}
    assert check(promtool, tmp_path, found, [test]) == ""


@pytest.mark.executable
def test_pods_of_another_release_do_not_count(render: Render, promtool: Path, tmp_path: Path) -> None:
    found = rules(render)
    others = [{**item, "series": item["series"].replace("test-llm", "other-llm")} for item in SICK["KVCacheFull"][0]]
    silent = [{"alertname": "KVCacheFull", "eval_time": "40m", "exp_alerts": []}]
    test = {"interval": "1m", "input_series": [*HEALTHY, *others], "alert_rule_test": silent}
    assert check(promtool, tmp_path, found, [test]) == ""


def test_a_null_threshold_leaves_the_alert_out(render: Render) -> None:
    left_out = {"kvCacheUsage": None, "restarts": None}
    assert names(rules(render)) - names(rules(render, thresholds=left_out)) == {
        (alert, role) for alert in ("KVCacheFull", "ModelServerRestarting") for role in ("decode", "prefill")
    }


def test_a_threshold_is_in_expression_and_description(render: Render) -> None:
    found = {rule["alert"]: rule for rule in rules(render, thresholds={"timeToFirstTokenSeconds": 2.5})}
    assert found["TimeToFirstTokenHigh"]["expr"].endswith("> 2.5")
    assert "above 2.5 s" in found["TimeToFirstTokenHigh"]["annotations"]["description"]


def test_every_alert_carries_the_users_labels(render: Render) -> None:
    assert {rule["labels"]["team"] for rule in rules(render, alertLabels={"team": "inference"})} == {"inference"}


def test_transfers_are_watched_only_between_two_roles(render: Render) -> None:
    values = {**VALUES, "prefill": {"replicas": 0}}
    (group,) = render(values).one("PrometheusRule")["spec"]["groups"]
    assert {rule["labels"]["role"] for rule in group["rules"]} == {"decode"}
    assert "KVTransfersFailing" not in {rule["alert"] for rule in group["rules"]}


def test_what_an_autoscaler_may_scale_to_zero_is_not_missed(render: Render) -> None:
    found = render({**VALUES, "decode": {"autoscaling": {"enabled": True}}}).one("PrometheusRule")["spec"]["groups"][0][
        "rules"
    ]
    assert names(found) & {("ModelServerDown", "decode"), ("ModelServerDown", "prefill")} == {
        ("ModelServerDown", "prefill")
    }


def test_nothing_is_watched_while_a_release_is_scaled_to_zero(render: Render) -> None:
    values = {**VALUES, "decode": {"replicas": 0}, "prefill": {"replicas": 0}}
    assert render(values).all("PrometheusRule") == []
