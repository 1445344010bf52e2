{{/* What the chart says itself wins: selectors and Helm rest on it. */}}
{{- define "clm.ownLabels" -}}
app.kubernetes.io/name: clm
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "clm.labels" -}}
{{- $others := omit .Values.commonLabels "app.kubernetes.io/component" }}
{{- toYaml (merge (include "clm.ownLabels" . | fromYaml) $others) }}
{{- end }}

{{/* Labels of a pod: root, component, and further ones of its own values. */}}
{{- define "clm.podLabels" -}}
{{- $own := merge (dict "app.kubernetes.io/component" .component) (include "clm.ownLabels" .root | fromYaml) }}
{{- toYaml (merge $own .more .root.Values.commonLabels) }}
{{- end }}

{{/* Whether the release brings a definition: not empty if it does. One that another release, or no
release, has brought is left alone if it is of this version. */}}
{{- define "clm.brings" -}}
{{- $release := .root.Release }}
{{- if .root.Values.crds.enabled }}
{{- $found := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" .name | default dict }}
{{- $by := dig "metadata" "annotations" dict $found }}
{{- $owner := printf "%s/%s" (get $by "meta.helm.sh/release-namespace") (get $by "meta.helm.sh/release-name") }}
{{- $version := dig "metadata" "labels" "app.kubernetes.io/version" "none" $found }}
{{- if or (not $found) .root.Values.crds.takeOver (eq $owner (printf "%s/%s" $release.Namespace $release.Name)) }}
{{- "yes" }}
{{- else if ne $version .root.Chart.AppVersion }}
{{- fail (printf "%s is there already, of release %q and version %s, and %s is needed: take it over with --take-ownership --set crds.takeOver=true, or bring it yourself and set crds.enabled=false" .name $owner $version .root.Chart.AppVersion) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "clm.selector" -}}
app.kubernetes.io/name: clm
app.kubernetes.io/instance: {{ .Release.Name | quote }}
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

{{/* Not empty where namespaces come and go without an upgrade. */}}
{{- define "clm.clusterwide" -}}
{{- if .Values.watchNamespaceSelector }}
{{- if .Values.watchNamespaces }}{{ fail "set one of watchNamespaces and watchNamespaceSelector" }}{{ end }}
{{- "yes" }}
{{- else if has "*" .Values.watchNamespaces }}
{{- if gt (len .Values.watchNamespaces) 1 }}{{ fail "watchNamespaces: \"*\" stands for all namespaces: name no others" }}{{ end }}
{{- "yes" }}
{{- end }}
{{- end }}

{{/* The named namespaces that are there: nothing can be made in one that is gone or going. A renderer
without a cluster, such as helm template, takes all for present; the release's own may be made later. */}}
{{- define "clm.present" -}}
{{- $present := list }}
{{- $blind := not (lookup "v1" "Namespace" "" "kube-system") }}
{{- range include "clm.namespaces" . | fromJsonArray }}
{{- $found := lookup "v1" "Namespace" "" . }}
{{- if or $blind (eq . $.Release.Namespace) (and $found (not $found.metadata.deletionTimestamp)) }}
{{- $present = append $present . }}
{{- end }}
{{- end }}
{{- toJson $present }}
{{- end }}

{{/* The namespaces that admission policies look at. */}}
{{- define "clm.watched" -}}
namespaceSelector:
  {{- if .Values.watchNamespaceSelector }}
  {{- toYaml .Values.watchNamespaceSelector | nindent 2 }}
  {{- else if include "clm.clusterwide" . }} {}
  {{- else }}
  matchExpressions:
    - key: kubernetes.io/metadata.name
      operator: In
      values: {{ include "clm.namespaces" . }}
  {{- end }}
{{- end }}

{{- define "clm.operatorRules" -}}
- apiGroups: [clm.dev]
  resources: [trainingschedules, simulations]
  verbs: [get, list, watch]
- apiGroups: [clm.dev]
  resources: [trainingschedules/status, modelversions/status, simulations/status]
  verbs: [patch]
- apiGroups: [clm.dev]
  resources: [modelversions]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [events]
  verbs: [create, list]
# Why runs wait in a queue of Kueue, and at which place; where Kueue is not there nothing is asked.
- apiGroups: [kueue.x-k8s.io]
  resources: [workloads]
  verbs: [list, watch]
- apiGroups: [visibility.kueue.x-k8s.io]
  resources: [localqueues/pendingworkloads]
  verbs: [get]
{{- if eq (include "clm.credentials" .) "PerRun" }}
- apiGroups: [""]
  resources: [secrets]
  verbs: [create]
{{- end }}
{{- end }}

{{/* What the values tolerate, and for how long the pod stays on a node that is lost. */}}
{{- define "clm.operatorTolerations" -}}
{{- $own := .Values.operator.tolerations }}
{{- $seconds := .Values.operator.tolerationSeconds }}
{{- range $key := list "node.kubernetes.io/not-ready" "node.kubernetes.io/unreachable" }}
{{- $said := false }}
{{- range $.Values.operator.tolerations }}
{{- if and (has (get . "key") (list "" $key)) (has (get . "effect") (list "" "NoExecute")) }}
{{- $said = true }}
{{- end }}
{{- end }}
{{- if not $said }}
{{- $own = append $own (dict "key" $key "operator" "Exists" "effect" "NoExecute" "tolerationSeconds" $seconds) }}
{{- end }}
{{- end }}
{{- toYaml $own }}
{{- end }}

{{/* Several pods rather stand on several nodes and in several zones. */}}
{{- define "clm.operatorSpread" -}}
{{- if .Values.operator.topologySpreadConstraints }}
{{- toYaml .Values.operator.topologySpreadConstraints }}
{{- else if gt (int .Values.operator.replicas) 1 }}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
- maxSkew: 1
  topologyKey: {{ . }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels: {{- include "clm.selector" $ | nindent 6 }}
      app.kubernetes.io/component: operator
{{- end }}
{{- end }}
{{- end }}

{{- define "clm.secret" -}}
{{- if eq (include "clm.credentials" .) "Ambient" }}
{{- if .Values.objectStore.secretName }}{{ fail "objectStore.credentials Ambient takes no keys: leave objectStore.secretName empty" }}{{ end }}
{{- else if .Values.objectStore.secretName }}{{ .Values.objectStore.secretName }}
{{- else if .Values.minio.enabled }}{{ .Release.Name }}-store
{{- else }}{{ fail "set objectStore.secretName (a Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY), objectStore.credentials=Ambient, or minio.enabled=true for a demo" }}
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
{{- if and (eq $chosen "Ambient") $bundled }}
{{- fail "objectStore.credentials Ambient is for a cloud's store: the bundled MinIO knows no roles of a cloud" }}
{{- end }}
{{- $chosen }}
{{- end }}

{{/* Several namespaces are several teams, unless somebody says that they share. */}}
{{- define "clm.sharing" -}}
{{- $own := eq (include "clm.namespaces" .) (list .Release.Namespace | toJson) }}
{{- $alone := and $own (not (include "clm.clusterwide" .)) }}
{{- .Values.objectStore.sharing | default (ternary "Cluster" "Namespace" $alone) }}
{{- end }}

{{/* What the release shared until this upgrade; empty on install, and where no cluster is seen. */}}
{{- define "clm.sharingBefore" -}}
{{- $there := lookup "v1" "ConfigMap" .Release.Namespace (printf "%s-operator" .Release.Name) | default dict }}
{{- $config := dig "data" "config.yaml" "" $there | fromYaml }}
{{- dig "store" "sharing" "" $config }}
{{- end }}

{{/* Environment of a container of ours that asks the store, beside CLM_CONFIG. */}}
{{- define "clm.storeEnv" -}}
{{- with .Values.objectStore.caBundle }}
{{- if or .configMap .secret }}
- {name: AWS_CA_BUNDLE, value: /var/run/clm/store-ca/{{ .key }}}
{{- end }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "clm.storeEnvFrom" -}}
{{- with include "clm.secret" . }}
envFrom:
  - secretRef: {name: {{ . | quote }}}
{{- end }}
{{- end }}

{{- define "clm.storeMounts" -}}
{{- with .Values.objectStore.caBundle }}
{{- if or .configMap .secret }}
- {name: store-ca, mountPath: /var/run/clm/store-ca, readOnly: true}
{{- end }}
{{- end }}
{{- end }}

{{- define "clm.storeVolumes" -}}
{{- with .Values.objectStore.caBundle }}
{{- if and .configMap .secret }}{{ fail "objectStore.caBundle: set one of configMap and secret" }}{{ end }}
{{- if .configMap }}
- name: store-ca
  configMap: {name: {{ .configMap | quote }}, items: [{key: {{ .key | quote }}, path: {{ .key | quote }}}]}
{{- else if .secret }}
- name: store-ca
  secret: {secretName: {{ .secret | quote }}, items: [{key: {{ .key | quote }}, path: {{ .key | quote }}}]}
{{- end }}
{{- end }}
{{- end }}

{{/* A sink's Secret and authority as files of the operator. */}}
{{- define "clm.eventMounts" -}}
{{- range $name := list "http" "nats" }}
{{- $sink := get $.Values.events $name }}
{{- if $sink.secretName }}
- {name: events-{{ $name }}, mountPath: /var/run/clm/events-{{ $name }}, readOnly: true}
{{- end }}
{{- if or $sink.caBundle.configMap $sink.caBundle.secret }}
- {name: events-{{ $name }}-ca, mountPath: /var/run/clm/events-{{ $name }}-ca, readOnly: true}
{{- end }}
{{- end }}
{{- end }}

{{- define "clm.eventVolumes" -}}
{{- range $name := list "http" "nats" }}
{{- $sink := get $.Values.events $name }}
{{- with $sink.secretName }}
- name: events-{{ $name }}
  secret: {secretName: {{ . | quote }}}
{{- end }}
{{- with $sink.caBundle }}
{{- if and .configMap .secret }}{{ fail (printf "events.%s.caBundle: set one of configMap and secret" $name) }}{{ end }}
{{- if .configMap }}
- name: events-{{ $name }}-ca
  configMap: {name: {{ .configMap | quote }}, items: [{key: {{ .key | quote }}, path: ca.crt}]}
{{- else if .secret }}
- name: events-{{ $name }}-ca
  secret: {secretName: {{ .secret | quote }}, items: [{key: {{ .key | quote }}, path: ca.crt}]}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Where a sink's files lie, as the operator's configuration names them. */}}
{{- define "clm.eventFiles" -}}
{{- if .sink.secretName }}
{{ .folder }}: /var/run/clm/events-{{ .name }}
{{- end }}
{{- if or .sink.caBundle.configMap .sink.caBundle.secret }}
caFile: /var/run/clm/events-{{ .name }}-ca/ca.crt
{{- end }}
{{- end }}

{{- define "clm.events" -}}
cluster: {{ .Values.events.cluster | default .Release.Name | quote }}
{{- with .Values.events.http }}
{{- if .url }}
http:
  url: {{ .url | quote }}
  {{- include "clm.eventFiles" (dict "name" "http" "sink" . "folder" "headersFolder") | nindent 2 }}
{{- end }}
{{- end }}
{{- with .Values.events.nats }}
{{- if .servers }}
nats:
  servers: {{ toJson .servers }}
  stream: {{ .stream | default nil | toJson }}
  createStream: {{ .createStream }}
  requests:
    {{- $consumer := .requests.consumer }}
    {{- omit .requests "consumer" | toYaml | nindent 4 }}
    consumer: {{ $consumer | default nil | toJson }}
  {{- include "clm.eventFiles" (dict "name" "nats" "sink" . "folder" "credentialsFolder") | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{/* What the operator alone talks to: the sinks of events. */}}
{{- define "clm.eventEgress" -}}
{{- with .Values.events.http.url }}
- ports: [{port: {{ include "clm.port" . }}, protocol: TCP}]
{{- end }}
{{- range .Values.events.nats.servers }}
- ports: [{port: {{ regexFind ":[0-9]+$" . | trimPrefix ":" | default "4222" }}, protocol: TCP}]
{{- end }}
{{- end }}

{{- define "clm.replays" -}}
{{- $set := dict }}
{{- range $name, $value := .Values.replays }}
{{- if $value }}{{ $_ := set $set $name $value }}{{ end }}
{{- end }}
{{- toJson $set }}
{{- end }}

{{- define "clm.config" -}}
leader: {namespace: {{ .Release.Namespace | quote }}, name: {{ printf "%s-operator" .Release.Name | quote }}}
store:
  url: s3://{{ .Values.objectStore.bucket }}{{ with .Values.objectStore.prefix }}/{{ . }}{{ end }}
  {{- with include "clm.endpoint" . }}
  endpoint: {{ . }}
  {{- end }}
  region: {{ .Values.objectStore.region | quote }}
  {{- with include "clm.secret" . }}
  secretName: {{ . | quote }}
  {{- end }}
  {{- with .Values.objectStore.caBundle }}
  {{- if .configMap }}
  caBundle: {configMap: {{ .configMap | quote }}, key: {{ .key | quote }}}
  {{- else if .secret }}
  caBundle: {secret: {{ .secret | quote }}, key: {{ .key | quote }}}
  {{- end }}
  {{- end }}
  credentials: {{ include "clm.credentials" . }}
  sharing: {{ include "clm.sharing" . }}
  widestKeys: {{ .Values.objectStore.widestKeys }}
  createBucket: {{ .Values.minio.enabled }}
trainer:
  images:
    {{- range $flavour, $image := .Values.trainer.images }}
    {{ $flavour }}: {{ include "clm.image" (dict "image" $image "version" (printf "%s-%s" $.Chart.AppVersion $flavour)) }}
    {{- end }}
  imagePullPolicy: {{ .Values.trainer.imagePullPolicy }}
  imagePullSecrets: {{ toJson .Values.trainer.imagePullSecrets }}
  extraEnv: {{ toJson .Values.extraEnv }}
  podLabels: {{ toJson .Values.trainer.podLabels }}
  podAnnotations: {{ toJson .Values.trainer.podAnnotations }}
  serviceAccountName: {{ .Release.Name }}-trainer
  {{- if include "clm.clusterwide" . }}
  account:
    labels: {{ include "clm.labels" . | fromYaml | toJson }}
    {{- /* Helm may take it over, should the namespaces be named one day. */}}
    {{- $owner := dict "meta.helm.sh/release-name" .Release.Name "meta.helm.sh/release-namespace" .Release.Namespace }}
    annotations: {{ toJson (merge $owner .Values.trainer.serviceAccount.annotations) }}
  {{- end }}
families: {{ toJson .Values.families }}
jobPolicy: {{ toJson .Values.jobPolicy }}
replays: {{ include "clm.replays" . }}
{{- with .Values.watchNamespaceSelector }}
watchNamespaceSelector: {{ toJson . }}
{{- else }}
watchNamespaces: {{ include "clm.namespaces" . }}
{{- end }}
minIntervalMinutes: {{ .Values.operator.minIntervalMinutes }}
apiWritesPerSecond: {{ .Values.operator.apiWritesPerSecond }}
progressPollSeconds: {{ .Values.operator.progressPollSeconds }}
stallSeconds: {{ .Values.operator.stallSeconds }}
{{- with .Values.exchangeUrl }}
exchangeUrl: {{ . }}
{{- end }}
exchangeShare: {{ .Values.exchangeShare }}
events: {{- include "clm.events" . | nindent 2 }}
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

{{/* The port of an address that names one. */}}
{{- define "clm.port" -}}
{{- $port := regexFind ":[0-9]+$" (get (urlParse .) "host") | trimPrefix ":" }}
{{- $port | default (ternary "80" "443" (hasPrefix "http://" .)) }}
{{- end }}

{{/* Everywhere but the addresses where a cloud hands its nodes' keys to whoever asks. */}}
{{- define "clm.outside" -}}
- ipBlock: {cidr: 0.0.0.0/0, except: [169.254.0.0/16]}
- ipBlock: {cidr: "::/0", except: ["fe80::/10"]}
{{- end }}

{{/* What operator and trainers both talk to: DNS, the store, and what the values add. */}}
{{- define "clm.egress" -}}
- ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
{{- if and .Values.minio.enabled (not .Values.objectStore.endpoint) }}
- ports: [{port: 9000, protocol: TCP}]
  to:
    - podSelector:
        matchLabels: {{- include "clm.selector" . | nindent 10 }}
          app.kubernetes.io/component: minio
      namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: {{ .Release.Namespace | quote }}}
{{- else }}
- ports: [{port: {{ include "clm.port" (.Values.objectStore.endpoint | default "https://s3.amazonaws.com") }}, protocol: TCP}]
  to: {{- include "clm.outside" . | nindent 4 }}
{{- end }}
{{- if eq (include "clm.credentials" .) "Ambient" }}
# EKS Pod Identity's agent on the node, and STS.
- ports: [{port: 80, protocol: TCP}]
  to: [{ipBlock: {cidr: 169.254.170.23/32}}, {ipBlock: {cidr: "fd00:ec2::23/128"}}]
- ports: [{port: 443, protocol: TCP}]
  to: {{- include "clm.outside" . | nindent 4 }}
{{- end }}
{{- with .Values.networkPolicy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end }}
