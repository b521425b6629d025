{{/*
Flags derived for vLLM, as JSON {flags, startRank}. Input as engineCommand.
startRank: the pod's first data parallel rank has to be computed in a shell, because it is a product.
https://docs.vllm.ai/en/latest/serving/data_parallel_deployment/
*/}}
{{- define "llm-d-modelservice.vllmFlags" -}}
{{- $p := .facts.parallelism -}}
{{- $multinode := gt (int $p.workers) 1 -}}
{{- $flags := list -}}
{{- $startRank := false -}}
{{- if eq .facts.engine.modelCommand "imageDefault" -}}{{- $flags = append $flags (dict "name" "model" "value" .facts.model.argument) -}}{{- end -}}
{{- $flags = append $flags (dict "name" "port" "value" .facts.enginePort) -}}
{{- if gt (int $p.tensor) 1 -}}{{- $flags = append $flags (dict "name" "tensor-parallel-size" "value" $p.tensor) -}}{{- end -}}
{{- if gt (int $p.pipeline) 1 -}}{{- $flags = append $flags (dict "name" "pipeline-parallel-size" "value" $p.pipeline) -}}{{- end -}}
{{- if gt (int $p.data) 1 -}}{{- $flags = append $flags (dict "name" "data-parallel-size" "value" $p.data) -}}{{- end -}}
{{- if or (gt (int $p.dataLocal) 1) (and $p.mode (ne $p.mode "external")) -}}{{- $flags = append $flags (dict "name" "data-parallel-size-local" "value" $p.dataLocal) -}}{{- end -}}
{{- if $p.expert -}}{{- $flags = append $flags (dict "name" "enable-expert-parallel" "value" true) -}}{{- end -}}
{{- if eq $p.mode "hybrid" -}}{{- $flags = append $flags (dict "name" "data-parallel-hybrid-lb" "value" true) -}}
{{- else if eq $p.mode "external" -}}{{- $flags = append $flags (dict "name" "data-parallel-rank" "value" "$(LWS_WORKER_INDEX)") -}}
{{- else if eq $p.mode "multiPort" -}}
  {{- $flags = append $flags (dict "name" "data-parallel-multi-port-external-lb" "value" true) -}}
  {{- $flags = append $flags (dict "name" "data-parallel-supervisor-port" "value" (add .facts.enginePort $p.dataLocal)) -}}
{{- end -}}
{{- if and $p.mode $multinode -}}
  {{- $flags = append $flags (dict "name" "data-parallel-address" "value" "$(LWS_LEADER_ADDRESS)") -}}
  {{- $flags = append $flags (dict "name" "data-parallel-rpc-port" "value" 5555) -}}
  {{- if or (has $p.mode (list "hybrid" "multiPort")) .worker -}}
    {{- if eq $p.mode "external" -}}
    {{- else if eq (int $p.dataLocal) 1 -}}{{- $flags = append $flags (dict "name" "data-parallel-start-rank" "value" "$(LWS_WORKER_INDEX)") -}}
    {{- else -}}{{- $startRank = true -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- if $p.spans -}}
  {{- $flags = append $flags (dict "name" "nnodes" "value" $p.workers) -}}
  {{- $flags = append $flags (dict "name" "node-rank" "value" "$(LWS_WORKER_INDEX)") -}}
  {{- $flags = append $flags (dict "name" "master-addr" "value" "$(LWS_LEADER_ADDRESS)") -}}
{{- end -}}
{{- if .worker -}}{{- $flags = append $flags (dict "name" "headless" "value" true) -}}{{- end -}}
{{- $names := .facts.model.names -}}
{{- $flags = append $flags (dict "name" "served-model-name" "value" (gt (len $names) 1 | ternary $names .facts.model.name)) -}}
{{- $flags = concat $flags .facts.model.flags .facts.lora.flags -}}
{{- $features := .root.Values.modelArtifacts.features -}}
{{- if and $features (eq .facts.engine.type "vllm") (not (or (has "TextGeneration" $features) (has "SpeechToText" $features))) -}}
  {{- $flags = append $flags (dict "name" "runner" "value" "pooling") -}}
{{- end -}}
{{- $tracing := .root.Values.tracing -}}
{{- if and $tracing.enabled (ne .facts.engine.type "simulator") -}}
  {{- $flags = append $flags (dict "name" "otlp-traces-endpoint" "value" $tracing.otlpEndpoint) -}}
  {{- $flags = append $flags (dict "name" "collect-detailed-traces" "value" $tracing.vllm.collectDetailedTraces) -}}
{{- end -}}
{{- if .facts.drain.flag -}}{{- $flags = append $flags (dict "name" "shutdown-timeout" "value" .facts.drain.timeout) -}}{{- end -}}
{{- dict "flags" $flags "startRank" $startRank | toJson -}}
{{- end -}}
