"""Which rule belongs to which program."""

from __future__ import annotations

from functools import cache

from console.core.runbooks.danger import Level
from console.walkthrough.danger import (
    applications,
    clouds,
    containers,
    databases,
    deploying,
    files,
    machine,
    messaging,
    packages,
    provisioning,
    repositories,
    services,
    settings,
    shells,
    web,
    wrappers,
)
from console.walkthrough.danger.calls import Call
from console.walkthrough.danger.findings import READING, Bench, Finding, Rule, cannot_tell, destroys, pairs, reads
from console.walkthrough.danger.kubernetes import kubectl
from console.walkthrough.danger.redis import redis_cli
from console.walkthrough.danger.words import names

# Words of the shell itself: a file of such a name in a folder is something else.
BUILTINS = frozenset(
    [
        "echo",
        "printf",
        ":",
        "true",
        "false",
        "cd",
        "pushd",
        "popd",
        "dirs",
        "set",
        "shopt",
        "unset",
        "export",
        "readonly",
        "declare",
        "typeset",
        "local",
        "read",
        "mapfile",
        "readarray",
        "test",
        "[",
        "[[",
        "return",
        "exit",
        "break",
        "continue",
        "shift",
        "getopts",
        "wait",
        "jobs",
        "fg",
        "bg",
        "disown",
        "type",
        "hash",
        "help",
        "history",
        "let",
        "alias",
        "unalias",
        "umask",
        "ulimit",
        "times",
        "enable",
        "complete",
        "compgen",
        "bind",
        "caller",
        "logout",
        "suspend",
        "fc",
        "}",
        "{",
        "]",
    ]
) | {"command", "eval", "exec", "builtin", "source", ".", "trap", "time"}

_READERS = names(
    "ls ll dir cat tac head tail less more most nl grep egrep fgrep zgrep rg ag ack wc cut tr column"
    " paste join comm diff cmp colordiff fold fmt rev expand basename dirname realpath readlink pwd whoami"
    " id groups who w users last lastlog uname arch hostid uptime free top htop atop vmstat iostat mpstat"
    " sar pidstat dstat nmon iotop iftop nethogs ps pgrep pidof pstree lsof fuser df du lsblk blkid"
    " findmnt stat file md5sum sha1sum sha224sum sha256sum sha384sum sha512sum cksum sum b2sum base64"
    " base32 xargs-none od hexdump strings zcat bzcat xzcat zless zstdcat ss netstat ping ping6 arping"
    " fping traceroute tracepath mtr dig nslookup host drill whois getent nproc lscpu lspci lsusb lsmod"
    " lshw dmidecode lsns lsipc lslocks lsmem modinfo which whereis whatis apropos man info tree seq sleep"
    " usleep yes cal bc dc expr factor numfmt shuf tsort printenv env-none locale localedef-none tty"
    " stty-none clear reset-none tput tac nm objdump readelf ldd size jps jstack jstat jinfo dot envsubst"
    " timeout-none pygmentize bat batcat fzf jless fx gron hexyl exa eza fd-none delta difft kubectx-none"
    " kubens-none stern kubetail kubecolor-none k9s popeye pluto kubeval kubeconform kube-score kubent"
    " polaris trivy grype syft checkov tflint shellcheck hadolint yamllint jsonlint mysqlslow pvs vgs lvs"
    " pvdisplay vgdisplay lvdisplay pvscan lvscan vgscan multipath-none iptables-save ip6tables-save"
    " ebtables-save lsattr getfacl getfattr getcap getenforce sestatus ausearch aureport systemd-analyze"
    " systemd-cgls systemd-cgtop systemd-detect-virt systemd-path systemd-delta coredumpctl-none sensors"
    " ipmitool-none numastat slabtop perf-none pmap cowsay figlet ts pv glow mdcat cheat tldr nmap"
    " hping3-none tshark-none ngrep ipcalc sipcalc grpcurl grpc_health_probe websocat-none mailq exim-none"
    " pt-show-grants innochecksum pg_config test-none jstatd xmllint xmlstarlet-none csvlook csvcut"
    " miller-none mlr rabbitmq-check vault-none consul-template-none zabbix_get snmpwalk snmpget"
    " nvidia-smi ibstat lnstat nstat rdate-none osqueryi-none ipcs getconf logname sw_vers system_profiler"
    " vm_stat launchctl-none dscacheutil-none say open-none pbpaste nodetool-none kcat-none tzselect zdump"
    " lsb_release cat-file iwconfig-none w3m lynx links elinks vimdiff sdiff look ul col lsinitrd"
    " journalctl-none zdiff bzgrep xzgrep"
    " namei sync speedtest getsubids named-checkconf named-checkzone unbound-checkconf"
)
_READERS = frozenset(name for name in _READERS if not name.endswith("-none"))
# What a file of the same name in some folder is not.
ORDINARY = BUILTINS | _READERS
_PROMPTS = frozenset(
    {
        "irb",
        "tclsh",
        "iex",
        "ftp",
        "sftp",
        "lftp",
        "ipython",
        "expect",
        "dbaccess",
        "sqlplus",
        "isql",
    }
)
_KUBECTL = ("kubectl", "oc", "k", "kubecolor", "microk8s.kubectl", "kubectl.exe")


def _reader(call: Call, bench: Bench) -> Finding:
    return READING


def _interpreter(call: Call, bench: Bench) -> Finding:
    """python, perl, node, ruby, php: code that is not shell is not judged; what only checks or shows is."""
    words = [word.literal for word in call.arguments]
    if words and words[0] in ("--version", "-V", "-v", "--help") and len(words) == 1:
        return READING
    if words[:2] in (["-m", "json.tool"], ["-mjson.tool"], ["-m", "py_compile"]):
        return READING
    if words[:2] == ["-m", "pip"]:
        rule = rule_of("pip")
        return rule(call.inner(call.words[2:]), bench) if rule else READING
    name = call.words[0].text.rpartition("/")[2]
    for at, word in enumerate(call.words[1:3], start=1):
        if name == "php" and word.literal.rpartition("/")[2] == "occ":
            rule = rule_of("occ")
            return rule(call.inner(call.words[at:]), bench) if rule else READING
    scripts = [word for word in call.arguments if not word.start.startswith("-")]
    if any(word.startswith(("-c", "-e", "-E", "-r", "-p", "-n", "--eval", "--print")) for word in words if word):
        return cannot_tell(f"what the code given to {name} does cannot be told")
    return cannot_tell(f"what the program run by {name} does cannot be told", pairs("file", scripts[:1]))


def _sourced(call: Call, bench: Bench) -> Finding:
    return cannot_tell("what the file it sources does cannot be told", pairs("file", call.arguments[:1]))


def _prompt(call: Call, bench: Bench) -> Finding:
    return cannot_tell(f"what {call.words[0].text} is told cannot be told")


def _bracket(call: Call, bench: Bench) -> Finding:
    """The end of a group after a reserved word, which the grammar takes for a program."""
    return cannot_tell("the text cannot be read as shell") if call.arguments else READING


def _switch(call: Call, bench: Bench) -> Finding:
    """kubectx, kubens: a name switches, none lists."""
    names = [word for word in call.arguments if not word.literal.startswith("-c") and word.literal != "--current"]
    if not names:
        return READING
    from console.walkthrough.danger.findings import changes

    return changes(f"switches to {names[0].text}", pairs("context", names[:1]), target=names[0].literal)


@cache
def _rules() -> dict[str, Rule]:
    rules: dict[str, Rule] = dict.fromkeys((*_READERS, *BUILTINS), _reader)
    rooms = (
        files,
        machine,
        packages,
        messaging,
        services,
        settings,
        deploying,
        clouds,
        provisioning,
        databases,
        containers,
        applications,
    )
    for room in (*rooms, repositories, web, wrappers, shells):
        rules.update(room.RULES)
    rules.update(dict.fromkeys(_KUBECTL, kubectl))
    rules.update(dict.fromkeys(("redis-cli", "valkey-cli", "keydb-cli", "gitlab-redis-cli", "iredis"), redis_cli))
    rules.update(
        dict.fromkeys(
            (
                "python",
                "python2",
                "python3",
                "perl",
                "node",
                "nodejs",
                "ruby",
                "php",
                "lua",
                "deno",
                "bun",
                "java",
                "pypy",
                "pypy3",
                "pytest",
            ),
            _interpreter,
        )
    )
    rules.update(dict.fromkeys(_PROMPTS, _prompt))
    rules.update(dict.fromkeys(("source", "."), _sourced))
    rules.update(dict.fromkeys(("kubectx", "kubens"), _switch))
    rules["}"] = _bracket
    return rules


_LOOKS = frozenset(["ls", "list", "status", "show", "version", "help", "describe", "info", "whoami"])
_TAKES = frozenset(["delete", "destroy", "remove", "rm", "purge", "drop", "wipe", "uninstall"])


_LOOKING_FLAGS = names(
    "all json yaml output format namespace verbose wide stale quiet no-headers help region project profile cluster"
    " limit filter sort columns host port user detail details long status type name watch follow all-namespaces"
    " environment env"
)


def by_words(call: Call) -> Finding | None:
    """A program of which only its words are known: `TOOL NOUN list` looks, `TOOL NOUN delete` takes away."""
    name = call.words[0].text
    plain: list[str] = []
    for word in call.arguments:
        if not word.known or word.text.startswith("-"):
            break
        plain.append(word.text)
    if [word.text for word in call.arguments] in (["--version"], ["--help"], ["-h"], ["-V"]):
        return reads(f"{name} only shows")
    if any(rule_of(word) not in (None, _reader) for word in plain):
        return None
    at = next((at for at, word in enumerate(plain[:3]) if word in _LOOKS or word in _TAKES), -1)
    if at < 0 or any(clouds.by_form(word) not in (None, Level.READS) for word in plain[:at]):
        return None
    said, rest = " ".join([name, *plain[: at + 1]]), plain[at + 1 :]
    if plain[at] in _TAKES:
        return destroys(f"{said} takes something away", target=rest[0] if rest else "")
    acts = any(
        word.start.startswith("--") and word.start.split("=")[0].lstrip("-") not in _LOOKING_FLAGS
        for word in call.arguments
    )
    if acts or (rest and plain[at] not in ("ls", "list", "show", "describe", "help")) or len(rest) > 1:
        return None
    return reads(f"{said} only looks")


def rule_of(name: str) -> Rule | None:
    """The rule of a program, by its name without folders."""
    rules = _rules()
    found = rules.get(name)
    if found is not None:
        return found
    if name.startswith(("kafka-", "zookeeper-", "zk")) and name.removesuffix(".sh") != "kafka-run-class":
        return messaging.kafka
    if name.startswith("python3."):
        return _interpreter
    if name.startswith("mkfs."):
        return rules["mkfs"]
    if name.startswith("systemd-") or name.endswith(".exe"):
        return rules.get(name.removesuffix(".exe"))
    return None
