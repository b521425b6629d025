"""Values that the schema and the chart accept, and the API server does not: by the values key that is wrong."""

NODES = "{nodeSelectorTerms: [{matchExpressions: [{key: a, operator: %s, values: [b]}]}]}"
AFFINITY = "decode: {affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: %s}}}"
PODS = "{matchExpressions: [{key: a, operator: in, values: [b]}]}"
SPREAD = "decode: {topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: %s}]}"
VARIABLE = "engine: {env: {A: {valueFrom: {%s}}}}"
OWN_ENV = "decode: {containers: [{env: [{%s}]}]}"
POLICY = "networkPolicy: {enabled: true, from: [%s]}"
EGRESS = "networkPolicy: {enabled: true, egress: [{ports: [%s]}]}"
CLAIM = "decode: {workload: StatefulSet, volumeClaimTemplates: [{name: data, spec: {%s}}]}"
OWN_CLAIM = "volumeClaims: {c: {spec: {%s}}}"
SIZE = "resources: {requests: {storage: 40Gi}}"
SERVICE = "service: {enabled: true, extraConfig: {%s}}"
VOLUME = "decode: {volumes: [{name: v, %s}]}"
PROBE = "engine: {livenessProbe: {%s}}"
STOP = "engine: {lifecycle: {preStop: {%s}}}"
TOLERATION = "decode: {tolerations: [{%s}]}"
SPEC = "decode: {extraConfig: {%s}}"
TERM = "{nodeSelectorTerms: [{matchExpressions: [{%s}]}]}"
APART = "decode: {affinity: {podAntiAffinity: {%sDuringSchedulingIgnoredDuringExecution: [%s]}}}"
RETENTION = "decode: {workload: StatefulSet, persistentVolumeClaimRetentionPolicy: {%s}}"
UPDATE = "decode: {strategy: {rollingUpdate: {%s}}}"
SCALED = "decode: {replicas: null, autoscaling: {enabled: true, type: hpa, minReplicas: 1, maxReplicas: 3, %s}}"
METRIC = SCALED % "metrics: [{%s}]"
PODS_METRIC = "type: Pods, pods: {metric: {name: a}, target: {%s}}"
BEHAVIOR = SCALED % (f"metrics: [{{{PODS_METRIC % 'type: AverageValue, averageValue: 4'}}}], behavior: {{%s}}")
POLICIES = BEHAVIOR % "scaleUp: {policies: [{%s}]}"
CPU = "type: Resource, resource: {name: cpu, target: {%s}}"

REJECTED = [
    # Choices.
    ("decode.topologySpreadConstraints", SPREAD % "Maybe"),
    ("decode.topologySpreadConstraints", SPREAD % "DoNotSchedule, nodeTaintsPolicy: honor"),
    ("decode.podSecurityContext", "decode: {podSecurityContext: {seccompProfile: {type: Default}}}"),
    ("decode.podSecurityContext", "decode: {podSecurityContext: {fsGroupChangePolicy: always}}"),
    ("decode.affinity", AFFINITY % (NODES % "in")),
    ("decode.affinity", AFFINITY.replace("nodeAffinity", "podAffinity") % f"[{{topologyKey: z, labelSelector: {PODS}}}]"),
    ("decode.tolerations", "decode: {tolerations: [{key: a, operator: Exists, effect: noSchedule}]}"),
    ("decode.tolerations", "decode: {tolerations: [{key: a, operator: Exist}]}"),
    ("decode.extraConfig.dnsPolicy", "decode: {extraConfig: {dnsPolicy: none}}"),
    ("decode.extraConfig.preemptionPolicy", "decode: {extraConfig: {preemptionPolicy: Always}}"),
    ("decode.strategy", "decode: {strategy: {type: rolling}}"),
    ("decode.updateStrategy", "decode: {workload: StatefulSet, updateStrategy: {type: Recreate}}"),
    ("engine.livenessProbe", "engine: {livenessProbe: {httpGet: {path: /, port: 8000, scheme: https}}}"),
    ("engine.volumeMounts[0]", "engine: {volumeMounts: [{name: m, mountPath: /m, mountPropagation: Both}]}"),
    ("engine.securityContext", "engine: {securityContext: {procMount: unmasked}}"),
    ("decode.persistentVolumeClaimRetentionPolicy", RETENTION % "whenDeleted: delete"),
    ("networkPolicy.egress", EGRESS % "{port: 80, protocol: tcp}"),
    ("service", SERVICE % "type: clusterIP"),
    ("service", SERVICE % "ipFamilies: [ipv4]"),
    ("decode.autoscaling.behavior", POLICIES % "type: pods, value: 1, periodSeconds: 60"),
    ("decode.autoscaling.behavior", BEHAVIOR % "scaleDown: {selectPolicy: max}"),
    ("decode.autoscaling.metrics", METRIC % (CPU % "type: utilization, averageUtilization: 50")),
    ("decode.autoscaling.metrics", METRIC % "type: resource, resource: {name: cpu, target: {type: Value, value: 4}}"),
    # Forms.
    ("service", SERVICE % "externalIPs: [10.0.0.300]"),
    ("decode.extraConfig.hostAliases", SPEC % "hostAliases: [{ip: 1.2.3, hostnames: [a]}]"),
    ("decode.extraConfig.dnsConfig", SPEC % "dnsConfig: {nameservers: [1.2.3]}"),
    ("decode.extraConfig.hostname", SPEC % "hostname: Bad_Name"),
    ("decode.extraConfig.subdomain", SPEC % "subdomain: a.b"),
    ("decode.extraConfig.readinessGates", SPEC % "readinessGates: [{conditionType: a b}]"),
    ("decode.tolerations", TOLERATION % "key: a b, operator: Exists"),
    ("decode.volumes[0]", VOLUME % "hostPath: {path: ../a}"),
    ("decode.volumes[0]", VOLUME % "configMap: {name: a, items: [{key: a, path: ../b}]}"),
    ("decode.volumes[0]", VOLUME % "configMap: {name: a, items: [{key: a, path: /b}]}"),
    ("decode.volumes[0]", VOLUME % "configMap: {name: a, items: [{key: a, path: ..b}]}"),
    ("decode.volumes[0]", VOLUME % "emptyDir: {sizeLimit: 4Gb}"),
    ("engine.volumeMounts[0]", "engine: {volumeMounts: [{name: m, mountPath: /m, subPath: a/../b}]}"),
    ("engine.livenessProbe", PROBE % "httpGet: {path: /, port: Http_1}"),
    ("networkPolicy.egress", EGRESS % "{port: HTTP_1}"),
    ("volumeClaims", OWN_CLAIM % f"accessModes: [ReadWriteOnce], storageClassName: Bad_Class, {SIZE}"),
    ("decode.strategy", UPDATE % "maxSurge: a"),
    ("decode.strategy", UPDATE % "maxUnavailable: 101%"),
    ("decode.autoscaling.metrics", METRIC % (PODS_METRIC % "type: AverageValue, averageValue: 4Gb")),
    ("decode.volumes[0]", "decode: {volumes: [{name: My_Vol, emptyDir: {}}]}"),
    ("engine.env.A", VARIABLE % "secretKeyRef: {name: Bad_Name, key: a}"),
    ("engine.env.A", VARIABLE % "configMapKeyRef: {name: Bad_Name, key: a}"),
    ("engine.env.A", VARIABLE % "fieldRef: {fieldPath: status.nope}"),
    ("networkPolicy.from", "networkPolicy: {enabled: true, from: [{ipBlock: {cidr: 10.0.0.0/40}}]}"),
    ("networkPolicy.from", POLICY % "{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/40]}}"),
    ("service.ports[0]", "service: {enabled: true, ports: [{name: Http_1, port: 80}]}"),
    ("decode.volumeClaimTemplates[0]", CLAIM % "accessModes: [ReadWriteOnes], resources: {requests: {storage: 40Gi}}"),
    ("decode.volumeClaimTemplates[0]", CLAIM % "accessModes: [ReadWriteOnce], resources: {requests: {storage: 40Gb}}"),
    ("volumeClaims", OWN_CLAIM % "accessModes: [ReadWriteOnes], resources: {requests: {storage: 40Gi}}"),
    ("volumeClaims", OWN_CLAIM % "accessModes: [ReadWriteOnce], resources: {requests: {storage: 40Gb}}"),
    # Parts.
    ("networkPolicy.from", POLICY % "{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}"),
    ("networkPolicy.from", POLICY % "{ipBlock: {cidr: 10.0.0.0/16, except: [10.0.0.0/8]}}"),
    ("networkPolicy.egress", EGRESS % "{port: 443000}"),
    ("networkPolicy.egress", EGRESS % "{port: 0}"),
    ("networkPolicy.egress", EGRESS % "{port: 443, endPort: 442}"),
    ("networkPolicy.egress", EGRESS % "{endPort: 442}"),
    # Numbers.
    ("engine.securityContext", "engine: {securityContext: {runAsUser: -1}}"),
    ("decode.podSecurityContext", "decode: {podSecurityContext: {fsGroup: -1}}"),
    ("decode.topologySpreadConstraints", SPREAD.replace("maxSkew: 1", "maxSkew: 0") % "DoNotSchedule"),
    ("engine.livenessProbe", "engine: {livenessProbe: {tcpSocket: {port: 8000}, periodSeconds: -1}}"),
    ("engine.livenessProbe", PROBE % "httpGet: {path: /, port: 70000}"),
    ("engine.livenessProbe", PROBE % "tcpSocket: {port: 8000}, terminationGracePeriodSeconds: 0"),
    ("engine.lifecycle", STOP % "httpGet: {port: 70000}"),
    ("engine.lifecycle", STOP % "sleep: {seconds: -1}"),
    ("decode.volumes[0]", VOLUME % "secret: {secretName: s, defaultMode: 1000}"),
    ("decode.podSecurityContext", "decode: {podSecurityContext: {supplementalGroups: [-1]}}"),
    ("decode.affinity", APART % ("preferred", "{weight: 101, podAffinityTerm: {topologyKey: z}}")),
    ("service", SERVICE % "sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 86401}}"),
    ("service", SERVICE % "type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 70000"),
    ("decode.autoscaling.behavior", POLICIES % "type: Pods, value: 0, periodSeconds: 60"),
    ("decode.autoscaling.behavior", POLICIES % "type: Pods, value: 1, periodSeconds: 0"),
    ("decode.autoscaling.behavior", POLICIES % "type: Pods, value: 1, periodSeconds: 1801"),
    ("decode.autoscaling.behavior", BEHAVIOR % "scaleDown: {stabilizationWindowSeconds: 3601}"),
    ("decode.autoscaling.metrics", METRIC % (CPU % "type: Utilization, averageUtilization: 0")),
    # Fields that are needed.
    ("decode.extraConfig.dnsPolicy", SPEC % "dnsPolicy: None"),
    ("decode.podSecurityContext", "decode: {podSecurityContext: {seccompProfile: {type: Localhost}}}"),
    ("decode.tolerations", TOLERATION % "operator: Equal, value: b"),
    ("decode.affinity", AFFINITY % "{nodeSelectorTerms: []}"),
    ("decode.affinity", AFFINITY % (TERM % "key: a, operator: In")),
    ("decode.affinity", APART % ("required", "{topologyKey: ''}")),
    ("engine.livenessProbe", "engine: {livenessProbe: {}}"),
    ("engine.lifecycle", STOP % "exec: {}"),
    ("service", SERVICE % "type: ExternalName"),
    ("volumeClaims", OWN_CLAIM % f"accessModes: [], {SIZE}"),
    ("volumeClaims", OWN_CLAIM % "accessModes: [ReadWriteOnce]"),
    ("networkPolicy.from", POLICY % "{}"),
    ("networkPolicy.from", POLICY % "{podSelector: {matchExpressions: [{key: a, operator: In}]}}"),
    ("decode.autoscaling.metrics", METRIC % (PODS_METRIC % "type: AverageValue")),
    ("decode.autoscaling.metrics", METRIC % "type: Resource, pods: {metric: {name: a}, target: {type: Value, value: 4}}"),
    # Fields that exclude each other.
    ("decode.containers[0].env[0]", OWN_ENV % "name: A, value: b, valueFrom: {fieldRef: {fieldPath: status.podIP}}"),
    ("decode.tolerations", TOLERATION % "key: a, operator: Exists, value: b"),
    ("decode.tolerations", TOLERATION % "key: a, operator: Exists, effect: NoSchedule, tolerationSeconds: 3"),
    ("decode.affinity", AFFINITY % (TERM % "key: a, operator: Exists, values: [b]")),
    ("networkPolicy.from", POLICY % "{podSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}"),
    ("decode.strategy", "decode: {strategy: {type: Recreate, rollingUpdate: {maxSurge: 1}}}"),
    ("decode.volumes[0]", "decode: {volumes: [{name: v, emptyDir: {}, configMap: {name: x}}]}"),
    ("engine.env.A", VARIABLE % "fieldRef: {fieldPath: status.podIP}, secretKeyRef: {name: a, key: a}"),
    ("engine.securityContext", "engine: {securityContext: {privileged: true, allowPrivilegeEscalation: false}}"),
    ("engine.livenessProbe", "engine: {livenessProbe: {tcpSocket: {port: 8000}, exec: {command: [ls]}}}"),
    ("networkPolicy.from", "networkPolicy: {enabled: true, from: [{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]}"),
]  # fmt: skip

ACCEPTED = [
    SPREAD % "ScheduleAnyway, nodeTaintsPolicy: Honor, nodeAffinityPolicy: Ignore",
    "decode: {podSecurityContext: {seccompProfile: {type: RuntimeDefault}, fsGroup: 0, runAsUser: 0}}",
    AFFINITY % (NODES % "NotIn"),
    "decode: {tolerations: [{operator: Exists}, {key: a, operator: Equal, value: b, effect: NoExecute}]}",
    "decode: {extraConfig: {dnsPolicy: ClusterFirstWithHostNet, hostNetwork: true}}",
    "decode: {extraConfig: {dnsPolicy: None, dnsConfig: {nameservers: [10.0.0.1]}}}",
    "decode: {strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1}}}",
    "decode: {strategy: {type: Recreate}}",
    "decode: {workload: StatefulSet, updateStrategy: {type: OnDelete}}",
    "engine: {livenessProbe: {httpGet: {path: /, port: 8000, scheme: HTTPS}}}",
    "decode: {volumes: [{name: v, hostPath: {path: /v, type: ''}}, {name: w, hostPath: {path: /w, type: Directory}}]}",
    "decode: {volumes: [{name: v}, {name: w, projected: {sources: [{configMap: {name: a}}, {secret: {name: b}}]}}]}",
    "decode: {podAnnotations: {example.com/Team_1: x, UPPER.Case: b}}",
    VARIABLE % "secretKeyRef: {name: a.b-c, key: A_b.c}",
    POLICY % "{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16, 10.2.0.0/24]}}",
    EGRESS % "{port: 443, endPort: 443, protocol: TCP}, {port: dns}",
    CLAIM % "accessModes: [ReadWriteOncePod], resources: {requests: {storage: 1.5Ti}}",
    VARIABLE % "fieldRef: {fieldPath: \"metadata.labels['app.kubernetes.io/name']\"}",
    VARIABLE % "fieldRef: {fieldPath: status.hostIPs}",
    "engine: {securityContext: {privileged: false, allowPrivilegeEscalation: false}}",
    'networkPolicy: {enabled: true, from: [{ipBlock: {cidr: "fd00::/8"}}, {namespaceSelector: {}, podSelector: {}}]}',
    "engine: {livenessProbe: {tcpSocket: {port: 8000}, periodSeconds: 0}}",
    PROBE % "tcpSocket: {port: engine-1}, terminationGracePeriodSeconds: 1",
    STOP % "sleep: {seconds: 1}",
    "decode: {containers: [{ports: [{containerPort: 1, hostIP: 10.0.0.300}]}]}",
    RETENTION % "whenDeleted: Delete, whenScaled: Retain",
    UPDATE % "maxSurge: 200%, maxUnavailable: 100%",
    TOLERATION % "key: a, operator: Exists, effect: NoExecute, tolerationSeconds: 0",
    TOLERATION % "key: example.com/Team_1, value: b",
    AFFINITY % (TERM % "key: a, operator: Exists"),
    APART % ("preferred", "{weight: 100, podAffinityTerm: {topologyKey: z}}"),
    SPEC % "hostname: a, subdomain: b, hostAliases: [{ip: 'fd00::1', hostnames: [a]}]",
    VOLUME % "hostPath: {path: /a..b/c}",
    VOLUME % "secret: {secretName: s, defaultMode: 511, items: [{key: a, path: a../..b, mode: 0}]}",
    VOLUME % "emptyDir: {medium: Memory, sizeLimit: 1.5Gi}",
    SERVICE % "externalIPs: [10.0.0.3, 'fd00::1'], sessionAffinity: ClientIP, "
    "sessionAffinityConfig: {clientIP: {timeoutSeconds: 86400}}",
    SERVICE % "type: ExternalName, externalName: example.com",
    POLICY % "{podSelector: {}}, {namespaceSelector: {matchExpressions: [{key: a, operator: DoesNotExist}]}}",
    EGRESS % "{port: 65535, protocol: SCTP}, {protocol: UDP}",
    POLICIES % "type: Percent, value: 200, periodSeconds: 1800",
    BEHAVIOR % "scaleDown: {selectPolicy: Disabled, stabilizationWindowSeconds: 3600}",
    METRIC % (CPU % "type: Utilization, averageUtilization: 200"),
    METRIC % (CPU % "type: AverageValue, averageValue: 1500m"),
    METRIC % "type: External, external: {metric: {name: a}, target: {type: AverageValue, value: 4}}",
]
