"""Endpoint picker: do its plugins accept their parameters and weights?

https://github.com/llm-d/llm-d-router
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelservice import facts
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.check.rules.picker import picker_values
from modelservice.facts.models import Plugin, PluginParameter
from modelservice.facts.versions import holds, number
from modelservice.model.deployment import Deployment
from modelservice.model.picker import EndpointPicker
from modelservice.suggest import nearest

_WORDS = {
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "text": "text",
    "texts": "a list of texts",
}


@rule(
    Severity.error,
    reason="The picker exits on a parameter of another type, and since 0.9 on one that the plugin does not have. "
    "Before, it ignores such a parameter without a word. Parameters move: the block size of prefix-cache-scorer is "
    "one of approx-prefix-cache-producer since 0.8.",
    link="https://github.com/llm-d/llm-d-router/blob/v0.9.0/pkg/epp/framework/interface/plugin/registry.go",
    failing=Example(pool=picker_values("plugins: [{type: max-score-picker, parameters: {maxNumOfEndpoints: two}}]")),
    passing=Example(pool=picker_values("plugins: [{type: max-score-picker, parameters: {maxNumOfEndpoints: 2}}]")),
)
def epp_plugin_parameter(deployment: Deployment) -> Iterator[Violation]:
    """The plugins of the endpoint picker accept their parameters and weights."""
    for picker in deployment.pickers:
        if picker.release is None:
            continue
        known = {plugin.type: plugin for plugin in facts.endpoint_picker().plugins if picker.has(plugin)}
        for declared in picker.plugins:
            plugin, given = known.get(str(declared.get("type"))), declared.get("parameters")
            if plugin and plugin.parameters and isinstance(given, dict):
                yield from _parameters(picker, plugin, given)
        yield from _weights(picker)


def _parameters(picker: EndpointPicker, plugin: Plugin, given: dict[str, Any]) -> Iterator[Violation]:
    """Yield parameters that a plugin of a picker does not have, and values that are no such thing."""
    release = picker.release or ()
    # Go ignores case in the keys of JSON.
    present = {item.name.lower(): item for item in plugin.parameters if holds(item, release)}
    strict = release >= number(facts.endpoint_picker().strict_parameters.since)
    for name, value in given.items():
        item = present.get(str(name).lower())
        if item is None:
            yield from _unknown(picker, plugin, str(name), [other.name for other in present.values()], strict)
        elif not _fits(item, value):
            yield Violation(
                f"{picker.config_file} sets {name} of {plugin.type} to {value!r}, which is not {_WORDS[item.type]}",
                picker.config_at,
                f"set {name} to {_WORDS[item.type]}",
            )


def _unknown(
    picker: EndpointPicker, plugin: Plugin, name: str, present: list[str], strict: bool
) -> Iterator[Violation]:
    """Yield that a plugin of a picker rejects, or ignores, a parameter that it does not have."""
    elsewhere = next(
        (
            other.type
            for other in facts.endpoint_picker().plugins
            if other is not plugin
            and picker.has(other)
            and any(item.name == name and holds(item, picker.release or ()) for item in other.parameters)
        ),
        "",
    )
    was_there = any(item.name == name for item in plugin.parameters)
    near = None if was_there else nearest(name, present)
    if near:
        fix = f"did you mean {near}?"
    elif was_there and elsewhere:
        fix = f"set it for a plugin of type {elsewhere}"
    else:
        fix = "remove it"
    yield Violation(
        f"{picker.config_file} sets the parameter {name} of {plugin.type}, which the picker {picker.image} "
        + ("rejects" if strict else "ignores"),
        picker.config_at,
        fix,
        None if strict else Severity.warning,
    )


def _fits(item: PluginParameter, value: object) -> bool:
    """Return whether Go reads a value of JSON as one of a parameter's type; null leaves the default."""
    if value is None:
        return True
    if item.type == "boolean":
        return isinstance(value, bool)
    if item.type == "text":
        return isinstance(value, str)
    if item.type == "texts":
        return isinstance(value, list) and all(isinstance(one, str | None) for one in value)
    return _is_number(value, whole=item.type == "integer")


def _is_number(value: object, whole: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return not whole or value == int(value)


def _weights(picker: EndpointPicker) -> Iterator[Violation]:
    """Yield weights with a fraction of pickers that read whole numbers."""
    if (picker.release or ()) >= number(facts.endpoint_picker().fractional_weights.since):
        return
    for profile, name, weight in picker.weights:
        if not _is_number(weight, whole=True):
            yield Violation(
                f"profile {profile} of {picker.config_file} gives {name} the weight {weight}, but the picker "
                f"{picker.image} reads whole numbers",
                picker.config_at,
                "multiply the weights of the profile until all are whole",
            )
