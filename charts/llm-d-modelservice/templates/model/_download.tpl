{{/*
Downloading: what fills the model volume before the engine starts, in every pod or once in a Job.
*/}}

{{/*
"true" if the model is downloaded before the engine starts. Input: root, engine, model, known (facts about the engine's
models). Rejects what cannot be downloaded.
*/}}
{{- define "llm-d-modelservice.downloads" -}}
{{- $options := .root.Values.modelArtifacts.download -}}
{{- $scheme := .model.scheme -}}
{{- $asked := toString $options.enabled -}}
{{- $own := eq $scheme .engine.type -}}
{{- $pulls := and $own (ne (toString .engine.options.pull) "false") -}}
{{- $loads := dict "s3" .known.objectStores "gs" .known.objectStores "ms" .known.modelscope -}}
{{- $needed := or $pulls (eq $scheme "oss") (and (hasKey $loads $scheme) (not (index $loads $scheme))) -}}
{{- $possible := or $pulls (has $scheme (list "hf" "ms" "s3" "gs" "oss")) -}}
{{- if and (eq $asked "false") $needed -}}
{{- $title := (index .root.Known.engines .engine.type).title -}}
{{- include "llm-d-modelservice.stop" (list $
  (printf "modelArtifacts.download.enabled: %s cannot load from %s:// itself; remove download.enabled: false" $title $scheme)
  (dict "certain" (list (dict "remove" "modelArtifacts.download.enabled")))) -}}
{{- end -}}
{{- $download := eq $asked "true" -}}
{{- if not (kindIs "bool" $options.enabled) -}}{{- $download = $needed -}}{{- end -}}
{{- if and $download (not $possible) -}}
{{- include "llm-d-modelservice.stop" (list $ (printf
  "modelArtifacts.download.enabled: a %s:// model is not downloaded%s; set download.enabled: false"
  $scheme ($own | ternary (printf ", because engine.%s.pull is false" $scheme) ""))
  (dict "certain" (list (dict "set" "modelArtifacts.download.enabled" "value" false)))) -}}
{{- end -}}
{{- if $options.job -}}
  {{- if not $possible -}}
  {{- include "llm-d-modelservice.stop" (list $ (printf "modelArtifacts.download.job: a %s:// model is not downloaded; set download.job: false" $scheme)
    (dict "certain" (list (dict "set" "modelArtifacts.download.job" "value" false)))) -}}
  {{- end -}}
  {{- if eq $asked "false" -}}
  {{- include "llm-d-modelservice.stop" (list $
    "modelArtifacts.download.job: download.enabled is false, so there is nothing for a Job to do; keep one of them"
    (dict "offered" (list (dict "set" "modelArtifacts.download.job" "value" false)))) -}}
  {{- end -}}
  {{- if not .root.Values.modelArtifacts.persistence.enabled -}}
  {{- include "llm-d-modelservice.stop" (list $ (print
    "modelArtifacts.download.job: a Job fills a claim that the pods share; set persistence.enabled: true and "
    "accessModes: [ReadWriteMany]")) -}}
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
cache that the engine reads, in place of the directory), file (the model is one file, so the directory is its path).
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
  {{- $command = list "rclone" (empty .file | ternary "copy" "copyto") (printf ":%s:%s" (eq .scheme "gs" | ternary "gcs" "s3") .rest) .directory -}}
{{- end -}}
{{- if and .revision (has .scheme (list "hf" "ms")) -}}{{- $command = concat $command (list "--revision" .revision) -}}{{- end -}}
{{- $command | toJson -}}
{{- end -}}

{{/*
Adds to the facts about the model what downloads it, in place; prints nothing. Input: root, role, engine, model, known
(facts about the engine's models), download.

An engine with its own model store has a template for what fills it, "llm-d-modelservice.engines.<type>.download" in
engines/, which prints JSON {command}, or {} where nothing has to be done. Its input: engine, model, download.
*/}}
{{- define "llm-d-modelservice.addDownload" -}}
{{- $options := .root.Values.modelArtifacts.download -}}
{{- $model := .model -}}
{{- $scheme := $model.scheme -}}
{{- $facts := index .root.Known.engines .engine.type -}}
{{- $command := list -}}
{{- $access := dict "env" list "volumes" list "mounts" list -}}
{{- $image := $options.image -}}
{{- $env := $model.storeEnv -}}
{{- $ownStore := has "download" ($facts.start.templates | default list) -}}
{{- if $ownStore -}}
  {{- $template := printf "llm-d-modelservice.engines.%s.download" .engine.type -}}
  {{- $input := dict "engine" .engine "model" $model "download" .download -}}
  {{- $command = (include $template $input | fromJson).command -}}
{{- else if .download -}}
  {{- $cached := or (eq $scheme "hf") (has $scheme (.known.caches | default list)) -}}
  {{- $directory := printf "%s/%s" $model.mountPath $model.rest -}}
  {{- $file := and .known.fileSuffix (hasSuffix .known.fileSuffix $model.rest) -}}
  {{- if and (eq $scheme "hf") (contains ":" $model.rest) (not $options.command) -}}
  {{- include "llm-d-modelservice.stop" (list $ (printf
    "modelArtifacts.download.enabled: a whole repository is downloaded, not %s; set download.command, or download.enabled: false"
    $model.rest)) -}}
  {{- end -}}
  {{- $command = include "llm-d-modelservice.copyCommand" (dict
    "scheme" $scheme "rest" $model.rest "directory" $directory "revision" $model.revision "cached" $cached "file" $file)
    | fromJsonArray -}}
  {{- if has $scheme (list "s3" "gs" "oss") -}}
    {{- $artifacts := .root.Values.modelArtifacts -}}
    {{- $input := dict "artifacts" $artifacts "scheme" $scheme "endpoint" $artifacts.endpoint "rclone" true -}}
    {{- $access = include "llm-d-modelservice.storeAccess" $input | fromJson -}}
    {{- $env = $access.env -}}
    {{- $image = $image | default (include "llm-d-modelservice.rcloneImage" .) -}}
  {{- else if and (not $image) (not (has $scheme (.known.downloads | default list))) -}}
  {{- include "llm-d-modelservice.stop" (list $ (printf
    "modelArtifacts.download.image: the image of %s has no command that downloads from %s://; set an image that has %s"
    $facts.title $scheme (first $command))) -}}
  {{- end -}}
{{- end -}}
{{- if and $options.command (or $ownStore .download) -}}
  {{- $input := dict "root" .root "value" $options.command "key" "modelArtifacts.download.command" -}}
  {{- $command = (include "llm-d-modelservice.rendered" $input | fromJson).value -}}
{{- end -}}
{{- if $command -}}
  {{- if not .engine.mountModelVolume -}}
  {{- include "llm-d-modelservice.stop" (list $ (printf
    (print "%s.containers[0].mountModelVolume: the model is downloaded to a volume that the engine does not mount; set "
      "mountModelVolume: true")
    .role)
    (dict "certain" (list (dict "set" (printf "%s.containers[0].mountModelVolume" .role) "value" true)))) -}}
  {{- end -}}
  {{- $container := include "llm-d-modelservice.downloadContainer" (dict
    "root" .root "role" .role "engine" .engine "model" $model "env" (concat $model.env $env)
    "mounts" (concat (list (dict "name" "model-storage" "mountPath" $model.mountPath)) $access.mounts)
    "name" "download-model" "image" ($image | default .engine.image) "command" $command) | fromJson -}}
  {{- if $options.job -}}
    {{- include "llm-d-modelservice.downloadInJob" (dict "model" $model "container" $container "access" $access) -}}
  {{- else -}}
    {{- $_ := set $model "initContainers" (append $model.initContainers $container) -}}
    {{- $_ := set $model "volumes" (concat $model.volumes $access.volumes) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/*
A container that downloads, as JSON. Input: root, role, engine, model, env and mounts (besides those of certificates and
download.env), name, image, command.
*/}}
{{- define "llm-d-modelservice.downloadContainer" -}}
{{- $options := .root.Values.modelArtifacts.download -}}
{{- range $i, $container := (index .root.Values .role).initContainers -}}
  {{- if eq $container.name $.name -}}
  {{- include "llm-d-modelservice.stop" (list $ (printf
    "%s.initContainers[%d].name: the container that downloads the model is named %s; names are unique in a pod"
    $.role $i $.name)) -}}
  {{- end -}}
{{- end -}}
{{- $own := list -}}
{{- $variables := dict "root" .root "value" ($options.env | default dict) "key" "modelArtifacts.download.env" -}}
{{- range $name, $value := (include "llm-d-modelservice.rendered" $variables | fromJson).value -}}
  {{- with include "llm-d-modelservice.variable" (dict "name" $name "value" $value) | fromJson -}}{{- $own = append $own . -}}{{- end -}}
{{- end -}}
{{- $lower := concat (.env | default list) .model.certificates.env | default list -}}
{{- $env := include "llm-d-modelservice.mergeList" (dict "key" "env" "lower" $lower "upper" $own) | fromJsonArray -}}
{{- $container := dict "name" .name "image" (include "llm-d-modelservice.image" (dict "root" .root "image" .image)) "command" .command -}}
{{- $_ := set $container "volumeMounts" (concat .mounts .model.certificates.mounts) -}}
{{- if $env -}}{{- $_ := set $container "env" $env -}}{{- end -}}
{{- with .engine.securityContext -}}{{- $_ := set $container "securityContext" . -}}{{- end -}}
{{- $given := dict "resources" ($options.resources | default dict) "key" "modelArtifacts.download.resources" -}}
{{- $resources := include "llm-d-modelservice.resources" $given | fromJson -}}
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
{{- $_ := set .model "job" (dict "container" $job "volumes" (concat (.access.volumes | default list) .model.certificates.volumes | default list)) -}}
{{- $wait := pick .container "image" "securityContext" -}}
{{- $_ := set $wait "name" "wait-for-model" -}}
{{- $_ := set $wait "command" (list "/bin/sh" "-c" "until [ -e \"$0\" ]; do sleep 5; done" $marker) -}}
{{- $_ := set $wait "volumeMounts" (list (dict "name" "model-storage" "mountPath" .model.mountPath)) -}}
{{- $_ := set .model "initContainers" (append .model.initContainers $wait) -}}
{{- end -}}
