{{/*
Downloading: what fills the model volume before the engine starts, in every pod or once in a Job.
*/}}

{{/*
"true" if the model is downloaded before the engine starts. Input: artifacts, engine, model. Refuses what cannot be.
*/}}
{{- define "llm-d-modelservice.downloads" -}}
{{- $scheme := .model.scheme -}}
{{- $type := .engine.type -}}
{{- $asked := .artifacts.download.enabled -}}
{{- $streams := has $type (list "vllm" "sglang" "simulator") -}}
{{- $pulls := ne (toString (.engine.ollama).pull) "false" -}}
{{- $needed := or (eq $scheme "oss") (and (has $scheme (list "s3" "gs" "ms")) (not $streams)) (and (eq $scheme "ollama") $pulls) -}}
{{- $possible := or (has $scheme (list "hf" "ms" "s3" "gs" "oss")) (and (eq $scheme "ollama") $pulls) -}}
{{- if and (eq (toString $asked) "false") $needed -}}
{{- fail (printf
  "modelArtifacts.download.enabled: %s cannot load from %s:// itself; remove download.enabled: false"
  $type $scheme) -}}
{{- end -}}
{{- $download := kindIs "bool" $asked | ternary $asked $needed -}}
{{- if and $download (not $possible) -}}
{{- fail (printf
  "modelArtifacts.download.enabled: a %s:// model is not downloaded%s; set download.enabled: false"
  $scheme (eq $scheme "ollama" | ternary ", because engine.ollama.pull is false" "")) -}}
{{- end -}}
{{- if .artifacts.download.job -}}
  {{- if not $possible -}}
  {{- fail (printf "modelArtifacts.download.job: a %s:// model is not downloaded; set download.job: false" $scheme) -}}
  {{- end -}}
  {{- if eq (toString $asked) "false" -}}
  {{- fail "modelArtifacts.download.job: download.enabled is false, so there is nothing for a Job; keep one of them" -}}
  {{- end -}}
  {{- if not .artifacts.persistence.enabled -}}
  {{- fail (print
    "modelArtifacts.download.job: a Job fills a claim that the pods share; set persistence.enabled: true, and "
    "accessModes: [ReadWriteMany]") -}}
  {{- end -}}
  {{- $download = true -}}
{{- end -}}
{{- if $download -}}true{{- end -}}
{{- end -}}

{{/* Image of rclone, which speaks to all object stores. */}}
{{- define "llm-d-modelservice.rcloneImage" -}}
rclone/rclone:1.75.2
{{- end -}}

{{/*
Command that copies from a store to a directory, as JSON. Input: scheme, rest, directory, revision, cached (into the
cache that the engine reads, in place of the directory).
*/}}
{{- define "llm-d-modelservice.copyCommand" -}}
{{- $command := list -}}
{{- if eq .scheme "hf" -}}
  {{- $command = list "hf" "download" .rest -}}
  {{- if not .cached -}}{{- $command = concat $command (list "--local-dir" .directory) -}}{{- end -}}
{{- else if eq .scheme "ms" -}}
  {{- $command = list "modelscope" "download" "--model" .rest -}}
  {{- if not .cached -}}{{- $command = concat $command (list "--local_dir" .directory) -}}{{- end -}}
{{- else -}}
  {{- $command = list "rclone" "copy" (printf ":%s:%s" (eq .scheme "gs" | ternary "gcs" "s3") .rest) .directory -}}
{{- end -}}
{{- if and .revision (has .scheme (list "hf" "ms")) -}}{{- $command = concat $command (list "--revision" .revision) -}}{{- end -}}
{{- $command | toJson -}}
{{- end -}}

{{/*
Adds to the model's facts what downloads the model, in place; prints nothing. Input: root, role, engine, model.
*/}}
{{- define "llm-d-modelservice.addDownload" -}}
{{- $artifacts := .root.Values.modelArtifacts -}}
{{- $options := $artifacts.download -}}
{{- $model := .model -}}
{{- $type := .engine.type -}}
{{- $command := list -}}
{{- $access := dict "env" list "volumes" list "mounts" list -}}
{{- $image := $options.image -}}
{{- $env := $model.storeEnv -}}
{{- if eq $type "ollama" -}}
  {{- $renamed := without $model.names $model.argument -}}
  {{- $pull := and (eq $model.scheme "ollama") (ne (toString (.engine.ollama).pull) "false") -}}
  {{- if and $renamed $model.readOnly -}}
  {{- fail (printf
    (print "modelArtifacts.name: in Ollama a name is an entry of its store, and the claim is read-only; set name: %s, "
      "or readOnly: false")
    $model.argument) -}}
  {{- end -}}
  {{- if or $pull $renamed -}}
    {{- $command = include "llm-d-modelservice.ollamaCommand" (dict "engine" .engine "model" $model "pull" $pull) | fromJsonArray -}}
  {{- end -}}
{{- else -}}
  {{- $cached := or (eq $model.scheme "hf") (has $type (list "vllm" "sglang" "simulator")) -}}
  {{- $command = include "llm-d-modelservice.copyCommand" (dict "scheme" $model.scheme "rest" $model.rest "directory" (printf "%s/%s" $model.mountPath $model.rest) "revision" $model.revision "cached" $cached) | fromJsonArray -}}
  {{- if has $model.scheme (list "s3" "gs" "oss") -}}
    {{- $access = include "llm-d-modelservice.storeAccess" (dict "artifacts" $artifacts "scheme" $model.scheme "endpoint" $artifacts.endpoint "rclone" true) | fromJson -}}
    {{- $env = $access.env -}}
    {{- $image = $image | default (include "llm-d-modelservice.rcloneImage" .) -}}
  {{- else if and (not $image) (not (has $type (list "vllm" "sglang"))) (not (and (eq $type "huggingface") (eq $model.scheme "hf"))) -}}
  {{- fail (printf
    "modelArtifacts.download.image: the image of %s has no command that downloads from %s://; set one that has %s"
    $type $model.scheme (first $command)) -}}
  {{- end -}}
{{- end -}}
{{- with $options.command -}}
  {{- $command = (include "llm-d-modelservice.rendered" (dict "root" $.root "value" . "key" "modelArtifacts.download.command") | fromJson).value -}}
{{- end -}}
{{- if $command -}}
  {{- if not .engine.mountModelVolume -}}
  {{- fail (printf
    (print "%s.containers[0].mountModelVolume: the model is downloaded to a volume that the engine does not mount; set "
      "mountModelVolume: true")
    .role) -}}
  {{- end -}}
  {{- $container := include "llm-d-modelservice.downloadContainer" (dict "root" .root "role" .role "engine" .engine "env" (concat $model.env $env)
      "name" "download-model" "image" ($image | default .engine.image) "command" $command) | fromJson -}}
  {{- $_ := set $container "volumeMounts" (concat (list (dict "name" "model-storage" "mountPath" $model.mountPath)) $access.mounts) -}}
  {{- if $options.job -}}
    {{- include "llm-d-modelservice.downloadInJob" (dict "model" $model "container" $container "access" $access) -}}
  {{- else -}}
    {{- $_ := set $model "initContainers" (append $model.initContainers $container) -}}
    {{- $_ := set $model "volumes" (concat $model.volumes $access.volumes) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/*
A container that downloads, without mounts, as JSON. Input: root, role, engine, env (besides download.env), name, image,
command.
*/}}
{{- define "llm-d-modelservice.downloadContainer" -}}
{{- $options := .root.Values.modelArtifacts.download -}}
{{- range $i, $container := (index .root.Values .role).initContainers -}}
  {{- if eq $container.name $.name -}}
  {{- fail (printf
    "%s.initContainers[%d].name: the container that downloads the model is named %s; names are unique in a pod"
    $.role $i $.name) -}}
  {{- end -}}
{{- end -}}
{{- $own := list -}}
{{- range $name, $value := (include "llm-d-modelservice.rendered" (dict "root" .root "value" ($options.env | default dict) "key" "modelArtifacts.download.env") | fromJson).value -}}
  {{- if kindIs "map" $value -}}{{- $own = append $own (dict "name" $name "valueFrom" $value.valueFrom) -}}
  {{- else if not (kindIs "invalid" $value) -}}{{- $own = append $own (dict "name" $name "value" (kindIs "string" $value | ternary $value (toJson $value))) -}}
  {{- end -}}
{{- end -}}
{{- $env := include "llm-d-modelservice.mergeList" (dict "key" "env" "lower" .env "upper" $own) | fromJsonArray -}}
{{- $container := dict "name" .name "image" (include "llm-d-modelservice.image" (dict "root" .root "image" .image)) "command" .command -}}
{{- if $env -}}{{- $_ := set $container "env" $env -}}{{- end -}}
{{- with .engine.securityContext -}}{{- $_ := set $container "securityContext" . -}}{{- end -}}
{{- $resources := include "llm-d-modelservice.resources" (dict "resources" ($options.resources | default dict) "key" "modelArtifacts.download.resources") | fromJson -}}
{{- include "llm-d-modelservice.prune" $resources -}}
{{- if $resources -}}{{- $_ := set $container "resources" $resources -}}{{- end -}}
{{- $container | toJson -}}
{{- end -}}

{{/*
Moves a download to a Job, in place; prints nothing. Input: model, container, access. The Job leaves a file with the
hash of its command, and the pods wait for that file: a pod that starts first, or after a change, waits too.
*/}}
{{- define "llm-d-modelservice.downloadInJob" -}}
{{- $marker := printf "%s/.loaded-%s" .model.mountPath (.container.command | toJson | sha256sum | trunc 8) -}}
{{- $job := deepCopy .container -}}
{{- $_ := set $job "command" (concat (list "/bin/sh" "-c" "\"$@\" && touch \"$0\"" $marker) .container.command) -}}
{{- $_ := set .model "job" (dict "container" $job "volumes" (.access.volumes | default list)) -}}
{{- $wait := pick .container "image" "securityContext" -}}
{{- $_ := set $wait "name" "wait-for-model" -}}
{{- $_ := set $wait "command" (list "/bin/sh" "-c" "until [ -e \"$0\" ]; do sleep 5; done" $marker) -}}
{{- $_ := set $wait "volumeMounts" (list (dict "name" "model-storage" "mountPath" .model.mountPath)) -}}
{{- $_ := set .model "initContainers" (append .model.initContainers $wait) -}}
{{- end -}}
