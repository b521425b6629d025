"""The llm-d operator's ModelService: what the operator's own program printed, and what ours does."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from modelservice.errors import ModelserviceError
from modelservice.importers import import_files
from modelservice.importers.report import Outcome
from modelservice.importers.systems.llm_d_operator.children import Operator
from modelservice.importers.systems.llm_d_operator.generate import DryRun, dry_run
from modelservice.importers.systems.system import Options
from support.equivalence import differences, installed, labels_kept
from support.render import shared

pytestmark = pytest.mark.slow

GOLDEN = {
    "simple-model": ("simple-model/granite3.2.yaml", "simple-model/simple-baseconfig.yaml"),
    "test-hf": ("test/msvc-hf.yaml", "test/baseconfig.yaml"),
    "test-hf-nobase": ("test/msvc-hf.yaml", None),
}
"""Outputs of the operator's program: the ModelService and its base."""

OPTIONS = Operator("", "pod-read", ("epp-pull",), ("pd-pull",))
"""The options that the outputs were made with."""


def run(name: str) -> tuple[dict[str, Any], DryRun]:
    folder = shared("samples/llm-d-operator")
    source, base = GOLDEN[name]
    golden = yaml.safe_load((folder / "generate-golden" / f"{name}.yaml").read_text())
    return golden, dry_run(str(folder / source), str(folder / base) if base else None, OPTIONS)


def without_zeros(value: Any) -> Any:
    """Go prints zero values of structs; owner references are the operator's, a release has none."""
    if isinstance(value, dict):
        items = {key: without_zeros(item) for key, item in value.items() if key not in ("ownerReferences", "status")}
        return {key: item for key, item in items.items() if item not in (None, "", {}, [], 0)}
    if isinstance(value, list):
        return [without_zeros(item) for item in value]
    return (str(value) if value else None) if isinstance(value, int) and not isinstance(value, bool) else value


def one_volume_a_name(deployment: dict[str, Any]) -> None:
    """Two volumes of one name, or two mounts of one path: the first is kept, as no API server takes both."""
    pod = deployment["spec"]["template"]["spec"]
    pod["volumes"] = list({item["name"]: item for item in reversed(pod["volumes"])}.values())[::-1]


def as_served_today(golden: dict[str, Any]) -> None:
    """The kinds that were removed, by the ones that took their place."""
    if "inferencePool" in golden:
        pool = golden["inferencePool"]
        old = pool["spec"]
        pool["apiVersion"] = "inference.networking.k8s.io/v1"
        pool["spec"] = {
            "selector": {"matchLabels": old["selector"]},
            "targetPorts": [{"number": old["targetPortNumber"]}],
            "endpointPickerRef": {"name": old["extensionRef"]["name"], "port": {"number": 9002}},
        }
    if "inferenceModel" in golden:
        model = golden["inferenceModel"]
        model |= {"apiVersion": "inference.networking.x-k8s.io/v1alpha2", "kind": "InferenceObjective"}
        model["spec"] = {
            "priority": {"Critical": 1, "Standard": 0, "Sheddable": -1}[model["spec"]["criticality"]],
            "poolRef": {"group": "inference.networking.k8s.io", "name": model["spec"]["poolRef"]["name"]},
        }
    for rule in golden.get("httpRoute", {}).get("spec", {}).get("rules", []):
        for backend in rule.get("backendRefs", []):
            backend["group"] = "inference.networking.k8s.io"
            backend.pop("port", None)


@pytest.mark.parametrize("name", GOLDEN)
def test_prints_what_the_operator_prints_but_for_documented_differences(name: str) -> None:
    golden, ours = run(name)
    for role in ("decodeDeployment", "prefillDeployment"):
        if role in golden:
            one_volume_a_name(golden[role])
    as_served_today(golden)
    assert without_zeros(dict(ours.children)) == without_zeros(golden)


@pytest.mark.parametrize("name", GOLDEN)
def test_the_chart_runs_what_the_operator_runs(name: str) -> None:
    golden, ours = run(name)
    objects = installed(ours.values)
    for role in ("decode", "prefill"):
        deployment = golden.get(f"{role}Deployment")
        if deployment is None:
            assert not [item for item in objects.all("Deployment") if item["metadata"]["name"].endswith(f"-{role}")]
            continue
        one_volume_a_name(deployment)
        workload = objects.workload(role)
        assert workload["metadata"]["name"] == deployment["metadata"]["name"]
        assert workload["spec"]["replicas"] == deployment["spec"]["replicas"]
        template, expected = workload["spec"]["template"], deployment["spec"]["template"]
        assert labels_kept(expected["metadata"]["labels"], template["metadata"]["labels"])
        engine = "llm" if name.startswith("test-hf") else None
        assert differences(expected["spec"], template["spec"], engine=engine) == []


@pytest.mark.parametrize("name", GOLDEN)
def test_the_chart_makes_the_operators_other_objects(name: str) -> None:
    golden, ours = run(name)
    as_served_today(golden)
    objects = installed(ours.values)
    expected = {
        (item["kind"], item["metadata"]["name"]): without_zeros(item)
        for key, item in golden.items()
        if "kind" in item and key not in ("decodeDeployment", "prefillDeployment")
    }
    found = {
        (item["kind"], item["metadata"]["name"]): without_zeros(item)
        for item in objects.items
        if (item["kind"], item["metadata"]["name"]) in expected
    }
    assert found == expected


def write(folder: Path, service: str, base: str = "") -> list[str]:
    files = [folder / "service.yaml", folder / "base.yaml"]
    files[0].write_text(service)
    files[1].write_text(base)
    return [str(files[0])] + ([str(files[1])] if base else [])


SERVICE = """
apiVersion: llm-d.ai/v1alpha1
kind: ModelService
metadata: {name: granite.base}
spec:
  baseConfigMapRef: {name: base}
  routing:
    modelName: ibm/Granite_3
    ports: [{name: app, port: 8000}, {name: inner, port: 8200}]
  modelArtifacts: {uri: "hf://ibm/granite", authSecretName: hf}
  decode:
    containers:
    - name: vllm
      args: ["{{ .HFModelName }}", "--port", "{{ getPort `inner` }}"]
      mountModelVolume: true
      env: [{name: MINE, value: "1"}]
  prefill: {replicas: 2, containers: [{name: vllm}]}
"""

BASE = """
apiVersion: v1
kind: ConfigMap
metadata: {name: base}
data:
  decodeDeployment: |
    spec:
      template:
        spec:
          initContainers:
          - name: routing-proxy
            image: ghcr.io/llm-d/llm-d-routing-sidecar:0.0.7
            args: ["--port={{ "app" | getPort }}", "--vllm-port={{ "inner" | getPort }}", "--connector=nixlv2", "-v=6"]
          containers:
          - name: vllm
            image: ghcr.io/llm-d/llm-d:0.0.8
            command: [vllm, serve]
            args: [--enforce-eager]
            resources: {limits: {nvidia.com/gpu: "1"}}
          volumes: [{name: model-storage, emptyDir: {sizeLimit: 20Gi}}]
  prefillDeployment: |
    {{- $port := "app" | getPort }}
    spec:
      template:
        spec:
          containers:
          - name: vllm
            image: {{ printf "ghcr.io/llm-d/llm-d:%s" "0.0.8" }}
            command: [vllm, serve]
            args: ["{{ $.HFModelName }}", --port, "{{ add $port 0 }}", "--seed={{ "missing" | getPort }}"]
"""


def test_both_roles_share_ports_and_the_sidecar_is_the_charts(tmp_path: Path) -> None:
    (found,) = import_files(None, write(tmp_path, SERVICE, BASE))
    objects = installed(found.values)
    proxy = objects.proxy()
    assert proxy is not None
    assert {"--port=8000", "--vllm-port=8200", "--connector=nixlv2", "-v=6"} <= set(proxy["args"])
    assert objects.workload("decode")["metadata"]["name"] == "granite-base-decode"
    assert objects.engine("decode")["args"] == [
        "ibm/granite", "--port", "8200", "--served-model-name", "ibm/Granite_3", "--enforce-eager",
    ]  # fmt: skip
    assert objects.engine("prefill")["args"] == [
        "ibm/granite", "--port", "8000", "--served-model-name", "ibm/Granite_3", "--seed=-1",
    ]  # fmt: skip
    assert objects.workload("prefill")["spec"]["replicas"] == 2


def test_of_two_volumes_with_one_name_the_bases_is_kept(tmp_path: Path) -> None:
    (found,) = import_files(None, write(tmp_path, SERVICE, BASE))
    assert found.values["modelArtifacts"]["size"] == "20Gi"
    assert any("two volumes" in note.why for note in found.notes)


def test_environment_that_the_operator_drops_is_said_to_be_lost(tmp_path: Path) -> None:
    (found,) = import_files(None, write(tmp_path, SERVICE, BASE))
    assert "MINE" not in found.text
    assert any(note.outcome is Outcome.lost and note.path == "spec.decode.containers[vllm].env" for note in found.notes)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("uri: \"hf://ibm/granite\"", "uri: oci://image"), ["modelArtifacts.uri", "service.yaml:10", "use hf://organisation/model or pvc://"]),
        (("{{ .HFModelName }}", "{{ .Model }}"), [".Model", "service.yaml:14", "HFModelName"]),
        (("{{ .HFModelName }}", "{{ if }}"), ["template fails", "service.yaml:14", "missing value for if"]),
        (("replicas: 2", "replicas: two"), ["spec.prefill.replicas", "service.yaml:17", "an integer", "'two'"]),
        (("  routing:\n    modelName: ibm/Granite_3\n", "  routing:\n"), ["spec.routing.modelName", "missing"]),
        (("image: ghcr.io/llm-d/llm-d:0.0.8\n            command: [vllm, serve]\n            args: [--enf", "args: [--enf"), ["no image"]),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_place_and_reason(change: tuple[str, str], words: list[str], tmp_path: Path) -> None:
    service, base = SERVICE.replace(*change), BASE.replace(*change)
    with pytest.raises(ModelserviceError) as caught:
        import_files(None, write(tmp_path, service, base))
    for word in words:
        assert word in str(caught.value)


def test_fields_that_nobody_knows_are_reported_by_path(tmp_path: Path) -> None:
    service = SERVICE.replace("replicas: 2", "replicas: 2, tolerations: [{key: a}]")
    (found,) = import_files(
        None,
        write(
            tmp_path,
            service,
            BASE.replace("            args: [--enf", "            imagee: x\n            args: [--enf"),
        ),
    )
    unknown = {note.path for note in found.notes if note.unknown}
    assert unknown == {
        "spec.prefill.tolerations", "data.decodeDeployment.spec.template.spec.containers[0].imagee",
    }  # fmt: skip


def test_a_secret_in_the_environment_becomes_a_reference(tmp_path: Path) -> None:
    service = SERVICE.replace("mountModelVolume: true", "mountModelVolume: false").replace(
        '{name: MINE, value: "1"}', "{name: WANDB_API_KEY, value: supersecret1234}"
    )
    (found,) = import_files(None, write(tmp_path, service, BASE), Options(namespace="llm"))
    assert "supersecret1234" not in found.text
    assert installed(found.values).env()["WANDB_API_KEY"] == {
        "secretKeyRef": {"name": "granite.base-secrets", "key": "WANDB_API_KEY"}
    }
    (needed,) = found.secrets
    assert needed.command("llm").startswith("kubectl create secret generic granite.base-secrets --namespace llm ")


def test_scaling_by_others_leaves_the_replicas_out(tmp_path: Path) -> None:
    (found,) = import_files(
        None, write(tmp_path, SERVICE.replace("spec:\n  base", "spec:\n  decoupleScaling: true\n  base", 1), BASE)
    )
    assert "replicas" not in installed(found.values).workload("decode")["spec"]


PICKER = """
  eppDeployment: |
    spec:
      template:
        spec:
          containers:
          - name: epp
            image: epp:1
            args:
            - -poolNamespace
            - {{ .ModelServiceNamespace }}
            env: [{name: HF_TOKEN, value: base}]
"""


def picker(files: list[str], namespace: str = "") -> tuple[dict[str, Any], DryRun]:
    """The endpoint picker's Deployment of a dry run."""
    result = dry_run(files[0], files[1], Operator(namespace))
    (found,) = [item for item in yaml.safe_load_all(result.manifests) if item and item["metadata"]["name"].endswith("-epp")
                and item["kind"] == "Deployment"]  # fmt: skip
    return found, result


def test_a_namespace_that_is_missing_is_an_empty_argument_and_is_said(tmp_path: Path) -> None:
    files = write(tmp_path, SERVICE, BASE + PICKER)
    deployment, result = picker(files)
    assert deployment["spec"]["template"]["spec"]["containers"][0]["args"] == ["-poolNamespace", ""]
    lost = [note for note in result.notes if note.outcome is Outcome.lost]
    assert any(note.path == "metadata.namespace" and "--namespace" in note.why for note in lost)
    deployment, _ = picker(files, "llm")
    assert deployment["spec"]["template"]["spec"]["containers"][0]["args"] == ["-poolNamespace", "llm"]


def test_the_endpoint_pickers_environment_merges_by_name_and_hides_secrets(tmp_path: Path) -> None:
    service = (
        SERVICE
        + "  endpointPicker:\n    containers: [{name: epp, env: [{name: HF_TOKEN, value: hello-there}, {name: A, value: b}]}]\n"
    )
    files = write(tmp_path, service, BASE + PICKER)
    deployment, result = picker(files)
    reference = {"secretKeyRef": {"name": "granite.base-secrets", "key": "HF_TOKEN"}}
    env = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    assert env == [{"name": "HF_TOKEN", "valueFrom": reference}, {"name": "A", "value": "b"}]
    assert "hello-there" not in result.manifests
    (found,) = import_files(None, files)
    assert "hello-there" not in found.text


def test_an_import_has_the_charts_endpoint_picker(tmp_path: Path) -> None:
    base = (
        BASE
        + PICKER
        + "  inferencePool: '{spec: {targetPortNumber: 8000}}'\n  eppService: '{spec: {ports: [{port: 9002}]}}'\n"
    )
    (found,) = import_files(None, write(tmp_path, SERVICE, base))
    assert not [item["kind"] for item in found.values.get("extraObjects", []) if item["kind"] != "ServiceAccount"]
    objects = installed(found.values)
    pool, service = objects.one("InferencePool"), objects.one("Service")
    assert pool["spec"]["endpointPickerRef"]["name"] == service["metadata"]["name"]
    assert pool["spec"]["selector"]["matchLabels"].items() <= objects.template("decode")["metadata"]["labels"].items()
    lost = {note.path for note in found.losses}
    assert {"eppDeployment.containers[epp].image", "eppDeployment.containers[epp].args"} <= lost
