"""Parallelism: derivation of what is not set, accelerators, and the flags of every layout over pods."""

from typing import Any

import pytest

from modelservice.inputs import merge
from support.render import Objects, Render


def values(parallelism: dict[str, Any], multinode: bool = True, **decode: Any) -> dict[str, Any]:
    return {
        "multinode": multinode,
        "modelArtifacts": {"name": "org/model"},
        "engine": {"image": "vllm/vllm-openai:v0.32.0", "modelCommand": "vllmServe"},
        "routing": {"proxy": {"enabled": False}},
        "decode": {"parallelism": parallelism, **decode},
        "prefill": {"create": False},
    }


def flags(objects: Objects, part: str = "workerTemplate") -> dict[str, str | None]:
    """Flags of the engine and their values; None for a flag without one."""
    args = objects.engine(part=part)["args"]
    found: dict[str, str | None] = {}
    for position, arg in enumerate(args):
        if arg.startswith("--"):
            following = args[position + 1] if position + 1 < len(args) else "--"
            assert arg not in found, f"{arg} is given twice"
            found[arg] = None if following.startswith("--") else following
    return found


@pytest.mark.parametrize(
    ("parallelism", "data", "local", "workers", "accelerators"),
    [
        ({}, 1, 1, 1, 1),
        ({"tensor": 4}, 1, 1, 1, 4),
        ({"tensor": 2, "pipeline": 2}, 1, 1, 1, 4),
        ({"data": 8}, 8, 8, 1, 8),
        ({"dataLocal": 8}, 8, 8, 1, 8),
        ({"data": 16, "dataLocal": 8}, 16, 8, 2, 8),
        ({"data": 16, "workers": 2}, 16, 8, 2, 8),
        ({"dataLocal": 8, "workers": 2}, 16, 8, 2, 8),
        ({"data": 16, "dataLocal": 8, "workers": 2}, 16, 8, 2, 8),
        ({"data": 1, "dataLocal": 8, "workers": 2}, 16, 8, 2, 8),
        ({"tensor": 2, "dataLocal": 4, "workers": 2}, 8, 4, 2, 8),
        ({"tensor": 8, "workers": 2}, 2, 1, 2, 8),
        ({"tensor": 16, "data": 1, "workers": 2}, 1, 1, 2, 8),
        ({"tensor": 8, "pipeline": 2, "workers": 2}, 1, 1, 2, 8),
        ({"tensor": 8, "pipeline": 4, "workers": 4, "data": 1, "dataLocal": 1}, 1, 1, 4, 8),
        ({"pipeline": 4, "workers": 2}, 1, 1, 2, 2),
    ],
)
def test_sizes_are_derived(
    render: Render, parallelism: dict[str, int], data: int, local: int, workers: int, accelerators: int
) -> None:
    objects = render(values(parallelism))
    env = objects.env()
    assert (env["DP_SIZE"], env["DP_SIZE_LOCAL"]) == (str(data), str(local))
    assert objects.workload()["spec"]["leaderWorkerTemplate"]["size"] == workers
    assert objects.engine()["resources"]["limits"]["nvidia.com/gpu"] == str(accelerators)


@pytest.mark.parametrize(
    ("parallelism", "expected"),
    [
        ({}, {}),
        ({"tensor": 4}, {"--tensor-parallel-size": "4"}),
        ({"pipeline": 2}, {"--pipeline-parallel-size": "2"}),
        ({"data": 4}, {"--data-parallel-size": "4", "--data-parallel-size-local": "4"}),
        ({"expert": True}, {"--enable-expert-parallel": None}),
    ],
)
def test_a_deployment_gets_the_flags_of_one_pod(
    render: Render, parallelism: dict[str, Any], expected: dict[str, str | None]
) -> None:
    found = flags(render(values(parallelism, multinode=False)))
    assert found == {"--port": "8000", **expected, "--served-model-name": "org/model"}


def test_hybrid_is_the_default_over_pods_and_every_pod_serves(render: Render) -> None:
    objects = render(values({"dataLocal": 8, "workers": 2}))
    found = flags(objects)
    assert "--data-parallel-hybrid-lb" in found
    assert found["--data-parallel-address"] == "$(LWS_LEADER_ADDRESS)"
    assert "leaderTemplate" not in objects.workload()["spec"]["leaderWorkerTemplate"]
    assert objects.template()["metadata"]["labels"]["llm-d.ai/role"] == "decode"


def test_the_first_rank_of_a_pod_is_computed_in_a_shell(render: Render) -> None:
    command = render(values({"dataLocal": 8, "workers": 2})).engine()["command"]
    assert command == [
        "/bin/sh",
        "-c",
        'exec vllm serve "$@" --data-parallel-start-rank "$((LWS_WORKER_INDEX * 8))"',
        "vllm-serve",
    ]


def test_one_rank_a_pod_needs_no_shell(render: Render) -> None:
    objects = render(values({"data": 2, "workers": 2}))
    assert objects.engine()["command"] == ["vllm", "serve"]
    assert flags(objects)["--data-parallel-start-rank"] == "$(LWS_WORKER_INDEX)"


def test_external_gives_each_pod_its_rank(render: Render) -> None:
    found = flags(render(values({"data": 4, "dataLocal": 1, "dataMode": "external"})))
    assert found["--data-parallel-rank"] == "$(LWS_WORKER_INDEX)"
    assert "--data-parallel-size-local" not in found
    assert "--data-parallel-start-rank" not in found


def test_internal_serves_from_the_leader_alone(render: Render) -> None:
    objects = render(values({"dataLocal": 2, "workers": 2, "dataMode": "internal"}))
    leader, worker = flags(objects, "leaderTemplate"), flags(objects, "workerTemplate")
    assert "--headless" not in leader and "--headless" in worker
    assert objects.engine(part="leaderTemplate")["command"] == ["vllm", "serve"]
    assert "LWS_WORKER_INDEX * 2" in objects.engine(part="workerTemplate")["command"][2]


def test_multi_port_gives_every_rank_a_port(render: Render) -> None:
    wanted = values({"data": 16, "dataLocal": 8, "dataMode": "multiPort"})
    wanted["routing"] = {"proxy": {"image": "ghcr.io/llm-d/llm-d-router-disagg-sidecar:v0.10.0"}}
    objects = render(wanted)
    found = flags(objects)
    assert "--data-parallel-multi-port-external-lb" in found
    assert found["--data-parallel-supervisor-port"] == "8208"
    proxy = objects.proxy()
    assert proxy is not None
    assert "--data-parallel-size=8" in proxy["args"]
    assert [port["containerPort"] for port in proxy["ports"]] == list(range(8000, 8008))


def test_multi_port_works_in_one_pod(render: Render) -> None:
    found = flags(render(values({"data": 4, "dataMode": "multiPort"}, multinode=False)))
    assert found["--data-parallel-supervisor-port"] == "8004"
    assert "--data-parallel-address" not in found


def test_a_group_over_pods_is_one_instance_with_a_headless_worker(render: Render) -> None:
    objects = render(values({"tensor": 8, "pipeline": 2, "workers": 2}))
    leader, worker = flags(objects, "leaderTemplate"), flags(objects, "workerTemplate")
    for found in (leader, worker):
        assert found["--nnodes"] == "2"
        assert found["--node-rank"] == "$(LWS_WORKER_INDEX)"
        assert found["--master-addr"] == "$(LWS_LEADER_ADDRESS)"
    assert "--headless" in worker and "--headless" not in leader


def test_a_headless_worker_is_not_told_how_many_api_servers_to_start(render: Render) -> None:
    """vLLM refuses both together."""
    given = values({"tensor": 8, "pipeline": 2, "workers": 2})
    objects = render(merge([given, {"engine": {"args": {"api-server-count": 4}}}]))
    assert flags(objects, "leaderTemplate")["--api-server-count"] == "4"
    assert "--api-server-count" not in flags(objects, "workerTemplate")


def test_a_headless_worker_has_neither_pool_labels_nor_proxy_nor_probes(render: Render) -> None:
    wanted = values({"tensor": 8, "pipeline": 2, "workers": 2})
    wanted["routing"] = {}
    probe = {"httpGet": {"path": "/health", "port": 8200}}
    wanted["engine"] |= {"livenessProbe": probe, "readinessProbe": probe, "startupProbe": probe}
    wanted["modelArtifacts"]["labels"] = {"llm-d.ai/model": "m"}
    objects = render(wanted)
    leader, worker = objects.template(part="leaderTemplate"), objects.template()
    assert leader["metadata"]["labels"]["llm-d.ai/model"] == "m"
    assert objects.proxy("leaderTemplate") is not None
    assert objects.engine(part="leaderTemplate")["livenessProbe"] == probe
    assert worker["metadata"]["labels"] == {
        "app.kubernetes.io/name": "llm-d-modelservice",
        "app.kubernetes.io/instance": "test",
        "app.kubernetes.io/component": "decode-worker",
    }
    assert "initContainers" not in worker["spec"]
    assert not {"livenessProbe", "readinessProbe", "startupProbe"} & set(objects.engine())


def test_a_custom_command_keeps_the_accelerators_of_its_pods(render: Render) -> None:
    wanted = values({"tensor": 8, "data": 1, "dataLocal": 1, "workers": 4})
    wanted["engine"] |= {"modelCommand": "custom", "command": ["/bin/sh", "-c", "exec vllm serve ..."]}
    objects = render(wanted)
    assert objects.engine()["resources"]["limits"] == {"nvidia.com/gpu": "8"}
    assert objects.workload()["spec"]["leaderWorkerTemplate"]["size"] == 4


def test_a_worker_template_changes_the_workers_alone(render: Render) -> None:
    wanted = values({"pipeline": 2, "workers": 2})
    wanted["engine"] |= {"modelCommand": "custom", "command": ["ray", "start", "--head"]}
    wanted["decode"]["workerTemplate"] = {
        "containers": [{"name": "vllm", "command": ["ray", "start", "--block"], "env": [{"name": "A", "value": "1"}]}]
    }
    objects = render(wanted)
    assert objects.engine(part="leaderTemplate")["command"] == ["ray", "start", "--head"]
    worker = objects.engine(part="workerTemplate")
    assert worker["command"] == ["ray", "start", "--block"]
    assert {"name": "A", "value": "1"} in worker["env"]
    assert worker["image"] == "vllm/vllm-openai:v0.32.0"


def test_sizes_are_read_from_the_engines_flags(render: Render) -> None:
    wanted = values({}, multinode=False)
    wanted["engine"]["args"] = {"tensor-parallel-size": 4}
    objects = render(wanted)
    assert objects.env()["TP_SIZE"] == "4"
    assert objects.engine()["resources"]["limits"]["nvidia.com/gpu"] == "4"


@pytest.mark.parametrize("spelling", [["--tensor-parallel-size", "4"], ["--tensor_parallel_size=4"], ["-tp", "4"]])
def test_sizes_are_read_from_the_containers_arguments(render: Render, spelling: list[str]) -> None:
    wanted = values({}, multinode=False)
    wanted["decode"]["containers"] = [{"name": "vllm", "modelCommand": "vllmServe", "args": spelling}]
    objects = render(wanted)
    assert objects.engine()["resources"]["limits"]["nvidia.com/gpu"] == "4"
    assert objects.engine()["args"].count("--tensor-parallel-size") <= 1


def test_sglang_spreads_one_group_over_pods(render: Render) -> None:
    wanted = values({"tensor": 16, "data": 1, "workers": 2})
    wanted["engine"] = {"image": "lmsysorg/sglang:v0.5.5", "modelCommand": "sglangServe"}
    found = flags(render(wanted), "leaderTemplate")
    assert found["--tp-size"] == "16"
    assert found["--nnodes"] == "2"
    assert found["--dist-init-addr"] == "$(LWS_LEADER_ADDRESS):5000"
    assert found["--host"] == "0.0.0.0"
