"""What is known of models: by the files that are given, by the catalogue, or by what may be fetched."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from modelservice.errors import UsageError

if TYPE_CHECKING:
    from modelservice.models.catalogue import KnownModel

GIVE_CONFIG = "give its config.json with --model-config"
"""What to do about a model that is not known."""
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


class Models:
    """What is known of models.

    Args:
        configs: ``PATH`` of a configuration for all models, or ``MODEL=PATH`` for one.
        fetch: whether the configuration of a model that is not known exactly is fetched from Hugging Face.

    Raises:
        UsageError: a file that is given cannot be read, or is no configuration of a language model.
    """

    def __init__(self, configs: Sequence[str] = (), *, fetch: bool = False) -> None:
        self._given: dict[str, KnownModel] = {}
        for given in configs:
            from modelservice.models.local_model import load

            model, path = _split(given)
            self._given[model] = load(Path(path), model)
        self._fetch = fetch
        self._known: dict[tuple[str, str], KnownModel | None] = {}

    @property
    def unused(self) -> list[str]:
        """Models for which a configuration was given, where others were asked for."""
        asked = {name for name, _ in self._known}
        return [name for name in self._given if asked and name and name not in asked]

    def find(self, name: str, revision: str = "") -> KnownModel | None:
        """Return what is known of a model; None for one that is not known.

        Args:
            name: its repository, or a path, URI or served name.
            revision: branch, tag or commit of the repository that is loaded; empty for its newest files.

        Raises:
            UsageError: its configuration cannot be fetched.
        """
        name, revision = name.removeprefix("hf://"), "" if revision == "main" else revision
        if (name, revision) not in self._known:
            self._known[name, revision] = self._given.get(name) or self._given.get("") or self._find(name, revision)
        return self._known[name, revision]

    def _find(self, name: str, revision: str) -> KnownModel | None:
        from modelservice.models.catalogue import find

        known = find(name)
        if self._fetch and _REPOSITORY.fullmatch(name) and (revision or not (known and known.exact)):
            from modelservice.models.hub import fetch

            return fetch(name, revision or None)
        # Another revision may have another configuration.
        return replace(known, verified=False) if known and revision else known


def _split(given: str) -> tuple[str, str]:
    """The model and the path of ``MODEL=PATH``; an empty name for a path alone.

    Raises:
        UsageError: there is no path.
    """
    model, found, path = given.partition("=")
    if not found or Path(given).exists():
        model, path = "", given
    if not path:
        raise UsageError(f"--model-config {given}: no path", fix="set PATH or MODEL=PATH")
    return model, path
