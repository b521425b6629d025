"""Validation of rendered objects against the schemas of Kubernetes and of the CRDs the chart uses.

Every render in a test goes through :func:`problems`, so no test can accept an object that an API server
would refuse. Sources: the package ``kubernetes-validate`` (schemas of Kubernetes, strict: unknown fields
fail) and the CRDs of LeaderWorkerSet and the Prometheus Operator in their pinned Go modules.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

from modelservice.binaries import module_file

SUPPORTED_VERSIONS = ("1.32", "1.33", "1.34", "1.35", "1.36")
"""Kubernetes minor versions that the chart supports."""

_PROMETHEUS = "example/prometheus-operator-crd/monitoring.coreos.com"

CRDS = {
    ("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet"): (
        "lws",
        "config/crd/bases/leaderworkerset.x-k8s.io_leaderworkersets.yaml",
    ),
    ("monitoring.coreos.com/v1", "PodMonitor"): ("prometheus-operator", f"{_PROMETHEUS}_podmonitors.yaml"),
    ("monitoring.coreos.com/v1", "ServiceMonitor"): ("prometheus-operator", f"{_PROMETHEUS}_servicemonitors.yaml"),
    ("monitoring.coreos.com/v1", "PrometheusRule"): ("prometheus-operator", f"{_PROMETHEUS}_prometheusrules.yaml"),
}
"""Where the definition of a kind is: the folder of the Go module, and the file in it."""


def problems(objects: list[dict[str, Any]]) -> list[str]:
    """What an API server would refuse in the objects, one line each; empty when all is well."""
    return [
        f"{obj['kind']}/{obj['metadata']['name']}: {problem}"
        for obj in objects
        for check in (_schema_problems, _null_problems, _env_problems, _resource_problems)
        for problem in check(obj)
    ]


def _schema_problems(obj: dict[str, Any]) -> Iterator[str]:
    kind = (obj["apiVersion"], obj["kind"])
    if kind in CRDS:
        validators = {f"the {kind[1]} CRD": crd_validator(*kind)}
    else:
        validators = {
            f"Kubernetes {version}": validator
            for version in SUPPORTED_VERSIONS
            if (validator := kubernetes_validator(version, *kind)) is not None
        }
    if not validators:
        yield f"no supported Kubernetes version knows {kind[0]} {kind[1]}"
    for source, validator in validators.items():
        for error in validator.iter_errors(obj):
            path = "/".join(str(part) for part in error.instance_path)
            yield f"{source}: {path}: {error.message}"


def _walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    yield path, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _walk(item, f"{path}/{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, f"{path}/{index}")


def _null_problems(obj: dict[str, Any]) -> Iterator[str]:
    for path, value in _walk(obj):
        if value is None:
            yield f"{path} is null"


def _env_problems(obj: dict[str, Any]) -> Iterator[str]:
    for path, value in _walk(obj):
        if path.endswith("/env") and isinstance(value, list):
            names = [variable["name"] for variable in value]
            for name in sorted({name for name in names if names.count(name) > 1}):
                yield f"{path} has {name} twice"


def _resource_problems(obj: dict[str, Any]) -> Iterator[str]:
    for path, value in _walk(obj):
        if path.endswith("/resources") and isinstance(value, dict):
            limits, requests = value.get("limits", {}), value.get("requests", {})
            for name in sorted({*limits, *requests}):
                if "/" in name and limits.get(name) != requests.get(name):
                    yield f"{path}: {name} has limit {limits.get(name)} and request {requests.get(name)}"


@functools.cache
def _definitions(version: str) -> dict[str, Any]:
    folder = next(
        entry
        for entry in resources.files("kubernetes_validate").joinpath("kubernetes-json-schema").iterdir()
        if entry.name.startswith(f"v{version}.") and entry.name.endswith("-local-strict")
    )
    loaded: dict[str, Any] = json.loads(folder.joinpath("_definitions.json").read_text())
    return loaded


@functools.cache
def kubernetes_validator(version: str, api_version: str, kind: str) -> jsonschema_rs.Draft7Validator | None:
    """Strict validator of one kind in one Kubernetes version; None if that version does not serve it."""
    group, _, api = api_version.rpartition("/")
    document = _definitions(version)
    definitions = document.get("$defs") or document["definitions"]
    for name, definition in definitions.items():
        for served in definition.get("x-kubernetes-group-version-kind", []):
            if (served["group"], served["version"], served["kind"]) == (group, api, kind):
                root = "$defs" if "$defs" in document else "definitions"
                return jsonschema_rs.Draft7Validator({"$ref": f"#/{root}/{name}", root: definitions})
    return None


@functools.cache
def crd_validator(api_version: str, kind: str) -> jsonschema_rs.Draft7Validator:
    """Strict validator made of the schema in a kind's CRD."""
    crd = yaml.safe_load(Path(module_file(*CRDS[(api_version, kind)])).read_text())
    served = api_version.rpartition("/")[2]
    (version,) = [version for version in crd["spec"]["versions"] if version["name"] == served]
    schema = version["schema"]["openAPIV3Schema"]
    _close(schema)
    return jsonschema_rs.Draft7Validator(schema)


def _close(schema: Any) -> None:
    """Turns a structural OpenAPI schema into a strict JSON schema, in place."""
    if isinstance(schema, list):
        for item in schema:
            _close(item)
    if not isinstance(schema, dict):
        return
    if schema.pop("x-kubernetes-int-or-string", False):
        schema["type"] = ["integer", "string"]
        schema.pop("anyOf", None)
    if "(?i)" in str(schema.get("pattern")):
        del schema["pattern"]  # Go's flags inside a pattern are not in JSON schema's
    for item in schema.values():
        _close(item)
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    is_metadata = schema.get("type") == "object" and "properties" not in schema
    if isinstance(schema.get("properties"), dict) and not open_ended and not is_metadata:
        schema["additionalProperties"] = False
