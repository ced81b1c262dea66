"""A thin JSON client over the kubernetes package: plain dictionaries, a deadline on every call, no hidden retries."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from console.core.system import KubernetesTarget
from console.systems.kubernetes_credentials import load, renewed_token
from console.systems.kubernetes_errors import KubernetesError, answered, not_json, unanswered
from console.systems.kubernetes_stream import Stream

if TYPE_CHECKING:
    from kubernetes.client import ApiClient
    from urllib3 import BaseHTTPResponse

__all__ = [
    "CONNECT_SECONDS",
    "DEPLOYMENTS",
    "EVENTS",
    "JSON_PATCH",
    "MERGE_PATCH",
    "PODS",
    "REPLICA_SETS",
    "STRATEGIC_PATCH",
    "KubernetesApi",
    "KubernetesError",
    "Resource",
    "Stream",
    "open_kubernetes",
]

log = logging.getLogger(__name__)

Json = dict[str, Any]

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"

CONNECT_SECONDS = 2.0
READ_SECONDS = 5.0
WRITE_SECONDS = 10.0
_RENEW_AT_MOST_EVERY = 10.0
_LARGEST_ANSWER = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind as its API path names it. root: `apis/apps/v1`. namespaced: whether its objects lie in a namespace."""

    root: str
    plural: str
    namespaced: bool = True

    @property
    def group(self) -> str:
        """The API group, empty for the core group."""
        parts = [part for part in self.root.split("/") if part not in ("apis", "api")]
        return parts[0] if len(parts) == 2 else ""


DEPLOYMENTS = Resource("apis/apps/v1", "deployments")
REPLICA_SETS = Resource("apis/apps/v1", "replicasets")
PODS = Resource("api/v1", "pods")
EVENTS = Resource("api/v1", "events")
_REVIEWS = Resource("apis/authorization.k8s.io/v1", "selfsubjectaccessreviews", namespaced=False)


class KubernetesApi:
    """One cluster as one kubeconfig context sees it. Every method blocks up to its deadline and may be called from
    any thread; every one raises KubernetesError.

    host: `127.0.0.1:6443`. namespace: where objects are looked for unless a call names another.
    """

    def __init__(
        self, client: ApiClient, *, context: str, namespace: str, renew: Callable[[], str] | None = None
    ) -> None:
        self._client = client
        self._pool = client.rest_client.pool_manager
        self._base = str(client.configuration.host).rstrip("/")
        self._renew = renew
        self._renewing = threading.Lock()
        self._renewed_at = 0.0
        self.host = urlsplit(self._base).netloc
        self.context = context
        self.namespace = namespace

    def get(
        self, resource: Resource, name: str, *, namespace: str | None = None, timeout: float = READ_SECONDS
    ) -> Json:
        """One object."""
        return self._json("GET", resource, name, namespace, timeout=timeout)

    def pages(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        limit: int = 500,
        timeout: float = WRITE_SECONDS,
    ) -> Iterator[Json]:
        """A list, page by page; the last page's `metadata.resourceVersion` is the list's."""
        query: dict[str, str] = {"limit": str(limit)}
        if label_selector:
            query["labelSelector"] = label_selector
        while True:
            page = self._json("GET", resource, "", namespace, query=query, timeout=timeout, label="LIST")
            yield page
            query["continue"] = (page.get("metadata") or {}).get("continue") or ""
            if not query["continue"]:
                return

    def list(self, resource: Resource, *, namespace: str | None = None, label_selector: str = "") -> Sequence[Json]:
        """Every object of the kind; begins anew once when the pages expire on the way."""
        for last in (False, True):
            try:
                pages = self.pages(resource, namespace=namespace, label_selector=label_selector)
                return [item for page in pages for item in page.get("items") or ()]
            except KubernetesError as error:
                if last or not error.expired:
                    raise
        raise AssertionError("unreachable")

    def watch(self, resource: Resource, *, resource_version: str, seconds: int, namespace: str | None = None) -> Stream:
        """Changes after `resource_version`, with bookmarks; the server ends it after `seconds`, and the client five
        seconds later where the server does not.
        """
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(seconds),
        }
        call = self._call("WATCH", resource, "", "", namespace)
        return self._stream(call, resource, "", "", namespace, query, idle=seconds + 5.0)

    def follow(
        self,
        resource: Resource,
        name: str,
        subresource: str,
        query: Mapping[str, str],
        idle: float,
        *,
        namespace: str | None = None,
    ) -> Stream:
        """A subresource's body as it is written, such as a pod's log; ends with an error after `idle` quiet seconds."""
        call = self._call("GET", resource, name, subresource, namespace)
        return self._stream(call, resource, name, subresource, namespace, query, idle=idle)

    def patch(
        self,
        resource: Resource,
        name: str,
        body: Any,
        *,
        content_type: str,
        subresource: str = "",
        namespace: str | None = None,
        timeout: float = WRITE_SECONDS,
    ) -> Json:
        """The object after the patch. Sent once: an error with `unknown` set must be verified by reading."""
        return self._json(
            "PATCH", resource, name, namespace, sub=subresource, body=body, content_type=content_type, timeout=timeout
        )

    def create(
        self, resource: Resource, body: Json, *, namespace: str | None = None, timeout: float = WRITE_SECONDS
    ) -> Json:
        """The object as created. Sent once."""
        return self._json("POST", resource, "", namespace, body=body, timeout=timeout)

    def delete(
        self, resource: Resource, name: str, *, namespace: str | None = None, timeout: float = WRITE_SECONDS
    ) -> Json:
        """What the server answered. Sent once; a namespace or a pod may take a while to be gone."""
        return self._json("DELETE", resource, name, namespace, timeout=timeout)

    def may(self, verb: str, resource: Resource, subresource: str = "") -> bool:
        """Whether this login may do `verb` in the namespace. Source: SelfSubjectAccessReview."""
        attributes = {"verb": verb, "group": resource.group, "resource": resource.plural, "namespace": self.namespace}
        if subresource:
            attributes["subresource"] = subresource
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        answer = self._json("POST", _REVIEWS, "", None, body=review, timeout=READ_SECONDS)
        return bool((answer.get("status") or {}).get("allowed"))

    def version(self) -> str:
        """The server's version, such as `v1.34.1`."""
        return str(self._json("GET", Resource("", "version", namespaced=False), "", None).get("gitVersion", ""))

    def close(self) -> None:
        """Give up the idle connections."""
        self._pool.clear()

    def _call(self, verb: str, resource: Resource, name: str, sub: str, namespace: str | None) -> str:
        what = "/".join(part for part in (resource.plural, name, sub) if part)
        return f"{verb} {what} in {namespace or self.namespace}" if resource.namespaced else f"{verb} {what}"

    def _url(self, resource: Resource, name: str, sub: str, namespace: str | None, query: Mapping[str, str]) -> str:
        place = ("namespaces", namespace or self.namespace) if resource.namespaced else ()
        parts = [part for part in (resource.root, *place, resource.plural, quote(name, safe=""), sub) if part]
        asked = urlencode({key: value for key, value in query.items() if value != ""})
        return f"{self._base}/{'/'.join(parts)}" + (f"?{asked}" if asked else "")

    def _json(
        self,
        verb: str,
        resource: Resource,
        name: str,
        namespace: str | None,
        *,
        sub: str = "",
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        timeout: float = READ_SECONDS,
        label: str = "",
    ) -> Json:
        call = self._call(label or verb, resource, name, sub, namespace)
        url = self._url(resource, name, sub, namespace, query or {})
        deadline = time.monotonic() + CONNECT_SECONDS + timeout
        response = self._send(verb, url, call, body, content_type, timeout)
        data = self._read(response, call, timeout, deadline)
        if not 200 <= response.status < 300:
            raise answered(self.host, call, response.status, response.headers, data)
        try:
            value = json.loads(data)
        except ValueError as error:
            raise not_json(self.host, call, response.status, response.headers, data) from error
        if not isinstance(value, dict):
            raise not_json(self.host, call, response.status, response.headers, data)
        return value

    def _stream(
        self,
        call: str,
        resource: Resource,
        name: str,
        sub: str,
        namespace: str | None,
        query: Mapping[str, str],
        *,
        idle: float,
    ) -> Stream:
        response = self._send("GET", self._url(resource, name, sub, namespace, query), call, None, "", idle)
        if response.status != 200:
            data = self._read(response, call, READ_SECONDS, time.monotonic() + READ_SECONDS)
            raise answered(self.host, call, response.status, response.headers, data)
        return Stream(response, self.host, call, idle)

    def _send(self, verb: str, url: str, call: str, body: Any, content_type: str, timeout: float) -> BaseHTTPResponse:
        """The answer's head, whatever its status. One login anew where the server says that it has expired: a
        request answered 401 was not carried out, so it may be sent again.
        """
        data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        headers = {"Accept": "application/json", "User-Agent": "hakgal-console"}
        if data is not None:
            headers["Content-Type"] = content_type
        authorization = self._authorization()
        response = self._attempt(verb, url, call, data, headers | authorization, timeout)
        if response.status == 401 and self._log_in_anew(authorization):
            response.drain_conn()
            response = self._attempt(verb, url, call, data, headers | self._authorization(), timeout)
        return response

    def _attempt(
        self, verb: str, url: str, call: str, data: bytes | None, headers: Mapping[str, str], timeout: float
    ) -> BaseHTTPResponse:
        from urllib3 import Timeout
        from urllib3.exceptions import HTTPError, ProtocolError

        waits = Timeout(connect=CONNECT_SECONDS, read=timeout)
        for last in (verb != "GET", True):
            try:
                return self._pool.request(
                    verb, url, body=data, headers=dict(headers), timeout=waits, preload_content=False, redirect=False
                )
            except ProtocolError as error:
                # A kept connection that the server closed a moment ago; a read may simply be asked again.
                if last:
                    raise unanswered(self.host, call, error, timeout) from error
            except (HTTPError, OSError) as error:
                raise unanswered(self.host, call, error, timeout) from error
        raise AssertionError("unreachable")

    def _read(self, response: BaseHTTPResponse, call: str, timeout: float, deadline: float) -> bytes:
        from urllib3.exceptions import HTTPError

        data = bytearray()
        try:
            while chunk := response.read1(1 << 20):
                data += chunk
                if time.monotonic() > deadline or len(data) > _LARGEST_ANSWER:
                    response.close()
                    raise unanswered(self.host, call, TimeoutError(), timeout)
        except (HTTPError, OSError) as error:
            response.close()
            raise unanswered(self.host, call, error, timeout) from error
        response.release_conn()
        return bytes(data)

    def _authorization(self) -> dict[str, str]:
        settings = self._client.configuration.auth_settings().values()
        return {setting["key"]: setting["value"] for setting in settings if setting.get("value")}

    def _log_in_anew(self, used: Mapping[str, str]) -> bool:
        """Whether there is another token than the one in `used` now."""
        with self._renewing:
            if self._authorization() != used:
                return True
            if self._renew is None or time.monotonic() - self._renewed_at < _RENEW_AT_MOST_EVERY:
                return False
            self._renewed_at = time.monotonic()
            try:
                token = self._renew()
            except KubernetesError as error:
                log.warning("%s", error)
                return False
            if token:
                self._client.configuration.api_key["BearerToken"] = token
            return self._authorization() != used


def open_kubernetes(target: KubernetesTarget) -> KubernetesApi:
    """The API of the target's cluster; nothing is asked of it yet.

    Runs the login command that a kubeconfig names, which may ask on the terminal: call it before the screen has it.
    Raises KubernetesError where the file, the context or the login is not usable.
    """
    from kubernetes.client import ApiClient

    configuration, context = load(target.kubeconfig, target.context)
    return KubernetesApi(
        ApiClient(configuration),
        context=context,
        namespace=target.namespace,
        renew=lambda: renewed_token(target.kubeconfig, target.context),
    )
