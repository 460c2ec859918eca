{{/* Threads for the CPU limit: the predictor itself would count the node's cores. */}}
{{- define "stream-filters.threads" -}}
{{- $cpu := .Values.resources.limits.cpu | toString -}}
{{- if hasSuffix "m" $cpu -}}
{{ max 1 (divf (trimSuffix "m" $cpu | float64) 1000 | ceil | int) }}
{{- else -}}
{{ max 1 ($cpu | float64 | ceil | int) }}
{{- end -}}
{{- end }}

{{- define "stream-filters.env" -}}
{{- if .Values.store.secretName -}}
- name: STREAM_FILTERS_STORE
  valueFrom:
    secretKeyRef:
      name: {{ .Values.store.secretName | quote }}
      key: {{ .Values.store.secretKey | quote }}
{{- else if .Values.valkey.enabled -}}
{{- with include "stream-filters.valkeySecret" . -}}
- name: VALKEY_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ . | quote }}
      key: password
{{ end -}}
- name: STREAM_FILTERS_STORE
  value: valkey://{{ if include "stream-filters.valkeySecret" . }}:$(VALKEY_PASSWORD)@{{ end }}{{ include "stream-filters.name" . }}-valkey:6379/0
{{- else -}}
- name: STREAM_FILTERS_STORE
  value: {{ .Values.store.url | quote }}
{{- end }}
{{- with .Values.models }}
- name: STREAM_FILTERS_MODELS
  value: {{ toJson . | quote }}
{{- end }}
{{- if .Values.runtime.storageUri }}
- name: STREAM_FILTERS_FILE
  value: /mnt/models/stream-filters.yaml
{{- end }}
- name: STREAM_FILTERS_HOST
  value: {{ .Values.host | quote }}
- name: STREAM_FILTERS_DRAIN_SECONDS
  value: {{ .Values.shutdown.drainSeconds | quote }}
- name: STREAM_FILTERS_GRACE_SECONDS
  value: {{ .Values.shutdown.graceSeconds | quote }}
{{- if not (hasKey .Values.settings "compute_threads") }}
- name: STREAM_FILTERS_COMPUTE_THREADS
  value: {{ include "stream-filters.threads" . | quote }}
{{- end }}
{{- range $name, $value := .Values.settings }}
- name: "STREAM_FILTERS_{{ upper $name }}"
  value: {{ ternary ($value | int64) $value (and (kindIs "float64" $value) (eq (floor $value) $value)) | quote }}
{{- end }}
{{- if .Values.tls.secretName }}
- name: STREAM_FILTERS_TLS_CERT_FILE
  value: /etc/stream-filters/tls/tls.crt
- name: STREAM_FILTERS_TLS_KEY_FILE
  value: /etc/stream-filters/tls/tls.key
{{- end }}
{{- if .Values.tls.clientCaKey }}
- name: STREAM_FILTERS_TLS_CLIENT_CA_FILE
  value: "/etc/stream-filters/tls/{{ .Values.tls.clientCaKey }}"
- name: HEALTH_CERT_FILE
  value: /etc/stream-filters/client/tls.crt
- name: HEALTH_KEY_FILE
  value: /etc/stream-filters/client/tls.key
{{- end }}
{{- if .Values.token.secretName }}
- name: STREAM_FILTERS_TOKEN_FILE
  value: "/etc/stream-filters/token/{{ .Values.token.secretKey }}"
{{- end }}
{{- end }}

{{/* The kubelet's gRPC probe speaks no TLS, and its HTTPS probe has no certificate to show. */}}
{{- define "stream-filters.readiness" -}}
{{- if .Values.tls.clientCaKey -}}
exec:
  command: [stream-filters-health]
{{- else if .Values.tls.secretName -}}
httpGet:
  path: /v2/health/ready
  port: 8080
  scheme: HTTPS
{{- else -}}
grpc:
  port: 8081
{{- end }}
{{- end }}

{{/* Answered by the loop that serves requests: a port that only accepts says nothing of one that stands still. */}}
{{- define "stream-filters.liveness" -}}
{{- if .Values.tls.clientCaKey -}}
exec:
  command: [stream-filters-health, live]
{{- else if and (eq .Values.mode "Knative") (not .Values.tls.secretName) -}}
grpc:
  port: 8081
  service: liveness
{{- else -}}
httpGet:
  path: /v2/health/live
  port: 8080
  scheme: {{ include "stream-filters.scheme" . | upper | quote }}
{{- end }}
{{- end }}

{{/* All of the container but its resources, which KServe wants beside the model where a ServingRuntime is used. */}}
{{- define "stream-filters.container" -}}
name: kserve-container
image: {{ include "stream-filters.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy | quote }}
ports:
  {{- if eq .Values.mode "Knative" }}
  - name: h2c
    containerPort: 8081
    protocol: TCP
  {{- else }}
  - name: http1
    containerPort: 8080
    protocol: TCP
  - name: grpc
    containerPort: 8081
    protocol: TCP
  {{- end }}
env:
  {{- include "stream-filters.env" . | nindent 2 }}
startupProbe:
  {{- include "stream-filters.readiness" . | nindent 2 }}
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 300
readinessProbe:
  {{- include "stream-filters.readiness" . | nindent 2 }}
  periodSeconds: 5
  timeoutSeconds: 2
  failureThreshold: 2
livenessProbe:
  {{- include "stream-filters.liveness" . | nindent 2 }}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- if eq .Values.mode "Standard" }}
lifecycle:
  preStop:
    sleep:
      seconds: {{ .Values.shutdown.preStopSeconds }}
{{- end }}
securityContext:
  runAsNonRoot: true
  {{- if .Values.fixedUser }}
  runAsUser: 10001
  runAsGroup: 10001
  {{- end }}
  readOnlyRootFilesystem: true
  allowPrivilegeEscalation: false
  capabilities:
    drop: [ALL]
  seccompProfile:
    type: RuntimeDefault
volumeMounts:
  - name: tmp
    mountPath: /tmp
  {{- if .Values.tls.secretName }}
  - name: tls
    mountPath: /etc/stream-filters/tls
    readOnly: true
  {{- end }}
  {{- if .Values.tls.clientCaKey }}
  - name: client
    mountPath: /etc/stream-filters/client
    readOnly: true
  {{- end }}
  {{- if .Values.token.secretName }}
  - name: token
    mountPath: /etc/stream-filters/token
    readOnly: true
  {{- end }}
{{- end }}

{{- define "stream-filters.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: 256Mi
{{- with .Values.tls.secretName }}
- name: tls
  secret:
    secretName: {{ . | quote }}
{{- end }}
{{- if .Values.tls.clientCaKey }}
- name: client
  secret:
    secretName: {{ .Values.tls.clientSecretName | quote }}
{{- end }}
{{- with .Values.token.secretName }}
- name: token
  secret:
    secretName: {{ . | quote }}
{{- end }}
{{- end }}
