{{/*
Probes of the engine.
*/}}

{{/*
Gives the engine the probes of its role, in place; prints nothing. Input: root, facts, container.
A probe that the container has already wins field by field; with a handler of its own (exec, grpc, …) it replaces the
derived one. The port is the engine's own: the routing sidecar answers /health by itself, whatever the engine does.
*/}}
{{- define "llm-d-modelservice.addProbes" -}}
{{- $probes := (index .root.Values .facts.role).probes -}}
{{- if $probes.enabled -}}
{{- $target := include "llm-d-modelservice.healthTarget" . | fromJson -}}
{{- /* Nothing else is probed before the startup probe succeeded, so the budget of the load is its alone. */ -}}
{{- $derived := dict
  "startupProbe" (dict "path" $target.path "wanted" $probes.startup "periodSeconds" 10 "timeoutSeconds" 5 "failureThreshold" (ceil (divf $probes.loadSeconds 10) | int))
  "readinessProbe" (dict "path" $target.readinessPath "wanted" $probes.readiness "periodSeconds" 10 "timeoutSeconds" 5 "failureThreshold" 3)
  "livenessProbe" (dict "path" $target.path "wanted" $probes.liveness "periodSeconds" 30 "timeoutSeconds" 10 "failureThreshold" 3) -}}
{{- range $name, $settings := $derived -}}
  {{- if $settings.wanted -}}
  {{- $action := dict "path" $settings.path "port" $target.port -}}
  {{- if $target.scheme -}}{{- $_ := set $action "scheme" $target.scheme -}}{{- end -}}
  {{- $probe := set (omit $settings "path" "wanted") "httpGet" $action -}}
  {{- $own := index $.container $name | default dict -}}
  {{- if or $own.exec $own.grpc $own.tcpSocket $own.httpGet -}}{{- $probe = omit $probe "httpGet" -}}{{- end -}}
  {{- include "llm-d-modelservice.merge" (dict "into" $probe "from" $own) -}}
  {{- $_ := set $.container $name $probe -}}
  {{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
Where the engine says that it is well, as JSON {path, readinessPath, port, scheme}. Input: root, facts.
/health of vLLM and SGLang answers once the model is loaded and needs no API key, unlike /v1/models. With
dataMode: multiPort the supervisor answers for all ranks, on the port after theirs.
https://docs.vllm.ai/en/latest/serving/data_parallel_deployment/
*/}}
{{- define "llm-d-modelservice.healthTarget" -}}
{{- $probes := (index .root.Values .facts.role).probes -}}
{{- $supervised := gt (int .facts.portCount) 1 -}}
{{- if and (eq .facts.engine.modelCommand "custom") (not $probes.path) -}}
{{- fail (printf "%s.probes.path: nobody knows the health check of a custom command; write its path" .facts.role) -}}
{{- end -}}
{{- $path := $probes.path | default "/health" -}}
{{- dict
  "path" $path
  "readinessPath" ($probes.readinessPath | default ($supervised | ternary "/readyz" $path))
  "port" (add .facts.enginePort ($supervised | ternary .facts.portCount 0))
  "scheme" (hasKey .facts.given "ssl-certfile" | ternary "HTTPS" "")
| toJson -}}
{{- end -}}

{{/*
Seconds until a Deployment without progress counts as failed; nothing without a startup probe. Input: the role's
values. Kubernetes' default of ten minutes is less than a large model loads.
*/}}
{{- define "llm-d-modelservice.progressDeadline" -}}
{{- if and .probes.enabled .probes.startup -}}{{- add .probes.loadSeconds 600 -}}{{- end -}}
{{- end -}}
