{{/* The one metric that hpa and keda scale by. */}}
{{- define "stream-filters.metric" -}}
{{- with .Values.autoscaling }}
{{- if and (eq .class "keda") .prometheus.serverAddress -}}
- type: External
  external:
    metric:
      backend: prometheus
      serverAddress: {{ .prometheus.serverAddress | quote }}
      query: {{ default (include "stream-filters.observationRate" $) .prometheus.query | quote }}
    target:
      type: Value
      value: {{ .prometheus.threshold | quote }}
{{- else -}}
- type: Resource
  resource:
    name: cpu
    target:
      type: Utilization
      averageUtilization: {{ .cpuPercent }}
{{- end }}
{{- end }}
{{- end }}

{{- define "stream-filters.observationRate" -}}
sum(rate(stream_filters_observations_total{namespace="{{ .Release.Namespace }}",pod=~"{{ include "stream-filters.name" . }}-predictor-.*"}[2m]))
{{- end }}
