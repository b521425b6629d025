{{/*
Autoscaling of a role: what is scaled, between which numbers, by what.
https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/
https://keda.sh/docs/latest/reference/scaledobject-spec/
*/}}

{{/*
Facts about the autoscaler that the chart makes for a role, as JSON; an empty map when it makes none. Input: root,
role. Output:
  target     scaleTargetRef: Deployment, LeaderWorkerSet, scaler of a role of a DisaggregatedSet, …
  behavior   speed of scaling, an empty map when unset
  metrics    see requestMetrics
Rejects contradictory values.
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
{{- include "llm-d-modelservice.role" . -}}
{{- $facts := index .root.Roles .role -}}
{{- $behavior := dict -}}
{{- if not (kindIs "invalid" $scaling.scaleDownDelaySeconds) -}}
{{- $behavior = dict "scaleDown" (dict "stabilizationWindowSeconds" (int $scaling.scaleDownDelaySeconds)) -}}
{{- end -}}
{{- include "llm-d-modelservice.merge" (dict "into" $behavior "from" ($scaling.behavior | default dict)) -}}
{{- $metrics := include "llm-d-modelservice.requestMetrics" (dict "root" .root "facts" $facts) | fromJson -}}
{{- if and (not $metrics) (or $scaling.targetActiveRequests (eq $scaling.type "wva")) -}}
{{- $key := empty $scaling.targetActiveRequests | ternary "type" "targetActiveRequests" -}}
{{- fail (printf
  "%s.autoscaling.%s: it needs the engine's metrics of its requests, but %s has none; set %s of what you can measure, e.g. CPU load"
  .role $key (index .root.Known.engines $facts.engine.type).title
  (eq $scaling.type "keda" | ternary "triggers" "type: hpa and metrics")) -}}
{{- end -}}
{{- $set := .root.Known.disaggregatedSet -}}
{{- $kind := eq $facts.kind $set.kind | ternary $set.scaler $facts.kind -}}
{{- $api := index (dict "LeaderWorkerSet" "leaderworkerset.x-k8s.io/v1" $set.scaler $set.api) $kind | default "apps/v1" -}}
{{- dict
  "target" (dict "apiVersion" $api "kind" $kind "name" $facts.workload)
  "behavior" $behavior
  "metrics" $metrics
| toJson -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
Target of a metric that a HorizontalPodAutoscaler averages over the pods of a role, printed as a quantity. Input: facts,
target (for a replica). The scale subresource of groups selects leaders only, so where every pod of a group serves, the
leader stands for its share.
https://github.com/kubernetes-sigs/lws/blob/main/pkg/controllers/leaderworkerset_controller.go
*/}}
{{- define "llm-d-modelservice.podTarget" -}}
{{- $pods := .facts.grouped | ternary .facts.parallelism.workers 1 | int -}}
{{- if .facts.leaderOnly -}}{{- $pods = 1 -}}{{- end -}}
{{- $target := int .target -}}
{{- if mod $target $pods -}}{{- printf "%dm" (div (mul $target 1000) $pods) -}}{{- else -}}{{- div $target $pods -}}{{- end -}}
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
  {{- $pattern := include "llm-d-modelservice.podPattern" (dict "root" $.root "role" $.role) -}}
  {{- $pods := printf "{namespace=%q,pod=~%q}" $.root.Release.Namespace $pattern -}}
  {{- $metrics := $.autoscaler.metrics -}}
  {{- $query := printf "sum(%s%s) + sum(%s%s) or vector(0)" $metrics.running $pods $metrics.waiting $pods -}}
  {{- $queries = append $queries (dict "name" "active_requests" "query" $query "threshold" (toString .)) -}}
{{- end -}}
{{- if and .root.Values.routing.epp.create (or (eq (toString $scaling.minReplicas) "0") (eq (toString $scaling.idleReplicas) "0")) -}}
  {{- include "llm-d-modelservice.picker" .root -}}
  {{- $metric := .root.Picker.queueMetric -}}
  {{- $pool := include "llm-d-modelservice.poolName" .root -}}
  {{- $query := printf "sum(%s{namespace=%q,inference_pool=%q}) or vector(0)" $metric .root.Release.Namespace $pool -}}
  {{- $queries = append $queries (dict "name" "queued_requests" "query" $query "threshold" "1") -}}
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
