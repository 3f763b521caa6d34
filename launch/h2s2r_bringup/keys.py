"""Single keys from the terminal, without Enter and without waiting."""

from __future__ import annotations

import os
import select
import sys
from types import TracebackType
from typing import Any, TextIO


class Keys:
    """Use in a `with` statement; the terminal is as it was afterwards. Where there is no terminal, no key comes."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdin
        self._before: list[Any] | None = None

    @property
    def available(self) -> bool:
        """Whether anybody can press one."""
        return self._before is not None

    def pressed(self) -> str:
        """The next key, or an empty text when none was pressed."""
        if self._before is None or not select.select([self._stream], [], [], 0.0)[0]:
            return ""
        # Not by the stream, which would read ahead what `select` then no longer sees.
        return os.read(self._stream.fileno(), 1).decode(errors="replace")

    def __enter__(self) -> Keys:
        if self._stream.isatty():
            import termios
            import tty

            self._before = termios.tcgetattr(self._stream)
            tty.setcbreak(self._stream.fileno(), termios.TCSANOW)  # a key pressed early counts
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            import termios

            termios.tcsetattr(self._stream, termios.TCSADRAIN, self._before)
            self._before = None
