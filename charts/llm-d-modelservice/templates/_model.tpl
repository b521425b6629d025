{{/*
The model: from modelArtifacts to a model argument, a volume and environment variables.
*/}}

{{/*
Facts about the model, as JSON. Input: the root context. Output:
  name      how clients call it (--served-model-name)
  argument  what the engine loads: a repository or a path
  volume    the volume's source
  readOnly  whether its mount is read-only
  env       environment variables that belong to the mounted volume
  tokenEnv  environment variables that authenticate
*/}}
{{- define "llm-d-modelservice.model" -}}
{{- $artifacts := .Values.modelArtifacts -}}
{{- $name := $artifacts.name -}}
{{- if and .Values.routing.modelName (eq $name "random/model") -}}
{{- $name = .Values.routing.modelName -}}
{{- end -}}
{{- $uri := tpl $artifacts.uri . | replace "\"" "" | trim -}}
{{- $parts := splitn "://" 2 $uri -}}
{{- $scheme := $parts._0 -}}
{{- $rest := $parts._1 | default "" | trimSuffix "/" -}}
{{- $mountPath := $artifacts.mountPath | trimSuffix "/" | default "/" -}}
{{- if not (has $scheme (list "hf" "pvc" "pvc+hf" "oci")) -}}
{{- fail (printf "modelArtifacts.uri: %q has no scheme that the chart knows; write hf://organisation/model, pvc://claim/path, pvc+hf://claim/organisation/model or oci://image:tag" $uri) -}}
{{- end -}}
{{- if not $rest -}}
{{- fail (printf "modelArtifacts.uri: %q names no model; write for instance %s" $uri (get (dict "hf" "hf://organisation/model" "pvc" "pvc://claim/path" "pvc+hf" "pvc+hf://claim/organisation/model" "oci" "oci://registry/image:tag") $scheme)) -}}
{{- end -}}
{{- $model := dict "name" $name "scheme" $scheme "mountPath" $mountPath "env" list "tokenEnv" list "readOnly" false -}}
{{- $segments := splitList "/" $rest -}}
{{- if eq $scheme "hf" -}}
  {{- $emptyDir := dict -}}
  {{- if $artifacts.size -}}{{- $_ := set $emptyDir "sizeLimit" (toString $artifacts.size) -}}{{- end -}}
  {{- $_ := set $model "argument" $rest -}}
  {{- $_ := set $model "volume" (dict "emptyDir" $emptyDir) -}}
  {{- $_ := set $model "env" (list (dict "name" "HF_HOME" "value" $mountPath)) -}}
{{- else if eq $scheme "oci" -}}
  {{- $_ := set $model "argument" $mountPath -}}
  {{- $_ := set $model "readOnly" true -}}
  {{- $_ := set $model "volume" (dict "image" (dict "reference" $rest "pullPolicy" ($artifacts.imagePullPolicy | default "Always"))) -}}
{{- else -}}
  {{- if lt (len $segments) (eq $scheme "pvc" | ternary 2 3) -}}
  {{- fail (printf "modelArtifacts.uri: %q does not say where on the claim the model is; write %s" $uri (eq $scheme "pvc" | ternary "pvc://claim/path/to/model" "pvc+hf://claim/[directory/]organisation/model")) -}}
  {{- end -}}
  {{- $claim := dict "claimName" (first $segments) -}}
  {{- if $artifacts.readOnly -}}{{- $_ := set $claim "readOnly" true -}}{{- end -}}
  {{- $_ := set $model "readOnly" $artifacts.readOnly -}}
  {{- $_ := set $model "volume" (dict "persistentVolumeClaim" $claim) -}}
  {{- if eq $scheme "pvc" -}}
    {{- $_ := set $model "argument" (printf "%s/%s" $mountPath (rest $segments | join "/")) -}}
  {{- else -}}
    {{- $last := sub (len $segments) 2 | int -}}
    {{- $_ := set $model "argument" (slice $segments $last | join "/") -}}
    {{- $_ := set $model "env" (list (dict "name" "HF_HUB_CACHE" "value" (printf "%s/%s" $mountPath (slice $segments 1 $last | join "/")))) -}}
  {{- end -}}
{{- end -}}
{{- if $artifacts.authSecretName -}}
{{- $_ := set $model "tokenEnv" (list (dict "name" "HF_TOKEN" "valueFrom" (dict "secretKeyRef" (dict "name" $artifacts.authSecretName "key" "HF_TOKEN")))) -}}
{{- end -}}
{{- $model | toJson -}}
{{- end -}}
