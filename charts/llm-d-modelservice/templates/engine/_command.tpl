{{/*
Command and arguments of the engine, as JSON {command, args}. Input: root, facts (see role), worker (true for a pod that
does not serve).

The flags come from the facts about the engine (derivedFlags), or from the engine's own template,
"llm-d-modelservice.engines.<type>.flags" in engines/. Its input: root, facts, known, worker, positional. Its output,
as JSON:
  flags     [[name, value]]
  command   in place of the engine's command
  withheld  flags of engine.args that this pod must not get
An engine whose settings are environment variables, see engineEnv, gets no flags.
*/}}
{{- define "llm-d-modelservice.engineCommand" -}}
{{- $engine := .facts.engine -}}
{{- $given := .facts.given -}}
{{- if eq $engine.modelCommand "custom" -}}
{{- dict "command" $engine.command "args" $engine.userArgs | toJson -}}
{{- else -}}
{{- $aliases := .root.Known.aliases -}}
{{- $known := index .root.Known.engines $engine.type -}}
{{- $templates := $known.start.templates | default list -}}
{{- $usual := eq $engine.modelCommand $known.start.modelCommand -}}
{{- $command := $usual | ternary ($known.start.command | default list) list -}}
{{- $positional := and $known.model.positional $usual -}}
{{- $derived := dict -}}
{{- if or (has "flags" $templates) (not (has "environment" $templates)) -}}
  {{- $template := "llm-d-modelservice.derivedFlags" -}}
  {{- if has "flags" $templates -}}{{- $template = printf "llm-d-modelservice.engines.%s.flags" $engine.type -}}{{- end -}}
  {{- $input := dict "root" .root "facts" .facts "known" $known "worker" .worker "positional" $positional -}}
  {{- $derived = include $template $input | fromJson -}}
{{- end -}}
{{- $args := $known.start.arguments | default list -}}
{{- if and $positional (not (hasKey $given "model")) -}}{{- $args = append $args .facts.model.argument -}}{{- end -}}
{{- range $derived.flags -}}
  {{- $name := first . -}}
  {{- $canonical := replace "_" "-" $name -}}
  {{- if not (hasKey $given (index $aliases $canonical | default $canonical)) -}}
  {{- $args = concat $args (include "llm-d-modelservice.flag" (dict "name" $name "value" (last .) "underscores" $known.start.underscores) | fromJsonArray) -}}
  {{- end -}}
{{- end -}}
{{- $fromUser := include "llm-d-modelservice.givenFlags" (dict "args" $engine.userArgs "flags" dict "aliases" $aliases) | fromJson -}}
{{- range $name, $value := $engine.flags -}}
  {{- $repeated := hasKey $fromUser (index $aliases $name | default $name) -}}
  {{- if not (or (kindIs "invalid" $value) $repeated (has $name ($derived.withheld | default list))) -}}
  {{- $args = concat $args (include "llm-d-modelservice.flag" (dict "name" $name "value" $value "underscores" $known.start.underscores) | fromJsonArray) -}}
  {{- end -}}
{{- end -}}
{{- dict "command" ($derived.command | default $command) "args" (concat $args $engine.userArgs) | toJson -}}
{{- end -}}
{{- end -}}
