"""git, and the tools of its hosts."""

from __future__ import annotations

import re

from console.core.runbooks.danger import Level
from console.walkthrough.danger.calls import Call
from console.walkthrough.danger.findings import (
    Bench,
    Finding,
    Rule,
    cannot_tell,
    changes,
    destroys,
    joined,
    pairs,
    reads,
)
from console.walkthrough.danger.tools import Tool, Use, VerbRule, flags, judge, of_level, table
from console.walkthrough.danger.words import Word, options, read_flags, shown

_GLOBALS = flags(
    "-C -c --git-dir --work-tree --namespace --exec-path --super-prefix --config-env",
    "-p --paginate --no-pager -P --bare --no-replace-objects --literal-pathspecs --no-optional-locks --html-path",
)
_INSIDE = options(
    (
        "-m/--message -o/--push-option --repo --receive-pack -b/--branch -u --depth --since --until"
        " --author -n -e/--exclude -S -G --format --onto"
    ),
    "-f/--force --force-with-lease --force-if-includes -d/--delete --mirror --prune --all --tags -D"
    " -M -C -r -a -v -x -X -q --hard --soft"
    " --mixed --dry-run --set-upstream --follow-tags --no-verify --cached --staged --list -l"
    " --show-current --merged --unset --unset-all"
    " --get --get-all --get-regexp --global --system --local --add --replace-all --abort --continue -i",
)
_VERBS = table(
    "status log diff show rev-parse describe blame ls-files ls-tree ls-remote shortlog cat-file"
    " rev-list name-rev grep version help"
    " remote+show remote+get-url remote+-v stash+list stash+show reflog+show worktree+list bisect+log"
    " config+list config+get submodule+status"
    " show-ref symbolic-ref for-each-ref merge-base check-ignore var count-objects fsck verify-commit"
    " verify-tag range-diff cherry whatchanged"
    " diff-tree diff-index bundle+verify notes+show lfs+ls-files lfs+status hash-object archive annotate",
    "fetch pull commit checkout switch merge rebase cherry-pick revert add mv init clone tag branch"
    " remote remote+add remote+set-url"
    " remote+rename remote+update stash stash+push stash+pop stash+apply stash+save config submodule"
    " submodule+update submodule+add submodule+init"
    " worktree+add apply am bisect push reset restore format-patch bundle notes lfs gc repack"
    " maintenance sparse-checkout read-tree write-tree"
    " update-index commit-tree unpack-objects"
    " pack-refs pack-objects index-pack send-email request-pull lfs+install lfs+pull lfs+fetch lfs+track flow crypt",
    "rm clean remote+remove remote+rm remote+prune stash+drop stash+clear reflog+expire reflog+delete"
    " worktree+remove worktree+prune"
    " filter-branch filter-repo update-ref prune replace lfs+prune",
)


_PUSHING = options(
    "-o/--push-option --repo --receive-pack --exec",
    "-f/--force --force-with-lease --force-if-includes -d/--delete --mirror --prune --all --tags -v -q"
    " -u/--set-upstream -n/--dry-run --follow-tags --no-verify --atomic --porcelain --progress --thin"
    " --signed --branches -4 -6",
)


def _push(use: Use, bench: Bench) -> Finding:
    given, _ = read_flags(use.after, _PUSHING)
    refs = given.everything
    touches = joined(
        use.touches, pairs("remote", refs[:1]), tuple(("branch", re.sub(r"^[+:]", "", word.text)) for word in refs[1:])
    )
    target = re.sub(r"^\+?.*:|^\+", "", refs[1].literal) if len(refs) > 1 else ""
    if given.has("-n"):
        return reads("push only shows what it would do", touches)
    gone = given.may("-d", "--mirror", "--prune") or any(
        word.start.startswith(":") and len(word.text) > 1 for word in refs[1:]
    )
    if gone:
        return destroys(
            f"push takes {target or 'branches'} off {refs[0].text if refs else 'the remote'}", touches, target=target
        )
    if given.may("-f", "--force-with-lease") or any(word.start.startswith("+") for word in refs[1:]):
        plain = [_unforced(word) for word in use.after]
        words = [
            Word(word.text.lstrip("+"), word.known, word.head.lstrip("+")) if word.start[:1] == "+" else word
            for word in plain
            if word.text
        ]
        leased = (
            ""
            if given.has("--force-with-lease") and not given.may("-f")
            else shown([*use.before, Word("--force-with-lease"), *words])
        )
        what = target or "the branch"
        return destroys(
            f"push --force writes over {what} on {refs[0].text if refs else 'the remote'}",
            touches,
            safer=leased,
            target=target,
        )
    return changes(f"pushes {target or 'commits'} to {refs[0].text if refs else 'the remote'}", touches, target=target)


def _unforced(word: Word) -> Word:
    if word.literal in ("--force", "-f"):
        return Word("")
    return Word(word.text.replace("f", "", 1)) if re.fullmatch(r"-[a-z]*f[a-z]*", word.literal) else word


def _by_flags(use: Use, bench: Bench) -> Finding:
    """Verbs that read, change or destroy by their flags."""
    given, _ = read_flags(use.after, _INSIDE)
    names = given.everything
    touches = joined(use.touches, pairs("branch" if use.verb == "branch" else "path", names))
    target = names[0].literal if names else ""
    text = shown(use.after)
    verb = use.verb
    level = Level.CHANGES
    safer = ""
    if verb == "reset":
        level = Level.DESTROYS if given.may("--hard", "--merge", "--keep") else Level.CHANGES
        safer = f"{shown(use.before[:-1])} stash" if level is Level.DESTROYS else ""
    elif verb == "clean":
        if given.has("-n", "--dry-run") or re.search(r"(^|\s)-[a-zA-Z]*n", text):
            level = Level.READS
        else:
            level, safer = Level.DESTROYS, f"{shown(use.before)} -n {text}".strip()
    elif verb in ("branch", "tag"):
        reading = given.may(
            "-l",
            "--list",
            "-a",
            "-r",
            "-v",
            "--show-current",
            "--merged",
            "--contains",
            "--no-merged",
            "-vv",
            "-n",
            "--sort",
            "--points-at",
        )
        if given.may("-D", "-d"):
            level, safer = (
                Level.DESTROYS,
                f"{shown(use.before)} -d {shown(names)}" if verb == "branch" and given.may("-D") else "",
            )
        elif (reading or not names) and not given.may("-f", "-M", "-C", "-u"):
            level = Level.READS
    elif verb in ("checkout", "restore", "switch"):
        drops = given.may("-f", "--force", "--discard-changes") or (
            verb == "checkout" and (given.tail or any(word.literal == "." for word in names))
        )
        drops = drops or (verb == "restore" and not given.may("--staged", "-S"))
        level = Level.DESTROYS if drops else Level.CHANGES
        safer = f"{shown(use.before[:-1])} stash" if drops else ""
    elif verb == "config":
        if given.may("--get", "--get-all", "--get-regexp", "-l", "--list") or (
            len(names) == 1 and not given.may("--unset", "--unset-all")
        ):
            level = Level.READS
    elif verb == "rm":
        level = (
            Level.CHANGES if given.may("--cached") else Level.READS if given.has("--dry-run", "-n") else Level.DESTROYS
        )
    elif verb in ("remote", "submodule", "notes") and not names:
        level = Level.READS
    elif verb in ("stash", "rebase", "merge", "cherry-pick", "am"):
        level = Level.CHANGES
    if given.strange and any(name.startswith("--exec") for name in given.strange):
        return cannot_tell("what it runs cannot be told", touches)
    if level is Level.READS:
        return reads(f"git {verb} shows", touches)
    word = {Level.CHANGES: "changes the repository", Level.DESTROYS: "throws work away"}[level]
    return Finding(level, f"git {verb} {text} {word}".replace("  ", " "), touches, safer, target)


def _bisect(use: Use, bench: Bench) -> Finding:
    if use.after and use.after[0].literal == "run":
        return bench.call(use.call.inner(use.after[1:]))
    return of_level(_GIT, use, Level.CHANGES)


_CODES: dict[str, VerbRule] = {"push": _push, "bisect": _bisect}
_CODES |= dict.fromkeys(
    (
        "reset",
        "clean",
        "branch",
        "tag",
        "checkout",
        "restore",
        "switch",
        "config",
        "rm",
        "remote",
        "submodule",
        "rebase",
    ),
    _by_flags,
)
_GIT = Tool("git", _GLOBALS, _VERBS, {"-C": "path"}, "", _CODES)


def git(call: Call, bench: Bench) -> Finding:
    given, _ = read_flags(call.arguments, _GLOBALS, limit=1)
    for word in given.values("-c"):
        runs = re.match(
            r"(alias\.|core\.(sshcommand|pager|editor|fsmonitor|hookspath)|diff\.external)", word.start, re.I
        )
        if runs and word.literal.partition("=")[2] not in ("cat", "less", "false", ""):
            return cannot_tell("what its setting makes it run cannot be told")
    return judge(_GIT, call, bench)


_HOST_VERBS = "view list status diff checks ls show get"


def _guess(verb: str) -> Level | None:
    parts = verb.split()
    if parts[0] in ("status", "version", "search", "browse") or parts[-1] in (
        *_HOST_VERBS.split(),
        "watch",
        "download",
        "token",
        "trace",
        "artifact",
    ):
        return Level.READS
    if len(parts) < 2:
        return None
    return Level.DESTROYS if parts[1] in ("delete", "close", "cancel", "remove", "archive", "logout") else Level.CHANGES


def _api(use: Use, bench: Bench) -> Finding:
    given, _ = read_flags(
        use.after,
        flags(
            "-X/--method -f/--raw-field -F/--field -H/--header -q/--jq -t/--template --input --hostname -p",
            "--paginate -i --silent --slurp",
        ),
    )
    method = given.value("-X")
    if method is not None and not method.known:
        return cannot_tell("which method it uses cannot be told")
    verb = method.text.upper() if method else "POST" if given.may("-f", "-F", "--input") else "GET"
    if verb == "DELETE":
        return destroys("asks to delete", pairs("path", given.operands))
    if verb == "GET" or (
        any(word.literal == "graphql" for word in given.operands) and "mutation" not in shown(use.after)
    ):
        return reads("asks the host", pairs("path", given.operands))
    return changes(f"{verb} to the host", pairs("path", given.operands))


_GH = Tool(
    "gh",
    flags("-R/--repo --hostname -g", "--web -w"),
    {},
    {"-R": "repository"},
    "",
    {"api": _api},
    nouns=2,
    guess=_guess,
)

RULES: dict[str, Rule] = {"git": git, "gh": _GH, "glab": _GH, "hub": _GH}
