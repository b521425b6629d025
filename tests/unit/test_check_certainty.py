"""An error is certain: what is not known, or cannot be seen, is no error."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelservice.check.finding import Finding, Severity
from modelservice.check.runner import run, sound
from modelservice.helm import EmbeddedHelm, Release
from modelservice.model.cluster import Inventory
from modelservice.model.deployment import Deployment
from modelservice.model.pool import pools_of, read_pool

Object = dict[str, Any]

VLLM = "vllm/vllm-openai:v0.32.0"
ONE_GPU = {"limits": {"nvidia.com/gpu": 1}}


def pods(
    name: str = "decode", *, image: str = VLLM, namespace: str = "", labels: Object | None = None, **container: Any
) -> Object:
    """A Deployment of an engine."""
    own = {"app": name, **(labels or {})}
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    listed = {"name": "engine", "image": image, "resources": ONE_GPU, **container}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
        "spec": {"replicas": 1, "selector": {"matchLabels": own},
                 "template": {"metadata": {"labels": own}, "spec": {"containers": [listed]}}},
    }  # fmt: skip


def found(*objects: Object) -> list[Finding]:
    """What check finds in a stream of objects."""
    kept, unread = sound(objects, "stream")
    return [*unread, *run([Deployment("stream", kept)])]


def severities(findings: list[Finding], rule: str) -> set[str]:
    return {finding.severity.value for finding in findings if finding.rule == rule}


def errors(*objects: Object) -> list[str]:
    return [f"{item.rule}: {item.message}" for item in found(*objects) if item.severity is Severity.error]


FLAGS = [
    # A release of vLLM whose arguments are known exactly: certain.
    (VLLM, "--max-modle-len", {"error"}),
    (VLLM, "--of-nobody", {"error"}),
    ("registry.example.com:5000/mirror/vllm-openai:v0.32.0@sha256:" + "0" * 64, "--max-modle-len", {"error"}),
    # A version between or beyond the known ones.
    ("vllm/vllm-openai:v0.8.5", "--max-modle-len", {"info"}),
    ("vllm/vllm-openai:v0.19.7", "--max-modle-len", {"info"}),
    ("vllm/vllm-openai:v0.99.0", "--of-tomorrow", {"info"}),
    # A version that the image does not tell: a letter or two are a slip, a resemblance is suspicious, any other flag may
    # be new.
    ("vllm/vllm-openai:latest", "--max-modle-len", {"error"}),
    ("vllm/vllm-openai:latest", "--tensor-parallelism", {"warning"}),
    ("vllm/vllm-openai:latest", "--mem-fraction-static", {"error"}),
    ("vllm/vllm-openai:nightly", "--of-tomorrow", {"info"}),
    ("vllm/vllm-openai@sha256:" + "0" * 64, "--of-tomorrow", {"info"}),
    ("registry.example.com/team/server:7", "--of-tomorrow", {"info"}),
    # Numbers of another product, and other distributions.
    ("lmcache/vllm-openai:v0.3.9", "--of-tomorrow", {"info"}),
    ("vllm/vllm-omni:v0.18.0", "--omni", {"info"}),
    # Builds from changed sources.
    ("rocm/vllm:rocm7.0.0_vllm_0.11.2_20251210", "--shutdown-timeout", {"warning"}),
    ("rocm/vllm:rocm7.0.0_vllm_0.11.2_20251210", "--of-the-fork", {"info"}),
    ("ghcr.io/llm-d/llm-d-cpu:v0.4.0", "--max-modle-len", {"error"}),
    ("ghcr.io/llm-d/llm-d-cuda:v0.4.0", "--of-the-fork", {"info"}),
]


@pytest.mark.parametrize(("image", "flag", "expected"), FLAGS)
def test_an_unknown_flag_is_an_error_only_of_a_known_release(image: str, flag: str, expected: set[str]) -> None:
    findings = found(pods(image=image, command=["vllm", "serve", "org/model", flag, "1"]))
    assert severities(findings, "engine-flag-unknown") == expected


@pytest.mark.parametrize("image", [image for image, _, expected in FLAGS if expected != {"error"}])
def test_that_a_version_is_not_certain_is_said(image: str) -> None:
    messages = [
        item.message for item in found(pods(image=image, command=["vllm", "serve", "o/m", "--max-modle-len", "1"]))
    ]
    assert any(word in message for message in messages for word in ("not tell", "not known", "changed sources"))


@pytest.mark.parametrize(
    ("flag", "value", "expected"),
    [
        ("--max-num-seqs", "many", {"error"}),
        ("--kv-transfer-config", "{", {"error"}),
        ("--dtype", "float13", {"warning"}),
    ],
)
@pytest.mark.parametrize("image", ["vllm/vllm-openai:latest", "rocm/vllm:rocm7.0.0_vllm_0.11.2_20251210"])
def test_a_newer_version_may_have_more_choices_but_no_other_type(
    image: str, flag: str, value: str, expected: set[str]
) -> None:
    findings = found(pods(image=image, command=["vllm", "serve", "org/model", flag, value]))
    assert severities(findings, "engine-flag-value") == expected


MANY = {"limits": {"nvidia.com/gpu": 8}}
UNSEEN = {
    "a file of flags": ["vllm", "serve", "org/model", "--config", "/etc/vllm.yaml"],
    "options of the container": ["/bin/sh", "-c", "exec vllm serve org/model $OPTIONS"],
    "an option that may be none": [
        "/bin/bash",
        "-c",
        "vllm serve o/m --port 8000 ${SIZE:+--tensor-parallel-size=$SIZE}",
    ],
}


@pytest.mark.parametrize("command", UNSEEN.values(), ids=UNSEEN.keys())
def test_a_flag_that_cannot_be_seen_is_not_missing(command: list[str]) -> None:
    assert errors(pods(command=command, resources=MANY, ports=[{"containerPort": 9000}])) == []


def test_a_flag_of_the_command_line_is_missing_where_all_are_seen() -> None:
    assert errors(pods(command=["vllm", "serve", "org/model"], resources=MANY))


def group(image: str, *flags: str) -> Object:
    """A LeaderWorkerSet of two pods with eight GPUs each, over which a script spreads the engine."""
    serve = "python3 -m vllm.entrypoints.openai.api_server --model org/model --tensor-parallel-size 8"
    script = " ".join([serve, "--pipeline-parallel-size 2", *flags])
    template = {
        "spec": {"containers": [{"name": "e", "image": image, "command": ["sh", "-c", script], "resources": MANY}]}
    }
    return {
        "apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet", "metadata": {"name": "group"},
        "spec": {"leaderWorkerTemplate": {"size": 2, "leaderTemplate": template, "workerTemplate": {
            "spec": {"containers": [{"name": "e", "image": image, "command": ["sh", "-c", "join"], "resources": MANY}]}}}},
    }  # fmt: skip


def test_an_old_engine_takes_ray_for_the_ranks_of_its_group() -> None:
    assert errors(group("vllm/vllm-openai:v0.8.5")) == []
    assert errors(group(VLLM, "--distributed-executor-backend ray")) == []


def test_a_new_engine_is_told_how_to_run_over_its_group() -> None:
    (finding,) = [item for item in found(group(VLLM)) if item.rule == "accelerator-count"]
    assert finding.fix == "set --nnodes 2 with its rank and address, or --distributed-executor-backend ray"


EVENTS: Object = {
    "command": ["vllm", "serve", "o/m"],
    "ports": [{"containerPort": 8000}, {"name": "events", "containerPort": 5557}],
}


@pytest.mark.parametrize("target", [5557, "events"])
def test_a_service_may_send_to_a_further_port_that_the_engine_declares(target: int | str) -> None:
    ports = [{"port": 5557, "targetPort": target}]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s"},
        "spec": {"selector": {"app": "decode"}, "ports": ports},
    }
    assert errors(pods(**EVENTS), service) == []
    ports[0]["targetPort"] = 5558
    assert len(errors(pods(**EVENTS), service)) == 1


def test_equal_port_names_are_rejected_in_one_container_only() -> None:
    ports = [{"name": "http", "containerPort": 8000}, {"name": "http", "containerPort": 8001}]
    assert severities(found(pods(ports=ports)), "port-name") == {"error"}
    both = pods(ports=ports[:1])
    both["spec"]["template"]["spec"]["containers"].append({"name": "other", "image": "web:1", "ports": ports[1:]})
    assert severities(found(both), "port-name") == {"warning"}


FOREIGN = {
    "containers deep inside": {"roles": [{"template": {"spec": {"containers": [{"name": "e", "image": VLLM}]}}}]},
    "a template that is none of pods": {"template": {"spec": {"roles": [{"name": "decode"}]}}},
    "nothing that looks like pods": {"preset": {"name": "model"}},
    "fields of other types": {"replicas": "many", "template": []},
}


@pytest.mark.parametrize("spec", FOREIGN.values(), ids=FOREIGN.keys())
def test_of_a_kind_of_another_project_it_is_said_that_nothing_was_checked(spec: Object) -> None:
    obj = {"apiVersion": "serving.example.com/v1", "kind": "ModelGraph", "metadata": {"name": "x"}, "spec": spec}
    (finding,) = found(obj)
    assert finding.severity is Severity.info
    assert "ModelGraph" in f"{finding.message}"


def test_what_is_filled_in_later_is_not_judged() -> None:
    assert errors({**pods(), "spec": {**pods()["spec"], "replicas": "${REPLICAS}"}}) == []
    assert errors(pods(image="${IMAGE}")) == []


def test_an_object_may_get_its_name_from_the_server() -> None:
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"generateName": "load-"}, "spec": pods()["spec"]}
    assert errors(job, job) == []


# --- Several releases in one stream -------------------------------------------------------------


def release(embedded: EmbeddedHelm, name: str, model: str, **more: Any) -> list[Object]:
    """What the chart renders for a model with its own pool."""
    values = {
        "modelArtifacts": {"name": model, "uri": f"hf://{model}", "size": "100Gi", "labels": {"llm-d.ai/model": name}},
        "engine": {"image": VLLM, "modelCommand": "vllmServe", "args": {
            "kv-transfer-config": {"kv_connector": "NixlConnector", "kv_role": "kv_both"}},
            "env": {"VLLM_NIXL_SIDE_CHANNEL_HOST": {"valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}}},
        "routing": {"proxy": {"image": "ghcr.io/llm-d/llm-d-router-disagg-sidecar:v0.10.0"},
                    "inferencePool": {"create": True},
                    "epp": {"create": True, "image": "ghcr.io/llm-d/llm-d-router-endpoint-picker:v0.10.0"}},
        "prefill": {"replicas": 1},
        **more,
    }  # fmt: skip
    return [
        json.loads(json.dumps(obj))
        for obj in embedded.render(values, Release("x" if "nameOverride" in more else name)).objects
    ]


STREAMS = {
    "two releases": ({}, {}),
    "two aliases of an umbrella chart": ({"nameOverride": "first"}, {"nameOverride": "second"}),
    "different parallelism": (
        {"decode": {"parallelism": {"tensor": 3}}, "prefill": {"replicas": 1, "parallelism": {"tensor": 3}}},
        {},
    ),
}


@pytest.mark.parametrize("more", STREAMS.values(), ids=STREAMS.keys())
def test_releases_of_one_stream_are_judged_one_by_one(embedded: EmbeddedHelm, more: tuple[Object, Object]) -> None:
    objects = [
        *release(embedded, "first", "org/first-8B", **more[0]),
        *release(embedded, "second", "org/second-32B", **more[1]),
    ]
    assert errors(*objects) == []
    assert errors(*reversed(objects)) == []


def test_a_mistake_in_one_of_several_releases_is_found(embedded: EmbeddedHelm) -> None:
    objects = [*release(embedded, "first", "org/first-8B"), *release(embedded, "second", "org/second-32B")]
    for obj in objects:
        if obj["kind"] == "InferencePool" and obj["metadata"]["name"].startswith("second"):
            obj["spec"]["selector"]["matchLabels"] = {"llm-d.ai/model": "secnd", "app.kubernetes.io/instance": "second"}
    assert {line.partition(":")[0] for line in errors(*objects)} == {"pool-selector"}


def test_roles_that_differ_are_of_one_release() -> None:
    """A prefill Deployment of another model belongs to the only decode Deployment there is."""
    transfer = ["--kv-transfer-config", '{"kv_connector": "NixlConnector", "kv_role": "kv_both"}']
    roles = [
        pods(role, labels={"llm-d.ai/role": role}, command=["vllm", "serve", f"org/{role}", *transfer])
        for role in ("prefill", "decode")
    ]
    assert any(line.startswith("roles-differ: prefill runs with --model") for line in errors(*roles))


def test_a_picker_reads_the_configuration_that_its_pods_mount() -> None:
    def picker(name: str) -> list[Object]:
        config = f"apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\nplugins: [{{type: {name}-scorer}}]\n"
        workload = pods(
            name, image="ghcr.io/llm-d/llm-d-router-endpoint-picker:v0.10.0", args=["--config-file=/config/a.yaml"]
        )
        workload["spec"]["template"]["spec"]["volumes"] = [{"name": "config", "configMap": {"name": name}}]
        pool = {
            "endpointPickerRef": {"name": name},
            "selector": {"matchLabels": {"app": "x"}},
            "targetPorts": [{"number": 1}],
        }
        return [
            workload,
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a.yaml": config}},
            {
                "apiVersion": "inference.networking.k8s.io/v1",
                "kind": "InferencePool",
                "metadata": {"name": name},
                "spec": pool,
            },
        ]

    read = {
        pool.name: pool.picker.plugin_types for pool in pools_of([*picker("first"), *picker("second")]) if pool.picker
    }
    assert read == {"first": {"first-scorer"}, "second": {"second-scorer"}}


def test_the_time_for_a_stream_grows_with_its_length() -> None:
    def seconds(number: int) -> float:
        objects = []
        for index in range(number):
            labels = {"app.kubernetes.io/instance": f"r{index}"}
            objects.append(pods(f"r{index}", labels=labels, command=["vllm", "serve", f"org/m{index}"]))
            spec = {"selector": {"matchLabels": labels}, "targetPorts": [{"number": 8000}]}
            objects.append(
                {
                    "apiVersion": "inference.networking.k8s.io/v1",
                    "kind": "InferencePool",
                    "metadata": {"name": f"r{index}"},
                    "spec": spec,
                }
            )
            objects.append(
                {
                    "apiVersion": "v1",
                    "kind": "Service",
                    "metadata": {"name": f"r{index}"},
                    "spec": {"selector": labels, "ports": [{"port": 8000}]},
                }
            )
        start = time.process_time()
        assert errors(*objects) == []
        return time.process_time() - start

    seconds(10)
    assert seconds(320) < 12 * seconds(80)


# --- A cluster with the release in it -----------------------------------------------------------

NODE: Object = {
    "kind": "Node",
    "metadata": {"name": "n"},
    "status": {"allocatable": {"cpu": "64", "memory": "1Ti", "pods": "110", "nvidia.com/gpu": "8"}},
}
QUOTA: Object = {"kind": "ResourceQuota", "metadata": {"name": "q", "namespace": "default"}, "spec": {"hard": {"requests.nvidia.com/gpu": "8"}},
         "status": {"used": {"requests.nvidia.com/gpu": "8"}}}  # fmt: skip
EIGHT: Object = {"resources": {"limits": {"nvidia.com/gpu": 8}, "requests": {"nvidia.com/gpu": 8}},
         "command": ["vllm", "serve", "org/model", "--tensor-parallel-size", "8"]}  # fmt: skip


def running(labels: dict[str, str], namespace: str = "default") -> Object:
    """A pod that holds the node's accelerators."""
    container = {"name": "e", "resources": {"requests": {"nvidia.com/gpu": "8"}}}
    return {
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": namespace, "labels": labels},
        "spec": {"nodeName": "n", "containers": [container]},
    }


@pytest.mark.parametrize(
    ("labels", "namespace", "fits"),
    [
        ({"app": "decode", "pod-template-hash": "1"}, "default", True),
        ({"app": "decode"}, "other", False),
        ({"app": "web"}, "default", False),
    ],
)
def test_the_pods_that_an_upgrade_replaces_make_room(labels: dict[str, str], namespace: str, fits: bool) -> None:
    objects = (NODE, QUOTA, running(labels, namespace))
    deployment = Deployment("x", [pods(**EIGHT)])
    deployment.cluster = Inventory("the cluster", objects, frozenset({"Node"})).without(deployment.own_pods)
    rules = {item.rule for item in run([deployment]) if item.severity is Severity.error}
    assert rules == (set() if fits else {"pod-does-not-fit", "quota-exceeded"})


def test_pods_of_a_group_are_known_by_the_label_of_their_leaderworkerset() -> None:
    (selector,) = {json.dumps(item[1]) for item in Deployment("x", [group(VLLM)]).own_pods}
    assert yaml.safe_load(selector) == {"leaderworkerset.sigs.k8s.io/name": "group"}


SHORT = [
    ({"cpu": "96"}, "set at most 64 in engine.resources.requests.cpu, or add nodes with more"),
    ({"memory": "2Ti"}, "set at most 1024Gi in engine.resources.requests.memory, or add nodes with more"),
    ({"rdma/ib": 1}, "add nodes that have rdma/ib, or remove it from the requests"),
    ({"nvidia.com/gpu": 16}, "use fewer accelerators per pod, or add nodes with more of them"),
]


@pytest.mark.parametrize(("amounts", "fix"), SHORT)
def test_the_fix_is_about_the_resource_that_no_node_has(amounts: dict[str, object], fix: str) -> None:
    deployment = Deployment("x", [pods(resources={"limits": {"nvidia.com/gpu": 1, **amounts}})])
    deployment.cluster = Inventory("the cluster", (NODE,), frozenset({"Node"}))
    (finding,) = [item for item in run([deployment]) if item.rule == "pod-does-not-fit"]
    assert finding.fix == fix


def test_a_secret_is_proposed_only_where_it_has_the_key() -> None:
    secrets = {"sh.helm.release.v1.a.v1": "release", "other": "user", "mine": "TOKEN"}
    objects = tuple(
        {"kind": "Secret", "metadata": {"name": name, "namespace": "default"}, "data": {key: ""}}
        for name, key in secrets.items()
    )
    token = {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "absent", "key": "TOKEN"}}}
    deployment = Deployment("x", [pods(env=[token])], cluster=Inventory("the cluster", objects, frozenset({"Secret"})))
    (finding,) = [item for item in run([deployment]) if item.rule == "reference-missing"]
    assert finding.fix == "create it, or set one of mine"


@pytest.mark.parametrize(
    ("selector", "ports", "expected"),
    [
        ("app=decode", 8000, set()),
        ("app == decode, app!=web", "8000", set()),
        ("app=web", 8000, {"pool-selector"}),
        ("app=decode", "8000,8001", {"pool-port"}),
    ],
)
def test_a_picker_without_a_pool_selects_pods_by_itself(
    tmp_path: Path, selector: str, ports: int | str, expected: set[str]
) -> None:
    server = {"createInferencePool": False, "endpointSelector": selector, "targetPorts": ports}
    (tmp_path / "pool.yaml").write_text(yaml.safe_dump({"inferenceExtension": {"endpointsServer": server}}))
    pools = read_pool(str(tmp_path / "pool.yaml")).pools
    deployment = Deployment("x", [pods(command=["vllm", "serve", "org/model"])], given_pools=pools)
    assert {item.rule for item in run([deployment]) if item.severity is Severity.error} == expected
