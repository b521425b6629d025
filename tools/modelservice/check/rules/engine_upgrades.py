"""Upgrades of the engine: what does another version otherwise, though it accepts the same settings?

These rules compare the version in use with that of ``--engine-upgrade``. What the other version rejects is found by the
rules of the subject, which run for both versions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.engines import arguments, variables
from modelservice.engines.argument_changes import default_changes, since
from modelservice.engines.version import Version, is_modified
from modelservice.facts.models import VersionChange
from modelservice.facts.versions import number
from modelservice.model.deployment import Deployment
from modelservice.model.handover import is_off, recomputes
from modelservice.model.pods import PodGroup
from modelservice.model.revisions import are_screened
from modelservice.models.engine_settings import hybrid_manager

_RELEASES = "https://github.com/vllm-project/vllm/releases"


class _Upgrade(NamedTuple):
    """Pods whose engine gets another version."""

    group: PodGroup
    now: Version
    then: Version

    @property
    def bounds(self) -> tuple[Version, Version]:
        """The older and the newer version."""
        return min(self.now, self.then), max(self.now, self.then)


def _upgrades(deployment: Deployment) -> Iterator[_Upgrade]:
    """Yield the pods whose version of vLLM is known and changes."""
    then = deployment.engine_upgrade
    for group in deployment.servers if then else ():
        now = deployment.engine_version(group) if group.command.engine == "vllm" else None
        if now is not None and then is not None and now != then:
            yield _Upgrade(group, now, then)


def _compared(deployment: Deployment) -> Iterator[_Upgrade]:
    """Yield those whose arguments and variables are known before and after, as far as versions are known."""
    for upgrade in _upgrades(deployment):
        if not arguments.table(upgrade.bounds[0]).older:
            yield upgrade


@rule(
    Severity.info,
    reason="What changes is only known between two versions of vLLM that this tool knows. A downgrade is compared too: "
    "it takes away what newer versions brought.",
    link=_RELEASES,
    failing=Example("engine: {image: 'vllm/vllm-openai:latest'}", engine_upgrade="0.33.0"),
    passing=Example(engine_upgrade="0.33.0"),
)
def engine_upgrade_version(deployment: Deployment) -> Iterator[Violation]:
    """The versions before and after an upgrade are known, and the second one is newer."""
    then = deployment.engine_upgrade
    for group in deployment.servers if then else ():
        at = group.engine.at("image")
        if group.command.engine != "vllm":
            if group.facts and group.facts.needs_accelerator:
                message = f"{then} is taken as a version of vLLM; what changes for {group.facts.title} is not known"
                yield Violation(message, at, f"read the release notes of {group.facts.title}")
            continue
        now = deployment.engine_version(group)
        if now is None:
            message = f"the image {group.engine.image} does not tell the version in use, so nothing is compared with it"
            yield Violation(message, at, "give --vllm-version")
        elif then is not None and then < now:
            message = f"vLLM {then} is older than the version in use, {now}: this is a downgrade"
            yield Violation(message, at, "check that nothing needs what the newer version brought")
        elif now == then:
            yield Violation(f"vLLM {then} is the version in use", at, "give another version")


@rule(
    Severity.info,
    reason="A setting that is left to the engine changes with its default, without a change of the values.",
    link="https://docs.vllm.ai/en/latest/cli/serve/",
    failing=Example("engine: {image: 'vllm/vllm-openai:v0.19.0'}", engine_upgrade="0.33.0"),
    passing=Example(
        "engine: {image: 'vllm/vllm-openai:v0.19.0', args: {gpu-memory-utilization: 0.9}}", engine_upgrade="0.20.0"
    ),
)
def engine_upgrade_default(deployment: Deployment) -> Iterator[Violation]:
    """A default that changes with the version is known."""
    for upgrade in _compared(deployment):
        group = upgrade.group
        for change in default_changes(upgrade.now, upgrade.then):
            name = change.argument.name
            if not group.lacks(name) or group.command.switch(name) is not None:
                continue
            yield Violation(
                f"--{name} is not set, and its default changed in vLLM {change.changed}: "
                f"from {_default(change.before)} to {_default(change.after)}",
                group.engine.flag(name),
                f"to keep it, set {_setting(name, change.before)}"
                if change.before not in (None, [])
                else "set the value that you want, if the new default is not it",
            )


def _default(value: Any) -> str:
    """Return a default for a sentence."""
    if value is None:
        return "vLLM's own choice"
    return json.dumps(value) if isinstance(value, list | dict | bool) else str(value)


def _setting(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no-{name}"
    return f"--{name} '{json.dumps(value)}'" if isinstance(value, list | dict) else f"--{name} {value}"


@rule(
    Severity.warning,
    reason="vLLM prints a warning for a deprecated argument, and a later version exits on it.",
    link="https://docs.vllm.ai/en/latest/contributing/deprecation_policy/",
    failing=Example("engine: {args: {mamba-cache-mode: align}}", engine_upgrade="0.33.0"),
    passing=Example("engine: {args: {mamba-cache-mode: align}}", engine_upgrade="0.31.0"),
)
def engine_upgrade_deprecated(deployment: Deployment) -> Iterator[Violation]:
    """No flag is used that another version deprecates."""
    for upgrade in _compared(deployment):
        now, then = arguments.table(upgrade.now), arguments.table(upgrade.then)
        for flag in upgrade.group.command.flags:
            before, after = now.find(flag.spelling), then.find(flag.spelling)
            if before and after and after.deprecated and not before.deprecated:
                changed = since(upgrade.now, upgrade.then, partial(_deprecated, flag.spelling))
                yield Violation(
                    f"{flag.spelling} is deprecated in vLLM {changed}",
                    upgrade.group.engine.option(flag),
                    arguments.replacement(flag.spelling) or "plan to do without it",
                )


def _deprecated(spelling: str, version: Version) -> bool:
    argument = arguments.table(version).find(spelling)
    return argument is not None and argument.deprecated


@rule(
    Severity.warning,
    reason="vLLM ignores a variable that it does not know, so a default decides instead. A variable that another "
    "version begins to read takes effect with it.",
    link="https://docs.vllm.ai/en/latest/configuration/env_vars/",
    failing=Example(
        "engine: {image: 'vllm/vllm-openai:v0.13.0', env: {VLLM_ATTENTION_BACKEND: FLASH_ATTN}}",
        engine_upgrade="0.33.0",
    ),
    passing=Example("engine: {env: {VLLM_LOGGING_LEVEL: INFO}}", engine_upgrade="0.33.0"),
)
def engine_upgrade_variable(deployment: Deployment) -> Iterator[Violation]:
    """Variables are read by the version before and after an upgrade."""
    for upgrade in _compared(deployment):
        group, (now, then) = upgrade.group, (arguments.table(side).version for side in upgrade[1:])
        for name in group.engine.env:
            before, after = variables.reads(name, now), variables.reads(name, then)
            if before == after:
                continue
            changed = since(now, then, partial(variables.reads, name))
            gone = before and not after
            flag = f"--{name.removeprefix('VLLM_').lower().replace('_', '-')}"
            instead = arguments.table(then).find(flag) if gone else None
            yield Violation(
                f"vLLM {then} {'does not read' if gone else 'reads'} {name}, which {now} "
                f"{'reads' if gone else 'does not read'}: this changed in {changed}",
                group.engine.at(f"env[{name}]"),
                (f"set {flag} instead" if instead else "remove it") if gone else "remove it if it is not meant",
                Severity.info if not gone or is_modified(group.engine.image) else None,
            )


@rule(
    Severity.info,
    reason="Another version may use memory, caches, runners and keys in another way with the same settings.",
    link=_RELEASES,
    failing=Example("engine: {image: 'vllm/vllm-openai:v0.19.0'}", engine_upgrade="0.33.0"),
    passing=Example(engine_upgrade="0.33.0"),
)
def engine_upgrade_behavior(deployment: Deployment) -> Iterator[Violation]:
    """What an engine does otherwise is known before an upgrade."""
    for upgrade in _upgrades(deployment):
        group, (old, new) = upgrade.group, upgrade.bounds
        for change in group.facts.changes if group.facts else ():
            if old < number(change.since) <= new and _concerns(change, group):
                before = "" if upgrade.now < upgrade.then else "no longer the case: "
                message = f"{change.subject}: {before}since vLLM {change.since}, {change.effect}"
                yield Violation(message, group.engine.at("image"), change.fix)
        yield from _hybrid_manager(upgrade)


def _concerns(change: VersionChange, group: PodGroup) -> bool:
    given = {option.name for option in group.command.flags} | set(group.engine.env)
    needed = not change.only_with or any(name in given for name in change.only_with)
    return needed and not any(name in given for name in change.unless)


def _hybrid_manager(upgrade: _Upgrade) -> Iterator[Violation]:
    """Yield whether the connector no longer decides on the hybrid KV cache manager, or begins to."""
    group = upgrade.group
    (before, connector), (after, other) = (hybrid_manager(group, side) for side in (upgrade.now, upgrade.then))
    if before == after or group.command.partial:
        return
    off = f"{connector or other} switches the hybrid KV cache manager off"
    choice = "models with several kinds of attention then keep a smaller cache, and both roles must agree"
    yield Violation(
        f"transfer: {off} in vLLM {upgrade.now if connector else upgrade.then}, and not in "
        f"{upgrade.then if connector else upgrade.now}; {choice}",
        group.engine.flag("disable-hybrid-kv-cache-manager"),
        "to decide it yourself, set --disable-hybrid-kv-cache-manager or --no-disable-hybrid-kv-cache-manager",
    )


@rule(
    Severity.warning,
    reason="Engines compare their versions before one fetches the KV cache of another, and refuse where they differ. A "
    "rolling update of both roles has old and new pods at the same time.",
    link="https://github.com/vllm-project/vllm/blob/v0.33.0/vllm/distributed/kv_transfer/kv_connector/v1/nixl/metadata.py",
    failing=Example(base="pd", engine_upgrade="0.33.0"),
    passing=Example(engine_upgrade="0.33.0"),
)
def engine_upgrade_handover(deployment: Deployment) -> Iterator[Violation]:
    """Old and new pods of prefill and decode can hand over to each other during an upgrade."""
    if not all(deployment.prefill_and_decode) or are_screened(deployment):
        return
    for upgrade in _upgrades(deployment):
        handshake = upgrade.group.peers.handshake if upgrade.group.peers else None
        old, new = upgrade.bounds
        if handshake is None or old < number(handshake.since) or is_off(handshake, upgrade.group):
            continue
        factors = [item.name for item in handshake.factors if item.since and old < number(item.since) <= new]
        more = f"; {new} compares {', '.join(factors)} too" if factors else ""
        yield Violation(
            f"pods of vLLM {upgrade.now} and {upgrade.then} refuse each other's KV cache: a request that meets both "
            f"{'is computed again' if recomputes(upgrade.group) else 'fails'}, until all are updated{more}",
            upgrade.group.engine.at("image"),
            "install the new version as a second release next to this one and move the route's weights to it, or set "
            "routing.revisionGating.enabled before the upgrade",
        )
        return
