"""Secrets that are known by their own shape or by the words right before them, as regular expressions.

Each has the lower-case words without one of which a text cannot hold it, so that lines without any cost next to
nothing, and such words besides, where those alone say little. The group `s` is the secret. None goes over the end of a
line, unless a backslash continues it, so that a stream can be looked through in any parts.
"""

from __future__ import annotations

import re

Words = tuple[str, ...]
Shape = tuple[Words, Words, re.Pattern[str]]

# A value in quotes (its text alone), or a word.
VALUE = r"""(?:\\*"(?P<s>[^"\\\n]+)|\\*'(?P<s2>[^'\n]+)|(?P<s3>[^\s"'|;&)]+))"""


def _shape(triggers: str, pattern: str, flags: int = 0, besides: Words = ()) -> Shape:
    return tuple(triggers.split()), besides, re.compile(pattern.replace("VALUE", VALUE), flags)


WORD_BEFORE = r"(?<![A-Za-z0-9])"
ANY = re.IGNORECASE

# Issued tokens: `ghp_…`, `glpat-…`, `xoxb-…`, `AKIA…`, JWTs and their like. Sources: the issuers' own documents.
TOKENS: tuple[Shape, ...] = (
    _shape("akia asia", WORD_BEFORE + r"(?P<s>A[KS]IA[0-9A-Z]{12,})"),
    _shape("ghp_ gho_ ghu_ ghs_ ghr_", WORD_BEFORE + r"(?P<s>gh[pousr]_\w{16,})"),
    _shape("github_pat_", WORD_BEFORE + r"(?P<s>github_pat_\w{16,})"),
    _shape("glpat- gldt- glrt-", WORD_BEFORE + r"(?P<s>gl(?:pat|dt|rt)-[\w-]{12,})"),
    _shape("xox xapp-", WORD_BEFORE + r"(?P<s>(?:xox[a-z](?:\.xox[a-z])?|xapp)-[\w-]{6,})"),
    _shape("eyj", r"(?<![\w-])(?P<s>ey[JI][\w-]{6,}(?:\.[\w-]*){2,4})"),
    _shape("sk- sk_ rk_", r"(?<![\w-])(?P<s>sk-(?:[a-z]+\d*-)*\w[\w-]{18,}|[sr]k_(?:live|test)_\w{8,})"),
    _shape("aiza", WORD_BEFORE + r"(?P<s>AIza[\w-]{30,})"),
    _shape("npm_ pypi- dckr_pat_", WORD_BEFORE + r"(?P<s>npm_\w{30,}|pypi-Ag[\w-]{20,}|dckr_pat_[\w-]{16,})"),
    _shape("hvs. hvb. hvr.", WORD_BEFORE + r"(?P<s>hv[sbr]\.[\w-]{16,})"),
    _shape("sg. ya29.", WORD_BEFORE + r"(?P<s>SG\.[\w-]{12,}\.[\w-]{12,}|ya29\.[\w-]{16,})"),
    _shape("sha256~", r"(?P<s>sha256~[\w-]{20,})"),
    _shape("dop_v1_ shpat_ tskey- dapi", WORD_BEFORE + r"(?P<s>(?:dop_v1_|shpat_|tskey-|dapi)[0-9A-Za-z-]{24,})"),
    _shape("hooks.slack", r"hooks\.slack(?:-gov)?\.com/\w+/(?P<s>[\w/-]+)", ANY),
    _shape("webhooks/", r"discord(?:app)?\.com/api/(?:v\d+/)?webhooks/\d+/(?P<s>[\w-]+)", ANY),
    _shape("telegram", r"api\.telegram\.org/bot(?P<s>[\w:-]+)", ANY),
)

# What one finds in text around an address, a header or a statement.
PLACES: tuple[Shape, ...] = (
    # The password ends at the last @ before a slash; one with a slash in it, at the last @ at all.
    _shape("://", r"://[^\s/?#@:\"'<>]*:(?P<s>[^\s/?#\"'<>]+)@", ANY),
    _shape("://", r"://[^\s/?#@:\"'<>]*:(?:(?<=//:)|(?!\d+/))(?P<s>[^\s\"'<>@]+)@[\w.\[$-]", ANY),
    _shape("://", r"://(?P<s>[^\s/?#@:\"'<>]{20,})@"),
    _shape("sig key= auth=", r"[?&;](?:sig|signature|x-(?:amz|goog)-signature|key|auth)=(?P<s>[^\s&\"'#;<>]+)", ANY),
    _shape("authorization", r"""authorization["'\\]*[ \t]*[:=][ \t]*["'\\]*(?:(?:bearer|basic|token|digest|negotiate|"""
           r"""apikey|api-?key|splunk|bot|key|aws4-hmac-sha256)[ \t]+)?(?P<s>[^\s"'\\][^"'\\\n]*)""", ANY),
    _shape("bearer", r"\bbearer[ \t]+(?P<s>(?=[\w.~+/=-]*\d)[\w.~+/=-]{8,}|[\w.~+/=-]{24,})", ANY),
    _shape("x-", r"(?<![\w/-])x-[\w-]*(?:key|token|secret|auth|password)[\"'\\]*:[ \t]*[\"'\\]*"
           r"(?P<s>[^\s\"'\\]+)", ANY),
    _shape("cookie", r"""set-cookie2?["'\\]*:[ \t]*["'\\]*[^=;\s"']+=(?P<s>[^;\s"'\\]+)""", ANY),
    _shape("requirepass masterauth auth-pass",
           r"\b(?:requirepass|masterauth|auth-pass[ \t]+[\w.-]+)[\"']?[ \t]+VALUE", ANY),
    _shape("auth", r"(?:^|[>\"'|;&]|redis-cli)[ \t]*AUTH[ \t]+(?:[\w.-]+[ \t]+(?=[^\s|;&]))?VALUE", re.M,
           ("auth ", "auth\t")),
    _shape("setuser", r"\bsetuser\b[^\n]*?[ \t\"']>(?P<s>[^\s\"'|;&]+)", ANY),
    _shape("identified", r"\bidentified[ \t]+(?:with[ \t]+\S+[ \t]+)?by[ \t]+(?:password[ \t]+)?VALUE", ANY),
    _shape("password", r"\b(?:with|set|encrypted|for[ \t]+\S+)[ \t]+password(?:[ \t]*=[ \t]*|[ \t]+)(?:password\()?"
           r"(?:'(?P<s>[^'\n]+)'|\"(?P<s2>[^\"\n]+)\")", ANY, ("'", '"')),
    _shape("pass:", r"(?<![\w-])pass:(?P<s>[^\s\"'|;&]+)"),
    _shape("</", r"<(?:\w+[:.-])?\w*(?:password|passwd|secret|token|apikey|api-key|privatekey)\b[^<>\n]{0,80}>"
           r"(?P<s>[^<>\n]+)</", ANY),
    _shape("private key", r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?:[ \t]|\\+[nr])*(?P<s>[A-Za-z0-9+/=]"
           r"[^\n\"']*?)(?=(?:[ \t]|\\+[nr])*(?:-----END|[\"'\n]|\Z))"),
)  # fmt: skip

# A key over many lines.
KEY_BLOCK = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----[ \t]*\r?\n\s*"
    r"(?P<s>(?:(?!-)[ \t>|\"'#]*[A-Za-z0-9+/=]*[ \t\r]*\n|"
    r"\s*(?:Proc-Type|DEK-Info|Comment|Version|Hash):[^\n]*\n)*[ \t>|\"'#]*[A-Za-z0-9+/=]+)"
)

# The rest of the simple command: quoted parts whole, so that a `|` in them does not end it.
REST = r"""(?P<args>(?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|\\\n|\\.|[^|;&\n"'\\]|["'](?![ \t]*(?:[|;&]|\n|\Z)))*)"""
# Between an option and its value: blanks, `=`, or the punctuation of a list of words.
GAP = r"""(?:=|["']?[ \t]*,[ \t]*(?=["'])|["']?(?:[ \t]|\\\n)+)"""
AHEAD = r"""(?:(?<=[\s"',\[(])|^)"""


def _flags(
    programs: str, flags: str, triggers: str = "", besides: Words = ()
) -> tuple[Words, Words, re.Pattern[str], re.Pattern[str]]:
    """What stands before a secret among the words of a program."""
    command = re.compile(rf"(?<![\w-])(?:{programs})(?![\w-]|\.\w)" + REST)
    return tuple((triggers or programs.replace("|", " ")).split()), besides, command, re.compile(AHEAD + flags)


# Programs whose options hold a secret without a word for it. The value begins where the second pattern ends.
COMMANDS = (
    _flags("(?:redis|valkey|keydb)-(?:cli|benchmark)", rf"(?:-a|--pass){GAP}", "redis- valkey- keydb-",
           ("-a", "--pass")),
    _flags("(?:mysql|mariadb)[a-z-]*", r"-p(?=\S)", "mysql mariadb", ("-p",)),
    _flags("sshpass", rf"-p(?:{GAP})?"),
    _flags("(?:docker|podman|nerdctl|buildah|skopeo|oc|az|registry|oras|crane|harbor|faas-cli|cf)[ \\t]"
           "(?:[^\\n]{0,60}?[ \\t])?login", rf"-p{GAP}", "login", ("-p",)),
    _flags("mongo(?:sh|dump|restore|export|import|stat|top)?", rf"-p{GAP}", "mongo", ("-p",)),
    _flags("ldap(?:search|modify|add|delete|passwd|whoami)", rf"-w(?:{GAP})?", "ldap", ("-w",)),
    _flags("sqlcmd|zip|unzip", rf"-P(?:{GAP})?", besides=("-p",)),
    _flags("influx", rf"-password{GAP}"),
    _flags("keytool|jarsigner", rf"-(?:storepass|keypass|srcstorepass|deststorepass){GAP}"),
    _flags("vault", rf"login{GAP}(?!-)"),
    _flags("aws", rf"aws_(?:secret_access_key|session_token){GAP}"),
    _flags("rabbitmqctl", r"(?:add_user|change_password|authenticate_user)[ \t]+\S+[ \t]+"),
    _flags("htpasswd", r"-[a-zA-Z]*b[a-zA-Z]*[ \t]+(?:-\S+[ \t]+)*\S+[ \t]+\S+[ \t]+"),
    _flags("mc", r"(?:alias[ \t]+set|config[ \t]+host[ \t]+add)[ \t]+\S+[ \t]+\S+[ \t]+\S+[ \t]+", "alias config"),
)  # fmt: skip

# `-u user:password`: the part behind the colon.
PAIRS = (
    _flags("curl", rf"(?:-[a-zA-Z]*[uU]|--user|--proxy-user)(?:{GAP})?(?!-)"),
    (("http ", "https "), *_flags(r"https?(?=[ \t])", rf"(?:-a|--auth){GAP}", besides=("-a", "--auth"))[1:]),
)
CREATE_SECRET = (
    ("secret",),
    ("--from-literal",),
    re.compile(r"(?<![\w-])(?:create|apply|replace)[ \t]+secret" + REST),
    re.compile(rf"--from-literal{GAP}[\"']?[^=\s\"']+="),
)
COOKIES = re.compile(r"(?<![\w-])cookie[\"'\\]*:[ \t]*(?P<args>[^\"'\n]+)|\bcurl\b[^|;&\n]*?[ \t](?:-b|--cookie)[ =]"
                     r"[ \t]*[\"']?(?P<args2>[^\"'\n=;\s]+=[^\"'\n]+)", re.IGNORECASE)  # fmt: skip
COOKIE = re.compile(r"[^=;\s]+=([^;\s]+)")
# What is piped to a program that reads a password.
PIPED = re.compile(
    r"\b(?:echo|printf)[ \t]+(?:-[neE]+[ \t]+)?(?:[\"']?%s(?:\\n)?[\"']?[ \t]+)?(?P<at>)[^|\n]*\|[^|\n]*?"
    r"(?:--?[\w-]*stdin\b|\bsudo[ \t][^|\n]*-\w*S|\bchpasswd\b|\bpasswd\b)"
)
# `name=value`, `"name": "value"`, `--name value`: from the word that can make a name secret on.
NAMED = re.compile(
    r"(?:passw(?:or)?d|pass|passphrase|passcode|pwd|pw|secret|token|key|auth|credentials?)[\w.-]{0,40}"
    r"(?P<quote>\\*[\"'`]?\]?)(?P<before>[ \t]*)(?P<sep>:=|=>|==?|:)(?P<behind>[ \t]*)",
    re.IGNORECASE,
)
OPTION = re.compile(
    r"--(?<![\w-]--)(?P<name>[\w.-]{0,40}?(?:passw(?:or)?d|pass|passphrase|secret|token|key|credentials?))"
    rf"(?P<gap>{GAP})(?!-)",
    re.IGNORECASE,
)
