{{/*
What clients need to know: where the model is, what the engine serves there, and what things are called.
*/}}

{{/*
What each engine serves, by feature of the model, as JSON {engine: {root, paths: {feature: {name: path}}}}. "any" holds
for all features. root is what an OpenAI client needs after the address.
https://docs.vllm.ai/en/latest/serving/openai_compatible_server/
https://docs.sglang.ai/basic_usage/openai_api.html
https://github.com/ollama/ollama/blob/main/docs/api/openai-compatibility.mdx
https://github.com/michaelfeil/infinity
https://speaches.ai/api/
https://kserve.github.io/website/docs/model-serving/generative-inference/overview
https://github.com/llm-d/llm-d-inference-sim/blob/main/docs/api.md
*/}}
{{- define "llm-d-modelservice.servedPaths" -}}
{
  "vllm": {"root": "/v1", "paths": {
    "any": {"models": "/v1/models", "health": "/health", "metrics": "/metrics", "tokenize": "/tokenize", "detokenize": "/detokenize"},
    "TextGeneration": {"chat": "/v1/chat/completions", "completions": "/v1/completions", "responses": "/v1/responses"},
    "TextEmbedding": {"embeddings": "/v1/embeddings", "pooling": "/pooling"},
    "Reranking": {"rerank": "/v1/rerank"},
    "Scoring": {"score": "/v1/score"},
    "Classification": {"classify": "/classify"},
    "SpeechToText": {"transcriptions": "/v1/audio/transcriptions", "translations": "/v1/audio/translations"}
  }},
  "sglang": {"root": "/v1", "paths": {
    "any": {"models": "/v1/models", "health": "/health", "metrics": "/metrics", "tokenize": "/v1/tokenize", "detokenize": "/v1/detokenize"},
    "TextGeneration": {"chat": "/v1/chat/completions", "completions": "/v1/completions", "responses": "/v1/responses"},
    "TextEmbedding": {"embeddings": "/v1/embeddings"},
    "Reranking": {"rerank": "/v1/rerank"},
    "Scoring": {"score": "/v1/score"},
    "Classification": {"classify": "/v1/classify"}
  }},
  "ollama": {"root": "/v1", "paths": {
    "any": {"models": "/v1/models", "health": "/"},
    "TextGeneration": {"chat": "/v1/chat/completions", "completions": "/v1/completions"},
    "TextEmbedding": {"embeddings": "/v1/embeddings"}
  }},
  "infinity": {"root": "/v1", "paths": {
    "any": {"models": "/v1/models", "health": "/health", "metrics": "/metrics"},
    "TextEmbedding": {"embeddings": "/v1/embeddings"},
    "Reranking": {"rerank": "/v1/rerank"},
    "Classification": {"classify": "/v1/classify"}
  }},
  "fasterWhisper": {"root": "/v1", "paths": {
    "any": {"models": "/v1/models", "health": "/health"},
    "SpeechToText": {"transcriptions": "/v1/audio/transcriptions", "translations": "/v1/audio/translations"}
  }},
  "huggingface": {"root": "/openai/v1", "paths": {
    "any": {"models": "/openai/v1/models", "health": "/v2/health/ready", "metrics": "/metrics", "infer": "/v2/models/{model}/infer"},
    "TextGeneration": {"chat": "/openai/v1/chat/completions", "completions": "/openai/v1/completions"},
    "TextEmbedding": {"embeddings": "/openai/v1/embeddings"},
    "Reranking": {"rerank": "/openai/v1/rerank"}
  }},
  "simulator": {"root": "/v1", "paths": {
    "any": {"models": "/v1/models", "health": "/health", "metrics": "/metrics", "tokenize": "/tokenize"},
    "TextGeneration": {"chat": "/v1/chat/completions", "completions": "/v1/completions", "responses": "/v1/responses"},
    "TextEmbedding": {"embeddings": "/v1/embeddings"}
  }}
}
{{- end -}}

{{/* What a model does, as a JSON list. Input: the root context. */}}
{{- define "llm-d-modelservice.features" -}}
{{- .Values.modelArtifacts.features | default (list "TextGeneration") | toJson -}}
{{- end -}}

{{/*
Names that clients may write as model, as JSON {models, adapters}. Input: root, facts. They are read from the engine's
own arguments, where it has such, because the user may have written those; otherwise from the values.
*/}}
{{- define "llm-d-modelservice.modelNames" -}}
{{- $artifacts := .root.Values.modelArtifacts -}}
{{- $models := list -}}
{{- $adapters := list -}}
{{- range $artifacts.adapters -}}{{- $adapters = append $adapters .name -}}{{- end -}}
{{- $flag := "" -}}
{{- range $word := (include "llm-d-modelservice.engineCommand" (dict "root" .root "facts" .facts "worker" false) | fromJson).args -}}
  {{- $value := $word -}}
  {{- if hasPrefix "--" $word -}}
    {{- $parts := splitn "=" 2 $word -}}
    {{- $flag = $parts._0 | trimPrefix "--" | replace "_" "-" -}}
    {{- $value = $parts._1 | default "" -}}
  {{- else if regexMatch "^-[a-z]" $word -}}{{- $flag = "" -}}
  {{- end -}}
  {{- if and $value (eq $flag "served-model-name") -}}{{- $models = append $models $value -}}
  {{- else if and $value (eq $flag "lora-modules") -}}
    {{- $adapters = append $adapters (hasPrefix "{" $value | ternary (get (fromJson $value) "name") (splitList "=" $value | first)) -}}
  {{- end -}}
{{- end -}}
{{- if not $models -}}{{- $models = prepend ($artifacts.aliases | default list) .facts.model.name -}}{{- end -}}
{{- dict "models" (uniq $models) "adapters" (uniq $adapters) | toJson -}}
{{- end -}}

{{/*
URLs of a role that do not depend on one pod, as a JSON list of {via, url, apiServerPath}, best first. Input: root,
facts, clients (true for the role that clients talk to). A URL has no path. A Service is also reached through the API
server (https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/), at apiServerPath.
Whether a Gateway's listener speaks TLS is the Gateway's matter; its URL says http.
*/}}
{{- define "llm-d-modelservice.addresses" -}}
{{- $values := .root.Values -}}
{{- $role := index $values .facts.role -}}
{{- $scheme := include "llm-d-modelservice.scheme" . -}}
{{- $addresses := list -}}
{{- $route := $values.routing.httpRoute | default dict -}}
{{- if and .clients (eq (toString $route.create) "true") -}}
  {{- range $route.hostnames -}}{{- if not (hasPrefix "*" .) -}}{{- $addresses = append $addresses (dict "via" "gateway" "url" (printf "http://%s%s" . (trimSuffix "/" ($route.pathPrefix | default "")))) -}}{{- end -}}{{- end -}}
{{- end -}}
{{- $services := list -}}
{{- if and .clients ($values.service).enabled -}}
  {{- $name := $values.service.name | default (include "llm-d-modelservice.fullname" .root) -}}
  {{- range prepend ($values.service.extraNames | default list) $name -}}{{- $services = append $services (dict "name" . "ports" $values.service.ports) -}}{{- end -}}
{{- end -}}
{{- if or $role.service.create (eq .facts.kind "StatefulSet") -}}
  {{- $services = append $services (dict "name" (include "llm-d-modelservice.roleServiceName" .) "ports" $role.service.ports) -}}
{{- end -}}
{{- range $services -}}
  {{- $port := (first (.ports | default (list dict))).port | default $.facts.servicePort | int -}}
  {{- $portName := (first (.ports | default (list dict))).name | default "http" -}}
  {{- $addresses = append $addresses (dict "via" "service" "url" (printf "%s://%s.%s.svc:%d" $scheme .name $.root.Release.Namespace $port)
    "apiServerPath" (printf "/api/v1/namespaces/%s/services/%s%s:%s/proxy" $.root.Release.Namespace (eq $scheme "https" | ternary "https:" "") .name $portName)) -}}
{{- end -}}
{{- $addresses | toJson -}}
{{- end -}}

{{/* How the pods of a role are spoken to, http or https. Input: root, facts. */}}
{{- define "llm-d-modelservice.scheme" -}}
{{- $secure := .facts.proxy | ternary (eq (toString .root.Values.routing.proxy.secure) "true") .facts.tls -}}
{{- $secure | ternary "https" "http" -}}
{{- end -}}

{{/*
What clients need to know of the release, as JSON. Input: root, roles (facts, see roles). Output:
  model, models, adapters   the name to write, all names of the model, names of its LoRA adapters
  features, engine          what the model does, and what runs it
  baseUrl                   for an OpenAI client; null without a stable address
  endpoints                 {name: path}
  roles                     [{role, engine, scheme, ports, addresses}], see addresses; the ports are those of the pods
*/}}
{{- define "llm-d-modelservice.endpoints" -}}
{{- $facts := first .roles -}}
{{- $names := include "llm-d-modelservice.modelNames" (dict "root" .root "facts" $facts) | fromJson -}}
{{- $engine := $facts.engine.type -}}
{{- $served := index (include "llm-d-modelservice.servedPaths" .root | fromJson) $engine -}}
{{- $features := include "llm-d-modelservice.features" .root | fromJsonArray -}}
{{- $paths := dict -}}
{{- range $feature := prepend $features "any" -}}
  {{- range $name, $path := index $served.paths $feature -}}{{- $_ := set $paths $name (replace "{model}" (first $names.models) $path) -}}{{- end -}}
{{- end -}}
{{- if and (ne (dig "lora" "dynamic" false .root.Values.modelArtifacts | toString) "false") (has $engine (list "vllm" "simulator")) -}}
  {{- $paths = merge $paths (dict "loadAdapter" "/v1/load_lora_adapter" "unloadAdapter" "/v1/unload_lora_adapter") -}}
{{- end -}}
{{- $described := list -}}
{{- $base := "" -}}
{{- range $i, $role := .roles -}}
  {{- $addresses := include "llm-d-modelservice.addresses" (dict "root" $.root "facts" $role "clients" (eq $i 0)) | fromJsonArray -}}
  {{- if and (eq $i 0) $addresses -}}{{- $base = printf "%s%s" (first $addresses).url $served.root -}}{{- end -}}
  {{- $ports := list -}}
  {{- range $rank := until (int $role.portCount) -}}{{- $ports = append $ports (add $role.servicePort $rank) -}}{{- end -}}
  {{- $described = append $described (dict "role" $role.role "engine" $role.engine.type
    "scheme" (include "llm-d-modelservice.scheme" (dict "root" $.root "facts" $role)) "ports" $ports "addresses" $addresses) -}}
{{- end -}}
{{- dict "model" (first $names.models) "models" $names.models "adapters" $names.adapters "features" $features
  "engine" $engine "baseUrl" ($base | default nil) "endpoints" $paths "roles" $described | toJson -}}
{{- end -}}
