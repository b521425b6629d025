"""What watches a deployment and what clients are told, beside Services, keys, suspension and routes."""

import json
from typing import Any

import pytest

from modelservice.errors import ValuesError
from modelservice.helm import EmbeddedHelm, Release
from support.render import VLLM, Objects, Render


def told(objects: Objects) -> dict[str, Any]:
    (data,) = [item["data"] for item in objects.all("ConfigMap") if "endpoints.json" in item["data"]]
    found: dict[str, Any] = json.loads(data["endpoints.json"])
    return found | {"environment": data}


def rendered(render: Render, **values: Any) -> Objects:
    return render({"engine": VLLM, "endpoints": {"create": True}, **values}, namespace="models")


def test_the_base_url_is_the_releases_service(render: Render) -> None:
    found = told(rendered(render, service={"enabled": True, "extraNames": ["chat"]}))
    assert found["baseUrl"] == "http://test-llm-d-modelservice.models.svc:8000/v1"
    assert found["environment"]["OPENAI_BASE_URL"] == found["baseUrl"]
    assert [item["url"] for item in found["roles"][0]["addresses"]][1] == "http://chat.models.svc:8000"


@pytest.mark.parametrize("layout", [{}, {"multinode": True}, {"decode": {"workload": "StatefulSet"}}])
def test_every_address_is_a_service_that_there_is(render: Render, layout: dict[str, Any]) -> None:
    values = {"service": {"enabled": True}, **layout}
    values["decode"] = {**values.get("decode", {}), "service": {"create": True}}
    objects = rendered(render, **values)
    names = {service["metadata"]["name"] for service in objects.all("Service")}
    for address in told(objects)["roles"][0]["addresses"]:
        assert address["url"].removeprefix("http://").split(".")[0] in names


def test_a_service_is_also_reached_through_the_api_server(render: Render) -> None:
    found = told(rendered(render, service={"enabled": True}))
    path = "/api/v1/namespaces/models/services/test-llm-d-modelservice:http/proxy"
    assert found["roles"][0]["addresses"][0]["apiServerPath"] == path


@pytest.mark.parametrize("workload", ["Deployment", "StatefulSet"])
def test_a_servicemonitor_selects_the_roles_service_and_no_other(render: Render, workload: str) -> None:
    decode = {"workload": workload, "service": {"create": True}, "monitoring": {"servicemonitor": {"enabled": True}}}
    objects = rendered(
        render,
        decode=decode,
        service={"enabled": True, "extraNames": ["chat"]},
        prefill={"replicas": 1, "service": {"create": True}},
    )
    wanted = objects.one("ServiceMonitor")["spec"]["selector"]["matchLabels"].items()
    selected = [
        item["metadata"]["name"] for item in objects.all("Service") if wanted <= item["metadata"]["labels"].items()
    ]
    assert selected == ["test-llm-d-modelservice-decode"]


@pytest.mark.parametrize("roles", [["decode"], ["prefill"], ["decode", "prefill"]])
def test_a_servicemonitor_finds_the_service_of_the_release(render: Render, roles: list[str]) -> None:
    watched = {"monitoring": {"servicemonitor": {"enabled": True}}}
    values = {name: watched if name == roles[0] else {"create": name in roles} for name in ("decode", "prefill")}
    objects = render({"engine": VLLM, "service": {"enabled": True, "extraNames": ["other"]}, **values})
    selector = objects.one("ServiceMonitor")["spec"]["selector"]["matchLabels"]
    selected = [obj for obj in objects.all("Service") if selector.items() <= obj["metadata"]["labels"].items()]
    assert [obj["metadata"]["name"] for obj in selected] == ["test-llm-d-modelservice"]
    assert selector["llm-d.ai/role"] == roles[0]


def test_a_servicemonitor_of_prefill_does_not_find_the_service_in_front_of_decode(embedded: EmbeddedHelm) -> None:
    watched = {"monitoring": {"servicemonitor": {"enabled": True}}}
    with pytest.raises(ValuesError, match=r"prefill\.service\.create: true"):
        embedded.render({"engine": VLLM, "service": {"enabled": True}, "prefill": watched}, Release("test"))


def test_a_servicemonitor_without_a_service_is_refused(embedded: EmbeddedHelm) -> None:
    values = {"engine": VLLM, "decode": {"monitoring": {"servicemonitor": {"enabled": True}}}}
    with pytest.raises(
        ValuesError, match=r"decode\.monitoring\.servicemonitor\.enabled.*decode\.service\.create: true"
    ):
        embedded.render(values, Release("test"))


@pytest.mark.parametrize("engine", [VLLM, {"image": "lmsysorg/sglang:v0.5", "modelCommand": "sglangServe"}])
def test_a_test_carries_the_api_key(render: Render, engine: dict[str, Any]) -> None:
    objects = render({"engine": engine, "auth": {"apiKeySecret": {"name": "keys"}}, "test": {"enabled": True}})
    (container,) = objects.one("Pod")["spec"]["containers"]
    (key,) = [item for item in container["env"] if item["name"] == "API_KEY"]
    assert key["valueFrom"] == {"secretKeyRef": {"name": "keys", "key": "api-key"}}


def test_a_suspended_release_keeps_its_endpoints_and_is_neither_asked_nor_watched(render: Render) -> None:
    values = {"test": {"enabled": True}, "monitoring": {"prometheusrule": {"enabled": True}}, "suspend": True}
    objects = rendered(render, service={"enabled": True}, **values)
    assert told(objects)["baseUrl"]
    assert objects.all("Pod") == objects.all("PrometheusRule") == []
