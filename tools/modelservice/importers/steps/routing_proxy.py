"""The routing sidecar among the containers, as routing.proxy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelservice.importers import commandline
from modelservice.importers.commandline import CommandLine
from modelservice.importers.source.fields import Fate
from modelservice.importers.steps.accelerators import number
from modelservice.importers.workload import Draft, Role


def take_proxy(draft: Draft, role: Role) -> bool:
    """The routing sidecar, recognised by its image or name, as routing.proxy; whether there was one."""
    for kind in ("initContainers", "containers"):
        for container in list(role.pod.get(kind, [])):
            image = container.get("image", "")
            if (
                "routing-sidecar" not in image
                and "disagg-sidecar" not in image
                and container["name"] != "routing-proxy"
            ):
                continue
            role.pod[kind].remove(container)
            _proxy_values(draft, container, f"{role.place}.{kind}[{container['name']}]")
            return True
    return False


def _proxy_values(draft: Draft, container: Mapping[str, Any], place: str) -> None:
    tokens = [token for token in [*container.get("command", []), *container.get("args", [])] if token]
    line = CommandLine(None, "custom", [item for item in commandline.options(tokens) if item.name])
    proxy: dict[str, Any] = {"enabled": True, "image": container.get("image", ""), "targetPort": 0}
    draft.routing["servicePort"] = number(line.take("port")) or 8000
    line.take("vllm-port", "model-server-port")
    for names, key in (
        (("connector", "kv-connector"), "connector"),
        (("cert-path",), "certPath"),
        (("zap-encoder",), "zapEncoder"),
        (("zap-log-level",), "zapLogLevel"),
    ):
        value = line.take(*names)
        if value:
            proxy[key] = value
    verbosity = number(line.take("v"))
    if verbosity is not None:
        proxy["debugLevel"] = verbosity
    if line.get("secure-proxy") is None:
        draft.ledger.add(
            Fate.changed,
            f"{place}.args",
            "it says nothing of --secure-proxy, which is TLS in some versions; the chart's sidecar serves HTTP. Write "
            "routing.proxy.secure: true if its clients speak TLS",
            values="routing.proxy.secure",
        )
    for option, key in (("secure-proxy", "secure"), ("prefiller-use-tls", "prefillerUseTLS")):
        value = line.take(option)
        if value is not None:
            proxy[key] = value in ("", "true")
    for key in ("imagePullPolicy", "resources", "securityContext", "volumeMounts"):
        if container.get(key):
            proxy[key] = container[key]
    if container.get("env"):
        proxy["env"] = draft.vault.environment(container["env"], f"{place}.env")
    if line.arguments:
        proxy["args"] = line.arguments
    known = {
        "name",
        "image",
        "command",
        "args",
        "restartPolicy",
        "ports",
        "env",
        "imagePullPolicy",
        "resources",
        "securityContext",
        "volumeMounts",
    }
    for key in sorted(set(container) - known):
        draft.ledger.add(Fate.lost, f"{place}.{key}", "the chart makes the routing sidecar itself")
    why = "the chart makes the sidecar, with the flags of its version"
    draft.ledger.add(Fate.changed, place, why, values="routing.proxy")
    draft.routing["proxy"] = proxy
