{{/*
What a DisaggregatedSet cannot say.
https://github.com/kubernetes-sigs/lws/blob/v0.9.0/pkg/webhooks/disaggregatedset/disaggregatedset_webhook.go
*/}}

{{/*
Rejects what a DisaggregatedSet cannot say, and its settings without one; prints nothing. Input: the root context.
*/}}
{{- define "llm-d-modelservice.checkSet" -}}
{{- $values := .Values -}}
{{- $settings := include "llm-d-modelservice.setSettings" . | fromJson -}}
{{- $policy := $settings.placementPolicy | default dict -}}
{{- $placed := ne ($policy.type | default "None") "None" -}}
{{- if not (include "llm-d-modelservice.isSet" .) -}}
  {{- range $name, $value := $settings -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "disaggregatedSet.%s: only a DisaggregatedSet has it; set workload: DisaggregatedSet, or remove it"
    $name)) -}}
  {{- end -}}
{{- else -}}
  {{- if not (and $values.decode.create $values.prefill.create) -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "workload: a DisaggregatedSet has at least two roles, but %s.create is false; set it to true, or remove workload"
    ($values.decode.create | ternary "prefill" "decode"))) -}}
  {{- end -}}
  {{- $least := include "llm-d-modelservice.leastSetReplicas" . | fromJson -}}
  {{- if and $least.none $least.some -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    (print "%s.replicas: it is 0, but a DisaggregatedSet has pods of all roles or of none; set at least 1, or workload: null "
      "for a workload for each role")
    (first $least.none))) -}}
  {{- end -}}
  {{- if and $placed (not $policy.topology) -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "disaggregatedSet.placementPolicy.topology: %s needs the label key of nodes whose value is the domain; set it, e.g. kubernetes.io/hostname"
    $policy.type)) -}}
  {{- end -}}
  {{- if and $policy.topology (not $placed) -}}
  {{- include "llm-d-modelservice.refuse" (list $ (print
    "disaggregatedSet.placementPolicy.type: without it topology has no effect; set ExclusiveSlice or ExclusiveTopology, or "
    "remove topology")) -}}
  {{- end -}}
  {{- include "llm-d-modelservice.checkSetVersion" . -}}
  {{- include "llm-d-modelservice.checkSetName" . -}}
  {{- range $name := list "decode" "prefill" -}}
    {{- include "llm-d-modelservice.checkSetRole" (dict "root" $ "role" $name "placed" $placed) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/*
Roles of a DisaggregatedSet without replicas and with some, as JSON {none, some}; those that an autoscaler owns are in
neither. Input: the root context.
*/}}
{{- define "llm-d-modelservice.leastSetReplicas" -}}
{{- $none := list -}}
{{- $some := list -}}
{{- range $name := list "decode" "prefill" -}}
  {{- $replicas := include "llm-d-modelservice.replicas" (dict "root" $ "role" $name) -}}
  {{- if eq $replicas "0" -}}{{- $none = append $none $name -}}{{- else if $replicas -}}{{- $some = append $some $name -}}{{- end -}}
{{- end -}}
{{- dict "none" $none "some" $some | toJson -}}
{{- end -}}

{{/*
Rejects what the LeaderWorkerSet of the cluster is too old for; prints nothing. Input: the root context. Without a cluster
nothing is known of it: then there is no DisaggregatedSet among its APIs either.
*/}}
{{- define "llm-d-modelservice.checkSetVersion" -}}
{{- $known := .Known.disaggregatedSet -}}
{{- $apis := .Capabilities.APIVersions -}}
{{- $old := and ($apis.Has (printf "%s/%s" $known.api $known.kind)) (not ($apis.Has (printf "%s/%s" $known.api $known.scaler))) -}}
{{- if $old -}}
  {{- $used := list -}}
  {{- range $name, $value := include "llm-d-modelservice.setSettings" . | fromJson -}}
  {{- $used = append $used (printf "disaggregatedSet.%s" $name) -}}
  {{- end -}}
  {{- range $name := list "decode" "prefill" -}}
    {{- if (index $.Values $name).autoscaling.enabled -}}{{- $used = append $used (printf "%s.autoscaling.enabled" $name) -}}{{- end -}}
  {{- end -}}
  {{- range $used -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "%s: with a DisaggregatedSet it needs LeaderWorkerSet %s, but that of this cluster is older; update it, or remove %s"
    . $known.scalerSince .)) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* Rejects what a role of a DisaggregatedSet cannot say; prints nothing. Input: root, role, placed (by the set). */}}
{{- define "llm-d-modelservice.checkSetRole" -}}
{{- $role := index .root.Values .role -}}
{{- if kindIs "bool" $role.multinode -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf
  "%s.multinode: the roles of a DisaggregatedSet are groups, of one pod without %s.parallelism.workers; remove it"
  .role .role)) -}}
{{- end -}}
{{- if (($role.rolloutStrategy).rollingUpdateConfiguration).partition -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf
  (print "%s.rolloutStrategy.rollingUpdateConfiguration.partition: a DisaggregatedSet updates all roles together, and its "
    "webhook rejects it; remove it")
  .role)) -}}
{{- end -}}
{{- if and $role.autoscaling.enabled (gt (int .root.Values.disaggregatedSet.slices) 1) -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf
  "%s.autoscaling.enabled: a DisaggregatedSet with several slices takes no autoscaler; set disaggregatedSet.slices: 1, or remove it"
  .role)) -}}
{{- end -}}
{{- if and .placed (ne (include "llm-d-modelservice.topologyAnnotations" $role) "{}") -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf
  (print "%s.subGroupExclusiveTopology: disaggregatedSet.placementPolicy places the pods of all roles, and the webhook "
    "rejects both; remove one of them")
  .role)) -}}
{{- end -}}
{{- $labels := dict (printf "%s.podLabels" .role) $role.podLabels "modelArtifacts.labels" .root.Values.modelArtifacts.labels -}}
{{- range $key, $given := $labels -}}
  {{- range $label := $.root.Known.disaggregatedSet.ownLabels -}}
    {{- if hasKey ($given | default dict) $label -}}
    {{- include "llm-d-modelservice.refuse" (list $ (printf
      "%s: the controller of a DisaggregatedSet sets the label %s of its pods, so a pool would not find this one; choose another"
      $key $label)) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/*
Rejects a name of which what the controllers make of it would be too long; prints nothing. Input: the root context.
LeaderWorkerSets are named <set>-<slice>-<8 characters of revision>-<role>, and a label of their pods carries that name,
the group and 10 characters of hash, all at most 63 characters. A Service has the name of the LeaderWorkerSet (DNS-1035).
*/}}
{{- define "llm-d-modelservice.checkSetName" -}}
{{- $name := include "llm-d-modelservice.fullname" . -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf
  (print "fullnameOverride: the DisaggregatedSet would be named %s, but its name must begin with a letter (DNS-1035), because "
    "Services are named after it; choose another release name or set fullnameOverride")
  $name)) -}}
{{- end -}}
{{- $slices := max 1 (int .Values.disaggregatedSet.slices) -}}
{{- $digits := sub $slices 1 | toString | len -}}
{{- $room := 63 -}}
{{- range $role := list "decode" "prefill" -}}
  {{- /* Slice and revision with a dash between and on both sides, and the role. */ -}}
  {{- $added := add $.Known.disaggregatedSet.revisionLength 3 $digits (len $role) -}}
  {{- $room = min $room (sub (include "llm-d-modelservice.longestGroupName" (dict "values" (index $.Values $role))) $added) | int -}}
{{- end -}}
{{- if gt (len $name) $room -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf
  (print "fullnameOverride: the DisaggregatedSet would be named %s (%d characters), but pod labels made of it, of its revision "
    "and of its roles leave room for %d; choose a shorter release name or set fullnameOverride")
  $name (len $name) $room)) -}}
{{- end -}}
{{- end -}}
