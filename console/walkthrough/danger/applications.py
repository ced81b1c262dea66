"""What applications bring to be run by: tasks of Rails, Mastodon, GitLab and Nextcloud; and backups of files."""

from __future__ import annotations

import re

from console.walkthrough.danger.calls import Call
from console.walkthrough.danger.findings import Bench, Finding, Rule, cannot_tell, changes, destroys, pairs, reads
from console.walkthrough.danger.tools import by_last_flag, plain_tool
from console.walkthrough.danger.words import shown

_TASK = re.compile(r"[a-z][\w-]*(:[\w-]+)*")
_TASKS_READ = re.compile(
    r"(db:migrate:status|db:version|db:abort_if_pending_migrations|about|routes|stats|notes|middleware|initializers"
    r"|time:zones.*|.*:(check|status|info|list|show|doctor|verify|env:info|missing|unfinished)|gitlab:.*check.*|help)"
)
_TASKS_DESTROY = re.compile(
    r"(db:(drop|reset|purge|rollback|truncate_all|seed:replant|schema:load|structure:load|setup|migrate:(down|reset|redo))"
    r"|.*:(restore|remove|destroy|delete|drop|purge|clear|clean|cleanup|wipe|reset|prune|expire)(:.*)?|db:.*:(drop|reset))"
)
_TASKS_CHANGE = re.compile(
    r"(db:(migrate|seed|prepare|create|schema:(dump|cache:\w+)|encryption:init|environment:set).*|assets:.*|cache:.*"
    r"|tmp:.*|log:clear|webpacker:.*|yarn:.*|.*:(create|backup|backup:create|compile|precompile|install|update|upgrade"
    r"|migrate|enable|disable|index|reindex|rebuild|recreate|generate|deploy|run|start|restart|import|export|refresh))"
)


def tasks(call: Call, bench: Bench) -> Finding:
    """rake and what is like it: a task tells by its name what it does, or it cannot be told."""
    name = call.words[0].text.rpartition("/")[2]
    words = [word for word in call.arguments if not re.match(r"-|[A-Z_]+=", word.start)]
    looks = [word.literal for word in call.arguments]
    if any(flag in looks for flag in ("-T", "--tasks", "-P", "-W", "--version", "-V", "-n", "--dry-run", "--help")):
        return reads(f"{name} only shows")
    if not words:
        return cannot_tell(f"what the default task of {name} does cannot be told")
    found = [_task(name, re.split(r"\[", word.text)[0] if word.known else "", word.text) for word in words]
    return max(found, key=lambda finding: finding.level.rank)


def _task(name: str, task: str, text: str) -> Finding:
    if not _TASK.fullmatch(task):
        return cannot_tell(f"what {name} {text} does cannot be told")
    if _TASKS_READ.fullmatch(task):
        return reads(f"{task} only looks")
    if _TASKS_DESTROY.fullmatch(task):
        return destroys(f"the task {task} takes data away", target=task)
    if _TASKS_CHANGE.fullmatch(task):
        return changes(f"the task {task} changes the application", target=task)
    return cannot_tell(f"what the task {task} does cannot be told", target=task)


def rails(call: Call, bench: Bench) -> Finding:
    """rails: code and prompts are not judged; tasks are."""
    words = [word.literal for word in call.arguments if not word.start.startswith("-")]
    name = call.words[0].text.rpartition("/")[2]
    verb = words[0] if words else ""
    if any(word.literal in ("--version", "-v", "--help", "-h") for word in call.arguments[:1]):
        return reads(f"{name} only shows")
    if verb in ("runner", "r"):
        return cannot_tell(f"what the code given to {name} does cannot be told")
    if verb in ("console", "c", "dbconsole", "db", ""):
        return cannot_tell("opens a prompt: what is typed there is not seen")
    if verb in ("server", "s"):
        return changes("starts a server")
    if verb in ("generate", "g", "destroy", "d", "new", "plugin", "app:update"):
        return changes(f"{name} {verb} changes the code")
    return tasks(call, bench)


def django(call: Call, bench: Bench) -> Finding:
    """manage.py, artisan and occ, of which the verb is known; others are code."""
    return cannot_tell(f"what {shown(call.words[:2])} does cannot be told")


def maker(call: Call, bench: Bench) -> Finding:
    """make: a target does what its file says; only some flags do nothing."""
    looks = {word.literal for word in call.arguments}
    if looks & {"-n", "--dry-run", "--just-print", "-q", "--question", "--version", "-v", "--help", "-h"}:
        return reads("make only shows")
    goals = [word for word in call.arguments if not re.match(r"-|\w+=", word.start)]
    if goals and all(word.literal in ("help", "status", "list", "version", "lint") for word in goals):
        return reads(f"make {shown(goals)} only shows")
    what = shown(goals[:1]) or "the first target"
    return cannot_tell(f"what make {what} does cannot be told", pairs("target", goals[:1]))


_TOOTCTL = plain_tool(
    "tootctl",
    "--days --concurrency -c --email --role --username --domain --start --format --batch-size --only --prefix"
    " --category",
    "--dry-run --verbose -v --all --confirmed --confirm --force --with-dns-records --prune-profiles --remove-headers",
    {},
    "",
    "help version --version media+usage media+lookup email-domain-blocks+list ip-blocks+export domains+crawl"
    " accounts+backup-status preview-cards+usage",
    "accounts+create accounts+modify accounts+backup accounts+refresh accounts+follow"
    " accounts+unfollow accounts+approve"
    " accounts+rotate accounts+fix-duplicates accounts+reset-relationships accounts+migrate feeds+build cache+recount"
    " cache+clear search+deploy emoji+import emoji+export media+refresh email-domain-blocks+add ip-blocks+add"
    " settings+registrations settings+registrations+open settings+registrations+close settings+registrations+approved"
    " canonical-email-blocks+find upgrade+storage-schema",
    "self-destruct accounts+delete accounts+cull accounts+prune accounts+merge domains+purge emoji+purge media+remove"
    " media+remove-orphans preview-cards+remove statuses+remove feeds+clear email-domain-blocks+remove ip-blocks+remove"
    " maintenance+fix-duplicates canonical-email-blocks+remove",
)


def tootctl(call: Call, bench: Bench) -> Finding:
    """tootctl, of which most verbs can be asked for what they would do."""
    if any(word.literal == "--dry-run" for word in call.arguments):
        return reads("tootctl only shows what it would do")
    found = _TOOTCTL(call, bench)
    dry = (
        " media ",
        " accounts cull",
        " accounts prune",
        " domains purge",
        " self-destruct",
        " statuses ",
        " preview-",
    )
    text = f" {shown(call.words)}"
    return Finding(
        found.level,
        found.why,
        found.touches,
        f"{shown(call.words)} --dry-run" if found.level.asks and any(part in text for part in dry) else "",
        found.target,
    )


_OCC = plain_tool(
    "occ",
    "--output --path -u --user",
    "-n -v -q --no-interaction",
    {},
    "",
    "status list help check config:list config:system:get config:app:get app:list user:list user:info group:list"
    " files:scan-status background-job:list integrity:check-core integrity:check-app encryption:status log:file"
    " db:schema:export app:check-code setupchecks",
    "maintenance:mode maintenance:repair maintenance:update:htaccess maintenance:data-fingerprint upgrade files:scan"
    " files:scan-app-data app:enable app:install app:update config:system:set config:app:set user:add user:setting"
    " user:resetpassword user:enable group:add group:adduser db:add-missing-indices db:add-missing-columns"
    " db:add-missing-primary-keys db:convert-filecache-bigint background:cron log:manage maintenance:theme:update",
    "app:disable app:remove user:delete user:disable group:delete files:cleanup trashbin:cleanup versions:cleanup"
    " config:system:delete config:app:delete maintenance:install db:convert-type group:removeuser",
)


def envelope(call: Call, bench: Bench) -> Finding:
    """`envdir FOLDER COMMAND`: the command."""
    rest = list(call.arguments[1:])
    if not rest:
        return cannot_tell("runs something that cannot be told")
    return bench.call(call.inner(rest)).within((), shown(call.words[: len(call.words) - len(rest)]))


def toolbox(call: Call, bench: Bench) -> Finding:
    """`toolbox COMMAND` of container hosts: the command, in a container beside the host."""
    rest = list(call.arguments)
    while rest and rest[0].start.startswith("-"):
        rest.pop(0)
    if not rest:
        return cannot_tell("opens a shell: what is typed there is not seen")
    return bench.call(call.inner(rest))


_GITLAB_BACKUP = by_last_flag(r"^--(help|version)", r"^restore", r"^create")
_VERSIONED = by_last_flag(
    r"^(versions?|list|ls|local|global|current|which|root|whence|doctor|help|env|init|prefix|--version|-v|alias|shims)\s*$"
    r"|^(list-all|latest|ls-remote|install (-l|--list))",
    r"^uninstall",
)

RULES: dict[str, Rule] = {
    **dict.fromkeys(("rake", "gitlab-rake", "thor", "cap"), tasks),
    **dict.fromkeys(("rails", "gitlab-rails"), rails),
    "tootctl": tootctl,
    "occ": _OCC,
    **dict.fromkeys(("manage.py", "artisan"), django),
    **dict.fromkeys(("make", "gmake", "just", "task"), maker),
    "gitlab-backup": _GITLAB_BACKUP,
    **dict.fromkeys(("envdir", "chpst", "softlimit", "setuidgid", "catchsegv"), envelope),
    "toolbox": toolbox,
    **dict.fromkeys(
        ("rbenv", "pyenv", "nodenv", "nvm", "asdf", "rvm", "sdk", "tfenv", "corepack", "goenv"), _VERSIONED
    ),
    **dict.fromkeys(
        ("wal-e", "wal-g-mysql"),
        by_last_flag(r"(^|\s)(backup-list|wal-verify|wal-show|backup-show)\b", r"(^|\s)(backup-fetch|delete)\b"),
    ),
    "restic": plain_tool(
        "restic",
        "-r/--repo -p/--password-file --tag --host --path --target -t --include --exclude --keep-last --keep-daily"
        " --keep-weekly --keep-monthly --cacert -o --limit-upload --keep-within --password-command --repository-file",
        "-v/--verbose -q --json --no-lock --latest --insecure-tls --compact --group-by --read-data --with-cache -n",
        {"-r": "repository"},
        "",
        "snapshots ls stats check diff find list cat version dump key+list self-update-check",
        "backup init unlock tag copy mount restore migrate rebuild-index repair key+add recover",
        "forget prune key+remove rewrite",
        safer={"forget": "snapshots", "prune": "stats"},
    ),
    "borg": plain_tool(
        "borg",
        "--repo -r --prefix --keep-daily --keep-weekly --keep-monthly --lock-wait -P -a --glob-archives",
        "-v --list --stats --progress --info -s --dry-run -n",
        {},
        "archive",
        "list info check diff config version export-tar",
        "create init extract mount umount break-lock compact rename upgrade with-lock",
        "delete prune recreate",
        safer={"prune": "list", "delete": "info"},
    ),
    "gitlab-runner": by_last_flag(
        r"^(list|status|verify|help|-v\b|--version|-h\b|--help)(?!.*--delete)", r"^(unregister|uninstall|stop)|--delete"
    ),
    "perf": by_last_flag(r"^(top|stat|report|script|list|annotate|diff|trace|--version)\b"),
    **dict.fromkeys(("ceph-mon", "ceph-osd", "ceph-mds"), by_last_flag("--(version|help)", "--(inject|mkfs|force)")),
    "monmaptool": by_last_flag("--(print|help)", "--(rm|clobber|create)"),
    "ceph-objectstore-tool": by_last_flag(r"--op (list|info|log|export|meta-list|fsck)\b", "--op (remove|import|fuse)"),
    "kubeadm": by_last_flag(
        r"^(version|config (print|images list|view)|certs check-expiration|token list|upgrade (plan|diff)|.*--dry-run)",
        r"^reset",
        r"^(init|join|upgrade|token|certs|config|kubeconfig)\b",
    ),
    **dict.fromkeys(("iptables-restore", "ip6tables-restore"), by_last_flag(r"(^|\s)(-t|--test)\b", ".*")),
    "ntpq": by_last_flag(r"-\w*[pc]|--peers|^$"),
    "conntrack": by_last_flag(r"-[LCGSE]|--dump|--count|--stats", r"-[DF]|--flush|--delete"),
    "bridge": by_last_flag(r"\b(show|list|link|fdb|vlan|mdb|monitor)\s*(show|list)?$", r"\bdel"),
    "brctl": by_last_flag(r"^show", r"^del"),
    "gdb": by_last_flag(r"^--(version|help)", "(?!)", "(?!)"),
    "jmap": by_last_flag(r"-(histo|heap|finalizerinfo|clstats)\b", "(?!)"),
    "jcmd": by_last_flag(r"^-l$|^$|GC\.(heap_info|class_histogram)|VM\.|Thread\.print|JFR\.check|help"),
    "java": by_last_flag(r"^-{1,2}version", "(?!)", "(?!)"),
    "ldapsearch": by_last_flag("."),
    "pcs": by_last_flag(
        r"^(status|config|--version)|\b(show|config|status|list)$",
        r"\b(destroy|stop|delete|remove|standby|kill|disable)\b",
    ),
    "crm_mon": by_last_flag(".|^$"),
    "drbdadm": by_last_flag(
        r"^(status|cstate|dstate|role|dump|sh-\S+)", r"^(down|disconnect|detach|invalidate|wipe-md|secondary)"
    ),
    "multipath": by_last_flag(r"^-l{1,2}\b|^-[tT]", r"-[fF]\b"),
    "iscsiadm": by_last_flag(
        r"^(?!.*(-u|--logout|--login|-o\s|--op)).*$", r"(^|\s)(-u|--logout|-o delete|--op delete)"
    ),
    "hdfs": by_last_flag(
        r"^(dfsadmin -(report|printTopology|safemode get)|dfs -(ls|du|df|cat|count|stat|tail|test|get|head|text)"
        r"|fsck (?!.*-(delete|move))|haadmin -get\S+|version|getconf)",
        r"dfs -(rm|rmdir|expunge)|-delete\b|haadmin -(failover|transition\S+)|namenode -format",
    ),
    "rndc": by_last_flag(r"^(status|zonestatus|showzone|stats|recursing)", r"^(stop|halt|delzone)"),
    "caddy": by_last_flag(r"^(validate|version|list-modules|environ|adapt|fmt$)", "^stop"),
    "klist": by_last_flag(".|^$"),
    "calicoctl": by_last_flag(r"^(get|version|node status|ipam (show|check))", r"^delete|^ipam release"),
    "talosctl": by_last_flag(
        r"^(-\S+ \S+ )*(health|get|logs|dmesg|services?|version|list|read|stats|members|containers"
        r"|processes|etcd (members|status)|config (info|contexts))\b",
        r"\b(reset|reboot|shutdown|leave|remove-member|forfeit-leadership)\b",
    ),
    "buildah": by_last_flag(r"^(images|containers|ps|inspect|info|version)", r"^(rm|rmi|prune)"),
    "runc": by_last_flag(r"^(-\S+ \S+ )*(list|state|ps|events|spec|--version)", r"\b(kill|delete)\b", "(?!)"),
    "php-fpm": by_last_flag(r"^-{1,2}(t|test|v|version|i)\b"),
    "iperf3": by_last_flag(r"(^|\s)-c\b|--client|--version"),
    "aa-status": by_last_flag(".|^$"),
    "kinit": by_last_flag("^-V$"),
}
