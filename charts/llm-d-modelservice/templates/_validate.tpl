{{/*
Refusals: what only several keys together show to be wrong. Each message names the key, says why and what to
write instead. What one key alone shows is refused by values.schema.json.
*/}}

{{/*
"true" where the chart renders anything. Input: the root context. Every object begins with it, so that what is wrong
with the values as a whole is said before anything trips over it; where an object is off by default, its switch is
looked at first, in a way that survives a missing section. What was found is kept in the root context, which the chart's
templates share.
*/}}
{{- define "llm-d-modelservice.enabled" -}}
{{- if not (hasKey . "sections checked") -}}
{{- include "llm-d-modelservice.checkSections" . -}}
{{- $_ := set . "sections checked" true -}}
{{- end -}}
{{- if .Values.enabled -}}true{{- end -}}
{{- end -}}

{{/*
Refuses a section without content (`decode:` with everything below commented out), and null for what the chart cannot do
without; prints nothing. Input: the root context. Null makes Helm delete all defaults of a section.
*/}}
{{- define "llm-d-modelservice.checkSections" -}}
{{- $role := list "autoscaling" "parallelism" "accelerator" "acceleratorTypes" "engine" "sharedMemory" "monitoring" "probes" "drain" "podDisruptionBudget" "service" -}}
{{- $sections := dict "modelArtifacts" (list "credentials" "download" "persistence" "volume" "lora") "engine" list "accelerator" (list "vgpu") "serviceAccount" list
  "service" list "networkPolicy" list "auth" (list "apiKeySecret") "caches" list
  "routing" (list "proxy" "inferencePool" "httpRoute" "inferenceObjective" "epp" "loadBalancing")
  "tracing" (list "sampling" "serviceNames" "vllm") "requester" (list "port" "readinessProbe" "resources")
  "monitoring" (list "dashboard" "prometheusrule") "endpoints" list "test" (list "question")
  "decode" $role "prefill" $role -}}
{{- $empty := list -}}
{{- range $name, $parts := $sections -}}
  {{- $section := index $.Values $name -}}
  {{- if not (kindIs "map" $section) -}}{{- $empty = append $empty $name -}}
  {{- else -}}
    {{- range $parts -}}
      {{- if not (kindIs "map" (index $section .)) -}}{{- $empty = append $empty (printf "%s.%s" $name .) -}}{{- end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- range $path := list "modelArtifacts.credentials.aws" "modelArtifacts.credentials.gcp" "modelArtifacts.credentials.alibaba" "requester.resources.limits" "decode.monitoring.podmonitor" "prefill.monitoring.podmonitor"
  "decode.monitoring.servicemonitor" "prefill.monitoring.servicemonitor" "monitoring.prometheusrule.thresholds" -}}
  {{- $parts := splitn "." 3 $path -}}
  {{- $section := index $.Values $parts._0 | default dict -}}
  {{- if not (kindIs "map" (index (index $section $parts._1 | default dict) $parts._2)) -}}{{- $empty = append $empty $path -}}{{- end -}}
{{- end -}}
{{- with $empty -}}
{{- fail (printf "%s: a section without content removes all its defaults; remove the key, or write %s: {}" (first .) (first .)) -}}
{{- end -}}
{{- range $path := list "modelArtifacts.name" "modelArtifacts.uri" "modelArtifacts.mountPath" "accelerator.type" "multinode" "requester.enable"
  "routing.servicePort" "routing.proxy.image" "routing.proxy.targetPort"
  "decode.monitoring.podmonitor.enabled" "prefill.monitoring.podmonitor.enabled"
  "decode.monitoring.podmonitor.portName" "prefill.monitoring.podmonitor.portName" -}}
  {{- $value := $.Values -}}
  {{- range splitList "." $path -}}{{- $value = index $value . -}}{{- end -}}
  {{- if kindIs "invalid" $value -}}
  {{- fail (printf "%s: null removes the default, which the chart needs; remove the key, or write a value" $path) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* Refuses list items without content. Input: lists by their key. */}}
{{- define "llm-d-modelservice.checkItems" -}}
{{- range $key, $list := . -}}
  {{- range $i, $item := $list -}}
    {{- if kindIs "invalid" $item -}}{{- fail (printf "%s[%d]: a list item without content; remove the dash or fill it in" $key $i) -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/*
"true" where the chart renders anything and the routing objects agree. Input: the root context. Every routing object
begins with it, for the same reason as with enabled.
*/}}
{{- define "llm-d-modelservice.routed" -}}
{{- if include "llm-d-modelservice.enabled" . -}}{{- include "llm-d-modelservice.checkRouting" . -}}true{{- end -}}
{{- end -}}

{{/* Combinations of the routing objects. Input: the root context. */}}
{{- define "llm-d-modelservice.checkRouting" -}}
{{- $routing := .Values.routing -}}
{{- $pool := $routing.inferencePool -}}
{{- $route := $routing.httpRoute -}}
{{- $epp := $routing.epp -}}
{{- range $key, $section := dict "httpRoute.timeouts" $route.timeouts "epp.service" $epp.service "epp.rbac" $epp.rbac "loadBalancing.prefixHash" $routing.loadBalancing.prefixHash -}}
  {{- if not (kindIs "map" $section) -}}{{- fail (printf "routing.%s: a section without content removes all its defaults; remove the key, or write routing.%s: {}" $key $key) -}}{{- end -}}
{{- end -}}
{{- include "llm-d-modelservice.checkItems" (dict
  "routing.parentRefs" $routing.parentRefs "routing.proxy.parentRefs" $routing.proxy.parentRefs
  "routing.httpRoute.parentRefs" $route.parentRefs "routing.httpRoute.matches" $route.matches
  "routing.httpRoute.rules" $route.rules "routing.epp.service.extraPorts" $epp.service.extraPorts
  "routing.epp.extraContainerPorts" $epp.extraContainerPorts "routing.epp.env" $epp.env) -}}
{{- with $routing.inferenceModel -}}
  {{- if ne (toString .create) "false" -}}
  {{- fail (printf "routing.inferenceModel: InferenceModel is gone from Gateway API Inference Extension, InferenceObjective replaces it; write routing.inferenceObjective: {create: true, priority: %s} (Critical is 1, Standard 0, Sheddable -1) and routing.inferenceModel.create: false" (index (dict "Critical" "1" "Sheddable" "-1") (.criticality | default "Standard") | default "0")) -}}
  {{- end -}}
{{- end -}}
{{- $anyPool := or $pool.create $pool.name -}}
{{- $fix := "write routing.inferencePool.create: true, or the name of an existing pool as routing.inferencePool.name" -}}
{{- if and $epp.create (not $anyPool) -}}
{{- fail (printf "routing.epp.create: an endpoint picker picks for one InferencePool, and there is none; %s" $fix) -}}
{{- end -}}
{{- if and $routing.inferenceObjective.create (not $anyPool) -}}
{{- fail (printf "routing.inferenceObjective.create: an objective belongs to an InferencePool, and there is none; %s" $fix) -}}
{{- end -}}
{{- if $pool.create -}}
  {{- if and $epp.create $pool.endpointPickerRef -}}
  {{- fail (printf "routing.inferencePool.endpointPickerRef: the pool would ask %s, but routing.epp.create makes a picker of its own; remove one of them" $pool.endpointPickerRef.name) -}}
  {{- end -}}
  {{- if not (or $epp.create $pool.endpointPickerRef) -}}
  {{- fail "routing.inferencePool.create: a pool needs an endpoint picker; write routing.epp.create: true, or the Service of an existing one as routing.inferencePool.endpointPickerRef.name" -}}
  {{- end -}}
{{- end -}}
{{- if $route.create -}}
  {{- $parents := include "llm-d-modelservice.parentRefs" . | fromJson -}}
  {{- if not $parents.refs -}}
  {{- fail "routing.httpRoute.create: a route needs a Gateway; write routing.parentRefs: [{name: <gateway>}]" -}}
  {{- end -}}
  {{- range $i, $parent := $parents.refs -}}
    {{- if not $parent.name -}}{{- fail (printf "%s[%d].name: the Gateway's name is missing, and the API server refuses a route without it" $parents.key $i) -}}{{- end -}}
  {{- end -}}
  {{- $needed := not $route.rules -}}
  {{- range $route.rules -}}{{- if not .backendRefs -}}{{- $needed = true -}}{{- end -}}{{- end -}}
  {{- if and $needed (not $anyPool) -}}
  {{- fail (printf "routing.httpRoute.create: there is no InferencePool to send requests to; %s" $fix) -}}
  {{- end -}}
  {{- $short := list -}}
  {{- if $route.modelHeader -}}{{- $short = append $short "modelHeader" -}}{{- end -}}
  {{- if ne ($route.pathPrefix | default "/") "/" -}}{{- $short = append $short "pathPrefix" -}}{{- end -}}
  {{- if and $route.rules $route.matches -}}{{- $short = append $short "matches" -}}{{- end -}}
  {{- if and $short (or $route.rules $route.matches) -}}
  {{- fail (printf "routing.httpRoute.%s: %s are conditions in full, so it has no effect beside them; remove one of them" (first $short) (empty $route.rules | ternary "matches" "rules")) -}}
  {{- end -}}
{{- end -}}
{{- $balancing := $routing.loadBalancing -}}
{{- if and $balancing.strategy (not $epp.create) -}}
{{- fail "routing.loadBalancing.strategy: it configures this chart's endpoint picker, and there is none; write routing.epp.create: true, or configure the picker where it is installed" -}}
{{- end -}}
{{- if and $balancing.prefixHash.prefixCharLength (ne (toString $balancing.strategy) "PrefixHash") -}}
{{- fail "routing.loadBalancing.prefixHash: it belongs to another strategy; write routing.loadBalancing.strategy: PrefixHash" -}}
{{- end -}}
{{- if $epp.create -}}{{- include "llm-d-modelservice.checkPicker" . -}}{{- end -}}
{{- end -}}

{{/* Refuses what a cluster is too old for; prints nothing. Input: root, key, needs (what), version. */}}
{{- define "llm-d-modelservice.checkKubernetes" -}}
{{- $version := .root.Capabilities.KubeVersion.Version -}}
{{- if semverCompare (printf "<%s.0-0" .version) $version -}}
{{- fail (printf "%s: it needs %s, which Kubernetes has since %s, and this cluster is %s; write false" .key .needs .version $version) -}}
{{- end -}}
{{- end -}}

{{/* Combinations inside a role. Input: root, role, multinode, requester, workload. */}}
{{- define "llm-d-modelservice.checkRole" -}}
{{- $role := index .root.Values .role -}}
{{- if and .requester .multinode -}}
{{- fail "requester.enable: dual pods are single pods, but multinode is true; write multinode: false or requester.enable: false" -}}
{{- end -}}
{{- include "llm-d-modelservice.checkWorkload" . -}}
{{- if .multinode -}}
  {{- if $role.strategy -}}
  {{- fail (printf "%s.strategy: it belongs to Deployments, but multinode makes a LeaderWorkerSet; write %s.rolloutStrategy" .role .role) -}}
  {{- end -}}
  {{- /* LeaderWorkerSet names its Service after itself (DNS-1035), its pods <name>-<group>-<worker>, and a label of the
         pods carries <name>-<group>-<10 characters of hash>, all at most 63 characters. */ -}}
  {{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" .workload) -}}
  {{- fail (printf "fullnameOverride: the LeaderWorkerSet would be named %s, which must begin with a letter (DNS-1035), as its Service has the same name; choose another release name or set fullnameOverride" .workload) -}}
  {{- end -}}
  {{- $groups := $role.autoscaling.enabled | ternary 1000 (max 1 (kindIs "invalid" $role.replicas | ternary 1 $role.replicas | int)) -}}
  {{- $longest := sub 51 (sub $groups 1 | toString | len) | int -}}
  {{- if gt (len .workload) $longest -}}
  {{- fail (printf "fullnameOverride: the LeaderWorkerSet would be named %s (%d characters), but pod labels made of it leave room for %d; choose a shorter release name or set fullnameOverride" .workload (len .workload) $longest) -}}
  {{- end -}}
{{- else -}}
  {{- range $key := list "rolloutStrategy" "subGroupPolicy" "subGroupExclusiveTopology" "subGroupExclusiveToplogy" "workerTemplate" -}}
    {{- if index $role $key -}}
    {{- fail (printf "%s.%s: it belongs to a LeaderWorkerSet, but multinode is false; write multinode: true%s" $.role $key (eq $key "rolloutStrategy" | ternary ", or strategy for a Deployment" "")) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- if and (or $role.subGroupExclusiveTopology $role.subGroupExclusiveToplogy) (not $role.subGroupPolicy) -}}
{{- fail (printf "%s.subGroupExclusiveTopology: it needs subgroups; write %s.subGroupPolicy.subGroupSize too" .role .role) -}}
{{- end -}}
{{- $types := $role.acceleratorTypes -}}
{{- if and $types.labelKey (not $types.labelValues) (not $types.labelValue) -}}
{{- fail (printf "%s.acceleratorTypes.labelValues: labelKey %s is set without any value, and no node could match; list the accepted values" .role $types.labelKey) -}}
{{- end -}}
{{- if and (not $types.labelKey) (or $types.labelValues $types.labelValue) -}}
{{- fail (printf "%s.acceleratorTypes.labelKey: values are listed, but not of which node label; write it, for instance nvidia.com/gpu.product" .role) -}}
{{- end -}}
{{- range $field := list "containers" "initContainers" "volumes" "tolerations" "resourceClaims" "imagePullSecrets" -}}
  {{- range $i, $item := index $role $field -}}
    {{- if kindIs "invalid" $item -}}{{- fail (printf "%s.%s[%d]: a list item without content; remove the dash or fill it in" $.role $field $i) -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- $names := dict -}}
{{- range $i, $container := $role.containers -}}
  {{- $name := $container.name | default (eq $i 0 | ternary "vllm" "") -}}
  {{- if not $name -}}{{- fail (printf "%s.containers[%d].name: only the first container has a default name; write one" $.role $i) -}}{{- end -}}
  {{- if hasKey $names $name -}}{{- fail (printf "%s.containers[%d].name: %s is also the name of containers[%d]; names are unique in a pod" $.role $i $name (index $names $name)) -}}{{- end -}}
  {{- $_ := set $names $name $i -}}
{{- end -}}
{{- range $i, $container := $role.initContainers -}}
  {{- if or (hasKey $names $container.name) (eq $container.name "routing-proxy") -}}
  {{- fail (printf "%s.initContainers[%d].name: another container of the pod is named %s; names are unique in a pod" $.role $i $container.name) -}}
  {{- end -}}
  {{- $_ := set $names $container.name $i -}}
{{- end -}}
{{- range $i, $worker := (($role.workerTemplate).containers | default list) -}}
  {{- if not (hasKey $names ($worker.name | default "vllm")) -}}
  {{- if or $role.containers (ne ($worker.name | default "vllm") "vllm") -}}
  {{- fail (printf "%s.workerTemplate.containers[%d].name: %s.containers has no container of that name; workers change what the leader has" $.role $i $.role) -}}
  {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* Port ranges of proxy and engine. Input: root, facts. */}}
{{- define "llm-d-modelservice.checkPorts" -}}
{{- $facts := .facts -}}
{{- $n := int $facts.portCount -}}
{{- $service := int $facts.servicePort -}}
{{- $engine := int $facts.enginePort -}}
{{- /* Data parallel supervisor: one port after the engine's range. */ -}}
{{- $engineEnd := add $engine $n (gt $n 1 | ternary 0 -1) | int -}}
{{- if gt $engineEnd 65535 -}}
{{- fail (printf "%s: %d ports from %d on pass 65535; choose a lower port" ($facts.proxy | ternary "routing.proxy.targetPort" "routing.servicePort") $n $engine) -}}
{{- end -}}
{{- if $facts.proxy -}}
  {{- if and (le $service $engineEnd) (le $engine (add $service $n -1 | int)) -}}
  {{- if eq $n 1 -}}
  {{- fail (printf "routing.proxy.targetPort: %d is routing.servicePort too, but the proxy and the engine share the pod's network; choose another, for instance %d" $engine (eq $engine 8200 | ternary 8201 8200)) -}}
  {{- end -}}
  {{- fail (printf "routing.proxy.targetPort: with %d ranks a pod the proxy listens on %d-%d and the engine on %d-%d (the last is its supervisor); choose ranges that do not overlap, for instance 8000 and 8200" $n $service (add $service $n -1) $engine $engineEnd) -}}
  {{- end -}}
{{- end -}}
{{- end -}}
