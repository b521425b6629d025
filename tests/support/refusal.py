"""What tests ask of values that are refused: the words, and that helm itself says the same."""

import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from localcluster.binaries import binary
from modelservice.errors import ValuesError
from modelservice.helm import EmbeddedHelm, Release, Renderer
from modelservice.helm_executable import HelmExecutable


def refusal(renderer: Renderer, values: Mapping[str, Any]) -> str:
    """The words with which values are refused; fails when they are not."""
    with pytest.raises(ValuesError) as error:
        renderer.render(values, Release("test"))
    return str(error.value)


def assert_refused(embedded: EmbeddedHelm, values: Mapping[str, Any], words: Iterable[str]) -> None:
    """The refusal has all the words."""
    said = refusal(embedded, values)
    for word in words:
        assert word in said


def assert_refused_alike(
    executable: HelmExecutable, embedded: EmbeddedHelm, cases: Mapping[str, tuple[Mapping[str, Any], list[str]]]
) -> None:
    """Helm itself refuses every case in the same words; each version every other case, for a process takes long."""
    other = Path(executable.executable) == binary("helm3")
    for name, (values, _) in itertools.islice(cases.items(), int(other), None, 2):
        assert refusal(executable, values) == refusal(embedded, values), name
