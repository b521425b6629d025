"""PodMonitor, tracing and the dual pods of fast model actuation."""

from typing import Any

from support.render import Render


def monitored(**podmonitor: Any) -> dict[str, Any]:
    return {
        "engine": {"image": "vllm/vllm-openai:v0.32.0", "modelCommand": "vllmServe"},
        "decode": {"monitoring": {"podmonitor": {"enabled": True, **podmonitor}}},
        "prefill": {"create": False},
    }


def test_a_podmonitor_selects_the_serving_pods_of_its_role(render: Render) -> None:
    monitor = render(monitored(), namespace="models").one("PodMonitor")
    assert monitor["metadata"]["name"] == "test-llm-d-modelservice-decode-podmonitor"
    assert monitor["metadata"]["namespace"] == "models"
    assert monitor["spec"] == {
        "selector": {
            "matchLabels": {
                "app.kubernetes.io/name": "llm-d-modelservice",
                "app.kubernetes.io/instance": "test",
                "llm-d.ai/role": "decode",
            }
        },
        "podMetricsEndpoints": [{"port": "metrics", "path": "/metrics", "interval": "30s"}],
    }


def test_every_option_of_a_podmonitor(render: Render) -> None:
    options = {
        "path": "/m",
        "interval": "15s",
        "scrapeTimeout": "10s",
        "relabelings": [{"sourceLabels": ["a"], "action": "keep", "regex": "b"}],
        "metricRelabelings": [{"action": "labeldrop", "regex": "c"}],
    }
    monitor = render(
        monitored(**options, labels={"release": "prom"}, annotations={"x": "y"}, namespaceSelector={"any": True})
    ).one("PodMonitor")
    assert monitor["spec"]["podMetricsEndpoints"] == [{"port": "metrics", **options}]
    assert monitor["spec"]["namespaceSelector"] == {"any": True}
    assert monitor["metadata"]["labels"]["release"] == "prom"
    assert monitor["metadata"]["annotations"] == {"x": "y"}


def service_monitored(**servicemonitor: Any) -> dict[str, Any]:
    return {
        "engine": {"image": "vllm/vllm-openai:v0.32.0", "modelCommand": "vllmServe"},
        "decode": {
            "service": {"create": True},
            "monitoring": {"servicemonitor": {"enabled": True, **servicemonitor}},
        },
        "prefill": {"create": False},
    }


def test_a_servicemonitor_finds_the_pods_behind_the_roles_service_and_scrapes_the_engine(render: Render) -> None:
    objects = render(service_monitored(labels={"release": "prom"}, interval="15s"), namespace="models")
    monitor = objects.one("ServiceMonitor")
    assert monitor["metadata"]["name"] == "test-llm-d-modelservice-decode-servicemonitor"
    assert monitor["metadata"]["labels"]["release"] == "prom"
    assert monitor["spec"] == {
        "selector": {
            "matchLabels": {
                "app.kubernetes.io/name": "llm-d-modelservice",
                "app.kubernetes.io/instance": "test",
                "llm-d.ai/role": "decode",
            }
        },
        "endpoints": [{"targetPort": "metrics", "path": "/metrics", "interval": "15s"}],
    }
    # The port of the engine, not that of the routing sidecar in front of it.
    assert objects.engine()["ports"] == [{"name": "metrics", "containerPort": 8200, "protocol": "TCP"}]


def test_a_servicemonitor_scrapes_every_rank_with_a_port(render: Render) -> None:
    values = service_monitored()
    values["decode"]["parallelism"] = {"data": 2, "dataMode": "multiPort"}
    endpoints = render(values).one("ServiceMonitor")["spec"]["endpoints"]
    assert [endpoint["targetPort"] for endpoint in endpoints] == ["metrics", "metrics-1"]


def test_an_engine_that_serves_tls_is_scraped_over_tls(render: Render) -> None:
    values = monitored()
    values["engine"]["args"] = {"ssl-certfile": "/tls/tls.crt", "ssl-keyfile": "/tls/tls.key"}
    (endpoint,) = render(values).one("PodMonitor")["spec"]["podMetricsEndpoints"]
    assert (endpoint["scheme"], endpoint["tlsConfig"]) == ("https", {"insecureSkipVerify": True})


def test_a_certificate_is_checked_as_the_user_says(render: Render) -> None:
    checked = {"serverName": "engine.example", "ca": {"configMap": {"name": "ca", "key": "ca.crt"}}}
    values = monitored(tlsConfig=checked)
    assert "tlsConfig" not in render(values).one("PodMonitor")["spec"]["podMetricsEndpoints"][0]
    values["engine"]["args"] = {"ssl-certfile": "/tls/tls.crt", "ssl-keyfile": "/tls/tls.key"}
    assert render(values).one("PodMonitor")["spec"]["podMetricsEndpoints"][0]["tlsConfig"] == checked


def test_an_exporter_beside_the_engine_has_the_scraped_port_alone(render: Render) -> None:
    exporter = {"name": "exporter", "image": "e:1", "ports": [{"name": "metrics", "containerPort": 9100}]}
    engine = {"type": "ollama", "image": "ollama/ollama:0.12.0"}
    values = {
        "modelArtifacts": {"uri": "ollama://qwen3:0.6b"},
        "routing": {"proxy": {"enabled": False}},
        "prefill": {"create": False},
        "decode": {
            "containers": [{"modelCommand": "imageDefault"}, exporter],
            "monitoring": {"podmonitor": {"enabled": True}},
        },
        "engine": engine,
    }
    ports = [port for container in render(values).pod()["containers"] for port in container["ports"]]
    assert [port["name"] for port in ports] == ["http", "metrics"]


def test_nothing_is_monitored_by_default(render: Render) -> None:
    assert {kind for kind, _ in render({}).kinds()} == {"ServiceAccount", "Deployment"}


def test_the_scraped_port_is_added_where_nobody_declares_it(render: Render) -> None:
    assert render(monitored()).engine()["ports"] == [{"name": "metrics", "containerPort": 8200, "protocol": "TCP"}]


def test_a_declared_port_without_a_name_gets_it(render: Render) -> None:
    values = monitored(portName="http")
    values["engine"]["ports"] = [{"containerPort": 8200}, {"containerPort": 5600}]
    assert render(values).engine()["ports"] == [{"containerPort": 8200, "name": "http"}, {"containerPort": 5600}]


def test_a_declared_port_keeps_its_name(render: Render) -> None:
    values = monitored()
    values["engine"]["ports"] = [{"containerPort": 8200, "name": "metrics"}]
    assert render(values).engine()["ports"] == [{"containerPort": 8200, "name": "metrics"}]


def test_every_rank_with_a_port_is_scraped(render: Render) -> None:
    values = monitored()
    values["decode"]["parallelism"] = {"data": 2, "dataMode": "multiPort"}
    objects = render(values)
    assert [port["containerPort"] for port in objects.engine()["ports"]] == [8200, 8201]
    endpoints = objects.one("PodMonitor")["spec"]["podMetricsEndpoints"]
    assert [endpoint["port"] for endpoint in endpoints] == ["metrics", "metrics-1"]


def test_tracing_names_each_service(render: Render) -> None:
    objects = render({"tracing": {"enabled": True, "sampling": {"samplerArg": "0.1"}}})
    assert objects.env("decode")["OTEL_SERVICE_NAME"] == "vllm-decode"
    assert objects.env("prefill")["OTEL_SERVICE_NAME"] == "vllm-prefill"
    assert objects.env("prefill")["OTEL_TRACES_SAMPLER_ARG"] == "0.1"


def test_the_notes_tell_what_an_inference_pool_needs(render: Render) -> None:
    values = {"modelArtifacts": {"labels": {"llm-d.ai/model": "m"}}, "routing": {"servicePort": 9000}}
    notes = render(values, namespace="models").notes
    assert "- number: 9000" in notes
    assert "llm-d.ai/model: m" in notes
    assert "routing.httpRoute.create" in notes
    assert "rollout status deployment/test-llm-d-modelservice-decode" in notes
