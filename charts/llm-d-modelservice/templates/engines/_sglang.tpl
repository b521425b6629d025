{{/*
Flags derived for SGLang, as JSON {flags, startRank}. Input as engineCommand.
https://docs.sglang.ai/advanced_features/server_arguments.html
*/}}
{{- define "llm-d-modelservice.sglangFlags" -}}
{{- $p := .facts.parallelism -}}
{{- $flags := list
  (dict "name" "model-path" "canonical" "model" "value" .facts.model.argument)
  (dict "name" "host" "value" "0.0.0.0")
  (dict "name" "port" "value" .facts.enginePort)
  (dict "name" "enable-metrics" "value" true) -}}
{{- if gt (int $p.tensor) 1 -}}{{- $flags = append $flags (dict "name" "tp-size" "canonical" "tensor-parallel-size" "value" $p.tensor) -}}{{- end -}}
{{- if gt (int $p.pipeline) 1 -}}{{- $flags = append $flags (dict "name" "pp-size" "canonical" "pipeline-parallel-size" "value" $p.pipeline) -}}{{- end -}}
{{- if gt (int $p.data) 1 -}}{{- $flags = append $flags (dict "name" "dp-size" "canonical" "data-parallel-size" "value" $p.data) -}}{{- end -}}
{{- if $p.expert -}}{{- $flags = append $flags (dict "name" "ep-size" "value" $p.tensor) -}}{{- end -}}
{{- if $p.spans -}}
  {{- $flags = append $flags (dict "name" "nnodes" "value" $p.workers) -}}
  {{- $flags = append $flags (dict "name" "node-rank" "value" "$(LWS_WORKER_INDEX)") -}}
  {{- $flags = append $flags (dict "name" "dist-init-addr" "value" "$(LWS_LEADER_ADDRESS):5000") -}}
{{- end -}}
{{- $flags = append $flags (dict "name" "served-model-name" "value" .facts.model.name) -}}
{{- if .root.Values.auth.apiKeySecret.name -}}{{- $flags = append $flags (dict "name" "api-key" "value" "$(SGLANG_API_KEY)") -}}{{- end -}}
{{- $flags = concat $flags .facts.model.flags .facts.lora.flags -}}
{{- $features := .root.Values.modelArtifacts.features -}}
{{- if and (has "TextEmbedding" $features) (not (has "TextGeneration" $features)) -}}{{- $flags = append $flags (dict "name" "is-embedding" "value" true) -}}{{- end -}}
{{- dict "flags" $flags "startRank" false | toJson -}}
{{- end -}}
