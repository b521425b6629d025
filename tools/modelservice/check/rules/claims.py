"""Device claims (Dynamic Resource Allocation): do they exist, are they used, and can they be allocated?"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.model.deployment import Deployment
from modelservice.model.devices import device_requests, shared_domain

_DRA = "https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/"


@rule(
    Severity.error,
    reason="A claim holds at most 32 devices (AllocationResultsMaxSize of the API), over all its requests.",
    link="https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/resource-claim-v1/",
    failing="""\
accelerator:
  dra: true
  resourceClaimTemplates: {nvidia: {requests: {rdma: {class: rdma.example.com, count: 32}}}}
""",
    passing="""\
accelerator:
  dra: true
  resourceClaimTemplates: {nvidia: {requests: {rdma: {class: rdma.example.com, count: 8}}}}
""",
)
def claim_size(deployment: Deployment) -> Iterator[Violation]:
    """A claim requests at most 32 devices."""
    for template in deployment.kind("ResourceClaimTemplate", "ResourceClaim"):
        total = sum(request.count for request in device_requests(template))
        if total > 32:
            yield Violation(
                f"the claim requests {total} devices, but one claim holds at most 32",
                deployment.at(template, "spec.spec.devices.requests"),
                "spread the ranks over more pods, or split the claim",
            )


@rule(
    Severity.error,
    reason="A pod stays pending when the template of one of its claims does not exist.",
    link=_DRA,
    failing=Example(
        manifests="""\
apiVersion: apps/v1
kind: Deployment
metadata: {name: decode, labels: {app: llm}}
spec:
  template:
    spec:
      resourceClaims: [{name: gpu, resourceClaimTemplateName: gpus-decode}]
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.32.0
        resources: {claims: [{name: gpu}]}
---
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: gpu-decode}
spec: {spec: {devices: {requests: [{name: gpu, exactly: {deviceClassName: gpu.nvidia.com}}]}}}
"""
    ),
    passing="accelerator: {dra: true}",
)
def claim_template_missing(deployment: Deployment) -> Iterator[Violation]:
    """Every claim template that pods use exists."""
    own = {obj["metadata"]["name"] for obj in deployment.kind("ResourceClaimTemplate")}
    own |= {domain[0] for obj in deployment.objects if (domain := shared_domain(obj))}
    cluster = deployment.cluster
    for group in deployment.groups:
        for claim in group.spec.get("resourceClaims") or []:
            name = claim.get("resourceClaimTemplateName")
            if not name or name in own:
                continue
            if cluster and cluster.find("ResourceClaimTemplate", name, deployment.namespace):
                continue
            near = difflib.get_close_matches(name, own, n=1, cutoff=0.8)
            if near or (cluster and cluster.lacks("ResourceClaimTemplate", name, deployment.namespace)):
                severity, fix = Severity.error, f"set {near[0]}" if near else "create it"
            else:
                # It may well exist, or be made by the controller of a ComputeDomain that is installed before.
                severity, fix = Severity.info, "create it before this is installed"
            yield Violation(
                f"the pods' claim {claim.get('name')} is made from the template {name}, which is not among the objects",
                group.at(f"spec.resourceClaims[{claim.get('name')}]"),
                fix,
                severity,
            )


_DOMAIN = """\
extraObjects:
- apiVersion: resource.nvidia.com/v1beta1
  kind: ComputeDomain
  metadata: {name: domain}
  spec: {numNodes: %d, channel: {resourceClaimTemplate: {name: channel}}}
multinode: true
decode:
  parallelism: {data: 2, dataLocal: 1}
  resourceClaims: [{name: channel, resourceClaimTemplateName: channel}]
  engine: {extraConfig: {resources: {claims: [{name: channel}]}}}
"""


@rule(
    Severity.info,
    reason="With a number of nodes, some versions of the driver hold the pods back until that many have joined. 0, the "
    "recommended value, takes as many nodes as there are pods.",
    link="https://github.com/NVIDIA/k8s-dra-driver-gpu",
    failing=_DOMAIN % 4,
    passing=_DOMAIN % 0,
)
def compute_domain_nodes(deployment: Deployment) -> Iterator[Violation]:
    """A ComputeDomain does not wait for more or fewer nodes than its group has pods."""
    for obj in deployment.objects:
        template, nodes = shared_domain(obj) or ("", 0)
        for group in deployment.groups if nodes else ():
            names = {claim.get("resourceClaimTemplateName") for claim in group.spec.get("resourceClaims") or []}
            if template in names and 1 < nodes != group.group_size > 1:
                yield Violation(
                    f"numNodes is {nodes}, but a group of {group.object} has {group.group_size} pods",
                    deployment.at(obj, "spec.numNodes"),
                    f"set numNodes: 0, or {group.group_size}",
                )


@rule(
    Severity.error,
    reason="A claim of the pod that no container uses holds devices that sit idle; the API server rejects one that a "
    "container uses and the pod does not have.",
    link=_DRA,
    failing="""\
accelerator: {dra: true}
decode: {engine: {extraConfig: {resources: {claims: [{name: nvidia-claim-decode-x}]}}}}
""",
    passing="accelerator: {dra: true}",
)
def claim_unused(deployment: Deployment) -> Iterator[Violation]:
    """The claims of a pod and those of its containers are the same."""
    for group in deployment.groups:
        owned = {str(claim.get("name")) for claim in group.spec.get("resourceClaims") or []}
        used = {
            str(claim.get("name"))
            for container in group.all_containers
            for claim in (container.fields.get("resources") or {}).get("claims") or []
        }
        for name in sorted(owned - used):
            yield Violation(
                f"no container uses the pod's claim {name}, so its devices sit idle",
                group.engine.at("resources"),
                "list it in resources.claims of the engine, or remove it",
            )
        for name in sorted(used - owned):
            yield Violation(
                f"a container uses the claim {name}, which the pod does not have",
                group.engine.at("resources"),
                f"set one of {', '.join(sorted(owned)) or 'the claims'} of the pod",
            )
