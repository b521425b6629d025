"""`make chat`: a question to a model on real pods, from nothing to the answer in the terminal.

A cluster whose pods run, the simulator example installed with its InferencePool, endpoint picker and a gateway, one
streamed chat completion, and everything removed again.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from localcluster.binaries import binary
from localcluster.control_plane import ControlPlane
from modelservice.errors import ModelserviceError
from modelservice.paths import chart_dir
from support.cluster import Cluster, Helm
from support.inferencepool_chart import inference_pool_chart
from support.release import DISAGGREGATED, Serving

QUESTION = "What does it take to serve this sentence, from the gateway to the last token of the answer?"


def main() -> None:
    """Prints what it does and the answer."""
    console = Console(highlight=False)
    started = time.monotonic()

    def say(what: str) -> None:
        console.print(f"{time.monotonic() - started:5.1f} s  {what}")

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with ControlPlane(folder / "plane", real_nodes=1) as plane:
            say("cluster with a node that runs pods")
            plane.client.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "chat"}}])
            chart, pool = (
                Helm(binary("helm4"), Cluster(plane.client, plane), path, "chat")
                for path in (chart_dir(), inference_pool_chart(folder / "charts"))
            )
            serving = Serving(Cluster(plane.client, plane), chart, pool, "chat", folder)
            with serving.served("demo", {"prefill": {"create": True, "replicas": 1}}, picker=DISAGGREGATED) as gateway:
                say("the gateway answers")
                serving.wait_for_pods("demo", 1, "prefill")
                answer = gateway.chat(QUESTION, stream=True)
                decision = serving.last_decision()
                say(f"asked: {QUESTION}")
                say(f"prompt computed by {decision['prefiller'] or 'the decode pod'}, answered by {answer.pod}:")
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
