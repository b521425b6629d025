"""The namespace of a release in a cluster, where none is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelservice.model.kubeconfig import current_namespace

CONTEXTS = {"team-a": "models", "team-b": "", "team-c": "chat"}
PLUGIN = {"HELM_PLUGIN_NAME": "modelservice"}


def kubeconfig(path: Path, current: str) -> str:
    """A kubeconfig with a context for each team."""
    contexts = [
        {"name": name, "context": {"cluster": "c", "user": "u", **({"namespace": namespace} if namespace else {})}}
        for name, namespace in CONTEXTS.items()
    ]
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": contexts,
        "current-context": current,
    }
    path.write_text(json.dumps(content))
    return str(path)


@pytest.mark.parametrize(
    ("current", "environment", "expected"),
    [
        ("team-a", {}, "models"),
        ("team-b", {}, "default"),
        ("nobody", {}, "default"),
        ("team-a", {**PLUGIN, "HELM_KUBECONTEXT": "team-c"}, "chat"),
        ("team-a", {"HELM_KUBECONTEXT": "team-c"}, "models"),
    ],
)
def test_it_is_the_namespace_of_the_context(
    tmp_path: Path, current: str, environment: dict[str, str], expected: str
) -> None:
    file = kubeconfig(tmp_path / "config", current)
    assert current_namespace({"KUBECONFIG": file, **environment}) == expected


def test_without_a_kubeconfig_it_is_the_default(tmp_path: Path) -> None:
    assert current_namespace({"KUBECONFIG": str(tmp_path / "nothing")}) == "default"
