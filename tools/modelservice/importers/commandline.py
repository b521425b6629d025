"""Command lines of engines: which engine a container starts, with which model and flags."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Engine = Literal["vllm", "sglang"]

SHORT = {
    "tp": "tensor-parallel-size",
    "pp": "pipeline-parallel-size",
    "dp": "data-parallel-size",
    "dpl": "data-parallel-size-local",
    "dpa": "data-parallel-address",
    "dpp": "data-parallel-rpc-port",
    "dpn": "data-parallel-rank",
    "dpr": "data-parallel-start-rank",
    "dph": "data-parallel-hybrid-lb",
    "dpe": "data-parallel-external-lb",
    "ep": "enable-expert-parallel",
    "n": "nnodes",
    "r": "node-rank",
    "tp-size": "tensor-parallel-size",
    "pp-size": "pipeline-parallel-size",
    "dp-size": "data-parallel-size",
    "model-path": "model",
    "q": "quantization",
}
"""Long forms of the engines' short options
(https://docs.vllm.ai/en/latest/configuration/engine_args/)."""

_SWITCH = re.compile(r"^(enable|disable|no|trust|enforce|use|skip|log|async|headless|return)(-|$)")
"""Options without a value, by how they begin."""

_SEVERAL = {
    "served-model-name",
    "lora-modules",
    "middleware",
    "cuda-graph-sizes",
    "cudagraph-capture-sizes",
    "logits-processors",
    "allowed-origins",
    "prefetch-modules",
    "allowed-media-domains",
    "stop-token-ids",
}
"""Options that take several values."""

_VLLM_IMAGE = re.compile(
    r"(^|/)(vllm-openai(-[a-z0-9-]+)?|vllm-cpu(-release-repo|-env)?|vllm-gh200|substratusai/vllm(-[a-z0-9-]+)?)([:@]|$)"
)
"""Images whose entry point is vLLM's server."""

_SIMULATOR = re.compile(r"llm-d-inference-sim")


@dataclass
class Option:
    """One option of a command line, or a positional argument.

    Args:
        name: long form without dashes; empty for a positional argument.
        values: what follows it.
        tokens: as it was written.
    """

    name: str
    values: list[str]
    tokens: list[str]


@dataclass
class CommandLine:
    """How a container starts.

    Args:
        engine: the engine, None where it is not recognised.
        start: ``vllmServe``, ``sglangServe`` or ``imageDefault``, which keeps the image's entry point; ``custom``; or
            ``typed`` for an engine that the importer names.
        options: the engine's options in their order.
        why: what is said differently than in the source.
    """

    engine: Engine | None
    start: str
    options: list[Option] = field(default_factory=list)
    why: str = ""

    def get(self, *names: str) -> Option | None:
        """The last option of these names: it is the one that counts."""
        return next((option for option in reversed(self.options) if option.name in names), None)

    def take(self, *names: str) -> str | None:
        """Removes options of these names; gives the last one's value, "" for a switch."""
        found = [option for option in self.options if option.name in names]
        self.options = [option for option in self.options if option.name not in names]
        return (found[-1].values[0] if found[-1].values else "") if found else None

    @property
    def derived(self) -> bool:
        """Whether the chart writes arguments of its own: model, port, parallelism, names."""
        return self.start not in ("custom", "typed")

    @property
    def arguments(self) -> list[str]:
        """The options as arguments."""
        return [token for option in self.options for token in option.tokens]


def parse(container: Mapping[str, Any]) -> CommandLine:
    """How a container starts its engine.

    A shell around one plain command is taken off; ``$NAME`` becomes ``$(NAME)``, which Kubernetes expands. Anything
    cleverer stays as it is.
    """
    command = [str(word) for word in container.get("command") or []]
    args = [str(word) for word in container.get("args") or []]
    why = ""
    script = _script(command, args)
    if script is not None:
        words = _plain_words(script, {variable["name"] for variable in container.get("env") or []})
        if words is None or _program(words) is None:
            return CommandLine(_mentioned(" ".join(command + args)), "custom")
        tokens = words
        why = "the shell around the command is left out"
    else:
        tokens = command + args
    found = _program(tokens)
    if found:
        engine, rest, plain = found
        why = why or ("" if plain else f"{' '.join(tokens[: len(tokens) - len(rest)])} is said as {_said(engine)}")
        return CommandLine(engine, f"{engine}Serve", list(options(rest)), why)
    image = str(container.get("image") or "")
    if not command and (_VLLM_IMAGE.search(image) or _SIMULATOR.search(image)):
        return CommandLine("vllm", "imageDefault", list(options(args)))
    return CommandLine(_mentioned(" ".join(tokens)), "custom")


def _said(engine: Engine) -> str:
    return "vllm serve" if engine == "vllm" else "python3 -m sglang.launch_server"


def _mentioned(text: str) -> Engine | None:
    """The engine that a script starts somewhere."""
    if re.search(r"\bvllm\s+serve\b|vllm\.entrypoints", text):
        return "vllm"
    return "sglang" if "sglang.launch_server" in text else None


def _program(tokens: Sequence[str]) -> tuple[Engine, list[str], bool] | None:
    """The engine that a command starts, its arguments, and whether the chart would say it in the same words."""
    words = list(tokens)
    if words[:1] == ["exec"]:
        words = words[1:]
    if not words:
        return None
    name = words[0].rsplit("/", 1)[-1]
    if name == "vllm" and words[1:2] == ["serve"]:
        return "vllm", words[2:], words[0] == "vllm"
    if re.fullmatch(r"python(3(\.\d+)?)?", name):
        rest = list(itertools.dropwhile(lambda word: word in ("-u", "-O"), words[1:]))
        if rest[:1] == ["-m"] and len(rest) > 1:
            if rest[1] == "vllm.entrypoints.openai.api_server":
                return "vllm", rest[2:], False
            if rest[1] == "sglang.launch_server":
                return "sglang", rest[2:], words[:3] == ["python3", "-m", "sglang.launch_server"]
            if rest[1:3] == ["vllm.entrypoints.cli.main", "serve"]:
                return "vllm", rest[3:], False
    return None


def _script(command: list[str], args: list[str]) -> str | None:
    """The script of ``sh -c script``, where nothing follows it but the script's own ``$0``."""
    tokens = command + args
    if not tokens or tokens[0].rsplit("/", 1)[-1] not in ("sh", "bash", "dash", "ash"):
        return None
    index = 1
    while index < len(tokens) and re.fullmatch(r"-[a-zA-Z]+", tokens[index]) and "c" not in tokens[index]:
        index += 1
    if index + 1 < len(tokens) and re.fullmatch(r"-[a-zA-Z]*c", tokens[index]):
        rest = tokens[index + 2 :]
        return tokens[index + 1] if not rest or rest == ["--"] else "; "
    return "; "


def _plain_words(script: str, variables: set[str]) -> list[str] | None:
    """The words of a script that is one command without shell logic; None for any other."""
    text = re.sub(r"\\\n", " ", script).strip()
    if re.search(r"[`]|\$\(|\$\{[^}]*[^A-Za-z0-9_}][^}]*\}|\$[@*#?$!0-9-]", text):
        return None
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.commenters = "#"
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:
        return None
    # An operator is a word of its own; a quoted one cannot be told from it, so a script with one stays as it is.
    if any(re.fullmatch(r"[();<>|&]+", word) for word in words) or ("\n" in text.strip("\n") and _lines(text) > 1):
        return None
    if re.search(r"'[^']*\$[A-Za-z_{]", text):
        return None
    expanded = []
    for word in words:
        names = re.findall(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?", word)
        if any(name not in variables for name in names) or (word.startswith("$") and names):
            return None  # an unquoted variable may be several words, or none
        expanded.append(re.sub(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?", r"$(\1)", word))
    return expanded if expanded and "=" not in expanded[0] else None


def _lines(text: str) -> int:
    """Lines of a script that are not comments."""
    return sum(1 for line in text.splitlines() if line.strip() and not line.strip().startswith("#"))


def options(tokens: Sequence[str]) -> Iterator[Option]:
    """The options in a list of arguments."""
    current: Option | None = None
    for token in tokens:
        if re.match(r"^--?[A-Za-z]", token) or (token and not token.strip("-")):
            if current:
                yield current
            written, equals, value = token.lstrip("-").partition("=")
            name = written.replace("_", "-")
            current = Option(SHORT.get(name, name), [value] if equals else [], [token])
            if equals:
                yield current
                current = None
        elif current is None:
            yield Option("", [token], [token])
        elif (_SWITCH.match(current.name) and not current.values and not _boolean(token)) or (
            current.values and current.name not in _SEVERAL
        ):
            yield current
            current = None
            yield Option("", [token], [token])
        else:
            current.values.append(token)
            current.tokens.append(token)
    if current:
        yield current


def _boolean(token: str) -> bool:
    return token.lower() in ("true", "false") or token.startswith(("{", "[")) or token.isdigit()
