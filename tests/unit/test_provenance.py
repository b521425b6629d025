"""The table of values keys by object field, held to what rendering shows: changing a key changes the field."""

import copy
import functools
import json
import re
from typing import Any

import jsonschema_rs
import pytest
import yaml

from modelservice import facts
from modelservice import values as models
from modelservice.assignments import apply_set
from modelservice.check.examples import findings
from modelservice.check.rule import rules
from modelservice.check.runner import run
from modelservice.docs.keys import leaves as key_leaves
from modelservice.documents import Source
from modelservice.errors import ModelserviceError
from modelservice.explain.address import at
from modelservice.explain.alternatives import alternatives
from modelservice.explain.trace import explain
from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import merge, parse_values, read_values
from modelservice.kubernetes.dotted import MISSING, found_at
from modelservice.kubernetes.merge import helm
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup
from modelservice.model.provenance import FIELDS, keys_of, written
from modelservice.paths import chart_dir
from modelservice.sources import Layer, Path, Sources, dotted, leaves, split

pytestmark = pytest.mark.slow

Values = dict[str, Any]

BASE: Values = {
    "modelArtifacts": {"name": "org/model", "uri": "hf://org/model", "size": "10Gi", "labels": {"team": "a"}},
    "engine": {"image": "vllm/vllm-openai:v0.32.0", "modelCommand": "vllmServe"},
    "routing": {
        "proxy": {"image": "ghcr.io/llm-d/llm-d-router-disagg-sidecar:v0.10.0", "targetPort": 8200},
        "inferencePool": {"create": True},
        "httpRoute": {"create": True},
        "parentRefs": [{"name": "gateway"}],
        "epp": {"create": True, "image": "ghcr.io/llm-d/llm-d-router-endpoint-picker:v0.10.0"},
    },
    "decode": {
        "replicas": 2,
        "monitoring": {"podmonitor": {"enabled": True}},
        "podDisruptionBudget": {"enabled": True, "minAvailable": 1},
        "service": {"create": True},
    },
    "prefill": {"create": False},
}
"""A release with the objects that the table names."""
MOUNT = {"name": "data", "mountPath": "/data"}
VARIABLE = {"name": "NAME", "value": "value"}
WRITTEN: Values = {
    "engine": {"args": {"max-model-len": 4096}, "env": {"NAME": "value"}, "volumeMounts": [MOUNT]},
    "routing": {"proxy": {"args": ["--tracing=true"]}},
    "decode": {
        "podLabels": {"team": "a"},
        "podAnnotations": {"team": "a"},
        "volumes": [{"name": "data", "emptyDir": {}}],
        "resourceClaims": [{"name": "mine", "resourceClaimTemplateName": "mine"}],
        "acceleratorTypes": {"labelKey": "nvidia.com/gpu.product", "labelValues": ["H100"]},
        "tolerations": [{"key": "gpu"}],
    },
}
"""What a user writes in sections."""
MOUNTED_ROLE: Values = {"decode": {"engine": {"volumeMounts": [MOUNT]}, "volumes": [{"name": "data", "emptyDir": {}}]}}
LISTED: Values = {
    "decode": {
        "containers": [
            {"name": "vllm", "modelCommand": "vllmServe", "args": ["--max-model-len", "4096"], "env": [VARIABLE],
             "volumeMounts": [MOUNT]},
            {"name": "log", "image": "fluent/fluent-bit:4.0", "args": ["--verbose"], "env": [VARIABLE],
             "volumeMounts": [MOUNT]},
        ],
        "initContainers": [{"name": "setup", "image": "busybox:1.37", "env": [VARIABLE]}],
        "extraConfig": {"volumes": [{"name": "data", "emptyDir": {}}]},
    }
}  # fmt: skip
"""What a user writes in lists of containers."""
GROUP: Values = {"multinode": True, "decode": {"parallelism": {"workers": 2, "dataLocal": 2}}}
PODS: Values = {"multinode": True, "decode": {"parallelism": {"workers": 2}}}
SPANNING: Values = {"multinode": True, "decode": {"parallelism": {"workers": 2, "tensor": 8, "pipeline": 2}}}
PORTS: Values = {"multinode": True, "decode": {"parallelism": {"dataLocal": 2, "dataMode": "multiPort"}}}
SIZES: Values = {"decode": {"parallelism": {"tensor": 2, "pipeline": 2, "dataLocal": 2, "expert": True}}}
TYPED: Values = {"engine": {"type": "vllm"}, "decode": {"probes": {"enabled": True}, "drain": {"enabled": True}}}
SHARED: Values = {"decode": {"sharedMemory": {"enabled": True, "sizeLimit": "1Gi"}}}
CUSTOM: Values = {
    "decode": {"containers": [{"name": "vllm", "modelCommand": "custom", "image": "vllm/vllm-openai:v0.32.0",
               "command": ["vllm", "serve", "org/model", "--max-model-len", "4096"]}]}
}  # fmt: skip
CUSTOM_ROLE: Values = {
    "decode": {"engine": {"modelCommand": "custom", "command": ["vllm", "serve", "m", "--max-model-len", "4096"]}}
}
CUSTOM_BOTH: Values = {"engine": CUSTOM_ROLE["decode"]["engine"]}
DRA: Values = {"accelerator": {"dra": True}}
STATEFUL: Values = {
    "decode": {"workload": "StatefulSet", "volumeClaimTemplates": [
        {"name": name, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "9Gi"}}}}
        for name in ("data", "model-storage")
    ]}
}  # fmt: skip
SCALED: Values = {
    "decode": {"replicas": None, "autoscaling": {"enabled": True, "type": "hpa", "minReplicas": 2, "maxReplicas": 3,
               "targetActiveRequests": 9}}
}  # fmt: skip
BEHAVIOR: Values = merge([SCALED, {"decode": {"autoscaling": {"behavior": {"scaleUp": {"selectPolicy": "Max"}}}}}])
METRIC = {"type": "Pods", "pods": {"metric": {"name": "a"}, "target": {"type": "AverageValue", "averageValue": 4}}}
METRICS: Values = merge([SCALED, {"decode": {"autoscaling": {"targetActiveRequests": None, "metrics": [METRIC]}}}])
LORA: Values = {"modelArtifacts": {"adapters": [{"name": "a", "uri": "pvc://claim/a"}], "lora": {"maxRank": 8}}}
SECRETS: Values = {"modelArtifacts": {"authSecretName": "hf"}, "auth": {"apiKeySecret": {"name": "key"}}}
TRACED: Values = {"tracing": {"enabled": True}}
WATCHED: Values = {
    "decode": {"monitoring": {"podmonitor": {"enabled": False}, "servicemonitor": {"enabled": True}}},
    "monitoring": {"prometheusrule": {"enabled": True}},
    "routing": {"inferenceObjective": {"create": True}},
}
CONFIGS = dict.fromkeys(("mine.yaml", "other.yaml"), "kind: EndpointPickerConfig\n")
FILES: Values = {"routing": {"epp": {"pluginsConfigFile": "mine.yaml", "pluginsCustomConfig": CONFIGS}}}
PLAIN: Values = {"routing": {"proxy": {"enabled": False}}}
RELEASE_SERVICE: Values = {"service": {"enabled": True}, "decode": {"service": {"create": False}}}
OLD: Values = {"routing": {"proxy": {"image": "ghcr.io/llm-d/llm-d-routing-sidecar:v0.6.0", "prefillerUseTLS": True}}}

TESTED: Values = {"test": {"enabled": True}}
DOWNLOADED: Values = {"modelArtifacts": {"download": {"enabled": True}}}
ADAPTERS: Values = {"modelArtifacts": {"adapters": LORA["modelArtifacts"]["adapters"]}}
NAMED: Values = {"modelArtifacts": {"uri": "hf://{{ .Values.modelArtifacts.name }}"}}
STATED: Values = {"engine": {"modelCommand": None, "type": "vllm"}}
FORMER_NAME: Values = {"modelArtifacts": {"name": "random/model"}, "routing": {"modelName": "other"}}
SELECTED: Values = {"routing": {"inferencePool": {"matchLabels": {"team": "a"}}}}
POLICY: Values = {"networkPolicy": {"enabled": True}}
KEDA: Values = {
    "decode": {"replicas": None, "autoscaling": {"enabled": True, "type": "keda", "minReplicas": 2, "maxReplicas": 3,
               "triggers": [{"type": "cron", "metadata": {}}]}}
}  # fmt: skip

CLAIMED: Values = {
    "volumeClaims": {"c": {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}}
}
UNAVAILABLE: Values = {"decode": {"podDisruptionBudget": {"enabled": True, "minAvailable": None, "maxUnavailable": 1}}}
OWN_PORTS: Values = {"decode": {"service": {"create": True, "ports": [{"name": "web", "port": 80}]}}}
PORTS_OF_ALL: Values = {"service": {"enabled": True, "ports": [{"name": "web", "port": 80}]}}
NEEDED: dict[str, Values] = {
    "engine.args[*] decode.containers[0].command[?max-model-len]": CUSTOM,
    "engine.args[*] decode.engine.command[?max-model-len]": CUSTOM_ROLE,
    "engine.args[*] engine.command[?max-model-len]": CUSTOM_BOTH,
    "engine.args[--data-parallel-hybrid-lb] decode.parallelism.dataMode": GROUP,
    "engine.args[--data-parallel-multi-port-external-lb] decode.parallelism.dataMode": SIZES,
    "engine.args[--data-parallel-rank] decode.parallelism.dataMode": GROUP,
    "engine.args[--data-parallel-start-rank] decode.parallelism.dataMode": GROUP,
    "engine.args[--nnodes] decode.parallelism.workers": SPANNING,
    "engine.args[--node-rank] decode.parallelism.workers": SPANNING,
    "engine.args[--data-parallel-address] decode.parallelism.workers": GROUP,
    "engine.args[--master-addr] decode.parallelism.workers": SPANNING,
    "engine.args[--headless] decode.parallelism.dataMode": GROUP,
    "engine.args[--headless] decode.parallelism.workers": SPANNING,
    "engine.args[--port] routing.servicePort": PLAIN,
    "engine.args[--served-model-name] routing.modelName": FORMER_NAME,
    "engine.args[--shutdown-timeout] decode.drain.timeoutSeconds": TYPED,
    "engine.args[--lora-modules] modelArtifacts.adapters": ADAPTERS,
    "engine.args[--max-loras] modelArtifacts.adapters": ADAPTERS,
    "engine.args[--max-loras] modelArtifacts.lora.maxLoras": ADAPTERS,
    "engine.args[--max-lora-rank] modelArtifacts.lora.maxRank": LORA,
    "engine.args[--otlp-traces-endpoint] tracing.otlpEndpoint": TRACED,
    "engine.args[--model] modelArtifacts.name": NAMED,
    "engine.command decode.containers[0].command": CUSTOM,
    "engine.command decode.engine.command": CUSTOM_ROLE,
    "engine.command engine.command": CUSTOM_BOTH,
    "engine.command decode.engine.type": STATED,
    "engine.command engine.type": STATED,
    "engine.ports routing.servicePort": PLAIN,
    "engine.startupProbe decode.probes.loadSeconds": TYPED,
    "engine.lifecycle decode.drain.preStopSeconds": TYPED,
    "engine.env[VLLM_API_KEY] auth.apiKeySecret.name": SECRETS,
    "engine.env[HF_TOKEN] modelArtifacts.authSecretName": SECRETS,
    "engine.volumeMounts[*] decode.engine.volumeMounts[?/data]": MOUNTED_ROLE,
    "engine.volumeMounts[*] engine.volumeMounts[?/data]": WRITTEN,
    "proxy.args[*] routing.proxy.args[?tracing]": WRITTEN,
    "proxy.args[--connector] routing.proxy.connector": OLD,
    "proxy.args[--prefiller-use-tls] routing.proxy.prefillerUseTLS": OLD,
    "proxy.args[--vllm-port] routing.proxy.targetPort": OLD,
    "proxy.args[--data-parallel-size] decode.parallelism.dataLocal": PORTS,
    "pod.spec.affinity decode.acceleratorTypes.labelKey": WRITTEN,
    "PersistentVolumeClaim volumeClaims": CLAIMED,
    "PodDisruptionBudget.spec.maxUnavailable decode.podDisruptionBudget.maxUnavailable": UNAVAILABLE,
    "Service.spec.ports[*] decode.service.ports[?web]": OWN_PORTS,
    "Service.spec.ports[*] service.ports[?web]": PORTS_OF_ALL,
    "pod.spec.resourceClaims decode.resourceClaims": WRITTEN,
    "pod.spec.resourceClaims[*] decode.resourceClaims[?mine]": WRITTEN,
    "pod.spec.terminationGracePeriodSeconds decode.drain.timeoutSeconds": TYPED,
    "pod.spec.volumes[*] decode.extraConfig.volumes[?data]": LISTED,
    "pod.spec.volumes[*] decode.volumes[?data]": WRITTEN,
    "pod.spec.volumes[dshm] decode.sharedMemory.sizeLimit": SHARED,
    "workload.spec.volumeClaimTemplates[*] decode.volumeClaimTemplates[?data]": STATEFUL,
    "Service.metadata.name service.name": RELEASE_SERVICE,
    "HorizontalPodAutoscaler decode.autoscaling": SCALED,
    "HorizontalPodAutoscaler.spec.behavior decode.autoscaling.behavior": BEHAVIOR,
    "HorizontalPodAutoscaler.spec.metrics decode.autoscaling": SCALED,
    "HorizontalPodAutoscaler.spec.metrics decode.autoscaling.metrics": METRICS,
    "ScaledObject decode.autoscaling": KEDA,
    "ServiceMonitor decode.monitoring.servicemonitor.enabled": WATCHED,
    "PrometheusRule monitoring.prometheusrule.enabled": WATCHED,
    "InferenceObjective routing.inferenceObjective.create": WATCHED,
    "ResourceClaimTemplate accelerator.resourceClaimTemplates": DRA,
    "test test.enabled": TESTED,
    "test.image test.image": TESTED,
    "test.* test.imagePullPolicy": TESTED,
    "download modelArtifacts.download": DOWNLOADED,
    "download.image modelArtifacts.download.image": DOWNLOADED,
    "InferencePool.spec.selector routing.inferencePool.matchLabels": SELECTED,
    "NetworkPolicy.metadata.annotations networkPolicy.annotations": POLICY,
    "NetworkPolicy.spec.egress networkPolicy.egress": POLICY,
    "NetworkPolicy.spec.ingress networkPolicy.from": POLICY,
    "NetworkPolicy.spec.ingress networkPolicy.ingress": POLICY,
    "picker routing.epp": FILES,
    "picker.args routing.epp.pluginsConfigFile": FILES,
    "picker.config[*] routing.epp.pluginsCustomConfig.mine.yaml": FILES,
}
"""What a key needs to have an effect on an entry's field: the rest of the values."""
OTHERS: dict[str, Any] = {
    "pluginsConfigFile": "other.yaml",
    ".ports": [{"name": "x", "containerPort": 9000}],
    "autoscaling.behavior": {"scaleUp": {"selectPolicy": "Min"}},
    "autoscaling.metrics": [METRIC, METRIC],
    "networkPolicy.egress": [{"ports": [{"port": 443}]}],
    "networkPolicy.from": [{"podSelector": {}}],
    "networkPolicy.ingress": [{"ports": [{"port": 443}]}],
    "modelArtifacts.adapters": [*LORA["modelArtifacts"]["adapters"], {"name": "b", "uri": "pvc://claim/b"}],
}
"""Values that no schema tells, by the end of the key."""

FIELD = {
    "Service.spec.ports[*]": "spec.ports[web]",
    "test.*": "imagePullPolicy", "engine.*": "workingDir", "engine.args[*]": "args[--max-model-len]", "engine.env[*]": "env[NAME]",
    "engine.volumeMounts[*]": "volumeMounts[/data]", "proxy.*": "imagePullPolicy", "proxy.args[*]": "args[--tracing]",
    "container.*": "workingDir", "container.args[*]": "args[--verbose]", "container.env[*]": "env[NAME]",
    "container.volumeMounts[*]": "volumeMounts[/data]", "init.*": "workingDir", "init.env[*]": "env[NAME]",
    "pod.spec.*": "spec.priorityClassName", "pod.spec.resourceClaims[*]": "spec.resourceClaims[mine]",
    "pod.spec.volumes[*]": "spec.volumes[data]", "pod.metadata.labels[*]": "metadata.labels[zone]",
    "pod.metadata.annotations[*]": "metadata.annotations[team]", "workload.spec.*": "spec.strategy",
    "workload.spec.volumeClaimTemplates[*]": "spec.volumeClaimTemplates[data]", "picker.config[*]": "config[mine.yaml]",
}  # fmt: skip
"""The field by which an entry for any item or field is tried."""


def path_of(entry: str) -> tuple[str, str]:
    """What an entry's field belongs to, and the path of the field."""
    owner, _, path = entry.partition(".")
    return owner, FIELD.get(entry, path)


def keys(entry: str) -> tuple[str, ...]:
    """The entry's own candidate keys."""
    owner, path = path_of(entry)
    found = keys_of(owner, path, role="decode", position="1", container="setup")
    return tuple(dict.fromkeys(found[-len(FIELDS[entry]) :] if FIELDS[entry] else ()))


def field(deployment: Deployment, owner: str, path: str) -> Any:
    """What is at a field of the decode pods, leaders and workers alike, or of an object."""
    if owner in ("engine", "proxy", "container", "init", "pod", "workload"):
        return [field_of(group, owner, path) for group in deployment.role("decode")]
    if owner == "picker":
        return field_of_picker(deployment, path)
    if owner == "test":
        pods = deployment.kind("Pod")
        return at(pods[0]["spec"]["containers"][0], path) if pods and path else pods
    if owner == "download":
        found = [item for group in deployment.groups for item in group.all_containers if item.name == "download-model"]
        return at(found[0].fields, path) if found and path else [item.fields for item in found]
    objects = deployment.kind(owner)
    return at(objects[0], path) if objects else MISSING


def field_of(group: PodGroup, owner: str, path: str) -> Any:
    """What is at a field of pods."""
    if owner == "workload":
        return at(group.workload, path.partition("[")[0])
    if owner == "pod":
        return at({"spec": group.spec, "metadata": group.metadata}, path)
    known = {"engine": group.engine, "proxy": group.proxy}
    known |= {item.owner: item for item in group.all_containers if item.name in ("log", "setup")}
    container = known.get(owner)
    if container is None:
        return MISSING
    if path == "args[--model]":
        return container.program.model
    if path.startswith("args[--"):
        return [option.values for option in container.program.all(path[7:-1])]
    return at(container.fields, path)


def field_of_picker(deployment: Deployment, path: str) -> Any:
    """What is at a field of the release's endpoint picker."""
    picker = deployment.pools[0].picker
    if path.startswith("config"):
        return picker.configs if picker else MISSING
    names = [obj for obj in deployment.kind("Deployment") if obj["metadata"]["name"].endswith("-epp")]
    spec = names[0]["spec"]["template"]["spec"]
    return at(spec["containers"][0], path) if path else spec


def with_value(values: Values, path: Path, other: Any) -> Values:
    """Values with another one under a path; a list item that becomes nothing goes."""
    changed = copy.deepcopy(values)
    node: Any = changed
    for part in path[:-1]:
        node = node[part] if isinstance(part, int) else node.setdefault(part, {})
    if isinstance(path[-1], int) and other is None:
        del node[path[-1]]
    else:
        node[path[-1]] = other
    return changed


@functools.cache
def schema() -> Any:
    return json.loads((chart_dir() / "values.schema.json").read_text(encoding="utf-8"))


@functools.cache
def validator() -> jsonschema_rs.Draft7Validator:
    return jsonschema_rs.Draft7Validator(schema())


@functools.cache
def defaults() -> Values:
    return read_values(str(chart_dir() / "values.yaml"))


def deployed(embedded: EmbeddedHelm, values: Values) -> Deployment | None:
    """What values deploy; None where they are rejected."""
    try:
        rendered = embedded.render(values, Release("x"))
    except ModelserviceError:
        return None
    return Deployment("x", rendered.objects, "default", Sources([Layer("values.yaml", values, None)]))


def located(values: Values, key: str) -> Path | None:
    """The path of a key whose items are among the values; None without them."""
    above, selector, rest = key.partition("[?")
    if selector:
        name, _, below = rest.partition("]")
        found = written(Sources([], values), f"{above}[?{name}]")
        return located(values, f"{found}{below}") if found else None
    path = split(values, key)
    node: Any = values
    for part in path:
        if isinstance(part, int) and not (isinstance(node, list) and part < len(node)):
            return None
        items = node if isinstance(node, dict) else dict(enumerate(node)) if isinstance(node, list) else {}
        node = items.get(part)
    return path


def changes(embedded: EmbeddedHelm, values: Values, entry: str, where: Path) -> bool:
    """Whether another value under a key changes the entry's field."""
    owner, path = path_of(entry)
    before = deployed(embedded, values)
    assert before is not None, values

    def valid(other: Any) -> bool:
        return validator().is_valid(helm(defaults(), with_value(values, where, other), null_removes=True))

    line = [*path.split("."), "image", "name", "mountPath"]
    stated = [other for end, other in OTHERS.items() if dotted(where).endswith(end)]
    for other in stated or alternatives(value_at(values, where), where, schema(), line, valid):
        after = deployed(embedded, with_value(values, where, other))
        if after is not None and field(before, owner, path) != field(after, owner, path):
            return True
    return False


def cases() -> list[tuple[str, str]]:
    """Every key of every entry."""
    return [(entry, key) for entry in FIELDS for key in keys(entry)]


@pytest.mark.parametrize(("entry", "key"), cases())
def test_a_key_of_the_table_changes_its_field(embedded: EmbeddedHelm, entry: str, key: str) -> None:
    listed = LISTED if "ontainers" in key else {}
    values = merge([BASE, NEEDED.get(f"{entry} {key}", listed)])
    where = located(values, key)
    assert where, "the test writes no such item"
    below = [(*where, *path) for path, _ in leaves(value_at(values, where))]
    assert any(changes(embedded, values, entry, path) for path in dict.fromkeys([where, *below]))


def value_at(values: Values, path: Path) -> Any:
    """The value in effect under a path; nothing where there is none."""
    node: Any = helm(defaults(), values, null_removes=True)
    for part in path:
        items = node if isinstance(node, dict) else dict(enumerate(node)) if isinstance(node, list) else {}
        node = items.get(part, MISSING)
    return node


def test_what_a_key_needs_is_needed_by_one_that_is_there() -> None:
    assert set(NEEDED) <= {f"{entry} {key}" for entry, key in cases()}


EXPLAINED = [
    ("engine", "resources"), ("engine", "args"), ("workload", "spec.replicas"), ("pod", "metadata.labels[team]"),
]  # fmt: skip


@pytest.mark.parametrize(("owner", "path"), EXPLAINED)
def test_explain_names_a_key_of_the_table(embedded: EmbeddedHelm, owner: str, path: str) -> None:
    deployment = deployed(embedded, BASE)
    assert deployment is not None
    assert deployment.sources is not None
    group = deployment.role("decode")[0]
    place = {"engine": group.engine.at, "pod": group.at, "workload": group.workload_at}[owner](path)
    line = f"{place.object}.{place.path}"
    explained = explain(line, deployment.sources, chart_dir(), EmbeddedHelm, Release("x"))
    assert {item.key for item in explained.dependencies} & set(place.keys)


def documented() -> set[str]:
    """Every key of the values, without the numbers of items."""
    return {leaf.path.replace("[]", "") for leaf in key_leaves(models.Values)}


def is_key(key: str, known: set[str]) -> bool:
    """Whether the values have a key: as it is, a section of keys, or an entry of a map or list that is free."""
    parts = re.sub(r"\[\d+\]", "", key).split(".")
    above = {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
    return bool(above & known) or any(name.startswith(f"{'.'.join(parts)}.") for name in known)


@pytest.mark.parametrize("name", [name for name, rule in rules().items() if not rule.failing.manifests])
def test_a_finding_names_a_key_that_is_written_or_documented(embedded: EmbeddedHelm, name: str) -> None:
    rule, known = rules()[name], documented()
    of_pool = ("inferencePool", "inferenceExtension", "router")
    for finding in findings(rule, rule.failing, embedded):
        assert finding.values, finding
        if name == "former-key":  # not documented any more, so it has to be written
            assert finding.values in {item.key for item in facts.original_chart().keys}, finding
            assert found_at(yaml.safe_load(rule.failing.values), finding.values.split(".")) is not MISSING, finding
            continue
        assert is_key(finding.values, known) or finding.values.startswith(of_pool), finding


OTHER_PODS: Values = {
    "extraObjects": [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}},
                         "spec": {"containers": [{"name": "web", "image": "nginx:latest"}]}}}},
    ],
    "test": {"enabled": True, "image": "curlimages/curl:latest"},
    "modelArtifacts": {"download": {"enabled": True, "image": "rclone/rclone:latest"}},
    "routing": {"epp": {"image": "ghcr.io/llm-d/llm-d-router-endpoint-picker:latest"}},
}  # fmt: skip


def test_a_finding_about_other_pods_names_what_makes_them(embedded: EmbeddedHelm) -> None:
    deployment = deployed(embedded, merge([BASE, OTHER_PODS]))
    assert deployment is not None
    found = {item.values for item in run([deployment]) if item.rule == "image-latest"}
    assert found == {"extraObjects[0]", "test.image", "routing.epp.image"}
    (download,) = [item for item in deployment.servers[0].all_containers if item.name == "download-model"]
    assert download.at("image").key(deployment.sources) == "modelArtifacts.download.image"


@pytest.mark.parametrize(
    ("sets", "line"),
    [
        ((), 4),
        (("engine.resources.limits.memory=8Gi",), None),
        (("decode.x=1",), 4),
    ],
)
def test_a_value_of_set_is_blamed_on_no_line(sets: tuple[str, ...], line: int | None) -> None:
    text = "engine:\n  image: a\n  resources:\n    limits: {memory: 4Gi}\n"
    values, document = parse_values(Source("values.yaml", text))
    place = Sources([Layer("values.yaml", values, document)], apply_set(values, sets)).place(
        "engine.resources.limits.memory"
    )
    assert (place.line if place else None) == line
