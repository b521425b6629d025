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
A probe that the container already has wins field by field; with its own handler (exec, grpc, …) it replaces the
derived one, and null in extraConfig removes it. The port is the engine's: the routing sidecar answers /health by
itself, whatever the engine does.
*/}}
{{- define "llm-d-modelservice.addProbes" -}}
{{- if include "llm-d-modelservice.probed" . -}}
{{- $probes := (index .root.Values .facts.role).probes -}}
{{- $target := include "llm-d-modelservice.healthTarget" . | fromJson -}}
{{- /* Nothing else is probed before the startup probe succeeds, so it alone has the budget of the load. */ -}}
{{- $derived := dict
  "startupProbe" (dict "path" $target.startup "wanted" $probes.startup
    "periodSeconds" 10 "timeoutSeconds" 5 "failureThreshold" (ceil (divf $probes.loadSeconds 10) | int))
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
Where the engine reports its health, as JSON: the paths startup, readiness and liveness; port; scheme; prompt, the
command that loads the model of an engine that does so with its first prompt. Input: root, facts.
With dataMode: multiPort an engine can have a supervisor that answers for all ranks, on the port after theirs.
*/}}
{{- define "llm-d-modelservice.healthTarget" -}}
{{- $engine := .facts.engine -}}
{{- $known := index .root.Known.engines $engine.type -}}
{{- $probes := (index .root.Values .facts.role).probes -}}
{{- if and (eq $engine.modelCommand "custom") (not $engine.typed) (not $probes.path) -}}
{{- include "llm-d-modelservice.stop" (list $ (printf "%s.probes.path: the health check of a custom command is not known; set its path" .facts.role)) -}}
{{- end -}}
{{- $startup := $probes.path | default $known.health.ready -}}
{{- $supervised := include "llm-d-modelservice.supervised" . -}}
{{- $prompt := list -}}
{{- with $known.health.firstPrompt -}}
  {{- $prompted := false -}}
  {{- range .features -}}{{- if has . $.root.Values.modelArtifacts.features -}}{{- $prompted = true -}}{{- end -}}{{- end -}}
  {{- if and $prompted (not $probes.path) -}}
  {{- range .command -}}{{- $prompt = append $prompt (replace "{model}" $.facts.model.name .) -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- dict
  "startup" $startup
  "readiness" ($probes.readinessPath | default (empty $supervised | ternary $startup ($known.parallelism.supervisor).ready))
  "liveness" ($probes.path | default $known.health.live)
  "port" (add .facts.enginePort (empty $supervised | ternary 0 .facts.portCount))
  "scheme" (.facts.tls | ternary "HTTPS" "")
  "prompt" $prompt
| toJson -}}
{{- end -}}

{{/* "true" where a supervisor answers for all ranks of a pod, on the port after theirs. Input: root, facts. */}}
{{- define "llm-d-modelservice.supervised" -}}
{{- if and (gt (int .facts.portCount) 1) (index .root.Known.engines .facts.engine.type).parallelism.supervisor -}}true{{- end -}}
{{- end -}}

{{/*
Seconds until a Deployment without progress counts as failed, printed; nothing without a startup probe. Input: root,
facts. A large model takes longer to load than Kubernetes' default of ten minutes.
*/}}
{{- define "llm-d-modelservice.progressDeadline" -}}
{{- $probes := (index .root.Values .facts.role).probes -}}
{{- if and $probes.startup (include "llm-d-modelservice.probed" .) -}}{{- add $probes.loadSeconds 600 -}}{{- end -}}
{{- end -}}
