"""Revision gating: a label for what both roles must have in common, and the picker's plugin that reads it."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from modelservice import facts
from modelservice.check.examples import BASES, findings
from modelservice.check.rule import Example, rules
from modelservice.diff.problems import problems
from modelservice.diff.side import Side as DiffSide
from modelservice.diff.upgrade import Verdict, upgrade
from modelservice.endpoints import endpoints, text
from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import merge, read_values
from modelservice.model.deployment import Deployment
from modelservice.model.handover import Side, differences, weights
from modelservice.model.revisions import are_screened
from support.render import ROOT, Objects, Render, pod_templates

Values = dict[str, Any]

LABEL = facts.endpoint_picker().rollout_screener.label
PLUGIN = facts.endpoint_picker().rollout_screener.plugin
PD: Values = yaml.safe_load(BASES["pd"])
GATING: Values = {"routing": {"revisionGating": {"enabled": True}}}
PICKER: Values = {"routing": {"inferencePool": {"create": True}, "epp": {"create": True}}}
ROLES = ("decode", "prefill")


def gated(*layers: Values) -> Values:
    return merge([PD, GATING, *layers])


def revisions(objects: Objects) -> set[str | None]:
    """Revisions of both roles' pods."""
    templates = [template for role in ROLES for template in pod_templates(objects.workload(role))]
    return {template["metadata"]["labels"].get(LABEL) for template in templates}


def revision(render: Render, values: Values) -> str:
    (found,) = revisions(render(values))
    assert found is not None
    return found


# ---------------------------------------------------------------------------------------------
# The label
# ---------------------------------------------------------------------------------------------


def test_pods_have_no_revision_unless_asked_for(render: Render) -> None:
    assert revisions(render(PD)) == {None}


def test_both_roles_have_the_same_revision_as_a_label_of_kubernetes(render: Render) -> None:
    found = revision(render, gated())
    assert found[0].isalpha()  # no number in anybody's YAML
    assert found.isalnum()
    assert len(found) <= 63


def test_a_users_label_does_not_replace_it(render: Render) -> None:
    own = {"decode": {"podLabels": {LABEL: "mine"}}}
    assert revision(render, gated(own)) == revision(render, gated())


@pytest.mark.parametrize("release", ["blue", "green"])
def test_the_name_of_the_release_does_not_matter(render: Render, release: str) -> None:
    assert revisions(render(gated(), name=release)) == {revision(render, gated())}


GROUPS: Values = {
    "multinode": True,
    "decode": {"parallelism": {"data": 16, "dataLocal": 8}},
    "prefill": {"parallelism": {"data": 16, "dataLocal": 8}},
}


@pytest.mark.parametrize(
    "layer",
    [{}, GROUPS, {"decode": {"workload": "StatefulSet"}}, {"deploymentSelector": "model"}],
    ids=["deployments", "groups", "stateful set", "selector of the original chart"],
)
def test_no_selector_has_it(render: Render, layer: Values) -> None:
    more: Values = {
        "service": {"enabled": True},
        "networkPolicy": {"enabled": True},
        **{
            role: {
                "service": {"create": True},
                "podDisruptionBudget": {"enabled": True, "maxUnavailable": 1},
                "monitoring": {"podmonitor": {"enabled": True}},
                "topologySpreadConstraints": [
                    {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
                ],
            }
            for role in ROLES
        },
    }
    objects = render(gated(PICKER, more, layer))
    assert len(revisions(objects)) == 1
    assert not [place for obj in objects.items for place in selectors(obj) if LABEL in place]


def selectors(node: Any) -> Iterator[str]:
    """Selectors anywhere in an object, as text."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("selector", "labelSelector", "matchLabels", "podSelector"):
                yield json.dumps(value)
            yield from selectors(value)
    elif isinstance(node, list):
        for item in node:
            yield from selectors(item)


def test_workers_that_do_not_serve_have_none(render: Render) -> None:
    layer = merge([GROUPS, {role: {"parallelism": {"dataMode": "internal"}} for role in ROLES}])
    for role in ROLES:
        group = render(gated(layer)).workload(role)["spec"]["leaderWorkerTemplate"]
        assert LABEL in group["leaderTemplate"]["metadata"]["labels"]
        assert LABEL not in group["workerTemplate"]["metadata"]["labels"]


# ---------------------------------------------------------------------------------------------
# The factors: those of the facts, as Python compares them
# ---------------------------------------------------------------------------------------------

IMAGES = [f"vllm/vllm-openai:{tag}" for tag in ("v0.11.0", "v0.14.1", "v0.20.0", "v0.27.0", "v0.32.0", "v0.33.0")]
IMAGES.append("registry.example.com/team/vllm:prod")
CUSTOM = {"modelCommand": "custom", "image": "vllm/vllm-openai:v0.32.0", "command": ["/bin/sh", "-c"]}


def args(**flags: Any) -> Values:
    return {"engine": {"args": {name.replace("_", "-"): value for name, value in flags.items()}}}


def transfer(**settings: Any) -> Values:
    return args(kv_transfer_config={"kv_connector": "NixlConnector", **settings})


EAGLE = {"method": "eagle3", "model": "org/draft", "num_speculative_tokens": 3}
CHANGES: dict[str, Values] = {
    "replicas": {"prefill": {"replicas": 5}},
    "resources": {"engine": {"resources": {"limits": {"memory": "64Gi"}}}},
    "length": args(max_model_len=8192),
    "memory": args(gpu_memory_utilization=0.8),
    "another variable": {"engine": {"env": {"VLLM_LOGGING_LEVEL": "DEBUG"}}},
    "parallel size": {"decode": {"parallelism": {"tensor": 2}}},
    "name for clients": args(served_model_name="chat"),
    "image": {"engine": {"image": "vllm/vllm-openai:v0.31.0"}},
    "image of a candidate": {"engine": {"image": "vllm/vllm-openai:v0.32.0rc1"}},
    "image for another CUDA": {"engine": {"image": "vllm/vllm-openai:v0.32.0-cu129"}},
    "image of one role": {"decode": {"engine": {"image": "vllm/vllm-openai:v0.31.0"}}},
    "model": {"modelArtifacts": {"name": "Qwen/Qwen3-14B", "uri": "hf://Qwen/Qwen3-14B"}},
    "model of one role": {"prefill": {"engine": {"args": {"model": "Qwen/Qwen3-14B"}}}},
    "revision of the model": {"modelArtifacts": {"revision": "v2"}},
    "revision by flag": args(revision="v2"),
    "quantization": args(quantization="fp8"),
    "type": args(dtype="float16"),
    "type, the default": args(dtype="auto"),
    "type of the cache": args(kv_cache_dtype="fp8"),
    "type of the cache, the default": args(kv_cache_dtype="auto"),
    "attention backend": args(attention_backend="FLASHINFER"),
    "attention backend of one role": {"decode": {"engine": {"args": {"attention-backend": "FLASHINFER"}}}},
    "attention backend by variable": {"engine": {"env": {"VLLM_ATTENTION_BACKEND": "FLASHINFER"}}},
    "hybrid manager off": args(disable_hybrid_kv_cache_manager=True),
    "hybrid manager on": args(disable_hybrid_kv_cache_manager=False),
    "speculation": args(speculative_config=EAGLE),
    "speculation without a cache of its own": args(speculative_config={"method": "ngram", "num_speculative_tokens": 3}),
    "cross layers": transfer(kv_connector_extra_config={"enable_cross_layers_blocks": True}),
    "cross layers, the default": transfer(kv_connector_extra_config={"enable_cross_layers_blocks": "False"}),
    "direction": transfer(kv_connector="NixlPushConnector"),
    "another setting of the connector": transfer(kv_connector_extra_config={"backends": ["UCX"]}),
    "block size": args(block_size=64),
    "block size through a buffer": merge([args(block_size=64), transfer(kv_buffer_device="cpu")]),
}  # fmt: skip
START = args(block_size=32)
"""A block size is compared only where both sides say theirs."""


def deployment(embedded: EmbeddedHelm, values: Values) -> Deployment:
    return Deployment("d", embedded.render(values, Release("test")).objects)


def its_revision(found: Deployment) -> str:
    (label,) = {group.labels[LABEL] for group in found.serving}
    return label


@pytest.fixture(scope="module")
def installed(embedded: EmbeddedHelm) -> dict[str, Deployment]:
    """A release of each image before a change."""
    return {image: deployment(embedded, gated(START, {"engine": {"image": image}})) for image in IMAGES}


def meets(old: Deployment, new: Deployment) -> bool:
    """Whether Python finds that pods of both cannot hand over, or may not."""
    pairs = []
    for prefill, decode in ((old, new), (new, old)):
        sides = [
            Side(group, side.engine_version(group))
            for side, role in ((prefill, "prefill"), (decode, "decode"))
            for group in side.role(role)
        ]
        pairs.append((sides[0], sides[1]))
    return any([*differences(*pair), *weights(*pair)] for pair in pairs)


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize("change", CHANGES)
def test_the_revision_changes_exactly_where_pods_cannot_hand_over(
    embedded: EmbeddedHelm, installed: dict[str, Deployment], change: str, image: str
) -> None:
    before = installed[image]
    after = deployment(embedded, gated(START, {"engine": {"image": image}}, CHANGES[change]))
    # Nobody knows whether a version that compares nothing can hand over to another one; they are kept apart.
    unknown = image == IMAGES[0] and change.startswith("image")
    assert (its_revision(before) != its_revision(after)) is (meets(before, after) or unknown)


SPEAK = [
    # One changed setting on top of speculation.
    (args(speculative_config=EAGLE), args(speculative_config={**EAGLE, "num_speculative_tokens": 5}), False),
    (args(speculative_config=EAGLE), args(speculative_config={**EAGLE, "model": "org/other"}), True),
    # The same in other words: spelling of a flag, place of a setting, mirror and architecture of an image.
    (args(kv_cache_dtype="fp8"), {"engine": {"args": {"kv-cache-dtype": None}},
                                  "decode": {"engine": {"args": {"kv-cache-dtype": "fp8"}}},
                                  "prefill": {"engine": {"args": {"kv-cache-dtype": "fp8"}}}}, False),
    ({"engine": {"image": "vllm/vllm-openai:v0.32.0"}}, {"engine": {"image": "m:5000/vllm/vllm-openai:v0.32.0-x86_64"}}, False),
    ({"engine": {"image": "vllm/vllm-openai:v0.32.0"}}, {"engine": {"image": "vllm/vllm-openai:v0.32.0-cu129"}}, True),
    ({"engine": {"image": "vllm/vllm-openai:v0.32.0"}}, {"engine": {"image": "vllm/vllm-openai:v0.32.0rc1"}}, True),
    ({"engine": {"image": "vllm/vllm-openai:v0.32.0"}}, {"global": {"imageRegistry": "m.example.com"}}, False),
    # What the chart cannot read counts as a whole.
    ({}, {"engine": {"extraConfig": {"args": ["--dtype", "half"]}}}, True),
    ({}, {"engine": {"extraConfig": {"terminationMessagePath": "/dev/null"}}}, False),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "differs"), SPEAK)
def test_what_means_the_same_has_the_same_revision(
    render: Render, before: Values, after: Values, *, differs: bool
) -> None:
    assert (revision(render, gated(before)) != revision(render, gated(before, after))) is differs


def test_a_command_of_the_users_counts_as_a_whole(render: Render) -> None:
    def values(*words: str) -> Values:
        config = json.dumps({"kv_connector": "NixlConnector", "kv_role": "kv_both"})
        line = f"exec vllm serve m --kv-transfer-config '{config}' {' '.join(words)}"
        listed = {"containers": [{**CUSTOM, "args": [line]}]}
        return merge([{**PD, "engine": {}}, GATING, dict.fromkeys(ROLES, listed)])

    assert revision(render, values()) == revision(render, values())
    assert revision(render, values()) != revision(render, values("--dtype half"))


def test_every_factor_of_the_facts_is_one_of_the_chart() -> None:
    """The chart has the factors from the facts; none is written down a second time."""
    known = json.loads((ROOT / "charts/llm-d-modelservice/facts.json").read_text())["engines"]
    for engine in facts.engines():
        transferred = engine.kv_transfer
        if transferred is None or not transferred.equal:
            assert "handover" not in known[engine.type]
            continue
        found = known[engine.type]["handover"]
        assert tuple(found["equal"]) == transferred.equal
        handshake = transferred.peers.handshake if transferred.peers else None
        settings = {json.dumps([item.get("flag", ""), item.get("extra", ""), item.get("since", "")])
                    for item in found.get("handshake", {}).get("factors", [])}  # fmt: skip
        for factor in handshake.factors if handshake else ():
            assert factor.image or json.dumps([factor.flag, factor.extra, factor.since]) in settings
    template = (ROOT / "charts/llm-d-modelservice/templates/routing/_revision.tpl").read_text()
    for flag in ("dtype", "attention-backend", "block-size", "speculative-config", "hybrid"):
        assert flag not in template


# ---------------------------------------------------------------------------------------------
# The picker
# ---------------------------------------------------------------------------------------------


def config(objects: Objects) -> dict[str, Any]:
    (text_,) = objects.one("ConfigMap", "-epp")["data"].values()
    loaded: dict[str, Any] = yaml.safe_load(text_)
    return loaded


def flags(objects: Objects) -> list[str]:
    (container,) = objects.one("Deployment", "-epp")["spec"]["template"]["spec"]["containers"]
    return list(container["args"])


def test_the_picker_of_the_chart_screens_revisions(render: Render) -> None:
    objects = render(gated(PICKER), name="r")
    (plugin,) = [item for item in config(objects)["plugins"] if item["type"] == PLUGIN]
    selector = objects.one("InferencePool")["spec"]["selector"]["matchLabels"]
    assert plugin["parameters"] == {
        "scope": {"labelSelector": ",".join(f"{key}={value}" for key, value in sorted(selector.items()))},
        "revisionGating": {
            "mode": "max-role", "requireRoles": {"values": ["prefill", "decode"]},
            "revisionLabelKey": LABEL, "roleLabelKey": "llm-d.ai/role",
        },
    }  # fmt: skip
    assert "--allow-experimental-plugins=true" in flags(objects)
    used = [item["pluginRef"] for profile in config(objects)["schedulingProfiles"] for item in profile["plugins"]]
    assert PLUGIN not in used
    assert "keeps each request within one value" in objects.notes


def test_an_upgrade_of_the_engine_does_not_restart_the_picker(render: Render) -> None:
    before, after = (render(gated(PICKER, layer)).one("Deployment", "-epp") for layer in ({}, CHANGES["image"]))
    assert before == after


def test_the_mode_is_the_users(render: Render) -> None:
    objects = render(gated(PICKER, {"routing": {"revisionGating": {"mode": "sum"}}}))
    (plugin,) = [item for item in config(objects)["plugins"] if item["type"] == PLUGIN]
    assert plugin["parameters"]["revisionGating"]["mode"] == "sum"


@pytest.mark.parametrize(
    "layer",
    [
        {},
        merge([PICKER, {"routing": {"revisionGating": {"screener": False}}}]),
        merge([PICKER, {"routing": {"epp": {"pluginsConfig": {"kind": "EndpointPickerConfig"}}}}]),
        merge([PICKER, {"routing": {"epp": {"pluginsConfigFile": "a.yaml", "pluginsCustomConfig": {"a.yaml": "x: 1"}}}}]),
    ],
    ids=["another picker", "not yet", "own configuration", "own file"],
)  # fmt: skip
def test_otherwise_notes_and_endpoints_say_what_the_picker_needs(
    render: Render, embedded: EmbeddedHelm, layer: Values
) -> None:
    values = gated(layer)
    objects = render(values, name="r")
    assert not [obj for obj in objects.all("ConfigMap") if PLUGIN in json.dumps(obj)]
    assert not [obj for obj in objects.all("Deployment") if "experimental" in json.dumps(obj)]
    printed = objects.notes.partition("plugins of its configuration:")[2]
    plugin = yaml.safe_load(printed.split("\n\n")[1])[0]
    found = endpoints(values, Release("r"), embedded)
    assert found.data["picker"] == {"flags": ["--allow-experimental-plugins"], "plugins": [plugin]}
    assert plugin["type"] == PLUGIN
    assert f"picker plugin  {json.dumps(found.data['picker']['plugins'][0])}" in text(found)


def test_without_gating_endpoints_say_nothing_of_a_picker(embedded: EmbeddedHelm) -> None:
    assert "picker" not in endpoints(PD, Release("r"), embedded).data


# ---------------------------------------------------------------------------------------------
# A DisaggregatedSet, whose controller labels the pods
# ---------------------------------------------------------------------------------------------

SET: Values = {"workload": "DisaggregatedSet", "fullnameOverride": "m"}
OF_SET = facts.disaggregated_set().labels


def test_the_controller_of_a_set_labels_its_pods(render: Render) -> None:
    objects = render(gated(SET, PICKER), name="r")
    assert LABEL not in json.dumps(objects.items)
    (plugin,) = [item for item in config(objects)["plugins"] if item["type"] == PLUGIN]
    assert plugin["parameters"]["revisionGating"] == {
        "mode": "max-role", "requireRoles": {"values": ["prefill", "decode"]},
        "revisionLabelKey": OF_SET.revision, "roleLabelKey": OF_SET.role,
    }  # fmt: skip
    roles = objects.one("DisaggregatedSet")["spec"]["roles"]
    assert {role["name"] for role in roles} == set(plugin["parameters"]["revisionGating"]["requireRoles"]["values"])
    assert f"have the label {OF_SET.revision} from the controller" in objects.notes
    assert "keeps each request within one value" in objects.notes


def test_another_picker_is_told_the_labels_of_a_set(render: Render, embedded: EmbeddedHelm) -> None:
    printed = render(gated(SET), name="r").notes.partition("plugins of its configuration:")[2]
    plugin = yaml.safe_load(printed.split("\n\n")[1])[0]
    assert plugin["parameters"]["revisionGating"]["revisionLabelKey"] == OF_SET.revision
    assert endpoints(gated(SET), Release("r"), embedded).data["picker"]["plugins"] == [plugin]


def test_a_set_is_screened_before_its_release_was_gated(embedded: EmbeddedHelm) -> None:
    gates, plain = (deployment(embedded, merge([PD, SET, PICKER, layer])) for layer in (GATING, {}))
    assert are_screened(gates, plain)
    assert not are_screened(plain)


# ---------------------------------------------------------------------------------------------
# Rules, and what other commands make of it
# ---------------------------------------------------------------------------------------------

ROOM_FIRST: Values = {"maxSurge": 0, "maxUnavailable": 1}
STRATEGIES: list[tuple[Values, bool]] = [
    ({}, True),  # the only pod goes when the new one is ready, whether or not the other role's is
    ({"replicas": 2}, False),
    ({"replicas": 8}, False),
    ({"strategy": {"type": "Recreate"}, "replicas": 8}, True),
    ({"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}}, True),
    ({"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}, "replicas": 2}, False),
    ({"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "100%"}}, "replicas": 2}, True),
    ({"strategy": {"rollingUpdate": {"maxSurge": "100%", "maxUnavailable": 0}}, "replicas": 2}, True),
    ({"workload": "StatefulSet"}, True),
    ({"workload": "StatefulSet", "replicas": 2}, False),
    ({"multinode": True, "parallelism": {"data": 16, "dataLocal": 8}}, True),
    ({"multinode": True, "parallelism": {"data": 16, "dataLocal": 8}, "replicas": 2}, False),
]


@pytest.mark.parametrize(("role", "gap"), STRATEGIES)
def test_an_update_that_leaves_no_complete_revision_is_found(
    embedded: EmbeddedHelm, role: Values, *, gap: bool
) -> None:
    prefill = {"prefill": {"replicas": 2}}
    values = yaml.safe_dump(merge([GATING, PICKER, prefill, {"decode": role}]))
    found = findings(rules()["revision-gap"], Example(values, base="pd"), embedded)
    assert bool(found) is gap
    ungated = yaml.safe_dump(merge([PICKER, {"decode": role}]))
    assert findings(rules()["revision-gap"], Example(ungated, base="pd"), embedded) == []


@pytest.mark.parametrize(
    ("decode", "prefill", "gap"),
    # Room that one role makes is made by the other one too, though that may surge.
    [(None, None, False), (ROOM_FIRST, ROOM_FIRST, True), (ROOM_FIRST, None, True), (None, ROOM_FIRST, True)],
)
def test_a_set_has_a_gap_where_all_its_groups_make_room(
    embedded: EmbeddedHelm, decode: Values | None, prefill: Values | None, *, gap: bool
) -> None:
    updates = (("decode", decode), ("prefill", prefill))
    layers = [{role: {"rolloutStrategy": {"rollingUpdateConfiguration": update}}} for role, update in updates if update]
    found = findings(
        rules()["revision-gap"], Example(yaml.safe_dump(merge([SET, GATING, PICKER, *layers])), base="pd"), embedded
    )
    assert bool(found) is gap
    assert all("all groups of both roles" in item.message for item in found)


TWO: Values = {role: {"replicas": 2} for role in ROLES}
UNREAD: Values = {"routing": {"revisionGating": {"screener": False}}}
NEW = CHANGES["image"]
UPGRADES: list[tuple[list[Values], list[Values], list[str]]] = [
    # before, after, what is told
    ([PICKER, TWO], [PICKER, TWO, NEW], ["cannot hand over"]),
    ([GATING, PICKER, TWO], [GATING, PICKER, TWO, NEW], []),
    ([GATING, PICKER], [GATING, PICKER, NEW], ["replaces its only pod in one round", "replaces its only pod in one round"]),
    ([GATING, PICKER], [GATING, PICKER, CHANGES["memory"]], []),  # old and new pods have the same revision
    # Switching it on: at once, and in two steps.
    ([PICKER, TWO], [GATING, PICKER, TWO], ["which the old ones lack"]),
    ([PICKER, TWO], [GATING, UNREAD, PICKER, TWO], []),
    ([GATING, UNREAD, PICKER, TWO], [GATING, PICKER, TWO], []),
    ([GATING, UNREAD, PICKER, TWO], [GATING, PICKER, TWO, NEW], []),
    # One group of each role in a set; its pods had the controller's labels before.
    ([SET, PICKER], [SET, PICKER, NEW], ["cannot hand over"]),
    ([SET, GATING, PICKER], [SET, GATING, PICKER, NEW], []),
    ([SET, PICKER], [SET, GATING, PICKER, NEW], []),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "expected"), UPGRADES)
def test_diff_tells_what_an_upgrade_loses(
    embedded: EmbeddedHelm, before: list[Values], after: list[Values], expected: list[str]
) -> None:
    sides = [
        DiffSide(deployment(embedded, merge([PD, *layers])), name) for name, layers in (("old", before), ("new", after))
    ]
    found = upgrade(sides[0], sides[1], None, None)
    told = [item.message for item in problems(found) if "-epp" not in item.object]
    assert len(told) == len(expected), told
    for message, words in zip(told, expected, strict=True):
        assert words in message
    certain = any("lack" in words or "cannot" in words for words in expected)
    assert found.verdict is (Verdict.loses if certain else found.verdict)


def screened(label: str | None = LABEL, roles: str = "prefill, decode", mode: str = "sum") -> Values:
    """A picker of the chart with a configuration of the user's; without a label, one that reads the plugin's default."""
    keys = {"revisionLabelKey": label, "roleLabelKey": "llm-d.ai/role"} if label else {}
    plugin = {"type": PLUGIN, "parameters": {
        "scope": {"labelSelector": "a=b"},
        "revisionGating": {"mode": mode, **keys, "requireRoles": {"values": roles.split(", ")}},
    }}  # fmt: skip
    own = {"kind": "EndpointPickerConfig", "apiVersion": "llm-d.ai/v1alpha1", "plugins": [plugin]}
    return merge([PICKER, {"routing": {"epp": {"pluginsConfig": own}}}])


@pytest.mark.parametrize(
    ("layers", "rule", "words"),
    [
        ([screened()], "revision-missing", ["llm-d.ai/pd-revision", "llm-d.ai/pd-revision"]),
        ([screened("team/revision"), GATING], "revision-missing", ["team/revision", "team/revision"]),
        ([screened("team/revision"), GATING], "revision-not-read", ["llm-d.ai/pd-revision"]),
        ([screened(roles="prefill, decode, encode"), GATING], "revision-missing", ["encode"]),
        ([screened(), GATING], "revision-missing", []),
        ([screened(), GATING], "revision-not-read", []),
        ([screened(mode="disabled")], "revision-missing", []),
        ([screened(mode="disabled"), GATING], "revision-not-read", ["still meet"]),
        # The plugin's defaults are the labels of a set.
        ([SET, screened(None)], "revision-missing", []),
        ([SET, screened(None), GATING], "revision-not-read", []),
        ([SET, screened()], "revision-missing", ["llm-d.ai/pd-revision", "llm-d.ai/pd-revision"]),
        ([screened(None), GATING], "revision-missing", [OF_SET.revision, OF_SET.revision]),
        ([SET, screened(None, roles="prefill, decode, encode")], "revision-missing", ["encode"]),
        ([GATING], "revision-not-read", []),  # the picker is not known
        ([GATING, PICKER], "revision-not-read", []),
    ],
)
def test_labels_and_plugin_fit(embedded: EmbeddedHelm, layers: list[Values], rule: str, words: list[str]) -> None:
    example = Example(yaml.safe_dump(merge(layers)), base="pd")
    found = findings(rules()[rule], example, embedded)
    assert len(found) == len(words)
    for item, word in itertools.zip_longest(found, words):
        assert word in item.message


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([screened()], "set routing.revisionGating.enabled: true"),
        ([screened(None)], f"enabled: true, and revisionLabelKey: {LABEL} and roleLabelKey: llm-d.ai/role"),
        ([SET, screened()], f"remove revisionLabelKey and roleLabelKey, whose defaults {OF_SET.revision}"),
    ],
)
def test_the_fix_names_what_sets_the_label(embedded: EmbeddedHelm, layers: list[Values], words: str) -> None:
    found = findings(rules()["revision-missing"], Example(yaml.safe_dump(merge(layers)), base="pd"), embedded)
    assert found
    assert all(words in (item.fix or "") for item in found)


def test_a_gated_release_has_no_findings_of_its_own(embedded: EmbeddedHelm) -> None:
    example = Example(yaml.safe_dump(merge([GATING, PICKER, TWO])), base="pd")
    named = [name for name in rules() if name.startswith(("revision", "epp", "pool", "roles"))]
    assert [item for name in named for item in findings(rules()[name], example, embedded)] == []


def test_an_upgrade_of_a_gated_release_mixes_nothing(embedded: EmbeddedHelm) -> None:
    gates, plain = (deployment(embedded, merge([PD, PICKER, layer])) for layer in (GATING, {}))
    assert (are_screened(gates), are_screened(plain)) == (True, False)
    values = yaml.safe_dump(merge([GATING, PICKER]))
    upgrade = rules()["engine-upgrade-handover"]
    assert findings(upgrade, Example(values, base="pd", engine_upgrade="0.33.0"), embedded) == []
    values = yaml.safe_dump(PICKER)
    assert findings(upgrade, Example(values, base="pd", engine_upgrade="0.33.0"), embedded)


@pytest.mark.parametrize("name", ["values-pd", "values-heterogeneous"])
def test_examples_can_be_gated(render: Render, name: str) -> None:
    values = read_values(str(ROOT / f"examples/{name}.yaml"))
    assert len(revisions(render(merge([values, GATING])))) == 1
