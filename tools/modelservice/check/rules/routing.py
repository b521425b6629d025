"""Routing sidecar and endpoint picker: do proxy, engines and picker speak the same language?

https://github.com/llm-d/llm-d-router
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from modelservice.check.finding import Found, Severity
from modelservice.check.rule import Example, rule
from modelservice.engines.version import Version, vllm_version
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup
from modelservice.model.routing_proxy import proxy_version

_OPTIONS = "https://github.com/llm-d/llm-d-router/blob/main/pkg/sidecar/proxy/options.go"
_NIXL = "https://docs.vllm.ai/en/latest/features/nixl_connector_usage/"

_FLAGS: dict[str, tuple[tuple[int, int], tuple[int, int] | None, str]] = {
    # flag: (first version, first version without it, what to write instead)
    "connector": ((0, 0), (0, 10), "kv-connector"),
    "kv-connector": ((0, 7), None, "connector"),
    "ec-connector": ((0, 7), None, ""),
    "vllm-port": ((0, 0), None, "model-server-port"),
    "model-server-port": ((0, 10), None, "vllm-port"),
    "prefiller-use-tls": ((0, 0), (0, 10), "enable-tls=prefiller"),
    "decoder-use-tls": ((0, 0), (0, 10), "enable-tls=decoder"),
    "prefiller-tls-insecure-skip-verify": ((0, 0), (0, 10), "tls-insecure-skip-verify=prefiller"),
    "decoder-tls-insecure-skip-verify": ((0, 0), (0, 10), "tls-insecure-skip-verify=decoder"),
    "enable-tls": ((0, 7), None, "prefiller-use-tls"),
    "tls-insecure-skip-verify": ((0, 7), None, "prefiller-tls-insecure-skip-verify"),
    "inference-pool-namespace": ((0, 0), (0, 10), "inference-pool"),
    "inference-pool-name": ((0, 0), (0, 10), "inference-pool"),
    "inference-pool": ((0, 7), None, "inference-pool-name"),
    "pool-group": ((0, 5), None, ""),
    "max-idle-conns-per-host": ((0, 8), None, ""),
    "configuration": ((0, 9), None, ""),
    "configuration-file": ((0, 9), None, ""),
    "tracing": ((0, 9), None, ""),
    "decode-chunk-size": ((0, 9), None, ""),
    "prefill-max-retries": ((0, 9), None, ""),
    "mooncake-bootstrap-port": ((0, 9), None, ""),
    "moriio-notify-port": ((0, 9), None, ""),
    "metrics-port": ((0, 10), None, ""),
    "p2p-connector-port": ((0, 10), None, ""),
    "enable-p2p-pull": ((0, 10), None, ""),
    "v": ((0, 0), (0, 4), "zap-log-level"),
    "zap-log-level": ((0, 4), None, "v"),
    "zap-encoder": ((0, 4), None, ""),
    "zap-devel": ((0, 4), None, ""),
    "zap-stacktrace-level": ((0, 4), None, ""),
    "zap-time-encoding": ((0, 4), None, ""),
    "port": ((0, 0), None, ""),
    "data-parallel-size": ((0, 0), None, ""),
    "secure-proxy": ((0, 0), None, ""),
    "cert-path": ((0, 0), None, ""),
    "enable-ssrf-protection": ((0, 0), None, ""),
    "enable-prefiller-sampling": ((0, 0), None, ""),
}

_CONNECTORS: dict[str, tuple[tuple[int, int], tuple[int, int] | None]] = {
    "nixlv2": ((0, 0), None),
    "nixl": ((0, 0), (0, 4)),
    "lmcache": ((0, 0), (0, 6)),
    "sglang": ((0, 3), None),
    "shared-storage": ((0, 6), None),
    "mooncake": ((0, 9), None),
    "offloading": ((0, 10), None),
}

_ENGINE_CONNECTORS = {
    "nixlv2": ("NixlConnector", "MultiConnector", "OffloadingConnector"),
    "nixl": ("NixlConnector", "MultiConnector"),
    "lmcache": ("LMCacheConnector", "LMCacheConnectorV1", "LMCacheMPConnector"),
    "shared-storage": (
        "SharedStorageConnector",
        "ExampleConnector",
        "LMCacheConnectorV1",
        "LMCacheMPConnector",
        "OffloadingConnector",
    ),
    "mooncake": ("MooncakeConnector", "MooncakeStoreConnector"),
    "offloading": ("OffloadingConnector",),
}


def _proxy_key(deployment: Deployment, *names: str) -> str | None:
    return deployment.with_key(*(f"routing.proxy.{name}" for name in names))


def _version(deployment: Deployment, group: PodGroup) -> tuple[int, ...] | None:
    stated = str(deployment.value("routing.proxy.version") or "").lstrip("v").split("-")[0]
    if stated:
        return tuple(int(part) for part in stated.split("."))
    return proxy_version(group.proxy.fields) if group.proxy is not None else None


@rule(
    Severity.error,
    reason="The sidecar's flags changed between versions, and it ends at once with one that it does not know.",
    link=_OPTIONS,
    failing=Example("routing: {proxy: {args: [--connector=nixlv2]}}", base="pd"),
    passing=Example("routing: {proxy: {args: [--kv-connector=nixlv2]}}", base="pd"),
)
def proxy_flag(deployment: Deployment) -> Iterator[Found]:
    """The routing sidecar's version knows its flags."""
    for group in deployment.servers:
        if group.proxy is None or group.proxy_command is None or deployment.role("decode") == []:
            continue
        version = _version(deployment, group)
        for flag in group.proxy_command.flags:
            name = flag.spelling.lstrip("-")
            given = [str(word) for word in deployment.value("routing.proxy.args") or []]
            own = next((at for at, word in enumerate(given) if word.lstrip("-").partition("=")[0] == name), None)
            key = f"routing.proxy.args[{own}]" if own is not None else _proxy_key(deployment, "version", "image")
            known = _FLAGS.get(name)
            if known is None:
                near = _nearest(name)
                yield Found(
                    f"no version of the routing sidecar knows {flag.spelling}",
                    key if deployment.sources else None,
                    group.object,
                    f"did you mean --{near}?" if near else "remove it",
                    "initContainers[routing-proxy].args",
                )
            elif version and (version[:2] < known[0] or (known[1] is not None and version[:2] >= known[1])):
                shown = ".".join(str(part) for part in version)
                since = f"it came with {known[0][0]}.{known[0][1]}" if version[:2] < known[0] else "it was removed"
                yield Found(
                    f"the routing sidecar {shown} does not know {flag.spelling}: {since}",
                    key if deployment.sources else None,
                    group.object,
                    f"write --{known[2]}" if known[2] else "remove it, or take another version of the image",
                    "initContainers[routing-proxy].args",
                )


def _nearest(name: str) -> str | None:
    return next(iter(difflib.get_close_matches(name, list(_FLAGS), n=1, cutoff=0.7)), None)


@rule(
    Severity.error,
    reason="The sidecar knows the connectors of its version only and ends at once with another.",
    link=_OPTIONS,
    failing=Example("routing: {proxy: {connector: lmcache}}", base="pd"),
    passing=Example("routing: {proxy: {connector: nixlv2}}", base="pd"),
)
def proxy_connector(deployment: Deployment) -> Iterator[Found]:
    """The routing sidecar's version knows the connector."""
    for group in deployment.servers:
        name = _connector(group)
        version = _version(deployment, group)
        if name is None or group.proxy is None:
            continue
        known = _CONNECTORS.get(name)
        if known and (not version or (version[:2] >= known[0] and (known[1] is None or version[:2] < known[1]))):
            continue
        fitting = [
            item
            for item, (first, end) in _CONNECTORS.items()
            if not version or (version[:2] >= first and (end is None or version[:2] < end))
        ]
        shown = ".".join(str(part) for part in version) if version else "sidecar"
        yield Found(
            f"the routing sidecar {shown} has no connector {name}",
            _proxy_key(deployment, "connector"),
            group.object,
            f"write one of {', '.join(fitting)}",
            "initContainers[routing-proxy].args",
        )


def _connector(group: PodGroup) -> str | None:
    if group.proxy_command is None:
        return None
    for name in ("kv-connector", "connector"):
        if group.proxy_command.has(name):
            return group.proxy_command.value(name)
    return "nixlv2"


@rule(
    Severity.error,
    reason="The sidecar tells the engines how to hand over the cache in the words of one connector; an engine with "
    "another ignores them and computes the prompt again.",
    link=_NIXL,
    failing=Example("routing: {proxy: {connector: mooncake}}", base="pd"),
    passing=Example(
        "{routing: {proxy: {connector: mooncake}}, engine: {args: {kv-transfer-config: "
        "{kv_connector: MooncakeConnector, kv_role: kv_both}}}}",
        base="pd",
    ),
)
def connector_mismatch(deployment: Deployment) -> Iterator[Found]:
    """Sidecar and engines use the same KV connector."""
    prefill = [group for group in deployment.role("prefill") if group.command.engine in ("vllm", "sglang")]
    if not prefill:
        return
    for group in deployment.role("decode"):
        name = _connector(group)
        if group.proxy is None or name is None or group.command.engine not in ("vllm", "sglang"):
            continue
        if group.command.engine == "sglang":
            if name != "sglang":
                yield Found(
                    f"the engine is SGLang, but the sidecar's connector is {name}",
                    _proxy_key(deployment, "connector"),
                    group.object,
                    "write sglang",
                    "initContainers[routing-proxy].args",
                )
            continue
        given = group.kv_connectors
        expected = _ENGINE_CONNECTORS.get(name)
        if expected and given and not set(given) & set(expected):
            key = _proxy_key(deployment, "connector")
            if deployment.sources and not deployment.sources.has("routing.proxy.connector"):
                key = deployment.flag_key(group, "kv-transfer-config") or key
            fitting = [sidecar for sidecar, engines in _ENGINE_CONNECTORS.items() if set(given) & set(engines)]
            yield Found(
                f"the sidecar's connector is {name}, but the engine's is {', '.join(given)}",
                key,
                group.object,
                f"write {' or '.join(fitting)} for the sidecar, or kv_connector: {expected[0]} for both engines"
                if fitting
                else f"write kv_connector: {expected[0]} for both engines",
                "containers[].args",
            )
        for other in prefill:
            theirs = other.kv_connectors
            if given and theirs and given[0] != theirs[0]:
                yield Found(
                    f"decode's KV connector is {given[0]}, prefill's {theirs[0]}",
                    deployment.flag_key(other, "kv-transfer-config"),
                    other.object,
                    f"write {given[0]} for both",
                    "containers[].args",
                )


@rule(
    Severity.error,
    reason="Without a KV connector the engines do not hand over the cache: every prompt is computed twice.",
    link="https://docs.vllm.ai/en/latest/features/disagg_prefill/",
    failing=Example("prefill: {engine: {args: {kv-transfer-config: null}}}", base="pd"),
    passing=Example("", base="pd"),
)
def kv_transfer_missing(deployment: Deployment) -> Iterator[Found]:
    """Prefill and decode engines have a KV connector."""
    prefill, decode = deployment.role("prefill"), deployment.role("decode")
    if not prefill or not decode:
        return
    for group in (*prefill, *decode):
        if group.proxy is None and not any(item.proxy is not None for item in decode):
            continue  # prefill-without-proxy says more
        if group.command.engine == "sglang" and not group.command.has("disaggregation-mode") and not group.headless:
            yield Found(
                f"{group.role} has no --disaggregation-mode, so nothing hands over the cache",
                deployment.with_key(f"{group.role}.engine.args", f"{group.role}.containers[0].args"),
                group.object,
                f"write {group.role}.engine.args.disaggregation-mode: {group.role}",
                "containers[].args",
            )
        if group.command.engine != "vllm" or group.command.has("kv-transfer-config") or group.requester:
            continue
        yield Found(
            f"{group.role} has no --kv-transfer-config, so nothing hands over the cache",
            deployment.with_key(f"{group.role}.engine.args", "engine.args", f"{group.role}.containers[0].args"),
            group.object,
            "write engine.args.kv-transfer-config: {kv_connector: NixlConnector, kv_role: kv_both}",
            "containers[].args",
        )


@rule(
    Severity.error,
    reason="NIXL gives each tensor rank of one role the cache of whole ranks of the other, so one size divides the "
    "other; before vLLM 0.14 decode cannot have the smaller one. The engines start, and every transfer fails.",
    link="https://github.com/vllm-project/vllm/pull/27274",
    failing=Example(
        "prefill: {parallelism: {tensor: 2}}\ndecode: {parallelism: {tensor: 3}}",
        base="pd",
    ),
    passing=Example(
        "prefill: {parallelism: {tensor: 2}}\ndecode: {parallelism: {tensor: 4}}",
        base="pd",
    ),
)
def transfer_tensor(deployment: Deployment) -> Iterator[Found]:
    """NIXL can hand the cache of prefill's tensor ranks to decode's."""
    pairs = [
        (first, second)
        for first in deployment.role("prefill")
        for second in deployment.role("decode")
        if all("NixlConnector" in group.kv_connectors and not group.headless for group in (first, second))
    ]
    for first, second in pairs:
        prefill, decode = first.tensor, second.tensor
        if not prefill or not decode or prefill == decode:
            continue
        engines = [_engine_version(deployment, group) for group in (first, second)]
        old = next((version for version in engines if version and version < (0, 14)), None)
        severity = None
        if max(prefill, decode) % min(prefill, decode):
            why, fix = "neither divides the other", f"write for instance tensor: {min(prefill, decode)} for both"
        elif prefill > decode and old:
            why = f"vLLM {old} cannot give the cache of a prefill rank to less than one decode rank"
            fix = f"write at most tensor: {decode} for prefill, or a newer engine"
        elif prefill > decode and not all(engines):
            why = "vLLM before 0.14 cannot do that, and the image's tag does not tell the version"
            fix = f"write at most tensor: {decode} for prefill, or --vllm-version of the engine"
            severity = Severity.warning
        else:
            continue
        yield Found(
            f"prefill has tensor parallel size {prefill}, decode {decode}: {why}",
            deployment.flag_key(first, "tensor-parallel-size")
            or deployment.with_key("prefill.parallelism.tensor", "decode.parallelism.tensor"),
            first.object,
            fix,
            "containers[].args",
            severity,
        )


@rule(
    Severity.error,
    reason="A decode rank of a pipeline holds some of the layers only, and NIXL has no transfers into such ranks: the "
    "engine ends when it starts, or never hears that a transfer is complete.",
    link="https://docs.vllm.ai/en/latest/features/nixl_connector_usage/",
    failing=Example("decode: {parallelism: {tensor: 1, pipeline: 2}}", base="pd"),
    passing=Example("decode: {parallelism: {tensor: 2}}", base="pd"),
)
def transfer_pipeline(deployment: Deployment) -> Iterator[Found]:
    """Decode receives its cache by NIXL without a pipeline."""
    if not deployment.role("prefill"):
        return
    for group in deployment.role("decode"):
        nixl = next((name for name in group.kv_connectors if name.startswith("Nixl")), None)
        size = group.pipeline
        if nixl and group.command.engine == "vllm" and size and size > 1:
            yield Found(
                f"decode has pipeline parallel size {size}, but {nixl} transfers into pods without a pipeline only",
                deployment.flag_key(group, "pipeline-parallel-size")
                or deployment.with_key("decode.parallelism.pipeline"),
                group.object,
                "write pipeline: 1 and a larger tensor parallel size, or data parallelism",
                "containers[].args",
            )


def _engine_version(deployment: Deployment, group: PodGroup) -> Version | None:
    """Return the version of vLLM as far as the user or the image's tag tells."""
    return deployment.vllm_version or vllm_version(str(group.engine.fields.get("image", "")))


@rule(
    Severity.error,
    reason="NIXL tells its peers where to fetch the cache. Its default is localhost, which in another pod is that pod.",
    link=_NIXL,
    failing=Example("decode: {engine: {env: {VLLM_NIXL_SIDE_CHANNEL_HOST: 0.0.0.0}}}", base="pd"),
    passing=Example("", base="pd"),
)
def nixl_host(deployment: Deployment) -> Iterator[Found]:
    """The NIXL side channel is announced under the pod's address."""
    if not deployment.role("prefill") or not deployment.role("decode"):
        return
    for group in (*deployment.role("prefill"), *deployment.role("decode")):
        if "NixlConnector" not in group.kv_connectors or group.command.engine != "vllm":
            continue
        host = group.engine.env.get("VLLM_NIXL_SIDE_CHANNEL_HOST")
        if _is_pod_address(host, group.engine.env) or (host is None and group.command.script):
            continue
        said = "is not set" if host is None else f"is {host!r}" if isinstance(host, str) else "is no pod address"
        key = deployment.env_key(group, "VLLM_NIXL_SIDE_CHANNEL_HOST")
        if host is None:
            key = deployment.with_key("engine.env", f"{group.role}.engine.env", f"{group.role}.containers[0].env")
            key = key or "engine.env"
        yield Found(
            f"VLLM_NIXL_SIDE_CHANNEL_HOST of {group.role} {said}, so the other role asks itself for the cache",
            key if deployment.sources else None,
            group.object,
            "write VLLM_NIXL_SIDE_CHANNEL_HOST: {valueFrom: {fieldRef: {fieldPath: status.podIP}}}",
            "containers[].env",
        )


@rule(
    Severity.info,
    reason="UCX, which carries NIXL's transfers, takes every device that it finds; a wrong one among them makes "
    "transfers slow, or answers senseless, without an error.",
    link="https://github.com/ai-dynamo/dynamo/issues/12463",
    failing=Example("engine: {resources: {limits: {rdma/ib: 1}}}", base="pd"),
    passing=Example("engine: {resources: {limits: {rdma/ib: 1}}, env: {UCX_NET_DEVICES: 'mlx5_0:1'}}", base="pd"),
)
def transfer_devices(deployment: Deployment) -> Iterator[Found]:
    """An engine with RDMA adapters says which of them carry the KV cache."""
    for group in (*deployment.role("prefill"), *deployment.role("decode")):
        if "NixlConnector" not in group.kv_connectors or group.command.script:
            continue
        adapters = [
            name
            for name in (group.engine.fields.get("resources") or {}).get("limits") or {}
            if name.startswith("rdma/")
        ]
        if adapters and not {"UCX_NET_DEVICES", "UCX_TLS"} & set(group.engine.env):
            yield Found(
                f"{group.role} has {adapters[0]}, but neither UCX_NET_DEVICES nor UCX_TLS says what transfers go over",
                deployment.with_key("engine.env", f"{group.role}.engine.env", f"{group.role}.containers[0].env"),
                group.object,
                "write UCX_NET_DEVICES and UCX_TLS; examples/presets/network has them",
                "containers[].env",
            )


def _is_pod_address(host: Any, variables: dict[str, Any]) -> bool:
    if isinstance(host, str) and host.startswith("$(") and host.endswith(")"):
        host = variables.get(host[2:-1])
    if isinstance(host, dict):
        return str((host.get("fieldRef") or {}).get("fieldPath", "")).startswith("status.podIP")
    return False


@rule(
    Severity.error,
    reason="The sidecar forwards every request to the engine's port. On another one nobody answers, and clients get "
    "502.",
    link=_OPTIONS,
    failing=Example("routing: {proxy: {args: [--model-server-port=8300]}}", base="pd"),
    passing=Example("routing: {proxy: {targetPort: 8300}}", base="pd"),
)
def proxy_engine_port(deployment: Deployment) -> Iterator[Found]:
    """The sidecar forwards to the port the engine listens on."""
    for group in deployment.servers:
        if group.proxy is None or group.proxy_command is None or group.headless or group.requester:
            continue
        name = next((item for item in ("model-server-port", "vllm-port") if group.proxy_command.has(item)), None)
        version = _version(deployment, group)
        target = group.proxy_command.number(name) if name else (8200 if version and version[:2] >= (0, 10) else 8001)
        engine = group.engine_port
        if target and engine and target != engine and group.command.flags_known:
            yield Found(
                f"the sidecar forwards to {target}, but the engine listens on {engine}",
                deployment.flag_key(group, "port") or _proxy_key(deployment, "args", "targetPort"),
                group.object,
                f"write --port {target} for the engine, or routing.proxy.targetPort: {engine}",
                "initContainers[routing-proxy].args",
            )
        ranks = group.proxy_command.number("data-parallel-size", 1)
        local = group.local_ranks if group.multi_port else 1
        if ranks and local and ranks != local and group.command.engine == "vllm":
            yield Found(
                f"the sidecar serves {ranks} data parallel ports, the engine {local}",
                _proxy_key(deployment, "args") or None,
                group.object,
                f"write --data-parallel-size={local} for the sidecar",
                "initContainers[routing-proxy].args",
            )


@rule(
    Severity.error,
    reason="Only the sidecar of a decode pod sends prompts to prefill pods. Without it they hold accelerators and get "
    "no request.",
    link="https://github.com/llm-d/llm-d/tree/main/guides/pd-disaggregation",
    failing=Example("routing: {proxy: {enabled: false}}", base="pd"),
    passing=Example("", base="pd"),
)
def prefill_without_proxy(deployment: Deployment) -> Iterator[Found]:
    """Where there is prefill, decode has the routing sidecar."""
    prefill, decode = deployment.role("prefill"), deployment.role("decode")
    serving = [group for group in decode if not group.headless and not group.requester]
    engines = {group.command.engine for group in (*prefill, *serving)}
    if (
        prefill
        and serving
        and all(group.proxy is None for group in serving)
        and engines & {"vllm", "sglang", "simulator"}
    ):
        yield Found(
            "there are prefill pods, but no decode pod has the sidecar that would send prompts to them",
            deployment.with_key("routing.proxy.enabled", "prefill.create"),
            serving[0].object,
            "write routing.proxy.enabled: true, or prefill.create: false",
            "spec.template.spec.initContainers",
        )
    if prefill and not decode:
        yield Found(
            "there are prefill pods but no decode pods: nothing generates tokens",
            deployment.with_key("decode.replicas", "decode.create"),
            prefill[0].object,
            "write decode.replicas: 1",
            "spec.replicas",
        )


@rule(
    Severity.info,
    reason="Without prefill the sidecar only forwards: one more process, and a second hop for every request.",
    link="https://github.com/llm-d/llm-d-router",
    failing=Example("prefill: {create: false}", base="pd"),
    passing=Example("", base="pd"),
)
def proxy_needless(deployment: Deployment) -> Iterator[Found]:
    """The sidecar is there for prefill."""
    decode = [group for group in deployment.role("decode") if group.proxy is not None]
    if decode and not deployment.role("prefill"):
        yield Found(
            "the routing sidecar has no prefill pods to send prompts to",
            _proxy_key(deployment, "enabled", "image"),
            decode[0].object,
            "write routing.proxy.enabled: false",
            "spec.template.spec.initContainers",
        )


@rule(
    Severity.error,
    reason="The endpoint picker scrapes metrics, and the gateway sends requests, in the clear unless the pool says "
    "otherwise; a sidecar with --secure-proxy answers TLS only, and its default is on.",
    link=_OPTIONS,
    failing=Example("routing: {proxy: {secure: true}}", base="pd"),
    passing=Example("routing: {proxy: {secure: false}}", base="pd"),
)
def proxy_tls(deployment: Deployment) -> Iterator[Found]:
    """The sidecar speaks TLS where its clients do."""
    for group in deployment.servers:
        command = group.proxy_command
        if command is None or (deployment.sources and deployment.value("routing.proxy.secure") is False):
            continue
        if command.value("secure-proxy") in ("false", "False", "0"):
            continue
        sure = any(pool.protocol in ("http", "kubernetes.io/h2c", "grpc") for pool in deployment.pools)
        monitored = any(
            (endpoint.get("scheme") or "http").lower() == "http"
            for monitor in deployment.kind("PodMonitor")
            for endpoint in (monitor.get("spec") or {}).get("podMetricsEndpoints") or []
        )
        yield Found(
            "the sidecar serves TLS"
            + ("" if command.has("secure-proxy") else " (its default)")
            + (
                ", but the pool speaks plain HTTP"
                if sure
                else ", but endpoint picker and gateway speak plain HTTP to pools"
            ),
            _proxy_key(deployment, "secure"),
            group.object,
            "write routing.proxy.secure: false, or re-encrypt at the gateway and suppress this rule",
            "initContainers[routing-proxy].args",
            None if sure or monitored or deployment.role("prefill") else Severity.warning,
        )


@rule(
    Severity.error,
    reason="A sidecar that speaks TLS to prefill pods without TLS fails for every prompt.",
    link=_OPTIONS,
    failing=Example("routing: {proxy: {prefillerUseTLS: true}}", base="pd"),
    passing=Example("routing: {proxy: {prefillerUseTLS: false}}", base="pd"),
)
def prefill_tls(deployment: Deployment) -> Iterator[Found]:
    """The sidecar speaks TLS to prefill pods that do."""
    prefill = deployment.role("prefill")
    for group in deployment.role("decode"):
        command = group.proxy_command
        if command is None or not prefill:
            continue
        uses = "prefiller" in (command.value("enable-tls") or "") or (
            command.has("prefiller-use-tls") and command.value("prefiller-use-tls") != "false"
        )
        for other in prefill:
            serves = other.command.has("ssl-certfile") or other.command.has("self-signed-certs")
            if uses != serves and other.command.engine in ("vllm", "simulator"):
                yield Found(
                    f"the sidecar speaks {'TLS' if uses else 'plain HTTP'} to prefill pods, which "
                    + ("have no --ssl-certfile" if uses else "serve TLS"),
                    _proxy_key(deployment, "prefillerUseTLS"),
                    other.object,
                    f"write routing.proxy.prefillerUseTLS: {'false' if uses else 'true'}, or change the prefill engine",
                    "containers[].args",
                )
