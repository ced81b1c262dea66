"""The sample app: a firewall with guards, limits and sessions in Redis, as one pod runs it."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.sandbox import metrics, sessions
from console.sandbox.bypass_watch import BypassWatch
from console.sandbox.faults import Fault, Faults
from console.sandbox.logs import PodLog

if TYPE_CHECKING:
    from aiohttp import web
    from redis.asyncio import Redis

_ATTACK = re.compile(r"ignore (all )?previous instructions|reveal the system prompt|drop table", re.IGNORECASE)
_REQUEST_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.5)
_REDIS_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0)
_CODES = ("200", "403", "429", "500")
_LATENCY_FAULT = 0.4
_BURST = 10.0
_RECENT = 30.0  # seconds that the exported p99 of Redis looks back


class GuardError(Exception):
    """A guard failed while it looked at a request."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client gets: an HTTP status and a word for it."""

    status: int
    verdict: str
    tx_count_1h: int = 0


class Meters:
    """Everything one pod counts, under the names that the system's file asks for."""

    def __init__(self, version: str) -> None:
        one = metrics.Counter
        self.requests = one("hakgal_requests_total", "Requests answered.", [(("code", code),) for code in _CODES])
        self.seconds = metrics.Histogram("hakgal_request_duration_seconds", "Time to answer.", _REQUEST_BOUNDS)
        self.rejections = one("hakgal_rate_limit_rejections_total", "Requests over a rate limit.")
        self.violations = one("hakgal_session_violations_total", "Uses of another tenant's session.")
        self.exceptions = one("hakgal_guard_exceptions_total", "Guards that failed.")
        self.blocks = one("hakgal_blocks_total", "Requests blocked by a guard.")
        self.recoveries = one("hakgal_session_recovery_total", "Sessions recovered from Redis.")
        self.recovery_failures = one("hakgal_session_recovery_failures_total", "Sessions that were not recovered.")
        self.redis = metrics.Histogram(
            "hakgal_session_redis_latency_seconds", "Time of a call to Redis.", _REDIS_BOUNDS
        )
        self.redis_p99 = metrics.Gauge("hakgal_session_redis_latency_p99", "The same over half a minute, seconds.")
        self.bypass = metrics.Gauge("hakgal_emergency_bypass", "1 while guards and limits are switched off.")
        self.build = metrics.Gauge("hakgal_build_info", "The version.", [(("version", version),)])
        self.build.set(1, (("version", version),))
        self._redis_recent: deque[tuple[float, float]] = deque(maxlen=2000)

    def redis_took(self, seconds: float) -> None:
        """Count one call to Redis."""
        self.redis.observe(seconds)
        self._redis_recent.append((time.monotonic(), seconds))

    @property
    def all(self) -> list[metrics.Counter | metrics.Histogram]:
        """Everything that is served."""
        return [item for item in vars(self).values() if isinstance(item, (metrics.Counter, metrics.Histogram))]

    def page(self, hand: metrics.Hand) -> str:
        """The page of `/metrics`, with the values that are set by hand."""
        horizon = time.monotonic() - _RECENT
        while self._redis_recent and self._redis_recent[0][0] < horizon:
            self._redis_recent.popleft()
        took = sorted(seconds for _, seconds in self._redis_recent)
        self.redis_p99.set(took[math.ceil(0.99 * len(took)) - 1] if took else 0.0)
        for item in self.all:
            if isinstance(item, metrics.Gauge):
                item.hurry(hand, 0.0)
        return metrics.render(self.all)


class Limiter:
    """A token bucket per session: `per_minute`, and bursts of ten."""

    def __init__(self, per_minute: float) -> None:
        self._per_second = per_minute / 60
        self._buckets: dict[str, tuple[float, float]] = {}

    def allows(self, session: str, now: float) -> bool:
        """Take one token; False where there is none. now: monotonic seconds."""
        tokens, at = self._buckets.get(session, (_BURST, now))
        tokens = min(_BURST, tokens + (now - at) * self._per_second)
        allowed = tokens >= 1
        self._buckets[session] = (tokens - allowed, now)
        if len(self._buckets) > 5000:
            self._buckets = {name: held for name, held in self._buckets.items() if now - held[1] < 60}
        return allowed


class Firewall:
    """One pod's app. hit: whether the faults of a release hit its version. hand: values of metrics set by hand."""

    def __init__(
        self,
        *,
        version: str,
        hit: Callable[[], bool],
        env: Mapping[str, str],
        client: Redis,
        bypass: BypassWatch,
        log: PodLog,
        faults: Faults,
        hand: metrics.Hand,
        chance: random.Random,
    ) -> None:
        self.meters = Meters(version)
        self.log = log
        self._version = version
        self._hit = hit
        self._hand = hand
        self._ticked = time.monotonic()
        self._client = client
        self._bypass = bypass
        self._faults = faults
        self._chance = chance
        self._limit = env.get("RATE_LIMIT_PER_MINUTE", "60")
        self._limiter = Limiter(float(self._limit))
        self._audit = env.get("AUDIT_LEVEL", "INFO").upper() == "FULL"
        self._known: dict[str, sessions.Context] = {}
        self._told_bypass = False

    @property
    def bypassed(self) -> bool:
        """Whether guards and limits are off right now."""
        return self._bypass.in_force

    @property
    def healthy(self) -> bool:
        """Whether `/healthz` answers 200 while the pod serves; only a hand can say no."""
        told = self._hand.get("healthy")
        return told is None or told >= 0.5

    async def warm_up(self) -> None:
        """Recover sessions from Redis and read the bypass record before taking traffic."""
        await self._recover()
        await self.look_at_bypass()

    async def tick(self) -> None:
        """Read the bypass record, and let the values set by hand take effect."""
        now = time.monotonic()
        for item in self.meters.all:
            item.hurry(self._hand, now - self._ticked)
        self._ticked = now
        await self.look_at_bypass()

    def page(self) -> str:
        """The page of `/metrics`."""
        return self.meters.page(self._hand)

    async def respond(self, request: web.Request) -> web.Response:
        """Answer what came over HTTP: a request to the firewall, or what it is."""
        from aiohttp import web

        if request.path != "/":
            return web.Response(status=404, text="not found\n")
        if request.method == "GET":
            return web.json_response({"app": "hak-gal", "version": self._version, "pod": self.log.pod})
        try:
            asked = await request.json()
            tenant, session, text = str(asked["tenant"]), str(asked["session"]), str(asked["text"])
        except (ValueError, KeyError, TypeError):
            return web.json_response({"error": 'send {"tenant": …, "session": …, "text": …}'}, status=400)
        answer = await self.answer(tenant, session, text)
        told = {"verdict": answer.verdict, "tx_count_1h": answer.tx_count_1h, "pod": self.log.pod}
        return web.json_response(told, status=answer.status)

    async def _recover(self) -> None:
        from redis.exceptions import RedisError

        began = time.monotonic()
        try:
            good, bad = await sessions.recover(self._client, 100)
        except (RedisError, OSError, TimeoutError):
            self.meters.recovery_failures.add()
            self.log.tell("ERROR", "session_recovery_failed", reason="redis did not answer")
            return
        self.meters.recoveries.add(by=good)
        self.meters.recovery_failures.add(by=bad)
        self.log.tell("INFO", "sessions recovered", count=good, lost=bad, ms=(time.monotonic() - began) * 1000)

    async def look_at_bypass(self) -> None:
        """Read the bypass record and say when it begins and ends."""
        await self._bypass.look(self._client)
        active = self._bypass.in_force
        self.meters.bypass.set(int(active))
        if active != self._told_bypass:
            self._told_bypass = active
            word = "emergency_bypass on" if active else "emergency_bypass off"
            self.log.say("WARN", word, grant=self._bypass.record_id or "-")

    async def answer(self, tenant: str, session: str, text: str) -> Answer:
        """Answer one request and count it."""
        began = time.monotonic()
        if self._faults.on(Fault.LATENCY):
            await asyncio.sleep(_LATENCY_FAULT)
        try:
            answer = await self._decide(tenant, session, text)
        except GuardError as error:
            self.meters.exceptions.add()
            self.log.say("ERROR", "guard_exception", guard="semantic", tenant=tenant, reason=str(error))
            answer = Answer(500, "error")
        self.meters.requests.add((("code", str(answer.status)),))
        self.meters.seconds.observe(time.monotonic() - began)
        return answer

    async def _decide(self, tenant: str, session: str, text: str) -> Answer:
        if sessions.owner(session) != tenant:
            self.meters.violations.add()
            self.log.say("ERROR", "session_access_violation", tenant=tenant, owner=sessions.owner(session))
            return Answer(403, "violation")
        bypassed = self._bypass.in_force
        if not self._limiter.allows(session, time.monotonic()) and not bypassed:
            self.meters.rejections.add()
            self.log.say("WARN", "rate_limit_reject", tenant=tenant, limit=f"{self._limit}/m")
            return Answer(429, "rejected")
        if self._audit:
            self.log.say("INFO", "audit", tenant=tenant, chars=len(text), payload=text)
        context, kept = await self._load(tenant, session)
        await asyncio.sleep(min(0.12, self._chance.lognormvariate(math.log(0.018), 0.45)))
        blocked = not bypassed and self._guard(text)
        context = sessions.used(context, time.time(), self._chance)
        if kept:
            await self._save(tenant, session, context)
        if blocked:
            self.meters.blocks.add()
            self.log.say("WARN", "blocked", guard="injection", tenant=tenant, score="0.97")
            return Answer(403, "blocked", context["tx_count_1h"])
        return Answer(200, "allowed", context["tx_count_1h"])

    def _guard(self, text: str) -> bool:
        if self._hit() and self._faults.on(Fault.ERROR_SPIKE) and self._chance.random() < 0.2:
            raise GuardError("embedding has 383 dimensions, expected 384")
        if self._hit() and self._faults.on(Fault.FALSE_POSITIVES) and self._chance.random() < 0.5:
            return True
        return _ATTACK.search(text) is not None

    async def _load(self, tenant: str, session: str) -> tuple[sessions.Context, bool]:
        """The session's context, and whether Redis answered; without Redis what this pod remembers has to do."""
        from redis.exceptions import RedisError

        known = self._known.get(session)
        began = time.monotonic()
        try:
            raw = await self._client.get(sessions.session_key(tenant, session))
        except (RedisError, OSError, TimeoutError):
            self.meters.redis_took(time.monotonic() - began)
            if known is None:
                self.meters.recovery_failures.add()
            self.log.say("ERROR", "session_store_timeout", tenant=tenant, ms=(time.monotonic() - began) * 1000)
            return known or sessions.fresh(tenant, time.time()), False
        self.meters.redis_took(time.monotonic() - began)
        if raw is None:
            self.log.say("INFO", "session created", tenant=tenant)
            return sessions.fresh(tenant, time.time()), True
        try:
            context = sessions.decode(raw)
        except ValueError:
            self.meters.recovery_failures.add()
            self.log.say("ERROR", "session_recovery_failed", tenant=tenant, reason="the stored context is unreadable")
            return sessions.fresh(tenant, time.time()), True
        if known is None:
            self.meters.recoveries.add()
            self.log.say("INFO", "session recovered", tenant=tenant, tx_count_1h=context["tx_count_1h"])
        return context, True

    async def _save(self, tenant: str, session: str, context: sessions.Context) -> None:
        from redis.exceptions import RedisError

        self._known[session] = context
        if len(self._known) > 2000:
            del self._known[next(iter(self._known))]
        began = time.monotonic()
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            await self._client.set(
                sessions.session_key(tenant, session), sessions.encode(context), ex=sessions.LIFETIME
            )
        self.meters.redis_took(time.monotonic() - began)
