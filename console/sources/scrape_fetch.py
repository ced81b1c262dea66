"""One HTTP request for a target's metrics, with a deadline and a size limit."""

from __future__ import annotations

import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import urllib3

from console.sources.base import SourceError
from console.sources.http_body import TooLarge, TooSlow, read_body
from console.sources.promql.exposition import OPENMETRICS

MOST = 10 * 1024 * 1024
_ACCEPT = f"{OPENMETRICS};version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a target answered."""

    text: str
    openmetrics: bool


class Fetcher:
    """Keeps connections between two rounds. Used by many threads."""

    def __init__(self) -> None:
        self._pool = urllib3.PoolManager(num_pools=200, maxsize=2, block=False, retries=False)

    def get(self, url: str, seconds: float, accept: str = _ACCEPT) -> tuple[bytes, str]:
        """Body and content type. seconds: for all of it. Raises SourceError naming the address."""
        host = urlsplit(url).netloc.rpartition("@")[2]
        deadline = time.monotonic() + seconds
        limits = urllib3.Timeout(connect=min(2.0, seconds), read=seconds)
        try:
            answer = self._pool.request(
                "GET",
                url,
                headers={"Accept": accept, "Accept-Encoding": "gzip", "User-Agent": "hakgal-console"},
                timeout=limits,
                preload_content=False,
                redirect=False,
            )
            try:
                body = read_body(answer, deadline=deadline, most=MOST)
            except BaseException:
                # What is left in the connection belongs to nobody.
                answer.close()
                raise
            answer.release_conn()
        except TooLarge:
            raise SourceError(f"{host} answered with more than {MOST // 1024 // 1024} MB") from None
        except TooSlow:
            raise SourceError(f"{host} did not end its answer in {seconds:g} s") from None
        except urllib3.exceptions.HTTPError as error:
            raise SourceError(f"{host} {_why(error, seconds)}") from None
        if answer.status != 200:
            raise SourceError(f"{host} answered {answer.status} to {urlsplit(url).path or '/'}")
        return body, str(answer.headers.get("Content-Type", ""))

    def scrape(self, url: str, seconds: float) -> Fetched:
        """A target's text. Raises SourceError."""
        body, kind = self.get(url, seconds)
        try:
            return Fetched(body.decode("utf-8"), kind.lower().startswith(OPENMETRICS))
        except UnicodeDecodeError:
            raise SourceError(f"{urlsplit(url).netloc} answered with what is no UTF-8 text") from None

    def close(self) -> None:
        """Let the connections go."""
        self._pool.clear()


def _why(error: urllib3.exceptions.HTTPError, seconds: float) -> str:
    text = str(error)
    if "refused" in text:
        return "refused the connection"
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return "does not resolve"
    if isinstance(error, urllib3.exceptions.ConnectTimeoutError):
        return "took no connection"
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return f"gave no answer in {seconds:g} s"
    return f"failed: {type(error).__name__}"
