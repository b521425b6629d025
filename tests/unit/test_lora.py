"""LoRA adapters: what the engine is told, and how they get into the pod."""

import json
from typing import Any

import pytest

from support.engines import secret, single, volumes
from support.render import Objects, Render


def lora(*uris: str, engine: str = "vllm", **artifacts: Any) -> dict[str, Any]:
    adapters = [{"name": f"adapter{i}", "uri": uri} for i, uri in enumerate(uris)]
    return single(engine, **{"uri": "hf://org/base", "adapters": adapters, **artifacts})


def modules(objects: Objects) -> list[dict[str, str]]:
    args = objects.engine()["args"]
    rest = args[args.index("--lora-modules") + 1 :]
    return [json.loads(item) for item in rest if item.startswith("{")]


def flag(objects: Objects, name: str) -> str | None:
    args = objects.engine()["args"]
    return str(args[args.index(name) + 1]) if name in args else None


@pytest.mark.parametrize("engine", ["vllm", "sglang", "simulator"])
def test_without_adapters_there_is_no_trace(render: Render, engine: str) -> None:
    assert not [arg for arg in render(single(engine, uri="hf://org/base")).engine()["args"] if "lora" in arg]


def test_vllm_loads_adapters_under_their_names(render: Render) -> None:
    objects = render(lora("hf://org/sql", "file:///adapters/math"))
    assert "--enable-lora" in objects.engine()["args"]
    assert modules(objects) == [
        {"name": "adapter0", "path": "org/sql"},
        {"name": "adapter1", "path": "/adapters/math"},
    ]


def test_sglang_loads_adapters_under_their_names(render: Render) -> None:
    limits = {"maxRank": 64, "maxLoras": 4, "maxCpuLoras": 8}
    objects = render(lora("hf://org/sql", "pvc://claim/math", engine="sglang", lora=limits))
    args = objects.engine()["args"]
    start = args.index("--lora-paths")
    assert args[start + 1 : start + 3] == ["adapter0=org/sql", "adapter1=/adapters/adapter1"]
    assert flag(objects, "--max-lora-rank") == "64"
    assert flag(objects, "--max-loras-per-batch") == "4"
    assert flag(objects, "--max-loaded-loras") == "8"


def test_the_simulator_gets_only_flags_that_it_knows(render: Render) -> None:
    args = render(lora("hf://org/sql", engine="simulator", lora={"maxRank": 8, "dynamic": True})).engine()["args"]
    assert "--lora-modules" in args
    assert not {"--enable-lora", "--max-lora-rank"} & set(args)


def test_limits(render: Render) -> None:
    objects = render(lora("hf://org/sql", lora={"maxRank": 128, "maxLoras": 2, "maxCpuLoras": 6}))
    assert flag(objects, "--max-lora-rank") == "128"
    assert flag(objects, "--max-loras") == "2"
    assert flag(objects, "--max-cpu-loras") == "6"


def test_all_adapters_fit_in_a_batch_by_default(render: Render) -> None:
    assert flag(render(lora("hf://org/a", "hf://org/b", "hf://org/c")), "--max-loras") == "3"
    assert flag(render(lora("hf://org/a")), "--max-loras") is None


def test_loading_at_run_time(render: Render) -> None:
    objects = render(lora(lora={"dynamic": True, "maxLoras": 4}))
    assert objects.env()["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "True"
    assert "--enable-lora" in objects.engine()["args"]
    assert "--lora-modules" not in objects.engine()["args"]


def test_adapters_are_fixed_unless_said_otherwise(render: Render) -> None:
    assert "VLLM_ALLOW_RUNTIME_LORA_UPDATING" not in render(lora("hf://org/a")).env()


@pytest.mark.parametrize(
    ("uri", "command"),
    [
        ("s3://bucket/sql", ["rclone", "copy", ":s3:bucket/sql", "/adapters/adapter0"]),
        ("gs://bucket/sql", ["rclone", "copy", ":gcs:bucket/sql", "/adapters/adapter0"]),
        ("ms://org/sql", ["modelscope", "download", "--model", "org/sql", "--local_dir", "/adapters/adapter0"]),
    ],
)
def test_an_adapter_is_downloaded_from_any_store(render: Render, uri: str, command: list[str]) -> None:
    objects = render(lora(uri))
    (container,) = objects.pod()["initContainers"]
    assert container["command"] == command
    assert modules(objects)[0]["path"] == "/adapters/adapter0"
    assert {"name": "adapters", "mountPath": "/adapters"} in container["volumeMounts"]
    assert {"name": "adapters", "mountPath": "/adapters"} in objects.engine()["volumeMounts"]
    assert volumes(objects)["adapters"]["emptyDir"] == {}


def test_an_adapter_from_alibaba_beside_its_model(render: Render) -> None:
    values = lora("oss://bucket/sql", uri="oss://bucket/base", endpoint="https://oss-cn-hangzhou.aliyuncs.com")
    commands = [item["command"][2] for item in render(values).pod()["initContainers"]]
    assert commands == [":s3:bucket/base", ":s3:bucket/sql"]


def test_adapters_of_one_store_share_volume_and_credentials(render: Render) -> None:
    objects = render(lora("gs://b/one", "gs://b/two", credentials={"gcp": {"name": "gcp"}}))
    names = [volume["name"] for volume in objects.pod()["volumes"]]
    assert sorted(names) == ["adapters", "gcp-credentials", "metrics-volume", "model-storage"]


def test_an_adapter_of_hugging_face_is_downloaded_with_the_model(render: Render) -> None:
    objects = render(lora("hf://org/sql", download={"enabled": True}, authSecretName="hf"))
    adapter = objects.pod()["initContainers"][1]
    variables = {item["name"]: item.get("value", item.get("valueFrom")) for item in adapter["env"]}
    assert adapter["command"] == ["hf", "download", "org/sql", "--local-dir", "/adapters/adapter0"]
    assert variables == {"HF_TOKEN": secret("hf", "HF_TOKEN"), "HF_HOME": "/adapters/.cache"}
    assert modules(objects)[0]["path"] == "/adapters/adapter0"


def test_an_adapter_on_a_claim(render: Render) -> None:
    objects = render(lora("pvc://claim/loras/sql"))
    assert volumes(objects)["adapter-0"]["persistentVolumeClaim"] == {"claimName": "claim"}
    assert objects.engine()["volumeMounts"][-1] == {
        "name": "adapter-0", "mountPath": "/adapters/adapter0", "subPath": "loras/sql", "readOnly": True,
    }  # fmt: skip


def test_an_adapter_in_an_image(render: Render) -> None:
    objects = render(lora("oci://registry.example.com/sql:1"))
    assert volumes(objects)["adapter-0"]["image"]["reference"] == "registry.example.com/sql:1"
    assert modules(objects)[0]["path"] == objects.engine()["volumeMounts"][-1]["mountPath"]


def test_both_roles_load_the_adapters(render: Render) -> None:
    values = lora("s3://b/one")
    values |= {"routing": {}, "prefill": {"replicas": 1}}
    objects = render(values)
    for role in ("decode", "prefill"):
        assert "--lora-modules" in objects.engine(role)["args"]
        assert objects.pod(role)["initContainers"][0]["name"] == "download-adapter-0"
