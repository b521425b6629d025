{{/*
Command that fills an Ollama store, as JSON. Input: engine, model, pull. `ollama pull` and `ollama cp` are requests to
a server, so one runs for as long as they take.
*/}}
{{- define "llm-d-modelservice.ollamaCommand" -}}
{{- $pull := "" -}}
{{- if .pull -}}{{- $pull = printf "ollama pull %s\"$model\" && " ((.engine.ollama).insecure | default false | ternary "--insecure " "") -}}{{- end -}}
{{- $script := printf "ollama serve & server=$!; until ollama list >/dev/null 2>&1; do kill -0 $server || exit 1; sleep 1; done; model=$1; shift; %sfor name in \"$@\"; do ollama cp \"$model\" \"$name\" || exit 1; done; status=$?; kill $server; exit $status" $pull -}}
{{- $command := list "/bin/sh" "-c" $script "ollama" .model.argument -}}
{{- range .model.names -}}{{- if ne . $.model.argument -}}{{- $command = append $command . -}}{{- end -}}{{- end -}}
{{- $command | toJson -}}
{{- end -}}
