"""What a model fits on: the rows, what they leave out, the values files, and wrong requests."""

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from typer.testing import CliRunner

from modelservice import facts
from modelservice.cli.app import app
from modelservice.cli.completion import accelerator_names, model_names
from modelservice.errors import ModelserviceError, UsageError
from modelservice.helm import EmbeddedHelm, Release
from modelservice.model.cluster import read_inventory
from modelservice.model.deployment import Deployment
from modelservice.models.accelerator_memory import product_memory
from modelservice.models.catalogue import find
from modelservice.models.engine_settings import settings_of
from modelservice.models.group_memory import group_memory
from modelservice.models.lookup import Models
from modelservice.models.tensor_sizes import tensor_sizes
from modelservice.plan.draw import text_width
from modelservice.size import hardware, request
from modelservice.size.candidates import Sizing, settings_for, sizing
from modelservice.size.picture import svg
from modelservice.size.request import Need
from modelservice.size.table import to_json
from modelservice.size.values import values, values_file
from support.findings import rules
from support.model_configs import LLAMA

runner = CliRunner()
ALL = ("l4", "a10g", "l40s", "a100-40gb", "a100-80gb", "h100", "h200", "b200", "gb200", "gb300", "mi300x")
LARGE = ("h100", "h200", "gb200", "mi300x")
CASES = [
    ("Qwen/Qwen3-0.6B", Need(4096, 1), ALL),
    ("Qwen/Qwen3-32B", Need(32000, 64), ALL),
    ("meta-llama/Llama-3.3-70B-Instruct", Need(131072, 8), LARGE),
    ("meta-llama/Llama-3.1-405B-Instruct", Need(8192, 16), LARGE),
    ("openai/gpt-oss-120b", Need(32768, 100), ALL),
    ("google/gemma-3-27b-it", Need(16384, 32), LARGE),
    ("Qwen/Qwen3-235B-A22B-FP8", Need(32768, 32), LARGE),
    ("deepseek-ai/DeepSeek-R1", Need(32000, 64), ("l4", *LARGE)),
    ("deepseek-ai/DeepSeek-R1", Need(32000, 1000), LARGE),
]
"""Small, dense, large, natively quantised, hybrid, mixture of experts, latent."""


def sized(model: str, need: Need, accelerators: tuple[str, ...]) -> Sizing:
    return sizing(request.model(model, Models()).shape, hardware.named(accelerators), need)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "need", "accelerators"), CASES, ids=[f"{case[0]} {case[1].concurrent}" for case in CASES]
)
def test_every_row_renders_passes_check_and_fits(
    embedded: EmbeddedHelm, model: str, need: Need, accelerators: tuple[str, ...]
) -> None:
    known = request.model(model, Models())
    found = sized(model, need, accelerators)
    assert found.candidates
    for item in found.candidates:
        written = yaml.safe_load(values_file(known, need, item))
        assert written == values(known, need, item)
        # AMD's preset has no version of its image.
        moving = {"image-latest"} if written["engine"]["image"].endswith(":latest") else set()
        assert rules(embedded, written) == moving
        deployment = Deployment("x", embedded.render(written, Release("x")).objects)
        ranks = [group_memory(group, known.shape) for group in deployment.servers]
        # What check sees of the values is what the row was chosen by.
        assert settings_of(deployment.servers[0]) == settings_for(item.hardware, item.layout, need)
        assert ranks and all(rank == item.rank for rank in ranks)
        assert all(rank and (rank.fits if item.certain else rank.fits is not False) for rank in ranks)
        devices = sum(group.accelerators.total() * group.count for group in deployment.groups)
        assert devices == item.accelerators


@pytest.mark.parametrize(
    ("model", "need", "accelerators"), CASES, ids=[f"{case[0]} {case[1].concurrent}" for case in CASES]
)
def test_rows_have_room_and_none_is_dominated(model: str, need: Need, accelerators: tuple[str, ...]) -> None:
    found = sized(model, need, accelerators)
    for item in found.candidates:
        assert (item.least if item.certain else item.most) >= need.concurrent
        band = item.rank.concurrency(need.context)
        assert band and item.most <= band.most * item.layout.data * item.replicas
        assert item.layout.per_node <= item.hardware.per_node
    assert list(found.candidates) == sorted(found.candidates, key=lambda item: item.order)
    assert not any(one.dominates(other) for one, other in itertools.permutations(found.candidates, 2))
    named = {item.hardware.name for item in found.candidates} | set(found.unfit)
    assert named == set(accelerators)


def fewest(found: Sizing) -> int:
    return min(item.accelerators for item in found.candidates if item.certain)


def test_more_requests_and_longer_ones_never_need_fewer_accelerators() -> None:
    for name in ("l40s", "h200"):
        by_number = [fewest(sized("Qwen/Qwen3-32B", Need(8192, number), (name,))) for number in (1, 10, 50, 200)]
        by_length = [fewest(sized("Qwen/Qwen3-32B", Need(length, 20), (name,))) for length in (1024, 8192, 40960)]
        assert (by_number, by_length) == (sorted(by_number), sorted(by_length))


@pytest.mark.parametrize(
    ("model", "largest", "expert", "sizes"),
    [
        ("Qwen/Qwen3-32B", 8, False, [1, 2, 4, 8]),
        ("Qwen/Qwen3-32B", 4, False, [1, 2, 4]),
        ("Qwen/Qwen3-32B", 7, False, [1, 2, 4]),
        ("Qwen/Qwen2.5-0.5B-Instruct", 8, False, [1, 2]),  # 14 heads
        # Blocks of 128 elements share a scale: eight ranks would divide those of 1536.
        ("Qwen/Qwen3-235B-A22B-FP8", 8, False, [1, 2, 4]),
        ("Qwen/Qwen3-235B-A22B-FP8", 8, True, [1, 2, 4, 8]),
    ],
)
def test_tensor_sizes_divide_the_model(model: str, largest: int, expert: bool, sizes: list[int]) -> None:
    known = find(model)
    assert known and tensor_sizes(known.shape, largest, expert=expert) == sizes


def test_a_pipeline_is_for_models_that_are_too_large_for_a_node() -> None:
    small = sized("Qwen/Qwen3-32B", Need(8192, 4), ("h100", "h200"))
    assert {item.layout.pipeline for item in small.candidates} == {1}
    large = sized("meta-llama/Llama-3.1-405B-Instruct", Need(8192, 4), ("h100",))
    assert min(item.layout.pipeline for item in large.candidates) == 2


def test_experts_are_spread_only_where_there_are_some() -> None:
    assert any(item.layout.expert for item in sized("deepseek-ai/DeepSeek-R1", Need(8192, 4), ("h200",)).candidates)
    assert not any(item.layout.expert for item in sized("Qwen/Qwen3-32B", Need(8192, 4), ("h200",)).candidates)


def test_experts_are_spread_over_nodes_where_that_takes_fewer_accelerators() -> None:
    found = sized("deepseek-ai/DeepSeek-R1", Need(32000, 1000), ("h200",)).candidates
    wide = [item for item in found if item.layout.workers > 1]
    within = [item for item in found if item.layout.nodes == 1]
    assert wide and within
    assert max(item.accelerators for item in wide) < min(item.accelerators for item in within if item.certain)
    assert all(item.layout.data == item.layout.workers * 8 and item.layout.per_node == 8 for item in wide)
    written = yaml.safe_load(
        values_file(request.model("deepseek-ai/DeepSeek-R1", Models()), Need(32000, 1000), wide[0])
    )
    assert written["multinode"] is True
    assert written["decode"]["parallelism"] == {"tensor": 1, "dataLocal": 8, "workers": 4, "expert": True}


@pytest.mark.parametrize("name", ALL)
def test_the_label_of_a_product_is_found_by_its_own_pattern(name: str) -> None:
    (product,) = [each for kind in facts.accelerators().types for each in kind.products if each.name == name]
    kind = next(kind for kind in facts.accelerators().types if product in kind.products)
    memory = product_memory(kind, product.label)
    (offered,) = hardware.named([name.upper()])
    assert memory == offered.memory and offered.per_node in (4, 8)
    assert memory.most <= product.memory_gb * 1024**3
    (by_label,) = hardware.named([product.label]) if len(product.label) > 9 else (offered,)
    assert (by_label.memory, by_label.per_node, by_label.selector) == (memory, offered.per_node, offered.selector)


def test_every_known_accelerator_can_be_named() -> None:
    assert sorted(hardware.product_names()) == sorted(ALL)


POOLS = """\
pools:
- {name: big, count: 2, labels: {nvidia.com/gpu.product: NVIDIA-H200}, resources: {cpu: "192", memory: 2Ti, nvidia.com/gpu: "8"}}
- name: small
  count: 1
  labels: {nvidia.com/gpu.product: NVIDIA-L4}
  taints: [{key: nvidia.com/gpu, effect: NoSchedule}]
  resources: {cpu: "32", memory: 200Gi, nvidia.com/gpu: "4"}
- name: reserved
  labels: {nvidia.com/gpu.product: NVIDIA-B200}
  taints: [{key: team, value: others, effect: NoSchedule}]
  resources: {cpu: "32", memory: 200Gi, nvidia.com/gpu: "8"}
"""


@pytest.fixture
def nodes(tmp_path: Path) -> Path:
    file = tmp_path / "nodes.yaml"
    file.write_text(POOLS)
    return file


def test_nodes_offer_what_they_have_free(nodes: Path) -> None:
    offered = {item.name: item for item in hardware.on_nodes(read_inventory(str(nodes)))}
    assert offered.keys() == {"h200", "l4"}
    assert (offered["h200"].free, offered["l4"].free, offered["l4"].per_node) == ((8, 8), (4,), 4)
    assert (offered["h200"].taints, offered["l4"].taints) == ((), ("nvidia.com/gpu",))


@pytest.mark.parametrize(("pools", "names"), [("nodes", {"h200", "l4"}), ("claimed", {"h200", "l40s"})])
def test_rows_for_nodes_fit_on_them(
    pools: str, names: set[str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    nodes = request.getfixturevalue(pools)
    known = find("Qwen/Qwen3-8B")
    assert known
    found = sizing(known.shape, hardware.on_nodes(read_inventory(str(nodes))), Need(8192, 8))
    assert {item.hardware.name for item in found.candidates} == names
    for number in range(1, len(found.candidates) + 1):
        output = tmp_path / f"{number}.yaml"
        size("Qwen/Qwen3-8B", "--context", "8192", "--concurrent", "8", "--nodes", str(nodes), "-o", str(output),
             "--choose", str(number))  # fmt: skip
        checked = runner.invoke(app, ["check", "-f", str(output), "--nodes", str(nodes)])
        assert (checked.exit_code, "0 errors, 0 warnings" in checked.output) == (0, True), checked.output


CLAIMED = """\
pools:
- name: labelled
  labels: {nvidia.com/gpu.product: NVIDIA-H200}
  resources: {cpu: "192", memory: 2Ti}
  devices: [{driver: gpu.nvidia.com, count: 8, capacity: {memory: {value: 143771Mi}}}]
- name: plain
  count: 2
  resources: {cpu: "192", memory: 2Ti}
  devices:
  - {driver: gpu.nvidia.com, count: 4, attributes: {productName: {string: NVIDIA L40S}}}
"""


@pytest.fixture
def claimed(tmp_path: Path) -> Path:
    file = tmp_path / "claimed.yaml"
    file.write_text(CLAIMED)
    return file


def test_devices_that_only_claims_reach_are_offered_too(claimed: Path) -> None:
    labelled, plain = hardware.on_nodes(read_inventory(str(claimed)))
    assert (labelled.claimed, labelled.free, labelled.expression) == (True, (8,), "")
    assert labelled.selector == (("nvidia.com/gpu.product", "NVIDIA-H200"),)
    assert (plain.name, plain.free, plain.per_node) == ("l40s", (4, 4), 4)
    assert plain.expression == 'device.attributes["gpu.nvidia.com"].productName == "NVIDIA L40S"'


def test_allocated_devices_are_not_free(claimed: Path) -> None:
    inventory = read_inventory(str(claimed))
    (first, *_) = inventory.of("ResourceSlice")
    spec = first["spec"]
    results = [{"driver": spec["driver"], "pool": spec["pool"]["name"], "device": spec["devices"][0]["name"]}]
    claim = {
        "kind": "ResourceClaim",
        "metadata": {"name": "a"},
        "status": {"allocation": {"devices": {"results": results}}},
    }
    used = replace(inventory, objects=(*inventory.objects, claim))
    assert sum(sum(item.free or ()) for item in hardware.on_nodes(used)) == 8 + 8 - 1


@pytest.mark.parametrize(("number", "claimed"), [("8", [False, True]), ("0", [True, True])])
def test_a_device_plugin_next_to_the_driver_counts_the_same_devices(
    number: str, claimed: list[bool], tmp_path: Path
) -> None:
    file = tmp_path / "both.yaml"
    file.write_text(CLAIMED.replace("memory: 2Ti}", f"memory: 2Ti, nvidia.com/gpu: '{number}'}}", 1))
    assert [item.claimed for item in hardware.on_nodes(read_inventory(str(file)))] == claimed


def test_nodes_that_are_too_few_are_said_so(nodes: Path) -> None:
    offered = hardware.on_nodes(read_inventory(str(nodes)))
    found = sizing(request.model("Qwen/Qwen3-32B", Models()).shape, offered, Need(40960, 500))
    assert not found.candidates
    assert "more than the nodes have free" in found.unfit["h200"]


def size(*arguments: str) -> str:
    """Runs the command, and returns what it prints."""
    done = runner.invoke(app, ["size", *arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


QWEN = ("Qwen/Qwen3-32B", "--context", "32k", "--concurrent", "64", "--accelerator", "h100,h200")


def test_the_table_and_the_json_say_the_same() -> None:
    listing = json.loads(size(*QWEN, "--format", "json"))
    lines = size(*QWEN).splitlines()
    assert lines[0] == "Qwen/Qwen3-32B for 64 requests of 32000 tokens at once"
    rows = lines[3 : lines.index("", 3)]
    assert len(rows) == len(listing["candidates"]) > 2
    for line, item in zip(rows, listing["candidates"], strict=True):
        assert item["accelerator"] in line and f"TP {item['parallelism']['tensor']}" in line
        assert f" {item['accelerators']} " in line
        assert line.endswith("yes" if item["certain"] else "if the overhead is low")
    assert f"{listing['dominated']} more rows are left out" in lines[-1]


def test_json_is_of_plain_numbers() -> None:
    found = sized("openai/gpt-oss-120b", Need(8192, 4), ("h100",))
    known = find("openai/gpt-oss-120b")
    assert known
    listing: dict[str, Any] = json.loads(json.dumps(to_json(known, Need(8192, 4), found)))
    first = listing["candidates"][0]
    assert first["kvBytes"]["least"] <= first["kvBytes"]["most"]
    assert first["nodeSelector"] == {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}


def test_a_values_file_begins_with_the_schema_and_is_never_overwritten(tmp_path: Path) -> None:
    output = tmp_path / "values.yaml"
    size(*QWEN, "-o", str(output), "--choose", "2")
    text = output.read_text()
    assert text.startswith("# yaml-language-server: $schema=https://")
    expected = sized("Qwen/Qwen3-32B", Need(32000, 64), ("h100", "h200")).candidates[1]
    assert yaml.safe_load(text)["decode"]["parallelism"]["tensor"] == expected.layout.tensor
    with pytest.raises(UsageError, match="exists already"):
        size(*QWEN, "-o", str(output))
    assert output.read_text() == text
    assert [path.name for path in tmp_path.iterdir()] == ["values.yaml"]


def test_a_model_by_its_own_configuration(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(LLAMA))
    shown = size("mine/model", "--model-config", str(config), "--accelerator", "h100", "-o", str(tmp_path / "a.yaml"))
    assert shown.startswith("mine/model for 1 request of ")
    assert yaml.safe_load((tmp_path / "a.yaml").read_text())["modelArtifacts"]["uri"] == "hf://mine/model"


def test_a_shape_that_was_taken_for_another_is_said_so() -> None:
    shown = size("RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic", "--context", "8192", "--accelerator", "h100")
    assert "(taken as the shape of meta-llama/Llama-3.3-70B-Instruct, quantised as fp8)" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["Qwen/Qwen3-32"], ["is not known", "did you mean Qwen/Qwen3-32B?", "--model-config", "--fetch-model-config"]),
        (["deepseek-ai/DeepSeek-V4-Pro"], ["the KV cache of deepseek-ai/DeepSeek-V4-Pro is not known: ", "--model-config"]),
        (["nobody/nothing"], ["the model nobody/nothing is not known; give its config.json with --model-config"]),
        (["Qwen/Qwen3-32B", "--context", "0"], ["--context 0: not a number of tokens", "32K (32768)"]),
        (["Qwen/Qwen3-32B", "--context=-5"], ["--context -5: not a number of tokens"]),
        (["Qwen/Qwen3-32B", "--context", "auto"], ["--context auto: not a number of tokens"]),
        (["Qwen/Qwen3-32B", "--context", "long"], ["--context long: not a number of tokens"]),
        (["Qwen/Qwen3-32B", "--context", "500k"], ["is 500000 tokens, but Qwen/Qwen3-32B takes 40960"]),
        (["Qwen/Qwen3-32B", "--concurrent", "0"], ["--concurrent 0: not a number of requests; set 1 to"]),
        (["Qwen/Qwen3-32B", "--accelerator", "h10"], ["--accelerator h10: not known; did you mean h100?", "--nodes FILE"]),
        (["Qwen/Qwen3-32B", "--accelerator", "a100"], ["did you mean a100-40gb or a100-80gb?"]),
        (["Qwen/Qwen3-32B", "--accelerator", "h100,"], ["--accelerator"]),
        (["Qwen/Qwen3-32B", "--accelerator", "h100", "--nodes", "x"], ["exclude each other"]),
        (["Qwen/Qwen3-32B", "--choose", "2"], ["--choose says which row is written; add -o values.yaml"]),
        (["Qwen/Qwen3-32B", "--choose", "99", "-o", "x.yaml"], ["--choose 99: there is no such row; set 1 to "]),
        (["Qwen/Qwen3-32B", "--nodes", "missing.yaml"], ["missing.yaml"]),
        (["Qwen3-32B", "-o", "x.yaml"], ["Qwen3-32B is not a repository", "name the model as e.g. Qwen/Qwen3-32B"]),
        (["Qwen/Qwen3-32B", "--model-config", "missing"], ["give a model's directory or its config.json"]),
    ],
    ids=lambda item: " ".join(item) if isinstance(item, list) else "",
)  # fmt: skip
def test_a_wrong_request_says_what_to_give(
    arguments: list[str], words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        size(*arguments)
    assert [word for word in words if word not in str(caught.value)] == [], str(caught.value)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("pools", "words"),
    [
        ("pools: [{name: cpu}]", "no node has free accelerators; name some with --accelerator"),
        ("pools: [{name: a, resources: {nvidia.com/gpu: '8'}}]", "the memory of the accelerators of a-0 is not known"),
    ],
)
def test_nodes_without_known_accelerators_are_said_so(pools: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "nodes.yaml"
    file.write_text(pools)
    with pytest.raises(ModelserviceError, match=words):
        hardware.on_nodes(read_inventory(str(file)))


def test_a_model_that_fits_nowhere_says_why(nodes: Path) -> None:
    with pytest.raises(ModelserviceError) as caught:
        size("meta-llama/Llama-3.1-405B-Instruct", "--context", "128K", "--concurrent", "500", "--nodes", str(nodes))
    assert caught.value.exit_code == 1
    text = str(caught.value)
    assert text.startswith("meta-llama/Llama-3.1-405B-Instruct does not fit with 131072 tokens (h200: needs ")
    assert "l4: does not fit on 1 node of 4)" in text and "set a shorter --context" in text


@pytest.mark.parametrize(
    ("model", "need", "accelerators"), CASES, ids=[f"{case[0]} {case[1].concurrent}" for case in CASES]
)
def test_the_picture_has_every_row_and_nothing_overlaps(model: str, need: Need, accelerators: tuple[str, ...]) -> None:
    known, found = request.model(model, Models()), sized(model, need, accelerators)
    root = ElementTree.fromstring(svg(known, need, found))  # noqa: S314  # our own
    drawn = [element for element in root if element.tag.endswith("text")]
    texts = ["".join(element.itertext()) for element in drawn]
    for number, item in enumerate(found.candidates, 1):
        assert f"{number}  {item.hardware.name}" in texts
        assert any(text.endswith(str(item.layout)) for text in texts)
    assert f"{need.concurrent} needed" in texts
    boxes = [box for element, text in zip(drawn, texts, strict=True) if text for box in [extent(element, text)]]
    overlapping = [
        (one, other)
        for one, other in itertools.combinations(boxes, 2)
        if one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]
    ]
    assert overlapping == []
    assert max(box[1] for box in boxes) <= float(root.attrib["width"])


def extent(element: Any, text: str) -> tuple[float, float, float, float]:
    """Left, right, upper and lower edge of a text."""
    size_, x, y = (float(element.attrib[name]) for name in ("font-size", "x", "y"))
    width = text_width(text, int(size_))
    left = x - width / 2 if element.attrib["text-anchor"] == "middle" else x
    return left, left + width, y - 0.8 * size_, y


def test_a_shell_completes_models_and_accelerators() -> None:
    assert "Qwen/Qwen3-32B" in model_names("qwen/qwen3-3")
    assert accelerator_names("h100,h2") == ["h100,h200"]
