"""What a rollout is made of in tests: one release, one moment, its phases, rules, people and history."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from console.core.conditions import parse_condition
from console.core.evaluation import Mark, Verdict
from console.core.plans import RollbackPlan
from console.core.rollouts.plan import Phase, RolloutPlan, Rule
from console.core.rollouts.state import RolloutState
from console.core.rollouts.view import (
    AttemptView,
    CriterionView,
    DriverView,
    GateView,
    ItemView,
    PhaseView,
    RolloutView,
    SignView,
    SoakView,
)
from console.core.units import UNITS
from tests.pictures import NOW, before

ZERO = timedelta(0)
FIVE = timedelta(minutes=5)
T, F, M, E = Mark.TRUE, Mark.FALSE, Mark.MISSING, Mark.ERROR
CAN = (
    ("start", "release of v2.3.3 is under way; it ends, or A aborts it, before another starts"),
    ("promote", "30h48m of the soak are to go"),
    ("override", ""),
    ("hold", ""),
    ("resume", "nothing is held"),
    ("abort", ""),
    ("retry", "phase production-canary is under way; a retry follows a rollback or a failed apply"),
    ("rollout-rollback", ""),
    ("tick", ""),
    ("sign", ""),
    ("look", ""),
)


def can(**changes: str) -> tuple[tuple[str, str], ...]:
    """What can be done, with some of it otherwise; `_` for `-`."""
    changed = {name.replace("_", "-"): why for name, why in changes.items()}
    return tuple((name, changed.get(name, why)) for name, why in CAN)


def phase(name: str, title: str, share: str, mark: str, days: float, soak: int, **more: object) -> PhaseView:
    """A phase that began `days` from now; the negative ones are over."""
    begins = NOW + timedelta(days=days)
    facts = {
        "environment": "staging" if name.startswith("staging") else "production",
        "strategy": "canary" if share else "none",
        "begins": begins,
        "ends": begins + timedelta(hours=soak),
        "estimated": days > 0,
        "not_before": None,
        "sign_offs": (),
    } | more
    return PhaseView(name=name, title=title, share=share, mark=mark, soak=timedelta(hours=soak), **facts)  # type: ignore[arg-type]


PHASES = (
    phase("pre", "pre-deployment", "", "done", -8.5, 0),
    phase("staging-canary", "staging 5%", "5% or 1 pod", "done", -8, 48, sign_offs=("deployment lead",)),
    phase("staging-half", "staging 50%", "50%", "done", -5, 24),
    phase(
        "production-canary",
        "production canary",
        "1%",
        "here",
        -1.72,
        72,
        sign_offs=("deployment lead", "on-call engineer"),
        about="One pod of ten, sticky sessions on, the autoscaler frozen.",
    ),
    phase("production-5", "production 5%", "5%", "todo", 1.3, 48),
    phase("production-25", "production 25%", "25%", "todo", 8.3, 48),
    phase("production-50", "production 50%", "50%", "todo", 15.3, 48),
    phase("production-100", "production 100%", "100%", "todo", 22.3, 48, sign_offs=("deployment lead",)),
)
SOAK = SoakView(
    observed=timedelta(hours=41, minutes=12),
    needed=timedelta(hours=72),
    unobserved=timedelta(minutes=7),
    bad=ZERO,
    left=timedelta(hours=30, minutes=48),
    blind=False,
    grace=ZERO,
    restarts=0,
)


def gate(
    title: str, now: str, need: str, verdict: Verdict = Verdict.PASS, strip: str = "", detail: str = ""
) -> GateView:
    """A gate; strip: a letter a point, `t` true, `f` false, `m` missing, `e` error."""
    marks = tuple({"t": T, "f": F, "m": M, "e": E}[letter] for letter in strip or "t" * 30)
    text = f"{title.replace(' ', '_')} {need.replace(' ', '')}"
    return GateView(title, text, now, need, verdict, marks, detail, ZERO, ZERO)


def criterion(
    text: str,
    now: str,
    near: float | None,
    *,
    verdict: Verdict = Verdict.FAIL,
    true_for: timedelta = ZERO,
    needed: timedelta = ZERO,
    detail: str = "",
) -> CriterionView:
    """A rollback criterion, named by its text."""
    return CriterionView(text, text, now, verdict, near, true_for, needed, detail)


GATES = (
    gate("p99 latency", "143 ms", "< 200 ms"),
    gate("redis memory", "612 MB", "< 1 GB"),
    gate("error rate", "0.08 %", "< 0.1 %", strip="tttttttttttttttttttttttfttmmtt"),
    gate("rate limit rejects", "62/h", "< 100/h"),
)
CRITERIA = (
    criterion("error_rate > 5% for 5m", "0.08 %", 0.016, needed=FIVE),
    criterion("session_violations > 0", "0", 0.0),
    criterion("redis_p99 > 200ms for 5m", "4 ms", 0.02, needed=FIVE),
    criterion("recovery_failures > 1% for 10m", "0.2 %", 0.2, needed=2 * FIVE),
)
CHECKLIST = (
    ItemView("Sticky sessions verified on the Service", True, "ines@bastion", before(hours=40), "ClientIP, 3 h"),
    ItemView("Audit log holds no unmasked tenant", True, "ines@bastion", before(hours=20), "sampled 200 lines"),
    ItemView("Support told of the canary", False, "", None, ""),
)
SIGNS = (
    SignView("deployment lead", "", "", None, ""),
    SignView("on-call engineer", "go", "noor@bastion", before(hours=2), "quiet night"),
)
DRIVER = DriverView("watcher on bastion (pid 4711)", 3, before(seconds=1), True)
HISTORY = (
    AttemptView("pre", 1, before(days=8.5), before(days=8.5), before(days=8.4), "promoted", ZERO, ()),
    AttemptView(
        "staging-canary",
        1,
        before(days=8),
        before(days=8),
        before(days=7.6),
        "rolled back: error_rate > 5% for 5m",
        timedelta(hours=9),
        ("error rate 7.4 % is not < 0.1 %", "p99 latency 180 ms passes"),
    ),
    AttemptView(
        "staging-canary",
        2,
        before(days=7.5),
        before(days=7.5),
        before(days=5.4),
        "promoted",
        timedelta(hours=48),
        ("error rate 0.02 % passes", "p99 latency 120 ms passes"),
    ),
    AttemptView("staging-half", 3, before(days=5), before(days=5), before(days=4), "promoted", timedelta(hours=24), ()),
    AttemptView("production-canary", 4, before(hours=41.3), before(hours=41.2), None, "", SOAK.observed, ()),
)
TRIPPED = replace(
    HISTORY[-1],
    ended=before(seconds=30),
    outcome="rolled back: error rate tripped: error_rate > 5% for 5m, at 7.2 %",
    evidence=(
        "p99 latency passes at 143 ms (must be < 200 ms)",
        "error rate fails at 7.2 % (must be < 0.1 %)",
        "session violations is quiet at 0 (rolls back when > 0)",
        "error rate trips at 7.2 % (rolls back when > 5 % for 5m)",
    ),
)
VIEW = RolloutView(
    id="r1",
    plan="release",
    title="HAK_GAL release",
    version="v2.3.3",
    environment="production",
    state=RolloutState.SOAKING,
    phase=3,
    phases=PHASES,
    why="every gate passes; 30h48m to go, then p promotes",
    blind=False,
    soak=SOAK,
    asked="1%",
    applied=0.1,
    measured=0.096,
    gates=GATES,
    criteria=CRITERIA,
    checklist=CHECKLIST,
    sign_offs=SIGNS,
    manual=("unknown errors appear in the logs", "a customer reports another tenant's data"),
    success=("error rate below 0.1 % for 48 h", "no session violation"),
    driver=DRIVER,
    history=HISTORY,
    look_due=NOW + timedelta(minutes=9),
    can=CAN,
    taken_at=NOW,
    started=before(days=8.5),
    by="ines@bastion",
)


def plan() -> RolloutPlan:
    """The plan's file as it says now, as far as the screen tells of it."""
    condition = parse_condition("error_rate < 0.1%", {"error_rate": UNITS["%"]})
    last = Phase(
        name="production-100",
        environment="production",
        checklist=("Sticky sessions on the Service",),
        gates=(Rule("error rate", condition),),
    )
    return RolloutPlan(name="release", title="", system="hak-gal", path=Path("release.rollout.yaml"), phases=(last,))


def rollback() -> RollbackPlan:
    """Rolling all of it back."""
    return RollbackPlan(
        target="hak-gal",
        workload="hak-gal",
        namespace="hak-gal",
        now_version="v2.3.3",
        now_revision=0,
        now_pods="1 of 10 pods, ready, since 41h12m",
        to_version="v2.3.2",
        to_revision=0,
        to_template="",
        why="recorded good at the start, 9 of 9 ready",
        diff=(),
        does=("scale hak-gal-canary 1 → 0, hak-gal 9 → 10", "autoscaler bounds back to 3–12"),
        leaves=("Redis data", "feature flags"),
        choices=(),
        warnings=(),
        resource_version="4711",
        read_at=before(seconds=1),
        rollout="release of v2.3.3, phase 4 of 8",
    )
