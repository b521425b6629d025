{{/*
Routing objects that contradict each other.
*/}}

{{/* Rejects contradictory routing objects; prints nothing. Input: the root context. */}}
{{- define "llm-d-modelservice.checkRouting" -}}
{{- $routing := .Values.routing -}}
{{- $pool := $routing.inferencePool -}}
{{- $route := $routing.httpRoute -}}
{{- $epp := $routing.epp -}}
{{- include "llm-d-modelservice.checkItems" (dict
  "routing.parentRefs" $routing.parentRefs "routing.proxy.parentRefs" $routing.proxy.parentRefs
  "routing.httpRoute.parentRefs" $route.parentRefs "routing.httpRoute.matches" $route.matches
  "routing.httpRoute.rules" $route.rules "routing.epp.service.extraPorts" $epp.service.extraPorts
  "routing.epp.extraContainerPorts" $epp.extraContainerPorts "routing.epp.env" $epp.env) -}}
{{- with $routing.inferenceModel -}}
  {{- if ne (toString .create) "false" -}}
  {{- $priority := index (dict "Critical" "1" "Sheddable" "-1") (.criticality | default "Standard") | default "0" -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    (print "routing.inferenceModel: Gateway API Inference Extension replaced InferenceModel by InferenceObjective; set "
      "routing.inferenceObjective: {create: true, priority: %s} (Critical is 1, Standard 0, Sheddable -1) and "
      "routing.inferenceModel.create: false")
    $priority)
    (dict (eq (toString .create) "true" | ternary "certain" "offered") (list
      (dict "set" "routing.inferenceObjective.create" "value" true) (dict
      "set" "routing.inferenceObjective.priority" "value" (int $priority)) (dict "remove" "routing.inferenceModel")))) -}}
  {{- end -}}
{{- end -}}
{{- $anyPool := or $pool.create $pool.name -}}
{{- $fix := "set routing.inferencePool.create: true, or the name of an existing pool as routing.inferencePool.name" -}}
{{- if and $epp.create (not $anyPool) -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf "routing.epp.create: an endpoint picker belongs to an InferencePool, but there is none; %s" $fix)
  (dict "offered" (list (dict "set" "routing.inferencePool.create" "value" true)))) -}}
{{- end -}}
{{- if and $routing.inferenceObjective.create (not $anyPool) -}}
{{- include "llm-d-modelservice.refuse" (list $
  (printf "routing.inferenceObjective.create: an objective belongs to an InferencePool, but there is none; %s" $fix)
  (dict "offered" (list (dict "set" "routing.inferencePool.create" "value" true)))) -}}
{{- end -}}
{{- if $pool.create -}}
  {{- if and $epp.create $pool.endpointPickerRef -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "routing.inferencePool.endpointPickerRef: the pool would ask %s, but routing.epp.create creates a picker; remove one of them"
    $pool.endpointPickerRef.name)
    (dict "offered" (list (dict "remove" "routing.inferencePool.endpointPickerRef")))) -}}
  {{- end -}}
  {{- if not (or $epp.create $pool.endpointPickerRef) -}}
  {{- include "llm-d-modelservice.refuse" (list $ (print
    "routing.inferencePool.create: a pool needs an endpoint picker; set routing.epp.create: true, or the Service of an "
    "existing one as routing.inferencePool.endpointPickerRef.name")
    (dict "offered" (list (dict "set" "routing.epp.create" "value" true)))) -}}
  {{- end -}}
{{- end -}}
{{- if $route.create -}}
  {{- $parents := include "llm-d-modelservice.parentRefs" . | fromJson -}}
  {{- if not $parents.refs -}}
  {{- include "llm-d-modelservice.refuse" (list $ "routing.httpRoute.create: a route needs a Gateway; set routing.parentRefs: [{name: <gateway>}]") -}}
  {{- end -}}
  {{- range $i, $parent := $parents.refs -}}
    {{- if not $parent.name -}}
    {{- include "llm-d-modelservice.refuse" (list $ (printf "%s[%d].name: the API server rejects a route without a Gateway's name; set it" $parents.key $i)) -}}
    {{- end -}}
  {{- end -}}
  {{- $needed := not $route.rules -}}
  {{- range $route.rules -}}{{- if not .backendRefs -}}{{- $needed = true -}}{{- end -}}{{- end -}}
  {{- if and $needed (not $anyPool) -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf "routing.httpRoute.create: there is no InferencePool to send requests to; %s" $fix)
    (dict "offered" (list (dict "set" "routing.inferencePool.create" "value" true)))) -}}
  {{- end -}}
  {{- $short := list -}}
  {{- if $route.modelHeader -}}{{- $short = append $short "modelHeader" -}}{{- end -}}
  {{- if ne ($route.pathPrefix | default "/") "/" -}}{{- $short = append $short "pathPrefix" -}}{{- end -}}
  {{- if and $route.rules $route.matches -}}{{- $short = append $short "matches" -}}{{- end -}}
  {{- if and $short (or $route.rules $route.matches) -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "routing.httpRoute.%s: %s are complete conditions, so it has no effect; remove one of them"
    (first $short) (empty $route.rules | ternary "matches" "rules"))
    (dict "offered" (list (dict "remove" (printf "routing.httpRoute.%s" (first $short)))))) -}}
  {{- end -}}
{{- end -}}
{{- $balancing := $routing.loadBalancing -}}
{{- if and $balancing.strategy (not $epp.create) -}}
{{- include "llm-d-modelservice.refuse" (list $ (print
  "routing.loadBalancing.strategy: it configures this chart's endpoint picker, but there is none; set "
  "routing.epp.create: true, or configure the picker where it is installed")
  (dict "offered" (list (dict "set" "routing.epp.create" "value" true)))) -}}
{{- end -}}
{{- if and $balancing.prefixHash.prefixCharLength (ne (toString $balancing.strategy) "PrefixHash") -}}
{{- include "llm-d-modelservice.refuse" (list $
  "routing.loadBalancing.prefixHash: it belongs to another strategy; set routing.loadBalancing.strategy: PrefixHash"
  (dict (empty $balancing.strategy | ternary "certain" "offered") (list (dict
    "set" "routing.loadBalancing.strategy" "value" "PrefixHash")))) -}}
{{- end -}}
{{- if $epp.create -}}{{- include "llm-d-modelservice.checkPicker" . -}}{{- end -}}
{{- if $routing.revisionGating.enabled -}}{{- include "llm-d-modelservice.checkRevisionGating" . -}}{{- end -}}
{{- end -}}

{{/* Rejects revision gating that cannot work; prints nothing. Input: the root context. */}}
{{- define "llm-d-modelservice.checkRevisionGating" -}}
{{- $known := .Known.endpointPicker.rolloutScreener -}}
{{- if not (include "llm-d-modelservice.disaggregated" .) -}}
{{- include "llm-d-modelservice.refuse" (list $
  "routing.revisionGating.enabled: revisions keep prefill and decode pods apart that cannot hand over, but there is only one role; remove it") -}}
{{- end -}}
{{- if .Values.requester.enable -}}
{{- include "llm-d-modelservice.refuse" (list $
  "routing.revisionGating.enabled: the pods of dual pods are made by their controller (requester.enable), so they have no revision; remove one of them") -}}
{{- end -}}
{{- if include "llm-d-modelservice.screens" . -}}
  {{- include "llm-d-modelservice.picker" . -}}
  {{- $minor := .Picker.version | splitList "." | initial | join "." -}}
  {{- if or (not .Picker.llmd) (semverCompare (printf "<%s.0-0" $known.since) .Picker.version) -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    (print "routing.revisionGating.enabled: %s has no plugin that keeps a request within one revision (llm-d's picker has it since %s); "
      "set a newer routing.epp.image, e.g. %s, or routing.revisionGating.screener: false")
    .Values.routing.epp.image $known.since .Known.endpointPicker.example)) -}}
  {{- else if semverCompare (printf ">%s.x" $known.read) .Picker.version -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    (print "routing.revisionGating.enabled: the parameters of %s in version %s of the picker are not known, and it exits on a wrong one; "
      "set an image of %s, or routing.revisionGating.screener: false and the plugin in routing.epp.pluginsConfig")
    $known.plugin $minor $known.read)) -}}
  {{- end -}}
{{- end -}}
{{- end -}}
