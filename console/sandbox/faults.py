"""The faults of the sandbox: what can go wrong on purpose, and what is wrong now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class UnknownFault(ValueError):
    """There is no fault of that name; the message lists those there are."""


class UnavailableFault(ValueError):
    """The fault cannot be had in this sandbox; the message says why."""


class Fault(Enum):
    """Everything that can be switched on. The value is the name that people type."""

    ERROR_SPIKE = "error-spike"
    LATENCY = "latency"
    CRASH_LOOP = "crash-loop"
    FALSE_POSITIVES = "false-positives"
    RATE_LIMIT_STORM = "rate-limit-storm"
    SESSION_BLEEDING = "session-bleeding"
    REDIS_STALL = "redis-stall"
    REDIS_MEMORY = "redis-memory"
    LOG_STORM = "log-storm"
    METRICS_GONE = "metrics-gone"
    PROMETHEUS_STALL = "prometheus-stall"
    API_CONFLICT = "api-conflict"
    API_DOWN = "api-down"


ABOUT = {
    Fault.ERROR_SPIKE: "pods newer than the first version fail a fifth of their requests with guard exceptions",
    Fault.LATENCY: "every request takes 400 ms longer",
    Fault.CRASH_LOOP: "containers newer than the first version exit with code 1 a moment after their start",
    Fault.FALSE_POSITIVES: "guards of pods newer than the first version block half of the harmless requests",
    Fault.RATE_LIMIT_STORM: "one tenant's clients send far more than their limit",
    Fault.SESSION_BLEEDING: "clients use sessions of other tenants",
    Fault.REDIS_STALL: "Redis keeps its connections and answers nothing",
    Fault.REDIS_MEMORY: "Redis fills by about 2 MB a second, up to nine tenths of its limit",
    Fault.LOG_STORM: "pods print 1,500 lines a second",
    Fault.METRICS_GONE: "the pods' /metrics answers 503",
    Fault.PROMETHEUS_STALL: "Prometheus keeps its connections and answers nothing",
    Fault.API_CONFLICT: "the next three writes to the Kubernetes API answer 409; off and on again for three more",
    Fault.API_DOWN: "the Kubernetes API answers 503",
}


@dataclass(frozen=True, slots=True)
class FaultState:
    """One fault as it stands. unavailable: why it cannot be switched on here, else empty."""

    fault: Fault
    on: bool
    unavailable: str


class Faults:
    """Which faults are on. Asked by pods and traffic; those who must act are told."""

    def __init__(self) -> None:
        self._on: set[Fault] = set()
        self._acts: dict[Fault, Callable[[bool], None]] = {}
        self._unavailable: dict[Fault, str] = {}

    def when(self, fault: Fault, act: Callable[[bool], None]) -> None:
        """Call `act` with True and False as the fault is switched."""
        self._acts[fault] = act

    def rule_out(self, fault: Fault, why: str) -> None:
        """Say that the fault cannot be had in this sandbox."""
        self._unavailable[fault] = why

    def on(self, fault: Fault) -> bool:
        """Whether it is on."""
        return fault in self._on

    def switch(self, fault: Fault, on: bool) -> None:
        """Switch it. Switching to what it is does nothing. Raises UnavailableFault."""
        if on and (why := self._unavailable.get(fault)):
            raise UnavailableFault(f"The fault {fault.value} cannot be switched on: {why}.")
        if on == (fault in self._on):
            return
        (self._on.add if on else self._on.discard)(fault)
        if act := self._acts.get(fault):
            act(on)

    def states(self) -> tuple[FaultState, ...]:
        """All of them, in the order of the list above."""
        return tuple(FaultState(fault, fault in self._on, self._unavailable.get(fault, "")) for fault in Fault)


def fault_named(name: str) -> Fault:
    """The fault of that name. Raises UnknownFault."""
    try:
        return Fault(name)
    except ValueError:
        names = ", ".join(fault.value for fault in Fault)
        raise UnknownFault(f"There is no fault {name!r}; there are: {names}.") from None
