"""The command line: ``modelservice``.

Exit codes: 0 success; 1 the input has errors, or with ``--check`` the files differ; 2 wrong usage, unreadable input or
a missing program.
"""

from __future__ import annotations

import io
import json
import os
import sys
import warnings
from itertools import pairwise

from modelservice.cli.app import app
from modelservice.cli.messages import say
from modelservice.errors import ModelserviceError
from modelservice.helm_plugin import caller


def main(arguments: list[str] | None = None) -> None:
    """Run the program; errors are sentences on standard error, or JSON where the output is JSON."""
    arguments = sys.argv[1:] if arguments is None else arguments
    helm = caller(os.environ)
    debug = helm.debug or "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    warnings.showwarning = _show_warning
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # manifests are UTF-8, whatever the locale
    try:
        app(args=arguments, default_map=helm.default_options)
    except ModelserviceError as error:
        _report(error, as_json=_wants_json(arguments))
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:
        if debug:
            raise
        message = f"{type(error).__name__}: {error}".splitlines()[0]
        _report(
            ModelserviceError(f"a bug in this program: {message}", fix="report it with the output of --debug"),
            as_json=_wants_json(arguments),
        )
        sys.exit(1)


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    say("warning", str(message), style="bold yellow")


def _wants_json(arguments: list[str]) -> bool:
    return "--format=json" in arguments or ("--format", "json") in pairwise(arguments)


def _report(error: ModelserviceError, as_json: bool) -> None:
    if as_json:
        sys.stderr.write(json.dumps(error.masked().to_json()) + "\n")
        return
    for problem in error.masked().problems:
        say("error", str(problem), style="bold red")
