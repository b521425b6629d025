"""The systems that can be imported. To add one, write its package and add it here."""

from __future__ import annotations

from modelservice.importers.systems import digitalhub, dynamo, kserve, kubeai, llm_d_operator, llmos, manifests
from modelservice.importers.systems.system import System

SYSTEMS: dict[str, System] = {
    module.SYSTEM.name: module.SYSTEM
    for module in (
        llm_d_operator,
        kserve,
        kubeai,
        digitalhub,
        llmos,
        dynamo,
        manifests,
    )
}
"""The systems by name; those with kinds of their own come before plain manifests."""
