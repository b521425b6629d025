"""Commands that expect what KServe's scripts and webhook set up."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Any

from modelservice.importers.report import ConversionReport
from modelservice.importers.steps.model import model_argument
from modelservice.importers.systems.kserve import storage
from modelservice.importers.workload import ServedModel

ADDITIONAL = "VLLM_ADDITIONAL_ARGS"
"""A variable with arguments, which only the preset's script reads."""

_OF_THE_SCRIPT = (ADDITIONAL, "KSERVE_INFER_ROCE")

_CERTIFICATES = "/var/run/kserve/tls/"

_TLS = re.compile(rf"--enable-ssl-refresh(?![\w-])|--ssl-[a-z-]+[= ]+[\"']?{_CERTIFICATES}[\w.-]+[\"']?")
"""Options for the certificate that KServe makes."""


def take_additional_arguments(container: dict[str, Any]) -> list[str]:
    """Take the variables of the preset's script out of a container; return the arguments in them."""
    words = " ".join([*container.get("command", []), *container.get("args", [])])
    read_by_itself = bool(container.get("command")) and ADDITIONAL in words
    arguments: list[str] = []
    kept = []
    for variable in container.get("env", []):
        if variable["name"] not in _OF_THE_SCRIPT or (variable["name"] == ADDITIONAL and read_by_itself):
            kept.append(variable)
        elif variable["name"] == ADDITIONAL:
            text = re.sub(r"\$\{?([A-Za-z_]\w*)\}?", r"$(\1)", variable.get("value", ""))
            try:
                arguments += shlex.split(text)
            except ValueError:
                arguments += text.split()
    container["env"] = kept
    return arguments


def adapt_own_command(container: dict[str, Any], served: ServedModel, place: str, report: ConversionReport) -> None:
    """Adapt a command of the source's own, which expects the model and a certificate where KServe puts them."""
    for key in ("command", "args"):
        if key in container:
            container[key] = _without_tls(container[key])
    if served.uri is None or not served.uri.startswith("hf://"):
        return
    argument = model_argument(served.uri, served.mount_path) or ""
    storage.name_in_place(container, argument)
    for key in ("command", "args"):
        if not container.get(key):
            container.pop(key, None)
    why = f"its command names {argument} in place of {storage.MOUNT_PATH}, which a storage initializer would fill"
    report.changed(f"{place}.containers[{container['name']}]", why, values="engine")


def _without_tls(words: Sequence[str]) -> list[str]:
    """Return the words of a command without the options for KServe's certificate, which the chart does not have."""
    kept: list[str] = []
    for index, word in enumerate(words):
        if index and words[index - 1].startswith("--ssl-") and word.startswith(_CERTIFICATES):
            kept.pop()
            continue
        plain = _TLS.sub("", word)
        if plain or not word:
            kept.append(plain)
    return kept
