"""Rendering with Helm.

Two renderers behind one interface: embedded Helm, which needs no program, and a helm executable. Both report the
same errors in the same words, because both carry the same engine and validator.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from modelservice.errors import UsageError
from modelservice.helm_library import helm_python
from modelservice.helm_log import translated
from modelservice.paths import chart_dir
from modelservice.refusals import explained
from modelservice.rendered import Rendered

if TYPE_CHECKING:
    import jsonschema_rs

SCHEMA = "values.schema.json"

_RELEASE_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
"""https://github.com/helm/helm/blob/v4.3.1/pkg/chart/v2/util/validate_name.go"""


@dataclass(frozen=True)
class Release:
    """A release that a chart is rendered for."""

    name: str = "modelservice"
    namespace: str = "default"

    def __post_init__(self) -> None:
        """Reject a name that Helm rejects; the embedded one renders any.

        Raises:
            UsageError: Helm would not install a release of this name.
        """
        if len(self.name) > 53 or not _RELEASE_NAME.fullmatch(self.name):
            raise UsageError(
                f"not a release name: {self.name!r}",
                fix="use at most 53 lowercase letters, digits, '-' and '.', with a letter or digit at both ends",
            )


class Renderer(Protocol):
    """Renders a chart and lints it."""

    def render(
        self,
        values: Mapping[str, Any],
        release: Release,
        *,
        kube_version: str | None = None,
        api_versions: Sequence[str] = (),
    ) -> Rendered:
        """Render the chart.

        Raises:
            ValuesError: the schema or the templates reject the values.
            ModelserviceError: the chart does not render.
        """
        ...

    def lint(self, values: Mapping[str, Any]) -> list[str]:
        """Return the problems that Helm's linter finds, one line each."""
        ...


def renderer(which: str, chart: Path) -> Renderer:
    """Return the renderer that `--helm` names: ``embedded``, or the name or path of a helm executable.

    Raises:
        UsageError: there is no such executable, no chart, or a chart that it depends on is not in it.
    """
    if not (chart / "Chart.yaml").is_file() and chart.suffix != ".tgz":
        raise UsageError("not a chart: it has no Chart.yaml", file=str(chart))
    if which == "embedded":
        return EmbeddedHelm(chart)
    from modelservice.helm_executable import HelmExecutable

    if chart != chart_dir():
        _require_dependencies(load_chart(chart), chart)
    return HelmExecutable(chart, which)


class EmbeddedHelm:
    """Helm as a library (helm-python-sdk). The chart is loaded once, and its schema compiled once."""

    def __init__(self, chart: Path) -> None:
        self.path = chart
        self._chart = load_chart(chart)
        _require_dependencies(self._chart, chart)
        self._rendered = False

    def render(
        self,
        values: Mapping[str, Any],
        release: Release,
        *,
        kube_version: str | None = None,
        api_versions: Sequence[str] = (),
    ) -> Rendered:
        options: dict[str, Any] = {"name": release.name, "namespace": release.namespace}
        if kube_version:
            options["kube_version"] = kube_version
        if api_versions:
            options["api_versions"] = list(api_versions)
        try:
            with translated():
                return Rendered(_native_render(self._chart_for(values), values, options))
        except helm_python.HelmInvalidArgError as error:
            raise UsageError(error.detail) from None
        except helm_python.HelmError as error:
            raise explained(error.detail, self._chart.name, self._chart.schema, values) from None

    def lint(self, values: Mapping[str, Any]) -> list[str]:
        with translated():
            report = helm_python.lint(self.path, dict(values), strict=True)
        findings = [message["error"] for message in report["messages"] if message["severity"] >= 2]
        return findings + [error for error in report["errors"] if error not in findings]

    def _chart_for(self, values: Mapping[str, Any]) -> helm_python.Chart:
        """Return the chart without its schema for values that the schema accepts; otherwise Helm reports why.

        Compiling the schema takes as long as one validation by Helm, so it pays off from the second render on.
        """
        first, self._rendered = not self._rendered, True
        if first or self._validator is None:
            return self._chart
        accepted = self._validator.is_valid(self._chart.merge_values(dict(values)))
        return self._chart_without_schema if accepted else self._chart

    @functools.cached_property
    def _validator(self) -> jsonschema_rs.Draft7Validator | None:
        """The chart's schema. Helm compiles it anew in each render, which takes longer than the render itself.

        None where that cannot be avoided: Helm also validates against the schemas of subcharts, and an archive
        would have to be unpacked.
        """
        schema = self._chart.schema
        if schema is None or not self.path.is_dir() or self._chart.dependencies:
            return None
        import jsonschema_rs

        return jsonschema_rs.Draft7Validator(schema)

    @functools.cached_property
    def _chart_without_schema(self) -> helm_python.Chart:
        """The library always validates against a schema that the chart has, so it gets a copy in memory."""
        import gzip
        import io
        import tarfile

        # Names from the loaded chart, because an archive does not heed .helmignore.
        names = [item["name"] for item in (*self._chart.templates, *self._chart.files)]
        files = [self.path / name for name in ("Chart.yaml", "values.yaml", *names)]
        buffer = io.BytesIO()
        with (
            gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=0) as stream,
            tarfile.open(fileobj=stream, mode="w") as archive,
        ):
            for file in files:
                if file.is_file() and file != self.path / SCHEMA:
                    archive.add(file, f"{self.path.name}/{file.relative_to(self.path)}")
        return helm_python.Chart.load_archive(buffer.getvalue())


def load_chart(chart: Path) -> helm_python.Chart:
    """Return a chart.

    Raises:
        UsageError: it cannot be loaded.
    """
    try:
        return helm_python.Chart.load(chart)
    except helm_python.HelmError as error:
        raise UsageError(f"cannot be loaded as a chart: {error.detail}", file=str(chart)) from None


def _require_dependencies(loaded: helm_python.Chart, chart: Path) -> None:
    """Reject a chart without its dependencies in ``charts/``, as Helm does; embedded Helm would leave them out.

    Raises:
        UsageError: one is missing.
    """
    declared = dict.fromkeys(str(item["name"]) for item in loaded.metadata.get("dependencies") or [])
    there = {item["name"] for item in loaded.dependencies} if declared else set()
    if missing := [name for name in declared if name not in there]:
        build = f"run helm dependency build {chart}"
        raise UsageError(
            f"a chart whose dependencies are not there yet: {', '.join(missing)}",
            file=str(chart),
            fix=build if chart.is_dir() else "run helm dependency build before helm package",
        )


def _native_render(chart: helm_python.Chart, values: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, str]:
    """Render through the library's native entry point: its Python method lacks the Kubernetes version and the API
    versions, which the library takes.
    """
    text = helm_python._native.call_string("helm_render", chart._raw(), json.dumps(values), json.dumps(options))
    templates: dict[str, str] = json.loads(text)
    return templates
