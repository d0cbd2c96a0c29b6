{{/* What every container of the gateway has, on its own or as a sidecar. */}}

{{- define "sttgate.securityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* Secrets are files, so that no environment shows them; the environment says where they are. */}}
{{- define "sttgate.env" -}}
{{- $sidecar := eq .Values.mode "sidecar" -}}
- name: STTGATE_LISTEN
  value: {{ ternary (printf "127.0.0.1:%v" .Values.sidecar.port) "0.0.0.0:8080" $sidecar }}
- name: STTGATE_ADMIN_LISTEN
  value: {{ if $sidecar }}127.0.0.1:{{ .Values.sidecar.adminPort }}{{ else if include "sttgate.adminOpen" . }}0.0.0.0:9090{{ else }}127.0.0.1:9090{{ end }}
- name: STTGATE_LEDGER_PATH
  value: /data
{{- range .Values.secrets }}
- name: STTGATE_{{ .config | upper | replace "." "_" }}
  value: file:/run/secrets/sttgate/{{ .config }}
{{- end }}
{{- with include "sttgate.memoryLimit" . }}
- name: GOMEMLIMIT
  value: {{ . | quote }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Directories, never single files: a subPath is not followed when the ConfigMap changes. */}}
{{- define "sttgate.volumeMounts" -}}
- name: sttgate-config
  mountPath: /etc/sttgate
  readOnly: true
{{- if .Values.secrets }}
- name: sttgate-secrets
  mountPath: /run/secrets/sttgate
  readOnly: true
{{- end }}
- name: sttgate-data
  mountPath: /data
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What is read: the test pod has these too. */}}
{{- define "sttgate.readVolumes" -}}
- name: sttgate-config
  configMap:
    name: {{ include "sttgate.fullname" . }}
{{- with .Values.secrets }}
- name: sttgate-secrets
  projected:
    # Only this container mounts them; a pod that is another chart's may have no fsGroup.
    defaultMode: 0444
    sources:
    {{- range . }}
      - secret:
          name: {{ .name }}
          items:
            - key: {{ .key }}
              path: {{ .config }}
    {{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* All volumes but the data's claim, which is the StatefulSet's. */}}
{{- define "sttgate.volumes" -}}
{{- include "sttgate.readVolumes" . }}
{{- if or (eq .Values.mode "sidecar") (eq (include "sttgate.persistence" .) "emptyDir") }}
- name: sttgate-data
  emptyDir:
    sizeLimit: {{ .Values.persistence.size }}
{{- end }}
{{- end }}

{{/* A draining gateway is alive and not ready: restarting it would cut what the drain protects. */}}
{{- define "sttgate.probes" -}}
startupProbe:
  {{- include "sttgate.probe" (list . "/startupz") | nindent 2 }}
  periodSeconds: 2
  failureThreshold: 60
  timeoutSeconds: 5
{{- if or (eq .Values.mode "standalone") .Values.sidecar.readiness }}
readinessProbe:
  {{- include "sttgate.probe" (list . "/readyz") | nindent 2 }}
  periodSeconds: 5
  timeoutSeconds: 5
{{- end }}
livenessProbe:
  {{- include "sttgate.probe" (list . "/livez") | nindent 2 }}
  periodSeconds: 10
  failureThreshold: 6
  timeoutSeconds: 5
{{- end }}

{{- define "sttgate.probe" -}}
{{- $root := first . }}
{{- if include "sttgate.adminOpen" $root -}}
httpGet:
  path: {{ last . }}
  port: admin
{{- else -}}
exec:
  # By its address, not by the config: the gateway goes on while that is wrong, and no probe may have it restarted.
  command: [/sttgate, healthcheck, --admin, "127.0.0.1:{{ ternary $root.Values.sidecar.adminPort 9090 (eq $root.Values.mode "sidecar") }}"{{ if ne (last .) "/readyz" }}, --live{{ end }}]
{{- end }}
{{- end }}

{{- define "sttgate.podTemplate" -}}
metadata:
  labels:
    {{- /* Not the chart's version: a new chart alone replaces no gateway. */}}
    {{- include "sttgate.selectorLabels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: sttgate
    {{- if .Values.rolloutOnConfigChange }}
    checksum/config: {{ toYaml .Values.config | sha256sum }}
    {{- end }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "sttgate.serviceAccountName" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  # The sleep, drain.hard, and half a minute to settle what is left.
  terminationGracePeriodSeconds: {{ include "sttgate.graceSeconds" . }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  containers:
    - name: sttgate
      image: {{ include "sttgate.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [serve, --config, /etc/sttgate/config.yaml]
      ports:
        - name: http
          containerPort: 8080
        {{- if include "sttgate.adminOpen" . }}
        - name: admin
          containerPort: 9090
        {{- end }}
      env:
        {{- include "sttgate.env" . | nindent 8 }}
      {{- if and (gt (.Values.preStopSeconds | int) 0) (semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version) }}
      lifecycle:
        preStop:
          sleep:
            seconds: {{ .Values.preStopSeconds }}
      {{- end }}
      {{- include "sttgate.probes" . | nindent 6 }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        {{- include "sttgate.securityContext" . | nindent 8 }}
      volumeMounts:
        {{- include "sttgate.volumeMounts" . | nindent 8 }}
  volumes:
    {{- include "sttgate.volumes" . | nindent 4 }}
  {{- if .Values.topologySpread.enabled }}
  topologySpreadConstraints:
    {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - topologyKey: {{ . }}
      maxSkew: 1
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "sttgate.selectorLabels" $ | nindent 10 }}
      # Not together with those that a rollout takes away.
      matchLabelKeys: [{{ ternary "controller-revision-hash" "pod-template-hash" (eq (include "sttgate.persistence" $) "claim") }}]
    {{- end }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
