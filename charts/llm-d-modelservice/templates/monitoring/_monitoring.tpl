{{/*
What Prometheus scrapes, and which series belong to a role.
*/}}

{{/*
The monitor that a role has, as JSON: its values, and its kind ("podmonitor" or "servicemonitor"); an empty map without
one. Input: root, role. Rejects two of them, and one that cannot find anything.
*/}}
{{- define "llm-d-modelservice.monitor" -}}
{{- $role := index .root.Values .role -}}
{{- $monitoring := $role.monitoring -}}
{{- if and $monitoring.podmonitor.enabled $monitoring.servicemonitor.enabled -}}
{{- include "llm-d-modelservice.stop" (list $ (printf
  (print "%s.monitoring.servicemonitor.enabled: %s.monitoring.podmonitor is also enabled, and both scrape the same "
    "ports, so everything would be counted twice; keep one of them")
  .role .role)
  (dict "offered" (list (dict "set" (printf "%s.monitoring.servicemonitor.enabled" .role) "value" false)))) -}}
{{- end -}}
{{- if $monitoring.servicemonitor.enabled -}}
  {{- if not (or (include "llm-d-modelservice.hasRoleService" $role) (include "llm-d-modelservice.entered" .)) -}}
  {{- include "llm-d-modelservice.stop" (list $ (printf
    (print "%s.monitoring.servicemonitor.enabled: it finds pods through a Service, but the role has none; set "
      "%s.service.create: true, or %s.monitoring.podmonitor.enabled: true instead")
    .role .role .role)
    (dict "offered" (list (dict "set" (printf "%s.service.create" .role) "value" true)))) -}}
  {{- end -}}
  {{- merge (dict "kind" "servicemonitor") $monitoring.servicemonitor | toJson -}}
{{- else if $monitoring.podmonitor.enabled -}}
  {{- merge (dict "kind" "podmonitor") $monitoring.podmonitor | toJson -}}
{{- else -}}
{}
{{- end -}}
{{- end -}}

{{/* "true" where a container next to the engine has the port that is scraped. Input: values (of the role), monitor. */}}
{{- define "llm-d-modelservice.hasExporter" -}}
{{- range rest (.values.containers | default list) -}}
  {{- range .ports -}}{{- if eq (.name | default "") $.monitor.portName -}}true{{- end -}}{{- end -}}
{{- end -}}
{{- end -}}

{{/*
Name of the metrics port of a rank, printed; ranks have their own ports only with dataMode: multiPort. Input: role,
monitor, rank.
*/}}
{{- define "llm-d-modelservice.metricsPortName" -}}
{{- $name := eq (int .rank) 0 | ternary .monitor.portName (printf "%s-%d" .monitor.portName (int .rank)) -}}
{{- if gt (len $name) 15 -}}
{{- include "llm-d-modelservice.stop" (list $ (printf
  (print "%s.monitoring.%s.portName: the port of rank %d would be named %s, but port names have at most 15 characters; "
    "choose a shorter one")
  .role .monitor.kind (int .rank) $name)) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{/*
Scraped endpoints of a role, as a JSON list. Input: root, facts, monitor. The engine is scraped, over TLS where it serves
that; its certificate cannot name pod addresses, so it is not verified unless configured. A ServiceMonitor names the port
of the pods too, not that of the Service, behind which the routing sidecar may be.
*/}}
{{- define "llm-d-modelservice.scrapedEndpoints" -}}
{{- $monitor := .monitor -}}
{{- $known := index .root.Known.engines .facts.engine.type -}}
{{- $exporter := include "llm-d-modelservice.hasExporter" (dict "values" (index .root.Values .facts.role) "monitor" $monitor) -}}
{{- $path := $monitor.path | default (empty $exporter | ternary $known.metrics.path "/metrics") -}}
{{- $guarded := include "llm-d-modelservice.guards" (dict "known" $known "path" $path) -}}
{{- $key := .root.Values.auth.apiKeySecret -}}
{{- $endpoints := list -}}
{{- range $rank := until (int .facts.portCount) -}}
{{- $port := include "llm-d-modelservice.metricsPortName" (dict "role" $.facts.role "monitor" $monitor "rank" $rank) -}}
{{- $endpoint := dict (eq $monitor.kind "podmonitor" | ternary "port" "targetPort") $port "path" $path "interval" $monitor.interval -}}
{{- if $.facts.tls -}}
{{- $endpoint = merge $endpoint (dict "scheme" "https" "tlsConfig" ($monitor.tlsConfig | default (dict "insecureSkipVerify" true))) -}}
{{- end -}}
{{- if and $key.name $guarded (not $exporter) -}}
{{- $_ := set $endpoint "authorization" (dict "credentials" (pick $key "name" "key")) -}}
{{- end -}}
{{- range $field := list "scrapeTimeout" "relabelings" "metricRelabelings" -}}
{{- with index $monitor $field -}}{{- $_ := set $endpoint $field . -}}{{- end -}}
{{- end -}}
{{- $endpoints = append $endpoints $endpoint -}}
{{- end -}}
{{- $endpoints | toJson -}}
{{- end -}}

{{/* "true" where an engine that has an API key asks for it at a path. Input: known (facts about the engine), path. */}}
{{- define "llm-d-modelservice.guards" -}}
{{- $guarded := false -}}
{{- range .known.apiKey.guards -}}{{- if hasPrefix . $.path -}}{{- $guarded = true -}}{{- end -}}{{- end -}}
{{- range .known.apiKey.unguarded -}}{{- if hasPrefix . $.path -}}{{- $guarded = false -}}{{- end -}}{{- end -}}
{{- if $guarded -}}true{{- end -}}
{{- end -}}

{{/* Metadata of a role's monitor, as JSON. Input: root, facts, monitor. */}}
{{- define "llm-d-modelservice.monitorMetadata" -}}
{{- $labels := include "llm-d-modelservice.labels" .root | fromJson -}}
{{- $labels = merge (dict "app.kubernetes.io/component" .facts.role) (.monitor.labels | default dict) $labels -}}
{{- $metadata := dict "name" (printf "%s-%s" .facts.workload .monitor.kind) "namespace" .root.Release.Namespace "labels" $labels -}}
{{- with .monitor.annotations -}}{{- $_ := set $metadata "annotations" . -}}{{- end -}}
{{- $metadata | toJson -}}
{{- end -}}

{{/*
PromQL matchers of a role's series, printed. Input: root, role. Pods are recognised by their names, which every way of
scraping provides, so a monitor of the user's works too.
*/}}
{{- define "llm-d-modelservice.seriesMatchers" -}}
{{- printf "namespace=%q, pod=~%q" .root.Release.Namespace (include "llm-d-modelservice.podPattern" .) -}}
{{- end -}}
