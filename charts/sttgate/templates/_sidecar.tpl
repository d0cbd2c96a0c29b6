{{/*
For another chart's pod, each called with the subchart's own scope, such as
    {{- include "sttgate.sidecar.container" .Subcharts.sttgate | nindent 8 }}
An example that uses all of them: charts/examples/backend.
*/}}

{{/* An entry of initContainers: it starts before the app, counts for the pod's readiness, and stops after the app. */}}
{{- define "sttgate.sidecar.container" -}}
- name: sttgate
  image: {{ include "sttgate.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  restartPolicy: Always
  args: [serve, --config, /etc/sttgate/config.yaml]
  env:
    {{- include "sttgate.env" . | nindent 4 }}
  {{- include "sttgate.probes" . | nindent 2 }}
  resources:
    {{- toYaml .Values.resources | nindent 4 }}
  securityContext:
    {{- include "sttgate.securityContext" . | nindent 4 }}
  volumeMounts:
    {{- include "sttgate.volumeMounts" . | nindent 4 }}
{{- end }}

{{/* Entries of the pod's volumes. */}}
{{- define "sttgate.sidecar.volumes" -}}
{{- include "sttgate.volumes" . }}
{{- end }}

{{/* Entries of the app's env: where the gateway is. */}}
{{- define "sttgate.sidecar.env" -}}
{{- $host := printf "127.0.0.1:%v" .Values.sidecar.port }}
{{- range $name, $value := .Values.sidecar.env }}
{{- if $value }}
- name: {{ $name }}
  value: {{ tpl $value (dict "host" $host "Template" $.Template) | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* The pod's annotations: a changed config replaces it, where rolloutOnConfigChange says so. */}}
{{- define "sttgate.sidecar.annotations" -}}
{{- if .Values.rolloutOnConfigChange -}}
checksum/sttgate-config: {{ toYaml .Values.config | sha256sum }}
{{- end }}
{{- end }}
