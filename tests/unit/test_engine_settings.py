"""The engine container: commands, composable arguments and environment, precedence."""

from typing import Any

import pytest

from support.render import Render

IMAGE = "vllm/vllm-openai:v0.32.0"


def values(
    engine: dict[str, Any] | None = None, container: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    decode: dict[str, Any] = {}
    if container is not None:
        decode["containers"] = [{"name": "vllm", "image": IMAGE, **container}]
    return {
        "modelArtifacts": {"name": "org/model"},
        "engine": engine or {},
        "routing": {"proxy": {"enabled": False}},
        "decode": decode,
        "prefill": {"create": False},
        **more,
    }


@pytest.mark.parametrize(
    ("model_command", "command", "args"),
    [
        ("vllmServe", ["vllm", "serve"], ["org/model", "--port", "8000", "--served-model-name", "org/model"]),
        ("imageDefault", None, ["--model", "org/model", "--port", "8000", "--served-model-name", "org/model"]),
        (
            "sglangServe",
            ["python3", "-m", "sglang.launch_server"],
            [
                "--model-path",
                "org/model",
                "--host",
                "0.0.0.0",
                "--port",
                "8000",
                "--enable-metrics",
                "--served-model-name",
                "org/model",
            ],
        ),
    ],
)
def test_each_model_command_has_its_derived_arguments(
    render: Render, model_command: str, command: list[str] | None, args: list[str]
) -> None:
    engine = render(values(container={"modelCommand": model_command})).engine()
    assert engine.get("command") == command
    assert engine["args"] == args


def test_a_custom_command_gets_nothing_derived(render: Render) -> None:
    engine = render(values(container={"modelCommand": "custom", "command": ["serve"], "args": ["--x"]})).engine()
    assert (engine["command"], engine["args"]) == (["serve"], ["--x"])


def test_a_listed_container_with_a_command_is_custom(render: Render) -> None:
    engine = render(values({"modelCommand": "vllmServe"}, {"command": ["serve"]})).engine()
    assert engine["command"] == ["serve"]
    assert "args" not in engine


def test_the_users_arguments_come_last(render: Render) -> None:
    args = render(values(container={"modelCommand": "vllmServe", "args": ["--enforce-eager"]})).engine()["args"]
    assert args[-1] == "--enforce-eager"


@pytest.mark.parametrize(
    "spelling", [["--served-model-name", "mine"], ["--served-model-name=mine"], ["--served_model_name", "mine"]]
)
def test_a_flag_of_the_user_is_not_derived(render: Render, spelling: list[str]) -> None:
    args = render(values(container={"modelCommand": "vllmServe", "args": spelling})).engine()["args"]
    assert args == ["org/model", "--port", "8000", *spelling]


def test_a_port_of_the_user_is_not_derived(render: Render) -> None:
    args = render(values(container={"modelCommand": "vllmServe", "args": ["--port", "8000"]})).engine()["args"]
    assert args.count("--port") == 1


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        ({"max-model-len": 8192}, ["--max-model-len", "8192"]),
        ({"max-model-len": 1000000}, ["--max-model-len", "1000000"]),
        ({"gpu-memory-utilization": 0.9}, ["--gpu-memory-utilization", "0.9"]),
        ({"dtype": "auto"}, ["--dtype", "auto"]),
        ({"enable-prefix-caching": True}, ["--enable-prefix-caching"]),
        ({"enable-prefix-caching": False}, ["--no-enable-prefix-caching"]),
        ({"lora-modules": ["a=/a", "b=/b"]}, ["--lora-modules", "a=/a", "b=/b"]),
        ({"kv-events-config": {"publisher": "zmq"}}, ["--kv-events-config", '{"publisher":"zmq"}']),
        ({"max-model-len": None}, []),
        ({"b": 1, "a": 2}, ["--a", "2", "--b", "1"]),
    ],
)  # fmt: skip
def test_engine_args_are_rendered_by_type(render: Render, flag: dict[str, Any], expected: list[str]) -> None:
    engine = {"image": IMAGE, "modelCommand": "vllmServe", "args": flag}
    args = render(values(engine)).engine()["args"]
    assert args[args.index("--served-model-name") + 2 :] == expected


def test_null_removes_a_derived_flag(render: Render) -> None:
    engine = {"image": IMAGE, "modelCommand": "vllmServe", "args": {"served-model-name": None}}
    assert "--served-model-name" not in render(values(engine)).engine()["args"]


def test_a_flag_of_engine_args_replaces_the_derived_one(render: Render) -> None:
    engine = {"image": IMAGE, "modelCommand": "vllmServe", "args": {"served-model-name": "mine"}}
    args = render(values(engine)).engine()["args"]
    assert args.count("--served-model-name") == 1
    assert args[args.index("--served-model-name") + 1] == "mine"


def test_role_args_win_over_top_level_and_container_args_over_both(render: Render) -> None:
    wanted = values({"modelCommand": "vllmServe", "args": {"a": 1, "b": 1, "c": 1}}, {"args": ["--c", "3"]})
    wanted["decode"]["engine"] = {"args": {"b": 2, "a": None}}
    args = render(wanted).engine()["args"]
    assert args[args.index("--served-model-name") + 2 :] == ["--b", "2", "--c", "3"]


def test_false_of_a_role_wins_over_true_of_the_top_level(render: Render) -> None:
    wanted = values({"image": IMAGE, "modelCommand": "vllmServe", "args": {"enforce-eager": True}})
    wanted["decode"]["engine"] = {"args": {"enforce-eager": False}}
    assert "--no-enforce-eager" in render(wanted).engine()["args"]


def test_engine_fields_merge_and_the_listed_container_wins(render: Render) -> None:
    wanted = values(
        {"image": "a:1", "imagePullPolicy": "Always", "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}},
        {"modelCommand": "vllmServe", "resources": {"limits": {"cpu": "2"}}},
    )
    engine = render(wanted).engine()
    assert engine["image"] == IMAGE
    assert engine["imagePullPolicy"] == "Always"
    assert engine["resources"]["limits"] == {"cpu": "2", "memory": "1Gi", "nvidia.com/gpu": "1"}


def test_environment_has_the_originals_order(render: Render) -> None:
    wanted = values(
        {"modelCommand": "vllmServe", "env": {"B": "b", "A": 1}},
        {"env": [{"name": "Z", "value": "z"}, {"name": "B", "value": "mine"}], "mountModelVolume": True},
        tracing={"enabled": True},
    )
    wanted["modelArtifacts"]["authSecretName"] = "secret"
    names = [variable["name"] for variable in render(wanted).engine()["env"]]
    assert names == [
        "Z", "B", "A", "DP_SIZE", "TP_SIZE", "DP_SIZE_LOCAL", "HF_HOME", "HF_TOKEN", "OTEL_SERVICE_NAME",
        "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_EXPORTER", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG",
    ]  # fmt: skip


def test_a_variable_of_the_user_is_not_derived(render: Render) -> None:
    env = [{"name": "HF_HOME", "value": "/mine"}, {"name": "DP_SIZE_LOCAL", "value": "8"}]
    found = render(values(container={"modelCommand": "vllmServe", "env": env, "mountModelVolume": True})).env()
    assert (found["HF_HOME"], found["DP_SIZE_LOCAL"]) == ("/mine", "8")


def test_null_removes_a_derived_variable(render: Render) -> None:
    assert "TP_SIZE" not in render(values({"image": IMAGE, "env": {"TP_SIZE": None}})).env()


def test_engine_env_takes_values_and_sources(render: Render) -> None:
    source = {"fieldRef": {"fieldPath": "status.podIP"}}
    env = render(values({"env": {"HOST": {"valueFrom": source}, "N": 5600, "T": True, "F": 0.5}})).env()
    assert (env["HOST"], env["N"], env["T"], env["F"]) == (source, "5600", "true", "0.5")


def test_env_and_ports_are_templates_and_args_are_not(render: Render) -> None:
    wanted = values(
        container={
            "modelCommand": "vllmServe",
            "env": [{"name": "MODEL", "value": "{{ .Values.modelArtifacts.name }}"}],
            "ports": [{"containerPort": "{{ .Values.routing.servicePort }}"}],
            "args": ["--chat-template", "{{ messages }}"],
        }
    )
    objects = render(wanted)
    assert objects.env()["MODEL"] == "org/model"
    assert objects.engine()["ports"] == [{"containerPort": 8000}]
    assert objects.engine()["args"][-1] == "{{ messages }}"


def test_a_variable_given_twice_keeps_the_last_value(render: Render) -> None:
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}, {"name": "A", "value": "3"}]
    found = render(values(container={"modelCommand": "vllmServe", "env": env})).engine()["env"][:2]
    assert found == [{"name": "A", "value": "3"}, {"name": "B", "value": "2"}]


def test_without_containers_the_engine_is_the_simulator_with_the_model_mounted(render: Render) -> None:
    engine = render(values()).engine()
    assert engine["image"] == "ghcr.io/llm-d/llm-d-inference-sim:latest"
    assert engine["volumeMounts"] == [{"name": "model-storage", "mountPath": "/model-cache"}]
    assert "command" not in engine


def test_extra_config_of_a_container_is_merged_last(render: Render) -> None:
    wanted = values(
        container={
            "modelCommand": "vllmServe",
            "imagePullPolicy": "IfNotPresent",
            "env": [{"name": "A", "value": "1"}],
            "volumeMounts": [{"name": "metrics-volume", "mountPath": "/a"}],
            "extraConfig": {
                "imagePullPolicy": "Always",
                "env": [{"name": "A", "value": "2"}, {"name": "NEW", "value": "{{ .Release.Name }}"}],
                "volumeMounts": [{"name": "metrics-volume", "mountPath": "/b"}],
                "securityContext": {"runAsUser": 1000660000},
            },
        }
    )
    objects = render(wanted)
    engine = objects.engine()
    assert engine["imagePullPolicy"] == "Always"
    assert (objects.env()["A"], objects.env()["NEW"]) == ("2", "test")
    assert [mount["mountPath"] for mount in engine["volumeMounts"]] == ["/a", "/b"]
    assert engine["securityContext"] == {"runAsUser": 1000660000}


def test_fields_of_a_container_reach_the_pod(render: Render) -> None:
    fields = {
        "livenessProbe": {"httpGet": {"path": "/health", "port": 8000}},
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", "15"]}}},
        "securityContext": {"capabilities": {"add": ["IPC_LOCK"]}},
        "workingDir": "/code",
        "stdin": True,
        "tty": True,
        "imagePullPolicy": "Never",
    }
    engine = render(values(container={"modelCommand": "vllmServe", **fields})).engine()
    assert {name: engine[name] for name in fields} == fields


def test_a_sidecar_gets_what_it_declares_and_nothing_of_the_engine(render: Render) -> None:
    wanted = values(container={"modelCommand": "vllmServe", "mountModelVolume": True})
    wanted["modelArtifacts"]["authSecretName"] = "secret"
    wanted["decode"]["containers"].append({"name": "log", "image": "busybox", "env": [{"name": "A", "value": "1"}]})
    log = render(wanted).pod()["containers"][1]
    assert log == {"name": "log", "image": "busybox", "env": [{"name": "A", "value": "1"}]}


def test_a_sidecar_may_mount_the_model(render: Render) -> None:
    wanted = values(container={"modelCommand": "vllmServe"})
    wanted["decode"]["containers"].append({"name": "init", "image": "busybox", "mountModelVolume": True})
    objects = render(wanted)
    sidecar = objects.pod()["containers"][1]
    assert sidecar["volumeMounts"] == [{"name": "model-storage", "mountPath": "/model-cache"}]
    assert sidecar["env"] == [{"name": "HF_HOME", "value": "/model-cache"}]
    assert "volumeMounts" not in objects.engine()


def test_shared_memory_is_a_memory_volume_at_dev_shm(render: Render) -> None:
    wanted = values({"image": IMAGE})
    wanted["decode"]["sharedMemory"] = {"enabled": True, "sizeLimit": "16Gi"}
    objects = render(wanted)
    assert {"name": "dshm", "mountPath": "/dev/shm"} in objects.engine()["volumeMounts"]
    assert {"name": "dshm", "emptyDir": {"medium": "Memory", "sizeLimit": "16Gi"}} in objects.pod()["volumes"]


def test_tracing_adds_vllms_flags(render: Render) -> None:
    args = render(values({"image": IMAGE, "modelCommand": "vllmServe"}, tracing={"enabled": True})).engine()["args"]
    assert args[-4:] == ["--otlp-traces-endpoint", "http://otel-collector:4317", "--collect-detailed-traces", "all"]


def test_the_simulator_gets_no_tracing_flags(render: Render) -> None:
    objects = render(values(tracing={"enabled": True}))
    assert "--otlp-traces-endpoint" not in objects.engine()["args"]
    assert objects.env()["OTEL_TRACES_EXPORTER"] == "otlp"


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("ghcr.io/llm-d/llm-d-cuda:v1", "mirror.example.com/llm-d/llm-d-cuda:v1"),
        ("vllm/vllm-openai:v1", "mirror.example.com/vllm/vllm-openai:v1"),
        ("busybox", "mirror.example.com/busybox"),
        ("localhost/x:1", "mirror.example.com/x:1"),
        ("registry:5000/x:1", "mirror.example.com/x:1"),
    ],
)
def test_a_global_registry_replaces_every_images_own(render: Render, image: str, expected: str) -> None:
    wanted = values({"image": image}, **{"global": {"imageRegistry": "mirror.example.com"}})
    wanted["decode"]["initContainers"] = [{"name": "init", "image": image}]
    wanted["decode"]["containers"] = []
    pod = render(wanted).pod()
    assert pod["containers"][0]["image"] == expected
    assert pod["initContainers"][0]["image"] == expected
