{{/*
Accelerators that contradict each other.
*/}}

{{/*
Rejects accelerators in the engine's resources that contradict type, claims or parallelism; prints nothing. Input: root,
role, profile, engine, parallelism, facts, none (the type has no accelerators), stated (the declared count or null).
*/}}
{{- define "llm-d-modelservice.checkAcceleratorLimits" -}}
{{- $facts := .facts -}}
{{- $resources := .engine.resources | default dict -}}
{{- $limits := $resources.limits | default dict -}}
{{- $requests := $resources.requests | default dict -}}
{{- $role := index .root.Values .role -}}
{{- $key := printf "%s.containers[0].resources" .role -}}
{{- if not (first (append ($role.containers | default list) dict)).resources -}}
  {{- if $role.engine.resources -}}{{- $key = printf "%s.engine.resources" .role -}}
  {{- else if .root.Values.engine.resources -}}{{- $key = "engine.resources" -}}{{- end -}}
{{- end -}}
{{- $known := dict -}}
{{- range $type, $resource := .root.Values.accelerator.resources -}}{{- $_ := set $known $resource $type -}}{{- end -}}
{{- with .profile.resources -}}
{{- range $name, $value := merge (dict) (.limits | default dict) (.requests | default dict) -}}
  {{- $same := eq (toString $value) (index $limits $name | default (index $requests $name) | toString) -}}
  {{- if and $same (hasKey $known $name) -}}{{- $key = printf "%s.resourceProfile" $.role -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- range $name, $value := merge (dict) $limits $requests -}}
  {{- $accelerators := hasKey $known $name -}}
  {{- if and (contains "/" $name) (not $accelerators) -}}
  {{- range $.root.Known.accelerators -}}
    {{- range .moreResources -}}{{- if regexMatch . $name -}}{{- $accelerators = true -}}{{- end -}}{{- end -}}
  {{- end -}}
  {{- end -}}
  {{- if $accelerators -}}
    {{- if $facts.dra -}}
    {{- include "llm-d-modelservice.refuse" (list $ (printf
      (print "%s: it names %s, but accelerators of %s come from a resource claim (dra: true), and a pod would get both; "
        "remove it, the claim's count follows parallelism")
      $key $name $.role)) -}}
    {{- end -}}
    {{- if ne $name $facts.resource -}}
    {{- $resource := empty $facts.resource | ternary "" (printf " (%s)" $facts.resource) -}}
    {{- $fix := printf "accelerator.resources.%s: %s" $facts.type $name -}}
    {{- if hasKey $known $name -}}{{- $fix = printf "%s.accelerator.type: %s" $.role (index $known $name) -}}{{- end -}}
    {{- include "llm-d-modelservice.refuse" (list $
      (printf "%s: it names %s, but the accelerator type of %s is %s%s; set %s" $key $name $.role $facts.type $resource $fix)) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- $given := index $limits $facts.resource -}}
{{- if kindIs "invalid" $given -}}{{- $given = index $requests $facts.resource -}}{{- end -}}
{{- if and $facts.resource (not (kindIs "invalid" $given)) -}}
  {{- $custom := eq .engine.modelCommand "custom" -}}
  {{- $independent := index .root.Values.accelerator.independentCount $facts.type -}}
  {{- $stated := not (kindIs "invalid" .stated) -}}
  {{- $equal := eq (toString $given) (toString $facts.count) -}}
  {{- if and $stated (not $equal) -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "%s: %s is %s, but accelerator.count is %d; set it once"
    $key $facts.resource (toString $given) (int $facts.count))) -}}
  {{- end -}}
  {{- $own := and $custom (or (not .parallelism.stated) (eq (toString $given) "0")) -}}
  {{- if not (or $stated .none $independent $own $equal) -}}
  {{- $p := .parallelism -}}
  {{- $sizes := printf "tensor %d x pipeline %d x dataLocal %d" (int $p.tensor) (int $p.pipeline) (int $p.dataLocal) -}}
  {{- if $p.spans -}}
  {{- $sizes = printf "tensor %d x pipeline %d over %d pods" (int $p.tensor) (int $p.pipeline) (int $p.workers) -}}
  {{- end -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    (print "%s: %s is %s, but a pod has %d ranks (%s); set the parallelism of these accelerators, or "
      "%s.accelerator.count: %s if the difference is intended")
    $key $facts.resource (toString $given) (int $facts.count) $sizes .role (toString $given))) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* Rejects claims that the pod does not have; prints nothing. Input: used, known, key, role. */}}
{{- define "llm-d-modelservice.checkClaims" -}}
{{- $names := list -}}
{{- range .known -}}{{- $names = append $names .name -}}{{- end -}}
{{- range .used -}}
  {{- if not (has .name $names) -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "%s.resources.claims: the pod has no claim %s; add it to %s.resourceClaims%s"
    $.key .name $.role (empty $names | ternary "" (printf " (there are %s)" (join ", " $names))))) -}}
  {{- end -}}
{{- end -}}
{{- end -}}
