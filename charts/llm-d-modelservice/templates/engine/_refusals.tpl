{{/*
Combinations that an engine cannot run.
*/}}

{{/*
Rejects an engine without an image or a command; prints nothing. Input: root, engine (merged so far), facts (about its
stated type), listed (the container in the values, or null), key, byDefault (modelCommand is not stated).
*/}}
{{- define "llm-d-modelservice.checkStart" -}}
{{- $engine := .engine -}}
{{- $custom := eq $engine.modelCommand "custom" -}}
{{- if not $engine.image -}}
  {{- if .listed -}}
  {{- include "llm-d-modelservice.stop" (list $ (printf "%s.image: the engine container has no image; set it here or as engine.image" .key)) -}}
  {{- end -}}
  {{- if and $engine.type (not .facts.images.default) -}}
  {{- include "llm-d-modelservice.refuse" (list $
    (printf "engine.image: engine.type is %s, which has no default image; set it, or add the preset of that engine" $engine.type)) -}}
  {{- end -}}
{{- end -}}
{{- if and $custom (not $engine.command) -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf
  "%s.command: modelCommand is custom%s, which needs a command; set it, or modelCommand: vllmServe or imageDefault"
  .key (.byDefault | ternary " (the default of a listed container)" ""))) -}}
{{- end -}}
{{- if and (not $custom) $engine.command (not .listed) -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf "%s.command: only modelCommand: custom uses it, and it is %s" .key $engine.modelCommand)
  (dict "offered" (list (dict "remove" (printf "%s.command" .key))))) -}}
{{- end -}}
{{- end -}}

{{/*
Rejects what the engine of a role cannot do, whatever its layout; prints nothing. Input: root, role, engine, given,
multinode, proxy, monitor.
*/}}
{{- define "llm-d-modelservice.checkEngine" -}}
{{- $engine := .engine -}}
{{- $values := .root.Values -}}
{{- $role := index $values .role -}}
{{- $known := index .root.Known.engines $engine.type -}}
{{- $served := keys (omit $known.api.paths "any") | sortAlpha -}}
{{- range $feature := $values.modelArtifacts.features -}}
  {{- if not (has $feature $served) -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "modelArtifacts.features: %s does not serve %s, only %s; remove it, or choose another engine.type"
    $known.title $feature (join ", " $served))) -}}
  {{- end -}}
{{- end -}}
{{- $name := include "llm-d-modelservice.modelName" .root -}}
{{- $named := or (eq $engine.modelCommand "custom") (hasKey .given ($known.model.name | default "" | replace "_" "-")) -}}
{{- range $feature := $values.modelArtifacts.features -}}
  {{- range $path := index $known.api.paths $feature -}}
  {{- if and (not $named) (contains "{model}" $path) (contains "/" $name) -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "modelArtifacts.name: %s serves %s at %s, so the name must not contain a slash; set e.g. name: %s"
    $known.title $feature $path (splitList "/" $name | last))) -}}
  {{- end -}}
  {{- end -}}
{{- end -}}
{{- with .monitor -}}
  {{- $exporter := include "llm-d-modelservice.hasExporter" (dict "values" $role "monitor" .) -}}
  {{- if not (or $known.metrics.path $exporter) -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "%s.monitoring.%s.enabled: %s has no metrics; set false, or add an exporter as a further container with a port named %s"
    $.role .kind $known.title .portName)
    (dict "offered" (list (dict "set" (printf "%s.monitoring.%s.enabled" $.role .kind) "value" false)))) -}}
  {{- end -}}
  {{- $flag := $known.metrics.onlyWith | default "" -}}
  {{- if and $flag (not $exporter) (ne $engine.modelCommand "custom") (not (hasKey $.given $flag)) -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "%s.monitoring.%s.enabled: %s has metrics only with --%s, a file that turns them on; set engine.args.%s, or set false"
    $.role .kind $known.title (replace "-" "_" $flag) $flag)
    (dict "offered" (list (dict "set" (printf "%s.monitoring.%s.enabled" $.role .kind) "value" false)))) -}}
  {{- end -}}
{{- end -}}
{{- $started := index .root.Known.unstated.byCommand $engine.modelCommand -}}
{{- if and $started (ne $started $engine.type) -}}
{{- $key := empty $role.engine.type | ternary "engine" (printf "%s.engine" .role) -}}
{{- if $engine.typed -}}
{{- include "llm-d-modelservice.refuse" (list $
  (printf "%s.type: modelCommand: %s does not start %s; remove modelCommand" $key $engine.modelCommand $engine.type)) -}}
{{- else -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf
  "engine.image: modelCommand: %s does not start %s, which %s is; set the image of the engine, or remove modelCommand"
  $engine.modelCommand $known.title $engine.image)) -}}
{{- end -}}
{{- end -}}
{{- if not $known.disaggregates -}}
  {{- if eq .role "prefill" -}}
  {{- include "llm-d-modelservice.refuse" (list $
    (printf "prefill.create: %s does not separate prefill from decode; set prefill.create: false" $known.title)
    (dict "certain" (list (dict "set" "prefill.create" "value" false)))) -}}
  {{- end -}}
  {{- if .proxy -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "routing.proxy.enabled: the routing sidecar serves prefill/decode, which %s does not support; set routing.proxy.enabled: false"
    $known.title)
    (dict "certain" (list (dict "set" "routing.proxy.enabled" "value" false)))) -}}
  {{- end -}}
{{- end -}}
{{- if and .multinode $known.needsAccelerator (not $known.groups) -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf "multinode: %s runs in one pod; set multinode: false" $known.title)
  (dict "offered" (list (dict "set" "multinode" "value" false)))) -}}
{{- end -}}
{{- if eq ($known.start.settings | default "flags") "environment" -}}
  {{- range $name, $value := $engine.flags -}}
    {{- if not (kindIs "invalid" $value) -}}
    {{- include "llm-d-modelservice.refuse" (list $
      (printf "engine.args.%s: %s has no flags, its settings are environment variables; set engine.env" $name $known.title)) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/*
Rejects parallel sizes that the engine does not have; prints nothing. Input: root, role, engine, parallelism. The
simulator takes every layout and stands for its ranks: it needs the ports, not the sizes.
*/}}
{{- define "llm-d-modelservice.checkSizes" -}}
{{- $p := .parallelism -}}
{{- $known := index .root.Known.engines .engine.type -}}
{{- $sizes := $known.parallelism -}}
{{- if $known.needsAccelerator -}}
  {{- $set := dict "tensor" (gt (int $p.tensor) 1) "pipeline" (gt (int $p.pipeline) 1) "data" (gt (int $p.data) 1) "expert" $p.expert -}}
  {{- range $size, $wanted := $set -}}
    {{- if and $wanted (not (index $sizes $size)) -}}
    {{- include "llm-d-modelservice.refuse" (list $ (printf
      "%s.parallelism.%s: %s has no such setting; remove it%s"
      $.role $size $known.title (eq $size "expert" | ternary "" (printf ", and for more accelerators in a pod set %s.accelerator.count" $.role)))
      (dict (eq $size "expert" | ternary "certain" "offered") (list (dict "remove" (printf "%s.parallelism.%s" $.role $size))))) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/*
Rejects a data parallel mode that the engine or the layout does not have; prints nothing. Input: root, key, known (facts
about the engine), mode, data, dataLocal.
*/}}
{{- define "llm-d-modelservice.checkDataMode" -}}
{{- $modes := .known.parallelism.dataModes | default dict -}}
{{- if and .mode .known.needsAccelerator (not (hasKey $modes .mode)) -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf
  "%s.dataMode: %s has no %s mode; %s" .key .known.title .mode
  (empty $modes | ternary "remove it" (printf "set one of %s" (keys $modes | sortAlpha | join ", "))))
  (dict (empty $modes | ternary "certain" "offered") (list (dict "remove" (printf "%s.dataMode" .key))))) -}}
{{- end -}}
{{- if and (eq .mode "external") (ne (int .dataLocal) 1) -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf
  "%s.dataMode: external runs one rank per pod, but dataLocal is %d; set dataMode: multiPort for a port per rank, or dataLocal: 1"
  .key (int .dataLocal))
  (dict "offered" (list (dict "set" (printf "%s.dataMode" .key) "value" "multiPort")))) -}}
{{- end -}}
{{- if and (eq .mode "multiPort") (lt (int .dataLocal) 2) -}}
{{- include "llm-d-modelservice.refuse" (list $
  (printf "%s.dataMode: multiPort needs several ranks in a pod, but dataLocal is 1; set dataMode: external" .key)
  (dict "certain" (list (dict "set" (printf "%s.dataMode" .key) "value" "external")))) -}}
{{- end -}}
{{- $most := int .known.parallelism.maxData -}}
{{- $ranks := int (eq .mode "multiPort" | ternary .dataLocal .data) -}}
{{- if and $most (has .mode (list "external" "multiPort")) (gt $ranks $most) -}}
{{- include "llm-d-modelservice.refuse" (list $
  (printf "%s: %s runs at most %d data parallel ranks, but the layout has %d; set fewer" .key .known.title $most $ranks)) -}}
{{- end -}}
{{- end -}}
