"""What holds for every import: reading, declarations, secrets, the file that is written, the commands."""

import copy
import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelservice.cli import main
from modelservice.engines.command import EngineCommand
from modelservice.errors import ModelserviceError, UsageError
from modelservice.importers import import_files
from modelservice.importers.engine import engine_of
from modelservice.importers.report import ConversionReport, Outcome
from modelservice.importers.source.documents import read_documents
from modelservice.importers.source.fields import LAST_APPLIED, Field
from modelservice.importers.source.secrets import SecretCollector
from modelservice.importers.steps import STEPS, Step, to_values
from modelservice.importers.systems import SYSTEMS
from modelservice.importers.workload import RoleSource, ServedModel
from modelservice.paths import chart_dir
from support.equivalence import differences, installed, labels_kept, mounts

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: qwen, namespace: llm}
spec:
  replicas: 2
  selector: {matchLabels: {app: qwen}}
  template:
    metadata: {labels: {app: qwen}}
    spec:
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.11.0
        command: [vllm, serve]
        args: [Qwen/Qwen3-8B, --max-model-len=8192]
        resources: {limits: {nvidia.com/gpu: "1"}}
"""


def write(folder: Path, text: str, name: str = "source.yaml") -> str:
    file = folder / name
    file.write_text(text)
    return str(file)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


# --- declarations --------------------------------------------------------------------------------

FIELDS = [
    pytest.param(item, id=f"{system.name}:{kind}:{item.path}")
    for system in SYSTEMS.values()
    for kind, fields in system.fields.items()
    for item in {item.path: item for item in fields if item.values}.values()
]


def known(path: str) -> bool:
    """Whether the chart's schema has a values key."""
    schema = json.loads((chart_dir() / "values.schema.json").read_text())
    node: dict[str, Any] = schema
    for part in path.replace("[]", ".[]").split("."):
        while "$ref" in node or "allOf" in node:
            (part_of,) = node.get("allOf", [node])
            node = schema["definitions"][part_of["$ref"].rsplit("/", 1)[-1]]
        if part == "[]":
            node = node["items"]
        elif part in node.get("properties", {}):
            node = node["properties"][part]
        elif isinstance(node.get("additionalProperties"), dict):
            node = node["additionalProperties"]
        else:
            return bool(node.get("type") and not node.get("properties"))
    return True


@pytest.mark.parametrize("item", FIELDS)
def test_declared_values_keys_are_keys_of_the_chart(item: Field) -> None:
    first = item.values.split(" ")[0].rstrip(",")
    assert known(first.replace("{role}", "decode")), first


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_field_is_declared_once(system: str) -> None:
    for fields in SYSTEMS[system].fields.values():
        told = [item.path for item in fields if not item.quiet]
        assert sorted(told) == sorted(set(told))


# --- reading -------------------------------------------------------------------------------------


def test_lists_json_and_several_documents_are_read(tmp_path: Path) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": [yaml.safe_load(DEPLOYMENT)]}
    file = write(tmp_path, json.dumps(listed, indent="\t"), "list.json")
    (document,) = read_documents([file])
    assert document.title == "Deployment qwen"
    line = 1 + next(i for i, text in enumerate(Path(file).read_text().splitlines()) if '"replicas"' in text)
    assert document.where(("spec", "replicas")).endswith(f"list.json:{line}")
    two = write(tmp_path, f"{DEPLOYMENT}---\n---\n{DEPLOYMENT.replace('qwen', 'other')}")
    assert [item.name for item in import_files(None, [two])] == ["qwen", "other"]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(DEPLOYMENT.encode())))
    (found,) = import_files(None, ["-"])
    assert found.values["modelArtifacts"]["name"] == "Qwen/Qwen3-8B"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", ["source.yaml:1", "invalid YAML"]),
        ("- 1", ["source.yaml:1", "a list"]),
        ("", ["nothing to import"]),
        ("kind: Service\nmetadata: {name: x}", ["no importer takes", "Service x", "source.yaml:1"]),
        (DEPLOYMENT.replace("replicas: 2", "replicas: two"), ["source.yaml:6", "spec.replicas", "an integer", "'two'"]),
        (DEPLOYMENT.replace("args: [", "args: [1, "), ["source.yaml", "containers[0].args[0]", "string"]),
        (DEPLOYMENT.replace("app: qwen}}\n  t", "app: qwen}}\n  t").replace("{labels: {app: qwen}}", "{labels: 5}"), ["source.yaml:9", "a map of strings"]),
        (DEPLOYMENT.replace("        image: vllm/vllm-openai:v0.11.0\n", ""), ["source.yaml:12", "no image"]),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_file_line_and_reason(text: str, words: list[str], tmp_path: Path) -> None:
    with pytest.raises(ModelserviceError) as caught:
        import_files(None, [write(tmp_path, text)])
    for word in words:
        assert word in str(caught.value)


def test_what_the_chart_rejects_is_reported_with_the_source(tmp_path: Path) -> None:
    text = DEPLOYMENT.replace("metadata: {labels: {app: qwen}}", "metadata: {labels: {app: 'not valid!'}}")
    with pytest.raises(
        ModelserviceError, match=r"source\.yaml:2: modelArtifacts.*the chart rejects what Deployment qwen asks"
    ):
        import_files(None, [write(tmp_path, text)])


def test_unknown_fields_are_reported_by_path_and_line(tmp_path: Path) -> None:
    text = DEPLOYMENT.replace("  replicas: 2", "  replicas: 2\n  replica: 3").replace(
        "name: vllm", "name: vllm\n        imge: x"
    )
    (found,) = import_files(None, [write(tmp_path, text)])
    unknown = {(note.path, note.file.rsplit(":", 1)[-1]) for note in found.notes if note.unknown}
    assert unknown == {("spec.replica", "7"), ("spec.template.spec.containers[0].imge", "14")}


# --- secrets -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "env: [{name: HF_TOKEN, value: plaintext-token-value}]",
        "env: [{name: ANY, value: hf_ABCDEFGHIJKLMNOPQRSTUV}]",
        "args: [Qwen/Qwen3-8B, --api-key, plaintext-token-value]",
        "args: [Qwen/Qwen3-8B, --hf-token=hf_ABCDEFGHIJKLMNOPQRSTUV]",
        "env: [{name: URL, value: 'https://user:plaintext-token-value@example.com'}]",
        "lifecycle: {preStop: {exec: {command: [sh, -c, 'curl -H hf_ABCDEFGHIJKLMNOPQRSTUV']}}}",
    ],
)
def test_secrets_never_reach_the_result(line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        DEPLOYMENT.replace("args: [Qwen/Qwen3-8B, --max-model-len=8192]", line)
        if line.startswith("args")
        else DEPLOYMENT.replace("        resources", f"        {line}\n        resources")
    )
    file = write(tmp_path, text)
    for output in ("yaml", "json"):
        run_quietly("import", file, "--format", output)
        shown = "".join(capsys.readouterr())
        assert "plaintext-token-value" not in shown
        assert "hf_ABCDEFGHIJKLMNOPQRSTUV" not in shown


def run_quietly(*arguments: str) -> None:
    assert run(*arguments) == 0


def test_a_secret_object_becomes_a_command(tmp_path: Path) -> None:
    secret = "---\nkind: Secret\napiVersion: v1\nmetadata: {name: tok}\ndata: {token: c3VwZXJzZWNyZXQ=}\n"
    (found,) = import_files(None, [write(tmp_path, DEPLOYMENT + secret)])
    assert [item.command("llm") for item in found.secrets] == [
        "kubectl create secret generic tok --namespace llm --from-file=token=<file with the value>"
    ]
    assert "c3VwZXJzZWNyZXQ=" not in found.text and "supersecret" not in found.text


# --- the commands --------------------------------------------------------------------------------


def test_the_file_renders_and_says_what_changed(tmp_path: Path) -> None:
    output = tmp_path / "values.yaml"
    run_quietly("import", write(tmp_path, DEPLOYMENT), "-o", str(output))
    text = output.read_text()
    assert "# changed: metadata.name: the chart names the workload qwen-decode" in text
    assert "replicas: 2  # kept: spec.replicas" in text
    assert "--namespace llm" in text
    run_quietly("render", "-f", str(output))


def test_strict_refuses_losses_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "values.yaml"
    text = DEPLOYMENT.replace("  replicas: 2", "  replicas: 2\n  minReadySeconds: 9\n  other: 1")
    assert run("import", write(tmp_path, text), "--strict", "-o", str(output)) == 1
    shown = capsys.readouterr().err
    assert "spec.minReadySeconds" in shown and "spec.other" in shown
    assert not output.exists()
    run_quietly("import", write(tmp_path, DEPLOYMENT), "--strict", "-o", str(output))
    assert output.exists()


def test_several_models_go_into_a_directory(tmp_path: Path) -> None:
    file = write(tmp_path, f"{DEPLOYMENT}---\n{DEPLOYMENT.replace('qwen', 'other')}")
    assert run("import", file, "-o", str(tmp_path / "values.yaml")) == 2
    assert not (tmp_path / "values.yaml").exists()
    run_quietly("import", file, "-o", str(tmp_path / "out"))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["other.yaml", "qwen.yaml"]


def test_a_failed_import_leaves_the_old_file(tmp_path: Path) -> None:
    output = tmp_path / "values.yaml"
    output.write_text("old: true\n")
    assert run("import", write(tmp_path, DEPLOYMENT.replace("replicas: 2", "replicas: two")), "-o", str(output)) == 1
    assert output.read_text() == "old: true\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source.yaml", "values.yaml"]


def test_json_for_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_quietly("import", "manifests", write(tmp_path, DEPLOYMENT), "--format", "json")
    (found,) = json.loads(capsys.readouterr().out)["imports"]
    assert found["values"]["decode"]["replicas"] == 2
    assert {note["outcome"] for note in found["notes"]} <= {"kept", "changed", "lost"}


def test_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("import", "nosuch", write(tmp_path, DEPLOYMENT)) == 2
    assert "no system nosuch" in capsys.readouterr().err
    assert run("import", str(tmp_path / "absent.yaml")) == 2
    assert run("import", "kubeai") == 2
    assert run("import", "kubeai", write(tmp_path, DEPLOYMENT)) == 1
    assert "import it as manifests" in capsys.readouterr().err
    with pytest.raises(UsageError, match="no system"):
        import_files("nosuch", [write(tmp_path, DEPLOYMENT)])


# --- manifests -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("container", "engine", "start"),
    [
        ({"command": ["vllm", "serve"], "args": ["m"]}, "vllm", "command"),
        ({"command": ["/opt/venv/bin/vllm", "serve", "m"]}, "vllm", "command"),
        ({"command": ["python3", "-m", "vllm.entrypoints.openai.api_server", "--model", "m"]}, "vllm", "command"),
        ({"command": ["sh", "-c"], "args": ["exec vllm serve m \\\n  --port 8000"]}, "vllm", "command"),
        ({"command": ["bash", "-c", "vllm serve 'm' # served"]}, "vllm", "command"),
        ({"command": ["sh", "-c", "sleep 1; vllm serve m"]}, "vllm", "custom"),
        ({"command": ["sh", "-c", "vllm serve m && true"]}, "vllm", "custom"),
        ({"command": ["sh", "-c", "vllm serve m --seed $(date +%s)"]}, "vllm", "custom"),
        ({"image": "vllm/vllm-openai:v1", "args": ["--model", "m"]}, "vllm", "image"),
        ({"command": ["python3", "-m", "vllm.entrypoints.api_server"]}, None, "custom"),
        ({"image": "nginx"}, None, "custom"),
        ({"image": "ollama/ollama:0.9"}, None, "custom"),
        ({"command": ["python3", "-m", "sglang.launch_server", "--model-path", "m"]}, "sglang", "command"),
    ],
)
def test_engines_whose_flags_are_known_are_recognised(
    container: dict[str, Any], engine: str | None, start: str
) -> None:
    found = engine_of(container)
    assert (found.engine, found.start) == (engine, start)


def test_an_engine_is_recognised_in_a_script_with_arguments_of_its_own() -> None:
    found = engine_of({"command": ["bash", "-c", 'vllm serve "$@"', "--"], "args": ["org/model"]})
    assert (found.engine, found.start, found.model) == ("vllm", "command", "org/model")


def test_the_engine_of_an_image_can_be_stated() -> None:
    assert engine_of({"image": "registry/mine:1", "args": ["--seed=1"]}, "vllm").derived
    assert not engine_of({"image": "registry/mine:1", "command": ["./start"]}, "vllm").derived


@pytest.mark.parametrize(
    "args",
    [
        ["--log-config-file", "/etc/vllm/log.json", "Qwen/Qwen3-8B"],
        ["Qwen/Qwen3-8B", "--log-config-file", "/etc/vllm/log.json"],
        ["--language-model-only", "Qwen/Qwen3-8B"],
        ["--fully-sharded-loras", "Qwen/Qwen3-8B", "--allowed-origins", '["*"]'],
        ["--served-model-name", "a", "b", "--", "Qwen/Qwen3-8B"],
    ],
)
def test_the_model_is_told_from_the_values_of_flags(args: list[str], tmp_path: Path) -> None:
    text = DEPLOYMENT.replace("v0.11.0", "v0.32.0").replace("[Qwen/Qwen3-8B, --max-model-len=8192]", json.dumps(args))
    (found,) = import_files(None, [write(tmp_path, text)])
    assert found.values["modelArtifacts"]["uri"] == "hf://Qwen/Qwen3-8B"
    flags = EngineCommand.of(args, engine="vllm").flags
    kept = EngineCommand.of(installed(found.values).engine()["args"], engine="vllm")
    assert [kept.get(flag.name).values for flag in flags] == [flag.values for flag in flags]  # type: ignore[union-attr]


@pytest.mark.parametrize("image", ["llm-d-routing-sidecar:v0.4.0", "llm-d-router-disagg-sidecar", "pd-sidecar:v0.3.0"])
def test_the_routing_sidecar_is_recognised_by_each_of_its_images(image: str, tmp_path: Path) -> None:
    document = yaml.safe_load(DEPLOYMENT)
    pod = document["spec"]["template"]["spec"]
    pod["containers"][0]["args"] += ["--port", "8200"]
    args = ["--port=8000", "--vllm-port=8200"]
    pod["initContainers"] = [{"name": "sidecar", "image": f"ghcr.io/llm-d/{image}", "args": args}]
    (found,) = import_files(None, [write(tmp_path, yaml.safe_dump(document))])
    assert found.values["routing"]["proxy"]["image"] == f"ghcr.io/llm-d/{image}"
    assert "enabled" not in found.values["routing"]["proxy"]
    assert "initContainers" not in found.values["decode"]


def test_prefill_and_decode_become_one_release(tmp_path: Path) -> None:
    decode = yaml.safe_load(DEPLOYMENT)
    decode["metadata"]["name"] = "qwen-decode"
    decode["spec"]["template"]["metadata"]["labels"]["llm-d.ai/role"] = "decode"
    prefill = json.loads(json.dumps(decode).replace("decode", "prefill"))
    decode["spec"]["template"]["spec"]["containers"][0]["args"] += ["--port", "8200"]
    decode["spec"]["template"]["spec"]["initContainers"] = [
        {
            "name": "routing-proxy",
            "image": "ghcr.io/llm-d/llm-d-routing-sidecar:v0.4.0",
            "args": ["--port=8000", "--vllm-port=8200"],
        }
    ]
    (found,) = import_files(None, [write(tmp_path, yaml.safe_dump_all([prefill, decode]))])
    objects = installed(found.values)
    assert found.name == "qwen"
    assert objects.engine("decode")["args"][:3] == ["Qwen/Qwen3-8B", "--port", "8200"]
    assert objects.engine("prefill")["args"][:3] == ["Qwen/Qwen3-8B", "--port", "8000"]
    assert objects.proxy() is not None


def test_what_goes_with_a_deployment_comes_along(tmp_path: Path) -> None:
    others = [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "qwen"}, "spec": {"selector": {"app": "qwen"}, "ports": [{"port": 80}]}},
        {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "qwen"},
         "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "qwen"}, "maxReplicas": 4}},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "weights"}, "spec": {}},
    ]  # fmt: skip
    (found,) = import_files(None, [write(tmp_path, DEPLOYMENT + "---\n" + yaml.safe_dump_all(others))])
    objects = installed(found.values)
    assert objects.one("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"] == "qwen-decode"
    assert "replicas" not in objects.workload()["spec"]
    assert labels_kept(objects.one("Service")["spec"]["selector"], objects.template()["metadata"]["labels"])
    assert not objects.all("PersistentVolumeClaim")


GROUP = """
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {name: big}
spec:
  replicas: 1
  leaderWorkerTemplate:
    size: 2
    leaderTemplate:
      metadata: {labels: {role: leader}}
      spec:
        containers:
        - name: leader
          image: vllm/vllm-openai:v0.11.0
          command: [sh, -c, "ray start --head; vllm serve org/big --port 8080 --tensor-parallel-size 16"]
          resources: {limits: {nvidia.com/gpu: "8", memory: 1Ti}}
          ports: [{containerPort: 8080}]
    workerTemplate:
      spec:
        containers:
        - name: worker
          image: vllm/vllm-openai:v0.11.0
          command: [sh, -c, "ray start --address=$(LWS_LEADER_ADDRESS) --block"]
          resources: {limits: {nvidia.com/gpu: "8", memory: 1Ti}}
"""


def test_a_group_keeps_its_own_commands(tmp_path: Path) -> None:
    (found,) = import_files(None, [write(tmp_path, GROUP)])
    objects = installed(found.values)
    source = yaml.safe_load(GROUP)["spec"]["leaderWorkerTemplate"]
    assert objects.workload()["spec"]["leaderWorkerTemplate"]["size"] == 2
    leader = objects.pod(part="leaderTemplate")
    assert differences(source["leaderTemplate"]["spec"], leader) == []
    worker = objects.engine(part="workerTemplate")
    assert worker["command"] == source["workerTemplate"]["spec"]["containers"][0]["command"]
    assert worker["resources"]["limits"]["nvidia.com/gpu"] == "8"
    assert found.values["modelArtifacts"]["uri"] == "hf://org/big"


def test_losses_have_reasons(tmp_path: Path) -> None:
    text = DEPLOYMENT.replace("  replicas: 2", "  replicas: 2\n  minReadySeconds: 9")
    (found,) = import_files(None, [write(tmp_path, text)])
    (loss,) = found.losses
    assert loss.outcome is Outcome.lost and "readiness probe" in loss.why


def test_a_model_in_a_directory_of_a_claim_is_found_in_it(tmp_path: Path) -> None:
    text = (
        DEPLOYMENT.replace("Qwen/Qwen3-8B", "/mnt/models/").replace(
            "        resources",
            "        volumeMounts: [{name: c, mountPath: /mnt/models, subPath: a/b, readOnly: true}]\n        resources",
        )
        + "      volumes: [{name: c, persistentVolumeClaim: {claimName: weights}}]\n"
    )
    (found,) = import_files(None, [write(tmp_path, text)])
    objects = installed(found.values)
    assert objects.engine()["args"][0] == "/mnt/models/a/b"
    assert mounts(objects.engine(), objects.pod()) == {
        "/mnt/models": ({"persistentVolumeClaim": {"claimName": "weights"}}, "", True)
    }


def test_what_kubectl_and_the_api_server_wrote_is_left_out(tmp_path: Path) -> None:
    document = yaml.safe_load(DEPLOYMENT)
    document["metadata"] |= {
        "uid": "1", "resourceVersion": "2", "managedFields": [{"manager": "kubectl"}],
        "annotations": {LAST_APPLIED: "hf_ABCDEFGHIJKLMNOPQRSTUV", "deployment.kubernetes.io/revision": "3", "mine": "1"},
    }  # fmt: skip
    document["status"] = {"replicas": 2}
    (found,) = import_files(None, [write(tmp_path, yaml.safe_dump(document))])
    assert found.values["decode"]["annotations"] == {"mine": "1"}
    assert not found.losses


SGLANG = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: sgl}
spec:
  replicas: 3
  template:
    metadata: {labels: {app: sgl}}
    spec:
      containers:
      - name: sglang
        image: lmsysorg/sglang:latest
        command: [python3, -m, sglang.launch_server]
        args: [--model-path, /data/llama, --port, "30000", --tp-size, "4"]
        resources: {limits: {amd.com/gpu: 4}}
        volumeMounts: [{name: data, mountPath: /data}]
  volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]
"""


@pytest.mark.parametrize("replicas", [3, 1])
def test_a_stateful_set_stays_one_with_its_claims(replicas: int, tmp_path: Path) -> None:
    (found,) = import_files(None, [write(tmp_path, SGLANG.replace("replicas: 3", f"replicas: {replicas}"))])
    objects = installed(found.values)
    workload, source = objects.workload(), yaml.safe_load(SGLANG)
    assert (workload["kind"], workload["spec"]["replicas"]) == ("StatefulSet", replicas)
    assert workload["spec"]["podManagementPolicy"] == "OrderedReady"
    (claim,) = workload["spec"]["volumeClaimTemplates"]
    assert claim["spec"] == source["spec"]["volumeClaimTemplates"][0]["spec"]
    engine = objects.engine()
    assert engine["args"][engine["args"].index("--model-path") + 1] == "/data/llama"
    assert {"name": "data", "mountPath": "/data"} in engine["volumeMounts"]
    assert engine["resources"]["limits"] == {"amd.com/gpu": "4"}
    assert "extraObjects" not in found.values


def test_what_selects_a_group_by_its_name_selects_the_charts(tmp_path: Path) -> None:
    service = """---
apiVersion: v1
kind: Service
metadata: {name: big-leader}
spec:
  ports: [{port: 8080}]
  selector: {leaderworkerset.sigs.k8s.io/name: big, leaderworkerset.sigs.k8s.io/worker-index: "0"}
"""
    (found,) = import_files(None, [write(tmp_path, GROUP + service)])
    objects = installed(found.values)
    selector = objects.one("Service")["spec"]["selector"]
    assert selector["leaderworkerset.sigs.k8s.io/name"] == objects.workload()["metadata"]["name"]
    assert selector["leaderworkerset.sigs.k8s.io/worker-index"] == "0"
    assert any(note.path == "Service big-leader" and note.outcome is Outcome.changed for note in found.notes)


def test_what_only_workers_have_is_said_to_be_lost(tmp_path: Path) -> None:
    document = yaml.safe_load(GROUP)
    worker = document["spec"]["leaderWorkerTemplate"]["workerTemplate"]
    worker["metadata"] = {"labels": {"part": "worker"}, "annotations": {"seen": "once"}}
    worker["spec"]["containers"][0]["resources"] = {"limits": {"nvidia.com/gpu": "4"}}
    (found,) = import_files(None, [write(tmp_path, yaml.safe_dump(document))])
    lost = " ".join(note.path for note in found.losses)
    assert all(part in lost for part in ("metadata.labels", "metadata.annotations", ".resources"))


def test_the_sizes_of_a_groups_own_command_are_the_values(tmp_path: Path) -> None:
    document = yaml.safe_load(GROUP)
    group = document["spec"]["leaderWorkerTemplate"]
    del group["leaderTemplate"]
    group["workerTemplate"]["spec"]["containers"][0] |= {
        "command": ["vllm", "serve", "org/big"],
        "args": ["-dp", "16", "-dpl=8", "--data-parallel-address", "$(LWS_LEADER_ADDRESS)"],
        "resources": {"limits": {"nvidia.com/gpu": "8"}},
    }
    (found,) = import_files(None, [write(tmp_path, yaml.safe_dump(document))])
    engine = installed(found.values).engine()
    assert engine["args"][:3] == ["-dp", "16", "-dpl=8"]
    assert engine["resources"]["limits"]["nvidia.com/gpu"] == "8"
    assert found.values["decode"]["parallelism"]["data"] == 16


def test_the_account_of_one_role_is_not_the_others(tmp_path: Path) -> None:
    roles = []
    for role in ("decode", "prefill"):
        document = yaml.safe_load(DEPLOYMENT)
        document["metadata"]["name"] = f"qwen-{role}"
        document["spec"]["template"]["metadata"]["labels"]["llm-d.ai/role"] = role
        roles.append(document)
    roles[1]["spec"]["template"]["spec"]["serviceAccountName"] = "loader"
    (found,) = import_files(None, [write(tmp_path, yaml.safe_dump_all(roles))])
    objects = installed(found.values)
    assert objects.pod("prefill")["serviceAccountName"] == "loader"
    assert objects.pod("decode").get("serviceAccountName") != "loader"


@pytest.mark.parametrize(("said", "told"), [("--secure-proxy=false", False), ("--connector=nixlv2", True)])
def test_a_sidecar_that_does_not_say_whether_it_speaks_tls_is_told(said: str, told: bool, tmp_path: Path) -> None:
    document = yaml.safe_load(DEPLOYMENT)
    document["spec"]["template"]["spec"]["initContainers"] = [
        {"name": "routing-proxy", "image": "ghcr.io/llm-d/llm-d-routing-sidecar:v0.4.0", "args": ["--port=9000", said]}
    ]
    (found,) = import_files(None, [write(tmp_path, yaml.safe_dump(document))])
    assert any("routing.proxy.secure: true" in note.why for note in found.notes) is told


def test_a_dash_that_ends_the_options_is_no_model(tmp_path: Path) -> None:
    (found,) = import_files(None, [write(tmp_path, DEPLOYMENT.replace("[Qwen/Qwen3-8B,", "[--,"))])
    assert "uri" not in found.values["modelArtifacts"]


# --- steps ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step.__module__.rsplit('.', 1)[-1]}.{step.__name__}")
def test_a_step_says_what_it_takes_and_gives(step: Step) -> None:
    first = " ".join((step.__doc__ or "").partition("\n\n")[0].split())
    assert re.match(r"Take .+; (give|note) .+\.$", first), first


def test_no_step_changes_the_source() -> None:
    pod = {"containers": [{"name": "vllm", "image": "vllm/vllm-openai:v0.32.0", "args": ["--model", "org/m"]}]}
    role = RoleSource(pod, engine_of(pod["containers"][0]), "spec")
    model = ServedModel("m", role)
    before = copy.deepcopy(model)
    to_values(model, ConversionReport(), SecretCollector("secret"))
    assert model == before
