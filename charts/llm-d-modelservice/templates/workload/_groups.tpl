{{/*
Groups of pods over several nodes: what a LeaderWorkerSet and a role of a DisaggregatedSet have in common.
https://lws.sigs.k8s.io/docs/reference/leaderworkerset.v1/
*/}}

{{/* "true" where one DisaggregatedSet has the pods of both roles. Input: the root context. */}}
{{- define "llm-d-modelservice.isSet" -}}
{{- if .Values.workload -}}true{{- end -}}
{{- end -}}

{{/*
Settings of the DisaggregatedSet as a whole that say more than the defaults, as JSON. Input: the root context. LeaderWorkerSet
0.9 does not know their fields.
*/}}
{{- define "llm-d-modelservice.setSettings" -}}
{{- $settings := deepCopy (.Values.disaggregatedSet | default dict) -}}
{{- include "llm-d-modelservice.prune" $settings -}}
{{- range $name, $value := $settings -}}{{- if or (empty $value) (eq (toJson $value) "1") -}}{{- $_ := unset $settings $name -}}{{- end -}}{{- end -}}
{{- $settings | toJson -}}
{{- end -}}

{{/*
What has the groups of pods, for messages, as JSON: its kind, the key that makes it, what that key is stated to be, and how
it is turned off. Input: the root context.
*/}}
{{- define "llm-d-modelservice.grouping" -}}
{{- if include "llm-d-modelservice.isSet" . -}}
{{- dict "kind" .Known.disaggregatedSet.kind "key" "workload" "stated" (printf "workload is %s" .Values.workload) "off" "workload: null" | toJson -}}
{{- else -}}
{{- dict "kind" "LeaderWorkerSet" "key" "multinode" "stated" "multinode is true" "off" "multinode: false" | toJson -}}
{{- end -}}
{{- end -}}

{{/* Labels and annotations of the groups of a role, as JSON. Input: root, facts. */}}
{{- define "llm-d-modelservice.groupMetadata" -}}
{{- $here := dict "root" .root "role" .facts.role -}}
{{- $role := index .root.Values .facts.role -}}
{{- $labels := include "llm-d-modelservice.servingLabels" $here | fromJson -}}
{{- $metadata := dict "labels" (merge $labels (include "llm-d-modelservice.workloadLabels" $here | fromJson)) -}}
{{- $annotations := merge (dict) ($role.annotations | default dict) (include "llm-d-modelservice.topologyAnnotations" $role | fromJson) -}}
{{- if $annotations -}}{{- $_ := set $metadata "annotations" $annotations -}}{{- end -}}
{{- $metadata | toJson -}}
{{- end -}}

{{/* Spec of the groups of a role, as JSON. Input: root, facts. */}}
{{- define "llm-d-modelservice.groupSpec" -}}
{{- $facts := .facts -}}
{{- $role := index .root.Values $facts.role -}}
{{- $group := dict
  "size" (int $facts.parallelism.workers)
  "workerTemplate" (include "llm-d-modelservice.podTemplate" (dict "root" .root "facts" $facts "worker" $facts.leaderOnly) | fromJson) -}}
{{- if $facts.leaderOnly -}}
{{- $_ := set $group "leaderTemplate" (include "llm-d-modelservice.podTemplate" (dict "root" .root "facts" $facts "worker" false) | fromJson) -}}
{{- end -}}
{{- range $field := list "subGroupPolicy" "restartPolicy" -}}
{{- with index $role $field -}}{{- $_ := set $group $field . -}}{{- end -}}
{{- end -}}
{{- $spec := dict "leaderWorkerTemplate" $group -}}
{{- range $field := list "startupPolicy" "networkConfig" -}}
{{- with index $role $field -}}{{- $_ := set $spec $field . -}}{{- end -}}
{{- end -}}
{{- with include "llm-d-modelservice.replicas" (dict "root" .root "role" $facts.role) -}}{{- $_ := set $spec "replicas" (int .) -}}{{- end -}}
{{- with $role.rolloutStrategy -}}{{- $_ := set $spec "rolloutStrategy" (merge (dict) . (dict "type" "RollingUpdate")) -}}{{- end -}}
{{- include "llm-d-modelservice.prune" $spec -}}
{{- $spec | toJson -}}
{{- end -}}
