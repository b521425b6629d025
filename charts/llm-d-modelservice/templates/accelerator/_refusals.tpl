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
    {{- $set := dict "set" (printf "accelerator.resources.%s" $facts.type) "value" $name -}}
    {{- if hasKey $known $name -}}{{- $set = dict "set" (printf "%s.accelerator.type" $.role) "value" (index $known $name) -}}{{- end -}}
    {{- /* A type that nobody stated is the default one. */ -}}
    {{- $stated := or $role.accelerator.type (ne $facts.type $.root.Known.defaults.accelerator.type) -}}
    {{- $cure := dict (or $stated (not (hasKey $known $name)) | ternary "offered" "certain") (list $set) -}}
    {{- include "llm-d-modelservice.refuse" (list $
      (printf "%s: it names %s, but the accelerator type of %s is %s%s; set %s: %s"
        $key $name $.role $facts.type $resource (index $set "set") (index $set "value"))
      $cure) -}}
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
    $key $facts.resource (toString $given) (int $facts.count) $sizes .role (toString $given))
    (dict "offered" (list (dict "set" (printf "%s.accelerator.count" .role) "value" (int $given))))) -}}
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
