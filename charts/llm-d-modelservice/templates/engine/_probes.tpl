{{/*
Probes of the engine.
*/}}

{{/* "true" when the probes of a role are derived: wanted, or not declined for an engine of a stated type. Input: root, facts. */}}
{{- define "llm-d-modelservice.probed" -}}
{{- $enabled := (index .root.Values .facts.role).probes.enabled -}}
{{- if kindIs "bool" $enabled | ternary $enabled .facts.engine.typed -}}true{{- end -}}
{{- end -}}

{{/*
Gives the engine the probes of its role, in place; prints nothing. Input: root, facts, container.
A probe that the container has already wins field by field; with a handler of its own (exec, grpc, …) it replaces the
derived one, and null in extraConfig removes it. The port is the engine's own: the routing sidecar answers /health by
itself, whatever the engine does.
*/}}
{{- define "llm-d-modelservice.addProbes" -}}
{{- if include "llm-d-modelservice.probed" . -}}
{{- $probes := (index .root.Values .facts.role).probes -}}
{{- $target := include "llm-d-modelservice.healthTarget" . | fromJson -}}
{{- /* Nothing else is probed before the startup probe succeeded, so the budget of the load is its alone. */ -}}
{{- $derived := dict
  "startupProbe" (dict "path" $target.startup "wanted" $probes.startup "periodSeconds" 10 "timeoutSeconds" 5 "failureThreshold" (ceil (divf $probes.loadSeconds 10) | int))
  "readinessProbe" (dict "path" $target.readiness "wanted" $probes.readiness "periodSeconds" 10 "timeoutSeconds" 5 "failureThreshold" 3)
  "livenessProbe" (dict "path" $target.liveness "wanted" $probes.liveness "periodSeconds" 30 "timeoutSeconds" 10 "failureThreshold" 3) -}}
{{- $extra := .facts.engine.extraConfig | default dict -}}
{{- range $name, $settings := $derived -}}
  {{- $removed := and (hasKey $extra $name) (kindIs "invalid" (index $extra $name)) -}}
  {{- if and $settings.wanted (not $removed) -}}
  {{- $action := dict "path" $settings.path "port" $target.port -}}
  {{- if $target.scheme -}}{{- $_ := set $action "scheme" $target.scheme -}}{{- end -}}
  {{- $probe := set (omit $settings "path" "wanted") "httpGet" $action -}}
  {{- if and (eq $name "startupProbe") $target.prompt -}}
    {{- $probe = merge (dict "exec" (dict "command" $target.prompt) "timeoutSeconds" 600) (omit $probe "httpGet") -}}
  {{- end -}}
  {{- $own := index $.container $name | default dict -}}
  {{- if or $own.exec $own.grpc $own.tcpSocket $own.httpGet -}}{{- $probe = omit $probe "httpGet" "exec" -}}{{- end -}}
  {{- include "llm-d-modelservice.merge" (dict "into" $probe "from" $own) -}}
  {{- $_ := set $.container $name $probe -}}
  {{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
Where the engine says that it is well, as JSON: the paths startup, readiness and liveness; port; scheme; prompt, the
command that loads the model where the first prompt does. Input: root, facts.
/health of vLLM and SGLang answers once the model is loaded and needs no API key, unlike /v1/models. With
dataMode: multiPort the supervisor answers for all ranks, on the port after theirs.
https://docs.vllm.ai/en/latest/serving/data_parallel_deployment/
*/}}
{{- define "llm-d-modelservice.healthTarget" -}}
{{- $probes := (index .root.Values .facts.role).probes -}}
{{- $supervised := gt (int .facts.portCount) 1 -}}
{{- if and (eq .facts.engine.modelCommand "custom") (not .facts.engine.typed) (not $probes.path) -}}
{{- fail (printf "%s.probes.path: nobody knows the health check of a custom command; set it" .facts.role) -}}
{{- end -}}
{{- $known := include "llm-d-modelservice.healthPaths" .facts.engine.type | fromJson -}}
{{- $startup := $probes.path | default $known.ready -}}
{{- $prompts := and (eq .facts.engine.type "ollama") (has "TextGeneration" .root.Values.modelArtifacts.features) (not $probes.path) -}}
{{- dict
  "startup" $startup
  "readiness" ($probes.readinessPath | default ($supervised | ternary "/readyz" $startup))
  "liveness" ($probes.path | default $known.live)
  "port" (add .facts.enginePort ($supervised | ternary .facts.portCount 0))
  "scheme" (.facts.tls | ternary "HTTPS" "")
  "prompt" ($prompts | ternary (list "ollama" "run" .facts.model.name "hi") list)
| toJson -}}
{{- end -}}

{{/* Health checks of an engine, as JSON {ready, live}: ready answers once the model is loaded. Input: the type. */}}
{{- define "llm-d-modelservice.healthPaths" -}}
{{- $paths := dict "ready" "/health" "live" "/health" -}}
{{- if eq . "simulator" -}}{{- $paths = dict "ready" "/health/ready" "live" "/health" -}}
{{- else if eq . "ollama" -}}{{- $paths = dict "ready" "/" "live" "/" -}}
{{- else if eq . "huggingface" -}}{{- $paths = dict "ready" "/v2/health/ready" "live" "/v2/health/live" -}}
{{- end -}}
{{- $paths | toJson -}}
{{- end -}}

{{/*
Seconds until a Deployment without progress counts as failed; nothing without a startup probe. Input: root, facts.
Kubernetes' default of ten minutes is less than a large model loads.
*/}}
{{- define "llm-d-modelservice.progressDeadline" -}}
{{- $probes := (index .root.Values .facts.role).probes -}}
{{- if and $probes.startup (include "llm-d-modelservice.probed" .) -}}{{- add $probes.loadSeconds 600 -}}{{- end -}}
{{- end -}}
