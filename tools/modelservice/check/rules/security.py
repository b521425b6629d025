"""Security: do containers have the rights that they need, no more, and are secrets kept in Secrets?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelservice import facts, secrets
from modelservice.check.cures import certain, put
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import rule
from modelservice.model.containers import Container
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup
from modelservice.model.provenance import Place

Object = Mapping[str, Any]


@rule(
    Severity.error,
    reason="Values and manifests are stored in Git and in the release; everyone who can read either knows a token in "
    "them.",
    link="https://kubernetes.io/docs/concepts/configuration/secret/",
    failing="engine: {env: {HF_TOKEN: hf_0123456789}}",
    passing="modelArtifacts: {authSecretName: llm-d-hf-token}",
)
def secret_in_clear(deployment: Deployment) -> Iterator[Violation]:
    """Tokens and keys come from Secrets."""
    for group in deployment.groups:
        for container in group.all_containers:
            yield from _in_variables(container)
            yield from _in_words(container, by_values=deployment.sources is not None)
    for obj in deployment.objects:
        if obj.get("kind") != "Secret":
            yield from _in_object(obj)


def _in_variables(container: Container) -> Iterator[Violation]:
    used = secrets.filled_from(container.words, container.env)
    for name, value in container.env.items():
        if not isinstance(value, str):
            continue
        if secrets.variable_is_secret(name, value) or (name in used and secrets.is_literal(value)):
            yield Violation(
                f"{name} of container {container.name} is in plain text",
                container.at(f"env[{name}]"),
                "put it into a Secret and set valueFrom: {secretKeyRef: {name: ..., key: ...}}",
            )


def _in_words(container: Container, *, by_values: bool) -> Iterator[Violation]:
    """Yield secrets in the command of a container; for the engine's API key the chart has a key of its own."""
    facts = container.group.facts if container is container.group.engine else None
    key = facts.api_key if facts else None
    words = container.words
    several = {option.spelling for option in container.command.options if len(option.values) > 1}
    for index, hidden in enumerate(secrets.words_replaced(words, lambda _: secrets.MASK, several)):
        if hidden == words[index]:
            continue
        option = _option(words[max(0, index - 1) : index + 1])
        reference = "put it into a Secret, and set $(NAME) of a variable with its secretKeyRef instead"
        if key and key.flag and option == key.flag:
            given = f"--{key.flag} $({key.env})"
            by_reference = f"set {given}, and the variable with a secretKeyRef"
            place, fix = container.flag(option), "set auth.apiKeySecret.name" if by_values else by_reference
            yield Violation(f"--{option} of the engine is in plain text", place, fix)
        elif option:
            what = f"--{option} of container {container.name}"
            yield Violation(f"{what} is in plain text", container.flag(option), reference)
        else:
            listed = "command" if index < len(container.fields.get("command") or []) else "args"
            what = f"a secret in the {listed} of container {container.name}"
            yield Violation(f"{what} is in plain text", container.at(listed), reference)


def _option(words: Sequence[str]) -> str:
    """Return the name of the option that a word is the value of, or has it; empty where there is none."""
    for word in reversed(words):
        found = re.fullmatch(r"--([\w-]+)(=.*)?", word, re.DOTALL)
        if found:
            return found[1]
    return ""


def _in_object(obj: Mapping[str, Any]) -> Iterator[Violation]:
    """Yield secrets in the texts of an object, by their form, but for those of containers that are read above."""
    name = f"{obj.get('kind')}/{(obj.get('metadata') or {}).get('name')}"
    for path, text in _texts({key: value for key, value in obj.items() if key != "metadata"}):
        if not _READ.search(path) and secrets.holds_secret(text):
            keys = ("files", "extraObjects") if obj.get("kind") == "ConfigMap" else ("extraObjects",)
            place = Place(name, path, keys)
            yield Violation(f"a secret in {path} is in plain text", place, "put it into a Secret, and refer to that")


_READ = re.compile(r"\.(containers|initContainers)\[\d+\]\.(command|args|env)\b")


def _texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield all texts in a value, with their paths."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}[{index}]")


_ROOT = {"runAsUser", "runAsNonRoot"}


@rule(
    Severity.error,
    reason="The kubelet starts nothing as root that must not run as root: the pod stays in CreateContainerConfigError.",
    link="https://kubernetes.io/docs/tasks/configure-pod-container/security-context/",
    failing="decode: {podSecurityContext: {runAsNonRoot: true, runAsUser: 0}}",
    passing="decode: {podSecurityContext: {runAsNonRoot: true, runAsUser: 1000}}",
)
def root_refused(deployment: Deployment) -> Iterator[Violation]:
    """No container must both run as root and not run as root."""
    for group in deployment.groups:
        for container in group.all_containers:
            context = container.security
            if context.get("runAsNonRoot") is True and context.get("runAsUser") == 0:
                own = container.fields.get("securityContext") or {}
                yield Violation(
                    f"container {container.name} has runAsNonRoot: true and runAsUser: 0",
                    container.at("securityContext") if own.keys() & _ROOT else group.at("spec.securityContext"),
                    "set another runAsUser, or runAsNonRoot: false",
                )


@rule(
    Severity.warning,
    reason="A privileged container, or one in the node's namespaces, can change the node and see what else runs there; "
    "RDMA needs only the capability IPC_LOCK.",
    link="https://kubernetes.io/docs/concepts/security/pod-security-standards/",
    failing="engine: {securityContext: {privileged: true}}",
    passing="engine: {securityContext: {capabilities: {add: [IPC_LOCK]}}}",
)
def privileged(deployment: Deployment) -> Iterator[Violation]:
    """Containers are not privileged, and pods not in the node's namespaces."""
    for group in deployment.groups:
        for container in group.containers:
            if (container.fields.get("securityContext") or {}).get("privileged"):
                yield Violation(
                    f"container {container.name} is privileged",
                    container.at("securityContext"),
                    "set only the capabilities that it needs",
                )
        for name in ("hostNetwork", "hostPID", "hostIPC"):
            if group.spec.get(name):
                yield Violation(
                    f"the pods use the node's namespace ({name})",
                    group.at(f"spec.{name}"),
                    f"remove {name}, or ignore this rule with the reason",
                )


_RESTRICTED = """\
decode: {podSecurityContext: {runAsNonRoot: true, runAsUser: 1000, seccompProfile: {type: RuntimeDefault}}}
engine:
  env: {HOME: /model-cache}
  securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]%s}}
"""


@rule(
    Severity.info,
    reason="A namespace that enforces the restricted or baseline Pod Security Standard rejects pods with other added "
    "capabilities, such as the IPC_LOCK of RDMA. To a user other than root, an added capability gives nothing.",
    link="https://kubernetes.io/docs/concepts/security/pod-security-standards/",
    failing=_RESTRICTED % ", add: [IPC_LOCK]",
    passing=_RESTRICTED % "",
)
def capability_beyond_standard(deployment: Deployment) -> Iterator[Violation]:
    """Containers add only the capabilities that their Pod Security Standard allows."""
    known = facts.kubernetes().pod_security
    for group in deployment.groups:
        enforced = _enforced(deployment, group)
        for container in group.all_containers:
            standard = enforced or ("restricted" if _looks_restricted(container) else "")
            given = (container.security.get("capabilities") or {}).get("add") or []
            more = [str(item) for item in given if item not in known.capabilities.get(standard, given)]
            if more:
                where = f"the namespace enforces {standard}" if enforced else f"the pods are made for {standard}"
                yield Violation(
                    f"container {container.name} adds {', '.join(more)}, and {where}, which does not allow that",
                    container.at("securityContext"),
                    "remove it and raise the limit on the nodes, or use a namespace that enforces privileged",
                    Severity.error if enforced else None,
                )


def _enforced(deployment: Deployment, group: PodGroup) -> str:
    """Return the standard that the namespace of pods enforces; empty where it is not known."""
    name = group.namespace or deployment.namespace
    own = next((obj for obj in deployment.kind("Namespace") if obj["metadata"].get("name") == name), None)
    found = own or (deployment.cluster.find("Namespace", name) if deployment.cluster else None) or {}
    labels = (found.get("metadata") or {}).get("labels") or {}
    return str(labels.get(facts.kubernetes().pod_security.label, ""))


def _looks_restricted(container: Container) -> bool:
    """Return whether a container has what only the restricted standard asks for."""
    context = container.security
    dropped = (context.get("capabilities") or {}).get("drop") or []
    return (
        bool(context.get("runAsNonRoot"))
        and context.get("allowPrivilegeEscalation") is False
        and "ALL" in dropped
        and bool(context.get("seccompProfile"))
    )


@rule(
    Severity.warning,
    reason="vLLM, Hugging Face, Triton and FlashInfer write caches below HOME. A user without a writable one gets a "
    "permission error while the model loads.",
    link="https://docs.vllm.ai/en/latest/configuration/env_vars/",
    failing="engine: {securityContext: {runAsNonRoot: true, runAsUser: 1000}}",
    passing="""\
engine:
  securityContext: {runAsNonRoot: true, runAsUser: 1000}
  env: {HOME: /model-cache}
""",
)
def cache_not_writable(deployment: Deployment) -> Iterator[Violation]:
    """A user other than root has a writable home or cache directory."""
    for group in deployment.servers:
        context = group.engine.security
        user, read_only = context.get("runAsUser"), context.get("readOnlyRootFilesystem")
        if not group.loads_model or not (user or read_only) or _has_writable_home(group):
            continue
        runs = f"user {user}" if user else "root on a read-only file system"
        yield Violation(
            f"the engine runs as {runs}, but neither HOME nor VLLM_CACHE_ROOT is on a writable volume",
            group.engine.at("securityContext").otherwise(*group.at("spec.securityContext").keys),
            "set HOME and VLLM_CACHE_ROOT under engine.env to directories on a volume of the pod",
        )


def _has_writable_home(group: PodGroup) -> bool:
    temporary, shared = "/tmp", "/dev/shm"  # noqa: S108
    folders = [
        str(mount.get("mountPath"))
        for mount in group.engine.mounts
        if not mount.get("readOnly") and mount.get("mountPath") != shared
    ]
    if not group.engine.security.get("readOnlyRootFilesystem"):
        folders.append(temporary)
    homes = [group.engine.env.get(name) for name in ("HOME", "VLLM_CACHE_ROOT", "XDG_CACHE_HOME")]
    return any(isinstance(home, str) and _is_below(home, folder) for home in homes for folder in folders)


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


@rule(
    Severity.warning,
    reason="An API key of vLLM protects the paths below /v1 and a few others. Further paths run the model for "
    "everybody who reaches the port.",
    link="https://docs.vllm.ai/en/latest/usage/security/",
    failing="auth: {apiKeySecret: {name: clients}}",
    passing="""\
auth: {apiKeySecret: {name: clients}}
networkPolicy: {enabled: true, from: [{podSelector: {matchLabels: {app: gateway}}}]}
""",
)
def api_key_guards_part(deployment: Deployment) -> Iterator[Violation]:
    """What an engine answers without its API key is closed by other means."""
    protected = any(_limits_clients(policy) for policy in deployment.kind("NetworkPolicy"))
    routed = [path for route in deployment.kind("HTTPRoute") for path in _routed_paths(route)]
    for group in deployment.serving:
        key = group.facts.api_key if group.facts else None
        if key is None or not key.open or not (group.command.has(key.flag) or key.env in group.engine.env):
            continue
        wide = [path for path in routed if not any(_is_below(path, prefix) for prefix in key.guards)]
        if wide:
            reached, fix = f"the HTTPRoute sends {wide[0]} to it", f"limit the HTTPRoute to {key.guards[0]}"
        elif not protected:
            reached = "nothing limits who reaches the port"
            fix = "set networkPolicy.enabled: true and networkPolicy.from"
        else:
            continue
        yield Violation(
            f"without its API key the engine answers {', '.join(key.open[:3])} and others, and {reached}",
            group.engine.at(f"env[{key.env}]"),
            fix,
        )


@rule(
    Severity.error,
    reason="SGLang does not read the variable with the API key: without the flag it answers everybody, whatever "
    "the variable has.",
    link="https://docs.sglang.io/advanced_features/server_arguments.html",
    failing="""\
engine:
  modelCommand: sglangServe
  image: lmsysorg/sglang:v0.5.5
  env: {SGLANG_API_KEY: {valueFrom: {secretKeyRef: {name: clients, key: key}}}}
""",
    passing="""\
engine: {modelCommand: sglangServe, image: "lmsysorg/sglang:v0.5.5"}
auth: {apiKeySecret: {name: clients, key: key}}
""",
)
def api_key_not_passed(deployment: Deployment) -> Iterator[Violation]:
    """An engine that takes its API key only from a flag gets the flag."""
    for group in deployment.groups:
        key, command = (group.facts.api_key if group.facts else None), group.command
        if key is None or not key.through_flag or key.env not in group.engine.env:
            continue
        known = group.facts is not None and command.engine == group.facts.type and command.program
        if known and not command.partial and not command.has(key.flag):
            yield Violation(
                f"the engine does not read {key.env} without --{key.flag}, so it answers without a key",
                group.engine.at(f"env[{key.env}]").preferring("auth.apiKeySecret.name"),
                f"add --{key.flag} $({key.env}) to the arguments of the engine",
                cures=certain(put(f"{group.role}.engine.args.{key.flag}", f"$({key.env})")),
            )


def _limits_clients(policy: Object) -> bool:
    """Return whether a NetworkPolicy says who may connect."""
    ingress = (policy.get("spec") or {}).get("ingress") or []
    return bool(ingress) and all(item.get("from") for item in ingress)


def _routed_paths(route: Object) -> Iterator[str]:
    """Yield the path prefixes that an HTTPRoute matches."""
    for item in (route.get("spec") or {}).get("rules") or []:
        for match in item.get("matches") or [{}]:
            yield str((match.get("path") or {}).get("value") or "/")
