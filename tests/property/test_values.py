"""Values nobody thought of: every accepted render is valid Kubernetes, every refusal names its key."""

import re
from typing import Any

import pytest
from allpairspy import AllPairs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelservice import facts
from modelservice.errors import ValuesError
from support.render import Render

VLLM = "vllm/vllm-openai:v0.32.0"
SIZES = st.none() | st.integers(1, 16)

layouts = st.fixed_dictionaries(
    {},
    optional={
        "tensor": SIZES,
        "pipeline": st.none() | st.integers(1, 4),
        "data": SIZES,
        "dataLocal": SIZES,
        "workers": st.none() | st.integers(1, 4),
        "expert": st.none() | st.booleans(),
        "dataMode": st.sampled_from([None, "hybrid", "external", "multiPort", "internal"]),
    },
)
flags = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9]{0,5}(-[a-z]{1,5})?", fullmatch=True),
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text("ab ${}'\"\\:#\n", max_size=8)
    | st.lists(st.text("ab", max_size=3), max_size=3) | st.dictionaries(st.text("ab", min_size=1), st.integers(), max_size=2),
    max_size=4,
)  # fmt: skip
variables = st.dictionaries(
    st.from_regex(r"[A-Z][A-Z_]{0,6}", fullmatch=True),
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text("ab $'\":#\n", max_size=8),
    max_size=4,
)
uris = st.sampled_from(
    ["hf://o/m", "pvc://c/p", "pvc+hf://c/d/o/m", "oci://r.example.com/m:1", "ms://o/m", "s3://b/m", "gs://b/m", "oss://b/m",
     "ollama://m:1", "file:///model-cache/m"]
)  # fmt: skip
stores = st.fixed_dictionaries({}, optional={name: st.just({"name": name}) for name in ("aws", "gcp", "alibaba")})
artifacts = st.fixed_dictionaries(
    {"uri": uris},
    optional={
        "authSecretName": st.just("secret"),
        "aliases": st.lists(st.sampled_from(["a", "b"]), max_size=2),
        "revision": st.just("v1"),
        "endpoint": st.just("https://mirror.example.com"),
        "features": st.lists(st.sampled_from(["TextGeneration", "TextEmbedding", "SpeechToText"]), max_size=2),
        "credentials": stores,
        "size": st.just("10Gi"),
        "readOnly": st.booleans(),
        "download": st.fixed_dictionaries(
            {}, optional={"enabled": st.none() | st.booleans(), "job": st.booleans(), "image": st.just("loader")}
        ),
        "persistence": st.fixed_dictionaries(
            {"enabled": st.booleans()}, optional={"accessModes": st.just(["ReadWriteMany"]), "existingClaim": st.just("c")}
        ),
        "volume": st.fixed_dictionaries({"type": st.sampled_from(["emptyDir", "ephemeral"])}),
        "adapters": st.lists(
            st.fixed_dictionaries(
                {"name": st.sampled_from(["x", "y"]),
                 "uri": st.sampled_from(["hf://o/a", "s3://b/a", "pvc://c/a", "oci://r.io/a:1", "ms://o/a", "oss://b/a"])}
            ),
            max_size=3,
        ),
        "lora": st.fixed_dictionaries({"dynamic": st.booleans()}, optional={"maxLoras": st.integers(1, 4), "maxCpuLoras": st.integers(1, 4)}),
    },
)  # fmt: skip
types = st.sampled_from([None, *(engine.type for engine in facts.engines())])
roles = st.fixed_dictionaries(
    {},
    optional={
        "create": st.booleans(),
        "replicas": st.integers(0, 5),
        "parallelism": layouts,
        "multinode": st.none() | st.booleans(),
        "accelerator": st.fixed_dictionaries(
            {},
            optional={
                "dra": st.none() | st.booleans(),
                "type": st.sampled_from(
                    [None, *(kind.type for kind in facts.accelerators().types if kind.resource), "cpu"]
                ),
                "count": st.none() | st.integers(0, 16),
            },
        ),
        "engine": st.fixed_dictionaries({}, optional={"args": flags, "env": variables}),
        "sharedMemory": st.fixed_dictionaries({"enabled": st.booleans()}),
        "monitoring": st.fixed_dictionaries({"podmonitor": st.fixed_dictionaries({"enabled": st.booleans()})}),
        "podLabels": st.dictionaries(st.sampled_from(["a", "b/c"]), st.sampled_from(["", "x"])),
    },
)
values = st.fixed_dictionaries(
    {
        "engine": st.fixed_dictionaries(
            {"image": st.just(VLLM), "modelCommand": st.sampled_from(["vllmServe", "imageDefault", "sglangServe"])},
            optional={"args": flags, "env": variables},
        ),
        "modelArtifacts": artifacts | st.fixed_dictionaries({"uri": uris}),
        "decode": st.builds(lambda role, layout: {**role, "parallelism": layout}, roles, layouts),
    },
    optional={
        "multinode": st.booleans(),
        "workload": st.none() | st.just("DisaggregatedSet"),
        "schedulerName": st.none() | st.just("kueue"),
        "routing": st.fixed_dictionaries(
            {"servicePort": st.integers(1, 65535)},
            optional={"proxy": st.fixed_dictionaries({"enabled": st.booleans(), "targetPort": st.integers(1, 65535)})},
        ),
        "tracing": st.fixed_dictionaries({"enabled": st.booleans()}),
        "prefill": roles,
    },
)

KEY = re.compile(r"^(workload|decode|prefill|routing|accelerator|modelArtifacts|engine|requester|fullnameOverride)\b")


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(values)
def test_every_render_is_valid_and_every_refusal_names_its_key(render: Render, wanted: dict[str, Any]) -> None:
    try:
        objects = render(wanted)  # the fixture validates against every supported version
    except ValuesError as refusal:
        for problem in refusal.problems:
            assert KEY.match(problem.key or ""), problem
        return
    sets = [role for obj in objects.all("DisaggregatedSet") for role in obj["spec"]["roles"]]
    for workload in [*objects.all("Deployment"), *objects.all("LeaderWorkerSet"), *sets]:
        check_workload(workload)


alone = st.fixed_dictionaries(
    {
        "engine": st.fixed_dictionaries({"image": st.just(VLLM), "type": types}),
        "modelArtifacts": artifacts,
        "routing": st.just({"proxy": {"enabled": False}}),
        "prefill": st.just({"create": False}),
    },
    optional={"decode": st.fixed_dictionaries({"replicas": st.integers(0, 2)})},
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(alone)
def test_every_engine_with_every_source(render: Render, wanted: dict[str, Any]) -> None:
    try:
        objects = render(wanted)
    except ValuesError as refusal:
        for problem in refusal.problems:
            assert KEY.match(problem.key or ""), problem
        return
    (workload,) = objects.all("Deployment")
    check_workload(workload)
    claims = {obj["metadata"]["name"] for obj in objects.all("PersistentVolumeClaim")}
    for pod in [workload["spec"]["template"]["spec"], *(job["spec"]["template"]["spec"] for job in objects.all("Job"))]:
        declared = {volume["name"] for volume in pod["volumes"]}
        containers = [*pod["containers"], *pod.get("initContainers", [])]
        assert {mount["name"] for item in containers for mount in item.get("volumeMounts", [])} <= declared
        assert len({item["name"] for item in containers}) == len(containers)
        for volume in pod["volumes"]:
            name = volume.get("persistentVolumeClaim", {}).get("claimName", "")
            assert not name.startswith("test-") or name in claims, "a claim that nobody makes"


def check_workload(workload: dict[str, Any]) -> None:
    """What must hold for whatever was accepted."""
    spec = workload["spec"]
    group = spec.get("leaderWorkerTemplate", {"size": 1, "workerTemplate": spec.get("template")})
    templates = [group["workerTemplate"], *([group["leaderTemplate"]] if "leaderTemplate" in group else [])]
    if "selector" in spec:
        assert spec["selector"]["matchLabels"].items() <= templates[0]["metadata"]["labels"].items()
    for template in templates:
        engine = template["spec"]["containers"][0]
        mounted = {mount["name"] for mount in engine.get("volumeMounts", [])}
        assert mounted <= {volume["name"] for volume in template["spec"].get("volumes", [])}
        claims = {claim["name"] for claim in engine.get("resources", {}).get("claims", [])}
        assert claims <= {claim["name"] for claim in template["spec"].get("resourceClaims", [])}
        env = {item["name"]: item.get("value") for item in engine.get("env", [])}
        if {"DP_SIZE", "DP_SIZE_LOCAL"} <= env.keys() and "leaderTemplate" not in group:
            assert int(env["DP_SIZE"]) == int(env["DP_SIZE_LOCAL"]) * group["size"]


SWITCHES: dict[str, list[Any]] = {
    "multinode": [True, False],
    "dra": [True, False],
    "proxy": [True, False],
    "prefill": [True, False],
    "command": ["vllmServe", "imageDefault", "sglangServe", "custom"],
    "uri": ["hf://o/m", "pvc://c/p", "pvc+hf://c/o/m", "oci://r.example.com/m:1", "s3://b/m", "ms://o/m", "file:///m"],
    "adapters": [True, False],
    "podmonitor": [True, False],
    "dashboard": [True, False],
    "prometheusrule": [True, False],
    "endpoints": [True, False],
    "test": [True, False],
    "tracing": [True, False],
    "autoscaling": [True, False],
    "sharedMemory": [True, False],
    "listed": [True, False],
    "registry": ["", "mirror.example.com"],
}


@pytest.mark.parametrize("row", list(AllPairs(list(SWITCHES.values()))), ids=lambda row: "-".join(map(str, row))[:60])
def test_every_pair_of_switches_renders(render: Render, row: list[Any]) -> None:
    switch = dict(zip(SWITCHES, row, strict=True))
    command = {"modelCommand": switch["command"], **({"command": ["run"]} if switch["command"] == "custom" else {})}
    role = {
        "autoscaling": {"enabled": switch["autoscaling"]},
        "sharedMemory": {"enabled": switch["sharedMemory"]},
        "monitoring": {"podmonitor": {"enabled": switch["podmonitor"]}},
        "containers": [{"name": "vllm", "image": VLLM, "mountModelVolume": True, **command}]
        if switch["listed"]
        else [],
    }
    metrics = switch["command"] != "sglangServe"  # the dashboard and the alerts read vLLM's
    objects = render(
        {
            "multinode": switch["multinode"],
            "accelerator": {"dra": switch["dra"]},
            "routing": {"proxy": {"enabled": switch["proxy"]}},
            "engine": {"image": VLLM, **command},
            "modelArtifacts": {
                "uri": switch["uri"],
                "adapters": [{"name": "a", "uri": "s3://b/a"}]
                if switch["adapters"] and switch["command"] != "custom"
                else [],
            },
            "tracing": {"enabled": switch["tracing"]},
            "global": {"imageRegistry": switch["registry"]},
            "decode": role,
            "prefill": {**role, "create": switch["prefill"]},
            "monitoring": {name: {"enabled": switch[name] and metrics} for name in ("dashboard", "prometheusrule")},
            "endpoints": {"create": switch["endpoints"]},
            "test": {"enabled": switch["test"]},
        }
    )
    roles = 2 if switch["prefill"] else 1
    asked = 2 if switch["prefill"] and switch["autoscaling"] else 1  # prefill has no pods of its own by default
    expected = 1 + roles + roles * switch["podmonitor"] + roles * switch["dra"]
    expected += metrics * (switch["dashboard"] + switch["prometheusrule"]) + switch["endpoints"]
    expected += switch["test"] * (1 + asked)
    assert len(objects.items) == expected
