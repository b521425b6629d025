"""The program as a Helm plugin: what Helm tells it in the environment.

Helm takes its own options, such as `--namespace` and `--kube-context`, out of the arguments wherever they stand:
https://helm.sh/docs/topics/plugins/#environment-variables
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_OF_THE_RELEASE = ("render", "check", "explain", "plan", "endpoints", "diff")
"""Commands whose `--namespace` is that of the release."""

_OF_THE_SOURCE = ("import", "generate")
"""Commands whose `--namespace` is for sources without one, so Helm's default says nothing."""

_TRUE = ("1", "t", "true")
"""https://pkg.go.dev/strconv#ParseBool, in lower case"""


@dataclass(frozen=True)
class Caller:
    """Helm's options; all empty where Helm does not run the program."""

    namespace: str = ""
    debug: bool = False
    context: str = ""
    api_server: str = ""
    token: str = ""
    authority: str = ""
    """File of the certificate authority of the API server."""
    insecure: bool = False
    server_name: str = ""
    """Name that the certificate of the API server must have."""
    user: str = ""
    """User to act as."""
    group: str = ""
    """Group to act for, the first one: the client sends a header once."""

    @property
    def default_options(self) -> dict[str, dict[str, Any]]:
        """Options that Helm took, by command."""
        if not self.namespace:
            return {}
        commands = _OF_THE_RELEASE if self.namespace == "default" else (*_OF_THE_RELEASE, *_OF_THE_SOURCE)
        return {command: {"namespace": self.namespace} for command in commands}


def caller(environment: Mapping[str, str]) -> Caller:
    """Return the options of the helm command that runs the program."""
    if not environment.get("HELM_PLUGIN_NAME"):
        return Caller()

    def text(name: str) -> str:
        return environment.get(f"HELM_{name}", "")

    def switch(name: str) -> bool:
        return text(name).lower() in _TRUE

    return Caller(
        text("NAMESPACE"),
        switch("DEBUG"),
        text("KUBECONTEXT"),
        text("KUBEAPISERVER"),
        text("KUBETOKEN"),
        text("KUBECAFILE"),
        switch("KUBEINSECURE_SKIP_TLS_VERIFY"),
        text("KUBETLS_SERVER_NAME"),
        text("KUBEASUSER"),
        text("KUBEASGROUPS").partition(",")[0],
    )
