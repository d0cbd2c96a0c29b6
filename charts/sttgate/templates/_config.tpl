{{/* What the gateway's config says, as far as the chart has to know it. Defaults are those of config.example.yaml. */}}

{{- define "sttgate.store" -}}
{{- dig "ledger" "store" "embedded" .Values.config }}
{{- end }}

{{/* claim or emptyDir. */}}
{{- define "sttgate.persistence" -}}
{{- if ne .Values.persistence.mode "auto" }}
{{- .Values.persistence.mode }}
{{- else if eq (include "sttgate.store" .) "embedded" }}
{{- "claim" }}
{{- else }}
{{- "emptyDir" }}
{{- end }}
{{- end }}

{{- define "sttgate.replicas" -}}
{{- if .Values.autoscaling.enabled }}{{ .Values.autoscaling.maxReplicas }}{{ else }}{{ .Values.replicaCount }}{{ end }}
{{- end }}

{{/* "yes" where the operators' listener may be reached from other pods: it has a token. */}}
{{- define "sttgate.adminOpen" -}}
{{- if eq .Values.mode "standalone" }}
{{- range .Values.secrets }}{{ if eq .config "admin.token" }}yes{{ end }}{{ end }}
{{- end }}
{{- end }}

{{/* Whole seconds of a duration such as 31m, 1h30m, 2d or 1500ms, rounded up. */}}
{{- define "sttgate.seconds" -}}
{{- $ms := 0.0 }}
{{- range regexFindAll "[0-9.]+(ms|s|m|h|d)" (toString .) -1 }}
{{- $unit := regexFind "[a-z]+" . }}
{{- $factor := get (dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000) $unit }}
{{- $ms = addf $ms (mulf (float64 (trimSuffix $unit .)) $factor) }}
{{- end }}
{{- divf $ms 1000 | ceil | int64 }}
{{- end }}

{{/*
What a pod is given between its deletion and SIGKILL: the sleep, the drain to its hard end, and half a minute in which what is left is settled and
the store is closed.
*/}}
{{- define "sttgate.graceSeconds" -}}
{{- $hard := include "sttgate.seconds" (dig "drain" "hard" "31m" .Values.config) | int64 }}
{{- add $hard (.Values.preStopSeconds | int64) 30 }}
{{- end }}

{{/* Where the vendors are, "host port" on each line. An address that the environment or a file has is not known here. */}}
{{- define "sttgate.vendors" -}}
{{- $urls := list
    (dig "providers" "deepgram" "url" "https://api.deepgram.com" .Values.config) (dig "providers" "deepgram" "realtime_url" "" .Values.config)
    (dig "providers" "soniox" "url" "https://api.soniox.com" .Values.config) (dig "providers" "soniox" "realtime_url" "wss://stt-rt.soniox.com" .Values.config)
    (dig "providers" "speechmatics" "url" "https://asr.api.speechmatics.com" .Values.config) (dig "providers" "speechmatics" "realtime_url" "wss://eu2.rt.speechmatics.com" .Values.config) }}
{{- $all := list }}
{{- range $urls }}
{{- $port := include "sttgate.urlPort" . }}
{{- with (urlParse .).hostname }}{{ $all = append $all (printf "%s %s" . $port) }}{{ end }}
{{- end }}
{{- $all | uniq | sortAlpha | join "\n" }}
{{- end }}

{{/* The port of a URL, which it names or its scheme has. */}}
{{- define "sttgate.urlPort" -}}
{{- $url := urlParse . }}
{{- default (ternary "443" "80" (has $url.scheme (list "https" "wss"))) (regexFind ":[0-9]+$" $url.host | trimPrefix ":") }}
{{- end }}

{{/* The vendors' ports, one on each line. */}}
{{- define "sttgate.vendorPorts" -}}
{{- $ports := list }}
{{- range splitList "\n" (include "sttgate.vendors" .) }}{{ $ports = append $ports (splitList " " . | last) }}{{ end }}
{{- $ports | uniq | sortAlpha | join "\n" }}
{{- end }}

{{/*
Bytes that the Go runtime may use: nine tenths of the container's memory. The rest is for what the kernel counts as the container's too, such as the
buffers of its sockets; a container beyond its limit is killed, with all streams in it.
*/}}
{{- define "sttgate.memoryLimit" -}}
{{- with dig "limits" "memory" "" .Values.resources }}
{{- $unit := regexFind "[A-Za-z]*$" (kindIs "string" . | ternary . "") }}
{{- $factor := get (dict "" 1 "m" 0.001 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776) $unit }}
{{- mulf (float64 (kindIs "string" . | ternary (trimSuffix $unit (toString .)) .)) $factor 0.9 | floor | int64 }}
{{- end }}
{{- end }}
