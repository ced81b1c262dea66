"""Services, processes, disks and the network of one machine."""

from __future__ import annotations

import re
from dataclasses import replace

from console.core.runbooks.danger import Level
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
)
from console.walkthrough.danger.tools import Tool, Use, VerbRule, by_last_flag, flags, of_level, table
from console.walkthrough.danger.words import Word, read_flags, shown

_SYSTEMCTL_VERBS = table(
    "status show cat list-units list-unit-files list-timers list-sockets list-jobs list-dependencies"
    " list-machines is-active"
    " is-enabled is-failed is-system-running get-default help show-environment list-automounts list-paths",
    "start restart reload try-restart reload-or-restart try-reload-or-restart condrestart"
    " force-reload enable disable reenable"
    " daemon-reload daemon-reexec mask unmask edit set-property set-default reset-failed link preset"
    " preset-all set-environment"
    " unset-environment import-environment add-wants add-requires thaw cancel log-level",
    "stop kill reboot poweroff halt suspend hibernate hybrid-sleep emergency rescue kexec soft-reboot"
    " exit default isolate revert clean"
    " freeze switch-root",
)


def _now(use: Use, bench: Bench) -> Finding:
    """`disable --now` and `mask --now` stop as well."""
    found = of_level(_SYSTEMCTL, use, Level.DESTROYS if use.given.may("--now") else Level.CHANGES)
    return replace(found, touches=(*use.touches, *pairs("service", use.given.operands)))


def _power(use: Use, bench: Bench) -> Finding:
    return destroys(
        f"systemctl {use.verb} takes the machine away",
        use.touches,
        safer="systemctl list-jobs",
        target=dict(use.touches).get("host", ""),
    )


_CODES: dict[str, VerbRule] = dict.fromkeys(("disable", "mask"), _now)
_CODES |= dict.fromkeys(
    ("reboot", "poweroff", "halt", "suspend", "hibernate", "kexec", "soft-reboot", "emergency", "rescue"), _power
)
_SYSTEMCTL = Tool(
    "systemctl",
    flags(
        (
            "-H/--host -M/--machine -t/--type -p/--property -s/--signal -n/--lines -o/--output --state"
            " --job-mode --kill-who --kill-whom --root --what"
        ),
        "-a/--all -l/--full -q/--quiet -f/--force -r --user --system --no-pager --no-legend --now"
        " --failed --global --no-block --plain --value"
        " --no-reload --no-ask-password --runtime --recursive --reverse --wait --dry-run",
    ),
    _SYSTEMCTL_VERBS,
    {"-H": "host", "-M": "machine"},
    "service",
    _CODES,
    {"stop": "status", "kill": "status"},
)


def systemctl(call: Call, bench: Bench) -> Finding:
    if all(word.literal.startswith("-") and word.literal not in ("--force",) for word in call.arguments):
        return reads("lists units")
    return _SYSTEMCTL(call, bench)


def service(call: Call, bench: Bench) -> Finding:
    """`service NAME ACTION` and scripts of the same kind."""
    words = [word for word in call.arguments if not word.start.startswith("-")]
    if len(words) < 2:
        return reads("lists services") if not words or words[0].known else cannot_tell("what it does cannot be told")
    name, action = words[0], words[1]
    touches = pairs("service", [name])
    if not action.known:
        return cannot_tell(f"which action {action.text} is cannot be told", touches, target=name.literal)
    if action.text in ("status", "configtest", "test", "check", "info"):
        return reads(f"shows {name.text}", touches)
    if action.text in ("stop", "kill", "shutdown"):
        return destroys(
            f"stops {name.text}", touches, safer=shown([call.words[0], name, Word("status")]), target=name.literal
        )
    return changes(f"{action.text} {name.text}", touches, target=name.literal)


def journalctl(call: Call, bench: Bench) -> Finding:
    text = " ".join(word.start for word in call.arguments)
    if re.search(r"--vacuum-", text):
        return destroys("throws old logs away", safer="journalctl --disk-usage")
    return (
        changes("rotates logs")
        if re.search(r"--(rotate|flush|sync|relinquish|setup-keys)", text)
        else reads("shows logs")
    )


def power(call: Call, bench: Bench) -> Finding:
    text = [word.literal for word in call.arguments]
    if "--help" in text or "-k" in text:
        return READING
    if "-c" in text:
        return changes("cancels a shutdown")
    return destroys(f"{call.words[0].text.rpartition('/')[2]} takes the machine away")


def kill(call: Call, bench: Bench) -> Finding:
    """kill, pkill, killall: signal 0 only looks; HUP, USR1 and USR2 mostly mean reload."""
    program = call.words[0].text.rpartition("/")[2]
    words = list(call.arguments)
    signal = "TERM"
    rest: list[Word] = []
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word.literal in ("-s", "--signal", "-n") and at < len(words):
            signal = words[at].text
            at += 1
        elif word.start.startswith("--signal="):
            signal = word.text.partition("=")[2]
        elif found := re.fullmatch(r"-((?:SIG)?[A-Z][A-Z0-9]+|\d+)", word.literal):
            signal = found.group(1)
        elif word.literal in ("-l", "-L", "--help", "--version"):
            return reads("lists signals")
        elif word.literal in ("-u", "-t", "-g", "-P") and program != "kill":
            rest.append(Word(f"{word.text} {words[at].text}") if at < len(words) else word)
            at += 1
        elif not word.start.startswith("-") or (program == "kill" and re.fullmatch(r"-\d+", word.literal)):
            rest.append(word)
    name = signal.upper().removeprefix("SIG")
    touches = pairs("process", rest)
    target = rest[0].literal if rest else ""
    if name == "0":
        return reads("looks whether a process lives", touches)
    if not rest and program == "kill":
        return READING
    if name in ("HUP", "USR1", "USR2", "WINCH", "CONT", "1", "10", "12", "28", "18", "QUIT", "3"):
        return changes(f"sends {name} to {shown(rest)}", touches, target=target)
    kept = [word for word in call.arguments if not re.fullmatch(r"-((?:SIG)?[A-Z][A-Z0-9]+|\d+)", word.literal)]
    safer = f"pgrep -a {shown(kept)}" if program == "pkill" else f"pgrep -a {shown(rest)}"
    if program == "kill":
        safer = f"kill -TERM {shown(rest)}" if name in ("9", "KILL") else f"ps -fp {shown(rest)}"
    return destroys(
        f"ends {'process' if program == 'kill' else 'processes'} {shown(rest)}", touches, safer=safer, target=target
    )


def crontab(call: Call, bench: Bench) -> Finding:
    given, _ = read_flags(call.arguments, flags("-u", "-l -r -e -i"))
    if given.has("-l"):
        return reads("lists what runs by the clock")
    return (
        destroys("removes the table", safer="crontab -l")
        if given.has("-r")
        else changes("changes what runs by the clock")
    )


def sysctl(call: Call, bench: Bench) -> Finding:
    sets = [
        word
        for word in call.arguments
        if "=" in word.text or word.start.startswith(("-w", "-p", "--system", "--load", "--write"))
    ]
    return changes(f"sets {shown(sets)}", pairs("parameter", sets)) if sets else reads("shows settings of the kernel")


def mount(call: Call, bench: Bench) -> Finding:
    plain = [word for word in call.arguments if not word.start.startswith("-")]
    return changes(f"mounts {shown(plain)}", pairs("path", plain[-1:])) if plain else reads("lists mounts")


def firewall(call: Call, bench: Bench) -> Finding:
    """iptables and its kin: the flag is the verb."""
    text = " ".join(word.start for word in call.arguments)
    if (
        re.search(
            (
                r"(^|\s)(-[a-zA-Z]*[LS]|--list\S*|--list-rules|-C|--check|--state|--get-\S+|--query-\S+|list"
                r"|status|show|--version)(\s|$)"
            ),
            text,
        )
        or not text
    ):
        return reads("shows the firewall")
    if re.search(
        r"(^|\s)(-[FDX]|--flush|--delete\S*|--remove-\S+|flush|delete|disable|reset|--panic-on|-P)(\s|$)", text
    ):
        return destroys("takes rules of the firewall away")
    return changes("changes the firewall")


def partitions(call: Call, bench: Bench) -> Finding:
    text = [word.literal for word in call.arguments]
    if (
        "-l" in text
        or "--list" in text
        or ("print" in text and not any(verb in text for verb in ("rm", "mkpart", "mklabel", "resizepart")))
    ):
        return reads("lists partitions")
    return destroys(
        "writes the table of partitions",
        pairs("device", [word for word in call.arguments if word.start.startswith("/dev/")]),
    )


def date(call: Call, bench: Bench) -> Finding:
    given, _ = read_flags(
        call.arguments, flags("-s/--set -d/--date -r/--reference -f -v -j", "-u -I -R --iso-8601 --utc --rfc-3339")
    )
    sets = given.may("-s") or any(re.fullmatch(r"\d{8,}(\.\d+)?", word.text) for word in given.operands)
    return changes("sets the clock") if sets else reads("tells the time")


def hostname(call: Call, bench: Bench) -> Finding:
    plain = [word for word in call.arguments if not word.start.startswith("-")]
    return changes("renames the machine", pairs("host", plain)) if plain else reads("tells the name")


def tcpdump(call: Call, bench: Bench) -> Finding:
    """tcpdump and tshark: print, or write what they caught to a file."""
    files = [call.words[at + 1] for at, word in enumerate(call.words[:-1]) if re.fullmatch(r"-[a-zA-Z]*w", word.start)]
    files = [word for word in files if word.text not in ("-", "/dev/stdout")]
    if any(re.fullmatch(r"-[a-zA-Z]*z", word.start) for word in call.arguments):
        return cannot_tell("what it runs on each file cannot be told")
    if not files:
        return reads("shows packets")
    return changes(f"writes packets to {shown(files)}", pairs("file", files), target=files[0].literal)


RULES: dict[str, Rule] = {
    "systemctl": systemctl,
    "service": service,
    "rc-service": service,
    "journalctl": journalctl,
    **dict.fromkeys(("reboot", "shutdown", "halt", "poweroff", "init", "telinit"), power),
    **dict.fromkeys(("kill", "pkill", "killall", "skill"), kill),
    "crontab": crontab,
    "sysctl": sysctl,
    "mount": mount,
    **dict.fromkeys(("iptables", "ip6tables", "nft", "ufw", "firewall-cmd", "ipset", "ipvsadm"), firewall),
    **dict.fromkeys(("fdisk", "parted", "gdisk", "sfdisk"), partitions),
    "date": date,
    "hostname": hostname,
    "umount": by_last_flag("^--help"),
    "swapoff": by_last_flag("^--help"),
    "swapon": by_last_flag(r"^$|-s|--show"),
    **dict.fromkeys(("hostnamectl", "timedatectl", "localectl"), by_last_flag(r"^$|^(status|show|list-\S+|--\S+)")),
    "loginctl": by_last_flag(r"^$|^(list-|show|.*-status|session-status)", r"kill|terminate"),
    "resolvectl": by_last_flag(r"^$|^(status|query|statistics|dns|domain)"),
    "chronyc": by_last_flag(r"^-?\w*\s*(sources|tracking|sourcestats|activity|ntpdata|clients)|^(sources|tracking)"),
    "dmesg": by_last_flag(
        r"^(?!.*(-C|--clear|-c\b|--read-clear|-n|-D|-E)).*$", r"(^|\s)(-C|-c|--clear|--read-clear)(\s|$)"
    ),
    "ethtool": by_last_flag(r"^(-[iSkgcmadnlxtTPu]\s+)?[\w$]\S*$|^$"),
    "smartctl": by_last_flag(r"-[aAHilx]|--all|--scan|--info|--health"),
    "mdadm": by_last_flag(r"--(detail|examine|query|scan)|-[DEQ]", r"--(stop|remove|fail|zero-superblock)|-S"),
    **dict.fromkeys(
        (
            "lvextend",
            "lvcreate",
            "vgcreate",
            "pvcreate",
            "lvresize",
            "resize2fs",
            "xfs_growfs",
            "growpart",
            "vgextend",
            "pvresize",
            "lvchange",
            "vgchange",
            "tune2fs",
            "e2label",
            "fstrim",
            "modprobe",
            "insmod",
            "useradd",
            "adduser",
            "groupadd",
            "usermod",
            "passwd",
            "chpasswd",
            "gpasswd",
            "update-alternatives",
            "update-ca-certificates",
            "ldconfig",
            "depmod",
            "ssh-copy-id",
            "scp",
            "logger",
            "wall",
            "locale-gen",
            "ntpdate",
            "hwclock",
            "renice",
            "prlimit",
            "setenforce",
            "semanage",
            "setsebool",
            "update-grub",
            "dracut",
            "logrotate",
            "newaliases",
            "postmap",
            "sendmail",
            "mail",
            "mailx",
            "chsh",
            "kexec",
        ),
        by_last_flag(r"^--(help|version)|^-V$"),
    ),
    "logrotate": by_last_flag(r"(^|\s)(-d|--debug)"),
    **dict.fromkeys(
        ("userdel", "deluser", "groupdel", "rmmod", "lvreduce", "vgreduce", "pvmove", "cryptsetup", "badblocks"),
        by_last_flag("^--help", "."),
    ),
    **dict.fromkeys(("fsck", "e2fsck", "xfs_repair", "fsck.ext4"), by_last_flag(r"(^|\s)-[a-z]*[nN]")),
    "zpool": by_last_flag(
        r"^(status|list|get|iostat|history|events)", r"^(destroy|labelclear|remove|detach|offline|export)"
    ),
    "zfs": by_last_flag(r"^(list|get|holds|diff|userspace)", r"^(destroy|rollback)"),
    "btrfs": by_last_flag(r"\b(show|list|usage|df|stats|status)\b", r"\b(delete|remove)\b"),
    "certbot": by_last_flag(r"^certificates|--dry-run", r"^(delete|revoke)"),
    **dict.fromkeys(("nginx", "openresty"), by_last_flag(r"(^|\s)-[tTvV]", r"-s\s+(stop|quit)")),
    **dict.fromkeys(("apachectl", "apache2ctl", "httpd"), by_last_flag(r"configtest|status|-[tSMVlv]\b", r"stop")),
    "haproxy": by_last_flag(r"(^|\s)-(c|v|vv)\b"),
    "postqueue": by_last_flag(r"-[pj]"),
    "postsuper": by_last_flag("^-?$", "-d"),
    "postconf": by_last_flag(r"^(?!.*-[eX#]).*$"),
    "ssh-keygen": by_last_flag(r"(^|\s)-[lFBeyL]"),
    "ssh-add": by_last_flag(r"(^|\s)-[lL]", r"(^|\s)-[dD]"),
    "gpg": by_last_flag(r"--(list|verify|fingerprint|with-colons|show|export)|-k\b|-d\b|--decrypt|-K\b", r"--delete"),
    "aide": by_last_flag("--check|-C"),
    "fail2ban-client": by_last_flag(r"^(status|get|ping|version)|banned", r"^stop"),
    "tc": by_last_flag(r"\b(show|list|ls)\b|^-s", r"\bdel(ete)?\b"),
    "route": by_last_flag(r"^$|^-[neF]+$", r"\bdel\b"),
    "ifconfig": by_last_flag(r"^$|^-a$|^\S+$", r"\bdown\b"),
    "arp": by_last_flag(r"^$|^-[an]", r"-d"),
    **dict.fromkeys(("visudo", "vipw", "vigr"), by_last_flag(r"(^|\s)(-c|--check|-V)\b")),
    "hdparm": by_last_flag(r"^-[iItTgC]+\s|^/dev/\S+$", r"--(security|trim|write|make-bad|format)"),
    **dict.fromkeys(("tcpdump", "tshark"), tcpdump),
    "tmux": by_last_flag(r"^(ls|list|attach|a\b|show|display|capture)", r"^kill"),
    "screen": by_last_flag(r"-ls|-list|-r|-x"),
}
