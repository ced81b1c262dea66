"""The service's front door: one loopback address that hands requests on to the ready pods."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import aiohttp
from aiohttp import web

from console.sandbox.pods import Container


class Gateway:
    """Answers `/healthz` for the service and passes requests for `/` to its pods in turn."""

    def __init__(self, endpoints: Callable[[], Sequence[Container]]) -> None:
        self._endpoints = endpoints
        self._turn = itertools.count()
        self._http: aiohttp.ClientSession | None = None
        app = web.Application()
        app.add_routes([web.get("/healthz", self._pass_on), web.get("/", self._pass_on), web.post("/", self._pass_on)])
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.2)

    async def start(self) -> str:
        """Listen on a free port; gives the address without a slash at its end."""
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3))
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Listen no more."""
        await self._runner.cleanup()
        if self._http:
            await self._http.close()

    async def _pass_on(self, request: web.Request) -> web.Response:
        pods = self._endpoints()
        if not pods or self._http is None:
            return web.Response(status=503, text="no pod of the service is ready\n")
        pod = pods[next(self._turn) % len(pods)]
        try:
            async with self._http.request(
                request.method, pod.url.rstrip("/") + request.path, data=await request.read(), headers=_kept(request)
            ) as answer:
                return web.Response(status=answer.status, body=await answer.read(), content_type=answer.content_type)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return web.Response(status=502, text=f"{pod.pod} did not answer: {type(error).__name__}\n")


def _kept(request: web.Request) -> dict[str, str]:
    return {"Content-Type": request.headers["Content-Type"]} if "Content-Type" in request.headers else {}
