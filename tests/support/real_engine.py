"""Run containers that the chart renders for an engine as local processes of the real engine."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from localcluster.process import Component
from localengine import environment
from modelservice.errors import UsageError
from modelservice.kubernetes.variables import expand
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup
from support.patience import PATIENCE

SCRIPTS = Path(environment.__file__).parent

MODEL = "test/tiny"

TINY: dict[str, Any] = {
    "modelArtifacts": {"name": MODEL, "uri": "pvc://models/dense"},
    "engine": {
        "type": "vllm", "image": "vllm/vllm-openai:v0.32.0", "env": {"VLLM_CPU_KVCACHE_SPACE": "1"},
        # vLLM computes bfloat16 on AMX tiles where the processor has them, and dies of SIGILL if its first step is short.
        "args": {"enforce-eager": True, "max-model-len": 1024, "dtype": "float32"},
    },
    "accelerator": {"type": "cpu"},
    "routing": {"proxy": {"enabled": False}},
    "prefill": {"create": False},
}  # fmt: skip
"""One server on a processor, with a tiny model from a claim."""

POD_IP = "127.0.0.1"
SECRET = "secret-for-tests"
START = 600
"""Seconds until a server must be ready; on an idle machine it takes 30."""

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    # By default every engine binds its only thread to the same core.
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
}
"""Variables of processes here: no network, several engines on one machine."""

_RECORDER = """#!/bin/sh
for word in "$@"; do printf '%s\\0' "$word"; done >"$RECORDED"
"""


@functools.cache
def models(engine: str = "vllm") -> Path:
    """Return the folder of the tiny models of :mod:`localengine.models`, written once into an engine's environment.

    Raises:
        UsageError: the environment cannot be built here.
    """
    folder = environment.environment(engine) / "models"
    if not folder.is_dir():
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            made = Path(scratch, "models")
            subprocess.run(
                [str(environment.python(engine)), str(SCRIPTS / "models.py"), str(made)],
                check=True,
                capture_output=True,
            )
            with contextlib.suppress(FileExistsError):  # another worker was quicker
                made.rename(folder)
    for weights in folder.rglob("*.safetensors"):
        weights.chmod(0o644)  # written for their owner alone, but pods run as another user
    return folder


def models_or_skip(engine: str = "vllm") -> Path:
    """Return the folder of the tiny models; skip the test where the engine cannot be had, unless one must be there."""
    try:
        return models(engine)
    except UsageError as error:
        if os.environ.get("CI") == "true" or os.environ.get("REQUIRE_ENGINES"):
            raise
        pytest.skip(str(error))


@dataclass(frozen=True)
class Pod:
    """A rendered pod with an engine's container, to run as a local process.

    Paths of its volumes become folders: a claim the folder of the tiny models, files of a ConfigMap files, others empty.
    """

    deployment: Deployment
    group: PodGroup
    folder: Path
    """Folder of the pod's files, created if missing."""
    worker: int = 0
    """Index of the pod in its group."""
    programs: Path | None = None
    """Folder of programs in place of the engine's environment, which need no models."""

    @property
    def engine(self) -> str:
        """The engine, as ``engine.type`` names it."""
        assert self.group.facts
        return self.group.facts.type

    @functools.cached_property
    def env(self) -> dict[str, str]:
        """Variables of the container, as the kubelet and LeaderWorkerSet set them."""
        fields = {"status.podIP": POD_IP, "metadata.name": f"{self.group.name}-{self.worker}"}
        found: dict[str, str] = {}
        if self.group.is_grouped:
            size = self.group.workload["spec"]["leaderWorkerTemplate"]["size"]
            found = {"LWS_LEADER_ADDRESS": POD_IP, "LWS_WORKER_INDEX": str(self.worker), "LWS_GROUP_SIZE": str(size)}
        for variable in self.group.engine.fields.get("env") or []:
            source = variable.get("valueFrom")
            if source is None:
                value = expand(str(variable.get("value") or ""), found)
            else:
                value = fields.get(source["fieldRef"]["fieldPath"], "") if "fieldRef" in source else SECRET
            found[variable["name"]] = self._local(value)
        return found

    @functools.cached_property
    def command(self) -> list[str]:
        """Command and arguments of the container."""
        assert self.group.facts
        words = [self._local(expand(word, self.env)) for word in self.group.engine.words]
        if self.group.engine.fields.get("command"):
            return words
        start = self.group.facts.start  # the image's entry point is the command, or the program without a subcommand
        return [*(start.command or start.programs[0][:1]), *words]

    @functools.cached_property
    def arguments(self) -> list[str] | None:
        """Arguments that the command passes to ``vllm serve``; None if it starts something else.

        The command runs for real, shell scripts included, with a program in place of vLLM that records its arguments.

        Raises:
            subprocess.CalledProcessError: the command fails before it starts vLLM.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        recorder, recorded = self.folder / "vllm", self.folder / "recorded"
        recorder.write_text(_RECORDER)
        recorder.chmod(0o755)
        recorded.unlink(missing_ok=True)
        search = {"PATH": f"{self.folder}{os.pathsep}{os.environ['PATH']}", "RECORDED": str(recorded)}
        subprocess.run(self.command, env={**self.env, **search}, check=True, capture_output=True, timeout=PATIENCE)
        if not recorded.is_file():
            return None
        program, *arguments = recorded.read_bytes().decode().split("\0")[:-1]
        return arguments if program == "serve" else None

    @functools.cached_property
    def _mounts(self) -> dict[str, Path]:
        """Local paths by path in the container, longest first."""
        volumes = {volume["name"]: volume for volume in self.group.spec.get("volumes") or []}
        found: dict[str, Path] = {}
        for mount in self.group.engine.mounts:
            volume = volumes.get(mount["name"], {})
            if "configMap" in volume:
                found[mount["mountPath"]] = self._file(volume["configMap"]["name"], mount)
            elif "persistentVolumeClaim" in volume:
                claim = models(self.engine) if self.programs is None else Path("/models")
                found[mount["mountPath"]] = claim / str(mount.get("subPath", ""))
            elif mount["mountPath"] != "/dev/shm":
                found[mount["mountPath"]] = Path(self.folder, mount["name"])
        return dict(sorted(found.items(), key=lambda item: len(item[0]), reverse=True))

    def _file(self, config_map: str, mount: Mapping[str, Any]) -> Path:
        (data,) = [obj["data"] for obj in self.deployment.kind("ConfigMap") if obj["metadata"]["name"] == config_map]
        folder = self.folder / mount["name"]
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in data.items():
            (folder / name).write_text(content)
        return Path(folder, mount.get("subPath", ""))

    def _local(self, text: str) -> str:
        if not self._mounts:
            return text
        paths = "|".join(re.escape(path) for path in self._mounts)
        return re.sub(rf"(?<![\w.-])({paths})(?![\w.-])", lambda match: str(self._mounts[match[1]]), text)


@dataclass(frozen=True)
class Response:
    """What a server answers."""

    status: int
    text: str

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)


@dataclass
class Server:
    """An engine that runs."""

    url: str
    process: Component

    def ask(
        self, path: str, body: Mapping[str, Any] | None = None, *, key: str = "", headers: Mapping[str, str] = {},
        seconds: float = 120,
    ) -> Response:  # fmt: skip
        """Send a request, a POST if it has a body, and return the response, whatever its status."""
        given = {"content-type": "application/json", **headers}
        if key:
            given["authorization"] = f"Bearer {key}"
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, content, given)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=seconds) as response:  # noqa: S310
                return Response(response.status, response.read().decode())
        except urllib.error.HTTPError as error:
            return Response(error.code, error.read().decode())

    def answers(self, path: str) -> bool:
        """Return whether a GET succeeds."""
        try:
            return self.ask(path, seconds=5).status == 200
        except OSError:
            return False


@contextlib.contextmanager
def serve(*pods: Pod, port: int, ready: str = "/health") -> Iterator[Server]:
    """Run the containers of pods until the first one answers; yield it, and stop all of them.

    Raises:
        ModelserviceError: a process exits or is not ready in time; the message has the end of its log.
    """
    with contextlib.ExitStack() as stack:
        processes = []
        for pod in pods:
            pod.folder.mkdir(parents=True, exist_ok=True)
            programs = pod.programs or environment.environment(pod.engine) / "bin"
            path = f"{programs}{os.pathsep}{os.environ['PATH']}"
            env = {**os.environ, **OFFLINE, **pod.env, "PATH": path}
            command = [
                "nice",
                "-n",
                "5",
                "env",
                "-i",
                *(f"{name}={value}" for name, value in env.items()),
                *pod.command,
            ]
            process = Component(f"{pod.engine}-{pod.worker}", command, pod.folder)
            stack.callback(_stop, process)
            processes.append(process)
        server = Server(f"http://{POD_IP}:{port}", processes[0])

        def is_ready() -> bool:
            for process in processes:
                process.check()
            return server.answers(ready)

        processes[0].wait_until(is_ready, START)
        yield server


def wait_for_running(server: Server) -> None:
    """Wait until the server computes a request."""
    server.process.wait_until(
        lambda: bool(re.search(r"^vllm:num_requests_running\{.*\} [1-9]", server.ask("/metrics").text, re.MULTILINE))
    )


def _stop(process: Component) -> None:
    """Stop a server with the processes that it started."""
    process.stop()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def pods_of(
    name: str, objects: Iterable[Mapping[str, Any]], folder: Path, engine: str = "vllm", programs: Path | None = None
) -> Iterator[Pod]:
    """Yield the pods of an engine in rendered objects: of a group over nodes the leader and one worker."""
    deployment = Deployment(name, list(objects))
    for group in deployment.servers:
        if group.facts is None or group.facts.type != engine:
            continue
        for worker in range(min(group.size, 2)) if group.part == "pod" else [int(group.part == "worker")]:
            yield Pod(deployment, group, folder / f"{group.name}-{worker}", worker, programs)
