"""Correct deployments to break: the examples, the chart's CI values, layered presets and real values files."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from modelservice.engines.arguments import table
from modelservice.engines.command import EngineCommand
from modelservice.engines.version import is_modified, vllm_version
from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import InputWarning, merge, read_values
from support.render import ROOT, SHARED

Values = dict[str, Any]

PD_CONFIG = """\
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins: [{type: disagg-profile-handler}, {type: prefill-filter}, {type: decode-filter}, {type: queue-scorer}]
schedulingProfiles:
- {name: prefill, plugins: [{pluginRef: prefill-filter}, {pluginRef: queue-scorer}]}
- {name: decode, plugins: [{pluginRef: decode-filter}, {pluginRef: queue-scorer}]}
"""


@dataclass(frozen=True)
class Base:
    """A correct deployment with its pool."""

    name: str
    values: Values
    pool: Values

    def engine(self, role: str) -> str | None:
        """Which engine a role runs, as far as the values tell."""
        container = self._container(role)
        if container.get("modelCommand") in ("vllmServe", "sglangServe"):
            return "sglang" if container["modelCommand"] == "sglangServe" else "vllm"
        words = {"image": container.get("image"), "command": container.get("command")}
        return EngineCommand.parse(
            {**words, "args": container.get("args") if isinstance(container.get("args"), list) else []}
        ).engine

    def outside_of_the_table(self, role: str) -> bool:
        """Whether the role's image holds a vLLM whose arguments are not known, so that nothing about them is an error."""
        version = vllm_version(str(self._container(role).get("image") or ""))
        return version is not None and not table(version).exact

    def tells_its_version(self, role: str) -> bool:
        """Whether the role's image holds a release of vLLM by its tag, so that its choices are known."""
        image = str(self._container(role).get("image") or "")
        return vllm_version(image) is not None and not is_modified(image)

    def _container(self, role: str) -> Values:
        """The engine's container, without what the chart derives."""
        section = self.values.get(role) or {}
        listed = section.get("containers") or []
        return merge([self.values.get("engine") or {}, section.get("engine") or {}, *listed[:1]])

    def has(self, role: str) -> bool:
        """Whether the role gets pods."""
        section = self.values.get(role) or {}
        replicas = section.get("replicas", 1 if role == "decode" else 0)
        return section.get("create", True) is not False and replicas != 0


def bases() -> list[Base]:
    """All correct deployments; the real ones only where the data is, and only those that deploy something."""
    return [base for base in (*_own(), *_real()) if base.has("decode") or base.has("prefill")]


def _own() -> Iterator[Base]:
    for path in sorted((ROOT / "examples").glob("values-*.yaml")):
        yield _with_pool(path.stem, read_values(str(path)))
    for path in sorted((ROOT / "charts" / "llm-d-modelservice" / "ci").glob("*-values.yaml")):
        yield _with_pool(f"ci-{path.stem}", read_values(str(path)))
    presets = ROOT / "examples" / "presets"
    for topology in sorted((presets / "topology").glob("*.yaml")):
        for hardware in ("nvidia", "amd"):
            layers = [presets / "engine" / "vllm.yaml", presets / "hardware" / f"{hardware}.yaml", topology]
            merged = merge([MODEL, *(read_values(str(layer)) for layer in layers if layer.is_file())])
            yield _with_pool(f"preset-{hardware}-{topology.stem}", merged)


MODEL = {"modelArtifacts": {"name": "Qwen/Qwen3-30B-A3B"}}
"""A model for the layers, which have none; a mixture of experts, because some of them are for these only."""

INCORRECT = {
    "benchmark/cicd__gke__gke-cicd.yaml", "benchmark/cicd__ocp__ocp-cicd.yaml",
    "benchmark/examples__eval-containers-aider-polyglot__eval-aider-polyglot.yaml",
    "modelservice-examples-history/values-multinode.yaml", "modelservice-examples/values-dra.yaml",
}  # fmt: skip
"""Real files with real mistakes; tests/unit/test_check_real.py says which."""


def _real() -> Iterator[Base]:
    folder = SHARED / "upstream" / "real-values"
    if not folder.is_dir():
        return
    helm = EmbeddedHelm(ROOT / "charts" / "llm-d-modelservice")
    rows = (line.split("\t") for line in (folder / "pairs.tsv").read_text().splitlines()[1:])
    paired = {row[0]: row[1] for row in rows}
    for path in sorted(folder.glob("*/*.yaml")):
        name = str(path.relative_to(folder))
        if name.startswith("gaie/") or name in INCORRECT or not _renders(helm, path):
            continue
        values = _read(path)
        pool = folder / paired[name] if name in paired else None
        if pool and _labels(values).items() >= _selector(yaml.safe_load(pool.read_text())).items():
            yield Base(name, values, yaml.safe_load(pool.read_text()))
        else:
            yield _with_pool(name, values)


def _renders(helm: EmbeddedHelm, path: Path) -> bool:
    try:
        helm.render(_read(path), Release("real"))
    except Exception:  # what is refused has a test of its own
        return False
    return True


def _read(path: Path) -> Values:
    """A real file; what is odd in its form is not this corpus' concern."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        return read_values(str(path))


def _selector(pool: Mapping[str, Any]) -> Mapping[str, str]:
    servers = (
        (pool.get("router") or {}).get("modelServers") or (pool.get("inferencePool") or {}).get("modelServers") or {}
    )
    labels: Mapping[str, str] = servers.get("matchLabels") or {}
    return labels


def _labels(values: Values) -> Mapping[str, str]:
    labels: Mapping[str, str] = (values.get("modelArtifacts") or {}).get("labels") or {
        "llm-d.ai/inference-serving": "true"
    }
    return labels


def _with_pool(name: str, values: Values) -> Base:
    """A pool that fits: values of the chart that goes with the times of the file."""
    first = (values.get("routing") or {}).get("servicePort", 8000)
    base = Base(name, values, {})
    sizes = (values.get("decode") or {}).get("parallelism") or {}
    number = sizes.get("dataLocal", 1) if sizes.get("dataMode") == "multiPort" else 1
    servers = {
        "matchLabels": dict(_labels(values)), "targetPorts": [{"number": first + index} for index in range(number)],
    }  # fmt: skip
    epp: Values = {
        "image": {"registry": "ghcr.io/llm-d", "repository": "llm-d-router-endpoint-picker", "tag": "v0.10.0"}
    }
    if base.has("prefill"):
        epp |= {"pluginsConfigFile": "pd.yaml", "pluginsCustomConfig": {"pd.yaml": PD_CONFIG}}
    if name.startswith("modelservice-examples") and not base.has("prefill"):
        return Base(name, values, {"inferencePool": {
            "apiVersion": "inference.networking.x-k8s.io/v1alpha2", "targetPortNumber": first,
            "modelServers": {"matchLabels": servers["matchLabels"]},
        }})  # fmt: skip
    return Base(name, copy.deepcopy(values), {"router": {"modelServers": servers, "epp": epp}})
