"""What pane 1 says of a rollout, at every size, and what of it is loud."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.actions.table import footer_of
from console.core.evaluation import Verdict
from console.core.picture import Picture
from console.core.rollouts.state import RolloutState
from tests import pictures
from tests import rollout_pictures as played
from tests.pictures import NOW, before
from widgets.footer import keys_row
from widgets.header import header
from widgets.phases import phase_line, share_words, soak_words, state_words
from widgets.progress import progress_title
from widgets.rollout import rollout_rows
from widgets.rows import Row, plain, width_of
from widgets.rules import criterion_rows, gate_rows, strip_of
from widgets.vocabulary import ASCII_GLYPHS, Glyphs, Ink, Look
from widgets.words import exactly, hours

GLYPHS = Glyphs()
STATES = [
    played.soaking,
    played.blind,
    played.breaching,
    played.waiting,
    played.ready,
    played.held,
    played.held_blind,
    played.practice,
    played.rolling_back,
    played.rolled_back,
    played.undriven,
    played.planned,
    played.completed,
    played.none_yet,
    played.unreadable,
]


def rows(picture: Picture, width: int = 118, height: int = 11) -> list[Row]:
    return rollout_rows(picture, NOW, width, height, GLYPHS)


def said(picture: Picture, width: int = 118, height: int = 11) -> str:
    return "\n".join(plain(spans).rstrip() for spans in rows(picture, width, height))


def inks(picture: Picture, width: int = 118, height: int = 11) -> dict[str, Ink]:
    return {text.strip(): ink for spans in rows(picture, width, height) for text, ink in spans}


def title(picture: Picture, *, wide: bool = True) -> str:
    assert picture.rollout is not None
    return plain(progress_title(picture, picture.rollout, NOW, GLYPHS, wide=wide))


@pytest.mark.parametrize("picture", STATES, ids=lambda state: state.__name__)
@pytest.mark.parametrize(
    ("width", "height"), [(78, 6), (78, 5), (78, 20), (98, 8), (118, 11), (118, 15), (198, 40), (30, 3)]
)
def test_the_pane_never_has_more_rows_than_there_are(picture: object, width: int, height: int) -> None:
    assert len(rows(picture(), width, height)) <= height  # type: ignore[operator]


def test_the_sketch_is_told_on_120_columns() -> None:
    shown = said(played.soaking())
    for words in (
        "✓ pre ─ ✓ staging 5% ─ ✓ staging 50% ─ ● production canary ─ ○ production 5%",
        "SOAKING  every gate passes; 30h48m to go, then p promotes",
        "driver: watcher on bastion, <15s",
        "41h12m of 72h  7m unobserved",
        "asked 1%  applied 10%  measured 9.6%",
        "rolls back when",
    ):
        assert words in shown
    assert title(played.soaking()) == "phase 4 of 8 · production canary · look due in 9m"


def test_five_rows_are_the_phases_the_state_the_soak_and_the_worst_two_gates() -> None:
    failing = replace(played.GATES[3], now="120/h", verdict=Verdict.FAIL)
    view = replace(played.VIEW, gates=(*played.GATES[:3], failing))
    lines = said(played.with_rollout(view), 78, 5).splitlines()
    assert len(lines) == 5
    assert lines[0].startswith(" ✓ pre") and "● production canary" in lines[0]
    assert lines[1].startswith(" SOAKING") and lines[2].startswith(" soak")
    assert lines[3].startswith(" ! rate limit rejects") and lines[4].startswith(" ✓ p99 latency")


def test_the_line_of_keys_is_folded_and_never_cut_while_there_are_rows() -> None:
    view = played.blind().rollout
    assert view is not None
    for width, height in ((78, 6), (118, 11)):
        told = " ".join(line.strip() for line in said(played.blind(), width, height).splitlines())
        assert told.count("FLYING BLIND") == 1, "the badge says it"
        for word in view.why.split():
            assert word in told


def test_a_breach_comes_before_every_gate_on_a_small_terminal() -> None:
    lines = said(played.breaching(), 78, 6).splitlines()
    assert any(line.startswith(" ! rolls back when error rate > 5%") and "3m of 5m" in line for line in lines)


def test_what_cannot_be_judged_is_neither_good_nor_bad_and_says_why() -> None:
    shown = said(played.blind())
    assert "FLYING BLIND" in shown
    assert "? error rate " in shown and "? error rate > 5%" in shown
    assert shown.count("prometheus answered 503 at 21:03:58") >= 1
    assert "stands" in shown and "measured —" in shown


def test_green_is_only_a_clock_that_runs() -> None:
    for picture, ink in (
        (played.soaking(), Ink.OK),
        (played.blind(), Ink.UNKNOWN),
        (played.breaching(), Ink.WARN),
        (played.undriven(), Ink.WARN),
    ):
        assert inks(picture)["SOAKING"] is ink, picture.rollout
    assert inks(played.rolling_back())["ROLLING BACK"] is Ink.ALARM
    assert inks(played.rolled_back())["ROLLED BACK"] is Ink.BAD


def test_nobody_driving_is_loud_at_every_size() -> None:
    assert inks(played.undriven())["NOBODY DRIVES for 14m"] is Ink.ALARM
    assert title(played.undriven(), wide=False).startswith(" NOBODY DRIVES for 14m  · phase 4 of 8")
    never = replace(played.VIEW, driver=replace(played.DRIVER, who="", seen=None, alive=False))
    assert " NOBODY DRIVES " in said(played.with_rollout(never))


def test_what_is_asked_of_people_is_shown_while_they_are_waited_for() -> None:
    for width, height in ((118, 11), (78, 6)):
        assert "checklist 2 of 3 · deployment lead: not signed · on-call engineer: go" in said(
            played.waiting(), width, height
        )


def test_what_this_process_does_about_it_stands_below() -> None:
    busy = replace(played.rolling_back(), operations=pictures.rolling_back().operations)
    for width, height in ((118, 11), (78, 6)):
        assert "Roll back hak-gal  RUNNING  12s" in said(busy, width, height).splitlines()[-1]


def test_another_environment_than_the_one_on_the_screen_is_named() -> None:
    elsewhere = replace(played.VIEW, environment="staging")
    for wide in (True, False):
        loud = progress_title(played.with_rollout(elsewhere), elsewhere, NOW, GLYPHS, wide=wide)
        assert (" in STAGING; panes 2 to 4 show PRODUCTION ", Ink.ALARM) in loud
    assert "in PRODUCTION" not in title(played.soaking()) and "panes 2" not in title(played.soaking())
    lost = replace(elsewhere, driver=replace(played.DRIVER, who="", alive=False))
    assert title(played.with_rollout(lost), wide=False).startswith(" NOBODY DRIVES  ·  in STAGING; panes 2 to 4 show")


def test_news_that_is_old_says_so() -> None:
    old = played.with_rollout(replace(played.VIEW, taken_at=before(minutes=3)))
    assert title(old).startswith("STALE 3m · ")
    fast = replace(played.VIEW, speed=1440.0, taken_at=NOW + timedelta(days=9))
    assert "STALE" not in title(replace(played.with_rollout(fast), taken_at=before(seconds=1)))


def test_a_look_is_due_by_the_rollouts_own_time() -> None:
    fast = replace(played.VIEW, speed=60.0, taken_at=NOW, look_due=NOW + timedelta(minutes=9))
    later = replace(played.with_rollout(fast), taken_at=before(seconds=5))
    assert "look due in 4m" in title(later), "five seconds of the wall are five minutes of the rollout"
    assert "look overdue 12m: o, then k" in title(played.breaching())


def test_without_a_rollout_the_pane_says_what_could_be_started() -> None:
    assert "no rollout under way; S starts one of: hotfix, release" in said(played.none_yet(), 78, 6)
    assert "PROGRESSING" in said(played.none_yet(), 78, 6)
    assert "no rollout" not in said(pictures.healthy(), 78, 6), "a system without plans is not spoken of"
    assert "release of v2.3.3 COMPLETED" in said(played.completed(), 78, 6)
    assert "release.rollout.yaml:12" in said(played.unreadable(), 118, 6)


def test_a_phase_that_is_not_soaking_says_what_is_waited_for() -> None:
    assert "soak  begins 16 Mar 04:16Z at the earliest" in said(played.planned())
    applying = replace(played.VIEW, state=RolloutState.APPLYING, soak=None)
    assert "72h, once what is asked is confirmed" in said(played.with_rollout(applying))
    checks = replace(applying, phase=0, asked="", applied=None)
    shown = said(played.with_rollout(checks))
    assert "this phase has none" in shown and "changes no traffic" in shown


def test_the_soak_tells_everything_that_keeps_it_from_its_end() -> None:
    soak = replace(
        played.SOAK, bad=timedelta(minutes=4), grace=timedelta(minutes=9), restarts=2, observed=timedelta(minutes=41)
    )
    assert plain(soak_words(soak)) == "41m of 72h  7m unobserved  4m bad  9m grace  began anew 2x"
    picture = played.with_rollout(replace(played.VIEW, soak=soak))
    assert said(picture, 78, 6).splitlines()[2].endswith("began anew 2x")
    assert "measured 9.6%" in said(picture, 118, 11)
    paused = said(played.with_rollout(replace(played.VIEW, soak=replace(soak, restarts=0))), 78, 6).splitlines()[2]
    assert paused.endswith("9m grace    measured 9.6%"), "what is measured gives way last"


def test_a_measured_share_far_from_the_applied_one_stands_out() -> None:
    near = share_words(played.VIEW, GLYPHS)
    far = share_words(replace(played.VIEW, measured=0.31), GLYPHS)
    assert near[-1] == ("9.6%", Ink.TEXT) and far[-1] == ("31%", Ink.WARN)


def test_shares_and_hours_are_told_as_plans_write_them() -> None:
    assert [exactly(share) for share in (None, 0.0, 0.0001, 0.096, 0.1, 1.0)] == [
        "—",
        "0%",
        "<0.1%",
        "9.6%",
        "10%",
        "100%",
    ]
    spans = [timedelta(seconds=30), timedelta(minutes=5), timedelta(hours=72), timedelta(hours=41, minutes=12)]
    assert [hours(span) for span in spans] == ["30s", "5m", "72h", "41h12m"]


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 24), st.integers(20, 160), st.data())
def test_the_line_of_phases_keeps_the_present_one_and_every_mark(count: int, width: int, data: st.DataObject) -> None:
    here = data.draw(st.integers(0, count - 1))
    phases = tuple(
        replace(
            played.PHASES[4],
            name=f"p{place}",
            title=data.draw(st.sampled_from(("pre", "staging 50%", "a title of some length"))),
            mark="done" if place < here else "here" if place == here else "todo",
        )
        for place in range(count)
    )
    view = replace(played.VIEW, phases=phases, phase=here)
    row = phase_line(view, width, GLYPHS)
    text = plain(row)
    assert text.count("●") == 1 and f"● {phases[here].title}" in text
    assert text.count("✓") == here and text.count("○") == count - here - 1
    if width >= 24 + count + 6:
        assert width_of(row) <= width


def test_rules_that_do_not_fit_are_counted_and_the_worst_are_kept() -> None:
    gates = [replace(played.GATES[0], title=f"gate {number}") for number in range(9)]
    gates[7] = replace(gates[7], verdict=Verdict.FAIL)
    shown = [plain(spans) for spans in gate_rows(gates, 59, 4, GLYPHS)]
    assert shown[0].startswith(" ! gate 7") and shown[-1].strip() == "and 6 more gates; z shows all"
    criteria = [replace(played.CRITERIA[0], near=number / 10) for number in range(9)]
    told = [plain(spans) for spans in criterion_rows(criteria, 58, 3, GLYPHS)]
    assert told[-1].strip() == "and 7 more criteria; z shows all"


def test_a_criterion_that_cannot_be_judged_is_not_called_a_breach() -> None:
    blind = replace(played.CRITERIA[0], verdict=Verdict.ERROR, near=None, now="—", detail="refused")
    [row, why] = criterion_rows([blind], 58, 4, GLYPHS)
    assert Ink.BAD not in {ink for _, ink in row} and (" ? ", Ink.UNKNOWN) in row
    assert plain(why).strip() == "refused"


def test_a_strip_marks_true_false_missing_and_error_apart_also_without_colour() -> None:
    marks = played.gate("x", "1", "2", strip="tfme").strip
    assert plain(strip_of(marks, 6, GLYPHS)) == "  ▮▯·x"
    assert plain(strip_of(marks, 4, ASCII_GLYPHS)) == "#o.x"


@pytest.mark.parametrize("picture", STATES, ids=lambda state: state.__name__)
def test_ascii_says_the_same(picture: object) -> None:
    look = Look("plain", ASCII_GLYPHS)
    for spans in rollout_rows(picture(), NOW, 118, 11, ASCII_GLYPHS):  # type: ignore[operator]
        spelled = look.spell(plain(spans))
        assert spelled.isascii() and "?" not in spelled.replace(" ? ", "")


def test_the_footer_says_how_long_until_p_and_fades_what_would_override() -> None:
    def footer(picture: Picture, width: int = 120) -> Row:
        return keys_row(footer_of("dashboard"), {}, picture, width)

    soaking = footer(played.soaking())
    assert plain(soaking).startswith(" p promote (30h48m) h hold R roll back b bypass")
    assert (" p", Ink.STALE) in soaking and (" p", Ink.KEY) in footer(played.ready())
    assert plain(footer(played.held())).startswith(" t retry p promote")
    assert "h resume" in plain(footer(played.held()))
    assert plain(footer(played.undriven())).startswith(" w start a watcher")
    assert plain(footer(played.none_yet())).startswith(" S start  R roll back")
    assert plain(footer(pictures.healthy())).startswith(" R roll back")
    assert plain(keys_row(footer_of("dashboard"), {}, None, 120)).startswith(" R roll back"), "nothing is known yet"
    for picture in (played.soaking(), played.waiting(), played.rolled_back()):
        small = plain(footer(picture, 80))
        assert "p promote" in small and "R roll back" in small, "what cannot work stays in the footer, dim"
        assert len(small) <= 80


def test_the_header_shows_the_versions_of_the_rollout() -> None:
    assert "v2.3.2 → v2.4.0" in plain(header(played.with_rollout(replace(played.VIEW, version="v2.4.0")), 120, GLYPHS))
    alone = replace(played.soaking(), deployed=None)
    assert "v2.3.3" in plain(header(alone, 120, GLYPHS))


def test_flying_blind_is_a_word_in_every_state() -> None:
    for state in (RolloutState.SOAKING, RolloutState.WAITING, RolloutState.HELD):
        words = plain(state_words(replace(played.VIEW, state=state, blind=True)))
        assert words == f"{state.value.upper()}  FLYING BLIND "


def test_a_criterion_whose_samples_are_yet_to_come_is_no_breach() -> None:
    early = replace(played.CRITERIA[1], verdict=Verdict.PENDING, near=0.0, detail="the first sample is yet to come")
    picture = played.with_rollout(replace(played.VIEW, criteria=(early, played.CRITERIA[3])))
    [row] = [spans for spans in rows(picture, 118, 20) if "session violations" in plain(spans)]
    assert (" ○ ", Ink.DIM) in row and not {ink for _, ink in row} & {Ink.BAD, Ink.ALARM}
    assert inks(picture)["SOAKING"] is Ink.OK
    assert said(picture, 78, 6).index("p99 latency") < said(picture, 78, 6).index("rolls back when")


def test_a_small_title_says_what_is_urgent_and_leaves_the_name_to_the_phases() -> None:
    elsewhere = replace(played.VIEW, environment="sandbox-staging", speed=1440.0)
    words = title(played.with_rollout(elsewhere), wide=False)
    assert words == (
        " in SANDBOX-STAGING; panes 2 to 4 show PRODUCTION  · 1440 times as fast · rollout time 14 Mar 21:04Z"
        " · look due in 9m"
    )
    late = replace(elsewhere, look_due=before(minutes=12))
    assert "PRODUCTION  · look overdue 12m: o, then k · 1440" in title(played.with_rollout(late), wide=False)
    assert title(played.breaching(), wide=False) == "phase 4 of 8 · look overdue 12m: o, then k"


def test_after_a_rollback_the_rules_are_told_as_they_ended_the_worst_first() -> None:
    for width, height in ((118, 11), (78, 6)):
        shown = said(played.rolled_back(), width, height)
        assert "error rate trips at 7.2 % (rolls back when > 5 % for 5m)" in shown
        assert "no gate guards" not in shown and "rolls back by itself" not in shown
    lines = said(played.rolling_back(), 118, 11).splitlines()
    at = next(place for place, line in enumerate(lines) if line.startswith(" ended"))
    assert [line[7:].split(" at ")[0] for line in lines[at:][:3]] == [
        "error rate trips",
        "error rate fails",
        "p99 latency passes",
    ]


def test_what_is_not_judged_yet_is_not_said_to_be_unguarded() -> None:
    bare = replace(played.VIEW, gates=(), criteria=())
    applying = replace(bare, state=RolloutState.APPLYING)
    assert "gates are judged once the phase is applied; nothing is armed yet" in said(played.with_rollout(applying))
    assert "no gate guards this phase; nothing rolls back by itself" in said(played.with_rollout(bare))


@pytest.mark.parametrize("width", [100, 118, 160, 198])
def test_thresholds_are_never_cut_beside_each_other(width: int) -> None:
    long = replace(played.GATES[1], title="Redis memory stable", need="within 10 % over 1h")
    trips = replace(played.CRITERIA[3], text="recovery_failures_now > 1% for 10m")
    view = replace(played.VIEW, gates=(*played.GATES, long), criteria=(*played.CRITERIA, trips))
    shown = said(played.with_rollout(view), width, 14)
    assert "within 10 % over 1h" in shown
    if width >= 118:
        assert "recovery failures now > 1%" in shown and "▮▮▮" in shown


def test_a_hold_while_blind_keeps_its_reason_and_its_keys_and_the_worst_of_the_rules() -> None:
    lines = said(played.held_blind(), 78, 7).splitlines()
    assert lines[1].startswith(" HELD  FLYING BLIND   by ines@bastion: the customer called at nine")
    assert lines[2].endswith("resumes (soaking), t tries the phase again, R rolls back, A aborts")
    assert lines[4].startswith(" ? rolls back when error rate > 5%") and lines[5].startswith(" ? error rate")
    assert lines[6].endswith(" and 5 more") and all(len(line) <= 78 for line in lines)


def test_what_there_is_no_room_for_is_counted_and_thresholds_stay_whole() -> None:
    lines = said(played.soaking(), 78, 7).splitlines()
    assert [line[:22].rstrip() for line in lines[3:6]] == [" ✓ p99 latency", " ✓ redis memory", " ✓ error rate"]
    assert lines[6].startswith(" · rolls back when recovery failures > 1% ") and lines[6].endswith(" and 4 more")
    busy = said(replace(played.breaching(), operations=pictures.rolling_back().operations), 78, 7).splitlines()
    assert busy[4].startswith(" ! rolls back when error rate > 5%") and busy[5].endswith(" and 6 more")


def test_a_quiet_criterion_bears_no_tick() -> None:
    marks = [spans for spans in rows(played.soaking(), 78, 20) if "rolls back when" in plain(spans)]
    assert len(marks) == 4 and all(spans[0] == (" · ", Ink.DIM) for spans in marks)
