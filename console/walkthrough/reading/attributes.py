"""What a fence or the front matter says of how a step is run: Runme's attributes and our own, as Options."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from console.core.runbooks.document import Options

# `name=x`, `name="a b"`; what is not of that form is not ours to judge.
PAIR = re.compile(r"""([A-Za-z][\w.-]*)\s*=\s*("(?:[^"\\]|\\.)*"|'[^']*'|[^\s,{}"']+)""")
DIRECTIVES = ("code-block", "code", "sourcecode", "code-cell", "prompt")
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
LONGEST = timedelta(days=7)
MOST_TRIES = 100
TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
WHAT_TRUTH = "is neither `true` nor `false`"


def language_of(info: str) -> str:
    """The word that says what a fence holds, in lower case; empty where there is none."""
    words = info.strip().split()
    if not words:
        return ""
    first = words[0]
    directive = re.fullmatch(r"\{([\w-]+)\}", first)
    if directive and directive[1] in DIRECTIVES:
        return words[1].lower() if len(words) > 1 else ""
    if first in ("{", "{."):
        first = words[1] if len(words) > 1 else ""
    if first.startswith("{") and ("=" in first or '"' in first):
        return ""
    return re.split(r"[,{}:;=\[(]", first.lstrip("{.").lower())[0]


def attributes_of(info: str) -> tuple[dict[str, object], str]:
    """The attributes between the braces of a fence's info, in either spelling, and what is wrong with them."""
    begin = info.find("{")
    if begin < 0:
        return {}, ""
    inside = info[begin:].strip()
    if not re.match(r'\{\s*"', inside):
        return {name: _unquoted(value) for name, value in PAIR.findall(inside)}, ""
    try:
        found, _end = json.JSONDecoder().raw_decode(inside)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "it is nested too deep"
        return {}, f"the attributes of the fence are not JSON: {reason}; they are left out"
    return dict(found), ""


def _unquoted(value: str) -> str:
    if value[0] == value[-1] == "'" and len(value) > 1:
        return value[1:-1]
    if value[0] == value[-1] == '"' and len(value) > 1:
        return re.sub(r"\\(.)", r"\1", value[1:-1])
    return value


def options_of(attributes: Mapping[str, object], base: Options | None = None) -> tuple[Options, tuple[str, ...]]:
    """The options that attributes ask for, over `base`, and what is wrong with the values; a wrong one changes nothing.

    Attributes of other tools are left alone.
    """
    options = base or Options()
    if not attributes:
        return options, ()
    faults: list[str] = []
    changes: dict[str, object] = {}
    tags: list[str] = []
    for name, value in attributes.items():
        if name in ("tag", "category"):
            tags += _words(value)
            continue
        rule = RULES.get(name)
        if rule is None:
            continue
        field, read = rule
        try:
            changes[field] = read(value)
        except ValueError as error:
            faults.append(f"{name}: `{_shown(value)}` {error}; it is left out")
    if tags:
        changes["tags"] = tuple(dict.fromkeys((*options.tags, *tags)))
    return (replace(options, **changes) if changes else options), tuple(faults)  # type: ignore[arg-type]


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _words(value: object) -> list[str]:
    parts = value if isinstance(value, list) else str(value).split(",")
    return [str(part).strip() for part in parts if str(part).strip()]


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("is not text")
    return str(value).strip()


def _truth(value: object) -> bool:
    word = str(value).strip().lower()
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    raise ValueError(WHAT_TRUTH)


def _prompt_env(value: object) -> str:
    word = str(value).strip().lower()
    if word == "auto":
        return word
    if word in (*TRUE, "always"):
        return "yes"
    if word in (*FALSE, "never"):
        return "no"
    raise ValueError("is none of `auto`, `yes` and `no`")


def _interpreter(value: object) -> str:
    name = _text(value)
    if any(ord(sign) < 32 or (sign.isspace() and sign != " ") for sign in name):
        raise ValueError("is not a program")
    return "" if name.rpartition("/")[2] in ("bash", "sh", "zsh") else name


def _span(value: object) -> timedelta:
    wrong = "is not a time such as `90s` or `5m`"
    text = _text(value).lower().replace(" ", "")
    if not text.isascii():
        raise ValueError(wrong)
    if re.fullmatch(r"\d{1,9}(\.\d{1,3})?", text):
        seconds = float(text)
    elif re.fullmatch(r"(\d{1,9}(\.\d{1,3})?(ms|s|m|h|d))+", text):
        parts = re.findall(r"(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)", text)
        seconds = sum(float(number) * UNITS[unit] for number, unit in parts)
    else:
        raise ValueError(wrong)
    if seconds <= 0:
        raise ValueError("is no time at all")
    if seconds > LONGEST.total_seconds():
        raise ValueError("is longer than 7 days")
    return timedelta(seconds=seconds)


def _expectation(value: object) -> str:
    text = _text(value)
    if len(text) > 2 and text.startswith("/") and text.endswith("/"):
        try:
            re.compile(text[1:-1])
        except (re.error, RecursionError, OverflowError):
            raise ValueError("is not a pattern that can be matched") from None
    return text


def _retry(value: object) -> int:
    text = _text(value)
    if not re.fullmatch(r"[0-9]{1,4}", text) or int(text) > MOST_TRIES:
        raise ValueError(f"is not a number from 0 to {MOST_TRIES}")
    return int(text)


RULES = {
    "name": ("name", _text),
    "interactive": ("interactive", _truth),
    "background": ("background", _truth),
    "cwd": ("cwd", _text),
    "excludeFromRunAll": ("excluded", _truth),
    "promptEnv": ("prompt_env", _prompt_env),
    "interpreter": ("interpreter", _interpreter),
    "skipPrompts": ("skip_prompts", _truth),
    "timeout": ("timeout", _span),
    "expect": ("expect", _expectation),
    "assert": ("check", _text),
    "target": ("target", _text),
    "retry": ("retry", _retry),
}
