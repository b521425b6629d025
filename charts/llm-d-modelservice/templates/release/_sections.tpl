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
{{- include "llm-d-modelservice.checkSection" (dict "values" .Values "parts" .Known.sections "path" "") -}}
{{- include "llm-d-modelservice.checkNeeded" . -}}
{{- end -}}
{{- if .Values.enabled -}}true{{- end -}}
{{- end -}}

{{/*
Rejects a section that is null (`decode:` with everything below commented out), because Helm then deletes its defaults;
prints nothing. Input: values, parts (the sections in there, by name, as in facts.json), path.
*/}}
{{- define "llm-d-modelservice.checkSection" -}}
{{- range $name, $parts := .parts -}}
  {{- $values := index $.values $name -}}
  {{- if not (kindIs "map" $values) -}}
  {{- fail (printf
    "%s%s: it is null, which deletes its defaults; remove the key or set %s%s: {}"
    $.path $name $.path $name) -}}
  {{- end -}}
  {{- if $parts -}}
  {{- include "llm-d-modelservice.checkSection" (dict "values" $values "parts" $parts "path" (printf "%s%s." $.path $name)) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* Rejects null for a value that the chart cannot do without; prints nothing. Input: the root context. */}}
{{- define "llm-d-modelservice.checkNeeded" -}}
{{- $values := .Values -}}
{{- $needed := dict
  "modelArtifacts" (list "name" "uri" "mountPath") "accelerator" (list "type") "accelerator.vgpu" (list "provider")
  "requester" (list "enable") "routing" (list "servicePort") "routing.proxy" (list "image" "targetPort")
  "caches" (list "mountPath") "auth.apiKeySecret" (list "key") -}}
{{- range $role := list "decode" "prefill" -}}
  {{- $_ := set $needed (printf "%s.monitoring.podmonitor" $role) (list "enabled" "portName") -}}
  {{- $_ := set $needed (printf "%s.probes" $role) (list "loadSeconds") -}}
  {{- $_ := set $needed (printf "%s.drain" $role) (list "preStopSeconds" "timeoutSeconds" "bufferSeconds") -}}
{{- end -}}
{{- range $path, $keys := $needed -}}
  {{- $section := $values -}}
  {{- range splitList "." $path -}}{{- $section = index $section . -}}{{- end -}}
  {{- range $keys -}}
    {{- if kindIs "invalid" (index $section .) -}}
    {{- fail (printf "%s.%s: it is null, which deletes the default that the chart needs; remove the key or set a value" $path .) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- if kindIs "invalid" $values.multinode -}}
{{- fail "multinode: it is null, which deletes the default that the chart needs; remove the key or set a value" -}}
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
