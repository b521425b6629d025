"""Values that the schema and the chart accept, and the API server does not: by the values key that is wrong."""

NODES = "{nodeSelectorTerms: [{matchExpressions: [{key: a, operator: %s, values: [b]}]}]}"
AFFINITY = "decode: {affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: %s}}}"
PODS = "{matchExpressions: [{key: a, operator: in, values: [b]}]}"
SPREAD = "decode: {topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: %s}]}"
VARIABLE = "engine: {env: {A: {valueFrom: {%s}}}}"
POLICY = "networkPolicy: {enabled: true, from: [%s]}"
EGRESS = "networkPolicy: {enabled: true, egress: [{ports: [%s]}]}"
CLAIM = "decode: {workload: StatefulSet, volumeClaimTemplates: [{name: data, spec: {%s}}]}"
OWN_CLAIM = "volumeClaims: {c: {spec: {%s}}}"

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
    # Forms.
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
    # Fields that exclude each other.
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
]
