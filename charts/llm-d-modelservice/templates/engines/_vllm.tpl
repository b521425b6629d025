{{/*
Flags of vLLM, as JSON {flags, command, withheld}; see engineCommand. Ranks over several pods need more than the facts
about vLLM say: an address, a port, and the first rank of each pod.
https://docs.vllm.ai/en/latest/serving/data_parallel_deployment/
*/}}
{{- define "llm-d-modelservice.engines.vllm.flags" -}}
{{- $facts := .facts -}}
{{- $p := $facts.parallelism -}}
{{- $groups := .known.groups -}}
{{- $flags := list -}}
{{- $out := dict -}}
{{- if not .positional -}}{{- $flags = append $flags (list "model" $facts.model.argument) -}}{{- end -}}
{{- $flags = append $flags (list "port" $facts.enginePort) -}}
{{- if gt (int $p.tensor) 1 -}}{{- $flags = append $flags (list "tensor-parallel-size" $p.tensor) -}}{{- end -}}
{{- if gt (int $p.pipeline) 1 -}}{{- $flags = append $flags (list "pipeline-parallel-size" $p.pipeline) -}}{{- end -}}
{{- if gt (int $p.data) 1 -}}{{- $flags = append $flags (list "data-parallel-size" $p.data) -}}{{- end -}}
{{- if or (gt (int $p.dataLocal) 1) (and $p.mode (ne $p.mode "external")) -}}
{{- $flags = append $flags (list "data-parallel-size-local" $p.dataLocal) -}}
{{- end -}}
{{- if $p.expert -}}{{- $flags = append $flags (list "enable-expert-parallel" true) -}}{{- end -}}
{{- with and $p.mode (index .known.parallelism.dataModes $p.mode) -}}
{{- $flags = append $flags (list . (eq $p.mode "external" | ternary "$(LWS_WORKER_INDEX)" true)) -}}
{{- end -}}
{{- if eq $p.mode "multiPort" -}}
{{- $flags = append $flags (list "data-parallel-supervisor-port" (add $facts.enginePort $p.dataLocal)) -}}
{{- end -}}
{{- if and $p.mode (gt (int $p.workers) 1) -}}
  {{- $flags = concat $flags (list
    (list "data-parallel-address" "$(LWS_LEADER_ADDRESS)") (list "data-parallel-rpc-port" 5555)) -}}
  {{- if and (ne $p.mode "external") (or (ne $p.mode "internal") .worker) -}}
    {{- if eq (int $p.dataLocal) 1 -}}{{- $flags = append $flags (list "data-parallel-start-rank" "$(LWS_WORKER_INDEX)") -}}
    {{- else if not (hasKey $facts.given "data-parallel-start-rank") -}}
    {{- $_ := set $out "command" (include "llm-d-modelservice.engines.vllm.ranked" . | fromJsonArray) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- if $p.spans -}}
  {{- $flags = concat $flags (list
    (list $groups.nodes $p.workers) (list $groups.rank "$(LWS_WORKER_INDEX)") (list $groups.address "$(LWS_LEADER_ADDRESS)")) -}}
{{- end -}}
{{- if .worker -}}
  {{- $flags = append $flags (list $groups.headless true) -}}
  {{- /* A pod without an API server exits when it is told how many of them to start. */ -}}
  {{- $_ := set $out "withheld" (list "api-server-count") -}}
{{- end -}}
{{- $names := $facts.model.names -}}
{{- $flags = append $flags (list "served-model-name" (gt (len $names) 1 | ternary $names $facts.model.name)) -}}
{{- $flags = concat $flags $facts.model.flags $facts.lora.flags -}}
{{- $features := .root.Values.modelArtifacts.features -}}
{{- if and $features (not (or (has "TextGeneration" $features) (has "SpeechToText" $features))) -}}
{{- $flags = append $flags (list "runner" "pooling") -}}
{{- end -}}
{{- $tracing := .root.Values.tracing -}}
{{- if $tracing.enabled -}}
  {{- $flags = concat $flags (list
    (list .known.tracing.endpoint $tracing.otlpEndpoint) (list .known.tracing.detail $tracing.vllm.collectDetailedTraces)) -}}
{{- end -}}
{{- if include "llm-d-modelservice.sleeps" . -}}{{- $flags = append $flags (list .known.sleep.flag true) -}}{{- end -}}
{{- if $facts.drain.flag -}}{{- $flags = append $flags (list .known.shutdown.flag $facts.drain.timeout) -}}{{- end -}}
{{- set $out "flags" $flags | toJson -}}
{{- end -}}

{{/*
Command that starts vLLM with the first data parallel rank of its pod, which is a product and so needs a shell, as a JSON
list. Input as for the flags.
*/}}
{{- define "llm-d-modelservice.engines.vllm.ranked" -}}
{{- $local := int .facts.parallelism.dataLocal -}}
{{- if not .positional -}}
{{- include "llm-d-modelservice.stop" (list $ (printf
  "%s: the first rank of a pod is LWS_WORKER_INDEX x %d, which needs a shell around the command; set modelCommand: %s"
  .facts.role $local .known.start.modelCommand)) -}}
{{- end -}}
{{- $script := printf "exec vllm serve \"$@\" --data-parallel-start-rank \"$((LWS_WORKER_INDEX * %d))\"" $local -}}
{{- list "/bin/sh" "-c" $script "vllm-serve" | toJson -}}
{{- end -}}
