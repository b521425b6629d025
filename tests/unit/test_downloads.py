"""Downloading before the engine starts, and the volumes that a download fills."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelservice import facts
from support.engines import secret, single, volumes
from support.patience import PATIENCE
from support.render import Objects, Render

SHARED = {"enabled": True, "accessModes": ["ReadWriteMany"], "size": "50Gi"}


def download(objects: Objects) -> dict[str, Any]:
    (container,) = objects.pod()["initContainers"]
    return dict(container)


def env(container: dict[str, Any]) -> dict[str, Any]:
    return {item["name"]: item.get("value", item.get("valueFrom")) for item in container.get("env", [])}


def test_nothing_is_downloaded_before_the_engine_starts_unless_asked(render: Render) -> None:
    assert "initContainers" not in render(single(uri="hf://org/model")).pod()


@pytest.mark.parametrize(
    ("uri", "command", "argument"),
    [
        ("hf://org/model", ["hf", "download", "org/model"], "org/model"),
        ("ms://org/model", ["modelscope", "download", "--model", "org/model"], "org/model"),
        ("s3://b/p/m", ["rclone", "copy", ":s3:b/p/m", "/model-cache/b/p/m"], "/model-cache/b/p/m"),
        ("gs://b/p/m", ["rclone", "copy", ":gcs:b/p/m", "/model-cache/b/p/m"], "/model-cache/b/p/m"),
    ],
)
def test_an_init_container_downloads(render: Render, uri: str, command: list[str], argument: str) -> None:
    objects = render(single(uri=uri, download={"enabled": True}))
    container = download(objects)
    assert container["name"] == "download-model"
    assert container["command"] == command
    assert container["volumeMounts"] == [{"name": "model-storage", "mountPath": "/model-cache"}]
    assert objects.engine()["args"][0] == argument
    assert "--load-format" not in objects.engine()["args"]


CA_BUNDLES = [
    ({"configMap": "store-ca"}, {"configMap": {"name": "store-ca", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}),
    (
        {"secret": "store-ca", "key": "tls.pem"},
        {"secret": {"secretName": "store-ca", "items": [{"key": "tls.pem", "path": "ca.crt"}]}},
    ),
]


@pytest.mark.parametrize(("bundle", "volume"), CA_BUNDLES)
@pytest.mark.parametrize("uri", ["hf://org/model", "ms://org/model", "s3://bucket/model", "oss://bucket/model"])
def test_everything_that_downloads_trusts_the_given_authorities(
    render: Render, bundle: dict[str, str], volume: dict[str, Any], uri: str
) -> None:
    endpoint = {"endpoint": "https://oss.example.com"} if uri.startswith("oss") else {}
    asked = {"enabled": True, "image": "example.com/tools:1"}
    adapters = [{"name": "sql", "uri": "hf://org/sql"}]
    objects = render(single(uri=uri, caBundle=bundle, download=asked, adapters=adapters, **endpoint))
    model, adapter = objects.pod()["initContainers"]
    for container in (model, adapter, objects.pod()["containers"][0]):
        (mount,) = (mount for mount in container["volumeMounts"] if mount["name"] == "ca-bundle")
        given = env(container)
        paths = [given[variable.name] for variable in facts.certificates().variables]
        assert paths == [f"{mount['mountPath']}/ca.crt"] * 3
    assert volumes(objects)["ca-bundle"] == {"name": "ca-bundle", **volume}


def test_a_job_trusts_the_given_authorities(render: Render) -> None:
    pod = render(shared(caBundle={"configMap": "store-ca"})).one("Job")["spec"]["template"]["spec"]
    assert {volume["name"] for volume in pod["volumes"]} == {"model-storage", "ca-bundle"}
    assert env(pod["containers"][0])["SSL_CERT_FILE"] == "/etc/ca-bundle/ca.crt"


def test_a_variable_of_the_user_replaces_the_given_authorities(render: Render) -> None:
    own = {"enabled": True, "env": {"SSL_CERT_FILE": "/own.pem"}}
    objects = render(single(uri="hf://org/model", caBundle={"configMap": "store-ca"}, download=own))
    assert env(download(objects))["SSL_CERT_FILE"] == "/own.pem"
    assert objects.env()["SSL_CERT_FILE"] == "/etc/ca-bundle/ca.crt"


def test_the_engines_cache_is_what_a_hugging_face_download_fills(render: Render) -> None:
    objects = render(single(uri="hf://org/m", revision="v1", authSecretName="hf", download={"enabled": True}))
    container = download(objects)
    assert container["image"] == objects.engine()["image"]
    assert env(container) == {"HF_HOME": "/model-cache", "HF_TOKEN": secret("hf", "HF_TOKEN")}
    assert container["command"][-2:] == ["--revision", "v1"]


def test_a_download_from_alibaba(render: Render) -> None:
    values = single(
        uri="oss://bucket/m",
        endpoint="https://oss-cn-hangzhou.aliyuncs.com",
        credentials={"alibaba": {"name": "oss"}},
        authSecretName="hf",
    )
    container = download(render(values))
    assert container["command"] == ["rclone", "copy", ":s3:bucket/m", "/model-cache/bucket/m"]
    assert env(container) == {
        "RCLONE_S3_ACCESS_KEY_ID": secret("oss", "accessKeyID"),
        "RCLONE_S3_SECRET_ACCESS_KEY": secret("oss", "accessKeySecret"),
        "RCLONE_S3_PROVIDER": "Alibaba",
        "RCLONE_S3_ENDPOINT": "https://oss-cn-hangzhou.aliyuncs.com",
    }


def test_a_download_from_an_own_s3(render: Render) -> None:
    values = single(uri="s3://bucket/m", endpoint="http://minio:9000", download={"enabled": True})
    values["modelArtifacts"]["credentials"] = {"aws": {"name": "aws"}}
    objects = render(values)
    variables = env(download(objects))
    assert variables["RCLONE_S3_PROVIDER"] == "Other"
    assert variables["RCLONE_S3_ENDPOINT"] == "http://minio:9000"
    assert variables["AWS_ACCESS_KEY_ID"] == secret("aws", "accessKeyID")
    assert "AWS_ACCESS_KEY_ID" not in objects.env(), "the engine does not speak to the store"


def test_a_download_from_gcs_mounts_the_key_file(render: Render) -> None:
    objects = render(single(uri="gs://bucket/m", credentials={"gcp": {"name": "gcp"}}, download={"enabled": True}))
    assert download(objects)["volumeMounts"][1]["name"] == "gcp-credentials"
    assert "gcp-credentials" in volumes(objects)
    assert [mount["name"] for mount in objects.engine()["volumeMounts"]] == ["model-storage"]


@pytest.mark.parametrize("engine", ["infinity", "huggingface"])
def test_an_engine_that_cannot_stream_gets_a_download(render: Render, engine: str) -> None:
    objects = render(single(engine, uri="s3://bucket/m"))
    assert download(objects)["command"][0] == "rclone"
    argument = objects.env().get("INFINITY_MODEL_ID") or objects.engine()["args"][3]
    assert argument == "/model-cache/bucket/m"


def test_image_command_variables_and_resources_of_a_download_are_the_users(render: Render) -> None:
    options = {
        "enabled": True,
        "image": "example.com/loader:1",
        "command": ["load", "{{ .Values.modelArtifacts.name }}"],
        "env": {"HTTPS_PROXY": "http://proxy", "WORKERS": 4, "KEY": {"valueFrom": secret("s", "k")}},
        "resources": {"limits": {"memory": "2Gi"}},
    }
    values = {**single(uri="hf://org/m", download=options), "global": {"imageRegistry": "mirror.example.com"}}
    container = download(render(values))
    assert container["image"] == "mirror.example.com/loader:1"
    assert container["command"] == ["load", "served"]
    assert env(container) == {
        "HF_HOME": "/model-cache", "HTTPS_PROXY": "http://proxy", "WORKERS": "4", "KEY": secret("s", "k"),
    }  # fmt: skip
    assert container["resources"] == {"limits": {"memory": "2Gi"}}


def test_a_download_runs_as_the_user_that_the_engine_is(render: Render) -> None:
    values = single(uri="hf://org/m", download={"enabled": True})
    values["engine"]["securityContext"] = {"runAsUser": 1000, "runAsNonRoot": True}
    assert download(render(values))["securityContext"] == {"runAsUser": 1000, "runAsNonRoot": True}


def test_every_pod_of_a_group_downloads(render: Render) -> None:
    values = single(uri="hf://org/m", download={"enabled": True})
    values |= {"multinode": True, "decode": {"parallelism": {"tensor": 8, "pipeline": 2, "workers": 2}}}
    objects = render(values)
    for part in ("leaderTemplate", "workerTemplate"):
        assert [item["name"] for item in objects.pod("decode", part)["initContainers"]] == ["download-model"]


def test_the_download_comes_before_proxy_and_own_init_containers(render: Render) -> None:
    values = single(uri="hf://org/m", download={"enabled": True})
    values["routing"] = {"proxy": {"enabled": True}}
    values["decode"] = {"initContainers": [{"name": "mine", "image": "busybox"}]}
    names = [container["name"] for container in render(values).pod()["initContainers"]]
    assert names == ["download-model", "routing-proxy", "mine"]


# --- volumes -----------------------------------------------------------------------------------


def test_a_volume_without_a_size_has_no_limit_that_evicts_the_pod(render: Render) -> None:
    assert volumes(render(single(uri="hf://org/m")))["model-storage"] == {"name": "model-storage", "emptyDir": {}}


def test_an_ephemeral_volume_is_a_claim_of_each_pod(render: Render) -> None:
    values = single(uri="hf://org/m", size="50Gi", volume={"type": "ephemeral", "storageClassName": "fast"})
    claim = volumes(render(values))["model-storage"]["ephemeral"]["volumeClaimTemplate"]["spec"]
    assert claim == {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "50Gi"}},
        "storageClassName": "fast",
    }


def test_a_claim_of_the_chart(render: Render) -> None:
    persistence = {
        "enabled": True,
        "size": "100Gi",
        "storageClassName": "nfs",
        "accessModes": ["ReadWriteMany"],
        "volumeName": "pv-1",
        "retain": True,
        "annotations": {"team": "a"},
    }
    objects = render(single(uri="hf://org/m", size="1Gi", persistence=persistence))
    claim = objects.one("PersistentVolumeClaim")
    assert claim["metadata"]["annotations"] == {"team": "a", "helm.sh/resource-policy": "keep"}
    assert claim["spec"] == {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": "100Gi"}},
        "storageClassName": "nfs",
        "volumeName": "pv-1",
    }
    assert volumes(objects)["model-storage"]["persistentVolumeClaim"] == {"claimName": claim["metadata"]["name"]}


def test_a_claim_goes_with_the_release_unless_it_is_retained(render: Render) -> None:
    claim = render(single(uri="hf://org/m", size="1Gi", persistence={"enabled": True})).one("PersistentVolumeClaim")
    assert "annotations" not in claim["metadata"]


def test_an_empty_storage_class_is_a_statement(render: Render) -> None:
    persistence = {"enabled": True, "storageClassName": ""}
    claim = render(single(uri="hf://org/m", size="1Gi", persistence=persistence)).one("PersistentVolumeClaim")
    assert claim["spec"]["storageClassName"] == ""


def test_an_existing_claim(render: Render) -> None:
    objects = render(single(uri="hf://org/m", persistence={"enabled": True, "existingClaim": "models"}))
    assert objects.all("PersistentVolumeClaim") == []
    assert volumes(objects)["model-storage"]["persistentVolumeClaim"] == {"claimName": "models"}


def test_a_new_pod_does_not_wait_for_the_claim_of_the_old_one(render: Render) -> None:
    values = single(uri="hf://org/m", size="1Gi", persistence={"enabled": True})
    assert render(values).workload()["spec"]["strategy"] == {"type": "Recreate"}
    mine = {**values, "decode": {"strategy": {"type": "RollingUpdate"}}}
    assert render(mine).workload()["spec"]["strategy"] == {"type": "RollingUpdate"}
    values["modelArtifacts"]["persistence"]["accessModes"] = ["ReadWriteMany"]
    assert "strategy" not in render(values).workload()["spec"]


# --- the Job -----------------------------------------------------------------------------------


def shared(**artifacts: Any) -> dict[str, Any]:
    values = single(uri="hf://org/m", persistence=SHARED, download={"job": True}, **artifacts)
    return {**values, "decode": {"replicas": 4}}


def test_a_job_downloads_once_and_the_pods_wait(render: Render) -> None:
    objects = render(shared())
    (container,) = objects.one("Job")["spec"]["template"]["spec"]["containers"]
    assert container["command"][4:] == ["hf", "download", "org/m"]
    wait = download(objects)
    assert wait["name"] == "wait-for-model"
    assert wait["command"][-1] == container["command"][3], "both speak of the same file"
    assert wait["image"] == container["image"]


def test_job_and_pods_mount_the_same_claim(render: Render) -> None:
    objects = render(shared())
    (volume,) = objects.one("Job")["spec"]["template"]["spec"]["volumes"]
    assert volume == volumes(objects)["model-storage"]


def test_another_model_is_another_job_and_another_file(render: Render) -> None:
    one, other = render(shared()), render(shared(revision="v2"))
    assert one.one("Job")["metadata"]["name"] != other.one("Job")["metadata"]["name"]
    assert download(one)["command"] != download(other)["command"]


def test_a_change_of_what_cannot_be_changed_in_a_job_is_another_job(render: Render) -> None:
    names = {
        render(shared(**change)).one("Job")["metadata"]["name"]
        for change in ({}, {"authSecretName": "hf"}, {"endpoint": "https://hf-mirror.com"})
    }
    assert len(names) == 3


def test_no_workload_or_pool_selects_the_pods_of_the_job(render: Render) -> None:
    objects = render(shared())
    labels = objects.one("Job")["spec"]["template"]["metadata"]["labels"]
    selector = objects.workload()["spec"]["selector"]["matchLabels"]
    assert not selector.items() <= labels.items()
    assert "llm-d.ai/inference-serving" not in labels


def test_the_name_of_a_job_fits(render: Render) -> None:
    name = render(shared(), name="a" * 53).one("Job")["metadata"]["name"]
    assert len(name) <= 63


def test_the_jobs_shell_leaves_its_mark_only_after_success(render: Render, tmp_path: Path) -> None:
    """The command as a real shell runs it."""
    (container,) = render(shared()).one("Job")["spec"]["template"]["spec"]["containers"]
    marker = tmp_path / "marker"
    for program, left in (("false", False), ("true", True)):
        command = [*container["command"][:3], str(marker), program]
        subprocess.run(command, check=False)
        assert marker.exists() is left


# --- with the real program ----------------------------------------------------------------------

RCLONE = Path(sys.executable).with_name("rclone")
KEYS = {"accessKeyID": "AKIDEXAMPLE000000001", "secretAccessKey": "wJalrXUtnFEMIK7MDENGbPxRfiCY"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[str]:
    """An S3 server with the bucket ``models``; its address."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{found.getsockname()[1]}"
    files = tmp_path / "store" / "models" / "org" / "llama"
    files.mkdir(parents=True)
    (files / "config.json").write_text("{}")
    command = [
        str(RCLONE),
        "serve",
        "s3",
        "--auth-key",
        ",".join(KEYS.values()),
        "--addr",
        address,
        str(tmp_path / "store"),
    ]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        deadline = time.monotonic() + PATIENCE
        while server.poll() is None and time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", int(address.split(":")[1]))) == 0:
                    break
            time.sleep(0.05)
        yield f"http://{address}"
        server.terminate()


@pytest.mark.parametrize(
    ("scheme", "credentials", "keys"),
    [
        ("s3", {"aws": {"name": "keys"}}, KEYS),
        ("oss", {"alibaba": {"name": "keys"}}, {**KEYS, "accessKeySecret": KEYS["secretAccessKey"]}),
    ],
)
def test_rclone_understands_command_and_variables(
    render: Render, store: str, tmp_path: Path, scheme: str, credentials: dict[str, Any], keys: dict[str, str]
) -> None:
    values = single(uri=f"{scheme}://models/org/llama", endpoint=store, download={"enabled": True})
    values["modelArtifacts"] |= {"credentials": credentials, "mountPath": str(tmp_path / "cache")}
    objects = render(values)
    container = download(objects)
    variables = {
        name: keys[value["secretKeyRef"]["key"]] if isinstance(value, dict) else value
        for name, value in env(container).items()
    }
    command = [str(RCLONE), *container["command"][1:]]
    subprocess.run(command, env={**os.environ, **variables, "RCLONE_CONFIG": "/dev/null"}, check=True, timeout=PATIENCE)
    assert (Path(objects.engine()["args"][0]) / "config.json").read_text() == "{}"
