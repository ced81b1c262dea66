"""What the console and its libraries warn of, in a file: written to the terminal it would run over the screen."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

NAME = "console.log"
LARGEST = 1024 * 1024


def keep_log(folder: Path) -> None:
    """Send warnings of this process to `folder`/console.log, of at most two files of a megabyte; to nowhere where that
    cannot be written.
    """
    root = logging.getLogger()
    for before in tuple(root.handlers):
        if isinstance(before, RotatingFileHandler | logging.NullHandler):
            root.removeHandler(before)
    handler: logging.Handler
    try:
        path = folder / NAME
        path.touch(mode=0o600, exist_ok=True)
        handler = RotatingFileHandler(path, maxBytes=LARGEST, backupCount=1, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(threadName)s %(message)s"))
    except OSError:
        handler = logging.NullHandler()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    # A full disk must not make the logging itself write to the terminal.
    logging.raiseExceptions = False
