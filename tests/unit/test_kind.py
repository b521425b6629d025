"""The kind cluster of the tests: what is decided before kind is asked for anything."""

import ipaddress
import re
import subprocess
import sys

import pytest

from localcluster.binaries import KUBERNETES, MODULES, module_version
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


PROMISES = {
    "accelerators are counted": "tests/cluster/test_accelerators.py",
    "arguments follow the parallelism": "tests/cluster/test_groups.py",
    "a pool selects the pods and ports that serve": "tests/cluster/test_inference_pool.py",
    "a request is answered": "tests/requests/test_answers.py",
}


def test_the_quick_selection_has_a_test_of_each_promise() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "-m", "quick_on_kind"]
    done = subprocess.run(
        [*command, *PROMISES.values()], cwd=MODULES.parents[1], capture_output=True, text=True, check=False
    )
    without = [promise for promise, file in PROMISES.items() if f"{file}::" not in done.stdout]
    assert not without, done.stdout + done.stderr
