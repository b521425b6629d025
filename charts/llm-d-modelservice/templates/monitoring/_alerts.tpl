{{/*
Alerts: what an operator must know of before users say it. Thresholds are values; how long something must last is not,
because it follows from what is measured.
*/}}

{{/*
The alerts of a release, as a JSON list of Prometheus rules. Input: root, roles (facts of those with pods).
https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/
Metrics: https://docs.vllm.ai/en/latest/usage/metrics/
*/}}
{{- define "llm-d-modelservice.alerts" -}}
{{- $limits := .root.Values.monitoring.prometheusrule.thresholds -}}
{{- $root := .root -}}
{{- $roles := .roles -}}
{{- $alerts := list -}}
{{- range $i, $facts := $roles -}}
  {{- $role := $facts.role -}}
  {{- $pods := include "llm-d-modelservice.seriesMatchers" (dict "root" $root "role" $role) -}}
  {{- $here := dict "root" $root "role" $role -}}
  {{- $autoscaling := (index $root.Values $role).autoscaling -}}
  {{- if or (not $autoscaling.enabled) (gt (int $autoscaling.minReplicas) 0) -}}
  {{- $alerts = append $alerts (include "llm-d-modelservice.alert" (merge (dict "name" "ModelServerDown" "severity" "critical" "for" "10m"
    "expr" (printf "absent(up{%s} == 1)" $pods)
    "summary" (printf "No %s pod of %s answers Prometheus" $role (include "llm-d-modelservice.fullname" $root))
    "description" "Nothing of this role has been scraped for 10 minutes: the pods do not run, are still loading the model, or are not scraped at all.") $here) | fromJson) -}}
  {{- end -}}
  {{- /* What clients feel is measured at the pods that they talk to. */ -}}
  {{- if eq $i 0 -}}
    {{- with $limits.errorRatio -}}
    {{- $alerts = append $alerts (include "llm-d-modelservice.alert" (merge (dict "name" "ModelServerErrors" "severity" "critical" "for" "10m"
      "expr" (printf "sum(rate(http_requests_total{%s, handler!=\"/v1/models\", status=~\"5..\"}[5m])) / sum(rate(http_requests_total{%s, handler!=\"/v1/models\"}[5m])) > %v" $pods $pods .)
      "summary" "{{ $value | humanizePercentage }} of the requests fail"
      "description" (printf "More than %v of the requests have been answered with a server error for 10 minutes. The log of the pods says why." .)) $here) | fromJson) -}}
    {{- end -}}
    {{- with $limits.timeToFirstTokenSeconds -}}
    {{- $alerts = append $alerts (include "llm-d-modelservice.alert" (merge (dict "name" "TimeToFirstTokenHigh" "severity" "warning" "for" "10m"
      "expr" (printf "histogram_quantile(0.95, sum by (le) (rate(vllm:time_to_first_token_seconds_bucket{%s}[5m]))) > %v" $pods .)
      "summary" "5% of the requests wait longer than {{ $value | humanizeDuration }} for the first token"
      "description" (printf "The 95th percentile of the time to the first token has been above %v s for 10 minutes. Look at the queue and at the KV cache; more replicas help, or prefill pods for long prompts." .)) $here) | fromJson) -}}
    {{- end -}}
    {{- with $limits.interTokenLatencySeconds -}}
    {{- $alerts = append $alerts (include "llm-d-modelservice.alert" (merge (dict "name" "InterTokenLatencyHigh" "severity" "warning" "for" "10m"
      "expr" (printf "histogram_quantile(0.95, sum by (le) (rate(vllm:inter_token_latency_seconds_bucket{%s}[5m]))) > %v" $pods .)
      "summary" "5% of the tokens take longer than {{ $value | humanizeDuration }}"
      "description" (printf "The 95th percentile of the time between tokens has been above %v s for 10 minutes. Batches are too large, or prompts interrupt decoding." .)) $here) | fromJson) -}}
    {{- end -}}
  {{- end -}}
  {{- with $limits.waitingRequests -}}
  {{- $alerts = append $alerts (include "llm-d-modelservice.alert" (merge (dict "name" "RequestsWaiting" "severity" "warning" "for" "10m"
    "expr" (printf "avg(sum by (pod) (vllm:num_requests_waiting{%s})) > %v" $pods .)
    "summary" (printf "{{ $value | humanize }} requests wait in each %s pod" $role)
    "description" (printf "More than %v requests on average have been waiting in each pod for 10 minutes: there is more work than the pods take." .)) $here) | fromJson) -}}
  {{- end -}}
  {{- with $limits.kvCacheUsage -}}
  {{- $alerts = append $alerts (include "llm-d-modelservice.alert" (merge (dict "name" "KVCacheFull" "severity" "warning" "for" "15m"
    "expr" (printf "max by (namespace, pod) (vllm:kv_cache_usage_perc{%s}) > %v" $pods .)
    "summary" "The KV cache of {{ $labels.pod }} is {{ $value | humanizePercentage }} full"
    "description" (printf "More than %v of the KV cache has been in use for 15 minutes; requests will wait or be interrupted. More replicas, a smaller max-model-len or a larger gpu-memory-utilization help." .)) $here) | fromJson) -}}
  {{- end -}}
  {{- with $limits.preemptionsPerMinute -}}
  {{- $alerts = append $alerts (include "llm-d-modelservice.alert" (merge (dict "name" "RequestsPreempted" "severity" "warning" "for" "15m"
    "expr" (printf "60 * sum by (namespace, pod) (rate(vllm:num_preemptions_total{%s}[5m])) > %v" $pods .)
    "summary" "{{ $labels.pod }} interrupts {{ $value | humanize }} requests a minute"
    "description" "Requests are interrupted and computed again, because the KV cache is full: fewer at a time (max-num-seqs) are faster.") $here) | fromJson) -}}
  {{- end -}}
  {{- if and $limits.failedTransfersPerMinute (gt (len $roles) 1) -}}
  {{- $alerts = append $alerts (include "llm-d-modelservice.alert" (merge (dict "name" "KVTransfersFailing" "severity" "critical" "for" "5m"
    "expr" (printf "60 * sum by (namespace, pod) (rate(vllm:nixl_num_failed_transfers_total{%s}[5m])) > %v" $pods $limits.failedTransfersPerMinute)
    "summary" "{{ $value | humanize }} KV cache transfers of {{ $labels.pod }} fail in a minute"
    "description" "Prefill and decode do not reach each other: check the network between the pods, UCX_NET_DEVICES and the RDMA devices.") $here) | fromJson) -}}
  {{- end -}}
  {{- with $limits.restarts -}}
  {{- $alerts = append $alerts (include "llm-d-modelservice.alert" (merge (dict "name" "ModelServerRestarting" "severity" "critical" "for" "0m"
    "expr" (printf "sum by (namespace, pod, container) (increase(kube_pod_container_status_restarts_total{%s}[30m])) > %v" $pods .)
    "summary" "{{ $labels.container }} of {{ $labels.pod }} restarted {{ $value | humanize }} times"
    "description" "In half an hour. If it is while loading, the startup probe is too short for the model; otherwise look for memory (OOMKilled) and at the log of the last container.") $here) | fromJson) -}}
  {{- end -}}
{{- end -}}
{{- $alerts | toJson -}}
{{- end -}}

{{/* One alert, as JSON. Input: root, role, name, severity, for, expr, summary, description. */}}
{{- define "llm-d-modelservice.alert" -}}
{{- $labels := dict "severity" .severity "release" (include "llm-d-modelservice.fullname" .root) "role" .role "namespace" .root.Release.Namespace -}}
{{- dict "alert" .name "expr" .expr "for" .for
  "labels" (merge (deepCopy (.root.Values.monitoring.prometheusrule.alertLabels | default dict)) $labels)
  "annotations" (dict "summary" .summary "description" .description) | toJson -}}
{{- end -}}
