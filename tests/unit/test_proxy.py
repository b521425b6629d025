"""The routing sidecar: where it runs and the flags of its version."""

from typing import Any

import pytest

from modelservice import facts
from support.render import VLLM, Render

OLD = "ghcr.io/llm-d/llm-d-routing-sidecar"
NEW = "ghcr.io/llm-d/llm-d-router-disagg-sidecar"


def args(render: Render, **proxy: Any) -> list[str]:
    sidecar = render({"routing": {"proxy": proxy}}).proxy()
    assert sidecar is not None
    found: list[str] = sidecar["args"]
    return found


def test_the_defaults_are_the_originals(render: Render) -> None:
    assert args(render) == [
        "--port=8000", "--vllm-port=8200", "--connector=nixlv2", "--zap-encoder=json", "--zap-log-level=debug",
        "--secure-proxy=false",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("proxy", "expected"),
    [
        ({"image": f"{OLD}:v0.2.0"}, ["--vllm-port=8200", "--connector=nixlv2", "-v=5"]),
        ({"image": f"{OLD}:v0.3.0", "debugLevel": 2}, ["--vllm-port=8200", "--connector=nixlv2", "-v=2"]),
        ({"image": f"{OLD}:v0.4.0-rc.1"}, ["--vllm-port=8200", "--connector=nixlv2", "--zap-log-level=debug"]),
        ({"image": f"{OLD}:v0.6.1"}, ["--vllm-port=8200", "--connector=nixlv2", "--zap-log-level=debug"]),
        ({"image": f"{OLD}:v0.7.1"}, ["--vllm-port=8200", "--kv-connector=nixlv2", "--zap-log-level=debug"]),
        ({"image": f"{NEW}:v0.9.0"}, ["--vllm-port=8200", "--kv-connector=nixlv2"]),
        ({"image": f"{NEW}:v0.10.0"}, ["--model-server-port=8200", "--kv-connector=nixlv2"]),
        ({"image": f"{NEW}@sha256:{'0' * 64}"}, ["--model-server-port=8200", "--kv-connector=nixlv2"]),
        ({"image": f"{NEW}:latest"}, ["--model-server-port=8200", "--kv-connector=nixlv2"]),
        ({"image": NEW}, ["--model-server-port=8200", "--kv-connector=nixlv2"]),
        ({"image": f"{NEW}:main"}, ["--model-server-port=8200", "--kv-connector=nixlv2"]),
        ({"image": f"{OLD}:main"}, ["--vllm-port=8200", "--connector=nixlv2"]),
        ({"image": "mirror:5000/llm-d/pd-sidecar:latest"}, ["--vllm-port=8200", "--connector=nixlv2"]),
        ({"image": "registry:5000/mine:latest", "version": "0.10"}, ["--model-server-port=8200"]),
        ({"image": f"{NEW}:v0.10.0", "version": "0.6.0"}, ["--vllm-port=8200", "--connector=nixlv2"]),
        ({"image": "localhost/llm-d-routing-sidecar:v0.2.0-arm64"}, ["-v=5"]),
    ],
)
def test_flags_follow_the_version(render: Render, proxy: dict[str, Any], expected: list[str]) -> None:
    found = args(render, **proxy)
    assert [flag for flag in found if flag in expected] == expected


@pytest.mark.parametrize("tag", ["v0.2.0", "v0.3.1"])
def test_versions_before_zap_get_no_zap_flags(render: Render, tag: str) -> None:
    assert not [flag for flag in args(render, image=f"{OLD}:{tag}") if flag.startswith("--zap")]


@pytest.mark.parametrize(
    ("image", "expected"),
    [(f"{OLD}:v0.6.0", "--prefiller-use-tls=true"), (f"{NEW}:v0.10.0", "--enable-tls=prefiller")],
)
def test_tls_to_prefill_follows_the_version(render: Render, image: str, expected: str) -> None:
    assert expected in args(render, image=image, prefillerUseTLS=True)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (f"{OLD}:v0.6.0", {"--prefiller-use-tls=true", "--decoder-use-tls=true", "--decoder-tls-insecure-skip-verify=true"}),
        (f"{NEW}:v0.10.0", {"--enable-tls=prefiller,decoder", "--tls-insecure-skip-verify=decoder"}),
    ],
)  # fmt: skip
def test_it_speaks_tls_to_an_engine_that_serves_it(render: Render, image: str, expected: set[str]) -> None:
    engine = {**VLLM, "args": {"ssl-certfile": "/tls/tls.crt", "ssl-keyfile": "/tls/tls.key"}}
    objects = render({"engine": engine, "routing": {"proxy": {"image": image, "prefillerUseTLS": True}}})
    (proxy,) = objects.pod()["initContainers"]
    assert {flag for flag in proxy["args"] if "tls" in flag} == expected


def test_every_flag_of_the_original_can_be_set(render: Render) -> None:
    found = args(
        render, secure=True, certPath="/certs", zapDevel=True, zapEncoder="console", zapLogLevel=4,
        zapStacktraceLevel="panic", zapTimeEncoding="iso8601", connector="lmcache",
    )  # fmt: skip
    assert found == [
        "--port=8000", "--vllm-port=8200", "--connector=lmcache", "--zap-devel=true", "--zap-encoder=console",
        "--zap-log-level=4", "--zap-stacktrace-level=panic", "--zap-time-encoding=iso8601", "--secure-proxy=true",
        "--cert-path=/certs",
    ]  # fmt: skip


def test_the_debug_level_is_the_log_level_when_none_is_set(render: Render) -> None:
    assert "--zap-log-level=3" in args(render, debugLevel=3)
    assert "--zap-log-level=info" in args(render, debugLevel=3, zapLogLevel="info")


def test_further_arguments_replace_derived_ones(render: Render) -> None:
    found = args(render, args=["--zap-log-level=1", "--enable-ssrf-protection"])
    assert found[-2:] == ["--zap-log-level=1", "--enable-ssrf-protection"]
    assert "--zap-log-level=debug" not in found


def test_resources_environment_and_mounts(render: Render) -> None:
    proxy = {
        "resources": {"requests": {"cpu": "2"}},
        "env": [{"name": "A", "value": "1"}],
        "volumeMounts": [{"name": "certs", "mountPath": "/certs"}],
        "imagePullPolicy": "IfNotPresent",
    }
    sidecar = render({"routing": {"proxy": proxy}}).proxy()
    assert sidecar is not None
    assert {name: sidecar[name] for name in proxy} == proxy


def test_it_is_a_native_sidecar_without_privileges(render: Render) -> None:
    sidecar = render().proxy()
    assert sidecar is not None
    assert sidecar["restartPolicy"] == "Always"
    assert sidecar["securityContext"] == {"allowPrivilegeEscalation": False, "runAsNonRoot": True}
    assert "env" not in sidecar and "resources" not in sidecar


def test_only_decode_has_it(render: Render) -> None:
    assert "initContainers" not in render().pod("prefill")


@pytest.mark.parametrize(("enabled", "port"), [(True, "8200"), (False, "8000"), (None, "8200")])
def test_the_engine_listens_behind_it_or_on_the_service_port(render: Render, enabled: bool | None, port: str) -> None:
    objects = render({"routing": {"proxy": {"enabled": enabled}}})
    arguments = objects.engine()["args"]
    assert arguments[arguments.index("--port") + 1] == port
    assert (objects.proxy() is None) == (enabled is False)


def test_ports_are_the_users(render: Render) -> None:
    objects = render({"routing": {"servicePort": 9000, "proxy": {"targetPort": 9100}}})
    sidecar = objects.proxy()
    assert sidecar is not None
    assert sidecar["args"][:2] == ["--port=9000", "--vllm-port=9100"]
    assert sidecar["ports"] == [{"containerPort": 9000}]
    prefill = objects.engine("prefill")["args"]
    assert prefill[prefill.index("--port") + 1] == "9000"


def test_tracing_reaches_it(render: Render) -> None:
    sidecar = render({"tracing": {"enabled": True}}).proxy()
    assert sidecar is not None
    assert {"name": "OTEL_SERVICE_NAME", "value": "routing-proxy"} in sidecar["env"]


def test_the_default_version_of_a_name_is_that_of_the_facts(render: Render) -> None:
    known = facts.routing_proxy()
    for image in known.images:
        version = image.default_version or known.assumed
        assert args(render, image=f"registry/{image.name}:main") == args(render, image="registry/x", version=version)


BOOTSTRAP = [item for item in facts.routing_proxy().connectors if item.bootstrap]


def bootstrap(render: Render, connector: str, prefill: dict[str, Any], **proxy: Any) -> set[str]:
    """What tells the sidecar the bootstrap port of prefill engines: variables and flags."""
    engine = {"sglang": {"image": "lmsysorg/sglang:v0.5.16", "modelCommand": "sglangServe"}}.get(connector, VLLM)
    values = {
        "engine": engine,
        "routing": {"proxy": {"image": f"{NEW}:v0.10.0", "connector": connector, **proxy}},
        "prefill": {"replicas": 1, "engine": prefill},
    }
    sidecar = render(values).proxy()
    assert sidecar is not None
    variables = {f"{item['name']}={item.get('value')}" for item in sidecar.get("env", [])}
    return {word for word in [*sidecar["args"], *variables] if "bootstrap" in word.lower()}


@pytest.mark.parametrize("connector", BOOTSTRAP, ids=lambda item: item.name)
def test_it_knows_the_bootstrap_port_of_the_prefill_engines(render: Render, connector: Any) -> None:
    port = connector.bootstrap
    setting = {"args": {port.engine_flag: 9000}} if port.engine_flag else {"env": {port.engine_env: "9000"}}
    told = f"--{port.flag}=9000" if port.flag else f"{port.env}=9000"
    assert bootstrap(render, connector.name, setting) == {told}
    assert bootstrap(render, connector.name, {}) == set()


def test_a_bootstrap_port_of_the_user_wins(render: Render) -> None:
    setting = {"args": {"disaggregation-bootstrap-port": 9000}}
    env = [{"name": "SGLANG_BOOTSTRAP_PORT", "value": "9001"}]
    assert bootstrap(render, "sglang", setting, env=env) == {"SGLANG_BOOTSTRAP_PORT=9001"}
