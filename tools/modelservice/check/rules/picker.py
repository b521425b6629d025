"""Endpoint picker: does its configuration load, and does it fit the roles?

https://github.com/llm-d/llm-d-router
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from modelservice import facts
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.facts.versions import number, shown
from modelservice.kubernetes.images import image_name
from modelservice.model.deployment import Deployment
from modelservice.model.pool import EndpointPicker

_POOL = """\
router:
  modelServers:
    matchLabels: {llm-d.ai/model: qwen3-8b}
    targetPorts: [{number: 8000}]
  epp:
    image: {registry: ghcr.io/llm-d, repository: llm-d-router-endpoint-picker, tag: v0.10.0}
"""


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
    reason="The picker exits when its configuration is missing, is of another version's API, or uses a plugin that is "
    "not declared.",
    link="https://gateway-api-inference-extension.sigs.k8s.io/guides/epp-configuration/config-text/",
    failing=Example(pool=_POOL + "    pluginsConfigFile: mine.yaml\n"),
    passing=Example(pool=_POOL + "    pluginsConfigFile: default-plugins.yaml\n"),
)
def epp_config(deployment: Deployment) -> Iterator[Violation]:
    """The endpoint picker's configuration exists and is valid."""
    for picker in _pickers(deployment):
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
            yield from _invalid(picker)


def _invalid(picker: EndpointPicker) -> Iterator[Violation]:
    """Yield what is wrong in a configuration that can be read."""
    config = picker.config or {}
    api, expected = str(config.get("apiVersion", "")), _api(picker)
    apis = [item.value for item in facts.endpoint_picker().config_api]
    if expected and api != expected:
        newer = api not in apis or apis.index(api) > apis.index(expected)
        if newer or expected == apis[-1]:
            yield Violation(
                f"{picker.config_file} has apiVersion {api or '(none)'}, but the picker {picker.image} reads "
                f"{expected}",
                picker.config_at,
                f"set apiVersion: {expected}",
                Severity.warning if expected == apis[-1] else None,
            )
    declared = {str(item.get("name") or item.get("type")) for item in config.get("plugins") or []}
    for profile in config.get("schedulingProfiles") or []:
        for item in profile.get("plugins") or []:
            name = str(item.get("pluginRef"))
            if name not in declared:
                near = difflib.get_close_matches(name, declared, n=1)
                yield Violation(
                    f"profile {profile.get('name')} of {picker.config_file} uses {name}, which is not a declared "
                    "plugin",
                    picker.config_at,
                    f"did you mean {near[0]}?" if near else f"declare it, or use one of {', '.join(sorted(declared))}",
                )


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
    stated = deployment.value("routing.epp.version")
    own = [pool.picker for pool in deployment.own_pools if pool.picker is not None]
    for picker in own if deployment.sources else ():
        given = number(str(stated)) if stated else picker.version
        if given is None or given[:2] not in _versions(picker):
            yield Violation(
                f"the image {picker.image} does not tell its version"
                if given is None
                else f"the flags of the endpoint picker {shown(given)} are not known",
                picker.at.preferring("routing.epp.version", "routing.epp.image"),
                "set routing.epp.version, or an image with the version in its tag"
                if given is None
                else f"compare them with its --help, or use {facts.endpoint_picker().releases[-1].version}",
            )


def _versions(picker: EndpointPicker) -> set[tuple[int, ...]]:
    """Return the versions, without patch, of which a picker's flags and plugins are known."""
    known = facts.endpoint_picker()
    extension = image_name(picker.image) == known.extension.name
    versions = known.extension.equivalent if extension else [release.version for release in known.releases]
    return {number(item)[:2] for item in versions}


def _api(picker: EndpointPicker) -> str | None:
    """Return the API version of the configurations that llm-d's picker reads; None where that is not known."""
    if picker.version is None or "llm-d" not in picker.image:
        return None
    fitting = [item.value for item in facts.endpoint_picker().config_api if picker.version >= version(item.since)]
    return fitting[-1] if fitting else None


def version(text: str) -> tuple[int, ...]:
    """Return a version of the facts as a number: ``0.10`` as ``(0, 10)``."""
    return tuple(int(part) for part in text.split(".")) if text else ()


def _pickers(deployment: Deployment) -> list[EndpointPicker]:
    return [pool.picker for pool in deployment.pools if pool.picker is not None]
