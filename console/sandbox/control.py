"""The control address: faults, state, targets, log rotation and releases, as JSON over HTTP on the loopback address."""

from __future__ import annotations

import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from aiohttp import web

from console.sandbox.faults import ABOUT, Faults, FaultState, UnknownFault, fault_named


class Controlled(Protocol):
    """What the control address can ask of the sandbox."""

    faults: Faults

    def state(self) -> dict[str, Any]:
        """What is going on, for people and tests."""

    def targets(self) -> list[dict[str, Any]]:
        """Prometheus's HTTP service discovery: [{"targets": ["host:port"], "labels": {…}}]."""

    def rotate_log(self, how: str) -> str:
        """Rotate the shared log by `rename` or `copytruncate`; gives the old file's path. Raises ValueError."""

    async def deploy(self, version: str) -> dict[str, Any]:
        """Release a version. Raises ValueError where it is not one."""


class Control:
    """The HTTP server of the control address."""

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
                web.post("/rotate-log", self._rotate),
                web.post("/deploy", self._deploy),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.2)

    async def start(self, listening: socket.socket) -> None:
        """Answer on a socket that listens already, so that its address could be given away before."""
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
                "GET /state": "pods, traffic, log",
                "GET /targets": "Prometheus HTTP service discovery",
                "POST /rotate-log": 'rotate the shared log: {"how": "rename"} or {"how": "copytruncate"}',
                "POST /deploy": 'release a version: {"version": "v2.3.4"}',
            }
        )

    async def _faults(self, _request: web.Request) -> web.Response:
        return web.json_response({state.fault.value: state.on for state in self._world.faults.states()})

    async def _fault(self, request: web.Request) -> web.Response:
        fault = fault_named(request.match_info["name"])
        return web.json_response(next(_told(state) for state in self._world.faults.states() if state.fault is fault))

    async def _switch(self, request: web.Request) -> web.Response:
        fault = fault_named(request.match_info["name"])
        wanted = (await _body(request)).get("on")
        if not isinstance(wanted, bool):
            raise ValueError('Say which way to switch it: {"on": true} or {"on": false}.')
        self._world.faults.switch(fault, wanted)
        return await self._fault(request)

    async def _state(self, _request: web.Request) -> web.Response:
        return web.json_response(self._world.state())

    async def _targets(self, _request: web.Request) -> web.Response:
        return web.json_response(self._world.targets())

    async def _rotate(self, request: web.Request) -> web.Response:
        old = self._world.rotate_log(str((await _body(request)).get("how", "rename")))
        return web.json_response({"old": old})

    async def _deploy(self, request: web.Request) -> web.Response:
        return web.json_response(await self._world.deploy(str((await _body(request)).get("version", ""))))


def _told(state: FaultState) -> dict[str, Any]:
    told = {"name": state.fault.value, "on": state.on, "about": ABOUT[state.fault]}
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
