"""Write the help of vLLM's flags: the first sentence that the parser of a flag's last release has for it.

    python -m dev.extract_vllm_help

It reads the releases that the table of arguments has for the last of some flag, see :mod:`dev.extract_vllm_arguments`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from dev.extract_vllm_arguments import TABLE, ask, write_sources
from dev.wheels import index

SOURCE = "https://github.com/vllm-project/vllm (Apache-2.0), the help of its parser in the wheels of vllm.json"
HELP = TABLE.with_name("vllm-help.json")


def main() -> int:
    """Write the file; return 0."""
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    versions = list(table["wheels"])
    last: dict[str, str] = {}
    for entry in table["arguments"]:
        version = entry.get("until", versions[-1])
        flag = entry["flags"][0]
        last[flag] = max(last.get(flag, version), version, key=versions.index)
    found: dict[str, str] = {}
    with index() as source, tempfile.TemporaryDirectory() as folder:
        for version in sorted(set(last.values()), key=versions.index):
            archive = Path(folder, f"{version}.zip")
            write_sources(source, version, archive)
            texts = ask(archive, describe=True)
            found |= {flag: text for flag, text in texts.items() if last.get(flag) == version}
            print(f"{version}: {len(found)} flags", file=sys.stderr)  # noqa: T201
    lines = (f"{json.dumps(flag)}: {json.dumps(text, ensure_ascii=False)}" for flag, text in sorted(found.items()))
    HELP.write_text(f'{{"source": "{SOURCE}",\n"flags": {{\n' + ",\n".join(lines) + "\n}}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
