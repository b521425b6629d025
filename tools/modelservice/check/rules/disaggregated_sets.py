"""DisaggregatedSets: does the controller of the cluster know what they ask for?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelservice import facts
from modelservice.check.finding import Severity, Violation
from modelservice.check.rule import Example, rule
from modelservice.model.deployment import Deployment
from modelservice.model.provenance import Place

Object = Mapping[str, Any]

_SLICES = """\
workload: DisaggregatedSet
fullnameOverride: m
prefill: {create: true, replicas: 1}
disaggregatedSet: {slices: 2}
"""
_CLUSTER = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: disaggregatedsets.disaggregatedset.x-k8s.io}
spec:
  names: {kind: DisaggregatedSet}
  group: disaggregatedset.x-k8s.io
  versions:
  - name: v1
    served: true
    schema: {openAPIV3Schema: {properties: {spec: {properties: {%s}}}}}
"""


@rule(
    Severity.error,
    reason="Slices, the placement policy and scaling from outside came with LeaderWorkerSet 0.10. The API server of a "
    "cluster with an older one does not know the fields, so Helm fails, or they are dropped in silence.",
    link="https://lws.sigs.k8s.io/docs/reference/disaggregatedset.v1/",
    failing=Example(_SLICES, nodes=_CLUSTER % "roles: {}"),
    passing=Example(_SLICES, nodes=_CLUSTER % "roles: {}, slices: {}"),
)
def set_field_unknown(deployment: Deployment) -> Iterator[Violation]:
    """The cluster's LeaderWorkerSet knows every field of a DisaggregatedSet."""
    known = facts.disaggregated_set()
    plural = f"{known.kind.lower()}s.{known.api.partition('/')[0]}"
    definition = deployment.cluster.find("CustomResourceDefinition", plural) if deployment.cluster else None
    declared = _declared(definition or {}, known.api.rpartition("/")[2])
    for obj in deployment.kind(known.kind) if declared else ():
        for place, name in _unknown(deployment, obj, declared):
            yield Violation(
                f"the cluster's {known.kind} has no {name}, which LeaderWorkerSet {known.scaler_since} has",
                place,
                f"update LeaderWorkerSet to {known.scaler_since}, or remove it",
            )


def _declared(definition: Object, version: str) -> Object:
    """Return the schemas of the fields of a set's spec, by name; none where the definition does not state them."""
    versions = (definition.get("spec") or {}).get("versions") or []
    schema = next((item.get("schema") or {} for item in versions if item.get("name") == version), {})
    return _properties(_properties(schema.get("openAPIV3Schema")).get("spec"))


def _properties(schema: Any) -> Object:
    found = schema.get("properties") if isinstance(schema, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _unknown(deployment: Deployment, obj: Object, declared: Object) -> Iterator[tuple[Place, str]]:
    """Yield the fields of a set that are not declared: where they are, and what they are."""
    spec = obj.get("spec") or {}
    for name in ("slices", "placementPolicy"):
        if name in spec and name not in declared:
            yield deployment.at(obj, f"spec.{name}").preferring(f"disaggregatedSet.{name}"), name
    of_role = _properties((declared.get("roles") or {}).get("items"))
    for role in spec.get("roles") or []:
        if "scaling" in role and of_role and "scaling" not in of_role:
            place = deployment.at(obj, f"spec.roles[{role.get('name')}].scaling")
            yield place.preferring(f"{role.get('name')}.autoscaling.enabled"), "scaling of a role"
