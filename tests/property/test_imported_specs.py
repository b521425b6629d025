"""Specs that nobody wrote, from the systems' own schemas: an import gives values that render, or says what is wrong."""

import json
import re
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from modelservice.errors import ModelserviceError
from modelservice.importers import import_files
from modelservice.importers.imported import Imported
from modelservice.importers.source.fields import Field
from modelservice.importers.systems.dynamo.fields import ALPHA, BETA
from modelservice.inputs import read_values
from support.equivalence import differences, installed, labels_kept
from support.render import shared

SLOW = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
        HealthCheck.large_base_example,
    ],
)

WORDS = st.sampled_from(
    [
        "a",
        "model",
        "x-1",
        "hf://o/m",
        "pvc://c/p",
        "s3://b/k",
        "ollama://m:1",
        "8",
        "{{ x }}",
        "$(A)",
        "--port=9",
        "",
        "é",
    ]
)


def specs(schema: dict[str, Any], root: dict[str, Any] | None = None) -> st.SearchStrategy[Any]:
    """Values of a schema as Kubernetes and DigitalHub write them: types, enumerations, patterns, references.

    The package hypothesis-jsonschema does this for any schema, but reaches into parts of Hypothesis that are gone.
    """
    root = root or schema
    if "$ref" in schema:
        return specs(root["$defs"][schema["$ref"].rsplit("/", 1)[-1]], root)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return st.sampled_from([1, "1Gi", "25%"])
    kind = schema.get("type")
    if kind == "string":
        return (
            st.from_regex(schema["pattern"].replace("?:", ":"), fullmatch=True).filter(_printable)
            if "pattern" in schema
            else WORDS
        )
    if kind == "integer":
        least = max(0, schema.get("minimum", 0))
        return st.integers(least, least + 4)
    if kind == "boolean":
        return st.booleans()
    if kind == "array":
        return st.lists(specs(schema["items"], root), max_size=2)
    properties = schema.get("properties", {})
    if not properties and isinstance(schema.get("additionalProperties"), dict):
        return st.dictionaries(
            st.sampled_from(["A", "b.c", "d/e"]), specs(schema["additionalProperties"], root), max_size=2
        )
    required = set(schema.get("required", []))
    parts = {key: specs(value, root) for key, value in properties.items()}
    return st.fixed_dictionaries(
        {key: part for key, part in parts.items() if key in required},
        optional={key: part for key, part in parts.items() if key not in required},
    )


def _printable(text: str) -> bool:
    return text.isascii() and text.isprintable() and len(text) < 60


@cache
def crd(relative: str) -> dict[str, Any]:
    """The schema of a custom resource's spec."""
    documents = [item for item in yaml.safe_load_all(shared(relative).read_text()) if item]
    (definition,) = [item for item in documents if item["kind"] == "CustomResourceDefinition"]
    schema: dict[str, Any] = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return schema


def outcome(system: str, file: str) -> list[Imported] | ModelserviceError:
    """The imports, or the refusal."""
    try:
        return import_files(system, [file])
    except ModelserviceError as error:
        return error


def imported(document: Any, system: str) -> list[Imported] | None:
    """The imports of a document; None where it is refused in words."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "source.yaml"
        file.write_text(yaml.safe_dump(document, allow_unicode=True))
        found = outcome(system, str(file))
        if isinstance(found, ModelserviceError):
            assert all(problem.message and (problem.file or problem.key) for problem in found.problems)
            return None
        for item in found:
            installed(item.values)
            written = Path(folder) / "values.yaml"
            written.write_text(item.text)
            assert read_values(str(written)) == item.values
        return found


def without_pods(schema: dict[str, Any], *paths: str) -> dict[str, Any]:
    """A schema whose parts at these paths are left out: their closure is most of Kubernetes."""
    copy: dict[str, Any] = json.loads(json.dumps(schema))
    for path in paths:
        node = copy
        *parents, last = path.split(".")
        for part in parents:
            node = node["items"] if part == "[]" else node["properties"][part]
        del node["properties"][last]
        if last in node.get("required", []):
            node["required"].remove(last)
    return copy


NAMES = st.sampled_from(["m", "llama-3.1-8b", "UPPER", "a" * 70])


@SLOW
@given(st.data(), NAMES)
def test_kubeai_models(data: st.DataObject, name: str) -> None:
    schema = without_pods(crd("samples/kubeai/crd-models.yaml"))
    schema["properties"]["url"] = {
        "enum": ["hf://o/m", "pvc://c/p", "pvc://c?model=q", "s3://b/k", "ollama://q:1", "gs://b", "no"]
    }
    spec = data.draw(specs(schema))
    found = imported(
        {"apiVersion": "kubeai.org/v1", "kind": "Model", "metadata": {"name": name}, "spec": spec}, "kubeai"
    )
    for item in found or []:
        assert not [note for note in item.notes if note.unknown]
        engine = installed(item.values).engine()
        for key, value in spec.get("env", {}).items():
            assert value in json.dumps(engine["env"], ensure_ascii=False) or "secretKeyRef" in json.dumps(
                engine["env"]
            ), key


@SLOW
@given(st.data())
def test_operator_services(data: st.DataObject) -> None:
    paths = [
        f"{role}.{kind}.[].{field}"
        for role in ("decode", "prefill", "endpointPicker")
        for kind in ("containers", "initContainers")
        for field in ("env", "envFrom", "resources")
    ]
    schema = without_pods(crd("samples/llm-d-operator/crd-modelservices.yaml"), *paths)
    schema["properties"]["modelArtifacts"]["properties"]["uri"] = {
        "enum": ["hf://o/m", "pvc://c/p/q", "hf://o/m2", "pvc://c/p", "oci://x"]
    }
    spec = data.draw(specs(schema))
    spec.setdefault("decode", {}).setdefault("containers", []).append({})
    for role in ("decode", "prefill"):
        for kind in ("initContainers", "containers"):
            for index, container in enumerate(spec.get(role, {}).get(kind, [])):
                container |= {"name": f"{kind.lower()}-{index}", "image": container.get("image") or "busybox"}
                container["args"] = [word for word in container.get("args", []) if "{{" not in word]
    document = {"apiVersion": "llm-d.ai/v1alpha1", "kind": "ModelService", "metadata": {"name": "m"}, "spec": spec}
    for item in imported(document, "llm-d-operator") or []:
        assert not [note for note in item.notes if note.unknown]
        for role in ("decode", "prefill"):
            if role in spec and spec[role].get("containers"):
                images = {c["image"] for c in installed(item.values).pod(role)["containers"]}
                assert {c["image"] for c in spec[role]["containers"] if c.get("image")} <= images


@SLOW
@given(st.data())
def test_llmos_services(data: st.DataObject) -> None:
    schema = without_pods(crd("samples/llmos/crd-modelservices.yaml"), "template", "volumeClaimTemplates")
    spec = data.draw(specs(schema))
    container = {
        "name": "server",
        "image": "vllm/vllm-openai:v0.10.0",
        "args": data.draw(st.lists(WORDS.filter(bool), max_size=3)),
    }
    document = {
        "apiVersion": "ml.llmos.ai/v1", "kind": "ModelService", "metadata": {"name": "m"},
        "spec": {**spec, "template": {"spec": {"containers": [container]}}},
    }  # fmt: skip
    for item in imported(document, "llmos") or []:
        assert not [note for note in item.notes if note.unknown]
        assert installed(item.values).workload()["spec"]["replicas"] == spec["replicas"]


OF_KUBERNETES: dict[str, st.SearchStrategy[Any]] = {
    "core.v1.EnvVar[]": st.just([{"name": "A", "value": "{{ x }}"}, {"name": "DYN_LOG", "value": "1"}]),
    "core.v1.ResourceClaim[]": st.just([{"name": "c"}]),
    "core.v1.Probe": st.just({"httpGet": {"path": "/live", "port": 9090}, "periodSeconds": 5}),
    "core.v1.PodSpec?": st.sampled_from([{}, {"hostNetwork": True}, {"volumes": [{"name": "v", "emptyDir": {}}]}]),
    "core.v1.Container?": st.fixed_dictionaries({}, optional={"image": WORDS, "args": st.lists(WORDS, max_size=3)}),
}
"""Values of Kubernetes' types, of which only some matter here."""

OF_TYPES: dict[str, st.SearchStrategy[Any]] = {
    "string": WORDS, "integer": st.integers(0, 3), "boolean": st.booleans(), "scalar": st.sampled_from(["2", "1Gi", 4]),
    "strings": st.lists(WORDS, max_size=2), "map": st.dictionaries(st.sampled_from(["a", "b.c/d"]), WORDS, max_size=2),
    "quantities": st.dictionaries(st.sampled_from(["rdma/ib", "x"]), st.sampled_from(["1", 2]), max_size=1),
    "object": st.sampled_from([{}, {"a": 1}]), "list": st.sampled_from([[], [{"a": 1}]]), "any": WORDS, **OF_KUBERNETES,
}  # fmt: skip


def declared(fields: Sequence[Field], under: str) -> st.SearchStrategy[Any]:
    """Objects of the fields that an importer declares under a path; lists have up to two items, maps up to two keys."""
    below: dict[str, list[Field]] = {}
    own = next((item.type for item in fields if item.path == under), None)
    for item in fields:
        rest = item.path.removeprefix(under)
        if item.path.startswith(under) and re.match(r"\.|\[]", rest):
            below.setdefault(
                "[]" if rest.startswith("[]") else rest[1:].partition(".")[0].partition("[")[0], []
            ).append(item)
    if not below or own in OF_KUBERNETES:
        return OF_TYPES[own or "any"]
    if "[]" in below:
        return st.lists(declared(fields, f"{under}[]"), max_size=2)
    parts = {key: declared(fields, f"{under}.{key}") for key in below}
    if "*" in parts:
        return st.dictionaries(st.sampled_from(["One", "two-2"]), parts["*"], max_size=2)
    return st.fixed_dictionaries({}, optional=parts)


@pytest.mark.parametrize("version", ["v1alpha1", "v1beta1"])
@settings(parent=SLOW, max_examples=15)
@given(st.data())
def test_graphs_of_dynamo(version: str, data: st.DataObject) -> None:
    spec = data.draw(declared(ALPHA if version == "v1alpha1" else BETA, "spec"))
    module = data.draw(st.sampled_from(["vllm", "sglang", "trtllm"]))
    words = ["--model", "o/m", *data.draw(st.lists(WORDS, max_size=2))]
    container = {"name": "main", "image": "x:1", "command": ["python3", "-m", f"dynamo.{module}"], "args": words}
    found = (
        spec.setdefault("services", {}) if version == "v1alpha1" else dict(enumerate(spec.setdefault("components", [])))
    )
    for name, item in found.items():
        item["type" if version == "v1beta1" else "componentType"] = data.draw(
            st.sampled_from(["worker", "prefill", "frontend"])
        )
        if version == "v1alpha1":
            item["extraPodSpec"] = {**item.get("extraPodSpec", {}), "mainContainer": container}
        else:
            item |= {"name": f"c{name}", "podTemplate": {"spec": {"containers": [container]}}}
    document = {
        "apiVersion": f"nvidia.com/{version}",
        "kind": "DynamoGraphDeployment",
        "metadata": {"name": "g"},
        "spec": spec,
    }
    for item in imported(document, "dynamo") or []:
        assert not [note for note in item.notes if note.unknown]
        assert "x:1" in json.dumps(item.values)


def digitalhub(kind: str, part: str) -> dict[str, Any]:
    suffix = {"function": "", "run": "+serve:run"}[part]
    file = shared(f"samples/digitalhub/schemas/{part}--{kind}{suffix}.json")
    schema: dict[str, Any] = json.loads(file.read_text())
    merged = {**schema, "properties": dict(schema.get("properties", {}))}
    for branch in merged.pop("allOf", []):
        merged["properties"] |= branch.get("properties", {})
    merged.pop("$schema", None)
    return merged


@pytest.mark.parametrize(
    "kind", ["kubeai-text", "kubeai-speech", "vllmserve-text", "vllmserve-pooling", "huggingfaceserve"]
)
@settings(parent=SLOW, max_examples=12)
@given(st.data())
def test_digitalhub_runs(kind: str, data: st.DataObject) -> None:
    function, run = (data.draw(specs(digitalhub(kind, part))) for part in ("function", "run"))
    place = "path" if kind == "huggingfaceserve" else "url"
    if data.draw(st.booleans()):
        function[place] = data.draw(st.sampled_from(["hf://o/m", "huggingface://o/m:v1"]))
        run.pop(place, None)
        if kind == "kubeai-text":
            function["engine"] = "VLLM"
        elif kind.startswith("kubeai"):
            function.pop("adapters", None)
        for index, item in enumerate(run.get("files", [])):
            item["path"] = f"/etc/{index}"
        for index, item in enumerate(run.get("volumes", [])):
            item |= {
                "name": f"v{index}",
                "mount_path": f"/v{index}",
                "spec": {"size": "1Gi", "image": "x", "claimName": "c"},
            }
        run |= (
            {"scaling": {**run.get("scaling", {}), "max_replicas": 9}} if kind.startswith("kubeai") else {"replicas": 2}
        )
        for item in run.get("envs", []):
            item["name"] = "A"
    document = {
        "function": {"kind": kind, "name": "f", "spec": function},
        "run": {"kind": f"{kind}+serve:run", "spec": run},
    }
    for item in imported(document, "digitalhub") or []:
        assert not [note for note in item.notes if note.unknown]


flags = st.sampled_from(
    [["--max-model-len", "8192"], ["--max-model-len=8192"], ["--enforce-eager"], ["--tensor-parallel-size", "2"], ["-tp", "4"],
     ["--kv_transfer_config", '{"kv_connector":"NixlConnector"}'], ["--served-model-name", "x", "y"], ["--port", "9000"],
     ["--revision=main"], ["--served-model-name=z"], ["-O3"], ["--pipeline-parallel-size", "2"], ["--seed", "-1"]]
)  # fmt: skip
variables = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from(["A", "B_C", "HF_HOME", "VLLM_LOGGING_LEVEL"]), "value": WORDS}),
    max_size=3, unique_by=lambda item: item["name"],
)  # fmt: skip
volumes = st.lists(
    st.sampled_from(
        [
            ({"name": "cache", "emptyDir": {"sizeLimit": "20Gi"}}, {"name": "cache", "mountPath": "/cache"}),
            ({"name": "hf", "emptyDir": {}}, {"name": "hf", "mountPath": "/root/.cache/huggingface"}),
            ({"name": "shm", "emptyDir": {"medium": "Memory"}}, {"name": "shm", "mountPath": "/dev/shm"}),
            ({"name": "claim", "persistentVolumeClaim": {"claimName": "c"}}, {"name": "claim", "mountPath": "/models", "readOnly": True}),
            ({"name": "conf", "configMap": {"name": "c"}}, {"name": "conf", "mountPath": "/etc/x.yaml", "subPath": "x.yaml"}),
        ]
    ),
    max_size=5, unique_by=lambda item: str(item[0]["name"]),
)  # fmt: skip
pods = st.fixed_dictionaries(
    {},
    optional={
        "nodeSelector": st.just({"gpu": "h100"}), "tolerations": st.just([{"key": "gpu", "operator": "Exists"}]),
        "runtimeClassName": st.just("nvidia"), "terminationGracePeriodSeconds": st.integers(0, 600),
        "serviceAccountName": st.just("mine"), "hostNetwork": st.booleans(), "schedulerName": st.just("volcano"),
        "securityContext": st.just({"runAsUser": 1000}), "imagePullSecrets": st.just([{"name": "pull"}]),
        "topologySpreadConstraints": st.just([{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}]),
    },
)  # fmt: skip


@settings(parent=SLOW, max_examples=40)
@given(st.data())
def test_a_deployment_means_the_same_as_its_import(data: st.DataObject) -> None:
    chosen = data.draw(volumes)
    args = [
        word
        for option in data.draw(st.lists(flags, max_size=4, unique_by=lambda f: f[0].lstrip("-").split("=")[0][:6]))
        for word in option
    ]
    model = data.draw(st.sampled_from(["Qwen/Qwen3-8B", "/models/qwen", "/models", "s3://bucket/model"]))
    command, words = data.draw(
        st.sampled_from(
            [
                (["vllm", "serve"], [model, *args]),
                (["vllm"], ["serve", model, *args]),
                ([], ["--model", model, *args]),
                (["python3", "-m", "vllm.entrypoints.openai.api_server"], ["--model", model, *args]),
            ]
        )
    )
    count = data.draw(st.sampled_from([None, 1, 2, 8]))
    container: dict[str, Any] = {
        "name": "engine", "image": "vllm/vllm-openai:v0.11.0", "args": words, "env": data.draw(variables),
        "volumeMounts": [mount for _, mount in chosen], "ports": [{"containerPort": 8000}],
    }  # fmt: skip
    if command:
        container["command"] = command
    if count:
        container["resources"] = {
            "limits": {"nvidia.com/gpu": count, "cpu": "4"},
            "requests": {"nvidia.com/gpu": count},
        }
    containers = data.draw(
        st.permutations([container, {"name": "logs", "image": "busybox", "command": ["tail"], "args": ["{{ x }}"]}])
    )
    pod = {**data.draw(pods), "containers": containers, "volumes": [volume for volume, _ in chosen]}
    labels = data.draw(st.sampled_from([{"app": "x"}, {"app": "x", "app.kubernetes.io/name": "y"}]))
    document = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "m"},
        "spec": {"replicas": data.draw(st.integers(0, 3)), "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }  # fmt: skip
    found = imported(document, "manifests")
    assume(found)
    objects = installed(found[0].values)  # type: ignore[index]
    assert differences(pod, objects.pod(), engine="engine") == []
    assert objects.workload()["spec"]["replicas"] == document["spec"]["replicas"]  # type: ignore[index]
    assert labels_kept(labels, objects.template()["metadata"]["labels"])
    for field in ("hostNetwork", "topologySpreadConstraints"):
        assert (objects.pod().get(field) or None) == (pod.get(field) or None)
