"""What a step printed, held against what its runbook says to expect."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise

from console.walkthrough.redaction.redact import CONTROL

CONTEXT = 3
# So many pairs of lines are weighed against each other; of more, only what differs at the beginning is lined up.
MOST_PAIRS = 400_000

REST = re.compile(r"\[?(?:\.{3,}|…)\]?|<snip>|\[snip\]", re.IGNORECASE)
# Within a line: any text, or any word.
OPEN = re.compile(r"(?P<text>\[(?:\.{3,}|…)\]|\.{3,}|…)|(?P<word><[A-Za-z][\w .:/-]*>|<<\w+>>|\{\{[^{}]*\}\})")

Step = tuple[str, str]


def difference(expected: str, output: Sequence[str]) -> tuple[str, ...]:
    """The lines of a unified diff from what is expected (-) to what came (+); empty where it is the same.

    Colours, blanks at the ends of lines, empty lines around and the width of columns do not count. `...` in what is
    expected stands for any text, alone in a line for any lines, and `<name>` for any word. Nothing else is guessed: an
    age or an identifier that differs is a difference.
    """
    wanted = _lines(expected.splitlines())
    came = _lines(output)
    steps = _steps(wanted, came)
    return tuple(_unified(steps)) if any(mark != " " for mark, _ in steps) else ()


def _lines(lines: Iterable[str]) -> list[str]:
    plain = [CONTROL.sub("", line).rstrip() for line in lines]
    first = next((place for place, line in enumerate(plain) if line), len(plain))
    last = next((place for place in range(len(plain), first, -1) if plain[place - 1]), first)
    return plain[first:last]


def _is_rest(line: str) -> bool:
    return REST.fullmatch(line.strip()) is not None


@lru_cache(1024)
def _pattern(line: str) -> re.Pattern[str] | None:
    """What a line has to be, where it leaves something open; blanks in it stand for any."""
    if OPEN.search(line) is None:
        return None
    parts: list[str] = []
    last = 0
    for match in OPEN.finditer(line):
        parts += (_literal(line[last : match.start()]), ".*" if match["text"] else r"\S+")
        last = match.end()
    return re.compile("".join([*parts, _literal(line[last:])]))


def _literal(text: str) -> str:
    return r"\s+".join(re.escape(part) for part in re.split(r"\s+", text))


def _fits(wanted: str, came: str) -> bool:
    if wanted == came or wanted.split() == came.split():
        return True
    pattern = _pattern(" ".join(wanted.split()))
    return pattern is not None and pattern.fullmatch(" ".join(came.split())) is not None


def _steps(wanted: list[str], came: list[str]) -> list[Step]:
    """From one to the other: lines kept (as they came), missing (-) and added (+)."""
    first = 0
    while first < min(len(wanted), len(came)) and not _is_rest(wanted[first]) and _fits(wanted[first], came[first]):
        first += 1
    last = 0
    most = min(len(wanted), len(came)) - first
    while last < most and not _is_rest(wanted[-1 - last]) and _fits(wanted[-1 - last], came[-1 - last]):
        last += 1
    middle = _weighed(wanted[first : len(wanted) - last], came[first : len(came) - last])
    return [
        *((" ", line) for line in came[:first]),
        *middle,
        *((" ", line) for line in came[len(came) - last :]),
    ]


def _weighed(wanted: list[str], came: list[str]) -> list[Step]:
    """The fewest changes. A line that stands for any lines is kept as it is written."""
    if len(wanted) * len(came) > MOST_PAIRS:
        return _coarse(wanted, came)
    rest = [_is_rest(line) for line in wanted]
    # costs[i][j]: changes from wanted[i:] to came[j:].
    costs = [[0] * (len(came) + 1) for _ in range(len(wanted) + 1)]
    costs[-1] = list(range(len(came), -1, -1))
    fits = [[not rest[i] and _fits(line, other) for other in came] for i, line in enumerate(wanted)]
    for i in range(len(wanted) - 1, -1, -1):
        here, below = costs[i], costs[i + 1]
        here[-1] = below[-1] + (not rest[i])
        for j in range(len(came) - 1, -1, -1):
            if rest[i]:
                here[j] = min(below[j], here[j + 1])
            elif fits[i][j]:
                here[j] = below[j + 1]
            else:
                here[j] = 1 + min(below[j], here[j + 1])
    steps: list[Step] = []
    i = j = 0
    while i < len(wanted) or j < len(came):
        if i < len(wanted) and rest[i]:
            if j == len(came) or costs[i][j] == costs[i + 1][j]:
                steps.append((" ", wanted[i]))
                i += 1
            else:
                j += 1
        elif i < len(wanted) and j < len(came) and fits[i][j]:
            steps.append((" ", came[j]))
            i, j = i + 1, j + 1
        elif i < len(wanted) and (j == len(came) or costs[i][j] == 1 + costs[i + 1][j]):
            steps.append(("-", wanted[i]))
            i += 1
        else:
            steps.append(("+", came[j]))
            j += 1
    return steps


def _coarse(wanted: list[str], came: list[str]) -> list[Step]:
    """Too much to weigh: lines up to the next one that fits, in the order in which they stand."""
    steps: list[Step] = []
    j = 0
    skip = False
    for line in wanted:
        if _is_rest(line):
            skip = True
            steps.append((" ", line))
            continue
        place = next((place for place in range(j, len(came)) if _fits(line, came[place])), None)
        if place is None:
            steps.append(("-", line))
            continue
        if not skip:
            steps += (("+", other) for other in came[j:place])
        steps.append((" ", came[place]))
        j, skip = place + 1, False
    if not skip:
        steps += (("+", other) for other in came[j:])
    return steps


def _unified(steps: list[Step]) -> list[str]:
    changed = [place for place, (mark, _) in enumerate(steps) if mark != " "]
    begins = [changed[0]] + [later for sooner, later in pairwise(changed) if later - sooner > 2 * CONTEXT]
    ends = [sooner for sooner, later in pairwise(changed) if later - sooner > 2 * CONTEXT] + [changed[-1]]
    lines = ["--- expected", "+++ got"]
    for begin, end in zip(begins, ends, strict=True):
        begin, end = max(0, begin - CONTEXT), min(len(steps), end + CONTEXT + 1)
        sizes = []
        for sign, other in (("-", "+"), ("+", "-")):
            before = sum(mark != other for mark, _ in steps[:begin])
            count = sum(mark != other for mark, _ in steps[begin:end])
            sizes.append(f"{sign}{before + (count > 0)},{count}")
        lines.append(f"@@ {' '.join(sizes)} @@")
        lines += [mark + text for mark, text in steps[begin:end]]
    return lines
