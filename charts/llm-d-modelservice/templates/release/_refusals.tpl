{{/*
How values are rejected. Contradictions that do not depend on each other are reported at once: while the release is
checked, messages are collected in .Refusals of the root context, which all templates of the chart share: the first of each
key, because a second one mostly follows from it, or says the same of the other role.
*/}}

{{/*
Rejects values in a way that what follows can still be checked; prints nothing. Input: list of the caller's input (the root
context, or a map with root in it), the message, and the cure where it can be said as edits: a map of "certain", for what
can only be meant one way, or "offered", with a list of (dict "set" key "value" value), (dict "remove" key) or (dict
"move" key "to" key). Outside of checkRelease, and where the caller has no root, it ends the render.
*/}}
{{- define "llm-d-modelservice.refuse" -}}
{{- $input := first . -}}
{{- $root := hasKey $input "Values" | ternary $input $input.root | default dict -}}
{{- $message := index . 1 -}}
{{- if and (gt (len .) 2) $root.Capabilities -}}
  {{- /* `modelservice check` asks for the cure by this name, so that users of Helm do not see it. */ -}}
  {{- if $root.Capabilities.APIVersions.Has "modelservice.llm-d.ai/edits" -}}
  {{- $message = printf "%s\t%s" $message (index . 2 | toJson) -}}
  {{- end -}}
{{- end -}}
{{- if hasKey $root "Refusals" -}}
{{- $key := $message | splitList ": " | first -}}
{{- if not (hasKey $root.Refusals $key) -}}{{- $_ := set $root.Refusals $key $message -}}{{- end -}}
{{- else -}}
{{- fail $message -}}
{{- end -}}
{{- end -}}

{{/*
Rejects values without which nothing else can be worked out: ends the render, with what was collected before; prints
nothing. Input as refuse.
*/}}
{{- define "llm-d-modelservice.stop" -}}
{{- include "llm-d-modelservice.refuse" . -}}
{{- $input := first . -}}
{{- include "llm-d-modelservice.reportRefusals" (hasKey $input "Values" | ternary $input $input.root) -}}
{{- end -}}

{{/* Ends the render if something was collected, with a line for each; prints nothing. Input: the root context. */}}
{{- define "llm-d-modelservice.reportRefusals" -}}
{{- if .Refusals -}}{{- fail (values .Refusals | sortAlpha | join "\n") -}}{{- end -}}
{{- end -}}

{{/*
Checks the release as a whole, before any object is rendered, and rejects everything that is wrong with it in one message,
a line each; prints nothing. Input: the root context.
*/}}
{{- define "llm-d-modelservice.checkRelease" -}}
{{- $_ := set . "Refusals" dict -}}
{{- include "llm-d-modelservice.checkSet" . -}}
{{- range $name := list "decode" "prefill" -}}
  {{- $role := index $.Values $name -}}
  {{- if $role.create -}}
  {{- include "llm-d-modelservice.role" (dict "root" $ "role" $name) -}}
  {{- if $role.autoscaling.enabled -}}{{- include "llm-d-modelservice.checkAutoscaling" (dict "root" $ "role" $name) -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- include "llm-d-modelservice.checkRouting" . -}}
{{- include "llm-d-modelservice.reportRefusals" . -}}
{{- $_ := unset . "Refusals" -}}
{{- end -}}
