"""The pictures in docs are what `make docs` draws."""

import pytest

from modelservice.check.finding import Severity
from modelservice.check.runner import load, run
from modelservice.helm import EmbeddedHelm, Release
from modelservice.model.cluster import read_inventory
from modelservice.model.pool import read_pool
from modelservice.plan.model import plan
from modelservice.plan.svg import svg
from support.render import ROOT


@pytest.mark.parametrize(("example", "name"), [("pd", "pd"), ("multinode", "wide-ep")])
def test_the_picture_is_current(embedded: EmbeddedHelm, example: str, name: str) -> None:
    deployment, _ = load([str(ROOT / f"examples/values-{example}.yaml")], embedded, Release(name))
    assert deployment is not None
    deployment.given_pools = read_pool(str(ROOT / f"examples/pool-{example}.yaml")).pools
    deployment.cluster = read_inventory(str(ROOT / "examples/nodes.yaml"))
    assert [finding for finding in run([deployment]) if finding.severity is Severity.error] == []
    assert svg(plan(deployment)) == (ROOT / f"docs/plan-{name}.svg").read_text(encoding="utf-8")
