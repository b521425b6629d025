"""Engine arguments: does this version of the engine accept them?"""

from __future__ import annotations

from collections.abc import Iterator

from modelservice import facts
from modelservice.check.cures import Draft, certain, drop_flag, likely, move, name_flag, offered, put_flag
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.check.vllm_flags import Unknown, compared_with_vllm, unknown_flag
from modelservice.engines import arguments as vllm
from modelservice.engines.argument_changes import versions_taking
from modelservice.engines.command import Option
from modelservice.engines.recognise import engine_of_image
from modelservice.engines.version import Version
from modelservice.model.deployment import Deployment
from modelservice.model.provenance import Place

_ARGUMENTS = "https://docs.vllm.ai/en/latest/cli/serve/"


@rule(
    Severity.error,
    reason="vLLM exits on an unknown argument, and the pod crash-loops.",
    link=_ARGUMENTS,
    failing="engine: {args: {max-modle-len: 8192}}",
    passing="engine: {args: {max-model-len: 8192}}",
)
def engine_flag_unknown(deployment: Deployment) -> Iterator[Violation]:
    """The engine's version knows every flag."""
    for compared in compared_with_vllm(deployment):
        group, version = compared.group, compared.version
        for flag in group.command.flags:
            removed = vllm.removed(flag.spelling)
            if compared.known.find(flag.spelling) or (version and removed and version <= removed):
                continue
            unknown = unknown_flag(flag, compared)
            at = group.engine.option(flag)
            yield Violation(unknown.message, at, unknown.fix, unknown.severity, _cures(flag, unknown, at))
        # After an unknown flag the word may be its value.
        known = all(compared.known.find(flag.spelling) for flag in group.command.flags)
        if known and len(group.command.positionals) > 1 and not group.command.script:
            yield Violation(
                f"{group.command.positionals[1]!r} belongs to no flag: `vllm serve` takes one positional argument, "
                "the model",
                group.engine.at("args"),
                "put the flag in front of it",
            )


def _cures(flag: Option, unknown: Unknown, at: Place) -> tuple[Draft, ...]:
    """Return the cure of a flag that is not known: its name, or doing without it."""
    if unknown.name:
        return likely(unknown.sure, name_flag(at, flag.spelling, unknown.name))
    return offered(drop_flag(at, flag.spelling))


@rule(
    Severity.info,
    reason="The arguments of other versions are not known here, so a flag that such a version lacks is not found.",
    link="https://github.com/vllm-project/vllm/releases",
    failing="engine: {image: 'vllm/vllm-openai:v0.6.0'}",
    passing="engine: {image: 'vllm/vllm-openai:v0.32.0'}",
)
def engine_version(deployment: Deployment) -> Iterator[Violation]:
    """The engine's version is one whose arguments are known."""
    for group, known, version, _ in compared_with_vllm(deployment):
        compared = f"its flags were compared with those of {known.version}"
        if version is None and group.command.flags:
            yield Violation(
                f"the image {group.engine.image} does not tell its version of vLLM; {compared}",
                group.engine.at("image"),
                "give --vllm-version, or use an image with the version in its tag",
            )
        elif version is not None and not known.exact:
            use = f"use vLLM {vllm.versions()[0]} or newer" if known.older else f"use vLLM {known.version}"
            yield Violation(
                f"the arguments of vLLM {version} are not known; {compared}",
                group.engine.at("image"),
                f"{use}, or compare the flags yourself",
            )


@rule(
    Severity.error,
    reason="vLLM exits when a flag's value is missing, is of another type, or is not one of its choices.",
    link=_ARGUMENTS,
    failing="engine: {args: {max-num-seqs: many}}",
    passing="engine: {args: {max-num-seqs: 128}}",
)
def engine_flag_value(deployment: Deployment) -> Iterator[Violation]:
    """Every flag has a value of its type."""
    for compared in compared_with_vllm(deployment):
        group = compared.group
        for flag in group.command.flags:
            argument = compared.known.find(flag.spelling)
            reason = argument.rejection(flag.values) if argument else None
            if argument and reason:
                choice = bool(argument.choices and flag.values)  # which a newer version may have more of
                yield Violation(
                    f"{flag.spelling}: {reason}{_elsewhere(flag, compared.known.version)}",
                    group.engine.option(flag),
                    f"set {argument.flags[0]}" + ("" if argument.arity == 0 else " to a value of its type"),
                    compared.severity if choice else compared.value_severity,
                )


def _elsewhere(flag: Option, version: Version) -> str:
    """Return which other version takes a value, for the end of a sentence; empty where none does."""
    taking = versions_taking(flag.spelling, flag.values)
    if before := [known for known in taking if known < version]:
        return f", which vLLM {before[-1]} was the last to take"
    return f", which vLLM takes since {taking[0]}" if taking else ""


@rule(
    Severity.error,
    reason="If a flag is repeated, the last value wins and the first is misleading.",
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
def engine_flag_duplicate(deployment: Deployment) -> Iterator[Violation]:
    """A flag is set once."""
    for group in deployment.servers:
        if not group.command.flags_known:
            continue
        repeatable = group.facts.flags.repeatable if group.facts and group.facts.flags else ()
        for name in dict.fromkeys(flag.name for flag in group.command.flags):
            given = group.command.all(name)
            if len(given) > 1 and name not in repeatable and "." not in name:
                same = len({flag.values for flag in given}) == 1
                yield Violation(
                    f"--{name} is set {len(given)} times" + ("" if same else ", with different values"),
                    group.engine.option(given[-1]),
                    "keep one of them",
                    Severity.warning if same else None,
                    likely(same, drop_flag(group.engine.option(given[0]), given[0].spelling)),
                )


@rule(
    Severity.error,
    reason="Some flags work only together with another; without it vLLM rejects them or ignores them.",
    link=_ARGUMENTS,
    failing="engine: {args: {enable-auto-tool-choice: true}}",
    passing="engine: {args: {enable-auto-tool-choice: true, tool-call-parser: hermes}}",
)
def engine_flag_needs(deployment: Deployment) -> Iterator[Violation]:
    """A flag comes with the flag that it needs."""
    for group in deployment.servers:
        needs = group.facts.flags.needs if group.facts and group.facts.flags else {}
        for name, needed in needs.items():
            alone = name == "nnodes" and group.command.number("nnodes", 1) == 1
            if group.command.has(name) and group.lacks(needed) and not alone:
                yield Violation(
                    f"--{name} has no effect without --{needed}, or is rejected",
                    group.engine.flag(name),
                    f"set --{needed} too, or remove --{name}",
                    cures=offered(drop_flag(group.engine.flag(name), name)),
                )


@rule(
    Severity.error,
    reason="Other engines have their own flags and exit on one of vLLM's.",
    link="https://docs.sglang.io/advanced_features/server_arguments.html",
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
def engine_flag_foreign(deployment: Deployment) -> Iterator[Violation]:
    """The flags are those of the engine in the image."""
    for group in deployment.servers:
        foreign = group.facts.flags.foreign if group.facts and group.facts.flags else {}
        for flag in group.command.flags:
            spelled = flag.spelling.lstrip("-").replace("_", "-")
            own = foreign.get(spelled, foreign.get(flag.name))
            if own is not None and group.facts:
                yield Violation(
                    f"{group.facts.title} does not know {flag.spelling}, which is a flag of vLLM",
                    group.engine.option(flag),
                    f"use --{own}" if own else "remove it",
                    cures=certain(name_flag(group.engine.option(flag), flag.spelling, own))
                    if own
                    else offered(drop_flag(group.engine.option(flag), flag.spelling)),
                )
        held = facts.engine(engine_of_image(group.engine.image) or "")
        if held and group.facts and group.command.program and held.type != group.facts.type:
            yield Violation(
                f"the command starts {group.facts.title}, but the image {group.engine.image} contains {held.title}",
                group.engine.at("command"),
                f"set modelCommand: {held.start.model_command}",
            )


@rule(
    Severity.warning,
    reason="vLLM reads its settings from flags. Its variables are a different list; one named like a flag has no "
    "effect.",
    link="https://docs.vllm.ai/en/latest/configuration/env_vars/",
    failing="engine: {env: {VLLM_MAX_MODEL_LEN: 8192}}",
    passing="engine: {args: {max-model-len: 8192}}",
)
def engine_variable(deployment: Deployment) -> Iterator[Violation]:
    """A setting is a flag, not a variable that vLLM does not read."""
    for group, known, *_ in compared_with_vllm(deployment):
        if group.command.script:
            continue  # the script may read it
        variables = group.facts.flags.variables if group.facts and group.facts.flags else ()
        used = " ".join([*group.engine.words, *map(str, group.engine.env.values())])
        for name in group.engine.env:
            flag = name.removeprefix("VLLM_").lower().replace("_", "-")
            if not name.startswith("VLLM_") or flag in variables or f"$({name})" in used or group.command.has(flag):
                continue
            argument = known.find(f"--{flag}")
            if argument and f"--{flag}" in argument.flags:
                yield Violation(
                    f"vLLM does not read the variable {name}; --{flag} is a flag",
                    group.engine.at(f"env[{name}]"),
                    f"set engine.args.{flag}" if deployment.sources is not None else f"set --{flag} in args",
                    cures=_as_flag(deployment, group.engine.at(f"env[{name}]"), name, flag),
                )


def _as_flag(deployment: Deployment, at: Place, name: str, flag: str) -> tuple[Draft, ...]:
    """Return the cure of a variable that is meant as a flag, where it stands next to the flags."""
    key = at.key(deployment.sources) or ""
    above = key.removesuffix(f"env.{name}")
    return certain(move(at, f"{above}args.{flag}")) if above in ("engine.", "decode.engine.", "prefill.engine.") else ()


_RANGES = {
    "gpu-memory-utilization": (0.01, 1.0),
    "port": (1, 65535),
    "max-num-seqs": (1, 1e6),
    "tensor-parallel-size": (1, 1024),
    "pipeline-parallel-size": (1, 1024),
}


@rule(
    Severity.error,
    reason="The engine accepts any number here and fails while it loads the model, or gets no cache at all.",
    link="https://docs.vllm.ai/en/latest/configuration/engine_args/",
    failing="engine: {args: {gpu-memory-utilization: 90}}",
    passing="engine: {args: {gpu-memory-utilization: 0.9}}",
)
def engine_flag_range(deployment: Deployment) -> Iterator[Violation]:
    """Numbers of flags are within their range."""
    for group in deployment.servers:
        for name, (low, high) in _RANGES.items():
            value = group.command.value(name)
            try:
                number = float(value) if value is not None else None
            except ValueError:
                continue
            if number is not None and not low <= number <= high:
                yield Violation(
                    f"--{name} is {value}, but must be between {low:g} and {high:g}",
                    group.engine.flag(name),
                    "for ninety percent set 0.9" if high == 1 else "set a number in this range",
                    cures=certain(put_flag(group.engine.flag(name), name, number / 100))
                    if high == 1 and low <= number / 100 <= high
                    else (),
                )
        batched, length = group.command.number("max-num-batched-tokens"), group.command.number("max-model-len")
        if batched and length and batched < length and group.command.has("no-enable-chunked-prefill"):
            yield Violation(
                f"--max-num-batched-tokens {batched} is less than --max-model-len {length} without chunked prefill, "
                "so vLLM rejects long prompts",
                group.engine.flag("max-num-batched-tokens"),
                f"set {length}, or leave chunked prefill on",
                cures=offered(
                    put_flag(group.engine.flag("max-num-batched-tokens"), "max-num-batched-tokens", int(length))
                ),
            )
