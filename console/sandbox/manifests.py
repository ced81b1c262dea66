"""What is applied to the sandbox's cluster: hak-gal as its protocol deploys it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

NAMESPACE = "hak-gal"
NAME = "hak-gal"
REPLICAS = 6
CHANGE_CAUSE = "kubernetes.io/change-cause"
LABELS = {"app": NAME}
HTTP_PORT = 8080
METRICS_PORT = 9102


def namespace() -> dict[str, Any]:
    """The namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}


def settings() -> dict[str, Any]:
    """The ConfigMap that the pods' environment comes from."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": LABELS},
        "data": {"RATE_LIMIT_PER_MINUTE": "60"},
    }


def redis_secret(values: Mapping[str, str]) -> dict[str, Any]:
    """The Secret with the address and the password of Redis."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "hak-gal-redis", "namespace": NAMESPACE, "labels": LABELS},
        "type": "Opaque",
        "data": {name: base64.b64encode(value.encode()).decode() for name, value in values.items()},
    }


def service() -> dict[str, Any]:
    """The Service, with sticky sessions as the protocol asks in production."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": LABELS},
        "spec": {
            "selector": LABELS,
            "sessionAffinity": "ClientIP",
            "ports": [
                {"name": "http", "port": 80, "targetPort": "http"},
                {"name": "metrics", "port": METRICS_PORT, "targetPort": "metrics"},
            ],
        },
    }


def autoscaler() -> dict[str, Any]:
    """The autoscaler's bounds; nothing in the sandbox scales by it."""
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": LABELS},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME},
            "minReplicas": 3,
            "maxReplicas": 12,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
                }
            ],
        },
    }


def deployment(version: str, replicas: int) -> dict[str, Any]:
    """The Deployment at a version."""
    probe = {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 1, "timeoutSeconds": 1}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": NAME,
            "namespace": NAMESPACE,
            "labels": LABELS,
            "annotations": {CHANGE_CAUSE: f"deploy {version}"},
        },
        "spec": {
            "replicas": replicas,
            "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 60,
            "selector": {"matchLabels": LABELS},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "template": {
                "metadata": {"labels": LABELS},
                "spec": {
                    "terminationGracePeriodSeconds": 5,
                    "containers": [
                        {
                            "name": NAME,
                            "image": f"hak-gal:{version}",
                            "imagePullPolicy": "IfNotPresent",
                            "envFrom": [
                                {"configMapRef": {"name": NAME}},
                                {"secretRef": {"name": "hak-gal-redis"}},
                            ],
                            "env": [{"name": "AUDIT_LEVEL", "value": "INFO"}],
                            "ports": [
                                {"name": "http", "containerPort": HTTP_PORT},
                                {"name": "metrics", "containerPort": METRICS_PORT},
                            ],
                            "readinessProbe": probe,
                            "livenessProbe": {**probe, "failureThreshold": 3},
                            "resources": {
                                "requests": {"cpu": "100m", "memory": "128Mi"},
                                "limits": {"memory": "256Mi"},
                            },
                        }
                    ],
                },
            },
        },
    }
