{{/*
Monitoring and autoscaling that cannot work.
*/}}

{{/*
Rejects a dashboard or alerts for an engine that does not report the metrics they read; prints nothing. Input: root, roles
(facts), key.
*/}}
{{- define "llm-d-modelservice.checkMetricsFamily" -}}
{{- range $facts := .roles -}}
{{- $known := index $.root.Known.engines $facts.engine.type -}}
{{- if not $known.metrics.family -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf
  "%s: it reads vLLM's metrics, but %s runs %s, which has others; set false, and bring your own in extraObjects"
  $.key $facts.role $known.title)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Rejects contradictory settings of a role's autoscaling; prints nothing. Input: root, role. */}}
{{- define "llm-d-modelservice.checkAutoscaling" -}}
{{- $scaling := (index .root.Values .role).autoscaling -}}
{{- $key := printf "%s.autoscaling" .role -}}
{{- include "llm-d-modelservice.checkItems" (dict (printf "%s.metrics" $key) $scaling.metrics (printf "%s.triggers" $key) $scaling.triggers) -}}
{{- $type := $scaling.type | default "external" -}}
{{- $set := list -}}
{{- range $name := list
  "minReplicas" "maxReplicas" "targetActiveRequests" "scaleDownDelaySeconds" "behavior" "metrics" "triggers" "prometheus"
  "idleReplicas" "pollingInterval" "initialCooldownPeriod" "fallback" "scalingModifiers" "variantCost" -}}
  {{- $value := index $scaling $name -}}
  {{- if not (or (kindIs "invalid" $value) (and (kindIs "slice" $value) (empty $value))) -}}{{- $set = append $set $name -}}{{- end -}}
{{- end -}}
{{- if and (eq $type "external") $set -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf
  "%s.%s: type is external, so the autoscaler is made elsewhere and this has no effect; set %s.type: hpa, keda or wva"
  $key (first $set) $key)) -}}
{{- end -}}
{{- $owners := dict
  "metrics" (list "hpa") "targetActiveRequests" (list "hpa" "keda") "triggers" (list "keda") "prometheus" (list "keda")
  "idleReplicas" (list "keda") "pollingInterval" (list "keda") "initialCooldownPeriod" (list "keda")
  "fallback" (list "keda") "scalingModifiers" (list "keda") "variantCost" (list "wva") -}}
{{- range $set -}}
  {{- if and (hasKey $owners .) (not (has $type (index $owners .))) -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "%s.%s: it does not apply to type %s; remove it, or set %s.type: %s"
    $key . $type $key (index $owners . | join " or "))
    (dict "offered" (list (dict "remove" (printf "%s.%s" $key .))))) -}}
  {{- end -}}
{{- end -}}
{{- if ne $type "external" -}}
  {{- if not $scaling.maxReplicas -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf "%s.maxReplicas: an autoscaler needs an upper bound; set e.g. maxReplicas: 4" $key)) -}}
  {{- end -}}
  {{- $min := kindIs "invalid" $scaling.minReplicas | ternary 1 $scaling.minReplicas | int -}}
  {{- if and $scaling.maxReplicas (gt $min (int $scaling.maxReplicas)) -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf "%s.minReplicas: %d is more than maxReplicas, %d" $key $min (int $scaling.maxReplicas))) -}}
  {{- end -}}
  {{- $picker := .root.Values.routing.epp.create -}}
  {{- $zero := or (eq $min 0) (eq (toString $scaling.idleReplicas) "0") -}}
  {{- $zeroKey := eq $min 0 | ternary "minReplicas" "idleReplicas" -}}
  {{- if and $zero (ne $type "keda") -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "%s.minReplicas: a HorizontalPodAutoscaler does not go to 0; set %s.type: keda, or minReplicas: 1"
    $key $key)) -}}
  {{- end -}}
  {{- if and (eq $min 0) (eq (toString $scaling.idleReplicas) "0") -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf "%s.idleReplicas: minReplicas is 0 already; remove one of them" $key)
    (dict "offered" (list (dict "remove" (printf "%s.idleReplicas" $key))))) -}}
  {{- end -}}
  {{- if and $zero (not $picker) (not $scaling.triggers) -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    (print "%s.%s: with 0 pods nothing sees the request that should start one; set routing.epp.create: true, whose queue is "
      "measured, or %s.triggers")
    $key $zeroKey $key)) -}}
  {{- end -}}
  {{- if and (eq $type "hpa") (not (or $scaling.metrics $scaling.triggers $scaling.targetActiveRequests)) -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "%s.metrics: nothing says when to scale; set e.g. %s.targetActiveRequests: 16, or metrics"
    $key $key)) -}}
  {{- end -}}
  {{- if and (eq $type "keda") (not (or $scaling.triggers $scaling.metrics $scaling.targetActiveRequests (and $zero $picker))) -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "%s.triggers: nothing says when to scale; set e.g. %s.targetActiveRequests: 16, or triggers"
    $key $key)) -}}
  {{- end -}}
  {{- if and (eq $type "keda") (or $scaling.targetActiveRequests (and $zero $picker)) (not $scaling.prometheus) -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "%s.prometheus.serverAddress: the derived triggers query Prometheus; set its URL, e.g. http://prometheus.monitoring:9090"
    $key)) -}}
  {{- end -}}
{{- end -}}
{{- end -}}
