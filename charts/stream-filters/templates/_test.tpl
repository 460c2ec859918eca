{{/* The pod of `helm test`: runs a file of this chart with the client's Python. */}}
{{- define "stream-filters.test" -}}
apiVersion: v1
kind: Pod
metadata:
  name: "{{ include "stream-filters.name" . }}-test"
  namespace: {{ .Release.Namespace | quote }}
  labels:
    {{- include "stream-filters.labels" . | nindent 4 }}
  annotations:
    helm.sh/hook: test
    # kept until the next test, so that `helm test --logs` finds it
    helm.sh/hook-delete-policy: before-hook-creation
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  activeDeadlineSeconds: 180
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . | quote }}
    {{- end }}
  {{- end }}
  containers:
    - name: test
      image: {{ include "stream-filters.clientImage" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy | quote }}
      command: [python, -c]
      args:
        - |
          {{- .Files.Get "files/release.py" | nindent 10 }}
      env:
        - name: TARGET
          value: {{ include "stream-filters.target" . | quote }}
        {{- if eq .Values.mode "Standard" }}
        - name: URL
          value: "{{ include "stream-filters.scheme" . }}://{{ include "stream-filters.host" . }}:80"
        {{- end }}
        {{- with .Values.models }}
        - name: MODELS
          value: "{{ range $i, $model := . }}{{ if $i }},{{ end }}{{ $model.name }}{{ end }}"
        {{- end }}
        {{- with .Values.tls.serverName }}
        - name: SERVER_NAME
          value: {{ . | quote }}
        {{- end }}
      resources:
        requests: {cpu: 100m, memory: 128Mi}
        limits: {cpu: "1", memory: 512Mi}
      securityContext:
        runAsNonRoot: true
        {{- if .Values.fixedUser }}
        runAsUser: 10001
        {{- end }}
        readOnlyRootFilesystem: true
        allowPrivilegeEscalation: false
        capabilities:
          drop: [ALL]
        seccompProfile:
          type: RuntimeDefault
      volumeMounts:
        {{- range $name, $secret := include "stream-filters.testSecrets" . | fromYaml }}
        - name: {{ $name | quote }}
          mountPath: /etc/stream-filters/{{ $name }}
          readOnly: true
        {{- end }}
        - name: tmp
          mountPath: /tmp
  volumes:
    {{- range $name, $secret := include "stream-filters.testSecrets" . | fromYaml }}
    - name: {{ $name | quote }}
      secret:
        secretName: {{ $secret.name | quote }}
        items: {{ toJson $secret.items }}
        # a certificate of a public authority comes without ca.crt
        optional: true
    {{- end }}
    - name: tmp
      emptyDir: {}
{{- end }}

{{- define "stream-filters.testSecrets" -}}
{{- with .Values.tls.secretName }}
authority: {name: {{ . | quote }}, items: [{key: ca.crt, path: ca.crt}, {key: tls.crt, path: tls.crt}]}
{{- end }}
{{- with .Values.tls.clientSecretName }}
client: {name: {{ . | quote }}, items: [{key: tls.crt, path: tls.crt}, {key: tls.key, path: tls.key}]}
{{- end }}
{{- with .Values.token }}
{{- if .secretName }}
token: {name: {{ .secretName | quote }}, items: [{key: {{ .secretKey | quote }}, path: token}]}
{{- end }}
{{- end }}
{{- end }}
