"""Generated routing objects and autoscalers: what is accepted fits together, what is refused names its key."""

import re
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelservice.errors import ValuesError
from support.render import Render

VLLM = "vllm/vllm-openai:v0.32.0"
KEY = re.compile(r"^(decode|prefill|routing)\b")

PROMETHEUS = {"serverAddress": "http://prometheus:9090"}
autoscalers = st.none() | st.builds(
    lambda settings, least, delay: {"enabled": True, "maxReplicas": 4, **settings, **least, **delay},
    st.sampled_from(
        [
            {"type": "hpa", "targetActiveRequests": 8},
            {"type": "keda", "targetActiveRequests": 8, "prometheus": PROMETHEUS},
            {"type": "keda", "idleReplicas": 0, "prometheus": PROMETHEUS},
            {"type": "wva", "variantCost": 10},
        ]
    ),
    st.fixed_dictionaries({}, optional={"minReplicas": st.none() | st.integers(0, 5)}),
    st.fixed_dictionaries({}, optional={"scaleDownDelaySeconds": st.integers(0, 600)}),
)
ways = st.fixed_dictionaries(
    {
        "parentRefs": st.just([{"name": "gateway"}]),
        "inferencePool": st.sampled_from([{"create": True}, {"create": True}, {"name": "existing"}, {}]),
        "epp": st.fixed_dictionaries({"create": st.sampled_from([True, True, True, False])}),
    },
    optional={
        "httpRoute": st.fixed_dictionaries({"create": st.booleans()}),
        "inferenceObjective": st.fixed_dictionaries({"create": st.booleans()}),
        "loadBalancing": st.fixed_dictionaries({"strategy": st.sampled_from([None, "LeastLoad", "PrefixHash"])}),
    },
)  # fmt: skip


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(ways, autoscalers, autoscalers, st.booleans(), st.sampled_from([None, "multiPort"]), st.integers(1, 8))
def test_routing_objects_and_autoscalers_agree_with_the_workloads(
    render: Render, routing: dict[str, Any], decode: dict[str, Any] | None, prefill: dict[str, Any] | None, apart: bool,
    mode: str | None, ranks: int,
) -> None:  # fmt: skip
    layout = {"parallelism": {"data": ranks, "dataMode": mode if ranks > 1 else None}}
    wanted = {
        "engine": {"image": VLLM, "modelCommand": "vllmServe"}, "routing": routing,
        "decode": {"autoscaling": decode or {}, **layout},
        "prefill": {"autoscaling": prefill or {}, "create": apart},
    }  # fmt: skip
    try:
        objects = render(wanted)
    except ValuesError as refusal:
        for problem in refusal.problems:
            assert KEY.match(problem.key or ""), problem
        return
    by_name = {(obj["kind"], obj["metadata"]["name"]): obj for obj in objects.items}
    scaled = [obj["spec"]["scaleTargetRef"] for obj in objects.items if "scaleTargetRef" in obj.get("spec", {})]
    assert len({target["name"] for target in scaled}) == len(scaled)
    for target in scaled:
        assert "replicas" not in by_name[target["kind"], target["name"]]["spec"]
    for pool in objects.all("InferencePool"):
        assert ("Service", pool["spec"]["endpointPickerRef"]["name"]) in by_name
        assert [port["number"] for port in pool["spec"]["targetPorts"]] == [
            8000 + i for i in range(ranks if mode else 1)
        ]
    for route in objects.all("HTTPRoute"):
        (backend,) = route["spec"]["rules"][0]["backendRefs"]
        assert backend["name"] == "existing" or (backend["kind"], backend["name"]) in by_name
