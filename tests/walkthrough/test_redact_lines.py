"""Terminal output with secrets in it: no trace of them, whatever the chunks and whatever stands between."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from console.walkthrough.redaction.redact import BLOT, CONTROL, LONGEST_LINE, Lines

KEY = """-----BEGIN RSA PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED

MIIEpAIBAAKCAQEA7bq1Zx9Yh2mQeC0mC2vSxW3S0nQw3vT1n4m7d6u1R9kq2w8s
AAECAwQFBgcICQoLDA0ODw==
-----END RSA PRIVATE KEY-----"""
SEQUENCES = (
    "\x1b[31m",
    "\x1b[0m",
    "\x1b[1;38;5;200m",
    "\x1b[2C",
    "\x1b[3D",
    "\x1b[?25l",
    "\x1b[K",
    "\x1b]0;t\x07",
    "\x00",
)
# Output around and between secrets: with no letter that they have.
PLAIN = st.sampled_from([*SEQUENCES, "\n", "\r\n", " ", "ZZ ", "\t", "…", "é", "=", '"', "x" * 300])
WORDS = "abcdefgh01/$\"' \\%ß"


def shown(chunks: list[bytes], secrets: tuple[str, ...] = (), *, colours: bool = True) -> list[str]:
    lines = Lines(secrets, colours=colours)
    found = [line for chunk in chunks for line in lines.feed(chunk)]
    return found + lines.end()


def chunks_of(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({min(cut, len(data)) for cut in cuts})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


@st.composite
def outputs(draw: st.DrawFn) -> tuple[tuple[str, ...], bytes]:
    """Secrets, and output in which each of their characters may stand behind control sequences."""
    secrets = draw(st.lists(st.text(WORDS, min_size=4, max_size=9).filter(str.strip), min_size=1, max_size=3))
    parts: list[str] = []
    for _ in range(draw(st.integers(1, 8))):
        if draw(st.booleans()):
            between = draw(st.sampled_from(["", *SEQUENCES]))
            parts += [character + between for character in draw(st.sampled_from(secrets))]
        else:
            parts.append(draw(PLAIN))
    return tuple(secrets), "".join(parts).encode()


@given(outputs(), st.lists(st.integers(0, 400), max_size=10), st.booleans())
@settings(max_examples=250, deadline=None)
def test_no_trace_of_a_secret_is_left_and_chunks_change_nothing(
    output: tuple[tuple[str, ...], bytes], cuts: list[int], colours: bool
) -> None:
    secrets, data = output
    whole = shown([data], secrets, colours=colours)
    assert shown(chunks_of(data, cuts), secrets, colours=colours) == whole
    for line in whole:
        plain = re.sub(r"\x1b\[[0-9;:]*m", "", line)
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", plain), "nothing of control but colours"
        for part in plain.split(BLOT):
            assert not any(secret in part for secret in secrets)


# fmt: off
PARTS = [
    *SEQUENCES, "\r", "\b", "\n", "\r\n", "\x1b", "\x1b[", "\x1b]", "\x9b", "\\\n", "password", ": ", "=", "hunter2",
    "redis-cli ", "-a ", "x", "y y", "https://a:", "b@c", "'", '"', "q" * 5000, "a\xe9", KEY, "Zm9v" * 19, "eyJ",
    "Authorization: Bearer ", "curl -u u:", "--password ", "|", ";",
]
# fmt: on
ANYTHING = st.lists(st.sampled_from(PARTS), max_size=14).map("".join)


@given(ANYTHING, st.lists(st.integers(0, 20_000), max_size=12), st.booleans())
@example(f"password={'q' * 20_000} x\n", [9000, 9001, 12_000], True)
@example(f"{'q ' * 8000}redis-cli -a hunter2 {'z ' * 8000}", [9000], True)
@settings(max_examples=250, deadline=None)
def test_what_is_shown_does_not_depend_on_the_chunks(text: str, cuts: list[int], colours: bool) -> None:
    data = text.encode()
    whole = shown([data], ("hunter2", "line1\nline2"), colours=colours)
    assert shown(chunks_of(data, cuts), ("hunter2", "line1\nline2"), colours=colours) == whole
    if len(data) < 500:
        assert (
            shown([data[at : at + 1] for at in range(len(data))], ("hunter2", "line1\nline2"), colours=colours) == whole
        )


@given(outputs(), st.integers(0, 400))
@settings(max_examples=150, deadline=None)
def test_an_unfinished_line_shows_no_beginning_of_a_secret(output: tuple[tuple[str, ...], bytes], cut: int) -> None:
    secrets, data = output
    lines = Lines(secrets, colours=True)
    lines.feed(data[:cut])
    plain = re.sub(r"\x1b\[[0-9;:]*m", "", lines.partial())
    for secret in secrets:
        assert secret not in plain.replace(BLOT, "\x00")
    came = CONTROL.sub("", data[:cut].decode("utf-8", "ignore").rpartition("\n")[2])
    if plain == came:
        assert not any(plain.endswith(secret[:length]) for secret in secrets for length in range(1, len(secret)))


@pytest.mark.parametrize(
    ("printed", "partly"),
    [
        ("Password: ", "Password: "),
        ("Continue? [y/N] ", "Continue? [y/N] "),
        ("\x1b[32mroot\x1b[0m # ", "\x1b[32mroot\x1b[0m # "),
        ("one\r\ntwo hun", "two "),
        ("redis://user:pa", ""),
        ("see redis://user:pa", "see "),
        ("token ghp_abc", "token "),
        ("PGPASSWORD=ab", f"PGPASSWORD={BLOT}"),
        ("curl -u me:x", f"curl -u me:{BLOT}"),
        ("half an escape\x1b[3", "half an escape"),
        ("-----BEGIN PRIVATE KEY-----\nMII", BLOT),
        ("redis-cli \\\n  -a pw", f"  -a {BLOT}"),
        ("", ""),
    ],
)
def test_a_prompt_is_shown_before_its_line_ends(printed: str, partly: str) -> None:
    lines = Lines(("hunter2",), colours=True)
    lines.feed(printed.encode())
    assert lines.partial() == partly


def test_colours_are_kept_and_nothing_else_of_control() -> None:
    said = shown([b"\x1b[1;31mred\x1b[0m \x1b[2J\x1b]8;;http://x\x07link\x1b]8;;\x07\x1b[?25h \x1b(Bend\x07\n"])
    assert said == ["\x1b[1;31mred\x1b[0m link end"]
    assert shown([b"\x1b[1;31mred\x1b[0m\n"], colours=False) == ["red"]


def test_a_blot_keeps_the_colours_around_it() -> None:
    said = shown([b"a \x1b[31mhun\x1b[32mter2\x1b[0m b\n"], ("hunter2",))
    assert said == [f"a \x1b[31m{BLOT}\x1b[32m\x1b[0m b"]


@pytest.mark.parametrize(
    ("printed", "line"),
    [
        ("10%\r20%\r100%\r\n", "100%"),
        ("downloading\rdone\n", "doneloading"),
        ("downloading\r\x1b[Kdone\n", "done"),
        ("downloading\x1b[2K\rdone\n", "done"),
        ("down\x1b[2Kload\rX\n", "Xownload"),
        ("|\b/\b-\b\\\n", "\\"),
        ("\x1b[31mno\r\x1b[32myes\x1b[0m\n", "\x1b[32myes\x1b[0m"),
        ("hunter2\rXX\n", "XXecret]"),
        ("hunter2\b\b\bX\n", "[secrXt]"),
    ],
)
def test_what_is_printed_over_is_gone(printed: str, line: str) -> None:
    assert shown([printed.encode()], ("hunter2",)) == [line]


def test_a_key_over_many_lines_is_blotted_and_what_follows_is_not() -> None:
    said = shown([f"before\n{KEY}\nafter\n".encode()])
    assert said[:2] == ["before", "-----BEGIN RSA PRIVATE KEY-----"]
    assert said[2:6] == [BLOT] * 4
    assert said[6:] == ["-----END RSA PRIVATE KEY-----", "after"]
    told = "a key begins with -----BEGIN PRIVATE KEY-----\nand then comes base64, one hears.\n"
    assert shown([told.encode()]) == told.splitlines()


def test_base64_broken_into_lines_holds_no_known_secret() -> None:
    secret = "a-secret-of-some-length-0123456789"
    for before in range(90):
        coded = base64.encodebytes(b"x" * before + secret.encode() + b"y" * 200).decode()
        text = "".join(line for line in shown([coded.encode()], (secret,)))
        for start in range(3):
            core = base64.b64encode(b"x" * start + secret.encode())[4:-4].decode()
            assert core[:12] not in text and core[-12:] not in text, before


def test_a_secret_of_several_lines_is_found_over_them() -> None:
    said = shown([b"a\r\nfirst\r", b"\nsec", b"ond\r\nb first\r\nc\r\n"], ("first\nsecond",))
    assert said == ["a", BLOT, BLOT, "b first", "c"]


def test_a_command_over_several_lines_is_looked_at_as_one() -> None:
    said = shown([b"+ redis-cli \\\r\n   -h host \\\r\n   -a hunter2 ping\r\nPONG\r\n"])
    assert said == ["+ redis-cli \\", "   -h host \\", f"   -a {BLOT} ping", "PONG"]


def test_an_endless_line_is_shown_in_pieces_with_flat_memory() -> None:
    lines = Lines(("hunter2",), colours=True)
    text = ""
    for _ in range(200):
        text += "".join(lines.feed(b"x" * 1000 + b" hunter2 " + b"y" * 1000))
        held = len(lines.partial())
        assert held < 2 * LONGEST_LINE
    text += "".join(lines.end())
    assert text == f"{'x' * 1000} {BLOT} {'y' * 1000}" * 200


def test_what_stands_around_the_end_of_a_piece_is_looked_at_as_one() -> None:
    for before in range(LONGEST_LINE - 45, LONGEST_LINE + 5):
        text = f"{'z' * before} redis-cli -h some.host -a topmost -n 1 {'z' * 3000} hunter2 {'z' * 3000}"
        said = "".join(shown([text.encode()], ("hunter2",)))
        assert said == text.replace("topmost", BLOT).replace("hunter2", BLOT), before


def test_an_endless_secret_is_blotted_to_its_end() -> None:
    said = "".join(shown([b"a PGPASSWORD=" + b"s3" * 30_000 + b" psql -h db\n"]))
    assert said.replace(BLOT, "") == "a PGPASSWORD= psql -h db"
    quoted = "".join(shown([b'"password": "' + b"s 3" * 30_000 + b'", "user": "bob"\n']))
    assert quoted.replace(BLOT, "") == '"password": "", "user": "bob"'


def test_endless_control_sequences_take_no_memory() -> None:
    lines = Lines((), colours=True)
    for _ in range(100):
        assert lines.feed(b"\x1b[31m\x1b[1m" * 1000 + b"\x1b]0;" + b"t" * 1000 + b"\x07") == []
    assert len("".join(lines.end())) < 1000
