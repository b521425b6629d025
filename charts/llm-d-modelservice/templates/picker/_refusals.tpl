{{/* Combinations of the endpoint picker. Input: the root context. */}}
{{- define "llm-d-modelservice.checkPicker" -}}
{{- $epp := .Values.routing.epp -}}
{{- $picker := include "llm-d-modelservice.picker" . | fromJson -}}
{{- $newer := "write a newer image, e.g. ghcr.io/llm-d/llm-d-router-endpoint-picker:v0.10.0, or its version as routing.epp.version where the tag does not tell it" -}}
{{- if semverCompare "<0.4.0" $picker.version -}}
{{- fail (printf
  (print "routing.epp.image: %s is older than the InferencePools, flags and plugins that this chart writes (those of "
    "llm-d's picker from 0.4 on and of Gateway API Inference Extension's from 1.3 on); %s")
  $epp.image $newer) -}}
{{- end -}}
{{- $balancing := .Values.routing.loadBalancing.strategy -}}
{{- $own := or $epp.pluginsConfig $epp.pluginsConfigFile -}}
{{- if and $epp.pluginsConfig $epp.pluginsConfigFile -}}
{{- fail "routing.epp.pluginsConfigFile: routing.epp.pluginsConfig is a configuration too; keep one" -}}
{{- end -}}
{{- if and $epp.pluginsConfigFile (not (hasKey $epp.pluginsCustomConfig $epp.pluginsConfigFile)) -}}
{{- fail (printf
  (print "routing.epp.pluginsConfigFile: routing.epp.pluginsCustomConfig has no file %s%s; remove it for a derived "
    "configuration, or set the file")
  $epp.pluginsConfigFile
  (empty $epp.pluginsCustomConfig | ternary "" (printf " (there are %s)" (keys $epp.pluginsCustomConfig | sortAlpha | join ", ")))) -}}
{{- end -}}
{{- if and $epp.pluginsCustomConfig (not $epp.pluginsConfigFile) -}}
{{- fail (printf
  "routing.epp.pluginsCustomConfig: nothing says which file holds; set routing.epp.pluginsConfigFile: %s"
  (keys $epp.pluginsCustomConfig | sortAlpha | first)) -}}
{{- end -}}
{{- if and $own $balancing -}}
{{- fail (printf
  (print "routing.loadBalancing.strategy: routing.epp.%s is a whole configuration, so the strategy has no effect; "
    "remove one of them")
  (empty $epp.pluginsConfig | ternary "pluginsConfigFile" "pluginsConfig")) -}}
{{- end -}}
{{- if not $own -}}
  {{- if and (include "llm-d-modelservice.disaggregated" .) (not $picker.llmd) -}}
  {{- fail (printf
    (print "routing.epp.image: %s knows no prefill and decode roles; set llm-d's picker, e.g. "
      "ghcr.io/llm-d/llm-d-router-endpoint-picker:v0.10.0, or prefill.create: false")
    $epp.image) -}}
  {{- end -}}
  {{- if and (include "llm-d-modelservice.scalesToZero" .) (semverCompare "<0.7.0" $picker.version) -}}
  {{- fail (printf
    "routing.epp.image: requests that wait while no pod runs need flow control, which %s does not have; %s"
    $epp.image $newer) -}}
  {{- end -}}
  {{- range include "llm-d-modelservice.engines" . | fromJsonArray -}}
    {{- if and (semverCompare "<0.8.0" $picker.version) (eq .type "sglang") -}}
    {{- fail (printf
      "routing.epp.image: %s reads vLLM's metrics only, but the engine is SGLang; %s"
      $epp.image $newer) -}}
    {{- end -}}
    {{- if not (include "llm-d-modelservice.requestMetrics" . | fromJson) -}}
      {{- if not $picker.llmd -}}
      {{- fail (printf
        (print "routing.epp.image: %s chooses by metrics, and %s has none of its requests; set llm-d's picker, e.g. "
          "ghcr.io/llm-d/llm-d-router-endpoint-picker:v0.10.0, which counts them")
        $epp.image .type) -}}
      {{- end -}}
      {{- /* https://github.com/kubernetes-sigs/gateway-api-inference-extension/tree/v1.5.0/pkg/epp/framework/plugins/flowcontrol/saturationdetector */ -}}
      {{- if include "llm-d-modelservice.scalesToZero" $ -}}
      {{- fail (printf
        (print "routing.epp.create: requests that wait for the first pod would wait for ever, as the picker takes a pod "
          "without metrics for a full one, and %s has none; set autoscaling.minReplicas: 1 without idleReplicas")
        .type) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- if and .Values.routing.inferencePool.create (semverCompare "<0.7.0" $picker.version) (include "llm-d-modelservice.disaggregated" .) -}}
  {{- if or (eq (toString .Values.decode.parallelism.dataMode) "multiPort") (eq (toString .Values.prefill.parallelism.dataMode) "multiPort") -}}
  {{- fail (printf
    (print "routing.epp.image: the pods of decode and prefill may have different ports (dataMode: multiPort), which %s "
      "does not know; %s")
    $epp.image $newer) -}}
  {{- end -}}
{{- end -}}
{{- end -}}
