"""The front matter of a runbook: YAML between `---`, or TOML between `+++`, as attributes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

OPENING = re.compile(r"(---|\+\+\+)[ \t]*\n")
# A runbook says a few words of itself; reading more of it as YAML would take longer than the rest of the file.
LARGEST = 64_000


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """lines: how many lines it has, both fences included; 0 where there is none. fault: a line and what is wrong."""

    lines: int = 0
    attributes: dict[str, object] = field(default_factory=dict)
    fault: tuple[int, str] | None = None


def front_matter_of(text: str) -> FrontMatter:
    """The front matter at the head of a text, whose line ends are `\\n`."""
    opening = OPENING.match(text)
    if opening is None:
        return FrontMatter()
    fence = re.escape(opening[1])
    closing = re.compile(rf"^(?:{fence}|\.\.\.)[ \t]*$" if opening[1] == "---" else rf"^{fence}[ \t]*$", re.MULTILINE)
    end = closing.search(text, opening.end())
    if end is None:
        # A rule at the head of the page, and no front matter at all.
        return FrontMatter()
    body = text[opening.end() : end.start()]
    lines = text.count("\n", 0, end.start()) + 1
    if opening[1] == "---" and not _is_meant(body):
        return FrontMatter()
    if len(body) > LARGEST:
        return FrontMatter(lines, fault=(1, "the front matter is larger than 64 kB; it is left out"))
    return _toml(body, lines) if opening[1] == "+++" else _yaml(body, lines)


def _is_meant(body: str) -> bool:
    """Whether this is front matter, and not a page between two rules: its first line says something of a name."""
    first = next((line for line in body.split("\n") if line.strip() and not line.lstrip().startswith("#")), "")
    return not first or bool(re.match(r"""\s*["']?[\w.$-]+["']?\s*:|\s*[{\[]""", first))


def _yaml(body: str, lines: int) -> FrontMatter:
    import yaml

    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        # Every scalar as text: a date that is none, or a huge number, is not for us to judge.
        found = yaml.load(body, Loader=loader)
    except yaml.MarkedYAMLError as error:
        row = error.problem_mark.line if error.problem_mark is not None else 0
        what = (error.problem or "it cannot be read").replace("\n", " ")
        return FrontMatter(lines, fault=(min(row + 2, lines), f"the front matter is not YAML: {what}; it is left out"))
    except (yaml.YAMLError, ValueError, RecursionError, TypeError) as error:
        what = str(error).partition("\n")[0] or "it cannot be read"
        return FrontMatter(lines, fault=(1, f"the front matter is not YAML: {what}; it is left out"))
    return _checked(found, lines)


def _toml(body: str, lines: int) -> FrontMatter:
    import tomllib

    try:
        found = tomllib.loads(body)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return FrontMatter(lines, fault=(1, f"the front matter is not TOML: {error}; it is left out"))
    return _checked(found, lines)


def _checked(found: object, lines: int) -> FrontMatter:
    if found in (None, ""):
        return FrontMatter(lines)
    if not isinstance(found, dict):
        return FrontMatter(lines, fault=(1, "the front matter has no names with values; it is left out"))
    attributes = {str(name): value for name, value in found.items()}
    # Runme keeps what is its own under its name.
    own = attributes.get("runme")
    if isinstance(own, dict):
        attributes |= {str(name): value for name, value in own.items() if str(name) not in ("id", "version")}
    return FrontMatter(lines, attributes)
