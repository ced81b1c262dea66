"""The faults of the sandbox: what can go wrong on purpose, and what is wrong now."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class UnknownFault(ValueError):
    """There is no fault of that name; the message lists those there are."""


class UnavailableFault(ValueError):
    """The fault cannot be had in this sandbox; the message says why."""


class Fault(StrEnum):
    """What can be switched on in every system's sandbox, or is said not to be there. The value is the name people type.

    A sandbox.yaml may add faults of its own.
    """

    ERROR_SPIKE = "error-spike"
    LATENCY = "latency"
    CRASH_LOOP = "crash-loop"
    FALSE_POSITIVES = "false-positives"
    RATE_LIMIT_STORM = "rate-limit-storm"
    SESSION_BLEEDING = "session-bleeding"
    REDIS_STALL = "redis-stall"
    REDIS_MEMORY = "redis-memory"
    POD_DEATH = "pod-death"
    LOG_STORM = "log-storm"
    METRICS_GONE = "metrics-gone"
    PROMETHEUS_STALL = "prometheus-stall"
    API_CONFLICT = "api-conflict"
    API_DOWN = "api-down"


ABOUT = {
    Fault.ERROR_SPIKE: "pods of the newest version fail a fifth of their requests with guard exceptions",
    Fault.LATENCY: "every request takes 400 ms longer",
    Fault.CRASH_LOOP: "containers of the newest version exit with code 1 a moment after their start",
    Fault.FALSE_POSITIVES: "guards of pods of the newest version block half of the harmless requests",
    Fault.RATE_LIMIT_STORM: "one tenant's clients send far more than their limit",
    Fault.SESSION_BLEEDING: "clients use sessions of other tenants",
    Fault.REDIS_STALL: "Redis keeps its connections and answers nothing",
    Fault.REDIS_MEMORY: "Redis fills by about 2 MB a second, up to nine tenths of its limit; ends with its writer",
    Fault.POD_DEATH: "every few seconds a container with less than 512Mi is killed, as one without memory is",
    Fault.LOG_STORM: "pods print 1,500 lines a second",
    Fault.METRICS_GONE: "the pods' /metrics answers 503",
    Fault.PROMETHEUS_STALL: "Prometheus keeps its connections and answers nothing",
    Fault.API_CONFLICT: "the next three writes to the Kubernetes API answer 409; off and on again for three more",
    Fault.API_DOWN: "the Kubernetes API answers 503",
}
# What needs an app that knows of it; the rest is done to any app from outside.
OF_THE_APP = (
    Fault.ERROR_SPIKE, Fault.LATENCY, Fault.FALSE_POSITIVES, Fault.RATE_LIMIT_STORM, Fault.SESSION_BLEEDING,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FaultState:
    """One fault as it stands. unavailable: why it cannot be switched on here, else empty."""

    name: str
    on: bool
    about: str
    unavailable: str


class Faults:
    """Which faults are on. Asked by pods and traffic; those who must act are told.

    about: what the faults of this world do, by name; in place of, and besides, those of every world.
    """

    def __init__(self, about: Mapping[str, str] | None = None) -> None:
        self._about: dict[str, str] = {**{fault.value: told for fault, told in ABOUT.items()}, **(about or {})}
        self._on: dict[str, float] = {}
        self._acts: dict[str, list[Callable[[bool], None]]] = {}
        self._unavailable: dict[str, str] = {}

    def when(self, fault: str, act: Callable[[bool], None]) -> None:
        """Call `act` with True and False as the fault is switched."""
        self._acts.setdefault(fault, []).append(act)

    def rule_out(self, fault: str, why: str) -> None:
        """Say that the fault cannot be had in this sandbox."""
        self._unavailable[fault] = why

    def on(self, fault: str) -> bool:
        """Whether it is on."""
        return fault in self._on

    def on_for(self, fault: str) -> float:
        """For how many seconds it has been on; 0 where it is not."""
        return time.monotonic() - self._on[fault] if fault in self._on else 0.0

    def named(self, name: str) -> str:
        """The fault of that name. Raises UnknownFault."""
        if name not in self._about:
            raise UnknownFault(f"There is no fault {name!r}; there are: {', '.join(self._about)}.")
        return name

    def switch(self, fault: str, on: bool) -> None:
        """Switch it. Switching to what it is does nothing. Raises UnknownFault or UnavailableFault."""
        self.named(fault)
        if on and (why := self._unavailable.get(fault)):
            raise UnavailableFault(f"The fault {fault} cannot be switched on: {why}.")
        if on == (fault in self._on):
            return
        if on:
            self._on[fault] = time.monotonic()
        else:
            del self._on[fault]
        for act in self._acts.get(fault, ()):
            act(on)

    def states(self) -> tuple[FaultState, ...]:
        """All of them, in the order of the list above, then the world's own."""
        return tuple(
            FaultState(name, name in self._on, about, self._unavailable.get(name, ""))
            for name, about in self._about.items()
        )
