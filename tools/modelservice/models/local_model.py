"""The shape of a model by its own files: a directory, or a ``config.json`` with what stands beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelservice.errors import UsageError
from modelservice.models.catalogue import KnownModel
from modelservice.models.fields import ConfigurationError
from modelservice.models.shape import ModelShape, shape_of

CONFIG = "config.json"
QUANTIZATION = "hf_quant_config.json"
INDEX = "model.safetensors.index.json"
_LARGEST = 64 * 1024**2
"""Bytes up to which a JSON file is read; the index of the largest models has 20 MB."""


def load(path: Path, name: str = "") -> KnownModel:
    """Return a model by its files.

    Args:
        path: a directory with ``config.json``, or that file.
        name: name of the model; by default that of the directory.

    Raises:
        UsageError: there is no such file, or it is no configuration of a language model.
    """
    file = path / CONFIG if path.is_dir() else path
    directory = file.parent
    config = _json(file)
    extra = _json(directory / QUANTIZATION) if (directory / QUANTIZATION).is_file() else None
    try:
        shape = shape_of(config, extra)
    except ConfigurationError as error:
        problem = error.problems[0]
        raise UsageError(problem.message, file=str(file), fix=problem.fix) from None
    return KnownModel(name or directory.resolve().name, _with_size(shape, directory), str(file))


def _with_size(shape: ModelShape, directory: Path) -> ModelShape:
    """The shape with the bytes of the files, by the index or else by the files themselves."""
    total = None
    if (directory / INDEX).is_file():
        metadata = _json(directory / INDEX).get("metadata")
        total = metadata.get("total_size") if isinstance(metadata, Mapping) else None
    if not isinstance(total, int | float) or isinstance(total, bool):
        total = sum(file.stat().st_size for file in directory.glob("*.safetensors") if file.is_file())
    return replace(shape, file_bytes=int(total)) if total else shape


def _json(file: Path) -> Mapping[str, Any]:
    """A JSON object.

    Raises:
        UsageError: it cannot be read, or is no JSON object.
    """
    try:
        if file.stat().st_size > _LARGEST:
            raise UsageError("the file is too large for a configuration", file=str(file), fix="give a config.json")
        content = json.loads(file.read_bytes())
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise UsageError(reason, file=str(file), fix="give a model's directory or its config.json") from None
    except (ValueError, RecursionError):
        raise UsageError("the file is not JSON", file=str(file), fix="give a model's config.json") from None
    if not isinstance(content, Mapping):
        raise UsageError("the file is not a JSON object", file=str(file), fix="give a model's config.json")
    return content
