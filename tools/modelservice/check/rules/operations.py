"""Operations: does the deployment survive updates, drained nodes, restarts and scaling?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelservice.check.cures import offered, put
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import rule
from modelservice.model.autoscaling import autoscalers
from modelservice.model.containers import Container
from modelservice.model.deployment import Deployment


@rule(
    Severity.warning,
    reason="`latest` is another image after the next push: pods of one Deployment differ, and a rollback changes "
    "nothing.",
    link="https://kubernetes.io/docs/concepts/containers/images/#image-names",
    failing="engine: {image: 'vllm/vllm-openai:latest'}",
    passing="engine: {image: 'vllm/vllm-openai:v0.32.0'}",
)
def image_latest(deployment: Deployment) -> Iterator[Violation]:
    """Images have a version."""
    for container in (container for group in deployment.groups for container in group.containers):
        image, tag = container.image, container.image.rpartition("/")[2].partition(":")[2]
        if not image and container.group.requester is None:
            yield Violation(
                f"container {container.name} has no image, so the API server rejects the pods",
                container.at("image"),
                "set one with a version or a digest",
                Severity.error,
            )
        if image and "@" not in image and tag in ("", "latest"):
            yield Violation(
                f"container {container.name} runs {image}, which changes with every push",
                container.at("image"),
                "set a version or a digest",
            )


@rule(
    Severity.info,
    reason="Without a PodDisruptionBudget, draining nodes may evict all replicas at once, and each takes minutes to "
    "load its model again.",
    link="https://kubernetes.io/docs/tasks/run-application/configure-pdb/",
    failing="decode: {replicas: 3}",
    passing="decode: {replicas: 1}",
)
def disruption_budget(deployment: Deployment) -> Iterator[Violation]:
    """Several replicas have a PodDisruptionBudget."""
    budgets = [
        ((obj.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
        for obj in deployment.kind("PodDisruptionBudget")
    ]
    for group in deployment.servers:
        protected = any(labels.items() <= group.running_labels.items() for labels in budgets if labels)
        if (group.replicas or 0) > 1 and not protected and group.part != "worker":
            yield Violation(
                f"{group.replicas} replicas without a PodDisruptionBudget",
                group.workload_at("spec.replicas"),
                f"set {group.role}.podDisruptionBudget.enabled: true"
                if deployment.sources is not None
                else "add a PodDisruptionBudget with maxUnavailable: 1",
                cures=offered(put(f"{group.role}.podDisruptionBudget.enabled", True)),
            )


@rule(
    Severity.error,
    reason="If an autoscaler and the workload both set the number of replicas, each update of the release undoes the "
    "autoscaler's; one whose target does not exist scales nothing.",
    link="https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/",
    failing="""\
extraObjects:
- apiVersion: autoscaling/v2
  kind: HorizontalPodAutoscaler
  metadata: {name: decode}
  spec:
    scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: decode}
    maxReplicas: 4
""",
    passing="""\
decode: {autoscaling: {enabled: true}}
extraObjects:
- apiVersion: autoscaling/v2
  kind: HorizontalPodAutoscaler
  metadata: {name: decode}
  spec:
    scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: example-llm-d-modelservice-decode}
    maxReplicas: 4
""",
)
def autoscaler_target(deployment: Deployment) -> Iterator[Violation]:
    """An autoscaler's target exists and leaves the replicas to it."""
    workloads = {group.scale_target: group for group in deployment.groups}
    for scaler in autoscalers(deployment.objects):
        least, most = scaler.minimum, scaler.maximum
        if least is not None and most is not None and least > most:
            yield Violation(
                f"the autoscaler runs at least {least} and at most {most} replicas",
                deployment.at(scaler.object, "spec"),
                f"set a minimum of at most {most}",
            )
        group = workloads.get(scaler.target)
        if group is None and workloads:
            yield Violation(
                f"the autoscaler's target {'/'.join(scaler.target)} is not among the objects",
                deployment.at(scaler.object, "spec.scaleTargetRef"),
                f"set one of {', '.join('/'.join(item) for item in workloads)}",
            )
        elif group is not None and group.replicas is not None:
            yield Violation(
                f"the workload has {group.replicas} replicas, which each update of the release sets again",
                group.workload_at("spec.replicas"),
                f"set {group.role}.autoscaling.enabled: true"
                if deployment.sources is not None
                else "remove replicas from the workload",
                cures=offered(put(f"{group.role}.autoscaling.enabled", True)),
            )


@rule(
    Severity.error,
    reason="The grace period covers preStop and shutdown together. When it is over, the kubelet kills the engine with "
    "the requests that it still answers.",
    link="https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination",
    failing="""\
engine:
  args: {shutdown-timeout: 60}
  lifecycle: {preStop: {sleep: {seconds: 15}}}
decode: {terminationGracePeriodSeconds: 60}
""",
    passing="""\
engine:
  args: {shutdown-timeout: 60}
  lifecycle: {preStop: {sleep: {seconds: 15}}}
decode: {terminationGracePeriodSeconds: 90}
""",
)
def drain_time(deployment: Deployment) -> Iterator[Violation]:
    """preStop and shutdown timeout end before the grace period."""
    for group in deployment.servers:
        grace = group.spec.get("terminationGracePeriodSeconds")
        flag = group.facts.shutdown.flag if group.facts and group.facts.shutdown else None
        pause, timeout = _sleep(group.engine), (group.command.number(flag, 0) if flag else 0) or 0
        needed, limit = pause + timeout, 30 if grace is None else int(grace)
        if needed and needed >= limit:
            at = group.at("spec.terminationGracePeriodSeconds")
            causes = group.engine.at("lifecycle") if pause else group.engine.flag(flag or "")
            yield Violation(
                f"preStop ({pause} s) and shutdown timeout ({timeout} s) take {needed} s, but the grace period is "
                f"{limit} s" + (" (Kubernetes' default)" if grace is None else ""),
                at if grace is not None else causes.otherwise(*at.keys),
                f"set {group.role}.terminationGracePeriodSeconds: {needed + 15}",
                cures=offered(put(f"{group.role}.terminationGracePeriodSeconds", needed + 15)),
            )


@rule(
    Severity.info,
    reason="On SIGTERM vLLM cuts running requests off and answers them with 200 and finish_reason abort, which clients "
    "and alerts on errors do not see as a failure. Each upgrade and each scale-down does so.",
    link="https://github.com/vllm-project/vllm/pull/36666",
    failing="decode: {replicas: 2}",
    passing="decode: {replicas: 2, drain: {enabled: true}}",
)
def requests_cut_off(deployment: Deployment) -> Iterator[Violation]:
    """Running requests finish when a pod with others beside it is removed."""
    for group in deployment.serving:
        known = group.facts.shutdown if group.facts else None
        several = (group.replicas or 0) > 1 or deployment.autoscaler(group) is not None
        if known is None or not several or group.requester or group.command.has(known.flag) or _sleep(group.engine):
            continue
        yield Violation(
            f"a pod of {group.role} that is removed cuts its running requests off",
            group.workload_at("spec.replicas").preferring(f"{group.role}.drain"),
            f"set {group.role}.drain.enabled: true",
            cures=offered(put(f"{group.role}.drain.enabled", True)),
        )


def _sleep(container: Container) -> int:
    """Return the seconds that the preStop hook of a container sleeps."""
    hook = (container.fields.get("lifecycle") or {}).get("preStop") or {}
    if "sleep" in hook:
        return int(hook["sleep"].get("seconds") or 0)
    text = " ".join(str(word) for word in (hook.get("exec") or {}).get("command") or [])
    match = re.search(r"\bsleep\s+(\d+)", text)
    return int(match[1]) if match else 0
