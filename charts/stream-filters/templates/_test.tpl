{{/* A pod of `helm test`: runs a file of this chart with the client's Python. */}}
{{- define "stream-filters.test" -}}
{{- $root := index . 0 -}}
{{- $script := index . 1 -}}
{{- with $root -}}
apiVersion: v1
kind: Pod
metadata:
  name: {{ include "stream-filters.name" . }}-test-{{ $script }}
  namespace: {{ .Release.Namespace }}
  labels:
    {{- include "stream-filters.labels" . | nindent 4 }}
  annotations:
    helm.sh/hook: test
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  activeDeadlineSeconds: 180
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  containers:
    - name: test
      image: {{ include "stream-filters.clientImage" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      command: [python, -c]
      args:
        - |
          {{- .Files.Get (printf "files/%s.py" $script) | nindent 10 }}
      env:
        - name: TARGET
          value: {{ include "stream-filters.target" . }}
        - name: URL
          value: {{ include "stream-filters.scheme" . }}://{{ include "stream-filters.name" . }}-predictor.{{ .Release.Namespace }}.svc.cluster.local:80
        {{- with .Values.models }}
        - name: MODELS
          value: {{ range $i, $model := . }}{{ if $i }},{{ end }}{{ $model.name }}{{ end }}
        {{- end }}
      resources:
        requests: {cpu: 100m, memory: 128Mi}
        limits: {cpu: "1", memory: 512Mi}
      securityContext:
        runAsNonRoot: true
        runAsUser: 10001
        readOnlyRootFilesystem: true
        allowPrivilegeEscalation: false
        capabilities:
          drop: [ALL]
        seccompProfile:
          type: RuntimeDefault
      volumeMounts:
        {{- range $name, $secret := include "stream-filters.testSecrets" . | fromYaml }}
        - name: {{ $name }}
          mountPath: /etc/stream-filters/{{ $name }}
          readOnly: true
        {{- end }}
        - name: tmp
          mountPath: /tmp
  volumes:
    {{- range $name, $secret := include "stream-filters.testSecrets" . | fromYaml }}
    - name: {{ $name }}
      secret:
        secretName: {{ $secret.name }}
        items: {{ toJson $secret.items }}
    {{- end }}
    - name: tmp
      emptyDir: {}
{{- end }}
{{- end }}

{{- define "stream-filters.testSecrets" -}}
{{- with .Values.tls.secretName }}
authority: {name: {{ . }}, items: [{key: ca.crt, path: ca.crt}]}
{{- end }}
{{- with .Values.tls.clientSecretName }}
client: {name: {{ . }}, items: [{key: tls.crt, path: tls.crt}, {key: tls.key, path: tls.key}]}
{{- end }}
{{- with .Values.token }}
{{- if .secretName }}
token: {name: {{ .secretName }}, items: [{key: {{ .secretKey }}, path: token}]}
{{- end }}
{{- end }}
{{- end }}
