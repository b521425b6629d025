"""What request tests ask: a release with its pool, endpoint picker and gateway; requests, alone and as a load."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import socket
import ssl
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import kubernetes
import yaml

from localcluster import gateway
from localcluster.binaries import binary
from localcluster.gateway import Gateway, Route
from modelservice.inputs import merge
from support.cluster import Cluster, Helm, is_ready
from support.patience import PATIENCE

MODEL = "random/model"

SIMULATOR: dict[str, Any] = {
    "modelArtifacts": {"name": MODEL, "labels": {"llm-d.ai/model": "random-model"}},
    "accelerator": {"type": "cpu"},
    "engine": {
        "image": "ghcr.io/llm-d/llm-d-inference-sim:v0.10.2",
        "args": {"force-dummy-tokenizer": True, "mode": "echo"},
        # With these the simulator says in a header which pod answered.
        "env": {
            "POD_NAME": {"valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            "POD_NAMESPACE": {"valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        },
    },
    "routing": {"proxy": {"image": "ghcr.io/llm-d/llm-d-routing-sidecar:v0.7.1", "imagePullPolicy": "IfNotPresent"}},
    "prefill": {"create": False},
}
"""Values of every release here: the simulated engine and a sidecar of a known version."""

PROMPT_THRESHOLD = 16
"""Tokens that are not in a cache from which on a prompt is computed by a prefill pod."""

SCORERS: dict[str, list[dict[str, Any]]] = {
    "plugins": [
        {
            "type": "prefix-cache-scorer",
            "parameters": {
                "blockSizeTokens": 16, "autoTune": False, "maxPrefixBlocksToMatch": 256, "lruCapacityPerServer": 31250,
            },
        },
        {"type": "queue-scorer"},
        {"type": "decode-filter"},
        {"type": "max-score-picker"},
    ],
    "profile": [
        {"pluginRef": "max-score-picker"},
        {"pluginRef": "prefix-cache-scorer", "weight": 2},
        {"pluginRef": "queue-scorer", "weight": 1},
    ],
}  # fmt: skip

_CONFIG = {"apiVersion": "inference.networking.x-k8s.io/v1alpha1", "kind": "EndpointPickerConfig"}

AGGREGATED: dict[str, Any] = {
    **_CONFIG,
    "plugins": [*SCORERS["plugins"], {"type": "single-profile-handler"}],
    "schedulingProfiles": [{"name": "default", "plugins": [{"pluginRef": "decode-filter"}, *SCORERS["profile"]]}],
}
"""Configuration of an endpoint picker for pods that do everything."""

DISAGGREGATED: dict[str, Any] = {
    **_CONFIG,
    "featureGates": ["prepareDataPlugins"],
    "plugins": [
        *SCORERS["plugins"],
        {"type": "disagg-headers-handler"},
        {"type": "prefill-filter"},
        {"type": "prefix-based-pd-decider", "parameters": {"nonCachedTokens": PROMPT_THRESHOLD}},
        {"type": "disagg-profile-handler", "parameters": {"deciders": {"prefill": "prefix-based-pd-decider"}}},
    ],
    "schedulingProfiles": [
        {"name": role, "plugins": [{"pluginRef": f"{role}-filter"}, *SCORERS["profile"]]}
        for role in ("prefill", "decode")
    ],
}
"""Configuration of an endpoint picker for prefill and decode."""


_OFTEN: dict[str, Any] = {
    "probes": {"enabled": True},
    "engine": {
        "startupProbe": {"periodSeconds": 1, "failureThreshold": 60},
        "readinessProbe": {"periodSeconds": 1},
        "livenessProbe": {"periodSeconds": 1, "failureThreshold": 2},
    },
}
PROBES: dict[str, Any] = {"decode": _OFTEN, "prefill": _OFTEN}
"""The chart's probes, asked more often so that tests do not wait."""

SPREAD = {
    "topologySpreadConstraints": [
        {
            "maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"llm-d.ai/model": "random-model"}},
        }
    ]
}  # fmt: skip

_BRIEF = {"enabled": True, "preStopSeconds": 2, "timeoutSeconds": 10, "bufferSeconds": 3}
DRAIN: dict[str, Any] = {"decode": {"drain": _BRIEF}, "prefill": {"drain": _BRIEF}}
"""The chart's drain, in seconds that fit a test."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)

    @property
    def pod(self) -> str:
        """The pod that answered."""
        return self.headers["x-inference-pod"]


class Endpoint:
    """Something that takes requests: a gateway, or a pod.

    Args:
        address: ``host:port``.
        tls: speaks TLS, and takes any certificate: engines make theirs themselves.
    """

    def __init__(self, address: str, *, tls: bool = False) -> None:
        self.address = address
        self._tls = tls

    def request(
        self, path: str, body: Mapping[str, Any] | None = None, *, headers: Mapping[str, str] | None = None,
        seconds: float = PATIENCE,
    ) -> Answer:  # fmt: skip
        """One request on a connection of its own: POST with a body, else GET."""
        connection = http.client.HTTPConnection(self.address, timeout=seconds)
        if self._tls:
            trust_all = ssl._create_unverified_context()  # noqa: S323
            connection = http.client.HTTPSConnection(self.address, timeout=seconds, context=trust_all)
        try:
            given = {"Content-Type": "application/json", **(headers or {})}
            content = None if body is None else json.dumps(body).encode()
            connection.request("GET" if body is None else "POST", path, content, given)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()

    def chat(self, prompt: str, *, model: str = MODEL, headers: Mapping[str, str] | None = None, **more: Any) -> Answer:
        """A chat completion."""
        body = {"model": model, "messages": [{"role": "user", "content": prompt}], **more}
        return self.request("/v1/chat/completions", body, headers=headers)

    def listens(self) -> bool:
        """Whether there is an answer at all."""
        try:
            self.request("/health")
        except OSError:
            return False
        return True

    def metrics(self, path: str = "/metrics") -> dict[str, float]:
        """Prometheus samples by name and labels."""
        text = self.request(path).body.decode()
        samples = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, value in samples}


@dataclass
class Load:
    """A steady load of streaming requests, from a number of clients that each wait for their answer; a context
    manager that ends it. Every request is counted: an answer without its last word, or one that the engine aborted or
    could not compute, is a lost one.
    """

    endpoint: Endpoint
    clients: int = 4
    pause: float = 0.02
    tokens: int = 20
    answered: Counter[str] = field(default_factory=Counter)
    """Complete answers by pod."""
    lost: list[str] = field(default_factory=list)
    """What happened to each of the others, with its time."""
    latencies: list[float] = field(default_factory=list)
    """Seconds of each complete answer."""

    def __enter__(self) -> Self:
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(self.clients)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """Ends it; requests under way are finished."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def run_for(self, seconds: float) -> None:
        """Goes on for a while."""
        time.sleep(seconds)

    def _run(self) -> None:
        while not self._stop.wait(self.pause):
            started = time.monotonic()
            prompt = f"{next(self._numbers)} " + "word " * self.tokens
            try:
                answer = self.endpoint.chat(prompt, stream=True)
                outcome = _what_is_wrong_with(answer)
            except (OSError, http.client.HTTPException) as error:
                outcome = repr(error)
            with self._lock:
                if outcome:
                    self.lost.append(f"{time.strftime('%H:%M:%S')} {outcome}")
                else:
                    self.answered[answer.headers.get("x-inference-pod", "")] += 1
                    self.latencies.append(time.monotonic() - started)


def _what_is_wrong_with(answer: Answer) -> str:
    """What a stream lacks; nothing if it came whole."""
    if answer.status != 200 or not answer.body.rstrip().endswith(b"data: [DONE]"):
        return f"{answer.status} {answer.body[-200:]!r}"
    if b'data: {"error"' in answer.body:
        return "200 failed"
    return "200 aborted" if b'"finish_reason":"abort"' in answer.body else ""


class Serving:
    """Releases of the chart in a namespace, each with an InferencePool and an endpoint picker.

    Args:
        cluster: where.
        helm: for the chart.
        neighbour: for the inferencepool chart.
        namespace: of all.
        folder: for the gateways' files.
        verbosity: of the endpoint pickers' logs.
    """

    def __init__(
        self, cluster: Cluster, helm: Helm, neighbour: Helm, namespace: str, folder: Path, verbosity: int = 4
    ) -> None:  # fmt: skip
        self._verbosity = verbosity
        self.cluster = cluster
        self.helm = helm
        self.namespace = namespace
        self._neighbour = neighbour
        self._folder = folder
        self._gateways: list[Gateway] = []

    def install(
        self, release: str, values: Mapping[str, Any] | None = None, *, base: Mapping[str, Any] = SIMULATOR,
        picker: Mapping[str, Any] | None = AGGREGATED, ports: tuple[int, ...] = (8000,),
        picker_flags: Mapping[str, Any] | None = None, helm: Helm | None = None,
    ) -> None:  # fmt: skip
        """Installs the chart, and the inferencepool chart beside it as ``<release>-pool``; waits for neither.

        Args:
            release: its name.
            values: of the chart, over the base.
            base: values that all have.
            picker: configuration of llm-d's endpoint picker; None: the inferencepool chart's own, as it comes.
            ports: target ports of the pool.
            picker_flags: further flags of the endpoint picker.
            helm: for another chart, whose pods have the labels of the values.
        """
        merged = merge([dict(base), dict(values or {})])
        (helm or self.helm).install(release, merged, wait=False)
        self.add_pool(release, merged["modelArtifacts"]["labels"], picker, ports, picker_flags)

    def add_pool(
        self, name: str, labels: Mapping[str, str], picker: Mapping[str, Any] | None = AGGREGATED,
        ports: tuple[int, ...] = (8000,), picker_flags: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Installs the inferencepool chart as ``<name>-pool`` for pods with labels; does not wait."""
        flags = {"v": self._verbosity, **(picker_flags or {})}
        self._neighbour.install(f"{name}-pool", _pool(labels, picker, ports, flags), wait=False)

    def upgrade(self, release: str, values: Mapping[str, Any], *, wait: bool = True) -> None:
        """Upgrades a release of the chart, and waits for it."""
        self.helm.upgrade(release, merge([SIMULATOR, dict(values)]), wait=wait)

    @contextmanager
    def gateway(
        self, *pools: str, http_routes: Sequence[Mapping[str, Any]] = (), tls: bool = False
    ) -> Iterator[Endpoint]:
        """A gateway to the pools of releases: of the first, or by HTTPRoutes; with TLS to the pods or without."""
        for name in pools:
            self.wait_for_picker(name)
        pickers = {f"{name}-pool": self._picker_address(name) for name in pools}
        routes = gateway.routes(http_routes, pickers) or [Route(*picker) for picker in pickers.items()]
        folder = self._folder / f"gateway-{len(self._gateways)}"
        with Gateway(folder, routes, endpoints_use_tls=tls) as envoy:
            self._gateways.append(envoy)
            yield Endpoint(f"127.0.0.1:{envoy.port}")

    def move_route(self, **weights: int) -> None:
        """Divides the newest gateway's requests among the pools of its releases from now on, by their weights."""
        pickers = {f"{name}-pool": self._picker_address(name) for name in weights}
        backends = [
            {"kind": "InferencePool", "name": f"{name}-pool", "weight": weight} for name, weight in weights.items()
        ]
        route = {"metadata": {"name": "moved"}, "spec": {"rules": [{"backendRefs": backends}]}}
        self._gateways[-1].move_to(gateway.routes([route], pickers))

    @contextmanager
    def own_gateway(self, release: str) -> Iterator[Endpoint]:
        """A gateway to the endpoint picker that the chart itself makes, once that is ready."""
        name = f"{release}-llm-d-modelservice-epp"

        def available() -> bool:
            found = self.cluster.objects(
                "apps/v1", "Deployment", self.namespace, field_selector=f"metadata.name={name}"
            )
            return [item["status"].get("availableReplicas") for item in found] == [1]

        self.cluster.wait(f"{name} is available", available)
        (service,) = self.cluster.objects("v1", "Service", self.namespace, field_selector=f"metadata.name={name}")
        picker = f"{service['spec']['clusterIP']}:{service['spec']['ports'][0]['port']}"
        with Gateway(self._folder / f"gateway-{len(self._gateways)}", [Route(release, picker)]) as envoy:
            self._gateways.append(envoy)
            endpoint = Endpoint(f"127.0.0.1:{envoy.port}")
            self.wait_for_answer(endpoint)
            yield endpoint

    @contextmanager
    def served(
        self, release: str, values: Mapping[str, Any] | None = None, *, tls: bool = False,
        headers: Mapping[str, str] | None = None, **more: Any,
    ) -> Iterator[Endpoint]:  # fmt: skip
        """Installs a release and gives its gateway once that answers."""
        self.install(release, values, **more)
        with self.gateway(release, tls=tls) as gateway:
            self.wait_for_answer(gateway, headers=headers)
            yield gateway

    def wait_for_answer(self, endpoint: Endpoint, **chat: Any) -> None:
        """Waits until a gateway answers. After that, every request must be answered."""
        self.cluster.wait("the gateway answers", lambda: endpoint.chat("hello", **chat).status == 200)

    def pods(self, release: str, role: str = "decode") -> list[dict[str, Any]]:
        """Pods of a release and role that are not on their way out, by name."""
        selector = f"app.kubernetes.io/instance={release},llm-d.ai/role={role}"
        return [
            pod for pod in self.cluster.pods(self.namespace, selector) if "deletionTimestamp" not in pod["metadata"]
        ]

    def names(self, release: str, role: str = "decode") -> set[str]:
        """Names of those pods."""
        return {pod["metadata"]["name"] for pod in self.pods(release, role)}

    def wait_for_pods(
        self, release: str, number: int, role: str = "decode", seconds: float = PATIENCE
    ) -> list[dict[str, Any]]:
        """Waits until a role has so many pods, all ready."""

        def ready() -> bool:
            pods = self.pods(release, role)
            return len(pods) == number and all(is_ready(pod) for pod in pods)

        self.cluster.wait(f"{number} ready {role} pods of {release}", ready, seconds)
        return self.pods(release, role)

    def wait_for_picker(self, release: str) -> None:
        """Waits until a release's endpoint picker takes connections.

        That it is ready is not enough with the probes of the inferencepool chart: they ask for the pool, and the picker
        listens only when it has made its certificate, which takes a busy machine many seconds.
        """

        def ready() -> bool:
            pods = self.cluster.pods(self.namespace, f"inferencepool={release}-pool-epp")
            return bool(pods) and all(is_ready(pod) for pod in pods)

        self.cluster.wait(f"the endpoint picker of {release} is ready", ready)
        host, _, port = self._picker_address(release).partition(":")

        def listens() -> bool:
            with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
                return True
            return False

        self.cluster.wait(f"the endpoint picker of {release} listens", listens)

    def endpoint(self, pod: Mapping[str, Any], port: int = 8000) -> Endpoint:
        """A pod itself, without gateway."""
        return Endpoint(f"{pod['status']['podIP']}:{port}")

    def run(self, pod: Mapping[str, Any], *command: str, container: str = "vllm") -> str:
        """Runs a command in a container of a pod; gives what it prints."""
        access = ["--kubeconfig", str(self.cluster.client.kubeconfig), "--namespace", self.namespace]
        arguments = [str(binary("kubectl")), *access, "exec", pod["metadata"]["name"], "-c", container, "--", *command]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def logs(self, pod: str, container: str, lines: int = 10, *, previous: bool = False) -> str:
        """The last lines of a container's log."""
        api = kubernetes.client.CoreV1Api(self.cluster.client.dynamic.client)
        try:
            text: str = api.read_namespaced_pod_log(
                pod, self.namespace, container=container, tail_lines=lines, previous=previous
            )
        except kubernetes.client.ApiException as error:
            return f"no log: {error.reason}"
        return text

    def explain(self) -> str:
        """What a person needs to know why requests are not served: events, logs and the gateway's decisions."""
        parts = []
        for envoy in self._gateways:
            decisions = envoy.decisions()
            failed = [decision for decision in decisions if decision["code"] != 200 or decision["flags"] != "-"]
            for what, some in {"failed": failed, "last": decisions}.items():
                lines = "\n".join(json.dumps(decision) for decision in some[-10:])
                parts.append(f"--- {what} requests, as the gateway saw them and the endpoint picker sent them\n{lines}")
        parts.append(f"--- pods and events\n{self.cluster.describe(self.namespace)}")
        for pod in self.cluster.pods(self.namespace):
            name, spec = pod["metadata"]["name"], pod["spec"]
            for container in [*(spec.get("initContainers") or []), *spec["containers"]]:
                parts.append(f"--- log of {name}/{container['name']}\n{self.logs(name, container['name'])}")
        return "\n".join(parts)

    def last_decision(self) -> dict[str, Any]:
        """What the newest gateway logged of its last request, which it does within a second."""
        time.sleep(1)
        return self._gateways[-1].decisions()[-1]

    def _picker_address(self, release: str) -> str:
        (service,) = [
            item
            for item in self.cluster.objects("v1", "Service", self.namespace)
            if item["metadata"]["name"] == f"{release}-pool-epp"
        ]
        return f"{service['spec']['clusterIP']}:9002"


def _pool(
    labels: Mapping[str, str], picker: Mapping[str, Any] | None, ports: tuple[int, ...], flags: Mapping[str, Any]
) -> dict[str, Any]:
    """Values of the inferencepool chart."""
    values = {
        "inferencePool": {
            "targetPorts": [{"number": port} for port in ports],
            "modelServers": {"matchLabels": dict(labels)},
        },
        "inferenceExtension": {
            "image": {"pullPolicy": "IfNotPresent"},
            "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "2Gi"}},
            "monitoring": {"prometheus": {"auth": {"enabled": False}}},
            "flags": dict(flags),
        },
    }
    if picker is None:
        return values
    of_llm_d = {
        "image": {"registry": "ghcr.io", "repository": "llm-d/llm-d-inference-scheduler", "tag": "v0.7.1"},
        "pluginsConfigFile": "picker.yaml",
        "pluginsCustomConfig": {"picker.yaml": yaml.safe_dump(dict(picker))},
    }
    return merge([values, {"inferenceExtension": of_llm_d}])
