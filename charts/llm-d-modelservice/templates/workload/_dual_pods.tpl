{{/*
Dual pods: what the requester's pod carries so that the controller of fast model actuation makes the server's.
https://github.com/llm-d-incubation/llm-d-fast-model-actuation/blob/main/docs/dual-pods.md
*/}}

{{/* "true" where the engine is a server of dual pods, which the controller sends to sleep. Input: root, facts. */}}
{{- define "llm-d-modelservice.sleeps" -}}
{{- if and .root.Values.requester.enable (eq .facts.role "decode") -}}true{{- end -}}
{{- end -}}

{{/*
Annotations of the requester's pod, as JSON. Input: root, facts, server (pod template of the engine), container (of the
requester).
*/}}
{{- define "llm-d-modelservice.dualPodAnnotations" -}}
{{- $requester := .root.Values.requester -}}
{{- $names := .root.Known.fastModelActuation.annotations -}}
{{- $annotations := dict $names.adminPort (toJson $requester.port.spi) -}}
{{- if $requester.inferenceServerConfig -}}
{{- $_ := set $annotations $names.inferenceServerConfig $requester.inferenceServerConfig -}}
{{- else -}}
{{- /* The controller reads the patch as a Go template; what looks like an action in it is text. */ -}}
{{- $patch := include "llm-d-modelservice.serverPatch" . | fromJson | toYaml | replace "{{" "{{`{{`}}" -}}
{{- $_ := set $annotations $names.serverPatch $patch -}}
{{- end -}}
{{- merge $annotations (.root.Values.decode.podAnnotations | default dict) | toJson -}}
{{- end -}}

{{/*
The server's pod as a strategic merge patch of the requester's, as JSON. Input: root, facts, server, container.
Both engine and requester are the container of one name, so the patch removes (null) what the engine's has not.
*/}}
{{- define "llm-d-modelservice.serverPatch" -}}
{{- $engine := include "llm-d-modelservice.dualPodEngine" . | fromJson -}}
{{- range $field := list "command" "imagePullPolicy" -}}
  {{- if not (hasKey $engine $field) -}}{{- $_ := set $engine $field nil -}}{{- end -}}
{{- end -}}
{{- /* The API server adds the limits of the requester to its requests. Accelerators stay with the requester. */ -}}
{{- $held := .container.resources.limits -}}
{{- $resources := $engine.resources | default dict -}}
{{- range $kind := list "limits" "requests" -}}
  {{- $amounts := index $resources $kind | default dict -}}
  {{- range $name := keys $held -}}
    {{- if or (not (has $name (list "cpu" "memory"))) (not (hasKey $amounts $name)) -}}{{- $_ := set $amounts $name nil -}}{{- end -}}
  {{- end -}}
  {{- $_ := set $resources $kind $amounts -}}
{{- end -}}
{{- $_ := set $engine "resources" $resources -}}
{{- $spec := omit .server.spec "affinity" "nodeSelector" "tolerations" "schedulerName" "priorityClassName" "resourceClaims"
  "imagePullSecrets" "serviceAccountName" -}}
{{- $_ := set $spec "containers" (prepend (rest .server.spec.containers) $engine) -}}
{{- $name := splitList "/" .facts.model.name -}}
{{- $labels := omit .server.metadata.labels "app.kubernetes.io/name" "app.kubernetes.io/instance" -}}
{{- $labels = merge (dict "model-reg" (last $name) "model-repo" (first $name)) $labels -}}
{{- /* The serving pod must not belong to the ReplicaSet. */ -}}
{{- $_ := set $labels "app" nil -}}
{{- dict "metadata" (dict "labels" $labels) "spec" $spec | toJson -}}
{{- end -}}

{{/*
The engine's container under the name and with the probe that the controller looks for, as JSON. Input: root, facts,
server.
*/}}
{{- define "llm-d-modelservice.dualPodEngine" -}}
{{- $engine := set (deepCopy (first .server.spec.containers)) "name" .root.Known.fastModelActuation.container -}}
{{- $action := ($engine.readinessProbe | default dict).httpGet | default dict -}}
{{- if not $engine.readinessProbe -}}
  {{- $target := include "llm-d-modelservice.healthTarget" (dict "root" .root "facts" .facts) | fromJson -}}
  {{- $probe := dict "httpGet" (dict "path" $target.readiness "port" $target.port) "periodSeconds" 10 "timeoutSeconds" 5 -}}
  {{- $_ := set $engine "readinessProbe" $probe -}}
{{- else if or (not $action) (kindIs "string" $action.port) -}}
  {{- fail (print
    "requester.enable: the dual-pods controller takes the port of the server from decode's readiness probe, which is not an "
    "HTTP request to a port number; set httpGet with a number as port, or remove the probe for a derived one") -}}
{{- end -}}
{{- $engine | toJson -}}
{{- end -}}

{{/* Rejects dual pods that the controller could not serve; prints nothing. Input: root, facts. */}}
{{- define "llm-d-modelservice.checkRequester" -}}
{{- $requester := .root.Values.requester -}}
{{- $known := index .root.Known.engines .facts.engine.type -}}
{{- if not $known.sleep -}}
{{- fail (printf
  (print "requester.enable: the dual-pods controller sends servers to sleep and wakes them through vLLM's API, which %s does "
    "not have; set requester.enable: false")
  $known.title) -}}
{{- end -}}
{{- if and $requester.adminPort (ne (int $requester.adminPort) (int $requester.port.spi)) -}}
{{- fail (printf
  "requester.adminPort: %d, but the requester answers the controller on requester.port.spi, %d; remove it"
  (int $requester.adminPort) (int $requester.port.spi)) -}}
{{- end -}}
{{- if and .facts.tls (not $requester.inferenceServerConfig) -}}
{{- fail (print
  "requester.enable: the dual-pods controller speaks plain HTTP to the server, but the engine serves TLS; remove "
  "ssl-certfile from engine.args") -}}
{{- end -}}
{{- $count := int .facts.accelerator.count -}}
{{- with $requester.resources.limits.gpus -}}
{{- if and (ne (int .) $count) (ne $.facts.accelerator.resource "") -}}
{{- fail (printf
  "requester.resources.limits.gpus: %d, but the decode engine uses %d; remove it, or set decode.parallelism"
  (int .) $count) -}}
{{- end -}}
{{- end -}}
{{- end -}}
