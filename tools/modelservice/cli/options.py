"""Options that several commands have, and the values that they give."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelservice.cli.completion import preset_files, preset_names, stack_names, value_keys
from modelservice.errors import UsageError

if TYPE_CHECKING:
    from modelservice.assignments import Assignments
    from modelservice.model.cluster import Inventory
    from modelservice.project import Stack
    from modelservice.sources import Sources

Files = Annotated[
    list[str],
    typer.Option(
        "--values", "-f", metavar="FILE", autocompletion=preset_files,
        help="Values file, - for standard input, preset:NAME for a preset; the last wins.",
    ),
]  # fmt: skip
StackName = Annotated[
    str | None,
    typer.Option(
        "--stack", metavar="NAME", autocompletion=stack_names,
        help="Stack of .modelservice.yaml: its values files below those of -f, its pool and its nodes.",
    ),
]  # fmt: skip
MoreFiles = Annotated[list[str] | None, typer.Argument(metavar="[FILE]...", help="More values files.")]
Presets = Annotated[
    list[str],
    typer.Option(
        "--preset", metavar="NAME", autocompletion=preset_names,
        help="Preset layer below all values files, e.g. topology/pd; `modelservice presets` lists them.",
    ),
]  # fmt: skip
SetJsons = Annotated[list[str], typer.Option("--set-json", metavar="K=JSON", help="A value as JSON.")]
Sets = Annotated[
    list[str], typer.Option("--set", metavar="K=V", help="A value, in Helm's syntax.", autocompletion=value_keys)
]
SetStrings = Annotated[list[str], typer.Option("--set-string", metavar="K=V", help="A value that stays a string.")]
SetFiles = Annotated[list[str], typer.Option("--set-file", metavar="K=FILE", help="A value that is a file's content.")]
Chart = Annotated[Path | None, typer.Option("--chart", help="Directory of the chart; by default the tool's own.")]
SubchartName = Annotated[
    str | None, typer.Option("--subchart", metavar="NAME", help="Name or alias of this chart in the --chart.")
]
Engine = Annotated[str, typer.Option("--helm", metavar="embedded|PATH", help="Embedded Helm, or a helm executable.")]
Name = Annotated[str, typer.Option("--name", "-n", help="Release name; after `helm`, -n is Helm's namespace.")]
Namespace = Annotated[str, typer.Option("--namespace", help="Release namespace.")]
ModelConfigs = Annotated[
    list[str],
    typer.Option(
        "--model-config",
        metavar="[MODEL=]PATH",
        help="Configuration of a model: its directory or config.json; of all models without MODEL=.",
    ),
]
FetchModelConfig = Annotated[
    bool, typer.Option("--fetch-model-config", help="Fetch configurations of unknown models from Hugging Face.")
]
Nodes = Annotated[
    str | None, typer.Option("--nodes", metavar="FILE", help="The cluster as a file: node pools, or its objects.")
]
Cluster = Annotated[bool, typer.Option("--cluster", help="Read the cluster that the kubeconfig names.")]
CheckOnly = Annotated[bool, typer.Option("--check", help="Change nothing; fail if something would change.")]


class ManifestFormat(StrEnum):
    """Output formats of manifests and values."""

    yaml = "yaml"
    json = "json"


class PictureFormat(StrEnum):
    """Output formats of what is a picture too."""

    text = "text"
    json = "json"
    svg = "svg"


class ReportFormat(StrEnum):
    """Output formats of a report: for people or for programs."""

    text = "text"
    json = "json"


@dataclass(frozen=True)
class Given:
    """The values that the options of a command give.

    Args:
        files: values files, the last wins.
        presets: names of presets below them.
        assignments: what `--set` and its siblings change.
    """

    files: Sequence[str]
    presets: Sequence[str]
    assignments: Assignments

    @property
    def layers(self) -> list[str]:
        """Everything that is a values file, the lowest first."""
        from modelservice.presets import PREFIX

        return [*(f"{PREFIX}{name}" for name in self.presets), *self.files]

    @property
    def inputs(self) -> list[str]:
        """Everything that is read."""
        from modelservice.assignments import paths

        return [*self.layers, *paths(self.assignments.files)]

    def sources(self) -> Sources:
        """Return the values with the line of each key.

        Raises:
            UsageError: a file cannot be read, or an expression is malformed.
            ModelserviceError: a file is not a values file.
        """
        from modelservice.sources import read_sources

        read_once(self.inputs)
        return read_sources(self.layers, self.assignments)


def of_stack(name: str | None) -> Stack:
    """Return the stack that the option names; an empty one without it.

    Raises:
        UsageError: there is no such stack, or a file of it does not exist.
        ModelserviceError: the project file is malformed.
    """
    from modelservice.project import Stack, stack

    return stack(name, Path()) if name else Stack("", ())


def given(
    files: Iterable[str],
    presets: Sequence[str],
    set_jsons: Sequence[str],
    sets: Sequence[str],
    set_strings: Sequence[str],
    set_files: Sequence[str],
) -> Given:
    """Return what the options of a command give."""
    from modelservice.assignments import Assignments

    return Given(list(files), presets, Assignments(set_jsons, sets, set_strings, set_files))


def read_once(paths: Iterable[str | None]) -> None:
    """Reject options that read standard input twice."""
    if list(paths).count("-") > 1:
        raise UsageError("standard input can be read once", fix="give - once")


def one_cluster(nodes: str | None, cluster: bool, stack: Stack | None = None) -> str | None:
    """Return the file of the cluster: that of `--nodes`, else the stack's, unless `--cluster` reads the real one.

    Raises:
        UsageError: the options name two clusters.
    """
    if nodes and cluster:
        raise UsageError("--nodes and --cluster exclude each other", fix="keep one")
    return nodes or (stack.nodes if stack and not cluster else None)


def inventory(nodes: str | None, cluster: bool, namespace: str) -> Inventory | None:
    """Return the cluster that the options name; None without one.

    Raises:
        ModelserviceError: it cannot be read.
    """
    from modelservice.model.cluster import read_cluster, read_inventory

    if cluster:
        return read_cluster(namespace)
    return read_inventory(nodes) if nodes else None
