{{/*
The objects of the endpoint picker: its pod, flags, labels and rights.
*/}}

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
{{- /* Reviewing a scraper's token needs a ClusterRole, and this chart creates nothing cluster-wide. */ -}}
{{- $port := int .root.Known.endpointPicker.ports.extProc -}}
{{- if ne (int ($epp.service.targetPort | default $port)) $port -}}
{{- $flags = append $flags (list "grpc-port" $epp.service.targetPort) -}}
{{- end -}}
{{- if not (kindIs "invalid" $epp.debugLevel) -}}{{- $flags = append $flags (list "v" $epp.debugLevel) -}}{{- end -}}
{{- if gt (int $epp.replicas) 1 -}}{{- $flags = append $flags (list "ha-enable-leader-election" true) -}}{{- end -}}
{{- if include "llm-d-modelservice.screens" .root -}}
{{- $flags = append $flags (list .root.Known.endpointPicker.rolloutScreener.allowedBy true) -}}
{{- end -}}
{{- if and (not .picker.has.metricsScheme) (include "llm-d-modelservice.metricsOverTLS" .root) -}}
{{- $flags = append $flags (list "model-server-metrics-scheme" "https") -}}
{{- end -}}
{{- $given := include "llm-d-modelservice.givenFlags" (dict "args" ($epp.args | default list) "flags" dict) | fromJson -}}
{{- $args := list -}}
{{- range $flags -}}
  {{- if not (hasKey $given (first .)) -}}
  {{- $args = append $args (printf "--%s=%s" (first .) (kindIs "string" (last .) | ternary (last .) (toJson (last .)))) -}}
  {{- end -}}
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
{{- $service := .root.Values.tracing.serviceNames.endpointPicker -}}
{{- $env = concat $env (include "llm-d-modelservice.tracingEnv" (dict "root" .root "service" $service) | fromJsonArray) -}}
{{- end -}}
{{- $known := .root.Known.endpointPicker.ports -}}
{{- $ports := list
  (dict "name" "grpc" "containerPort" ($epp.service.targetPort | default $known.extProc))
  (dict "name" "grpc-health" "containerPort" $known.health)
  (dict "name" "metrics" "containerPort" $known.metrics) -}}
{{- $container := dict
  "name" "epp" "image" (include "llm-d-modelservice.image" (dict "root" .root "image" $epp.image))
  "args" (include "llm-d-modelservice.pickerArgs" . | fromJsonArray)
  "env" (include "llm-d-modelservice.mergeList" (dict "key" "env" "lower" $env "upper" ($epp.env | default list)) | fromJsonArray)
  "ports" (concat $ports ($epp.extraContainerPorts | default list))
  "volumeMounts" (list (dict "name" "config" "mountPath" "/config" "readOnly" true)) -}}
{{- $input := dict "root" .root "container" (dict "ports" $container.ports) "key" "routing.epp.extraContainerPorts" -}}
{{- $_ := set $container "ports" (include "llm-d-modelservice.containerFields" $input | fromJson).ports -}}
{{- /* A standby picker is alive and not ready; a single one is both once it knows its pool. */ -}}
{{- $single := le (int $epp.replicas) 1 -}}
{{- if not $epp.disableLivenessProbe -}}
{{- $check := dict "port" $known.health "service" ($single | ternary "inference-extension" "liveness") -}}
{{- $_ := set $container "livenessProbe" (dict "grpc" $check "initialDelaySeconds" 5 "periodSeconds" 10) -}}
{{- end -}}
{{- if not $epp.disableReadinessProbe -}}
{{- $check := dict "port" $known.health "service" ($single | ternary "inference-extension" "readiness") -}}
{{- $_ := set $container "readinessProbe" (dict "grpc" $check "periodSeconds" 2) -}}
{{- /* It says that it is ready when it knows its pool, but listens only once it has made its certificate. */ -}}
{{- $_ := set $container "startupProbe" (dict "tcpSocket" (dict "port" "grpc") "periodSeconds" 1 "failureThreshold" 300) -}}
{{- end -}}
{{- with $epp.imagePullPolicy -}}{{- $_ := set $container "imagePullPolicy" . -}}{{- end -}}
{{- with $epp.securityContext -}}{{- $_ := set $container "securityContext" . -}}{{- end -}}
{{- with include "llm-d-modelservice.resources" (dict "resources" $epp.resources "key" "routing.epp.resources") | fromJson -}}
{{- $_ := set $container "resources" . -}}
{{- end -}}
{{- /* As long as the longest answer may take: the picker sees requests to their end. */ -}}
{{- $spec := dict
  "serviceAccountName" (include "llm-d-modelservice.pickerName" .root) "terminationGracePeriodSeconds" 130
  "containers" (list $container)
  "volumes" (list (dict "name" "config" "configMap" (dict "name" (include "llm-d-modelservice.pickerName" .root)))) -}}
{{- range $field := list "nodeSelector" "tolerations" "affinity" -}}
  {{- with index $epp $field -}}{{- $_ := set $spec $field . -}}{{- end -}}
{{- end -}}
{{- with $epp.podSecurityContext -}}{{- $_ := set $spec "securityContext" . -}}{{- end -}}
{{- with include "llm-d-modelservice.pullSecrets" (dict "root" .root "own" $epp.imagePullSecrets) | fromJsonArray -}}
{{- $_ := set $spec "imagePullSecrets" . -}}
{{- end -}}
{{- $spec = $spec | toJson | fromJson -}}
{{- with $epp.extraConfig -}}
{{- $input := dict "root" $root "value" . "key" "routing.epp.extraConfig" -}}
{{- $extra := (include "llm-d-modelservice.rendered" $input | fromJson).value -}}
{{- include "llm-d-modelservice.merge" (dict "into" $spec "from" $extra) -}}
{{- end -}}
{{- include "llm-d-modelservice.prune" $spec -}}
{{- $spec | toJson -}}
{{- end -}}

{{/* What the picker may do in its namespace, as a JSON list of rules. Input: root, picker. */}}
{{- define "llm-d-modelservice.pickerRules" -}}
{{- $read := list "get" "list" "watch" -}}
{{- $version := .picker.version -}}
{{- $groups := list -}}
{{- range .root.Known.endpointPicker.objectiveGroups -}}
{{- if semverCompare (printf ">=%s.0" (.since | default "0.0")) $version -}}{{- $groups = append $groups .value -}}{{- end -}}
{{- end -}}
{{- $rules := list
  (dict "apiGroups" (list "") "resources" (list "pods") "verbs" $read)
  (dict "apiGroups" (list "inference.networking.k8s.io") "resources" (list "inferencepools") "verbs" $read)
  (dict "apiGroups" $groups "resources" (list "inferenceobjectives" "inferencemodelrewrites") "verbs" $read) -}}
{{- if gt (int .root.Values.routing.epp.replicas) 1 -}}
{{- $write := list "create" "update" "patch" "delete" -}}
{{- $rules = concat $rules (list
  (dict "apiGroups" (list "coordination.k8s.io") "resources" (list "leases") "verbs" (concat $read $write))
  (dict "apiGroups" (list "") "resources" (list "events") "verbs" (list "create" "patch"))) -}}
{{- end -}}
{{- $rules | toJson -}}
{{- end -}}
