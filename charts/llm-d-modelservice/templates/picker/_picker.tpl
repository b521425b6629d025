{{/*
The endpoint picker (EPP): its version, its plugin configuration, its pod. Flags, plugins and API groups changed
between versions, and an unknown one ends the picker at once, so they follow the version of the image.
https://github.com/llm-d/llm-d-router/blob/main/pkg/epp/server/options.go
https://llm-d.ai/docs/api-reference/endpointpickerconfig
*/}}

{{/*
Facts about the picker, as JSON. Input: the root context. Output:
  version        of llm-d's picker, or the one that has the same plugins as Gateway API Inference Extension's
  llmd           llm-d's picker, which knows roles; the other does not
  configApi      API version of its configuration
  objectiveApi   API version of InferenceObjectives
  queueMetric    requests that wait in its flow control
An image without a version is taken for the newest of its name: the repository was renamed to
llm-d-router-endpoint-picker with 0.9, and Gateway API Inference Extension had its own (named epp) up to 1.5.
*/}}
{{- define "llm-d-modelservice.picker" -}}
{{- $epp := .Values.routing.epp -}}
{{- if not $epp.image -}}{{- fail "routing.epp.image: the endpoint picker has no image; remove the key for the default" -}}{{- end -}}
{{- $repository := $epp.image | regexFind "^[^@]*" | splitList "/" | last | splitList ":" | first -}}
{{- $llmd := ne $repository "epp" -}}
{{- $version := include "llm-d-modelservice.imageVersion" (dict "image" $epp.image "version" $epp.version) -}}
{{- if $llmd -}}
{{- $version = $version | default (eq $repository "llm-d-inference-scheduler" | ternary "0.8.0" "0.10.0") -}}
{{- else -}}
{{- $same := dict "1.3" "0.5.0" "1.4" "0.7.0" "1.5" "0.8.0" -}}
{{- $version = index $same (splitList "." ($version | default "1.5.0") | initial | join ".") | default "0.0.0" -}}
{{- end -}}
{{- $router := semverCompare ">=0.9.0" $version -}}
{{- dict
  "version" $version "llmd" $llmd
  "configApi" ($router | ternary "llm-d.ai/v1alpha1" "inference.networking.x-k8s.io/v1alpha1")
  "objectiveApi" ($router | ternary "llm-d.ai/v1alpha2" "inference.networking.x-k8s.io/v1alpha2")
  "queueMetric" ($router | ternary "llm_d_epp_flow_control_queue_size" "inference_extension_flow_control_queue_size")
| toJson -}}
{{- end -}}

{{/* "true" when decode and prefill run apart. Input: the root context. */}}
{{- define "llm-d-modelservice.disaggregated" -}}
{{- if and .Values.decode.create .Values.prefill.create -}}true{{- end -}}
{{- end -}}

{{/* "true" when an autoscaler may take all pods of a role away, so that requests have to wait in the picker. Input: the root context. */}}
{{- define "llm-d-modelservice.scalesToZero" -}}
{{- range $name := list "decode" "prefill" -}}
  {{- $role := index $.Values $name -}}
  {{- $scaling := $role.autoscaling -}}
  {{- if and $role.create $scaling.enabled (eq $scaling.type "keda") (or (eq (toString $scaling.minReplicas) "0") (eq (toString $scaling.idleReplicas) "0")) -}}true{{- end -}}
{{- end -}}
{{- end -}}

{{/* The engines of the roles that are created, as a JSON list. Input: the root context. */}}
{{- define "llm-d-modelservice.engines" -}}
{{- $engines := list -}}
{{- range $name := list "decode" "prefill" -}}
  {{- if (index $.Values $name).create -}}
    {{- $profile := include "llm-d-modelservice.profile" (dict "root" $ "role" $name) | fromJson -}}
    {{- $engines = append $engines (include "llm-d-modelservice.engine" (dict "root" $ "role" $name "profile" $profile) | fromJson) -}}
  {{- end -}}
{{- end -}}
{{- $engines | toJson -}}
{{- end -}}

{{/* "true" when the pods of every role serve TLS, so that their metrics are read over it. Input: the root context. */}}
{{- define "llm-d-modelservice.metricsOverTLS" -}}
{{- $schemes := list -}}
{{- range $name := list "decode" "prefill" -}}
  {{- if (index $.Values $name).create -}}
  {{- $facts := include "llm-d-modelservice.role" (dict "root" $ "role" $name) | fromJson -}}
  {{- $schemes = append $schemes (include "llm-d-modelservice.scheme" (dict "root" $ "facts" $facts)) -}}
  {{- end -}}
{{- end -}}
{{- if and $schemes (not (has "http" $schemes)) -}}true{{- end -}}
{{- end -}}
