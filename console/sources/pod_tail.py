"""Following the logs of pods as they come and go, over streams that somebody else opens."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Protocol

from console.sources.base import SourceError
from console.sources.log_stream import Assembler, Sink, at, marker

MOST_PODS = 40
OVERLAP = timedelta(seconds=5)
REMEMBERED = 2_000
COMPARED = 50
MOST_HELD_BACK = 20_000
GIVE_UP_AFTER = 2.0
SHORTEST_PAUSE = 0.1
LONGEST_PAUSE = 10.0
SUPERVISE_EVERY = 0.5
LEFT_AFTER = 10.0
FROM_ITS_START = datetime.fromisoformat("1970-01-01T00:00:00+00:00")

log = logging.getLogger(__name__)


class OpenStream(Protocol):
    """Opens a pod's log, following it."""

    def __call__(self, pod: str, since: datetime | None, /) -> Iterator[bytes]:
        """Pieces of the log of any size as they are written, in UTF-8, without times that the pod did not write.

        since: lines written at or after then, to the second; None begins with the last few hundred. Ends with the
        container's log. Raises SourceError, at the call or on the way.
        """


class Rejoined:
    """Lines of a stream that may begin with lines that an earlier stream has given already.

    They are held back until the last lines seen before come by, and dropped up to there. Where these do not come within
    two seconds, everything held back is passed on, and `joined` says that lines may be missing. Lines that repeat each
    other word for word cannot be told apart; one of them may then be given twice.
    """

    def __init__(self, give: Callable[[bytes], None], joined: Callable[[], None]) -> None:
        self._give = give
        self._joined = joined
        self._memory: deque[int] = deque(maxlen=REMEMBERED)
        self._held: list[bytes] | None = None
        self._since = 0.0

    def begin(self) -> None:
        """A new stream begins."""
        self._held = [] if self._memory else None
        self._since = time.monotonic()

    def lines(self, block: bytes) -> None:
        """Take whole lines."""
        lines = block.split(b"\n")
        if self._held is None:
            self._pass_on(lines)
            return
        newest = self._memory[-1]
        for index, line in enumerate(lines):
            self._held.append(line)
            if hash(line) == newest and self._comes_by():
                self._held = None
                if rest := lines[index + 1 :]:
                    self._pass_on(rest)
                return
        if len(self._held) > MOST_HELD_BACK:
            self.give_up()

    def settle(self) -> None:
        """Stop waiting for the known lines where they have not come in time."""
        if self._held and time.monotonic() - self._since > GIVE_UP_AFTER:
            self.give_up()

    def give_up(self) -> None:
        """Pass on what is held back."""
        held, self._held = self._held, None
        if held:
            self._joined()
            self._pass_on(held)

    def _comes_by(self) -> bool:
        assert self._held is not None
        length = min(len(self._memory), len(self._held), COMPARED)
        memory = list(self._memory)[-length:]
        return [hash(line) for line in self._held[-length:]] == memory

    def _pass_on(self, lines: list[bytes]) -> None:
        self._memory.extend(map(hash, lines[-REMEMBERED:]))
        self._give(b"\n".join(lines))


class PodTail:
    """One pod's log, followed in a thread of its own. error: why it is not followed now, else empty."""

    def __init__(
        self, pod: str, open_stream: OpenStream, sink: Sink, *, clock: Callable[[], datetime], since: datetime | None
    ) -> None:
        self.pod = pod
        self.error = ""
        self.left_at: float | None = None
        self._open = open_stream
        self._sink = sink
        self._clock = clock
        self._since = since
        self._ended = threading.Event()
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._lines = Rejoined(self._give, self._say_interrupted)
        self._thread = threading.Thread(target=self._run, name=f"log-{pod}", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def leave(self) -> None:
        """The pod is gone: read what its stream still gives, and open none again."""
        self.left_at = self.left_at or time.monotonic()
        self._wake.set()

    def stop(self) -> None:
        """End at the next piece; a read that waits is left alone."""
        self._ended.set()
        self._wake.set()

    def settle(self) -> None:
        """Pass on lines that were held back too long."""
        with self._lock:
            self._lines.settle()

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        if not self._thread.is_alive():
            return True
        return self.left_at is not None and time.monotonic() - self.left_at > LEFT_AFTER

    def _run(self) -> None:
        pause = SHORTEST_PAUSE
        while self._goes_on():
            began = time.monotonic()
            try:
                self._follow()
                self.error = ""
            except SourceError as error:
                self.error = str(error)
            except Exception as error:  # the edge of the task: it becomes the origin's error
                log.exception("log of pod %s", self.pod)
                self.error = f"log of pod {self.pod}: {type(error).__name__}: {error}"
            pause = SHORTEST_PAUSE if time.monotonic() - began > LONGEST_PAUSE else min(pause * 2, LONGEST_PAUSE)
            if self._goes_on():
                self._wake.wait(pause)

    def _goes_on(self) -> bool:
        return self.left_at is None and not self._ended.is_set()

    def _follow(self) -> None:
        """Read one stream to its end."""
        assembler = Assembler(self.pod, _Into(self))
        stream = self._open(self.pod, self._since)
        with self._lock:
            self._lines.begin()
        try:
            for piece in stream:
                if self._ended.is_set():
                    return
                self.error = ""
                with self._lock:
                    assembler.feed(piece)
        finally:
            with self._lock:
                assembler.finish()
            close = getattr(stream, "close", None)
            if close is not None:
                with suppress(Exception):
                    close()

    def take(self, block: bytes) -> None:
        """Whole lines of the stream that is open."""
        self._since = self._clock() - OVERLAP
        self._lines.lines(block)

    def _give(self, block: bytes) -> None:
        self._sink.lines(self.pod, block, counted=True)

    def _say_interrupted(self) -> None:
        text = f"pod {self.pod} was interrupted until {at(self._clock)}, lines in between may be missing"
        self._sink.mark(self.pod, marker(text))


class _Into:
    """The assembler's sink of one stream."""

    def __init__(self, tail: PodTail) -> None:
        self._tail = tail

    def lines(self, origin: str, block: bytes, *, counted: bool) -> None:
        self._tail.take(block)

    def mark(self, origin: str, text: str) -> None:
        raise NotImplementedError("a stream has no markers of its own")


class PodTails:
    """Keeps a tail for every pod there is, at most 40 of them; the rest are named with the reason.

    pods: the names of the pods there are now; asked twice a second and must not block.
    """

    def __init__(
        self,
        pods: Callable[[], Collection[str]],
        open_stream: OpenStream,
        sink: Sink,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._pods = pods
        self._open_stream = open_stream
        self._sink = sink
        self._clock = clock
        self._tails: dict[str, PodTail] = {}
        self._refused: tuple[str, ...] = ()
        self._has_seen_pods = False

    def supervise(self) -> None:
        """Begin to follow pods that are new, and leave those that are gone."""
        names = sorted(self._pods())
        for name, tail in tuple(self._tails.items()):
            tail.settle()
            if name not in names:
                tail.leave()
                if tail.is_over:
                    tail.stop()
                    del self._tails[name]
                    self._sink.mark(name, marker(f"pod {name} is gone"))
        new = [name for name in names if name not in self._tails]
        room = MOST_PODS - len(self._tails)
        for name in new[:room]:
            if self._has_seen_pods:
                self._sink.mark(name, marker(f"pod {name} appeared at {at(self._clock)}"))
            since = FROM_ITS_START if self._has_seen_pods else None
            tail = self._tails[name] = PodTail(name, self._open_stream, self._sink, clock=self._clock, since=since)
            tail.start()
        self._refused = tuple(new[room:])
        self._has_seen_pods = self._has_seen_pods or bool(names)

    def origins(self) -> tuple[tuple[str, str], ...]:
        """(pod, why it is not followed or empty)."""
        followed = tuple((name, tail.error) for name, tail in self._tails.items())
        return followed + tuple((name, f"more than {MOST_PODS} pods: not followed") for name in self._refused)

    def stop(self) -> None:
        """End every tail; returns at once."""
        for tail in self._tails.values():
            tail.stop()
