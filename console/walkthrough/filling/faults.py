"""Whether an answer can be what a placeholder asks for."""

from __future__ import annotations

import re

from console.core.runbooks.filling import Placeholder, Want
from console.walkthrough.filling.forms import looks_like_one

MOST = 4096
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x80-\x9f\u2028\u2029]")
# What a name must not do wherever it stands: begin with a dash, and be taken for an option.
_LOOSE = frozenset((Want.TEXT, Want.SECRET))


def fault_of(placeholder: Placeholder, value: str) -> str:
    """Why a value is not taken, in one sentence; empty where it is. Names of Kubernetes are as in RFC 1123."""
    written, want = placeholder.written, placeholder.want
    if not value:
        return f"{written} is empty: give a value"
    if len(value) > MOST:
        return f"{written} takes at most {MOST:,} characters and this has {len(value):,}: give a shorter one"
    if _CONTROL.search(value):
        return f"{written} takes one line of text without control characters: give it without"
    if any("\ud800" <= char <= "\udfff" for char in value):
        return f"{written} has a character that is not text: give it without"
    if want is Want.SECRET:
        return ""
    if looks_like_one(value):
        return f"{value[:60]} is itself a placeholder: give the value that {written} stands for"
    if want not in _LOOSE and value.startswith("-"):
        return (
            f"{written} asks for a {want.value} and {value[:60]} would be taken for an option: begin it without a dash"
        )
    return _fault_of_kind(written, want, value)


def _fault_of_kind(written: str, want: Want, value: str) -> str:
    shown = value if len(value) <= 60 else value[:59] + "…"
    if want in (Want.POD, Want.DEPLOYMENT) and not (_SUBDOMAIN.fullmatch(value) and len(value) <= 253):
        return f"{shown} cannot be a {want.value}'s name: use lower case letters, digits, - and ., at most 253"
    if want in (Want.NAMESPACE, Want.CONTAINER) and not _is_label(want, value):
        return f"{shown} cannot be a {want.value}'s name: use lower case letters, digits and -, at most 63"
    if want is Want.NUMBER and not re.fullmatch(r"[0-9]+(\.[0-9]+)?%?", value):
        return f"{shown} is not a number: {written} takes digits"
    if want is Want.PORT and not (re.fullmatch(r"[0-9]{1,5}", value) and 1 <= int(value) <= 65535):
        return f"{shown} is not a port: {written} takes a number from 1 to 65535"
    if want is Want.DURATION and not re.fullmatch(r"([0-9]+(\.[0-9]+)?(ns|us|ms|[smhdwy])?)+", value):
        return f"{shown} is not a duration: {written} takes one like 30s, 5m or 1h30m"
    if want is Want.URL and not re.fullmatch(
        r"([A-Za-z][A-Za-z0-9+.-]*://)?[^\s/:?#\"'<>]+(:[0-9]+)?([/?#][^\s\"'<>]*)?", value
    ):
        return f"{shown} is not a URL: {written} takes one like https://host/path"
    if want is Want.HOST and not re.fullmatch(r"[A-Za-z0-9._:\[\]@,-]+", value):
        return f"{shown} is not a host: {written} takes a name or an address"
    if want is Want.VERSION and re.search(r"\s", value):
        return f"{shown} is not a version: {written} takes one without spaces"
    return ""


def _is_label(want: Want, value: str) -> bool:
    if want is Want.NAMESPACE:
        return bool(re.fullmatch(_LABEL, value))
    # A container outside Kubernetes may be called by more: Docker takes these.
    return bool(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,252}", value))
