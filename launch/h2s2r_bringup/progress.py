"""Progress of a stage on the terminal: a moving bar, or plain lines when nobody can see it move."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any, TextIO

PLAIN_INTERVAL_S = 5.0
"""Plain lines no more often than this, so that a log file stays readable."""


class StageProgress:
    """Shows one stage at work; remembers when the stage began and what it said last.

    Use as a context manager around the stage and call it (or `update`) from inside.

    Args:
        title: What the stage does, in a few words.
        stream: Where to write; standard error by default, so that figures on standard output stay clean.
    """

    def __init__(self, title: str, stream: TextIO | None = None) -> None:
        self.title = title
        self._stream = stream or sys.stderr
        self._started = time.monotonic()
        self._last_line = self._started
        self._bar: Any = None
        self._bar_task: Any = None

    def __enter__(self) -> StageProgress:
        """Start the clock and, on a terminal, the bar."""
        self._started = self._last_line = time.monotonic()
        if self._stream.isatty():
            self._bar = _terminal_bar(self._stream)
            self._bar_task = self._bar.add_task(self.title, total=None, note="")
            self._bar.start()
        else:
            self._line("...")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away and say how long the stage took, or that it stopped."""
        if self._bar is not None:
            self._bar.stop()
        self._line(f"done in {self.seconds:.1f} s" if kind is None else f"stopped after {self.seconds:.1f} s")

    @property
    def seconds(self) -> float:
        """Wall time since the stage began, s."""
        return time.monotonic() - self._started

    def update(self, fraction: float, note: str = "") -> None:
        """Show how far the stage is.

        Args:
            fraction: Part of the work done, 0 to 1.
            note: What is happening, a few words.
        """
        if self._bar is not None:
            self._bar.update(self._bar_task, completed=100.0 * fraction, total=100.0, note=note)
        elif time.monotonic() - self._last_line >= PLAIN_INTERVAL_S:
            self._line(f"{100.0 * fraction:3.0f} % {note}".rstrip())

    def say(self, text: str) -> None:
        """Show a line that stays, above the bar if there is one."""
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            self._line(text)

    def _line(self, text: str) -> None:
        self._last_line = time.monotonic()
        print(f"{self.title}: {text}", file=self._stream, flush=True)


def _terminal_bar(stream: TextIO) -> Any:
    from rich.console import Console, RenderableType
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.text import Text

    class BarAndNote(Progress):
        """The note gets a line of its own: training has much to say."""

        def get_renderables(self) -> Iterable[RenderableType]:
            yield self.make_tasks_table(self.tasks)
            for task in self.tasks:
                if task.fields["note"]:
                    yield Text("  " + task.fields["note"], style="dim")

    return BarAndNote(
        TextColumn("[bold]{task.description}"),
        BarColumn(bar_width=28),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        console=Console(file=stream),
        transient=True,
    )
