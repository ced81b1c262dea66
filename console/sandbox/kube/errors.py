"""The errors of the API, each with the Status body that a kube-apiserver answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.sandbox.kube.objects import Obj

if TYPE_CHECKING:
    from console.sandbox.kube.kinds import Kind


class ApiError(Exception):
    """An answer other than success."""

    def __init__(
        self, code: int, reason: str, message: str, details: Obj | None = None, *, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.retry_after = retry_after
        self.continue_token = ""

    def status(self) -> Obj:
        """The metav1.Status body."""
        body: Obj = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {"continue": self.continue_token} if self.continue_token else {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        }
        details = dict(self.details or {})
        if self.retry_after is not None:
            details["retryAfterSeconds"] = self.retry_after
        if details or self.details is not None:
            body["details"] = details
        body["code"] = self.code
        return body


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing wrong with a field, worded as apimachinery's field errors."""

    field: str
    reason: str
    message: str


def _details(kind: Kind, name: str = "") -> Obj:
    details: Obj = {}
    if name:
        details["name"] = name
    if kind.group:
        details["group"] = kind.group
    details["kind"] = kind.plural
    return details


def not_found(kind: Kind, name: str) -> ApiError:
    """404 for an object."""
    return ApiError(404, "NotFound", f'{kind.resource} "{name}" not found', _details(kind, name))


def no_such_resource() -> ApiError:
    """404 for a path of a group and version that has no such kind or part."""
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(kind: Kind, name: str) -> ApiError:
    """409 for a create."""
    return ApiError(409, "AlreadyExists", f'{kind.resource} "{name}" already exists', _details(kind, name))


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def conflict(kind: Kind, name: str, why: str = MODIFIED) -> ApiError:
    """409 for a write from an old version, or with a precondition that does not hold."""
    message = f'Operation cannot be fulfilled on {kind.resource} "{name}": {why}'
    return ApiError(409, "Conflict", message, _details(kind, name))


def invalid(kind: Kind, name: str, causes: Sequence[Cause]) -> ApiError:
    """422 with every field that is wrong."""
    texts = [f"{cause.field}: {cause.message}" for cause in causes]
    listed = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    qualified = f"{kind.name}.{kind.group}" if kind.group else kind.name
    details: Obj = {"name": name}
    if kind.group:
        details["group"] = kind.group
    details["kind"] = kind.name
    details["causes"] = [{"reason": c.reason, "message": c.message, "field": c.field} for c in causes]
    return ApiError(422, "Invalid", f'{qualified} "{name}" is invalid: {listed}', details)


def unprocessable() -> ApiError:
    """422 for a JSON patch that cannot be applied, such as a failed `test`."""
    return ApiError(422, "Invalid", "the server rejected our request due to an error in our request")


def bad_request(message: str) -> ApiError:
    """400."""
    return ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    """401."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def forbidden(kind: Kind, name: str, why: str, causes: list[Obj] | None = None) -> ApiError:
    """403."""
    details = _details(kind, name)
    if causes:
        details["causes"] = causes
    target = f'{kind.resource} "{name}"' if name else kind.resource
    return ApiError(403, "Forbidden", f"{target} is forbidden: {why}", details)


def method_not_allowed() -> ApiError:
    """405."""
    return ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {})


def unsupported_media_type(accepted: Sequence[str]) -> ApiError:
    """415."""
    listed = ", ".join(accepted)
    return ApiError(
        415,
        "UnsupportedMediaType",
        f"the body of the request was in an unknown format - accepted media types include: {listed}",
    )


def not_acceptable(accepted: Sequence[str]) -> ApiError:
    """406."""
    listed = ", ".join(accepted)
    return ApiError(406, "NotAcceptable", f"only the following media types are accepted: {listed}")


def expired(asked: int, oldest: int) -> ApiError:
    """410 for a resourceVersion whose history is gone."""
    return ApiError(410, "Expired", f"too old resource version: {asked} ({oldest})")


def continue_expired(fresh: str) -> ApiError:
    """410 for a page token whose history is gone; `fresh` continues without the consistent snapshot."""
    error = ApiError(
        410,
        "Expired",
        "The provided continue parameter is too old to display a consistent list result. You can start a new list "
        "without the continue parameter, or use the continue token in this response to retrieve the remainder of the "
        "results. Continuing with the provided token results in an inconsistent list - objects that were created, "
        "modified, or deleted between the time the first chunk was returned and now may show up in the list.",
    )
    error.continue_token = fresh
    return error
