{{/* Refuses what an engine of a stated type cannot do; prints nothing. Input: root, role, engine, parallelism, multinode, proxy. */}}
{{- define "llm-d-modelservice.checkType" -}}
{{- $type := .engine.type -}}
{{- $values := .root.Values -}}
{{- $role := index $values .role -}}
{{- $key := empty $role.engine.type | ternary "engine" (printf "%s.engine" .role) -}}
{{- range $name := list "ollama" "huggingface" -}}
  {{- if and (index $.engine $name) (ne $type $name) -}}
  {{- fail (printf "engine.%s: it belongs to engine.type: %s, and the type is %s; remove it" $name $name $type) -}}
  {{- end -}}
{{- end -}}
{{- $features := dict "ollama" (list "TextGeneration" "TextEmbedding") "infinity" (list "TextEmbedding" "Reranking" "Classification") "fasterWhisper" (list "SpeechToText") -}}
{{- $possible := index $features $type -}}
{{- range $feature := $values.modelArtifacts.features -}}
  {{- if and $possible (not (has $feature $possible)) -}}
  {{- fail (printf
    "modelArtifacts.features: %s does not do %s, only %s; choose another engine.type"
    $type $feature (join ", " $possible)) -}}
  {{- end -}}
{{- end -}}
{{- with include "llm-d-modelservice.monitor" . | fromJson -}}
  {{- $served := index (include "llm-d-modelservice.servedPaths" $.root | fromJson) $type -}}
  {{- if not (or $served.paths.any.metrics (include "llm-d-modelservice.hasExporter" (dict "values" $role "monitor" .))) -}}
  {{- fail (printf
    (print "%s.monitoring.%s.enabled: %s has no metrics; set false, or an exporter as a further container with a port "
      "named %s")
    $.role .kind $type .portName) -}}
  {{- end -}}
{{- end -}}
{{- if .engine.typed -}}
  {{- $command := .engine.modelCommand -}}
  {{- if or (and (eq $command "vllmServe") (ne $type "vllm")) (and (eq $command "sglangServe") (ne $type "sglang")) -}}
  {{- fail (printf "%s.type: %s is not started by modelCommand: %s; remove modelCommand" $key $type $command) -}}
  {{- end -}}
{{- end -}}
{{- if include "llm-d-modelservice.standsAlone" $type -}}
  {{- if eq .role "prefill" -}}
  {{- fail (printf "prefill.create: %s does not separate prefill from decode; set prefill.create: false" $type) -}}
  {{- end -}}
  {{- if .proxy -}}
  {{- fail (printf
    (print "routing.proxy.enabled: the routing sidecar serves prefill/decode, which %s does not have; set "
      "routing.proxy.enabled: false")
    $type) -}}
  {{- end -}}
  {{- if .multinode -}}
  {{- fail (printf "multinode: %s runs in one pod; set multinode: false" $type) -}}
  {{- end -}}
  {{- range $size := list "tensor" "pipeline" "data" -}}
    {{- if and (gt (int (index $.parallelism $size)) 1) (not (and (eq $type "huggingface") (eq $size "tensor"))) -}}
    {{- fail (printf
      "%s.parallelism.%s: %s has no such setting; for more accelerators in a pod write %s.accelerator.count"
      $.role $size $type $.role) -}}
    {{- end -}}
  {{- end -}}
  {{- if has $type (list "ollama" "fasterWhisper") -}}
    {{- range $name, $value := .engine.flags -}}
      {{- if not (kindIs "invalid" $value) -}}
      {{- fail (printf
        "engine.args.%s: %s has no flags, its settings are environment variables; set engine.env"
        $name $type) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
  {{- $options := .engine.huggingface | default dict -}}
  {{- if and $options.task (eq ($options.backend | default "") "vllm") -}}
  {{- fail "engine.huggingface.task: backend: vllm ignores it; remove task, or set backend: huggingface" -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* "true" for an engine that knows neither prefill/decode nor groups of pods. Input: the type. */}}
{{- define "llm-d-modelservice.standsAlone" -}}
{{- if has . (list "ollama" "infinity" "fasterWhisper" "huggingface") -}}true{{- end -}}
{{- end -}}

{{/*
The engine's metrics of its requests, as JSON {running, waiting}; an empty map for an engine that counts none. Input:
the engine. KServe's server has vLLM's metrics while vLLM runs the model.
  https://docs.vllm.ai/en/latest/usage/metrics/
  https://docs.sglang.ai/references/production_metrics.html
*/}}
{{- define "llm-d-modelservice.requestMetrics" -}}
{{- if or (has .type (list "vllm" "simulator")) (and (eq .type "huggingface") (ne (toString (.huggingface).backend) "huggingface")) -}}
{"running": "vllm:num_requests_running", "waiting": "vllm:num_requests_waiting"}
{{- else if eq .type "sglang" -}}
{"running": "sglang:num_running_reqs", "waiting": "sglang:num_queue_reqs"}
{{- else -}}
{}
{{- end -}}
{{- end -}}

{{/* "true" for an image of llm-d's inference simulator, which knows few of vLLM's flags and needs no accelerators. Input: the image. */}}
{{- define "llm-d-modelservice.isSimulator" -}}
{{- if contains "llm-d-inference-sim" . -}}true{{- end -}}
{{- end -}}
