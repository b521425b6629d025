{{/*
Adds the engine's port, if the user did not declare it, to the container of an engine of a stated type, in place; prints
nothing. Input: facts, monitored, container.
*/}}
{{- define "llm-d-modelservice.addEnginePorts" -}}
{{- $facts := .facts -}}
{{- $ports := .container.ports | default list -}}
{{- $declared := list -}}
{{- range $ports -}}{{- $declared = append $declared (int .containerPort) -}}{{- end -}}
{{- range $i := until (int $facts.portCount) -}}
  {{- $number := add $facts.enginePort $i | int -}}
  {{- if not (has $number $declared) -}}
  {{- $port := dict "containerPort" $number "protocol" "TCP" -}}
  {{- /* A monitor names it otherwise, see nameMetricsPorts. */ -}}
  {{- if not $.monitored -}}{{- $_ := set $port "name" (eq $i 0 | ternary "http" (printf "http-%d" $i)) -}}{{- end -}}
  {{- $ports = append $ports $port -}}
  {{- end -}}
{{- end -}}
{{- if and (eq $facts.engine.type "huggingface") (not (has 8081 (append $declared (int $facts.enginePort)))) -}}
{{- $ports = append $ports (dict "containerPort" 8081 "name" "grpc" "protocol" "TCP") -}}
{{- end -}}
{{- $_ := set .container "ports" $ports -}}
{{- end -}}

{{/*
Gives the engine's ports the names that the role's monitor scrapes, in place; prints nothing. Input: facts, monitor,
container. A declared port keeps its name; one that is missing is added.
*/}}
{{- define "llm-d-modelservice.nameMetricsPorts" -}}
{{- $ports := .container.ports | default list -}}
{{- $names := list -}}
{{- range $ports -}}{{- $names = append $names (.name | default "") -}}{{- end -}}
{{- range $i := until (int .facts.portCount) -}}
  {{- $name := include "llm-d-modelservice.metricsPortName" (dict "role" $.facts.role "monitor" $.monitor "rank" $i) -}}
  {{- if not (has $name $names) -}}
    {{- $number := add $.facts.enginePort $i | int -}}
    {{- $found := false -}}
    {{- range $ports -}}
      {{- if eq (int .containerPort) $number -}}
        {{- if .name -}}
        {{- fail (printf
          "%s.monitoring.%s.portName: no port is named %s, and the engine's port %d is named %s; set portName: %s"
          $.facts.role $.monitor.kind $name $number .name .name) -}}
        {{- end -}}
        {{- $_ := set . "name" $name -}}
        {{- $found = true -}}
      {{- end -}}
    {{- end -}}
    {{- if not $found -}}{{- $ports = append $ports (dict "name" $name "containerPort" $number "protocol" "TCP") -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- $_ := set .container "ports" $ports -}}
{{- end -}}
