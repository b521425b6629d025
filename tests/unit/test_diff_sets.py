"""Upgrades of a DisaggregatedSet: both roles restart together, in the steps of its controller."""

import json
from pathlib import Path
from typing import Any

import pytest

from modelservice.diff.report import to_json
from modelservice.model.rollouts import Limits, limits
from modelservice.model.set_rollouts import SetRollout
from support.upgrades import Object, changed, compared, container, nodes, told, with_container, workload

SURGE, ROOM_FIRST = {"maxSurge": 1, "maxUnavailable": 0}, {"maxSurge": 0, "maxUnavailable": 1}


def role(name: str, replicas: int = 2, accelerators: int = 1, update: Any = None, **fields: Any) -> Object:
    """A role of groups of two pods."""
    template = {
        "metadata": {"labels": {"llm-d.ai/role": name}},
        "spec": {"containers": [container(resources={"limits": {"nvidia.com/gpu": accelerators}})]},
    }
    spec: Object = {"replicas": replicas, "leaderWorkerTemplate": {"size": 2, "workerTemplate": template}}
    if update is not None:
        spec["rolloutStrategy"] = {"rollingUpdateConfiguration": update}
    return {"name": name, "spec": changed(spec, **fields)}


def a_set(*roles: Object, name: str = "m", **fields: Any) -> Object:
    api = "disaggregatedset.x-k8s.io/v1"
    spec = {"roles": list(roles or (role("decode"), role("prefill"))), **fields}
    return {"apiVersion": api, "kind": "DisaggregatedSet", "metadata": {"name": name}, "spec": spec}


def newer(obj: Object, name: str = "decode", **fields: Any) -> Object:
    """A set of which one role has another image, or other fields of the engine."""
    fields = fields or {"image": "vllm/vllm-openai:v0.33.0"}
    roles = [with_container(item, **fields) if item["name"] == name else item for item in obj["spec"]["roles"]]
    return changed(obj, spec__roles=roles)


SET = a_set()
WORKER = "spec__leaderWorkerTemplate__workerTemplate__metadata__annotations"
EFFECTS: list[tuple[Object, Object, str]] = [
    # before, after, what happens to the pods of both roles
    (SET, newer(SET), "restart"),
    (SET, newer(SET, "prefill"), "restart"),
    (SET, newer(SET, "prefill", terminationMessagePolicy="File"), "restart"),  # a default is written too
    (SET, newer(SET, resources={"limits": {"nvidia.com/gpu": "1"}}), "keep"),  # the same number
    (SET, changed(SET, metadata__labels={"a": "b"}), "keep"),
    (SET, a_set(role("decode", 3), role("prefill", 3)), "scale"),
    (SET, a_set(role("decode", update=SURGE), role("prefill")), "keep"),
    (SET, a_set(role("decode", startupPolicy="LeaderReady"), role("prefill")), "keep"),
    (SET, a_set(role("decode", leaderWorkerTemplate__size=3), role("prefill")), "restart"),
    (a_set(role("decode", 0), role("prefill", 0)), newer(a_set(role("decode", 3), role("prefill", 1))), "scale"),
    (SET, a_set(name="other"), "start"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "effect"), EFFECTS)
def test_the_groups_of_both_roles_restart_when_one_template_changes(before: Object, after: Object, effect: str) -> None:
    found = compared([before], [after])
    new = found.effects[:2]
    assert [item.effect for item in new] == [effect, effect]
    assert [item.name for item in new] == [f"DisaggregatedSet/{after['metadata']['name']} ({name})" for name in ROLES]
    assert all(bool(item.reasons) == (effect == "restart") for item in new if item.replicas[0])
    assert all(item.unit == "group" for item in new)


ROLES = ("decode", "prefill")


def test_a_role_that_comes_replaces_the_others() -> None:
    found = compared([SET], [a_set(*SET["spec"]["roles"], role("encode"))])
    assert [(item.name, item.effect) for item in found.effects] == [
        ("DisaggregatedSet/m (decode)", "restart"),
        ("DisaggregatedSet/m (prefill)", "restart"),
        ("DisaggregatedSet/m (encode)", "start"),
    ]


def test_a_change_that_waits_for_the_next_revision_is_told() -> None:
    found = compared([SET], [a_set(role("decode", networkConfig={"subdomainPolicy": "Shared"}), role("prefill"))])
    message = (
        "the change of spec.roles[decode].spec.networkConfig reaches no pod: the controller reads it when it makes a new "
        "revision"
    )
    assert told(found) == [f"risk: DisaggregatedSet/m ({name}): {message}" for name in ROLES]
    again = newer(a_set(role("decode", networkConfig={"subdomainPolicy": "Shared"}), role("prefill")))
    assert not [item for item in told(compared([SET], [again])) if "reaches no pod" in item]


@pytest.mark.parametrize(
    ("update", "replicas", "expected"),
    [
        (None, 4, (1, 0)),
        ({}, 4, (0, 1)),  # what the API server fills in
        (SURGE, 4, (1, 0)),
        ({"maxSurge": 2}, 4, (2, 1)),
        ({"maxUnavailable": "50%"}, 4, (0, 2)),
        ({"maxSurge": "25%", "maxUnavailable": "20%"}, 4, (1, 0)),  # rounded up and down
        ({"maxUnavailable": "20%"}, 4, (1, 0)),  # neither: the controller surges
    ],
)
def test_the_limits_of_a_role_are_the_controllers(update: Any, replicas: int, expected: tuple[int, int]) -> None:
    workload_of_role = {**role("decode", update=update), "kind": "DisaggregatedSet"}
    assert limits(workload_of_role, replicas) == Limits(*expected)


def test_an_autoscaler_starts_with_the_groups_that_run() -> None:
    external = {**role("decode", 4), "scaling": {"mode": "External"}}
    found = compared([a_set(role("decode", 4), role("prefill"))], [a_set(external, role("prefill"))])
    assert found.effects[0].replicas == (4, 4)
    assert not told(found)


# --- Steps ---------------------------------------------------------------------------------------

STEPS: list[tuple[str, str, str, str]] = [
    # groups before, groups after, surge/unavailable of each role, old+new of each role at each step
    ("2 2", "2 2", "1/0 1/0", "2+0 2+0, 2+1 2+1, 1+1 1+1, 1+2 1+2, 0+2 0+2"),
    ("1 1", "1 1", "1/0 1/0", "1+0 1+0, 1+1 1+1, 0+1 0+1"),
    ("1 1", "1 1", "0/1 0/1", "1+0 1+0, 0+0 0+0, 0+1 0+1"),
    # The last old group of a role stays as long as the other role has old ones, above its surge.
    ("1 2", "1 2", "0/1 1/0", "1+0 2+0, 1+1 2+1, 1+1 1+1, 0+1 0+2"),
    # The role with more batches sets the pace.
    ("3 3", "3 3", "3/0 1/0", "3+0 3+0, 3+1 3+1, 2+1 2+1, 2+2 2+2, 1+2 1+2, 1+3 1+3, 0+3 0+3"),
    ("4 2", "4 2", "0/2 1/0", "4+0 2+0, 2+0 2+0, 2+2 2+1, 1+2 1+1, 0+4 0+2"),
    ("2 2", "1 3", "1/0 1/0", "2+0 2+0, 1+1 2+1, 1+1 2+2, 1+1 1+2, 1+1 1+3, 0+1 0+3"),
    ("3 2 1", "3 1 1", "1/0 0/1 1/0", "3+0 2+0 1+0, 3+1 1+1 1+1, 2+1 1+1 1+1, 2+2 1+1 1+1, 1+2 1+1 1+1, 0+3 0+1 0+1"),
]
"""As ``ComputeNextStep`` of the controller's planner has them."""


def numbers(words: str) -> tuple[int, ...]:
    return tuple(map(int, words.split()))


@pytest.mark.parametrize(("before", "after", "updates", "expected"), STEPS)
def test_the_roles_of_a_set_are_replaced_in_proportion(before: str, after: str, updates: str, expected: str) -> None:
    each = tuple(
        Limits(int(surge), int(fewer)) for surge, _, fewer in (item.partition("/") for item in updates.split())
    )
    rollout = SetRollout(numbers(before), numbers(after), each)
    shown = [" ".join(f"{old}+{new}" for old, new in zip(step.old, step.new, strict=True)) for step in rollout.steps]
    assert ", ".join(shown) == expected


# --- What is wrong with it -----------------------------------------------------------------------

LOST: list[tuple[Object, Object, str | None]] = [
    (SET, newer(SET), None),
    (a_set(role("decode", 1), role("prefill", 1)), newer(a_set(role("decode", 1), role("prefill", 1))), None),
    (
        SET, newer(a_set(role("decode", 1, update=ROOM_FIRST), role("prefill", 1, update=ROOM_FIRST))),
        "the only group ends before a new one is ready: maxUnavailable is 1 and maxSurge 0",
    ),
    (
        a_set(role("decode", 1), role("prefill", 1)),
        newer(a_set(role("decode", 1, update=SURGE), role("prefill", 1, update=ROOM_FIRST))),
        "the only group ends before a new one is ready: another role of the set may be unavailable, and the controller "
        "leaves no role without the others",
    ),
    # The surge of one role keeps both, because the controller leaves no role alone.
    (SET, newer(a_set(role("decode", 1, update=ROOM_FIRST), role("prefill", 2, update=SURGE))), None),
    (SET, a_set(role("decode", 0), role("prefill", 0)), "its replicas become 0, so nothing serves any more"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "lost"), LOST)
def test_requests_are_lost_only_where_no_group_serves(before: Object, after: Object, lost: str | None) -> None:
    found = compared([before], [after])
    assert [item.message for item in found.outages] == ([lost] if lost else [])
    assert found.verdict == ("loses requests" if lost else "safe")


def pair(image: str, **options: Any) -> Object:
    """A set whose roles hand over with NIXL."""
    roles = []
    for name, kv_role in (("decode", "kv_consumer"), ("prefill", "kv_producer")):
        args = ["--kv-transfer-config", json.dumps({"kv_connector": "NixlConnector", "kv_role": kv_role})]
        probe = {"httpGet": {"port": 8000}, "periodSeconds": 10, "failureThreshold": 60}
        item = role(name, **options)
        roles.append(with_container(item, image=f"vllm/vllm-openai:{image}", args=args, startupProbe=probe))
    return a_set(*roles)


def test_old_and_new_groups_meet_until_the_whole_set_is_rolled() -> None:
    found = compared([pair("v0.32.0")], [pair("v0.33.0")])
    assert told(found) == [
        "loses requests: : old and new pods cannot hand over the KV cache (vLLM 0.32.0 and 0.33.0) until "
        "DisaggregatedSet/m is rolled (2 rounds of at most 10 min)"
    ]
    until = to_json(found)["handover"]["until"]
    assert [(item["object"], item["rounds"]) for item in until] == [
        (f"DisaggregatedSet/m ({name})", 2) for name in ROLES
    ]


KINDS: list[tuple[list[Object], list[Object], str, str]] = [
    # before, after, what goes, what comes
    ([workload(name="m-decode"), workload(name="m-prefill")], [SET], "Deployment/m-decode", "DisaggregatedSet/m (decode)"),
    ([SET], [workload(name="m-decode")], "DisaggregatedSet/m (decode)", "Deployment/m-decode"),
    (
        [workload("LeaderWorkerSet", "m-decode")], [SET], "LeaderWorkerSet/m-decode", "DisaggregatedSet/m (decode)",
    ),
    ([SET], [workload("LeaderWorkerSet", "m-decode")], "DisaggregatedSet/m (decode)", "LeaderWorkerSet/m-decode"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "gone", "comes"), KINDS)
def test_another_kind_is_gone_before_the_new_one_serves(
    before: list[Object], after: list[Object], gone: str, comes: str
) -> None:
    found = compared(before, after)
    assert {item.effect for item in found.effects} == {"start", "end"}
    assert told(found) == [
        f"loses requests: {gone}: Helm deletes it as soon as {comes} is created, not when that is ready"
    ]
    assert found.handover is None
    assert "install the new one as another release" in found.outages[0].fix


# --- Room ----------------------------------------------------------------------------------------

ROOM: list[tuple[Object, tuple[int, int], tuple[int, int, int], str | None]] = [
    # after (before is the same with another image), nodes and accelerators of each, accelerators, what waits
    (a_set(role("decode", 2, 2), role("prefill", 2, 2)), (8, 2), (16, 24, 16), "2 of its 2 new groups never get"),
    (a_set(role("decode", 2, 2), role("prefill", 2, 2)), (12, 2), (16, 24, 16), None),
    # Room for one role is not enough, and the other one waits for it without needing any itself.
    (a_set(role("decode", 2, 2), role("prefill", 2, 2)), (10, 2), (16, 24, 16), "(prefill): 2 of its 2 new groups"),
    (
        a_set(role("decode", 2, 2, ROOM_FIRST), role("prefill", 2, 2, ROOM_FIRST)), (8, 2), (16, 16, 16), None,
    ),
    # Decode is replaced in batches of two, in step with prefill: it never has four groups more.
    (
        a_set(role("decode", 4, 1, {"maxSurge": 4, "maxUnavailable": 0}), role("prefill", 4, 1, SURGE)),
        (40, 1), (16, 20, 16), None,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("after", "cluster", "amounts", "waits"), ROOM)
def test_a_set_stalls_where_one_role_has_no_room(
    after: Object, cluster: tuple[int, int], amounts: tuple[int, int, int], waits: str | None, tmp_path: Path
) -> None:
    found = compared([newer(after)], [after], nodes(tmp_path, *cluster))
    (need,) = found.needs
    assert (need.before, need.peak, need.after) == amounts
    waiting = [item for item in told(found) if "get a node" in item]
    assert bool(waiting) == bool(waits), waiting
    assert all(str(waits) in item for item in waiting)


def test_every_slice_of_a_set_is_rolled() -> None:
    after = a_set(role("decode"), role("prefill"), slices=3)
    found = compared([newer(after)], [after])
    assert [item.replicas for item in found.effects] == [(6, 6), (6, 6)]
    (need,) = found.needs
    assert (need.before, need.peak, need.after) == (24, 36, 24)
