{{/*
LoRA adapters: where they are in the pod, and the flags that load them.
*/}}

{{/*
Adds its adapters to the facts about the model, in place; prints nothing. Input: root, role, engine, model. Adds
  adapters  {name, path} of each: a repository or a path
and the volumes, mounts and init containers that bring them there.
*/}}
{{- define "llm-d-modelservice.addAdapters" -}}
{{- $artifacts := .root.Values.modelArtifacts -}}
{{- $model := .model -}}
{{- $adapters := list -}}
{{- $directory := "/adapters" -}}
{{- $examples := dict
  "hf" "hf://organisation/adapter" "ms" "ms://organisation/adapter" "s3" "s3://bucket/path" "gs" "gs://bucket/path"
  "oss" "oss://bucket/path" "pvc" "pvc://claim/path" "oci" "oci://registry/image:tag" "file" "file:///path" -}}
{{- $seen := dict -}}
{{- range $name := $model.names -}}{{- $_ := set $seen $name "the model" -}}{{- end -}}
{{- range $i, $adapter := $artifacts.adapters -}}
  {{- $key := printf "modelArtifacts.adapters[%d]" $i -}}
  {{- include "llm-d-modelservice.checkItem" (dict "key" $key "item" $adapter) -}}
  {{- if hasKey $seen $adapter.name -}}
  {{- include "llm-d-modelservice.stop" (list $ (printf
    "%s.name: %s is also the name of %s, and requests choose by name; choose another"
    $key $adapter.name (index $seen $adapter.name))) -}}
  {{- end -}}
  {{- $_ := set $seen $adapter.name $key -}}
  {{- $input := dict "root" $.root "uri" $adapter.uri "key" (printf "%s.uri" $key) "examples" $examples -}}
  {{- $source := include "llm-d-modelservice.source" $input | fromJson -}}
  {{- $path := printf "%s/%s" $directory $adapter.name -}}
  {{- $volume := printf "adapter-%d" $i -}}
  {{- if and (eq $source.scheme "hf") (ne (toString $artifacts.download.enabled) "true") -}}
    {{- /* The engine downloads an adapter of Hugging Face by its name. */ -}}
    {{- $path = $source.rest -}}
  {{- else if eq $source.scheme "file" -}}
    {{- $path = $source.rest -}}
  {{- else if eq $source.scheme "pvc" -}}
    {{- $segments := splitList "/" $source.rest -}}
    {{- if or (lt (len $segments) 2) (not (first $segments)) -}}
    {{- include "llm-d-modelservice.stop" (list $
      (printf "%s.uri: %q does not say where on the claim the adapter is; set pvc://claim/path" $key $source.uri)) -}}
    {{- end -}}
    {{- $claim := dict "claimName" (first $segments) -}}
    {{- $mount := dict "name" $volume "mountPath" $path "subPath" (rest $segments | join "/") "readOnly" true -}}
    {{- $_ := set $model "volumes" (append $model.volumes (dict "name" $volume "persistentVolumeClaim" $claim)) -}}
    {{- $_ := set $model "mounts" (append $model.mounts $mount) -}}
  {{- else if eq $source.scheme "oci" -}}
    {{- $image := dict "reference" $source.rest "pullPolicy" ($artifacts.imagePullPolicy | default "Always") -}}
    {{- $_ := set $model "volumes" (append $model.volumes (dict "name" $volume "image" $image)) -}}
    {{- $_ := set $model "mounts" (append $model.mounts (dict "name" $volume "mountPath" $path "readOnly" true)) -}}
  {{- else -}}
    {{- include "llm-d-modelservice.downloadAdapter" (dict
      "root" $.root "role" $.role "engine" $.engine "model" $model "source" $source "key" $key "index" $i "path" $path) -}}
  {{- end -}}
  {{- $adapters = append $adapters (dict "name" $adapter.name "path" $path) -}}
{{- end -}}
{{- $_ := set $model "adapters" $adapters -}}
{{- end -}}

{{/*
Adds the init container that downloads one adapter to a volume all of them share, in place; prints nothing. Input:
root, role, engine, model, source, key, index, path.
*/}}
{{- define "llm-d-modelservice.downloadAdapter" -}}
{{- $artifacts := .root.Values.modelArtifacts -}}
{{- $scheme := .source.scheme -}}
{{- $access := dict "env" list "volumes" list "mounts" list -}}
{{- $image := $artifacts.download.image | default .engine.image -}}
{{- $env := append .model.storeEnv (dict "name" (eq $scheme "ms" | ternary "MODELSCOPE_CACHE" "HF_HOME") "value" "/adapters/.cache") -}}
{{- if not (has $scheme (list "hf" "ms")) -}}
  {{- $endpoint := eq $scheme .model.scheme | ternary $artifacts.endpoint "" -}}
  {{- if and (eq $scheme "oss") (not $endpoint) -}}
  {{- include "llm-d-modelservice.stop" (list $ (printf
    (print "%s.uri: an oss:// bucket is reached at its region's address, which modelArtifacts.endpoint gives only if the "
      "model itself is oss://; put the adapter next to the model, or on a claim")
    .key)) -}}
  {{- end -}}
  {{- $input := dict "artifacts" $artifacts "scheme" $scheme "endpoint" $endpoint "rclone" true -}}
  {{- $access = include "llm-d-modelservice.storeAccess" $input | fromJson -}}
  {{- $env = $access.env -}}
  {{- $image = $artifacts.download.image | default (include "llm-d-modelservice.rcloneImage" .) -}}
{{- end -}}
{{- $input := dict "scheme" $scheme "rest" .source.rest "directory" .path "revision" "" "cached" false -}}
{{- $command := include "llm-d-modelservice.copyCommand" $input | fromJsonArray -}}
{{- $known := index .root.Known.engines .engine.type -}}
{{- if and (eq $image .engine.image) (not (has $scheme ($known.model.downloads | default list))) -}}
{{- include "llm-d-modelservice.stop" (list $ (printf
  "modelArtifacts.download.image: the image of %s has no command that downloads from %s://; set an image that has %s"
  $known.title $scheme (first $command))) -}}
{{- end -}}
{{- $container := include "llm-d-modelservice.downloadContainer" (dict
  "root" .root "role" .role "engine" .engine "env" $env
  "name" (printf "download-adapter-%d" (int .index)) "image" $image "command" $command) | fromJson -}}
{{- $mount := dict "name" "adapters" "mountPath" "/adapters" -}}
{{- $_ := set $container "volumeMounts" (concat (list $mount) $access.mounts) -}}
{{- $_ := set .model "initContainers" (append .model.initContainers $container) -}}
{{- $names := list -}}
{{- range .model.volumes -}}{{- $names = append $names .name -}}{{- end -}}
{{- if not (has "adapters" $names) -}}
  {{- $_ := set .model "mounts" (append .model.mounts $mount) -}}
  {{- $_ := set .model "volumes" (append .model.volumes (dict "name" "adapters" "emptyDir" dict)) -}}
{{- end -}}
{{- range $access.volumes -}}
  {{- if not (has .name $names) -}}{{- $_ := set $.model "volumes" (append $.model.volumes .) -}}{{- end -}}
{{- end -}}
{{- end -}}

{{/*
Flags and variables of LoRA, as JSON {flags: [[name, value]], env}; both empty without adapters and run-time loading.
Input: root, engine, model, given. Rejects what the engine cannot do.
*/}}
{{- define "llm-d-modelservice.lora" -}}
{{- $lora := .root.Values.modelArtifacts.lora -}}
{{- $adapters := .model.adapters | default list -}}
{{- $flags := list -}}
{{- $env := list -}}
{{- include "llm-d-modelservice.checkLora" . -}}
{{- if or $adapters $lora.dynamic -}}
  {{- $known := (index .root.Known.engines .engine.type).adapters -}}
  {{- $names := $known.flags -}}
  {{- $entries := $adapters -}}
  {{- if eq ($names.form | default "json") "pairs" -}}
    {{- $entries = list -}}
    {{- range $adapters -}}{{- $entries = append $entries (printf "%s=%s" .name .path) -}}{{- end -}}
  {{- end -}}
  {{- /* Where one adapter fits in a batch by default, requests for another one wait. */ -}}
  {{- $active := int $lora.maxLoras -}}
  {{- if $known.oneByDefault -}}
    {{- $active = int ($lora.maxLoras | default (len $adapters)) -}}
    {{- if eq $active 1 -}}{{- $active = 0 -}}{{- end -}}
  {{- end -}}
  {{- range $pair := list
    (list $names.enable true) (list $names.maxRank $lora.maxRank) (list $names.list $entries)
    (list $names.maxActive $active) (list $names.maxLoaded $lora.maxCpuLoras) -}}
    {{- if and (first $pair) (last $pair) -}}{{- $flags = append $flags $pair -}}{{- end -}}
  {{- end -}}
  {{- if $lora.dynamic -}}
    {{- range $name, $value := $known.dynamicEnv -}}{{- $env = append $env (dict "name" $name "value" $value) -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- dict "flags" $flags "env" $env | toJson -}}
{{- end -}}
