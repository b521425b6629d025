{{/*
The routing sidecar of decode pods. Its flags changed between versions, and an unknown flag ends it at once, so
they follow the version of the image.
https://github.com/llm-d/llm-d-router/blob/main/pkg/sidecar/proxy/options.go
*/}}

{{/*
Version of the sidecar, printed as "major.minor.patch". Input: the root context.
routing.proxy.version, else the image's tag, else what the image's name tells: the repository was renamed to
llm-d-router-disagg-sidecar with 0.9; the older name without a version is taken for the last of its flags that
every version up to 0.9 accepts.
*/}}
{{- define "llm-d-modelservice.proxyVersion" -}}
{{- $proxy := .Values.routing.proxy -}}
{{- $older := contains "llm-d-router-disagg-sidecar" $proxy.image | ternary "0.10.0" "0.4.0" -}}
{{- include "llm-d-modelservice.imageVersion" (dict "image" $proxy.image "version" $proxy.version) | default $older -}}
{{- end -}}

{{/*
The sidecar as a native sidecar container (an init container that keeps running), as JSON. Input: root, facts.
*/}}
{{- define "llm-d-modelservice.proxy" -}}
{{- $proxy := .root.Values.routing.proxy -}}
{{- $facts := .facts -}}
{{- $version := include "llm-d-modelservice.proxyVersion" .root -}}
{{- $atLeast4 := semverCompare ">=0.4.0" $version -}}
{{- $atLeast7 := semverCompare ">=0.7.0" $version -}}
{{- $atLeast10 := semverCompare ">=0.10.0" $version -}}
{{- $flags := list
  (list "port" $facts.servicePort)
  (list ($atLeast10 | ternary "model-server-port" "vllm-port") $facts.enginePort)
  (list ($atLeast7 | ternary "kv-connector" "connector") $proxy.connector) -}}
{{- if $atLeast4 -}}
  {{- $level := $proxy.zapLogLevel | default $proxy.debugLevel | default "debug" -}}
  {{- $flags = concat $flags (list
    (list "zap-devel" $proxy.zapDevel) (list "zap-encoder" $proxy.zapEncoder) (list "zap-log-level" $level)
    (list "zap-stacktrace-level" $proxy.zapStacktraceLevel) (list "zap-time-encoding" $proxy.zapTimeEncoding)) -}}
{{- else -}}
  {{- /* Sidecars before 0.4 log with klog, which has -v and no zap flags. */ -}}
  {{- $flags = append $flags (list "v" (kindIs "invalid" $proxy.debugLevel | ternary 5 $proxy.debugLevel)) -}}
{{- end -}}
{{- $flags = append $flags (list "secure-proxy" $proxy.secure) -}}
{{- /* The engine's certificate does not name localhost, where the sidecar asks for it. */ -}}
{{- if $atLeast7 -}}
  {{- $secured := concat (empty $proxy.prefillerUseTLS | ternary list (list "prefiller")) ($facts.tls | ternary (list "decoder") list) -}}
  {{- $flags = concat $flags (list (list "enable-tls" (join "," $secured)) (list "tls-insecure-skip-verify" ($facts.tls | ternary "decoder" ""))) -}}
{{- else -}}
  {{- $flags = append $flags (list "prefiller-use-tls" $proxy.prefillerUseTLS) -}}
  {{- if $facts.tls -}}{{- $flags = concat $flags (list (list "decoder-use-tls" true) (list "decoder-tls-insecure-skip-verify" true)) -}}{{- end -}}
{{- end -}}
{{- $flags = append $flags (list "cert-path" $proxy.certPath) -}}
{{- if gt (int $facts.portCount) 1 -}}{{- $flags = append $flags (list "data-parallel-size" $facts.portCount) -}}{{- end -}}
{{- $given := include "llm-d-modelservice.givenFlags" (dict "args" $proxy.args "flags" dict) | fromJson -}}
{{- $args := list -}}
{{- range $flags -}}
  {{- $value := index . 1 -}}
  {{- if and (not (kindIs "invalid" $value)) (ne (toString $value) "") (not (hasKey $given (first .))) -}}
  {{- $args = append $args (printf "%s%s=%s" (eq (first .) "v" | ternary "-" "--") (first .) (kindIs "string" $value | ternary $value (toJson $value))) -}}
  {{- end -}}
{{- end -}}
{{- $ports := list -}}
{{- range $i := until (int $facts.portCount) -}}{{- $ports = append $ports (dict "containerPort" (add $facts.servicePort $i)) -}}{{- end -}}
{{- $env := list -}}
{{- if gt (int $facts.portCount) 1 -}}{{- $env = append $env (dict "name" "POD_IP" "valueFrom" (dict "fieldRef" (dict "fieldPath" "status.podIP"))) -}}{{- end -}}
{{- if .root.Values.tracing.enabled -}}
{{- $env = concat $env (include "llm-d-modelservice.tracingEnv" (dict "root" .root "service" .root.Values.tracing.serviceNames.routingProxy) | fromJsonArray) -}}
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
