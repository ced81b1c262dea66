"""What must hold of a rollout whatever happens: ticks, readings, restarts, clocks that jump, keys, failures."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from console.core.evaluation import Verdict
from console.core.rollouts import decisions, machine
from console.core.rollouts.asking import ACTIONS
from console.core.rollouts.facts import Kind
from console.core.rollouts.judging import tripped
from console.core.rollouts.plan import NOTHING, OnBad, Promotion, RolloutPlan
from console.core.rollouts.soak import Gap, fill, open_gaps, settle
from console.core.rollouts.state import Judged, RolloutState
from tests.core.rollouts.worlds import ERRORS, FAST, HOUR, MINUTE, NOON, SECOND, Run, judged, phase, plan, says
from tests.core.rollouts.worlds import settings as timed

PLANS = (
    plan(
        phase("first", soak=5 * MINUTE, settings=timed((NOTHING, "FULL"), (3 * MINUTE, "INFO"), (HOUR, "WARN"))),
        phase("second", soak=10 * MINUTE, promotion=Promotion.AUTOMATIC, on_bad=OnBad.RESTART, interval=12 * MINUTE),
        grace=2 * MINUTE,
        tolerance=10 * MINUTE,
    ),
    plan(
        phase("checks", share=None, gates=(), criteria=(), soak=NOTHING, promotion=Promotion.AUTOMATIC),
        phase("signed", soak=4 * MINUTE, checklist=("a", "b"), sign_offs=("lead",), not_before=NOON + 5 * MINUTE),
        grace=NOTHING,
    ),
)
ACTING = tuple(action for action in ACTIONS if action not in ("start", "abort", "tick", "sign", "look"))
GOOD = (Verdict.PASS, Verdict.PENDING)


@dataclass
class Watch:
    """What an onlooker notes down who knows nothing of the soak clock.

    good: seconds of the present attempt that were seen good, by a clock that never jumps; rollbacks: decided since the
    last begin.
    """

    run: Run
    plan: RolloutPlan
    real: int = 0
    seen: int = 0
    blind_restart: bool = True
    good: dict[int, timedelta] = field(default_factory=dict)
    rollbacks: int = 0
    lived: list[Gap] = field(default_factory=list)

    def tick(self, seconds: int, jump: int = 0) -> None:
        """Time goes by, the driver decides and acts; what it decided is held against what was seen."""
        run = self.run
        self.real += seconds
        run.now += (seconds + jump) * SECOND
        before, attempt, verdicts = run.rollout, run.rollout.attempt, run.verdicts
        passed = None if self.blind_restart else (self.real - self.seen) * SECOND
        if (
            attempt is not None
            and before.state is RolloutState.SOAKING
            and not self.blind_restart
            and self.is_good(verdicts)
        ):
            self.good[attempt.number] = self.good.get(attempt.number, NOTHING) + (self.real - self.seen) * SECOND
        first, decision = run.decide(passed), run.decide(passed)
        assert first == decision
        self.blind_restart, self.seen = False, self.real
        self.check(decision)
        run.carry_out(decision)
        self.check_state()

    def is_good(self, verdicts: Judged) -> bool:
        return verdicts.by_text[FAST].verdict in GOOD and verdicts.by_text[ERRORS].verdict is Verdict.FAIL

    def check(self, decision: decisions.Decision) -> None:
        rollout, verdicts = self.run.rollout, self.run.verdicts
        match decision:
            case decisions.Promote() | decisions.Ready():
                attempt = rollout.attempt
                assert attempt is not None
                assert rollout.state in (RolloutState.SOAKING, RolloutState.WAITING)
                if isinstance(decision, decisions.Promote) and decision.override:
                    assert any(ask.number == decision.ask and ask.reason == decision.override for ask in rollout.asks)
                    return
                asked = self.plan.phases[attempt.phase]
                assert self.good.get(attempt.number, NOTHING) >= asked.soak
                for rule in asked.gates:
                    assert verdicts.by_text[rule.text].verdict is Verdict.PASS
                for rule in asked.criteria:
                    assert verdicts.by_text[rule.text].verdict is Verdict.FAIL
                if isinstance(decision, decisions.Promote):
                    assert {tick.item for tick in attempt.ticks} == set(range(len(asked.checklist)))
                    assert {sign.role for sign in attempt.signs if sign.decision == "go"} == set(asked.sign_offs)
                    assert decision.ask or asked.promotion is Promotion.AUTOMATIC
            case decisions.RollBack(_, criterion):
                self.rollbacks += 1
                assert self.rollbacks == 1
                assert not criterion or verdicts.by_text[criterion].verdict is Verdict.PASS
            case decisions.Begin():
                self.rollbacks = 0
                assert not verdicts.unmet
                due = self.plan.phases[rollout.phase].not_before
                assert due is None or self.run.now >= due

    def check_state(self) -> None:
        run, rollout = self.run, self.run.rollout
        assert machine.why_line(self.plan, rollout, run.verdicts, run.now)
        coming = run.decide()
        if rollout.state.over:
            assert isinstance(coming, decisions.Stay)
            return
        can = [action for action in ACTING if not machine.may(self.plan, rollout, run.verdicts, action)]
        assert can or not isinstance(coming, decisions.Stay)
        assert not rollout.ignored
        attempt = rollout.attempt
        if attempt is not None and attempt.confirmed_at is not None:
            assert attempt.soak.observed <= self.real * SECOND
        if rollout.state in (RolloutState.SOAKING, RolloutState.WAITING, RolloutState.HELD):
            rule = tripped(self.plan, rollout, run.verdicts)
            assert rule is None or isinstance(coming, decisions.RollBack)

    def restart(self) -> None:
        self.run.restart()
        self.blind_restart = True
        whole = machine.folded(self.plan, self.run.facts)
        assert whole == self.run.rollout

    def fill(self, *, known: bool) -> None:
        """The driver asks for what it missed: a query knows it was good, or knows nothing."""
        attempt = self.run.rollout.attempt
        if attempt is None:
            return
        asked = self.plan.phases[attempt.phase]
        soak, rules = attempt.soak, machine.rules_of(self.plan, asked, self.run.longest)
        for gap in open_gaps(soak):
            before = soak.observed
            soak = settle(fill(soak, gap, [gap] if known else [], on_bad=asked.on_bad), gap, rules)
            if known:
                self.good[attempt.number] = self.good.get(attempt.number, NOTHING) + soak.observed - before
        self.run.soaks[attempt.number] = soak


verdicts = st.sampled_from(list(Verdict))
steps = st.one_of(
    st.tuples(st.just("tick"), st.integers(0, 59)),
    st.tuples(st.just("tick"), st.integers(30, 59)),
    st.tuples(st.just("run"), st.integers(1, 16)),
    st.tuples(st.just("run well"), st.integers(4, 16)),
    st.tuples(st.just("do your part"), st.just(0)),
    st.tuples(st.just("see"), verdicts, verdicts),
    st.tuples(st.just("well"), st.just(0)),
    st.tuples(st.just("away"), st.sampled_from([90, 300, 4000])),
    st.tuples(st.just("jump"), st.sampled_from([-86400, -600, -3, 3, 600, 86400])),
    st.tuples(st.just("restart"), st.just(0)),
    st.tuples(st.just("settle"), st.just(0)),
    st.tuples(
        st.just("ask"),
        st.sampled_from(["promote", "promote", "abort", "rollback", "retry", "retry", "start"]),
        st.sampled_from(["", "", "", "I know better"]),
        st.sampled_from([None, 0, 1, 5]),
    ),
    st.tuples(st.just("hold"), st.just(0)),
    st.tuples(st.just("resume"), st.just(0)),
    st.tuples(st.just("tick item"), st.integers(0, 1)),
    st.tuples(st.just("sign"), st.sampled_from(["go", "go", "no-go"])),
    st.tuples(st.just("fails"), st.sampled_from(["", "the image cannot be pulled"])),
    st.tuples(st.just("unmet"), st.sampled_from(["", "the autoscaler is not frozen"])),
    st.tuples(st.just("drift"), st.sampled_from(["", "somebody scaled it", "somebody set a flag"])),
)


def may_write(run: Run, what: str) -> bool:
    """A person's key writes only what `may` allows; asks are written whatever it says."""
    return not machine.may(run.plan, run.rollout, run.verdicts, what)


def play(watch: Watch, step: tuple) -> None:  # type: ignore[type-arg]
    run, (what, *rest) = watch.run, step
    now = run.verdicts
    match what:
        case "tick":
            watch.tick(rest[0])
        case "run":
            for _ in range(rest[0]):
                watch.tick(55)
        case "see":
            gate, criterion = says(rest[0], 0.15), says(rest[1], 0.06 if rest[1] is not Verdict.FAIL else 0.0)
            run.judged = judged(run.plan, {FAST: gate, ERRORS: criterion}, unmet=now.unmet, drift=now.drift)
        case "well":
            run.judged = None
        case "run well":
            run.judged = None
            for _ in range(rest[0]):
                watch.tick(55)
        case "do your part":
            do_your_part(run)
            watch.tick(5)
        case "away":
            watch.restart()
            watch.tick(rest[0])
        case "jump":
            watch.tick(5, rest[0])
        case "restart":
            watch.restart()
        case "settle":
            watch.fill(known=False)
        case "ask":
            run.ask(rest[0], rest[1], **({} if rest[2] is None else {"phase": rest[2]}))
        case "hold" if may_write(run, "hold"):
            run.person(Kind.HELD, why="wait")
        case "resume" if may_write(run, "resume"):
            run.person(Kind.RESUMED)
        case "tick item" if may_write(run, "tick"):
            run.person(Kind.TICKED, item=rest[0], done=True, note="")
        case "sign" if may_write(run, "sign"):
            run.person(Kind.SIGNED, role="lead", decision=rest[0], note="")
        case "fails":
            run.fails = rest[0]
        case "unmet" | "drift":
            told = {"unmet": now.unmet, "drift": now.drift, what: (rest[0],) if rest[0] else ()}
            run.judged = Judged(now.by_text, told["unmet"], told["drift"])
        case _:
            pass


def do_your_part(run: Run) -> None:
    """What a person who wants it to go on writes now."""
    if run.state is RolloutState.HELD:
        run.person(Kind.RESUMED)
    elif run.state is RolloutState.ROLLED_BACK:
        run.ask("retry")
    attempt = run.rollout.attempt
    if attempt is not None and (asked := run.plan.phases[attempt.phase]).sign_offs:
        run.person(Kind.SIGNED, role="lead", decision="go", note="")
        for item in range(len(asked.checklist)):
            run.person(Kind.TICKED, item=item, done=True, note="")
    if run.state is RolloutState.WAITING:
        run.ask("promote")


def fresh(which: int) -> Watch:
    world = PLANS[which]
    return Watch(Run(world), world)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(PLANS) - 1), st.lists(steps, min_size=20, max_size=60))
def test_nothing_promotes_on_missing_data_skips_a_soak_rolls_back_twice_or_gets_stuck(
    which: int, sequence: list[tuple]
) -> None:
    watch = fresh(which)
    for step in sequence:
        play(watch, step)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, len(PLANS) - 1), st.lists(steps, max_size=40))
def test_whatever_happened_persons_who_do_their_part_bring_it_to_its_end(which: int, sequence: list[tuple]) -> None:
    watch = fresh(which)
    for step in sequence:
        play(watch, step)
    run = watch.run
    run.judged, run.fails = None, ""
    for _ in range(200):
        if run.state.over:
            break
        do_your_part(run)
        # A clock that was put back comes, in time, to where it was.
        run.now = max(NOON + 30 * MINUTE, run.now, *(fact.at for fact in run.facts))
        watch.tick(55)
        watch.tick(5)
    assert run.state.over


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.tuples(st.just("tick"), st.integers(1, 59)), st.just(("away", 4000))), max_size=25))
def test_filled_gaps_count_as_if_they_had_been_watched(sequence: list[tuple]) -> None:
    watch = fresh(0)
    for step in sequence:
        play(watch, step)
        watch.fill(known=True)
    attempt = watch.run.rollout.attempts[-1] if watch.run.rollout.attempts else None
    if attempt is not None and attempt.confirmed_at is not None:
        assert attempt.soak.restarts == 0
        assert not attempt.soak.grace
