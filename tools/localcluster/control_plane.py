"""Start and stop a control plane.

Keys, data, logs and the kubeconfig of a control plane are in one folder. It uses free ports of the loopback address, so
several can run at the same time.
"""

from __future__ import annotations

import base64
import secrets
import shutil
import socket
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from ssl import SSLContext, create_default_context
from types import TracebackType
from typing import Any, Self

import yaml

from localcluster import fake_nodes, pki, real_node
from localcluster.binaries import KUBERNETES, binary, kubernetes_program, module_file
from localcluster.client import Client
from localcluster.definitions import definitions
from localcluster.guard import Guard
from localcluster.process import Component, reserved_ports, stop_all
from modelservice.model import node_pools

KUBERNETES_PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
PROGRAMS = ("etcd", *KUBERNETES_PROGRAMS, "kwok", "lws")
LWS_WEBHOOKS = "config/webhook/manifests.yaml"
UNHURRIED = ("--kube-api-qps=1000", "--kube-api-burst=1000")
"""Higher client limits than the defaults of 20 and 50 requests per second; this API server has no other clients."""
COLLECTOR = ("GOGC=200", "GOMEMLIMIT=700MiB")
"""Go's collector runs half as often in the API server as by default, which saves a fifth of the time of its start and
half of that of an idle one, until it has so much memory."""
NODES_FAIL_AFTER = 3600
"""Seconds without a sign of life; fake nodes do not fail, and a busy machine must not mark them as failed."""


class ControlPlane:
    """Control plane as a context manager; it is stopped even if this process is killed.

    Args:
        folder: folder of the control plane; contents of an earlier one are replaced.
        pools: pools of fake nodes.
        kubernetes: minor version, a key of :data:`~localcluster.binaries.KUBERNETES`; default: the newest.
        real_nodes: number of additional nodes that run pods, see :mod:`localcluster.real_node`.

    Attributes:
        client: client of the API server; available after :meth:`up`.
    """

    client: Client

    def __init__(
        self,
        folder: Path,
        pools: Iterable[node_pools.NodePool] = (),
        kubernetes: str = next(iter(KUBERNETES)),
        real_nodes: int = 0,
    ) -> None:
        self.folder = folder.resolve()
        self.kubeconfig = self.folder / "kubeconfig"
        self._pools = list(pools)
        self._kubernetes = kubernetes
        self._components: list[Component] = []
        self.real = real_node.Nodes(self.folder, real_nodes) if real_nodes else None
        """Nodes that run pods, if requested."""

    def __enter__(self) -> Self:
        self._guard = Guard(self.folder)
        try:
            self.up()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.down()
        self._guard.dismiss()

    def up(self) -> None:
        """Start all programs and return when nodes accept pods.

        Raises:
            ModelserviceError: a program exits or is not ready in time; the message has the end of its log.
        """
        programs = {name: str(binary(name)) for name in ("etcd", "kwok", "lws")} | {
            name: str(kubernetes_program(name, self._kubernetes)) for name in KUBERNETES_PROGRAMS
        }
        self.down()
        self.folder.mkdir(parents=True)
        if self.real:
            self._components += self.real.open()
        pki.write_certificates(self.folder / "pki", *self._addresses)
        with reserved_ports(4) as (etcd_port, peer_port, api_port, webhook_port):
            self._start_etcd(programs["etcd"], etcd_port, peer_port)
            self._start_api_server(programs["kube-apiserver"], etcd_port, api_port)
            self._start_controllers(programs)
            self.client = Client(self.kubeconfig, cache=self.folder / "discovery.json")
            self.client.define(list(definitions()))
            self.client.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "lws-system"}}])
            self._start_lws(programs["lws"], webhook_port)
        self.client.apply_at_once(node_pools.objects(self._pools))
        self._await_service_account()
        self._await_nodes()
        if self.real:
            self._components += self.real.join(self.kubeconfig)
            self._await_real_nodes(self.real)

    def down(self) -> None:
        """Stop all programs and remove the folder."""
        real_node.close(self.folder)
        for component in reversed(self._components):
            component.stop()
        self._components.clear()
        stop_all(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)

    def check(self) -> None:
        """Raise ModelserviceError if a program of this control plane exited."""
        for component in self._components:
            component.check()

    # -- programs -----------------------------------------------------------------------------

    def _start(self, name: str, *arguments: str) -> Component:
        component = Component(name, arguments, self.folder)
        self._components.append(component)
        return component

    def _start_etcd(self, program: str, port: int, peer_port: int) -> None:
        """Start etcd for clients with a certificate: it has every Secret, and any local user reaches its ports."""
        client, peer = f"https://127.0.0.1:{port}", f"https://127.0.0.1:{peer_port}"
        tls = [
            f"--{prefix}{option}"
            for prefix in ("", "peer-")
            for option in (
                "cert-file=pki/tls.crt", "key-file=pki/tls.key", "client-cert-auth", "trusted-ca-file=pki/ca.crt",
            )
        ]  # fmt: skip
        etcd = self._start(
            "etcd", program, "--data-dir=data", f"--listen-client-urls={client}", f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync", "--log-level=warn", *tls,
        )  # fmt: skip
        pki_folder = self.folder / "pki"
        trust = create_default_context(cafile=str(pki_folder / "ca.crt"))
        trust.load_cert_chain(pki_folder / "etcd-client.crt", pki_folder / "etcd-client.key")
        etcd.wait_until(lambda: _answers(f"{client}/health", {}, trust))

    def _start_api_server(self, program: str, etcd_port: int, port: int) -> None:
        token = secrets.token_hex(16)
        tokens = self.folder / "tokens.csv"
        tokens.touch(mode=0o600)
        tokens.write_text(f"{token},admin,admin,system:masters\n")
        address = self._addresses[0] if self._addresses else "127.0.0.1"
        url = f"https://{address}:{port}"
        self._write_kubeconfig(url, token)
        services = self.real.network.services if self.real else "10.96.0.0/16"
        server = self._start(
            "kube-apiserver", "env", *COLLECTOR, program, f"--etcd-servers=https://127.0.0.1:{etcd_port}",
            "--etcd-cafile=pki/ca.crt", "--etcd-certfile=pki/etcd-client.crt", "--etcd-keyfile=pki/etcd-client.key",
            f"--bind-address={address}",
            f"--advertise-address={address}", f"--secure-port={port}", "--tls-cert-file=pki/tls.crt",
            "--tls-private-key-file=pki/tls.key", "--token-auth-file=tokens.csv", "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-account-key-file=pki/service-account.key",
            "--service-account-signing-key-file=pki/service-account.key", f"--service-cluster-ip-range={services}",
            "--kubelet-client-certificate=pki/kubelet-client.crt", "--kubelet-client-key=pki/kubelet-client.key",
            "--kubelet-preferred-address-types=InternalIP",
        )  # fmt: skip
        trust = create_default_context(cafile=str(self.folder / "pki" / "ca.crt"))
        server.wait_until(lambda: _answers(f"{url}/readyz", {"Authorization": f"Bearer {token}"}, trust))

    def _start_controllers(self, programs: Mapping[str, str]) -> None:
        access = "--kubeconfig=kubeconfig"
        self._start(
            "kube-controller-manager", programs["kube-controller-manager"], access, "--leader-elect=false",
            "--secure-port=0", "--use-service-account-credentials", *UNHURRIED,
            f"--node-monitor-grace-period={NODES_FAIL_AFTER}s", "--node-monitor-period=1s",
            "--root-ca-file=pki/ca.crt", "--service-account-private-key-file=pki/service-account.key",
        )  # fmt: skip
        self._start(
            "kube-scheduler", programs["kube-scheduler"], access, "--leader-elect=false", "--secure-port=0", *UNHURRIED
        )
        self._start("kwok", *fake_nodes.kwok(self.kubeconfig, lease=NODES_FAIL_AFTER // 2))

    def _start_lws(self, program: str, port: int) -> None:
        """Start the LeaderWorkerSet controller outside a pod; webhooks use its address and our certificate."""
        configuration = {
            "apiVersion": "config.lws.x-k8s.io/v1alpha1",
            "kind": "Configuration",
            "internalCertManagement": {"enable": False},
            "leaderElection": {"leaderElect": False},
            "metrics": {"bindAddress": "0"},
            "health": {"healthProbeBindAddress": "0"},
            "webhook": {"host": "127.0.0.1", "port": port, "certDir": str(self.folder / "pki")},
        }
        (self.folder / "lws.yaml").write_text(yaml.safe_dump(configuration))
        lws = self._start("lws", program, "--config=lws.yaml", "--kubeconfig=kubeconfig")
        authority = create_default_context(cafile=str(self.folder / "pki" / "ca.crt"))
        lws.wait_until(lambda: _speaks_tls(port, authority))
        self.client.apply(_webhooks(port, (self.folder / "pki" / "ca.crt").read_bytes()))

    def _write_kubeconfig(self, url: str, token: str) -> None:
        authority = base64.b64encode((self.folder / "pki" / "ca.crt").read_bytes()).decode()
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "modelservice",
                    "contexts": [{"name": "modelservice", "context": {"cluster": "local", "user": "admin"}}],
                    "clusters": [
                        {"name": "local", "cluster": {"server": url, "certificate-authority-data": authority}}
                    ],
                    "users": [{"name": "admin", "user": {"token": token}}],
                }
            )
        )

    @property
    def _addresses(self) -> list[str]:
        """Addresses where pods reach the API server: its own and that of the Service `kubernetes`."""
        return [self.real.network.machine, str(self.real.network.services[1])] if self.real else []

    def _await_real_nodes(self, real: real_node.Nodes) -> None:
        """Wait until the real nodes are ready and advertise their extended resources."""
        (kubelet,) = [item for item in self._components if item.name == f"{real.names[0]}-kubelet"]

        def ready() -> bool:
            self.check()
            return self._take_pods(real.names)

        kubelet.wait_until(ready)
        resource = self.client.resource("v1", "Node")
        for name in real.names:
            resource.status.patch(
                name=name,
                body={"status": {"capacity": real_node.EXTENDED}},
                content_type="application/merge-patch+json",
            )

    def _await_nodes(self) -> None:
        """Wait until every fake node accepts pods."""
        (kwok,) = [component for component in self._components if component.name == "kwok"]
        expected = [obj["metadata"]["name"] for obj in node_pools.objects(self._pools) if obj["kind"] == "Node"]
        kwok.wait_until(lambda: self._take_pods(expected))

    def _take_pods(self, names: Iterable[str]) -> bool:
        return fake_nodes.taking_pods(self.client).issuperset(names)

    def _await_service_account(self) -> None:
        """Wait for the default ServiceAccount; without it the API server rejects pods in the default namespace."""
        (controllers,) = [item for item in self._components if item.name == "kube-controller-manager"]
        resource = self.client.resource("v1", "ServiceAccount")
        controllers.wait_until(lambda: bool(resource.get(namespace="default").to_dict()["items"]))


def _webhooks(port: int, authority: bytes) -> Iterable[dict[str, Any]]:
    """Yield the webhook configurations of the LeaderWorkerSet module with its address instead of a Service.

    They apply only to pods of groups, so that other pods do not depend on the controller.
    """
    for configuration in yaml.safe_load_all(module_file("lws", "sigs.k8s.io/lws", LWS_WEBHOOKS).read_text()):
        configuration["metadata"]["name"] = f"lws-{configuration['metadata']['name']}"
        for webhook in configuration["webhooks"]:
            path = webhook["clientConfig"].pop("service")["path"]
            webhook["clientConfig"] = {
                "url": f"https://127.0.0.1:{port}{path}", "caBundle": base64.b64encode(authority).decode(),
            }  # fmt: skip
            if path.endswith("v1-pod"):
                webhook["objectSelector"] = {
                    "matchExpressions": [{"key": "leaderworkerset.sigs.k8s.io/name", "operator": "Exists"}]
                }
        yield configuration


def _speaks_tls(port: int, trust: SSLContext) -> bool:
    """Return whether a program with one of our certificates listens on the port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            trust.wrap_socket(connection, server_hostname="127.0.0.1").close()
    except OSError:
        return False
    return True


def _answers(url: str, headers: Mapping[str, str], trust: SSLContext | None) -> bool:
    request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10, context=trust) as response:  # noqa: S310
            status: int = response.status
            return status == 200
    except (urllib.error.URLError, OSError):
        return False
