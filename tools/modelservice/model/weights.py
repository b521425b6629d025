"""How large the weights of a model are: by its shape where that is known, else estimated by its name."""

from __future__ import annotations

import re
from decimal import Decimal

from modelservice import facts
from modelservice.model.deployment import Deployment
from modelservice.model.pods import PodGroup
from modelservice.model.served_model import known_model, names
from modelservice.models.lookup import Models
from modelservice.models.parameters import weights_size

_PARAMETERS = re.compile(r"(?<![A-Za-z0-9.])(?:(\d+)x)?(\d+(?:\.\d+)?)B(?![A-Za-z0-9])", re.IGNORECASE)


def weights(deployment: Deployment, group: PodGroup) -> Decimal | None:
    """Return the bytes of the weights of the pods' model; None where that is not known."""
    known = known_model(deployment, group)
    candidates = [known.name] if known else names(deployment, group)
    return next((size for name in candidates if (size := weights_of(name, deployment.models))), None)


def weights_of(model: str, models: Models) -> Decimal | None:
    """Return the bytes of the weights of a model that is known, else by the number of parameters in its name.

    The name of one that is not known may have no such number: that is None.
    """
    known = models.find(model)
    size = weights_size(known.shape) if known else None
    return Decimal(size) if size else _by_digits(model.rsplit("/", 1)[-1])


def _by_digits(name: str) -> Decimal | None:
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
