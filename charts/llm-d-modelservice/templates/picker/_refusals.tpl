{{/*
Settings that the endpoint picker of this version cannot follow.
*/}}

{{/* Rejects contradictory settings of the endpoint picker; prints nothing. Input: the root context. */}}
{{- define "llm-d-modelservice.checkPicker" -}}
{{- $epp := .Values.routing.epp -}}
{{- include "llm-d-modelservice.picker" . -}}
{{- $picker := .Picker -}}
{{- $known := .Known.endpointPicker -}}
{{- $example := $known.example -}}
{{- $newer := printf "set a newer image, e.g. %s, or routing.epp.version where the tag does not say it" $example -}}
{{- if semverCompare (printf "<%s.0" $known.oldest) $picker.version -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf
  (print "routing.epp.image: %s is older than the InferencePools, flags and plugins that this chart uses (those of llm-d's "
    "picker since %s and of Gateway API Inference Extension's since %s); %s")
  $epp.image $known.oldest (keys $known.extension.equivalent | sortAlpha | first) $newer)
  (dict "offered" (list (dict "set" "routing.epp.image" "value" $example)))) -}}
{{- end -}}
{{- $balancing := .Values.routing.loadBalancing.strategy -}}
{{- $own := or $epp.pluginsConfig $epp.pluginsConfigFile -}}
{{- if and $epp.pluginsConfig $epp.pluginsConfigFile -}}
{{- include "llm-d-modelservice.refuse" (list $ "routing.epp.pluginsConfigFile: routing.epp.pluginsConfig is also a configuration; keep one of them") -}}
{{- end -}}
{{- if and $epp.pluginsConfigFile (not (hasKey $epp.pluginsCustomConfig $epp.pluginsConfigFile)) -}}
{{- $files := keys $epp.pluginsCustomConfig | sortAlpha | join ", " -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf
  "routing.epp.pluginsConfigFile: routing.epp.pluginsCustomConfig has no file %s%s; remove it for a derived configuration, or add the file"
  $epp.pluginsConfigFile (empty $files | ternary "" (printf " (there are %s)" $files)))
  (dict "offered" (list (dict "remove" "routing.epp.pluginsConfigFile")))) -}}
{{- end -}}
{{- if and $epp.pluginsCustomConfig (not $epp.pluginsConfigFile) -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf
  "routing.epp.pluginsCustomConfig: nothing says which file to use; set routing.epp.pluginsConfigFile: %s"
  (keys $epp.pluginsCustomConfig | sortAlpha | first))
  (dict (eq (len $epp.pluginsCustomConfig) 1 | ternary "certain" "offered") (list (dict
    "set" "routing.epp.pluginsConfigFile" "value" (keys $epp.pluginsCustomConfig | sortAlpha | first))))) -}}
{{- end -}}
{{- if and $own $balancing -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf
  "routing.loadBalancing.strategy: routing.epp.%s is a complete configuration, so the strategy has no effect; remove one of them"
  (empty $epp.pluginsConfig | ternary "pluginsConfigFile" "pluginsConfig"))
  (dict "offered" (list (dict "remove" "routing.loadBalancing.strategy")))) -}}
{{- end -}}
{{- if not $own -}}
  {{- if and (include "llm-d-modelservice.disaggregated" .) (not $picker.llmd) -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "routing.epp.image: %s does not know prefill and decode roles; set llm-d's picker, e.g. %s, or prefill.create: false"
    $epp.image $example)) -}}
  {{- end -}}
  {{- if and (include "llm-d-modelservice.scalesToZero" .) (not $picker.has.flowControl) -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "routing.epp.image: requests that wait while no pod runs need flow control, which %s does not have; %s"
    $epp.image $newer)) -}}
  {{- end -}}
  {{- range $name := list "decode" "prefill" -}}
  {{- if (index $.Values $name).create -}}
    {{- include "llm-d-modelservice.role" (dict "root" $ "role" $name) -}}
    {{- $facts := index $.Known.engines (index $.Roles $name).engine.type -}}
    {{- $metrics := include "llm-d-modelservice.requestMetrics" (dict "root" $ "facts" (index $.Roles $name)) | fromJson -}}
    {{- $usual := (index $.Known.engines $.Known.unstated.type).metrics.picker -}}
    {{- if and $metrics.picker (ne (toString $metrics.picker) $usual) (not $picker.has.engineMetrics) -}}
    {{- include "llm-d-modelservice.refuse" (list $
      (printf "routing.epp.image: %s reads vLLM's metrics only, but the engine is %s; %s" $epp.image $facts.title $newer)) -}}
    {{- end -}}
    {{- if not $metrics.picker -}}
      {{- if not $picker.llmd -}}
      {{- include "llm-d-modelservice.refuse" (list $ (printf
        "routing.epp.image: %s chooses by metrics, but has none of %s's requests; set llm-d's picker, e.g. %s, which counts them"
        $epp.image $facts.title $example)) -}}
      {{- end -}}
      {{- /* https://github.com/kubernetes-sigs/gateway-api-inference-extension/tree/v1.5.0/pkg/epp/framework/plugins */ -}}
      {{- if include "llm-d-modelservice.scalesToZero" $ -}}
      {{- include "llm-d-modelservice.refuse" (list $ (printf
        (print "routing.epp.create: requests that wait for the first pod would never be sent, because the picker takes a pod "
          "without metrics for a full one, and it reads none from %s; set autoscaling.minReplicas: 1 without idleReplicas")
        $facts.title)) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
  {{- end -}}
{{- end -}}
{{- if and .Values.routing.inferencePool.create (not $picker.has.activePorts) (include "llm-d-modelservice.disaggregated" .) -}}
  {{- $modes := list (toString .Values.decode.parallelism.dataMode) (toString .Values.prefill.parallelism.dataMode) -}}
  {{- if has "multiPort" $modes -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "routing.epp.image: the pods of decode and prefill may have different ports (dataMode: multiPort), which %s does not know; %s"
    $epp.image $newer)) -}}
  {{- end -}}
{{- end -}}
{{- end -}}
