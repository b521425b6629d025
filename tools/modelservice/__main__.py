"""The entry point: ``modelservice`` and ``python -m modelservice``."""

import sys


def main() -> None:
    """Run the program. An interrupt while modules are imported exits as quietly as a later one."""
    try:
        from modelservice.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
