"""The log of a pod as it is written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from console.sources.base import SourceError
from console.sources.pod_logs import open_stream
from console.systems.kubernetes_connection import PODS, KubernetesApi
from tests.kubernetes.cluster import image
from tests.kubernetes.proxy import Proxy, Request, status_body

SINCE = datetime(2026, 3, 4, 12, 0, 1, 500000, tzinfo=UTC)


@pytest.fixture
def pod(world: Any, api: KubernetesApi) -> Iterator[str]:
    """A pod with two containers; kubectl's annotation names the second."""
    api.create(
        PODS,
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "talker", "annotations": {"kubectl.kubernetes.io/default-container": "firewall"}},
            "spec": {
                "automountServiceAccountToken": False,
                "terminationGracePeriodSeconds": 0,
                "containers": [
                    {"name": "sidecar", "image": image("3.9")},
                    {"name": "firewall", "image": image("3.10")},
                ],
            },
        },
    )
    yield "talker"
    api.delete(PODS, "talker")


def is_log(request: Request) -> bool:
    return request.path.endswith("/log")


def speak(proxy: Proxy, *pieces: bytes, ends: bool = True) -> None:
    def act(handler: Any, _request: Request) -> None:
        handler.begin_stream(200, "text/plain")
        for piece in pieces:
            handler.piece(piece)
        if ends:
            handler.piece(b"")
        else:
            handler.hang_up()

    proxy.rule(is_log, act)


def test_the_main_containers_log_is_followed_from_the_time_asked(proxy: Proxy, pod: str) -> None:
    speak(proxy, b"2026 INFO on", b"e\n", b"2026 WARN two\n")
    through = proxy.api()
    pieces = open_stream(through, through.namespace, pod, SINCE)
    assert b"".join(pieces) == b"2026 INFO one\n2026 WARN two\n"
    assert proxy.requests[-1].query == {
        "follow": "true",
        "container": "firewall",
        "sinceTime": "2026-03-04T12:00:01Z",
    }


def test_without_a_time_it_begins_with_the_last_lines(proxy: Proxy, pod: str) -> None:
    speak(proxy, b"x\n")
    through = proxy.api()
    assert list(open_stream(through, through.namespace, pod, None)) == [b"x\n"]
    assert proxy.requests[-1].query == {"follow": "true", "container": "firewall", "tailLines": "200"}


def test_a_connection_lost_on_the_way_is_an_error_after_what_was_read(proxy: Proxy, pod: str) -> None:
    speak(proxy, b"kept\n", ends=False)
    through = proxy.api()
    pieces = open_stream(through, through.namespace, pod, None)
    assert next(pieces) == b"kept\n"
    with pytest.raises(SourceError, match=f"GET pods/{pod}/log in {through.namespace}: the connection was lost"):
        next(pieces)


def test_a_log_that_cannot_be_had_is_an_error_at_once(proxy: Proxy, pod: str) -> None:
    message = 'container "firewall" in pod "talker" is waiting to start: ContainerCreating'
    proxy.answer(is_log, 400, status_body(400, "BadRequest", message))
    through = proxy.api()
    with pytest.raises(SourceError, match=r"answered 400: container .* is waiting to start"):
        open_stream(through, through.namespace, pod, None)
    with pytest.raises(SourceError, match=r"GET pods/gone in .* answered 404"):
        open_stream(through, through.namespace, "gone", None)
