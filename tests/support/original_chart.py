"""The original chart, as far as its releases matter: a chart that renders to an output of it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from modelservice.rendered import dump
from support.render import shared

VALUES = "upstream/real-values/modelservice-examples"
OUTPUTS = "upstream/examples-output"


def original_chart(folder: Path, example: str, change: Callable[[dict[str, Any]], None] | None = None) -> Path:
    """Makes a chart of the original's name and version with the objects of one of its example outputs.

    Args:
        folder: where.
        example: name of the output.
        change: changes an object in place.
    """
    output = shared(f"{OUTPUTS}/output-{example}.yaml").read_text(encoding="utf-8")
    objects: list[Mapping[str, Any]] = []
    for obj in yaml.safe_load_all(output):
        if change:
            change(obj)
        objects.append(obj)
    chart = folder / "llm-d-modelservice"
    (chart / "templates").mkdir(parents=True)
    about = {"apiVersion": "v2", "name": "llm-d-modelservice", "version": "0.4.12"}
    (chart / "Chart.yaml").write_text(yaml.safe_dump(about), encoding="utf-8")
    text = "---\n".join(map(dump, objects)).replace("{{", '{{ "{{" }}')
    (chart / "templates" / "all.yaml").write_text(text, encoding="utf-8")
    return chart
