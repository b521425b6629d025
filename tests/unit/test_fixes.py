"""`check --fix`: which findings it mends, and what the files are afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelservice.check.examples import findings, findings_in, write
from modelservice.check.finding import Finding
from modelservice.check.fixing import fixed
from modelservice.check.rule import rules
from modelservice.check.runner import Report
from modelservice.edits.edit import Cure
from modelservice.edits.text import edited
from modelservice.helm import EmbeddedHelm

CERTAIN = {
    # Spelling.
    "engine-flag-unknown", "field-rejected", "pod-fields",
    # Another name or place of the same thing.
    "engine-flag-foreign", "engine-variable", "former-key", "proxy-flag",
    # A unit.
    "engine-flag-range",
    # Something that can never work otherwise, and a single value that does.
    "api-key-not-passed", "engine-on-localhost", "host-network-dns", "kv-role", "nixl-host", "probe-scheme", "probe-timeout",
    # Without effect, or worse.
    "kv-role-deprecated", "visible-devices",
}  # fmt: skip
"""Rules whose findings are mended, because only one thing can be meant and nothing is lost."""

OFFERED = {
    "adapters-several-servers", "connector-mismatch", "context-does-not-fit", "context-longer-than-model",
    "disruption-budget", "drain-time", "draft-of-other-tensor-size", "engine-flag-conflict", "engine-flag-duplicate",
    "engine-flag-needs", "engine-flag-overridden", "kv-transfer-missing", "liveness-cold", "offline-without-model",
    "offloading-server-missing", "pipeline-not-supported", "prefill-length", "prefill-port", "prefill-tls",
    "prefill-without-pods", "prefill-without-proxy", "proxy-needless", "proxy-tls", "queue-not-scraped",
    "readiness-missing", "requests-cut-off", "shared-memory", "transfer-pipeline", "variable-twice",
}  # fmt: skip
"""Rules with a cure that a person has to choose, because it changes what was asked for, or is one of several."""

NONE = {
    "only the person knows the name, the model or the image": (
        "accelerator-image", "answers-simulated", "claim-template-missing", "claim-unused", "autoscaler-target",
        "engine-flag-value", "epp-config", "gated-model-without-token", "image-architecture", "image-latest",
        "model-missing", "monitor-target", "device-class", "reference-missing", "storage-class-missing", "variable-form",
        "volume-missing", "engine-version", "engine-upgrade-version", "epp-version-unknown", "proxy-version-unknown",
        "memory-not-known", "scaler-credentials",
    ),
    "sizes have to fit accelerators that the person has": (
        "accelerator-count", "claim-size", "context-parallel-without-copies", "devices-in-all", "draft-not-divisible",
        "heads-not-divisible", "host-memory", "mig-tensor-parallel", "model-volume", "pod-does-not-fit",
        "quota-exceeded", "requests-above-limits", "shared-memory-limit", "slice-topology", "startup-budget",
        "tensor-wider-than-node", "transfer-tensor", "weights-do-not-fit", "weights-not-divisible",
    ),
    "two places contradict each other, and only the person knows which of them is meant": (
        "accelerator-node-label", "accelerator-requests-limits", "accelerator-sidecar", "accelerator-twice",
        "accelerator-vendors", "bootstrap-port", "data-parallel-modes", "node-contradiction", "node-label", "node-taint",
        "parallelism-mismatch", "pool-namespace", "pool-port", "pool-port-missing", "pool-selector", "port-declared",
        "port-name", "port-overlap", "port-range", "probe-port", "probe-proxy-health", "proxy-connector",
        "proxy-engine-port", "roles-differ", "roles-with-other-weights", "root-refused", "served-model-name",
        "service-target", "update-stuck", "vgpu-share", "workload-selector", "dense-model",
    ),
    "it stands in a text within the values, in an object that the user wrote in full, or in the pool's file": (
        "claim-of-one-node", "compute-domain-nodes", "disruption-budget-blocks", "epp-feature-gate-unknown",
        "epp-plugin-experimental", "epp-plugin-parameter", "epp-plugin-unknown", "epp-profiles", "object-twice",
        "pool-headless", "pool-ports", "set-field-unknown", "queue-timeout", "route-backend", "script-lines", "service-name",
    ),
    "another release, or the cluster, has to change": (
        "host-network-ports", "immutable-field-changed", "kind-missing", "kind-unchecked", "model-mismatch", "pool-tls",
        "revision-gap", "revision-missing",
        "revision-not-read", "route-hidden", "same-object", "shared-labels", "shared-route", "engine-unread", "queue-name-length",
    ),
    "it is a choice about security": (
        "api-key-guards-part", "cache-not-writable", "capability-beyond-standard", "download-blocked", "privileged",
        "rdma-without-ipc-lock", "secret-in-clear",
    ),
    "it is a plan, not a mistake": (
        "dual-pods-claims", "dual-pods-contract", "dual-pods-sleep", "draft-of-other-vocabulary",
        "engine-upgrade-behavior", "engine-upgrade-default", "engine-upgrade-deprecated", "engine-upgrade-handover",
        "engine-upgrade-variable", "rdma-unused", "scaler-deprecated", "transfer-devices",
    ),
}  # fmt: skip
"""Rules without a cure that could be said as edits of values, by reason."""


def test_every_rule_decides_what_fix_does() -> None:
    without = [name for names in NONE.values() for name in names]
    assert len(without) == len(set(without))
    assert not CERTAIN & OFFERED and not (CERTAIN | OFFERED) & set(without)
    assert CERTAIN | OFFERED | set(without) == set(rules())


def kind(found: Finding) -> str:
    if not found.cures:
        return "none"
    return "certain" if found.cures[0].certain else "offered"


@pytest.mark.parametrize("name", rules())
def test_the_example_of_a_rule_has_the_cure_of_its_class(embedded: EmbeddedHelm, name: str) -> None:
    rule = rules()[name]
    wanted = "certain" if name in CERTAIN else "offered" if name in OFFERED else "none"
    kinds = {kind(found) for found in findings(rule, rule.failing, embedded)}
    assert wanted in kinds
    assert "certain" not in kinds or name in CERTAIN


@pytest.mark.parametrize("name", sorted(CERTAIN))
def test_a_certain_cure_cures(embedded: EmbeddedHelm, tmp_path: Path, name: str) -> None:
    rule = rules()[name]
    write(rule.failing, tmp_path)
    fixes = fixed(lambda: Report(findings_in(tmp_path, rule, rule.failing, embedded)))
    assert fixes.made and not fixes.left
    assert not fixes.report.findings
    fixes.write()
    assert not findings_in(tmp_path, rule, rule.failing, embedded)
    again = fixed(lambda: Report(findings_in(tmp_path, rule, rule.failing, embedded)))
    assert not again.after


@pytest.mark.parametrize("name", sorted(OFFERED))
def test_a_cure_that_is_offered_cures_and_is_not_made_by_itself(
    embedded: EmbeddedHelm, tmp_path: Path, name: str
) -> None:
    rule = rules()[name]
    write(rule.failing, tmp_path)
    assert not fixed(lambda: Report(findings_in(tmp_path, rule, rule.failing, embedded))).after
    before = findings_in(tmp_path, rule, rule.failing, embedded)
    for _ in before:
        left = [cure for found in findings_in(tmp_path, rule, rule.failing, embedded) for cure in found.cures]
        for cure in left[:1]:
            make(cure)
    assert not [found for found in findings_in(tmp_path, rule, rule.failing, embedded) if found.cures]


def make(cure: Cure) -> None:
    """Make the edits of a cure in its files."""
    assert not cure.blocked
    for name in {edit.file for edit in cure.edits}:
        file = Path(name or "")
        text = edited(file.read_text(encoding="utf-8"), [edit for edit in cure.edits if edit.file == name])
        file.write_text(text, encoding="utf-8")
