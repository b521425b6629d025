"""What the commands find in the files of a stack, as an editor has them."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any, TypeVar

import yaml

from modelservice.check.finding import Finding
from modelservice.check.runner import order, read, rendered, run, suppress, unreadable
from modelservice.check.suppression import Suppression, from_project
from modelservice.documents import read_source, unsaved
from modelservice.errors import ModelserviceError
from modelservice.explain.changes import Changeable
from modelservice.explain.effects import Effect, effects
from modelservice.helm import SCHEMA, Release, Renderer
from modelservice.inputs import Values, read_defaults
from modelservice.kubernetes import merge
from modelservice.lsp.positions import Text
from modelservice.lsp.tree import Tree
from modelservice.model.cluster import Inventory, read_inventory
from modelservice.model.deployment import Deployment
from modelservice.model.pool import Neighbours, Pool, read_pool
from modelservice.paths import chart_dir
from modelservice.plan.model import Plan, plan
from modelservice.project import Stack
from modelservice.sources import Path, Sources
from modelservice.subchart import chart_renderer

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Analysis:
    """What is known of a stack.

    Args:
        stack: the stack.
        findings: what `check` reports, without secrets and without what the project ignores.
        sources: the values of its files; None where one of them cannot be read.
        deployment: what they render to; None where they are rejected.
        pools: the pools of its files.
        texts: the texts of its files, by the paths that findings and sources have.
    """

    stack: Stack
    findings: Sequence[Finding]
    sources: Sources | None
    deployment: Deployment | None
    pools: Sequence[Pool]
    texts: Mapping[str, Text]

    @functools.cached_property
    def trees(self) -> Mapping[str, Tree]:
        """The keys of those files that can be parsed."""
        found = {}
        for name, text in self.texts.items():
            with contextlib.suppress(yaml.YAMLError):
                found[name] = Tree(text.content)
        return found

    @functools.cached_property
    def effective(self) -> Values:
        """The values in effect: those of the files over the chart's defaults."""
        return merge.helm(defaults(), self.sources.values, null_removes=True) if self.sources else defaults()

    @functools.cached_property
    def _effects(self) -> dict[Path, list[Effect]]:
        return {}

    @functools.cached_property
    def _changeable(self) -> Changeable:
        return Changeable(self.sources.values if self.sources else {}, chart_dir(), ())

    def effects(self, path: Path) -> list[Effect]:
        """Return the lines of the output that a key becomes; none where the values are rejected."""
        if path not in self._effects and self.deployment is not None:
            self._effects[path] = effects(path, self.deployment.objects, self._changeable, renderer(), RELEASE)
        return self._effects.get(path, [])

    @functools.cached_property
    def plan(self) -> Plan | None:
        """The plan of the deployment; None without one."""
        return plan(self.deployment, None) if self.deployment else None

    @functools.cached_property
    def manifests(self) -> str | None:
        """What `render` prints; None where the values are rejected."""
        if self.deployment is None or self.sources is None:
            return None
        return renderer().render(self.sources.values, RELEASE).manifests


RELEASE = Release()
"""The release that values are rendered for."""


@functools.cache
def renderer() -> Renderer:
    """Return the renderer of the chart, which compiles its schema once."""
    return chart_renderer("embedded", None, None)


@functools.cache
def schema() -> dict[str, Any]:
    """Return the chart's schema."""
    found: dict[str, Any] = json.loads((chart_dir() / SCHEMA).read_text(encoding="utf-8"))
    return found


@functools.cache
def defaults() -> Values:
    """Return the chart's defaults."""
    return read_defaults(chart_dir())


def analyse(stack: Stack, texts: Mapping[File, str], project: File | None = None) -> Analysis:
    """Return what is known of a stack.

    Args:
        stack: the stack.
        texts: texts by absolute path that differ from the files on disk.
        project: the project file, for the rules that it ignores.
    """
    with unsaved(texts):
        return _Reader(stack, project).analysis()


class _Reader:
    """Reads the files of a stack; what cannot be read is a finding, and the rest is read nevertheless."""

    def __init__(self, stack: Stack, project: File | None) -> None:
        self._stack = stack
        self._project = project
        self._findings: list[Finding] = []

    def analysis(self) -> Analysis:
        given = self._try(lambda: read(self._stack.values))
        neighbours = [found for path in self._stack.pools if (found := self._neighbours(path))]
        nodes = self._stack.nodes
        cluster = self._try(lambda: read_inventory(nodes)) if nodes else None
        sources, duplicates = given or (None, [])
        self._findings += duplicates
        deployment = self._deployment(sources, neighbours, cluster) if sources else None
        project = self._project
        ignored = self._try(lambda: from_project(project.parent)) if project else None
        pools = [pool for neighbour in neighbours for pool in neighbour.pools]
        texts = {path: Text(self._text(path)) for path in self._stack.files}
        return Analysis(self._stack, self._reported(ignored or []), sources, deployment, pools, texts)

    def _neighbours(self, path: str) -> Neighbours | None:
        return self._try(lambda: read_pool(path))

    def _deployment(
        self, sources: Sources, neighbours: Sequence[Neighbours], cluster: Inventory | None
    ) -> Deployment | None:
        found = self._try(lambda: rendered(sources, renderer(), RELEASE))
        deployment, rejected = found or (None, [])
        self._findings += rejected
        if deployment is not None:
            deployment.surround(neighbours, cluster)
            self._findings += run([deployment])
        return deployment

    def _reported(self, ignored: Sequence[Suppression]) -> Sequence[Finding]:
        return suppress(order(self._findings), ignored).masked().findings

    def _try(self, read_it: Callable[[], Result]) -> Result | None:
        try:
            return read_it()
        except ModelserviceError as error:
            self._findings += unreadable(error)
            return None

    def _text(self, path: str) -> str:
        """Return the text of a file; an empty one for a file that cannot be read, which is a finding already."""
        try:
            return read_source(path).text
        except ModelserviceError:
            return ""
