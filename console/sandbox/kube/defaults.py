"""The defaults a real API server writes into objects, so that reading back and comparing work as they do there."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping

from console.sandbox.kube.objects import Obj

CLUSTER_NETWORK = "10.96"


def _probe(probe: Obj) -> None:
    probe.setdefault("timeoutSeconds", 1)
    probe.setdefault("periodSeconds", 10)
    probe.setdefault("successThreshold", 1)
    probe.setdefault("failureThreshold", 3)
    if request := probe.get("httpGet"):
        request.setdefault("path", "/")
        request.setdefault("scheme", "HTTP")


def _container(container: Obj) -> None:
    image = str(container.get("image") or "")
    untagged = ":" not in image.rpartition("/")[2] and "@" not in image
    latest = untagged or image.endswith(":latest")
    container.setdefault("imagePullPolicy", "Always" if latest else "IfNotPresent")
    container.setdefault("resources", {})
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    for port in container.get("ports") or ():
        if isinstance(port, dict):
            port.setdefault("protocol", "TCP")
    for variable in container.get("env") or ():
        source = variable.get("valueFrom") if isinstance(variable, dict) else None
        if isinstance(source, dict) and isinstance(source.get("fieldRef"), dict):
            source["fieldRef"].setdefault("apiVersion", "v1")
        if isinstance(variable, dict) and variable.get("value") == "":
            del variable["value"]
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if isinstance(container.get(name), dict):
            _probe(container[name])


def pod_spec(spec: Obj) -> None:
    """Defaults of a PodSpec, in place."""
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("securityContext", {})
    spec.setdefault("schedulerName", "default-scheduler")
    if account := spec.get("serviceAccountName"):
        spec.setdefault("serviceAccount", account)
    for name in ("containers", "initContainers"):
        for container in spec.get(name) or ():
            if isinstance(container, dict):
                _container(container)
    for volume in spec.get("volumes") or ():
        for source in ("configMap", "secret"):
            if isinstance(volume.get(source), dict):
                volume[source].setdefault("defaultMode", 420)
        if len(volume) == 1:
            volume["emptyDir"] = {}


def _template(spec: Obj) -> None:
    template = spec.setdefault("template", {})
    if isinstance(template, dict):
        metadata = template.setdefault("metadata", {})
        if isinstance(metadata, dict):
            metadata.setdefault("creationTimestamp", None)
        if isinstance(template.setdefault("spec", {}), dict):
            pod_spec(template["spec"])


def _deployment(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    _nullable(spec, "replicas", 1)
    _nullable(spec, "revisionHistoryLimit", 10)
    _nullable(spec, "progressDeadlineSeconds", 600)
    strategy = spec.setdefault("strategy", {})
    if isinstance(strategy, dict):
        strategy.setdefault("type", "RollingUpdate")
        if strategy["type"] == "RollingUpdate":
            rolling = strategy.setdefault("rollingUpdate", {})
            if isinstance(rolling, dict):
                rolling.setdefault("maxUnavailable", "25%")
                rolling.setdefault("maxSurge", "25%")
    _template(spec)


def _nullable(spec: Obj, name: str, value: object) -> None:
    if spec.get(name) is None:
        spec[name] = value


def _replica_set(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    _nullable(spec, "replicas", 1)
    _template(spec)


def _pod(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    pod_spec(spec)
    spec.setdefault("serviceAccountName", "default")
    spec.setdefault("serviceAccount", spec["serviceAccountName"])
    spec.setdefault("enableServiceLinks", True)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    spec.setdefault("priority", 0)


def _service(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    if spec["type"] != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")
        spec.setdefault("ipFamilies", ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "SingleStack")
    for port in spec.get("ports") or ():
        if isinstance(port, dict):
            port.setdefault("protocol", "TCP")
            port.setdefault("targetPort", port.get("port"))


def _endpoints(obj: Obj) -> None:
    for subset in obj.get("subsets") or ():
        for port in subset.get("ports") or ():
            port.setdefault("protocol", "TCP")


def _secret(obj: Obj) -> None:
    obj.setdefault("type", "Opaque")
    if plain := obj.pop("stringData", None):
        data = obj.setdefault("data", {}) or {}
        data.update({key: base64.b64encode(str(value).encode()).decode() for key, value in plain.items()})
        obj["data"] = data


def _namespace(obj: Obj) -> None:
    labels = obj["metadata"].setdefault("labels", {})
    labels["kubernetes.io/metadata.name"] = obj["metadata"].get("name", "")
    spec = obj.setdefault("spec", {}) or {}
    obj["spec"] = spec
    spec.setdefault("finalizers", ["kubernetes"])


def _autoscaler(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("minReplicas", 1)
    if not spec.get("metrics"):
        utilization = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": utilization}}]


def _job(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    for name, value in {
        "parallelism": 1,
        "completions": 1,
        "backoffLimit": 6,
        "completionMode": "NonIndexed",
        "suspend": False,
        "manualSelector": False,
        "podReplacementPolicy": "TerminatingOrFailed",
    }.items():
        spec.setdefault(name, value)
    _template(spec)


def _http_route(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    for parent in spec.get("parentRefs") or ():
        parent.setdefault("group", "gateway.networking.k8s.io")
        parent.setdefault("kind", "Gateway")
    for rule in spec.setdefault("rules", [{}]) or ():
        if not isinstance(rule, dict):
            continue
        for match in rule.setdefault("matches", [{}]) or ():
            path = match.setdefault("path", {})
            path.setdefault("type", "PathPrefix")
            path.setdefault("value", "/")
        for backend in rule.get("backendRefs") or ():
            backend.setdefault("group", "")
            backend.setdefault("kind", "Service")
            backend.setdefault("weight", 1)


def _event(obj: Obj) -> None:
    obj.setdefault("type", "Normal")
    obj.setdefault("source", {})
    obj.setdefault("reportingComponent", "")
    obj.setdefault("reportingInstance", "")


_BY_STORE: Mapping[str, Callable[[Obj], None]] = {
    "deployments.apps": _deployment,
    "replicasets.apps": _replica_set,
    "pods": _pod,
    "services": _service,
    "endpoints": _endpoints,
    "secrets": _secret,
    "namespaces": _namespace,
    "horizontalpodautoscalers": _autoscaler,
    "jobs.batch": _job,
    "events": _event,
    "httproutes.gateway.networking.k8s.io": _http_route,
}


def set_defaults(store: str, obj: Obj) -> None:
    """Write the defaults of a stored kind into the object, in place."""
    if default := _BY_STORE.get(store):
        default(obj)


def initial_status(store: str) -> Obj | None:
    """The status of a new object; None for kinds without one."""
    if store == "pods":
        return {"phase": "Pending", "qosClass": "BestEffort"}
    if store == "namespaces":
        return {"phase": "Active"}
    if store == "services":
        return {"loadBalancer": {}}
    if store == "replicasets.apps":
        return {"replicas": 0}
    if store == "horizontalpodautoscalers":
        return {"currentMetrics": None, "desiredReplicas": 0}
    if store in ("deployments.apps", "jobs.batch", "rollouts.argoproj.io", "httproutes.gateway.networking.k8s.io"):
        return {}
    return None
