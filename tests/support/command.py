"""The command line, run in the process of the tests: starting Python takes ten times as long as most commands.

What is about the process itself (what it imports, pipes, interrupts, how it is started) runs the program.
"""

import io
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from modelservice.cli import main


def run(*arguments: str, stdin: str | bytes = "", folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a command as in a pipe, 80 columns wide; fails where it raises something else than an exit.

    Args:
        arguments: of the program.
        stdin: its standard input.
        folder: where it runs.
    """
    given = io.TextIOWrapper(io.BytesIO(stdin.encode() if isinstance(stdin, str) else stdin))
    printed, said = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.resetwarnings()
        for name, stream in (("stdin", given), ("stdout", printed), ("stderr", said)):
            patch.setattr(sys, name, stream)
        patch.setenv("COLUMNS", "80")
        if folder is not None:
            patch.chdir(folder)
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
    texts = [stream.buffer.getvalue().decode() for stream in (printed, said)]
    code = ended.value.code
    done = subprocess.CompletedProcess(arguments, code if isinstance(code, int) else int(code is not None), *texts)
    assert "a bug in this program" not in done.stderr and "Traceback" not in done.stdout + done.stderr, done.stderr
    return done
