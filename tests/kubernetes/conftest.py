"""The cluster under test: HAKGAL_TEST_KUBECONFIG's where it is set, else the practice world's own API server."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from console.core.plans import Good
from console.core.system import KubernetesTarget
from console.systems.kubernetes_connection import DEPLOYMENTS, KubernetesApi, KubernetesError, open_kubernetes
from tests.conftest import wait_until
from tests.kubernetes.cluster import BAD, NAMESPACES, NEW, SERVICE_ACCOUNTS, World, image
from tests.kubernetes.kubelet import ANY_POD, KubeletStandIn, has_ready_node
from tests.kubernetes.proxy import Proxy
from tests.kubernetes.rollback_run import good

HERE = Path(__file__).parent
# Real namespaces end some seconds after they are told to.
EMPTIED_WITHIN = 60.0
SLOW_CLUSTERS = 300


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.kubernetes)
            if "HAKGAL_TEST_KUBECONFIG" in os.environ and item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(SLOW_CLUSTERS))


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The kubeconfig of the cluster under test."""
    if given := os.environ.get("HAKGAL_TEST_KUBECONFIG"):
        yield Path(given).expanduser().absolute()
        return
    path = tmp_path_factory.mktemp("kube") / "kubeconfig"
    command = [sys.executable, "-m", "console.sandbox.kube", "--port", "0", "--kubeconfig", str(path), "--no-pods"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        drain = threading.Thread(target=process.stdout.read, daemon=True)
        drain.start()
        try:
            yield Path(json.loads(line)["kubeconfig"])
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()


@pytest.fixture(scope="session")
def stands_in(kubeconfig: Path) -> bool:
    """Whether pods must be reported as running by the tests, for no node will."""
    return not has_ready_node(open_kubernetes(KubernetesTarget(kubeconfig, None, "default", ())))


@pytest.fixture(scope="session")
def namespaces(kubeconfig: Path) -> Iterator[set[str]]:
    """The namespaces that tests have made; waits at the end for a cluster to have emptied them."""
    made: set[str] = set()
    yield made
    api = open_kubernetes(KubernetesTarget(kubeconfig, None, "default", ()))

    def left() -> set[str]:
        return made & {each["metadata"]["name"] for each in api.list(NAMESPACES)}

    try:
        wait_until(lambda: not left(), within=EMPTIED_WITHIN, every=0.2)
    except AssertionError:
        warnings.warn(f"the cluster has not deleted {', '.join(sorted(left()))} yet", stacklevel=1)
    api.close()


@pytest.fixture
def namespace(kubeconfig: Path, namespaces: set[str]) -> Iterator[str]:
    """A namespace of the test's own, deleted after it."""
    name = f"hakgal-test-{secrets.token_hex(4)}"
    api = open_kubernetes(KubernetesTarget(kubeconfig, None, name, ()))
    metadata = {"name": name, "labels": ANY_POD}
    api.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    namespaces.add(name)
    with suppress(KubernetesError):
        # Where pods need an account to be admitted, its controller may be late.
        api.create(SERVICE_ACCOUNTS, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}})
    yield name
    with suppress(KubernetesError):
        for each in api.list(DEPLOYMENTS):
            api.delete(DEPLOYMENTS, each["metadata"]["name"])
    with suppress(KubernetesError):
        api.delete(NAMESPACES, name)
    api.close()


@pytest.fixture
def api(kubeconfig: Path, namespace: str) -> Iterator[KubernetesApi]:
    """A connection straight to the cluster, looking at the test's namespace."""
    opened = open_kubernetes(KubernetesTarget(kubeconfig, None, namespace, ()))
    yield opened
    opened.close()


@pytest.fixture
def proxy(api: KubernetesApi, tmp_path: Path) -> Iterator[Proxy]:
    """A proxy in front of the cluster, with faults at the test's command."""
    proxy = Proxy(api, tmp_path)
    yield proxy
    proxy.close()


@pytest.fixture
def world(api: KubernetesApi, proxy: Proxy, namespace: str, stands_in: bool) -> Iterator[World]:
    """The namespace with whatever makes pods run in it."""
    stand_in = KubeletStandIn(api, frozenset({image(BAD)})) if stands_in else None
    yield World(api, proxy, namespace, kubelet=stand_in)
    if stand_in is not None:
        stand_in.stop()


@pytest.fixture
def upgraded(world: World) -> Good:
    """A Deployment on its second version; the first one is recorded good."""
    world.deploy(replicas=2)
    known = good(world)
    world.set_version(NEW)
    world.settled()
    return known


@pytest.fixture
def no_threads_left() -> Iterator[None]:
    """Fails where a source's thread outlives its stop by more than a moment."""
    before = set(threading.enumerate())
    yield

    def left() -> list[str]:
        mine = [thread for thread in threading.enumerate() if thread not in before and thread.is_alive()]
        return [each.name for each in mine if each.name.startswith(("source-", "watch-"))]

    wait_until(lambda: not left(), within=3, what=f"the end of {left()}")
