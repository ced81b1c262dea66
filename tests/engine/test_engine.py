"""The engine against a real Redis, a real file and a real port."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from console.core.operations import Refused
from console.core.picture import SourceState
from console.core.states import Outcome
from console.engine.engine import Engine
from console.journal.journal import Journal
from tests.conftest import RedisServer, wait_until
from tests.engine_world import TinyWorld, ended, seen, tiny_world


@pytest.fixture
def world(tmp_path: Path, redis_server: RedisServer) -> Iterator[TinyWorld]:
    world = tiny_world(tmp_path, redis_server)
    yield world
    world.close()


@pytest.fixture
def client(redis_server: RedisServer) -> Iterator[redis.Redis]:
    client = redis.Redis(port=redis_server.port)
    yield client
    client.close()


def begun(world: TinyWorld) -> Engine:
    engine = world.open()
    engine.start()
    seen(engine, lambda picture: picture.alerts.checked_at, what="the first judgement")
    return engine


def test_a_hung_redis_shows_its_age_and_not_zero_sessions(world: TinyWorld, client: redis.Redis) -> None:
    for number in range(100):
        client.set(f"app:tenant:{'acme' if number < 60 else 'globex'}:session:{number}", "{}")
    engine = world.open()
    engine.start()
    seen(engine, lambda picture: picture.sessions.value and picture.sessions.value.complete)
    assert engine.picture.sessions.value is not None
    assert engine.picture.sessions.value.tenants == (("acme", 60), ("globex", 40))
    world.redis.stop_answering()
    picture = seen(engine, lambda picture: picture.sessions.error and picture.redis.error)
    assert picture.sessions.value is not None and picture.sessions.value.total == 100
    assert f"127.0.0.1:{world.redis.port}" in str(picture.redis.error)
    assert picture.sessions.is_stale(picture.taken_at)
    states = {source.name: source.state for source in picture.sources}
    assert states["redis"] is SourceState.FAILED and states["logs"] is SourceState.LIVE


def test_log_lines_fire_an_alert_and_the_journal_has_it(world: TinyWorld) -> None:
    engine = begun(world)
    with world.log.open("a") as log:
        log.write("ERROR one\nERROR two\nERROR three\n")
    picture = seen(engine, lambda picture: picture.alerts.firing, what="the alert")
    alert = picture.alerts.firing[0]
    assert (alert.title, alert.action) == ("errors in the log", "Read the log.")
    engine.stop("the test has seen it")
    journal = Journal.open(world.folder / "state" / "journal.db", clock=lambda: picture.taken_at)
    changes = [event.body for event in journal.events(kinds=("alert.changed",))]
    reasons = [event.body["reason"] for event in journal.events(kinds=("console.stopped",))]
    assert journal.verify().sound
    journal.close()
    assert changes[-1]["to"] == "firing"
    assert reasons == ["the test has seen it"]


def test_a_check_that_fails_as_often_as_the_rule_says_fires(world: TinyWorld) -> None:
    engine = begun(world)
    assert not engine.picture.alerts.firing
    world.redis.kill()
    picture = seen(engine, lambda picture: any(alert.name == "store_down" for alert in picture.alerts.firing))
    assert picture.health.value is not None and picture.health.value[0].failures >= 2


def test_samples_outlive_the_process(world: TinyWorld) -> None:
    first = begun(world)
    seen(first, lambda picture: any(metric.value for metric in picture.metrics if metric.name == "redis_memory"))
    first.stop("restart")
    world.redis.kill()
    second = world.open()
    second.start()
    picture = seen(second, lambda picture: picture.redis.error)
    kept = next(metric for metric in picture.metrics if metric.name == "redis_memory")
    assert kept.value is not None and kept.error is not None


def test_a_bypass_is_granted_logged_counted_and_revoked(world: TinyWorld, client: redis.Redis) -> None:
    engine = begun(world)
    seen(engine, lambda picture: picture.bypass.value)
    plan = engine.plan_bypass()
    assert (plan.target, plan.today, plan.longest) == ("tiny", 0, timedelta(minutes=15))
    with pytest.raises(Refused, match="typed where tiny was asked"):
        engine.grant_bypass("rules block customers", timedelta(minutes=1), "tinny")
    with pytest.raises(Refused):
        engine.grant_bypass("  ", timedelta(minutes=1), "tiny")
    granted = ended(engine, engine.grant_bypass("rules block customers", timedelta(minutes=1), "tiny"))
    assert granted.outcome is Outcome.DONE, granted.summary
    assert 0 < int(client.ttl("tiny:bypass")) <= 60  # type: ignore[arg-type]
    picture = seen(engine, lambda picture: picture.bypass.value and picture.bypass.value.grant)
    assert picture.bypass.value is not None and picture.bypass.value.today == 1
    with pytest.raises(Refused, match="a bypass is open"):
        engine.plan_bypass()
    revoked = ended(engine, engine.revoke_bypass())
    assert revoked.outcome is Outcome.DONE, revoked.summary
    assert client.get("tiny:bypass") is None
    told = world.bypass_log.read_text()
    assert "rules block customers" in told and "granted" in told and "revoked" in told
    journal = Journal.open(world.folder / "state" / "journal.db", clock=lambda: picture.taken_at)
    kinds = [(event.kind, event.role.value) for event in journal.events() if event.kind.startswith("bypass")]
    journal.close()
    assert kinds == [
        ("bypass", "intent"),
        ("bypass.granted", "note"),
        ("bypass", "result"),
        ("bypass-revoke", "intent"),
        ("bypass.ended", "note"),
        ("bypass-revoke", "result"),
    ]


def test_a_key_that_is_no_bypass_is_told_and_can_be_revoked(world: TinyWorld, client: redis.Redis) -> None:
    client.set("tiny:bypass", "left by somebody's script")
    engine = begun(world)
    picture = seen(engine, lambda picture: picture.bypass.value and picture.bypass.value.warning)
    assert picture.bypass.value is not None and picture.bypass.value.grant is None
    assert "no bypass is in force" in picture.bypass.value.warning
    over = ended(engine, engine.revoke_bypass())
    assert over.outcome is Outcome.DONE, over
    assert client.get("tiny:bypass") is None


def test_a_length_above_the_ceiling_is_cut_to_fifteen_minutes(world: TinyWorld, client: redis.Redis) -> None:
    engine = begun(world)
    seen(engine, lambda picture: picture.bypass.value)
    ended(engine, engine.grant_bypass("asked for an hour", timedelta(hours=1), "tiny"))
    assert 0 < int(client.ttl("tiny:bypass")) <= 900  # type: ignore[arg-type]


def test_a_bypass_without_its_store_is_refused_with_the_reason(world: TinyWorld) -> None:
    engine = begun(world)
    seen(engine, lambda picture: picture.bypass.value)
    world.redis.kill()
    seen(engine, lambda picture: picture.bypass.error)
    with pytest.raises(Refused, match="needs a store that expires by itself") as refused:
        engine.plan_bypass()
    assert str(refused.value).count("needs a store") == 1
    operation = ended(engine, engine.grant_bypass("store is down", timedelta(minutes=1), "tiny"))
    assert operation.outcome in (Outcome.REFUSED, Outcome.FAILED)
    assert str(world.redis.port) in operation.summary


def test_read_only_refuses_every_change(world: TinyWorld) -> None:
    engine = world.open(read_only=True)
    engine.start()
    seen(engine, lambda picture: picture.bypass.value)
    for change in (
        lambda: engine.grant_bypass("reason enough", timedelta(minutes=1), "tiny"),
        engine.revoke_bypass,
        engine.plan_rollback,
        engine.plan_bypass,
    ):
        with pytest.raises(Refused, match="read-only"):
            change()


def test_the_next_console_ends_what_a_killed_one_left_open(world: TinyWorld, client: redis.Redis) -> None:
    state = world.folder / "state"
    state.mkdir()
    engine = world.open()
    now = engine.picture.taken_at
    journal = Journal.open(state / "journal.db", clock=lambda: now)
    journal.intend(
        "run-block",
        "tiny/test/look.md",
        {"environment": "test", "process": "999999999:1", "runbook": "/books/look.md", "line": 3},
    )
    journal.intend(
        "bypass", "tiny/test", {"environment": "test", "process": "999999999:1", "reason": "gone", "seconds": 60}
    )
    engine.start()
    picture = seen(engine, lambda picture: len(picture.notices) == 2)
    assert any(notice.startswith("look.md:3 begun") and "may run still: verify" in notice for notice in picture.notices)
    assert not journal.open_intents()
    journal.close()


def test_a_disk_that_is_full_is_said_and_the_picture_goes_on(world: TinyWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    state = world.folder / "state"
    state.mkdir()
    (state / "journal.db").write_bytes(b"this is no database" * 100)
    engine = world.open()
    engine.start()
    picture = seen(engine, lambda picture: picture.alerts.checked_at and picture.redis.value)
    assert any("journal.db" in notice for notice in picture.notices)
    with pytest.raises(Refused, match="intent could not be written"):
        engine.grant_bypass("the journal is broken", timedelta(minutes=1), "tiny")


def test_pictures_are_told_until_one_leaves(world: TinyWorld) -> None:
    engine = world.open()
    told: list[object] = []
    leave = engine.subscribe(told.append)
    engine.start()
    wait_until(lambda: len(told) > 2, what="three pictures")
    leave()
    leave()


def test_a_rule_on_a_check_that_only_another_environment_has_is_left_out(world: TinyWorld) -> None:
    text = world.system.read_text()
    bare = f"  bare:\n    tone: staging\n    redis: {{host: localhost, port: {world.redis.port}, tls: false}}\n  test:"
    world.system.write_text(text.replace("  test:", bare, 1))
    engine = begun(world)
    assert [alert.name for alert in engine.picture.alerts.alerts] == ["errors"]


def test_an_engine_that_cannot_begin_says_so(world: TinyWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object, **_named: object) -> None:
        raise RuntimeError("a bug of our own")

    monkeypatch.setattr("console.engine.loop.assemble", broken)
    engine = world.open()
    engine.start()
    picture = seen(engine, lambda picture: picture.notices)
    assert "could not begin: RuntimeError: a bug of our own" in picture.notices[0]
