"""What becomes of each field of LLMOS's ModelService."""

from __future__ import annotations

from modelservice.importers.source.fields import Field, changed, lost
from modelservice.importers.source.kubernetes_fields import OBJECT, POD
from modelservice.importers.systems.claims import claim_fields

FIELDS = (
    *OBJECT,
    changed(
        "metadata.name",
        "fullnameOverride",
        "the Service keeps its name and so its URL; the workload is named modelservice-<name>-decode",
        type="string",
    ),
    Field("metadata.labels", "modelArtifacts.labels", type="map"),
    Field("metadata.annotations", "decode.podAnnotations", type="map"),
    Field(
        "metadata.annotations.llmos.ai/resource-stopped",
        "suspend",
    ),
    lost(
        "metadata.annotations.llmos.ai/on-delete-volumes",
        "claims of the release are kept when it ends; delete them with kubectl delete pvc",
    ),
    Field("spec.modelRegistry", "modelArtifacts.uri", type="string"),
    Field("spec.model", "modelArtifacts.uri", type="string"),
    Field("spec.servedModelName", "modelArtifacts.name", type="string"),
    Field("spec.replicas", "decode.replicas", type="integer"),
    Field("spec.selector.matchLabels", "modelArtifacts.labels", type="map"),
    lost("spec.selector.matchExpressions", "the chart selects by its own labels", type="list"),
    Field("spec.serviceType", "service.type", type="string"),
    *claim_fields("spec.volumeClaimTemplates"),
    Field("spec.updateStrategy", "decode.updateStrategy", type="apps.v1.StatefulSetUpdateStrategy"),
    Field("spec.template.spec", "engine, decode.volumes, … and decode.extraConfig", type=POD),
    lost(
        "spec.template.spec.initContainers",
        "LLMOS replaces them by its own download; set decode.initContainers if you need them",
        type="list",
    ),
    Field("spec.template.spec.runtimeClassName", "decode.runtimeClassName", type="string"),
    Field("spec.template.spec.schedulerName", "decode.schedulerName", type="string"),
    Field("spec.template.metadata.labels", "decode.podLabels", type="map"),
    Field("spec.template.metadata.annotations", "decode.podAnnotations", type="map"),
    lost(
        "spec.accelerators",
        "LLMOS does not read it; the limits of the container count",
        type="object",
    ),
    lost(
        "spec.enableGUI",
        "LLMOS does not read it; point Open WebUI at the Service",
        type="boolean",
        when=bool,
    ),
    lost("spec.tags", "only the user interface of LLMOS shows them", type="strings", quiet=True),
    lost("spec.pipelineTag", "only the user interface of LLMOS shows it", type="string", quiet=True),
    lost("spec.libraryName", "only the user interface of LLMOS shows it", type="string", quiet=True),
)
