"""Request bodies: objects as JSON or YAML, and the four patch formats."""

from __future__ import annotations

import json
from typing import Any

import yaml
from aiohttp import web

from console.sandbox.kube import patches, protobuf
from console.sandbox.kube.api import Api
from console.sandbox.kube.errors import (
    ApiError,
    Cause,
    bad_request,
    invalid,
    unprocessable,
    unsupported_media_type,
)
from console.sandbox.kube.kinds import Kind
from console.sandbox.kube.objects import Obj, clone
from console.sandbox.kube.serverside import applied
from console.sandbox.kube.subresources import scale_of, with_scale

_BODIES = ("application/json", "application/yaml", protobuf.MEDIA)
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


def _parsed(text: str, media: str) -> Any:
    try:
        return yaml.safe_load(text) if media.endswith("yaml") else json.loads(text)
    except (ValueError, yaml.YAMLError) as error:
        raise bad_request(f"the object provided is unrecognized (must be of type {media}): {error}") from None


async def read_body(request: web.Request) -> Obj:
    """The object of a request; raises ApiError 400 and 415."""
    media = request.content_type if "Content-Type" in request.headers else "application/json"
    if media == protobuf.MEDIA:
        try:
            return protobuf.decode(await request.read())
        except (protobuf.ProtobufError, UnicodeDecodeError) as error:
            raise ApiError(415, "UnsupportedMediaType", f"{media}: {error}") from None
    if media not in ("application/json", "application/yaml", "text/yaml"):
        raise unsupported_media_type(_BODIES)
    text = await request.text()
    if not text.strip():
        return {}
    body = _parsed(text, media)
    if not isinstance(body, dict):
        raise bad_request("the body of the request is not an object")
    return body


async def apply_patch(
    api: Api, request: web.Request, kind: Kind, namespace: str, name: str, *, part: str, dry_run: bool
) -> tuple[Obj, bool]:
    """Patch an object, or one of its parts `status` and `scale`; gives the object and whether it was created.

    Raises ApiError: 415 for another format, 400 and 422 for a patch that cannot be applied, 409 for a resourceVersion
    in it that is not the newest.
    """
    media = request.content_type
    accepted = [JSON_PATCH, MERGE_PATCH, APPLY_PATCH] + ([STRATEGIC_PATCH] if kind.strategic else [])
    if media not in accepted:
        raise unsupported_media_type(accepted)
    patch = _parsed(await request.text(), media)
    if media == APPLY_PATCH:
        manager = request.query.get("fieldManager", "")
        if not manager:
            detail = "Required value: is required for apply patch"
            raise invalid(kind, "", [Cause("fieldManager", "FieldValueRequired", detail)])
        if not isinstance(patch, dict):
            raise bad_request("the body of an apply patch is an object")
        if part == "scale":
            raise unsupported_media_type([JSON_PATCH, MERGE_PATCH])
        return applied(api, kind, namespace, name, patch, manager, part=part, dry_run=dry_run)
    if media != JSON_PATCH and not isinstance(patch, dict):
        raise bad_request("the body of a merge patch is an object")

    def edit(obj: Obj) -> Obj:
        if part == "scale":
            return with_scale(obj, _patched(media, scale_of(obj), patch))
        return _patched(media, obj, patch)

    return api.change(kind, namespace, name, edit, part="" if part == "scale" else part, dry_run=dry_run), False


def _patched(media: str, obj: Obj, patch: Any) -> Obj:
    try:
        match media:
            case "application/json-patch+json":
                result = patches.json_patch(obj, patch)
            case "application/merge-patch+json":
                result = patches.merge_patch(obj, patch)
            case _:
                result = patches.strategic_merge_patch(obj, clone(patch))
    except patches.NotApplicable:
        raise unprocessable() from None
    except patches.PatchError as error:
        raise ApiError(400, "BadRequest", str(error)) from None
    if not isinstance(result, dict):
        raise unprocessable()
    return result
