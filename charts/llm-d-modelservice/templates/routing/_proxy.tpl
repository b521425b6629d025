{{/*
The routing sidecar of decode pods. Its flags changed between versions, and it exits on an unknown flag, so they follow
the version of the image.
https://github.com/llm-d/llm-d-router/blob/main/pkg/sidecar/proxy/options.go
*/}}

{{/*
Version of the sidecar, printed as "major.minor.patch". Input: the root context.
routing.proxy.version, else the image's tag, else the default of the image's name, see facts.json.
*/}}
{{- define "llm-d-modelservice.proxyVersion" -}}
{{- $proxy := .Values.routing.proxy -}}
{{- $known := .Known.routingProxy -}}
{{- $default := index $known.images (include "llm-d-modelservice.imageName" $proxy.image) | default $known.assumed -}}
{{- include "llm-d-modelservice.imageVersion" (dict "image" $proxy.image "version" $proxy.version) | default $default -}}
{{- end -}}

{{/*
The flag that a version of the sidecar has for a purpose, printed: the flag itself, or the one that came before it;
nothing where the version has neither. Input: root, version, flag.
*/}}
{{- define "llm-d-modelservice.proxyFlag" -}}
{{- $known := index .root.Known.routingProxy.flags .flag | default dict -}}
{{- if semverCompare (printf ">=%s.0" ($known.since | default "0.0")) .version -}}{{- .flag -}}{{- else -}}{{- $known.instead | default "" -}}{{- end -}}
{{- end -}}

{{/*
The port where decode engines ask prefill engines for the cache, as JSON {flag, env, port}: one that differs from the
sidecar's default; {} else. Input: root.
*/}}
{{- define "llm-d-modelservice.bootstrap" -}}
{{- $known := index .root.Known.routingProxy.bootstrap .root.Values.routing.proxy.connector -}}
{{- $port := "" -}}
{{- if and $known .root.Values.prefill.create -}}
  {{- include "llm-d-modelservice.role" (dict "root" .root "role" "prefill") -}}
  {{- $prefill := .root.Roles.prefill -}}
  {{- with $known.engineFlag -}}{{- $port = index $prefill.given . -}}{{- end -}}
  {{- with $known.engineEnv -}}
    {{- $port = index $prefill.engine.variables . -}}
    {{- range $prefill.engine.userEnv -}}{{- if eq .name $known.engineEnv -}}{{- $port = .value -}}{{- end -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- $given := toString ($port | default "") -}}
{{- if and (regexMatch "^[0-9]+$" $given) (ne $given (toString $known.default)) -}}
{{- dict "flag" ($known.flag | default "") "env" ($known.env | default "") "port" $given | toJson -}}
{{- else -}}
{}
{{- end -}}
{{- end -}}

{{/* Flags of the sidecar, as a JSON list [[name, value]]. Input: root, facts. */}}
{{- define "llm-d-modelservice.proxyFlags" -}}
{{- $proxy := .root.Values.routing.proxy -}}
{{- $facts := .facts -}}
{{- $here := dict "root" .root "version" (include "llm-d-modelservice.proxyVersion" .root) -}}
{{- $level := $proxy.zapLogLevel | default $proxy.debugLevel | default "debug" -}}
{{- $logging := include "llm-d-modelservice.proxyFlag" (set $here "flag" "zap-log-level") -}}
{{- $secure := include "llm-d-modelservice.proxyFlag" (set $here "flag" "enable-tls") -}}
{{- $flags := list
  (list "port" $facts.servicePort)
  (list (include "llm-d-modelservice.proxyFlag" (set $here "flag" "model-server-port")) $facts.enginePort)
  (list (include "llm-d-modelservice.proxyFlag" (set $here "flag" "kv-connector")) $proxy.connector) -}}
{{- if eq $logging "v" -}}
{{- $flags = append $flags (list "v" (kindIs "invalid" $proxy.debugLevel | ternary 5 $proxy.debugLevel)) -}}
{{- else -}}
{{- $flags = concat $flags (list
  (list "zap-devel" $proxy.zapDevel) (list "zap-encoder" $proxy.zapEncoder) (list $logging $level)
  (list "zap-stacktrace-level" $proxy.zapStacktraceLevel) (list "zap-time-encoding" $proxy.zapTimeEncoding)) -}}
{{- end -}}
{{- $flags = append $flags (list "secure-proxy" $proxy.secure) -}}
{{- /* The engine's certificate does not name localhost, where the sidecar connects to it. */ -}}
{{- if eq $secure "enable-tls" -}}
  {{- $stages := concat (empty $proxy.prefillerUseTLS | ternary list (list "prefiller")) ($facts.tls | ternary (list "decoder") list) -}}
  {{- $flags = concat $flags (list
    (list $secure (join "," $stages)) (list "tls-insecure-skip-verify" ($facts.tls | ternary "decoder" ""))) -}}
{{- else -}}
  {{- $flags = append $flags (list $secure $proxy.prefillerUseTLS) -}}
  {{- if $facts.tls -}}
  {{- $flags = concat $flags (list (list "decoder-use-tls" true) (list "decoder-tls-insecure-skip-verify" true)) -}}
  {{- end -}}
{{- end -}}
{{- $flags = append $flags (list "cert-path" $proxy.certPath) -}}
{{- if gt (int $facts.portCount) 1 -}}
{{- $flags = append $flags (list (include "llm-d-modelservice.proxyFlag" (set $here "flag" "data-parallel-size")) $facts.portCount) -}}
{{- end -}}
{{- $bootstrap := include "llm-d-modelservice.bootstrap" . | fromJson -}}
{{- if $bootstrap.flag -}}{{- $flags = append $flags (list $bootstrap.flag $bootstrap.port) -}}{{- end -}}
{{- $flags | toJson -}}
{{- end -}}

{{/*
The sidecar as a native sidecar container (an init container that keeps running), as JSON. Input: root, facts.
*/}}
{{- define "llm-d-modelservice.proxy" -}}
{{- $proxy := .root.Values.routing.proxy -}}
{{- $facts := .facts -}}
{{- $several := gt (int $facts.portCount) 1 -}}
{{- $given := include "llm-d-modelservice.givenFlags" (dict "args" $proxy.args "flags" dict) | fromJson -}}
{{- $args := list -}}
{{- range include "llm-d-modelservice.proxyFlags" . | fromJsonArray -}}
  {{- $name := first . -}}
  {{- $value := last . -}}
  {{- if and $name (not (kindIs "invalid" $value)) (ne (toString $value) "") (not (hasKey $given $name)) -}}
  {{- $dashes := eq (len $name) 1 | ternary "-" "--" -}}
  {{- $args = append $args (printf "%s%s=%s" $dashes $name (kindIs "string" $value | ternary $value (toJson $value))) -}}
  {{- end -}}
{{- end -}}
{{- $ports := list -}}
{{- range $i := until (int $facts.portCount) -}}{{- $ports = append $ports (dict "containerPort" (add $facts.servicePort $i)) -}}{{- end -}}
{{- $env := list -}}
{{- if $several -}}
{{- $env = append $env (dict "name" "POD_IP" "valueFrom" (dict "fieldRef" (dict "fieldPath" "status.podIP"))) -}}
{{- end -}}
{{- $bootstrap := include "llm-d-modelservice.bootstrap" . | fromJson -}}
{{- if $bootstrap.env -}}{{- $env = append $env (dict "name" $bootstrap.env "value" $bootstrap.port) -}}{{- end -}}
{{- if .root.Values.tracing.enabled -}}
{{- $service := .root.Values.tracing.serviceNames.routingProxy -}}
{{- $env = concat $env (include "llm-d-modelservice.tracingEnv" (dict "root" .root "service" $service) | fromJsonArray) -}}
{{- end -}}
{{- $env = include "llm-d-modelservice.mergeList" (dict "key" "env" "lower" $env "upper" ($proxy.env | default list)) | fromJsonArray -}}
{{- $container := dict
  "name" "routing-proxy" "image" (include "llm-d-modelservice.image" (dict "root" .root "image" $proxy.image))
  "restartPolicy" "Always" "args" (concat $args ($proxy.args | default list)) "ports" $ports -}}
{{- if $proxy.imagePullPolicy -}}{{- $_ := set $container "imagePullPolicy" $proxy.imagePullPolicy -}}{{- end -}}
{{- if $env -}}{{- $_ := set $container "env" $env -}}{{- end -}}
{{- if $proxy.volumeMounts -}}{{- $_ := set $container "volumeMounts" $proxy.volumeMounts -}}{{- end -}}
{{- if $proxy.securityContext -}}{{- $_ := set $container "securityContext" $proxy.securityContext -}}{{- end -}}
{{- $resources := include "llm-d-modelservice.resources" (dict "resources" $proxy.resources "key" "routing.proxy.resources") | fromJson -}}
{{- if $resources -}}{{- $_ := set $container "resources" $resources -}}{{- end -}}
{{- include "llm-d-modelservice.prune" $container -}}
{{- $container | toJson -}}
{{- end -}}
