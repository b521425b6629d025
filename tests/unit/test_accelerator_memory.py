"""Memory of accelerators: by the pods' resources, labels and ResourceSlices of nodes, and the product."""

from collections.abc import Mapping
from typing import Any

import pytest

from modelservice import facts
from modelservice.kubernetes.quantity import GIB
from modelservice.model.cluster import Inventory, read_inventory
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup
from modelservice.models.accelerator_memory import DeviceMemory, accelerator_memory, product_memory

MIB = 1024**2


def group(
    limits: Mapping[str, Any],
    selector: Mapping[str, str] | None = None,
    objects: list[dict[str, Any]] | None = None,
    claims: list[dict[str, Any]] | None = None,
) -> PodGroup:
    """Pods with these limits."""
    container = {"name": "vllm", "image": "vllm/vllm-openai:v0.33.0", "resources": {"limits": dict(limits)}}
    if claims:
        container["resources"] = {"claims": [{"name": claim["name"]} for claim in claims]}
    spec = {"containers": [container], "nodeSelector": dict(selector or {}), "resourceClaims": claims or []}
    workload = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "decode"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"a": "b"}},
                 "template": {"metadata": {"labels": {"a": "b"}}, "spec": spec}},
    }  # fmt: skip
    return next(iter(Deployment("test", [*(objects or []), workload]).groups))


def node(labels: Mapping[str, str], resources: Mapping[str, str] | None = None, name: str = "n") -> dict[str, Any]:
    """A node with these labels."""
    return {
        "kind": "Node", "metadata": {"name": name, "labels": dict(labels)},
        "status": {"allocatable": {"cpu": "8", **(resources or {"nvidia.com/gpu": "8"})}},
    }  # fmt: skip


def inventory(*objects: dict[str, Any]) -> Inventory:
    """A cluster with these objects."""
    return Inventory("test", tuple(objects), frozenset({"Node", "ResourceSlice", "DeviceClass"}))


ONE = {"nvidia.com/gpu": 1}
NVIDIA = facts.accelerators().types[0]


@pytest.mark.parametrize(
    ("labels", "most"),
    [
        ({"nvidia.com/gpu.memory": "81559", "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}, 81559 * MIB),
        ({"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}, 81559 * MIB),
        ({"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3-SHARED"}, 81559 * MIB),
        ({"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3-MIG-3g.40gb"}, 40 * GIB),
        ({"nvidia.com/gpu.product": "NVIDIA-GH200-480GB"}, None),
        ({"nvidia.com/gpu.product": "NVIDIA-GB200"}, 189471 * MIB),
        ({"nvidia.com/gpu.product": "NVIDIA-B200"}, 183359 * MIB),
        ({"nvidia.com/gpu.product": "NVIDIA-L4"}, 23034 * MIB),
        ({"nvidia.com/gpu.product": "NVIDIA-L40S"}, 46068 * MIB),
        ({"nvidia.com/gpu.product": "NVIDIA-A10G"}, 23028 * MIB),
        ({"nvidia.com/gpu.product": "Tesla-T4"}, 15360 * MIB),
        ({"nvidia.com/gpu.product": "Quadro-P4000"}, None),
        ({"cloud.google.com/gke-accelerator": "nvidia-h100-80gb"}, 81559 * MIB),
        ({"cloud.google.com/gke-accelerator": "nvidia-tesla-a100"}, 40960 * MIB),
        (
            {"karpenter.k8s.aws/instance-gpu-name": "a10g", "karpenter.k8s.aws/instance-gpu-memory": "22888"},
            22888 * MIB,
        ),
    ],
    ids=lambda value: str(value)[:70],
)
def test_labels_of_the_nodes_tell(labels: dict[str, str], most: int | None) -> None:
    found = accelerator_memory(group(ONE), inventory(node(labels)))
    assert (found.most if found else None) == most
    if found:
        assert 0.7 * found.most < found.least < found.most and found.source


@pytest.mark.parametrize(
    ("product", "least", "most"),
    [
        ("H100", 80, 95830 * MIB), ("h100", 80, 95830 * MIB), ("NVIDIA-H100", 80, 95830 * MIB),
        ("A100", 40, 81920 * MIB), ("V100", 16, 32 * GIB), ("NVIDIA-V100", 16, 32 * GIB),
    ],
)  # fmt: skip
def test_a_name_that_stands_for_several_products_has_the_memory_of_all(product: str, least: int, most: int) -> None:
    found = product_memory(NVIDIA, product)
    assert found and (found.least, found.most) == (least * 1000**3 - int(0.9 * GIB), most)


def test_other_vendors_state_the_memory_by_their_product() -> None:
    labels = {"amd.com/gpu.product-name": "AMD_Instinct_MI300X"}
    found = accelerator_memory(group({"amd.com/gpu": 1}), inventory(node(labels, {"amd.com/gpu": "8"})))
    assert found and found.most == 192 * GIB and found.least == 192 * 10**9


def test_nodes_that_do_not_admit_the_pods_do_not_count() -> None:
    nodes = inventory(
        node({"nvidia.com/gpu.memory": "81559", "pool": "large"}, name="a"),
        node({"nvidia.com/gpu.memory": "23034", "pool": "small"}, name="b"),
        node({"nvidia.com/gpu.memory": "15360", "pool": "large"}, {"cpu": "8"}, name="c"),
    )
    found = accelerator_memory(group(ONE, {"pool": "large"}), nodes)
    assert found and found.most == 81559 * MIB and found.source == "label nvidia.com/gpu.memory of node a"
    both = accelerator_memory(group(ONE), nodes)
    assert both and both.least < 23034 * MIB and both.most == 81559 * MIB and both.source.endswith("and 1 more")


def test_without_a_cluster_the_node_selector_tells() -> None:
    found = accelerator_memory(group(ONE, {"nvidia.com/gpu.product": "NVIDIA-H200"}))
    assert found and found.most == 143771 * MIB
    assert accelerator_memory(group(ONE)) is None
    assert accelerator_memory(group({})) is None


@pytest.mark.parametrize(
    ("limits", "least", "most"),
    [
        ({"nvidia.com/mig-3g.40gb": 1}, 32 * GIB, 40 * GIB),
        ({"nvidia.com/mig-1g.10gb": 2}, 8 * GIB, 10 * GIB),
        ({"nvidia.com/gpu": 1, "nvidia.com/gpumem": 20000}, 20000 * MIB, 20000 * MIB),
        ({"volcano.sh/vgpu-number": 1, "volcano.sh/vgpu-memory": 8192}, 8192 * MIB, 8192 * MIB),
    ],
    ids=str,
)
def test_parts_of_an_accelerator_have_their_own_memory(limits: Mapping[str, Any], least: int, most: int) -> None:
    nodes = inventory(node({"nvidia.com/gpu.memory": "81559"}))
    found = accelerator_memory(group(limits), nodes)
    assert found and (found.least, found.most) == (least, most)


def test_a_percentage_is_one_of_the_whole() -> None:
    nodes = inventory(node({"nvidia.com/gpu.memory": "80000"}))
    found = accelerator_memory(group({"nvidia.com/gpu": 1, "nvidia.com/gpumem-percentage": 25}), nodes)
    assert found and found.most == 20000 * MIB and found.source == "resource nvidia.com/gpumem-percentage"


def claimed(device: dict[str, Any]) -> DeviceMemory | None:
    """Memory of a claimed device that a node publishes."""
    template = {
        "apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaimTemplate", "metadata": {"name": "gpus"},
        "spec": {"spec": {"devices": {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu.nvidia.com"}}]}}},
    }  # fmt: skip
    published = {"kind": "ResourceSlice", "spec": {"driver": "gpu.nvidia.com", "nodeName": "n", "devices": [device]}}
    pods = group({}, objects=[template], claims=[{"name": "gpu", "resourceClaimTemplateName": "gpus"}])
    return accelerator_memory(pods, inventory(node({}), published))


@pytest.mark.parametrize("capacity", [{"memory": {"value": "81559Mi"}}, {"memory": "81559Mi"}])
@pytest.mark.parametrize("basic", [False, True])
def test_claimed_devices_state_their_capacity(capacity: dict[str, Any], *, basic: bool) -> None:
    device: dict[str, Any] = {"name": "gpu-0"}
    device |= {"basic": {"capacity": capacity}} if basic else {"capacity": capacity}
    found = claimed(device)
    assert found and found.most == 81559 * MIB and found.source == "ResourceSlice of node n"


def test_claimed_devices_without_a_capacity_state_their_product() -> None:
    device = {"name": "gpu-0", "attributes": {"productName": {"string": "NVIDIA H100 80GB HBM3"}}}
    found = claimed(device)
    assert found and found.most == 81559 * MIB


def test_a_file_of_node_pools_states_it(tmp_path: Any) -> None:
    pools = tmp_path / "nodes.yaml"
    pools.write_text(
        "pools:\n- {name: l4, labels: {nvidia.com/gpu.product: NVIDIA-L4}, resources: {cpu: '8', nvidia.com/gpu: '1'}}\n"
    )
    found = accelerator_memory(group(ONE), read_inventory(str(pools)))
    assert found and found.most == 23034 * MIB


def test_every_documented_product_is_known() -> None:
    for kind in facts.accelerators().types:
        for product in kind.node_labels.products if kind.node_labels else ():
            assert product_memory(kind, product), product
