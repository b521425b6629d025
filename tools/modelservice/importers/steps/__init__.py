"""From what a controller would run, as pods, to values of the chart: the steps, in their order.

Each step takes something from the builder that no earlier one took and adds values. Only this list orders them; the
first line of a step's docstring states what it takes and what it gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from modelservice.importers.report import ConversionReport
from modelservice.importers.source.secrets import SecretCollector
from modelservice.importers.steps import (
    accelerators,
    adapters,
    containers,
    defaults,
    downloads,
    engine_layers,
    engine_start,
    groups,
    metadata,
    model,
    model_volume,
    parallelism,
    pod_fields,
    port_names,
    ports,
    probes,
    related_objects,
    release,
    routing_proxy,
    scaling,
    secrets,
    shared_memory,
)
from modelservice.importers.values_builder import ValuesBuilder
from modelservice.importers.workload import ServedModel

Step = Callable[[ValuesBuilder], None]

STEPS: tuple[Step, ...] = (
    # The release
    metadata.name_release,
    defaults.drop_api_server_defaults,
    engine_start.note_start,
    # The model, from the engines' options and mounts
    model.locate_model,
    model.name_model,
    downloads.set_revision,
    downloads.set_endpoint,
    adapters.load_adapters,
    # What the roles share
    accelerators.share_virtual_gpus,
    metadata.share_service_account,
    port_names.number_ports,
    routing_proxy.take_routing_proxy,
    ports.set_service_port,
    # Each role
    scaling.set_replicas,
    parallelism.set_sizes,
    model_volume.mount_model,
    downloads.set_token,
    secrets.hide_secrets,
    accelerators.count_accelerators,
    probes.derive_probes,
    engine_start.state_type,
    shared_memory.size_shared_memory,
    containers.list_containers,
    pod_fields.set_volumes,
    pod_fields.set_pod_fields,
    groups.override_workers,
    pod_fields.keep_the_rest,
    metadata.annotate,
    release.apply_role_settings,
    metadata.label_pods,
    # The release again, from its parts
    release.assemble,
    engine_layers.share_engine,
    engine_layers.leave_out_variables,
    related_objects.adopt_objects,
    defaults.drop_chart_defaults,
)
"""All steps, in the order in which they run."""


def to_values(
    model: ServedModel,
    report: ConversionReport,
    secrets: SecretCollector,
    steps: Sequence[Step] = STEPS,
) -> dict[str, Any]:
    """Return the values under which the chart runs the same.

    Args:
        model: what a controller would run.
        report: gets a note for everything that is changed or lost.
        secrets: gets the secrets that are taken out.
        steps: the steps to run.
    """
    builder = ValuesBuilder(model, report, secrets)
    for step in steps:
        step(builder)
    return builder.values
