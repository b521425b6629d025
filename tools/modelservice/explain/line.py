"""A line of the output, found again in other renders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from modelservice.errors import ModelserviceError
from modelservice.explain.address import Address, at
from modelservice.model.pods import reference
from modelservice.rendered import Rendered


@dataclass(frozen=True, eq=False)
class Line:
    """A line of the output."""

    address: Address
    value: Any
    template: str
    """The template that printed the object."""
    position: int
    """Place of the object among those of its kind that the template prints."""
    number: int
    """How many those are."""

    @classmethod
    def of(cls, address: Address, obj: Mapping[str, Any], rendered: Rendered) -> Line:
        """Return the line at an address of an object."""
        template = rendered.template_of(obj)
        alike = _alike(rendered, template, address)
        return cls(address, at(obj, address.path), template, alike.index(dict(obj)), len(alike))

    def among(self, text: str) -> Line:
        """Return the same line of another text of the template, which prints other objects next to it."""
        alike = _alike(Rendered({self.template: text}), self.template, self.address)
        names = [reference(obj) for obj in alike]
        return replace(self, position=names.index(self.address.object), number=len(alike))

    def same_in(self, rendered: Rendered) -> bool:
        """Return whether another render has the value at the same place of the same object, whatever its name."""
        alike = _alike(rendered, self.template, self.address)
        match = next((obj for obj in alike if reference(obj) == self.address.object), None)
        if match is None and len(alike) == self.number:
            match = alike[self.position]
        return match is not None and bool(at(match, self.address.path) == self.value)

    def same_in_text(self, text: str) -> bool:
        """Return whether another text of the template has it."""
        try:
            return self.same_in(Rendered({self.template: text}))
        except ModelserviceError:
            return False


def _alike(rendered: Rendered, template: str, address: Address) -> list[dict[str, Any]]:
    kind = address.object.partition("/")[0]
    return [obj for obj in rendered.objects_of(template) if obj.get("kind") == kind]
