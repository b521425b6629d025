{{/*
Labels. Three sets with three purposes:
  labels          on the metadata of every object: who made it
  selectorLabels  what a selector matches: immutable, so nothing a user can change is in it
  servingLabels   what an InferencePool selects: the user's labels and the role
*/}}

{{/* Labels of every object, as JSON. Input: the root context. */}}
{{- define "llm-d-modelservice.labels" -}}
{{- dict
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/name" (include "llm-d-modelservice.name" .)
  "app.kubernetes.io/instance" .Release.Name
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/managed-by" .Release.Service
| toJson -}}
{{- end -}}

{{/* Labels of a role's workload, as JSON. Input: root, role. Those of the chart win, which objects are found by. */}}
{{- define "llm-d-modelservice.workloadLabels" -}}
{{- merge (include "llm-d-modelservice.labels" .root | fromJson) ((index .root.Values .role).labels | default dict) | toJson -}}
{{- end -}}

{{/* Labels that select the serving pods of a role, as JSON. Input: root, role. */}}
{{- define "llm-d-modelservice.selectorLabels" -}}
{{- dict
  "app.kubernetes.io/name" (include "llm-d-modelservice.name" .root)
  "app.kubernetes.io/instance" .root.Release.Name
  "llm-d.ai/role" .role
| toJson -}}
{{- end -}}

{{/* Labels that the controller of a DisaggregatedSet gives to all pods of a role, as JSON. Input: root, role. */}}
{{- define "llm-d-modelservice.setLabels" -}}
{{- $keys := .root.Known.disaggregatedSet.labels -}}
{{- dict $keys.name (include "llm-d-modelservice.fullname" .root) $keys.role .role | toJson -}}
{{- end -}}

{{/* Labels that an InferencePool selects, as JSON. Input: root, role. */}}
{{- define "llm-d-modelservice.servingLabels" -}}
{{- set (deepCopy (.root.Values.modelArtifacts.labels | default dict)) "llm-d.ai/role" .role | toJson -}}
{{- end -}}

{{/*
Labels in the immutable selector of a role's Deployment, as JSON. Input: root, role.
Those of the original chart are the labels of the InferencePool, and an upgrade of its releases cannot change them.
*/}}
{{- define "llm-d-modelservice.deploymentSelector" -}}
{{- if eq .root.Values.deploymentSelector "model" -}}
  {{- if not .root.Values.modelArtifacts.labels -}}
  {{- fail "deploymentSelector: model selects pods by modelArtifacts.labels, but there are none; set them, or deploymentSelector: release" -}}
  {{- end -}}
  {{- include "llm-d-modelservice.servingLabels" . -}}
{{- else -}}
  {{- include "llm-d-modelservice.selectorLabels" . -}}
{{- end -}}
{{- end -}}

{{/*
Labels of a role's pods, as JSON. Input: root, role, serves.
A pod that does not serve (a headless worker) has neither the pool's labels nor the role's: an endpoint
picker takes a pod with the pool's labels and no role for a decode endpoint.
*/}}
{{- define "llm-d-modelservice.podLabels" -}}
{{- $labels := include "llm-d-modelservice.selectorLabels" . | fromJson -}}
{{- if .serves -}}
{{- $labels = merge $labels (include "llm-d-modelservice.servingLabels" . | fromJson) -}}
{{- with include "llm-d-modelservice.pairRevision" .root -}}
{{- $labels = set $labels $.root.Known.endpointPicker.rolloutScreener.label . -}}
{{- end -}}
{{- else -}}
{{- $labels = set (omit $labels "llm-d.ai/role") "app.kubernetes.io/component" (printf "%s-worker" .role) -}}
{{- end -}}
{{- $own := index .root.Values .role -}}
{{- merge $labels ($own.podLabels | default dict) | toJson -}}
{{- end -}}
