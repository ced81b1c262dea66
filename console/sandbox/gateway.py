"""An environment's front door: one loopback address that hands requests on to ready pods."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import aiohttp
from aiohttp import web

from console.sandbox.pods import Container


class Gateway:
    """Hands each request on to a pod that clients are routed to, in turn.

    `/to/NAME/PATH` goes to PATH of the pods of a Service, or else of a Deployment, of that name: to look at a side that
    is not live. route: the pods clients are routed to. of: the pods of a name.
    """

    def __init__(self, route: Callable[[], Sequence[Container]], of: Callable[[str], Sequence[Container]]) -> None:
        self._route = route
        self._of = of
        self._turn = itertools.count()
        self._http: aiohttp.ClientSession | None = None
        app = web.Application()
        app.router.add_route("*", "/to/{name}{path:(/.*)?}", self._direct)
        app.router.add_route("*", "/{path:.*}", self._usual)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.2)

    async def start(self) -> str:
        """Listen on a free port; gives the address without a slash at its end."""
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=12))
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Listen no more."""
        await self._runner.cleanup()
        if self._http:
            await self._http.close()

    async def _usual(self, request: web.Request) -> web.Response:
        return await self._pass_on(request, self._route(), request.path)

    async def _direct(self, request: web.Request) -> web.Response:
        return await self._pass_on(request, self._of(request.match_info["name"]), request.match_info["path"] or "/")

    async def _pass_on(self, request: web.Request, pods: Sequence[Container], path: str) -> web.Response:
        if not pods or self._http is None:
            return web.Response(status=503, text="no pod of the service is ready\n")
        pod = pods[next(self._turn) % len(pods)]
        try:
            async with self._http.request(
                request.method, pod.url.rstrip("/") + path, data=await request.read(), headers=_kept(request)
            ) as answer:
                return web.Response(status=answer.status, body=await answer.read(), content_type=answer.content_type)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return web.Response(status=502, text=f"{pod.pod} did not answer: {type(error).__name__}\n")


def _kept(request: web.Request) -> dict[str, str]:
    return {"Content-Type": request.headers["Content-Type"]} if "Content-Type" in request.headers else {}
