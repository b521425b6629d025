"""What is wrong with an upgrade: what the API server rejects, what serves no more, who cannot hand over."""

import json
from pathlib import Path
from typing import Any

import pytest

from modelservice import facts
from support.upgrades import Object, changed, compared, nodes, of_kind, told, with_container, workload

CLAIM: Object = {
    "metadata": {"name": "c"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
LARGER = changed(CLAIM, spec__resources__requests__storage="2Gi")
SAME = changed(CLAIM, spec__resources__requests__storage="1024Mi", spec__volumeMode="Filesystem")
JOB = of_kind("Job", "batch/v1", spec__template__spec__containers=[{"name": "c", "image": "i:1"}])
CONFIG = of_kind("ConfigMap", data__a="1", immutable=True)
DEVICES = {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu.nvidia.com"}}]}
TEMPLATE = of_kind("ResourceClaimTemplate", "resource.k8s.io/v1", spec__spec__devices=DEVICES)
GROUP = workload("LeaderWorkerSet")
SUB = {"spec__leaderWorkerTemplate__subGroupPolicy": {"subGroupSize": 1}}
SERVICE = of_kind("Service", spec__ports=[{"port": 80}])
VOLUME = of_kind("PersistentVolumeClaim", spec__accessModes=["ReadWriteOnce"])
DOMAIN = of_kind("ComputeDomain", "resource.nvidia.com/v1beta1", spec__numNodes=2)
STATEFUL = workload("StatefulSet", spec__serviceName="s", spec__volumeClaimTemplates=[CLAIM])

PICKERS = workload(
    name="m-epp", spec__strategy={"type": "Recreate"}, spec__template__metadata__labels={"app": "m-epp"},
    spec__template__spec__containers=[{"name": "epp", "image": "ghcr.io/llm-d/llm-d-router-endpoint-picker:v0.9.0"}],
)  # fmt: skip
WRITTEN = workload(spec__strategy__rollingUpdate={"maxSurge": "25%", "maxUnavailable": "25%"})

REFUSED: list[tuple[Object, Object, str | None]] = [
    (workload(), workload(spec__selector__matchLabels={"app": "x"}), "spec.selector"),
    (workload(), workload(spec__strategy={"type": "Recreate"}), "spec.strategy.rollingUpdate"),
    (WRITTEN, workload(spec__strategy={"type": "Recreate"}), None),
    (workload(spec__strategy={"type": "Recreate"}), workload(), None),
    (STATEFUL, changed(STATEFUL, spec__selector__matchLabels={"app": "x"}), "spec.selector"),
    (STATEFUL, changed(STATEFUL, spec__serviceName="other"), "spec.serviceName"),
    (STATEFUL, changed(STATEFUL, spec__podManagementPolicy="Parallel"), "spec.podManagementPolicy"),
    (STATEFUL, changed(STATEFUL, spec__podManagementPolicy="OrderedReady"), None),
    (STATEFUL, changed(STATEFUL, spec__volumeClaimTemplates=[LARGER]), "spec.volumeClaimTemplates"),
    (STATEFUL, changed(STATEFUL, spec__volumeClaimTemplates=[SAME]), None),
    (STATEFUL, changed(STATEFUL, spec__volumeClaimTemplates=None), "spec.volumeClaimTemplates"),
    (STATEFUL, changed(STATEFUL, spec__minReadySeconds=5, spec__revisionHistoryLimit=3), None),
    (JOB, changed(JOB, spec__template__spec__containers=[{"name": "c", "image": "i:2"}]), "spec.template"),
    (JOB, changed(JOB, spec__completionMode="Indexed"), "spec.completionMode"),
    (JOB, changed(JOB, spec__ttlSecondsAfterFinished=5), None),
    (CONFIG, changed(CONFIG, data__a="2"), "data"),
    (CONFIG, changed(CONFIG, immutable=None), "immutable"),
    (CONFIG, changed(CONFIG, metadata__labels={"a": "b"}), None),
    (changed(CONFIG, immutable=None), changed(CONFIG, data__a="2"), None),
    (TEMPLATE, changed(TEMPLATE, spec__spec__devices__requests=[]), "spec"),
    (SERVICE, changed(SERVICE, spec__clusterIP="None"), "spec.clusterIP"),
    (changed(SERVICE, spec__clusterIP="None"), SERVICE, None),
    (SERVICE, changed(SERVICE, spec__ports=[{"port": 81}]), None),
    (VOLUME, changed(VOLUME, spec__accessModes=["ReadWriteMany"]), "spec.accessModes"),
    (VOLUME, changed(VOLUME, spec__resources__requests__storage="2Gi"), None),
    (VOLUME, changed(VOLUME, spec__storageClassName="fast"), None),  # it may be the default class
    (
        changed(VOLUME, spec__storageClassName="slow"), changed(VOLUME, spec__storageClassName="fast"),
        "spec.storageClassName",
    ),
    (GROUP, changed(GROUP, **SUB), "spec.leaderWorkerTemplate.subGroupPolicy.subGroupSize"),
    (changed(GROUP, **SUB), GROUP, "spec.leaderWorkerTemplate.subGroupPolicy.subGroupSize"),
    (GROUP, changed(GROUP, spec__leaderWorkerTemplate__size=4), None),
    (DOMAIN, changed(DOMAIN, spec__numNodes=4), "spec"),
    (
        of_kind("RoleBinding", "rbac.authorization.k8s.io/v1", roleRef__name="a"),
        of_kind("RoleBinding", "rbac.authorization.k8s.io/v1", roleRef__name="b"), "roleRef",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "path"), REFUSED)
def test_immutable_fields_are_refused_with_the_way_out(before: Object, after: Object, path: str | None) -> None:
    found = compared([before], [after])
    assert [item.path for item in found.refusals] == ([path] if path else [])
    for item in found.refusals:
        assert item.way
        assert "{object}" not in item.way
        known = facts.kubernetes()
        of_kind = known.leftovers if path == "spec.strategy.rollingUpdate" else known.immutable
        assert item.sources == of_kind[str(before["kind"])].source
    assert (found.verdict == "fails") == bool(path)


IMAGE = {"image": "vllm/vllm-openai:v0.33.0"}


HALF = {"maxSurge": 0, "maxUnavailable": 1}
NONE = {"maxSurge": 1, "maxUnavailable": 0}
EFFECTS: list[tuple[Object, Object, str, str | None]] = [
    # before, after, what happens to the pods, what requests are lost by
    (workload(), with_container(workload(), **IMAGE), "restart", None),
    (workload(), with_container(workload(), imagePullPolicy="IfNotPresent"), "keep", None),
    (workload(), with_container(workload(), resources={"limits": {"nvidia.com/gpu": 1}}), "keep", None),
    (workload(), workload(spec__replicas=3), "scale", None),
    (workload(), workload(spec__replicas=0), "scale", "its replicas become 0"),
    (workload(), workload(spec__strategy={"type": "Recreate"}), "keep", None),
    (
        WRITTEN, with_container(workload(spec__strategy={"type": "Recreate"}), **IMAGE),
        "restart", "all 2 pods end before a new one is ready: the update is Recreate",
    ),
    (
        PICKERS, with_container(PICKERS, **IMAGE), "restart",
        "all endpoint pickers end before a new one is ready: until then a gateway answers with HTTP 503",
    ),
    (
        changed(PICKERS, spec__replicas=1), with_container(changed(PICKERS, spec__replicas=1), **IMAGE), "restart",
        "the only endpoint picker ends before a new one is ready",
    ),
    (PICKERS, with_container(changed(PICKERS, spec__strategy=None), **IMAGE), "restart", None),
    (
        workload(), with_container(workload(spec__replicas=1, spec__strategy__rollingUpdate=HALF), **IMAGE),
        "restart", "the only pod ends before a new one is ready: maxUnavailable is 1 and maxSurge 0",
    ),
    (workload(), with_container(workload(spec__strategy__rollingUpdate=HALF), **IMAGE), "restart", None),
    (
        workload("StatefulSet", spec__replicas=1),
        with_container(workload("StatefulSet", spec__replicas=1), **IMAGE), "restart", "a StatefulSet ends a pod",
    ),
    (workload("StatefulSet"), with_container(workload("StatefulSet"), **IMAGE), "restart", None),
    (
        workload("StatefulSet"),
        with_container(workload("StatefulSet", spec__updateStrategy__type="OnDelete"), **IMAGE), "by hand", None,
    ),
    (workload("ReplicaSet"), with_container(workload("ReplicaSet"), **IMAGE), "by hand", None),
    (GROUP, with_container(GROUP, **IMAGE), "restart", None),
    (GROUP, with_container(GROUP, terminationMessagePolicy="File"), "restart", None),
    (GROUP, changed(GROUP, spec__leaderWorkerTemplate__size=3), "restart", None),
    (GROUP, changed(GROUP, spec__rolloutStrategy__rollingUpdateConfiguration=NONE), "keep", None),
    (
        GROUP, with_container(changed(GROUP, spec__replicas=1), **IMAGE), "restart",
        "the only group ends before a new one is ready: maxUnavailable is 1 and maxSurge 0",
    ),
    (
        GROUP,
        with_container(
            changed(GROUP, spec__replicas=1, spec__rolloutStrategy__rollingUpdateConfiguration=NONE), **IMAGE
        ),
        "restart", "before LeaderWorkerSet 0.9 its roll-out never begins",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "effect", "lost"), EFFECTS)
def test_pods_restart_when_their_template_changes(before: Object, after: Object, effect: str, lost: str | None) -> None:
    found = compared([before], [after])
    assert [item.effect for item in found.effects] == [effect]
    assert bool(found.effects[0].reasons) == (effect in ("restart", "by hand"))
    assert [lost in item.message for item in found.outages] == ([True] if lost else []) if lost else not found.outages
    assert (found.verdict == "loses requests") == any(item.certain for item in found.outages)


def test_a_workload_under_another_name_is_gone_before_the_new_one_serves() -> None:
    found = compared([workload()], [workload("LeaderWorkerSet", "other")])
    assert told(found) == [
        "loses requests: Deployment/decode: Helm deletes it as soon as LeaderWorkerSet/other is created, not when that "
        "is ready"
    ]
    assert compared([workload(), workload(name="second")], [workload(name="second")]).verdict == "safe"
    assert compared([workload()], []).verdict == "loses requests"


def test_replicas_that_an_autoscaler_takes_over_drop_to_one() -> None:
    found = compared([workload(spec__replicas=4)], [workload(spec__replicas=None)])
    (problem,) = told(found)
    assert problem.startswith("risk: Deployment/decode: its replicas go from 4 to 1 until the autoscaler raises them")
    assert not compared([workload(spec__replicas=1)], [workload(spec__replicas=None)]).outages


def test_pods_that_run_on_with_an_old_file_are_told() -> None:
    config = of_kind("ConfigMap", data__a="1")
    reading = with_container(workload(), envFrom=[{"configMapRef": {"name": "x"}}])
    found = compared([config, reading], [changed(config, data__a="2"), reading])
    assert told(found) == [
        "risk: Deployment/decode: its pods run on with what they read of ConfigMap/x when they started"
    ]
    restarted = with_container(reading, **IMAGE)
    (effect,) = compared([config, reading], [changed(config, data__a="2"), restarted]).effects
    assert not effect.stale


def named(*names: str) -> Object:
    return with_container(workload(), args=["--served-model-name", *names])


TAKEN: list[tuple[list[Object], list[Object], str | None]] = [
    ([named("a")], [named("a", "b")], None),
    ([named("a", "b")], [named("b")], "requests for the model a get 404; it is served as b"),
    ([workload()], [named("m")], None),
    ([workload()], [named("a")], "requests for the model m get 404; it is served as a"),
    ([workload()], [named("$NAME")], None),
    ([SERVICE, workload()], [workload()], "it goes, and whatever names it fails"),
    ([SERVICE, workload()], [changed(SERVICE, metadata__labels={"a": "b"}), workload()], None),
    (
        [changed(SERVICE, spec__ports=[{"name": "http", "port": 80}]), workload()],
        [changed(SERVICE, spec__ports=[{"name": "http", "port": 81}]), workload()],
        "clients of spec.ports[http].port find it no more",
    ),
]


@pytest.mark.parametrize(("before", "after", "message"), TAKEN)
def test_what_clients_lose_is_a_risk(before: list[Object], after: list[Object], message: str | None) -> None:
    found = compared(before, after)
    assert [item.message for item in found.outages] == ([message] if message else [])
    assert found.verdict == "safe"


def test_an_object_that_helm_keeps_is_not_gone() -> None:
    kept = changed(VOLUME, metadata__annotations={"helm.sh/resource-policy": "keep"})
    assert [item.action for item in compared([kept, VOLUME | {"metadata": {"name": "y"}}], []).changes] == [
        "kept", "removed",
    ]  # fmt: skip


# --- Hand-over ----------------------------------------------------------------------------------

PAIR = {"prefill": "kv_producer", "decode": "kv_consumer"}


def role(name: str, image: str = "v0.32.0", *flags: str, **transfer: str) -> Object:
    """A role that hands over with NIXL."""
    config = {"kv_connector": "NixlConnector", "kv_role": PAIR[name], **transfer}
    args = ["--kv-transfer-config", json.dumps(config), *flags]
    probe = {"httpGet": {"port": 8000}, "periodSeconds": 10, "failureThreshold": 60}
    return with_container(workload(name=name), image=f"vllm/vllm-openai:{image}", args=args, startupProbe=probe)


OLD = [role("prefill"), role("decode")]
BOTH = (
    "until Deployment/prefill is rolled (2 rounds of at most 10 min) and Deployment/decode is rolled (2 rounds of at "
    "most 10 min)"
)
MEET: list[tuple[list[Object], list[str]]] = [
    ([role("prefill", "v0.33.0"), role("decode", "v0.33.0")], [
        f"loses requests: : old and new pods cannot hand over the KV cache (vLLM 0.32.0 and 0.33.0) {BOTH}",
    ]),
    ([role("prefill"), role("decode", "v0.33.0")], [
        "loses requests: : old prefill with new decode cannot hand over the KV cache (vLLM 0.32.0 and 0.33.0), and the "
        "new pods cannot either",
    ]),
    ([role("prefill", "v0.32.0", "--max-num-seqs=4"), role("decode")], []),
    ([role("prefill", "v0.32.0", "--kv-cache-dtype=fp8"), role("decode", "v0.32.0", "--kv-cache-dtype=fp8")], [
        f"loses requests: : old and new pods cannot hand over the KV cache (--kv-cache-dtype (default) and fp8) {BOTH}",
    ]),
    ([role("prefill", "sha"), role("decode", "sha")], [
        "risk: : old and new pods may not be able to hand over the KV cache (the image vllm/vllm-openai:v0.32.0 and "
        f"vllm/vllm-openai:sha) {BOTH}",
    ]),
    (
        [role("prefill", "v0.33.0"), role("decode", "v0.33.0", kv_load_failure_policy="recompute")], [
            "loses requests: : new prefill with old decode cannot hand over the KV cache (vLLM 0.33.0 and 0.32.0) "
            f"{BOTH}",
            "risk: : old prefill with new decode cannot hand over the KV cache (vLLM 0.32.0 and 0.33.0), so prompts are "
            f"computed twice {BOTH}",
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("after", "expected"), MEET)
def test_old_and_new_pods_that_cannot_hand_over_are_told(after: list[Object], expected: list[str]) -> None:
    assert told(compared(OLD, after)) == expected


def test_nobody_meets_where_nothing_restarts() -> None:
    assert compared(OLD, [changed(item, spec__replicas=3) for item in OLD]).handover is None
    assert compared(OLD[1:], [role("decode", "v0.33.0")]).handover is None


# --- Room ---------------------------------------------------------------------------------------


def of(number: int, **fields: Any) -> Object:
    """A workload whose pods have a number of accelerators."""
    kind = str(fields.pop("kind", "Deployment"))
    return with_container(
        workload(kind, **fields), resources={"limits": {"nvidia.com/gpu": number}}, image=fields.get("image", "i:1")
    )


def newer(obj: Object) -> Object:
    return with_container(obj, image="i:2")


ROOM: list[tuple[Object, Object, tuple[int, int], tuple[int, int, int], str | None]] = [
    # before, after, nodes and accelerators of each, accelerators before, at most and after, what waits
    (of(4), newer(of(4)), (3, 4), (8, 12, 8), None),
    (of(4), newer(of(4)), (2, 4), (8, 12, 8), "fails: Deployment/decode: 2 of its 2 new pods never get a node"),
    (of(4), newer(of(4, spec__strategy__rollingUpdate=HALF)), (2, 4), (8, 8, 8), None),
    (of(4), newer(of(4, spec__strategy={"type": "Recreate"})), (2, 4), (8, 8, 8), None),
    (of(2), newer(of(2)), (2, 4), (4, 6, 4), None),
    (of(3), newer(of(3)), (2, 4), (6, 9, 6), "fails: Deployment/decode: 2 of its 2 new pods never get a node"),
    (of(4), of(4, spec__replicas=3), (2, 4), (8, 12, 12), "fails: Deployment/decode: 1 of its 3 new pods never get"),
    (of(4, kind="LeaderWorkerSet"), newer(of(4, kind="LeaderWorkerSet")), (4, 4), (16, 16, 16), None),
    (
        of(4, kind="LeaderWorkerSet"),
        newer(of(4, kind="LeaderWorkerSet", spec__rolloutStrategy__rollingUpdateConfiguration=NONE)),
        (5, 4), (16, 24, 16), "fails: LeaderWorkerSet/decode: 2 of its 2 new groups never get a node",
    ),
    (
        of(4, kind="LeaderWorkerSet"),
        newer(of(4, kind="LeaderWorkerSet", spec__rolloutStrategy__rollingUpdateConfiguration=NONE)),
        (6, 4), (16, 24, 16), None,
    ),
    (of(2), newer(of(4)), (2, 4), (4, 10, 8), "fails: Deployment/decode: 1 of its 2 new pods never get a node"),
    (of(3), newer(of(2)), (2, 4), (6, 8, 4), "risk: Deployment/decode: 2 of its 2 new pods may not get a node"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "cluster", "amounts", "waits"), ROOM)
def test_a_roll_out_without_room_stalls(
    before: Object, after: Object, cluster: tuple[int, int], amounts: tuple[int, int, int], waits: str | None,
    tmp_path: Path,
) -> None:  # fmt: skip
    found = compared([before], [after], nodes(tmp_path, *cluster))
    (need,) = found.needs
    assert (need.before, need.peak, need.after) == amounts
    assert need.there == cluster[0] * cluster[1]
    waiting = [item for item in told(found) if "get a node" in item]
    assert [item.startswith(str(waits)) for item in waiting] == ([True] if waits else []), told(found)


def test_nothing_is_said_where_the_old_pods_do_not_fit(tmp_path: Path) -> None:
    assert not compared([of(4)], [newer(of(4))], nodes(tmp_path, 1, 4)).stalls
