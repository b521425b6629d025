{{/*
Command and arguments of the engine, as JSON {command, args}. Input: root, facts (see role), worker (true for
a pod that does not serve).
*/}}
{{- define "llm-d-modelservice.engineCommand" -}}
{{- $engine := .facts.engine -}}
{{- if eq $engine.modelCommand "custom" -}}
{{- dict "command" $engine.command "args" $engine.userArgs | toJson -}}
{{- else if include "llm-d-modelservice.standsAlone" $engine.type -}}
{{- dict "command" list "args" (include "llm-d-modelservice.serverArgs" . | fromJsonArray) | toJson -}}
{{- else -}}
{{- $derived := include (eq $engine.type "sglang" | ternary "llm-d-modelservice.sglangFlags" "llm-d-modelservice.vllmFlags") . | fromJson -}}
{{- $args := list -}}
{{- $command := list -}}
{{- if eq $engine.modelCommand "vllmServe" -}}
  {{- $command = list "vllm" "serve" -}}
  {{- if not (hasKey .facts.given "model") -}}{{- $args = append $args .facts.model.argument -}}{{- end -}}
{{- else if eq $engine.modelCommand "sglangServe" -}}
  {{- $command = list "python3" "-m" "sglang.launch_server" -}}
{{- end -}}
{{- range $derived.flags -}}
  {{- $canonical := .canonical | default .name -}}
  {{- if not (hasKey $.facts.given $canonical) -}}
  {{- $args = concat $args (include "llm-d-modelservice.flag" . | fromJsonArray) -}}
  {{- end -}}
{{- end -}}
{{- $fromUser := include "llm-d-modelservice.givenFlags" (dict "args" $engine.userArgs "flags" dict) | fromJson -}}
{{- $flags := $engine.flags -}}
{{- /* vLLM ends at once when a pod without API server (--headless) is told how many of them to start. */ -}}
{{- if .worker -}}{{- $flags = omit $flags "api-server-count" -}}{{- end -}}
{{- range $name, $value := $flags -}}
  {{- if not (or (kindIs "invalid" $value) (hasKey $fromUser $name)) -}}
  {{- $args = concat $args (include "llm-d-modelservice.flag" (dict "name" $name "value" $value) | fromJsonArray) -}}
  {{- end -}}
{{- end -}}
{{- $args = concat $args $engine.userArgs -}}
{{- if and $derived.startRank (not (hasKey .facts.given "data-parallel-start-rank")) -}}
  {{- if ne $engine.modelCommand "vllmServe" -}}
  {{- fail (printf
    (print "%s: the first rank of a pod is LWS_WORKER_INDEX x %d, which needs a shell around the command; set "
      "modelCommand: vllmServe")
    .facts.role (int .facts.parallelism.dataLocal)) -}}
  {{- end -}}
  {{- $command = list "/bin/sh" "-c" (printf "exec vllm serve \"$@\" --data-parallel-start-rank \"$((LWS_WORKER_INDEX * %d))\"" (int .facts.parallelism.dataLocal)) "vllm-serve" -}}
{{- end -}}
{{- dict "command" $command "args" $args | toJson -}}
{{- end -}}
{{- end -}}
