"""llm-d's routing sidecar: which containers are one, and of which version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelservice import facts
from modelservice.facts.models import ProgramImage
from modelservice.kubernetes.images import image_name, image_version

Object = Mapping[str, Any]

ENGINE_PORT = ("model-server-port", "vllm-port")
"""Flags of the port that the sidecar forwards to, the newer one first."""
CONNECTOR = ("kv-connector", "connector")
"""Flags of the KV connector of the engine, the newer one first."""


def is_proxy(container: Object) -> bool:
    """Return whether a container is llm-d's routing sidecar."""
    return container.get("name") == facts.routing_proxy().container or _proxy_image(container) is not None


def proxy_version(container: Object) -> tuple[int, ...] | None:
    """Return the version of the routing sidecar by its image's tag; None where that does not tell it."""
    return image_version(str(container.get("image", "")))


def _proxy_image(container: Object) -> ProgramImage | None:
    name = image_name(str(container.get("image", "")))
    return next((image for image in facts.routing_proxy().images if image.name in name), None)
