{{/* Labels that select the picker's pods, as JSON: never those of the model's pods. Input: the root context. */}}
{{- define "llm-d-modelservice.pickerLabels" -}}
{{- dict
  "app.kubernetes.io/name" (printf "%s-epp" (include "llm-d-modelservice.name" . | trunc 59 | trimSuffix "-"))
  "app.kubernetes.io/instance" .Release.Name
| toJson -}}
{{- end -}}

{{/* Flags of the picker, as a JSON list. Input: root, picker, file. */}}
{{- define "llm-d-modelservice.pickerArgs" -}}
{{- $epp := .root.Values.routing.epp -}}
{{- $flags := list
  (list "pool-name" (include "llm-d-modelservice.poolName" .root))
  (list "pool-namespace" .root.Release.Namespace)
  (list "config-file" (printf "/config/%s" .file))
  (list "zap-encoder" "json")
  (list "tracing" .root.Values.tracing.enabled)
  (list "metrics-endpoint-auth" false) -}}
{{- /* Reviewing a scraper's token needs a ClusterRole, and this chart makes nothing cluster-wide. */ -}}
{{- if ne (int ($epp.service.targetPort | default 9002)) 9002 -}}{{- $flags = append $flags (list "grpc-port" $epp.service.targetPort) -}}{{- end -}}
{{- if not (kindIs "invalid" $epp.debugLevel) -}}{{- $flags = append $flags (list "v" $epp.debugLevel) -}}{{- end -}}
{{- if gt (int $epp.replicas) 1 -}}{{- $flags = append $flags (list "ha-enable-leader-election" true) -}}{{- end -}}
{{- if and (semverCompare "<0.8.0" .picker.version) (include "llm-d-modelservice.metricsOverTLS" .root) -}}{{- $flags = append $flags (list "model-server-metrics-scheme" "https") -}}{{- end -}}
{{- $given := include "llm-d-modelservice.givenFlags" (dict "args" ($epp.args | default list) "flags" dict) | fromJson -}}
{{- $args := list -}}
{{- range $flags -}}
  {{- if not (hasKey $given (first .)) -}}{{- $args = append $args (printf "--%s=%s" (first .) (kindIs "string" (last .) | ternary (last .) (toJson (last .)))) -}}{{- end -}}
{{- end -}}
{{- concat $args ($epp.args | default list) | toJson -}}
{{- end -}}

{{/* The pod spec of the picker, as JSON. Input: root, picker, file. */}}
{{- define "llm-d-modelservice.pickerPod" -}}
{{- $root := .root -}}
{{- $epp := .root.Values.routing.epp -}}
{{- $env := list
  (dict "name" "NAMESPACE" "valueFrom" (dict "fieldRef" (dict "fieldPath" "metadata.namespace")))
  (dict "name" "POD_NAME" "valueFrom" (dict "fieldRef" (dict "fieldPath" "metadata.name"))) -}}
{{- if .root.Values.tracing.enabled -}}
{{- $env = concat $env (include "llm-d-modelservice.tracingEnv" (dict "root" .root "service" .root.Values.tracing.serviceNames.endpointPicker) | fromJsonArray) -}}
{{- end -}}
{{- $container := dict
  "name" "epp" "image" (include "llm-d-modelservice.image" (dict "root" .root "image" $epp.image))
  "args" (include "llm-d-modelservice.pickerArgs" . | fromJsonArray)
  "env" (include "llm-d-modelservice.mergeList" (dict "key" "env" "lower" $env "upper" ($epp.env | default list)) | fromJsonArray)
  "ports" (concat (list
    (dict "name" "grpc" "containerPort" ($epp.service.targetPort | default 9002))
    (dict "name" "grpc-health" "containerPort" 9003)
    (dict "name" "metrics" "containerPort" 9090)) ($epp.extraContainerPorts | default list))
  "volumeMounts" (list (dict "name" "config" "mountPath" "/config" "readOnly" true)) -}}
{{- $fields := include "llm-d-modelservice.containerFields" (dict "root" .root "container" (dict "ports" $container.ports) "key" "routing.epp.extraContainerPorts") | fromJson -}}
{{- $_ := set $container "ports" $fields.ports -}}
{{- /* A picker that stands by is alive and not ready; one alone is both once it knows its pool. */ -}}
{{- $single := le (int $epp.replicas) 1 -}}
{{- if not $epp.disableLivenessProbe -}}
{{- $_ := set $container "livenessProbe" (dict "grpc" (dict "port" 9003 "service" ($single | ternary "inference-extension" "liveness")) "initialDelaySeconds" 5 "periodSeconds" 10) -}}
{{- end -}}
{{- if not $epp.disableReadinessProbe -}}
{{- $_ := set $container "readinessProbe" (dict "grpc" (dict "port" 9003 "service" ($single | ternary "inference-extension" "readiness")) "periodSeconds" 2) -}}
{{- end -}}
{{- with $epp.imagePullPolicy -}}{{- $_ := set $container "imagePullPolicy" . -}}{{- end -}}
{{- with $epp.securityContext -}}{{- $_ := set $container "securityContext" . -}}{{- end -}}
{{- with include "llm-d-modelservice.resources" (dict "resources" $epp.resources "key" "routing.epp.resources") | fromJson -}}{{- $_ := set $container "resources" . -}}{{- end -}}
{{- /* As long as the longest answer may take: the picker sees requests to their end. */ -}}
{{- $spec := dict
  "serviceAccountName" (include "llm-d-modelservice.pickerName" .root) "terminationGracePeriodSeconds" 130
  "containers" (list $container)
  "volumes" (list (dict "name" "config" "configMap" (dict "name" (include "llm-d-modelservice.pickerName" .root)))) -}}
{{- range $field := list "nodeSelector" "tolerations" "affinity" -}}
  {{- with index $epp $field -}}{{- $_ := set $spec $field . -}}{{- end -}}
{{- end -}}
{{- with $epp.podSecurityContext -}}{{- $_ := set $spec "securityContext" . -}}{{- end -}}
{{- with include "llm-d-modelservice.pullSecrets" (dict "root" .root "own" $epp.imagePullSecrets) | fromJsonArray -}}{{- $_ := set $spec "imagePullSecrets" . -}}{{- end -}}
{{- $spec = $spec | toJson | fromJson -}}
{{- with $epp.extraConfig -}}
{{- $extra := (include "llm-d-modelservice.rendered" (dict "root" $root "value" . "key" "routing.epp.extraConfig") | fromJson).value -}}
{{- include "llm-d-modelservice.merge" (dict "into" $spec "from" $extra) -}}
{{- end -}}
{{- include "llm-d-modelservice.prune" $spec -}}
{{- $spec | toJson -}}
{{- end -}}

{{/* What the picker may do in its namespace, as a JSON list of rules. Input: root, picker. */}}
{{- define "llm-d-modelservice.pickerRules" -}}
{{- $read := list "get" "list" "watch" -}}
{{- $groups := list "inference.networking.x-k8s.io" -}}
{{- if semverCompare ">=0.9.0" .picker.version -}}{{- $groups = append $groups "llm-d.ai" -}}{{- end -}}
{{- $rules := list
  (dict "apiGroups" (list "") "resources" (list "pods") "verbs" $read)
  (dict "apiGroups" (list "inference.networking.k8s.io") "resources" (list "inferencepools") "verbs" $read)
  (dict "apiGroups" $groups "resources" (list "inferenceobjectives" "inferencemodelrewrites") "verbs" $read) -}}
{{- if gt (int .root.Values.routing.epp.replicas) 1 -}}
{{- $rules = concat $rules (list
  (dict "apiGroups" (list "coordination.k8s.io") "resources" (list "leases") "verbs" (list "get" "list" "watch" "create" "update" "patch" "delete"))
  (dict "apiGroups" (list "") "resources" (list "events") "verbs" (list "create" "patch"))) -}}
{{- end -}}
{{- $rules | toJson -}}
{{- end -}}
