"""What check reports about configurations of the endpoint picker, held to what the real program accepts."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from localcluster.binaries import binary
from modelservice import facts
from modelservice.check.examples import findings
from modelservice.check.finding import Finding, Severity
from modelservice.check.rule import Example, rules
from modelservice.cli.app import app
from modelservice.errors import UsageError, ValuesError
from modelservice.facts.models import Release
from modelservice.facts.versions import holds, number
from modelservice.helm import EmbeddedHelm
from modelservice.helm import Release as HelmRelease
from modelservice.inputs import merge
from support.patience import PATIENCE
from support.render import VLLM

OLD = "ghcr.io/llm-d/llm-d-inference-scheduler"
NEW = "ghcr.io/llm-d/llm-d-router-endpoint-picker"
GAIE = "registry.k8s.io/gateway-api-inference-extension/epp"

RULES = (
    "epp-config",
    "epp-plugin-unknown",
    "epp-plugin-experimental",
    "epp-feature-gate-unknown",
    "epp-plugin-parameter",
)
ONE_PROFILE = "schedulingProfiles: [{name: default, plugins: [{pluginRef: queue-scorer}]}]"
QUEUE = f"plugins: [{{type: queue-scorer}}]\n{ONE_PROFILE}"
WEIGHTED = QUEUE.replace("pluginRef: queue-scorer", "pluginRef: queue-scorer, weight: %s")
DISAGGREGATED = """\
plugins:
- {type: queue-scorer}
- {type: prefill-filter}
- {type: decode-filter}
- {type: always-disagg-pd-decider}
- {type: disagg-headers-handler}
- {type: disagg-profile-handler, parameters: {deciders: {prefill: %s}}}
schedulingProfiles:
- {name: prefill, plugins: [{pluginRef: prefill-filter}, {pluginRef: queue-scorer}]}
- {name: decode, plugins: [{pluginRef: decode-filter}, {pluginRef: queue-scorer}]}
"""

PICKER = "plugins: [{type: queue-scorer}, {type: max-score-picker, parameters: %s}]\n" + ONE_PROFILE

ACCEPTED = {
    "plugins": QUEUE,
    "a plugin with a name": "plugins: [{name: mine, type: queue-scorer}]\n"
    + ONE_PROFILE.replace("queue-scorer", "mine"),
    "a weight": WEIGHTED % 3,
    "a weight with a fraction": WEIGHTED % 1.5,
    "a weight below zero": WEIGHTED % -1,
    "no profile": "plugins: [{type: queue-scorer}]",
    "a picker that is not declared": QUEUE.replace("[{pluginRef", "[{pluginRef: max-score-picker}, {pluginRef"),
    "a plugin twice, with two names": "plugins: [{type: queue-scorer}, {name: b, type: queue-scorer}]\n" + ONE_PROFILE,
    "flow control": f"featureGates: [flowControl]\n{QUEUE}",
    "a parameter": PICKER % "{maxNumOfEndpoints: 2}",
    "a parameter that is left out": PICKER % "{maxNumOfEndpoints: null}",
    "a parameter in another case": PICKER % "{MaxNumOfEndpoints: 2}",
    "a number without a fraction": PICKER % "{maxNumOfEndpoints: 2.0}",
    "a parameter that there is not": PICKER % "{maxEndpoints: 2}",
    "a filter of the conformance tests": QUEUE.replace("[{type", "[{type: header-based-testing-filter}, {type"),
}
REJECTED = {
    "a type that is misspelled": QUEUE.replace("type: queue-scorer", "type: queue-scorerr"),
    "a type that there is not": QUEUE.replace("[{type", "[{type: my-own-scorer}, {type"),
    "a plugin that is not declared": QUEUE.replace("pluginRef: queue-scorer", "pluginRef: kv-cache-utilization-scorer"),
    "a plugin by its type, which has a name": "plugins: [{name: mine, type: queue-scorer}]\n" + ONE_PROFILE,
    "two plugins of one name": QUEUE.replace("[{type", "[{type: queue-scorer}, {type"),
    "a feature gate that is misspelled": f"featureGates: [flowControll]\n{QUEUE}",
    "a feature gate that there is not": f"featureGates: [tokenBudgets]\n{QUEUE}",
    "a weight in quotes": WEIGHTED % '"3"',
    "a plugin without a type": "plugins: [{name: a}, {type: queue-scorer}]\n" + ONE_PROFILE,
    "a profile without a name": QUEUE.replace("name: default, ", ""),
    "a profile twice": QUEUE.replace("[{name: default", "[{name: default}, {name: default"),
    "a profile's plugin without a name": QUEUE.replace("[{pluginRef", "[{weight: 1}, {pluginRef"),
    "a key of a plugin that is misspelled": QUEUE.replace("[{type", "[{paramters: {}, type"),
    "a key that is misspelled": f"schedulingProfile: []\n{QUEUE}",
    "a parameter in quotes": PICKER % '{maxNumOfEndpoints: "2"}',
    "a parameter in quotes, in another case": PICKER % '{MaxNumOfEndpoints: "2"}',
    "a parameter with a fraction": PICKER % "{maxNumOfEndpoints: 1.5}",
    "a list as a parameter": PICKER % "{maxNumOfEndpoints: [2]}",
    "a newer plugin": QUEUE.replace("[{type", "[{type: session-id-producer}, {type"),
    "a newer feature gate": f"featureGates: [haPopulateNonLeaderDatastore]\n{QUEUE}",
}
WITH = "plugins: [{type: queue-scorer}, {type: %s, parameters: %s}]\n" + ONE_PROFILE
OF_LLMD = {
    "a duration": WITH % ("active-request-scorer", "{requestTimeout: 2m, idleThreshold: 1, maxBusyScore: 0.5}"),
    "a list of texts": WITH % ("by-label", "{label: a, validValues: [b], allowsNoLabel: true}"),
    "prefill and decode": DISAGGREGATED % "always-disagg-pd-decider",
}
NOT_OF_LLMD = {
    "seconds as a number": WITH % ("active-request-scorer", "{requestTimeout: 120}"),
    "a threshold in quotes": WITH % ("load-aware-scorer", '{threshold: "128"}'),
    "a size in quotes": WITH % ("no-hit-lru-scorer", '{lruSize: "1024"}'),
    "one text for a list": WITH % ("by-label", "{label: a, validValues: b}"),
    "a switch in quotes": WITH % ("by-label", '{label: a, validValues: [b], allowsNoLabel: "true"}'),
    "a port in quotes": WITH % ("data-parallel-profile-handler", '{primaryPort: "8000"}'),
    "a block size in quotes": WITH % ("prefix-cache-scorer", '{blockSizeTokens: "16"}'),
    "a decider that is not declared": DISAGGREGATED % "prefix-based-pd-decider",
}


def config(text: str, api: str) -> str:
    return f"apiVersion: {api}\nkind: EndpointPickerConfig\n{text}"


def found(embedded: EmbeddedHelm, image: str, text: str, *args: str) -> list[Finding]:
    """Findings about a picker of an image that reads a configuration, with no pool beside it."""
    api = facts.endpoint_picker().config_api[NEW in image].value
    objects = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "epp"}, "data": {"a.yaml": config(text, api)}},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "epp"},
            "spec": {
                "selector": {"matchLabels": {"app": "epp"}},
                "template": {
                    "metadata": {"labels": {"app": "epp"}},
                    "spec": {"containers": [{"name": "epp", "image": image, "args": ["--config-file=/c/a.yaml", *args]}]},
                },
            },
        },
    ]  # fmt: skip
    example = Example(manifests=yaml.safe_dump_all(objects))
    return [finding for name in RULES for finding in findings(rules()[name], example, embedded)]


def problem(program: str, text: str, folder: Path) -> str:
    """Why the real program rejects a configuration; empty when it loads it, and then fails to find a cluster."""
    try:
        path = binary(program)
    except UsageError as error:
        pytest.skip(str(error))
    file, kubeconfig = folder / "config.yaml", folder / "kubeconfig"
    file.write_text(config(text, facts.endpoint_picker().config_api[0].value), encoding="utf-8")
    cluster = {"name": "none", "cluster": {"server": "http://127.0.0.1:1"}}
    context = {"name": "none", "context": {"cluster": "none", "user": ""}}
    kubeconfig.write_text(yaml.safe_dump({"clusters": [cluster], "contexts": [context], "current-context": "none"}))
    done = subprocess.run(
        [path, "--pool-name=p", f"--config-file={file}"],
        env=os.environ | {"KUBECONFIG": str(kubeconfig), "NAMESPACE": "n", "POD_NAME": "e"},
        capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    lines = [line for line in done.stderr.splitlines() if '"level":"error"' in line]
    assert any("Failed to create controller manager" in line or "Failed to parse" in line for line in lines), (
        done.stderr
    )
    return next((line for line in lines if "Failed to parse configuration" in line), "")


def cases() -> list[tuple[str, str, str, bool]]:
    """Program, its image, a configuration, and whether it is good."""
    both = [(text, True) for text in ACCEPTED.values()] + [(text, False) for text in REJECTED.values()]
    own = [(text, True) for text in OF_LLMD.values()] + [(text, False) for text in NOT_OF_LLMD.values()]
    other = [(text, False) for text in OF_LLMD.values()]
    return [
        *(("epp", f"{OLD}:v0.7.1", text, good) for text, good in both + own),
        *(("epp-gaie", f"{GAIE}:v1.5.0", text, good) for text, good in both + other),
    ]


@pytest.mark.executable
@pytest.mark.parametrize(("program", "image", "text", "good"), cases())
def test_check_rejects_what_the_real_picker_rejects(
    embedded: EmbeddedHelm, tmp_path: Path, program: str, image: str, text: str, good: bool
) -> None:
    reason = problem(program, text, tmp_path)
    assert (reason == "") is good, reason
    errors = [finding for finding in found(embedded, image, text) if finding.severity is Severity.error]
    assert (errors == []) is good, errors


@pytest.mark.parametrize("release", facts.endpoint_picker().releases, ids=lambda release: release.version)
def test_a_release_has_the_plugins_of_its_table_and_no_others(embedded: EmbeddedHelm, release: Release) -> None:
    version, plugins = number(release.version), facts.endpoint_picker().plugins
    image = f"{NEW if version >= (0, 9) else OLD}:v{release.version}.0"
    text = yaml.safe_dump({"plugins": [{"type": plugin.type} for plugin in plugins]})
    declared = {(finding.rule, finding.message.split(", ")[0].split()[-1]) for finding in found(embedded, image, text)}
    absent = {("epp-plugin-unknown", plugin.type) for plugin in plugins if not holds(plugin, version)}
    alpha = {
        ("epp-plugin-experimental", plugin.type)
        for plugin in plugins
        if holds(plugin, version) and plugin.experimental and number(plugin.experimental) <= version
    }
    assert declared == absent | alpha


@pytest.mark.parametrize(
    ("image", "kind", "severity"),
    [
        (f"{NEW}:v0.99.0", "token-budget-scorer", Severity.info),
        (f"{NEW}:main", "token-budget-scorer", Severity.info),
        (f"{NEW}@sha256:{'0' * 64}", "token-budget-scorer", Severity.info),
        (f"{NEW}:main", "quue-scorer", Severity.error),
        (f"{NEW}:main", "queue-scorer", None),
        ("registry.example/team/picker:v0.10.0", "token-budget-scorer", Severity.info),
        ("registry.example/team/picker:v0.10.0", "quue-scorer", Severity.info),
        (f"{GAIE}:v1.9.0", "token-budget-scorer", Severity.info),
    ],
)
def test_what_is_not_known_is_no_error(
    embedded: EmbeddedHelm, image: str, kind: str, severity: Severity | None
) -> None:
    severities = [finding.severity for finding in found(embedded, image, f"plugins: [{{type: {kind}}}]")]
    assert severities == ([severity] if severity else [])


@pytest.mark.parametrize(
    ("image", "plugin", "severity", "fix"),
    [
        (f"{NEW}:v0.10.0", "{type: max-score-picker, parameters: {maxNumOfEndpoint: 1}}", Severity.error,
         "did you mean maxNumOfEndpoints?"),
        (f"{OLD}:v0.7.1", "{type: max-score-picker, parameters: {maxNumOfEndpoint: 1}}", Severity.warning,
         "did you mean maxNumOfEndpoints?"),
        (f"{NEW}:v0.9.0", "{type: prefix-cache-scorer, parameters: {blockSizeTokens: 16}}", Severity.error,
         "set it for a plugin of type approx-prefix-cache-producer"),
        (f"{NEW}:v0.10.0", "{type: load-aware-scorer, parameters: {zone: a}}", Severity.error, "remove it"),
        (f"{NEW}:main", "{type: max-score-picker, parameters: {maxNumOfEndpoint: 1}}", None, ""),
        (f"{NEW}:v0.10.0", "{type: topology-extractor, parameters: {none: 1}}", None, ""),
    ],
)  # fmt: skip
def test_parameters_that_a_plugin_does_not_have(
    embedded: EmbeddedHelm, image: str, plugin: str, severity: Severity | None, fix: str
) -> None:
    given = found(embedded, image, f"plugins: [{plugin}]", "--allow-experimental-plugins")
    assert [(finding.severity, finding.fix) for finding in given] == ([(severity, fix)] if severity else [])


@pytest.mark.parametrize("weight", ["1.5", "2.0"])
@pytest.mark.parametrize(
    ("image", "whole"), [(f"{OLD}:v0.5.1", True), (f"{GAIE}:v1.3.1", True), (f"{OLD}:v0.7.1", False)]
)
def test_weights_with_a_fraction(embedded: EmbeddedHelm, image: str, whole: bool, weight: str) -> None:
    assert bool(found(embedded, image, WEIGHTED % weight)) is (whole and weight == "1.5")


@pytest.mark.parametrize("flag", ["--allow-experimental-plugins", "--allow-experimental-plugins=true"])
def test_experimental_plugins_with_the_flag(embedded: EmbeddedHelm, flag: str) -> None:
    text = "plugins: [{type: topology-affinity-scorer}]"
    assert found(embedded, f"{NEW}:v0.10.0", text, flag) == []
    assert found(embedded, f"{NEW}:v0.10.0", text, "--allow-experimental-plugins=false") != []


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("requestHandler: {parsers: [{pluginRef: none}]}", "requestHandler.parsers"),
        ("flowControl: {saturationDetector: {pluginRef: none}}", "flowControl.saturationDetector"),
        ("flowControl: {usageLimitPolicyPluginRef: none}", "flowControl"),
        ("flowControl: {priorityBands: [{priority: 1, orderingPolicyRef: none}]}", "flowControl.priorityBands"),
        ("flowControl: {defaultPriorityBand: {fairnessPolicyRef: none}}", "flowControl.defaultPriorityBand"),
        (
            "dataLayer: {sources: [{pluginRef: metrics-data-source, extractors: [{pluginRef: none}]}]}",
            "dataLayer.sources",
        ),
        ("dataLayer: {discovery: {pluginRef: none}}", "dataLayer.discovery"),
    ],
)
def test_every_place_that_names_a_plugin_is_read(embedded: EmbeddedHelm, text: str, where: str) -> None:
    (finding,) = found(embedded, f"{NEW}:v0.10.0", f"{QUEUE}\n{text}")
    assert finding.message.startswith(f"{where} of a.yaml uses none")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("featureGates: {flowControl: true}", "featureGates: it is"),
        ("plugins: queue-scorer", "plugins: it is"),
        ("flowControl: [1]", "flowControl: it is"),
    ],
)
def test_a_configuration_of_another_form_is_said_to_be_so(embedded: EmbeddedHelm, text: str, message: str) -> None:
    (finding,) = found(embedded, f"{NEW}:v0.10.0", text)
    assert message in finding.message


ENCODE_AND_DECODE = """\
plugins:
- {type: encode-filter}
- {type: decode-filter}
- {type: disagg-profile-handler, parameters: {deciders: {encode: always-disagg-multimodal-decider}}}
- {type: always-disagg-multimodal-decider}
schedulingProfiles:
- {name: encode, plugins: [{pluginRef: encode-filter}]}
- {name: decode, plugins: [{pluginRef: decode-filter}]}
"""
COORDINATED = """\
plugins: [{type: header-profile-handler}, {type: prefill-filter}, {type: decode-filter}]
schedulingProfiles:
- {name: prefill, plugins: [{pluginRef: prefill-filter}]}
- {name: decode, plugins: [{pluginRef: decode-filter}]}
"""


def pool(text: str) -> str:
    values = {
        "modelServers": {"matchLabels": {"llm-d.ai/model": "qwen3-8b"}, "targetPorts": [{"number": 8000}]},
        "epp": {
            "image": {"registry": "ghcr.io/llm-d", "repository": "llm-d-router-endpoint-picker", "tag": "v0.10.0"},
            "flags": {"allow-experimental-plugins": True},
            "pluginsConfigFile": "a.yaml",
            "pluginsCustomConfig": {"a.yaml": config(text, "llm-d.ai/v1alpha1")},
        },
    }
    return yaml.safe_dump({"router": values})


def test_a_picker_of_encode_and_decode_looks_for_no_prefill(embedded: EmbeddedHelm) -> None:
    rule = rules()["epp-profiles"]
    assert findings(rule, Example(pool=pool(ENCODE_AND_DECODE)), embedded) == []
    assert findings(rule, Example(pool=pool(ENCODE_AND_DECODE), base="pd"), embedded) != []


def test_a_coordinator_sends_prompts_to_prefill_without_sidecars(embedded: EmbeddedHelm) -> None:
    rule, values = rules()["prefill-without-proxy"], "routing: {proxy: {enabled: false}}"
    assert findings(rule, Example(values, base="pd", pool=pool(COORDINATED)), embedded) == []
    assert findings(rule, Example(values, base="pd"), embedded) != []


@pytest.mark.parametrize("in_config_map", [True, False], ids=["in a ConfigMap", "alone"])
def test_a_configuration_without_a_pool_is_checked(tmp_path: Path, in_config_map: bool) -> None:
    text = config("plugins: [{type: quue-scorer}]", "llm-d.ai/v1alpha1")
    holder = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "epp"}, "data": {"a.yaml": text}}
    file = tmp_path / "epp.yaml"
    file.write_text(yaml.safe_dump(holder) if in_config_map else text, encoding="utf-8")
    result = CliRunner().invoke(app, ["check", "--manifests", str(file)])
    assert result.exit_code == 1
    assert "did you mean queue-scorer?" in result.stdout
    assert "object-invalid" not in result.stdout


ZERO = {
    "enabled": True, "type": "keda", "minReplicas": 0, "maxReplicas": 2,
    "prometheus": {"serverAddress": "http://prometheus:9090"},
}  # fmt: skip
DERIVED: dict[str, dict[str, Any]] = {
    "one role": {"prefill": {"create": False}},
    "prefill": {"prefill": {"replicas": 1}},
    "least load": {"routing": {"loadBalancing": {"strategy": "LeastLoad"}}, "prefill": {"create": False}},
    "equal prefixes": {"routing": {"loadBalancing": {"strategy": "PrefixHash"}}, "prefill": {"create": False}},
    "from zero": {"decode": {"autoscaling": ZERO}, "prefill": {"create": False}},
}
IMAGES = [
    *(
        f"{NEW if number(item.version) >= (0, 9) else OLD}:v{item.version}.0"
        for item in facts.endpoint_picker().releases
    ),
    *(f"{GAIE}:v{version}.0" for version in facts.endpoint_picker().extension.equivalent),
]
REAL = {f"{OLD}:v0.7.0": "epp", f"{GAIE}:v1.5.0": "epp-gaie"}
"""Images, and the program of the same minor version."""


@pytest.mark.executable
@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.rpartition("/")[2])
@pytest.mark.parametrize("case", DERIVED)
def test_the_configuration_that_the_chart_derives_is_accepted(
    embedded: EmbeddedHelm, tmp_path: Path, image: str, case: str
) -> None:
    own = {"routing": {"inferencePool": {"create": True}, "epp": {"create": True, "image": image}}}
    try:
        objects = embedded.render(merge([{"engine": VLLM}, own, DERIVED[case]]), HelmRelease("x")).objects
    except ValuesError as error:
        if "routing.epp.image" not in str(error):
            raise
        return  # this picker cannot do it, and the chart says so
    assert [
        finding
        for name in RULES
        for finding in findings(rules()[name], Example(manifests=yaml.safe_dump_all(objects)), embedded)
    ] == []
    (files,) = [obj["data"] for obj in objects if obj["kind"] == "ConfigMap"]
    text = "".join(
        line for line in files["plugins.yaml"].splitlines(keepends=True) if not line.startswith(("api", "kind"))
    )
    if image in REAL:
        assert problem(REAL[image], text, tmp_path) == ""
