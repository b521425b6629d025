"""Can one engine use the KV cache of another? What both sides compare, and what must fit anyway."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from modelservice.engines.version import Version, vllm_version
from modelservice.facts.models import BlockSizes, Handshake, HandshakeFactor
from modelservice.facts.versions import holds, number
from modelservice.model.pods import PodGroup

_UNKNOWN = object()
"""A value that only the container knows."""


@dataclass(frozen=True)
class Side:
    """Pods on one side of a hand-over.

    Args:
        group: the pods.
        version: version of their engine; None where it is not known.
    """

    group: PodGroup
    version: Version | None


@dataclass(frozen=True)
class Difference:
    """A setting in which two sides differ.

    Args:
        name: the setting in a sentence, e.g. ``--kv-cache-dtype`` or ``the image``.
        values: what each side has.
        flag: the flag that decides it; empty for the image and what else is no flag.
        certain: whether the hand-over is sure to fail; False where both may come to the same in the end.
    """

    name: str
    values: tuple[str, str]
    flag: str = ""
    certain: bool = True


def differences(producer: Side, consumer: Side) -> Iterator[Difference]:
    """Yield what keeps a consumer of the KV cache from using a producer's.

    Nothing is said of engines without a KV transfer, or of two different ones.
    """
    sides = (producer, consumer)
    transfer = producer.group.kv_transfer_facts
    if transfer is None or producer.group.command.engine != consumer.group.command.engine:
        return
    peers = producer.group.peers if consumer.group.peers else None
    handshake = peers.handshake if peers else None
    blocks = peers.blocks if peers else None
    compared = handshake is not None and all(
        side.version is None or side.version >= number(handshake.since) for side in sides
    )
    if handshake is not None and compared:
        if not any(is_off(handshake, side.group) for side in sides):
            yield from _handshake(handshake, sides)
    else:
        for flag in transfer.equal:
            if blocks is None or flag != blocks.flag:
                yield from _flag(HandshakeFactor(name=flag, flag=flag), sides)
    if blocks is not None:
        yield from _blocks(blocks, sides)


def weights(producer: Side, consumer: Side) -> Iterator[Difference]:
    """Yield what makes two sides compute with different weights, though the cache of one fits the other."""
    transfer = producer.group.kv_transfer_facts
    for flag in transfer.weights if transfer else ():
        for found in _flag(HandshakeFactor(name=flag, flag=flag, may_be_default=".*"), (producer, consumer)):
            yield Difference(found.name, found.values, flag, certain=False)


def is_off(handshake: Handshake, group: PodGroup) -> bool:
    """Return whether an engine is told not to compare."""
    return str(group.kv_connector_settings.get(handshake.switch)).lower() in ("false", "0")


def recomputes(group: PodGroup) -> bool:
    """Return whether an engine computes a prompt again whose cache it cannot take over, so that no request fails."""
    settings = group.peers.recompute if group.peers else {}
    return bool(settings) and all(group.kv_transfer.get(name) == value for name, value in settings.items())


def _handshake(handshake: Handshake, sides: tuple[Side, Side]) -> Iterator[Difference]:
    told: set[str] = set()
    for factor in handshake.factors:
        setting = "image" if factor.image else factor.flag or factor.name
        if setting in told or not all(_may_hold(factor, side.version) for side in sides):
            continue
        told.add(setting)
        sure = not (factor.since or factor.until) or None not in (sides[0].version, sides[1].version)
        for found in _images(sides) if factor.image else _flag(factor, sides):
            yield Difference(found.name, found.values, found.flag, found.certain and sure)


def _may_hold(factor: HandshakeFactor, version: Version | None) -> bool:
    return version is None or holds(factor, version)


def _images(sides: tuple[Side, Side]) -> Iterator[Difference]:
    """Yield the versions of two images where they differ, or the images where a version is not known."""
    first, second = (side.group for side in sides)
    images = first.engine.image, second.engine.image
    versions = vllm_version(images[0]), vllm_version(images[1])
    if versions[0] is not None and versions[1] is not None:
        yield from _builds(first, second, (str(versions[0]), str(versions[1])))
    elif images[0] != images[1] and all(images) and not _vendors_differ(first, second):
        yield Difference("the image", images, certain=False)


def _builds(first: PodGroup, second: PodGroup, versions: tuple[str, str]) -> Iterator[Difference]:
    """Yield the full versions of two images where they differ, or the images where a build may be of another one."""
    images = first.engine.image, second.engine.image
    if versions[0] != versions[1]:
        yield Difference("vLLM", versions)
    elif first.facts is not None and re.search(first.facts.images.versioned, images[0]):
        parts = first.facts.images
        builds, variants = (tuple(_part(word, image) for image in images) for word in (parts.build, parts.variant))
        if builds[0] != builds[1]:
            yield Difference("vLLM", (builds[0], builds[1]))
        elif variants[0] != variants[1] and not _vendors_differ(first, second):
            yield Difference("the image", images, certain=False)


def _part(expression: str, image: str) -> str:
    """Return the first part of an image's tag that an expression finds; empty where there is none."""
    found = re.search(expression, image.partition("@")[0].rpartition(":")[2]) if expression else None
    return found[0] if found else ""


def _flag(factor: HandshakeFactor, sides: tuple[Side, Side]) -> Iterator[Difference]:
    """Yield a setting where its values differ, as far as both are known."""
    first, second = (_value(factor, side) for side in sides)
    if first == second or _UNKNOWN in (first, second):
        return
    if factor.flag in _BY_VENDOR and _vendors_differ(sides[0].group, sides[1].group):
        return
    stated = [value for value in (first, second) if value is not None]
    chosen = len(stated) == 1 and re.fullmatch(factor.may_be_default, str(stated[0])) is not None
    shown = tuple("(default)" if value is None else str(value) for value in (first, second))
    name = f"--{factor.flag}" if factor.flag else factor.extra or "kv_connector"
    yield Difference(name, (shown[0], shown[1]), factor.flag, certain=not chosen)


_BY_VENDOR = ("block-size", "page-size", "dtype", "quantization")
"""Flags whose right value may differ between two kinds of hardware."""


def _value(factor: HandshakeFactor, side: Side) -> object:
    """Return what decides a factor: None for the engine's default."""
    group = side.group
    if factor.connectors:
        found = {factor.connectors[name] for name in group.kv_connectors if name in factor.connectors}
        return found.pop() if len(found) == 1 else _UNKNOWN
    if factor.extra:
        value: object = group.kv_connector_settings.get(factor.extra)
        return None if value is None or str(value).lower() == factor.default else str(value).lower()
    if factor.keys:
        return _object(factor, group)
    return _word(factor, side)


def _word(factor: HandshakeFactor, side: Side) -> object:
    group = side.group
    option, switch = group.command.get(factor.flag), group.command.switch(factor.flag)
    value: str | None = None
    if factor.flag == "model":
        value = group.command.model
    elif option is not None and option.values:
        value = option.values[0]
    elif switch is not None:
        value = str(switch).lower()
    elif factor.variable and (side.version is None or side.version < number(factor.variable_until)):
        value = group.engine.env.get(factor.variable)
    if value is None:
        return _UNKNOWN if group.command.partial else None
    if not isinstance(value, str) or "$" in value:
        return _UNKNOWN
    return None if value == factor.default else value


def _object(factor: HandshakeFactor, group: PodGroup) -> object:
    """Return the keys of a flag's JSON object that are compared, as JSON; None where nothing of it is."""
    given = group.command.json(factor.flag)
    if not given and not group.command.has(factor.flag):
        return _UNKNOWN if group.command.partial else None
    if "method" not in given:
        return _UNKNOWN
    if given["method"] not in factor.methods:
        return None
    return json.dumps({key: given[key] for key in factor.keys if given.get(key) is not None}, sort_keys=True)


def _blocks(blocks: BlockSizes, sides: tuple[Side, Side]) -> Iterator[Difference]:
    """Yield sizes of cache blocks that do not fit; what an engine chooses itself is not known."""
    sizes = tuple(side.group.command.number(blocks.flag) for side in sides)
    if None in sizes or sizes[0] == sizes[1] or _vendors_differ(sides[0].group, sides[1].group):
        return
    produced, consumed = (size or 0 for size in sizes)
    versions = [side.version for side in sides if side.version is not None]
    oldest = min(versions) if len(versions) == len(sides) else None
    buffered = any(side.group.kv_transfer.get("kv_buffer_device") == "cpu" for side in sides)
    fits = not buffered and produced > 0 and consumed % produced == 0
    allowed_since = blocks.multiple_since if fits else blocks.any_since
    if not buffered and oldest is not None and oldest >= number(allowed_since):
        return
    yield Difference(f"--{blocks.flag}", (str(produced), str(consumed)), blocks.flag, certain=oldest is not None)


def _vendors_differ(first: PodGroup, second: PodGroup) -> bool:
    kinds = [{name.partition("/")[0] for name in group.accelerators} for group in (first, second)]
    return kinds[0] != kinds[1]
