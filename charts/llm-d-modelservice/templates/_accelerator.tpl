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
{{- fail (printf "%s: no accelerator type %q; known are cpu, %s. For another vendor write accelerator.resources.%s: <its resource name>" $typeKey $type (keys $global.resources | sortAlpha | join ", ") $type) -}}
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

{{/*
Refuses accelerators in the engine's resources that contradict type, claims or parallelism. Input: root, role,
profile, engine, parallelism, facts, none (the type has no accelerators), stated (the count is declared).
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
  {{- if and (hasKey $known $name) (eq (toString $value) (index $limits $name | default (index $requests $name) | toString)) -}}{{- $key = printf "%s.resourceProfile" $.role -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- range $name, $value := merge (dict) $limits $requests -}}
  {{- if or (hasKey $known $name) (hasPrefix "nvidia.com/mig-" $name) -}}
    {{- if $facts.dra -}}
    {{- fail (printf "%s: it names %s, but accelerators of %s come from a resource claim (dra: true), and a pod would get both; remove it, the claim's count follows parallelism" $key $name $.role) -}}
    {{- end -}}
    {{- if ne $name $facts.resource -}}
    {{- fail (printf "%s: it names %s, but the accelerator type of %s is %s%s; write %s" $key $name $.role $facts.type (empty $facts.resource | ternary "" (printf " (%s)" $facts.resource)) (hasKey $known $name | ternary (printf "%s.accelerator.type: %s" $.role (index $known $name)) (printf "accelerator.resources.%s: %s" $facts.type $name))) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- $given := index $limits $facts.resource -}}
{{- if kindIs "invalid" $given -}}{{- $given = index $requests $facts.resource -}}{{- end -}}
{{- if and $facts.resource (not (kindIs "invalid" $given)) -}}
  {{- $custom := eq .engine.modelCommand "custom" -}}
  {{- $independent := index .root.Values.accelerator.independentCount $facts.type -}}
  {{- if and .stated (ne (toString $given) (toString $facts.count)) -}}
  {{- fail (printf "%s: %s is %s, but accelerator.count is %d; write the number once" $key $facts.resource (toString $given) (int $facts.count)) -}}
  {{- end -}}
  {{- if not (or .stated .none $independent (and $custom (or (not .parallelism.stated) (eq (toString $given) "0"))) (eq (toString $given) (toString $facts.count))) -}}
  {{- $p := .parallelism -}}
  {{- fail (printf "%s: %s is %s, but a pod has %d ranks (%s); write the parallelism of these accelerators, or %s.accelerator.count: %s if the difference is intended" $key $facts.resource (toString $given) (int $facts.count) ($p.spans | ternary (printf "tensor %d x pipeline %d over %d pods" (int $p.tensor) (int $p.pipeline) (int $p.workers)) (printf "tensor %d x pipeline %d x dataLocal %d" (int $p.tensor) (int $p.pipeline) (int $p.dataLocal))) .role (toString $given)) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/*
Resources of a container, as JSON: requests of extended resources equal their limits, as Kubernetes demands
(https://kubernetes.io/docs/tasks/configure-pod-container/extended-resource/). Input: resources, key, and for the
engine resource, count and extra, which fill in the accelerators where the user gave none.
*/}}
{{- define "llm-d-modelservice.resources" -}}
{{- $resources := deepCopy (.resources | default dict) -}}
{{- $limits := $resources.limits | default dict -}}
{{- $requests := $resources.requests | default dict -}}
{{- if and .resource .count (not (hasKey $limits .resource)) (not (hasKey $requests .resource)) -}}
{{- $_ := set $limits .resource (toString .count) -}}
{{- end -}}
{{- range $name, $value := .extra -}}
  {{- if not (or (hasKey $limits $name) (hasKey $requests $name)) -}}{{- $_ := set $limits $name $value -}}{{- end -}}
{{- end -}}
{{- range $name, $value := merge (dict) $limits $requests -}}
  {{- if contains "/" $name -}}
    {{- if and (hasKey $limits $name) (hasKey $requests $name) (ne (toString (index $limits $name)) (toString (index $requests $name))) -}}
    {{- fail (printf "%s: limits.%s is %s but requests.%s is %s; Kubernetes demands that they are equal, write it once" $.key $name (toString (index $limits $name)) $name (toString (index $requests $name))) -}}
    {{- end -}}
    {{- $_ := set $limits $name (toString $value) -}}
    {{- $_ := set $requests $name (toString $value) -}}
  {{- end -}}
{{- end -}}
{{- $out := dict -}}
{{- if $limits -}}{{- $_ := set $out "limits" $limits -}}{{- end -}}
{{- if $requests -}}{{- $_ := set $out "requests" $requests -}}{{- end -}}
{{- if $resources.claims -}}{{- $_ := set $out "claims" $resources.claims -}}{{- end -}}
{{- $out | toJson -}}
{{- end -}}

{{/*
Names of a role's accelerator claim, as JSON. Input: root, role, type. Output:
  claim     name inside the pod
  template  name of the ResourceClaimTemplate; it carries the release, so two releases do not collide
*/}}
{{- define "llm-d-modelservice.claimNames" -}}
{{- $entry := index .root.Values.accelerator.resourceClaimTemplates .type | default dict -}}
{{- $base := $entry.name | default (printf "%s-claim-template" .type) -}}
{{- dict
  "claim" (printf "%s-%s-claim" (trimSuffix "-claim-template" $base) .role)
  "template" (printf "%s-%s-%s" (include "llm-d-modelservice.fullname" .root) $base .role)
| toJson -}}
{{- end -}}

{{/*
All resource claims of a role's pods, as JSON {claims, names}. Input: root, facts.
claims is the pod's list, names what the engine container refers to.
*/}}
{{- define "llm-d-modelservice.claims" -}}
{{- $claims := list -}}
{{- $role := index .root.Values .facts.role -}}
{{- if .facts.accelerator.dra -}}
  {{- $names := include "llm-d-modelservice.claimNames" (dict "root" .root "role" .facts.role "type" .facts.accelerator.type) | fromJson -}}
  {{- $claims = append $claims (dict "name" $names.claim "resourceClaimTemplateName" $names.template) -}}
{{- end -}}
{{- $seen := dict -}}
{{- range $i, $claim := $role.resourceClaims -}}
  {{- $key := printf "%s.resourceClaims[%d]" $.facts.role $i -}}
  {{- if and $claim.resourceClaimName $claim.resourceClaimTemplateName -}}
  {{- fail (printf "%s: resourceClaimName and resourceClaimTemplateName exclude each other; keep one" $key) -}}
  {{- end -}}
  {{- if not (or $claim.resourceClaimName $claim.resourceClaimTemplateName) -}}
  {{- fail (printf "%s: write the existing resourceClaimTemplateName (a claim for each pod) or resourceClaimName (one claim for all)" $key) -}}
  {{- end -}}
  {{- if hasKey $seen $claim.name -}}{{- fail (printf "%s.name: %s is given twice" $key $claim.name) -}}{{- end -}}
  {{- $_ := set $seen $claim.name true -}}
  {{- $claims = append $claims (pick $claim "name" (empty $claim.resourceClaimName | ternary "resourceClaimTemplateName" "resourceClaimName")) -}}
{{- end -}}
{{- $names := list -}}
{{- range $claims -}}{{- $names = append $names (dict "name" .name) -}}{{- end -}}
{{- dict "claims" $claims "names" $names | toJson -}}
{{- end -}}
