"""The sample app that a sandbox.yaml describes: what one pod of it answers, counts and logs."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.sandbox.knobs import Knobs
from console.sandbox.logs import PodLog
from console.sandbox.rows import Row
from console.sandbox.served import Served
from console.sandbox.versions import Reach, Versions

if TYPE_CHECKING:
    from aiohttp import web
    from redis.asyncio import Redis

VERSION_HEADER = "X-Answered-As"
_CACHE_EVERY = 2.0
_COMPLAIN_EVERY = 1.0
_TICK_AT_MOST = 2.0


@dataclass
class Share:
    """How much of the traffic the pods answer as another version than their image's, as a release by percentage does.

    ratio: 0 to 1.
    """

    version: str = ""
    ratio: float = 0.0


class Sample:
    """One pod's app. answers: `seconds` (the median), `spread` and `errors` (a share), where nothing is wrong.

    caches: names of Redis keys with how many of each there are; the pod renews them, and does without.
    """

    def __init__(
        self,
        *,
        version: str,
        workload: str,
        rows: tuple[Row, ...],
        answers: Mapping[str, float],
        caches: Mapping[str, int],
        knobs: Knobs,
        versions: Versions,
        share: Share,
        client: Redis,
        log: PodLog,
        chance: random.Random,
    ) -> None:
        self.log = log
        self.bypassed = False
        self._version = version
        self._answers = answers
        self._caches = list(caches.items())
        self._knobs = knobs
        self._versions = versions
        self._share = share
        self._client = client
        self._chance = chance
        self._served = Served(rows, knobs, {"version": version, "workload": workload, "pod": log.pod}, chance)
        loop = asyncio.get_running_loop()
        self._ticked = loop.time()
        self._cache_at = self._ticked + chance.uniform(0, _CACHE_EVERY)
        self._complain_at = self._ticked

    @property
    def healthy(self) -> bool:
        """Whether its health paths answer 200."""
        return self._knobs.value("healthy", 1.0, self._reach) >= 0.5

    async def warm_up(self) -> None:
        """Nothing is to be recovered before it takes traffic."""

    async def tick(self) -> None:
        """Let what grows by itself grow, renew the cache, log what a fault has it log."""
        now = asyncio.get_running_loop().time()
        reach = self._reach
        self._served.tick(min(now - self._ticked, _TICK_AT_MOST), reach)
        self._ticked = now
        if now >= self._complain_at:
            self._complain_at = now + _COMPLAIN_EVERY
            for line in self._knobs.complaints(reach):
                self.log.say("ERROR", line)
                self.log.tell("ERROR", line)
        if now >= self._cache_at and self._caches:
            self._cache_at = now + _CACHE_EVERY
            await self._renew()

    async def respond(self, request: web.Request) -> web.Response:
        """Answer one request, as whatever version it falls to, and count it."""
        from aiohttp import web

        loop = asyncio.get_running_loop()
        began = loop.time()
        version = self._share.version if self._chance.random() < self._share.ratio else self._version
        self._versions.serves(version)
        reach = self._versions.reach(version)
        median = self._knobs.value("seconds", self._answers.get("seconds", 0.02), reach)
        await asyncio.sleep(median * math.exp(self._chance.gauss(0, self._answers.get("spread", 0.3))))
        failed = self._chance.random() < self._knobs.value("errors", self._answers.get("errors", 0.0), reach)
        status = 500 if failed else 200
        self._served.request(reach, version=version, status=status, seconds=loop.time() - began)
        headers = {VERSION_HEADER: version}
        if failed:
            self.log.say("ERROR", "request failed", path=request.path, version=version, status=status)
            return web.json_response({"error": "internal error"}, status=status, headers=headers)
        return web.json_response({"version": version, "pod": self.log.pod, "path": request.path}, headers=headers)

    def page(self) -> str:
        """The page of `/metrics`."""
        return self._served.page()

    @property
    def _reach(self) -> Reach:
        """What faults can do to the pod as a whole: it is the version that it answers some requests as, too."""
        own = self._versions.reach(self._version)
        as_other = self._share.ratio > 0 and self._versions.hit(self._share.version)
        return Reach(own.newest or as_other, own.shared)

    async def _renew(self) -> None:
        from redis.exceptions import RedisError

        name, count = self._chance.choice(self._caches)
        key = name.replace("{n}", str(self._chance.randrange(count)))
        try:
            await self._client.set(key, self._chance.randbytes(64).hex(), ex=3600)
        except (RedisError, OSError, TimeoutError) as error:
            self.log.say("ERROR", "cache unavailable", reason=type(error).__name__)
