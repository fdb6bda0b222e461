{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{- define "connleak.name" -}}
{{- if eq .Release.Name "connleak" -}}
connleak
{{- else -}}
{{- printf "%s-connleak" .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "connleak.selector" -}}
app.kubernetes.io/name: connleak
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "connleak.labels" -}}
{{ include "connleak.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "connleak.config" -}}
listen = 0.0.0.0:{{ .Values.metricsPort }}
{{ .Values.config }}
{{- end -}}
