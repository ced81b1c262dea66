"""SQL statements: which read, change and destroy, past strings, comments and dollar quotes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from console.core.runbooks.danger import Level
from console.walkthrough.danger.findings import Finding, Touches, cannot_tell, changes, destroys, reads
from console.walkthrough.danger.words import Word, names

_TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?\*/|(?<!\S)\#(?=\s)[^\n]*)
    |(?P<string>[eE]'(?:\\.|''|[^'\\])*'|'(?:''|[^'])*'|\$(?P<tag>[A-Za-z_]\w*)?\$.*?\$(?P=tag)?\$)
    |(?P<name>"(?:""|[^"])*"|`[^`]*`|\[[A-Za-z_][^\]]*\])
    |(?P<open>\$\(.*?\)|\$\{[^}]*\}|\$\w+|…)
    |(?P<end>;|\\gx?\b|\\G)
    |(?P<slash>(?m:^\s*)\\[^\n]*|\\[a-z!][^\n]*)
    |(?P<word>[A-Za-z_][\w.]*)
    |(?P<number>\d[\d.]*)
    |(?P<other>\S)""",
    re.X | re.S,
)
_READS = names(
    "SELECT SHOW DESCRIBE DESC VALUES TABLE USE RESET BEGIN START COMMIT END ROLLBACK ABORT SAVEPOINT"
    " RELEASE DECLARE FETCH CLOSE CHECK CHECKSUM HELP STATUS LIST CONSISTENCY TRACING PAGING EXPAND EXISTS"
    " LISTEN UNLISTEN DEALLOCATE DISCARD GO PRINT DELIMITER CONNECT"
)
_CHANGES = names(
    "INSERT CREATE ALTER GRANT REVOKE VACUUM ANALYZE REINDEX CLUSTER REFRESH CHECKPOINT COMMENT RENAME"
    " REPLACE MERGE UPSERT LOAD COPY LOCK UNLOCK FLUSH OPTIMIZE REPAIR KILL STOP CHANGE SECURITY NOTIFY"
    " REASSIGN ATTACH DETACH SYSTEM IMPORT INSTALL UNINSTALL BACKUP RESTORE BATCH CANCEL PAUSE RESUME"
    " CACHE EXCHANGE MOVE SETUSER"
)
_DESTROYING_CALLS = re.compile(
    r"pg_drop_replication_slot|drop_chunks|lo_unlink|pg_promote|drop_\w+|truncate_\w+|purge_\w+|delete_\w+|remove_\w+|"
    r"citus_remove_node|pg_replication_origin_drop",
    re.I,
)
_CHANGING_CALLS = re.compile(
    r"pg_(terminate_backend|cancel_backend|reload_conf|rotate_logfile|switch_(wal|xlog)|create_\w+"
    r"|replication_slot_advance|"
    r"wal_replay_(pause|resume)|xlog_replay_\w+|(start|stop)_backup|backup_(start|stop)|stat_reset\w*"
    r"|stat_statements_reset|"
    r"logical_slot_get\w*|logical_emit_message|file_write|prewarm|(try_)?advisory_\w+|copy_\w+_slot"
    r"|log_backend_memory_contexts)|"
    r"setval|nextval|set_config|dblink_exec|lo_\w+|cron\.\w+|"
    r"(insert|update|create|alter|reset|kill|terminate|cancel|run|exec|execute|reindex|refresh"
    r"|rebalance|add|set|attach|detach|"
    r"enable|disable|start|stop|pause|resume|cleanup|clean|archive|migrate|copy_data)_\w+|xp_\w+|sp_\w+",
    re.I,
)
_BLIND_CALLS = re.compile(r"dblink|query_to_xml|pg_read_binary|sys_exec|sys_eval|load_extension|xp_cmdshell", re.I)
_SLASH_READS = re.compile(
    r"\\(d\w*[S+]*|l\+?|z|sf|sv|x|timing|q|c|connect|conninfo|encoding|h|\?|echo|qecho|warn|pset|set"
    r"|unset|a|C|f|H|t|T|errverbose|watch|"
    r"dt|if|elif|else|endif|s|p|r|u|w|prompt|crosstabview|gset|gdesc|bind)\b.*|\\\?.*",
    re.S,
)


@dataclass(frozen=True, slots=True)
class _Statement:
    """words: in capitals, open parts as `$`; names: the same as written; calls: names before a bracket."""

    words: tuple[str, ...]
    names: tuple[str, ...]
    calls: tuple[str, ...]
    slash: str = ""


def judge_sql(text: Word) -> list[Finding]:
    """Every statement of the text."""
    return [_judge(statement) for statement in _statements(text)]


def _statements(text: Word) -> list[_Statement]:
    found: list[_Statement] = []
    words: list[str] = []
    names: list[str] = []
    calls: list[str] = []

    def close() -> None:
        if words:
            found.append(_Statement(tuple(words), tuple(names), tuple(calls)))
        words.clear()
        names.clear()
        calls.clear()

    for token in _TOKEN.finditer(text.text):
        kind, value = token.lastgroup or "", token.group()
        if kind == "tag" or (kind == "string"):
            words.append("'")
            names.append(value)
        elif kind == "comment":
            # What MySQL runs all the same.
            if value.startswith("/*!"):
                words.append("$")
                names.append(value)
        elif kind == "end":
            close()
        elif kind == "slash":
            if value.strip().startswith(("\\gset", "\\watch", "\\gdesc", "\\crosstabview")):
                close()
                continue
            if value.strip().startswith("\\gexec"):
                words.insert(0, "$")
                names.insert(0, "\\gexec")
            close()
            found.append(_Statement((), (), (), value.strip()))
        else:
            open_part = kind == "open" and not text.known
            if text.text[token.end() : token.end() + 1] == "(" and kind in ("word", "name"):
                calls.append(value.strip('"'))
            words.append("$" if open_part else value if kind == "name" else value.upper())
            names.append(value)
    close()
    return found


def _judge(statement: _Statement) -> Finding:
    if statement.slash:
        return _slash(statement.slash)
    words = [word for word in statement.words if word != "("] or ["("]
    names = [name for name in statement.names if name != "("]
    verb = words[0]
    if verb == "$":
        return cannot_tell(f"what the SQL {names[0]} does cannot be told")
    if verb == "EXPLAIN":
        return _explain(statement, words)
    called = _calls(statement)
    if called is not None:
        return called
    if verb == "WITH":
        inner = next((at for at, word in enumerate(words) if word in ("INSERT", "UPDATE", "DELETE", "MERGE")), None)
        return _changing(words[inner:], names[inner:]) if inner is not None else reads("reads")
    if verb == "SELECT" and "INTO" in words and [*words, ""][words.index("INTO") + 1] != "@":
        return changes("writes what it selects to a new place")
    if verb == "SET" and len(words) > 1:
        return (
            changes(f"SET {words[1]}")
            if words[1] in ("GLOBAL", "PERSIST", "PASSWORD", "@")
            else reads("SET for this session")
        )
    if verb == "PRAGMA":
        return changes("PRAGMA sets a value") if "=" in words or "WAL_CHECKPOINT" in words else reads("PRAGMA reads")
    if verb == "COPY" and "TO" in words and "STDOUT" in words and "PROGRAM" not in words:
        return reads("COPY TO STDOUT reads")
    if verb == "COPY" and "PROGRAM" in words:
        return cannot_tell("COPY runs a program on the server")
    if verb == "RESET" and len(words) > 1 and words[1] in ("MASTER", "SLAVE", "REPLICA", "BINARY", "PERSIST"):
        return destroys(f"RESET {words[1]} throws away what replication knows")
    if verb in _READS:
        return reads(f"{verb} reads")
    return _changing(words, names)


def _explain(statement: _Statement, words: list[str]) -> Finding:
    at = 1
    while at < len(words) and words[at] in (
        "ANALYZE",
        "VERBOSE",
        "BUFFERS",
        "COSTS",
        "FORMAT",
        "JSON",
        "YAML",
        "TEXT",
        "XML",
        "TRUE",
        "FALSE",
        "ON",
        "OFF",
        ",",
        ")",
        "SETTINGS",
        "WAL",
        "TIMING",
        "SUMMARY",
        "QUERY",
        "PLAN",
        "EXTENDED",
        "PIPELINE",
        "PARTITIONS",
        "=",
    ):
        at += 1
    if "ANALYZE" not in words[:at] or at >= len(words):
        return reads("EXPLAIN reads")
    names = tuple(name for name in statement.names if name != "(")
    return _judge(_Statement(tuple(words[at:]), names[at:], statement.calls))


def _calls(statement: _Statement) -> Finding | None:
    if statement.words[0] not in ("SELECT", "WITH", "(", "VALUES"):
        return None
    for name in statement.calls:
        if _BLIND_CALLS.fullmatch(name):
            return cannot_tell(f"what {name}() runs cannot be told")
    for name in statement.calls:
        if _DESTROYING_CALLS.fullmatch(name.rpartition(".")[2]):
            return destroys(f"calls {name}()")
    for name in statement.calls:
        if _CHANGING_CALLS.fullmatch(name.rpartition(".")[2]) or _CHANGING_CALLS.fullmatch(name):
            return changes(f"calls {name}()")
    return None


def _changing(words: list[str], names: list[str]) -> Finding:
    verb = words[0]
    kind, name = _object(words, names)
    touches: Touches = ((kind, name),) if name else ()
    target = "" if "$" in name else name
    if verb in ("DROP", "TRUNCATE"):
        what = f"{kind} {name}".strip() if verb == "DROP" else f"every row of {name}"
        safer = f"\\d {name}" if verb == "DROP" and kind in ("table", "view", "index") else ""
        safer = f"SELECT count(*) FROM {name}" if verb == "TRUNCATE" else safer
        return destroys(f"{verb} takes away {what}", touches, safer=safer, target=target)
    if verb in ("DELETE", "UPDATE"):
        where = words.index("WHERE") if "WHERE" in words else 0
        condition = names[where + 1 :] if where else []
        bounded = bool(where) and " ".join(words[where + 1 :]) not in ("1 = 1", "TRUE", "1", "")
        safer = f"SELECT count(*) FROM {name}" + (f" WHERE {_sentence(condition)}" if where else "")
        if bounded:
            return changes(f"{verb} changes rows of {name}", touches, safer=safer, target=target)
        return destroys(f"{verb} reaches every row of {name}", touches, safer=safer, target=target)
    if (
        verb == "ALTER"
        and "DROP" in words
        and "TABLE" in words[:3]
        and "DEFAULT" not in words
        and "CONSTRAINT" not in words
    ):
        return destroys(f"takes a part of {name} away", touches, safer=f"\\d {name}", target=target)
    if (verb == "RESET" and "MASTER" in words) or verb == "PURGE":
        return destroys(f"{verb} takes away logs of changes", touches)
    if verb == "KILL":
        return changes(f"ends connection {name}", (("connection", name),), target=target)
    if verb in _CHANGES:
        return changes(f"{verb} {kind} {name}".strip(), touches, target=target)
    return cannot_tell(f"what {verb} does cannot be told", touches)


_KINDS = (
    "DATABASE",
    "SCHEMA",
    "TABLE",
    "INDEX",
    "VIEW",
    "USER",
    "ROLE",
    "KEYSPACE",
    "FUNCTION",
    "TRIGGER",
    "SEQUENCE",
    "TYPE",
    "EXTENSION",
    "PUBLICATION",
    "SUBSCRIPTION",
    "TABLESPACE",
    "SYSTEM",
    "SERVER",
    "POLICY",
    "COLUMN",
    "PROCEDURE",
    "SLOT",
    "EVENT",
    "DICTIONARY",
)
_FILLERS = names(
    "IF EXISTS NOT ONLY CONCURRENTLY MATERIALIZED UNIQUE OR REPLACE TEMPORARY TEMP LOW_PRIORITY IGNORE"
    " QUICK VERBOSE FULL FREEZE ANALYZE"
)


def _object(words: list[str], names: list[str]) -> tuple[str, str]:
    """What kind of thing a statement is about, and its name."""
    at = 1
    kind = "table"
    while at < len(words):
        if words[at] in _FILLERS or words[at] in ("INTO", "FROM", "ON", ")", "("):
            at += 1
        elif words[at] in _KINDS:
            kind = words[at].lower()
            at += 1
        else:
            break
    parts = []
    while at < len(words):
        parts.append(names[at].strip('"`') if not names[at].startswith("'") else names[at])
        if at + 1 < len(words) and words[at + 1] == "." and at + 2 < len(words):
            parts.append(".")
            at += 2
        else:
            break
    return kind, "".join(parts)


def _sentence(names: list[str]) -> str:
    return re.sub(r"\s+([,)])", r"\1", " ".join(names))


def _slash(text: str) -> Finding:
    if re.match(r"\\(i|ir|include\w*)\b", text):
        return cannot_tell("what the file holds cannot be told")
    if text.startswith("\\!"):
        return cannot_tell("runs a shell command out of the client")
    if re.match(r"\\copy\b", text):
        return changes("copies between the database and a file")
    if re.match(r"\\(password|o|out|g\b|lo_import|lo_export|e|ef|ev|lo_unlink)", text):
        return Finding(Level.CHANGES, f"{text.split()[0]} writes")
    if _SLASH_READS.fullmatch(text) and "`" not in text:
        return reads(f"{text.split()[0]} reads")
    return cannot_tell(f"{text.split()[0]} is not known here")
