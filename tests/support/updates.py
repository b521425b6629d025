"""Limits of updates for every kind of workload, and whether an update could begin."""

from __future__ import annotations

from typing import Any

PODS = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i:v1"}]}}

STUCK = [
    # kind, replicas, maxUnavailable, maxSurge, whether an update could begin; None: not given
    ("Deployment", 3, 0, 0, False),
    ("Deployment", 3, "0%", 0, False),
    ("Deployment", 3, "20%", 0, True),  # Kubernetes rounds up where both are 0
    ("Deployment", 3, 0, "20%", True),
    ("Deployment", 3, 0, None, True),
    ("StatefulSet", 3, 0, None, True),  # ignored without the feature gate MaxUnavailableStatefulSet
    ("StatefulSet", 3, 1, None, True),
    ("LeaderWorkerSet", 3, 0, None, False),
    ("LeaderWorkerSet", 3, 0, 0, False),
    ("LeaderWorkerSet", 3, "20%", None, False),
    ("LeaderWorkerSet", 3, "20%", "0%", False),
    ("LeaderWorkerSet", 3, "20%", "1%", True),
    ("LeaderWorkerSet", 3, "34%", None, True),
    ("LeaderWorkerSet", 5, "20%", None, True),
    ("LeaderWorkerSet", None, "50%", None, False),
    ("LeaderWorkerSet", 0, 0, 0, True),
    ("LeaderWorkerSet", 3, None, None, True),
]


def workload(kind: str, replicas: int | None, limits: dict[str, Any]) -> dict[str, Any]:
    """A workload of a kind with limits of its update."""
    spec: dict[str, Any] = {} if replicas is None else {"replicas": replicas}
    if kind == "LeaderWorkerSet":
        spec |= {"leaderWorkerTemplate": {"size": 2, "workerTemplate": PODS}}
        spec |= {"rolloutStrategy": {"rollingUpdateConfiguration": limits}}
    else:
        spec |= {"selector": {"matchLabels": {"a": "b"}}, "template": PODS}
        spec["strategy" if kind == "Deployment" else "updateStrategy"] = {"rollingUpdate": limits}
    api = "leaderworkerset.x-k8s.io/v1" if kind == "LeaderWorkerSet" else "apps/v1"
    return {"apiVersion": api, "kind": kind, "metadata": {"name": "w"}, "spec": spec}
