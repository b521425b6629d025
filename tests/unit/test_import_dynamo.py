"""Dynamo's graphs: what becomes of components that are no workers, what is refused, and what Dynamo itself ships."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelservice import facts
from modelservice.errors import ModelserviceError
from modelservice.importers import import_files
from modelservice.importers.imported import Imported
from modelservice.importers.report import Outcome
from modelservice.inputs import read_values
from support.equivalence import environment, installed
from support.package_index import package_index
from support.samples import sample

Object = dict[str, Any]
VLLM = ["python3", "-m", "dynamo.vllm"]


def worker(name: str = "w", kind: str = "worker", args: list[str] | None = None, **more: Any) -> Object:
    container = {
        "name": "main", "image": "nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1", "command": VLLM,
        "args": ["--model", "o/m", *(args or [])], **more.pop("container", {}),
    }  # fmt: skip
    return {"name": name, "type": kind, "podTemplate": {"spec": {"containers": [container]}}, **more}


def frontend(*args: str) -> Object:
    container = {"name": "main", "image": "x", "command": ["python3", "-m", "dynamo.frontend"], "args": list(args)}
    return {"name": "Frontend", "type": "frontend", "podTemplate": {"spec": {"containers": [container]}}}


def imported(folder: Path, *components: Object, **spec: Any) -> Imported:
    """The only import of a graph."""
    file = folder / "graph.yaml"
    graph = {"apiVersion": "nvidia.com/v1beta1", "kind": "DynamoGraphDeployment", "metadata": {"name": "g"}}
    file.write_text(yaml.safe_dump({**graph, "spec": {"components": list(components), **spec}}))
    (found,) = import_files(None, [str(file)])
    return found


def refusal(folder: Path, *components: Object, **spec: Any) -> str:
    with pytest.raises(ModelserviceError) as caught:
        imported(folder, *components, **spec)
    assert all(problem.file and problem.fix for problem in caught.value.problems)
    return "; ".join(problem.message for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("components", "words"),
    [
        ([worker("a", "decode"), worker("b", "decode"), worker("c", "prefill")], "a and b are both decode"),
        ([worker("a"), worker("b")], "a and b are both decode"),
        ([frontend()], "no component runs"),
        ([worker(multinode={"nodeCount": 2})], "parallel sizes do not tell how"),
        ([worker(container={"command": ["python3", "-m", "dynamo.trtllm"]}, multinode={"nodeCount": 2})], "in one pod only"),
        ([worker(kind="decode", container={"command": ["python3", "-m", "dynamo.trtllm"]})], "a release has one role"),
        ([worker(container={"image": ""})], "no container main with an image"),
        ([worker(roles=[{"name": "leader"}])], "leader and worker have pods of their own"),
    ],
    ids=["decode twice", "worker twice", "no worker", "sizes", "nodes of trtllm", "roles of trtllm", "image", "roles"],
)  # fmt: skip
def test_what_the_chart_cannot_run_is_refused(components: list[Object], words: str, tmp_path: Path) -> None:
    assert words in refusal(tmp_path, *components)


@pytest.mark.parametrize(
    ("part", "outcome", "path"),
    [
        (worker("e", args=["--disaggregation-mode", "encode"]), Outcome.lost, "spec.components[1]"),
        ({"name": "Planner", "type": "planner", "replicas": 1}, Outcome.lost, "spec.components[1]"),
        ({"name": "Other", "podTemplate": {"spec": {"containers": [{"name": "main", "image": "x"}]}}}, Outcome.lost, "spec.components[1]"),
        (frontend(), Outcome.changed, "spec.components[1]"),
        (frontend("--router-temperature", "0.5"), Outcome.lost, "spec.components[1]: dynamo.frontend --router-temperature"),
    ],
    ids=["encode", "planner", "other", "frontend", "frontend's option"],
)  # fmt: skip
def test_other_components_are_noted_once(part: Object, outcome: Outcome, path: str, tmp_path: Path) -> None:
    found = imported(tmp_path, worker(), part)
    assert (outcome, path) in [(note.outcome, note.path) for note in found.notes]
    assert not [note for note in found.notes if note.path.startswith("spec.components[1].")]


@pytest.mark.parametrize(
    ("args", "path"),
    [
        (["--dyn-tool-call-parser", "hermes"], "--dyn-tool-call-parser"),
        (["--endpoint=dyn://x.y.z", "--enforce-eager"], "--endpoint"),
        (["--route-to-encoder"], "--route-to-encoder"),
        (["--connector", "lmcache"], "--connector"),
        (["--connector", "none"], ""),
    ],
)
def test_options_of_the_worker_do_not_reach_the_engine(args: list[str], path: str, tmp_path: Path) -> None:
    found = imported(tmp_path, worker(args=args))
    assert [note.path.rsplit(": ", 1)[-1] for note in found.losses] == ([path] if path else [])
    words = [str(word) for word in installed(found.values).engine()["args"]]
    assert not [word for word in words if word.startswith(("--dyn", "--endpoint", "--route", "--connector"))]
    assert ("--enforce-eager" in words) == ("--enforce-eager" in args)


@pytest.mark.parametrize(
    ("command", "lost"),
    [
        (["/bin/sh", "-c", "exec python3 -m dynamo.vllm --model o/m --seed 7"], False),
        (["/bin/sh", "-c", "ulimit -l unlimited && python3 -m dynamo.vllm --model o/m --seed 7"], True),
        (["numactl", "-N0", "python3", "-m", "dynamo.vllm", "--model", "o/m", "--seed", "7"], True),
    ],
)
def test_the_worker_is_found_in_a_script(command: list[str], lost: bool, tmp_path: Path) -> None:
    found = imported(tmp_path, worker(container={"command": command, "args": []}))
    assert bool(found.losses) == lost
    assert found.values["engine"]["args"] == {"seed": 7}
    assert found.values["modelArtifacts"]["uri"] == "hf://o/m"


def test_a_frontend_without_a_picker_becomes_a_service_of_its_name(tmp_path: Path) -> None:
    found = imported(tmp_path, frontend("--router-mode", "round-robin"), worker())
    service = installed(found.values).one("Service")
    assert (service["metadata"]["name"], service["spec"]["ports"][0]["port"]) == ("g-frontend", 8000)


def test_a_router_of_caches_becomes_a_picker(tmp_path: Path) -> None:
    found = imported(tmp_path, frontend("--router-mode", "kv"), worker())
    kinds = {kind for kind, _ in installed(found.values).kinds()}
    assert "InferencePool" in kinds


def test_variables_of_the_runtime_are_lost_and_secrets_not_copied(tmp_path: Path) -> None:
    token = "hf_abcdefghijklmnopqrstuvwxyzabcd1234"
    env = [{"name": "HF_TOKEN", "value": token}, {"name": "DYN_LOG", "value": "debug"}, {"name": "A", "value": "1"}]
    found = imported(tmp_path, worker(container={"env": [{"name": "A", "value": "2"}]}), env=env)
    assert token not in found.text
    variables = environment(installed(found.values).engine())
    assert variables["HF_TOKEN"] == {"secretKeyRef": {"name": "g-secrets", "key": "HF_TOKEN"}}
    assert variables["A"] == "2"
    assert [note.path.rsplit(".", 1)[-1] for note in found.losses] == ["env[DYN_LOG]"]


def test_the_engine_of_a_sidecar_and_a_container_before_main(tmp_path: Path) -> None:
    """Dynamo's runtime may run beside the engine, which the graph then starts by itself."""
    vllm = {"command": ["vllm", "serve", "o/m", "--port", "9000"], "args": []}
    parts = [worker(kind, kind, container=vllm, dynamoSidecar="dynamo") for kind in ("decode", "prefill")]
    for part in parts:
        pod = part["podTemplate"]["spec"]
        pod["containers"].insert(0, {"name": "logs", "image": "busybox:1"})
        pod["initContainers"] = [{"name": "dynamo", "image": "x", "restartPolicy": "Always"}]
    objects = installed(imported(tmp_path, *parts).values)
    for role, port in (("decode", 8200), ("prefill", 8000)):
        engine = objects.engine(role)
        assert (engine["name"], engine["ports"][0]["containerPort"]) == ("main", port)
        assert engine["readinessProbe"]["httpGet"]["port"] == port
        assert "dynamo" not in [item["name"] for item in objects.pod(role).get("initContainers", [])]


def test_other_objects_of_dynamo_name_the_graph(tmp_path: Path) -> None:
    file = tmp_path / "request.yaml"
    file.write_text("apiVersion: nvidia.com/v1beta1\nkind: DynamoGraphDeploymentRequest\nmetadata: {name: r}\n")
    with pytest.raises(ModelserviceError, match="import the DynamoGraphDeployment"):
        import_files(None, [str(file)])


def test_nothing_known_is_called_unknown() -> None:
    for file in ("vllm-disaggregated-v1alpha1", "sglang-multinode", "tensorrt-llm-picker"):
        (found,) = import_files(None, [str(sample(f"dynamo/{file}.yaml"))])
        assert not [note for note in found.notes if note.unknown]


@pytest.mark.slow
def test_graphs_that_dynamo_ships_and_its_parsers_options(tmp_path: Path) -> None:
    """The wheel has the graphs that Dynamo's profiler deploys, and the parsers of the workers' own options."""
    wheels = pytest.importorskip("dev.wheels")
    known = facts.dynamo()
    with package_index(), wheels.index() as index:
        wheel = index.wheel(known.package, known.version)
        sources = index.sources(wheel, "dynamo")
        graphs = index.sources(wheel, "dynamo/profiler/templates/dgd", ".yaml")
    declared = {
        name: set(re.findall(r'flag_name="--([a-z0-9-]+)"', sources[f"dynamo/{name}.py"].decode()))
        for name in ("common/configuration/groups/runtime_args", *(f"{item.module[7:]}/backend_args" for item in known.workers))
    }  # fmt: skip
    assert set(known.options) == declared.pop("common/configuration/groups/runtime_args")
    engines = {"vllm/backend_args": {"headless"}}  # vLLM has it too
    for item in known.workers:
        module = f"{item.module[7:]}/backend_args"
        assert set(item.options) == declared[module] - engines.get(module, set()), item.module
    found: dict[str, str] = {}
    for path, text in graphs.items():
        file = tmp_path / path.replace("/", "-")
        file.write_bytes(text)
        try:
            (graph,) = import_files("dynamo", [str(file)])
        except ModelserviceError as error:
            found[path.rsplit("dgd/", 1)[-1]] = error.problems[0].message
            continue
        file.write_text(graph.text)
        assert read_values(str(file)) == graph.values
        found[path.rsplit("dgd/", 1)[-1]] = graph.values["engine"]["type"]
    assert found == {
        "mocker/disagg.yaml": "no component runs vLLM, SGLang or TensorRT-LLM",
        "sglang/agg.yaml": "sglang", "sglang/disagg.yaml": "sglang", "trtllm/agg.yaml": "tensorrtLLM",
        "trtllm/disagg.yaml": "decode is decode only, and a release has one role of TensorRT-LLM",
        "vllm/agg.yaml": "vllm", "vllm/disagg.yaml": "vllm",
    }  # fmt: skip
