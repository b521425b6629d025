{{/*
Environment of the engine, as a JSON list. Input: root, facts.
Order: the listed container's, engine.env, then what the chart derives; a name given earlier is not given again.

An engine that takes its settings from variables has its own template for them,
"llm-d-modelservice.engines.<type>.environment" in engines/, which prints a JSON list. Its input: root, facts, known.
*/}}
{{- define "llm-d-modelservice.engineEnv" -}}
{{- $facts := .facts -}}
{{- $values := .root.Values -}}
{{- $engine := $facts.engine -}}
{{- $known := index .root.Known.engines $engine.type -}}
{{- $p := $facts.parallelism -}}
{{- $listed := dict "root" .root "value" $engine.userEnv "key" (printf "%s.containers[0].env" $facts.role) -}}
{{- $env := (include "llm-d-modelservice.rendered" $listed | fromJson).value -}}
{{- $env = include "llm-d-modelservice.mergeList" (dict "key" "env" "lower" list "upper" $env) | fromJsonArray -}}
{{- $names := dict -}}
{{- range $env -}}{{- $_ := set $names .name true -}}{{- end -}}
{{- $own := (index $values $facts.role).engine.env | default dict -}}
{{- range $name, $value := $engine.variables -}}
  {{- if not (hasKey $names $name) -}}
    {{- $_ := set $names $name true -}}
    {{- if or (kindIs "map" $value) (contains "{{" (toString $value)) -}}
    {{- $key := printf "%sengine.env.%s" (hasKey $own $name | ternary (printf "%s." $facts.role) "") $name -}}
    {{- $value = (include "llm-d-modelservice.rendered" (dict "root" $.root "key" $key "value" $value) | fromJson).value -}}
    {{- end -}}
    {{- with include "llm-d-modelservice.variable" (dict "name" $name "value" $value) | fromJson -}}{{- $env = append $env . -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- $derived := list -}}
{{- $needed := list -}}
{{- range $name, $value := $known.start.env -}}{{- $needed = append $needed (dict "name" $name "value" $value) -}}{{- end -}}
{{- if has "environment" ($known.start.templates | default list) -}}
{{- $template := printf "llm-d-modelservice.engines.%s.environment" $engine.type -}}
{{- $derived = include $template (dict "root" .root "facts" $facts "known" $known) | fromJsonArray -}}
{{- else if $known.disaggregates -}}
{{- $derived = list
  (dict "name" "DP_SIZE" "value" (toJson $p.data))
  (dict "name" "TP_SIZE" "value" (toJson $p.tensor))
  (dict "name" "DP_SIZE_LOCAL" "value" (toJson $p.dataLocal)) -}}
{{- end -}}
{{- if include "llm-d-modelservice.sleeps" . -}}
{{- range $name, $value := $known.sleep.env -}}{{- $needed = append $needed (dict "name" $name "value" $value) -}}{{- end -}}
{{- end -}}
{{- $derived = concat $derived $needed -}}
{{- if $engine.mountModelVolume -}}{{- $derived = concat $derived $facts.model.env -}}{{- end -}}
{{- $derived = concat $derived $facts.model.storeEnv $facts.model.certificates.env $facts.lora.env $facts.accelerator.env -}}
{{- if $values.auth.apiKeySecret.name -}}
{{- $derived = append $derived (include "llm-d-modelservice.apiKeyEnv" . | fromJson) -}}
{{- end -}}
{{- if $values.caches.enabled -}}{{- $derived = concat $derived (include "llm-d-modelservice.cacheEnv" .root | fromJsonArray) -}}{{- end -}}
{{- with include "llm-d-modelservice.cpuCache" . -}}{{- $derived = append $derived (dict "name" $known.cpuCache.env "value" .) -}}{{- end -}}
{{- if $values.tracing.enabled -}}
{{- $services := $values.tracing.serviceNames -}}
{{- $service := eq $facts.role "decode" | ternary $services.vllmDecode $services.vllmPrefill -}}
{{- $derived = concat $derived (include "llm-d-modelservice.tracingEnv" (dict "root" .root "service" $service) | fromJsonArray) -}}
{{- end -}}
{{- range $derived -}}
  {{- if not (hasKey $names .name) -}}
  {{- $_ := set $names .name true -}}
  {{- $env = append $env . -}}
  {{- end -}}
{{- end -}}
{{- $env | toJson -}}
{{- end -}}

{{/*
An entry of a values map of variables as a Kubernetes variable, as JSON; an empty map for null. Input: name, value (a
scalar, or {valueFrom}).
*/}}
{{- define "llm-d-modelservice.variable" -}}
{{- if kindIs "map" .value -}}
{{- dict "name" .name "valueFrom" .value.valueFrom | toJson -}}
{{- else if kindIs "invalid" .value -}}
{}
{{- else -}}
{{- dict "name" .name "value" (kindIs "string" .value | ternary .value (toJson .value)) | toJson -}}
{{- end -}}
{{- end -}}

{{/* The API key as an environment variable, as JSON. Input: root, facts. */}}
{{- define "llm-d-modelservice.apiKeyEnv" -}}
{{- $known := index .root.Known.engines .facts.engine.type -}}
{{- $reference := printf "$(%s)" $known.apiKey.env -}}
{{- if not $known.apiKey.env -}}
{{- include "llm-d-modelservice.stop" (list $ (printf
  "auth.apiKeySecret.name: %s %s; remove it, and check keys at the gateway"
  $known.title $known.apiKey.refused)) -}}
{{- end -}}
{{- if and (hasKey .facts.given "api-key") (ne (toString (index .facts.given "api-key")) $reference) -}}
{{- include "llm-d-modelservice.stop" (list $
  "auth.apiKeySecret.name: the engine also gets --api-key, which overrides it; remove it from engine.args or the container's args") -}}
{{- end -}}
{{- dict "name" $known.apiKey.env "valueFrom" (dict "secretKeyRef" (pick .root.Values.auth.apiKeySecret "name" "key")) | toJson -}}
{{- end -}}

{{/* OpenTelemetry variables, as a JSON list. Input: root, service. */}}
{{- define "llm-d-modelservice.tracingEnv" -}}
{{- $tracing := .root.Values.tracing -}}
{{- list
  (dict "name" "OTEL_SERVICE_NAME" "value" .service)
  (dict "name" "OTEL_EXPORTER_OTLP_ENDPOINT" "value" $tracing.otlpEndpoint)
  (dict "name" "OTEL_TRACES_EXPORTER" "value" "otlp")
  (dict "name" "OTEL_TRACES_SAMPLER" "value" $tracing.sampling.sampler)
  (dict "name" "OTEL_TRACES_SAMPLER_ARG" "value" $tracing.sampling.samplerArg)
| toJson -}}
{{- end -}}

{{/*
Size in GiB of the KV cache of an engine on processors, printed; nothing for other engines and where the pod's memory is
not known. Half of the memory is for weights and activations, and every rank has its own cache. Input: root, facts.
*/}}
{{- define "llm-d-modelservice.cpuCache" -}}
{{- $engine := .facts.engine -}}
{{- $sized := and (index .root.Known.engines $engine.type).cpuCache (eq .facts.accelerator.type "cpu") (ne $engine.modelCommand "custom") -}}
{{- if and $sized (include "llm-d-modelservice.backendRuns" (dict "root" .root "engine" $engine)) -}}
{{- $resources := $engine.resources | default dict -}}
{{- $memory := ($resources.limits | default dict).memory | default ($resources.requests | default dict).memory -}}
{{- if $memory -}}
  {{- $units := dict "" 1.0 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15
    "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0 -}}
  {{- $quantity := kindIs "string" $memory | ternary $memory (toJson $memory) -}}
  {{- $number := regexFind "^[0-9.]+" $quantity -}}
  {{- $unit := trimPrefix $number $quantity -}}
  {{- if hasKey $units $unit -}}
  {{- max 1 (divf (mulf (float64 $number) (index $units $unit)) 2147483648.0 .facts.parallelism.perPod | floor | int) -}}
  {{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
