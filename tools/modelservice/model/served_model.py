"""The model that pods serve, by the names that their command and the values give it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup

if TYPE_CHECKING:
    from modelservice.models.catalogue import KnownModel


def known_model(deployment: Deployment, group: PodGroup) -> KnownModel | None:
    """Return what is known of the pods' model; None where none of its names is known.

    Raises:
        UsageError: its configuration cannot be fetched.
    """
    found = (deployment.models.find(name) for name in names(deployment, group))
    return next((known for known in found if known), None)


def names(deployment: Deployment, group: PodGroup) -> Iterator[str]:
    """Yield the names of the pods' model: what the engine loads, then what the values call it.

    The engine may load a directory whose name says nothing.
    """
    uri = str(deployment.value("modelArtifacts.uri") or "")
    given = (group.command.model, "" if "{{" in uri else uri, deployment.value("modelArtifacts.name"))
    yield from dict.fromkeys(str(name) for name in given if name)
