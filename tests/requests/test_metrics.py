"""What a PodMonitor points at is there."""

from typing import Any

import pytest

from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import merge
from support.release import SIMULATOR, Serving

NAMES = {"vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc"}
"""Names that vLLM's dashboards use. https://docs.vllm.ai/en/latest/usage/metrics/"""

MONITORED = {"monitoring": {"podmonitor": {"enabled": True}}}


@pytest.mark.parametrize("ranks", [1, 2])
def test_every_pod_answers_where_its_podmonitor_says(
    serving: Serving, embedded: EmbeddedHelm, vllm: dict[str, Any], ranks: int
) -> None:
    mode = {"dataLocal": ranks, "dataMode": "multiPort"} if ranks > 1 else {}
    roles = {
        "decode": {**MONITORED, "parallelism": mode},
        "prefill": {**MONITORED, "create": True, "parallelism": mode},
    }
    values = merge([SIMULATOR, vllm, roles, {"prefill": {"replicas": 1}}])
    objects = embedded.render(values, Release("seen", serving.namespace)).objects
    monitors = [obj for obj in objects if obj["kind"] == "PodMonitor"]
    assert len(monitors) == 2
    serving.cluster.client.apply([obj for obj in objects if obj not in monitors], namespace=serving.namespace)
    for role, monitor in zip(("decode", "prefill"), monitors, strict=True):
        (pod,) = serving.wait_for_pods("seen", 1, role)
        labels = pod["metadata"]["labels"].items()
        assert monitor["spec"]["selector"]["matchLabels"].items() <= labels
        ports = {
            port["name"]: port["containerPort"]
            for container in pod["spec"]["containers"]
            for port in container["ports"]
        }
        targets = monitor["spec"]["podMetricsEndpoints"]
        assert len(targets) == ranks
        for target in targets:
            endpoint = serving.endpoint(pod, ports[target["port"]])
            serving.cluster.wait("metrics answer", endpoint.listens)
            names = {name.partition("{")[0] for name in endpoint.metrics(target["path"])}
            assert names >= NAMES
