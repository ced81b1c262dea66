"""What `/metrics` says is read as Prometheus reads it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.sources.promql.exposition import BrokenExposition, Exposed, Exposition
from console.sources.promql.labels import labels_of


def read(text: str, *, openmetrics: bool = False) -> list[Exposed]:
    return Exposition(lambda _name: True).read(text, openmetrics=openmetrics)


def one(line: str) -> Exposed:
    (found,) = read(line + "\n")
    return found


def test_names_labels_values_and_times() -> None:
    text = """# HELP http_requests_total The total, with {braces} and "quotes".
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400",}    3 1395066363000

  # a comment after spaces
metric_without_timestamp_and_labels 12.47
something_weird{problem="division by zero"} +Inf -3982045
rpc_duration_seconds{quantile="0.01"} 3102
  spaced { a = "b" , c = "d" }   1e-3
"""
    found = read(text)
    assert [each.value for each in found] == [1027, 3, 12.47, math.inf, 3102, 0.001]
    assert found[0].labels == labels_of({"__name__": "http_requests_total", "method": "post", "code": "200"})
    assert [each.at for each in found] == [1395066363000, 1395066363000, None, -3982045, None, None]
    assert dict(found[5].labels) == {"__name__": "spaced", "a": "b", "c": "d"}


def test_a_text_is_read_alike_the_second_time() -> None:
    exposition = Exposition(lambda _name: True)
    text = 'a 1\na{b="c d"} 2 \nb{b="}"} 0x10\nc 3 17\nd +Inf\r\na{b="e"}5\n'
    first = exposition.read(text, openmetrics=False)
    assert [each.value for each in first] == [1, 2, 16, 3, math.inf, 5]
    assert exposition.read(text, openmetrics=False) == first
    for broken in ("a", "a x", "a 1_0", 'a{b="c d"} 2 3 4', "a ٣"):
        with pytest.raises(BrokenExposition, match="line 1 "):
            exposition.read(f"{broken}\n{text}", openmetrics=False)


def test_escapes_in_label_values() -> None:
    found = one(r'm{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\"",brace="}{",odd="\d"} 1')
    assert dict(found.labels) == {
        "__name__": "m",
        "path": "C:\\DIR\\FILE.TXT",
        "error": 'Cannot find file:\n"FILE.TXT"',
        "brace": "}{",
        "odd": "\\d",
    }


def test_an_empty_label_is_no_label() -> None:
    assert one('m{a="",b="x"} 1').labels == labels_of({"__name__": "m", "b": "x"})


@pytest.mark.parametrize(
    ("text", "value"),
    [("+Inf", math.inf), ("-Inf", -math.inf), ("1e3", 1000.0), ("0x1p4", 16.0), (".5", 0.5), ("-0", 0.0)],
)
def test_numbers(text: str, value: float) -> None:
    assert one(f"m {text}").value == value


def test_not_a_number_is_kept() -> None:
    assert math.isnan(one("m NaN").value)


@pytest.mark.parametrize(
    "line",
    [
        "m",
        "m 1 2 3",
        'm{a="b} 1',
        "m{a=b} 1",
        'm{a="b" c="d"} 1',
        'm{a="b",a="c"} 1',
        "m one",
        "m 1_000",
        "1m 1",
        "m{} 1 x",
        "<html> 1",
        'm{a="b"} 1 # {trace="x"} 1',
    ],
)
def test_a_broken_line_breaks_the_text_and_is_named(line: str) -> None:
    with pytest.raises(BrokenExposition, match="line 2 "):
        read(f"good 1\n{line}\n")


def test_openmetrics_has_seconds_exemplars_and_an_end() -> None:
    text = 'a_bucket{le="1"} 3 1704067200.5 # {trace_id="x}y"} 0.67 1704067199\na_count 3 # {t="1"} 2\n# EOF\n'
    found = read(text, openmetrics=True)
    assert [(each.value, each.at) for each in found] == [(3, 1704067200500), (3, None)]


def test_openmetrics_without_an_end_was_cut_off() -> None:
    with pytest.raises(BrokenExposition, match="cut off"):
        read("a 1\n", openmetrics=True)
    with pytest.raises(BrokenExposition, match="line 3 comes after"):
        read("a 1\n# EOF\nb 2\n", openmetrics=True)


def test_what_is_not_wanted_is_checked_but_not_kept() -> None:
    exposition = Exposition({"a"}.__contains__)
    assert [each.value for each in exposition.read("a 1\nb 2\n", openmetrics=False)] == [1]
    with pytest.raises(BrokenExposition):
        exposition.read("a 1\nb two\n", openmetrics=False)


def test_only_the_series_of_the_newest_text_are_remembered() -> None:
    exposition = Exposition(lambda _name: True)
    for number in range(50):
        exposition.read(f'a{{n="{number}"}} 1\n', openmetrics=False)
    assert len(exposition._known) == 1


@given(
    st.dictionaries(st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True), st.text(max_size=12), max_size=4),
    st.floats(allow_nan=False),
)
def test_any_label_value_survives(labels: dict[str, str], value: float) -> None:
    labels.pop("__name__", None)
    escaped = {
        name: text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for name, text in labels.items()
    }
    inner = ",".join(f'{name}="{text}"' for name, text in escaped.items())
    found = one(f"m{{{inner}}} {value!r}".replace("inf", "Inf") if math.isinf(value) else f"m{{{inner}}} {value!r}")
    assert found.labels == labels_of({**labels, "__name__": "m"})
    assert found.value == value
