"""Engine arguments: does this version of the engine take them, and do they agree with each other?"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from modelservice.check.finding import Found, Severity
from modelservice.check.rule import Example, rule
from modelservice.engines import arguments as vllm
from modelservice.engines.command import ALIASES, Flag
from modelservice.engines.version import Version, vllm_version
from modelservice.model.deployment import Deployment, Pods, environment, kv_connectors, kv_transfer

_ARGUMENTS = "https://docs.vllm.ai/en/latest/cli/serve/"
_DATA_PARALLEL = "https://docs.vllm.ai/en/latest/serving/data_parallel_deployment/"


def _version(deployment: Deployment, pods: Pods) -> Version | None:
    return deployment.vllm_version or vllm_version(str(pods.engine.get("image", "")))


def _of_vllm(deployment: Deployment) -> Iterator[tuple[Pods, vllm.Table, Version | None]]:
    for pods in deployment.servers:
        if pods.command.engine == "vllm":
            version = _version(deployment, pods)
            yield pods, vllm.table(version), version


def _key(deployment: Deployment, pods: Pods, flag: Flag) -> str | None:
    """The values key that gives a flag, whichever spelling it has there."""
    name = flag.spelling.lstrip("-").replace("_", "-")
    return deployment.flag_key(pods, name, flag.name, name.removeprefix("no-")) or deployment.with_key(
        f"{pods.role}.containers[0].args", f"{pods.role}.engine.args"
    )


@rule(
    Severity.error,
    reason="vLLM ends at once with an argument that it does not know, and the pod restarts for ever.",
    link=_ARGUMENTS,
    failing="engine: {args: {max-modle-len: 8192}}",
    passing="engine: {args: {max-model-len: 8192}}",
)
def engine_flag_unknown(deployment: Deployment) -> Iterator[Found]:
    """The engine's version knows every flag."""
    for pods, known, version in _of_vllm(deployment):
        for flag in pods.command.flags:
            removed = vllm.removed(flag.spelling)
            if known.find(flag.spelling) or (version and removed and version <= removed):
                continue
            said = f"vLLM {known.version}" + ("" if version else " (the image's tag does not tell the version)")
            message, fix, severity = _unknown(flag, known, version, said)
            yield Found(message, _key(deployment, pods, flag), pods.object, fix, pods.path("args"), severity)
        if len(pods.command.positionals) > 1 and not pods.command.script:
            extra = pods.command.positionals[1]
            yield Found(
                f"{extra!r} belongs to no flag: `vllm serve` takes one positional argument, the model",
                deployment.with_key(f"{pods.role}.containers[0].args"),
                pods.object,
                "write the flag before it",
                pods.path("args"),
            )


def _unknown(
    flag: Flag, known: vllm.Table, version: Version | None, said: str
) -> tuple[str, str | None, Severity | None]:
    runs, removed = vllm.history(flag.spelling), vllm.removed(flag.spelling)
    before = [last for _, last in runs if last < known.version] + ([removed] if removed else [])
    severity = _severity(known, version)
    if before:
        fix = vllm.replacement(flag.spelling) or f"remove it, or use an image of vLLM {before[-1]} or older"
        message = f"{said} does not know {flag.spelling}, which went away after {before[-1]}"
        return message, fix, Severity.warning if version is None else severity
    if runs:
        fix = f"remove it, or use an image of vLLM {runs[0][0]} or newer"
        message = f"{said} does not know {flag.spelling}, which appeared in {runs[0][0]}"
        return message, fix, Severity.warning if version is None else severity
    if flag.spelling.startswith("-") and not flag.spelling.startswith("--") and known.find(f"-{flag.spelling}"):
        return f"{flag.spelling} is read as several short flags", f"write -{flag.spelling}", None
    near = known.nearest(flag.spelling)
    return f"{said} does not know {flag.spelling}", f"did you mean {near}?" if near else "remove it", severity


def _severity(known: vllm.Table, version: Version | None) -> Severity | None:
    """Return the severity of what is wrong for the nearest known version; None for the rule's own."""
    return None if known.exact or version is None else Severity.info


@rule(
    Severity.info,
    reason="What another version takes is not known here, so a flag that it lacks is not found.",
    link="https://github.com/vllm-project/vllm/releases",
    failing="engine: {image: 'vllm/vllm-openai:v0.6.0'}",
    passing="engine: {image: 'vllm/vllm-openai:v0.32.0'}",
)
def engine_version(deployment: Deployment) -> Iterator[Found]:
    """The engine's version is one whose arguments are known."""
    for pods, known, version in _of_vllm(deployment):
        if version is not None and not known.exact:
            use = f"use vLLM {vllm.versions()[0]} or newer" if known.older else f"use vLLM {known.version}"
            yield Found(
                f"the arguments of vLLM {version} are not known; its flags were compared with those of {known.version}",
                deployment.engine_key(pods, "image"),
                pods.object,
                f"{use}, or compare the flags yourself",
                pods.path("image"),
            )


@rule(
    Severity.error,
    reason="vLLM ends at once when a flag's value is missing, of another type, or none of its choices.",
    link=_ARGUMENTS,
    failing="engine: {args: {max-num-seqs: many}}",
    passing="engine: {args: {max-num-seqs: 128}}",
)
def engine_flag_value(deployment: Deployment) -> Iterator[Found]:
    """Every flag has a value of its type."""
    for pods, known, version in _of_vllm(deployment):
        for flag in pods.command.flags:
            argument = known.find(flag.spelling)
            if argument is None:
                continue
            reason = None
            values = [value for value in flag.values if value]
            if argument.arity == 0 and values and (not pods.command.positionals or len(values) == len(flag.values)):
                # A word behind a switch is the model where none stands before.
                if pods.command.positionals or pods.command.has("model") or len(values) > 1:
                    reason = f"takes no value, but {values[0]!r} follows"
            elif argument.arity in (1, "+") and not flag.values:
                reason = "needs a value"
            elif argument.arity == 1 and len(values) > 1 and pods.command.positionals:
                reason = f"takes one value, but {values[1]!r} follows"
            else:
                reason = next((text for value in flag.values if (text := argument.refusal(value))), None)
            if reason:
                yield Found(
                    f"{flag.spelling}: {reason}",
                    _key(deployment, pods, flag),
                    pods.object,
                    f"write {argument.flags[0]}" + ("" if argument.arity == 0 else " with a value of its type"),
                    pods.path("args"),
                    _severity(known, version),
                )


_SCRIPT = """\
decode:
  containers:
  - image: vllm/vllm-openai:v0.32.0
    modelCommand: custom
    command: [/bin/bash, -c]
    args:
    - |
      exec vllm serve Qwen/Qwen3-8B%s
        --port 8000
"""


@rule(
    Severity.error,
    reason="A line of a shell script goes on in the next one only where a backslash is its very last character. "
    "Otherwise the engine starts without the flags that follow.",
    link="https://www.gnu.org/software/bash/manual/html_node/Escape-Character.html",
    failing=_SCRIPT % "",
    passing=_SCRIPT % " \\",
)
def script_lines(deployment: Deployment) -> Iterator[Found]:
    """The lines of a start script belong together."""
    for pods in deployment.servers:
        for text in pods.words if pods.command.script and pods.command.engine != "other" else []:
            before = ""
            for line in text.splitlines():
                # Not in a list of words, a quotation or a here-document, whose lines are no commands.
                inside = before.count("(") != before.count(")") or before.count('"') % 2 or "<<" in before
                loose = re.match(r"\s*(--[a-z][\w-]*)", line)
                if loose and before.strip() and not inside and not before.endswith("\\\n"):
                    spaced = re.search(r"\\[ \t]+\n$", before)
                    yield Found(
                        f"the line with {loose[1]} is a command of its own, because the line before "
                        + ("has a space behind its backslash" if spaced else "does not end with a backslash"),
                        deployment.with_key(f"{pods.role}.containers[0].args", f"{pods.role}.containers[0].command"),
                        pods.object,
                        "remove the space" if spaced else "end the line before with a backslash",
                        pods.path("args"),
                    )
                    break
                before += line + "\n"


_STARTS = re.compile(r"\bvllm\s+serve\b|\bvllm\.entrypoints\b|\bsglang\.launch_server\b")
_COMMAND = re.compile(r"(?:^|[\s/;&|])vllm[ \t]+([a-z][a-z-]*)")


@rule(
    Severity.warning,
    reason="Flags, ports and sizes are compared with what starts the engine. Where that is not understood, the other "
    "rules are silent about it.",
    link="https://docs.vllm.ai/en/latest/cli/",
    failing=_SCRIPT.replace("exec vllm serve", "echo 'start; exec vllm serve") % " \\",
    passing=_SCRIPT.replace("exec vllm serve", "echo 'start'; exec vllm serve") % " \\",
)
def engine_unread(deployment: Deployment) -> Iterator[Found]:
    """What starts the engine is understood."""
    for pods in deployment.servers:
        text = " ".join(pods.words)
        misspelt = next(
            (name for name in _COMMAND.findall(text) if name != "serve" and difflib.get_close_matches(name, ["serve"])),
            None,
        )
        if pods.command.engine != "other" or not (misspelt or _STARTS.search(text)):
            continue
        key = deployment.with_key(f"{pods.role}.containers[0].command", f"{pods.role}.containers[0].args")
        if misspelt:
            message = f"vllm has no command {misspelt}"
            yield Found(message, key, pods.object, "write vllm serve", pods.path("args"), Severity.error)
        else:
            yield Found(
                "an engine is started in a way that is not understood, so its flags are not checked",
                key,
                pods.object,
                "end every quotation of the script, and write the engine's command as a statement of its own",
                pods.path("args"),
            )


_SEVERAL = ("lora-modules", "middleware", "allowed-origins")


@rule(
    Severity.error,
    reason="Of a flag that is given twice the last one counts, so the first one says what is not so.",
    link=_ARGUMENTS,
    failing=Example(
        "decode: {containers: [{image: 'vllm/vllm-openai:v0.32.0', modelCommand: vllmServe, "
        "args: [--max-model-len, '8192', --max-model-len, '4096']}]}"
    ),
    passing=Example(
        "decode: {containers: [{image: 'vllm/vllm-openai:v0.32.0', modelCommand: vllmServe, "
        "args: [--max-model-len, '8192']}]}"
    ),
)
def engine_flag_duplicate(deployment: Deployment) -> Iterator[Found]:
    """A flag is given once."""
    for pods in deployment.servers:
        if pods.command.engine == "other":
            continue
        for name in dict.fromkeys(flag.name for flag in pods.command.flags):
            given = pods.command.all(name)
            if len(given) > 1 and name not in _SEVERAL and "." not in name:
                same = len({flag.values for flag in given}) == 1
                yield Found(
                    f"--{name} is given {len(given)} times" + ("" if same else ", with different values"),
                    _key(deployment, pods, given[-1]),
                    pods.object,
                    "keep one of them",
                    pods.path("args"),
                    Severity.warning if same else None,
                )


@rule(
    Severity.error,
    reason="Each data parallel mode of vLLM distributes requests its own way, and `vllm serve` refuses two at once.",
    link=_DATA_PARALLEL,
    failing="""\
multinode: true
decode:
  parallelism: {dataLocal: 2, workers: 2, dataMode: hybrid}
  engine: {args: {data-parallel-external-lb: true}}
""",
    passing="{multinode: true, decode: {parallelism: {dataLocal: 2, workers: 2, dataMode: hybrid}}}",
)
def data_parallel_modes(deployment: Deployment) -> Iterator[Found]:
    """One data parallel mode is used, with all it needs."""
    for pods in deployment.servers:
        command = pods.command
        if command.engine != "vllm":
            continue
        external = next(
            (name for name in ("data-parallel-external-lb", "data-parallel-rank") if command.has(name)), None
        )
        modes = [
            name for name in ("data-parallel-hybrid-lb", "data-parallel-multi-port-external-lb") if command.has(name)
        ]
        modes += [external] if external else []
        problem = None
        size, local = command.number("data-parallel-size", 1), command.number("data-parallel-size-local")
        if len(modes) > 1:
            problem = modes[1], f"--{modes[0]} and --{modes[1]} exclude each other", "keep one"
        elif pods.headless and modes:
            problem = modes[0], f"--{modes[0]} lets every node serve, but --headless forbids it", "keep one of them"
        elif pods.headless and (command.number("api-server-count", 0) or 0) > 0:
            problem = (
                "api-server-count",
                "--headless starts no API server, but --api-server-count asks for some",
                "remove it",
            )
        elif "data-parallel-hybrid-lb" in modes and not command.has("data-parallel-size-local"):
            problem = modes[0], "--data-parallel-hybrid-lb needs --data-parallel-size-local", "write both"
        elif "data-parallel-multi-port-external-lb" in modes and local is not None and local < 2:
            problem = "data-parallel-size-local", "a port a rank needs two ranks in a pod at least", "write 2 or more"
        elif local and size and size % local:
            problem = (
                "data-parallel-size-local",
                f"--data-parallel-size {size} is no multiple of {local}",
                "make it one",
            )
        elif "data-parallel-multi-port-external-lb" in modes and (command.number("api-server-count", 1) or 1) > 1:
            problem = "api-server-count", "a port a rank has one API server each", "remove --api-server-count"
        elif local and size and local < size and pods.size == 1 and pods.part == "pod":
            problem = (
                "data-parallel-size-local",
                f"{local} of {size} data parallel ranks run here, and no pod runs the others",
                f"write --data-parallel-size {local}, or several workers",
            )
        if problem:
            name, message, fix = problem
            yield Found(
                message,
                deployment.flag_key(pods, name)
                or deployment.with_key(f"{pods.role}.parallelism.dataMode", f"{pods.role}.parallelism"),
                pods.object,
                fix,
                pods.path("args"),
            )


_NEEDS = (
    ("enable-auto-tool-choice", "tool-call-parser", "vLLM has to know how the model writes its calls"),
    ("lora-modules", "enable-lora", "adapters are loaded only with LoRA on"),
    ("max-loras", "enable-lora", "the number of adapters means nothing without LoRA"),
    ("max-lora-rank", "enable-lora", "the rank of adapters means nothing without LoRA"),
    ("enable-eplb", "enable-expert-parallel", "the load of experts is balanced only with expert parallelism"),
    ("nnodes", "master-addr", "the nodes have to find rank 0"),
    ("node-rank", "nnodes", "a rank means nothing without the number of nodes"),
)


@rule(
    Severity.error,
    reason="Some flags work only beside another; vLLM refuses them alone or leaves them without effect.",
    link=_ARGUMENTS,
    failing="engine: {args: {enable-auto-tool-choice: true}}",
    passing="engine: {args: {enable-auto-tool-choice: true, tool-call-parser: hermes}}",
)
def engine_flag_needs(deployment: Deployment) -> Iterator[Found]:
    """A flag stands beside the flag it needs."""
    for pods in deployment.servers:
        if pods.command.engine != "vllm":
            continue
        for name, needed, why in _NEEDS:
            nodes = pods.command.number("nnodes", 1)
            if pods.command.has(name) and not pods.command.has(needed) and not (name == "nnodes" and nodes == 1):
                yield Found(
                    f"--{name} is given without --{needed}: {why}",
                    deployment.flag_key(pods, name),
                    pods.object,
                    f"write --{needed} too, or remove --{name}",
                    pods.path("args"),
                )


@rule(
    Severity.error,
    reason="The values say how many accelerators a pod gets; a command with other sizes wastes them or never starts.",
    link="https://docs.vllm.ai/en/latest/serving/parallelism_scaling/",
    failing="""\
decode:
  parallelism: {tensor: 4}
  sharedMemory: {enabled: true}
  containers:
  - image: vllm/vllm-openai:v0.32.0
    command: [/bin/sh, -c]
    args: [vllm serve Qwen/Qwen3-8B --tensor-parallel-size 2]
    resources: {limits: {nvidia.com/gpu: 4}}
""",
    passing="""\
decode:
  parallelism: {tensor: 2}
  sharedMemory: {enabled: true}
  containers:
  - image: vllm/vllm-openai:v0.32.0
    command: [/bin/sh, -c]
    args: [vllm serve Qwen/Qwen3-8B --tensor-parallel-size 2]
    resources: {limits: {nvidia.com/gpu: 2}}
""",
)
def parallelism_mismatch(deployment: Deployment) -> Iterator[Found]:
    """The command's parallel sizes are those of the values."""
    names = {
        "tensor": "tensor-parallel-size",
        "pipeline": "pipeline-parallel-size",
        "dataLocal": "data-parallel-size-local",
    }
    for pods in deployment.servers:
        for name, flag in names.items():
            stated = deployment.value(f"{pods.role}.parallelism.{name}")
            given = pods.command.number(flag) if pods.command.has(flag) else None
            missing = name == "tensor" and pods.command.engine in ("vllm", "sglang") and not pods.command.has(flag)
            given = 1 if missing and stated else given
            if stated and given and stated != given and not pods.headless:
                yield Found(
                    f"{pods.role}.parallelism.{name} is {stated}, but the engine runs with "
                    + ("no --" + flag if missing else f"--{flag} {given}"),
                    deployment.flag_key(pods, flag) or f"{pods.role}.parallelism.{name}",
                    pods.object,
                    f"write {stated} in both places",
                    pods.path("args"),
                )


@rule(
    Severity.error,
    reason="Clients ask for the model by its served name. Under another one vLLM answers 404, and prefill and decode "
    "of one pool are interchangeable only under the same name.",
    link="https://docs.vllm.ai/en/latest/cli/serve/#-served-model-name",
    failing=Example("prefill: {engine: {args: {served-model-name: qwen3}}}", base="pd"),
    passing=Example("engine: {args: {served-model-name: Qwen/Qwen3-8B}}", base="pd"),
)
def served_model_name(deployment: Deployment) -> Iterator[Found]:
    """All pods serve the model under the name that clients use."""
    expected = deployment.value("routing.modelName") or deployment.value("modelArtifacts.name")
    names = {}
    for pods in deployment.servers:
        given = pods.command.all("served-model-name")
        values = set(given[-1].values) if given else set()
        if pods.headless or pods.replicas == 0 or not values or any("$" in value for value in values):
            continue
        names[pods.object, pods.part] = values
        if expected and expected not in values:
            yield Found(
                f"the engine serves {', '.join(sorted(values))}, but clients ask for modelArtifacts.name {expected}",
                deployment.flag_key(pods, "served-model-name") or "modelArtifacts.name",
                pods.object,
                f"write {expected} in both places, or several names with it among them",
                pods.path("args"),
                # Somebody may mean it: in the values the flag is an alias of the model.
                Severity.warning if len(deployment.role("prefill")) == 0 else None,
            )
    if not deployment.sources and len({frozenset(item) for item in names.values()}) > 1:
        shown = "; ".join(f"{where[0]}: {', '.join(sorted(item))}" for where, item in names.items())
        if deployment.role("prefill") and deployment.role("decode"):
            yield Found(
                f"prefill and decode serve different names: {shown}",
                None,
                next(iter(names))[0],
                "serve one name",
                "containers[].args",
            )


_OTHER = {
    "sglang": {
        "max-model-len": "context-length",
        "gpu-memory-utilization": "mem-fraction-static",
        "kv-transfer-config": "disaggregation-mode",
        "enforce-eager": "disable-cuda-graph",
        "max-num-seqs": "max-running-requests",
        "enable-prefix-caching": "",
        "data-parallel-size-local": "",
        "enable-expert-parallel": "ep-size",
        "headless": "",
        "max-num-batched-tokens": "chunked-prefill-size",
    },
    "simulator": {
        "tensor-parallel-size": "",
        "pipeline-parallel-size": "",
        "kv-transfer-config": "",
        "enable-lora": "",
        "gpu-memory-utilization": "",
        "data-parallel-address": "",
        "data-parallel-size-local": "",
        "enable-expert-parallel": "",
        "headless": "",
        "trust-remote-code": "",
        "dtype": "",
        "data-parallel-hybrid-lb": "",
        "otlp-traces-endpoint": "",
    },
}


@rule(
    Severity.error,
    reason="SGLang and the simulator have flags of their own and end at once with one of vLLM's.",
    link="https://docs.sglang.ai/advanced_features/server_arguments.html",
    failing="""\
engine:
  image: lmsysorg/sglang:v0.5.4
  modelCommand: sglangServe
  args: {max-model-len: 8192}
""",
    passing="""\
engine:
  image: lmsysorg/sglang:v0.5.4
  modelCommand: sglangServe
  args: {context-length: 8192}
""",
)
def engine_flag_foreign(deployment: Deployment) -> Iterator[Found]:
    """The flags are those of the engine in the image."""
    for pods in deployment.servers:
        others = _OTHER.get(pods.command.engine, {})
        for flag in pods.command.flags:
            name = flag.spelling.lstrip("-").replace("_", "-")
            name = ALIASES.get(name, name) if pods.command.engine == "simulator" else name
            if name in others:
                own = others[name]
                yield Found(
                    f"{pods.command.engine} does not know {flag.spelling}, which is a flag of vLLM",
                    _key(deployment, pods, flag) or deployment.with_key(f"{pods.role}.parallelism"),
                    pods.object,
                    f"write --{own}" if own else "remove it",
                    pods.path("args"),
                )
        image = str(pods.engine.get("image", ""))
        foreign = "sglang" in image and pods.command.engine == "vllm"
        if foreign or ("vllm-openai" in image and pods.command.engine == "sglang"):
            yield Found(
                f"the command starts {pods.command.engine}, but the image {image} holds the other engine",
                deployment.engine_key(pods, "modelCommand"),
                pods.object,
                "write modelCommand: " + ("sglangServe" if foreign else "vllmServe"),
                pods.path("args"),
            )


_VARIABLES = {"all2all-backend", "api-key", "attention-backend", "moe-backend", "port", "uds"}
"""Flags with a variable of the same name, in some version of vLLM."""


@rule(
    Severity.warning,
    reason="vLLM reads its settings from flags. Variables are another list; one named like a flag changes nothing.",
    link="https://docs.vllm.ai/en/latest/configuration/env_vars/",
    failing="engine: {env: {VLLM_MAX_MODEL_LEN: 8192}}",
    passing="engine: {args: {max-model-len: 8192}}",
)
def engine_variable(deployment: Deployment) -> Iterator[Found]:
    """A setting is written as a flag, not as a variable that vLLM does not read."""
    for pods, known, _ in _of_vllm(deployment):
        if pods.command.script:
            continue  # the script may read it
        words = " ".join(pods.words)
        others = " ".join(str(value) for value in environment(pods.engine).values())
        for name in environment(pods.engine):
            flag = name.removeprefix("VLLM_").lower().replace("_", "-")
            argument = known.find(f"--{flag}") if name.startswith("VLLM_") and flag not in _VARIABLES else None
            if argument is None or f"--{flag}" not in argument.flags or f"$({name})" in words + others:
                continue
            if pods.command.has(flag):
                continue  # the flag says it
            yield Found(
                f"vLLM does not read the variable {name}; --{flag} is a flag",
                deployment.env_key(pods, name),
                pods.object,
                f"write engine.args.{flag}" if deployment.sources is not None else f"write --{flag} in args",
                pods.path("env"),
            )


@rule(
    Severity.error,
    reason="The engine accepts any number here and fails while it loads the model, or gets no cache at all.",
    link="https://docs.vllm.ai/en/latest/configuration/engine_args/",
    failing="engine: {args: {gpu-memory-utilization: 90}}",
    passing="engine: {args: {gpu-memory-utilization: 0.9}}",
)
def engine_flag_range(deployment: Deployment) -> Iterator[Found]:
    """Numbers of flags are within their range."""
    ranges = {
        "gpu-memory-utilization": (0.01, 1.0),
        "port": (1, 65535),
        "max-num-seqs": (1, 1e6),
        "tensor-parallel-size": (1, 1024),
        "pipeline-parallel-size": (1, 1024),
    }
    for pods in deployment.servers:
        for name, (low, high) in ranges.items():
            value = pods.command.value(name)
            try:
                number = float(value) if value is not None else None
            except ValueError:
                continue
            if number is not None and not low <= number <= high:
                yield Found(
                    f"--{name} is {value}, but has to be between {low:g} and {high:g}",
                    deployment.flag_key(pods, name),
                    pods.object,
                    "for ninety percent write 0.9" if high == 1 else "write a number in this range",
                    pods.path("args"),
                )
        batched, length = pods.command.number("max-num-batched-tokens"), pods.command.number("max-model-len")
        if batched and length and batched < length and pods.command.has("no-enable-chunked-prefill"):
            yield Found(
                f"--max-num-batched-tokens {batched} is less than --max-model-len {length} without chunked prefill: "
                "long prompts are refused",
                deployment.flag_key(pods, "max-num-batched-tokens"),
                pods.object,
                f"write {length}, or leave chunked prefill on",
                pods.path("args"),
            )


@rule(
    Severity.error,
    reason="vLLM refuses a KV connector without a role, and each role has to be able to do its part: prefill "
    "produces, decode consumes.",
    link="https://docs.vllm.ai/en/latest/features/nixl_connector_usage/",
    failing=Example(
        "prefill: {engine: {args: {kv-transfer-config: {kv_connector: NixlConnector, kv_role: kv_consumer}}}}",
        base="pd",
    ),
    passing=Example(
        "prefill: {engine: {args: {kv-transfer-config: {kv_connector: NixlConnector, kv_role: kv_producer}}}}",
        base="pd",
    ),
)
def kv_role(deployment: Deployment) -> Iterator[Found]:
    """The KV transfer role is there and fits the pod's role."""
    for pods in deployment.servers:
        config = kv_transfer(pods.command)
        mode = pods.command.value("disaggregation-mode")
        if pods.command.engine == "sglang" and mode in ("prefill", "decode") and mode != pods.role:
            key = deployment.flag_key(pods, "disaggregation-mode")
            message = f"--disaggregation-mode of {pods.role} is {mode}, the other role's part"
            yield Found(message, key, pods.object, f"write {pods.role}", pods.path("args"))
        if pods.command.engine != "vllm" or not config:
            continue
        yield from _unknown_connectors(deployment, pods)
        role, connector = config.get("kv_role"), config.get("kv_connector")
        wrong = {"prefill": "kv_consumer", "decode": "kv_producer"}[pods.role]
        problem = None
        if not connector:
            problem = "the KV transfer has no kv_connector", "write kv_connector: NixlConnector"
        elif role not in ("kv_producer", "kv_consumer", "kv_both"):
            problem = (
                f"kv_role is {role!r}, which vLLM refuses" if role else "the KV transfer has no kv_role",
                "write kv_role: kv_both",
            )
        elif role == wrong and deployment.role("prefill"):
            problem = f"kv_role of {pods.role} is {role}, the other role's part", "write kv_both"
        if problem:
            key = deployment.flag_key(pods, "kv-transfer-config")
            yield Found(problem[0], key, pods.object, problem[1], pods.path("args"))


_CONNECTORS = (
    "DecodeBenchConnector", "ExampleConnector", "FlexKVConnectorV1", "LMCacheConnector", "LMCacheConnectorV1",
    "LMCacheMPConnector", "MoRIIOConnector", "MooncakeConnector", "MooncakeStoreConnector", "MultiConnector",
    "NixlConnector", "NixlPullConnector", "NixlPushConnector", "OffloadingConnector", "P2pNcclConnector",
    "PyNcclConnector", "SharedStorageConnector", "SimpleCPUOffloadConnector",
)  # fmt: skip
"""Names that vLLM registers; one of a plugin is none of them, so only what is nearly one of them is taken for it."""


def _unknown_connectors(deployment: Deployment, pods: Pods) -> Iterator[Found]:
    if kv_transfer(pods.command).get("kv_connector_module_path"):
        return
    folded = {known.lower(): known for known in _CONNECTORS}
    for name in kv_connectors(pods.command):
        near = difflib.get_close_matches(name.lower(), list(folded), n=1, cutoff=0.85)
        if near and name not in _CONNECTORS:
            yield Found(
                f"vLLM has no KV connector {name}",
                deployment.flag_key(pods, "kv-transfer-config"),
                pods.object,
                f"did you mean {folded[near[0]]}?",
                pods.path("args"),
            )


@rule(
    Severity.error,
    reason="A decode pod gets the cache only from a prefill pod that holds it in the same form: same model, same "
    "data type and block size of the cache.",
    link="https://docs.vllm.ai/en/latest/features/nixl_connector_usage/",
    failing=Example("prefill: {engine: {args: {kv-cache-dtype: fp8}}}", base="pd"),
    passing=Example("engine: {args: {kv-cache-dtype: fp8}}", base="pd"),
)
def roles_differ(deployment: Deployment) -> Iterator[Found]:
    """Prefill and decode agree on what travels between them."""
    found = [
        [pods for pods in deployment.role(role) if not pods.headless and pods.command.engine in ("vllm", "sglang")]
        for role in ("prefill", "decode")
    ]
    if not all(found) or found[0][0].command.engine != found[1][0].command.engine:
        return
    first, second = found[0][0], found[1][0]
    names = {
        "vllm": ("kv-cache-dtype", "block-size", "dtype", "quantization", "model"),
        "sglang": ("kv-cache-dtype", "page-size", "dtype", "quantization", "model", "disaggregation-transfer-backend"),
    }
    for name in names[first.command.engine]:
        given = [_given(pods, name) for pods in (first, second)]
        if (
            given[0] == given[1]
            or "$" in f"{given}"
            or (name in ("block-size", "page-size", "dtype", "quantization") and _vendors(deployment, first, second))
        ):
            continue
        yield Found(
            f"prefill runs with --{name} {given[0] or '(default)'}, decode with {given[1] or '(default)'}, and the "
            "cache of one is useless to the other",
            deployment.flag_key(first, name) or deployment.flag_key(second, name) or "engine.args",
            first.object,
            f"write the same --{name} for both roles, under engine.args",
            first.path("args"),
        )
    lengths = first.command.number("max-model-len"), second.command.number("max-model-len")
    if lengths[0] and lengths[1] and lengths[0] < lengths[1]:
        yield Found(
            f"prefill takes prompts of {lengths[0]} tokens, but decode sequences of {lengths[1]}: longer prompts fail",
            deployment.flag_key(first, "max-model-len"),
            first.object,
            f"write {lengths[1]} for prefill",
            first.path("args"),
            Severity.warning,
        )


def _given(pods: Pods, name: str) -> str | None:
    if name == "model":
        return pods.command.value("model") or next(iter(pods.command.positionals), None)
    return pods.command.value(name)


def _vendors(deployment: Deployment, first: Pods, second: Pods) -> bool:
    """Different hardware has block sizes and types of its own."""
    kinds = [{name.partition("/")[0] for name in deployment.accelerators(pods)} for pods in (first, second)]
    return kinds[0] != kinds[1]
