"""Real values files and the pools that they were used with: each judged, each mistake with its reason."""

import warnings

import pytest

from modelservice.check.finding import Severity
from modelservice.check.runner import load, run
from modelservice.documents import read_objects
from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import InputWarning
from modelservice.model.deployment import Deployment
from modelservice.model.pool import read_pool
from support.render import SHARED, shared

PLACEHOLDER = {"values-schema"}
"""The scenario of the benchmark fills in `auto` and 0 when it runs."""
OBJECTS = {"values-chart"}
"""Asks for routing objects in a form that this chart refuses, or for TPUs under the type nvidia."""

MISTAKES = {
    # pair: rules of the errors, with what a maintainer would agree to
    "benchmark/cicd__kind__kind-sim-cicd.yaml": PLACEHOLDER,
    "benchmark/examples__multi-model-optimized-baseline__llama-31-8b.yaml": PLACEHOLDER,
    "benchmark/examples__multi-model-optimized-baseline__qwen3-06b.yaml": PLACEHOLDER,
    "benchmark/guides__pd-disaggregation__pd-disaggregation.yaml": PLACEHOLDER,
    "benchmark/guides__tiered-prefix-cache__tiered-prefix-cache.yaml": PLACEHOLDER,
    "benchmark/guides__wide-ep-lws__wide-ep-lws.yaml": PLACEHOLDER,
    # Prefill pods without any KV connector, under a picker without prefill profile: they serve as plain replicas,
    # and decode's sidecar is never told of them.
    "benchmark/cicd__gke__gke-cicd.yaml": {"kv-transfer-missing", "epp-profiles"},
    "benchmark/cicd__ocp__ocp-cicd.yaml": {"kv-transfer-missing", "epp-profiles"},
    # Prefill pods, but the sidecar is switched off and the picker knows no prefill.
    "benchmark/examples__eval-containers-aider-polyglot__eval-aider-polyglot.yaml": {
        "prefill-without-proxy", "epp-profiles",
    },
    # A layer over the guide's values, which hold the labels; by itself no pod has the pool's.
    "llm-d-infra/quickstart__examples__pd-disaggregation__ms-pd__digitalocean-values.yaml": {"pool-selector"},
    "llm-d-infra/quickstart__examples__facebook-opt-125m__ms-facebook__values.yaml": OBJECTS,
    # Written for a chart whose pods had this label by themselves, and beside a pool of the old API group.
    "llm-d-infra/quickstart__examples__inference-scheduling__ms-simple__values.yaml": {"pool-selector", "route-backend"},
    "llm-d-infra/quickstart__examples__pd-disaggregation__ms-pd__gke.values.yaml": OBJECTS,
    "llm-d-infra/quickstart__examples__pd-disaggregation__ms-pd__values-xpu.yaml": OBJECTS,
    "llm-d-infra/quickstart__examples__sim__ms-sim__values.yaml": OBJECTS,
    "llm-d-infra/quickstart__examples__wide-ep-lws__ms-wide-ep__values.yaml": OBJECTS,
    "llm-d-infra/quickstarts__examples__inference-scheduling__ms-inference-scheduling__values_tpu.yaml": OBJECTS,
    "llm-d-infra/quickstarts__examples__sim__ms-sim__values.yaml": OBJECTS,
    "llm-d-infra/quickstarts__guides__inference-scheduling__ms-inference-scheduling__values_tpu.yaml": OBJECTS,
    "llm-d-infra/quickstarts__guides__simulated-accelerators__ms-sim__values.yaml": OBJECTS,
}  # fmt: skip

ALONE = {
    "benchmark/cicd__gke__gke-cicd.yaml": {"kv-transfer-missing"},
    "benchmark/cicd__ocp__ocp-cicd.yaml": {"kv-transfer-missing"},
    "benchmark/examples__eval-containers-aider-polyglot__eval-aider-polyglot.yaml": {"prefill-without-proxy"},
    # Two roles without a connector; mounts of volumes that the pod does not have; and liveness probes that restart
    # the engine after half a minute.
    "modelservice-examples-history/values-multinode.yaml": {"kv-transfer-missing", "volume-missing", "liveness-cold"},
    # Claims for Gaudi, and an image for Intel's GPUs; the name of the simulator's model.
    "modelservice-examples/values-dra.yaml": {"accelerator-image", "model-missing"},
}  # fmt: skip
"""Files without a pool that render and have errors."""


def pairs() -> list[tuple[str, str]]:
    """Values files and the values of their pools; none where the data is absent."""
    file = SHARED / "upstream" / "real-values" / "pairs.tsv"
    rows = file.read_text().splitlines()[1:] if file.is_file() else ["absent\tabsent"]
    return [(row.split("\t")[0], row.split("\t")[1]) for row in rows]


@pytest.mark.parametrize(("values", "pool"), pairs())
def test_a_real_pair_is_judged(embedded: EmbeddedHelm, values: str, pool: str) -> None:
    folder = shared("upstream/real-values")
    deployment, findings = load([str(folder / values)], embedded, Release("real"))
    if deployment is not None:
        neighbours = read_pool(str(folder / pool))
        deployment.given_pools, deployment.neighbours = neighbours.pools, neighbours.objects
        findings = [*findings, *run([deployment])]
    errors = {finding.rule for finding in findings if finding.severity is Severity.error}
    assert errors == MISTAKES.get(values, set())


def singles() -> list[str]:
    """Real values files; none where the data is absent."""
    folder = SHARED / "upstream" / "real-values"
    files = (str(path.relative_to(folder)) for path in sorted(folder.glob("*/*.yaml")))
    return [file for file in files if not file.startswith("gaie/")] or ["absent"]


@pytest.mark.parametrize("values", singles())
def test_a_real_file_has_no_errors_but_its_own(embedded: EmbeddedHelm, values: str) -> None:
    folder = shared("upstream/real-values")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        deployment, refused = load([str(folder / values)], embedded, Release("real"))
    if deployment is None:
        assert {finding.rule for finding in refused} & {"values-schema", "values-chart"}
        return
    errors = {finding.rule for finding in run([deployment]) if finding.severity is Severity.error}
    assert errors == ALONE.get(values, set())


RENDERED = {
    "output-dra.yaml": {"accelerator-image"},
    # Annotations and container of a contract that the controller of dual pods left.
    "output-requester.yaml": {"dual-pods-contract"},
}
"""Manifests of files with errors."""


def outputs() -> list[str]:
    """Manifests that the original chart rendered; none where the data is absent."""
    folder = SHARED / "upstream" / "examples-output"
    return [path.name for path in sorted(folder.glob("*.yaml"))] or ["absent"]


@pytest.mark.parametrize("output", outputs())
def test_manifests_of_the_original_chart_have_no_errors_but_their_values(output: str) -> None:
    objects = read_objects(str(shared(f"upstream/examples-output/{output}")))
    deployment = Deployment(output, objects)
    assert deployment.servers
    errors = {finding.rule for finding in run([deployment]) if finding.severity is Severity.error}
    assert errors == RENDERED.get(output, set())
