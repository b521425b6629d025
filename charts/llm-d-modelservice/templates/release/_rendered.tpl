{{/*
Strings of the values that are templates. Each is rendered by itself and stays one string, whatever it renders to: it is
never part of a larger text that is parsed again.
*/}}

{{/*
A string rendered as a template, printed. Input: root, key (the values key), value. The template begins with a comment
that names the key, because Helm's error quotes the template and nothing else that would tell where it is.
*/}}
{{- define "llm-d-modelservice.renderedString" -}}
{{- if contains "{{" .value -}}
{{- tpl (printf "{{/* %s */}}%s" (replace "*/" "*" .key) .value) .root -}}
{{- else -}}
{{- .value -}}
{{- end -}}
{{- end -}}

{{/* A value with all its strings rendered as templates, as JSON {value}. Input: root, key (the values key), value. */}}
{{- define "llm-d-modelservice.rendered" -}}
{{- $out := pick . "root" "key" "value" -}}
{{- if contains "{{" (toJson .value) -}}{{- include "llm-d-modelservice.renderStrings" $out -}}{{- end -}}
{{- dict "value" $out.value | toJson -}}
{{- end -}}

{{/*
Replaces .value of the input by a copy with its strings rendered; prints nothing. Input: root, key, value. Keys of maps
are rendered too. The port of a probe is a name or a number, and a text of digits is neither, so it becomes a number
(https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#Probe).
*/}}
{{- define "llm-d-modelservice.renderStrings" -}}
{{- if kindIs "string" .value -}}
  {{- if contains "{{" .value -}}
    {{- $text := include "llm-d-modelservice.renderedString" . -}}
    {{- $number := and (regexMatch "\\.(httpGet|tcpSocket)\\.port$" .key) (regexMatch "^[0-9]+$" $text) -}}
    {{- $_ := set . "value" ($number | ternary (int $text) $text) -}}
  {{- end -}}
{{- else if kindIs "map" .value -}}
  {{- $rendered := dict -}}
  {{- range $name, $item := .value -}}
    {{- $entry := dict "root" $.root "key" (printf "%s.%s" $.key $name) "value" $item -}}
    {{- include "llm-d-modelservice.renderStrings" $entry -}}
    {{- $name = include "llm-d-modelservice.renderedString" (dict "root" $.root "key" $.key "value" $name) -}}
    {{- $_ := set $rendered $name $entry.value -}}
  {{- end -}}
  {{- $_ := set . "value" $rendered -}}
{{- else if kindIs "slice" .value -}}
  {{- $rendered := list -}}
  {{- range $i, $item := .value -}}
    {{- $entry := dict "root" $.root "key" (printf "%s[%d]" $.key $i) "value" $item -}}
    {{- include "llm-d-modelservice.renderStrings" $entry -}}
    {{- $rendered = append $rendered $entry.value -}}
  {{- end -}}
  {{- $_ := set . "value" $rendered -}}
{{- end -}}
{{- end -}}
