{{/*
What surrounds the pods of a role: its kind of workload, the Services and policies that select its pods. And the
refusals of combinations among them.
*/}}

{{/* Labels that select the serving pods of a role, as JSON. Input: root, facts. */}}
{{- define "llm-d-modelservice.servingSelector" -}}
{{- /* The pods that serve for a requester are made by another controller, with the pool's labels alone. */ -}}
{{- include (eq .facts.kind "ReplicaSet" | ternary "llm-d-modelservice.servingLabels" "llm-d-modelservice.selectorLabels") (dict "root" .root "role" .facts.role) -}}
{{- end -}}

{{/*
Labels that select all pods of a role, also workers that do not serve, as JSON. Input: root, facts.
https://lws.sigs.k8s.io/docs/reference/labels-annotations-and-environment-variables/
*/}}
{{- define "llm-d-modelservice.allPodsSelector" -}}
{{- if eq .facts.kind "LeaderWorkerSet" -}}
{{- dict "leaderworkerset.sigs.k8s.io/name" .facts.workload | toJson -}}
{{- else -}}
{{- include "llm-d-modelservice.selectorLabels" (dict "root" .root "role" .facts.role) -}}
{{- end -}}
{{- end -}}

{{/*
Name of a role's Service. Input: root, facts. The controller of a LeaderWorkerSet makes a headless Service with the
name of the set.
*/}}
{{- define "llm-d-modelservice.roleServiceName" -}}
{{- (index .root.Values .facts.role).service.name | default (eq .facts.kind "LeaderWorkerSet" | ternary (printf "%s-service" .facts.workload) .facts.workload) -}}
{{- end -}}

{{/*
The spec of a Service, as JSON. Input: root, facts, service (values), key, headless (when type and clusterIP are unset).
*/}}
{{- define "llm-d-modelservice.serviceSpec" -}}
{{- $service := .service -}}
{{- $facts := .facts -}}
{{- $spec := dict "type" ($service.type | default "ClusterIP") "selector" (include "llm-d-modelservice.servingSelector" . | fromJson) -}}
{{- with $service.clusterIP | default (and .headless (not $service.type) | ternary "None" "") -}}{{- $_ := set $spec "clusterIP" . -}}{{- end -}}
{{- if and (eq ($service.clusterIP | default "") "None") (ne $spec.type "ClusterIP") -}}
{{- fail (printf "%s.clusterIP: None is for type ClusterIP, but type is %s, which needs an address; remove either" .key $spec.type) -}}
{{- end -}}
{{- $ports := $service.ports | default list -}}
{{- range $i, $port := $ports -}}
  {{- if kindIs "invalid" $port -}}{{- fail (printf "%s.ports[%d]: a list item without content; remove the dash or fill it in" $.key $i) -}}{{- end -}}
  {{- if and (gt (len $ports) 1) (not $port.name) -}}
  {{- fail (printf "%s.ports[%d].name: with several ports each needs a name; write one, for instance http" $.key $i) -}}
  {{- end -}}
  {{- if and $port.nodePort (eq $spec.type "ClusterIP") -}}
  {{- fail (printf "%s.ports[%d].nodePort: a Service of type ClusterIP has none; write %s.type: NodePort" $.key $i $.key) -}}
  {{- end -}}
{{- end -}}
{{- if not $ports -}}
  {{- range $i := until (int $facts.portCount) -}}
  {{- $number := add $facts.servicePort $i -}}
  {{- $ports = append $ports (dict "name" (eq $i 0 | ternary "http" (printf "http-%d" $i)) "port" $number "targetPort" $number "protocol" "TCP") -}}
  {{- end -}}
{{- end -}}
{{- $_ := set $spec "ports" $ports -}}
{{- $spec = $spec | toJson | fromJson -}}
{{- include "llm-d-modelservice.merge" (dict "into" $spec "from" ($service.extraConfig | default dict)) -}}
{{- include "llm-d-modelservice.prune" $spec -}}
{{- $spec | toJson -}}
{{- end -}}

{{/*
A Service, as JSON. Input: root, name, spec, service (values), key, taken (names so far and who has them, changed in
place).
*/}}
{{- define "llm-d-modelservice.service" -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$" .name) -}}
{{- fail (printf "%s: the Service would be named %s, which must begin with a letter and have at most 63 characters (DNS-1035); choose another release name, or set fullnameOverride" .key .name) -}}
{{- end -}}
{{- if hasKey .taken .name -}}
{{- fail (printf "%s: the Service would be named %s, like that of %s; choose another name" .key .name (index .taken .name)) -}}
{{- end -}}
{{- $_ := set .taken .name .key -}}
{{- $metadata := dict "name" .name "labels" (merge (dict) (.service.labels | default dict) (include "llm-d-modelservice.labels" .root | fromJson)) -}}
{{- with .service.annotations -}}{{- $_ := set $metadata "annotations" . -}}{{- end -}}
{{- dict "apiVersion" "v1" "kind" "Service" "metadata" $metadata "spec" .spec | toJson -}}
{{- end -}}

{{/*
topologySpreadConstraints of a role's pods, as a JSON list. Input: root, role. Without a selector a constraint counts
no pod at all, so it gets the role's.
*/}}
{{- define "llm-d-modelservice.topologySpread" -}}
{{- $constraints := list -}}
{{- range $i, $constraint := (index .root.Values .role).topologySpreadConstraints -}}
  {{- if kindIs "invalid" $constraint -}}{{- fail (printf "%s.topologySpreadConstraints[%d]: a list item without content; remove the dash or fill it in" $.role $i) -}}{{- end -}}
  {{- $selector := dict "labelSelector" (dict "matchLabels" (include "llm-d-modelservice.selectorLabels" $ | fromJson)) -}}
  {{- $constraints = append $constraints (empty $constraint.labelSelector | ternary (merge $selector (omit $constraint "labelSelector")) $constraint) -}}
{{- end -}}
{{- $constraints | toJson -}}
{{- end -}}

{{/* Refused combinations. Input: root, role, multinode, requester, workload. */}}
{{- define "llm-d-modelservice.checkWorkload" -}}
{{- $role := index .root.Values .role -}}
{{- $stateful := eq ($role.workload | default "Deployment") "StatefulSet" -}}
{{- if and $stateful .multinode -}}
{{- fail (printf "%s.workload: with multinode the workload is a LeaderWorkerSet; leave it out, or write %s.multinode: false" .role .role) -}}
{{- end -}}
{{- if .requester -}}
  {{- if $stateful -}}
  {{- fail (printf "%s.workload: with requester.enable the workload is a ReplicaSet of requesters; leave it out" .role) -}}
  {{- end -}}
  {{- if $role.topologySpreadConstraints -}}
  {{- fail (printf "%s.topologySpreadConstraints: with requester.enable the pods that serve follow the requesters; leave it out" .role) -}}
  {{- end -}}
  {{- if $role.podDisruptionBudget.enabled -}}
  {{- fail (printf "%s.podDisruptionBudget.enabled: with requester.enable another controller makes the pods that serve; leave it out" .role) -}}
  {{- end -}}
  {{- if .root.Values.networkPolicy.enabled -}}
  {{- fail "networkPolicy.enabled: with requester.enable the dual pods controller reaches the pods from elsewhere; write policies of your own as extraObjects" -}}
  {{- end -}}
{{- end -}}
{{- if $stateful -}}
  {{- if $role.strategy -}}
  {{- fail (printf "%s.strategy: it belongs to Deployments, but workload is StatefulSet; write %s.updateStrategy" .role .role) -}}
  {{- end -}}
  {{- /* Pods carry <name>-<10 characters of hash> as a label, which has at most 63 characters. */ -}}
  {{- if gt (len .workload) 52 -}}
  {{- fail (printf "fullnameOverride: the StatefulSet would be named %s (%d characters), but a label made of it leaves room for 52; choose a shorter release name or set fullnameOverride" .workload (len .workload)) -}}
  {{- end -}}
  {{- $names := dict -}}
  {{- range $i, $claim := $role.volumeClaimTemplates -}}
    {{- if kindIs "invalid" $claim -}}{{- fail (printf "%s.volumeClaimTemplates[%d]: a list item without content; remove the dash or fill it in" $.role $i) -}}{{- end -}}
    {{- if hasKey $names $claim.name -}}{{- fail (printf "%s.volumeClaimTemplates[%d].name: %s is given twice" $.role $i $claim.name) -}}{{- end -}}
    {{- $_ := set $names $claim.name true -}}
    {{- range $j, $volume := $role.volumes -}}
      {{- if eq $volume.name $claim.name -}}
      {{- fail (printf "%s.volumeClaimTemplates[%d].name: %s.volumes[%d] has the same name, and the pod one volume of it; rename either" $.role $i $.role $j) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
{{- else -}}
  {{- range $key := list "volumeClaimTemplates" "persistentVolumeClaimRetentionPolicy" "updateStrategy" "podManagementPolicy" -}}
    {{- if index $role $key -}}
    {{- fail (printf "%s.%s: it belongs to a StatefulSet; write %s.workload: StatefulSet%s" $.role $key $.role (eq $key "updateStrategy" | ternary (printf ", or %s.%s" $.role ($.multinode | ternary "rolloutStrategy" "strategy")) "")) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- if and $role.sharedMemory.sizeLimit (not $role.sharedMemory.enabled) -}}
{{- fail (printf "%s.sharedMemory.sizeLimit: there is no shared memory to limit; write %s.sharedMemory.enabled: true" .role .role) -}}
{{- end -}}
{{- range $name, $claim := .root.Values.volumeClaims -}}
  {{- range $i, $template := $role.volumeClaimTemplates -}}
    {{- if eq $template.name $name -}}
    {{- fail (printf "volumeClaims.%s: %s.volumeClaimTemplates[%d] has the same name, and the pod one volume of it; rename either" $name $.role $i) -}}
    {{- end -}}
  {{- end -}}
  {{- range $i, $volume := $role.volumes -}}
    {{- if eq $volume.name $name -}}
    {{- fail (printf "volumeClaims.%s: %s.volumes[%d] has the same name, and the pod one volume of it; rename either" $name $.role $i) -}}
    {{- end -}}
  {{- end -}}
  {{- if has "ReadWriteOncePod" ($claim.spec.accessModes | default list) -}}
    {{- $pods := 0 -}}
    {{- range $each := list "decode" "prefill" -}}
      {{- $other := index $.root.Values $each -}}
      {{- if $other.create -}}
      {{- $number := kindIs "invalid" $other.replicas | ternary 1 $other.replicas | int -}}
      {{- $pods = add $pods (or $other.autoscaling.enabled (kindIs "bool" $other.multinode | ternary $other.multinode $.root.Values.multinode) | ternary 2 $number) -}}
      {{- end -}}
    {{- end -}}
    {{- if gt (int $pods) 1 -}}
    {{- fail (printf "volumeClaims.%s.spec.accessModes: ReadWriteOncePod is for one pod, but all pods of the release share the claim; write ReadWriteMany, or use %s.volumeClaimTemplates" $name $.role) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- include "llm-d-modelservice.checkPractice" . -}}
{{- end -}}

{{/* Refused combinations of probes, budgets and policies. Input: root, role, multinode. */}}
{{- define "llm-d-modelservice.checkPractice" -}}
{{- $role := index .root.Values .role -}}
{{- $values := .root.Values -}}
{{- range $key, $value := dict
  (printf "%s.probes.loadSeconds" .role) $role.probes.loadSeconds (printf "%s.drain.preStopSeconds" .role) $role.drain.preStopSeconds
  (printf "%s.drain.timeoutSeconds" .role) $role.drain.timeoutSeconds (printf "%s.drain.bufferSeconds" .role) $role.drain.bufferSeconds
  "caches.mountPath" $values.caches.mountPath "auth.apiKeySecret.key" $values.auth.apiKeySecret.key
  "accelerator.vgpu.provider" $values.accelerator.vgpu.provider -}}
  {{- if kindIs "invalid" $value -}}{{- fail (printf "%s: null removes its default, and it needs a value; leave the key out, or write one" $key) -}}{{- end -}}
{{- end -}}
{{- $probes := $role.probes -}}
{{- if and $probes.enabled $probes.liveness (not $probes.startup) -}}
  {{- $own := false -}}
  {{- range $layer := list .root.Values.engine $role.engine (first ($role.containers | default (list dict))) -}}
    {{- if ($layer | default dict).startupProbe -}}{{- $own = true -}}{{- end -}}
  {{- end -}}
  {{- if not $own -}}
  {{- fail (printf "%s.probes.startup: without it the liveness probe ends the engine while it loads; write startup: true, or liveness: false" .role) -}}
  {{- end -}}
{{- end -}}
{{- $budget := $role.podDisruptionBudget -}}
{{- if $budget.enabled -}}
  {{- if not (or (kindIs "invalid" $budget.minAvailable) (kindIs "invalid" $budget.maxUnavailable)) -}}
  {{- fail (printf "%s.podDisruptionBudget.maxUnavailable: a budget has either this or minAvailable; remove one" .role) -}}
  {{- end -}}
  {{- $pods := kindIs "invalid" $role.replicas | ternary 1 $role.replicas | int -}}
  {{- $external := eq ($role.autoscaling.type | default "external") "external" -}}
  {{- if $role.autoscaling.enabled -}}
  {{- $pods = kindIs "invalid" $role.autoscaling.minReplicas | ternary 1 $role.autoscaling.minReplicas | int | max 1 -}}
  {{- end -}}
  {{- $known := not (or .multinode (and $role.autoscaling.enabled $external) (kindIs "invalid" $budget.minAvailable) (kindIs "string" $budget.minAvailable)) -}}
  {{- if and $known (ne $pods 0) (ge (int $budget.minAvailable) $pods) -}}
  {{- fail (printf "%s.podDisruptionBudget.minAvailable: %d of %d pods%s may never be away, which blocks node drains; write less, or maxUnavailable: 0 if that is meant" .role (int $budget.minAvailable) $pods ($role.autoscaling.enabled | ternary " (autoscaling.minReplicas)" "")) -}}
  {{- end -}}
{{- end -}}
{{- if and .root.Values.networkPolicy.enabled (($role.extraConfig | default dict).hostNetwork) -}}
{{- fail (printf "networkPolicy.enabled: policies do not apply to pods in the node's network, and %s.extraConfig.hostNetwork is true; remove either" .role) -}}
{{- end -}}
{{- if eq (toString .root.Values.serviceAccount.automountServiceAccountToken) "false" -}}
  {{- range .root.Values.routing.proxy.args -}}
    {{- if regexMatch "^--enable-ssrf-protection(=true)?$" . -}}
    {{- fail "serviceAccount.automountServiceAccountToken: the routing proxy reads the InferencePool for --enable-ssrf-protection (routing.proxy.args), which needs a token; write true, or remove the flag" -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}
