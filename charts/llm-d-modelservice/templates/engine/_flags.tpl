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
