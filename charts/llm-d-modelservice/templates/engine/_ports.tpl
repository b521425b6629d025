{{/*
Ports of the engine container.
*/}}

{{/*
Adds the ports of the engine that the user did not declare to its container, in place; prints nothing. Input: root,
facts, monitored (a monitor names the ports, see nameMetricsPorts), container.
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
  {{- if not $.monitored -}}{{- $_ := set $port "name" (eq $i 0 | ternary "http" (printf "http-%d" $i)) -}}{{- end -}}
  {{- $ports = append $ports $port -}}
  {{- $declared = append $declared $number -}}
  {{- end -}}
{{- end -}}
{{- range (index .root.Known.engines $facts.engine.type).port.more -}}
  {{- if not (has (int .containerPort) $declared) -}}{{- $ports = append $ports (merge (dict "protocol" "TCP") .) -}}{{- end -}}
{{- end -}}
{{- $_ := set .container "ports" $ports -}}
{{- end -}}

{{/*
Gives the engine's ports the names that the role's monitor scrapes, in place; prints nothing. Input: facts, monitor,
container, root. A declared port keeps its name; a missing one is added.
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
        {{- include "llm-d-modelservice.stop" (list $ (printf
          "%s.monitoring.%s.portName: no port is named %s, but the engine's port %d is named %s; set portName: %s"
          $.facts.role $.monitor.kind $name $number .name .name)
          (dict "certain" (list (dict "set" (printf "%s.monitoring.%s.portName" $.facts.role $.monitor.kind) "value" .name)))) -}}
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
