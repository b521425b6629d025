"""`helm test` asks a model on real pods, and fails when the engine is broken."""

from typing import Any

import pytest

from modelservice.inputs import merge, read_values
from modelservice.paths import chart_dir
from support.cluster import Cluster
from support.images import curl_image
from support.release import SIMULATOR, Serving

QUESTION = read_values(str(chart_dir() / "values.yaml"))["test"]


@pytest.fixture(scope="session")
def tested(cluster: Cluster) -> dict[str, Any]:
    """Values of a release that can be tested."""
    cluster.import_image(curl_image(QUESTION["image"]))
    return merge([SIMULATOR, {"test": {"enabled": True, "timeoutSeconds": 15}}])


@pytest.mark.parametrize("prefill", [0, 1])
def test_helm_test_passes(serving: Serving, tested: dict[str, Any], prefill: int) -> None:
    serving.helm.install("asked", merge([tested, {"prefill": {"create": bool(prefill), "replicas": prefill}}]))
    assert "Phase:          Succeeded" in serving.helm.run("test", "asked", "--timeout", "60s")


def test_helm_test_fails_when_the_engine_answers_with_errors(serving: Serving, tested: dict[str, Any]) -> None:
    broken = {"engine": {"args": {"failure-injection-rate": 100}}}
    serving.helm.install("broken", merge([tested, broken]))
    with pytest.raises(AssertionError, match="test failed"):
        serving.helm.run("test", "broken", "--timeout", "60s")
