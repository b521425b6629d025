"""Stop a control plane when the process that started it exits, even if it was killed.

``python -m localcluster.guard FOLDER`` waits until its standard input is closed, which the kernel does when the parent
exits, and then does the same as ``modelservice cluster down``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


class Guard:
    """Watches over the control plane in a folder until dismissed."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(folder)], stdin=subprocess.PIPE, start_new_session=True
        )

    def dismiss(self) -> None:
        """Stop the guard; a running control plane keeps running."""
        self._process.kill()
        self._process.communicate()


def main() -> None:
    """Wait for the parent to exit and stop the control plane."""
    sys.stdin.read()
    from localcluster.control_plane import ControlPlane  # takes half a second and is rarely needed

    ControlPlane(Path(sys.argv[1])).down()


if __name__ == "__main__":
    main()
