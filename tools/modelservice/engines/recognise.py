"""Which inference engine an image holds, and which one a command starts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_IMAGES = {
    "simulator": r"llm-d-inference-sim",
    "sglang": r"sglang[^/]*$",
    "vllm": r"(^|/)vllm[^/]*$|(^|/)vllm/|(^|/)llm-d(-cuda|-cpu|-xpu|-dev|-hpu|-rocm)?([:@]|$)",
    "ollama": r"(^|/)ollama([:@]|$)",
    "infinity": r"(^|/)infinity([:@]|$)",
    "fasterWhisper": r"(^|/)(faster-whisper-server|speaches)([:@]|$)",
    "huggingface": r"(^|/)huggingfaceserver([:@]|$)",
}
"""Names of the images of each engine; the first that fits counts."""

_ENTRY_POINTS = re.compile(
    r"(^|/)(vllm-openai(-[a-z0-9-]+)?|vllm-cpu(-release-repo|-env)?|vllm-gh200|substratusai/vllm(-[a-z0-9-]+)?"
    r"|llm-d-inference-sim|ollama|infinity|faster-whisper-server|speaches|huggingfaceserver)([:@]|$)"
)
"""Images whose entry point is the engine's server."""

_PROGRAMS = {
    ("vllm", "serve"): "vllm",
    ("vllm.entrypoints.openai.api_server",): "vllm",
    ("vllm.entrypoints.cli.main", "serve"): "vllm",
    ("sglang", "serve"): "sglang",
    ("sglang.launch_server",): "sglang",
    ("ollama", "serve"): "ollama",
}
"""What starts each engine: a program or a Python module, and its command."""

_PYTHON = re.compile(r"python(3(\.\d+)?)?")


class Program(NamedTuple):
    """The words of a command that start an engine."""

    engine: str
    start: int
    """Place of the first of them; what stands before is a wrapper, such as ``exec`` or ``numactl``."""
    end: int


def engine_of_image(image: str) -> str | None:
    """Return the engine that an image holds; None for an unknown image."""
    return next((engine for engine, pattern in _IMAGES.items() if re.search(pattern, image)), None)


def has_entry_point(image: str) -> bool:
    """Return whether an image starts its engine by itself, with the arguments of the container."""
    return _ENTRY_POINTS.search(image) is not None


def find_program(words: Sequence[str]) -> Program | None:
    """Return where a command starts an engine; None where it does not."""
    names = [word.rsplit("/", 1)[-1] for word in words]
    if names[:1] in (["echo"], ["printf"]):
        return None
    for start, name in enumerate(names):
        entry = _module(words, start) if _PYTHON.fullmatch(name) else start
        for program, engine in _PROGRAMS.items():
            if entry is not None and tuple(names[entry : entry + len(program)]) == program:
                return Program(engine, start, entry + len(program))
    return None


def _module(words: Sequence[str], python: int) -> int | None:
    """Place of the module that an interpreter runs: ``python -u -m MODULE``."""
    options = python + 1
    while options < len(words) and words[options].startswith("-") and words[options] != "-m":
        options += 1
    return options + 1 if words[options : options + 1] == ["-m"] else None
