"""A release that Helm has installed: its objects and its values, as the helm executable gives them."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass

import pyhelm3

from modelservice.errors import ModelserviceError, UsageError
from modelservice.helm import Release
from modelservice.helm_executable import by_template, found_helm
from modelservice.helm_log import without_records
from modelservice.inputs import Values
from modelservice.rendered import Rendered


@dataclass(frozen=True)
class InstalledRelease:
    """A release in a cluster.

    Args:
        rendered: what Helm installed, without hooks.
        values: what the user gave.
    """

    rendered: Rendered
    values: Values


def installed_release(which: str, release: Release) -> InstalledRelease:
    """Return an installed release; Helm reads the cluster of the kubeconfig.

    Args:
        which: a helm executable; ``embedded`` for the one that runs this program as a plugin, else ``helm``.
        release: its name and namespace.

    Raises:
        UsageError: there is no such program, or no such release.
    """
    executable = os.environ.get("HELM_BIN") or "helm" if which == "embedded" else which
    found = found_helm(executable, fix="install helm, or give the old objects with --from-manifests")
    command = pyhelm3.Command(executable=found)
    namespace = ["--namespace", release.namespace]
    manifest = _get(command, ["manifest", release.name, *namespace])
    values = json.loads(_get(command, ["values", release.name, "--output", "json", *namespace])) or {}
    if not isinstance(values, dict):
        raise ModelserviceError(f"helm get values {release.name} gives no map")
    return InstalledRelease(Rendered(by_template(manifest)), values)


def _get(command: pyhelm3.Command, arguments: list[str]) -> str:
    try:
        output: bytes = asyncio.run(command.run(["get", *arguments]))
    except pyhelm3.errors.Error as error:
        text = without_records(error.stderr.decode()).removeprefix("Error: ").strip()
        raise UsageError(
            f"helm get {' '.join(arguments[:2])}: {text}", fix="check --namespace and KUBECONFIG"
        ) from None
    return output.decode()
