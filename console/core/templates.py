"""Pod templates as text: told apart by digest, and kept from showing or storing a secret that is written into them."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

HIDDEN = "(hidden)"
_SECRET_NAME = re.compile(r"PASS|PWD|SECRET|TOKEN|KEY|CREDENTIAL|AUTH|DSN|PRIVATE", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"://[^/\s:@]*:[^/\s@]+@|-----BEGIN |eyJ[\w-]{10,}\.|AKIA[0-9A-Z]{16}")
# A name that ends as those of secrets do; `EMERGENCY_BYPASS`, `AUTH_MODE` and `MAX_TOKENS` do not.
_NAMED_SECRET = re.compile(
    r"(?:(?<!BY)PASS|PASSWORD|PASSWD|PASSPHRASE|PWD|SECRETS?|TOKEN|CREDENTIALS?|(?:^|_|API)KEY|(?:^|_)AUTH|DSN)_?\d*$",
    re.IGNORECASE,
)
_SWITCH = re.compile(r"true|false|on|off|yes|no", re.IGNORECASE)


def digest(template: str) -> str:
    """SHA-256 of a template's text, hex; two templates with one digest are the same."""
    return hashlib.sha256(template.encode()).hexdigest()


def masked(template: str) -> str:
    """The template with the literal values hidden that look like secrets: by the variable's name, or by their own look.

    References to Secrets are no literal values and stay. A text that is no JSON comes back as it is.
    """
    try:
        found = json.loads(template)
    except ValueError:
        return template
    return json.dumps(_masked(found), sort_keys=True, separators=(",", ":"))


def holds_secret(template: str) -> bool:
    """Whether a literal value in the template looks like a secret, so that its text must not be stored."""
    try:
        found = json.loads(template)
    except ValueError:
        return bool(_SECRET_VALUE.search(template))
    return bool(_masked(found) != found)


def looks_secret(name: str, value: str) -> bool:
    """Whether a literal value of a variable is one that must not be written into a file: by its look, or by the name.

    Narrower than what is hidden, for what is hidden by mistake does no harm, and what is refused by mistake does.
    """
    if _SECRET_VALUE.search(value):
        return True
    return bool(_NAMED_SECRET.search(name)) and not _SWITCH.fullmatch(value)


def _masked(value: Any) -> Any:
    if isinstance(value, list):
        return [_masked(item) for item in value]
    if isinstance(value, str):
        return HIDDEN if _SECRET_VALUE.search(value) else value
    if not isinstance(value, dict):
        return value
    named = value.get("name")
    if isinstance(named, str) and isinstance(value.get("value"), str) and value["value"] and _SECRET_NAME.search(named):
        return {**value, "value": HIDDEN}
    return {key: _masked(item) for key, item in value.items()}
