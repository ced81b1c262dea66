"""What the panes say: the three pictures of each, and the order of attention."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from console.core.operations import Operation
from console.core.picture import Alerts, AlertState, Picture, SourceHealth, SourceState
from console.core.readings import Reading
from console.core.states import Outcome
from console.core.system import Severity
from tests import pictures
from tests.pictures import NOW, before, reading_of
from widgets.alerts import alert_rows, quiet_row
from widgets.alerts import title as alerts_title
from widgets.bypass_row import bypass_row
from widgets.footer import key_sign, keys_row
from widgets.header import header
from widgets.logs import origins, rates
from widgets.prompt import Prompt
from widgets.redis import redis_rows
from widgets.rollout import current, rollout_rows
from widgets.rollout import title as rollout_title
from widgets.rows import Row, plain, width_of
from widgets.vocabulary import Glyphs, Ink

GLYPHS = Glyphs()


def said(rows: list[Row]) -> str:
    return "\n".join(plain(spans).rstrip() for spans in rows)


def rollout(picture: Picture, width: int = 118, height: int = 7) -> str:
    return said(rollout_rows(picture, NOW, width, height, GLYPHS))


def redis(picture: Picture, width: int = 78, height: int = 2) -> str:
    return said(redis_rows(picture, NOW, width, height, GLYPHS))


def alerts(picture: Picture, width: int = 78, height: int = 3) -> str:
    return said(alert_rows(picture.alerts, NOW, width, height, GLYPHS))


def test_reading_failed_and_empty_are_three_different_pictures() -> None:
    for pane in (rollout, redis, alerts):
        assert "reading…" in pane(pictures.unread())
        assert "reading…" not in pane(pictures.all_failed())
    assert "could not read: kubernetes https://10.0.0.9:6443" in rollout(pictures.all_failed())
    assert f"could not read: {pictures.NO_ANSWER}" in redis(pictures.all_failed())
    assert "no alerts (4 rules, checked just now)" in alerts(pictures.healthy())
    assert "no alerts" not in alerts(pictures.all_failed())
    assert "0" not in redis(pictures.unread())


def test_a_source_that_is_not_configured_is_not_a_source_that_is_being_read() -> None:
    none = tuple(SourceHealth(name, SourceState.ABSENT, "") for name in ("redis", "kubernetes"))
    absent = replace(pictures.unread(), sources=none)
    assert "redis is not configured for production" in redis(absent)
    assert "kubernetes is not configured for production" in rollout(absent)


def test_a_long_reason_takes_as_many_rows_as_there_are() -> None:
    shown = rollout(pictures.all_failed(), width=60, height=5)
    assert "ask for `get deployments`" in shown.replace("\n                 ", " ")


def test_alerts_say_nothing_of_quiet_before_they_were_judged() -> None:
    assert alerts_title(Alerts(), NOW, GLYPHS) == ()
    assert "no rules are declared (checked just now)" in plain(quiet_row(Alerts((), NOW), NOW, GLYPHS))


def test_what_fires_comes_first_and_is_never_pushed_out_unsaid() -> None:
    many = tuple(
        pictures.alert(f"rule {number}", AlertState.FIRING, "2", "> 1", severity=Severity.P1) for number in range(6)
    )
    shown = alerts(replace(pictures.healthy(), alerts=Alerts(many, NOW)))
    assert "FIRING" in shown.splitlines()[0]
    assert "4 more alerts below; z shows all" in shown.splitlines()[-1]


def test_a_rule_that_nobody_can_judge_says_why_and_is_not_quiet() -> None:
    shown = alerts(pictures.trouble())
    assert "no data" in shown
    assert "prometheus answered 503 at 21:03:58" in shown


def test_old_alerts_say_when_they_were_checked() -> None:
    old = replace(pictures.trouble().alerts, checked_at=before(minutes=3))
    assert "checked 3m ago" in plain(alerts_title(old, NOW, GLYPHS))


def test_redis_says_its_share_its_trend_and_when_sessions_were_counted() -> None:
    shown = redis(pictures.healthy())
    assert "612 MB of 2 GB  31%" in shown
    assert "+1.2%/h, full in 14d" in shown
    assert "10,412  +83 in 10m  counted just now" in shown


def test_the_trend_takes_a_second_row_where_the_first_has_no_room() -> None:
    assert "+1.2%/h" in redis(pictures.healthy(), width=50, height=6)


def test_memory_without_a_limit_has_no_percentage() -> None:
    stats = replace(pictures.STATS, limit=None)
    shown = redis(replace(pictures.healthy(), redis=reading_of(stats)))
    assert "612 MB, no limit set" in shown
    assert "%  " not in shown.splitlines()[0]


def test_a_count_that_is_not_whole_says_so() -> None:
    partial = replace(pictures.CENSUS, complete=False, scanned=2_672, estimate=10_300)
    shown = redis(replace(pictures.healthy(), sessions=reading_of(partial)))
    assert "about 10,300" in shown
    assert "25% of the keys looked at" in shown
    bare = replace(partial, estimate=None, total=2_600)
    assert "at least 2,600" in redis(replace(pictures.healthy(), sessions=reading_of(bare)))


def test_tenants_that_do_not_fit_are_counted() -> None:
    census = replace(pictures.CENSUS, tenants=tuple((f"tenant-{number}", 100 - number) for number in range(30)))
    shown = redis(replace(pictures.healthy(), sessions=reading_of(census)), height=6)
    assert "tenant-0 100" in shown
    assert " more" in shown


def test_every_version_has_its_pods_share_and_age() -> None:
    shown = rollout(pictures.healthy())
    assert "PROGRESSING  2 of 10 pods run v2.3.3; R returns to v2.3.2" in shown
    assert "20%  2 of 2" in shown
    assert "80%  8 of 8" in shown
    assert "rev 12   41h12m" in shown
    assert "recorded good" in shown


def test_versions_that_do_not_fit_are_counted() -> None:
    deployed = pictures.DEPLOYED
    versions = deployed.versions * 5
    shown = rollout(replace(pictures.healthy(), deployed=replace(deployed, versions=versions)), height=5)
    assert "and 7 older versions; z shows all" in shown


def test_a_running_operation_is_shown_before_old_versions() -> None:
    for height in (5, 7):
        shown = rollout(pictures.rolling_back(), height=height)
        assert "Roll back hak-gal  RUNNING  12s  9 of 10 pods of v2.3.2 are ready" in shown


def test_an_operation_that_ended_stays_for_a_while_with_its_last_word() -> None:
    operation = pictures.rolling_back().operations[0]
    summary = "ROLLED BACK and verified in 38s"
    ended = replace(operation, outcome=Outcome.DONE, ended=before(seconds=30), summary=summary)
    old = replace(ended, id="o0", ended=before(minutes=20))
    assert "DONE  30s ago  ROLLED BACK and verified in 38s" in rollout(
        replace(pictures.healthy(), operations=(old, ended))
    )
    assert current((old, ended), NOW) == [ended]


def test_a_failed_operation_shouts() -> None:
    operation = Operation("o2", "rollback", "Roll back", Outcome.FAILED, before(seconds=60), NOW, (), "pod crashes")
    rows = rollout_rows(replace(pictures.healthy(), operations=(operation,)), NOW, 118, 7, GLYPHS)
    assert any((" FAILED ", Ink.ALARM) in spans for spans in rows)


def test_a_cluster_that_is_not_read_any_more_is_stale_in_the_title() -> None:
    stale = replace(
        pictures.healthy(), cluster=reading_of(pictures.CLUSTER, before(minutes=2)).failed("kubernetes: timed out", NOW)
    )
    assert plain(rollout_title(stale, NOW, GLYPHS)) == "STALE 2m · kubernetes: timed out"


def test_the_header_gives_up_details_before_names_and_names_before_a_word() -> None:
    fine = pictures.healthy()
    assert "prometheus live" in plain(header(fine, 120, GLYPHS))
    assert "prometheus live" not in plain(header(fine, 100, GLYPHS))
    assert "all sources live" in plain(header(fine, 69, GLYPHS))
    assert "redis failed" in plain(header(pictures.redis_stale(), 69, GLYPHS))
    assert "4 sources of 4 not answering" in plain(header(pictures.all_failed(), 69, GLYPHS))
    for width in (40, 69, 100, 120):
        assert width_of(header(fine, width, GLYPHS)) == width


def test_the_header_says_the_environment_in_word_and_colour_and_when_nothing_can_be_changed() -> None:
    spans = header(pictures.read_only(), 120, GLYPHS)
    assert (" PRODUCTION ", Ink.PRODUCTION) in spans
    assert (" READ-ONLY ", Ink.BADGE) in spans


def test_an_open_bypass_counts_down_by_the_stores_clock() -> None:
    shown = plain(bypass_row(pictures.trouble(), NOW + timedelta(seconds=11), GLYPHS))
    assert shown.startswith(' BYPASS ON 12:30 left · "false positives after the rule push" · B revokes')


def test_a_bypass_whose_time_is_over_is_not_called_on() -> None:
    assert "BYPASS OVER" in plain(bypass_row(pictures.trouble(), NOW + timedelta(minutes=13), GLYPHS))


def test_a_bypass_that_nobody_can_see_is_unknown_and_not_off() -> None:
    for picture in (pictures.redis_stale(), pictures.all_failed()):
        shown = plain(bypass_row(picture, NOW, GLYPHS))
        assert "BYPASS UNKNOWN" in shown
        assert pictures.NO_ANSWER in shown


def test_there_is_no_bypass_row_while_none_is_open_or_offered() -> None:
    assert bypass_row(pictures.healthy(), NOW, GLYPHS) == ()
    assert bypass_row(pictures.unread(), NOW, GLYPHS) == ()
    assert bypass_row(replace(pictures.all_failed(), bypass_offered=False), NOW, GLYPHS) == ()


def test_a_key_that_is_no_bypass_is_named_as_one_that_is_not_in_force() -> None:
    held = pictures.healthy().bypass
    assert held.value is not None
    odd = replace(held, value=replace(held.value, warning="key x is there, but no bypass is in force: revoke it"))
    shown = plain(bypass_row(replace(pictures.healthy(), bypass=odd), NOW, GLYPHS))
    assert shown.startswith(" NO BYPASS · key x is there, but no bypass is in force")


def test_a_hung_store_makes_an_open_bypass_uncertain() -> None:
    open_one = replace(pictures.trouble().bypass, taken_at=before(seconds=40))
    shown = plain(bypass_row(replace(pictures.trouble(), bypass=open_one), NOW, GLYPHS))
    assert "12:01 left" in shown
    assert "last seen 30s ago: the store does not answer" in shown


def test_the_footer_keeps_a_key_that_cannot_work_and_always_the_way_out() -> None:
    from console.actions.table import footer_of

    actions = footer_of("dashboard")
    wide = keys_row(actions, {}, pictures.read_only(), 120)
    assert (" R", Ink.STALE) in wide
    assert (" r", Ink.KEY) in wide
    for width in (30, 50, 80):
        narrow = keys_row(actions, {}, pictures.healthy(), width)
        assert width_of(narrow) <= width
        assert plain(narrow).rstrip().endswith("q quit")
    assert "z zoom" in plain(keys_row(actions, {}, pictures.healthy(), 80))


def test_a_key_that_was_changed_is_shown_as_changed() -> None:
    from console.actions.table import footer_of

    assert " ^B bypass" in plain(keys_row(footer_of("dashboard"), {"bypass": "ctrl+b"}, pictures.healthy(), 120))
    assert [key_sign(key) for key in ("slash", "ctrl+r", "R", "escape")] == ["/", "^R", "R", "Esc"]


def test_a_reading_that_only_hangs_is_stale_too() -> None:
    hung: Reading[object] = reading_of(object(), before(seconds=40))
    assert hung.is_stale(NOW)


def test_log_counts_are_rates_only_once_an_hour_was_observed() -> None:
    counts = pictures.LOG_COUNTS
    assert plain(rates(counts, GLYPHS)) == "errors 0/h · rejects 1,204/h"
    young = replace(counts, observed=timedelta(seconds=100))
    assert plain(rates(young, GLYPHS)) == "errors 0 · rejects 1,204 in 1m"
    assert plain(origins(counts)) == "hak_gal.log + 4 pods"
    silent = replace(counts, patterns=(("errors", 0, 0), ("rejects", 0, 0)))
    assert plain(rates(silent, GLYPHS)) == "errors 0/h"
    lost = replace(counts, origins=(("hak_gal.log", ""), ("other.log", "permission denied")))
    assert plain(origins(lost)) == "hak_gal.log + 1 more  1 not followed"


def test_the_prompt_edits_a_line() -> None:
    prompt = Prompt("/")
    for letter in "eror x":
        prompt.key(letter, letter)
    for key in ("ctrl+w", "home", "right", "right"):
        prompt.key(key, None)
    prompt.insert("r\nrm -rf /")
    prompt.key("end", None)
    prompt.key("backspace", "\x7f")
    assert prompt.text == "error"
    assert not prompt.key("f5", None)
    prompt.key("ctrl+u", None)
    assert prompt.text == ""
