{{- /* What objects have in common, and how the three roles' pods are made. */ -}}

{{- /* `keyturn` is in every name: the alerts know the Jobs by it. */ -}}
{{- define "keyturn.name" -}}
{{- if contains "keyturn" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-keyturn{{ end -}}
{{- end -}}

{{- define "keyturn.labels" -}}
app.kubernetes.io/name: keyturn
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- /* Takes { root, role }. */ -}}
{{- define "keyturn.selector" -}}
app.kubernetes.io/name: keyturn
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end -}}

{{- define "keyturn.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end -}}

{{- /* The metadata of a pod's template. Takes { root, role }. */ -}}
{{- define "keyturn.podMetadata" -}}
labels:
  {{- include "keyturn.selector" . | nindent 2 }}
annotations:
  # Workers are replaced when the config changes.
  checksum/config: {{ toYaml .root.Values.config | sha256sum }}
{{- end -}}

{{- /* The head of a pod's spec. Takes { root, role }. */ -}}
{{- define "keyturn.pod" -}}
serviceAccountName: {{ include "keyturn.name" .root }}-{{ .role }}
automountServiceAccountToken: false
# A service named keyturn-… would else set KEYTURN_… variables, which override the config.
enableServiceLinks: false
# On SIGTERM a process has 25 s to hand its batches back, and a KMS call in flight takes kms.timeout at most.
terminationGracePeriodSeconds: 45
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: { type: RuntimeDefault }
volumes:
  - name: config
    configMap: { name: {{ include "keyturn.name" .root }}-config }
  - name: secrets
    secret: { secretName: {{ include "keyturn.name" .root }}-{{ .role }}, defaultMode: 0440 }
  {{- with .root.Values.redisTls.secret }}
  - name: redis-tls
    secret: { secretName: {{ . }}, defaultMode: 0440 }
  {{- end }}
  {{- with .root.Values.yandexWorkloadIdentity.audience }}
  - name: yandex-token
    projected:
      defaultMode: 0440
      sources:
        - serviceAccountToken: { path: token, audience: {{ . | quote }}, expirationSeconds: 3600 }
  {{- end }}
{{- end -}}

{{- /* The one container of a pod, but its arguments. Takes { root, role }. */ -}}
{{- define "keyturn.container" -}}
name: keyturn
image: {{ include "keyturn.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
resources:
  {{- toYaml (get .root.Values .role).resources | nindent 2 }}
{{- with .root.Values.traces }}
{{- if .endpoint }}
env:
  - { name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ .endpoint | quote }} }
  - { name: OTEL_TRACES_SAMPLER_ARG, value: {{ .share | quote }} }
{{- end }}
{{- end }}
volumeMounts:
  - { name: config, mountPath: /etc/keyturn, readOnly: true }
  - { name: secrets, mountPath: /var/run/keyturn/secrets, readOnly: true }
  {{- if .root.Values.redisTls.secret }}
  - { name: redis-tls, mountPath: /var/run/keyturn/redis-tls, readOnly: true }
  {{- end }}
  {{- if .root.Values.yandexWorkloadIdentity.audience }}
  - { name: yandex-token, mountPath: /var/run/keyturn/yandex, readOnly: true }
  {{- end }}
{{- end -}}

{{- /* What a Job does about the exit codes of its pod. Both Jobs end with 1 for what asking again does not mend. */ -}}
{{- define "keyturn.failurePolicy" -}}
podReplacementPolicy: Failed
podFailurePolicy:
  rules:
    # A drained node is nobody's fault.
    - action: Ignore
      onPodConditions:
        - { type: DisruptionTarget, status: 'True' }
    # 1: cancelled, or not safe. 2: the config is wrong.
    - action: FailJob
      onExitCodes: { containerName: keyturn, operator: In, values: [1, 2] }
    # 130: interrupted from outside. 3 (a peer is out of reach) counts and is tried again.
    - action: Ignore
      onExitCodes: { containerName: keyturn, operator: In, values: [130] }
{{- end -}}
