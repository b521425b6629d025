"""modelArtifacts: what the engine loads, from which volume, with which environment."""

import pytest

from support.render import Render


def single(uri: str, **artifacts: object) -> dict[str, object]:
    return {
        "modelArtifacts": {"name": "served/name", "uri": uri, **artifacts},
        "engine": {"image": "vllm/vllm-openai:v0.32.0", "modelCommand": "vllmServe"},
        "routing": {"proxy": {"enabled": False}},
        "prefill": {"create": False},
    }


@pytest.mark.parametrize(
    ("uri", "argument"),
    [
        ("hf://org/model", "org/model"),
        ("hf://model", "model"),
        ('hf://"{{ .Values.modelArtifacts.name }}"', "served/name"),
        ("pvc://claim/path/to/model", "/model-cache/path/to/model"),
        ("pvc://claim/path/", "/model-cache/path"),
        ("pvc+hf://claim/org/model", "org/model"),
        ("pvc+hf://claim/cache/hub/org/model", "org/model"),
        ("oci://registry.example.com/models/granite:1.0", "/model-cache"),
    ],
)
def test_the_engine_loads_what_the_uri_names(render: Render, uri: str, argument: str) -> None:
    assert render(single(uri)).engine()["args"][0] == argument


@pytest.mark.parametrize(
    ("uri", "volume"),
    [
        ("hf://org/model", {"emptyDir": {}}),
        ("pvc://claim/path", {"persistentVolumeClaim": {"claimName": "claim", "readOnly": True}}),
        ("pvc+hf://claim/org/model", {"persistentVolumeClaim": {"claimName": "claim", "readOnly": True}}),
        ("oci://reg.example.com/m:1", {"image": {"reference": "reg.example.com/m:1", "pullPolicy": "Always"}}),
    ],
)
def test_the_model_volume_follows_the_scheme(render: Render, uri: str, volume: dict[str, object]) -> None:
    volumes = {item["name"]: item for item in render(single(uri)).pod()["volumes"]}
    assert volumes["model-storage"] == {"name": "model-storage", **volume}


def test_size_limits_the_download_volume(render: Render) -> None:
    volumes = render(single("hf://org/model", size="20Gi")).pod()["volumes"]
    assert {"name": "model-storage", "emptyDir": {"sizeLimit": "20Gi"}} in volumes


def test_oci_pull_policy_is_the_users(render: Render) -> None:
    volumes = render(single("oci://r.example.com/m:1", imagePullPolicy="IfNotPresent")).pod()["volumes"]
    assert volumes[-1]["image"]["pullPolicy"] == "IfNotPresent"


@pytest.mark.parametrize(
    ("uri", "variable", "value"),
    [
        ("hf://org/model", "HF_HOME", "/models"),
        ("pvc+hf://claim/cache/hub/org/model", "HF_HUB_CACHE", "/models/cache/hub"),
    ],
)
def test_mount_path_is_honoured_by_every_derived_path(render: Render, uri: str, variable: str, value: str) -> None:
    objects = render(single(uri, mountPath="/models"))
    assert objects.env()[variable] == value
    assert objects.engine()["volumeMounts"][0]["mountPath"] == "/models"


def test_mount_path_is_the_root_of_a_path_on_a_claim(render: Render) -> None:
    assert render(single("pvc://claim/a/b", mountPath="/models")).engine()["args"][0] == "/models/a/b"


@pytest.mark.parametrize(("read_only", "expected"), [(True, True), (False, None)])
def test_read_only_reaches_claim_and_mount(render: Render, read_only: bool, expected: bool | None) -> None:
    objects = render(single("pvc://claim/a", readOnly=read_only))
    assert objects.pod()["volumes"][-1]["persistentVolumeClaim"].get("readOnly") is expected
    assert objects.engine()["volumeMounts"][0].get("readOnly") is expected


@pytest.mark.parametrize("uri", ["hf://org/model", "pvc://claim/a", "pvc+hf://claim/org/model", "oci://r.io/m:1"])
def test_the_token_comes_from_the_secret(render: Render, uri: str) -> None:
    token = render(single(uri, authSecretName="hf-secret")).env()["HF_TOKEN"]
    assert token == {"secretKeyRef": {"name": "hf-secret", "key": "HF_TOKEN"}}


def test_the_served_name_is_the_models_name(render: Render) -> None:
    args = render(single("hf://org/model")).engine()["args"]
    assert args[args.index("--served-model-name") + 1] == "served/name"


def test_the_old_model_name_key_still_names_the_model(render: Render) -> None:
    values = single("hf://org/model")
    del values["modelArtifacts"]["name"]  # type: ignore[attr-defined]
    values["routing"] = {"modelName": "old/name", "proxy": {"enabled": False}}
    args = render(values).engine()["args"]
    assert args[args.index("--served-model-name") + 1] == "old/name"


def test_a_volume_of_the_user_replaces_the_model_volume(render: Render) -> None:
    values = single("hf://org/model")
    mine = {"name": "model-storage", "hostPath": {"path": "/mnt/nvme"}}
    values["decode"] = {"volumes": [mine]}
    assert render(values).pod()["volumes"] == [mine]


def test_a_mount_of_the_user_is_not_repeated(render: Render) -> None:
    values = single("hf://org/model")
    values["engine"]["volumeMounts"] = [{"name": "model-storage", "mountPath": "/model-cache", "subPath": "x"}]  # type: ignore[index]
    assert render(values).engine()["volumeMounts"] == [
        {"name": "model-storage", "mountPath": "/model-cache", "subPath": "x"}
    ]


def test_no_volume_without_a_mount(render: Render) -> None:
    values = single("hf://org/model")
    values["engine"]["mountModelVolume"] = False  # type: ignore[index]
    objects = render(values)
    assert [volume["name"] for volume in objects.pod()["volumes"]] == ["metrics-volume"]
    assert "HF_HOME" not in objects.env()
