"""Tools of databases, queues, monitoring and supervisors, as tables."""

from __future__ import annotations

from dataclasses import replace

from console.core.runbooks.danger import Level
from console.walkthrough.danger.calls import Call
from console.walkthrough.danger.findings import (
    Bench,
    Finding,
    Rule,
    changes,
    destroys,
    joined,
    pairs,
    reads,
)
from console.walkthrough.danger.tools import (
    Tool,
    by_last_flag,
    flags,
    plain_tool,
    table,
)
from console.walkthrough.danger.words import read_flags, shown

PATRONI_FLAGS = (
    "-c/--config-file -d/--dcs-url/--dcs -k/--insecure --role -r -f/--format --candidate"
    " --leader/--master/--primary --scheduled --group --reason -s/--set -p/--pg -m/--member"
    " -U/--username -C/--command --time -w --watch"
)


def patronictl(call: Call, bench: Bench) -> Finding:
    """patronictl: `list` and its kin read; what moves or stops a primary takes it away for a while."""
    tool = plain_tool(
        "patronictl",
        PATRONI_FLAGS.replace(" -k/--insecure", ""),
        "-k --insecure --force --any -e/--extended -t/--timestamp -W --wait --no-wait",
        {},
        "cluster",
        "list show-config history version topology dsn",
        "reload restart pause resume edit-config scaffold configure query flush",
        "failover switchover remove reinit demote-cluster promote-cluster",
    )
    found = tool(call, bench)
    if found.level.asks and found.level is not Level.UNKNOWN:
        verb = next((word for word in call.words[1:] if word.literal in tool.verbs), None)
        if verb is not None:
            at = call.words.index(verb)
            names = [word for word in call.words[at + 1 : at + 2] if not word.start.startswith("-")]
            return replace(found, safer=f"{shown(call.words[:at])} list {shown(names)}".strip())
    return found


def pg_restore(call: Call, bench: Bench) -> Finding:
    """pg_restore: into a database, into a file, or to its output; `--clean` drops what is there before."""
    given, _ = read_flags(
        call.arguments,
        flags(
            "-d/--dbname -f/--file -F/--format -h/--host -p/--port -U/--username -n/--schema -t/--table -j/--jobs"
            " -L/--use-list -I/--index -P/--function -T/--trigger -N/--exclude-schema --role --section -S/--superuser",
            "-c/--clean -l/--list -C/--create -O/--no-owner -x/--no-privileges -v/--verbose -1 -a -s -e -W -w"
            " --if-exists --no-acl",
        ),
    )
    base = given.value("-d")
    touches = joined(pairs("host", given.values("-h")), pairs("database", [base]), pairs("file", given.operands))
    if given.has("-l", "--version", "--help"):
        return reads("lists what a dump holds", touches)
    if base is None:
        outs = [word for word in given.values("-f") if word.text != "-"]
        return changes(f"writes {shown(outs)}", touches, target=outs[0].literal) if outs else reads("prints", touches)
    if given.may("-c", "--clean"):
        return destroys(f"drops what stands in {base.text} and restores it", touches, target=base.literal)
    return changes(f"restores into {base.text}", touches, target=base.literal)


_SUPERVISOR = (
    "status tail avail pid version maintail help logs list info check show",
    (
        "start restart reload update reread add fg signal hup usr1 usr2 monitor unmonitor reload-all save"
        " startup gracefulReload scale"
    ),
    "stop shutdown remove delete kill clear quit",
)

RULES: dict[str, Rule] = {
    "patronictl": patronictl,
    "gitlab-patronictl": patronictl,
    "pgbackrest": plain_tool(
        "pgbackrest",
        (
            "--stanza --config --type --target --repo --log-level-console --pg1-path --set --output"
            " --delta-path --db-include --process-max"
        ),
        "--delta --force --no-online --archive-check",
        {"--stanza": "stanza"},
        "",
        "info check verify version help repo-ls repo-get manifest",
        "backup stanza-create stanza-upgrade archive-push archive-get start annotate",
        "restore expire stop stanza-delete repo-rm",
    ),
    "wal-g": plain_tool(
        "wal-g",
        "--config",
        "--json --pretty",
        {},
        "",
        "backup-list backup-show wal-show wal-verify st",
        "backup-push wal-push wal-fetch backup-mark copy",
        "backup-fetch delete",
    ),
    "barman": plain_tool(
        "barman",
        "-c --config",
        "-q -d",
        {},
        "server",
        (
            "check list-backup list-backups list-server list-servers show-backup show-server status"
            " list-files diagnose replication-status verify-backup"
        ),
        "backup cron switch-wal switch-xlog receive-wal archive-wal keep sync-info",
        "recover delete restore",
    ),
    "repmgr": plain_tool(
        "repmgr",
        "-f/--config-file -h -d -U --upstream-node-id --node-id",
        "--dry-run --force -F --verbose --csv",
        {},
        "",
        (
            "cluster+show cluster+matrix cluster+crosscheck cluster+event node+status node+check"
            " service+status daemon+status"
        ),
        (
            "primary+register standby+register standby+clone standby+follow node+rejoin service+pause"
            " service+unpause cluster+cleanup"
        ),
        "standby+promote standby+switchover primary+unregister standby+unregister",
    ),
    "pg_ctl": plain_tool(
        "pg_ctl",
        "-D/--pgdata -l/--log -m/--mode -o -t/--timeout -p -U",
        "-w -W -s -c",
        {"-D": "path"},
        "",
        "status",
        "start restart reload initdb init logrotate register",
        "stop promote kill unregister",
    ),
    "pg_ctlcluster": by_last_flag(r"\bstatus\b", r"\b(stop|promote)\b"),
    "mysqladmin": Tool(
        "mysqladmin",
        flags("-h/--host -P/--port -u/--user -S/--socket --defaults-file -i -c", "-p/--password -v -r"),
        table(
            "ping status processlist version variables extended-status",
            (
                "create kill flush-hosts flush-logs flush-privileges flush-status flush-tables flush-threads"
                " refresh reload password start-slave start-replica debug"
            ),
            "shutdown drop stop-slave stop-replica",
        ),
        {"-h": "host"},
        "database",
    ),
    "nodetool": Tool(
        "nodetool",
        flags("-h/--host -p/--port -u/--username -pw", "-r -T"),
        table(
            (
                "status info ring describecluster tpstats compactionstats netstats gossipinfo cfstats tablestats"
                " tablehistograms cfhistograms proxyhistograms getendpoints describering version gettimeout"
                " getcompactionthroughput getstreamthroughput getlogginglevels toppartitions failuredetector"
                " listsnapshots statusbinary statusgossip statusbackup gcstats clientstats viewbuildstatus"
                " getconcurrentcompactors getseeds repair_admin"
            ),
            (
                "repair flush compact cleanup snapshot enablegossip enablebinary enablehandoff"
                " setcompactionthroughput setstreamthroughput setlogginglevel refresh rebuild scrub"
                " upgradesstables enableautocompaction disableautocompaction reloadlocalschema resumehandoff"
                " pausehandoff settimeout setconcurrentcompactors garbagecollect import rebuild_index"
                " invalidatekeycache invalidaterowcache enablebackup disablebackup move"
            ),
            (
                "drain decommission removenode assassinate clearsnapshot stopdaemon disablegossip disablebinary"
                " truncatehints disablehandoff stop"
            ),
        ),
        {"-h": "host"},
        "table",
    ),
    "ceph": by_last_flag(
        (
            r"^(-s|-w|-v|status|health|df|report|versions?|quorum_status|log last|(osd|mon|mds|mgr|pg|fs|auth"
            r"|config|device|orch|crash|balancer|time-sync-status|node|service|features|insights"
            r"|telemetry)\s+(\S+\s+)?(tree|stat|status|df|ls\S*|dump\S*|get\S*|find|metadata|perf|list\S*|info"
            r"|show\S*|ps|host ls|services|module ls|query|map|count-metadata|ok-to-stop|safe-to-destroy"
            r"|utilization|versions|blocked-by|host))\b|^osd (pool (ls|get|stats|autoscale-status)|crush (tree"
            r"|rule (ls|dump)))|^tell \S+ (version|dump\S*|perf|config (show|get))|^daemon \S+ (perf"
            r"|config (show|get)|dump\S*|status|ops|session)|^pg \S+ query"
        ),
        (
            r"\b(rm|purge|destroy|delete|remove|out|down|lost|purge-new|zap|fail|mark_unfound_lost|stop"
            r"|purged_snaps_scrub|reset|scrap)\b"
        ),
    ),
    "rbd": by_last_flag(
        (
            r"^(ls|list|info|du|status|showmapped|snap (ls|list)|lock (ls|list)|device list|trash ls"
            r"|mirror .*(status|info))"
        ),
        r"\b(rm|remove|purge|rollback|flatten)\b",
    ),
    "rados": by_last_flag(
        r"\b(lspools|df|ls|stat|get|list-inconsistent\S*|listomapkeys|getomapval|listxattr|listwatchers)\b",
        r"\b(rm|purge|rmpool|cleanup)\b",
    ),
    "radosgw-admin": by_last_flag(
        r"\b(list|info|stats|status|show|check(?!.*--fix)|ls|get)\b", r"\b(rm|unlink|purge|remove|trim)\b"
    ),
    "gluster": by_last_flag(
        r"\b(status|info|list|heal \S+ info|get|history)\b", r"\b(delete|detach|remove-brick|stop|reset)\b"
    ),
    "elasticdump": by_last_flag("--help"),
    "elasticsearch-node": by_last_flag("--help", "."),
    **dict.fromkeys(
        ("pg_dump", "pg_dumpall", "mysqldump", "mariadb-dump"),
        by_last_flag(
            (
                r"^(?!.*(^|\s)(-\w*f|--file|--result-file|-r|--tab|--flush-logs|--master-data=1"
                r"|--delete-source-logs|--delete-master-logs)).*$"
            ),
            "--delete-(source|master)-logs",
        ),
    ),
    **dict.fromkeys(
        (
            "mongodump",
            "mongoexport",
            "redis-benchmark",
            "pgbench",
            "pg_basebackup",
            "createdb",
            "createuser",
            "vacuumdb",
            "reindexdb",
            "clusterdb",
            "pg_upgrade",
            "initdb",
            "mongoimport",
            "mysqlimport",
            "mysqlcheck",
            "mysql_upgrade",
            "xtrabackup",
            "mariabackup",
            "pgloader",
            "pg_rewind_dry",
        ),
        by_last_flag("--help|--version"),
    ),
    **dict.fromkeys(
        (
            "pg_isready",
            "pg_controldata",
            "pg_lsclusters",
            "pg_waldump",
            "pg_config",
            "pgmetrics",
            "pg_top",
            "pg_activity",
            "mongostat",
            "mongotop",
            "mytop",
            "innotop",
            "redis-check-aof-ro",
            "pt-query-digest",
            "pt-summary",
            "pt-mysql-summary",
            "postgres-version",
            "pg_amcheck",
            "pg_test_fsync",
        ),
        by_last_flag(""),
    ),
    **dict.fromkeys(
        ("dropdb", "dropuser", "pg_resetwal", "pg_rewind", "pg_dropcluster", "pg_archivecleanup", "mongorestore-drop"),
        by_last_flag("--help|--version|--dry-run", r"^(?!.*(--help|--version|--dry-run)).*$"),
    ),
    "pg_restore": pg_restore,
    "mongorestore": by_last_flag("--dryRun|--help", "--drop"),
    "redis-check-aof": by_last_flag("^(?!.*--fix).*$"),
    "redis-check-rdb": by_last_flag("."),
    "redis-sentinel": by_last_flag("--version"),
    "redis-server": by_last_flag("--version|-v"),
    "pgbouncer": by_last_flag("--version|-V"),
    "supervisorctl": plain_tool("supervisorctl", "-c -s -u -p", "", {}, "program", *_SUPERVISOR),
    "pm2": plain_tool("pm2", "--lines -i", "--nostream", {}, "process", *_SUPERVISOR),
    "monit": plain_tool(
        "monit",
        "-c -g",
        "",
        {},
        "program",
        "status summary validate report -V procmatch",
        "start restart monitor unmonitor reload",
        "stop quit",
    ),
    "gitlab-ctl": plain_tool(
        "gitlab-ctl",
        "",
        "",
        {},
        "service",
        (
            "status tail service-list show-config diff-config get-redis-master check-redis-cluster"
            " patroni+members pgb-console help repmgr+cluster+show"
        ),
        (
            "start restart reconfigure hup usr1 usr2 int once backup-etc deploy-page pgb-notify"
            " renew-le-certs upgrade-check pg-upgrade patroni+reload patroni+restart patroni+pause"
            " patroni+resume promote-db set-replication-password registry-garbage-collect check-config"
        ),
        (
            "stop kill graceful-kill term uninstall cleanse remove-accounts patroni+failover"
            " patroni+switchover patroni+reinitialize-replica promote replicate-geo-database"
            " revert-pg-upgrade"
        ),
    ),
    "weaver": plain_tool(
        "weaver",
        (
            "-r/--registry -o/--output -t/--templates --skip-policies -p/--policy -s --diagnostic-format"
            " --input-source --inactivity-timeout --format --otlp-grpc-address --admin-port"
            " --baseline-registry"
        ),
        "--debug --quiet -q --future --no-stream -v",
        {},
        "",
        (
            "registry+check registry+live-check registry+resolve registry+stats registry+search registry+diff"
            " registry+json-schema registry+mcp diagnostic completion check"
        ),
        "registry+generate registry+update-markdown registry+emit diagnostic+init",
        "",
    ),
    "locust": by_last_flag("--version|--list"),
    **dict.fromkeys(
        ("k6", "wrk", "ab", "hey", "vegeta", "siege", "artillery"),
        by_last_flag(r"^(version|--version|-V|inspect|archive)"),
    ),
}
