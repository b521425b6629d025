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
{{- fail (printf "%s.image: the engine container has no image; write it here or as engine.image" $key) -}}
{{- end -}}
{{- if and (not $engine.image) (has ($engine.type | default "simulator") (list "vllm" "sglang" "ollama" "infinity" "fasterWhisper" "huggingface")) -}}
{{- fail (printf "engine.image: engine.type is %s, and the image is yours to choose; write it, or add the layer of that engine, which has one" $engine.type) -}}
{{- end -}}
{{- if and (eq $engine.modelCommand "custom") (not $engine.command) -}}
{{- fail (printf "%s.command: modelCommand is custom%s, which needs a command; write it, or modelCommand: vllmServe or imageDefault" $key ($byDefault | ternary " (the default of a listed container)" "")) -}}
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

{{/*
The flags that a list of arguments and a map of flags give, as JSON {canonical name: value}.
Input: args, flags. The value of a flag without one is "". Spellings of one flag (--tensor_parallel_size,
-tp, --tp-size) have one canonical name, that of vLLM's long form.
*/}}
{{- define "llm-d-modelservice.givenFlags" -}}
{{- $aliases := dict
  "tp" "tensor-parallel-size" "tp-size" "tensor-parallel-size" "pp" "pipeline-parallel-size" "pp-size" "pipeline-parallel-size"
  "dp" "data-parallel-size" "dp-size" "data-parallel-size" "dpl" "data-parallel-size-local" "dpa" "data-parallel-address"
  "dpp" "data-parallel-rpc-port" "dpn" "data-parallel-rank" "dpr" "data-parallel-start-rank" "dph" "data-parallel-hybrid-lb"
  "dpe" "data-parallel-external-lb" "ep" "enable-expert-parallel" "n" "nnodes" "r" "node-rank" "model-path" "model" -}}
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
  {{- if not (hasKey $given $canonical) -}}{{- $_ := set $given $canonical (kindIs "invalid" $value | ternary "" (kindIs "string" $value | ternary $value (toJson $value))) -}}{{- end -}}
{{- end -}}
{{- $given | toJson -}}
{{- end -}}

{{/*
One flag as a list of arguments, as JSON. Input: name, value; see engine.args in values.yaml for the forms.
*/}}
{{- define "llm-d-modelservice.flag" -}}
{{- $flag := printf "--%s" .name -}}
{{- if kindIs "bool" .value -}}
{{- list (.value | ternary $flag (printf "--no-%s" .name)) | toJson -}}
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
Command and arguments of the engine, as JSON {command, args}. Input: root, facts (see role), worker (true for
a pod that does not serve).
*/}}
{{- define "llm-d-modelservice.engineCommand" -}}
{{- $engine := .facts.engine -}}
{{- if eq $engine.modelCommand "custom" -}}
{{- dict "command" $engine.command "args" $engine.userArgs | toJson -}}
{{- else if include "llm-d-modelservice.standsAlone" $engine.type -}}
{{- dict "command" list "args" (include "llm-d-modelservice.serverArgs" . | fromJsonArray) | toJson -}}
{{- else -}}
{{- $derived := include (eq $engine.type "sglang" | ternary "llm-d-modelservice.sglangFlags" "llm-d-modelservice.vllmFlags") . | fromJson -}}
{{- $args := list -}}
{{- $command := list -}}
{{- if eq $engine.modelCommand "vllmServe" -}}
  {{- $command = list "vllm" "serve" -}}
  {{- if not (hasKey .facts.given "model") -}}{{- $args = append $args .facts.model.argument -}}{{- end -}}
{{- else if eq $engine.modelCommand "sglangServe" -}}
  {{- $command = list "python3" "-m" "sglang.launch_server" -}}
{{- end -}}
{{- range $derived.flags -}}
  {{- $canonical := .canonical | default .name -}}
  {{- if not (hasKey $.facts.given $canonical) -}}
  {{- $args = concat $args (include "llm-d-modelservice.flag" . | fromJsonArray) -}}
  {{- end -}}
{{- end -}}
{{- $fromUser := include "llm-d-modelservice.givenFlags" (dict "args" $engine.userArgs "flags" dict) | fromJson -}}
{{- $flags := $engine.flags -}}
{{- /* vLLM ends at once when a pod without API server (--headless) is told how many of them to start. */ -}}
{{- if .worker -}}{{- $flags = omit $flags "api-server-count" -}}{{- end -}}
{{- range $name, $value := $flags -}}
  {{- if not (or (kindIs "invalid" $value) (hasKey $fromUser $name)) -}}
  {{- $args = concat $args (include "llm-d-modelservice.flag" (dict "name" $name "value" $value) | fromJsonArray) -}}
  {{- end -}}
{{- end -}}
{{- $args = concat $args $engine.userArgs -}}
{{- if and $derived.startRank (not (hasKey .facts.given "data-parallel-start-rank")) -}}
  {{- if ne $engine.modelCommand "vllmServe" -}}
  {{- fail (printf "%s: the first rank of a pod is LWS_WORKER_INDEX x %d, which needs a shell around the command; write modelCommand: vllmServe" .facts.role (int .facts.parallelism.dataLocal)) -}}
  {{- end -}}
  {{- $command = list "/bin/sh" "-c" (printf "exec vllm serve \"$@\" --data-parallel-start-rank \"$((LWS_WORKER_INDEX * %d))\"" (int .facts.parallelism.dataLocal)) "vllm-serve" -}}
{{- end -}}
{{- dict "command" $command "args" $args | toJson -}}
{{- end -}}
{{- end -}}

{{/*
Flags derived for vLLM, as JSON {flags, startRank}. Input as engineCommand.
startRank: the pod's first data parallel rank has to be computed in a shell, because it is a product.
https://docs.vllm.ai/en/latest/serving/data_parallel_deployment/
*/}}
{{- define "llm-d-modelservice.vllmFlags" -}}
{{- $p := .facts.parallelism -}}
{{- $multinode := gt (int $p.workers) 1 -}}
{{- $flags := list -}}
{{- $startRank := false -}}
{{- if eq .facts.engine.modelCommand "imageDefault" -}}{{- $flags = append $flags (dict "name" "model" "value" .facts.model.argument) -}}{{- end -}}
{{- $flags = append $flags (dict "name" "port" "value" .facts.enginePort) -}}
{{- if gt (int $p.tensor) 1 -}}{{- $flags = append $flags (dict "name" "tensor-parallel-size" "value" $p.tensor) -}}{{- end -}}
{{- if gt (int $p.pipeline) 1 -}}{{- $flags = append $flags (dict "name" "pipeline-parallel-size" "value" $p.pipeline) -}}{{- end -}}
{{- if gt (int $p.data) 1 -}}{{- $flags = append $flags (dict "name" "data-parallel-size" "value" $p.data) -}}{{- end -}}
{{- if or (gt (int $p.dataLocal) 1) (and $p.mode (ne $p.mode "external")) -}}{{- $flags = append $flags (dict "name" "data-parallel-size-local" "value" $p.dataLocal) -}}{{- end -}}
{{- if $p.expert -}}{{- $flags = append $flags (dict "name" "enable-expert-parallel" "value" true) -}}{{- end -}}
{{- if eq $p.mode "hybrid" -}}{{- $flags = append $flags (dict "name" "data-parallel-hybrid-lb" "value" true) -}}
{{- else if eq $p.mode "external" -}}{{- $flags = append $flags (dict "name" "data-parallel-rank" "value" "$(LWS_WORKER_INDEX)") -}}
{{- else if eq $p.mode "multiPort" -}}
  {{- $flags = append $flags (dict "name" "data-parallel-multi-port-external-lb" "value" true) -}}
  {{- $flags = append $flags (dict "name" "data-parallel-supervisor-port" "value" (add .facts.enginePort $p.dataLocal)) -}}
{{- end -}}
{{- if and $p.mode $multinode -}}
  {{- $flags = append $flags (dict "name" "data-parallel-address" "value" "$(LWS_LEADER_ADDRESS)") -}}
  {{- $flags = append $flags (dict "name" "data-parallel-rpc-port" "value" 5555) -}}
  {{- if or (has $p.mode (list "hybrid" "multiPort")) .worker -}}
    {{- if eq $p.mode "external" -}}
    {{- else if eq (int $p.dataLocal) 1 -}}{{- $flags = append $flags (dict "name" "data-parallel-start-rank" "value" "$(LWS_WORKER_INDEX)") -}}
    {{- else -}}{{- $startRank = true -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- if $p.spans -}}
  {{- $flags = append $flags (dict "name" "nnodes" "value" $p.workers) -}}
  {{- $flags = append $flags (dict "name" "node-rank" "value" "$(LWS_WORKER_INDEX)") -}}
  {{- $flags = append $flags (dict "name" "master-addr" "value" "$(LWS_LEADER_ADDRESS)") -}}
{{- end -}}
{{- if .worker -}}{{- $flags = append $flags (dict "name" "headless" "value" true) -}}{{- end -}}
{{- $names := .facts.model.names -}}
{{- $flags = append $flags (dict "name" "served-model-name" "value" (gt (len $names) 1 | ternary $names .facts.model.name)) -}}
{{- $flags = concat $flags .facts.model.flags .facts.lora.flags -}}
{{- $features := .root.Values.modelArtifacts.features -}}
{{- if and $features (eq .facts.engine.type "vllm") (not (or (has "TextGeneration" $features) (has "SpeechToText" $features))) -}}
  {{- $flags = append $flags (dict "name" "runner" "value" "pooling") -}}
{{- end -}}
{{- $tracing := .root.Values.tracing -}}
{{- if and $tracing.enabled (ne .facts.engine.type "simulator") -}}
  {{- $flags = append $flags (dict "name" "otlp-traces-endpoint" "value" $tracing.otlpEndpoint) -}}
  {{- $flags = append $flags (dict "name" "collect-detailed-traces" "value" $tracing.vllm.collectDetailedTraces) -}}
{{- end -}}
{{- if .facts.drain.flag -}}{{- $flags = append $flags (dict "name" "shutdown-timeout" "value" .facts.drain.timeout) -}}{{- end -}}
{{- dict "flags" $flags "startRank" $startRank | toJson -}}
{{- end -}}

{{/* "true" for an image of llm-d's inference simulator, which knows few of vLLM's flags and needs no accelerators. Input: the image. */}}
{{- define "llm-d-modelservice.isSimulator" -}}
{{- if contains "llm-d-inference-sim" . -}}true{{- end -}}
{{- end -}}

{{/*
Flags derived for SGLang, as JSON {flags, startRank}. Input as engineCommand.
https://docs.sglang.ai/advanced_features/server_arguments.html
*/}}
{{- define "llm-d-modelservice.sglangFlags" -}}
{{- $p := .facts.parallelism -}}
{{- $flags := list
  (dict "name" "model-path" "canonical" "model" "value" .facts.model.argument)
  (dict "name" "host" "value" "0.0.0.0")
  (dict "name" "port" "value" .facts.enginePort)
  (dict "name" "enable-metrics" "value" true) -}}
{{- if gt (int $p.tensor) 1 -}}{{- $flags = append $flags (dict "name" "tp-size" "canonical" "tensor-parallel-size" "value" $p.tensor) -}}{{- end -}}
{{- if gt (int $p.pipeline) 1 -}}{{- $flags = append $flags (dict "name" "pp-size" "canonical" "pipeline-parallel-size" "value" $p.pipeline) -}}{{- end -}}
{{- if gt (int $p.data) 1 -}}{{- $flags = append $flags (dict "name" "dp-size" "canonical" "data-parallel-size" "value" $p.data) -}}{{- end -}}
{{- if $p.expert -}}{{- $flags = append $flags (dict "name" "ep-size" "value" $p.tensor) -}}{{- end -}}
{{- if $p.spans -}}
  {{- $flags = append $flags (dict "name" "nnodes" "value" $p.workers) -}}
  {{- $flags = append $flags (dict "name" "node-rank" "value" "$(LWS_WORKER_INDEX)") -}}
  {{- $flags = append $flags (dict "name" "dist-init-addr" "value" "$(LWS_LEADER_ADDRESS):5000") -}}
{{- end -}}
{{- $flags = append $flags (dict "name" "served-model-name" "value" .facts.model.name) -}}
{{- if .root.Values.auth.apiKeySecret.name -}}{{- $flags = append $flags (dict "name" "api-key" "value" "$(SGLANG_API_KEY)") -}}{{- end -}}
{{- $flags = concat $flags .facts.model.flags .facts.lora.flags -}}
{{- $features := .root.Values.modelArtifacts.features -}}
{{- if and (has "TextEmbedding" $features) (not (has "TextGeneration" $features)) -}}{{- $flags = append $flags (dict "name" "is-embedding" "value" true) -}}{{- end -}}
{{- dict "flags" $flags "startRank" false | toJson -}}
{{- end -}}

{{/*
Environment of the engine, as JSON. Input: root, facts.
Order: the listed container's, engine.env, then what the chart derives; a name given earlier is not given again.
*/}}
{{- define "llm-d-modelservice.engineEnv" -}}
{{- $facts := .facts -}}
{{- $engine := $facts.engine -}}
{{- $p := $facts.parallelism -}}
{{- $env := list -}}
{{- range (include "llm-d-modelservice.rendered" (dict "root" .root "value" $engine.userEnv "key" (printf "%s.containers[0].env" $facts.role)) | fromJson).value -}}{{- $env = append $env . -}}{{- end -}}
{{- $env = include "llm-d-modelservice.mergeList" (dict "key" "env" "lower" list "upper" $env) | fromJsonArray -}}
{{- $names := dict -}}
{{- range $env -}}{{- $_ := set $names .name true -}}{{- end -}}
{{- range $name, $value := (include "llm-d-modelservice.rendered" (dict "root" .root "value" $engine.variables "key" "engine.env") | fromJson).value -}}
  {{- if not (hasKey $names $name) -}}
    {{- $_ := set $names $name true -}}
    {{- if kindIs "map" $value -}}{{- $env = append $env (dict "name" $name "valueFrom" $value.valueFrom) -}}
    {{- else if not (kindIs "invalid" $value) -}}{{- $env = append $env (dict "name" $name "value" (kindIs "string" $value | ternary $value (toJson $value))) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- $derived := list -}}
{{- if include "llm-d-modelservice.standsAlone" $engine.type -}}
{{- $derived = include "llm-d-modelservice.serverEnv" . | fromJsonArray -}}
{{- else -}}
{{- $derived = list
  (dict "name" "DP_SIZE" "value" (toJson $p.data))
  (dict "name" "TP_SIZE" "value" (toJson $p.tensor))
  (dict "name" "DP_SIZE_LOCAL" "value" (toJson $p.dataLocal)) -}}
{{- end -}}
{{- if $engine.mountModelVolume -}}{{- $derived = concat $derived $facts.model.env -}}{{- end -}}
{{- $derived = concat $derived $facts.model.storeEnv $facts.lora.env $facts.accelerator.env -}}
{{- with .root.Values.auth.apiKeySecret.name -}}
{{- $derived = append $derived (include "llm-d-modelservice.apiKeyEnv" $ | fromJson) -}}
{{- end -}}
{{- if .root.Values.caches.enabled -}}{{- $derived = concat $derived (include "llm-d-modelservice.cacheEnv" .root | fromJsonArray) -}}{{- end -}}
{{- with include "llm-d-modelservice.cpuCache" . -}}{{- $derived = append $derived (dict "name" "VLLM_CPU_KVCACHE_SPACE" "value" .) -}}{{- end -}}
{{- if .root.Values.tracing.enabled -}}
{{- $service := eq $facts.role "decode" | ternary .root.Values.tracing.serviceNames.vllmDecode .root.Values.tracing.serviceNames.vllmPrefill -}}
{{- $derived = concat $derived (include "llm-d-modelservice.tracingEnv" (dict "root" .root "service" $service) | fromJsonArray) -}}
{{- end -}}
{{- range $derived -}}
  {{- if not (hasKey $names .name) -}}
  {{- $_ := set $names .name true -}}
  {{- $env = append $env . -}}
  {{- end -}}
{{- end -}}
{{- $env | toJson -}}
{{- end -}}

{{/* Variables from which engines that check an API key read it, as JSON, by engine type. */}}
{{- define "llm-d-modelservice.apiKeyVariables" -}}
{"vllm": "VLLM_API_KEY", "simulator": "VLLM_API_KEY", "sglang": "SGLANG_API_KEY", "infinity": "INFINITY_API_KEY"}
{{- end -}}

{{/*
The API key as an environment variable, as JSON. Input: root, facts. SGLang has only a flag, in which Kubernetes fills in
the variable. None of these engines asks for the key on /health and /metrics; faster-whisper-server asks for it
everywhere, also the probes.
https://docs.vllm.ai/en/latest/cli/serve/
https://michaelfeil.eu/infinity/latest/cli_v2/
*/}}
{{- define "llm-d-modelservice.apiKeyEnv" -}}
{{- $type := .facts.engine.type -}}
{{- $variable := get (include "llm-d-modelservice.apiKeyVariables" . | fromJson) $type -}}
{{- if not $variable -}}
{{- fail (printf "auth.apiKeySecret.name: %s %s, so that everybody could ask; remove it, and check keys at the gateway" $type (eq $type "fasterWhisper" | ternary "would ask its own probes for the key" "checks no key")) -}}
{{- end -}}
{{- if hasKey .facts.given "api-key" -}}
{{- fail "auth.apiKeySecret.name: the engine gets an --api-key beside it, in plain text; remove it from engine.args or the container's args" -}}
{{- end -}}
{{- dict "name" $variable "valueFrom" (dict "secretKeyRef" (pick .root.Values.auth.apiKeySecret "name" "key")) | toJson -}}
{{- end -}}

{{/* OpenTelemetry variables, as JSON. Input: root, service. */}}
{{- define "llm-d-modelservice.tracingEnv" -}}
{{- $tracing := .root.Values.tracing -}}
{{- list
  (dict "name" "OTEL_SERVICE_NAME" "value" .service)
  (dict "name" "OTEL_EXPORTER_OTLP_ENDPOINT" "value" $tracing.otlpEndpoint)
  (dict "name" "OTEL_TRACES_EXPORTER" "value" "otlp")
  (dict "name" "OTEL_TRACES_SAMPLER" "value" $tracing.sampling.sampler)
  (dict "name" "OTEL_TRACES_SAMPLER_ARG" "value" $tracing.sampling.samplerArg)
| toJson -}}
{{- end -}}
