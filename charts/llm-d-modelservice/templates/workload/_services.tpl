{{/*
The Services of a role, and the labels by which objects select its pods.
*/}}

{{/* Labels that select the serving pods of a role, as JSON. Input: root, facts. */}}
{{- define "llm-d-modelservice.servingSelector" -}}
{{- /* The pods that serve for a requester are made by another controller, with the pool's labels alone. */ -}}
{{- $labels := eq .facts.kind "ReplicaSet" | ternary "llm-d-modelservice.servingLabels" "llm-d-modelservice.selectorLabels" -}}
{{- include $labels (dict "root" .root "role" .facts.role) -}}
{{- end -}}

{{/*
Labels that select all pods of a role, also workers that do not serve, as JSON. Input: root, facts.
https://lws.sigs.k8s.io/docs/reference/labels-annotations-and-environment-variables/
*/}}
{{- define "llm-d-modelservice.allPodsSelector" -}}
{{- if eq .facts.kind "DisaggregatedSet" -}}
{{- include "llm-d-modelservice.setLabels" (dict "root" .root "role" .facts.role) -}}
{{- else if eq .facts.kind "LeaderWorkerSet" -}}
{{- dict "leaderworkerset.sigs.k8s.io/name" .facts.workload | toJson -}}
{{- else -}}
{{- include "llm-d-modelservice.selectorLabels" (dict "root" .root "role" .facts.role) -}}
{{- end -}}
{{- end -}}

{{/* Labels in the form of kubectl's --selector, printed. Input: the labels. */}}
{{- define "llm-d-modelservice.selector" -}}
{{- $terms := list -}}
{{- range $key, $value := . -}}{{- $terms = append $terms (printf "%s=%s" $key $value) -}}{{- end -}}
{{- join "," $terms -}}
{{- end -}}

{{/* "true" where a role has a Service of its own. Input: the role's values. */}}
{{- define "llm-d-modelservice.hasRoleService" -}}
{{- if or .service.create (eq (toString .workload) "StatefulSet") -}}true{{- end -}}
{{- end -}}

{{/* "true" where the Service of the release is in front of a role: decode, or prefill without decode. Input: root, role. */}}
{{- define "llm-d-modelservice.entered" -}}
{{- $entry := .root.Values.decode.create | ternary "decode" "prefill" -}}
{{- if and .root.Values.service.enabled (eq .role $entry) -}}true{{- end -}}
{{- end -}}

{{/* Ports of pods that ports of a Service send to, as a JSON list for a NetworkPolicy. Input: ports. */}}
{{- define "llm-d-modelservice.servedPorts" -}}
{{- $found := list -}}
{{- range .ports -}}
{{- $found = append $found (dict "protocol" (.protocol | default "TCP") "port" (.targetPort | default .port)) -}}
{{- end -}}
{{- $found | toJson -}}
{{- end -}}

{{/*
Name of a role's Service. Input: root, facts. The controller of a LeaderWorkerSet makes a headless Service with the
name of the set.
*/}}
{{- define "llm-d-modelservice.roleServiceName" -}}
{{- $workload := .facts.workload -}}
{{- $name := eq .facts.kind "LeaderWorkerSet" | ternary (printf "%s-service" $workload) $workload -}}
{{- (index .root.Values .facts.role).service.name | default $name -}}
{{- end -}}

{{/*
The ports of a role's pods as ports of a Service, as a JSON list. Input: root, facts. Meshes and gateways read the
protocol from appProtocol or from the name.
https://kubernetes.io/docs/concepts/services-networking/service/#application-protocol
*/}}
{{- define "llm-d-modelservice.servicePorts" -}}
{{- $scheme := include "llm-d-modelservice.scheme" . -}}
{{- $ports := list -}}
{{- range $i := until (int .facts.portCount) -}}
  {{- $number := add $.facts.servicePort $i -}}
  {{- $name := eq $i 0 | ternary $scheme (printf "%s-%d" $scheme $i) -}}
  {{- $port := dict "name" $name "port" $number "targetPort" $number "protocol" "TCP" -}}
  {{- if eq $scheme "https" -}}{{- $_ := set $port "appProtocol" "https" -}}{{- end -}}
  {{- $ports = append $ports $port -}}
{{- end -}}
{{- $ports | toJson -}}
{{- end -}}

{{/*
The spec of a Service, as JSON. Input: root, facts, service (values), key, headless (when type and clusterIP are unset).
*/}}
{{- define "llm-d-modelservice.serviceSpec" -}}
{{- $service := .service -}}
{{- $facts := .facts -}}
{{- $spec := dict "type" ($service.type | default "ClusterIP") "selector" (include "llm-d-modelservice.servingSelector" . | fromJson) -}}
{{- with $service.clusterIP | default (and .headless (not $service.type) | ternary "None" "") -}}{{- $_ := set $spec "clusterIP" . -}}{{- end -}}
{{- if and (eq ($service.clusterIP | default "") "None") (ne $spec.type "ClusterIP") -}}
{{- fail (printf
  "%s.clusterIP: None is for type ClusterIP, but type is %s, which needs an address; remove either"
  .key $spec.type) -}}
{{- end -}}
{{- $ports := $service.ports | default list -}}
{{- range $i, $port := $ports -}}
  {{- include "llm-d-modelservice.checkItem" (dict "key" (printf "%s.ports[%d]" $.key $i) "item" $port) -}}
  {{- if and (gt (len $ports) 1) (not $port.name) -}}
  {{- fail (printf "%s.ports[%d].name: with several ports each needs a name; set one, e.g. http" $.key $i) -}}
  {{- end -}}
  {{- if and $port.nodePort (eq $spec.type "ClusterIP") -}}
  {{- fail (printf
    "%s.ports[%d].nodePort: a Service of type ClusterIP has none; set %s.type: NodePort"
    $.key $i $.key) -}}
  {{- end -}}
{{- end -}}
{{- if not $ports -}}{{- $ports = include "llm-d-modelservice.servicePorts" . | fromJsonArray -}}{{- end -}}
{{- $_ := set $spec "ports" $ports -}}
{{- $spec = $spec | toJson | fromJson -}}
{{- include "llm-d-modelservice.merge" (dict "into" $spec "from" ($service.extraConfig | default dict)) -}}
{{- include "llm-d-modelservice.prune" $spec -}}
{{- $spec | toJson -}}
{{- end -}}

{{/*
A Service, as JSON. Input: root, name, spec, service (values), key, taken (names so far and who has them, changed in
place).
*/}}
{{- define "llm-d-modelservice.service" -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$" .name) -}}
{{- fail (printf
  (print "%s: the Service would be named %s, which must begin with a letter and have at most 63 characters (DNS-1035); "
    "choose another release name, or set fullnameOverride")
  .key .name) -}}
{{- end -}}
{{- if hasKey .taken .name -}}
{{- fail (printf
  "%s: the Service would be named %s, like that of %s; choose another name"
  .key .name (index .taken .name)) -}}
{{- end -}}
{{- $_ := set .taken .name .key -}}
{{- $labels := merge (dict) (.service.labels | default dict) (include "llm-d-modelservice.labels" .root | fromJson) -}}
{{- $metadata := dict "name" .name "labels" $labels -}}
{{- with .service.annotations -}}{{- $_ := set $metadata "annotations" . -}}{{- end -}}
{{- dict "apiVersion" "v1" "kind" "Service" "metadata" $metadata "spec" .spec | toJson -}}
{{- end -}}
