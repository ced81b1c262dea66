"""A cluster that cannot be reached at all: a failed reading that says why, and is tried again."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from console.core.system import WorkloadTarget
from console.sources.kubernetes import KubernetesSource
from console.systems.kubernetes_connection import KubernetesError, open_kubernetes
from tests.conftest import free_port, wait_until
from tests.kubernetes.cluster import NAME, World, utc_now
from tests.kubernetes.proxy import Proxy

pytestmark = pytest.mark.usefixtures("no_threads_left")


def test_a_connection_that_cannot_be_opened_is_a_failed_reading_and_tried_again(world: World, proxy: Proxy) -> None:
    world.deploy(replicas=0)
    target = proxy.target(WorkloadTarget(NAME, None))
    opened = threading.Event()

    def open_api() -> Any:
        if not opened.is_set():
            raise KubernetesError(0, "Configuration", "kubernetes (config): the file does not exist")
        return open_kubernetes(target)

    source = KubernetesSource(open_api, target, clock=utc_now)
    source.start(lambda: None)
    wait_until(lambda: source.reading.error, what="the error")
    assert source.reading.error == "kubernetes (config): the file does not exist"
    opened.set()
    source.refresh()
    wait_until(lambda: source.reading.value, what="the value")
    source.stop()


def test_a_server_that_is_not_there_is_named_with_its_address(tmp_path: Any, proxy: Proxy) -> None:
    target = proxy.target(WorkloadTarget(NAME, None))
    assert target.kubeconfig is not None
    port = free_port()
    target.kubeconfig.write_text(target.kubeconfig.read_text().replace(proxy.url, f"http://127.0.0.1:{port}"))
    source = KubernetesSource(lambda: open_kubernetes(target), target, clock=utc_now)
    source.start(lambda: None)
    wait_until(lambda: source.reading.error, what="the error")
    assert f"kubernetes 127.0.0.1:{port}: " in str(source.reading.error)
    assert "connection refused" in str(source.reading.error)
    source.stop()
