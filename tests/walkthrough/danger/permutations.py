"""One command in many spellings, all of which mean the same."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator, Sequence

_OPERATORS = re.compile(r"[;|&<>]")

PREFIXES = (
    "sudo",
    "sudo -u root -E",
    "sudo -n --",
    "doas",
    "env",
    "env -i A=b C='d e'",
    "A=b",
    "timeout 5",
    "timeout -s KILL -k 3 10s",
    "nice -n 5",
    "ionice -c2 -n7",
    "nohup",
    "setsid",
    "stdbuf -oL",
    "time",
    "command",
    "exec",
    "strace -f -e trace=network",
    "chroot /mnt",
    "flock -n /tmp/l",
    "nsenter -t 1 -m -u -i -n --",
    "systemd-run --scope -p MemoryMax=1G",
    "watch -n 5",
    "xargs -I{}",
    "xargs -0 -n1 -P4 -I %",
    "aws-vault exec prod --",
    "op run --env-file=x --",
    "doppler run --",
    "busybox",
    "sudo env A=b timeout 5 nice",
    "kubectl exec -it pod -n ns --",
    "kubectl -n ns exec deploy/api -c main --",
    "oc rsh pod",
    "docker exec -i box",
    "docker exec -it -u root -e A=b box",
    "docker compose -f x.yml exec -T db",
    "podman exec box",
    "crictl exec -it 123",
    "ssh host",
    "ssh -p 22 -o StrictHostKeyChecking=no user@host --",
)
# `%s` is the text itself, `%q` the text as one quoted word.
SETTINGS = (
    "if true; then %s; fi",
    "if %s; then true; fi",
    "if false; then true; else %s\nfi",
    "for i in a b; do %s; done",
    "while true; do %s\ndone",
    "until false; do\n  %s\ndone",
    "f() { %s; }; f",
    "function f {\n%s\n}",
    "true && %s",
    "false || %s",
    "true; %s",
    "%s &",
    "( %s )",
    "{ %s; }",
    "! { %s; }",
    'echo "$(%s)"',
    "x=$(%s)",
    'export Y="a $(%s) b"',
    "cat <(%s)",
    "case a in b) true ;; *) %s ;; esac",
    "bash -c %q",
    "sh -lc %q",
    "bash -euo pipefail -c %q",
    "sudo bash -c %q",
    "su - postgres -c %q",
    "eval %q",
    "ssh host %q",
    "ssh -t host -- sudo sh -c 'true'; bash -c %q",
    "kubectl exec pod -- sh -c %q",
    "docker exec box bash -lc %q",
    "bash <<'EOF'\n%s\nEOF",
    "ssh host <<EOF\ntrue\nEOF\n%s",
    "echo ok # %s\n%s",
    "  %s   # and so on",
    "\n\n%s\n\n",
    "trap %q EXIT",
    "echo start\ncd /tmp\n%s\necho done",
    "[ -n x ] && %s",
    "[[ -n x ]] || { %s; }",
    "find . -name x -exec sh -c %q \\;",
    "timeout 5 bash -c %q",
    "watch %q",
)


def is_simple(text: str) -> bool:
    """Whether it is one command without operators."""
    return not _OPERATORS.search(re.sub(r"'[^']*'|\"[^\"]*\"", "", text))


def prefixed(text: str) -> Iterator[str]:
    for prefix in PREFIXES:
        yield f"{prefix} {text}"


def placed(text: str) -> Iterator[str]:
    for setting in SETTINGS:
        if "%s" in setting and "\n" in text:
            continue
        yield setting.replace("%q", shlex.quote(text)).replace("%s", text)


def quoted(text: str) -> Iterator[str]:
    """Each known word in other quotes, and all of them at once."""
    if "$" in text:
        return
    words = shlex.split(text)
    forms = [
        lambda word: "'" + word.replace("'", "'\\''") + "'",
        lambda word: '"' + re.sub(r'([\\"$`])', r"\\\1", word) + '"',
        lambda word: "".join("\\" + char if char != "\n" else char for char in word),
        lambda word: shlex.quote(word[:1]) + "''" + shlex.quote(word[1:]) if len(word) > 1 else shlex.quote(word),
        lambda word: "$'" + word.replace("\\", "\\\\").replace("'", "\\'") + "'",
    ]
    for form in forms:
        yield " ".join(form(word) for word in words)
        for at in range(len(words)):
            yield " ".join(form(word) if place == at else shlex.quote(word) for place, word in enumerate(words))
    yield f"/usr/bin/{shlex.join(words)}"
    yield " \\\n  ".join(shlex.quote(word) for word in words)


def spelled(
    head: Sequence[str], verb: Sequence[str], globals_: Sequence[str], flags: Sequence[str], operands: Sequence[str]
) -> Iterator[str]:
    """`head`, then verb, flags and operands in every order that keeps verb before operands; `--f=v` also as `--f v`."""
    movable = [*globals_, *flags]
    for spelling in itertools.product((0, 1), repeat=len(movable)):
        texts = [
            flag.replace("=", " ", 1) if how and "=" in flag else flag
            for flag, how in zip(movable, spelling, strict=True)
        ]
        early, late = texts[: len(globals_)], texts[len(globals_) :]
        for count in range(len(early) + 1):
            for before in itertools.permutations(early, count):
                after = [text for text in early if text not in before] + late
                for order in itertools.permutations(after):
                    for cut in range(len(order) + 1):
                        yield " ".join([*head, *before, *verb, *order[:cut], *operands, *order[cut:]])
