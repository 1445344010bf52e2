{{- define "clm.labels" -}}
app.kubernetes.io/name: clm
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "clm.selector" -}}
app.kubernetes.io/name: clm
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* An image from its parts: a digest wins over a tag, the chart's version stands in for
both; a trainer's tag ends in its flavour. */}}
{{- define "clm.image" -}}
{{- if .image.digest }}{{ .image.repository }}@{{ .image.digest }}
{{- else }}{{ .image.repository }}:{{ .image.tag | default .version }}
{{- end }}
{{- end }}

{{- define "clm.namespaces" -}}
{{- .Values.watchNamespaces | default (list .Release.Namespace) | toJson }}
{{- end }}

{{/* The namespaces that admission policies look at. */}}
{{- define "clm.watched" -}}
namespaceSelector:
  matchExpressions:
    - key: kubernetes.io/metadata.name
      operator: In
      values: {{ include "clm.namespaces" . }}
{{- end }}

{{- define "clm.secret" -}}
{{- if .Values.objectStore.secretName }}{{ .Values.objectStore.secretName }}
{{- else if .Values.minio.enabled }}{{ .Release.Name }}-store
{{- else }}{{ fail "set objectStore.secretName (a Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY), or minio.enabled=true for a demo" }}
{{- end }}
{{- end }}

{{- define "clm.endpoint" -}}
{{- if .Values.objectStore.endpoint }}{{ .Values.objectStore.endpoint }}
{{- else if .Values.minio.enabled }}http://{{ .Release.Name }}-minio.{{ .Release.Namespace }}.svc.cluster.local:9000
{{- end }}
{{- end }}

{{/* What training pods show the store; its STS is asked at the store's own address. */}}
{{- define "clm.credentials" -}}
{{- $bundled := and .Values.minio.enabled (not .Values.objectStore.endpoint) }}
{{- $chosen := .Values.objectStore.credentials | default (ternary "PerRun" "Static" $bundled) }}
{{- if and (eq $chosen "PerRun") (not (include "clm.endpoint" .)) }}
{{- fail "objectStore.credentials PerRun asks the store itself for keys: set objectStore.endpoint" }}
{{- end }}
{{- $chosen }}
{{- end }}

{{- define "clm.config" -}}
store:
  url: s3://{{ .Values.objectStore.bucket }}{{ with .Values.objectStore.prefix }}/{{ . }}{{ end }}
  {{- with include "clm.endpoint" . }}
  endpoint: {{ . }}
  {{- end }}
  region: {{ .Values.objectStore.region }}
  secretName: {{ include "clm.secret" . }}
  credentials: {{ include "clm.credentials" . }}
  createBucket: {{ .Values.minio.enabled }}
trainer:
  images:
    {{- range $flavour, $image := .Values.trainer.images }}
    {{ $flavour }}: {{ include "clm.image" (dict "image" $image "version" (printf "%s-%s" $.Chart.AppVersion $flavour)) }}
    {{- end }}
  imagePullPolicy: {{ .Values.trainer.imagePullPolicy }}
  imagePullSecrets: {{ toJson .Values.trainer.imagePullSecrets }}
  serviceAccountName: {{ .Release.Name }}-trainer
families: {{ toJson .Values.families }}
jobPolicy: {{ toJson .Values.jobPolicy }}
watchNamespaces: {{ include "clm.namespaces" . }}
minIntervalMinutes: {{ .Values.operator.minIntervalMinutes }}
apiWritesPerSecond: {{ .Values.operator.apiWritesPerSecond }}
progressPollSeconds: {{ .Values.operator.progressPollSeconds }}
stallSeconds: {{ .Values.operator.stallSeconds }}
{{- with .Values.exchangeUrl }}
exchangeUrl: {{ . }}
{{- end }}
exchangeShare: {{ .Values.exchangeShare }}
{{- end }}

{{- define "clm.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "clm.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}
