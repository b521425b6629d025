"""What the plan says of the memory of ranks: its sections, the figures that they allow, and what is not known."""

import itertools
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from rich.console import Console

from modelservice.helm import EmbeddedHelm, Release
from modelservice.inputs import merge
from modelservice.kubernetes.quantity import GIB
from modelservice.model.cluster import read_inventory
from modelservice.model.deployment import Deployment
from modelservice.models import catalogue
from modelservice.models.accelerator_memory import DeviceMemory
from modelservice.models.engine_settings import EngineSettings
from modelservice.models.lookup import Models
from modelservice.models.overhead import Band, gibibytes
from modelservice.models.rank_memory import rank_memory
from modelservice.plan import draw
from modelservice.plan.memory import Kind, Memory, amount
from modelservice.plan.memory_svg import drawn
from modelservice.plan.memory_text import lines
from modelservice.plan.model import plan
from modelservice.plan.svg import svg
from modelservice.sources import Sources
from support.render import ROOT

PRODUCT = "nvidia.com/gpu.product"
MEMORY = "nvidia.com/gpu.memory"


def served(model: str, args: dict[str, Any] | None = None, **decode: Any) -> dict[str, Any]:
    uri = {"uri": f"hf://{model}", "name": model}
    return {
        "modelArtifacts": {**uri, "size": "300Gi", "labels": {"llm-d.ai/model": "m"}},
        "engine": {"type": "vllm", "image": "vllm/vllm-openai:v0.32.0", "args": args or {}},
        "routing": {"proxy": {"enabled": False}}, "prefill": {"create": False}, "decode": decode,
    }  # fmt: skip


def nodes(path: Path, *labels: dict[str, str], accelerators: int = 8) -> str:
    resources = {"cpu": "192", "memory": "2Ti", "nvidia.com/gpu": str(accelerators)}
    pools = [{"name": f"pool{n}", "count": 1, "labels": each, "resources": resources} for n, each in enumerate(labels)]
    path.write_text(yaml.safe_dump({"pools": pools}))
    return str(path)


def memory_of(
    embedded: EmbeddedHelm, values: dict[str, Any], cluster: str = "", request: int | None = None, **models: Any
) -> Memory:
    objects = embedded.render(values, Release("x")).objects
    deployment = Deployment("x", objects, sources=Sources([], values), models=Models(**models))
    deployment.cluster = read_inventory(cluster) if cluster else None
    return plan(deployment, request).roles[0].memory


def memory(kind: Kind, request: int | None = None, sequences: Band | None = None) -> Memory:
    return Memory("m", "", (kind,), kind.rank, request, sequences, "replica", ())


def on(size: float, model: str = "Qwen/Qwen3-8B", **settings: Any) -> Kind:
    """One rank of a model on an accelerator of some GiB, whose memory is known exactly."""
    known = catalogue.find(model)
    assert known
    device = DeviceMemory(int(size * GIB), int(size * GIB), "label")
    return Kind("each rank", rank_memory(known.shape, EngineSettings(**settings), device))


@pytest.mark.parametrize(
    ("size", "more"), [(24, {}), (80, {"tensor": 8}), (80, {"cache_bytes": 4 * GIB}), (192, {"utilization": 0.5})]
)
def test_the_sections_fill_the_accelerator_to_the_byte(size: int, more: dict[str, Any]) -> None:
    for name in catalogue.names():
        kind = on(size, name, **more)
        room = kind.rank.room
        if room is None or kind.rank.weights is None:
            assert kind.sections == [] and "weights" in kind.rank.unknown, name
            continue
        parts = {section.kind: section.size for section in kind.sections}
        assert all(number >= 0 for number in parts.values()), name
        assert kind.overflows or sum(parts.values()) == kind.total, name
        assert parts["cache"] == max(0, room.least), name
        assert ("KV cache" in "".join(section.text for section in kind.sections if section.kind == "open")) == (
            kind.rank.given is None and "open" in parts
        ), name
        if kind.rank.given is None and room.least >= 0:
            assert parts.get("open", 0) + parts["cache"] == room.most, name
        assert len(list(lines(memory(kind)))[1].plain) == 60 + kind.overflows, name


@pytest.mark.parametrize(
    ("size", "trouble"),
    [
        (12, "does not start: the weights alone, 15.3 GiB, exceed what the engine may use, 11.0 GiB"),
        (18, "does not start: the longest request needs 5.6 GiB of KV cache, 0.7 GiB at best"),
        (26, "may not start: the longest request needs 5.6 GiB of KV cache"),
        (80, ""),
    ],
)
def test_what_does_not_fit_is_said_and_seen(size: int, trouble: str) -> None:
    kind = on(size)
    found = memory(kind)
    assert found.trouble == trouble
    shapes, height = drawn(found, draw.COLOURS["decode"], 0, 0, 500)
    picture = "".join(shapes)
    assert (draw.WRONG in picture) == (kind.overflows or bool(trouble))
    assert (trouble[1:] in " ".join(re.findall(">([^<]+)<", picture))) and height > 0
    assert any(trouble in line.plain for line in lines(found))
    assert ("end of the accelerator" in picture) == kind.overflows == (size == 12)


@pytest.mark.parametrize(
    ("request_length", "sequences", "expected"),
    [
        (40960, None, "8 to 10"),
        (8192, None, "44 to 50"),
        (8192, Band(16, 16), "16"),
        (8192, Band(45, 1024), "44 to 50"),
        (8192, Band(16, 45), "16 to 45"),
        (40961, None, None),
    ],
)
def test_requests_at_once_have_room_and_are_allowed(
    request_length: int, sequences: Band | None, expected: str | None
) -> None:
    found = memory(on(80), request_length, sequences)
    shown = dict(found.figures)
    assert shown.get(f"requests of {request_length:,} tokens at once") == expected
    assert shown["longest request"] == "40,960 tokens"


@pytest.mark.parametrize(
    ("labels", "of"),
    [
        ({PRODUCT: "NVIDIA-H200"}, "139.5 to 140.4 GiB (product NVIDIA-H200)"),
        ({PRODUCT: "NVIDIA-H200", MEMORY: "143771"}, f"139.5 to 140.4 GiB (label {MEMORY} of node pool0-0)"),
        ({PRODUCT: "own-name", MEMORY: "81920"}, f"79.1 to 80.0 GiB (label {MEMORY} of node pool0-0)"),
        ({PRODUCT: "own-name"}, ""),
    ],
)
def test_the_memory_is_that_of_the_nodes_labels(
    embedded: EmbeddedHelm, tmp_path: Path, labels: dict[str, str], of: str
) -> None:
    found = memory_of(embedded, served("Qwen/Qwen3-8B"), nodes(tmp_path / "nodes.yaml", labels))
    (kind,) = found.kinds
    assert kind.of == of
    assert found.notes == (() if of else ("accelerator not known: no label or ResourceSlice of the nodes tells it",))


def test_the_memory_is_that_of_the_nodes_where_the_pods_go(embedded: EmbeddedHelm, tmp_path: Path) -> None:
    inventory = nodes(tmp_path / "nodes.yaml", {MEMORY: "24576"}, {MEMORY: "81920"}, accelerators=1)
    (one,) = memory_of(embedded, served("Qwen/Qwen3-8B", replicas=1), inventory).kinds
    (both,) = memory_of(embedded, served("Qwen/Qwen3-8B", replicas=2), inventory).kinds
    assert one.of in {
        f"{size} (label {MEMORY} of node pool{n}-0)" for n, size in enumerate(("23.1 to 24.0 GiB", "79.1 to 80.0 GiB"))
    }
    assert both.of == f"23.1 to 80.0 GiB (label {MEMORY} of node pool0-0 and 1 more)"


@pytest.mark.parametrize(
    ("stages", "titles"),
    [
        (1, ["each rank"]),
        (2, ["pipeline stage 0", "pipeline stage 1"]),
        (4, ["pipeline stage 0", "pipeline stages 1 to 2", "pipeline stage 3"]),
    ],
)
def test_each_kind_of_rank_has_a_bar(embedded: EmbeddedHelm, tmp_path: Path, stages: int, titles: list[str]) -> None:
    inventory = nodes(tmp_path / "nodes.yaml", {PRODUCT: "NVIDIA-H200"})
    found = memory_of(embedded, served("google/gemma-3-27b-it", parallelism={"pipeline": stages}), inventory)
    assert [kind.title for kind in found.kinds] == titles
    assert found.decides and found.decides.room == min(
        (kind.rank.room for kind in found.kinds if kind.rank.room), key=lambda room: room.most
    )


UNKNOWN: list[tuple[dict[str, Any], str]] = [
    (served("some/unheard-of"), "model some/unheard-of is not known: give its config.json with --model-config"),
    (served("Qwen/Qwen3-8B"), "accelerator not known: give --nodes or --cluster, or require a product in nodeSelector"),
    (served("Qwen/Qwen3-8B", {"hf-overrides": "{}"}), "--hf-overrides may change all of this"),
    (
        served("Qwen/Qwen3-8B", {"quantization": "unheard"}),
        "weights not known: how much --quantization unheard shrinks",
    ),
    (merge([served("m"), {"engine": {"type": "tensorrtLLM", "image": "nvcr.io/x:1"}}]), "known for vLLM only"),
]


@pytest.mark.parametrize(("values", "note"), UNKNOWN)
def test_what_is_not_known_is_said_with_the_reason(embedded: EmbeddedHelm, values: dict[str, Any], note: str) -> None:
    found = memory_of(embedded, values)
    assert any(line.startswith(note) for line in found.notes), found.notes
    assert found.concurrent is None and found.trouble == ""
    assert any(note in line.plain for line in lines(found))
    assert set(found.to_json()["notes"]) == set(found.notes)


def test_a_given_configuration_and_request_length_count(embedded: EmbeddedHelm, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32,
        "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 128256,
        "max_position_embeddings": 131072, "torch_dtype": "bfloat16", "tie_word_embeddings": False,
    }))  # fmt: skip
    inventory = nodes(tmp_path / "nodes.yaml", {PRODUCT: "NVIDIA-H200"})
    given = memory_of(embedded, served("some/unheard-of"), inventory, 8192, configs=[str(config)])
    known = memory_of(embedded, served("meta-llama/Llama-3.1-8B-Instruct"), inventory, 8192)
    assert given.figures == known.figures and len(known.figures) == 3
    assert [kind.sections for kind in given.kinds] == [kind.sections for kind in known.kinds]
    assert known.request == 8192


def test_picture_tree_and_json_agree(embedded: EmbeddedHelm) -> None:
    values = yaml.safe_load((ROOT / "examples/values-pd.yaml").read_text())
    deployment = Deployment("x", embedded.render(values, Release("x")).objects, sources=Sources([], values))
    deployment.cluster = read_inventory(str(ROOT / "examples/nodes.yaml"))
    found = plan(deployment)
    texts = [item.text or "" for item in ElementTree.fromstring(svg(found)).iter()]  # noqa: S314
    for role, data in zip(found.roles, json.loads(json.dumps(found.to_json()))["roles"], strict=True):
        (rank,) = data["memory"]["ranks"]
        console = Console(width=200)
        with console.capture() as capture:
            console.print(*lines(role.memory))
        said = capture.get()
        for label in (f"weights {gibibytes(rank['weights'])}", f"overhead {gibibytes(Band(**rank['overhead']))}"):
            assert label in texts and label in said
        for name in ("tokens", "concurrent"):
            number = amount(Band(**data["memory"][name]))
            assert any(text.startswith(number) for text in texts) and number in said
        assert data["memory"]["fits"] is True and data["memory"]["requestLength"] == 32768


@pytest.mark.parametrize("role", draw.COLOURS)
def test_sections_are_told_apart_in_grey(role: str) -> None:
    """Hatching apart; the rest differ in brightness from each neighbour."""
    shapes, _ = drawn(memory(on(80)), draw.COLOURS[role], 0, 0, 500)
    fills = re.findall('height="22" rx="0" fill="([^"]+)"', "".join(shapes))
    assert len(fills) == 5 and draw.HATCHED in fills
    weights = (0.299, 0.587, 0.114)
    greys = [
        sum(int(fill[1 + 2 * n : 3 + 2 * n], 16) * share for n, share in enumerate(weights))
        for fill in fills
        if fill != draw.HATCHED
    ]
    assert greys == sorted(greys) and all(after - before >= 10 for before, after in itertools.pairwise(greys))


@pytest.mark.parametrize(
    ("band", "text"),
    [
        ((8, 8), "8"),
        ((8, 9.9), "8 to 9"),
        ((40960, 40960), "40,960"),
        ((348_896, 406_848), "349 to 407 thousand"),
        ((963_584, 1_099_200), "0.96 to 1.10 million"),
        ((0, 131_072), "0 to 131 thousand"),
    ],
)
def test_amounts_read_well(band: tuple[float, float], text: str) -> None:
    assert amount(Band(*band)) == text
