{{/*
Combinations of a role's workload, pods and ports that cannot work.
*/}}

{{/* Rejects contradictory settings of a role; prints nothing. Input: root, role, multinode, requester, grouping, workload. */}}
{{- define "llm-d-modelservice.checkRole" -}}
{{- $role := index .root.Values .role -}}
{{- if and .requester .multinode -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf
  "requester.enable: dual pods are single pods, but %s; set %s or requester.enable: false"
  .grouping.stated .grouping.off)
  (dict "offered" (list (dict "set" "requester.enable" "value" false)))) -}}
{{- end -}}
{{- include "llm-d-modelservice.checkWorkload" . -}}
{{- if .multinode -}}
  {{- if $role.strategy -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "%s.strategy: it belongs to Deployments, but %s makes a %s; set %s.rolloutStrategy"
    .role .grouping.key .grouping.kind .role)) -}}
  {{- end -}}
  {{- if eq .grouping.kind "LeaderWorkerSet" -}}{{- include "llm-d-modelservice.checkGroupName" . -}}{{- end -}}
{{- else -}}
  {{- range $key := list "rolloutStrategy" "subGroupPolicy" "subGroupExclusiveTopology" "subGroupExclusiveToplogy" "workerTemplate"
    "restartPolicy" "startupPolicy" "networkConfig" -}}
    {{- if index $role $key -}}
    {{- include "llm-d-modelservice.refuse" (list $ (printf
      "%s.%s: it belongs to a LeaderWorkerSet, but multinode is false; set multinode: true%s"
      $.role $key (eq $key "rolloutStrategy" | ternary ", or strategy for a Deployment" ""))
      (dict "offered" (list (dict "set" (printf "%s.multinode" $.role) "value" true)))) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- if and (or $role.subGroupExclusiveTopology $role.subGroupExclusiveToplogy) (not $role.subGroupPolicy) -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf
  "%s.subGroupExclusiveTopology: it needs subgroups; set %s.subGroupPolicy.subGroupSize too"
  .role .role)) -}}
{{- end -}}
{{- $types := $role.acceleratorTypes -}}
{{- if and $types.labelKey (not $types.labelValues) (not $types.labelValue) -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf
  "%s.acceleratorTypes.labelValues: labelKey %s is set without any value, so no node could match; list the accepted values"
  .role $types.labelKey)) -}}
{{- end -}}
{{- if and (not $types.labelKey) (or $types.labelValues $types.labelValue) -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf
  "%s.acceleratorTypes.labelKey: values are listed, but not of which node label; set it, e.g. nvidia.com/gpu.product"
  .role)) -}}
{{- end -}}
{{- range $field := list "containers" "initContainers" "volumes" "tolerations" "resourceClaims" "imagePullSecrets" -}}
  {{- include "llm-d-modelservice.checkItems" (dict (printf "%s.%s" $.role $field) (index $role $field)) -}}
{{- end -}}
{{- end -}}

{{/*
Rejects a name that a LeaderWorkerSet cannot have; prints nothing. Input: root, role, workload. Its Service has the same name
(DNS-1035).
*/}}
{{- define "llm-d-modelservice.checkGroupName" -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" .workload) -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf
  (print "fullnameOverride: the LeaderWorkerSet would be named %s, but its name must begin with a letter (DNS-1035), because "
    "its Service has the same; choose another release name or set fullnameOverride")
  .workload)) -}}
{{- end -}}
{{- $longest := include "llm-d-modelservice.longestGroupName" (dict "values" (index .root.Values .role)) | int -}}
{{- if gt (len .workload) $longest -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf
  (print "fullnameOverride: the LeaderWorkerSet would be named %s (%d characters), but pod labels made of it leave "
    "room for %d; choose a shorter release name or set fullnameOverride")
  .workload (len .workload) $longest)) -}}
{{- end -}}
{{- end -}}

{{/*
Length of the longest name of a role's LeaderWorkerSet, printed. Input: values (of the role). Its pods are named
<name>-<group>-<worker>, and a label of them carries <name>-<group>-<10 characters of hash>, all at most 63 characters.
*/}}
{{- define "llm-d-modelservice.longestGroupName" -}}
{{- $groups := max 1 (kindIs "invalid" .values.replicas | ternary 1 .values.replicas | int) -}}
{{- if .values.autoscaling.enabled -}}{{- $groups = 1000 -}}{{- end -}}
{{- sub 51 (sub $groups 1 | toString | len) -}}
{{- end -}}

{{/*
Rejects containers of a role whose names collide or name nothing; prints nothing. Input: root, role, engine (the first
container).
*/}}
{{- define "llm-d-modelservice.checkContainers" -}}
{{- $role := index .root.Values .role -}}
{{- $engine := .engine.name -}}
{{- $names := dict $engine 0 -}}
{{- range $i, $container := rest ($role.containers | default list) -}}
  {{- $key := printf "%s.containers[%d].name" $.role (add1 $i) -}}
  {{- $name := $container.name -}}
  {{- if not $name -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf "%s: only the first container has a default name; set one" $key)) -}}
  {{- else if hasKey $names $name -}}
  {{- include "llm-d-modelservice.refuse" (list $
    (printf "%s: %s is also the name of containers[%d], but names are unique in a pod; choose another" $key $name (int (index $names $name)))) -}}
  {{- end -}}
  {{- $_ := set $names (toString $name) (add1 $i) -}}
{{- end -}}
{{- range $i, $container := $role.initContainers -}}
  {{- if or (hasKey $names $container.name) (eq $container.name "routing-proxy") -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "%s.initContainers[%d].name: another container of the pod is named %s, but names are unique in a pod; choose another"
    $.role $i $container.name)) -}}
  {{- end -}}
  {{- $_ := set $names $container.name $i -}}
{{- end -}}
{{- range $i, $worker := (($role.workerTemplate).containers | default list) -}}
  {{- if not (hasKey $names ($worker.name | default $engine)) -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "%s.workerTemplate.containers[%d].name: %s.containers has no container of that name; workers change what the leader has"
    $.role $i $.role)) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/*
Rejects settings that the kind of a role's workload does not have; prints nothing. Input: root, role, multinode, requester,
grouping, workload.
*/}}
{{- define "llm-d-modelservice.checkWorkload" -}}
{{- $role := index .root.Values .role -}}
{{- $stateful := eq ($role.workload | default "Deployment") "StatefulSet" -}}
{{- if and $stateful .multinode -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf
  "%s.workload: with %s the workload is a %s; remove it, or set %s"
  .role .grouping.key .grouping.kind (eq .grouping.key "multinode" | ternary (printf "%s.multinode: false" .role) .grouping.off))
  (dict "offered" (list (dict "remove" (printf "%s.workload" .role))))) -}}
{{- end -}}
{{- if .requester -}}
  {{- if $stateful -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf "%s.workload: with requester.enable the workload is a ReplicaSet of requesters; remove it" .role)
    (dict "offered" (list (dict "remove" (printf "%s.workload" .role))))) -}}
  {{- end -}}
  {{- if $role.topologySpreadConstraints -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "%s.topologySpreadConstraints: with requester.enable the pods that serve follow the requesters; remove it"
    .role)
    (dict "offered" (list (dict "remove" (printf "%s.topologySpreadConstraints" .role))))) -}}
  {{- end -}}
  {{- if $role.podDisruptionBudget.enabled -}}
  {{- include "llm-d-modelservice.refuse" (list $
    (printf "%s.podDisruptionBudget.enabled: with requester.enable another controller makes the pods that serve; remove it" .role)
    (dict "offered" (list (dict "set" (printf "%s.podDisruptionBudget.enabled" .role) "value" false)))) -}}
  {{- end -}}
  {{- if .root.Values.networkPolicy.enabled -}}
  {{- include "llm-d-modelservice.refuse" (list $ (print
    "networkPolicy.enabled: with requester.enable the dual pods controller reaches the pods from elsewhere; set false, and "
    "write your policies as extraObjects")
    (dict "offered" (list (dict "set" "networkPolicy.enabled" "value" false)))) -}}
  {{- end -}}
{{- end -}}
{{- if $stateful -}}
  {{- if $role.strategy -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "%s.strategy: it belongs to Deployments, but workload is StatefulSet; set %s.updateStrategy"
    .role .role)
    (dict "offered" (list (dict "move" (printf "%s.strategy" .role) "to" (printf "%s.updateStrategy" .role))))) -}}
  {{- end -}}
  {{- /* Pods carry <name>-<10 characters of hash> as a label, which has at most 63 characters. */ -}}
  {{- if gt (len .workload) 52 -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    (print "fullnameOverride: the StatefulSet would be named %s (%d characters), but a label made of it leaves room for "
      "52; choose a shorter release name or set fullnameOverride")
    .workload (len .workload))) -}}
  {{- end -}}
  {{- $names := dict -}}
  {{- range $i, $claim := $role.volumeClaimTemplates -}}
    {{- $key := printf "%s.volumeClaimTemplates[%d]" $.role $i -}}
    {{- include "llm-d-modelservice.checkItem" (dict "key" $key "item" $claim) -}}
    {{- if hasKey $names $claim.name -}}{{- include "llm-d-modelservice.refuse" (list $
      (printf "%s.name: %s is given twice; choose another name" $key $claim.name)) -}}{{- end -}}
    {{- $_ := set $names $claim.name true -}}
    {{- range $j, $volume := $role.volumes -}}
      {{- if eq $volume.name $claim.name -}}
      {{- include "llm-d-modelservice.refuse" (list $
        (printf "%s.name: %s.volumes[%d] has the same name, but volume names are unique in a pod; rename either" $key $.role $j)) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
{{- else -}}
  {{- range $key := list "volumeClaimTemplates" "persistentVolumeClaimRetentionPolicy" "updateStrategy" "podManagementPolicy" -}}
    {{- if index $role $key -}}
    {{- $other := printf ", or %s.%s" $.role ($.multinode | ternary "rolloutStrategy" "strategy") -}}
    {{- include "llm-d-modelservice.refuse" (list $ (printf
      "%s.%s: it belongs to a StatefulSet; set %s.workload: StatefulSet%s"
      $.role $key $.role (eq $key "updateStrategy" | ternary $other ""))
      (dict "offered" (list (dict "set" (printf "%s.workload" $.role) "value" "StatefulSet")))) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- if and $role.sharedMemory.sizeLimit (not $role.sharedMemory.enabled) -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf
  "%s.sharedMemory.sizeLimit: there is no shared memory to limit; set %s.sharedMemory.enabled: true"
  .role .role)
  (dict "offered" (list (dict "set" (printf "%s.sharedMemory.enabled" .role) "value" true)))) -}}
{{- end -}}
{{- range $name, $claim := .root.Values.volumeClaims -}}
  {{- range $i, $template := $role.volumeClaimTemplates -}}
    {{- if eq $template.name $name -}}
    {{- include "llm-d-modelservice.refuse" (list $ (printf
      "volumeClaims.%s: %s.volumeClaimTemplates[%d] has the same name, but volume names are unique in a pod; rename either"
      $name $.role $i)) -}}
    {{- end -}}
  {{- end -}}
  {{- range $i, $volume := $role.volumes -}}
    {{- if eq $volume.name $name -}}
    {{- include "llm-d-modelservice.refuse" (list $ (printf
      "volumeClaims.%s: %s.volumes[%d] has the same name, but volume names are unique in a pod; rename either"
      $name $.role $i)) -}}
    {{- end -}}
  {{- end -}}
  {{- if has "ReadWriteOncePod" ($claim.spec.accessModes | default list) -}}
    {{- $pods := 0 -}}
    {{- range $each := list "decode" "prefill" -}}
      {{- $other := index $.root.Values $each -}}
      {{- if $other.create -}}
      {{- $number := kindIs "invalid" $other.replicas | ternary 1 $other.replicas | int -}}
      {{- $group := kindIs "bool" $other.multinode | ternary $other.multinode $.root.Values.multinode -}}
      {{- $pods = add $pods (or $other.autoscaling.enabled $group | empty | ternary $number 2) -}}
      {{- end -}}
    {{- end -}}
    {{- if gt (int $pods) 1 -}}
    {{- include "llm-d-modelservice.refuse" (list $ (printf
      (print "volumeClaims.%s.spec.accessModes: ReadWriteOncePod is for one pod, but all pods of the release share the "
        "claim; set ReadWriteMany, or use %s.volumeClaimTemplates")
      $name $.role)) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- include "llm-d-modelservice.checkPractice" . -}}
{{- end -}}

{{/* Rejects contradictory probes, budgets and policies; prints nothing. Input: root, role, multinode. */}}
{{- define "llm-d-modelservice.checkPractice" -}}
{{- $role := index .root.Values .role -}}
{{- $probes := $role.probes -}}
{{- if and $probes.enabled $probes.liveness (not $probes.startup) -}}
  {{- $own := false -}}
  {{- range $layer := list .root.Values.engine $role.engine (first ($role.containers | default (list dict))) -}}
    {{- if ($layer | default dict).startupProbe -}}{{- $own = true -}}{{- end -}}
  {{- end -}}
  {{- if not $own -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "%s.probes.startup: without it the liveness probe kills the engine while it loads; set startup: true, or liveness: false"
    .role)
    (dict "offered" (list (dict "set" (printf "%s.probes.startup" .role) "value" true)))) -}}
  {{- end -}}
{{- end -}}
{{- $budget := $role.podDisruptionBudget -}}
{{- if $budget.enabled -}}
  {{- if not (or (kindIs "invalid" $budget.minAvailable) (kindIs "invalid" $budget.maxUnavailable)) -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "%s.podDisruptionBudget.maxUnavailable: a budget has either this or minAvailable; remove one of them"
    .role)
    (dict "offered" (list (dict "remove" (printf "%s.podDisruptionBudget.maxUnavailable" .role))))) -}}
  {{- end -}}
  {{- $pods := kindIs "invalid" $role.replicas | ternary 1 $role.replicas | int -}}
  {{- $external := eq ($role.autoscaling.type | default "external") "external" -}}
  {{- if $role.autoscaling.enabled -}}
  {{- $pods = kindIs "invalid" $role.autoscaling.minReplicas | ternary 1 $role.autoscaling.minReplicas | int | max 1 -}}
  {{- end -}}
  {{- $other := not (kindIs "invalid" $budget.maxUnavailable) -}}
  {{- $counted := not (or $other (kindIs "invalid" $budget.minAvailable) (kindIs "string" $budget.minAvailable)) -}}
  {{- $known := and $counted (not .multinode) (not (and $role.autoscaling.enabled $external)) -}}
  {{- if and $known (ne $pods 0) (ge (int $budget.minAvailable) $pods) -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    (print "%s.podDisruptionBudget.minAvailable: %d of %d pods%s may never be away, which blocks node drains; set less, "
      "or maxUnavailable: 0 if that is intended")
    .role (int $budget.minAvailable) $pods (empty $role.autoscaling.enabled | ternary "" " (autoscaling.minReplicas)"))) -}}
  {{- end -}}
{{- end -}}
{{- if and .root.Values.networkPolicy.enabled (($role.extraConfig | default dict).hostNetwork) -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf
  (print "networkPolicy.enabled: policies do not apply to pods in the node's network, and %s.extraConfig.hostNetwork is "
    "true; remove either")
  .role)) -}}
{{- end -}}
{{- if eq (toString .root.Values.serviceAccount.automountServiceAccountToken) "false" -}}
  {{- range .root.Values.routing.proxy.args -}}
    {{- if regexMatch "^--enable-ssrf-protection(=true)?$" . -}}
    {{- include "llm-d-modelservice.refuse" (list $ (print
      "serviceAccount.automountServiceAccountToken: the routing proxy reads the InferencePool for "
      "--enable-ssrf-protection (routing.proxy.args), which needs a token; set true, or remove the flag")
      (dict "offered" (list (dict "set" "serviceAccount.automountServiceAccountToken" "value" true)))) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* Rejects port ranges of proxy and engine that collide; prints nothing. Input: root, facts. */}}
{{- define "llm-d-modelservice.checkPorts" -}}
{{- $facts := .facts -}}
{{- $n := int $facts.portCount -}}
{{- $service := int $facts.servicePort -}}
{{- $engine := int $facts.enginePort -}}
{{- $supervised := not (empty (include "llm-d-modelservice.supervised" .)) -}}
{{- $engineEnd := add $engine $n ($supervised | ternary 0 -1) | int -}}
{{- if gt $engineEnd 65535 -}}
{{- $key := $facts.proxy | ternary "routing.proxy.targetPort" "routing.servicePort" -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf "%s: %d ports starting at %d exceed 65535; choose a lower port" $key $n $engine)) -}}
{{- end -}}
{{- if $facts.proxy -}}
  {{- if and (le $service $engineEnd) (le $engine (add $service $n -1 | int)) -}}
  {{- if eq $n 1 -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "routing.proxy.targetPort: %d is also routing.servicePort, but proxy and engine share the pod's network; choose another, e.g. %d"
    $engine (eq $engine 8200 | ternary 8201 8200))
    (dict "offered" (list (dict "set" "routing.proxy.targetPort" "value" (eq $engine 8200 | ternary 8201 8200))))) -}}
  {{- end -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    (print "routing.proxy.targetPort: with %d ranks per pod the proxy listens on %d-%d and the engine on %d-%d%s; choose "
      "ranges that do not overlap, e.g. 8000 and 8200")
    $n $service (add $service $n -1) $engine $engineEnd ($supervised | ternary " (the last is its supervisor)" ""))) -}}
  {{- end -}}
  {{- $version := include "llm-d-modelservice.proxyVersion" .root -}}
  {{- $input := dict "root" .root "version" $version "flag" "data-parallel-size" -}}
  {{- if and (gt $n 1) (not (include "llm-d-modelservice.proxyFlag" $input)) -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "routing.proxy.image: the sidecar %s listens on one port, but the pod's %d ranks have one each (dataMode: multiPort); set %s or newer"
    $version $n (index .root.Known.routingProxy.flags "data-parallel-size").since)) -}}
  {{- end -}}
{{- end -}}
{{- end -}}
