{{/*
Files of the engine, from a ConfigMap.
*/}}

{{/*
The files, as a JSON list of {path, key, content} in the order of their paths. Input: the root context. The key is the
path with what a ConfigMap's key cannot hold replaced.
*/}}
{{- define "llm-d-modelservice.files" -}}
{{- $files := list -}}
{{- $keys := dict -}}
{{- $size := 0 -}}
{{- range $path, $content := .Values.files -}}
  {{- if not (kindIs "invalid" $content) -}}
  {{- if hasSuffix "/" $path -}}{{- fail (printf "files.%s: it ends with a slash, so it names a folder; set the path of the file" $path) -}}{{- end -}}
  {{- $key := regexReplaceAll "[^-._a-zA-Z0-9]" (trimPrefix "/" $path) "_" -}}
  {{- if hasKey $keys $key -}}
  {{- fail (printf
    "files.%s: in the ConfigMap it would have the same key as %s; choose another name"
    $path (index $keys $key)) -}}
  {{- end -}}
  {{- $_ := set $keys $key $path -}}
  {{- $size = add $size (len $content) -}}
  {{- $files = append $files (dict "path" $path "key" $key "content" $content) -}}
  {{- end -}}
{{- end -}}
{{- if gt (int $size) 1000000 -}}
{{- fail (printf
  (print "files: together they have %d bytes, but a ConfigMap holds a mebibyte; put large files into the image or on a "
    "volume")
  (int $size)) -}}
{{- end -}}
{{- $files | toJson -}}
{{- end -}}

{{/*
Mounts the files into a container, in place; prints nothing. Input: root, container. Each one is mounted by itself, so
that what the image has next to it stays.
*/}}
{{- define "llm-d-modelservice.mountFiles" -}}
{{- range $file := include "llm-d-modelservice.files" .root | fromJsonArray -}}
{{- range $.container.volumeMounts -}}
  {{- $mountPath := trimSuffix "/" .mountPath -}}
  {{- if eq $mountPath $file.path -}}
  {{- fail (printf "files.%s: the engine has a volume mounted there (%s); choose another path" $file.path .name) -}}
  {{- end -}}
  {{- if and .readOnly (hasPrefix (printf "%s/" $mountPath) $file.path) -}}
  {{- fail (printf
    "files.%s: it is inside the read-only volume %s, where no file can be added; choose another path"
    $file.path .name) -}}
  {{- end -}}
{{- end -}}
{{- $mount := dict "name" "files" "mountPath" $file.path "subPath" $file.key "readOnly" true -}}
{{- include "llm-d-modelservice.addMount" (dict "container" $.container "mount" $mount) -}}
{{- end -}}
{{- end -}}
