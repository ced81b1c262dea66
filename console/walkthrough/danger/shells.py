"""Shells and what else takes shell text: `bash -c`, `eval`, `su -c`, `ssh HOST`, `trap`, `at`."""

from __future__ import annotations

from console.walkthrough.danger.calls import Call
from console.walkthrough.danger.findings import (
    READING,
    Bench,
    Finding,
    Rule,
    cannot_tell,
    changes,
    pairs,
    reads,
    worst,
)
from console.walkthrough.danger.tools import flags
from console.walkthrough.danger.words import Word, read_flags, shown


def shell(call: Call, bench: Bench) -> Finding:
    """bash and its kin: the text after `-c`, on the input, or in a file."""
    words = list(call.arguments)
    at = 0
    takes_text = from_input = checks = False
    while at < len(words) and len(words[at].start) > 1 and words[at].start[0] in "-+":
        flag = words[at].start
        at += 1
        if flag == "--":
            break
        if flag in ("--version", "--help"):
            return reads("prints its help")
        if flag in ("--rcfile", "--init-file") or (not flag.startswith("--") and flag[-1] in "oO"):
            at += 1
        if not flag.startswith("--"):
            takes_text |= "c" in flag
            from_input |= "s" in flag
            checks |= "n" in flag and flag[0] == "-"
    rest = words[at:]
    if rest and rest[0].literal == "-":
        rest.pop(0)
        from_input = from_input or not rest
    if checks:
        return reads("checks the syntax")
    if takes_text:
        return bench.script(rest[0].text, feed=call.feed) if rest else READING
    if rest and not from_input:
        return cannot_tell(f"what {rest[0].text} does cannot be told", pairs("file", rest[:1]))
    if call.feed is None:
        return cannot_tell("opens a shell: what is typed there is not seen")
    if call.feed.text is None:
        return cannot_tell("what is fed to a shell cannot be told")
    return _text(call.feed.text, bench)


def _text(word: Word, bench: Bench, *, elsewhere: bool = False) -> Finding:
    return bench.script(word.text, elsewhere=elsewhere)


def evaluate(call: Call, bench: Bench) -> Finding:
    return bench.script(" ".join(word.text for word in call.arguments))


def trap(call: Call, bench: Bench) -> Finding:
    words = [word for word in call.arguments if word.literal not in ("-p", "-l", "--")]
    return bench.script(words[0].text) if len(words) > 1 and words[0].text not in ("", "-") else READING


_SU = flags("-c/--command -s/--shell -g/--group -G --session-command -w -u/--user", "- -l/--login -m -p -f -P")


def switch_user(call: Call, bench: Bench) -> Finding:
    """su and runuser."""
    words = [word for word in call.arguments if word.literal != "-"]
    given, _ = read_flags(words, _SU)
    text = given.value("-c", "--session-command")
    if text is not None:
        return bench.script(text.text, feed=call.feed)
    if given.has("-u"):
        # `runuser -u NAME [--] COMMAND`
        head, took = read_flags(words, _SU, limit=1)
        rest = list(head.tail) if head.tail is not None else [*head.operands, *words[took:]]
        if rest:
            return bench.call(call.inner(rest)).within((), shown(call.words[: len(call.words) - len(rest)]))
    if call.feed and call.feed.text:
        return _text(call.feed.text, bench)
    return cannot_tell("opens a shell of another user: what is typed there is not seen")


_SSH = flags(
    "-b -c -D -E -e -F -I -i -J -L -l -m -O -o -p -Q -R -S -W -w -B -P",
    "-4 -6 -A -a -C -f -G -g -K -k -M -N -n -q -s -T -t -V -v -X -x -Y -y",
)


def ssh(call: Call, bench: Bench) -> Finding:
    """ssh: its words after the host are a shell's text there."""
    given, took = read_flags(call.arguments, _SSH, limit=1)
    rest = list(call.arguments[took:])
    if given.has("-V", "-G", "-Q"):
        return reads("only shows")
    hosts = given.operands or (given.tail or [])[:1]
    if given.tail and not given.operands:
        rest = given.tail[1:]
    # Flags may stand after the host as well.
    while rest and rest[0].start.startswith("-") and len(rest[0].start) > 1:
        more, used = read_flags(rest, _SSH, limit=1)
        given.flags.update(more.flags)
        rest = [*more.operands, *rest[used:]] if more.tail is None else list(more.tail)
    place = tuple(("host", name.rpartition("@")[2]) for _, name in pairs("host", hosts))
    target = place[0][1] if place and "$" not in place[0][1] else ""
    found = [
        bench.script(word.text.partition("=")[2])
        for word in given.values("-o")
        if word.start.lower().startswith(("proxycommand=", "localcommand="))
    ]
    text = " ".join(word.text for word in rest) if rest else None
    feed = call.feed if rest and not given.has("-n") else None
    if text is None and call.feed is not None and not given.has("-N", "-n"):
        if call.feed.text is None:
            return cannot_tell("what is fed to a shell cannot be told", place, target=target)
        text = call.feed.text.text
    if text is not None:
        found.append(bench.script(text, elsewhere=True, feed=feed))
    elif given.has("-N", "-O") or (given.may("-L", "-D", "-W") and given.has("-f", "-W")):
        found.append(reads("opens a tunnel", place))
    else:
        found.append(
            cannot_tell("opens a shell on another machine: what is typed there is not seen", place, target=target)
        )
    top = worst(found)
    prefix = shown(call.words[: len(call.words) - len(rest)]) if rest else ""
    top = top.within(place, prefix if len(rest) > 1 else "")
    return top if top.target or not top.level.asks else Finding(top.level, top.why, top.touches, top.safer, target)


def later(call: Call, bench: Bench) -> Finding:
    """at and batch: a shell's text on the input."""
    if any(word.literal in ("-l", "-c") for word in call.arguments):
        return reads("lists what waits")
    if call.feed is None or call.feed.text is None:
        return cannot_tell("what is run later cannot be told")
    return worst([changes("runs it later"), bench.script(call.feed.text.text)])


RULES: dict[str, Rule] = {
    **dict.fromkeys(("bash", "sh", "zsh", "dash", "ash", "ksh", "rbash"), shell),
    **dict.fromkeys(("su", "runuser"), switch_user),
    **dict.fromkeys(("ssh", "autossh", "mosh"), ssh),
    **dict.fromkeys(("at", "batch"), later),
    "eval": evaluate,
    "trap": trap,
}
