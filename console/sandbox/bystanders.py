"""Pods that are not the system's own: they run, can be entered, and answer through the programs inside of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from console.sandbox.inside import furnished
from console.sandbox.kube.runtime import ContainerLog, Inside, Probe


class Bystander:
    """One run of such a container. home: the folder of all pods. programs: what is on its PATH."""

    def __init__(
        self, pod: str, env: Mapping[str, str], home: Path, programs: Path, log: ContainerLog, says: str
    ) -> None:
        self.ip = "127.0.0.1"
        self.annotations: Mapping[str, str] = {}
        self._pod = pod
        self._env = env
        self._home = home
        self._programs = programs
        self._log = log
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        log.write(says)

    async def probe(self) -> Probe:
        """It is ready as long as it runs."""
        return Probe(ready=not self._ended.done())

    async def wait(self) -> int:
        """Its exit code, when it has ended."""
        return await asyncio.shield(self._ended)

    async def stop(self, grace: float) -> None:
        """End it."""
        if not self._ended.done():
            self._log.write("received fast shutdown request")
            self._ended.set_result(0)

    def inside(self) -> Inside:
        """Where commands run in it. Raises OSError."""
        return furnished(self._home, self._pod, self._env, self._programs)
