"""llama.cpp's server: how it starts, where a GGUF file is, its API key, and the import of a Deployment of it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from modelservice.helm import EmbeddedHelm
from modelservice.importers import import_files
from modelservice.inputs import merge
from support.engines import IMAGES, single
from support.findings import findings, rules
from support.refusal import assert_refused
from support.render import Objects, Render

REPOSITORY = "Qwen/Qwen3-4B-GGUF:Q4_K_M"


def values(uri: str = f"hf://{REPOSITORY}", **more: Any) -> dict[str, Any]:
    base = {**single("llamaCpp", uri=uri, features=["TextGeneration"]), "accelerator": {"type": "cpu"}}
    return merge([base, more])


def flag(objects: Objects, name: str) -> str:
    args = objects.engine()["args"]
    return str(args[args.index(f"--{name}") + 1])


def test_the_image_starts_the_server(render: Render) -> None:
    container = render(values()).engine()
    assert "command" not in container
    assert container["args"][:2] == ["--hf-repo", REPOSITORY]


def test_it_listens_on_all_addresses(render: Render) -> None:
    assert flag(render(values()), "host") == "0.0.0.0"


def test_it_has_metrics_as_the_others_do(render: Render) -> None:
    assert "--metrics" in render(values()).engine()["args"]


def test_a_repository_is_downloaded_to_the_model_volume(render: Render) -> None:
    assert render(values()).env()["LLAMA_CACHE"] == "/model-cache"


def test_a_hub_cache_on_a_claim_is_read(render: Render) -> None:
    objects = render(values("pvc+hf://claim/cache/Qwen/Qwen3-4B-GGUF"))
    assert flag(objects, "hf-repo") == "Qwen/Qwen3-4B-GGUF"
    assert objects.env()["HF_HUB_CACHE"] == "/model-cache/cache"


def test_a_file_on_a_claim_is_the_model(render: Render) -> None:
    objects = render(values("pvc://claim/qwen/model.gguf"))
    assert flag(objects, "model") == "/model-cache/qwen/model.gguf"


def test_a_file_of_an_object_store_is_downloaded_to_its_path(render: Render) -> None:
    objects = render(values("s3://bucket/qwen/model.gguf"))
    (download,) = objects.pod()["initContainers"]
    path = "/model-cache/bucket/qwen/model.gguf"
    assert download["command"] == ["rclone", "copyto", ":s3:bucket/qwen/model.gguf", path]
    assert flag(objects, "model") == path


@pytest.mark.parametrize("uri", ["pvc://claim/qwen", "s3://bucket/qwen", "oci://registry.example.com/qwen:1"])
def test_a_directory_is_not_a_model(embedded: EmbeddedHelm, uri: str) -> None:
    assert_refused(embedded, values(uri), ["modelArtifacts.uri", "one .gguf file", uri, "engine.args.model"])


def test_the_file_of_a_directory_may_be_named(render: Render) -> None:
    image = values("oci://registry.example.com/qwen:1", engine={"args": {"model": "/model-cache/qwen.gguf"}})
    assert flag(render(image), "model") == "/model-cache/qwen.gguf"


def test_one_quantization_is_not_downloaded_before(embedded: EmbeddedHelm) -> None:
    downloaded = values(modelArtifacts={"download": {"enabled": True, "image": "example.com/hf:1"}})
    assert_refused(embedded, downloaded, ["modelArtifacts.download.enabled", REPOSITORY, "download.command"])


def test_clients_may_use_several_names(render: Render) -> None:
    assert flag(render(values(modelArtifacts={"aliases": ["qwen", "small"]})), "alias") == "served,qwen,small"


@pytest.mark.parametrize(("feature", "switch"), [("TextEmbedding", "--embedding"), ("Reranking", "--reranking")])
def test_a_model_that_generates_nothing_has_its_switch(render: Render, feature: str, switch: str) -> None:
    objects = render(values() | {"modelArtifacts": {"name": "m", "uri": f"hf://{REPOSITORY}", "features": [feature]}})
    assert switch in objects.engine()["args"]


def test_the_api_key_is_a_variable(render: Render) -> None:
    objects = render(values(auth={"apiKeySecret": {"name": "clients"}}))
    assert objects.env()["LLAMA_API_KEY"]["secretKeyRef"] == {"name": "clients", "key": "api-key"}


def test_a_scrape_has_the_api_key(render: Render) -> None:
    monitored = values(
        auth={"apiKeySecret": {"name": "clients"}}, decode={"monitoring": {"podmonitor": {"enabled": True}}}
    )
    (endpoint,) = render(monitored).one("PodMonitor")["spec"]["podMetricsEndpoints"]
    assert endpoint["authorization"] == {"credentials": {"name": "clients", "key": "api-key"}}


def test_a_scrape_without_an_api_key_has_none(render: Render) -> None:
    monitored = values(decode={"monitoring": {"podmonitor": {"enabled": True}}})
    (endpoint,) = render(monitored).one("PodMonitor")["spec"]["podMetricsEndpoints"]
    assert "authorization" not in endpoint


def test_it_uses_all_accelerators_of_its_pod(render: Render) -> None:
    objects = render(values(accelerator={"type": "nvidia", "count": 2}))
    assert objects.engine()["resources"]["limits"] == {"nvidia.com/gpu": "2"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"decode": {"parallelism": {"tensor": 2}}}, ["decode.parallelism.tensor", "decode.accelerator.count"]),
        ({"decode": {"parallelism": {"data": 2}}}, ["decode.parallelism.data", "llama.cpp has no such setting"]),
        ({"multinode": True}, ["multinode", "runs in one pod", "multinode: false"]),
        ({"prefill": {"create": True}}, ["prefill.create", "does not separate", "prefill.create: false"]),
        ({"routing": {"proxy": {"enabled": True}}}, ["routing.proxy.enabled", "set routing.proxy.enabled: false"]),
        ({"modelArtifacts": {"features": ["SpeechToText"]}}, ["modelArtifacts.features", "llama.cpp does not serve"]),
        ({"modelArtifacts": {"revision": "v1"}}, ["modelArtifacts.revision", "newest revision only", "remove it"]),
        (
            {"modelArtifacts": {"adapters": [{"name": "a", "uri": "hf://org/a"}]}},
            ["modelArtifacts.adapters", "does not load LoRA adapters", "remove it"],
        ),
    ],
)
def test_what_it_cannot_do_is_rejected(embedded: EmbeddedHelm, change: dict[str, Any], words: list[str]) -> None:
    assert_refused(embedded, values(**change), words)


def test_check_has_no_objections(embedded: EmbeddedHelm) -> None:
    assert rules(embedded, values(modelArtifacts={"size": "5Gi"})) == set()


def test_a_volume_too_small_for_the_quantization_is_found(embedded: EmbeddedHelm) -> None:
    assert rules(embedded, values(modelArtifacts={"size": "1Gi"})) == {"model-volume"}


def test_a_flag_of_vllm_is_found(embedded: EmbeddedHelm) -> None:
    (found,) = findings(embedded, values(engine={"args": {"max-model-len": 8192}}))
    assert (found.rule, found.values, found.fix) == (
        "engine-flag-foreign",
        "engine.args.max-model-len",
        "use --ctx-size",
    )


def test_an_image_for_other_accelerators_is_found(embedded: EmbeddedHelm) -> None:
    wrong = values(accelerator={"type": "nvidia"}, engine={"image": "ghcr.io/ggml-org/llama.cpp:server-rocm"})
    assert rules(embedded, wrong) == {"accelerator-image"}


DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "qwen"},
    "spec": {
        "selector": {"matchLabels": {"app": "qwen"}},
        "template": {
            "metadata": {"labels": {"app": "qwen"}},
            "spec": {
                "containers": [
                    {
                        "name": "server",
                        "image": IMAGES["llamaCpp"],
                        "args": ["-hf", REPOSITORY, "-a", "qwen,small", "--jinja", "-c", "8192", "--port", "8080"],
                        "ports": [{"containerPort": 8080}],
                    }
                ]
            },
        },
    },
}


@pytest.fixture
def imported(tmp_path: Path) -> dict[str, Any]:
    file = tmp_path / "deployment.yaml"
    file.write_text(yaml.safe_dump(DEPLOYMENT))
    (release,) = import_files(None, [str(file)])
    found: dict[str, Any] = release.values
    return found


def test_a_deployment_of_it_is_recognised(imported: dict[str, Any]) -> None:
    assert imported["engine"]["type"] == "llamaCpp"


def test_short_flags_of_a_deployment_are_read(imported: dict[str, Any]) -> None:
    artifacts = imported["modelArtifacts"]
    assert (artifacts["uri"], artifacts["name"], artifacts["aliases"]) == (f"hf://{REPOSITORY}", "qwen", ["small"])
    assert imported["routing"]["servicePort"] == 8080


def test_an_imported_deployment_runs_the_same_model(render: Render, imported: dict[str, Any]) -> None:
    objects = render(imported)
    assert flag(objects, "hf-repo") == REPOSITORY
    assert flag(objects, "alias") == "qwen,small"
    assert objects.engine()["args"][-2:] == ["-c", "8192"]
