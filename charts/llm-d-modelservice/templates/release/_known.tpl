{{/*
What is known of the world outside the chart: engines, accelerators, llm-d's programs, Kubernetes. facts.json is read
once per render and kept as .Known in the root context, which all templates of the chart share; `modelservice schema`
generates it from tools/modelservice/facts. Input: the root context. Prints nothing.
*/}}
{{- define "llm-d-modelservice.known" -}}
{{- if not (hasKey . "Known") -}}{{- $_ := set . "Known" (.Files.Get "facts.json" | fromJson) -}}{{- end -}}
{{- end -}}
