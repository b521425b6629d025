"""What the name of a checkpoint tells: the model it was made of, how it was quantised, whether it was tuned."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from modelservice import facts

_QUANTIZED = (
    (r"unsloth-bnb-4bit|bnb-4bit|4bit", "bitsandbytes"),
    (r"fp8(?:-(?:dynamic|block|static-pertensor|kv|pt))?|fbgemm-fp8", "fp8"),
    (r"nvfp4a16|nvfp4|fp4", "nvfp4"),
    (r"mxfp4", "mxfp4"),
    (r"awq(?:-(?:int4|4bit))?", "awq"),
    (r"gptq-int8|gptq-8bit|quantized\.w8a8|w8a8|w8a16|quantized\.w8a16|int8|8bit", "int8"),
    (r"gptq(?:-(?:int4|4bit))?", "gptq"),
    (r"quantized\.w4a16|w4a16|int4", "int4"),
    (r"gguf", "gguf"),
    (r"bf16|fp16", "none"),
)
"""Last words of names, and how they say that the weights are quantised."""
_TUNED = r"instruct|it|chat|base|pt|hf|thinking|reasoning|preview|exp|\d{4}"
"""Last words of names that say how a model was trained on."""
_FILE_TAG = re.compile(r"(?<=gguf):[\w.-]+$")
"""Which file of a repository of GGUF files llama.cpp loads: ``:q4_k_m``."""
_SCHEMES = re.compile(r"^(?:hf|ms|modelscope|huggingface)://")


@dataclass(frozen=True)
class Variant:
    """A model that a name may mean.

    Args:
        name: last part of its repository, in small letters.
        owner: who published it, in small letters; empty for anybody.
        method: how the name says that the weights are quantised; ``none`` for not at all, empty where it says nothing.
        tuned: whether words about tuning were left out or added.
    """

    name: str
    owner: str = ""
    method: str = ""
    tuned: bool = False


def variants(name: str) -> Iterator[Variant]:
    """Yield the models that a name may mean, the likeliest first."""
    parts = _SCHEMES.sub("", name.strip().lower()).rstrip("/").split("/")
    last = _FILE_TAG.sub("", parts[-1])
    owner = parts[-2] if len(parts) > 1 else ""
    if not last:
        return
    if owner:
        yield Variant(last, owner)
    yield Variant(last)
    plain, method = _without_method(last)
    for word in _spellings(plain):
        yield Variant(word, method=method)
    bare = _without_tuning(plain)
    for end in ("", "-instruct", "-it", "-base", "-instruct-2512"):
        for word in _spellings(bare + end):
            if word != plain:
                yield Variant(word, method=method, tuned=True)
    # A model that is known in a quantised form only.
    for stem in dict.fromkeys((plain, bare)):
        for end in ("-bf16", "-fp8", "-nvfp4", "-it-nvfp4", "-instruct-fp8"):
            for word in _spellings(stem + end):
                yield Variant(word, method=method or "none", tuned=stem != plain or "-i" in end)


def _spellings(name: str) -> tuple[str, ...]:
    """A name as it is, and with or without the company before it, which some repositories have."""
    found = [name]
    if name.startswith("meta-llama-"):
        found.append(name.removeprefix("meta-"))
    elif name.startswith("llama-"):
        found.append(f"meta-{name}")
    if name.startswith("nemotron-"):
        found.append(f"nvidia-{name}")
    return tuple(found)


def _without_method(name: str) -> tuple[str, str]:
    """A name without its words about quantisation, and what they say."""
    for words, method in _QUANTIZED:
        if match := re.fullmatch(rf"(.+?)[-_.](?:{words})", name):
            return match[1], method
    return name, ""


def _without_tuning(name: str) -> str:
    name = re.sub(r"-(?:instruct|chat|base|it)(?=-v\d)", "", name)
    while match := re.fullmatch(rf"(.+?)[-_](?:{_TUNED})", name):
        name = match[1]
    return name


def is_gated(name: str) -> bool:
    """Return whether a model on Hugging Face is known to need a token."""
    return any(re.search(known.pattern, name, re.IGNORECASE) for known in facts.models_by_name().gated)
