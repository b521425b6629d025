"""The model that pods serve, by the names that their command and the values give it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup

if TYPE_CHECKING:
    from modelservice.models.catalogue import KnownModel
    from modelservice.models.engine_settings import EngineSettings
    from modelservice.models.shape import ModelShape


def known_model(deployment: Deployment, group: PodGroup) -> KnownModel | None:
    """Return what is known of the pods' model; None where none of its names is known.

    A name that only the values give says nothing for certain of what the engine loads.

    Raises:
        UsageError: its configuration cannot be fetched.
    """
    command = group.command
    revision = command.value("revision") or ""
    for name in names(deployment, group):
        if known := deployment.models.find(name, revision):
            own = name == command.model and bool(revision) == command.has("revision")
            return known if own else replace(known, verified=False)
    return None


def draft_model(deployment: Deployment, name: str, revision: str = "") -> KnownModel | None:
    """Return what is known of a draft model for speculative decoding; None without a name.

    Raises:
        UsageError: its configuration cannot be fetched.
    """
    return deployment.models.find(name, revision) if name else None


def draft_shape(deployment: Deployment, settings: EngineSettings) -> ModelShape | None:
    """Return the shape of the draft model of speculative decoding; None without, and where it is not known.

    Raises:
        UsageError: its configuration cannot be fetched.
    """
    draft = draft_model(deployment, settings.speculation.model if settings.speculation else "")
    return draft.shape if draft else None


def names(deployment: Deployment, group: PodGroup) -> Iterator[str]:
    """Yield the names of the pods' model: what the engine loads, then what the values call it.

    The engine may load a directory whose name says nothing.
    """
    uri = str(deployment.value("modelArtifacts.uri") or "")
    given = (group.command.model, "" if "{{" in uri else uri, deployment.value("modelArtifacts.name"))
    yield from dict.fromkeys(str(name) for name in given if name)
