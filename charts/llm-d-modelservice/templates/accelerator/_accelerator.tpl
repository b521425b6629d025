{{/*
Accelerators: which extended resource or which claim, and how many.
*/}}

{{/*
Facts about a role's accelerators, as JSON. Input: root, role, profile, engine, parallelism. Output:
  type      accelerator type
  resource  extended resource, "" for none
  dra       requested by claim
  count     accelerators of one pod
  env       environment variables of the type
  extra     further extended resources by name, of virtual GPUs
  scheduler scheduler that gives them out, "" for the pod's
*/}}
{{- define "llm-d-modelservice.accelerator" -}}
{{- $global := .root.Values.accelerator -}}
{{- $own := (index .root.Values .role).accelerator -}}
{{- $type := $own.type | default .profile.acceleratorType | default $global.type -}}
{{- $typeKey := empty $own.type | ternary "accelerator.type" (printf "%s.accelerator.type" .role) -}}
{{- $resource := index $global.resources $type | default "" -}}
{{- $dra := kindIs "bool" $own.dra | ternary $own.dra ($global.dra | default false) -}}
{{- $none := or (eq $type "cpu") (eq .engine.type "simulator") -}}
{{- if and (not $none) (not $resource) (not (and $dra (hasKey $global.resourceClaimTemplates $type))) -}}
{{- fail (printf
  (print "%s: no accelerator type %q; known are cpu, %s. For another vendor set accelerator.resources.%s: <its resource "
    "name>")
  $typeKey $type (keys $global.resources | sortAlpha | join ", ") $type) -}}
{{- end -}}
{{- $stated := kindIs "invalid" $own.count | ternary $global.count $own.count -}}
{{- $count := $none | ternary 0 .parallelism.perPod -}}
{{- if not (kindIs "invalid" $stated) -}}{{- $count = $stated -}}{{- end -}}
{{- $facts := dict "type" $type "resource" $resource "dra" (and $dra (not (and $none (kindIs "invalid" $stated)))) "count" (int $count) "env" (eq $type "cpu" | ternary list (index $global.env $type | default list)) "extra" dict "scheduler" "" -}}
{{- if $facts.dra -}}
{{- include "llm-d-modelservice.checkKubernetes" (dict "root" .root "key" (kindIs "bool" $own.dra | ternary (printf "%s.accelerator.dra" .role) "accelerator.dra") "needs" "resource.k8s.io/v1" "version" "1.34") -}}
{{- end -}}
{{- if $global.vgpu.enabled -}}
{{- include "llm-d-modelservice.virtualGpus" (dict "root" .root "role" .role "facts" $facts "engine" .engine "perPod" .parallelism.perPod "stated" $stated) -}}
{{- end -}}
{{- include "llm-d-modelservice.checkAcceleratorLimits" (dict "root" .root "role" .role "profile" .profile "engine" .engine "parallelism" .parallelism "facts" $facts "none" $none "stated" (not (kindIs "invalid" $stated))) -}}
{{- $facts | toJson -}}
{{- end -}}
