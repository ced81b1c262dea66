"""Single steps of a plan: checks around a phase, and what is done once traffic is back. Each gives a sentence."""

from __future__ import annotations

import http.client
import re
import string
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from console.actions.strategies.base import Say
from console.actions.strategies.command import Run, shown
from console.core.operations import ActionFailed, Unverified
from console.core.rollouts.plan import ClearKeys, CommandCheck, HttpCheck
from console.core.units import show_span

if TYPE_CHECKING:
    from redis import Redis

SCAN_BUDGET = timedelta(minutes=5)
_SCAN_COUNT = 500
_LONGEST_REST = 0.05
_LEAST_PREFIX = 3
_TOLD_EVERY = 2.0
_LONGEST_QUOTE = 200


def clear_keys(
    redis: Redis, step: ClearKeys, *, say: Say, stopped: threading.Event, budget: timedelta = SCAN_BUDGET
) -> str:
    """Unlink the keys that match, by SCAN in small bites with rests as long as the bites, so that other clients are
    served in between. Keys written meanwhile may stay. Done again, it finds nothing and says so.

    Raises ActionFailed for a pattern that does not begin with a name (`*`), an error of Redis, or out of budget.
    """
    from redis.exceptions import RedisError

    prefix = re.split(r"[*?\[\\]", step.pattern, maxsplit=1)[0]
    if len(prefix) < _LEAST_PREFIX:
        raise ActionFailed(
            f"{step.name}: the pattern {step.pattern!r} could match any key, and none was removed; let it begin with "
            f"at least {_LEAST_PREFIX} letters of the keys' name, such as `cache:*`"
        )
    began = told = time.monotonic()
    cursor, seen, removed = 0, 0, 0
    while True:
        bite = time.monotonic()
        try:
            cursor, keys = _scanned(redis.scan(cursor, match=step.pattern, count=_SCAN_COUNT))
            removed += _unlinked(redis, keys)
        except RedisError as error:
            raise ActionFailed(
                f"{step.name}: redis: {error}; {_so_far(step, removed)}, the rest is to be done"
            ) from error
        seen += len(keys)
        now = time.monotonic()
        if cursor == 0:
            return f"{step.name}: {_so_far(step, removed)}"
        if timedelta(seconds=now - began) > budget:
            raise ActionFailed(
                f"{step.name}: not through after {show_span(budget)}; {_so_far(step, removed)}; "
                f"remove the rest with redis-cli --scan --pattern '{step.pattern}' | xargs redis-cli unlink"
            )
        if now - told > _TOLD_EVERY:
            told = now
            say(f"{step.name}: {_so_far(step, removed)}")
        if stopped.wait(min(now - bite, _LONGEST_REST)):
            raise Unverified(f"{step.name}: told to stop; {_so_far(step, removed)}, the rest is to be done")


def _scanned(answer: Any) -> tuple[int, list[Any]]:
    """redis-py's types leave open whether an answer is awaited."""
    cursor, keys = answer
    return int(cursor), list(keys)


def _unlinked(redis: Redis, keys: list[Any]) -> int:
    answer: Any = redis.unlink(*keys) if keys else 0
    return int(answer)


def _so_far(step: ClearKeys, removed: int) -> str:
    if not removed:
        return f"no key matches {step.pattern}"
    return f"{removed:,} key{'' if removed == 1 else 's'} matching {step.pattern} removed"


def http_check(check: HttpCheck, values: Mapping[str, str], *, stopped: threading.Event) -> str:
    """Ask for the URL, once; `$SLOT` and `$VERSION` in it are replaced by `values`. A redirect is no 2xx.

    Raises ActionFailed with what was answered, Unverified when told to stop.
    """
    quoted = {key: urllib.parse.quote(value, safe="") for key, value in values.items()}
    url = string.Template(check.url).safe_substitute(quoted)
    head = f"{check.name}: GET {url}"
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise ActionFailed(f"{head}: only http:// and https:// are asked; mend the URL in the plan")
    answered: list[tuple[int, str]] = []
    done = threading.Event()

    def ask() -> None:
        answered.append(_status(url, check.timeout.total_seconds()))
        done.set()

    # A deadline of a socket begins anew with every byte; only another thread can hold the whole call to one.
    threading.Thread(target=ask, name=f"check-{check.name}", daemon=True).start()
    deadline = time.monotonic() + check.timeout.total_seconds()
    while not done.wait(0.02):
        if stopped.is_set():
            raise Unverified(f"{head}: told to stop before it answered")
        if time.monotonic() > deadline:
            raise ActionFailed(f"{head}: no answer in {show_span(check.timeout)}; look at the pods behind it")
    code, said = answered[0]
    if 200 <= code < 300:
        return f"{check.name}: {url} answered {code}"
    raise ActionFailed(f"{head}: {f'answered {code}' if code else said}{f' ({said})' if code and said else ''}")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is the answer."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _status(url: str, timeout: float) -> tuple[int, str]:
    """(status, reason or first words); status 0 where there was no answer."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects())
    request = urllib.request.Request(url, headers={"User-Agent": "hakgal-console"})
    try:
        with opener.open(request, timeout=timeout) as answer:
            return int(answer.status), ""
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _words(error)
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        return 0, " ".join(str(getattr(reason, "strerror", None) or reason).split()) or type(error).__name__


def _words(error: urllib.error.HTTPError) -> str:
    if location := error.headers.get("Location"):
        return f"redirect to {location}"
    try:
        text = error.read(_LONGEST_QUOTE).decode("utf-8", "replace")
    except OSError:
        text = ""
    return " ".join(text.split()) or str(error.reason)


def command_check(
    check: CommandCheck, values: Mapping[str, str], *, run: Run, say: Say, stopped: threading.Event
) -> str:
    """Run the command; it must exit 0, and what it prints must match `expect`, sought anywhere in the whole output.

    Raises ActionFailed with its last words, Unverified when told to stop.
    """
    ran = run(check.run, values, check.timeout, say, stopped)
    head = f"{check.name}: `{shown(check.run)}`"
    if stopped.is_set() and ran.exit_code != 0:
        raise Unverified(f"{head}: told to stop before it ended")
    if ran.failure:
        raise ActionFailed(f"{head}: {ran.failure}; mend that, then try again")
    output = "\n".join(ran.lines).strip("\n")
    if check.expect is not None and re.search(check.expect, output) is None:
        quote = " ".join(output.split())[:_LONGEST_QUOTE]
        raise ActionFailed(
            f"{head} printed {quote!r}, which does not match {check.expect!r}; mend that, then try again"
            if quote
            else f"{head} printed nothing, where {check.expect!r} is expected; mend that, then try again"
        )
    return f"{head} is well" + (f": {ran.last}" if ran.last else "")
