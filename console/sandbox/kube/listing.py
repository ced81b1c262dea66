"""Lists: selection, paging from a consistent snapshot, and what each resourceVersion parameter means."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass

from console.sandbox.kube.api import Api
from console.sandbox.kube.conversions import present
from console.sandbox.kube.errors import ApiError, Cause, bad_request, continue_expired, invalid
from console.sandbox.kube.kinds import Kind
from console.sandbox.kube.objects import Obj, name_of, namespace_of
from console.sandbox.kube.selectors import Match, field_selector, label_selector
from console.sandbox.kube.store import Store
from console.sandbox.kube.watch import parse_revision


@dataclass(frozen=True, slots=True)
class Page:
    """The objects of one answer and the list's metadata."""

    items: list[Obj]
    metadata: Obj


def selection(kind: Kind, query: Mapping[str, str]) -> Match:
    """The test that labelSelector and fieldSelector stand for; raises ApiError 400."""
    labels = label_selector(query.get("labelSelector", ""))
    fields = field_selector(query.get("fieldSelector", ""), kind.stored_as)
    return lambda obj: labels(obj) and fields(obj)


def _too_large(asked: int, current: int) -> ApiError:
    details: Obj = {"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]}
    message = f"Timeout: Too large resource version: {asked}, current: {current}"
    return ApiError(504, "Timeout", message, details, retry_after=1)


def _encode(revision: int, after: tuple[str, str]) -> str:
    token = json.dumps({"v": "meta.k8s.io/v1", "rv": revision, "start": "/".join(after)})
    return base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")


def _decode(text: str) -> tuple[int, tuple[str, str]]:
    try:
        token = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        namespace, _, name = token["start"].partition("/")
        return int(token["rv"]), (namespace, name)
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError):
        raise bad_request("continue key is not valid: illegal base64 data or missing fields") from None


def _snapshot(store: Store, kind: Kind, namespace: str | None, query: Mapping[str, str]) -> tuple[int, list[Obj]]:
    """The revision a first page is taken at, and the objects then."""
    text, match = query.get("resourceVersion", ""), query.get("resourceVersionMatch", "")
    if match not in ("", "Exact", "NotOlderThan"):
        raise invalid(
            kind, "", [Cause("resourceVersionMatch", "FieldValueNotSupported", f'Unsupported value: "{match}"')]
        )
    if match and not text:
        detail = "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
        raise invalid(kind, "", [Cause("resourceVersionMatch", "FieldValueForbidden", detail)])
    revision = parse_revision(text)
    if revision is None:
        return store.revision, store.all(kind.stored_as, namespace)
    if revision > store.revision:
        raise _too_large(revision, store.revision)
    exact = match == "Exact" or (not match and "limit" in query)
    if exact:
        return revision, store.at(kind.stored_as, revision, namespace)
    return store.revision, store.all(kind.stored_as, namespace)


def page(api: Api, kind: Kind, namespace: str | None, query: Mapping[str, str]) -> Page:
    """One page of a list; raises ApiError 400, 410 or 504."""
    matches = selection(kind, query)
    limit_text = query.get("limit", "") or "0"
    if not limit_text.isdigit():
        raise bad_request(f'invalid limit "{limit_text}"')
    limit = int(limit_text)
    after: tuple[str, str] | None = None
    if token := query.get("continue", ""):
        if query.get("resourceVersion", "") not in ("", "0"):
            raise bad_request("specifying resource version is not allowed when using continue")
        revision, after = _decode(token)
        try:
            # Revision -1 is the token handed out with a 410: the rest as it is now.
            revision = api.store.revision if revision == -1 else revision
            objects = api.store.at(kind.stored_as, revision, namespace)
        except ApiError:
            raise continue_expired(_encode(-1, after)) from None
    else:
        revision, objects = _snapshot(api.store, kind, namespace, query)
    rest = [obj for obj in objects if after is None or (namespace_of(obj), name_of(obj)) > after]
    selected = [obj for obj in rest if matches(obj)]
    metadata: Obj = {"resourceVersion": str(revision)}
    if limit and len(selected) > limit:
        left = len(selected) - limit
        selected = selected[:limit]
        metadata["continue"] = _encode(revision, (namespace_of(selected[-1]), name_of(selected[-1])))
        if not query.get("labelSelector") and not query.get("fieldSelector"):
            metadata["remainingItemCount"] = left
    return Page([present(kind, obj) for obj in selected], metadata)
