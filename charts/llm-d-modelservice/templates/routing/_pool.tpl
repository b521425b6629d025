{{/*
The InferencePool: which pods, which ports.
https://gateway-api-inference-extension.sigs.k8s.io/reference/spec/
*/}}

{{/*
Facts about the pool that the chart creates, as JSON {matchLabels, ports}. Input: the root context.
An endpoint picker expects every pod with the labels, of either role, to serve on every port. So the labels must be those
of all serving pods and of no other pod; a role with fewer ports declares them (see activePorts).
*/}}
{{- define "llm-d-modelservice.pool" -}}
{{- $root := . -}}
{{- $given := .Values.routing.inferencePool.matchLabels -}}
{{- $labels := $given -}}
{{- if not $given -}}
  {{- if not .Values.modelArtifacts.labels -}}
  {{- include "llm-d-modelservice.stop" (list $
    "modelArtifacts.labels: an InferencePool selects pods by them, but there are none; set e.g. llm-d.ai/model: <name>") -}}
  {{- end -}}
  {{- $labels = deepCopy .Values.modelArtifacts.labels -}}
  {{- /* Equal labels in another release must not mix; the pods of dual pods belong to no release. */ -}}
  {{- if not .Values.requester.enable -}}
  {{- $release := include "llm-d-modelservice.selectorLabels" (dict "root" . "role" "") | fromJson -}}
  {{- $labels = merge $labels (omit $release "llm-d.ai/role") -}}
  {{- end -}}
{{- end -}}
{{- $count := 1 -}}
{{- range $name := list "decode" "prefill" -}}
{{- if (index $root.Values $name).create -}}
  {{- include "llm-d-modelservice.role" (dict "root" $root "role" $name) -}}
  {{- $facts := index $root.Roles $name -}}
  {{- $count = max $count (int $facts.portCount) | int -}}
  {{- if gt (int $facts.portCount) 8 -}}
  {{- include "llm-d-modelservice.stop" (list $ (printf
    (print "%s.parallelism.dataMode: multiPort gives each of %d ranks a port, but an InferencePool has at most 8; set "
      "dataMode: hybrid, or dataLocal: 8 and more workers")
    $name (int $facts.portCount))) -}}
  {{- end -}}
  {{- $serving := include "llm-d-modelservice.podLabels" (dict "root" $root "role" $name "serves" true) | fromJson -}}
  {{- if eq $facts.kind "ReplicaSet" -}}{{- $serving = omit $serving "app.kubernetes.io/name" "app.kubernetes.io/instance" -}}{{- end -}}
  {{- range $key, $value := $labels -}}
    {{- if ne (toString (index $serving $key)) $value -}}
    {{- include "llm-d-modelservice.stop" (list $ (printf
      (print "routing.inferencePool.matchLabels: no pod of %s has the label %s=%s, so the pool would leave them out; "
        "remove it, or set modelArtifacts.labels")
      $name $key $value)) -}}
    {{- end -}}
  {{- end -}}
  {{- if $facts.leaderOnly -}}
    {{- $worker := include "llm-d-modelservice.podLabels" (dict "root" $root "role" $name "serves" false) | fromJson -}}
    {{- $others := false -}}
    {{- range $key, $value := $labels -}}{{- if ne (toString (index $worker $key)) $value -}}{{- $others = true -}}{{- end -}}{{- end -}}
    {{- if not $others -}}
    {{- $key := empty $given | ternary (printf "%s.podLabels" $name) "routing.inferencePool.matchLabels" -}}
    {{- include "llm-d-modelservice.stop" (list $ (printf
      (print "%s: the workers of %s, which do not serve, have all labels that the pool selects; set labels in "
        "modelArtifacts.labels that are not in %s.podLabels")
      $key $name $name)) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}
{{- $ports := list -}}
{{- range $i := until (int $count) -}}
{{- $ports = append $ports (dict "number" (add $root.Values.routing.servicePort $i)) -}}
{{- end -}}
{{- dict "matchLabels" $labels "ports" $ports | toJson -}}
{{- end -}}

{{/*
Ports of a role's pods in the form of the pool's annotation, e.g. "8000,8001", printed; nothing when the pods have all of
the pool's ports. Input: root, facts.
*/}}
{{- define "llm-d-modelservice.activePorts" -}}
{{- if .root.Values.routing.inferencePool.create -}}
{{- $own := .facts -}}
{{- $other := eq .facts.role "decode" | ternary "prefill" "decode" -}}
{{- $values := index .root.Values $other -}}
{{- if and $values.create (eq ($values.parallelism.dataMode | default "") "multiPort") -}}
  {{- include "llm-d-modelservice.role" (dict "root" .root "role" $other) -}}
  {{- $facts := index .root.Roles $other -}}
  {{- if gt (int $facts.portCount) (int $own.portCount) -}}
    {{- $ports := list -}}
    {{- range $i := until (int $own.portCount) -}}{{- $ports = append $ports (add $own.servicePort $i | toString) -}}{{- end -}}
    {{- join "," $ports -}}
  {{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
Gateways of the HTTPRoute, as JSON {key, refs}: routing.parentRefs, or one of the two other places. Input: the root
context.
*/}}
{{- define "llm-d-modelservice.parentRefs" -}}
{{- $routing := .Values.routing -}}
{{- $key := "routing.parentRefs" -}}
{{- $refs := $routing.parentRefs -}}
{{- if $routing.httpRoute.parentRefs -}}
  {{- $key = "routing.httpRoute.parentRefs" -}}{{- $refs = $routing.httpRoute.parentRefs -}}
{{- else if not $refs -}}
  {{- $key = "routing.proxy.parentRefs" -}}{{- $refs = $routing.proxy.parentRefs -}}
{{- end -}}
{{- dict "key" $key "refs" ($refs | default list) | toJson -}}
{{- end -}}
