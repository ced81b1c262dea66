"""The HTTP face of the API: paths, verbs, bodies and answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from console.sandbox.kube import discovery, listing, tables, watch
from console.sandbox.kube.access import Access
from console.sandbox.kube.api import Api, DeleteOptions
from console.sandbox.kube.bodies import apply_patch, read_body
from console.sandbox.kube.errors import (
    ApiError,
    bad_request,
    conflict,
    method_not_allowed,
    no_such_resource,
    not_acceptable,
)
from console.sandbox.kube.exec import execute
from console.sandbox.kube.faults import Faults
from console.sandbox.kube.kinds import Kind
from console.sandbox.kube.kubelet import Kubelet
from console.sandbox.kube.objects import Obj
from console.sandbox.kube.subresources import bind, evict, read_log, scale_of, with_scale

VERB_OF = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
ALL_NAMESPACES_WRITE = "an object can be created only in one namespace; give it in the path"


@dataclass(frozen=True, slots=True)
class Target:
    """What a path points at. namespace: None for all, empty for what belongs to the cluster."""

    kind: Kind
    namespace: str | None
    name: str
    part: str


class _NoSuchPath(Exception):
    """The path is of no group and version that is served."""


def answer(body: Obj, code: int = 200, *, retry_after: int | None = None) -> web.Response:
    """A JSON answer."""
    headers = {"Retry-After": str(retry_after)} if retry_after is not None else {}
    text = json.dumps(body, separators=(",", ":"))
    return web.Response(text=text, status=code, content_type="application/json", headers=headers)


def refusal(error: ApiError) -> web.Response:
    """The answer that an error is."""
    return answer(error.status(), error.code, retry_after=error.retry_after)


class Rest:
    """Answers the requests of authenticated clients.

    ended: set when the server stops; ends watches and followed logs.
    bookmark_every, watch_timeout: seconds; the time-out holds for watches that give none.
    """

    def __init__(
        self,
        api: Api,
        access: Access,
        faults: Faults,
        node: Kubelet | None,
        *,
        bookmark_every: float,
        watch_timeout: float,
    ) -> None:
        self.api = api
        self.access = access
        self.faults = faults
        self.node = node
        self.ended = asyncio.Event()
        self._bookmark_every = bookmark_every
        self._watch_timeout = watch_timeout

    def drop_watches(self) -> None:
        """End every watch and followed log now, as a restarting server does."""
        self.ended.set()
        self.ended = asyncio.Event()

    async def handle(self, request: web.Request, path: str) -> web.StreamResponse:
        """Answer one request for a path without the server's own prefix."""
        try:
            if (told := self._discovery(request, path)) is not None:
                return told
            return await self._resource(request, path)
        except ApiError as error:
            return refusal(error)
        except _NoSuchPath:
            return web.Response(text="404 page not found\n", status=404)

    def _discovery(self, request: web.Request, path: str) -> web.Response | None:
        parts = path.strip("/").split("/")
        if parts[0] in ("healthz", "livez", "readyz"):
            return web.Response(text="ok")
        if request.method != "GET":
            return None
        kinds = self.api.kinds
        accept = request.headers.get("Accept", "")
        body: Obj | None
        match parts:
            case ["version"]:
                body = discovery.VERSION
            case ["api" | "apis"] if "as=APIGroupDiscoveryList" in accept:
                version = "v2" if "v=v2;" in accept + ";" else "v2beta1"
                body = discovery.aggregated(kinds, core=parts[0] == "api", version=version)
                kind = f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
                return web.Response(text=json.dumps(body), headers={"Content-Type": kind})
            case ["api"]:
                body = discovery.api_versions()
            case ["apis"]:
                body = discovery.api_groups(kinds)
            case ["api", version]:
                body = discovery.resources(kinds, "", version)
            case ["apis", group]:
                body = discovery.api_group(kinds, group)
            case ["apis", group, version]:
                body = discovery.resources(kinds, group, version)
            case ["openapi", "v2"]:
                raise not_acceptable(["application/json;as=openapi/v3"])
            case ["openapi", "v3"]:
                body = discovery.openapi_index(kinds)
            case ["openapi", "v3", "api", version]:
                body = discovery.openapi(kinds, "", version)
            case ["openapi", "v3", "apis", group, version]:
                body = discovery.openapi(kinds, group, version)
            case _:
                return None
        if body is None:
            raise _NoSuchPath
        return answer(body)

    def _target(self, path: str) -> Target:
        parts = path.strip("/").split("/")
        if parts[0] == "api" and len(parts) >= 3:
            group, version, rest = "", parts[1], parts[2:]
        elif parts[0] == "apis" and len(parts) >= 4:
            group, version, rest = parts[1], parts[2], parts[3:]
        else:
            raise _NoSuchPath
        if version not in self.api.kinds.groups().get(group, ()):
            raise _NoSuchPath
        namespace: str | None = None
        if rest[0] == "namespaces" and len(rest) >= 3 and not (group == "" and rest[2] in ("status", "finalize")):
            namespace, rest = rest[1], rest[2:]
        kind = self.api.kinds.find(group, version, rest[0])
        if kind is None or len(rest) > 3 or (namespace is not None) > kind.namespaced:
            raise no_such_resource()
        name, part = (*rest[1:], "", "")[:2]
        if part and part not in kind.subresources:
            raise no_such_resource()
        if name and kind.namespaced and namespace is None:
            raise no_such_resource()
        return Target(kind, namespace if kind.namespaced else "", name, part)

    async def _resource(self, request: web.Request, path: str) -> web.StreamResponse:
        review = path.rsplit("/", 1)[-1]
        if any(review == known.plural for known in discovery.REVIEWS):
            if request.method != "POST":
                raise method_not_allowed()
            return answer(self.access.review(review, await read_body(request)), 201)
        target = self._target(path)
        query = request.query
        verb = VERB_OF.get(request.method, "get" if target.name else "list")
        watching = request.method == "GET" and query.get("watch", "") in ("true", "1")
        if watching:
            verb = "watch"
        elif verb == "delete" and not target.name:
            verb = "deletecollection"
        self.access.check(verb, target.kind, target.namespace or "", target.name, target.part)
        if request.method in ("PUT", "PATCH") and self.faults.takes_conflict(path):
            raise conflict(target.kind, target.name)
        if watching:
            return await self._watch(request, target)
        if target.part in ("log", "exec", "eviction", "binding", "scale"):
            return await self._part(request, target)
        return await self._object(request, target)

    async def _object(self, request: web.Request, target: Target) -> web.StreamResponse:
        api, kind, query = self.api, target.kind, request.query
        namespace = target.namespace or ""
        dry_run = _dry_run(query)
        if not target.name:
            if request.method == "GET":
                return self._list(request, target)
            if target.namespace is None:
                raise method_not_allowed()
            if request.method == "POST":
                body = await read_body(request)
                return self._one(request, kind, api.create(kind, namespace, body, dry_run=dry_run), 201)
            if request.method == "DELETE":
                return await self._delete_all(request, target)
            raise method_not_allowed()
        match request.method:
            case "GET":
                return self._one(request, kind, api.get(kind, namespace, target.name))
            case "PUT":
                body = await read_body(request)
                existed = api.find(kind, namespace, target.name) is not None
                obj = api.replace(kind, namespace, target.name, body, part=target.part, dry_run=dry_run)
                return self._one(request, kind, obj, 200 if existed else 201)
            case "PATCH":
                obj, created = await apply_patch(
                    api, request, kind, namespace, target.name, part=target.part, dry_run=dry_run
                )
                return self._one(request, kind, obj, 201 if created else 200)
            case "DELETE" if not target.part:
                return await self._delete(request, target)
        raise method_not_allowed()

    def _list(self, request: web.Request, target: Target) -> web.Response:
        kind = target.kind
        page = listing.page(self.api, kind, target.namespace, request.query)
        shape = self._shape(request, kind)
        if shape is _as_table:
            include = request.query.get("includeObject", "Metadata")
            return answer(tables.table(kind.stored_as, page.items, page.metadata, self.api.clock(), include))
        items = page.items
        if shape is _as_metadata:
            items = [tables.partial_metadata(obj) for obj in items]
            header = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1"}
        else:
            if kind.strategic:
                items = [
                    {key: value for key, value in obj.items() if key not in ("kind", "apiVersion")} for obj in items
                ]
            header = {"kind": kind.list_name, "apiVersion": kind.api_version}
        return answer({**header, "metadata": page.metadata, "items": items})

    def _one(self, request: web.Request, kind: Kind, obj: Obj, code: int = 200) -> web.Response:
        shape = self._shape(request, kind)
        if shape is _as_table:
            metadata = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
            include = request.query.get("includeObject", "Metadata")
            return answer(tables.table(kind.stored_as, [obj], metadata, self.api.clock(), include), code)
        return answer(tables.partial_metadata(obj) if shape is _as_metadata else obj, code)

    async def _delete(self, request: web.Request, target: Target) -> web.Response:
        options = await self._delete_options(request)
        kind = target.kind
        obj, gone = self.api.delete(kind, target.namespace or "", target.name, options)
        if not gone or kind.returns_deleted:
            return self._one(request, kind, obj)
        details: Obj = {"name": target.name, **({"group": kind.group} if kind.group else {}), "kind": kind.plural}
        details["uid"] = obj["metadata"]["uid"]
        return answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})

    async def _delete_all(self, request: web.Request, target: Target) -> web.Response:
        options = await self._delete_options(request)
        page = listing.page(self.api, target.kind, target.namespace, request.query)
        for obj in page.items:
            self.api.delete(target.kind, target.namespace or "", obj["metadata"]["name"], options)
        header = {"kind": target.kind.list_name, "apiVersion": target.kind.api_version}
        return answer({**header, "metadata": page.metadata, "items": page.items})

    async def _delete_options(self, request: web.Request) -> DeleteOptions:
        body = await read_body(request) if request.can_read_body else {}
        for name in ("propagationPolicy", "orphanDependents"):
            if name in request.query:
                value = request.query[name]
                body.setdefault(name, value == "true" if name == "orphanDependents" else value)
        if "gracePeriodSeconds" in request.query:
            body.setdefault("gracePeriodSeconds", int(request.query["gracePeriodSeconds"]))
        return DeleteOptions.parse(body, dry_run=_dry_run(request.query))

    async def _part(self, request: web.Request, target: Target) -> web.StreamResponse:
        api, kind, namespace, name = self.api, target.kind, target.namespace or "", target.name
        match target.part, request.method:
            case "log", "GET":
                return await read_log(api, self.node, request, namespace, name, self.ended)
            case "exec", "GET" | "POST":
                return await execute(api, self.node, request, namespace, name)
            case "eviction", "POST":
                return answer(evict(api, namespace, name, await read_body(request)), 201)
            case "binding", "POST":
                return answer(bind(api, namespace, name, await read_body(request)), 201)
            case "scale", "GET":
                return answer(scale_of(api.get(kind, namespace, name)))
            case "scale", "PUT":
                body = await read_body(request)
                edit: Callable[[Obj], Obj] = lambda obj: with_scale(obj, body)  # noqa: E731
                return answer(scale_of(api.change(kind, namespace, name, edit, dry_run=_dry_run(request.query))))
            case "scale", "PATCH":
                obj, _ = await apply_patch(
                    api, request, kind, namespace, name, part="scale", dry_run=_dry_run(request.query)
                )
                return answer(scale_of(obj))
        raise method_not_allowed()

    async def _watch(self, request: web.Request, target: Target) -> web.StreamResponse:
        kind, query = target.kind, request.query
        matches = listing.selection(kind, query)
        if target.name:
            alone = matches
            matches = lambda obj: obj["metadata"]["name"] == target.name and alone(obj)  # noqa: E731
        bookmarks = query.get("allowWatchBookmarks", "") in ("true", "1")
        timeout = query.get("timeoutSeconds", "")
        asked = watch.WatchRequest(
            kind=kind,
            namespace=target.namespace if kind.namespaced else None,
            match=matches,
            revision=watch.parse_revision(query.get("resourceVersion", "")),
            initial_events=query.get("sendInitialEvents", "") in ("true", "1"),
            bookmarks=bookmarks,
            timeout=float(timeout) if timeout.isdigit() and int(timeout) else self._watch_timeout,
            bookmark_every=self._bookmark_every,
        )
        if asked.initial_events and query.get("resourceVersionMatch") != "NotOlderThan":
            raise bad_request("sendInitialEvents requires resourceVersionMatch=NotOlderThan")
        shape = self._shape(request, kind)
        include = query.get("includeObject", "Metadata")

        def shaped(obj: Obj) -> Obj:
            if shape is _as_table:
                metadata = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
                return tables.table(kind.stored_as, [obj], metadata, self.api.clock(), include)
            return tables.partial_metadata(obj) if shape is _as_metadata else obj

        response = web.StreamResponse(
            headers={"Content-Type": "application/json", "Cache-Control": "no-cache, private"}
        )
        response.enable_chunked_encoding()
        # A client that hangs up is the usual end of a watch.
        with suppress(ConnectionResetError):
            await response.prepare(request)
            async with aclosing(watch.events(self.api, asked, self.ended)) as events:
                async for event, obj in events:
                    plain = event == "BOOKMARK"
                    await response.write(watch.encode(event, obj, _same if plain else shaped))
            await response.write_eof()
        return response

    def _shape(self, request: web.Request, kind: Kind) -> Callable[[Any], Any]:
        """How the client wants objects: the first form of its Accept header that is known."""
        accept = request.headers.get("Accept", "*/*")
        for choice in accept.split(","):
            fields = dict(part.strip().partition("=")[::2] for part in choice.split(";")[1:])
            media = choice.split(";")[0].strip()
            if media not in ("application/json", "*/*", "application/*", "application/yaml", ""):
                continue
            form = fields.get("as", "")
            if form == "Table" and fields.get("v", "v1") == "v1":
                return _as_table
            if form in ("PartialObjectMetadata", "PartialObjectMetadataList"):
                return _as_metadata
            if not form:
                return _same
        raise not_acceptable(["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"])


def _same(obj: Any) -> Any:
    return obj


def _as_table(obj: Any) -> Any:
    return obj


def _as_metadata(obj: Any) -> Any:
    return obj


def _dry_run(query: Mapping[str, str]) -> bool:
    value = query.get("dryRun", "")
    if value not in ("", "All"):
        raise bad_request(f'invalid dryRun "{value}": the only supported value is "All"')
    return value == "All"
