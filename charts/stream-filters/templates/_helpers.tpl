{{- define "stream-filters.name" -}}
{{- $name := default .Release.Name .Values.name -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$" $name) -}}
{{- fail (printf "%q cannot name an InferenceService: at most 40 lower-case letters, digits and dashes, a letter first; set name" $name) -}}
{{- end -}}
{{- $name -}}
{{- end }}

{{/* Labels of every object. No version among them: KServe hands an InferenceService's labels on to its pods. */}}
{{- define "stream-filters.labels" -}}
app.kubernetes.io/name: stream-filters
app.kubernetes.io/instance: {{ include "stream-filters.name" . | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
{{- end }}

{{/* The pods that KServe makes for the predictor, in both modes. */}}
{{- define "stream-filters.podSelector" -}}
serving.kserve.io/inferenceservice: {{ include "stream-filters.name" . | quote }}
component: predictor
{{- end }}

{{- define "stream-filters.image" -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}

{{- define "stream-filters.clientImage" -}}
{{ .Values.clientImage.repository }}:{{ default .Chart.AppVersion .Values.clientImage.tag }}
{{- end }}

{{/* The Service that KServe makes for the predictor. */}}
{{- define "stream-filters.host" -}}
{{ include "stream-filters.name" . }}-predictor.{{ .Release.Namespace }}.svc.cluster.local
{{- end }}

{{/* host:port of gRPC inside the cluster: Knative routes port 80 alone. */}}
{{- define "stream-filters.target" -}}
{{ include "stream-filters.host" . }}:{{ ternary "80" "8081" (eq .Values.mode "Knative") }}
{{- end }}

{{/* The name that a certificate of the predictor is held to. */}}
{{- define "stream-filters.serverName" -}}
{{ default (include "stream-filters.host" .) .Values.tls.serverName }}
{{- end }}

{{/* The Secret with Valkey's password; empty where it has none. */}}
{{- define "stream-filters.valkeySecret" -}}
{{- if .Values.valkey.passwordSecretName -}}
{{ .Values.valkey.passwordSecretName }}
{{- else if .Values.valkey.password -}}
{{ include "stream-filters.name" . }}-valkey
{{- end -}}
{{- end }}

{{/* Annotations whose change is a new pod: what KServe would not see of a Secret, and what the caller says. */}}
{{- define "stream-filters.restartAnnotations" -}}
{{- if .Values.valkey.password }}
stream-filters/valkey-password: {{ sha256sum .Values.valkey.password | trunc 16 | quote }}
{{- end }}
{{- with .Values.restart }}
stream-filters/restart: {{ . | quote }}
{{- end }}
{{- end }}

{{- define "stream-filters.scheme" -}}
{{ ternary "https" "http" (ne .Values.tls.secretName "") }}
{{- end }}

{{/* "true" where every replica sees the same streams. */}}
{{- define "stream-filters.storeIsShared" -}}
{{- if or .Values.valkey.enabled .Values.store.secretName (ne .Values.store.url "memory://") }}true{{ end -}}
{{- end }}

{{/* What no schema can say; each refusal with its reason. */}}
{{- define "stream-filters.refuse" -}}
{{- $most := max .Values.replicas (ternary .Values.autoscaling.maxReplicas 0 (ne .Values.autoscaling.class "none")) -}}
{{- if and (gt (int $most) 1) (not (include "stream-filters.storeIsShared" .)) -}}
{{- fail "more than one replica needs a shared store: each would keep its own half of the streams in memory, and answer NOT_FOUND for the other's; set valkey.enabled, store.secretName or store.url" -}}
{{- end -}}
{{- if and .Values.valkey.enabled (or .Values.store.secretName (ne .Values.store.url "memory://")) -}}
{{- fail "valkey.enabled and another store were both given; the streams can be in one of them: leave store alone, or valkey.enabled off" -}}
{{- end -}}
{{- if and .Values.valkey.password .Values.valkey.passwordSecretName -}}
{{- fail "valkey.password and valkey.passwordSecretName were both given; leave one of them" -}}
{{- end -}}
{{- if and (ne .Values.affinity "none") (eq .Values.mode "Knative") -}}
{{- fail "affinity needs mode Standard: Knative's own proxies choose the pod" -}}
{{- end -}}
{{- if and .Values.store.secretName (ne .Values.store.url "memory://") -}}
{{- fail "store.url and store.secretName were both given; leave one of them" -}}
{{- end -}}
{{- if and .Values.runtime.storageUri (not .Values.runtime.enabled) -}}
{{- fail "runtime.storageUri needs runtime.enabled: KServe fetches files for a model of a ServingRuntime" -}}
{{- end -}}
{{- if and .Values.runtime.enabled (eq .Values.mode "Knative") -}}
{{- fail "runtime.enabled needs mode Standard: its ServingRuntime has both ports, Knative takes one" -}}
{{- end -}}
{{- if and (ne .Values.autoscaling.class "none") (eq .Values.mode "Knative") -}}
{{- fail "autoscaling.class needs mode Standard; with Knative this chart keeps as many pods as replicas says" -}}
{{- end -}}
{{- if and (or .Values.monitor.kind .Values.headlessService.enabled) (eq .Values.mode "Knative") -}}
{{- fail "monitor and headlessService need mode Standard: Knative opens one port of a pod, and only to its own proxy" -}}
{{- end -}}
{{- if and .Values.tls.clientCaKey (not (and .Values.tls.secretName .Values.tls.clientSecretName)) -}}
{{- fail "tls.clientCaKey needs tls.secretName, and tls.clientSecretName: without a certificate no probe gets in and no pod becomes ready" -}}
{{- end -}}
{{- if and .Values.tls.secretName (eq .Values.mode "Knative") -}}
{{- fail "tls.secretName needs mode Standard: Knative's queue-proxy speaks to the predictor in clear; let the gateway end TLS" -}}
{{- end -}}
{{- end }}
