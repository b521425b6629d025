{{/*
Pods of a role.
*/}}

{{/*
A pod template {metadata, spec}, as JSON. Input: root, facts, worker (a pod of the group that does not serve).
*/}}
{{- define "llm-d-modelservice.podTemplate" -}}
{{- $role := index .root.Values .facts.role -}}
{{- $metadata := dict "labels" (include "llm-d-modelservice.podLabels" (dict "root" .root "role" .facts.role "serves" (not .worker)) | fromJson) -}}
{{- $annotations := merge (dict) ($role.podAnnotations | default dict) -}}
{{- if not .worker -}}
{{- with include "llm-d-modelservice.activePorts" . -}}
{{- $annotations = merge $annotations (dict "inference.networking.k8s.io/active-ports" .) -}}
{{- end -}}
{{- end -}}
{{- if .facts.grouped -}}
{{- $annotations = merge $annotations (include "llm-d-modelservice.topologyAnnotations" $role | fromJson) -}}
{{- end -}}
{{- if .root.Values.files -}}
{{- /* Mounted files do not change under a running container; a changed annotation makes new pods. */ -}}
{{- $annotations = merge (dict "checksum/files" (include "llm-d-modelservice.files" .root | sha256sum)) $annotations -}}
{{- end -}}
{{- if $annotations -}}{{- $_ := set $metadata "annotations" $annotations -}}{{- end -}}
{{- dict "metadata" $metadata "spec" (include "llm-d-modelservice.podSpec" . | fromJson) | toJson -}}
{{- end -}}

{{/*
Annotations that give each subgroup of a LeaderWorkerSet its own topology domain, as JSON. Input: the role's
values. https://lws.sigs.k8s.io/docs/examples/subgroups/
*/}}
{{- define "llm-d-modelservice.topologyAnnotations" -}}
{{- $topology := .subGroupExclusiveTopology | default .subGroupExclusiveToplogy -}}
{{- if $topology -}}
{{- $domain := kindIs "string" $topology | ternary $topology "kubernetes.io/hostname" -}}
{{- dict "leaderworkerset.sigs.k8s.io/subgroup-exclusive-topology" $domain | toJson -}}
{{- else -}}
{}
{{- end -}}
{{- end -}}

{{/* The pod spec, as JSON. Input as podTemplate. */}}
{{- define "llm-d-modelservice.podSpec" -}}
{{- $values := .root.Values -}}
{{- $facts := .facts -}}
{{- $role := index $values $facts.role -}}
{{- $extra := dict -}}
{{- if $role.extraConfig -}}
{{- $input := dict "root" .root "value" $role.extraConfig "key" (printf "%s.extraConfig" $facts.role) -}}
{{- $extra = (include "llm-d-modelservice.rendered" $input | fromJson).value -}}
{{- end -}}
{{- $containers := include "llm-d-modelservice.containers" . | fromJsonArray -}}
{{- $spec := dict "serviceAccountName" (include "llm-d-modelservice.serviceAccountName" .root) "containers" $containers -}}

{{- $initContainers := $facts.model.initContainers -}}
{{- if and $facts.proxy (not .worker) -}}
{{- $initContainers = append $initContainers (include "llm-d-modelservice.proxy" (dict "root" .root "facts" $facts) | fromJson) -}}
{{- end -}}
{{- range $role.initContainers -}}
{{- $container := deepCopy . -}}
{{- with .image -}}{{- $_ := set $container "image" (include "llm-d-modelservice.image" (dict "root" $.root "image" .)) -}}{{- end -}}
{{- $initContainers = append $initContainers $container -}}
{{- end -}}
{{- if $initContainers -}}{{- $_ := set $spec "initContainers" $initContainers -}}{{- end -}}

{{- $volumes := include "llm-d-modelservice.volumes" (dict "root" .root "facts" $facts "containers" $containers) | fromJsonArray -}}
{{- if $volumes -}}{{- $_ := set $spec "volumes" $volumes -}}{{- end -}}
{{- $claims := (include "llm-d-modelservice.claims" (dict "root" .root "facts" $facts) | fromJson).claims -}}
{{- if $claims -}}{{- $_ := set $spec "resourceClaims" $claims -}}{{- end -}}

{{- $profile := $facts.profile -}}
{{- $affinity := deepCopy ($profile.affinity | default dict) -}}
{{- include "llm-d-modelservice.merge" (dict "into" $affinity "from" ($role.affinity | default dict)) -}}
{{- include "llm-d-modelservice.merge" (dict "into" $affinity "from" ($extra.affinity | default dict)) -}}
{{- include "llm-d-modelservice.requireAcceleratorTypes" (dict "affinity" $affinity "types" $role.acceleratorTypes) -}}
{{- if $affinity -}}{{- $_ := set $spec "affinity" $affinity -}}{{- end -}}

{{- with merge (dict) ($role.nodeSelector | default dict) ($profile.nodeSelector | default dict) -}}
{{- $_ := set $spec "nodeSelector" . -}}
{{- end -}}
{{- with concat ($profile.tolerations | default list) ($role.tolerations | default list) -}}
{{- $_ := set $spec "tolerations" . -}}
{{- end -}}
{{- with $role.runtimeClassName | default $profile.runtimeClassName -}}{{- $_ := set $spec "runtimeClassName" . -}}{{- end -}}
{{- if and $role.topologySpreadConstraints (not .worker) -}}
{{- $constraints := include "llm-d-modelservice.topologySpread" (dict "root" .root "role" $facts.role) | fromJsonArray -}}
{{- $_ := set $spec "topologySpreadConstraints" $constraints -}}
{{- end -}}
{{- if kindIs "bool" $values.serviceAccount.automountServiceAccountToken -}}
{{- $_ := set $spec "automountServiceAccountToken" $values.serviceAccount.automountServiceAccountToken -}}
{{- end -}}
{{- range $field := list "hostIPC" "hostPID" "enableServiceLinks" "terminationGracePeriodSeconds" -}}
  {{- if not (kindIs "invalid" (index $role $field)) -}}{{- $_ := set $spec $field (index $role $field) -}}{{- end -}}
{{- end -}}
{{- with $role.schedulerName | default $values.schedulerName | default $profile.schedulerName | default $facts.accelerator.scheduler -}}
{{- $_ := set $spec "schedulerName" . -}}
{{- end -}}
{{- with $role.priorityClassName | default $profile.priorityClassName -}}
  {{- if ne (lower .) "none" -}}{{- $_ := set $spec "priorityClassName" . -}}{{- end -}}
{{- end -}}
{{- with $role.podSecurityContext -}}{{- $_ := set $spec "securityContext" . -}}{{- end -}}
{{- with include "llm-d-modelservice.pullSecrets" (dict "root" .root "own" $role.imagePullSecrets) | fromJsonArray -}}
{{- $_ := set $spec "imagePullSecrets" . -}}
{{- end -}}

{{- $spec = $spec | toJson | fromJson -}}
{{- include "llm-d-modelservice.merge" (dict "into" $spec "from" (omit $extra "affinity")) -}}
{{- include "llm-d-modelservice.addGracePeriod" (dict "facts" $facts "spec" $spec) -}}
{{- include "llm-d-modelservice.prune" $spec -}}
{{- $spec | toJson -}}
{{- end -}}

{{/*
Volumes of a pod, as a JSON list. Input: root, facts, containers. The model volume is there if a container mounts
it; a volume, claim or claim template of the user with the same name wins.
*/}}
{{- define "llm-d-modelservice.volumes" -}}
{{- $role := index .root.Values .facts.role -}}
{{- $volumes := list -}}
{{- range .containers -}}
  {{- range .volumeMounts -}}
    {{- if and (eq .name "model-storage") (not $volumes) $.facts.model.volume -}}
    {{- $volumes = append $volumes (merge (dict "name" "model-storage") $.facts.model.volume) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- $volumes = concat $volumes $.facts.model.volumes $.facts.model.certificates.volumes -}}
{{- if $role.sharedMemory.enabled -}}
  {{- $emptyDir := dict "medium" "Memory" -}}
  {{- with $role.sharedMemory.sizeLimit -}}{{- $_ := set $emptyDir "sizeLimit" (toString .) -}}{{- end -}}
  {{- $volumes = append $volumes (dict "name" "dshm" "emptyDir" $emptyDir) -}}
{{- end -}}
{{- if .root.Values.caches.enabled -}}
  {{- range include "llm-d-modelservice.cacheMounts" .root | fromJsonArray -}}
  {{- $volumes = append $volumes (include "llm-d-modelservice.cacheVolume" (dict "root" $.root "name" .name) | fromJson) -}}
  {{- end -}}
{{- end -}}
{{- if and .root.Values.files (include "llm-d-modelservice.files" .root | fromJsonArray) -}}
{{- $volumes = append $volumes (dict "name" "files" "configMap" (dict "name" (include "llm-d-modelservice.filesName" .root))) -}}
{{- end -}}
{{- $names := dict -}}
{{- range concat ($role.volumes | default list) ($role.volumeClaimTemplates | default list) -}}
{{- $_ := set $names .name true -}}
{{- end -}}
{{- $all := $role.volumes | default list -}}
{{- range $name, $claim := .root.Values.volumeClaims -}}
  {{- $_ := set $names $name true -}}
  {{- $claimName := include "llm-d-modelservice.claimName" (dict "root" $.root "name" $name) -}}
  {{- $all = append $all (dict "name" $name "persistentVolumeClaim" (dict "claimName" $claimName)) -}}
{{- end -}}
{{- range $volumes -}}
  {{- if not (hasKey $names .name) -}}{{- $all = append $all . -}}{{- end -}}
{{- end -}}
{{- $all | toJson -}}
{{- end -}}

{{/*
Adds the node affinity of acceleratorTypes to an affinity, in place; prints nothing. Input: affinity, types.
Node selector terms are alternatives, so the requirement goes into each of them.
*/}}
{{- define "llm-d-modelservice.requireAcceleratorTypes" -}}
{{- if .types.labelKey -}}
{{- $values := .types.labelValues | default list -}}
{{- with .types.labelValue -}}{{- $values = append $values . | uniq -}}{{- end -}}
{{- $requirement := dict "key" .types.labelKey "operator" "In" "values" $values -}}
{{- $node := .affinity.nodeAffinity | default dict -}}
{{- $required := $node.requiredDuringSchedulingIgnoredDuringExecution | default dict -}}
{{- $terms := list -}}
{{- range $required.nodeSelectorTerms | default (list dict) -}}
  {{- $expressions := .matchExpressions | default list -}}
  {{- $present := false -}}
  {{- range $expressions -}}{{- if eq (toJson .) (toJson $requirement) -}}{{- $present = true -}}{{- end -}}{{- end -}}
  {{- if not $present -}}{{- $expressions = append $expressions $requirement -}}{{- end -}}
  {{- $terms = append $terms (merge (dict "matchExpressions" $expressions) .) -}}
{{- end -}}
{{- $_ := set $required "nodeSelectorTerms" $terms -}}
{{- $_ := set $node "requiredDuringSchedulingIgnoredDuringExecution" $required -}}
{{- $_ := set .affinity "nodeAffinity" $node -}}
{{- end -}}
{{- end -}}

{{/*
topologySpreadConstraints of a role's pods, as a JSON list. Input: root, role. Without a selector a constraint counts
no pod at all, so it gets the role's.
*/}}
{{- define "llm-d-modelservice.topologySpread" -}}
{{- $constraints := list -}}
{{- range $i, $constraint := (index .root.Values .role).topologySpreadConstraints -}}
  {{- include "llm-d-modelservice.checkItem" (dict "key" (printf "%s.topologySpreadConstraints[%d]" $.role $i) "item" $constraint) -}}
  {{- $selector := dict "labelSelector" (dict "matchLabels" (include "llm-d-modelservice.selectorLabels" $ | fromJson)) -}}
  {{- $constraints = append $constraints (empty $constraint.labelSelector | ternary (merge $selector (omit $constraint "labelSelector")) $constraint) -}}
{{- end -}}
{{- $constraints | toJson -}}
{{- end -}}
