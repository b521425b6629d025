"""Images of the request tests: one in place of vLLM's, the inference simulator behind a program `vllm` that takes
vLLM's own flags; and curl, for `helm test`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from localcluster.binaries import binary
from localcluster.images import Image
from modelservice import facts
from modelservice.engines.arguments import Table, table
from modelservice.engines.version import Version, vllm_version
from modelservice.facts.versions import holds

VLLM = "vllm/vllm-openai:v0.32.0"
"""Name of the image; its flags are those of this version."""

NEXT_VLLM = "vllm/vllm-openai:v0.33.0"
"""Name of the image of the next version, with which it cannot hand over."""

PROGRAM = Path(__file__).parents[1] / "requests" / "vllm" / "serve.sh"


def vllm_image(name: str = VLLM) -> Image:
    """The image, of the version in its name."""
    simulator = binary("llm-d-inference-sim")
    usage = subprocess.run([str(simulator), "--help"], capture_output=True, text=True, check=False)
    known = set(re.findall(r"^ +(?:-\w, )?(--[\w-]+)", usage.stdout + usage.stderr, flags=re.MULTILINE))
    version = vllm_version(name)
    assert version
    return Image(
        (f"docker.io/{name}",),
        ("vllm", "serve"),
        {
            "app/llm-d-inference-sim": simulator,
            "usr/local/bin/vllm-front": binary("vllm-front"),
            "usr/local/bin/vllm": PROGRAM,
            "etc/vllm-flags": flags(table(version), known),
            "etc/vllm-handover": handover(version),
            "etc/dense-models": "".join(f"{posix(known.pattern)}\n" for known in facts.models_by_name().dense),
        },
    )


def unpack(image: Image, folder: Path) -> Path:
    """Write an image's files below a folder, as its root; return the folder of its programs."""
    for relative, content in image.files.items():
        path = folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.read_bytes() if isinstance(content, Path) else content.encode())
        path.chmod(0o755)
    return folder / "usr" / "local" / "bin"


def curl_image(name: str) -> Image:
    """The machine's curl with its libraries, under the name of the image that the chart's test asks for."""
    curl = shutil.which("curl")
    assert curl, "curl is not installed; apt-get install --yes curl"
    linked = subprocess.run(["ldd", curl], capture_output=True, text=True, check=True).stdout  # noqa: S607
    libraries = [Path(path) for path in re.findall(r"(/\S+) \(0x", linked)]
    files = {str(path).lstrip("/"): path.resolve() for path in libraries}
    return Image((name,), ("/usr/local/bin/curl",), {"usr/local/bin/curl": Path(curl), **files})


def posix(pattern: str) -> str:
    """A pattern of Python for grep -E."""
    return pattern.replace(r"\d", "[0-9]").replace(r"\w", "[A-Za-z0-9_]")


def flags(version: Table, known: set[str]) -> str:
    """A line for each of vLLM's flags: name, number of values, whether the simulator knows it."""
    return "".join(
        f"{flag} {argument.arity} {'yes' if flag in known else 'no'}\n" for flag, argument in version.by_flag.items()
    )


def handover(version: Version) -> str:
    """The version, and a line for each flag that both sides of a hand-over compare: name and default."""
    engine = facts.engine("vllm")
    transfer = engine.kv_transfer if engine else None
    assert transfer and transfer.peers and transfer.peers.handshake
    flags = {
        factor.flag: factor.default or ""
        for factor in transfer.peers.handshake.factors
        if factor.flag and not factor.keys and holds(factor, version)
    }
    return f"version {version}\n" + "".join(f"--{flag} {default}\n" for flag, default in flags.items())
