"""Resource profiles, virtual GPUs and files."""

from typing import Any

import pytest

from support.render import VLLM, Objects, Render


def resources(objects: Objects, role: str = "decode") -> dict[str, Any]:
    found: dict[str, Any] = objects.engine(role).get("resources", {})
    return found


def profiled(profile: dict[str, Any], wanted: str, **role: Any) -> dict[str, Any]:
    return {
        "engine": VLLM,
        "accelerator": {"type": "cpu"},
        "resourceProfiles": {"node": profile},
        "decode": {"resourceProfile": wanted, **role},
    }


@pytest.mark.parametrize(
    ("quantity", "factor", "expected"),
    [
        (2, 3, "6"),
        ("2", 3, "6"),
        (0.5, 3, "1.5"),
        ("500m", 3, "1500m"),
        ("16Gi", 4, "64Gi"),
        ("1.5Gi", 2, "3Gi"),
        ("0.05", 3, "0.15"),
        ("10.10", 3, "30.3"),
        ("0.25", 3, "0.75"),  # not octal
        ("0.10", 3, "0.3"),
        ("0.0", 3, "0"),
        ("0", 3, "0"),
        ("1e3", 2, "2e3"),
        ("1.1", 3, "3.3"),
        (1000660000, 2, "2001320000"),
    ],
)
def test_a_profile_is_multiplied(render: Render, quantity: Any, factor: int, expected: str) -> None:
    objects = render(profiled({"limits": {"memory": quantity}}, f"node:{factor}"))
    assert resources(objects)["limits"] == {"memory": expected}


def test_a_profile_without_a_number_is_taken_once(render: Render) -> None:
    assert resources(render(profiled({"requests": {"cpu": 8}}, "node"))) == {"requests": {"cpu": "8"}}


def test_accelerators_of_a_profile_meet_the_parallelism(render: Render) -> None:
    values = profiled({"limits": {"nvidia.com/gpu": 1}}, "node:4", parallelism={"tensor": 4})
    objects = render({**values, "accelerator": {"type": "nvidia"}})
    assert resources(objects) == {"limits": {"nvidia.com/gpu": "4"}, "requests": {"nvidia.com/gpu": "4"}}


def test_a_profile_brings_its_accelerator_type(render: Render) -> None:
    profile = {"acceleratorType": "amd", "limits": {"amd.com/gpu": 1}, "image": "rocm/vllm:latest"}
    objects = render({"resourceProfiles": {"mi300": profile}, "decode": {"resourceProfile": "mi300:1"}})
    assert resources(objects)["limits"] == {"amd.com/gpu": "1"}
    assert objects.engine()["image"] == "rocm/vllm:latest"


def test_the_engines_own_resources_win(render: Render) -> None:
    values = profiled({"limits": {"memory": "1Gi", "cpu": 2}}, "node:2", engine={"resources": {"limits": {"cpu": 1}}})
    assert resources(render(values))["limits"] == {"memory": "2Gi", "cpu": 1}


def test_a_profile_places_pods(render: Render) -> None:
    profile = {
        "nodeSelector": {"pool": "a", "disk": "nvme"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
        "runtimeClassName": "nvidia",
        "schedulerName": "kueue",
        "priorityClassName": "high",
    }
    own = {"nodeSelector": {"pool": "b"}, "tolerations": [{"key": "mine", "operator": "Exists"}]}
    pod = render(profiled(profile, "node", **own)).pod()
    assert pod["nodeSelector"] == {"pool": "b", "disk": "nvme"}
    assert [toleration["key"] for toleration in pod["tolerations"]] == ["gpu", "mine"]
    assert "podAntiAffinity" in pod["affinity"]
    assert (pod["runtimeClassName"], pod["schedulerName"], pod["priorityClassName"]) == ("nvidia", "kueue", "high")


def test_a_profile_of_one_role_leaves_the_other_alone(render: Render) -> None:
    objects = render(profiled({"limits": {"memory": "1Gi"}, "runtimeClassName": "nvidia"}, "node"))
    assert resources(objects, "prefill") == {}
    assert "runtimeClassName" not in objects.pod("prefill")


def test_profiles_that_nobody_takes_leave_no_trace(render: Render) -> None:
    assert render({"resourceProfiles": {"node": {"limits": {"memory": "1Gi"}}}}).items == render().items


# Virtual GPUs


def virtual(provider: str, tensor: int = 1, **vgpu: Any) -> dict[str, Any]:
    settings = {"enabled": True, "provider": provider, **vgpu}
    return {"engine": VLLM, "accelerator": {"vgpu": settings}, "decode": {"parallelism": {"tensor": tensor}}}


def test_hami_divides_memory_and_cores_of_each_gpu(render: Render) -> None:
    objects = render(virtual("hami", tensor=2, number=2, memory=8192, cores=30) | {"prefill": {"create": False}})
    limits = {"nvidia.com/gpu": "2", "nvidia.com/gpumem": "8192", "nvidia.com/gpucores": "30"}
    assert resources(objects) == {"limits": limits, "requests": limits}
    assert "schedulerName" not in objects.pod()


def test_volcano_has_resources_and_a_scheduler_of_its_own(render: Render) -> None:
    objects = render(virtual("volcano", memory=8192, cores=30))
    limits = {"volcano.sh/vgpu-number": "1", "volcano.sh/vgpu-memory": "8192", "volcano.sh/vgpu-cores": "30"}
    assert resources(objects) == {"limits": limits, "requests": limits}
    assert objects.pod()["schedulerName"] == "volcano"


@pytest.mark.parametrize(
    ("provider", "name"),
    [("hami", "nvidia.com/gpumem-percentage"), ("volcano", "volcano.sh/vgpu-memory-percentage")],
)
def test_memory_may_be_a_share(render: Render, provider: str, name: str) -> None:
    assert resources(render(virtual(provider, memory="40%")))["limits"][name] == "40"


def test_a_scheduler_of_the_users_wins_over_volcanos(render: Render) -> None:
    assert render({**virtual("volcano"), "schedulerName": "mine"}).pod()["schedulerName"] == "mine"


def test_an_intended_difference_is_declared(render: Render) -> None:
    values = virtual("hami", number=2)
    objects = render({**values, "accelerator": {**values["accelerator"], "count": 2}})
    assert resources(objects)["limits"] == {"nvidia.com/gpu": "2"}


def test_the_simulator_needs_no_virtual_gpus(render: Render) -> None:
    assert resources(render({"accelerator": {"vgpu": {"enabled": True}}})) == {}


# Files


def test_files_are_mounted_one_by_one(render: Render) -> None:
    files = {"/etc/vllm/chat.jinja": "{{ not a template of ours }}", "/opt/a b.txt": "x", "/gone": None}
    objects = render({"files": files})
    config = objects.one("ConfigMap")
    assert config["metadata"]["name"] == "test-llm-d-modelservice-files"
    assert config["data"] == {"etc_vllm_chat.jinja": "{{ not a template of ours }}", "opt_a_b.txt": "x"}
    for role in ("decode", "prefill"):
        mounts = [mount for mount in objects.engine(role)["volumeMounts"] if mount["name"] == "files"]
        assert [(mount["mountPath"], mount["subPath"]) for mount in mounts] == [
            ("/etc/vllm/chat.jinja", "etc_vllm_chat.jinja"),
            ("/opt/a b.txt", "opt_a_b.txt"),
        ]
        volumes = objects.pod(role)["volumes"]
        assert {"name": "files", "configMap": {"name": "test-llm-d-modelservice-files"}} in volumes


def test_a_changed_file_makes_new_pods(render: Render) -> None:
    one, same, other = (
        render({"files": {"/a": content}}).template()["metadata"]["annotations"]["checksum/files"]
        for content in ("1", "1", "2")
    )
    assert one == same != other


def test_removed_files_leave_no_trace(render: Render) -> None:
    assert render({"files": {"/a": None}}).kinds() == render().kinds()
