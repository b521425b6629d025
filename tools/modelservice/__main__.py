"""The entry point: ``modelservice`` and ``python -m modelservice``."""

import atexit
import gc
import sys


def main() -> None:
    """Run the program. An interrupt while modules are imported exits as quietly as a later one.

    A command makes little garbage, so the collector rarely runs, and does not look at everything once more at the exit.
    """
    gc.set_threshold(50_000)
    atexit.register(gc.freeze)
    try:
        from modelservice.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
