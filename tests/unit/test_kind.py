"""The kind cluster of the tests: what is decided before kind is asked for anything."""

import ipaddress
import re

import pytest

from localcluster.binaries import KUBERNETES, module_version
from localcluster.kind import NODE_IMAGE, RANGES, free_ranges
from modelservice.errors import ModelserviceError


def test_the_node_image_is_pinned_to_the_newest_version_of_the_tests() -> None:
    """A newer kind has other images: the pin moves with it."""
    minor = next(iter(KUBERNETES))
    assert re.fullmatch(rf"docker\.io/kindest/node:v{re.escape(minor)}\.\d+@sha256:[0-9a-f]{{64}}", NODE_IMAGE)
    assert module_version("kind", "sigs.k8s.io/kind") == "v0.33.0"


@pytest.mark.parametrize(
    ("taken", "free"),
    [
        ([], (0, 1)),
        (["10.224.0.0/24", "192.168.0.0/16"], (1, 2)),
        (["10.225.255.0/24"], (0, 2)),
        (["10.224.0.0/14"], (4, 5)),
    ],
)
def test_ranges_are_those_that_no_route_covers(taken: list[str], free: tuple[int, int]) -> None:
    pods, services = free_ranges([ipaddress.IPv4Network(network) for network in taken])
    assert (pods, services) == tuple(RANGES[index] for index in free)


def test_without_free_ranges_nothing_is_begun() -> None:
    with pytest.raises(ModelserviceError, match="no two ranges between"):
        free_ranges([ipaddress.IPv4Network("10.0.0.0/8")])
