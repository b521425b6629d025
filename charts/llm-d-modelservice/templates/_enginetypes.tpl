{{/*
Engines by type: what each one is, and how those that are not started like vLLM or SGLang get their settings.
  ollama         https://docs.ollama.com/faq#how-do-i-configure-ollama-server
  infinity       https://michaelfeil.eu/infinity/latest/deploy/
  fasterWhisper  https://github.com/fedirz/faster-whisper-server/blob/master/src/faster_whisper_server/config.py
  huggingface    https://github.com/kserve/kserve/tree/master/python/huggingfaceserver
*/}}

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
  {{- fail (printf "modelArtifacts.features: %s does not do %s, only %s; choose another engine.type" $type $feature (join ", " $possible)) -}}
  {{- end -}}
{{- end -}}
{{- with include "llm-d-modelservice.monitor" . | fromJson -}}
  {{- $served := index (include "llm-d-modelservice.servedPaths" $.root | fromJson) $type -}}
  {{- if not (or $served.paths.any.metrics (include "llm-d-modelservice.hasExporter" (dict "values" $role "monitor" .))) -}}
  {{- fail (printf "%s.monitoring.%s.enabled: %s has no metrics; write false, or an exporter as a further container with a port named %s" $.role .kind $type .portName) -}}
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
  {{- fail (printf "prefill.create: %s does not separate prefill from decode; write prefill.create: false" $type) -}}
  {{- end -}}
  {{- if .proxy -}}
  {{- fail (printf "routing.proxy.enabled: the routing sidecar serves prefill/decode, which %s does not have; write routing.proxy.enabled: false" $type) -}}
  {{- end -}}
  {{- if .multinode -}}
  {{- fail (printf "multinode: %s runs in one pod; write multinode: false" $type) -}}
  {{- end -}}
  {{- range $size := list "tensor" "pipeline" "data" -}}
    {{- if and (gt (int (index $.parallelism $size)) 1) (not (and (eq $type "huggingface") (eq $size "tensor"))) -}}
    {{- fail (printf "%s.parallelism.%s: %s has no such setting; for more accelerators in a pod write %s.accelerator.count" $.role $size $type $.role) -}}
    {{- end -}}
  {{- end -}}
  {{- if has $type (list "ollama" "fasterWhisper") -}}
    {{- range $name, $value := .engine.flags -}}
      {{- if not (kindIs "invalid" $value) -}}
      {{- fail (printf "engine.args.%s: %s has no flags, its settings are environment variables; write engine.env" $name $type) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
  {{- $options := .engine.huggingface | default dict -}}
  {{- if and $options.task (eq ($options.backend | default "") "vllm") -}}
  {{- fail "engine.huggingface.task: backend: vllm ignores it; remove task, or write backend: huggingface" -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* Arguments of an engine that stands alone, as a JSON list. Input: facts. */}}
{{- define "llm-d-modelservice.serverArgs" -}}
{{- $engine := .facts.engine -}}
{{- $model := .facts.model -}}
{{- $args := list -}}
{{- $flags := list -}}
{{- if eq $engine.type "ollama" -}}
  {{- $args = list "serve" -}}
{{- else if eq $engine.type "infinity" -}}
  {{- $args = list "v2" -}}
{{- else if eq $engine.type "huggingface" -}}
  {{- $flags = list (dict "name" "model_name" "value" $model.name) -}}
  {{- $flags = append $flags (dict "name" (has $model.scheme (list "hf" "pvc+hf") | ternary "model_id" "model_dir") "value" $model.argument) -}}
  {{- if $model.revision -}}{{- $flags = append $flags (dict "name" "model_revision" "value" $model.revision) -}}{{- end -}}
  {{- $flags = append $flags (dict "name" "http_port" "value" .facts.enginePort) -}}
  {{- if gt (int .facts.parallelism.tensor) 1 -}}{{- $flags = append $flags (dict "name" "tensor-parallel-size" "value" .facts.parallelism.tensor) -}}{{- end -}}
  {{- /* Booleans of the server are switches: any value, also false, turns them on. */ -}}
  {{- range $key, $value := $engine.huggingface -}}
    {{- $name := snakecase $key -}}
    {{- if eq $key "enableDocs" -}}
      {{- if $value -}}{{- $flags = append $flags (dict "name" "enable_docs_url" "value" "true") -}}{{- end -}}
    {{- else if kindIs "bool" $value -}}
      {{- if $value -}}{{- $flags = append $flags (dict "name" $name "value" true) -}}{{- end -}}
    {{- else if kindIs "slice" $value -}}
      {{- if $value -}}{{- $flags = append $flags (dict "name" $name "value" (join "," $value)) -}}{{- end -}}
    {{- else if not (kindIs "invalid" $value) -}}
      {{- $flags = append $flags (dict "name" $name "value" $value) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- range $flags -}}
  {{- if not (hasKey $.facts.given (.name | replace "_" "-")) -}}
  {{- $args = concat $args (include "llm-d-modelservice.flag" . | fromJsonArray) -}}
  {{- end -}}
{{- end -}}
{{- $fromUser := include "llm-d-modelservice.givenFlags" (dict "args" $engine.userArgs "flags" dict) | fromJson -}}
{{- range $name, $value := $engine.flags -}}
  {{- if not (or (kindIs "invalid" $value) (hasKey $fromUser $name)) -}}
  {{- $args = concat $args (include "llm-d-modelservice.flag" (dict "name" $name "value" $value) | fromJsonArray) -}}
  {{- end -}}
{{- end -}}
{{- concat $args $engine.userArgs | toJson -}}
{{- end -}}

{{/* Environment of an engine that stands alone, as a JSON list. Input: facts. */}}
{{- define "llm-d-modelservice.serverEnv" -}}
{{- $model := .facts.model -}}
{{- $port := toJson .facts.enginePort -}}
{{- $env := list -}}
{{- if eq .facts.engine.type "ollama" -}}
  {{- /* One pod is one model, so it stays loaded: a negative time is forever. */ -}}
  {{- $env = list (dict "name" "OLLAMA_HOST" "value" (printf "0.0.0.0:%s" $port)) (dict "name" "OLLAMA_KEEP_ALIVE" "value" "-1") -}}
{{- else if eq .facts.engine.type "infinity" -}}
  {{- $env = list
    (dict "name" "INFINITY_MODEL_ID" "value" $model.argument)
    (dict "name" "INFINITY_SERVED_MODEL_NAME" "value" $model.name)
    (dict "name" "INFINITY_URL_PREFIX" "value" "/v1")
    (dict "name" "INFINITY_ENGINE" "value" "torch")
    (dict "name" "INFINITY_PORT" "value" $port) -}}
  {{- if $model.revision -}}{{- $env = append $env (dict "name" "INFINITY_REVISION" "value" $model.revision) -}}{{- end -}}
{{- else if eq .facts.engine.type "fasterWhisper" -}}
  {{- /* Without preloading, the first request would download the model. */ -}}
  {{- $env = list
    (dict "name" "WHISPER__MODEL" "value" $model.argument)
    (dict "name" "PRELOAD_MODELS" "value" (list $model.argument | toJson))
    (dict "name" "ENABLE_UI" "value" "false")
    (dict "name" "UVICORN_HOST" "value" "0.0.0.0")
    (dict "name" "UVICORN_PORT" "value" $port) -}}
{{- end -}}
{{- $env | toJson -}}
{{- end -}}

{{/*
Adds the engine's port, if the user did not declare it, to the container of an engine of a stated type, in place; prints
nothing. Input: facts, monitored, container.
*/}}
{{- define "llm-d-modelservice.addEnginePorts" -}}
{{- $facts := .facts -}}
{{- $ports := .container.ports | default list -}}
{{- $declared := list -}}
{{- range $ports -}}{{- $declared = append $declared (int .containerPort) -}}{{- end -}}
{{- range $i := until (int $facts.portCount) -}}
  {{- $number := add $facts.enginePort $i | int -}}
  {{- if not (has $number $declared) -}}
  {{- $port := dict "containerPort" $number "protocol" "TCP" -}}
  {{- /* A monitor names it otherwise, see nameMetricsPorts. */ -}}
  {{- if not $.monitored -}}{{- $_ := set $port "name" (eq $i 0 | ternary "http" (printf "http-%d" $i)) -}}{{- end -}}
  {{- $ports = append $ports $port -}}
  {{- end -}}
{{- end -}}
{{- if and (eq $facts.engine.type "huggingface") (not (has 8081 (append $declared (int $facts.enginePort)))) -}}
{{- $ports = append $ports (dict "containerPort" 8081 "name" "grpc" "protocol" "TCP") -}}
{{- end -}}
{{- $_ := set .container "ports" $ports -}}
{{- end -}}

{{/*
KV-cache of vLLM on processors in GiB, printed; nothing where the memory of the pod is not known. Half of the memory
is for weights and activations, and every rank has a cache of its own. Input: facts.
https://docs.vllm.ai/en/latest/getting_started/installation/cpu/
*/}}
{{- define "llm-d-modelservice.cpuCache" -}}
{{- $resources := .facts.engine.resources | default dict -}}
{{- $memory := ($resources.limits | default dict).memory | default ($resources.requests | default dict).memory -}}
{{- if and $memory (eq .facts.accelerator.type "cpu") (has .facts.engine.type (list "vllm" "huggingface")) (ne .facts.engine.modelCommand "custom") (ne (toString (.facts.engine.huggingface).backend) "huggingface") -}}
  {{- $units := dict "" 1.0 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0 -}}
  {{- $quantity := kindIs "string" $memory | ternary $memory (toJson $memory) -}}
  {{- $number := regexFind "^[0-9.]+" $quantity -}}
  {{- $unit := trimPrefix $number $quantity -}}
  {{- if hasKey $units $unit -}}
  {{- max 1 (divf (mulf (float64 $number) (index $units $unit)) 2147483648.0 .facts.parallelism.perPod | floor | int) -}}
  {{- end -}}
{{- end -}}
{{- end -}}
