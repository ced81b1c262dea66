"""Placeholders of a runbook and the answers to them, as data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from console.core.runbooks.danger import Danger


class Form(Enum):
    """How a placeholder is written."""

    ANGLE = "<name>"
    DOUBLE_ANGLE = "<<NAME>>"
    MUSTACHE = "{{name}}"
    BRACE = "{name}"
    VARIABLE = "$NAME"
    WORD = "CHANGEME"


class Want(Enum):
    """What kind of value is asked for, told from the name and from where it stands; the value is the word shown."""

    TEXT = "text"
    NUMBER = "number"
    DURATION = "duration"
    URL = "URL"
    HOST = "host"
    PORT = "port"
    FILE = "file"
    VERSION = "version"
    NAMESPACE = "namespace"
    DEPLOYMENT = "deployment"
    POD = "pod"
    CONTAINER = "container"
    TENANT = "tenant"
    SECRET = "secret"


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One value that a person must give; the same for the whole run, however often and however spelt it stands there.

    name: the key it is remembered by: lower case words joined by `_` (`pod_name`); a variable keeps its own spelling
    (`POD_NAME`). written: as the file first has it (`<pod-name>`, `$POD_NAME`). steps: the numbers of the steps that
    need it, in order. default: offered, never taken by itself. choices: written in the placeholder (`<dev|prod>`);
    another value may be given.
    """

    name: str
    written: str
    form: Form
    want: Want
    steps: tuple[int, ...]
    default: str = ""
    choices: tuple[str, ...] = ()

    @property
    def secret(self) -> bool:
        """Whether it is asked masked and never stored."""
        return self.want is Want.SECRET


def line_with(placeholder: Placeholder, text: str) -> str:
    """The line of a step's text that needs the value, a comment only where no other does; empty where it is spelt in
    another way.
    """
    spelt = re.escape(placeholder.written) + (r"(?!\w)" if placeholder.written[-1:].isalnum() else "")
    lines = [line.strip() for line in text.splitlines() if re.search(spelt, line)]
    return next((line for line in lines if not line.startswith("#")), lines[0] if lines else "")


@dataclass(frozen=True, slots=True)
class Question:
    """A placeholder as the form shows it. value: the answer, empty while there is none; a secret's is never here.
    answered: whether there is one, secrets included. choices: from the live world, best first. fault: why the answer
    is not taken.
    """

    placeholder: Placeholder
    value: str = ""
    answered: bool = False
    choices: tuple[str, ...] = ()
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Assessment:
    """One step as it would run now.

    command: exactly what bash is given, values filled in, secrets by the name of a variable. digest: SHA-256 of it;
    starting the step takes it back, so that what was read is what runs. missing: placeholders without an answer.
    why_not: why it cannot run, with what to do; empty where it can. target: what a person must type before it runs;
    empty where nothing is asked. variables: names that are set by environment for it. folder: where it begins, an
    earlier step's `cd` included; empty where nobody has told.
    """

    step: int
    command: str
    digest: str
    danger: Danger
    missing: tuple[Placeholder, ...] = ()
    why_not: str = ""
    target: str = ""
    variables: tuple[str, ...] = ()
    folder: str = ""

    @property
    def runnable(self) -> bool:
        """Whether it can be started."""
        return not self.why_not
