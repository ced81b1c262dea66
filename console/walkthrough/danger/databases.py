"""Clients of databases: where their SQL comes from, and the rules of those that speak no SQL."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from console.core.runbooks.danger import Level
from console.walkthrough.danger.calls import Call
from console.walkthrough.danger.findings import (
    Bench,
    Finding,
    Rule,
    Touches,
    cannot_tell,
    changes,
    destroys,
    joined,
    pairs,
    reads,
    worst,
)
from console.walkthrough.danger.sql import judge_sql
from console.walkthrough.danger.tools import flags, passes
from console.walkthrough.danger.words import Given, Options, Word, names, read_flags, shown


@dataclass(frozen=True, slots=True)
class Client:
    """A client of SQL. texts: flags that hold SQL; files: flags that name a file of it; outputs: flags that name a
    file written. places: operands in order. looks: flags that only show something.
    """

    name: str
    spec: Options
    texts: tuple[str, ...]
    files: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    looks: tuple[str, ...] = ()
    touched: tuple[tuple[str, str], ...] = (("-h", "host"), ("-p", "port"), ("-d", "database"))
    sql_after: int = 99

    def __call__(self, call: Call, bench: Bench) -> Finding:
        words = [
            word for word in call.arguments if not (self.name in ("mysql", "mariadb") and re.match(r"-p.", word.start))
        ]
        given, _ = read_flags(words, self.spec)
        operands = [
            word for at, word in enumerate(given.everything) if not (passes(word) and len(given.everything) > at + 1)
        ]
        touches = self._touches(given, operands)
        if given.has("--help", "--version", *self.looks):
            return reads(f"{self.name} only shows", touches)
        found = [
            self._judge(word, call, touches, bench)
            for word in (*given.values(*self.texts), *operands[self.sql_after :])
        ]
        found.extend(
            cannot_tell(f"what {word.text} holds cannot be told", (*touches, ("file", word.text)))
            for word in given.values(*self.files)
            if word.literal != "-"
        )
        if not found:
            found.append(self._fed(call, touches, bench))
        found.extend(changes(f"writes {word.text}", pairs("file", [word])) for word in given.values(*self.outputs))
        top = worst(found)
        if top.level.asks and not top.target:
            top = replace(
                top, target=next((name for kind, name in touches if kind == "database" and "$" not in name), "")
            )
        return replace(top, touches=joined(touches, top.touches))

    def _fed(self, call: Call, touches: Touches, bench: Bench) -> Finding:
        if call.feed is None:
            return cannot_tell("opens a prompt: what is typed there is not seen", touches)
        if call.feed.text is None:
            return cannot_tell(f"what is fed to {self.name} cannot be told", touches)
        return self._judge(call.feed.text, call, touches, bench)

    def _judge(self, text: Word, call: Call, touches: Touches, bench: Bench) -> Finding:
        if not text.known and not text.start.strip():
            return cannot_tell(f"what the SQL {text.text} does cannot be told", touches)
        if self.name == "sqlite3" and text.text.lstrip().startswith("."):
            return worst(_sqlite_dot(line) for line in text.text.splitlines())
        found = worst(judge_sql(text))
        safer = ""
        if found.safer and text in call.words:
            safer = shown([Word(found.safer) if word == text else word for word in call.words])
        return replace(found, touches=joined(touches, found.touches), safer=safer or found.safer)

    def _touches(self, given: Given, operands: Sequence[Word]) -> Touches:
        named = [pair for flag, kind in self.touched for pair in pairs(kind, given.values(flag))]
        named += [pair for kind, word in zip(self.places, operands, strict=False) for pair in pairs(kind, [word])]
        return tuple((kind, re.sub(r"://[^@/]*@", "://", name)) for kind, name in named)


def _sqlite_dot(line: str) -> Finding:
    name = line.split()[0] if line.split() else ""
    if name in (
        ".tables",
        ".schema",
        ".databases",
        ".indexes",
        ".indices",
        ".mode",
        ".headers",
        ".header",
        ".show",
        ".stats",
        ".dbinfo",
        ".help",
        ".exit",
        ".quit",
        ".width",
        ".timer",
        ".dump",
        ".fullschema",
        ".print",
        ".echo",
        "",
    ):
        return reads("shows")
    if name in (".shell", ".system", ".read", ".load"):
        return cannot_tell(f"what {name} runs cannot be told")
    return (
        judge_sql(Word(line))[0]
        if not name.startswith(".") and judge_sql(Word(line))
        else changes(f"{name} changes files")
    )


PSQL = Client(
    "psql",
    flags(
        "-c/--command -d/--dbname -f/--file -v/--set/--variable -L/--log-file -o/--output"
        " -F/--field-separator -P/--pset"
        " -R/--record-separator -T/--table-attr -h/--host -p/--port -U/--username",
        "-l/--list -V -X/--no-psqlrc -1/--single-transaction -A/--no-align -b -a/--echo-all -E -e"
        " -H/--html -n -q/--quiet"
        " -s -S -t/--tuples-only -w/--no-password -W/--password -x/--expanded -z -0 --csv -?",
    ),
    ("-c",),
    ("-f",),
    ("-o", "-L"),
    ("database", "user"),
    ("-l", "-V", "-?"),
)
MYSQL = Client(
    "mysql",
    flags(
        "-e/--execute -h/--host -P/--port -u/--user -D/--database -S/--socket --defaults-file --defaults-extra-file"
        " --defaults-group-suffix --protocol --ssl-ca --ssl-cert --ssl-key --ssl-mode --connect-timeout --init-command"
        " --login-path --default-character-set --tee --max-allowed-packet --delimiter",
        "-p/--password -B/--batch -N/--skip-column-names -s/--silent -t/--table -v/--verbose -V"
        " -f/--force -A -E/--vertical"
        " -q/--quick -r/--raw --ssl --skip-ssl -C/--compress --no-defaults -H -X",
    ),
    ("-e", "--init-command"),
    (),
    ("--tee",),
    ("database",),
    ("-V",),
    (("-h", "host"), ("-P", "port"), ("-D", "database")),
)
SQLITE = Client(
    "sqlite3",
    flags(
        "-cmd -separator -init -nullvalue -newline -maxsize",
        "-header -noheader -csv -json -readonly -column -line -list -batch -bail -html -interactive"
        " -version -help -table -box"
        " -markdown -quote -stats -safe -echo",
        single=True,
    ),
    ("-cmd",),
    ("-init",),
    (),
    ("file",),
    ("-version", "-help"),
    (),
    1,
)
CLICKHOUSE = Client(
    "clickhouse-client",
    flags(
        "-q/--query -h/--host --port -u/--user --password -d/--database -f/--format --queries-file --config-file -C"
        " --max_memory_usage --receive_timeout --param --format_schema",
        "-n/--multiquery -m/--multiline -t/--time -s/--secure -V -E/--vertical --progress --stacktrace --verbose",
    ),
    ("-q",),
    ("--queries-file",),
    (),
    (),
    ("-V",),
    (("-h", "host"), ("--port", "port"), ("-d", "database")),
)
CQLSH = Client(
    "cqlsh",
    flags(
        "-e/--execute -f/--file -u/--username -p/--password -k/--keyspace --request-timeout --connect-timeout --cqlshrc"
        " --protocol-version --encoding --cqlversion --credentials",
        "--ssl -C/--color --no-color --tty --debug",
    ),
    ("-e",),
    ("-f",),
    (),
    ("host", "port"),
    (),
    (("-k", "database"),),
)
SQLCMD = Client(
    "sqlcmd",
    flags("-Q -q -S -U -P -d -i -o -h -s -t -l -v", "-C -E -N -b -W -I -e -r"),
    ("-Q", "-q"),
    ("-i",),
    ("-o",),
    (),
    (),
    (("-S", "host"), ("-d", "database")),
)
_COCKROACH_SQL = Client(
    "cockroach sql",
    flags(
        "-e/--execute -f/--file -d/--database -u/--user --host --url --certs-dir --format -p/--port",
        "--insecure --echo-sql",
    ),
    ("-e",),
    ("-f",),
    (),
    ("verb",),
    (),
    (("--host", "host"), ("-d", "database")),
)

_METHOD = re.compile(r"\.\s*([A-Za-z_]\w*)\s*\(|\b([A-Za-z_]\w*)\s*\(")
_MONGO_READS = names(
    "find findOne count countDocuments estimatedDocumentCount aggregate distinct explain stats status"
    " getSiblingDB getDB pretty limit sort skip toArray forEach map print printjson printjsonONELINE JSON"
    " stringify serverStatus currentOp getCollection getCollectionNames getCollectionInfos getIndexes"
    " indexStats getProfilingStatus hostInfo version hello isMaster conf config getUsers getUser getRoles"
    " getRole dataSize storageSize totalIndexSize totalSize latencyStats printReplicationInfo"
    " printSecondaryReplicationInfo printSlaveReplicationInfo printShardingStatus getReplicationInfo"
    " getMongo setReadPref quit exit Date ISODate ObjectId NumberLong filter keys help getName itcount"
    " hasNext next projection match show rs db sh length connectionStatus serverBuildInfo getLog"
    " listDatabases adminCommand runCommand tojson EJSON secondaryOk getShardDistribution"
    " isBalancerRunning getBalancerState fsyncLockInfo hint batchSize function if for while return"
    " allowDiskUse auth"
)
_MONGO_CHANGES = names(
    "insert insertOne insertMany update updateOne updateMany replaceOne findAndModify findOneAndUpdate"
    " findOneAndReplace save createIndex createIndexes createCollection createUser createRole updateUser"
    " grantRolesToUser revokeRolesFromUser changeUserPassword reconfig initiate add addArb freeze syncFrom"
    " setProfilingLevel setFeatureCompatibilityVersion setLogLevel enableSharding shardCollection"
    " moveChunk startBalancer stopBalancer setBalancerState fsyncLock fsyncUnlock killOp renameCollection"
    " reIndex compact bulkWrite setParameter hideIndex unhideIndex cancel"
)
_MONGO_DESTROYS = names(
    "drop dropDatabase deleteOne deleteMany remove findOneAndDelete dropIndex dropIndexes dropUser"
    " dropRole dropAllUsers stepDown shutdownServer removeShard deleteAll clearPlanCache"
)
_MONGO_COMMANDS = names(
    "ping serverstatus dbstats collstats listdatabases listcollections replsetgetstatus replsetgetconfig"
    " buildinfo hello ismaster currentop getparameter getcmdlineopts hostinfo connectionstatus getlog"
    " listindexes top validate usersinfo listshards balancerstatus isdbgrid features"
    " getfeaturecompatibilityversion"
)
_MONGO_FLAGS = flags(
    "--eval --host --port -u/--username -p/--password --authenticationDatabase --authenticationMechanism --tlsCAFile"
    " --tlsCertificateKeyFile --sslCAFile --sslPEMKeyFile -f/--file --apiVersion",
    "--quiet --tls --ssl --norc --nodb --shell --retryWrites --tlsAllowInvalidCertificates --tlsAllowInvalidHostnames"
    " --sslAllowInvalidCertificates --json",
)


def mongo(call: Call, bench: Bench) -> Finding:
    """mongosh and mongo: every method that the script calls must be one that reads."""
    given, _ = read_flags(call.arguments, _MONGO_FLAGS)
    operands = given.everything
    database = [word for word in operands if not word.start.endswith(".js")][:1]
    touches = joined(
        pairs("host", given.values("--host")),
        tuple(("database", re.sub(r"://[^@/]*@", "://", word.text)) for word in database),
    )
    if given.has("--version", "--help"):
        return reads("only shows")
    if given.may("-f") or len(operands) > len(database):
        return cannot_tell("what the script file does cannot be told", touches)
    texts = given.values("--eval") or ([call.feed.text] if call.feed and call.feed.text else [])
    if not texts:
        why = "what is fed to it cannot be told" if call.feed else "opens a prompt: what is typed there is not seen"
        return cannot_tell(why, touches)
    return worst(_mongo_script(text, touches) for text in texts)


def _mongo_script(text: Word, touches: Touches) -> Finding:
    target = next((name for kind, name in touches if kind == "database" and "$" not in name), "")
    if not text.known and not text.start.strip():
        return cannot_tell("what the script does cannot be told", touches)
    body = re.sub(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|//[^\n]*", '""', text.text)
    methods = {first or second for first, second in _METHOD.findall(body)}
    if gone := methods & _MONGO_DESTROYS:
        return destroys(f"calls {sorted(gone)[0]}()", touches, target=target)
    if re.search(r"\$(out|merge)\b", text.text) and text.known:
        return changes("writes what it aggregates", touches, target=target)
    for command in re.findall(r"(?:adminCommand|runCommand)\s*\(\s*\{?\s*['\"]?(\w+)", text.text):
        if command.lower() not in _MONGO_COMMANDS:
            gone_too = command.lower().startswith(("drop", "delete", "shutdown", "replsetstepdown"))
            return (destroys if gone_too else changes)(f"runs {command}", touches, target=target)
    if changed := methods & _MONGO_CHANGES:
        return changes(f"calls {sorted(changed)[0]}()", touches, target=target)
    if strange := methods - _MONGO_READS:
        return cannot_tell(f"what {sorted(strange)[0]}() does cannot be told", touches)
    if re.search(r"\[\s*['\"\w$]+\s*\]\s*\(|\beval\b|\bload\b|[$`]", body if text.known else ""):
        return cannot_tell("what the script calls cannot be told", touches)
    return reads("reads", touches)


def cockroach(call: Call, bench: Bench) -> Finding:
    """`cockroach sql` as a client; what looks at nodes reads."""
    verbs = [word.literal for word in call.arguments if word.known and not word.text.startswith("-")]
    if verbs[:1] == ["sql"]:
        return _COCKROACH_SQL(call, bench)
    if verbs[:2] in (["node", "status"], ["node", "ls"]) or verbs[:1] in (["version"], ["debug"]):
        return reads("looks at nodes")
    if verbs[:2] in (["node", "drain"], ["node", "decommission"], ["quit"]):
        gone = [word for word in call.arguments if word.literal.isdigit()]
        return destroys("takes a node out", pairs("node", gone), target=gone[0].text if gone else "")
    return (
        Finding(Level.CHANGES, "changes the cluster")
        if verbs[:1] in (["init"], ["start"], ["cert"], ["node"])
        else cannot_tell("not a command known here")
    )


RULES: dict[str, Rule] = {
    "psql": PSQL,
    "gitlab-psql": PSQL,
    "pgb-console": PSQL,
    "gitlab-geo-psql": PSQL,
    "mysql": MYSQL,
    "mariadb": MYSQL,
    "sqlite3": SQLITE,
    "sqlite": SQLITE,
    "clickhouse-client": CLICKHOUSE,
    "cqlsh": CQLSH,
    "sqlcmd": SQLCMD,
    "cockroach": cockroach,
    "mongosh": mongo,
    "mongo": mongo,
}
