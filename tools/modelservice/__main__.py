"""``python -m modelservice``."""

from modelservice.cli import main

main()
