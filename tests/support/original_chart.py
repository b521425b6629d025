"""The original chart, as far as its releases matter: a chart that renders to an output of it."""

from pathlib import Path

import yaml

from support.render import shared

VALUES = "upstream/real-values/modelservice-examples"
OUTPUTS = "upstream/examples-output"


def original_chart(folder: Path, example: str) -> Path:
    """Makes a chart of the original's name and version with the objects of one of its example outputs."""
    output = shared(f"{OUTPUTS}/output-{example}.yaml").read_text(encoding="utf-8")
    chart = folder / "llm-d-modelservice"
    (chart / "templates").mkdir(parents=True)
    about = {"apiVersion": "v2", "name": "llm-d-modelservice", "version": "0.4.12"}
    (chart / "Chart.yaml").write_text(yaml.safe_dump(about), encoding="utf-8")
    (chart / "templates" / "all.yaml").write_text(output.replace("{{", '{{ "{{" }}'), encoding="utf-8")
    return chart
