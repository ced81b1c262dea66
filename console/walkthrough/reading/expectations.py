"""Where a runbook says what a command is to print."""

from __future__ import annotations

import re
from enum import IntEnum
from functools import lru_cache

# What announces output, in the last sentence before it.
SHOULD = r"should (?:now )?(?:return|look|see|print|show|read|respond|give|output|display|be (?:similar|something))"
SEE = r"you(?:'ll|’ll| will| should| would| might| may| can)? (?:now |then |also |likely )?(?:see|get|receive)"
SAMPLE = r"(?:sample|example) (?:output|response|result)"
ANNOUNCED = re.compile(
    rf"\b(?:expect(?:ed|s|ing)?|outputs?|responses?|results?|{SHOULD}|{SEE}|looks? (?:something )?like|similar to"
    r"|returns?|prints?|shows?|displays?|will be|for example|sample|something like|reports?|logs?)\b",
    re.IGNORECASE,
)
STRONG = re.compile(
    rf"\b(?:expected|outputs?|{SHOULD}|should be|{SEE}|looks? (?:something )?like|similar to|{SAMPLE})\b", re.IGNORECASE
)
# A command is announced, whatever else the sentence says.
ASKS_TO_RUN = re.compile(
    r"\b(?:run|execute|using|use|with|issue|enter|type|invoke|by|apply|via|following commands?|this command)\b[^.\n]*$",
    re.IGNORECASE,
)
# A sentence that ends by asking for a command.
ASKED = re.compile(
    r"\b(?:run|running|execute|executing|issue|issuing|enter|type|typing|invoke|commands?|use|using|do(?:ing)? so)\b"
    r"[^.\n]*[:.]?[\s*_]*$"
    r"|\b(?:start|check|verify|confirm|test|build|install|launch|stop|restart|deploy|apply|list|see|create|do)\b[^.\n]*"
    r"\b(?:with|via|by)[\s:*_]*$",
    re.IGNORECASE,
)
FORBIDS = re.compile(
    r"\b(?:instead of|rather than|(?:do not|don['’]t|never) (?:run|use|do|execute|type)"
    r"(?: (?:the following|this|these|it|something like this))?(?: commands?)?)[\s:*_.!]*$",
    re.IGNORECASE,
)
# Output that is announced, and is not what the command is to print: how it fails, or what stands in a file.
FAILS = re.compile(
    r"(?<!no )(?<!without )\b(?:errors?|fail(?:s|ed|ing|ures?)?|problems?|issues?|exceptions?|not work\w*|wrong)\b",
    re.IGNORECASE,
)
ELSEWHERE = re.compile(
    r"\b(?:files?|entr(?:y|ies)|configs?|configurations?|parameters?|settings?|sections?|alerts?)\b[^.]*"
    r"\b(?:look(?:s|ing)?|contains?|be|similar|like|such|working|correct(?:ly)?)\b",
    re.IGNORECASE,
)
SAID = re.compile(
    r"^\W*(?:expected(?: (?:output|result|response|value))?|output|should (?:return|print|show|output|see|be)|returns?"
    r"|you should (?:see|get)|this should (?:return|print|show|output))\b\W*?:?(?:\*\*|__)?:?\s*(.+)$",
    re.IGNORECASE | re.DOTALL,
)
CODE = re.compile(r"(`+)(.+?)\1(?!`)", re.DOTALL)
COMMENT = re.compile(
    r"^\s*#+\s*(?:expected(?: (?:output|result|response|value))?|should (?:return|print|show|output)|output|returns?)"
    r"\s*:\s*(\S.*)$"
    r"|^\s*#\s*(?:=>|->|→)\s*(\S.*)$",
    re.IGNORECASE,
)


class Announced(IntEnum):
    """What the words before a block make of it: nothing, perhaps output, surely output."""

    NOT = 0
    PERHAPS = 1
    SURELY = 2


@lru_cache(maxsize=256)
def announced(text: str) -> Announced:
    """Whether a paragraph ends by saying that what follows is what will be seen."""
    last = _last_sentence(text)
    if not ANNOUNCED.search(last):
        return Announced.NOT
    if STRONG.search(last):
        return Announced.SURELY
    return Announced.NOT if ASKS_TO_RUN.search(last) else Announced.PERHAPS


def forbids(text: str) -> bool:
    """Whether a paragraph ends by saying that what follows is not to be run, as in "instead of:"."""
    return bool(text) and FORBIDS.search(text[-80:]) is not None


def is_expected(text: str) -> bool:
    """Whether a paragraph ends by saying what the command before it prints when all is well."""
    if not announced(text):
        return False
    last = _last_sentence(text)
    return not FAILS.search(last) and not ELSEWHERE.search(last)


def asks_to_run(text: str, lines: list[str]) -> bool:
    """Whether a paragraph ends by asking for a command, or speaks of the programs that the lines begin with."""
    if announced(text) is Announced.SURELY:
        return False
    if ASKED.search(_last_sentence(text)):
        return True
    firsts = {line.split()[0] for line in lines if line.strip() and not line.lstrip().startswith("#")}
    return bool(firsts) and all(f"`{word}" in text for word in firsts)


@lru_cache(maxsize=256)
def _last_sentence(text: str) -> str:
    return re.split(r"(?<=[.!?])\s+(?=[A-Z*`_])|\n[ \t]*\n", text[-600:].strip())[-1]


def said_output(text: str) -> str:
    """The output that a sentence such as "Expected: `PONG`" tells; empty where it tells none exactly."""
    found = SAID.match(text.strip()[:400])
    if found is None:
        return ""
    rest = found[1].strip()
    codes = CODE.findall(rest)
    outside = CODE.sub("", rest).strip(" .;!*_")
    if len(codes) == 1 and len(outside) <= 60 and rest.startswith("`"):
        return f"{codes[0][1].strip()}\n"
    if not codes and re.fullmatch(r"[\w.:/{}\"+-]{1,60}", rest) and ":" in text and re.search(r"[\dA-Z{\"]", rest):
        return f"{rest.rstrip('.')}\n"
    return ""


def commented_output(lines: list[str]) -> str:
    """What comments in a script of one command tell of its output."""
    for line in lines:
        found = COMMENT.match(line)
        if found:
            said = (found[1] or found[2]).strip().strip("`")
            # A sentence about the output is not the output.
            return f"{said}\n" if len(said.split()) <= 4 else ""
    return ""
