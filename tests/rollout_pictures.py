"""Pictures of a rollout: the ways one release can stand at one moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from console.core.evaluation import Verdict
from console.core.picture import Picture
from console.core.rollouts.state import RolloutState
from console.core.rollouts.view import DriverView, PhaseView, RolloutView
from console.core.states import Tone
from tests.pictures import NOW, before, healthy
from tests.rollout_parts import CAN as CAN
from tests.rollout_parts import CHECKLIST as CHECKLIST
from tests.rollout_parts import CRITERIA as CRITERIA
from tests.rollout_parts import DRIVER as DRIVER
from tests.rollout_parts import FIVE as FIVE
from tests.rollout_parts import GATES as GATES
from tests.rollout_parts import HISTORY as HISTORY
from tests.rollout_parts import PHASES as PHASES
from tests.rollout_parts import SIGNS as SIGNS
from tests.rollout_parts import SOAK as SOAK
from tests.rollout_parts import TRIPPED as TRIPPED
from tests.rollout_parts import VIEW as VIEW
from tests.rollout_parts import ZERO as ZERO
from tests.rollout_parts import E as E
from tests.rollout_parts import F as F
from tests.rollout_parts import M as M
from tests.rollout_parts import T as T
from tests.rollout_parts import can as can
from tests.rollout_parts import criterion as criterion
from tests.rollout_parts import gate as gate
from tests.rollout_parts import phase as phase
from tests.rollout_parts import plan as plan
from tests.rollout_parts import rollback as rollback


def with_rollout(view: RolloutView) -> Picture:
    """All is well around it."""
    return replace(healthy(), rollout=view, rollout_plans=("release",))


def soaking() -> Picture:
    """Soaking well, the look of a quiet night."""
    return with_rollout(VIEW)


def blind() -> Picture:
    """Prometheus is away: nothing passes and nothing trips."""
    away = "prometheus answered 503 at 21:03:58"
    gates = (
        *GATES[:2],
        replace(GATES[2], now="—", verdict=Verdict.ERROR, strip=(T,) * 20 + (E,) * 10, detail=away),
        replace(
            GATES[3], now="—", verdict=Verdict.NODATA, strip=(T,) * 20 + (M,) * 10, detail="no sample since 20:59Z"
        ),
    )
    criteria = (replace(CRITERIA[0], now="—", verdict=Verdict.ERROR, near=None, detail=away), *CRITERIA[1:])
    return with_rollout(
        replace(
            VIEW,
            blind=True,
            why=f"cannot judge error rate: {away} and 2 more; the soak stands, h holds, R rolls back",
            soak=replace(SOAK, blind=True),
            gates=gates,
            criteria=criteria,
            measured=None,
        )
    )


def breaching() -> Picture:
    """A gate fails and a criterion is being breached."""
    gates = (replace(GATES[2], now="7.2 %", verdict=Verdict.FAIL, strip=(T,) * 22 + (F,) * 8), *GATES[:2], GATES[3])
    criteria = (
        replace(CRITERIA[0], now="7.2 %", verdict=Verdict.PENDING, near=1.0, true_for=timedelta(minutes=3, seconds=40)),
        *CRITERIA[1:],
    )
    return with_rollout(
        replace(
            VIEW,
            why="the soak stands: error rate fails at 7.2 % (must be < 0.1 %); h holds, R rolls back",
            soak=replace(SOAK, bad=timedelta(minutes=4)),
            gates=gates,
            criteria=criteria,
            look_due=before(minutes=12),
        )
    )


def waiting() -> Picture:
    """The soak is over; a role has not signed."""
    done = replace(SOAK, observed=timedelta(hours=72), left=ZERO)
    return with_rollout(
        replace(
            VIEW,
            state=RolloutState.WAITING,
            why="waits for go of deployment lead and 1 checklist item; Enter opens them",
            soak=done,
            can=can(promote="1 item is not ticked and deployment lead has not signed"),
        )
    )


def ready() -> Picture:
    """Everything is met; a person promotes."""
    view = waiting().rollout
    assert view is not None
    ticked = tuple(replace(item, done=True, by="ines@bastion", at=before(minutes=5), note="told") for item in CHECKLIST)
    signed = tuple(replace(sign, decision="go", by="ines@bastion", at=before(minutes=3), note="go") for sign in SIGNS)
    why = "everything is met; p promotes (production 5% is next), h holds, R rolls back"
    return with_rollout(replace(view, why=why, checklist=ticked, sign_offs=signed, can=can(promote="")))


def held() -> Picture:
    """A person holds it."""
    return with_rollout(
        replace(
            VIEW,
            state=RolloutState.HELD,
            why="held by ines@bastion: customer call at 9; h resumes (soaking), t tries the phase again, R rolls back, "
            "A aborts; since 2026-03-14 20:42Z",
            can=can(
                hold="it is held already", resume="", promote="it is held; h resumes", override="it is held", retry=""
            ),
        )
    )


def held_blind() -> Picture:
    """Held by a person, for a reason of some length, while Prometheus is away."""
    view, away = held().rollout, blind().rollout
    assert view is not None and away is not None
    why = (
        "held by ines@bastion: the customer called at nine and wants it to wait until the batch of the night is "
        "through; h resumes (soaking), t tries the phase again, R rolls back, A aborts; since 2026-03-14 20:42Z; "
        "cannot judge error rate: prometheus answered 503 at 21:03:58 and 2 more"
    )
    return with_rollout(replace(view, blind=True, why=why, gates=away.gates, criteria=away.criteria, measured=None))


def practice() -> Picture:
    """A world that runs faster than the wall, in a phase of another environment than the console's."""
    here = replace(PHASES[1], environment="sandbox-staging", mark="here")
    view = replace(
        VIEW,
        environment="sandbox-staging",
        phase=1,
        phases=(PHASES[0], here, *(replace(each, mark="todo") for each in PHASES[2:])),
        speed=5000.0,
        taken_at=NOW + timedelta(days=8),
        look_due=NOW + timedelta(days=8, minutes=9),
    )
    return replace(with_rollout(view), environment="sandbox", tone=Tone.SANDBOX)


def rolling_back() -> Picture:
    """A criterion tripped; the traffic is on its way back."""
    no = "a rollback is under way"
    return with_rollout(
        replace(
            VIEW,
            state=RolloutState.ROLLING_BACK,
            phases=marked("failed"),
            why="rolling back: error rate trips at 7.2 %; next the traffic is put back and verified; no key is needed",
            gates=(),
            criteria=(),
            history=(*HISTORY[:-1], TRIPPED),
            look_due=None,
            can=can(promote=no, override=no, hold=no, abort=no, rollout_rollback=no, tick=no, sign=no),
            soak=None,
        )
    )


def rolled_back() -> Picture:
    """It is over; a person decides what is next."""
    no = "it was rolled back; t tries again"
    return with_rollout(
        replace(
            VIEW,
            state=RolloutState.ROLLED_BACK,
            phases=marked("failed"),
            why="rolled back: error rate trips at 7.2 %; v2.3.2 serves everything: 10 of 10 pods ready; t tries again "
            "from production-canary or before, A aborts",
            applied=0.0,
            measured=0.0,
            soak=None,
            gates=(),
            criteria=(),
            history=(*HISTORY[:-1], TRIPPED),
            look_due=None,
            can=can(promote=no, override=no, hold=no, rollout_rollback=no, retry="", tick=no, sign=no),
        )
    )


def marked(mark: str) -> tuple[PhaseView, ...]:
    """The phases with another mark on the present one."""
    return (*PHASES[:3], replace(PHASES[3], mark=mark), *PHASES[4:])


def undriven() -> Picture:
    """Nobody drives."""
    gone = DriverView("", 3, before(minutes=14), False)
    why = "nobody watches it, w starts a watcher; every gate passes; 30h48m to go, then p promotes"
    return with_rollout(replace(VIEW, driver=gone, why=why))


def planned() -> Picture:
    """Between two phases: the next one waits for its day."""
    return with_rollout(
        replace(
            VIEW,
            state=RolloutState.PLANNED,
            phase=4,
            phases=(*PHASES[:3], replace(PHASES[3], mark="done"), replace(PHASES[4], mark="here"), *PHASES[5:]),
            why="production 5% begins at 2026-03-16 04:16Z, 7 days after the one before; h holds, R rolls back"
            ", A aborts",
            soak=None,
            asked="5%",
            gates=(),
            look_due=None,
        )
    )


def completed() -> Picture:
    """It has ended well."""
    done = tuple(replace(phase, mark="done", estimated=False) for phase in PHASES)
    over = "release of v2.3.3 is completed"
    return with_rollout(
        replace(
            VIEW,
            state=RolloutState.COMPLETED,
            phase=7,
            phases=done,
            why="completed 3h ago; S starts another",
            soak=None,
            gates=(),
            criteria=(),
            checklist=(),
            sign_offs=(),
            look_due=None,
            can=tuple((name, "" if name == "start" else over) for name, _ in CAN),
        )
    )


def none_yet() -> Picture:
    """No rollout was ever started; there are two plans."""
    return replace(healthy(), rollout_plans=("hotfix", "release"))


def unreadable() -> Picture:
    """The plans could not be read."""
    return replace(
        healthy(), rollout_error="runbooks/hak-gal/release.rollout.yaml:12: `soak: 48` needs a unit, such as 48h"
    )
