"""A process that ends a control plane when the one that started it has ended, even killed.

``python -m localcluster.guard FOLDER`` waits until its input is closed, which the system does for a process
that ends, and then does what ``modelservice cluster down`` does.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


class Guard:
    """Guards the control plane in a folder until it is dismissed."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(folder)], stdin=subprocess.PIPE, start_new_session=True
        )

    def dismiss(self) -> None:
        """Ends the guard; the control plane goes on if it has not been ended."""
        self._process.kill()
        self._process.communicate()


def main() -> None:
    """Waits, and cleans up."""
    sys.stdin.read()
    from localcluster.control_plane import ControlPlane  # half a second, for the rare case

    ControlPlane(Path(sys.argv[1])).down()


if __name__ == "__main__":
    main()
