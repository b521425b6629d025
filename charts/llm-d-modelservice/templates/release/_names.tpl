{{/*
Names. Every object's name is made here and nowhere else.
*/}}

{{/* Name of the chart: value of app.kubernetes.io/name. Input: the root context. */}}
{{- define "llm-d-modelservice.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/*
Prefix of all object names. Input: the root context.
Cut to 55 characters so that the longest suffix, "-prefill", still fits a DNS label of 63.
*/}}
{{- define "llm-d-modelservice.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 55 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 55 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 55 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Name of a role's workload. Input: root, role. */}}
{{- define "llm-d-modelservice.workloadName" -}}
{{- printf "%s-%s" (include "llm-d-modelservice.fullname" .root) .role -}}
{{- end -}}

{{/*
Regular expression for the names of a role's pods, printed. Input: root, role. Kubernetes cuts what it makes them of at 58
characters.
*/}}
{{- define "llm-d-modelservice.podPattern" -}}
{{- if include "llm-d-modelservice.isSet" .root -}}
{{- printf "%s-%s-%s-.+" (include "llm-d-modelservice.fullname" .root) .root.Known.disaggregatedSet.infix .role -}}
{{- else -}}
{{- printf "%s-" (include "llm-d-modelservice.workloadName" .) | trunc 58 }}.+
{{- end -}}
{{- end -}}

{{/* Name of a claim that the release owns. Input: root, name (of its volume). */}}
{{- define "llm-d-modelservice.claimName" -}}
{{- printf "%s-%s" (include "llm-d-modelservice.fullname" .root) .name -}}
{{- end -}}

{{/* Name of the claim that keeps the model. Input: the root context. */}}
{{- define "llm-d-modelservice.modelClaimName" -}}
{{- printf "%s-model" (include "llm-d-modelservice.fullname" .) -}}
{{- end -}}

{{/* Name of the ServiceAccount of the pods. Input: the root context. */}}
{{- define "llm-d-modelservice.serviceAccountName" -}}
{{- .Values.serviceAccountOverride | default (include "llm-d-modelservice.fullname" .) -}}
{{- end -}}

{{/* Name of the InferencePool: the chart's own, or an existing one. Input: the root context. */}}
{{- define "llm-d-modelservice.poolName" -}}
{{- .Values.routing.inferencePool.name | default (include "llm-d-modelservice.fullname" .) -}}
{{- end -}}

{{/* Name of the endpoint picker's objects. Input: the root context. */}}
{{- define "llm-d-modelservice.pickerName" -}}
{{- .Values.routing.epp.name | default (printf "%s-epp" (include "llm-d-modelservice.fullname" .)) -}}
{{- end -}}

{{/* Name of the ConfigMap of the files. Input: the root context. */}}
{{- define "llm-d-modelservice.filesName" -}}
{{- printf "%s-files" (include "llm-d-modelservice.fullname" .) -}}
{{- end -}}
