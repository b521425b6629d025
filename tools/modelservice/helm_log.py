"""What Helm logs about values, in words of this project and with the key.

Helm's packages log to the standard error of the process, in front of the finding about the same key
(https://github.com/helm/helm/blob/v4.3.1/pkg/chart/common/util/coalesce.go).
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator

from modelservice.inputs import InputWarning

_RECORD = re.compile(
    r".*\b(?:cannot overwrite table with non table for|destination for|skipped value for) (?P<key>[^\s:\"]+).*\n?"
)
"""A record about a section that meets another kind of value, as Helm 3 and 4 write it."""

_STANDARD_ERROR = 2


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Keep Helm's records of the block from standard error. Unless it raises, which tells more, they become warnings.

    Warns:
        InputWarning: a section meets another kind of value.
    """
    if sys.stderr is None:  # closed, e.g. by 2>&-
        yield
        return
    sys.stderr.flush()
    before = os.dup(_STANDARD_ERROR)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), _STANDARD_ERROR)
        try:
            yield
        finally:
            os.dup2(before, _STANDARD_ERROR)
            os.close(before)
            log.seek(0)
            text = log.read().decode(errors="replace")
            os.write(_STANDARD_ERROR, without_records(text).encode())
    for key in dict.fromkeys(match["key"].partition(".")[2] for match in _RECORD.finditer(text)):
        problem = f"{key}: a section of the chart's values meets another kind of value, so Helm keeps only one of them"
        warnings.warn(InputWarning(problem), stacklevel=3)


def without_records(text: str) -> str:
    """Return what Helm wrote to standard error without these records."""
    return _RECORD.sub("", text)
