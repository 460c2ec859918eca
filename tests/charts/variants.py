"""Installations worth checking: every value that changes what is rendered is used by one of them."""

from typing import Any

Values = dict[str, Any]

_MODELS = [
    {"name": "tracker", "filter": "streaming_kalman", "config": {"interval": 0.8}},
    {"name": "streaming_kalman", "filter": "streaming_kalman"},
]
_SHARED: Values = {"replicas": 3, "store": {"url": "valkeys+cluster://valkey.data:6379"}}
_MUTUAL: Values = {"tls": {"secretName": "tls", "clientCaKey": "ca.crt", "clientSecretName": "probe-tls"}}

_SIDECAR = {"proxy.istio.io/config": '{"holdApplicationUntilProxyStarts": true}'}

VARIANTS: dict[str, Values] = {
    "default": {},
    "named": {"name": "tracker", "image": {"repository": "registry.example/stream-filters", "tag": "1.2"}},
    "models": {"models": _MODELS, "settings": {"ttl_seconds": 3_600, "log_level": "info", "compute_threads": 3}},
    "runtime": {"runtime": {"enabled": True}, "token": {"secretName": "token"}},
    "boolean-name": {"name": "y", "restart": "1", "valkey": {"enabled": True, "password": "123"}},
    "affinity-gateway": {**_SHARED, "affinity": "envoy-gateway", "host": "0.0.0.0"},  # noqa: S104
    "affinity-mesh": {**_SHARED, "affinity": "istio", "podAnnotations": _SIDECAR},
    "openshift": {"fixedUser": False, "valkey": {"enabled": True}},
    "closed-egress": {
        "runtime": {"enabled": True, "storageUri": "http://files.example:9000/filters.tar"},
        "store": {"url": "valkey+sentinel://one:26379,two:26379/main"},
        "networkPolicy": {
            "enabled": True,
            "storePorts": [26379, 6379],
            "dnsPorts": [53, 5353],
            "extraEgress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 443}]}],
        },
    },
    "public-certificate": {"tls": {"secretName": "tls", "serverName": "filters.example"}},
    "runtime-storage": {"runtime": {"enabled": True, "storageUri": "s3://models/stream-filters"}},
    "valkey": {"replicas": 2, "valkey": {"enabled": True}, "networkPolicy": {"enabled": True}},
    "valkey-password": {"valkey": {"enabled": True, "passwordSecretName": "valkey-password"}},
    "store-url": _SHARED,
    "store-secret": {"replicas": 2, "store": {"secretName": "store"}, "networkPolicy": {"enabled": True}},
    "hpa": {**_SHARED, "autoscaling": {"class": "hpa", "maxReplicas": 6}},
    "keda": {**_SHARED, "autoscaling": {"class": "keda"}},
    "keda-prometheus": {
        **_SHARED,
        "autoscaling": {"class": "keda", "prometheus": {"serverAddress": "http://prometheus.monitoring:9090"}},
    },
    "external": {**_SHARED, "autoscaling": {"class": "external"}},
    "tls": {"tls": {"secretName": "tls"}, "monitor": {"kind": "ServiceMonitor", "labels": {"release": "prometheus"}}},
    "mutual-tls": {**_MUTUAL, "monitor": {"kind": "PodMonitor"}},
    "token": {"token": {"secretName": "token"}, "monitor": {"kind": "PodMonitor"}},
    "everything": {
        **_MUTUAL,
        "replicas": 2,
        "models": _MODELS,
        "imagePullSecrets": ["registry"],
        "runtime": {"enabled": True, "storageUri": "pvc://models/stream-filters"},
        "autoscaling": {"class": "hpa"},
        "valkey": {"enabled": True, "passwordSecretName": "pw", "persistence": {"storageClassName": "fast"}},
        "token": {"secretName": "token"},
        "shutdown": {"preStopSeconds": 15, "drainSeconds": 20, "graceSeconds": 60},
        "headlessService": {"enabled": True},
        "podDisruptionBudget": {"enabled": True},
        "networkPolicy": {"enabled": True, "fromNamespaces": [{"kubernetes.io/metadata.name": "gateway"}]},
        "monitor": {"kind": "ServiceMonitor"},
        "dashboard": {"enabled": True},
        "serviceAccountName": "predictor",
        "podLabels": {"team": "tracking"},
        "podAnnotations": {"sidecar.istio.io/inject": "false"},
        "nodeSelector": {"kubernetes.io/arch": "amd64"},
        "tolerations": [{"key": "filters", "operator": "Exists", "effect": "NoSchedule"}],
        "resources": {"requests": {"cpu": "500m"}, "limits": {"cpu": "2500m"}},
    },
    "knative": {"mode": "Knative"},
    "knative-token": {
        "mode": "Knative",
        "token": {"secretName": "token"},
        "valkey": {"enabled": True},
        "podDisruptionBudget": {"enabled": True},
    },
}
