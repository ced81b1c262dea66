"""Log lines made safe to show, with the level and the time they name."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from console.core.readings import LogLine

LONGEST = 4096
_HEAD = 200

_ESCAPES = re.compile(
    rb"\x1b(?:"
    rb"\[[0-?]*[ -/]*[@-~]"  # CSI, such as colours
    rb"|\][^\x07\x1b\n]*(?:\x07|\x1b\\)"  # OSC, such as titles and links
    rb"|[PX^_][^\x1b\n]*\x1b\\"  # DCS, SOS, PM, APC
    rb"|[ -/]*[0-~])"  # the short ones
)
_CONTROLS = bytes(code for code in (*range(0x20), 0x7F) if code not in (0x09, 0x0A))
# C1 controls move the cursor in UTF-8 as well; separators and direction marks rearrange a row
_UNSAFE = re.compile("[\x80-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


def clean(block: bytes) -> bytes:
    """Bytes of whole lines without escape sequences and control characters; line ends and tabs stay."""
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n").replace(b"\r", b" ")
    if b"\x1b" in block:
        block = _ESCAPES.sub(b"", block)
    return block.translate(None, _CONTROLS)


def cut(line: bytes) -> bytes:
    """A line of at most `LONGEST` bytes and a word on what is missing."""
    if len(line) <= LONGEST:
        return line
    kept = line[:LONGEST].decode("utf-8", "ignore").encode()
    return kept + f" … ({len(line) - len(kept):,} bytes cut)".encode()


def shown(line: bytes) -> str:
    """A cleaned line as text: invalid UTF-8 as U+FFFD, tabs as spaces, nothing that moves the cursor."""
    text = line.decode("utf-8", "replace").replace("\t", "    ")
    if text.isascii():
        return text
    text = _UNSAFE.sub("", text)
    return text if text.isprintable() else "".join(char for char in text if unicodedata.category(char) not in _HIDDEN)


_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")

_WORDS: Mapping[str, str] = {
    **dict.fromkeys(
        ("error", "err", "fatal", "critical", "crit", "panic", "emerg", "emergency", "alert", "severe", "e", "f"),
        "ERROR",
    ),
    **dict.fromkeys(("warn", "warning", "w"), "WARN"),
    **dict.fromkeys(("info", "information", "notice", "i"), "INFO"),
    **dict.fromkeys(("debug", "trace", "verbose", "fine", "finer", "finest", "d"), "DEBUG"),
}
_LOUD = re.compile(
    r"\b(ERROR|ERR|FATAL|CRITICAL|CRIT|PANIC|EMERG|ALERT|SEVERE|WARN|WARNING|INFO|NOTICE|DEBUG|TRACE|VERBOSE|FINE)\b"
)
_NAMED = re.compile(r"\b(?:level|lvl|severity|loglevel)[\"']?\s*[=:]\s*[\"']?([A-Za-z]+|\d+)", re.IGNORECASE)
_BRACKETED = re.compile(
    r"[\[<(|]\s*(?:\w+:)?(error|err|fatal|critical|crit|panic|warn|warning|info|notice|debug|trace)\s*[\]>)|]", re.I
)
_LEADING = re.compile(r"^\W*(error|fatal|critical|panic|warn|warning|info|notice|debug|trace)\s*[:\]]", re.I)
_KLOG = re.compile(r"^([IWEF])(\d{4}) (\d\d:\d\d:\d\d\.\d+)")


def level_of(text: str) -> str:
    """`ERROR`, `WARN`, `INFO`, `DEBUG`, or empty where the line names none.

    Read from JSON and `level=` fields, from klog's first letter, and from a word in capitals or brackets near the
    line's beginning; a word in the message itself is none.
    """
    record = _record(text)
    if record is not None:
        for key in ("level", "severity", "lvl", "levelname", "log.level", "loglevel"):
            if key in record:
                return _named_level(str(record[key]))
        return ""
    head = text[:_HEAD]
    if klog := _KLOG.match(head):
        return _WORDS[klog[1].lower()]
    if named := _NAMED.search(head):
        return _named_level(named[1])
    for expression in (_LOUD, _BRACKETED, _LEADING):
        if found := expression.search(head):
            return _WORDS.get(found[1].lower(), "")
    return ""


def _named_level(word: str) -> str:
    if word.isdigit():  # pino and bunyan: 10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal
        number = int(word)
        return "" if number < 10 else ("DEBUG", "DEBUG", "INFO", "WARN", "ERROR", "ERROR")[min(number // 10, 6) - 1]
    return _WORDS.get(word.lower(), "")


def _record(text: str) -> Mapping[str, Any] | None:
    """The fields of a line that is a JSON object."""
    if not (text.startswith("{") and text.endswith("}")):
        return None
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


_ISO = re.compile(
    r"(\d{4})[-/](\d\d)[-/](\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s?(Z|UTC|[+-]\d\d:?\d\d)?", re.IGNORECASE
)
_COMMON = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-]\d{4})")
_SYSLOG = re.compile(r"^(?:<\d+>)?([A-Z][a-z]{2}) +(\d{1,2}) (\d\d):(\d\d):(\d\d)")
_EPOCH = re.compile(r"^\[?(\d{10})(?:[.,](\d{1,9}))?\]?\s")
_MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}


def time_of(text: str, now: datetime) -> datetime | None:
    """The time a line names, aware UTC; a line without a zone is taken to be in UTC.

    now: fills in the year where the line has none (syslog, klog): the newest one that is not after tomorrow.
    """
    try:
        record = _record(text)
        if record is not None:
            return _recorded_time(record, now)
        return _written_time(text[:_HEAD], now)
    except (ValueError, OverflowError):
        return None


def _recorded_time(record: Mapping[str, Any], now: datetime) -> datetime | None:
    for key in ("time", "timestamp", "@timestamp", "ts", "t", "datetime", "asctime"):
        said = record.get(key)
        if isinstance(said, bool) or said is None:
            continue
        if isinstance(said, int | float):
            scale = next((scale for scale in (1, 1e3, 1e6, 1e9) if said / scale < 1e11), 1)  # s, ms, µs, ns
            return datetime.fromtimestamp(said / scale, UTC)
        return _written_time(str(said)[:_HEAD], now)
    return None


def _written_time(text: str, now: datetime) -> datetime | None:
    if found := _ISO.search(text):
        year, month, day, hour, minute, second = (int(found[index]) for index in range(1, 7))
        micro = int((found[7] or "0")[:6].ljust(6, "0"))
        return datetime(year, month, day, hour, minute, second, micro, _zone(found[8])).astimezone(UTC)
    if found := _COMMON.search(text):
        day, year, hour, minute, second = (int(found[index]) for index in (1, 3, 4, 5, 6))
        return datetime(year, _MONTHS[found[2]], day, hour, minute, second, 0, _zone(found[7])).astimezone(UTC)
    if found := _SYSLOG.match(text):
        month = _MONTHS.get(found[1], 0)
        return _this_year(now, month, int(found[2]), f"{found[3]}:{found[4]}:{found[5]}")
    if found := _KLOG.match(text):
        return _this_year(now, int(found[2][:2]), int(found[2][2:]), found[3])
    if found := _EPOCH.match(text):
        return datetime.fromtimestamp(float(f"{found[1]}.{found[2] or 0}"), UTC)
    return None


def _zone(text: str | None) -> timezone:
    if not text or text.upper() in ("Z", "UTC"):
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    return timezone((-1 if text[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes))


def _this_year(now: datetime, month: int, day: int, clock: str) -> datetime | None:
    """The newest such date that is not after tomorrow; 29 February looks back to a leap year."""
    hour, minute, seconds = clock.split(":")
    second, _, fraction = seconds.partition(".")
    for year in range(now.year + 1, now.year - 8, -1):
        try:
            at = datetime(
                year, month, day, int(hour), int(minute), int(second), int(fraction[:6].ljust(6, "0")), tzinfo=UTC
            )
        except ValueError:
            continue
        if at <= now + timedelta(days=1):
            return at
    return None


def log_line(number: int, line: bytes, origin: str, now: datetime) -> LogLine:
    """A line of the ring as it is shown."""
    text = shown(line)
    return LogLine(number, text, level_of(text), origin, time_of(text, now))
