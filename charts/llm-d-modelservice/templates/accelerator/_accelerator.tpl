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
{{- $none := or (eq $type "cpu") (not (index .root.Known.engines .engine.type).needsAccelerator) -}}
{{- if and (not $none) (not $resource) (not (and $dra (hasKey $global.resourceClaimTemplates $type))) -}}
{{- include "llm-d-modelservice.stop" (list $ (printf
  "%s: unknown accelerator type %q; known are cpu, %s. For another vendor set accelerator.resources.%s: <its resource name>"
  $typeKey $type (keys $global.resources | sortAlpha | join ", ") $type)) -}}
{{- end -}}
{{- $runsOn := (index .root.Known.engines .engine.type).runsOn -}}
{{- if and $runsOn (hasKey .root.Known.accelerators $type) (not (has $type $runsOn)) -}}
{{- include "llm-d-modelservice.stop" (list $ (printf
  "%s: %s does not run on %s; set %s: %s, or another engine.type"
  $typeKey (index .root.Known.engines .engine.type).title $type $typeKey (first $runsOn))) -}}
{{- end -}}
{{- $stated := kindIs "invalid" $own.count | ternary $global.count $own.count -}}
{{- $count := $none | ternary 0 .parallelism.perPod -}}
{{- if not (kindIs "invalid" $stated) -}}{{- $count = $stated -}}{{- end -}}
{{- $facts := dict
  "type" $type "resource" $resource "count" (int $count)
  "dra" (and $dra (not (and $none (kindIs "invalid" $stated))))
  "env" (eq $type "cpu" | ternary list (index $global.env $type | default list))
  "extra" dict "scheduler" "" -}}
{{- if $facts.dra -}}
{{- $key := kindIs "bool" $own.dra | ternary (printf "%s.accelerator.dra" .role) "accelerator.dra" -}}
{{- include "llm-d-modelservice.checkKubernetes" (dict "root" .root "key" $key "feature" "dynamicResourceAllocation") -}}
{{- end -}}
{{- $input := set (set (set (omit . "given") "facts" $facts) "none" $none) "stated" $stated -}}
{{- if $global.vgpu.enabled -}}{{- include "llm-d-modelservice.virtualGpus" $input -}}{{- end -}}
{{- include "llm-d-modelservice.checkAcceleratorLimits" $input -}}
{{- $facts | toJson -}}
{{- end -}}
