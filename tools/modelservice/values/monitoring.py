"""``monitoring`` of a role (scraping) and of the release (dashboard and alerts)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelservice.values.base import Closed
from modelservice.values.kubernetes import ConfigMapKeySelector, SecretKeySelector
from modelservice.values.scalars import (
    AbsolutePath,
    Annotations,
    DnsLabel,
    Duration,
    Hostname,
    LabelKey,
    LabelValue,
    PortName,
    PrometheusLabel,
)


class RelabelConfig(Closed):
    """A Prometheus relabeling rule
    (https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.RelabelConfig)."""

    sourceLabels: list[str] | None = None
    """Source labels, whose values are joined."""
    separator: str | None = None
    """Separator of the joined values. Default: `;`."""
    targetLabel: str | None = None
    """Target label."""
    regex: str | None = None
    """Regular expression that the joined value must match."""
    modulus: Annotated[int, Field(ge=0, le=2**53)] | None = None
    """Modulus of the `hashmod` action."""
    replacement: str | None = None
    """Replacement value."""
    action: (
        Literal[
            "replace", "Replace", "keep", "Keep", "drop", "Drop", "hashmod", "HashMod", "labelmap", "LabelMap",
            "labeldrop", "LabelDrop", "labelkeep", "LabelKeep", "lowercase", "Lowercase", "uppercase", "Uppercase",
            "keepequal", "KeepEqual", "dropequal", "DropEqual",
        ]
        | None
    ) = None  # fmt: skip
    """Relabeling action."""


class NamespaceSelector(Closed):
    """Namespaces whose pods are scraped."""

    any: bool | None = None
    """Selects all namespaces."""
    matchNames: list[DnsLabel] | None = None
    """Namespaces by name."""


class CertificateAuthority(Closed):
    """A certificate in a Secret or a ConfigMap."""

    secret: SecretKeySelector | None = None
    """Key of a Secret."""
    configMap: ConfigMapKeySelector | None = None
    """Key of a ConfigMap."""


class TlsConfig(Closed):
    """TLS settings of a scrape
    (https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.SafeTLSConfig)."""

    ca: CertificateAuthority | None = None
    """CA certificate."""
    serverName: Hostname | None = None
    """Server name to verify."""
    insecureSkipVerify: bool | None = None
    """Skip certificate verification."""


class Monitor(Closed):
    """A PodMonitor or a ServiceMonitor of the Prometheus Operator, for the serving pods of a role."""

    enabled: bool = False
    """Creates the object."""
    portName: PortName = "metrics"
    """Name of the scraped port. The engine's port gets this name if no container declares it."""
    path: AbsolutePath | None = None
    """Path of the metrics. Default: the engine's, or `/metrics` for an exporter in another container."""
    interval: Duration = "30s"
    """Interval between scrapes."""
    scrapeTimeout: Duration | None = None
    """Timeout of a scrape. Default: Prometheus'."""
    labels: dict[LabelKey, LabelValue] = {}
    """Labels of the object, e.g. those that a Prometheus selects."""
    annotations: Annotations = {}
    """Annotations of the object."""
    namespaceSelector: NamespaceSelector | None = None
    """Namespaces whose pods are scraped. Default: the release's namespace."""
    relabelings: list[RelabelConfig] = []
    """Relabeling rules for targets, applied before the scrape."""
    metricRelabelings: list[RelabelConfig] = []
    """Relabeling rules for samples, applied before they are stored."""
    tlsConfig: TlsConfig | None = None
    """Certificate verification for an engine that serves TLS (`ssl-certfile`). Default: none, because a certificate
    cannot name the addresses of pods."""


class Monitoring(Closed):
    """Monitoring of a role."""

    podmonitor: Monitor = Monitor()
    """PodMonitor of the Prometheus Operator."""
    servicemonitor: Monitor = Monitor()
    """ServiceMonitor of the Prometheus Operator, for a Prometheus that selects no PodMonitors; it finds the pods
    through the role's Service, or that of the release (`service.enabled`). Only one of the two can be
    enabled, because samples would be counted twice. Same keys as `podmonitor`."""


class Dashboard(Closed):
    """A Grafana dashboard in a ConfigMap, for the dashboard sidecar of Grafana's chart
    (https://github.com/grafana/helm-charts/tree/main/charts/grafana#sidecar-for-dashboards)."""

    enabled: bool = False
    """Creates the ConfigMap. The dashboard shows vLLM's metrics."""
    labels: dict[LabelKey, LabelValue] = {"grafana_dashboard": "1"}
    """Labels of the ConfigMap, by which the sidecar finds it."""
    annotations: Annotations = Field(default={}, examples=[{"grafana_folder": "LLM serving"}])
    """Annotations of the ConfigMap, e.g. the folder in Grafana."""


class AlertThresholds(Closed):
    """Thresholds above which an alert fires; `null` removes the alert."""

    timeToFirstTokenSeconds: Annotated[float, Field(gt=0, le=86400)] | None = 10
    """95th percentile of the time to first token, in seconds."""
    interTokenLatencySeconds: Annotated[float, Field(gt=0, le=3600)] | None = 0.2
    """95th percentile of the inter-token latency, in seconds."""
    waitingRequests: Annotated[float, Field(gt=0, le=1000000)] | None = 10
    """Average number of waiting requests per pod."""
    kvCacheUsage: Annotated[float, Field(gt=0, le=1)] | None = 0.95
    """Used share of a pod's KV cache, from 0 to 1."""
    preemptionsPerMinute: Annotated[float, Field(gt=0, le=1000000)] | None = 1
    """Preemptions per minute and pod, which happen when the KV cache is full."""
    errorRatio: Annotated[float, Field(gt=0, le=1)] | None = 0.05
    """Share of requests with a server error, from 0 to 1."""
    abortedRatio: Annotated[float, Field(gt=0, le=1)] | None = 0.2
    """Share of requests that end before their answer is complete, from 0 to 1."""
    failedTransfersPerMinute: Annotated[float, Field(gt=0, le=1000000)] | None = 1
    """Failed KV cache transfers between prefill and decode per minute."""
    restarts: Annotated[int, Field(ge=1, le=1000)] | None = 2
    """Restarts of a container in 30 minutes (from kube-state-metrics)."""


class PrometheusRule(Closed):
    """Alerts as a PrometheusRule of the Prometheus Operator."""

    enabled: bool = False
    """Creates the PrometheusRule. The alerts use vLLM's metrics."""
    labels: dict[LabelKey, LabelValue] = {}
    """Labels of the PrometheusRule, e.g. those that a Prometheus selects."""
    annotations: Annotations = {}
    """Annotations of the PrometheusRule."""
    alertLabels: dict[PrometheusLabel, str] = Field(default={}, examples=[{"team": "inference"}])
    """Labels of every alert, e.g. those that Alertmanager routes by."""
    thresholds: AlertThresholds = AlertThresholds()
    """Thresholds above which an alert fires; `null` removes the alert."""


class ReleaseMonitoring(Closed):
    """Monitoring of the release as a whole. Scraping is configured by each role's `monitoring`."""

    dashboard: Dashboard = Dashboard()
    """Grafana dashboard."""
    prometheusrule: PrometheusRule = PrometheusRule()
    """Alerts."""
