"""Where a model comes from: stores, revisions, mirrors, credentials, names."""

import pytest

from support.engines import secret, single, volumes
from support.render import Objects, Render


def flag(objects: Objects, name: str) -> str | None:
    args = objects.engine()["args"]
    return str(args[args.index(name) + 1]) if name in args else None


@pytest.mark.parametrize("uri", ["s3://bucket/path/llama", "gs://bucket/path/llama/"])
@pytest.mark.parametrize("engine", ["vllm", "sglang"])
def test_an_object_store_is_streamed(render: Render, engine: str, uri: str) -> None:
    objects = render(single(engine, uri=uri))
    assert uri.rstrip("/") in objects.engine()["args"]
    assert flag(objects, "--load-format") == "runai_streamer"
    assert "model-storage" not in volumes(objects)
    assert "initContainers" not in objects.pod()


def test_a_loader_of_the_user_wins(render: Render) -> None:
    values = single(uri="s3://bucket/llama")
    values["engine"]["args"] = {"load-format": "runai_streamer_sharded"}
    objects = render(values)
    assert flag(objects, "--load-format") == "runai_streamer_sharded"
    assert objects.engine()["args"].count("--load-format") == 1


def test_the_simulator_gets_no_loader(render: Render) -> None:
    assert flag(render(single("simulator", uri="s3://bucket/llama")), "--load-format") is None


def test_streaming_from_s3_uses_the_secret(render: Render) -> None:
    env = render(single(uri="s3://bucket/llama", credentials={"aws": {"name": "aws"}})).env()
    assert env["AWS_ACCESS_KEY_ID"] == secret("aws", "accessKeyID")
    assert env["AWS_SECRET_ACCESS_KEY"] == secret("aws", "secretAccessKey")


def test_the_keys_of_a_secret_are_the_users(render: Render) -> None:
    aws = {"name": "aws", "accessKeyID": "AWS_ACCESS_KEY_ID", "secretAccessKey": "AWS_SECRET_ACCESS_KEY"}
    env = render(single(uri="s3://bucket/llama", credentials={"aws": aws})).env()
    assert env["AWS_SECRET_ACCESS_KEY"] == secret("aws", "AWS_SECRET_ACCESS_KEY")


def test_streaming_from_gcs_mounts_the_key_file(render: Render) -> None:
    objects = render(single(uri="gs://bucket/llama", credentials={"gcp": {"name": "gcp"}}))
    (mount,) = objects.engine()["volumeMounts"]
    assert volumes(objects)["gcp-credentials"]["secret"] == {
        "secretName": "gcp",
        "items": [{"key": "jsonKeyfile", "path": "credentials.json"}],
    }
    assert objects.env()["GOOGLE_APPLICATION_CREDENTIALS"] == f"{mount['mountPath']}/credentials.json"
    assert mount["readOnly"] is True


@pytest.mark.parametrize("uri", ["hf://org/model", "pvc://claim/path"])
def test_credentials_that_nothing_needs_are_left_out(render: Render, uri: str) -> None:
    stores = {"aws": {"name": "a"}, "gcp": {"name": "g"}, "alibaba": {"name": "o"}}
    assert render(single(uri=uri, credentials=stores)).items == render(single(uri=uri)).items


def test_an_own_s3_installation(render: Render) -> None:
    env = render(single(uri="s3://bucket/llama", endpoint="http://minio:9000")).env()
    assert env["AWS_ENDPOINT_URL"] == "http://minio:9000"
    assert env["RUNAI_STREAMER_S3_USE_VIRTUAL_ADDRESSING"] == "0"


def test_a_mirror_of_hugging_face_serves_engine_and_download(render: Render) -> None:
    objects = render(single(uri="hf://org/model", endpoint="https://hf-mirror.com", download={"enabled": True}))
    (download,) = objects.pod()["initContainers"]
    assert objects.env()["HF_ENDPOINT"] == "https://hf-mirror.com"
    assert {"name": "HF_ENDPOINT", "value": "https://hf-mirror.com"} in download["env"]


def test_a_mirror_serves_adapters_of_a_model_on_a_claim(render: Render) -> None:
    adapters = [{"name": "a", "uri": "hf://org/a"}]
    env = render(single(uri="pvc://claim/m", endpoint="https://hf-mirror.com", adapters=adapters)).env()
    assert env["HF_ENDPOINT"] == "https://hf-mirror.com"


@pytest.mark.parametrize(
    ("engine", "switch"), [("vllm", ("VLLM_USE_MODELSCOPE", "True")), ("sglang", ("SGLANG_USE_MODELSCOPE", "true"))]
)
def test_model_scope(render: Render, engine: str, switch: tuple[str, str]) -> None:
    objects = render(single(engine, uri="ms://org/model", endpoint="https://www.modelscope.ai/", authSecretName="s"))
    env = objects.env()
    assert "org/model" in objects.engine()["args"]
    assert env[switch[0]] == switch[1]
    assert env["MODELSCOPE_CACHE"] == "/model-cache"
    assert env["MODELSCOPE_ENDPOINT"] == "https://www.modelscope.ai/"
    assert env["MODELSCOPE_DOMAIN"] == "www.modelscope.ai"
    assert env["MODELSCOPE_API_TOKEN"] == secret("s", "HF_TOKEN")
    assert not {"HF_HOME", "HF_TOKEN"} & env.keys()


def test_the_token_may_have_another_key(render: Render) -> None:
    env = render(single(uri="hf://org/model", authSecretName="hf", authSecretKey="token")).env()
    assert env["HF_TOKEN"] == secret("hf", "token")


@pytest.mark.parametrize(
    ("engine", "option"), [("vllm", "--revision"), ("sglang", "--revision"), ("huggingface", "--model_revision")]
)
def test_a_revision(render: Render, engine: str, option: str) -> None:
    assert flag(render(single(engine, uri="hf://org/model", revision="v1.0")), option) == "v1.0"


def test_infinitys_revision_is_a_variable(render: Render) -> None:
    assert render(single("infinity", uri="hf://org/m", revision="v1")).env()["INFINITY_REVISION"] == "v1"


def test_a_local_path_needs_no_volume(render: Render) -> None:
    objects = render(single(uri="file:///opt/models/llama"))
    assert objects.engine()["args"][0] == "/opt/models/llama"
    assert "model-storage" not in volumes(objects)
    assert "HF_HOME" not in objects.env()


def test_a_local_path_on_a_claim_from_a_snapshot(render: Render) -> None:
    snapshot = {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "llama"}
    persistence = {"enabled": True, "size": "20Gi", "dataSource": snapshot}
    objects = render(single(uri="file:///model-cache/hub/llama", persistence=persistence))
    assert objects.one("PersistentVolumeClaim")["spec"]["dataSource"] == snapshot
    assert objects.engine()["args"][0] == "/model-cache/hub/llama"
    assert objects.engine()["volumeMounts"] == [{"name": "model-storage", "mountPath": "/model-cache"}]


def test_aliases_are_further_names(render: Render) -> None:
    args = render(single(uri="hf://org/model", aliases=["llama", "served", "default"])).engine()["args"]
    start = args.index("--served-model-name")
    assert args[start + 1 : start + 4] == ["served", "llama", "default"]


@pytest.mark.parametrize("features", [["TextEmbedding"], ["Reranking", "Scoring"], ["Classification"]])
def test_a_model_that_generates_nothing_is_a_pooling_model(render: Render, features: list[str]) -> None:
    assert flag(render(single(uri="hf://org/model", features=features)), "--runner") == "pooling"


@pytest.mark.parametrize(
    ("features", "embeds"), [(["TextEmbedding"], True), (["TextEmbedding", "TextGeneration"], False)]
)
def test_sglang_is_told_that_a_model_only_embeds(render: Render, features: list[str], embeds: bool) -> None:
    args = render(single("sglang", uri="hf://org/model", features=features)).engine()["args"]
    assert ("--is-embedding" in args) is embeds


@pytest.mark.parametrize("features", [[], ["TextGeneration"], ["SpeechToText"], ["TextGeneration", "TextEmbedding"]])
def test_any_other_model_is_vllms_to_judge(render: Render, features: list[str]) -> None:
    assert flag(render(single(uri="hf://org/model", features=features)), "--runner") is None
