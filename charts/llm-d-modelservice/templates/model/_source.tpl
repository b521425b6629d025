{{/*
Where models come from: their URIs, the volumes and the object stores.
*/}}

{{/*
A URI in parts, its templates rendered, as JSON {uri, scheme, rest}. Input: root, uri, key (the values key), examples
(the schemes that are possible there, with one URI of each).
*/}}
{{- define "llm-d-modelservice.source" -}}
{{- $uri := include "llm-d-modelservice.renderedString" (dict "root" .root "key" .key "value" .uri) | replace "\"" "" | trim -}}
{{- $parts := splitn "://" 2 $uri -}}
{{- $scheme := $parts._0 -}}
{{- $rest := $parts._1 | default "" | trimSuffix "/" -}}
{{- if not (hasKey .examples $scheme) -}}
{{- include "llm-d-modelservice.stop" (list $
  (printf "%s: %q has no scheme that the chart knows; set one of %s" .key $uri (values .examples | sortAlpha | join ", "))) -}}
{{- end -}}
{{- if or (not $rest) (and (has $scheme (list "s3" "gs" "oss")) (not (contains "/" $rest))) -}}
{{- include "llm-d-modelservice.stop" (list $ (printf "%s: %q does not name a model; set e.g. %s" .key $uri (index .examples $scheme))) -}}
{{- end -}}
{{- if and (eq $scheme "file") (not (hasPrefix "/" $rest)) -}}
{{- include "llm-d-modelservice.stop" (list $ (printf "%s: %q is not an absolute path; set %s" .key $uri (index .examples $scheme))) -}}
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
{{- $claim := $artifacts.persistence.existingClaim | default (include "llm-d-modelservice.modelClaimName" .) -}}
{{- dict "persistentVolumeClaim" (dict "claimName" $claim) | toJson -}}
{{- else if eq $artifacts.volume.type "ephemeral" -}}
  {{- if not $size -}}{{- include "llm-d-modelservice.stop" (list $
    "modelArtifacts.size: an ephemeral volume is a claim, which needs a size; set it") -}}{{- end -}}
  {{- $spec := dict "accessModes" (list "ReadWriteOnce") "resources" (dict "requests" (dict "storage" (toString $size))) -}}
  {{- with $artifacts.volume.storageClassName -}}{{- $_ := set $spec "storageClassName" . -}}{{- end -}}
{{- dict "ephemeral" (dict "volumeClaimTemplate" (dict "spec" $spec)) | toJson -}}
{{- else -}}
{{- dict "emptyDir" (empty $size | ternary dict (dict "sizeLimit" (toString $size))) | toJson -}}
{{- end -}}
{{- end -}}

{{/*
How an object store is reached, as JSON {env, volumes, mounts}. Input: artifacts, scheme (s3, gs or oss), endpoint (its
address, if not the usual one), rclone (for rclone, which reads its own variables, or for an engine that streams).
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
    {{- $items := list (dict "key" $secret.jsonKeyfile "path" "credentials.json") -}}
    {{- $volumes = list (dict "name" "gcp-credentials" "secret" (dict "secretName" $secret.name "items" $items)) -}}
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
