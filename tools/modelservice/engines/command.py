"""Command lines of engines: which engine a container starts, with which model and flags."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from modelservice import facts
from modelservice.engines.arguments import negations
from modelservice.engines.grammar import Grammar, grammar, reads_flags
from modelservice.engines.recognise import engine_of_image, find_program
from modelservice.engines.shell import Script, Word, plain_command, script_of, statements
from modelservice.engines.version import Version, vllm_version
from modelservice.kubernetes.variables import NO_CONFIG_MAPS, ConfigMaps, Variables, expand, variables

Start = Literal["command", "image", "custom"]


@dataclass(frozen=True)
class Option:
    """A flag of a command line, or a positional argument.

    Args:
        name: canonical long name of the flag without dashes; empty for a positional argument.
        values: its values, variables of the container filled in. A word that may be none or several, such as
            ``$OPTIONS`` in a script, is an option with neither name nor values.
        tokens: the words as they are written.
        spelling: the flag as it is written, with its dashes.
    """

    name: str
    values: tuple[str, ...]
    tokens: tuple[str, ...]
    spelling: str = ""

    @classmethod
    def of(cls, spelling: str, *values: str) -> Option:
        """Return a flag that is written in its long form."""
        return cls(spelling.removeprefix("--"), values, (spelling, *values), spelling)


@dataclass
class EngineCommand:
    """How a container starts an engine.

    Args:
        engine: the engine, as ``engine.type`` names it; None for an unknown one.
        options: flags and positional arguments in their order.
        start: ``command`` where the container's command is the engine's program and nothing else, also as the one
            plain command of a shell script; ``image`` where the image's entry point starts; ``custom`` for a script,
            a wrapper or another program.
        program: the words that start the engine; none for ``image``.
        script: whether a shell script starts it.
        version: version of the engine by its image; None where the image does not tell.
    """

    engine: str | None
    options: list[Option] = field(default_factory=list)
    start: Start = "image"
    program: tuple[str, ...] = ()
    script: bool = False
    version: Version | None = None

    @classmethod
    def parse(
        cls,
        container: Mapping[str, Any],
        more: Variables | None = None,
        config_maps: ConfigMaps = NO_CONFIG_MAPS,
        version: Version | None = None,
    ) -> EngineCommand:
        """Read the command line of a container.

        Args:
            container: command, arguments, variables and image.
            more: variables that the platform sets, e.g. ``LWS_GROUP_SIZE``.
            config_maps: ConfigMaps whose data is known, from which the container may have variables.
            version: version of vLLM where the user states it; else the image tells.
        """
        known = {**(more or {}), **variables(container, config_maps)}
        image = str(container.get("image") or "")
        version = version or vllm_version(image)
        command = [str(word) for word in container.get("command") or []]
        written = [*command, *(str(word) for word in container.get("args") or [])]
        script = script_of(written)
        if script is None:
            found = cls._started(_words(written, known), image, version)
            return found or cls._of_image(command, _words(written, known), image, version)
        plain = plain_command(script, known)
        if plain is not None and (found := cls._started(_words(plain, known), image, version)):
            return replace(found, script=True)
        script = Script(expand(script.text, known), tuple(expand(word, known) for word in script.arguments))
        for words in statements(script, known):
            if found := cls._started(words, image, version):
                return replace(found, script=True, start="custom")
        return cls(None, start="custom", script=True)

    @classmethod
    def of(cls, words: Sequence[str], engine: str | None = None) -> EngineCommand:
        """Read the arguments of a program.

        Args:
            words: the arguments.
            engine: whose they are; None for an unknown program, e.g. a sidecar.
        """
        return cls(engine, _options(_words(words, {}), grammar(engine, None)))

    @classmethod
    def _started(cls, words: Sequence[Word], image: str, version: Version | None) -> EngineCommand | None:
        """The engine that a command starts."""
        texts = [word.text for word in words]
        program = find_program(texts)
        if program is None:
            return None
        engine = "simulator" if engine_of_image(image) == "simulator" else program.engine
        version = version if engine == "vllm" else None
        start: Start = "custom" if texts[: program.start] not in ([], ["exec"]) else "command"
        options = _options(words[program.end :], grammar(engine, version))
        return cls(engine, options, start, tuple(texts[program.start : program.end]), version=version)

    @classmethod
    def _of_image(
        cls, command: Sequence[str], words: Sequence[Word], image: str, version: Version | None
    ) -> EngineCommand:
        """The engine that the image's entry point starts, or an unknown command."""
        engine = None if command else engine_of_image(image)
        known = facts.engine(engine or "")
        if known is None or not known.start.entrypoint:
            return cls(engine, _options(words[len(command) :], grammar(engine, None)), "custom")
        first = len(known.start.arguments)
        if tuple(word.text for word in words[:first]) == known.start.arguments:
            words = words[first:]
        version = version if engine == "vllm" else None
        return cls(engine, _options(words, grammar(engine, version)), "image", version=version)

    @property
    def derived(self) -> bool:
        """Whether nothing but an engine starts whose arguments the chart can write itself."""
        return self.flags_known and self.start != "custom"

    @property
    def flags_known(self) -> bool:
        """Whether the flags of this engine are known."""
        return reads_flags(self.engine)

    @property
    def flags(self) -> list[Option]:
        """The flags in their order."""
        return [option for option in self.options if option.name]

    @property
    def positionals(self) -> list[str]:
        """The positional arguments."""
        return [option.values[0] for option in self.options if not option.name and option.values]

    @property
    def model(self) -> str | None:
        """The model: by its flag, else the positional argument, else the word that must be it."""
        given = self.get("model")
        if given and given.values:
            return given.values[0]
        return next(iter([*self.positionals, *self.unread]), None)

    @property
    def unread(self) -> list[str]:
        """Words that may be none or several, of which only the container knows which: ``$OPTIONS``."""
        found = [option.tokens[0] for option in self.options if not option.name and not option.values]
        return [word for word in found if word != "--"]

    @property
    def partial(self) -> bool:
        """Whether there may be flags that are not seen: in a file, or in words that only the container knows.

        One such word without any positional argument is the model.
        """
        known = facts.engine(self.engine or "")
        file = known.flags.file if known and known.flags else ""
        model = not (self.positionals or self.has("model"))
        return bool(file and self.has(file)) or len(self.unread) > model

    @property
    def arguments(self) -> list[str]:
        """The words of all options as they are written."""
        return [token for option in self.options for token in option.tokens]

    def all(self, *names: str) -> list[Option]:
        """Return every occurrence of the flags of these names, in any of their long spellings."""
        rules = grammar(self.engine, self.version)
        wanted = {rules.canonical(name) for name in names}
        return [option for option in self.options if option.name in wanted]

    def get(self, *names: str) -> Option | None:
        """Return the last flag of these names, the one that counts."""
        return next(reversed(self.all(*names)), None)

    def has(self, name: str) -> bool:
        """Return whether a flag is given."""
        return self.get(name) is not None

    def value(self, name: str) -> str | None:
        """Return the value that counts; None without the flag, or where only the container knows it."""
        found = self.get(name)
        return found.values[0] if found and found.values and "$" not in found.values[0] else None

    def number(self, name: str, default: int | None = None) -> int | None:
        """Return an integer; the default without the flag, None where it is not known or not an integer."""
        if not self.has(name):
            return default
        value = self.value(name)
        return int(value) if value is not None and re.fullmatch(r"-?\d+", value) else None

    def switch(self, name: str) -> bool | None:
        """Return whether a switch is on or off, by the last of its spellings; None where none is given."""
        off = {flag.lstrip("-") for flag, canonical in negations().items() if canonical == name}
        given = [option.name for option in self.flags if option.name in {name, *off}]
        return given[-1] == name if given else None

    def json(self, name: str) -> dict[str, Any]:
        """Return the JSON object of a flag, with its dotted keys (``--name.key value``); empty where there is none."""
        result: dict[str, Any] = {}
        for option in self.options:
            flag, _, path = option.name.partition(".")
            if flag != name or not option.values or "$" in option.values[0]:
                continue
            value = _json(option.values[0])
            if path:
                _set(result, path.split("."), option.values[0] if value is None else value)
            elif isinstance(value, dict):
                result = value
        return result

    def take(self, *names: str) -> str | None:
        """Remove flags; return the value that counts, "" for a switch, None without any of them."""
        found = self.all(*names)
        self.options = [option for option in self.options if option not in found]
        return (found[-1].values[0] if found[-1].values else "") if found else None


def _words(written: Sequence[str], known: Variables) -> list[Word]:
    words = [Word(expand(word, known), word) for word in written]
    return [word._replace(loose=re.fullmatch(r"\$\([\w.-]+\)", word.text) is not None) for word in words]


def _options(words: Sequence[Word], rules: Grammar) -> list[Option]:
    """The flags and positional arguments of a command line, by the rules of :mod:`argparse`."""
    options: list[Option] = []
    rest = list(words)
    ended = False  # behind "--" all words are positional
    while rest:
        word = rest.pop(0)
        if word.text == "--" and not ended:
            ended = True
            options.append(Option("", (), (word.written,)))
            continue
        flag = None if ended else rules.flag(word.text)
        if flag is None:
            options.append(Option("", () if word.loose and not ended else (word.text,), (word.written,)))
            continue
        taken = [] if flag.value is not None else rest[: _count(flag.arity, rest, rules)]
        del rest[: len(taken)]
        values = [word.text for word in taken] if flag.value is None else [flag.value]
        tokens = (word.written, *(word.written for word in taken))
        options.append(Option(flag.name, tuple(values), tokens, flag.spelling))
    return options


def _count(arity: int | str, rest: Sequence[Word], rules: Grammar) -> int:
    """How many of the words that follow are values of a flag."""
    end = next((at for at, word in enumerate(rest) if word.text == "--" or rules.flag(word.text)), len(rest))
    if isinstance(arity, int):
        return min(arity, end)
    return min(1, end) if arity == "?" else end


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _set(values: dict[str, Any], path: Sequence[str], value: Any) -> None:
    *parents, key = path
    for parent in parents:
        inner = values.get(parent)
        values[parent] = values = inner if isinstance(inner, dict) else {}
    values[key] = value
