"""A plain-HTTP proxy in front of whichever API server is tested, with faults that a test switches on."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import urllib3

from console.core.system import KubernetesTarget
from console.systems.kubernetes_connection import KubernetesApi, open_kubernetes


@dataclass(frozen=True)
class Request:
    """One request as it came. at: monotonic seconds. authorization: as the client sent it."""

    method: str
    path: str
    query: dict[str, str]
    authorization: str
    body: Any
    at: float

    @property
    def watches(self) -> bool:
        return self.query.get("watch") in ("1", "true")


Matches = Callable[[Request], bool]


@dataclass
class Rule:
    """What happens to requests that match, the next `times` of them (None: until removed)."""

    matches: Matches
    act: Callable[[Handler, Request], None]
    times: int | None
    hits: int = 0


def status_body(code: int, reason: str, message: str) -> bytes:
    """A Status object as an API server sends it."""
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure"}
    return json.dumps(status | {"code": code, "reason": reason, "message": message}).encode()


@dataclass
class Proxy:
    """The proxy. requests: all that came, oldest first; forwarded: those that reached the API server."""

    upstream: KubernetesApi
    folder: Path
    requests: list[Request] = field(default_factory=list)
    forwarded: list[Request] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)

    def __post_init__(self) -> None:
        proxy = self

        class Bound(Handler):
            owner = proxy

        self.lock = threading.Lock()
        self.frozen = threading.Event()
        self.mute = threading.Event()
        self.cuts = 0
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), name="proxy", daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def kubeconfig(self, user: dict[str, Any] | None = None) -> Path:
        """A kubeconfig file that goes through this proxy."""
        path = self.folder / "through-proxy.kubeconfig"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "proxy",
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
            "clusters": [{"name": "proxy", "cluster": {"server": self.url}}],
            "users": [{"name": "proxy", "user": user or {}}],
        }
        path.write_text(json.dumps(config))
        return path

    def target(self, *workloads: Any, user: dict[str, Any] | None = None) -> KubernetesTarget:
        return KubernetesTarget(self.kubeconfig(user), None, self.upstream.namespace, tuple(workloads))

    def api(self) -> KubernetesApi:
        """A connection through this proxy."""
        return open_kubernetes(self.target())

    def rule(self, matches: Matches, act: Callable[[Handler, Request], None], times: int | None = 1) -> Rule:
        rule = Rule(matches, act, times)
        with self.lock:
            self.rules.append(rule)
        return rule

    def answer(
        self,
        matches: Matches,
        code: int,
        body: bytes,
        *,
        kind: str = "application/json",
        times: int | None = 1,
        **headers: str,
    ) -> Rule:
        """Answer in the server's stead."""
        return self.rule(matches, lambda handler, _: handler.give(code, body, kind, headers), times)

    def lose_answer(self, matches: Matches) -> Rule:
        """Carry the request out, then drop the connection without an answer."""

        def act(handler: Handler, request: Request) -> None:
            handler.forward(request).read()
            handler.hang_up()

        return self.rule(matches, act)

    def lose_request(self, matches: Matches) -> Rule:
        """Drop the connection before the request reaches the server."""
        return self.rule(matches, lambda handler, _: handler.hang_up())

    def remove(self, rule: Rule) -> None:
        with self.lock:
            self.rules.remove(rule)

    def hang(self) -> None:
        """From now on nothing answers and nothing flows; connections stay open."""
        self.frozen.set()

    def go_on(self) -> None:
        self.frozen.clear()
        self.mute.clear()

    def mute_watches(self) -> None:
        """From now on watches that are open bring nothing and stay open; the rest works."""
        self.mute.set()

    def cut_watches(self) -> None:
        """Drop every watch that is open."""
        self.cuts += 1

    def close(self) -> None:
        self.cut_watches()
        self.go_on()
        self.server.shutdown()
        self.server.server_close()


class Handler(BaseHTTPRequestHandler):
    """One connection to the proxy."""

    protocol_version = "HTTP/1.1"
    # Head and body go out in two pieces; the second would wait for the first one's acknowledgement.
    disable_nagle_algorithm = True
    owner: Proxy

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def handle_one_request(self) -> None:
        with suppress(OSError):
            super().handle_one_request()
            return
        self.close_connection = True

    def _any(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        request = Request(
            self.command,
            parts.path,
            {key: values[0] for key, values in parse_qs(parts.query).items()},
            self.headers.get("Authorization", ""),
            json.loads(body) if body else None,
            time.monotonic(),
        )
        self.raw = body
        proxy = self.owner
        with proxy.lock:
            proxy.requests.append(request)
            rule = next((each for each in proxy.rules if each.times != 0 and each.matches(request)), None)
            if rule is not None:
                rule.hits += 1
                rule.times = None if rule.times is None else rule.times - 1
        self._wait_while_frozen()
        if rule is not None:
            rule.act(self, request)
        else:
            self.pass_on(request)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815

    def forward(self, request: Request) -> urllib3.BaseHTTPResponse:
        with self.owner.lock:
            self.owner.forwarded.append(request)
        upstream = self.owner.upstream
        kept = ("Content-Type", "Accept")
        headers = {key: self.headers[key] for key in kept if key in self.headers} | upstream._authorization()
        return upstream._pool.request(
            self.command,
            upstream._base + self.path,
            body=self.raw or None,
            headers=headers,
            timeout=urllib3.Timeout(connect=5, read=120),
            preload_content=False,
            redirect=False,
        )

    def pass_on(self, request: Request) -> None:
        answer = self.forward(request)
        if not request.watches:
            body = answer.read()
            self.give(answer.status, body, answer.headers.get("Content-Type", ""), {})
            return
        cuts = self.owner.cuts
        self.begin_stream(answer.status, answer.headers.get("Content-Type", ""))
        reader = threading.Thread(target=self._pump, args=(answer,), daemon=True)
        reader.start()
        while reader.is_alive():
            if self.owner.cuts != cuts:
                self.hang_up()
                break
            reader.join(0.02)
        with suppress(Exception):
            answer.shutdown()

    def _pump(self, answer: urllib3.BaseHTTPResponse) -> None:
        proxy = self.owner
        with suppress(Exception):
            while chunk := answer.read1(65536):
                self._wait_while_frozen()
                muted = proxy.mute.is_set()
                while proxy.mute.is_set():
                    time.sleep(0.02)
                if muted:
                    return
                self.piece(chunk)
            self.piece(b"")

    def _wait_while_frozen(self) -> None:
        while self.owner.frozen.is_set():
            time.sleep(0.02)

    def begin_stream(self, code: int, kind: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def piece(self, data: bytes) -> None:
        """One chunk; an empty one ends the body."""
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def give(self, code: int, body: bytes, kind: str, headers: dict[str, str]) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def hang_up(self) -> None:
        import socket

        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
