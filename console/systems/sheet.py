"""A YAML file as tables with line numbers: every question about a value is answered, and every fault is collected."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from console.core.system import Secret
from console.core.units import UnitError, parse_duration
from console.systems.faults import BrokenFile, Fault, did_you_mean, nearest
from console.systems.yaml_text import compose, read_text

if TYPE_CHECKING:
    from yaml.nodes import Node

SECRET = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
SETTING = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*):-([^}]*)\}")
URL_WITH_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@")
SOUNDS_SECRET = re.compile(r"password|passwd|secret|token|api_?key|credential", re.IGNORECASE)

E = TypeVar("E", bound=Enum)


class Sheet:
    """One file being read. environ: where `${NAME:-text}` looks first. text: what is read instead of the file; after
    `root` what was read. begins: what such a file begins with, for an empty one.

    queries, commands: every PromQL and every shell command in it, with the line of its first line. settings: every
    setting that was looked up, with what the environment said, empty where it said nothing.
    """

    def __init__(
        self,
        path: Path,
        environ: Mapping[str, str],
        text: str | None = None,
        begins: str = "`name:` and `environments:`",
        *,
        journalled: bool = False,
    ) -> None:
        self.path = path
        self.environ = environ
        self.text = text
        self.begins = begins
        self.journalled = journalled
        self.faults: list[Fault] = []
        self.queries: list[tuple[int, str]] = []
        self.commands: list[tuple[int, str]] = []
        self.settings: dict[str, str] = {}

    def fault(self, line: int, wrong: str, right: str) -> None:
        """Note a fault and go on reading."""
        self.faults.append(Fault(self.path, line, wrong, right))

    def root(self) -> Node:
        """The file's top node. Raises BrokenFile where it cannot be read as YAML at all."""
        if self.text is None:
            self.text = read_text(self.path)
        node = compose(self.path, self.text)
        if node is None:
            raise BrokenFile([Fault(self.path, 1, "the file is empty", f"begin with {self.begins}")])
        self._scan(node)
        return node

    def setting(self, name: str, default: str) -> str:
        """What `${name:-default}` stands for; noted in `settings`."""
        self.settings[name] = self.environ.get(name, "")
        return self.settings[name] or default

    def _scan(self, root: Node) -> None:
        """Passwords in URLs and tags of one's own, wherever they stand; aliases are looked at once."""
        from yaml.nodes import MappingNode, ScalarNode, SequenceNode

        seen: set[int] = set()
        waiting: list[Node] = [root]
        while waiting:
            node = waiting.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            line = node.start_mark.line + 1
            if not node.tag.startswith("tag:yaml.org,2002:"):
                self.fault(line, f"the tag `{node.tag}` is not read", "write the plain value")
            if isinstance(node, ScalarNode) and URL_WITH_PASSWORD.search(node.value):
                self.fault(line, "a URL holds a password", "take it out; secrets come from `${NAME}` only")
            elif isinstance(node, SequenceNode):
                waiting.extend(node.value)
            elif isinstance(node, MappingNode):
                waiting.extend(part for pair in node.value for part in pair)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a list: `text`, or where it is empty a `table`."""

    line: int
    text: str
    table: Table | None


class Table:
    """One mapping of the file. where: what it is, for sentences (`environment \\`staging\\``). line: of its key.

    A question about a value that is missing or wrong notes the fault and returns a stand-in of the right type, so
    that reading goes on; what is built from it is thrown away, because a sheet with faults is refused as a whole.
    """

    def __init__(self, sheet: Sheet, node: Node, where: str, line: int, known: Sequence[str] | None) -> None:
        from yaml.nodes import MappingNode, ScalarNode

        self.sheet = sheet
        self.where = where
        self.at = line
        self._nodes: dict[str, Node] = {}
        self._lines: dict[str, int] = {}
        if not isinstance(node, MappingNode):
            right = f"write its keys below it, indented: {', '.join(f'`{key}`' for key in known or ('name',))}"
            sheet.fault(line, f"{where} {'has no value' if _is_empty(node) else 'is not a table of keys'}", right)
            return
        mistyped: dict[str, tuple[Node, int]] = {}
        for key_node, value in node.value:
            key_line = key_node.start_mark.line + 1
            key = key_node.value if isinstance(key_node, ScalarNode) else ""
            if not key:
                sheet.fault(key_line, f"{where} has a key that is not a word", "write `key: value`")
            elif key in self._nodes:
                wrong = f"{where} has `{key}` twice"
                sheet.fault(key_line, wrong, f"remove one; the first is in line {self._lines[key]}")
            elif known is not None and key not in known:
                self._unknown(key, key_line, known)
                mistyped[key] = value, key_line
            else:
                self._nodes[key] = value
                self._lines[key] = key_line

        self._take_for_meant(mistyped, known or ())

    def _take_for_meant(self, mistyped: Mapping[str, tuple[Node, int]], known: Sequence[str]) -> None:
        """Read on as if a mistyped key were the one meant, so that its fault hides no others and makes none."""
        for key, (value, line) in mistyped.items():
            meant = nearest(key, [name for name in known if name not in self._nodes], likeness=0.8)
            if meant is not None and not SOUNDS_SECRET.search(key):
                self._nodes[meant], self._lines[meant] = value, line

    def _unknown(self, key: str, line: int, known: Sequence[str]) -> None:
        wrong = f"{self.where} has no key `{key}`"
        if key == "<<":
            self.sheet.fault(line, f"{self.where} merges another table", "merge keys are not read; repeat the lines")
        elif SOUNDS_SECRET.search(key):
            right = "secrets are not written in files; " + did_you_mean(key, known, "the keys here")
            self.sheet.fault(line, wrong, right)
        else:
            self.sheet.fault(line, wrong, did_you_mean(key, known, "the keys here"))

    def __contains__(self, key: str) -> bool:
        return key in self._nodes

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def line(self, key: str) -> int:
        """The line of a key; the table's own where it is missing."""
        return self._lines.get(key, self.at)

    def value_line(self, key: str) -> int:
        """The line on which the text of a value begins; that of a block begins below its `|`."""
        from yaml.nodes import ScalarNode

        node = self._nodes.get(key)
        if not isinstance(node, ScalarNode):
            return self.line(key)
        return int(node.start_mark.line) + (2 if node.style in ("|", ">") else 1)

    def fault(self, key: str, wrong: str, right: str) -> None:
        """Note a fault at a key."""
        self.sheet.fault(self.line(key), wrong, right)

    def missing(self, key: str, example: str) -> None:
        """Note that a key is missing."""
        self.sheet.fault(self.at, f"{self.where} has no `{key}`", f"add `{key}: {example}`")

    def raw(self, key: str, example: str = "…") -> str | None:
        """The text of a scalar as written; None where the key is missing, or is no scalar (a fault)."""
        from yaml.nodes import ScalarNode

        node = self._nodes.get(key)
        if node is None:
            return None
        if not isinstance(node, ScalarNode):
            self.fault(key, f"`{key}` of {self.where} is not a single value", f"write `{key}: {example}`")
            return None
        if _is_empty(node) or not node.value.strip():
            self.fault(key, f"`{key}` of {self.where} has no value", f"write `{key}: {example}`, or remove it")
            return None
        return str(node.value).strip()

    def optional(self, key: str, example: str = "…") -> str | None:
        """The text of a setting with `${NAME:-text}` filled in; None where the key is missing."""
        text = self.raw(key, example)
        return None if text is None else self.expand(key, text)

    def text(self, key: str, example: str) -> str:
        """The text of a setting that must be there."""
        if key not in self:
            self.missing(key, example)
        return self.optional(key, example) or ""

    def expand(self, key: str, text: str) -> str:
        """`text` with `${NAME:-text}` filled in from the environment."""
        if found := SECRET.search(text):
            wrong = f"`{key}` of {self.where} refers to ${{{found[1]}}} as a secret, and it is not one"
            self.fault(key, wrong, f"write `${{{found[1]}:-what holds where the variable is not set}}`")
        for name, _default in SETTING.findall(text) if self.sheet.journalled else ():
            if SOUNDS_SECRET.search(name) or URL_WITH_PASSWORD.search(self.sheet.environ.get(name, "")):
                wrong = f"`{key}` of {self.where} takes ${{{name}}}, which is a secret, and plans are journalled"
                self.fault(key, wrong, "take it out; a shell command may read it from its environment")
        return SETTING.sub(lambda found: self.sheet.setting(found[1], found[2]), text)

    def reference(self, key: str, example: str) -> str | Secret | None:
        """A literal, or the Secret that `${NAME}` refers to."""
        text = self.raw(key, example)
        if text is None:
            return None
        found = SECRET.fullmatch(text)
        return Secret(found[1]) if found else self.expand(key, text)

    def secret(self, key: str, example: str) -> Secret | None:
        """A value that may only be `${NAME}`; what is written instead is never repeated."""
        text = self.raw(key, example)
        if text is None:
            return None
        if found := SECRET.fullmatch(text):
            return Secret(found[1])
        right = f"write `{key}: {example}` and put the value into the environment or a secrets file of mode 0600"
        self.fault(key, f"`{key}` of {self.where} is written in the file", right)
        return None

    def integer(self, key: str, default: int, least: int, most: int) -> int:
        """A whole number from `least` to `most`."""
        text = self.optional(key, str(default))
        return default if text is None else self.as_integer(key, text, default, least, most)

    def as_integer(self, key: str, text: str, default: int, least: int, most: int) -> int:
        """`text` as a whole number from `least` to `most`."""
        if re.fullmatch(r"[0-9]{1,12}", text) and least <= int(text) <= most:
            return int(text)
        right = f"write a whole number from {least} to {most}, such as `{key}: {default}`"
        self.fault(key, f"`{key}` of {self.where} is `{text}`", right)
        return default

    def truth(self, key: str) -> bool | None:
        """`true` or `false`; None where the key is missing."""
        text = self.raw(key, "true")
        if text is not None and text.lower() not in ("true", "false"):
            self.fault(key, f"`{key}` of {self.where} is `{text}`", "write `true` or `false`")
        return None if text is None else text.lower() == "true"

    def span(self, key: str, default: str, least: str, most: str) -> timedelta:
        """A length of time such as `15s` or `48h`, between `least` and `most`."""
        text = self.optional(key, default) or default
        shortest, longest = parse_duration(least), parse_duration(most)
        try:
            span = parse_duration(text)
        except UnitError as error:
            self.fault(key, f"`{key}` of {self.where}: {error.wrong}", f"write `{key}: {error.right or default}`")
            return parse_duration(default)
        if not shortest <= span <= longest:
            self.fault(key, f"`{key}` of {self.where} is {text}", f"write a time from {least} to {most}")
        return span

    def choice(self, key: str, choices: Mapping[str, E]) -> E:
        """One of a few words."""
        words = list(choices)
        text = self.text(key, words[0])
        if text and text not in choices:
            self.fault(key, f"`{key}` of {self.where} is `{text}`", did_you_mean(text, words, "one of"))
        return choices.get(text, choices[words[0]])

    def address(self, key: str, example: str, schemes: Sequence[str] = ("http", "https")) -> str | None:
        """A URL without a password; None where the key is missing."""
        text = self.raw(key, example)
        return None if text is None else self.as_address(key, text, example, schemes)

    def as_address(self, key: str, text: str, example: str, schemes: Sequence[str] = ("http", "https")) -> str:
        """`text` as a URL with one of `schemes` and a host."""
        url = self.expand(key, text)
        if URL_WITH_PASSWORD.search(url):
            if url != text:
                self.fault(key, f"the variable for `{key}` of {self.where} holds a password", "take it out of the URL")
            return example
        try:
            parts = urlsplit(url)
            good = (
                parts.scheme in schemes and bool(parts.hostname) and (parts.port is not None or parts.scheme != "tcp")
            )
        except ValueError:
            good = False
        if not good:
            kinds = " or ".join(f"{scheme}://" for scheme in schemes)
            self.fault(key, f"`{key}` of {self.where} is no address: `{url}`", f"write {kinds}…, such as `{example}`")
        return url

    def path(self, key: str, text: str) -> Path:
        """A path of the file: `~` is the home folder; a relative one is taken from the file's own folder."""
        return self.sheet.path.parent / self.home(key, text)

    def home(self, key: str, text: str) -> Path:
        """A path with `~` and `~user` filled in, otherwise as it is."""
        try:
            return Path(text).expanduser()
        except RuntimeError:
            self.fault(key, f"`{key}` of {self.where}: there is no home folder for `{text}`", "write the whole path")
            return Path("/")

    def is_single(self, key: str) -> bool:
        """Whether a key is there with a single value, and not with a table or a list."""
        from yaml.nodes import ScalarNode

        return isinstance(self._nodes.get(key), ScalarNode)

    def table(self, key: str, known: Sequence[str] | None) -> Table | None:
        """The mapping under a key; None where the key is missing. known: None where any key may be in it."""
        node = self._nodes.get(key)
        if node is None:
            return None
        return Table(self.sheet, node, f"`{key}` of {self.where}", self.line(key), known)

    def named(self, key: str, what: str, known: Sequence[str], names: re.Pattern[str]) -> Iterator[tuple[str, Table]]:
        """The named tables under a key, in the file's order. names: what a name may be."""
        node = self._nodes.get(key)
        if node is None:
            return
        outer = Table(self.sheet, node, f"`{key}` of {self.where}" if self.where != "the file" else f"`{key}`",
                      self.line(key), None)  # fmt: skip
        for name, value in outer._nodes.items():
            if not names.fullmatch(name):
                wrong = f"`{name}` cannot be the name of {what}"
                outer.fault(name, wrong, "use lower-case letters, digits and `_` or `-`, beginning with a letter")
            yield name, Table(self.sheet, value, f"{what} `{name}`", outer.line(name), known)

    def rows(self, key: str, what: str, known: Sequence[str]) -> list[Table]:
        """The list of tables under a key."""
        return [Table(self.sheet, node, what, node.start_mark.line + 1, known) for node in self._list(key)]

    def texts(self, key: str) -> list[tuple[str, int]]:
        """The list of texts under a key, each with its line; settings are not yet filled in."""
        from yaml.nodes import ScalarNode

        found: list[tuple[str, int]] = []
        for node in self._list(key):
            line = node.start_mark.line + 1
            if isinstance(node, ScalarNode) and not _is_empty(node):
                found.append((str(node.value).strip(), line))
            else:
                self.sheet.fault(
                    line,
                    f"an entry of `{key}` of {self.where} is not a text",
                    "write `- text`, in quotes where it has `: `",
                )
        return found

    def entries(self, key: str, what: str, known: Sequence[str]) -> list[Entry]:
        """The list under a key, whose entries are texts or tables; settings are filled in."""
        from yaml.nodes import MappingNode, ScalarNode

        found: list[Entry] = []
        for node in self._list(key):
            line = node.start_mark.line + 1
            if isinstance(node, MappingNode):
                found.append(Entry(line, "", Table(self.sheet, node, what, line, known)))
            elif isinstance(node, ScalarNode) and node.value.strip() and not _is_empty(node):
                found.append(Entry(line, self.expand(key, str(node.value).strip()), None))
            else:
                keys = ", ".join(f"`{name}`" for name in known)
                wrong = f"an entry of `{key}` of {self.where} is neither a text nor a table"
                self.sheet.fault(line, wrong, f"write `- text`, or the keys {keys}")
        return found

    def _list(self, key: str) -> list[Node]:
        from yaml.nodes import SequenceNode

        node = self._nodes.get(key)
        if node is None:
            return []
        if not isinstance(node, SequenceNode):
            self.fault(key, f"`{key}` of {self.where} is not a list", f"write `{key}:` and below it lines with `- `")
            return []
        return list(node.value)


def _is_empty(node: Node) -> bool:
    """Whether a key was written without a value."""
    return node.tag == "tag:yaml.org,2002:null"
