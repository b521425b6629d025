"""Every pair of workload features renders, and what surrounds the pods fits them."""

from typing import Any

import pytest
from allpairspy import AllPairs

from support.render import Objects, Render

SWITCHES: dict[str, list[Any]] = {
    "kind": ["Deployment", "StatefulSet", "LeaderWorkerSet", "spanning", "DisaggregatedSet"],
    "proxy": [True, False],
    "command": ["vllmServe", "imageDefault", "sglangServe"],
    "uri": ["hf://o/m", "pvc://c/p", "pvc+hf://c/o/m", "oci://r.example.com/m:1"],
    "probes": [True, False],
    "drain": [True, False],
    "budget": [True, False],
    "service": [True, False],
    "policy": [True, False],
    "caches": [True, False],
    "files": [{}, {"/etc/x": "y"}],
    "vgpu": [None, "hami", "volcano"],
    "profile": [None, "node:2"],
    "key": ["", "clients"],
    "suspend": [True, False],
    "autoscaling": [True, False],
    "sharedMemory": [True, False],
}


def values(switch: dict[str, Any]) -> dict[str, Any]:
    spanning, together = switch["kind"] == "spanning", switch["kind"] == "DisaggregatedSet"
    role: dict[str, Any] = {
        "multinode": spanning or switch["kind"] == "LeaderWorkerSet",
        "parallelism": {"tensor": 2, "pipeline": 2, "workers": 2} if spanning else {"tensor": 2},
        "probes": {"enabled": switch["probes"]},
        "drain": {"enabled": switch["drain"]},
        "podDisruptionBudget": {"enabled": switch["budget"]},
        "service": {"create": switch["service"]},
        "resourceProfile": switch["profile"],
        "autoscaling": {"enabled": switch["autoscaling"] and not together},  # the pinned definition has none
        "sharedMemory": {"enabled": switch["sharedMemory"]},
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}],
    }
    if switch["kind"] == "StatefulSet":
        role |= {"workload": "StatefulSet", "volumeClaimTemplates": [{"name": "model-storage", "spec": {}}]}
    if together:
        role |= {"multinode": None, "replicas": 1}
    return {
        "workload": switch["kind"] if together else None,
        "engine": {"image": "vllm/vllm-openai:v0.32.0", "modelCommand": switch["command"]},
        "modelArtifacts": {"uri": switch["uri"]},
        "routing": {"proxy": {"enabled": switch["proxy"]}},
        "accelerator": {"vgpu": {"enabled": bool(switch["vgpu"]), "provider": switch["vgpu"] or "hami", "memory": 1}},
        "resourceProfiles": {"node": {"limits": {"memory": "1Gi"}, "runtimeClassName": "nvidia"}},
        "auth": {"apiKeySecret": {"name": switch["key"]}},
        "service": {"enabled": switch["service"]},
        "networkPolicy": {"enabled": switch["policy"], "egress": []},
        "caches": {"enabled": switch["caches"]},
        "files": switch["files"],
        "suspend": switch["suspend"],
        "decode": role,
        "prefill": role,
    }


ROWS = list(AllPairs(list(SWITCHES.values())))


@pytest.mark.parametrize("row", ROWS, ids=[str(number) for number in range(len(ROWS))])
def test_every_pair_of_workload_features_fits_together(render: Render, row: list[Any]) -> None:
    switch = dict(zip(SWITCHES, row, strict=True))
    objects = render(values(switch))
    for role in ("decode", "prefill"):
        for template in templates(objects, role):
            check_pod(template["spec"])
        check_surroundings(objects, role, switch)


def templates(objects: Objects, role: str) -> list[dict[str, Any]]:
    """The pod templates of a role, those that serve first."""
    spec = objects.workload(role)["spec"]
    group = spec.get("leaderWorkerTemplate", {"leaderTemplate": spec.get("template")})
    return [group[part] for part in ("leaderTemplate", "workerTemplate") if part in group]


def check_pod(pod: dict[str, Any]) -> None:
    """Volumes and mounts belong together, nothing is named twice, and the pod has time to drain."""
    volumes = [volume["name"] for volume in pod.get("volumes", [])]
    assert len(volumes) == len(set(volumes))
    for container in [*pod["containers"], *pod.get("initContainers", [])]:
        mounts = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
        assert len(mounts) == len(set(mounts))
        used = {mount["name"] for mount in container.get("volumeMounts", [])}
        assert used <= {*volumes, "model-storage"}
        names = [variable["name"] for variable in container.get("env", [])]
        assert len(names) == len(set(names))
        pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        assert pause < pod.get("terminationGracePeriodSeconds", 30)


def check_surroundings(objects: Objects, role: str, switch: dict[str, Any]) -> None:
    """Services, budgets and policies select the pods that they mean."""
    serving, *others = [template["metadata"]["labels"].items() for template in templates(objects, role)]
    headless = switch["kind"] == "StatefulSet"
    named = [obj for obj in objects.all("Service") if role in obj["metadata"]["name"]]
    assert len(named) == (switch["service"] or headless)
    for service in named:
        assert service["spec"]["selector"].items() <= serving
        assert not any(service["spec"]["selector"].items() <= labels for labels in others)
    for kind, selector in (("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")):
        found = [obj for obj in objects.all(kind) if role in obj["metadata"]["name"]]
        assert len(found) == switch["budget" if kind == "PodDisruptionBudget" else "policy"]
        for obj in found:
            labels = obj["spec"][selector]["matchLabels"]
            if switch["kind"] == "DisaggregatedSet":
                (made,) = objects.all("DisaggregatedSet")
                assert set(labels.values()) == {made["metadata"]["name"], role}
            elif "leaderworkerset.sigs.k8s.io/name" in labels:
                assert labels["leaderworkerset.sigs.k8s.io/name"] == objects.workload(role)["metadata"]["name"]
            else:
                assert labels.items() <= serving
    replicas = objects.workload(role)["spec"].get("replicas")
    together = switch["kind"] == "DisaggregatedSet"
    usual = None if switch["autoscaling"] and not together else {"decode": 1, "prefill": int(together)}[role]
    assert replicas == (0 if switch["suspend"] else usual)
