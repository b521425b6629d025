"""Replicas and pods of a replica."""

from __future__ import annotations

from modelservice.importers.values_builder import ValuesBuilder


def set_replicas(builder: ValuesBuilder) -> None:
    """Take replicas and groups; give ``replicas`` or ``autoscaling``, and ``multinode``."""
    for role in builder.roles:
        source = role.source
        if source.autoscaled:
            role.values["autoscaling"] = {"enabled": True}
        elif source.replicas is not None or role.name == "prefill":
            role.values["replicas"] = 1 if source.replicas is None else source.replicas
        if source.group:
            role.values["multinode"] = True
