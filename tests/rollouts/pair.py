"""A small world for rollouts: a Deployment on an embedded API server, a health check, a plan of two phases."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from console.core.rollouts import machine
from console.core.rollouts.state import Rollout
from console.core.system import KubernetesTarget, System
from console.engine.books import Books
from console.engine.ledger import JournalLedger
from console.engine.planning import plan_of
from console.engine.rollouts import Rollouts
from console.journal.journal import Journal
from console.systems.kubernetes_connection import DEPLOYMENTS, KubernetesApi, Resource, open_kubernetes
from console.systems.loader import load_system

NAMESPACES = Resource("api/v1", "namespaces", namespaced=False)
AUTOSCALERS = Resource("apis/autoscaling/v2", "horizontalpodautoscalers")
REPLICAS = 4

SYSTEM = """
name: pair
title: Pair
pace: {{speed: {speed}, since: "{since}"}}
environments:
  live:
    tone: sandbox
    target: v2
    kubernetes:
      kubeconfig: {kubeconfig}
      namespace: {namespace}
      workloads:
        - {{deployment: app, container: app}}
        - {{deployment: app-canary, container: app, optional: true}}
    health:
      api: {{url: "tcp://127.0.0.1:{port}", every: 2s, timeout: 1s}}
metrics:
  api_failures: {{title: failed checks, unit: count, health: api, step: 2s}}
"""

PLAN = """
name: release
title: Release
promotion: {promotion}
outage: {{tolerance: 10h, grace: 5m}}
strategy: {{canary: {{stable: app, canary: app-canary, container: app}}}}
autoscaler: freeze
rollback_when: [api fails 2 times]
phases:
  - name: one-pod
    environment: live
    share: 1 pod
    set: {{AUDIT_LEVEL: FULL}}
    later: [{{after: 30m, set: {{AUDIT_LEVEL: INFO}}}}]
    soak: 1h
    gates: [api_failures < 1]
  - name: all
    environment: live
    share: 100%
    set: {{AUDIT_LEVEL: INFO}}
    soak: 30m
    gates: [api_failures < 1]
"""


@dataclass(frozen=True, slots=True)
class Server:
    """An embedded API server with pods that pretend to run."""

    kubeconfig: Path
    process: subprocess.Popen[str]


@contextmanager
def running_server(folder: Path) -> Iterator[Server]:
    """The server, in a process of its own."""
    path = folder / "kubeconfig"
    command = [sys.executable, "-m", "console.sandbox.kube", "--kubeconfig", str(path), "--ready-after", "0.05"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        json.loads(process.stdout.readline())
        threading.Thread(target=process.stdout.read, daemon=True).start()
        try:
            yield Server(path, process)
        finally:
            process.terminate()
            process.wait(10)


class Health:
    """What the health check connects to. Closed, every check fails; open again, they pass."""

    def __init__(self) -> None:
        self._listener: socket.socket | None = None
        self.port = 0
        self.open()

    def open(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        if self._listener is not None:
            # Closing alone would leave the thread in accept, and the port open with it.
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    @staticmethod
    def _accept(listener: socket.socket) -> None:
        while True:
            try:
                listener.accept()[0].close()
            except OSError:
                return


@contextmanager
def listening() -> Iterator[Health]:
    """A health check's other end."""
    health = Health()
    try:
        yield health
    finally:
        health.close()


@dataclass(frozen=True, slots=True)
class Pair:
    """One namespace with its Deployment, and the files of a system that operates it."""

    folder: Path
    namespace: str
    api: KubernetesApi

    @property
    def system(self) -> System:
        return load_system(self.folder)

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def journal(self) -> Journal:
        self.state.mkdir(exist_ok=True)
        return Journal.open(self.state / "journal.db", clock=lambda: datetime.now(UTC))

    def begin(self) -> str:
        """Write the fact that a person starts the plan, and start no watcher; the rollout's id."""
        self.state.mkdir(exist_ok=True)
        books = Books(self.state, self.system, self.system.environments[0], clock=lambda: datetime.now(UTC))
        books.open()
        rollouts = Rollouts(
            self.system,
            books,
            folder=self.state,
            person="tester@here",
            clock=lambda: datetime.now(UTC),
            environ=os.environ,
            read_only=False,
        )
        rollouts.begin("release", "pair")
        rollouts.close()
        books.close("the test began it")
        return self.rollout().id

    def rollout(self) -> Rollout:
        """The newest rollout as the journal has it."""
        journal = self.journal()
        try:
            begun = list(journal.events(kinds=("rollout.started",)))[-1]
            plan = plan_of(self.system, begun.body)
            ledger = JournalLedger(
                journal, str(begun.body["rollout"]), subject="pair", by="test", pace=self.system.pace
            )
            found = machine.folded(plan, ledger.since(0))
            assert found is not None
            return found
        finally:
            journal.close()

    def deployment(self, name: str) -> dict[str, Any]:
        return self.api.get(DEPLOYMENTS, name, namespace=self.namespace)

    def live(self) -> dict[str, tuple[str, int, str]]:
        """Deployment to image, replicas and audit level: what a rollout is to change."""
        found = {}
        for each in self.api.list(DEPLOYMENTS, namespace=self.namespace):
            container = each["spec"]["template"]["spec"]["containers"][0]
            level = next((one["value"] for one in container.get("env", []) if one["name"] == "AUDIT_LEVEL"), "")
            found[each["metadata"]["name"]] = (container["image"], each["spec"]["replicas"], level)
        return found

    def generations(self) -> dict[str, int]:
        """How often each Deployment's spec was changed."""
        found = self.api.list(DEPLOYMENTS, namespace=self.namespace)
        return {each["metadata"]["name"]: each["metadata"]["generation"] for each in found}

    def bounds(self) -> tuple[int, int]:
        spec = self.api.get(AUTOSCALERS, "app", namespace=self.namespace)["spec"]
        return spec["minReplicas"], spec["maxReplicas"]


def make_pair(
    server: Server, folder: Path, namespace: str, port: int, *, speed: int = 3600, promotion: str = "automatic"
) -> Pair:
    """A Deployment of four pods on v1 with an autoscaler, ready, and the files."""
    folder.mkdir(parents=True, exist_ok=True)
    api = open_kubernetes(KubernetesTarget(server.kubeconfig, None, namespace, ()))
    api.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    api.create(DEPLOYMENTS, _deployment(), namespace=namespace)
    api.create(AUTOSCALERS, _autoscaler(), namespace=namespace)
    since = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    (folder / "system.yaml").write_text(
        SYSTEM.format(speed=speed, since=since, kubeconfig=server.kubeconfig, namespace=namespace, port=port)
    )
    (folder / "release.rollout.yaml").write_text(PLAN.format(promotion=promotion))
    return Pair(folder, namespace, api)


def _deployment() -> dict[str, Any]:
    labels = {"app": "app"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "app", "labels": labels},
        "spec": {
            "replicas": REPLICAS,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "app:v1"}]}},
        },
    }


def _autoscaler() -> dict[str, Any]:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "app"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"},
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
