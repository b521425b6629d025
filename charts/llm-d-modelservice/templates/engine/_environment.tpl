{{/*
Environment of the engine, as JSON. Input: root, facts.
Order: the listed container's, engine.env, then what the chart derives; a name given earlier is not given again.
*/}}
{{- define "llm-d-modelservice.engineEnv" -}}
{{- $facts := .facts -}}
{{- $engine := $facts.engine -}}
{{- $p := $facts.parallelism -}}
{{- $env := list -}}
{{- range (include "llm-d-modelservice.rendered" (dict "root" .root "value" $engine.userEnv "key" (printf "%s.containers[0].env" $facts.role)) | fromJson).value -}}{{- $env = append $env . -}}{{- end -}}
{{- $env = include "llm-d-modelservice.mergeList" (dict "key" "env" "lower" list "upper" $env) | fromJsonArray -}}
{{- $names := dict -}}
{{- range $env -}}{{- $_ := set $names .name true -}}{{- end -}}
{{- range $name, $value := (include "llm-d-modelservice.rendered" (dict "root" .root "value" $engine.variables "key" "engine.env") | fromJson).value -}}
  {{- if not (hasKey $names $name) -}}
    {{- $_ := set $names $name true -}}
    {{- if kindIs "map" $value -}}{{- $env = append $env (dict "name" $name "valueFrom" $value.valueFrom) -}}
    {{- else if not (kindIs "invalid" $value) -}}{{- $env = append $env (dict "name" $name "value" (kindIs "string" $value | ternary $value (toJson $value))) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- $derived := list -}}
{{- if include "llm-d-modelservice.standsAlone" $engine.type -}}
{{- $derived = include "llm-d-modelservice.serverEnv" . | fromJsonArray -}}
{{- else -}}
{{- $derived = list
  (dict "name" "DP_SIZE" "value" (toJson $p.data))
  (dict "name" "TP_SIZE" "value" (toJson $p.tensor))
  (dict "name" "DP_SIZE_LOCAL" "value" (toJson $p.dataLocal)) -}}
{{- end -}}
{{- if $engine.mountModelVolume -}}{{- $derived = concat $derived $facts.model.env -}}{{- end -}}
{{- $derived = concat $derived $facts.model.storeEnv $facts.lora.env $facts.accelerator.env -}}
{{- with .root.Values.auth.apiKeySecret.name -}}
{{- $derived = append $derived (include "llm-d-modelservice.apiKeyEnv" $ | fromJson) -}}
{{- end -}}
{{- if .root.Values.caches.enabled -}}{{- $derived = concat $derived (include "llm-d-modelservice.cacheEnv" .root | fromJsonArray) -}}{{- end -}}
{{- with include "llm-d-modelservice.cpuCache" . -}}{{- $derived = append $derived (dict "name" "VLLM_CPU_KVCACHE_SPACE" "value" .) -}}{{- end -}}
{{- if .root.Values.tracing.enabled -}}
{{- $service := eq $facts.role "decode" | ternary .root.Values.tracing.serviceNames.vllmDecode .root.Values.tracing.serviceNames.vllmPrefill -}}
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

{{/* Variables from which engines that check an API key read it, as JSON, by engine type. */}}
{{- define "llm-d-modelservice.apiKeyVariables" -}}
{"vllm": "VLLM_API_KEY", "simulator": "VLLM_API_KEY", "sglang": "SGLANG_API_KEY", "infinity": "INFINITY_API_KEY"}
{{- end -}}

{{/*
The API key as an environment variable, as JSON. Input: root, facts. SGLang has only a flag, in which Kubernetes fills in
the variable. None of these engines asks for the key on /health and /metrics; faster-whisper-server asks for it
everywhere, also the probes.
https://docs.vllm.ai/en/latest/cli/serve/
https://michaelfeil.eu/infinity/latest/cli_v2/
*/}}
{{- define "llm-d-modelservice.apiKeyEnv" -}}
{{- $type := .facts.engine.type -}}
{{- $variable := get (include "llm-d-modelservice.apiKeyVariables" . | fromJson) $type -}}
{{- if not $variable -}}
{{- fail (printf
  "auth.apiKeySecret.name: %s %s, so that everybody could ask; remove it, and check keys at the gateway"
  $type (eq $type "fasterWhisper" | ternary "would ask its own probes for the key" "checks no key")) -}}
{{- end -}}
{{- if hasKey .facts.given "api-key" -}}
{{- fail (print
  "auth.apiKeySecret.name: the engine gets an --api-key beside it, in plain text; remove it from engine.args or the "
  "container's args") -}}
{{- end -}}
{{- dict "name" $variable "valueFrom" (dict "secretKeyRef" (pick .root.Values.auth.apiKeySecret "name" "key")) | toJson -}}
{{- end -}}

{{/* OpenTelemetry variables, as JSON. Input: root, service. */}}
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
KV-cache of vLLM on processors in GiB, printed; nothing where the memory of the pod is not known. Half of the memory
is for weights and activations, and every rank has a cache of its own. Input: facts.
https://docs.vllm.ai/en/latest/getting_started/installation/cpu/
*/}}
{{- define "llm-d-modelservice.cpuCache" -}}
{{- $resources := .facts.engine.resources | default dict -}}
{{- $memory := ($resources.limits | default dict).memory | default ($resources.requests | default dict).memory -}}
{{- if and $memory (eq .facts.accelerator.type "cpu") (has .facts.engine.type (list "vllm" "huggingface")) (ne .facts.engine.modelCommand "custom") (ne (toString (.facts.engine.huggingface).backend) "huggingface") -}}
  {{- $units := dict "" 1.0 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0 -}}
  {{- $quantity := kindIs "string" $memory | ternary $memory (toJson $memory) -}}
  {{- $number := regexFind "^[0-9.]+" $quantity -}}
  {{- $unit := trimPrefix $number $quantity -}}
  {{- if hasKey $units $unit -}}
  {{- max 1 (divf (mulf (float64 $number) (index $units $unit)) 2147483648.0 .facts.parallelism.perPod | floor | int) -}}
  {{- end -}}
{{- end -}}
{{- end -}}
