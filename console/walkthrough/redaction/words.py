"""Whether a name stands for a secret, and whether the word behind it could be one."""

from __future__ import annotations

import re
from functools import lru_cache


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Read off `clientSecret`, `X-Api-Key`, `DB_PASSWORD_2`.
PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
NUMBERED = _words("old new previous next current base64 b64 value str string plain prod staging dev test")

PASSWORD = re.compile(r"(?:passw(?:or)?d|passphrase|passcode)$")
JOINED = re.compile(r"(?:passw(?:or)?d|passphrase|(?:db|ssh|user|root|require|store|key|my|admin|pg)pass|"
                    r"apikey|secretkey|accesskey|authkey|(?:access|auth|api|refresh|id|bearer)token|clientsecret|"
                    r"masterauth)$")  # fmt: skip
# `PASSWORD_FILE`, `password-policy`: something about a password.
ABOUT = _words(
    "file files path dir folder length len min max policy policies enabled disabled name names ref age expiry expires "
    "expired expiration ttl changed change reset required hint prompt attempts count rotation rotated url uri type id "
    "manager stdin field fields format strength hash algorithm rules generator set source from command cmd mode "
    "authentication encryption version label title key keys is was"
)
OTHERS_SECRET = _words("pull existing tls image cert certificate ca")
KEYS = _words(
    "api access secret private signing encryption master account storage client service license licence shared "
    "subscription deploy admin app application consumer webhook tls ssl jwt session hmac auth token root datadog "
    "integration routing ingest write"
)
OTHERS_KEY = _words(
    "primary foreign sort partition cache routing redis lock object public bypass index hash row group map host "
    "label metric config idempotency search field column dict sub reg registry shortcut hot"
)

# What stands behind a name and is no secret, however it is joined to it.
HOLLOW = re.compile(
    r"""
      [^\w\s]{0,3} | ([*.=_\#~-])\1*                      # nothing, a bracket, an ellipsis
    | \$\w+ | \$\{[^}]*\}?.* | \$\(.* | `.*            # of a variable or of a command
    | %\(?\w+.{0,3} | <[^<>]*>? | <<[^<>]*>?>? | \{\{.* | \{[\w .:-]*\}?
    | \[\s*(?:secret|redacted|hidden|masked|filtered|sensitive)[^\]]*\]?
    | x{3,} | X{3,} | \*{3}.* | CHANGE_?ME | (?:your|YOUR)[-_ ].*
    | true | false | null | none | nil | undefined | unset | True | False | None | NULL | Null
    | \d+[ ]bytes
    | (?:[A-Za-z_][\w.]*)?\((?:\S*\))?                     # of a call
    | //.* | :.*
    """,
    re.VERBOSE | re.DOTALL,
)
PATH = re.compile(r"(?:~|\.{1,2})?(?:/[\w.@-]+){2,}/?|(?:~|\.{1,2})/[\w./@-]+|(?:id|source|src|type|env)=.*")
# Words behind `password:` in a sentence, or where a type is told.
TOLD = _words(
    "yes no on off empty required optional missing invalid incorrect expired wrong failed ok okay denied accepted "
    "authentication hidden redacted masked unchanged default string str text int integer bool boolean bytes any object "
    "not is was were are be been must should shall may can could will would has have had for in of the a an to and or "
    "with from by at as if when while set see use used uses using enter type please check try this that it its your "
    "my our their there no none unknown unauthorized forbidden rejected valid verified found created updated deleted "
    "changed configured generated ignored skipped success successful successfully error errors too contains same "
    "saved stored removed revoked rotated renewed cannot unable mismatch does did do never please"
)


@lru_cache(4096)
def names_secret(name: str, assigned: bool) -> bool:
    """Whether what stands behind a name is a secret. assigned: it is joined by `=`, as variables and options are."""
    words = [word.lower() for word in PARTS.findall(name)]
    while words and (words[-1].isdigit() or (words[-1] in NUMBERED and len(words) > 1)):
        words.pop()
    if not words:
        return False
    last, before = words[-1], words[:-1]
    if last == "key":
        own = before and (before[-1] in KEYS or (assigned and name.isupper() and before[-1] not in OTHERS_KEY))
        return bool(own)
    if last in ABOUT:
        return False
    if any(PASSWORD.search(word) for word in words) or JOINED.search(last):
        return True
    if last in ("pass", "pw", "token", "credential", "credentials"):
        return last != "pass" or assigned or bool(before)
    if last == "pwd":
        return bool(before) and before != ["old"]
    if last == "secret":
        return not before or before[-1] not in OTHERS_SECRET
    return last == "auth" and assigned and bool(before) and (name.isupper() or name.startswith("_"))


def could_be_secret(value: str, name: str = "") -> bool:
    """Whether a word is one: no variable, no placeholder, no blot. name: what it stands behind, where it has one."""
    if HOLLOW.fullmatch(value):
        return False
    return not (PATH.fullmatch(value) and not PASSWORD.search(name.lower()))


def is_told(value: str) -> bool:
    """Whether it is a word of a sentence rather than what somebody has chosen."""
    return value.rstrip(".,;:!?)").lower() in TOLD
