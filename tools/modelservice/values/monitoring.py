"""``monitoring`` of a role (scraping) and of the release (dashboard and alerts)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelservice.values.base import Closed
from modelservice.values.kubernetes import ConfigMapKeySelector, SecretKeySelector
from modelservice.values.scalars import (
    AbsolutePath,
    DnsLabel,
    Duration,
    Hostname,
    LabelKey,
    LabelValue,
    PrometheusLabel,
)


class RelabelConfig(Closed):
    """A Prometheus relabelling rule
    (https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.RelabelConfig)."""

    sourceLabels: list[str] | None = None
    """Labels whose values are joined."""
    separator: str | None = None
    """What joins them."""
    targetLabel: str | None = None
    """Label that is written."""
    regex: str | None = None
    """What the joined value must match."""
    modulus: Annotated[int, Field(ge=0, le=2**53)] | None = None
    """Modulus of the `hashmod` action."""
    replacement: str | None = None
    """Written value."""
    action: (
        Literal[
            "replace", "Replace", "keep", "Keep", "drop", "Drop", "hashmod", "HashMod", "labelmap", "LabelMap",
            "labeldrop", "LabelDrop", "labelkeep", "LabelKeep", "lowercase", "Lowercase", "uppercase", "Uppercase",
            "keepequal", "KeepEqual", "dropequal", "DropEqual",
        ]
        | None
    ) = None  # fmt: skip
    """What is done."""


class NamespaceSelector(Closed):
    """Namespaces a PodMonitor looks into."""

    any: bool | None = None
    """All namespaces."""
    matchNames: list[DnsLabel] | None = None
    """Namespaces by name."""


class CertificateAuthority(Closed):
    """Where certificates are: in a Secret or a ConfigMap."""

    secret: SecretKeySelector | None = None
    """In a Secret."""
    configMap: ConfigMapKeySelector | None = None
    """In a ConfigMap."""


class TlsConfig(Closed):
    """How Prometheus checks a certificate
    (https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.SafeTLSConfig)."""

    ca: CertificateAuthority | None = None
    """Who signed it."""
    serverName: Hostname | None = None
    """The name in it."""
    insecureSkipVerify: bool | None = None
    """Whether it is not checked."""


class Monitor(Closed):
    """A PodMonitor or a ServiceMonitor of the Prometheus Operator, for the serving pods of a role."""

    enabled: bool = False
    """Creates it."""
    portName: Annotated[str, Field(max_length=15, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")] = "metrics"
    """Name of the scraped port of the pods. The engine's port gets this name if no container declares it."""
    path: AbsolutePath = "/metrics"
    """Path of the metrics."""
    interval: Duration = "30s"
    """Time between scrapes."""
    scrapeTimeout: Duration | None = None
    """Time after which a scrape is given up."""
    labels: dict[LabelKey, LabelValue] = {}
    """Its labels, for instance what a Prometheus selects."""
    annotations: dict[str, str] = {}
    """Its annotations."""
    namespaceSelector: NamespaceSelector | None = None
    """Namespaces that are looked into; the release's own when unset."""
    relabelings: list[RelabelConfig] = []
    """Rules applied to targets before the scrape."""
    metricRelabelings: list[RelabelConfig] = []
    """Rules applied to samples before they are stored."""
    tlsConfig: TlsConfig | None = None
    """How the certificate of an engine that serves TLS (`ssl-certfile`) is checked; not at all when unset, since it
    cannot name the addresses of pods."""


class Monitoring(Closed):
    """Monitoring of a role."""

    podmonitor: Monitor = Monitor()
    """PodMonitor of the Prometheus Operator."""
    servicemonitor: Monitor = Monitor()
    """ServiceMonitor of the Prometheus Operator, for a Prometheus that selects no PodMonitors; it finds the pods
    through the role's Service. Only one of the two can be enabled, because samples would be counted twice. Same keys as
    `podmonitor`."""


class Dashboard(Closed):
    """A Grafana dashboard as a ConfigMap, which the sidecar of Grafana's chart loads
    (https://github.com/grafana/helm-charts/tree/main/charts/grafana#sidecar-for-dashboards)."""

    enabled: bool = False
    """Creates the ConfigMap. The dashboard shows vLLM's metrics."""
    labels: dict[LabelKey, LabelValue] = {"grafana_dashboard": "1"}
    """Labels of the ConfigMap, which the sidecar looks for."""
    annotations: dict[str, str] = Field(default={}, examples=[{"grafana_folder": "LLM serving"}])
    """Annotations of the ConfigMap, for instance Grafana's folder."""


class AlertThresholds(Closed):
    """Values above which an alert fires; `null` leaves the alert out."""

    timeToFirstTokenSeconds: Annotated[float, Field(gt=0, le=86400)] | None = 10
    """Seconds until the first token that 95 of 100 requests must keep to."""
    interTokenLatencySeconds: Annotated[float, Field(gt=0, le=3600)] | None = 0.2
    """Seconds between two tokens that 95 of 100 tokens must keep to."""
    waitingRequests: Annotated[float, Field(gt=0, le=1000000)] | None = 10
    """Requests that wait in each pod, on average."""
    kvCacheUsage: Annotated[float, Field(gt=0, le=1)] | None = 0.95
    """Share of the KV cache that a pod uses."""
    preemptionsPerMinute: Annotated[float, Field(gt=0, le=1000000)] | None = 1
    """Requests that a pod interrupts in a minute because its KV cache is full."""
    errorRatio: Annotated[float, Field(gt=0, le=1)] | None = 0.05
    """Share of the requests that are answered with a server error."""
    failedTransfersPerMinute: Annotated[float, Field(gt=0, le=1000000)] | None = 1
    """KV cache transfers between prefill and decode that fail in a minute."""
    restarts: Annotated[int, Field(ge=1, le=1000)] | None = 2
    """Restarts of a container in half an hour (from kube-state-metrics)."""


class PrometheusRule(Closed):
    """Alerts as a PrometheusRule of the Prometheus Operator."""

    enabled: bool = False
    """Creates the PrometheusRule. The alerts read vLLM's metrics."""
    labels: dict[LabelKey, LabelValue] = {}
    """Labels of the PrometheusRule, for instance what a Prometheus selects."""
    annotations: dict[str, str] = {}
    """Annotations of the PrometheusRule."""
    alertLabels: dict[PrometheusLabel, str] = Field(default={}, examples=[{"team": "inference"}])
    """Labels of every alert, for instance what Alertmanager routes by."""
    thresholds: AlertThresholds = AlertThresholds()
    """Values above which an alert fires; `null` leaves the alert out."""


class ReleaseMonitoring(Closed):
    """Monitoring of the release as a whole; what is scraped is said by each role's `monitoring`."""

    dashboard: Dashboard = Dashboard()
    """Grafana dashboard."""
    prometheusrule: PrometheusRule = PrometheusRule()
    """Alerts."""
