"""The connection over TLS, as every real cluster has it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from console.core.system import KubernetesTarget
from console.systems.kubernetes_connection import (
    DEPLOYMENTS,
    MERGE_PATCH,
    KubernetesApi,
    KubernetesError,
    open_kubernetes,
)
from tests.conftest import wait_until
from tests.kubernetes.cluster import CONFIG_MAPS
from tests.kubernetes.proxy import Proxy
from tests.kubernetes.tls import TlsFront

ONE = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": {"a": "1"}}


@pytest.fixture
def front(proxy: Proxy, tmp_path: Path) -> Iterator[TlsFront]:
    front = TlsFront(proxy, tmp_path)
    yield front
    front.close()


def connect(path: Path, api: KubernetesApi) -> KubernetesApi:
    return open_kubernetes(KubernetesTarget(path, None, api.namespace, ()))


def test_a_kubeconfig_with_certificates_in_it_is_enough(api: KubernetesApi, front: TlsFront) -> None:
    api.create(CONFIG_MAPS, ONE)
    assert connect(front.kubeconfig(), api).get(CONFIG_MAPS, "one")["data"] == {"a": "1"}


def test_a_certificate_that_is_not_trusted_says_so(api: KubernetesApi, front: TlsFront) -> None:
    with pytest.raises(KubernetesError) as error:
        connect(front.kubeconfig(trusted=False), api).get(DEPLOYMENTS, "x")
    assert error.value.reason == "TLS"
    said = "its certificate is not trusted (self-signed certificate); check the cluster's certificate-authority"
    assert said in str(error.value)


def test_a_client_certificate_that_is_missing_says_so(api: KubernetesApi, front: TlsFront) -> None:
    with pytest.raises(KubernetesError) as error:
        connect(front.kubeconfig(with_certificate=False), api).get(DEPLOYMENTS, "x")
    host = front.url.removeprefix("https://")
    assert str(error.value).startswith(f"kubernetes {host}: GET deployments/x in {api.namespace}: ")
    assert "it does not accept the client certificate" in str(error.value)
    assert str(error.value).endswith("log in to the cluster again")


def test_a_watch_over_tls_ends_when_it_is_closed_from_another_thread(api: KubernetesApi, front: TlsFront) -> None:
    *_, last = api.pages(CONFIG_MAPS)
    through = connect(front.kubeconfig(), api)
    stream = through.watch(CONFIG_MAPS, resource_version=last["metadata"]["resourceVersion"], seconds=60)
    seen: list[str] = []
    failures: list[Exception] = []

    def read() -> None:
        try:
            seen.extend(event["type"] for event in iterate())
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    def iterate() -> Iterator[dict[str, str]]:
        for event in stream.events():
            seen.append(event["object"]["metadata"]["name"])
            yield event

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    api.create(CONFIG_MAPS, ONE)
    wait_until(lambda: "one" in seen, what="the event")
    stream.close()
    reader.join(5)
    assert not reader.is_alive()
    assert not failures


def test_a_watch_over_tls_that_is_cut_is_a_lost_connection_and_no_fault_of_tls(
    api: KubernetesApi, front: TlsFront
) -> None:
    *_, last = api.pages(CONFIG_MAPS)
    through = connect(front.kubeconfig(), api)
    stream = through.watch(CONFIG_MAPS, resource_version=last["metadata"]["resourceVersion"], seconds=60)
    threading.Timer(0.1, front.cut).start()
    with pytest.raises(KubernetesError) as error:
        list(stream.events())
    assert error.value.reason == "Disconnected"


def test_a_write_over_tls_whose_answer_is_lost_is_called_unknown(
    api: KubernetesApi, proxy: Proxy, front: TlsFront
) -> None:
    api.create(CONFIG_MAPS, ONE)
    proxy.lose_answer(lambda request: request.method == "PATCH")
    with pytest.raises(KubernetesError) as error:
        connect(front.kubeconfig(), api).patch(CONFIG_MAPS, "one", {"data": {"a": "2"}}, content_type=MERGE_PATCH)
    assert (error.value.reason, error.value.unknown) == ("Disconnected", True)
    assert api.get(CONFIG_MAPS, "one")["data"] == {"a": "2"}


def test_a_server_that_goes_away_during_the_handshake_is_a_lost_connection(
    api: KubernetesApi, front: TlsFront, tmp_path: Path
) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def hang_up() -> None:
        with suppress(OSError):
            while True:
                accepted, _ = listener.accept()
                accepted.recv(65536)
                accepted.close()

    threading.Thread(target=hang_up, daemon=True).start()
    path = front.kubeconfig()
    path.write_text(path.read_text().replace(front.url, f"https://127.0.0.1:{listener.getsockname()[1]}"))
    with pytest.raises(KubernetesError) as error:
        connect(path, api).patch(DEPLOYMENTS, "x", {}, content_type=MERGE_PATCH)
    assert error.value.reason == "Disconnected"
    listener.close()
