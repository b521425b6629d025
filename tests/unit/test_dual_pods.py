"""Dual pods of fast model actuation: the requester, and the server that its controller makes of the patch."""

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from localcluster.binaries import binary
from modelservice import facts
from modelservice.check.examples import findings
from modelservice.check.rule import Example, rules
from modelservice.errors import UsageError, ValuesError
from modelservice.helm import EmbeddedHelm
from modelservice.inputs import merge, read_values
from support.render import ROOT, Objects, Render

KNOWN = facts.fast_model_actuation()
DUAL: dict[str, Any] = {
    "requester": {"enable": True},
    "modelArtifacts": {"name": "org/model", "uri": "pvc://claim/path", "labels": {"llm-d.ai/model": "m"}},
    "engine": {"type": "vllm", "image": "vllm/vllm-openai:v0.32.0"},
    "prefill": {"create": False},
}
AMD = {
    "accelerator": {"type": "amd"},
    "engine": {"image": "rocm/vllm:v0.32.0"},
    "decode": {"parallelism": {"tensor": 2}, "nodeSelector": {"gpu": "mi300x"}, "replicas": 2},
}


def template(objects: Objects) -> dict[str, Any]:
    found: dict[str, Any] = objects.one("ReplicaSet")["spec"]["template"]
    return found


def patch(objects: Objects) -> str:
    """The server's patch, as the controller's Go template gives it."""
    text: str = template(objects)["metadata"]["annotations"][KNOWN.annotations.server_patch]
    return text.replace("{{`{{`}}", "{{")


def admitted(pod: dict[str, Any]) -> dict[str, Any]:
    """A requester's pod as the API server stores it: what is limited is requested too."""
    pod = copy.deepcopy(pod)
    for container in pod["spec"]["containers"]:
        resources = container["resources"]
        resources["requests"] = {**resources["limits"], **resources.get("requests", {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "r", **pod["metadata"]}, "spec": pod["spec"]}


def server(objects: Objects, folder: Path) -> dict[str, Any]:
    """The server's pod: the requester's without annotations, patched as Kubernetes does."""
    try:
        kubectl = binary("kubectl")
    except UsageError as error:
        pytest.skip(str(error))
    requester = admitted(template(objects))
    del requester["metadata"]["annotations"]
    (folder / "pod.json").write_text(json.dumps(requester), encoding="utf-8")
    arguments = [
        "--local",
        "-f",
        str(folder / "pod.json"),
        "--type=strategic",
        f"--patch={patch(objects)}",
        "-o",
        "json",
    ]
    done = subprocess.run([kubectl, "patch", *arguments], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


CASES: dict[str, dict[str, Any]] = {
    "an engine": {},
    "an engine of another vendor": AMD,
    "the image's entry point": {"engine": {"type": "simulator", "image": "ghcr.io/llm-d/llm-d-inference-sim:v0.10.2"}},
    "an engine with resources": {"engine": {"resources": {"limits": {"cpu": "16", "memory": "64Gi"}}}},
    "an engine with requests": {"engine": {"resources": {"requests": {"memory": "64Gi"}}}},
    "no stated type": {"engine": {"type": None, "modelCommand": "vllmServe"}},
    "a listed container": {
        "engine": {"type": None, "image": None},
        "decode": {"containers": [{"name": "vllm", "image": "vllm/vllm-openai:v0.32.0", "modelCommand": "vllmServe"}]},
    },
    "prefill": {"prefill": {"create": True}},
    "no accelerator": {"accelerator": {"type": "cpu"}},
    "braces": {"engine": {"args": {"chat-template": "/templates/{{ .Model }}.jinja"}}},
}


@pytest.mark.executable
@pytest.mark.parametrize("values", CASES.values(), ids=CASES)
def test_the_controller_finds_the_engine_in_the_servers_pod(
    render: Render, tmp_path: Path, values: dict[str, Any]
) -> None:
    objects = render(merge([DUAL, values]))
    spec = server(objects, tmp_path)["spec"]
    (engine,) = [container for container in spec["containers"] if container["name"] == KNOWN.container]
    assert spec["containers"] == [engine]
    assert "fast-model-actuation" not in engine["image"]
    assert "/app/requester" not in engine.get("command", [])
    assert engine.get("imagePullPolicy") != "Always"
    assert isinstance(engine["readinessProbe"]["httpGet"]["port"], int)
    assert engine["readinessProbe"]["httpGet"]["port"] != 8080
    assert "--enable-sleep-mode" in engine["args"]
    assert {"name": "VLLM_SERVER_DEV_MODE", "value": "1"} in engine["env"]


@pytest.mark.executable
@pytest.mark.parametrize("values", CASES.values(), ids=CASES)
def test_the_server_uses_no_accelerator_of_its_own_and_not_the_requesters_memory(
    render: Render, tmp_path: Path, values: dict[str, Any]
) -> None:
    own = ((values.get("engine") or {}).get("resources")) or {}
    (engine,) = server(render(merge([DUAL, values])), tmp_path)["spec"]["containers"]
    assert {kind: amounts for kind, amounts in engine["resources"].items() if amounts} == own


def test_braces_in_the_servers_pod_are_text(render: Render, embedded: EmbeddedHelm) -> None:
    objects = render(merge([DUAL, CASES["braces"]]))
    annotation = template(objects)["metadata"]["annotations"][KNOWN.annotations.server_patch]
    assert "/templates/{{`{{`}} .Model }}.jinja" in annotation
    assert findings(rules()["dual-pods-contract"], Example(manifests=yaml.safe_dump_all(objects.items)), embedded) == []


def test_a_pod_of_launchers_names_its_configuration(render: Render) -> None:
    annotations = template(render(merge([DUAL, {"requester": {"inferenceServerConfig": "granite"}}])))["metadata"][
        "annotations"
    ]
    assert annotations == {
        KNOWN.annotations.admin_port: "8081",
        KNOWN.annotations.inference_server_config: "granite",
    }


def test_the_controller_asks_the_requester_on_its_port(render: Render) -> None:
    found = template(render(merge([DUAL, {"requester": {"port": {"spi": 9091}}}])))
    assert found["metadata"]["annotations"][KNOWN.annotations.admin_port] == "9091"
    assert {"name": "SPI_PORT", "value": "9091"} in found["spec"]["containers"][0]["env"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"requester": {"adminPort": 9000}}, ["requester.adminPort", "requester.port.spi"]),
        ({"engine": {"readinessProbe": {"exec": {"command": ["true"]}}}}, ["requester.enable", "readiness probe"]),
        (
            {"engine": {"readinessProbe": {"httpGet": {"path": "/health", "port": "http"}}}},
            ["requester.enable", "number"],
        ),
        ({"engine": {"args": {"ssl-certfile": "/c", "ssl-keyfile": "/k"}}}, ["requester.enable", "TLS"]),
        (
            {
                "engine": {"type": "sglang", "image": "lmsysorg/sglang:v0.5.16"},
                "routing": {"proxy": {"enabled": False}},
            },
            ["requester.enable", "SGLang"],
        ),
    ],
)
def test_what_the_controller_could_not_serve_is_rejected(
    render: Render, values: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(ValuesError) as caught:
        render(merge([DUAL, values]))
    assert all(word in str(caught.value) for word in words), caught.value


def test_the_requester_holds_the_roles_accelerators_on_its_nodes(render: Render) -> None:
    objects = render(merge([DUAL, AMD]))
    pod = template(objects)["spec"]
    assert pod["containers"][0]["resources"]["limits"]["amd.com/gpu"] == "2"
    assert pod["nodeSelector"] == {"gpu": "mi300x"}
    assert objects.one("ReplicaSet")["spec"]["replicas"] == 2


def test_the_requesters_selector_carries_the_release(render: Render) -> None:
    replica_set = render(DUAL).one("ReplicaSet")
    selector = replica_set["spec"]["selector"]["matchLabels"]
    assert selector["app.kubernetes.io/instance"] == "test"
    assert selector.items() <= replica_set["spec"]["template"]["metadata"]["labels"].items()


def test_the_servers_patch_has_its_volumes_and_serving_labels(render: Render) -> None:
    found = yaml.safe_load(patch(render(DUAL)))
    labels = found["metadata"]["labels"]
    assert labels["app"] is None
    assert (labels["model-reg"], labels["model-repo"]) == ("model", "org")
    assert (labels["llm-d.ai/model"], labels["llm-d.ai/role"]) == ("m", "decode")
    assert "model-storage" in [volume["name"] for volume in found["spec"]["volumes"]]
    assert [container["name"] for container in found["spec"]["initContainers"]] == ["routing-proxy"]


def test_prefill_stays_a_deployment_beside_a_requester(render: Render) -> None:
    objects = render({"requester": {"enable": True}, "prefill": {"replicas": 1}})
    assert {kind for kind, _ in objects.kinds()} == {"ServiceAccount", "ReplicaSet", "Deployment"}


def test_the_example_keeps_the_contract(render: Render, embedded: EmbeddedHelm) -> None:
    objects = render(read_values(str(ROOT / "examples" / "values-requester.yaml")))
    example = Example(manifests=yaml.safe_dump_all(objects.items))
    assert [
        item
        for name in ("dual-pods-contract", "dual-pods-sleep")
        for item in findings(rules()[name], example, embedded)
    ] == []


SERVER = """\
metadata: {labels: {llm-d.ai/role: decode}}
spec:
  nodeSelector: {kubernetes.io/hostname: "{{ .NodeName }}"}
  volumes: [{name: v, persistentVolumeClaim: {claimName: {{ .LocalVolume }}}}]
  containers:
  - %s
"""


def requester(container: str, annotation: str = KNOWN.annotations.server_patch) -> str:
    pod = {
        "metadata": {"labels": {"app": "r"}, "annotations": {annotation: SERVER % container}},
        "spec": {"containers": [{"name": KNOWN.container, "image": "registry.example/requester:v1"}]},
    }
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "r"}}, "template": pod}
    return yaml.safe_dump({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "r"}, "spec": spec})


ENGINE = "image: 'vllm/vllm-openai:v0.32.0', args: [--model=o/m, --enable-sleep-mode]"
PROBE = "readinessProbe: {httpGet: {path: /health, port: 8000}}"


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        (f"{{name: inference-server, {ENGINE}, {PROBE}}}", []),
        (f"{{name: vllm, {ENGINE}, {PROBE}}}", ["no container inference-server"]),
        (f"{{name: inference-server, {ENGINE}}}", ["readiness probe"]),
        (f"{{name: inference-server, {ENGINE}, readinessProbe: {{tcpSocket: {{port: 8000}}}}}}", ["readiness probe"]),
        (f"{{name: inference-server, {ENGINE}, {PROBE.replace('8000', 'http')}}}", ["readiness probe"]),
    ],
)
def test_the_contract_in_manifests_of_others(embedded: EmbeddedHelm, container: str, expected: list[str]) -> None:
    found = findings(rules()["dual-pods-contract"], Example(manifests=requester(container)), embedded)
    assert len(found) == len(expected)
    assert all(word in finding.message for word, finding in zip(expected, found, strict=True))


def test_annotations_of_the_former_contract_are_found(embedded: EmbeddedHelm) -> None:
    former = KNOWN.annotations.server_patch.replace(KNOWN.annotations.prefix, KNOWN.annotations.former_prefix)
    manifests = requester(f"{{name: inference-server, {ENGINE}, {PROBE}}}", former)
    (finding,) = findings(rules()["dual-pods-contract"], Example(manifests=manifests), embedded)
    assert finding.fix == f"name it {KNOWN.annotations.server_patch}"
