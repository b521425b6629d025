{{/*
Merging of values and of Kubernetes objects. Sprig's merge functions keep the lower value where the
upper one is false, 0, "" or null, which is wrong for settings; these do what Kubernetes does.
*/}}

{{/*
Merges map .from into map .into, which is changed in place; prints nothing.
  maps   merge key by key
  lists  of named things merge by what names them in Kubernetes' own merge patches, tolerations are
         appended, any other list replaces
  null   removes the key
  else   the upper value wins
*/}}
{{- define "llm-d-modelservice.merge" -}}
{{- $into := .into -}}
{{- range $key, $upper := (.from | default dict) -}}
  {{- $lower := index $into $key -}}
  {{- if kindIs "invalid" $upper -}}
    {{- $_ := unset $into $key -}}
  {{- else if and (kindIs "map" $lower) (kindIs "map" $upper) -}}
    {{- include "llm-d-modelservice.merge" (dict "into" $lower "from" $upper) -}}
  {{- else if and (kindIs "slice" $lower) (kindIs "slice" $upper) -}}
    {{- $_ := set $into $key (include "llm-d-modelservice.mergeList" (dict "key" $key "lower" $lower "upper" $upper) | fromJsonArray) -}}
  {{- else -}}
    {{- $_ := set $into $key (kindIs "map" $upper | ternary (deepCopy $upper) $upper) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/*
Merges two lists, as JSON. Input: key (the name of the field that holds them), lower, upper.
*/}}
{{- define "llm-d-modelservice.mergeList" -}}
{{- $identities := dict
  "containers" "name" "initContainers" "name" "env" "name" "volumes" "name" "imagePullSecrets" "name"
  "resourceClaims" "name" "claims" "name" "volumeMounts" "mountPath" "ports" "containerPort" -}}
{{- $identity := index $identities .key -}}
{{- if eq .key "tolerations" -}}
{{- concat .lower .upper | toJson -}}
{{- else if not $identity -}}
{{- .upper | toJson -}}
{{- else -}}
  {{- $merged := list -}}
  {{- $seen := dict -}}
  {{- range $item := concat .lower .upper -}}
    {{- $id := toString (index $item $identity) -}}
    {{- if hasKey $seen $id -}}
      {{- $present := index $seen $id -}}
      {{- if and (eq $.key "env") (or (hasKey $item "value") (hasKey $item "valueFrom")) -}}
        {{- $_ := unset (unset $present "value") "valueFrom" -}}
      {{- end -}}
      {{- include "llm-d-modelservice.merge" (dict "into" $present "from" $item) -}}
    {{- else -}}
      {{- $copy := deepCopy $item -}}
      {{- $_ := set $seen $id $copy -}}
      {{- $merged = append $merged $copy -}}
    {{- end -}}
  {{- end -}}
{{- $merged | toJson -}}
{{- end -}}
{{- end -}}

{{/*
Removes nulls from a map and from the maps inside it, in place; prints nothing. Input: the map.
Unset fields of a values file never reach an object, because server-side apply rejects them. Most objects have none.
*/}}
{{- define "llm-d-modelservice.prune" -}}
{{- if contains ":null" (toJson .) -}}{{- include "llm-d-modelservice.removeNulls" . -}}{{- end -}}
{{- end -}}

{{/* Removes the nulls in a map, in place; prints nothing. Input: the map. See prune. */}}
{{- define "llm-d-modelservice.removeNulls" -}}
{{- $map := . -}}
{{- range $key, $item := . -}}
  {{- if kindIs "invalid" $item -}}
    {{- $_ := unset $map $key -}}
  {{- else if kindIs "map" $item -}}
    {{- include "llm-d-modelservice.removeNulls" $item -}}
  {{- else if kindIs "slice" $item -}}
    {{- range $item -}}
      {{- if kindIs "map" . -}}{{- include "llm-d-modelservice.removeNulls" . -}}{{- end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}
