"""The control address: faults, state, targets, metrics, logs and releases, as JSON over HTTP on the loopback."""

from __future__ import annotations

import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from aiohttp import web

from console.sandbox.faults import Faults, FaultState, UnknownFault
from console.sandbox.metrics import CONTENT_TYPE


class Controlled(Protocol):
    """What the control address can ask of the sandbox."""

    faults: Faults

    def state(self) -> dict[str, Any]:
        """What is going on, for people and tests."""

    def targets(self, place: str | None) -> list[dict[str, Any]]:
        """Prometheus's HTTP service discovery: [{"targets": ["host:port"], "labels": {…}}]. Raises ValueError."""

    def exporter(self, place: str) -> str:
        """The page of the metrics that belong to an environment and not to a pod. Raises ValueError."""

    def set_metrics(self, values: dict[str, Any]) -> dict[str, float]:
        """Set values by hand, or clear them with None; gives those that are set. Raises ValueError."""

    def share(self, told: dict[str, Any], place: str | None) -> dict[str, Any]:
        """What share of requests is answered as which version; sets it where `told` says one. Raises ValueError."""

    def rotate_log(self, how: str, place: str | None) -> str:
        """Rotate the shared log by `rename` or `copytruncate`; gives the old file's path. Raises ValueError."""

    async def tool(self, name: str, told: dict[str, Any]) -> dict[str, Any]:
        """What a stand-in answers to one call. Raises ValueError where there is none of that name."""

    async def deploy(self, version: str) -> dict[str, Any]:
        """Release a version. Raises ValueError where it is not one."""


class Control:
    """The HTTP server of the control address. address: its host and port, once it listens."""

    def __init__(self, world: Controlled) -> None:
        self._world = world
        app = web.Application(middlewares=[_errors_as_sentences, _local_only])
        app.add_routes(
            [
                web.get("/", self._index),
                web.get("/faults", self._faults),
                web.get("/faults/{name}", self._fault),
                web.put("/faults/{name}", self._switch),
                web.post("/faults/{name}", self._switch),
                web.get("/state", self._state),
                web.get("/targets", self._targets),
                web.get("/targets/{place}", self._targets),
                web.get("/exporter/{place}", self._exporter),
                web.get("/metrics", self._by_hand),
                web.post("/metrics", self._by_hand),
                web.get("/share", self._share),
                web.put("/share", self._share),
                web.post("/rotate-log", self._rotate),
                web.post("/deploy", self._deploy),
                web.post("/tools/{name}", self._tool),
            ]
        )
        self.address = ""
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.2)

    async def start(self, listening: socket.socket) -> None:
        """Answer on a socket that listens already, so that its address could be given away before."""
        host, port = listening.getsockname()[:2]
        self.address = f"{host}:{port}"
        await self._runner.setup()
        await web.SockSite(self._runner, listening).start()

    async def stop(self) -> None:
        """Listen no more."""
        await self._runner.cleanup()

    async def _index(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "GET /faults": "every fault and whether it is on",
                "GET /faults/NAME": "one fault and what it does",
                "PUT /faults/NAME": 'switch one: {"on": true}',
                "GET /state": "pods, traffic, log, and what clients of the cluster wrote",
                "GET /targets/ENVIRONMENT": "Prometheus HTTP service discovery; of the first one without a name",
                "GET /exporter/ENVIRONMENT": "metrics that belong to an environment and not to a pod",
                "POST /metrics": 'set values by hand, or clear them: {"hakgal_emergency_bypass": 1, "healthy": null}',
                "PUT /share": 'a share of requests is answered as another version: {"version": "v2", "percent": 5}',
                "POST /rotate-log": 'rotate the shared log: {"how": "rename"} or {"how": "copytruncate"}',
                "POST /deploy": 'release a version: {"version": "v2.3.4"}',
            }
        )

    async def _faults(self, _request: web.Request) -> web.Response:
        return web.json_response({state.name: state.on for state in self._world.faults.states()})

    async def _fault(self, request: web.Request) -> web.Response:
        name = self._world.faults.named(request.match_info["name"])
        return web.json_response(next(_told(state) for state in self._world.faults.states() if state.name == name))

    async def _switch(self, request: web.Request) -> web.Response:
        name = self._world.faults.named(request.match_info["name"])
        wanted = (await _body(request)).get("on")
        if not isinstance(wanted, bool):
            raise ValueError('Say which way to switch it: {"on": true} or {"on": false}.')
        self._world.faults.switch(name, wanted)
        return await self._fault(request)

    async def _state(self, _request: web.Request) -> web.Response:
        return web.json_response(self._world.state())

    async def _targets(self, request: web.Request) -> web.Response:
        return web.json_response(self._world.targets(request.match_info.get("place")))

    async def _exporter(self, request: web.Request) -> web.Response:
        page = self._world.exporter(request.match_info["place"])
        return web.Response(body=page.encode(), headers={"Content-Type": CONTENT_TYPE})

    async def _by_hand(self, request: web.Request) -> web.Response:
        return web.json_response(self._world.set_metrics(await _body(request)))

    async def _share(self, request: web.Request) -> web.Response:
        told = await _body(request)
        return web.json_response(self._world.share(told, request.query.get("environment")))

    async def _rotate(self, request: web.Request) -> web.Response:
        told = await _body(request)
        old = self._world.rotate_log(str(told.get("how", "rename")), told.get("environment"))
        return web.json_response({"old": old})

    async def _deploy(self, request: web.Request) -> web.Response:
        return web.json_response(await self._world.deploy(str((await _body(request)).get("version", ""))))

    async def _tool(self, request: web.Request) -> web.Response:
        return web.json_response(await self._world.tool(request.match_info["name"], await _body(request)))


def _told(state: FaultState) -> dict[str, Any]:
    told = {"name": state.name, "on": state.on, "about": state.about}
    return {**told, "unavailable": state.unavailable} if state.unavailable else told


async def _body(request: web.Request) -> dict[str, Any]:
    text = await request.text()
    try:
        found = json.loads(text) if text.strip() else {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValueError("The body is not a JSON object.")
    return found


@web.middleware
async def _errors_as_sentences(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except ValueError as error:
        status = 404 if isinstance(error, UnknownFault) else 400
        return web.json_response({"error": str(error)}, status=status)
    except web.HTTPException as error:
        return web.json_response({"error": f"{request.method} {request.path}: {error.reason}."}, status=error.status)


@web.middleware
async def _local_only(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    # A page in a browser of this machine must not switch faults: browsers name where they come from, tools do not.
    if request.headers.get("Origin"):
        raise web.HTTPForbidden(reason="requests from web pages are not answered")
    return await handler(request)
