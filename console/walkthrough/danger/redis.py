"""redis-cli and its kin: which commands of the server read, change and destroy."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from urllib.parse import urlsplit

from console.core.runbooks.danger import Level
from console.walkthrough.danger.calls import Call
from console.walkthrough.danger.findings import (
    READING,
    Bench,
    Finding,
    Touches,
    cannot_tell,
    changes,
    destroys,
    pairs,
    reads,
    worst,
)
from console.walkthrough.danger.tools import flags, flags_then_command, table
from console.walkthrough.danger.words import Given, Word, shown

_FLAGS = flags(
    "-h -p -s -a/--pass -u -r -i -n -d -D -t -X --user --sni --cacert --cacertdir --cert --key --tls-ciphers"
    " --tls-ciphersuites --pipe-timeout --memkeys-samples --lru-test --rdb --functions-rdb --intrinsic-latency --eval"
    " --pattern --quoted-pattern --count --cursor --show-pushes --keystats-samples --top --cluster",
    "-x -c -e -2 -3 -4 -6 -v --raw --no-raw --csv --json --tls --insecure --stat --latency --latency-history --askpass"
    " --latency-dist --bigkeys --memkeys --hotkeys --keystats --scan --verbose --no-auth-warning --pipe --replica"
    " --quoted-input --quoted --slave --ldb --ldb-sync-mode",
)
_COMMANDS = table(
    "ping echo info time role lastsave dbsize keys scan randomkey exists type ttl pttl expiretime"
    " pexpiretime dump touch"
    " get mget getrange substr strlen getbit bitcount bitpos bitfield_ro lcs hget hmget hgetall hkeys"
    " hvals hlen hexists"
    " hscan hstrlen hrandfield httl hpttl lrange lindex llen lpos smembers scard sismember smismember srandmember sscan"
    " sinter sunion sdiff sintercard zrange zrevrange zrangebyscore zrevrangebyscore zrangebylex zrevrangebylex zcard"
    " zcount zlexcount zscore zmscore zrank zrevrank zscan zinter zunion zdiff zintercard zrandmember xrange xrevrange"
    " xlen xread xpending xinfo geopos geodist geohash georadius_ro georadiusbymember_ro geosearch"
    " pfcount sort_ro object"
    " memory config+get config+help client+list client+info client+id client+getname client+getredir client+help"
    " client+trackinginfo client+no-evict client+setname client+setinfo client+reply slowlog+get"
    " slowlog+len slowlog+help"
    " latency+doctor latency+latest latency+history latency+graph latency+histogram latency+help"
    " cluster+info cluster+nodes"
    " cluster+slots cluster+shards cluster+links cluster+keyslot cluster+countkeysinslot"
    " cluster+getkeysinslot cluster+myid"
    " cluster+replicas cluster+slaves cluster+help cluster+count-failure-reports sentinel+masters sentinel+master"
    " sentinel+slaves sentinel+replicas sentinel+sentinels sentinel+get-master-addr-by-name"
    " sentinel+ckquorum sentinel+info-cache"
    " sentinel+myid sentinel+is-master-down-by-addr sentinel+config+get acl+list acl+whoami acl+users"
    " acl+getuser acl+cat"
    " acl+log acl+genpass acl+help acl+dryrun command monitor subscribe psubscribe ssubscribe"
    " unsubscribe punsubscribe pubsub"
    " eval_ro evalsha_ro fcall_ro function+list function+dump function+stats function+help module+list script+exists"
    " script+help wait waitaof select auth hello quit exit help readonly readwrite asking multi exec"
    " discard watch unwatch"
    " debug+object debug+help json.get json.mget json.type json.strlen json.objkeys json.arrlen"
    " ft.info ft._list ft.search"
    " ft.aggregate ft.explain ts.get ts.range ts.info ts.mrange bf.exists bf.info cf.exists lolwut"
    " clear :set :get replconf",
    "set setex psetex setnx getset getex mset msetnx append incr incrby incrbyfloat decr decrby setrange setbit bitop"
    " bitfield hset hmset hsetnx hincrby hincrbyfloat hexpire hpexpire hpersist lpush rpush lpushx rpushx linsert lset"
    " rpoplpush lmove blmove brpoplpush sadd smove sinterstore sunionstore sdiffstore zadd zincrby"
    " zinterstore zunionstore"
    " zdiffstore zrangestore xadd xack xgroup xreadgroup xclaim xautoclaim xsetid geoadd georadius georadiusbymember"
    " geosearchstore pfadd pfmerge sort copy rename renamenx move restore expire pexpire expireat"
    " pexpireat persist publish"
    " spublish config+set config+rewrite config+resetstat client+kill client+pause client+unpause client+unblock"
    " client+tracking client+caching client+no-touch slowlog+reset latency+reset bgsave save bgrewriteaof memory+purge"
    " cluster+meet cluster+addslots cluster+addslotsrange cluster+setslot cluster+replicate cluster+saveconfig"
    " cluster+bumpepoch cluster+set-config-epoch sentinel+monitor sentinel+set sentinel+flushconfig sentinel+config+set"
    " sentinel+debug acl+setuser acl+load acl+save function+load function+restore function+kill"
    " module+load module+loadex"
    " script+load script+kill script+flush script+debug swapdb object+freq json.set json.mset"
    " json.numincrby json.arrappend"
    " ft.create ft.alter ts.add ts.create bf.add bf.reserve cf.add",
    "del unlink getdel flushdb flushall hdel hgetdel lrem ltrim lpop rpop blpop brpop lmpop blmpop"
    " srem spop zrem zpopmin zpopmax"
    " bzpopmin bzpopmax zmpop zremrangebyrank zremrangebyscore zremrangebylex xdel xtrim shutdown failover migrate"
    " cluster+failover cluster+reset cluster+forget cluster+delslots cluster+delslotsrange cluster+flushslots"
    " sentinel+failover sentinel+remove sentinel+reset sentinel+simulate-failure acl+deluser function+flush"
    " function+delete module+unload slaveof replicaof json.del json.forget json.clear ft.dropindex"
    " ft.drop cf.del debug",
)
_WHY = {
    "flushdb": "FLUSHDB empties the database",
    "flushall": "FLUSHALL empties every database of the server",
    "keys": "KEYS blocks the server while it looks through every key",
    "monitor": "MONITOR slows the server while it shows every command",
    "shutdown": "SHUTDOWN stops the server",
    "debug": "DEBUG can stop the server",
}
_LOOKS = (
    "--scan",
    "--stat",
    "--latency",
    "--latency-history",
    "--latency-dist",
    "--bigkeys",
    "--memkeys",
    "--hotkeys",
    "--keystats",
    "--intrinsic-latency",
)
_SAFE_CLUSTER = frozenset({"check", "info", "help"})


def redis_cli(call: Call, bench: Bench) -> Finding:
    """One use of the client: a command in its words, or lines on its input."""
    given, command = flags_then_command(call.arguments, _FLAGS)
    touches = _place(given)
    if given.has("-v", "--version", "--help"):
        return reads("redis-cli prints its help")
    if given.may("--eval"):
        return cannot_tell("what the script does cannot be told", touches)
    if given.may("--cluster"):
        return _cluster(given, command, touches)
    if given.strange:
        return cannot_tell(f"redis-cli {given.strange[0]} is not a flag known here", touches)
    if given.may("--rdb", "--functions-rdb"):
        return changes("writes a copy of the data to a file", (*touches, *pairs("file", given.values("--rdb"))))
    if given.may("--lru-test", "--replica", "--slave"):
        return changes("runs a test against the server", touches)
    if given.has(*_LOOKS):
        return reads("looks through the server", touches)
    prefix = shown(call.words[: len(call.words) - len(command)])
    if command:
        return _command(command, touches, prefix, call)
    if call.feed is None:
        return cannot_tell("opens a prompt: what is typed there is not seen", touches)
    if call.feed.text is None:
        return cannot_tell("what is fed to redis-cli cannot be told", touches)
    return worst(_lines(call.feed.text, touches, prefix))


def _lines(text: Word, touches: Touches, prefix: str) -> list[Finding]:
    found = []
    for line in text.text.splitlines():
        try:
            parts = shlex.split(line)
        except ValueError:
            parts = line.split()
        if parts and not parts[0].startswith("#"):
            words = [Word(part) if text.known or not re.search(r"[$`…]", part) else Word(part, False) for part in parts]
            found.append(_command(words, touches, prefix, None))
    return found or [READING]


def _command(words: Sequence[Word], touches: Touches, prefix: str, call: Call | None) -> Finding:
    if words[0].literal.isdigit() and len(words) > 1:
        words = words[1:]
    if not words[0].known:
        return cannot_tell(f"which command {words[0].text} is cannot be told", touches)
    name = words[0].text.lower()
    level = _COMMANDS.get(name)
    rest = list(words[1:])
    verb = name.upper()
    family = any(known.startswith(name + " ") for known in _COMMANDS)
    if family and rest and (name != "debug" or rest[0].known):
        if not rest[0].known:
            return cannot_tell(f"which command {verb} {rest[0].text} is cannot be told", touches)
        longer = " ".join(word.text.lower() for word in words[:3]), " ".join(word.text.lower() for word in words[:2])
        best = next((two for two in longer if two in _COMMANDS), None)
        if best:
            level, verb, rest = _COMMANDS[best], best.upper(), list(words[len(best.split()) :])
    if name in ("eval", "evalsha", "fcall"):
        return cannot_tell(f"what the script of {verb} does cannot be told", touches)
    if level is None:
        return cannot_tell(f"{shown(words[:2])} is not a command of the server known here", touches)
    if name in ("slaveof", "replicaof") and [word.text.lower() for word in rest] == ["no", "one"]:
        return changes("makes the server a primary", touches)
    if verb in ("SORT", "GEORADIUS", "GEORADIUSBYMEMBER") and not any(
        word.text.lower().startswith("store") for word in rest
    ):
        level = Level.READS
    named = pairs("parameter" if verb.startswith("CONFIG") else "key", rest[:3]) if rest and level.asks else ()
    target = next((word.literal for word in rest[:1]), "") or _where(touches)
    why = _WHY.get(name) or f"{verb} {shown(rest[:3])}".strip() + (" reads" if level is Level.READS else "")
    if level is Level.DESTROYS and name not in _WHY:
        why = f"{verb} takes away {shown(rest[:3]) or 'what is there'}"
    if name in ("flushdb", "flushall", "shutdown"):
        named, target = (), _where(touches)
    return Finding(level, why, (*touches, *named), _safer(name, verb, rest, prefix), target if level.asks else "")


def _where(touches: Touches) -> str:
    places = dict(touches)
    host = places.get("host", "")
    return "" if "$" in host else host


def _safer(name: str, verb: str, rest: list[Word], prefix: str) -> str:
    instead = {
        "flushdb": "DBSIZE",
        "flushall": "INFO keyspace",
        "shutdown": "INFO persistence",
        "keys": f"--scan --pattern {shown(rest[:1])}",
        "del": f"UNLINK {shown(rest)}",
        "monitor": "SLOWLOG GET 20",
    }.get(name, "")
    if verb == "CONFIG SET":
        instead = f"CONFIG GET {shown(rest[:1])}"
    return f"{prefix} {instead}" if instead else ""


def _cluster(given: Given, command: Sequence[Word], touches: Touches) -> Finding:
    word = given.value("--cluster")
    verb = word.literal if word else ""
    touches = (*touches, *pairs("host", command[:1]))
    target = command[0].literal if command else ""
    if verb in _SAFE_CLUSTER:
        return reads(f"--cluster {verb} looks at the cluster", touches)
    if verb == "call" and len(command) > 1:
        return _command(command[1:], touches, "", None)
    if verb == "del-node":
        return destroys("takes a node out of the cluster", touches, target=target)
    if verb in ("create", "add-node", "reshard", "rebalance", "fix", "set-timeout", "import", "backup"):
        return changes(f"--cluster {verb} changes the cluster", touches, target=target)
    return cannot_tell(f"--cluster {verb} is not known here", touches)


def _place(given: Given) -> Touches:
    url = given.value("-u")
    touches: Touches = ()
    if url is not None:
        try:
            parts = urlsplit(url.text)
            touches = (
                ("host", parts.hostname or url.text),
                ("port", str(parts.port or "")),
                ("database", parts.path.strip("/")),
            )
        except ValueError:
            touches = ()
    touches += pairs("host", [given.value("-h")]) + pairs("port", [given.value("-p")])
    return tuple(pair for pair in touches + pairs("database", [given.value("-n")]) if pair[1])
