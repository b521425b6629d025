"""KServe's specs with an engine of the user's: where the model comes from, on which port it serves, and what starts it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from modelservice.errors import ModelserviceError
from modelservice.importers import import_files
from modelservice.importers.imported import Imported
from support.equivalence import command_line, environment, installed
from support.render import Objects

Object = dict[str, Any]


def imported(folder: Path, *documents: Object) -> tuple[Imported, Objects]:
    """The only import of documents, and what is installed of it."""
    file = folder / "source.yaml"
    file.write_text(yaml.safe_dump_all(documents))
    (found,) = import_files("kserve", [str(file)])
    return found, installed(found.values, found.namespace or "default")


def options(objects: Objects) -> Object:
    return dict(command_line(objects.engine())["options"])


# --- InferenceService ----------------------------------------------------------------------------


def service(uri: str) -> Object:
    model = {"modelFormat": {"name": "vLLM"}, "runtime": "r", "storageUri": uri}
    return {"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "metadata": {"name": "q"}, "spec": {"predictor": {"model": model}}}  # fmt: skip


def runtime(*args: str, **more: Any) -> Object:
    container = {
        "name": "kserve-container", "image": "vllm/vllm-openai:v0.28.0",
        "command": ["python", "-m", "vllm.entrypoints.openai.api_server"], "args": list(args), **more,
    }  # fmt: skip
    return {"apiVersion": "serving.kserve.io/v1alpha1", "kind": "ServingRuntime", "metadata": {"name": "r"}, "spec": {"containers": [container]}}  # fmt: skip


@pytest.mark.parametrize(
    "args",
    [["--model=/mnt/models"], ["--model", "/mnt/models/"], ["--model=$(DIR)"], []],
    ids=["=", "word", "env", "none"],
)
def test_an_engine_loads_from_the_hub_in_place_of_the_initializer(args: list[str], tmp_path: Path) -> None:
    env = [{"name": "DIR", "value": "/mnt/models"}, {"name": "OTHER", "value": "/mnt/models-2"}]
    found, objects = imported(tmp_path, service("hf://o/m:v1"), runtime(*args, env=env))
    assert found.values["modelArtifacts"]["uri"] == "hf://o/m"
    line = options(objects)
    assert (line["model"], line["revision"]) == (("o/m",), ("v1",))
    assert environment(objects.engine())["OTHER"] == "/mnt/models-2"
    assert "/mnt/models'" not in str(objects.pod())


@pytest.mark.parametrize("uri", ["hf://o/m", "pvc://c/p", "oci://r/i:v1", "s3://b/k"])
@pytest.mark.parametrize(
    ("flags", "declared", "port"),
    [(["--port=8000"], 8000, 8000), ([], 8000, 8000), (["--port=9000"], 9000, 9000), ([], None, 8080), (["--port=8080"], None, 8080)],
)  # fmt: skip
def test_the_service_forwards_to_the_first_port_of_the_runtime(
    uri: str, flags: list[str], declared: int | None, port: int, tmp_path: Path
) -> None:
    ports = {"ports": [{"containerPort": declared}]} if declared else {}
    _, objects = imported(tmp_path, service(uri), runtime(*flags, "--model=/mnt/models", **ports))
    (given,) = objects.one("Service")["spec"]["ports"]
    assert (given["port"], given["targetPort"]) == (80, port)
    assert options(objects)["port"] == (str(port),)


# --- LLMInferenceService -------------------------------------------------------------------------


def llm(args: list[str], **spec: Any) -> Object:
    containers = [{"name": "main", "image": "vllm/vllm-openai:v0.28.0", "args": args}]
    given = {"model": {"uri": "hf://o/m", "name": "o/m"}, "template": {"containers": containers}, **spec}
    metadata = {"name": "q", "namespace": "llm", "labels": {"kueue.x-k8s.io/queue-name": "queue", "other": "x"}}
    return {"apiVersion": "serving.kserve.io/v1alpha2", "kind": "LLMInferenceService", "metadata": metadata, "spec": given}  # fmt: skip


@pytest.mark.parametrize(
    "script",
    [
        "python3 -m vllm.entrypoints.openai.api_server --model /mnt/models --max-model-len=2048",
        "exec vllm serve /mnt/models --max-model-len 2048",
    ],
)
def test_a_script_in_arguments_starts_the_engine(script: str, tmp_path: Path) -> None:
    found, objects = imported(tmp_path, llm([script]))
    line = options(objects)
    assert (line["model"], line["max-model-len"], line["served-model-name"]) == (("o/m",), ("2048",), ("o/m",))
    assert any("their only word is a script" in note.why for note in found.notes)


@pytest.mark.parametrize("args", [["a b"], ["--max-model-len", "2048", "word"], ["word", "--enforce-eager"]])
def test_a_word_that_belongs_to_no_flag_is_refused(args: list[str], tmp_path: Path) -> None:
    with pytest.raises(ModelserviceError, match="belongs to no flag"):
        imported(tmp_path, llm(args))


def test_workload_and_pods_have_the_label_of_the_queue(tmp_path: Path) -> None:
    _, objects = imported(tmp_path, llm([]))
    labels = objects.template()["metadata"]["labels"]
    assert labels["kueue.x-k8s.io/queue-name"] == "queue" and "other" not in labels
    assert objects.workload()["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "queue"


CONFIG = {"apiVersion": "inference.networking.x-k8s.io/v1alpha1", "kind": "EndpointPickerConfig", "plugins": [{"type": "queue-scorer"}]}  # fmt: skip


@pytest.mark.parametrize("inline", [CONFIG, yaml.safe_dump(CONFIG)], ids=["object", "text"])
def test_the_pickers_configuration_is_an_object_or_its_text(inline: Any, tmp_path: Path) -> None:
    found, _ = imported(tmp_path, llm([], router={"scheduler": {"config": {"inline": inline}}}))
    assert found.values["routing"]["epp"]["pluginsConfig"]["plugins"] == [{"type": "queue-scorer"}]


def test_a_configuration_that_is_no_object_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelserviceError, match="an object is expected, or the text of one"):
        imported(tmp_path, llm([], router={"scheduler": {"config": {"inline": 7}}}))
