{{/*
What clients need to know: where the model is, what the engine serves there, and what things are called.
*/}}

{{/* What a model does, as a JSON list. Input: the root context. */}}
{{- define "llm-d-modelservice.features" -}}
{{- .Values.modelArtifacts.features | default (list "TextGeneration") | toJson -}}
{{- end -}}

{{/*
Names that clients may use as model, as JSON {models, adapters}. Input: root, facts. The user's own arguments of the
engine come first, then the values.
*/}}
{{- define "llm-d-modelservice.modelNames" -}}
{{- $known := index .root.Known.engines .facts.engine.type -}}
{{- $models := include "llm-d-modelservice.argumentValues" (dict "engine" .facts.engine "flag" $known.model.name) | fromJsonArray -}}
{{- with $known.model.aliasSeparator -}}{{- $models = without (join . $models | splitList .) "" -}}{{- end -}}
{{- $adapters := list -}}
{{- range .root.Values.modelArtifacts.adapters -}}{{- $adapters = append $adapters .name -}}{{- end -}}
{{- with $known.adapters -}}
{{- range include "llm-d-modelservice.argumentValues" (dict "engine" $.facts.engine "flag" .flags.list) | fromJsonArray -}}
{{- $adapters = append $adapters (hasPrefix "{" . | ternary (get (fromJson .) "name") (splitList "=" . | first)) -}}
{{- end -}}
{{- end -}}
{{- dict "models" (uniq ($models | default .facts.model.names)) "adapters" (uniq $adapters) | toJson -}}
{{- end -}}

{{/*
Values that the user's arguments give to a flag of the engine, as a JSON list. Input: engine, flag (null for a flag that
the engine does not have).
*/}}
{{- define "llm-d-modelservice.argumentValues" -}}
{{- $words := .engine.userArgs -}}
{{- $flag := .flag | default "" | replace "_" "-" -}}
{{- if not $flag -}}
[]
{{- else -}}
{{- $value := index .engine.flags $flag -}}
{{- if not (or (kindIs "invalid" $value) (include "llm-d-modelservice.flagValues" (dict "args" $words "flag" $flag) | fromJsonArray)) -}}
{{- $words = include "llm-d-modelservice.flag" (dict "name" $flag "value" $value) | fromJsonArray -}}
{{- end -}}
{{- include "llm-d-modelservice.flagValues" (dict "args" $words "flag" $flag) -}}
{{- end -}}
{{- end -}}

{{/*
URLs of a role that do not depend on one pod, as a JSON list of {via, url, apiServerPath}, best first. Input: root,
facts, clients (true for the role that clients talk to). A URL has no path. A Service is also reached through the API
server (https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/), at apiServerPath.
Whether a Gateway's listener uses TLS is up to the Gateway; its URL says http.
*/}}
{{- define "llm-d-modelservice.addresses" -}}
{{- $values := .root.Values -}}
{{- $role := index $values .facts.role -}}
{{- $scheme := include "llm-d-modelservice.scheme" . -}}
{{- $addresses := list -}}
{{- $route := $values.routing.httpRoute | default dict -}}
{{- if and .clients (eq (toString $route.create) "true") -}}
  {{- $prefix := $route.pathPrefix | default "" | trimSuffix "/" -}}
  {{- range $route.hostnames -}}
  {{- if not (hasPrefix "*" .) -}}{{- $addresses = append $addresses (dict "via" "gateway" "url" (printf "http://%s%s" . $prefix)) -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- $services := list -}}
{{- if and .clients ($values.service).enabled -}}
  {{- $name := $values.service.name | default (include "llm-d-modelservice.fullname" .root) -}}
  {{- range prepend ($values.service.extraNames | default list) $name -}}
  {{- $services = append $services (dict "name" . "ports" $values.service.ports) -}}
  {{- end -}}
{{- end -}}
{{- if or $role.service.create (eq .facts.kind "StatefulSet") -}}
  {{- $services = append $services (dict "name" (include "llm-d-modelservice.roleServiceName" .) "ports" $role.service.ports) -}}
{{- end -}}
{{- range $services -}}
  {{- $port := (first (.ports | default (list dict))).port | default $.facts.servicePort | int -}}
  {{- $portName := (first (.ports | default (list dict))).name | default $scheme -}}
  {{- $namespace := $.root.Release.Namespace -}}
  {{- $prefix := eq $scheme "https" | ternary "https:" "" -}}
  {{- $addresses = append $addresses (dict
    "via" "service" "url" (printf "%s://%s.%s.svc:%d" $scheme .name $namespace $port)
    "apiServerPath" (printf "/api/v1/namespaces/%s/services/%s%s:%s/proxy" $namespace $prefix .name $portName)) -}}
{{- end -}}
{{- $addresses | toJson -}}
{{- end -}}

{{/* Scheme of the pods of a role, http or https, printed. Input: root, facts. */}}
{{- define "llm-d-modelservice.scheme" -}}
{{- $secure := .facts.proxy | ternary (eq (toString .root.Values.routing.proxy.secure) "true") .facts.tls -}}
{{- $secure | ternary "https" "http" -}}
{{- end -}}

{{/*
What clients need to know of the release, as JSON. Input: root, roles (facts, see roles). Output:
  model, models, adapters   the name to use, all names of the model, names of its LoRA adapters
  features, engine          what the model does, and what runs it
  baseUrl                   for an OpenAI client; null without a stable address
  endpoints                 {name: path}
  roles                     [{role, engine, scheme, ports, addresses}], see addresses; the ports are those of the pods
  picker                    {flags, plugins} that an endpoint picker of somebody else needs, if it needs any
*/}}
{{- define "llm-d-modelservice.endpoints" -}}
{{- $facts := first .roles -}}
{{- $names := include "llm-d-modelservice.modelNames" (dict "root" .root "facts" $facts) | fromJson -}}
{{- $engine := $facts.engine.type -}}
{{- $known := index .root.Known.engines $engine -}}
{{- $served := $known.api -}}
{{- $features := include "llm-d-modelservice.features" .root | fromJsonArray -}}
{{- $paths := dict -}}
{{- range $feature := prepend $features "any" -}}
  {{- range $name, $path := index $served.paths $feature -}}
    {{- /* A name with a slash is more than one segment of a path, which the server does not serve. */ -}}
    {{- if not (and (contains "{model}" $path) (contains "/" (first $names.models))) -}}
    {{- $_ := set $paths $name (replace "{model}" (first $names.models) $path) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- if .root.Values.modelArtifacts.lora.dynamic -}}
{{- range $name, $path := ($known.adapters | default dict).paths -}}{{- $_ := set $paths $name $path -}}{{- end -}}
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
{{- $found := dict "model" (first $names.models) "models" $names.models "adapters" $names.adapters "features" $features
  "engine" $engine "baseUrl" ($base | default nil) "endpoints" $paths "roles" $described -}}
{{- if and .root.Values.routing.revisionGating.enabled (not (include "llm-d-modelservice.screens" .root)) -}}
{{- $_ := set $found "picker" (dict
  "flags" (list (printf "--%s" .root.Known.endpointPicker.rolloutScreener.allowedBy))
  "plugins" (list (include "llm-d-modelservice.rolloutScreener" .root | fromJson))) -}}
{{- end -}}
{{- $found | toJson -}}
{{- end -}}
