"""Programs that work on files: which of them write, and what."""

from __future__ import annotations

import re
from collections.abc import Sequence

from console.walkthrough.danger.calls import Call
from console.walkthrough.danger.findings import (
    READING,
    Bench,
    Finding,
    Rule,
    cannot_tell,
    changes,
    destroys,
    pairs,
    reads,
    worst,
)
from console.walkthrough.danger.outputs import is_for_output
from console.walkthrough.danger.tools import flags
from console.walkthrough.danger.words import Given, Options, Word, read_flags, shown

_NO_FLAGS = flags()
_NOWHERE = re.compile(r"/dev/(null|stdout|stderr|tty|fd/\d+)|-|/proc/self/fd/\d+")


def _given(call: Call, spec: Options = _NO_FLAGS) -> Given:
    return read_flags(call.arguments, spec)[0]


def first(words: Sequence[Word]) -> str:
    return words[0].literal if words else ""


def remove(call: Call, bench: Bench) -> Finding:
    """rm, unlink, shred: what is gone is gone. A file that the text itself made by mktemp is its own affair."""
    given = _given(call)
    files = given.everything
    if given.has("--help", "--version") or not files:
        return READING
    if all(word.own and word.whole for word in files):
        return reads("removes its own temporary file")
    return destroys(
        f"removes {shown(files[:3])}", pairs("file", files), safer=f"ls -ld {shown(files)}", target=first(files)
    )


def overwrite(files: Sequence[Word], *, appends: bool = False) -> Finding:
    """Files written by a program, as a redirect would."""
    files = [word for word in files if not _NOWHERE.fullmatch(word.text) and not word.own]
    if not files:
        return READING
    if appends:
        return changes(f"appends to {shown(files)}", pairs("file", files), target=first(files))
    if all(is_for_output(word, made=False) for word in files):
        return changes(f"writes {shown(files)}", pairs("file", files), target=first(files))
    return destroys(
        f"writes over {shown(files)}", pairs("file", files), safer=f"ls -l {shown(files)}", target=first(files)
    )


def tee(call: Call, bench: Bench) -> Finding:
    given = _given(call, flags("", "-a/--append -i -p"))
    files = [word for word in given.everything if word.start[:2] != ">("]
    return overwrite(files, appends=given.has("-a"))


def copy(call: Call, bench: Bench) -> Finding:
    """cp, mv, ln, install: a new place; nothing at all instead of the content is another matter."""
    given = _given(
        call, flags("-t/--target-directory -S -m -o -g", "-r -R -a -f -i -n -p -v -u -s -d -D -T -b -l -P -L -H")
    )
    files = given.everything
    if not files or given.has("--help", "--version"):
        return READING
    program = call.words[0].text.rpartition("/")[2]
    if program == "cp" and files[0].literal == "/dev/null":
        return overwrite(files[1:])
    if program == "mv" and files[-1].literal == "/dev/null":
        return destroys(f"throws {shown(files[:-1])} away", pairs("file", files[:-1]), target=first(files))
    if files[-1].own:
        return READING
    safer = (
        shown([call.words[0], Word("-n"), *call.arguments]) if program in ("cp", "mv") and not given.may("-n") else ""
    )
    return changes(f"{program} writes {files[-1].text}", pairs("file", files), safer=safer, target=files[-1].literal)


def disk(call: Call, bench: Bench) -> Finding:
    """dd: what its `of=` names is written over."""
    target = next((word for word in call.arguments if word.start.startswith("of=")), None)
    if target is None:
        return reads("dd copies to its output")
    if not target.known and target.start == "of=" and not target.own:
        return destroys("dd writes over a place not known", pairs("file", [Word(target.text[3:])]))
    return overwrite([Word(target.text[3:], target.known)])


def sed(call: Call, bench: Bench) -> Finding:
    given = _given(
        call,
        flags("-e/--expression -f/--file -l", "-n/--quiet/--silent -E/-r/--regexp-extended -s -u -z --debug --posix"),
    )
    in_place = any(re.match(r"-[nErsuz]*i|--in-place", word.start) for word in call.arguments)
    scripts = given.values("-e") or given.operands[:1]
    files = given.everything if given.may("-e", "-f") else given.everything[1:]
    for script in scripts:
        if re.search(r"(^|[;{}\n\d$/])\s*e(\s|$|;)", script.start) or re.search(
            r"([/|#,])[gpIim\d]*e[gpIim\d]*$", script.literal
        ):
            return cannot_tell("the sed script may run a command")
        if re.search(r"(^|[;{}\n\d$/])[gpIim\d]*w\s+[^\s;]", script.start):
            return destroys("the sed script writes a file")
    if in_place:
        plain = [word for word in call.words if not re.match(r"-i|--in-place", word.start)]
        return changes(f"edits {shown(files[:3])}", pairs("file", files), safer=shown(plain), target=first(files))
    return reads("sed prints")


def awk(call: Call, bench: Bench) -> Finding:
    given = _given(call, flags("-F/--field-separator -v/--assign -f/--file -i/--include -e/--source", "-W -n"))
    if any(word.literal == "inplace" for word in given.values("-i")):
        return changes("edits files in place", pairs("file", given.operands[1:]))
    if given.may("-f"):
        return cannot_tell("what the awk program does cannot be told", pairs("file", given.values("-f")))
    program = (given.values("-e") or given.operands or [Word("")])[0]
    if not program.known and not program.start:
        return cannot_tell("what the awk program does cannot be told")
    text = re.sub(r">\s*\"/dev/(stderr|stdout|null)\"", "", program.text)
    text = re.sub(r"/(?:\\.|[^/\\\n])+/(?=\s*[{&|)!,])", "//", text)
    bare = re.sub(r'"(?:\\.|[^"\\])*"', '""', text)
    if re.search(r"\bsystem\s*\(|\|\s*getline|\|&|print[^;}\n|]*\|(?!\|)", bare):
        return cannot_tell("the awk program runs a command")
    if re.search(r"\bprintf?\b[^;}\n()]*(\([^()]*\)[^;}\n()>]*)*>>", bare):
        return changes("the awk program appends to a file")
    if re.search(r"\bprintf?\b[^;}\n()]*(\([^()]*\)[^;}\n()>]*)*>(?!=)", bare):
        return destroys("the awk program writes a file")
    return reads("awk prints")


def sort(call: Call, bench: Bench) -> Finding:
    given = _given(call, flags("-o/--output -k/--key -t/--field-separator -S -T --parallel --compress-program"))
    return overwrite(given.values("-o")) if given.may("-o") else reads("sort prints")


def uniq(call: Call, bench: Bench) -> Finding:
    return overwrite(_given(call, flags("-f -s -w")).everything[1:])


def rsync(call: Call, bench: Bench) -> Finding:
    given = _given(
        call,
        flags(
            "-e/--rsh --exclude --include --filter -f --files-from --exclude-from --bwlimit --rsync-path"
            " --partial-dir --timeout"
            " --chmod --chown -T -B --password-file --port --log-file --max-size --min-size --backup-dir"
            " --out-format --info",
            "-n/--dry-run -a -v -z -r -P -h -u -c -l -p -t -g -o -D -H -A -X -S -x -W -q -R -b -i --delete"
            " --del --list-only"
            " --delete-after --delete-before --delete-during --delete-excluded --delete-delay"
            " --remove-source-files --progress"
            " --partial --stats --archive --verbose --compress --checksum --inplace --numeric-ids --existing"
            " --ignore-existing",
        ),
    )
    places = given.everything
    touches = pairs("path", places)
    target = places[-1].literal if places else ""
    if given.has("-n", "--list-only") or len(places) < 2:
        return reads("rsync only shows", touches)
    safer = shown([call.words[0], Word("--dry-run"), *call.arguments])
    if any(name.startswith(("--delete", "--del", "--remove-source")) for name in given.flags):
        return destroys(f"rsync deletes what only {target or 'the target'} has", touches, safer=safer, target=target)
    return changes(f"rsync writes {target or 'its target'}", touches, safer=safer, target=target)


def tar(call: Call, bench: Bench) -> Finding:
    words = list(call.arguments)
    if not words:
        return READING
    mode = words[0].start.lstrip("-") if re.match(r"-?[A-Za-z]+$", words[0].start) else ""
    every = " ".join(word.text for word in words)
    short = mode + "".join(word.start for word in words[1:] if re.match(r"-[A-Za-z]+$", word.start))
    if re.search(r"--to-command|--checkpoint-action=exec|--use-compress-program|-I\s", every):
        found = re.search(r"--to-command|--checkpoint-action=exec", every)
        if found:
            return cannot_tell("tar runs a program out of its flags")
    if "--delete" in every or "--remove-files" in every:
        return destroys("tar deletes files")
    if "t" in mode or "--list" in every:
        return reads("tar lists an archive")
    archive = next(
        (
            words[at + 1]
            for at, word in enumerate(words[:-1])
            if (at == 0 and mode.endswith("f")) or word.literal in ("-f", "--file")
        ),
        None,
    )
    if "c" in mode or "--create" in every:
        to_output = (archive is None and "f" not in short) or (archive is not None and archive.literal == "-")
        return reads("tar packs to its output") if to_output else changes("writes an archive", pairs("file", [archive]))
    if "x" in mode and "O" in short:
        return reads("tar prints what it unpacks")
    return changes("unpacks an archive", pairs("file", [archive]), safer=_listing(call, mode))


def _listing(call: Call, mode: str) -> str:
    first_word = call.arguments[0].text
    return shown([call.words[0], Word(first_word.replace("x", "t", 1)), *call.arguments[1:]]) if "x" in mode else ""


def compress(call: Call, bench: Bench) -> Finding:
    given = _given(
        call,
        flags("-S -T -b -D", "-c/--stdout/--to-stdout -d/--decompress -k/--keep -f -l/--list -t/--test -v -q -n -r"),
    )
    if given.has("-c", "-l", "-t") or not given.everything:
        return reads("prints")
    return changes(f"packs or unpacks {shown(given.everything[:2])}", pairs("file", given.everything))


def unzip(call: Call, bench: Bench) -> Finding:
    given = _given(call, flags("-d -x -P", "-l -t -p -v -Z -z -o -n -q -j"))
    return reads("lists an archive") if given.has("-l", "-t", "-p", "-v", "-Z") else changes("unpacks an archive")


def writes_files(call: Call, bench: Bench) -> Finding:
    """mkdir, touch, chmod, editors and their kin: something that can be put back."""
    given = _given(call, flags("-m/--mode -r/--reference -t -d", "-p -R -v -f -a -c -h -H -L -P"))
    files = given.everything
    program = call.words[0].text.rpartition("/")[2]
    if program in ("chmod", "chown", "chgrp", "setfacl", "chattr", "chcon"):
        files = files[1:]
    if (not given.everything and not given.flags) or given.has("--help", "--version"):
        return READING
    if files and all(word.own for word in files):
        return READING
    return changes(f"{program} {shown(files[:3])}", pairs("file", files), target=first(files))


def blanks(call: Call, bench: Bench) -> Finding:
    """mkfs, wipefs, truncate and their kin: what stood there is gone."""
    given = _given(call, flags("-t/--type -s/--size -r -L -o -b -n", "-a/--all -f --no-act -c -F"))
    program = call.words[0].text.rpartition("/")[2]
    places = given.everything
    if program == "wipefs" and (given.has("--no-act") or not given.may("-a", "-o")):
        return reads("shows what stands on a device", pairs("file", places))
    if given.has("--help", "--version") or not places:
        return READING
    if program == "truncate" and all(word.own for word in places):
        return READING
    safer = f"ls -l {shown(places)}" if program == "truncate" else f"lsblk -f {shown(places[-1:])}"
    return destroys(
        f"{program} empties {shown(places[-2:])}", pairs("file", places), safer=safer, target=places[-1].literal
    )


def patch(call: Call, bench: Bench) -> Finding:
    return reads("shows") if _given(call, flags("-p -d -i -o")).has("--dry-run") else changes("patches files")


def yq(call: Call, bench: Bench) -> Finding:
    """jq, yq: print, or edit in place."""
    given = _given(
        call,
        flags(
            "-o -p -I -s --arg --argjson --slurpfile --rawfile --indent",
            "-i/--inplace/--in-place -r -e -c -n -P -C -M -S -j -N -y -Y -R",
        ),
    )
    files = given.everything[1:]
    if call.words[0].text.rpartition("/")[2] != "jq" and given.has("-i"):
        return changes(f"edits {shown(files)}", pairs("file", files), target=first(files))
    return reads("prints")


def split(call: Call, bench: Bench) -> Finding:
    return changes("writes files", pairs("file", _given(call, flags("-b -l -n -a -C")).everything[1:]))


def xxd(call: Call, bench: Bench) -> Finding:
    return overwrite(_given(call, flags("-l -s -c -g")).everything[1:])


def mktemp(call: Call, bench: Bench) -> Finding:
    return reads("makes a temporary file")


def openssl(call: Call, bench: Bench) -> Finding:
    outs = [
        call.words[at + 1]
        for at, word in enumerate(call.words[:-1])
        if word.literal in ("-out", "-keyout", "-writerand")
    ]
    return worst([reads("openssl prints"), overwrite(outs)])


RULES: dict[str, Rule] = {
    **dict.fromkeys(("rm", "unlink", "shred", "srm", "trash"), remove),
    **dict.fromkeys(("cp", "mv", "ln", "install", "rename"), copy),
    **dict.fromkeys(
        (
            "mkdir",
            "touch",
            "chmod",
            "chown",
            "chgrp",
            "setfacl",
            "chattr",
            "chcon",
            "restorecon",
            "vi",
            "vim",
            "nvim",
            "nano",
            "emacs",
            "ed",
            "code",
            "sudoedit",
            "rmdir",
            "mkfifo",
            "mknod",
            "fallocate",
            "zip",
            "ar",
            "cpio",
            "dos2unix",
            "unix2dos",
        ),
        writes_files,
    ),
    **dict.fromkeys(
        (
            "mkfs",
            "mkfs.ext4",
            "mkfs.xfs",
            "mkfs.ext3",
            "mkfs.btrfs",
            "mkfs.vfat",
            "mke2fs",
            "mkswap",
            "wipefs",
            "truncate",
            "blkdiscard",
            "sgdisk",
            "lvremove",
            "vgremove",
            "pvremove",
            "cfdisk",
        ),
        blanks,
    ),
    **dict.fromkeys(
        ("gzip", "gunzip", "bzip2", "bunzip2", "xz", "unxz", "zstd", "unzstd", "lz4", "pigz", "compress"), compress
    ),
    **dict.fromkeys(("awk", "gawk", "mawk", "nawk"), awk),
    **dict.fromkeys(("jq", "yq", "gojq", "jaq", "dasel"), yq),
    **dict.fromkeys(("split", "csplit"), split),
    **dict.fromkeys(("tar", "gtar", "bsdtar"), tar),
    "dd": disk,
    "tee": tee,
    "sed": sed,
    "gsed": sed,
    "sort": sort,
    "uniq": uniq,
    "rsync": rsync,
    "unzip": unzip,
    "patch": patch,
    "xxd": xxd,
    "mktemp": mktemp,
    "openssl": openssl,
}
