"""Plain manifests as projects write them: roles, claims, variables, ports and names mean the same in a release."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelservice.cli import main
from modelservice.engines.command import EngineCommand
from modelservice.errors import ModelserviceError
from modelservice.importers import import_files
from modelservice.importers.imported import Imported
from support.equivalence import differences, environment, installed
from support.go_modules import source
from support.render import ROOT, Objects

pytestmark = pytest.mark.slow

Object = dict[str, Any]


def deployment(name: str = "m", role: str = "", *, pod: Object | None = None, **container: Any) -> Object:
    """A Deployment of vLLM."""
    labels = {"app": name, **({"llm-d.ai/role": role} if role else {})}
    engine = {
        "name": "engine", "image": "vllm/vllm-openai:v0.28.0", "command": ["vllm", "serve", "o/m"],
        "resources": {"limits": {"nvidia.com/gpu": 1}}, **container,
    }  # fmt: skip
    template = {"metadata": {"labels": labels}, "spec": {"containers": [engine], **(pod or {})}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def import_all(folder: Path, *documents: Object) -> list[Imported]:
    """The imports of documents in one file."""
    file = folder / "source.yaml"
    file.write_text(yaml.safe_dump_all(documents))
    return import_files(None, [str(file)])


def import_one(folder: Path, *documents: Object) -> tuple[Imported, Objects]:
    """The only import of documents, and what is installed of it."""
    (found,) = import_all(folder, *documents)
    return found, installed(found.values)


def errors_of(found: Imported, folder: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The errors of check about an import."""
    values = folder / "values.yaml"
    values.write_text(found.text)
    with pytest.raises(SystemExit):
        main(["check", "-f", str(values), "--format", "json"])
    findings = json.loads(capsys.readouterr().out)["findings"]
    return [f"{item['rule']}: {item['message']}" for item in findings if item["severity"] == "error"]


# --- roles ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["prefill", "decode"])
def test_a_role_alone_stays_that_role(role: str, tmp_path: Path) -> None:
    found, objects = import_one(tmp_path, deployment("m", role))
    assert objects.template(role)["metadata"]["labels"]["llm-d.ai/role"] == role
    other = {"prefill": "decode", "decode": "prefill"}[role]
    assert found.values[other] == {"create": False}
    assert "llm-d.ai/role" not in found.values["modelArtifacts"]["labels"]


@pytest.mark.parametrize("role", ["encode", "prefill-decode", "both", "encode-prefill", "anything"])
def test_a_role_that_the_chart_does_not_have_is_refused(role: str, tmp_path: Path) -> None:
    with pytest.raises(ModelserviceError) as refused:
        import_all(tmp_path, deployment("m", role))
    assert f"the role {role}" in str(refused.value) and "llm-d.ai/role" in str(refused.value)


def test_a_workload_of_another_role_stays_next_to_the_release(tmp_path: Path) -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"selector": {"app": "e"}, "ports": [{"port": 1}]}}  # fmt: skip
    found, _ = import_one(
        tmp_path, deployment("d", "decode"), deployment("p", "prefill"), deployment("e", "encode"), service
    )
    lost = {note.path: note.why for note in found.losses}
    assert "the role encode" in lost["Deployment e"] and "Service s" in lost
    assert {"decode", "prefill"} <= found.values.keys()


@pytest.mark.parametrize(
    ("workloads", "releases"),
    [
        ([("a", "prefill"), ("b", "prefill"), ("c", "decode")], {"a": "prefill", "b": "prefill", "c": "decode"}),
        ([("x-decode", "decode"), ("x-prefill", "prefill"), ("y-prefill", "prefill")], {"x": "decode prefill", "y": "prefill"}),
        ([("x-decode", "decode"), ("x-prefill", "prefill"), ("y-decode", "decode"), ("y-prefill", "prefill")], {"x": "decode prefill", "y": "decode prefill"}),
        ([("x", ""), ("x-decode", "decode")], {"x": "decode", "x-decode": "decode"}),
    ],
)  # fmt: skip
def test_workloads_are_paired_by_their_names(
    workloads: list[tuple[str, str]], releases: dict[str, str], tmp_path: Path
) -> None:
    found = import_all(tmp_path, *(deployment(name, role) for name, role in workloads))
    made = {
        item.name: " ".join(role for role in ("decode", "prefill") if item.values[role] != {"create": False})
        for item in found
    }
    assert made == releases


def test_what_scales_and_selects_prefill_comes_along(tmp_path: Path) -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "m-prefill"}
    scaler = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"}, "spec": {"scaleTargetRef": target, "maxReplicas": 3}}  # fmt: skip
    _, objects = import_one(tmp_path, deployment("m-prefill", "prefill"), deployment("m-decode", "decode"), scaler)
    assert objects.one("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"] == "m-prefill"
    assert "replicas" not in objects.workload("prefill")["spec"]


def test_another_systems_label_of_a_role_is_refused_too(tmp_path: Path) -> None:
    labels = {"llm-d.ai/role": "encode"}
    model = {"apiVersion": "kubeai.org/v1", "kind": "Model", "metadata": {"name": "m", "labels": labels}, "spec": {"features": ["TextGeneration"], "engine": "VLLM", "url": "hf://o/m", "minReplicas": 1}}  # fmt: skip
    with pytest.raises(ModelserviceError, match="the role encode"):
        import_all(tmp_path, model)


# --- names ---------------------------------------------------------------------------------------


def test_long_names_with_one_beginning_stay_apart(tmp_path: Path) -> None:
    names = [f"{'long-' * 11}{end}" for end in ("one", "two")]
    found = import_all(tmp_path, *(deployment(name) for name in names))
    assert len({item.name for item in found}) == 2
    assert all(len(item.name) <= 55 for item in found)
    for item, name in zip(found, names, strict=True):
        (alone,) = import_all(tmp_path, deployment(name))
        assert alone.name == item.name
        notes = [note.why for note in alone.notes if note.path == "metadata.name"]
        assert notes == [f"the chart names the workload {item.name}-decode"]


# --- accelerators --------------------------------------------------------------------------------


def claims(*names: str) -> Object:
    """A pod's claims, one for each template."""
    return {"resourceClaims": [{"name": name, "resourceClaimTemplateName": name} for name in names]}


def claim_template(name: str, device_class: str, count: int = 1) -> Object:
    request = {"name": "r", "exactly": {"deviceClassName": device_class, "count": count}}
    spec = {"spec": {"devices": {"requests": [request]}}}
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaimTemplate",
        "metadata": {"name": name},
        "spec": spec,
    }


def test_accelerators_of_a_device_plugin_stand_next_to_any_claim(tmp_path: Path) -> None:
    resources = {"limits": {"nvidia.com/gpu": 4}, "claims": [{"name": "imex"}]}
    source = deployment(pod=claims("imex"), command=["vllm", "serve", "o/m", "-tp", "4"], resources=resources)
    found, objects = import_one(tmp_path, source)
    assert objects.engine()["resources"]["limits"] == {"nvidia.com/gpu": "4"}
    assert objects.engine()["resources"]["claims"] == [{"name": "imex"}]
    assert "accelerator" not in found.values


@pytest.mark.parametrize(
    ("image", "device_class", "kind"),
    [
        ("vllm/vllm-openai:v0.28.0", "gpu.nvidia.com", "nvidia"),
        ("registry/engine:v1", "gpu.amd.com", "amd"),
        ("registry/engine:v1", "gaudi.intel.com", "intel-gaudi"),
        ("vllm/vllm-openai:v0.28.0", None, "nvidia"),
        ("registry/vllm-cpu:v0.28.0", "rdma.example.com", "cpu"),
        ("registry/vllm-cpu:v0.28.0", None, "cpu"),
    ],
)
def test_the_type_of_claimed_accelerators_is_that_of_their_class(
    image: str, device_class: str | None, kind: str, tmp_path: Path
) -> None:
    source = deployment(
        image=image, pod=claims("c"), resources={"limits": {"memory": "8Gi"}, "claims": [{"name": "c"}]}
    )
    templates = [claim_template("c", device_class)] if device_class else []
    found, objects = import_one(tmp_path, source, *templates)
    assert found.values.get("accelerator", {}).get("type", "nvidia") == kind
    assert "limits" not in objects.engine()["resources"] or set(objects.engine()["resources"]["limits"]) == {"memory"}
    assert set(environment(objects.engine())) == {"DP_SIZE", "TP_SIZE", "DP_SIZE_LOCAL"}


@pytest.mark.parametrize(
    ("image", "limits"),
    [
        ("vllm/vllm-cpu:v0.28.0", {"memory": "12Gi"}),
        ("vllm/vllm-openai:v0.28.0", {"memory": "12Gi"}),
        ("intel/vllm-xpu:v0.28.0", {"gpu.intel.com/i915": 1}),
        ("intel/vllm-xpu:v0.28.0", {"gpu.intel.com/xe": 1}),
    ],
)
@pytest.mark.parametrize("roles", [("",), ("decode", "prefill")])
def test_no_variable_of_accelerators_is_added(
    image: str, limits: Object, roles: tuple[str, ...], tmp_path: Path
) -> None:
    sources = [deployment(f"m-{role or 'x'}", role, image=image, resources={"limits": limits}) for role in roles]
    sources[0]["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "VLLM_CPU_KVCACHE_SPACE", "value": "4"}]
    _, objects = import_one(tmp_path, *sources)
    added = {"DP_SIZE", "TP_SIZE", "DP_SIZE_LOCAL"}
    assert set(environment(objects.engine("decode"))) - added == {"VLLM_CPU_KVCACHE_SPACE"}
    if "prefill" in roles:
        assert set(environment(objects.engine("prefill"))) == added


# --- variables -----------------------------------------------------------------------------------

CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"MODEL_ID": "o/m", "SIZE": "2"}}
LITERAL = {"env": [{"name": "MODEL_ID", "value": "o/m"}]}
BY_KEY = {"env": [{"name": "MODEL_ID", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "MODEL_ID"}}}]}
ALL = {"envFrom": [{"configMapRef": {"name": "c"}}]}


@pytest.mark.parametrize("variables", [LITERAL, BY_KEY, ALL], ids=["literal", "key", "all"])
@pytest.mark.parametrize(
    "words",
    [
        {"command": [], "args": ["--model=$(MODEL_ID)"]},
        {"command": [], "args": ["--model", "$(MODEL_ID)", "--served-model-name", "$(MODEL_ID)"]},
        {"command": ["vllm", "serve", "$(MODEL_ID)"]},
        {"command": ["sh", "-c", "exec vllm serve $MODEL_ID --port 8000"]},
        {"command": ["sh", "-c", 'vllm serve "${MODEL_ID}" --tensor-parallel-size $UNKNOWN']},
    ],
)
def test_the_model_is_what_its_variable_holds(words: Object, variables: Object, tmp_path: Path) -> None:
    found, _ = import_one(tmp_path, deployment(**words, **variables), CONFIG)
    artifacts = found.values["modelArtifacts"]
    assert (artifacts["uri"], artifacts["name"]) == ("hf://o/m", "o/m")


@pytest.mark.parametrize("script", ["vllm serve o/m -tp $SIZE", "vllm serve $OPTS o/m", "vllm serve o/m $OPTS", "x; exec vllm serve o/m -dp $((A * 2))"])  # fmt: skip
def test_a_variable_elsewhere_in_a_script_hides_no_model(script: str, tmp_path: Path) -> None:
    found, _ = import_one(tmp_path, deployment(command=["bash", "-c", script]))
    assert found.values["modelArtifacts"]["name"] == "o/m"


def test_a_name_that_only_the_container_knows_is_told(tmp_path: Path) -> None:
    secret = {"secretKeyRef": {"name": "s", "key": "k"}}
    source = deployment(command=[], args=["--model=$(MODEL_ID)"], env=[{"name": "MODEL_ID", "valueFrom": secret}])
    found, objects = import_one(tmp_path, source)
    assert objects.engine()["args"].count("$(MODEL_ID)") == 2  # the model, and its name in requests
    assert any(note.values == "modelArtifacts.name" and "$(MODEL_ID)" in note.why for note in found.notes)


# --- ports of the sidecar ------------------------------------------------------------------------


def with_sidecar(**more: Any) -> Object:
    sidecar = {
        "name": "s", "image": "ghcr.io/llm-d/llm-d-router-disagg-sidecar:v0.10.0", "restartPolicy": "Always",
        "args": ["--port=8000", "--model-server-port=8200", "--secure-proxy=false"], "ports": [{"name": "sidecar", "containerPort": 8000}],
        **more,
    }  # fmt: skip
    ports = [{"name": "metrics", "containerPort": 8200}]
    command = ["vllm", "serve", "o/m", "--port", "8200"]
    return deployment("m", "decode", pod={"initContainers": [sidecar]}, command=command, ports=ports)


def test_names_of_the_sidecars_ports_become_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    selector = {"matchLabels": {"app": "m"}}
    others = [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"selector": {"app": "m"}, "ports": [{"port": 80, "targetPort": "sidecar"}]}},
        {"apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor", "metadata": {"name": "p"}, "spec": {"selector": selector, "podMetricsEndpoints": [{"port": "sidecar"}, {"port": "metrics"}]}},
        {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "policy"}, "spec": {"podSelector": selector, "ingress": [{"ports": [{"port": "sidecar"}]}]}},
    ]  # fmt: skip
    found, objects = import_one(tmp_path, with_sidecar(), *others)
    assert objects.one("Service")["spec"]["ports"] == [{"port": 80, "targetPort": 8000}]
    assert objects.one("PodMonitor")["spec"]["podMetricsEndpoints"] == [{"portNumber": 8000}, {"port": "metrics"}]
    assert objects.one("NetworkPolicy")["spec"]["ingress"][0]["ports"] == [{"port": 8000}]
    assert errors_of(found, tmp_path, capsys) == []


@pytest.mark.parametrize(
    ("image", "args", "expected"),
    [
        ("ghcr.io/llm-d/llm-d-router-disagg-sidecar:v0.10.0", [], "--zap-log-level=info"),
        ("ghcr.io/llm-d/llm-d-routing-sidecar:v0.3.0", [], "-v=0"),
        ("ghcr.io/llm-d/llm-d-router-disagg-sidecar:v0.10.0", ["--zap-log-level=debug"], "--zap-log-level=debug"),
        ("ghcr.io/llm-d/llm-d-routing-sidecar:v0.3.0", ["-v=3"], "-v=3"),
    ],
)
def test_the_sidecar_logs_as_before(image: str, args: list[str], expected: str, tmp_path: Path) -> None:
    source = with_sidecar(image=image, args=["--port=8000", "--vllm-port=8200", *args])
    _, objects = import_one(tmp_path, source)
    proxy = objects.proxy()
    assert proxy is not None and expected in proxy["args"] and proxy["imagePullPolicy"] == "IfNotPresent"


# --- what a group of pods has --------------------------------------------------------------------


def group(**fields: Any) -> Object:
    pod = deployment("g", command=["sh", "-c", "vllm serve o/m --port 8000"])["spec"]["template"]
    pod["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    template = {"size": 2, "leaderTemplate": pod, "workerTemplate": pod, **fields}
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    template.setdefault("volumeClaimTemplates", [claim])
    return {"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet", "metadata": {"name": "g"}, "spec": {"leaderWorkerTemplate": template}}  # fmt: skip


def test_claim_templates_of_a_group_become_ephemeral_volumes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found, objects = import_one(tmp_path, group())
    (volume,) = objects.pod()["volumes"]
    assert volume["ephemeral"]["volumeClaimTemplate"]["spec"]["resources"] == {"requests": {"storage": "1Gi"}}
    assert any("volumeClaimTemplates[data]" in note.path for note in found.notes)
    assert errors_of(found, tmp_path, capsys) == []


@pytest.mark.executable
@pytest.mark.parametrize("version", ["v0.8.0", "v0.9.0"])
def test_restart_policies_are_read_as_the_webhook_defaults_them(version: str, tmp_path: Path) -> None:
    webhook = source("sigs.k8s.io/lws", version) / "pkg" / "webhooks" / "leaderworkerset_webhook.go"
    code = " ".join(webhook.read_text().split())
    template = "lws.Spec.LeaderWorkerTemplate.RestartPolicy"
    assert f'{template} == "" {{ {template} = v1.RecreateGroupOnPodRestart' in code
    assert f"{template} == v1.DeprecatedDefaultRestartPolicy {{ {template} = v1.NoneRestartPolicy" in code
    for policy, kept in (("RecreateGroupOnPodRestart", None), ("Default", "None"), ("None", "None")):
        found, _ = import_one(tmp_path, group(restartPolicy=policy))
        assert found.values["decode"].get("restartPolicy") == kept
        notes = [note.outcome for note in found.notes if note.path.endswith("restartPolicy")]
        assert notes == ["changed" if policy == "Default" else "kept"]


def test_a_group_starts_and_is_named_as_before(tmp_path: Path) -> None:
    source = group()
    source["spec"] |= {"startupPolicy": "LeaderReady", "networkConfig": {"subdomainPolicy": "UniquePerReplica"}}
    _, objects = import_one(tmp_path, source)
    spec = objects.workload()["spec"]
    assert spec["startupPolicy"] == "LeaderReady" and spec["networkConfig"] == {"subdomainPolicy": "UniquePerReplica"}


def test_labels_that_only_the_workload_has_stay_its_own(tmp_path: Path) -> None:
    source = deployment()
    source["metadata"]["labels"] = {"kueue.x-k8s.io/queue-name": "q", "app": "m", "helm.sh/chart": "x"}
    found, objects = import_one(tmp_path, source)
    assert found.values["decode"]["labels"] == {"kueue.x-k8s.io/queue-name": "q"}
    assert objects.workload()["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "q"


def test_annotations_of_the_leader_that_workers_get_are_told(tmp_path: Path) -> None:
    source = group()
    leader = json.loads(json.dumps(source["spec"]["leaderWorkerTemplate"]["leaderTemplate"]))
    leader["metadata"]["annotations"] = {"only": "leader"}
    source["spec"]["leaderWorkerTemplate"]["leaderTemplate"] = leader
    found, _ = import_one(tmp_path, source)
    assert any("workers have them too: only" in note.why for note in found.notes)


# --- reading -------------------------------------------------------------------------------------


def test_a_tab_at_the_end_of_a_line_is_a_blank(tmp_path: Path) -> None:
    text = (
        yaml.safe_dump(deployment()).replace("kind: Deployment", "kind: Deployment\t").replace("spec:\n", "spec: \t\n")
    )
    file = tmp_path / "source.yaml"
    file.write_text(text)
    (found,) = import_files(None, [str(file)])
    assert differences(deployment()["spec"]["template"]["spec"], installed(found.values).pod(), engine="engine") == []


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"modelArtifacts": {"name": "m"}}, ["values of this chart already", "-f"]),
        ({"multinode": True, "decode": {"replicas": 2}}, ["values of this chart already"]),
        ({"llm-d-modelservice": {"decode": {"replicas": 2}}}, ["a chart over this one", "--chart"]),
        ({"kind": "RoleBasedGroup", "apiVersion": "workloads.x-k8s.io/v1alpha1", "metadata": {"name": "x"}}, ["no importer takes RoleBasedGroup x", "KServe"]),
    ],
)  # fmt: skip
def test_what_no_importer_takes_is_told_so(document: Object, words: list[str], tmp_path: Path) -> None:
    with pytest.raises(ModelserviceError) as refused:
        import_all(tmp_path, document)
    assert all(word in str(refused.value) for word in words)


def test_objects_that_two_workloads_use_are_in_one_release(tmp_path: Path) -> None:
    sources = [deployment(name, envFrom=[{"configMapRef": {"name": "c"}}]) for name in ("a", "b")]
    first, second = import_all(tmp_path, *sources, CONFIG)
    assert [item["kind"] for item in first.values["extraObjects"]] == ["ConfigMap"]
    assert "extraObjects" not in second.values
    assert any(note.path == "ConfigMap c" for note in second.notes)


# --- templates of a source -----------------------------------------------------------------------


def operator_base(template: str) -> list[Object]:
    workload = deployment(args=[template])
    data = {"decodeDeployment": yaml.safe_dump({"kind": "Deployment", "apiVersion": "apps/v1", "spec": {"template": workload["spec"]["template"]}})}  # fmt: skip
    spec = {
        "baseConfigMapRef": {"name": "b"}, "routing": {"modelName": "m"}, "modelArtifacts": {"uri": "hf://o/m"},
        "decode": {"replicas": 1, "containers": [{"name": "engine"}]},
    }  # fmt: skip
    return [
        {"apiVersion": "llm-d.ai/v1alpha1", "kind": "ModelService", "metadata": {"name": "m", "namespace": "n1"}, "spec": spec},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b", "namespace": "n1"}, "data": data},
    ]  # fmt: skip


@pytest.mark.parametrize(
    "template",
    ["{{ range until 100000000 }}{{ range until 100000000 }}x{{ end }}{{ end }}", "{{ repeat 900000000 `x` }}"],
)
def test_templates_without_bounds_end_in_an_error(template: str, tmp_path: Path) -> None:
    with pytest.raises(ModelserviceError, match=r"the templates take more than|the template fails"):
        import_all(tmp_path, *operator_base(template))


@pytest.mark.parametrize("function", ["now", "randAlphaNum 5", "uuidv4"])
def test_templates_that_change_with_each_import_are_told(function: str, tmp_path: Path) -> None:
    (found,) = import_all(tmp_path, *operator_base(f"{{{{ {function} }}}}"))
    assert any(f"{function.split()[0]} gives another text" in note.why for note in found.notes)


def test_loops_of_templates_are_evaluated(tmp_path: Path) -> None:
    (found,) = import_all(tmp_path, *operator_base("{{ range until 3 }}x{{ end }}"))
    assert "xxx" in installed(found.values).engine()["args"]


# --- what the page says ---------------------------------------------------------------------------


STARTED: dict[str, Object] = {
    "vllm": {"image": "vllm/vllm-openai:v0.32.0", "command": ["vllm", "serve", "o/m"]},
    "vllm's image": {"image": "vllm/vllm-openai:v0.32.0", "command": [], "args": ["--model", "o/m"]},
    "sglang": {
        "image": "lmsysorg/sglang:v0.5.5",
        "command": ["python3", "-m", "sglang.launch_server", "--model-path", "o/m"],
    },
    "llama.cpp": {"image": "ghcr.io/ggml-org/llama.cpp:server", "command": ["/app/llama-server", "--hf-repo", "o/m"]},
    "tensorrt-llm": {
        "image": "nvcr.io/nvidia/tensorrt-llm/release:1.0.0", "command": ["trtllm-serve", "serve", "o/m"],
    },
    "simulator": {
        "image": "ghcr.io/llm-d/llm-d-inference-sim:v0.10.2", "command": [], "args": ["--model", "o/m"],
    },
}  # fmt: skip
"""Engines with the model and nothing else."""


def test_the_page_lists_what_the_chart_adds(tmp_path: Path) -> None:
    page = (ROOT / "docs/importing.md").read_text()
    section = page[page.index("## What counts as the same") : page.index("## Tutorials")]
    added = set()
    for fields in STARTED.values():
        original = deployment(ports=[{"containerPort": 8000}], **fields)
        engine = import_one(tmp_path, original)[1].engine()
        given = EngineCommand.parse(original["spec"]["template"]["spec"]["containers"][0])
        flags = [option for option in EngineCommand.parse(engine).flags if not given.has(option.name)]
        added |= {option.spelling.replace("_", "-") for option in flags}
        added |= {item["name"] for item in engine.get("env", [])}
    listed = {name for name in re.findall(r"`(--[a-z-]+|[A-Z_]+)\b", section) if name != "--api-key"}
    assert added == listed


UNREAD = {
    "ollama/ollama:0.12.6": "runs Ollama, whose settings an import does not read (engine.type: ollama starts it)",
    "michaelf34/infinity:0.0.77": "runs Infinity, whose settings an import does not read",
    "nginx:1.29": "starts none of the engines that an import reads",
}


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
@pytest.mark.parametrize("named", [None, "manifests"])
@pytest.mark.parametrize("image", UNREAD)
def test_a_workload_of_another_engine_is_told_from_a_kind_that_nobody_takes(
    tmp_path: Path, image: str, named: str | None, kind: str
) -> None:
    document = {**deployment(image=image, command=[], resources={}), "kind": kind}
    file = tmp_path / "source.yaml"
    file.write_text(yaml.safe_dump(document))
    with pytest.raises(ModelserviceError) as error:
        import_files(named, [str(file)])
    message = error.value.problems[0].message
    assert message.startswith(f"{kind} m {UNREAD[image]}")
