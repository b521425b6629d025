{{/*
An image with its registry replaced by global.imageRegistry. Input: root, image.
The part before the first slash is a registry if it has a dot or a colon or is "localhost", as in
https://github.com/distribution/reference; otherwise the image has none and the registry is put in front.
*/}}
{{- define "llm-d-modelservice.image" -}}
{{- $registry := (.root.Values.global).imageRegistry -}}
{{- if $registry -}}
{{- $parts := splitList "/" .image -}}
{{- $first := first $parts -}}
{{- if and (gt (len $parts) 1) (or (contains "." $first) (contains ":" $first) (eq $first "localhost")) -}}
{{- $parts = rest $parts -}}
{{- end -}}
{{- printf "%s/%s" (trimSuffix "/" $registry) (join "/" $parts) -}}
{{- else -}}
{{- .image -}}
{{- end -}}
{{- end -}}

{{/* Pull secrets of a pod, as a JSON list: of all charts, of this one, and the pod's own. Input: root, own. */}}
{{- define "llm-d-modelservice.pullSecrets" -}}
{{- $values := .root.Values -}}
{{- $all := concat (($values.global).imagePullSecrets | default list) ($values.imagePullSecrets | default list) (.own | default list) -}}
{{- include "llm-d-modelservice.mergeList" (dict "key" "imagePullSecrets" "lower" list "upper" $all) -}}
{{- end -}}

{{/* Last part of an image's repository, printed. Input: the image. */}}
{{- define "llm-d-modelservice.imageName" -}}
{{- regexFind "^[^@]*" . | splitList "/" | last | splitList ":" | first -}}
{{- end -}}

{{/*
Version of an image, printed as "major.minor.patch"; nothing when it does not tell. Input: image, version (what the
user says, which wins over the tag).
*/}}
{{- define "llm-d-modelservice.imageVersion" -}}
{{- $tag := regexFind ":[^:/@]+(@|$)" .image | trimPrefix ":" | trimSuffix "@" -}}
{{- $version := regexFind "^v?[0-9]+\\.[0-9]+(\\.[0-9]+)?" (.version | default $tag) | trimPrefix "v" -}}
{{- if $version -}}
{{- eq (splitList "." $version | len) 2 | ternary (printf "%s.0" $version) $version -}}
{{- end -}}
{{- end -}}
