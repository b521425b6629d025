{{/*
Resource profiles: what a pod needs of a kind of node, taken n times.
*/}}

{{/*
The profile of a role with its resources multiplied, as JSON; {} without one. Input: root, role. Output: the fields
of resourceProfiles.<name>, with resources {limits, requests} in place of limits and requests.
*/}}
{{- define "llm-d-modelservice.profile" -}}
{{- $wanted := (index .root.Values .role).resourceProfile -}}
{{- if $wanted -}}
{{- $parts := splitList ":" $wanted -}}
{{- $name := first $parts -}}
{{- if not (index .root.Values.resourceProfiles $name) -}}
{{- $known := keys .root.Values.resourceProfiles | sortAlpha | join ", " -}}
{{- $fix := empty $known | ternary (printf "set its resources as resourceProfiles.%s" $name) (printf "known are %s" $known) -}}
{{- include "llm-d-modelservice.stop" (list $ (printf "%s.resourceProfile: there is no profile %q; %s" .role $name $fix)) -}}
{{- end -}}
{{- $factor := eq (len $parts) 2 | ternary (last $parts) "1" | int -}}
{{- $profile := index .root.Values.resourceProfiles $name -}}
{{- $out := dict -}}
{{- range $field, $value := omit $profile "limits" "requests" -}}
  {{- if $value -}}{{- $_ := set $out $field $value -}}{{- end -}}
{{- end -}}
{{- $resources := dict -}}
{{- range $side := list "limits" "requests" -}}
  {{- range $resource, $quantity := index $profile $side -}}
    {{- $multiplied := include "llm-d-modelservice.multiplied" (dict "quantity" $quantity "factor" $factor) -}}
    {{- $_ := set $resources $side (set (index $resources $side | default dict) $resource $multiplied) -}}
  {{- end -}}
{{- end -}}
{{- if $resources -}}{{- $_ := set $out "resources" $resources -}}{{- end -}}
{{- $out | toJson -}}
{{- else -}}
{}
{{- end -}}
{{- end -}}

{{/*
A quantity times a whole number: 500m x 3 is 1500m, 1.5Gi x 2 is 3Gi. Input: quantity, factor. Digits after the
point are kept as they are written, so that no binary fraction appears.
*/}}
{{- define "llm-d-modelservice.multiplied" -}}
{{- $text := kindIs "string" .quantity | ternary .quantity (toJson .quantity) -}}
{{- $number := regexFind "^[0-9]+(\\.[0-9]+)?" $text -}}
{{- $suffix := trimPrefix $number $text -}}
{{- $parts := splitList "." $number -}}
{{- if eq (len $parts) 1 -}}
{{- printf "%d%s" (mul (int64 $number) .factor) $suffix -}}
{{- else -}}
{{- $digits := last $parts | len -}}
{{- $product := mul (int64 (join "" $parts | regexFind "[1-9][0-9]*$|0$")) .factor | printf (printf "%%0%dd" (add $digits 1)) -}}
{{- $point := sub (len $product) $digits | int -}}
{{- $fraction := substr $point (len $product) $product | regexFind "^[0-9]*[1-9]" -}}
{{- printf "%s%s%s" (substr 0 $point $product) (empty $fraction | ternary "" (printf ".%s" $fraction)) $suffix -}}
{{- end -}}
{{- end -}}
