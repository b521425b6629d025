"""Services: one for each role that wants it, one for the release."""

from typing import Any

import pytest

from support.render import VLLM, Objects, Render

DECODE = {
    "app.kubernetes.io/name": "llm-d-modelservice",
    "app.kubernetes.io/instance": "test",
    "llm-d.ai/role": "decode",
}
HTTP = {"name": "http", "port": 8000, "targetPort": 8000, "protocol": "TCP"}


def services(objects: Objects) -> dict[str, dict[str, Any]]:
    return {obj["metadata"]["name"]: obj["spec"] for obj in objects.all("Service")}


def test_there_are_none_by_default(render: Render) -> None:
    assert services(render()) == {}


def test_the_release_has_one_for_the_pods_that_clients_talk_to(render: Render) -> None:
    found = services(render({"service": {"enabled": True}}))
    assert found == {"test-llm-d-modelservice": {"type": "ClusterIP", "selector": DECODE, "ports": [HTTP]}}


def test_without_decode_it_reaches_prefill(render: Render) -> None:
    found = services(render({"service": {"enabled": True}, "decode": {"create": False}}))
    assert found["test-llm-d-modelservice"]["selector"]["llm-d.ai/role"] == "prefill"


def test_a_role_has_one_of_its_own_with_the_workloads_name(render: Render) -> None:
    found = services(render({"decode": {"service": {"create": True}}, "prefill": {"service": {"create": True}}}))
    assert {name: spec["selector"]["llm-d.ai/role"] for name, spec in found.items()} == {
        "test-llm-d-modelservice-decode": "decode",
        "test-llm-d-modelservice-prefill": "prefill",
    }


def test_a_role_that_is_not_created_has_none(render: Render) -> None:
    assert services(render({"prefill": {"create": False, "service": {"create": True}}})) == {}


def test_beside_a_group_it_leaves_the_controllers_name_free(render: Render) -> None:
    objects = render({"multinode": True, "decode": {"service": {"create": True}}})
    assert list(services(objects)) == ["test-llm-d-modelservice-decode-service"]
    assert objects.one("LeaderWorkerSet", "decode")["metadata"]["name"] == "test-llm-d-modelservice-decode"


def test_workers_that_do_not_serve_are_not_selected(render: Render) -> None:
    layout = {"parallelism": {"tensor": 8, "pipeline": 2, "workers": 2}, "service": {"create": True}}
    objects = render({"engine": VLLM, "multinode": True, "decode": layout, "prefill": {"create": False}})
    selector = objects.one("Service")["spec"]["selector"].items()
    assert selector <= objects.template(part="leaderTemplate")["metadata"]["labels"].items()
    assert not selector <= objects.template(part="workerTemplate")["metadata"]["labels"].items()


def test_every_rank_with_a_port_of_its_own_has_one_in_the_service(render: Render) -> None:
    layout = {"parallelism": {"data": 3, "dataMode": "multiPort"}}
    found = services(render({"engine": VLLM, "decode": layout, "service": {"enabled": True}}))
    ports = found["test-llm-d-modelservice"]["ports"]
    assert [(port["name"], port["port"]) for port in ports] == [("http", 8000), ("http-1", 8001), ("http-2", 8002)]


def test_ports_type_labels_and_annotations_are_the_users(render: Render) -> None:
    ports = [{"name": "web", "port": 80, "targetPort": "http", "nodePort": 30080}]
    wanted = {"enabled": True, "type": "NodePort", "ports": ports, "labels": {"a": "b"}, "annotations": {"c": "d"}}
    service = render({"service": wanted}).one("Service")
    assert (service["spec"]["type"], service["spec"]["ports"]) == ("NodePort", ports)
    assert service["metadata"]["annotations"] == {"c": "d"}
    assert service["metadata"]["labels"].items() >= {"a": "b", "app.kubernetes.io/instance": "test"}.items()


def test_extra_names_are_further_services_for_the_same_pods(render: Render) -> None:
    found = services(render({"service": {"enabled": True, "name": "llama", "extraNames": ["old", "older"]}}))
    assert set(found) == {"llama", "old", "older"}
    assert found["old"] == found["llama"]


def test_any_other_field_of_a_service_spec(render: Render) -> None:
    extra = {"sessionAffinity": "ClientIP", "loadBalancerSourceRanges": ["10.0.0.0/8"]}
    spec = render({"service": {"enabled": True, "type": "LoadBalancer", "extraConfig": extra}}).one("Service")["spec"]
    assert spec.items() >= extra.items()


@pytest.mark.parametrize("address", ["None", "10.96.0.10"])
def test_a_fixed_address(render: Render, address: str) -> None:
    assert render({"service": {"enabled": True, "clusterIP": address}}).one("Service")["spec"]["clusterIP"] == address


def test_a_requesters_service_selects_the_pods_that_another_controller_makes(render: Render) -> None:
    objects = render({"requester": {"enable": True}, "service": {"enabled": True}, "prefill": {"create": False}})
    assert objects.one("Service")["spec"]["selector"] == {
        "llm-d.ai/inference-serving": "true",
        "llm-d.ai/role": "decode",
    }


TLS = {"engine": {**VLLM, "args": {"ssl-certfile": "/tls/tls.crt", "ssl-keyfile": "/tls/tls.key"}}}


def test_an_engine_with_tls_has_https_ports_everywhere(render: Render) -> None:
    values = {
        **TLS, "service": {"enabled": True}, "test": {"enabled": True}, "routing": {"proxy": {"enabled": False}},
        "decode": {"service": {"create": True}}, "prefill": {"create": False},
    }  # fmt: skip
    found = services(render(values))
    assert len(found) == 3
    port = {**HTTP, "name": "https", "appProtocol": "https"}
    assert [spec["ports"] for spec in found.values()] == [[port]] * 3


def test_behind_the_sidecar_the_scheme_is_the_sidecars(render: Render) -> None:
    assert services(render({**TLS, "service": {"enabled": True}}))["test-llm-d-modelservice"]["ports"] == [HTTP]
