"""What can go wrong in a call to a Kubernetes API server, each as one sentence with host, call and what to do."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

_LONGEST_DETAIL = 400


class KubernetesError(Exception):
    """A call failed; the message is one sentence with host, call, what was answered and what to do.

    status: the HTTP status, 0 where there was no answer. reason: Kubernetes's word for it (`Conflict`, `Expired`), or
    `Refused`, `Timeout`, `TLS`, `Disconnected`, `NotJSON`, `Configuration`. detail: the server's own message.
    retry_after: how long the server asks to wait. unknown: the request may have been carried out although no answer
    came, so a write must be verified by reading.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        detail: str = "",
        retry_after: timedelta | None = None,
        unknown: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.detail = detail
        self.retry_after = retry_after
        self.unknown = unknown

    @property
    def expired(self) -> bool:
        """The resourceVersion asked for is no longer kept: list again."""
        return self.status == 410 or self.reason in ("Expired", "Gone")


def answered(host: str, call: str, status: int, headers: Mapping[str, str], body: bytes) -> KubernetesError:
    """The error for an answer that is not a success.

    host: `127.0.0.1:6443`. call: `GET deployments/hak-gal in prod`.
    """
    reason, detail = _told(body, headers.get("Content-Type", ""))
    text = f"kubernetes {host}: {call} answered {status}"
    if 300 <= status < 400:
        detail = detail or f"redirect to {headers.get('Location', 'nowhere')}"
    if detail:
        text += f": {detail.rstrip('. ')}"
    if advice := _advice(status, call, detail):
        text += f"; {advice}"
    seconds = headers.get("Retry-After", "")
    return KubernetesError(
        status,
        reason or _REASONS.get(status, str(status)),
        text,
        detail=detail,
        retry_after=timedelta(seconds=min(int(seconds), 60)) if seconds.isdigit() else None,
        unknown=status >= 500,
    )


def not_json(host: str, call: str, status: int, headers: Mapping[str, str], body: bytes) -> KubernetesError:
    """The error for a success whose body is not JSON, as a login page or a proxy in between answers."""
    _, detail = _told(body, headers.get("Content-Type", ""))
    kind = headers.get("Content-Type", "").split(";")[0] or "something"
    said = f" ({detail})" if detail else ""
    return KubernetesError(
        status,
        "NotJSON",
        f"kubernetes {host}: {call} answered {status} with {kind} instead of JSON{said}; "
        "something other than an API server answers there: check the cluster's server address and any proxy",
        detail=detail,
        unknown=True,
    )


def from_status(host: str, call: str, status: Mapping[str, Any]) -> KubernetesError:
    """The error for a Status object that came as an ERROR event of a watch."""
    code = status.get("code")
    body = json.dumps(dict(status)).encode()
    seconds = (status.get("details") or {}).get("retryAfterSeconds")
    headers = {"Content-Type": "application/json"} | ({"Retry-After": str(seconds)} if seconds else {})
    return answered(host, call, code if isinstance(code, int) else 500, headers, body)


def unanswered(host: str, call: str, error: BaseException, seconds: float) -> KubernetesError:
    """The error for a call without an answer. seconds: the deadline it had. error: what urllib3 or a socket raised."""
    import ssl

    from urllib3 import exceptions

    head = f"kubernetes {host}: {call}"
    cause = _deepest(error)
    is_tls = isinstance(error, (exceptions.SSLError, ssl.SSLError)) or isinstance(cause, ssl.SSLError)
    if is_tls and not _is_cut_off(cause):
        return KubernetesError(0, "TLS", f"{head}: {_tls(cause)}")
    if isinstance(error, exceptions.NameResolutionError):
        return KubernetesError(0, "Refused", f"{head}: the host name is not known; check the cluster's server address")
    if isinstance(error, exceptions.NewConnectionError):
        why = "connection refused" if isinstance(cause, ConnectionRefusedError) else _plain(cause)
        return KubernetesError(
            0, "Refused", f"{head}: {why}; is the API server running, and is the address in the kubeconfig right?"
        )
    if isinstance(error, exceptions.ConnectTimeoutError):
        return KubernetesError(0, "Timeout", f"{head}: no connection came about; check the network and the VPN")
    if isinstance(error, (exceptions.ReadTimeoutError, TimeoutError)) or isinstance(cause, TimeoutError):
        return KubernetesError(0, "Timeout", f"{head}: no answer in {seconds:.0f} s", unknown=True)
    return KubernetesError(0, "Disconnected", f"{head}: the connection was lost ({_plain(cause)})", unknown=True)


def misconfigured(where: str, why: str) -> KubernetesError:
    """The error for a kubeconfig or credential that cannot be used. where: the file or `in-cluster account`."""
    return KubernetesError(0, "Configuration", f"kubernetes ({where}): {why}")


_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


def _advice(status: int, call: str, detail: str) -> str:
    verb, _, what = call.partition(" ")
    resource, _, place = what.partition(" in ")
    allowed = _VERBS.get(verb, verb.lower())
    resource, _, name = resource.partition("/")
    if status == 403 and "quota" in detail:
        return "free some of the quota or have it raised"
    if status == 403 and " is forbidden: User " not in detail and "cannot" not in detail and detail:
        return "an admission rule of the cluster refuses it; change what it asks for, or ask its owner"
    if status == 401:
        return "the login has expired or is not accepted: log in to the cluster again"
    if status == 403:
        return f"ask for the right to {allowed} {resource}" + (f" in namespace {place}" if place else "")
    if status == 404 and name and "could not find the requested resource" not in detail:
        return f"check the name and the namespace {place}".rstrip()
    if status == 404:
        return "this is no API server that serves that kind: check the cluster's server address"
    if status == 429:
        return "the API server is overloaded and asks to wait"
    if 300 <= status < 400:
        return "something other than an API server answers there: check the cluster's server address and any proxy"
    return ""


_VERBS = {"GET": "get", "LIST": "list", "WATCH": "watch", "PATCH": "patch", "POST": "create", "DELETE": "delete"}


def _told(body: bytes, content_type: str) -> tuple[str, str]:
    """(reason, message) of a Status object, or ("", the text of whatever else it is, in one short line)."""
    text = body.decode("utf-8", "replace").strip()
    try:
        status = json.loads(text) if text.startswith("{") else None
    except ValueError:
        status = None
    if isinstance(status, dict) and (status.get("message") or status.get("reason")):
        return str(status.get("reason") or ""), _line(str(status.get("message") or ""))
    if "html" in content_type or text[:200].lower().startswith(("<!doctype", "<html")):
        title = re.search(r"<(title|h1)[^>]*>(.*?)</\1>", text, re.IGNORECASE | re.DOTALL)
        text = html.unescape(re.sub(r"<[^>]+>", " ", title.group(2) if title else text))
        return "", f"a web page, “{_line(text)[:80]}”"
    return "", _line(text)


def _line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_DETAIL else text[: _LONGEST_DETAIL - 1] + "…"


def _is_cut_off(error: BaseException) -> bool:
    """Whether a TLS failure only says that the other side went away without a word."""
    import ssl

    ended = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError, ConnectionError)
    return isinstance(error, ended) or "EOF" in str(error)


def _deepest(error: BaseException) -> BaseException:
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        inner = error.__cause__ or error.__context__ or next((a for a in error.args if isinstance(a, Exception)), None)
        if inner is None:
            return error
        error = inner
    return error


def _plain(error: BaseException) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return _line(text).rstrip(".").lower() or type(error).__name__


def _tls(error: BaseException) -> str:
    import ssl

    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted ({error.verify_message}); "
            "check the cluster's certificate-authority and server address in the kubeconfig"
        )
    text = _line(str(error))
    if "WRONG_VERSION_NUMBER" in text or "record layer failure" in text:
        return "it does not speak TLS; the server address should perhaps begin with http://"
    if "ALERT" in text.upper() and "CERTIFICATE" in text.upper():
        return f"it does not accept the client certificate ({text}); log in to the cluster again"
    return f"the TLS connection failed ({text}); check the server address and the client certificate in the kubeconfig"
