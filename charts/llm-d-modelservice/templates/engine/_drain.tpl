{{/*
Graceful shutdown: what happens between the decision to remove a pod and its end.
  1. preStop: the pod is no longer ready and still serves; endpoints, pools and the endpoint picker drop it
  2. SIGTERM: the engine finishes the running requests. vLLM answers a new one with 500, and its health check stays 200,
     so only the pause of step 1 keeps requests away
  3. SIGKILL at the end of the grace period, which leaves a buffer
https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
*/}}

{{/*
The seconds of a drain, as JSON {preStop, timeout, flag, grace}; {} without one. Input: root, role, engine, given.
flag: the engine gets its shutdown flag. One without it drops its requests on SIGTERM, so preStop covers their time too.
*/}}
{{- define "llm-d-modelservice.drain" -}}
{{- $drain := (index .root.Values .role).drain -}}
{{- if $drain.enabled -}}
{{- $key := printf "%s.drain" .role -}}
{{- include "llm-d-modelservice.checkKubernetes" (dict "root" .root "key" (printf "%s.enabled" $key) "feature" "sleepAction") -}}
{{- $known := index .root.Known.engines .engine.type -}}
{{- $shutdown := $known.shutdown -}}
{{- $custom := eq .engine.modelCommand "custom" -}}
{{- if and $drain.shutdownFlag (or $custom (not $shutdown)) -}}
{{- $why := $custom | ternary "modelCommand is custom, so the chart adds no arguments" (printf "%s has no such flag" $known.title) -}}
{{- include "llm-d-modelservice.stop" (list $ (printf "%s.shutdownFlag: %s; remove it, and preStop waits for the requests" $key $why)
  (dict "certain" (list (dict "remove" (printf "%s.shutdownFlag" $key))))) -}}
{{- end -}}
{{- $flag := $drain.shutdownFlag -}}
{{- if not (kindIs "bool" $flag) -}}
{{- $flag = and (not $custom) (eq (include "llm-d-modelservice.knowsShutdown" .) "true") -}}
{{- end -}}
{{- $timeout := int $drain.timeoutSeconds -}}
{{- with ($shutdown).flag -}}
{{- if hasKey $.given . -}}
  {{- $written := index $.given . -}}
  {{- $flag = regexMatch "^[0-9]+$" $written -}}
  {{- if $flag -}}{{- $timeout = int $written -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- $preStop := add $drain.preStopSeconds ($flag | ternary 0 $timeout) -}}
{{- dict "preStop" $preStop "timeout" $timeout "flag" $flag "grace" (add $drain.preStopSeconds $timeout $drain.bufferSeconds) | toJson -}}
{{- else -}}
{}
{{- end -}}
{{- end -}}

{{/*
"true" for an engine whose image says that it knows its shutdown flag: the tag is a version of the engine, and new
enough. Input: root, engine. Tags of other images mean something else.
*/}}
{{- define "llm-d-modelservice.knowsShutdown" -}}
{{- $known := index .root.Known.engines .engine.type -}}
{{- $version := include "llm-d-modelservice.engineVersion" . -}}
{{- if and $known.shutdown $version -}}{{- semverCompare (printf ">=%s" $known.shutdown.since) $version -}}{{- end -}}
{{- end -}}

{{/* Gives the engine the pause of a drain, in place; prints nothing. Input: root, facts, container. */}}
{{- define "llm-d-modelservice.addPreStop" -}}
{{- with .facts.drain.preStop -}}
  {{- $lifecycle := $.container.lifecycle | default dict -}}
  {{- if $lifecycle.preStop -}}
  {{- include "llm-d-modelservice.stop" (list $
    (printf "%s.drain.enabled: the engine container already has lifecycle.preStop, and there is only one; remove either" $.facts.role)) -}}
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
  {{- include "llm-d-modelservice.stop" (list $ (printf
    (print "%s.terminationGracePeriodSeconds: %d, but draining takes %d (preStopSeconds + timeoutSeconds + bufferSeconds of "
      "%s.drain), and Kubernetes would kill the pod before; remove it, or set a smaller %s.drain.timeoutSeconds")
    $.facts.role (int $given) (int .) $.facts.role $.facts.role)) -}}
  {{- end -}}
{{- end -}}
{{- end -}}
