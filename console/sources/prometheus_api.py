"""Prometheus's HTTP API with every answer it may give: data, warnings, refusals, and what is not Prometheus at all."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
import urllib3
from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from urllib3.util.retry import Retry

from console.sources.base import SourceError
from console.sources.http_body import TooLarge, TooSlow, read_body

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT, READ = 2.0, 5.0
_WHOLE = 7.0
_QUERY = "4s"
_MOST = 32 * 1024 * 1024
_LONG = 2_000
_OF_THE_QUERY = frozenset({"bad_data", "execution", "timeout", "canceled", "too_many_requests", "not_acceptable"})


class QueryRefused(SourceError):
    """The server answered, and refuses this one query."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer. series: (labels, {time in ms: value}) each. warnings: why it may be incomplete."""

    series: tuple[tuple[Mapping[str, str], Mapping[int, float]], ...]
    warnings: tuple[str, ...]


class _Bearer(requests.auth.AuthBase):
    """Sends a token; as an auth object it also wins over a .netrc file."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _Session(requests.Session):
    """Follows no redirect, whoever sends the request."""

    def get_redirect_target(self, _answer: requests.Response) -> None:
        """There is none to follow."""


class PrometheusApi:
    """One server. Used by one thread at a time.

    Every call ends: 2 s to connect, 5 s of silence, 7 s in all. Raises QueryRefused for one query, SourceError for the
    server; redirects are never followed, so that the token goes to nobody else.
    """

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url.rstrip("/")
        self.host = urlsplit(url).netloc.rpartition("@")[2]
        self._connect: Any = PrometheusConnect(
            url=self.url,
            retry=Retry(0),
            timeout=(CONNECT, READ),
            auth=_Bearer(token) if token else None,
            session=_Session(),
        )
        self._session: requests.Session = self._connect._session

    def range(self, query: str, start: float, end: float, step: float) -> Answered:
        """`query_range`; start, end: seconds since the epoch, both among the points; step: seconds."""
        parameters = {"query": query, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}"}
        return self._points("query_range", self._call("query_range", {**parameters, "timeout": _QUERY}))

    def value(self, query: str, at: datetime) -> float:
        """The single number of an instant query at `at`."""
        try:
            result = self._connect.custom_query(query, params={"time": f"{at.timestamp():.3f}", "timeout": _QUERY})
        except PrometheusApiClientException as error:
            raise SourceError(f"prometheus {self.host}: query answered {error}") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise self._unreachable("query", error) from None
        except (ValueError, LookupError, TypeError):
            raise SourceError(f"prometheus {self.host}: query did not answer as Prometheus does") from None
        try:
            return float(result[0]["value"][1] if isinstance(result[0], dict) else result[1])
        except (ValueError, LookupError, TypeError):
            raise SourceError(f"prometheus {self.host}: query gave no number for `{query}`") from None

    def version(self) -> str:
        """Its version, from `status/buildinfo`."""
        try:
            return str(self._call("status/buildinfo", {})["data"]["version"])
        except (KeyError, TypeError):
            raise SourceError(f"prometheus {self.host}: status/buildinfo names no version") from None

    def close(self) -> None:
        """Let the connections go."""
        self._connect.close()

    def _call(self, path: str, parameters: dict[str, str]) -> dict[str, Any]:
        long = len(parameters.get("query", "")) > _LONG
        try:
            with self._session.request(
                "POST" if long else "GET",
                f"{self.url}/api/v1/{path}",
                params=None if long else parameters,
                data=parameters if long else None,
                auth=self._connect.auth,
                timeout=(CONNECT, READ),
                stream=True,
            ) as answer:
                body = read_body(answer.raw, deadline=time.monotonic() + _WHOLE, most=_MOST)
        except TooLarge:
            raise QueryRefused(
                f"prometheus {self.host}: {path} answered with more than 32 MB; narrow the query"
            ) from None
        except TooSlow:
            raise SourceError(f"prometheus {self.host}: {path} did not end in {_WHOLE:.0f} s") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise self._unreachable(path, error) from None
        return self._read(path, answer, body)

    def _read(self, path: str, answer: requests.Response, body: bytes) -> dict[str, Any]:
        status = answer.status_code
        if 300 <= status < 400:
            where = urlsplit(answer.headers.get("Location", ""))
            shown = f"{where.scheme}://{where.netloc}{where.path}" if where.netloc else where.path or "nowhere"
            raise SourceError(
                f"prometheus {self.host}: {path} was redirected to {shown}; give the API's own address, or a token"
            )
        if status in (401, 403):
            raise SourceError(f"prometheus {self.host}: {path} answered {status}; name a `token` it accepts")
        try:
            content = json.loads(body)
        except ValueError:
            content = None
        if not isinstance(content, dict) or "status" not in content:
            raise SourceError(f"prometheus {self.host}: {path} answered {status} with {_described(body)}")
        if content["status"] == "success" and status == 200:
            return content
        kind, message = content.get("errorType", ""), _one_line(str(content.get("error", "")))
        said = f"{path} answered {status} {kind}: {message}".rstrip(": ")
        if kind in _OF_THE_QUERY:
            raise QueryRefused(f"prometheus {self.host}: {said}")
        raise SourceError(f"prometheus {self.host}: {said}")

    def _unreachable(self, path: str, error: Exception) -> SourceError:
        start = f"prometheus {self.host}:"
        text = str(error)
        if isinstance(error, requests.ConnectTimeout):
            return SourceError(f"{start} {path} found nobody in {CONNECT:.0f} s")
        if isinstance(error, (requests.Timeout, urllib3.exceptions.TimeoutError)) or "Read timed out" in text:
            return SourceError(f"{start} no answer to {path} in {READ:.0f} s")
        if isinstance(error, requests.exceptions.SSLError):
            return SourceError(f"{start} {path} failed on TLS: {_one_line(text)}")
        if "refused" in text:
            return SourceError(f"{start} {path} was refused, nothing listens there")
        if "resolve" in text or "Name or service" in text or "nodename" in text:
            return SourceError(f"{start} {path} failed, the name does not resolve")
        return SourceError(f"{start} {path} failed: {type(error).__name__}: {_one_line(text)}")

    def _points(self, path: str, content: dict[str, Any]) -> Answered:
        try:
            data = content["data"]
            kind, result = data["resultType"], data["result"]
            if kind == "scalar":
                result = [{"metric": {}, "value": result}]
            elif kind == "string":
                raise QueryRefused(f"prometheus {self.host}: {path} gave a text and not a number")
            series = tuple((each["metric"], self._values(path, each)) for each in result)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise SourceError(f"prometheus {self.host}: {path} did not answer as Prometheus does") from None
        warnings = content.get("warnings") or ()
        return Answered(series, tuple(_one_line(str(warning)) for warning in warnings))

    def _values(self, path: str, each: dict[str, Any]) -> dict[int, float]:
        if "histograms" in each or "histogram" in each:
            raise QueryRefused(
                f"prometheus {self.host}: {path} gave native histograms and not numbers; "
                f"put histogram_quantile() or histogram_count() around the query"
            )
        points = each["values"] if "values" in each else [each["value"]]
        return {round(float(at) * 1000): float(value) for at, value in points}


def _one_line(text: str) -> str:
    """Fit for one line of a screen."""
    flat = " ".join(text.split())
    return flat if len(flat) <= 300 else f"{flat[:299]}…"


def _described(body: bytes) -> str:
    """What a body is that is not the API's JSON."""
    text = body[:4096].decode("utf-8", "replace")
    if title := re.search(r"<title[^>]*>([^<]*)", text, re.IGNORECASE):
        return f"an HTML page ({_one_line(title[1])}) and no JSON; is a proxy in between, or the address wrong?"
    if "<html" in text.lower():
        return "an HTML page and no JSON; is a proxy in between, or the address wrong?"
    return f"no JSON: {_one_line(text)[:80]!r}" if text.strip() else "an empty body"
