"""The facts: whole, consistent with each other, equal to what the chart reads, and equal to their sources."""

import itertools
import json
import re
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from localcluster.binaries import module_file
from modelservice import facts
from modelservice.docs.facts import chart_facts, facts_json
from modelservice.facts import kubernetes_defaults
from modelservice.facts.models import Engine, VersionedFlag
from modelservice.facts.validation import files, problems
from modelservice.values.model import Feature
from support.go_modules import source
from support.render import ROOT

CHART = ROOT / "charts" / "llm-d-modelservice"

ENGINES = facts.engines()
PROXY = facts.routing_proxy()
PICKER = facts.endpoint_picker()
KUBERNETES = facts.kubernetes()


def number(version: str) -> tuple[int, ...]:
    """Return a version as numbers."""
    return tuple(int(part) for part in version.split("."))


def accepts(item: typing.Any, version: str) -> bool:
    """Return whether something with ``since`` and ``until`` is there in a version."""
    wanted = number(version)
    return (not item.since or number(item.since) <= wanted) and (not item.until or wanted < number(item.until))


# ---------------------------------------------------------------------------------------------
# Whole
# ---------------------------------------------------------------------------------------------


def test_every_file_is_valid() -> None:
    assert list(problems()) == []


def test_no_file_is_left_out() -> None:
    present = {path for path in facts.DIRECTORY.rglob("*.yaml") if path.parent.name != "arguments"}
    assert present - set(files()) <= {facts.DIRECTORY / "image-versions.yaml"}


def test_looking_up_an_unknown_type_gives_nothing() -> None:
    assert facts.engine("none") is None
    assert facts.accelerator("none") is None
    assert PROXY.flag("none") is None


def test_facts_do_not_change() -> None:
    with pytest.raises(AttributeError, match="facts do not change"):
        ENGINES[0].port.default = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        ENGINES[0].api.paths["any"] = {}  # type: ignore[index]


def test_importing_the_package_imports_neither_pydantic_nor_yaml() -> None:
    script = "import sys, modelservice.facts; print([name for name in ('pydantic', 'yaml') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_reading_them_does_not_import_pydantic() -> None:
    script = "import sys; from modelservice import facts; facts.engines(); print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# ---------------------------------------------------------------------------------------------
# Consistent
# ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.type)
def test_an_engine_claims_its_images_and_no_others(engine: Engine) -> None:
    for image in (*engine.images.repositories, engine.images.example, engine.images.default):
        if image:
            assert [item.type for item in ENGINES if re.search(item.images.pattern, image)] == [engine.type], image


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.type)
def test_an_engine_is_whole(engine: Engine) -> None:
    features = typing.get_args(Feature)
    assert set(engine.api.features) <= set(features)
    assert engine.api.features
    assert engine.api.paths["any"]["models"].startswith(engine.api.root)
    assert engine.images.repositories
    assert engine.images.example.startswith(engine.images.repositories)
    assert engine.start.command or engine.start.entrypoint or engine.start.arguments
    assert bool(engine.api_key.env) != bool(engine.api_key.refused)
    assert engine.metrics.path or not (engine.metrics.running or engine.metrics.waiting)
    assert bool(engine.metrics.running) == bool(engine.metrics.waiting)
    assert engine.start.flags_like in ("", *(item.type for item in ENGINES))
    assert engine.backend is None or facts.engine(engine.backend.runs)


def test_a_program_starts_one_engine() -> None:
    programs = [program for engine in ENGINES for program in engine.start.programs]
    assert len(programs) == len(set(programs))


def test_every_spelling_of_a_flag_has_one_meaning() -> None:
    arguments = json.loads((facts.DIRECTORY / "engines/arguments/vllm.json").read_text(encoding="utf-8"))["arguments"]
    known = {flag.lstrip("-"): item["flags"][0].lstrip("-") for item in arguments for flag in item["flags"][1:]}
    for engine in ENGINES:
        for spelling, flag in engine.flags.aliases.items() if engine.flags else ():
            assert known.setdefault(spelling, flag) == flag, (engine.type, spelling)


def test_patterns_are_of_the_kind_that_helm_knows_too() -> None:
    patterns = [pattern for engine in ENGINES for pattern in (engine.images.pattern, engine.images.versioned)]
    accelerators = facts.accelerators()
    for kind in accelerators.types:
        patterns += [*kind.more_resources, *(product.pattern for product in kind.products)]
    for others in (accelerators.networks, accelerators.amounts, accelerators.unknown):
        patterns += [*others.resources, *others.device_classes]
    for pattern in patterns:
        re.compile(pattern)
        assert not re.search(r"\(\?[=!<]|\\[1-9]", pattern), pattern


def test_an_accelerator_is_neither_a_network_nor_an_amount() -> None:
    accelerators = facts.accelerators()
    for kind in accelerators.types:
        shares = [
            share
            for provider in kind.shares.values()
            for share in (provider.memory, provider.percentage, provider.cores)
        ]
        for others in (accelerators.networks, accelerators.amounts):
            assert not any(re.search(pattern, kind.resource) for pattern in others.resources if kind.resource)
            assert not any(
                re.search(pattern, kind.device_class) for pattern in others.device_classes if kind.device_class
            )
        for amount in shares:
            assert any(re.search(pattern, amount) for pattern in accelerators.amounts.resources), amount


def test_types_are_told_apart_by_their_resources() -> None:
    kinds = facts.accelerators().types
    resources = [kind.resource for kind in kinds if kind.resource]
    assert len(resources) == len(set(resources))
    for first, second in itertools.permutations(kinds, 2):
        if first.vendor != second.vendor and first.resource:
            assert not any(re.search(pattern, first.resource) for pattern in second.more_resources), (first, second)


def versioned() -> Iterator[typing.Any]:
    """Yield everything with versions."""
    yield from (*PROXY.flags, *PROXY.connectors, *PROXY.encoder_connectors, *PROXY.images)
    yield from (*PICKER.flags, *PICKER.plugins, *PICKER.images)
    yield from KUBERNETES.features.values()


def test_versions_are_in_order() -> None:
    for item in versioned():
        since, until, deprecated = item.since, item.until, getattr(item, "deprecated", "")
        assert not (since and until) or number(since) < number(until), item
        assert not (since and deprecated) or number(since) < number(deprecated), item
        assert not (deprecated and until) or number(deprecated) < number(until), item
    for names in (
        PICKER.config_api,
        PICKER.objective_api,
        PICKER.objective_groups,
        PICKER.queue_metric,
        PROXY.engine_port,
    ):
        assert [number(name.since) for name in names[1:]] == sorted(number(name.since) for name in names[1:])


@pytest.mark.parametrize("program", [PROXY, PICKER], ids=["routing proxy", "endpoint picker"])
def test_an_image_name_is_taken_for_a_version_that_it_is_published_in(program: typing.Any) -> None:
    for image in program.images:
        assert not image.default_version or accepts(image, image.default_version)
    assert [number(release.version) for release in program.releases] == sorted(
        number(item.version) for item in program.releases
    )


def test_what_replaces_a_flag_is_known() -> None:
    for flag in PROXY.flags:
        assert not flag.instead or PROXY.flag(flag.instead.partition("=")[0]), flag
    plugins = {plugin.type for plugin in PICKER.plugins}
    assert {plugin.instead for plugin in PICKER.plugins if plugin.instead} <= plugins
    connectors = {connector.name for connector in PROXY.connectors}
    assert {connector.instead for connector in PROXY.connectors if connector.instead} <= connectors


def test_the_connectors_of_the_sidecar_are_connectors_of_an_engine() -> None:
    known = {name for engine in ENGINES if engine.kv_transfer for name in engine.kv_transfer.connectors}
    for connector in PROXY.connectors:
        assert set(connector.engine_connectors) <= known
        assert connector.engine_connectors or facts.engine(connector.engine)


# ---------------------------------------------------------------------------------------------
# The chart
# ---------------------------------------------------------------------------------------------


def test_the_chart_has_the_facts() -> None:
    assert (CHART / "facts.json").read_text(encoding="utf-8") == facts_json(), "run `modelservice schema`"
    assert json.loads(facts_json()) == chart_facts()


def test_the_chart_reads_no_sources() -> None:
    assert "https://" not in facts_json()
    assert len(facts_json()) < 40_000  # parsed in every render


def test_the_chart_knows_all_sections_of_the_values() -> None:
    required = chart_facts()["required"]
    assert required["routing"]["epp"]["service"] == {}
    assert set(required["decode"]["monitoring"]) == {"podmonitor", "servicemonitor"}
    assert required["routing"]["servicePort"] is None  # a default that must not be null


# ---------------------------------------------------------------------------------------------
# The sources
# ---------------------------------------------------------------------------------------------

_ZAP = {"zap-devel", "zap-encoder", "zap-log-level", "zap-stacktrace-level", "zap-time-encoding"}
_SCHEDULER = "github.com/llm-d/llm-d-inference-scheduler"
_EXTENSION = "sigs.k8s.io/gateway-api-inference-extension"


def flags_in(text: str) -> set[str]:
    """Return the names of the flags that Go code defines, with :mod:`flag` or pflag."""
    defined = re.findall(r'\b(?:fs|f|flag)\.(?!New)\w+\(\s*(?:&?[\w.]+,\s*)?"([a-z][a-z0-9-]*)"', text)
    constants = dict(re.findall(r'^\s*(\w+)\s*=\s*"([a-z][a-z0-9-]*)"', text, re.MULTILINE))
    by_name = re.findall(r"\bfs\.\w+Var\(\s*&?[\w.]+,\s*(\w+),", text)
    return set(defined) | {constants[name] for name in by_name if name in constants}


def known(flags: typing.Iterable[VersionedFlag], version: str) -> set[str]:
    """Return the flags that a version accepts by the facts."""
    return {flag.name for flag in flags if accepts(flag, version)}


@pytest.mark.executable
@pytest.mark.parametrize("release", ["v0.4.0", "v0.5.1", "v0.7.1"])
def test_the_routing_proxy_has_the_flags_of_its_source(release: str) -> None:
    module = source(_SCHEDULER, release)
    text = "".join(
        path.read_text(encoding="utf-8")
        for path in (module / "cmd/pd-sidecar/main.go", module / "pkg/sidecar/proxy/options.go")
        if path.is_file()
    )
    assert "zap" in text
    assert flags_in(text) | _ZAP == known(PROXY.flags, release.removeprefix("v"))


@pytest.mark.executable
@pytest.mark.parametrize("release", ["v0.4.0", "v0.5.1", "v0.7.1"])
def test_the_routing_proxy_has_the_connectors_of_its_source(release: str) -> None:
    text = (source(_SCHEDULER, release) / "pkg/sidecar/proxy/proxy.go").read_text(encoding="utf-8")
    names = set(re.findall(r'\b(?:KV)?Connector\w+ += +"([a-z0-9-]+)"', text))
    assert names == {item.name for item in PROXY.connectors if accepts(item, release.removeprefix("v"))}


def registered(function: str, file: Path, *modules: tuple[str, Path]) -> set[str]:
    """Return the values of the constants that a Go file passes to a function, whichever package they are in.

    Args:
        function: the function, as a regular expression.
        file: the file.
        modules: paths of Go modules and where their source is.
    """
    text = file.read_text(encoding="utf-8")
    packages = {}
    for alias, path in re.findall(r'^\s*(\w*) ?"([\w./-]+)"$', text, re.MULTILINE):
        for module, folder in modules:
            if path.startswith(module):
                packages[alias or path.rpartition("/")[2]] = folder / path.removeprefix(module).lstrip("/")
    found = set()
    for package, name in re.findall(rf"{function}\((\w+)\.(\w+)[,)]", text):
        sources = "".join(path.read_text(encoding="utf-8") for path in packages[package].glob("*.go"))
        (value,) = set(re.findall(rf'\b{name}\s+(?:string )?\s*=\s*"([\w-]+)"', sources))
        found.add(value)
    return found


PICKERS = [("v0.4.0", "v1.2.0"), ("v0.5.1", "v1.3.1"), ("v0.7.1", "v1.4.0"), ("", "v1.5.0")]
"""Releases of llm-d's picker and of Gateway API Inference Extension inside it; the last one stands alone."""


@pytest.mark.executable
@pytest.mark.parametrize(("release", "extension"), PICKERS)
def test_the_endpoint_picker_has_the_plugins_of_its_source(release: str, extension: str) -> None:
    base = source(_EXTENSION, extension)
    names = registered(r"plugins?\.Register", base / "cmd/epp/runner/runner.go", (_EXTENSION, base))
    minor = extension.removeprefix("v").rpartition(".")[0]
    of_extension = {plugin.type for plugin in PICKER.plugins if plugin.gaie and number(plugin.gaie) <= number(minor)}
    if not release:
        equal = PICKER.extension.equivalent[minor]
        assert names == {plugin.type for plugin in PICKER.plugins if accepts(plugin, equal)} & of_extension
        return
    own = source(_SCHEDULER, release)
    names |= registered(r"plugins?\.Register", own / "pkg/plugins/register.go", (_SCHEDULER, own))
    assert names == {plugin.type for plugin in PICKER.plugins if accepts(plugin, release.removeprefix("v"))}


@pytest.mark.executable
@pytest.mark.parametrize(("release", "extension"), PICKERS)
def test_the_endpoint_picker_has_the_feature_gates_of_its_source(release: str, extension: str) -> None:
    base = source(_EXTENSION, extension)
    names = registered("RegisterFeatureGate", base / "cmd/epp/runner/runner.go", (_EXTENSION, base))
    equal = release.removeprefix("v") or PICKER.extension.equivalent[extension.removeprefix("v").rpartition(".")[0]]
    assert names == {gate.name for gate in PICKER.feature_gates if accepts(gate, equal)}


@pytest.mark.executable
@pytest.mark.parametrize(("release", "same_as"), [("v1.2.0", "0.4"), ("v1.4.0", "0.7"), ("v1.5.0", "0.8")])
def test_the_endpoint_picker_has_the_flags_of_its_source(release: str, same_as: str) -> None:
    module = source(_EXTENSION, release)
    text = "".join(
        path.read_text(encoding="utf-8")
        for path in (module / "cmd/epp/runner/runner.go", module / "pkg/epp/server/options.go")
        if path.is_file()
    )
    assert flags_in(text) | _ZAP | {"v"} == known(PICKER.flags, same_as)


@pytest.mark.executable
def test_the_picker_of_the_extension_is_the_one_in_the_scheduler() -> None:
    for release, version in (("v0.7.1", "1.4"), ("v0.5.1", "1.3")):
        required = re.search(
            rf"{re.escape(_EXTENSION)} v(\d+\.\d+)",
            (source(_SCHEDULER, release) / "go.mod").read_text(encoding="utf-8"),
        )
        assert required
        assert required[1] == version
        assert number(PICKER.extension.equivalent[version])[:2] == number(release.removeprefix("v"))[:2]


@pytest.mark.executable
def test_the_simulator_has_the_flags_of_its_source() -> None:
    simulator = facts.engine("simulator")
    assert simulator
    assert simulator.flags
    release = simulator.images.example.rpartition(":")[2]
    folder = source("github.com/llm-d/llm-d-inference-sim", release) / "pkg/common"
    accepted = flags_in("".join(path.read_text(encoding="utf-8") for path in folder.glob("*.go")))
    own = (simulator.port.flag, simulator.model.flag, simulator.model.name, simulator.parallelism.data)
    assert {"port", "model", *own} <= accepted
    assert not set(simulator.flags.foreign) & accepted
    text = "".join(path.read_text(encoding="utf-8") for path in folder.parent.rglob("*.go"))
    for path in itertools.chain.from_iterable(paths.values() for paths in simulator.api.paths.values()):
        assert f'"{path}"' in text
    assert "Bearer" not in "".join(
        path.read_text(encoding="utf-8") for path in (folder.parent / "communication").glob("*.go")
    )


def test_kubernetes_versions_are_those_that_are_tested() -> None:
    assert KUBERNETES.definitions in KUBERNETES.rendered
    assert set(KUBERNETES.control_planes) <= set(KUBERNETES.rendered)
    chart = (CHART / "Chart.yaml").read_text(encoding="utf-8")
    assert f'kubeVersion: ">={KUBERNETES.oldest}.0-0"' in chart


@pytest.mark.executable
def test_roll_outs_of_groups_are_those_of_the_controllers_source() -> None:
    """The revision that makes a group start anew is of these fields."""
    revision = module_file("lws", "sigs.k8s.io/lws", "pkg/utils/revision/revision_utils.go").read_text(encoding="utf-8")
    copied = re.findall(r'specCopy\["(\w+)"\] =', revision)
    assert {f"spec.{name}" for name in copied} == set(KUBERNETES.rollouts["LeaderWorkerSet"].restarted_by)
    webhook = module_file("lws", "sigs.k8s.io/lws", "pkg/webhooks/leaderworkerset_webhook.go").read_text(
        encoding="utf-8"
    )
    rollout = KUBERNETES.rollouts["LeaderWorkerSet"]
    assert f"MaxUnavailable: intstr.FromInt32({rollout.max_unavailable})" in webhook
    assert f"MaxSurge:       intstr.FromInt32({rollout.max_surge})" in webhook
    path = "pkg/controllers/leaderworkerset_controller.go"
    without_surge = "lwsReplicas + utils.NonZeroValue(int32(unreadyReplicas)-1)"
    before = (source("sigs.k8s.io/lws", "v0.8.0") / path).read_text(encoding="utf-8")
    assert without_surge in before, "the only one gets no surge group"
    assert without_surge not in module_file("lws", "sigs.k8s.io/lws", path).read_text(encoding="utf-8")
    assert rollout.surges_for_one_since == "0.9"
    told = rollout.surges_for_one_with
    assert told is not None
    group, kind = told.definition.partition(".")[2], told.definition.partition(".")[0]
    definition = f"config/crd/bases/{group}_{kind}.yaml"
    assert told.value not in (source("sigs.k8s.io/lws", "v0.8.0") / definition).read_text(encoding="utf-8")
    assert told.value in module_file("lws", "sigs.k8s.io/lws", definition).read_text(encoding="utf-8")


@pytest.mark.executable
def test_roll_outs_of_sets_are_those_of_the_controllers_source() -> None:
    rollout = KUBERNETES.rollouts["DisaggregatedSet"]
    hashed = module_file("lws", "sigs.k8s.io/lws", "pkg/utils/disaggregatedset/utils.go").read_text(encoding="utf-8")
    template = hashed.partition("func ComputeRevision")[2].partition("\n}")[0]
    assert re.findall(r"Template: role\.Spec\.(\w+)", template) == ["LeaderWorkerTemplate"]
    assert rollout.restarted_by == ("spec.roles[].spec.leaderWorkerTemplate",)
    planner = module_file("lws", "sigs.k8s.io/lws", "pkg/controllers/disaggregatedset/planner.go")
    defaults = planner.read_text(encoding="utf-8").partition("func DefaultRollingUpdateConfig")[2]
    assert f"MaxSurge = {rollout.max_surge}\n" in defaults
    assert f"MaxUnavailable = {rollout.max_unavailable}\n" in defaults
    path = "config/crd/bases/disaggregatedset.x-k8s.io_disaggregatedsets.yaml"
    definition = yaml.safe_load(module_file("lws", "sigs.k8s.io/lws", path).read_text(encoding="utf-8"))
    spec = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    role = spec["roles"]["items"]["properties"]["spec"]["properties"]
    update = role["rolloutStrategy"]["properties"]["rollingUpdateConfiguration"]["properties"]
    assert {name: str(update[name]["default"]) for name in rollout.filled} == rollout.filled
    assert {path.rpartition(".")[2] for path in rollout.read_at_restart} <= set(role)


@pytest.mark.executable
def test_kinds_of_update_exclude_what_the_api_server_filled_in() -> None:
    validation, defaults = (
        module_file("kubernetes", "k8s.io/kubernetes", f"pkg/apis/apps/{name}").read_text(encoding="utf-8")
        for name in ("validation/validation.go", "v1/defaults.go")
    )
    assert 'Child("rollingUpdate"), "may not be specified when strategy `type` is' in validation
    assert "only allowed for updateStrategy '%s'" in validation
    for kind, known in KUBERNETES.leftovers.items():
        function = re.search(rf"^func SetDefaults_{kind}\(.*?^}}", defaults, re.DOTALL | re.MULTILINE)
        assert function
        for name in known.filled:
            assert f"RollingUpdate.{name[0].upper()}{name[1:]}" in function[0]


@pytest.mark.executable
def test_defaults_are_those_of_the_api_servers_source() -> None:
    known = kubernetes_defaults()
    core, apps = (
        module_file("kubernetes", "k8s.io/kubernetes", f"pkg/apis/{group}/v1/defaults.go").read_text(encoding="utf-8")
        for group in ("core", "apps")
    )
    probe = re.search(r"^func SetDefaults_Probe.*?^}", core, re.DOTALL | re.MULTILINE)
    assert probe
    numbers = {f"{name[0].lower()}{name[1:]}": int(value) for name, value in re.findall(r"\.(\w+) = (\d+)", probe[0])}
    assert numbers == {name: value for name, value in known.probes.items() if "." not in name}
    pod = re.search(r"^func SetDefaults_PodSpec.*?^}", core, re.DOTALL | re.MULTILINE)
    assert pod
    fields = {
        f"spec.{name[0].lower()}{name[1:]}".replace("dNS", "dns") for name in re.findall(r"obj\.(\w+) = ", pod[0])
    }
    assert fields == {path for path in known.pods if "[]" not in path}
    assert f'intstr.FromString("{KUBERNETES.rollouts["Deployment"].max_surge}")' in apps
    for kind in ("Deployment", "StatefulSet"):
        limit = known.kinds[kind]["spec.revisionHistoryLimit"]
        assert f"*obj.Spec.RevisionHistoryLimit = {limit}" in apps


@pytest.mark.executable
def test_immutable_fields_are_those_of_the_api_servers_source() -> None:
    validation = "pkg/apis/{}/validation/validation.go"
    text = {
        group: module_file("kubernetes", "k8s.io/kubernetes", validation.format(group)).read_text(encoding="utf-8")
        for group in ("apps", "core", "rbac", "batch", "scheduling", "resource")
    }

    def update(group: str, kind: str) -> str:
        function = re.search(rf"^func Validate{kind}Update\(.*?^}}", text[group], re.DOTALL | re.MULTILINE)
        assert function, kind
        return function[0]

    immutable = KUBERNETES.immutable
    assert "ValidateImmutableField(newSpec.Selector" in update("apps", "DaemonSetSpec")
    assert immutable["DaemonSet"].fields == ("spec.selector",)
    for kind in ("Deployment", "ReplicaSet"):
        assert immutable[kind].fields == ("spec.selector",)
        assert re.search(r"ValidateImmutableField\(\w+\.Spec\.Selector", update("apps", kind))
    mutable = set(re.findall(r"'(\w+)'", update("apps", "StatefulSet")))
    stateful = immutable["StatefulSet"]
    assert "replicas" in mutable
    assert not mutable & {path.split(".")[1] for path in (*stateful.fields, *stateful.structures)}
    assert "spec is immutable after creation except resources.requests" in update("core", "PersistentVolumeClaim")
    assert "cannot change roleRef" in update("rbac", "RoleBinding")
    assert immutable["RoleBinding"].fields == ("roleRef",)
    job = immutable["Job"]
    fixed = set(re.findall(r"ValidateImmutableField\(spec\.(\w+), oldSpec", update("batch", "JobSpec")))
    assert {f"spec.{name[0].lower()}{name[1:]}" for name in fixed} | {"spec.template"} == {*job.fields, *job.structures}
    for kind in ("ConfigMap", "Secret"):
        assert "field is immutable when `immutable` is set" in update("core", kind)
        assert immutable[kind].when == "immutable"
    assert re.search(r"ValidateImmutableField\(\w+\.Spec, ", update("resource", "ResourceClaimTemplate"))
    assert "may not be changed in an update" in update("scheduling", "PriorityClass")
    assert "preemptionPolicy" in update("scheduling", "PriorityClass")
    assert "ValidateImmutableField(newSecret.Type" in update("core", "Secret")
    assert "validateUpgradeDowngradeClusterIPs" in update("core", "Service")
    webhook = module_file("lws", "sigs.k8s.io/lws", "pkg/webhooks/leaderworkerset_webhook.go").read_text(
        encoding="utf-8"
    )
    refused = re.findall(r'field\.NewPath\("spec", "leaderWorkerTemplate", "(\w+)", "(\w+)"\)\)', webhook)
    assert refused == [("SubGroupPolicy", "subGroupSize")]
