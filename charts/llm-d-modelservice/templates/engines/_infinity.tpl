{{/*
Environment of Infinity, as a JSON list; see engineEnv.
https://michaelfeil.eu/infinity/latest/deploy/
*/}}
{{- define "llm-d-modelservice.engines.infinity.environment" -}}
{{- $model := .facts.model -}}
{{- $env := list
  (dict "name" "INFINITY_MODEL_ID" "value" $model.argument)
  (dict "name" "INFINITY_SERVED_MODEL_NAME" "value" $model.name)
  (dict "name" "INFINITY_URL_PREFIX" "value" .known.api.root)
  (dict "name" "INFINITY_ENGINE" "value" "torch")
  (dict "name" "INFINITY_PORT" "value" (toJson .facts.enginePort)) -}}
{{- if $model.revision -}}{{- $env = append $env (dict "name" "INFINITY_REVISION" "value" $model.revision) -}}{{- end -}}
{{- $env | toJson -}}
{{- end -}}
