"""Programs that run another program: the inner command found, and judged in their place."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from console.walkthrough.danger.calls import Call
from console.walkthrough.danger.findings import (
    READING,
    Bench,
    Finding,
    Rule,
    cannot_tell,
    changes,
    destroys,
    joined,
    pairs,
    reads,
    worst,
)
from console.walkthrough.danger.tools import flags
from console.walkthrough.danger.words import Options, Word, read_flags, shown, unknown

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")


@dataclass(frozen=True, slots=True)
class Wrapper:
    """A program whose last words are a command. skip: operands before it. alone: what it does without one, empty for
    nothing of note. place: what its skipped operand names. assigns: `NAME=value` may stand before the command.
    """

    spec: Options
    skip: int = 0
    alone: str = ""
    place: str = ""
    assigns: bool = False
    looks: tuple[str, ...] = ()

    def __call__(self, call: Call, bench: Bench) -> Finding:
        rest, skipped, looks = inner_words(call.arguments, self)
        if looks:
            return reads(f"{call.words[0].text} only shows")
        touches = pairs(self.place, skipped) if self.place else ()
        if not rest:
            return cannot_tell(self.alone, touches) if self.alone and call.feed is None else _fed(self, call, bench)
        kept = call.words[: len(call.words) - len(rest)]
        return bench.call(call.inner(rest)).within(touches, shown(kept))


def _fed(wrapper: Wrapper, call: Call, bench: Bench) -> Finding:
    if not wrapper.alone:
        return READING
    if call.feed is None or call.feed.text is None:
        return cannot_tell("what is fed to a shell cannot be told")
    return bench.script(call.feed.text.text)


def inner_words(words: Sequence[Word], wrapper: Wrapper) -> tuple[list[Word], list[Word], bool]:
    """The inner command's words, the operands passed over, and whether the wrapper only shows something."""
    given, took = read_flags(words, wrapper.spec, limit=1)
    if given.has("--help", "--version", *wrapper.looks):
        return [], [], True
    rest = list(given.tail) if given.tail is not None else [*given.operands, *words[took:]]
    while wrapper.assigns and rest and _ASSIGNMENT.match(rest[0].start):
        rest.pop(0)
    skipped = rest[: wrapper.skip]
    rest = rest[wrapper.skip :]
    if wrapper.skip and rest and rest[0].literal == "--":
        rest.pop(0)
    return rest, skipped, False


_XARGS = flags(
    "-I -n/--max-args -P/--max-procs -L/--max-lines -d/--delimiter -s/--max-chars -E -a/--arg-file",
    (
        "-0/--null -r/--no-run-if-empty -t/--verbose -p/--interactive -x/--exit -o/--open-tty -i -l -e"
        " --replace --show-limits"
    ),
)


def xargs(call: Call, bench: Bench) -> Finding:
    """xargs: the inner command with words nobody knows, or those that are fed by name."""
    given, took = read_flags(call.arguments, _XARGS, limit=1)
    rest = list(given.tail) if given.tail is not None else [*given.operands, *call.arguments[took:]]
    if not rest:
        return READING
    more = [unknown()]
    if call.feed and call.feed.text and call.feed.text.known and not given.may("-a", "-d", "-0"):
        try:
            more = [Word(part) for part in shlex.split(call.feed.text.text)][:200]
        except ValueError:
            more = [unknown()]
    mark = given.value("-I") or given.value("--replace")
    if mark is None and given.may("-i", "--replace"):
        mark = Word("{}")
    if mark is None:
        return bench.call(Call((*rest, *more))).within((), shown(call.words[: len(call.words) - len(rest)]))
    kept = shown(call.words[: len(call.words) - len(rest)])
    return worst(
        replace(found, safer=found.safer.replace("…", mark.text))
        for one in (more or [unknown()])
        for found in [bench.call(Call(tuple(_replaced(word, mark.text, one) for word in rest))).within((), kept)]
    )


def _replaced(word: Word, mark: str, value: Word) -> Word:
    if not mark or mark not in word.text:
        return word
    if value.known and word.known:
        return Word(word.text.replace(mark, value.text))
    # In shell text a quoted variable stands for a name that is not known.
    text = word.text.replace(mark, "$ITEM" if word.text != mark else "…")
    return Word(text, False, word.start.partition(mark)[0], False, word.text == mark)


def parallel(call: Call, bench: Bench) -> Finding:
    spec = flags(
        "-j/--jobs -a/--arg-file -d/--delimiter -n -N -L -I --joblog --results --timeout --retries"
        " --delay -S --colsep --halt"
    )
    given, took = read_flags(call.arguments, spec, limit=1)
    rest = [*given.operands, *call.arguments[took:]]
    command = []
    for word in rest:
        if word.literal.startswith(":::"):
            break
        command.append(word)
    if not command:
        return cannot_tell("what parallel is fed cannot be told")
    text = " ".join(word.text for word in command)
    return bench.script(re.sub(r"\{[#%./]*\}", '"$ITEM"', text) if "{" in text else f'{text} "$ITEM"')


def find(call: Call, bench: Bench) -> Finding:
    """find: what it runs on what it finds, deletes or writes."""
    words = list(call.arguments)
    paths: list[Word] = []
    for word in words:
        if word.start[:1] in ("-", "(", "!"):
            break
        paths.append(word)
    touches = pairs("path", paths)
    target = paths[0].literal if paths else "."
    findings = [reads("finds files", touches)]
    at = 0
    while at < len(words):
        name = words[at].literal
        at += 1
        if name in ("-exec", "-execdir", "-ok", "-okdir"):
            end = next(
                (
                    place
                    for place in range(at, len(words))
                    if words[place].literal == ";" or (words[place].literal == "+" and words[place - 1].literal == "{}")
                ),
                len(words),
            )
            inner = [_replaced(word, "{}", unknown()) for word in words[at:end]]
            found = bench.call(Call(tuple(inner)))
            safer = shown([*call.words[:1], *words[: at - 1], Word("-print")]) if found.level.asks else ""
            findings.append(Finding(found.level, found.why, joined(touches, found.touches), safer, target))
            at = end
        elif name == "-delete":
            safer = shown([Word("-print") if word.literal == "-delete" else word for word in call.words])
            findings.append(destroys("deletes the files it finds", touches, safer=safer, target=target))
        elif name in ("-fprint", "-fprint0", "-fprintf", "-fls"):
            findings.append(changes("writes a file", pairs("file", words[at : at + 1])))
        elif words[at - 1].whole and words[at - 1].splits and len(paths) < at:
            findings.append(reads("finds files", touches))
    return worst(findings)


def watch(call: Call, bench: Bench) -> Finding:
    wrapper = Wrapper(
        flags("-n/--interval -q", "-d/--differences -t/--no-title -b -e -g -c/--color -p -x/--exec -r -w")
    )
    rest, _, looks = inner_words(call.arguments, wrapper)
    return READING if looks or not rest else bench.script(" ".join(_typed(word) for word in rest))


def _typed(word: Word) -> str:
    return word.text


def environment(call: Call, bench: Bench) -> Finding:
    given, _ = read_flags(call.arguments, _ENV.spec, limit=1)
    text = given.value("-S")
    if text is not None:
        return bench.script(text.text)
    return _ENV(call, bench)


_ENV = Wrapper(
    flags("-u/--unset -C/--chdir -S/--split-string", "-i/--ignore-environment -0/--null -v/--debug -"), assigns=True
)


def command(call: Call, bench: Bench) -> Finding:
    return Wrapper(flags("", "-v -V -p"), looks=("-v", "-V"))(call, bench)


_GEMS = frozenset({"install", "config", "update", "add", "lock", "clean", "package", "cache", "init", "binstubs"})


def after_dashes(call: Call, bench: Bench) -> Finding:
    """Programs that run what stands after `--`: `op run -- kubectl get pods`."""
    words = list(call.arguments)
    dashes = next((at for at, word in enumerate(words) if word.literal == "--"), None)
    verbs = [word.literal for word in words[:dashes] if word.known]
    if dashes is None or dashes + 1 >= len(words):
        if any(
            verb in ("list", "get", "read", "ls", "status", "version", "whoami", "me", "--version", "show")
            for verb in verbs
        ):
            return reads("only shows")
        if call.words[0].text.rpartition("/")[2] == "bundle" and verbs[:1] and verbs[0] in _GEMS:
            return changes(f"bundle {verbs[0]} changes what is installed")
        if any(verb in ("exec", "run") for verb in verbs):
            return _last_words(call, words, bench)
        return cannot_tell(f"{shown(call.words[:2])} is not known here")
    rest = words[dashes + 1 :]
    return bench.call(call.inner(rest)).within((), shown(call.words[: len(call.words) - len(rest)]))


def _last_words(call: Call, words: list[Word], bench: Bench) -> Finding:
    """`aws-vault exec PROFILE COMMAND`, without dashes."""
    at = next(at for at, word in enumerate(words) if word.literal in ("exec", "run"))
    if call.words[0].text.rpartition("/")[2] in ("bundle", "poetry", "pipenv", "uv", "op", "doppler", "infisical"):
        inner = words[at + 1 :]
        return bench.call(call.inner(inner)) if inner else cannot_tell("runs something that cannot be told")
    given, took = read_flags(words[at + 1 :], flags("-d/--duration -p -c -t --profile --project --config"), limit=1)
    rest = words[at + 1 + took :]
    if not rest and given.operands:
        return cannot_tell("opens a shell: what is typed there is not seen")
    return bench.call(call.inner(rest)) if rest else cannot_tell("runs something that cannot be told")


def ip(call: Call, bench: Bench) -> Finding:
    """ip: mostly looks; `netns exec` runs a command."""
    words = list(call.arguments)
    plain = [word.literal for word in words if not word.start.startswith("-")]
    if plain[:2] == ["netns", "exec"]:
        at = next(at for at, word in enumerate(words) if word.literal == "exec")
        rest = words[at + 2 :]
        return bench.call(call.inner(rest)) if rest else READING
    verb = plain[1] if len(plain) > 1 else "show"
    what = plain[0] if plain else ""
    if verb in ("", "show", "list", "ls", "get", "sh", "s", "lst", "l", "monitor", "identify", "pids") or what in (
        "monitor",
        "help",
    ):
        if words and not all(word.known for word in words[:2]):
            return cannot_tell("what ip is told to do cannot be told")
        return reads("looks at the network")
    if verb.startswith(("del", "flush", "d")) or "down" in plain:
        return destroys(f"takes away of the network: {shown(call.words)}", target=plain[-1] if plain else "")
    return changes(f"changes the network: {shown(call.words)}", target=plain[-1] if plain else "")


_SHELL_OPENS = "opens a shell: what is typed there is not seen"
_SUDO = Wrapper(
    flags(
        "-u/--user -g/--group -h/--host -p/--prompt -C -r -t -T -D/--chdir -R -U",
        (
            "-n/--non-interactive -E/--preserve-env -H/--set-home -i/--login -s/--shell -k -K -S/--stdin -b"
            " -A -l/--list -v/--validate -P -B"
        ),
    ),
    alone=_SHELL_OPENS,
    assigns=True,
    looks=("-l", "-v", "-K", "-V"),
)
_PLAIN = Wrapper(flags())

RULES: dict[str, Rule] = {
    "sudo": _SUDO,
    "doas": Wrapper(flags("-u -C", "-n -s -L"), alone=_SHELL_OPENS),
    "pkexec": Wrapper(flags("--user"), alone=_SHELL_OPENS),
    "env": environment,
    "timeout": Wrapper(flags("-s/--signal -k/--kill-after", "--foreground --preserve-status -v/--verbose -f -p"), 1),
    "nice": Wrapper(flags("-n/--adjustment", "-0 -1 -2 -3 -4 -5 -6 -7 -8 -9")),
    "ionice": Wrapper(flags("-c/--class -n/--classdata -p/--pid -P -u", "-t/--ignore")),
    "chrt": Wrapper(flags("-p -T -P -D", "-b -f -i -o -r -m -a -R -v"), 1),
    "taskset": Wrapper(flags("-p", "-a -c"), 1),
    "nohup": _PLAIN,
    # The grammar takes these for programs where a reserved word before them hides what they are.
    "{": _PLAIN,
    "!": _PLAIN,
    "setsid": Wrapper(flags("", "-c -f -w")),
    "stdbuf": Wrapper(flags("-i/--input -o/--output -e/--error")),
    "unbuffer": _PLAIN,
    "time": Wrapper(flags("-f/--format -o/--output", "-p -v -a -q"), assigns=True),
    "coproc": _PLAIN,
    "builtin": _PLAIN,
    "busybox": _PLAIN,
    "toybox": _PLAIN,
    "fakeroot": _PLAIN,
    "caffeinate": Wrapper(flags("-t -w", "-d -i -m -s -u")),
    "exec": Wrapper(flags("-a", "-c -l")),
    "strace": Wrapper(flags("-e -o -p -s -S -u -E -a -O -P -I -b", "-f -c -t -T -r -q -v -x -y -C -d -D -i -k")),
    "ltrace": Wrapper(flags("-e -o -p -s -S -u -n", "-f -c -t -T -r")),
    "chroot": Wrapper(flags("--userspec --groups", "--skip-chdir"), 1, _SHELL_OPENS, "path"),
    "nsenter": Wrapper(
        flags(
            "-t/--target -S/--setuid -G/--setgid -W",
            "-a -m/--mount -u/--uts -i/--ipc -n/--net -p/--pid -U/--user -C -T -F",
        ),
        alone=_SHELL_OPENS,
    ),
    "unshare": Wrapper(flags("-R -w -S -G", "-m -u -i -n -p -U -C -T -r -f"), alone=_SHELL_OPENS),
    "gosu": Wrapper(flags(), 1),
    "su-exec": Wrapper(flags(), 1),
    "setpriv": Wrapper(flags("--reuid --regid --groups", "--clear-groups --init-groups --keep-groups --no-new-privs")),
    "tini": Wrapper(flags("-p -e", "-s -v -w -g")),
    "dumb-init": Wrapper(flags("-r", "-c -v")),
    "sshpass": Wrapper(flags("-p -f -d -P", "-e -v -h")),
    "torsocks": _PLAIN,
    "proxychains": Wrapper(flags("-f", "-q")),
    "systemd-run": Wrapper(
        flags(
            "-u/--unit -p/--property -H/--host -M/--machine -E/--setenv --description --slice --uid --gid --nice"
            " --working-directory --service-type --on-active --on-calendar --on-boot --timer-property",
            (
                "-t/--pty -P/--pipe -q/--quiet -G/--collect -S/--shell -d --user --system --scope --wait"
                " --no-block -r --no-ask-password"
            ),
        ),
        alone=_SHELL_OPENS,
    ),
    "systemd-inhibit": Wrapper(flags("--what --who --why --mode", "--list"), looks=("--list",)),
    "systemd-cat": Wrapper(flags("-t -p")),
    "envchain": Wrapper(flags(), 1),
    "command": command,
    "xargs": xargs,
    "parallel": parallel,
    "find": find,
    "watch": watch,
    "ip": ip,
    **dict.fromkeys(
        (
            "aws-vault",
            "op",
            "doppler",
            "chamber",
            "infisical",
            "teller",
            "summon",
            "dotenv",
            "envconsul",
            "direnv",
            "pipenv",
            "poetry",
            "bundle",
            "uv",
        ),
        after_dashes,
    ),
}
RULES["gtimeout"] = RULES["timeout"]


_FLOCK = flags(
    "-w/--wait/--timeout -E/--conflict-exit-code", "-n/--nonblock -s/--shared -x/--exclusive -u/--unlock -o -F"
)


def flock(call: Call, bench: Bench) -> Finding:
    """flock: a command, or a shell's text after `-c`, behind the file it locks."""
    rest, skipped, _ = inner_words(call.arguments, Wrapper(_FLOCK, 1))
    if len(rest) > 1 and rest[0].literal in ("-c", "--command"):
        return bench.script(rest[1].text).within(pairs("file", skipped))
    return Wrapper(_FLOCK, 1)(call, bench)


RULES["flock"] = flock
