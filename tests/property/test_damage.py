"""Files that somebody damaged: each is read, or refused in a sentence; nothing raises."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelservice.check.finding import Finding
from modelservice.check.runner import load, run, sound
from modelservice.documents import read_objects
from modelservice.errors import ModelserviceError
from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import read_values
from modelservice.model.cluster import read_inventory
from modelservice.model.deployment import Deployment
from modelservice.model.pool import pools_of, read_pool
from modelservice.paths import chart_dir
from modelservice.plan.model import plan
from modelservice.plan.svg import svg
from modelservice.plan.text import tree
from modelservice.sources import leaves
from support.render import ROOT

EXAMPLES = ROOT / "examples"
POOL, NODES = EXAMPLES / "pool-pd.yaml", EXAMPLES / "nodes.yaml"

NEIGHBOURS = """\
{kind: InferencePool, apiVersion: inference.networking.k8s.io/v1, metadata: {name: pool},
 spec: {selector: {matchLabels: {llm-d.ai/model: qwen}}, targetPorts: [{number: 8000}], endpointPickerRef: {name: epp}}}
---
{kind: Deployment, metadata: {name: epp}, spec: {template: {metadata: {labels: {app: epp}},
 spec: {containers: [{name: epp, image: 'ghcr.io/llm-d/llm-d-router:v0.9.0', args: [--config-file=/etc/epp.yaml]}]}}}}
---
{kind: ConfigMap, metadata: {name: epp}, data: {epp.yaml: 'kind: EndpointPickerConfig'}}
---
{kind: HTTPRoute, metadata: {name: route}, spec: {parentRefs: [{name: gateway}],
 rules: [{backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: pool}]}]}}
---
{kind: HorizontalPodAutoscaler, metadata: {name: scaler},
 spec: {scaleTargetRef: {kind: Deployment, name: decode}, minReplicas: 1, maxReplicas: 3}}
"""
CLUSTER = """\
{kind: Node, metadata: {name: n, labels: {a: b}}, spec: {taints: [{key: k, effect: NoSchedule}]},
 status: {allocatable: {cpu: '96', memory: 1Ti, nvidia.com/gpu: '8'}}}
---
{kind: Pod, metadata: {name: p}, status: {phase: Running},
 spec: {nodeName: n, containers: [{name: c, resources: {requests: {cpu: '1'}}}]}}
---
{kind: ResourceQuota, metadata: {name: q}, spec: {hard: {pods: '3'}}, status: {used: {pods: '1'}}}
---
{kind: ResourceSlice, metadata: {name: s}, spec: {driver: gpu.nvidia.com, nodeName: n, devices: [{name: d}]}}
---
{kind: DeviceClass, metadata: {name: gpu.nvidia.com},
 spec: {selectors: [{cel: {expression: "device.driver == 'gpu.nvidia.com'"}}]}}
---
{kind: CustomResourceDefinition, metadata: {name: leaderworkersets.leaderworkerset.x-k8s.io},
 spec: {versions: [{name: v1, served: true}]}}
---
{kind: Secret, metadata: {name: hf}, data: {token: dg==}}
"""
GONE = object()
OTHERS = [
    GONE,
    None,
    "",
    "x",
    "{{",
    "99999999999",
    7,
    -1,
    1.5,
    True,
    [],
    {},
    ["x"],
    [None],
    [[]],
    {"x": "y"},
    {"a": None},
]
some = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def documents(text: str) -> list[Any]:
    return list(yaml.safe_load_all(text))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    for key, below in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(below, (*path, key))


@st.composite
def damaged(draw: st.DrawFn, files: list[list[Any]]) -> list[Any]:
    """The documents of a file, one place of which is removed or holds something else."""
    result: list[Any] = copy.deepcopy(draw(st.sampled_from(files)))
    *above, last = draw(st.sampled_from(list(places(result))))
    other = draw(st.sampled_from(OTHERS))
    node: Any = result
    for part in above:
        node = node[part]
    if other is GONE:
        del node[last]
    else:
        node[last] = copy.deepcopy(other)
    return result


def attempt(read: Callable[[str], Any], path: Path, found: list[Any]) -> Any:
    """What is read from a damaged file; None where it is refused, which names the file."""
    path.write_text(yaml.safe_dump_all(found), encoding="utf-8")
    try:
        return read(str(path))
    except ModelserviceError as error:
        refusal = str(error)
    assert path.name in refusal
    return None


def examine(deployment: Deployment) -> None:
    """Everything that the commands do with a deployment."""
    picture = plan(deployment)
    svg(picture)
    tree(picture)
    assert unreadable(run([deployment], together=True)) == []


def unreadable(findings: list[Finding]) -> list[str]:
    """Findings of rules that raised."""
    return [finding.message for finding in findings if "cannot read" in finding.message]


MANIFESTS = [documents(path.read_text()) + documents(NEIGHBOURS) for path in sorted(EXAMPLES.glob("output/*.yaml"))]


@some
@given(found=damaged(MANIFESTS))
def test_manifests(tmp_path: Path, found: list[Any]) -> None:
    objects = attempt(read_objects, tmp_path / "manifests.yaml", found)
    if objects is None:
        return
    kept, refused = sound(objects, "x")
    assert len(kept) + len(refused) == len(objects)
    assert all(finding.object and finding.message for finding in refused)
    pools = [*read_pool(str(POOL)).pools, *pools_of(kept, "x")]
    examine(Deployment("x", kept, given_pools=pools, cluster=read_inventory(str(NODES))))


@pytest.fixture(scope="module")
def deployment(embedded: EmbeddedHelm) -> Deployment:
    loaded, _ = load([str(EXAMPLES / "values-pd.yaml")], embedded, Release("x"))
    assert loaded is not None
    return loaded


POOLS = [documents(path.read_text()) for path in sorted(EXAMPLES.glob("pool-*.yaml"))] + [documents(NEIGHBOURS)]


@some
@given(found=damaged(POOLS))
def test_pools(tmp_path: Path, deployment: Deployment, found: list[Any]) -> None:
    neighbours = attempt(read_pool, tmp_path / "pool.yaml", found)
    if neighbours:
        deployment.given_pools, deployment.neighbours = neighbours.pools, neighbours.objects
        examine(deployment)


@some
@given(found=damaged([documents(NODES.read_text()), documents(CLUSTER)]))
def test_nodes(tmp_path: Path, deployment: Deployment, found: list[Any]) -> None:
    deployment.cluster = attempt(read_inventory, tmp_path / "nodes.yaml", found)
    examine(deployment)


DEFAULTS = [path for path, value in leaves(read_values(str(chart_dir() / "values.yaml"))) if value is not None]


@some
@given(path=st.sampled_from(DEFAULTS), example=st.sampled_from(["pd", "production", "multinode"]))
def test_a_removed_default_is_not_needed_or_named(
    tmp_path: Path, embedded: EmbeddedHelm, path: tuple[str | int, ...], example: str
) -> None:
    layer: Any = None
    for part in reversed(path[: next((at for at, part in enumerate(path) if isinstance(part, int)), len(path))]):
        layer = {part: layer}
    file = tmp_path / "removed.yaml"
    file.write_text(yaml.safe_dump(layer))
    loaded, refused = load([str(EXAMPLES / f"values-{example}.yaml"), str(file)], embedded, Release("x"))
    assert all(finding.values for finding in refused)
    if loaded:
        examine(loaded)


VALUES = [documents(path.read_text()) for path in sorted(EXAMPLES.glob("values-*.yaml"))]


@some
@given(found=damaged(VALUES))
def test_values(tmp_path: Path, embedded: EmbeddedHelm, found: list[Any]) -> None:
    loaded, refused = attempt(lambda path: load([path], embedded, Release("x")), tmp_path / "values.yaml", found) or (
        None,
        [],
    )
    assert all(finding.message for finding in refused)
    if loaded:
        examine(loaded)
