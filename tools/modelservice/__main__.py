"""The program's entry: ``modelservice`` and ``python -m modelservice``."""

import sys


def main() -> None:
    """Runs the program. An interrupt while its modules are imported ends it as quietly as one later."""
    try:
        from modelservice.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
