"""What nodes decide: their network, adapters, volumes, architecture, slices and security standards."""

import json

import pytest

from modelservice.check.examples import findings
from modelservice.check.finding import Finding, Severity
from modelservice.check.rule import Example, rules
from modelservice.helm import EmbeddedHelm

GROUP = "multinode: true\ndecode: {parallelism: {data: 1, tensor: 8, pipeline: 2, workers: 2}, sharedMemory: {enabled: true}"


def found(embedded: EmbeddedHelm, name: str, values: str, base: str = "single", nodes: str = "") -> list[Finding]:
    """What a rule finds in values."""
    return list(findings(rules()[name], Example(values, base=base, nodes=nodes), embedded))


def severities(findings: list[Finding]) -> list[str]:
    """How severe findings are."""
    return [str(finding.severity) for finding in findings]


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        ("hostNetwork: true", ["error"]),
        ("hostNetwork: true, dnsPolicy: Default", ["error"]),
        ("hostNetwork: true, dnsPolicy: ClusterFirstWithHostNet", []),
        ("hostNetwork: true, dnsPolicy: None, dnsConfig: {nameservers: [10.0.0.10]}", []),
        ("hostNetwork: false", []),
    ],
)
def test_a_group_in_the_network_of_its_nodes_finds_its_leader(
    embedded: EmbeddedHelm, pod: str, expected: list[str]
) -> None:
    found_in_group = found(embedded, "host-network-dns", GROUP + f", extraConfig: {{{pod}}}}}")
    assert set(severities(found_in_group)) == set(expected)


def test_a_pod_that_needs_no_name_is_only_warned_of(embedded: EmbeddedHelm) -> None:
    assert severities(found(embedded, "host-network-dns", "decode: {extraConfig: {hostNetwork: true}}")) == ["warning"]
    chosen = "decode: {extraConfig: {hostNetwork: true, dnsPolicy: Default}}"
    assert found(embedded, "host-network-dns", chosen) == []


@pytest.mark.parametrize(
    ("prefill", "expected"),
    [
        # Both declare port 8000 or 8200, so the scheduler keeps them apart.
        ("", []),
        ("engine: {args: {port: 8100}, ports: [{name: http, containerPort: 8100}]}", ["warning"]),
        (
            "engine: {args: {port: 8100}, ports: [{name: http, containerPort: 8100}]}, "
            "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
            "[{topologyKey: kubernetes.io/hostname, labelSelector: {}}]}}",
            [],
        ),
    ],
)
def test_roles_on_one_node_need_different_undeclared_ports(
    embedded: EmbeddedHelm, prefill: str, expected: list[str]
) -> None:
    network = "extraConfig: {hostNetwork: true, dnsPolicy: ClusterFirstWithHostNet}"
    own = "engine: {ports: [{name: http, containerPort: 8000}]}, " if not prefill else ""
    values = f"{{decode: {{{network}}}, prefill: {{{own}{network}{', ' if prefill else ''}{prefill}}}}}"
    assert severities(found(embedded, "host-network-ports", values, base="pd")) == expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("GLOO_SOCKET_IFNAME", "^lo,docker", ["error"]),
        ("GLOO_SOCKET_IFNAME", "=eth0", ["error"]),
        ("GLOO_SOCKET_IFNAME", "an-interface-name-too-long", ["error"]),
        ("GLOO_SOCKET_IFNAME", "eth0", []),
        ("GLOO_SOCKET_IFNAME", "eth0,eth1", []),  # PyTorch takes a list
        ("GLOO_SOCKET_IFNAME", "$(INTERFACE)", []),
        ("NCCL_SOCKET_IFNAME", "^lo,docker", []),
        ("VLLM_NIXL_SIDE_CHANNEL_PORT", "tcp://10.0.0.1:5600", ["warning"]),
        ("VLLM_USE_DEEP_GEMM", "true", ["warning"]),
        ("VLLM_USE_DEEP_GEMM", "1", []),
        ("VLLM_HTTP_TIMEOUT_KEEP_ALIVE", "90s", ["warning"]),
        ("VLLM_LOGGING_LEVEL", "debug", []),
    ],
)
def test_a_variable_has_the_form_that_its_reader_knows(
    embedded: EmbeddedHelm, name: str, value: str, expected: list[str]
) -> None:
    values = f"engine: {{env: {{{name}: {json.dumps(value)}}}}}"
    assert severities(found(embedded, "variable-form", values)) == expected


def test_what_vllm_reads_is_nothing_to_another_engine(embedded: EmbeddedHelm) -> None:
    values = "engine: {type: sglang, image: 'lmsysorg/sglang:v0.5.9', modelCommand: sglangServe, env: {%s}}"
    assert found(embedded, "variable-form", values % "VLLM_USE_DEEP_GEMM: 'true'") == []
    assert severities(found(embedded, "variable-form", values % "GLOO_SOCKET_IFNAME: ^lo")) == ["error"]


@pytest.mark.parametrize(
    ("adapter", "transports", "expected"),
    [
        ("rdma/ib", "tcp", ["warning", "warning"]),
        ("rdma/roce_gdr", "tcp,cuda_ipc,cuda_copy", ["warning", "warning"]),
        ("rdma/ib", "rc,tcp", []),
        ("rdma/ib", "all", []),
        ("rdma/ib", "^tcp", []),
        ("rdma/ib", "a_new_transport,tcp", []),
        ("example.com/nic", "tcp", []),
    ],
)
def test_adapters_are_used(embedded: EmbeddedHelm, adapter: str, transports: str, expected: list[str]) -> None:
    values = f"engine: {{resources: {{limits: {{{adapter}: 1}}}}, env: {{UCX_TLS: '{transports}'}}}}"
    assert severities(found(embedded, "rdma-unused", values, base="pd")) == expected


CLAIM = """\
modelArtifacts: {uri: 'pvc://models/qwen3'}
%s
extraObjects:
- apiVersion: v1
  kind: PersistentVolumeClaim
  metadata: {name: models}
  spec: {accessModes: [%s], resources: {requests: {storage: 100Gi}}}
"""
SCALED = (
    "decode: {autoscaling: {enabled: true, type: keda, maxReplicas: 4, targetActiveRequests: 32, "
    "prometheus: {serverAddress: 'http://prometheus:9090'}}}"
)
EIGHT = "pools: [{name: h100, count: 2, resources: {cpu: '64', memory: 1Ti, nvidia.com/gpu: '8'}}]"


@pytest.mark.parametrize(
    ("decode", "modes", "nodes", "expected"),
    [
        ("decode: {replicas: 1}", "ReadWriteOnce", "", []),
        ("decode: {replicas: 2}", "ReadWriteOnce", "", ["warning"]),
        ("decode: {replicas: 2}", "ReadWriteOncePod", "", ["error"]),
        ("decode: {replicas: 2}", "'ReadWriteOnce', 'ReadOnlyMany'", "", []),
        (SCALED, "ReadWriteOnce", "", ["warning"]),
        (GROUP + "}", "ReadWriteOnce", "", ["warning"]),
        (GROUP + "}", "ReadWriteOnce", EIGHT, ["error"]),
        ("decode: {replicas: 2, parallelism: {tensor: 2}}", "ReadWriteOnce", EIGHT, ["warning"]),
        (GROUP + "}", "ReadWriteMany", EIGHT, []),
    ],
)
def test_a_claim_of_several_pods_allows_several_nodes(
    embedded: EmbeddedHelm, decode: str, modes: str, nodes: str, expected: list[str]
) -> None:
    reported = found(embedded, "claim-of-one-node", CLAIM % (decode, modes), nodes=nodes)
    assert sorted(set(severities(reported))) == expected
    assert all("accessModes" in str(finding.fix) for finding in reported)


RESTRICTED = """\
decode: {podSecurityContext: {runAsNonRoot: true, runAsUser: 1000, seccompProfile: {type: RuntimeDefault}}}
engine:
  securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL], add: [%s]}}
"""
NAMESPACE = (
    "{apiVersion: v1, kind: Namespace, metadata: {name: default, labels: {pod-security.kubernetes.io/enforce: %s}}}"
)


@pytest.mark.parametrize(
    ("values", "standard", "expected"),
    [
        (RESTRICTED % "IPC_LOCK", "", ["warning"]),
        (RESTRICTED % "NET_BIND_SERVICE", "", []),
        (RESTRICTED % "IPC_LOCK", "restricted", ["error"]),
        (RESTRICTED % "IPC_LOCK", "privileged", []),
        (RESTRICTED % "CHOWN", "baseline", []),
        ("engine: {securityContext: {capabilities: {add: [IPC_LOCK]}}}", "", []),
        ("engine: {securityContext: {capabilities: {add: [SYS_RAWIO]}}}", "baseline", ["error"]),
    ],
)
def test_added_capabilities_are_those_that_the_namespace_allows(
    embedded: EmbeddedHelm, values: str, standard: str, expected: list[str]
) -> None:
    nodes = NAMESPACE % standard if standard else ""
    assert severities(found(embedded, "capability-beyond-standard", values, nodes=nodes)) == expected


@pytest.mark.parametrize("field", ["hostNetwork", "hostPID", "hostIPC"])
def test_a_namespace_of_the_node_is_reported(embedded: EmbeddedHelm, field: str) -> None:
    (finding,) = found(embedded, "privileged", f"decode: {{extraConfig: {{{field}: true}}}}")
    assert field in finding.message
    assert finding.severity == Severity.warning


MIXED = """\
pools:
- {name: grace, labels: {kubernetes.io/arch: arm64}, resources: {cpu: "64", memory: 1Ti, nvidia.com/gpu: "4"}}
- {name: head, labels: {kubernetes.io/arch: amd64}, resources: {cpu: "64", memory: 1Ti}}
"""


@pytest.mark.parametrize(
    ("values", "nodes", "expected"),
    [
        ("engine: {image: 'vllm/vllm-openai:v0.32.0-aarch64'}", MIXED, []),
        ("engine: {image: 'vllm/vllm-openai:v0.32.0-x86_64'}", MIXED, ["error"]),
        ("engine: {image: 'vllm/vllm-openai:v0.32.0'}", MIXED, []),
        ("engine: {image: 'example.com/amd64/vllm-openai:v0.32.0'}", MIXED, []),  # the folder says nothing
        ("engine: {image: 'vllm/vllm-openai:v0.32.0-x86_64'}", "", []),
        ("engine: {image: 'vllm/vllm-openai:v0.32.0-x86_64'}", EIGHT, []),
        (
            "{engine: {image: 'vllm/vllm-openai:v0.32.0-aarch64'}, decode: {nodeSelector: {kubernetes.io/arch: amd64}}}",
            "",
            ["error"],
        ),
    ],
)
def test_an_image_runs_on_the_architecture_of_its_nodes(
    embedded: EmbeddedHelm, values: str, nodes: str, expected: list[str]
) -> None:
    assert severities(found(embedded, "image-architecture", values, nodes=nodes)) == expected


@pytest.mark.parametrize(
    ("chips", "topology", "expected"),
    [
        (8, "4x4", ["warning"]),
        (4, "4x4", ["warning"]),
        (4, "2x4", ["warning"]),
        (8, "2x4", []),
        (1, "1x1", []),
        (4, "2x2x1", []),
        (8, "2x2", ["error"]),
        (4, "any", []),
    ],
)
def test_a_pod_requests_the_chips_of_a_host(
    embedded: EmbeddedHelm, chips: int, topology: str, expected: list[str]
) -> None:
    values = (
        f"{{accelerator: {{type: google, count: {chips}}}, engine: {{image: 'vllm/vllm-tpu:v0.18.0'}}, "
        f"decode: {{nodeSelector: {{cloud.google.com/gke-tpu-topology: {topology}}}}}}}"
    )
    assert severities(found(embedded, "slice-topology", values)) == expected


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (["StorageClass/filestore", "PersistentVolume/other"], ["error"]),
        (["StorageClass/filestore"], ["warning"]),  # whether there is a volume of the class is not known
        (["StorageClass/lustre", "PersistentVolume/other"], []),
        (["StorageClass/filestore", "PersistentVolume/lustre"], []),
        (["Node/n"], []),
    ],
)
def test_a_claim_has_a_class_or_a_volume(embedded: EmbeddedHelm, kinds: list[str], expected: list[str]) -> None:
    items = [
        {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "spec": {"storageClassName": name}}
        for kind, _, name in (item.partition("/") for item in kinds)
    ]
    nodes = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    values = CLAIM.replace("accessModes", "storageClassName: lustre, accessModes") % ("", "ReadWriteMany")
    assert severities(found(embedded, "storage-class-missing", values, nodes=nodes)) == expected
