"""What a patch or a manifest would do to objects of a cluster."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from console.walkthrough.danger.findings import Finding, cannot_tell, changes, destroys
from console.walkthrough.danger.words import Word

_OPEN = re.compile(r"\$\{[^}]*\}|\$\w+|\$\([^)]*\)|`[^`]*`")
_STAND_IN = 987654321
# Where quotes got lost on the way, the data says less than the text.
_ZERO = re.compile(r"\breplicas[\\\"']*\s*:\s*[\\\"']*0+\b(?!\.)")


def judge_patch(body: Word, what: str) -> Finding:
    """A merge, strategic or JSON patch as JSON or YAML; open parts in it may be values, but not replica counts."""
    data = _load(body)
    if not isinstance(data, dict | list):
        return cannot_tell(f"the patch of {what} cannot be read")
    replicas = list(_replicas(data))
    if any(_is_zero(value) for value in replicas) or _ZERO.search(body.text):
        return destroys(f"scales {what} to 0 replicas")
    if any(not isinstance(value, int | type(None)) or value == _STAND_IN for value in replicas):
        return cannot_tell(f"to how many replicas {what} is scaled cannot be told")
    if _drops_finalizers(data):
        return destroys(f"takes the finalizers from {what}: what waits for its deletion goes at once")
    return changes(f"patches {what}")


def judge_manifest(body: Word) -> Finding | None:
    """Manifests that scale something to nothing; None where they do not, or cannot be read."""
    import yaml

    try:
        documents = list(yaml.safe_load_all(_OPEN.sub(str(_STAND_IN), body.text)))
    except (yaml.YAMLError, ValueError):
        return None
    for document in documents:
        if isinstance(document, dict) and any(_is_zero(value) for value in _replicas(document)):
            metadata = document.get("metadata")
            name = str(metadata.get("name", "")) if isinstance(metadata, dict) else ""
            kind = str(document.get("kind", "object")).lower()
            return destroys(f"scales {name or kind} to 0 replicas", ((kind, name),), target=name)
    return None


def _load(body: Word) -> Any:
    text = body.text if body.known else _OPEN.sub(str(_STAND_IN), body.text)
    try:
        return json.loads(text)
    except ValueError:
        pass
    import yaml

    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return None


def _is_zero(value: object) -> bool:
    if isinstance(value, str):
        return value.strip().isdigit() and int(value) == 0
    return isinstance(value, int | float) and not isinstance(value, bool) and value == 0


def _replicas(data: Any) -> Iterator[Any]:
    """Every replica count that the data sets."""
    stack = [data]
    while stack:
        top = stack.pop()
        if isinstance(top, dict):
            path = top.get("path")
            if isinstance(path, str) and path.rstrip("/").endswith("replicas") and top.get("op") in ("add", "replace"):
                yield top.get("value")
            for key, value in top.items():
                if key == "replicas" and not isinstance(value, dict | list):
                    yield value
            stack.extend(top.values())
        elif isinstance(top, list):
            stack.extend(top)


def _drops_finalizers(data: Any) -> bool:
    if isinstance(data, dict):
        metadata = data.get("metadata")
        spec = data.get("spec")
        return any(
            isinstance(part, dict) and "finalizers" in part and not part["finalizers"] for part in (metadata, spec)
        )
    return any(
        isinstance(step, dict)
        and "/finalizers" in str(step.get("path", ""))
        and (step.get("op") == "remove" or not step.get("value"))
        for step in data
    )
