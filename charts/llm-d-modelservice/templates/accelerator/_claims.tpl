{{/*
Dynamic Resource Allocation: the device claim of a role's pods.
https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
*/}}

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
  {{- include "llm-d-modelservice.stop" (list $ (printf "%s: resourceClaimName and resourceClaimTemplateName exclude each other; keep one" $key)) -}}
  {{- end -}}
  {{- if not (or $claim.resourceClaimName $claim.resourceClaimTemplateName) -}}
  {{- include "llm-d-modelservice.stop" (list $
    (printf "%s: set an existing resourceClaimTemplateName (a claim for each pod) or resourceClaimName (one for all)" $key)) -}}
  {{- end -}}
  {{- if hasKey $seen $claim.name -}}{{- include "llm-d-modelservice.stop" (list $ (printf "%s.name: %s is given twice" $key $claim.name)) -}}{{- end -}}
  {{- $_ := set $seen $claim.name true -}}
  {{- $claims = append $claims (pick $claim "name" (empty $claim.resourceClaimName | ternary "resourceClaimTemplateName" "resourceClaimName")) -}}
{{- end -}}
{{- $names := list -}}
{{- range $claims -}}{{- $names = append $names (dict "name" .name) -}}{{- end -}}
{{- dict "claims" $claims "names" $names | toJson -}}
{{- end -}}

{{/* The devices of a claim {requests, constraints, config}, as JSON. Input: root, facts. */}}
{{- define "llm-d-modelservice.deviceClaim" -}}
{{- $type := .facts.accelerator.type -}}
{{- $key := printf "accelerator.resourceClaimTemplates.%s" $type -}}
{{- if not (hasKey .root.Values.accelerator.resourceClaimTemplates $type) -}}
{{- include "llm-d-modelservice.stop" (list $
  (printf "%s: dra is true for %s, but the devices of %s are not known; set %s.class: <DeviceClass>" $key .facts.role $type $key)) -}}
{{- end -}}
{{- $entry := index .root.Values.accelerator.resourceClaimTemplates $type -}}
{{- $count := int ($entry.count | default .facts.accelerator.count) -}}
{{- $request := dict "name" $type -}}
{{- if or (eq ($entry.match | default "") "firstAvailable") $entry.firstAvailable -}}
  {{- $choices := $entry.firstAvailable | default (list (set (pick $entry "class" "allocationMode" "selectors" "tolerations") "name" $type)) -}}
  {{- if and $entry.firstAvailable (eq ($entry.match | default "firstAvailable") "exactly") -}}
  {{- include "llm-d-modelservice.stop" (list $ (printf
    "%s.match: exactly takes one request, but firstAvailable lists choices; set match: firstAvailable"
    $key)
    (dict "certain" (list (dict "set" (printf "%s.match" $key) "value" "firstAvailable")))) -}}
  {{- end -}}
  {{- if $entry.adminAccess -}}{{- include "llm-d-modelservice.stop" (list $
    (printf "%s.adminAccess: a firstAvailable request cannot have it" $key)
    (dict "offered" (list (dict "remove" (printf "%s.adminAccess" $key))))) -}}{{- end -}}
  {{- $out := list -}}
  {{- range $i, $choice := $choices -}}
  {{- $input := dict "request" $choice "count" $count "key" (printf "%s.firstAvailable[%d]" $key $i) -}}
  {{- $out = append $out (set (include "llm-d-modelservice.deviceRequest" $input | fromJson) "name" $choice.name) -}}
  {{- end -}}
  {{- $_ := set $request "firstAvailable" $out -}}
{{- else -}}
  {{- $_ := set $request "exactly" (include "llm-d-modelservice.deviceRequest" (dict "request" $entry "count" $count "key" $key) | fromJson) -}}
{{- end -}}
{{- $requests := list $request -}}
{{- range $name, $more := $entry.requests -}}
  {{- if eq $name $type -}}{{- include "llm-d-modelservice.stop" (list $
    (printf "%s.requests.%s: the accelerator's own request has this name; choose another" $key $name)) -}}{{- end -}}
  {{- $input := dict "request" $more "count" 1 "key" (printf "%s.requests.%s" $key $name) -}}
  {{- $requests = append $requests (dict "name" $name "exactly" (include "llm-d-modelservice.deviceRequest" $input | fromJson)) -}}
{{- end -}}
{{- $devices := dict "requests" $requests -}}
{{- with $entry.constraints -}}{{- $_ := set $devices "constraints" . -}}{{- end -}}
{{- with $entry.config -}}{{- $_ := set $devices "config" . -}}{{- end -}}
{{- include "llm-d-modelservice.prune" $devices -}}
{{- $devices | toJson -}}
{{- end -}}

{{/*
One device request without its name, as JSON. Input: request (values), count (when the request has none), key.
*/}}
{{- define "llm-d-modelservice.deviceRequest" -}}
{{- $request := .request -}}
{{- if not $request.class -}}{{- include "llm-d-modelservice.stop" (list $ (printf "%s.class: set the DeviceClass of the devices" .key)) -}}{{- end -}}
{{- $out := dict "deviceClassName" $request.class -}}
{{- if eq ($request.allocationMode | default "") "All" -}}
  {{- if $request.count -}}{{- include "llm-d-modelservice.stop" (list $
    (printf "%s.count: allocationMode All takes every matching device; remove the count" .key)
    (dict "offered" (list (dict "remove" (printf "%s.count" .key))))) -}}{{- end -}}
  {{- $_ := set $out "allocationMode" "All" -}}
{{- else -}}
  {{- $count := int ($request.count | default .count) -}}
  {{- if gt $count 32 -}}
  {{- include "llm-d-modelservice.stop" (list $ (printf
    "%s: a pod needs %d devices, but a claim holds at most 32; spread the ranks over more workers"
    .key $count)) -}}
  {{- end -}}
  {{- $_ := set $out "count" $count -}}
  {{- with $request.allocationMode -}}{{- $_ := set $out "allocationMode" . -}}{{- end -}}
{{- end -}}
{{- range $field := list "selectors" "tolerations" "adminAccess" -}}
  {{- with index $request $field -}}{{- $_ := set $out $field . -}}{{- end -}}
{{- end -}}
{{- $out | toJson -}}
{{- end -}}
