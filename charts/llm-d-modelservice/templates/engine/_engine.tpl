{{/*
The engine: the container that loads the model, from its layers of values to one set of settings.
*/}}

{{/*
The engine container of a role before anything is derived, as JSON. Input: root, role, profile.
Layers, lowest first: the resource profile, engine, <role>.engine, <role>.containers[0].
Output: the fields of a container without args and env, plus
  userArgs  arguments of the listed container
  userEnv   environment of the listed container
  flags     engine.args of both layers, nulls kept
  variables engine.env of both layers, nulls kept
  type      the engine, also where it is not stated: see engineType
  typed     the type is stated, so port and probes are derived
  options   settings that only this type has, e.g. engine.ollama
*/}}
{{- define "llm-d-modelservice.engine" -}}
{{- $known := .root.Known -}}
{{- $role := index .root.Values .role -}}
{{- $engine := dict -}}
{{- $flags := dict -}}
{{- $variables := dict -}}
{{- include "llm-d-modelservice.merge" (dict "into" $engine "from" (pick .profile "image" "resources")) -}}
{{- range $layer := list .root.Values.engine $role.engine -}}
  {{- include "llm-d-modelservice.mergeLayer" (dict "into" $engine "layer" $layer) -}}
  {{- range $name, $value := $layer.args -}}{{- $_ := set $flags $name $value -}}{{- end -}}
  {{- range $name, $value := $layer.env -}}{{- $_ := set $variables $name $value -}}{{- end -}}
{{- end -}}
{{- $listed := first ($role.containers | default list) -}}
{{- if $listed -}}
  {{- if and $listed.command (not $listed.modelCommand) -}}{{- $_ := unset $engine "modelCommand" -}}{{- end -}}
  {{- include "llm-d-modelservice.mergeLayer" (dict "into" $engine "layer" $listed) -}}
{{- end -}}
{{- $typed := not (empty $engine.type) -}}
{{- $facts := index $known.engines ($engine.type | default $known.unstated.type) -}}
{{- $byDefault := not $engine.modelCommand -}}
{{- if and $byDefault $typed (not ($listed).command) -}}
{{- $_ := set $engine "modelCommand" $facts.start.modelCommand -}}
{{- else if $byDefault -}}
{{- $_ := set $engine "modelCommand" (empty $listed | ternary "imageDefault" "custom") -}}
{{- end -}}
{{- $key := printf "%s.%s" .role (empty $listed | ternary "engine" "containers[0]") -}}
{{- include "llm-d-modelservice.checkStart" (dict "root" .root "engine" $engine "facts" $facts "listed" $listed "key" $key "byDefault" $byDefault) -}}
{{- if kindIs "invalid" $engine.mountModelVolume -}}{{- $_ := set $engine "mountModelVolume" (or $typed (not $listed)) -}}{{- end -}}
{{- $_ := set $engine "name" ($engine.name | default $facts.start.container) -}}
{{- $_ := set $engine "image" ($engine.image | default $facts.images.default | default $known.unstated.image) -}}
{{- $_ := set $engine "typed" $typed -}}
{{- if not $typed -}}{{- $_ := set $engine "type" (include "llm-d-modelservice.engineType" (dict "root" .root "engine" $engine)) -}}{{- end -}}
{{- include "llm-d-modelservice.addKvRole" (dict "role" .role "flags" $flags "known" (index $known.engines $engine.type)) -}}
{{- $_ := set $engine "options" dict -}}
{{- range $type, $other := $known.engines -}}
  {{- $options := $other.start.options -}}
  {{- if and $options (index $engine (toString $options)) -}}
    {{- if ne $type $engine.type -}}
    {{- include "llm-d-modelservice.stop" (list $
      (printf "engine.%s: it belongs to engine.type: %s, but the type is %s; remove it" $options $type $engine.type)
      (dict "offered" (list (dict "remove" (printf "engine.%s" $options))))) -}}
    {{- end -}}
    {{- $_ := set $engine "options" (index $engine $options) -}}
  {{- end -}}
  {{- if $options -}}{{- $_ := unset $engine $options -}}{{- end -}}
{{- end -}}
{{- $_ := set $engine "userArgs" (($listed).args | default list) -}}
{{- $_ := set $engine "userEnv" (($listed).env | default list) -}}
{{- $_ := set $engine "flags" $flags -}}
{{- $_ := set $engine "variables" $variables -}}
{{- $engine | toJson -}}
{{- end -}}

{{/*
Adds what a role does with the KV cache to the configuration of its transfer, in place, unless it is given; prints
nothing. Input: role, flags, known (facts about the engine).
https://docs.vllm.ai/en/latest/features/nixl_connector_usage/
*/}}
{{- define "llm-d-modelservice.addKvRole" -}}
{{- with .known.kvRoles -}}
{{- $config := index $.flags .flag -}}
{{- if kindIs "map" $config -}}
{{- if and (has (index $config .connectorKey) .connectors) (not (hasKey $config .roleKey)) -}}
{{- $_ := set $.flags .flag (merge (dict .roleKey (index .roles $.role)) $config) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
Merges the fields of a layer into an engine, in place; prints nothing. Input: into, layer. Left out are args and env,
which merge differently, and null fields, which are not set: Helm 3 keeps the nulls of values.yaml, Helm 4 drops them.
*/}}
{{- define "llm-d-modelservice.mergeLayer" -}}
{{- $fields := dict -}}
{{- range $name, $value := omit .layer "args" "env" -}}
  {{- if not (kindIs "invalid" $value) -}}{{- $_ := set $fields $name $value -}}{{- end -}}
{{- end -}}
{{- include "llm-d-modelservice.merge" (dict "into" .into "from" $fields) -}}
{{- end -}}

{{/*
Type of an engine that does not state it, printed: the one whose modelCommand it has, or the simulator by its image, else
vLLM. Input: root, engine.
*/}}
{{- define "llm-d-modelservice.engineType" -}}
{{- $image := .engine.image -}}
{{- $unstated := .root.Known.unstated -}}
{{- $type := index $unstated.byCommand .engine.modelCommand | default $unstated.type -}}
{{- if eq $type $unstated.type -}}
{{- range $pattern, $found := $unstated.byImage -}}{{- if regexMatch $pattern $image -}}{{- $type = $found -}}{{- end -}}{{- end -}}
{{- end -}}
{{- $type -}}
{{- end -}}

{{/*
The engine's metrics of its requests, as JSON {running, waiting, picker}; an empty map for an engine that counts none.
picker is the engine's name in the endpoint picker, null where the picker cannot read them. Input: root, facts (about the
role). An engine that can run the model in another one has that one's metrics only while it does.
*/}}
{{- define "llm-d-modelservice.requestMetrics" -}}
{{- $engine := .facts.engine -}}
{{- $metrics := (index .root.Known.engines $engine.type).metrics -}}
{{- $on := true -}}
{{- with $metrics.onlyWith -}}
{{- $on = hasKey $.facts.given . -}}
{{- end -}}
{{- if and $metrics.running $on (include "llm-d-modelservice.backendRuns" (dict "root" .root "engine" $engine)) -}}
{{- pick $metrics "running" "waiting" "picker" | toJson -}}
{{- else -}}
{}
{{- end -}}
{{- end -}}

{{/* "true" unless the options of an engine turn off the other engine that it can run the model in. Input: root, engine. */}}
{{- define "llm-d-modelservice.backendRuns" -}}
{{- $backend := (index .root.Known.engines .engine.type).backend -}}
{{- if not (and $backend (eq (toString .engine.options.backend) ($backend).unless)) -}}true{{- end -}}
{{- end -}}

{{/* Version of an engine by its image's tag, printed; nothing where the tag means something else. Input: root, engine. */}}
{{- define "llm-d-modelservice.engineVersion" -}}
{{- $versioned := (index .root.Known.engines .engine.type).images.versioned -}}
{{- if $versioned -}}
{{- if regexMatch $versioned .engine.image -}}{{- include "llm-d-modelservice.imageVersion" (dict "image" .engine.image) -}}{{- end -}}
{{- end -}}
{{- end -}}
