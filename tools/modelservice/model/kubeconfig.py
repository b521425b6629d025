"""A client of the cluster that the kubeconfig names, or that helm was told to use where it runs the program."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modelservice.errors import UsageError
from modelservice.helm_plugin import Caller, caller

if TYPE_CHECKING:
    from kubernetes.dynamic import DynamicClient


def connect(environment: Mapping[str, str] = os.environ) -> DynamicClient:
    """Return a client of the cluster.

    Raises:
        UsageError: the client is not installed, or the cluster cannot be reached.
    """
    try:
        from kubernetes import client, config, dynamic
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError
    except ImportError:
        raise UsageError("the Kubernetes client is not installed", fix="pip install kubernetes") from None
    helm = caller(environment)
    configuration = client.Configuration()
    try:
        _load(config, configuration, environment.get("KUBECONFIG") or None, helm)
        _override(configuration, helm)
        api = client.ApiClient(configuration)
        for header, value in (("Impersonate-User", helm.user), ("Impersonate-Group", helm.group)):
            if value:
                api.default_headers[header] = value
        return dynamic.DynamicClient(api)  # type: ignore[no-untyped-call]
    except (config.ConfigException, HTTPError, ApiException, OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UsageError(f"the cluster cannot be reached: {reason}", fix="set KUBECONFIG") from None


def current_namespace(environment: Mapping[str, str] = os.environ) -> str:
    """Return the namespace of the kubeconfig's context, which kubectl and helm take if none is named."""
    try:
        from kubernetes import config
    except ImportError:
        return "default"
    try:
        contexts, current = config.list_kube_config_contexts(environment.get("KUBECONFIG") or None)  # type: ignore[no-untyped-call]
    except config.ConfigException:
        return "default"
    chosen = caller(environment).context
    context = next((item for item in contexts if item["name"] == chosen), current)
    return str((context.get("context") or {}).get("namespace") or "default")


def _load(config: Any, configuration: Any, file: str | None, helm: Caller) -> None:
    """Read the kubeconfig, which is not needed where helm was told an API server."""
    try:
        config.load_kube_config(config_file=file, context=helm.context or None, client_configuration=configuration)
    except config.ConfigException:
        if not helm.api_server:
            raise


def _override(configuration: Any, helm: Caller) -> None:
    configuration.refresh_api_key_hook = None  # it would read server and token of the kubeconfig again
    if helm.api_server:
        configuration.host = helm.api_server
    if helm.token:
        configuration.api_key = {"BearerToken": f"Bearer {helm.token}"}
    if helm.authority:
        configuration.ssl_ca_cert = helm.authority
    if helm.insecure:
        configuration.verify_ssl = False
    if helm.server_name:
        configuration.tls_server_name = helm.server_name
