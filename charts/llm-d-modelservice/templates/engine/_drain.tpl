{{/*
Draining: what happens between the decision to remove a pod and its end.
  1. preStop: the pod is not ready any more and still serves; endpoints, pools and the picker forget it
  2. SIGTERM: the engine refuses new requests and finishes the running ones (vLLM's --shutdown-timeout)
  3. SIGKILL at the end of the grace period, which leaves a buffer
https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
*/}}

{{/*
The seconds of a drain, as JSON {preStop, timeout, flag, grace}; {} without one. Input: root, role, engine, given.
flag: the engine gets --shutdown-timeout. One that does not know it drops its requests on SIGTERM, so preStop covers
their time too.
*/}}
{{- define "llm-d-modelservice.drain" -}}
{{- $drain := (index .root.Values .role).drain -}}
{{- if $drain.enabled -}}
{{- include "llm-d-modelservice.checkKubernetes" (dict "root" .root "key" (printf "%s.drain.enabled" .role) "needs" "a preStop that sleeps" "version" "1.30") -}}
{{- $known := and (ne .engine.modelCommand "custom") (include "llm-d-modelservice.hasShutdownTimeout" .engine.image | eq "true") -}}
{{- $flag := kindIs "bool" $drain.shutdownFlag | ternary $drain.shutdownFlag $known -}}
{{- if and $drain.shutdownFlag (has .engine.modelCommand (list "custom" "sglangServe")) -}}
{{- fail (printf
  (print "%s.drain.shutdownFlag: --shutdown-timeout is a flag of vLLM, but modelCommand is %s; remove it, and preStop "
    "waits for the requests")
  .role .engine.modelCommand) -}}
{{- end -}}
{{- $timeout := int $drain.timeoutSeconds -}}
{{- if hasKey .given "shutdown-timeout" -}}
  {{- $written := index .given "shutdown-timeout" -}}
  {{- if regexMatch "^[0-9]+$" $written -}}{{- $timeout = int $written -}}{{- $flag = true -}}{{- else -}}{{- $flag = false -}}{{- end -}}
{{- end -}}
{{- $preStop := add $drain.preStopSeconds ($flag | ternary 0 $timeout) -}}
{{- dict "preStop" $preStop "timeout" $timeout "flag" $flag "grace" (add $drain.preStopSeconds $timeout $drain.bufferSeconds) | toJson -}}
{{- else -}}
{}
{{- end -}}
{{- end -}}

{{/*
"true" for an image of the vLLM project whose tag says 0.18 or newer, the first with --shutdown-timeout
(https://github.com/vllm-project/vllm/pull/36666). Input: the image. Other images have versions of their own.
*/}}
{{- define "llm-d-modelservice.hasShutdownTimeout" -}}
{{- $version := regexFind "(^|/)(vllm-openai[a-z0-9-]*|vllm-cpu-release-repo):v?[0-9]+\\.[0-9]+(\\.[0-9]+)?" . | regexFind "[0-9]+\\.[0-9]+(\\.[0-9]+)?$" -}}
{{- if $version -}}{{- semverCompare ">=0.18" $version -}}{{- end -}}
{{- end -}}

{{/* Gives the engine the pause of a drain, in place; prints nothing. Input: root, facts, container. */}}
{{- define "llm-d-modelservice.addPreStop" -}}
{{- with .facts.drain.preStop -}}
  {{- $lifecycle := $.container.lifecycle | default dict -}}
  {{- if $lifecycle.preStop -}}
  {{- fail (printf
    (print "%s.drain.enabled: the engine container has a lifecycle.preStop of its own, and a container has one; remove "
      "either")
    $.facts.role) -}}
  {{- end -}}
  {{- $_ := set $.container "lifecycle" (merge (dict "preStop" (dict "sleep" (dict "seconds" .))) $lifecycle) -}}
{{- end -}}
{{- end -}}

{{/*
Gives a pod the grace period of its drain, in place; prints nothing. Input: facts, spec. A longer one of the user
stays.
*/}}
{{- define "llm-d-modelservice.addGracePeriod" -}}
{{- with .facts.drain.grace -}}
  {{- $given := $.spec.terminationGracePeriodSeconds -}}
  {{- if kindIs "invalid" $given -}}
  {{- $_ := set $.spec "terminationGracePeriodSeconds" . -}}
  {{- else if lt (int $given) (int .) -}}
  {{- fail (printf
    (print "%s.terminationGracePeriodSeconds: %d, but draining takes %d (preStopSeconds + timeoutSeconds + "
      "bufferSeconds of %s.drain), and Kubernetes would kill the pod before; remove it, or set a smaller "
      "%s.drain.timeoutSeconds")
    $.facts.role (int $given) (int .) $.facts.role $.facts.role) -}}
  {{- end -}}
{{- end -}}
{{- end -}}
