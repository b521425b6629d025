{{/*
The model: from modelArtifacts to a model argument, a volume, environment variables and what is downloaded before the
engine starts.
*/}}

{{/* How clients call the model; routing.modelName is what the original chart's first versions had. Input: the root context. */}}
{{- define "llm-d-modelservice.modelName" -}}
{{- if eq .Values.modelArtifacts.name "random/model" -}}
{{- .Values.routing.modelName | default .Values.modelArtifacts.name -}}
{{- else -}}
{{- .Values.modelArtifacts.name -}}
{{- end -}}
{{- end -}}

{{/*
Facts about the model as one role's engine loads it, as JSON. Input: root, role, engine. Output:
  name, names     how clients call it: the first name, and all of them
  scheme, rest    of its URI
  argument        what the engine loads: a repository, a path or the address of an object store
  revision        of a repository, or ""
  flags           flags of the engine that belong to the source, as {name, value}
  volume          the model volume's source; none where the engine streams or finds the model in its image
  mountPath, readOnly   its mount
  env             environment variables that belong to the mounted volume
  storeEnv        environment variables that reach the store: token, mirror, credentials
  volumes, mounts further volumes, and mounts of the engine
  initContainers  what runs before the engine
  job             the container of the Job that fills a shared claim, if there is one
*/}}
{{- define "llm-d-modelservice.model" -}}
{{- $artifacts := .root.Values.modelArtifacts -}}
{{- $type := .engine.type -}}
{{- $name := include "llm-d-modelservice.modelName" .root -}}
{{- $source := include "llm-d-modelservice.source" (dict "root" .root "uri" $artifacts.uri "key" "modelArtifacts.uri" "examples" (dict
  "hf" "hf://organisation/model" "ms" "ms://organisation/model" "s3" "s3://bucket/path" "gs" "gs://bucket/path"
  "oss" "oss://bucket/path" "ollama" "ollama://model:tag" "pvc" "pvc://claim/path"
  "pvc+hf" "pvc+hf://claim/organisation/model" "oci" "oci://registry/image:tag" "file" "file:///path")) | fromJson -}}
{{- $scheme := $source.scheme -}}
{{- $rest := $source.rest -}}
{{- $segments := splitList "/" $rest -}}
{{- $mountPath := $artifacts.mountPath | trimSuffix "/" | default "/" -}}
{{- $names := concat (list $name) ($artifacts.aliases | default list) | uniq -}}
{{- $model := dict "name" $name "names" $names "scheme" $scheme "rest" $rest "argument" $rest "revision" ($artifacts.revision | default "") "flags" list
  "mountPath" $mountPath "readOnly" false "env" list "storeEnv" list "volumes" list "mounts" list "initContainers" list -}}
{{- include "llm-d-modelservice.checkSource" (dict "root" .root "engine" .engine "model" $model) -}}
{{- $download := eq (include "llm-d-modelservice.downloads" (dict "artifacts" $artifacts "engine" .engine "model" $model)) "true" -}}

{{- /* Where it lies and what the engine calls it. */ -}}
{{- if eq $scheme "hf" -}}
  {{- $_ := set $model "env" (list (dict "name" "HF_HOME" "value" $mountPath)) -}}
{{- else if eq $scheme "ms" -}}
  {{- $_ := set $model "env" (list (dict "name" "MODELSCOPE_CACHE" "value" $mountPath)) -}}
  {{- if has $type (list "vllm" "sglang" "simulator") -}}
    {{- $_ := set $model "storeEnv" (list (eq $type "sglang" | ternary (dict "name" "SGLANG_USE_MODELSCOPE" "value" "true") (dict "name" "VLLM_USE_MODELSCOPE" "value" "True"))) -}}
  {{- else -}}
    {{- $_ := set $model "argument" (printf "%s/%s" $mountPath $rest) -}}
  {{- end -}}
{{- else if has $scheme (list "s3" "gs" "oss") -}}
  {{- $_ := set $model "argument" ($download | ternary (printf "%s/%s" $mountPath $rest) (printf "%s://%s" $scheme $rest)) -}}
  {{- if and (not $download) (ne $type "simulator") -}}
    {{- $_ := set $model "flags" (list (dict "name" "load-format" "value" "runai_streamer")) -}}
  {{- end -}}
{{- else if eq $scheme "ollama" -}}
  {{- $_ := set $model "env" (list (dict "name" "OLLAMA_MODELS" "value" $mountPath)) -}}
{{- else if eq $scheme "oci" -}}
  {{- $_ := set $model "argument" $mountPath -}}
  {{- $_ := set $model "readOnly" true -}}
  {{- $_ := set $model "volume" (dict "image" (dict "reference" $rest "pullPolicy" ($artifacts.imagePullPolicy | default "Always"))) -}}
{{- else if has $scheme (list "pvc" "pvc+hf") -}}
  {{- if lt (len $segments) (eq $scheme "pvc" | ternary (eq $type "ollama" | ternary 1 2) 3) -}}
  {{- fail (printf
    "modelArtifacts.uri: %q does not say where on the claim the model is; set %s"
    $source.uri (eq $scheme "pvc" | ternary "pvc://claim/path/to/model" "pvc+hf://claim/[directory/]organisation/model")) -}}
  {{- end -}}
  {{- if not (first $segments) -}}
  {{- fail (printf
    "modelArtifacts.uri: %q does not name a claim; set %s"
    $source.uri (eq $scheme "pvc" | ternary "pvc://claim/path/to/model" "pvc+hf://claim/[directory/]organisation/model")) -}}
  {{- end -}}
  {{- $claim := dict "claimName" (first $segments) -}}
  {{- if $artifacts.readOnly -}}{{- $_ := set $claim "readOnly" true -}}{{- end -}}
  {{- $_ := set $model "readOnly" $artifacts.readOnly -}}
  {{- $_ := set $model "volume" (dict "persistentVolumeClaim" $claim) -}}
  {{- if eq $scheme "pvc" -}}
    {{- $path := printf "%s/%s" $mountPath (rest $segments | join "/") | trimSuffix "/" -}}
    {{- $_ := set $model "argument" $path -}}
    {{- if eq $type "ollama" -}}
      {{- $_ := set $model "argument" .engine.ollama.model -}}
      {{- $_ := set $model "env" (list (dict "name" "OLLAMA_MODELS" "value" $path)) -}}
    {{- end -}}
  {{- else -}}
    {{- $last := sub (len $segments) 2 | int -}}
    {{- $_ := set $model "argument" (slice $segments $last | join "/") -}}
    {{- $_ := set $model "env" (list (dict "name" "HF_HUB_CACHE" "value" (printf "%s/%s" $mountPath (slice $segments 1 $last | join "/")))) -}}
  {{- end -}}
{{- end -}}
{{- if or $download (has $scheme (list "hf" "ms" "ollama")) (and (eq $scheme "file") $artifacts.persistence.enabled) -}}
  {{- $_ := set $model "volume" (include "llm-d-modelservice.modelVolume" .root | fromJson) -}}
{{- else if $artifacts.persistence.enabled -}}
{{- fail (printf
  (print "modelArtifacts.persistence.enabled: the engine streams %s:// models without a volume; set download.enabled: "
    "true, or persistence.enabled: false")
  $scheme) -}}
{{- else if eq $artifacts.volume.type "ephemeral" -}}
{{- fail (printf
  "modelArtifacts.volume.type: nothing is downloaded to a volume, because the model is %s://%s; remove it"
  $scheme (has $scheme (list "s3" "gs") | ternary " and streamed" "")) -}}
{{- end -}}
{{- if and $artifacts.revision (has $type (list "vllm" "sglang")) -}}
  {{- $_ := set $model "flags" (append $model.flags (dict "name" "revision" "value" $artifacts.revision)) -}}
{{- end -}}

{{- /* How its store is reached. */ -}}
{{- if $artifacts.authSecretName -}}
  {{- $token := dict "name" (eq $scheme "ms" | ternary "MODELSCOPE_API_TOKEN" "HF_TOKEN") "valueFrom" (dict "secretKeyRef" (dict "name" $artifacts.authSecretName "key" ($artifacts.authSecretKey | default "HF_TOKEN"))) -}}
  {{- $_ := set $model "storeEnv" (append $model.storeEnv $token) -}}
{{- end -}}
{{- if $artifacts.endpoint -}}
  {{- if eq $scheme "ms" -}}
    {{- /* Older versions of ModelScope's library know only the domain. */ -}}
    {{- $_ := set $model "storeEnv" (append $model.storeEnv (dict "name" "MODELSCOPE_ENDPOINT" "value" $artifacts.endpoint)) -}}
    {{- $_ := set $model "storeEnv" (append $model.storeEnv (dict "name" "MODELSCOPE_DOMAIN" "value" (regexReplaceAll "^https?://" $artifacts.endpoint "" | trimSuffix "/"))) -}}
  {{- else if not (has $scheme (list "s3" "oss")) -}}
    {{- $_ := set $model "storeEnv" (append $model.storeEnv (dict "name" "HF_ENDPOINT" "value" $artifacts.endpoint)) -}}
  {{- end -}}
{{- end -}}
{{- if and (has $scheme (list "s3" "gs")) (not $download) -}}
  {{- $access := include "llm-d-modelservice.storeAccess" (dict "artifacts" $artifacts "scheme" $scheme "endpoint" $artifacts.endpoint "rclone" false) | fromJson -}}
  {{- $_ := set $model "storeEnv" (concat $model.storeEnv $access.env) -}}
  {{- $_ := set $model "volumes" $access.volumes -}}
  {{- $_ := set $model "mounts" $access.mounts -}}
{{- end -}}

{{- if and (eq $type "fasterWhisper") (ne $name $model.argument) -}}
{{- fail (printf
  (print "modelArtifacts.name: faster-whisper-server loads whatever a request names, so requests have to name the "
    "model; set name: %s")
  $model.argument) -}}
{{- end -}}
{{- if or $download (eq $type "ollama") -}}
  {{- include "llm-d-modelservice.addDownload" (dict "root" .root "role" .role "engine" .engine "model" $model) -}}
{{- end -}}
{{- if $artifacts.adapters -}}
  {{- include "llm-d-modelservice.addAdapters" (dict "root" .root "role" .role "engine" .engine "model" $model) -}}
{{- end -}}
{{- /* concat makes a list of nothing null, which it does not take. */ -}}
{{- range $key := list "flags" "storeEnv" "volumes" "mounts" "initContainers" -}}{{- $_ := set $model $key (index $model $key | default list) -}}{{- end -}}
{{- $model | toJson -}}
{{- end -}}

{{/* Adds the mount of the model volume to a container, in place; prints nothing. Input: facts, container. */}}
{{- define "llm-d-modelservice.mountModel" -}}
{{- $mounts := .container.volumeMounts | default list -}}
{{- $mounted := not .facts.model.volume -}}
{{- range $mounts -}}
  {{- if or (eq .name "model-storage") (eq (trimSuffix "/" .mountPath) $.facts.model.mountPath) -}}{{- $mounted = true -}}{{- end -}}
{{- end -}}
{{- if not $mounted -}}
  {{- $mount := dict "name" "model-storage" "mountPath" .facts.model.mountPath -}}
  {{- if .facts.model.readOnly -}}{{- $_ := set $mount "readOnly" true -}}{{- end -}}
  {{- $_ := set .container "volumeMounts" (append $mounts $mount) -}}
{{- end -}}
{{- end -}}
