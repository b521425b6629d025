{{/*
LoRA adapters: where they lie in the pod, and the flags that load them.
https://docs.vllm.ai/en/latest/features/lora/ https://docs.sglang.io/advanced_features/lora.html
*/}}

{{/*
Adds to the model's facts its adapters, in place; prints nothing. Input: root, role, engine, model. Adds
  adapters  {name, path} of each: a repository or a path
and the volumes, mounts and init containers that bring them there.
*/}}
{{- define "llm-d-modelservice.addAdapters" -}}
{{- $artifacts := .root.Values.modelArtifacts -}}
{{- $model := .model -}}
{{- $adapters := list -}}
{{- $directory := "/adapters" -}}
{{- $seen := dict -}}
{{- range $name := $model.names -}}{{- $_ := set $seen $name "the model" -}}{{- end -}}
{{- range $i, $adapter := $artifacts.adapters -}}
  {{- $key := printf "modelArtifacts.adapters[%d]" $i -}}
  {{- if kindIs "invalid" $adapter -}}{{- fail (printf "%s: a list item without content; remove the dash or fill it in" $key) -}}{{- end -}}
  {{- if hasKey $seen $adapter.name -}}
  {{- fail (printf
    "%s.name: %s is also the name of %s, and requests choose by name; choose another"
    $key $adapter.name (index $seen $adapter.name)) -}}
  {{- end -}}
  {{- $_ := set $seen $adapter.name $key -}}
  {{- $source := include "llm-d-modelservice.source" (dict "root" $.root "uri" $adapter.uri "key" (printf "%s.uri" $key) "examples" (dict
    "hf" "hf://organisation/adapter" "ms" "ms://organisation/adapter" "s3" "s3://bucket/path" "gs" "gs://bucket/path"
    "oss" "oss://bucket/path" "pvc" "pvc://claim/path" "oci" "oci://registry/image:tag" "file" "file:///path")) | fromJson -}}
  {{- $path := printf "%s/%s" $directory $adapter.name -}}
  {{- $volume := printf "adapter-%d" $i -}}
  {{- if and (eq $source.scheme "hf") (ne (toString $artifacts.download.enabled) "true") -}}
    {{- /* vLLM and SGLang download an adapter of Hugging Face by its name. */ -}}
    {{- $path = $source.rest -}}
  {{- else if eq $source.scheme "file" -}}
    {{- $path = $source.rest -}}
  {{- else if eq $source.scheme "pvc" -}}
    {{- $segments := splitList "/" $source.rest -}}
    {{- if or (lt (len $segments) 2) (not (first $segments)) -}}
    {{- fail (printf
      "%s.uri: %q does not say where on the claim the adapter is; set pvc://claim/path"
      $key $source.uri) -}}
    {{- end -}}
    {{- $_ := set $model "volumes" (append $model.volumes (dict "name" $volume "persistentVolumeClaim" (dict "claimName" (first $segments)))) -}}
    {{- $_ := set $model "mounts" (append $model.mounts (dict "name" $volume "mountPath" $path "subPath" (rest $segments | join "/") "readOnly" true)) -}}
  {{- else if eq $source.scheme "oci" -}}
    {{- $_ := set $model "volumes" (append $model.volumes (dict "name" $volume "image" (dict "reference" $source.rest "pullPolicy" ($artifacts.imagePullPolicy | default "Always")))) -}}
    {{- $_ := set $model "mounts" (append $model.mounts (dict "name" $volume "mountPath" $path "readOnly" true)) -}}
  {{- else -}}
    {{- include "llm-d-modelservice.downloadAdapter" (dict "root" $.root "role" $.role "engine" $.engine "model" $model "source" $source "key" $key "index" $i "path" $path) -}}
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
  {{- fail (printf
    (print "%s.uri: an oss:// bucket is reached at its region's address, which modelArtifacts.endpoint gives where the "
      "model itself is oss://; put the adapter beside the model, or on a claim")
    .key) -}}
  {{- end -}}
  {{- $access = include "llm-d-modelservice.storeAccess" (dict "artifacts" $artifacts "scheme" $scheme "endpoint" $endpoint "rclone" true) | fromJson -}}
  {{- $env = $access.env -}}
  {{- $image = $artifacts.download.image | default (include "llm-d-modelservice.rcloneImage" .) -}}
{{- end -}}
{{- $command := include "llm-d-modelservice.copyCommand" (dict "scheme" $scheme "rest" .source.rest "directory" .path "revision" "" "cached" false) | fromJsonArray -}}
{{- if and (eq $image .engine.image) (not (has .engine.type (list "vllm" "sglang"))) -}}
{{- fail (printf
  "modelArtifacts.download.image: the image of %s has no command that downloads from %s://; set one that has %s"
  .engine.type $scheme (first $command)) -}}
{{- end -}}
{{- $container := include "llm-d-modelservice.downloadContainer" (dict "root" .root "role" .role "engine" .engine "env" $env
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
Flags and variables of LoRA, as JSON {flags, env}; both empty without adapters and run-time loading. Input: root,
engine, model, given. Refuses what the engine cannot do.
*/}}
{{- define "llm-d-modelservice.lora" -}}
{{- $lora := .root.Values.modelArtifacts.lora -}}
{{- $adapters := .model.adapters | default list -}}
{{- $type := .engine.type -}}
{{- $flags := list -}}
{{- $env := list -}}
{{- $wanted := or $adapters $lora.dynamic -}}
{{- if not $wanted -}}
  {{- range $key := list "maxRank" "maxLoras" "maxCpuLoras" -}}
    {{- if index $lora $key -}}
    {{- fail (printf
      (print "modelArtifacts.lora.%s: no adapter is loaded; set modelArtifacts.adapters, or lora.dynamic: true to load "
        "them at run time")
      $key) -}}
    {{- end -}}
  {{- end -}}
{{- else -}}
  {{- $key := empty $adapters | ternary "modelArtifacts.lora.dynamic" "modelArtifacts.adapters" -}}
  {{- if not (has $type (list "vllm" "sglang" "simulator")) -}}
  {{- fail (printf "%s: %s does not load LoRA adapters; remove it, or set engine.type: vllm" $key $type) -}}
  {{- end -}}
  {{- if eq .engine.modelCommand "custom" -}}
  {{- fail (printf
    (print "%s: modelCommand is custom, so the chart writes no arguments; load the adapters in the command, or set "
      "modelCommand: vllmServe")
    $key) -}}
  {{- end -}}
  {{- $max := $lora.maxLoras | default (len $adapters) -}}
  {{- if and $lora.maxCpuLoras (lt (int $lora.maxCpuLoras) (int $max)) -}}
  {{- fail (printf
    (print "modelArtifacts.lora.maxCpuLoras: %d is less than the %d adapters of a batch (%s), which are in the host's "
      "memory too; set at least %d")
    (int $lora.maxCpuLoras) (int $max) (empty $lora.maxLoras | ternary "the number of adapters" "lora.maxLoras")
    (int $max)) -}}
  {{- end -}}
  {{- range $flag := list "lora-modules" "lora-paths" -}}
    {{- if and $adapters (hasKey $.given $flag) -}}
    {{- fail (printf
      (print "modelArtifacts.adapters: the engine's arguments have --%s too, and only one of them would count; set all "
        "adapters here")
      $flag) -}}
    {{- end -}}
  {{- end -}}
  {{- if eq $type "sglang" -}}
    {{- if and (not $adapters) (not (and $lora.maxRank (hasKey .given "lora-target-modules"))) -}}
    {{- fail (print
      "modelArtifacts.lora.dynamic: without a first adapter SGLang has to be told what will come; set lora.maxRank and "
      "engine.args.lora-target-modules") -}}
    {{- end -}}
    {{- $paths := list -}}
    {{- range $adapters -}}{{- $paths = append $paths (printf "%s=%s" .name .path) -}}{{- end -}}
    {{- $flags = append $flags (dict "name" "enable-lora" "value" true) -}}
    {{- if $paths -}}{{- $flags = append $flags (dict "name" "lora-paths" "value" $paths) -}}{{- end -}}
    {{- if $lora.maxRank -}}{{- $flags = append $flags (dict "name" "max-lora-rank" "value" $lora.maxRank) -}}{{- end -}}
    {{- if $lora.maxLoras -}}{{- $flags = append $flags (dict "name" "max-loras-per-batch" "value" $lora.maxLoras) -}}{{- end -}}
    {{- if $lora.maxCpuLoras -}}{{- $flags = append $flags (dict "name" "max-loaded-loras" "value" $lora.maxCpuLoras) -}}{{- end -}}
  {{- else -}}
    {{- if ne $type "simulator" -}}
      {{- $flags = append $flags (dict "name" "enable-lora" "value" true) -}}
      {{- if $lora.maxRank -}}{{- $flags = append $flags (dict "name" "max-lora-rank" "value" $lora.maxRank) -}}{{- end -}}
      {{- if $lora.dynamic -}}{{- $env = list (dict "name" "VLLM_ALLOW_RUNTIME_LORA_UPDATING" "value" "True") -}}{{- end -}}
    {{- end -}}
    {{- if $adapters -}}{{- $flags = append $flags (dict "name" "lora-modules" "value" $adapters) -}}{{- end -}}
    {{- /* vLLM's default is one adapter in a batch, and requests for another one wait. */ -}}
    {{- if gt (int $max) 1 -}}{{- $flags = append $flags (dict "name" "max-loras" "value" $max) -}}{{- end -}}
    {{- if $lora.maxCpuLoras -}}{{- $flags = append $flags (dict "name" "max-cpu-loras" "value" $lora.maxCpuLoras) -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- dict "flags" $flags "env" $env | toJson -}}
{{- end -}}
