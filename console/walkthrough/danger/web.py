"""Requests over the network: curl, wget, httpie, netcat."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from console.walkthrough.danger.calls import Call
from console.walkthrough.danger.files import overwrite
from console.walkthrough.danger.findings import (
    READING,
    Bench,
    Finding,
    Rule,
    Touches,
    cannot_tell,
    changes,
    destroys,
    pairs,
    reads,
    worst,
)
from console.walkthrough.danger.tools import flags
from console.walkthrough.danger.words import Word, read_flags, shown

_CURL = flags(
    "-X/--request -d/--data --data-raw --data-binary --data-urlencode --data-ascii --json -F/--form"
    " --form-string -T/--upload-file"
    " -o/--output -H/--header -u/--user -A/--user-agent -e/--referer -b/--cookie -c/--cookie-jar"
    " -m/--max-time -w/--write-out"
    " -x/--proxy -E/--cert --key --cacert --capath --connect-timeout --retry --retry-delay"
    " --retry-max-time --resolve -r/--range"
    " -K/--config -D/--dump-header -C/--continue-at --url --unix-socket --interface --limit-rate"
    " -U/--proxy-user --cert-type"
    " --ciphers --connect-to --dns-servers --max-redirs --noproxy --output-dir --pass --socks5"
    " --socks5-hostname -Q/--quote"
    " --stderr --trace --trace-ascii -y -Y -z --tlsv1 --aws-sigv4 --oauth2-bearer --request-target"
    " --url-query --proto --abstract-unix-socket",
    "-s/--silent -S/--show-error -L/--location -k/--insecure -f/--fail -i/--include -I/--head"
    " -v/--verbose -G/--get -O/--remote-name"
    " -J/--remote-header-name -g/--globoff -N/--no-buffer -4/--ipv4 -6/--ipv6 -#/--progress-bar"
    " -n/--netrc -q --compressed"
    " --http1.1 --http2 --http3 -1 -2 -3 -0 -a -j -l -p -B -M -R -Z --fail-with-body"
    " --retry-connrefused --retry-all-errors"
    " --tlsv1.2 --tlsv1.3 --create-dirs --ntlm --negotiate --basic --digest --location-trusted --ssl"
    " --ssl-reqd --no-keepalive"
    " --remote-name-all --path-as-is --parallel --no-progress-meter --raw --tcp-nodelay --http1.0"
    " --http2-prior-knowledge --anyauth",
)
# Posts that only ask: searches and queries of servers known for it.
_ASKS = re.compile(
    r"/(_search|_count|_msearch|_analyze|_explain|_validate/query|_cluster/allocation/explain|_sql"
    r"|graphql|_field_caps|_mget|_bulk_get)"
    r"(\b|/|\?|$)|/api/v1/(query|query_range|series|labels)\b|/loki/api/v1/query",
)
_DESTROYING_PATHS = re.compile(
    r"/(_delete_by_query|delete_series|clean_tombstones|_close|-/quit|quitquitquit|shutdown|drop|truncate|flushall)\b",
    re.I,
)
_LOSES_DATA = re.compile(r"accept_data_loss\W+true|allocate_(empty|stale)_primary|\"replicas\"\s*:\s*0\b")
_CHANGING_PATHS = re.compile(r"/-/reload|/actuator/(refresh|restart)|/reload\b", re.I)


def curl(call: Call, bench: Bench) -> Finding:
    """GET and HEAD read; DELETE destroys; other methods and bodies change; a file named to write to is written."""
    given, _ = read_flags(call.arguments, _CURL)
    urls = [*given.values("--url"), *given.everything]
    touches = places(urls)
    if given.has("--version", "--help") or not call.arguments:
        return reads("prints its help")
    found = [
        *(
            changes(f"writes {word.text}", pairs("file", [word]), target=word.literal)
            for word in given.values("-o", "-D", "-c")
            if word.text not in ("/dev/null", "-", "/dev/stdout", "/dev/stderr") and not word.own
        )
    ]
    if given.may("-O"):
        found.append(changes("writes a file named as on the server", touches))
    if given.may("-K"):
        found.append(cannot_tell("what its config file asks for cannot be told", pairs("file", given.values("-K"))))
    body = given.may(
        "-d", "--data-raw", "--data-binary", "--data-urlencode", "--data-ascii", "--json", "-F", "--form-string"
    )
    method = given.value("-X")
    if method is not None and not method.known:
        found.append(cannot_tell(f"which method {method.text} is cannot be told", touches))
    verb = (
        method.text.upper()
        if method
        else "PUT"
        if given.may("-T")
        else "POST"
        if body and not given.has("-G")
        else "GET"
    )
    if any(_LOSES_DATA.search(word.text) for word in given.values("-d", "--data-raw", "--data-binary", "--json")):
        found.append(destroys("its body accepts that data is lost", touches))
    if given.may("-Q"):
        found.append(cannot_tell("what it tells the server to do cannot be told", touches))
    found.append(_request(verb, urls, touches, call, given.may("-X")))
    return worst(found)


def _request(verb: str, urls: Sequence[Word], touches: Touches, call: Call, named: bool) -> Finding:
    where = ", ".join(word.text for word in urls[:1]) or "a server"
    target = next((name for kind, name in touches if kind == "host" and "$" not in name), "")
    if verb == "DELETE":
        safer = ""
        if named:
            safer = re.sub(r"(-X\s*|--request[= ]\s*)'?DELETE'?", r"\1GET", shown(call.words))
        last = re.split(r"[/?]", urls[0].literal.rstrip("/"))[-1] if urls and urls[0].literal else ""
        return destroys(f"asks to delete {where}", touches, safer=safer, target=last or target)
    if verb not in ("GET", "HEAD", "OPTIONS", "PROPFIND", "TRACE"):
        if any(_DESTROYING_PATHS.search(word.text) for word in urls):
            return destroys(f"{verb} {where}", touches, target=target)
        if verb == "POST" and urls and all(_ASKS.search(word.text) for word in urls):
            return reads(f"asks {where}", touches)
        return changes(f"{verb} {where}", touches, target=target)
    return reads(f"asks {where}", touches)


def places(urls: Sequence[Word]) -> Touches:
    """Hosts and ports of addresses, without names and passwords."""
    found: list[tuple[str, str]] = []
    for word in urls:
        text = word.text if "://" in word.text else f"//{word.text}"
        try:
            parts = urlsplit(text)
            host, port = parts.hostname or "", parts.netloc.rpartition("@")[2].partition(":")[2]
        except ValueError:
            host, port = "", ""
        host = (
            host if host and host in parts.netloc else parts.netloc.rpartition("@")[2].partition(":")[0] if host else ""
        )
        found += [("host", host), ("port", port)]
    return tuple(dict.fromkeys(pair for pair in found if pair[1]))


def wget(call: Call, bench: Bench) -> Finding:
    given, _ = read_flags(
        call.arguments,
        flags(
            "-O/--output-document -o/--output-file -P/--directory-prefix -T/--timeout -t/--tries --header"
            " --post-data --post-file"
            " --method --body-data --body-file -U --user --password -a -w -i --ca-certificate --certificate"
            " --private-key -e",
            (
                "-q/--quiet -S/--server-response -c -N -r -v -nv -nc --spider --no-check-certificate --no-verbose"
                " -k -p -m -x -d"
            ),
        ),
    )
    touches = places(given.everything)
    method = given.value("--method")
    verb = method.text.upper() if method else "POST" if given.may("--post-data", "--post-file") else "GET"
    found = (
        [_request(verb, given.everything, touches, call, False)]
        if method is None or method.known
        else [cannot_tell("which method it uses cannot be told", touches)]
    )
    outs = given.values("-O")
    # `-qO-` bundles the file's name.
    if given.has("--spider") or (
        outs and all(word.text in ("-", "/dev/null", "/dev/stdout") or word.own for word in outs)
    ):
        return worst(found)
    if given.has("--help", "--version"):
        return READING
    found.append(changes("writes a file", (*touches, *pairs("file", outs)), target=outs[0].literal if outs else ""))
    return worst(found)


def httpie(call: Call, bench: Bench) -> Finding:
    given, _ = read_flags(
        call.arguments,
        flags("-a --auth -o/--output --timeout --session -p", "-v -h -b -d/--download -f -j -F --verify"),
    )
    words = given.everything
    verb = words[0].text if words and re.fullmatch(r"[A-Z]+", words[0].text) else ""
    rest = words[1:] if verb else words
    if words and not words[0].known and words[0].whole and len(words) > 1:
        return cannot_tell("which method it uses cannot be told")
    if not verb:
        verb = "POST" if any(re.search(r"(?<!=)(:=|=)(?!=)", word.text) for word in rest[1:]) or call.feed else "GET"
    return worst([_request(verb, rest[:1], places(rest[:1]), call, False), overwrite(given.values("-o"))])


def netcat(call: Call, bench: Bench) -> Finding:
    given, _ = read_flags(
        call.arguments,
        flags(
            "-w -p -s -x -X -i -q -e -c -P -I -O -T -m -g -G --wait",
            "-z -v -n -u -l -k -N -4 -6 -U -d -t -D -r -C -h --send-only",
        ),
    )
    touches = tuple(zip(("host", "port"), (word.text for word in given.operands), strict=False))
    if given.may("-e", "-c"):
        return cannot_tell("lets others run a program here", touches)
    if given.has("-z", "-h"):
        return reads("looks whether a port answers", touches)
    text = call.feed.text.literal.strip() if call.feed and call.feed.text else ""
    if (
        call.feed
        and re.fullmatch(
            (
                r"(ruok|stat|mntr|conf|srvr|isro|cons|dump|wchs|envi|stats|version|PING|INFO( \w+)?|quit"
                r"|show (info|stat|servers state|errors|sess|table)[^;]*|QUIT|EHLO [\w.]+|\s)*"
            ),
            text,
        )
        and call.feed.text
    ):
        return reads("asks a server", touches)
    if given.may("-l"):
        return changes("listens on a port", touches)
    return cannot_tell("what a server makes of what is sent to it cannot be told", touches)


RULES: dict[str, Rule] = {
    "curl": curl,
    "wget": wget,
    "http": httpie,
    "https": httpie,
    "xh": httpie,
    **dict.fromkeys(("nc", "ncat", "netcat", "socat", "telnet"), netcat),
}
