{{/*
Revisions of prefill and decode that can hand over to each other, for routing.revisionGating: a label of their pods, and
the endpoint picker's plugin that keeps a request within one revision.
*/}}

{{/*
The revision of the release's pods, printed: equal for two states of the release exactly where the pods of one can hand
over to those of the other, as far as values and facts tell. Nothing without routing.revisionGating, and nothing for a
DisaggregatedSet, whose controller labels the pods. Input: the root context. Worked out once per render, kept as
.PairRevision.
Both roles have the same one: a role whose factors stay can no longer talk to the other one whose factors change.
*/}}
{{- define "llm-d-modelservice.pairRevision" -}}
{{- if and .Values.routing.revisionGating.enabled (not (include "llm-d-modelservice.isSet" .)) -}}
{{- if not (hasKey . "PairRevision") -}}
{{- $factors := dict -}}
{{- range $name := list "decode" "prefill" -}}
  {{- if (index $.Values $name).create -}}
  {{- include "llm-d-modelservice.role" (dict "root" $ "role" $name) -}}
  {{- $input := dict "root" $ "facts" (index $.Roles $name) -}}
  {{- $_ := set $factors $name (include "llm-d-modelservice.pairFactors" $input | fromJson) -}}
  {{- end -}}
{{- end -}}
{{- $_ := set . "PairRevision" ($factors | toJson | sha256sum | trunc 10 | printf "r%s") -}}
{{- end -}}
{{- .PairRevision -}}
{{- end -}}
{{- end -}}

{{/*
What a role's engine must have in common with the engines that it hands over to, or gets the cache from, as JSON {setting:
value}. Input: root, facts. Which settings these are is known of the engine and its version (facts.json: handover). A
command that the chart does not write counts as a whole, and so does extraConfig that changes it.
*/}}
{{- define "llm-d-modelservice.pairFactors" -}}
{{- $engine := .facts.engine -}}
{{- /* Engines compare their full version: 0.33.0rc1 is not 0.33.0, and a build for another CUDA may not be. */ -}}
{{- $version := include "llm-d-modelservice.engineVersion" (dict "root" .root "engine" $engine) -}}
{{- $tag := regexFind ":[^:/@]+(@|$)" $engine.image -}}
{{- $images := (index .root.Known.engines $engine.type).images -}}
{{- $full := $version -}}
{{- with $images.build -}}{{- $full = regexFind . $tag -}}{{- end -}}
{{- with $images.variant -}}{{- $full = printf "%s %s" $full (regexFind . $tag) | trim -}}{{- end -}}
{{- $image := include "llm-d-modelservice.image" (dict "root" .root "image" $engine.image) -}}
{{- $found := dict "engine" (empty $version | ternary $image (printf "%s %s" $engine.type $full)) -}}
{{- if eq $engine.modelCommand "custom" -}}{{- $_ := set $found "command" (concat ($engine.command | default list) $engine.userArgs) -}}{{- end -}}
{{- $overrides := list ($engine.extraConfig | default dict) -}}
{{- range ((index .root.Values .facts.role).extraConfig | default dict).containers -}}
{{- if eq .name $engine.name -}}{{- $overrides = append $overrides . -}}{{- end -}}
{{- end -}}
{{- range $i, $override := $overrides -}}
{{- with pick $override "image" "command" "args" "env" -}}{{- $_ := set $found (printf "override%d" $i) . -}}{{- end -}}
{{- end -}}
{{- $known := (index .root.Known.engines $engine.type).handover | default dict -}}
{{- $given := dict "model" .facts.model.argument -}}
{{- range .facts.model.flags -}}{{- $_ := set $given (first .) (last .) -}}{{- end -}}
{{- range $name, $value := .facts.given -}}{{- $_ := set $given $name $value -}}{{- end -}}
{{- $env := dict -}}
{{- range include "llm-d-modelservice.engineEnv" . | fromJsonArray -}}{{- $_ := set $env .name (.value | default "") -}}{{- end -}}
{{- $transfer := index $given ($known.flag | default "") | default "{}" | fromJson -}}
{{- $settings := $transfer.kv_connector_extra_config | default dict -}}
{{- $connectors := list ($transfer.kv_connector | default "") -}}
{{- range $settings.connectors -}}{{- $connectors = append $connectors (.kv_connector | default "") -}}{{- end -}}
{{- $peers := false -}}
{{- range $known.connectors -}}{{- if has . $connectors -}}{{- $peers = true -}}{{- end -}}{{- end -}}
{{- $factors := list -}}
{{- $handshake := $known.handshake | default dict -}}
{{- $off := has (index $settings ($handshake.switch | default "") | toString | lower) (list "false" "0") -}}
{{- if and $peers $handshake (include "llm-d-modelservice.holds" (dict "fact" $handshake "version" $version)) (not $off) -}}
  {{- $factors = $handshake.factors -}}
{{- else -}}
  {{- $blocks := ($known.blocks | default dict).flag -}}
  {{- range $known.equal -}}
  {{- if not (and $peers (eq . ($blocks | default ""))) -}}{{- $factors = append $factors (dict "flag" .) -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- if and $peers $known.blocks -}}
  {{- $until := eq (toString $transfer.kv_buffer_device) "cpu" | ternary "" $known.blocks.anySince -}}
  {{- $factors = append $factors (dict "flag" $known.blocks.flag "until" $until) -}}
{{- end -}}
{{- range $known.weights -}}{{- $factors = append $factors (dict "flag" .) -}}{{- end -}}
{{- range $factors -}}
  {{- if include "llm-d-modelservice.holds" (dict "fact" . "version" $version) -}}
  {{- $input := dict "factor" . "given" $given "env" $env "settings" $settings "connectors" $connectors "version" $version -}}
  {{- with include "llm-d-modelservice.pairFactor" $input -}}{{- $_ := set $found (first (splitList "=" .)) . -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- $found | toJson -}}
{{- end -}}

{{/*
One setting that both sides compare, printed as name=value; nothing where it has the engine's default. Input: factor (see
HandshakeFactor of the facts), given (flags), env, settings (of the connector), connectors, version (of the engine, or "").
*/}}
{{- define "llm-d-modelservice.pairFactor" -}}
{{- $factor := .factor -}}
{{- $name := $factor.flag | default $factor.extra | default "connector" -}}
{{- $value := "" -}}
{{- if $factor.connectors -}}
  {{- $values := list -}}
  {{- range .connectors -}}{{- with index $factor.connectors . -}}{{- $values = append $values . -}}{{- end -}}{{- end -}}
  {{- $value = $values | uniq | sortAlpha | join "," -}}
{{- else if $factor.extra -}}
  {{- $value = hasKey .settings $factor.extra | ternary (index .settings $factor.extra | toString | lower) "" -}}
{{- else if hasKey .given $factor.flag -}}
  {{- $value = index .given $factor.flag | toString | default "true" -}}
  {{- if $factor.keys -}}
  {{- $object := fromJson $value -}}
  {{- if $object.method -}}
  {{- $kept := dict -}}
  {{- range $factor.keys -}}{{- if hasKey $object . -}}{{- $_ := set $kept . (index $object .) -}}{{- end -}}{{- end -}}
  {{- $value = has $object.method $factor.methods | ternary (toJson $kept) "" -}}
  {{- end -}}
  {{- end -}}
{{- else if hasKey .given (printf "no-%s" $factor.flag) -}}
  {{- $value = "false" -}}
{{- else if $factor.variable -}}
  {{- $read := dict "until" $factor.variableUntil -}}
  {{- if include "llm-d-modelservice.holds" (dict "fact" $read "version" .version) -}}
  {{- $value = index .env $factor.variable | default "" -}}
  {{- end -}}
{{- end -}}
{{- if and $value (ne $value ($factor.default | default "")) -}}{{- printf "%s=%s" $name $value -}}{{- end -}}
{{- end -}}

{{/* "true" where a fact with since and until may hold for a version; an empty one is not known. Input: fact, version. */}}
{{- define "llm-d-modelservice.holds" -}}
{{- $from := or (not .version) (not .fact.since) (semverCompare (printf ">=%s-0" (.fact.since | default "0")) (.version | default "0.0.0")) -}}
{{- $to := or (not .version) (not .fact.until) (semverCompare (printf "<%s-0" (.fact.until | default "0")) (.version | default "0.0.0")) -}}
{{- if and $from $to -}}true{{- end -}}
{{- end -}}

{{/*
Keys of the pods' labels with revision and role, as JSON {revision, role}: those of the controller in a DisaggregatedSet.
Input: the root context.
*/}}
{{- define "llm-d-modelservice.revisionLabels" -}}
{{- if include "llm-d-modelservice.isSet" . -}}
{{- pick .Known.disaggregatedSet.labels "revision" "role" | toJson -}}
{{- else -}}
{{- dict "revision" .Known.endpointPicker.rolloutScreener.label "role" "llm-d.ai/role" | toJson -}}
{{- end -}}
{{- end -}}

{{/*
The plugin that keeps a request within one revision, as JSON {type, parameters}. Input: the root context. Its scope is what
the pool selects: it gives no requests to pods outside of it.
*/}}
{{- define "llm-d-modelservice.rolloutScreener" -}}
{{- $release := include "llm-d-modelservice.selectorLabels" (dict "root" . "role" "") | fromJson -}}
{{- $labels := .Values.modelArtifacts.labels | default (omit $release "llm-d.ai/role") -}}
{{- if .Values.routing.inferencePool.create -}}{{- $labels = (include "llm-d-modelservice.pool" . | fromJson).matchLabels -}}{{- end -}}
{{- $scope := list -}}
{{- range $name, $value := $labels -}}{{- $scope = append $scope (printf "%s=%s" $name (toString $value)) -}}{{- end -}}
{{- $labels = include "llm-d-modelservice.revisionLabels" . | fromJson -}}
{{- dict
  "type" .Known.endpointPicker.rolloutScreener.plugin
  "parameters" (dict
    "scope" (dict "labelSelector" (join "," $scope))
    "revisionGating" (dict
      "mode" .Values.routing.revisionGating.mode
      "requireRoles" (dict "values" (list "prefill" "decode"))
      "revisionLabelKey" $labels.revision "roleLabelKey" $labels.role))
| toJson -}}
{{- end -}}

{{/* "true" where the chart writes the screener into the picker's configuration. Input: the root context. */}}
{{- define "llm-d-modelservice.screens" -}}
{{- $epp := .Values.routing.epp -}}
{{- $gating := .Values.routing.revisionGating -}}
{{- if and $gating.enabled $gating.screener $epp.create (not $epp.pluginsConfig) (not $epp.pluginsConfigFile) -}}true{{- end -}}
{{- end -}}
