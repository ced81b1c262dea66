"""What runs the containers of a pod: the protocol, container logs, and a runtime that only pretends to run them."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Protocol, runtime_checkable

from console.sandbox.kube.objects import Clock, Obj, name_of


class ImageError(Exception):
    """The image cannot be had: the container waits in ErrImagePull, then ImagePullBackOff; events give the message."""


class StartError(Exception):
    """The container cannot be started: it ends at once with exit code 128. The message goes into its status."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line a container wrote, without its newline; `number` counts from 0 within the container's run."""

    number: int
    written_at: datetime
    text: str


class ContainerLog:
    """The newest lines of one run of one container. Written and read in the event loop of the server."""

    def __init__(self, clock: Clock, most: int = 50_000) -> None:
        self._clock = clock
        self._lines: deque[LogLine] = deque(maxlen=most)
        self._next = 0
        self._closed = False
        self._changed = asyncio.Event()

    def write(self, text: str) -> None:
        """Add text; each of its lines becomes a log line of this moment."""
        now = self._clock()
        for line in text.splitlines():
            self._lines.append(LogLine(self._next, now, line))
            self._next += 1
        self._wake()

    def close(self) -> None:
        """The container has ended; whoever follows comes to the end."""
        self._closed = True
        self._wake()

    def lines(self, after: int = -1) -> list[LogLine]:
        """The kept lines with a number above `after`."""
        return [line for line in self._lines if line.number > after]

    async def follow(self, after: int = -1) -> AsyncIterator[LogLine]:
        """The lines above `after` as they come, until the container ends."""
        while True:
            changed = self._changed
            for line in self.lines(after):
                after = line.number
                yield line
            if self._closed:
                return
            await changed.wait()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


@dataclass(frozen=True, slots=True)
class Probe:
    """What the kubelet's probes of a container said; `message` explains a failure and goes into an Unhealthy event."""

    ready: bool
    alive: bool = True
    message: str = ""


class RunningContainer(Protocol):
    """One run of one container, from its start to its end."""

    @property
    def ip(self) -> str:
        """The address that becomes status.podIP."""

    @property
    def annotations(self) -> Mapping[str, str]:
        """What to write onto the pod, such as the port it really listens on; may be empty."""

    async def probe(self) -> Probe:
        """Ask now whether it is alive and ready. Called every probe period; an exception counts as not ready."""

    async def wait(self) -> int:
        """Wait for its end; gives the exit code (137 when killed)."""

    async def stop(self, grace: float) -> None:
        """End it, with at most `grace` seconds to do so by itself; `wait` returns after that."""


@dataclass(frozen=True, slots=True)
class Inside:
    """Where a command in a container runs. folder: its working folder. prepare: what its process does first."""

    folder: Path
    environ: Mapping[str, str]
    prepare: Callable[[], None] | None = None


@runtime_checkable
class Enterable(Protocol):
    """A container that commands can be run in."""

    def inside(self) -> Inside:
        """Where they run. Raises OSError where the folder cannot be had."""


class PodRuntime(Protocol):
    """Runs containers for the kubelet."""

    async def start(
        self, pod: Obj, container: Obj, env: Mapping[str, str], log: ContainerLog, attempt: int
    ) -> RunningContainer:
        """Start one container of a pod.

        pod, container: the Pod object and the entry of spec.containers; not to be changed.
        env: its environment, with ConfigMaps, Secrets and fieldRefs resolved.
        log: where its output goes; the kubelet closes it.
        attempt: 0 for the first run, then the restart count.
        Raises ImageError or StartError.
        """


@dataclass(slots=True)
class _Pretended:
    ip: str
    annotations: Mapping[str, str]
    ready_at: float
    never_ready: bool
    ended: asyncio.Future[int] = field(repr=False)

    async def probe(self) -> Probe:
        if self.never_ready:
            return Probe(ready=False, message="HTTP probe failed with statuscode: 503")
        return Probe(ready=asyncio.get_running_loop().time() >= self.ready_at)

    async def wait(self) -> int:
        return await asyncio.shield(self.ended)

    async def stop(self, grace: float) -> None:
        _finish(self.ended, 0)


def _finish(ended: asyncio.Future[int], code: int) -> None:
    if not ended.done():
        ended.set_result(code)


class PretendingRuntime:
    """Containers without processes: ready after a delay and one log line.

    never_ready, crashes, missing: patterns searched in the image; such containers never become ready, exit with 1 as
    soon as they would have been ready, or have no image to pull.
    """

    def __init__(
        self,
        *,
        ready_after: float = 0.5,
        never_ready: str = r":[^/]*broken",
        crashes: str = r":[^/]*crash",
        missing: str = r":[^/]*missing",
    ) -> None:
        self._ready_after = ready_after
        self._never_ready = re.compile(never_ready)
        self._crashes = re.compile(crashes)
        self._missing = re.compile(missing)
        self._addresses = count(1)

    async def start(
        self, pod: Obj, container: Obj, env: Mapping[str, str], log: ContainerLog, attempt: int
    ) -> RunningContainer:
        """Start nothing, and report as `PodRuntime.start` says."""
        image = str(container["image"])
        if self._missing.search(image):
            raise ImageError(f'failed to pull and unpack image "{image}": not found')
        loop = asyncio.get_running_loop()
        number = next(self._addresses)
        log.write(f"{name_of(pod)} {container['name']}: started {image}")
        run = _Pretended(
            ip=f"10.244.{number // 250 % 250}.{number % 250 + 1}",
            annotations={},
            ready_at=loop.time() + self._ready_after,
            never_ready=bool(self._never_ready.search(image)),
            ended=loop.create_future(),
        )
        if self._crashes.search(image):
            log.write("fatal: exiting with 1")
            loop.call_later(self._ready_after, _finish, run.ended, 1)
        return run
