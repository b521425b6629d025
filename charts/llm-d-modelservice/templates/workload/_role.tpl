{{/*
Roles: decode and prefill. Everything that distinguishes one from the other is decided here.
*/}}

{{/*
Works out the facts about a role, which all objects of the role agree on, once per render; prints nothing. Input: root,
role. They are kept as .Roles.<role> in the root context, which all templates of the chart share, so nothing may change
them. Rejects contradictory values. Output:
  role, workload           "decode", the name of the role's objects
  kind                     Deployment | StatefulSet | LeaderWorkerSet | ReplicaSet | DisaggregatedSet, which is named otherwise
  grouped                  the pods are in groups of a LeaderWorkerSet, the release's or the DisaggregatedSet's
  proxy                    the routing sidecar runs in front of the engine
  servicePort, enginePort  first port of the pod and of the engine; portCount ports from each
  engine, given            see engine and givenFlags
  tls                      the engine serves TLS
  profile, drain, monitor  see there
  model, lora, parallelism, accelerator   see there
  leaderOnly               only the leader of a group serves, and its template differs from the workers'
*/}}
{{- define "llm-d-modelservice.role" -}}
{{- if not (hasKey .root "Roles") -}}{{- $_ := set .root "Roles" dict -}}{{- end -}}
{{- if not (hasKey .root.Roles .role) -}}
{{- $values := .root.Values -}}
{{- $role := index $values .role -}}
{{- $set := not (empty (include "llm-d-modelservice.isSet" .root)) -}}
{{- $multinode := or $set (kindIs "bool" $role.multinode | ternary $role.multinode (not (empty $values.multinode))) -}}
{{- $requester := and (eq .role "decode") (not (empty $values.requester.enable)) -}}
{{- $grouping := include "llm-d-modelservice.grouping" .root | fromJson -}}
{{- $here := dict "root" .root "role" .role "multinode" $multinode "requester" $requester "grouping" $grouping -}}
{{- $_ := set $here "workload" (include "llm-d-modelservice.workloadName" .) -}}
{{- include "llm-d-modelservice.checkRole" $here -}}
{{- $_ := set $here "profile" (include "llm-d-modelservice.profile" . | fromJson) -}}
{{- $_ := set $here "engine" (include "llm-d-modelservice.engine" $here | fromJson) -}}
{{- include "llm-d-modelservice.checkContainers" $here -}}
{{- $flags := dict "args" $here.engine.userArgs "flags" $here.engine.flags "aliases" .root.Known.aliases -}}
{{- $_ := set $here "given" (include "llm-d-modelservice.givenFlags" $flags | fromJson) -}}
{{- $_ := set $here "proxy" (and (eq .role "decode") (ne (toString $values.routing.proxy.enabled) "false")) -}}
{{- $_ := set $here "monitor" (include "llm-d-modelservice.monitor" . | fromJson) -}}
{{- include "llm-d-modelservice.checkEngine" $here -}}
{{- $p := include "llm-d-modelservice.parallelism" $here | fromJson -}}
{{- $_ := set $here "parallelism" $p -}}
{{- include "llm-d-modelservice.checkSizes" $here -}}
{{- $_ := set $here "accelerator" (include "llm-d-modelservice.accelerator" $here | fromJson) -}}
{{- $_ := set $here "drain" (include "llm-d-modelservice.drain" $here | fromJson) -}}
{{- $_ := set $here "model" (include "llm-d-modelservice.model" $here | fromJson) -}}
{{- $_ := set $here "lora" (include "llm-d-modelservice.lora" $here | fromJson) -}}
{{- $facts := omit $here "root" "multinode" "requester" "grouping" -}}
{{- range $name, $value := dict
  "kind" ($requester | ternary "ReplicaSet" ($multinode | ternary $grouping.kind ($role.workload | default "Deployment")))
  "grouped" $multinode
  "servicePort" (int $values.routing.servicePort)
  "enginePort" (int ($here.proxy | ternary $values.routing.proxy.targetPort $values.routing.servicePort))
  "portCount" (int (eq $p.mode "multiPort" | ternary $p.dataLocal 1))
  "tls" (hasKey $here.given "ssl-certfile")
  "leaderOnly" (and $multinode (gt (int $p.workers) 1) (or $p.leaderOnly (not (empty $role.workerTemplate)))) -}}
{{- $_ := set $facts $name $value -}}
{{- end -}}
{{- include "llm-d-modelservice.checkPorts" (dict "root" .root "facts" $facts) -}}
{{- $_ := set .root.Roles .role $facts -}}
{{- end -}}
{{- end -}}

{{/*
Replicas of a role's workload, printed as a number; nothing when an autoscaler owns them. 0 where the release is
suspended, whoever owns them: a horizontal autoscaler leaves a workload of 0 replicas alone. Input: root, role.
*/}}
{{- define "llm-d-modelservice.replicas" -}}
{{- $role := index .root.Values .role -}}
{{- if .root.Values.suspend -}}
0
{{- else if not $role.autoscaling.enabled -}}
{{- kindIs "invalid" $role.replicas | ternary 1 $role.replicas | int -}}
{{- end -}}
{{- end -}}

{{/*
Adds created and serving to the input, lists of facts about roles that begin with the role whose pods clients talk to;
prints nothing. Input: root, key. serving has the roles with pods, now or whenever an autoscaler wants. Rejects, with the
given key, a release without roles.
*/}}
{{- define "llm-d-modelservice.roles" -}}
{{- $created := list -}}
{{- $serving := list -}}
{{- range $name := list "decode" "prefill" -}}
  {{- if (index $.root.Values $name).create -}}
  {{- $here := dict "root" $.root "role" $name -}}
  {{- include "llm-d-modelservice.role" $here -}}
  {{- $facts := index $.root.Roles $name -}}
  {{- $created = append $created $facts -}}
  {{- if ne (include "llm-d-modelservice.replicas" $here) "0" -}}{{- $serving = append $serving $facts -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- if not $created -}}
{{- include "llm-d-modelservice.stop" (list $ (printf
  "%s: neither decode nor prefill is created, so there is nothing to reach; set decode.create: true, or %s: false"
  .key .key)) -}}
{{- end -}}
{{- $_ := set (set . "created" $created) "serving" $serving -}}
{{- end -}}
