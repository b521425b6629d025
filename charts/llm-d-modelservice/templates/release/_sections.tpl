{{/*
What is wrong with the values as a whole. What one key alone shows is rejected by values.schema.json; combinations are
rejected next to their subject, in the _refusals.tpl of each folder. Each message names the key, the reason and the fix.
*/}}

{{/*
"true" where the chart renders anything. Input: the root context. Every object begins with it, so that a missing section
is reported before a template trips over it; where an object is off by default, its switch is read first, in a way that
survives a missing section.
*/}}
{{- define "llm-d-modelservice.enabled" -}}
{{- if not (hasKey . "Known") -}}
{{- include "llm-d-modelservice.known" . -}}
{{- include "llm-d-modelservice.checkRequired" . -}}
{{- end -}}
{{- if .Values.enabled -}}true{{- end -}}
{{- end -}}

{{/*
Rejects null for a section (`decode:` with everything below commented out) and for a default that the chart needs, because
Helm then deletes the defaults; prints nothing. Input: the root context. See required in facts.json.
*/}}
{{- define "llm-d-modelservice.checkRequired" -}}
{{- $level := list (dict "values" .Values "required" .Known.required "path" "") -}}
{{- range until 8 -}}
  {{- $below := list -}}
  {{- range $section := $level -}}
    {{- range $name, $parts := .required -}}
      {{- $value := index $section.values $name -}}
      {{- if or $value (kindIs "map" $value) -}}
        {{- if $parts -}}
        {{- $below = append $below (dict "values" $value "required" $parts "path" (printf "%s%s." $section.path $name)) -}}
        {{- end -}}
      {{- else if kindIs "invalid" $value -}}
        {{- if kindIs "map" $parts -}}
        {{- fail (printf
          "%s%s: it is null, which deletes its defaults; remove the key or set %s%s: {}"
          $section.path $name $section.path $name) -}}
        {{- end -}}
        {{- fail (printf
          "%s%s: it is null, which deletes the default that the chart needs; remove the key or set a value"
          $section.path $name) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
  {{- if not $below -}}{{- break -}}{{- end -}}
  {{- $level = $below -}}
{{- end -}}
{{- end -}}

{{/* Rejects null items of lists; prints nothing. Input: lists by their key. */}}
{{- define "llm-d-modelservice.checkItems" -}}
{{- range $key, $list := . -}}
  {{- range $i, $item := $list -}}
    {{- include "llm-d-modelservice.checkItem" (dict "key" (printf "%s[%d]" $key $i) "item" $item) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* Rejects a null item of a list; prints nothing. Input: key, item. */}}
{{- define "llm-d-modelservice.checkItem" -}}
{{- if kindIs "invalid" .item -}}{{- fail (printf "%s: the list item is empty; remove the dash or fill it in" .key) -}}{{- end -}}
{{- end -}}

{{/*
Rejects a feature that the cluster is too old for; prints nothing. Input: root, key, feature (of Kubernetes, in
facts.json).
*/}}
{{- define "llm-d-modelservice.checkKubernetes" -}}
{{- $version := .root.Capabilities.KubeVersion.Version -}}
{{- $feature := index .root.Known.kubernetes .feature -}}
{{- if semverCompare (printf "<%s.0-0" $feature.since) $version -}}
{{- fail (printf
  "%s: it needs %s, which Kubernetes has since %s, but this cluster is %s; set false"
  .key $feature.title $feature.since $version) -}}
{{- end -}}
{{- end -}}
