"""How long `check` takes over a hundred files, against `helm template | kubeconform` over the same files in one run.

kubeconform validates nothing but types, and here not even those of custom resources; it is what chart CI runs.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from rich.console import Console
from rich.progress import track

from modelservice.binaries import binary
from modelservice.inputs import read_values
from modelservice.paths import chart_dir

ROOT = Path(__file__).resolve().parents[2]
FILES = 100


def write_files(folder: Path) -> list[Path]:
    """A hundred values files: the examples, each with another annotation."""
    examples = sorted((ROOT / "examples").glob("values-*.yaml"))
    files = []
    for index in range(FILES):
        values = read_values(str(examples[index % len(examples)]))
        values.setdefault("decode", {}).setdefault("podAnnotations", {})["example.com/index"] = str(index)
        file = folder / f"values-{index}.yaml"
        file.write_text(yaml.safe_dump(values), encoding="utf-8")
        files.append(file)
    return files


def schemas(folder: Path) -> str:
    """Kubernetes' schemas for kubeconform, from the package that the chart's schema is made of."""
    from importlib import resources

    source = resources.files("kubernetes_validate") / "kubernetes-json-schema" / "v1.36.0-local-strict"
    (folder / "schemas").symlink_to(str(source))
    return f"{folder}/schemas/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"


def main() -> None:
    """Runs both over the same files, one after the other, and fails when `check` is the slower."""
    helm, kubeconform = binary("helm4"), binary("kubeconform")
    console = Console()
    with tempfile.TemporaryDirectory() as scratch:
        files = write_files(Path(scratch))
        location = schemas(Path(scratch))
        taken = {}
        start = time.perf_counter()
        command = [sys.executable, "-m", "modelservice", "check", *map(str, files)]
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        taken["check, one process"] = time.perf_counter() - start
        start = time.perf_counter()
        for file in track(files, "helm template | kubeconform", console=Console(stderr=True), transient=True):
            rendered = subprocess.run(
                [helm, "template", "x", chart_dir(), "-f", file], capture_output=True, check=True
            ).stdout
            subprocess.run(
                [kubeconform, "-schema-location", location, "-ignore-missing-schemas", "-"],
                input=rendered,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )
        taken["helm template | kubeconform"] = time.perf_counter() - start
    for name, seconds in taken.items():
        console.print(f"{name}: {seconds:.1f} s for {len(files)} files, {seconds / len(files) * 1000:.0f} ms each")
    ratio = taken["check, one process"] / taken["helm template | kubeconform"]
    console.print(f"check takes {ratio:.2f} of the time")
    sys.exit(0 if ratio < 1 else 1)


if __name__ == "__main__":
    main()
