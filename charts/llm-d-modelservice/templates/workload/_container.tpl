{{/*
Containers of a role's pods. The first container is the engine and gets what is derived; the others get what
they declare.
*/}}

{{/*
All containers of a pod, as a JSON list. Input: root, facts, worker (a pod of the group that does not serve).
*/}}
{{- define "llm-d-modelservice.containers" -}}
{{- $root := .root -}}
{{- $facts := .facts -}}
{{- $role := index .root.Values .facts.role -}}
{{- $containers := list (include "llm-d-modelservice.engineContainer" . | fromJson) -}}
{{- range $i, $container := rest ($role.containers | default list) -}}
  {{- $input := dict "root" $root "facts" $facts "container" $container "index" (add1 $i) -}}
  {{- $containers = append $containers (include "llm-d-modelservice.sidecar" $input | fromJson) -}}
{{- end -}}
{{- if .worker -}}
  {{- $overrides := dict -}}
  {{- range ($role.workerTemplate).containers -}}{{- $_ := set $overrides (.name | default $facts.engine.name) . -}}{{- end -}}
  {{- range $containers -}}
    {{- $override := index $overrides .name | default dict -}}
    {{- $key := printf "%s.workerTemplate" $facts.role -}}
    {{- $fields := include "llm-d-modelservice.containerFields" (dict "root" $root "container" $override "key" $key) | fromJson -}}
    {{- include "llm-d-modelservice.merge" (dict "into" . "from" $fields) -}}
    {{- include "llm-d-modelservice.extraContainerConfig" (dict "root" $root "container" . "extraConfig" $override.extraConfig "key" $key) -}}
    {{- if not .args -}}{{- $_ := unset . "args" -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- $containers | toJson -}}
{{- end -}}

{{/*
The fields that a values container has in common with a Kubernetes container, as JSON, templates rendered. Input:
root, container, key.
*/}}
{{- define "llm-d-modelservice.containerFields" -}}
{{- $fields := omit .container "modelCommand" "mountModelVolume" "extraConfig" "ports" "env"
  "userArgs" "userEnv" "flags" "variables" "type" "typed" "options" | toJson | fromJson -}}
{{- include "llm-d-modelservice.prune" $fields -}}
{{- if $fields.image -}}{{- $_ := set $fields "image" (include "llm-d-modelservice.image" (dict "root" .root "image" $fields.image)) -}}{{- end -}}
{{- range $name := list "ports" "env" -}}
  {{- $value := index $.container $name -}}
  {{- if $value -}}
  {{- $input := dict "root" $.root "value" $value "key" (printf "%s.%s" $.key $name) -}}
  {{- $_ := set $fields $name (include "llm-d-modelservice.rendered" $input | fromJson).value -}}
  {{- end -}}
{{- end -}}
{{- range $port := $fields.ports -}}
  {{- if kindIs "string" $port.containerPort -}}
  {{- if not (regexMatch "^[0-9]+$" $port.containerPort) -}}
  {{- fail (printf "%s.ports: %q is not a port number" $.key $port.containerPort) -}}
  {{- end -}}
  {{- $_ := set $port "containerPort" (int $port.containerPort) -}}
  {{- end -}}
{{- end -}}
{{- range $name := list "imagePullPolicy" "command" "args" "ports" "env" "volumeMounts" -}}
  {{- if and (hasKey $fields $name) (empty (index $fields $name)) (not (eq $name "args")) -}}{{- $_ := unset $fields $name -}}{{- end -}}
{{- end -}}
{{- range $name := list "stdin" "tty" "workingDir" -}}
  {{- if and (hasKey $fields $name) (empty (index $fields $name)) -}}{{- $_ := unset $fields $name -}}{{- end -}}
{{- end -}}
{{- $fields | toJson -}}
{{- end -}}

{{/* The engine container, as JSON. Input: root, facts, worker. */}}
{{- define "llm-d-modelservice.engineContainer" -}}
{{- $facts := .facts -}}
{{- $engine := $facts.engine -}}
{{- $role := index .root.Values $facts.role -}}
{{- $key := printf "%s.containers[0]" $facts.role -}}
{{- $container := include "llm-d-modelservice.containerFields" (dict "root" .root "container" $engine "key" $key) | fromJson -}}
{{- $start := include "llm-d-modelservice.engineCommand" . | fromJson -}}
{{- $container = omit $container "command" "args" -}}
{{- if $start.command -}}{{- $_ := set $container "command" $start.command -}}{{- end -}}
{{- if $start.args -}}{{- $_ := set $container "args" $start.args -}}{{- end -}}
{{- $_ := set $container "env" (include "llm-d-modelservice.engineEnv" . | fromJsonArray) -}}
{{- $monitor := $facts.monitor -}}
{{- $monitored := and $monitor (not (include "llm-d-modelservice.hasExporter" (dict "values" $role "monitor" $monitor))) -}}
{{- if $engine.typed -}}
{{- include "llm-d-modelservice.addEnginePorts" (dict "root" .root "facts" $facts "monitored" $monitored "container" $container) -}}
{{- end -}}
{{- if $monitored -}}
{{- include "llm-d-modelservice.nameMetricsPorts" (dict "root" .root "facts" $facts "monitor" $monitor "container" $container) -}}
{{- end -}}
{{- $accelerator := $facts.accelerator -}}
{{- $resources := include "llm-d-modelservice.resources" (dict
  "resources" $engine.resources "key" (printf "%s.resources" $key)
  "resource" ($accelerator.dra | ternary "" $accelerator.resource) "count" (int $accelerator.count) "extra" $accelerator.extra) | fromJson -}}
{{- $claims := (include "llm-d-modelservice.claims" (dict "root" .root "facts" $facts) | fromJson).names -}}
{{- $used := $resources.claims | default list -}}
{{- if $claims -}}
{{- $used = include "llm-d-modelservice.mergeList" (dict "key" "claims" "lower" $claims "upper" $used) | fromJsonArray -}}
{{- $_ := set $resources "claims" $used -}}
{{- end -}}
{{- include "llm-d-modelservice.checkClaims" (dict "used" $used "known" $claims "key" $key "role" $facts.role) -}}
{{- $container = omit $container "resources" -}}
{{- if $resources -}}{{- $_ := set $container "resources" $resources -}}{{- end -}}
{{- if $engine.mountModelVolume -}}{{- include "llm-d-modelservice.mountModel" (dict "facts" $facts "container" $container) -}}{{- end -}}
{{- with concat $facts.model.mounts $facts.model.certificates.mounts -}}
{{- $_ := set $container "volumeMounts" (concat ($container.volumeMounts | default list) .) -}}
{{- end -}}
{{- $mounts := list -}}
{{- if $role.sharedMemory.enabled -}}{{- $mounts = append $mounts (dict "name" "dshm" "mountPath" "/dev/shm") -}}{{- end -}}
{{- range $role.volumeClaimTemplates -}}
{{- if .mountPath -}}{{- $mounts = append $mounts (dict "name" .name "mountPath" (trimSuffix "/" .mountPath)) -}}{{- end -}}
{{- end -}}
{{- range $name, $claim := .root.Values.volumeClaims -}}
{{- if $claim.mountPath -}}{{- $mounts = append $mounts (dict "name" $name "mountPath" (trimSuffix "/" $claim.mountPath)) -}}{{- end -}}
{{- end -}}
{{- if .root.Values.caches.enabled -}}{{- $mounts = concat $mounts (include "llm-d-modelservice.cacheMounts" .root | fromJsonArray) -}}{{- end -}}
{{- range $mounts -}}{{- include "llm-d-modelservice.addMount" (dict "container" $container "mount" .) -}}{{- end -}}
{{- if .root.Values.files -}}{{- include "llm-d-modelservice.mountFiles" (dict "root" .root "container" $container) -}}{{- end -}}
{{- include "llm-d-modelservice.extraContainerConfig" (dict "root" .root "container" $container "extraConfig" $engine.extraConfig "key" $key) -}}
{{- include "llm-d-modelservice.addProbes" (dict "root" .root "facts" $facts "container" $container) -}}
{{- include "llm-d-modelservice.addPreStop" (dict "root" .root "facts" $facts "container" $container) -}}
{{- if .worker -}}{{- $container = omit $container "startupProbe" "livenessProbe" "readinessProbe" -}}{{- end -}}
{{- $container | toJson -}}
{{- end -}}

{{/* A further container next to the engine, as JSON. Input: root, facts, container, index. */}}
{{- define "llm-d-modelservice.sidecar" -}}
{{- $facts := .facts -}}
{{- $key := printf "%s.containers[%d]" $facts.role (int .index) -}}
{{- if hasKey .root.Known.unstated.byCommand (.container.modelCommand | default "custom") -}}
{{- fail (printf
  "%s.modelCommand: only the first container is the engine; put this one first, or give it a command"
  $key) -}}
{{- end -}}
{{- if not .container.image -}}{{- fail (printf "%s.image: the container has no image" $key) -}}{{- end -}}
{{- if and (eq (.container.modelCommand | default "") "custom") (not .container.command) -}}
{{- fail (printf "%s.command: modelCommand is custom, which needs a command" $key) -}}
{{- end -}}
{{- $container := include "llm-d-modelservice.containerFields" (dict "root" .root "container" .container "key" $key) | fromJson -}}
{{- $input := dict "resources" ($container.resources | default dict) "key" (printf "%s.resources" $key) -}}
{{- $resources := include "llm-d-modelservice.resources" $input | fromJson -}}
{{- $known := (include "llm-d-modelservice.claims" (dict "root" .root "facts" $facts) | fromJson).names -}}
{{- include "llm-d-modelservice.checkClaims" (dict "used" ($resources.claims | default list) "known" $known "key" $key "role" $facts.role) -}}
{{- $container = omit $container "resources" -}}
{{- if $resources -}}{{- $_ := set $container "resources" $resources -}}{{- end -}}
{{- $env := list -}}
{{- if .container.mountModelVolume -}}
  {{- include "llm-d-modelservice.mountModel" (dict "facts" $facts "container" $container) -}}
  {{- $env = concat $facts.model.env $facts.model.storeEnv -}}
{{- end -}}
{{- if or $env $container.env -}}
{{- $variables := dict "key" "env" "lower" $env "upper" ($container.env | default list) -}}
{{- $_ := set $container "env" (include "llm-d-modelservice.mergeList" $variables | fromJsonArray) -}}
{{- end -}}
{{- include "llm-d-modelservice.extraContainerConfig" (dict "root" .root "container" $container "extraConfig" .container.extraConfig "key" $key) -}}
{{- $container | toJson -}}
{{- end -}}

{{/* Merges a container's extraConfig into it, in place; prints nothing. Input: root, container, extraConfig, key. */}}
{{- define "llm-d-modelservice.extraContainerConfig" -}}
{{- if .extraConfig -}}
{{- $key := printf "%s.extraConfig" .key -}}
{{- $extra := (include "llm-d-modelservice.rendered" (dict "root" .root "value" .extraConfig "key" $key) | fromJson).value -}}
{{- include "llm-d-modelservice.merge" (dict "into" .container "from" $extra) -}}
{{- include "llm-d-modelservice.prune" .container -}}
{{- if $extra.resources -}}
{{- $resources := include "llm-d-modelservice.resources" (dict "resources" .container.resources "key" (printf "%s.resources" $key)) | fromJson -}}
{{- $_ := set .container "resources" $resources -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
Adds a mount to a container, in place; prints nothing. Input: container, mount. What the user mounts at the path wins.
*/}}
{{- define "llm-d-modelservice.addMount" -}}
{{- $mounts := .container.volumeMounts | default list -}}
{{- $mounted := false -}}
{{- range $mounts -}}{{- if eq (trimSuffix "/" .mountPath) $.mount.mountPath -}}{{- $mounted = true -}}{{- end -}}{{- end -}}
{{- if not $mounted -}}{{- $_ := set .container "volumeMounts" (append $mounts .mount) -}}{{- end -}}
{{- end -}}

{{/*
Resources of a container, as JSON: requests of extended resources equal their limits, as Kubernetes requires
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
    {{- $limit := toString (index $limits $name) -}}
    {{- $request := toString (index $requests $name) -}}
    {{- if and (hasKey $limits $name) (hasKey $requests $name) (ne $limit $request) -}}
    {{- fail (printf
      "%s: limits.%s is %s but requests.%s is %s; Kubernetes requires them to be equal, set it once"
      $.key $name $limit $name $request) -}}
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
