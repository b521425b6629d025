"""Bad values are refused by Helm itself and by the tool, in words that name the key and the fix."""

from typing import Any

import pytest

from modelservice.errors import ValuesError
from modelservice.helm import EmbeddedHelm, Release
from modelservice.helm_executable import HelmExecutable
from support.refusal import assert_refused, assert_refused_alike
from support.render import VLLM

GROUPS = {"multinode": True, "engine": VLLM}
SET = {"workload": "DisaggregatedSet", "engine": VLLM, "prefill": {"replicas": 1}}


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


def model(uri: str = "hf://o/m", engine: dict[str, Any] | None = None, **artifacts: Any) -> dict[str, Any]:
    return {"engine": engine or VLLM, "modelArtifacts": {"uri": uri, **artifacts}}


def server(name: str, uri: str = "hf://o/m", artifacts: dict[str, Any] | None = None, **values: Any) -> dict[str, Any]:
    """An engine that stands alone, correct but for what a case changes."""
    return {
        "modelArtifacts": {"name": "o/m", "uri": uri, **(artifacts or {})},
        "routing": {"proxy": {"enabled": False}},
        "prefill": {"create": False},
        **values,
        "engine": {"type": name, "image": "example.com/server:1", **values.get("engine", {})},
    }


def claim(**persistence: Any) -> dict[str, Any]:
    return {"size": "10Gi", "persistence": {"enabled": True, **persistence}}


NOTHING = {"decode": {"create": False}, "prefill": {"create": False}}

CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    # name: (values, what the message holds: the key, then words of reason or fix)
    "unknown top-level key": ({"decod": {}}, ["decod", "did you mean decode"]),
    "two bundles of authorities": (
        model(caBundle={"configMap": "ca", "secret": "ca"}),
        ["modelArtifacts.caBundle", "configMap: ca", "secret: ca", "keep one"],
    ),
    "a number out of range": ({"decode": {"replicas": 99999999999}}, ["decode.replicas", "got 99999999999, want"]),
    "more digits than a number holds": ({"decode": {"replicas": "9" * 400}}, ["decode.replicas", "is too large"]),
    "unknown nested key": ({"decode": {"replica": 2}}, ["decode.replica", "did you mean replicas"]),
    "unknown key of a container": (containers({"nme": "x"}), ["decode.containers[0].nme", "did you mean name"]),
    "unknown key of a probe": (
        containers({"livenessProbe": {"httpget": {"port": 1}}}),
        ["decode.containers[0].livenessProbe.httpget", "httpGet"],
    ),
    "a field of Kubernetes beside extraConfig": (
        containers({"name": "vllm", "envFrom": []}),
        ["decode.containers[0].envFrom", "set extraConfig.envFrom"],
    ),
    "a field of a pod beside extraConfig": (decode(hostNetwork=True), ["decode.hostNetwork", "set extraConfig.hostNetwork"]),
    "a selector of no labels": (
        {"deploymentSelector": "model", "modelArtifacts": {"labels": {"llm-d.ai/inference-serving": None}}},
        ["deploymentSelector: model", "modelArtifacts.labels"],
    ),
    "an unknown selector": ({"deploymentSelector": "chart"}, ["deploymentSelector", "release"]),
    "values of a parent chart": (
        {"qwen": {"engine": VLLM, "decode": {"replicas": 2}}}, ["qwen", "--chart PARENT --subchart qwen"],
    ),
    "a key in the wrong place": ({"servicePort": 8000}, ["servicePort", "routing.servicePort"]),
    "it is null": ({"decode": None}, ["decode: it is null", "set decode.create: false", "--reset-then-reuse-values"]),
    "a template that does not end": (
        model("hf://{{ .Release.Name"), ["modelArtifacts.uri: it is rendered as a template", "unclosed action"],
    ),
    "an empty routing proxy": (
        {"routing": {"proxy": None}}, ["routing.proxy: it is null", "set routing.proxy.enabled: false"],
    ),
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
        ["routing.proxy.targetPort", "also routing.servicePort", "8200"],
    ),
    "port ranges overlap": (
        {**layout(data=8, dataMode="multiPort"), "routing": {"proxy": {"targetPort": 8004}}},
        ["routing.proxy.targetPort", "8000-8007", "8004-8012", "do not overlap"],
    ),
    "ranks with a port each behind a sidecar that has one": (
        {**layout(data=8, dataMode="multiPort"), "routing": {"proxy": {"image": "llm-d/llm-d-routing-sidecar:v0.3.0"}}},
        ["routing.proxy.image", "0.3.0 listens on one port", "8 ranks", "0.4 or newer"],
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
        ["engine.resources", "nvidia.com/gpu is 1", "4 ranks", "decode.accelerator.count"],
    ),
    "a limit of 8 with nothing parallel": (gpus(8), ["engine.resources", "8", "1 ranks"]),
    "a limit that contradicts accelerator.count": (
        gpus(2, accelerator={"count": 4}),
        ["accelerator.count", "set it once"],
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
        ["decode.parallelism.tensor", "--tensor-parallel-size 4", "set it once"],
    ),
    "external with several ranks a pod": (
        layout(True, dataLocal=2, workers=2, dataMode="external"),
        ["decode.parallelism.dataMode", "one rank per pod", "multiPort"],
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
    "a restart policy without multinode": (decode(restartPolicy="None"), ["decode.restartPolicy", "multinode: true"]),
    "a startup policy without multinode": (decode(startupPolicy="LeaderReady"), ["decode.startupPolicy", "multinode: true"]),
    "a subdomain policy without multinode": (
        decode(networkConfig={"subdomainPolicy": "Shared"}), ["decode.networkConfig", "multinode: true"],
    ),
    "a restart policy that is deprecated": ({**GROUPS, "decode": {"restartPolicy": "Default"}}, ["decode.restartPolicy"]),
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
    "requester in a set": ({**SET, "requester": {"enable": True}}, ["requester.enable", "workload"]),
    "set of one role": ({**SET, "prefill": {"create": False}}, ["workload", "prefill.create"]),
    "set without pods of a role": ({**SET, "prefill": {}}, ["prefill.replicas", "workload"]),
    "workload that is none": ({"workload": "LeaderWorkerSet"}, ["workload", "DisaggregatedSet"]),
    "role of a set that chooses": (
        {**SET, "decode": {"multinode": True}}, ["decode.multinode", "decode.parallelism.workers"],
    ),
    "StatefulSet in a set": ({**SET, "decode": {"workload": "StatefulSet"}}, ["decode.workload", "DisaggregatedSet"]),
    "strategy of a Deployment in a set": (
        {**SET, "decode": {"strategy": {"type": "Recreate"}}}, ["decode.strategy", "decode.rolloutStrategy"],
    ),
    "claim templates in a set": (
        {**SET, "decode": {"volumeClaimTemplates": [{"name": "c", "spec": {"accessModes": ["ReadWriteOnce"]}}]}},
        ["decode.volumeClaimTemplates", "StatefulSet"],
    ),
    "partition in a set": (
        {**SET, "decode": {"rolloutStrategy": {"rollingUpdateConfiguration": {"partition": 1}}}},
        ["decode.rolloutStrategy.rollingUpdateConfiguration.partition"],
    ),
    "slices with an autoscaler": (
        {**SET, "disaggregatedSet": {"slices": 2}, "decode": {"autoscaling": {"enabled": True}}},
        ["decode.autoscaling.enabled", "disaggregatedSet.slices"],
    ),
    "slices without a set": ({"disaggregatedSet": {"slices": 2}}, ["disaggregatedSet.slices", "workload"]),
    "placement without a set": (
        {"disaggregatedSet": {"placementPolicy": {"type": "None"}}}, ["disaggregatedSet.placementPolicy", "workload"],
    ),
    "placement without a topology": (
        {**SET, "disaggregatedSet": {"placementPolicy": {"type": "ExclusiveSlice"}}},
        ["disaggregatedSet.placementPolicy.topology", "kubernetes.io/hostname"],
    ),
    "topology without placement": (
        {**SET, "disaggregatedSet": {"placementPolicy": {"topology": "rack"}}},
        ["disaggregatedSet.placementPolicy.type", "ExclusiveSlice"],
    ),
    "placement of slices and subgroups": (
        {
            **SET, "disaggregatedSet": {"placementPolicy": {"type": "ExclusiveTopology", "topology": "rack"}},
            "decode": {"subGroupPolicy": {"subGroupSize": 1}, "subGroupExclusiveTopology": True},
        },
        ["decode.subGroupExclusiveTopology", "disaggregatedSet.placementPolicy"],
    ),
    "label that the set's controller replaces": (
        {**SET, "modelArtifacts": {"labels": {"app": "mine"}}}, ["modelArtifacts.labels", "app"],
    ),
    "label of a role that the set's controller replaces": (
        {**SET, "decode": {"podLabels": {"app": "mine"}}}, ["decode.podLabels", "app"],
    ),
    "long name of a set": ({**SET, "fullnameOverride": "n" * 32}, ["fullnameOverride", "room for 31"]),
    "name of a set that begins with a digit": ({**SET, "fullnameOverride": "7b"}, ["fullnameOverride", "DNS-1035"]),
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
    "a stateful set of several nodes": (
        {"multinode": True, **decode(workload="StatefulSet")}, ["decode.workload", "LeaderWorkerSet", "decode.multinode: false"],
    ),
    "claims without a stateful set": (
        decode(volumeClaimTemplates=[{"name": "a", "spec": {}}]),
        ["decode.volumeClaimTemplates", "set decode.workload: StatefulSet"],
    ),
    "a stateful set's strategy on a deployment": (
        decode(updateStrategy={"type": "OnDelete"}), ["decode.updateStrategy", "StatefulSet, or decode.strategy"],
    ),
    "a stateful set's strategy on groups": (
        {"multinode": True, **decode(updateStrategy={"type": "OnDelete"})},
        ["decode.updateStrategy", "or decode.rolloutStrategy"],
    ),
    "a deployment's strategy on a stateful set": (
        decode(workload="StatefulSet", strategy={"type": "Recreate"}),
        ["decode.strategy", "set decode.updateStrategy"],
    ),
    "an empty claim template": (
        decode(workload="StatefulSet", volumeClaimTemplates=[None]),
        ["decode.volumeClaimTemplates[0]", "remove the dash"],
    ),
    "a claim template given twice": (
        decode(workload="StatefulSet", volumeClaimTemplates=[{"name": "a", "spec": {}}, {"name": "a", "spec": {}}]),
        ["decode.volumeClaimTemplates[1].name", "given twice"],
    ),
    "a claim template named like a volume": (
        decode(workload="StatefulSet", volumes=[{"name": "a", "emptyDir": {}}],
               volumeClaimTemplates=[{"name": "a", "spec": {}}]),
        ["decode.volumeClaimTemplates[0].name", "decode.volumes[0]"],
    ),
    "a stateful set's name is too long": (
        {"fullnameOverride": "n" * 46, **decode(workload="StatefulSet")}, ["fullnameOverride", "room for 52"],
    ),
    "a stateful requester": (
        {"requester": {"enable": True}, **decode(workload="StatefulSet")}, ["decode.workload", "requester.enable"],
    ),
    "a budget of a requester": (
        {"requester": {"enable": True}, **decode(podDisruptionBudget={"enabled": True})},
        ["decode.podDisruptionBudget.enabled", "requester.enable"],
    ),
    "spreading the pods of a requester": (
        {
            "requester": {"enable": True},
            **decode(
                topologySpreadConstraints=[{"maxSkew": 1, "topologyKey": "a", "whenUnsatisfiable": "ScheduleAnyway"}]
            ),
        },
        ["decode.topologySpreadConstraints", "requester.enable"],
    ),
    "a network policy of a requester": (
        {"requester": {"enable": True}, "networkPolicy": {"enabled": True}}, ["networkPolicy.enabled", "requester.enable"],
    ),
    "a network policy in the node's network": (
        {"networkPolicy": {"enabled": True}, **decode(extraConfig={"hostNetwork": True})},
        ["networkPolicy.enabled", "decode.extraConfig.hostNetwork"],
    ),
    "a size of no shared memory": (
        decode(sharedMemory={"sizeLimit": "8Gi"}), ["decode.sharedMemory.sizeLimit", "decode.sharedMemory.enabled: true"],
    ),
    "liveness while loading": (
        decode(probes={"enabled": True, "startup": False}), ["decode.probes.startup", "kills the engine while it loads"],
    ),
    "probes of a custom command": (
        {"engine": {"image": "x", "modelCommand": "custom", "command": ["run"]}, "decode": {"probes": {"enabled": True}}},
        ["decode.probes.path", "set its path"],
    ),
    "a drain longer than the grace period": (
        decode(drain={"enabled": True}, terminationGracePeriodSeconds=60),
        ["decode.terminationGracePeriodSeconds", "60", "draining takes 90", "decode.drain.timeoutSeconds"],
    ),
    "a drain longer than the grace period of extraConfig": (
        decode(drain={"enabled": True}, extraConfig={"terminationGracePeriodSeconds": 30}),
        ["decode.terminationGracePeriodSeconds", "30", "draining takes 90"],
    ),
    "a drain beside a preStop": (
        decode(drain={"enabled": True}, engine={"lifecycle": {"preStop": {"sleep": {"seconds": 5}}}}),
        ["decode.drain.enabled", "lifecycle.preStop"],
    ),
    "a drain beside a preStop of extraConfig": (
        decode(drain={"enabled": True}, engine={"extraConfig": {"lifecycle": {"preStop": {"sleep": {"seconds": 5}}}}}),
        ["decode.drain.enabled", "lifecycle.preStop"],
    ),
    "vLLM's shutdown flag for SGLang": (
        {"engine": {"image": "x", "modelCommand": "sglangServe"}, "decode": {"drain": {"enabled": True, "shutdownFlag": True}}},
        ["decode.drain.shutdownFlag", "SGLang has no such flag"],
    ),
    "a budget with both numbers": (
        decode(podDisruptionBudget={"enabled": True, "minAvailable": 1, "maxUnavailable": 1}),
        ["decode.podDisruptionBudget.maxUnavailable", "remove one"],
    ),
    "a budget that nothing satisfies": (
        decode(replicas=2, podDisruptionBudget={"enabled": True, "minAvailable": 2}),
        ["decode.podDisruptionBudget.minAvailable", "2 of 2", "maxUnavailable: 0"],
    ),
    "a budget that nothing satisfies while few pods are wanted": (
        decode(
            autoscaling={"enabled": True, "type": "hpa", "maxReplicas": 4, "targetActiveRequests": 8},
            podDisruptionBudget={"enabled": True, "minAvailable": 1},
        ),
        ["decode.podDisruptionBudget.minAvailable", "1 of 1 pods (autoscaling.minReplicas)"],
    ),
    "a key that the engine does not check": (
        server("ollama", "ollama://q", auth={"apiKeySecret": {"name": "k"}}),
        ["auth.apiKeySecret.name", "Ollama checks no key", "gateway"],
    ),
    "a key that probes do not have": (
        server("fasterWhisper", auth={"apiKeySecret": {"name": "k"}}),
        ["auth.apiKeySecret.name", "faster-whisper-server would ask its own probes", "gateway"],
    ),
    "a monitor of an engine without metrics": (
        server("ollama", "ollama://q", decode={"monitoring": {"podmonitor": {"enabled": True}}}),
        ["decode.monitoring.podmonitor.enabled", "Ollama has no metrics", "a port named metrics"],
    ),
    "an empty spread constraint": (
        decode(topologySpreadConstraints=[None]), ["decode.topologySpreadConstraints[0]", "remove the dash"],
    ),
    "a spread constraint without a topology": (
        decode(topologySpreadConstraints=[{"maxSkew": 1}]), ["decode.topologySpreadConstraints[0]", "topologyKey"],
    ),
    "no token for a proxy that needs one": (
        {"serviceAccount": {"automountServiceAccountToken": False},
         "routing": {"proxy": {"args": ["--enable-ssrf-protection=true"]}}},
        ["serviceAccount.automountServiceAccountToken", "--enable-ssrf-protection"],
    ),
    "a Service without pods": (
        {"service": {"enabled": True}, "decode": {"create": False}, "prefill": {"create": False}},
        ["service.enabled", "neither decode nor prefill"],
    ),
    "a headless load balancer": (
        {"service": {"enabled": True, "type": "LoadBalancer", "clusterIP": "None"}}, ["service.clusterIP", "LoadBalancer"],
    ),
    "a node port of a cluster address": (
        {"service": {"enabled": True, "ports": [{"port": 80, "nodePort": 30080}]}},
        ["service.ports[0].nodePort", "service.type: NodePort"],
    ),
    "ports without names": (
        {"service": {"enabled": True, "ports": [{"name": "a", "port": 80}, {"port": 81}]}},
        ["service.ports[1].name", "each needs a name"],
    ),
    "an empty port": (decode(service={"create": True, "ports": [None]}), ["decode.service.ports[0]", "remove the dash"]),
    "one node port for two Services": (
        {"service": {"enabled": True, "type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}], "extraNames": ["b"]}},
        ["service.extraNames", "30080"],
    ),
    "one address for two Services": (
        {"service": {"enabled": True, "clusterIP": "10.0.0.9", "extraNames": ["b"]}}, ["service.extraNames", "10.0.0.9"],
    ),
    "two Services of one name": (
        {"service": {"enabled": True, "name": "a", "extraNames": ["a"]}}, ["service.extraNames", "like that of service.name"],
    ),
    "a Service named like the controller's": (
        {"multinode": True, "fullnameOverride": "m", **decode(service={"create": True, "name": "m-decode"})},
        ["decode.service.name", "the LeaderWorkerSet of decode"],
    ),
    "a Service whose name begins with a digit": (
        {"fullnameOverride": "1model", "service": {"enabled": True}}, ["service.name", "begin with a letter"],
    ),
    "a file that is a folder": ({"files": {"/etc/x/": "a"}}, ["files./etc/x/", "names a folder"]),
    "a file with a relative path": ({"files": {"etc/x": "a"}}, ["files", "an absolute path"]),
    "two files of one key": ({"files": {"/a/b": "1", "/a_b": "2"}}, ["files./a_b", "/a/b"]),
    "a file where a volume is": (
        {"files": {"/model-cache": "1"}}, ["files./model-cache", "model-storage"],
    ),
    "a file in a read-only volume": (
        {"files": {"/model-cache/x.json": "1"}, "modelArtifacts": {"uri": "pvc://c/p"}},
        ["files./model-cache/x.json", "read-only volume model-storage"],
    ),
    "files too large for a ConfigMap": (
        {"files": {"/a": "x" * 600_000, "/b": "x" * 600_000}}, ["files:", "1200000 bytes"],
    ),
    "a profile that is not there": (
        {"resourceProfiles": {"cpu": {}, "h100": {"limits": {"cpu": 1}}}, **decode(resourceProfile="h200:2")},
        ["decode.resourceProfile", "h200", "known are cpu, h100"],
    ),
    "a profile where there are none": (decode(resourceProfile="h200:2"), ["decode.resourceProfile", "resourceProfiles.h200"]),
    "a profile taken no times": (decode(resourceProfile="h200:0"), ["decode.resourceProfile"]),
    "a profile's accelerators against the parallelism": (
        {"resourceProfiles": {"h100": {"limits": {"nvidia.com/gpu": 1}}}, **decode(resourceProfile="h100:4")},
        ["decode.resourceProfile: nvidia.com/gpu is 4", "1 ranks", "set the parallelism"],
    ),
    "virtual GPUs of another vendor": (
        {"engine": VLLM, "accelerator": {"type": "amd", "vgpu": {"enabled": True}}},
        ["accelerator.vgpu.enabled", "amd"],
    ),
    "virtual GPUs by claim": (
        {"engine": VLLM, "accelerator": {"dra": True, "vgpu": {"enabled": True}}},
        ["accelerator.vgpu.enabled", "dra: false"],
    ),
    "fewer ranks than virtual GPUs": (
        {"engine": VLLM, "accelerator": {"vgpu": {"enabled": True, "number": 2}}},
        ["accelerator.vgpu.number", "decode.parallelism.tensor: 2"],
    ),
    "two numbers of virtual GPUs": (
        {"engine": VLLM, "accelerator": {"count": 1, "vgpu": {"enabled": True, "number": 2}}},
        ["accelerator.vgpu.number", "accelerator.count is 1"],
    ),
    "whole GPUs beside parts": (
        gpus(1, accelerator={"vgpu": {"enabled": True, "provider": "volcano"}}),
        ["decode.containers[0].resources", "nvidia.com/gpu", "remove it"],
    ),
    "an API key in plain text beside the secret": (
        {"auth": {"apiKeySecret": {"name": "keys"}}, "engine": {**VLLM, "args": {"api-key": "x"}}},
        ["auth.apiKeySecret.name", "overrides it"],
    ),
    "a claim named like a volume": (
        {"volumeClaims": {"metrics-volume": {"spec": {}}}}, ["volumeClaims.metrics-volume", "decode.volumes[0]"],
    ),
    "a claim named like a pod's own": (
        {"volumeClaims": {"a": {"spec": {}}},
         **decode(workload="StatefulSet", volumeClaimTemplates=[{"name": "a", "spec": {}}])},
        ["volumeClaims.a", "decode.volumeClaimTemplates[0]"],
    ),
    "a claim of one pod for many": (
        {"volumeClaims": {"a": {"spec": {"accessModes": ["ReadWriteOncePod"]}}}, **decode(replicas=2)},
        ["volumeClaims.a.spec.accessModes", "decode.volumeClaimTemplates"],
    ),
    "an inference model": ({"routing": {"inferenceModel": {"create": True}}}, ["routing.inferenceModel", "InferenceObjective", "create: false"]),
    # sources
    "a relative local path": (model("file://models/llama"), ["modelArtifacts.uri", "not an absolute path", "file:///path"]),
    "a bucket without a path": (model("s3://bucket"), ["modelArtifacts.uri", "does not name a model", "s3://bucket/path"]),
    "an Ollama name for vLLM": (model("ollama://qwen3"), ["modelArtifacts.uri", "only Ollama", "engine.type: ollama"]),
    "a revision of a path": (model("s3://b/m", revision="v1"), ["modelArtifacts.revision", "s3:// model has no revisions"]),
    "a revision for faster-whisper": (
        server("fasterWhisper", artifacts={"revision": "v1"}), ["modelArtifacts.revision", "newest revision only"],
    ),
    "a mirror of nothing": (
        model("pvc://c/m", endpoint="https://m.example.com"), ["modelArtifacts.endpoint", "pvc://", "remove it"],
    ),
    "an endpoint with a port that there is not": (
        model(endpoint="https://minio.storage.svc:90000"), ["modelArtifacts.endpoint", "a port of at most 65535"],
    ),
    "a collector with a port that there is not": (
        {**model(), "tracing": {"enabled": True, "otlpEndpoint": "http://collector:90000"}},
        ["tracing.otlpEndpoint", "a port of at most 65535"],
    ),
    "a collector without a scheme, with a port that there is not": (
        {**model(), "tracing": {"enabled": True, "otlpEndpoint": "collector:0"}},
        ["tracing.otlpEndpoint", "a port of at most 65535"],
    ),
    "a Prometheus with a port that there is not": (
        {**model(), "decode": {"autoscaling": {"enabled": True, "type": "keda", "maxReplicas": 3,
                                               "prometheus": {"serverAddress": "http://prometheus:90900"}}}},
        ["decode.autoscaling.prometheus.serverAddress", "a port of at most 65535"],
    ),
    "an endpoint without a protocol": (model(endpoint="hf-mirror.com"), ["modelArtifacts.endpoint", "https://host"]),
    "Alibaba without a region": (model("oss://b/m"), ["modelArtifacts.endpoint", "https://oss-cn-hangzhou.aliyuncs.com"]),
    "a secret's key with a slash": (model(authSecretKey="a/b"), ["modelArtifacts.authSecretKey", "a key of a Secret"]),
    "aliases for an engine with one name": (
        model(engine={"type": "sglang", "image": "sglang"}, aliases=["a"]), ["modelArtifacts.aliases", "SGLang", "one name"],
    ),
    "a revision for a custom command": (
        model(engine={"image": "i", "modelCommand": "custom", "command": ["c"]}, revision="v1"),
        ["modelArtifacts.revision", "modelCommand is custom"],
    ),
    "names given twice": (
        model(engine={**VLLM, "args": {"served-model-name": "x"}}, aliases=["a"]),
        ["modelArtifacts.aliases", "engine.args.served-model-name"],
    ),
    "an unknown feature": (model(features=["Chat"]), ["modelArtifacts.features[0]", "TextGeneration"]),
    # downloads and volumes
    "no download where the engine cannot stream": (
        model("oss://b/m", endpoint="https://oss.example.com", download={"enabled": False}),
        ["modelArtifacts.download.enabled", "oss://"],
    ),
    "a download of a claim": (
        model("pvc://c/m", download={"enabled": True}), ["modelArtifacts.download.enabled", "pvc:// model is not downloaded"],
    ),
    "a download that Ollama shall not pull": (
        server("ollama", "ollama://o/m", {"download": {"enabled": True}}, engine={"ollama": {"pull": False}}),
        ["modelArtifacts.download.enabled", "engine.ollama.pull is false"],
    ),
    "a job without a claim": (
        model(download={"job": True}), ["modelArtifacts.download.job", "persistence.enabled: true", "ReadWriteMany"],
    ),
    "a Job and a pod that hold a claim of one node": (
        model(download={"job": True}, **claim()),
        ["modelArtifacts.download.job", "persistence.accessModes: [ReadWriteMany]", "download.enabled: true"],
    ),
    "an empty claim that is only read": (
        model(**claim(accessModes=["ReadOnlyMany"])),
        ["modelArtifacts.persistence.accessModes", "the model cannot be written to", "[ReadWriteOnce]"],
    ),
    "a job for a model that is not downloaded": (
        model("oci://r.example.com/m:1", download={"job": True}), ["modelArtifacts.download.job", "oci://"],
    ),
    "a job without a download": (
        model(download={"job": True, "enabled": False}, **claim(accessModes=["ReadWriteMany"])),
        ["modelArtifacts.download.job", "download.enabled is false"],
    ),
    "a download by an image that cannot": (
        server("infinity", artifacts={"download": {"enabled": True}}), ["modelArtifacts.download.image", "Infinity", "hf"],
    ),
    "a download to a volume that is not mounted": (
        model(engine={**VLLM, "mountModelVolume": False}, download={"enabled": True}),
        ["decode.containers[0].mountModelVolume", "set mountModelVolume: true"],
    ),
    "an init container of the same name": (
        {**model(download={"enabled": True}), "decode": {"initContainers": [{"name": "download-model"}]}},
        ["decode.initContainers[0].name", "download-model"],
    ),
    "a claim without a size": (model(persistence={"enabled": True}), ["modelArtifacts.size", "needs a size"]),
    "an ephemeral volume without a size": (model(volume={"type": "ephemeral"}), ["modelArtifacts.size", "needs a size"]),
    "a claim and an ephemeral volume": (
        model(volume={"type": "ephemeral"}, **claim()), ["modelArtifacts.volume.type", "persistence.enabled"],
    ),
    "a claim for a model that is not downloaded": (
        model("oci://r.example.com/m:1", **claim()), ["modelArtifacts.persistence.enabled", "stay empty"],
    ),
    "a claim for a model that is streamed": (
        model("s3://b/m", **claim()), ["modelArtifacts.persistence.enabled", "streams", "set download.enabled: true"],
    ),
    "an ephemeral volume for a model that is streamed": (
        model("gs://b/m", size="1Gi", volume={"type": "ephemeral"}), ["modelArtifacts.volume.type", "streamed"],
    ),
    "an ephemeral volume for a model on a claim": (
        model("pvc://c/m", size="1Gi", volume={"type": "ephemeral"}), ["modelArtifacts.volume.type", "pvc://", "remove it"],
    ),
    "a local path beside the claim": (
        model("file:///opt/m", **claim()), ["modelArtifacts.uri", "/model-cache", "file:///model-cache/<path>"],
    ),
    "one claim for several nodes": (
        {**model(**claim()), "decode": {"replicas": 2}},
        ["modelArtifacts.persistence.accessModes", "pods of decode", "ReadWriteMany", "ephemeral"],
    ),
    "one claim for both roles": (
        {**model(**claim()), "prefill": {"replicas": 1}}, ["modelArtifacts.persistence.accessModes", "decode and prefill"],
    ),
    "one claim for an autoscaler": (
        {**model(**claim()), "decode": {"autoscaling": {"enabled": True}}}, ["modelArtifacts.persistence.accessModes"],
    ),
    "one claim for a group": (
        {**model(**claim()), "multinode": True, "decode": {"parallelism": {"pipeline": 2, "workers": 2}}},
        ["modelArtifacts.persistence.accessModes"],
    ),
    "an existing claim with a snapshot": (
        model(**claim(existingClaim="c", dataSource={"kind": "VolumeSnapshot", "name": "s"})),
        ["modelArtifacts.persistence.dataSource", "existingClaim is c"],
    ),
    "an existing claim that is not used": (
        model(persistence={"existingClaim": "c"}), ["modelArtifacts.persistence.existingClaim", "set persistence.enabled: true"],
    ),
    # adapters
    "two adapters of one name": (
        model(adapters=[{"name": "a", "uri": "hf://o/a"}, {"name": "a", "uri": "hf://o/b"}]),
        ["modelArtifacts.adapters[1].name", "modelArtifacts.adapters[0]"],
    ),
    "an adapter named as the model": (
        model(name="llama", adapters=[{"name": "llama", "uri": "hf://o/a"}]), ["modelArtifacts.adapters[0].name", "the model"],
    ),
    "an adapter from nowhere": (
        model(adapters=[{"name": "a", "uri": "ollama://a"}]), ["modelArtifacts.adapters[0].uri", "no scheme", "hf://"],
    ),
    "an adapter somewhere on a claim": (
        model(adapters=[{"name": "a", "uri": "pvc://claim"}]), ["modelArtifacts.adapters[0].uri", "pvc://claim/path"],
    ),
    "an adapter of another region": (
        model(adapters=[{"name": "a", "uri": "oss://b/a"}]), ["modelArtifacts.adapters[0].uri", "modelArtifacts.endpoint"],
    ),
    "an empty adapter": (model(adapters=[None]), ["modelArtifacts.adapters[0]", "remove the dash"]),
    "adapters of an engine that loads none": (
        server("infinity", artifacts={"adapters": [{"name": "a", "uri": "hf://o/a"}]}),
        ["modelArtifacts.adapters", "Infinity does not load LoRA adapters"],
    ),
    "adapters of a custom command": (
        model(engine={"image": "i", "modelCommand": "custom", "command": ["c"]}, lora={"dynamic": True}),
        ["modelArtifacts.lora.dynamic", "modelCommand is custom"],
    ),
    "adapters given twice": (
        model(engine={**VLLM, "args": {"lora-modules": "a=b"}}, adapters=[{"name": "a", "uri": "hf://o/a"}]),
        ["modelArtifacts.adapters", "--lora-modules"],
    ),
    "limits without adapters": (model(lora={"maxRank": 8}), ["modelArtifacts.lora.maxRank", "no adapter", "lora.dynamic"]),
    "a rank that vLLM does not have": (model(lora={"maxRank": 10}), ["modelArtifacts.lora.maxRank", "16"]),
    "fewer adapters on the host than in a batch": (
        model(lora={"dynamic": True, "maxLoras": 4, "maxCpuLoras": 2}), ["modelArtifacts.lora.maxCpuLoras", "at least 4"],
    ),
    "SGLang without a first adapter": (
        model(engine={"type": "sglang", "image": "i"}, lora={"dynamic": True}),
        ["modelArtifacts.lora.dynamic", "engine.args.lora-target-modules"],
    ),
    # engines by type
    "a misspelt engine": (model(engine={"type": "vlm"}), ["engine.type", "vllm"]),
    "an engine without an image": ({"engine": {"type": "ollama"}}, ["engine.image", "engine.type is ollama"]),
    "a type that is started otherwise": (
        model(engine={"type": "sglang", "image": "i", "modelCommand": "vllmServe"}),
        ["engine.type", "modelCommand: vllmServe does not start sglang"],
    ),
    "a role's type that is started otherwise": (
        {**model(), "decode": {"engine": {"type": "sglang"}}}, ["decode.engine.type", "modelCommand: vllmServe"],
    ),
    "options of another engine": (
        model(engine={**VLLM, "ollama": {"pull": False}}), ["engine.ollama", "engine.type: ollama", "vllm"],
    ),
    "the sidecar before an engine without prefill": (
        server("infinity", routing={}), ["routing.proxy.enabled", "Infinity", "routing.proxy.enabled: false"],
    ),
    "prefill of an engine without it": (server("huggingface", prefill={}), ["prefill.create", "Hugging Face"]),
    "a group of an engine that runs in one pod": (server("infinity", multinode=True), ["multinode", "one pod"]),
    "parallelism of an engine without it": (
        server("infinity", decode={"parallelism": {"tensor": 2}}), ["decode.parallelism.tensor", "decode.accelerator.count"],
    ),
    "pipelines of the Hugging Face server": (
        server("huggingface", decode={"parallelism": {"pipeline": 2}}), ["decode.parallelism.pipeline", "Hugging Face"],
    ),
    "flags of an engine without flags": (
        server("ollama", "ollama://o/m", engine={"args": {"num-ctx": 1}}), ["engine.args.num-ctx", "engine.env"],
    ),
    "a feature that an engine does not have": (
        server("fasterWhisper", artifacts={"features": ["TextGeneration"]}), ["modelArtifacts.features", "only SpeechToText"],
    ),
    "a task that vLLM ignores": (
        server("huggingface", engine={"huggingface": {"backend": "vllm", "task": "fill_mask"}}),
        ["engine.huggingface.task", "backend: huggingface"],
    ),
    "a misspelt task": (
        server("huggingface", engine={"huggingface": {"task": "fill-mask"}}), ["engine.huggingface.task", "fill_mask"],
    ),
    "another name than faster-whisper's": (
        server("fasterWhisper", artifacts={"name": "whisper"}), ["modelArtifacts.name", "set name: o/m"],
    ),
    "a repository for Ollama": (server("ollama"), ["modelArtifacts.uri", "ollama://model:tag"]),
    "a claim of Ollama without a model": (server("ollama", "pvc://c"), ["engine.ollama.model", "set the one to serve"]),
    "a model of Ollama given twice": (
        server("ollama", "ollama://o/m", engine={"ollama": {"model": "x"}}), ["engine.ollama.model", "remove it"],
    ),
    "a name on a read-only claim": (
        server("ollama", "pvc://c", engine={"ollama": {"model": "qwen3"}}),
        ["modelArtifacts.name", "set name: qwen3", "readOnly: false"],
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
        ["monitoring.prometheusrule.enabled", "vLLM's metrics", "decode runs SGLang"],
    ),
    "a dashboard of an engine with other metrics": (
        {"engine": {"image": "lmsysorg/sglang:v0.5", "modelCommand": "sglangServe"},
         "monitoring": {"dashboard": {"enabled": True}}},
        ["monitoring.dashboard.enabled", "decode runs SGLang"],
    ),
    "alerts that all have been left out": (
        {"decode": {"autoscaling": {"enabled": True}},
         "monitoring": {"prometheusrule": {"enabled": True, "thresholds": dict.fromkeys(
             ["timeToFirstTokenSeconds", "interTokenLatencySeconds", "waitingRequests", "kvCacheUsage",
              "preemptionsPerMinute", "errorRatio", "abortedRatio", "failedTransfersPerMinute", "restarts"])}}},
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
        ["test.enabled", "--api-key in plain text", "auth.apiKeySecret.name"],
    ),
    "a claim without a name": (model("pvc:///models/qwen"), ["modelArtifacts.uri", "name a claim", "pvc://claim/path"]),
    "a cache on a claim without a name": (model("pvc+hf:///hub/o/m"), ["modelArtifacts.uri", "name a claim"]),
    "the proxy and the engine on the usual port": (
        {"routing": {"servicePort": 8200}}, ["routing.proxy.targetPort", "8200 is also routing.servicePort", "8201"],
    ),
    "a template of a key that there is not": (
        model("hf://{{ .Values.modelArtifact.name }}"), ["modelArtifacts.uri", "rendered as a template", "modelArtifact"],
    ),
    "a number for text": (
        containers({"env": [{"name": "A", "value": 5600}]}), ["decode.containers[0].env[0].value", "put it in quotes"],
    ),
    "text for a number": ({"decode": {"replicas": "2"}}, ["decode.replicas", "remove the quotes"]),
    "a map for a list": ({"decode": {"tolerations": {"key": "gpu"}}}, ["decode.tolerations", "use a list"]),
    "a threshold above one": (
        {"monitoring": {"prometheusrule": {"thresholds": {"kvCacheUsage": 95}}}},
        ["monitoring.prometheusrule.thresholds.kvCacheUsage"],
    ),
    "a name that looks like a flag": (model(name="-x"), ["modelArtifacts.name", "no dash at the beginning"]),
    "a name of two lines": (model(name="a\nb"), ["modelArtifacts.name", "no control characters"]),
    "a name with an escape": (model(name="a\x1b[2J"), ["modelArtifacts.name", "no control characters"]),
    "a name that Kubernetes would expand": (model(name="$(VLLM_API_KEY)"), ["modelArtifacts.name", "$"]),
    "a name that is a template": (model(name="{{ .Release.Name }}"), ["modelArtifacts.name", "any of"]),
    "a name that ends with a space": (model(name="a "), ["modelArtifacts.name", "spaces at the ends"]),
    "an alias that looks like a flag": (model(aliases=["-x"]), ["modelArtifacts.aliases[0]", "no dash at the beginning"]),
    "a revision that looks like a flag": (model(revision="--x"), ["modelArtifacts.revision", "no dash at the beginning"]),
    "a URI with an escape": (model("hf://a\x1bb"), ["modelArtifacts.uri", "without control characters"]),
    "a mount path of two lines": (model(mountPath="/a\nb"), ["modelArtifacts.mountPath", "without control characters"]),
    "an address of two lines": (model(endpoint="http://a\nb"), ["modelArtifacts.endpoint", "an address"]),
    "an image with an escape": ({"engine": {"image": "a\x1b[2Jb"}}, ["engine.image", "no control characters"]),
    "a header of two lines": (
        {"routing": {"httpRoute": {"matches": [{"headers": [{"name": "a", "value": "b\nc"}]}]}}},
        ["routing.httpRoute.matches[0].headers[0].value"],
    ),
    "a path prefix with a space": ({"routing": {"httpRoute": {"pathPrefix": "/a b"}}}, ["routing.httpRoute.pathPrefix", "%XX"]),
    "a Gateway that cannot be": ({"routing": {"parentRefs": [{"name": "A B"}]}}, ["routing.parentRefs[0].name", "a DNS name"]),
    "an annotation that cannot be": (decode(annotations={"a b": "c"}), ["decode.annotations.a b", "key of an annotation"]),
    "a priority class that cannot be": (decode(priorityClassName="Bad Name"), ["decode.priorityClassName", "a DNS name"]),
    "a service account that cannot be": ({"serviceAccountOverride": "A b"}, ["serviceAccountOverride", "a DNS name"]),
    "a classifier whose name is no segment of a path": (
        server("huggingface", artifacts={"features": ["Classification"]}),
        ["modelArtifacts.name", "/v2/models/{model}/infer", "set e.g. name: m"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("values", "words"), CASES.values(), ids=CASES.keys())
def test_the_tool_refuses_and_names_key_and_fix(
    embedded: EmbeddedHelm, values: dict[str, Any], words: list[str]
) -> None:
    assert_refused(embedded, values, words)


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
    assert_refused_alike(executable, embedded, CASES)
