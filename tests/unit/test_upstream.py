"""The original chart's own examples, and the values files that people really use."""

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelservice import facts
from modelservice.assignments import apply_set
from modelservice.errors import ModelserviceError
from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import InputWarning, read_values
from support.kubernetes_schemas import problems
from support.render import shared
from support.samples import real_values

PVC_HF = "modelArtifacts.uri=pvc+hf://model-pvc/meta-llama/Llama-3.1-8B-Instruct"

EXAMPLES: dict[str, tuple[str, str, list[str]]] = {
    # output: (values file, release, --set), as the original generated it
    "cpu": ("cpu", "cpu-sim", []),
    "dra": ("dra", "dra", [PVC_HF]),
    "gaudi": ("gaudi", "gaudi", []),
    "heterogeneous-pd": ("heterogeneous-pd", "heterogeneous-pd", []),
    "pd": ("pd", "pd", []),
    "pd-mnnvl": ("pd-mnnvl", "pd-mnnvl", []),
    "pvc": ("pd", "pvc", ["modelArtifacts.uri=pvc://pvc-name/path/to/model"]),
    "pvc-hf": ("pd", "pvc-hf", ["modelArtifacts.uri=pvc+hf://pvc-name/path/to/hf_hub_cache/facebook/opt-125m"]),
    "rebellions-atom": ("rebellions-atom", "rebellions-atom", []),
    "requester": ("requester", "requester", []),
    "xpu": ("xpu", "xpu", []),
    "xpu-pd": ("xpu-pd", "xpu-pd", []),
}


def normalised(value: Any) -> Any:
    """Without what has no meaning: nulls, empty resources, the number or string form of a quantity."""
    if isinstance(value, dict):
        items = {key: normalised(item) for key, item in value.items() if item is not None}
        for key in ("resources", "limits", "requests"):
            if items.get(key) == {}:
                del items[key]
            elif key != "resources" and isinstance(items.get(key), dict):
                items[key] = {name: str(quantity) for name, quantity in items[key].items()}
        return items
    return [normalised(item) for item in value] if isinstance(value, list) else value


def same_but_for_documented_differences(original: dict[str, Any], ours: dict[str, Any]) -> Iterator[str]:
    """Applies the first table of docs/upstream-differences.md to the original's object and compares."""
    expected, found = normalised(original), normalised(ours)
    labels = found["metadata"]["labels"]
    expected["metadata"]["labels"] = {**expected["metadata"].get("labels", {}), **labels}
    if expected["kind"] == "Deployment":
        user = expected["spec"]["selector"]["matchLabels"]
        selector = {key: labels[key] for key in ("app.kubernetes.io/name", "app.kubernetes.io/instance")}
        selector["llm-d.ai/role"] = user["llm-d.ai/role"]
        expected["spec"]["selector"]["matchLabels"] = selector
        expected["spec"]["template"]["metadata"]["labels"] = {**user, **selector}
    for container in _containers(expected):
        container["env"] = _last_values(container["env"]) if container.get("env") else None
        if not container["env"]:
            del container["env"]
    _rename_claim_templates(expected, labels["app.kubernetes.io/instance"])
    if expected != found:
        before, after = (yaml.safe_dump(item).splitlines() for item in (expected, found))
        yield "\n".join(difflib.unified_diff(before, after, "the original", "this chart", lineterm=""))


def _containers(obj: dict[str, Any]) -> list[dict[str, Any]]:
    pod = obj["spec"]["template"]["spec"] if obj["kind"] == "Deployment" else {}
    return [*pod.get("containers", []), *pod.get("initContainers", [])]


def _last_values(env: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Variables given twice once; here the original's two values are always equal."""
    once: dict[str, dict[str, Any]] = {}
    for variable in env:
        assert once.setdefault(variable["name"], variable) == variable
    return list(once.values())


def _rename_claim_templates(obj: dict[str, Any], release: str) -> None:
    prefix = f"{release}-llm-d-modelservice-"
    if obj["kind"] == "ResourceClaimTemplate":
        obj["metadata"]["name"] = prefix + obj["metadata"]["name"]
    if obj["kind"] == "Deployment":
        for claim in obj["spec"]["template"]["spec"].get("resourceClaims", []):
            if claim["resourceClaimTemplateName"].endswith(("-decode", "-prefill")):
                claim["resourceClaimTemplateName"] = prefix + claim["resourceClaimTemplateName"]


@pytest.mark.parametrize("output", EXAMPLES)
def test_the_originals_examples_differ_only_as_documented(embedded: EmbeddedHelm, output: str) -> None:
    values_file, release, sets = EXAMPLES[output]
    values = apply_set(
        read_values(str(shared(f"upstream/real-values/modelservice-examples/values-{values_file}.yaml"))), sets
    )
    original = yaml.safe_load_all(shared(f"upstream/examples-output/output-{output}.yaml").read_text())
    ours = {(obj["kind"], obj["metadata"]["name"]): obj for obj in embedded.render(values, Release(release)).objects}
    for expected in [obj for obj in original if obj]:
        name = expected["metadata"]["name"]
        if expected["kind"] == "ResourceClaimTemplate":
            name = f"{release}-llm-d-modelservice-{name}"
        found = ours.pop((expected["kind"], name))
        if expected["kind"] == "ReplicaSet":
            assert list(requester_differences(expected, found)) == []
        else:
            assert list(same_but_for_documented_differences(expected, found)) == []
    assert ours == {}


@pytest.mark.parametrize("output", EXAMPLES)
def test_the_originals_selectors_are_kept_on_request(embedded: EmbeddedHelm, output: str) -> None:
    values_file, release, sets = EXAMPLES[output]
    file = shared(f"upstream/real-values/modelservice-examples/values-{values_file}.yaml")
    values = apply_set(read_values(str(file)), [*sets, "deploymentSelector=model"])
    original = list(yaml.safe_load_all(shared(f"upstream/examples-output/output-{output}.yaml").read_text()))
    ours = embedded.render(values, Release(release)).objects
    selectors = [
        {obj["metadata"]["name"]: obj["spec"]["selector"] for obj in objects if obj and obj["kind"] == "Deployment"}
        for objects in (original, ours)
    ]
    assert selectors[0] == selectors[1]
    for obj in ours:
        if obj["kind"] == "Deployment":
            labels = obj["spec"]["template"]["metadata"]["labels"]
            assert obj["spec"]["selector"]["matchLabels"].items() <= labels.items()
            assert labels["app.kubernetes.io/instance"] == release


def requester_differences(original: dict[str, Any], ours: dict[str, Any]) -> Iterator[str]:
    """The requester differs in its own row of the table: compares what is left."""
    names = facts.fast_model_actuation().annotations
    before, after = (obj["spec"]["template"] for obj in (original, ours))
    own = {
        name.replace(names.prefix, names.former_prefix): text for name, text in after["metadata"]["annotations"].items()
    }
    theirs = before["metadata"]["annotations"]
    patch = names.server_patch.replace(names.prefix, names.former_prefix)
    patches = [normalised(yaml.safe_load(annotations.pop(patch))) for annotations in (theirs, own)]
    if theirs != own:
        yield "annotations"
    containers = [template["spec"]["containers"] for template in (before, after)]
    limits = [normalised(items[0].pop("resources"))["limits"] for items in containers]
    if limits[0] != limits[1]:
        yield "limits"
    if containers[0][0].pop("image").rpartition(":")[0] != containers[1][0].pop("image").rpartition(":")[0]:
        yield "image"
    if containers[0] != containers[1]:
        yield "containers"
    servers = [patch["spec"].pop("containers") for patch in patches]
    if without_the_contract(servers[0][0]) != without_the_contract(servers[1][0]) or servers[0][1:] != servers[1][1:]:
        yield "servers"
    if patches[0]["spec"] != {key: value for key, value in patches[1]["spec"].items() if key != "volumes"}:
        yield "patch"
    if not patches[0]["metadata"]["labels"].items() <= patches[1]["metadata"]["labels"].items():
        yield "patch labels"


def without_the_contract(server: dict[str, Any]) -> dict[str, Any]:
    """The server's container without what the controller asks for."""
    kept = {key: value for key, value in server.items() if key not in ("name", "readinessProbe", "imagePullPolicy")}
    held = [name for name in kept["resources"]["limits"] if name not in ("cpu", "memory")]
    kept["resources"] = {
        kind: {name: amount for name, amount in amounts.items() if name not in held}
        for kind, amounts in kept["resources"].items()
    }
    kept["args"] = [word for word in kept["args"] if word != "--enable-sleep-mode"]
    kept["env"] = [variable for variable in kept["env"] if variable["name"] != "VLLM_SERVER_DEV_MODE"]
    return kept


REFUSED = {
    # file: what the refusal says, and why a maintainer would agree
    "benchmark/cicd__kind__kind-sim-cicd.yaml": "decode.parallelism.tensor",  # tensor: 0
    "benchmark/examples__multi-model-optimized-baseline__llama-31-8b.yaml": "not a resource",  # placeholder "auto"
    "benchmark/examples__multi-model-optimized-baseline__qwen3-06b.yaml": "not a resource",
    "benchmark/guides__pd-disaggregation__pd-disaggregation.yaml": "not a resource",
    "benchmark/guides__tiered-prefix-cache__tiered-prefix-cache.yaml": "not a resource",
    "benchmark/guides__wide-ep-lws__wide-ep-lws.yaml": "not a resource",
    # InferenceModel: its API is gone, and the message names what replaces it.
    "llm-d-infra/quickstart__examples__facebook-opt-125m__ms-facebook__values.yaml": "set routing.inferenceObjective",
    "llm-d-infra/quickstart__examples__pd-disaggregation__ms-pd__gke.values.yaml": "{create: true, priority: 1}",
    "llm-d-infra/quickstart__examples__pd-disaggregation__ms-pd__values-xpu.yaml": "{create: true, priority: 1}",
    "modelservice-examples-history/values-facebook.yaml": "set routing.inferenceObjective",
    "modelservice-examples-history/values-pvc.yaml": "set routing.inferenceObjective",
    # The names of Gateway and pool are set by the helmfile beside these files.
    "llm-d-infra/quickstart__examples__sim__ms-sim__values.yaml": "routing.parentRefs[0].name",
    "llm-d-infra/quickstarts__examples__sim__ms-sim__values.yaml": "routing.parentRefs[0].name",
    "llm-d-infra/quickstarts__guides__simulated-accelerators__ms-sim__values.yaml": "routing.parentRefs[0].name",
    # A picker without a pool: when this was written, the pool was on by default.
    "modelservice-examples-history/values-vllm-sim.yaml": "set routing.inferencePool.create: true",
    # A plugin configuration that came with the original chart.
    "llm-d-infra/quickstart__examples__prefix-cache-aware__kv-events__ms-simple__values.yaml": "routing.epp.pluginsConfigFile",
    # More accelerators than the ranks of a pod, or fewer.
    "llm-d-infra/quickstart__examples__wide-ep-lws-mini__ms-wide-ep-mini__values.yaml": "prefill.accelerator.count",
    "llm-d-infra/quickstart__examples__wide-ep-lws__ms-wide-ep__values.yaml": "decode.accelerator.count",
    "llm-d-infra/quickstarts__examples__wide-ep-lws__ms-wide-ep__values.yaml": "decode.accelerator.count",
    "modelservice-examples-history/values-one-pod-per-dp-rank.yaml": "decode.accelerator.count",
    "modelservice-examples-history/values-qwen-lws.yaml": "decode.accelerator.count",
    # The same; and a tab that PyYAML refuses and Helm reads.
    "llm-d-infra/quickstart__examples__wide-ep-pd__ms-wide-ep-pd__values.yaml": "decode.accelerator.count",
    # google.com/tpu in the limits and accelerator.type left at nvidia: the original asked for both.
    "llm-d-infra/quickstarts__examples__inference-scheduling__ms-inference-scheduling__values_tpu.yaml": "type: google",
    "llm-d-infra/quickstarts__guides__inference-scheduling__ms-inference-scheduling__values_tpu.yaml": "type: google",
    # Keys at the top level that no released version had.
    "modelservice-examples-history/values-deepseek.yaml": "endpointPicker: unknown key",
}  # fmt: skip


@pytest.mark.filterwarnings(f"ignore::{InputWarning.__module__}.{InputWarning.__qualname__}")
@pytest.mark.parametrize("file", real_values())
def test_real_values_render_or_are_refused_for_a_reason(embedded: EmbeddedHelm, file: str) -> None:
    path: Path = shared(f"upstream/real-values/{file}")
    if file in REFUSED:
        with pytest.raises(ModelserviceError) as refusal:
            embedded.render(read_values(str(path)), Release("real"))
        assert REFUSED[file] in str(refusal.value)
        return
    rendered = embedded.render(read_values(str(path)), Release("real"))
    assert problems(rendered.objects) == []


WITHOUT_MODEL = "routing.inferenceModel.create=false"
NAMES = ["routing.parentRefs[0].name=gateway", "routing.inferencePool.name=pool"]
PICKER = {"InferencePool", "Role", "RoleBinding", "ConfigMap", "Service"}
ROUTED: dict[str, tuple[list[str], set[str]]] = {
    # file: (what its helmfile sets or the refusal asks for, the objects it then has beside workloads and accounts)
    "llm-d-infra/quickstart__examples__facebook-opt-125m__ms-facebook__values.yaml": ([WITHOUT_MODEL], {"HTTPRoute"}),
    "llm-d-infra/quickstart__examples__inference-scheduling__ms-simple__values.yaml": ([], {"HTTPRoute"}),
    "llm-d-infra/quickstart__examples__sim__ms-sim__values.yaml": (NAMES, {"HTTPRoute"}),
    "llm-d-infra/quickstarts__examples__sim__ms-sim__values.yaml": (NAMES, {"HTTPRoute"}),
    "llm-d-infra/quickstarts__guides__simulated-accelerators__ms-sim__values.yaml": (NAMES, {"HTTPRoute"}),
    "llm-d-infra/quickstart__examples__prefix-cache-aware__kv-events__ms-simple__values.yaml": (
        ["routing.epp.pluginsConfigFile=null"], {"HTTPRoute", *PICKER},
    ),
    "modelservice-examples-history/values-facebook.yaml": ([WITHOUT_MODEL, NAMES[0]], {"HTTPRoute", *PICKER}),
    "modelservice-examples-history/values-pvc.yaml": ([WITHOUT_MODEL, NAMES[0]], {"HTTPRoute", *PICKER}),
    "modelservice-examples-history/values-vllm-sim.yaml": (["routing.inferencePool.create=true"], PICKER),
}  # fmt: skip


@pytest.mark.parametrize("file", ROUTED)
def test_real_values_with_routing_objects_render_them(embedded: EmbeddedHelm, file: str) -> None:
    sets, expected = ROUTED[file]
    values = apply_set(read_values(str(shared(f"upstream/real-values/{file}"))), sets)
    objects = embedded.render(values, Release("real")).objects
    assert problems(objects) == []
    assert {obj["kind"] for obj in objects} - {"Deployment", "ServiceAccount"} == expected
