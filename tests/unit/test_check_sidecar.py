"""What check reports about the routing sidecar and KV transfer, as far as the versions and connectors are known."""

import pytest

from modelservice import facts
from modelservice.check.examples import findings
from modelservice.check.finding import Finding, Severity
from modelservice.check.rule import Example, rules
from modelservice.facts.models import Release
from modelservice.facts.versions import holds, number
from modelservice.helm import EmbeddedHelm

IMAGE = "ghcr.io/llm-d/llm-d-router-disagg-sidecar"
PODS = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: %(role)s}
spec:
  replicas: 1
  selector: {matchLabels: {llm-d.ai/role: %(role)s}}
  template:
    metadata: {labels: {llm-d.ai/role: %(role)s}}
    spec:
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.32.0
        args: [--model, Qwen/Qwen3-8B, --port=8200%(engine)s]
"""
SIDECAR = """\
      initContainers:
      - name: routing-proxy
        restartPolicy: Always
        image: %(image)s
        args: [--secure-proxy=false, --model-server-port=8200%(args)s]
"""
ENGINE = "spec.template.spec.containers[vllm]"
TRANSFER = ', \'--kv-transfer-config={"kv_connector":"%s","kv_role":"kv_both"}\''


def pods(role: str, connector: str = "") -> str:
    """Pods of a role, whose engine has a KV connector."""
    return PODS % {"role": role, "engine": TRANSFER % connector if connector else ""}


def sidecar(*args: str, image: str = f"{IMAGE}:v0.10.0") -> str:
    """The routing sidecar, for the end of pods."""
    return SIDECAR % {"image": image, "args": "".join(f", {word}" for word in args)}


def found(embedded: EmbeddedHelm, name: str, *manifests: str) -> list[Finding]:
    """Findings of a rule in manifests."""
    return list(findings(rules()[name], Example(manifests="---\n".join(manifests)), embedded))


@pytest.mark.parametrize("release", facts.routing_proxy().releases, ids=lambda release: release.version)
def test_a_release_accepts_the_flags_that_it_has_and_no_others(embedded: EmbeddedHelm, release: Release) -> None:
    version = number(release.version)
    image = f"{IMAGE}:v{release.version}.0"
    flags = facts.routing_proxy().flags
    manifest = pods("decode") + sidecar(*(f"--{flag.name}=x" for flag in flags), image=image)
    reported = found(embedded, "proxy-flag", manifest.replace("--model-server-port=8200, ", ""))
    named = {item.message.split("does not know --")[1].partition(",")[0] for item in reported}
    assert named == {flag.name for flag in flags if not holds(flag, version)}
    assert all(item.severity is Severity.error for item in reported)


@pytest.mark.parametrize(
    ("image", "severity", "message"),
    [
        (f"{IMAGE}:v0.10.0", Severity.error, "the routing sidecar 0.10.0 does not know --tracinq"),
        (f"{IMAGE}:v0.11.0", Severity.info, "the flags of the routing sidecar 0.11.0 are not known"),
        ("registry.example.com/sidecar:main", Severity.info, "the image's tag does not tell its version"),
    ],
)
def test_a_flag_of_an_unknown_version_is_no_error(
    embedded: EmbeddedHelm, image: str, severity: Severity, message: str
) -> None:
    (finding,) = found(embedded, "proxy-flag", pods("decode") + sidecar("--tracinq", image=image))
    assert (finding.severity, message in finding.message) == (severity, True)
    assert "did you mean --tracing?" in (finding.fix or "")


@pytest.mark.parametrize("image", ["registry.example.com/sidecar:main", f"{IMAGE}:v0.11.0"])
def test_the_engines_port_is_compared_only_where_the_sidecars_default_is_known(
    embedded: EmbeddedHelm, image: str
) -> None:
    manifest = (pods("decode") + sidecar(image=image)).replace(", --model-server-port=8200", "")
    assert found(embedded, "proxy-engine-port", manifest.replace("--port=8200", "--port=8300")) == []


@pytest.mark.parametrize(
    ("engine", "args", "errors"),
    [
        ("NixlConnector", ["--kv-connector=nixlv2"], 0),
        ("MooncakeConnector", ["--kv-connector=nixlv2"], 1),
        ("NixlConnector", ["--kv-connector=mooncake"], 1),
        ("MoRIIOConnector", ["--kv-connector=nixlv2"], 0),
        ("TPUConnectorHMA", ["--kv-connector=nixlv2"], 0),
        ("NixlConnector", ["--kv-connector=sglang"], 1),
    ],
)
def test_connectors_are_compared_where_both_are_known(
    embedded: EmbeddedHelm, engine: str, args: list[str], errors: int
) -> None:
    manifests = pods("decode", engine) + sidecar(*args), pods("prefill", engine)
    assert len(found(embedded, "connector-mismatch", *manifests)) == errors


@pytest.mark.parametrize(
    ("decode", "prefill", "errors"),
    [("NixlConnector", "MooncakeConnector", 1), ("NixlConnector", "OurConnector", 0)],
)
def test_roles_with_different_connectors_are_an_error_where_both_are_known(
    embedded: EmbeddedHelm, decode: str, prefill: str, errors: int
) -> None:
    reported = found(embedded, "connector-mismatch", pods("decode", decode) + sidecar(), pods("prefill", prefill))
    assert [item.object for item in reported] == [f"Deployment/prefill: {ENGINE}.args[3]"] * errors


@pytest.mark.parametrize(
    ("more", "severity"),
    [
        ("", Severity.error),
        ("{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: tls}}\n", Severity.warning),
    ],
)
def test_tls_of_the_sidecar_is_certain_to_fail_only_without_tls_of_the_gateway(
    embedded: EmbeddedHelm, more: str, severity: Severity
) -> None:
    decode = pods("decode") + sidecar().replace("--secure-proxy=false, ", "")
    findings = found(embedded, "proxy-tls", decode, pods("prefill"), more)
    assert [finding.severity for finding in findings] == [severity]


def test_encode_pods_hand_over_no_cache(embedded: EmbeddedHelm) -> None:
    decode = pods("decode", "NixlConnector") + sidecar("--ec-connector=ec-nixl")
    assert found(embedded, "proxy-needless", decode, pods("encode")) == []
    assert found(embedded, "kv-transfer-missing", decode, pods("prefill", "NixlConnector"), pods("encode")) == []
    (finding,) = found(embedded, "kv-transfer-missing", decode, pods("prefill"), pods("encode"))
    assert finding.message.startswith("prefill has no --kv-transfer-config")


@pytest.mark.parametrize(
    ("name", "values", "key"),
    [
        ("proxy-flag", "routing: {proxy: {args: [--connector=nixlv2]}}", "routing.proxy.args[0]"),
        ("proxy-engine-port", "routing: {proxy: {args: [--model-server-port=8300]}}", "routing.proxy.args[0]"),
        ("proxy-engine-port", "decode: {engine: {args: {port: 8300}}}", "decode.engine.args.port"),
        ("connector-mismatch", "routing: {proxy: {connector: mooncake}}", "routing.proxy.connector"),
        ("kv-transfer-missing", "engine: {args: {kv-transfer-config: null}}", "engine.args.kv-transfer-config"),
        ("transfer-tensor", "decode: {parallelism: {tensor: 3}}\nprefill: {parallelism: {tensor: 2}}",
         "prefill.parallelism.tensor"),
        ("transfer-tensor", "decode: {parallelism: {tensor: 2}}\nprefill: {engine: {args: {tensor-parallel-size: 3}}}",
         "prefill.engine.args.tensor-parallel-size"),
        ("nixl-host", "engine: {env: {VLLM_NIXL_SIDE_CHANNEL_HOST: 0.0.0.0}}",
         "engine.env.VLLM_NIXL_SIDE_CHANNEL_HOST"),
        ("prefill-without-proxy", "decode: {replicas: 0}", "decode.replicas"),
    ],
)  # fmt: skip
def test_a_finding_names_the_key_that_the_user_wrote(embedded: EmbeddedHelm, name: str, values: str, key: str) -> None:
    assert key in {item.values for item in findings(rules()[name], Example(values, base="pd"), embedded)}
