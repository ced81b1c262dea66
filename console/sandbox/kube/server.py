"""The whole cluster in one event loop: API server, controllers, and a node where one is wanted."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta
from pathlib import Path

import yaml
from aiohttp import web

from console.sandbox.kube.access import USER, Access
from console.sandbox.kube.api import Api
from console.sandbox.kube.argo import RolloutController
from console.sandbox.kube.controller import Manager
from console.sandbox.kube.deployments import DeploymentController
from console.sandbox.kube.endpoints import EndpointsController
from console.sandbox.kube.errors import ApiError, unauthorized
from console.sandbox.kube.faults import Faults, Outage
from console.sandbox.kube.gateway_api import HttpRouteController
from console.sandbox.kube.housekeeping import (
    AutoscalerController,
    GarbageCollector,
    NamespaceController,
    create_system_namespaces,
)
from console.sandbox.kube.kinds import BUILT_IN, Kinds
from console.sandbox.kube.kubelet import Kubelet
from console.sandbox.kube.objects import Clock, utc_now
from console.sandbox.kube.pods import Timing
from console.sandbox.kube.replicasets import ReplicaSetController
from console.sandbox.kube.rest import VERB_OF, Rest, refusal
from console.sandbox.kube.runtime import PodRuntime
from console.sandbox.kube.store import Store

HOST = "127.0.0.1"
CONTEXT = "sandbox"
_PROXY_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n"


class KubeServer:
    """A cluster on a port of the loopback address.

    runtime: runs the pods; None for a cluster without nodes, where pods stay Pending.
    port: 0 takes a free one. history: how many changes watches and page tokens can go back.
    bookmark_every, watch_timeout: of watches.

    A client is let in by the bearer token, or by the secret in the path of `url`, for kubectl sends no token over HTTP.
    Attributes for whoever embeds it: `api` (objects, in the event loop), `store`, `kinds`, `faults`, `access`, and
    `requests`: the verb of each client's request that is being answered, by the task that answers it.
    """

    def __init__(
        self,
        *,
        runtime: PodRuntime | None = None,
        timing: Timing | None = None,
        clock: Clock = utc_now,
        port: int = 0,
        history: int = 5_000,
        bookmark_every: timedelta = timedelta(seconds=60),
        watch_timeout: timedelta = timedelta(minutes=30),
    ) -> None:
        self.store = Store(history=history)
        self.kinds = Kinds(BUILT_IN)
        self.api = Api(self.store, self.kinds, clock)
        self.access = Access(self.kinds)
        self.faults = Faults()
        self.requests: dict[asyncio.Task[object] | None, str] = {}
        self.token = secrets.token_urlsafe(32)
        self._path = f"/{secrets.token_urlsafe(16)}"
        self._port = port
        self._kubelet = Kubelet(self.api, runtime, timing or Timing()) if runtime is not None else None
        self._rest = Rest(
            self.api,
            self.access,
            self.faults,
            self._kubelet,
            bookmark_every=bookmark_every.total_seconds(),
            watch_timeout=watch_timeout.total_seconds(),
        )
        self._manager = Manager(
            self.api,
            (
                NamespaceController(self.api),
                ReplicaSetController(self.api),
                DeploymentController(self.api),
                RolloutController(self.api),
                HttpRouteController(self.api),
                EndpointsController(self.api),
                AutoscalerController(self.api),
                GarbageCollector(self.api),
            ),
        )
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """The address for clients, with the secret in its path."""
        return f"http://{HOST}:{self._port}{self._path}"

    async def start(self) -> None:
        """Listen and run; raises OSError when the port is taken."""
        create_system_namespaces(self.api)
        app = web.Application(client_max_size=8 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self._manager.start()
        if self._kubelet is not None:
            self._kubelet.start()

    async def stop(self) -> None:
        """End every watch, container and controller, and stop listening."""
        self.faults.clear()
        self._rest.drop_watches()
        await self._manager.stop()
        if self._kubelet is not None:
            await self._kubelet.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    def conflict(self, pattern: str = "*", *, times: int = 1) -> None:
        """Answer the next `times` PUTs and PATCHes whose API path matches the shell pattern with a 409."""
        self.faults.conflict(pattern, times=times)

    def unavailable(self, outage: Outage = Outage.REFUSED, *, seconds: float = float("inf")) -> None:
        """Fail every request for that long, or until `faults.clear()`; watches that are open end."""
        self.faults.unavailable(outage, seconds=seconds)
        self._rest.drop_watches()

    def drop_watches(self) -> None:
        """End every open watch and followed log, as a restarting API server does."""
        self._rest.drop_watches()

    def expire_history(self) -> None:
        """Forget all past changes: watches from, and pages of, older versions get 410 Gone."""
        self.store.compact()

    def kubeconfig(self) -> str:
        """A kubeconfig for this cluster, as YAML."""
        return yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": CONTEXT, "cluster": {"server": self.url}}],
                "users": [{"name": USER, "user": {"token": self.token}}],
                "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": USER, "namespace": "default"}}],
                "current-context": CONTEXT,
            },
            sort_keys=False,
        )

    def write_kubeconfig(self, path: Path) -> None:
        """Write the kubeconfig, readable by its owner only."""
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(self.kubeconfig(), encoding="utf-8")

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        known = path == self._path or path.startswith(f"{self._path}/")
        if known:
            path = path[len(self._path) :] or "/"
        await self.faults.hang()
        if self.faults.outage is Outage.REFUSED:
            message = "the apiserver is currently unable to handle the request"
            return refusal(ApiError(503, "ServiceUnavailable", message, retry_after=1))
        if self.faults.outage is Outage.HTML:
            return web.Response(text=_PROXY_PAGE, status=502, content_type="text/html")
        sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not known and not secrets.compare_digest(sent.encode(), self.token.encode()):
            return refusal(unauthorized())
        task = asyncio.current_task()
        self.requests[task] = VERB_OF.get(request.method, "get")
        try:
            return await self._rest.handle(request, path)
        finally:
            del self.requests[task]
