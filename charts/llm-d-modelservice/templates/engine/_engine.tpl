{{/*
The engine: the container that loads the model, its command, arguments and environment.
*/}}

{{/*
The engine container of a role as data, before anything is derived, as JSON. Input: root, role, profile.
Layers, lowest first: the resource profile, engine, <role>.engine, <role>.containers[0].
Output: the fields of a container without args and env, plus
  userArgs  arguments of the listed container
  userEnv   environment of the listed container
  flags     engine.args of both layers, nulls kept
  variables engine.env of both layers, nulls kept
  type      the engine, also where it is not stated
  typed     it is stated, and so port and probes are derived
*/}}
{{- define "llm-d-modelservice.engine" -}}
{{- $role := index .root.Values .role -}}
{{- $engine := dict -}}
{{- $flags := dict -}}
{{- $variables := dict -}}
{{- include "llm-d-modelservice.merge" (dict "into" $engine "from" (pick .profile "image" "resources")) -}}
{{- range $layer := list .root.Values.engine $role.engine -}}
  {{- include "llm-d-modelservice.merge" (dict "into" $engine "from" (include "llm-d-modelservice.containerLayer" $layer | fromJson)) -}}
  {{- range $name, $value := $layer.args -}}{{- $_ := set $flags $name $value -}}{{- end -}}
  {{- range $name, $value := $layer.env -}}{{- $_ := set $variables $name $value -}}{{- end -}}
{{- end -}}
{{- $listed := first ($role.containers | default list) -}}
{{- if $listed -}}
  {{- if and $listed.command (not $listed.modelCommand) -}}{{- $_ := unset $engine "modelCommand" -}}{{- end -}}
  {{- include "llm-d-modelservice.merge" (dict "into" $engine "from" (include "llm-d-modelservice.containerLayer" $listed | fromJson)) -}}
{{- end -}}
{{- $key := printf "%s.%s" .role (empty $listed | ternary "engine" "containers[0]") -}}
{{- $byDefault := not $engine.modelCommand -}}
{{- $typed := not (empty $engine.type) -}}
{{- if and $byDefault $typed (not ($listed).command) -}}
{{- $_ := set $engine "modelCommand" (get (dict "vllm" "vllmServe" "sglang" "sglangServe") $engine.type | default "imageDefault") -}}
{{- else if $byDefault -}}
{{- $_ := set $engine "modelCommand" (empty $listed | ternary "imageDefault" "custom") -}}
{{- end -}}
{{- if and (not $engine.image) $listed -}}
{{- fail (printf "%s.image: the engine container has no image; set it here or as engine.image" $key) -}}
{{- end -}}
{{- if and (not $engine.image) (has ($engine.type | default "simulator") (list "vllm" "sglang" "ollama" "infinity" "fasterWhisper" "huggingface")) -}}
{{- fail (printf
  (print "engine.image: engine.type is %s, and the image is yours to choose; set it, or add the layer of that engine, "
    "which has one")
  $engine.type) -}}
{{- end -}}
{{- if and (eq $engine.modelCommand "custom") (not $engine.command) -}}
{{- fail (printf
  (print "%s.command: modelCommand is custom%s, which needs a command; set it, or modelCommand: vllmServe or "
    "imageDefault")
  $key ($byDefault | ternary " (the default of a listed container)" "")) -}}
{{- end -}}
{{- if and (ne $engine.modelCommand "custom") $engine.command (not $listed) -}}
{{- fail (printf "%s.command: only modelCommand: custom uses it, and it is %s" $key $engine.modelCommand) -}}
{{- end -}}
{{- if kindIs "invalid" $engine.mountModelVolume -}}{{- $_ := set $engine "mountModelVolume" (or $typed (not $listed)) -}}{{- end -}}
{{- $_ := set $engine "name" ($engine.name | default (empty (include "llm-d-modelservice.standsAlone" ($engine.type | default "")) | ternary "vllm" ($engine.type | default "" | kebabcase))) -}}
{{- $_ := set $engine "image" ($engine.image | default "ghcr.io/llm-d/llm-d-inference-sim:latest") -}}
{{- $_ := set $engine "typed" $typed -}}
{{- if not $typed -}}
{{- $_ := set $engine "type" (eq $engine.modelCommand "sglangServe" | ternary "sglang" (empty (include "llm-d-modelservice.isSimulator" $engine.image) | ternary "vllm" "simulator")) -}}
{{- end -}}
{{- $_ := set $engine "userArgs" (($listed).args | default list) -}}
{{- $_ := set $engine "userEnv" (($listed).env | default list) -}}
{{- $_ := set $engine "flags" $flags -}}
{{- $_ := set $engine "variables" $variables -}}
{{- $engine | toJson -}}
{{- end -}}

{{/*
The fields that a layer sets, without args and env, which merge differently, as JSON. Input: the layer. A null field
is one that is not set: Helm 3 keeps the nulls of values.yaml, Helm 4 drops them.
*/}}
{{- define "llm-d-modelservice.containerLayer" -}}
{{- $fields := dict -}}
{{- range $name, $value := omit . "args" "env" -}}
  {{- if not (kindIs "invalid" $value) -}}{{- $_ := set $fields $name $value -}}{{- end -}}
{{- end -}}
{{- $fields | toJson -}}
{{- end -}}
