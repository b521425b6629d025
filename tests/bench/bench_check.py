"""How long `check` takes over a hundred files, against `helm template` and kubeconform over the same files in one run.

kubeconform validates nothing but types; it is what chart CI runs.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from localcluster.binaries import binary
from modelservice.inputs import read_values
from modelservice.paths import chart_dir
from support.kubernetes_schemas import SUPPORTED_VERSIONS, custom_schemas, kubernetes_schema

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


def write_schemas(folder: Path) -> str:
    """Schemas of the kinds that the examples have, each in a file that needs no other, as kubeconform's own are."""
    objects = [
        obj
        for file in (ROOT / "examples" / "output").glob("*.yaml")
        for obj in yaml.safe_load_all(file.read_text())
        if obj
    ]
    known = {(api, kind): schema for api, kind, schema in custom_schemas()}
    folder.mkdir()
    for api, kind in {(obj["apiVersion"], obj["kind"]) for obj in objects}:
        schema = known.get((api, kind)) or needed(kubernetes_schema(SUPPORTED_VERSIONS[-1], api, kind))
        group, _, version = api.rpartition("/")
        (folder / f"{kind.lower()}-{group or version}-{version}.json").write_text(json.dumps(schema))
    return f"{folder}/{{{{.ResourceKind}}}}-{{{{.Group}}}}-{{{{.ResourceAPIVersion}}}}.json"


def needed(schema: Any) -> dict[str, Any]:
    """A schema with those definitions alone that it leads to."""
    root, name = schema["$ref"].removeprefix("#/").split("/")
    found: dict[str, Any] = {}
    waiting = [name]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = schema[root][name]
            waiting += re.findall(rf'"#/{re.escape(root)}/([^"]+)"', json.dumps(found[name]))
    return {"$ref": schema["$ref"], root: found}


def helm_and_kubeconform(files: list[Path], folder: Path, location: str) -> None:
    """The peer at its best: kubeconform reads all manifests in one run."""
    folder.mkdir()
    for file in track(files, "helm template", console=Console(stderr=True), transient=True):
        with (folder / file.name).open("wb") as manifests:
            subprocess.run([binary("helm4"), "template", "x", chart_dir(), "-f", file], stdout=manifests, check=True)
    command = [str(binary("kubeconform")), "-strict", "-schema-location", location, str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Runs both over the same files, one after the other, and fails when `check` is the slower."""
    binary("helm4"), binary("kubeconform")  # built before the clock runs
    console = Console()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        files = write_files(folder)
        location = write_schemas(folder / "schemas")
        taken = {}
        start = time.perf_counter()
        command = [sys.executable, "-m", "modelservice", "check", *map(str, files)]
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        taken["check"] = time.perf_counter() - start
        start = time.perf_counter()
        helm_and_kubeconform(files, folder / "manifests", location)
        taken["helm template | kubeconform"] = time.perf_counter() - start
    for name, seconds in taken.items():
        console.print(f"{name}: {seconds:.1f} s for {len(files)} files, {seconds / len(files) * 1000:.0f} ms each")
    ratio = taken["check"] / taken["helm template | kubeconform"]
    console.print(f"check takes {ratio:.2f} of the time")
    sys.exit(0 if ratio < 1 else 1)


if __name__ == "__main__":
    main()
