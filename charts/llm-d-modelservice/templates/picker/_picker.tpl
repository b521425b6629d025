{{/*
The endpoint picker (EPP). Flags, plugins and API groups changed between versions, and the picker exits on an unknown one,
so they follow the version of the image.
https://github.com/llm-d/llm-d-router/blob/main/pkg/epp/server/options.go
https://llm-d.ai/docs/api-reference/endpointpickerconfig
*/}}

{{/*
Works out the facts about the picker once per render, kept as .Picker in the root context; prints nothing. Input: the root
context. Output:
  version        of llm-d's picker, or the one that has the same plugins as Gateway API Inference Extension's
  llmd           llm-d's picker, which knows roles; the other does not
  has            {feature: whether this version has it}, the features of facts.json
  configApi      API version of its configuration
  objectiveApi   API version of InferenceObjectives
  queueMetric    metric of the requests that wait in its flow control
An image without a version is taken for the newest of its name.
*/}}
{{- define "llm-d-modelservice.picker" -}}
{{- if not (hasKey . "Picker") -}}
{{- $known := .Known.endpointPicker -}}
{{- $epp := .Values.routing.epp -}}
{{- if not $epp.image -}}{{- include "llm-d-modelservice.stop" (list $
  "routing.epp.image: the endpoint picker has no image; remove the key for the default"
  (dict "certain" (list (dict "remove" "routing.epp.image")))) -}}{{- end -}}
{{- $repository := include "llm-d-modelservice.imageName" $epp.image -}}
{{- $extension := $known.extension -}}
{{- $llmd := ne $repository $extension.name -}}
{{- $version := include "llm-d-modelservice.imageVersion" (dict "image" $epp.image "version" $epp.version) -}}
{{- if $llmd -}}
{{- $version = $version | default (index $known.images $repository) | default $known.assumed -}}
{{- else -}}
{{- $minor := splitList "." ($version | default $extension.defaultVersion) | initial | join "." -}}
{{- $version = index $extension.equivalent $minor | default "0.0.0" -}}
{{- end -}}
{{- $picker := dict "version" $version "llmd" $llmd "has" dict -}}
{{- range $feature, $since := $known.features -}}
{{- $_ := set $picker.has $feature (semverCompare (printf ">=%s.0" $since) $version) -}}
{{- end -}}
{{- range $name := list "configApi" "objectiveApi" "queueMetric" -}}
{{- range index $known $name -}}
{{- if semverCompare (printf ">=%s.0" (.since | default "0.0")) $version -}}{{- $_ := set $picker $name .value -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- $_ := set . "Picker" $picker -}}
{{- end -}}
{{- end -}}

{{/* "true" when decode and prefill run apart. Input: the root context. */}}
{{- define "llm-d-modelservice.disaggregated" -}}
{{- if and .Values.decode.create .Values.prefill.create -}}true{{- end -}}
{{- end -}}

{{/*
"true" when an autoscaler may take all pods of a role away, so that requests have to wait in the picker. Input: the root
context.
*/}}
{{- define "llm-d-modelservice.scalesToZero" -}}
{{- range $name := list "decode" "prefill" -}}
  {{- $role := index $.Values $name -}}
  {{- $scaling := $role.autoscaling -}}
  {{- $none := or (eq (toString $scaling.minReplicas) "0") (eq (toString $scaling.idleReplicas) "0") -}}
  {{- if and $role.create $scaling.enabled (eq $scaling.type "keda") $none -}}true{{- end -}}
{{- end -}}
{{- end -}}

{{/* "true" when the pods of every role serve TLS, so that their metrics are read over it. Input: the root context. */}}
{{- define "llm-d-modelservice.metricsOverTLS" -}}
{{- $schemes := list -}}
{{- range $name := list "decode" "prefill" -}}
  {{- if (index $.Values $name).create -}}
  {{- include "llm-d-modelservice.role" (dict "root" $ "role" $name) -}}
  {{- $facts := index $.Roles $name -}}
  {{- $schemes = append $schemes (include "llm-d-modelservice.scheme" (dict "root" $ "facts" $facts)) -}}
  {{- end -}}
{{- end -}}
{{- if and $schemes (not (has "http" $schemes)) -}}true{{- end -}}
{{- end -}}
