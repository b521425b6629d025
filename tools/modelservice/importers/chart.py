"""The chart that imports are written for: its defaults, and a render of it in process."""

from __future__ import annotations

from functools import cache
from typing import Any

from modelservice.errors import ModelserviceError
from modelservice.helm import EmbeddedHelm, Release
from modelservice.paths import chart_dir
from modelservice.values import Values

DEFAULTS: dict[str, Any] = Values().model_dump(by_alias=True, mode="json")
"""The chart's default values."""

MOUNT_PATH: str = DEFAULTS["modelArtifacts"]["mountPath"]
"""Where the chart mounts the model by default."""


@cache
def chart() -> EmbeddedHelm:
    """Return the chart, loaded once."""
    return EmbeddedHelm(chart_dir())


def check_renders(values: dict[str, Any], namespace: str) -> None:
    """Render values and throw the result away.

    Raises:
        ModelserviceError: the chart rejects them.
    """
    chart().render(values, Release("imported", namespace or "default")).objects  # noqa: B018


def renders(values: dict[str, Any], namespace: str) -> bool:
    """Return whether the chart accepts values."""
    try:
        check_renders(values, namespace)
    except ModelserviceError:
        return False
    return True
