"""What listens on the ports of a pod, also where neither a flag nor a declared port says so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelservice.model.pods import PodGroup

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Listener:
    """A program that listens on a port of a pod."""

    port: int
    container: str
    purpose: str
    """E.g. ``engine``, ``supervisor``, ``proxy``, ``side channel`` or ``declared``."""
    setting: str = ""
    """What sets the port: ``--port`` or the name of a variable; empty for a declared port."""

    @property
    def internal(self) -> bool:
        """Whether only engines call the port, so that it may move without anyone else noticing."""
        return self.purpose not in ("engine", "supervisor", "proxy", "declared")


def listeners_of(group: PodGroup) -> Iterator[Listener]:
    """Yield everything that listens in pods, as far as it is known.

    In a group of pods with equal commands these are the listeners of the first one.
    """
    found = [Listener(port, group.engine.name, "engine", "--port") for port in group.engine_ports]
    if group.proxy is not None:
        found += [Listener(port, group.proxy.name, "proxy", "--port") for port in group.proxy_ports]
    found += [*_supervisor(group), *_between_engines(group)]
    yield from found
    if group.requester is None:
        yield from _declared(group, {item.port for item in found})


def _supervisor(group: PodGroup) -> Iterator[Listener]:
    supervisor = group.facts.parallelism.supervisor if group.facts else None
    if supervisor is None or not _has_mode(group, "multiPort"):
        return
    port = group.command.number(supervisor.flag, supervisor.default)
    if port is not None:
        yield Listener(port, group.engine.name, "supervisor", f"--{supervisor.flag}")


def _has_mode(group: PodGroup, mode: str) -> bool:
    """Return whether the engine is started in a data parallel mode that has a flag."""
    flag = group.facts.parallelism.data_modes.get(mode) if group.facts else None
    return bool(flag and group.command.has(flag))


def _between_engines(group: PodGroup) -> Iterator[Listener]:
    """Yield the ports by which engines talk to each other."""
    name = group.engine.name
    for port, purpose, setting in (*_of_groups(group), *_of_transfer(group), *_of_events(group)):
        yield Listener(port, name, purpose, setting)


def _of_groups(group: PodGroup) -> Iterator[tuple[int, str, str]]:
    """Yield the ports by which the processes of a group find each other: the first rank's pod listens on them."""
    known = group.facts
    if known is None or group.headless or group.part == "worker":
        return
    rpc, joins = known.parallelism.rpc, known.groups
    if rpc and _waits_for_ranks(group):
        port = group.command.number(rpc.flag, rpc.default)
        if port is not None:
            yield port, "data parallel RPC", f"--{rpc.flag}"
    if joins and joins.master_port and (group.command.number(joins.nodes, 1) or 1) > 1:
        port = group.command.number(joins.master_port.flag, joins.master_port.default)
        if port is not None:
            yield port, "group master", f"--{joins.master_port.flag}"
    address = group.command.value(joins.address) if joins and joins.address_port else None
    number = re.search(r":(\d+)$", str(address)) if address else None
    if joins and number:
        yield int(number[1]), "group master", f"--{joins.address}"


def _waits_for_ranks(group: PodGroup) -> bool:
    """Return whether the first rank waits for others over the network: those of other pods, or of other processes."""
    size, local = group.command.number("data-parallel-size", 1), group.local_ranks
    if size is None or local is None or size < 2 or group.command.value("data-parallel-backend") == "ray":
        return False
    start = group.command.number("data-parallel-start-rank", 0) or group.command.number("data-parallel-rank", 0)
    return not start and (local < size or _has_mode(group, "multiPort"))


def _of_transfer(group: PodGroup) -> Iterator[tuple[int, str, str]]:
    """Yield the ports by which prefill and decode hand over the KV cache."""
    peers = group.peers
    if peers is not None:
        first = _of_variable(group, peers.port, peers.default_port)
        ranks = range(group.local_ranks or 1) if first is not None else ()
        yield from (((first or 0) + rank, "side channel", peers.port) for rank in ranks)
    transfer = group.kv_transfer_facts
    bootstrap = transfer.bootstrap if transfer else None
    if transfer and bootstrap and group.command.value(transfer.mode) == bootstrap.role and group.part != "worker":
        port = group.command.number(bootstrap.flag, bootstrap.default)
        if port is not None:
            yield port, "bootstrap", f"--{bootstrap.flag}"


def _of_variable(group: PodGroup, name: str, default: int) -> int | None:
    """Return the port in a variable of the engine, else its default; None where only the container knows it."""
    value = group.engine.env.get(name)
    if isinstance(value, str) and value.isdigit():
        return int(value)
    elsewhere = group.engine.fields.get("envFrom") or any(name in word for word in group.engine.words)
    return None if value is not None or elsewhere or not default else default


def _of_events(group: PodGroup) -> Iterator[tuple[int, str, str]]:
    """Yield the ports on which the engine publishes KV events, one for each rank."""
    events = group.facts.kv_events if group.facts else None
    config = group.command.json(events.flag) if events else {}
    if events is None or any(config.get(key) != value for key, value in events.enabled.items()):
        return
    for key, default in events.endpoints.items():
        number = re.search(r"[*:]:(\d+)$", str(config.get(key) or default))
        for rank in range(group.local_ranks or 1) if number and int(number[1]) else ():
            yield int((number or [0, 0])[1]) + rank, "KV events", f"--{events.flag}"


def _declared(group: PodGroup, taken: set[int]) -> Iterator[Listener]:
    """Yield the declared ports of containers of which nothing else is known."""
    for container in group.containers:
        unknown = container is group.engine and group.engine_port is None
        if container is group.proxy or (container is group.engine and not unknown):
            continue
        for port in container.ports:
            if has_number(port) and port["containerPort"] not in taken:
                yield Listener(port["containerPort"], container.name, "declared")


def has_number(port: Object) -> bool:
    """Return whether a container port has a number."""
    return isinstance(port.get("containerPort"), int)
