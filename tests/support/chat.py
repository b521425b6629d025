"""`make chat`: a question to a model on real pods, from nothing to the answer in the terminal.

A cluster whose pods run, prefill and decode installed with their InferencePool, endpoint picker and a gateway, one
streamed chat completion, and everything removed again. `ENGINE=vllm` runs the real vLLM with a tiny model, which answers
nonsense; by default a simulator repeats the question.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from localcluster.binaries import binary
from localcluster.control_plane import ControlPlane
from modelservice.errors import ModelserviceError, UsageError
from modelservice.paths import chart_dir
from support import pod_engine
from support.cluster import Cluster, Helm
from support.inferencepool_chart import inference_pool_chart
from support.release import DISAGGREGATED, MODEL, Serving

QUESTION = "What does it take to serve this sentence, from the gateway to the last token of the answer?"


def _install(serving: Serving, engine: str) -> str:
    """Installs prefill and decode of an engine, waits for them, and returns the model's name."""
    if engine == "vllm":
        return pod_engine.install(serving, "demo")
    serving.install("demo", {"prefill": {"create": True, "replicas": 1}}, picker=DISAGGREGATED)
    for role in ("prefill", "decode"):
        serving.wait_for_pods("demo", 1, role)
    return MODEL


def main() -> None:
    """Prints what it does and the answer.

    Raises:
        UsageError: ENGINE is no known engine, or the real one cannot be had here.
    """
    engine = os.environ.get("ENGINE") or "simulator"
    if engine not in ("simulator", "vllm"):
        raise UsageError(f"ENGINE={engine}: no such engine", fix="set ENGINE to simulator or vllm")
    console = Console(highlight=False)
    started = time.monotonic()

    def say(what: str) -> None:
        console.print(f"{time.monotonic() - started:5.1f} s  {what}")

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with ControlPlane(folder / "plane", real_nodes=2) as plane:
            say("cluster with two nodes that run pods")
            plane.client.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "chat"}}])
            chart, pool = (
                Helm(binary("helm4"), Cluster(plane.client, plane), path, "chat")
                for path in (chart_dir(), inference_pool_chart(folder / "charts"))
            )
            serving = Serving(Cluster(plane.client, plane), chart, pool, "chat", folder)
            model = _install(serving, engine)
            say(f"{engine}: prefill and decode are ready")
            with serving.gateway("demo") as gateway:
                serving.wait_for_answer(gateway, model=model, max_tokens=1)
                say("the gateway answers")
                answer = gateway.chat(QUESTION, stream=True, model=model, max_tokens=64)
                decision = serving.last_decision()
                (pod,) = serving.names("demo")
                say(f"asked: {QUESTION}")
                say(f"prompt computed by {decision['prefiller'] or 'the decode pod'}, answered by {pod}:")
                events = (line.removeprefix("data: ") for line in answer.body.decode().splitlines() if line)
                for event in events:
                    choices = json.loads(event).get("choices") if event != "[DONE]" else None
                    console.print((choices or [{"delta": {}}])[0]["delta"].get("content") or "", end="")
                console.print()
        say("removed")


if __name__ == "__main__":
    try:
        main()
    except ModelserviceError as error:
        sys.stderr.write(f"chat: {error}\n")
        sys.exit(error.exit_code)
