{{/*
Engines by type: what each one is, and how those that are not started like vLLM or SGLang get their settings.
  ollama         https://docs.ollama.com/faq#how-do-i-configure-ollama-server
  infinity       https://michaelfeil.eu/infinity/latest/deploy/
  fasterWhisper  https://github.com/fedirz/faster-whisper-server/blob/master/src/faster_whisper_server/config.py
  huggingface    https://github.com/kserve/kserve/tree/master/python/huggingfaceserver
*/}}

{{/* Arguments of an engine that stands alone, as a JSON list. Input: facts. */}}
{{- define "llm-d-modelservice.serverArgs" -}}
{{- $engine := .facts.engine -}}
{{- $model := .facts.model -}}
{{- $args := list -}}
{{- $flags := list -}}
{{- if eq $engine.type "ollama" -}}
  {{- $args = list "serve" -}}
{{- else if eq $engine.type "infinity" -}}
  {{- $args = list "v2" -}}
{{- else if eq $engine.type "huggingface" -}}
  {{- $flags = list (dict "name" "model_name" "value" $model.name) -}}
  {{- $flags = append $flags (dict "name" (has $model.scheme (list "hf" "pvc+hf") | ternary "model_id" "model_dir") "value" $model.argument) -}}
  {{- if $model.revision -}}{{- $flags = append $flags (dict "name" "model_revision" "value" $model.revision) -}}{{- end -}}
  {{- $flags = append $flags (dict "name" "http_port" "value" .facts.enginePort) -}}
  {{- if gt (int .facts.parallelism.tensor) 1 -}}{{- $flags = append $flags (dict "name" "tensor-parallel-size" "value" .facts.parallelism.tensor) -}}{{- end -}}
  {{- /* Booleans of the server are switches: any value, also false, turns them on. */ -}}
  {{- range $key, $value := $engine.huggingface -}}
    {{- $name := snakecase $key -}}
    {{- if eq $key "enableDocs" -}}
      {{- if $value -}}{{- $flags = append $flags (dict "name" "enable_docs_url" "value" "true") -}}{{- end -}}
    {{- else if kindIs "bool" $value -}}
      {{- if $value -}}{{- $flags = append $flags (dict "name" $name "value" true) -}}{{- end -}}
    {{- else if kindIs "slice" $value -}}
      {{- if $value -}}{{- $flags = append $flags (dict "name" $name "value" (join "," $value)) -}}{{- end -}}
    {{- else if not (kindIs "invalid" $value) -}}
      {{- $flags = append $flags (dict "name" $name "value" $value) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- range $flags -}}
  {{- if not (hasKey $.facts.given (.name | replace "_" "-")) -}}
  {{- $args = concat $args (include "llm-d-modelservice.flag" . | fromJsonArray) -}}
  {{- end -}}
{{- end -}}
{{- $fromUser := include "llm-d-modelservice.givenFlags" (dict "args" $engine.userArgs "flags" dict) | fromJson -}}
{{- range $name, $value := $engine.flags -}}
  {{- if not (or (kindIs "invalid" $value) (hasKey $fromUser $name)) -}}
  {{- $args = concat $args (include "llm-d-modelservice.flag" (dict "name" $name "value" $value) | fromJsonArray) -}}
  {{- end -}}
{{- end -}}
{{- concat $args $engine.userArgs | toJson -}}
{{- end -}}

{{/* Environment of an engine that stands alone, as a JSON list. Input: facts. */}}
{{- define "llm-d-modelservice.serverEnv" -}}
{{- $model := .facts.model -}}
{{- $port := toJson .facts.enginePort -}}
{{- $env := list -}}
{{- if eq .facts.engine.type "ollama" -}}
  {{- /* One pod is one model, so it stays loaded: a negative time is forever. */ -}}
  {{- $env = list (dict "name" "OLLAMA_HOST" "value" (printf "0.0.0.0:%s" $port)) (dict "name" "OLLAMA_KEEP_ALIVE" "value" "-1") -}}
{{- else if eq .facts.engine.type "infinity" -}}
  {{- $env = list
    (dict "name" "INFINITY_MODEL_ID" "value" $model.argument)
    (dict "name" "INFINITY_SERVED_MODEL_NAME" "value" $model.name)
    (dict "name" "INFINITY_URL_PREFIX" "value" "/v1")
    (dict "name" "INFINITY_ENGINE" "value" "torch")
    (dict "name" "INFINITY_PORT" "value" $port) -}}
  {{- if $model.revision -}}{{- $env = append $env (dict "name" "INFINITY_REVISION" "value" $model.revision) -}}{{- end -}}
{{- else if eq .facts.engine.type "fasterWhisper" -}}
  {{- /* Without preloading, the first request would download the model. */ -}}
  {{- $env = list
    (dict "name" "WHISPER__MODEL" "value" $model.argument)
    (dict "name" "PRELOAD_MODELS" "value" (list $model.argument | toJson))
    (dict "name" "ENABLE_UI" "value" "false")
    (dict "name" "UVICORN_HOST" "value" "0.0.0.0")
    (dict "name" "UVICORN_PORT" "value" $port) -}}
{{- end -}}
{{- $env | toJson -}}
{{- end -}}
