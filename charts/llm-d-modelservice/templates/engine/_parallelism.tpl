{{/*
Parallelism: from what the user set to one consistent layout, or a rejection.
https://docs.vllm.ai/en/latest/serving/parallelism_scaling/
*/}}

{{/*
The layout of a role, as JSON. Input: root, role, multinode, engine, given (flags of the engine's arguments, see
givenFlags). Output:
  tensor, pipeline, data, dataLocal, workers   sizes, all set
  perPod      ranks, and so accelerators, of one pod
  spans       one tensor/pipeline group lies over all pods of a group
  mode        data parallel mode over pods or ports: hybrid, external, multiPort, internal or ""
  leaderOnly  only the first pod of a group serves
  expert      expert parallelism
  stated      the user set at least one size
*/}}
{{- define "llm-d-modelservice.parallelism" -}}
{{- $role := index .root.Values .role -}}
{{- $key := printf "%s.parallelism" .role -}}
{{- $set := dict -}}
{{- $canonical := (index .root.Known.engines .root.Known.unstated.type).parallelism -}}
{{- range $name := list "tensor" "pipeline" "data" "dataLocal" -}}
  {{- $flag := index $canonical $name -}}
  {{- $value := index $role.parallelism $name -}}
  {{- $literal := index $.given $flag | toString -}}
  {{- if regexMatch "^[0-9]+$" $literal -}}
    {{- if and $value (ne (int $value) (int $literal)) -}}
    {{- include "llm-d-modelservice.stop" (list $ (printf
      "%s.%s: it is %d, but the engine's arguments have --%s %s; set it once, as %s.%s"
      $key $name (int $value) $flag $literal $key $name)) -}}
    {{- end -}}
    {{- $value = int $literal -}}
  {{- end -}}
  {{- if $value -}}{{- $_ := set $set $name (int $value) -}}{{- end -}}
{{- end -}}
{{- with $role.parallelism.workers -}}{{- $_ := set $set "workers" (int .) -}}{{- end -}}

{{- $tensor := $set.tensor | default 1 -}}
{{- $pipeline := $set.pipeline | default 1 -}}
{{- $group := mul $tensor $pipeline | int -}}
{{- $data := $set.data | default 0 -}}
{{- $dataLocal := $set.dataLocal | default 0 -}}
{{- $workers := $set.workers | default 0 -}}
{{- /* The original chart's default for every size was 1, and real files spell it out: next to several local ranks,
       data: 1 means nothing. */ -}}
{{- if and (eq $data 1) (gt $dataLocal 1) -}}{{- $data = 0 -}}{{- end -}}
{{- $custom := eq .engine.modelCommand "custom" -}}
{{- $spans := and (gt $workers 1) (le $data 1) (le $dataLocal 1) (or (gt $pipeline 1) (and (eq $data 1) (not $custom))) -}}
{{- $ownGroup := and (not $spans) $custom (gt $workers 1) (eq $data 1) (le $dataLocal 1) -}}

{{- if or $spans $ownGroup -}}
  {{- if and $spans (ne (mod $group $workers | int) 0) -}}
  {{- include "llm-d-modelservice.stop" (list $ (printf
    (print "%s.workers: %d ranks (tensor %d x pipeline %d) do not spread evenly over %d pods; set e.g. pipeline: %d, or "
      "remove data: 1 for data parallelism over the pods")
    $key $group $tensor $pipeline $workers $workers)) -}}
  {{- end -}}
  {{- $data = 1 -}}
  {{- $dataLocal = 1 -}}
{{- else if not $data -}}
  {{- $dataLocal = $dataLocal | default 1 -}}
  {{- $workers = $workers | default 1 -}}
  {{- $data = mul $dataLocal $workers | int -}}
{{- else if and $dataLocal $workers -}}
  {{- if ne $data (mul $dataLocal $workers | int) -}}
  {{- include "llm-d-modelservice.stop" (list $ (printf
    "%s: data is %d but dataLocal x workers is %d x %d = %d; leave one of the three out"
    $key $data $dataLocal $workers (mul $dataLocal $workers | int))) -}}
  {{- end -}}
{{- else if $dataLocal -}}
  {{- if ne (mod $data $dataLocal | int) 0 -}}
  {{- include "llm-d-modelservice.stop" (list $ (printf "%s: data %d is not a multiple of dataLocal %d" $key $data $dataLocal)) -}}
  {{- end -}}
  {{- $workers = div $data $dataLocal | int -}}
{{- else if $workers -}}
  {{- if ne (mod $data $workers | int) 0 -}}
  {{- include "llm-d-modelservice.stop" (list $ (printf "%s: data %d is not a multiple of workers %d" $key $data $workers)) -}}
  {{- end -}}
  {{- $dataLocal = div $data $workers | int -}}
{{- else -}}
  {{- $dataLocal = $data -}}
  {{- $workers = 1 -}}
{{- end -}}

{{- if and (gt $workers 1) (not .multinode) -}}
{{- $stated := hasKey $set "workers" -}}
{{- include "llm-d-modelservice.stop" (list $ (printf
  (print "%s.workers: one model instance needs %d pods%s, but multinode is false and a Deployment has no groups; set "
    "multinode: true%s")
  $key $workers ($stated | ternary "" (printf " (data %d / dataLocal %d)" $data $dataLocal))
  ($stated | ternary ", or remove workers" (printf ", or dataLocal: %d for all ranks in one pod" $data)))) -}}
{{- end -}}

{{- $known := index .root.Known.engines .engine.type -}}
{{- if and (gt $workers 1) (not $spans) (not $custom) $known.groups (not ($known.groups).dataOverPods) -}}
{{- include "llm-d-modelservice.stop" (list $ (printf
  "%s: %s serves data parallel ranks from one pod; with workers: %d set data: 1 and tensor for all accelerators of the group"
  $key $known.title $workers)) -}}
{{- end -}}
{{- $mode := "" -}}
{{- if and (gt $data 1) (not $custom) -}}
  {{- $mode = $role.parallelism.dataMode | default (gt $workers 1 | ternary "hybrid" "") -}}
  {{- if and (eq $workers 1) (has $mode (list "hybrid" "internal")) -}}{{- $mode = "" -}}{{- end -}}
  {{- $input := dict "root" .root "key" $key "known" $known "mode" $mode "data" $data "dataLocal" $dataLocal -}}
  {{- include "llm-d-modelservice.checkDataMode" $input -}}
{{- end -}}
{{- $leaderOnly := or $spans (eq $mode "internal") -}}

{{- dict
  "tensor" $tensor "pipeline" $pipeline "data" $data "dataLocal" $dataLocal "workers" $workers
  "perPod" ($spans | ternary (div $group $workers) (mul $group $dataLocal) | int)
  "spans" $spans "mode" $mode "leaderOnly" (and $leaderOnly (gt $workers 1)) "expert" ($role.parallelism.expert | default false)
  "stated" (gt (len $set) 0)
| toJson -}}
{{- end -}}
