"""Which files commands leave their output in, by their names."""

from __future__ import annotations

import re

from console.walkthrough.danger.words import Word

# Where commands leave what they print: files for the moment, backups, reports.
_FOR_NOW = re.compile(r"(/tmp|/var/tmp|/dev/shm)/|\$\{?(TMP\w*|TEMP\w*)\}?/")
_OUTPUT = re.compile(
    r"[^\s]*\.(log|txt|out|json|ya?ml|csv|tsv|sql|dump|bak|backup|pcap|gz|tgz|zst|xz|bz2|zip|tar|md|html|svg|xml|pem|crt|cer"
    r"|csr|key|prof|pprof|bin|db|rdb|snap|hex|b64|lst|list|report|diff|patch|old|orig|properties)([._-]?\$\S*|[.-]\d+)?"
)
_OF_THE_SYSTEM = (
    "/etc/",
    "/proc/",
    "/sys/",
    "/dev/",
    "/usr/",
    "/boot/",
    "/bin/",
    "/sbin/",
    "/lib",
    "/var/lib/",
    "/run/",
)


def is_for_output(word: Word, *, made: bool) -> bool:
    """Whether a file is one that a command leaves its output in, and not one that holds something already. made: what
    is written is no mere word or copy, so that any name outside the system's folders will do.
    """
    text = word.text
    if text.startswith(_OF_THE_SYSTEM) or "/../" in text or text.startswith("../"):
        return False
    if _FOR_NOW.match(text) or _OUTPUT.fullmatch(text):
        return True
    return made and (word.known or bool(word.start)) and not text.startswith("/")
