{{/*
Flags of KServe's Hugging Face server, as JSON {flags}; see engineCommand.
https://github.com/kserve/kserve/tree/master/python/huggingfaceserver
*/}}
{{- define "llm-d-modelservice.engines.huggingface.flags" -}}
{{- $facts := .facts -}}
{{- $model := $facts.model -}}
{{- $options := $facts.engine.options -}}
{{- if and $options.task (eq ($options.backend | default "") "vllm") -}}
{{- include "llm-d-modelservice.stop" (list $ "engine.huggingface.task: backend: vllm ignores it; remove task, or set backend: huggingface"
  (dict "offered" (list (dict "remove" "engine.huggingface.task")))) -}}
{{- end -}}
{{- $flags := list
  (list "model_name" $model.name)
  (list (has $model.scheme (list "hf" "pvc+hf") | ternary "model_id" "model_dir") $model.argument) -}}
{{- if $model.revision -}}{{- $flags = append $flags (list "model_revision" $model.revision) -}}{{- end -}}
{{- $flags = append $flags (list "http_port" $facts.enginePort) -}}
{{- if gt (int $facts.parallelism.tensor) 1 -}}{{- $flags = append $flags (list "tensor-parallel-size" $facts.parallelism.tensor) -}}{{- end -}}
{{- /* Booleans of the server are switches: any value, also false, turns them on. */ -}}
{{- range $key, $value := $options -}}
  {{- $name := snakecase $key -}}
  {{- if eq $key "enableDocs" -}}
    {{- if $value -}}{{- $flags = append $flags (list "enable_docs_url" "true") -}}{{- end -}}
  {{- else if kindIs "bool" $value -}}
    {{- if $value -}}{{- $flags = append $flags (list $name true) -}}{{- end -}}
  {{- else if kindIs "slice" $value -}}
    {{- if $value -}}{{- $flags = append $flags (list $name (join "," $value)) -}}{{- end -}}
  {{- else if not (kindIs "invalid" $value) -}}
    {{- $flags = append $flags (list $name $value) -}}
  {{- end -}}
{{- end -}}
{{- dict "flags" $flags | toJson -}}
{{- end -}}
