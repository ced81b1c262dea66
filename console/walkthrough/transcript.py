"""What a block printed, kept in a file of its own for whoever looks later."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

LARGEST = 10_000_000


class Transcript:
    """A new file of mode 0600 in a folder of mode 0700, at most 10 MB long. Raises OSError when it is made, not later.

    error: why writing failed in the middle, else None; the command goes on without its transcript.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        self.error: str | None = None
        self.truncated = False
        self._file: IO[str] = os.fdopen(handle, "w", encoding="utf-8", errors="replace")
        self._left = LARGEST

    def write(self, line: str) -> None:
        """Add a line; once the file is full or broken, nothing more."""
        if self.error is not None or self.truncated:
            return
        self._left -= len(line) + 1
        try:
            if self._left < 0:
                self.truncated = True
                self._file.write("… the rest was not kept: a transcript holds 10 MB\n")
            else:
                self._file.write(line + "\n")
        except OSError as error:
            self.error = error.strerror or type(error).__name__

    def close(self, last: str) -> None:
        """Add the last line, whatever the length, and see it onto the disk."""
        try:
            self._file.write(last + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            self.error = self.error or error.strerror or type(error).__name__
        finally:
            try:
                self._file.close()
            except OSError as error:
                self.error = self.error or error.strerror or type(error).__name__
