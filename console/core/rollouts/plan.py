"""A rollout plan: phases with shares, soaks, gates and rollback criteria, as read from a `*.rollout.yaml`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path

from console.core.conditions import Condition

NOTHING = timedelta(0)
TOLERANCE = timedelta(hours=1)
GRACE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Share:
    """How much of the traffic a phase asks for: `5%`, `1 pod`, or `5% or 1 pod`.

    ratio: 0 to 1. pods: a number of pods. With both, the pods stand in where the replica count cannot reach the ratio.
    """

    ratio: float | None = None
    pods: int | None = None

    @property
    def text(self) -> str:
        """As it is written in a plan."""
        parts = [] if self.ratio is None else [f"{self.ratio * 100:g}%"]
        if self.pods is not None:
            parts.append(f"{self.pods} pod{'' if self.pods == 1 else 's'}")
        return " or ".join(parts)

    @property
    def whole(self) -> bool:
        """Whether everything is asked for."""
        return self.ratio == 1.0


@dataclass(frozen=True, slots=True)
class Nothing:
    """The phase changes no traffic: checks, a wait, a checkpoint."""

    kind = "none"


@dataclass(frozen=True, slots=True)
class Canary:
    """Two Deployments behind one Service, by replica count. stable, canary: their names; container: whose image is the
    version (the first when None). The canary is made from the stable one where it is not there. At 100 % the stable one
    takes the new template and the canary goes to no pods.
    """

    stable: str
    canary: str
    container: str | None = None
    kind = "canary"


@dataclass(frozen=True, slots=True)
class Rolling:
    """One Deployment gets the new image; the share is always the whole. replicas: to set with it, or None."""

    deployment: str
    container: str | None = None
    replicas: int | None = None
    kind = "rolling"


@dataclass(frozen=True, slots=True)
class BlueGreen:
    """Two Deployments, one live by the Service's selector. label: the selector's key whose value is `blue_value` or
    `green_value`. Whichever is not live gets the new version. `share: 0%` prepares it; `100%` switches the Service.
    """

    service: str
    blue: str
    green: str
    label: str = "slot"
    blue_value: str = "blue"
    green_value: str = "green"
    container: str | None = None
    kind = "blue-green"


@dataclass(frozen=True, slots=True)
class Gateway:
    """Weights of a Gateway API HTTPRoute: backends `stable_service` and `canary_service`.

    The canary Deployment gets the new image before it gets weight, and the stable one at the end.
    """

    route: str
    stable_service: str
    canary_service: str
    stable: str
    canary: str
    container: str | None = None
    kind = "gateway"


@dataclass(frozen=True, slots=True)
class Argo:
    """Drives an Argo Rollouts object: image, canary weight by its steps, promote, abort; reads its phase."""

    rollout: str
    container: str | None = None
    kind = "argo"


@dataclass(frozen=True, slots=True)
class Command:
    """Shell commands that apply, read back and roll back. They see `VERSION`, `SHARE` (percent, as `5`), `ROLLOUT`,
    `PHASE` and `EPOCH` and what runbook blocks see. read: prints the applied share in percent; anything else is a
    failure.
    """

    apply: str
    read: str
    roll_back: str
    timeout: timedelta = timedelta(minutes=5)
    kind = "command"


Strategy = Nothing | Canary | Rolling | BlueGreen | Gateway | Argo | Command


class OnBad(Enum):
    """What the soak clock does while a gate fails or a criterion is being breached."""

    PAUSE = "pause"
    RESTART = "restart"


class Promotion(Enum):
    """Who promotes when everything is met."""

    PERSON = "person"
    AUTOMATIC = "automatic"


class Autoscaler(Enum):
    """freeze: scaling is turned off in both directions and given back at the end, for bounds closed to the present size
    would undo a share by replica count; absent: the phase does not begin with one.
    """

    LEAVE = "leave"
    FREEZE = "freeze"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition of a plan. name: as shown. condition.text is what verdicts are keyed by. line: in the plan's file."""

    name: str
    condition: Condition
    line: int = 0

    @property
    def text(self) -> str:
        """The condition as it is written."""
        return self.condition.text


@dataclass(frozen=True, slots=True)
class Settings:
    """Environment variables of the workload to set, `after` the phase was confirmed. Source: `AUDIT_LEVEL=FULL`, then
    `INFO` after 24 h, of the HAK_GAL protocol.
    """

    after: timedelta
    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RedisFlags:
    """Feature flags as fields of a Redis hash; on is `true`, off is `false`."""

    key: str


@dataclass(frozen=True, slots=True)
class FileFlags:
    """Feature flags as members of a JSON object in a file; replaced as a whole, atomically."""

    path: Path


@dataclass(frozen=True, slots=True)
class Flags:
    """Flags every phase that changes traffic keeps on and keeps off."""

    store: RedisFlags | FileFlags
    on: tuple[str, ...]
    off: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CommandCheck:
    """A shell command that must exit 0, and whose output must match `expect` (a regular expression) where given."""

    name: str
    run: str
    expect: str | None = None
    timeout: timedelta = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class HttpCheck:
    """A URL that must answer 2xx; `$SLOT` and `$VERSION` in it are replaced."""

    name: str
    url: str
    timeout: timedelta = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class ClearKeys:
    """Redis keys to unlink, by a SCAN pattern; never the whole database."""

    name: str
    pattern: str


Check = CommandCheck | HttpCheck
Step = CommandCheck | HttpCheck | ClearKeys


@dataclass(frozen=True, slots=True)
class Preconditions:
    """What must hold before a phase begins to change anything.

    sticky_sessions: the Service whose sessionAffinity must be ClientIP. separate_redis: environments whose Redis must
    be another one. conditions: rules that must PASS. workload_ready: every replica ready before.
    """

    sticky_sessions: str | None = None
    separate_redis: tuple[str, ...] = ()
    conditions: tuple[Rule, ...] = ()
    workload_ready: bool = False


@dataclass(frozen=True, slots=True)
class Phase:
    """One step of a plan.

    before: checks run before anything changes (pre-flight); after: run when it is applied, before the soak (smoke
    tests); for blue-green at 100 %, `before` runs against the side that is not live. settings: the first has `after` of
    nothing or there is none. soak: seconds to be observed good. criteria: the plan's, the tier's and its own, merged.
    sign_offs: roles that say go or no-go. cadence: how often a person looks. not_before: aware UTC. interval: the least
    time since the phase before it was confirmed.
    """

    name: str
    environment: str
    title: str = ""
    about: str = ""
    strategy: Strategy = Nothing()
    share: Share | None = None
    settings: tuple[Settings, ...] = ()
    flags: Flags | None = None
    autoscaler: Autoscaler = Autoscaler.LEAVE
    preconditions: Preconditions = Preconditions()
    before: tuple[Check, ...] = ()
    after: tuple[Check, ...] = ()
    soak: timedelta = NOTHING
    on_bad: OnBad = OnBad.PAUSE
    gates: tuple[Rule, ...] = ()
    criteria: tuple[Rule, ...] = ()
    checklist: tuple[str, ...] = ()
    sign_offs: tuple[str, ...] = ()
    cadence: timedelta | None = None
    not_before: datetime | None = None
    interval: timedelta = NOTHING
    promotion: Promotion = Promotion.PERSON
    line: int = 0

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Gates, criteria and conditions before it: everything that is judged for this phase."""
        return (*self.gates, *self.criteria, *self.preconditions.conditions)

    @property
    def shown(self) -> str:
        """What the phase is called."""
        return self.title or self.name


@dataclass(frozen=True, slots=True)
class RolloutPlan:
    """A plan as its file has it. text: the file, kept by the journal when a rollout starts, so that an edit of the file
    does not change what is under way. digest: SHA-256 of the text, hex.

    version: what is released, or None for the environment's target. roles: who may sign. manual: when a person rolls
    back. success: what success is, for people. then: steps after the traffic is back, in order. measured: the metric
    that measures the new version's share. tolerance: how long an outage may last before the soak begins anew; grace:
    what must be observed after one before a phase may be left. settings: every `${NAME:-text}` of it with what the
    environment said, empty where it said nothing; read again with them, the text gives the same plan. Commands are to
    find those that are not empty in their environment.
    """

    name: str
    title: str
    system: str
    path: Path
    phases: tuple[Phase, ...]
    about: str = ""
    version: str | None = None
    roles: tuple[str, ...] = ()
    manual: tuple[str, ...] = ()
    success: tuple[str, ...] = ()
    then: tuple[Step, ...] = ()
    measured: str | None = None
    tolerance: timedelta = TOLERANCE
    grace: timedelta = GRACE
    text: str = field(default="", repr=False)
    digest: str = ""
    settings: tuple[tuple[str, str], ...] = ()

    def index(self, name: str) -> int | None:
        """The place of the phase of that name, from 0."""
        return next((place for place, phase in enumerate(self.phases) if phase.name == name), None)

    @property
    def environments(self) -> tuple[str, ...]:
        """The environments it goes through, in order, each once."""
        return tuple(dict.fromkeys(phase.environment for phase in self.phases))
