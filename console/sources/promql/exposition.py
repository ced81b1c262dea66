"""The text that `/metrics` gives: Prometheus's format 0.0.4 and OpenMetrics 1.0, as far as samples go."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from console.sources.promql.labels import NAME, Labels, labels_of


class BrokenExposition(ValueError):
    """The text is not in the format; the message says which line and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Exposed:
    """One sample. at: its own time in ms, or None where the line gives none."""

    labels: Labels
    value: float
    at: int | None


# name, labels, value, time, and what OpenMetrics adds after a # (an exemplar)
_SAMPLE = re.compile(
    r"[ \t]*(?P<series>(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)[ \t]*"
    r"(?:\{(?P<labels>(?:[^\"}]|\"(?:[^\"\\]|\\.)*\")*)\})?)"
    r"[ \t]*(?<=[ \t}])(?P<value>[^\s#]+)(?:[ \t]+(?P<time>[^\s#]+))?[ \t]*(?P<exemplar>#.*)?$"
)
_LABEL = re.compile(r"[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*\"((?:[^\"\\]|\\.)*)\"[ \t]*(,|$)")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
OPENMETRICS = "application/openmetrics-text"


class Exposition:
    """Reads the text of one target again and again; what a line's labels mean is kept between two readings.

    wanted: which metric names are of interest; every line is checked, but only these give samples. finish: makes a
    target's labels of a line's labels.
    """

    def __init__(self, wanted: Callable[[str], bool], finish: Callable[[dict[str, str]], Labels] = labels_of) -> None:
        self._wanted = wanted
        self._finish = finish
        self._known: dict[str, Labels | None] = {}

    def read(self, text: str, *, openmetrics: bool) -> list[Exposed]:
        """The samples of interest, in the text's order. Raises BrokenExposition."""
        known: dict[str, Labels | None] = {}
        found = list(self._samples(text, known, openmetrics=openmetrics))
        # Only what this text holds is kept: a target that renames its series must not fill the memory.
        self._known = known
        return found

    def _samples(self, text: str, known: dict[str, Labels | None], *, openmetrics: bool) -> Iterator[Exposed]:
        ended = False
        scale = 1000.0 if openmetrics else 1.0
        for number, line in enumerate(text.split("\n"), start=1):
            if ended and line.strip():
                raise BrokenExposition(f"line {number} comes after # EOF")
            if not line or line.lstrip()[:1] in ("#", ""):
                ended = ended or (openmetrics and line.strip() == "# EOF")
                continue
            head, _, tail = line.rpartition(" ")
            if head in self._known:
                # Most lines are a series that was there before and a bare value.
                labels = known[head] = self._known[head]
                value, at = _number(tail.rstrip(), number), None
            else:
                match = _SAMPLE.match(line.rstrip("\r"))
                if match is None or (match["exemplar"] and not openmetrics):
                    raise BrokenExposition(f"line {number} is no sample: {line[:80]!r}")
                labels = known[match["series"]] = self._labels(match, number)
                value = _number(match["value"], number)
                at = round(_number(match["time"], number) * scale) if match["time"] else None
            if labels is not None:
                yield Exposed(labels, value, at)
        if openmetrics and not ended:
            raise BrokenExposition("the text does not end with # EOF, it was cut off")

    def _labels(self, match: re.Match[str], number: int) -> Labels | None:
        series = match["series"]
        if series in self._known:
            return self._known[series]
        pairs = {}
        text, position = match["labels"] or "", 0
        while text[position:].strip():
            label = _LABEL.match(text, position)
            if label is None or label[1] in pairs:
                raise BrokenExposition(f"line {number} has labels that cannot be read: {text[:80]!r}")
            pairs[label[1]] = _unescaped(label[2])
            position = label.end()
        if not self._wanted(match["name"]):
            return None
        return self._finish({**pairs, NAME: match["name"]})


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    return _ESCAPED.sub(lambda found: "\n" if found[1] == "n" else found[1] if found[1] in '\\"' else found[0], text)


def _number(text: str, line: int) -> float:
    """As Go's ParseFloat reads it."""
    if "_" not in text and text.isascii():
        try:
            return float.fromhex(text) if "x" in text or "X" in text else float(text)
        except (ValueError, OverflowError):
            pass
    raise BrokenExposition(f"line {line} has {text[:40]!r} where a number must be")
