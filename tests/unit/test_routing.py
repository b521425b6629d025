"""InferencePool, HTTPRoute and InferenceObjective: off by default, and what they select when they are on."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from support.render import VLLM, Objects, Render

MODEL: dict[str, Any] = {"name": "org/model", "labels": {"llm-d.ai/model": "m"}}
GATEWAY: dict[str, Any] = {"parentRefs": [{"name": "gateway"}]}
POOL: dict[str, Any] = {"inferencePool": {"create": True}, "epp": {"create": True}}
KINDS = {"InferencePool", "HTTPRoute", "InferenceObjective", "Role", "RoleBinding", "ConfigMap", "Service"}


def values(routing: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"modelArtifacts": MODEL, "engine": VLLM, "routing": routing, **more}


def test_nothing_is_created_by_default(render: Render) -> None:
    assert {obj["kind"] for obj in render().items} == {"Deployment", "ServiceAccount"}


def test_settings_of_objects_that_are_off_leave_no_trace(render: Render) -> None:
    off = {
        "inferencePool": {"failureMode": "FailOpen", "matchLabels": {"a": "b"}},
        "httpRoute": {"hostnames": ["a.example.com"], "modelHeader": "x-model"},
        "inferenceObjective": {"priority": 1},
        "epp": {"replicas": 3, "debugLevel": 4},
    }
    assert render(values(off)).items == render(values({})).items


# ---------------------------------------------------------------------------------------------
# The pool selects exactly the pods that serve, on exactly the ports they serve on
# ---------------------------------------------------------------------------------------------


def templates(objects: Objects) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every pod template there is, with a name that says whose it is; that of dual pods is in an annotation."""
    for obj in objects.items:
        group = obj.get("spec", {}).get("leaderWorkerTemplate", {})
        for part in ("leaderTemplate", "workerTemplate"):
            if part in group:
                yield f"{obj['metadata']['name']}/{part}", group[part]
        if "template" in obj.get("spec", {}):
            template = obj["spec"]["template"]
            yield obj["metadata"]["name"], template
            patch = template["metadata"].get("annotations", {}).get("dual-pods.llm-d.ai/server-patch")
            if patch:
                yield f"{obj['metadata']['name']}/server", yaml.safe_load(patch)


def listening(template: dict[str, Any]) -> list[int]:
    """Ports on which a pod answers requests for the model, from its containers alone; none of a headless worker."""
    for container in template["spec"].get("initContainers", []):
        if container["name"] == "routing-proxy":
            return [port["containerPort"] for port in container["ports"]]
    engine = template["spec"]["containers"][0]
    args = [*engine.get("command", []), *engine.get("args", [])]
    command = args[-1] if args[:2] == ["/bin/sh", "-c"] else " ".join(args)
    if "vllm" not in command or "--headless" in command:
        return []
    words = command.split()
    first = int(words[words.index("--port") + 1])
    ranks = int(words[words.index("--data-parallel-size-local") + 1]) if "multi-port" in command else 1
    return list(range(first, first + ranks))


def targets(pool: dict[str, Any], template: dict[str, Any]) -> list[int]:
    """Ports on which an endpoint picker would send requests to a pod: none unless the pool selects it."""
    metadata = template["metadata"]
    if not pool["spec"]["selector"]["matchLabels"].items() <= metadata["labels"].items():
        return []
    ports = [port["number"] for port in pool["spec"]["targetPorts"]]
    active = metadata.get("annotations", {}).get("inference.networking.k8s.io/active-ports")
    return [port for port in ports if port in map(int, active.split(","))] if active else ports


DECODE_ONLY: dict[str, Any] = {"prefill": {"create": False}}
LAYOUTS: dict[str, tuple[dict[str, Any], dict[str, list[int]]]] = {
    # name: (values, the pods that serve and their ports)
    "one role": (DECODE_ONLY, {"decode": [8000]}),
    "without proxy": ({**DECODE_ONLY, "routing": {"proxy": {"enabled": False}, "servicePort": 9000}}, {"decode": [9000]}),
    "prefill and decode": ({}, {"decode": [8000], "prefill": [8000]}),
    "a port for each rank": (
        {"decode": {"parallelism": {"data": 4, "dataMode": "multiPort"}},
         "prefill": {"parallelism": {"data": 4, "dataMode": "multiPort"}}},
        {"decode": [8000, 8001, 8002, 8003], "prefill": [8000, 8001, 8002, 8003]},
    ),
    "more ports on decode": (
        {"decode": {"parallelism": {"data": 8, "dataMode": "multiPort"}}},
        {"decode": list(range(8000, 8008)), "prefill": [8000]},
    ),
    "more ports on prefill": (
        {"decode": {"parallelism": {"data": 2, "dataMode": "multiPort"}},
         "prefill": {"parallelism": {"data": 4, "dataMode": "multiPort"}}},
        {"decode": [8000, 8001], "prefill": [8000, 8001, 8002, 8003]},
    ),
    "groups in which every pod serves": (
        {"multinode": True, "decode": {"parallelism": {"dataLocal": 8, "workers": 2}}},
        {"decode/workerTemplate": [8000], "prefill/workerTemplate": [8000]},
    ),
    "groups with a port for each rank": (
        {"multinode": True, "decode": {"parallelism": {"dataLocal": 4, "workers": 2, "dataMode": "multiPort"}}},
        {"decode/workerTemplate": [8000, 8001, 8002, 8003], "prefill/workerTemplate": [8000]},
    ),
    "groups in which only the leader serves": (
        {"multinode": True, "decode": {"parallelism": {"tensor": 8, "pipeline": 2, "workers": 2}},
         "prefill": {"parallelism": {"dataLocal": 4, "workers": 2, "dataMode": "internal"}}},
        {"decode/leaderTemplate": [8000], "prefill/leaderTemplate": [8000]},
    ),
    "dual pods": ({**DECODE_ONLY, "requester": {"enable": True}}, {"decode/server": [8000]}),
}  # fmt: skip


@pytest.mark.parametrize(("layout", "expected"), LAYOUTS.values(), ids=LAYOUTS.keys())
def test_the_pool_selects_exactly_the_serving_pods_and_ports(
    render: Render, layout: dict[str, Any], expected: dict[str, list[int]]
) -> None:
    routing = {**POOL, **layout.get("routing", {})}
    objects = render(values(routing, **{key: item for key, item in layout.items() if key != "routing"}))
    pool = objects.one("InferencePool")
    found = dict(templates(objects))
    assert "test-llm-d-modelservice-epp" in found
    chosen = {name.removeprefix("test-llm-d-modelservice-"): targets(pool, pod) for name, pod in found.items()}
    serving = {name.removeprefix("test-llm-d-modelservice-"): listening(pod) for name, pod in found.items()}
    assert {name: ports for name, ports in chosen.items() if ports} == expected
    assert {name: ports for name, ports in serving.items() if ports} == expected


def test_pools_of_two_releases_with_equal_labels_do_not_mix(render: Render) -> None:
    pool = render(values(POOL), name="one").one("InferencePool")
    assert not [name for name, pod in templates(render(values(POOL), name="two")) if targets(pool, pod)]


def test_one_pool_over_several_releases(render: Render) -> None:
    shared = {**POOL, "inferencePool": {"create": True, "matchLabels": MODEL["labels"]}}
    pool = render(values(shared), name="one").one("InferencePool")
    found = [name for name, pod in templates(render(values({}), name="two")) if targets(pool, pod)]
    assert found == ["two-llm-d-modelservice-decode", "two-llm-d-modelservice-prefill"]


def test_active_ports_are_for_pools_of_this_chart(render: Render) -> None:
    layout = {"decode": {"parallelism": {"data": 4, "dataMode": "multiPort"}}}
    assert "annotations" not in render(values({}, **layout)).template("prefill")["metadata"]


# ---------------------------------------------------------------------------------------------
# InferencePool and InferenceObjective
# ---------------------------------------------------------------------------------------------


def test_the_pool_asks_the_picker_of_the_release(render: Render) -> None:
    objects = render(values({**POOL, "epp": {"create": True, "service": {"port": 9100}}}))
    picker = objects.one("InferencePool")["spec"]["endpointPickerRef"]
    assert picker == {"name": "test-llm-d-modelservice-epp", "port": {"number": 9100}}
    service = objects.one("Service")
    assert service["metadata"]["name"] == picker["name"]
    assert service["spec"]["ports"][0]["port"] == 9100


def test_the_pool_can_ask_another_picker(render: Render) -> None:
    pool = {"create": True, "endpointPickerRef": {"name": "their-epp"}, "failureMode": "FailOpen"}
    objects = render(values({"inferencePool": pool}))
    assert objects.one("InferencePool")["spec"]["endpointPickerRef"] == {
        "name": "their-epp", "port": {"number": 9002}, "failureMode": "FailOpen",
    }  # fmt: skip
    assert {obj["kind"] for obj in objects.items} & KINDS == {"InferencePool"}


def test_names_of_the_objects(render: Render) -> None:
    named: dict[str, Any] = {
        "inferencePool": {"create": True, "name": "pool", "annotations": {"a": "b"}},
        "epp": {"create": True, "name": "picker"},
        "httpRoute": {"create": True, "name": "route", **GATEWAY},
        "inferenceObjective": {"create": True, "name": "urgent"},
    }
    objects = render(values(named))
    names = {obj["kind"]: obj["metadata"]["name"] for obj in objects.items if obj["kind"] in KINDS}
    assert names == {
        "InferencePool": "pool", "HTTPRoute": "route", "InferenceObjective": "urgent", "Role": "picker",
        "RoleBinding": "picker", "ConfigMap": "picker", "Service": "picker",
    }  # fmt: skip
    assert objects.one("InferencePool")["metadata"]["annotations"] == {"a": "b"}
    assert (
        "--pool-name=pool" in objects.one("Deployment", "picker")["spec"]["template"]["spec"]["containers"][0]["args"]
    )


def test_an_existing_pool_is_what_route_objective_and_picker_refer_to(render: Render) -> None:
    existing = {
        "inferencePool": {"create": False, "name": "gaie"},
        "httpRoute": {"create": True},
        "inferenceObjective": {"create": True, "priority": -1},
        "epp": {"create": True},
        **GATEWAY,
    }
    objects = render(values(existing))
    assert objects.all("InferencePool") == []
    assert objects.one("HTTPRoute")["spec"]["rules"][0]["backendRefs"][0]["name"] == "gaie"
    assert objects.one("InferenceObjective")["spec"]["poolRef"]["name"] == "gaie"
    assert "--pool-name=gaie" in objects.one("Deployment", "-epp")["spec"]["template"]["spec"]["containers"][0]["args"]


@pytest.mark.parametrize(
    ("epp", "api"),
    [
        ({}, "llm-d.ai/v1alpha2"),
        ({"image": "ghcr.io/llm-d/llm-d-inference-scheduler:v0.7.1"}, "inference.networking.x-k8s.io/v1alpha2"),
        ({"version": "0.8"}, "inference.networking.x-k8s.io/v1alpha2"),
    ],
)
def test_an_objective_has_the_api_group_of_the_pickers_version(render: Render, epp: dict[str, Any], api: str) -> None:
    routing = {"inferencePool": {"name": "pool"}, "inferenceObjective": {"create": True, "priority": 1}, "epp": epp}
    objective = render(values(routing)).one("InferenceObjective")
    assert objective["apiVersion"] == api
    assert objective["spec"] == {
        "poolRef": {"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": "pool"}, "priority": 1,
    }  # fmt: skip


# ---------------------------------------------------------------------------------------------
# HTTPRoute
# ---------------------------------------------------------------------------------------------


def route(render: Render, **settings: Any) -> dict[str, Any]:
    """Spec of the route that the settings give."""
    routing = {"inferencePool": {"name": "pool"}, "httpRoute": {"create": True, **settings}, **GATEWAY}
    spec: dict[str, Any] = render(values(routing)).one("HTTPRoute")["spec"]
    return spec


BACKEND: dict[str, Any] = {"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": "pool"}


def test_a_route_sends_every_path_to_the_pool_and_waits(render: Render) -> None:
    assert route(render) == {
        "parentRefs": [{"name": "gateway"}],
        "rules": [{
            "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
            "backendRefs": [BACKEND],
            "timeouts": {"request": "0s", "backendRequest": "0s"},
        }],
    }  # fmt: skip


def test_the_header_that_a_body_based_router_sets_selects_the_model(render: Render) -> None:
    (match,) = route(render, modelHeader="X-Gateway-Base-Model-Name")["rules"][0]["matches"]
    assert match["headers"] == [{"type": "Exact", "name": "X-Gateway-Base-Model-Name", "value": "org/model"}]


def test_a_path_prefix_is_removed_before_the_engine_sees_it(render: Render) -> None:
    (rule,) = route(render, pathPrefix="/llama")["rules"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/llama"}}]
    rewrite = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}
    assert rule["filters"] == [{"type": "URLRewrite", "urlRewrite": rewrite}]


def test_hostnames(render: Render) -> None:
    assert route(render, hostnames=["llm.example.com"])["hostnames"] == ["llm.example.com"]


@pytest.mark.parametrize(
    ("timeouts", "expected"),
    [
        ({"request": "5m", "backendRequest": "1m30s"}, {"request": "5m", "backendRequest": "1m30s"}),
        ({"backendRequest": None}, {"request": "0s"}),
        ({"request": None, "backendRequest": None}, None),
    ],
)
def test_timeouts(render: Render, timeouts: dict[str, Any], expected: dict[str, str] | None) -> None:
    assert route(render, timeouts=timeouts)["rules"][0].get("timeouts") == expected


def test_matches_in_full_are_rendered_as_templates(render: Render) -> None:
    match = {"headers": [{"name": "x-model-name", "value": "{{ .Values.modelArtifacts.name }}"}], "method": None}
    (rule,) = route(render, matches=[match])["rules"]
    assert rule["matches"] == [{"headers": [{"name": "x-model-name", "value": "org/model"}]}]
    assert rule["timeouts"] == {"request": "0s", "backendRequest": "0s"}


def test_rules_in_full_go_to_the_pool_unless_they_say_otherwise(render: Render) -> None:
    canary = [{**BACKEND, "name": "canary", "weight": 1}, {**BACKEND, "weight": 9}]
    rules: list[dict[str, Any]] = [
        {"matches": [{"path": {"type": "Exact", "value": "/v1/models"}}], "backendRefs": [{"name": "models", "port": 80}]},
        {"backendRefs": canary, "retry": {"codes": [503], "attempts": 2}},
        {"filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "a", "value": "b"}]}}]},
    ]  # fmt: skip
    found = route(render, rules=rules)["rules"]
    assert found[:2] == rules[:2]
    assert found[2] == {**rules[2], "backendRefs": [BACKEND]}


@pytest.mark.parametrize(
    "place",
    [
        {"parentRefs": [{"name": "mine", "sectionName": None}]},
        {"proxy": {"parentRefs": [{"name": "mine"}]}},
        {"parentRefs": [{"name": "other"}], "httpRoute": {"parentRefs": [{"name": "mine"}]}},
    ],
    ids=["routing", "proxy", "httpRoute"],
)
def test_gateways_from_all_three_places(render: Render, place: dict[str, Any]) -> None:
    routing: dict[str, Any] = {"inferencePool": {"name": "pool"}, **place}
    routing["httpRoute"] = {"create": True, **routing.get("httpRoute", {})}
    assert render(values(routing)).one("HTTPRoute")["spec"]["parentRefs"] == [{"name": "mine"}]


def test_a_gateway_in_the_releases_namespace(render: Render) -> None:
    routing = {"inferencePool": {"name": "pool"}, "httpRoute": {"create": True},
               "parentRefs": [{"name": "g", "namespace": "{{ .Release.Namespace }}"}]}  # fmt: skip
    spec = render(values(routing), namespace="models").one("HTTPRoute")["spec"]
    assert spec["parentRefs"] == [{"name": "g", "namespace": "models"}]


def test_the_notes_name_what_was_created(render: Render) -> None:
    notes = render(values({**POOL, "httpRoute": {"create": True}, **GATEWAY})).notes
    assert "get gateway" in notes and "get httproute test-llm-d-modelservice" in notes
    assert "get httproute test-llm-d-modelservice" in notes
    assert "asks the endpoint picker test-llm-d-modelservice-epp" in notes
    assert "matchLabels" not in notes
