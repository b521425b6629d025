{{/*
Roles: decode and prefill. Everything that distinguishes one from the other is decided here.
*/}}

{{/*
Facts about a role, as JSON: what all objects of the role agree on. Input: root, role. They are worked out once in a
render and kept in the root context, which the chart's templates share.
*/}}
{{- define "llm-d-modelservice.role" -}}
{{- $kept := printf "facts of %s" .role -}}
{{- if not (hasKey .root $kept) -}}
{{- $_ := set .root $kept (include "llm-d-modelservice.roleFacts" .) -}}
{{- end -}}
{{- get .root $kept -}}
{{- end -}}

{{/*
Works out the facts about a role. Input: root, role. Refuses contradictory values on the way. Output:
  role, workload, kind     "decode", the object's name, Deployment | StatefulSet | LeaderWorkerSet | ReplicaSet
  proxy                    the routing sidecar runs in front of the engine
  servicePort, enginePort  first port of the pod and of the engine; portCount ports from each
  engine, given            see engine and engine.givenFlags
  tls                      the engine serves TLS
  profile, drain           see there
  model, lora, parallelism, accelerator   see there
  leaderOnly               only the leader of a group serves, and its template differs from the workers'
*/}}
{{- define "llm-d-modelservice.roleFacts" -}}
{{- $values := .root.Values -}}
{{- $role := index $values .role -}}
{{- $multinode := kindIs "bool" $role.multinode | ternary $role.multinode $values.multinode -}}
{{- $requester := and (eq .role "decode") $values.requester.enable -}}
{{- $workload := include "llm-d-modelservice.workloadName" . -}}
{{- include "llm-d-modelservice.checkRole" (dict "root" .root "role" .role "multinode" $multinode "requester" $requester "workload" $workload) -}}
{{- $profile := include "llm-d-modelservice.profile" . | fromJson -}}
{{- $engine := include "llm-d-modelservice.engine" (dict "root" .root "role" .role "profile" $profile) | fromJson -}}
{{- $given := include "llm-d-modelservice.givenFlags" (dict "args" $engine.userArgs "flags" $engine.flags) | fromJson -}}
{{- $parallelism := include "llm-d-modelservice.parallelism" (dict "root" .root "role" .role "multinode" $multinode "modelCommand" $engine.modelCommand "given" $given) | fromJson -}}
{{- $accelerator := include "llm-d-modelservice.accelerator" (dict "root" .root "role" .role "profile" $profile "engine" $engine "parallelism" $parallelism) | fromJson -}}
{{- $drain := include "llm-d-modelservice.drain" (dict "root" .root "role" .role "engine" $engine "given" $given) | fromJson -}}
{{- $proxy := and (eq .role "decode") (ne (toString $values.routing.proxy.enabled) "false") -}}
{{- include "llm-d-modelservice.checkType" (dict "root" .root "role" .role "engine" $engine "parallelism" $parallelism "multinode" $multinode "proxy" $proxy) -}}
{{- $model := include "llm-d-modelservice.model" (dict "root" .root "role" .role "engine" $engine) | fromJson -}}
{{- $facts := dict
  "role" .role "workload" $workload
  "kind" ($requester | ternary "ReplicaSet" ($multinode | ternary "LeaderWorkerSet" ($role.workload | default "Deployment")))
  "proxy" $proxy
  "servicePort" (int $values.routing.servicePort)
  "enginePort" (int ($proxy | ternary $values.routing.proxy.targetPort $values.routing.servicePort))
  "portCount" (int (eq $parallelism.mode "multiPort" | ternary $parallelism.dataLocal 1))
  "engine" $engine "given" $given "tls" (hasKey $given "ssl-certfile")
  "parallelism" $parallelism "accelerator" $accelerator "profile" $profile "drain" $drain
  "model" $model "lora" (include "llm-d-modelservice.lora" (dict "root" .root "engine" $engine "model" $model "given" $given) | fromJson)
  "leaderOnly" (and $multinode (gt (int $parallelism.workers) 1) (or $parallelism.leaderOnly (not (empty $role.workerTemplate))))
-}}
{{- include "llm-d-modelservice.checkPorts" (dict "root" .root "facts" $facts) -}}
{{- $facts | toJson -}}
{{- end -}}

{{/* Replicas of a role's workload, printed as a number; nothing when an autoscaler owns them. 0 where the release is
suspended, whoever owns them: a horizontal autoscaler leaves a workload of 0 replicas alone. Input: root, role. */}}
{{- define "llm-d-modelservice.replicas" -}}
{{- $role := index .root.Values .role -}}
{{- if .root.Values.suspend -}}
0
{{- else if not $role.autoscaling.enabled -}}
{{- kindIs "invalid" $role.replicas | ternary 1 $role.replicas | int -}}
{{- end -}}
{{- end -}}

{{/*
The facts of the roles that are created, as JSON {created, serving}: lists that begin with the role whose pods clients
talk to. Input: root, key. serving has those with pods, now or whenever an autoscaler wants. Refuses, with the
given key, a release without roles.
*/}}
{{- define "llm-d-modelservice.roles" -}}
{{- $created := list -}}
{{- $serving := list -}}
{{- range $name := list "decode" "prefill" -}}
  {{- if (index $.root.Values $name).create -}}
  {{- $facts := include "llm-d-modelservice.role" (dict "root" $.root "role" $name) | fromJson -}}
  {{- $created = append $created $facts -}}
  {{- if ne (include "llm-d-modelservice.replicas" (dict "root" $.root "role" $name)) "0" -}}{{- $serving = append $serving $facts -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- if not $created -}}
{{- fail (printf
  "%s: neither decode nor prefill is created, so there is nothing to reach; set decode.create: true, or %s: false"
  .key .key) -}}
{{- end -}}
{{- dict "created" $created "serving" $serving | toJson -}}
{{- end -}}
