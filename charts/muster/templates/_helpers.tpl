{{- define "muster.name" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "muster.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "muster.instance" -}}
app.kubernetes.io/name: muster
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "muster.labels" -}}
{{ include "muster.instance" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{/* Port of a URL: the text after its last colon, or the default of its scheme. */}}
{{- define "muster.port" -}}
{{- $host := (urlParse .url).host -}}
{{- if regexMatch ":[0-9]+$" $host -}}{{ regexFind "[0-9]+$" $host }}{{- else -}}{{ .default }}{{- end -}}
{{- end -}}

{{/*
Every pod of the chart. Takes a dict: root, component (the label), user (on bus and store), store (whether it uses
ClickHouse), args, env (list), mounts (list), volumes (list), extraEnv (dict), resources,
nodeSelector, tolerations, labels.
*/}}
{{- define "muster.pod" -}}
{{- $root := .root -}}
{{- $v := .root.Values -}}
metadata:
  labels:
    {{- include "muster.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
    {{- with .labels }}{{ toYaml . | nindent 4 }}{{ end }}
    {{- with $v.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- with $v.podAnnotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ .serviceAccount | default (include "muster.name" $root) }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  # A drain takes at most 20 s; the rest is for the cluster to stop sending.
  terminationGracePeriodSeconds: 30
  {{- if .restartPolicy }}
  restartPolicy: {{ .restartPolicy }}
  {{- end }}
  {{- with $v.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  {{- with $v.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    seccompProfile:
      type: RuntimeDefault
  containers:
    - name: {{ .container }}
      image: {{ include "muster.image" $root | quote }}
      imagePullPolicy: {{ $v.image.pullPolicy }}
      args: {{- toYaml .args | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        runAsNonRoot: true
        capabilities:
          drop: [ALL]
        seccompProfile:
          type: RuntimeDefault
      env:
        - name: MUSTER__KIT__ADMIN_LISTEN
          value: {{ printf "%s:9090" $v.listen | quote }}
        - name: MUSTER__BUS__URL
          value: {{ required "bus.url is required: tls://HOST:4222 of your NATS" $v.bus.url | quote }}
        - name: MUSTER__BUS__USER
          value: {{ .user }}
        - name: MUSTER__BUS__PASSWORD__FILE
          value: /etc/muster/bus/password
        {{- if $v.bus.caSecret }}
        - name: MUSTER__BUS__CA_FILE
          value: /etc/muster/bus-ca/ca.crt
        {{- end }}
        {{- if .store }}
        - name: MUSTER__STORE__URL
          value: {{ required "store.url is required: https://HOST:8443 of your ClickHouse" $v.store.url | quote }}
        - name: MUSTER__STORE__DATABASE
          value: {{ $v.store.database }}
        - name: MUSTER__STORE__USER
          value: muster_{{ .user }}
        - name: MUSTER__STORE__PASSWORD__FILE
          value: /etc/muster/store/password
        {{- end }}
        {{- if and .store $v.store.caSecret }}
        - name: MUSTER__STORE__CA_FILE
          value: /etc/muster/store-ca/ca.crt
        {{- end }}
        {{- if and .store $v.store.insertQuorum }}
        - name: MUSTER__STORE__INSERT_QUORUM
          value: {{ $v.store.insertQuorum | quote }}
        {{- end }}
        {{- with $v.otlpEndpoint }}
        - name: MUSTER__KIT__OTLP_ENDPOINT
          value: {{ . | quote }}
        {{- end }}
        {{- with .env }}{{ toYaml . | nindent 8 }}{{ end }}
        {{- range $name, $value := merge dict (.extraEnv | default dict) $v.extraEnv }}
        - name: {{ $name }}
          value: {{ $value | quote }}
        {{- end }}
      {{- if .serves }}
      ports:
        - name: admin
          containerPort: 9090
        {{- with .ports }}{{ toYaml . | nindent 8 }}{{ end }}
      # It is up in two seconds; a cluster under load gets a minute.
      startupProbe:
        httpGet: {path: /livez, port: admin}
        periodSeconds: 2
        failureThreshold: 30
      livenessProbe:
        httpGet: {path: /livez, port: admin}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /readyz, port: admin}
        periodSeconds: 5
        timeoutSeconds: 3
      {{- end }}
      resources: {{- toYaml .resources | nindent 8 }}
      volumeMounts:
        - {name: bus, mountPath: /etc/muster/bus, readOnly: true}
        {{- if $v.bus.caSecret }}
        - {name: bus-ca, mountPath: /etc/muster/bus-ca, readOnly: true}
        {{- end }}
        {{- if .store }}
        - {name: store, mountPath: /etc/muster/store, readOnly: true}
        {{- end }}
        {{- if and .store $v.store.caSecret }}
        - {name: store-ca, mountPath: /etc/muster/store-ca, readOnly: true}
        {{- end }}
        {{- with .mounts }}{{ toYaml . | nindent 8 }}{{ end }}
  volumes:
    - name: bus
      secret:
        secretName: {{ $v.bus.existingSecret }}
        defaultMode: 0440
        items: [{key: {{ .user }}, path: password}]
    {{- if $v.bus.caSecret }}
    - name: bus-ca
      secret:
        secretName: {{ $v.bus.caSecret }}
        defaultMode: 0440
        items: [{key: ca.crt, path: ca.crt}]
    {{- end }}
    {{- if .store }}
    - name: store
      secret:
        secretName: {{ $v.store.existingSecret }}
        defaultMode: 0440
        items: [{key: {{ .user }}, path: password}]
    {{- end }}
    {{- if and .store $v.store.caSecret }}
    - name: store-ca
      secret:
        secretName: {{ $v.store.caSecret }}
        defaultMode: 0440
        items: [{key: ca.crt, path: ca.crt}]
    {{- end }}
    {{- with .volumes }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- with (.nodeSelector | default $v.nodeSelector) }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with (.tolerations | default $v.tolerations) }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .serves }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "muster.instance" $root | nindent 10 }}
          app.kubernetes.io/component: {{ .component }}
          {{- with .labels }}{{ toYaml . | nindent 10 }}{{ end }}
  {{- end }}
{{- end -}}

{{/* A Deployment of that pod. Takes the same dict, with name and replicas. */}}
{{- define "muster.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "muster.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
    {{- with .labels }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  replicas: {{ .replicas }}
  revisionHistoryLimit: 3
  selector:
    matchLabels:
      {{- include "muster.instance" .root | nindent 6 }}
      app.kubernetes.io/component: {{ .component }}
      {{- with .labels }}{{ toYaml . | nindent 6 }}{{ end }}
  template:
    {{- include "muster.pod" . | nindent 4 }}
{{- end -}}
