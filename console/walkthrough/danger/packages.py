"""Package managers: what they install and remove, and the code that some of them run."""

from __future__ import annotations

import re

from console.walkthrough.danger.calls import Call
from console.walkthrough.danger.findings import (
    Bench,
    Finding,
    Rule,
    cannot_tell,
    changes,
    destroys,
    reads,
)
from console.walkthrough.danger.tools import Tool, flags, table

_PACKAGE_FLAGS = flags(
    ("-t -o -c -q --root --prefix --registry -r -e -i --index-url -C --target --enablerepo --disablerepo -p --cask"),
    "-y/--yes/--assumeyes -f --dry-run -s/--simulate/--just-print --no-install-recommends -g -D"
    " --save-dev -U --upgrade --user"
    " --only-upgrade --allow-downgrades --installed -qq -n",
)
_PACKAGE_VERBS = table(
    "list search show policy info check history repolist depends rdepends outdated view audit ls"
    " freeze why provides whatprovides"
    " repoquery deps config doctor tree env version help explain check-update changelog showpkg stats"
    " needs-restarting licenses --version bin metadata fmt"
    " cache+policy plugin+list services+list updateinfo",
    "install update upgrade add dist-upgrade full-upgrade reinstall downgrade get download build-dep"
    " source mark hold unhold refresh sync"
    " ci i init link publish test build run up tap services services+restart services+start cache"
    " makecache localinstall groupinstall"
    " module clean autoclean edit-sources satisfy fix distro-sync swap versionlock config-manager"
    " exec create bench check-fmt clippy doc generate pack deploy mod vet",
    "remove purge autoremove erase uninstall rm del unpublish untap autopurge services+stop un zap unlink yank",
)
_PACKAGES = {
    name: Tool(name, _PACKAGE_FLAGS, _PACKAGE_VERBS, {}, "package")
    for name in (
        "apt",
        "apt-get",
        "apt-cache",
        "aptitude",
        "yum",
        "dnf",
        "microdnf",
        "apk",
        "zypper",
        "brew",
        "snap",
        "pip",
        "pip3",
        "pipx",
        "npm",
        "yarn",
        "pnpm",
        "gem",
        "cargo",
        "go",
        "conda",
        "flatpak",
        "composer",
        "rustup",
        "apt-mark",
        "opkg",
    )
}
_RUNS_CODE = frozenset({"run", "test", "exec", "build", "deploy", "bench", "create", "generate"})


def packages(call: Call, bench: Bench) -> Finding:
    tool = _PACKAGES[call.words[0].text.rpartition("/")[2]]
    if any(word.literal in ("--dry-run", "-s", "--simulate", "--just-print") for word in call.arguments):
        return reads("only shows what it would do")
    verb = next((word for word in call.arguments if not word.start.startswith("-")), None)
    if verb is not None and verb.literal in _RUNS_CODE and tool.name not in ("apt", "brew", "go"):
        if tool.name == "cargo" and verb.text in ("build", "test", "bench"):
            return changes(f"cargo {verb.text} builds")
        return cannot_tell(f"what {tool.name} {verb.text} runs cannot be told")
    if tool.name == "go" and verb is not None and verb.literal in ("run", "generate"):
        return cannot_tell("what the program does cannot be told")
    return tool(call, bench)


def dpkg(call: Call, bench: Bench) -> Finding:
    """dpkg, rpm, pacman: the flag is the verb."""
    text = " ".join(word.start for word in call.arguments)
    program = call.words[0].text.rpartition("/")[2]
    removing = {"dpkg": r"-[rP]\b|--(remove|purge)", "rpm": r"-e|--erase", "pacman": r"-R"}[program]
    reading = {
        "dpkg": r"-[lLsSpVCI]|--(list|status|search|audit|get-selections|print|verify|info|contents)",
        "rpm": r"-q|-V|--query|--verify|-K|--eval|-E",
        "pacman": r"-Q|-Ss|-Si|-F",
    }[program]
    if re.search(removing, text):
        return destroys(f"{program} removes packages", safer="")
    return reads("shows packages") if re.search(reading, text) or not text else changes(f"{program} installs packages")


RULES: dict[str, Rule] = {
    **dict.fromkeys(_PACKAGES, packages),
    **dict.fromkeys(("dpkg", "rpm", "pacman"), dpkg),
}
