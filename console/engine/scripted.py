"""Scripted metrics: what a metric says at each point of its grid, by a script instead of a source."""

from __future__ import annotations

from bisect import bisect_right, insort
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from console.core.series import EPOCH, Sample, Series, grid_point

FOREVER = datetime.max.replace(tzinfo=UTC)
NOTHING = timedelta(0)


@dataclass(frozen=True, slots=True)
class Level:
    """One value, in the metric's base unit."""

    value: float


@dataclass(frozen=True, slots=True)
class Ramp:
    """From one value to another in a straight line that takes `over`, and then the other."""

    first: float
    last: float
    over: timedelta


@dataclass(frozen=True, slots=True)
class Flap:
    """One value for half of each period, then the other."""

    one: float
    other: float
    period: timedelta


@dataclass(frozen=True, slots=True)
class Failing:
    """A health check that fails: its failures in a row grow by one at each point."""


@dataclass(frozen=True, slots=True)
class Gone:
    """No samples: the source answers, and there is nothing."""


@dataclass(frozen=True, slots=True)
class Broken:
    """Reading fails with this sentence. What was measured meanwhile can be read afterwards where a server keeps it."""

    error: str


Shape = Level | Ramp | Flap | Failing | Gone | Broken


@dataclass(frozen=True, slots=True)
class Piece:
    """A shape from `begin` until before `end`."""

    begin: datetime
    end: datetime
    shape: Shape


class Signal:
    """A metric's script. Of pieces that overlap the one that began last counts; where there is none, the usual value.

    kept: a server keeps the samples while nobody watches, so that they can be read later; else they are the console's
    own, and a point at which the console did not look has none. version: grows whenever the script is added to.
    """

    def __init__(self, step: timedelta, *, kept: bool) -> None:
        self.step = step
        self.kept = kept
        self.version = 0
        self._usual: list[tuple[datetime, float]] = []
        self._pieces: list[Piece] = []
        self._lost: list[Piece] = []
        self._unread: list[Piece] = []
        self._edges: list[datetime] = []
        self._held: list[Sample | None] = []
        self._first = 0

    def usually(self, since: datetime, value: float) -> None:
        """What it says from `since` on where no piece speaks."""
        if not self._usual or self._usual[-1][1] != value:
            self._usual.append((since, value))
            self._edge(since)

    def add(self, piece: Piece) -> None:
        """One more piece; it begins now or later."""
        if self.kept and isinstance(piece.shape, Broken):
            self.unreadable(piece.begin, piece.end, piece.shape.error)
            return
        self._pieces.append(piece)
        self._edge(piece.begin)
        self._edge(piece.end)
        if isinstance(piece.shape, Ramp):
            self._edge(piece.begin + piece.shape.over)

    def lose(self, begin: datetime, end: datetime) -> None:
        """No point from `begin` until before `end` is ever measured."""
        self._lost.append(Piece(begin, end, Gone()))
        self._edge(begin)
        self._edge(end)

    def unreadable(self, begin: datetime, end: datetime, error: str) -> None:
        """Reading fails with this sentence from `begin` until before `end`."""
        self._unread.append(Piece(begin, end, Broken(error)))
        self._edge(begin)
        self._edge(end)

    def edges(self, after: datetime, until: datetime) -> list[datetime]:
        """Every moment in (after, until] at which the script changes course, in order."""
        start, stop = bisect_right(self._edges, after), bisect_right(self._edges, until)
        found = self._edges[start:stop]
        flapping = [piece for piece in self._pieces if isinstance(piece.shape, Flap)]
        for piece in flapping:
            assert isinstance(piece.shape, Flap)
            half = piece.shape.period / 2
            at = piece.begin + max(0, (after - piece.begin) // half + 1) * half
            while at <= until and at < piece.end:
                found.append(at)
                at += half
        return sorted(set(found)) if flapping else found

    @property
    def holed(self) -> bool:
        """Whether there are points without a sample, or times at which nothing can be read."""
        silent = any(isinstance(piece.shape, Gone | Broken) for piece in self._pieces)
        return silent or bool(self._lost) or bool(self._unread)

    def sloping(self, begin: datetime, end: datetime) -> bool:
        """Whether a line rises or falls anywhere between."""
        return any(
            isinstance(piece.shape, Ramp)
            and piece.begin <= end
            and begin <= min(piece.end, piece.begin + piece.shape.over)
            for piece in self._pieces
        )

    def value(self, at: datetime) -> float | None:
        """What is measured at a moment; None where nothing is."""
        if any(piece.begin <= at < piece.end for piece in self._lost):
            return None
        piece = self._speaking(at)
        match piece.shape if piece is not None else None:
            case Level(value):
                return value
            case Ramp(first, last, over):
                assert piece is not None
                return last if at - piece.begin >= over else first + (last - first) * ((at - piece.begin) / over)
            case Flap(one, other, period):
                assert piece is not None
                return one if (at - piece.begin) % period < period / 2 else other
            case Failing():
                assert piece is not None
                return float((at - piece.begin) // self.step + 1)
            case Gone() | Broken():
                return None
        return self._usual_at(at)

    def error(self, now: datetime) -> tuple[str, datetime] | None:
        """What reading fails with at a moment, and since when."""
        speaking = self._speaking(now)
        broken = [speaking] if speaking is not None else []
        broken += [piece for piece in self._unread if piece.begin <= now < piece.end]
        for piece in broken:
            if isinstance(piece.shape, Broken):
                return piece.shape.error, piece.begin
        return None

    def series(self, now: datetime, reach: timedelta, read: datetime | None = None) -> Series:
        """What there was by `now`, at least `reach` far back. read: when it is read, where that is later."""
        failure = self.error(read or now)
        end = grid_point(now, self.step)
        if failure is not None and failure[1] <= end:
            end = grid_point(failure[1] - timedelta(microseconds=1), self.step)
        first = (now - reach - EPOCH) // self.step
        samples = self._samples(first, (end - EPOCH) // self.step)
        if (older := self._before(first)) is not None:
            samples.insert(0, older)
        return Series(self.step, tuple(samples), failure and failure[0], end=end if self.kept else None)

    def changed(self, since: datetime) -> None:
        """Forget what was worked out ahead of `since`."""
        keep = max(0, (since - EPOCH) // self.step - self._first)
        del self._held[keep:]

    def _edge(self, at: datetime) -> None:
        self.version += 1
        if at < FOREVER:
            insort(self._edges, at)

    def _speaking(self, at: datetime) -> Piece | None:
        found: Piece | None = None
        for piece in self._pieces:
            if piece.begin <= at < piece.end and (found is None or piece.begin >= found.begin):
                found = piece
        return found

    def _usual_at(self, at: datetime) -> float | None:
        if not self._usual:
            return None
        return next((value for since, value in reversed(self._usual) if since <= at), self._usual[0][1])

    def _samples(self, first: int, last: int) -> list[Sample]:
        """The samples at the grid's points from `first` to `last`, counted from the epoch; kept for the next call."""
        if not self._first <= first <= self._first + len(self._held):
            self._held, self._first = [], first
        if first - self._first > 2 * (last - first) + 1000:
            del self._held[: first - self._first]
            self._first = first
        while (next_one := self._first + len(self._held)) <= last:
            self._extend(next_one, last)
        held = self._held[first - self._first : last + 1 - self._first]
        return [sample for sample in held if sample is not None]

    def _extend(self, first: int, last: int) -> None:
        """Work out points from `first` on: up to the next edge at once where the value does not change before it."""
        at = EPOCH + self.step * first
        value, speaking = self.value(at), self._speaking(at)
        if speaking is not None and isinstance(speaking.shape, Ramp | Flap | Failing):
            self._held.append(None if value is None else Sample(at, value))
            return
        place = bisect_right(self._edges, at)
        if place < len(self._edges):
            last = min(last, (self._edges[place] - timedelta(microseconds=1) - EPOCH) // self.step)
        count = last - first + 1
        if value is None:
            self._held.extend([None] * count)
        else:
            self._held.extend([Sample(at + self.step * number, value) for number in range(count)])

    def _before(self, first: int) -> Sample | None:
        """The newest sample before a point of the grid, so that what was once seen is known to have been."""
        at = EPOCH + self.step * (first - 1)
        for edge in (at, *(grid_point(edge - timedelta(microseconds=1), self.step) for edge in reversed(self._edges))):
            if edge <= at and (value := self.value(edge)) is not None:
                return Sample(edge, value)
        return None
