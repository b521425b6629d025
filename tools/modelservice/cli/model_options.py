"""Options that say where the configuration of a model is, and the models that they give."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from modelservice.models.catalogue import KnownModel

ModelConfigs = Annotated[
    list[str],
    typer.Option(
        "--model-config",
        metavar="[MODEL=]PATH",
        help="Configuration of a model: its directory or config.json; for all models without MODEL=.",
    ),
]
FetchModelConfig = Annotated[
    bool, typer.Option("--fetch-model-config", help="Fetch configurations of unknown models from Hugging Face.")
]


class Models:
    """What is known of models: by the files that are given, by the catalogue, or by what may be fetched.

    Args:
        configs: ``PATH`` for all models, or ``MODEL=PATH`` for one.
        fetch: whether configurations may be fetched.
    """

    def __init__(self, configs: Sequence[str] = (), *, fetch: bool = False) -> None:
        self._configs = [_split(given) for given in configs]
        self._fetch = fetch
        self._known: dict[str, KnownModel | None] = {}

    def find(self, name: str) -> KnownModel | None:
        """Return what is known of a model; None for one that is not known.

        Raises:
            UsageError: a file that was given cannot be read, or a configuration cannot be fetched.
        """
        if name not in self._known:
            self._known[name] = self._find(name)
        return self._known[name]

    def _find(self, name: str) -> KnownModel | None:
        for model, path in sorted(self._configs, reverse=True):
            if model in ("", name):
                from modelservice.models.local_model import load

                return load(Path(path), name)
        from modelservice.models.catalogue import find

        known = find(name)
        if self._fetch and (known is None or not known.exact):
            from modelservice.models.hub import fetch

            return fetch(name)
        return known


def _split(given: str) -> tuple[str, str]:
    model, found, path = given.partition("=")
    return (model, path) if found and not Path(given).exists() else ("", given)
