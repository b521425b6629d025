"""Endpoint picker: does its configuration load, and does it fit the roles?

https://github.com/llm-d/llm-d-router
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from modelservice import facts
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.facts.models import Plugin
from modelservice.facts.versions import holds, number, shown
from modelservice.model.deployment import Deployment
from modelservice.model.picker import EndpointPicker
from modelservice.suggest import misspelt

_POOL = """\
router:
  modelServers:
    matchLabels: {llm-d.ai/model: qwen3-8b}
    targetPorts: [{number: 8000}]
  epp:
    image: {registry: ghcr.io/llm-d, repository: llm-d-router-endpoint-picker, tag: v0.10.0}
"""


def _config(lines: str) -> str:
    """Return pool values that give the picker a configuration."""
    return f"""\
    pluginsConfigFile: mine.yaml
    pluginsCustomConfig:
      mine.yaml: |
        apiVersion: llm-d.ai/v1alpha1
        kind: EndpointPickerConfig
        {lines}
"""


def picker_values(lines: str) -> str:
    """Return values of a pool whose picker has a configuration."""
    return _POOL + _config(lines)


@rule(
    Severity.error,
    reason="Without prefill and decode profiles the picker sends whole requests to prefill pods, which must not get "
    "any; with them and without prefill pods it finds no pod for the first step.",
    link="https://github.com/llm-d/llm-d-router/blob/main/docs/disaggregation.md",
    failing=Example(base="pd", pool=_POOL),
    passing=Example(
        base="pd",
        pool=_POOL
        + """\
    pluginsConfigFile: pd.yaml
    pluginsCustomConfig:
      pd.yaml: |
        apiVersion: llm-d.ai/v1alpha1
        kind: EndpointPickerConfig
        plugins: [{type: disagg-profile-handler}, {type: prefill-filter}, {type: decode-filter}]
        schedulingProfiles:
        - {name: prefill, plugins: [{pluginRef: prefill-filter}]}
        - {name: decode, plugins: [{pluginRef: decode-filter}]}
""",
    ),
)
def epp_profiles(deployment: Deployment) -> Iterator[Violation]:
    """The endpoint picker has prefill and decode profiles exactly where there is prefill."""
    prefill, decode = deployment.role("prefill"), deployment.role("decode")
    for picker in _pickers(deployment):
        if not decode or (picker.config is None and not picker.built_in and picker.config_file in picker.configs):
            continue  # epp-config says that it cannot be read
        if picker.config is None and not picker.built_in and not picker.complete:
            continue  # its configuration is not known
        where = picker.config_at.describe(deployment.sources)
        if prefill and not picker.disaggregates:
            yield Violation(
                "there are prefill pods, but the endpoint picker's configuration ("
                + (f"the built-in {picker.config_file}" if picker.built_in else picker.config_file)
                + ") has no prefill profile",
                prefill[0].workload_at("spec.replicas"),
                f"set a configuration with prefill-filter and decode-filter at {where}",
            )
        elif picker.disaggregates and not prefill:
            yield Violation(
                "the endpoint picker looks for prefill pods, but there are none",
                decode[0].workload_at("spec.replicas").preferring("prefill.replicas", "prefill.create"),
                f"set prefill.replicas: 1, or a configuration without prefill at {where}",
                Severity.warning if "prefix-based-pd-decider" in picker.plugin_types else None,
            )


@rule(
    Severity.error,
    reason="The picker exits when its configuration is missing, is of another version's API, declares a plugin twice, "
    "or names a plugin that is not declared.",
    link="https://llm-d.ai/docs/api-reference/endpointpickerconfig",
    failing=Example(pool=_POOL + "    pluginsConfigFile: mine.yaml\n"),
    passing=Example(pool=_POOL + "    pluginsConfigFile: default-plugins.yaml\n"),
)
def epp_config(deployment: Deployment) -> Iterator[Violation]:
    """The endpoint picker's configuration exists and is valid."""
    for picker in deployment.pickers:
        file, at = picker.config_file, picker.config_at
        if picker.built_in or not picker.complete or not file:
            continue
        if file not in picker.configs:
            yield Violation(
                f"the picker reads {file}, which is not among its configurations"
                + (f" ({', '.join(picker.configs)})" if picker.configs else ""),
                at,
                f"add {file} to them, or correct the name",
            )
        elif picker.config is None:
            yield Violation(f"{file} cannot be read: {picker.config_problem}", at, "correct it")
        else:
            yield from _other_api(picker)
            yield from _unresolved(picker)
            for key, near in picker.misspelt_keys:
                yield Violation(f"{file} has the key {key}, which the picker rejects", at, f"did you mean {near}?")


def _other_api(picker: EndpointPicker) -> Iterator[Violation]:
    """Yield that a configuration is of another version's API."""
    api, expected = str((picker.config or {}).get("apiVersion", "")), _api(picker)
    apis = [item.value for item in facts.endpoint_picker().config_api]
    if expected and api != expected:
        newer = api not in apis or apis.index(api) > apis.index(expected)
        certain = expected != apis[-1] or (api not in apis and picker.release is not None)
        if newer or expected == apis[-1]:
            yield Violation(
                f"{picker.config_file} has apiVersion {api or '(none)'}, but the picker {picker.image} reads "
                f"{expected}",
                picker.config_at,
                f"set apiVersion: {expected}",
                None if certain else Severity.warning,
            )


def _unresolved(picker: EndpointPicker) -> Iterator[Violation]:
    """Yield names of plugins that stand for none, or for two."""
    names = [str(item.get("name") or item.get("type")) for item in picker.plugins]
    for name in _repeated(names):
        yield Violation(
            f"{picker.config_file} declares two plugins named {name}",
            picker.config_at,
            "remove one, or give it a name",
        )
    declared = set(names)
    for where, what in picker.missing:
        yield Violation(f"{where} of {picker.config_file} has no {what}", picker.config_at, f"set {what}")
    for profile in _repeated(picker.profiles):
        yield Violation(
            f"{picker.config_file} has two scheduling profiles named {profile}", picker.config_at, "rename one of them"
        )
    for where, name in picker.references:
        if name not in declared and name not in facts.endpoint_picker().implied.plugins:
            near = difflib.get_close_matches(name, declared, n=1)
            yield Violation(
                f"{where} of {picker.config_file} uses {name}, which is not a declared plugin",
                picker.config_at,
                f"did you mean {near[0]}?" if near else f"declare it, or use one of {', '.join(sorted(declared))}",
            )


def _repeated(names: list[str]) -> list[str]:
    """Return the names that are given more than once."""
    return sorted({name for name in names if names.count(name) > 1})


@rule(
    Severity.error,
    reason="The picker exits on a type of plugin that it does not have. Types were added, renamed and removed between "
    "versions.",
    link="https://github.com/llm-d/llm-d-router/blob/main/cmd/epp/runner/runner.go",
    failing=Example(pool=picker_values("plugins: [{type: queue-scorerr}]")),
    passing=Example(pool=picker_values("plugins: [{type: queue-scorer}]")),
)
def epp_plugin_unknown(deployment: Deployment) -> Iterator[Violation]:
    """The endpoint picker has the plugins of its configuration."""
    known = {plugin.type: plugin for plugin in facts.endpoint_picker().plugins}
    for picker in deployment.pickers:
        for kind in sorted(picker.plugin_types - {"None"}):
            plugin, near = known.get(kind), misspelt(kind, known)
            if picker.release is not None and not (plugin and picker.has(plugin)):
                yield Violation(
                    f"{picker.config_file} declares a plugin of type {kind}, which the picker {picker.image} does not "
                    f"have{_when(plugin, picker)}",
                    picker.config_at,
                    f"did you mean {near}?" if near else _other_plugin(plugin),
                )
            elif plugin is None:
                certain = near and picker.project != "other"
                yield Violation(
                    f"{picker.config_file} declares a plugin of type {kind}, which no known version of the picker has",
                    picker.config_at,
                    f"did you mean {near}?" if near else "make sure that the picker's image has it",
                    None if certain else Severity.info,
                )


@rule(
    Severity.error,
    reason="The picker exits on an experimental plugin unless it is started with --allow-experimental-plugins.",
    link="https://github.com/llm-d/llm-d-router/blob/v0.10.0/pkg/epp/framework/interface/plugin/registry.go",
    failing=Example(pool=picker_values("plugins: [{type: topology-affinity-scorer}]")),
    passing=Example(
        pool=_POOL
        + "    flags: {allow-experimental-plugins: true}\n"
        + _config("plugins: [{type: topology-affinity-scorer}]")
    ),
)
def epp_plugin_experimental(deployment: Deployment) -> Iterator[Violation]:
    """Experimental plugins of the endpoint picker are allowed."""
    for picker in deployment.pickers:
        for plugin in facts.endpoint_picker().plugins if picker.release and not picker.allows_experimental else ():
            if plugin.type in picker.plugin_types and _is_experimental(plugin, picker):
                yield Violation(
                    f"{picker.config_file} declares {plugin.type}, which is experimental in the picker {picker.image}",
                    picker.config_at,
                    "add the flag --allow-experimental-plugins"
                    + (" to routing.epp.args" if deployment.sources else "")
                    + ", or use another plugin",
                )


@rule(
    Severity.error,
    reason="The picker exits on a feature gate that it does not have.",
    link="https://github.com/llm-d/llm-d-router/blob/main/pkg/epp/config/loader/validation.go",
    failing=Example(pool=picker_values("featureGates: [flowControll]")),
    passing=Example(pool=picker_values("featureGates: [flowControl]")),
)
def epp_feature_gate_unknown(deployment: Deployment) -> Iterator[Violation]:
    """The endpoint picker has the feature gates of its configuration."""
    gates = {gate.name: gate for gate in facts.endpoint_picker().feature_gates}
    for picker in deployment.pickers:
        for given in (picker.config or {}).get("featureGates") or []:
            name = given.partition("=")[0]
            gate, near = gates.get(name), misspelt(name, gates)
            if picker.release is not None and not (gate and holds(gate, picker.release)):
                present = ", ".join(item.name for item in gates.values() if holds(item, picker.release))
                yield Violation(
                    f"{picker.config_file} sets the feature gate {name}, which the picker {picker.image} does not have",
                    picker.config_at,
                    f"did you mean {near}?" if near else f"remove it, or use one of {present}",
                )
            elif gate is None:
                certain = near and picker.project != "other"
                yield Violation(
                    f"{picker.config_file} sets the feature gate {name}, which no known version of the picker has",
                    picker.config_at,
                    f"did you mean {near}?" if near else "make sure that the picker's image has it",
                    None if certain else Severity.info,
                )


def _when(plugin: Plugin | None, picker: EndpointPicker) -> str:
    """Return which versions have a plugin that a picker lacks, for the end of a sentence."""
    if plugin is None:
        return ""
    if picker.project == "extension":
        return f": it came with {plugin.gaie}" if plugin.gaie else ": it is llm-d's"
    if plugin.since and picker.release and picker.release < number(plugin.since):
        return f": it came with {plugin.since}"
    return f": it was removed in {plugin.until}"


def _other_plugin(plugin: Plugin | None) -> str:
    if plugin and plugin.instead:
        return f"use {plugin.instead}"
    return "use another plugin" if plugin is None else "use another plugin, or another version of the picker"


def _is_experimental(plugin: Plugin, picker: EndpointPicker) -> bool:
    first = plugin.experimental
    return bool(first) and picker.has(plugin) and picker.release is not None and number(first) <= picker.release


_OWN = "routing: {inferencePool: {create: true}, epp: {create: true, image: 'ghcr.io/llm-d/%s'}}"


@rule(
    Severity.info,
    reason="Flags, plugins and the API of the configuration differ between versions. Where the image does not tell its "
    "version, the chart takes the newest of its name, and a picker of another version may exit.",
    link="https://github.com/llm-d/llm-d-router/releases",
    failing=_OWN % "llm-d-router-endpoint-picker:main",
    passing=_OWN % "llm-d-router-endpoint-picker:v0.10.0",
)
def epp_version_unknown(deployment: Deployment) -> Iterator[Violation]:
    """The version of the chart's endpoint picker is known."""
    for picker in deployment.own_pickers if deployment.sources else ():
        given = picker.version
        if picker.release is None and (given is None or picker.project != "other"):
            yield Violation(
                f"the image {picker.image} does not tell its version"
                if given is None
                else f"the flags of the endpoint picker {shown(given)} are not known",
                picker.at.preferring("routing.epp.version", "routing.epp.image"),
                "set routing.epp.version, or an image with the version in its tag"
                if given is None
                else f"compare them with its --help, or use {facts.endpoint_picker().releases[-1].version}",
            )


def _api(picker: EndpointPicker) -> str | None:
    """Return the API version of the configurations that llm-d's picker reads; None where that is not known."""
    version = picker.version
    if version is None or "llm-d" not in picker.image:
        return None
    known = facts.endpoint_picker().config_api
    fitting = [item.value for item in known if not item.since or number(item.since) <= version]
    return fitting[-1] if fitting else None


def _pickers(deployment: Deployment) -> list[EndpointPicker]:
    """Return the pickers of the deployment's pools, whose pods they choose among."""
    return [picker for picker in deployment.pickers if deployment.pools]
