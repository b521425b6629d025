"""Read command lines as vLLM does: parse them and build the engine's configuration. Runs in the engine's environment.

``python configure.py < CASES > RESULTS``. Both are JSON lists. A case has ``words`` (arguments of ``vllm serve``),
``env`` and ``model`` (folder of a model to read instead of the one named). A result has ``error`` (null if vLLM accepts
the arguments), ``deprecations`` (lines of its log) and ``parallel`` (fields of the parallel configuration). Each case
has its own process, because vLLM keeps state.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import multiprocessing
import os
import sys
from typing import Any, TypedDict

from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
from vllm.platforms import current_platform
from vllm.utils.argparse_utils import FlexibleArgumentParser


class Case(TypedDict):
    """A command line to read."""

    words: list[str]
    env: dict[str, str]
    model: str


class Result(TypedDict):
    """vLLM's answer to a case."""

    error: str | None
    deprecations: list[str]
    parallel: dict[str, int | str]


class _Deprecations(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if "deprecat" in message.lower():
            self.lines.append(message)


def read(case: Case) -> Result:
    """Return vLLM's answer to a command line."""
    os.environ.update(case["env"])
    log = _Deprecations()
    logging.getLogger("vllm").addHandler(log)
    errors = io.StringIO()
    error, parallel = None, {}
    try:
        with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
            parallel = _configure(case["words"], case["model"])
    except SystemExit:
        error = (errors.getvalue().strip().splitlines() or ["no reason given"])[-1]
    except Exception as reason:  # any exception is an answer
        error = f"{type(reason).__name__}: {reason}"
    return Result(error=error, deprecations=log.lines, parallel=parallel)


def _configure(words: list[str], model: str) -> dict[str, int | str]:
    """Return the parallel configuration of arguments."""
    arguments = make_arg_parser(FlexibleArgumentParser()).parse_args(words)
    validate_parsed_serve_args(arguments)
    arguments.model = arguments.model_tag = model
    arguments.tokenizer = arguments.revision = None
    engine: Any = AsyncEngineArgs.from_cli_args(arguments)
    config = engine.create_engine_config(headless=arguments.headless).parallel_config
    return {name: value for name, value in vars(config).items() if isinstance(value, int | str)}


if __name__ == "__main__":
    # The pods' accelerators have it, and processors do not.
    current_platform.is_sleep_mode_available = lambda: True
    with multiprocessing.get_context("fork").Pool(os.cpu_count(), maxtasksperchild=1) as workers:
        json.dump(workers.map(read, json.load(sys.stdin), chunksize=1), sys.stdout)
