"""What needs no value: the API server's defaults in the source, and the chart's in the result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelservice.importers.chart import DEFAULTS
from modelservice.importers.values_builder import ValuesBuilder
from modelservice.importers.workload import Pod

_ABSENT = object()

_POD_DEFAULTS: dict[str, Any] = {
    "dnsPolicy": "ClusterFirst",
    "restartPolicy": "Always",
    "schedulerName": "default-scheduler",
    "securityContext": {},
    "terminationGracePeriodSeconds": 30,
    "enableServiceLinks": True,
    "affinity": {},
    "preemptionPolicy": "PreemptLowerPriority",
    "priority": 0,
    "hostIPC": False,
    "hostPID": False,
    "hostNetwork": False,
    "volumes": [],
    "initContainers": [],
    "tolerations": [],
    "nodeSelector": {},
    "serviceAccount": None,
}
_CONTAINER_DEFAULTS: dict[str, Any] = {
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "resources": {},
    "securityContext": {},
    "stdin": False,
    "tty": False,
}


def drop_api_server_defaults(builder: ValuesBuilder) -> None:
    """Take from the pods what the API server fills in anyway; give nothing."""
    for role in builder.roles:
        role.pod = without_defaults(role.pod)
        role.worker = without_defaults(role.worker) if role.worker is not None else None


def without_defaults(pod: Mapping[str, Any]) -> Pod:
    """Return a pod spec without what the API server would fill in."""
    result = _without(pod, _POD_DEFAULTS)
    for kind in ("containers", "initContainers"):
        if kind in result:
            result[kind] = [_without(container, _CONTAINER_DEFAULTS) for container in result[kind]]
    return result


def _without(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if defaults.get(key, _ABSENT) != value}


def drop_chart_defaults(builder: ValuesBuilder) -> None:
    """Take from the values those that the chart has by default; give nothing."""
    builder.values = _shortened(builder.values, DEFAULTS)


def _shortened(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in values.items():
        default = defaults.get(key)
        if key not in defaults and value is None:
            result[key] = value  # removes something that the chart derives
            continue
        if isinstance(value, dict) and isinstance(default, dict):
            value = _shortened(value, default)
            if not value:
                continue
        elif (value == default and type(value) is type(default)) or (value in ({}, []) and not default):
            continue
        result[key] = value
    return result
