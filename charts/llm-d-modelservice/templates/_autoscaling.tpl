{{/*
Autoscaling of a role: what is scaled, between which numbers, by what.
https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/
https://keda.sh/docs/latest/reference/scaledobject-spec/
*/}}

{{/*
Facts about the autoscaler that the chart makes for a role, as JSON; an empty map when it makes none. Input: root,
role. Output:
  target     scaleTargetRef: Deployment, LeaderWorkerSet, …
  behavior   speed of scaling, an empty map when unset
  metrics    see requestMetrics
Refuses contradictory values on the way.
*/}}
{{- define "llm-d-modelservice.autoscaler" -}}
{{- $role := index .root.Values .role -}}
{{- $scaling := $role.autoscaling -}}
{{- if not (and $role.create $scaling.enabled) -}}
{}
{{- else -}}
{{- include "llm-d-modelservice.checkAutoscaling" . -}}
{{- if eq ($scaling.type | default "external") "external" -}}
{}
{{- else -}}
{{- $facts := include "llm-d-modelservice.role" . | fromJson -}}
{{- $behavior := dict -}}
{{- if not (kindIs "invalid" $scaling.scaleDownDelaySeconds) -}}
{{- $behavior = dict "scaleDown" (dict "stabilizationWindowSeconds" (int $scaling.scaleDownDelaySeconds)) -}}
{{- end -}}
{{- include "llm-d-modelservice.merge" (dict "into" $behavior "from" ($scaling.behavior | default dict)) -}}
{{- $metrics := include "llm-d-modelservice.requestMetrics" $facts.engine | fromJson -}}
{{- if and (not $metrics) (or $scaling.targetActiveRequests (eq $scaling.type "wva")) -}}
{{- fail (printf "%s.autoscaling.%s: it needs the engine's metrics of its requests, and %s has none; write %s" .role (empty $scaling.targetActiveRequests | ternary "type" "targetActiveRequests") $facts.engine.type (eq $scaling.type "keda" | ternary "triggers of what you can measure, for instance the processor's load" "type: hpa and metrics of what you can measure, for instance the processor's load")) -}}
{{- end -}}
{{- dict
  "target" (dict "apiVersion" (eq $facts.kind "LeaderWorkerSet" | ternary "leaderworkerset.x-k8s.io/v1" "apps/v1") "kind" $facts.kind "name" $facts.workload)
  "behavior" $behavior
  "metrics" $metrics
| toJson -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Combinations of a role's autoscaling. Input: root, role. */}}
{{- define "llm-d-modelservice.checkAutoscaling" -}}
{{- $scaling := (index .root.Values .role).autoscaling -}}
{{- $key := printf "%s.autoscaling" .role -}}
{{- include "llm-d-modelservice.checkItems" (dict (printf "%s.metrics" $key) $scaling.metrics (printf "%s.triggers" $key) $scaling.triggers) -}}
{{- $type := $scaling.type | default "external" -}}
{{- $set := list -}}
{{- range $name := list "minReplicas" "maxReplicas" "targetActiveRequests" "scaleDownDelaySeconds" "behavior" "metrics" "triggers" "prometheus" "idleReplicas" "pollingInterval" "variantCost" -}}
  {{- $value := index $scaling $name -}}
  {{- if not (or (kindIs "invalid" $value) (and (kindIs "slice" $value) (empty $value))) -}}{{- $set = append $set $name -}}{{- end -}}
{{- end -}}
{{- if and (eq $type "external") $set -}}
{{- fail (printf "%s.%s: type is external, so the autoscaler is made elsewhere and this has no effect; write %s.type: hpa, keda or wva" $key (first $set) $key) -}}
{{- end -}}
{{- $owners := dict "metrics" (list "hpa") "targetActiveRequests" (list "hpa" "keda") "triggers" (list "keda") "prometheus" (list "keda") "idleReplicas" (list "keda") "pollingInterval" (list "keda") "variantCost" (list "wva") -}}
{{- range $set -}}
  {{- if and (hasKey $owners .) (not (has $type (index $owners .))) -}}
  {{- fail (printf "%s.%s: type is %s, which does not know it; remove it, or write %s.type: %s" $key . $type $key (index $owners . | join " or ")) -}}
  {{- end -}}
{{- end -}}
{{- if ne $type "external" -}}
  {{- if not $scaling.maxReplicas -}}
  {{- fail (printf "%s.maxReplicas: an autoscaler needs an upper bound; write for instance maxReplicas: 4" $key) -}}
  {{- end -}}
  {{- $min := kindIs "invalid" $scaling.minReplicas | ternary 1 $scaling.minReplicas | int -}}
  {{- if gt $min (int $scaling.maxReplicas) -}}
  {{- fail (printf "%s.minReplicas: %d is more than maxReplicas, %d" $key $min (int $scaling.maxReplicas)) -}}
  {{- end -}}
  {{- $picker := .root.Values.routing.epp.create -}}
  {{- $zero := or (eq $min 0) (eq (toString $scaling.idleReplicas) "0") -}}
  {{- $zeroKey := eq $min 0 | ternary "minReplicas" "idleReplicas" -}}
  {{- if and $zero (ne $type "keda") -}}
  {{- fail (printf "%s.minReplicas: a HorizontalPodAutoscaler does not go to 0; write %s.type: keda, or minReplicas: 1" $key $key) -}}
  {{- end -}}
  {{- if and (eq $min 0) (eq (toString $scaling.idleReplicas) "0") -}}
  {{- fail (printf "%s.idleReplicas: minReplicas is 0 already; remove one of them" $key) -}}
  {{- end -}}
  {{- if and $zero (not $picker) (not $scaling.triggers) -}}
  {{- fail (printf "%s.%s: with 0 pods nothing sees a request that should start one; write routing.epp.create: true, whose queue is asked, or %s.triggers" $key $zeroKey $key) -}}
  {{- end -}}
  {{- if and (eq $type "hpa") (not (or $scaling.metrics $scaling.targetActiveRequests)) -}}
  {{- fail (printf "%s.metrics: nothing tells when to scale; write %s.targetActiveRequests: 16, for instance, or metrics" $key $key) -}}
  {{- end -}}
  {{- if and (eq $type "keda") (not (or $scaling.triggers $scaling.targetActiveRequests (and $zero $picker))) -}}
  {{- fail (printf "%s.triggers: nothing tells when to scale; write %s.targetActiveRequests: 16, for instance, or triggers" $key $key) -}}
  {{- end -}}
  {{- if and (eq $type "keda") (or $scaling.targetActiveRequests (and $zero $picker)) (not $scaling.prometheus) -}}
  {{- fail (printf "%s.prometheus.serverAddress: the derived triggers ask Prometheus; write its URL, for instance http://prometheus.monitoring:9090" $key) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/*
Triggers of a role's ScaledObject, as a JSON list: active requests from the engine's metrics, the queue of the
endpoint picker where all pods may be gone, then the user's. Input: root, role, autoscaler.
*/}}
{{- define "llm-d-modelservice.triggers" -}}
{{- $scaling := (index .root.Values .role).autoscaling -}}
{{- $prometheus := $scaling.prometheus | default dict -}}
{{- $queries := list -}}
{{- with $scaling.targetActiveRequests -}}
  {{- $pods := printf "{namespace=%q,pod=~%q}" $.root.Release.Namespace (printf "%s.+" (include "llm-d-modelservice.podPrefix" $.autoscaler.target.name)) -}}
  {{- $query := printf "sum(%s%s) + sum(%s%s) or vector(0)" $.autoscaler.metrics.running $pods $.autoscaler.metrics.waiting $pods -}}
  {{- $queries = append $queries (dict "name" "active-requests" "query" $query "threshold" (toString .)) -}}
{{- end -}}
{{- if and .root.Values.routing.epp.create (or (eq (toString $scaling.minReplicas) "0") (eq (toString $scaling.idleReplicas) "0")) -}}
  {{- $metric := (include "llm-d-modelservice.picker" .root | fromJson).queueMetric -}}
  {{- $query := printf "sum(%s{namespace=%q,inference_pool=%q}) or vector(0)" $metric .root.Release.Namespace (include "llm-d-modelservice.poolName" .root) -}}
  {{- $queries = append $queries (dict "name" "queued-requests" "query" $query "threshold" "1") -}}
{{- end -}}
{{- $triggers := list -}}
{{- range $queries -}}
  {{- $metadata := dict "serverAddress" $prometheus.serverAddress "query" .query "threshold" .threshold -}}
  {{- with $prometheus.authModes -}}{{- $_ := set $metadata "authModes" . -}}{{- end -}}
  {{- $trigger := dict "type" "prometheus" "name" .name "metadata" $metadata -}}
  {{- with $prometheus.authenticationRef -}}{{- $_ := set $trigger "authenticationRef" . -}}{{- end -}}
  {{- $triggers = append $triggers $trigger -}}
{{- end -}}
{{- concat $triggers ($scaling.triggers | default list) | toJson -}}
{{- end -}}
