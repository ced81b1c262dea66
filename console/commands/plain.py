"""Values of the console as plain JSON: times as ISO 8601 UTC, spans in seconds, enumerations by their word."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from math import isfinite
from pathlib import Path
from typing import Any


def plain(value: Any) -> Any:
    """`value` as what json.dumps takes. NaN and infinities become strings, for JSON has none."""
    if isinstance(value, Enum):
        return value.name if isinstance(value.value, int) else value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    return value


def as_json(value: Any) -> str:
    """`value` as indented JSON text."""
    return json.dumps(plain(value), indent=2, ensure_ascii=False)
