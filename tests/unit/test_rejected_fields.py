"""check finds what the API server rejects, at its key; tests/cluster asks a real one about the same values."""

import pytest

from modelservice import facts
from modelservice.check.examples import findings
from modelservice.check.rule import Example, rules
from modelservice.helm import EmbeddedHelm
from modelservice.kubernetes.types import embedded as definitions
from support.rejected_fields import ACCEPTED, REJECTED

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("key", "values"), REJECTED, ids=[values for _, values in REJECTED])
def test_what_the_api_server_rejects_is_found_at_its_key(embedded: EmbeddedHelm, key: str, values: str) -> None:
    found = findings(rules()["field-rejected"], Example(values), embedded)
    assert {item.values for item in found} == {key}
    assert all(item.fix for item in found)


@pytest.mark.parametrize("values", [values for _, values in REJECTED])
def test_what_the_api_server_rejects_is_said_once(embedded: EmbeddedHelm, values: str) -> None:
    """The rule about other fields of pods does not find the same value, with another fix."""
    assert findings(rules()["pod-fields"], Example(values), embedded) == []


def test_a_claim_without_a_name_is_read_too(embedded: EmbeddedHelm) -> None:
    found = findings(rules()["field-rejected"], Example(manifests=UNNAMED), embedded)
    assert ["40Gb" in item.message for item in found] == [True]


UNNAMED = """\
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: decode}
spec:
  selector: {matchLabels: {app: decode}}
  template:
    metadata: {labels: {app: decode}}
    spec: {containers: [{name: engine, image: "vllm/vllm-openai:v0.32.0"}]}
  volumeClaimTemplates:
  - spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 40Gb}}}
"""


@pytest.mark.parametrize("values", ACCEPTED)
def test_what_the_api_server_accepts_is_not_found(embedded: EmbeddedHelm, values: str) -> None:
    assert findings(rules()["field-rejected"], Example(values), embedded) == []


def test_every_fact_is_about_a_field_that_kubernetes_has() -> None:
    known = facts.kubernetes_fields()
    forms = [field for form in known.forms for field in form.fields]
    alternatives = [f"{item.type}.{field}" for item in known.alternatives for field in (*item.fields, *item.besides)]
    excluded = [f"{item.type}.{field}" for item in known.excluded for field in item.fields]
    needed = [f"{item.type}.{field}" for item in known.needed for field in (*item.fields, *item.when)]
    parts = [f"{item.type}.{field}" for item in known.ordered for field in (item.first, item.last)]
    parts += [f"{item.type}.{field}" for item in known.within for field in (item.inner, item.outer)]
    for field in (
        *known.choices,
        *known.least,
        *known.most,
        *known.quantities,
        *forms,
        *alternatives,
        *excluded,
        *needed,
        *parts,
    ):
        kind, _, name = field.rpartition(".")
        definition = definitions().get(f"{kind}.partial") or definitions()[kind]
        assert name in definition["properties"], field
