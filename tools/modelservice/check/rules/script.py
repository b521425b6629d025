"""Start scripts: is what starts the engine complete and understood?"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from modelservice import facts
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import rule
from modelservice.model.deployment import Deployment

_SCRIPT = """\
decode:
  containers:
  - image: vllm/vllm-openai:v0.32.0
    modelCommand: custom
    command: [/bin/bash, -c]
    args:
    - |
      exec vllm serve Qwen/Qwen3-8B%s
        --port 8000
"""


@rule(
    Severity.error,
    reason="A line of a shell script continues on the next one only if a backslash is its very last character. "
    "Otherwise the engine starts without the flags that follow.",
    link="https://www.gnu.org/software/bash/manual/html_node/Escape-Character.html",
    failing=_SCRIPT % "",
    passing=_SCRIPT % " \\",
)
def script_lines(deployment: Deployment) -> Iterator[Violation]:
    """The lines of a start script are joined."""
    for group in deployment.servers:
        for text in group.engine.words if group.command.script and group.command.flags_known else []:
            found = _loose_line(text)
            if found:
                flag, spaced = found
                yield Violation(
                    f"the line with {flag} is a command by itself, because the line before it "
                    + ("has a space after its backslash" if spaced else "does not end with a backslash"),
                    group.engine.at("args" if text in group.engine.fields.get("args", []) else "command"),
                    "remove the space" if spaced else "end the line before it with a backslash",
                )


def _loose_line(text: str) -> tuple[str, bool] | None:
    """Return the flag of the first line that the one before does not continue, and whether a space is the reason."""
    before = ""
    for line in text.splitlines():
        # Lines in a list of words, a quotation or a here-document are not commands.
        inside = before.count("(") != before.count(")") or before.count('"') % 2 or "<<" in before
        loose = re.match(r"\s*(--[a-z][\w-]*)", line)
        if loose and before.strip() and not inside and not before.endswith("\\\n"):
            return loose[1], re.search(r"\\[ \t]+\n$", before) is not None
        before += line + "\n"
    return None


_VLLM_COMMAND = re.compile(r"(?:^|[\s/;&|])vllm[ \t]+([a-z][a-z-]*)")


def _starts_engine(text: str) -> bool:
    """Return whether a text holds the words that start an engine."""
    programs = [program for engine in facts.engines() if engine.disaggregates for program in engine.start.programs]
    return any(re.search(r"\b" + r"\s+".join(map(re.escape, program)) + r"\b", text) for program in programs)


@rule(
    Severity.warning,
    reason="Flags, ports and sizes are compared with what starts the engine. Where that is not understood, the other "
    "rules cannot check them.",
    link="https://docs.vllm.ai/en/latest/cli/",
    failing=_SCRIPT.replace("exec vllm serve", "echo 'start; exec vllm serve") % " \\",
    passing=_SCRIPT.replace("exec vllm serve", "echo 'start'; exec vllm serve") % " \\",
)
def engine_unread(deployment: Deployment) -> Iterator[Violation]:
    """What starts the engine is understood."""
    for group in deployment.servers:
        if group.facts is not None:
            continue
        text = " ".join(group.engine.words)
        names = [name for name in _VLLM_COMMAND.findall(text) if name != "serve"]
        misspelt = next((name for name in names if difflib.get_close_matches(name, ["serve"])), None)
        at = group.engine.at("args" if group.engine.fields.get("args") else "command")
        if misspelt:
            yield Violation(f"vllm has no command {misspelt}", at, "use vllm serve", Severity.error)
        elif _starts_engine(text):
            yield Violation(
                "what starts the engine is not understood, so its flags are not checked",
                at,
                "close every quotation of the script, and make the engine's command a statement by itself",
            )
