"""``modelservice cluster``: a local control plane to try values on, with helm and kubectl.

The cluster builds its programs from Go modules of the repository, so :mod:`localcluster` is not in the wheel. Its
modules are imported late: for `--help`, which works everywhere, and because the Kubernetes client takes half a second.
"""

from __future__ import annotations

import importlib.util
import json
import shlex
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from modelservice.cli.messages import stderr
from modelservice.cli.options import ReportFormat
from modelservice.errors import ModelserviceError, UsageError

command = typer.Typer(
    no_args_is_help=True, help="Run a local Kubernetes control plane: a real API server, nodes as objects."
)

Name = Annotated[str, typer.Option("--name", help="Name of the cluster; several can run side by side.")]


def folder(name: str) -> Path:
    """Return the folder of a cluster.

    Raises:
        UsageError: the package is installed from a wheel, or the name cannot be that of a folder.
    """
    if importlib.util.find_spec("localcluster") is None:
        raise UsageError(
            "the local cluster needs a checkout of the project",
            fix="clone it and run pip install -e '.[cluster]' there, or use kind",
        )
    from localcluster.binaries import cache_dir

    if not name.replace("-", "").replace("_", "").isalnum():
        raise UsageError(f"{name!r} is not a cluster name", fix="use letters, digits and dashes")
    return cache_dir() / "clusters" / name


@command.command()
def up(
    name: Name = "default",
    nodes: Annotated[
        list[str] | None,
        typer.Option(
            "--nodes", metavar="FILE|POOL",
            help="A file of node pools, or a ready-made pool; by default cpu and h100, with --run-pods none.",
        ),
    ] = None,
    run_pods: Annotated[
        bool, typer.Option("--run-pods", help="Add a real node that runs pods; needs Linux, root and a few packages.")
    ] = False,
    kubernetes: Annotated[
        str | None, typer.Option("--kubernetes", metavar="VERSION", help="Kubernetes version; by default the newest.")
    ] = None,
) -> None:  # fmt: skip
    """Start a cluster; the ready-made pools are h100, mi300x, gaudi, tpu and cpu, two nodes each."""
    place = folder(name)
    _require_client()
    from localcluster.binaries import KUBERNETES
    from localcluster.control_plane import ControlPlane
    from localcluster.process import running
    from modelservice.model.node_pools import POOLS, read_pools

    if running(place):
        raise UsageError(f"the cluster {name} is already up", fix=f"modelservice cluster down --name {name}")
    names = ([] if run_pods else ["cpu", "h100"]) if nodes is None else nodes
    wanted = [pool for given in names for pool in ([POOLS[given]] if given in POOLS else read_pools(given))]
    plane = ControlPlane(place, wanted, kubernetes or next(iter(KUBERNETES)), real_nodes=int(run_pods))
    started = time.monotonic()
    with stderr().status(f"starting the cluster {name}"):
        try:
            plane.up()
        except BaseException:
            plane.down()
            raise
    fake = sum(pool.count for pool in wanted)
    made = [f"{fake} nodes"] * bool(fake) + ["one that runs pods"] * run_pods
    stderr().print(f"ready in {time.monotonic() - started:.1f} s: {' and '.join(made)}")
    typer.echo(_export(plane.kubeconfig))


@command.command()
def down(name: Name = "default") -> None:
    """Stop a cluster and remove everything that belongs to it."""
    place = folder(name)
    _require_client()
    from localcluster.control_plane import ControlPlane

    if not place.exists():
        raise UsageError(f"there is no cluster {name}")
    ControlPlane(place).down()


@command.command()
def status(
    name: Name = "default", output_format: Annotated[ReportFormat, typer.Option("--format")] = ReportFormat.text
) -> None:
    """Show which programs of a cluster run; exit with 1 unless all do."""
    place = folder(name)
    _require_client()
    from localcluster.control_plane import PROGRAMS
    from localcluster.process import running
    from localcluster.real_node import programs_of

    if not place.exists() and output_format is ReportFormat.text:
        raise ModelserviceError(f"the cluster {name} is not up", fix=f"modelservice cluster up --name {name}")
    found = running(place)
    wanted = [*PROGRAMS, *programs_of(place)]
    if output_format is ReportFormat.json:
        typer.echo(json.dumps({"name": name, "folder": str(place), "running": found}))
    else:
        for program in wanted:
            log = place / f"{program}.log"
            where = f", see {log}" if log.exists() else ""
            typer.echo(
                f"{program}: running ({found[program]})" if program in found else f"{program}: not running{where}"
            )
    if set(found) != set(wanted):
        raise typer.Exit(1)


@command.command()
def env(name: Name = "default") -> None:
    """Print what a shell evaluates to use a cluster: eval "$(modelservice cluster env)"."""
    kubeconfig = folder(name) / "kubeconfig"
    if not kubeconfig.is_file():
        raise ModelserviceError(f"the cluster {name} is not up", fix=f"modelservice cluster up --name {name}")
    typer.echo(_export(kubeconfig))


def _export(kubeconfig: Path) -> str:
    """Return what a shell evaluates, whatever letters the path has."""
    return f"export KUBECONFIG={shlex.quote(str(kubeconfig))}"


@command.command()
def load(
    archive: Annotated[Path, typer.Argument(help="A file that `docker save` writes.", show_default=False)],
    name: Name = "default",
) -> None:
    """Load an image into the nodes that run pods; there is no registry."""
    place = folder(name)
    _require_client()
    from localcluster.real_node import load as load_image

    if not archive.is_file():
        raise UsageError("no such file", file=str(archive))
    with stderr().status(f"loading {archive}"):
        nodes = load_image(place, archive)
    if not nodes:
        raise ModelserviceError(
            f"the cluster {name} has no node that runs pods", fix=f"modelservice cluster up --run-pods --name {name}"
        )
    stderr().print(f"loaded into {', '.join(nodes)}")


def _require_client() -> None:
    """Exit with a message where the cluster cannot work.

    Raises:
        UsageError: the client is not installed, or the system is not Linux.
    """
    for module in ("kubernetes", "cryptography"):
        if importlib.util.find_spec(module) is None:
            raise UsageError(f"{module} is not installed", fix="pip install kubernetes cryptography")
    if sys.platform != "linux":
        raise UsageError("the local cluster runs on Linux", fix="use kind, or any cluster through KUBECONFIG")
