{{/*
Virtual GPUs: parts of a GPU. The count is the accelerators' own; memory and cores hold for each of them, so they do
not multiply.
https://project-hami.io/docs/userguide/nvidia-device/specify-device-memory-usage/
https://github.com/volcano-sh/volcano/blob/master/docs/user-guide/how_to_use_volcano_vgpu.md
*/}}

{{/*
Turns a role's accelerators into virtual GPUs, in place; prints nothing. Input: root, role, engine, facts (see
accelerator), perPod, stated (the declared count or null).
*/}}
{{- define "llm-d-modelservice.virtualGpus" -}}
{{- $vgpu := .root.Values.accelerator.vgpu -}}
{{- $facts := .facts -}}
{{- if ne $facts.type "nvidia" -}}
{{- fail (printf
  (print "accelerator.vgpu.enabled: %s divides NVIDIA GPUs, but the accelerator type of %s is %s; set the vendor's "
    "resources as engine.resources.limits")
  $vgpu.provider .role $facts.type) -}}
{{- end -}}
{{- if $facts.dra -}}
{{- fail "accelerator.vgpu.enabled: virtual GPUs come from a device plugin, but accelerator.dra is true; set dra: false" -}}
{{- end -}}
{{- $resources := .engine.resources | default dict -}}
{{- if and (eq $vgpu.provider "volcano") (hasKey (merge (dict) ($resources.limits | default dict) ($resources.requests | default dict)) "nvidia.com/gpu") -}}
{{- fail (printf
  (print "%s.containers[0].resources: it names nvidia.com/gpu, a whole GPU, but accelerator.vgpu asks for parts of one; "
    "remove it, the count follows parallelism")
  .role) -}}
{{- end -}}
{{- if and $vgpu.number (ne (int $vgpu.number) (int (kindIs "invalid" .stated | ternary .perPod .stated))) -}}
  {{- if kindIs "invalid" .stated -}}
  {{- fail (printf
    (print "accelerator.vgpu.number: %d, but a %s pod has %d ranks; set %s.parallelism.tensor: %d, or "
      "accelerator.count: %d if the difference is intended")
    (int $vgpu.number) .role (int .perPod) .role (int $vgpu.number) (int $vgpu.number)) -}}
  {{- end -}}
  {{- fail (printf
    "accelerator.vgpu.number: %d, but accelerator.count is %d; set it once"
    (int $vgpu.number) (int .stated)) -}}
{{- end -}}
{{- if gt (int $facts.count) 0 -}}
{{- $names := get (dict
  "hami" (dict "count" "nvidia.com/gpu" "memory" "nvidia.com/gpumem" "percentage" "nvidia.com/gpumem-percentage" "cores" "nvidia.com/gpucores")
  "volcano" (dict "count" "volcano.sh/vgpu-number" "memory" "volcano.sh/vgpu-memory" "percentage" "volcano.sh/vgpu-memory-percentage" "cores" "volcano.sh/vgpu-cores")
) $vgpu.provider -}}
{{- $_ := set $facts "resource" $names.count -}}
{{- if kindIs "string" $vgpu.memory -}}{{- $_ := set $facts.extra $names.percentage (trimSuffix "%" $vgpu.memory) -}}
{{- else if not (kindIs "invalid" $vgpu.memory) -}}{{- $_ := set $facts.extra $names.memory (toJson $vgpu.memory) -}}
{{- end -}}
{{- if not (kindIs "invalid" $vgpu.cores) -}}{{- $_ := set $facts.extra $names.cores (toJson $vgpu.cores) -}}{{- end -}}
{{- /* HAMi's webhook chooses its scheduler by itself. */ -}}
{{- if eq $vgpu.provider "volcano" -}}{{- $_ := set $facts "scheduler" "volcano" -}}{{- end -}}
{{- end -}}
{{- end -}}
