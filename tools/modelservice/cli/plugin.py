"""The program as a Helm plugin.

Helm takes its own options out of the arguments, wherever they stand, and tells the plugin in the environment:
https://helm.sh/docs/topics/plugins/#environment-variables
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OF_THE_RELEASE = ("render", "check", "explain", "plan", "endpoints")
"""Commands whose `--namespace` is that of the release."""

OF_THE_SOURCE = ("import", "generate")
"""Commands whose `--namespace` is for sources without one, so Helm's default says nothing."""


def is_plugin(environment: Mapping[str, str]) -> bool:
    """Return whether Helm runs the program."""
    return bool(environment.get("HELM_PLUGIN_NAME"))


def defaults(environment: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return the options that Helm took, by command."""
    namespace = environment.get("HELM_NAMESPACE")
    if not is_plugin(environment) or not namespace:
        return {}
    commands = OF_THE_RELEASE if namespace == "default" else (*OF_THE_RELEASE, *OF_THE_SOURCE)
    return {command: {"namespace": namespace} for command in commands}


def debug(environment: Mapping[str, str]) -> bool:
    """Return whether Helm was called with `--debug`."""
    return is_plugin(environment) and environment.get("HELM_DEBUG", "").lower() in ("1", "t", "true")
