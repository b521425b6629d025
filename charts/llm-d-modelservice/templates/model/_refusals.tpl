{{/*
Refuses a source that contradicts the engine or the other keys of modelArtifacts; prints nothing. Input: root, engine,
model.
*/}}
{{- define "llm-d-modelservice.checkSource" -}}
{{- $artifacts := .root.Values.modelArtifacts -}}
{{- $scheme := .model.scheme -}}
{{- $type := .engine.type -}}
{{- $repository := has $scheme (list "hf" "pvc+hf" "ms") -}}
{{- $store := has $scheme (list "hf" "ms" "s3" "gs" "oss" "ollama") -}}
{{- if and (eq $scheme "ollama") (ne $type "ollama") -}}
{{- fail (printf
  "modelArtifacts.uri: only Ollama loads ollama:// models, and the engine is %s; set engine.type: ollama"
  $type) -}}
{{- end -}}
{{- if and (eq $type "ollama") (not (has $scheme (list "ollama" "pvc"))) -}}
{{- fail (printf
  (print "modelArtifacts.uri: Ollama has a model store of its own and cannot load %s://; set ollama://model:tag, or "
    "pvc://claim for a store on a claim")
  $scheme) -}}
{{- end -}}
{{- if eq $type "ollama" -}}
  {{- if and (eq $scheme "pvc") (not (.engine.ollama).model) -}}
  {{- fail "engine.ollama.model: which model of the store on the claim? set e.g. qwen3:0.6b" -}}
  {{- end -}}
  {{- if and (eq $scheme "ollama") (.engine.ollama).model -}}
  {{- fail (printf
    "engine.ollama.model: modelArtifacts.uri names the model already (%s); remove it"
    .model.argument) -}}
  {{- end -}}
{{- end -}}
{{- if and $artifacts.revision (not $repository) -}}
{{- fail (printf
  (print "modelArtifacts.revision: a %s:// model has no revisions; remove it, or name another path or tag in "
    "modelArtifacts.uri")
  $scheme) -}}
{{- end -}}
{{- if and $artifacts.revision (eq $type "fasterWhisper") -}}
{{- fail "modelArtifacts.revision: faster-whisper-server loads the newest revision only; remove it" -}}
{{- end -}}
{{- if eq $scheme "oss" -}}
  {{- if not $artifacts.endpoint -}}
  {{- fail (print
    "modelArtifacts.endpoint: an oss:// bucket is reached at its region's address; set e.g. "
    "https://oss-cn-hangzhou.aliyuncs.com") -}}
  {{- end -}}
{{- else if and $artifacts.endpoint (not (has $scheme (list "hf" "ms" "s3"))) -}}
  {{- $mirrored := false -}}
  {{- range $artifacts.adapters -}}{{- if hasPrefix "hf://" .uri -}}{{- $mirrored = true -}}{{- end -}}{{- end -}}
  {{- if not $mirrored -}}
  {{- fail (printf
    (print "modelArtifacts.endpoint: nothing is loaded from a store that has another address (the model is %s://); "
      "remove it")
    $scheme) -}}
  {{- end -}}
{{- end -}}
{{- $persistence := $artifacts.persistence -}}
{{- if $persistence.enabled -}}
  {{- if eq $artifacts.volume.type "ephemeral" -}}
  {{- fail (print
    "modelArtifacts.volume.type: ephemeral is a claim of each pod, but persistence.enabled is one claim for all; keep "
    "one of them") -}}
  {{- end -}}
  {{- if eq $scheme "file" -}}
    {{- if not (hasPrefix (printf "%s/" .model.mountPath) .model.argument) -}}
    {{- fail (printf
      (print "modelArtifacts.uri: the claim of persistence is mounted at %s, but %s is elsewhere; set file://%s/<path>, "
        "or persistence.enabled: false")
      .model.mountPath .model.argument .model.mountPath) -}}
    {{- end -}}
  {{- else if not $store -}}
  {{- fail (printf
    (print "modelArtifacts.persistence.enabled: a %s:// model is not downloaded, so a claim for it would stay empty; "
      "set persistence.enabled: false")
    $scheme) -}}
  {{- end -}}
  {{- if $persistence.existingClaim -}}
    {{- range $key := list "dataSource" "volumeName" "storageClassName" "retain" -}}
      {{- if index $persistence $key -}}
      {{- fail (printf
        (print "modelArtifacts.persistence.%s: it belongs to a claim that the chart creates, but existingClaim is %s; "
          "remove one of them")
        $key $persistence.existingClaim) -}}
      {{- end -}}
    {{- end -}}
  {{- else if not (or $persistence.size $artifacts.size) -}}
  {{- fail "modelArtifacts.size: a claim needs a size; set it, or persistence.size" -}}
  {{- end -}}
  {{- include "llm-d-modelservice.checkSharing" .root -}}
{{- else if or $persistence.existingClaim $persistence.dataSource -}}
{{- fail (printf
  (print "modelArtifacts.persistence.%s: persistence.enabled is false, so it would not be used; set "
    "persistence.enabled: true")
  (empty $persistence.existingClaim | ternary "dataSource" "existingClaim")) -}}
{{- end -}}
{{- range $key := list "aliases" "revision" -}}
  {{- if and (index $artifacts $key) (eq $.engine.modelCommand "custom") -}}
  {{- fail (printf
    (print "modelArtifacts.%s: modelCommand is custom, so the chart writes no arguments; set it into the command, or "
      "modelCommand: vllmServe")
    $key) -}}
  {{- end -}}
{{- end -}}
{{- if and $artifacts.aliases (not (has $type (list "vllm" "simulator" "ollama"))) -}}
{{- fail (printf "modelArtifacts.aliases: %s serves a model under one name; remove them" $type) -}}
{{- end -}}
{{- if and $artifacts.aliases (hasKey .engine.flags "served-model-name") -}}
{{- fail (print
  "modelArtifacts.aliases: engine.args.served-model-name names the model too, and its names would be the only ones; set "
  "all names here") -}}
{{- end -}}
{{- end -}}

{{/* Refuses one claim for pods that may be on several nodes, if it cannot be; prints nothing. Input: the root context. */}}
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
      {{- if and $replicas (kindIs "bool" $role.multinode | ternary $role.multinode $.Values.multinode) -}}{{- $replicas = max 2 $replicas -}}{{- end -}}
      {{- $pods = add $pods $replicas -}}
      {{- if $replicas -}}{{- $why = append $why $name -}}{{- end -}}
    {{- end -}}
  {{- end -}}
  {{- if gt (int $pods) 1 -}}
  {{- fail (printf
    (print "modelArtifacts.persistence.accessModes: one claim serves all pods of %s, which may be on several nodes; set "
      "[ReadWriteMany] with a storage class that can, or volume.type: ephemeral for a claim of each pod")
    (join " and " $why)) -}}
  {{- end -}}
  {{- if .Values.modelArtifacts.download.job -}}
  {{- fail (print
    "modelArtifacts.download.job: the Job and the pods that wait for it hold the claim together, maybe on several nodes; "
    "set persistence.accessModes: [ReadWriteMany], or download.enabled: true in place of the Job") -}}
  {{- end -}}
  {{- if and (eq (uniq $persistence.accessModes | join "") "ReadOnlyMany") (not $persistence.dataSource) (not $persistence.volumeName) -}}
  {{- fail (print
    "modelArtifacts.persistence.accessModes: ReadOnlyMany alone makes an empty claim that nobody can set the model to; "
    "set [ReadWriteOnce], or a dataSource") -}}
  {{- end -}}
{{- end -}}
{{- end -}}
