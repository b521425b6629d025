"""TensorRT-LLM: how it starts, what it rejects, its metrics, and the import of a Deployment of it."""

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

OPTIONS = "/etc/trtllm/options.yaml"


def values(**more: Any) -> dict[str, Any]:
    base = single("tensorrtLLM", uri="hf://org/model", features=["TextGeneration"])
    return merge([base, {"decode": {"sharedMemory": {"enabled": True}}}, more])


def flag(objects: Objects, name: str) -> str:
    args = objects.engine()["args"]
    return str(args[args.index(f"--{name}") + 1])


def test_the_image_starts_its_program_with_the_model(render: Render) -> None:
    container = render(values()).engine()
    assert "command" not in container
    assert container["args"][:3] == ["trtllm-serve", "serve", "org/model"]


def test_it_listens_on_all_addresses(render: Render) -> None:
    assert flag(render(values()), "host") == "0.0.0.0"


def test_derived_flags_have_underscores(render: Render) -> None:
    assert flag(render(values()), "served_model_name") == "served"


def test_flags_of_the_user_have_underscores(render: Render) -> None:
    assert flag(render(values(engine={"args": {"max-batch-size": 64}})), "max_batch_size") == "64"


def test_a_switch_that_is_off_has_a_dash(render: Render) -> None:
    assert "--no-telemetry" in render(values(engine={"args": {"telemetry": False}})).engine()["args"]


def test_sizes_are_flags_and_accelerators(render: Render) -> None:
    objects = render(values(decode={"parallelism": {"tensor": 4, "pipeline": 2, "expert": True}}))
    assert [flag(objects, name) for name in ("tp_size", "pp_size", "ep_size")] == ["4", "2", "4"]
    assert objects.engine()["resources"]["limits"] == {"nvidia.com/gpu": "8"}


def test_a_size_among_the_flags_is_not_repeated(render: Render) -> None:
    objects = render(values(engine={"args": {"tensor-parallel-size": 2}}))
    assert "--tp_size" not in objects.engine()["args"]
    assert objects.engine()["resources"]["limits"] == {"nvidia.com/gpu": "2"}


def test_the_host_name_of_a_pod_is_short_enough_for_mpi(render: Render) -> None:
    assert render(values()).env()["PMIX_HOSTNAME"] == "trtllm-node"


def test_the_model_may_have_a_revision(render: Render) -> None:
    assert flag(render(values(modelArtifacts={"revision": "v1"})), "revision") == "v1"


def test_traces_go_to_the_collector(render: Render) -> None:
    tracing = {"enabled": True, "otlpEndpoint": "http://collector:4317"}
    assert flag(render(values(tracing=tracing)), "otlp_traces_endpoint") == "http://collector:4317"


def test_metrics_are_scraped_where_prometheus_can_read_them(render: Render) -> None:
    monitored = values(
        engine={"args": {"extra-llm-api-options": OPTIONS}}, decode={"monitoring": {"podmonitor": {"enabled": True}}}
    )
    (endpoint,) = render(monitored).one("PodMonitor")["spec"]["podMetricsEndpoints"]
    assert endpoint["path"] == "/prometheus/metrics"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"decode": {"parallelism": {"data": 2}}}, ["decode.parallelism.data", "TensorRT-LLM", "remove it"]),
        (
            {"multinode": True, "decode": {"parallelism": {"tensor": 16, "data": 1, "workers": 2}}},
            ["multinode", "runs in one pod", "multinode: false"],
        ),
        ({"prefill": {"create": True}}, ["prefill.create", "does not separate", "prefill.create: false"]),
        ({"routing": {"proxy": {"enabled": True}}}, ["routing.proxy.enabled", "set routing.proxy.enabled: false"]),
        ({"modelArtifacts": {"features": ["TextEmbedding"]}}, ["modelArtifacts.features", "only TextGeneration"]),
        ({"modelArtifacts": {"aliases": ["a"]}}, ["modelArtifacts.aliases", "one name", "remove them"]),
        (
            {"modelArtifacts": {"adapters": [{"name": "a", "uri": "hf://org/a"}]}},
            ["modelArtifacts.adapters", "does not load LoRA adapters", "remove it"],
        ),
        ({"accelerator": {"type": "amd"}}, ["accelerator.type", "does not run on amd", "accelerator.type: nvidia"]),
        ({"accelerator": {"type": "cpu"}}, ["accelerator.type", "does not run on cpu", "accelerator.type: nvidia"]),
        ({"auth": {"apiKeySecret": {"name": "k"}}}, ["auth.apiKeySecret.name", "checks no key", "gateway"]),
        (
            {"decode": {"monitoring": {"podmonitor": {"enabled": True}}}},
            [
                "decode.monitoring.podmonitor.enabled",
                "--extra_llm_api_options",
                "set engine.args.extra-llm-api-options",
            ],
        ),
    ],
)
def test_what_it_cannot_do_is_rejected(embedded: EmbeddedHelm, change: dict[str, Any], words: list[str]) -> None:
    assert_refused(embedded, values(**change), words)


def test_check_has_no_objections(embedded: EmbeddedHelm) -> None:
    assert rules(embedded, values(decode={"parallelism": {"tensor": 2}})) == set()


def test_a_flag_of_vllm_is_found(embedded: EmbeddedHelm) -> None:
    (found,) = findings(embedded, values(engine={"args": {"max-model-len": 8192}}))
    assert (found.rule, found.values, found.fix) == (
        "engine-flag-foreign",
        "engine.args.max-model-len",
        "use --max-seq-len",
    )


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
                        "image": IMAGES["tensorrtLLM"],
                        "command": ["trtllm-serve", "serve"],
                        "args": ["--trust_remote_code", "Qwen/Qwen3-32B", "--tp_size=2", "--port=8000", "--max_batch_size=64"],
                        "ports": [{"containerPort": 8000, "name": "http"}],
                        "resources": {"limits": {"nvidia.com/gpu": 2}},
                    }
                ]
            },
        },
    },
}  # fmt: skip


@pytest.fixture
def imported(tmp_path: Path) -> dict[str, Any]:
    file = tmp_path / "deployment.yaml"
    file.write_text(yaml.safe_dump(DEPLOYMENT))
    (release,) = import_files(None, [str(file)])
    found: dict[str, Any] = release.values
    return found


def test_a_deployment_of_it_is_recognised(imported: dict[str, Any]) -> None:
    assert imported["engine"]["type"] == "tensorrtLLM"
    assert imported["engine"]["args"] == {"trust-remote-code": True, "max-batch-size": 64}


def test_model_and_sizes_of_a_deployment_are_derived(imported: dict[str, Any]) -> None:
    assert imported["modelArtifacts"]["uri"] == "hf://Qwen/Qwen3-32B"
    assert imported["decode"]["parallelism"] == {"tensor": 2}


def test_an_imported_deployment_runs_the_same_words(render: Render, imported: dict[str, Any]) -> None:
    args = render(imported).engine()["args"]
    assert args[:3] == ["trtllm-serve", "serve", "Qwen/Qwen3-32B"]
    assert {"--trust_remote_code", "--max_batch_size", "--tp_size"} <= set(args)
