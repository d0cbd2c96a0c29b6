{{/* What no schema can say: values that are right by themselves and wrong together. Each message says what to do. */}}

{{- define "sttgate.secretKeys" -}}
admin.read_token
admin.token
events.token
identity.peer_secret
identity.tokens.secret
ledger.redis.url
notify.webhook.secret
policy.external.key
policy.external.redis_url
policy.review.classifier.key
policy.review.credits.key
providers.deepgram.key
providers.soniox.key
providers.speechmatics.key
{{- end }}

{{- define "sttgate.checks" -}}
{{- $store := include "sttgate.store" . }}
{{- $standalone := eq .Values.mode "standalone" }}
{{- range $path := list "listen" "admin.listen" "ledger.path" }}
{{- $at := $.Values.config }}
{{- range splitList "." $path }}{{ $at = ternary (get (default dict $at) .) nil (kindIs "map" (default dict $at)) }}{{ end }}
{{- if $at }}{{ fail (printf "config.%s: is the chart's: the image and the probes rely on it. Leave it out; use service.port, sidecar.port or persistence" $path) }}{{ end }}
{{- end }}
{{- range $path := splitList "\n" (include "sttgate.secretKeys" .) }}
{{- $at := $.Values.config }}
{{- range splitList "." $path }}{{ $at = ternary (get (default dict $at) .) nil (kindIs "map" (default dict $at)) }}{{ end }}
{{- if and $at (not (regexMatch "^(env|file):" (toString $at))) }}{{ fail (printf "config.%s: is a secret in plain text, and would lie in a ConfigMap. Put it into a Secret and name that in secrets: {config: %s, name: …, key: …}" $path $path) }}{{ end }}
{{- end }}
{{- $seen := dict }}
{{- range .Values.secrets }}
{{- if hasKey $seen .config }}{{ fail (printf "secrets: %s is there twice: keep one" .config) }}{{ end }}
{{- $_ := set $seen .config true }}
{{- end }}
{{- if $standalone }}
  {{- if and (ne $store "redis") (gt (include "sttgate.replicas" . | int) 1) }}
    {{- fail (printf "config.ledger.store is %s and there are %s replicas: each would have budgets of its own, so that a user has every budget %s times. Set config.ledger.store: redis, or replicaCount: 1 without autoscaling" $store (include "sttgate.replicas" .) (include "sttgate.replicas" .)) }}
  {{- end }}
  {{- if and (eq $store "embedded") (eq .Values.persistence.mode "emptyDir") }}
    {{- fail "persistence.mode is emptyDir and config.ledger.store is embedded: the ledger would be gone with the pod, and everybody had a full budget again. Set persistence.mode: claim, or config.ledger.store: redis" }}
  {{- end }}
  {{- if and .Values.autoscaling.enabled (gt (.Values.autoscaling.minReplicas | int) (.Values.autoscaling.maxReplicas | int)) }}
    {{- fail "autoscaling.minReplicas is more than autoscaling.maxReplicas" }}
  {{- end }}
  {{- if not (include "sttgate.adminOpen" .) }}
    {{- if .Values.serviceMonitor.enabled }}
      {{- fail "serviceMonitor.enabled: without a token the operators' listener stays on the pod's loopback, where nobody can scrape it. Add to secrets: {config: admin.token, name: …, key: …}" }}
    {{- end }}
    {{- if .Values.prometheusRule.enabled }}
      {{- fail "prometheusRule.enabled: without a token the operators' listener stays on the pod's loopback, where nobody can scrape it, and the alert that no gateway is seen would never end. Add to secrets: {config: admin.token, name: …, key: …}" }}
    {{- end }}
    {{- if .Values.autoscaling.enabled }}
      {{- fail "autoscaling.enabled: without a token the operators' listener stays on the pod's loopback, where nobody can count its streams. Add to secrets: {config: admin.token, name: …, key: …}" }}
    {{- end }}
  {{- end }}
{{- else }}
  {{- if and (ne $store "redis") (not .Values.sidecar.budgetsPerPod) }}
    {{- fail (printf "mode is sidecar and config.ledger.store is %s: each pod would have budgets of its own, which begin anew with each pod. Set config.ledger.store: redis, or, if that is what you want, sidecar.budgetsPerPod: true" $store) }}
  {{- end }}
  {{- if eq (.Values.sidecar.port | int) (.Values.sidecar.adminPort | int) }}
    {{- fail "sidecar.port and sidecar.adminPort are the same" }}
  {{- end }}
  {{- if .Values.serviceMonitor.enabled }}
    {{- fail "serviceMonitor.enabled: a sidecar has no Service, and its listeners stay on the pod's loopback" }}
  {{- end }}
  {{- if .Values.prometheusRule.enabled }}
    {{- fail "prometheusRule.enabled: a sidecar's listeners stay on the pod's loopback, so that the alert that no gateway is seen would never end" }}
  {{- end }}
  {{- if eq .Values.persistence.mode "claim" }}
    {{- fail "persistence.mode is claim: a sidecar's data lies in its pod's emptyDir, which outlives the container. Leave it at auto" }}
  {{- end }}
  {{- if .Values.autoscaling.enabled }}
    {{- fail "autoscaling.enabled: a sidecar scales with its app" }}
  {{- end }}
{{- end }}
{{- $grace := include "sttgate.seconds" (dig "drain" "grace" "30m" .Values.config) | int64 }}
{{- $hard := include "sttgate.seconds" (dig "drain" "hard" "31m" .Values.config) | int64 }}
{{- if lt $hard $grace }}
  {{- fail "config.drain.hard is less than config.drain.grace (30m unless it is set): streams would be cut before they are asked to end" }}
{{- end }}
{{- end }}
