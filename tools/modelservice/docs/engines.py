"""The table of engines in ``docs/features/models.md``, from the facts."""

from __future__ import annotations

from modelservice import facts
from modelservice.facts.models import Engine


def engine_table() -> str:
    """Return the Markdown table of all engines."""
    head = "| `engine.type` | Starts | Settings | Probes | Metrics | Serves |\n|---|---|---|---|---|---|"
    rows = (
        (f"`{engine.type}`", _starts(engine), _settings(engine), _probes(engine), _metrics(engine), _serves(engine))
        for engine in facts.engines()
    )
    return "\n".join((head, *(f"| {' | '.join(row)} |" for row in rows)))


def _starts(engine: Engine) -> str:
    """Return what starts an engine, and its name where the type does not say it."""
    program = engine.start.command or engine.start.arguments
    if not program or len(program) == 1:
        program = engine.start.programs[0] if engine.start.programs else ()
    command = f"`{' '.join(program)}`" if program else "the image's entry point"
    return f"{engine.title}, {command}"


def _settings(engine: Engine) -> str:
    """Return the values keys that configure an engine."""
    keys = ["engine.args"] if engine.start.settings == "flags" else []
    keys += ["engine.env"] if engine.port.env or engine.start.settings == "environment" else []
    keys += [f"engine.{engine.start.options}"] if engine.start.options else []
    return ", ".join(f"`{key}`" for key in keys)


def _probes(engine: Engine) -> str:
    """Return the paths that the probes ask."""
    paths = ", ".join(f"`{path}`" for path in dict.fromkeys((engine.health.ready, engine.health.live)))
    prompt = engine.health.first_prompt
    wanted = f"; one prompt first where `features` has `{prompt.features[0]}`" if prompt else ""
    return paths + wanted


def _metrics(engine: Engine) -> str:
    """Return where the metrics are, and whose they are."""
    if not engine.metrics.path:
        return "none"
    known = facts.engine(engine.metrics.family)
    names = f", {known.title}'s" if known and known is not engine else ""
    requests = "" if engine.metrics.running else ", none of its requests"
    with_flag = f", with `{engine.metrics.only_with}`" if engine.metrics.only_with else ""
    return f"`{engine.metrics.path}`{names}{requests}{with_flag}"


def _serves(engine: Engine) -> str:
    """Return the paths that an engine serves, by feature of the model."""
    parts = [
        f"{feature}: " + ", ".join(f"`{path}`" for path in engine.api.paths[feature].values())
        for feature in engine.api.features
    ]
    return "; ".join(parts)
