"""Hands samples and staleness markers to Prometheus at exact times, through its remote-write receiver.

A write request is protocol buffers in a Snappy block; both are written out here, as literals only, for so little data.
"""

from __future__ import annotations

import struct
import urllib.request
from collections.abc import Iterable, Iterator

from console.sources.promql.labels import Labels

_STALE = struct.pack("<Q", 0x7FF0_0000_0000_0002)
_CHUNK = 60


def _varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _snappy(content: bytes) -> bytes:
    parts = [_varint(len(content))]
    for start in range(0, len(content), _CHUNK):
        piece = content[start : start + _CHUNK]
        parts.append(bytes([(len(piece) - 1) << 2]) + piece)
    return b"".join(parts)


def _series(labels: Labels, samples: Iterable[tuple[int, float | None]]) -> Iterator[bytes]:
    for name, value in labels:
        yield _field(1, _field(1, name.encode()) + _field(2, value.encode()))
    for at, sample in samples:
        number = _STALE if sample is None else struct.pack("<d", sample)
        yield _field(2, b"\x09" + number + b"\x10" + _varint(at))


def write(url: str, series: Iterable[tuple[Labels, Iterable[tuple[int, float | None]]]]) -> None:
    """Send samples; None is a staleness marker."""
    body = b"".join(_field(1, b"".join(_series(labels, samples))) for labels, samples in series)
    request = urllib.request.Request(
        f"{url}/api/v1/write",
        data=_snappy(body),
        headers={
            "Content-Encoding": "snappy",
            "Content-Type": "application/x-protobuf",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
        },
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 204
