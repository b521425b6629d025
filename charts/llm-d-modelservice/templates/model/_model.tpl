{{/*
The model: from modelArtifacts to a model argument, a volume, environment variables and what is downloaded before the
engine starts.
*/}}

{{/* The default of modelArtifacts.name, which only the simulator serves, printed. */}}
{{- define "llm-d-modelservice.demoModel" -}}
random/model
{{- end -}}

{{/* How clients call the model; routing.modelName is what the original chart's first versions had. Input: the root context. */}}
{{- define "llm-d-modelservice.modelName" -}}
{{- if eq .Values.modelArtifacts.name (include "llm-d-modelservice.demoModel" .) -}}
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
  flags           flags of the engine that belong to the source, as [[name, value]]
  volume          the model volume's source; none where the engine streams or finds the model in its image
  mountPath, readOnly   its mount
  env             environment variables that belong to the mounted volume
  storeEnv        environment variables that reach the store: token, mirror, credentials
  volumes, mounts further volumes, and mounts of the engine
  certificates    {env, volumes, mounts} that tell the engine and downloads whom to trust
  initContainers  what runs before the engine
  job             the container of the Job that fills a shared claim, if there is one
*/}}
{{- define "llm-d-modelservice.model" -}}
{{- $artifacts := .root.Values.modelArtifacts -}}
{{- $known := (index .root.Known.engines .engine.type).model -}}
{{- $name := include "llm-d-modelservice.modelName" .root -}}
{{- $examples := dict
  "hf" "hf://organisation/model" "ms" "ms://organisation/model" "s3" "s3://bucket/path" "gs" "gs://bucket/path"
  "oss" "oss://bucket/path" "pvc" "pvc://claim/path" "pvc+hf" "pvc+hf://claim/organisation/model"
  "oci" "oci://registry/image:tag" "file" "file:///path" -}}
{{- range $type, $engine := .root.Known.engines -}}
{{- if has $type ($engine.model.schemes | default list) -}}{{- $_ := set $examples $type (printf "%s://model:tag" $type) -}}{{- end -}}
{{- end -}}
{{- $input := dict "root" .root "uri" $artifacts.uri "key" "modelArtifacts.uri" "examples" $examples -}}
{{- $source := include "llm-d-modelservice.source" $input | fromJson -}}
{{- $model := dict
  "name" $name "names" (concat (list $name) ($artifacts.aliases | default list) | uniq)
  "scheme" $source.scheme "rest" $source.rest "argument" $source.rest "revision" ($artifacts.revision | default "") "flags" list
  "mountPath" ($artifacts.mountPath | trimSuffix "/" | default "/") "readOnly" false
  "env" list "storeEnv" list "volumes" list "mounts" list "initContainers" list
  "certificates" (include "llm-d-modelservice.certificates" .root | fromJson) -}}
{{- $here := dict "root" .root "role" .role "engine" .engine "model" $model "known" $known "uri" $source.uri -}}
{{- include "llm-d-modelservice.checkSource" $here -}}
{{- $_ := set $here "download" (eq (include "llm-d-modelservice.downloads" $here) "true") -}}
{{- include "llm-d-modelservice.placeModel" $here -}}
{{- include "llm-d-modelservice.checkFile" $here -}}
{{- include "llm-d-modelservice.reachStore" $here -}}
{{- if and $known.anyName (not $known.name) (ne $name $model.argument) -}}
{{- include "llm-d-modelservice.stop" (list $ (printf
  "modelArtifacts.name: %s loads any model that a request names, so requests must use the model's own name; set name: %s"
  (index .root.Known.engines .engine.type).title $model.argument)
  (dict "offered" (list (dict "set" "modelArtifacts.name" "value" $model.argument)))) -}}
{{- end -}}
{{- if and $artifacts.revision $known.revision -}}
{{- $_ := set $model "flags" (append $model.flags (list $known.revision $artifacts.revision)) -}}
{{- end -}}
{{- include "llm-d-modelservice.addDownload" $here -}}
{{- if $artifacts.adapters -}}{{- include "llm-d-modelservice.addAdapters" $here -}}{{- end -}}
{{- /* concat turns an empty list into null, which it does not accept. */ -}}
{{- range $key := list "flags" "storeEnv" "volumes" "mounts" "initContainers" -}}
{{- $_ := set $model $key (index $model $key | default list) -}}
{{- end -}}
{{- $model | toJson -}}
{{- end -}}

{{/*
Adds to the facts about the model where it is and what the engine calls it, in place; prints nothing. Input: root, role,
engine, model, known (facts about the engine's models), uri, download.

An engine with its own model store has a template for what the store changes,
"llm-d-modelservice.engines.<type>.model" in engines/. Its input: engine, model, path (of the model on its claim, or "").
*/}}
{{- define "llm-d-modelservice.placeModel" -}}
{{- $artifacts := .root.Values.modelArtifacts -}}
{{- $model := .model -}}
{{- $scheme := $model.scheme -}}
{{- $rest := $model.rest -}}
{{- $segments := splitList "/" $rest -}}
{{- $ownStore := has "model" ((index .root.Known.engines .engine.type).start.templates | default list) -}}
{{- $path := "" -}}
{{- if eq $scheme "hf" -}}
  {{- $env := list -}}
  {{- range $name, $value := .known.cache | default (dict "HF_HOME" "{path}") -}}
  {{- $env = append $env (dict "name" $name "value" (replace "{path}" $model.mountPath $value)) -}}
  {{- end -}}
  {{- $_ := set $model "env" $env -}}
{{- else if eq $scheme "ms" -}}
  {{- $_ := set $model "env" (list (dict "name" "MODELSCOPE_CACHE" "value" $model.mountPath)) -}}
  {{- if .known.modelscope -}}
    {{- range $name, $value := .known.modelscope -}}
    {{- $_ := set $model "storeEnv" (append $model.storeEnv (dict "name" $name "value" $value)) -}}
    {{- end -}}
  {{- else -}}
    {{- $_ := set $model "argument" (printf "%s/%s" $model.mountPath $rest) -}}
  {{- end -}}
{{- else if has $scheme (list "s3" "gs" "oss") -}}
  {{- $_ := set $model "argument" (.download | ternary (printf "%s/%s" $model.mountPath $rest) (printf "%s://%s" $scheme $rest)) -}}
  {{- if and .known.streams (not .download) -}}
    {{- $_ := set $model "flags" (list (list "load-format" .known.streams)) -}}
  {{- end -}}
{{- else if eq $scheme "oci" -}}
  {{- $_ := set $model "argument" $model.mountPath -}}
  {{- $_ := set $model "readOnly" true -}}
  {{- $_ := set $model "volume" (dict "image" (dict "reference" $rest "pullPolicy" ($artifacts.imagePullPolicy | default "Always"))) -}}
{{- else if has $scheme (list "pvc" "pvc+hf") -}}
  {{- $example := eq $scheme "pvc" | ternary "pvc://claim/path/to/model" "pvc+hf://claim/[directory/]organisation/model" -}}
  {{- if lt (len $segments) (eq $scheme "pvc" | ternary ($ownStore | ternary 1 2) 3) -}}
  {{- include "llm-d-modelservice.stop" (list $ (printf "modelArtifacts.uri: %q does not say where on the claim the model is; set %s" .uri $example)) -}}
  {{- end -}}
  {{- if not (first $segments) -}}
  {{- include "llm-d-modelservice.stop" (list $ (printf "modelArtifacts.uri: %q does not name a claim; set %s" .uri $example)) -}}
  {{- end -}}
  {{- $claim := dict "claimName" (first $segments) -}}
  {{- if $artifacts.readOnly -}}{{- $_ := set $claim "readOnly" true -}}{{- end -}}
  {{- $_ := set $model "readOnly" $artifacts.readOnly -}}
  {{- $_ := set $model "volume" (dict "persistentVolumeClaim" $claim) -}}
  {{- if eq $scheme "pvc" -}}
    {{- $path = printf "%s/%s" $model.mountPath (rest $segments | join "/") | trimSuffix "/" -}}
    {{- $_ := set $model "argument" $path -}}
  {{- else -}}
    {{- $last := sub (len $segments) 2 | int -}}
    {{- $cache := printf "%s/%s" $model.mountPath (slice $segments 1 $last | join "/") -}}
    {{- $_ := set $model "argument" (slice $segments $last | join "/") -}}
    {{- $_ := set $model "env" (list (dict "name" "HF_HUB_CACHE" "value" $cache)) -}}
  {{- end -}}
{{- end -}}
{{- if $ownStore -}}
{{- include (printf "llm-d-modelservice.engines.%s.model" .engine.type) (dict "engine" .engine "model" $model "path" $path) -}}
{{- end -}}
{{- $cached := or (has $scheme (list "hf" "ms")) (eq $scheme .engine.type) -}}
{{- if or .download $cached (and (eq $scheme "file") $artifacts.persistence.enabled) -}}
  {{- $_ := set $model "volume" (include "llm-d-modelservice.modelVolume" .root | fromJson) -}}
{{- else if $artifacts.persistence.enabled -}}
{{- include "llm-d-modelservice.stop" (list $ (printf
  (print "modelArtifacts.persistence.enabled: the engine streams %s:// models without a volume; set download.enabled: true, "
    "or persistence.enabled: false")
  $scheme)
  (dict "offered" (list (dict "set" "modelArtifacts.persistence.enabled" "value" false)))) -}}
{{- else if eq $artifacts.volume.type "ephemeral" -}}
{{- include "llm-d-modelservice.stop" (list $ (printf
  "modelArtifacts.volume.type: nothing is downloaded to a volume, because the model is %s://%s; remove it"
  $scheme (has $scheme (list "s3" "gs") | ternary " and streamed" ""))
  (dict "certain" (list (dict "remove" "modelArtifacts.volume.type")))) -}}
{{- end -}}
{{- end -}}

{{/*
Adds to the facts about the model how its store is reached, in place; prints nothing. Input: root, model, download.
*/}}
{{- define "llm-d-modelservice.reachStore" -}}
{{- $artifacts := .root.Values.modelArtifacts -}}
{{- $scheme := .model.scheme -}}
{{- $endpoint := $artifacts.endpoint -}}
{{- $env := .model.storeEnv -}}
{{- if $artifacts.authSecretName -}}
  {{- $token := dict "name" $artifacts.authSecretName "key" ($artifacts.authSecretKey | default "HF_TOKEN") -}}
  {{- $name := eq $scheme "ms" | ternary "MODELSCOPE_API_TOKEN" "HF_TOKEN" -}}
  {{- $env = append $env (dict "name" $name "valueFrom" (dict "secretKeyRef" $token)) -}}
{{- end -}}
{{- if $endpoint -}}
  {{- if eq $scheme "ms" -}}
    {{- /* Older versions of ModelScope's library know only the domain. */ -}}
    {{- $domain := regexReplaceAll "^https?://" $endpoint "" | trimSuffix "/" -}}
    {{- $env = concat $env (list
      (dict "name" "MODELSCOPE_ENDPOINT" "value" $endpoint) (dict "name" "MODELSCOPE_DOMAIN" "value" $domain)) -}}
  {{- else if not (has $scheme (list "s3" "oss")) -}}
    {{- $env = append $env (dict "name" "HF_ENDPOINT" "value" $endpoint) -}}
  {{- end -}}
{{- end -}}
{{- if and (has $scheme (list "s3" "gs")) (not .download) -}}
  {{- $input := dict "artifacts" $artifacts "scheme" $scheme "endpoint" $endpoint "rclone" false -}}
  {{- $access := include "llm-d-modelservice.storeAccess" $input | fromJson -}}
  {{- $env = concat $env $access.env -}}
  {{- $_ := set .model "volumes" $access.volumes -}}
  {{- $_ := set .model "mounts" $access.mounts -}}
{{- end -}}
{{- $_ := set .model "storeEnv" $env -}}
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
