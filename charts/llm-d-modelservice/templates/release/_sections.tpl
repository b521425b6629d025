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
{{- include "llm-d-modelservice.fillDefaults" . -}}
{{- if and .Values.enabled (not (hasKey . "Refusals")) -}}{{- include "llm-d-modelservice.checkRelease" . -}}{{- end -}}
{{- end -}}
{{- if .Values.enabled -}}true{{- end -}}
{{- end -}}

{{/*
Gives the values the defaults that they lack and the chart needs, in place; prints nothing. Input: the root context. Helm
deletes a default for which a layer says null, and an upgrade with --reuse-values has none that is new in this version. The
outermost missing section gets all its defaults, so null takes back what lower layers set. Rejects null for what is on by
default, because it could also mean off. See required and defaults in facts.json.
*/}}
{{- define "llm-d-modelservice.fillDefaults" -}}
{{- $level := list (dict "values" .Values "required" .Known.required "defaults" .Known.defaults "path" "") -}}
{{- range until 8 -}}
  {{- $below := list -}}
  {{- range $section := $level -}}
    {{- range $name, $parts := .required -}}
      {{- $value := index $section.values $name -}}
      {{- if or $parts (kindIs "invalid" $value) -}}
        {{- $key := printf "%s%s" $section.path $name -}}
        {{- $default := index $section.defaults $name | default dict -}}
        {{- if kindIs "invalid" $value -}}
        {{- include "llm-d-modelservice.checkSwitch" (dict "key" $key "name" $name "default" $default) -}}
        {{- $value = $default -}}
        {{- $_ := set $section.values $name $value -}}
        {{- end -}}
        {{- if $parts -}}
        {{- $below = append $below (dict "values" $value "required" $parts "defaults" $default "path" (printf "%s." $key)) -}}
        {{- end -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
  {{- if not $below -}}{{- break -}}{{- end -}}
  {{- $level = $below -}}
{{- end -}}
{{- end -}}

{{/* Rejects null for a switch, or a section with a switch, that is on by default; prints nothing. Input: key, name, default. */}}
{{- define "llm-d-modelservice.checkSwitch" -}}
{{- $switch := "" -}}
{{- range $name := list "create" "enabled" -}}
  {{- if eq $name $.name -}}{{- $switch = $.key -}}{{- end -}}
  {{- if kindIs "map" $.default -}}{{- if index $.default $name -}}{{- $switch = printf "%s.%s" $.key $name -}}{{- end -}}{{- end -}}
{{- end -}}
{{- if $switch -}}
{{- fail (printf
  (print "%s: it is null, but on by default; set %s: false to turn it off, or remove the key for the defaults; if it is missing "
    "since an upgrade with --reuse-values, use --reset-then-reuse-values")
  .key $switch) -}}
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
