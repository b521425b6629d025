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

{{/* How names of a workload's pods begin: Kubernetes cuts what it makes them of at 58 characters. Input: the workload's name. */}}
{{- define "llm-d-modelservice.podPrefix" -}}
{{- printf "%s-" . | trunc 58 -}}
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

{{/*
An image with its registry replaced by global.imageRegistry. Input: root, image.
The part before the first slash is a registry if it has a dot or a colon or is "localhost", as in
https://github.com/distribution/reference; otherwise the image has none and the registry is put in front.
*/}}
{{- define "llm-d-modelservice.image" -}}
{{- $registry := (.root.Values.global).imageRegistry -}}
{{- if $registry -}}
{{- $parts := splitList "/" .image -}}
{{- $first := first $parts -}}
{{- if and (gt (len $parts) 1) (or (contains "." $first) (contains ":" $first) (eq $first "localhost")) -}}
{{- $parts = rest $parts -}}
{{- end -}}
{{- printf "%s/%s" (trimSuffix "/" $registry) (join "/" $parts) -}}
{{- else -}}
{{- .image -}}
{{- end -}}
{{- end -}}

{{/* Pull secrets of a pod, as a JSON list: of all charts, of this one, and the pod's own. Input: root, own. */}}
{{- define "llm-d-modelservice.pullSecrets" -}}
{{- $values := .root.Values -}}
{{- $all := concat (($values.global).imagePullSecrets | default list) ($values.imagePullSecrets | default list) (.own | default list) -}}
{{- include "llm-d-modelservice.mergeList" (dict "key" "imagePullSecrets" "lower" list "upper" $all) -}}
{{- end -}}

{{/*
Version of an image, printed as "major.minor.patch"; nothing when it does not tell. Input: image, version (what the
user says, which wins over the tag).
*/}}
{{- define "llm-d-modelservice.imageVersion" -}}
{{- $tag := regexFind ":[^:/@]+(@|$)" .image | trimPrefix ":" | trimSuffix "@" -}}
{{- $version := regexFind "^v?[0-9]+\\.[0-9]+(\\.[0-9]+)?" (.version | default $tag) | trimPrefix "v" -}}
{{- if $version -}}
{{- eq (splitList "." $version | len) 2 | ternary (printf "%s.0" $version) $version -}}
{{- end -}}
{{- end -}}
