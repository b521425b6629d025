"""``modelservice cluster``: a local control plane to try values on, with helm and kubectl."""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from localcluster.binaries import KUBERNETES, cache_dir
from modelservice.errors import ModelserviceError, UsageError

app = typer.Typer(no_args_is_help=True, help="A local Kubernetes control plane: real API server, nodes as objects.")
console = Console(stderr=True)

Name = Annotated[str, typer.Option("--name", help="Name of the cluster; several run side by side.")]


class Format(StrEnum):
    """Output formats of the status."""

    text = "text"
    json = "json"


def folder(name: str) -> Path:
    """Folder of a cluster.

    Raises:
        UsageError: the name is not one of a folder.
    """
    if not name.replace("-", "").replace("_", "").isalnum():
        raise UsageError(f"{name!r} is not a name of a cluster", fix="use letters, digits and dashes")
    return cache_dir() / "clusters" / name


@app.command()
def up(
    name: Name = "default",
    nodes: Annotated[
        list[str] | None,
        typer.Option(
            "--nodes", metavar="FILE|POOL",
            help="A file of node pools, or a ready-made pool; cpu and h100 unless pods run.",
        ),
    ] = None,
    run_pods: Annotated[
        bool, typer.Option("--run-pods", help="Add a real node, whose pods run: Linux, root, a few packages.")
    ] = False,
    kubernetes: Annotated[
        str, typer.Option("--kubernetes", metavar="VERSION", help=f"Version: {' or '.join(KUBERNETES)}.")
    ] = next(iter(KUBERNETES)),
) -> None:  # fmt: skip
    """Start a cluster; ready-made pools are h100, mi300x, gaudi, tpu and cpu, two nodes each."""
    _require_client()
    from localcluster.control_plane import ControlPlane
    from localcluster.node_pools import POOLS, read_pools
    from localcluster.process import running

    if running(folder(name)):
        raise UsageError(f"the cluster {name} is already up", fix=f"modelservice cluster down --name {name}")
    names = ([] if run_pods else ["cpu", "h100"]) if nodes is None else nodes
    wanted = [pool for given in names for pool in ([POOLS[given]] if given in POOLS else read_pools(given))]
    plane = ControlPlane(folder(name), wanted, kubernetes, real_nodes=int(run_pods))
    started = time.monotonic()
    with console.status(f"starting the cluster {name}"):
        try:
            plane.up()
        except BaseException:
            plane.down()
            raise
    fake = sum(pool.count for pool in wanted)
    made = [f"{fake} nodes"] * bool(fake) + ["one that runs pods"] * run_pods
    console.print(f"ready in {time.monotonic() - started:.1f} s: {' and '.join(made)}")
    typer.echo(f"export KUBECONFIG={plane.kubeconfig}")


@app.command()
def down(name: Name = "default") -> None:
    """Stop a cluster and remove everything of it."""
    _require_client()
    from localcluster.control_plane import ControlPlane

    if not folder(name).exists():
        raise UsageError(f"there is no cluster {name}")
    ControlPlane(folder(name)).down()


@app.command()
def status(name: Name = "default", output_format: Annotated[Format, typer.Option("--format")] = Format.text) -> None:
    """Show which programs of a cluster run; exit code 1 unless all do."""
    _require_client()
    from localcluster.control_plane import PROGRAMS
    from localcluster.process import running
    from localcluster.real_node import programs_of

    found = running(folder(name))
    wanted = [*PROGRAMS, *programs_of(folder(name))]
    if output_format is Format.json:
        typer.echo(json.dumps({"name": name, "folder": str(folder(name)), "running": found}))
    else:
        for program in wanted:
            state = (
                f"running ({found[program]})" if program in found else f"not running, see {folder(name)}/{program}.log"
            )
            typer.echo(f"{program}: {state}")
    if set(found) != set(wanted):
        raise typer.Exit(1)


@app.command()
def env(name: Name = "default") -> None:
    """Print what a shell evaluates to use a cluster: eval "$(modelservice cluster env)"."""
    kubeconfig = folder(name) / "kubeconfig"
    if not kubeconfig.is_file():
        raise ModelserviceError(f"the cluster {name} is not up", fix=f"modelservice cluster up --name {name}")
    typer.echo(f"export KUBECONFIG={kubeconfig}")


@app.command()
def load(
    archive: Annotated[Path, typer.Argument(help="File that `docker save` writes.", show_default=False)],
    name: Name = "default",
) -> None:
    """Give the nodes that run pods an image; there is no registry."""
    _require_client()
    from localcluster.real_node import load as load_image

    if not archive.is_file():
        raise UsageError("no such file", file=str(archive))
    with console.status(f"loading {archive}"):
        nodes = load_image(folder(name), archive)
    if not nodes:
        raise ModelserviceError(
            f"the cluster {name} has no node that runs pods", fix=f"modelservice cluster up --run-pods --name {name}"
        )
    console.print(f"loaded into {', '.join(nodes)}")


def _require_client() -> None:
    """Refuses where the cluster cannot work.

    Commands import its modules late, because the Kubernetes client takes half a second.

    Raises:
        UsageError: the client is not installed, or the system is not Linux.
    """
    for module in ("kubernetes", "cryptography"):
        if importlib.util.find_spec(module) is None:
            raise UsageError(f"{module} is not installed", fix="pip install 'llm-d-modelservice[cluster]'")
    if sys.platform != "linux":
        raise UsageError("the local cluster runs on Linux", fix="use kind, or any cluster through KUBECONFIG")
