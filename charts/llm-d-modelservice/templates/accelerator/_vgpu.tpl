{{/*
Virtual GPUs: parts of a GPU. The count is the accelerators' own; memory and cores hold for each of them, so they do
not multiply.
https://project-hami.io/docs/userguide/nvidia-device/specify-device-memory-usage/
https://github.com/volcano-sh/volcano/blob/master/docs/user-guide/how_to_use_volcano_vgpu.md
*/}}

{{/*
Turns a role's accelerators into virtual GPUs, in place; prints nothing. Input: root, role, engine, parallelism, facts
(see accelerator), stated (the declared count or null).
*/}}
{{- define "llm-d-modelservice.virtualGpus" -}}
{{- $vgpu := .root.Values.accelerator.vgpu -}}
{{- $facts := .facts -}}
{{- $shares := (index .root.Known.accelerators $facts.type | default dict).shares | default dict -}}
{{- if not (hasKey $shares $vgpu.provider) -}}
{{- include "llm-d-modelservice.stop" (list $ (printf
  (print "accelerator.vgpu.enabled: %s does not divide accelerators of type %s, which %s has; set vgpu.enabled: false and "
    "the vendor's resources as engine.resources.limits")
  $vgpu.provider $facts.type .role)) -}}
{{- end -}}
{{- $names := index $shares $vgpu.provider -}}
{{- if $facts.dra -}}
{{- include "llm-d-modelservice.stop" (list $
  "accelerator.vgpu.enabled: virtual GPUs come from a device plugin, but accelerator.dra is true; set dra: false"
  (dict "offered" (list (dict "set" "accelerator.dra" "value" false)))) -}}
{{- end -}}
{{- $resources := .engine.resources | default dict -}}
{{- $given := merge (dict) ($resources.limits | default dict) ($resources.requests | default dict) -}}
{{- if and (ne $names.count $facts.resource) (hasKey $given $facts.resource) -}}
{{- include "llm-d-modelservice.stop" (list $ (printf
  (print "%s.containers[0].resources: it names %s, a whole GPU, but accelerator.vgpu asks for parts of one; remove it, the "
    "count follows parallelism")
  .role $facts.resource)) -}}
{{- end -}}
{{- $ranks := .parallelism.perPod -}}
{{- if and $vgpu.number (ne (int $vgpu.number) (int (kindIs "invalid" .stated | ternary $ranks .stated))) -}}
  {{- if kindIs "invalid" .stated -}}
  {{- include "llm-d-modelservice.stop" (list $ (printf
    (print "accelerator.vgpu.number: %d, but a %s pod has %d ranks; set %s.parallelism.tensor: %d, or "
      "accelerator.count: %d if the difference is intended")
    (int $vgpu.number) .role (int $ranks) .role (int $vgpu.number) (int $vgpu.number))
    (dict "offered" (list (dict "set" (printf "%s.parallelism.tensor" .role) "value" (int $vgpu.number))))) -}}
  {{- end -}}
  {{- include "llm-d-modelservice.stop" (list $ (printf
    "accelerator.vgpu.number: %d, but accelerator.count is %d; set it once"
    (int $vgpu.number) (int .stated))) -}}
{{- end -}}
{{- if gt (int $facts.count) 0 -}}
{{- $_ := set $facts "resource" $names.count -}}
{{- if kindIs "string" $vgpu.memory -}}{{- $_ := set $facts.extra $names.percentage (trimSuffix "%" $vgpu.memory) -}}
{{- else if not (kindIs "invalid" $vgpu.memory) -}}{{- $_ := set $facts.extra $names.memory (toJson $vgpu.memory) -}}
{{- end -}}
{{- if not (kindIs "invalid" $vgpu.cores) -}}{{- $_ := set $facts.extra $names.cores (toJson $vgpu.cores) -}}{{- end -}}
{{- with $names.scheduler -}}{{- $_ := set $facts "scheduler" . -}}{{- end -}}
{{- end -}}
{{- end -}}
