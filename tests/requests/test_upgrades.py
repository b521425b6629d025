"""Upgrades of prefill and decode to a version of the engine that refuses the KV cache of the old one.

The picker that keeps a request within one revision (llm-d 0.10) cannot be built here. In its place, a pool for each value
of the chart's revision label has the pods of one revision, and the route is moved when the new one is complete.
"""

from __future__ import annotations

from typing import Any

import pytest

from modelservice.inputs import merge
from support.cluster import is_ready
from support.release import DISAGGREGATED, DRAIN, PROBES, SIMULATOR, Load, Serving
from support.render import Render

REVISION = "llm-d.ai/pd-revision"
ROLES = ("prefill", "decode")


@pytest.fixture
def values(vllm: dict[str, Any]) -> dict[str, Any]:
    """Two pods of each role, whose answers take about half a second, with a drain."""
    slow = {"engine": {"env": {"SIMULATOR_FLAGS": "--inter-token-latency=20ms"}}}
    update = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    # The image stands for a vLLM that knows its --shutdown-timeout; its name does not say so.
    role = {"create": True, "replicas": 2, "strategy": update, "drain": {"shutdownFlag": True}}
    return merge([vllm, PROBES, DRAIN, slow, {"decode": role, "prefill": role}])


def wait_for_both(serving: Serving, release: str, number: int = 2) -> None:
    for role in ROLES:
        serving.wait_for_pods(release, number, role)


def test_requests_fail_while_old_and_new_pods_meet(
    serving: Serving, values: dict[str, Any], next_vllm: dict[str, Any]
) -> None:
    with serving.served("mixed", values, picker=DISAGGREGATED) as gateway:
        wait_for_both(serving, "mixed")
        with Load(gateway, clients=8) as load:
            load.run_for(1)
            serving.upgrade("mixed", merge([values, next_vllm]))
            load.run_for(2)
        # The rest must not be lost for another reason.
        assert {outcome.partition(" ")[2] for outcome in load.lost} == {"200 failed"}, load.lost


def test_no_request_is_lost_between_two_releases_behind_one_route(
    serving: Serving, values: dict[str, Any], next_vllm: dict[str, Any]
) -> None:
    """A second release, weights of the route from the old pool to the new one, and the first release gone."""
    new = merge([values, next_vllm, {"modelArtifacts": {"labels": {"llm-d.ai/model": "random-model-green"}}}])
    serving.install("blue", values, picker=DISAGGREGATED)
    serving.install("green", new, picker=DISAGGREGATED)
    for release in ("blue", "green"):
        wait_for_both(serving, release)
    with serving.gateway("blue", "green") as gateway:
        serving.wait_for_answer(gateway)
        with Load(gateway, clients=8) as load:
            load.run_for(1)
            assert not set(load.answered) & serving.names("green")
            serving.move_route(blue=3, green=1)
            serving.cluster.wait("green answers too", lambda: bool(set(load.answered) & serving.names("green")))
            load.run_for(1)
            serving.move_route(green=1)
            load.run_for(3)  # longer than an answer takes
            serving.helm.run("uninstall", "blue", "--wait")
            load.run_for(2)
        assert load.lost == [], f"{len(load.lost)} lost, {sum(load.answered.values())} answered"
        assert serving.names("green") <= set(load.answered)


def revisions(serving: Serving, release: str) -> dict[str, set[str]]:
    """Roles that have a ready pod, by revision."""
    found: dict[str, set[str]] = {}
    for role in ROLES:
        for pod in filter(is_ready, serving.pods(release, role)):
            found.setdefault(pod["metadata"]["labels"][REVISION], set()).add(role)
    return found


def test_no_request_is_lost_if_each_is_kept_within_one_revision(
    serving: Serving, render: Render, values: dict[str, Any], next_vllm: dict[str, Any]
) -> None:
    gated = merge([values, {"routing": {"revisionGating": {"enabled": True}}}])
    gated = merge([gated, {role: {"replicas": 3} for role in ROLES}])
    new = merge([gated, next_vllm])
    labels = SIMULATOR["modelArtifacts"]["labels"]
    before, after = (
        render(merge([SIMULATOR, each])).template()["metadata"]["labels"][REVISION] for each in (gated, new)
    )
    serving.install("gated", gated, picker=DISAGGREGATED)
    serving.add_pool("before", {**labels, REVISION: before}, DISAGGREGATED)
    serving.add_pool("after", {**labels, REVISION: after}, DISAGGREGATED)
    wait_for_both(serving, "gated", 3)
    assert revisions(serving, "gated") == {before: set(ROLES)}
    with serving.gateway("before", "after") as gateway:
        serving.wait_for_answer(gateway)
        with Load(gateway, clients=8) as load:
            load.run_for(1)
            serving.upgrade("gated", new, wait=False)
            complete = set(ROLES)
            serving.cluster.wait("new pods of both roles", lambda: revisions(serving, "gated").get(after) == complete)
            assert revisions(serving, "gated").get(before) == complete, "old pods of both roles are there as long"
            serving.move_route(after=1)
            serving.cluster.wait("new pods only", lambda: set(revisions(serving, "gated")) == {after})
            serving.cluster.wait("every new pod answers", lambda: serving.names("gated") <= set(load.answered))
        assert load.lost == [], f"{len(load.lost)} lost, {sum(load.answered.values())} answered"
