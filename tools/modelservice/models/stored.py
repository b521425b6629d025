"""How the weights of a checkpoint are stored: which of them are quantised, and how."""

from __future__ import annotations

import functools
import re

from modelservice.models.shape import NumberFormat, Quantization


class Storage:
    """Bytes of the weights of a checkpoint.

    Args:
        quantization: how it is quantised; None where it is not.
        plain: bytes of a parameter that is not.
    """

    def __init__(self, quantization: Quantization | None, plain: int) -> None:
        self._quantization = quantization
        self.plain = plain
        self._excluded = _any(quantization.excluded) if quantization else None

    @property
    def known(self) -> bool:
        """Whether it is known how quantised weights are stored."""
        given = self._quantization
        return given is None or given.form is not None or bool(given.forms)

    def bytes(self, layers: tuple[str, ...], modules: tuple[str, ...], *, experts: bool = False) -> float:
        """Return the bytes of a parameter.

        Args:
            layers: what the layer may be called: ``layers.3``.
            modules: what the module may be called below it.
            experts: it belongs to routed experts.
        """
        form = self.form(layers, modules, experts=experts)
        return form.bytes if form else float(self.plain)

    def form(self, layers: tuple[str, ...], modules: tuple[str, ...], *, experts: bool = False) -> NumberFormat | None:
        """Return how the parameters of a module are quantised; None where they are not."""
        given = self._quantization
        if given is None or not modules or (given.only_experts and not experts):
            return None
        names = [f"{layer}.{module}" for layer in layers for module in modules]
        if self._excluded and any(self._excluded.search(name) for name in names):
            return None
        for pattern, form in given.forms:
            if any(_any((pattern,)).search(name) for name in names):
                return form
        return given.form


@functools.lru_cache(maxsize=256)
def _any(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """A regular expression that finds a module, named from ``layers.`` on, by any of some patterns."""
    return re.compile("|".join(_expression(pattern) for pattern in patterns) or r"(?!)")


def _expression(pattern: str) -> str:
    """One pattern: a regular expression after ``re:``, with wildcards, or parts of a name that stand between dots."""
    if pattern.startswith("re:"):
        # What stands before the layers differs by how a model is wrapped.
        expression = re.sub(r"^re:(?:[\w\\.]*?)layers", "re:layers", pattern)[3:].removeprefix("^")
        return expression if _compiles(expression) else r"(?!)"
    name = re.sub(r"^[\w.]*?layers\.", "layers.", pattern)
    wild = re.escape(name).replace(r"\*", ".*").replace(r"\?", ".")
    end = "$" if name.endswith("*") else r"(?:\.|$)"
    return rf"(?:^|\.){wild}{end}"


def _compiles(expression: str) -> bool:
    try:
        re.compile(expression)
    except re.error:
        return False
    return True
