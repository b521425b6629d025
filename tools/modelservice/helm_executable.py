"""Rendering with a helm executable, driven by pyhelm3."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyhelm3

from modelservice.errors import ModelserviceError, UsageError
from modelservice.helm import SCHEMA, Release, load_chart
from modelservice.helm_log import without_records
from modelservice.refusals import explained
from modelservice.rendered import Rendered

# pyhelm3 logs each failed command; without a handler Python prints that to standard error, next to our own message.
logging.getLogger("pyhelm3").addHandler(logging.NullHandler())


class HelmExecutable:
    """A helm executable."""

    def __init__(self, chart: Path, executable: str) -> None:
        self.path = chart
        self.executable = found_helm(executable, fix="install helm, or leave --helm out to use the embedded one")
        self._command = pyhelm3.Command(executable=self.executable)

    def render(
        self,
        values: Mapping[str, Any],
        release: Release,
        *,
        kube_version: str | None = None,
        api_versions: Sequence[str] = (),
    ) -> Rendered:
        arguments = ["template", release.name, str(self.path), "--namespace", release.namespace, "--values", "-"]
        if kube_version:
            arguments += ["--kube-version", kube_version]
        for version in api_versions:
            arguments += ["--api-versions", version]
        return Rendered(by_template(self._run(arguments, values)))

    def lint(self, values: Mapping[str, Any]) -> list[str]:
        try:
            self._run(["lint", str(self.path), "--strict", "--values", "-"], values)
        except ModelserviceError as error:
            return str(error).splitlines()
        return []

    def _run(self, arguments: list[str], values: Mapping[str, Any]) -> str:
        try:
            output: bytes = asyncio.run(self._command.run(arguments, json.dumps(values).encode()))
            return output.decode()
        except pyhelm3.errors.Error as error:
            text = without_records(error.stderr.decode()).removeprefix("Error: ")
            text = text.replace("Use --debug flag to render out invalid YAML", "").strip()
            if "invalid kube version" in text:
                raise UsageError(text) from None
            raise explained(text, load_chart(self.path).name, _schema(self.path), values) from None


def found_helm(executable: str, *, fix: str) -> str:
    """Return the path of a helm executable.

    A program that does not say that it is Helm is rejected: any that exits with 0 would pass for an empty chart.
    pyhelm3's own check rejects the ``v4.3`` of a helm built from its module without version flags.

    Raises:
        UsageError: there is no such program, or it is not Helm.
    """
    found = shutil.which(executable)
    if found is None:
        raise UsageError(f"no program {executable}", fix=fix)
    with contextlib.suppress(pyhelm3.errors.Error, UnicodeDecodeError):
        command = pyhelm3.Command(executable=found)
        output: bytes = asyncio.run(command.run(["version", "--template", "{{.Version}}"]))
        if re.match(r"v[34]\b", output.decode()):
            return found
    raise UsageError(f"{executable} is not Helm 3 or 4", fix="name a helm executable, or leave --helm out")


def _schema(chart: Path) -> dict[str, Any] | None:
    with contextlib.suppress(OSError, ValueError):
        schema: dict[str, Any] = json.loads((chart / SCHEMA).read_text(encoding="utf-8"))
        return schema
    return None


def by_template(stream: str) -> dict[str, str]:
    """Split the output of `helm template` or `helm get manifest` at its source comments."""
    templates: dict[str, str] = {}
    for part in re.split(r"^---$", stream, flags=re.MULTILINE):
        source = re.search(r"^# Source: (\S+)$", part, flags=re.MULTILINE)
        if source:
            templates[source[1]] = templates.get(source[1], "") + "---" + part
    return templates
