"""Fetches the configuration of a model from Hugging Face, when asked to.

Only the files that describe a model are fetched, into the library's own cache. The library takes the token from its
environment; nothing that it says is printed, because that may hold a token or an address with one.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from modelservice.errors import UsageError
from modelservice.models.catalogue import KnownModel
from modelservice.models.local_model import CONFIG, INDEX, QUANTIZATION, load
from modelservice.models.lookup import GIVE_CONFIG

_TIMEOUT = 20
"""Seconds to wait for an answer."""


def fetch(name: str, revision: str | None = None) -> KnownModel:
    """Return a model by its configuration on Hugging Face.

    Args:
        name: its repository, e.g. ``Qwen/Qwen3-32B``.
        revision: branch, tag or commit; by default the newest.

    Raises:
        UsageError: the library is not installed, Hugging Face cannot be reached, or does not give the file.
    """
    try:
        from huggingface_hub import errors, get_hf_file_metadata, hf_hub_download, hf_hub_url
    except ImportError:
        raise UsageError(
            "--fetch-model-config needs the package huggingface_hub",
            fix="install it with pip install huggingface_hub, or " + GIVE_CONFIG,
        ) from None
    try:
        # Asked once: a download tries for half a minute before it says that nobody answers.
        get_hf_file_metadata(hf_hub_url(name, CONFIG, revision=revision), timeout=_TIMEOUT)
        config = Path(hf_hub_download(name, CONFIG, revision=revision))
    except errors.GatedRepoError:
        message = f"{name} is gated on Hugging Face"
        raise UsageError(message, fix=f"set HF_TOKEN to a token that may read it, or {GIVE_CONFIG}") from None
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.HFValidationError):
        at = f" at revision {revision}" if revision else ""
        raise UsageError(f"Hugging Face has no model {name}{at}", fix=f"write OWNER/NAME, or {GIVE_CONFIG}") from None
    except errors.RemoteEntryNotFoundError:
        raise UsageError(f"{name} on Hugging Face has no config.json", fix=GIVE_CONFIG) from None
    except Exception:
        return _fetched_before(name, revision)
    for file in (QUANTIZATION, INDEX):
        with contextlib.suppress(Exception):
            hf_hub_download(name, file, revision=revision)
    return load(config, name)


def _fetched_before(name: str, revision: str | None) -> KnownModel:
    """A model by the files in the library's cache, without a network."""
    from huggingface_hub import hf_hub_download

    try:
        config = Path(hf_hub_download(name, CONFIG, revision=revision, local_files_only=True))
    except Exception:
        message = f"the configuration of {name} cannot be fetched: Hugging Face cannot be reached"
        raise UsageError(message, fix=GIVE_CONFIG) from None
    return load(config, name)
