"""The danger of shell text: every command in it judged, the worst one told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from console.core.runbooks.danger import Danger, Level
from console.walkthrough.danger.calls import Call, Feed, Redirect, Script
from console.walkthrough.danger.findings import (
    READING,
    Finding,
    cannot_tell,
    changes,
    destroys,
    pairs,
    reads,
    worst,
)
from console.walkthrough.danger.moving import begins_in, joined_folder, moves
from console.walkthrough.danger.outputs import is_for_output
from console.walkthrough.danger.programs import ORDINARY, by_words, rule_of
from console.walkthrough.danger.reading import read_script
from console.walkthrough.danger.words import Word, shown

_DEEPEST = 12
_NONE: Mapping[str, str] = MappingProxyType({})
_HARMLESS_TARGETS = re.compile(r"/dev/(null|stdout|stderr|tty|fd/\d+|full|zero)|/proc/self/fd/\d+|&?-|\d+")
# Variables that make other programs run something.
_RUNS_CODE = frozenset(
    {"LD_PRELOAD", "BASH_ENV", "PROMPT_COMMAND", "GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF", "ENV", "PS4"}
)


def danger_of(text: str, known: Mapping[str, str] = _NONE) -> Danger:
    """What the text would do. known: values that variables have when it runs. Never raises."""
    try:
        script, judged, behind = _judged(text, known)
    except RecursionError:
        return Danger(Level.UNKNOWN, "the text is nested too deeply to be read")
    findings = [finding for _, finding in judged]
    if script.fault:
        findings.append(cannot_tell(script.fault))
    top = worst(findings)
    same = [finding for finding in findings if finding.level is top.level]
    target = next((finding.target for finding in same if finding.target), "") or _last_named(top)
    risky = tuple(_readable(_as_run(call)) for call, finding in judged if finding.level.asks)
    why = top.why or next((finding.why for finding in findings if finding.why), "")
    why = re.sub(r"\s+", " ", why).strip()
    safer = _runnable(top.safer.replace(" …", "").replace("…", "{}"), [call for call, found in judged if found.safer])
    safer = _there(safer, text, behind)
    touches = tuple(pair for pair in top.touches if "…" not in pair[1])
    why = why.replace("…", "what it is fed")
    return Danger(
        top.level,
        _readable(why)[:200],
        tuple(dict.fromkeys(risky)),
        touches,
        _readable(safer),
        target.replace("…", "") if top.level.asks else "",
    )


def folder_of(text: str, folder: str, known: Mapping[str, str] = _NONE) -> str:
    """The folder in which a text that begins in `folder` does what it asks for; empty where that cannot be told."""
    try:
        return joined_folder(text, _judged(text, known)[2], folder)
    except RecursionError:
        return ""


def _judged(text: str, known: Mapping[str, str]) -> tuple[Script, list[tuple[Call, Finding]], list[Call]]:
    """What the text runs, each command with its finding, and the `cd`s before the last that asks or within it."""
    judge = Judge(known)
    script = read_script(text, known)
    judge.functions |= script.functions
    judged: list[tuple[Call, Finding]] = []
    behind: list[Call] = []
    for call in script.calls:
        finding = judge.call(call)
        judged.append((call, finding))
        if finding.level.asks:
            behind = list(judge.moved)
    return script, judged, behind


def _readable(text: str) -> str:
    """A command line with heredocs as they are written, and not as the reader marks them."""
    return re.sub("< ?\ue0d1 ?", "<<< ", re.sub("< ?\ue0d0\\d+\ue0d0", "<<EOF", text))


def _last_named(top: Finding) -> str:
    """The name that a person is asked for where no command has one of its own: the last that is written out."""
    if not top.level.asks:
        return ""
    places = ("context", "port", "host", "file", "path", "selector", "image", "region", "profile")
    names = [name for kind, name in top.touches if kind not in places and not re.search(r"[$…`*]|^all\b|^-?$", name)]
    return names[-1] if names and not any("$" in name for _, name in top.touches) else ""


def _runnable(safer: str, calls: list[Call]) -> str:
    """The safer form with what feeds it before it, where it is fed."""
    if re.match(r"(sudo )?xargs\b", safer) or re.search(r" -f -( |$)", safer):
        for call in calls:
            if call.before and not re.search("[\ue0d0\ue0d1\n]", call.before):
                return f"{call.before} | {safer}"
    return safer


def _there(safer: str, text: str, behind: list[Call]) -> str:
    """The safer form where the command acts: behind the same `cd`; none where nobody can tell which folder that is."""
    if not safer or not behind:
        return safer
    goal = begins_in(text, behind)
    return "" if goal is None else f"cd {goal.shown} && {safer}"


class Judge:
    """The bench: judges commands and texts within commands, as deep as they go."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self.known = known
        self.functions: set[str] = set()
        self.moved: list[Call] = []
        self._depth = 0

    def script(self, text: str, *, elsewhere: bool = False, feed: Feed | None = None) -> Finding:
        if self._depth >= _DEEPEST:
            return cannot_tell("commands within commands go too deep to be read")
        self._depth += 1
        script: Script = read_script(text, _NONE if elsewhere else self.known, feed)
        self.functions |= script.functions
        findings = [self.call(call) for call in script.calls]
        self._depth -= 1
        if script.fault:
            findings.append(cannot_tell(script.fault))
        return worst(findings)

    def call(self, call: Call) -> Finding:
        findings = [self._program(call)]
        findings += [_written(redirect, call) for redirect in call.redirects]
        for name, value in call.sets:
            if name in _RUNS_CODE and value.text:
                findings.append(cannot_tell(f"what {name} makes it run cannot be told"))
        return worst(findings)

    def _program(self, call: Call) -> Finding:
        if not call.words:
            return READING
        if moves(call):
            self.moved.append(call)
        first = call.words[0]
        if not first.known:
            return cannot_tell(f"which program {first.text} is cannot be told")
        if first.text in self.functions:
            return READING
        if not first.text:
            return READING if len(call.words) == 1 else cannot_tell("the program has no name")
        folder, slash, name = first.text.rpartition("/")
        if slash and name in ORDINARY and not folder.startswith(("/", "~")):
            return cannot_tell(f"what {first.text} does cannot be told", (("file", first.text),))
        rule = rule_of("service" if folder in ("/etc/init.d", "/etc/rc.d") else name)
        if folder in ("/etc/init.d", "/etc/rc.d"):
            call = call.inner([Word("service"), Word(name), *call.arguments])
        if rule is None and not slash and (found := by_words(call)) is not None:
            return found
        if rule is None:
            return cannot_tell(f"what {name} does is not known here", (("file", first.text),) if slash else ())
        if self._depth >= _DEEPEST:
            return cannot_tell("commands within commands go too deep to be read")
        self._depth += 1
        finding = rule(call, self)
        self._depth -= 1
        return finding


def _written(redirect: Redirect, call: Call) -> Finding:
    """What a redirect does to its file."""
    target = redirect.target
    if _HARMLESS_TARGETS.fullmatch(target.text) or target.own:
        return READING
    if target.start.startswith(("/dev/tcp/", "/dev/udp/")):
        program = call.words[0].literal if call.words else ":"
        place = target.text.split("/")[3:5]
        touches = tuple(zip(("host", "port"), place, strict=False))
        if program in (":", "true", "cat", "timeout") or (program == "echo" and len(call.words) == 1):
            return reads("opens a connection", touches)
        return cannot_tell("what a server makes of what is sent to it cannot be told", touches)
    touches = pairs("file", [target])
    if redirect.appends:
        return changes(f"appends to {target.text}", touches, target=target.literal)
    safer = f"ls -l {target.shown}"
    if _prints(call) and is_for_output(target, made=not _copies(call)):
        return changes(f"writes {target.text}", touches, target=target.literal)
    return destroys(f"writes over {target.text}", touches, safer=safer, target=target.literal)


def _own_words(call: Call) -> list[str]:
    """The command's words behind reserved words that the grammar takes for programs, and behind sudo."""
    words = [word.text for word in call.words]
    while words and words[0] in ("!", "{", "time", "command", "builtin", "sudo", "then", "do", "else", "exec"):
        words.pop(0)
    return words


def _prints(call: Call) -> bool:
    """Whether a command prints anything at all, so that its file does not merely lose what it held."""
    words = _own_words(call)
    return bool(words) and words[0] not in (":", "true", "exec") and words not in (["echo"], ["cat", "/dev/null"])


def _copies(call: Call) -> bool:
    """Whether what a command prints is no more than a word or another file."""
    words = _own_words(call)
    return words[0] in ("echo", "printf", "cat") and not (words == ["cat"] and call.feed is not None)


def _as_run(call: Call) -> str:
    parts = [shown(call.words)] if call.words else []
    parts += [f"{'>>' if redirect.appends else '>'} {_target(redirect.target)}" for redirect in call.redirects]
    return " ".join([f"{name}={value.shown}" for name, value in call.sets] + parts)


def _target(word: Word) -> str:
    return word.shown
