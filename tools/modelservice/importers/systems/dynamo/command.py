"""What a component's container starts: a worker of Dynamo as the engine that it runs, or another part of Dynamo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modelservice import facts
from modelservice.engines.command import EngineCommand, Option
from modelservice.engines.shell import plain_command, script_of, statements
from modelservice.facts.models import DynamoWorker
from modelservice.importers.report import ConversionReport
from modelservice.kubernetes.variables import variables

NIXL = '{"kv_connector":"NixlConnector","kv_role":"kv_both"}'
"""The transfer that Dynamo's workers had by default."""

_HOST = {"name": "VLLM_NIXL_SIDE_CHANNEL_HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
"""What the workers of vLLM set when they start."""

_PARSERS = {"dyn-tool-call-parser": "tool-call-parser", "dyn-reasoning-parser": "reasoning-parser"}
"""Options of the engine that do what Dynamo's frontend did; its parsers have other names."""

_MODES = {
    "is-prefill-worker": "prefill", "is-decode-worker": "decode", "multimodal-encode-worker": "encode",
    "multimodal-processor": "processor",
}  # fmt: skip
"""What older switches say that ``--disaggregation-mode`` says today."""

_STRATEGY = "disaggregation-mode"


@dataclass
class Started:
    """A module of Dynamo that a container starts.

    Args:
        module: the module; empty where the container starts none.
        words: its arguments.
        wrapped: the container starts something else too.
    """

    module: str = ""
    words: Sequence[str] = ()
    wrapped: bool = False

    @property
    def worker(self) -> DynamoWorker | None:
        """What is known of the worker that the module is."""
        return next((item for item in facts.dynamo().workers if item.module == self.module), None)


def started(container: dict[str, Any]) -> Started:
    """Return the module of Dynamo that a container starts."""
    words = [str(word) for word in [*container.get("command", []), *container.get("args", [])]]
    if not container.get("command") and len(words) == 1 and " " in words[0]:
        words = ["/bin/sh", "-c", *words]  # the operator's own command
    script = script_of(words)
    if script is None:
        return _module(words, wrapped=False)
    known = variables(container)
    plain = plain_command(script, known)
    if plain is not None:
        return _module(plain, wrapped=False)
    found = (_module([word.written for word in item], wrapped=True) for item in statements(script, known))
    return next((item for item in found if item.module), Started())


def _module(words: Sequence[str], *, wrapped: bool) -> Started:
    for index, word in enumerate(words[:-1]):
        if word == "-m" and words[index + 1].startswith("dynamo."):
            module, _, _ = words[index + 1].partition(".__main__")
            return Started(module, words[index + 2 :], wrapped or index > 1)
    return Started()


class WorkerCommand:
    """The command of a worker, as the engine by itself has it.

    Args:
        container: the container; gets the command of the engine.
        start: the module that it starts.
        place: path of the container, for notes.
        report: gets a note for each option of Dynamo's own.
    """

    def __init__(self, container: dict[str, Any], start: Started, place: str, report: ConversionReport) -> None:
        worker = start.worker
        assert worker is not None  # noqa: S101  # asked before
        self.worker, self.report, self.place, self.container = worker, report, place, container
        container.pop("command", None)
        known = facts.engine(worker.engine)
        if known and known.start.command:
            container["command"] = list(worker.start)
        self.first = () if "command" in container else worker.start  # what an entry point executes
        container["args"] = [*self.first, *start.words]
        self.engine = EngineCommand.parse(container)
        if start.wrapped:
            why = f"only {worker.module} is kept; what the command does beside it is left out"
            report.lost(f"{place}.command", why)
        why = f"{worker.module} becomes {' '.join(worker.start)}: requests go to the engine, not through Dynamo"
        report.changed(f"{place}.args", why, values="engine.modelCommand")
        self.mode = self._mode()
        self._rename()
        self._drop_own()

    def finish(self) -> None:
        """Write the arguments into the container."""
        self.container["args"] = [*self.first, *self.engine.arguments]

    def _mode(self) -> str:
        """Return the role of the worker; ``agg`` where it serves whole requests."""
        own = next((mode for name, mode in _MODES.items() if self.engine.has(name)), "")
        given = self.engine.value(_STRATEGY) or own or "agg"
        for name in _MODES:
            self.engine.take(name)
        if self.worker.engine != "sglang":
            self.engine.take(_STRATEGY)
        return given

    def _rename(self) -> None:
        """Give the engine's options their own names."""
        names = self.worker.renamed
        options = []
        for option in self.engine.options:
            name = next((given for given in names if _is(option, given)), "")
            if name and names[name] != name:
                option = Option.of(f"--{names[name]}", *option.values)
            options.append(option)
        self.engine.options = options

    def _drop_own(self) -> None:
        """Take the options that only Dynamo's workers have."""
        known, worker = facts.dynamo(), self.worker
        own = {*known.options, *known.older, *worker.options, *worker.older}
        own -= {*worker.shared, *worker.renamed, *worker.renamed.values()}
        for option in [item for item in self.engine.options if any(_is(item, name) for name in own)]:
            self.engine.options.remove(option)
            name = option.spelling.lstrip("-").replace("_", "-")
            if name == "connector":
                self._note_connector(option)
                continue
            why = f"an option of {worker.module}, which the engine has not"
            if name in _PARSERS:
                why = (
                    f"the frontend parsed replies; set engine.args.{_PARSERS[name]} to the engine's name of the parser"
                )
            self.report.lost(f"{self.place}.args: --{name}", why)

    def _note_connector(self, option: Option) -> None:
        others = [value for value in option.values if value not in ("nixl", "none", "null")]
        if others:
            why = f"set engine.args.kv-transfer-config to the engine's connector for {', '.join(others)}"
            self.report.lost(f"{self.place}.args: --connector", why)

    def transfer(self) -> None:
        """Set how caches get from prefill to decode, where the worker does not say it."""
        if self.worker.engine != "vllm":
            return
        if all(item["name"] != _HOST["name"] for item in self.container.get("env", [])):
            self.container["env"] = [*self.container.get("env", []), _HOST]
            why = "the worker told vLLM the address of its pod for transfers"
            self.report.changed(self.place, why, values=f"engine.env.{_HOST['name']}")
        if self.engine.has("kv-transfer-config"):
            return
        if any(option.name.startswith("kv-transfer-config.") for option in self.engine.options):
            return
        self.engine.options.append(Option.of("--kv-transfer-config", NIXL))
        why = "the worker states no transfer of caches, and vLLM needs one in both roles: NIXL, as Dynamo's default was"
        self.report.changed(f"{self.place}.args", why, values="engine.args.kv-transfer-config")

    def listen(self, port: int) -> None:
        """Set the port that the engine listens on."""
        self.engine.take("port")
        self.engine.options.append(Option.of("--port", str(port)))


def _is(option: Option, name: str) -> bool:
    """Return whether an option is written with a name."""
    return option.name != "" and option.spelling.lstrip("-").replace("_", "-") == name
