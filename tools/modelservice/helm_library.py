"""The embedded Helm library, loaded with Go's garbage collector set for short runs.

By default Go collects whenever the heap doubles, which in a process that renders a few times is a fifth of all its
work. The variable is read when the library is loaded; it is not left for programs that this process starts.
"""

from __future__ import annotations

import os

_given = "GOGC" in os.environ
os.environ.setdefault("GOGC", "400")
import helm_python as helm_python  # noqa: E402

if not _given:
    del os.environ["GOGC"]
