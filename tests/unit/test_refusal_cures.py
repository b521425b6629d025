"""Cures of what the chart rejects: every refusal decides, and what it says can be done."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelservice.check.finding import Severity
from modelservice.check.fixing import fixed
from modelservice.check.runner import Report, load
from modelservice.documents import go_value
from modelservice.helm import EmbeddedHelm, Release
from modelservice.kubernetes.dotted import value_at
from modelservice.suggest import keys_at

NONE = {
    "there are several ways, and each changes what runs": (
        "%s.%s: with 0 pods nothing sees the request that s",
        "%s.command: modelCommand is custom%s, which needs",
        "%s.metrics: nothing says when to scale; set e.g. %",
        "%s.minReplicas: a HorizontalPodAutoscaler does not",
        "%s.parallelism.dataMode: multiPort gives each of %",
        "%s.podDisruptionBudget.minAvailable: %d of %d pods",
        "%s.resourceProfile: there is no profile %q; %s",
        "%s.terminationGracePeriodSeconds: %d, but draining",
        "%s.triggers: nothing says when to scale; set e.g.",
        "%s.uri: an oss:// bucket is reached at its region'",
        "%s.workers: %d ranks (tensor %d x pipeline %d) do",
        "%s.workers: one model instance needs %d pods%s, bu",
        "%s: %q does not name a model; set e.g. %s",
        "%s: %q has no scheme that the chart knows; set one",
        "%s: %q is not an absolute path; set %s",
        "%s: %s does not load LoRA adapters; remove it, or",
        "%s: %s does not run on %s; set %s: %s, or another",
        "%s: modelCommand is custom, so the chart adds no a",
        "%s: the first rank of a pod is LWS_WORKER_INDEX x",
        "%s: unknown accelerator type %q; known are cpu, %s",
        "engine.image: engine.type is %s, which has no defa",
        "engine.image: modelCommand: %s does not start %s,",
        "modelArtifacts.%s: modelCommand is custom, so the",
        "modelArtifacts.download.enabled: a whole repositor",
        "modelArtifacts.download.image: the image of %s has",
        "modelArtifacts.download.job: the Job and the pods",
        "modelArtifacts.lora.%s: no adapter is loaded; set",
        "modelArtifacts.name: %s serves %s at %s, so the na",
        "modelArtifacts.name: in Ollama a name is an entry",
        "modelArtifacts.persistence.accessModes: ReadOnlyMa",
        "modelArtifacts.persistence.accessModes: one claim",
        "modelArtifacts.size: a claim needs a size; set it,",
        "modelArtifacts.uri: %q does not name a claim; set",
        "modelArtifacts.uri: %q does not say where on the c",
        "modelArtifacts.uri: %s loads models from its own s",
        "modelArtifacts.uri: %s loads one %s file, but %s i",
        "modelArtifacts.uri: the claim of persistence is mo",
        "routing.epp.image: %s does not know prefill and de",
        "routing.epp.image: %s reads vLLM's metrics only, b",
        "routing.epp.image: requests that wait while no pod",
        "routing.epp.image: the pods of decode and prefill",
        "routing.inferencePool.matchLabels: no pod of %s ha",
        "volumeClaims.%s.spec.accessModes: ReadWriteOncePod",
    ),
    "two keys contradict each other, and only the person knows which of them is meant": (
        "%s.autoscaling.enabled: a DisaggregatedSet with se",
        "%s.multinode: the roles of a DisaggregatedSet are",
        "%s.replicas: it is 0, but a DisaggregatedSet has p",
        "%s.rolloutStrategy.rollingUpdateConfiguration.part",
        "%s.strategy: it belongs to Deployments, but %s mak",
        "%s.subGroupExclusiveTopology: disaggregatedSet.pla",
        "%s: the controller of a DisaggregatedSet sets the",
        "%s: with a DisaggregatedSet it needs LeaderWorkerS",
        "disaggregatedSet.%s: only a DisaggregatedSet has i",
        "disaggregatedSet.placementPolicy.topology: %s need",
        "disaggregatedSet.placementPolicy.type: without it",
        "fullnameOverride: the DisaggregatedSet would be na",
        "routing.revisionGating.enabled: %s has no plugin t",
        "routing.revisionGating.enabled: revisions keep pre",
        "routing.revisionGating.enabled: the parameters of",
        "routing.revisionGating.enabled: the pods of dual p",
        "workload: a DisaggregatedSet has at least two role",
        "%s.%s: it is %d, but the engine's arguments have -",
        "%s.drain.enabled: the engine container already has",
        "%s.minReplicas: %d is more than maxReplicas, %d",
        "%s: %s is %s, but accelerator.count is %d; set it",
        "%s: data %d is not a multiple of dataLocal %d",
        "%s: data %d is not a multiple of workers %d",
        "%s: data is %d but dataLocal x workers is %d x %d",
        "%s: it names %s, but accelerators of %s come from",
        "%s: neither decode nor prefill is created, so ther",
        "%s: resourceClaimName and resourceClaimTemplateNam",
        "accelerator.vgpu.number: %d, but accelerator.count",
        "modelArtifacts.caBundle: the file is in one place,",
        "modelArtifacts.volume.type: ephemeral is a claim o",
        "networkPolicy.enabled: policies do not apply to po",
        "routing.epp.pluginsConfigFile: routing.epp.plugins",
    ),
    "only the person knows the value": (
        "%s.%s: type is external, so the autoscaler is made",
        "%s.acceleratorTypes.labelKey: values are listed, b",
        "%s.acceleratorTypes.labelValues: labelKey %s is se",
        "%s.class: set the DeviceClass of the devices",
        "%s.containers[0].resources: it names %s, a whole G",
        "%s.image: the engine container has no image; set i",
        "%s.maxReplicas: an autoscaler needs an upper bound",
        "%s.probes.path: the health check of a custom comma",
        "%s.prometheus.serverAddress: the derived triggers",
        "%s.resources.claims: the pod has no claim %s; add",
        "%s.subGroupExclusiveTopology: it needs subgroups;",
        "%s.type: modelCommand: %s does not start %s; remov",
        "%s.uri: %q does not say where on the claim the ada",
        "%s.workerTemplate.containers[%d].name: %s.containe",
        "%s: %s runs at most %d data parallel ranks, but th",
        "%s: %s serves data parallel ranks from one pod; wi",
        "%s: a pod needs %d devices, but a claim holds at m",
        "%s: dra is true for %s, but the devices of %s are",
        "%s: it reads vLLM's metrics, but %s runs %s, which",
        "%s: only the first container has a default name; s",
        "%s: set an existing resourceClaimTemplateName (a c",
        "%s: the workers of %s, which do not serve, have al",
        "%s[%d].name: the API server rejects a route withou",
        "accelerator.vgpu.enabled: %s does not divide accel",
        "auth.apiKeySecret.name: %s %s; remove it, and chec",
        "auth.apiKeySecret.name: the engine also gets --api",
        "engine.args.%s: %s has no flags, its settings are",
        "engine.ollama.model: the store on the claim can ho",
        "modelArtifacts.adapters: the engine's arguments al",
        "modelArtifacts.aliases: engine.args.served-model-n",
        "modelArtifacts.download.job: a Job fills a claim t",
        "modelArtifacts.endpoint: an oss:// bucket is reach",
        "modelArtifacts.labels: an InferencePool selects po",
        "modelArtifacts.lora.dynamic: without a first adapt",
        "modelArtifacts.lora.maxCpuLoras: %d is less than t",
        "modelArtifacts.size: an ephemeral volume is a clai",
        "routing.epp.create: requests that wait for the fir",
        "routing.httpRoute.create: a route needs a Gateway;",
        "routing.proxy.image: the sidecar %s listens on one",
    ),
    "a name, port or size is free, and only the person knows one that fits": (
        "%s.initContainers[%d].name: another container of t",
        "%s.initContainers[%d].name: the container that dow",
        "%s.monitoring.%s.portName: the port of rank %d wou",
        "%s.name: %s is also the name of %s, and requests c",
        "%s.name: %s is given twice",
        "%s.name: %s is given twice; choose another name",
        "%s.name: %s.volumes[%d] has the same name, but vol",
        "%s.requests.%s: the accelerator's own request has",
        "%s: %d ports starting at %d exceed 65535; choose a",
        "%s: %s is also the name of containers[%d], but nam",
        "fullnameOverride: the LeaderWorkerSet would be nam",
        "fullnameOverride: the StatefulSet would be named %",
        "modelArtifacts.features: %s does not serve %s, onl",
        "routing.epp.image: %s chooses by metrics, but has",
        "routing.proxy.targetPort: with %d ranks per pod th",
        "volumeClaims.%s: %s.volumeClaimTemplates[%d] has t",
        "volumeClaims.%s: %s.volumes[%d] has the same name,",
    ),
}
"""Refusals without a cure that could be said as edits, by reason: the beginnings of their messages in the templates."""

_CALL = re.compile(r'include "llm-d-modelservice\.(?:refuse|stop)" \(list ')


def calls(chart: Path) -> Iterator[str]:
    """Yield the arguments of every refusal in the templates."""
    for file in sorted((chart / "templates").rglob("*.tpl")):
        text = re.sub(r"\s+", " ", file.read_text(encoding="utf-8"))
        for match in _CALL.finditer(text):
            yield _balanced(text[match.end() - len("(list ") :])


def _balanced(text: str) -> str:
    """Return the beginning of a text up to the parenthesis that closes its first one."""
    depth = 0
    for token in re.finditer(r'"(?:[^"\\]|\\.)*"|[()]', text):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if not depth:
            return text[: token.end()]
    raise AssertionError(text[:80])


def test_every_refusal_decides_whether_it_has_a_cure(chart: Path) -> None:
    without = set()
    for call in calls(chart):
        if not re.search(r'"certain"|"offered"|\$cure\)', call):
            head = next(text for text in re.findall(r'"((?:[^"\\]|\\.)*)"', call) if ": " in text)
            without.add(head[:50].rstrip())
    assert without == {head for heads in NONE.values() for head in heads}


PREFIXES = (
    "decode", "decode.parallelism", "decode.autoscaling", "decode.drain", "decode.engine", "engine",
    "accelerator.resourceClaimTemplates.nvidia",
)  # fmt: skip


def test_the_keys_of_cures_are_keys_of_the_values(chart: Path) -> None:
    schema = json.loads((chart / "values.schema.json").read_text(encoding="utf-8"))

    def known(key: str) -> bool:
        *above, last = re.sub(r"\[(\d+)\]", r".\1", key).split(".")
        return "%s" in last or last in keys_at(schema, above)

    found = [
        key for call in calls(chart) for key in re.findall(r'"(?:set|remove|move|to)" (?:\(printf )?"([^"]+)"', call)
    ]
    assert len(found) > 60
    for key in found:
        assert known(key) or any(
            known(key.replace("%s", prefix, 1).replace("%s", "podmonitor")) for prefix in PREFIXES
        ), key


MODEL = "modelArtifacts: {name: Qwen/Qwen3-8B, uri: hf://Qwen/Qwen3-8B, labels: {llm-d.ai/model: qwen3}}\n"
CLAIM = "modelArtifacts:\n  name: Qwen/Qwen3-8B\n  uri: pvc://models/qwen\n"


@pytest.mark.parametrize(
    ("values", "key", "wanted"),
    [
        (MODEL + "decode: {engine: {resources: {limits: {google.com/tpu: 4}}}}\n", "decode.accelerator.type", "google"),
        (
            MODEL + "engine: {ports: [{name: http, containerPort: 8200}]}\n"
            "decode: {monitoring: {podmonitor: {enabled: true, portName: web}}}\n",
            "decode.monitoring.podmonitor.portName",
            "http",
        ),
        (CLAIM + "  download: {enabled: true}\n", "modelArtifacts.download.enabled", False),
        (CLAIM + "  endpoint: https://hub.example.com\n", "modelArtifacts.endpoint", None),
        (CLAIM + "  volume: {type: ephemeral}\n  size: 1Gi\n", "modelArtifacts.volume.type", None),
        (
            MODEL + "routing:\n  inferencePool: {create: true}\n"
            "  epp: {create: true, pluginsCustomConfig: {mine.yaml: 'kind: EndpointPickerConfig'}}\n",
            "routing.epp.pluginsConfigFile",
            "mine.yaml",
        ),
        (
            MODEL + "routing:\n  inferencePool: {create: true}\n  epp: {create: true}\n"
            "  loadBalancing: {prefixHash: {prefixCharLength: 100}}\n",
            "routing.loadBalancing.strategy",
            "PrefixHash",
        ),
        (
            "modelArtifacts: {name: qwen3, uri: ollama://qwen3:0.6b}\nengine: {type: ollama, image: ollama/ollama:0.9.0}\n",
            "prefill.create",
            False,
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and "\n" not in value else "",
)
def test_a_certain_cure_of_a_refusal_cures(
    embedded: EmbeddedHelm, tmp_path: Path, values: str, key: str, wanted: Any
) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(values, encoding="utf-8")

    def check() -> Report:
        return Report(load([str(file)], embedded, Release("example"))[1])

    fixes = fixed(check)
    fixes.write()
    assert not [item for item in fixes.report.findings if item.severity is Severity.error]
    assert fixes.made
    assert value_at(go_value(file.read_text(encoding="utf-8")), key) == wanted


def test_users_of_helm_do_not_see_cures(embedded: EmbeddedHelm) -> None:
    from modelservice.errors import ValuesError

    values = go_value(CLAIM + "  download: {enabled: true}\n")
    with pytest.raises(ValuesError) as plain:
        embedded.render(values, Release("example"))
    assert "\t" not in str(plain.value) and "certain" not in str(plain.value)
    assert plain.value.problems[0].cures == ()
