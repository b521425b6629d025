{{/*
Flags: reading those that the user gives, writing those that the chart derives.
*/}}

{{/*
The flags that a list of arguments and a map of flags give, as JSON {canonical name: value}.
Input: args, flags, aliases. The value of a flag without one is "". Spellings of one flag (--tensor_parallel_size, -tp,
--tp-size) have one canonical name, vLLM's long form.
*/}}
{{- define "llm-d-modelservice.givenFlags" -}}
{{- $aliases := .aliases | default dict -}}
{{- $given := dict -}}
{{- $last := "" -}}
{{- range .args -}}
  {{- if regexMatch "^--?[A-Za-z]" . -}}
    {{- $parts := splitn "=" 2 (trimPrefix "-" (trimPrefix "-" .)) -}}
    {{- $last = $parts._0 | replace "_" "-" -}}
    {{- $last = index $aliases $last | default $last -}}
    {{- $_ := set $given $last ($parts._1 | default "") -}}
  {{- else if $last -}}
    {{- if not (index $given $last) -}}{{- $_ := set $given $last . -}}{{- end -}}
    {{- $last = "" -}}
  {{- end -}}
{{- end -}}
{{- range $name, $value := .flags -}}
  {{- $canonical := index $aliases $name | default $name -}}
  {{- if not (hasKey $given $canonical) -}}
  {{- $_ := set $given $canonical (kindIs "invalid" $value | ternary "" (kindIs "string" $value | ternary $value (toJson $value))) -}}
  {{- end -}}
{{- end -}}
{{- $given | toJson -}}
{{- end -}}

{{/* All values of a flag in a list of arguments, as a JSON list. Input: args, flag (without dashes). */}}
{{- define "llm-d-modelservice.flagValues" -}}
{{- $values := list -}}
{{- $inside := false -}}
{{- range $word := .args -}}
  {{- $value := $word -}}
  {{- if hasPrefix "--" $word -}}
    {{- $parts := splitn "=" 2 $word -}}
    {{- $inside = eq ($parts._0 | trimPrefix "--" | replace "_" "-") $.flag -}}
    {{- $value = $parts._1 | default "" -}}
  {{- else if regexMatch "^-[a-z]" $word -}}{{- $inside = false -}}
  {{- end -}}
  {{- if and $inside $value -}}{{- $values = append $values $value -}}{{- end -}}
{{- end -}}
{{- $values | toJson -}}
{{- end -}}

{{/*
One flag as a list of arguments, as JSON. Input: name, value (see engine.args in values.yaml for the forms), underscores
(true for an engine that spells flags so).
*/}}
{{- define "llm-d-modelservice.flag" -}}
{{- $name := empty .underscores | ternary .name (replace "-" "_" .name) -}}
{{- $flag := printf "--%s" $name -}}
{{- if kindIs "bool" .value -}}
{{- list (.value | ternary $flag (printf "--no-%s" $name)) | toJson -}}
{{- else if kindIs "map" .value -}}
{{- list $flag (toJson .value) | toJson -}}
{{- else if kindIs "slice" .value -}}
{{- $items := list $flag -}}
{{- range .value -}}{{- $items = append $items (kindIs "string" . | ternary . (toJson .)) -}}{{- end -}}
{{- $items | toJson -}}
{{- else if kindIs "string" .value -}}
{{- list $flag .value | toJson -}}
{{- else -}}
{{- list $flag (toJson .value) | toJson -}}
{{- end -}}
{{- end -}}

{{/*
The flags that follow from the facts about an engine, as JSON {flags: [[name, value]]}. Input: root, facts, known (the
facts about the engine), worker, positional (the model is an argument, not a flag). Where that is not enough, the
engine has its own template, see engineCommand.
*/}}
{{- define "llm-d-modelservice.derivedFlags" -}}
{{- $facts := .facts -}}
{{- $p := $facts.parallelism -}}
{{- $sizes := .known.parallelism -}}
{{- $model := .known.model -}}
{{- $groups := .known.groups | default dict -}}
{{- $flags := list -}}
{{- if not .positional -}}
{{- $flag := has $facts.model.scheme (list "hf" "pvc+hf") | ternary ($model.repository | default $model.flag) $model.flag -}}
{{- $flags = append $flags (list $flag $facts.model.argument) -}}
{{- end -}}
{{- $flags = concat $flags (list
  (list .known.port.address "0.0.0.0") (list .known.port.flag $facts.enginePort) (list .known.metrics.enable true)) -}}
{{- if gt (int $p.tensor) 1 -}}{{- $flags = append $flags (list $sizes.tensor $p.tensor) -}}{{- end -}}
{{- if gt (int $p.pipeline) 1 -}}{{- $flags = append $flags (list $sizes.pipeline $p.pipeline) -}}{{- end -}}
{{- /* Where each rank has its own port, only the ranks that the pod's ports name are started. */ -}}
{{- $data := $p.data -}}
{{- if $sizes.rankPorts -}}{{- $data = $facts.portCount -}}{{- end -}}
{{- if gt (int $data) 1 -}}{{- $flags = append $flags (list $sizes.data $data) -}}{{- end -}}
{{- if gt (int $p.dataLocal) 1 -}}{{- $flags = append $flags (list $sizes.dataLocal $p.dataLocal) -}}{{- end -}}
{{- if $p.expert -}}
{{- $flags = append $flags (list $sizes.expert (eq ($sizes.expertValue | default "switch") "tensor" | ternary $p.tensor true)) -}}
{{- end -}}
{{- with and $p.mode (index ($sizes.dataModes | default dict) $p.mode) -}}
{{- $flags = append $flags (list . (eq $p.mode "external" | ternary "$(LWS_WORKER_INDEX)" true)) -}}
{{- end -}}
{{- if $p.spans -}}
  {{- $address := "$(LWS_LEADER_ADDRESS)" -}}
  {{- if $groups.addressPort -}}{{- $address = printf "%s:%d" $address (int $groups.addressPort) -}}{{- end -}}
  {{- $flags = concat $flags (list
    (list $groups.nodes $p.workers) (list $groups.rank "$(LWS_WORKER_INDEX)") (list $groups.address $address)) -}}
{{- end -}}
{{- if .worker -}}{{- $flags = append $flags (list $groups.headless true) -}}{{- end -}}
{{- $names := $facts.model.names -}}
{{- with $model.aliasSeparator -}}{{- $names = list (join . $names) -}}{{- end -}}
{{- $flags = append $flags (list $model.name (gt (len $names) 1 | ternary $names (first $names))) -}}
{{- if .root.Values.tracing.enabled -}}
{{- $flags = append $flags (list (.known.tracing | default dict).endpoint .root.Values.tracing.otlpEndpoint) -}}
{{- end -}}
{{- if and .known.apiKey.throughFlag .root.Values.auth.apiKeySecret.name -}}
{{- $flags = append $flags (list .known.apiKey.flag (printf "$(%s)" .known.apiKey.env)) -}}
{{- end -}}
{{- if include "llm-d-modelservice.sleeps" . -}}{{- $flags = append $flags (list .known.sleep.flag true) -}}{{- end -}}
{{- $flags = concat $flags $facts.model.flags $facts.lora.flags -}}
{{- $features := .root.Values.modelArtifacts.features | default list -}}
{{- if not (has "TextGeneration" $features) -}}
{{- range $feature, $flag := $model.flagsByFeature -}}
{{- if has $feature $features -}}{{- $flags = append $flags (list $flag true) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- $found := list -}}
{{- range $flags -}}{{- if first . -}}{{- $found = append $found . -}}{{- end -}}{{- end -}}
{{- dict "flags" $found | toJson -}}
{{- end -}}
