"""Pane 3: Redis memory and the sessions it keeps."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from widgets.gauges import sparkline
from widgets.pane import Face, Pane
from widgets.rows import EMPTY, Row, right, row, width_of
from widgets.states import absent, placeholders, staleness
from widgets.vocabulary import Glyphs, Ink
from widgets.words import ago, clean, count, pace, percent, signed, size, span

if TYPE_CHECKING:
    from console.core.picture import Picture, Trend
    from console.core.readings import RedisStats, SessionCensus

NEARLY_FULL = 0.9
FILLING = 0.75


def trend_words(trend: Trend) -> str:
    """`+1.2%/h, full in 14d`; empty where nothing is known."""
    if trend.per_hour is None:
        return ""
    return pace(trend.per_hour) + (f", full in {span(trend.full_in)}" if trend.full_in is not None else "")


def memory_rows(stats: RedisStats, trend: Trend, width: int, glyphs: Glyphs, *, most: int) -> list[Row]:
    """`memory   612 MB of 2 GB  31%  ▂▃▃▄▅▅▆▆  +1.2%/h, full in 14d`; in a second row what there is no room for."""
    if stats.limit:
        ratio = stats.used / stats.limit
        ink = Ink.BAD if ratio >= NEARLY_FULL else Ink.WARN if ratio >= FILLING else Ink.STRONG
        told = row((f"{size(stats.used)}", ink), f" of {size(stats.limit)}", (f"  {percent(ratio)}", ink))
    else:
        told = row((f"{size(stats.used)}", Ink.STRONG), (", no limit set", Ink.DIM))
    spans = (*row((" memory   ", Ink.DIM)), *told)
    spark = sparkline(trend.history, 16 if width >= 56 else 10, glyphs).lstrip()
    if spark and width_of(spans) + 2 + len(spark) <= width:
        spans = (*spans, *row("  ", (spark, Ink.ACCENT)))
    words = trend_words(trend)
    if not words:
        return [spans]
    if width_of(spans) + 2 + len(words) <= width:
        return [(*spans, *row((f"  {words}", Ink.DIM)))]
    return [spans, row((f"          {words}", Ink.DIM))][:most]


def _tenants(census: SessionCensus, width: int) -> str:
    told = ""
    for index, (tenant, sessions) in enumerate(census.tenants):
        part = f"{'   ' if told else ''}{clean(tenant)} {count(sessions)}"
        rest = len(census.tenants) - index
        more = f"   and {rest - 1} more" if rest > 1 else ""
        if len(told) + len(part) + len(more) > width:
            return f"{told}   and {rest} more" if told else f"{rest} tenants"
        told += part
    return told


def sessions_row(census: SessionCensus, trend: Trend, at: datetime | None, now: datetime, width: int) -> Row:
    """`sessions 10,412  +83 in 10m  counted 15s ago`; a count that is not whole says so."""
    if census.complete:
        told = row((count(census.total), Ink.STRONG))
        age = f"counted {ago(at, now)}"
    else:
        known = census.estimate if census.estimate is not None else census.total
        told = row(("about " if census.estimate is not None else "at least ", Ink.WARN), (count(known), Ink.STRONG))
        done = percent(census.scanned / census.keyspace) if census.keyspace else "0%"
        age = f"{done} of the keys looked at, {ago(at, now)}"
    change = EMPTY
    if trend.change is not None:
        ink = Ink.TEXT if round(trend.change) else Ink.DIM
        change = row("  ", (f"{signed(trend.change)} in {span(trend.window)}", ink))
    spans = (*row((" sessions ", Ink.DIM)), *told)
    for more in (change, row((f"  {age}", Ink.DIM))):
        if width_of(spans) + width_of(more) <= width:
            spans = (*spans, *more)
    return spans


def extra_rows(stats: RedisStats, glyphs: Glyphs) -> list[Row]:
    """What a pane with room says besides."""
    dot = f" {glyphs.dot} "
    slow = stats.ping > 0.1
    refused = stats.rejected_connections
    return [
        row(
            (" latency  ", Ink.DIM),
            (f"ping {_milliseconds(stats.ping)}", Ink.WARN if slow else Ink.TEXT),
            f"{dot}scan page {_milliseconds(stats.scan_page)}",
        ),
        row(
            (" load     ", Ink.DIM),
            f"{plural_clients(stats)}{dot}{count(stats.ops_per_second)} op/s",
            (f"{dot}{count(stats.blocked_clients)} blocked", Ink.WARN) if stats.blocked_clients else "",
            (f"{dot}{count(refused)} refused", Ink.WARN) if refused else "",
        ),
        row(
            (" keys     ", Ink.DIM),
            f"{count(stats.keys)}",
            (f"{dot}{count(stats.evicted)} evicted", Ink.WARN if stats.evicted else Ink.DIM),
            (f"{dot}{count(stats.expired)} expired", Ink.DIM),
        ),
    ]


def whole_rows(stats: RedisStats, census: SessionCensus | None, glyphs: Glyphs) -> list[Row]:
    """What the zoomed pane says besides: the server itself, and every tenant."""
    asked = stats.hits + stats.misses
    hits = f"{percent(stats.hits / asked)} of look-ups hit" if asked else "no look-ups yet"
    dot = f" {glyphs.dot} "
    rows = [
        row((" cache    ", Ink.DIM), hits, (f"{dot}peak {size(stats.peak)}", Ink.DIM)),
        row(
            (" server   ", Ink.DIM),
            f"Redis {clean(stats.version)}{dot}{clean(stats.role)}{dot}up {span(stats.uptime)}",
            (f"{dot}fragmentation {stats.fragmentation:.2f}", Ink.WARN if stats.fragmentation > 1.5 else Ink.DIM),
        ),
    ]
    if census and census.tenants:
        most = max(sessions for _, sessions in census.tenants) or 1
        rows += [EMPTY, row((" sessions by tenant", Ink.DIM))]
        for tenant, sessions in census.tenants:
            length = max(round(sessions / most * 30), 1 if sessions else 0)
            name = (clean(tenant)[:22]).ljust(24)
            rows.append(
                row(f"   {name}", right(count(sessions), 10, Ink.STRONG), "  ", (glyphs.bar_full * length, Ink.ACCENT))
            )
    return rows


def plural_clients(stats: RedisStats) -> str:
    """`41 clients`."""
    return f"{count(stats.clients)} {'client' if stats.clients == 1 else 'clients'}"


def _milliseconds(seconds: float) -> str:
    milliseconds = seconds * 1000
    return f"{milliseconds:.1f} ms" if milliseconds < 10 else f"{milliseconds:.0f} ms"


def redis_rows(
    picture: Picture, now: datetime, width: int, height: int, glyphs: Glyphs, *, whole: bool = False
) -> list[Row]:
    """The pane's rows: memory and sessions first, then as much else as there is room for."""
    rows: list[Row] = []
    stats = picture.redis.value
    if stats is not None:
        rows += memory_rows(stats, picture.memory_trend, width, glyphs, most=2 if height > 3 else 1)
    else:
        rows += placeholders(picture.redis, picture, "redis", width, max(height - 1, 1))
    if stats is None and absent(picture, "redis"):
        return rows
    census = picture.sessions.value
    if census is not None:
        spans = sessions_row(census, picture.session_trend, picture.sessions.taken_at, now, width)
        rows.append(_aged(spans, picture, now))
        if height >= 3 and not whole and census.tenants:
            rows.append(_aged(row(f"          {_tenants(census, width - 11)}"), picture, now))
    elif picture.sessions.error:
        said = row((" sessions could not be counted: ", Ink.BAD), clean(picture.sessions.error))
        if picture.sessions.error == picture.redis.error:
            said = row((" sessions could not be counted either", Ink.BAD))
        rows.append(said)
    elif not absent(picture, "sessions"):
        rows.append(row((" sessions ", Ink.DIM), ("counting…", Ink.DIM)))
    if stats is not None:
        rows += extra_rows(stats, glyphs)
        if whole:
            rows += whole_rows(stats, census, glyphs)
    return rows[:height]


def _aged(spans: Row, picture: Picture, now: datetime) -> Row:
    """Greyed where the count is no longer the present, with why unless the title says the same already."""
    reading = picture.sessions
    if not reading.is_stale(now):
        return spans
    why = f"  {clean(reading.error)}" if reading.error and reading.error != picture.redis.error else ""
    return (*((text, Ink.STALE) for text, _ in spans), (why, Ink.WARN))


class RedisPane(Pane):
    """Redis and its sessions."""

    number = 3
    name_shown = "Redis"

    def __init__(self, *args: object, **named: object) -> None:
        super().__init__(*args, **named)  # type: ignore[arg-type]
        self.whole = False

    def slice_of(self, picture: Picture) -> object:
        """The two readings and their trends."""
        return (picture.redis, picture.memory_trend, picture.sessions, picture.session_trend, picture.sources)

    def face(self, picture: Picture, now: datetime, width: int, height: int) -> Face:
        """Title and rows."""
        glyphs = self.look.glyphs
        rows = redis_rows(picture, now, width, height, glyphs, whole=self.whole)
        title = staleness(picture.redis, now, glyphs)
        if not title and picture.redis.value is not None:
            title = row((f"{clean(picture.redis.value.role)}", Ink.DIM))
        return Face(title, rows, picture.redis.is_stale(now))
