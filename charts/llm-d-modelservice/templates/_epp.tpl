{{/*
The endpoint picker (EPP): its version, its plugin configuration, its pod. Flags, plugins and API groups changed
between versions, and an unknown one ends the picker at once, so they follow the version of the image.
https://github.com/llm-d/llm-d-router/blob/main/pkg/epp/server/options.go
https://llm-d.ai/docs/api-reference/endpointpickerconfig
*/}}

{{/*
Facts about the picker, as JSON. Input: the root context. Output:
  version        of llm-d's picker, or the one that has the same plugins as Gateway API Inference Extension's
  llmd           llm-d's picker, which knows roles; the other does not
  configApi      API version of its configuration
  objectiveApi   API version of InferenceObjectives
  queueMetric    requests that wait in its flow control
An image without a version is taken for the newest of its name: the repository was renamed to
llm-d-router-endpoint-picker with 0.9, and Gateway API Inference Extension had its own (named epp) up to 1.5.
*/}}
{{- define "llm-d-modelservice.picker" -}}
{{- $epp := .Values.routing.epp -}}
{{- if not $epp.image -}}{{- fail "routing.epp.image: the endpoint picker has no image; remove the key for the default" -}}{{- end -}}
{{- $repository := $epp.image | regexFind "^[^@]*" | splitList "/" | last | splitList ":" | first -}}
{{- $llmd := ne $repository "epp" -}}
{{- $version := include "llm-d-modelservice.imageVersion" (dict "image" $epp.image "version" $epp.version) -}}
{{- if $llmd -}}
{{- $version = $version | default (eq $repository "llm-d-inference-scheduler" | ternary "0.8.0" "0.10.0") -}}
{{- else -}}
{{- $same := dict "1.3" "0.5.0" "1.4" "0.7.0" "1.5" "0.8.0" -}}
{{- $version = index $same (splitList "." ($version | default "1.5.0") | initial | join ".") | default "0.0.0" -}}
{{- end -}}
{{- $router := semverCompare ">=0.9.0" $version -}}
{{- dict
  "version" $version "llmd" $llmd
  "configApi" ($router | ternary "llm-d.ai/v1alpha1" "inference.networking.x-k8s.io/v1alpha1")
  "objectiveApi" ($router | ternary "llm-d.ai/v1alpha2" "inference.networking.x-k8s.io/v1alpha2")
  "queueMetric" ($router | ternary "llm_d_epp_flow_control_queue_size" "inference_extension_flow_control_queue_size")
| toJson -}}
{{- end -}}

{{/* "true" when decode and prefill run apart. Input: the root context. */}}
{{- define "llm-d-modelservice.disaggregated" -}}
{{- if and .Values.decode.create .Values.prefill.create -}}true{{- end -}}
{{- end -}}

{{/* "true" when an autoscaler may take all pods of a role away, so that requests have to wait in the picker. Input: the root context. */}}
{{- define "llm-d-modelservice.scalesToZero" -}}
{{- range $name := list "decode" "prefill" -}}
  {{- $role := index $.Values $name -}}
  {{- $scaling := $role.autoscaling -}}
  {{- if and $role.create $scaling.enabled (eq $scaling.type "keda") (or (eq (toString $scaling.minReplicas) "0") (eq (toString $scaling.idleReplicas) "0")) -}}true{{- end -}}
{{- end -}}
{{- end -}}

{{/* Combinations of the endpoint picker. Input: the root context. */}}
{{- define "llm-d-modelservice.checkPicker" -}}
{{- $epp := .Values.routing.epp -}}
{{- $picker := include "llm-d-modelservice.picker" . | fromJson -}}
{{- $newer := "write a newer image, for instance ghcr.io/llm-d/llm-d-router-endpoint-picker:v0.10.0, or its version as routing.epp.version where the tag does not tell it" -}}
{{- if semverCompare "<0.4.0" $picker.version -}}
{{- fail (printf "routing.epp.image: %s is older than the InferencePools, flags and plugins that this chart writes (those of llm-d's picker from 0.4 on and of Gateway API Inference Extension's from 1.3 on); %s" $epp.image $newer) -}}
{{- end -}}
{{- $balancing := .Values.routing.loadBalancing.strategy -}}
{{- $own := or $epp.pluginsConfig $epp.pluginsConfigFile -}}
{{- if and $epp.pluginsConfig $epp.pluginsConfigFile -}}
{{- fail "routing.epp.pluginsConfigFile: routing.epp.pluginsConfig is a configuration too; keep one" -}}
{{- end -}}
{{- if and $epp.pluginsConfigFile (not (hasKey $epp.pluginsCustomConfig $epp.pluginsConfigFile)) -}}
{{- fail (printf "routing.epp.pluginsConfigFile: routing.epp.pluginsCustomConfig has no file %s%s; remove it for a derived configuration, or write the file" $epp.pluginsConfigFile (empty $epp.pluginsCustomConfig | ternary "" (printf " (there are %s)" (keys $epp.pluginsCustomConfig | sortAlpha | join ", ")))) -}}
{{- end -}}
{{- if and $epp.pluginsCustomConfig (not $epp.pluginsConfigFile) -}}
{{- fail (printf "routing.epp.pluginsCustomConfig: nothing says which file holds; write routing.epp.pluginsConfigFile: %s" (keys $epp.pluginsCustomConfig | sortAlpha | first)) -}}
{{- end -}}
{{- if and $own $balancing -}}
{{- fail (printf "routing.loadBalancing.strategy: routing.epp.%s is a whole configuration, so the strategy has no effect; remove one of them" (empty $epp.pluginsConfig | ternary "pluginsConfigFile" "pluginsConfig")) -}}
{{- end -}}
{{- if not $own -}}
  {{- if and (include "llm-d-modelservice.disaggregated" .) (not $picker.llmd) -}}
  {{- fail (printf "routing.epp.image: %s knows no prefill and decode roles; write llm-d's picker, for instance ghcr.io/llm-d/llm-d-router-endpoint-picker:v0.10.0, or prefill.create: false" $epp.image) -}}
  {{- end -}}
  {{- if and (include "llm-d-modelservice.scalesToZero" .) (semverCompare "<0.7.0" $picker.version) -}}
  {{- fail (printf "routing.epp.image: requests that wait while no pod runs need flow control, which %s does not have; %s" $epp.image $newer) -}}
  {{- end -}}
  {{- range include "llm-d-modelservice.engines" . | fromJsonArray -}}
    {{- if and (semverCompare "<0.8.0" $picker.version) (eq .type "sglang") -}}
    {{- fail (printf "routing.epp.image: %s reads vLLM's metrics only, but the engine is SGLang; %s" $epp.image $newer) -}}
    {{- end -}}
    {{- if not (include "llm-d-modelservice.requestMetrics" . | fromJson) -}}
      {{- if not $picker.llmd -}}
      {{- fail (printf "routing.epp.image: %s chooses by metrics, and %s has none of its requests; write llm-d's picker, for instance ghcr.io/llm-d/llm-d-router-endpoint-picker:v0.10.0, which counts them" $epp.image .type) -}}
      {{- end -}}
      {{- /* https://github.com/kubernetes-sigs/gateway-api-inference-extension/tree/v1.5.0/pkg/epp/framework/plugins/flowcontrol/saturationdetector */ -}}
      {{- if include "llm-d-modelservice.scalesToZero" $ -}}
      {{- fail (printf "routing.epp.create: requests that wait for the first pod would wait for ever, as the picker takes a pod without metrics for a full one, and %s has none; write autoscaling.minReplicas: 1 without idleReplicas" .type) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- if and .Values.routing.inferencePool.create (semverCompare "<0.7.0" $picker.version) (include "llm-d-modelservice.disaggregated" .) -}}
  {{- if or (eq (toString .Values.decode.parallelism.dataMode) "multiPort") (eq (toString .Values.prefill.parallelism.dataMode) "multiPort") -}}
  {{- fail (printf "routing.epp.image: the pods of decode and prefill may have different ports (dataMode: multiPort), which %s does not know; %s" $epp.image $newer) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* The engines of the roles that are created, as a JSON list. Input: the root context. */}}
{{- define "llm-d-modelservice.engines" -}}
{{- $engines := list -}}
{{- range $name := list "decode" "prefill" -}}
  {{- if (index $.Values $name).create -}}
    {{- $profile := include "llm-d-modelservice.profile" (dict "root" $ "role" $name) | fromJson -}}
    {{- $engines = append $engines (include "llm-d-modelservice.engine" (dict "root" $ "role" $name "profile" $profile) | fromJson) -}}
  {{- end -}}
{{- end -}}
{{- $engines | toJson -}}
{{- end -}}

{{/* "true" when the pods of every role serve TLS, so that their metrics are read over it. Input: the root context. */}}
{{- define "llm-d-modelservice.metricsOverTLS" -}}
{{- $schemes := list -}}
{{- range $name := list "decode" "prefill" -}}
  {{- if (index $.Values $name).create -}}
  {{- $facts := include "llm-d-modelservice.role" (dict "root" $ "role" $name) | fromJson -}}
  {{- $schemes = append $schemes (include "llm-d-modelservice.scheme" (dict "root" $ "facts" $facts)) -}}
  {{- end -}}
{{- end -}}
{{- if and $schemes (not (has "http" $schemes)) -}}true{{- end -}}
{{- end -}}

{{/*
The plugin configuration that follows from load balancing and roles, as JSON. Input: root, picker.
  unset       equal prefix, free KV cache and queue, weighted as Gateway API Inference Extension does
  LeastLoad   requests in flight
  PrefixHash  equal prefix, and the queue as a bound
Requests in flight stand for queue and cache of an engine without such metrics. Where there are adapters, pods that have
the wanted one count more; vLLM tells which.
With prefill, each request runs both profiles: llm-d's handler asks the decider whether to run prefill elsewhere.
*/}}
{{- define "llm-d-modelservice.pickerConfig" -}}
{{- $values := .root.Values -}}
{{- $version := .picker.version -}}
{{- $strategy := $values.routing.loadBalancing.strategy | default "" -}}
{{- $measured := true -}}
{{- $adapters := or $values.modelArtifacts.adapters $values.modelArtifacts.lora.dynamic -}}
{{- $sglang := false -}}
{{- range include "llm-d-modelservice.engines" .root | fromJsonArray -}}
  {{- if not (include "llm-d-modelservice.requestMetrics" . | fromJson) -}}{{- $measured = false -}}{{- end -}}
  {{- if not (has .type (list "vllm" "simulator")) -}}{{- $adapters = false -}}{{- end -}}
  {{- if eq .type "sglang" -}}{{- $sglang = true -}}{{- end -}}
{{- end -}}
{{- $scorers := list (list "queue-scorer" 2) (list "kv-cache-utilization-scorer" 2) (list "prefix-cache-scorer" 3) -}}
{{- if eq $strategy "LeastLoad" -}}
{{- $scorers = .picker.llmd | ternary (list (list "active-request-scorer" 1)) (list (list "running-requests-size-scorer" 1) (list "queue-scorer" 1)) -}}
{{- else if eq $strategy "PrefixHash" -}}
{{- $scorers = list (list "prefix-cache-scorer" 3) (list ($measured | ternary "queue-scorer" "active-request-scorer") 1) -}}
{{- else if not $measured -}}
{{- $scorers = list (list "active-request-scorer" 2) (list "prefix-cache-scorer" 3) -}}
{{- end -}}
{{- if $adapters -}}{{- $scorers = append $scorers (list "lora-affinity-scorer" 1) -}}{{- end -}}
{{- $plugins := list -}}
{{- $length := $values.routing.loadBalancing.prefixHash.prefixCharLength -}}
{{- range $scorers -}}
  {{- $plugin := dict "type" (first .) -}}
  {{- if and $length (eq (first .) "prefix-cache-scorer") -}}
    {{- /* One block of the asked length. A token counts as four characters. */ -}}
    {{- $tokens := div (add $length 3) 4 -}}
    {{- if semverCompare ">=0.8.0" $version -}}
    {{- $plugins = append $plugins (dict "type" "approx-prefix-cache-producer" "parameters" (dict "autoTune" false "blockSizeTokens" $tokens "maxPrefixTokensToMatch" $tokens)) -}}
    {{- else if semverCompare ">=0.7.0" $version -}}
    {{- $_ := set $plugin "parameters" (dict "autoTune" false "blockSizeTokens" $tokens "maxPrefixBlocksToMatch" 1) -}}
    {{- else -}}
    {{- $_ := set $plugin "parameters" (dict "autoTune" false "blockSize" $length "maxPrefixBlocksToMatch" 1) -}}
    {{- end -}}
  {{- end -}}
  {{- $plugins = append $plugins $plugin -}}
{{- end -}}
{{- $refs := list (dict "pluginRef" "max-score-picker") -}}
{{- range $scorers -}}{{- $refs = append $refs (dict "pluginRef" (first .) "weight" (last .)) -}}{{- end -}}
{{- $plugins = append $plugins (dict "type" "max-score-picker") -}}
{{- $profiles := list (dict "name" "default" "plugins" $refs) -}}
{{- if include "llm-d-modelservice.disaggregated" .root -}}
  {{- $plugins = concat $plugins (list (dict "type" "prefill-filter") (dict "type" "decode-filter")) -}}
  {{- if semverCompare ">=0.7.0" $version -}}
    {{- if semverCompare "<0.9.0" $version -}}{{- $plugins = append $plugins (dict "type" "disagg-headers-handler") -}}{{- end -}}
    {{- $plugins = concat $plugins (list (dict "type" "always-disagg-pd-decider") (dict "type" "disagg-profile-handler" "parameters" (dict "deciders" (dict "prefill" "always-disagg-pd-decider")))) -}}
  {{- else -}}
    {{- $plugins = concat $plugins (list (dict "type" "prefill-header-handler") (dict "type" "pd-profile-handler" "parameters" (dict "threshold" 0))) -}}
  {{- end -}}
  {{- $profiles = list
    (dict "name" "prefill" "plugins" (prepend $refs (dict "pluginRef" "prefill-filter")))
    (dict "name" "decode" "plugins" (prepend $refs (dict "pluginRef" "decode-filter"))) -}}
{{- end -}}
{{- if and (include "llm-d-modelservice.metricsOverTLS" .root) (semverCompare ">=0.8.0" $version) -}}
{{- $plugins = append $plugins (dict "type" "metrics-data-source" "parameters" (dict "scheme" "https" "insecureSkipVerify" true)) -}}
{{- else if $sglang -}}
{{- $plugins = append $plugins (dict "type" "metrics-data-source") -}}
{{- end -}}
{{- if $sglang -}}
{{- $plugins = append $plugins (dict "type" "core-metrics-extractor" "parameters" (dict "defaultEngine" "sglang")) -}}
{{- end -}}
{{- $config := dict "apiVersion" .picker.configApi "kind" "EndpointPickerConfig" "plugins" $plugins "schedulingProfiles" $profiles -}}
{{- if include "llm-d-modelservice.scalesToZero" .root -}}{{- $_ := set $config "featureGates" (list "flowControl") -}}{{- end -}}
{{- $config | toJson -}}
{{- end -}}

{{/* Configuration files of the picker, as JSON {files, name}; name is the one that holds. Input: root, picker. */}}
{{- define "llm-d-modelservice.pickerFiles" -}}
{{- $epp := .root.Values.routing.epp -}}
{{- $files := deepCopy ($epp.pluginsCustomConfig | default dict) -}}
{{- $name := $epp.pluginsConfigFile | default "plugins.yaml" -}}
{{- if not $epp.pluginsConfigFile -}}
{{- $_ := set $files $name ($epp.pluginsConfig | default (include "llm-d-modelservice.pickerConfig" . | fromJson) | toYaml | printf "%s\n") -}}
{{- end -}}
{{- dict "files" $files "name" $name | toJson -}}
{{- end -}}

{{/* Labels that select the picker's pods, as JSON: never those of the model's pods. Input: the root context. */}}
{{- define "llm-d-modelservice.pickerLabels" -}}
{{- dict
  "app.kubernetes.io/name" (printf "%s-epp" (include "llm-d-modelservice.name" . | trunc 59 | trimSuffix "-"))
  "app.kubernetes.io/instance" .Release.Name
| toJson -}}
{{- end -}}

{{/* Flags of the picker, as a JSON list. Input: root, picker, file. */}}
{{- define "llm-d-modelservice.pickerArgs" -}}
{{- $epp := .root.Values.routing.epp -}}
{{- $flags := list
  (list "pool-name" (include "llm-d-modelservice.poolName" .root))
  (list "pool-namespace" .root.Release.Namespace)
  (list "config-file" (printf "/config/%s" .file))
  (list "zap-encoder" "json")
  (list "tracing" .root.Values.tracing.enabled)
  (list "metrics-endpoint-auth" false) -}}
{{- /* Reviewing a scraper's token needs a ClusterRole, and this chart makes nothing cluster-wide. */ -}}
{{- if ne (int ($epp.service.targetPort | default 9002)) 9002 -}}{{- $flags = append $flags (list "grpc-port" $epp.service.targetPort) -}}{{- end -}}
{{- if not (kindIs "invalid" $epp.debugLevel) -}}{{- $flags = append $flags (list "v" $epp.debugLevel) -}}{{- end -}}
{{- if gt (int $epp.replicas) 1 -}}{{- $flags = append $flags (list "ha-enable-leader-election" true) -}}{{- end -}}
{{- if and (semverCompare "<0.8.0" .picker.version) (include "llm-d-modelservice.metricsOverTLS" .root) -}}{{- $flags = append $flags (list "model-server-metrics-scheme" "https") -}}{{- end -}}
{{- $given := include "llm-d-modelservice.givenFlags" (dict "args" ($epp.args | default list) "flags" dict) | fromJson -}}
{{- $args := list -}}
{{- range $flags -}}
  {{- if not (hasKey $given (first .)) -}}{{- $args = append $args (printf "--%s=%s" (first .) (kindIs "string" (last .) | ternary (last .) (toJson (last .)))) -}}{{- end -}}
{{- end -}}
{{- concat $args ($epp.args | default list) | toJson -}}
{{- end -}}

{{/* The pod spec of the picker, as JSON. Input: root, picker, file. */}}
{{- define "llm-d-modelservice.pickerPod" -}}
{{- $root := .root -}}
{{- $epp := .root.Values.routing.epp -}}
{{- $env := list
  (dict "name" "NAMESPACE" "valueFrom" (dict "fieldRef" (dict "fieldPath" "metadata.namespace")))
  (dict "name" "POD_NAME" "valueFrom" (dict "fieldRef" (dict "fieldPath" "metadata.name"))) -}}
{{- if .root.Values.tracing.enabled -}}
{{- $env = concat $env (include "llm-d-modelservice.tracingEnv" (dict "root" .root "service" .root.Values.tracing.serviceNames.endpointPicker) | fromJsonArray) -}}
{{- end -}}
{{- $container := dict
  "name" "epp" "image" (include "llm-d-modelservice.image" (dict "root" .root "image" $epp.image))
  "args" (include "llm-d-modelservice.pickerArgs" . | fromJsonArray)
  "env" (include "llm-d-modelservice.mergeList" (dict "key" "env" "lower" $env "upper" ($epp.env | default list)) | fromJsonArray)
  "ports" (concat (list
    (dict "name" "grpc" "containerPort" ($epp.service.targetPort | default 9002))
    (dict "name" "grpc-health" "containerPort" 9003)
    (dict "name" "metrics" "containerPort" 9090)) ($epp.extraContainerPorts | default list))
  "volumeMounts" (list (dict "name" "config" "mountPath" "/config" "readOnly" true)) -}}
{{- $fields := include "llm-d-modelservice.containerFields" (dict "root" .root "container" (dict "ports" $container.ports) "key" "routing.epp.extraContainerPorts") | fromJson -}}
{{- $_ := set $container "ports" $fields.ports -}}
{{- /* A picker that stands by is alive and not ready; one alone is both once it knows its pool. */ -}}
{{- $single := le (int $epp.replicas) 1 -}}
{{- if not $epp.disableLivenessProbe -}}
{{- $_ := set $container "livenessProbe" (dict "grpc" (dict "port" 9003 "service" ($single | ternary "inference-extension" "liveness")) "initialDelaySeconds" 5 "periodSeconds" 10) -}}
{{- end -}}
{{- if not $epp.disableReadinessProbe -}}
{{- $_ := set $container "readinessProbe" (dict "grpc" (dict "port" 9003 "service" ($single | ternary "inference-extension" "readiness")) "periodSeconds" 2) -}}
{{- end -}}
{{- with $epp.imagePullPolicy -}}{{- $_ := set $container "imagePullPolicy" . -}}{{- end -}}
{{- with $epp.securityContext -}}{{- $_ := set $container "securityContext" . -}}{{- end -}}
{{- with include "llm-d-modelservice.resources" (dict "resources" $epp.resources "key" "routing.epp.resources") | fromJson -}}{{- $_ := set $container "resources" . -}}{{- end -}}
{{- /* As long as the longest answer may take: the picker sees requests to their end. */ -}}
{{- $spec := dict
  "serviceAccountName" (include "llm-d-modelservice.pickerName" .root) "terminationGracePeriodSeconds" 130
  "containers" (list $container)
  "volumes" (list (dict "name" "config" "configMap" (dict "name" (include "llm-d-modelservice.pickerName" .root)))) -}}
{{- range $field := list "nodeSelector" "tolerations" "affinity" -}}
  {{- with index $epp $field -}}{{- $_ := set $spec $field . -}}{{- end -}}
{{- end -}}
{{- with $epp.podSecurityContext -}}{{- $_ := set $spec "securityContext" . -}}{{- end -}}
{{- with include "llm-d-modelservice.pullSecrets" (dict "root" .root "own" $epp.imagePullSecrets) | fromJsonArray -}}{{- $_ := set $spec "imagePullSecrets" . -}}{{- end -}}
{{- $spec = $spec | toJson | fromJson -}}
{{- with $epp.extraConfig -}}
{{- $extra := (include "llm-d-modelservice.rendered" (dict "root" $root "value" . "key" "routing.epp.extraConfig") | fromJson).value -}}
{{- include "llm-d-modelservice.merge" (dict "into" $spec "from" $extra) -}}
{{- end -}}
{{- include "llm-d-modelservice.prune" $spec -}}
{{- $spec | toJson -}}
{{- end -}}

{{/* What the picker may do in its namespace, as a JSON list of rules. Input: root, picker. */}}
{{- define "llm-d-modelservice.pickerRules" -}}
{{- $read := list "get" "list" "watch" -}}
{{- $groups := list "inference.networking.x-k8s.io" -}}
{{- if semverCompare ">=0.9.0" .picker.version -}}{{- $groups = append $groups "llm-d.ai" -}}{{- end -}}
{{- $rules := list
  (dict "apiGroups" (list "") "resources" (list "pods") "verbs" $read)
  (dict "apiGroups" (list "inference.networking.k8s.io") "resources" (list "inferencepools") "verbs" $read)
  (dict "apiGroups" $groups "resources" (list "inferenceobjectives" "inferencemodelrewrites") "verbs" $read) -}}
{{- if gt (int .root.Values.routing.epp.replicas) 1 -}}
{{- $rules = concat $rules (list
  (dict "apiGroups" (list "coordination.k8s.io") "resources" (list "leases") "verbs" (list "get" "list" "watch" "create" "update" "patch" "delete"))
  (dict "apiGroups" (list "") "resources" (list "events") "verbs" (list "create" "patch"))) -}}
{{- end -}}
{{- $rules | toJson -}}
{{- end -}}
