"""Every sample of every system: it imports, what the chart renders from it is valid, and nothing is said in silence."""

from pathlib import Path

import pytest

from modelservice.check.runner import run
from modelservice.errors import ModelserviceError
from modelservice.helm import Release
from modelservice.importers import import_files
from modelservice.importers.chart import chart
from modelservice.importers.report import Outcome
from modelservice.inputs import read_values
from modelservice.model.deployment import Deployment
from support.equivalence import installed
from support.render import shared
from support.samples import files_of, samples

pytestmark = pytest.mark.slow

SAMPLES = samples()


def test_there_are_samples() -> None:
    shared("samples")
    assert len(SAMPLES) >= 30


@pytest.mark.parametrize("sample", SAMPLES)
def test_imports_and_renders(sample: str, tmp_path: Path) -> None:
    imports = import_files(None, files_of(sample))
    assert imports
    for found in imports:
        installed(found.values)
        file = tmp_path / "values.yaml"
        file.write_text(found.text)
        assert read_values(str(file)) == found.values, "the file says something else than the values"


@pytest.mark.parametrize("sample", SAMPLES)
def test_importing_is_deterministic(sample: str) -> None:
    files = files_of(sample)
    assert [item.text for item in import_files(None, files)] == [item.text for item in import_files(None, files)]


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_change_and_loss_has_a_reason_in_the_file(sample: str) -> None:
    for found in import_files(None, files_of(sample)):
        text = " ".join(found.text.replace("#", " ").split())
        for note in found.notes:
            if note.outcome is not Outcome.kept:
                assert note.why
                assert " ".join(note.why.split()) in text


@pytest.mark.parametrize("sample", SAMPLES)
def test_samples_have_no_field_that_nobody_knows(sample: str) -> None:
    about = {"eppService.type"}  # a line of the sample that is indented wrongly
    for found in import_files(None, files_of(sample)):
        unknown = [note.path for note in found.notes if note.unknown and not note.path.endswith(tuple(about))]
        assert [path for path in unknown if "." in path] == []


@pytest.mark.parametrize(
    ("relative", "words"),
    [
        ("llmos/hf_token.yaml", "Secret"),
        ("llmos/agent-service-external-endpoint.yaml", "Service"),
        ("kubeai/priority-priority-classes.yaml", "PriorityClass"),
        ("kserve-llmisvc/wellknown--config-llm-tracing.yaml", "LLMInferenceServiceConfig"),
    ],
)
def test_files_without_a_model_are_refused_by_what_is_in_them(relative: str, words: str) -> None:
    with pytest.raises(ModelserviceError, match=words):
        import_files(None, [str(shared(f"samples/{relative}"))])


FROM_THE_SOURCE = {
    "accelerator-count": "two devices, and no parallelism in the arguments",
    "accelerator-image": "the original runs an image for processors on accelerators",
    "capability-beyond-standard": "the original adds capabilities to pods that are otherwise restricted",
    "claim-of-one-node": "the original's claim is for one node",
    "disruption-budget": "the original has none",
    "engine-version": "the original runs an old vLLM",
    "image-latest": "the original runs it",
    "kv-transfer-missing": "the original has no connector",
    "memory-not-known": "the original's model is one that nothing is known of",
    "probe-proxy-health": "the original's probe asks the sidecar's port",
    "rdma-without-ipc-lock": "the original has not the capability",
    "readiness-missing": "the original has no probe",
    "requests-cut-off": "the original does not drain",
    "served-model-name": "the original's decode has a name that its prefill has not",
    "service-target": "the base's selector finds no pod there either",
    "shared-memory-limit": "the original's limit is its memory's",
    "transfer-devices": "the original chooses no devices of its network",
}
"""What ``check`` finds in an imported sample, and why it is the source's own."""


def test_check_finds_in_imported_samples_what_their_sources_have() -> None:
    shared("samples")
    found = set()
    for sample in SAMPLES:
        for item in import_files(None, files_of(sample)):
            namespace = item.namespace or "default"
            objects = chart().render(item.values, Release("test", namespace)).objects
            found |= {finding.rule for finding in run([Deployment("test", objects, namespace)])}
    assert found == FROM_THE_SOURCE.keys()
