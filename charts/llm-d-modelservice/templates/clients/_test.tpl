{{/*
`helm test`: the model is asked a question, as a client would.
*/}}

{{/*
What to ask, as JSON {path, body, expect}; path is empty where the model's feature has no question in text. Input: the
root context, endpoints (see endpoints).
expect is what an answer must contain: usage counts at least one new token, also where a model only thinks and its text is null.
*/}}
{{- define "llm-d-modelservice.question" -}}
{{- $asked := .root.Values.test.question -}}
{{- $feature := first .endpoints.features -}}
{{- $questions := dict
  "TextGeneration" (dict
    "name" "completions" "body" (dict "prompt" "Say hello." "max_tokens" 8) "expect" "\"completion_tokens\": *[1-9]")
  "TextEmbedding" (dict "name" "embeddings" "body" (dict "input" "hello") "expect" "\"embedding\": *[\"\\[]")
  "Reranking" (dict
    "name" "rerank" "body" (dict "query" "hello" "documents" (list "hello" "goodbye")) "expect" "\"(relevance_)?score\":")
  "Scoring" (dict "name" "score" "body" (dict "text_1" "hello" "text_2" "goodbye") "expect" "\"score\":")
  "Classification" (dict "name" "classify" "body" (dict "input" "hello") "expect" "\"(label|score|probs)\":") -}}
{{- $question := index $questions $feature | default dict -}}
{{- $path := $asked.path | default (index .endpoints.endpoints ($question.name | default "none")) | default "" -}}
{{- $body := $asked.body | default (empty $asked.path | ternary $question.body nil) -}}
{{- if $body -}}{{- $body = merge (dict "model" .endpoints.model) $body -}}{{- end -}}
{{- $expect := $asked.expect | default (empty $asked.path | ternary $question.expect "") | default "" -}}
{{- include "llm-d-modelservice.closedExpression" (dict "key" "test.question.expect" "expression" $expect) -}}
{{- dict "path" $path "body" ($body | default dict) "expect" $expect | toJson -}}
{{- end -}}

{{/*
Fails where grep certainly rejects an extended regular expression: an open bracket or group, or a last backslash. What is
left after escaped letters and closed brackets are removed tells. Input: key, expression.
*/}}
{{- define "llm-d-modelservice.closedExpression" -}}
{{- $rest := regexReplaceAll `\\[^\n]|\[(\^[\s\S]|[^^])(\[[:.=][^\]]*[:.=]\]|[^\]])*\]` .expression "" -}}
{{- $problem := "" -}}
{{- if contains "[" $rest -}}
  {{- $problem = "has a [ without its ]; write \\[ for the character itself" -}}
{{- else if gt (regexFindAll "[(]" $rest -1 | len) (regexFindAll "[)]" $rest -1 | len) -}}
  {{- $problem = "has a ( without its ); write \\( for the character itself" -}}
{{- else if hasSuffix "\\" $rest -}}
  {{- $problem = "ends with a backslash; write \\\\ for the character itself" -}}
{{- end -}}
{{- with $problem -}}
{{- fail (printf "%s: %s is an extended regular expression and %s" $.key $.expression .) -}}
{{- end -}}
{{- end -}}

{{/*
Name of the Service through which a test reaches a role, printed. Input: root, role. It is cut to fit a DNS label, and
the API server requires it to begin with a letter (DNS-1035).
*/}}
{{- define "llm-d-modelservice.testServiceName" -}}
{{- $name := printf "%s-%s-test" (include "llm-d-modelservice.fullname" .root | trunc 50 | trimSuffix "-") .role -}}
{{- if not (regexMatch "^[a-z]" $name) -}}
{{- fail (printf
  (print "fullnameOverride: the Service of test.enabled would be named %s, which must begin with a letter (DNS-1035); "
    "choose another release name, set fullnameOverride, or set test.enabled: false")
  $name) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{/* Metadata of an object that lives as long as a test, as JSON. Input: root, name, weight, policy. */}}
{{- define "llm-d-modelservice.testMetadata" -}}
{{- dict "name" .name
  "labels" (merge (dict "app.kubernetes.io/component" "test") (include "llm-d-modelservice.labels" .root | fromJson))
  "annotations" (dict "helm.sh/hook" "test" "helm.sh/hook-weight" .weight "helm.sh/hook-delete-policy" .policy) | toJson -}}
{{- end -}}

{{/*
The API key of a role as an environment variable of the test, as JSON; an empty map without one. Input: root, facts.
Whatever gives an engine its key gives it to the test. A key in plain text among the flags would be copied into another
object.
*/}}
{{- define "llm-d-modelservice.testKey" -}}
{{- if hasKey .facts.given "api-key" -}}
{{- fail (printf
  "test.enabled: %s gets --api-key in plain text, which the test would have to repeat; put the key into a Secret and set %s"
  .facts.role "auth.apiKeySecret.name") -}}
{{- end -}}
{{- $variables := list -}}
{{- range .root.Known.engines -}}{{- with .apiKey.env -}}{{- $variables = append $variables . -}}{{- end -}}{{- end -}}
{{- $key := dict -}}
{{- range include "llm-d-modelservice.engineEnv" (dict "root" .root "facts" .facts) | fromJsonArray -}}
  {{- if has .name $variables -}}{{- $key = set (omit . "name") "name" "API_KEY" -}}{{- end -}}
{{- end -}}
{{- $key | toJson -}}
{{- end -}}
