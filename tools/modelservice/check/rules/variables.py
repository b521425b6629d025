"""Variables: have they the form that libraries and engines read?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelservice import facts
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import rule
from modelservice.facts.models import VariableForm
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup


@rule(
    Severity.error,
    reason="An engine exits on a variable that it cannot read: Gloo on the name of an interface that does not exist, "
    "vLLM on a word where it wants a number. ^ for what to leave out is a form of NCCL's variables only.",
    link="https://docs.pytorch.org/docs/stable/distributed.html#choosing-the-network-interface-to-use",
    failing="engine: {env: {GLOO_SOCKET_IFNAME: '^lo,docker'}}",
    passing="engine: {env: {GLOO_SOCKET_IFNAME: eth0, NCCL_SOCKET_IFNAME: '^lo,docker'}}",
)
def variable_form(deployment: Deployment) -> Iterator[Violation]:
    """Variables have the form that their readers know."""
    for group in deployment.servers:
        for known in facts.variables().forms if group.loads_model else ():
            yield from _unreadable(group, known)


def _unreadable(group: PodGroup, known: VariableForm) -> Iterator[Violation]:
    """Yield the variables that are not of a form; what refers to another variable may be."""
    if known.engine and known.engine != group.command.engine:
        return
    for name in known.names:
        value = group.engine.env.get(name)
        if isinstance(value, str) and "$" not in value and not re.fullmatch(known.form, value):
            yield Violation(
                f"{name} is {value!r}, which is not {known.meaning}",
                group.engine.at(f"env[{name}]"),
                known.instead,
                None if known.certain else Severity.warning,
            )
