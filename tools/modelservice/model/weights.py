"""How large the weights of a model are, estimated by its name."""

from __future__ import annotations

import re
from decimal import Decimal

from modelservice import facts
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup

_PARAMETERS = re.compile(r"(?<![A-Za-z0-9.])(?:(\d+)x)?(\d+(?:\.\d+)?)B(?![A-Za-z0-9])", re.IGNORECASE)


def weights(deployment: Deployment, group: PodGroup) -> Decimal | None:
    """Return the bytes of the weights of the pods' model; None where its name does not tell."""
    uri = str(deployment.value("modelArtifacts.uri") or "")
    name = uri if "{{" not in uri else ""
    return weights_of(name or str(deployment.value("modelArtifacts.name") or "") or group.command.model or "")


def weights_of(model: str) -> Decimal | None:
    """Return the bytes of the weights by the number of parameters in a name; None without one."""
    name = model.rsplit("/", 1)[-1]
    found = _PARAMETERS.findall(name)
    if not found:
        return None
    experts, number = max(found, key=lambda item: float(item[1]))
    size = next(
        (
            Decimal(str(known.bytes_per_parameter))
            for known in facts.models_by_name().weights
            if re.search(known.pattern, name, re.IGNORECASE)
        ),
        Decimal(2),
    )
    return Decimal(number) * int(experts or 1) * 10**9 * size
