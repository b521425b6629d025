{{/*
Sources of models that contradict the engine or each other.
*/}}

{{/*
Rejects a source that contradicts the engine or the other keys of modelArtifacts; prints nothing. Input: root, engine,
model, known (facts about the engine's models).
*/}}
{{- define "llm-d-modelservice.checkSource" -}}
{{- $artifacts := .root.Values.modelArtifacts -}}
{{- $scheme := .model.scheme -}}
{{- $type := .engine.type -}}
{{- $engines := .root.Known.engines -}}
{{- $engine := index $engines $type -}}
{{- $repository := has $scheme (list "hf" "pvc+hf" "ms") -}}
{{- $store := or (has $scheme (list "hf" "ms" "s3" "gs" "oss")) (eq $scheme $type) -}}
{{- /* A scheme that is named as an engine is of that engine's own store. */ -}}
{{- if and (hasKey $engines $scheme) (ne $type $scheme) -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf
  "modelArtifacts.uri: only %s loads %s:// models, but the engine is %s; set engine.type: %s"
  (index $engines $scheme).title $scheme $engine.title $scheme)
  (dict "offered" (list (dict "set" "engine.type" "value" $scheme)))) -}}
{{- end -}}
{{- if and .known.schemes (not (has $scheme (.known.schemes | default list))) -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf
  "modelArtifacts.uri: %s loads models from its own store, not from %s://; set %s://model:tag, or pvc://claim for a store on a claim"
  $engine.title $scheme $type)) -}}
{{- end -}}
{{- if and $artifacts.revision (not $repository) -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf
  "modelArtifacts.revision: a %s:// model has no revisions; remove it, or set another path or tag in modelArtifacts.uri"
  $scheme)
  (dict "offered" (list (dict "remove" "modelArtifacts.revision")))) -}}
{{- end -}}
{{- if and $artifacts.revision $engine.needsAccelerator (not .known.revision) -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf "modelArtifacts.revision: %s loads the newest revision only; remove it" $engine.title)
  (dict "offered" (list (dict "remove" "modelArtifacts.revision")))) -}}
{{- end -}}
{{- if eq $scheme "oss" -}}
  {{- if not $artifacts.endpoint -}}
  {{- include "llm-d-modelservice.refuse" (list $ (print
    "modelArtifacts.endpoint: an oss:// bucket is reached at its region's address; set e.g. "
    "https://oss-cn-hangzhou.aliyuncs.com")) -}}
  {{- end -}}
{{- else if and $artifacts.endpoint (not (has $scheme (list "hf" "ms" "s3"))) -}}
  {{- $mirrored := false -}}
  {{- range $artifacts.adapters -}}{{- if hasPrefix "hf://" .uri -}}{{- $mirrored = true -}}{{- end -}}{{- end -}}
  {{- if not $mirrored -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "modelArtifacts.endpoint: nothing is loaded from a store whose address can be set (the model is %s://); remove it"
    $scheme)
    (dict "certain" (list (dict "remove" "modelArtifacts.endpoint")))) -}}
  {{- end -}}
{{- end -}}
{{- $persistence := $artifacts.persistence -}}
{{- if $persistence.enabled -}}
  {{- if eq $artifacts.volume.type "ephemeral" -}}
  {{- include "llm-d-modelservice.refuse" (list $ (print
    "modelArtifacts.volume.type: ephemeral is a claim of each pod, but persistence.enabled is one claim for all; keep "
    "one of them")) -}}
  {{- end -}}
  {{- if eq $scheme "file" -}}
    {{- if not (hasPrefix (printf "%s/" .model.mountPath) .model.argument) -}}
    {{- include "llm-d-modelservice.refuse" (list $ (printf
      (print "modelArtifacts.uri: the claim of persistence is mounted at %s, but %s is elsewhere; set file://%s/<path>, "
        "or persistence.enabled: false")
      .model.mountPath .model.argument .model.mountPath)) -}}
    {{- end -}}
  {{- else if not $store -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "modelArtifacts.persistence.enabled: a %s:// model is not downloaded, so its claim would stay empty; set persistence.enabled: false"
    $scheme)
    (dict "offered" (list (dict "set" "modelArtifacts.persistence.enabled" "value" false)))) -}}
  {{- end -}}
  {{- if $persistence.existingClaim -}}
    {{- range $key := list "dataSource" "volumeName" "storageClassName" "retain" -}}
      {{- if index $persistence $key -}}
      {{- include "llm-d-modelservice.refuse" (list $ (printf
        "modelArtifacts.persistence.%s: it belongs to a claim that the chart creates, but existingClaim is %s; remove one of them"
        $key $persistence.existingClaim)
        (dict "offered" (list (dict "remove" (printf "modelArtifacts.persistence.%s" $key))))) -}}
      {{- end -}}
    {{- end -}}
  {{- else if not (or $persistence.size $artifacts.size) -}}
  {{- include "llm-d-modelservice.refuse" (list $ "modelArtifacts.size: a claim needs a size; set it, or persistence.size") -}}
  {{- end -}}
  {{- include "llm-d-modelservice.checkSharing" .root -}}
{{- else if or $persistence.existingClaim $persistence.dataSource -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf
  "modelArtifacts.persistence.%s: persistence.enabled is false, so it would not be used; set persistence.enabled: true"
  (empty $persistence.existingClaim | ternary "dataSource" "existingClaim"))
  (dict "offered" (list (dict "set" "modelArtifacts.persistence.enabled" "value" true)))) -}}
{{- end -}}
{{- range $key := list "aliases" "revision" -}}
  {{- if and (index $artifacts $key) (eq $.engine.modelCommand "custom") -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "modelArtifacts.%s: modelCommand is custom, so the chart adds no arguments; set it in the command, or set modelCommand: vllmServe"
    $key)) -}}
  {{- end -}}
{{- end -}}
{{- if and $artifacts.aliases (not .known.aliases) -}}
{{- include "llm-d-modelservice.refuse" (list $ (printf "modelArtifacts.aliases: %s serves a model under one name; remove them" $engine.title)
  (dict "offered" (list (dict "remove" "modelArtifacts.aliases")))) -}}
{{- end -}}
{{- if and $artifacts.aliases (hasKey .engine.flags "served-model-name") -}}
{{- include "llm-d-modelservice.refuse" (list $
  "modelArtifacts.aliases: engine.args.served-model-name also names the model, and only its names would be served; set all here") -}}
{{- end -}}
{{- end -}}

{{/*
Rejects a directory as the model of an engine that loads one file; prints nothing. Input: root, engine, model, known
(facts about the engine's models), uri.
*/}}
{{- define "llm-d-modelservice.checkFile" -}}
{{- $suffix := .known.fileSuffix -}}
{{- $repository := has .model.scheme (list "hf" "pvc+hf") -}}
{{- if and $suffix (not $repository) (not (hasSuffix $suffix .model.argument)) (ne .engine.modelCommand "custom") -}}
  {{- $flags := dict "args" .engine.userArgs "flags" .engine.flags "aliases" .root.Known.aliases -}}
  {{- if not (hasKey (include "llm-d-modelservice.givenFlags" $flags | fromJson) .known.flag) -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "modelArtifacts.uri: %s loads one %s file, but %s is a directory; name the file in the URI, or set engine.args.%s: %s/<file>%s"
    (index .root.Known.engines .engine.type).title $suffix .uri .known.flag .model.argument $suffix)) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/*
Rejects one claim for pods that may be on several nodes where the claim cannot be shared; prints nothing. Input: the root
context.
*/}}
{{- define "llm-d-modelservice.checkSharing" -}}
{{- $persistence := .Values.modelArtifacts.persistence -}}
{{- if and (not $persistence.existingClaim) (not (has "ReadWriteMany" $persistence.accessModes)) -}}
  {{- $pods := 0 -}}
  {{- $why := list -}}
  {{- range $name := list "decode" "prefill" -}}
    {{- $role := index $.Values $name -}}
    {{- if $role.create -}}
      {{- $replicas := kindIs "invalid" $role.replicas | ternary 1 $role.replicas | int -}}
      {{- if $role.autoscaling.enabled -}}{{- $replicas = max 2 $replicas -}}{{- end -}}
      {{- $group := kindIs "bool" $role.multinode | ternary $role.multinode $.Values.multinode -}}
      {{- if and $replicas $group -}}{{- $replicas = max 2 $replicas -}}{{- end -}}
      {{- $pods = add $pods $replicas -}}
      {{- if $replicas -}}{{- $why = append $why $name -}}{{- end -}}
    {{- end -}}
  {{- end -}}
  {{- if gt (int $pods) 1 -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    (print "modelArtifacts.persistence.accessModes: one claim serves all pods of %s, which may be on several nodes; set "
      "[ReadWriteMany] with a storage class that can, or volume.type: ephemeral for a claim of each pod")
    (join " and " $why))) -}}
  {{- end -}}
  {{- if .Values.modelArtifacts.download.job -}}
  {{- include "llm-d-modelservice.refuse" (list $ (print
    "modelArtifacts.download.job: the Job and the pods that wait for it mount the claim together, maybe on several nodes; "
    "set persistence.accessModes: [ReadWriteMany], or download.enabled: true instead of the Job")) -}}
  {{- end -}}
  {{- if and (eq ($persistence.accessModes | default list | uniq | join "") "ReadOnlyMany") (not $persistence.dataSource) (not $persistence.volumeName) -}}
  {{- include "llm-d-modelservice.refuse" (list $ (print
    "modelArtifacts.persistence.accessModes: ReadOnlyMany alone makes an empty claim that the model cannot be written to; "
    "set [ReadWriteOnce], or a dataSource")) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* Rejects adapters that the engine does not load; prints nothing. Input: root, engine, model, given. */}}
{{- define "llm-d-modelservice.checkLora" -}}
{{- $lora := .root.Values.modelArtifacts.lora -}}
{{- $adapters := .model.adapters | default list -}}
{{- $engine := index .root.Known.engines .engine.type -}}
{{- if not (or $adapters $lora.dynamic) -}}
  {{- range $key := list "maxRank" "maxLoras" "maxCpuLoras" -}}
    {{- if index $lora $key -}}
    {{- include "llm-d-modelservice.refuse" (list $ (printf
      "modelArtifacts.lora.%s: no adapter is loaded; set modelArtifacts.adapters, or lora.dynamic: true to load them at run time"
      $key)) -}}
    {{- end -}}
  {{- end -}}
{{- else -}}
  {{- $key := empty $adapters | ternary "modelArtifacts.lora.dynamic" "modelArtifacts.adapters" -}}
  {{- if not $engine.adapters -}}
    {{- $others := list -}}
    {{- range $type, $other := .root.Known.engines -}}{{- if $other.adapters -}}{{- $others = append $others $type -}}{{- end -}}{{- end -}}
    {{- include "llm-d-modelservice.stop" (list $ (printf
      "%s: %s does not load LoRA adapters; remove it, or set engine.type to one of %s"
      $key $engine.title (join ", " $others))) -}}
  {{- end -}}
  {{- if eq .engine.modelCommand "custom" -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "%s: modelCommand is custom, so the chart adds no arguments; load the adapters in the command, or set modelCommand: vllmServe"
    $key)) -}}
  {{- end -}}
  {{- $max := int ($lora.maxLoras | default (len $adapters)) -}}
  {{- if and $lora.maxCpuLoras (lt (int $lora.maxCpuLoras) $max) -}}
  {{- $which := empty $lora.maxLoras | ternary "the number of adapters" "lora.maxLoras" -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    (print "modelArtifacts.lora.maxCpuLoras: %d is less than the %d adapters of a batch (%s), which are also in the host's "
      "memory; set at least %d")
    (int $lora.maxCpuLoras) $max $which $max)) -}}
  {{- end -}}
  {{- $names := $engine.adapters.flags -}}
  {{- if and $adapters (hasKey .given $names.list) -}}
  {{- include "llm-d-modelservice.refuse" (list $ (printf
    "modelArtifacts.adapters: the engine's arguments also have --%s, and only one of them takes effect; set all adapters here"
    $names.list)) -}}
  {{- end -}}
  {{- if not $adapters -}}
    {{- $keys := list -}}
    {{- $missing := false -}}
    {{- range $engine.adapters.dynamicNeeds -}}
      {{- $set := or (hasKey $.given .) (and (eq . $names.maxRank) $lora.maxRank) -}}
      {{- if not $set -}}{{- $missing = true -}}{{- end -}}
      {{- $keys = append $keys (eq . $names.maxRank | ternary "lora.maxRank" (printf "engine.args.%s" .)) -}}
    {{- end -}}
    {{- if $missing -}}
    {{- include "llm-d-modelservice.refuse" (list $ (printf
      "modelArtifacts.lora.dynamic: without a first adapter %s must be told what to expect; set %s"
      $engine.title (join " and " $keys))) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}
