"""What the parts around the engine cost a request, and what an upgrade costs: measured on a cluster whose pods run.

`make bench-requests` prints: seconds from `helm install` to the first token; requests a second and latencies of the
engine alone, with the sidecar before it, and through gateway and endpoint picker, in turns of one run; requests lost
over a rolling upgrade under load; and the same latencies of the real vLLM with a tiny model on processors. Root, Linux and the packages of `modelservice cluster up --run-pods` are needed.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rich.console import Console
from rich.table import Table

from localcluster.binaries import binary
from localcluster.control_plane import ControlPlane
from modelservice.errors import ModelserviceError, UsageError
from modelservice.inputs import merge
from modelservice.paths import chart_dir
from support import pod_engine
from support.cluster import Cluster, Helm
from support.images import VLLM, vllm_image
from support.inferencepool_chart import inference_pool_chart
from support.release import DRAIN, MODEL, PROBES, Endpoint, Load, Serving

CLIENTS = 8
REQUESTS = 200
"""Requests of one turn."""
REQUESTS_OF_VLLM = 8
"""Requests of one turn of the real engine, which takes longer for each."""
TURNS = 5
NAMESPACE = "bench"

ENGINE: dict[str, Any] = {
    "engine": {
        "image": VLLM, "imagePullPolicy": "IfNotPresent", "modelCommand": "vllmServe",
        "args": {"force-dummy-tokenizer": None, "mode": None},
    },
    "accelerator": {"type": "nvidia"},
    "decode": {**PROBES["decode"], "drain": {"shutdownFlag": True}},
}  # fmt: skip


def turn(endpoint: Endpoint, clients: int, model: str, requests: int) -> tuple[float, list[float]]:
    """Requests a second, and seconds of each request."""

    def one(number: int) -> float:
        started = time.perf_counter()
        status = endpoint.chat(f"{number} hello", model=model, max_tokens=8).status
        if status != 200:
            raise ModelserviceError(f"{endpoint.address} answered {status}")
        return time.perf_counter() - started

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        times = list(pool.map(one, range(requests)))
    return requests / (time.perf_counter() - started), times


def first_token(serving: Serving) -> tuple[float, float]:
    """Seconds from `helm install` to the first answer of the pod itself, and of the gateway."""
    started = time.perf_counter()
    serving.install("bench", ENGINE)
    serving.wait_for_pods("bench", 1)
    (pod,) = serving.pods("bench")
    serving.cluster.wait("the pod answers", lambda: serving.endpoint(pod).chat("hello").status == 200)
    pod_seconds = time.perf_counter() - started
    with serving.gateway("bench") as gateway:
        serving.wait_for_answer(gateway)
        return pod_seconds, time.perf_counter() - started


def latencies(serving: Serving, console: Console, release: str, model: str, requests: int) -> None:
    """Prints requests a second and latencies of the three ways to a release's engine."""
    (pod,) = serving.pods(release)
    with serving.gateway(release) as gateway:
        serving.wait_for_answer(gateway, model=model, max_tokens=1)
        ways = {
            "engine alone": serving.endpoint(pod, 8200),
            "with sidecar": serving.endpoint(pod, 8000),
            "through gateway and endpoint picker": gateway,
        }
        rates: dict[str, list[float]] = {name: [] for name in ways}
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(TURNS):
            for name, endpoint in ways.items():
                times[name] += turn(endpoint, 1, model, requests)[1]
                rates[name].append(turn(endpoint, CLIENTS, model, requests)[0])
    table = Table(title=f"{model}: {TURNS} turns of {requests} requests, a connection each", width=100)
    for column in (
        "way",
        f"requests a second, {CLIENTS} clients",
        "p50 ms, 1 client",
        "p99 ms",
        "added p50",
        "p50 ratio",
    ):
        table.add_column(column, justify="left" if column == "way" else "right")
    base = quantiles(times["engine alone"])
    for name in ways:
        p50, p99 = quantiles(times[name])
        figures = (statistics.median(rates[name]), p50, p99, p50 - base[0], p50 / base[0])
        table.add_row(name, *(f"{figure:.2f}" for figure in figures))
    console.print(table)


def quantiles(times: list[float]) -> tuple[float, float]:
    """Milliseconds of the median and of the 99th percentile."""
    cuts = statistics.quantiles(times, n=100)
    return cuts[49] * 1000, cuts[98] * 1000


def upgrade(serving: Serving, *layers: dict[str, Any]) -> tuple[int, int]:
    """Requests answered and lost over a rolling upgrade of two pods under a load of half-second streams."""
    slow = {"engine": {"env": {"SIMULATOR_FLAGS": "--inter-token-latency=20ms"}}, "decode": {"replicas": 2}}
    values = merge([ENGINE, *layers, slow])
    serving.upgrade("bench", values)
    with serving.gateway("bench") as gateway:
        serving.wait_for_answer(gateway)
        with Load(gateway, clients=CLIENTS) as load:
            load.run_for(1)
            serving.upgrade("bench", merge([values, {"engine": {"env": {"CHANGED": "yes"}}}]))
            load.run_for(5)
    return sum(load.answered.values()), len(load.lost)


def main() -> None:
    """Runs everything on a cluster of its own."""
    console = Console(width=100)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        started = time.perf_counter()
        with ControlPlane(folder / "plane", real_nodes=2) as plane:
            console.print(f"cluster: {time.perf_counter() - started:.1f} s, {os.cpu_count()} processors")
            plane.client.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}])
            cluster = Cluster(plane.client, plane)
            cluster.import_image(vllm_image())
            chart, neighbour = (
                Helm(binary("helm4"), cluster, path, NAMESPACE)
                for path in (chart_dir(), inference_pool_chart(folder / "charts"))
            )
            serving = Serving(cluster, chart, neighbour, NAMESPACE, folder, verbosity=1)
            pod, gateway = first_token(serving)
            console.print(f"install to first token: {pod:.1f} s from the pod, {gateway:.1f} s through the gateway")
            latencies(serving, console, "bench", MODEL, REQUESTS)
            answered, lost = upgrade(serving)
            console.print(f"rolling upgrade under load without a drain: {answered} answered, {lost} lost")
            answered, lost = upgrade(serving, DRAIN)
            console.print(f"rolling upgrade under load with a drain: {answered} answered, {lost} lost")
            try:
                model = pod_engine.install(serving, "vllm")
            except UsageError as error:
                console.print(f"not measured with the real vLLM: {error}")
            else:
                latencies(serving, console, "vllm", model, REQUESTS_OF_VLLM)
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
