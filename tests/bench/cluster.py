"""Measures the control plane: how long it takes to start, to make releases ready, and at scale.

``make bench-cluster`` prints a table; ``python tests/bench/cluster.py --format json`` a JSON object. The peer of an
installation is ``kubectl apply --server-side`` of the same objects in the same run, because machines are noisy:
compare ratios, not seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.progress import track
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from localcluster import process
from localcluster.binaries import binary
from localcluster.control_plane import ControlPlane
from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import merge
from modelservice.model.node_pools import POOLS, NodePool
from modelservice.paths import chart_dir
from support.cluster import Cluster, Helm, expected_pods, values
from support.presets import layers

RELEASES = {
    "prefill and decode, 4 pods": merge([
        layers("topology/pd", "hardware/nvidia", "engine/vllm"), {"decode": {"replicas": 2}, "prefill": {"replicas": 2}}
    ]),
    "wide expert parallel group, 16 pods": merge([
        layers("topology/wide-ep", "hardware/nvidia", "engine/vllm"), {"decode": {"parallelism": {"workers": 16}}}
    ]),
}  # fmt: skip
RUNS = 3
IN_PARALLEL = 4


def timed(action: Callable[[], object]) -> float:
    """Seconds that an action takes."""
    started = time.monotonic()
    action()
    return time.monotonic() - started


def namespace(cluster: Cluster, name: str) -> str:
    """A new namespace."""
    cluster.client.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}])
    return name


def measure_start(folder: Path) -> dict[str, float]:
    """Seconds from nothing to a cluster that takes pods; the median of some runs."""
    pools = [POOLS["cpu"], POOLS["h100"]]
    taken = []
    for run in range(RUNS):
        plane = ControlPlane(folder / f"start-{run}", pools)
        try:
            taken.append(timed(plane.up))
        finally:
            plane.down()
    return {"up to ready, 4 nodes (s)": sorted(taken)[RUNS // 2]}


def measure_installations(folder: Path) -> dict[str, float]:
    """Seconds until all pods are ready, by helm and by kubectl."""
    found: dict[str, float] = {}
    pool = POOLS["h100"].model_copy(update={"count": 16})
    with ControlPlane(folder / "installations", [pool]) as plane:
        cluster = Cluster(plane.client, plane)
        for title, given in RELEASES.items():
            for peer in ("helm install", "kubectl apply"):
                taken = []
                for run in range(RUNS):
                    name = namespace(cluster, f"{peer.split()[0]}-{run}-{len(found)}")
                    taken.append(timed(lambda name=name, given=given, peer=peer: bring_up(cluster, name, given, peer)))  # type: ignore[misc]
                    clear(cluster, name)
                found[f"{title}: {peer} to ready (s)"] = sorted(taken)[RUNS // 2]
    return found


def bring_up(cluster: Cluster, name: str, given: dict[str, Any], peer: str) -> None:
    """Makes the objects of a release and waits for its pods."""
    objects = EmbeddedHelm(chart_dir()).render(given, Release("bench", name)).objects
    if peer == "helm install":
        Helm(binary("helm4"), cluster, chart_dir(), name).install("bench", given, wait=False)
    else:
        subprocess.run(
            [str(binary("kubectl")), "apply", "--server-side", "--namespace", name, "--filename", "-"],
            env=os.environ | {"KUBECONFIG": str(cluster.client.kubeconfig)}, input=yaml.safe_dump_all(objects),
            text=True, check=True, capture_output=True,
        )  # fmt: skip
    cluster.wait_for_pods(name, expected_pods(objects))


def clear(cluster: Cluster, name: str) -> None:
    """Frees what a namespace holds."""
    cluster.client.resource("v1", "Namespace").delete(name=name)
    cluster.wait(f"{name} is empty", lambda: not cluster.pods(name))


def measure_scale(folder: Path, nodes: int, releases: int) -> dict[str, float]:
    """Many nodes, many releases of eight pods each, some at a time."""
    pool = NodePool(
        name="h100", count=nodes, resources={"cpu": "192", "memory": "2Ti", "nvidia.com/gpu": "8"}
    )  # fmt: skip
    given = values(decode={"replicas": 2}, prefill={"create": True, "replicas": 6})
    plane = ControlPlane(folder / "scale", [pool])
    found = {f"up to ready, {nodes} nodes (s)": timed(plane.up)}
    try:
        cluster = Cluster(plane.client, plane)
        name = namespace(cluster, "scale")
        helm = Helm(binary("helm4"), cluster, chart_dir(), name)
        started = time.monotonic()
        with ThreadPoolExecutor(IN_PARALLEL) as threads:
            jobs = [threads.submit(helm.install, f"m{index}", given, wait=False) for index in range(releases)]
            for job in track(jobs, "installing", console=Console(stderr=True)):
                job.result()
        found[f"{releases} releases: installs per second"] = releases / (time.monotonic() - started)

        def scheduled() -> bool:
            pods = cluster.pods(name)
            return len(pods) == 8 * releases and all(pod["spec"].get("nodeName") for pod in pods)

        cluster.wait("all pods are scheduled", scheduled, 1800)
        found[f"{8 * releases} pods: first install to all scheduled (s)"] = time.monotonic() - started
        for program, pid in process.running(plane.folder).items():
            found[f"memory of {program} (MiB)"] = resident(pid)
    finally:
        plane.down()
    return found


def resident(pid: int) -> float:
    """Resident memory of a process, MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


def machine() -> str:
    """Size of this machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}"


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1000, help="nodes of the measurement at scale")
    parser.add_argument("--releases", type=int, default=500, help="releases of the measurement at scale")
    parser.add_argument("--format", choices=["text", "json"], default="text")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        measures: list[Callable[[], dict[str, float]]] = [
            lambda: measure_start(folder),
            lambda: measure_installations(folder),
            lambda: measure_scale(folder, options.nodes, options.releases),
        ]
        found: dict[str, float] = {}
        for measure in measures:
            taken = measure()
            found |= taken
            sys.stderr.writelines(f"{title}: {value:.2f}\n" for title, value in taken.items())
    for title in RELEASES:
        ratio = found[f"{title}: helm install to ready (s)"] / found[f"{title}: kubectl apply to ready (s)"]
        found[f"{title}: helm install against kubectl apply"] = ratio
    if options.format == "json":
        sys.stdout.write(json.dumps({"machine": machine(), "results": found}, indent=2) + "\n")
        return
    table = Table("", "", title=machine())
    for what, value in found.items():
        table.add_row(what, f"{value:.2f}" if value < 100 else f"{value:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
