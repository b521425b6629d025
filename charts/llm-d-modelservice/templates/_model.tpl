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
  {{- fail (printf "modelArtifacts.uri: %q does not say where on the claim the model is; write %s" $source.uri (eq $scheme "pvc" | ternary "pvc://claim/path/to/model" "pvc+hf://claim/[directory/]organisation/model")) -}}
  {{- end -}}
  {{- if not (first $segments) -}}
  {{- fail (printf "modelArtifacts.uri: %q does not name a claim; write %s" $source.uri (eq $scheme "pvc" | ternary "pvc://claim/path/to/model" "pvc+hf://claim/[directory/]organisation/model")) -}}
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
{{- fail (printf "modelArtifacts.persistence.enabled: the engine streams %s:// models without a volume; write download.enabled: true, or persistence.enabled: false" $scheme) -}}
{{- else if eq $artifacts.volume.type "ephemeral" -}}
{{- fail (printf "modelArtifacts.volume.type: nothing is downloaded to a volume, because the model is %s://%s; remove it" $scheme (has $scheme (list "s3" "gs") | ternary " and streamed" "")) -}}
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
{{- fail (printf "modelArtifacts.name: faster-whisper-server loads whatever a request names, so requests have to name the model; write name: %s" $model.argument) -}}
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

{{/*
A URI in parts, its templates rendered, as JSON {uri, scheme, rest}. Input: root, uri, key (the values key), examples
(the schemes that are possible there, with one URI of each).
*/}}
{{- define "llm-d-modelservice.source" -}}
{{- $uri := .uri -}}
{{- if contains "{{" $uri -}}{{- $uri = tpl $uri .root -}}{{- end -}}
{{- $uri = $uri | replace "\"" "" | trim -}}
{{- $parts := splitn "://" 2 $uri -}}
{{- $scheme := $parts._0 -}}
{{- $rest := $parts._1 | default "" | trimSuffix "/" -}}
{{- if not (hasKey .examples $scheme) -}}
{{- fail (printf "%s: %q has no scheme that the chart knows; write %s" .key $uri (values .examples | sortAlpha | join ", ")) -}}
{{- end -}}
{{- if or (not $rest) (and (has $scheme (list "s3" "gs" "oss")) (not (contains "/" $rest))) -}}
{{- fail (printf "%s: %q names no model; write for instance %s" .key $uri (index .examples $scheme)) -}}
{{- end -}}
{{- if and (eq $scheme "file") (not (hasPrefix "/" $rest)) -}}
{{- fail (printf "%s: %q is not an absolute path; write %s" .key $uri (index .examples $scheme)) -}}
{{- end -}}
{{- dict "uri" $uri "scheme" $scheme "rest" $rest | toJson -}}
{{- end -}}

{{/*
Source of the volume that a model is downloaded to, as JSON. Input: the root context. A claim of the chart or of the
user, a claim of each pod, or the node's disk.
*/}}
{{- define "llm-d-modelservice.modelVolume" -}}
{{- $artifacts := .Values.modelArtifacts -}}
{{- $size := $artifacts.size -}}
{{- if $artifacts.persistence.enabled -}}
{{- dict "persistentVolumeClaim" (dict "claimName" ($artifacts.persistence.existingClaim | default (include "llm-d-modelservice.modelClaimName" .))) | toJson -}}
{{- else if eq $artifacts.volume.type "ephemeral" -}}
  {{- if not $size -}}{{- fail "modelArtifacts.size: an ephemeral volume is a claim, which needs a size; write it" -}}{{- end -}}
  {{- $spec := dict "accessModes" (list "ReadWriteOnce") "resources" (dict "requests" (dict "storage" (toString $size))) -}}
  {{- with $artifacts.volume.storageClassName -}}{{- $_ := set $spec "storageClassName" . -}}{{- end -}}
{{- dict "ephemeral" (dict "volumeClaimTemplate" (dict "spec" $spec)) | toJson -}}
{{- else -}}
{{- dict "emptyDir" (empty $size | ternary dict (dict "sizeLimit" (toString $size))) | toJson -}}
{{- end -}}
{{- end -}}

{{/*
How an object store is reached, as JSON {env, volumes, mounts}. Input: artifacts, scheme (s3, gs or oss), endpoint (its
address, if not the usual one), rclone (for rclone, which has variables of its own, or for an engine that streams).
https://rclone.org/s3/ https://docs.vllm.ai/en/stable/models/extensions/runai_model_streamer/
*/}}
{{- define "llm-d-modelservice.storeAccess" -}}
{{- $env := list -}}
{{- $volumes := list -}}
{{- $mounts := list -}}
{{- $secret := dict -}}
{{- $variables := list -}}
{{- if eq .scheme "s3" -}}
  {{- $secret = .artifacts.credentials.aws -}}
  {{- $variables = list (list "AWS_ACCESS_KEY_ID" $secret.accessKeyID) (list "AWS_SECRET_ACCESS_KEY" $secret.secretAccessKey) -}}
{{- else if eq .scheme "oss" -}}
  {{- $secret = .artifacts.credentials.alibaba -}}
  {{- $variables = list (list "RCLONE_S3_ACCESS_KEY_ID" $secret.accessKeyID) (list "RCLONE_S3_SECRET_ACCESS_KEY" $secret.accessKeySecret) -}}
{{- else -}}
  {{- $secret = .artifacts.credentials.gcp -}}
{{- end -}}
{{- if $secret.name -}}
  {{- range $variables -}}
    {{- $env = append $env (dict "name" (first .) "valueFrom" (dict "secretKeyRef" (dict "name" $secret.name "key" (last .)))) -}}
  {{- end -}}
  {{- if eq .scheme "gs" -}}
    {{- $volumes = list (dict "name" "gcp-credentials" "secret" (dict "secretName" $secret.name "items" (list (dict "key" $secret.jsonKeyfile "path" "credentials.json")))) -}}
    {{- $mounts = list (dict "name" "gcp-credentials" "mountPath" "/secrets/gcp-credentials" "readOnly" true) -}}
    {{- $env = append $env (dict "name" "GOOGLE_APPLICATION_CREDENTIALS" "value" "/secrets/gcp-credentials/credentials.json") -}}
  {{- end -}}
{{- end -}}
{{- if .rclone -}}
  {{- if eq .scheme "gs" -}}
    {{- $env = append $env (dict "name" "RCLONE_GCS_ENV_AUTH" "value" "true") -}}
  {{- else -}}
    {{- $env = append $env (dict "name" "RCLONE_S3_PROVIDER" "value" (eq .scheme "oss" | ternary "Alibaba" (empty .endpoint | ternary "AWS" "Other"))) -}}
    {{- if eq .scheme "s3" -}}{{- $env = append $env (dict "name" "RCLONE_S3_ENV_AUTH" "value" "true") -}}{{- end -}}
    {{- with .endpoint -}}{{- $env = append $env (dict "name" "RCLONE_S3_ENDPOINT" "value" .) -}}{{- end -}}
  {{- end -}}
{{- else if .endpoint -}}
  {{- /* A store that is not Amazon's has its buckets in the path and no instance metadata. */ -}}
  {{- $env = append $env (dict "name" "AWS_ENDPOINT_URL" "value" .endpoint) -}}
  {{- $env = append $env (dict "name" "RUNAI_STREAMER_S3_USE_VIRTUAL_ADDRESSING" "value" "0") -}}
  {{- $env = append $env (dict "name" "AWS_EC2_METADATA_DISABLED" "value" "true") -}}
{{- end -}}
{{- dict "env" $env "volumes" $volumes "mounts" $mounts | toJson -}}
{{- end -}}

{{/*
Refuses a source that contradicts the engine or the other keys of modelArtifacts; prints nothing. Input: root, engine,
model.
*/}}
{{- define "llm-d-modelservice.checkSource" -}}
{{- $artifacts := .root.Values.modelArtifacts -}}
{{- $scheme := .model.scheme -}}
{{- $type := .engine.type -}}
{{- $repository := has $scheme (list "hf" "pvc+hf" "ms") -}}
{{- $store := has $scheme (list "hf" "ms" "s3" "gs" "oss" "ollama") -}}
{{- if and (eq $scheme "ollama") (ne $type "ollama") -}}
{{- fail (printf "modelArtifacts.uri: only Ollama loads ollama:// models, and the engine is %s; write engine.type: ollama" $type) -}}
{{- end -}}
{{- if and (eq $type "ollama") (not (has $scheme (list "ollama" "pvc"))) -}}
{{- fail (printf "modelArtifacts.uri: Ollama has a model store of its own and cannot load %s://; write ollama://model:tag, or pvc://claim for a store on a claim" $scheme) -}}
{{- end -}}
{{- if eq $type "ollama" -}}
  {{- if and (eq $scheme "pvc") (not (.engine.ollama).model) -}}
  {{- fail "engine.ollama.model: which model of the store on the claim? write for instance qwen3:0.6b" -}}
  {{- end -}}
  {{- if and (eq $scheme "ollama") (.engine.ollama).model -}}
  {{- fail (printf "engine.ollama.model: modelArtifacts.uri names the model already (%s); remove it" .model.argument) -}}
  {{- end -}}
{{- end -}}
{{- if and $artifacts.revision (not $repository) -}}
{{- fail (printf "modelArtifacts.revision: a %s:// model has no revisions; remove it, or name another path or tag in modelArtifacts.uri" $scheme) -}}
{{- end -}}
{{- if and $artifacts.revision (eq $type "fasterWhisper") -}}
{{- fail "modelArtifacts.revision: faster-whisper-server loads the newest revision only; remove it" -}}
{{- end -}}
{{- if eq $scheme "oss" -}}
  {{- if not $artifacts.endpoint -}}
  {{- fail "modelArtifacts.endpoint: an oss:// bucket is reached at its region's address; write for instance https://oss-cn-hangzhou.aliyuncs.com" -}}
  {{- end -}}
{{- else if and $artifacts.endpoint (not (has $scheme (list "hf" "ms" "s3"))) -}}
  {{- $mirrored := false -}}
  {{- range $artifacts.adapters -}}{{- if hasPrefix "hf://" .uri -}}{{- $mirrored = true -}}{{- end -}}{{- end -}}
  {{- if not $mirrored -}}
  {{- fail (printf "modelArtifacts.endpoint: nothing is loaded from a store that has another address (the model is %s://); remove it" $scheme) -}}
  {{- end -}}
{{- end -}}
{{- $persistence := $artifacts.persistence -}}
{{- if $persistence.enabled -}}
  {{- if eq $artifacts.volume.type "ephemeral" -}}
  {{- fail "modelArtifacts.volume.type: ephemeral is a claim of each pod, but persistence.enabled is one claim for all; keep one of them" -}}
  {{- end -}}
  {{- if eq $scheme "file" -}}
    {{- if not (hasPrefix (printf "%s/" .model.mountPath) .model.argument) -}}
    {{- fail (printf "modelArtifacts.uri: the claim of persistence is mounted at %s, but %s is elsewhere; write file://%s/<path>, or persistence.enabled: false" .model.mountPath .model.argument .model.mountPath) -}}
    {{- end -}}
  {{- else if not $store -}}
  {{- fail (printf "modelArtifacts.persistence.enabled: a %s:// model is not downloaded, so a claim for it would stay empty; write persistence.enabled: false" $scheme) -}}
  {{- end -}}
  {{- if $persistence.existingClaim -}}
    {{- range $key := list "dataSource" "volumeName" "storageClassName" "retain" -}}
      {{- if index $persistence $key -}}
      {{- fail (printf "modelArtifacts.persistence.%s: it belongs to a claim that the chart creates, but existingClaim is %s; remove one of them" $key $persistence.existingClaim) -}}
      {{- end -}}
    {{- end -}}
  {{- else if not (or $persistence.size $artifacts.size) -}}
  {{- fail "modelArtifacts.size: a claim needs a size; write it, or persistence.size" -}}
  {{- end -}}
  {{- include "llm-d-modelservice.checkSharing" .root -}}
{{- else if or $persistence.existingClaim $persistence.dataSource -}}
{{- fail (printf "modelArtifacts.persistence.%s: persistence.enabled is false, so it would not be used; write persistence.enabled: true" (empty $persistence.existingClaim | ternary "dataSource" "existingClaim")) -}}
{{- end -}}
{{- range $key := list "aliases" "revision" -}}
  {{- if and (index $artifacts $key) (eq $.engine.modelCommand "custom") -}}
  {{- fail (printf "modelArtifacts.%s: modelCommand is custom, so the chart writes no arguments; write it into the command, or modelCommand: vllmServe" $key) -}}
  {{- end -}}
{{- end -}}
{{- if and $artifacts.aliases (not (has $type (list "vllm" "simulator" "ollama"))) -}}
{{- fail (printf "modelArtifacts.aliases: %s serves a model under one name; remove them" $type) -}}
{{- end -}}
{{- if and $artifacts.aliases (hasKey .engine.flags "served-model-name") -}}
{{- fail "modelArtifacts.aliases: engine.args.served-model-name names the model too, and its names would be the only ones; write all names here" -}}
{{- end -}}
{{- end -}}

{{/* Refuses one claim for pods that may be on several nodes, if it cannot be; prints nothing. Input: the root context. */}}
{{- define "llm-d-modelservice.checkSharing" -}}
{{- $persistence := .Values.modelArtifacts.persistence -}}
{{- if and (not $persistence.existingClaim) (not (has "ReadWriteMany" $persistence.accessModes)) -}}
  {{- $pods := 0 -}}
  {{- $why := list -}}
  {{- range $name := list "decode" "prefill" -}}
    {{- $role := index $.Values $name -}}
    {{- if $role.create -}}
      {{- $replicas := kindIs "invalid" $role.replicas | ternary 1 $role.replicas | int -}}
      {{- if $role.autoscaling.enabled -}}{{- $replicas = max 2 $replicas -}}{{- end -}}
      {{- if and $replicas (kindIs "bool" $role.multinode | ternary $role.multinode $.Values.multinode) -}}{{- $replicas = max 2 $replicas -}}{{- end -}}
      {{- $pods = add $pods $replicas -}}
      {{- if $replicas -}}{{- $why = append $why $name -}}{{- end -}}
    {{- end -}}
  {{- end -}}
  {{- if gt (int $pods) 1 -}}
  {{- fail (printf "modelArtifacts.persistence.accessModes: one claim serves all pods of %s, which may be on several nodes; write [ReadWriteMany] with a storage class that can, or volume.type: ephemeral for a claim of each pod" (join " and " $why)) -}}
  {{- end -}}
  {{- if .Values.modelArtifacts.download.job -}}
  {{- fail "modelArtifacts.download.job: the Job and the pods that wait for it hold the claim together, maybe on several nodes; write persistence.accessModes: [ReadWriteMany], or download.enabled: true in place of the Job" -}}
  {{- end -}}
  {{- if and (eq (uniq $persistence.accessModes | join "") "ReadOnlyMany") (not $persistence.dataSource) (not $persistence.volumeName) -}}
  {{- fail "modelArtifacts.persistence.accessModes: ReadOnlyMany alone makes an empty claim that nobody can write the model to; write [ReadWriteOnce], or a dataSource" -}}
  {{- end -}}
{{- end -}}
{{- end -}}
