"""Which key is proposed for one that the chart does not know."""

import json
from pathlib import Path
from typing import Any

import pytest

from modelservice.suggest import meant


@pytest.fixture(scope="module")
def schema(chart: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((chart / "values.schema.json").read_text(encoding="utf-8"))
    return loaded


def suggestion(schema: dict[str, Any], path: list[str], unknown: str) -> str | None:
    found = meant(schema, path, unknown)
    return found.text if found else None


@pytest.mark.parametrize(
    ("path", "unknown", "proposal"),
    [
        ([], "decod", "did you mean decode?"),
        (["decode"], "Replicas", "did you mean replicas?"),
        (["decode", "containers", "0"], "comand", "did you mean command?"),
        (["decode", "containers", "0", "env", "0"], "vale", "did you mean value?"),
        (["decode", "extraConfig"], "hostNetwrk", "did you mean hostNetwork?"),
    ],
    ids=lambda part: ".".join(part) if isinstance(part, list) else part,
)
def test_a_misspelt_key_is_corrected(schema: dict[str, Any], path: list[str], unknown: str, proposal: str) -> None:
    assert suggestion(schema, path, unknown) == proposal


@pytest.mark.parametrize(
    ("path", "unknown", "proposal"),
    [
        ([], "servicePort", "set routing.servicePort"),
        ([], "image", "set engine.image"),
        ([], "resources", "set engine.resources"),
        ([], "args", "set engine.args"),
        ([], "name", "set modelArtifacts.name"),
        ([], "labels", "set modelArtifacts.labels"),
        ([], "replicas", "set decode.replicas"),
        ([], "model", "did you mean modelArtifacts?"),
        (["decode"], "image", "set decode.engine.image"),
        (["decode"], "labels", "did you mean podLabels?"),
    ],
)
def test_a_key_in_the_wrong_place_is_shown_its_place(
    schema: dict[str, Any], path: list[str], unknown: str, proposal: str
) -> None:
    assert suggestion(schema, path, unknown) == proposal


def test_a_field_of_the_pod_is_sent_to_extra_config(schema: dict[str, Any]) -> None:
    assert suggestion(schema, ["prefill"], "tolerations") == "set extraConfig.tolerations"


@pytest.mark.parametrize("unknown", ["zzz", "vllm", "port", "kind", "endpointPicker"])
def test_nothing_is_proposed_for_a_word_without_one_likely_place(schema: dict[str, Any], unknown: str) -> None:
    assert suggestion(schema, [], unknown) is None
