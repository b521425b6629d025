"""What we ask of an API server: any kind of object, server-side apply, definitions."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import kubernetes
import urllib3.exceptions
import yaml
from kubernetes.config import ConfigException
from kubernetes.dynamic import DynamicClient, Resource
from kubernetes.dynamic.exceptions import ResourceNotFoundError

from modelservice.errors import ModelserviceError, UsageError

FIELD_MANAGER = "modelservice-cluster"
AT_ONCE = 8
"""Requests at a time."""


class Client:
    """A client of the cluster that a kubeconfig names.

    Args:
        kubeconfig: the file.
        cache: where to keep what the client learns of the API; default: nowhere, it asks each time.

    Raises:
        UsageError: the file cannot be read, or no API server answers.
    """

    def __init__(self, kubeconfig: Path, cache: Path | None = None) -> None:
        self.kubeconfig = kubeconfig
        try:
            access = kubernetes.config.new_client_from_config(str(kubeconfig))  # type: ignore[no-untyped-call]
        except (ConfigException, OSError, yaml.YAMLError) as error:
            raise UsageError(f"not a kubeconfig: {error}", file=str(kubeconfig)) from None
        access.rest_client.pool_manager.connection_pool_kw["retries"] = 0
        try:
            self.dynamic = DynamicClient(access, cache_file=str(cache) if cache else None)  # type: ignore[no-untyped-call]
        except (urllib3.exceptions.HTTPError, kubernetes.client.ApiException) as error:
            reason = getattr(error, "reason", error)
            raise UsageError(
                f"no API server answers at {access.configuration.host}: {reason}", file=str(kubeconfig),
                fix="start the cluster, or name another kubeconfig",
            ) from None  # fmt: skip

    @property
    def version(self) -> str:
        """Version of the API server, ``v1.36.3``."""
        return str(self.dynamic.version["kubernetes"]["gitVersion"])

    def resource(self, api_version: str, kind: str) -> Resource:
        """What to ask for objects of a kind.

        Raises:
            ModelserviceError: the API server does not know the kind.
        """
        group, _, version = api_version.rpartition("/")
        prefix = "apis" if group else "api"
        try:
            found: Resource = self.dynamic.resources.get(prefix=prefix, group=group, api_version=version, kind=kind)
        except ResourceNotFoundError:
            raise ModelserviceError(f"the API server knows no {kind} of {api_version}") from None
        return found

    def knows(self, api_version: str, kind: str) -> bool:
        """Whether the API server knows a kind."""
        try:
            self.resource(api_version, kind)
        except ModelserviceError:
            return False
        return True

    def apply(self, objects: Iterable[Mapping[str, Any]], *, namespace: str = "default", dry_run: bool = False) -> None:
        """Applies objects by server-side apply, as ``kubectl apply --server-side`` does.

        Raises:
            kubernetes.client.ApiException: the API server refuses one.
            ModelserviceError: the API server does not know the kind of one.
        """
        for obj in objects:
            self._apply(obj, namespace, dry_run)

    def apply_at_once(self, objects: Iterable[Mapping[str, Any]]) -> None:
        """Applies objects that do not need one another, several at a time.

        Raises:
            kubernetes.client.ApiException: the API server refuses one.
            ModelserviceError: the API server does not know the kind of one.
        """
        with ThreadPoolExecutor(AT_ONCE) as threads:
            for _ in threads.map(lambda obj: self._apply(obj, "default", dry_run=False), objects):
                pass

    def _apply(self, obj: Mapping[str, Any], namespace: str, dry_run: bool) -> None:
        resource = self.resource(obj["apiVersion"], obj["kind"])
        resource.server_side_apply(
            body=dict(obj),
            name=obj["metadata"]["name"],
            namespace=obj["metadata"].get("namespace", namespace) if resource.namespaced else None,
            field_manager=FIELD_MANAGER,
            force_conflicts=True,
            serialize=False,  # nobody reads the answer, and some definitions are large
            **({"dry_run": "All"} if dry_run else {}),
        )
        if obj["kind"] == "Node":  # the status of a node is not applied with it
            resource.status.patch(
                body={"status": obj["status"]}, name=obj["metadata"]["name"],
                content_type="application/merge-patch+json",
            )  # fmt: skip

    def define(self, definitions: list[dict[str, Any]], seconds: float = 30) -> None:
        """Applies CustomResourceDefinitions and waits until their kinds can be asked for.

        Raises:
            ModelserviceError: one is not served in time; with its name.
        """
        self.apply_at_once(definitions)
        waiting = {
            f"/apis/{definition['spec']['group']}/{version['name']}/{definition['spec']['names']['plural']}"
            for definition in definitions
            for version in definition["spec"]["versions"]
            if version["served"]
        }
        deadline = time.monotonic() + seconds
        while waiting := {path for path in waiting if not self._serves(path)}:
            if time.monotonic() > deadline:
                raise ModelserviceError(f"the API server does not serve {', '.join(sorted(waiting))}")
            time.sleep(0.05)
        self.dynamic.resources.invalidate_cache()

    def _serves(self, path: str) -> bool:
        try:
            self.dynamic.request("GET", path, query_params=[("limit", 1)])
        except kubernetes.client.ApiException:
            return False
        return True
