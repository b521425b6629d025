{{/*
Refusals: what only several keys together show to be wrong. Each message names the key, says why and what to
write instead. What one key alone shows is refused by values.schema.json.
*/}}

{{/*
"true" where the chart renders anything. Input: the root context. Every object begins with it, so that what is wrong
with the values as a whole is said before anything trips over it; where an object is off by default, its switch is
looked at first, in a way that survives a missing section. What was found is kept in the root context, which the chart's
templates share.
*/}}
{{- define "llm-d-modelservice.enabled" -}}
{{- if not (hasKey . "sections checked") -}}
{{- include "llm-d-modelservice.checkSections" . -}}
{{- $_ := set . "sections checked" true -}}
{{- end -}}
{{- if .Values.enabled -}}true{{- end -}}
{{- end -}}

{{/*
Refuses a section without content (`decode:` with everything below commented out), and null for what the chart cannot do
without; prints nothing. Input: the root context. Null makes Helm delete all defaults of a section.
*/}}
{{- define "llm-d-modelservice.checkSections" -}}
{{- $role := list "autoscaling" "parallelism" "accelerator" "acceleratorTypes" "engine" "sharedMemory" "monitoring" "probes" "drain" "podDisruptionBudget" "service" -}}
{{- $sections := dict "modelArtifacts" (list "credentials" "download" "persistence" "volume" "lora") "engine" list "accelerator" (list "vgpu") "serviceAccount" list
  "service" list "networkPolicy" list "auth" (list "apiKeySecret") "caches" list
  "routing" (list "proxy" "inferencePool" "httpRoute" "inferenceObjective" "epp" "loadBalancing")
  "tracing" (list "sampling" "serviceNames" "vllm") "requester" (list "port" "readinessProbe" "resources")
  "monitoring" (list "dashboard" "prometheusrule") "endpoints" list "test" (list "question")
  "decode" $role "prefill" $role -}}
{{- $empty := list -}}
{{- range $name, $parts := $sections -}}
  {{- $section := index $.Values $name -}}
  {{- if not (kindIs "map" $section) -}}{{- $empty = append $empty $name -}}
  {{- else -}}
    {{- range $parts -}}
      {{- if not (kindIs "map" (index $section .)) -}}{{- $empty = append $empty (printf "%s.%s" $name .) -}}{{- end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- range $path := list "modelArtifacts.credentials.aws" "modelArtifacts.credentials.gcp" "modelArtifacts.credentials.alibaba" "requester.resources.limits" "decode.monitoring.podmonitor" "prefill.monitoring.podmonitor"
  "decode.monitoring.servicemonitor" "prefill.monitoring.servicemonitor" "monitoring.prometheusrule.thresholds" -}}
  {{- $parts := splitn "." 3 $path -}}
  {{- $section := index $.Values $parts._0 | default dict -}}
  {{- if not (kindIs "map" (index (index $section $parts._1 | default dict) $parts._2)) -}}{{- $empty = append $empty $path -}}{{- end -}}
{{- end -}}
{{- with $empty -}}
{{- fail (printf
  "%s: a section without content removes all its defaults; remove the key, or set %s: {}"
  (first .) (first .)) -}}
{{- end -}}
{{- range $path := list "modelArtifacts.name" "modelArtifacts.uri" "modelArtifacts.mountPath" "accelerator.type" "multinode" "requester.enable"
  "routing.servicePort" "routing.proxy.image" "routing.proxy.targetPort"
  "decode.monitoring.podmonitor.enabled" "prefill.monitoring.podmonitor.enabled"
  "decode.monitoring.podmonitor.portName" "prefill.monitoring.podmonitor.portName" -}}
  {{- $value := $.Values -}}
  {{- range splitList "." $path -}}{{- $value = index $value . -}}{{- end -}}
  {{- if kindIs "invalid" $value -}}
  {{- fail (printf "%s: null removes the default, which the chart needs; remove the key, or set a value" $path) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* Refuses list items without content. Input: lists by their key. */}}
{{- define "llm-d-modelservice.checkItems" -}}
{{- range $key, $list := . -}}
  {{- range $i, $item := $list -}}
    {{- if kindIs "invalid" $item -}}{{- fail (printf "%s[%d]: a list item without content; remove the dash or fill it in" $key $i) -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* Refuses what a cluster is too old for; prints nothing. Input: root, key, needs (what), version. */}}
{{- define "llm-d-modelservice.checkKubernetes" -}}
{{- $version := .root.Capabilities.KubeVersion.Version -}}
{{- if semverCompare (printf "<%s.0-0" .version) $version -}}
{{- fail (printf
  "%s: it needs %s, which Kubernetes has since %s, and this cluster is %s; set false"
  .key .needs .version $version) -}}
{{- end -}}
{{- end -}}
