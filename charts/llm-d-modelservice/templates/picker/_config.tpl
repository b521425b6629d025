{{/*
The plugin configuration that follows from load balancing and roles, as JSON. Input: root, picker.
  unset       equal prefix, free KV cache and queue, weighted as Gateway API Inference Extension does
  LeastLoad   requests in flight
  PrefixHash  equal prefix, and the queue as a bound
Requests in flight stand for queue and cache of an engine without such metrics. Where there are adapters, pods that have
the requested one score higher, if the engine's metrics list them.
With prefill, each request runs both profiles: llm-d's handler asks the decider whether to run prefill elsewhere.
*/}}
{{- define "llm-d-modelservice.pickerConfig" -}}
{{- $values := .root.Values -}}
{{- $has := .picker.has -}}
{{- $strategy := $values.routing.loadBalancing.strategy | default "" -}}
{{- $measured := true -}}
{{- $adapters := or $values.modelArtifacts.adapters $values.modelArtifacts.lora.dynamic -}}
{{- $engines := .root.Known.engines -}}
{{- $usual := (index $engines .root.Known.unstated.type).metrics.picker -}}
{{- $extracted := "" -}}
{{- range $name := list "decode" "prefill" -}}
  {{- if (index $values $name).create -}}
  {{- include "llm-d-modelservice.role" (dict "root" $.root "role" $name) -}}
  {{- $facts := index $.root.Roles $name -}}
  {{- $metrics := include "llm-d-modelservice.requestMetrics" (dict "root" $.root "facts" $facts) | fromJson -}}
  {{- if not $metrics.picker -}}{{- $measured = false -}}
  {{- else if ne $metrics.picker $usual -}}{{- $extracted = $metrics.picker -}}{{- end -}}
  {{- if not ((index $engines $facts.engine.type).adapters | default dict).inMetrics -}}{{- $adapters = false -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- $scorers := list (list "queue-scorer" 2) (list "kv-cache-utilization-scorer" 2) (list "prefix-cache-scorer" 3) -}}
{{- if eq $strategy "LeastLoad" -}}
{{- $scorers = list (list "active-request-scorer" 1) -}}
{{- if not .picker.llmd -}}{{- $scorers = list (list "running-requests-size-scorer" 1) (list "queue-scorer" 1) -}}{{- end -}}
{{- else if eq $strategy "PrefixHash" -}}
{{- $scorers = list (list "prefix-cache-scorer" 3) (list ($measured | ternary "queue-scorer" "active-request-scorer") 1) -}}
{{- else if not $measured -}}
{{- $scorers = list (list "active-request-scorer" 2) (list "prefix-cache-scorer" 3) -}}
{{- end -}}
{{- if $adapters -}}{{- $scorers = append $scorers (list "lora-affinity-scorer" 1) -}}{{- end -}}
{{- $plugins := list -}}
{{- $length := $values.routing.loadBalancing.prefixHash.prefixCharLength -}}
{{- range $scorers -}}
  {{- $plugin := dict "type" (first .) -}}
  {{- if and $length (eq (first .) "prefix-cache-scorer") -}}
    {{- /* One block of the requested length. A token counts as four characters. */ -}}
    {{- $tokens := div (add $length 3) 4 -}}
    {{- if $has.prefixProducer -}}
    {{- $block := dict "autoTune" false "blockSizeTokens" $tokens "maxPrefixTokensToMatch" $tokens -}}
    {{- $plugins = append $plugins (dict "type" "approx-prefix-cache-producer" "parameters" $block) -}}
    {{- else if $has.prefixBlockTokens -}}
    {{- $_ := set $plugin "parameters" (dict "autoTune" false "blockSizeTokens" $tokens "maxPrefixBlocksToMatch" 1) -}}
    {{- else -}}
    {{- $_ := set $plugin "parameters" (dict "autoTune" false "blockSize" $length "maxPrefixBlocksToMatch" 1) -}}
    {{- end -}}
  {{- end -}}
  {{- $plugins = append $plugins $plugin -}}
{{- end -}}
{{- $refs := list (dict "pluginRef" "max-score-picker") -}}
{{- range $scorers -}}{{- $refs = append $refs (dict "pluginRef" (first .) "weight" (last .)) -}}{{- end -}}
{{- $plugins = append $plugins (dict "type" "max-score-picker") -}}
{{- $profiles := list (dict "name" "default" "plugins" $refs) -}}
{{- if include "llm-d-modelservice.disaggregated" .root -}}
  {{- $plugins = concat $plugins (list (dict "type" "prefill-filter") (dict "type" "decode-filter")) -}}
  {{- if $has.disaggregation -}}
    {{- if not $has.headersInHandler -}}{{- $plugins = append $plugins (dict "type" "disagg-headers-handler") -}}{{- end -}}
    {{- $decider := "always-disagg-pd-decider" -}}
    {{- $plugins = concat $plugins (list
      (dict "type" $decider)
      (dict "type" "disagg-profile-handler" "parameters" (dict "deciders" (dict "prefill" $decider)))) -}}
  {{- else -}}
    {{- $plugins = concat $plugins (list
      (dict "type" "prefill-header-handler")
      (dict "type" "pd-profile-handler" "parameters" (dict "threshold" 0))) -}}
  {{- end -}}
  {{- $profiles = list
    (dict "name" "prefill" "plugins" (prepend $refs (dict "pluginRef" "prefill-filter")))
    (dict "name" "decode" "plugins" (prepend $refs (dict "pluginRef" "decode-filter"))) -}}
{{- end -}}
{{- if and (include "llm-d-modelservice.metricsOverTLS" .root) $has.metricsScheme -}}
{{- $scheme := dict "scheme" "https" "insecureSkipVerify" true -}}
{{- $plugins = append $plugins (dict "type" "metrics-data-source" "parameters" $scheme) -}}
{{- else if $extracted -}}
{{- $plugins = append $plugins (dict "type" "metrics-data-source") -}}
{{- end -}}
{{- with $extracted -}}
{{- $plugins = append $plugins (dict "type" "core-metrics-extractor" "parameters" (dict "defaultEngine" .)) -}}
{{- end -}}
{{- if include "llm-d-modelservice.screens" .root -}}
{{- $plugins = append $plugins (include "llm-d-modelservice.rolloutScreener" .root | fromJson) -}}
{{- end -}}
{{- $config := dict "apiVersion" .picker.configApi "kind" "EndpointPickerConfig" "plugins" $plugins "schedulingProfiles" $profiles -}}
{{- if include "llm-d-modelservice.scalesToZero" .root -}}
{{- $_ := set $config "featureGates" (list "flowControl") -}}
{{- if $has.queueTimeout -}}
{{- /* As long as the first pod may take to load; the picker's default is a minute. */ -}}
{{- $load := 0 -}}
{{- range list $values.decode $values.prefill -}}{{- if .create -}}{{- $load = max $load (int .probes.loadSeconds) -}}{{- end -}}{{- end -}}
{{- $_ := set $config "flowControl" (dict "defaultRequestTTL" (printf "%ds" (int $load))) -}}
{{- end -}}
{{- end -}}
{{- $config | toJson -}}
{{- end -}}

{{/* Configuration files of the picker, as JSON {files, name}; name is the one that is used. Input: root, picker. */}}
{{- define "llm-d-modelservice.pickerFiles" -}}
{{- $epp := .root.Values.routing.epp -}}
{{- $files := deepCopy ($epp.pluginsCustomConfig | default dict) -}}
{{- $name := $epp.pluginsConfigFile | default "plugins.yaml" -}}
{{- if not $epp.pluginsConfigFile -}}
{{- $config := $epp.pluginsConfig | default (include "llm-d-modelservice.pickerConfig" . | fromJson) -}}
{{- $_ := set $files $name ($config | toYaml | printf "%s\n") -}}
{{- end -}}
{{- dict "files" $files "name" $name | toJson -}}
{{- end -}}
