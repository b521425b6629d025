{{/*
Ollama: it keeps models in its own store, under names that are entries of the store.
https://docs.ollama.com/faq#how-do-i-configure-ollama-server
*/}}

{{/*
Environment, as a JSON list; see engineEnv. One pod serves one model, so it stays loaded: a negative time is forever.
*/}}
{{- define "llm-d-modelservice.engines.ollama.environment" -}}
{{- list
  (dict "name" "OLLAMA_HOST" "value" (printf "0.0.0.0:%d" (int .facts.enginePort)))
  (dict "name" "OLLAMA_KEEP_ALIVE" "value" "-1")
| toJson -}}
{{- end -}}

{{/*
Changes the facts about the model to those of the store, in place; prints nothing. Input: engine, model, path (of the
model on its claim, empty without one). The store is on the model volume; on a claim it can hold many models, so one of
them is chosen by name.
*/}}
{{- define "llm-d-modelservice.engines.ollama.model" -}}
{{- $chosen := .engine.options.model -}}
{{- if and .path (not $chosen) -}}
{{- include "llm-d-modelservice.stop" (list $ "engine.ollama.model: the store on the claim can hold several models; set the one to serve, e.g. qwen3:0.6b") -}}
{{- end -}}
{{- if and (not .path) $chosen -}}
{{- include "llm-d-modelservice.stop" (list $ (printf "engine.ollama.model: modelArtifacts.uri already names the model (%s); remove it" .model.argument)
  (dict "offered" (list (dict "remove" "engine.ollama.model")))) -}}
{{- end -}}
{{- $_ := set .model "argument" ($chosen | default .model.argument) -}}
{{- $_ := set .model "env" (list (dict "name" "OLLAMA_MODELS" "value" (.path | default .model.mountPath))) -}}
{{- end -}}

{{/*
What fills the store, as JSON {command}: no command where nothing has to be done. Input: engine, model, download.
`ollama pull` and `ollama cp` are requests to a server, so one runs for as long as they take.
*/}}
{{- define "llm-d-modelservice.engines.ollama.download" -}}
{{- $model := .model -}}
{{- $renamed := without $model.names $model.argument -}}
{{- if and $renamed $model.readOnly -}}
{{- include "llm-d-modelservice.stop" (list $ (printf
  "modelArtifacts.name: in Ollama a name is an entry of its store, and the claim is read-only; set name: %s, or readOnly: false"
  $model.argument)) -}}
{{- end -}}
{{- if or .download $renamed -}}
{{- $pull := "" -}}
{{- if .download -}}{{- $pull = printf "ollama pull %s\"$model\" && " (.engine.options.insecure | default false | ternary "--insecure " "") -}}{{- end -}}
{{- $script := printf (print
  "ollama serve & server=$!; until ollama list >/dev/null 2>&1; do kill -0 $server || exit 1; sleep 1; done; "
  "model=$1; shift; %sfor name in \"$@\"; do ollama cp \"$model\" \"$name\" || exit 1; done; "
  "status=$?; kill $server; exit $status") $pull -}}
{{- dict "command" (concat (list "/bin/sh" "-c" $script "ollama" $model.argument) $renamed) | toJson -}}
{{- else -}}
{}
{{- end -}}
{{- end -}}
