"""The faults of a practice world, over its control address."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from console.sources.base import Clock, Poller, SourceError


def fault_list(url: str, *, clock: Clock, interval: timedelta) -> Poller[tuple[tuple[str, bool], ...]]:
    """A source of every fault's name and whether it is on."""

    def read() -> tuple[tuple[str, bool], ...]:
        faults = _ask("GET", f"{url}/faults", None)
        return tuple(sorted((str(name), bool(on)) for name, on in faults.items()))

    return Poller("faults", read, clock=clock, interval=interval)


def switch_fault(url: str, name: str, on: bool) -> None:
    """Switch one fault. Blocks for at most two seconds. Raises SourceError."""
    _ask("PUT", f"{url}/faults/{name}", {"on": on})


def _ask(method: str, url: str, body: dict[str, Any] | None) -> dict[str, Any]:
    # Heavy to import, and no part of a first paint.
    from urllib.error import HTTPError, URLError
    from urllib.request import ProxyHandler, Request, build_opener

    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data=data, method=method, headers={"Content-Type": "application/json"})
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=2) as answer:
            found = json.loads(answer.read() or b"{}")
    except HTTPError as error:
        raise SourceError(f"{method} {url}: {error.code} {error.reason}") from error
    except (URLError, OSError) as error:
        raise SourceError("the sandbox does not answer; it may have ended") from error
    except ValueError as error:
        raise SourceError(f"{method} {url}: {error}") from error
    return found if isinstance(found, dict) else {}
