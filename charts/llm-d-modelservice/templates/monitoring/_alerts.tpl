{{/*
Alerts: what an operator must know before users report it. Thresholds are values; how long a condition must last is not,
because it follows from what is measured. The alerts are data: alerts/model-serving.yaml.
*/}}

{{/*
The alerts of a release, as a JSON list of Prometheus rules. Input: root, roles (facts of those with pods).
*/}}
{{- define "llm-d-modelservice.alerts" -}}
{{- $root := .root -}}
{{- $rule := .root.Values.monitoring.prometheusrule -}}
{{- $release := include "llm-d-modelservice.fullname" .root -}}
{{- $known := .root.Files.Get "alerts/model-serving.yaml" | fromYamlArray -}}
{{- $several := gt (len .roles) 1 -}}
{{- $alerts := list -}}
{{- range $i, $facts := .roles -}}
  {{- $role := $facts.role -}}
  {{- $pods := include "llm-d-modelservice.seriesMatchers" (dict "root" $root "role" $role) -}}
  {{- $scaling := (index $root.Values $role).autoscaling -}}
  {{- $conditions := dict
    "neverEmpty" (or (not $scaling.enabled) (gt (int $scaling.minReplicas) 0)) "clients" (eq $i 0) "disaggregated" $several -}}
  {{- $labels := dict "release" $release "role" $role "namespace" $root.Release.Namespace -}}
  {{- range $alert := $known -}}
    {{- $limit := empty .threshold | ternary true (index $rule.thresholds (.threshold | default "")) -}}
    {{- if and $limit (empty .when | ternary true (index $conditions (.when | default ""))) -}}
    {{- $texts := dict -}}
    {{- range $name := list "expr" "summary" "description" -}}
      {{- $text := index $alert $name | replace "{pods}" $pods | replace "{limit}" (printf "%v" $limit) -}}
      {{- $_ := set $texts $name ($text | replace "{role}" $role | replace "{release}" $release) -}}
    {{- end -}}
    {{- $alerts = append $alerts (dict
      "alert" .name "expr" $texts.expr "for" .for "annotations" (omit $texts "expr")
      "labels" (merge (deepCopy ($rule.alertLabels | default dict)) (dict "severity" .severity) $labels)) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- $alerts | toJson -}}
{{- end -}}
