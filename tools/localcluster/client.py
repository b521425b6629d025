"""Client of an API server: objects of any kind, server-side apply, CustomResourceDefinitions."""

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

from localcluster.process import PATIENCE
from modelservice.errors import ModelserviceError, UsageError

FIELD_MANAGER = "modelservice-cluster"
AT_ONCE = 8
"""Number of concurrent requests."""


class Client:
    """Client of the cluster in a kubeconfig.

    Args:
        kubeconfig: path of the kubeconfig.
        cache: file for the discovered API resources; default: none, discover each time.

    Raises:
        UsageError: the file is unreadable, or no API server answers.
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
        """Version of the API server, e.g. ``v1.36.3``."""
        return str(self.dynamic.version["kubernetes"]["gitVersion"])

    def resource(self, api_version: str, kind: str) -> Resource:
        """Return the API resource of a kind.

        Raises:
            ModelserviceError: the API server does not serve the kind.
        """
        group, _, version = api_version.rpartition("/")
        prefix = "apis" if group else "api"
        try:
            found: Resource = self.dynamic.resources.get(prefix=prefix, group=group, api_version=version, kind=kind)
        except ResourceNotFoundError:
            raise ModelserviceError(f"the API server does not serve {kind} of {api_version}") from None
        return found

    def knows(self, api_version: str, kind: str) -> bool:
        """Return whether the API server serves a kind."""
        try:
            self.resource(api_version, kind)
        except ModelserviceError:
            return False
        return True

    def apply(self, objects: Iterable[Mapping[str, Any]], *, namespace: str = "default", dry_run: bool = False) -> None:
        """Apply objects in order, like ``kubectl apply --server-side``.

        Raises:
            kubernetes.client.ApiException: the API server rejects an object.
            ModelserviceError: the API server does not serve the kind of an object.
        """
        for obj in objects:
            self._apply(obj, namespace, dry_run)

    def apply_at_once(self, objects: Iterable[Mapping[str, Any]]) -> None:
        """Apply objects that do not depend on each other, several at a time.

        Raises:
            kubernetes.client.ApiException: the API server rejects an object.
            ModelserviceError: the API server does not serve the kind of an object.
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
            serialize=False,  # the response is unused, and some definitions are large
            **({"dry_run": "All"} if dry_run else {}),
        )
        if obj["kind"] == "Node":  # status is a subresource
            resource.status.patch(
                body={"status": obj["status"]}, name=obj["metadata"]["name"],
                content_type="application/merge-patch+json",
            )  # fmt: skip

    def define(self, definitions: list[dict[str, Any]], seconds: float = PATIENCE) -> None:
        """Apply CustomResourceDefinitions and wait until the API server serves their kinds.

        Raises:
            ModelserviceError: a kind is not served in time; the message names it.
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
