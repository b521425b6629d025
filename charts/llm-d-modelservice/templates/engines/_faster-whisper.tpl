{{/*
Environment of faster-whisper-server, as a JSON list; see engineEnv. Without preloading, the first request would download
the model; without a negative time to live the server drops the model after five idle minutes.
https://github.com/fedirz/faster-whisper-server/blob/master/src/faster_whisper_server/config.py
*/}}
{{- define "llm-d-modelservice.engines.fasterWhisper.environment" -}}
{{- $argument := .facts.model.argument -}}
{{- list
  (dict "name" "WHISPER__MODEL" "value" $argument)
  (dict "name" "PRELOAD_MODELS" "value" (list $argument | toJson))
  (dict "name" "WHISPER__TTL" "value" "-1")
  (dict "name" "ENABLE_UI" "value" "false")
  (dict "name" "UVICORN_HOST" "value" "0.0.0.0")
  (dict "name" "UVICORN_PORT" "value" (toJson .facts.enginePort))
| toJson -}}
{{- end -}}
