"""What is applied to the sandbox's cluster: a system as its sandbox.yaml describes it."""

from __future__ import annotations

import base64
import copy
from collections.abc import Mapping
from typing import Any

from console.sandbox.world_file import AutoscalerSpec, DeploymentSpec, ServiceSpec, WorldFile

CHANGE_CAUSE = "kubernetes.io/change-cause"
HTTP_PORT = 8080
METRICS_PORT = 9102

Json = dict[str, Any]


class Manifests:
    """The objects of one namespace."""

    def __init__(self, world: WorldFile, namespace: str) -> None:
        self._world = world
        self._namespace = namespace

    def namespace(self) -> Json:
        """The namespace."""
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self._namespace}}

    def settings(self) -> Json:
        """The ConfigMap that the pods' environment comes from."""
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": self._metadata(self._world.image),
            "data": dict(self._world.config),
        }

    def redis_secret(self, values: Mapping[str, str]) -> Json:
        """The Secret with the address and the password of Redis."""
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": self._metadata(f"{self._world.image}-redis"),
            "type": "Opaque",
            "data": {name: base64.b64encode(value.encode()).decode() for name, value in values.items()},
        }

    def service(self, spec: ServiceSpec) -> Json:
        """A Service."""
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": self._metadata(spec.name),
            "spec": {
                "selector": dict(spec.selector),
                **({"sessionAffinity": "ClientIP"} if spec.sticky else {}),
                "ports": [
                    {"name": "http", "port": 80, "targetPort": "http"},
                    {"name": "metrics", "port": METRICS_PORT, "targetPort": "metrics"},
                ],
            },
        }

    def autoscaler(self, spec: AutoscalerSpec) -> Json:
        """An autoscaler's bounds; nothing in the sandbox scales by load."""
        return {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": self._metadata(spec.deployment),
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": spec.deployment},
                "minReplicas": spec.least,
                "maxReplicas": spec.most,
                "metrics": [
                    {
                        "type": "Resource",
                        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
                    }
                ],
            },
        }

    def deployment(self, spec: DeploymentSpec, version: str, replicas: int) -> Json:
        """A Deployment at a version."""
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {**self._metadata(spec.name), "annotations": {CHANGE_CAUSE: f"deploy {version}"}},
            "spec": {
                "replicas": replicas,
                "revisionHistoryLimit": 10,
                "progressDeadlineSeconds": 60,
                "selector": {"matchLabels": dict(spec.labels)},
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
                "template": self.template(spec.labels, spec.container, version, spec.env),
            },
        }

    def own(self, told: Json) -> Json:
        """A whole manifest of the file; the pod template of an Argo Rollout is filled up to one that runs here."""
        made = copy.deepcopy(told)
        made["metadata"] = {**made.get("metadata", {}), "namespace": self._namespace}
        if made.get("kind") == "Rollout":
            spec = made["spec"]
            template = spec.pop("template", {})
            labels = spec.setdefault("selector", {}).setdefault("matchLabels", {"app": made["metadata"]["name"]})
            spec["template"] = self.template(
                labels, template.get("container", self._world.image), self._world.current, template.get("env", {})
            )
        return made

    def template(self, labels: Mapping[str, str], container: str, version: str, env: Mapping[str, str]) -> Json:
        """A pod template of the sample app at a version."""
        probe = {"httpGet": {"path": self._world.health[0], "port": "http"}, "periodSeconds": 1, "timeoutSeconds": 1}
        image = self._world.image
        return {
            "metadata": {"labels": dict(labels)},
            "spec": {
                "terminationGracePeriodSeconds": 5,
                "containers": [
                    {
                        "name": container,
                        "image": f"{image}:{version}",
                        "imagePullPolicy": "IfNotPresent",
                        "envFrom": [{"configMapRef": {"name": image}}, {"secretRef": {"name": f"{image}-redis"}}],
                        "env": [{"name": name, "value": value} for name, value in env.items()],
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
        }

    def bystander(self, name: str, image: str, app: str) -> Json:
        """A pod that is not the system's own."""
        labels = {"app": app, "cluster-name": app}
        container = {"name": app, "image": image, "envFrom": [{"secretRef": {"name": f"{self._world.image}-redis"}}]}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": self._namespace, "labels": labels},
            "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
        }

    def _metadata(self, name: str) -> Json:
        return {"name": name, "namespace": self._namespace, "labels": {"app": self._world.image}}
