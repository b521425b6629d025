"""NVIDIA Dynamo: DynamoGraphDeployment (nvidia.com), in both of its versions."""

from __future__ import annotations

from modelservice import facts
from modelservice.importers.systems.dynamo.convert import convert
from modelservice.importers.systems.dynamo.fields import ALPHA, BETA
from modelservice.importers.systems.dynamo.graph import is_graph, why_not
from modelservice.importers.systems.system import System

SYSTEM = System(
    name="dynamo",
    title="NVIDIA Dynamo's DynamoGraphDeployment (nvidia.com)",
    recognises=is_graph,
    parts=lambda document: document.group == facts.dynamo().group and not is_graph(document),
    fields={"DynamoGraphDeployment (v1beta1)": BETA, "DynamoGraphDeployment (v1alpha1)": ALPHA},
    convert=convert,
    why_not=why_not,
)
