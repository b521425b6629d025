"""Bad values are refused by Helm itself and by the tool, in words that name the key and the fix."""

from typing import Any

import pytest

from modelservice.errors import ValuesError
from modelservice.helm import EmbeddedHelm, HelmExecutable, Release

VLLM = {"image": "vllm/vllm-openai:v0.32.0", "modelCommand": "vllmServe"}
GROUPS = {"multinode": True, "engine": VLLM}


def decode(**fields: Any) -> dict[str, Any]:
    return {"engine": VLLM, "decode": fields}


def layout(multinode: bool = False, **sizes: Any) -> dict[str, Any]:
    return {"multinode": multinode, "engine": VLLM, "decode": {"parallelism": sizes}}


def containers(*given: dict[str, Any]) -> dict[str, Any]:
    return {"engine": {"image": "vllm/vllm-openai:v0.32.0"}, "decode": {"containers": list(given)}}


def gpus(number: Any, **more: Any) -> dict[str, Any]:
    return {"engine": {**VLLM, "resources": {"limits": {"nvidia.com/gpu": number}}}, **more}


def dra(**template: Any) -> dict[str, Any]:
    return {"engine": VLLM, "accelerator": {"dra": True, "resourceClaimTemplates": {"nvidia": template}}}


NOTHING = {"decode": {"create": False}, "prefill": {"create": False}}

CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    # name: (values, what the message holds: the key, then words of reason or fix)
    "unknown top-level key": ({"decod": {}}, ["decod", "did you mean decode"]),
    "unknown nested key": ({"decode": {"replica": 2}}, ["decode.replica", "did you mean replicas"]),
    "unknown key of a container": (containers({"nme": "x"}), ["decode.containers[0].nme", "did you mean name"]),
    "unknown key of a probe": (
        containers({"livenessProbe": {"httpget": {"port": 1}}}),
        ["decode.containers[0].livenessProbe.httpget", "httpGet"],
    ),
    "a field of Kubernetes beside extraConfig": (
        containers({"name": "vllm", "envFrom": []}),
        ["decode.containers[0].envFrom", "write extraConfig.envFrom"],
    ),
    "a field of a pod beside extraConfig": (decode(hostNetwork=True), ["decode.hostNetwork", "write extraConfig.hostNetwork"]),
    "a key in the wrong place": ({"servicePort": 8000}, ["servicePort", "routing.servicePort"]),
    "a section without content": ({"decode": None}, ["decode: a section without content", "decode: {}"]),
    "a nested section without content": ({"decode": {"parallelism": None}}, ["decode.parallelism: a section without content"]),
    "an empty routing proxy": ({"routing": {"proxy": None}}, ["routing.proxy: a section without content"]),
    "an empty list item": ({"decode": {"tolerations": [None]}}, ["decode.tolerations[0]", "remove the dash"]),
    "an empty container": ({"decode": {"containers": [None]}}, ["decode.containers[0]", "remove the dash"]),
    "tensor 0": (layout(tensor=0), ["decode.parallelism.tensor", "got 0, want 1"]),
    "tensor -2": (layout(tensor=-2), ["decode.parallelism.tensor", "got -2, want 1"]),
    "tensor as text": (layout(tensor="2"), ["decode.parallelism.tensor", "got string, want"]),
    "tensor with a fraction": (layout(tensor=1.5), ["decode.parallelism.tensor", "want"]),
    "service port 99999": ({"routing": {"servicePort": 99999}}, ["routing.servicePort", "65,535"]),
    "negative replicas": (decode(replicas=-1), ["decode.replicas", "got -1, want 0"]),
    "target port is the service port": (
        {"routing": {"servicePort": 8000, "proxy": {"targetPort": 8000}}},
        ["routing.proxy.targetPort", "routing.servicePort too", "8200"],
    ),
    "port ranges overlap": (
        {**layout(data=8, dataMode="multiPort"), "routing": {"proxy": {"targetPort": 8004}}},
        ["routing.proxy.targetPort", "8000-8007", "8004-8012", "do not overlap"],
    ),
    "supervisor port inside the proxy's range": (
        {**layout(data=8, dataMode="multiPort"), "routing": {"servicePort": 8008, "proxy": {"targetPort": 8000}}},
        ["routing.proxy.targetPort", "supervisor"],
    ),
    "port range passes 65535": (
        {**layout(data=8, dataMode="multiPort"), "routing": {"proxy": {"targetPort": 65530}}},
        ["routing.proxy.targetPort", "65535"],
    ),
    "unknown scheme": ({"modelArtifacts": {"uri": "htp://x"}}, ["modelArtifacts.uri", "htp://x", "hf://"]),
    "no scheme": ({"modelArtifacts": {"uri": "org/model"}}, ["modelArtifacts.uri", "org/model", "hf://"]),
    "scheme without a model": ({"modelArtifacts": {"uri": "hf://"}}, ["modelArtifacts.uri", "hf://organisation/model"]),
    "pvc without a path": ({"modelArtifacts": {"uri": "pvc://claim"}}, ["modelArtifacts.uri", "pvc://claim/path"]),
    "pvc+hf without a model": (
        {"modelArtifacts": {"uri": "pvc+hf://claim/model"}},
        ["modelArtifacts.uri", "pvc+hf://claim/[directory/]organisation/model"],
    ),
    "relative mount path": ({"modelArtifacts": {"mountPath": "models"}}, ["modelArtifacts.mountPath", "absolute path"]),
    "misspelt accelerator type": (
        {"engine": VLLM, "accelerator": {"type": "nvidai"}},
        ["accelerator.type", "nvidai", "nvidia", "accelerator.resources.nvidai"],
    ),
    "misspelt accelerator type of a role": (
        decode(accelerator={"type": "amdd"}),
        ["decode.accelerator.type", "amdd", "accelerator.resources.amdd"],
    ),
    "tensor 4 with a limit of 1": (
        gpus(1, decode={"parallelism": {"tensor": 4}}),
        ["decode.containers[0].resources", "nvidia.com/gpu is 1", "4 ranks", "decode.accelerator.count"],
    ),
    "a limit of 8 with nothing parallel": (gpus(8), ["decode.containers[0].resources", "8", "1 ranks"]),
    "a limit that contradicts accelerator.count": (
        gpus(2, accelerator={"count": 4}),
        ["accelerator.count", "write the number once"],
    ),
    "limits and requests differ": (
        {"engine": {**VLLM, "resources": {"limits": {"nvidia.com/gpu": 1}, "requests": {"nvidia.com/gpu": 2}}}},
        ["limits.nvidia.com/gpu is 1", "requests.nvidia.com/gpu is 2"],
    ),
    "rdma limits and requests differ": (
        {"engine": {**VLLM, "resources": {"limits": {"rdma/ib": 1}, "requests": {"rdma/ib": 2}}}},
        ["limits.rdma/ib", "equal"],
    ),
    "accelerators of another type": (
        {"engine": {**VLLM, "resources": {"limits": {"google.com/tpu": 8}}}},
        ["google.com/tpu", "accelerator type of decode is nvidia", "decode.accelerator.type: google"],
    ),
    "accelerators with type cpu": (gpus(1, accelerator={"type": "cpu"}), ["nvidia.com/gpu", "cpu"]),
    "a MIG slice without its resource name": (
        {"engine": {**VLLM, "resources": {"limits": {"nvidia.com/mig-1g.10gb": 1}}}},
        ["nvidia.com/mig-1g.10gb", "accelerator.resources.nvidia: nvidia.com/mig-1g.10gb"],
    ),
    "a resource that no API server knows": (
        {"engine": {"resources": {"limits": {"auto": 1}}}},
        ["engine.resources.limits.auto", "not a resource"],
    ),
    "a quantity that is none": (
        {"engine": {"resources": {"limits": {"memory": "16 GB"}}}},
        ["engine.resources.limits.memory", "quantity"],
    ),
    "data 3 with workers 2": (layout(True, data=3, workers=2), ["decode.parallelism", "data 3", "workers 2"]),
    "data 16, dataLocal 8, workers 4": (
        layout(True, data=16, dataLocal=8, workers=4),
        ["decode.parallelism", "data is 16", "8 x 4 = 32", "leave one of the three out"],
    ),
    "data 10 with dataLocal 4": (layout(True, data=10, dataLocal=4), ["decode.parallelism", "multiple of dataLocal 4"]),
    "workers 2 without multinode": (layout(workers=2), ["decode.parallelism.workers", "multinode: true"]),
    "derived workers without multinode": (
        layout(data=16, dataLocal=8),
        ["decode.parallelism.workers", "2 pods", "multinode: true", "dataLocal: 16"],
    ),
    "a group that does not divide": (
        layout(True, tensor=8, data=1, workers=3),
        ["decode.parallelism.workers", "8 ranks", "3 pods"],
    ),
    "tensor said twice, differently": (
        {"engine": {**VLLM, "args": {"tensor-parallel-size": 4}}, "decode": {"parallelism": {"tensor": 2}}},
        ["decode.parallelism.tensor", "--tensor-parallel-size 4", "write it once"],
    ),
    "external with several ranks a pod": (
        layout(True, dataLocal=2, workers=2, dataMode="external"),
        ["decode.parallelism.dataMode", "one rank a pod", "multiPort"],
    ),
    "multiPort with one rank a pod": (
        layout(True, dataLocal=1, workers=2, dataMode="multiPort"),
        ["decode.parallelism.dataMode", "external"],
    ),
    "SGLang with data parallelism over pods": (
        {"multinode": True, "engine": {"image": "s", "modelCommand": "sglangServe"},
         "decode": {"parallelism": {"dataLocal": 2, "workers": 2}}},
        ["decode.parallelism", "SGLang", "data: 1"],
    ),
    "a computed rank without a shell": (
        {"multinode": True, "engine": {"image": "v", "modelCommand": "imageDefault"},
         "decode": {"parallelism": {"dataLocal": 2, "workers": 2}}},
        ["decode", "vllmServe"],
    ),
    "custom without a command": (
        containers({"name": "vllm", "modelCommand": "custom"}),
        ["decode.containers[0].command", "needs a command"],
    ),
    "a listed container without a command": (containers({"name": "vllm"}), ["decode.containers[0].command", "vllmServe"]),
    "an unknown model command": (containers({"modelCommand": "serve"}), ["decode.containers[0].modelCommand", "vllmServe"]),
    "a listed container without an image": (
        {"decode": {"containers": [{"name": "vllm", "modelCommand": "vllmServe"}]}},
        ["decode.containers[0].image", "engine.image"],
    ),
    "duplicate container names": (
        containers({"name": "a", "modelCommand": "vllmServe"}, {"name": "a", "image": "b"}),
        ["decode.containers[1].name", "containers[0]"],
    ),
    "a sidecar without a name": (
        containers({"modelCommand": "vllmServe"}, {"image": "b"}),
        ["decode.containers[1].name"],
    ),
    "a second engine": (
        containers({"modelCommand": "vllmServe"}, {"name": "b", "image": "b", "modelCommand": "vllmServe"}),
        ["decode.containers[1].modelCommand", "first container"],
    ),
    "an init container with the proxy's name": (
        {"decode": {"initContainers": [{"name": "routing-proxy", "image": "x"}]}},
        ["decode.initContainers[0].name", "routing-proxy"],
    ),
    "a DRA role whose limits name the accelerator": (
        gpus(1, accelerator={"dra": True}),
        ["nvidia.com/gpu", "resource claim", "remove it"],
    ),
    "DRA for a type without a template": (
        {"engine": VLLM, "accelerator": {"type": "rebellions-atom", "dra": True}},
        ["accelerator.resourceClaimTemplates.rebellions-atom", "class"],
    ),
    "more devices than a claim holds": (
        {**layout(tensor=64), "accelerator": {"dra": True}},
        ["64 devices", "at most 32"],
    ),
    "All with a count": (dra(allocationMode="All", count=2), ["accelerator.resourceClaimTemplates.nvidia.count", "remove"]),
    "choices of an exact request": (
        dra(match="exactly", firstAvailable=[{"name": "a", "class": "b"}]),
        ["accelerator.resourceClaimTemplates.nvidia.match", "firstAvailable"],
    ),
    "a further request with the accelerator's name": (
        dra(requests={"nvidia": {"class": "x"}}),
        ["accelerator.resourceClaimTemplates.nvidia.requests.nvidia"],
    ),
    "a claim the pod does not have": (
        containers({"modelCommand": "vllmServe", "resources": {"claims": [{"name": "nic"}]}}),
        ["decode.containers[0].resources.claims", "nic", "decode.resourceClaims"],
    ),
    "a claim from nowhere": (decode(resourceClaims=[{"name": "a"}]), ["decode.resourceClaims[0]", "resourceClaimTemplateName"]),
    "a claim from two places": (
        decode(resourceClaims=[{"name": "a", "resourceClaimName": "b", "resourceClaimTemplateName": "c"}]),
        ["decode.resourceClaims[0]", "exclude each other"],
    ),
    "label values that are not strings": (
        {"modelArtifacts": {"labels": {"llm-d.ai/x": 1}}},
        ["modelArtifacts.labels.llm-d.ai/x", "got number, want string"],
    ),
    "a label key that is none": ({"modelArtifacts": {"labels": {"a b": "c"}}}, ["modelArtifacts.labels.a b", "label key"]),
    "environment values that are not strings": (
        containers({"env": [{"name": "A", "value": 1}]}),
        ["decode.containers[0].env[0].value", "got number"],
    ),
    "a flag with dashes": ({"engine": {"args": {"--max-model-len": 1}}}, ["engine.args.--max-model-len", "without leading dashes"]),
    "accelerator types without values": (
        decode(acceleratorTypes={"labelKey": "gpu"}),
        ["decode.acceleratorTypes.labelValues", "gpu"],
    ),
    "accelerator types without a key": (
        decode(acceleratorTypes={"labelValues": ["H100"]}),
        ["decode.acceleratorTypes.labelKey"],
    ),
    "strategy with multinode": (
        {**GROUPS, "decode": {"strategy": {"type": "Recreate"}}},
        ["decode.strategy", "decode.rolloutStrategy"],
    ),
    "rolloutStrategy without multinode": (
        decode(rolloutStrategy={"type": "RollingUpdate"}),
        ["decode.rolloutStrategy", "multinode: true"],
    ),
    "subgroups without multinode": (decode(subGroupPolicy={"subGroupSize": 2}), ["decode.subGroupPolicy", "multinode: true"]),
    "topology without subgroups": (
        {**GROUPS, "decode": {"subGroupExclusiveTopology": True}},
        ["decode.subGroupExclusiveTopology", "subGroupPolicy.subGroupSize"],
    ),
    "workers without a leader of that name": (
        {**GROUPS, "decode": {"parallelism": {"pipeline": 2, "workers": 2},
                              "workerTemplate": {"containers": [{"name": "other"}]}}},
        ["decode.workerTemplate.containers[0].name"],
    ),
    "requester with multinode": ({"multinode": True, "requester": {"enable": True}}, ["requester.enable", "multinode"]),
    "requester with another count": (
        {**layout(tensor=2), "requester": {"enable": True, "resources": {"limits": {"gpus": 1}}}},
        ["requester.resources.limits.gpus", "decode.parallelism"],
    ),
    "a scraped port with another name": (
        {"engine": {"ports": [{"containerPort": 8200, "name": "http"}]},
         "decode": {"monitoring": {"podmonitor": {"enabled": True}}}},
        ["decode.monitoring.podmonitor.portName", "portName: http"],
    ),
    "two monitors of one role": (
        {"decode": {"monitoring": {"podmonitor": {"enabled": True}, "servicemonitor": {"enabled": True}}}},
        ["decode.monitoring.servicemonitor.enabled", "podmonitor", "counted twice"],
    ),
    "a metrics port name that a rank makes too long": (
        {"engine": VLLM,
         "decode": {"parallelism": {"data": 8, "dataMode": "multiPort"},
                    "monitoring": {"podmonitor": {"enabled": True, "portName": "engine-metrics"}}}},
        ["decode.monitoring.podmonitor.portName", "engine-metrics-1", "15"],
    ),
    "alerts of an engine with other metrics": (
        {"engine": {"image": "lmsysorg/sglang:v0.5", "modelCommand": "sglangServe"},
         "monitoring": {"prometheusrule": {"enabled": True}}},
        ["monitoring.prometheusrule.enabled", "vLLM's metrics", "decode runs sglang"],
    ),
    "a dashboard of an engine with other metrics": (
        {"engine": {"image": "lmsysorg/sglang:v0.5", "modelCommand": "sglangServe"},
         "monitoring": {"dashboard": {"enabled": True}}},
        ["monitoring.dashboard.enabled", "decode runs sglang"],
    ),
    "alerts that all have been left out": (
        {"decode": {"autoscaling": {"enabled": True}},
         "monitoring": {"prometheusrule": {"enabled": True, "thresholds": dict.fromkeys(
             ["timeToFirstTokenSeconds", "interTokenLatencySeconds", "waitingRequests", "kvCacheUsage",
              "preemptionsPerMinute", "errorRatio", "failedTransfersPerMinute", "restarts"])}}},
        ["monitoring.prometheusrule.thresholds", "no alert is left"],
    ),
    "alerts of nothing": (
        {**NOTHING, "monitoring": {"prometheusrule": {"enabled": True}}},
        ["monitoring.prometheusrule.enabled", "neither decode nor prefill is created", "decode.create: true"],
    ),
    "a dashboard of nothing": (
        {**NOTHING, "monitoring": {"dashboard": {"enabled": True}}},
        ["monitoring.dashboard.enabled", "neither decode nor prefill is created"],
    ),
    "endpoints of nothing": (
        {**NOTHING, "endpoints": {"create": True}},
        ["endpoints.create", "neither decode nor prefill is created", "decode.create: true"],
    ),
    "a test of nothing": (
        {**NOTHING, "test": {"enabled": True}},
        ["test.enabled", "neither decode nor prefill is created", "decode.create: true"],
    ),
    "a test of a server whose key is in plain text": (
        {"engine": {**VLLM, "args": {"api-key": "sesame"}}, "test": {"enabled": True}},
        ["test.enabled", "--api-key in plain text", "engine.env.VLLM_API_KEY.valueFrom.secretKeyRef"],
    ),
    "a threshold above one": (
        {"monitoring": {"prometheusrule": {"thresholds": {"kvCacheUsage": 95}}}},
        ["monitoring.prometheusrule.thresholds.kvCacheUsage"],
    ),
    "a pool from this chart": (
        {"routing": {"inferencePool": {"create": True}}},
        ["routing.inferencePool", "inferencepool chart", "create: false"],
    ),
    "a route from this chart": ({"routing": {"httpRoute": {"matches": []}}}, ["routing.httpRoute", "HTTPRoute"]),
    "an endpoint picker from this chart": ({"routing": {"epp": {"create": True}}}, ["routing.epp", "inferencepool chart"]),
    "an inference model": ({"routing": {"inferenceModel": {"create": True}}}, ["routing.inferenceModel", "removed"]),
}  # fmt: skip


@pytest.mark.parametrize(("values", "words"), CASES.values(), ids=CASES.keys())
def test_the_tool_refuses_and_names_key_and_fix(
    embedded: EmbeddedHelm, values: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(ValuesError) as refusal:
        embedded.render(values, Release("test"))
    for word in words:
        assert word in str(refusal.value)


def test_the_service_of_a_test_begins_with_a_letter(embedded: EmbeddedHelm) -> None:
    with pytest.raises(ValuesError, match=r"fullnameOverride: the Service of test.enabled .* begin with a letter"):
        embedded.render({"test": {"enabled": True}}, Release("1st"))


LWS_NAMES = {
    "begins with a digit": ("1st", "begin with a letter"),
    "too long for its pods": ("a" * 50, "shorter release name"),
}


@pytest.mark.parametrize(("release", "words"), LWS_NAMES.values(), ids=LWS_NAMES.keys())
def test_names_that_a_leader_worker_set_cannot_have(embedded: EmbeddedHelm, release: str, words: str) -> None:
    with pytest.raises(ValuesError, match="fullnameOverride") as refusal:
        embedded.render({"multinode": True}, Release(release))
    assert words in str(refusal.value)


@pytest.mark.executable
def test_helm_itself_refuses_all_of_them_in_the_same_words(executable: HelmExecutable, embedded: EmbeddedHelm) -> None:
    """One test for all cases: a helm process takes a twentieth of a second."""
    for name, (values, _) in CASES.items():
        messages = []
        for renderer in (executable, embedded):
            with pytest.raises(ValuesError) as refusal:
                renderer.render(values, Release("test"))
            messages.append(str(refusal.value))
        assert messages[0] == messages[1], name
