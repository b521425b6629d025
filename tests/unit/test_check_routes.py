"""HTTPRoutes that take each other's requests, in one stream, several files and the cluster."""

from typing import Any

import pytest

from modelservice.check.finding import Severity
from modelservice.check.runner import run
from modelservice.model.cluster import Inventory
from modelservice.model.deployment import Deployment


def route(name: str, *, pool: str = "", matches: Any = None, labels: Any = None, **spec: Any) -> dict[str, Any]:
    backend = {"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": pool or name}
    rule = {"backendRefs": [backend], **({"matches": matches} if matches else {})}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": name, **({"annotations": labels} if labels else {})},
        "spec": {"parentRefs": [{"name": "gateway"}], "rules": [rule], **spec},
    }  # fmt: skip


def path(value: str, **more: Any) -> list[dict[str, Any]]:
    return [{"path": {"type": "PathPrefix", "value": value}, **more}]


def header(value: str) -> dict[str, Any]:
    return {"headers": [{"name": "X-Model", "value": value}]}


PAIRS: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "no match is every path": (route("a"), route("b", matches=path("/")), True),
    "a slash at the end": (route("a", matches=path("/v1")), route("b", matches=path("/v1/")), True),
    "other paths": (route("a", matches=path("/a")), route("b", matches=path("/b")), False),
    "a longer path wins": (route("a"), route("b", matches=path("/v1")), False),
    "a header's name in any case": (
        route("a", matches=path("/", **header("m"))),
        route("b", matches=path("/", headers=[{"name": "x-model", "type": "Exact", "value": "m"}])),
        True,
    ),
    "other headers": (
        route("a", matches=path("/", **header("m"))), route("b", matches=path("/", **header("n"))), False,
    ),
    "one more header wins": (route("a"), route("b", matches=path("/", **header("n"))), False),
    "one host in common": (route("a", hostnames=["x.io", "y.io"]), route("b", hostnames=["Y.io"]), True),
    "other hosts": (route("a", hostnames=["x.io"]), route("b", hostnames=["y.io"]), False),
    "a host wins over none": (route("a", hostnames=["x.io"]), route("b"), False),
    "other gateways": (route("a"), route("b", parentRefs=[{"name": "other"}]), False),
    "the gateway's namespace spelt out": (
        route("a"), route("b", parentRefs=[{"name": "gateway", "namespace": "default"}]), True,
    ),
    "other listeners": (
        route("a", parentRefs=[{"name": "gateway", "sectionName": "http"}]),
        route("b", parentRefs=[{"name": "gateway", "sectionName": "https"}]),
        False,
    ),
    "the same backend": (route("a", pool="p"), route("b", pool="p"), False),
    "one of several matches": (
        route("a", matches=[*path("/a"), *path("/b")]), route("b", matches=[*path("/c"), *path("/b")]), True,
    ),
    "other methods": (route("a", matches=path("/", method="GET")), route("b", matches=path("/", method="POST")), False),
}  # fmt: skip


@pytest.mark.parametrize(("first", "second", "hidden"), PAIRS.values(), ids=PAIRS)
def test_routes_of_one_gateway(first: dict[str, Any], second: dict[str, Any], hidden: bool) -> None:
    def rules(deployments: list[Deployment]) -> list[str]:
        found = run(deployments, together=True)
        return [finding.rule for finding in found if finding.rule in ("route-hidden", "shared-route")]

    stream = [Deployment("stream", [first, second])]
    apart = [Deployment("one", [first]), Deployment("two", [second])]
    assert rules(stream) == ["route-hidden"] * hidden
    assert rules(apart) == ["shared-route"] * hidden


def test_of_two_rules_of_a_route_the_first_gets_the_requests() -> None:
    double = route("a")
    double["spec"]["rules"] = [*double["spec"]["rules"], *route("b")["spec"]["rules"]]
    (finding,) = [item for item in run([Deployment("one", [double])]) if item.rule == "route-hidden"]
    assert "rule 0 of the route takes the same requests" in finding.message


RELEASE = "meta.helm.sh/release-name"


@pytest.mark.parametrize(
    ("installed", "reported"),
    [
        (route("other"), True),
        (route("own", pool="elsewhere"), False),  # the upgrade replaces it
        (route("renamed", pool="elsewhere", labels={RELEASE: "release"}), False),  # the upgrade deletes it
        (route("other", labels={RELEASE: "another"}), True),
    ],
    ids=["another route", "the same route", "of the release", "of another release"],
)
def test_an_installed_route_is_older(installed: dict[str, Any], reported: bool) -> None:
    cluster = Inventory("the cluster", (installed,), frozenset({"HTTPRoute"}))
    deployment = Deployment("release", [route("own")], cluster=cluster)
    found = [item for item in run([deployment]) if item.rule == "route-hidden"]
    assert [item.severity for item in found] == [Severity.warning] * reported
