"""The one thread that owns OpenGL: pictures are rendered there while the simulation waits for other processes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")


class RenderThread:
    """Runs rendering jobs one after the other; remembers the last one. Use as a context manager.

    An OpenGL context belongs to the thread that made it, so renderers are made, used and closed in jobs.
    MuJoCo lets other threads run while it draws.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="render")
        self._last: Future[Any] | None = None

    def submit(self, job: Callable[[], T]) -> Future[T]:
        """Queue a job."""
        future = self._executor.submit(job)
        self._last = future
        return future

    def finish(self) -> None:
        """Wait for everything queued so far; an error of the last job is raised here."""
        if self._last is not None:
            self._last.result()

    def __enter__(self) -> RenderThread:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._executor.shutdown(wait=True)
