"""What a file itself shows to be a program, or a variable that is used: told from all of its blocks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from console.walkthrough.reading.attributes import language_of
from console.walkthrough.reading.fences import SCRIPTS

if TYPE_CHECKING:
    from markdown_it.token import Token

FIRST_WORD = re.compile(r"(?:\$ )?(?:sudo )?([a-z][\w.-]{1,30})[ \t]+[\w.\"'$/-]")
USES = re.compile(r"\$\{?([A-Za-z_]\w*)")


class Names:
    """The names in a document's blocks; each kind is looked for when it is first asked for."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._blocks = [token for token in tokens if token.type in ("fence", "code_block")]

    @cached_property
    def programs(self) -> frozenset[str]:
        """Programs that blocks labelled as scripts call first."""
        scripts = (token for token in self._blocks if token.info and language_of(token.info) in SCRIPTS)
        found = (FIRST_WORD.match(token.content.lstrip()) for token in scripts)
        return frozenset(match[1] for match in found if match)

    @cached_property
    def variables(self) -> frozenset[str]:
        """Variables that are used: what sets one of them is a step."""
        return frozenset(name for token in self._blocks for name in USES.findall(token.content))
