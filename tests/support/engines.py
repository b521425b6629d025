"""Values that serve one model with one engine, and what tests look up in their render."""

from __future__ import annotations

from typing import Any

from modelservice import facts
from support.render import Objects

IMAGES = {engine.type: engine.images.example for engine in facts.engines()}


def single(engine: str = "vllm", **artifacts: Any) -> dict[str, Any]:
    """One role, no proxy, an engine of the given type; keywords are fields of ``modelArtifacts``."""
    return {
        "modelArtifacts": {"name": "served", **artifacts},
        "engine": {"type": engine, "image": IMAGES[engine]},
        "routing": {"proxy": {"enabled": False}},
        "prefill": {"create": False},
    }


def secret(name: str, key: str) -> dict[str, Any]:
    """A ``valueFrom`` that takes a key of a Secret."""
    return {"secretKeyRef": {"name": name, "key": key}}


def volumes(objects: Objects) -> dict[str, dict[str, Any]]:
    """Volumes of the decode pod by name."""
    return {volume["name"]: volume for volume in objects.pod().get("volumes", [])}
