"""The Grafana dashboard: valid for Grafana's own types, valid PromQL, one for each release."""

import json
import re
import subprocess
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from localcluster.binaries import binary
from modelservice.errors import UsageError
from support.render import ROOT, Render

with warnings.catch_warnings():
    # The classic model is what every Grafana imports, so it is used on purpose.
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.models.dashboard import Dashboard

FILE = ROOT / "charts" / "llm-d-modelservice" / "dashboards" / "model-serving.json"
SOURCE: dict[str, Any] = json.loads(FILE.read_text())
PANELS = [panel for panel in SOURCE["panels"] if panel["type"] != "row"]
QUERIES = [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]]

METRICS = {
    # https://docs.vllm.ai/en/latest/usage/metrics/
    "vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc",
    "vllm:request_success_total", "vllm:prompt_tokens_total", "vllm:generation_tokens_total",
    "vllm:num_preemptions_total", "vllm:prefix_cache_hits_total", "vllm:prefix_cache_queries_total",
    "vllm:external_prefix_cache_hits_total", "vllm:external_prefix_cache_queries_total",
    "vllm:time_to_first_token_seconds_bucket", "vllm:inter_token_latency_seconds_bucket",
    "vllm:e2e_request_latency_seconds_bucket", "vllm:request_queue_time_seconds_bucket",
    "vllm:request_prefill_time_seconds_bucket", "vllm:request_decode_time_seconds_bucket",
    "vllm:request_prompt_tokens_bucket", "vllm:request_generation_tokens_bucket",
    "vllm:nixl_xfer_time_seconds_bucket", "vllm:nixl_bytes_transferred_sum",
    "vllm:nixl_num_failed_transfers_total", "vllm:nixl_num_kv_expired_reqs_total",
    # https://docs.vllm.ai/en/latest/design/metrics/ (HTTP), Prometheus, cAdvisor, kubelet, DCGM exporter
    "http_requests_total", "up", "container_cpu_usage_seconds_total", "container_memory_working_set_bytes",
    "container_fs_usage_bytes", "kubelet_volume_stats_used_bytes", "DCGM_FI_DEV_GPU_UTIL",
}  # fmt: skip
"""All metrics the dashboard may read."""


def dashboard(render: Render, **values: Any) -> dict[str, Any]:
    objects = render({"monitoring": {"dashboard": {"enabled": True}}, **values}, name="llama", namespace="models")
    (text,) = objects.one("ConfigMap")["data"].values()
    found: dict[str, Any] = json.loads(text)
    return found


def lost(given: Any, kept: Any, path: str = "") -> Iterator[str]:
    """What Grafana's types do not know of a dashboard: what is gone after reading and writing it with them."""
    if isinstance(given, dict):
        for key, item in given.items():
            if not isinstance(kept, dict) or key not in kept:
                yield f"{path}/{key}"
            else:
                yield from lost(item, kept[key], f"{path}/{key}")
    elif isinstance(given, list):
        for index, item in enumerate(given):
            yield from lost(item, kept[index], f"{path}/{index}")
    elif given != kept:
        yield path


def through_grafanas_types(document: dict[str, Any]) -> Any:
    plugins.register_default_plugins()
    return json.loads(JSONEncoder().encode(Dashboard.from_json(document)))


def test_grafanas_own_types_know_every_key_of_it(render: Render) -> None:
    for document in (SOURCE, dashboard(render)):
        assert list(lost(document, through_grafanas_types(document))) == []


def test_a_key_that_grafana_does_not_know_would_be_found() -> None:
    document = json.loads(json.dumps(SOURCE))
    document["panels"][1]["fieldConfig"]["defaults"]["units"] = "s"
    assert list(lost(document, through_grafanas_types(document))) == ["/panels/1/fieldConfig/defaults/units"]


def test_panels_fill_rows_without_overlapping() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in SOURCE["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert x < 24 and (x, y) not in taken, f"{panel['title']} covers {taken.get((x, y))}"
                taken[(x, y)] = panel["title"]
    height = max(y for _, y in taken) + 1
    assert len(taken) == 24 * height, "a gap"


def test_every_panel_says_what_it_shows_and_in_which_unit() -> None:
    for panel in PANELS:
        assert panel["description"].endswith(".") and panel["fieldConfig"]["defaults"]["unit"], panel["title"]
    assert len({panel["id"] for panel in SOURCE["panels"]}) == len(SOURCE["panels"])
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)


def test_an_operator_finds_what_matters() -> None:
    text = json.dumps(QUERIES)
    for metric in METRICS:
        assert metric in text, f"no panel shows {metric}"


def test_only_metrics_that_exist_are_read() -> None:
    for title, query in QUERIES:
        found = set(re.findall(r"([A-Za-z_:][A-Za-z0-9_:]*)\{", query))
        assert found and found <= METRICS, f"{title}: {found - METRICS}"


def test_every_query_stays_in_the_namespace_and_release() -> None:
    for title, query in QUERIES:
        for matchers in re.findall(r"\{([^}]*)\}", query):
            assert '$namespace"' in matchers, title
            assert "kubelet_volume" in query or '=~"$release-' in matchers, title


@pytest.mark.executable
def test_every_query_is_promql() -> None:
    """Prometheus' tool parses each query as a recording rule."""
    try:
        promtool = binary("promtool")
    except UsageError as error:
        pytest.skip(f"promtool: {error}")
    values = {"$__rate_interval": "1m", "$namespace": "models", "$release": "llama", "$role": "decode", "$model": ".*"}
    rules = []
    for number, (_, query) in enumerate(QUERIES):
        for name, value in values.items():
            query = query.replace(name, value)
        rules.append({"record": f"panel:{number}", "expr": query})
    document = json.dumps({"groups": [{"name": "panels", "rules": rules}]})
    command = [str(promtool), "check", "rules", "--lint=none"]
    done = subprocess.run(command, input=document, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and f"{len(rules)} rules found" in done.stdout, done.stdout + done.stderr


def test_each_release_has_a_dashboard_of_its_own(render: Render) -> None:
    values = {"monitoring": {"dashboard": {"enabled": True}}}
    maps = [
        render(values, name=name, namespace=namespace).one("ConfigMap")
        for name, namespace in (("a", "x"), ("b", "x"), ("a", "y"))
    ]
    files = [next(iter(item["data"])) for item in maps]
    uids = [json.loads(item["data"][file])["uid"] for item, file in zip(maps, files, strict=True)]
    assert len(set(files)) == len(set(uids)) == 3
    assert all(len(uid) <= 40 for uid in uids)


def test_it_opens_on_the_release(render: Render) -> None:
    found = dashboard(render)
    assert found["title"] == "LLM serving: llama-llm-d-modelservice"
    current = {variable["name"]: variable["current"].get("value") for variable in found["templating"]["list"]}
    assert (current["namespace"], current["release"], current["role"]) == (
        "models",
        "llama-llm-d-modelservice",
        "decode",
    )


def test_without_decode_it_opens_on_prefill(render: Render) -> None:
    found = dashboard(render, decode={"create": False}, prefill={"replicas": 1})
    (role,) = [variable for variable in found["templating"]["list"] if variable["name"] == "role"]
    assert role["current"]["value"] == "prefill"


def test_the_releases_pods_are_found_by_the_release_variable() -> None:
    (release,) = [variable for variable in SOURCE["templating"]["list"] if variable["name"] == "release"]
    pattern = release["regex"].strip("/")
    for pod in ("llama-decode-7d4b9c-x2x4z", "llama-prefill-0", "llama-decode-0-1"):
        match = re.match(pattern, pod)
        assert match and match[1] == "llama"


def test_grafanas_sidecar_finds_it_by_its_label(render: Render) -> None:
    values = {"monitoring": {"dashboard": {"enabled": True, "annotations": {"grafana_folder": "LLM"}}}}
    metadata = render(values).one("ConfigMap")["metadata"]
    assert metadata["labels"]["grafana_dashboard"] == "1"
    assert metadata["annotations"] == {"grafana_folder": "LLM"}
