{{/*
Writable places for an engine that is not root.
*/}}

{{/*
Volumes of the caches by the path of their mount, as a JSON list of {name, mountPath}. Input: the root context.
*/}}
{{- define "llm-d-modelservice.cacheMounts" -}}
{{- list
  (dict "name" "engine-cache" "mountPath" (.Values.caches.mountPath | trimSuffix "/"))
  (dict "name" "engine-tmp" "mountPath" "/tmp")
| toJson -}}
{{- end -}}

{{/* A volume of the caches, as JSON. Input: root, name. */}}
{{- define "llm-d-modelservice.cacheVolume" -}}
{{- $emptyDir := dict -}}
{{- if and (eq .name "engine-cache") .root.Values.caches.sizeLimit -}}
{{- $_ := set $emptyDir "sizeLimit" (toString .root.Values.caches.sizeLimit) -}}
{{- end -}}
{{- dict "name" .name "emptyDir" $emptyDir | toJson -}}
{{- end -}}

{{/*
Environment that points every cache of vLLM, SGLang and the libraries under them to the volume, as a JSON list. Input:
the root context. Most of them follow HOME or XDG_CACHE_HOME, but not in every version and not when the user has no
entry in /etc/passwd, for which USER stands in (torch asks for the user's name).
https://docs.vllm.ai/en/latest/configuration/env_vars/
*/}}
{{- define "llm-d-modelservice.cacheEnv" -}}
{{- $root := .Values.caches.mountPath | trimSuffix "/" -}}
{{- $env := list (dict "name" "HOME" "value" $root) (dict "name" "USER" "value" "engine") -}}
{{- range $name, $folder := dict
  "XDG_CACHE_HOME" "/.cache" "XDG_CONFIG_HOME" "/.config" "HF_HOME" "/huggingface" "VLLM_CACHE_ROOT" "/vllm"
  "VLLM_CONFIG_ROOT" "/.config/vllm" "TRITON_HOME" "" "TRITON_CACHE_DIR" "/triton" "TORCHINDUCTOR_CACHE_DIR" "/torchinductor"
  "TORCH_HOME" "/torch" "TORCH_EXTENSIONS_DIR" "/torch_extensions" "FLASHINFER_WORKSPACE_BASE" "" "CUDA_CACHE_PATH" "/cuda"
  "NUMBA_CACHE_DIR" "/numba" "OUTLINES_CACHE_DIR" "/outlines" "MPLCONFIGDIR" "/matplotlib" -}}
  {{- $env = append $env (dict "name" $name "value" (printf "%s%s" $root $folder)) -}}
{{- end -}}
{{- $env | toJson -}}
{{- end -}}
