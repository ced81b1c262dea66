"""What holds for every text: no exception, and no command hidden by what stands around it."""

from __future__ import annotations

import shlex
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from console.walkthrough.danger.judging import danger_of
from tests.walkthrough.danger.table import TABLE
from tests.walkthrough.danger.test_commands import CASES

_SHELL = (
    "kubectl|delete|scale|--replicas=0|-n|prod|redis-cli|FLUSHALL|DEL|psql|-c|'DROP'|docker|rm|exec|--|bash|sh|-lc|sudo|env|A=b"
    '|timeout|5|xargs|find|.|-exec|{}|;|+|&&|&|>|>>|<|<<|<<<|EOF|\n|(|)|{|}|$(|`|"|\'|\\|$X|"$Y"|${Z}|$((1+2))|if|then|fi'
    "|for|in|do|done|case|esac|function|f()|[|]]|[[|!|time|eval|ssh|host|git|push|+main|curl|-X|DELETE|-d|@f|helm|terraform|-h"
    "|--help|aws|s3|awk|'{print>x}'|sed|-i|tee|dd|of=|kill|-9|cat|echo|printf|%s|#|$|*|?|~|=|==|\t|\r|\0|\ud800|é|\ue0d0|\ue0d1"
    "|$'\\x'|0|-1"
)
_WORDS = st.sampled_from([*_SHELL.split("|"), "|", "||", "|&"])
_MORE = st.sampled_from(["  ", "\t", "\n\n", " # a remark; rm -rf x", "\n# rm -rf /\n", "\n  \n"])
_BETWEEN = st.sampled_from(["\n", "; ", " && ", " || ", "\n\n# x\n"])
_SINGLE = [(text, level) for text, level in CASES if not text.startswith(("if ", 'echo "un'))]


@settings(max_examples=250, deadline=None)
@given(st.lists(_WORDS, max_size=14).map(" ".join))
def test_no_row_of_shell_words_raises(text):
    danger = danger_of(text)
    assert danger.level.asks or not danger.commands


@settings(max_examples=120, deadline=None)
@given(st.text(max_size=80))
def test_no_text_raises(text):
    assert danger_of(text).level.rank >= 0


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(TABLE), st.sampled_from(["  ", "\t", "\n\n", " # a remark; rm -rf x", "\n# rm -rf /\n", "\n  \n"])
)
def test_blanks_and_remarks_change_nothing(line, more):
    text, level = line
    assert danger_of(text + more).level is level
    assert danger_of(more.lstrip(" ") + "\n" + text).level is level


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(_SINGLE), min_size=1, max_size=4),
    st.sampled_from(["\n", "; ", " && ", " || ", "\n\n# x\n"]),
)
def test_several_commands_are_never_lower_than_the_worst(lines, between):
    if between != "\n" and any("#" in text for text, _ in lines):
        between = "\n"
    together = danger_of(between.join(text for text, _ in lines))
    assert together.level.rank >= max(danger_of(text).level.rank for text, _ in lines)


def test_deep_nesting_is_unknown_and_not_a_crash():
    deep = "$(" * 3000 + "ls" + ")" * 3000
    assert danger_of(f"echo {deep}").level.asks
    text = "ls"
    for _ in range(14):
        text = f"eval {shlex.quote(text)}" if len(text) < 4000 else text
    assert danger_of(text).level.rank >= 0
    assert danger_of("sudo " * 500 + "ls").level.asks


def test_a_long_text_is_judged(capsys):
    """The time is printed for a person; nothing here depends on the clock."""
    block = [text for text, _ in _SINGLE][::4][:60]
    danger_of("kubectl get pods")
    began = time.process_time()
    danger = danger_of("\n".join(block))
    spent = time.process_time() - began
    with capsys.disabled():
        print(f"\n{len(block)} lines judged in {spent * 1000:.1f} ms of CPU")
    assert danger.commands
