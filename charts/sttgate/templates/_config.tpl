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

{{/* The hosts of the vendors' addresses, one a line. */}}
{{- define "sttgate.vendorHosts" -}}
{{- $urls := dict
    "deepgram" (list (dig "providers" "deepgram" "url" "https://api.deepgram.com" .Values.config) (dig "providers" "deepgram" "realtime_url" "" .Values.config))
    "soniox" (list (dig "providers" "soniox" "url" "https://api.soniox.com" .Values.config) (dig "providers" "soniox" "realtime_url" "wss://stt-rt.soniox.com" .Values.config))
    "speechmatics" (list (dig "providers" "speechmatics" "url" "https://asr.api.speechmatics.com" .Values.config) (dig "providers" "speechmatics" "realtime_url" "wss://eu2.rt.speechmatics.com" .Values.config)) }}
{{- $hosts := list }}
{{- range $urls }}
{{- range . }}
{{- with (urlParse .).hostname }}{{ $hosts = append $hosts . }}{{ end }}
{{- end }}
{{- end }}
{{- $hosts | uniq | sortAlpha | join "\n" }}
{{- end }}
